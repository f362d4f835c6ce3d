"""The table `recent_changes`: the edits of the last days. They are examined together: if an unusual share of a site's
posts changed, the edits are taken back, and the pages are held. All functions expect to run inside the caller's
transaction.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from archiver.articles.edits import gains, is_cut_off, text_digest
from archiver.articles.guard import (
    LOOK_EVERY,
    REASONS,
    SHARED_BY,
    TOGETHER,
    UNUSUAL_SHARE,
    Hold,
    HoldRule,
    are_unusual_losses,
    is_unusual,
)
from archiver.items import Article, Outcome
from archiver.storage import Database
from archiver.storage.article_tables.article_and_revision_rows import article_from_revision, revision_rows
from archiver.storage.article_tables.article_storing_and_withdrawal import undo_revision
from archiver.storage.held_pages import hold_page, mark_shared_changes
from archiver.storage.pages_and_source_hints import stamp


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
