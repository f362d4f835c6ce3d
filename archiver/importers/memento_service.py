"""The addresses at which a web archive lists and delivers its captures, and its Link headers (Memento, RFC 7089)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

from archiver.api.web_archives import (
    is_wayback_server,
    parse_cdx_time,
    service_address,
)
from archiver.model.lazy_regex import lazy_regex

# How to derive the prefix of the addresses of captures from the address of the list of captures. The first row that
# matches decides.
_REPLAY = (
    (lazy_regex(r"(https?://[^/]+/)cdx/search(?:/cdx)?/?"), r"\1web/"),  # the Internet Archive
    (lazy_regex(r"(.*/)cdx/search(?:/cdx)?/?"), r"\1"),
    (lazy_regex(r"(.*/)(?:cdx|index)/?"), r"\1"),  # pywb: COLLECTION/cdx
    (lazy_regex(r"(.*)-(?:cdx|index)/?"), r"\1/"),  # older pywb: COLLECTION-cdx
)

_CAPTURE = lazy_regex(r"(\d{4,14})(?:[a-z]{2}_)?/(https?:/.*)", re.IGNORECASE | re.DOTALL)
_LINK = lazy_regex(r"<([^<>\s]{1,4000})>((?:\s*;\s*[\w!*-]{1,40}(?:\s*=\s*(?:\"[^\"]{0,500}\"|[^\s\",;<>]{0,200}))?)*)")
_ATTRIBUTE = lazy_regex(r"([\w!*-]+)\s*=\s*(?:\"([^\"]*)\"|([^\s\",;<>]*))")


@dataclass(frozen=True, slots=True)
class ArchiveService:
    """The addresses at which one web archive is used.

    - `asks`: the address of the CDX server, to which requests for lists of captures are sent.
    - `replay`: the prefix of the addresses of captures, up to the time.
    """

    asks: str
    replay: str

    def memento(self, at: datetime, url: str) -> str:
        """Returns the address of the unmodified capture of `url` at a time. `at` is aware."""
        return f"{self.replay}{at.astimezone(UTC):%Y%m%d%H%M%S}id_/{url}"

    def captured(self, location: str, base: str) -> tuple[datetime, str] | None:
        """Returns the time and the original URL of a capture, given its address in this web archive (`location`,
        relative to `base`). It does not matter whether the address has http or https. Returns None if it is not the
        address of a capture.
        """
        here = re.sub(r"^https?:", "", urljoin(base, location.strip()))
        prefix = re.sub(r"^https?:", "", self.replay)
        found = _CAPTURE.fullmatch(here[len(prefix) :]) if here.startswith(prefix) else None
        at = parse_cdx_time(found[1]) if found else None
        return (at, re.sub(r"^(https?:)/+", r"\1//", found[2])) if found and at else None


def parse_archive_service(text: str, replay: str = "") -> ArchiveService:
    """Returns the web archive given by its short name, or by the address of its CDX server.

    `replay` is the prefix of the addresses of its captures. It is needed only if it cannot be derived from `text`.
    Raises ValueError, with the reason, if `text` is not such a name or address, or if the prefix is invalid.
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
    return is_wayback_server(service.asks)


def original_url(link: str) -> str:
    """Returns the original address of a capture, given its Link header (rel="original", RFC 7089, section 2.2.1); "" if
    the header does not contain it.
    """
    for found in _LINK.finditer(link):
        attributes = {name.lower(): quoted or plain for name, quoted, plain in _ATTRIBUTE.findall(found[2])}
        if "original" in attributes.get("rel", "").lower().split():
            return found[1]
    return ""
