"""Finds near-duplicates: compares two texts by the passages they share, computes MinHash signatures, and finds which
article of a cluster the others were copied from, and which pages of a site only repeat its own posts.

The similarity of two texts is the share of their words that are in common passages. An edited copy has common passages
throughout, with small gaps where words were changed. A text that only quotes another has few of them.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from math import sqrt
from statistics import fmean
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from rensa import RMinHash

from archiver.articles.article_comparison import fold_words, split_ascii_words
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import folder_path, names_second_form

# Texts in the form in which they are compared: the words in order, and short sequences of them (shingles).

_HAN = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3105-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_THAI = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9fe\uaa60-\uaadf"  # Thai, Lao, Burmese, Khmer
# Vowel signs, which \w does not match although they are parts of words.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0971-\u0dff\u0f71-\u0fbc\u200c\u200d"
_WORDS = lazy_regex(r"\w+")
_NOT_SIMPLE = lazy_regex(f"[{_HAN}{_THAI}{_MARKS}]")
_UNSPACED = lazy_regex(f"([{_HAN}{_THAI}]+)")
_MARKED_WORDS = lazy_regex(rf"[\w{_MARKS}]+")
_IS_HAN = lazy_regex(f"[{_HAN}]+")
_MIN_LINES = 8
_MAX_LETTERS = 120_000  # at most this many characters of a text are compared; the beginning of a book is enough


@dataclass(frozen=True, slots=True)
class Script:
    """The thresholds for comparing texts in one kind of script (with spaces, Han, Thai). All numbers but the last one
    count words.

    - `shingle`: the number of words in a shingle.
    - `least`: a text with fewer words is not compared.
    - `shared`: copies have at least this many words in common.
    - `gap`: two shared passages that are at most this far apart count as one passage.
    - `line`: a line of at most this many words is a list entry.
    - `min_same_site`: two posts of one site are copies only if they share at least this fraction of their words (0 to
      1), since an author repeats phrases.
    """

    name: str
    shingle: int
    least: int
    shared: int
    gap: int
    line: int
    min_same_site: float


SPACED = Script("words", 3, 30, 20, 8, 6, 0.6)
HAN = Script("han", 4, 60, 40, 10, 12, 0.5)
THAI = Script("thai", 9, 150, 100, 24, 30, 0.5)


@dataclass(frozen=True)
class Wording:
    """The words of a text in order, prepared for comparison with other texts.

    `shingles` are the sequences of a fixed number of words; the n-th of them begins at the n-th word. `is_list` is True
    if most lines of the text are short.
    """

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
        """True if the text is too short to recognize copies of it."""
        return len(self.words) < self.script.least


@lru_cache(maxsize=64)  # cached because a new text is compared with several texts that arrive soon after it
def wording_of(body: str) -> Wording:
    """Splits a post's text into normalized words and shingles for near-duplicate comparison; case, punctuation and
    character width (NFKC) are ignored.
    """
    script, words = _split_words(body[:_MAX_LETTERS])
    width = script.shingle
    shingles = tuple(map(" ".join, zip(*(words[n:] for n in range(width)), strict=False)))
    lines = [line for line in body.split("\n") if line.strip()]
    is_list = len(lines) >= _MIN_LINES and len(words) <= script.line * len(lines)
    return Wording(script, tuple(words), shingles, is_list)


def _split_words(body: str) -> tuple[Script, list[str]]:
    if body.isascii():
        return SPACED, split_ascii_words(body)
    text = unicodedata.normalize("NFKC", body).casefold().replace("_", " ")
    if not _NOT_SIMPLE.search(text):  # faster way with the same result
        return SPACED, _WORDS.findall(text)
    parts = _UNSPACED.split(text)  # every second part consists of letters that are words of their own
    words = [word for n, part in enumerate(parts) for word in (part if n % 2 else _MARKED_WORDS.findall(part))]
    unspaced = sum(map(len, parts[1::2]))
    if unspaced * 2 < len(words):
        return SPACED, words
    han = sum(map(len, _IS_HAN.findall(text)))
    return (HAN if han * 2 >= unspaced else THAI), words


# MinHash signatures (Broder 1997) of a text's shingles. Near-duplicates have similar signatures.

SLOTS = 24
SKETCH_VERSION = 1
"""The version of the MinHash signatures. It must be increased if the same text would get a different signature, because
words are split differently or the library rensa has changed its algorithm. Stored signatures of another version are not
compared; `archiver index --clusters` computes them again."""
ALGORITHM = 2  # the algorithm of rensa, which a new release may change; a test checks the signature of a text
_SEED = 42
_LOWEST = -(1 << 31)
_random = random.Random(_SEED)
# All slots share one database index, so each slot permutes the values in its own way. SQLite stores a signed 32-bit
# number in four bytes.
_SALTS = tuple(_random.getrandbits(32) for _ in range(SLOTS))


def minhash(text: Wording) -> tuple[int, ...]:
    """Returns the MinHash signature of a text: SLOTS integers from -2**31 to 2**31-1, of which two similar texts have
    many in common at the same positions. Returns () if the text is too short to compare.
    """
    if text.is_short:
        return ()
    signature = RMinHash(num_perm=SLOTS, seed=_SEED)
    signature.update(text.shingles)
    return tuple([(value ^ salt) + _LOWEST for value, salt in zip(signature.digest(), _SALTS, strict=True)])


# Union-find (Galler and Fischer, 1964): clusters from linked pairs.

K = TypeVar("K", bound=Hashable)


class UnionFind(Generic[K]):
    """Builds disjoint sets of elements from pairs of linked elements (union-find). An element without links is a set of
    its own.
    """

    __slots__ = ("_above",)

    def __init__(self, links: Iterable[tuple[K, K]] = ()) -> None:
        self._above: dict[K, K] = {}
        for one, other in links:
            self.join(one, other)

    def join(self, one: K, other: K) -> None:
        self._above[self.top(one)] = self.top(other)

    def top(self, one: K) -> K:
        """Returns the representative of the set that an element belongs to."""
        above = self._above
        while above.setdefault(one, one) != one:
            above[one] = one = above[above[one]]
        return one

    def groups(self, each: Iterable[K]) -> list[list[K]]:
        """Returns the given elements as lists, one list for each set. The elements of a list are in the given order,
        and the lists are in the order of their first elements.
        """
        found: dict[K, list[K]] = {}
        for one in each:
            found.setdefault(self.top(one), []).append(one)
        return list(found.values())


# Comparison.

# A gap this small between two shared passages is an edit within one passage.
_GAPS = {script: lazy_regex(b"(?<=\1)\0{1,%d}(?=\1)" % script.gap) for script in (SPACED, HAN, THAI)}
SHORT_PASSAGES, LONG_PASSAGES, _SHORT_SHARED = 0.6, 0.5, 0.35
_WHOLE, _WHOLE_OF = 0.85, 0.25
_LIST = 0.85
_MIN_NUMBERS, _OTHER_NUMBERS = 8, 0.6
_MAX_SERIES, _SERIES, _IN_GAPS = 0.85, 0.3, 0.7
_NUMBER = lazy_regex(r"\d+(?:[.:/-]\d+)*")


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """The finding that two texts are near-duplicates. `similarity` is the share of their words (0 to 1) that are in
    word sequences which both texts contain; `reason` is a phrase for people.
    """

    similarity: float
    reason: str


@dataclass(frozen=True, slots=True)
class _Cover:
    """How much of one text is also in another text.

    - `size`: the number of words of the text.
    - `shared`: the number of these words that are in shingles which both texts have.
    - `passages`: `shared` plus the number of words in small gaps between shared words.
    - `before`, `after`: the numbers of words before the first and after the last shared passage.
    """

    size: int
    shared: int
    passages: int
    before: int
    after: int


def _cover(text: Wording, other: Wording) -> _Cover:
    width, there = text.script.shingle, other.unique
    begins = int.from_bytes(bytes(map(there.__contains__, text.shingles)), "little")
    shared = 0
    for at in range(width):  # one byte per word: sets the bytes of all words in shared shingles
        shared |= begins << 8 * at
    size = len(text.words)
    flags = shared.to_bytes(size, "little")
    filled = _GAPS[text.script].sub(lambda gap: b"\1" * len(gap[0]), flags)
    return _Cover(size, flags.count(1), filled.count(1), filled.find(1), size - 1 - filled.rfind(1))


def near_duplicate(a: Wording, b: Wording, *, one_site: bool = False) -> NearDuplicate | None:
    """Returns the similarity of two texts and a phrase that explains it; None if the texts are not near-duplicates. The
    order of the texts does not matter.

    Two posts of the same site (`one_site`) must share more, since all posts of a site have phrases in common.
    """
    if a.is_short or b.is_short or a.script is not b.script:
        return None
    short, long = sorted((_cover(a, b), _cover(b, a)), key=lambda one: (one.size, one.shared, one.passages))
    if short.shared < a.script.shared:
        return None
    similarity = (short.shared + long.shared) / (short.size + long.size)
    if one_site and similarity < a.script.min_same_site and not _is_contained(short, long):
        return None
    if a.is_list or b.is_list:
        # Lists of the same items share most of their words without being copies.
        if min(short.shared / short.size, long.shared / long.size) < _LIST:
            return None
    elif not _is_contained(short, long) and not _is_edited(short, long):
        return None
    if similarity < 1 and _differ_in_numbers(a, b):
        return None
    return NearDuplicate(round(similarity, 4), _reason(short, long, similarity, a, b))


def _is_contained(short: _Cover, long: _Cover) -> bool:
    return short.shared >= _WHOLE * short.size and long.passages >= _WHOLE_OF * long.size


def _is_edited(short: _Cover, long: _Cover) -> bool:
    return (
        short.passages >= SHORT_PASSAGES * short.size
        and long.passages >= LONG_PASSAGES * long.size
        and short.shared >= _SHORT_SHARED * short.size
    )


def _differ_in_numbers(a: Wording, b: Wording) -> bool:
    """Returns True if both texts contain many numbers and most of these differ, as in two weather reports, tables of
    results or price lists.
    """
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
    """Returns True if two posts, each given as (title, text), are issues of a series: their titles differ only in
    numbers, which their texts also contain. Examples are "Release 1.5.4" and "Release 1.6.1", or "2017 in review" and
    "2018 in review".
    """
    if _NUMBER.sub("0", a[0].casefold()) != _NUMBER.sub("0", b[0].casefold()):
        return False
    pairs = [(x, y) for x, y in zip(_NUMBER.findall(a[0]), _NUMBER.findall(b[0]), strict=True) if x != y]
    return bool(pairs) and all(_contains_number(a[1], x) and _contains_number(b[1], y) for x, y in pairs)


def _contains_number(text: str, number: str) -> bool:
    return re.search(rf"(?<![\d.]){re.escape(number)}(?!\d|\.\d)", text) is not None


def are_series(a: Wording, b: Wording, c: Wording, *, one_site: bool) -> bool:
    """Returns True if three texts look like near-duplicates only because they were made from the same template or share
    boilerplate.

    What they have in common shows this. Edited copies of a story are changed in different passages, so three of them
    have less in common than two. The fixed text of a template is in all texts, so the third text contains whatever the
    other two have in common. If all differences are in one passage, the texts may also be one story with different
    introductions; then only posts of the same site (`one_site`) count as a series.
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


