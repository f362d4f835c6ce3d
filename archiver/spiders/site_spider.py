"""The Scrapy spider that crawls a site: parses the responses to the requests that the scheduler hands out, and yields
the result for each page.

The parts of a post that is split over several pages are fetched one after the other. The post's own result is held back
until all parts are read, so that it is stored once and complete; the results of parts are stored as they arrive. If the
crawl is killed, the post is still due, and the server can answer that the parts already read are unchanged.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider
from scrapy.http import Response
from twisted.python.failure import Failure

from archiver.discovery.page_links import is_redirector
from archiver.discovery.soft_404 import SoftNotFoundProfile, profile_from_json
from archiver.discovery.url_patterns import FILE, SCOPE, is_asset, origin_of, with_origin
from archiver.errors import ArchiverError, BadArgument
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.frontier.fetch_order import SOURCE_KINDS, VOUCHING_SOURCES
from archiver.guarded_download_handler import RobotsUnreadable, RunEnded
from archiver.items import REDIRECTS, DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.learning.site_model import SiteModel
from archiver.politeness.network_address_policy import Permission
from archiver.sites.crawler_identity import contact_of, names_contact, user_agent
from archiver.spiders.crawl_run import CrawlOrder, Only
from archiver.spiders.page_request import (
    FetchedPage,
    PageRequest,
    ParsedPage,
    fetched_page,
    notes_of,
    page_of,
    request_for,
)
from archiver.spiders.parse_response import all_posts_again, parse_page, soft_not_found_of
from archiver.spiders.part_collection import PartCollection, add_part, begin_collection
from archiver.spiders.probing import Probing, SourceGuesses, lists_posts
from archiver.spiders.run_ending import (
    UNREACHABLE,
    cannot_crawl,
    outcome_of_failure,
    retried_source,
    robots_unreadable,
    wall_sentence,
)
from archiver.spiders.trap_detector import WALLS
from archiver.storage.requisites import MODES, Mode
from archiver.urls import Scope, normalize, start_address, urlkey

_ON_PAGES = frozenset({DiscoverySource.LINK, DiscoverySource.LISTING, DiscoverySource.CDX})


def without_links(result: PageResult, targets: Iterable[DiscoveredURL]) -> PageResult:
    """Returns a result in which, of the links `targets`, only the target of a redirect is recorded. It has no
    validators, so that a later crawl, which does record the links, is sent the whole page.
    """
    onward = tuple(target for target in targets if target.source is DiscoverySource.REDIRECT)
    return replace(result, targets=onward, next_pages=(), etag="", last_modified="")


T = TypeVar("T")
_log = logging.getLogger(__name__)
_NO_URL = (
    "the spider 'site' needs the address of a site: scrapy crawl site -a url=https://blog.example.org/ "
    "(or 'archiver crawl')"
)


_ARGUMENTS = "url, full, limit, since, requisites"
_YES, _NO = ("1", "true", "yes"), ("", "0", "false", "no")


def _read_full(value: str | bool) -> bool:
    text = str(value).lower()
    if text not in (*_YES, *_NO):
        raise BadArgument("full", value, f"use {_YES[0]} or {_NO[1]}")
    return text in _YES


def _read_limit(value: str | int) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()):
        raise BadArgument("limit", value, "use a number of posts, such as 10")
    return int(text)


def _read_since(value: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if value else None
    except ValueError:
        raise BadArgument("since", value, "use a day, such as 2024-05-31") from None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _read_requisites(value: str) -> Mode | None:
    mode = next((mode for mode in MODES if mode == value), None)
    if value and mode is None:
        raise BadArgument("requisites", value, f"use {', '.join(MODES[:-1])} or {MODES[-1]}")
    return mode


def _log_sentence_only(record: logging.LogRecord) -> bool:
    """Logging filter that logs an ArchiverError as its sentence, without a traceback. Returns True, so that every
    record is logged.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ArchiverError):
        record.name, record.msg, record.args, record.exc_info = __name__, str(error), (), None
    return True


