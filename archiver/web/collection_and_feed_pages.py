"""The web pages by which readers keep articles and follow searches: collections, and feeds of any search.

The server stores neither. A collection is a URL that contains its articles and notes; a feed is a search whose newest
results are written as Atom (RFC 4287) or as JSON Feed 1.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from archiver.errors import ArticleNotFound, ArticleRemoved
from archiver.search.atom_and_json_feeds import TYPES, Feed, FeedFormat, changes_feed, write_atom, write_json_feed
from archiver.search.citations import STYLE_NAMES, STYLES, build_citation
from archiver.search.query_with_filters_and_sort import Query
from archiver.storage.article_tables.article_record_reader import find_article, records
from archiver.web.search_pages_and_exports import EXPORT_FORMATS
from archiver.web.site_names_and_icons import identify_sites, name_sites
from archiver.web.web_requests_responses_and_query_urls import (
    LONG,
    MANY,
    ArchiveRequest,
    PageResponse,
    RawResponse,
    collected_articles,
    format_query,
    make_search_link,
    parse_offset,
    parse_query,
)

# Collections.

MAX_NOTE = 2_000
"""A note in a collection has at most this many characters."""
_NOTE = "note."
_EDITS = ("without", "up", "down", "save")
"""The arguments by which the form of the page changes a collection. The answer is a redirect to the changed one."""
Pairs = list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class NotedCollection:
    """The collection in a URL: its name, the IDs of its articles in order, and notes on some of them by ID."""

    name: str
    ids: tuple[int, ...]
    notes: dict[int, str]

    def arguments(self) -> Pairs:
        """Returns the collection as URL arguments."""
        listed = ",".join(map(str, self.ids))
        return [("name", self.name), ("id", listed), *((f"{_NOTE}{n}", self.notes.get(n, "")) for n in self.ids)]

    def edited(self, request: ArchiveRequest) -> NotedCollection:
        """Returns the collection after the edits that a request asks for: articles removed (`without`) or moved by one
        place (`up`, `down`).
        """
        removed = request.many("without")
        ids = [number for number in self.ids if str(number) not in removed]
        for name, step in (("up", -1), ("down", 1)):
            for text in request.many(name):
                at = next((n for n, number in enumerate(ids) if str(number) == text), None)
                if at is not None and 0 <= at + step < len(ids):
                    ids[at], ids[at + step] = ids[at + step], ids[at]
        return replace(self, ids=tuple(ids))


def collection_page(request: ArchiveRequest) -> PageResponse | RawResponse:
    """Returns the page of a collection, 100 articles per page. A collection is a URL that contains a list of articles
    and notes, to bookmark, share, export and cite.

    The arguments `without`, `up` and `down` remove and move an article, and `save` only sends the notes. The page sends
    them by a single form, because a link for each article would repeat the whole list.
    """
    found = collected_articles(request.db, request.many("id"))
    chosen = NotedCollection(request.one("name"), found.ids, _read_notes(request))
    style = request.one("style") if request.one("style") in STYLES else ""
    first = parse_offset(request)
    if any(request.many(name) for name in _EDITS):
        edited = chosen.edited(request).arguments()
        target = request.link("/collection", [*edited, ("style", style), ("offset", first or None)])
        return RawResponse("", "text/plain; charset=utf-8", 302, {"location": target})
    articles = list(records(request.db, chosen.ids))
    chosen = replace(chosen, ids=tuple(one["id"] for one in articles))
    if request.form == "json":
        return PageResponse("collection.html", {}, _collection_as_data(chosen, articles, found.missing))
    first = min(first, max(len(articles) - 1, 0) // MANY * MANY)  # the last article of a page may have been removed
    return PageResponse(
        "collection.html", _collection_values(request, chosen, articles, style, first) | {"missing": found.missing}
    )


def _read_notes(request: ArchiveRequest) -> dict[int, str]:
    """Returns the notes of a request by the ID of their article. Notes on articles that are not in the archive are left
    out.
    """
    notes = {}
    for name, text in request.args:
        if name.startswith(_NOTE) and text.strip():
            try:
                number = find_article(request.db, name.removeprefix(_NOTE))
            except (ArticleNotFound, ArticleRemoved):
                continue
            notes[number] = text.replace("\r\n", "\n").strip()[:MAX_NOTE]
    return notes


def collection_fingerprint(found: Sequence[dict[str, Any]]) -> str:
    """Returns a hash that identifies the content of a collection: the SHA-256 of the sorted lines "url revision digest"
    of its articles. The same revisions of the same articles have the same fingerprint.
    """
    lines = sorted(f"{one['url']} {one['revision']} {(one['capture'] or {}).get('digest') or '-'}" for one in found)
    return "sha256:" + hashlib.sha256("".join(f"{line}\n" for line in lines).encode("utf-8", "replace")).hexdigest()


def _collection_as_data(chosen: NotedCollection, articles: Sequence[dict[str, Any]], missing: Sequence[str]) -> Any:
    return {
        "name": chosen.name,
        "fingerprint": collection_fingerprint(articles),
        "items": [
            {"id": one["id"], "url": one["url"], "title": one["title"], "note": chosen.notes.get(one["id"], "")}
            for one in articles
        ],
        "articles": articles,
        "missing": list(missing),
    }


def _collection_values(
    request: ArchiveRequest, chosen: NotedCollection, articles: Sequence[dict[str, Any]], style: str, first: int
) -> dict[str, Any]:
    shown = articles[first : first + MANY]
    # The cited URL has one argument for each article; the links on the page use the shorter comma-separated form.
    plain = [("name", chosen.name), *(("id", one["id"]) for one in articles)]
    short = [pair for pair in chosen.arguments() if not pair[0].startswith(_NOTE)]
    address = request.link("/collection", plain)
    args = chosen.arguments()

    def link(to: int) -> str:
        return request.link("/collection", [*args, ("style", style), ("offset", to or None)])

    hidden = {f"{_NOTE}{one['id']}" for one in shown}
    return {
        "name": chosen.name,
        "notes": chosen.notes,
        "identities": identify_sites(request, [one["site"] for one in shown]),
        "max_note": MAX_NOTE,
        "articles": articles,
        "shown": shown,
        "first": first,
        "long": len(address) > LONG,
        "fingerprint": collection_fingerprint(articles),
        "kinds": EXPORT_FORMATS,
        "args": short,
        "all": args,
        "kept": [
            *(pair for pair in args if pair[0] not in hidden and pair[0] != "name"),
            ("style", style),
            ("offset", first or None),
        ],
        "before": link(max(first - MANY, 0)) if first else "",
        "after": link(first + MANY) if articles[first + MANY :] else "",
        "address": request.origin + address,
        "share": request.origin + request.link("/collection", args),
        "style": style,
        "styles": STYLE_NAMES,
        "references": STYLES[style](name_sites(request, map(build_citation, shown))) if style else "",
    }


# Feeds of searches.

MAX_ENTRIES = 50
"""A feed has at most this many entries: the articles of the search that changed last."""


def search_feed_page(request: ArchiveRequest) -> RawResponse:
    """Returns the feed of a search: its articles that were archived, edited or deleted last, newest first, as Atom or,
    with the suffix .json, as JSON Feed. The order and the page of the search are ignored.
    """
    kind: FeedFormat = "json" if request.form == "json" else "atom"
    feed = _feed_of(request, _FEEDS[kind].path, MAX_ENTRIES)
    return answer_feed(request, _WRITERS[kind](feed, request.title), TYPES[kind])


def _feed_of(request: ArchiveRequest, path: str, most: int) -> Feed:
    query = _followed_query(request)
    return changes_feed(
        request.db,
        query,
        most,
        own_url=request.origin + make_search_link(request, query, path),
        home_url=request.origin + make_search_link(request, query),
        title=_describe(request, query),
        page_of=lambda hit: request.origin + request.link(f"/article/{hit.id}"),
    )


def answer_feed(request: ArchiveRequest, body: bytes, kind: str) -> RawResponse:
    """Returns a feed with its ETag, or 304 if the feed reader has it already (RFC 9110, section 13.1.2)."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    is_known = tag in known
    return RawResponse(b"" if is_known else body, kind, 304 if is_known else 200, {"etag": tag})


