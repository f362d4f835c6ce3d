"""What a request is for, what the middlewares add to it, and what its response means: the values of one page under way.

`request.meta["page"]` says what a request is for, `request.meta["notes"]` what the middlewares found out about its
response. A request without them is none of a crawl's: it passes the middlewares of the archive as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from scrapy import Request
from scrapy.http import Response

from archiver.frontier.revisit import is_refetch_reason
from archiver.items import Capture, PageKind, PageResult, RequisiteKind, SourceHint, UsageStatement
from archiver.politeness.usage_statements import TDMFile, statements_of_headers
from archiver.storage.article_tables.article_parts import StoredPart
from archiver.storage.pages import RULE, lead_from, moment
from archiver.warc.exchange import Original

MOST_REDIRECTS = 10
"""Addresses that may redirect to one another. RFC 9110, section 15.4 asks for a limit and leaves the number open."""
ApiStep = Literal["posts", "changes", "ids"]
"""The WordPress API is read in steps under one row: all posts, or what changed and then the IDs of all."""
# Rules by which the address alone made a page a listing; that it lists posts was seen on the page, and stays true.
_BY_ADDRESS = frozenset({"home", "listing address", "date address"})
_BY_SOURCE = "told by its source"
_THERE = frozenset({"archived", "unchanged", "duplicate", "not-article", "refused", "out-of-scope"})
_LONGEST_VALIDATOR = 1_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """What makes a request conditional (RFC 9110, section 13.1), and the record that a 304 refers to."""

    etag: str = ""
    last_modified: str = ""
    original: Original | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One page under way, with what the pages table knew of it when it was handed out.

    `url` and `urlkey` name its row; a source of several documents keeps them while it is read. `hops` counts redirects
    that stayed at the same urlkey (http to https, a slash); `redirected_from` are the urlkeys of other addresses that
    redirected here, the nearest first (MOST_REDIRECTS at most). `number` counts the documents of the source read so
    far, `captures` the entries of a web archive's list, `alive` how many posts an API should still count. `parts` are
    the further pages of a post, as they were joined before; a further page has what it last showed as `text`, and its
    post's address as `part_of`. `unconditional`: it is requested whole, since a source reports a change or the
    server's validators are to be tested. `is_probe`: the address does not exist and has no row; the response shows
    what the site answers for such addresses. `level` is the row's priority. `was_there`: it existed when it was last
    requested; `doubted`: it was gone when most other pages were; `worked`: it listed pages before, and failed
    `attempts` times in a row since. `judged`: that it is no post was read from the page itself, and may have changed.
    """

    page_id: int
    url: str
    urlkey: str
    kind: PageKind
    is_seed: bool = False
    lead: SourceHint | None = None
    etag: str = ""
    last_modified: str = ""
    original: Original | None = None
    fetched_at: datetime | None = None
    hops: int = 0
    redirected_from: tuple[str, ...] = ()
    step: ApiStep = "posts"
    number: int = 1
    alive: int = -1
    captures: int = 0
    was_there: bool = False
    doubted: bool = False
    worked: bool = False
    attempts: int = 0
    parts: tuple[StoredPart, ...] = ()
    text: str | None = None
    is_probe: bool = False
    level: int = 0
    part_of: str = ""
    unconditional: bool = False
    judged: bool = False

    @property
    def is_source(self) -> bool:
        """Whether this document lists pages."""
        return self.comes_first or self.kind is PageKind.CDX

    @property
    def comes_first(self) -> bool:
        """Whether it says more of pages than their addresses: while one is under way, no post is handed out."""
        return self.is_seed or self.is_probe or self.kind in (PageKind.FEED, PageKind.SITEMAP, PageKind.API)

    @property
    def known(self) -> bool:
        """Whether the page was read in an earlier run."""
        return self.fetched_at is not None

    def conditions(self, url: str) -> Conditions:
        """A further document of a source has none: the validators are those of the first."""
        if url != self.url:
            return Conditions()
        if self.unconditional:
            return Conditions(original=self.original)
        return Conditions(self.etag, self.last_modified, self.original)


@dataclass(frozen=True, slots=True)
class RequisiteRequest:
    """One image, stylesheet or font under way. `id` is that of its row; `original` is the record of its last payload.

    `hops` counts redirects, `depth` the stylesheets between a page and it.
    """

    id: int
    url: str
    host: str
    kind: RequisiteKind
    depth: int = 0
    hops: int = 0
    etag: str = ""
    last_modified: str = ""
    original: Original | None = None

    def conditions(self, url: str) -> Conditions:
        return Conditions(self.etag, self.last_modified, self.original)


@dataclass(frozen=True, slots=True)
class HostFileRequest:
    """robots.txt or tdmrep.json of a host. `most`: bytes of it that are read, 0 for all of it."""

    url: str
    etag: str = ""
    last_modified: str = ""
    most: int = 0

    def conditions(self, url: str) -> Conditions:
        return Conditions(self.etag, self.last_modified)


