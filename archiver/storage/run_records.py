"""The table `runs`: what each run did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from archiver.errors import SiteRemoved
from archiver.items import PageKind
from archiver.storage import Database
from archiver.storage.column_values_and_completions import IS_LIVE, stored_time
from archiver.storage.locks import is_site_locked
from archiver.storage.pages_and_source_hints import EPOCH, last_rowid, stamp
from archiver.storage.run_statistics import MeasuredRun
from archiver.storage.transactions import path_of

# -- the table runs


@dataclass(slots=True)
class Counts:
    """The counts of one run: numbers of pages or articles, and `bytes` received over the network.

    - `requisite_requests`: requests for requisites (images, stylesheets and fonts), which are counted separately.
    - `requisites`: requisites that were captured or are unchanged.
    - `requisites_failed`: requisites that could not be captured.
    - `rejudged`: pages that proved to be posts because of their form.
    - `withdrawn`: articles that proved not to be posts.
    - `held`: pages whose new state is not stored until it is confirmed. A page counts once in each run.
    - `accepted`: held pages whose new state was stored, because three fetches had found it.
    """

    requests: int = 0
    bytes: int = 0
    found: int = 0
    fetched: int = 0
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    aliased: int = 0
    duplicate: int = 0
    gone: int = 0
    refused: int = 0
    failed: int = 0
    trapped: int = 0
    rejudged: int = 0
    withdrawn: int = 0
    requisite_requests: int = 0
    requisites: int = 0
    requisites_failed: int = 0
    held: int = 0
    accepted: int = 0

    def add(self, other: Counts) -> None:
        for one in fields(other):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


_CRAWLED = "mode <> 'pages'"
"""SQL: a run that looked for the pages of its site, and did not only fetch pages that a person had named."""


def begin_run(db: Database, site_id: int, mode: str, version: str, now: datetime, repairs: Sequence[str] = ()) -> int:
    """Inserts a run that begins now and returns its ID. `mode` says what kind of run it is, as in the table `runs`. An
    earlier run that never ended, because of a kill or a power cut, is closed as interrupted.

    `repairs` are phrases for the repairs made after that run; they become part of the run's reason.
    """
    reason = "; ".join(("the process ended without closing the run", *repairs))
    db.execute(
        "update runs set outcome = 'interrupted', reason = ? "
        "where site_id = ? and finished_at is null and outcome is null",
        [reason, site_id],
    )
    row: dict[str, Any] = {"site_id": site_id, "mode": mode, "started_at": stamp(now), "version": version}
    db.insert("runs", {**row, **asdict(Counts())})
    return last_rowid(db)


KILLED = "its process ended without closing the run; the next crawl continues it"


def as_shown(db: Database, site: str, run: dict[str, Any]) -> dict[str, Any]:
    """Returns a row of `runs` as it is shown to people. A run that was killed has no outcome until the next crawl
    closes it; it is shown as interrupted if no process holds the lock of its site.
    """
    if run["outcome"] is not None or is_site_locked(path_of(db), site):
        return run
    return {**run, "outcome": "interrupted", "reason": KILLED}


def check_run(db: Database, run_id: int, site: dict[str, Any]) -> None:
    """Raises SiteRemoved if the run is no longer in the archive, because its site was removed."""
    if db.execute("select 1 from runs where id = ? and site_id = ?", [run_id, site["id"]]).fetchone() is None:
        raise SiteRemoved(site["name"])


def end_run(
    db: Database, run_id: int, counts: Counts, outcome: str, reason: str, now: datetime, statistics: str | None = None
) -> None:
    """Closes a run. `outcome` is finished, waiting, interrupted or failed; `reason` is a sentence, except for a
    finished run; `statistics` is the JSON from `RunStatistics.as_json`, None if nothing was measured.
    """
    articles = db.execute(
        f"select count(*) from articles where {IS_LIVE} and site = "
        "(select s.name from runs r join sites s on s.id = r.site_id where r.id = ?)",
        [run_id],
    ).fetchone()[0]
    ended = {"outcome": outcome, "reason": reason, "finished_at": stamp(now)}
    db.update("runs", run_id, {**asdict(counts), **ended, "articles": articles, "statistics": statistics})


def usage_since(db: Database, at: datetime) -> dict[int, tuple[int, int]]:
    """Returns the requests and received bytes of the runs that began since this time, by site ID."""
    rows = db.execute(
        "select site_id, total(requests) + total(requisite_requests), total(bytes) from runs where started_at >= ? "
        "group by 1",
        [stamp(at)],
    )
    return {site: (int(requests), int(size)) for site, requests, size in rows}


def forget_run_health(db: Database, site_id: int) -> None:
    """Deletes the health stored with the last run of a site, because a person has changed the results of the run. The
    health is then computed when the site is shown.
    """
    db.execute(
        "update runs set health = null where id = "
        "(select id from runs where site_id = ? and outcome is not null order by id desc limit 1)",
        [site_id],
    )


def crawl_started(db: Database, site_id: int, run_id: int) -> str:
    """Returns the beginning of the crawl to which this run belongs (ISO 8601, UTC). An interrupted crawl continues in
    the next run.
    """
    began: str = db.execute(
        "select min(started_at) from runs where site_id = ? and id <= ? and id > "
        f"(select coalesce(max(id), 0) from runs where site_id = ? and outcome = 'finished' and id < ? and {_CRAWLED})",
        [site_id, run_id, site_id, run_id],
    ).fetchone()[0]
    return began


def has_finished(db: Database, site_id: int) -> bool:
    """Returns True if at least one crawl of this site has finished without being interrupted."""
    query = f"select 1 from runs where site_id = ? and outcome = 'finished' and {_CRAWLED}"
    return db.execute(query, [site_id]).fetchone() is not None


def has_only_single_pages(db: Database, site_id: int) -> bool:
    """Returns True if single pages of this site were fetched, and the site was never crawled."""
    query = f"select min(not {_CRAWLED}) from runs where site_id = ? and outcome is not null"
    return bool(db.execute(query, [site_id]).fetchone()[0])


def last_run(db: Database, site_id: int) -> dict[str, Any] | None:
    """Returns the row of the site's last crawl that has ended; None if none has ended."""
    query = f"select * from runs where site_id = ? and outcome is not null and {_CRAWLED} order by id desc limit 1"
    return next(iter(db.query(query, [site_id])), None)


