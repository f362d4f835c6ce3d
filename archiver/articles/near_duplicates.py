"""Finds near-duplicates: compares texts by shared passages, makes MinHash signatures, and chooses a cluster's origin.

The measure is how much of a text is in passages that the other text also has. An edited copy shares passages
throughout, with small gaps where words were changed; a text that quotes another shares some and continues with its own.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from math import sqrt
from typing import Generic, TypeVar

from rensa import RMinHash

from archiver.articles.identity import fold_words

# Texts in the form that is compared: the words in order, and short sequences of them (shingles).

_HAN = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3105-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_THAI = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9fe\uaa60-\uaadf"  # Thai, Lao, Burmese, Khmer
# Vowel signs, which \w does not match although they are parts of words.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0971-\u0dff\u0f71-\u0fbc\u200c\u200d"
_WORDS = re.compile(r"\w+")
_NOT_SIMPLE = re.compile(f"[{_HAN}{_THAI}{_MARKS}]")
_UNSPACED = re.compile(f"[{_HAN}{_THAI}]")
_PIECES = re.compile(rf"[{_HAN}{_THAI}]|(?:(?![{_HAN}{_THAI}])[\w{_MARKS}])+")
_IS_HAN = re.compile(f"[{_HAN}]")
_MIN_LINES = 8
_MAX_LETTERS = 120_000  # the beginning of a book is enough
_ASCII_SIGNS = bytes(n if chr(n).isalnum() else 32 for n in range(256))


@dataclass(frozen=True, slots=True)
class Script:
    """How texts in one kind of script are compared. All numbers but the last count words.

    `shingle`: words in a shingle; `least`: a shorter text is not compared; `shared`: the least that copies share;
    `gap`: two shared passages no further apart count as one; `line`: a line no longer than this is a list entry;
    `habits`: posts of one site that share less than this part of their words (0 to 1) are not copies.
    """

    name: str
    shingle: int
    least: int
    shared: int
    gap: int
    line: int
    habits: float


SPACED = Script("words", 3, 30, 20, 8, 6, 0.6)
HAN = Script("han", 4, 60, 40, 10, 12, 0.5)
THAI = Script("thai", 9, 150, 100, 24, 30, 0.5)


@dataclass(frozen=True)
class Wording:
    """The words of a text, its shingles in order (the n-th begins at the n-th word), and whether it is a list, that is,
    consists mostly of short lines."""

    script: Script
    words: tuple[str, ...]
    shingles: tuple[str, ...]
    is_list: bool

    @cached_property
    def unique(self) -> frozenset[str]:
        return frozenset(self.shingles)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        return tuple([word for word in self.words if word[0].isdigit()])

    @property
    def is_short(self) -> bool:
        """True if the text is too short to recognise a copy."""
        return len(self.words) < self.script.least


@lru_cache(maxsize=64)  # a new text is compared at once, and again with texts that arrive soon after it
def wording_of(body: str) -> Wording:
    """The wording of a post's text, regardless of case, signs and the width of letters (NFKC)."""
    script, words = _words(body[:_MAX_LETTERS])
    width = script.shingle
    shingles = tuple(map(" ".join, zip(*(words[n:] for n in range(width)), strict=False)))
    lines = [line for line in body.split("\n") if line.strip()]
    is_list = len(lines) >= _MIN_LINES and len(words) <= script.line * len(lines)
    return Wording(script, tuple(words), shingles, is_list)


def _words(body: str) -> tuple[Script, list[str]]:
    if body.isascii():
        return SPACED, body.lower().encode("ascii").translate(_ASCII_SIGNS).decode("ascii").split()
    text = unicodedata.normalize("NFKC", body).casefold().replace("_", " ")
    if not _NOT_SIMPLE.search(text):  # the same result, several times as fast
        return SPACED, _WORDS.findall(text)
    unspaced, words = _UNSPACED.findall(text), _PIECES.findall(text)
    if len(unspaced) * 2 < len(words):
        return SPACED, words
    han = sum(map(len, _IS_HAN.findall(text)))
    return (HAN if han * 2 >= len(unspaced) else THAI), words


