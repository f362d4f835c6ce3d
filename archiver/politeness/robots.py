"""Parses robots.txt by RFC 9309: selects the group of rules for this crawler, and decides what a response for the file
means.

Protego matches URLs against rules as section 2.2.2 requires, but it selects groups differently: it would take a
group for "arch" as ours, would not take one for "archiver/2.0", and would end a group at a Crawl-delay between two
User-agent lines. So the group is selected here, and Protego gets only its rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from protego import Protego

# Files that apply to a whole host (robots.txt, tdmrep.json).

FRESH_FOR = timedelta(hours=24)
"""For how long a stored copy may be used (RFC 9309, section 2.4)."""


@dataclass(frozen=True, slots=True)
class HostFile:
    """A stored copy of a host's robots.txt or tdmrep.json. `body` is empty if the host has no such file. `fetched_at`
    (aware) is the last time that the host sent or confirmed it (304).
    """

    fetched_at: datetime
    status: int
    body: bytes = b""
    etag: str = ""
    last_modified: str = ""

    def is_fresh(self, now: datetime) -> bool:
        """Returns True if the copy is less than 24 hours old and may be used without asking the host, even while the
        host cannot be reached.
        """
        return timedelta(0) <= now - self.fetched_at < FRESH_FOR


# robots.txt.

PRODUCT_TOKEN = "archiver"
MAX_ROBOTS_BYTES = 500 * 1024
"""Bytes of the file that are read (the minimum in section 2.5)."""

_MAX_SEARCHED = 2_000  # rules that are searched for the one that forbids an address
_LINE = re.compile(r"\r\n|\r|\n")
_TOKEN = re.compile(r"[A-Za-z_-]+|\*")
# Records and their common misspellings (section 2.2.4 allows a lenient parser).
_RECORDS = {
    "user-agent": "agent",
    "useragent": "agent",
    "user agent": "agent",
    "allow": "Allow",
    "disallow": "Disallow",
    "dissallow": "Disallow",
    "dissalow": "Disallow",
    "disalow": "Disallow",
    "diasllow": "Disallow",
    "disallaw": "Disallow",
    "crawl-delay": "delay",
    "crawl delay": "delay",
    "sitemap": "sitemap",
    "site-map": "sitemap",
}
_ANYBODY = "*"


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules of a robots.txt for this crawler. Without rules everything is allowed.

    `rules` are the lines of its group as written in the file; `crawl_delay` is in seconds (not part of the RFC, but
    followed); `sitemaps` are the same for all crawlers.
    """

    rules: tuple[str, ...] = ()
    crawl_delay: float | None = None
    sitemaps: tuple[str, ...] = ()
    _matcher: Protego = field(default_factory=Protego, compare=False, repr=False)

    def refusal(self, url: str) -> str:
        """Returns the rule that forbids a URL, as written in the file; "" if the URL is allowed.

        The longest rule that matches decides; of two equally long ones, Allow (section 2.2.2).
        """
        if self._matcher.can_fetch(url, PRODUCT_TOKEN):
            return ""
        forbidding = (r for r in self.rules[:_MAX_SEARCHED] if not _matcher((r,)).can_fetch(url, PRODUCT_TOKEN))
        return max(forbidding, key=len, default="Disallow")


def parse_robots(body: bytes, token: str = PRODUCT_TOKEN) -> Robots:
    """Parses a robots.txt and returns the rules for the product token, from all its groups, or those for `*` if it has
    no group (section 2.2.1). Never raises.

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
    """
    for line in _LINE.split(_parsed_part(body).decode("utf-8-sig", errors="ignore")):
        name, colon, value = line.partition("#")[0].partition(":")
        record = _RECORDS.get(name.strip().lower())
        if colon and record:
            yield record, value.strip()


def _parsed_part(body: bytes) -> bytes:
    """Returns the first MAX_ROBOTS_BYTES of a robots.txt, cut at a line end, since half of the line "Allow: /a/b" would
    allow more than the whole.
    """
    if len(body) <= MAX_ROBOTS_BYTES:
        return body
    end = max(body.rfind(b"\n", 0, MAX_ROBOTS_BYTES), body.rfind(b"\r", 0, MAX_ROBOTS_BYTES))
    return body[: end + 1]


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
    """Returns True if a response for robots.txt with this status settles what may be fetched.

    After a client error everything is allowed, since there is no file (section 2.3.1.3). It is not settled after a
    server error (section 2.3.1.4), nor after 429 (Too Many Requests), which says nothing about the file.
    """
    return status < 500 and status != 429
