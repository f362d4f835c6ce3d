"""Which of several near-duplicates is the origin of the others, and how that is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from archiver.record.identity import folded

_LENGTHS = {"second": timedelta(seconds=1), "minute": timedelta(minutes=1), "hour": timedelta(hours=1),
            "day": timedelta(days=1), "month": timedelta(days=31), "year": timedelta(days=366)}
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Member:
    """One of several near-duplicates. `keys`: the urlkeys of its addresses; `canonical`: that of the address that
    its page declares as its own; `names`: those of the addresses in its text; `credits` as in the record."""

    id: int
    site: str
    keys: frozenset[str]
    first_seen: datetime
    published: datetime | None = None
    precision: str | None = None
    canonical: str = ""
    names: frozenset[str] = frozenset()
    credits: tuple[str, ...] = ()


def origin(members: Sequence[Member]) -> tuple[int, str]:
    """The number of the member that the others were made from, and the reason in words. `members` is not empty.

    What a copy says comes first: that another one is its canonical address (RFC 6596), that it was taken from
    another one's address, or from its site. Else it is the earliest published, within the precision that the pages
    give, and among those possible the one that was seen first.
    """
    for sign in _SIGNS:
        named = Counter(other.id for one in members if sign.may_name(one) for other in members
                        if one.id != other.id and sign.names(one, other))
        if named:
            most = max(named.values())
            first, _ = _earliest([m for m in members if named[m.id] == most])
            who = "a copy" if most == 1 else f"{most} copies"
            return first.id, f"{sign.reason} {who}"
    first, reason = _earliest(members)
    return first.id, reason


def _declares(one: Member, other: Member) -> bool:
    return one.canonical in other.keys


def _refers(one: Member, other: Member) -> bool:
    return not one.names.isdisjoint(other.keys)


def _credits(one: Member, other: Member) -> bool:
    return one.site != other.site and any(_is_named(credit, other.site) for credit in one.credits)


@dataclass(frozen=True, slots=True)
class _Sign:
    """A sign by which one member names another as the origin. `may_name`: whether it can name any, as most cannot and
    need not be compared with all others."""

    reason: str
    may_name: Callable[[Member], bool]
    names: Callable[[Member, Member], bool]


_SIGNS = (
    _Sign("declared canonical by", lambda one: bool(one.canonical) and one.canonical not in one.keys, _declares),
    _Sign("named by its address in", lambda one: bool(one.names) and one.names.isdisjoint(one.keys), _refers),
    _Sign("credited by", lambda one: bool(one.credits), _credits),
)


def _is_named(credit: str, site: str) -> bool:
    """Whether a credit is the name of a site: "Reuters" for www.reuters.com, "AP" for apnews.com."""
    host = site.partition("/")[0].partition(":")[0].removeprefix("www.")
    name = folded(credit).replace(" ", "")
    labels = {label.replace("-", "") for label in host.split(".")[:-1]}
    return bool(name) and (name == folded(host).replace(" ", "") or not labels.isdisjoint(
        {name, name.removeprefix("the"), f"the{name}", f"{name}news"}))


def _earliest(members: Sequence[Member]) -> tuple[Member, str]:
    """A member that was not surely published after another one, and how that is known."""
    spans = [(_span(member), member) for member in members]
    ended = min(end for (_, end), _ in spans)
    possible = [member for (start, _), member in spans if start < ended]
    first = min(possible, key=lambda m: (m.first_seen, m.published or _LATEST, m.id))
    if first.published is None:
        return first, "first seen"
    if len(possible) == 1:
        return first, "earliest published"
    return first, "first seen of those published earliest"


def _span(member: Member) -> tuple[datetime, datetime]:
    """The period in which it may have been published; for a post without a date, the moment it was first seen."""
    if member.published is None:
        return member.first_seen, member.first_seen + timedelta(microseconds=1)
    length = _LENGTHS.get(member.precision or "second", _LENGTHS["second"])
    start = member.published
    return start, start + length if start < _LATEST - length else _LATEST
