"""Parses robots.txt by RFC 9309: selects the group of rules for this crawler, and decides what a response for the file
means.

Where the RFC leaves parsers a choice, lines are read as by Google's parser (github.com/google/robotstxt). Protego
matches URLs against rules as section 2.2.2 requires, but it selects the wrong group in some cases: it would apply a
group for "arch" to this crawler, would not apply a group for "archiver/2.0", and would end a group at a Crawl-delay
between two User-agent lines. Therefore this module selects the group, and gives Protego only the rules of that group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from protego import Protego

from archiver.markup import lazy_regex

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
)
_UTF_16 = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_ANYBODY = "*"


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules of a robots.txt for this crawler. Without rules everything is allowed.

    - `rules`: the lines of the group that applies to this crawler, as written.
    - `crawl_delay`: in seconds; not part of RFC 9309, but obeyed.
    - `sitemaps`: the URLs of sitemaps, which are the same for all crawlers.
    """

    rules: tuple[str, ...] = ()
    crawl_delay: float | None = None
    sitemaps: tuple[str, ...] = ()
    _matcher: Protego = field(default_factory=Protego, compare=False, repr=False)

    def refusal(self, url: str) -> str:
        """Returns the rule that forbids a URL, as written in the file; "" if the URL is allowed. The longest rule that
        matches decides. If an Allow and a Disallow rule are equally long, Allow decides (section 2.2.2).
        """
        if self._matcher.can_fetch(url, PRODUCT_TOKEN):
            return ""
        forbidding = (r for r in self.rules[:_MAX_SEARCHED] if not _matcher((r,)).can_fetch(url, PRODUCT_TOKEN))
        return max(forbidding, key=len, default="Disallow")


def parse_robots(body: bytes, token: str = PRODUCT_TOKEN) -> Robots:
    """Parses a robots.txt and returns the rules from all groups for the product token `token`. If there is no such
    group, returns the rules for `*` (section 2.2.1). Never raises.

    Records other than User-agent, Allow and Disallow do not end a group (section 2.2.4).
    """
    groups: dict[str, _Group] = {}
    ruled: list[_Group] = []
    slowed: list[_Group] = []
    sitemaps: list[str] = []
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
        elif record == "delay":
            for group in slowed:
                group.delays += _seconds(value)
        elif record == "sitemap":
            sitemaps += [value] if value else []
            continue
        elif value:
            for group in ruled:
                group.rules.append(f"{record}: {value}")
        before = record
    ours = groups.get(token.lower()) or groups.get(_ANYBODY) or _Group()
    return Robots(tuple(ours.rules), max(ours.delays, default=None), tuple(sitemaps), _matcher(tuple(ours.rules)))


@dataclass(slots=True)
class _Group:
    rules: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


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
