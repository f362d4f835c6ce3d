"""The spider of a site: parses what the scheduler hands out, and yields the result of each page."""

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

from archiver.discovery.addresses import at_origin, origin_of
from archiver.discovery.listing import is_redirector
from archiver.discovery.traps import SCOPE
from archiver.errors import ArchiverError
from archiver.extensions.crawl_archive import ArchiveExtension
from archiver.frontier.reach import Permission
from archiver.frontier.schedule import SOURCE_KINDS, VOUCHING
from archiver.items import Outcome, PageKind, Source, Target, Visit
from archiver.middlewares.refusals import RobotsUnreadable, RunEnded
from archiver.spiders.contact import contact_for, names_contact, user_agent
from archiver.spiders.crawl_run import CrawlOrder, Only
from archiver.spiders.ending import cannot_crawl, robots_unreadable, walled
from archiver.spiders.failure import UNREACHABLE, failure_of
from archiver.spiders.gathering import Gathering, begin, take
from archiver.spiders.page_request import (
    FetchedPage,
    PageRequest,
    ParsedPage,
    fetched_page,
    page_of,
    request_for,
)
from archiver.spiders.parse import SiteContext, nowhere_of, parse_page
from archiver.spiders.probing import Probing
from archiver.spiders.source_guesses import SourceGuesses
from archiver.spiders.watch import WALLS
from archiver.store.requisites import MODES
from archiver.urls import Scope, normalize, start_address, urlkey

T = TypeVar("T")
_log = logging.getLogger(__name__)
_NO_URL = ("the spider 'site' needs the address of a site: scrapy crawl site -a url=https://blog.example.org/ "
           "(or 'archiver crawl')")


