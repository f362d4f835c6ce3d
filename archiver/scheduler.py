"""The Scrapy scheduler (setting SCHEDULER) that hands out the pages that are due in the pages table."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider
from scrapy.core.scheduler import Scheduler

from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.model.items import PageKind
from archiver.spiders.page_request import PageRequest, RequisiteRequest, purpose_of, request_for
from archiver.spiders.parse_response import api_address
from archiver.spiders.requisite_fetcher import RequisiteFetcher
from archiver.spiders.run_ending import internal_error

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

_BATCH = 64
"""At most this many due pages are read from the pages table at a time. Before the table is read, the results of earlier
pages are written to it."""
_UNDECIDED, _FIRST_PAGES = 2, 20
"""While it is unknown whether the host redirects addresses to another spelling (https, www, a slash at the end), at
most `_UNDECIDED` pages are requested at the same time. This limit applies only to the first `_FIRST_PAGES` pages of a
crawl, since on some sites no response ever shows this."""
_FEW_AT_A_TIME = 8
_log = logging.getLogger(__name__)


class FrontierScheduler(Scheduler):
    """Takes the requests of a crawl from the pages table, and all other requests from Scrapy's own scheduler.

    The order is:
    - follow-up requests of a page in progress (another page of a post, the next document of a source);
    - pages that were due when the table was last read;
    - retries;
    - pages that have become due since;
    - once no page is left, the requisites of posts.

    If nothing is ready, `next_request` returns None and Scrapy asks again after the next response. The downloader's
    slots enforce the delays.
    """

    def open(self, spider: Spider) -> Deferred[None] | None:
        opened = super().open(spider)
        assert self.crawler is not None
        self._archive = self.crawler.get_extension(ArchiveExtension)
        if self._archive is not None:
            self._fetcher = RequisiteFetcher(self.crawler, self._archive)
        self._following: deque[Request] = deque()
        self._due: deque[Request] = deque()
        self._retries: deque[Request] = deque()
        self._requisites: deque[Request] = deque()
        self._requisites_begun = False
        self._sent = 0
        self._read_at = -1
        return opened

    def __len__(self) -> int:
        own = (self._following, self._due, self._retries, self._requisites)
        return super().__len__() + sum(map(len, own))

    def has_pending_requests(self) -> bool:
        return len(self) > 0

    def enqueue_request(self, request: Request) -> bool:
        purpose = purpose_of(request)
        if self._archive is None or purpose is None:
            return super().enqueue_request(request)
        if isinstance(purpose, RequisiteRequest):
            self._requisites.append(request)
        elif request.meta.get("retry_times"):
            self._retries.append(request)
        else:
            self._following.append(request)
        return True

    def next_request(self) -> Request | None:
        request = super().next_request()
        if request is not None or self._archive is None:
            return request
        if self._following:
            return self._following.popleft()
        if self._due:
            return self._next_page()
        if self._retries:
            return self._retries.popleft()
        try:
            with self._archive.guarded():
                return self._next_due(self._archive)
        except Exception as error:
            # The run is stopped. Otherwise the engine would ask again and meet the same error.
            _log.exception("The crawl of %s cannot continue", self._archive.order.start_url)
            self._archive.stop(internal_error(self._archive.order.start_url, error).reason)
        return None

    def _next_due(self, archive: ArchiveExtension) -> Request | None:
        if archive.fatal or archive.ending:
            return None
        is_idle = self._is_idle()
        if is_idle or self._read_at != archive.pages.changes:
            self._read_at = archive.pages.changes
            self._due.extend(self._pages(archive))
        if self._due:
            return self._next_page()
        self._requisites_begun |= is_idle
        if not self._requisites and self._requisites_begun:
            self._requisites.extend(self._fetcher.due())
        return self._requisites.popleft() if self._requisites else None

    def _pages(self, archive: ArchiveExtension) -> list[Request]:
        """Returns requests for the next pages to fetch; [] while the outage guard checks whether the server is down, or
        if the limit on posts is reached.
        """
        if archive.outages.is_probing or (archive.order.limit and archive.posts >= archive.order.limit):
            return []
        room = archive.remaining_pages
        limit = _BATCH if room is None else min(_BATCH, room)
        if (lacking := archive.run.learning.lacks_posts) is not None:  # rules are learned before many posts are read
            limit = min(limit, max(lacking, _FEW_AT_A_TIME))
        pages = archive.pages.take(limit) if limit > 0 else []
        return [
            request_for(page, api_address(page) if page.kind is PageKind.API else page.url, self.spider)
            for page in pages
        ]

    def _next_page(self) -> Request | None:
        """Returns the request for the next due page. Returns None while the crawl waits for the first responses to show
        to which spelling of its addresses (https, www, a slash at the end) the host redirects, since pages requested
        before then would all be redirected.
        """
        page = purpose_of(self._due[0])
        if self._archive is not None and isinstance(page, PageRequest) and not page.is_source:
            if (
                self._sent < _FIRST_PAGES
                and self._count_in_progress() >= _UNDECIDED
                and self._archive.pages.redirect_forms.is_undecided(page.url)
            ):
                return None
            self._sent += 1
        return self._in_learned_form(self._due.popleft())

    def _in_learned_form(self, request: Request) -> Request:
        """Returns the request with its address in the spelling that the host prefers (https, www, a slash at the end),
        as earlier responses have shown. This is done only when the request is sent, so that as many responses as
        possible are known.
        """
        page = purpose_of(request)
        if self._archive is None or not isinstance(page, PageRequest) or page.is_source or request.url != page.url:
            return request
        url = self._archive.pages.redirect_forms.redirected(page.url)
        return request if url == page.url else request_for(replace(page, url=url, known_url=page.url), url, self.spider)

    def _is_idle(self) -> bool:
        """Returns True if no request is in progress and no response is being processed."""
        engine: Any = self.crawler.engine if self.crawler is not None else None
        return not engine.downloader.active and engine.scraper.slot.is_idle()

    def _count_in_progress(self) -> int:
        """Returns the number of requests in progress and of responses being processed."""
        engine: Any = self.crawler.engine if self.crawler is not None else None
        slot = engine.scraper.slot
        return len(engine.downloader.active) + len(slot.active) + len(slot.queue)
