"""The Scrapy spider that crawls a site: parses the responses to the requests that the scheduler hands out, and yields
the result for each page.

The parts of a post that is split over several pages are fetched one after the other. The post's own result is held back
until all parts are read, so that it is stored once and complete; the results of parts are stored as they arrive. If the
crawl is killed, the post is still due, and the server can answer that the parts already read are unchanged.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider
from scrapy.http import Response
from twisted.python.failure import Failure

from archiver.discovery.page_links import is_redirector, well_known_urls
from archiver.discovery.soft_404 import SoftNotFoundProfile, profile_from_json
from archiver.discovery.url_patterns import FILE, SCOPE, is_asset, origin_of, with_origin
from archiver.extensions.shared_crawl_state import ArchiveExtension
from archiver.extraction.article import MAX_PARTS, part_urls
from archiver.frontier.fetch_order import SOURCE_KINDS, VOUCHING_SOURCES
from archiver.guarded_download_handler import RobotsUnreadable, RunEnded
from archiver.learning.site_model import SiteModel
from archiver.model.errors import ArchiverError, BadArgument
from archiver.model.items import REDIRECTS, Article, DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.model.urls import Scope, normalize, start_address, urlkey
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
from archiver.spiders.run_ending import (
    UNREACHABLE,
    cannot_crawl,
    outcome_of_failure,
    retried_source,
    robots_unreadable,
    wall_sentence,
)
from archiver.spiders.trap_detector import WALLS
from archiver.storage.articles import is_further_part, part_reason, repeats_part
from archiver.storage.requisites import MODES, Mode

_MISSING = frozenset({Outcome.FAILED, Outcome.GONE})


@dataclass(frozen=True, slots=True)
class PartCollection:
    """The parts of one post that have been read, and those still to be read.

    - `request`, `result`: the request for the post itself, and its result.
    - `first`: the article on its first page.
    - `waiting`: the addresses still to fetch.
    - `whole`: the address of a view that shows all parts on one page; it counts as part 0.
    - `texts`: the texts of the parts that were read.
    - `taken`: the numbers and addresses of the parts that were read.
    - `asked`: the urlkeys that were requested.
    """

    request: PageRequest
    result: PageResult
    first: Article
    waiting: tuple[str, ...]
    whole: str
    texts: tuple[str, ...]
    taken: tuple[tuple[int, str], ...] = ()
    asked: frozenset[str] = frozenset()

    @property
    def following(self) -> str:
        """Returns the address of the part to request next; "" if all parts are read, or as many as are allowed."""
        return self.waiting[0] if self.waiting and len(self.asked) <= MAX_PARTS else ""

    @property
    def without_following(self) -> PartCollection:
        """Returns the collection without the part to request next, which is known to be another post."""
        return replace(self, waiting=self.waiting[1:])

    @property
    def with_parts(self) -> PageResult:
        """Returns the post's result, with the numbers and addresses of the parts that were read."""
        return replace(self.result, parts=self.taken)


def begin_collection(
    result: PageResult, request: PageRequest, scope: Scope, stored: Callable[[PageRequest], Article | None]
) -> PartCollection | None:
    """Returns a collection of the parts that must be read before this result is complete. Returns None if the page is
    not split, which is the usual case.

    `stored` returns the stored article of a page, for a first page that is unchanged.
    """
    if result.outcome is Outcome.ARCHIVED and result.article is not None:
        first, whole = result.article, result.article.whole_at
        if whole == first.url:
            return None
        addresses, text = [whole, *first.parts], first.body
    elif result.outcome is Outcome.UNCHANGED and request.parts:
        known, own = stored(request), next((p.text for p in request.parts if p.number == 1), None)
        if known is None or own is None:
            return None
        first, text = known, own
        whole = next((p.url for p in request.parts if p.number == 0), "")
        addresses = [p.url for p in request.parts if p.number != 1]
    else:
        return None
    waiting = tuple(url for url in addresses if url and scope.contains(url) and urlkey(url) != request.urlkey)
    if not waiting:
        return None
    return PartCollection(request, result, first, waiting, whole, (text,), asked=frozenset({request.urlkey}))


