"""When it was published."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from archiver.extraction.candidates import Candidate
from archiver.extraction.choose.first import best
from archiver.extraction.days.moment import Moment


def _local(moment: Moment, others: list[Candidate[Moment]]) -> Moment | None:
    """The same instant as another source writes it in the page's own zone; or the zone that its clock shows."""
    for c in others:
        m = c.value
        if m.zoned and m.at.utcoffset() and abs((m.at - moment.at).total_seconds()) < 60:
            return m
    for c in others:
        m = c.value
        if c.visible and not m.zoned and m.precision in ("minute", "second"):
            ahead = round((m.at - moment.at.replace(second=0)).total_seconds() / 60)
            if ahead % 15 == 0 and -12 * 60 <= ahead <= 14 * 60:
                return Moment(moment.at.astimezone(timezone(timedelta(minutes=ahead))), moment.precision, True)
    return None


def _zone_told(moment: Moment, others: list[Candidate[Moment]]) -> Moment | None:
    """A clock without a zone, with the zone that another source's instant of the same moment gives it."""
    for c in others:
        if not c.value.zoned or c.confidence < 0.6 or c.value.precision == "day":
            continue
        ahead = round((moment.at.replace(second=0) - c.value.at.replace(second=0)).total_seconds() / 60)
        if ahead % 15 == 0 and -12 * 60 <= ahead <= 14 * 60:
            return Moment(c.value.at.astimezone(timezone(timedelta(minutes=ahead))), c.value.precision, True)
    return None


def published(
    found: list[Candidate[Moment]], changed: list[Candidate[Moment]], url_date: tuple[int, int, int | None] | None,
    captured_at: datetime | None = None,
) -> Candidate[Moment] | None:  # fmt: skip
    """When it was published: one instant, on the day that the page itself shows.

    A time in UTC keeps its instant, and takes the page's own zone where another source tells it. Where the
    day shown (or carried by the address) is the neighbour of the UTC day and no zone is known, the day shown
    is kept, as a day. A source more than a day off loses to two that agree. Nothing is published later than
    the day after its capture, where `captured_at` is known.
    """
    if captured_at is not None:
        latest = captured_at + timedelta(days=1)
        found = [c for c in found if c.value.at <= latest]
    usable = [c for c in found if c.value.precision not in ("month", "year")] or found
    first = _agreed(_without_changes(usable, changed), {c.value.day for c in changed})
    if first is None:
        return None
    if first.source == "api":
        return first
    days = [(c.value.day, c) for c in usable if c.visible and c.confidence >= 0.5]
    changed_days = {c.value.day for c in changed} - {first.value.day}
    url_day = url_date if url_date and url_date[2] is not None else None
    shown = [d for d, _ in days if d not in changed_days]
    if url_day is not None and first.value.day != url_day and any(c.value.day == url_day for c in usable):
        agreeing = [c for c in usable if c.value.day == url_day]
        near = [c for c in agreeing if abs((c.value.at.date() - first.value.at.date()).days) <= 1]
        return _keep_day(first, near or agreeing)
    if shown and first.value.day not in shown and not first.visible:
        seen = [c for d, c in days if d not in changed_days]
        gap = min(abs((c.value.at.date() - first.value.at.date()).days) for c in seen)
        if gap == 1:
            return _keep_day(first, [c for c in seen if abs((c.value.at.date() - first.value.at.date()).days) == 1])
    local = _local(first.value, usable) if first.value.zoned and not first.value.at.utcoffset() else None
    if local is not None and (not url_day or local.day == url_day or first.value.day != url_day):
        return Candidate(local, first.source, first.locator, first.confidence, first.visible)
    if (
        not first.value.zoned
        and first.value.precision != "day"
        and (told := _zone_told(first.value, usable)) is not None
    ):
        return Candidate(told, first.source, first.locator, first.confidence, first.visible)
    if first.value.precision == "day":
        exact = [
            c for c in usable if c.value.precision != "day" and c.value.day == first.value.day and c.confidence > 0.6
        ]
        return best(exact) or first
    return first


# Sources that read the same lines or the same declaration count as one witness.
_WITNESS = {
    "platform": "markup", "class": "markup", "microdata": "markup", "rdfa": "markup",
    "text": "reader", "byline": "reader", "shown": "reader",
}  # fmt: skip
_ONE_HAND, _MARKED = {"json-ld", "meta"}, ("platform", "class", "microdata", "rdfa")
_PER_WITNESS, _NEAR_HEADING, _DECLARED, _CHANGED = 0.1, 0.7, 0.84, 0.8


def _agreed(found: list[Candidate[Moment]], changed: set[tuple[int, int, int]]) -> Candidate[Moment] | None:
    """The candidate with the most trust, its own and that of each other kind of witness to the same day.

    An instant with a zone and a clock agrees with the days beside its own: pages show the day of their own zone.
    A declaration that nothing else bears out is of a move to another system where readers see an earlier day; so are
    JSON-LD and meta elements, which one hand writes, where the byline has an earlier day in an element made for it.
    """

    def support(one: Candidate[Moment]) -> float:
        own = _witness(one)
        others = {_witness(c) for c in found if _same_day(one.value, c.value)} - {own}
        return one.confidence + _PER_WITNESS * len(others)

    first = max(found, key=support, default=None)
    if first is None or first.confidence > 0.95 or _witness(first) == "reader":
        return first
    kinds = {_witness(c) for c in found if _same_day(first.value, c.value)}
    if len(kinds) > 1 and kinds - _ONE_HAND:
        return first
    earlier = [
        c
        for c in found
        if _witness(c) == "reader" and c.confidence >= _NEAR_HEADING and c.value.day not in changed
        and (first.value.at - c.value.at).days > 1
    ]  # fmt: skip
    if len(kinds) > 1:
        marked = {c.value.day for c in found if c.source in _MARKED}
        earlier = [c for c in earlier if c.source == "byline" and c.value.day in marked]
    return max(earlier, key=support, default=first)


def _without_changes(found: list[Candidate[Moment]], changed: list[Candidate[Moment]]) -> list[Candidate[Moment]]:
    """Without what shows the day of the last change or a later one, where the page declares an earlier publication.

    Themes that show readers the last change keep the element, and its name, of the day of publication; what is later
    than the last change is of another post.
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


def _witness(one: Candidate[Moment]) -> str:
    kind = _WITNESS.get(one.source, one.source)
    return "reader" if kind == "markup" and one.visible else kind


def _same_day(one: Moment, other: Moment) -> bool:
    if one.day == other.day:
        return True
    apart = abs((one.at.date() - other.at.date()).days)
    return apart == 1 and (one.zoned or other.zoned) and "day" in (one.precision, other.precision)


def _keep_day(first: Candidate[Moment], agreeing: list[Candidate[Moment]]) -> Candidate[Moment]:
    """The day that the page shows: with the instant where its zone can be told, else as a day."""
    if first.value.zoned and not first.value.at.utcoffset() and (local := _local(first.value, agreeing)) is not None:
        return Candidate(local, first.source, first.locator, first.confidence, first.visible)
    chosen = best(agreeing)
    assert chosen is not None
    return chosen