# Finding second addresses of posts: pages of one site that repeat its own posts.

COPY_SIMILARITY = 0.9
"""Two texts are nearly the same if this share of their words is in common passages."""
_MIN_COPIES, _NEARLY_ALL = 3, 0.9
_DIGITS = lazy_regex(r"\d+")


@dataclass(frozen=True, slots=True)
class SitePost:
    """A post of a site, to be compared with the site's other posts.

    - `published`: the date of publication.
    - `canonical`: the urlkey of its canonical URL; "" if it has none.
    - `form`: the number of the form of its page; 0 if unknown.
    - `is_given`: True if a feed, sitemap or API lists its URL.
    - `is_listed`: True if a listing shows it as an entry.
    """

    id: int
    url: str
    key: str
    title: str
    published: date | None = None
    canonical: str = ""
    form: int = 0
    is_given: bool = False
    is_listed: bool = False

    @property
    def groups(self) -> tuple[str, ...]:
        """Returns the groups of pages to which the post belongs: those in its folder, those with the same last step of
        the path, and those of its form.
        """
        parts = urlsplit(self.url)
        steps = parts.path.strip("/").split("/")
        names = "&".join(sorted(part.partition("=")[0] for part in parts.query.split("&")))
        folder = _DIGITS.sub("0", "/".join(steps[:-1]))
        ending = "" if _DIGITS.search(steps[-1]) else f"*/{steps[-1]}?{names}"
        return f"{folder}/?{names}", ending, f"form {self.form}" if self.form else ""