# MinHash signatures (Broder 1997) of a text's shingles, by which its near-duplicates are found.

SLOTS = 24
SKETCH_VERSION = 1
"""Increased when the same text would get another signature (other words, another algorithm in rensa). Stored signatures
with another number are not compared; `archiver clusters --rebuild` makes them again."""
ALGORITHM = 2  # of rensa, whose releases may change it; a test pins the signature of a text
_SEED = 42
_LOWEST = -(1 << 31)
_random = random.Random(_SEED)
# All slots share one index, so each permutes the values in its own way. Signed 32-bit numbers take SQLite four bytes.
_SALTS = tuple(_random.getrandbits(32) for _ in range(SLOTS))


def minhash(text: Wording) -> tuple[int, ...]:
    """The keys of a text in the index, one per slot, from -2**31 to 2**31-1; () if the text is too short."""
    if text.is_short:
        return ()
    signature = RMinHash(num_perm=SLOTS, seed=_SEED)
    signature.update(text.shingles)
    return tuple([(value ^ salt) + _LOWEST for value, salt in zip(signature.digest(), _SALTS, strict=True)])


# Union-find (Galler and Fischer, 1964): clusters from linked pairs.

K = TypeVar("K", bound=Hashable)


class UnionFind(Generic[K]):
    """Disjoint sets of linked elements. An element without links is a set of its own."""

    __slots__ = ("_above",)

    def __init__(self, links: Iterable[tuple[K, K]] = ()) -> None:
        self._above: dict[K, K] = {}
        for one, other in links:
            self.join(one, other)

    def join(self, one: K, other: K) -> None:
        self._above[self.top(one)] = self.top(other)

    def top(self, one: K) -> K:
        """The representative of an element's set."""
        above = self._above
        while above.setdefault(one, one) != one:
            above[one] = one = above[above[one]]
        return one

    def groups(self, each: Iterable[K]) -> list[list[K]]:
        """The given elements by set, in the given order; sets are ordered by their first element."""
        found: dict[K, list[K]] = {}
        for one in each:
            found.setdefault(self.top(one), []).append(one)
        return list(found.values())


# Comparison.

# A gap this small between two shared passages is an edit within one passage.
_GAPS = {script: re.compile(b"(?<=\1)\0{1,%d}(?=\1)" % script.gap) for script in (SPACED, HAN, THAI)}
_SHORT_PASSAGES, _LONG_PASSAGES, _SHORT_SHARED = 0.6, 0.5, 0.35
_WHOLE, _WHOLE_OF = 0.85, 0.25
_LIST = 0.85
_MIN_NUMBERS, _OTHER_NUMBERS = 8, 0.6
_MAX_SERIES, _SERIES, _IN_GAPS = 0.85, 0.3, 0.7
_NUMBER = re.compile(r"\d+(?:[.:/-]\d+)*")


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """Why two texts are near-duplicates: `similarity` is the share of their words (0 to 1) in word sequences that both
    have; `reason` is a phrase for people."""

    similarity: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Cover:
    """The words of a text that are in another's shingles: `shared` of `size`, `passages` with small gaps filled;
    `before` and `after` count the words before the first and after the last passage."""

    size: int
    shared: int
    passages: int
    before: int
    after: int


def _cover(text: Wording, other: Wording) -> _Cover:
    width, there = text.script.shingle, other.unique
    begins = int.from_bytes(bytes(map(there.__contains__, text.shingles)), "little")
    shared = 0
    for at in range(width):  # one byte per word; sets all words of the shared shingles
        shared |= begins << 8 * at
    size = len(text.words)
    flags = shared.to_bytes(size, "little")
    filled = _GAPS[text.script].sub(lambda gap: b"\1" * len(gap[0]), flags)
    return _Cover(size, flags.count(1), filled.count(1), filled.find(1), size - 1 - filled.rfind(1))


