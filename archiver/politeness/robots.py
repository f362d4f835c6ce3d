"""robots.txt by RFC 9309: which group is ours, what it says, and what an answer for the file means.

Protego matches addresses against rules as the RFC's section 2.2.2 wants it. Which group is meant it tells otherwise: a
group of "arch" would be taken for one of "archiver", one of "archiver/2.0" for somebody else's, and a Crawl-delay
between two User-agent lines would part them. So the group is picked here, and Protego gets only its rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from protego import Protego

# A file that speaks for its whole host (robots.txt, tdmrep.json), as it was last read.

FRESH = timedelta(hours=24)
"""For how long a copy may stand for the file (RFC 9309, section 2.4)."""


@dataclass(frozen=True, slots=True)
class HostFile:
    """`status` is that of the answer, `body` what it had, empty where the host has no such file.

    `fetched_at` is the last time that the host said so, be it by an answer 304.
    """

    fetched_at: datetime
    status: int
    body: bytes = b""
    etag: str = ""
    last_modified: str = ""

    def is_fresh(self, now: datetime) -> bool:
        """Whether it may be used without asking, or while the host cannot be asked."""
        return timedelta(0) <= now - self.fetched_at < FRESH


PRODUCT_TOKEN = "archiver"
LARGEST = 500 * 1024
"""Bytes of the file that are read (section 2.5 asks for at least these)."""

_MOST_TOLD = 2_000  # rules that are looked through to name the one that forbids
_LINE = re.compile(r"\r\n|\r|\n")
_TOKEN = re.compile(r"[A-Za-z_-]+|\*")
# The records as they are written; misspellings mean what their writer meant (section 2.2.4 lets a parser be lenient).
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
    """What a robots.txt says to one crawler. Without rules everything is allowed.

    `rules` are the lines of its group as they stand in the file, `crawl_delay` is in seconds (no part of the RFC,
    but whoever writes it means it), `sitemaps` hold for everybody.
    """

    rules: tuple[str, ...] = ()
    crawl_delay: float | None = None
    sitemaps: tuple[str, ...] = ()
    _matcher: Protego = field(default_factory=Protego, compare=False, repr=False)

    def refusal(self, url: str) -> str:
        """The rule that forbids this address, as it is written in the file; "" where it is allowed.

        The longest rule that matches decides, `allow` where two are equally long (section 2.2.2).
        """
        if self._matcher.can_fetch(url, PRODUCT_TOKEN):
            return ""
        forbidding = (r for r in self.rules[:_MOST_TOLD] if not _matcher((r,)).can_fetch(url, PRODUCT_TOKEN))
        return max(forbidding, key=len, default="Disallow")


def parse_robots(body: bytes, token: str = PRODUCT_TOKEN) -> Robots:
    """The groups of the product token, merged; those of `*` where it has none (section 2.2.1). Never raises.

    Records other than User-agent, Allow and Disallow do not part a group (section 2.2.4).
    """
    groups: dict[str, _Group] = {}
    ruled: list[_Group] = []
    slowed: list[_Group] = []
    sitemaps: list[str] = []
    before = ""
    for record, value in _records(body):
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


def _records(body: bytes) -> Iterator[tuple[str, str]]:
    """The records that are known here, with their values; comments and all others are left out."""
    for line in _LINE.split(_parsed_part(body).decode("utf-8-sig", errors="ignore")):
        name, colon, value = line.partition("#")[0].partition(":")
        record = _RECORDS.get(name.strip().lower())
        if colon and record:
            yield record, value.strip()


def _parsed_part(body: bytes) -> bytes:
    """What is parsed of a file: of a larger one whole lines alone, since half an "Allow: /a/b" would allow more."""
    if len(body) <= LARGEST:
        return body
    end = max(body.rfind(b"\n", 0, LARGEST), body.rfind(b"\r", 0, LARGEST))
    return body[: end + 1]


def path_matcher(pattern: str) -> Callable[[str], bool]:
    """Whether an address's path begins with this pattern, which may have `*` and `$` (sections 2.2.2 and 2.2.3)."""
    matcher = _matcher((f"Disallow: {' '.join(pattern.split())}",))
    return lambda url: not matcher.can_fetch(url, PRODUCT_TOKEN)


def _matcher(rules: tuple[str, ...]) -> Protego:
    return Protego.parse("\n".join((f"User-agent: {PRODUCT_TOKEN}", *rules)))


def _seconds(text: str) -> list[float]:
    return [float(text)] if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text) else []


def is_robots_answer(status: int) -> bool:
    """Whether an answer for robots.txt says what is allowed.

    A client error means that there is none, so everything is (section 2.3.1.3). A server error means that nobody knows
    (section 2.3.1.4); so does 429 (Too Many Requests), which is an answer to us and not to the file.
    """
    return status < 500 and status != 429
