"""Whether the sources of a site cover all of its posts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archiver.items import DiscoverySource

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
