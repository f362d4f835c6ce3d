"""Reads which posts of a site were recently found gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlite_utils import Database

from archiver.storage.column_values import stored_time
from archiver.storage.pages import stamp

_RECENT = timedelta(days=7)
_PAST_RUNS = 60


@dataclass(frozen=True, slots=True)
class Deletions:
    """The posts of a site that were found gone in the last seven days.

    - `urls`: their URLs, the last found first.
    - `last`: when the last of them was found gone.
    - `fetched`: the number of known posts that were fetched in these seven days.
    - `past_gone`, `past_fetched`: the number of known posts that were found gone, and that were fetched, in the 60 runs
      before.
    """

    urls: Sequence[str] = ()
    last: datetime | None = None
    fetched: int = 0
    past_gone: int = 0
    past_fetched: int = 0


def read_deletions(db: Database, site_id: int, now: datetime) -> Deletions:
    """Returns the posts of a site that were found gone in the last seven days."""
    since = stamp(now - _RECENT)
    rows = db.execute(
        "select a.url, a.gone_at from pages p join articles a on a.id = p.article_id where p.site_id = ? "
        "and p.outcome = 'gone' and a.gone_at >= ? and a.id not in (select article_id from withdrawn_articles) "
        "group by a.id order by a.gone_at desc, a.id",
        [site_id, since],
    ).fetchall()
    if not rows:
        return Deletions()
    fetched = db.execute(
        "select total(revised + unchanged + gone) from runs where site_id = ? and started_at >= ?", [site_id, since]
    ).fetchone()[0]
    past_gone, past_fetched = db.execute(
        "select total(gone), total(revised + unchanged + gone) from (select * from runs where site_id = ? "
        "and started_at < ? and undone_at is null and outcome = 'finished' order by id desc limit ?)",
        [site_id, since, _PAST_RUNS],
    ).fetchone()
    return Deletions([row[0] for row in rows], stored_time(rows[0][1]), int(fetched), int(past_gone), int(past_fetched))
