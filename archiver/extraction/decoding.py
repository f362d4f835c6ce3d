"""Decodes a page's bytes, even if their declared encoding is wrong or missing, and repairs mojibake. Never raises."""

from __future__ import annotations

import codecs
import re
import zlib
from dataclasses import dataclass
from html import unescape

from w3lib.encoding import http_content_type_encoding, read_bom, resolve_encoding

from archiver.items import Evidence
from archiver.lazy_regex import lazy_regex

# Repairing text that was certainly encoded as UTF-8 twice ("cafÃ©", "donâ€™t").

_MANY, _MAX_COUNT = 3, 20_000
"""A page is repaired only if it contains at least `_MANY` sequences that prove that it is mojibake; a text about such
errors may contain a few. At most `_MAX_COUNT` runs of text are examined."""


def _byte_table(codec: str) -> dict[int, int]:
    """Returns a map from each character of a single-byte encoding to its byte. Bytes without a character are mapped to
    themselves, and so are, in windows-1252, the C1 control characters of ISO 8859-1.
    """
    out: dict[int, int] = {}
    for byte in range(0x80, 0x100):
        char = bytes([byte]).decode(codec, errors="ignore") or chr(byte)
        out[ord(char)] = byte
    return out | ({byte: byte for byte in range(0x80, 0xA0)} if codec == "cp1252" else {})


def _character_class(table: dict[int, int], first: int, last: int) -> str:
    return "[" + "".join(re.escape(chr(c)) for c, byte in table.items() if first <= byte <= last) + "]"


class _Misreading:
    """A single-byte encoding with which UTF-8 text may have been wrongly decoded. Every such text contains one of
    `marks`, and character sequences that `sure` matches prove it.
    """

    def __init__(self, codec: str, marks: str) -> None:
        self.table, self.marks = _byte_table(codec), tuple(marks.split())
        self.hints = sorted({mark.encode("utf-8")[:1] for mark in self.marks})
        tail = _character_class(self.table, 0x80, 0xBF)
        two, three = _character_class(self.table, 0xC3, 0xDF), _character_class(self.table, 0xE0, 0xEF)
        letter = r"[A-Za-z]"
        quote = f"{_character_class(self.table, 0xE2, 0xE2)}{_character_class(self.table, 0x80, 0x80)}{tail}"
        pair = f"{_character_class(self.table, 0xC3, 0xC3)}{tail}"
        self.sure = lazy_regex(
            f"(?<={letter})(?:{pair}|{quote})(?={letter})|(?:{two}{tail}){{4}}|(?:{three}{tail}{tail}){{3}}|"
            f"(?<={letter})(?:{pair})(?=\\s)|(?<={letter}){quote}\\s|\\s{quote}(?={letter})"
        )

    def matches(self, text: str, beyond: set[str]) -> bool:
        """Returns True if a text was wrongly decoded with this encoding. `beyond` are the text's characters outside
        ASCII.

        The text must contain one of `marks`, and at least `_MANY` sequences that prove the mistake.
        """
        if not any(beyond.issuperset(mark) and mark in text for mark in self.marks):
            return False
        count = last = 0
        # Such a sequence is within a run of non-ASCII characters, with at most one more character on either side.
        for m in _SEVERAL.finditer(text):
            at = max(m.start() - 1, last)
            while hit := self.sure.search(text, at, m.end() + 1):
                at = last = hit.end()
                count += 1
                if count == _MANY:
                    return True
        return False

    def restore(self, stretch: str) -> str:
        """Returns the original text of a run of non-ASCII characters (`stretch`) that was wrongly decoded with this
        encoding; "" if it was not.
        """
        try:
            return bytes(self.table[ord(c)] for c in stretch).decode("utf-8")
        except (KeyError, UnicodeDecodeError):
            return ""