def near_duplicate(a: Wording, b: Wording, *, one_site: bool = False) -> NearDuplicate | None:
    """Compares two texts, in any order. None if they are not near-duplicates.

    Posts of one site (`one_site`) must share more, since they have phrases in common anyway.
    """
    if a.is_short or b.is_short or a.script is not b.script:
        return None
    short, long = sorted((_cover(a, b), _cover(b, a)), key=lambda one: (one.size, one.shared, one.passages))
    if short.shared < a.script.shared:
        return None
    similarity = (short.shared + long.shared) / (short.size + long.size)
    if one_site and similarity < a.script.habits and not _is_contained(short, long):
        return None
    if a.is_list or b.is_list:
        # Lists of the same items share most of their words without being copies.
        if min(short.shared / short.size, long.shared / long.size) < _LIST:
            return None
    elif not _is_contained(short, long) and not _is_edited(short, long):
        return None
    if similarity < 1 and _other_numbers(a, b):
        return None
    return NearDuplicate(round(similarity, 4), _reason(short, long, similarity, a, b))


def _is_contained(short: _Cover, long: _Cover) -> bool:
    return short.shared >= _WHOLE * short.size and long.passages >= _WHOLE_OF * long.size


def _is_edited(short: _Cover, long: _Cover) -> bool:
    return (
        short.passages >= _SHORT_PASSAGES * short.size
        and long.passages >= _LONG_PASSAGES * long.size
        and short.shared >= _SHORT_SHARED * short.size
    )


def _other_numbers(a: Wording, b: Wording) -> bool:
    """True if most numbers differ, as in two weather reports, tables of results or price lists."""
    fewer, more = sorted((a.numbers, b.numbers), key=len)
    if len(fewer) < _MIN_NUMBERS:
        return False
    same = (Counter(fewer) & Counter(more)).total()
    return len(fewer) - same >= _OTHER_NUMBERS * len(fewer)


def _reason(short: _Cover, long: _Cover, similarity: float, a: Wording, b: Wording) -> str:
    if a.words == b.words:
        return "the same words"
    share = f"shares {min(99, int(similarity * 100))} % of its word sequences"
    if short.shared < 0.95 * short.size:
        return share
    own = max(1, long.size - long.passages)
    if long.size == short.size or own < 3:
        return share
    if long.before >= 0.6 * own:
        return "contained whole, with another intro"
    if long.after >= 0.6 * own:
        return "contained whole, with another end"
    return "contained whole, with passages of its own"


def differ_only_in_numbers(a: tuple[str, str], b: tuple[str, str]) -> bool:
    """True if two posts (title, text) are issues of a series: their titles differ only in numbers ("Release 1.5.4",
    "Release 1.6.1"; "2017 in review", "2018 in review"), and these are in their texts too."""
    if _NUMBER.sub("0", a[0].casefold()) != _NUMBER.sub("0", b[0].casefold()):
        return False
    pairs = [(x, y) for x, y in zip(_NUMBER.findall(a[0]), _NUMBER.findall(b[0]), strict=True) if x != y]
    return bool(pairs) and all(_has(a[1], x) and _has(b[1], y) for x, y in pairs)


def _has(text: str, number: str) -> bool:
    return re.search(rf"(?<![\d.]){re.escape(number)}(?!\d|\.\d)", text) is not None


def are_series(a: Wording, b: Wording, c: Wording, *, one_site: bool) -> bool:
    """True if three texts that look like near-duplicates were made from one template, or share boilerplate.

    Edits change each copy of a story in other places, so three copies have less in common than two. The frame of a
    template does not change, so the third text has what the other two share, though much differs. If all differences
    are in one place (another introduction to the same story), only posts of one site are a series.
    """
    pairs = [len(x.unique & y.unique) for x, y in ((a, b), (a, c), (b, c))]
    smallest = min(len(a.unique), len(b.unique), len(c.unique))
    largest_pair = max(pairs)
    if not smallest or not min(pairs) or largest_pair > _MAX_SERIES * smallest:
        return False
    common = len(a.unique & b.unique & c.unique) / largest_pair
    expected = sqrt(sum(pairs) / 3 / smallest)
    if common < expected + _SERIES * (1 - expected):
        return False
    return one_site or _is_scattered(a, b)


def _is_scattered(a: Wording, b: Wording) -> bool:
    cover = _cover(a, b)
    return cover.size - cover.passages < _IN_GAPS * (cover.size - cover.shared)


