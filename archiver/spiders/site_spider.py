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

from archiver.discovery.links import is_redirector
from archiver.discovery.page_requisites import ACCEPT
from archiver.discovery.soft404 import SoftNotFoundProfile, from_json
from archiver.discovery.url_classifier import SCOPE, at_origin, origin_of
from archiver.errors import ArchiverError
from archiver.extensions.crawl_archive import ArchiveExtension
from archiver.extensions.throttle_slots import ThrottleExtension
from archiver.frontier.revisit import SOURCE_KINDS, VOUCHING
from archiver.handlers.http_handler import HostBusy, RobotsUnreadable, RunEnded
from archiver.items import DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.politeness.address_policy import Permission
from archiver.sites.crawler_identity import contact_of, names_contact, user_agent
from archiver.spiders.crawl_run import CrawlOrder, Only
from archiver.spiders.page_queue import SourceGuesses
from archiver.spiders.page_request import (
    FetchedPage,
    FetchNotes,
    PageRequest,
    ParsedPage,
    RequisiteRequest,
    fetched_page,
    notes_of,
    page_of,
    request_for,
    requisite_of,
)
from archiver.spiders.parse_response import SiteContext, nowhere_of, parse_page
from archiver.spiders.post_parts import PartCollection, begin, take
from archiver.spiders.requisite_queue import parse_requisite, unanswered
from archiver.spiders.run_ending import UNREACHABLE, cannot_crawl, outcome_of_failure, robots_unreadable, walled
from archiver.spiders.trap_detector import WALLS
from archiver.storage.requisites import MODES, FetchedRequisite
from archiver.urls import Scope, normalize, start_address, urlkey

# When a known site is asked anew for an address that does not exist, and what its answer tells of the whole site.


class Probing:
    """Of one run. While it is asked for, no post is (`PageRequest.comes_first`)."""

    def __init__(self) -> None:
        self._doubtful = self._asked = self._sound = False

    def seen(self, request: PageRequest, visit: PageResult) -> None:
        """Enter what came of a page: a source that answered before and is a page now is doubtful; where another is what
        it was, the site is not one page. The list of a web archive says nothing of the site."""
        if request.kind not in SOURCE_KINDS or request.kind is PageKind.CDX:
            return
        if visit.kind in SOURCE_KINDS and visit.outcome in (Outcome.NOT_ARTICLE, Outcome.UNCHANGED):
            self._sound = True
        elif request.worked:  # an API that is none is refused, whatever it shows
            self._doubtful |= visit.status == 200 and visit.outcome in (Outcome.NOT_ARTICLE, Outcome.REFUSED)

    def silent(self, visit: PageResult, *, alone: bool) -> None:
        """Enter what came of a known home page: so is one that leads to nothing new, where there are no sources."""
        if alone:
            self._doubtful |= visit.status == 200 and visit.outcome is Outcome.NOT_ARTICLE

    @property
    def is_due(self) -> bool:
        """Whether it is time to ask: once in a run."""
        if not self._doubtful or self._asked:
            return False
        self._asked = True
        return True

    def verdict(self, found: SoftNotFoundProfile, home: SoftNotFoundProfile, told: str | None) -> str:
        """Why nothing is to be believed of a site whose home page leads nowhere and shows what the site shows for
        nothing; "" where something speaks for it. `told`: what it answered for nothing in earlier runs; a site that
        ever did so is filled by scripts."""
        before = from_json(told)
        if not self._doubtful or self._sound or before is None or found.look is None:
            return ""
        if home.look is None or not found.is_like(home.look):
            return ""
        if before.look is not None and before.is_like(found.look):
            return ""
        return (
            f"it shows one page for every address ({found.look.title[:80]!r}), as a domain that is for sale and a "
            "site under repair do; what is stored is kept"
        )


# Requests for images, stylesheets and fonts, and what their responses become.

_SECONDS = 30.0
"""For the whole of a response: a page waits longer, for its text."""
_RETRIES = 1


