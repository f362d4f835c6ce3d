"""Feeds of articles, and saved searches, which report new matches as a feed.

    feed = changes_feed(db, Query("flood"), own_url="https://archive.example/search/feed?q=flood")
    write_atom(feed)        bytes of an Atom feed (RFC 4287), to be served as ATOM_TYPE

    save_search(db, "floods", Query("flood OR storm"))  saves a query; its present matches count as reported
    run_saved_search(db, "floods")                      returns the new matches and marks them as reported
    peek_saved_search(db, "floods")                     returns the new matches without marking them as reported

Each matching article is reported once, by the first run that finds it, even if it is edited later. Saving and running
are safe during a crawl and concurrently. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

import json
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from archiver.model.errors import ArchiverError, BadSearchName, SavedSearchNotFound, SavedSearchUnreadable
from archiver.model.lazy_regex import lazy_regex
from archiver.search.query import Query, query_as_options
from archiver.search.search_hits import Hit, Listing, list_matches
from archiver.storage import Database, full_text
from archiver.storage.transactions import writing

if TYPE_CHECKING:
    from lxml import etree


ATOM = "http://www.w3.org/2005/Atom"
ATOM_TYPE = "application/atom+xml; charset=utf-8"
"""The Content-Type with which a feed is served."""
MAX_ENTRIES = 100
"""The maximum number of entries in a feed, by default."""
REASONS: dict[str, str] = {
    "new": "new in the archive",
    "edited": "edited since it was archived",
    "gone": "no longer online",
}
"""Why an article is in the feed of a query, with the label that feed readers show."""

_NOT_XML = lazy_regex("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not allow (section 2.2)."""
_TAG = lazy_regex(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_EXACT = ("second", "minute")
_EPOCH = "1970-01-01T00:00:00+00:00"


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One article in a feed.

    - `id`: a URN that stays the same when the article is edited.
    - `updated`: the time of the change that put the article in the feed.
    - `published`: when the post was published; "" if that is not known to the minute.
    - `authors`: at least one name, because an Atom entry must have an author (RFC 4287, section 4.1.2).
    - `reason`, `label`: why the article is in the feed, for programs and for people.
    - `page`: the URL of the article's page in the archive; "" if the feed leads only to the post at its site (`url`).
    - `also`: further reasons with their labels.
    - `html`: the content of the entry as HTML; "" if it has only a summary.
    """

    id: str
    url: str
    title: str
    updated: str
    authors: tuple[str, ...]
    reason: str
    label: str
    summary: str = ""
    published: str = ""
    tags: tuple[str, ...] = ()
    language: str = ""
    page: str = ""
    also: tuple[tuple[str, str], ...] = ()
    html: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed with its entries, newest first. `own_url` is the URL at which it is served, and `home_url` the URL of the
    web page with the same articles; each is "" if there is none.
    """

    id: str
    title: str
    updated: str
    entries: tuple[FeedEntry, ...]
    own_url: str = ""
    home_url: str = ""


# The feed of a query.


def changes_feed(
    db: Database,
    query: Query,
    most: int = MAX_ENTRIES,
    *,
    own_url: str = "",
    home_url: str = "",
    title: str = "",
    page_of: Callable[[Hit], str] = lambda hit: "",
) -> Feed:
    """Returns a feed of at most `most` articles that a query matches: those that were added or changed most recently.
    An article is changed when a revision of it is stored, or when it is found to be gone. The query's own order and
    limit are ignored.

    `title` is the feed's title; "" for the query itself. `page_of` returns the URL of an article's page in the archive.
    Raises BadQuery, SiteNotFound or IndexMissing.
    """
    found = list_matches(db, replace(query, limit=None, offset=0, sort="added"))
    changes = _last_changes(db, found.beneath, most)
    hits = {hit.id: hit for hit in found.hits(changes)}
    options = query_as_options(replace(query, sort=""))
    entries = tuple(
        replace(
            entry_of_hit(
                hits[number],
                uuid.uuid5(uuid.NAMESPACE_URL, one.urlkey).urn,
                updated=one.at,
                reason=one.reason,
                label=REASONS[one.reason],
            ),
            page=page_of(hits[number]),
        )
        for number, one in changes.items()
        if number in hits
    )
    return Feed(
        uuid.uuid5(uuid.NAMESPACE_URL, own_url or f"archiver:search?{options}").urn,
        title or f"Archive: {options or 'every article'}",
        entries[0].updated if entries else _EPOCH,
        entries,
        own_url,
        home_url,
    )


@dataclass(frozen=True, slots=True)
class _Change:
    urlkey: str
    at: str
    reason: str


def _last_changes(db: Database, ids: Iterable[int], most: int) -> dict[int, _Change]:
    """Of these articles, takes the `most` that changed most recently, and returns the last change of each by article
    ID, newest change first.
    """
    rows = db.execute(
        "select id, urlkey, max(at, coalesce(gone_at, '')) as changed, "
        "case when gone_at >= at then 'gone' when revision > 1 then 'edited' else 'new' end from (select a.id, "
        "a.urlkey, a.gone_at, a.revision, coalesce(r.observed_at, a.first_seen) as at from articles a left join "
        "revisions r on r.article_id = a.id and r.revision = a.revision "
        "where a.id in (select value from json_each(?))) order by changed desc, id desc limit ?",
        [json.dumps(list(ids)), most],
    )
    return {number: _Change(key, at, reason) for number, key, at, reason in rows}


def entry_of_hit(hit: Hit, urn: str, *, updated: str, reason: str, label: str) -> FeedEntry:
    """Returns the entry of a search result. `urn` is its ID; `updated`, `reason` and `label` are as in FeedEntry."""
    is_exact = bool(hit.published) and hit.published_precision in _EXACT  # a feed needs a time, not only a day
    return FeedEntry(
        urn,
        hit.url,
        hit.title or hit.url,
        updated,
        hit.authors or (hit.site,),
        reason,
        label,
        hit.snippet,
        (hit.published or "") if is_exact else "",
        (*hit.categories, *hit.tags),
        hit.language if hit.language and _TAG.fullmatch(hit.language) else "",
    )


# The writer.


def write_atom(feed: Feed, software: str = "archiver") -> bytes:
    """Returns a feed as Atom (RFC 4287). `software` is the name of the program in the feed."""
    from lxml import etree  # imported late because only a feed needs it

    root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})  # type: ignore[dict-item]  # the stubs lack None
    _add(root, "id", feed.id)
    _add(root, "title", feed.title)
    _add(root, "updated", format_rfc3339(feed.updated))
    _add(_add(root, "author"), "name", software)
    _add(root, "generator", software)
    if feed.own_url:
        _add(root, "link", rel="self", type="application/atom+xml", href=feed.own_url)
    if feed.home_url:
        _add(root, "link", rel="alternate", type="text/html", href=feed.home_url)
    for one in feed.entries:
        _add_entry(root, one)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)


