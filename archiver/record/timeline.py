"""Places a reading of an old capture among the known versions of a post.

Pure. A post's versions are the runs of equal meaning in the order of its captures: each begins with its first capture
and lasts until the next one begins. The runs are the same in whatever order captures arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from archiver.items import Article
from archiver.record.identity import changed_fields, is_stub


@dataclass(frozen=True, slots=True)
class Version:
    """One run: `at` is the time of its first capture, `capture` that capture's number, `digest` that of its payload.

    `number` is the revision it is stored as, 0 if it is not stored. `changed`: the fields that differ from the version
    before, () for the first. `extractor` is what read it, None if unknown.
    """

    at: datetime
    article: Article
    capture: int | None = None
    digest: str = ""
    number: int = 0
    changed: tuple[str, ...] = ()
    extractor: str | None = None

    @property
    def order(self) -> tuple[datetime, str]:
        """Captures of the same second are ordered by their payload, so that the order is unique."""
        return self.at, self.digest


@dataclass(frozen=True, slots=True)
class Sighting:
    """A later capture of a run with the same meaning, which proves that the run lasted until then. `article`: its own
    reading, None if it is that of the run."""

    at: datetime
    capture: int | None = None
    digest: str = ""
    article: Article | None = None


class Placed(Enum):
    """The effect of a reading on the versions: it made a run, began one earlier, or added nothing. COUNTED: it would
    add one more run of a post that is served in turns."""

    INSERTED = auto()
    EXTENDED = auto()
    WITHIN = auto()
    STUB = auto()
    COUNTED = auto()


Changed = Callable[[Version, Version], tuple[str, ...]]
"""The fields that were edited between two versions; () if they are the same."""


def plainly(before: Version, after: Version) -> tuple[str, ...]:
    return changed_fields(before.article, after.article)


def run_of(versions: Sequence[Version], reading: Version) -> int | None:
    """The run during which a reading was taken; None if it is earlier than all."""
    return next((n for n in range(len(versions) - 1, -1, -1) if versions[n].order <= reading.order), None)


def weave(versions: Sequence[Version], reading: Version, again: Sighting | None,
          changed: Changed = plainly) -> tuple[tuple[Version, ...], Placed]:
    """The versions with a reading inserted at its time, and the effect.

    `versions` are in order and not empty. `again`: the first later capture of the run that the reading is in, None
    if that run was not seen again. A stub (the text of a paywall or consent wall) after a whole text is no version.
    If a run now begins earlier, the earlier reading replaces the stored one, unless only another extractor makes
    them differ (`changed` finds nothing, though their words differ): then the stored one stays.
    """
    n = run_of(versions, reading)
    if n is not None:
        if is_stub(versions[n].article.body, reading.article.body):
            return tuple(versions), Placed.STUB
        if not changed(versions[n], reading):
            return tuple(versions), Placed.WITHIN
    out = [*versions[:n + 1], reading] if n is not None else [reading]
    rest = versions[len(out) - 1:]
    if n is not None and again is not None:
        out.append(replace(versions[n], at=again.at, capture=again.capture, digest=again.digest, number=0,
                           article=again.article or versions[n].article))
    joined = _joined([*out, *rest], changed)
    began = not (n is not None and again is not None) and bool(rest) and not changed(reading, rest[0])
    return joined, Placed.EXTENDED if began else Placed.INSERTED


def _joined(versions: Sequence[Version], changed: Changed) -> tuple[Version, ...]:
    """Merges adjacent versions that are equal, drops stubs after a whole text, and sets what changed in each. Two
    versions that are both stored stay as they are."""
    out: list[Version] = []
    for version in versions:
        before = out[-1] if out else None
        if before is None:
            out.append(replace(version, changed=()))
        elif before.number and version.number:
            out.append(version)
        elif is_stub(before.article.body, version.article.body):
            continue
        elif edited := changed(before, version):
            out.append(replace(version, changed=edited))
        elif not version.number or before.number:
            continue
        elif plainly(before, version):
            out[-1] = replace(version, at=before.at, changed=before.changed)
        else:
            out[-1] = replace(before, number=version.number)
    return tuple(out)
