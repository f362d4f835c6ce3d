"""When a site's turn comes: a pure decision over its cadence and its past runs.

The past is what the ledger says, so nothing else has to be remembered: a scheduler that dies forgets nothing, a crawl
that a person starts counts, and however many periods were missed, one run makes up for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cronsim import CronSim

from archiver.frontier.cadence import BEGINNING, Adaptive, Cadence, Cron, Every, share, shown
from archiver.frontier.pace import LONGEST_QUIET

REMEMBERED = 24
"""Past runs that decide; the period of an adaptive site can go from one of its bounds to the other within them."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAST = timedelta(minutes=5)
"""A clock that is corrected goes back by less. A run that began later than this from now began by a wrong clock."""
_AGAIN = timedelta(minutes=10)
"""A run that was stopped goes on after this, then twice that, up to its period."""
_FEED = 10
"""Posts that a feed shows, where it is not known."""
_SPREAD = 0.05
"""Part of an adaptive period by which sites of equal period lie apart."""
_TIGHTER, _TIGHT, _NO_NEWS, _FAILED = 0.5, 0.75, 1.5, 2.0
_OFTEN_MISSED = 0.5  # of what a feed shows is new: a post that came and went between two runs is soon missed
_MUCH = 0.2


@dataclass(frozen=True, slots=True)
class Past:
    """One run: when it began, `outcome` as in `runs` ("" while it is under way or died), how many new posts it stored,
    and how many the site's feeds listed then (0: not known)."""

    started: datetime
    outcome: str
    new: int = 0
    listed: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """When a site is due, `period` as it is now, and why, in a few words."""

    at: datetime
    period: timedelta
    why: str


def next_turn(cadence: Cadence, past: Sequence[Past], name: str, now: datetime,
              quiet_until: datetime | None = None) -> Turn:
    """When the site of this name is due again. `past` are its last runs (REMEMBERED of them), the newest first; until
    `quiet_until` its host has asked to be left alone. All times are aware.

    What lies in the future was written by a clock that was wrong, and is not believed.
    """
    runs = [run for run in past if run.started <= now + _FAST]
    period = _period(cadence, runs, name, now)
    if not runs:
        return Turn(now, period, "never crawled")
    last = runs[0]
    turn = Turn(_regular(cadence, period, last.started, name), period, _said(cadence, period))
    broken = next((index for index, run in enumerate(runs) if run.outcome not in ("", "interrupted")), len(runs))
    if broken:
        again = last.started + _AGAIN * 2 ** (broken - 1)
        if again < turn.at:
            turn = Turn(again, period, "its last run was stopped")
    if quiet_until and turn.at < quiet_until <= now + timedelta(seconds=LONGEST_QUIET):
        turn = Turn(quiet_until, period, "its host asked to be left alone until then")
    return turn


def pause(waiting: int) -> float:
    """Seconds between two starts while so many sites are due: after an outage they do not begin all at once."""
    return min(0.5, 1800 / max(waiting, 1))


def _regular(cadence: Cadence, period: timedelta, last: datetime, name: str) -> datetime:
    match cadence:
        case Every():
            # Slots that lie fast in time: a run that began late does not move those after it. The one before half of
            # the period is over is passed by, which a run out of turn may have come before.
            first = last + period / 2
            phase = period * share(name)
            return _EPOCH + phase + period * -((_EPOCH + phase - first) // period)
        case Cron():
            return next(CronSim(cadence.of(name), last.astimezone(UTC)))
        case Adaptive():
            return last + period * (1 - _SPREAD + 2 * _SPREAD * share(name))


def _period(cadence: Cadence, runs: Sequence[Past], name: str, now: datetime) -> timedelta:
    match cadence:
        case Every():
            return cadence.period
        case Cron():
            coming = CronSim(cadence.of(name), now.astimezone(UTC))
            one: datetime = next(coming)
            return next(coming) - one
        case Adaptive():
            return _adapted(cadence, runs)


def _adapted(cadence: Adaptive, runs: Sequence[Past]) -> timedelta:
    """The period that the runs lead to, one after the other; the oldest one is where it begins.

    That a run found nothing tells only of the time since the one before: where that is short it tells nothing.
    """
    period = _within(cadence, BEGINNING)
    for before, run in zip(reversed(runs), list(reversed(runs))[1:], strict=False):
        part = run.new / max(run.listed or _FEED, run.new)
        waited = run.started - before.started >= period / 2
        if run.outcome == "failed":
            factor = _FAILED if waited else 1.0
        elif run.outcome != "finished":
            factor = 1.0
        elif part >= _MUCH:
            factor = _TIGHTER if part >= _OFTEN_MISSED else _TIGHT
        else:
            factor = _NO_NEWS if not run.new and waited else 1.0
        period = _within(cadence, period * factor)
    return period


def _within(cadence: Adaptive, period: timedelta) -> timedelta:
    return min(max(period, cadence.shortest), cadence.longest)


def _said(cadence: Cadence, period: timedelta) -> str:
    match cadence:
        case Cron():
            return str(cadence)
        case Adaptive():
            return f"every {shown(period)}, by what it found"
        case Every():
            return f"every {shown(period)}"
