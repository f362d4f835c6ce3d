"""The frozen dataclasses that the stages of a crawl pass to one another. They have almost no behaviour.

Times are aware `datetime`s and sequences are tuples. A value that a page lacks is None (single values) or empty (text,
tuples).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from archiver.model.due_reasons import Remarks


class DiscoverySource(StrEnum):
    """The kinds of source that report a URL. They are stored in `page_discoveries.source`."""

    SEED = "seed"
    FEED = "feed"
    SITEMAP = "sitemap"
    API = "api"
    CDX = "cdx"
    LISTING = "listing"
    ENTRY = "entry"  # a list shows it with a date beside the link
    LINK = "link"
    REDIRECT = "redirect"
    IMPORT = "import"


SOURCE_NAMES = {
    "api": "API",
    "cdx": "CDX",
    "entry": "dated entries",
    "listing": "listings",
    "link": "links",
    "redirect": "redirects",
    "import": "imports",
}
"""The names of discovery sources in tables and lists. A source that is not listed here is shown by its stored value."""


class PageKind(StrEnum):
    """The kind of page that a URL shows, as far as the archive knows. It is stored in `pages.kind`."""

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


REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""The HTTP statuses of a redirect."""
BUSY_STATUSES = frozenset({429, 503})
"""The statuses with which a host says that it is busy: Too Many Requests (RFC 6585, section 4) and Service Unavailable
(RFC 9110, section 15.6.4).
"""
UNDATED = "undated"
"""The rule of a page that is no post, since nothing marks it as a post or as anything else."""
LISTED_DATE = "dated in a list"
"""The rule of a page that counts as a post only because a list of posts shows a date for it. The page itself shows
none."""
UNDONE = "undone"
"""The rule of a page whose article is withdrawn, because the run that stored it was undone."""
NEEDS_JAVASCRIPT = "needs-javascript"
"""Rule of the outcome of a page that has no content unless a browser runs its scripts."""
EMPTY = "empty"
"""The rule of a page that is no post, since it has no content at all."""
EMPTY_SITEMAP = "empty sitemap"
"""Rule of the outcome of a sitemap that lists neither pages nor sitemaps."""
FOREIGN_FEED = "feed of other sites"
"""Rule of the outcome of a feed that lists only posts of other sites."""
FOREIGN_API = "api of other sites"
"""Rule of the outcome of an API's list that contains only posts of other sites."""
FOREIGN_SITEMAP = "sitemap of other sites"
"""Rule of the outcome of a sitemap that lists only pages of other sites, and no sitemaps."""


UNLISTED = "unlisted"
"""Rule of the outcome of a post that may be gone: its sources no longer list it. Its page cannot show whether it is
gone, because the site sends the same page, without content, for every address."""


class Outcome(StrEnum):
    """The result of the last attempt to fetch a URL, or why it has not been fetched. Every row of `pages` holds exactly
    one outcome.

    NOT_FOUND is for addresses of feeds and sitemaps that the crawl guessed and that do not exist. They are not GONE,
    because they never existed. The content of a HELD page replaces the stored content only after it is confirmed.
    """

    DUE = "due"
    ARCHIVED = "archived"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    PART = "part"
    NOT_ARTICLE = "not-article"
    GONE = "gone"
    NOT_FOUND = "not-found"
    REFUSED = "refused"
    OUT_OF_SCOPE = "out-of-scope"
    TRAP = "trap"
    FAILED = "failed"
    HELD = "held"


class RequisiteKind(StrEnum):
    """The kind of a requisite: a file that a browser needs to display a page. It is stored in `requisites.kind`."""

    IMAGE = "image"
    STYLESHEET = "stylesheet"
    FONT = "font"


@dataclass(frozen=True, slots=True)
class Requisite:
    """An image, stylesheet or font that a browser needs to display a page or to apply another stylesheet.

    `url` is the URL that a browser would request. `is_lead` is True for the lead image of a post.
    """

    url: str
    kind: RequisiteKind
    is_lead: bool = False


