"""Runs one job of a fleet worker: takes the lease of a site, fetches its shard, and crawls the site. Stores the shard
at checkpoints and at the end, and releases the lease.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from archiver.api.crawls import Counts, CrawlResult, stable_fraction
from archiver.api.database import moment, opened, writing
from archiver.api.sites import add_site, cadence_of, delay_for, scheduled_site
from archiver.fleet.leases import (
    EndedRun,
    LeaseKeeper,
    LeaseWait,
    SiteLease,
    begin_leased_crawl,
    commit_manifest,
    monotonic_seconds,
    release_lease,
    take_lease,
)
from archiver.fleet.postgres import QueueDatabase
from archiver.fleet.shard_storage import Manifest, ShardStorage, read_manifest, shard_folder, storage_owner
from archiver.fleet.shard_transfer import ARCHIVE, checkpoint, delete_old_objects, mark_clean, mark_in_use, restore
from archiver.model.errors import ArchiverError, Fenced, ShardDamaged

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.2
_RETRY, _RETRY_LONGEST = 600.0, 6 * 3600.0
"""Seconds before retrying a site that could not be crawled. The time doubles with each failure, up to the maximum."""
_COST = 20
"""The time between two checkpoints is at least this many times the duration of the last checkpoint."""


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The objects that all jobs of a worker share.

    - `board`: the queue database.
    - `storage`: the shard storage.
    - `folder`: the local folder for shards.
    - `name`: the worker's name.
    - `contact`: the contact for the User-Agent.
    - `stopping`: an event that is set when the worker must end.
    """

    board: QueueDatabase
    storage: ShardStorage
    folder: Path
    name: str
    contact: str | None
    stopping: threading.Event = field(default_factory=threading.Event)


def crawl_site(context: WorkerContext, site: str, settings: dict[str, Any], url: str) -> float:
    """Runs one crawl job: crawls a site under its lease and stores its shard. Returns 0.0, or the seconds after which
    the job must be retried. A failed crawl is recorded as the outcome of its run, not raised.
    """
    delay = delay_for(url, settings.get("delay"))
    held = take_lease(context.board, site, context.name, delay)
    if isinstance(held, LeaseWait):
        return held.seconds
    with LeaseKeeper(context.board, held, delay) as lease:
        ended = _attempt(context, held, lease, delay)
    if ended is None or not release_lease(context.board, held, ended):
        return held.lease
    _log.info(
        "%s: %s, %d requests, %d new; due %s UTC",
        site,
        ended.outcome,
        ended.counts.requests,
        ended.counts.new,
        f"{ended.due_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
    )
    return 0.0


def _attempt(context: WorkerContext, held: SiteLease, lease: LeaseKeeper, delay: float) -> EndedRun | None:
    """Returns the result of a crawl, also if it fails. Returns None if another worker has taken over the site; the
    caller must then record nothing.
    """
    try:
        return _crawl_shard(context, held, lease, delay)
    except Fenced as error:
        _log.warning("%s", error)
        return None
    except (ArchiverError, OSError) as error:
        if lease.lost.is_set():
            return None
        _log.warning("%s: %s", held.site, error)
        return _failed_run(context.board, held, str(error), delay)
    except Exception as error:
        _log.exception("%s", held.site)
        why = f"unexpected {type(error).__name__} in the worker: {error}"
        return _failed_run(context.board, held, why, delay)