def follow_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page that says how to follow a search: the URLs of its feeds, and what they contain now."""
    query = _followed_query(request)
    feeds = [(one.label, request.origin + make_search_link(request, query, one.path)) for one in _FEEDS.values()]
    return PageResponse(
        "follow.html",
        {
            "query": query,
            "described": _describe(request, query),
            "feeds": feeds,
            "entries": _feed_of(request, _FEEDS["atom"].path, 5).entries,
            "back": make_search_link(request, query),
        },
        {"search": format_query(query), "feeds": dict(feeds)},
    )


_WRITERS = {"atom": write_atom, "json": write_json_feed}


class _FeedAddress(NamedTuple):
    label: str
    path: str


_FEEDS: dict[FeedFormat, _FeedAddress] = {
    "atom": _FeedAddress("Atom", "/search/feed"),
    "json": _FeedAddress("JSON Feed", "/search/feed.json"),
}


def _followed_query(request: ArchiveRequest) -> Query:
    """Returns the query of a request without its order and page."""
    return replace(parse_query(request), sort="", offset=0, limit=20)


def _describe(request: ArchiveRequest, query: Query) -> str:
    """Returns the title of a feed: the archive and what is searched for."""
    titles = identify_sites(request, query.site)
    filters = ", ".join(
        titles[value].title if name == "site" else value
        for name, value in format_query(query)
        if name not in ("q", "stem", "fold", "recent")
    )
    return ": ".join(filter(None, (request.title, query.text or ("" if filters else "new articles"), filters)))
