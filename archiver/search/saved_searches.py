"""Saved searches: named queries that report new matches, with their Atom feeds.

    save_search(db, "floods", Query("flood OR storm"))  saves a query; its present matches count as reported
    run_saved_search(db, "floods")                      returns the new matches and marks them as reported
    peek_saved_search(db, "floods")                     returns the new matches without marking them as reported

Each matching article is reported once, by the first run that finds it, even if it is edited later. Saving and
running are safe during a crawl and concurrently. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

import json
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from archiver.errors import ArchiverError, BadSearchName, SavedSearchNotFound, SavedSearchUnreadable
from archiver.search.query import Query, query_as_options
from archiver.search.search_feeds import Feed, entry_of_hit, write_atom
from archiver.search.search_hits import Hit, Listing, list_matches
from archiver.storage import Database, full_text
from archiver.storage.transactions import writing

MAX_NAME_LENGTH = 80
WHY: dict[str, str] = {
    "new": "added to the archive since the last run",
    "edited": "already archived, matches since a new revision",
    "changed": "already archived, matches since its metadata changed",
}
"""The reasons why an article is a new match. `changed` means that something other than its text has changed: it is
gone, has duplicates, or was extracted again."""

_NAME_PUNCTUATION = frozenset(" ._+-")
_PAGE = frozenset(("limit", "offset"))
"""Parts of a query that only select a page of results. They are not stored with a saved search."""


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A query stored under a name. `ran_at` is the time of its last run, or of saving if it has not run. `uuid` never
    changes.
    """

    name: str
    query: Query
    saved_at: str
    ran_at: str
    uuid: str


@dataclass(frozen=True, slots=True)
class NewHit:
    """A match that a saved search had not reported before. `why` is the reason why it is new (a key of WHY); `found_at`
    is the time of the run that reported it.
    """

    hit: Hit
    why: str
    found_at: str


@dataclass(frozen=True, slots=True)
class NewHits:
    """The result of running a saved search. `new` are the matches that are new since the previous run, whose time is
    `since`. `total` is the number of all matches after folding.
    """

    saved: SavedSearch
    since: str
    new: tuple[NewHit, ...]
    total: int


@dataclass(frozen=True, slots=True)
class SavedSearchState:
    """A saved search with its current numbers of matches and of new matches, or with the error that prevents it from
    running.
    """

    saved: SavedSearch
    total: int | None
    new: int | None
    error: str = ""


def save_search(db: Database, name: str, query: Query, now: datetime | None = None) -> SavedSearch:
    """Saves a query under a name, which is compared case-insensitively. The query's present matches count as already
    reported. `now` is the time of saving; None means the current time.

    `db` must be open for writing. Raises BadSearchName (also for a name in use), and BadQuery, SiteNotFound or
    IndexMissing if the query cannot be run.
    """
    shown, key = checked_name(name)
    before = full_text.archive_mark(db)
    found = list_matches(db, _all_pages(query))
    with writing(db):
        if full_text.saved_search_rows(db, key):
            raise BadSearchName(shown, f"the name is in use; 'archiver searches remove {shown}' removes that search")
        number = full_text.insert_saved_search(
            db, full_text.NewSearch(shown, key, str(uuid.uuid4()), _query_as_json(query), _moment(now), before)
        )
        full_text.add_hits(db, number, _matching_ids(found))
    return find_saved_search(db, shown)


def find_saved_search(db: Database, name: str) -> SavedSearch:
    """Returns the saved search with this name. Raises SavedSearchNotFound and SavedSearchUnreadable."""
    return _saved(_row(db, name))


def remove_saved_search(db: Database, name: str) -> None:
    """Deletes a saved search. `db` must be open for writing. Raises SavedSearchNotFound."""
    with writing(db):
        full_text.delete_saved_search(db, _row(db, name).id)


