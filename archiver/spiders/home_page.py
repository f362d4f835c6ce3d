"""What a run learns from its site's home page: where its feeds and sitemaps may be, and whether the site gives every
address the same answer, like a parked domain or a site that only scripts fill.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request

from archiver.discovery.page_links import well_known_urls
from archiver.discovery.soft_404 import SoftNotFoundProfile, profile_from_json
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.frontier.fetch_order import SOURCE_KINDS
from archiver.learning.stored_model import store_soft_not_found
from archiver.model.due_reasons import Remark
from archiver.model.items import DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.model.urls import Scope, normalize, urlkey
from archiver.spiders.page_request import FetchedPage, PageRequest, ParsedPage
from archiver.spiders.parse_response import soft_not_found_of
from archiver.spiders.run_ending import cannot_crawl
from archiver.spiders.trap_detector import REPEATED, WALLS

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


_UNREADABLE = frozenset({Outcome.FAILED, Outcome.GONE, Outcome.REFUSED, Outcome.OUT_OF_SCOPE})
"""A site whose home page has one of these outcomes cannot be crawled."""


class HomePage:
    """The home page of the site that a run crawls, and the site's answer for an address that does not exist."""

    def __init__(self, archive: ArchiveExtension) -> None:
        self._archive = archive
        self._fetched: FetchedPage | None = None
        self._has_links: bool | None = None
        self._lists_posts = False
        self._probing = Probing()
        self._guesses = SourceGuesses()
        self._robots_sitemaps: list[str] = []

    def note_sitemaps(self, robotparser: Any, request: Request) -> None:
        """Scrapy signal handler: remembers the sitemaps that a robots.txt names (RFC 9309, section 2.2.4, allows such
        records).
        """
        found = getattr(robotparser.rp, "sitemaps", ())
        self._robots_sitemaps += [u for u in (normalize(s) for s in found) if u and u not in self._robots_sitemaps]

    def note_fetched(self, page: PageRequest, fetched: FetchedPage) -> None:
        """Remembers the response for the home page."""
        if page.is_seed and fetched.status == 200:
            self._fetched = fetched

    # The answer for an address that does not exist.

    def read_probe(self, page: PageRequest, fetched: FetchedPage) -> None:
        """Records the response for an address that does not exist as the site's soft-404 profile, or stops the crawl if
        the site shows the same page everywhere.
        """
        archive, found = self._archive, soft_not_found_of(fetched)
        if self._has_links is False and self._fetched is not None:
            stored = archive.run.site["soft_not_found"]
            if why := self._probing.objection(found, soft_not_found_of(self._fetched), stored):
                archive.stop(cannot_crawl(archive.order.start_url, why).reason)
                return
        archive.pages.mark_probe_done(page)
        everywhere = self._is_everywhere(found)
        # A home page without links may be an error message, which proves nothing unless all addresses show it.
        if archive.order.pages:  # without its home page, nobody can say whether the site shows this everywhere
            archive.run.learning.model = replace(archive.run.learning.model, soft_not_found=found)
        elif found.look is None or self._has_links or everywhere:
            self._remember(replace(found, everywhere=everywhere))

    def _remember(self, found: SoftNotFoundProfile) -> None:
        """Stores how the site answers for an address that does not exist."""
        run = self._archive.run
        run.learning.model = replace(run.learning.model, soft_not_found=found)
        with run.writing():
            store_soft_not_found(run.db, run.site["id"], found, run.started)

    def _is_everywhere(self, profile: SoftNotFoundProfile) -> bool:
        """Returns True if the home page shows the same as the site's page for missing addresses. If the home page has
        not changed, the result of earlier runs counts. A home page with a list of posts is never considered the same.
        """
        if profile.look is None or self._lists_posts:
            return False
        if self._fetched is None:
            before = profile_from_json(self._archive.run.site["soft_not_found"])
            return before is not None and before.everywhere and before.resembles(profile.look)
        home = soft_not_found_of(self._fetched)
        return home.look is not None and profile.resembles(home.look)

    def probe_after(self, result: PageResult, parsed: ParsedPage | None) -> PageRequest | None:
        """Returns the request for an address that does not exist, if it is due after this result; otherwise None.
        `parsed` is the parsed page, None if the response was not parsed.
        """
        if self._archive.fatal:
            return None
        if self._is_read(result, parsed):
            known, full = self._archive.run.learning.model.soft_not_found, self._archive.order.full
            # Earlier runs saw the same page at the home page as at missing addresses. If the home page shows another
            # one now, that page was probably an error message, and the profile is learned again.
            again = known is not None and (full or (known.everywhere and not self._is_everywhere(known)))
            if probe := self._archive.pages.probe_request(again=again):
                return probe
        has_more = parsed is not None and parsed.follow is not None
        is_due = not has_more and self._has_links is not None and self._probing.is_due
        return self._archive.pages.probe_request(again=True) if is_due else None

    def _is_read(self, result: PageResult, parsed: ParsedPage | None) -> bool:
        """Returns True if this is the final result for the home page itself, and not for a redirect or an intermediate
        step. Only after this result is a soft-404 probe worthwhile.
        """
        return (
            parsed is not None
            and result.final_url == self._archive.home_url
            and (result.outcome not in (Outcome.DUE, Outcome.DUPLICATE))
            and urlkey(result.url) == self._archive.run.seed_key
        )

    # The sources of the site.

    def observe_source(self, page: PageRequest, result: PageResult) -> None:
        """Takes the result of a feed, sitemap or API as a sign of whether the site was replaced."""
        self._probing.observe_source(page, result)

    def next_guesses(self, page: PageRequest, parsed: ParsedPage) -> list[DiscoveredURL]:
        """Returns the next well-known address to try after `page`, if that was a guess and wrong."""
        return self._guesses.next(page, parsed)

    def next_of_list(self, page: PageRequest, parsed: ParsedPage, result: PageResult) -> tuple[DiscoveredURL, ...]:
        """Returns the usual address of the next page of a list without links to further pages, if there may be one: the
        page shows that there are more, it is the home page of an unknown platform, or it was found in this way itself.
        """
        if not parsed.usual_next or result.rule == REPEATED:
            return ()
        is_unknown = page.is_seed and parsed.platform in ("", "generic")
        may_follow = is_unknown or Remark.HIDDEN_PAGES in result.remarks or self._archive.pages.is_guess(page.urlkey)
        return parsed.usual_next if may_follow else ()

    def adopt(self, result: PageResult, parsed: ParsedPage, page: PageRequest) -> PageResult:
        """Returns the home page's result with the first well-known addresses to try, for the kinds of source that the
        site does not declare.

        Also adopts the page's scheme and host as those of the site, and records why the site cannot be crawled, if that
        is the case.
        """
        archive, run = self._archive, self._archive.run
        if result.outcome is Outcome.DUPLICATE:
            run.seed_key = urlkey(result.final_url)
        if result.outcome in (Outcome.DUE, Outcome.DUPLICATE):
            return result
        if result.rule in WALLS:
            archive.wall = result.rule  # feeds and sitemaps may list posts that are not behind the wall
        elif result.rule == "not-html" or result.outcome in _UNREADABLE:
            archive.fatal = archive.fatal or cannot_crawl(archive.order.start_url, result.reason).reason
            return result
        archive.home_url = result.final_url
        self._has_links = result.status == 304 or any(t.kind not in SOURCE_KINDS and not t.trap for t in result.targets)
        self._lists_posts = lists_posts(result.targets)
        run.remember_platform(parsed.platform)
        declared = [
            DiscoveredURL(url, DiscoverySource.LINK, PageKind.SITEMAP, found_on="robots.txt")
            for url in self._robots_sitemaps
        ]
        kinds, waiting, asked = {t.kind for t in (*result.targets, *declared)}, set[str](), set[str]()
        if page.known:
            # An earlier run may have died between two guesses.
            found, waiting, asked = archive.pages.sources_known()
            kinds |= {PageKind(kind) for kind in found}
            self._probing.observe_home(result, is_isolated=not found and not self._has_links)
        if parsed.is_feed:
            return replace(result, targets=(*result.targets, *declared))
        guesses = self._guesses.first(
            archive.home_url, run.scope, run.site["platform"] or "", declared=kinds, waiting=waiting, asked=asked
        )
        return replace(result, targets=(*result.targets, *declared, *guesses))