@dataclass(slots=True)
class FetchNotes:
    """What the middlewares add: where the response was captured, the host's tdmrep.json, and why a requisite is none."""

    capture: Capture | None = None
    tdm: TDMFile = field(default_factory=TDMFile)
    objection: str = ""


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A response as it matters to a crawl. Header names are in lower case; `body` has no content coding.

    `rights` are what its header fields and its host's file say of its use.
    """

    url: str
    status: int
    headers: dict[str, str]
    body: bytes
    at: datetime
    capture: Capture | None = None
    rights: tuple[UsageStatement, ...] = ()

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    def validator(self, name: str) -> str:
        """A validator to store; "" for one longer than servers write, which each later request would carry."""
        value = self.headers.get(name, "")
        return value if len(value) <= _LONGEST_VALIDATOR else ""


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """What a response means. `follow` is the next request under the same row: its address and page request."""

    visit: PageResult
    follow: tuple[str, PageRequest] | None = None
    is_feed: bool = False
    is_sitemap: bool = False
    platform: str = ""


def page_of(request: Request) -> PageRequest | None:
    page = request.meta.get("page")
    return page if isinstance(page, PageRequest) else None


def requisite_of(request: Request) -> RequisiteRequest | None:
    requisite = request.meta.get("page")
    return requisite if isinstance(requisite, RequisiteRequest) else None


def purpose_of(request: Request) -> PageRequest | RequisiteRequest | HostFileRequest | None:
    """What a request of a crawl is for; None for any other request."""
    purpose = request.meta.get("page")
    return purpose if isinstance(purpose, PageRequest | RequisiteRequest | HostFileRequest) else None


def notes_of(request: Request) -> FetchNotes:
    notes = request.meta.get("notes")
    if not isinstance(notes, FetchNotes):
        notes = request.meta["notes"] = FetchNotes()
    return notes


def request_for(page: PageRequest, url: str, spider: Any) -> Request:
    """Scrapy's request for a page; every response is one for the spider, redirects and errors too."""
    return Request(
        url,
        callback=spider.parse,
        errback=spider.failed,
        meta={"page": page, "notes": FetchNotes(), "dont_redirect": True, "handle_httpstatus_all": True},
    )


def fetched_page(response: Response) -> FetchedPage:
    """Values of a header field that was sent several times are joined by commas (RFC 9110, section 5.3)."""
    headers = {k.decode("latin-1").lower(): b", ".join(v).decode("latin-1") for k, v in response.headers.items()}
    pairs = ((k.decode("latin-1"), v.decode("latin-1")) for k, values in response.headers.items() for v in values)
    notes = notes_of(response.request) if response.request is not None else FetchNotes()
    return FetchedPage(
        url=response.url,
        status=response.status,
        headers=headers,
        body=response.body,
        at=datetime.now(UTC),
        capture=notes.capture,
        rights=(*statements_of_headers(pairs, response.url), *notes.tdm.of(response.url)),
    )


def page_request(row: dict[str, Any], seed_key: str, *, full: bool, unconditional: bool = False) -> PageRequest:
    """The request for a row of `ledger.due_pages`. In a full run an API is asked for all posts, not for changes."""
    original = None
    if row["digest"]:
        captured = moment(row["captured_at"])
        assert captured is not None
        original = Original(row["capture_url"], captured, row["digest"])
    fetched_at = moment(row["fetched_at"])
    kind = PageKind(row["kind"])
    return PageRequest(
        page_id=row["id"],
        url=row["url"],
        urlkey=row["urlkey"],
        kind=kind,
        is_seed=row["urlkey"] == seed_key,
        lead=lead_from(row["source_hints"]),
        etag=row["etag"] or "",
        last_modified=row["last_modified"] or "",
        original=original,
        fetched_at=fetched_at,
        level=row["priority"],
        unconditional=unconditional or is_refetch_reason(row["reason"] or ""),
        was_there=row["outcome"] in _THERE or row["rule"] == RULE,
        doubted=row["rule"] == RULE,
        worked=row["outcome"] == "not-article" or bool(row["has_told"]),
        attempts=row["attempts"] or 0,
        judged=_is_judged(row, kind),
        step="changes" if fetched_at and not full and row["outcome"] == "not-article" else "posts",
    )


def _is_judged(row: dict[str, Any], kind: PageKind) -> bool:
    if row["outcome"] != "not-article":
        return False
    return row["rule"] in _BY_ADDRESS if kind is PageKind.LISTING else row["rule"] != _BY_SOURCE


def requisite_request(row: dict[str, Any]) -> RequisiteRequest:
    """The request for a row of `store.requisites.due`."""
    captured = moment(row["captured_at"])
    original = Original(row["capture_url"], captured, row["digest"]) if row["digest"] and captured else None
    return RequisiteRequest(
        row["id"],
        row["url"],
        row["host"],
        RequisiteKind(row["kind"]),
        row["depth"],
        row["hops"],
        row["etag"] or "" if original else "",
        row["last_modified"] or "" if original else "",
        original,
    )
