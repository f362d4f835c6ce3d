"""Names as they are compared: how somebody types a name decides nothing."""

from __future__ import annotations

import unicodedata

# Letters that are letters of their own and not a base letter with a mark, as people type them without one.
_PLAIN = str.maketrans({"đ": "d", "ð": "d", "ø": "o", "ł": "l", "ı": "i", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe",
                        "þ": "th", "’": "'", "`": "'"})


def folded(name: str) -> str:
    """A name as compared: no case, no diacritics, single spaces."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_PLAIN))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).translate(_PLAIN).split())
