"""Whether an answer is what a page needs at that place: an image, a stylesheet, a font, and no page of excuses."""

from __future__ import annotations

import io
import re
import zlib

import imagesize

from archiver.items import RequisiteKind

KEPT_STATUSES = frozenset({200, 301, 302, 303, 304, 307, 308})
"""Answers that are written: the thing itself, that it is as before, and redirects, which a replayed page follows."""
ACCEPT = {
    RequisiteKind.IMAGE: "image/*,*/*;q=0.5",
    RequisiteKind.STYLESHEET: "text/css,*/*;q=0.1",
    RequisiteKind.FONT: "font/*,*/*;q=0.5",
}
"""No format is asked for before another: what a server sends then is most often the original."""
_HEAD = 1_024
_TYPES = {
    RequisiteKind.IMAGE: re.compile(r"image/.+"),
    RequisiteKind.STYLESHEET: re.compile(r"text/css"),
    RequisiteKind.FONT: re.compile(r"(?:font/.+|application/(?:x-)?(?:font-?|vnd\.ms-font).*|image/svg\+xml)"),
}
# What servers say that do not know what they send. Its first bytes then tell (WHATWG MIME Sniffing, section 6.1, 6.2).
_UNSTATED = frozenset({"", "application/octet-stream", "binary/octet-stream", "text/plain", "application/unknown"})
_MAGIC = {
    RequisiteKind.IMAGE: re.compile(
        rb"\x89PNG\r\n|GIF8[79]a|\xff\xd8\xff|RIFF....WEBP|BM|\x00\x00\x01\x00|II\*\x00|MM\x00\*|"
        rb"....ftyp(?:avif|avis|heic|mif1)|\x00\x00\x00\x0cJXL |\s*(?:<\?xml[^>]*>\s*)?<svg", re.DOTALL),
    RequisiteKind.STYLESHEET: re.compile(rb"[^\x00<]*\{|\s*(?:/\*|@)"),
    RequisiteKind.FONT: re.compile(rb"wOFF|wOF2|OTTO|true|\x00\x01\x00\x00|ttcf"),
}
_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<!doctype\s+html|<html|<head|<body|<script|<title)", re.IGNORECASE)


def not_wanted(kind: RequisiteKind, content_type: str, body: bytes, content_coding: str = "") -> str:
    """Why this answer (of status 200) is none of this kind, a phrase; "" where it is one.

    `body` is as on the wire. A page is none, whatever its type says: hosts answer so for what is not there.
    """
    if not body:
        return "its answer is empty"
    said = content_type.partition(";")[0].strip().lower()
    head = beginning(body, content_coding)
    if head is not None and _PAGE.match(head):
        return f"it is no {kind} but a page"
    if _TYPES[kind].fullmatch(said):
        return ""
    if said in _UNSTATED and head is not None and _MAGIC[kind].match(head):
        return ""
    return f"it is no {kind} ({said or 'of no stated type'})"


def beginning(body: bytes, content_coding: str) -> bytes | None:
    """The first bytes of a body without its content coding; None where that cannot be undone here."""
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


def size_of(body: bytes) -> tuple[int, int] | None:
    """Width and height of an image in pixels, as it is shown (turned as its EXIF says); None where its header does not
    tell. A drawing (SVG) has none of its own, and is not parsed for it."""
    if body.lstrip()[:1] == b"<":
        return None
    width, height = imagesize.get(io.BytesIO(body))
    return (width, height) if width > 0 and height > 0 else None