def last_finished_version(db: Database, site_id: int) -> str:
    """Returns the version of this program that finished the site's last complete run; "" if there was none."""
    row = db.execute(
        f"select version from runs where site_id = ? and outcome = 'finished' and {_CRAWLED} order by id desc limit 1",
        [site_id],
    ).fetchone()
    return row[0] or "" if row else ""


@dataclass(frozen=True, slots=True)
class LastRun:
    """A crawl run that has ended."""

    id: int
    started: datetime
    outcome: str


def last_ended_runs(db: Database, site_id: int, number: int) -> list[LastRun]:
    """Returns the last crawl runs of a site that have ended, at most `number`, newest first."""
    rows = db.execute(
        "select id, started_at, outcome from runs where site_id = ? and mode in ('full', 'incremental') and "
        "coalesce(outcome, '') <> '' order by id desc limit ?",
        [site_id, number],
    )
    return [LastRun(row[0], at, row[2]) for row in rows if (at := stored_time(row[1]))]


def unfinished_full_crawl(db: Database, site_id: int) -> str:
    """Returns when the last full crawl of a site began (ISO 8601), if it is unfinished: it was to fetch all known
    pages, some are still due, and neither it nor any run since has finished. Otherwise returns "".
    """
    found = db.execute(
        "select r.started_at from runs r where r.site_id = ? and r.mode = 'full' and not exists (select 1 from runs o "
        "where o.site_id = r.site_id and o.id >= r.id and o.mode in ('full', 'incremental') "
        "and o.outcome = 'finished' and coalesce(o.reason, '') = '') and exists (select 1 from pages p "
        "where p.site_id = r.site_id and p.due_at = ? and p.fetched_at < r.started_at and p.kind in (?, ?)) "
        "order by r.id desc limit 1",
        [site_id, EPOCH, PageKind.POST, PageKind.LISTING],
    ).fetchone()
    return found[0] if found else ""


# -- run statistics


_SAMPLING_RUNS = 20