# The origin of a cluster.

_LENGTHS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "month": timedelta(days=31),
    "year": timedelta(days=366),
}
_LATEST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ClusterMember:
    """One article of a cluster. `keys`: the urlkeys of its addresses; `canonical`: the urlkey of its canonical URL;
    `names`: the urlkeys of the addresses in its text; `credits` as in the record."""

    id: int
    site: str
    keys: frozenset[str]
    first_seen: datetime
    published: datetime | None = None
    precision: str | None = None
    canonical: str = ""
    names: frozenset[str] = frozenset()
    credits: tuple[str, ...] = ()


def find_source(members: Sequence[ClusterMember]) -> tuple[int, str]:
    """The number of the member that the others were copied from, and the reason as a phrase. `members` is not empty.

    First, what the copies say: another member is the canonical URL of one (RFC 6596), its address is in the text, or
    its site is credited. Else the origin is the earliest published member, within the precision of the dates, and
    among those that may be the earliest the one that was seen first.
    """
    for sign in _SIGNS:
        named = Counter(
            other.id
            for one in members
            if sign.may_name(one)
            for other in members
            if one.id != other.id and sign.names(one, other)
        )
        if named:
            most = max(named.values())
            first, _ = _earliest([m for m in members if named[m.id] == most])
            who = "a copy" if most == 1 else f"{most} copies"
            return first.id, f"{sign.reason} {who}"
    first, reason = _earliest(members)
    return first.id, reason


def _declares(one: ClusterMember, other: ClusterMember) -> bool:
    return one.canonical in other.keys


def _refers(one: ClusterMember, other: ClusterMember) -> bool:
    return not one.names.isdisjoint(other.keys)


def _credits(one: ClusterMember, other: ClusterMember) -> bool:
    return one.site != other.site and any(_is_named(credit, other.site) for credit in one.credits)


@dataclass(frozen=True, slots=True)
class _Sign:
    """A sign by which one member names another as the origin. `may_name`: a quick check whether it names any, since
    most members do not and need not be compared with all others."""

    reason: str
    may_name: Callable[[ClusterMember], bool]
    names: Callable[[ClusterMember, ClusterMember], bool]


_SIGNS = (
    _Sign("declared canonical by", lambda one: bool(one.canonical) and one.canonical not in one.keys, _declares),
    _Sign("named by its address in", lambda one: bool(one.names) and one.names.isdisjoint(one.keys), _refers),
    _Sign("credited by", lambda one: bool(one.credits), _credits),
)


def _is_named(credit: str, site: str) -> bool:
    """True if a credit is the name of a site, such as "Reuters" for www.reuters.com or "AP" for apnews.com."""
    host = site.partition("/")[0].partition(":")[0].removeprefix("www.")
    name = fold_words(credit).replace(" ", "")
    labels = {label.replace("-", "") for label in host.split(".")[:-1]}
    return bool(name) and (
        name == fold_words(host).replace(" ", "")
        or not labels.isdisjoint({name, name.removeprefix("the"), f"the{name}", f"{name}news"})
    )


def _earliest(members: Sequence[ClusterMember]) -> tuple[ClusterMember, str]:
    """The first seen of the members that may have been published first, and the reason as a phrase."""
    spans = [(_span(member), member) for member in members]
    ended = min(end for (_, end), _ in spans)
    possible = [member for (start, _), member in spans if start < ended]
    first = min(possible, key=lambda m: (m.first_seen, m.published or _LATEST, m.id))
    if first.published is None:
        return first, "first seen"
    if len(possible) == 1:
        return first, "earliest published"
    return first, "first seen of those published earliest"


def _span(member: ClusterMember) -> tuple[datetime, datetime]:
    """The period in which a member may have been published; without a date, the moment when it was first seen."""
    if member.published is None:
        return member.first_seen, member.first_seen + timedelta(microseconds=1)
    length = _LENGTHS.get(member.precision or "second", _LENGTHS["second"])
    start = member.published
    return start, start + length if start < _LATEST - length else _LATEST
