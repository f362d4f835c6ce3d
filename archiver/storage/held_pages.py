"""The tables `held_pages` and `recent_changes`.

`held_pages` holds the pages whose new state is not stored until it is confirmed. `recent_changes` holds the edits of
the last days, which are taken back if they prove to be caused by a fault of the site. All functions expect to run
inside the caller's transaction.

The page of a known post is held if its new state must not replace what is stored. It is released once it shows the post
again, or once the new state is confirmed (`articles.article_guards`).
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zlib import crc32

from sqlite_utils import Database

from archiver.articles.article_comparison import changed_fields, fold_words
from archiver.articles.article_guards import (
    LOOK_EVERY,
    MASS_RULES,
    MIN_CHANGED,
    REASONS,
    SHARED_BY,
    TOGETHER,
    UNUSUAL_SHARE,
    Hold,
    HoldRule,
    count_letters,
    is_confirmed,
    is_unusual,
    suspicion,
)
from archiver.articles.page_form_verdicts import OTHER_FORM_RULE
from archiver.frontier.fetch_order_and_revisits import VOUCHING_SOURCES
from archiver.items import Outcome, PageKind, PageResult, SourceHint
from archiver.storage.article_tables.article_and_revision_rows import article_from_row
from archiver.storage.article_tables.articles import is_move
from archiver.storage.article_tables.withdrawals import undo_gone, undo_revision, withdrawal_of
from archiver.storage.pages import EPOCH, latest_hint, moment, stamp
from archiver.urls import urlkey

_FEW = 20
"""If a site has at most this many held pages, all of them are fetched again each day. If it has more held pages, about
this many are fetched each day, and the others every third day."""
_LATER = 3 * LOOK_EVERY


def text_digest(body: str) -> str:
    """Returns the digest of a text, however short. Pages that show the same text are recognized by it."""
    return hashlib.blake2b(fold_words(body).encode(), digest_size=12).hexdigest()


# -- held pages


def hold_of(db: Database, key: str) -> Hold | None:
    """Returns the hold on the page at this urlkey; None if the page is not held."""
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


def hold_page(db: Database, key: str, hold: Hold, run_id: int | None) -> None:
    """Stores the hold on the page at this urlkey, in place of an earlier one. A page without a row is not held."""
    db.execute(
        "insert into held_pages (page_id, rule, held_since, looked_at, looks, text_digest, run_id) "
        "select id, ?, ?, ?, ?, ?, ? from pages where urlkey = ? on conflict (page_id) do update set "
        "rule = excluded.rule, looked_at = excluded.looked_at, looks = excluded.looks, "
        "text_digest = excluded.text_digest",
        [hold.rule, stamp(hold.since), stamp(hold.looked_at), hold.looks, hold.text_digest, run_id, key],
    )


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


def count_held_alike(db: Database, site_id: int, key: str, rule: HoldRule) -> int:
    """Returns the number of the site's pages, without the one at this urlkey, that are held by a rule."""
    return int(
        db.execute(
            "select count(*) from held_pages h join pages p on p.id = h.page_id "
            "where p.site_id = ? and h.rule = ? and p.urlkey <> ?",
            [site_id, rule, key],
        ).fetchone()[0]
    )


def next_look(db: Database, site_id: int, key: str, at: datetime) -> datetime:
    """Returns the time at which the held page at this urlkey, fetched at `at`, is fetched again. If a site has many
    held pages, only some are fetched each day, to notice when the site shows its posts again.
    """
    share = 1 + (count_held(db, site_id) - 1) // _FEW
    return at + (LOOK_EVERY if crc32(key.encode()) % share == 0 else _LATER)


def shows_shared_text(db: Database, site_id: int, key: str, digest: str) -> bool:
    """Returns True if the text with this digest belongs to the site and not to a post, because enough other held pages
    of the site show the same text.
    """
    found = db.execute(
        "select count(*) from held_pages h join pages p on p.id = h.page_id "
        "where p.site_id = ? and h.text_digest = ? and p.urlkey <> ?",
        [site_id, digest, key],
    ).fetchone()[0]
    return bool(found >= SHARED_BY)


