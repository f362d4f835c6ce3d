"""What `SiteSpider` has to do with images, stylesheets and fonts: they come after the pages, and by other rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.http import Response
from twisted.python.failure import Failure

from archiver.capture.requisite import ACCEPT
from archiver.errors import ArchiverError
from archiver.extensions.manners import Manners
from archiver.middlewares.refusals import HostBusy, RunEnded
from archiver.spiders.ending import Ending
from archiver.spiders.errand import Errand, read_requisite
from archiver.spiders.failure import failure_of
from archiver.spiders.requisites import failed
from archiver.spiders.session import CrawlSession
from archiver.spiders.transport import answer_of

T = TypeVar("T")
_PATIENCE = 30.0
"""Seconds for the whole of an answer: a page waits longer, for the sake of its text."""
_RETRIES = 1


class FetchesRequisites:
    """Asked for once no page is due, whatever bound on pages or posts has ended them; the run's time and bytes hold."""

    crawler: Any
    session: CrawlSession
    start_url: str
    fatal: str
    ending: Ending | None
    _base: str
    _guarded: Callable[[Callable[[], Iterable[Any]]], Iterator[Any]]

    def _errands(self) -> list[Request]:
        """The next images, stylesheets and fonts to ask for."""
        return [] if self.ending or self.fatal else [self._ask(errand) for errand in self.session.requisites.due()]

    def _ask(self, errand: Errand) -> Request:
        own = {urlsplit(url).hostname for url in (self._base, self.start_url)}
        manners = self.crawler.get_extension(Manners)
        if errand.host not in own and manners:
            manners.stranger(errand.host)
        timeout = self.crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        meta = {"errand": errand, "dont_redirect": True, "handle_httpstatus_all": True, "max_retry_times": _RETRIES,
                "download_timeout": min(timeout, _PATIENCE) if timeout else _PATIENCE,
                "etag": errand.etag, "last_modified": errand.last_modified}
        return Request(errand.url, callback=self.fetched, errback=self.unfetched, meta=meta, dont_filter=True,
                       headers={"Accept": ACCEPT[errand.kind]}, priority=-10)

    def fetched(self, response: Response) -> Iterator[Request]:
        """An answer, whatever it is."""
        self.session.counts.requisite_requests += 1
        errand: Errand = response.meta["errand"]
        yield from self._guarded(lambda: self._came(
            errand, read_requisite(answer_of(response), errand, response.meta.get("objection", ""))))

    def unfetched(self, failure: Failure) -> Iterator[Request]:
        """No answer: refused by a rule of ours, no such host, a time-out ..."""
        errand: Errand = failure.request.meta["errand"]  # type: ignore[attr-defined]
        error = failure.value
        if isinstance(error, RunEnded | ArchiverError) or self.ending:
            self.session.requisites.drop(errand)
            return
        if isinstance(error, HostBusy):
            yield from self._guarded(lambda: self._busy(errand))
            return
        self.session.counts.requisite_requests += not _never_sent(error)
        yield from self._guarded(lambda: self._came(errand, failed(errand, *failure_of(error))))

    def _came(self, errand: Errand, what: Any) -> Iterator[Request]:
        if not self.session.requisites.done(errand, what) and (manners := self.crawler.get_extension(Manners)):
            manners.leave(errand.host, f"{errand.host} does not answer")
        yield from self._errands()

    def _busy(self, errand: Errand) -> Iterator[Request]:
        self.session.requisites.drop(errand)
        self.session.requisites.leave(errand.host)
        yield from self._errands()


def _never_sent(error: BaseException | None) -> bool:
    """Whether a rule of ours kept a request from being made."""
    return failure_of(error)[1] in ("robots", "private-address", "scheme")
