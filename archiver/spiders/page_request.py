"""The page request and the fetched page: what a request is for, what middlewares add to it, and its response.

`request.meta["page"]` holds the purpose of a request, and `request.meta["notes"]` holds what the middlewares found out
about its response. A request without these does not belong to a crawl, and the archive's middlewares pass it on
unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from scrapy import Request
from scrapy.http import Response

from archiver.model.due_reasons import REPORTED_CHANGES
from archiver.model.items import Capture, DiscoveredURL, PageKind, PageResult, RequisiteKind, SourceHint, UsageStatement
from archiver.model.page_rules import BY_SOURCE
from archiver.politeness.robots import TDMFile, statements_of_headers
from archiver.storage.articles import StoredPart
from archiver.storage.pages import hint_from_json, moment
from archiver.warc.warc_records import Original

MOST_REDIRECTS = 10
"""A chain of redirects may have at most this many addresses. RFC 9110, section 15.4 asks for a limit but does not give
a number.
"""
ApiStep = Literal["posts", "changes", "ids"]
"""A step of reading the WordPress API. A crawl reads either all posts, or first the changed posts and then the IDs of
all posts. All steps belong to one row of the pages table.
"""
# Rules by which the address alone made a page a listing. Such a page is judged again by its content.
_BY_ADDRESS = frozenset({"home", "listing address", "date address"})
_EXISTING = frozenset({"archived", "unchanged", "duplicate", "not-article", "refused", "out-of-scope"})
_MAX_VALIDATOR = 1_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """The validators that make a request conditional (RFC 9110, section 13.1), and the WARC record of the payload that
    a 304 response confirms.
    """

    etag: str = ""
    last_modified: str = ""
    original: Original | None = None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """One page that is being fetched, with the values that the pages table contained when the page was handed out.

    - `url`, `urlkey`: identify its row; if a source has several documents, they all belong to that row.
    - `hint`: its latest source hint, stored with the ID `hint_id`.
    - `hops`: the number of redirects that stayed at the same urlkey (http to https, a slash).
    - `redirected_from`: the urlkeys of other addresses that redirected to this one, the nearest first (at most
      MOST_REDIRECTS).
    - `step`, `number`: the step of reading an API, and which of the source's documents is requested (from 1).
    - `changes_since`: an API is asked for the posts that changed after this time.
    - `looks_back`: an API is asked for the first time on this day, so that its earlier content is checked, too.
    - `captures`: the number of captures read from a web archive's list so far.
    - `alive`: the number of posts that an API should still list; -1 if it has not been counted.
    - `parts`: the stored parts of a post. A request for a part has the part's stored text as `text`, and the post's
      address as `part_of`.
    - `unconditional`: no validators are sent, because a source reports a change or the validators are to be tested.
    - `is_probe`: the request is for an address that cannot exist, to learn the site's soft 404; it has no row.
    - `level`: the row's priority.
    - `existed`: the page existed when it was last requested.
    - `worked`: the source listed pages before, and has failed `attempts` times in a row since.
    - `known_url`: the address by which the page is known, if `url` is another spelling of it (https, `www`, slash at
      the end) to which the host is believed to redirect. It is requested if `url` is gone or refused.
    - `judged`: a comparison of the forms of the site's pages decided that the page is not a post, so it is classified
      again without that kind as a hint.
    - `is_promised`: a feed or an API lists the page.
    """

    page_id: int
    url: str
    urlkey: str
    kind: PageKind
    is_seed: bool = False
    hint: SourceHint | None = None
    hint_id: int | None = None
    etag: str = ""
    last_modified: str = ""
    original: Original | None = None
    fetched_at: datetime | None = None
    hops: int = 0
    redirected_from: tuple[str, ...] = ()
    step: ApiStep = "posts"
    changes_since: datetime | None = None
    looks_back: bool = False
    number: int = 1
    alive: int = -1
    captures: int = 0
    existed: bool = False
    worked: bool = False
    attempts: int = 0
    parts: tuple[StoredPart, ...] = ()
    text: str | None = None
    is_probe: bool = False
    level: int = 0
    part_of: str = ""
    unconditional: bool = False
    judged: bool = False
    known_url: str = ""
    is_promised: bool = False

    @property
    def is_source(self) -> bool:
        """Returns True if this page is a feed, sitemap, API or capture list, which reports other pages."""
        return self.comes_first or self.kind is PageKind.CDX

    @property
    def comes_first(self) -> bool:
        """Returns True if this document must be read before any post is handed out, as the home page, a feed, a
        sitemap, an API and the soft-404 probe must.
        """
        return self.is_seed or self.is_probe or self.kind in (PageKind.FEED, PageKind.SITEMAP, PageKind.API)

    @property
    def known(self) -> bool:
        """Returns True if an earlier run fetched the page."""
        return self.fetched_at is not None

    def at_known_url(self) -> PageRequest:
        """Returns the request for `known_url`, after the request for `url`, the spelling of the address to which the
        host was believed to redirect, has failed.
        """
        return replace(self, url=self.known_url, known_url="", hops=self.hops + 1)

    def conditions(self, url: str) -> Conditions:
        """Returns the validators to send with a request for `url`. A further document of a source gets none, since they
        belong to the page's own address.
        """
        if url != self.url:
            return Conditions()
        if self.unconditional:
            return Conditions(original=self.original)
        return Conditions(self.etag, self.last_modified, self.original)


@dataclass(frozen=True, slots=True)
class RequisiteRequest:
    """One requisite (image, stylesheet or font) that is being fetched. `id` is the ID of its row; `original` is the
    WARC record of its last payload.

    `hops` counts the redirects, and `depth` the stylesheets, between the page and the requisite.
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
    """A request for a host's robots.txt or tdmrep.json. At most `most` bytes are read (0 for all)."""

    url: str
    etag: str = ""
    last_modified: str = ""
    most: int = 0

    def conditions(self, url: str) -> Conditions:
        return Conditions(self.etag, self.last_modified)


