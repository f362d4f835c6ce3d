"""Addresses that show what another address shows: learned from pages that were fetched, then no longer fetched.

A site may show each post once more with `?lang=de`, in capital letters or below `/print/`. Which of these it does,
nobody can know beforehand, and none of it is true of all sites: `?lang=de` may be a translation. So a way of making
one address of another is believed for a site when five posts have borne it out and none has spoken against it; and
only where the other address is in the ledger is the twin set aside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from archiver.discovery.url_classifier import URLPattern
from archiver.items import DiscoverySource

# How many pages of one shape are asked for without any of them bringing news: the way out of a space without end.

BELOW = URLPattern("below", "a post's own address and one step more")
"""What stands below the address of a post: pages of its pictures, mostly."""


class PatternBudget(NamedTuple):
    """`idle`: pages in a row without news; `per_news`: that many more for each page that brought some;
    `per_post`: that many more for each post that is known. `from_elsewhere`: an address that a page of another
    shape told of is fetched in any case. `vouched`: so is one that a feed, a sitemap or an API told of.
    """

    idle: int
    per_news: int
    per_post: int
    from_elsewhere: bool
    vouched: bool
    says: str


# A site may show one post a page, all of them known already, and still go on to one that is not: paging may take as
# long as that. Months are few and in order; of tags, a sample without news says that there is none.
ALLOWED: dict[str, PatternBudget] = {
    "paging": PatternBudget(20, 0, 1, from_elsewhere=False, vouched=True, says="pages of lists"),
    "dates": PatternBudget(20, 0, 0, from_elsewhere=True, vouched=True, says="pages of days, months or years"),
    "numbers": PatternBudget(20, 0, 0, from_elsewhere=True, vouched=True, says="numbered pages"),
    "terms": PatternBudget(20, 10, 0, from_elsewhere=False, vouched=False, says="lists of tags, authors or searches"),
    "query": PatternBudget(20, 10, 0, from_elsewhere=False, vouched=True, says="views of one page"),
    "below": PatternBudget(20, 10, 0, from_elsewhere=False, vouched=True, says="pages below posts"),
    # Slugs, each of which may be a post: the archive of a site that was broken into holds 100,000 that are none.
    "captures": PatternBudget(300, 0, 0, from_elsewhere=False, vouched=True, says="addresses known from a web archive"),
}
_VOUCHING = frozenset({DiscoverySource.FEED, DiscoverySource.SITEMAP, DiscoverySource.API, DiscoverySource.SEED})
PATTERN_BUDGET_RULE = "pattern-budget"
"""The rule of what a budget set aside; the family follows: "pattern-budget: dates"."""


@dataclass(frozen=True, slots=True)
class PatternTally:
    """What a shape's pages came to in this run: without news since the last that had some, with news, posts."""

    idle: int = 0
    news: int = 0
    posts: int = 0


class PatternBudgets:
    """The tallies of one run. `known_posts` tells how many posts the ledger knows."""

    def __init__(self, known_posts: Callable[[], int]) -> None:
        self._tallies: dict[URLPattern, PatternTally] = {}
        self._known_posts = known_posts

    def copy(self) -> PatternBudgets:
        """The tallies as they are now."""
        out = PatternBudgets(self._known_posts)
        out._tallies = dict(self._tallies)
        return out

    def note(self, shape: URLPattern, *, is_post: bool, has_news: bool) -> None:
        """A page of this shape was read. News are addresses of another shape that nothing had told of."""
        if shape.family not in ALLOWED:
            return
        tally = self._tallies.get(shape, PatternTally())
        if is_post:
            tally = replace(tally, idle=0, posts=tally.posts + 1)
        elif has_news:
            tally = replace(tally, idle=0, news=tally.news + 1)
        else:
            tally = replace(tally, idle=tally.idle + 1)
        self._tallies[shape] = tally

    def left(self, shape: URLPattern) -> int:
        """How many more of this shape may be asked for before one of them brings news; 1,000,000 where any number."""
        tally = self._tallies.get(shape, PatternTally())
        allowed = ALLOWED.get(shape.family)
        if allowed is None or tally.posts:
            return 1_000_000
        most = allowed.idle + allowed.per_news * tally.news
        if allowed.per_post and tally.idle >= most:
            most += allowed.per_post * self._known_posts()
        return max(most - tally.idle, 0)


def is_promised(shape: URLPattern, told: list[tuple[DiscoverySource, URLPattern]]) -> bool:
    """Whether a page is fetched whatever its shape's budget: `told` are its sources and the shapes they stand at."""
    allowed = ALLOWED.get(shape.family)
    if allowed is None:
        return True
    return any(
        (allowed.vouched and source in _VOUCHING)
        or (allowed.from_elsewhere and at != shape and source is not DiscoverySource.CDX)
        for source, at in told
    )