class RequisiteFetcher:
    """Of one crawl. Its requests have callbacks of their own: nothing of a requisite is an item."""

    def __init__(self, crawler: Crawler, archive: ArchiveExtension) -> None:
        self._archive = archive
        self._manners = crawler.get_extension(ThrottleExtension)
        patience = crawler.settings.getfloat("DOWNLOAD_TIMEOUT") or _SECONDS
        self._patience = min(patience, _SECONDS)

    def due(self) -> list[Request]:
        """The next requests, once no page is left."""
        return [self._request(requisite) for requisite in self._archive.run.requisites.due()]

    def _request(self, requisite: RequisiteRequest) -> Request:
        if self._manners and not self._archive.is_own_host(requisite.host):
            self._manners.stranger(requisite.host)
        return Request(
            requisite.url,
            callback=self.fetched,
            errback=self.failed,
            headers={"Accept": ACCEPT[requisite.kind]},
            meta={
                "page": requisite,
                "notes": FetchNotes(),
                "dont_redirect": True,
                "handle_httpstatus_all": True,
                "max_retry_times": _RETRIES,
                "download_timeout": self._patience,
            },
        )

    def fetched(self, response: Response) -> None:
        """A response, whatever it is."""
        assert response.request is not None
        requisite, objection = requisite_of(response.request), notes_of(response.request).objection
        assert requisite is not None
        with self._archive.guarded():
            if not self._archive.halted:
                self._done(requisite, parse_requisite(fetched_page(response), requisite, objection))

    def failed(self, failure: Failure) -> None:
        """No response: refused by a rule of ours, no such host, a time-out ..."""
        requisite = requisite_of(failure.request)  # type: ignore[attr-defined]
        assert requisite is not None
        error, archive = failure.value, self._archive
        if isinstance(error, RunEnded | ArchiverError) or archive.ending:
            archive.run.requisites.drop(requisite)
            return
        with archive.guarded():
            if archive.halted:
                return
            if isinstance(error, HostBusy):
                archive.run.requisites.drop(requisite)
                archive.run.requisites.leave(requisite.host)
            else:
                self._done(requisite, unanswered(requisite, *outcome_of_failure(error)))

    def _done(self, requisite: RequisiteRequest, result: FetchedRequisite) -> None:
        if not self._archive.run.requisites.done(requisite, result) and self._manners:
            self._manners.leave(requisite.host, f"{requisite.host} does not answer")