@dataclass(slots=True)
class FetchNotes:
    """What the middlewares add to a request: the capture of its response (`capture`), the host's tdmrep.json (`tdm`),
    what its robots.txt says about the use of the response (`robots`), and, for a requisite, why its response has the
    wrong type (`objection`).
    """

    capture: Capture | None = None
    tdm: TDMFile = field(default_factory=TDMFile)
    robots: tuple[UsageStatement, ...] = ()
    objection: str = ""


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """A response in the form that the parsers take. Header names are in lower case; `body` is decoded from its content
    coding.

    `usage_statements` are the usage statements in its header fields and in its host's tdmrep.json and robots.txt.
    """

    url: str
    status: int
    headers: dict[str, str]
    body: bytes
    at: datetime
    capture: Capture | None = None
    usage_statements: tuple[UsageStatement, ...] = ()

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")

    def validator(self, name: str) -> str:
        """Returns the validator in a header ("etag", "last-modified") for storing. Returns "" if it is unreasonably
        long, since each later request would send it.
        """
        value = self.headers.get(name, "")
        return value if len(value) <= _MAX_VALIDATOR else ""


@dataclass(frozen=True, slots=True)
class ParsedPage:
    """The result of parsing a response: the page result to store, and what else was found.

    `follow` is the next request that belongs to the same row, with its address. It requests the target of a redirect,
    or the next document of a source. `usual_next` is the address of the next page of a list that links to none.
    """

    result: PageResult
    follow: tuple[str, PageRequest] | None = None
    is_feed: bool = False
    is_sitemap: bool = False
    platform: str = ""
    usual_next: tuple[DiscoveredURL, ...] = ()


def page_of(request: Request) -> PageRequest | None:
    page = request.meta.get("page")
    return page if isinstance(page, PageRequest) else None


def requisite_of(request: Request) -> RequisiteRequest | None:
    requisite = request.meta.get("page")
    return requisite if isinstance(requisite, RequisiteRequest) else None


def purpose_of(request: Request) -> PageRequest | RequisiteRequest | HostFileRequest | None:
    """Returns what a crawl's request is for: a page, a requisite or a host's file; None if the request does not belong
    to a crawl.
    """
    purpose = request.meta.get("page")
    return purpose if isinstance(purpose, PageRequest | RequisiteRequest | HostFileRequest) else None


