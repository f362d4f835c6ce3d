"""The tables `held_pages` and `held_gains`: pages whose new state is not stored until it is confirmed, and what these
states contain beyond the stored posts. `archiver.articles.guard` decides which pages are held. All functions expect
to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zlib import crc32

from archiver.articles.edits import gains
from archiver.articles.guard import (
    CHANGED_TOGETHER,
    GONE_RULES,
    LOOK_EVERY,
    MIN_CHANGED,
    REASONS,
    SHARED_BY,
    TOGETHER,
    Hold,
    HoldRule,
)
from archiver.frontier.fetch_order_and_revisits import DEFAULT_REVISIT, next_try_of_new_page
from archiver.items import Article, Outcome
from archiver.storage import Database
from archiver.storage.pages_and_source_hints import EPOCH, moment, stamp

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
