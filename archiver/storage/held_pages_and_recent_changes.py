"""The tables `held_pages` and `held_gains` (pages whose new state is not stored until it is confirmed, and what these
states contain beyond the stored posts), and `recent_changes` (edits of the last days, which are taken back if a fault
of the site caused them).

The page of a known post is held if its new state must not replace what is stored. It is released once it shows the post
again, or once the new state is confirmed (`articles.suspicious_changes_and_impossible_values`). All functions expect to
run inside the caller's transaction.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from zlib import crc32

from archiver.articles.article_comparison import changed_fields, fold_words, is_other_page
from archiver.articles.post_verdicts_by_page_form import OTHER_FORM_RULE
from archiver.articles.suspicious_changes_and_impossible_values import (
    GONE_RULES,
    HANDFUL,
    LOOK_EVERY,
    MASS_RULES,
    MIN_CHANGED,
    REASONS,
    SHARED_BY,
    TOGETHER,
    UNUSUAL_SHARE,
    Hold,
    HoldRule,
    are_unusual_losses,
    count_letters,
    ends_within_line,
    gains,
    is_confirmed,
    is_cut_off,
    is_replaced,
    is_unshown,
    is_unusual,
    missing_end,
    suspicion,
)
from archiver.frontier.fetch_order_and_revisits import DEFAULT_REVISIT, next_day_end, next_try_of_new_page
from archiver.items import Article, Outcome, PageKind, PageResult, SourceHint
from archiver.storage import Database
from archiver.storage.article_tables.article_and_revision_rows import (
    article_from_revision,
    article_from_row,
    revision_rows,
)
from archiver.storage.article_tables.article_storing_and_withdrawal import (
    answering_address,
    is_move,
    repeated_revision,
    undo_revision,
    withdrawal_of,
)
from archiver.storage.delisted_posts_and_edit_samples import is_listed_since
from archiver.storage.pages_and_source_hints import EPOCH, PageState, latest_hint, moment, stamp
from archiver.urls import urlkey

_FEW = 20
"""If a site has at most this many held pages, all of them are fetched again each day. If it has more held pages, about
this many are fetched each day, and the others every third day."""
_LATER = 3 * LOOK_EVERY


def text_digest(body: str) -> str:
    """Returns the digest of a text of any length, by which pages that show the same text are recognized."""
    return hashlib.blake2b(fold_words(body).encode(), digest_size=12).hexdigest()


# -- held pages


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


_CHANGED = (HoldRule.MASS_CHANGE, HoldRule.SHARED_CHANGE)


def is_run_held(db: Database, site_id: int) -> bool:
    """Returns True if pages of the site are held because an unusual share of its posts changed. Other pages that change
    are then held, too.
    """
    return count_held_by(db, site_id, _CHANGED) > 0


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
        [site_id, *_CHANGED, key],
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


def make_held_due(db: Database, site_id: int, reason: str, like: Hold | None = None) -> int:
    """Makes the held pages of a site due, and stores `reason` as the reason, for example that a held page shows its
    post again. If `like` is given, only pages that have been held by the same rule since about the same time are made
    due. Returns the number of pages made due.
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


# -- recent changes


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
    most_announced = _MOST_ANNOUNCED * _count_articles(db, site["name"]) if changes else 0
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


def _count_articles(db: Database, site: str) -> int:
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


_SHOWS_POST_AGAIN = "other held pages show their posts again"


@dataclass(frozen=True, slots=True)
class FetchedPost:
    """What the guard knows about a fetched page in addition to its result.

    - `key`: its urlkey.
    - `row`: the row of its article; None if no article is stored.
    - `run_id`, `run_started`: the run, and when it began.
    - `announced`: True if a source had said that the page changed or is gone.
    - `known`: what was stored of the page before.
    """

    key: str
    row: dict[str, Any] | None
    run_id: int
    run_started: datetime
    announced: bool
    known: PageState


@dataclass(frozen=True, slots=True)
class GuardedResult:
    """The result to store. Its outcome is HELD if the page is held, and GONE if its post is now known to be gone.
    `is_confirmed` is True if the page was held and its new state is now stored. `taken_back` is how many posts the run
    had marked as gone that are online again.
    """

    result: PageResult
    is_confirmed: bool = False
    taken_back: int = 0


