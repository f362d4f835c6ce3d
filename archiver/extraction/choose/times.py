"""Chooses when the post was published."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

from archiver.extraction.candidates import Candidate
from archiver.extraction.choose.first import best
from archiver.extraction.days.moment import AddressDate, Moment

When = Candidate[Moment]
_MOST_BEHIND, _MOST_AHEAD = -12 * 60, 14 * 60
"""The offsets from UTC, in minutes, between which all time zones lie."""


def _at_offset(instant: Moment, minutes: int) -> Moment | None:
    """An instant written at an offset from UTC; None where no time zone has that offset."""
    if minutes % 15 or not _MOST_BEHIND <= minutes <= _MOST_AHEAD:
        return None
    return Moment(instant.at.astimezone(timezone(timedelta(minutes=minutes))), instant.precision, True)


def _minutes_between(later: datetime, earlier: datetime) -> int:
    return round((later - earlier).total_seconds() / 60)


def _local(moment: Moment, others: list[When]) -> Moment | None:
    """The same instant in the page's own zone: as another source writes it, or as a clock on the page shows it."""
    for c in others:
        m = c.value
        if m.zoned and m.at.utcoffset() and abs((m.at - moment.at).total_seconds()) < 60:
            return m
    for c in others:
        m = c.value
        if c.visible and not m.zoned and m.precision in ("minute", "second"):
            ahead = _minutes_between(m.at, moment.at.replace(second=0))
            if local := _at_offset(moment, ahead):
                return local
    return None


def _zoned(moment: Moment, others: list[When]) -> Moment | None:
    """A time of day without a zone, in the zone that follows from another source's instant."""
    for c in others:
        if not c.value.zoned or c.confidence < 0.6 or c.value.precision == "day":
            continue
        ahead = _minutes_between(moment.at.replace(second=0), c.value.at.replace(second=0))
        if zoned := _at_offset(c.value, ahead):
            return zoned
    return None


def published(
    found: list[When], changed: list[When], address: AddressDate | None, captured_at: datetime | None = None
) -> When | None:
    """When it was published: one instant, on the day that the page itself shows.

    A time in UTC keeps its instant and is written in the page's own zone where another source gives it. Where the
    day shown (or the one in the address) is next to the UTC day and no zone is known, the day shown is returned, as
    a day. A source more than a day off loses to two that agree. Nothing is published later than the day after its
    capture, where `captured_at` is known.
    """
    if captured_at is not None:
        latest = captured_at + timedelta(days=1)
        found = [c for c in found if c.value.at <= latest]
    usable = [c for c in found if c.value.precision not in ("month", "year")] or found
    changed_days = {c.value.day for c in changed}
    first = _agreed(_without_changes(usable, changed), changed_days)
    if first is None or first.source == "api":
        return first
    url_day = address.date if address else None
    other_changes = changed_days - {first.value.day}
    shown = [c for c in usable if c.visible and c.confidence >= 0.5 and c.value.day not in other_changes]
    return (
        _on_day_of_address(first, usable, url_day)
        or _on_day_shown(first, shown)
        or _in_local_zone(first, usable, url_day)
        or _with_zone(first, usable)
        or _with_time_of_day(first, usable)
        or first
    )


def _on_day_of_address(first: When, usable: list[When], url_day: date | None) -> When | None:
    """A candidate on the day in the address, where `first` is on another day."""
    if url_day is None or first.value.day == url_day:
        return None
    agreeing = [c for c in usable if c.value.day == url_day]
    near = [c for c in agreeing if _days_apart(c.value, first.value) <= 1]
    return _keep_day(first, near or agreeing) if agreeing else None


def _on_day_shown(first: When, shown: list[When]) -> When | None:
    """A candidate on the day that the page shows, where a declaration is on the day beside it."""
    if first.visible or any(c.value.day == first.value.day for c in shown):
        return None
    neighbours = [c for c in shown if _days_apart(c.value, first.value) == 1]
    return _keep_day(first, neighbours) if neighbours else None


def _in_local_zone(first: When, usable: list[When], url_day: date | None) -> When | None:
    """An instant in UTC in the page's own zone, unless that would move it away from the day in the address."""
    local = _local(first.value, usable) if _is_utc(first.value) else None
    if local is None or (url_day is not None and first.value.day == url_day != local.day):
        return None
    return replace(first, value=local)


