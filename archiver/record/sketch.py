"""The MinHash sketch (Broder 1997) of a text's shingles, by which its near-duplicates are found.

Two texts have the same value in a slot with the probability that is the Jaccard similarity of their shingles. Each slot
is an entry of the index; texts that agree in two slots or more are compared. This finds copies that share a fifth of
their shingles, for which bands of several slots each would need several times the entries.
"""

from __future__ import annotations

import random

from rensa import RMinHash

from archiver.record.wording import Wording

SLOTS = 24
SKETCH_VERSION = 1
"""Increased when the same text would get another sketch (other words, another algorithm in rensa): sketches stored with
another number are not compared, and `archiver clusters --rebuild` makes them again."""
ALGORITHM = 2  # of rensa, whose releases may change it; a test pins the sketch of a text
_SEED = 42
_LOWEST = -(1 << 31)
_draw = random.Random(_SEED)
# Slots share one index: each has its own permutation of the values, and SQLite stores 32 signed bits in four bytes.
_SALTS = tuple(_draw.getrandbits(32) for _ in range(SLOTS))


def sketch(text: Wording) -> tuple[int, ...]:
    """The keys of a text in the index, one per slot, -2**31 to 2**31-1; () if it is too short."""
    if text.is_short:
        return ()
    made = RMinHash(num_perm=SLOTS, seed=_SEED)
    made.update(text.shingles)
    return tuple([(value ^ salt) + _LOWEST for value, salt in zip(made.digest(), _SALTS, strict=True)])
