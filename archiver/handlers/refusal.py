"""What stops a request on purpose, with the outcome that it has in the ledger."""

from __future__ import annotations

import logging

from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Request
from scrapy.utils.spider import DefaultSpider

from archiver.frontier.reach import Permission, permission
from archiver.items import Outcome

_log = logging.getLogger(__name__)


class Refusal(IgnoreRequest):
    """Raised where a request must not be made or its answer not be read on. It is never tried again in the same run.

    `reason` goes on where "it" is the address asked for, as all reasons of the ledger do.
    """

    def __init__(self, outcome: Outcome, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome, self.rule, self.reason = outcome, rule, reason


def permission_of(crawler: Crawler, request: Request) -> Permission:
    """What this request may reach beside the public internet.

    The spider of a crawl has its `permission`. What a person requests by hand (`scrapy shell`, `fetch`, `parse`) is
    meant as it is typed: that address, and nothing that it redirects to. Other spiders have none.
    """
    spider = crawler.spider
    given: Permission | None = getattr(spider, "permission", Permission())
    if given is not None and not isinstance(spider, DefaultSpider):
        return given
    typed = permission(next(iter(request.meta.get("redirect_urls") or (request.url,))))
    if not isinstance(spider, DefaultSpider):
        spider.permission = typed  # type: ignore[union-attr]
    return typed


def private_address(reason: str, request: Request) -> Refusal:
    """The refusal to leave the public internet (see `archiver.frontier.reach`)."""
    if "page" not in request.meta:  # nothing else reports what becomes of it
        _log.warning("%s is not requested: %s", request.url, reason)
    return Refusal(Outcome.REFUSED, "private-address", reason)
