"""Finds the images, stylesheets and fonts that a page or stylesheet needs (its requisites), and checks that the
response to a request for one has the right type.

Scripts, video and audio are not included.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator

import imagesize
from lxml import etree

from archiver.items import Requisite, RequisiteKind
from archiver.lazy_regex import lazy_regex
from archiver.urls import asset_address, srcset_urls

MAX_REQUISITES = 400
"""At most this many addresses are taken from one page or stylesheet."""
_MAX_CSS = 2_000_000  # at most this many characters of a stylesheet are read
_MAX_URL_LENGTH = 2_000
# Attributes with addresses of images: attributes of HTML, and attributes from which scripts load images late. In a
# replayed page, these scripts do not run.
_SOURCES = ("src", "data-src", "data-lazy-src", "data-original")
_SETS = ("srcset", "data-srcset", "data-lazy-srcset", "imagesrcset")
_ICONS = frozenset({"icon", "apple-touch-icon"})
# Matches links to image files. They show, at full size, a picture that is small on the page.
_IMAGE_FILE = lazy_regex(r"\.(?:jpe?g|png|gif|webp|avif|svgz?|bmp|tiff?|heic)$", re.IGNORECASE)
_FONT = lazy_regex(r"\.(?:woff2?|ttf|otf|eot)$", re.IGNORECASE)
# Formats of a font that only old browsers request.
_OLD_FONT = lazy_regex(r"\.(?:eot|svg)$", re.IGNORECASE)
_COMMENT = lazy_regex(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
# Matches url(...), plain or quoted, and @import with a URL or a string (CSS Syntax Module 3, section 4.3.6; CSS
# Cascade, section 2).
_NAMED = lazy_regex(
    r"""(@import\s+)?url\(\s*(?:"([^"\n]{1,2000})"|'([^'\n]{1,2000})'|([^\s"'()]{1,2000}))\s*\)"""
    r"""|@import\s+(?:"([^"\n]{1,2000})"|'([^'\n]{1,2000})')""",
    re.IGNORECASE,
)
_FONT_FACE = lazy_regex(r"@font-face\s*\{([^{}]*)\}", re.IGNORECASE)
_ESCAPE = lazy_regex(r"\\([^0-9a-fA-F\n])")


def requisites_of_page(root: etree._Element, url: str) -> tuple[Requisite, ...]:
    """Returns the images, stylesheets and fonts that a page needs, in the order of the page, each once. Returns at most
    MAX_REQUISITES.

    Includes images that the page links to as files, and every candidate of a `srcset`, since the screen at replay
    decides which one is shown. Leaves out data: URLs and other addresses that are not http(s).
    """
    return _first(_of_page(root, _base(root, url)))


def requisites_of_stylesheet(css: str, url: str) -> tuple[Requisite, ...]:
    """Returns the files that a stylesheet imports or uses in url(...), in its order. If a font is offered in several
    formats, returns only those that current browsers request.
    """
    return _first(_of_css(css, url))


def rewrite_stylesheet_urls(css: str, base: str, put: Callable[[str], str]) -> str:
    """Returns a stylesheet without comments, with each address that it imports or uses in url(...) replaced by
    `put(address)`. `base` is the address to which a relative address is relative.

    If `put` returns "", the address is removed; it must not return quotation marks, backslashes or line ends. data:
    URLs are kept.
    """

    def name(match: re.Match[str]) -> str:
        plain = _ESCAPE.sub(r"\1", next(value for value in match.groups()[1:] if value))
        if plain.startswith(("data:", "#")):
            return match[0]
        url = asset_address(plain, base)
        here = put(url) if url else ""
        if match[0][:1] == "@":
            return f'@import url("{here}")' if here else "@nothing"  # browsers ignore an unknown rule
        return f'url("{here or "data:,"}")'

    return _NAMED.sub(name, _COMMENT.sub(" ", css[:_MAX_CSS]))


def _first(found: Iterable[Requisite]) -> tuple[Requisite, ...]:
    out: dict[str, Requisite] = {}
    for one in found:
        out.setdefault(one.url, one)
        if len(out) >= MAX_REQUISITES:
            break
    return tuple(out.values())


