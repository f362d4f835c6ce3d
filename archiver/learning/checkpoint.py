"""Learns of a site between pages: at checkpoints of a run, and at its end, from the captures that are stored.

The result is a new `SiteModel`, by which the next pages are read; those read before are read again from their captures.
What a killed run had read counts for the run that continues its crawl.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archiver.articles.impossible_values import drop_impossible_values
from archiver.extraction.article import extract_page, garbage_collection_paused
from archiver.extraction.page import Page
from archiver.extraction.page_classifier import page_form
from archiver.extraction.site_rules import SiteConstants, SiteRules
from archiver.learning.rejudging import ReadPost, RuleWatch, judge_site
from archiver.learning.rule_induction import (
    MIN_POSTS,
    Sample,
    learn_with_constants,
    read_without_constants,
    reports_whole_post,
)
from archiver.learning.site_model import SiteModel, is_split
from archiver.learning.stored_pages import pages_without_post, parse_captured_page, read_lists
from archiver.model.items import LISTED_DATE, UNDATED, Article, Outcome, PageKind, PageResult, SourceHint
from archiver.model.urls import urlkey
from archiver.storage import Database
from archiver.storage.articles import extractor_of, replace_extraction
from archiver.storage.held_pages import hold_of
from archiver.storage.page_writer import PageWriter, StoringRun
from archiver.storage.pages import captured_page, hint_of_capture, posts_fetched_since
from archiver.storage.runs import has_finished, last_run
from archiver.storage.sites import add_constants, retire_template, store_learned_rules
from archiver.storage.sources import lists_fetched_since
from archiver.storage.transactions import writing

ENOUGH = 25
"""Rules are learned from this many posts. At the end of a run, MIN_POSTS are enough."""
_FIRST = 40
"""The forms are judged for the first time after this many pages of a run, then whenever the number of pages doubles."""
_FEW = 3
"""If at least this many pages show no date, and fewer posts show theirs, the site may show its dates only in lists."""
_MAX_PAGE_LENGTH = 3_000_000
"""Pages with more characters than this are not used for learning."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _CapturedPost:
    """A post of this run, read from its capture without learned rules."""

    key: str
    page: Page
    hint: SourceHint | None
    article: Article

    @property
    def sample(self) -> Sample:
        by_api = self.hint is not None and self.hint.from_api
        return Sample(self.page, self.article, reports_whole_post(self.hint), by_api)

    def by_rules(self, rules: SiteRules) -> Article:
        return extract_page(self.page.without_rules(), self.hint, PageKind.POST, rules=rules)


