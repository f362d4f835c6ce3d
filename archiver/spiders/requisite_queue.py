"""The queue of one run's requisites (images, stylesheets, fonts): selects those that are due, turns responses into
results, and writes these in batches.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from archiver.discovery.page_links import KEPT_STATUSES, image_size, requisites_of_stylesheet
from archiver.discovery.safe_parsing import decode
from archiver.model.items import REDIRECTS, Capture, Outcome, Requisite, RequisiteKind
from archiver.model.urls import asset_address
from archiver.spiders.page_request import FetchedPage, RequisiteRequest, requisite_request
from archiver.storage import requisites
from archiver.storage.pages import moment
from archiver.storage.requisites import FetchedRequisite, Mode
from archiver.storage.runs import Counts
from archiver.storage.transactions import PATIENCE, writing
from archiver.warc.warc_records import Exchange, Original

if TYPE_CHECKING:
    from archiver.spiders.crawl_run import CrawlRun

WINDOW = 32
"""At most this many requisites are in progress."""
_UNTRIED = 4
"""At most this many requisites are in progress at a host that has not answered yet, because each of them may take two
attempts of half a minute.
"""
_BATCH = 50
_MAX_PAYLOADS = 1_000
_MAX_FAILURES = 3
_POSTPONED = timedelta(days=1)
# Rules of failures that count against the whole host, like any status from 500 on.
_HOST_FAULTS = frozenset({"no-host", "timeout", "no-connection", "broken-connection", "too-slow", "tls", "truncated"})


class Requisites:
    """The requisites of one run that are due or in progress. After three failures in a row, all requisites of a host
    are postponed by a day.
    """

    def __init__(self, run: CrawlRun, mode: Mode) -> None:
        self.mode = mode
        self._run = run
        self._waiting: list[FetchedRequisite] = []
        self._in_progress: dict[int, str] = {}
        self._enough = 0
        self._failures: dict[str, int] = {}
        self._answering: set[str] = set()
        self._payloads: dict[str, Original] = {}
        if mode != "none" and (run.order.full or run.order.only) and not run.order.pages:
            with writing(run.db):
                requisites.retry_requisites(run.db, run.site["id"], everything=run.order.full)
                requisites.enter_lead_images_of_site(
                    run.db, run.site["id"], run.site_name, run.started, run.settings.revisit
                )

    def due(self) -> list[RequisiteRequest]:
        """Hands out the next requisites to fetch; [] while enough are in progress. Pending results are written
        first.
        """
        if self.mode == "none" or len(self._in_progress) > self._enough:
            return []
        self._run.writer.flush()
        self.flush()
        rows = requisites.due_requisites(self._run.db, self._run.site["id"], self._run.started, 4 * WINDOW, self.mode)
        per_host = Counter(self._in_progress.values())
        selected: list[RequisiteRequest] = []
        for row in rows:
            limit = WINDOW if row["host"] in self._answering else _UNTRIED
            if row["id"] not in self._in_progress and per_host[row["host"]] < limit and per_host.total() < WINDOW:
                per_host[row["host"]] += 1
                selected.append(requisite_request(row))
        self._in_progress |= {one.id: one.host for one in selected}
        self._enough = len(self._in_progress) // 2
        return selected

    def count_due(self) -> int:
        return requisites.count_due_requisites(self._run.db, self._run.site["id"], self._run.started, self.mode)

    def capture(self, exchange: Exchange, requisite: RequisiteRequest) -> Capture | None:
        """Writes the response for a requisite to WARC and returns its capture; None if responses with this status are
        not stored.

        A payload that is already archived, from any address, is written as a revisit record (WARC/1.1, section
        6.7.2).
        """
        if exchange.status not in KEPT_STATUSES or (exchange.status == 304 and requisite.original is None):
            return None
        original = requisite.original if exchange.status == 304 else None
        if exchange.status == 200:
            original = self._payloads.get(exchange.digest) or self._stored(exchange.digest)
        capture = self._run.files.capture(exchange, original)
        if exchange.status == 200 and original is None:
            if len(self._payloads) >= _MAX_PAYLOADS:
                self._payloads.clear()  # `_stored` finds those that have been written to the database
            self._payloads[exchange.digest] = Original(exchange.url, capture.captured_at, exchange.digest)
        return capture

    def _stored(self, digest: str) -> Original | None:
        row = self._run.db.execute(
            "select url, captured_at from captures where digest = ? and record_type = 'response' and status = 200 "
            "order by id limit 1",
            [digest],
        ).fetchone()
        at = moment(row[1]) if row else None
        return Original(row[0], at, digest) if at else None

    def add_result(self, requisite: RequisiteRequest, fetched: FetchedRequisite) -> bool:
        """Adds a result to the next batch to write. Returns False if the host has failed too often, so that its
        requisites were postponed.
        """
        self._in_progress.pop(requisite.id, None)
        self._waiting.append(fetched)
        if len(self._waiting) >= _BATCH:
            self.flush()
        is_host_fault = fetched.outcome is Outcome.FAILED and (
            fetched.rule in _HOST_FAULTS or fetched.rule.startswith("http-5")
        )
        if fetched.status is not None:
            self._answering.add(requisite.host)
        self._failures[requisite.host] = self._failures.get(requisite.host, 0) + 1 if is_host_fault else 0
        if self._failures[requisite.host] < _MAX_FAILURES:
            return True
        self.postpone(requisite.host)
        return False

    def postpone(self, host: str) -> None:
        """Postpones all due requisites of a host by a day."""
        with writing(self._run.db):
            requisites.postpone_requisites(self._run.db, self._run.site["id"], host, datetime.now(UTC) + _POSTPONED)

    def mark_not_fetched(self, requisite: RequisiteRequest) -> None:
        """Records that a requisite was not fetched; it is still due."""
        self._in_progress.pop(requisite.id, None)

    def flush(self, patience: float = PATIENCE) -> None:
        """Writes pending results in one transaction, after syncing to disk the WARC records to which they point. Raises
        ArchiveLocked if another program locks the archive for more than `patience` seconds.
        """
        if not self._waiting:
            return
        counts, run = Counts(), self._run
        run.files.sync()
        with run.writing(patience):
            for fetched in self._waiting:
                requisites.record_requisite(run.db, run.site["id"], run.run_id, fetched, counts, run.settings.revisit)
        run.writer.counts.add(counts)
        self._waiting.clear()


def failed_requisite(requisite: RequisiteRequest, outcome: Outcome, rule: str, reason: str) -> FetchedRequisite:
    """Returns the result for a requisite whose request got no response, with this outcome, rule and reason."""
    return replace(FetchedRequisite(requisite.id, datetime.now(UTC), outcome), rule=rule, reason=reason)


_MAX_HOPS = 5
_MAX_DEPTH = 1
"""The requisites of a page's stylesheet, and of stylesheets that it imports, are fetched. Deeper imports are not."""


