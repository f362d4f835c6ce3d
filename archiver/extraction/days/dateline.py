"""A line with dates: which one is the day of publication, which one that of the last change."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from archiver.extraction.days.datetext import span, visible
from archiver.extraction.days.datewords import MODIFIED, PUBLISHED, SENT
from archiver.extraction.days.moment import Moment
from archiver.extraction.days.relative import relative

_DATES = 4  # of a line: a paper has those of its submission, revision, acceptance and publication
_RIGHTS = re.compile(r"©|\(c\)|copyright|all rights reserved|alle rechte|tous droits|版权|著作権", re.IGNORECASE)


def read_dates(
    text: str, language: str, before: str = "", captured_at: datetime | None = None
) -> tuple[Moment | None, Moment | None]:
    """The date of publication and that of the last change in a line, each None where the line has none.

    `before`: the words before the line, for a label in an element of its own. A date without a label is the day of
    publication. A year in a copyright notice is no date, nor is the day on which a paper was submitted or accepted.
    """
    if _RIGHTS.search(text):
        return None, None
    published: Moment | None = None
    modified: Moment | None = None
    rest, label = text, before
    for _ in range(_DATES):
        moment = visible(rest, language)
        around = span(rest, language) if moment is not None else None
        if moment is None or around is None:
            break
        head, rest = around
        meaning = label_of(head) or label_of(label)
        if not meaning and modified is None and not visible(rest, language) and _is_called_change(rest):
            meaning = "modified"
        if meaning == "modified":
            modified = modified or moment
        elif meaning != "sent":
            published = published or moment
        label = ""
        if published and modified:
            break
    if published is None and modified is None and captured_at is not None:
        return _relative_date(text, before, captured_at)
    return published, modified


def _relative_date(text: str, before: str, captured_at: datetime) -> tuple[Moment | None, Moment | None]:
    """A date like "3 hours ago", as that of publication or of the last change."""
    moment = relative(text, captured_at)
    return (None, moment) if (label_of(text) or label_of(before)) == "modified" else (moment, None)


@lru_cache(maxsize=4_096)
def label_of(text: str) -> str:
    """What the words before a date call it: "published", "modified", "sent" or ""; the last such word decides."""
    of = {name: max((m.end() for m in pattern.finditer(text)), default=-1) for name, pattern in _LABELS}
    name = max(of, key=lambda n: of[n])
    return name if of[name] >= 0 else ""


_LABELS = (("published", PUBLISHED), ("modified", MODIFIED), ("sent", SENT))


def _is_called_change(tail: str) -> bool:
    """Whether the words right after a date make it that of a change: "12 May 2020 (updated)", "2020-05-12 更新"."""
    return bool(MODIFIED.match(tail.lstrip(" ()[]|·–—-,:.")))