T = TypeVar("T")
_log = logging.getLogger(__name__)
_NO_URL = (
    "the spider 'site' needs the address of a site: scrapy crawl site -a url=https://blog.example.org/ "
    "(or 'archiver crawl')"
)


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

    def __init__(
        self,
        url: str = "",
        full: str | bool = False,
        limit: str | int = 0,
        since: str = "",
        only: Only = "",
        requisites: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.order: CrawlOrder | None = None
        if url and self._has_own_start():
            self.order = CrawlOrder(
                start_address(url),
                full=str(full).lower() in ("1", "true", "yes"),
                limit=int(limit),
                since=datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None,
                only=only,
                mode=next((mode for mode in MODES if mode == requisites), None),
            )
        self._home: FetchedPage | None = None
        self._home_leads_on: bool | None = None
        self._probing = Probing()
        self._gatherings: dict[str, PartCollection] = {}
        self._robots_sitemaps: list[str] = []
        self._guesses = SourceGuesses()

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        if spider.order is not None and not names_contact(crawler.settings["USER_AGENT"]):
            # `scrapy crawl site` comes here without the command line of `archiver crawl`.
            contact = contact_of(spider.order.start_url, os.environ.get("ARCHIVER_CONTACT"))
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

    def parse(self, response: Response, **kwargs: Any) -> Iterator[PageResult | Request]:
        """Any response at all; the page request in its meta says what it was requested for.

        Without one (`scrapy parse`) the page is read as one of any site: its result, and requests for what it links to.
        """
        page = page_of(response.request) if response.request is not None else None
        if page is None:
            yield from self._by_hand(response)
            return
        self.archive.pages_answered += 1
        yield from self._guarded(lambda: self._answered(page, fetched_page(response)))

    def _by_hand(self, response: Response) -> Iterator[PageResult | Request]:
        page = PageRequest(0, response.url, urlkey(response.url), PageKind.UNKNOWN)
        visit = parse_page(fetched_page(response), page, SiteContext(Scope.of(origin_of(response.url)))).visit
        yield visit
        yield from (Request(target.url) for target in visit.targets if not target.trap)

    def _guarded(self, steps: Callable[[], Iterable[T]]) -> Iterator[T]:
        """The steps, until the archive cannot be written any more."""
        with self.archive.guarded():
            if not self.archive.halted:
                yield from steps()

    def _answered(self, page: PageRequest, fetched: FetchedPage) -> Iterator[PageResult | Request]:
        archive = self.archive
        run = archive.run
        if page.is_probe:
            self._probed(page, fetched)
            return
        self._home = fetched if page.is_seed and fetched.status == 200 else self._home
        if page.step == "ids" and page.alive < 0:
            # What the changes listed is written by now: a new post must not make up for one that is gone.
            page = replace(page, alive=archive.pages.posts_alive(DiscoverySource.API, page.url))
        site = SiteContext(run.scope, archive.pages.is_news, run.teacher.read, run.nowhere, run.mode == "all")
        yield from self._carry_on(page, parse_page(fetched, page, site))

    def _probed(self, page: PageRequest, fetched: FetchedPage) -> None:
        """What the site answers for an address that does not exist."""
        archive, found = self.archive, nowhere_of(fetched)
        if (
            self._home_leads_on is False
            and self._home
            and (why := self._probing.verdict(found, nowhere_of(self._home), archive.run.site["soft_not_found"]))
        ):
            archive.stop(cannot_crawl(archive.order.start_url, why).reason)
            return
        archive.pages.probed(page)
        # A home page without a link may be the notice of a fault that all addresses show: it proves nothing.
        if found.look is None or self._home_leads_on:
            archive.run.remember_nowhere(found)

    def failed(self, failure: Failure) -> Iterator[PageResult | Request]:
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
        if (
            isinstance(error, RobotsUnreadable)
            and error.rule not in UNREACHABLE
            and archive.is_own_host(urlsplit(request.url).hostname or "")
        ):
            archive.end(robots_unreadable(archive.order.start_url, error.reason))
            return
        outcome, rule, reason = outcome_of_failure(error)
        if page.is_seed and not page.known:
            archive.fatal = cannot_crawl(archive.order.start_url, reason).reason
        visit = PageResult(
            url=page.url,
            final_url=page.url,
            at=datetime.now(UTC),
            outcome=outcome,
            kind=page.kind,
            reason=reason,
            rule=rule,
        )
        yield from self._guarded(lambda: self._carry_on(page, ParsedPage(visit)))

    def _carry_on(self, page: PageRequest, parsed: ParsedPage) -> Iterator[PageResult | Request]:
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

    def _gather(self, gathering: PartCollection) -> Iterator[PageResult | Request]:
        """Request the next page of a post that has several, or yield the post once they are read."""
        if not gathering.following:
            yield from self._done(gathering.result)
            return
        self._gatherings[urlkey(gathering.request.url)] = gathering
        page = self.archive.pages.further_page(gathering.following, gathering.request.url)
        yield request_for(page, page.url, self)

    def _done(self, visit: PageResult, parsed: ParsedPage | None = None) -> Iterator[PageResult | Request]:
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

    def _probe(self, visit: PageResult, parsed: ParsedPage | None) -> PageRequest | None:
        """A request for an address that does not exist, where it is time to ask for one."""
        if self.archive.fatal:
            return None
        if self._is_home_read(visit, parsed) and (probe := self.archive.pages.probe()):
            return probe
        goes_on = parsed is not None and parsed.follow is not None
        is_due = not goes_on and self._home_leads_on is not None and self._probing.is_due
        return self.archive.pages.probe(again=True) if is_due else None

    def _is_home_read(self, visit: PageResult, parsed: ParsedPage | None) -> bool:
        """Whether this is the home page, answering for itself: only then is it worth asking for what is not there."""
        return (
            parsed is not None
            and visit.final_url == self.archive.base
            and (visit.outcome not in (Outcome.DUE, Outcome.DUPLICATE))
            and urlkey(visit.url) == self.archive.run.seed_key
        )

    def _seed_read(self, visit: PageResult, parsed: ParsedPage, page: PageRequest) -> PageResult:
        """The home page has answered: its scheme and host are the site's; what it does not declare is guessed."""
        archive = self.archive
        if visit.outcome is Outcome.DUPLICATE:
            archive.run.seed_key = urlkey(visit.final_url)
        if visit.outcome in (Outcome.DUE, Outcome.DUPLICATE):
            return visit
        if visit.rule in WALLS:
            archive.wall = visit.rule  # feeds and sitemaps may list posts that stand before it
        elif visit.rule == "not-html" or visit.outcome in (
            Outcome.FAILED,
            Outcome.GONE,
            Outcome.REFUSED,
            Outcome.OUT_OF_SCOPE,
        ):
            archive.fatal = archive.fatal or cannot_crawl(archive.order.start_url, visit.reason).reason
            return visit
        archive.base = visit.final_url
        self._home_leads_on = visit.status == 304 or any(
            t.kind not in SOURCE_KINDS and not t.trap for t in visit.targets
        )
        archive.run.remember_platform(parsed.platform)
        declared = [
            DiscoveredURL(url, DiscoverySource.LINK, PageKind.SITEMAP, found_on="robots.txt")
            for url in self._robots_sitemaps
        ]
        return replace(visit, targets=(*visit.targets, *declared, *self._first_guesses(visit, declared, parsed, page)))

    def _first_guesses(
        self, visit: PageResult, declared: list[DiscoveredURL], parsed: ParsedPage, page: PageRequest
    ) -> list[DiscoveredURL]:
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

    def _settled(self, target: DiscoveredURL) -> DiscoveredURL:
        """Addresses of the site take the scheme and the www of its home page: one page, one way to request it.

        What a sitemap, feed or API lists that lies outside the site is recorded, and not requested.
        """
        target = replace(target, url=at_origin(target.url, origin_of(self.archive.base)))
        outside = (
            target.source in VOUCHING
            and target.kind not in SOURCE_KINDS
            and not (self.archive.run.scope.contains(target.url) or is_redirector(target.url))
        )
        return replace(target, trap=SCOPE) if outside else target

    def _robots(self, robotparser: Any, request: Request) -> None:
        """robots.txt names sitemaps (RFC 9309 leaves room for it); Scrapy reads the rules, not these."""
        found = getattr(robotparser.rp, "sitemaps", ())
        self._robots_sitemaps += [u for u in (normalize(s) for s in found) if u and u not in self._robots_sitemaps]
