"""Learns, during a crawl, which URLs need not be fetched: URL patterns without news, equivalent URLs, and spellings of
an address that the host redirects.

A page has news if it is a post, or shows a possible post that no other page of its pattern has shown in this run. Each
pattern has a budget of pages without news. When the budget is used up, the other pages of the pattern are not fetched
(trap-excluded). Pages that divide the posts by month, category or author always have news, even if all posts were known
before, because each post is on only one of them. Their number is limited by the number of posts.

An equivalent URL shows the same post as a plainer URL, but its address differs by `?lang=de`, capital letters or
`/print/`, for example. Sites differ: one site ignores `?lang=de`, another one shows a translation. So such a difference
is ignored on a site only if the plainer URL is in the pages table, five posts have confirmed that the difference does
not matter, and no post has refuted it.

If a feed, a sitemap or an API lists all posts (`SourceCoverage`), other pages that list posts are hardly ever needed.
Then only pages that lead to an unknown possible post have news, and the budgets are small. A site's feeds, sitemaps and
API are compared with the links on its pages. A source is considered complete if it lists every known post of the site,
and pages link to at least 20 of these posts and to at least half of them. Sources and links are made independently of
each other, so an incomplete source would most likely lack some of the posts that pages link to. If the source lacked
one post in ten, it would list all of 20 linked posts with a probability of one in eight, and all of 60 linked posts
with a probability of one in five hundred.

A host may redirect an address to another spelling: with or without a slash at the end, an index file, https or www. All
spellings of an address have the same urlkey. Once two addresses of a folder were redirected in the same way and none
answered without a redirect, the crawl requests further addresses of the folder directly in the redirected spelling. If
the host has no page there, the crawl requests the known address, so a wrong guess costs one request and loses nothing.

The addresses that the pages of each URL pattern have shown in a run are remembered in a fixed amount of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from archiver.discovery.url_classifier_and_patterns import URLPattern
from archiver.frontier.redirect_forms import _OPPOSITE
from archiver.frontier.source_coverage import SourceCoverage
from archiver.items import DiscoverySource

# Whether a source lists all posts.


# Budgets, which limit the number of pages without news that are fetched for each pattern. They end the crawl of endless
# URL spaces.

BELOW_POST = URLPattern("below", "a post's own address and one step more")
"""The pattern of addresses one step below the address of a post. Most of these pages show its pictures."""
PART_FEEDS = URLPattern("feeds", "feeds that pages other than the home page declare")
"""The pattern of feeds that are declared by pages other than the home page. Most are feeds of a folder, a category or a
language."""


class PatternBudget(NamedTuple):
    """The maximum number of pages without news that are fetched for a URL pattern.

    - `idle`: this many pages in a row.
    - `per_post`: this many more pages for each known post.
    - `per_own_post`: this many more pages for each post that has this pattern itself; None if there is no limit once a
      post has this pattern.
    - `from_elsewhere`: True if URLs found on pages of another pattern are always fetched.
    - `vouched`: True if URLs from a feed, a sitemap or an API are always fetched.
    - `says`: the words with which messages name pages of this pattern.
    - `when_listed`: the limit that replaces `idle` if a source lists all posts: at most this many pages in a row that
      lead to no unknown possible post, or half as many if links also lead to all posts. None if `idle` remains the
      limit.
    """

    idle: int
    per_post: int
    from_elsewhere: bool
    vouched: bool
    says: str
    per_own_post: int | None = None
    when_listed: int | None = None


# The budget of each family (kind of URL pattern). The budget of paging grows by one page for each known post, since a
# site may show one post per page and the new posts last. For months, 20 are enough, since they are few and in order.
# For tags, a few pages without news are enough.
ALLOWED: dict[str, PatternBudget] = {
    "paging": PatternBudget(20, 1, from_elsewhere=False, vouched=True, says="pages of lists", when_listed=0),
    "dates": PatternBudget(
        20, 0, from_elsewhere=True, vouched=True, says="pages of days, months or years", when_listed=2
    ),
    "numbers": PatternBudget(20, 0, from_elsewhere=True, vouched=True, says="numbered pages"),
    "terms": PatternBudget(
        8, 0, from_elsewhere=False, vouched=False, says="lists of tags, authors or searches", when_listed=2
    ),
    "query": PatternBudget(20, 0, from_elsewhere=False, vouched=True, says="views of one page", when_listed=5),
    "below": PatternBudget(20, 0, from_elsewhere=False, vouched=True, says="pages below posts", when_listed=5),
    # The budget is large because any address that a web archive lists may be a post, and limited because it may list
    # 100,000 spam addresses of a site that was once hacked.
    "captures": PatternBudget(300, 0, from_elsewhere=False, vouched=True, says="addresses known from a web archive"),
    # Pages of one folder, such as documentation next to a blog. If only such pages link to a post, the post counts for
    # them.
    "folder": PatternBudget(
        50, 0, from_elsewhere=False, vouched=True, says="plain pages", per_own_post=1, when_listed=10
    ),
    # Addresses of one form. Old posts may link to hundreds of addresses that the site had before it moved and that no
    # longer exist.
    "form": PatternBudget(20, 0, from_elsewhere=False, vouched=True, says="addresses of this form", when_listed=5),
    # This budget applies only if a source lists all posts.
    "feeds": PatternBudget(1, 0, from_elsewhere=False, vouched=False, says="feeds of parts of the site", when_listed=2),
}
SIDE_LISTS = frozenset({"terms", "dates"})
"""The families of URL patterns whose pages show the posts of the site's main list in another order or selection."""
_LISTS_OF_POSTS = SIDE_LISTS | {"paging"}
FEW_VIEWS = 5
"""If the pages of a pattern have led to no post in any run so far, only this many of the known ones and this many of
the new ones are fetched."""
ENOUGH_VIEWS = 20
"""At least this many pages of a pattern must have been read before it is known to lead to no posts."""
_MOST_MISSING = 5
"""Once this many pages of a list in a row do not exist, the other pages of the list are not fetched."""
SAMPLE_ROUNDS = {"folder": 2}
"""The number of times that the set-aside pages (those that are not fetched) of a family are sampled; once if the family
is not in this table. A folder is sampled twice, because a post and the page that links to it may both be in the folder.
The second sample then includes pages found by the first one."""
_REOPENED = 5
_VOUCHING = frozenset({DiscoverySource.FEED, DiscoverySource.SITEMAP, DiscoverySource.API, DiscoverySource.SEED})
PATTERN_BUDGET_RULE = "pattern-budget"
"""The rule that is recorded for pages that a budget excludes. The family of the pattern is appended to it:
"pattern-budget: dates"."""
LISTED_REASON = "a feed, sitemap or API lists all posts, and the last pages like this one led to no other"
"""The reason that is recorded for pages that are not fetched because a source lists all posts. They are fetched if that
proves false."""
SHOWN_REASON = (
    "other lists were read to their end and showed all posts, and the last pages like this one led to no other"
)
"""The reason that is recorded for pages that are not fetched because the lists of another pattern, or the site's main
list, showed all posts."""


