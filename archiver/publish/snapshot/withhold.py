"""What of a record is written, by its tier. Below full text nothing repeats a passage of a text that is withheld."""

from __future__ import annotations

import re
from typing import Any

from archiver.fields import BY_NAME, QUOTING, published_from
from archiver.publish.rights import Tier
from archiver.publish.snapshot.passages import Shown

_REFERENCE = frozenset({*published_from("reference"), "captured_at", "payload_digest", "content_digest", "sketch",
                        "tier", "licence", "words", "split", "observed_at", "changed", "previous", "same_as"})
_TEXTS = (*QUOTING, "excerpt")
_LISTS = frozenset(name for name in BY_NAME if BY_NAME[name].shape == "texts")
WORDS = 25
SHARE = 5
"""An excerpt has 25 words at most, and at most a fifth of the text."""


def withheld(record: dict[str, Any], tier: Tier, shown: Shown) -> dict[str, Any]:
    """The record (of `articles` or `revisions`) without what its tier keeps back, and below full text without what
    repeats a passage that may not be told."""
    if tier is Tier.FULL:
        return record
    if tier is Tier.REFERENCE:
        out = {name: value if name in _REFERENCE else [] if name in _LISTS else None for name, value in record.items()}
    else:
        out = {**record, "body": None}
        if "excerpt" in out:
            given = tier is Tier.EXCERPT
            out["excerpt"] = first_words(record["body"]) if given else None
            for name in published_from("excerpt"):
                out[name] = first_words(record[name], 1) if given else None
    if shown:
        for name in _TEXTS:
            value = out.get(name)
            if isinstance(value, list):
                out[name] = [one for one in value if not shown.repeats(one)]
                if shown.repeats(" ".join(out[name])):  # of short ones, in the order of the text
                    out[name] = []
            elif shown.repeats(value):
                out[name] = None
    return out


def first_words(text: str | None, share: int = SHARE) -> str | None:
    """The beginning of a text: `WORDS` words, no more than one part in `share` of it; None where that is nothing."""
    if not text:
        return None
    most = min(10 * WORDS, len(text) // share)
    out, count = "", 0
    for piece in re.finditer(r"\S+\s*", text):
        if count == WORDS or piece.end() > most:
            break
        out, count = text[:piece.end()], count + 1
    if not count and share > 1 and not text.isascii():  # a script without spaces
        out = text[:min(most, 2 * WORDS)]
    out = " ".join(out.split())
    return f"{out} …" if out and len(out) < len(text.strip()) else out or None
