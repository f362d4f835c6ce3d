"""A captured page made safe to be looked at: its text, its look and its images, and nothing that acts.

What is kept is named here, and nh3 (ammonia) leaves out all else after its own parsing, last of all steps. Addresses
are named anew before: images and stylesheets lead to this archive's own captures, where there are any, and links to
other pages as this archive has them. The policy that the page is sent with holds where something slipped through: no
scripts, no forms, no frames, nothing loaded from elsewhere (Content Security Policy Level 3, sandbox).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from typing import Any
from urllib.parse import quote, unquote

import nh3
from lxml import etree

from archiver.discovery.page_requisites import renamed, requisites_of_page, srcset
from archiver.errors import BadAddress
from archiver.extraction.page import Page
from archiver.storage.article_tables.captures import Row, time_of
from archiver.urls import asset_address
from archiver.web.query_arguments import CannotAnswer, PageRequest

# The addresses of captures, and what an answer tells of the others (Memento, RFC 7089).

LINK_FORMAT = "application/link-format"
_PLACE = re.compile(r"(?:timemap/(link|json)/|(\d{4,14})([a-z]{2}_)?/)?(https?(?::|%3a).*)", re.IGNORECASE | re.DOTALL)
# RFC 3986 without what ends a link or a word in HTML, CSS and the Link field.
_AS_IT_IS = "/:?#[]@!$&*+,;=%~-._"


@dataclass(frozen=True, slots=True)
class MementoAddress:
    """What an address names: `timemap` is link, json or ""; `at` the time of a memento, None for the TimeGate, `stamp`
    the same as it was written; `flag` is what stands behind it."""

    url: str
    timemap: str = ""
    at: datetime | None = None
    stamp: str = ""
    flag: str = ""

    @property
    def as_captured(self) -> bool:
        return self.flag == "id_"

    @property
    def is_asset(self) -> bool:
        """Whether it is an image or the like that a page is shown with."""
        return self.flag not in ("", "id_")


def memento_address(asked: PageRequest) -> MementoAddress:
    """Raises BadAddress and CannotAnswer."""
    text = asked.named["place"] + (f"?{asked.query}" if asked.query else "")
    found = _PLACE.fullmatch(text)
    if found is None:
        raise CannotAnswer(text, "a capture is named by a time and an address, 20240501120000/https://example.org/")
    form, stamp, flag, rest = found.groups()
    whole = unquote(rest) if re.match(r"https?%3a", rest, re.IGNORECASE) else rest
    url = asset_address(re.sub(r"^(https?):/+", r"\1://", whole, flags=re.IGNORECASE))
    if url is None:
        raise BadAddress(whole[:200], "write it like https://blog.example.org/")
    return MementoAddress(
        url, (form or "").lower(), _moment(stamp) if stamp else None, stamp or "", (flag or "").lower()
    )


def _moment(stamp: str) -> datetime:
    """A time of 4 to 14 digits; what is left out is the beginning. Raises CannotAnswer."""
    digits = stamp + "00000101000000"[len(stamp) :]
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise CannotAnswer(stamp, "a time has up to 14 digits, 20240501120000") from None


def stamp_of(row: Row) -> str:
    return f"{time_of(row).astimezone(UTC):%Y%m%d%H%M%S}"


def memento_url(asked: PageRequest, kind: str, url: str) -> str:
    """An address of this server: kind is "web/", "web/20240501120000/", "view/20240501120000/" ..."""
    return f"{asked.base}{kind}{quote(url, safe=_AS_IT_IS)}"


def memento_entry(asked: PageRequest, row: Row, flag: str = "") -> str:
    return memento_url(asked, f"web/{stamp_of(row)}{flag}/", row["url"])


def memento_headers(asked: PageRequest, url: str, rows: Sequence[Row], shown: Row | None = None) -> dict[str, str]:
    """The fields Link and Memento-Datetime (sections 2.1.1 and 2.2)."""
    told = {"link": ", ".join(_links(asked, url, rows, shown))}
    return told | {"memento-datetime": http_date(time_of(shown))} if shown else told


def _links(asked: PageRequest, url: str, rows: Sequence[Row], shown: Row | None) -> list[str]:
    at = asked.origin
    out = [
        f'<{quote(url, safe=_AS_IT_IS)}>; rel="original"',
        f'<{at}{memento_url(asked, "web/", url)}>; rel="timegate"',
        f'<{at}{memento_url(asked, "web/timemap/link/", url)}>; rel="timemap"; type="{LINK_FORMAT}"',
    ]
    named: dict[int, list[str]] = {}
    for rel, row in (("first", rows[0]), ("last", rows[-1]), *_beside(rows, shown)):
        named.setdefault(row["id"], []).append(rel)
    by_number = {row["id"]: row for row in rows}
    return out + [_memento_link(asked, by_number[number], " ".join(rels)) for number, rels in named.items()]


def _beside(rows: Sequence[Row], shown: Row | None) -> list[tuple[str, Row]]:
    n = next((n for n, row in enumerate(rows) if shown and row["id"] == shown["id"]), None)
    if n is None:
        return []
    return [
        ("", rows[n]),
        *([("prev", rows[n - 1])] if n else []),
        *([("next", rows[n + 1])] if n + 1 < len(rows) else []),
    ]


def _memento_link(asked: PageRequest, row: Row, rels: str) -> str:
    rel = " ".join((*rels.split(), "memento"))
    return f'<{asked.origin}{memento_entry(asked, row)}>; rel="{rel}"; datetime="{http_date(time_of(row))}"'


def timemap_link(asked: PageRequest, url: str, rows: Sequence[Row]) -> str:
    """A TimeMap (section 5) as RFC 6690 has it, a link a line."""
    at = asked.origin
    span = f'from="{http_date(time_of(rows[0]))}"; until="{http_date(time_of(rows[-1]))}"'
    out = [
        f'<{quote(url, safe=_AS_IT_IS)}>; rel="original"',
        f'<{at}{memento_url(asked, "web/", url)}>; rel="timegate"',
        f'<{at}{memento_url(asked, "web/timemap/link/", url)}>; rel="self"; type="{LINK_FORMAT}"; {span}',
    ]
    for n, row in enumerate(rows):
        rels = [*(["first"] if n == 0 else []), *(["last"] if n == len(rows) - 1 else [])]
        out.append(_memento_link(asked, row, " ".join(rels)))
    return ",\n".join(out) + "\n"


def timemap_json(asked: PageRequest, url: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The same for programs, in the names that the Memento project's own aggregator uses."""
    at = asked.origin
    listed = [
        {"datetime": time_of(row).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "uri": at + memento_entry(asked, row)}
        for row in rows
    ]
    return {
        "original_uri": url,
        "timegate_uri": at + memento_url(asked, "web/", url),
        "timemap_uri": {
            "link_format": at + memento_url(asked, "web/timemap/link/", url),
            "json_format": at + memento_url(asked, "web/timemap/json/", url),
        },
        "mementos": {"first": listed[0], "last": listed[-1], "list": listed},
    }


