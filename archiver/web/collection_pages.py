"""The web pages by which readers keep articles and follow searches: collections, exports, and feeds of any search.

The server stores neither collections nor feeds. A collection is a URL that contains its articles and notes; a feed is
a search whose newest results are written as Atom (RFC 4287).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import IO, Any

from archiver.api.citations import CITATION_STYLE_NAMES, CITATION_STYLES, build_citation
from archiver.api.database import Database
from archiver.api.exports import EXPORT_FORMATS, write_csv
from archiver.api.feeds import ATOM_TYPE, Feed, changes_feed, write_atom
from archiver.api.records import find_article, records
from archiver.api.search import Query, matching_ids
from archiver.model.errors import ArticleNotFound, ArticleRemoved
from archiver.model.fields import FIELDS
from archiver.web.site_names import identify_sites, name_sites
from archiver.web.web_requests import (
    LONG,
    MANY,
    ArchiveRequest,
    CannotAnswer,
    Download,
    PageResponse,
    RawResponse,
    format_query,
    make_search_link,
    parse_offset,
    parse_query,
)

# Collections: lists of article IDs in a URL (`?id=7&id=12`).

MAX_COLLECTED = 500
"""A collection has at most this many articles, so that its URL does not get too long."""


@dataclass(frozen=True, slots=True)
class Collection:
    """The articles of a collection. `ids` are in the requested order, each once. `missing` contains a message for each
    requested article that is not available.
    """

    ids: tuple[int, ...]
    missing: tuple[str, ...]


def collected_articles(db: Database, named: Iterable[str]) -> Collection:
    """Finds the articles of a collection. Each value of `named` is an ID or a URL, or several of them separated by
    spaces or commas. Raises CannotAnswer for more than MAX_COLLECTED articles.
    """
    words = [word for text in named for word in text.replace(",", " ").split()]
    if len(words) > MAX_COLLECTED:
        raise CannotAnswer(
            f"{len(words):,} articles", f"a collection has at most {MAX_COLLECTED}; save a search instead"
        )
    ids, missing = [], []
    for word in dict.fromkeys(words):
        try:
            ids.append(find_article(db, word))
        except (ArticleNotFound, ArticleRemoved) as error:
            missing.append(str(error))
    return Collection(tuple(dict.fromkeys(ids)), tuple(missing))


MAX_NOTE = 2_000
"""A note in a collection has at most this many characters."""
_NOTE = "note."
_EDITS = ("without", "up", "down", "save")
"""Arguments with which the form of the page changes a collection. The response redirects to the changed collection."""
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
    style = request.one("style") if request.one("style") in CITATION_STYLES else ""
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
        "kinds": DOWNLOAD_FORMATS,
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
        "styles": CITATION_STYLE_NAMES,
        "references": CITATION_STYLES[style](name_sites(request, map(build_citation, shown))) if style else "",
    }


# Feeds of searches.

_FEED = "/search/feed"
MAX_ENTRIES = 50
"""A feed has at most this many entries: the articles of the search that changed last."""


def search_feed_page(request: ArchiveRequest) -> RawResponse:
    """Returns the feed of a search: its articles that were archived, edited or deleted last, newest first, as Atom. The
    order and the page of the search are ignored.
    """
    if request.form == "json":
        raise CannotAnswer("/search/feed.json", "feeds are written as Atom, at /search/feed")
    return answer_feed(request, write_atom(_feed_of(request, MAX_ENTRIES), request.title))


def _feed_of(request: ArchiveRequest, most: int) -> Feed:
    query = _followed_query(request)
    return changes_feed(
        request.db,
        query,
        most,
        own_url=request.origin + make_search_link(request, query, _FEED),
        home_url=request.origin + make_search_link(request, query),
        title=_describe(request, query),
        page_of=lambda hit: request.origin + request.link(f"/article/{hit.id}"),
    )


def answer_feed(request: ArchiveRequest, body: bytes) -> RawResponse:
    """Returns a feed with its ETag, or 304 if the feed reader has it already (RFC 9110, section 13.1.2)."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    is_known = tag in known
    return RawResponse(b"" if is_known else body, ATOM_TYPE, 304 if is_known else 200, {"etag": tag})


def follow_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page that says how to follow a search: the URL of its feed, and what it contains now."""
    query = _followed_query(request)
    feeds = [("Atom", request.origin + make_search_link(request, query, _FEED))]
    return PageResponse(
        "follow.html",
        {
            "query": query,
            "described": _describe(request, query),
            "feeds": feeds,
            "entries": _feed_of(request, 5).entries,
            "back": make_search_link(request, query),
        },
        {"search": format_query(query), "feeds": dict(feeds)},
    )


def _followed_query(request: ArchiveRequest) -> Query:
    """Returns the query of a request without its order and page."""
    return replace(parse_query(request), sort="", offset=0, limit=20)


def _describe(request: ArchiveRequest, query: Query) -> str:
    """Returns the title of a feed: the name of the archive and the query."""
    titles = identify_sites(request, query.site)
    filters = ", ".join(
        titles[value].title if name == "site" else value
        for name, value in format_query(query)
        if name not in ("q", "fold")
    )
    return ": ".join(filter(None, (request.title, query.text or ("" if filters else "new articles"), filters)))


# Exports of results and collections, in the formats of `archiver export` and `archiver cite`.


Write = Callable[[Database, Sequence[int], IO[bytes]], None]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format in which articles can be exported. `name` is used in URLs, `label` on pages. `ending` is the suffix of
    the file name. `write` writes the file. `columns` are the columns to choose from, if the format has any.
    """

    name: str
    label: str
    media_type: str
    ending: str
    write: Write
    columns: tuple[str, ...] = ()


