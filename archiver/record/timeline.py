"""Where a reading of the past belongs among the versions of a post that are known already.

Pure. A post's versions are the runs of equal meaning in the order of its captures: each begins with the first capture
of it, and lasts until the next one begins. Whatever the order in which captures come in, the runs are the same.
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

    `number` is the revision that it is stored as, 0 where it is not stored. `changed` are the fields that differ from
    the version before, () of the first. `extractor` is who read it, None where that is not known.
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
        """Captures of one second are told apart by their payload, so that they have one order."""
        return self.at, self.digest


@dataclass(frozen=True, slots=True)
class Sighting:
    """A later capture of a run that showed the same: it proves that the run went on until then. `article` is its own
    reading, None where that of the run stands for it."""

    at: datetime
    capture: int | None = None
    digest: str = ""
    article: Article | None = None


class Placed(Enum):
    """What a reading did to the versions: it made a run, began one earlier, or told of nothing new."""

    INSERTED = auto()
    EXTENDED = auto()
    WITHIN = auto()
    STUB = auto()


Changed = Callable[[Version, Version], tuple[str, ...]]
"""The fields in which a version was edited since an earlier one; () where both are the same."""


def plainly(before: Version, after: Version) -> tuple[str, ...]:
    return changed_fields(before.article, after.article)


def run_of(versions: Sequence[Version], reading: Version) -> int | None:
    """The run in whose time a reading falls; None where it is earlier than all."""
    return next((n for n in range(len(versions) - 1, -1, -1) if versions[n].order <= reading.order), None)


def weave(versions: Sequence[Version], reading: Version, again: Sighting | None,
          changed: Changed = plainly) -> tuple[tuple[Version, ...], Placed]:
    """The versions with a reading entered at its time, and what that did.

    `versions` are in order and there is at least one. `again` is the first later capture of the run that the reading
    falls in, None where that run was not seen again. A stub (a paywall's or consent wall's text) after a whole text is
    no version. Of a run that begins earlier now, the earlier reading is told, unless it is the same only by another
    reader (`changed` finds nothing, though their words differ): then what is stored stays.
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
    """Neighbours of what is new that are the same become one run, stubs behind a whole text go, and each says what
    changed in it. Two versions that are both stored stay as they are."""
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
