"""What addresses answered in the past in place of a page: that they are gone, or that they lead elsewhere.

Each answer is kept, since the post that it speaks of may come to light later. All functions expect to run inside the
caller's transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from archiver.store.ledger import stamp
from archiver.urls import urlkey

_MOST_HOPS = 10
_MOST_WAYS = 200


def keep_gone(db: Database, url: str, status: int, at: datetime, import_id: int | None) -> None:
    """At that time there was no such page: the server said so, or (status 200) what it showed."""
    _keep(db, url, "gone", str(status), at, import_id)


def last_gone(db: Database, key: str) -> tuple[int, datetime] | None:
    """With which status, and when, an address was last seen to be gone."""
    row = db.execute("select target, captured_at from historical_responses where urlkey = ? and kind = 'gone' order "
                     "by captured_at desc, target "
                     "limit 1", [key]).fetchone()
    return (int(row[0]), datetime.fromisoformat(row[1])) if row else None


def keep_redirect(db: Database, url: str, target: str, at: datetime, import_id: int | None) -> None:
    """At that time the address led to another."""
    _keep(db, url, "redirect", urlkey(target), at, import_id)


def _keep(db: Database, url: str, kind: str, target: str, at: datetime, import_id: int | None) -> None:
    db.execute("insert into historical_responses (urlkey, kind, target, captured_at, url, import_id) values (?, ?, ?, "
               "?, ?, ?) "
               "on conflict do nothing", [urlkey(url), kind, target, stamp(at), url, import_id])


@dataclass(frozen=True, slots=True)
class Way:
    """An address that led to another, and when it was first and last seen to."""

    url: str
    first: datetime
    last: datetime


def ways_to(db: Database, key: str) -> list[Way]:
    """The addresses that once led to this one, over others too; nearest first."""
    found: dict[str, Way] = {}
    wave, seen = [key], {key}
    for _ in range(_MOST_HOPS):
        reached: list[str] = []
        for target in wave:
            for source, url, first, last in db.execute(
                    "select urlkey, min(url), min(captured_at), max(captured_at) from historical_responses where "
                    "target = ? group by urlkey "
                    "order by urlkey limit ?", [target, _MOST_WAYS]):
                if source not in seen and len(found) < _MOST_WAYS:
                    seen.add(source)
                    found[source] = Way(url, datetime.fromisoformat(first), datetime.fromisoformat(last))
                    reached.append(source)
        wave = reached
        if not wave:
            break
    return list(found.values())


def landing(db: Database, key: str) -> str:
    """Where an address led to last, over others too."""
    seen = {key}
    for _ in range(_MOST_HOPS):
        row = db.execute("select target from historical_responses where urlkey = ? and kind = 'redirect' "
                         "order by captured_at desc, target limit 1", [key]).fetchone()
        if row is None or row[0] in seen:
            break
        key = row[0]
        seen.add(key)
    return key


def settle_gone(db: Database, article_id: int) -> bool:
    """A post whose own address said later than it was last seen that it is gone has a tombstone of that time.

    Returns whether it has one that it did not have.
    """
    row = db.execute("select urlkey, last_seen, gone_at from articles where id = ?", [article_id]).fetchone()
    if row is None:
        return False
    key, last_seen, gone_at = row
    first = db.execute("select min(captured_at) from historical_responses where urlkey = ? and kind = 'gone' and "
                       "captured_at > ?",
                       [key, last_seen]).fetchone()[0]
    if first is None or (gone_at and gone_at <= first):
        return False
    db.execute("update articles set gone_at = ? where id = ?", [first, article_id])
    return gone_at is None
