"""The pages of one run that are due: which come next, which are under way, which are excluded as traps."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

from archiver.discovery import soft404
from archiver.discovery.links import well_known_urls
from archiver.frontier.revisit import SIDE_WAY
from archiver.items import Article, DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.spiders.crawl_run import CrawlRun
from archiver.spiders.page_request import MOST_REDIRECTS, PageRequest, ParsedPage, page_request
from archiver.storage import completeness, crawl_exclusions
from archiver.storage import pages as page_table
from archiver.storage.article_tables import article_parts
from archiver.storage.completeness import count_alive, sources_known
from archiver.storage.crawl_exclusions import redirected_from
from archiver.storage.runs import check_run
from archiver.urls import Scope, urlkey

# Feeds and sitemaps that a site does not declare: requested where sites usually have them, one of a kind at a time.


class SourceGuesses:
    """Of one run."""

    def __init__(self) -> None:
        self._queues: dict[PageKind, list[DiscoveredURL]] = {}

    def first(
        self,
        base: str,
        scope: Scope,
        *,
        declared: Collection[PageKind],
        waiting: Collection[str],
        asked: Collection[str],
    ) -> list[DiscoveredURL]:
        """The first guess for each kind of source that is not `declared`, the addresses in `asked` left out. A kind in
        `waiting` has a guess that was entered and not answered."""
        for guess in well_known_urls(base, scope):
            if guess.kind not in declared and urlkey(guess.url) not in asked:
                self._queues.setdefault(guess.kind, []).append(guess)
        return [queue.pop(0) for kind, queue in self._queues.items() if queue and kind not in waiting]

    def next(self, page: PageRequest, parsed: ParsedPage) -> list[DiscoveredURL]:
        """A guess that was no source makes way for the next one; one that was ends the guessing."""
        queue = self._queues.get(page.kind)
        if not queue or page.is_seed or parsed.visit.outcome in (Outcome.DUE, Outcome.DUPLICATE):
            return []
        if (parsed.is_feed and page.kind is PageKind.FEED) or (parsed.is_sitemap and page.kind is PageKind.SITEMAP):
            queue.clear()
            return []
        return [queue.pop(0)]


SOURCES_FIRST = 500
"""Sources that are read before the first post; a site with more (50,000 sitemaps) is asked for both in turn."""
# Some 20 MB of addresses; what was forgotten is entered in the pages table once more, to no effect.
_MOST_REPORTED = 100_000
_TESTED, _SOURCES_TESTED = 40, 10
"""Each page is requested whole once in so many runs, to test its server's validators."""


