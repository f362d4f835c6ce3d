"""How similar two titles are."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

from archiver.extraction.text import folded

# A word, or one sign of a script without spaces between words.
_TOKEN = re.compile(
    r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
_FEWEST = 3
"""With fewer words than this, one word in common means little."""


@lru_cache(maxsize=512)
def words(text: str) -> frozenset[str]:
    """The words of a text in lower case; for scripts without word spaces its signs."""
    return frozenset(_TOKEN.findall(text.casefold()))


def likeness(one: str, other: str) -> float:
    """From 0 (nothing in common) to 1: the share of the shorter title's words that the other has too.

    Also 1 if the longer title begins with the shorter. A single common word counts little, however short a title is.
    """
    if not one or not other:
        return 0.0
    a, b = folded(one), folded(other)
    if a == b:
        return 1.0
    if min(len(a), len(b)) >= 4 and (a.startswith(b) or b.startswith(a)):
        return 1.0
    left, right = words(one), words(other)
    return min(1.0, len(left & right) / max(_FEWEST, min(len(left), len(right))))


def in_address(text: str, path: str) -> float:
    """From 0 to 1: how many words a title shares with the name in an address's path (its longest segment).

    Systems make that name from the first version of the title.
    """
    name = max(unquote(path).split("/"), key=len).rpartition(".html")
    there = words(re.sub(r"[-_+.]", " ", name[0] or name[2]))
    here = words(text)
    return len(here & there) / len(here | there) if here and there else 0.0
