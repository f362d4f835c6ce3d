"""Reads the documents that discovery sources send: XML, JSON, and fragments of HTML as plain text.

No function of this module raises for bad input, fetches anything, or reads more than its limits. Parsing begins
after the DOCTYPE, so that no entity is ever expanded: "billion laughs" and external entities have no effect.
"""

from __future__ import annotations

import codecs
import html
import json
import re
import zlib
from collections.abc import Iterator
from html.entities import html5
from typing import Any

from lxml import etree

from archiver.model.lazy_regex import lazy_regex

# The source of an XML document before parsing.

MAX_TAGS = 2_000_000
"""At most this many tags of one document are read, including end tags. A full sitemap (50,000 addresses, each in ten
languages) contains 1,500,000 tags. Each element needs about 200 bytes of memory, regardless of its length in the
source."""

_SPACE = lazy_regex(r"\s*")
_DOCTYPE = "<!doctype"
_MAX_DOCTYPES = 1  # a document has at most one DOCTYPE (XML 1.0, section 2.8)
_IN_DOCTYPE = lazy_regex(r"""["'\[\]>]|<!--|<\?""")
_CLOSES = {'"': '"', "'": "'", "<!--": "-->", "<?": "?>"}
_CDATA, _CDATA_END = "<![CDATA[", "]]>"


def find_root_start(text: str) -> int:
    """Returns the position in an XML text where the root element begins, after white space, comments, processing
    instructions and the DOCTYPE; -1 if a comment, instruction or DOCTYPE has no end.

    The parser starts at this position, so it never sees an entity declaration (XML 1.0, section 4), and neither
    expands nor fetches entities.
    """
    at, doctypes = 0, 0
    while True:
        space = _SPACE.match(text, at)
        assert space is not None
        at = space.end()
        if text.startswith("<!--", at):
            end = text.find("-->", at + 4)
            at = end + 3
        elif text.startswith("<?", at):
            end = text.find("?>", at + 2)
            at = end + 2
        elif text[at : at + len(_DOCTYPE)].lower() == _DOCTYPE and doctypes < _MAX_DOCTYPES:
            doctypes += 1
            at = end = _end_of_doctype(text, at + len(_DOCTYPE))
        else:
            return -1 if text[at : at + 2] in ("<!", "<?") else at
        if end < 0:
            return -1


def _end_of_doctype(text: str, at: int) -> int:
    """Returns the position after a DOCTYPE declaration whose content begins at `at`; -1 if the declaration has no end.

    Its quoted strings, comments and internal subset may contain ">". If a string, comment or subset is not closed,
    the declaration ends at its first ">".
    """
    start, inside = at, False
    while match := _IN_DOCTYPE.search(text, at):
        token, at = match.group(), match.end()
        if token in _CLOSES:
            end = text.find(_CLOSES[token], at)
            if end < 0:
                break
            at = end + len(_CLOSES[token])
        elif token == ">" and not inside:
            return at
        else:
            inside = token == "[" or (token != "]" and inside)
    first = text.find(">", start)
    return first + 1 if first >= 0 else -1


def split_cdata(text: str) -> Iterator[tuple[str, bool]]:
    """Splits an XML text into CDATA sections and the text between them; yields (piece, True if it is a CDATA section).

    A section includes its delimiters. A section that is not closed is yielded as text.
    """
    at = 0
    while (start := text.find(_CDATA, at)) >= 0:
        end = text.find(_CDATA_END, start)
        if end < 0:
            break
        yield text[at:start], False
        at = end + len(_CDATA_END)
        yield text[start:at], True
    yield text[at:], False


def truncate_document(text: str, most: int = MAX_TAGS) -> str:
    """Returns the text cut before tag number `most` + 1, or the whole text if it has no more than `most` tags."""
    if len(text) <= most or text.count("<") <= most:
        return text
    at = -1
    for _ in range(most + 1):
        at = text.find("<", at + 1)
    return text[:at]


# Bytes, text and trees.

