"""Writing what a crawl brings: page results in batches, one transaction a batch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from archiver.items import Outcome, Target, Visit
from archiver.store.faults import is_fault
from archiver.store.fulltext import entered_together
from archiver.store.result_stages import STAGES, Stage, Storing, StoringRun
from archiver.store.run_measures import Measuring
from archiver.store.runs import Counts, check_run
from archiver.store.transaction import PATIENCE, writing
from archiver.store.trust import Trust

_BATCH = 100
_log = logging.getLogger(__name__)


class VisitWriter:
    """Collects page results and writes them in the order they came, each with all its rows or not at all.

    `counts` is what was written so far. `before_commit` syncs to disk what the rows of a batch point to. `stages` are
    the functions that a result passes in the batch's transaction. `kept` surrounds each batch and undoes what
    `on_written` did in one that is rolled back.
    """

    def __init__(self, run: StoringRun, before_commit: Callable[[], None] = lambda: None) -> None:
        self.counts = Counts()
        self.measuring = Measuring()
        self.stages: tuple[Stage, ...] = STAGES
        self.on_written: Callable[[Visit, int | None, list[Target]], None] | None = None
        self.kept: Callable[[], AbstractContextManager[None]] = nullcontext
        self._run = run
        self._before_commit = before_commit
        self._waiting: list[Visit] = []

    @property
    def trust(self) -> Trust:
        """Which claims of the site's server and sources are believed."""
        return self._run.trust

    def add(self, visit: Visit) -> None:
        self._waiting.append(visit)
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self, patience: float = PATIENCE) -> None:
        """Write what waits. Raises a fault of the archive's place, with nothing of the batch written, and keeps it.

        A result that cannot be stored for what it says is a failed page, and keeps no other from being stored.
        """
        if not self._waiting:
            return
        self._before_commit()
        try:
            self._commit(self._waiting, patience)
        except Exception as error:
            if is_fault(error):
                raise
            while self._waiting:
                self._commit_alone(self._waiting[0], patience)
                del self._waiting[0]
        self._waiting.clear()

    def _commit(self, visits: list[Visit], patience: float) -> None:
        counts, run = Counts(), self._run
        with run.trust.kept(), self.kept(), writing(run.db, patience), entered_together(run.db):
            check_run(run.db, run.run_id, run.site)
            written = [self._write(Storing(visit, counts)) for visit in visits]
        self.counts.add(counts)
        for storing in written:
            if storing.effect is not None:
                self.measuring.visited(storing.result, storing.effect.outcome, storing.was, storing.known_kind)

    def _commit_alone(self, visit: Visit, patience: float) -> None:
        try:
            self._commit([visit], patience)
        except Exception as error:
            if is_fault(error):
                raise
            _log.exception("%s could not be stored", visit.url)
            reason = f"it could not be stored ({type(error).__name__}: {str(error)[:200]})"
            self._commit([Visit(url=visit.url, final_url=visit.url, at=visit.at, outcome=Outcome.FAILED,
                                kind=visit.kind, status=visit.status, reason=reason, rule="not-stored")], patience)

    def _write(self, storing: Storing) -> Storing:
        for stage in self.stages:
            stage(self._run, storing)
            if storing.result.outcome is Outcome.DUE:
                return storing
        if self.on_written and storing.effect is not None:
            self.on_written(storing.result, storing.effect.article_id, storing.found)
        return storing