def run_saved_search(db: Database, name: str, now: datetime | None = None) -> NewHits:
    """Runs a saved search: returns its new matches and marks them as reported. `now` is the time of the run; None means
    the current time. If several runs are concurrent, only one reports a match.

    If a run is killed before its result is shown, `last_reported` returns the result. `db` must be open for writing.
    Raises SavedSearchNotFound, SavedSearchUnreadable, and BadQuery, SiteNotFound or IndexMissing if the query cannot be
    run.
    """
    row = _row(db, name)
    saved = _saved(row)
    before = full_text.archive_mark(db)
    found = list_matches(db, _all_pages(saved.query))
    with writing(db):
        row = _row(db, name)  # another run may have finished meanwhile
        at = max(_moment(now), row.ran_at)
        known = full_text.known_hits(db, row.id, _matching_ids(found))
        new = _new_matches(db, row, found, known)
        full_text.add_hits(db, row.id, (number for number in _matching_ids(found) if number not in known), at, new)
        full_text.mark_saved_search_run(db, row.id, at, before)
    return _result(replace(saved, ran_at=at), row.ran_at, found, new, at)


def peek_saved_search(db: Database, name: str, now: datetime | None = None) -> NewHits:
    """Returns the new matches of a saved search without marking them as reported. Writes nothing. `now` is the time of
    the run; None means the current time. Raises the same errors as `run_saved_search`.
    """
    row = _row(db, name)
    saved = _saved(row)
    found = list_matches(db, _all_pages(saved.query))
    new = _new_matches(db, row, found, full_text.known_hits(db, row.id, _matching_ids(found)))
    return _result(saved, row.ran_at, found, new, _moment(now))


def last_reported(db: Database, name: str, most: int | None = None) -> tuple[NewHit, ...]:
    """Returns the matches that a saved search has already reported, with their current fields, latest first. Returns at
    most `most` of them; None means all.

    Articles that no longer match are left out. Raises the same errors as `run_saved_search`.
    """
    row = _row(db, name)
    reported = full_text.reported_hits(db, row.id)
    if not reported:
        return ()
    found = list_matches(db, _all_pages(_saved(row).query))
    current = [one for one in reported if one.article in found.beneath][:most]
    hits = {hit.id: hit for hit in found.hits([one.article for one in current])}
    return tuple(NewHit(hits[one.article], one.why, one.at) for one in current if one.article in hits)


def saved_search_states(db: Database) -> list[SavedSearchState]:
    """Returns all saved searches with their current numbers of matches. If a search cannot run, its entry contains the
    error instead.
    """
    out = []
    for row in full_text.saved_search_rows(db):
        try:
            saved = _saved(row)
        except SavedSearchUnreadable as error:
            out.append(
                SavedSearchState(
                    SavedSearch(row.name, Query(), row.saved_at, row.ran_at, row.uuid), None, None, str(error)
                )
            )
            continue
        try:
            found = list_matches(db, replace(_all_pages(saved.query), sort="added"))
            known = full_text.known_hits(db, row.id, _matching_ids(found))
            out.append(SavedSearchState(saved, len(found.beneath), len(_new_matches(db, row, found, known))))
        except ArchiverError as error:
            out.append(SavedSearchState(saved, None, None, str(error)))
    return out


def checked_name(name: str) -> tuple[str, str]:
    """Returns the name of a saved search in two forms: as displayed, and case-folded for comparison. Raises
    BadSearchName if the name is not allowed.
    """
    shown = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    kinds = [unicodedata.category(letter)[0] for letter in shown]
    if (
        not shown
        or len(shown) > MAX_NAME_LENGTH
        or shown[-1] == " "
        or kinds[0] not in "LN"
        or not all(kind in "LNM" or letter in _NAME_PUNCTUATION for kind, letter in zip(kinds, shown, strict=True))
    ):
        raise BadSearchName(
            name,
            "a name consists of letters, digits, spaces and . _ + -, starts with a letter or digit, does not end with "
            f"a space, and has at most {MAX_NAME_LENGTH} characters",
        )
    return shown, _comparable_name(shown)