def _base(root: etree._Element, url: str) -> str:
    element = next(iter(root.iter("base")), None)
    return (asset_address(element.get("href") or "", url) if element is not None else None) or url


def _of_page(root: etree._Element, base: str) -> Iterator[Requisite]:
    for element in root.iter("link", "style", "img", "source", "video", "input", "image", "body", "table", "td", "a"):
        yield from _of_element(element, base)
    for element in root.iter(etree.Element):
        if "url(" in (style := element.get("style") or ""):
            yield from _of_css(style, base)


def _of_element(element: etree._Element, base: str) -> Iterator[Requisite]:
    tag = element.tag
    if tag == "link":
        yield from _of_link(element, base)
    elif tag == "style":
        yield from _of_css(element.text or "", base)
    elif tag == "video":
        yield from _images((element.get("poster"),), base)
    elif tag == "image":
        yield from _images((element.get("href"), element.get("xlink:href")), base)
    elif tag == "a":
        if _IMAGE_FILE.search((element.get("href") or "").partition("?")[0]):
            yield from _images((element.get("href"),), base)
    elif tag in ("body", "table", "td"):
        yield from _images((element.get("background"),), base)
    elif tag == "img" or (tag == "input" and (element.get("type") or "").lower() == "image"):
        yield from _images((element.get(name) for name in _SOURCES), base)
        yield from _images(_candidates(element), base)
    elif tag == "source" and _parent(element) == "picture":
        yield from _images(_candidates(element), base)


def _of_link(element: etree._Element, base: str) -> Iterator[Requisite]:
    rel = set((element.get("rel") or "").lower().split())
    href, as_what = element.get("href"), (element.get("as") or "").lower()
    if ("stylesheet" in rel and "alternate" not in rel) or ("preload" in rel and as_what == "style"):
        yield from _one(href, base, RequisiteKind.STYLESHEET)
    elif "preload" in rel and as_what == "font":
        yield from _one(href, base, RequisiteKind.FONT)
    elif rel & _ICONS or ("preload" in rel and as_what == "image"):
        yield from _images((href, *_candidates(element)), base)


def _parent(element: etree._Element) -> object:
    parent = element.getparent()
    return parent.tag if parent is not None else None


def _images(values: Iterable[str | None], base: str) -> Iterator[Requisite]:
    for value in values:
        yield from _one(value, base, RequisiteKind.IMAGE)


def _one(value: str | None, base: str, kind: RequisiteKind) -> Iterator[Requisite]:
    text = (value or "").strip()
    if (
        text
        and len(text) <= _MAX_URL_LENGTH
        and not text.startswith(("data:", "#"))
        and (url := asset_address(text, base))
    ):
        yield Requisite(url, kind)


def _candidates(element: etree._Element) -> Iterator[str]:
    for name in _SETS:
        yield from srcset_urls(element.get(name) or "")


def _of_css(css: str, base: str) -> Iterator[Requisite]:
    text = _COMMENT.sub(" ", css[:_MAX_CSS])
    old = {name for face in _FONT_FACE.finditer(text) for name in _unneeded_formats(face[1])}
    for match in _NAMED.finditer(text):
        importing, *values = match.groups()
        name = next((value for value in values if value), "")
        if name in old:
            continue
        imported = importing is not None or match[0][:1] == "@"
        plain = _ESCAPE.sub(r"\1", name)
        path = plain.partition("?")[0].partition("#")[0]
        kind = (
            RequisiteKind.STYLESHEET
            if imported
            else (RequisiteKind.FONT if _FONT.search(path) else RequisiteKind.IMAGE)
        )
        yield from _one(plain, base, kind)


def _unneeded_formats(face: str) -> Iterator[str]:
    """Yields the addresses in a @font-face rule that current browsers do not request: those of fonts in old formats
    and, if there is one in WOFF 2, those of all other formats.
    """
    names = [next(v for v in match.groups()[1:] if v) for match in _NAMED.finditer(face)]
    paths = {name: name.partition("?")[0].partition("#")[0].lower() for name in names}
    best = any(path.endswith(".woff2") for path in paths.values())
    for name, path in paths.items():
        if (_OLD_FONT.search(path) and len(paths) > 1) or (best and _FONT.search(path) and not path.endswith(".woff2")):
            yield name


