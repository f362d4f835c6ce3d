"""The one place that decides between candidates."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TypeVar

from archiver.extraction.candidates import Candidate
from archiver.extraction.datetext import Moment
from archiver.extraction.text import folded
from archiver.extraction.words import WEAK_ACCOUNTS

T = TypeVar("T")
Names = tuple[str, ...]


def best(found: list[Candidate[T]]) -> Candidate[T] | None:
    """The most trusted; among equals the first."""
    return max(found, key=lambda c: c.confidence) if found else None


def title(found: list[Candidate[str]], site: set[str]) -> Candidate[str] | None:
    """The title: what the platform shows, unless it is the site's own name; else what most sources agree on.

    A post whose title place is there but empty has no title: "" is chosen, never the site's name.
    """
    shown = next((c for c in found if c.visible and c.source in ("platform", "api")), None)
    if shown is not None and (not shown.value or folded(shown.value) not in site):
        return shown
    usable = [c for c in found if c.value and folded(c.value) not in site]
    if not usable:
        return None
    texts = [(c, folded(c.value)) for c in usable]

    def support(one: Candidate[str], text: str) -> float:
        votes = {
            c.source: 1.0 if t == text else 0.6
            for c, t in texts
            if c is not one and text and (t == text or (len(text) > 8 and (text in t or t in text)))
        }
        return one.confidence + 0.12 * sum(votes.values())

    return max(texts, key=lambda p: support(*p))[0]


def authors(found: list[Candidate[Names]]) -> Candidate[Names] | None:
    """The authors: the most trusted source; one that names more people besides the same ones completes it.

    A generic account ("admin") gives way to any source that names a person. The site's own name counts only
    where a byline shows it or a declaration calls it a person.
    """
    first = best([c for c in found if c.confidence > 0.35])
    if first is None:
        return None
    if all(WEAK_ACCOUNTS.match(n) for n in first.value):
        others = [c for c in found if c.confidence >= 0.5 and not any(WEAK_ACCOUNTS.match(n) for n in c.value)]
        first = best(others) or first
    have = {folded(n) for n in first.value}
    for c in found:
        more = {folded(n) for n in c.value}
        if first.confidence < 0.95 and c.confidence >= 0.6 and have < more and len(more) <= 12:
            return c
    return first


def terms(found: list[Candidate[Names]]) -> Candidate[Names] | None:
    """Categories or tags: the most trusted source; a feed's list or bare keywords only where the page is silent."""
    return best(found)


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
    found: list[Candidate[Moment]], changed: list[Candidate[Moment]], url_date: tuple[int, int, int | None] | None
) -> Candidate[Moment] | None:
    """When it was published: one instant, on the day that the page itself shows.

    A time in UTC keeps its instant, and takes the page's own zone where another source tells it. Where the
    day shown (or carried by the address) is the neighbour of the UTC day and no zone is known, the day shown
    is kept, as a day. A source more than a day off loses to two that agree.
    """
    usable = [c for c in found if c.value.precision != "month"] or found
    first = best(usable)
    if first is None:
        return None
    if first.source == "api":
        return first
    days = [(c.value.day, c) for c in usable if c.visible]
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


def _keep_day(first: Candidate[Moment], agreeing: list[Candidate[Moment]]) -> Candidate[Moment]:
    """The day that the page shows: with the instant where its zone can be told, else as a day."""
    if first.value.zoned and not first.value.at.utcoffset() and (local := _local(first.value, agreeing)) is not None:
        return Candidate(local, first.source, first.locator, first.confidence, first.visible)
    chosen = best(agreeing)
    assert chosen is not None
    return chosen