def mark_shared(db: Database, site_id: int, digest: str) -> None:
    """Gives the rule SHARED_TEXT to all held pages of the site that show this text, since the text belongs to the site
    and not to a post.
    """
    db.execute(
        "update held_pages set rule = ? where text_digest = ? and page_id in (select id from pages where site_id = ?)",
        [HoldRule.SHARED_TEXT, digest, site_id],
    )
    db.execute(
        "update pages set rule = ?, reason = ? where site_id = ? and outcome = ? "
        "and id in (select page_id from held_pages where text_digest = ?)",
        [HoldRule.SHARED_TEXT, REASONS[HoldRule.SHARED_TEXT], site_id, Outcome.HELD, digest],
    )


def is_run_held(db: Database, site_id: int, rule: HoldRule) -> bool:
    """Returns True if pages of the site are held by this rule of MASS_RULES. Other pages that change are then held,
    too.
    """
    return (
        db.execute(
            "select 1 from held_pages h join pages p on p.id = h.page_id where p.site_id = ? and h.rule = ? limit 1",
            [site_id, rule],
        ).fetchone()
        is not None
    )


def is_left_from_fault(db: Database, site_id: int, key: str, article_id: int) -> bool:
    """Returns True if the stored article of the page at this urlkey is probably left from a fault that is over. This is
    the case if it was first stored by a run that was held as a whole, and most of the pages that were held then have
    been released since.
    """
    (left,) = db.execute(
        "select count(*) from held_pages h join pages p on p.id = h.page_id where p.site_id = ? and h.rule = ? "
        "and p.urlkey <> ?",
        [site_id, HoldRule.MASS_CHANGE, key],
    ).fetchone()
    row = db.execute(
        "select r.held from revisions v join runs r on r.id = v.run_id where v.article_id = ? and v.revision = 1",
        [article_id],
    ).fetchone()
    return row is not None and row[0] >= MIN_CHANGED and left < row[0] / 2


def make_held_due(db: Database, site_id: int, reason: str, like: Hold | None = None) -> int:
    """Makes the held pages of a site due, for example when a held page shows its post again. Returns the number of
    these pages. If `like` is given, only pages that have been held by the same rule since about the same time are made
    due.
    """
    held, values = "select page_id from held_pages", []
    if like is not None:
        held += " where rule = ? and held_since between ? and ?"
        values = [like.rule, stamp(like.since - TOGETHER), stamp(like.since + TOGETHER)]
    return int(
        db.execute(
            f"update pages set due_at = ?, reason = ? where site_id = ? and id in ({held})",
            [EPOCH, reason, site_id, *values],
        ).rowcount
    )


@dataclass(frozen=True, slots=True)
class HeldPage:
    """A held page as an operator sees it. `article_id` is None for a page that was never stored."""

    url: str
    rule: str
    reason: str
    since: str
    looks: int
    article_id: int | None


def held_pages(db: Database, site_id: int) -> list[HeldPage]:
    """Returns the held pages of a site. Those that have been held longest come first."""
    return [
        HeldPage(url, rule, REASONS[HoldRule(rule)], since, looks, article_id)
        for url, rule, since, looks, article_id in db.execute(
            "select p.url, h.rule, h.held_since, h.looks, p.article_id from held_pages h "
            "join pages p on p.id = h.page_id where p.site_id = ? order by h.held_since, p.id",
            [site_id],
        )
    ]


# -- recent changes


def record_change(db: Database, key: str, revision: int | None, at: datetime, *, announced: bool) -> None:
    """Records that the post of the page at this urlkey has a new revision (None: the post is gone). `announced` is True
    if a source had announced the change.
    """
    db.execute(
        "insert into recent_changes (page_id, article_id, revision, changed_at, announced) "
        "select id, article_id, ?, ?, ? from pages where urlkey = ? and article_id is not null",
        [revision, stamp(at), announced, key],
    )


