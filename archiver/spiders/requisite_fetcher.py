"""Requests images, stylesheets and fonts of posts, and records their results."""

from __future__ import annotations

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from archiver.discovery.page_links import ACCEPT
from archiver.extensions.download_slot_throttle import ThrottleExtension
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.guarded_download_handler import HostBusy, RunEnded
from archiver.model.errors import ArchiverError
from archiver.spiders.page_request import FetchNotes, RequisiteRequest, fetched_page, notes_of, requisite_of
from archiver.spiders.requisite_queue import failed_requisite, parse_requisite
from archiver.spiders.run_ending import outcome_of_failure
from archiver.storage.requisites import FetchedRequisite

_SECONDS = 30.0
"""A whole response may take at most this many seconds. Pages get more time, since their text matters more."""


_RETRIES = 1


class RequisiteFetcher:
    """Requests the requisites of one crawl and records their results. Its requests have callbacks of their own, because
    a requisite is not an item for the pipelines.
    """

    def __init__(self, crawler: Crawler, archive: ArchiveExtension) -> None:
        self._archive = archive
        self._throttle = crawler.get_extension(ThrottleExtension)
        timeout = crawler.settings.getfloat("DOWNLOAD_TIMEOUT") or _SECONDS
        self._timeout = min(timeout, _SECONDS)

    def due(self) -> list[Request]:
        """Returns requests for the next requisites that are due. The scheduler calls this once no page is left."""
        return [self._request(requisite) for requisite in self._archive.run.requisites.due()]

    def _request(self, requisite: RequisiteRequest) -> Request:
        if self._throttle and not self._archive.is_own_host(requisite.host):
            self._throttle.limit_foreign_host(requisite.host)
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
                "download_timeout": self._timeout,
            },
        )

    def fetched(self, response: Response) -> None:
        """Scrapy callback: records the response for a requisite, whatever its status."""
        assert response.request is not None
        requisite, objection = requisite_of(response.request), notes_of(response.request).objection
        assert requisite is not None
        with self._archive.guarded():
            if not self._archive.halted:
                self._done(requisite, parse_requisite(fetched_page(response), requisite, objection))

    def failed(self, failure: Failure) -> None:
        """Scrapy errback: records a requisite whose request got no response (refused by a rule of this program, no such
        host, a timeout).
        """
        requisite = requisite_of(failure.request)  # type: ignore[attr-defined]
        assert requisite is not None
        error, archive = failure.value, self._archive
        if isinstance(error, RunEnded | ArchiverError) or archive.ending:
            archive.run.requisites.mark_not_fetched(requisite)
            return
        with archive.guarded():
            if archive.halted:
                return
            if isinstance(error, HostBusy):
                archive.run.requisites.mark_not_fetched(requisite)
                archive.run.requisites.postpone(requisite.host)
            else:
                self._done(requisite, failed_requisite(requisite, *outcome_of_failure(error)))

    def _done(self, requisite: RequisiteRequest, result: FetchedRequisite) -> None:
        if not self._archive.run.requisites.add_result(requisite, result) and self._throttle:
            self._throttle.abandon(requisite.host, f"{requisite.host} does not answer")
