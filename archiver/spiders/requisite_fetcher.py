"""Requests for images, stylesheets and fonts, and what their responses become."""

from __future__ import annotations

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from archiver.capture.requisite import ACCEPT
from archiver.errors import ArchiverError
from archiver.extensions.crawl_archive import ArchiveExtension
from archiver.extensions.manners import Manners
from archiver.middlewares.refusals import HostBusy, RunEnded
from archiver.spiders.failure import failure_of
from archiver.spiders.page_request import FetchNotes, RequisiteRequest, fetched_page, notes_of, requisite_of
from archiver.spiders.requisites import parse_requisite, unanswered
from archiver.store.requisites import Fetched

_SECONDS = 30.0
"""For the whole of a response: a page waits longer, for its text."""
_RETRIES = 1


class RequisiteFetcher:
    """Of one crawl. Its requests have callbacks of their own: nothing of a requisite is an item."""

    def __init__(self, crawler: Crawler, archive: ArchiveExtension) -> None:
        self._archive = archive
        self._manners = crawler.get_extension(Manners)
        patience = crawler.settings.getfloat("DOWNLOAD_TIMEOUT") or _SECONDS
        self._patience = min(patience, _SECONDS)

    def due(self) -> list[Request]:
        """The next requests, once no page is left."""
        return [self._request(requisite) for requisite in self._archive.run.requisites.due()]

    def _request(self, requisite: RequisiteRequest) -> Request:
        if self._manners and not self._archive.is_own_host(requisite.host):
            self._manners.stranger(requisite.host)
        return Request(requisite.url, callback=self.fetched, errback=self.failed,
                       headers={"Accept": ACCEPT[requisite.kind]},
                       meta={"page": requisite, "notes": FetchNotes(), "dont_redirect": True,
                             "handle_httpstatus_all": True, "max_retry_times": _RETRIES,
                             "download_timeout": self._patience})

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
                self._done(requisite, unanswered(requisite, *failure_of(error)))

    def _done(self, requisite: RequisiteRequest, result: Fetched) -> None:
        if not self._archive.run.requisites.done(requisite, result) and self._manners:
            self._manners.leave(requisite.host, f"{requisite.host} does not answer")