class Learning:
    """What one run learns of its site. `model` is what is known now; only `checkpoint` and `finish` change it, and both
    expect that all results are written.
    """

    def __init__(
        self, db: Database, archive: Path, site: dict[str, Any], writer: PageWriter, run: StoringRun, model: SiteModel
    ) -> None:
        self._db, self._folder, self._site = db, archive.parent, site
        self._writer, self._run = writer, run
        self.model = model
        self.is_complete = has_finished(db, site["id"])
        self.pages = 0
        self._next = _FIRST
        self._dated = self._undated = 0
        self._watch = RuleWatch()
        self._read: dict[str, Article] = {}  # the articles of `_plain` that this run has read
        last = last_run(db, site["id"])
        is_continued = last is not None and last["outcome"] != "finished"
        self._plain = [] if not is_continued else posts_fetched_since(db, site["id"], run.crawl_started)

    def observe(self, result: PageResult) -> None:
        """Notes what was read of a page. Reads and writes nothing."""
        self.pages += result.form is not None
        article = result.article if result.outcome is Outcome.ARCHIVED else None
        self._dated += article is not None and article.published is not None and article.kind_rule != LISTED_DATE
        self._undated += result.rule == UNDATED or (article is not None and article.published is None)
        if article is None or is_split(article) or result.parts:
            return
        key, rules = urlkey(result.url), self.model.rules
        if rules is not None and self.model.has_learned_rules:
            fits = article.read_by == rules.version
            self._watch.observe(ReadPost(key, result.at, article.title, fits), article)
        elif article.body:
            self._plain.append(key)
            if self.model.page_objects.of(result.final_url) is None:  # rules are learned from what extraction reads
                self._read[key] = article

    @property
    def lacks_posts(self) -> int | None:
        """The number of posts that are still needed to learn rules; None if none are."""
        return None if self.model.has_learned_rules else max(ENOUGH - len(self._plain), 0)

    @property
    def is_due(self) -> bool:
        return (
            self.pages >= self._next
            or self.lacks_posts == 0
            or self._watch.is_doubtful
            or (self._undated >= _FEW > self._dated and not self.model.with_list_dates)
        )

    def checkpoint(self) -> None:
        """Learns what the pages read so far show, if there are enough of them."""
        if not self.is_due:
            return
        while self._next <= self.pages:
            self._next *= 2
        self.judge_forms()
        if self._undated >= _FEW > self._dated and not self.model.with_list_dates:
            self.model = replace(self.model, with_list_dates=True)
            self._read_lists(lists_fetched_since(self._db, self._site["id"], self._run.started))
        self._check_rules()
        if self.lacks_posts == 0:
            self._learn()

    def finish(self) -> None:
        """Learns at the end of the run from the posts that were read, if no rules are known yet."""
        if not self.model.has_learned_rules and len(self._plain) >= MIN_POSTS:
            self.judge_forms()
            self._learn()

    def judge_forms(self) -> None:
        """Judges the forms by all pages of the site that are in the archive."""
        verdicts = judge_site(self._db, self._site["id"], datetime.now(UTC), is_complete=self.is_complete)
        self.model = replace(self.model, verdicts=verdicts)

    def read_lists_of_undated(self) -> None:
        """Reads the dates in the lists of this run that show pages without a date, if lists are not read anyway."""
        if not self.model.with_list_dates:
            self._read_lists(lists_fetched_since(self._db, self._site["id"], self._run.started, of_undated=True))

    def _read_lists(self, lists: Sequence[tuple[str, int]]) -> None:
        read_lists(self._db, self._folder, self.model.scope, lists)

    # Rules.

    def _check_rules(self) -> None:
        """Retires the learned rules if they do not fit many of the last posts, or contradict them."""
        if self.model.rules is None or not self.model.has_learned_rules:
            return
        for key, by_rules in self._watch.audits:
            for post in self._captured([key], without_any_rules=True):
                self._watch.note_audit(by_rules, post.article)
        self._watch.audits.clear()
        self._watch.drop(frozenset(post.key for post in self._watch.strange() if self._is_held(post.key)))
        strange = self._watch.strange()
        if not (strange or self._watch.contradicts):
            return
        since = strange[0].at if strange else datetime.now(UTC)
        with writing(self._db):
            rules = retire_template(self._db, self._site["id"], since)
        self.model = replace(self.model, rules=rules)
        self._plain = [post.key for post in strange or self._watch.unfitted()]
        self._watch = RuleWatch()

    def _learn(self) -> None:
        """Learns rules from the posts that were read without any, and reads these again by the rules."""
        keys = [key for key in dict.fromkeys(self._plain) if not self._is_held(key)]
        if len(keys) < MIN_POSTS:
            self._plain = keys
            return
        with garbage_collection_paused():
            posts = list(self._captured(keys[:ENOUGH]))
            rules = learn_with_constants(
                [post.sample for post in posts],
                lambda constants: [read_without_constants(post.sample, post.hint, constants) for post in posts],
                self._certain_others(),
                self.model.rules.constants if self.model.rules is not None else SiteConstants(),
            )
            self._plain = []
            if rules is None:
                self._read.clear()
                return
            with writing(self._db):
                at, site_id = datetime.now(UTC), self._site["id"]
                store = store_learned_rules(self._db, site_id, rules, at) if rules.fields else None
                stored = store or add_constants(self._db, site_id, rules.constants, at)
            self.model = replace(self.model, rules=stored)
            self._watch = RuleWatch()
            if rules.fields:
                self._read_again(posts, stored)
        if rules.fields:
            self._read_again(self._captured(keys[ENOUGH:]), stored)
        self._read.clear()

    def _read_again(self, posts: Iterable[_CapturedPost], rules: SiteRules) -> None:
        """Replaces the stored articles of posts by what the rules read."""
        found = [pair for post in posts if (pair := self._with_rules(post, rules)) is not None]
        with writing(self._db):
            replaced = [
                replace_extraction(
                    self._db, before, after, extractor_of(self._run.version, after), self._run.crawl_started
                )
                for before, after in found
            ]
        for (before, after), is_replaced in zip(found, replaced, strict=True):
            if is_replaced:
                self._writer.measuring.recount_fields(before, after)

    def _with_rules(self, post: _CapturedPost, rules: SiteRules) -> tuple[Article, Article] | None:
        """Returns the article of a post as it was read, and as the rules read it; None if they do not fit."""
        before, after, at = post.article, post.by_rules(rules), post.page.captured_at or self._run.started
        if after.read_by != rules.version or is_split(before):
            return None
        apply = self.model.page_objects.apply
        return (
            drop_impossible_values(apply(before, post.page), at)[0],
            drop_impossible_values(apply(after, post.page), at)[0],
        )

    def _captured(self, keys: Iterable[str], *, without_any_rules: bool = False) -> Iterator[_CapturedPost]:
        """Yields posts as they are read from their captures, by the rules of a person alone."""
        rules = None if without_any_rules else self.model.rules
        for key in keys:
            if (found := captured_page(self._db, key)) is None:
                continue
            url, capture_id, rule = found
            page = parse_captured_page(self._db, self._folder, capture_id, url)
            if page is None or len(page.text) > _MAX_PAGE_LENGTH:
                continue
            hint = hint_of_capture(self._db, capture_id)
            article = None if without_any_rules else self._read.get(key)
            if article is None:
                article = extract_page(page, hint, rules=rules, decided=(PageKind.POST, rule))
            yield _CapturedPost(key, page, hint, article)

    def _certain_others(self) -> Iterator[Page]:
        """Yields pages that are certainly not posts: those that have the form of the site's posts are left out."""
        for page, kind, rule in pages_without_post(self._db, self._folder, self._site["id"]):
            if self.model.verdicts.post_form_of(page_form(page), kind, rule) is None:
                yield page

    def _is_held(self, key: str) -> bool:
        return hold_of(self._db, key) is not None
