"""Repairs text that was encoded as UTF-8 twice ("cafÃ©", "donâ€™t"), where that is certain.

First decides whether a page is affected at all, by sequences that no language uses, inside words, several times. Only
then are its runs of text decoded again; a run is repaired only if all of its letters outside ASCII are part of it.
"""

from __future__ import annotations

import re

_MANY, _MOST = 3, 20_000
"""The certain sequences that a page must have (fewer may be a text about such errors), and the runs that are read."""


def _table(codec: str) -> dict[int, int]:
    """The bytes that characters of a single-byte encoding came from; undefined bytes represent themselves, as do, in
    windows-1252, the control characters that ISO 8859-1 has in place of its marks."""
    out: dict[int, int] = {}
    for byte in range(0x80, 0x100):
        char = bytes([byte]).decode(codec, errors="ignore") or chr(byte)
        out[ord(char)] = byte
    return out | ({byte: byte for byte in range(0x80, 0xA0)} if codec == "cp1252" else {})


def _class(table: dict[int, int], first: int, last: int) -> str:
    return "[" + "".join(re.escape(chr(c)) for c, byte in table.items() if first <= byte <= last) + "]"


class _Reading:
    """One way in which UTF-8 was misread: every such text has one of `marks`, and `sure` matches what proves it."""

    def __init__(self, codec: str, marks: str) -> None:
        self.table, self.marks = _table(codec), tuple(marks.split())
        self.leads = sorted({mark.encode("utf-8")[:1] for mark in self.marks})
        tail = _class(self.table, 0x80, 0xBF)
        two, three = _class(self.table, 0xC3, 0xDF), _class(self.table, 0xE0, 0xEF)
        letter = r"[A-Za-z]"
        quote = f"{_class(self.table, 0xE2, 0xE2)}{_class(self.table, 0x80, 0x80)}{tail}"
        pair = f"{_class(self.table, 0xC3, 0xC3)}{tail}"
        self.sure = re.compile(
            f"(?<={letter})(?:{pair}|{quote})(?={letter})|(?:{two}{tail}){{4}}|(?:{three}{tail}{tail}){{3}}|"
            f"(?<={letter})(?:{pair})(?=\\s)|(?<={letter}){quote}\\s|\\s{quote}(?={letter})"
        )

    def hits(self, text: str, beyond: set[str]) -> bool:
        """Whether a text has a mark and `_MANY` certain sequences; `beyond`: its characters outside ASCII."""
        if not any(beyond.issuperset(mark) and mark in text for mark in self.marks):
            return False
        count = last = 0
        # The proof is in a stretch outside ASCII, with at most one character on either side.
        for m in _SEVERAL.finditer(text):
            at = max(m.start() - 1, last)
            while hit := self.sure.search(text, at, m.end() + 1):
                at = last = hit.end()
                count += 1
                if count == _MANY:
                    return True
        return False

    def read(self, stretch: str) -> str:
        """What a stretch outside ASCII was before it was misread, "" if it was not."""
        try:
            return bytes(self.table[ord(c)] for c in stretch).decode("utf-8")
        except (KeyError, UnicodeDecodeError):
            return ""


# The marks are the commonest letters (Latin, Cyrillic, Greek, Hebrew, Arabic, Thai, CJK) as they look when misread.
_READINGS = (
    _Reading("cp1252", "Ã â€ â\x80 Ð Ñ Î± ×™ ×\x99 Ø§ à¸ ï¼ ã€ ã\x80 ã\x81 ì´ ì— ì\x97 ä¸"),
    _Reading("cp1251", "Г© Гј ГЎ ГЈ Г¤ Г¶ Г¨ Гі вЂ Р° Рѕ Рё О± Ч™ Ш§ аё пј гЂ гЃ мќґ мќ„ дё"),
)
_RUN = re.compile('[^<>"]+')
_STRETCH = re.compile("[^\x00-\x7f]+")
_SEVERAL = re.compile("[^\x00-\x7f]{2,}")
_ASCII = bytes(range(128))


def repaired(text: str, source: bytes = b"") -> tuple[str, int]:
    """The text with double encoding repaired, and the number of repaired runs. Good text is not changed.

    `source`: the text as UTF-8, if it came as such, since bytes are searched faster.
    """
    if text.isascii():
        return text, 0
    count = 0
    beyond: set[str] | None = None
    for reading in _READINGS:
        if source and not count and not any(lead in source for lead in reading.leads):
            continue
        for _ in range(2):  # some texts were misread twice
            if beyond is None:
                beyond = _beyond(text.encode("utf-8", errors="ignore") if count or not source else source)
            if not reading.hits(text, beyond):
                break
            text, more = _mend(text, reading)
            count += more
            if not more:
                break
            beyond = None
    return text, count


def _beyond(source: bytes) -> set[str]:
    """The characters of a text outside ASCII."""
    return set(source.translate(None, _ASCII).decode("utf-8", errors="ignore"))


def _mend(text: str, reading: _Reading) -> tuple[str, int]:
    count = tried = 0

    def mend(m: re.Match[str]) -> str:
        nonlocal count, tried
        run = m[0]
        if run.isascii() or tried >= _MOST:
            return run
        tried += 1
        known: dict[str, str] = {}
        for stretch in _STRETCH.findall(run):
            was = known.setdefault(stretch, reading.read(stretch))
            if not _is_plausible(was) and any(c.isalpha() for c in stretch):
                return run
        if not any(_is_plausible(was) for was in known.values()):
            return run
        count += 1
        return _STRETCH.sub(lambda s: known[s[0]] if _is_plausible(known[s[0]]) else s[0], run)

    return _RUN.sub(mend, text), count


def _is_plausible(was: str) -> bool:
    """Letters and marks that are in use, unlike the phonetic signs that result from a letter before a quotation
    mark."""
    return bool(was) and not any("\u0180" <= c <= "\u02ff" or "\u0080" <= c <= "\u009f" for c in was)
