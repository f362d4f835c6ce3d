"""Parses Memento addresses (RFC 7089), and makes captured pages safe to view: they keep text, styles and images, but
nothing active.

As the last step, nh3 (ammonia) parses the page and keeps only the elements and attributes that are listed here.
Before that, URLs are rewritten: images and stylesheets to captures in this archive if there are any, links to
archived pages. As a second line of defence the page is sent with a Content-Security-Policy that allows no scripts,
forms or frames, and loads nothing from elsewhere (Content Security Policy Level 3, sandbox).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from urllib.parse import quote, unquote

import nh3
from lxml import etree

from archiver.api.pages import Page, requisites_of_page, rewrite_stylesheet_urls
from archiver.model.errors import BadAddress
from archiver.model.urls import asset_address, srcset_urls
from archiver.web.mementos import Row, time_of
from archiver.web.web_requests import ArchiveRequest, CannotAnswer

# Memento (RFC 7089): addresses, Link headers and TimeMaps.

LINK_FORMAT = "application/link-format"
_PLACE = re.compile(r"(?:timemap/(link)/|(\d{4,14})([a-z]{2}_)?/)?(https?(?::|%3a).*)", re.IGNORECASE | re.DOTALL)
# The reserved and unreserved characters of RFC 3986, except those that end a URL in HTML, CSS or the Link field.
_SAFE = "/:?#[]@!$&*+,;=%~-._"


@dataclass(frozen=True, slots=True)
class MementoAddress:
    """A parsed Memento address.

    - `timemap`: "link" if a TimeMap is requested, otherwise "".
    - `at`: the time of a memento; None for the TimeGate.
    - `stamp`: the digits of the time as given.
    - `flag`: the modifier after the timestamp, such as id_ or im_.
    """

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
        """Returns True if the address is for an image, stylesheet or other requisite of a page."""
        return self.flag not in ("", "id_")


def parse_memento_address(request: ArchiveRequest) -> MementoAddress:
    """Parses the Memento address in a request. Raises BadAddress and CannotAnswer."""
    text = request.named["place"] + (f"?{request.query}" if request.query else "")
    found = _PLACE.fullmatch(text)
    if found is None:
        raise CannotAnswer(text, "use a time and a URL, such as 20240501120000/https://example.org/")
    form, stamp, flag, rest = found.groups()
    url_text = unquote(rest) if re.match(r"https?%3a", rest, re.IGNORECASE) else rest
    url = asset_address(re.sub(r"^(https?):/+", r"\1://", url_text, flags=re.IGNORECASE))
    if url is None:
        raise BadAddress(url_text[:200], "write it like https://blog.example.org/")
    return MementoAddress(
        url, (form or "").lower(), _parse_timestamp(stamp) if stamp else None, stamp or "", (flag or "").lower()
    )


def _parse_timestamp(stamp: str) -> datetime:
    """Parses a timestamp of 4 to 14 digits in UTC; missing digits mean the start of the year, month, day and so on.
    Raises CannotAnswer.
    """
    digits = stamp + "00000101000000"[len(stamp) :]
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise CannotAnswer(stamp, "a time has 4 to 14 digits, such as 20240501120000") from None


def format_timestamp(row: Row) -> str:
    """Returns the time of a capture as a 14-digit UTC timestamp."""
    return f"{time_of(row).astimezone(UTC):%Y%m%d%H%M%S}"


def build_memento_url(request: ArchiveRequest, kind: str, url: str) -> str:
    """Returns the URL on this server for a captured URL. `kind` is the part of the path before the captured URL:
    "web/", "web/20240501120000/", "view/20240501120000/" ...
    """
    return f"{request.base}{kind}{quote(url, safe=_SAFE)}"


def memento_url_of(request: ArchiveRequest, row: Row, flag: str = "") -> str:
    """Returns the URL of the memento that shows a capture. `flag` is the modifier after its timestamp."""
    return build_memento_url(request, f"web/{format_timestamp(row)}{flag}/", row["url"])


def memento_headers(request: ArchiveRequest, url: str, rows: Sequence[Row], shown: Row | None = None) -> dict[str, str]:
    """Returns the header field Link and, for the response that is the memento `shown` (None for a TimeGate or TimeMap),
    Memento-Datetime (RFC 7089, sections 2.1.1 and 2.2). `rows` are all captures of the URL.
    """
    headers = {"link": ", ".join(_format_links(request, url, rows, shown))}
    return headers | {"memento-datetime": format_http_date(time_of(shown))} if shown else headers


def _format_links(request: ArchiveRequest, url: str, rows: Sequence[Row], shown: Row | None) -> list[str]:
    at = request.origin
    out = [
        f'<{quote(url, safe=_SAFE)}>; rel="original"',
        f'<{at}{build_memento_url(request, "web/", url)}>; rel="timegate"',
        f'<{at}{build_memento_url(request, "web/timemap/link/", url)}>; rel="timemap"; type="{LINK_FORMAT}"',
    ]
    named: dict[int, list[str]] = {}
    for rel, row in (("first", rows[0]), ("last", rows[-1]), *_find_neighbours(rows, shown)):
        named.setdefault(row["id"], []).append(rel)
    by_number = {row["id"]: row for row in rows}
    return out + [_format_memento_link(request, by_number[number], " ".join(rels)) for number, rels in named.items()]


def _find_neighbours(rows: Sequence[Row], shown: Row | None) -> list[tuple[str, Row]]:
    n = next((n for n, row in enumerate(rows) if shown and row["id"] == shown["id"]), None)
    if n is None:
        return []
    return [
        ("", rows[n]),
        *([("prev", rows[n - 1])] if n else []),
        *([("next", rows[n + 1])] if n + 1 < len(rows) else []),
    ]


def _format_memento_link(request: ArchiveRequest, row: Row, rels: str) -> str:
    rel = " ".join((*rels.split(), "memento"))
    return f'<{request.origin}{memento_url_of(request, row)}>; rel="{rel}"; datetime="{format_http_date(time_of(row))}"'


def timemap_link(request: ArchiveRequest, url: str, rows: Sequence[Row]) -> str:
    """Returns the TimeMap of a URL (RFC 7089, section 5) in the link format of RFC 6690, one link per line."""
    at = request.origin
    span = f'from="{format_http_date(time_of(rows[0]))}"; until="{format_http_date(time_of(rows[-1]))}"'
    out = [
        f'<{quote(url, safe=_SAFE)}>; rel="original"',
        f'<{at}{build_memento_url(request, "web/", url)}>; rel="timegate"',
        f'<{at}{build_memento_url(request, "web/timemap/link/", url)}>; rel="self"; type="{LINK_FORMAT}"; {span}',
    ]
    for n, row in enumerate(rows):
        rels = [*(["first"] if n == 0 else []), *(["last"] if n == len(rows) - 1 else [])]
        out.append(_format_memento_link(request, row, " ".join(rels)))
    return ",\n".join(out) + "\n"


def format_http_date(at: datetime) -> str:
    """Formats a time for an HTTP header field (RFC 9110, section 5.6.7)."""
    return format_datetime(at.astimezone(UTC).replace(microsecond=0), usegmt=True)


# Sanitising captured pages.

POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-same-origin allow-top-navigation-by-user-activation"
)
"""The Content-Security-Policy of captured pages. The sandbox lacks allow-scripts, so no script runs. The page keeps its
origin (allow-same-origin), so that requests for images are sent with the credentials of a login at a proxy."""

RewriteURL = Callable[[str], str]
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
_REMOVED_WITH_CONTENT = {
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


def find_requisites(page: Page, url: str) -> list[str]:
    """Returns the URLs of all images, stylesheets and fonts that a page needs."""
    return [one.url for one in requisites_of_page(page.root, url)]


def sanitize_page(page: Page, url: str, asset: RewriteURL, link: RewriteURL) -> str:
    """Returns a captured page as a sanitised HTML document. `asset` rewrites the URL of an image or stylesheet ("" if
    it is not captured), and `link` the URL of a page. The URLs that these functions return must not contain quotation
    marks.
    """
    root = page.root
    base = next((found for one in root.iter("base") if (found := asset_address(one.get("href") or "", url))), url)
    head = "".join(_collect_stylesheets(root, base, asset))
    title = next(("".join(map(str, one.itertext())) for one in root.iter("title")), "")[:300]
    for element in list(root.iter("img", "source", "noscript", *_EMBEDDED)):
        _prepare_element(element, base, asset)
    body = root.find("body")
    body = root if body is None else body
    inner = nh3.clean(
        _inner_html(body),
        tags=TAGS,
        clean_content_tags=_REMOVED_WITH_CONTENT,
        attributes=_ATTRIBUTES,
        attribute_filter=_make_attribute_filter(base, asset, link),
        link_rel="noreferrer external",
        url_schemes={"http", "https", "data"},
        set_tag_attribute_values={"a": {"target": "_top"}},
    )
    return (
        f'<!DOCTYPE html>\n<html{_format_root_attributes(root)}><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"{head}</head><body{_format_root_attributes(body)}>{inner}</body></html>\n"
    )


def _format_root_attributes(element: Element) -> str:
    """Formats the class, ID, language and direction of <html> or <body> as HTML attributes. They have to be copied
    because these elements are not part of the sanitised fragment.
    """
    return "".join(
        f' {name}="{escape(value)}"'
        for name in ("class", "id", "lang", "dir")
        if (value := element.get(name)) and element.tag in ("html", "body")
    )


def _collect_stylesheets(root: Element, base: str, asset: RewriteURL) -> Iterator[str]:
    """Yields the linked and embedded stylesheets of a page in order, as sanitised <link> and <style> elements. `base`
    is the page's URL; `asset` rewrites the URL of a stylesheet or image.
    """
    for element in root.iter("link", "style"):
        media = element.get("media") or ""
        media_attribute = f' media="{escape(media)}"' if _MEDIA.fullmatch(media) else ""
        if element.tag == "style":
            css = rewrite_stylesheet_urls(element.text or "", base, asset)
            # Raw text ends only at its end tag (HTML Standard, 13.1.2.6), and CSS reads "<\\/" as "</".
            yield f"<style{media_attribute}>{css.replace('</', chr(60) + chr(92) + '/')}</style>"
        elif "stylesheet" in (rel := (element.get("rel") or "").lower().split()) and "alternate" not in rel:
            url = asset_address(element.get("href") or "", base)
            if url and (rewritten := asset(url)):
                yield f'<link rel="stylesheet" href="{escape(rewritten)}"{media_attribute}>'


def _prepare_element(element: Element, base: str, asset: RewriteURL) -> None:
    """Prepares an element for the sanitiser: sets the source of an image to the first of its URLs that is captured, and
    replaces embedded content by a link. `base` is the page's URL; `asset` rewrites the URL of an image.
    """
    if element.tag == "img":
        src = next(_image_candidates(element, base, asset), "")
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
            anchor = etree.SubElement(element, "a", href=embedded)
            anchor.text = f"[embedded: {embedded}]"


def _image_candidates(element: Element, base: str, asset: RewriteURL) -> Iterator[str]:
    sources = [element.get(name) or "" for name in _LAZY]
    sets = [one for name in _SETS for one in srcset_urls(element.get(name) or "")]
    for text in (*sources, *sets):
        url = asset_address(text, base) if text and not text.startswith("data:") else None
        if url and (rewritten := asset(url)):
            yield rewritten
    yield from (text for text in sources if _PICTURE.match(text))


def _inner_html(body: Element) -> str:
    return escape(body.text or "", quote=False) + "".join(
        etree.tostring(child, method="html", encoding="unicode") for child in body if isinstance(child.tag, str)
    )


def _make_attribute_filter(base: str, asset: RewriteURL, link: RewriteURL) -> Callable[[str, str, str], str | None]:
    def filter_attribute(tag: str, name: str, value: str) -> str | None:
        if name == "href":
            return _rewrite_href(value.strip(), base, link)
        if name == "src":  # already rewritten, or a data URL
            is_own = value.startswith("/") and not value.startswith("//")
            return value if is_own or _PICTURE.match(value) else None
        if name == "style":
            return rewrite_stylesheet_urls(value, base, asset)
        return value

    return filter_attribute


def _rewrite_href(value: str, base: str, link: RewriteURL) -> str | None:
    if value.startswith("#"):
        return value
    url = asset_address(value, base)
    return link(url) if url else None
