"""Builds the addresses of captures in web archives (Memento), parses lists of captures, and chooses the captures to
fetch.

A capture is requested with the flag `id_` after its time, so that the web archive (Internet Archive, OpenWayback, pywb)
sends it unmodified, without added markup and rewritten links. A TimeMap is a list of the captures of one address (RFC
7089, section 5; application/link-format, RFC 6690).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import urljoin, urlsplit

from archiver.discovery.cdx import HTML, CdxEntry, CdxPage, is_wayback_server, service_address
from archiver.discovery.cdx import timestamp as moment_of
from archiver.discovery.safe_parsing import MAX_TARGETS, decode, inflate, plain_text

_TIMEMAP = re.compile(r"(.*/)timemap/[\w*-]+/$")
# How to derive the prefix of the addresses of captures from the address of the list of captures. The first row that
# matches decides.
_REPLAY = (
    (re.compile(r"(https?://[^/]+/)cdx/search(?:/cdx)?/?"), r"\1web/"),  # the Internet Archive
    (re.compile(r"(.*/)cdx/search(?:/cdx)?/?"), r"\1"),
    (re.compile(r"(.*/)(?:cdx|index)/?"), r"\1"),  # pywb: COLLECTION/cdx
    (re.compile(r"(.*)-(?:cdx|index)/?"), r"\1/"),  # older pywb: COLLECTION-cdx
    (_TIMEMAP, r"\1"),
)
_CAPTURE = re.compile(r"(\d{4,14})(?:[a-z]{2}_)?/(https?:/.*)", re.IGNORECASE | re.DOTALL)
_LINK = re.compile(r"<([^<>\s]{1,4000})>((?:\s*;\s*[\w!*-]{1,40}(?:\s*=\s*(?:\"[^\"]{0,500}\"|[^\s\",;<>]{0,200}))?)*)")
_ATTRIBUTE = re.compile(r"([\w!*-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s\",;<>]*))")


@dataclass(frozen=True, slots=True)
class ArchiveService:
    """The addresses of one web archive. `asks` is the address to which requests for lists of captures are sent: its CDX
    server or, if `is_timemap` is True, the prefix of its TimeMaps. `replay` is the prefix of the addresses of its
    captures, up to the time.
    """

    asks: str
    replay: str

    @property
    def is_timemap(self) -> bool:
        return bool(_TIMEMAP.fullmatch(self.asks))

    def memento(self, at: datetime, url: str) -> str:
        """Returns the address of the unmodified capture of `url` at a time. `at` is aware."""
        return f"{self.replay}{at.astimezone(UTC):%Y%m%d%H%M%S}id_/{url}"

    def timemap(self, url: str) -> str:
        return self.asks + url

    def captured(self, location: str, base: str) -> tuple[datetime, str] | None:
        """Returns the time and the original URL of the capture at the address `location` (relative to `base`). It makes
        no difference whether the address has http or https. Returns None if there is no capture of this web archive at
        such an address.
        """
        here = re.sub(r"^https?:", "", urljoin(base, location.strip()))
        prefix = re.sub(r"^https?:", "", self.replay)
        found = _CAPTURE.fullmatch(here[len(prefix) :]) if here.startswith(prefix) else None
        at = moment_of(found[1]) if found else None
        return (at, re.sub(r"^(https?:)/+", r"\1//", found[2])) if found and at else None


def parse_archive_service(text: str, replay: str = "") -> ArchiveService:
    """Returns the web archive given by its short name, or by the address of its CDX server or TimeMaps.

    `replay` is the prefix of the addresses of its captures. It is needed only if it cannot be derived from `text`.
    Raises ValueError, with the reason, if `text` is neither a name nor such an address, or if the prefix is invalid.
    """
    asks = service_address(text)
    if not replay:
        replay = next((found.expand(form) for rule, form in _REPLAY if (found := rule.fullmatch(asks))), "")
    if not replay:
        raise ValueError(
            "the addresses of its captures cannot be derived from its own address; give their prefix with "
            "--replay https://archive.example/coll/"
        )
    if not replay.startswith(("http://", "https://")) or not urlsplit(replay).hostname or "@" in replay:
        raise ValueError("--replay must be the prefix of the addresses of captures, like https://archive.example/coll/")
    return ArchiveService(asks, replay.rstrip("/") + "/")


def has_resume_keys(service: ArchiveService) -> bool:
    return not service.is_timemap and is_wayback_server(service.asks)


def parse_timemap(body: bytes, url: str) -> tuple[CdxPage, tuple[str, ...]]:
    """Parses a TimeMap of `url`. Returns its captures, which have no status and digest, and the addresses of further
    TimeMaps in it (RFC 7089, section 5.1.3). Never raises; gzip is decompressed.
    """
    text = decode(inflate(body))
    entries: list[CdxEntry] = []
    more: list[str] = []
    is_cut = is_one = False
    for found in _LINK.finditer(text):
        attributes = {name.lower(): quoted or plain for name, quoted, plain in _ATTRIBUTE.findall(found[2])}
        rels = attributes.get("rel", "").lower().split()
        is_one = is_one or bool(rels)
        if "memento" in rels and (at := parse_http_date(attributes.get("datetime", ""))):
            is_cut = len(entries) >= MAX_TARGETS
            if is_cut:
                break
            entries.append(CdxEntry("", at, url))
        elif "timemap" in rels and "self" not in rels:
            more.append(found[1])
    error = "" if is_one or not text.strip() else plain_text(text[:1_000], 200) or "it has no links"
    return CdxPage(tuple(entries), error=error, is_cut=is_cut), tuple(dict.fromkeys(more))


def original_url(link: str) -> str:
    """Returns the original address of a capture, given its Link header (rel="original", RFC 7089, section 2.2.1); "" if
    the header does not have it.
    """
    for found in _LINK.finditer(link):
        attributes = {name.lower(): quoted or plain for name, quoted, plain in _ATTRIBUTE.findall(found[2])}
        if "original" in attributes.get("rel", "").lower().split():
            return found[1]
    return ""


def parse_http_date(text: str) -> datetime | None:
    """Parses an HTTP-date (RFC 9110, section 5.6.7), as in Memento-Datetime; returns None if it is invalid."""
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# Choosing the captures of one address to fetch.

GONE = frozenset({404, 410})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# The media types that a page may have in a list. For a revisit record, lists do not give the type of the repeated page.
# Old indexes write "unk" for a missing type.
_PAGE_TYPES = frozenset({"", *HTML, "warc/revisit", "unk"})
_ITSELF = timedelta(minutes=1)


class CaptureAction(StrEnum):
    """What to do with a capture in a web archive: FETCH it, record that its payload was SEEN again, or record that the
    page was GONE.
    """

    FETCH = "fetch"
    SEEN = "seen"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class CaptureListEntry:
    """One capture of `url` in a web archive's list.

    - `at`: when it was captured (aware).
    - `digest`: its payload digest; "" if unknown.
    - `asked`: the address as captured, with all its parameters; "" if it is the same as `url`.
    """

    at: datetime
    url: str
    status: int | None = None
    digest: str = ""
    asked: str = ""

    @property
    def is_page(self) -> bool:
        return self.status in (None, 200)

    @property
    def kind(self) -> tuple[object, ...]:
        """What the capture shows: a page or redirect, with its digest, or that the page was gone. Adjacent captures for
        which this value is equal form a run.
        """
        if self.status in GONE:
            return ("gone",)
        return ("page", self.digest) if self.is_page else (self.status, self.digest)


def is_relevant(entry: CdxEntry) -> bool:
    """Returns True if a capture can be evidence about a post: a page, a redirect, a 404 or a 410."""
    if entry.status in (None, 200):
        return entry.media_type in _PAGE_TYPES
    return entry.status in GONE or entry.status in _REDIRECTS


def choose_captures(captures: Sequence[CaptureListEntry]) -> Iterator[tuple[CaptureListEntry, CaptureAction]]:
    """Yields the captures of one address that are worth storing, each with the action to take. `captures` are in order
    of time.

    Each payload (distinguished by its digest) is fetched once, at its first capture. Of consecutive captures with the
    same payload, only the first and the last are yielded, because they show the period in which the payload was online.
    This also applies to consecutive 404 and 410 responses, which show when the page was gone. A redirect within a
    minute of a capture of a page at the same address is not fetched, because it leads to that page (from http to https,
    to www, or to a slash at the end).
    """
    pages = [c.at for c in captures if c.is_page]
    fetched: set[str] = set()
    for n, one in enumerate(captures):
        first = n == 0 or captures[n - 1].kind != one.kind
        at_edge = first or n == len(captures) - 1 or captures[n + 1].kind != one.kind
        if one.is_page and (not one.digest or one.digest not in fetched):
            fetched.add(one.digest)
            yield one, CaptureAction.FETCH
        elif one.is_page or one.status in GONE:
            if at_edge:
                yield one, CaptureAction.SEEN if one.is_page else CaptureAction.GONE
        elif (first or not one.digest) and not _has_time_near(pages, one.at):
            yield one, CaptureAction.FETCH


def _has_time_near(times: Sequence[datetime], at: datetime) -> bool:
    """Returns True if a time in `times` (sorted) is within a minute of `at`."""
    next_ = bisect_left(times, at - _ITSELF)
    return next_ < len(times) and times[next_] <= at + _ITSELF