def parse_requisite(fetched: FetchedPage, requisite: RequisiteRequest, objection: str) -> FetchedRequisite:
    """Returns the result for a requisite from its response. `objection` says why a response with status 200 has the
    wrong type; "" if the type is right.
    """
    status = fetched.status
    result = FetchedRequisite(requisite.id, fetched.at, Outcome.FAILED, status=status, capture=fetched.capture)
    if status in REDIRECTS:
        return _redirect(result, fetched.headers.get("location", ""), requisite)
    if status != 200:
        outcome, reason = _BY_STATUS.get(status, (Outcome.FAILED, f"the server answers {status}"))
        return replace(result, outcome=outcome, rule=f"http-{status}", reason=reason)
    if objection:
        return replace(result, outcome=Outcome.GONE, rule="wrong-type", reason=objection)
    names: tuple[Requisite, ...] = ()
    if requisite.kind is RequisiteKind.STYLESHEET and requisite.depth <= _MAX_DEPTH:
        names = requisites_of_stylesheet(decode(fetched.body), fetched.url)
    width, height = (requisite.kind is RequisiteKind.IMAGE and image_size(fetched.body)) or (None, None)
    return FetchedRequisite(
        requisite.id,
        fetched.at,
        Outcome.ARCHIVED,
        status=200,
        capture=fetched.capture,
        usage_statements=fetched.usage_statements,
        names=names,
        media_type=fetched.content_type.partition(";")[0].strip().lower(),
        size=len(fetched.body),
        width=width,
        height=height,
        etag=fetched.validator("etag"),
        last_modified=fetched.validator("last-modified"),
    )


_BY_STATUS = {
    304: (Outcome.UNCHANGED, "the server says it is unchanged"),
    **{status: (Outcome.GONE, f"the server answers {status}") for status in (404, 410)},
    **{status: (Outcome.REFUSED, f"the server refuses it ({status})") for status in (401, 403, 407, 451)},
}


def _redirect(result: FetchedRequisite, location: str, requisite: RequisiteRequest) -> FetchedRequisite:
    try:
        target = asset_address(urljoin(requisite.url, location)) if location else None
    except ValueError:
        target = None
    if target is None:
        return replace(result, rule="no-location", reason=f"it redirects to an unusable address ({location[:100]!r})")
    if target == requisite.url or requisite.hops >= _MAX_HOPS:
        return replace(result, rule="redirect-loop", reason="it redirects in a loop, or too often")
    return replace(
        result,
        outcome=Outcome.DUPLICATE,
        rule=f"http-{result.status}",
        reason=f"it redirects to {target}",
        names=(Requisite(target, requisite.kind),),
        hops=1,
    )