# The marks are the commonest letters (Latin, Cyrillic, Greek, Hebrew, Arabic, Thai, CJK) as they look when they are
# wrongly decoded.
_MISREADINGS = (
    _Misreading("cp1252", "Ã â€ â\x80 Ð Ñ Î± ×™ ×\x99 Ø§ à¸ ï¼ ã€ ã\x80 ã\x81 ì´ ì— ì\x97 ä¸"),
    _Misreading("cp1251", "Г© Гј ГЎ ГЈ Г¤ Г¶ Г¨ Гі вЂ Р° Рѕ Рё О± Ч™ Ш§ аё пј гЂ гЃ мќґ мќ„ дё"),
)
_RUN = lazy_regex('[^<>"]+')
_STRETCH = lazy_regex("[^\x00-\x7f]+")
_SEVERAL = lazy_regex("[^\x00-\x7f]{2,}")
_ASCII = bytes(range(128))
# The commonest letters and quotation marks of such texts (see `_MISREADINGS`), as programs write them with entities.
_ENTITY_MARK = lazy_regex(
    r"&(?:acirc;&(?:euro|#128);|#226;&#(?:128|8364);|(?:Atilde|#195|ETH|#208|Icirc|times|Oslash);&|agrave;&cedil;|"
    r"iuml;&frac14;|atilde;&euro;|auml;&cedil;)"
)
_ENTITIES = lazy_regex(r"(?:&(?:#\d{2,5}|#[xX][0-9a-fA-F]{2,4}|[a-zA-Z]{2,8}\d{0,2});|[^\x00-\x7f]){2,}")


def repair_mojibake(text: str, source: bytes = b"") -> tuple[str, int]:
    """Repairs a text in which UTF-8 was wrongly decoded with another encoding. Returns the text and the number of
    repaired runs of characters. A correct text is not changed.

    `source` is the same text as UTF-8 bytes; it may be empty. Bytes are searched faster.
    """
    if text.isascii():
        return text, 0
    count = 0
    beyond: set[str] | None = None
    for misreading in _MISREADINGS:
        if source and not count and not any(hint in source for hint in misreading.hints):
            continue
        for _ in range(2):  # some texts were wrongly decoded twice
            if beyond is None:
                beyond = _non_ascii_characters(text.encode("utf-8", errors="ignore") if count or not source else source)
            if not misreading.matches(text, beyond):
                break
            text, more = _repair_runs(text, misreading)
            count += more
            if not more:
                break
            beyond = None
    return text, count


def decode_misread_entities(text: str) -> str:
    """Decodes the runs of entities in a text that stand for wrongly decoded UTF-8 ("caf&Atilde;&copy;"), so that
    `repair_mojibake` can repair it. Programs write such entities when they take the bytes of UTF-8 for Latin-1
    characters.

    Entities of ASCII characters are kept, since they may be markup shown as text.
    """
    if not _ENTITY_MARK.search(text):
        return text
    return _ENTITIES.sub(_decode_non_ascii, text)


def _decode_non_ascii(entities: re.Match[str]) -> str:
    decoded = unescape(entities[0])
    return entities[0] if any(map(str.isascii, decoded)) else decoded


def _non_ascii_characters(source: bytes) -> set[str]:
    """Returns the set of a text's characters outside ASCII."""
    return set(source.translate(None, _ASCII).decode("utf-8", errors="ignore"))


def _repair_runs(text: str, misreading: _Misreading) -> tuple[str, int]:
    count = tried = 0

    def repair(m: re.Match[str]) -> str:
        nonlocal count, tried
        run = m[0]
        if run.isascii() or tried >= _MAX_COUNT:
            return run
        tried += 1
        known: dict[str, str] = {}
        for stretch in _STRETCH.findall(run):
            original = known.setdefault(stretch, misreading.restore(stretch))
            if not _is_plausible(original) and any(c.isalpha() for c in stretch):
                return run
        if not any(_is_plausible(original) for original in known.values()):
            return run
        count += 1
        return _STRETCH.sub(lambda s: known[s[0]] if _is_plausible(known[s[0]]) else s[0], run)

    return _RUN.sub(repair, text), count


def _is_plausible(original: str) -> bool:
    """Returns True if a repaired text contains only characters in common use.

    If the text was correct and only looked like mojibake, for example because a letter precedes a quotation mark, the
    repair yields phonetic signs or control characters.
    """
    return bool(original) and not any("\u0180" <= c <= "\u02ff" or "\u0080" <= c <= "\u009f" for c in original)


# Guessing the encoding of bytes that declare none (or a wrong one), by the letters that the bytes would stand for.