def latest_samples(db: Database, site_id: int) -> dict[str, dict[str, int]]:
    """Returns, by rule, the latest sample of the pages that the rule set aside (excluded from fetching). `sampled` is
    the number of sampled pages, and `hits` the number of these that are posts or lead to unknown posts. Examines only
    the last 20 runs that set pages aside.
    """
    rows = db.execute(
        "select statistics from runs where site_id = ? and statistics like '%\"set_aside\"%' order by id desc limit ?",
        [site_id, _SAMPLING_RUNS],
    )
    out: dict[str, dict[str, int]] = {}
    for (text,) in rows:
        for rule, patterns in MeasuredRun.from_json(text).set_aside.items():
            counts = {name: sum(row[name] for row in patterns.values()) for name in ("sampled", "hits")}
            out.setdefault(rule, counts)
    return out


def unrecorded_links(db: Database, site_id: int) -> dict[str, int]:
    """Returns, by trap rule, how many links in the last run with statistics led to excluded pages that have no row."""
    row = db.execute(
        "select statistics from runs where site_id = ? and statistics is not null order by id desc limit 1", [site_id]
    ).fetchone()
    return dict(MeasuredRun.from_json(row[0]).unrecorded) if row else {}


def left_pages_unsampled(db: Database, site_id: int, run_id: int) -> bool:
    """Returns True if the site's last run before `run_id` set pages aside (excluded them by a budget), but ended or was
    killed before it sampled them.
    """
    row = db.execute(
        f"select statistics from runs where site_id = ? and id < ? and {_CRAWLED} order by id desc limit 1",
        [site_id, run_id],
    ).fetchone()
    if row is None or row[0] is None:
        return row is not None
    patterns = (one for by_pattern in MeasuredRun.from_json(row[0]).set_aside.values() for one in by_pattern.values())
    return any(one["pages"] and not one["sampled"] for one in patterns)


# -- runs that failed, of all sites


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that has ended. `fault` is the rule of the last page that failed or was refused, as in `MeasuredRun`; ""
    for a run that could fetch pages.
    """

    id: int
    site: str
    started: datetime
    fault: str


@dataclass(frozen=True, slots=True)
class FailedSeries:
    """The last runs of a site, all of which failed: from `first` to `last`."""

    first: EndedRun
    last: EndedRun


# A run that was killed has an outcome but no `finished_at`, and says nothing about its site.
_LOOKING = "mode in ('full', 'incremental') and outcome is not null and finished_at is not null"
_ENDED_RUN = "r.id, s.name, r.started_at, coalesce(r.statistics ->> '$.fault', '')"


def failed_series(db: Database) -> list[FailedSeries]:
    """Returns, for each site whose last run failed, the series of failed runs with which its history ends. The series
    are sorted by the start of their first run.
    """
    last = db.execute(
        f"select {_ENDED_RUN} from sites s join runs r on r.id = "
        f"(select max(id) from runs where site_id = s.id and {_LOOKING}) where r.statistics ->> '$.fault' <> ''"
    ).fetchall()
    out = []
    for row in last:
        first = db.execute(
            f"select {_ENDED_RUN} from runs r join sites s on s.id = r.site_id where r.id = (select min(id) from runs "
            f"where site_id = s.id and {_LOOKING} and id > coalesce((select max(id) from runs where site_id = s.id "
            f"and {_LOOKING} and coalesce(statistics ->> '$.fault', '') = ''), 0)) and s.name = ?",
            [row[1]],
        ).fetchone()
        out.append(FailedSeries(_ended_run(first or row), _ended_run(row)))
    return sorted(out, key=lambda one: one.first.id)


def ended_runs(db: Database, run_id: int, *, backwards: bool = False) -> Iterator[EndedRun]:
    """Yields this run and later ended runs of all sites, in the order of their start. If `backwards` is True, yields
    this run and earlier ones, newest first.
    """
    order = "<= ? and {} order by r.id desc" if backwards else ">= ? and {} order by r.id"
    rows = db.execute(
        f"select {_ENDED_RUN} from runs r join sites s on s.id = r.site_id where r.id {order.format(_LOOKING)}",
        [run_id],
    )
    return (_ended_run(row) for row in rows)


def _ended_run(row: tuple[int, str, str, str]) -> EndedRun:
    number, site, started, fault = row
    return EndedRun(number, site, stored_time(started) or datetime.fromtimestamp(0, UTC), fault)
