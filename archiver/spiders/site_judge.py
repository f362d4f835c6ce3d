"""Judges whether pages are posts by their form (the markup and address pattern that the pages of one template share),
during the crawl of a site and again at the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.articles.form_verdicts import SiteVerdicts, judge_article
from archiver.extraction.page import Page
from archiver.extraction.page_classifier import Answer
from archiver.extraction.template.page_form import page_form
from archiver.items import Article, SourceHint
from archiver.maintenance.constant_values import refuse_constants
from archiver.maintenance.late_hints import LateHintReading, LateHintTally, find_late_hints
from archiver.maintenance.rejudging import Rejudging, RejudgingTally, judge_site, rejudge
from archiver.storage.held_pages import hold_of
from archiver.storage.page_forms import is_promised, stored_verdicts
from archiver.storage.page_result_writer import PageWriter, StoringRun
from archiver.storage.runs import has_finished, last_run
from archiver.urls import urlkey

_FIRST = 40
"""The forms are judged for the first time after this many pages of a run, then whenever the number of pages doubles."""
_HOME_ONLY = 1
_MOST_AT_END = 5_000
"""The end of a run judges at most this many pages again; the next run takes up the rest."""


class SiteJudge:
    """Judges the pages of one site by their forms during a run. Implements `template_learner.Judge`."""

    def __init__(self, db: Database, archive: Path, site: dict[str, Any], writer: PageWriter, run: StoringRun) -> None:
        self._db, self._archive, self._site = db, archive, site
        self._writer, self._run = writer, run
        self._verdicts: SiteVerdicts = stored_verdicts(db, site["id"])
        self._pages = 0
        last = last_run(db, site["id"])
        self._is_pending = last is not None and last["outcome"] != "finished"
        self._is_complete = has_finished(db, site["id"])
        self._next = _FIRST

    def judge_article(
        self, page: Page, hint: SourceHint | None, article: Article, extract: Callable[[Answer], Article]
    ) -> Article:
        """Returns the article of a page with the kind that the page's form implies; see
        `form_verdicts.judge_article`.
        """
        self._pages += 1
        if self._pages >= self._next:
            self._next *= 2
            self.judge()
        if not self._verdicts.forms:
            return article
        return judge_article(
            self._verdicts,
            page_form(page),
            article,
            is_promised=lambda: hint is not None or is_promised(self._db, urlkey(page.url)),
            extract=extract,
        )

    def before_learning(self) -> None:
        self.judge()

    def has_post_form(self, page: Page, article: Article) -> bool:
        return self._verdicts.post_form_of(page_form(page), article.kind, article.kind_rule) is not None

    def held_among(self, urls: Collection[str]) -> Collection[str]:
        self._writer.flush()
        return {url for url in urls if hold_of(self._db, urlkey(url)) is not None}

    def judge(self) -> None:
        """Judges the forms by all pages of the site that the archive has."""
        self._writer.flush()
        now = datetime.now(UTC)
        self._verdicts = judge_site(self._db, self._site["id"], now, is_complete=self._is_complete)

    def read_late_hints(self) -> LateHintTally:
        """Re-reads, from their captures, pages that a source has reported since they were fetched."""
        self._writer.flush()
        found = find_late_hints(self._db, self._site["id"], self._run.started)
        if not found:
            return LateHintTally()
        judging = Rejudging(self._db, self._archive.parent, self._site, self._verdicts)
        reading = LateHintReading(self._db, self._archive.parent, judging, self._run)
        reading.read_all(found, datetime.now(UTC))
        self._writer.counts.add(reading.counts)
        return reading.tally

    def finish(self, *, is_complete: bool) -> RejudgingTally:
        """At the end of the run, decides which forms (templates) are those of posts, and judges again the pages whose
        verdict changed. Also re-extracts the articles that have a value that belongs to the site.

        Does nothing if the run read only the home page, unless the previous run was interrupted. `is_complete` is True
        if the run has read all pages that it found.
        """
        counts = self._writer.counts
        if self._pages <= _HOME_ONLY and not self._is_pending:
            return RejudgingTally()
        self._is_complete = self._is_complete or is_complete
        self.judge()
        judging = Rejudging(self._db, self._archive.parent, self._site, self._verdicts)
        tally, rejudged = rejudge(judging, self._run, most=_MOST_AT_END)
        counts.add(rejudged)
        if counts.new or counts.revised or self._is_pending:
            now = datetime.now(UTC)
            refused = refuse_constants(self._db, self._archive, self._site, self._run.version, now)
            tally.reread = refused.articles
            self._writer.measuring.lose(refused.lost)
        return tally
