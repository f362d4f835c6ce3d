"""Saved searches: a query under a name, and what it finds that it did not find before.

    save(db, "floods", Query("flood OR storm"))     what it finds now counts as told
    report(db, "floods")                            what it finds anew; told once
    peek(db, "floods")                              the same, and not told yet

An article that matches is told of once, by the first run that finds it, however often it is edited after that. Writing
and running are safe beside a crawl, and beside each other. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

import json
import re
import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from lxml import etree
from sqlite_utils import Database

from archiver.errors import ArchiverError, BadName, SavedSearchUnreadable, SearchNotFound
from archiver.search.engine import Hit, Listing, listing
from archiver.search.query import Query, query_as_options
from archiver.storage import saved_searches as stored
from archiver.storage.connection import writing

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
class SavedSearch:
    """A saved search. `saved_at` and `ran_at` (the last run, or the saving): ISO 8601, UTC. `uuid` is given once."""

    name: str
    query: Query
    saved_at: str
    ran_at: str
    uuid: str


@dataclass(frozen=True, slots=True)
class NewHit:
    """A hit that a search did not find before; `why` is a key of WHY, `found_at` when a run told of it."""

    hit: Hit
    why: str
    found_at: str


@dataclass(frozen=True, slots=True)
class NewHits:
    """What came of a run: `since` is the time of the one before, `total` all that the search finds now, as it is folded
    (`new` are among them)."""

    saved: SavedSearch
    since: str
    new: tuple[NewHit, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A saved search in a list: what it finds now, and how much of that is new; or why it cannot be run."""

    saved: SavedSearch
    total: int | None
    new: int | None
    error: str = ""


def save_search(db: Database, name: str, query: Query, now: datetime | None = None) -> SavedSearch:
    """Save a query under a name, which is compared without case; what it finds now is not new later.

    `db` is open for writing. Raises BadName, also for a name that is taken, and what `run` raises for the query.
    """
    shown, key = valid_name(name)
    before = stored.archive_mark(db)
    found = listing(db, _whole(query))
    with writing(db):
        if stored.saved_search_rows(db, key):
            raise BadName(shown, f"there is one of this name; 'archiver searches remove {shown}' takes it away")
        number = stored.insert_saved_search(
            db, stored.NewSearch(shown, key, str(uuid.uuid4()), _as_json(query), _moment(now), before)
        )
        stored.add_hits(db, number, _every(found))
    return find_saved_search(db, shown)


def saved_searches(db: Database) -> list[SavedSearch]:
    """All, by name. Raises SavedSearchUnreadable for one that a newer version saved."""
    return [_saved(row) for row in stored.saved_search_rows(db)]


def find_saved_search(db: Database, name: str) -> SavedSearch:
    """Raises SearchNotFound and SavedSearchUnreadable."""
    return _saved(_row(db, name))


def remove_saved_search(db: Database, name: str) -> None:
    """`db` is open for writing. Raises SearchNotFound."""
    with writing(db):
        stored.delete_saved_search(db, _row(db, name).id)


def run_saved_search(db: Database, name: str, now: datetime | None = None) -> NewHits:
    """What a search finds anew, noted as told: of several runs, at the same time or killed, one tells of it.

    A run that is killed when it has noted and not shown is shown again by `last`. `db` is open for writing. Raises
    SearchNotFound, SavedSearchUnreadable and what `run` raises for the query.
    """
    row = _row(db, name)
    saved = _saved(row)
    before = stored.archive_mark(db)
    found = listing(db, _whole(saved.query))
    with writing(db):
        row = _row(db, name)  # another run may have ended since
        at = max(_moment(now), row.ran_at)
        told = stored.known_hits(db, row.id, _every(found))
        new = _anew(db, row, found, told)
        stored.add_hits(db, row.id, (number for number in _every(found) if number not in told), at, new)
        stored.mark_saved_search_run(db, row.id, at, before)
    return _news(replace(saved, ran_at=at), row.ran_at, found, new, at)


def peek_saved_search(db: Database, name: str, now: datetime | None = None) -> NewHits:
    """What `report` would tell; nothing is written. Raises what `report` does."""
    row = _row(db, name)
    saved = _saved(row)
    found = listing(db, _whole(saved.query))
    new = _anew(db, row, found, stored.known_hits(db, row.id, _every(found)))
    return _news(saved, row.ran_at, found, new, _moment(now))


def last_reported(db: Database, name: str, most: int | None = None, *, of_run: str | None = None) -> tuple[NewHit, ...]:
    """What runs of a search told of, the latest first, as it is now; with `of_run` by the run at that time alone.
    What does not match any more is left out. Raises what `report` does."""
    row = _row(db, name)
    told = stored.reported_hits(db, row.id, -1, of_run)
    if not told:
        return ()
    found = listing(db, _whole(_saved(row).query))
    here = [one for one in told if one.article in found.beneath][:most]
    hits = {hit.id: hit for hit in found.hits([one.article for one in here])}
    return tuple(NewHit(hits[one.article], one.why, one.at) for one in here if one.article in hits)


def saved_search_states(db: Database) -> list[Standing]:
    """Every saved search with what it finds now; one that cannot be run tells why, and does not keep the others."""
    out = []
    for row in stored.saved_search_rows(db):
        try:
            saved = _saved(row)
        except SavedSearchUnreadable as error:
            out.append(
                Standing(SavedSearch(row.name, Query(), row.saved_at, row.ran_at, row.uuid), None, None, str(error))
            )
            continue
        try:
            found = listing(db, replace(_whole(saved.query), sort="added"))
            told = stored.known_hits(db, row.id, _every(found))
            out.append(Standing(saved, len(found.beneath), len(_anew(db, row, found, told))))
        except ArchiverError as error:
            out.append(Standing(saved, None, None, str(error)))
    return out


