"""The status of a fleet: sites due, running, late and failed, tasks, workers, and throughput."""

from __future__ import annotations

from typing import Any

from archiver.fleet.board import Board

_HOUR = 3600
_LISTED = 20
"""Tasks that are listed; all are counted."""


def standing(board: Board) -> dict[str, Any]:
    """Plain values, as `fleet status --json` prints them. `late` sites have been due for longer than a tenth of their
    period; throughput is that of crawls in the last hour."""
    fleet = board.fleet("layout")
    sites = board.one(
        "select count(*) as sites, count(*) filter (where s.due_at <= now() and r.site is null) as due, "
        "count(r.site) as running, count(*) filter (where r.site is null and "
        "s.due_at + make_interval(secs => s.period_seconds / 10) < now()) as late, "
        "count(*) filter (where s.outcome = 'failed') as failed, "
        "(select coalesce(sum(s.articles), 0)::bigint from fleet_sites s) as articles, "
        "(select coalesce(sum(s.bytes), 0)::bigint from fleet_sites s) as bytes, "
        "coalesce(max(extract(epoch from now() - s.due_at)) filter (where r.site is null and s.due_at < now()), 0)"
        "::float as latest_by_seconds from fleet_sites s "
        "left join (fleet_hosts r join fleet_runs u on u.site = r.site and u.token = r.token and u.task is null) "
        "on r.site = s.name and r.lease_until > now() where s.active") or {}
    done = board.one(
        "select count(*) as runs, count(*) filter (where outcome = 'failed') as failed, "
        "count(*) filter (where outcome = 'lost') as lost, coalesce(sum(requests), 0)::bigint as requests, "
        "coalesce(sum(fetched), 0)::bigint as pages, coalesce(sum(new), 0)::bigint as new, "
        "coalesce(sum(bytes), 0)::bigint as bytes, greatest(1, extract(epoch from now() - min(began_at)))::float "
        "as seconds from fleet_runs where task is null and ended_at > now() - make_interval(secs => %s)", [_HOUR]) or {}
    workers = board.all(
        "select name, w.version, slots, running, began_at, seen_at, ended_at, "
        "extract(epoch from now() - seen_at)::float as silent, "
        "ended_at is null and seen_at > now() - make_interval(secs => lease_seconds) as alive "
        "from fleet_workers w, fleet where ended_at is null or ended_at > now() - interval '1 hour' order by name")
    failed = board.all("select name, reason, failures, due_at from fleet_sites where active and outcome = 'failed' "
                       "order by failures desc, name limit 10")
    seconds = min(_HOUR, done.get("seconds") or 1)
    return {
        "queue": board.where, "storage": fleet.storage, "draining": fleet.draining, "sites": sites,
        "last_hour": {**done, "pages_per_second": round(done.get("pages", 0) / seconds, 3),
                      "runs_per_hour": round(done.get("runs", 0) / seconds * _HOUR, 1)},
        "workers": [{**row, **{name: row[name].isoformat() if row[name] else None
                               for name in ("began_at", "seen_at", "ended_at")}} for row in workers],
        "failed_sites": [{**row, "due_at": row["due_at"].isoformat()} for row in failed],
        **_tasks(board),
    }


def _tasks(board: Board) -> dict[str, Any]:
    """Tasks by kind, and those that have failed or met problems: of which shard and file, and why."""
    kinds = board.all(
        "with running as (select queueing_lock from procrastinate_jobs where status = 'doing') "
        "select kind, count(*) as entered, "
        "count(*) filter (where ended_at is null and r.queueing_lock is null) as waiting, "
        "count(r.queueing_lock) as running, count(*) filter (where outcome = 'finished') as finished, "
        "count(*) filter (where outcome = 'failed') as failed, "
        "count(*) filter (where ended_at is not null and outcome = 'failed') as given_up, "
        "coalesce(sum((result ->> 'problems')::bigint), 0)::bigint as problems from fleet_tasks t "
        "left join running r on r.queueing_lock = 'task ' || t.id group by kind order by kind")
    failed = board.all(
        "select id, kind, site, file, reason, failures, due_at, ended_at is not null as given_up from fleet_tasks "
        "where outcome = 'failed' order by id limit %s", [_LISTED])
    problems = board.all(
        "select id, kind, site, file, (result ->> 'problems')::bigint as problems, result -> 'listed' as listed "
        "from fleet_tasks where (result ->> 'problems')::bigint > 0 order by id limit %s", [_LISTED])
    return {"tasks": {row.pop("kind"): row for row in kinds}, "tasks_with_problems": problems,
            "failed_tasks": [{**row, "due_at": None if row["given_up"] else row["due_at"].isoformat()}
                             for row in failed]}