# Responses for requisites.

KEPT_STATUSES = frozenset({200, 301, 302, 303, 304, 307, 308})
"""The statuses of responses that are stored: 200 (the requisite itself), 304 (not modified), and the statuses of
redirects, which replay follows."""
ACCEPT = {
    RequisiteKind.IMAGE: "image/*,*/*;q=0.5",
    RequisiteKind.STYLESHEET: "text/css,*/*;q=0.1",
    RequisiteKind.FONT: "font/*,*/*;q=0.5",
}
"""The Accept header by kind. It prefers no format, since a server then usually sends the original file."""
_ARTICLES = {kind: f"an {kind}" if kind is RequisiteKind.IMAGE else f"a {kind}" for kind in RequisiteKind}
_HEAD = 1_024
_TYPES = {
    RequisiteKind.IMAGE: lazy_regex(r"image/.+"),
    RequisiteKind.STYLESHEET: lazy_regex(r"text/css"),
    RequisiteKind.FONT: lazy_regex(r"(?:font/.+|application/(?:x-)?(?:font-?|vnd\.ms-font).*|image/svg\+xml)"),
}
# Types that servers send for files of unknown type. The first bytes of the body then decide (WHATWG MIME Sniffing,
# sections 6.1 and 6.2).
_UNKNOWN_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream", "text/plain", "application/unknown"})
_MAGIC = {
    RequisiteKind.IMAGE: lazy_regex(
        rb"\x89PNG\r\n|GIF8[79]a|\xff\xd8\xff|RIFF....WEBP|BM|\x00\x00\x01\x00|II\*\x00|MM\x00\*|"
        rb"....ftyp(?:avif|avis|heic|mif1)|\x00\x00\x00\x0cJXL |\s*(?:<\?xml[^>]*>\s*)?<svg",
        re.DOTALL,
    ),
    RequisiteKind.STYLESHEET: lazy_regex(rb"[^\x00<]*\{|\s*(?:/\*|@)"),
    RequisiteKind.FONT: lazy_regex(rb"wOFF|wOF2|OTTO|true|\x00\x01\x00\x00|ttcf"),
}
_PAGE = lazy_regex(rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype\s+html|<html|<head|<body|<script|<title)", re.IGNORECASE)


def type_mismatch(kind: RequisiteKind, content_type: str, body: bytes, content_coding: str = "") -> str:
    """Returns, as a phrase, why a response with status 200 is not a file of this kind; "" if it is one.

    `body` is the body as received, with its content coding. An HTML page never counts as such a file, whatever its
    declared type, because many hosts answer with a page if a file does not exist.
    """
    if not body:
        return "the response is empty"
    media_type = content_type.partition(";")[0].strip().lower()
    head = body_prefix(body, content_coding)
    if head is not None and _PAGE.match(head):
        return f"a page instead of {_ARTICLES[kind]}"
    if _TYPES[kind].fullmatch(media_type):
        return ""
    if media_type in _UNKNOWN_TYPES and head is not None and _MAGIC[kind].match(head):
        return ""
    return f"not {_ARTICLES[kind]} ({media_type or 'no content type'})"


def body_prefix(body: bytes, content_coding: str) -> bytes | None:
    """Returns the first bytes of a response body, decoded from its content coding; None if the coding is unsupported or
    the data is broken.
    """
    coding = content_coding.strip().lower()
    if coding in ("", "identity"):
        return body[:_HEAD]
    if coding in ("gzip", "x-gzip", "deflate"):
        wbits = 31 if coding != "deflate" else (15 if body[:1] == b"\x78" else -15)
        try:
            return zlib.decompressobj(wbits).decompress(body, _HEAD)
        except zlib.error:
            return None
    return None


def image_size(body: bytes) -> tuple[int, int] | None:
    """Returns the width and height of an image in pixels, as shown (after EXIF rotation). Returns None if the image's
    header does not state them, and always for SVG, which has no size in pixels.
    """
    if body.lstrip()[:1] == b"<":
        return None
    width, height = imagesize.get(io.BytesIO(body))
    return (width, height) if width > 0 and height > 0 else None