def guard_page(db: Database, site: dict[str, Any], post: FetchedPost, result: PageResult) -> GuardedResult:
    """Holds or releases a fetched page, and returns the result to store for it. `result` is what the fetch found, and
    `post` what was known of the page before.
    """
    if result.outcome not in _JUDGED:
        return GuardedResult(result)
    if post.known.has_article and _shows_still_gone(db, post, result):
        release_page(db, post.key)
        return GuardedResult(_as_gone(result))
    hold = hold_of(db, post.key) if post.known.is_any_held else None
    unchanged = result.outcome is Outcome.UNCHANGED
    rule = (hold.rule if hold else None) if unchanged else _rule_for(db, site, post, result)
    if rule is None:
        if hold is not None:
            _release(db, site["id"], post.key, hold)
        return GuardedResult(result)
    digest, gained = _digest(result, hold), _gains(post, result)
    if result.article and result.article.body and shows_shared_text(db, site["id"], post.key, digest):
        rule = HoldRule.SHARED_TEXT
    alike = count_held_with(db, site["id"], post.key, gained) if rule is HoldRule.MASS_CHANGE else 0
    if alike >= SHARED_BY:
        rule = HoldRule.SHARED_CHANGE
    now = hold.seen_again(rule, digest, result.at) if hold else Hold(rule, result.at, result.at, 1, digest)
    rule = now.rule
    others = count_held_by(db, site["id"], (rule,), but=post.key)
    is_ever_new = rule is HoldRule.NEW_TEXT and hold is not None and hold.rule is rule and now.looks == 1
    if is_confirmed(replace(now, rule=HoldRule.MASS_GONE), result.at) and _is_post_removed(db, site, post, result, now):
        release_page(db, post.key)
        return GuardedResult(_as_gone(result), is_confirmed=True)
    is_listed_notice = rule in _REPLACED and _is_listed(db, post)
    if is_ever_new or (
        not is_listed_notice and is_confirmed(now, result.at, others, loses_text=_loses_text(post, result))
    ):
        release_page(db, post.key)
        gone = result.outcome is Outcome.DUPLICATE  # the page to which it redirects shows no post
        return GuardedResult(_as_gone(result) if gone else result, is_confirmed=True)
    hold_page(db, post.key, now, post.run_id, gained)
    redirected = rule is HoldRule.REDIRECTED
    taken_back = _hold_redirected(db, site["id"], urlkey(result.final_url), now, post) if redirected else 0
    if rule is HoldRule.SHARED_TEXT:
        mark_shared(db, site["id"], digest)
    if alike == SHARED_BY:
        mark_shared_changes(db, site["id"])
    # The validators are left out, so that the server cannot answer that the held state is unchanged.
    held = replace(result, outcome=Outcome.HELD, kind=PageKind.POST, rule=rule, reason=REASONS[rule])
    return GuardedResult(replace(held, form=None, etag="", last_modified=""), taken_back=taken_back)


def _as_gone(result: PageResult) -> PageResult:
    """Returns the result of a page that shows nothing of its post, as that of a post that is gone. Without validators,
    the server cannot answer that this state is unchanged, which would say that the post is online.
    """
    return replace(result, outcome=Outcome.GONE, article=None, reason=REMOVED, form=None, etag="", last_modified="")


def _shows_still_gone(db: Database, post: FetchedPost, result: PageResult) -> bool:
    """Returns True if the post of a page is marked as gone, and the page is unchanged or shows nothing of it again."""
    row = next(iter(db.query("select * from articles where urlkey = ? and gone_at is not null", [post.key])), None)
    if row is None or result.outcome is Outcome.UNCHANGED:
        return row is not None
    new = result.article or result.other
    return new is not None and is_other_page(article_from_row(row), new)


_JUDGED = frozenset({Outcome.ARCHIVED, Outcome.UNCHANGED, Outcome.NOT_ARTICLE, Outcome.GONE, Outcome.DUPLICATE})
REMOVED = "it shows nothing of the post any more"