def find_second_addresses(
    similar: Iterable[tuple[SitePost, SitePost]], count_groups: Callable[[], Mapping[str, int]]
) -> dict[int, int]:
    """Returns which of a site's posts are only second addresses of others, as {ID: ID of the other post}. `similar` are
    pairs of posts with (nearly) the same text; `count_groups` returns the number of the site's posts in each group.

    Two such posts are the same if their titles are, too, and their dates do not differ. One of them is a second address
    in any of these cases:

    - Its URL alone names a print, AMP or mobile version, and no source or canonical URL prefers it. The numbers of the
      two URLs agree.
    - Both URLs end in the same step, their numbers agree, and the other URL is preferred.
    - Nearly all pages of its group (folder, last step of the path, or form) repeat posts outside the group, whose URLs
      are preferred.
    """
    pairs = [
        pair
        for one, other in similar
        if one.key != other.key and _are_one_post(one, other)
        for pair in ((one, other), (other, one))
    ]
    copied = _copied_groups(pairs, count_groups()) if pairs else frozenset()
    found: dict[int, int] = {}
    for one, other in sorted(pairs, key=lambda pair: (_rank(pair[1]), pair[0].id)):
        is_marked = names_second_form(one.url) and not names_second_form(other.url) and _rank(other) < _rank(one)
        is_twin = last_step(one.url) == last_step(other.url) and (
            _rank(other) < _rank(one) or one.canonical == other.key
        )
        is_same = (is_marked or is_twin) and _numbers_agree(one, other)
        is_member = any(group in copied and group not in other.groups for group in one.groups)
        if (is_same or is_member) and one.id not in found and _end(found, other.id) != one.id:
            found[one.id] = other.id
    return {one: _end(found, other) for one, other in found.items()}


