"""The tables `held_pages` and `held_gains`: pages whose new state is not stored until it is confirmed, and what these
states contain beyond the stored posts. `archiver.articles.guard` decides which pages are held. All functions expect
to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from zlib import crc32

from archiver.articles.decision import Verdict
from archiver.articles.edits import gains, is_cut_off, is_redated, text_digest
from archiver.articles.guard import (
    CHANGED_TOGETHER,
    GONE_RULES,
    LOOK_EVERY,
    MIN_CHANGED,
    REASONS,
    RULES,
    SHARED_BY,
    TOGETHER,
    UNUSUAL_SHARE,
    Earlier,
    Hold,
    HoldRule,
    are_unusual_losses,
    is_unusual,
)
from archiver.frontier.fetch_order import DEFAULT_REVISIT, next_day_end, next_try_of_new_page
from archiver.model.due_reasons import ANNOUNCED_CHANGES, DueFor
from archiver.model.items import Article, Outcome, SourceHint
from archiver.model.urls import urlkey
from archiver.storage import Database
from archiver.storage.articles import (
    answering_address,
    article_from_revision,
    article_from_row,
    is_move,
    repeated_revision,
    revision_rows,
    undo_revision,
    withdrawal_of,
)
from archiver.storage.captures import Tombstone
from archiver.storage.pages import EPOCH, PageState, latest_hint, moment, stamp
from archiver.storage.sources import is_listed_since

_FEW = 20
"""If a site has at most this many held pages, all of them are fetched again each day. If it has more held pages, about
this many are fetched each day, and the others every third day."""
_LATER = 3 * LOOK_EVERY


def hold_of(db: Database, key: str) -> Hold | None:
    """Returns the hold on the page at this urlkey: why and since when its new state is not stored. None if the page is
    not held.
    """
    row = db.execute(
        "select h.rule, h.held_since, h.looked_at, h.looks, h.text_digest from pages p "
        "join held_pages h on h.page_id = p.id where p.urlkey = ?",
        [key],
    ).fetchone()
    return _hold(row) if row else None


def _hold(row: tuple[Any, ...]) -> Hold:
    since, looked_at = moment(row[1]), moment(row[2])
    assert since is not None and looked_at is not None
    return Hold(HoldRule(row[0]), since, looked_at, row[3], row[4])


def hold_page(db: Database, key: str, hold: Hold, run_id: int | None, gained: Sequence[str] = ()) -> None:
    """Stores the hold on the page at this urlkey, in place of an earlier one, and what its new state has `gained`.
    `run_id` is the ID of the run that holds it, None outside of runs. A page without a row is not held.
    """
    db.execute(
        "insert into held_pages (page_id, rule, held_since, looked_at, looks, text_digest, run_id) "
        "select id, ?, ?, ?, ?, ?, ? from pages where urlkey = ? on conflict (page_id) do update set "
        "rule = excluded.rule, looked_at = excluded.looked_at, looks = excluded.looks, "
        "text_digest = excluded.text_digest",
        [hold.rule, stamp(hold.since), stamp(hold.looked_at), hold.looks, hold.text_digest, run_id, key],
    )
    db.execute("delete from held_gains where page_id = (select id from pages where urlkey = ?)", [key])
    for gain in gained:
        db.execute("insert into held_gains (page_id, gain) select id, ? from pages where urlkey = ?", [gain, key])


def release_page(db: Database, key: str) -> bool:
    """Deletes the hold on the page at this urlkey. Returns False if the page was not held."""
    return bool(
        db.execute("delete from held_pages where page_id = (select id from pages where urlkey = ?)", [key]).rowcount
    )


def count_held(db: Database, site_id: int) -> int:
    return int(
        db.execute(
            "select count(*) from held_pages h join pages p on p.id = h.page_id where p.site_id = ?", [site_id]
        ).fetchone()[0]
    )


def count_held_by(db: Database, site_id: int, rules: Iterable[HoldRule], but: str = "") -> int:
    """Returns the number of the site's pages that are held by these rules, without the one at the urlkey `but`."""
    names = sorted(rules)
    return int(
        db.execute(
            "select count(*) from held_pages h join pages p on p.id = h.page_id "
            f"where p.site_id = ? and p.urlkey <> ? and h.rule in ({', '.join('?' * len(names))})",
            [site_id, but, *names],
        ).fetchone()[0]
    )