@dataclass(frozen=True, slots=True)
class GeoTag:
    """A geographic place that a page names in its markup. Degrees are WGS 84, positive north and east.

    If a place has only a name, both degrees are None. `role` says what the place belongs to: content, dateline, author
    or publisher. In the hint of an API, a tag without a place and with the role private says that the place of the post
    is not public. `source` is the markup format of the geo-tag (geo.position, ICBM, geo-microformat, georss, schema.org
    ...). `precision` is the precision of the written position, in degrees (Darwin Core's coordinatePrecision: 0.0001
    for four decimals, 1/3600 for seconds).
    """

    latitude: float | None
    longitude: float | None
    placename: str = ""
    region: str = ""
    role: str = "content"
    source: str = ""
    precision: float | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark of an article's markup. It says what a range of the body is, such as a link or a heading.

    - `offset`, `length`: the range, in characters of the body. An image or a recording has length 0.
    - `kind`: the name of the HTML element with this meaning (a, h2, li, pre, td ...), see `archiver.markup.text_marks`.
    - `value`: the URL of a link, image or recording; the language of a code block; the numbering of an ordered list;
      the name of an anchor.
    - `alt`, `caption`: the alternative text and the caption of an image; the title of a recording.
    - `link`: the URL to which an image leads, other than the image itself.
    """

    offset: int
    length: int
    kind: str
    value: str = ""
    alt: str = ""
    caption: str = ""
    link: str = ""

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class Link:
    """A link in an article's body: its URL, and the text that is linked."""

    url: str
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image in an article's body: its URL, its alternative text, its caption, and the URL to which it leads ("" if
    it has none).
    """

    url: str
    alt: str = ""
    caption: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A plain text with its marks."""

    text: str
    markup: tuple[Mark, ...] = ()


def format_degrees(*degrees: float, between: str = ",") -> str:
    """Formats degrees with at most 7 decimals (1 cm), which is the stored precision, and without zeros at the end:
    "10.0341,105.7878". `between` separates the numbers.
    """
    return between.join(f"{round(one, 7) + 0.0:.7f}".rstrip("0").rstrip(".") for one in degrees)


def format_published(moment: str | None, precision: str | None = None) -> str:
    """Formats the publication date `moment` as precisely as the page gives it (`precision`: day, month, hour and so on;
    None is to the minute), but no more; "undated" if there is no date.
    """
    if not moment:
        return "undated"
    if precision in _DATE_LENGTHS:
        return moment[: _DATE_LENGTHS[precision]]
    return moment[:16].replace("T", " ") + (moment[19:] if len(moment) > 19 and moment[19] in "+-" else "")


_DATE_LENGTHS = {"year": 4, "month": 7, "day": 10}


CONSTANT = "constant"
"""`Evidence.source` of a text that was rejected as the value of a field, because it belongs to the site and not to the
post (see *constant* in the glossary)."""
LISTING = "listing"
"""`Evidence.source` of the categories and the date that a list of posts shows beside its link to the post."""
REFUSED = "refused"
"""`Evidence.source` of a date that the page shows but that was rejected as its date of publication. The `locator` of
this evidence contains the reason. Stored only if the page has no other date."""
IN_FUTURE = "in the future: later than the capture"
"""The reason, at the end of the `locator`, why a date that is more than a day after the page's capture is refused."""
OTHER_HEADING = "other heading"
"""`Evidence.source` of a title candidate that is a heading other than the page's main one. It becomes the title only
if all other candidates proved to belong to the site and not to the post."""
PAGE_OBJECT = "page object"
"""`Evidence.source` of a value that a page object returned. An empty value means that the page object left the field
empty on purpose."""
PAGE_OBJECT_FAILED = "page object failed"
"""`Evidence.source` for a field whose page object raised an error, so that the field has the value found without the
page object. The `locator` says where and why the page object failed."""
PAGE_OBJECT_KEPT = "page object kept"
"""`Evidence.source` for a field whose value a page object returned earlier. The field keeps this value, although the
page object now fails or no longer reads the page. The `locator` says which page object this is, and why it returned no
value."""
NO_LONGER_READS = "it no longer reads this page"
"""The reason in the `locator` of `PAGE_OBJECT_KEPT` evidence if the page object is not loaded, or not responsible for
this page."""
UNCONFIRMED = "unconfirmed"
"""`Evidence.source` for a field whose stored value the page no longer shows. The `value` of this evidence is the time
of the first fetch in which the value was missing."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One candidate value for a field of an article: its source, its location on the page, and its confidence (0 to
    1).
    """

    field: str
    value: str
    source: str
    locator: str = ""
    confidence: float = 0.5


