"""Runs an import of files as a person asks for it, and returns a summary."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from archiver.api.maintenance import finish_pending_takedowns
from archiver.importers.import_inputs import RecordFilter, check_inputs_exist
from archiver.importers.import_problems import problems_as_data
from archiver.importers.import_rows import ImportCounts
from archiver.importers.import_run import FileResult, ImportProgress, ImportRun
from archiver.model.urls import Scope, start_address


@dataclass(frozen=True, slots=True)
class FileRequest:
    """A request to import files (names, folders, patterns, "-"). `only` are sites or hosts; `since` and `until` are
    days (YYYY-MM-DD), or None. If `shown` is True, the progress is shown on stderr.
    """

    archive: Path
    files: tuple[str, ...]
    only: tuple[str, ...]
    known_sites: bool
    since: str | None
    until: str | None
    limit: int | None
    all_captures: bool
    again: bool
    workers: int | None
    shown: bool


class _Stopped(KeyboardInterrupt):
    """Raised when SIGTERM arrives during an import. It is handled like Ctrl-C."""


def import_files(request: FileRequest, say: Callable[[str], None]) -> tuple[dict[str, Any], int]:
    """Imports files. Returns a summary for JSON output, and the number of the signal that ended the import (0 for
    none). Unfinished removals of posts are finished first; `say` is called with the reason if that is not possible.
    Raises UnreadableInput, BadAddress, and the errors of `open_archive`.
    """
    check_inputs_exist(request.files)
    names = tuple(Scope.of(start_address(word)).name for word in request.only)
    chosen = RecordFilter(names, request.known_sites, request.since or "", request.until or "", request.all_captures)
    shown, started = ImportProgress() if request.shown else None, time.monotonic()
    if request.archive.exists():
        finish_pending_takedowns(request.archive, say)
    signum = 0
    before = signal.signal(signal.SIGTERM, _raise_stopped)
    run: ImportRun | None = None
    try:
        run = ImportRun(
            request.archive,
            chosen,
            workers=request.workers or len(os.sched_getaffinity(0)),
            limit=request.limit or 0,
            again=request.again,
            on_progress=shown or (lambda result, read, size: None),
        )
        run.run(request.files)
    except _Stopped:
        signum = signal.SIGTERM
    except KeyboardInterrupt:
        signum = signal.SIGINT
    finally:
        signal.signal(signal.SIGTERM, before)
        if shown:
            shown.close()
        if run:
            run.close()
    return _summarize(run.results if run else [], time.monotonic() - started, str(request.archive)), signum


def _raise_stopped(signum: int, frame: Any) -> None:
    raise _Stopped


def _summarize(results: list[FileResult], seconds: float, archive: str) -> dict[str, Any]:
    total, kinds = ImportCounts(), Counter[str]()
    for result in results:
        kinds += result.kinds
        if result.outcome != "known":
            total.add(result.tally)
    files = [
        {
            "file": r.name,
            "outcome": r.outcome,
            **asdict(r.tally),
            "problems": dict(sorted(r.kinds.items())),
            "listed": problems_as_data(r.problems),
        }
        for r in results
    ]
    return {
        **asdict(total),
        "problems": dict(sorted(kinds.items())),
        "seconds": round(seconds, 2),
        "archive": archive,
        "files": files,
    }