def _digest(result: PageResult, hold: Hold | None) -> str:
    if result.outcome is Outcome.UNCHANGED and hold is not None:
        return hold.text_digest
    if result.article is not None:
        return text_digest(result.article.body)
    return f"{result.outcome} {result.rule}"[:64]


def _gains(post: FetchedPost, result: PageResult) -> tuple[str, ...]:
    return gains(article_from_row(post.row), result.article) if post.row and result.article else ()


def _loses_text(post: FetchedPost, result: PageResult) -> bool:
    if post.row is None or result.article is None:
        return False
    old, new = post.row["body"] or "", result.article.body
    return is_cut_off(old, new) or ends_within_line(old, new)


def _release(db: Database, site_id: int, key: str, hold: Hold) -> None:
    """Ends the hold on a page that shows its post again, and makes other held pages due at once, since they may show
    theirs, too. These are all held pages of the site if the rule concerns the whole site; otherwise those held by the
    same rule since about the same time.
    """
    release_page(db, key)
    is_of_site = hold.rule in MASS_RULES or hold.rule in (HoldRule.SHARED_TEXT, HoldRule.NOT_A_POST)
    make_held_due(db, site_id, _SHOWS_POST_AGAIN, None if is_of_site else hold)


def _rule_for(db: Database, site: dict[str, Any], post: FetchedPost, result: PageResult) -> HoldRule | None:
    if result.outcome is Outcome.ARCHIVED:
        return _rule_for_text(db, site["id"], post, result)
    row = _live_article(db, post.key) if post.known.has_article else None
    if row is None or (result.outcome is Outcome.NOT_ARTICLE and result.rule == OTHER_FORM_RULE):
        return None
    if result.outcome is Outcome.NOT_ARTICLE:
        return HoldRule.NOT_A_POST
    if answering_address(db, row["id"], post.key):
        return None
    target = urlkey(result.final_url)
    if target != post.key and len(_redirected_to(db, site["id"], target, result.at) - {post.key}) >= HANDFUL:
        return HoldRule.REDIRECTED
    if result.outcome is Outcome.DUPLICATE and not _shows_no_post(db, target, *_NO_POST):
        return None
    if _is_listed(db, post):
        return HoldRule.STILL_LISTED
    if _is_taken_off_sitemap(db, post):
        return HoldRule.GONE
    many = max(MIN_CHANGED, _MANY * _count_articles(db, site["name"]))
    return HoldRule.MASS_GONE if count_held_by(db, site["id"], GONE_RULES) >= many else HoldRule.GONE


_MANY = 0.1
"""If this share of a site's posts, and more than a handful, do not show their texts, the site is not well."""


_NO_POST = (Outcome.GONE, Outcome.NOT_ARTICLE)


def _shows_no_post(db: Database, key: str, *outcomes: Outcome) -> bool:
    """Returns True if the page at this urlkey, to which a post redirects, has one of these outcomes."""
    found = db.execute("select outcome from pages where urlkey = ?", [key]).fetchone()
    return found is not None and found[0] in outcomes


def _redirected_to(db: Database, site_id: int, target: str, at: datetime) -> set[str]:
    """Returns the urlkeys of the site's posts whose own addresses redirect to the urlkey `target` or, if that is a list
    or another page that is no post, to any such page, as far as they are online or were marked as gone within the last
    days.
    """
    targets = "(?2)"
    if _shows_no_post(db, target, Outcome.NOT_ARTICLE):
        targets = "(select urlkey from pages where site_id = ?1 and outcome = 'not-article' union select ?2)"
    rows = db.execute(
        "select p.urlkey from pages p join articles a on a.urlkey = p.urlkey where p.site_id = ?1 "
        f"and p.redirect_urlkey in {targets} and (a.gone_at is null or a.gone_at >= ?3) "
        "and a.id not in (select article_id from withdrawn_articles)",
        [site_id, target, stamp(at - TOGETHER)],
    )
    return {row[0] for row in rows}