ORGANIZATIONS = "organizations"
"""`Evidence.field` of the evidence that an author is an organization and not a person, such as a news agency. Its
`value` is the author's name; several such authors have one piece of evidence each."""


@dataclass(frozen=True, slots=True)
class SourceHint:
    """The information that a feed item or an API response gives about a post, in addition to the post's own page.

    - `guid`: the feed's guid or Atom id.
    - `post_id`: the platform's own ID of the post ("wordpress:123"), which stays the same when its URL changes.
    - `body_html`: the full text, or "" if the source has only an excerpt.
    - `published_precision`, `modified_precision`: the precision of these times; "" if they are precise to the second.
    - `published_unzoned`, `modified_unzoned`: True if the source gives this time without a time zone. The time is then
      stored as if it were in UTC.
    - `protected`: True if the post requires a password.
    - `from_api`: True if the hint comes from the site's own API, which distinguishes authors, categories and tags.
    - `listed_categories`: the categories that a listing shows beside its link to the post. They are used only if
      neither the page nor another source gives categories, and they do not show that the page is a post.
    - `listed_date`: the day, month or year ("2024-05-07", "2024-05", "2024") that a list of posts shows beside its link
      to the post. It is used only if neither the page nor another source gives a date. A page of text that shows no
      date may be a post because of it (see `LISTED_DATE`).
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
    published_precision: str = ""
    published_unzoned: bool = False
    modified_precision: str = ""
    modified_unzoned: bool = False
    listed_categories: tuple[str, ...] = ()
    listed_date: str = ""


def reports_post(hint: SourceHint | None) -> bool:
    """Returns True if a source hint shows that a feed, a sitemap or an API reported the page as a post. Returns False
    if there is no hint (None), or if it says only which categories and which date a listing shows.
    """
    return hint is not None and hint != SourceHint(
        listed_categories=hint.listed_categories, listed_date=hint.listed_date
    )


@dataclass(frozen=True, slots=True)
class DiscoveredURL:
    """A URL that a discovery source reported: the only output of discovery.

    - `found_on`: the URL of the feed, sitemap, listing or page that contains it.
    - `hint`: the source hint.
    - `trap`: the name of the trap rule that keeps the URL from being fetched; "" for nearly all URLs.
    - `captured`: the times at which a web archive first and last captured the URL, if the source states them.
    """

    url: str
    source: DiscoverySource
    kind: PageKind = PageKind.UNKNOWN
    found_on: str = ""
    lastmod: datetime | None = None
    hint: SourceHint | None = None
    trap: str = ""
    captured: tuple[datetime, datetime | None] | None = None


@dataclass(frozen=True, slots=True)
class ListedCategories:
    """The categories (`names`) that a listing shows for its entry with this `urlkey`. `is_beside` is True if it shows
    them beside the link to the post, and False if the listing is that of a category.
    """

    urlkey: str
    names: tuple[str, ...]
    is_beside: bool


@dataclass(frozen=True, slots=True)
class ListedDate:
    """The day, month or year (`date`, as in `SourceHint.listed_date`) that a list of posts shows beside its link to the
    page with this `urlkey`.
    """

    urlkey: str
    date: str


@dataclass(frozen=True, slots=True)
class ListedPosts:
    """The links in a feed or on one page of a listing.

    - `entries`: the urlkeys of its entries, in order.
    - `others`: the urlkeys of all other pages to which it links.
    - `is_first`: True if no newer posts precede it in the same list.
    - `is_last`: True if no older posts follow it in the same list.
    - `categories`: the categories that it shows for its entries.
    """

    entries: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    is_first: bool = False
    is_last: bool = False
    categories: tuple[ListedCategories, ...] = ()


@dataclass(frozen=True, slots=True)
class Article:
    """The content extracted from one page. Attributes are named as in the record (see `archiver.model.fields`).

    - `published_precision`: second, minute, hour, day, month or year, and never finer than on the page. A date with the
      precision "day" has the time 00:00.
    - `kind`, `kind_rule`: the kind of the page, which need not be a post, and the name of the rule that decided the
      kind.
    - `post_id`: the platform's own ID of the post, as in `SourceHint`.
    - `given_urls`: the addresses of the post that og:url and JSON-LD name.
    - `short_url`: the declared shortlink of the post, not normalized.
    - `parts`: if the post is split over several pages, the URLs of the other pages to which this page links, in order.
    - `part`, `part_of`: the number of this page, and the URL of the first page unless this is the first page.
    - `whole_at`: the URL of a page that shows the complete post. It is this page's own URL if `body` is complete.
    - `captions`: the captions and alternative texts of the images in the body.
    - `markup`: the marks of the body, in document order (`archiver.markup.text_marks`).
    - `read_by`: the version of the site rules used to extract the article ("rules-3"). It is "" if none were used, and
      "rules-3 in part" if the article was extracted without rules and only hand-written rules were then applied. The
      name of a page object follows, with the digest of its source ("rules-3 + HarbourPost@1a2b3c4d").
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
    captions: tuple[str, ...] = ()
    markup: tuple[Mark, ...] = ()
    access: str | None = None
    kind: PageKind = PageKind.POST
    kind_rule: str = ""
    platform: str = ""
    post_id: str = ""
    guid: str = ""
    given_urls: tuple[str, ...] = ()
    short_url: str = ""
    evidence: tuple[Evidence, ...] = ()
    read_by: str = ""
    parts: tuple[str, ...] = ()
    part: int = 1
    part_of: str = ""
    whole_at: str = ""

    @property
    def markdown(self) -> str:
        """The body as Markdown: CommonMark with tables, footnotes and deletions."""
        from archiver.markup.markdown_writer import to_markdown

        return to_markdown(self.body, self.markup)

    @property
    def html(self) -> str:
        """The body as HTML, with only harmless elements, attributes and URLs."""
        from archiver.markup.html_writer import to_html

        return to_html(self.body, self.markup)

    @property
    def links(self) -> tuple[Link, ...]:
        """The links in the body, in reading order."""
        from archiver.markup.text_marks import links_of

        return links_of(self.body, self.markup)

    @property
    def images(self) -> tuple[Image, ...]:
        """The images in the body, in reading order."""
        from archiver.markup.text_marks import images_of

        return images_of(self.markup)