def add_part(collection: PartCollection, parsed: ParsedPage, request: PageRequest) -> tuple[PageResult, PartCollection]:
    """Adds the response for the part that `request` asked for. Returns that part's result, and the new collection."""
    result, url = parsed.result, collection.following
    number = 0 if url == collection.whole else len([n for n, _ in collection.taken if n]) + 2
    left = replace(collection, waiting=collection.waiting[1:], asked=collection.asked | {urlkey(url)})
    target = DiscoveredURL(url, DiscoverySource.LINK, PageKind.PART, found_on=collection.request.url)
    result = replace(
        result, targets=(target, *result.targets), next_pages=(), part=number, part_of=collection.request.url
    )
    reason = part_reason(number, collection.request.url)
    if result.outcome in _MISSING:
        failed = replace(result, outcome=Outcome.FAILED, kind=PageKind.PART, reason=f"{result.reason} ({reason})")
        return failed, _with_part(left, number, url)
    if result.outcome is Outcome.REFUSED:
        return replace(result, kind=PageKind.PART, reason=f"{result.reason} ({reason})"), _with_part(left, number, url)
    part = replace(result, outcome=Outcome.PART, kind=PageKind.PART, rule="part", reason=reason)
    if result.outcome is Outcome.UNCHANGED and request.text is not None:
        return part, _with_part(left, number, url, request.text)
    if result.outcome is Outcome.DUPLICATE and _number(result.final_url) > 1:
        return result, _with_waiting(left, (result.final_url,))
    shown = result.article if result.outcome is Outcome.ARCHIVED else None
    if shown is None or not is_further_part(collection.first, shown):
        if request.text is None or urlkey(result.final_url) == collection.request.urlkey:
            return result, left
        # The post still lists this page as a part, so the response is a wall, an error or a stale copy. The stored
        # text is kept.
        failed = replace(
            result,
            outcome=Outcome.FAILED,
            kind=PageKind.PART,
            article=None,
            rule="part that was lost",
            final_url=result.url,
            reason=f"it no longer shows {reason}",
        )
        return failed, _with_part(left, number, url, request.text)
    text = shown.body
    if repeats_part(text, collection.texts) or (number == 0 and len(text) < len(collection.texts[0])):
        what = "the same as another part" if number else "less than the first page"
        return replace(
            part,
            outcome=Outcome.DUPLICATE,
            final_url=collection.request.url,
            rule="part that repeats",
            article=None,
            reason=f"it shows {what} of {collection.request.url}",
        ), left
    return part, _with_waiting(_with_part(left, number, url, text), shown.parts)


def _with_part(collection: PartCollection, number: int, url: str, text: str | None = None) -> PartCollection:
    """Returns the collection with one more part that was read, and with its text (None if it has none). If the part is
    the view of all parts (number 0) and has a text, no other parts are fetched.
    """
    done = number == 0 and text is not None
    texts = collection.texts if text is None else (*collection.texts, text)
    return replace(
        collection, taken=(*collection.taken, (number, url)), texts=texts, waiting=() if done else collection.waiting
    )


def _with_waiting(collection: PartCollection, urls: tuple[str, ...]) -> PartCollection:
    """Returns the collection with further parts to fetch, found as links in a part. The first page of a long post may
    link only to the next few parts.
    """
    if any(number == 0 for number, _ in collection.taken) and not collection.waiting:
        return collection
    known = collection.asked | {urlkey(url) for url in collection.waiting}
    new = tuple(url for url in urls if url and urlkey(url) not in known)
    return replace(collection, waiting=tuple(sorted((*collection.waiting, *new), key=_number))) if new else collection


def _number(url: str) -> int:
    return next((split.number for split in part_urls(url)), 0)


_POST_NAME = re.compile(r"/[^/]+[-_][^/]+[-_][^/]+/?$|/\d{4}/\d\d?/")
"""Matches the path of a link that probably leads to a post: three words, or a date."""


_FEW_POSTS = 3


def lists_posts(targets: Iterable[DiscoveredURL]) -> bool:
    """Returns True if at least three of the links of a page probably lead to posts."""
    return sum(bool(_POST_NAME.search(urlsplit(t.url).path)) for t in targets if not t.trap) >= _FEW_POSTS