def _with_zone(first: When, usable: list[When]) -> When | None:
    if first.value.zoned or first.value.precision == "day":
        return None
    zoned = _zoned(first.value, usable)
    return replace(first, value=zoned) if zoned is not None else None


def _with_time_of_day(first: When, usable: list[When]) -> When | None:
    """The most trusted candidate that adds a time of day to the same day."""
    if first.value.precision != "day":
        return None
    return best([
        c for c in usable if c.value.precision != "day" and c.value.day == first.value.day and c.confidence > 0.6
    ])


def _is_utc(moment: Moment) -> bool:
    return moment.zoned and not moment.at.utcoffset()


def _days_apart(one: Moment, other: Moment) -> int:
    return abs((one.day - other.day).days)


# Sources that read the same lines or the same declaration count as one.
_WITNESS = {
    "platform": "markup", "class": "markup", "microdata": "markup", "rdfa": "markup",
    "text": "reader", "byline": "reader", "shown": "reader",
}  # fmt: skip
_ONE_HAND, _MARKED = {"json-ld", "meta"}, ("platform", "class", "microdata", "rdfa")
_PER_WITNESS, _NEAR_HEADING, _DECLARED, _CHANGED = 0.1, 0.7, 0.84, 0.8


def _agreed(found: list[When], changed: set[date]) -> When | None:
    """The candidate with the most trust: its own, and that of each other kind of source for the same day.

    An instant with zone and time agrees with the days next to its own, since pages show the day in their own zone.
    A declared date that nothing else confirms is that of a migration to another system where readers see an earlier
    day. So are JSON-LD and meta elements, which the same program writes, where the byline has an earlier day in an
    element made for a date.
    """

    def support(one: When) -> float:
        own = _witness(one)
        others = {_witness(c) for c in found if _same_day(one.value, c.value)} - {own}
        return one.confidence + _PER_WITNESS * len(others)

    first = max(found, key=support, default=None)
    if first is None or first.confidence > 0.95 or _witness(first) == "reader":
        return first
    kinds = {_witness(c) for c in found if _same_day(first.value, c.value)}
    if len(kinds) > 1 and kinds - _ONE_HAND:
        return first
    earlier = [c for c in found if _is_earlier_line(c, first, changed)]
    if len(kinds) > 1:
        marked = {c.value.day for c in found if c.source in _MARKED}
        earlier = [c for c in earlier if c.source == "byline" and c.value.day in marked]
    return max(earlier, key=support, default=first)


def _is_earlier_line(one: When, first: When, changed: set[date]) -> bool:
    """Whether readers see, near the heading, a day well before that of `first`, and not as the day of a change."""
    return (
        _witness(one) == "reader"
        and one.confidence >= _NEAR_HEADING
        and one.value.day not in changed
        and (first.value.at - one.value.at).days > 1
    )


def _without_changes(found: list[When], changed: list[When]) -> list[When]:
    """Leaves out what is shown for the day of the last change or later, if an earlier publication is declared.

    Themes that show readers the last change often use the element, and the class, meant for the day of publication;
    what is later than the last change belongs to another post.
    """
    days = {c.value.day for c in changed}
    declared = [c.value for c in found if not c.visible and c.confidence >= _DECLARED and c.value.day not in days]
    changes = [c.value.at for c in changed if c.confidence >= _CHANGED]
    if not declared or not changes:
        return found
    known, first, last = {m.day for m in declared}, min(m.at for m in declared), max(changes)

    def too_late(at: Moment) -> bool:
        return (at.at - first).days > 1 and (at.day in days or (at.at - last).days > 1) and at.day not in known

    return [c for c in found if not (c.visible and too_late(c.value))]


def _witness(one: When) -> str:
    """The kind of source; markup that readers see counts as what they read."""
    kind = _WITNESS.get(one.source, one.source)
    return "reader" if kind == "markup" and one.visible else kind


def _same_day(one: Moment, other: Moment) -> bool:
    if one.day == other.day:
        return True
    return _days_apart(one, other) == 1 and (one.zoned or other.zoned) and "day" in (one.precision, other.precision)


def _keep_day(first: When, agreeing: list[When]) -> When:
    """The day that the page shows: with the instant of `first` where its zone can be told, else as a day."""
    if _is_utc(first.value) and (local := _local(first.value, agreeing)) is not None:
        return replace(first, value=local)
    chosen = best(agreeing)
    assert chosen is not None
    return chosen
