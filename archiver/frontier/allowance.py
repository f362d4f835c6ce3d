"""How many pages of one shape are asked for without any of them bringing news: the way out of a space without end.

A calendar, the tags of a cloud, the orders of a list are fetched as long as they lead to posts. When the last `K` of
one shape led to none, what is left of the shape is set aside: it stays in the ledger, with the rule's name, and can
be asked for by `archiver crawl SITE --set-aside`. What a feed, a sitemap or an API tells is a promise, and is kept;
what a web archive tells is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from archiver.discovery.shapes import Shape
from archiver.items import Source

BELOW = Shape("below", "a post's own address and one step more")
"""What stands below the address of a post: pages of its pictures, mostly."""


class Allowance(NamedTuple):
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
ALLOWED: dict[str, Allowance] = {
    "paging": Allowance(20, 0, 1, from_elsewhere=False, vouched=True, says="pages of lists"),
    "dates": Allowance(20, 0, 0, from_elsewhere=True, vouched=True, says="pages of days, months or years"),
    "numbers": Allowance(20, 0, 0, from_elsewhere=True, vouched=True, says="numbered pages"),
    "terms": Allowance(20, 10, 0, from_elsewhere=False, vouched=False, says="lists of tags, authors or searches"),
    "query": Allowance(20, 10, 0, from_elsewhere=False, vouched=True, says="views of one page"),
    "below": Allowance(20, 10, 0, from_elsewhere=False, vouched=True, says="pages below posts"),
    # Slugs, each of which may be a post: the archive of a site that was broken into holds 100,000 that are none.
    "captures": Allowance(300, 0, 0, from_elsewhere=False, vouched=True, says="addresses known from a web archive"),
}
_VOUCHING = frozenset({Source.FEED, Source.SITEMAP, Source.API, Source.SEED})
RULE = "no end"
"""The rule of what a budget set aside; the family follows: "no end: dates"."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a shape's pages came to in this run: without news since the last that had some, with news, posts."""

    idle: int = 0
    news: int = 0
    posts: int = 0


class Allowances:
    """The tallies of one run. `known_posts` tells how many posts the ledger knows."""

    def __init__(self, known_posts: Callable[[], int]) -> None:
        self._tallies: dict[Shape, Tally] = {}
        self._known_posts = known_posts

    def copy(self) -> Allowances:
        """The tallies as they are now."""
        out = Allowances(self._known_posts)
        out._tallies = dict(self._tallies)
        return out

    def note(self, shape: Shape, *, is_post: bool, has_news: bool) -> None:
        """A page of this shape was read. News are addresses of another shape that nothing had told of."""
        if shape.family not in ALLOWED:
            return
        tally = self._tallies.get(shape, Tally())
        if is_post:
            tally = replace(tally, idle=0, posts=tally.posts + 1)
        elif has_news:
            tally = replace(tally, idle=0, news=tally.news + 1)
        else:
            tally = replace(tally, idle=tally.idle + 1)
        self._tallies[shape] = tally

    def left(self, shape: Shape) -> int:
        """How many more of this shape may be asked for before one of them brings news; 1,000,000 where any number."""
        tally = self._tallies.get(shape, Tally())
        allowed = ALLOWED.get(shape.family)
        if allowed is None or tally.posts:
            return 1_000_000
        most = allowed.idle + allowed.per_news * tally.news
        if allowed.per_post and tally.idle >= most:
            most += allowed.per_post * self._known_posts()
        return max(most - tally.idle, 0)


def is_promised(shape: Shape, told: list[tuple[Source, Shape]]) -> bool:
    """Whether a page is fetched whatever its shape's budget: `told` are its sources and the shapes they stand at."""
    allowed = ALLOWED.get(shape.family)
    if allowed is None:
        return True
    return any((allowed.vouched and source in _VOUCHING) or (
        allowed.from_elsewhere and at != shape and source is not Source.CDX) for source, at in told)


def reason(shape: Shape) -> str:
    """Why the rest of a shape is set aside, as half a sentence."""
    return f"the last {ALLOWED[shape.family].says} like this one led to no post that was not known"