def _hold_redirected(db: Database, site_id: int, target: str, hold: Hold, post: FetchedPost) -> int:
    """Holds the pages of all posts that redirect to the urlkey `target`, too: those that were taken for moved or
    deleted posts before it was clear that the site redirects many. Returns how many posts are online again that this
    run had marked as gone; those marked before stay so, since a person may have said it.
    """
    taken_back = 0
    for key in sorted(_redirected_to(db, site_id, target, hold.looked_at)):
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


def _is_post_removed(db: Database, site: dict[str, Any], post: FetchedPost, result: PageResult, hold: Hold) -> bool:
    """Returns True if a held page shows nothing of its post, no list of this run shows the post, and most of the site's
    posts are well. The page is then a notice that the post was removed, in whatever words and however often.
    """
    new = result.article or result.other
    row = post.row or (_live_article(db, post.key) if post.known.has_article else None)
    if hold.rule not in _REPLACED or new is None or row is None or not is_other_page(article_from_row(row), new):
        return False
    posts, held = _count_articles(db, site["name"]), count_held_by(db, site["id"], _REPLACED | GONE_RULES)
    return held <= max(HANDFUL, _MANY * posts) and 2 * held < posts and not _is_listed(db, post)


_REPLACED = frozenset({HoldRule.OTHER_TEXT, HoldRule.SHARED_TEXT, HoldRule.NOT_A_POST})


def _rule_for_text(db: Database, site_id: int, post: FetchedPost, result: PageResult) -> HoldRule | None:
    new = result.article
    assert new is not None
    if post.row is None:
        return HoldRule.SHARED_TEXT if _shows_text_of_site(db, site_id, post, new) else None
    if urlkey(new.url) != post.row["urlkey"] and not is_move(db, post.row, new, post.run_started):
        return None  # a copy at another address does not replace the stored post
    old = article_from_row(post.row)
    changed = changed_fields(old, new)
    if changed and (earlier := repeated_revision(db, post.row, new)):
        if not post.announced and _is_older_copy(db, post, earlier):
            return HoldRule.OLDER_COPY
        return None  # a fault of the site is over, or its owner took an edit back
    if (
        old.body != new.body
        and (rule := suspicion(old, new))
        and not (
            rule is HoldRule.SHORTER and post.announced and _is_shortened(old.body, new.body, latest_hint(db, post.key))
        )
    ):
        return rule
    if old.body != new.body and _shows_text_of_site(db, site_id, post, new):
        return HoldRule.SHARED_TEXT
    if not post.announced and (rule := _rule_for_unannounced_text(db, post, old, result)):
        return rule
    if changed and is_unshown(old, new):
        return HoldRule.UNSHOWN
    if not changed or not is_run_held(db, site_id) or has_accepted_gain(db, site_id, old, new):
        return None
    if post.announced:  # the feed of a hacked site announces the same advertising
        is_shared = count_held_with(db, site_id, post.key, gains(old, new)) >= SHARED_BY
        return HoldRule.MASS_CHANGE if is_shared else None
    if post.row["revision"] == 1 and is_left_from_fault(db, site_id, post.key, post.row["id"]):
        return None  # the stored article may be from the fault, which is over
    # If the post has lost what the held pages gained, it was stored during the fault, and the site has repaired it.
    is_repair = count_held_with(db, site_id, post.key, gains(new, old)) > SHARED_BY
    return None if is_repair else HoldRule.MASS_CHANGE


def _shows_text_of_site(db: Database, site_id: int, post: FetchedPost, new: Article) -> bool:
    """Returns True if the new text of a post's page is a text that held pages of the site also show."""
    is_any = post.known.is_any_held and bool(new.body)
    return is_any and shows_shared_text(db, site_id, post.key, text_digest(new.body))


def _rule_for_unannounced_text(db: Database, post: FetchedPost, old: Article, result: PageResult) -> HoldRule | None:
    """Returns the rule by which the new text of a page is held because no source announced that it changed."""
    assert result.article is not None
    if post.known.id is None:
        return None  # it is not in the table of pages, so nothing would fetch it again to confirm its text
    if _is_sent_in_part(db, post, result):
        return HoldRule.CUT_OFF
    is_new = is_replaced(old.body, result.article.body) and _is_trusted(db, post, result.at)
    return HoldRule.NEW_TEXT if is_new and not _may_be_edit_of_that_day(db, post) else None


