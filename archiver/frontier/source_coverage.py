"""Decides whether a site's feeds, sitemaps or API list all of its posts, by comparing them with the links on its pages.

A source is taken to be complete if it lists every known post of the site, and pages link to at least 20 of these
posts, and to half of them. Links and sources are made in different ways, so a source that left out posts would most
likely lack some of those that pages link to: if it lacked one post in ten, 20 linked posts would all be listed in
one case of eight, 60 in one of five hundred. The frontier then reads only samples of the other pages that list
posts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archiver.items import DiscoverySource

_FEWEST_LINKED = 20
_LISTS = (DiscoverySource.SITEMAP, DiscoverySource.API, DiscoverySource.FEED)
_LINKS = (DiscoverySource.LINK, DiscoverySource.LISTING)


@dataclass(frozen=True, slots=True)
class SourceCoverage:
    """How complete the sources of a site are. `posts`: how many posts are known, stored or due; `listed`: how many of
    them the kind of source lists that lists most; `linked`: how many of them pages link to, at least.
    """

    posts: int = 0
    listed: int = 0
    linked: int = 0

    @classmethod
    def of(cls, by_source: Mapping[str, int]) -> SourceCoverage:
        """Returns the coverage from the number of posts that each discovery source reported ("": all posts)."""
        return cls(
            by_source.get("", 0),
            max(by_source.get(source, 0) for source in _LISTS),
            max(by_source.get(source, 0) for source in _LINKS),
        )

    @property
    def is_complete(self) -> bool:
        """True if a source is believed to list all posts, those that nothing has shown yet included."""
        return self.listed == self.posts and self.linked >= max(_FEWEST_LINKED, self.posts / 2)

    @property
    def is_undecided(self) -> bool:
        """True if a source lists all known posts, but pages link to only some of them, so that further links may show
        that it is complete.
        """
        return self.listed == self.posts >= _FEWEST_LINKED and self.linked < self.posts

    @property
    def is_complete_twice(self) -> bool:
        """True if a source is believed to list all posts, and links on the pages that were read lead to all of them,
        too.
        """
        return self.is_complete and self.linked == self.posts