def _add_entry(root: etree._Element, one: FeedEntry) -> None:
    entry = _add(root, "entry")
    if one.language:
        entry.set("{http://www.w3.org/XML/1998/namespace}lang", one.language)
    _add(entry, "id", one.id)
    _add(entry, "title", one.title)
    _add(entry, "updated", format_rfc3339(one.updated))
    if one.published:
        _add(entry, "published", format_rfc3339(one.published))
    for name in one.authors:
        _add(_add(entry, "author"), "name", name)
    _add(entry, "link", rel="alternate", href=one.page or one.url)
    if one.page:
        _add(entry, "link", rel="via", href=one.url)
    for term, label in ((one.reason, one.label), *one.also):
        _add(entry, "category", term=term, label=label)
    if one.html:
        _add(entry, "content", one.html, type="html")
    else:
        _add(entry, "summary", one.summary)


def _add(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    from lxml import etree

    element = etree.SubElement(parent, f"{{{ATOM}}}{name}")
    element.text = _NOT_XML.sub("", text) or None
    for key, value in attributes.items():
        element.set(key, _NOT_XML.sub("", value))
    return element


def format_rfc3339(moment: str) -> str:
    """Formats a time in UTC as RFC 3339 requires; a time without a zone is taken as UTC."""
    when = datetime.fromisoformat(moment)
    return (
        (when if when.tzinfo else when.replace(tzinfo=UTC))
        .astimezone(UTC)
        .isoformat(timespec="seconds")
        .replace("+00:00", "Z")
    )


MAX_NAME_LENGTH = 80
NEW_RESULT_REASONS: dict[str, str] = {
    "new": "added to the archive since the last run",
    "edited": "already archived, matches since a new revision",
    "changed": "already archived, matches since its metadata changed",
}
"""The reasons why an article is a new match. `changed` means that something other than its text has changed: it is
gone, has duplicates, or was extracted again."""

_NAME_PUNCTUATION = frozenset(" ._+-")
_PAGE = frozenset(("limit", "offset"))
"""Parts of a query that only select a page of results. They are not stored with a saved search."""
_FORMER = frozenset(("recent",))
"""Parts of queries of earlier versions, which changed only the order of results."""


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
    """A match that a saved search had not reported before. `why` is the reason why it is new (a key of
    NEW_RESULT_REASONS); `found_at` is the time of the run that reported it.
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
            raise BadSearchName(shown, f"the name is in use; 'archiver search --forget {shown}' removes that search")
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
    """Returns the new matches, each ID with the reason why it is new (a key of NEW_RESULT_REASONS). A match is new
    if `known`, the IDs reported before, contains neither the match itself nor a copy that is folded beneath it.
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
        stored_values = {name: value for name, value in json.loads(row.query).items() if name not in _FORMER}
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
                label=NEW_RESULT_REASONS.get(one.why, one.why),
            )
            for one in reported
        ),
        own_url,
    )
    return write_atom(feed, software)
