"""Saved searches: a query under a name, and what it finds that it did not find before.

    save(db, "floods", Query("flood OR storm"))     what it finds now counts as told
    report(db, "floods")                            what it finds anew; told once
    peek(db, "floods")                              the same, and not told yet

An article that matches is told of once, by the first run that finds it, however often it is edited after that. Writing
and running are safe beside a crawl, and beside each other. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

import json
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database

from archiver.errors import ArchiverError, BadName, SavedSearchUnreadable, SearchNotFound
from archiver.search.filters import Query
from archiver.search.run import Hit, Listing, listing
from archiver.store import saved_searches as stored
from archiver.store.transaction import writing

MOST_LETTERS = 80
WHY: dict[str, str] = {
    "new": "new in the archive since the last run",
    "edited": "was here before; a version since then made it match",
    "changed": "was here before; it matches since something else that is told of it changed",
}
"""Why a search finds an article anew; what else may have changed: it is gone, others are copies of it, its page was
read again."""

_SIGNS = frozenset(" ._+-")
_PAGE = frozenset(("limit", "offset"))
"""What of a query says which part of its hits is shown: a saved search has all of them."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved search. `saved_at` and `ran_at` (the last run, or the saving): ISO 8601, UTC. `uuid` is given once."""

    name: str
    query: Query
    saved_at: str
    ran_at: str
    uuid: str


@dataclass(frozen=True, slots=True)
class New:
    """A hit that a search did not find before; `why` is a key of WHY, `found_at` when a run told of it."""

    hit: Hit
    why: str
    found_at: str


