"""Telling people of sites whose state has changed: kept in the archive first, then sent, with what came of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.commands.health.ways import Message, Way, ways_of
from archiver.errors import ArchiverError
from archiver.sites.config import load_config
from archiver.sites.effective import settings_in
from archiver.store.connect import open_archive
from archiver.store.faults import fault_of
from archiver.store.health.judge import LEVELS
from archiver.store.health.kept import (
    Change,
    Notice,
    any_accepted,
    due_notices,
    enter,
    enter_notices,
    place_change,
    told,
)
from archiver.store.health.known import forget_what_passed
from archiver.store.health.overall import overall
from archiver.store.locks import lock_notices, scheduler
from archiver.store.transaction import writing

Sent = list[tuple[str, str]]
"""Each message by the way it went, and why it failed ("": it was sent)."""


def tell(archive: Path, only: Collection[str] | None = None, *, place: bool = True) -> Sent:
    """Look how sites do (those named in `only`, or all and with `place` the archive itself), and tell of what has
    changed since it was told last. What was accepted and has passed is forgotten, even where nobody is to be told.

    Raises what `open_archive` and `load_config` do. What is under way in another process is left to it.
    """
    ways = ways_of(load_config().notify)
    lock = lock_notices(archive)
    if lock is None:
        return []
    with lock:
        db = open_archive(archive)
        try:
            at = datetime.now(UTC)
            if not ways and not any_accepted(db):
                return []
            with writing(db):
                forget_what_passed(db, at)
                if ways:
                    enter_notices(db, _changes(db, archive, only, place, at), ways, datetime.now(UTC))
            return [(notice.channel, _send(db, archive, notice, ways)) for notice in due_notices(db)
                    if notice.channel in ways]
        except sqlite3.Error as error:
            raise fault_of(error, archive) from error
        finally:
            db.close()


def after_runs(archive: Path, sites: Collection[str] | None, say: Callable[[str], None], *, place: bool = True) -> None:
    """Does the same after crawls. A failure does not fail the crawl: `say` gets a sentence, and the next crawl tries
    again."""
    try:
        for channel, failure in tell(archive, sites, place=place):
            if failure:
                say(f"Nobody was told by {channel} of what has changed: {failure}.")
    except ArchiverError as error:
        say(f"Nobody was told of what may have changed: {error}")


def try_ways(archive: str) -> Sent:
    """Send a message that says that it is a trial, by each way."""
    text = f"This is a trial of the notices of {archive}: nothing has changed."
    message = Message("archiver: a trial", text, "green", {"archive": archive, "text": text, "changes": []})
    return [(channel, way(message)) for channel, way in ways_of(load_config().notify).items()]


def _changes(db: Database, archive: Path, only: Collection[str] | None, place: bool, now: datetime) -> list[Change]:
    found = overall(db, archive, scheduler(archive), now, settings_in(db), only)
    changes = [enter(db, site, health, now) for site, health in found.sites]
    if only is None and place:
        changes.append(place_change(db, found.place, now))
    return [change for change in changes if change]


def _send(db: Database, archive: Path, notice: Notice, ways: dict[str, Way]) -> str:
    failure = ways[notice.channel](_message(str(archive), notice.changes))
    with writing(db):
        told(db, notice, failure, datetime.now(UTC))
    return failure


def _message(archive: str, changes: list[dict[str, Any]]) -> Message:
    by_level = sorted(changes, key=lambda one: -LEVELS.index(one["state"]))
    worst = by_level[0]["state"]
    who = by_level[0]["site"] or "the archive"
    more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
    lines = [f"{one['state']} (was {one['before']}): {one['site'] or 'the archive'}: {one['sentence']}"
             for one in by_level]
    text = "\n\n".join([*lines, f"'archiver status --health --archive {archive}' tells how all of it does."]) + "\n"
    return Message(f"archiver: {worst}: {who}{more}", text, worst,
                   {"archive": archive, "state": worst, "text": text, "changes": by_level})
