"""Tries the well-known addresses of feeds and sitemaps at a site that declares none."""

from __future__ import annotations

from collections.abc import Collection

from archiver.discovery.page_links_and_well_known_urls import well_known_urls
from archiver.items import DiscoveredURL, Outcome, PageKind
from archiver.spiders.page_request import PageRequest, ParsedPage
from archiver.urls import Scope, urlkey


class SourceGuesses:
    """Tries the well-known addresses of feeds and sitemaps during one run, for a site that declares none. One address
    of each kind is tried at a time.
    """

    def __init__(self) -> None:
        self._queues: dict[PageKind, list[DiscoveredURL]] = {}

    def first(
        self,
        base: str,
        scope: Scope,
        platform: str,
        *,
        declared: Collection[PageKind],
        waiting: Collection[str],
        asked: Collection[str],
    ) -> list[DiscoveredURL]:
        """Returns the first address to try for each kind of source (feed, sitemap) that is not `declared`, relative to
        `base`, the address of the home page.

        If the site's `platform` is known, the addresses that are usual on it are tried. Skips addresses whose urlkeys
        are in `asked`. Also skips the kinds in `waiting`, because their previous guess has no response yet.
        """
        for guess in well_known_urls(base, scope, platform):
            if guess.kind not in declared and urlkey(guess.url) not in asked:
                self._queues.setdefault(guess.kind, []).append(guess)
        return [queue.pop(0) for kind, queue in self._queues.items() if queue and kind not in waiting]

    def next(self, page: PageRequest, parsed: ParsedPage) -> list[DiscoveredURL]:
        """Returns the next address to try after the guess `page` has been parsed; [] if the guess was right, or if no
        addresses are left.
        """
        queue = self._queues.get(page.kind)
        if not queue or page.is_seed or parsed.result.outcome in (Outcome.DUE, Outcome.DUPLICATE):
            return []
        if (parsed.is_feed and page.kind is PageKind.FEED) or (parsed.is_sitemap and page.kind is PageKind.SITEMAP):
            queue.clear()
            return []
        return [queue.pop(0)]