@dataclass(frozen=True, slots=True)
class News:
    """What came of a run: `since` is the time of the one before, `total` all that the search finds now, as it is folded
    (`new` are among them)."""

    saved: Saved
    since: str
    new: tuple[New, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A saved search in a list: what it finds now, and how much of that is new; or why it cannot be run."""

    saved: Saved
    total: int | None
    new: int | None
    error: str = ""


def save(db: Database, name: str, query: Query, now: datetime | None = None) -> Saved:
    """Save a query under a name, which is compared without case; what it finds now is not new later.

    `db` is open for writing. Raises BadName, also for a name that is taken, and what `run` raises for the query.
    """
    shown, key = valid_name(name)
    before = stored.mark(db)
    found = listing(db, _whole(query))
    with writing(db):
        if stored.rows(db, key):
            raise BadName(shown, f"there is one of this name; 'archiver searches remove {shown}' takes it away")
        number = stored.insert(db, stored.NewSearch(shown, key, str(uuid.uuid4()), _as_json(query), _moment(now),
                                                    before))
        stored.add(db, number, _every(found))
    return find(db, shown)


def saved_searches(db: Database) -> list[Saved]:
    """All, by name. Raises SavedSearchUnreadable for one that a newer version saved."""
    return [_saved(row) for row in stored.rows(db)]


def find(db: Database, name: str) -> Saved:
    """Raises SearchNotFound and SavedSearchUnreadable."""
    return _saved(_row(db, name))


def remove(db: Database, name: str) -> None:
    """`db` is open for writing. Raises SearchNotFound."""
    with writing(db):
        stored.delete(db, _row(db, name).id)


def report(db: Database, name: str, now: datetime | None = None) -> News:
    """What a search finds anew, noted as told: of several runs, at the same time or killed, one tells of it.

    A run that is killed when it has noted and not shown is shown again by `last`. `db` is open for writing. Raises
    SearchNotFound, SavedSearchUnreadable and what `run` raises for the query.
    """
    row = _row(db, name)
    saved = _saved(row)
    before = stored.mark(db)
    found = listing(db, _whole(saved.query))
    with writing(db):
        row = _row(db, name)  # another run may have ended since
        at = max(_moment(now), row.ran_at)
        told = stored.known(db, row.id, _every(found))
        new = _anew(db, row, found, told)
        stored.add(db, row.id, (number for number in _every(found) if number not in told), at, new)
        stored.move(db, row.id, at, before)
    return _news(replace(saved, ran_at=at), row.ran_at, found, new, at)


def peek(db: Database, name: str, now: datetime | None = None) -> News:
    """What `report` would tell; nothing is written. Raises what `report` does."""
    row = _row(db, name)
    saved = _saved(row)
    found = listing(db, _whole(saved.query))
    new = _anew(db, row, found, stored.known(db, row.id, _every(found)))
    return _news(saved, row.ran_at, found, new, _moment(now))


def last(db: Database, name: str, most: int | None = None, *, of_run: str | None = None) -> tuple[New, ...]:
    """What runs of a search told of, the latest first, as it is now; with `of_run` by the run at that time alone.
    What does not match any more is left out. Raises what `report` does."""
    row = _row(db, name)
    told = stored.told(db, row.id, -1, of_run)
    if not told:
        return ()
    found = listing(db, _whole(_saved(row).query))
    here = [one for one in told if one.article in found.beneath][:most]
    hits = {hit.id: hit for hit in found.hits([one.article for one in here])}
    return tuple(New(hits[one.article], one.why, one.at) for one in here if one.article in hits)


def standings(db: Database) -> list[Standing]:
    """Every saved search with what it finds now; one that cannot be run tells why, and does not keep the others."""
    out = []
    for row in stored.rows(db):
        try:
            saved = _saved(row)
        except SavedSearchUnreadable as error:
            out.append(Standing(Saved(row.name, Query(), row.saved_at, row.ran_at, row.uuid), None, None, str(error)))
            continue
        try:
            found = listing(db, replace(_whole(saved.query), sort="added"))
            told = stored.known(db, row.id, _every(found))
            out.append(Standing(saved, len(found.beneath), len(_anew(db, row, found, told))))
        except ArchiverError as error:
            out.append(Standing(saved, None, None, str(error)))
    return out


def valid_name(name: str) -> tuple[str, str]:
    """A name as it is shown and as it is compared. Raises BadName."""
    shown = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    kinds = [unicodedata.category(letter)[0] for letter in shown]
    if not shown or len(shown) > MOST_LETTERS or shown[-1] == " " or kinds[0] not in "LN" or not all(
            kind in "LNM" or letter in _SIGNS for kind, letter in zip(kinds, shown, strict=True)):
        raise BadName(name, "a name has letters, digits, blanks and . _ + - in it, begins with a letter or digit, "
                            f"and is not longer than {MOST_LETTERS}")
    return shown, _key(shown)


# -- how it is done ---------------------------------------------------------------------------


def _whole(query: Query) -> Query:
    return replace(query, limit=None, offset=0)


def _every(found: Listing) -> list[int]:
    """All that matches, what is folded too: a copy of what was told of is no news, whichever of them is shown."""
    return [number for top, beneath in found.beneath.items() for number in (top, *beneath)]


def _anew(db: Database, row: stored.Row, found: Listing, told: set[int]) -> dict[int, str]:
    """What is shown and stands for nothing that was told of, with the reason."""
    fresh = [top for top, beneath in found.beneath.items() if not told.intersection((top, *beneath))]
    return stored.reasons(db, row, fresh)


def _news(saved: Saved, since: str, found: Listing, new: Mapping[int, str], at: str) -> News:
    hits = found.hits(new)
    return News(saved, since, tuple(New(hit, new[hit.id], at) for hit in hits), len(found.beneath))


def _key(name: str) -> str:
    """A name as it is compared: no case, compatibility forms as their plain ones (UAX #15)."""
    return unicodedata.normalize("NFKC", name.encode("utf-8", "replace").decode()).casefold()


def _row(db: Database, name: str) -> stored.Row:
    found = stored.rows(db, _key(name))
    if not found:
        raise SearchNotFound(name)
    return found[0]


def _moment(now: datetime | None) -> str:
    return (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")


def _as_json(query: Query) -> str:
    """What of a query is not as it is by default."""
    said = {f.name: getattr(query, f.name) for f in fields(Query)
            if f.name not in _PAGE and getattr(query, f.name) != f.default}
    return json.dumps(said, ensure_ascii=False)


def _saved(row: stored.Row) -> Saved:
    known = {f.name for f in fields(Query)} - _PAGE
    try:
        said: dict[str, Any] = json.loads(row.query)
        strange = sorted(set(said) - known)
        if strange:
            raise SavedSearchUnreadable(row.name, f"it asks for {', '.join(strange)}, which this version does not know")
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value
                                  for name, value in said.items()}
        query = Query(**values)
    except (ValueError, TypeError) as error:
        raise SavedSearchUnreadable(row.name, f"its query is no query ({error})") from error
    return Saved(row.name, query, row.saved_at, row.ran_at, row.uuid)