# -- helpers ----------------------------------------------------------------------------------


def _all_pages(query: Query) -> Query:
    return replace(query, limit=None, offset=0)


def _matching_ids(found: Listing) -> list[int]:
    """Returns the IDs of all matches, including folded matches. A copy of a reported article thus never counts as new,
    whichever copy is shown.
    """
    return [number for top, beneath in found.beneath.items() for number in (top, *beneath)]


def _new_matches(db: Database, row: full_text.SavedSearchRow, found: Listing, known: set[int]) -> dict[int, str]:
    """Returns the new matches, each ID with the reason why it is new (a key of WHY). A match is new if `known`, the IDs
    reported before, contains neither the match itself nor a copy that is folded beneath it.
    """
    fresh = [top for top, beneath in found.beneath.items() if not known.intersection((top, *beneath))]
    return full_text.new_hit_reasons(db, row, fresh)


def _result(saved: SavedSearch, since: str, found: Listing, new: Mapping[int, str], at: str) -> NewHits:
    hits = found.hits(new)
    return NewHits(saved, since, tuple(NewHit(hit, new[hit.id], at) for hit in hits), len(found.beneath))


def _comparable_name(name: str) -> str:
    """Returns the form of a name used for comparison: case-folded and NFKC-normalized (UAX #15)."""
    return unicodedata.normalize("NFKC", name.encode("utf-8", "replace").decode()).casefold()


def _row(db: Database, name: str) -> full_text.SavedSearchRow:
    found = full_text.saved_search_rows(db, _comparable_name(name))
    if not found:
        raise SavedSearchNotFound(name, [row.name for row in full_text.saved_search_rows(db)])
    return found[0]


def _moment(now: datetime | None) -> str:
    return (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")


def _query_as_json(query: Query) -> str:
    """Serializes the fields of a query that differ from their defaults, except limit and offset, as a JSON object."""
    values = {
        f.name: getattr(query, f.name)
        for f in fields(Query)
        if f.name not in _PAGE and getattr(query, f.name) != f.default
    }
    return json.dumps(values, ensure_ascii=False)


def _saved(row: full_text.SavedSearchRow) -> SavedSearch:
    known = {f.name for f in fields(Query)} - _PAGE
    try:
        stored_values: dict[str, Any] = json.loads(row.query)
        unknown = sorted(set(stored_values) - known)
        if unknown:
            raise SavedSearchUnreadable(row.name, f"this release does not support {', '.join(unknown)}")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored_values.items()
        }
        query = Query(**values)
    except (ValueError, TypeError) as error:
        raise SavedSearchUnreadable(row.name, f"its query is invalid ({error})") from error
    return SavedSearch(row.name, query, row.saved_at, row.ran_at, row.uuid)


# The reported articles of a saved search as an Atom feed (RFC 4287).


def atom_feed(
    saved: SavedSearch, reported: Sequence[NewHit], *, own_url: str = "", software: str = "archiver"
) -> bytes:
    """Returns the Atom feed of a saved search, with one entry for each of the `reported` matches (from
    `last_reported`), in that order.

    `own_url` is the URL at which the feed is served; "" for a feed in a file. `software` is the name of the program in
    the feed. The category of an entry says why it is new.
    """
    feed = Feed(
        f"urn:uuid:{saved.uuid}",
        f"{saved.name}: {query_as_options(saved.query) or 'every article'}",
        max((one.found_at for one in reported), default=saved.saved_at),
        tuple(
            entry_of_hit(
                one.hit,
                uuid.uuid5(uuid.UUID(saved.uuid), str(one.hit.id)).urn,
                updated=one.found_at,
                reason=one.why,
                label=WHY.get(one.why, one.why),
            )
            for one in reported
        ),
        own_url,
    )
    return write_atom(feed, software)
