"""Finds failures that began at about the same time at many sites, such as an outage of this machine's network."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from archiver.health.site_health_rules import HealthFinding
from archiver.storage import Database
from archiver.storage.runs import EndedRun, FailedSeries, ended_runs, failed_series

_LEAST_SITES = 3
_WINDOW = 10
"""An outage is over as soon as fewer than half of this many consecutive runs fail."""
_LONGEST_SERIES = timedelta(days=30)
_CAUSES = {
    **dict.fromkeys(("no-host", "no-connection", "timeout", "broken-connection", "truncated"), "network"),
    **dict.fromkeys(("TunnelError", "http-407", "http-502", "http-504"), "proxy"),
}
"""Maps the rule of a failed run to the cause of the failure. The cause for any other rule is the rule itself."""
_WORDS = {
    "network": ("unreachable", "is it this machine's network or DNS?"),
    "proxy": ("not reached through the proxy", "does the proxy work?"),
    "tls": ("without a valid certificate", "are this machine's clock and certificates right?"),
    "http-403": ("refusing this program", "is this machine's address blocked?"),
}
_OTHER = ("failing ({cause})", "do they share a server, or does something between this machine and them fail?")
FOLDED_CODES = frozenset({"failed", "waiting", "interrupted"})
"""Codes of the findings about a site that are not reported separately if a common cause explains them."""


@dataclass(frozen=True, slots=True)
class CommonCause:
    """A failure that many sites share.

    - `cause`: the kind of failure, such as "network", or the rule of the failure.
    - `sites`: the names of the sites that have not been crawled successfully since.
    - `failed`, `ran`: how many sites failed for this cause, and how many sites were crawled.
    - `since`, `until`: when the failure began and when it ended (None while it lasts).
    """

    cause: str
    sites: tuple[str, ...]
    failed: int
    ran: int
    since: datetime
    until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "cause": self.cause,
            "sites": list(self.sites),
            "failed": self.failed,
            "ran": self.ran,
            "since": self.since.isoformat(timespec="seconds"),
            "until": self.until.isoformat(timespec="seconds") if self.until else None,
        }


def read_common_causes(db: Database, now: datetime) -> list[CommonCause]:
    """Returns the failures that many sites share now, and past ones from which some sites have not recovered."""

    def runs(run_id: int, backwards: bool) -> Iterable[EndedRun]:
        return ended_runs(db, run_id, backwards=backwards)

    return find_common_causes(failed_series(db), runs, now)


def find_common_causes(
    failing: Sequence[FailedSeries], runs: Callable[[int, bool], Iterable[EndedRun]], now: datetime
) -> list[CommonCause]:
    """Returns the common causes of failures. A cause is common if at least three sites failed for it, and at least half
    of the sites that ran in the same time.

    - `failing`: for each site whose last run failed, its latest series of consecutive failed runs; sorted by the start
      of the series.
    - `runs(run_id, backwards)`: yields the ended runs of all sites, starting with run `run_id`: later runs, or earlier
      ones if `backwards`.
    """
    causes: list[CommonCause] = []
    by_cause: dict[str, list[FailedSeries]] = {}
    for one in failing:
        if now - one.first.started <= _LONGEST_SERIES:
            by_cause.setdefault(cause_of(one.last.fault), []).append(one)
    for cause, series in by_cause.items():
        covered = 0
        for one in series:
            if one.first.id <= covered:
                continue
            already_failing = {other.last.site for other in series if other.first.id < one.first.id}
            begin = _follow_outage(cause, runs(one.first.id, True), already_failing).last or one.first
            outage = _follow_outage(cause, runs(begin.id, False), already_failing)
            covered = max(one.first.id, outage.last.id if outage.last else 0)
            folded = tuple(
                other.last.site for other in series if begin.id <= other.first.id and other.last.id <= covered
            )
            if outage.is_common and folded:
                causes.append(CommonCause(cause, folded, outage.failed, outage.ran, begin.started, outage.over_at))
    return causes


def cause_of(rule: str) -> str:
    """Returns the cause of a failed run by its rule: "network" for the rule "timeout", for example. For a rule without
    an entry in `_CAUSES`, returns the rule itself.
    """
    return _CAUSES.get(rule, rule)


@dataclass(slots=True)
class _Outage:
    """The runs of an outage.

    - `failed`, `ran`: how many sites failed, and how many ran, up to the last failed run.
    - `last`: the last run that failed.
    - `over_at`: when most runs succeeded again.
    """

    failed: int = 0
    ran: int = 0
    last: EndedRun | None = None
    over_at: datetime | None = None

    @property
    def is_common(self) -> bool:
        return self.failed >= _LEAST_SITES and 2 * self.failed >= self.ran


def _follow_outage(cause: str, runs: Iterable[EndedRun], already_failing: Collection[str]) -> _Outage:
    """Follows the runs of an outage until most of them succeed, and returns what it found. `cause` is the kind of
    failure, such as "network". `runs` begin with a run of the outage; they are later runs to find its end, or earlier
    runs to find its beginning. Runs of sites in `already_failing` are ignored.
    """
    outage = _Outage()
    failed: set[str] = set()
    ran: set[str] = set()
    latest: deque[bool] = deque(maxlen=_WINDOW)
    for run in runs:
        if run.site in already_failing:
            continue
        fails = cause_of(run.fault) == cause
        latest.append(fails)
        ran.add(run.site)
        window = list(latest)[-min(_WINDOW, len(ran)) :]
        if 2 * sum(window) < len(window):
            outage.over_at = run.started
            break
        if fails:
            failed.add(run.site)
            outage.last = run
            outage.failed, outage.ran = len(failed), len(ran)
    return outage


def judge_common_causes(causes: Iterable[CommonCause]) -> Iterator[HealthFinding]:
    """Yields a finding for each common cause: a red one while the failure lasts, and after that a green one about the
    sites that have not been crawled since.
    """
    for one in causes:
        what, question = _WORDS.get(one.cause, _OTHER)
        what = what.format(cause=one.cause)
        whole = "All " if one.failed == one.ran else ""
        sites = f"{whole}{one.failed:,} of {one.ran:,} sites"
        began = f"{one.since:%Y-%m-%d %H:%M} UTC"
        if one.until is None:
            yield HealthFinding(
                "common-cause",
                "red",
                f"{sites} have been {what} since {began}: {question} The next crawls try again; "
                f"'archiver status {one.sites[0]}' shows how one of them responds.",
                one.cause,
                one.since,
            )
        else:
            yield HealthFinding(
                "common-cause",
                "green",
                f"{sites} were {what} from {began} to {one.until:%Y-%m-%d %H:%M} UTC; {len(one.sites):,} of them have "
                "not been crawled since.",
                one.cause,
                one.since,
            )
