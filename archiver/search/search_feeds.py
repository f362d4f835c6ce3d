"""Feeds of articles: a feed as plain values, and its writers for Atom (RFC 4287) and JSON Feed 1.1.

    feed = changes_feed(db, Query("flood"), own_url="https://archive.example/search/feed?q=flood")
    write_atom(feed)        bytes, to be served as ATOM_TYPE
    write_json_feed(feed)   bytes, to be served as JSON_FEED_TYPE

The writers are pure functions of a feed. `archiver feed`, `archiver searches run --atom` and the web pages share them.
Times are ISO 8601.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from archiver.lazy_regex import lazy_regex
from archiver.search.query import Query, query_as_options
from archiver.search.search_hits import Hit, list_matches
from archiver.storage import Database

if TYPE_CHECKING:
    from lxml import etree

ATOM = "http://www.w3.org/2005/Atom"
ATOM_TYPE = "application/atom+xml"
JSON_FEED_TYPE = "application/feed+json"
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
_JSON_FEED = "https://jsonfeed.org/version/1.1"


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


FeedFormat = Literal["atom", "json"]


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
    found = list_matches(db, replace(query, limit=None, offset=0, sort="added", recent=None))
    changes = _last_changes(db, found.beneath, most)
    hits = {hit.id: hit for hit in found.hits(changes)}
    options = query_as_options(replace(query, sort="", recent=None))
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


# The writers.


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
        _add(root, "link", rel="self", type=ATOM_TYPE, href=feed.own_url)
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


def write_json_feed(feed: Feed, software: str = "archiver") -> bytes:
    """Returns a feed as JSON Feed 1.1. `software` is the name of the program in the feed."""
    whole = _without_empty(
        {
            "version": _JSON_FEED,
            "title": feed.title,
            "home_page_url": feed.home_url,
            "feed_url": feed.own_url,
            "authors": [{"name": software}],
        }
    )
    whole["items"] = [_item(one) for one in feed.entries]
    return (json.dumps(whole, ensure_ascii=False, indent=2) + "\n").encode()


def _item(one: FeedEntry) -> dict[str, Any]:
    return _without_empty(
        {
            "id": one.id,
            "url": one.page or one.url,
            "external_url": one.url if one.page else "",
            "title": one.title,
            "content_html": one.html,
            "content_text": "" if one.html else one.summary or one.title,  # an item must have a content
            "date_published": format_rfc3339(one.published) if one.published else "",
            "date_modified": format_rfc3339(one.updated),
            "authors": [{"name": name} for name in one.authors],
            "tags": list(one.tags),
            "language": one.language,
            "_archiver": {"reason": one.reason, "about": one.label},
        }
    )


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in ("", [])}


def format_rfc3339(moment: str) -> str:
    """Formats a time in UTC as RFC 3339 requires; a time without a zone is taken as UTC."""
    when = datetime.fromisoformat(moment)
    return (
        (when if when.tzinfo else when.replace(tzinfo=UTC))
        .astimezone(UTC)
        .isoformat(timespec="seconds")
        .replace("+00:00", "Z")
    )


WRITERS: dict[FeedFormat, Callable[[Feed], bytes]] = {"atom": write_atom, "json": write_json_feed}
TYPES: dict[FeedFormat, str] = {"atom": f"{ATOM_TYPE}; charset=utf-8", "json": JSON_FEED_TYPE}
"""The Content-Type with which each format is served."""
