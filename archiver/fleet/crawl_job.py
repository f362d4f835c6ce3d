"""One job: a site is claimed, its shard fetched, worked on (by a crawl, most often), stored at checkpoints and at the
end, and released."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from archiver.errors import ArchiverError, Fenced, QueueAway, ShardDamaged
from archiver.fleet.leases import (
    EndedRun,
    LeaseWait,
    SiteLease,
    commit_manifest,
    monotonic_seconds,
    release_lease,
    renew_lease,
    take_lease,
)
from archiver.fleet.leashed_process import Leashed, begin_leashed_crawl
from archiver.fleet.postgres import QueueDatabase
from archiver.fleet.shard_storage import Manifest, ShardStorage, read_manifest, shard_folder, storage_owner
from archiver.fleet.shards import ARCHIVE, checkpoint, delete_old_objects, mark_clean, mark_taken, restore
from archiver.frontier.cadence import share
from archiver.scheduling.crawl_plan import CrawlResult
from archiver.sites.crawler_identity import delay_for
from archiver.storage.connection import opened, writing
from archiver.storage.pages import moment
from archiver.storage.runs import Counts, cadence_of, scheduled_site
from archiver.storage.sites import add_site

_log = logging.getLogger(__name__)
_LOOK = 0.2
_AGAIN, _AGAIN_LONGEST = 600.0, 6 * 3600.0
"""Seconds after which a site is tried again that could not be crawled at all; doubled each time."""
_COST = 20
"""A crawl goes on so many times as long as its last checkpoint took before the next one."""
E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """Where a worker works. `stopping` is set when it is to end; `folder` holds its shards."""

    board: QueueDatabase
    storage: ShardStorage
    folder: Path
    name: str
    contact: str | None
    stopping: threading.Event = field(default_factory=threading.Event)


class Lease:
    """Renews a claim in a thread of its own, for whatever the job does meanwhile, and lengthens its process's leash.
    `lost` is set when the site is another worker's, or the time is over."""

    def __init__(self, place: WorkerContext, held: SiteLease, delay: float) -> None:
        self._place, self._held, self._delay = place, held, delay
        self._until = held.until
        self._over = threading.Event()
        self.lost = threading.Event()
        self.now = threading.Event()
        """The fleet is drained at once."""
        self.process: Leashed | None = None
        self._thread = threading.Thread(target=self._renew, name=f"lease of {held.site}", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def until(self) -> float:
        return self._until

    def _renew(self) -> None:
        while not self._over.wait(self._held.lease / 6):
            try:
                renewed = renew_lease(self._place.board, self._held, self._delay)
            except QueueAway as error:
                _log.warning("%s", error)
                if monotonic_seconds() < self._until:
                    continue
                renewed = None
            if renewed is None:
                self.lost.set()
                return
            self._until, draining = renewed
            if draining == "now":
                self.now.set()
            if self.process is not None:
                self.process.lengthen(self._until)


def crawl_site(place: WorkerContext, site: str, settings: dict[str, Any], url: str) -> float:
    """Do one job to its end; 0.0, or after how many seconds it is to be tried again. What goes wrong with the site is
    entered as what came of its run."""
    delay = delay_for(url, settings.get("delay"))
    held = take_lease(place.board, site, place.name, delay)
    if isinstance(held, LeaseWait):
        return held.seconds
    with Lease(place, held, delay) as lease:
        ended = attempt(
            site, lease, lambda: _run(place, held, lease, delay), lambda why: _failed(place.board, held, why, delay)
        )
    if ended is None or not release_lease(place.board, held, ended):
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


def attempt(name: str, lease: Lease, run: Callable[[], E], failed: Callable[[str], E]) -> E | None:
    """What `run` returns, or where it fails what `failed` makes of the reason; None where the site is another worker's
    by now, so that nothing is to be entered."""
    try:
        return run()
    except Fenced as error:
        _log.warning("%s", error)
        return None
    except (ArchiverError, OSError) as error:
        if lease.lost.is_set():
            return None
        _log.warning("%s: %s", name, error)
        return failed(str(error))
    except Exception as error:
        _log.exception("%s", name)
        return failed(f"the worker met {type(error).__name__}: {error}")


@dataclass(frozen=True, slots=True)
class Done:
    """A shard that was worked on and stored: its archive on this disk, what its process sent, and whether that was
    asked to end early."""

    archive: Path
    result: Any
    stopped: bool


def on_shard(place: WorkerContext, held: SiteLease, lease: Lease, start: Callable[[Path], Leashed]) -> Done:
    """Fetch the shard, let the process that `start` begins on its archive work to its end, and store the shard, again
    and again meanwhile. Raises Fenced, the ArchiverError that the process sends, and what fetching and storing do."""
    folder = place.folder / shard_folder(held.site).rpartition("/")[2]
    storage_owner(place.storage)
    before = _manifest(place.storage, held.manifest)
    restore(place.storage, folder, before)
    mark_taken(folder)
    if lease.lost.is_set() or monotonic_seconds() >= lease.until:
        raise Fenced(held.site, held.token)
    process = lease.process = start(folder / ARCHIVE)
    process.lengthen(lease.until)
    number, state, old = 0, before, before

    def save() -> None:
        nonlocal number, state, old
        number += 1
        state, old = (
            checkpoint(
                place.storage,
                folder,
                held.site,
                held.token,
                number,
                state,
                lambda manifest: commit_manifest(place.board, held, manifest),
            ),
            state,
        )

    stopped = False
    try:
        at = monotonic() + held.every
        while not process.over(_LOOK):
            if lease.lost.is_set():
                raise Fenced(held.site, held.token)
            if not stopped and (place.stopping.is_set() or lease.now.is_set()):
                stopped = True
                process.end()
            if not stopped and monotonic() >= at:
                begun = monotonic()
                save()
                at = monotonic() + max(held.every, _COST * (monotonic() - begun))
    except BaseException:
        process.kill()
        raise
    finally:
        lease.process = None
    save()
    assert state is not None
    mark_clean(folder, state)
    delete_old_objects(place.storage, state, old)
    if isinstance(process.result, ArchiverError):
        raise process.result
    assert process.result is not None
    return Done(folder / ARCHIVE, process.result, stopped)


def _run(place: WorkerContext, held: SiteLease, lease: Lease, delay: float) -> EndedRun:
    def start(archive: Path) -> Leashed:
        prepare(archive, held)
        return begin_leashed_crawl(archive, held.site, held.start_url, held.settings, place.contact)

    done = on_shard(place, held, lease, start)
    came: CrawlResult = done.result
    outcome = "interrupted" if done.stopped and not came.clean else came.outcome
    return _turn(place.board, done.archive, held, outcome, came.reason, came.counts, delay)


def prepare(archive: Path, held: SiteLease) -> None:
    """The shard has the site with the settings that the fleet has now."""
    with opened(archive, create=True) as db:
        site, _ = add_site(db, held.start_url, datetime.now(UTC))
        with writing(db):
            db.execute(
                "update sites set settings = ? where id = ?",
                [json.dumps(held.settings, ensure_ascii=False), site["id"]],
            )


def _turn(
    board: QueueDatabase, archive: Path, held: SiteLease, outcome: str, reason: str, counts: Counts, delay: float
) -> EndedRun:
    """When the site is due again, by the rules of `archiver schedule`; at once where the worker was told to end."""
    now = datetime.now(UTC)
    with opened(archive, read_only=True) as db:
        (row,) = db.query("select * from sites where name = ?", [held.site])
        turn = scheduled_site(db, {**row, "settings": held.settings}, now).turn
    if outcome == "failed" and turn.at <= now:  # it died before it was entered in the ledger
        return _failed(board, held, reason, delay)
    due = now if outcome == "interrupted" else turn.at
    return EndedRun(
        outcome, reason, counts, due, turn.period.total_seconds(), turn.why, moment(row.get("quiet_until")), delay
    )


def _failed(board: QueueDatabase, held: SiteLease, reason: str, delay: float) -> EndedRun:
    """A site that could not be crawled, or whose shard could not be stored: its last checkpoint holds."""
    row = board.one("select failures, period_seconds from fleet_sites where name = %s", [held.site])
    failures, period = (row["failures"], row["period_seconds"]) if row else (0, _AGAIN)
    wait = min(_AGAIN * 2**failures, _AGAIN_LONGEST) * (0.9 + 0.2 * share(held.site))
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


def _manifest(storage: ShardStorage, key: str | None) -> Manifest | None:
    if key is None:
        return None
    data = storage.read(key)
    if data is None:
        raise ShardDamaged(key, "it is missing")
    try:
        return read_manifest(data)
    except ValueError as error:
        raise ShardDamaged(key, str(error)) from error