_LETTER_RUN = lazy_regex(rb"[^<>]+")
_SAMPLE = 16_000
_LETTERS = lazy_regex(rb"[A-Za-z]")
# Encodings, each with the letters and punctuation marks that are common in texts in this encoding.
_ALPHABETS = (
    ("cp1252", "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßÀÁÂÄÅÆÇÈÉÊËÍÎÓÔÖØÚÜÑœŒ€«»“”„‘’…–—·º°ª¿¡§ \u00a0"),
    ("cp1250", "áäčďéěíĺľňóôŕřšťúůýžąćęłńśźżőűđăâîşţöüßÁČĎÉĚÍĽŇÓŘŠŤÚŮÝŽĄĆĘŁŃŚŹŻŐŰĐĂÂÎŞŢÖÜ„“”‘’«»…–—§° \u00a0"),
    ("iso8859-2", "áäčďéěíĺľňóôŕřšťúůýžąćęłńśźżőűđăâîşţöüßÁČĎÉĚÍĽŇÓŘŠŤÚŮÝŽĄĆĘŁŃŚŹŻŐŰĐĂÂÎŞŢÖÜ§° \u00a0"),
    ("cp1254", "ığşçöüâîûİĞŞÇÖÜ“”‘’…–—«»éè \u00a0"),
    ("cp1257", "ąčęėįšųūžāēģīķļņõäöüĄČĘĖĮŠŲŪŽĀĒĢĪĶĻŅÕÄÖÜ„“”‘’…–—«» \u00a0"),
)


def text_sample(body: bytes) -> bytes:
    """Returns some of the texts between a page's tags that contain non-ASCII bytes, joined by spaces. The encoding is
    guessed from them, since markup and ASCII say nothing about it.
    """
    out: list[bytes] = []
    room = _SAMPLE
    for m in _LETTER_RUN.finditer(body[:400_000]):
        run = m[0]
        if run.isascii():
            continue
        if len(run) > room:
            # A cut at a space is never inside a character, since no legacy encoding has a space as the trailing byte of
            # a character.
            run = run[: max(run.rfind(b" ", 0, room), run.rfind(b"\n", 0, room)) if b" " in run[:room] else room]
        out.append(run)
        room -= len(run)
        if room < 200:
            break
    return b" ".join(out)


def non_ascii_share(body: bytes) -> float:
    """Returns the share (0 to 1) of non-ASCII letters among all letters. Every non-ASCII byte counts as a letter."""
    sample = text_sample(body)
    high = len(sample.translate(None, _ASCII))
    return high / max(high + len(_LETTERS.findall(sample)), 1)


def guess_encoding(body: bytes) -> str:
    """Returns Python's name of the likeliest encoding of some bytes; "" if it cannot be determined."""
    sample = text_sample(body)
    if not sample:
        return ""
    return (
        _guess_japanese(sample)
        or (_guess_latin(sample) if non_ascii_share(body) < 0.5 else "")
        or _guess_by_library(sample)
    )


def _guess_japanese(sample: bytes) -> str:
    """Returns the Japanese encoding in which a sample contains hiragana, which only Japanese uses; "" if there is no
    such encoding.
    """
    for name in ("cp932", "euc_jp"):
        text = sample.decode(name, errors="replace")
        wide = [c for c in text if c > "\u00ff"]
        kana = sum("\u3041" <= c <= "\u3093" for c in wide)
        if kana > 0.15 * len(wide) and text.count("\ufffd") <= len(wide) / 50:
            return name
    return ""


def _guess_latin(sample: bytes) -> str:
    best, most = "", 0
    for name, alphabet in _ALPHABETS:
        high = [c for c in sample.decode(name, errors="replace") if c > "\x7f"]
        score = sum(1 if c in alphabet else -3 for c in high)
        if score > most:
            best, most = name, score
    return best


def _guess_by_library(sample: bytes) -> str:
    try:
        from charset_normalizer import from_bytes

        found = from_bytes(sample).best()
    except (ValueError, LookupError, UnicodeError):
        return ""
    return found.encoding if found else ""


