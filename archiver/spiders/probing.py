"""Decides when a run requests once more an address that cannot exist, to find out whether the site itself is there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from archiver.discovery.page_links import well_known_urls
from archiver.discovery.soft_404 import SoftNotFoundProfile, profile_from_json
from archiver.frontier.fetch_order import SOURCE_KINDS
from archiver.items import DiscoveredURL, Outcome, PageKind, PageResult
from archiver.spiders.page_request import PageRequest, ParsedPage
from archiver.urls import Scope, urlkey

_POST_NAME = re.compile(r"/[^/]+[-_][^/]+[-_][^/]+/?$|/\d{4}/\d\d?/")
"""Matches the path of a link that probably leads to a post: three words, or a date."""


_FEW_POSTS = 3


def lists_posts(targets: Iterable[DiscoveredURL]) -> bool:
    """Returns True if at least three of the links of a page probably lead to posts."""
    return sum(bool(_POST_NAME.search(urlsplit(t.url).path)) for t in targets if not t.trap) >= _FEW_POSTS


class Probing:
    """Decides when a run requests once more an address that does not exist: if the site may have been replaced by a
    parked domain or a maintenance page, which gives every address the same answer.

    This request is called a probe. While one is in progress, no post is requested, because the answer could be stored
    as its new content.
    """

    def __init__(self) -> None:
        self._is_doubtful = self._probed = self._has_source = False

    def observe_source(self, request: PageRequest, result: PageResult) -> None:
        """Updates the suspicion that the site was replaced, from the result of a feed, sitemap or API.

        If a source that worked before is now a web page, the site is suspect. If a source still works, the site does
        not show the same page everywhere. The list of a web archive shows nothing about the site.
        """
        if request.kind not in SOURCE_KINDS or request.kind is PageKind.CDX:
            return
        if result.kind in SOURCE_KINDS and result.outcome in (Outcome.NOT_ARTICLE, Outcome.UNCHANGED):
            self._has_source = True
        elif request.worked:  # an API response without posts has the outcome REFUSED
            self._is_doubtful |= result.status == 200 and result.outcome in (Outcome.NOT_ARTICLE, Outcome.REFUSED)

    def observe_home(self, result: PageResult, *, is_isolated: bool) -> None:
        """Updates the suspicion that the site was replaced, from the result of its home page, if earlier runs fetched
        it.

        The site is suspect if the page has no links and no feed or sitemap is known (`is_isolated`).
        """
        if is_isolated:
            self._is_doubtful |= result.status == 200 and result.outcome is Outcome.NOT_ARTICLE

    @property
    def is_due(self) -> bool:
        """Returns True if there are signs that the site was replaced by a parked domain, so that an address that cannot
        exist should be requested now as a test. Reading this property counts as making the test, so it is True at most
        once per run.
        """
        if not self._is_doubtful or self._probed:
            return False
        self._probed = True
        return True

    def objection(self, found: SoftNotFoundProfile, home: SoftNotFoundProfile, stored: str | None) -> str:
        """Returns why the crawl must stop: the site shows the same page, without links, for every address. Returns ""
        if it need not stop.

        `found` is the profile of the response for a missing address, and `home` is that of the home page. `stored` is
        the profile from earlier runs in JSON. If the site showed this page for missing addresses in earlier runs, too,
        the crawl goes on, because scripts fill the pages of such a site.
        """
        before = profile_from_json(stored)
        if not self._is_doubtful or self._has_source or before is None or found.look is None:
            return ""
        if home.look is None or not found.is_like(home.look):
            return ""
        if before.resembles(found.look):
            return ""
        return (
            f"it shows the same page for every address ({found.look.title[:80]!r}), like a domain for sale or a site "
            "under maintenance; what is stored is kept"
        )


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
