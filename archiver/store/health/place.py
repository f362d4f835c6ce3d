"""How the archive itself does, whatever its sites do: its disk, and whether what is due is crawled. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from archiver.store.health.judge import Finding, Health, worst
from archiver.store.ledger import moment
from archiver.store.turns import Scheduled

RESERVE = 256_000_000
"""Bytes that stay free on the archive's disk: with less no crawl begins by itself."""
_SOON, _LATER = timedelta(days=3), timedelta(days=14)
_LATE = timedelta(hours=1)
_NEW = timedelta(days=1)


def judge_place(archive: str, free: int, daily: float, sites: Sequence[Scheduled], scheduler: str | None,
                now: datetime) -> Health:
    """`free` bytes are left on the disk, and it grows by so many `daily`. `scheduler` is the process that crawls what
    is due, "" where there is none any more, None where there never was one: then nothing is late."""
    findings = (*_disk(archive, free, daily), *(_late(sites, scheduler, now) if scheduler is not None else ()))
    return Health(worst([one.level for one in findings]), findings)


def _disk(archive: str, free: int, daily: float) -> Iterator[Finding]:
    left = timedelta(days=min(free / daily, 10_000)) if daily > 0 else timedelta.max
    if free < RESERVE or left < _LATER:
        soon = f", and the archive grows by {_size(daily)} a day: in {max(left.days, 1)} days it is full" \
            if left < _LATER else ""
        yield Finding("disk", "red" if free < RESERVE or left < _SOON else "amber",
                      f"{_size(free)} are free where {archive} lies{soon}: make room, move it to a larger disk, or "
                      "give back what it does not need with 'archiver vacuum'.")


def _late(sites: Sequence[Scheduled], scheduler: str, now: datetime) -> Iterator[Finding]:
    late = [behind for one in sites if (behind := _behind(one, now)) is not None]
    if late:
        many = f"{len(late):,} sites are" if len(late) > 1 else "A site is"
        advice = ("what the scheduler tells of them says why; where it has too much to do, give it more --workers, or "
                  "longer cadences") if scheduler else (
            "no scheduler runs: start 'archiver schedule', or the service that runs it")
        yield Finding("late", "amber" if scheduler else "red",
                      f"{many} late by up to {_long(max(late))}: {advice}.")


def _behind(one: Scheduled, now: datetime) -> timedelta | None:
    """How late a site is, where that is worth a word. One that was never crawled is due since it was entered, and many
    may have been entered at once."""
    if one.last:
        behind = now - one.turn.at
        return behind if behind > max(one.turn.period / 2, _LATE) else None
    added = moment(one.site.get("added_at"))
    return now - added if added and now - added > _NEW else None


def _long(span: timedelta) -> str:
    """In whole hours or days: what is told of is an hour at least."""
    hours = round(span / timedelta(hours=1))
    return f"{hours // 24:,} days" if hours >= 48 else f"{hours} hours" if hours > 1 else "an hour"


def _size(number: float) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.0f} MB"
