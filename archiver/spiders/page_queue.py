"""The queue of the pages that are due in one run: selects the next pages, keeps track of the pages in progress, and
excludes crawl traps.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from typing import Any

from archiver.articles.article_comparison import is_other_post
from archiver.articles.guard import HoldRule
from archiver.discovery import soft_404
from archiver.frontier.fetch_order import SIDE_LISTING_PRIORITY
from archiver.frontier.trap_budgets import RedirectForms
from archiver.model.items import Article, DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.model.urls import urlkey
from archiver.spiders.crawl_run import CrawlRun
from archiver.spiders.page_request import (
    LOOK_BACK,
    MOST_REDIRECTS,
    PageRequest,
    page_request,
)
from archiver.storage import articles, completeness, sources
from archiver.storage import pages as page_table
from archiver.storage.held_pages import last_run_before_hold
from archiver.storage.pages import REDIRECTING, redirected_from
from archiver.storage.runs import check_run
from archiver.storage.sources import count_listed_pages_online, find_known_sources, has_set_back_posts

SOURCES_FIRST = 500
"""This many sources are read before the first post. After that, sources and posts take turns, since a site may have
50,000 sitemaps.
"""
_WAITING_ROWS = 300
"""If all of the first due rows wait for other pages, this many more rows are read."""
# At most this many reported URLs are remembered (about 20 MB). If there are more, all are forgotten, and some are
# recorded again, which has no effect.
_MAX_REPORTED = 100_000
_SEVERAL_VANISHED, _MOST_SEARCHED = 3, 200
"""Once `_SEVERAL_VANISHED` posts are gone in a run, the lists that showed them are read again. The other addresses of a
gone post are fetched for at most `_MOST_SEARCHED` posts in a run."""
_TEST_EVERY, _TEST_SOURCE_EVERY = 40, 10
"""A page, or a source, is requested without validators once in this many runs, to test whether the server handles
validators correctly.
"""


@dataclass(frozen=True, slots=True)
class _Selection:
    """Which due pages may be handed out: at most `limit` of them, chosen from the first `limit` + `more` due rows.

    - `is_patient`: a page that other pages may show not to be needed has to wait, even if no page is in progress.
    - `sources_only`: only feeds, sitemaps and APIs are handed out, because one of them is being read, and its hints are
      needed before the pages that it lists.
    - `mixed`: at most half of the pages are feeds, sitemaps and APIs.
    """

    limit: int
    more: int
    is_patient: bool
    sources_only: bool
    mixed: bool


class PageQueue:
    """Hands out the pages of a run that are due in the pages table. A page is in progress until its result has reached
    the writer.

    `changes` counts events that may make another page due or ready; a queue that was empty need not be read again until
    this number rises. `redirect_forms` is to which spellings of its addresses the host redirects.
    """

    def __init__(self, run: CrawlRun) -> None:
        self._run = run
        self._in_progress: dict[str, PageRequest] = {}
        self._sources = 0
        self._reported: set[tuple[str, DiscoverySource, PageKind]] = set()
        self._vanished: list[str] = []
        self._named = deque(map(urlkey, run.order.pages))
        self._asked = set(self._named)
        self._has_probed = False
        self.redirect_forms = RedirectForms()
        self.changes = 0

    @property
    def in_progress(self) -> int:
        """Returns the number of pages that are handed out and whose result has not reached the writer."""
        return len(self._in_progress)

    def take(self, limit: int) -> list[PageRequest]:
        """Hands out the next pages to fetch, at most `limit`. Pending results are written first. Once no page is due
        and none is in progress, hands out samples of the pages that the run set aside (excluded as likely crawl traps).
        """
        while True:
            due = self._take(limit)
            if not due and not self._in_progress and not self._run.order.pages and self._has_samples():
                continue
            old = [page for page in due if self._is_too_old(page)]
            if old:
                self.postpone(old)
            if len(old) < len(due) or not due:
                return [page for page in due if page not in old]

    def has_due_page(self) -> bool:
        """Returns True if at least one more page is due. The page is handed out and not put back, so this is only
        called at the end of a run.
        """
        return bool(self._take(1))

    def _take(self, limit: int) -> list[PageRequest]:
        run = self._run
        if not run.writer.flush():  # flush has checked the run if it wrote results
            check_run(run.db, run.run_id, run.site)
        run.learning.checkpoint()
        if run.order.pages:
            return self._take_named(limit)
        mixed = self._sources >= SOURCES_FIRST
        sources_only = not mixed and any(page.comes_first for page in self._in_progress.values())
        pages: list[PageRequest] = []
        # If all of the first rows have to wait for other pages, more rows are read to find those. If that finds none
        # either, no page waits any longer.
        for more, is_patient in ((0, True), (_WAITING_ROWS, True), (0, False)):
            has_waiting = self._judge_rows(pages, _Selection(limit, more, is_patient, sources_only, mixed))
            if pages or self._in_progress or not has_waiting:
                break
        return pages

    def _take_named(self, limit: int) -> list[PageRequest]:
        """Hands out the next of the pages that a person has named, and the pages to which they redirect.

        If no crawl has learned what the site shows for missing addresses, an address that cannot exist is requested
        first. Otherwise the page for a mistyped address could be stored as an article.
        """
        pages: list[PageRequest] = []
        if self._named and not self._has_probed:
            self._has_probed = True
            if probe := self.probe_request():
                return [probe]
        if any(page.is_probe for page in self._in_progress.values()):
            return []
        while self._named and len(pages) < limit:
            row = page_table.page_row(self._run.db, self._named.popleft())
            if row is not None:
                pages.append(self._hand_out(row))
        return pages

    def _judge_rows(self, pages: list[PageRequest], selection: _Selection) -> bool:
        """Appends due pages to `pages` and hands them out; stores the pages that trap rules exclude as excluded.
        Returns True if some due pages have to wait for others.
        """
        run, limit = self._run, selection.limit
        while True:
            excluded, has_waiting = 0, False
            rows = self._rows(selection)
            with run.traps.looked_up(rows), ExitStack() as transaction:
                for row in rows:
                    verdict = run.traps.judge(row, may_wait=selection.is_patient or bool(self._in_progress))
                    if verdict.decision == "exclude":
                        if not excluded:  # one transaction for all exclusions, if there are any
                            transaction.enter_context(run.writing())
                        page_table.exclude_page(run.db, row["id"], verdict.rule, verdict.reason, verdict.remarks)
                        excluded += 1
                    elif verdict.decision == "fetch":
                        pages.append(self._hand_out(row))
                        if len(pages) >= limit:
                            break
                    else:
                        has_waiting = True
            run.counts.trapped += excluded - run.traps.included
            run.traps.included = 0
            if not excluded or len(pages) >= limit:
                return has_waiting

    def _has_samples(self) -> bool:
        """Makes due a sample of the pages that the run has set aside (excluded as likely crawl traps); returns True if
        there are such pages.
        """
        with self._run.writing():
            return self._run.traps.sample_set_aside()

    def _rows(self, selection: _Selection) -> list[dict[str, Any]]:
        """Returns rows of due pages that are not in progress, in the order in which they are to be fetched.

        Listings of tags and months come last, because it is then known whether the posts that they show are new.
        """
        run, most = self._run, selection.limit + selection.more + len(self._in_progress)
        if run.order.only:
            rows = completeness.due_missing_pages(run.db, run.site["id"], run.started, most)
        else:
            rows = page_table.due_pages(
                run.db, run.site["id"], run.started, most, selection.sources_only, selection.mixed
            )
        free = [row for row in rows if row["urlkey"] not in self._in_progress]
        listings_wait = any(page.level < SIDE_LISTING_PRIORITY for page in self._in_progress.values()) or any(
            row["priority"] < SIDE_LISTING_PRIORITY for row in free
        )
        return [row for row in free if row["priority"] < SIDE_LISTING_PRIORITY or not listings_wait]

    def _hand_out(self, row: dict[str, Any]) -> PageRequest:
        run = self._run
        known_parts = (
            articles.parts_of(run.db, row["urlkey"]) if (row["kind"] == PageKind.POST and row["fetched_at"]) else ()
        )
        reports = run.traps.reports(row["id"])
        leads = any(one.source in REDIRECTING and one.found_on for one in reports)
        redirects = redirected_from(run.db, row["id"], MOST_REDIRECTS) if leads else ()
        page = replace(
            self._request(row),
            parts=known_parts,
            redirected_from=redirects,
            is_promised=any(one.source in (DiscoverySource.FEED, DiscoverySource.API) for one in reports),
        )
        self._sources += page.is_source
        self._in_progress[page.urlkey] = page
        return page

    def _request(self, row: dict[str, Any]) -> PageRequest:
        run = self._run
        every = _TEST_EVERY if row["priority"] else _TEST_SOURCE_EVERY
        unconditional = not run.writer.trust.in_validators or (run.run_id + row["id"]) % every == 0
        seed_key = "" if run.order.pages else run.seed_key
        page = page_request(row, seed_key, full=run.order.full, unconditional=unconditional, started=run.started)
        if page.kind is PageKind.API and page.changes_since is not None:
            # The API may have corrected posts without saying that they changed.
            before = last_run_before_hold(run.db, run.site["id"], HoldRule.UNSHOWN)
            since = min(page.changes_since, before - LOOK_BACK) if before else page.changes_since
            return replace(page, changes_since=since)
        return page

    def _is_too_old(self, page: PageRequest) -> bool:
        since, published = self._run.order.since, page.hint.published if page.hint else None
        return bool(since and published and published.astimezone(UTC) < since)

    def probe_request(self, *, again: bool = False) -> PageRequest | None:
        """Returns a request for an address that cannot exist, to learn the site's soft 404. Returns None if such a
        request is in progress, or if the soft 404 is already known, unless it is to be learned `again`.
        """
        is_known = self._run.learning.model.soft_not_found is not None and not again
        if is_known or any(page.is_probe for page in self._in_progress.values()):
            return None
        url = soft_404.probe_url(self._run.start_url, self._run.scope, secrets.token_hex(10))
        page = PageRequest(page_id=0, url=url, urlkey=urlkey(url), kind=PageKind.OTHER, is_probe=True)
        self._in_progress[page.urlkey] = page
        return page

    def part_request(self, url: str, post: str) -> PageRequest:
        """Returns the request for a further part, at `url`, of the post at `post`. It is conditional if the part's text
        is stored.
        """
        self._run.writer.flush()
        key = urlkey(url)
        row, text = page_table.page_row(self._run.db, key), articles.text_of_part(self._run.db, key)
        if row is None or text is None:
            return PageRequest(page_id=row["id"] if row else 0, url=url, urlkey=key, kind=PageKind.PART, part_of=post)
        return replace(self._request(row), url=url, kind=PageKind.PART, text=text, part_of=post)

    def mark_finished(self, result: PageResult) -> None:
        """Records that the writer has a result: its page is no longer in progress, unless the same source has further
        documents to fetch.
        """
        self.changes += 1
        if self._run.order.pages and result.outcome is Outcome.DUPLICATE:
            self._named.extend({urlkey(result.final_url)} - self._asked)
            self._asked.add(urlkey(result.final_url))
        if result.outcome is not Outcome.DUE:
            self._in_progress.pop(urlkey(result.url), None)

    def mark_probe_done(self, page: PageRequest) -> None:
        """Records that the soft-404 probe was answered or has failed."""
        self.changes += 1
        self._in_progress.pop(page.urlkey, None)

    def postpone(self, pages: Sequence[PageRequest]) -> None:
        """Puts back pages that were handed out; they are fetched in the next run."""
        until = page_table.stamp(self._run.started + timedelta(seconds=1))
        with self._run.writing():
            for page in pages:
                self._in_progress.pop(page.urlkey, None)
                self._run.traps.mark_not_fetched(page.urlkey)
                page_table.postpone_page(self._run.db, page.page_id, until)

    def search_vanished(self, page: PageRequest) -> None:
        """If the post at `page` is gone, its content may be at another address now. Makes due the pages that can show
        this: the post's other addresses and, once several posts are gone in this run, the lists that showed them.
        """
        run = self._run
        if run.order.only or len(self._vanished) >= _MOST_SEARCHED:
            return
        self._vanished.append(page.urlkey)
        with run.writing():
            sources.make_other_addresses_due(run.db, page.urlkey, run.started)
            if len(self._vanished) == _SEVERAL_VANISHED:
                sources.make_lists_due(run.db, run.site["id"], self._vanished, run.started)
        self.changes += 1

    def claim_new_link(self, target: DiscoveredURL) -> bool:
        """Returns True if a link is to be recorded: it is the first in this run with its URL, source and kind, and no
        trap rule whose limit is reached excludes it. Remembers the link, so that a second call returns False. If too
        many links are remembered, all are forgotten.
        """
        reported = (target.url, target.source, target.kind)
        if reported in self._reported:
            return False
        if len(self._reported) >= _MAX_REPORTED:
            self._reported.clear()
        self._reported.add(reported)
        return self._run.traps.is_wanted(target)

    def stored_article(self, page: PageRequest) -> Article | None:
        """Writes pending results, then returns the stored article of a page, or None."""
        self._run.writer.flush()
        return articles.article_at(self._run.db, page.urlkey)

    def was_read_as_other_post(self, url: str, first: Article) -> bool:
        """Returns True if this run has read the page at `url` as a post, and that post is certainly not the one whose
        first page is `first`.
        """
        self._run.writer.flush()
        known = page_table.known_page(self._run.db, urlkey(url))
        if known is None or known.fetched_at is None or known.fetched_at < self._run.started:
            return False
        own = articles.article_at(self._run.db, known.urlkey) if known.kind is PageKind.POST else None
        return own is not None and is_other_post(first, own)

    def sources_known(self) -> tuple[set[str], set[str], set[str]]:
        """Writes pending results, then returns three sets about the site's feeds, sitemaps and API: the kinds that the
        site offers, the kinds whose guess has no result yet, and the urlkeys of all these sources.
        """
        self._run.writer.flush()
        return find_known_sources(self._run.db, self._run.site["id"])

    def is_guess(self, key: str) -> bool:
        """Returns True if the address of the page at this urlkey was guessed."""
        return page_table.is_guess(self._run.db, key)

    def posts_alive(self, source: DiscoverySource, found_on: str) -> int:
        """Writes pending results, then returns how many pages the source at `found_on` should still list: those that it
        listed before and that are not known to be gone.
        """
        self._run.writer.flush()
        return count_listed_pages_online(self._run.db, self._run.site["id"], source, found_on)

    def is_set_back(self, targets: Sequence[DiscoveredURL]) -> bool:
        """Writes pending results, then returns True if a post in `targets` has an earlier `lastmod` than its stored API
        hint (see `has_set_back_posts`).
        """
        self._run.writer.flush()
        return has_set_back_posts(self._run.db, targets)
