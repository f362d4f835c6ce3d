"""Decides which posts were removed from a feed or a page of a listing, by comparing its earlier entries with its
present ones, and whether a source lists all posts of a site.

A post that is no longer shown has usually just moved down to the next page, or out of the feed. It counts as removed
only if the part of the list in which it belongs was read and does not contain it.

A site's feeds, sitemaps and API are compared with the links on its pages. A source is taken to be complete if it lists
every known post of the site, and pages link to at least 20 of these posts and to at least half of them. Sources and
links are made independently of each other, so a source that is incomplete would most likely lack some of the posts that
pages link to. If the source lacked one post in ten, it would list all of 20 linked posts with a probability of one in
eight, and all of 60 linked posts with a probability of one in five hundred. If a source is complete, the frontier
fetches only samples of the other pages that list posts.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from archiver.items import DiscoverySource

MOST_RECHECKED = 50
"""At most this many posts a day are fetched again because lists no longer show them. Without this limit, a redesign
could make the crawl fetch the whole site at once."""
_MOSTLY = 0.75
"""A list counts as ordered by date if at least this share of its posts is in order of date."""


def removed_posts(
    before: Sequence[int],
    now: Sequence[int],
    days: Mapping[int, date | None],
    *,
    is_first: bool = False,
    is_last: bool = False,
) -> list[int]:
    """Returns the IDs of the posts that were removed from a list, newest first. They are among its earlier entries
    (`before`) but not among its present ones (`now`), although the part of the list in which they belong was read.

    `days` maps each post to its day of publication, or to None if the day is unknown. Pages that are not in `days` are
    not posts. A post counts as removed only if the list still shows a post that was before it and a post that was after
    it. On the first page of a list (`is_first`), no post before it is needed. On the last page (`is_last`), no post
    after it is needed if the page has become shorter; otherwise the list may only show a fixed number of its newest
    posts.

    Returns [] if the list was or is not ordered by date, for example because it is a selection or the page has several
    lists.
    """
    old, new = _in_order(before, days), _in_order(now, days)
    standing = set(old) & set(new)
    places = [index for index, post in enumerate(old) if post in standing]
    if not places or [old[index] for index in places] != [post for post in new if post in standing]:
        return []
    is_shorter = len(set(now)) < len(set(before))
    first = -1 if is_first else places[0]
    last = len(old) if is_last and is_shorter else places[-1]
    shown = set(now)
    return [post for index, post in enumerate(old) if first < index < last and post not in shown]


def _in_order(entries: Sequence[int], days: Mapping[int, date | None]) -> list[int]:
    """Returns those posts among `entries`, the entries of a list, that are in order of date, newest first. Leaves out
    posts that are out of place, such as a pinned post, and entries that are not in `days`. Returns [] if too many are
    out of place.
    """
    posts = [entry for entry in dict.fromkeys(entries) if entry in days]
    ordered = _longest_descending(posts, _filled([days[post] for post in posts]))
    return ordered if len(ordered) >= _MOSTLY * len(posts) else []


def _filled(days: list[date | None]) -> list[int]:
    """Returns the days as numbers. Each unknown day is replaced by the last known day before it in the list, or by the
    first known day if there is none before it.
    """
    known = next((day for day in days if day is not None), date.min)
    filled = []
    for day in days:
        known = day or known
        filled.append(known.toordinal())
    return filled


def _longest_descending(posts: list[int], days: list[int]) -> list[int]:
    """Returns the longest subsequence of `posts` whose days never increase (patience sorting)."""
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for index, day in enumerate(days):
        at = bisect_right(tails, -day)
        previous.append(ends[at - 1] if at else -1)
        tails[at : at + 1] = [-day]
        ends[at : at + 1] = [index]
    chain = []
    index = ends[-1] if ends else -1
    while index >= 0:
        chain.append(posts[index])
        index = previous[index]
    return chain[::-1]


_FEWEST_LINKED = 20
_LISTS = (DiscoverySource.SITEMAP, DiscoverySource.API, DiscoverySource.FEED)
_LINKS = (DiscoverySource.LINK, DiscoverySource.LISTING)


@dataclass(frozen=True, slots=True)
class SourceCoverage:
    """The completeness of a site's sources.

    `posts` is the number of known posts, stored or due. The posts listed by feeds, by sitemaps and by the API are
    counted separately, and `listed` is the highest of these three numbers. Pages link to at least `linked` posts.
    """

    posts: int = 0
    listed: int = 0
    linked: int = 0

    @classmethod
    def of(cls, by_source: Mapping[str, int]) -> SourceCoverage:
        """Returns the coverage, given the number of posts that each discovery source reported. The key "" gives the
        number of all known posts.
        """
        return cls(
            by_source.get("", 0),
            max(by_source.get(source, 0) for source in _LISTS),
            max(by_source.get(source, 0) for source in _LINKS),
        )

    @property
    def is_complete(self) -> bool:
        """Returns True if a source is believed to list all posts of the site, including any that are not known yet."""
        return self.listed == self.posts and self.linked >= max(_FEWEST_LINKED, self.posts / 2)

    @property
    def is_undecided(self) -> bool:
        """Returns True if a source lists all known posts, but pages link to too few of them. Further links may show
        that the source is complete.
        """
        return self.listed == self.posts >= _FEWEST_LINKED and self.linked < self.posts

    @property
    def is_complete_twice(self) -> bool:
        """Returns True if a source is believed to list all posts, and links on the fetched pages also lead to all
        posts.
        """
        return self.is_complete and self.linked == self.posts
