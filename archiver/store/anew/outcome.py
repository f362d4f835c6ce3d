"""What reading an article once more came to, as it goes from the process that reads to the one that writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archiver.fields import LATEST
from archiver.items import Article

SEEN = ("revision", "meaning_digest", "capture_id", "extractor", "read_at", *LATEST)
"""The columns of an article by which it is seen that a crawl has written it meanwhile."""


def seen(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in SEEN)


@dataclass(frozen=True, slots=True)
class Version:
    """A version that was read. `article` is what it says now, None where that is what is stored, to the letter.

    `before`: what is stored; `differs`: the fields whose values differ. `evidence` and `extractor` are to be stored
    beside it; `extractor` is None where the row keeps its own, since only some fields were read.
    `changed`: what the edit that made it is held to have changed, None where that stays.
    """

    revision: int
    is_current: bool
    capture_id: int
    extractor: str | None
    evidence: str | None
    article: Article | None = None
    before: Article | None = None
    differs: tuple[str, ...] = ()
    changed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One article. `unreadable`: a sentence for each capture that could not be read; `left`: why a version was left as
    it is, though it was read; `seen` as the function makes it. `parts`: urlkey and text of the further pages of a
    split post whose texts differ now."""

    article_id: int
    url: str = ""
    seen: tuple[Any, ...] = ()
    versions: tuple[Version, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    unreadable: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    without_capture: bool = False

    @property
    def differs(self) -> bool:
        return any(version.differs for version in self.versions)
