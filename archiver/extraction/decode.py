"""Bytes of a page to text, once, whatever they claim to be. Never raises."""

from __future__ import annotations

import codecs
import re

from w3lib.encoding import http_content_type_encoding, resolve_encoding

MAX_BYTES = 12_000_000
"""More of a page than this is not read: no post is longer, and a parser must not be fed a film."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_META = re.compile(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_XML = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})["']""", re.IGNORECASE)
# What browsers take the narrower label for (WHATWG Encoding, section 4.2).
_WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "big5": "big5hkscs",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
    "big5-tw": "big5hkscs",
    "ksc5601": "cp949",
}
# What browsers fall back to for a language (HTML, section 13.2.3.2, the table of suggested default encodings).
_LEGACY = {
    "ar": "cp1256", "ba": "cp1251", "be": "cp1251", "bg": "cp1251", "cs": "cp1250", "el": "iso8859-7", "et": "cp1257",
    "fa": "cp1256", "he": "cp1255", "hr": "cp1250", "hu": "iso8859-2", "ja": "cp932", "kk": "cp1251", "ko": "cp949",
    "ku": "cp1254", "ky": "cp1251", "lt": "cp1257", "lv": "cp1257", "mk": "cp1251", "pl": "iso8859-2", "ru": "cp1251",
    "sk": "cp1250", "sl": "iso8859-2", "sr": "cp1251", "tg": "cp1251", "th": "cp874", "tr": "cp1254", "tt": "cp1251",
    "uk": "cp1251", "vi": "cp1258", "zh": "gb18030", "zh-tw": "big5hkscs", "zh-hant": "big5hkscs",
}
_LANGUAGE = re.compile(rb"""<html[^>]{0,500}?\slang\s*=\s*["']?([a-z-]{2,15})""", re.IGNORECASE)
_NUL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


def decode(body: bytes | str, content_type: str = "") -> tuple[str, str]:
    """The text of a page and the name of the encoding it was read in.

    In this order: a byte order mark; bytes that are valid UTF-8 with more than ASCII in them,
    whatever is declared; the Content-Type header; the document's own declaration; the encoding that
    its language was written in before UTF-8; a guess by charset-normalizer; windows-1252.
    Broken bytes become U+FFFD; control characters that no XML tree can hold are removed.
    """
    if isinstance(body, str):
        return _NUL.sub("", body[:MAX_BYTES]), "utf-8"
    body = body[:MAX_BYTES]
    text, encoding = _decode(body, content_type)
    return _NUL.sub("", text), encoding


def _decode(body: bytes, content_type: str) -> tuple[str, str]:
    for bom, name in _BOMS:
        if body.startswith(bom):
            return body.decode(name, errors="replace").lstrip("\ufeff"), name
    header = _codec(http_content_type_encoding(content_type) or "")
    declared = [name for name in (header, *_declared(body)) if name]
    if body.isascii():
        stateful = next((n for n in declared if n.startswith(("iso2022", "hz"))), "")
        return _strict(body, stateful) or body.decode("ascii"), stateful or "utf-8"
    broken = _broken_utf8(body)
    if broken == 0.0 or (broken < 0.02 and (not declared or "utf-8" in declared)):
        return body.decode("utf-8", errors="replace"), "utf-8"
    for name in declared:
        if name != "utf-8" and (text := _strict(body, name)):
            return text, name
    for name in declared:
        if name != "utf-8":
            text = body.decode(name, errors="replace")
            if text.count("\ufffd") < len(text) / 200:
                return text, name
    legacy = _by_language(body)
    if text := _strict(body, legacy):
        return text, legacy
    guess = _guess(body)
    return body.decode(guess, errors="replace"), guess


def _by_language(body: bytes) -> str:
    """The legacy encoding of the page's stated language, windows-1252 for one of western Europe, "" for none."""
    match = _LANGUAGE.search(body[:8_192])
    if not match:
        return ""
    language = match.group(1).decode("ascii").lower()
    return _LEGACY.get(language) or _LEGACY.get(language.split("-")[0], "cp1252")


def _codec(label: str) -> str:
    """Python's name of a declared encoding, "" for one that is unknown or unfit for the web."""
    name = resolve_encoding(label) or label if label else ""
    try:
        info = codecs.lookup(name) if name else None
    except (LookupError, ValueError):
        return ""
    if info is None or not getattr(info, "_is_text_encoding", True) or info.name in ("utf-7", "idna", "punycode"):
        return ""
    if info.name.startswith(("unicode", "raw-unicode", "undefined", "mbcs", "utf-16", "utf-32")):
        return ""
    return _WIDER.get(info.name, info.name)


def _declared(body: bytes) -> list[str]:
    head = body[:8_192]
    labels = [m.group(1).decode("ascii", "ignore") for m in (_XML.search(head), _META.search(head)) if m]
    return [name for label in labels if (name := _codec(label))]


def _strict(body: bytes, name: str) -> str:
    if not name:
        return ""
    try:
        return body.decode(name)
    except (UnicodeError, LookupError, ValueError):
        return ""


def _broken_utf8(body: bytes) -> float:
    """The share of non-ASCII bytes that are no UTF-8."""
    try:
        body.decode("utf-8")
        return 0.0
    except UnicodeDecodeError:
        pass
    high = sum(1 for b in body[:400_000] if b > 127)
    return body[:400_000].decode("utf-8", errors="replace").count("\ufffd") / max(high, 1)


def _guess(body: bytes) -> str:
    try:
        from charset_normalizer import from_bytes

        best = from_bytes(body[:60_000]).best()
    except (ValueError, LookupError, UnicodeError):
        best = None
    name = _codec(best.encoding) if best else ""
    return name or "cp1252"