def http_date(at: datetime) -> str:
    """RFC 9110, section 5.6.7."""
    return format_datetime(at.astimezone(UTC).replace(microsecond=0), usegmt=True)


POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-same-origin allow-top-navigation-by-user-activation"
)
"""Without allow-scripts nothing runs. The origin is kept, for else a login that a proxy asks for would be missing from
the requests for its images."""

Put = Callable[[str], str]
Element = etree._Element
_BLOCKS = (
    "article",
    "aside",
    "footer",
    "header",
    "main",
    "nav",
    "section",
    "figure",
    "figcaption",
    "address",
    "center",
    "font",
    "big",
    "tt",
    "picture",
    "details",
    "summary",
    "time",
    "mark",
    "data",
    "dl",
    "dt",
    "dd",
    "label",
    "fieldset",
    "legend",
    "menu",
    "hgroup",
    "search",
    "col",
    "colgroup",
    "caption",
)
TAGS = (nh3.ALLOWED_TAGS | set(_BLOCKS)) - {"map", "area"}
_NOTHING_OF = {
    "script",
    "style",
    "template",
    "iframe",
    "object",
    "embed",
    "applet",
    "svg",
    "math",
    "canvas",
    "audio",
    "video",
    "select",
    "textarea",
    "button",
    "frameset",
    "head",
    "title",
    "noembed",
    "noframes",
    "xmp",
    "plaintext",
    "portal",
}
_ATTRIBUTES = {
    "*": {"class", "id", "dir", "lang", "title", "style", "align", "valign", "width", "height", "bgcolor", "color"},
    "a": {"href", "name"},
    "img": {"src", "alt", "border", "hspace", "vspace"},
    "font": {"face", "size"},
    "table": {"border", "cellpadding", "cellspacing", "summary"},
    "ol": {"start", "type", "reversed"},
    "ul": {"type"},
    "li": {"value"},
    "td": {"colspan", "rowspan", "headers"},
    "th": {"colspan", "rowspan", "headers", "scope"},
    "time": {"datetime"},
    "data": {"value"},
    "details": {"open"},
    "col": {"span"},
    "colgroup": {"span"},
    "blockquote": {"cite"},
    "hr": {"size", "noshade"},
}
_EMBEDDED = ("iframe", "embed", "object", "video", "audio")
_LAZY = ("src", "data-src", "data-lazy-src", "data-original")
_SETS = ("srcset", "data-srcset", "data-lazy-srcset")
_PICTURE = re.compile(r"data:image/(?:png|gif|jpeg|webp|avif|svg\+xml)[;,]", re.IGNORECASE)
_MEDIA = re.compile(r"[\w\s(),:.-]{1,200}")