class SiteSpider(Spider):
    """Crawls one site into the archive named by the setting ARCHIVE_PATH.

    Arguments (`scrapy crawl site -a url=... -a full=1 -a limit=10 -a since=2024-01-01`): `url` is the start
    address and the scope; `full` revisits everything; `limit` ends the run after so many posts;
    `since` leaves posts alone that a source dates earlier; `requisites` (none, lead, all) goes before
    the site's own setting.

    Without `url`, and under `scrapy shell`, `fetch` and `parse`, it reads single pages and archives nothing.
    """

    name = "site"
    permission: Permission | None = None
    """What the crawl may reach beside the public internet; None: what a person asks for by hand."""

    def __init__(self, url: str = "", full: str | bool = False, limit: str | int = 0, since: str = "",
                 only: Only = "", requisites: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.order: CrawlOrder | None = None
        if url and self._has_own_start():
            self.order = CrawlOrder(
                start_address(url), full=str(full).lower() in ("1", "true", "yes"), limit=int(limit),
                since=datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None, only=only,
                mode=next((mode for mode in MODES if mode == requisites), None))
        self._home: FetchedPage | None = None
        self._home_leads_on: bool | None = None
        self._probing = Probing()
        self._gatherings: dict[str, Gathering] = {}
        self._robots_sitemaps: list[str] = []
        self._guesses = SourceGuesses()

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        if spider.order is not None and not names_contact(crawler.settings["USER_AGENT"]):
            # `scrapy crawl site` comes here without the command line of `archiver crawl`.
            contact = contact_for(spider.order.start_url, os.environ.get("ARCHIVER_CONTACT"))
            crawler.settings.set("USER_AGENT", user_agent(contact), priority="spider")
        crawler.signals.connect(spider._robots, signal=signals.robots_parsed)
        return spider

    @cached_property
    def archive(self) -> ArchiveExtension:
        archive = self.crawler.get_extension(ArchiveExtension)
        assert archive is not None
        return archive

    async def start(self) -> AsyncIterator[Any]:
        """Nothing: the scheduler hands out what is due in the pages table."""
        if self.order is None:
            _log.error(_NO_URL)
            self.crawler.signals.connect(self._never_began, signal=signals.engine_stopped)
            raise CloseSpider("no_url")
        return
        yield  # what makes it a generator

    _start = start

    def _never_began(self) -> None:
        """A crawler that has no spider in the end has failed, and `scrapy crawl` ends with exit code 1."""
        self.crawler.spider = None

    @classmethod
    def _has_own_start(cls) -> bool:
        """False under `scrapy fetch` and `scrapy parse`, which put a start of theirs in its place."""
        return cls.start is cls._start

    def parse(self, response: Response, **kwargs: Any) -> Iterator[Visit | Request]:
        """Any response at all; the page request in its meta says what it was requested for.

        Without one (`scrapy parse`) the page is read as one of any site: its result, and requests for what it links to.
        """
        page = page_of(response.request) if response.request is not None else None
        if page is None:
            yield from self._by_hand(response)
            return
        self.archive.pages_answered += 1
        yield from self._guarded(lambda: self._answered(page, fetched_page(response)))

    def _by_hand(self, response: Response) -> Iterator[Visit | Request]:
        page = PageRequest(0, response.url, urlkey(response.url), PageKind.UNKNOWN)
        visit = parse_page(fetched_page(response), page, SiteContext(Scope.of(origin_of(response.url)))).visit
        yield visit
        yield from (Request(target.url) for target in visit.targets if not target.trap)

    def _guarded(self, steps: Callable[[], Iterable[T]]) -> Iterator[T]:
        """The steps, until the archive cannot be written any more."""
        with self.archive.guarded():
            if not self.archive.halted:
                yield from steps()

    def _answered(self, page: PageRequest, fetched: FetchedPage) -> Iterator[Visit | Request]:
        archive = self.archive
        run = archive.run
        if page.is_probe:
            self._probed(page, fetched)
            return
        self._home = fetched if page.is_seed and fetched.status == 200 else self._home
        if page.step == "ids" and page.alive < 0:
            # What the changes listed is written by now: a new post must not make up for one that is gone.
            page = replace(page, alive=archive.pages.posts_alive(Source.API, page.url))
        site = SiteContext(run.scope, archive.pages.is_news, run.teacher.read, run.nowhere, run.mode == "all")
        yield from self._carry_on(page, parse_page(fetched, page, site))

    def _probed(self, page: PageRequest, fetched: FetchedPage) -> None:
        """What the site answers for an address that does not exist."""
        archive, found = self.archive, nowhere_of(fetched)
        if self._home_leads_on is False and self._home and (
                why := self._probing.verdict(found, nowhere_of(self._home), archive.run.site["soft_not_found"])):
            archive.stop(cannot_crawl(archive.order.start_url, why).reason)
            return
        archive.pages.probed(page)
        # A home page without a link may be the notice of a fault that all addresses show: it proves nothing.
        if found.look is None or self._home_leads_on:
            archive.run.remember_nowhere(found)

    def failed(self, failure: Failure) -> Iterator[Visit | Request]:
        """No response: refused by robots.txt, no such host, a time-out ..."""
        request: Request = failure.request  # type: ignore[attr-defined]
        page, archive = page_of(request), self.archive
        assert page is not None
        if page.is_probe:
            archive.pages.probed(page)
            return
        ending = archive.ending
        if isinstance(failure.value, RunEnded | ArchiverError) or (ending and ending.outcome == "waiting"):
            return
        error = failure.value
        if isinstance(error, RobotsUnreadable) and error.rule not in UNREACHABLE and archive.is_own_host(
                urlsplit(request.url).hostname or ""):
            archive.end(robots_unreadable(archive.order.start_url, error.reason))
            return
        outcome, rule, reason = failure_of(error)
        if page.is_seed and not page.known:
            archive.fatal = cannot_crawl(archive.order.start_url, reason).reason
        visit = Visit(url=page.url, final_url=page.url, at=datetime.now(UTC), outcome=outcome, kind=page.kind,
                      reason=reason, rule=rule)
        yield from self._guarded(lambda: self._carry_on(page, ParsedPage(visit)))

    def _carry_on(self, page: PageRequest, parsed: ParsedPage) -> Iterator[Visit | Request]:
        archive = self.archive
        archive.outages.seen(parsed.visit, self.crawler.engine)
        if page.part_of and not parsed.follow:
            part, gathering = take(self._gatherings.pop(urlkey(page.part_of)), parsed, page)
            yield replace(part, targets=tuple(self._settled(t) for t in part.targets))
            yield from self._gather(gathering)
            return
        visit = self._seed_read(parsed.visit, parsed, page) if page.is_seed else parsed.visit
        self._probing.seen(page, visit)
        visit = archive.run.watch.settled(visit)
        visit = replace(visit, targets=(*(self._settled(t) for t in visit.targets), *self._guesses.next(page, parsed)))
        if begun := begin(visit, page, archive.run.scope, archive.pages.stored_article):
            yield from self._gather(begun)
            return
        sure = list(archive.outages.sure(page, visit))
        yield from (other for other in sure if other is not visit)
        if visit in sure:
            yield from self._done(visit, parsed)

    def _gather(self, gathering: Gathering) -> Iterator[Visit | Request]:
        """Request the next page of a post that has several, or yield the post once they are read."""
        if not gathering.following:
            yield from self._done(gathering.result)
            return
        self._gatherings[urlkey(gathering.request.url)] = gathering
        page = self.archive.pages.further_page(gathering.following, gathering.request.url)
        yield request_for(page, page.url, self)

    def _done(self, visit: Visit, parsed: ParsedPage | None = None) -> Iterator[Visit | Request]:
        archive = self.archive
        archive.count_post(visit)
        if archive.run.watch.is_walled(visit):
            archive.fatal = archive.fatal or walled(archive.order.start_url, visit.rule)
        # Under way before the result is stored: no post is handed out in between.
        probe = self._probe(visit, parsed)
        yield visit
        if probe:
            yield request_for(probe, probe.url, self)
        if parsed and parsed.follow:
            url, page = parsed.follow
            yield request_for(page, url, self)

    def _probe(self, visit: Visit, parsed: ParsedPage | None) -> PageRequest | None:
        """A request for an address that does not exist, where it is time to ask for one."""
        if self.archive.fatal:
            return None
        if self._is_home_read(visit, parsed) and (probe := self.archive.pages.probe()):
            return probe
        goes_on = parsed is not None and parsed.follow is not None
        is_due = not goes_on and self._home_leads_on is not None and self._probing.is_due
        return self.archive.pages.probe(again=True) if is_due else None

    def _is_home_read(self, visit: Visit, parsed: ParsedPage | None) -> bool:
        """Whether this is the home page, answering for itself: only then is it worth asking for what is not there."""
        return parsed is not None and visit.final_url == self.archive.base and (
            visit.outcome not in (Outcome.DUE, Outcome.DUPLICATE)) and urlkey(visit.url) == self.archive.run.seed_key

    def _seed_read(self, visit: Visit, parsed: ParsedPage, page: PageRequest) -> Visit:
        """The home page has answered: its scheme and host are the site's; what it does not declare is guessed."""
        archive = self.archive
        if visit.outcome is Outcome.DUPLICATE:
            archive.run.seed_key = urlkey(visit.final_url)
        if visit.outcome in (Outcome.DUE, Outcome.DUPLICATE):
            return visit
        if visit.rule in WALLS:
            archive.wall = visit.rule  # feeds and sitemaps may list posts that stand before it
        elif visit.rule == "not-html" or visit.outcome in (Outcome.FAILED, Outcome.GONE, Outcome.REFUSED,
                                                           Outcome.OUT_OF_SCOPE):
            archive.fatal = archive.fatal or cannot_crawl(archive.order.start_url, visit.reason).reason
            return visit
        archive.base = visit.final_url
        self._home_leads_on = visit.status == 304 or any(
            t.kind not in SOURCE_KINDS and not t.trap for t in visit.targets)
        archive.run.remember_platform(parsed.platform)
        declared = [Target(url, Source.LINK, PageKind.SITEMAP, found_on="robots.txt") for url in self._robots_sitemaps]
        return replace(visit, targets=(*visit.targets, *declared, *self._first_guesses(visit, declared, parsed, page)))

    def _first_guesses(self, visit: Visit, declared: list[Target], parsed: ParsedPage,
                       page: PageRequest) -> list[Target]:
        """One address for each kind of source that the site does not declare; the others come where it is none."""
        archive = self.archive
        kinds, waiting, asked = {t.kind for t in (*visit.targets, *declared)}, set[str](), set[str]()
        if page.known:
            # A run that died may have died between two guesses.
            has, waiting, asked = archive.pages.sources_known()
            kinds |= {PageKind(kind) for kind in has}
            self._probing.silent(visit, alone=not has and not self._home_leads_on)
        if parsed.is_feed:
            return []
        return self._guesses.first(archive.base, archive.run.scope, declared=kinds, waiting=waiting, asked=asked)

    def _settled(self, target: Target) -> Target:
        """Addresses of the site take the scheme and the www of its home page: one page, one way to request it.

        What a sitemap, feed or API lists that lies outside the site is recorded, and not requested.
        """
        target = replace(target, url=at_origin(target.url, origin_of(self.archive.base)))
        outside = target.source in VOUCHING and target.kind not in SOURCE_KINDS and not (
            self.archive.run.scope.contains(target.url) or is_redirector(target.url))
        return replace(target, trap=SCOPE) if outside else target

    def _robots(self, robotparser: Any, request: Request) -> None:
        """robots.txt names sitemaps (RFC 9309 leaves room for it); Scrapy reads the rules, not these."""
        found = getattr(robotparser.rp, "sitemaps", ())
        self._robots_sitemaps += [u for u in (normalize(s) for s in found) if u and u not in self._robots_sitemaps]