def pattern_budget_reason(shape: URLPattern) -> str:
    """Why the rest of a shape is set aside, as half a sentence."""
    return f"the last {ALLOWED[shape.family].says} like this one led to no post that was not known"


ENOUGH = 5
"""Posts that must have shown that a way leads to the same post."""
RULE = "equivalent-url"
_STEP = re.compile(r"amp|print|printable|printer|mobile|wap|lite|reader|text-only|turbo", re.IGNORECASE)
_ENDING = re.compile(r"\.(?:html?|php|aspx?)$", re.IGNORECASE)
_MOST_STEPS = 8


def plainer_urls(key: str) -> dict[str, str]:
    """The plainer addresses that an address (a urlkey) may be a twin of, each by the name of the way to it.

    A way that would change nothing is left out. "relative link" stands for several addresses, of which the one with
    fewest steps taken away comes first: it is numbered.
    """
    host, bracket, rest = key.partition(")")
    path, _, query = rest.partition("?")
    out: dict[str, str] = {}

    def add(name: str, path: str, query: str) -> None:
        made = f"{host}{bracket}{path.rstrip('/') or '/'}" + (f"?{query}" if query else "")
        if made != key:
            out.setdefault(name, made)

    pairs = [p for p in query.split("&") if p]
    for pair in pairs:
        name = pair.partition("=")[0]
        add(f"?{name}=", path, "&".join(p for p in pairs if p.partition("=")[0] != name))
    add("letter case", path.lower(), query)
    add("file ending", _ENDING.sub("", path), query)
    steps = [s for s in path.split("/") if s]
    if len(steps) > 1:
        for at, name in ((0, "first"), (-1, "last")):
            if _STEP.fullmatch(steps[at]):
                add(f"{name} step /{steps[at].lower()}/", "/" + "/".join(steps[1:] if at == 0 else steps[:-1]), query)
        for taken in range(1, min(len(steps), _MOST_STEPS)):
            add(f"relative link {taken}", "/" + "/".join(steps[taken:]), query)
    return out


def family(way: str) -> str:
    """The way without its number: what is learned of one relative link holds for all."""
    return "relative link" if way.startswith("relative link") else way


def equivalent_url_reason(way: str, plain: str) -> str:
    """Why a twin is not fetched, as half a sentence."""
    said = {
        "letter case": "capital letters",
        "file ending": "the ending of its name",
        "relative link": "steps that a relative link put before its path",
    }.get(family(way), way)
    return f"on this site {said} makes no difference: it shows the post at {plain}"


@dataclass(frozen=True, slots=True)
class EquivalenceCounts:
    """How often a way led to the same post, and whether it ever led to another."""

    borne_out: int = 0
    refuted: bool = False


class EquivalentURLs:
    """What is known of the ways of one site in one run."""

    def __init__(self) -> None:
        self._trust: dict[str, EquivalenceCounts] = {}

    def copy(self) -> EquivalentURLs:
        """What is known now."""
        out = EquivalentURLs()
        out._trust = dict(self._trust)
        return out

    def same(self, key: str, others: Iterable[str]) -> None:
        """The page at `key` shows a post that is known at the addresses `others`."""
        known = {o for o in others if o != key}
        reduced = {made for other in known for made in plainer_urls(other).items()}
        seen = {family(way) for way, plain in plainer_urls(key).items() if plain in known or (way, plain) in reduced}
        for way in seen:
            trust = self._trust.get(way, EquivalenceCounts())
            self._trust[way] = replace(trust, borne_out=trust.borne_out + 1)

    def another(self, key: str, plain_is_post: set[str]) -> None:
        """The page at `key` is a post of its own; `plain_is_post` are ways that lead to another post than this."""
        for way in {family(w) for w in plainer_urls(key) if w in plain_is_post}:
            self._trust[way] = replace(self._trust.get(way, EquivalenceCounts()), refuted=True)

    def open(self, key: str) -> dict[str, tuple[str, int]]:
        """The ways in which an address may be a twin, as far as they are in doubt: the other address, and how many
        more pages would settle the way.
        """
        out = {}
        for way, plain in plainer_urls(key).items():
            trust = self._trust.get(family(way), EquivalenceCounts())
            if not trust.refuted and trust.borne_out < ENOUGH:
                out[way] = (plain, ENOUGH - trust.borne_out)
        return out

    @property
    def believed(self) -> frozenset[str]:
        """The ways that are believed."""
        return frozenset(w for w, t in self._trust.items() if t.borne_out >= ENOUGH and not t.refuted)

    def plainer(self, key: str) -> list[tuple[str, str]]:
        """The ways, of those that are believed, in which an address may be a twin, and the address it leads to."""
        believed = self.believed
        return [(way, plain) for way, plain in plainer_urls(key).items() if family(way) in believed] if believed else []