def _crawl_shard(context: WorkerContext, held: SiteLease, lease: LeaseKeeper, delay: float) -> EndedRun:
    """Fetches a shard, crawls its site in a process of its own, and stores the shard at checkpoints and at the end.
    Raises Fenced if another worker has taken over the site, StorageRefused or ShardDamaged if the shard cannot be
    fetched or stored, and the ArchiverError that the process sends.
    """
    folder = context.folder / shard_folder(held.site).rpartition("/")[2]
    storage_owner(context.storage)
    before = _read_stored_manifest(context.storage, held.manifest)
    restore(context.storage, folder, before)
    mark_in_use(folder)
    if lease.lost.is_set() or monotonic_seconds() >= lease.until:
        raise Fenced(held.site, held.token)
    archive = folder / ARCHIVE
    prepare_shard(archive, held)
    process = lease.process = begin_leased_crawl(archive, held.site, held.start_url, held.settings, context.contact)
    process.extend(lease.until)
    number, current, previous = 0, before, before

    def save() -> None:
        nonlocal number, current, previous
        number += 1
        current, previous = (
            checkpoint(
                context.storage,
                folder,
                held.site,
                held.token,
                number,
                current,
                lambda manifest: commit_manifest(context.board, held, manifest),
            ),
            current,
        )

    stopped = False
    try:
        next_checkpoint = monotonic() + held.every
        while not process.has_ended(_POLL_SECONDS):
            if lease.lost.is_set():
                raise Fenced(held.site, held.token)
            if not stopped and (context.stopping.is_set() or lease.interrupt_now.is_set()):
                stopped = True
                process.end()
            if not stopped and monotonic() >= next_checkpoint:
                begun = monotonic()
                save()
                next_checkpoint = monotonic() + max(held.every, _COST * (monotonic() - begun))
    except BaseException:
        process.kill()
        raise
    finally:
        lease.process = None
    save()
    assert current is not None
    mark_clean(folder, current)
    delete_old_objects(context.storage, current, previous)
    if isinstance(process.result, ArchiverError):
        raise process.result
    assert process.result is not None
    result: CrawlResult = process.result
    outcome = "interrupted" if stopped and not result.clean else result.outcome
    return _ended_run(context.board, archive, held, outcome, result.reason, result.counts, delay)


def prepare_shard(archive: Path, held: SiteLease) -> None:
    """Adds the site to the shard's archive if it is missing there, and stores the fleet's current settings for it."""
    with opened(archive, create=True) as db:
        site, _ = add_site(db, held.start_url, datetime.now(UTC))
        with writing(db):
            db.execute(
                "update sites set settings = ? where id = ?",
                [json.dumps(held.settings, ensure_ascii=False), site["id"]],
            )


def _ended_run(
    board: QueueDatabase, archive: Path, held: SiteLease, outcome: str, reason: str, counts: Counts, delay: float
) -> EndedRun:
    """Returns the result of a crawl with the time when the site is due again: at once if the run was interrupted,
    otherwise by the rules of `archiver schedule`. `outcome`, `reason` and `counts` are those of the run; `delay` is the
    number of seconds between two requests to the host.
    """
    now = datetime.now(UTC)
    with opened(archive, read_only=True) as db:
        (row,) = db.query("select * from sites where name = ?", [held.site])
        turn = scheduled_site(db, {**row, "settings": held.settings}, now).turn
    if outcome == "failed" and turn.at <= now:  # the process died before it recorded its run
        return _failed_run(board, held, reason, delay)
    due = now if outcome == "interrupted" else turn.at
    return EndedRun(
        outcome, reason, counts, due, turn.period.total_seconds(), turn.why, moment(row.get("quiet_until")), delay
    )


def _failed_run(board: QueueDatabase, held: SiteLease, reason: str, delay: float) -> EndedRun:
    """Returns the result of a run that could not crawl the site or store its shard, with the time of the next attempt.
    `delay` is the number of seconds between two requests to the host. The state of the shard remains that of the last
    checkpoint.
    """
    row = board.one("select failures, period_seconds from fleet_sites where name = %s", [held.site])
    failures, period = (row["failures"], row["period_seconds"]) if row else (0, _RETRY)
    wait = min(_RETRY * 2**failures, _RETRY_LONGEST) * (0.9 + 0.2 * stable_fraction(held.site))
    return EndedRun(
        "failed",
        reason,
        Counts(),
        datetime.now(UTC) + timedelta(seconds=wait),
        period,
        f"its last run failed ({cadence_of(held.settings)})",
        None,
        delay,
    )


def _read_stored_manifest(storage: ShardStorage, key: str | None) -> Manifest | None:
    if key is None:
        return None
    data = storage.read(key)
    if data is None:
        raise ShardDamaged(key, "it is missing")
    try:
        return read_manifest(data)
    except ValueError as error:
        raise ShardDamaged(key, str(error)) from error