def valid_name(name: str) -> tuple[str, str]:
    """A name as it is shown and as it is compared. Raises BadName."""
    shown = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())
    kinds = [unicodedata.category(letter)[0] for letter in shown]
    if (
        not shown
        or len(shown) > MOST_LETTERS
        or shown[-1] == " "
        or kinds[0] not in "LN"
        or not all(kind in "LNM" or letter in _SIGNS for kind, letter in zip(kinds, shown, strict=True))
    ):
        raise BadName(
            name,
            "a name has letters, digits, blanks and . _ + - in it, begins with a letter or digit, "
            f"and is not longer than {MOST_LETTERS}",
        )
    return shown, _key(shown)


# -- how it is done ---------------------------------------------------------------------------


def _whole(query: Query) -> Query:
    return replace(query, limit=None, offset=0)


def _every(found: Listing) -> list[int]:
    """All that matches, what is folded too: a copy of what was told of is no news, whichever of them is shown."""
    return [number for top, beneath in found.beneath.items() for number in (top, *beneath)]


def _anew(db: Database, row: stored.SavedSearchRow, found: Listing, told: set[int]) -> dict[int, str]:
    """What is shown and stands for nothing that was told of, with the reason."""
    fresh = [top for top, beneath in found.beneath.items() if not told.intersection((top, *beneath))]
    return stored.new_hit_reasons(db, row, fresh)


def _news(saved: SavedSearch, since: str, found: Listing, new: Mapping[int, str], at: str) -> NewHits:
    hits = found.hits(new)
    return NewHits(saved, since, tuple(NewHit(hit, new[hit.id], at) for hit in hits), len(found.beneath))


def _key(name: str) -> str:
    """A name as it is compared: no case, compatibility forms as their plain ones (UAX #15)."""
    return unicodedata.normalize("NFKC", name.encode("utf-8", "replace").decode()).casefold()


def _row(db: Database, name: str) -> stored.SavedSearchRow:
    found = stored.saved_search_rows(db, _key(name))
    if not found:
        raise SearchNotFound(name)
    return found[0]


def _moment(now: datetime | None) -> str:
    return (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")


def _as_json(query: Query) -> str:
    """What of a query is not as it is by default."""
    said = {
        f.name: getattr(query, f.name)
        for f in fields(Query)
        if f.name not in _PAGE and getattr(query, f.name) != f.default
    }
    return json.dumps(said, ensure_ascii=False)


def _saved(row: stored.SavedSearchRow) -> SavedSearch:
    known = {f.name for f in fields(Query)} - _PAGE
    try:
        said: dict[str, Any] = json.loads(row.query)
        strange = sorted(set(said) - known)
        if strange:
            raise SavedSearchUnreadable(row.name, f"it asks for {', '.join(strange)}, which this version does not know")
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in said.items()
        }
        query = Query(**values)
    except (ValueError, TypeError) as error:
        raise SavedSearchUnreadable(row.name, f"its query is no query ({error})") from error
    return SavedSearch(row.name, query, row.saved_at, row.ran_at, row.uuid)


# What a saved search told of as an Atom feed (RFC 4287), for feed readers.

ATOM = "http://www.w3.org/2005/Atom"
_NO_LETTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (section 2.2)."""
_TAG = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_EXACT = ("second", "minute")


def feed(saved: SavedSearch, told: Sequence[NewHit], *, own_url: str = "", software: str = "archiver") -> bytes:
    """The feed of a saved search: an entry for each of what `archiver.search.saved_search.last_reported` gives, in that order.

    `own_url` is where the feed is served, if it is. An entry says why it is new in its category. Without a byline the
    site stands for the author, whom an entry must have (section 4.1.2).
    """
    root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})  # type: ignore[dict-item]  # the stubs know of no default
    _add(root, "id", f"urn:uuid:{saved.uuid}")
    _add(root, "title", f"{saved.name}: {query_as_options(saved.query) or 'every article'}")
    _add(root, "updated", _utc(max((one.found_at for one in told), default=saved.saved_at)))
    _add(_add(root, "author"), "name", software)
    _add(root, "generator", software)
    if own_url:
        _add(root, "link", rel="self", type="application/atom+xml", href=own_url)
    for one in told:
        _enter(root, saved, one)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)


def _enter(root: etree._Element, saved: SavedSearch, one: NewHit) -> None:
    hit = one.hit
    entry = _add(root, "entry")
    if hit.language and _TAG.fullmatch(hit.language):
        entry.set("{http://www.w3.org/XML/1998/namespace}lang", hit.language)
    _add(entry, "id", uuid.uuid5(uuid.UUID(saved.uuid), str(hit.id)).urn)
    _add(entry, "title", hit.title or hit.url)
    _add(entry, "updated", _utc(one.found_at))
    if hit.published and hit.published_precision in _EXACT:  # a day is no time, which this element takes alone
        _add(entry, "published", _utc(hit.published))
    for name in hit.authors or (hit.site,):
        _add(_add(entry, "author"), "name", name)
    _add(entry, "link", rel="alternate", href=hit.url)
    _add(entry, "category", term=one.why, label=WHY.get(one.why, one.why))
    _add(entry, "summary", hit.snippet)


def _add(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{ATOM}}}{name}")
    element.text = _NO_LETTERS.sub("", text) or None
    for key, value in attributes.items():
        element.set(key, _NO_LETTERS.sub("", value))
    return element


def _utc(moment: str) -> str:
    """A time as RFC 3339 has it; one without a zone is UTC."""
    when = datetime.fromisoformat(moment)
    return (
        (when if when.tzinfo else when.replace(tzinfo=UTC))
        .astimezone(UTC)
        .isoformat(timespec="seconds")
        .replace("+00:00", "Z")
    )