def named_resources(page: Page, url: str) -> list[str]:
    """The addresses of all images, stylesheets and fonts that a page names."""
    return [one.url for one in requisites_of_page(page.root, url)]


def safe_page(page: Page, url: str, asset: Put, link: Put) -> str:
    """The page as a document of its own. `asset` gives for an address of an image or stylesheet the one that it has
    here, "" for none; `link` for that of a page. Both give addresses without quotes."""
    root = page.root
    base = next((found for one in root.iter("base") if (found := asset_address(one.get("href") or "", url))), url)
    head = "".join(_styles(root, base, asset))
    title = next(("".join(map(str, one.itertext())) for one in root.iter("title")), "")[:300]
    for element in list(root.iter("img", "source", "noscript", *_EMBEDDED)):
        _prepared(element, base, asset)
    body = root.find("body")
    body = root if body is None else body
    inner = nh3.clean(
        _inner(body),
        tags=TAGS,
        clean_content_tags=_NOTHING_OF,
        attributes=_ATTRIBUTES,
        attribute_filter=_filter(base, asset, link),
        link_rel="noreferrer external",
        url_schemes={"http", "https", "data"},
        set_tag_attribute_values={"a": {"target": "_top"}},
    )
    return (
        f'<!DOCTYPE html>\n<html{_own(root)}><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"{head}</head><body{_own(body)}>{inner}</body></html>\n"
    )


def _own(element: Element) -> str:
    """Class, language and direction of the outermost elements, which a fragment has not."""
    return "".join(
        f' {name}="{escape(value)}"'
        for name in ("class", "id", "lang", "dir")
        if (value := element.get(name)) and element.tag in ("html", "body")
    )


def _styles(root: Element, base: str, asset: Put) -> Iterator[str]:
    """The stylesheets of a page, linked and written in it, in their order."""
    for element in root.iter("link", "style"):
        media = element.get("media") or ""
        said = f' media="{escape(media)}"' if _MEDIA.fullmatch(media) else ""
        if element.tag == "style":
            css = renamed(element.text or "", base, asset)
            # Raw text ends at its end tag alone (HTML Standard, 13.1.2.6), and "<\\/" is "</" to CSS.
            yield f"<style{said}>{css.replace('</', chr(60) + chr(92) + '/')}</style>"
        elif "stylesheet" in (rel := (element.get("rel") or "").lower().split()) and "alternate" not in rel:
            url = asset_address(element.get("href") or "", base)
            if url and (here := asset(url)):
                yield f'<link rel="stylesheet" href="{escape(here)}"{said}>'


def _prepared(element: Element, base: str, asset: Put) -> None:
    """An image names the first of its addresses that is captured; what is embedded from elsewhere is a link to it."""
    if element.tag == "img":
        src = next(_candidates(element, base, asset), "")
        for name in (*_LAZY, *_SETS):
            element.attrib.pop(name, "")
        if src:
            element.set("src", src)
    elif element.tag == "noscript":
        element.tag = "div"
    elif element.tag in _EMBEDDED:
        embedded = asset_address(element.get("src") or element.get("data") or "", base)
        tail = element.tail or ""
        element.clear()
        element.tag, element.tail = "p", tail
        if embedded:
            told = etree.SubElement(element, "a", href=embedded)
            told.text = f"[embedded: {embedded}]"


def _candidates(element: Element, base: str, asset: Put) -> Iterator[str]:
    sources = [element.get(name) or "" for name in _LAZY]
    sets = [one for name in _SETS for one in srcset(element.get(name) or "")]
    for text in (*sources, *sets):
        url = asset_address(text, base) if text and not text.startswith("data:") else None
        if url and (here := asset(url)):
            yield here
    yield from (text for text in sources if _PICTURE.match(text))


def _inner(body: Element) -> str:
    return escape(body.text or "", quote=False) + "".join(
        etree.tostring(child, method="html", encoding="unicode") for child in body if isinstance(child.tag, str)
    )


def _filter(base: str, asset: Put, link: Put) -> Callable[[str, str, str], str | None]:
    def kept(tag: str, name: str, value: str) -> str | None:
        if name == "href":
            return _href(value.strip(), base, link)
        if name == "src":  # named anew before, or a picture that stands in the page itself
            here = value.startswith("/") and not value.startswith("//")
            return value if here or _PICTURE.match(value) else None
        if name == "style":
            return renamed(value, base, asset)
        return value

    return kept


def _href(value: str, base: str, link: Put) -> str | None:
    if value.startswith("#"):
        return value
    url = asset_address(value, base)
    return link(url) if url else None