class SiteSpider(Spider):
    """Crawls one site into the archive named by the setting ARCHIVE_PATH.

    Arguments (`scrapy crawl site -a url=... -a full=1 -a limit=10 -a since=2024-01-01`): `url` is the start
    address and the scope; `full` fetches every known page again; `limit` ends the run after that many posts;
    `since` skips posts that a source dates earlier; `requisites` (none, lead, all) overrides the site's own
    setting.

    Without `url`, and under `scrapy shell`, `fetch` and `parse`, it reads single pages and archives nothing.
    """

    name = "site"
    permission: Permission | None = None
    """What the crawl may reach in addition to the public internet. None means that private addresses are allowed only
    if the user entered them as the start address.
    """

    def __init__(
        self,
        url: str = "",
        full: str | bool = False,
        limit: str | int = 0,
        since: str = "",
        only: Only = "",
        requisites: str = "",
        scheduled: bool = False,
        **kwargs: Any,
    ) -> None:
        # Only `archiver add` passes pages, as a tuple: `scrapy crawl -a pages=...` would pass a text, and is refused.
        pages: tuple[str, ...] = kwargs.pop("pages") if isinstance(kwargs.get("pages"), tuple) else ()
        if kwargs:
            unknown, value = next(iter(kwargs.items()))
            raise BadArgument(unknown, value, f"the spider has no such argument; use {_ARGUMENTS}")
        super().__init__()
        self.order: CrawlOrder | None = None
        if url and self._has_own_start():
            self.order = CrawlOrder(
                start_address(url),
                full=_read_full(full),
                limit=_read_limit(limit),
                since=_read_since(since),
                only="pages" if pages else only,
                pages=pages,
                mode=_read_requisites(requisites),
                scheduled=scheduled,
            )
        self._home: FetchedPage | None = None
        self._home_has_links: bool | None = None
        self._home_lists_posts = False
        self._probing = Probing()
        self._collections: dict[str, PartCollection] = {}
        self._robots_sitemaps: list[str] = []
        self._guesses = SourceGuesses()

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        # asyncio logs an error that `scrapy crawl` does not catch: no contact, an archive in use.
        logging.getLogger("asyncio").addFilter(_log_sentence_only)
        spider = super().from_crawler(crawler, *args, **kwargs)
        if spider.order is not None and not names_contact(crawler.settings["USER_AGENT"]):
            # `scrapy crawl site` does not go through `archiver crawl`, which asks for the contact.
            contact = contact_of(spider.order.start_url, os.environ.get("ARCHIVER_CONTACT"))
            crawler.settings.set("USER_AGENT", user_agent(contact), priority="spider")
        crawler.signals.connect(spider._note_sitemaps, signal=signals.robots_parsed)
        return spider

    @cached_property
    def archive(self) -> ArchiveExtension:
        archive = self.crawler.get_extension(ArchiveExtension)
        assert archive is not None
        return archive

    async def start(self) -> AsyncIterator[Any]:
        """Yields nothing, because the scheduler hands out the pages that are due. Without a URL, ends the crawl with an
        error.
        """
        if self.order is None:
            _log.error(_NO_URL)
            self.crawler.signals.connect(self._fail, signal=signals.engine_stopped)
            raise CloseSpider("no_url")
        return
        yield  # makes this a generator

    _start = start

    def _fail(self) -> None:
        """Scrapy signal handler: makes `scrapy crawl` exit with code 1, by leaving the crawler without a spider at the
        end.
        """
        self.crawler.spider = None

    @classmethod
    def _has_own_start(cls) -> bool:
        """Returns False if `scrapy fetch` or `scrapy parse` has replaced the `start` method, otherwise True."""
        return cls.start is cls._start

    def parse(self, response: Response, **kwargs: Any) -> Iterator[PageResult | Request]:
        """Scrapy callback for every response; the page request in its meta says what it was requested for.

        A response without such a page request (`scrapy parse`) is parsed as a single page: yields its result, and
        requests for its links.
        """
        page = page_of(response.request) if response.request is not None else None
        if page is None:
            yield from self._parse_single(response)
            return
        self.archive.pages_answered += 1
        yield from self._guarded(lambda: self._parse_crawled(page, fetched_page(response)))

    def _parse_single(self, response: Response) -> Iterator[PageResult | Request]:
        page = PageRequest(0, response.url, urlkey(response.url), PageKind.UNKNOWN)
        result = parse_page(fetched_page(response), page, SiteModel(Scope.of(origin_of(response.url)))).result
        yield result
        yield from (Request(target.url) for target in result.targets if not target.trap)

    def _guarded(self, steps: Callable[[], Iterable[T]]) -> Iterator[T]:
        """Yields what `steps` yields, but stops yielding once the archive can no longer be written."""
        with self.archive.guarded():
            if not self.archive.halted:
                yield from steps()

    def _parse_crawled(self, page: PageRequest, fetched: FetchedPage) -> Iterator[PageResult | Request]:
        archive = self.archive
        run = archive.run
        if page.is_probe:
            self._handle_probe(page, fetched)
            return
        self._home = fetched if page.is_seed and fetched.status == 200 else self._home
        if page.step == "ids" and page.alive < 0:
            # The posts listed as changed are already written, so a new post cannot offset one that is gone.
            page = replace(page, alive=archive.pages.posts_alive(DiscoverySource.API, page.url))
        parsed = parse_page(fetched, page, run.learning.model)
        parsed = replace(parsed, result=self._with_news(parsed.result))
        if page.step == "ids" and page.looks_back and archive.pages.is_set_back(parsed.result.targets):
            parsed = all_posts_again(parsed, page)
        self._learn_redirect_form(page, fetched, parsed)
        yield from self._handle(page, parsed)

    def _with_news(self, result: PageResult) -> PageResult:
        """Returns a result without the links that this run has already recorded: a link in a menu is on each page."""
        news = tuple(t for t in result.targets if t.source not in _ON_PAGES or self.archive.pages.claim_new_link(t))
        return result if news == result.targets else replace(result, targets=news)

    def _learn_redirect_form(self, page: PageRequest, fetched: FetchedPage, parsed: ParsedPage) -> None:
        """Records whether the host redirected a page to another spelling of its address (such as one with a slash at
        the end), or answered directly.
        """
        if page.is_source:
            return
        if fetched.status in REDIRECTS and parsed.follow:
            self.archive.run.redirect_forms.record_redirect(fetched.url, parsed.follow[0])
        elif fetched.status == 200 and parsed.result.outcome is not Outcome.GONE:
            self.archive.run.redirect_forms.record_response(fetched.url)
            if page.known_url:  # a correct learned form counts as one more observed redirect
                self.archive.run.redirect_forms.record_redirect(page.known_url, fetched.url)

    def _handle_probe(self, page: PageRequest, fetched: FetchedPage) -> None:
        """Records the response for an address that does not exist as the site's soft-404 profile, or stops the crawl if
        the site shows the same page everywhere.
        """
        archive, found = self.archive, soft_not_found_of(fetched)
        if (
            self._home_has_links is False
            and self._home
            and (
                why := self._probing.objection(found, soft_not_found_of(self._home), archive.run.site["soft_not_found"])
            )
        ):
            archive.stop(cannot_crawl(archive.order.start_url, why).reason)
            return
        archive.pages.mark_probe_done(page)
        everywhere = self._is_everywhere(found)
        # A home page without links may be an error message, which proves nothing unless all addresses show it.
        if archive.order.pages:  # without its home page, nobody can say whether the site shows this everywhere
            archive.run.learning.model = replace(archive.run.learning.model, soft_not_found=found)
        elif found.look is None or self._home_has_links or everywhere:
            archive.run.remember_soft_not_found(replace(found, everywhere=everywhere))

    def _is_everywhere(self, profile: SoftNotFoundProfile) -> bool:
        """Returns True if the home page shows the same as the site's page for missing addresses. If the home page has
        not changed, the result of earlier runs counts. A home page with a list of posts is never considered the same.
        """
        if profile.look is None or self._home_lists_posts:
            return False
        if self._home is None:
            before = profile_from_json(self.archive.run.site["soft_not_found"])
            return before is not None and before.everywhere and before.resembles(profile.look)
        home = soft_not_found_of(self._home)
        return home.look is not None and profile.resembles(home.look)

    def failed(self, failure: Failure) -> Iterator[PageResult | Request]:
        """Scrapy errback: yields the result for a page whose request got no response (refused by robots.txt, no such
        host, a timeout), or whose response was captured but cannot be read.
        """
        request: Request = failure.request  # type: ignore[attr-defined]
        page, archive = page_of(request), self.archive
        assert page is not None
        if page.is_probe:
            archive.pages.mark_probe_done(page)
            return
        ending = archive.ending
        if isinstance(failure.value, RunEnded | ArchiverError) or (ending and ending.outcome == "waiting"):
            return
        error = failure.value
        if (
            isinstance(error, RobotsUnreadable)
            and error.rule not in UNREACHABLE
            and archive.is_own_host(urlsplit(request.url).hostname or "")
        ):
            archive.run.writer.measuring.note_fault(error.rule)
            archive.end(robots_unreadable(archive.order.start_url, error.reason))
            return
        outcome, rule, reason = outcome_of_failure(error)
        if page.known_url and outcome is Outcome.REFUSED:  # robots.txt may allow the known address
            known = page.at_known_url()
            yield request_for(known, known.url, self)
            return
        if page.is_seed and not page.known:
            archive.fatal = cannot_crawl(archive.order.start_url, reason, rule).reason
        result = PageResult(
            url=page.url,
            final_url=page.url,
            at=datetime.now(UTC),
            outcome=outcome,
            kind=page.kind,
            reason=reason,
            rule=rule,
            capture=notes_of(request).capture,
        )
        yield from self._guarded(lambda: self._handle(page, ParsedPage(result)))

    def _handle(self, page: PageRequest, parsed: ParsedPage) -> Iterator[PageResult | Request]:
        archive = self.archive
        archive.outages.observe(parsed.result, self.crawler.engine)
        if page.part_of and not parsed.follow:
            part, collection = add_part(self._collections.pop(urlkey(page.part_of)), parsed, page)
            yield replace(part, targets=tuple(self._adapted(t) for t in part.targets))
            yield from self._collect_parts(collection)
            return
        result = self._with_guesses(parsed.result, parsed, page) if page.is_seed else parsed.result
        self._probing.observe_source(page, result)
        result = archive.run.traps.correct_repeats(result)
        targets = (*(self._adapted(t) for t in result.targets), *self._guesses.next(page, parsed))
        if not archive.run.keeps_links:
            result = without_links(result, targets)
        elif targets != result.targets:
            result = replace(result, targets=targets)
        if begun := begin_collection(result, page, archive.run.scope, archive.pages.stored_article):
            yield from self._collect_parts(begun)
            return
        if page.existed and not page.is_source and result.outcome is Outcome.GONE:
            archive.pages.search_vanished(page)
        yield from self._finish(retried_source(page, result), parsed)

    def _collect_parts(self, collection: PartCollection) -> Iterator[PageResult | Request]:
        """Yields the request for the next part of a post, or the post's result once all its parts are read."""
        pages = self.archive.pages
        while (url := collection.following) and pages.was_read_as_other_post(url, collection.first):
            collection = collection.without_following
        if not url:
            yield from self._finish(collection.with_parts)
            return
        self._collections[urlkey(collection.request.url)] = collection
        page = pages.part_request(url, collection.request.url)
        yield request_for(page, page.url, self)

    def _finish(self, result: PageResult, parsed: ParsedPage | None = None) -> Iterator[PageResult | Request]:
        archive = self.archive
        archive.count_post(result)
        if archive.run.traps.is_walled(result):
            archive.fatal = archive.fatal or wall_sentence(archive.order.start_url, result.rule)
        # The probe starts before the result is stored, so that no post is handed out in between.
        probe = self._probe(result, parsed)
        yield result
        if probe:
            yield request_for(probe, probe.url, self)
        if parsed and parsed.follow:
            url, page = parsed.follow
            yield request_for(page, url, self)

    def _probe(self, result: PageResult, parsed: ParsedPage | None) -> PageRequest | None:
        """Returns the request for an address that does not exist, if the soft-404 probe is due after this result;
        otherwise None. `parsed` is the parsed page, None if the response was not parsed.
        """
        if self.archive.fatal:
            return None
        if self._is_home_read(result, parsed):
            known, full = self.archive.run.learning.model.soft_not_found, self.archive.order.full
            # Earlier runs saw the same page at the home page as at missing addresses. If the home page shows another
            # one now, that page was probably an error message, and the profile is learned again.
            again = known is not None and (full or (known.everywhere and not self._is_everywhere(known)))
            if probe := self.archive.pages.probe_request(again=again):
                return probe
        has_more = parsed is not None and parsed.follow is not None
        is_due = not has_more and self._home_has_links is not None and self._probing.is_due
        return self.archive.pages.probe_request(again=True) if is_due else None

    def _is_home_read(self, result: PageResult, parsed: ParsedPage | None) -> bool:
        """Returns True if this is the final result for the home page itself, and not for a redirect or an intermediate
        step. `parsed` is the parsed page, None if the response was not parsed. Only after this result is a soft-404
        probe worthwhile.
        """
        return (
            parsed is not None
            and result.final_url == self.archive.home_url
            and (result.outcome not in (Outcome.DUE, Outcome.DUPLICATE))
            and urlkey(result.url) == self.archive.run.seed_key
        )

    def _with_guesses(self, result: PageResult, parsed: ParsedPage, page: PageRequest) -> PageResult:
        """Returns the home page's result with the first well-known addresses to try, for the kinds of source that the
        site does not declare.

        Also adopts the page's scheme and host as those of the site, and records why the site cannot be crawled, if that
        is the case.
        """
        archive = self.archive
        if result.outcome is Outcome.DUPLICATE:
            archive.run.seed_key = urlkey(result.final_url)
        if result.outcome in (Outcome.DUE, Outcome.DUPLICATE):
            return result
        if result.rule in WALLS:
            archive.wall = result.rule  # feeds and sitemaps may list posts that are not behind the wall
        elif result.rule == "not-html" or result.outcome in (
            Outcome.FAILED,
            Outcome.GONE,
            Outcome.REFUSED,
            Outcome.OUT_OF_SCOPE,
        ):
            archive.fatal = archive.fatal or cannot_crawl(archive.order.start_url, result.reason).reason
            return result
        archive.home_url = result.final_url
        self._home_has_links = result.status == 304 or any(
            t.kind not in SOURCE_KINDS and not t.trap for t in result.targets
        )
        self._home_lists_posts = lists_posts(result.targets)
        archive.run.remember_platform(parsed.platform)
        declared = [
            DiscoveredURL(url, DiscoverySource.LINK, PageKind.SITEMAP, found_on="robots.txt")
            for url in self._robots_sitemaps
        ]
        return replace(
            result, targets=(*result.targets, *declared, *self._first_guesses(result, declared, parsed, page))
        )

    def _first_guesses(
        self, result: PageResult, declared: list[DiscoveredURL], parsed: ParsedPage, page: PageRequest
    ) -> list[DiscoveredURL]:
        """Returns the first well-known address to try for each kind of source that the site does not declare. If an
        address fails, further addresses are tried later.
        """
        archive = self.archive
        kinds, waiting, asked = {t.kind for t in (*result.targets, *declared)}, set[str](), set[str]()
        if page.known:
            # An earlier run may have died between two guesses.
            found, waiting, asked = archive.pages.sources_known()
            kinds |= {PageKind(kind) for kind in found}
            self._probing.observe_home(result, is_isolated=not found and not self._home_has_links)
        if parsed.is_feed:
            return []
        run = archive.run
        return self._guesses.first(
            archive.home_url, run.scope, run.site["platform"] or "", declared=kinds, waiting=waiting, asked=asked
        )

    def _adapted(self, target: DiscoveredURL) -> DiscoveredURL:
        """Returns a discovered URL with the scheme of the site's home page, and with www if the home page's address has
        it, so that each page has only one address.

        Two kinds of URL get a trap rule, so that they are recorded but not requested: a URL outside the site that a
        sitemap, feed or API reports, and a file that is not a web page.
        """
        url = with_origin(target.url, origin_of(self.archive.home_url))
        target = target if url == target.url else replace(target, url=url)
        outside = (
            target.source in VOUCHING_SOURCES
            and target.kind not in SOURCE_KINDS
            and not (self.archive.run.scope.contains(target.url) or is_redirector(target.url))
        )
        if outside:
            return replace(target, trap=SCOPE)
        is_file = not target.trap and target.kind not in SOURCE_KINDS and is_asset(target.url)
        return replace(target, trap=FILE) if is_file else target

    def _note_sitemaps(self, robotparser: Any, request: Request) -> None:
        """Scrapy signal handler: remembers the sitemaps that a robots.txt names (RFC 9309, section 2.2.4, allows such
        records).
        """
        found = getattr(robotparser.rp, "sitemaps", ())
        self._robots_sitemaps += [u for u in (normalize(s) for s in found) if u and u not in self._robots_sitemaps]