MAX_BYTES = 64 * 1024 * 1024
"""At most this many bytes of one document are read, after decompression. The sitemap protocol allows 50 MB."""
MAX_TARGETS = 100_000
"""At most this many addresses of one document are read. The sitemap protocol allows 50,000."""

_GZIP = b"\x1f\x8b"
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARATION = lazy_regex(r"<\?xml\s[^>]{0,200}\?>")
_MAX_BEFORE = 16_384
_MAX_AMPERSANDS = 1_000_000  # at most this many bare ampersands are repaired, since each needs memory
_DECLARED = lazy_regex(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})")
_CONTROL = lazy_regex("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_AMPERSAND = lazy_regex(r"&(?!(?:#\d{1,8}|#[xX][0-9a-fA-F]{1,7}|[A-Za-z][A-Za-z0-9]{0,31});)")
_NAMED = lazy_regex(r"&([A-Za-z][A-Za-z0-9]{0,31});")
_XML_NAMED = frozenset({"amp", "lt", "gt", "quot", "apos"})
_TAG = lazy_regex(r"</?[A-Za-z][^<>]*>|<![^<>]*>")
_BLOCK = lazy_regex(r"<(?:p|br|div|li|h[1-6]|tr|td|script|style)\b|<!--", re.IGNORECASE)
_UNSHOWN = lazy_regex(r"<(script|style|head|template)\b|<!--", re.IGNORECASE)
_SHOWN_AGAIN = {"": lazy_regex("-->")} | {
    name: lazy_regex(rf"</{name}\s*>", re.IGNORECASE) for name in ("script", "style", "head", "template")
}


def inflate(body: bytes, limit: int = MAX_BYTES) -> bytes:
    """Decompresses gzip data up to `limit` bytes. Returns other data unchanged, cut to `limit` bytes. gzip is
    recognized by its first bytes (RFC 1952).

    If a file is broken or truncated, returns the part that can be decompressed.
    """
    for _ in range(2):  # twice, since a server may compress a .gz file again
        if not body.startswith(_GZIP):
            break
        parts: list[bytes] = []
        room, rest = limit, body
        try:
            while rest.startswith(_GZIP) and room > 0:
                member = zlib.decompressobj(wbits=31)
                parts.append(member.decompress(rest, room))
                room -= len(parts[-1])
                rest = member.unused_data
        except zlib.error:
            pass
        body = b"".join(parts)
    return body[:limit]


def decode(body: bytes) -> str:
    """Decodes an XML or JSON document to text. The byte order mark or the XML declaration determines the encoding. If
    there is neither, the encoding is UTF-8, or windows-1252 if the bytes are not valid UTF-8.
    """
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body.decode(encoding, errors="replace").lstrip("\ufeff")
    if body[:4].replace(b"\x00", b"") in (b"<?", b"<r", b"<f", b"<u", b"<s") and b"\x00" in body[:4]:
        return body.decode("utf-16-be" if body[0] == 0 else "utf-16-le", errors="replace")
    declared = _DECLARED.search(body[:1000])
    names = [declared.group(1).decode("ascii")] if declared else []
    for name in [*names, "utf-8"]:
        try:
            if codecs.lookup(name)._is_text_encoding:  # type: ignore[attr-defined,unused-ignore]
                return body.decode(name)
        except (LookupError, ValueError):
            continue
    # If only a few bytes are bad, the document is UTF-8 with errors. If most are bad, it has a different encoding.
    text = body.decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    return text if bad * 20 < sum(c > "\x7f" for c in text) else body.decode("windows-1252", errors="replace")


def parse_document(body: bytes) -> tuple[etree._Element | None, bool]:
    """Parses an XML document, repairing it if necessary. Returns its root element (None if nothing can be read), and
    whether it was cut at MAX_TAGS.

    Repairs text before the first tag, control characters, bare ampersands, HTML's named entities, missing end tags,
    and all errors that libxml2 recovers from.
    """
    text = _CONTROL.sub("", document_text(body))
    start = find_root_start(text)
    if not text or start < 0:
        return None, False
    length = len(text)
    text = truncate_document(text)
    is_cut = len(text) < length
    text = text[start:]
    root = None if is_cut else _tree(text, recover=False)
    if root is None:
        root = _tree("".join(p if is_cdata else _repaired(p) for p, is_cdata in split_cdata(text)), recover=True)
    return root, is_cut


def document_text(body: bytes) -> str:
    """Returns the decoded text of an XML document beginning with its first tag, without the XML declaration."""
    text = decode(inflate(body))
    declaration = _DECLARATION.search(text[:_MAX_BEFORE])
    text = text[declaration.end() :] if declaration else text
    start = text.find("<")
    return text[start:] if start >= 0 else ""


def _tree(text: str, recover: bool) -> etree._Element | None:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        recover=recover,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=True,
        encoding="utf-8",
    )
    try:
        root = etree.fromstring(text.encode("utf-8", errors="replace"), parser)
    except (etree.LxmlError, ValueError):
        return None
    return root if isinstance(getattr(root, "tag", None), str) else None


def _repaired(text: str) -> str:
    if text.count("&") > _MAX_AMPERSANDS:
        return text
    return _NAMED.sub(_named, _AMPERSAND.sub("&amp;", text.replace("&#X", "&#x")))


def _named(match: re.Match[str]) -> str:
    name = match.group(1)
    if name in _XML_NAMED:
        return match.group(0)
    known = html5.get(name + ";")
    return html.escape(known) if known else "&amp;" + match.group(0)[1:]


def _without_hidden(markup: str) -> str:
    """Returns HTML without scripts, styles, <head>, templates and comments. Leaves elements and comments that are not
    closed in place.
    """
    out, done, at = [], 0, 0
    endless: set[str] = set()
    while match := _UNSHOWN.search(markup, at):
        name, at = (match.group(1) or "").lower(), match.end()
        end = None if name in endless else _SHOWN_AGAIN[name].search(markup, at)
        if end is None:
            endless.add(name)
            continue
        out += [markup[done : match.start()], " "]
        done = at = end.end()
    return "".join(out) + markup[done:]


def plain_text(markup: str, limit: int = 10_000) -> str:
    """Converts a fragment of HTML (a headline, a summary) to one line of plain text: no tags, entities decoded, white
    space collapsed, at most `limit` characters.

    Also decodes entities that were escaped twice, as in many feeds.
    """
    text = markup[: limit * 8]
    if "<" in text:
        text = _TAG.sub(" ", _without_hidden(text)) if _BLOCK.search(text) else _TAG.sub("", text)
    text = html.unescape(text)
    if "&" in text:
        text = html.unescape(text)
    return " ".join(replace_controls(text).split())[:limit]


# C1 control characters have no use in text. They stem from numeric references to windows-1252 characters (&#146;).
_C1 = lazy_regex("[\x80-\x9f]")
_WINDOWS_1252 = {b: bytes([b]).decode("cp1252", errors="replace") for b in range(0x80, 0xA0)}


def replace_controls(text: str) -> str:
    """Returns a text in which each C1 control character is replaced by the windows-1252 character of the same number,
    as the HTML Standard does for numeric references (section 13.2.5.80).
    """
    return text.translate(_WINDOWS_1252) if _C1.search(text) else text


# JSON.

_MAX_VALUES = 3_000_000
"""A body with more opening brackets and commas than this is not parsed. A value may take only two bytes in the body,
but needs about 60 bytes of memory."""


def parse_json(body: bytes) -> Any:
    """Returns the JSON value in a body; None if the body contains no JSON value or too many values. Any text before or
    after the value, such as a PHP notice, is ignored.
    """
    text = decode(inflate(body)).strip()
    if len(text) > _MAX_VALUES and sum(map(text.count, "[{,")) > _MAX_VALUES:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    decoder = json.JSONDecoder(strict=False)
    tries = 0
    for start in (i for i, c in enumerate(text[:65_536]) if c in "[{"):
        tries += 1
        if tries > 200:
            break
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, (dict, list)) and (end - start) * 2 > len(text) - start:
            return value
    return None
