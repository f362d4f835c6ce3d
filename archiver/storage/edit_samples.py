"""Samples of the posts whose edits no source announces, which show how many edits were missed.

A sitemap or an API announces edits by its lastmod, with three exceptions: dates that proved false, and a sitemap whose
dates are always the dates of publication, announce nothing; and a lastmod that is only a day announces no second edit
on that day. A post that was fetched on such a day is therefore due once more when the day is over.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from archiver.discovery.source_hints import MIN_CLAIMS, are_claims_believed, dates_claim, is_build_day
from archiver.frontier.edit_estimates import (
    REMEMBERED_SAMPLES,
    EditEstimate,
    KnownPost,
    Sampled,
    choose_sample,
)
from archiver.frontier.fetch_order import DAY_ENDS, VOUCHING_SOURCES, next_day_end
from archiver.model.due_reasons import DueFor
from archiver.model.items import DiscoverySource
from archiver.storage import Database
from archiver.storage.pages import make_pages_due, moment, stamp
from archiver.storage.runs import MeasuredRun

_REPORTED = (
    "p.lastmod is not null and exists (select 1 from page_discoveries d where d.page_id = p.id and d.source = ?)"
)


_OF_UNENDED_DAY = (
    "select p.id, p.lastmod, p.fetched_at, p.due_at from pages p where p.site_id = ? and p.kind = 'post' "
    "and p.outcome in ('archived', 'unchanged') and p.due_at is not null and substr(p.lastmod, 11, 9) = 'T00:00:00' "
    "and julianday(p.fetched_at) < julianday(p.lastmod) + ? and not exists (select 1 from page_discoveries d "
    "join json_each(?) u on u.value = d.source where d.page_id = p.id)"
)
"""SQL: the posts whose last change is dated by a day only, and that were last fetched before this day had ended in
every time zone."""


def schedule_posts_of_unended_days(db: Database, site_id: int, now: datetime) -> None:
    """Makes posts whose `lastmod` is only a day due at the end of this day (`next_day_end`), if they were fetched
    before. If they are edited later that day, their `lastmod` does not change.

    Leaves out posts that are listed by a source whose dates proved false, and those of a day on which the whole site
    was rebuilt.
    """
    untrusted = [source for source in sorted(VOUCHING_SOURCES) if not _are_dates_believed(db, site_id, source, now)]
    last = DAY_ENDS[-1] / timedelta(days=1)
    due: dict[str, list[tuple[str, int]]] = {}
    for page_id, lastmod, fetched, due_at in db.execute(_OF_UNENDED_DAY, [site_id, last, json.dumps(untrusted)]):
        end = next_day_end(datetime.fromisoformat(lastmod), datetime.fromisoformat(fetched))
        if end and stamp(end) < due_at:
            due.setdefault(lastmod, []).append((stamp(end), page_id))
    if not due:
        return
    posts_of_day: Counter[str] = Counter(
        dict(
            db.execute(
                "select lastmod, count(*) from pages where site_id = ? and kind = 'post' and lastmod is not null "
                "and article_id is not null group by lastmod",
                [site_id],
            ).fetchall()
        )
    )
    for day, posts in due.items():
        if not is_build_day(posts_of_day[day], posts_of_day.total()):
            db.conn.executemany("update pages set due_at = ? where id = ?", posts)


def make_sample_due(db: Database, site_id: int, run_id: int, now: datetime, size: int) -> None:
    """Makes due a sample of at most `size` posts. They are chosen from the posts that are not due at `now` and whose
    edits no source announces.
    """
    if size > 0:
        make_pages_due(db, choose_sample(_posts_to_sample(db, site_id, now), size, run_id, now), DueFor.SAMPLE)


def count_unseen_posts(db: Database, site_id: int, run_started: datetime, now: datetime) -> int:
    """Returns the number of posts online that were last fetched before `run_started` and whose edits no source
    announces.
    """
    unannounced, values = _unannounced(db, site_id, now)
    row = db.execute(
        f"select count(*) from pages p where {unannounced} and coalesce(p.fetched_at, '') < ?",
        [*values, stamp(run_started)],
    ).fetchone()
    return int(row[0])


def samples_of(db: Database, site_id: int) -> Sampled:
    """Returns the samples that the site's last runs took."""
    rows = db.execute(
        "select statistics from runs where site_id = ? and json_extract(statistics, '$.sampled') > 0 "
        "order by id desc limit ?",
        [site_id, REMEMBERED_SAMPLES],
    ).fetchall()
    measured = [MeasuredRun.from_json(row[0]) for row in rows]
    return Sampled(len(measured), sum(run.sampled for run in measured), sum(run.sample_changed for run in measured))


def edit_estimate(db: Database, site: dict[str, Any]) -> EditEstimate | None:
    """Returns an estimate of the number of edits that the site's last crawl missed, because it did not fetch the edited
    posts again. Returns None if it fetched all posts, or if sources announce their edits.
    """
    row = db.execute(
        "select statistics from runs where site_id = ? and outcome is not null and mode in ('full', 'incremental') "
        "order by id desc limit 1",
        [site["id"]],
    ).fetchone()
    unseen = MeasuredRun.from_json(row[0]).unseen if row else 0
    return EditEstimate(site["name"], unseen, samples_of(db, site["id"])) if unseen else None


def _posts_to_sample(db: Database, site_id: int, now: datetime) -> Iterator[KnownPost]:
    unannounced, values = _unannounced(db, site_id, now)
    rows = db.execute(
        "select p.id, p.urlkey, a.published from pages p join articles a on a.id = p.article_id "
        f"where {unannounced} and p.due_at > ?",
        [*values, stamp(now)],
    )
    return (KnownPost(*row) for row in rows)


def _unannounced(db: Database, site_id: int, now: datetime) -> tuple[str, list[Any]]:
    """Returns an SQL condition on `pages p`, and its parameters, for posts that are still online and whose edits are
    announced by neither the sitemap nor the API.
    """
    condition = "p.site_id = ? and p.outcome in ('archived', 'unchanged') and p.kind = 'post'"
    sources = [
        source
        for source in (DiscoverySource.SITEMAP, DiscoverySource.API)
        if _announces_edits(db, site_id, source, now)
    ]
    return condition + f" and not ({_REPORTED})" * len(sources), [site_id, *sources]


def _announces_edits(db: Database, site_id: int, source: DiscoverySource, now: datetime) -> bool:
    if not _are_dates_believed(db, site_id, source, now):
        return False
    dated = (
        f"from pages p join articles a on a.id = p.article_id where p.site_id = ? and p.kind = 'post' and {_REPORTED}"
    )
    few = db.execute(f"select count(*) from (select 1 {dated} limit ?)", [site_id, source, MIN_CLAIMS]).fetchone()
    if source is DiscoverySource.API or few[0] < MIN_CLAIMS:
        return True
    differs = f"select 1 {dated} and julianday(p.lastmod) > julianday(a.published) + 1 limit 1"
    return db.execute(differs, [site_id, source]).fetchone() is not None


def _are_dates_believed(db: Database, site_id: int, source: DiscoverySource, now: datetime) -> bool:
    row = db.execute("select untrusted from sites where id = ?", [site_id]).fetchone()
    untrusted = json.loads(row[0] or "{}")
    return are_claims_believed(moment(untrusted.get(dates_claim(source))), now)
