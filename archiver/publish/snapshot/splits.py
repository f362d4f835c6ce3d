"""Parts of a dataset for machine learning: which one an article is in follows from the first of its cluster alone.

The first is the member that the archive saw first. What comes later never is, so that adding articles moves none; where
two clusters prove to be one, the members of the later go where the earlier is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def split_of(key: str, splits: Sequence[tuple[str, int]]) -> str:
    """The part of a key, by names and shares that add up to 100."""
    place = int.from_bytes(hashlib.sha256(f"split {key}".encode()).digest()[:8], "big") * 100 >> 64
    for name, share in splits:
        place -= share
        if place < 0:
            return name
    raise ValueError(f"the shares of {splits} do not add up to 100")
