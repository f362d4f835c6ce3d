"""The values that travel through the archiver: frozen, slotted dataclasses without behaviour.

Each stage takes some of them and returns others. Times are aware `datetime`s; sequences are
tuples; a value that the page did not give is None (single values) or empty (text, tuples).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar


class DiscoverySource(StrEnum):
    """Who told of an address. Stored in `page_sources.source`."""

    SEED = "seed"
    FEED = "feed"
    SITEMAP = "sitemap"
    API = "api"
    CDX = "cdx"
    LISTING = "listing"
    LINK = "link"
    REDIRECT = "redirect"
    IMPORT = "import"


class PageKind(StrEnum):
    """What an address is, as far as is known. Stored in `pages.kind`."""

    UNKNOWN = "unknown"
    POST = "post"
    LISTING = "listing"
    PAGE = "page"
    FEED = "feed"
    SITEMAP = "sitemap"
    API = "api"
    CDX = "cdx"
    ROBOTS = "robots"
    PART = "part"
    OTHER = "other"


class Outcome(StrEnum):
    """What came of an address. Every row of `pages` has exactly one."""

    DUE = "due"
    ARCHIVED = "archived"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    PART = "part"
    NOT_ARTICLE = "not-article"
    GONE = "gone"
    REFUSED = "refused"
    OUT_OF_SCOPE = "out-of-scope"
    TRAP = "trap"
    FAILED = "failed"


class RequisiteKind(StrEnum):
    """What a page needs to be shown. Stored in `requisites.kind`."""

    IMAGE = "image"
    STYLESHEET = "stylesheet"
    FONT = "font"


@dataclass(frozen=True, slots=True)
class Requisite:
    """An address that a page (or a stylesheet) needs to be shown, written as a browser would ask for it.

    `lead`: it is the lead image of a post.
    """

    url: str
    kind: RequisiteKind
    lead: bool = False


@dataclass(frozen=True, slots=True)
class GeoTag:
    """A place a page names of itself. Degrees are WGS 84, positive north and east.

    `role` is one of content, dateline, author, publisher; `source` names the form it was
    written in (geo.position, ICBM, geo-microformat, georss, schema.org ...). A place that is
    only named has None for both degrees. `precision` says how exactly the position was written, in
    degrees (Darwin Core's coordinatePrecision: 0.0001 for four decimals, 1/3600 for seconds).
    """

    latitude: float | None
    longitude: float | None
    placename: str = ""
    region: str = ""
    role: str = "content"
    source: str = ""
    precision: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One candidate for one field: who said it, where it stands, how much it is believed (0 to 1)."""

    field: str
    value: str
    source: str
    locator: str = ""
    confidence: float = 0.5


@dataclass(frozen=True, slots=True)
class SourceHint:
    """What a feed item or an API answer says of a post before (or beside) its page.

    `guid` is the feed's guid or Atom id; `post_id` the platform's own number of the post
    ("wordpress:123"), which stays when its address changes. `body_html` is the full text where
    the source has it, "" where it has only an excerpt. `protected`: only with a password.
    `from_api`: the site's own database speaks, which keeps authors, categories and tags apart.
    """

    title: str = ""
    authors: tuple[str, ...] = ()
    published: datetime | None = None
    modified: datetime | None = None
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    geotags: tuple[GeoTag, ...] = ()
    guid: str = ""
    post_id: str = ""
    body_html: str = ""
    description: str = ""
    image: str = ""
    language: str = ""
    protected: bool = False
    from_api: bool = False


@dataclass(frozen=True, slots=True)
class DiscoveredURL:
    """An address that something told of: the only thing discovery produces.

    `trap` names the rule by which it is not asked for ("" for nearly all). `captured`: when a web archive captured it
    first, and when last, if that is told.
    """

    url: str
    source: DiscoverySource
    kind: PageKind = PageKind.UNKNOWN
    found_on: str = ""
    lastmod: datetime | None = None
    lead: SourceHint | None = None
    trap: str = ""
    captured: tuple[datetime, datetime | None] | None = None


@dataclass(frozen=True, slots=True)
class Article:
    """What one page says. Attributes are named as in the record (see `archiver.fields`).

    `published_precision` is one of second, minute, hour, day, month, year and never more than
    the page said; a value of precision day stands at 00:00 of that day. `kind` says whether
    the page is a post at all, `kind_rule` why. `post_id` as in `Lead`.

    Of a post that is split over several pages: `parts` are the addresses of its further pages, in order, as far as
    this page names them, `part` says which of its pages this is, `part_of` is the first page's address where that is
    another one. `whole_at` shows all of it on one page: this page's own address where `body` has it all.

    `read_by` names the site's rules by which it was read ("rules-3"), "" where it was read as a page of any site;
    "rules-3 in part" where only what a person wrote was applied to such a reading.
    """

    url: str
    title: str = ""
    body: str = ""
    authors: tuple[str, ...] = ()
    published: datetime | None = None
    published_precision: str | None = None
    modified: datetime | None = None
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    geotags: tuple[GeoTag, ...] = ()
    language: str | None = None
    description: str = ""
    image: str | None = None
    canonical_url: str | None = None
    credits: tuple[str, ...] = ()
    kind: PageKind = PageKind.POST
    kind_rule: str = ""
    platform: str = ""
    post_id: str = ""
    guid: str = ""
    evidence: tuple[Evidence, ...] = ()
    read_by: str = ""
    parts: tuple[str, ...] = ()
    part: int = 1
    part_of: str = ""
    whole_at: str = ""


@dataclass(frozen=True, slots=True)
class Capture:
    """Where the bytes of one response lie: a record of a WARC/1.1 file.

    `digest` is the payload digest as WARC writes it ("sha1:" and base 32, section 5.8);
    `warc_file` is relative to the archive's own folder.
    """

    url: str
    captured_at: datetime
    status: int
    media_type: str
    digest: str
    warc_file: str
    warc_offset: int
    warc_length: int
    record_type: str = "response"


@dataclass(frozen=True, slots=True)
class UsageStatement:
    """One statement of a response on its own use.

    `source` is where it stands: header, meta, link (an element with rel=license) or file (the host's tdmrep.json).
    `name` is robots (X-Robots-Tag and meta robots, one directive in each), tdm-reservation, tdm-policy, license or
    content-usage; `agent` the crawler it is meant for, "" where it is meant for all.
    """

    source: str
    name: str
    value: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class PageResult:
    """One attempt at one address, and all that came of it: what the spider hands to the pipelines.

    `url` is the address as asked for, `final_url` the one that answered after `redirects`.
    `targets` are the addresses this page told of; they are stored in the same transaction as
    the page itself, so that a page never counts as done while what it told of is lost.
    `next_pages` are the pages of a listing that follow this one: they are walked again where
    this one told of something new. An outcome of `due` is a part of a source that goes on.
    Of a further page of a post, `part_of` is the post's address and `part` the page's number. Of a post that was read
    from several pages, `parts` are the numbers and addresses of the others; number 0 is the view that has them all.
    `same_validator`: the page was sent whole, with the ETag (or the Last-Modified) that it had before.
    `rights` are what the response said of its use, kept with its capture.
    `shown` is the digest of what a page of a list leads to, the list's other pages aside; "" for any other page.
    `requisites` are what a post's page needs to be shown, where the site's settings ask for all of it.
    """

    url: str
    final_url: str
    at: datetime
    outcome: Outcome
    kind: PageKind
    reason: str = ""
    rule: str = ""
    status: int | None = None
    redirects: tuple[str, ...] = ()
    etag: str = ""
    last_modified: str = ""
    capture: Capture | None = None
    article: Article | None = None
    targets: tuple[DiscoveredURL, ...] = ()
    next_pages: tuple[str, ...] = ()
    part_of: str = ""
    part: int = 1
    parts: tuple[tuple[int, str], ...] = ()
    same_validator: bool = False
    rights: tuple[UsageStatement, ...] = ()
    shown: str = ""
    requisites: tuple[Requisite, ...] = ()


# A candidate for a field: its value and its evidence.

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """`visible`: a reader of the page sees it in the post's own lines."""

    value: T
    source: str
    locator: str
    confidence: float
    visible: bool = False

    def evidence(self, field: str) -> Evidence:
        value = ", ".join(self.value) if isinstance(self.value, tuple) else str(self.value)
        return Evidence(field, value[:300], self.source, self.locator[:120], round(self.confidence, 2))


def is_from_api(lead: SourceHint | None) -> bool:
    """Whether a lead comes from a platform's own interface, which knows what it says."""
    return lead is not None and lead.from_api
