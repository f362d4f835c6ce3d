"""What a check found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. `kind` is a word for programs, `subject` the article, file and offset,
    table or row; `remedy` a sentence that says what to do. `mend` names the repair that can put it right (`repair`).
    """

    kind: str
    subject: str
    sentence: str
    remedy: str
    mend: str = ""


def first_of(findings: Iterable[Finding], most: int = 50) -> Iterator[Finding]:
    """The first of many like findings; the last one given out counts the others."""
    more, last = 0, None
    for number, finding in enumerate(findings):
        if number < most:
            yield finding
        else:
            more, last = more + 1, finding
    if last is not None:
        yield Finding(last.kind, last.subject, f"{more:,} more like the one before, the last of them {last.subject}",
                      last.remedy, last.mend)


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
