"""What was learned of a site's template, and what a person wrote: one row a version, with the time it holds for.

A learned version holds from when the site was seen to change until the next; the first from the beginning, the
last until now, so that an old capture is read by the rules of its day. Rules by hand hold for every capture.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.extraction.rules import SiteRules, from_toml, to_toml
from archiver.store.ledger import stamp
from archiver.store.transaction import writing


def rules_at(db: Database, site_id: int, at: datetime | None = None) -> SiteRules | None:
    """The rules for a page of this site captured `at` (None: now), those by hand in their place; None without any."""
    when = stamp(at) if at else None
    learned = _one(db, "site_id = :site and not by_hand and (since is null or :at >= since) and "
                   "(until is null or :at < until)" if when else "site_id = :site and not by_hand and until is null",
                   {"site": site_id, "at": when})
    hand = _one(db, "site_id = :site and by_hand", {"site": site_id})
    if learned is None or hand is None:
        return learned or (SiteRules().overruled(hand) if hand else None)
    return learned.overruled(hand)


def versions(db: Database, site_id: int) -> list[dict[str, Any]]:
    """Every version of a site's rules, newest first: the row of `site_rules`."""
    return list(db.query("select * from site_rules where site_id = ? order by by_hand desc, id desc", [site_id]))


def store_learned(db: Database, site_id: int, rules: SiteRules, at: datetime) -> SiteRules:
    """Enter what was learned; it takes the place of the rules before it, which keep their time. The rules as stored."""
    retire(db, site_id, at)
    before = db.execute("select max(until) from site_rules where site_id = ? and not by_hand", [site_id]).fetchone()[0]
    db.table("site_rules").insert({
        "site_id": site_id, "toml": to_toml(rules), "by_hand": 0, "pages": rules.pages, "learned_at": stamp(at),
        "since": before})
    stored = rules_at(db, site_id)
    assert stored is not None
    return stored


def retire(db: Database, site_id: int, at: datetime) -> None:
    """The site's template has changed: what was learned holds for captures until now."""
    db.execute("update site_rules set until = ? where site_id = ? and not by_hand and until is null",
               [stamp(at), site_id])


def store_by_hand(db: Database, site_id: int, text: str, subject: str, at: datetime) -> SiteRules:
    """A person's rules take the place of those they wrote before. Raises BadRules."""
    rules = from_toml(text, subject, by_hand=True)
    with writing(db):
        forget(db, site_id, by_hand=True)
        db.table("site_rules").insert({"site_id": site_id, "toml": text, "by_hand": 1, "pages": 0,
                                       "learned_at": stamp(at)})
    return rules


def forget(db: Database, site_id: int, *, by_hand: bool) -> int:
    """Take away the rules of a site, those by hand or those learned; returns how many versions there were.

    What was read by them is nobody's reading any more: any other that comes may take its place.
    """
    db.execute("update articles set extractor = null where extractor like '% rules-%' "
               "and site = (select name from sites where id = ?)", [site_id])
    return int(db.execute("delete from site_rules where site_id = ? and by_hand = ?", [site_id, int(by_hand)]).rowcount)


def _one(db: Database, where: str, values: dict[str, Any]) -> SiteRules | None:
    row = db.execute(f"select id, toml, by_hand from site_rules where {where} order by id desc limit 1",
                     values).fetchone()
    if row is None:
        return None
    number, text, by_hand = row
    return from_toml(text, f"version {number}", by_hand=bool(by_hand), version=f"rules-{number}")


