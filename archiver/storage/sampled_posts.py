"""The posts of a site whose edits no source announces: chooses the posts that a run samples, and estimates from the
samples how many edits were missed.

A sitemap or an API announces edits by its lastmod, unless its lastmod proved false. A sitemap whose dates never differ
from the dates of publication announces nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.frontier.edit_sample import (
    REMEMBERED_SAMPLES,
    SAMPLE_REASON,
    EditEstimate,
    KnownPost,
    Sampled,
    choose_sample,
)
from archiver.frontier.revisit import MIN_CLAIMS, are_claims_believed, dates_claim
from archiver.items import DiscoverySource
from archiver.storage.pages import make_pages_due, moment, stamp
from archiver.storage.runs import MeasuredRun

_REPORTED = (
    "p.lastmod is not null and exists (select 1 from page_discoveries d where d.page_id = p.id and d.source = ?)"
)


def make_sample_due(db: Database, site_id: int, run_id: int, now: datetime, size: int) -> None:
    """Makes due a sample of at most `size` posts. They are chosen from the posts that are not due at `now` and whose
    edits no source announces.
    """
    if size > 0:
        make_pages_due(db, choose_sample(_posts_to_sample(db, site_id, now), size, run_id, now), SAMPLE_REASON)


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
    """Returns an SQL condition on `pages p`, and its parameters, for the posts online whose edits no source
    announces.
    """
    condition = "p.site_id = ? and p.outcome in ('archived', 'unchanged') and p.kind = 'post'"
    sources = [
        source
        for source in (DiscoverySource.SITEMAP, DiscoverySource.API)
        if _announces_edits(db, site_id, source, now)
    ]
    return condition + f" and not ({_REPORTED})" * len(sources), [site_id, *sources]


def _announces_edits(db: Database, site_id: int, source: DiscoverySource, now: datetime) -> bool:
    row = db.execute("select untrusted from sites where id = ?", [site_id]).fetchone()
    untrusted = json.loads(row[0] or "{}")
    if not are_claims_believed(moment(untrusted.get(dates_claim(source))), now):
        return False
    dated = (
        f"from pages p join articles a on a.id = p.article_id where p.site_id = ? and p.kind = 'post' and {_REPORTED}"
    )
    few = db.execute(f"select count(*) from (select 1 {dated} limit ?)", [site_id, source, MIN_CLAIMS]).fetchone()
    if source is DiscoverySource.API or few[0] < MIN_CLAIMS:
        return True
    differs = f"select 1 {dated} and julianday(p.lastmod) > julianday(a.published) + 1 limit 1"
    return db.execute(differs, [site_id, source]).fetchone() is not None
