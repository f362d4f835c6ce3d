"""What is kept of a text so that its near copies are found: a MinHash sketch (Broder 1997) of its shingles.

Two texts have the same value in a slot with the probability that their sets of shingles are alike (Jaccard). Each slot
is an entry of the index; texts that meet in two slots or more are looked at. So copies are found that share a fifth of
their shingles, which bands of several slots each would find only with several times the entries.
"""

from __future__ import annotations

import random

from rensa import RMinHash

from archiver.record.wording import Wording

SLOTS = 24
SKETCH_VERSION = 1
"""Raised where the same text would get another sketch (other words, another algorithm of rensa): what is stored with
another number is not compared, and `archiver clusters --rebuild` makes it anew."""
ALGORITHM = 2  # of rensa, whose releases may change it; a test holds the sketch of a text
_SEED = 42
_LOWEST = -(1 << 31)
_draw = random.Random(_SEED)
# Slots share one index: each has its own permutation of the values, and SQLite keeps 32 signed bits in four bytes.
_SALTS = tuple(_draw.getrandbits(32) for _ in range(SLOTS))


def sketch(text: Wording) -> tuple[int, ...]:
    """The keys of a text in the index, one a slot, -2**31 to 2**31-1; () where it is too short."""
    if text.is_short:
        return ()
    made = RMinHash(num_perm=SLOTS, seed=_SEED)
    made.update(text.shingles)
    return tuple([(value ^ salt) + _LOWEST for value, salt in zip(made.digest(), _SALTS, strict=True)])
