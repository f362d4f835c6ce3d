"""The beginning and the end of a run in the archive."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver import __version__
from archiver.capture.writer import WarcWriter
from archiver.discovery import nowhere
from archiver.discovery.nowhere import Nowhere
from archiver.items import Source, Target
from archiver.spiders.ending import Ending
from archiver.spiders.recovery import recover
from archiver.store import ledger, missing
from archiver.store.health.known import alive_sources
from archiver.store.runs import ask_again, begin_run, check_run, end_run
from archiver.store.transaction import writing
from archiver.store.writer import VisitWriter


def enter_run(db: Database, folder: Path, site: dict[str, Any], started: datetime, start_url: str,
              keys: Iterable[str], *, only: str, full: bool, quiet: bool) -> int:
    """Mend what the last run left, and enter this one; its number. `keys` are the urlkeys of the home page.

    `only` as in `opened.Only`; `quiet`: the host has asked to be left alone for longer.
    """
    mended = recover(db, folder, site)
    with writing(db):
        run_id = begin_run(db, site["id"], only or ("full" if full else "incremental"), __version__, started, mended)
        ledger.record_targets(db, site["id"], [Target(start_url, Source.SEED)], started)
        if only:
            missing.make_due(db, site["id"], with_aside=only == "set-aside")
        else:
            ledger.make_due(db, site["id"], started, everything=full)
            for key in keys:
                ask_again(db, key)
        if not quiet:
            ledger.wait_no_more(db, site["id"])
    return run_id


def leave_run(db: Database, site: dict[str, Any], run_id: int, started: datetime, writer: VisitWriter, ending: Ending,
              warc: WarcWriter, patience: float) -> tuple[tuple[str, int], ...]:
    """Finish the WARC file and close the run; what failed in it and how often.

    Raises OSError, sqlite3.Error, and SiteTakenOut where its site has left the archive. A WARC file that
    cannot be finished keeps the run from nothing: the next one finishes it.
    """
    unfinished: OSError | None = None
    try:
        warc.close()
    except OSError as error:
        unfinished = error
    site_id = site["id"]
    with writing(db, patience):
        check_run(db, run_id, site)
        end_run(db, run_id, writer.counts, ending.outcome, ending.reason, datetime.now(UTC),
                writer.measuring.as_json(alive_sources(db, site_id)))
        if ending.pages:
            ledger.let_wait(db, site_id, ending.pages, ending.quiet_until)
    if unfinished:
        raise unfinished
    return tuple((row[0], row[1]) for row in db.execute(
        "select reason, count(*) from pages where site_id = ? and outcome = 'failed' and fetched_at >= ? "
        "group by reason order by 2 desc", [site_id, ledger.stamp(started)]))


def remembered(site: dict[str, Any], not_before: datetime) -> Nowhere | None:
    """What an earlier run learned of how the site answers for nothing, unless it is too long ago."""
    is_recent = (site["soft_not_found_at"] or "") >= ledger.stamp(not_before)
    return nowhere.from_json(site["soft_not_found"]) if is_recent else None