@dataclass(frozen=True, slots=True)
class Capture:
    """A stored response: its URL, time, status and digest, and the location of its record in a WARC/1.1 file.

    `digest` is the payload digest in WARC's notation ("sha1:" and base 32, section 5.8); `warc_file` is relative to
    the archive's folder; `warc_offset` and `warc_length` are in bytes.
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
    """One statement in a response about how its content may be used, such as a robots directive or a licence.

    `source` is where it was found: header, meta, "link in footer" (an element with rel=license, and its place on the
    page; only "link" in archives of older versions), file (the host's tdmrep.json) or robots.txt. `name` is robots
    (X-Robots-Tag and meta robots, one directive each), tdm-reservation, tdm-policy, license, content-usage or
    content-signal; `agent` is the crawler to which the statement applies; "" means all crawlers.
    """

    source: str
    name: str
    value: str
    agent: str = ""


@dataclass(frozen=True, slots=True)
class PageForm:
    """The form of a page, by which pages made from the same template are recognized, and some facts about the page's
    content.

    - `tokens`: the hashes of its markup tokens (32 bits each).
    - `address`: the URL pattern of the page.
    - `hentry`: the post type given by the page's only hentry.
    - `length`: the length of the text on a logarithmic scale (`int.bit_length`).
    - `media`: the number of images and embedded media.
    - `titles`: the hashes of the <title>, and of the first heading or else a declared title; 0 for a missing one.
    - `date_slot`: the hash of the position in the markup of the date of publication; 0 if the page shows no date or is
      not a post.
    - `declares`: True if the page declares that it is an article, with or without right.
    """

    tokens: frozenset[int]
    address: str
    hentry: str = ""
    length: int = 0
    media: int = 0
    titles: tuple[int, int] = (0, 0)
    date_slot: int = 0
    declares: bool = False


@dataclass(frozen=True, slots=True)
class PageResult:
    """One attempt to fetch a URL, with everything that was found. It is the item that the spider yields.

    If the page is one document of a discovery source and further documents of that source are still to be fetched, the
    outcome is `due`.

    - `url`, `final_url`: the requested URL, and the URL that responded after `redirects`.
    - `targets`: the URLs discovered on this page. They are stored in the same transaction as the page itself, so that a
      page never counts as done while its discoveries are lost.
    - `next_pages`: if this is a page of a listing, its following pages. They are fetched again if this page shows new
      URLs.
    - `part_of`, `part`: if this is a further page of a post, the post's URL and the number of the page.
    - `parts`: for a post whose text was extracted from several pages, the numbers and URLs of the other pages; number 0
      is a page that shows the complete post.
    - `same_validator`: the response had a full body although its ETag (or Last-Modified) was the same as before.
    - `usage_statements`: the usage statements in the response, stored with its capture.
    - `shown`: if this is a page of a listing, a digest of its links, except those to the listing's other pages;
      otherwise "".
    - `hint_id`: the ID of the stored source hint with which the page was extracted.
    - `possible_posts`: if the page has a URL pattern, the urlkeys of all possible posts, known or new, to which it
      links.
    - `requisites`: the files that a post's page needs, if the site's settings ask for all of them.
    - `listed`: the links that a feed or listing shows; None for other pages.
    - `listed_dates`: the dates that a page other than a post shows beside its links to posts.
    - `entries`: the urlkeys of the entries that a list shows with a date beside the link.
    - `form`: the page's form, None if the page was not parsed.
    - `is_shell`: the page has no more content than the site shows at addresses that do not exist. The article's text,
      if any, comes from a feed or an API.
    - `other`: what a page shows that was asked for as a known post and is not a post; None for other pages.
    - `lacks_end`: the HTML document does not have the end tag of its `html` element, which may be omitted but is also
      missing if a server sends only the first part of a page.
    """

    url: str
    final_url: str
    at: datetime
    outcome: Outcome
    kind: PageKind
    reason: str = ""
    remarks: Remarks = field(default_factory=dict)
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
    usage_statements: tuple[UsageStatement, ...] = ()
    shown: str = ""
    hint_id: int | None = None
    possible_posts: tuple[str, ...] = ()
    requisites: tuple[Requisite, ...] = ()
    listed: ListedPosts | None = None
    listed_dates: tuple[ListedDate, ...] = ()
    entries: tuple[str, ...] = ()
    form: PageForm | None = None
    is_shell: bool = False
    other: Article | None = None
    lacks_end: bool = False


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Candidate(Generic[T]):
    """A value that a page offers for a field, with its evidence. `visible` is True if a reader of the page can see the
    value.
    """

    value: T
    source: str
    locator: str
    confidence: float
    visible: bool = False

    def evidence(self, field: str) -> Evidence:
        value = ", ".join(self.value) if isinstance(self.value, tuple) else str(self.value)
        return Evidence(field, value[:300], self.source, self.locator[:120], round(self.confidence, 2))


def is_from_api(hint: SourceHint | None) -> bool:
    """Returns True if a source hint comes from a platform's API, which is more reliable than a feed. Returns False if
    there is no hint (None).
    """
    return hint is not None and hint.from_api
