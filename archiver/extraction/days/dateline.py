"""A line with dates: which one is of the publication, which one of the last change."""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

from archiver.extraction.days.datetext import span, visible
from archiver.extraction.days.datewords import MODIFIED, PUBLISHED, SENT
from archiver.extraction.days.moment import Moment
from archiver.extraction.days.relative import relative

_DATES = 4  # of a line: a paper's are those of its arrival, revision, acceptance and publication
_RIGHTS = re.compile(r"©|\(c\)|copyright|all rights reserved|alle rechte|tous droits|版权|著作権", re.IGNORECASE)


def read_dates(
    text: str, language: str, before: str = "", captured_at: datetime | None = None
) -> tuple[Moment | None, Moment | None]:
    """The date of publication and that of the last change that a line tells, each None where it tells none.

    `before`: the words that stand before the line, for a label in an element of its own. A date
    without a label is one of publication. A year in a notice of rights is no date; nor is a day on which a paper was
    sent to its journal or accepted there.
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
        head, tail = around
        says = label_of(head) or label_of(label)
        if not says and modified is None and not visible(tail, language) and _after(tail):
            says = "modified"
        if says == "modified":
            modified = modified or moment
        elif says != "sent":
            published = published or moment
        rest, label = tail, ""
        if published and modified:
            break
    if published is None and modified is None and captured_at is not None:
        moment = relative(text, captured_at)
        if label_of(text) == "modified" or (not label_of(text) and label_of(before) == "modified"):
            return None, moment
        return moment, None
    return published, modified


@lru_cache(maxsize=4_096)
def label_of(text: str) -> str:
    """What the words before a date say of it, the last ones first: "published", "modified", "sent" or ""."""
    of = {name: max((m.end() for m in pattern.finditer(text)), default=-1) for name, pattern in _LABELS}
    name = max(of, key=lambda n: of[n])
    return name if of[name] >= 0 else ""


_LABELS = (("published", PUBLISHED), ("modified", MODIFIED), ("sent", SENT))


def _after(tail: str) -> bool:
    """Whether the words right after a date call it that of a change: "12 May 2020 (updated)", "2020-05-12 更新"."""
    return bool(MODIFIED.match(tail.lstrip(" ()[]|·–—-,:.")))
