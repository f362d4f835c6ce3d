"""Bytes to an XML tree, and fragments of HTML to plain text: never raises, never fetches, bounded.

No entity of a document is ever expanded (parsing begins after its DOCTYPE), so "billion laughs" and external entities
have no effect.
"""

from __future__ import annotations

import codecs
import html
import re
import zlib
from html.entities import html5

from lxml import etree

from archiver.discovery.xml_source import cut, pieces, root_at

MAX_BYTES = 64 * 1024 * 1024
"""What is read of one document, after decompression. The sitemap protocol allows 50 MB."""
MAX_TARGETS = 100_000
"""The addresses that are read of one document. The sitemap protocol allows 50,000."""

_GZIP = b"\x1f\x8b"
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DECLARATION = re.compile(r"<\?xml\s[^>]{0,200}\?>")
_MOST_BEFORE = 16_384
_MOST_MENDED = 1_000_000  # ampersands; each is an element of a list during repair
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_AMPERSAND = re.compile(r"&(?!(?:#\d{1,8}|#[xX][0-9a-fA-F]{1,7}|[A-Za-z][A-Za-z0-9]{0,31});)")
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]{0,31});")
_XML_NAMED = frozenset({"amp", "lt", "gt", "quot", "apos"})
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<![^<>]*>")
_BLOCK = re.compile(r"<(?:p|br|div|li|h[1-6]|tr|td|script|style)\b|<!--", re.IGNORECASE)
_UNSHOWN = re.compile(r"<(script|style|head|template)\b|<!--", re.IGNORECASE)
_SHOWN_AGAIN = {"": re.compile("-->")} | {
    name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in ("script", "style", "head", "template")}


def inflate(body: bytes, limit: int = MAX_BYTES) -> bytes:
    """Decompresses gzip, recognised by its first bytes (RFC 1952), up to `limit` bytes; returns anything else as it is.

    Of a broken or truncated file, returns what can still be read.
    """
    for _ in range(2):  # a server may compress a .gz file again
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
    """The text of an XML or JSON document: by its byte order mark, its declaration, as UTF-8, else as windows-1252."""
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
    # One bad byte in a UTF-8 document is an error; bytes that are mostly bad are another encoding.
    text = body.decode("utf-8", errors="replace")
    bad = text.count("\ufffd")
    return text if bad * 20 < sum(c > "\x7f" for c in text) else body.decode("windows-1252", errors="replace")


def parse_document(body: bytes) -> tuple[etree._Element | None, bool]:
    """The root of an XML document, repaired if broken, and whether it has more than is read of one.

    The root is None if nothing can be read. Repairs text before the first tag, control characters, bare ampersands,
    HTML's named entities, missing end tags, and whatever libxml2 recovers from. Reads at most MOST_TAGS.
    """
    text = _CONTROL.sub("", document_text(body))
    start = root_at(text)
    if not text or start < 0:
        return None, False
    whole = len(text)
    text = cut(text)
    is_cut = len(text) < whole
    text = text[start:]
    root = None if is_cut else _tree(text, recover=False)
    if root is None:
        root = _tree("".join(p if is_cdata else _mended(p) for p, is_cdata in pieces(text)), recover=True)
    return root, is_cut


def document_text(body: bytes) -> str:
    """The text of an XML document from its first tag on, without its declaration and what was printed before it."""
    text = decode(inflate(body))
    declaration = _DECLARATION.search(text[:_MOST_BEFORE])
    text = text[declaration.end():] if declaration else text
    start = text.find("<")
    return text[start:] if start >= 0 else ""


def _tree(text: str, recover: bool) -> etree._Element | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, recover=recover,
                             load_dtd=False, remove_comments=True, remove_pis=True, strip_cdata=True,
                             encoding="utf-8")
    try:
        root = etree.fromstring(text.encode("utf-8", errors="replace"), parser)
    except (etree.LxmlError, ValueError):
        return None
    return root if isinstance(getattr(root, "tag", None), str) else None


def _mended(text: str) -> str:
    if text.count("&") > _MOST_MENDED:
        return text
    return _NAMED.sub(_named, _AMPERSAND.sub("&amp;", text))


def _named(match: re.Match[str]) -> str:
    name = match.group(1)
    if name in _XML_NAMED:
        return match.group(0)
    known = html5.get(name + ";")
    return html.escape(known) if known else "&amp;" + match.group(0)[1:]


def _shown(markup: str) -> str:
    """Removes scripts, styles and comments. One without an end is left as it is, and searched for once."""
    out, done, at = [], 0, 0
    endless: set[str] = set()
    while match := _UNSHOWN.search(markup, at):
        name, at = (match.group(1) or "").lower(), match.end()
        end = None if name in endless else _SHOWN_AGAIN[name].search(markup, at)
        if end is None:
            endless.add(name)
            continue
        out += [markup[done:match.start()], " "]
        done = at = end.end()
    return "".join(out) + markup[done:]


def plain_text(markup: str, limit: int = 10_000) -> str:
    """A fragment of HTML (a headline, a summary) as one line of text: without tags, entities decoded, spaces collapsed.

    Decodes entities that were escaped twice, as in many feeds.
    """
    text = markup[: limit * 8]
    if "<" in text:
        text = _TAG.sub(" ", _shown(text)) if _BLOCK.search(text) else _TAG.sub("", text)
    text = html.unescape(text)
    if "&" in text:
        text = html.unescape(text)
    return " ".join(text.split())[:limit]