def forget_old_changes(db: Database, site_id: int, now: datetime) -> None:
    """Deletes recent changes that are too old to be counted together with the changes of a run at `now`."""
    db.execute(
        "delete from recent_changes where changed_at < ? and page_id in (select id from pages where site_id = ?)",
        [stamp(now - TOGETHER), site_id],
    )


def unusual_changes(db: Database, site: dict[str, Any], now: datetime) -> Iterator[HoldRule]:
    """Yields the rules by which the recent changes of a site must be held, because an unusual share of its posts
    changed or is gone.
    """
    for rule, gone in ((HoldRule.MASS_CHANGE, False), (HoldRule.MASS_GONE, True)):
        changed, unannounced = db.execute(
            "select count(distinct p.id), count(distinct iif(c.announced, null, p.id)) "
            "from recent_changes c join pages p on p.id = c.page_id "
            "where p.site_id = ? and (c.revision is null) = ? and c.changed_at >= ?",
            [site["id"], gone, stamp(now - TOGETHER)],
        ).fetchone()
        past_changed, past_fetched = _past(db, site["id"], now - TOGETHER, gone=gone)
        # Most sites announce an edit or two at a time. After a redesign, a site may announce that each of its posts
        # changed.
        counts = changed >= _MOST_ANNOUNCED * _count_articles(db, site["name"])
        number = int(changed if counts else unannounced)
        if number and is_unusual(number, _count_fetched(db, site["id"], now - TOGETHER), past_changed, past_fetched):
            yield rule


_MOST_ANNOUNCED = 0.4


def _count_articles(db: Database, site: str) -> int:
    return int(db.execute("select count(*) from articles where site = ?", [site]).fetchone()[0])


def _count_fetched(db: Database, site_id: int, since: datetime) -> int:
    """Returns how many previously known posts have been fetched again since this time."""
    return int(
        db.execute(
            "select count(*) from pages p join articles a on a.id = p.article_id where p.site_id = ? "
            "and p.fetched_at >= ? and a.first_seen < p.fetched_at and p.outcome <> 'failed'",
            [site_id, stamp(since)],
        ).fetchone()[0]
    )


_PAST_RUNS = 60


def _past(db: Database, site_id: int, before: datetime, *, gone: bool) -> tuple[int, int]:
    """Returns how many known posts changed (or were gone) in the runs before a time, and how many known posts these
    runs fetched.
    """
    row = db.execute(
        "select total(iif(?, gone, revised)), total(revised + unchanged + gone) from (select * from runs "
        "where site_id = ? and started_at < ? and undone_at is null and outcome = 'finished' order by id desc limit ?)",
        [gone, site_id, stamp(before), _PAST_RUNS],
    ).fetchone()
    return int(row[0]), int(row[1])


@dataclass(frozen=True, slots=True)
class HeldRun:
    """The result of holding the recent changes of a site: the pages that are held now (`held`), and how many edits and
    deletions of the present run were taken back (`undone`).
    """

    held: int = 0
    undone: int = 0


def hold_recent_changes(db: Database, site_id: int, rule: HoldRule, run_id: int | None, now: datetime) -> HeldRun:
    """Takes back the recent changes of a site and holds their pages by a rule of MASS_RULES.

    An edit of an earlier run is kept if its post has changed again since and that run did not edit an unusual share of
    posts. The post then shows something else now, so the edit is not part of the fault.
    """
    assert rule in MASS_RULES
    rows = db.execute(
        "select p.id, p.urlkey, c.article_id, c.revision, v.run_id, "
        "c.changed_at >= (select started_at from runs where id = ?) from recent_changes c "
        "join pages p on p.id = c.page_id "
        "left join revisions v on v.article_id = c.article_id and v.revision = c.revision "
        "where p.site_id = ? and (c.revision is null) = ? order by c.id desc",
        [run_id, site_id, rule is HoldRule.MASS_GONE],
    ).fetchall()
    held: set[int] = set()
    undone = 0
    for page_id, key, article_id, revision, edit_run, is_present in rows:
        if page_id in held and not is_present and not _has_many_edits(db, edit_run):
            continue
        body = db.execute("select body from articles where id = ?", [article_id]).fetchone()[0] if revision else ""
        if revision is None:
            undo_gone(db, article_id)
        elif not undo_revision(db, article_id, revision, now):
            continue
        undone += bool(is_present)
        if page_id not in held:
            hold_page(db, key, Hold(rule, now, now, 1, text_digest(body)), run_id)
        db.execute(
            "update pages set outcome = ?, rule = ?, reason = ?, due_at = ?, etag = null, last_modified = null "
            "where id = ?",
            [Outcome.HELD, rule, REASONS[rule], stamp(now + LOOK_EVERY), page_id],
        )
        held.add(page_id)
    db.execute(
        "delete from recent_changes where (revision is null) = ? "
        "and page_id in (select id from pages where site_id = ?)",
        [rule is HoldRule.MASS_GONE, site_id],
    )
    return HeldRun(len(held), undone)