def _end(found: Mapping[int, int], number: int) -> int:
    while number in found:
        number = found[number]
    return number


def _are_one_post(one: SitePost, other: SitePost) -> bool:
    if one.published and other.published and abs((one.published - other.published).days) > 1:
        return False
    short, long = sorted((fold_words(one.title), fold_words(other.title)), key=len)
    return bool(short) and short in long


def _numbers_agree(one: SitePost, other: SitePost) -> bool:
    """Returns True if all numbers in one of two URLs are in the other, too. A series of posts may have one title and
    nearly one text, such as the weather of each day; the days or IDs in their URLs then differ.
    """
    mine, theirs = (set(_DIGITS.findall(post.url)) for post in (one, other))
    return mine <= theirs or theirs <= mine


def _copied_groups(pairs: Iterable[tuple[SitePost, SitePost]], sizes: Mapping[str, int]) -> frozenset[str]:
    """Returns the groups of pages of which nearly all repeat posts outside the group that have preferred addresses."""
    repeated: dict[str, dict[int, list[SitePost]]] = defaultdict(lambda: defaultdict(list))
    for one, other in pairs:
        for group in set(one.groups).difference(other.groups, ("",)):
            repeated[group][one.id] += [one, other]
    return frozenset(
        group
        for group, found in repeated.items()
        if len(found) >= max(_MIN_COPIES, _NEARLY_ALL * sizes.get(group, 0))
        and _mean_rank(pair[1] for pair in found.values()) < _mean_rank(pair[0] for pair in found.values())
    )


def _rank(post: SitePost) -> tuple[int, ...]:
    """Returns a key by which the preferred one of several addresses of a post comes first."""
    is_canonical = post.canonical == post.key
    return not post.is_given, not is_canonical, names_second_form(post.url), not post.is_listed, len(post.url), post.id


def _mean_rank(posts: Iterable[SitePost]) -> tuple[float, ...]:
    return tuple(map(fmean, zip(*map(_rank, posts), strict=True)))


