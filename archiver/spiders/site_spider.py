"""The line: the way of a page through a crawl. Read this file first.

    queue -> fetch -> read -> decide -> store

- queue: the pages of a site are rows of the table `pages`. `scheduler.FrontierScheduler` hands out those that are due,
  as `PageQueue.take` chooses them, each as a Scrapy request with its `PageRequest`.
- fetch: Scrapy's downloader, with the handler and the middlewares of this project, gets the response; it is in the WARC
  file before anything reads it.
- read: `SiteSpider.parse` below has `parse_page` read the response by what is known of the site, the frozen `SiteModel`
  of that moment. The result is one `PageResult`. `parse_page` asks the archive nothing and writes nothing; what it
  must know comes with the request, is asked before it by `_read`, or is in the model.
- decide and store: the spider yields the result to the pipelines, and `storage.page_writer.store` takes one after the
  other, a batch in one transaction: what is stored of the post, what becomes of it (`articles.decision.decide`, a pure
  function with an outcome of `model.items.Outcome`), and its rows.

Between two batches of pages, `learning.checkpoint.Learning` may make a new `SiteModel` from stored captures. All that a
kill can lose is what was not stored: its pages are still due.
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
from archiver.discovery.url_patterns import FILE, SCOPE, is_asset, origin_of, with_origin
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.frontier.fetch_order import SOURCE_KINDS, VOUCHING_SOURCES
from archiver.guarded_download_handler import RobotsUnreadable, RunEnded
from archiver.learning.site_model import SiteModel
from archiver.model.errors import ArchiverError
from archiver.model.items import REDIRECTS, DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.model.urls import Scope, urlkey
from archiver.politeness.network_address_policy import Permission
from archiver.sites.crawler_identity import contact_of, names_contact, user_agent
from archiver.spiders.crawl_order import CrawlOrder, order_of_arguments
from archiver.spiders.home_page import HomePage
from archiver.spiders.page_request import (
    FetchedPage,
    PageRequest,
    ParsedPage,
    fetched_page,
    notes_of,
    page_of,
    request_for,
)
from archiver.spiders.parse_response import all_posts_again, parse_page
from archiver.spiders.part_collection import PartCollection, add_part, begin_collection
from archiver.spiders.run_ending import (
    UNREACHABLE,
    cannot_crawl,
    outcome_of_failure,
    retried_source,
    robots_unreadable,
    wall_sentence,
)

T = TypeVar("T")
_ON_PAGES = frozenset({DiscoverySource.LINK, DiscoverySource.LISTING, DiscoverySource.CDX})
_NO_URL = (
    "the spider 'site' needs the address of a site: scrapy crawl site -a url=https://blog.example.org/ "
    "(or 'archiver crawl')"
)
_log = logging.getLogger(__name__)


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

    def __init__(self, url: str = "", **arguments: Any) -> None:
        super().__init__()
        order = order_of_arguments(url, **arguments)
        is_single = type(self).start is not type(self)._start  # `scrapy fetch` and `parse` replace the method `start`
        self.order: CrawlOrder | None = order if url and not is_single else None
        self._collections: dict[str, PartCollection] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        # asyncio logs an error that `scrapy crawl` does not catch: no contact, an archive in use.
        logging.getLogger("asyncio").addFilter(_log_sentence_only)
        spider = super().from_crawler(crawler, *args, **kwargs)
        if spider.order is not None and not names_contact(crawler.settings["USER_AGENT"]):
            # `scrapy crawl site` does not go through `archiver crawl`, which asks for the contact.
            contact = contact_of(spider.order.start_url, os.environ.get("ARCHIVER_CONTACT"))
            crawler.settings.set("USER_AGENT", user_agent(contact), priority="spider")
        if spider.order is not None:
            crawler.signals.connect(spider._note_sitemaps, signal=signals.robots_parsed)
        return spider

    @cached_property
    def archive(self) -> ArchiveExtension:
        archive = self.crawler.get_extension(ArchiveExtension)
        assert archive is not None
        return archive

    @cached_property
    def home(self) -> HomePage:
        return HomePage(self.archive)

    # Queue: the scheduler hands out the pages that are due.

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

    def _note_sitemaps(self, robotparser: Any, request: Request) -> None:
        self.home.note_sitemaps(robotparser, request)

    # Read: every response becomes one result.

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
        yield from self._guarded(lambda: self._read(page, fetched_page(response)))

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

    def _read(self, page: PageRequest, fetched: FetchedPage) -> Iterator[PageResult | Request]:
        archive = self.archive
        if page.is_probe:
            self.home.read_probe(page, fetched)
            return
        self.home.note_fetched(page, fetched)
        if page.step == "ids" and page.alive < 0:
            # The posts listed as changed are already written, so a new post cannot offset one that is gone.
            page = replace(page, alive=archive.pages.posts_alive(DiscoverySource.API, page.url))
        parsed = parse_page(fetched, page, archive.run.learning.model)
        # A link in a menu is on each page; what this run has recorded already is left out.
        found = parsed.result.targets
        new = tuple(t for t in found if t.source not in _ON_PAGES or archive.pages.claim_new_link(t))
        if new != found:
            parsed = replace(parsed, result=replace(parsed.result, targets=new))
        if page.step == "ids" and page.looks_back and archive.pages.is_set_back(parsed.result.targets):
            parsed = all_posts_again(parsed, page)
        self._learn_redirect_form(page, fetched, parsed)
        yield from self._handle(page, parsed)

    def _learn_redirect_form(self, page: PageRequest, fetched: FetchedPage, parsed: ParsedPage) -> None:
        """Records whether the host redirected a page to another spelling of its address (such as one with a slash at
        the end), or answered directly.
        """
        if page.is_source:
            return
        forms = self.archive.pages.redirect_forms
        if fetched.status in REDIRECTS and parsed.follow:
            forms.record_redirect(fetched.url, parsed.follow[0])
        elif fetched.status == 200 and parsed.result.outcome is not Outcome.GONE:
            forms.record_response(fetched.url)
            if page.known_url:  # a correct learned form counts as one more observed redirect
                forms.record_redirect(page.known_url, fetched.url)

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
        error, ending = failure.value, archive.ending
        if isinstance(error, RunEnded | ArchiverError) or (ending and ending.outcome == "waiting"):
            return
        is_own = archive.is_own_host(urlsplit(request.url).hostname or "")
        if isinstance(error, RobotsUnreadable) and error.rule not in UNREACHABLE and is_own:
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

    # Decide and store: results go to the pipelines, in the order of the responses.

    def _handle(self, page: PageRequest, parsed: ParsedPage) -> Iterator[PageResult | Request]:
        """Yields the result of a page as it goes to the pipelines, and the requests that follow from it. The result of
        a post in several parts waits until these are read.
        """
        archive = self.archive
        archive.outages.observe(parsed.result, self.crawler.engine)
        if page.part_of and not parsed.follow:
            part, collection = add_part(self._collections.pop(urlkey(page.part_of)), parsed, page)
            yield replace(part, targets=tuple(self._adapted(t) for t in part.targets))
            yield from self._collect_parts(collection)
            return
        result = self.home.adopt(parsed.result, parsed, page) if page.is_seed else parsed.result
        self.home.observe_source(page, result)
        result = archive.run.traps.correct_repeats(result)
        found = (*result.targets, *self.home.next_of_list(page, parsed, result))
        targets = (*(self._adapted(t) for t in found), *self.home.next_guesses(page, parsed))
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
        probe = self.home.probe_after(result, parsed)
        yield result
        if probe:
            yield request_for(probe, probe.url, self)
        if parsed and parsed.follow:
            url, page = parsed.follow
            yield request_for(page, url, self)

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


def without_links(result: PageResult, targets: Iterable[DiscoveredURL]) -> PageResult:
    """Returns a result in which, of the links `targets`, only the target of a redirect is recorded. It has no
    validators, so that a later crawl, which does record the links, is sent the whole page.
    """
    onward = tuple(target for target in targets if target.source is DiscoverySource.REDIRECT)
    return replace(result, targets=onward, next_pages=(), etag="", last_modified="")


def _log_sentence_only(record: logging.LogRecord) -> bool:
    """Logging filter that logs an ArchiverError as its sentence, without a traceback. Returns True, so that every
    record is logged.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ArchiverError):
        record.name, record.msg, record.args, record.exc_info = __name__, str(error), (), None
    return True
