"""Learns of a site between pages: at checkpoints of a run, and at its end, from the captures that are stored.

The result is a new `SiteModel`, by which the next pages are read; those read before are read again from their captures.
What a killed run had read counts for the run that continues its crawl.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archiver.learning.captured_posts import captured_posts, without_held
from archiver.learning.form_verdicts import judge_site
from archiver.learning.list_dates import read_lists
from archiver.learning.rule_induction import MIN_POSTS
from archiver.learning.rule_learning import ENOUGH, learn_rules_of_run
from archiver.learning.rule_watch import ReadPost, RuleWatch
from archiver.learning.site_model import SiteModel, is_split
from archiver.model.items import LISTED_DATE, UNDATED, Article, Outcome, PageResult
from archiver.model.urls import urlkey
from archiver.storage import Database
from archiver.storage.page_writer import PageWriter, StoringRun
from archiver.storage.pages import posts_fetched_since
from archiver.storage.runs import has_finished, last_run
from archiver.storage.stored_rules import retire_template
from archiver.storage.transactions import writing

_FIRST = 40
"""The forms are judged for the first time after this many pages of a run, then whenever the number of pages doubles."""
_FEW = 3
"""If at least this many pages show no date, and fewer posts show theirs, the site may show its dates only in lists."""
_log = logging.getLogger(__name__)


class Learning:
    """What one run learns of its site. `model` is what is known now. All that changes it expects that all results
    are written: checkpoints, the end of the run, and what the home page shows at its start.
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
            self._read_lists()
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
            self._read_lists(of_undated=True)

    def _read_lists(self, *, of_undated: bool = False) -> None:
        site_id, since = self._site["id"], self._run.started
        read_lists(self._db, self._folder, site_id, self.model.scope, since, of_undated=of_undated)

    # Rules.

    def _check_rules(self) -> None:
        """Retires the learned rules if they do not fit many of the last posts, or contradict them."""
        if self.model.rules is None or not self.model.has_learned_rules:
            return
        for key, by_rules in self._watch.audits:
            for post in captured_posts(self._db, self._folder, [key]):
                self._watch.note_audit(by_rules, post.article)
        self._watch.audits.clear()
        doubted = [post.key for post in self._watch.strange()]
        self._watch.drop(frozenset(doubted).difference(without_held(self._db, doubted)))
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
        keys = without_held(self._db, self._plain)
        self._plain = keys if len(keys) < MIN_POSTS else []
        if self._plain:
            return
        if (learned := learn_rules_of_run(self._run, self._folder, self.model, keys, self._read)) is not None:
            self.model = replace(self.model, rules=learned.rules)
            self._watch = RuleWatch()
            for before, after in learned.replaced:
                self._writer.measuring.recount_fields(before, after)
        self._read.clear()