class Probing:
    """Decides when a run requests once more an address that does not exist: if the site may have been replaced by a
    parked domain or a maintenance page, which gives every address the same answer.

    This request is called a probe. While one is in progress, no post is requested, because the answer could be stored
    as its new content.
    """

    def __init__(self) -> None:
        self._is_doubtful = self._probed = self._has_source = False

    def observe_source(self, request: PageRequest, result: PageResult) -> None:
        """Updates the suspicion that the site was replaced, from the result of a feed, sitemap or API.

        If a source that worked before is now a web page, the site is suspect. If a source still works, the site does
        not show the same page everywhere. The list of a web archive shows nothing about the site.
        """
        if request.kind not in SOURCE_KINDS or request.kind is PageKind.CDX:
            return
        if result.kind in SOURCE_KINDS and result.outcome in (Outcome.NOT_ARTICLE, Outcome.UNCHANGED):
            self._has_source = True
        elif request.worked:  # an API response without posts has the outcome REFUSED
            self._is_doubtful |= result.status == 200 and result.outcome in (Outcome.NOT_ARTICLE, Outcome.REFUSED)

    def observe_home(self, result: PageResult, *, is_isolated: bool) -> None:
        """Updates the suspicion that the site was replaced, from the result of its home page, if earlier runs fetched
        it.

        The site is suspect if the page has no links and no feed or sitemap is known (`is_isolated`).
        """
        if is_isolated:
            self._is_doubtful |= result.status == 200 and result.outcome is Outcome.NOT_ARTICLE

    @property
    def is_due(self) -> bool:
        """Returns True if there are signs that the site was replaced by a parked domain, so that an address that cannot
        exist should be requested now as a test. Reading this property counts as making the test, so it is True at most
        once per run.
        """
        if not self._is_doubtful or self._probed:
            return False
        self._probed = True
        return True

    def objection(self, found: SoftNotFoundProfile, home: SoftNotFoundProfile, stored: str | None) -> str:
        """Returns why the crawl must stop: the site shows the same page, without links, for every address. Returns ""
        if it need not stop.

        `found` is the profile of the response for a missing address, and `home` is that of the home page. `stored` is
        the profile from earlier runs in JSON. If the site showed this page for missing addresses in earlier runs, too,
        the crawl goes on, because scripts fill the pages of such a site.
        """
        before = profile_from_json(stored)
        if not self._is_doubtful or self._has_source or before is None or found.look is None:
            return ""
        if home.look is None or not found.is_like(home.look):
            return ""
        if before.resembles(found.look):
            return ""
        return (
            f"it shows the same page for every address ({found.look.title[:80]!r}), like a domain for sale or a site "
            "under maintenance; what is stored is kept"
        )


class SourceGuesses:
    """Tries the well-known addresses of feeds and sitemaps during one run, for a site that declares none. One address
    of each kind is tried at a time.
    """

    def __init__(self) -> None:
        self._queues: dict[PageKind, list[DiscoveredURL]] = {}

    def first(
        self,
        base: str,
        scope: Scope,
        platform: str,
        *,
        declared: Collection[PageKind],
        waiting: Collection[str],
        asked: Collection[str],
    ) -> list[DiscoveredURL]:
        """Returns the first address to try for each kind of source (feed, sitemap) that is not `declared`, relative to
        `base`, the address of the home page.

        If the site's `platform` is known, the addresses that are usual on it are tried. Skips addresses whose urlkeys
        are in `asked`. Also skips the kinds in `waiting`, because their previous guess has no response yet.
        """
        for guess in well_known_urls(base, scope, platform):
            if guess.kind not in declared and urlkey(guess.url) not in asked:
                self._queues.setdefault(guess.kind, []).append(guess)
        return [queue.pop(0) for kind, queue in self._queues.items() if queue and kind not in waiting]

    def next(self, page: PageRequest, parsed: ParsedPage) -> list[DiscoveredURL]:
        """Returns the next address to try after the guess `page` has been parsed; [] if the guess was right, or if no
        addresses are left.
        """
        queue = self._queues.get(page.kind)
        if not queue or page.is_seed or parsed.result.outcome in (Outcome.DUE, Outcome.DUPLICATE):
            return []
        if (parsed.is_feed and page.kind is PageKind.FEED) or (parsed.is_sitemap and page.kind is PageKind.SITEMAP):
            queue.clear()
            return []
        return [queue.pop(0)]


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
