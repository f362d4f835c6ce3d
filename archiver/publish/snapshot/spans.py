"""Words in a row: how texts are compared, and by which passages a text is known again without being shown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from archiver.record.identity import folded

RUN = 8
"""Words in a row that two texts share by no chance."""
PASSAGES = 12
# Scripts without spaces: each sign stands for a word, or a sentence would be one.
_SIGNS = ("\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
          "\U00020000-\U0003ffff")
_WORD = re.compile(f"[{_SIGNS}]|[^ {_SIGNS}]+")
_EDGES = bytes(97 if chr(n).isalnum() and n < 128 else 32 for n in range(256))
_SPACES = bytes(n if chr(n).isalnum() else 32 for n in range(128)) + bytes([32]) * 128


def words(text: str) -> list[str]:
    """The words of a text as compared: NFKC, no case, letters and digits alone."""
    if text.isascii():
        return text.lower().encode("ascii").translate(_SPACES).decode("ascii").split()
    return _WORD.findall(folded(text))


def count(text: str) -> int:
    """How many words a text has: of ASCII, how often a letter or digit comes after what is none."""
    return b" ".join((b"", text.encode("ascii"))).translate(_EDGES).count(b" a") if text.isascii() else len(words(text))


def runs(tokens: list[str]) -> Iterator[str]:
    return (" ".join(tokens[at:at + RUN]) for at in range(len(tokens) - RUN + 1))


def plain(text: str) -> bytes:
    """The words of a text with one space between them, in UTF-8."""
    if text.isascii():
        return b" ".join(text.lower().encode("ascii").translate(_SPACES).split())
    return " ".join(words(text)).encode("utf-8", "replace")


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
