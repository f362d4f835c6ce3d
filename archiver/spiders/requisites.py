"""What pages need to be shown, in one run: which is due, what is under way, what came of it; written in batches."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from archiver.capture.exchange import Exchange, Original
from archiver.capture.requisite import KEPT_STATUSES
from archiver.items import Capture, Outcome
from archiver.spiders.errand import Errand, errand_of
from archiver.spiders.guarded import guarded
from archiver.store import requisites
from archiver.store.ledger import moment
from archiver.store.requisites import Fetched, Mode
from archiver.store.runs import Counts
from archiver.store.transaction import PATIENCE, writing

if TYPE_CHECKING:
    from archiver.spiders.opened import OpenRun

WINDOW = 32
"""Errands under way at most."""
_UNTRIED = 4
"""Errands under way to a host that has not answered yet: each may wait for half a minute, twice."""
_BATCH = 50
_MOST_PAYLOADS = 1_000
_MOST_FAILURES = 3
_LEFT_ALONE = timedelta(days=1)
# Rules of failures that are the host's and not those of one address; so are answers from 500 on.
_HOST_S = frozenset({"no-host", "timeout", "no-connection", "broken-connection", "too-slow", "tls", "truncated"})


class Requisites:
    """Of one run. After some failures in a row a host is left alone until the next day, with all that is due there."""

    def __init__(self, run: OpenRun, mode: Mode) -> None:
        self.archive = run.archive
        self.mode = mode
        self._run = run
        self._waiting: list[Fetched] = []
        self._under_way: dict[int, str] = {}
        self._enough = 0
        self._failures: dict[str, int] = {}
        self._answering: set[str] = set()
        self._payloads: dict[str, Original] = {}
        if mode != "none" and (run.full or run.only):
            with writing(run.db):
                requisites.ask_again(run.db, run.site["id"], everything=run.full)
                requisites.enter_known(run.db, run.site["id"], run.site_name, run.started, run.revisit)

    @guarded
    def due(self) -> list[Errand]:
        """The next to ask for: under way from now on. What waits is written first, of pages too."""
        if self.mode == "none" or len(self._under_way) > self._enough:
            return []
        self._run.writer.flush()
        self.flush()
        rows = requisites.due(self._run.db, self._run.site["id"], self._run.started, 4 * WINDOW, self.mode)
        begun = Counter(self._under_way.values())
        errands: list[Errand] = []
        for row in rows:
            most = WINDOW if row["host"] in self._answering else _UNTRIED
            if row["id"] not in self._under_way and begun[row["host"]] < most and begun.total() < WINDOW:
                begun[row["host"]] += 1
                errands.append(errand_of(row))
        self._under_way |= {errand.id: errand.host for errand in errands}
        self._enough = len(self._under_way) // 2
        return errands

    @guarded
    def count_due(self) -> int:
        return requisites.count_due(self._run.db, self._run.site["id"], self._run.started, self.mode)

    def capture(self, exchange: Exchange, errand: Errand) -> Capture | None:
        """Write an answer; None where it is none of those that are kept. A payload that any address had before is
        written as a revisit of it (WARC/1.1, section 6.7.2)."""
        if exchange.status not in KEPT_STATUSES or (exchange.status == 304 and errand.original is None):
            return None
        original = errand.original if exchange.status == 304 else None
        if exchange.status == 200:
            original = self._payloads.get(exchange.digest) or self._stored(exchange.digest)
        capture = self._run.capture(exchange, original)
        if exchange.status == 200 and original is None:
            if len(self._payloads) >= _MOST_PAYLOADS:
                self._payloads.clear()  # by now all but the last of them are in the archive
            self._payloads[exchange.digest] = Original(exchange.url, capture.captured_at, exchange.digest)
        return capture

    @guarded
    def _stored(self, digest: str) -> Original | None:
        row = self._run.db.execute(
            "select url, captured_at from captures where digest = ? and record_type = 'response' and status = 200 "
            "order by id limit 1", [digest]).fetchone()
        at = moment(row[1]) if row else None
        return Original(row[0], at, digest) if at else None

    def done(self, errand: Errand, fetched: Fetched) -> bool:
        """What came of an errand; False where its host is to be left alone from now on."""
        self._under_way.pop(errand.id, None)
        self._waiting.append(fetched)
        if len(self._waiting) >= _BATCH:
            self.flush()
        is_host_s = fetched.outcome is Outcome.FAILED and (
            fetched.rule in _HOST_S or fetched.rule.startswith("http-5"))
        if fetched.status is not None:
            self._answering.add(errand.host)
        self._failures[errand.host] = self._failures.get(errand.host, 0) + 1 if is_host_s else 0
        if self._failures[errand.host] < _MOST_FAILURES:
            return True
        self.leave(errand.host)
        return False

    @guarded
    def leave(self, host: str) -> None:
        """This host is not asked for anything that is due there before tomorrow."""
        with writing(self._run.db):
            requisites.put_off(self._run.db, self._run.site["id"], host, datetime.now(UTC) + _LEFT_ALONE)

    def drop(self, errand: Errand) -> None:
        """Nothing came of an errand, and it is due as before."""
        self._under_way.pop(errand.id, None)

    @guarded
    def flush(self, patience: float = PATIENCE) -> None:
        """Write what waits, in one transaction, once the records that it points to are on the disk."""
        if not self._waiting:
            return
        counts, run = Counts(), self._run
        run.before_commit()
        with run.writing(patience):
            for fetched in self._waiting:
                requisites.record(run.db, run.site["id"], run.run_id, fetched, counts, run.revisit)
        run.counts.add(counts)
        self._waiting.clear()


def failed(errand: Errand, outcome: Outcome, rule: str, reason: str) -> Fetched:
    """No answer came."""
    return replace(Fetched(errand.id, datetime.now(UTC), outcome), rule=rule, reason=reason)