def _may_be_edit_of_that_day(db: Database, post: FetchedPost) -> bool:
    """Returns True if the source gives only the day of a post's last change, and the post was last fetched before this
    day had ended. An edit later that day is announced by this very day.
    """
    row = db.execute("select lastmod, fetched_at from pages where urlkey = ?", [post.key]).fetchone()
    lastmod, fetched = map(moment, row)
    return lastmod is not None and fetched is not None and next_day_end(lastmod, fetched) is not None


def _is_older_copy(db: Database, post: FetchedPost, earlier: dict[str, Any]) -> bool:
    """Returns True if a page that shows this earlier revision is an old copy, such as a cache sends: since the revision
    was last seen, a source has named a time of change, which is not later than the current revision, and it still lists
    the post.
    """
    assert post.row is not None
    (lastmod,) = db.execute("select lastmod from pages where urlkey = ?", [post.key]).fetchone()
    observed = db.execute(
        "select observed_at from revisions where article_id = ? and revision = ?",
        [post.row["id"], post.row["revision"]],
    ).fetchone()
    changed, current = moment(lastmod), moment(observed[0] if observed else None)
    last_seen = moment(earlier["seen_again_at"] or earlier["observed_at"])
    if changed is None or current is None or last_seen is None:
        return False
    return last_seen < changed <= current and _is_listed(db, post)


def _is_trusted(db: Database, post: FetchedPost, at: datetime) -> bool:
    """Returns True if a post was not first stored just now, nor by a run that held pages. Such a post may get another
    text for a good reason: its author replaces a placeholder, or the fault during which it was stored is over.
    """
    assert post.row is not None
    first_seen = moment(post.row["first_seen"])
    if first_seen is None or at - first_seen < LOOK_EVERY:
        return False
    first = db.execute(
        "select r.held from revisions v join runs r on r.id = v.run_id where v.article_id = ? and v.revision = 1",
        [post.row["id"]],
    ).fetchone()
    return first is None or not first[0]


_MISSING_LETTERS = 20


def _is_sent_in_part(db: Database, post: FetchedPost, result: PageResult) -> bool:
    """Returns True if the end of a text is missing because its server sent only the first part of the page: the
    document has no end either, or a feed or the API has the missing text.
    """
    assert post.row is not None
    assert result.article is not None
    missing = missing_end(post.row["body"] or "", result.article.body)
    if count_letters(missing) < _MISSING_LETTERS:
        return False
    if result.lacks_end:
        return True
    hint = latest_hint(db, post.key)
    return hint is not None and fold_words(missing) in fold_words(html.unescape(_TAG.sub(" ", hint.body_html)))


_TAG = re.compile(r"<[^>]*>")
_ABOUT = 1.25
# This many characters at the end are not compared, since a teaser often ends in "Read more" or within a word.
_CUT_END = 20


def _is_shortened(old_body: str, new_body: str, hint: SourceHint | None) -> bool:
    """Returns True if the author has shortened a text from `old_body` to `new_body`: the post's feed or API (`hint`)
    announced an edit and contains about as much text as the page, and the new text is not just the beginning of the old
    one.
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
    """Returns True if a list, feed, sitemap or API that was read in this run, or since the page is held, shows the
    post.
    """
    hold = hold_of(db, post.key)
    return is_listed_since(db, post.key, post.run_started, hold.since if hold else post.run_started)


def _is_taken_off_sitemap(db: Database, post: FetchedPost) -> bool:
    """Returns True if a sitemap that this run has read listed the post before, and no longer does. The site then says
    in two ways that the post is gone.
    """
    query = (
        "select 1 from pages p join page_discoveries d on d.page_id = p.id join pages f on f.id = d.found_on_page_id "
        "where p.urlkey = ? and d.source = 'sitemap' and coalesce(d.last_seen, d.first_seen) < ? "
        "and f.fetched_at >= ? and f.outcome = 'not-article'"
    )
    started = stamp(post.run_started)
    return db.execute(query, [post.key, started, started]).fetchone() is not None