def last_step(url: str) -> str:
    """Returns the last step of a URL's path, without an index file; "" for a home page."""
    return folder_path(urlsplit(url).path).rstrip("/").rpartition("/")[2]


# Finding the origin of a cluster.

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
    """One article of a cluster, with the values that are needed to find the cluster's source.

    - `keys`: the urlkeys of its URLs.
    - `canonical`: the urlkey of its canonical URL.
    - `names`: the urlkeys of the URLs in its text.
    - `precision`: the precision of `published`.
    - `credits`: the agencies and outlets that the article names as its sources, as in the record.
    """

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
    """Returns the ID of the member from which the others were copied, and the reason as a phrase. `members` must not be
    empty.

    The source is the member that copies point to: they declare its URL as canonical (RFC 6596), have its URL in the
    text, or credit its site. If no copy does so, the source is the member that was published first. If the dates are
    too imprecise to tell which was first, it is the one that the archive saw first among those that may have been.
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
            first, _ = _earliest_member([m for m in members if named[m.id] == most])
            who = "a copy" if most == 1 else f"{most} copies"
            return first.id, f"{sign.reason} {who}"
    first, reason = _earliest_member(members)
    return first.id, reason


def _declares_canonical(one: ClusterMember, other: ClusterMember) -> bool:
    return one.canonical in other.keys


def _contains_url_of(one: ClusterMember, other: ClusterMember) -> bool:
    return not one.names.isdisjoint(other.keys)


def _credits_site_of(one: ClusterMember, other: ClusterMember) -> bool:
    return one.site != other.site and any(_is_named(credit, other.site) for credit in one.credits)


@dataclass(frozen=True, slots=True)
class _Sign:
    """One way in which an article can show that it was copied from another member of its cluster, such as a credit.

    - `names(one, other)`: returns True if `one` shows in this way that it was copied from `other`.
    - `may_name(member)`: returns False if the member certainly shows nothing in this way. This quick test avoids
      comparing it with all others.
    """

    reason: str
    may_name: Callable[[ClusterMember], bool]
    names: Callable[[ClusterMember, ClusterMember], bool]


_SIGNS = (
    _Sign(
        "declared canonical by", lambda one: bool(one.canonical) and one.canonical not in one.keys, _declares_canonical
    ),
    _Sign("named by its address in", lambda one: bool(one.names) and one.names.isdisjoint(one.keys), _contains_url_of),
    _Sign("credited by", lambda one: bool(one.credits), _credits_site_of),
)


def _is_named(credit: str, site: str) -> bool:
    """Returns True if a credit is the name of a site, such as "Reuters" for www.reuters.com or "AP" for apnews.com."""
    host = site.partition("/")[0].partition(":")[0].removeprefix("www.")
    name = fold_words(credit).replace(" ", "")
    labels = {label.replace("-", "") for label in host.split(".")[:-1]}
    return bool(name) and (
        name == fold_words(host).replace(" ", "")
        or not labels.isdisjoint({name, name.removeprefix("the"), f"the{name}", f"{name}news"})
    )


def _earliest_member(members: Sequence[ClusterMember]) -> tuple[ClusterMember, str]:
    """Returns the member that was published first, and a phrase that says how this is known. If the dates are too
    imprecise to tell which was first, returns the one that the archive saw first among those that may have been.
    """
    spans = [(_publication_period(member), member) for member in members]
    ended = min(end for (_, end), _ in spans)
    possible = [member for (start, _), member in spans if start < ended]
    first = min(possible, key=lambda m: (m.first_seen, m.published or _LATEST, m.id))
    if first.published is None:
        return first, "first seen"
    if len(possible) == 1:
        return first, "earliest published"
    return first, "first seen of those published earliest"


def _publication_period(member: ClusterMember) -> tuple[datetime, datetime]:
    """Returns the start and the end of the period in which a member was published, which is as long as its date is
    imprecise. For a member without a date, both are the time when the archive first saw it.
    """
    if member.published is None:
        return member.first_seen, member.first_seen + timedelta(microseconds=1)
    length = _LENGTHS.get(member.precision or "second", _LENGTHS["second"])
    start = member.published
    return start, start + length if start < _LATEST - length else _LATEST