def next_look(db: Database, site_id: int, key: str, rule: str, at: datetime) -> datetime:
    """Returns the time at which the page at this urlkey, held by `rule` and fetched at `at`, is fetched again. If a
    site has many held pages, only some are fetched each day, to notice when the site shows its posts again. A page that
    is gone is fetched on the next day, which decides; one that its site still lists, or a person has judged, ever more
    rarely.
    """
    if rule == HoldRule.GONE:
        return at + LOOK_EVERY
    if rule in (HoldRule.STILL_LISTED, HoldRule.REJECTED) and (hold := hold_of(db, key)):
        return next_try_of_new_page(hold.since, at, DEFAULT_REVISIT)
    share = max(1, -(-count_held(db, site_id) // _FEW))
    return at + (LOOK_EVERY if crc32(key.encode()) % share == 0 else _LATER)


def count_showing_text(db: Database, site_id: int, key: str, digest: str) -> int:
    """Returns how many held pages of the site, other than the one at the urlkey `key`, show the text with this
    digest.
    """
    found = db.execute(
        "select count(*) from held_pages h join pages p on p.id = h.page_id "
        "where p.site_id = ? and h.text_digest = ? and p.urlkey <> ?",
        [site_id, digest, key],
    ).fetchone()
    return int(found[0])


def mark_shared(db: Database, site_id: int, digest: str) -> None:
    """Gives the rule SHARED_TEXT to all held pages of the site that show this text, since the text belongs to the site
    and not to a post.
    """
    db.execute(
        "update held_pages set rule = ? where text_digest = ? and rule <> ? "
        "and page_id in (select id from pages where site_id = ?)",
        [HoldRule.SHARED_TEXT, digest, HoldRule.REJECTED, site_id],
    )
    db.execute(
        "update pages set rule = ?, reason = ? where site_id = ? and outcome = ? "
        "and id in (select page_id from held_pages where text_digest = ? and rule <> ?)",
        [HoldRule.SHARED_TEXT, REASONS[HoldRule.SHARED_TEXT], site_id, Outcome.HELD, digest, HoldRule.REJECTED],
    )


def count_held_with(db: Database, site_id: int, key: str, gained: Sequence[str]) -> int:
    """Returns how many other held pages of the site have gained the same as the page at this urlkey, which gained
    `gained`. If it gained several things, the most frequent one counts. Stops counting at SHARED_BY + 1.
    """
    return max(
        (
            db.execute(
                "select count(*) from (select 1 from held_gains g join pages p on p.id = g.page_id "
                "where g.gain = ? and p.site_id = ? and p.urlkey <> ? limit ?)",
                [gain, site_id, key, SHARED_BY + 1],
            ).fetchone()[0]
            for gain in gained
        ),
        default=0,
    )


def mark_shared_changes(db: Database, site_id: int) -> None:
    """Changes the rule of the site's held pages from MASS_CHANGE to SHARED_CHANGE if more than SHARED_BY of them gained
    the same.
    """
    db.execute(
        "update held_pages set rule = ? where rule = ? and page_id in (select g.page_id from held_gains g where g.gain "
        "in (select o.gain from held_gains o join pages p on p.id = o.page_id where p.site_id = ? "
        "group by o.gain having count(*) > ?)) and page_id in (select id from pages where site_id = ?)",
        [HoldRule.SHARED_CHANGE, HoldRule.MASS_CHANGE, site_id, SHARED_BY, site_id],
    )
    db.execute(
        "update pages set rule = ?, reason = ? where site_id = ? and outcome = ? and rule = ? "
        "and id in (select page_id from held_pages where rule = ?)",
        [
            HoldRule.SHARED_CHANGE,
            REASONS[HoldRule.SHARED_CHANGE],
            site_id,
            Outcome.HELD,
            HoldRule.MASS_CHANGE,
            HoldRule.SHARED_CHANGE,
        ],
    )


def remember_accepted_gains(db: Database, site_id: int) -> None:
    """Adds to the site's accepted gains those that many of its held pages have in common, because a person now accepts
    these pages. Posts that gain the same later are then not held.
    """
    found = {one.gained for one in held_pages(db, site_id) if one.gained}
    row = db.execute("select accepted_gains from sites where id = ?", [site_id]).fetchone()
    known = json.loads(row[0] or "[]")
    db.execute(
        "update sites set accepted_gains = ? where id = ?",
        [json.dumps([*known, *sorted(found.difference(known))], ensure_ascii=False), site_id],
    )


def has_accepted_gain(db: Database, site_id: int, old: Article, new: Article) -> bool:
    """Returns True if a post has gained, from its stored state `old` to `new`, something that a person accepted for
    other posts of the site.
    """
    row = db.execute("select accepted_gains from sites where id = ?", [site_id]).fetchone()
    return bool(row and row[0]) and not set(json.loads(row[0])).isdisjoint(gains(old, new))


def last_run_before_hold(db: Database, site_id: int, rule: HoldRule) -> datetime | None:
    """Returns when the last run began before pages of the site were first held by this rule; None if none is held."""
    (began,) = db.execute(
        "select max(r.started_at) from runs r where r.site_id = :site and r.id < (select min(h.run_id) "
        "from held_pages h join pages p on p.id = h.page_id where p.site_id = :site and h.rule = :rule)",
        {"site": site_id, "rule": rule},
    ).fetchone()
    return moment(began)


def is_left_from_fault(db: Database, site_id: int, key: str, article_id: int) -> bool:
    """Returns True if the stored article of the page at this urlkey is probably left from a fault that is over: the run
    that first stored it held many pages, and most of them have been released since.
    """
    (left,) = db.execute(
        "select count(*) from held_pages h join pages p on p.id = h.page_id where p.site_id = ? and h.rule in (?, ?) "
        "and p.urlkey <> ?",
        [site_id, *sorted(CHANGED_TOGETHER), key],
    ).fetchone()
    row = db.execute(
        "select r.held from revisions v join runs r on r.id = v.run_id where v.article_id = ? and v.revision = 1",
        [article_id],
    ).fetchone()
    return row is not None and row[0] >= MIN_CHANGED and left < row[0] / 2


def release_former_address(db: Database, key: str) -> None:
    """Ends the hold on a page that is gone, at this urlkey, because its post is at another URL now."""
    changed = db.execute(
        "update pages set outcome = ?, rule = 'http-' || status, reason = 'its post has another address' "
        f"where urlkey = ? and outcome = ? and rule in ({', '.join('?' * len(GONE_RULES))})",
        [Outcome.GONE, key, Outcome.HELD, *sorted(GONE_RULES)],
    ).rowcount
    if changed:
        release_page(db, key)


def make_held_due(db: Database, site_id: int, due_for: DueFor, like: Hold | None = None) -> int:
    """Makes the held pages of a site due for this reason, for example that a held page shows its post again. If `like`
    is given, only pages that have been held by the same rule since about the same time are made due. Returns the number
    of pages made due.
    """
    held, values = "select page_id from held_pages", []
    if like is not None:
        held += " where rule = ? and held_since between ? and ?"
        values = [like.rule, stamp(like.since - TOGETHER), stamp(like.since + TOGETHER)]
    return int(
        db.execute(
            f"update pages set due_at = ?, due_for = ?, due_by = null where site_id = ? and id in ({held})",
            [EPOCH, due_for, site_id, *values],
        ).rowcount
    )


@dataclass(frozen=True, slots=True)
class HeldPage:
    """A held page as an operator sees it.

    - `rule`, `reason`, `since`: why the page is held, and since when (ISO 8601, UTC).
    - `looks`: the number of fetches that found the same new text.
    - `article_id`: None for a page that was never stored.
    - `gained`: what its new state contains in common with those of other held pages, for example "text: buy cheap
      pills"; "" if nothing.
    """

    url: str
    rule: str
    reason: str
    since: str
    looks: int
    article_id: int | None
    gained: str = ""


def held_pages(db: Database, site_id: int) -> list[HeldPage]:
    """Returns the held pages of a site, the longest held first."""
    gained = db.execute(
        "select g.page_id, g.gain from held_gains g join pages p on p.id = g.page_id where p.site_id = ?", [site_id]
    ).fetchall()
    numbers = Counter(gain for _, gain in gained)
    common = [row for row in gained if numbers[row[1]] > SHARED_BY]
    shared = dict(sorted(common, key=lambda row: numbers[row[1]]))
    return [
        HeldPage(url, rule, REASONS[HoldRule(rule)], since, looks, article_id, shared.get(page_id, ""))
        for page_id, url, rule, since, looks, article_id in db.execute(
            "select p.id, p.url, h.rule, h.held_since, h.looks, p.article_id from held_pages h "
            "join pages p on p.id = h.page_id where p.site_id = ? order by h.held_since, p.id",
            [site_id],
        )
    ]


@dataclass
class FetchedPost:
    """What is stored of a fetched page, its post and its site, as `articles.guard.StoredPost`.

    - `run_id`, `run_started`: the run, and when its crawl began; no ID if a stored capture is read again.
    - `known`: what was stored of the page before.
    - `row`: the row of the article that the page shows; None if it is new. `new` is the article as it was just read.
    - `tombstone`: the one that forbids storing the post.
    - `is_unknown`: nothing in the archive can belong to the article (`storage.articles.is_unknown`).
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
        if self.known.due_for not in ANNOUNCED_CHANGES:
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
        make_held_due(db, post.site_id, DueFor.SHOWN_AGAIN, like)
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


def record_change(db: Database, key: str, article_id: int, revision: int, at: datetime, *, announced: bool) -> None:
    """Records that the post of the page at this urlkey has a new revision. `announced`: a source had said so."""
    db.execute(
        "insert into recent_changes (page_id, article_id, revision, changed_at, announced) "
        "select id, ?, ?, ?, ? from pages where urlkey = ?",
        [article_id, revision, stamp(at), announced, key],
    )


def forget_old_changes(db: Database, site_id: int, now: datetime) -> None:
    """Deletes recent changes that are too old to be counted together with the changes of a run at `now`."""
    db.execute(
        "delete from recent_changes where changed_at < ? and page_id in (select id from pages where site_id = ?)",
        [stamp(now - TOGETHER), site_id],
    )


def are_changes_unusual(db: Database, site: dict[str, Any], now: datetime) -> bool:
    """Returns True if the recent edits of a site must be held, because an unusual share of its posts changed.

    Several periods are examined. One covers all of the last days, since a single run may fetch only a few known posts.
    The others begin with each run of these days: a run that fetched all posts before a fault began would otherwise make
    the share of changed posts look small.
    """
    changes = _change_times(db, site["id"], now - TOGETHER)
    # Most sites announce an edit or two at a time. After a redesign, a site may announce that all its posts changed.
    most_announced = _MOST_ANNOUNCED * count_online(db, site["name"]) if changes else 0
    for start in _periods(db, site["id"], changes, now - TOGETHER):
        of_period = [one for one in changes if one.at >= start]
        counts = len({one.page_id for one in of_period}) >= most_announced
        if _is_unusual_since(db, site["id"], start, [one for one in of_period if counts or not one.announced]):
            return True
    return False


def _periods(db: Database, site_id: int, changes: Sequence[_ChangeTime], since: datetime) -> list[str]:
    """Returns the starts of the periods to examine: `since`, and before each change the start of the last run that
    began before it. Other runs need no period: a period that begins earlier contains the same changes among more
    fetched posts.
    """
    starts = [
        row[0]
        for row in db.execute(
            "select started_at from runs where site_id = ? and started_at > ? order by started_at",
            [site_id, stamp(since)],
        )
    ]
    before = {bisect_right(starts, one.at) for one in changes}
    return [stamp(since), *(starts[n - 1] for n in sorted(before) if n)]


def _is_unusual_since(db: Database, site_id: int, start: str, changes: Sequence[_ChangeTime]) -> bool:
    """Returns True if the edits of a site since `start` concern an unusual share of the posts fetched since then."""
    pages = {one.page_id for one in changes}
    if len(pages) <= SHARED_BY:
        return False
    # If a fault cuts off or replaces all texts, some are stored as edits, and those that lose most are held one by one.
    pages |= _pages_without_text(db, site_id, start)
    fetched = _count_fetched(db, site_id, start)
    if is_unusual(len(pages), fetched, *_past(db, site_id, start)):
        return True
    return _are_cut_off(db, changes, len(pages), fetched)


_MOST_ANNOUNCED = 0.4


_LOST_TEXT = (HoldRule.SHORTER, HoldRule.STUB, HoldRule.OTHER_TEXT, HoldRule.SHARED_TEXT, HoldRule.NEW_TEXT)


_MOST_READ = 40
"""At most this many edits of a period are compared with the states before them."""


class _ChangeTime(NamedTuple):
    page_id: int
    article_id: int
    revision: int
    at: str
    announced: bool


def _change_times(db: Database, site_id: int, since: datetime) -> list[_ChangeTime]:
    rows = db.execute(
        "select c.page_id, c.article_id, c.revision, c.changed_at, c.announced from recent_changes c "
        "join pages p on p.id = c.page_id where p.site_id = ? and c.revision is not null and c.changed_at >= ? "
        "order by c.changed_at",
        [site_id, stamp(since)],
    )
    return [_ChangeTime(*row) for row in rows]


def _pages_without_text(db: Database, site_id: int, start: str) -> set[int]:
    """Returns the IDs of the pages of stored posts that have been held since `start` because they lost their texts."""
    rows = db.execute(
        "select p.id from held_pages h join pages p on p.id = h.page_id where p.site_id = ? "
        "and p.article_id is not null "
        f"and h.held_since >= ? and h.rule in ({', '.join('?' * len(_LOST_TEXT))})",
        [site_id, start, *_LOST_TEXT],
    )
    return {row[0] for row in rows}


def _are_cut_off(db: Database, changes: Sequence[_ChangeTime], number: int, fetched: int) -> bool:
    """Returns True if an unusual share of the `fetched` posts have lost most of their texts. `changes` are the edits,
    of which those that cut off a text count. `number` is the number of edited posts plus the number of pages that are
    held because they lost their texts.
    """
    if not are_unusual_losses(number, fetched):
        return False
    edited = {one.page_id: one for one in changes}
    cut_off = 0
    for one in [*edited.values()][:_MOST_READ]:
        states = _states_of(db, one.article_id, one.revision)
        cut_off += states is not None and is_cut_off(states[0].body, states[1].body)
    return cut_off > 0 and are_unusual_losses(number - len(edited) + cut_off, fetched)


def _states_of(db: Database, article_id: int, revision: int) -> tuple[Article, Article] | None:
    """Returns an article's states before and after an edit; None if one of them is not stored."""
    rows = db.execute(
        "select coalesce(previous, revision - 1) from revisions where article_id = ? and revision = ?",
        [article_id, revision],
    ).fetchone()
    before = rows[0] if rows else None
    states = {
        row["revision"]: article_from_revision(row)
        for row in revision_rows(db, "r.article_id = ? and r.revision in (?, ?)", [article_id, revision, before])
    }
    old, new = states.get(before), states.get(revision)
    return (old, new) if old and new else None


def count_online(db: Database, site: str) -> int:
    return int(db.execute("select count(*) from articles where site = ?", [site]).fetchone()[0])


def _count_fetched(db: Database, site_id: int, since: str) -> int:
    """Returns how many previously known posts have been fetched again since this time."""
    return int(
        db.execute(
            "select count(*) from pages p join articles a on a.id = p.article_id where p.site_id = ? "
            "and p.fetched_at >= ? and a.first_seen < p.fetched_at and p.outcome <> 'failed'",
            [site_id, since],
        ).fetchone()[0]
    )


_PAST_RUNS = 60


def _past(db: Database, site_id: int, before: str) -> tuple[int, int]:
    """Returns two numbers about the runs before a time: how many known posts they found changed, and how many known
    posts they fetched.
    """
    row = db.execute(
        "select total(revised), total(revised + unchanged + gone) from (select * from runs "
        "where site_id = ? and started_at < ? and undone_at is null and outcome = 'finished' order by id desc limit ?)",
        [site_id, before, _PAST_RUNS],
    ).fetchone()
    return int(row[0]), int(row[1])


@dataclass(frozen=True, slots=True)
class HeldRun:
    """The result of holding the recent changes of a site: the pages that are held now (`held`), and how many edits of
    the present run were taken back (`undone`).
    """

    held: frozenset[str] = frozenset()
    undone: int = 0


def hold_recent_changes(db: Database, site_id: int, run_id: int | None, now: datetime) -> HeldRun:
    """Takes back the recent edits of a site and holds their pages (MASS_CHANGE). `run_id` is the ID of the present run,
    None outside of runs.

    A change of an earlier run is kept if it is not part of the fault (`_is_of_fault`).
    """
    rule = HoldRule.MASS_CHANGE
    changes = _recent_changes(db, site_id, run_id)
    shared = _shared_gains(changes)
    held: dict[str, RecentChange] = {}
    undone = 0
    for one in changes:
        if not _is_of_fault(db, one, shared):
            continue
        if not undo_revision(db, one.article_id, one.revision, now):
            continue
        undone += one.is_present
        if one.key not in held:
            hold_page(db, one.key, Hold(rule, now, now, 1, one.text_digest), run_id, one.gained)
        db.execute(
            "update pages set outcome = ?, rule = ?, reason = ?, due_at = ?, etag = null, last_modified = null "
            "where id = ?",
            [Outcome.HELD, rule, REASONS[rule], stamp(now + LOOK_EVERY), one.page_id],
        )
        held[one.key] = one
    if shared:
        mark_shared_changes(db, site_id)
    db.execute("delete from recent_changes where page_id in (select id from pages where site_id = ?)", [site_id])
    return HeldRun(frozenset(held), undone)


def count_taken_back(db: Database, site_id: int, run_id: int, since: datetime) -> int:
    """Returns how many edits of the site's earlier runs have been taken back since this time."""
    return int(
        db.execute(
            "select count(*) from revisions v join runs r on r.id = v.run_id "
            "where r.site_id = ? and r.id < ? and v.undone_at >= ?",
            [site_id, run_id, stamp(since)],
        ).fetchone()[0]
    )


@dataclass(frozen=True, slots=True)
class RecentChange:
    """An edit of a post that was found in the last days.

    - `page_id`, `key`: the ID and the urlkey of the post's page.
    - `revision`: the revision that the edit made.
    - `run_id`, `is_present`: the run that found the change, and True if it is the present run.
    - `announced`: True if a source had announced the change.
    - `text_digest`: the digest of the text after the edit.
    - `gained`: what the post gained by the edit.
    """

    page_id: int
    key: str
    article_id: int
    revision: int
    run_id: int | None
    is_present: bool
    announced: bool
    text_digest: str
    gained: tuple[str, ...] = ()


def _recent_changes(db: Database, site_id: int, run_id: int | None) -> list[RecentChange]:
    """Returns the recent edits of a site, newest first."""
    rows = db.execute(
        "select p.id, p.urlkey, c.article_id, c.revision, coalesce(v.run_id, "
        "(select max(r.id) from runs r where r.site_id = p.site_id and r.started_at <= c.changed_at)), "
        "c.changed_at >= (select started_at from runs where id = ?), c.announced "
        "from recent_changes c join pages p on p.id = c.page_id "
        "left join revisions v on v.article_id = c.article_id and v.revision = c.revision "
        "where p.site_id = ? and c.revision is not null order by c.id desc",
        [run_id, site_id],
    ).fetchall()
    changes = []
    for page_id, key, article_id, revision, edit_run, is_present, announced in rows:
        states = _states_of(db, article_id, revision)
        gained = gains(*states) if states else ()
        digest = text_digest(states[1].body if states else "")
        changes.append(
            RecentChange(
                page_id, key, article_id, revision, edit_run, bool(is_present), bool(announced), digest, gained
            )
        )
    return changes


def _shared_gains(changes: Sequence[RecentChange]) -> frozenset[str]:
    """Returns what most of these posts gained alike; nothing if fewer than half of them gained the same."""
    pages: dict[str, set[int]] = {}
    for one in changes:
        for gain in one.gained:
            pages.setdefault(gain, set()).add(one.page_id)
    shared = {gain: of for gain, of in pages.items() if len(of) > SHARED_BY}
    changed = {one.page_id for one in changes}
    return frozenset(shared) if 2 * len(set().union(*shared.values())) >= len(changed) else frozenset()


_FEW_CHANGES = 3


def _is_of_fault(db: Database, change: RecentChange, shared: frozenset[str]) -> bool:
    """Returns True if a change is part of a fault of the site. `shared` is what most of the changed posts gained alike;
    it is empty if they changed in different ways.

    - A change of the present run is always part of the fault.
    - If `shared` is not empty, an earlier edit is part of the fault if its post gained the same.
    - Otherwise an earlier change is part of the fault if no source announced it, and its run found an unusual share of
      the known posts changed.
    """
    if change.is_present:
        return True
    if shared:
        return not shared.isdisjoint(change.gained)
    row = db.execute(
        "select revised, revised + unchanged + gone from runs where id = ? and finished_at is not null",
        [change.run_id],
    ).fetchone()
    return not change.announced and (row is None or row[0] >= max(_FEW_CHANGES, UNUSUAL_SHARE * row[1]))