MAX_BYTES = 12_000_000
"""At most this many bytes of a page are read. No post is longer, and the parser must not be given a video."""
_GZIP, _ZLIB = b"\x1f\x8b", (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")

_HEAD = 16_384
_META = lazy_regex(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_XML = lazy_regex(rb"""^\s{0,99}<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})["']""", re.IGNORECASE)
# Labels of encodings that browsers know (WHATWG Encoding, section 4.2) but Python does not.
_LABELS = {
    "x-gbk": "gb18030",
    "chinese": "gb18030",
    "csgb2312": "gb18030",
    "iso-ir-58": "gb18030",
    "gb_2312": "gb18030",
    "cn-big5": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "ms932": "cp932",
    "x-euc-jp": "euc_jp",
    "korean": "cp949",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601-1989": "cp949",
    "ksc_5601": "cp949",
    "csksc56011987": "cp949",
    "windows-949": "cp949",
    "cseuckr": "cp949",
    "iso-ir-149": "cp949",
    "koi": "koi8_r",
    "koi8-ru": "koi8_u",
    "koi8": "koi8_r",
    "cskoi8r": "koi8_r",
    "x-cp1250": "cp1250",
    "x-cp1251": "cp1251",
    "x-cp1252": "cp1252",
    "x-cp1253": "cp1253",
    "x-cp1254": "cp1254",
    "x-cp1255": "cp1255",
    "x-cp1256": "cp1256",
    "x-cp1257": "cp1257",
    "x-cp1258": "cp1258",
    "win-1250": "cp1250",
    "win1251": "cp1251",
    "dos-874": "cp874",
    "iso-8859-8-i": "iso8859-8",
    "logical": "iso8859-8",
    "visual": "iso8859-8",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-roman": "mac_roman",
    "x-mac-ukrainian": "mac_cyrillic",
    "iso88591": "cp1252",
    "iso885915": "iso8859-15",
    "unicode-1-1-utf-8": "utf-8",
    "x-unicode20utf8": "utf-8",
    "unicode11utf8": "utf-8",
    "unicode20utf8": "utf-8",
    "utf8mb4": "utf-8",
    "utf-8-sig": "utf-8",
}
# Encodings, each with the superset that browsers use in its place.
_WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "johab": "cp949",
    "big5": "big5hkscs",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "ascii": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "iso8859-11": "cp874",
}
_WESTERN = frozenset({"cp1252", "iso8859-15", "mac-roman"})
# The default encodings of browsers by language (HTML, section 13.2.3.2, the table of suggested default encodings).
_LEGACY = {
    "ar": "cp1256",
    "ba": "cp1251",
    "be": "cp1251",
    "bg": "cp1251",
    "cs": "cp1250",
    "el": "iso8859-7",
    "et": "cp1257",
    "fa": "cp1256",
    "he": "cp1255",
    "hr": "cp1250",
    "hu": "iso8859-2",
    "ja": "cp932",
    "kk": "cp1251",
    "ko": "cp949",
    "ku": "cp1254",
    "ky": "cp1251",
    "lt": "cp1257",
    "lv": "cp1257",
    "mk": "cp1251",
    "pl": "iso8859-2",
    "ru": "cp1251",
    "sk": "cp1250",
    "sl": "iso8859-2",
    "sr": "cp1251",
    "tg": "cp1251",
    "th": "cp874",
    "tr": "cp1254",
    "tt": "cp1251",
    "uk": "cp1251",
    "vi": "cp1258",
    "zh": "gb18030",
    "zh-tw": "big5hkscs",
    "zh-hk": "big5hkscs",
    "zh-hant": "big5hkscs",
}
_WIDE = {"utf-16": "utf-16-le", "utf-16le": "utf-16-le", "utf-16be": "utf-16-be"}
_ASCII_TAG, _ANY_TAG = lazy_regex(rb"<(?:!doctype|[a-z][a-z0-9]*[\s>])", re.IGNORECASE), lazy_regex(r"<[!?/A-Za-z]")
_JIS = (b"\x1b$B", b"\x1b$@")
_LANGUAGE = lazy_regex(rb"""<html[^>]{0,500}?\slang\s*=\s*["']?([a-z-]{2,15})""", re.IGNORECASE)
_CONTROL = bytes([*range(9), 11, 12, *range(14, 32)])
UNFIT = lazy_regex("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")


# Control characters of ISO 6429 have no use on pages. They were windows-1252 characters before a program read them as
# latin-1 and wrote them as UTF-8.
_CONTROLS = {b: bytes([b]).decode("cp1252") for b in range(0x80, 0xA0) if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}
_HAS_CONTROLS = lazy_regex("[\x80-\x9f]")
_HAS_CONTROLS_UTF_8 = lazy_regex(rb"\xc2[\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class DecodedText:
    """The text of a page, the encoding with which it was decoded (Python's name), and what determined that encoding.

    `how` is "text" (the page was given as text), "bom", "utf-8" (the bytes are valid UTF-8), "header", "meta", "xml",
    "language" (of <html lang>), "zeros" (UTF-16 without a byte order mark) or "detected". `repaired` is the number of
    runs of text that had been encoded twice and were repaired. `packed` is "gzip" or "deflate" if the bytes were
    compressed although no header says so.
    """

    text: str
    encoding: str
    how: str
    repaired: int = 0
    packed: str = ""

    def evidence(self) -> Evidence:
        notes = [f"{self.repaired} runs of text were encoded twice"] if self.repaired else []
        notes += [f"compressed with {self.packed}, although no header says so"] if self.packed else []
        locator = "; ".join(notes)
        sure = self.how not in ("language", "detected")
        return Evidence("encoding", self.encoding, self.how, locator, 0.95 if sure else 0.7)


def unpack_undeclared(body: bytes, limit: int = MAX_BYTES) -> tuple[bytes, str]:
    """Decompresses a page's bytes that were compressed without a Content-Encoding, up to `limit` bytes; returns them
    and the name of the method. Returns the bytes unchanged, with "", if they are not compressed, are truncated, or
    cannot be decompressed.
    """
    method = "gzip" if body.startswith(_GZIP) else "deflate" if body.startswith(_ZLIB) else ""
    if not method:
        return body, ""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: the first bytes decide between gzip and zlib
    try:
        text = unpacker.decompress(body, limit)
    except zlib.error:
        return body, ""
    return (text, method) if text and (unpacker.eof or len(text) >= limit) else (body, "")


def decode_page(body: bytes | str, content_type: str = "") -> DecodedText:
    """Decodes the bytes of a page with their actual encoding, and cleans the text.

    Bytes that were compressed although no header says so are decompressed first.

    The first of these that applies determines the encoding:

    - a byte order mark;
    - the zero bytes of UTF-16, or a Content-Type header with UTF-16;
    - UTF-8, if the bytes are valid UTF-8 and not only ASCII, whatever is declared;
    - the Content-Type header;
    - the declaration in the document, unless it is a western encoding and most letters are outside ASCII, since servers
      declare latin-1 for everything;
    - the encoding that was usual for the document's language before UTF-8;
    - a guess from the bytes, or windows-1252 if there is none.

    Broken bytes become U+FFFD. Characters that an XML tree cannot contain are removed. UTF-8 that was clearly decoded
    with another encoding is repaired.
    """
    packed = ""
    if isinstance(body, bytes):
        body, packed = unpack_undeclared(body)
    body = body[:MAX_BYTES]
    source = b""
    if isinstance(body, str):
        read = DecodedText(body.lstrip("\ufeff"), "utf-8", "text")
        fit = False
        controls = _HAS_CONTROLS.search(read.text) is not None
    else:
        read = _decode(body, content_type)
        fit = len(body.translate(None, _CONTROL)) == len(body) and not _has_noncharacter(read.text)
        controls = read.encoding == "utf-8" and _HAS_CONTROLS_UTF_8.search(body) is not None
        if read.how == "utf-8" and fit and not controls:
            source = body
    text = read.text.translate(_CONTROLS) if controls else read.text
    if (decoded := decode_misread_entities(text)) is not text:
        text, source = decoded, b""
    text, count = repair_mojibake(text if fit else UNFIT.sub("", text), source)
    return DecodedText(text, read.encoding, read.how, count, packed)


def _has_noncharacter(text: str) -> bool:
    return "\ufffe" in text or "\uffff" in text


def _decode(body: bytes, content_type: str) -> DecodedText:
    if found := _decode_by_mark(body) or _decode_by_zeros(body) or _decode_by_wide_header(body, content_type):
        return found
    if body.isascii():
        return _decode_seven_bit(body, content_type)
    try:
        text, used = codecs.utf_8_decode(body, "strict", False)
    except UnicodeDecodeError:
        text, used = "", 0
    if text and used == len(body):
        return _as_utf8(text)
    declared = _declared_encodings(body, content_type)
    return (
        _decode_damaged_utf8(body, text, [name for name, _ in declared])
        or _decode_as_declared(body, declared)
        or _decode_by_language(body)
        or _decode_by_guess(body)
    )


def _as_utf8(text: str) -> DecodedText:
    return DecodedText(text, "utf-8", "utf-8")


def _decode_by_mark(body: bytes) -> DecodedText | None:
    name, mark = read_bom(body)
    if not name or not mark:
        return None
    return DecodedText(body[len(mark) :].decode(name, errors="replace"), name, "bom")


def _decode_by_zeros(body: bytes) -> DecodedText | None:
    wide = _utf16_by_zeros(body)
    return DecodedText(body.decode(wide, errors="replace"), wide, "zeros") if wide else None


def _decode_by_wide_header(body: bytes, content_type: str) -> DecodedText | None:
    """Returns the page decoded as UTF-16 if the Content-Type header says so and the decoded text contains markup;
    otherwise None.

    Of all declarations, only a byte order mark takes precedence over the header (HTML, section 13.2.3.2). "utf-16"
    means little-endian (WHATWG Encoding, section 4.2).
    """
    name = _WIDE.get(_loose_charset(content_type).lower())
    if name is None or _ASCII_TAG.search(body[:_HEAD]):
        return None
    text = _decode_strictly(body, name)
    return DecodedText(text, name, "header") if _ANY_TAG.search(text[:_HEAD]) else None


def _decode_seven_bit(body: bytes, content_type: str) -> DecodedText:
    """Decodes ASCII bytes. If the declared encoding uses escape sequences, as ISO-2022-JP does, decodes them with this
    encoding. ISO-2022-JP is also recognized without a declaration, by its escape sequences for JIS X 0208.
    """
    if b"\x1b" in body or b"~{" in body:
        for name, how in _declared_encodings(body, content_type):
            if name.startswith(("iso2022", "hz")) and (text := _decode_strictly(body, name)):
                return DecodedText(text, name, how)
        if any(sign in body for sign in _JIS) and (text := _decode_strictly(body, "iso2022_jp_ext")):
            return DecodedText(text, "iso2022_jp", "detected")
    return _as_utf8(body.decode("ascii"))


def _decode_damaged_utf8(body: bytes, text: str, declared: list[str]) -> DecodedText | None:
    """Returns the text of UTF-8 bytes that end within a character or contain a few broken bytes; None if the bytes are
    not UTF-8.

    `text` is the decoded text without an incomplete last character; "" if more than that is broken. If another encoding
    is declared, `text` must contain more than three non-ASCII characters to be used.
    """
    if text and (not declared or "utf-8" in declared or len(text) - len(text.encode("ascii", errors="ignore")) > 3):
        return _as_utf8(text)
    if (not declared or "utf-8" in declared) and _broken_share(body) < 0.1:
        return _as_utf8(body.decode("utf-8", errors="archiver-stray"))
    return None


def _decode_as_declared(body: bytes, declared: list[tuple[str, str]]) -> DecodedText | None:
    """Decodes with the first declared encoding that fits all bytes, or else with the first one that fits nearly all.
    Returns None if no declared encoding fits.
    """
    usable = [(name, how) for name, how in declared if name != "utf-8"]
    if any(name in _WESTERN for name, _ in usable) and non_ascii_share(body) > 0.5:
        usable = [(name, how) for name, how in usable if name not in _WESTERN]
    for name, how in usable:
        if text := _decode_strictly(body, name):
            return DecodedText(text, name, how)
    for name, how in usable:
        text = body.decode(name, errors="replace")
        if text.count("\ufffd") < len(text) / 200:
            return DecodedText(text, name, how)
    return None


def _decode_by_language(body: bytes) -> DecodedText | None:
    legacy = _legacy_encoding(body)
    text = _decode_strictly(body, legacy)
    return DecodedText(text, legacy, "language") if text else None


def _decode_by_guess(body: bytes) -> DecodedText:
    name = _codec(guess_encoding(body)) or "cp1252"
    return DecodedText(body.decode(name, errors="replace"), name, "detected")


def _utf16_by_zeros(body: bytes) -> str:
    """Returns "utf-16-le" or "utf-16-be" if about every other byte is zero, as in UTF-16 markup; otherwise ""."""
    head = body[:2_000]
    half = len(head) // 2
    if half < 4 or b"\0" not in head:
        return ""
    even, odd = head[::2].count(0), head[1::2].count(0)
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.05 * half else ""


def _legacy_encoding(body: bytes) -> str:
    """Returns the encoding that was usual for the page's declared language before UTF-8; "" if there is none.

    For a western European language, it is windows-1252. But if most letters of such a page are outside ASCII, the
    declared language is wrong, and "" is returned.
    """
    match = _LANGUAGE.search(body[:_HEAD])
    if not match:
        return ""
    language = match.group(1).decode("ascii").lower()
    name = _LEGACY.get(language) or _LEGACY.get(language.split("-")[0], "cp1252")
    return "" if name in _WESTERN and non_ascii_share(body) > 0.5 else name


def _codec(label: str) -> str:
    """Returns Python's name for the encoding with a given label; "" for a label that is unknown or not used on the
    web.
    """
    label = label.strip().lower()
    name = _LABELS.get(label) or resolve_encoding(label) or ""
    try:
        info = codecs.lookup(name) if name else None
    except (LookupError, ValueError):
        return ""
    if info is None or not getattr(info, "_is_text_encoding", True) or info.name in ("utf-7", "idna", "punycode"):
        return ""
    if info.name.startswith(("utf-16", "utf-32")):
        # If a document declares UTF-16 in a declaration that can be read as ASCII, the document is not in UTF-16 (HTML,
        # section 13.2.3.2).
        return "utf-8"
    if info.name.startswith(("unicode", "raw-unicode", "undefined", "mbcs", "oem")):
        return ""
    return _WIDER.get(info.name, info.name)


def _declared_encodings(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """Returns the declared encodings, each once and with the place of its declaration ("header", "meta" or "xml"), the
    most reliable one first.
    """
    head = body[:_HEAD]
    out: dict[str, str] = {}
    labels = [(http_content_type_encoding(content_type) or _loose_charset(content_type), "header")]
    labels += [
        (m.group(1).decode("ascii", "ignore"), how)
        for pattern, how in ((_XML, "xml"), (_META, "meta"))
        if (m := pattern.search(head))
    ]
    for label, how in labels:
        if label and (name := _codec(label)):
            out.setdefault(name, how)
    return list(out.items())


def _loose_charset(content_type: str) -> str:
    """Returns the charset in a Content-Type header, even if the header is malformed or w3lib does not know the charset;
    "" if the header has no charset.
    """
    m = re.search(r"charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", content_type[:1_000], re.IGNORECASE)
    return m[1] if m else ""


def _decode_strictly(body: bytes, name: str) -> str:
    if not name:
        return ""
    try:
        return body.decode(name)
    except (UnicodeError, LookupError, ValueError):
        return ""


def _broken_share(body: bytes) -> float:
    """Returns the share (0 to 1) of invalid characters among the non-ASCII characters when bytes are read as UTF-8. It
    is nearly 1 if the bytes are in another encoding.
    """
    text = body[:400_000].decode("utf-8", errors="replace")
    return text.count("\ufffd") / max(len(text) - len(text.encode("ascii", errors="ignore")), 1)


# Quotation marks, dashes and spaces that word processors write, in windows-1252.
_STRAY = {b: bytes([b]).decode("cp1252") for b in (*range(0x91, 0x98), 0x85, 0xA0, 0xAB, 0xBB)}


def _decode_stray(error: UnicodeError) -> tuple[str | bytes, int]:
    """Error handler for decoding UTF-8. A single invalid byte between ASCII bytes is read as windows-1252, since it was
    probably pasted from another program. Any other invalid byte becomes U+FFFD.

    Returns the replacement and the position at which decoding continues.
    """
    assert isinstance(error, UnicodeDecodeError)
    at, data = error.start, error.object
    alone = error.end - at == 1 and data[at - 1 : at].isascii() and data[at + 1 : at + 2].isascii()
    return (_STRAY.get(data[at], "\ufffd") if alone else "\ufffd"), error.end


codecs.register_error("archiver-stray", _decode_stray)