def _has_many_edits(db: Database, run_id: int | None) -> bool:
    """Returns True if a run found changes in so many of the known posts that its edits are doubtful, or if the archive
    has no finished run with this ID.
    """
    row = db.execute(
        "select revised, revised + unchanged + gone from runs where id = ? and finished_at is not null", [run_id]
    ).fetchone()
    return row is None or row[0] >= UNUSUAL_SHARE * row[1]


_GONE_FOR_GOOD = 410  # the status that says that a page is gone for good (RFC 9110, section 15.5.11)
_SHOWS_POST_AGAIN = "other held pages show their posts again"


@dataclass(frozen=True, slots=True)
class FetchedPost:
    """What the guard knows about a fetched page in addition to its result.

    - `key`: its urlkey.
    - `row`: the row of its article; None if no article is stored.
    - `run_id`, `run_started`: the run, and when it began.
    - `announced`: True if a source had said that the page changed or is gone.
    """

    key: str
    row: dict[str, Any] | None
    run_id: int
    run_started: datetime
    announced: bool


@dataclass(frozen=True, slots=True)
class GuardedResult:
    """The result to store. Its outcome is HELD if the page is held. `is_confirmed` is True if the page was held and is
    now accepted.
    """

    result: PageResult
    is_confirmed: bool = False


def guard_page(db: Database, site: dict[str, Any], post: FetchedPost, result: PageResult) -> GuardedResult:
    """Returns the result to store, and holds or releases the page."""
    if result.outcome not in _JUDGED:
        return GuardedResult(result)
    hold = hold_of(db, post.key)
    if result.outcome is Outcome.UNCHANGED:
        rule = hold.rule if hold else None
    else:
        rule = _rule_for(db, site["id"], post, result)
    if rule is None:
        if hold is not None:
            _release(db, site["id"], post.key, hold)
        return GuardedResult(result)
    digest = _digest(result, hold)
    if result.article and result.article.body and shows_shared_text(db, site["id"], post.key, digest):
        rule = HoldRule.SHARED_TEXT
    now = hold.seen_again(rule, digest, result.at) if hold else Hold(rule, result.at, result.at, 1, digest)
    if is_confirmed(now, result.at, count_held_alike(db, site["id"], post.key, rule)):
        release_page(db, post.key)
        return GuardedResult(result, is_confirmed=True)
    hold_page(db, post.key, now, post.run_id)
    if rule is HoldRule.SHARED_TEXT:
        mark_shared(db, site["id"], digest)
    # The validators are left out, so that the server cannot answer that the held state is unchanged.
    held = replace(result, outcome=Outcome.HELD, kind=PageKind.POST, rule=rule, reason=REASONS[rule])
    return GuardedResult(replace(held, form=None, etag="", last_modified=""))


_JUDGED = frozenset({Outcome.ARCHIVED, Outcome.UNCHANGED, Outcome.NOT_ARTICLE, Outcome.GONE})


def _digest(result: PageResult, hold: Hold | None) -> str:
    if result.outcome is Outcome.UNCHANGED and hold is not None:
        return hold.text_digest
    if result.article is not None:
        return text_digest(result.article.body)
    return f"{result.outcome} {result.rule}"[:64]


