"""Words in a row: how texts are compared, and by which passages a text is known again without being shown."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator

RUN = 8
"""Words in a row that two texts share by no chance."""
PASSAGES = 12
SIGNS = ("\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
          "\U00020000-\U0003ffff")
_SIGN_RUN = re.compile(f"[{SIGNS}]+")
_WORD = re.compile(f"[{SIGNS}]|[^ {SIGNS}]+")
_NONE = re.compile(r"[\W_]+")
_ASCII = bytes(range(128))
_SPACES = bytes(n if n > 127 or chr(n).isalnum() else 32 for n in range(256))
_EDGES = bytes(32 if n == 32 else 97 for n in range(256))
_OF_ASCII = _SPACES.translate(_EDGES)


def words(text: str) -> list[str]:
    """The words of a text as compared: NFKC, no case, letters and digits alone."""
    found = _spaced(text)
    return found.decode("utf-8").split() if isinstance(found, bytes) else _WORD.findall(found)


def count(text: str) -> int:
    """How many words a text has: how often a letter or digit comes after what is none."""
    if text.isascii():
        return b" ".join((b"", text.encode("ascii"))).translate(_OF_ASCII).count(b" a")
    found = _spaced(text)
    if isinstance(found, bytes):
        return b" ".join((b"", found)).translate(_EDGES).count(b" a")
    others = _SIGN_RUN.split(found)
    return len(found) - sum(map(len, others)) + len(" ".join(others).split())


def plain(text: str) -> bytes:
    """The words of a text with one space between them, in UTF-8."""
    found = _spaced(text)
    return b" ".join(found.split()) if isinstance(found, bytes) else " ".join(_WORD.findall(found)).encode("utf-8")


def _spaced(text: str) -> bytes | str:
    """A text as compared, with a space for each sign that is no letter or digit: as UTF-8, and as text where some of
    its signs stand for words. ASCII goes by bytes; of what else there is, each different sign is looked at once."""
    if text.isascii():
        return text.lower().encode("ascii").translate(_SPACES)
    told = unicodedata.normalize("NFKC", text).casefold()
    data = told.encode("utf-8", "replace").translate(_SPACES)
    others = data.translate(None, _ASCII).decode("utf-8")
    if _SIGN_RUN.search(others):
        return _NONE.sub(" ", told)
    for sign in set(others):
        if not sign.isalnum():
            data = data.replace(sign.encode("utf-8"), b" ")
    return data


def runs(tokens: list[str]) -> Iterator[str]:
    return (" ".join(tokens[at:at + RUN]) for at in range(len(tokens) - RUN + 1))


def sketch(tokens: list[str]) -> str:
    """Hashes (64 bits, hexadecimal) of up to twelve passages of eight words, spread evenly from the first to the last.

    "" where a text is shorter than one. `rehydrate.py` looks for the same in what it fetches.
    """
    last = len(tokens) - RUN
    if last < 0:
        return ""
    places = sorted({last * number // (PASSAGES - 1) for number in range(PASSAGES)})
    return " ".join(hashlib.sha256(" ".join(tokens[at:at + RUN]).encode("utf-8", "replace")).hexdigest()[:16]
                    for at in places)
