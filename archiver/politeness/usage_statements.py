"""Reads usage statements: what a response says about how it may be used, in robots directives, TDM reservations and
licences.

What may be published is decided later from these statements, when a dataset is built. The words of X-Robots-Tag and of
the robots meta element are not standardised, so every word in the form of a directive is kept. TDMRep is the "TDM
Reservation Protocol" (W3C Community Group Final Report, 10 May 2024), cited by the titles of its sections.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

from lxml import etree

from archiver.items import UsageStatement
from archiver.markup import lazy_regex
from archiver.politeness.robots import path_matcher

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
_PRIORITY = ("file", "header", "meta")


def statements_of_headers(headers: Iterable[tuple[str, str]], url: str) -> tuple[UsageStatement, ...]:
    """Returns the usage statements in a response's headers, given as (name, value) pairs with names in any case.

    Reads X-Robots-Tag; `tdm-reservation` and `tdm-policy` (TDMRep, "TDM Header Field in HTTP Responses"); `Link`
    with rel=license (RFC 8288 and RFC 4946); `Content-Usage` (IETF draft-ietf-aipref-attach). Addresses are made
    absolute.
    """
    return _kept(right for name, value in headers for right in _of_header(name.lower(), value[:4_000], url))


def _of_header(name: str, value: str, url: str) -> Iterator[UsageStatement]:
    if name == "x-robots-tag":
        yield from _parse_directives(value, "header")
    elif name in _TDM:
        yield from _parse_tdm_property(name, value, "header", url)
    elif name == "link":
        for target, parameters in _LINK.findall(value):
            if re.search(r";\s*rel\s*=\s*(?:\"[^\"]*\blicense\b[^\"]*\"|license\b)", parameters, re.IGNORECASE):
                yield UsageStatement("header", "license", urljoin(url, target.strip()))
    elif name == "content-usage" and value.strip():
        yield UsageStatement("header", "content-usage", value.strip())


def statements_of_page(root: etree._Element, url: str) -> tuple[UsageStatement, ...]:
    """Returns the usage statements in a page's HTML.

    Reads robots meta elements for all and for single crawlers, TDM metadata (TDMRep, "TDM Metadata in HTML
    Content"), licence metadata, and links with rel=license anywhere on the page.
    """
    return _kept(_of_page(root, url))


def _of_page(root: etree._Element, url: str) -> Iterator[UsageStatement]:
    for element in root.iter("meta", "link", "a"):
        if element.tag == "meta":
            yield from _of_meta(
                (element.get("name") or "").strip().lower(), (element.get("content") or "").strip(), url
            )
        elif "license" in (element.get("rel") or "").lower().split() and (href := element.get("href")):
            yield UsageStatement("link", "license", _absolute(url, href))


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


def tdm_reservation(rights: Sequence[UsageStatement]) -> tuple[bool | None, str]:
    """Returns whether text and data mining is reserved (None if there is no statement about it), and the address of the
    policy ("" if there is none). The response's header field overrides the host's file, and the page's metadata
    override both (TDMRep, "Processing priority").
    """
    reserved: bool | None = None
    policy = ""
    for source in _PRIORITY:
        stated = {right.name: right.value for right in rights if right.source == source and not right.agent}
        if "tdm-reservation" in stated:
            reserved, policy = stated["tdm-reservation"] == "1", ""
        policy = stated.get("tdm-policy", policy)
    return reserved, policy if reserved else ""


def _absolute(base: str, url: str) -> str:
    try:
        return urljoin(base, url.strip())
    except ValueError:
        return url.strip()


def _kept(rights: Iterable[UsageStatement]) -> tuple[UsageStatement, ...]:
    return tuple(dict.fromkeys(right for right in rights if len(right.value) <= _MAX_LENGTH))[:MAX_STATEMENTS]