def _format_writer(name: str) -> Write:
    def write(db: Database, ids: Sequence[int], out: IO[bytes]) -> None:
        EXPORT_FORMATS[name].write(records(db, ids), out)

    return write


def _write_csv(db: Database, ids: Sequence[int], out: IO[bytes], columns: tuple[str, ...] = ()) -> None:
    """Writes articles as CSV that a spreadsheet can open without running anything; with all columns by default."""
    write_csv(records(db, ids), out, columns or CSV_COLUMNS, harmless=True)


def _citation_writer(name: str, titles: Mapping[str, str] = MappingProxyType({})) -> Write:
    """Returns a function that writes citations in a style. They name each site by its title in `titles`, or else by its
    name.
    """

    def write(db: Database, ids: Sequence[int], out: IO[bytes]) -> None:
        cited = map(build_citation, records(db, ids))
        named = [replace(one, site=titles.get(one.site, one.site)) for one in cited]
        out.write(CITATION_STYLES[name](named).encode("utf-8", "replace"))

    return write


def _site_titles(request: ArchiveRequest, ids: Sequence[int]) -> dict[str, str]:
    """Returns the title of each site of these articles, by the site's name."""
    sites = request.db.execute(
        "select distinct site from articles where id in (select value from json_each(?))", [json.dumps(ids)]
    ).fetchall()
    known = identify_sites(request, [name for (name,) in sites], _MOST_SITES_NAMED)
    return {name: one.title for name, one in known.items()}


_MOST_SITES_NAMED = 100
"""For a file of citations, at most this many home pages are read for the titles of sites."""
CSV_COLUMNS = tuple(field.name for field in FIELDS)
DOWNLOAD_FORMATS: dict[str, ExportFormat] = {
    kind.name: kind
    for kind in (
        ExportFormat("csv", "CSV", "text/csv; charset=utf-8; header=present", "csv", _write_csv, CSV_COLUMNS),
        ExportFormat("jsonl", "JSON Lines", "application/jsonl; charset=utf-8", "jsonl", _format_writer("jsonl")),
        ExportFormat("geojson", "GeoJSON", "application/geo+json; charset=utf-8", "geojson", _format_writer("geojson")),
        ExportFormat("bibtex", "BibTeX", "application/x-bibtex; charset=utf-8", "bib", _citation_writer("bibtex")),
        ExportFormat(
            "ris", "RIS", "application/x-research-info-systems; charset=utf-8", "ris", _citation_writer("ris")
        ),
        ExportFormat(
            "csl-json",
            "CSL-JSON",
            "application/vnd.citationstyles.csl+json; charset=utf-8",
            "json",
            _citation_writer("csl-json"),
        ),
    )
}


def find_ids(db: Database, query: Query) -> list[int]:
    """Returns the IDs of all results of a search, in the order of the results page and with the same duplicates folded.
    Raises BadQuery, SiteNotFound or IndexMissing.
    """
    return list(matching_ids(db, replace(query, limit=None, offset=0)))


def export_page(request: ArchiveRequest) -> Download:
    """Returns a file with the results of a search or, if the URL has arguments `id`, with the articles of a collection.
    The argument `as` selects the format, such as `as=csv`; for CSV, the arguments `column` select the columns.
    """
    if (name := request.one("as")) not in DOWNLOAD_FORMATS:
        raise CannotAnswer(f"export as {name}", f"the formats are {', '.join(DOWNLOAD_FORMATS)}")
    kind = DOWNLOAD_FORMATS[name]
    columns = request.many("column")
    if unknown := next((one for one in columns if one not in kind.columns), ""):
        known = f"the columns are {', '.join(kind.columns)}" if kind.columns else "only CSV has columns to choose"
        raise CannotAnswer(f"column {unknown}", known)
    named = request.many("id")
    ids = collected_articles(request.db, named).ids if named else find_ids(request.db, parse_query(request))
    write_all = _citation_writer(name, _site_titles(request, ids)) if name in CITATION_STYLES else kind.write

    def write(db: Database, out: IO[bytes]) -> None:
        if columns:
            _write_csv(db, ids, out, columns)
        else:
            write_all(db, ids, out)

    return Download(write, kind.media_type, f"{'collection' if named else 'search'}.{kind.ending}")