@dataclass(frozen=True, slots=True)
class PatternTally:
    """The counts of a URL pattern's pages in this run.

    - `idle`: the number of pages in a row without news.
    - `posts`: the number of pages that were posts, plus the number of posts to which only pages of this pattern link.
    - `reopened`: True if a sample of the pattern's set-aside pages (those not fetched) had news.
    - `known`: the number of pages in a row that led to no unknown possible post.
    - `missing`: the number of pages in a row that do not exist.
    - `unknown`: the number of pages that were posts or led to unknown possible posts.
    """

    idle: int = 0
    posts: int = 0
    reopened: bool = False
    known: int = 0
    missing: int = 0
    unknown: int = 0


class PatternBudgets:
    """Counts the pages of each URL pattern during a run, and determines how many more may be fetched. `known_posts`
    returns the number of posts in the pages table. `coverage` returns how many of these posts are listed by sources,
    and to how many of them pages link.
    """

    def __init__(self, known_posts: Callable[[], int], coverage: Callable[[], SourceCoverage] = SourceCoverage) -> None:
        self._tallies: dict[URLPattern, PatternTally] = {}
        self._known_posts = known_posts
        self._coverage = coverage
        self._without_posts: frozenset[URLPattern] = frozenset()

    def limit_patterns(self, without_posts: Iterable[URLPattern]) -> None:
        """Gives a small budget to patterns whose pages have led to no post in any run so far."""
        self._without_posts = frozenset(without_posts)

    def copy(self) -> PatternBudgets:
        """Returns a copy of the counts, which later changes do not affect."""
        out = PatternBudgets(self._known_posts, self._coverage)
        out._tallies = dict(self._tallies)
        out._without_posts = self._without_posts
        return out

    def count_page(
        self,
        pattern: URLPattern,
        *,
        is_post: bool,
        has_news: bool,
        has_unknown: bool = False,
        is_missing: bool = False,
    ) -> None:
        """Counts a fetched page of this pattern. `is_post` is True if it was a post, and `is_missing` if it does not
        exist. `has_news` is True if it showed possible posts that no other page of the pattern has shown, and
        `has_unknown` is True if one of these posts was unknown before.
        """
        if pattern.family not in ALLOWED:
            return
        tally = self._tallies.get(pattern, PatternTally())
        self._tallies[pattern] = replace(
            tally,
            idle=0 if is_post or has_news else tally.idle + 1,
            known=0 if is_post or has_unknown else tally.known + 1,
            unknown=tally.unknown + (is_post or has_unknown),
            missing=tally.missing + 1 if is_missing else 0,
            posts=tally.posts + is_post,
        )

    def credit(self, pattern: URLPattern) -> None:
        """Counts a post that only pages of this pattern link to as if the post were a page of the pattern."""
        tally = self._tallies.get(pattern, PatternTally())
        self._tallies[pattern] = replace(tally, idle=0, known=0, posts=tally.posts + 1)

    def is_used_by_posts(self, pattern: URLPattern) -> bool:
        """Returns True if a page of this pattern was a post, or if a post was found that only pages of this pattern
        link to.
        """
        tally = self._tallies.get(pattern)
        return tally is not None and tally.posts > 0

    def patterns_of_known(self) -> list[URLPattern]:
        """Returns the patterns of tag and date lists whose fetched pages led only to known posts."""
        return [
            pattern
            for pattern, tally in self._tallies.items()
            if pattern.family in SIDE_LISTS and tally.known and not tally.unknown
        ]

    def patterns_read(self, family: str) -> list[URLPattern]:
        """Returns the patterns of this family that have fetched pages, provided that the last of these pages
        existed.
        """
        return [one for one, tally in self._tallies.items() if one.family == family and not tally.missing]

    def reopen(self, pattern: URLPattern) -> None:
        """Gives a pattern a new budget, five times as large, because a sample of its set-aside pages had news."""
        tally = self._tallies.get(pattern, PatternTally())
        self._tallies[pattern] = replace(tally, idle=0, known=0, missing=0, reopened=True)

    def remaining(self, pattern: URLPattern) -> int:
        """Returns how many more pages without news of this pattern may be fetched; 1,000,000 if there is no limit."""
        tally = self._tallies.get(pattern, PatternTally())
        budget = ALLOWED.get(pattern.family)
        if budget is None or (tally.posts and budget.per_own_post is None):
            return 1_000_000
        if pattern.family == "paging" and tally.missing >= _MOST_MISSING:
            return 0
        times, more = _REOPENED if tally.reopened else 1, (budget.per_own_post or 0) * tally.posts
        if self.is_limited_by_sources(pattern):
            least = (budget.when_listed or 0) // (2 if self._coverage().is_complete_twice else 1)
            return max(least * times + more - tally.known, 0)
        if pattern in self._without_posts and not tally.reopened:
            return max(FEW_VIEWS - tally.known, 0)
        limit = budget.idle * times + more
        if budget.per_post and tally.idle >= limit:
            limit += budget.per_post * self._known_posts()
        return max(limit - tally.idle, 0)

    def is_limited_by_sources(self, pattern: URLPattern) -> bool:
        """Returns True if the small budget for sites whose sources list all posts applies to a pattern.

        It applies to the pages of a list only if links on pages also lead to all posts, since most links are on the
        pages of lists.
        """
        budget, coverage = ALLOWED.get(pattern.family), self._coverage()
        if budget is None or budget.when_listed is None:
            return False
        return coverage.is_complete_twice if pattern.family == "paging" else coverage.is_complete


def is_exempt_from_budget(
    pattern: URLPattern, found: list[tuple[DiscoverySource, URLPattern]], *, by_sources: bool = False
) -> bool:
    """Returns True if a page is fetched even if the budget of its URL pattern is used up.

    `found` contains the sources that listed the page, each with the URL pattern of the page where the source found it.
    `by_sources` is True if the budget is the small one for sites whose sources list all posts. In this case a page of a
    month, for example, is not exempt even if a sitemap or the menu contains it.
    """
    budget = ALLOWED.get(pattern.family)
    if budget is None:
        return True
    vouched = budget.vouched and not (by_sources and pattern.family in _LISTS_OF_POSTS)
    from_elsewhere = budget.from_elsewhere and not by_sources
    return any(
        (vouched and source in _VOUCHING) or (from_elsewhere and at != pattern and source is not DiscoverySource.CDX)
        for source, at in found
    )


def pattern_budget_reason(pattern: URLPattern) -> str:
    """Returns the reason why the remaining pages of a pattern are excluded, as a phrase."""
    return f"the last {ALLOWED[pattern.family].says} like this one led to no new post"


# Equivalent URLs.


_OPPOSITE |= {other: name for name, other in _OPPOSITE.items()}