class PageQueue:
    """Hands out what is due in the pages table; a page is under way until its result is with the writer.

    `changes` counts what may make another page due or ready, so that a queue that was empty is not read again before.
    """

    def __init__(self, run: CrawlRun) -> None:
        self._run = run
        self._under_way: dict[str, PageRequest] = {}
        self._sources = 0
        self._reported: set[tuple[str, DiscoverySource, PageKind]] = set()
        self.changes = 0

    @property
    def under_way(self) -> int:
        """How many pages are handed out and not yet with the writer."""
        return len(self._under_way)

    def take(self, limit: int) -> list[PageRequest]:
        """The next pages to fetch, at most `limit`: under way from now on. What waits is written first."""
        while True:
            due = self._take(limit)
            old = [page for page in due if self._is_too_old(page)]
            if old:
                self.put_off(old)
            if len(old) < len(due) or not due:
                return [page for page in due if page not in old]

    def _take(self, limit: int) -> list[PageRequest]:
        run = self._run
        run.writer.flush()
        check_run(run.db, run.run_id, run.site)
        run.reread_samples()
        mixed = self._sources >= SOURCES_FIRST
        sources_only = not mixed and any(page.comes_first for page in self._under_way.values())
        pages: list[PageRequest] = []
        while True:
            excluded = 0
            for row in self._rows(limit, sources_only=sources_only, mixed=mixed):
                verdict = run.watch.judge(row)
                if verdict.what == "aside":
                    with run.writing():
                        crawl_exclusions.exclude_page(run.db, row["id"], verdict.rule, verdict.reason)
                    excluded += 1
                elif verdict.what == "ask":
                    pages.append(self._hand_out(row))
                    if len(pages) >= limit:
                        break
            run.counts.trapped += excluded
            if not excluded or len(pages) >= limit:
                return pages

    def _rows(self, limit: int, *, sources_only: bool, mixed: bool) -> list[dict[str, Any]]:
        """Rows of due pages that are not under way. While a source is read, only sources: what they say of a post
        comes before its page. Listings of tags and months wait for all else: what they show is news or not by then."""
        run, most = self._run, limit + len(self._under_way)
        if run.order.only:
            rows = completeness.due_pages(run.db, run.site["id"], run.started, most)
        else:
            rows = page_table.due_pages(run.db, run.site["id"], run.started, most, sources_only, mixed)
        free = [row for row in rows if row["urlkey"] not in self._under_way]
        first = any(page.level < SIDE_WAY for page in self._under_way.values()) or any(
            row["priority"] < SIDE_WAY for row in free
        )
        return [row for row in free if row["priority"] < SIDE_WAY or not first]

    def _hand_out(self, row: dict[str, Any]) -> PageRequest:
        run = self._run
        known_parts = (
            article_parts.parts_of(run.db, row["urlkey"])
            if (row["kind"] == PageKind.POST and row["fetched_at"])
            else ()
        )
        page = replace(
            self._request(row), parts=known_parts, redirected_from=redirected_from(run.db, row["id"], MOST_REDIRECTS)
        )
        self._sources += page.is_source
        self._under_way[page.urlkey] = page
        return page

    def _request(self, row: dict[str, Any]) -> PageRequest:
        run = self._run
        every = _TESTED if row["priority"] else _SOURCES_TESTED
        unconditional = not run.writer.trust.in_validators or (run.run_id + row["id"]) % every == 0
        return page_request(row, run.seed_key, full=run.order.full, unconditional=unconditional)

    def _is_too_old(self, page: PageRequest) -> bool:
        since, published = self._run.order.since, page.lead.published if page.lead else None
        return bool(since and published and published.astimezone(UTC) < since)

    def probe(self, *, again: bool = False) -> PageRequest | None:
        """A request for an address that does not exist; None where the answer is known (unless `again`) or under way."""
        if (self._run.nowhere is not None and not again) or any(p.is_probe for p in self._under_way.values()):
            return None
        url = soft404.probe_url(self._run.start_url, self._run.scope, secrets.token_hex(10))
        page = PageRequest(page_id=0, url=url, urlkey=urlkey(url), kind=PageKind.OTHER, is_probe=True)
        self._under_way[page.urlkey] = page
        return page

    def further_page(self, url: str, post: str) -> PageRequest:
        """The request for a further page of a post: conditional where what it showed is known."""
        self._run.writer.flush()
        key = urlkey(url)
        row, text = page_table.page_row(self._run.db, key), article_parts.text_of(self._run.db, key)
        if row is None or text is None:
            return PageRequest(page_id=row["id"] if row else 0, url=url, urlkey=key, kind=PageKind.PART, part_of=post)
        return replace(self._request(row), url=url, kind=PageKind.PART, text=text, part_of=post)

    def finished(self, visit: PageResult) -> None:
        """A result is with the writer: its page is no longer under way (unless its source goes on)."""
        self.changes += 1
        if visit.outcome is not Outcome.DUE:
            self._under_way.pop(urlkey(visit.url), None)

    def probed(self, page: PageRequest) -> None:
        """A probe was answered, or never will be."""
        self.changes += 1
        self._under_way.pop(page.urlkey, None)

    def put_off(self, pages: Sequence[PageRequest]) -> None:
        """Leave these pages alone in this run: they are due again at the next."""
        until = page_table.stamp(self._run.started + timedelta(seconds=1))
        with self._run.writing():
            for page in pages:
                self._under_way.pop(page.urlkey, None)
                self._run.watch.leave(page.urlkey)
                crawl_exclusions.postpone_page(self._run.db, page.page_id, until)

    def is_news(self, target: DiscoveredURL) -> bool:
        """Whether this link was not reported before in this run in the same way. Forgets when it knows too many."""
        reported = (target.url, target.source, target.kind)
        if reported in self._reported or not self._run.watch.is_wanted(target):
            return False
        if len(self._reported) >= _MOST_REPORTED:
            self._reported.clear()
        self._reported.add(reported)
        return True

    def stored_article(self, page: PageRequest) -> Article | None:
        """The article of this page, with all that waits written."""
        self._run.writer.flush()
        return article_parts.article_at(self._run.db, page.urlkey)

    def sources_known(self) -> tuple[set[str], set[str], set[str]]:
        """As `store.sources.sources_known`, with all that waits written."""
        self._run.writer.flush()
        return sources_known(self._run.db, self._run.site["id"])

    def posts_alive(self, source: DiscoverySource, found_on: str) -> int:
        """How many posts a source should still list, with all that waits written."""
        self._run.writer.flush()
        return count_alive(self._run.db, self._run.site["id"], source, found_on)