def _release(db: Database, site_id: int, key: str, hold: Hold) -> None:
    """Ends the hold on a page that shows its post again, and makes other held pages due at once. If the whole site was
    at fault, these are all its held pages, otherwise only those with the same fault.
    """
    release_page(db, key)
    is_of_site = hold.rule in MASS_RULES or hold.rule in (HoldRule.SHARED_TEXT, HoldRule.NOT_A_POST)
    make_held_due(db, site_id, _SHOWS_POST_AGAIN, None if is_of_site else hold)


def _rule_for(db: Database, site_id: int, post: FetchedPost, result: PageResult) -> HoldRule | None:
    if result.outcome is Outcome.ARCHIVED:
        return _rule_for_text(db, site_id, post, result)
    row = _live_article(db, post.key)
    if row is None:
        return None
    if result.outcome is Outcome.NOT_ARTICLE:
        return HoldRule.NOT_A_POST if result.rule != OTHER_FORM_RULE else None
    if result.status == _GONE_FOR_GOOD or post.announced:
        return None
    if _is_listed(db, post):
        return HoldRule.STILL_LISTED
    return HoldRule.MASS_GONE if is_run_held(db, site_id, HoldRule.MASS_GONE) else None


def _rule_for_text(db: Database, site_id: int, post: FetchedPost, result: PageResult) -> HoldRule | None:
    new = result.article
    assert new is not None
    if post.row is None:
        shown = bool(new.body) and shows_shared_text(db, site_id, post.key, text_digest(new.body))
        return HoldRule.SHARED_TEXT if shown else None
    if urlkey(new.url) != post.row["urlkey"] and not is_move(db, post.row, new, post.run_started):
        return None  # a copy at another address does not replace the stored post
    old = article_from_row(post.row)
    if (
        old.body != new.body
        and (rule := suspicion(old, new))
        and not (
            rule is HoldRule.SHORTER and post.announced and _is_shortened(old.body, new.body, latest_hint(db, post.key))
        )
    ):
        return rule
    if post.announced or not is_run_held(db, site_id, HoldRule.MASS_CHANGE):
        return None
    if post.row["revision"] == 1 and is_left_from_fault(db, site_id, post.key, post.row["id"]):
        return None  # the stored text may come from the fault, which is now over
    return HoldRule.MASS_CHANGE if changed_fields(old, new) else None


_TAG = re.compile(r"<[^>]*>")
_ABOUT = 1.25
# This many characters at the end are not compared, since a teaser often ends in "Read more" or within a word.
_CUT_END = 20


def _is_shortened(old_body: str, new_body: str, hint: SourceHint | None) -> bool:
    """Returns True if the author has shortened a text: the post's feed or API announced an edit and contains about as
    much text as the page, and the text is not just the beginning of the old text.
    """
    given = count_letters(html.unescape(_TAG.sub(" ", hint.body_html))) if hint is not None else 0
    shown = count_letters(new_body)
    if not shown or not 1 / _ABOUT <= given / shown <= _ABOUT:
        return False
    return fold_words(new_body)[:-_CUT_END] not in fold_words(old_body)


def _live_article(db: Database, key: str) -> dict[str, Any] | None:
    """Returns the row of the article whose own address is this urlkey; None if there is no such article, or it is gone
    or withdrawn.
    """
    row = next(iter(db.query("select * from articles where urlkey = ? and gone_at is null", [key])), None)
    return row if row and withdrawal_of(db, row["id"]) is None else None


def _is_listed(db: Database, post: FetchedPost) -> bool:
    """Returns True if a feed, sitemap or API has listed the post since the run began."""
    sources = sorted(VOUCHING_SOURCES)
    return (
        db.execute(
            "select 1 from pages p join page_sources s on s.page_id = p.id where p.urlkey = ? and s.last_seen >= ? "
            f"and s.source in ({', '.join('?' * len(sources))}) limit 1",
            [post.key, stamp(post.run_started), *sources],
        ).fetchone()
        is not None
    )
