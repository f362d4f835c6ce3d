"""The tables `held_pages` and `recent_changes`.

`held_pages` has the pages whose new state is not stored until it is confirmed. `recent_changes` has the edits of the
last days, which are taken back if they prove to be caused by a fault of the site. All functions expect to run inside
the caller's transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import crc32

from sqlite_utils import Database

from archiver.articles.change_guard import (
    LOOK_EVERY,
    MASS_RULES,
    REASONS,
    SHARED_BY,
    TOGETHER,
    UNUSUAL_SHARE,
    Hold,
    HoldRule,
    is_unusual,
)
from archiver.articles.identity import fold_words
from archiver.items import Outcome
from archiver.storage.article_tables.undoing import undo_gone, undo_revision
from archiver.storage.pages import EPOCH, moment, stamp

_FEW = 20
"""If a site has at most this many held pages, all of them are fetched again each day. If it has more, about this many
are fetched each day, and the others every third day."""
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
    of the site show it.
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
    """Returns the held pages of a site, the longest held first."""
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
    if a source had said so.
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
    """The result of holding the recent changes of a site: the pages that are `held`, and the number of edits and
    deletions of the present run that were taken back (`undone`).
    """

    held: int = 0
    undone: int = 0


def hold_recent_changes(db: Database, site_id: int, rule: HoldRule, run_id: int | None, now: datetime) -> HeldRun:
    """Takes back the recent changes of a site and holds their pages by a rule of MASS_RULES.

    An edit of an earlier run is kept if its post has changed again since and that run did not edit an unusual share of
    posts. In this case the post now shows something else, so the edit is not part of the fault.
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
