"""Parses robots.txt (RFC 9309), and reads usage statements: what a response says about how it may be used, in robots
directives, TDM reservations and licences.

Where the RFC leaves parsers a choice, lines of robots.txt are read as by Google's parser (github.com/google/robotstxt).
Protego matches URLs against rules as section 2.2.2 requires, but it selects the wrong group in some cases: it would
apply a group for "arch" to this crawler, would not apply a group for "archiver/2.0", and would end a group at a
Crawl-delay between two User-agent lines. Therefore this module selects the group, and gives Protego only the rules of
that group.

What may be published is decided from the usage statements later, when a dataset is built. The words of X-Robots-Tag and
of the robots meta element are not standardized, so every word in the form of a directive is kept. TDMRep is the "TDM
Reservation Protocol" (W3C Community Group Final Report, 10 May 2024), cited by the titles of its sections.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from protego import Protego

from archiver.model.items import UsageStatement
from archiver.model.lazy_regex import lazy_regex
from archiver.politeness.licence_place import LicencePlaces

if TYPE_CHECKING:
    from lxml import etree

    from archiver.platforms.selector_index import Index

# Files that apply to a whole host (robots.txt, tdmrep.json).

FRESH_FOR = timedelta(hours=24)
"""A stored copy of robots.txt may be used for this time (RFC 9309, section 2.4)."""


@dataclass(frozen=True, slots=True)
class HostFile:
    """A stored copy of a host's robots.txt or tdmrep.json. `body` is empty if the host has no such file. `fetched_at`
    (aware) is when the host last sent the file, or confirmed it with status 304.
    """

    fetched_at: datetime
    status: int
    body: bytes = b""
    etag: str = ""
    last_modified: str = ""

    def is_fresh(self, now: datetime) -> bool:
        """Returns True if the copy is less than 24 hours old. It may then be used without a request, even if the host
        cannot be reached.
        """
        return timedelta(0) <= now - self.fetched_at < FRESH_FOR


# robots.txt.

PRODUCT_TOKEN = "archiver"
MAX_ROBOTS_BYTES = 500 * 1024
"""At most this many bytes of the file are read. RFC 9309 requires at least this number (section 2.5)."""

_MAX_SEARCHED = 2_000  # at most this many rules are searched for the rule that forbids an address
# The value may have a colon of its own: "Sitemap https://...", "Disallow /a:b".
_WITHOUT_COLON = lazy_regex(r"([A-Za-z_-]+)\s+((?:/|\*|https?:)\S*|[^\s:]+)")
_LINE = lazy_regex(r"\r\n|\r|\n")
_TOKEN = lazy_regex(r"[A-Za-z_-]+|\*")
# The records, by the beginnings of their names, with common misspellings (section 2.2.4 allows a lenient parser).
_RECORDS = (
    ("user-agent", "agent"),
    ("useragent", "agent"),
    ("user agent", "agent"),
    ("allow", "Allow"),
    ("disallow", "Disallow"),
    ("dissallow", "Disallow"),
    ("dissalow", "Disallow"),
    ("disalow", "Disallow"),
    ("diasllow", "Disallow"),
    ("disallaw", "Disallow"),
    ("crawl-delay", "delay"),
    ("crawl delay", "delay"),
    ("sitemap", "sitemap"),
    ("site-map", "sitemap"),
    ("content-usage", "content-usage"),
    ("content-signal", "content-signal"),
)
_PREFERENCES = ("content-usage", "content-signal")
"""Records and header fields about the use of content: draft-ietf-aipref-attach, and Cloudflare's Content Signals."""
_UTF_16 = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_ANYBODY = "*"


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules of a robots.txt for this crawler. Without rules everything is allowed.

    - `rules`: the lines of the group that applies to this crawler, as written.
    - `crawl_delay`: in seconds; not part of RFC 9309, but obeyed.
    - `sitemaps`: the URLs of sitemaps, which are the same for all crawlers.
    - `preferences`: the Content-Usage and Content-Signal records for this crawler: name, path and value of each.
    """

    rules: tuple[str, ...] = ()
    crawl_delay: float | None = None
    sitemaps: tuple[str, ...] = ()
    preferences: tuple[tuple[str, str, str], ...] = ()
    _matcher: Protego = field(default_factory=Protego, compare=False, repr=False)

    def refusal(self, url: str) -> str:
        """Returns the rule that forbids a URL, as written in the file; "" if the URL is allowed. The longest rule that
        matches decides. If an Allow and a Disallow rule are equally long, Allow decides (section 2.2.2).
        """
        if self._matcher.can_fetch(url, PRODUCT_TOKEN):
            return ""
        forbidding = (r for r in self.rules[:_MAX_SEARCHED] if not _matcher((r,)).can_fetch(url, PRODUCT_TOKEN))
        return max(forbidding, key=len, default="Disallow")

    def statements_for(self, url: str) -> tuple[UsageStatement, ...]:
        """Returns the usage statements for a URL: of each name those with the longest path that matches the URL
        (draft-ietf-aipref-attach). A record without a path applies to all URLs.
        """
        found: list[UsageStatement] = []
        for name in _PREFERENCES:
            of_url = [
                (path, value)
                for one, path, value in self.preferences[:_MAX_RULES]
                if one == name and (path == "/" or path_matcher(path)(url))
            ]
            longest = max((len(path) for path, _ in of_url), default=0)
            found += [UsageStatement("robots.txt", name, value) for path, value in of_url if len(path) == longest]
        return _kept(found)


def parse_robots(body: bytes, token: str = PRODUCT_TOKEN) -> Robots:
    """Parses a robots.txt and returns the rules from all groups for the product token `token`. If there is no such
    group, returns the rules for `*` (section 2.2.1). Never raises. A Content-Usage or Content-Signal record before the
    first group applies to all crawlers.

    Records other than User-agent, Allow and Disallow do not end a group (section 2.2.4).
    """
    groups: dict[str, _Group] = {}
    ruled: list[_Group] = []
    slowed: list[_Group] = []
    sitemaps: list[str] = []
    common = _Group()
    before = ""
    for record, value in _parse_records(body):
        if record == "agent":
            if before not in ("agent", "delay"):
                ruled = []
            if before != "agent":
                slowed = []
            if named := _TOKEN.match(value):
                group = groups.setdefault(named[0].lower(), _Group())
                ruled.append(group)
                slowed.append(group)
        elif record == "delay" or record in _PREFERENCES:
            for group in slowed if groups else [common]:
                group.add(record, value)
            record = "delay"
        elif record == "sitemap":
            sitemaps += [value] if value else []
            continue
        elif value:
            for group in ruled:
                group.rules.append(f"{record}: {value}")
        before = record
    ours = groups.get(token.lower()) or groups.get(_ANYBODY) or _Group()
    preferences = (*common.preferences, *ours.preferences)
    rules = tuple(ours.rules)
    return Robots(rules, max(ours.delays, default=None), tuple(sitemaps), preferences, _matcher(rules))


@dataclass(slots=True)
class _Group:
    rules: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    preferences: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, record: str, value: str) -> None:
        """Adds a Crawl-delay, or a preference with or without a path."""
        if record == "delay":
            self.delays += _seconds(value)
            return
        path, _, words = value.partition(" ") if value.startswith(("/", "*")) else ("/", "", value)
        if words:
            self.preferences.append((record, path, words.strip()))


def _parse_records(body: bytes) -> Iterator[tuple[str, str]]:
    """Yields the name and value of each known record (Allow, Disallow ...) in a robots.txt; skips comments and unknown
    records.

    A line without a colon that has exactly two words is read as a name and its value.
    """
    for line in _LINE.split(_parsed_part(body)):
        text = line.partition("#")[0].strip()
        name, colon, value = text.partition(":")
        if bare := _WITHOUT_COLON.fullmatch(text):
            name, value = bare.groups()
        elif not colon:
            continue
        record = _record(name.strip().lower())
        if record:
            yield record, value.strip()


def _record(name: str) -> str:
    return next((record for beginning, record in _RECORDS if name.startswith(beginning)), "")


def _parsed_part(body: bytes) -> str:
    """Decodes the first MAX_ROBOTS_BYTES of a robots.txt. The text is cut at a line end, since half of the line "Allow:
    /a/b" would allow more than the whole line.

    The file should be UTF-8 (section 2.3). UTF-16 is recognized as well, with or without a byte order mark; if it were
    read as UTF-8, it would seem to have no rules, and everything would be allowed.
    """
    text = body[:MAX_ROBOTS_BYTES].decode(_encoding(body), errors="ignore").lstrip("\ufeff")
    if len(body) <= MAX_ROBOTS_BYTES:
        return text
    return text[: max(text.rfind("\n"), text.rfind("\r")) + 1]


def _encoding(body: bytes) -> str:
    """Returns "utf-16-le" or "utf-16-be" if the file begins with the byte order mark of this encoding, or if every
    other byte at its beginning is zero; otherwise "utf-8".
    """
    head = body[:1_000]
    for mark, name in _UTF_16:
        if head.startswith(mark):
            return name
    half = len(head) // 2
    even, odd = head[::2].count(0), head[1::2].count(0)
    if half and max(even, odd) > 0.8 * half and min(even, odd) < 0.1 * half:
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"


def path_matcher(pattern: str) -> Callable[[str], bool]:
    """Returns a function that is True for URLs whose path matches a robots.txt pattern, in which `*` and `$` are
    special (sections 2.2.2 and 2.2.3).
    """
    matcher = _matcher((f"Disallow: {' '.join(pattern.split())}",))
    return lambda url: not matcher.can_fetch(url, PRODUCT_TOKEN)


def _matcher(rules: tuple[str, ...]) -> Protego:
    return Protego.parse("\n".join((f"User-agent: {PRODUCT_TOKEN}", *rules)))


def _seconds(text: str) -> list[float]:
    return [float(text)] if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text) else []


def is_conclusive_status(status: int) -> bool:
    """Returns True if a response for robots.txt with this status decides what may be fetched; if it is False, nothing
    is fetched.

    A client error means that the file does not exist and everything is allowed (section 2.3.1.3). A server error
    (section 2.3.1.4) or 429 (Too Many Requests) says nothing about the file, and is therefore not conclusive. This is
    stricter than the RFC, which would allow everything after a 429, or if the server has failed for 30 days.
    """
    return status < 500 and status != 429


MAX_STATEMENTS = 100
"""At most this many statements are kept per response. Real responses have only a few."""
_MAX_LENGTH = 500
_MAX_FILE_SIZE = 500 * 1024
_MAX_RULES = 2_000

# Directives with a value after a colon. Any other word before a colon is the name of a crawler.
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_WORDS = frozenset(
    {
        "all",
        "none",
        "index",
        "noindex",
        "follow",
        "nofollow",
        "archive",
        "noarchive",
        "snippet",
        "nosnippet",
        "nocache",
        "noimageindex",
        "notranslate",
        "noodp",
        "noydir",
        "indexifembedded",
        "nositelinkssearchbox",
        "nopagereadaloud",
        "noai",
        "noimageai",
        "noml",
        "norobots",
    }
)
_DIRECTIVE = lazy_regex(r"[a-z][a-z0-9_-]{1,39}")
_AGENT = lazy_regex(r"\s*([A-Za-z0-9_.*-]{1,60})\s*:(.*)", re.DOTALL)
# The name of a meta element for one crawler, instead of "robots".
_ROBOT_NAME = lazy_regex(r"bot|crawler|spider|archiver|extended|slurp|teoma")
_MAX_NAME_LENGTH = 60
_TDM = ("tdm-reservation", "tdm-policy")
_LICENCE_META = frozenset({"dcterms.license", "dc.rights.license", "dcterms.rights", "dc.rights"})
_LINK = lazy_regex(r"<([^<>]{1,500})>((?:\s*;[^,<]*)*)")


def statements_of_headers(headers: Iterable[tuple[str, str]], url: str) -> tuple[UsageStatement, ...]:
    """Returns the usage statements in a response's headers, given as (name, value) pairs with names in any case.

    Reads X-Robots-Tag; `tdm-reservation` and `tdm-policy` (TDMRep, "TDM Header Field in HTTP Responses"); `Link`
    with rel=license (RFC 8288 and RFC 4946), unless its `anchor` says that it is about something else; `Content-Usage`
    and `Content-Signal`. Addresses are made absolute.
    """
    return _kept(right for name, value in headers for right in _of_header(name.lower(), value[:4_000], url))


def _of_header(name: str, value: str, url: str) -> Iterator[UsageStatement]:
    if name == "x-robots-tag":
        yield from _parse_directives(value, "header")
    elif name in _TDM:
        yield from _parse_tdm_property(name, value, "header", url)
    elif name == "link":
        for target, parameters in _LINK.findall(value):
            if "anchor=" in parameters.lower().replace(" ", ""):
                continue
            if re.search(r";\s*rel\s*=\s*(?:\"[^\"]*\blicense\b[^\"]*\"|license\b)", parameters, re.IGNORECASE):
                yield UsageStatement("header", "license", urljoin(url, target.strip()))
    elif name in _PREFERENCES and value.strip():
        yield UsageStatement("header", name, value.strip())


def statements_of_page(index: Index, url: str) -> tuple[UsageStatement, ...]:
    """Returns the usage statements in a page's HTML, given the index of its tree.

    Reads robots meta elements for all and for single crawlers, TDM metadata (TDMRep, "TDM Metadata in HTML
    Content"), licence metadata, and links with rel=license anywhere on the page, each with its place: "link in footer".
    """
    return _kept(_of_page(index, url))


def _of_page(index: Index, url: str) -> Iterator[UsageStatement]:
    licences = [el for el in index.with_attribute("rel") if _states_licence(el)][:MAX_STATEMENTS]
    metas = index.tag("meta")
    places = LicencePlaces(index) if licences else None
    for element in index.sorted([*metas, *licences]) if licences else metas:
        if element.tag == "meta":
            yield from _of_meta(
                (element.get("name") or "").strip().lower(), (element.get("content") or "").strip(), url
            )
        elif places is not None and (href := element.get("href")):
            yield UsageStatement(f"link in {places.place_of(element)}", "license", _absolute(url, href))


def _states_licence(element: etree._Element) -> bool:
    return element.tag in ("a", "link") and "license" in (element.get("rel") or "").lower().split()


def _of_meta(name: str, content: str, url: str) -> Iterator[UsageStatement]:
    if name == "robots":
        yield from _parse_directives(content, "meta")
    elif name in _TDM:
        yield from _parse_tdm_property(name, content, "meta", url)
    elif name in _LICENCE_META and content:
        yield UsageStatement("meta", name, content)
    elif len(name) <= _MAX_NAME_LENGTH and _ROBOT_NAME.search(name):
        found = tuple(_parse_directives(content, "meta", name))
        if found and all(right.value.partition(":")[0] in _WORDS | _VALUED for right in found):
            yield from found


def _parse_directives(text: str, source: str, agent: str = "") -> Iterator[UsageStatement]:
    """Parses robots directives, such as "noarchive, nosnippet", "googlebot: noindex" or "unavailable_after: 25 Jun 2026
    15:00:00 GMT". `source` says where they are stated, and `agent` for which crawler ("" for all).
    """
    dated = False
    value = ""
    for piece in text.split(","):
        if dated and re.match(r"\s*\d", piece):
            # The date of unavailable_after may have a comma after its weekday.
            yield UsageStatement(source, "robots", f"{value}, {piece.strip()}", agent)
            dated = False
            continue
        if dated:
            yield UsageStatement(source, "robots", value, agent)
            dated = False
        named = _AGENT.match(piece)
        if named and named[1].lower() not in _VALUED:
            agent, piece = named[1].lower(), named[2]
            named = _AGENT.match(piece)
        if named:
            value, dated = f"{named[1].lower()}: {named[2].strip()}", named[1].lower() == "unavailable_after"
            if not dated:
                yield UsageStatement(source, "robots", value, agent)
        elif _DIRECTIVE.fullmatch(word := piece.strip().lower()):
            yield UsageStatement(source, "robots", word, agent)
    if dated:
        yield UsageStatement(source, "robots", value, agent)


def _parse_tdm_property(name: str, value: str, source: str, url: str) -> Iterator[UsageStatement]:
    """Parses a TDM property. For tdm-reservation, values other than 0 and 1 are ignored (TDMRep, "tdm-reservation")."""
    value = value.strip()
    if name == "tdm-policy":
        if value:
            yield UsageStatement(source, name, _absolute(url, value))
    elif value in ("0", "1"):
        yield UsageStatement(source, name, value)


@dataclass(frozen=True, slots=True)
class TDMFile:
    """The rules of a host's /.well-known/tdmrep.json (TDMRep, "TDM File on the Origin Server"), in order. Each rule is
    a test for URLs with the usage statements for URLs that pass the test.
    """

    rules: tuple[tuple[Callable[[str], bool], tuple[UsageStatement, ...]], ...] = ()

    def of(self, url: str) -> tuple[UsageStatement, ...]:
        """Returns the usage statements for a URL: those of the first rule that matches the URL."""
        return next((rights for matches, rights in self.rules if matches(url)), ())


def parse_tdm_file(body: bytes, url: str) -> TDMFile:
    """Parses the tdmrep.json at `url`. Returns a TDMFile without rules if the body is not such a file. Never raises.

    Locations are matched like paths in robots.txt, with `*` and `$`. A rule without a valid reservation is ignored.
    """
    try:
        data = json.loads(body[:_MAX_FILE_SIZE].decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return TDMFile()
    rules = []
    for rule in data[:_MAX_RULES] if isinstance(data, list) else ():
        location = rule.get("location") if isinstance(rule, dict) else None
        if not isinstance(location, str) or not location.strip():
            continue
        rights = tuple(
            right
            for name in _TDM
            if isinstance(rule.get(name), (str, int))
            for right in _parse_tdm_property(name, str(rule[name]), "file", url)
        )
        if any(right.name == "tdm-reservation" for right in rights):
            rules.append((path_matcher(location.strip()), rights))
    return TDMFile(tuple(rules))


def _absolute(base: str, url: str) -> str:
    try:
        return urljoin(base, url.strip())
    except ValueError:
        return url.strip()


def _kept(rights: Iterable[UsageStatement]) -> tuple[UsageStatement, ...]:
    return tuple(dict.fromkeys(right for right in rights if len(right.value) <= _MAX_LENGTH))[:MAX_STATEMENTS]