def notes_of(request: Request) -> FetchNotes:
    notes = request.meta.get("notes")
    if not isinstance(notes, FetchNotes):
        notes = request.meta["notes"] = FetchNotes()
    return notes


def request_for(page: PageRequest, url: str, spider: Any) -> Request:
    """Returns a Scrapy request for a page at `url`. The spider's callback gets every response, including redirects and
    errors.
    """
    return Request(
        url,
        callback=spider.parse,
        errback=spider.failed,
        meta={"page": page, "notes": FetchNotes(), "dont_redirect": True, "handle_httpstatus_all": True},
    )


def fetched_page(response: Response) -> FetchedPage:
    """Converts Scrapy's response to a FetchedPage.

    Repeated header fields are joined by commas (RFC 9110, section 5.3).
    """
    fields = [(name.decode("latin-1"), values) for name, values in response.headers.items()]
    headers = {name.lower(): b", ".join(values).decode("latin-1") for name, values in fields}
    pairs = [(name, value.decode("latin-1")) for name, values in fields for value in values]
    notes = notes_of(response.request) if response.request is not None else FetchNotes()
    return FetchedPage(
        url=response.url,
        status=response.status,
        headers=headers,
        body=response.body,
        at=datetime.now(UTC),
        capture=notes.capture,
        usage_statements=(*statements_of_headers(pairs, response.url), *notes.tdm.of(response.url), *notes.robots),
    )


# Clocks differ, and some servers read a time without zone as local time. It does no harm if a change is listed twice.
_CLOCK_MARGIN = timedelta(days=1)
LOOK_BACK = timedelta(days=8)
"""The first time on a day, an API is asked for the posts that changed in this period, not only since the last run.
It may have returned wrong content for them, and returns the right content now with unchanged times."""


def page_request(
    row: dict[str, Any], seed_key: str, *, full: bool, unconditional: bool = False, started: datetime | None = None
) -> PageRequest:
    """Makes a page request from a row of `pages.due_pages`.

    `seed_key` is the urlkey of the site's home page. In a `full` run, an API is asked for all posts and not just for
    the changes. If `unconditional` is True, no validators are sent. `started` is when the run began.
    """
    original = None
    if row["digest"]:
        captured = moment(row["captured_at"])
        assert captured is not None
        original = Original(row["capture_url"], captured, row["digest"])
    fetched_at = moment(row["fetched_at"])
    kind = PageKind(row["kind"])
    only_changes = fetched_at is not None and not full and row["outcome"] == "not-article"
    is_first_today = bool(fetched_at and started and fetched_at.date() < started.date())
    return PageRequest(
        page_id=row["id"],
        url=row["url"],
        urlkey=row["urlkey"],
        kind=kind,
        is_seed=row["urlkey"] == seed_key,
        hint=hint_from_json(row["hint"]),
        hint_id=row["hint_id"],
        etag=row["etag"] or "",
        last_modified=row["last_modified"] or "",
        original=original,
        fetched_at=fetched_at,
        level=row["priority"],
        unconditional=unconditional or row["due_for"] in REPORTED_CHANGES,
        existed=row["outcome"] in _EXISTING,
        worked=row["outcome"] == "not-article" or bool(row["has_listed_pages"]),
        attempts=row["attempts"] or 0,
        judged=_is_judged(row, kind),
        step="changes" if only_changes else "posts",
        looks_back=is_first_today,
        changes_since=fetched_at - (LOOK_BACK if is_first_today else _CLOCK_MARGIN) if fetched_at else None,
    )


def _is_judged(row: dict[str, Any], kind: PageKind) -> bool:
    if row["outcome"] != "not-article":
        return False
    return row["rule"] in _BY_ADDRESS if kind is PageKind.LISTING else row["rule"] != BY_SOURCE


def requisite_request(row: dict[str, Any]) -> RequisiteRequest:
    """Makes a requisite request from a row of `requisites.due_requisites`."""
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
