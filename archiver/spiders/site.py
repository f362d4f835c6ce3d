"""The spider: asks for what the ledger says is due, reads the answers, and hands on what came of each."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider
from scrapy.http import Response
from twisted.python.failure import Failure

from archiver.discovery.addresses import at_origin, origin_of
from archiver.discovery.guess import guesses
from archiver.discovery.listing import is_redirector
from archiver.discovery.traps import SCOPE
from archiver.errors import ArchiverError
from archiver.frontier.reach import Permission, permission
from archiver.frontier.schedule import SOURCE_KINDS, VOUCHING
from archiver.items import Outcome, PageKind, Source, Target, Visit
from archiver.middlewares.refusals import RobotsUnreadable, RunEnded
from archiver.spiders.alarms import Alarms
from archiver.spiders.answer import nowhere_of, read
from archiver.spiders.contact import contact_for, names_contact, user_agent
from archiver.spiders.ending import cannot_crawl, robots_unreadable, still_quiet, walled
from archiver.spiders.ends import EndsEarly
from archiver.spiders.failure import UNREACHABLE, failure_of
from archiver.spiders.fetching import FetchesRequisites
from archiver.spiders.gathering import Gathering, begin, take
from archiver.spiders.job import Job
from archiver.spiders.opened import Only
from archiver.spiders.probing import Probing
from archiver.spiders.reading import Answer, Reading
from archiver.spiders.session import CrawlSession
from archiver.spiders.sources import api_address
from archiver.spiders.transport import answer_of
from archiver.spiders.watch import WALLS
from archiver.store.requisites import MODES
from archiver.urls import normalize, start_address, urlkey

# Requests handed to Scrapy at a time: enough to keep its slots busy, few enough to lose nothing by.
_WINDOW = 64


class SiteSpider(FetchesRequisites, EndsEarly, Spider):
    """Crawls one site into the archive named by the setting ARCHIVE_PATH.

    Arguments (`scrapy crawl site -a url=... -a full=1 -a limit=10 -a since=2024-01-01`): `url` is the start
    address and the scope; `full` revisits everything; `limit` ends the run after so many posts;
    `since` leaves posts alone that a source dates earlier; `requisites` (none, lead, all) goes before
    the site's own setting.
    """

    name = "site"

    def __init__(self, url: str = "", full: str | bool = False, limit: str | int = 0, since: str = "",
                 only: Only = "", requisites: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start_url = start_address(url)
        self.full = str(full).lower() in ("1", "true", "yes")
        self.limit = int(limit)
        self.since = datetime.fromisoformat(since).replace(tzinfo=UTC) if since else None
        self.only: Only = only
        self.mode = next((mode for mode in MODES if mode == requisites), None)
        self.permission = Permission()
        self._home: Answer | None = None
        self._home_tells: bool | None = None
        self._probing = Probing()
        self.session: CrawlSession
        self._alarms: Alarms
        self._posts = 0
        self._robots_sitemaps: list[str] = []
        self._guesses: dict[PageKind, list[Target]] = {}
        self._base = self.start_url

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        if not names_contact(crawler.settings["USER_AGENT"]):
            # `scrapy crawl site` comes here without the manners of `archiver crawl`.
            contact = contact_for(spider.start_url, os.environ.get("ARCHIVER_CONTACT"))
            crawler.settings.set("USER_AGENT", user_agent(contact), priority="spider")
        spider.session = CrawlSession(Path(crawler.settings["ARCHIVE_PATH"]), spider.start_url, full=spider.full,
                                       only=spider.only, mode=spider.mode)
        with spider.beginning():
            spider._begin(crawler)
        return spider

    def _begin(self, crawler: Crawler) -> None:
        run = self.session
        run.enter_cdx(anonymous=not names_contact(crawler.settings["USER_AGENT"]))
        self._alarms = Alarms(run.site_name, self.start_url, self.stop, believes_gone=run.believes_gone)
        self._base = run.home if self.only else self._base  # then the home page is not asked for
        if run.quiet_until:
            self.ending = still_quiet(self.start_url, run.quiet_until)
        self.permission = permission(self.start_url, private=bool(run.options.get("private")), service=run.cdx)
        crawler.signals.connect(self._idle, signal=signals.spider_idle)
        crawler.signals.connect(self._downloaded, signal=signals.response_downloaded)
        crawler.signals.connect(self._robots, signal=signals.robots_parsed)
        crawler.signals.connect(self.ended, signal=signals.spider_closed)

    @property
    def site_name(self) -> str:
        return self.session.site_name

    async def start(self) -> AsyncIterator[Request]:
        for request in self._first(self._next_requests):
            yield request

    def parse(self, response: Response, **kwargs: Any) -> Iterator[Visit | Request]:
        """Any answer at all: the job in its meta says what it was asked for."""
        job: Job = response.meta["job"]
        self.session.counts.requests += 1
        yield from self._guarded(lambda: self._answered(job, answer_of(response)))

    def _answered(self, job: Job, answer: Answer) -> Iterator[Visit | Request]:
        if job.is_probe:
            found = nowhere_of(answer)
            if self._home_tells is False and self._home and (
                    why := self._probing.verdict(found, nowhere_of(self._home), self.session.site["soft_not_found"])):
                self.stop(cannot_crawl(self.start_url, why).reason)
                return
            # A home page without a link may be the notice of a fault that all addresses show: it tells of none.
            self.session.probed(job, found if found.look is None or self._home_tells else None)
            yield from self._next_requests()
            return
        self._home = answer if job.is_seed and answer.status == 200 else self._home
        if job.step == "ids" and job.alive < 0:
            # What the changes told of is written by now: a post that came must not make up for one that went.
            job = replace(job, alive=self.session.alive(Source.API, job.url))
        yield from self._carry_on(job, read(answer, job, self.session.scope, self.session.is_news,
                                            self.session.teacher.read, self.session.nowhere,
                                            with_requisites=self.session.mode == "all"))

    def failed(self, failure: Failure) -> Iterator[Visit | Request]:
        """No answer: refused by robots.txt, no such host, a time-out ..."""
        request = failure.request  # type: ignore[attr-defined]
        job: Job = request.meta["job"]
        if job.is_probe:
            yield from self._guarded(lambda: self._unanswered(job))
            return
        if isinstance(failure.value, RunEnded | ArchiverError) or (self.ending and self.ending.outcome == "waiting"):
            return
        if self._is_own(request) and isinstance(failure.value, RobotsUnreadable) and (
                failure.value.rule not in UNREACHABLE):
            self.end(robots_unreadable(self.start_url, failure.value.reason))
            return
        outcome, rule, reason = failure_of(failure.value)
        if job.is_seed and not job.known:
            self.fatal = cannot_crawl(self.start_url, reason).reason
        visit = Visit(url=job.url, final_url=job.url, at=datetime.now(UTC), outcome=outcome, kind=job.kind,
                      reason=reason, rule=rule)
        yield from self._guarded(lambda: self._carry_on(job, Reading(visit)))

    def _unanswered(self, job: Job) -> Iterator[Request]:
        self.session.probed(job, None)
        yield from self._next_requests()

    def _carry_on(self, job: Job, reading: Reading) -> Iterator[Visit | Request]:
        self._alarms.seen(reading.visit, self.crawler.engine)
        if job.gathering and not reading.follow:
            part, gathering = take(job.gathering, reading, job)
            yield replace(part, targets=tuple(self._settled(t) for t in part.targets))
            yield from self._gather(gathering)
            return
        visit = reading.visit
        if job.is_seed:
            visit = self._seed_read(visit, reading, job)
        self._probing.seen(job, visit)
        visit = self.session.watch.settled(visit)
        visit = replace(visit, targets=(*(self._settled(t) for t in visit.targets), *self._next_guess(job, reading)))
        if begun := begin(visit, job, self.session.scope, self.session.stored):
            yield from self._gather(begun)
            return
        sure = list(self._alarms.sure(job, visit))
        yield from (other for other in sure if other is not visit)
        if visit in sure:
            yield from self._done(visit, reading)
        elif self.session.under_way < _WINDOW // 2:
            yield from self._next_requests()

    def _gather(self, gathering: Gathering) -> Iterator[Visit | Request]:
        """The next page of a post that has several, or the post itself once they are read."""
        if gathering.following:
            job = replace(self.session.part_job(gathering.following), gathering=gathering)
            yield self._request(job.url, job)
        else:
            yield from self._done(gathering.result)

    def _done(self, visit: Visit, reading: Reading | None = None) -> Iterator[Visit | Request]:
        self._posts += visit.outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED) and visit.kind is PageKind.POST
        if self.session.watch.is_walled(visit):
            self.fatal = self.fatal or walled(self.start_url, visit.rule)
        yield visit
        if self._is_home_read(visit, reading) and (probe := self.session.probe()):
            yield self._request(probe.url, probe)
        if reading and reading.follow:
            yield self._request(*reading.follow)
            return
        if self.session.under_way < _WINDOW // 2:
            yield from self._next_requests()

    def _is_home_read(self, visit: Visit, reading: Reading | None) -> bool:
        """Whether this is the home page, answering for itself: only then is it worth asking for what is not there."""
        return reading is not None and not self.fatal and visit.final_url == self._base and (
            visit.outcome not in (Outcome.DUE, Outcome.DUPLICATE)) and self.session.is_seed(visit)

    def _seed_read(self, visit: Visit, reading: Reading, job: Job) -> Visit:
        """The home page has answered: its scheme and host are the site's; what it does not declare is guessed."""
        if visit.outcome is Outcome.DUPLICATE:
            self.session.seed_moved(visit.final_url)
        if visit.outcome in (Outcome.DUE, Outcome.DUPLICATE):
            return visit
        if visit.rule in WALLS:
            self.wall = visit.rule  # feeds and sitemaps may tell of posts that stand before it
        elif visit.outcome in (Outcome.FAILED, Outcome.GONE, Outcome.REFUSED, Outcome.OUT_OF_SCOPE) or (
                visit.rule == "not-html"):
            self.fatal = self.fatal or cannot_crawl(self.start_url, visit.reason).reason
            return visit
        self._base = visit.final_url
        self._home_tells = visit.status == 304 or any(
            t.kind not in SOURCE_KINDS and not t.trap for t in visit.targets)
        self.session.remember_platform(reading.platform)
        declared = [Target(url, Source.LINK, PageKind.SITEMAP, found_on="robots.txt") for url in self._robots_sitemaps]
        kinds, waiting, asked = {t.kind for t in (*visit.targets, *declared)}, set[str](), set[str]()
        if job.known:
            # A run that died may have died between two guesses.
            has, waiting, asked = self.session.sources_known()
            kinds |= {PageKind(kind) for kind in has}
            self._probing.silent(visit, alone=not has and not self._home_tells)
        for guess in guesses(self._base, self.session.scope):
            if guess.kind not in kinds and urlkey(guess.url) not in asked and not reading.is_feed:
                self._guesses.setdefault(guess.kind, []).append(guess)
        first = [queue.pop(0) for kind, queue in self._guesses.items() if queue and kind not in waiting]
        return replace(visit, targets=(*visit.targets, *declared, *first))

    def _next_guess(self, job: Job, reading: Reading) -> list[Target]:
        """A guessed source that was none makes way for the next guess; one that was ends the guessing."""
        queue = self._guesses.get(job.kind)
        if not queue or job.is_seed or reading.visit.outcome in (Outcome.DUE, Outcome.DUPLICATE):
            return []
        if (reading.is_feed and job.kind is PageKind.FEED) or (reading.is_sitemap and job.kind is PageKind.SITEMAP):
            queue.clear()
            return []
        return [queue.pop(0)]

    def _settled(self, target: Target) -> Target:
        """Addresses of the site take the scheme and the www of its home page: one page, one way to ask for it.

        What a sitemap, feed or API tells of that lies outside the site is told, and not asked for.
        """
        target = replace(target, url=at_origin(target.url, origin_of(self._base)))
        outside = target.source in VOUCHING and target.kind not in SOURCE_KINDS and not (
            self.session.scope.contains(target.url) or is_redirector(target.url))
        return replace(target, trap=SCOPE) if outside else target

    def _next_requests(self) -> list[Request]:
        if self.ending or self.fatal or self._alarms.asking or (self.limit and self._posts >= self.limit):
            return []
        if self._home_tells is not None and self._probing.is_due and (probe := self.session.probe(anew=True)):
            return [self._request(probe.url, probe)]
        room = _WINDOW - self.session.under_way
        if self.limit:
            room = min(room, self.limit - self._posts - self.session.under_way)
        if most := self.budget.max_pages:
            room = min(room, most - self.session.counts.requests - self.session.under_way)
        while room > 0 and (jobs := self.session.due(room)):
            old = [job for job in jobs if self._too_old(job)]
            self.session.leave(old)
            if len(old) < len(jobs):
                return [self._request(api_address(job) if job.kind is PageKind.API else job.url, job)
                        for job in jobs if job not in old]
        return []

    def _too_old(self, job: Job) -> bool:
        published = job.lead.published if job.lead else None
        return bool(self.since and published and published.astimezone(UTC) < self.since)

    def _request(self, url: str, job: Job) -> Request:
        meta = {"job": job, "dont_redirect": True, "handle_httpstatus_all": True}
        if url == job.url:
            meta["original"] = job.original
            if not job.anew:
                meta |= {"etag": job.etag, "last_modified": job.last_modified}
        return Request(url, callback=self.parse, errback=self.failed, meta=meta, dont_filter=True,
                       priority=10 if job.is_source else 0)

    def _idle(self) -> None:
        requests = list(self._guarded(self._next_requests))
        if not requests and not (self.fatal or self.ending):
            requests = list(self._guarded(self._held_back)) or list(self._guarded(self._errands))
        for request in requests:
            self.crawler.engine.crawl(request)
        if requests:
            raise DontCloseSpider

    def _held_back(self) -> list[Request]:
        """What waited to be sure is so, now that nothing else comes."""
        for visit in self._alarms.rest():
            self.session.done(visit)
        return self._next_requests()

    def _downloaded(self, response: Response, request: Request) -> None:
        self.session.counts.bytes += len(response.body)
        self.session.writer.measuring.answered(response.status, request.meta.get("download_latency"))
        self.tick()

    def _is_own(self, request: Request) -> bool:
        return urlsplit(request.url).hostname in {urlsplit(url).hostname for url in (self._base, self.start_url)}

    def _robots(self, robotparser: Any, request: Request) -> None:
        """robots.txt names sitemaps (RFC 9309 leaves room for it); Scrapy reads the rules, not these."""
        found = getattr(robotparser.rp, "sitemaps", ())
        self._robots_sitemaps += [u for u in (normalize(s) for s in found) if u and u not in self._robots_sitemaps]
