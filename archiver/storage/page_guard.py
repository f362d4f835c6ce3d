"""Looks up what is stored of a fetched page, its post and its site for `articles.decision`, and stores the holds
that it decides. All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from archiver.articles.decision import Verdict
from archiver.articles.edits import is_redated
from archiver.articles.guard import (
    CHANGED_TOGETHER,
    LOOK_EVERY,
    REASONS,
    RULES,
    TOGETHER,
    Earlier,
    Hold,
    HoldRule,
)
from archiver.discovery.source_hints_and_trust import is_announced
from archiver.frontier.fetch_order_and_revisits import next_day_end
from archiver.items import Article, Outcome, SourceHint
from archiver.storage import Database
from archiver.storage.article_tables.article_and_revision_rows import article_from_row
from archiver.storage.article_tables.article_storing_and_withdrawal import (
    answering_address,
    is_move,
    repeated_revision,
    withdrawal_of,
)
from archiver.storage.delisted_posts import is_listed_since
from archiver.storage.held_pages import (
    count_held_by,
    count_held_with,
    count_showing_text,
    has_accepted_gain,
    hold_of,
    hold_page,
    is_left_from_fault,
    make_held_due,
    mark_shared,
    mark_shared_changes,
    release_page,
)
from archiver.storage.pages_and_source_hints import PageState, latest_hint, moment, stamp
from archiver.storage.recent_changes import count_online
from archiver.storage.tombstones import Tombstone
from archiver.urls import urlkey

_SHOWS_POST_AGAIN = "other held pages show their posts again"


@dataclass
class FetchedPost:
    """What is stored of a fetched page, its post and its site, as `articles.guard.StoredPost`.

    - `run_id`, `run_started`: the run, and when its crawl began; no ID if a stored capture is read again.
    - `known`: what was stored of the page before.
    - `row`: the row of the article that the page shows; None if it is new. `new` is the article as it was just read.
    - `tombstone`: the one that forbids storing the post.
    - `is_unknown`: nothing in the archive can belong to the article (`article_urls_and_identification.is_unknown`).
    """

    db: Database
    site: dict[str, Any]
    run_id: int | None
    run_started: datetime
    key: str
    known: PageState
    row: dict[str, Any] | None = None
    new: Article | None = None
    tombstone: Tombstone | None = None
    is_unknown: bool = False
    closes_redirect_loop: bool = False

    @property
    def site_id(self) -> int:
        return int(self.site["id"])

    @property
    def removal(self) -> str:
        return self.tombstone.explanation if self.tombstone else ""

    @property
    def is_redirect_target(self) -> bool:
        query = "select 1 from pages p join articles a on a.urlkey = p.urlkey where p.redirect_urlkey = ?"
        return not self.is_unknown and self.db.execute(query, [self.key]).fetchone() is not None

    @property
    def is_page_known(self) -> bool:
        return self.known.id is not None

    @cached_property
    def is_announced(self) -> bool:
        """True if a source had announced the change. If the post claims to be newer than its capture, the announcement
        does not count: a site whose pages give every post today's date does the same in its feed.
        """
        if not is_announced(self.known.reason):
            return False
        first_seen = moment(self.row["first_seen"]) if self.row else None
        return not (self.article and self.new and first_seen and is_redated(self.article, self.new, first_seen))

    @property
    def has_article(self) -> bool:
        return self.known.has_article

    @cached_property
    def article(self) -> Article | None:
        return article_from_row(self.row) if self.row else None

    @property
    def article_key(self) -> str:
        return self.row["urlkey"] if self.row else ""

    @cached_property
    def own_article(self) -> Article | None:
        return article_from_row(self._own_row) if self._own_row else None

    @cached_property
    def _own_row(self) -> dict[str, Any] | None:
        query = "select * from articles where urlkey = ? and gone_at is null"
        row = next(iter(self.db.query(query, [self.key])), None)
        return row if row and withdrawal_of(self.db, row["id"]) is None else None

    @cached_property
    def gone_article(self) -> Article | None:
        query = "select * from articles where urlkey = ? and gone_at is not null"
        row = next(iter(self.db.query(query, [self.key])), None)
        return article_from_row(row) if row else None

    @cached_property
    def hold(self) -> Hold | None:
        return hold_of(self.db, self.key) if self.known.is_any_held else None

    @cached_property
    def hint(self) -> SourceHint | None:
        return latest_hint(self.db, self.key)

    @cached_property
    def is_listed(self) -> bool:
        read_since = self.hold.since if self.hold else self.run_started
        return is_listed_since(self.db, self.key, self.run_started, read_since)

    @property
    def is_taken_off_sitemap(self) -> bool:
        query = (
            "select 1 from pages p join page_discoveries d on d.page_id = p.id join pages f on f.id = "
            "d.found_on_page_id where p.urlkey = ? and d.source = 'sitemap' and coalesce(d.last_seen, d.first_seen) "
            "< ? and f.fetched_at >= ? and f.outcome = 'not-article'"
        )
        started = stamp(self.run_started)
        return self.db.execute(query, [self.key, started, started]).fetchone() is not None

    @property
    def answers_elsewhere(self) -> bool:
        return self._own_row is not None and answering_address(self.db, self._own_row["id"], self.key) is not None

    def is_trusted(self, at: datetime) -> bool:
        assert self.row is not None
        first_seen = moment(self.row["first_seen"])
        if first_seen is None or at - first_seen < LOOK_EVERY:
            return False
        first = self.db.execute(
            "select r.held from revisions v join runs r on r.id = v.run_id where v.article_id = ? and v.revision = 1",
            [self.row["id"]],
        ).fetchone()
        return first is None or not first[0]

    @property
    def is_left_from_fault(self) -> bool:
        assert self.row is not None
        return self.row["revision"] == 1 and is_left_from_fault(self.db, self.site_id, self.key, self.row["id"])

    @property
    def may_be_edited_today(self) -> bool:
        row = self.db.execute("select lastmod, fetched_at from pages where urlkey = ?", [self.key]).fetchone()
        lastmod, fetched = map(moment, row)
        return lastmod is not None and fetched is not None and next_day_end(lastmod, fetched) is not None

    @cached_property
    def posts(self) -> int:
        return count_online(self.db, self.site["name"])

    @property
    def is_site_changed(self) -> bool:
        return self.count_held(CHANGED_TOGETHER) > 0

    def is_moved(self, new: Article) -> bool:
        assert self.row is not None
        return is_move(self.db, self.row, new, self.run_started)

    def earlier_revision(self, new: Article) -> Earlier | None:
        assert self.row is not None
        earlier = repeated_revision(self.db, self.row, new)
        if earlier is None:
            return None
        (claimed,) = self.db.execute("select lastmod from pages where urlkey = ?", [self.key]).fetchone() or (None,)
        current = self.db.execute(
            "select observed_at from revisions where article_id = ? and revision = ?",
            [self.row["id"], self.row["revision"]],
        ).fetchone()
        last_seen = earlier["seen_again_at"] or earlier["observed_at"]
        return Earlier(moment(claimed), moment(current[0] if current else None), moment(last_seen))

    def count_held(self, rules: Collection[HoldRule]) -> int:
        return count_held_by(self.db, self.site_id, rules)

    def count_others_held(self, rule: HoldRule) -> int:
        return count_held_by(self.db, self.site_id, (rule,), but=self.key)

    def count_with_text(self, digest: str) -> int:
        return count_showing_text(self.db, self.site_id, self.key, digest) if self.known.is_any_held else 0

    def count_with_gains(self, gained: Sequence[str]) -> int:
        return count_held_with(self.db, self.site_id, self.key, gained)

    def has_accepted_gain(self, new: Article) -> bool:
        return self.article is not None and has_accepted_gain(self.db, self.site_id, self.article, new)

    def count_redirected_to(self, target: str, at: datetime) -> int:
        return len(self.redirected_to(target, at) - {self.key})

    def redirected_to(self, target: str, at: datetime) -> set[str]:
        """Returns the urlkeys of the posts that `count_redirected_to` counts, this one included."""
        targets = "(?2)"
        if self._has_outcome(target, Outcome.NOT_ARTICLE):
            targets = "(select urlkey from pages where site_id = ?1 and outcome = 'not-article' union select ?2)"
        rows = self.db.execute(
            "select p.urlkey from pages p join articles a on a.urlkey = p.urlkey where p.site_id = ?1 "
            f"and p.redirect_urlkey in {targets} and (a.gone_at is null or a.gone_at >= ?3) "
            "and a.id not in (select article_id from withdrawn_articles)",
            [self.site_id, target, stamp(at - TOGETHER)],
        )
        return {row[0] for row in rows}

    def shows_no_post(self, target: str) -> bool:
        return self._has_outcome(target, Outcome.GONE, Outcome.NOT_ARTICLE)

    def _has_outcome(self, key: str, *outcomes: Outcome) -> bool:
        found = self.db.execute("select outcome from pages where urlkey = ?", [key]).fetchone()
        return found is not None and found[0] in outcomes


def store_verdict(post: FetchedPost, verdict: Verdict) -> int:
    """Stores or ends the hold on a page, as decided. Returns how many posts are online again that this run had marked
    as gone.
    """
    db = post.db
    if verdict.hold is not None:
        return _store_hold(db, post, verdict, verdict.hold)
    if verdict.is_released and post.hold is not None:
        release_page(db, post.key)
    if verdict.ended is not None:
        # All held pages of the site may show their posts again, or those held for the same reason since the same time.
        like = None if RULES[verdict.ended.rule].of_site else verdict.ended
        make_held_due(db, post.site_id, _SHOWS_POST_AGAIN, like)
    return 0


def _store_hold(db: Database, post: FetchedPost, verdict: Verdict, hold: Hold) -> int:
    """Stores a hold, and what it means for other pages. Returns how many posts are online again that this run had
    marked as gone.
    """
    hold_page(db, post.key, hold, post.run_id, verdict.gained)
    taken_back = 0
    if hold.rule is HoldRule.REDIRECTED:
        taken_back = _hold_redirected(db, post, urlkey(verdict.result.final_url), hold)
    if verdict.is_text_shared:
        mark_shared(db, post.site_id, hold.text_digest)
    if verdict.is_gain_shared:
        mark_shared_changes(db, post.site_id)
    return taken_back


def _hold_redirected(db: Database, post: FetchedPost, target: str, hold: Hold) -> int:
    """Holds the pages of all posts that redirect to the urlkey `target`, too: those that were taken for moved or
    deleted posts before it was clear that the site redirects many. Returns how many posts are online again that this
    run had marked as gone; those marked before stay so, since a person may have said it.
    """
    taken_back = 0
    for key in sorted(post.redirected_to(target, hold.looked_at)):
        (outcome,) = db.execute("select outcome from pages where urlkey = ?", [key]).fetchone()
        undone = db.execute(
            "update articles set gone_at = null where urlkey = ? and gone_at >= ?", [key, stamp(post.run_started)]
        ).rowcount
        taken_back += undone
        if outcome == Outcome.HELD or (outcome == Outcome.GONE and not undone):
            continue
        db.execute(
            "update pages set outcome = ?, rule = ?, reason = ?, due_at = ?, "
            "article_id = (select id from articles where urlkey = pages.urlkey) where urlkey = ?",
            [Outcome.HELD, hold.rule, REASONS[hold.rule], stamp(hold.looked_at + LOOK_EVERY), key],
        )
        hold_page(db, key, replace(hold, since=hold.looked_at, looks=1), post.run_id)
    return taken_back
