"""Decides which findings people are notified about, and when: after how many runs, outside quiet hours, and only once
for a finding that comes and goes.

All functions are pure; the current time is an argument. A `Fault` is what one notification channel knows about one
finding of a site or of the archive. `observe` compares the faults of a site with the findings of its last run, and
marks the notifications that are pending. `release` returns the changes that may be sent now, and the updated faults.
For both functions, the archive is a site with the name "".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from archiver.health.site_health_rules import LEVELS, HealthFinding, Level, worst_level
from archiver.sites.archiver_toml import NotificationPolicy

WINDOW = 10
"""A finding that begins several times within this many runs counts as flapping."""
SEEN_RUNS = 60
"""A `Look` holds this many of the latest runs, since no setting of a policy looks further back."""
_RUNS_IN_A_ROW = 2
"""An amber finding with one of the PASSING_CODES is sent once it has been present in this many runs in a row. Any
finding is over once it has been absent from this many. A policy's `after_amber` replaces the first of these numbers,
and also the second if it is lower."""
PASSING_CODES = frozenset({"failed", "source", "statuses", "slow", "late", "notify"})
"""Codes of findings that concern a single run and may be absent in the next one. If amber, they are sent after two
runs; all other findings are sent at once.
"""
_GROWTH = 1.5
_LEAST_GROWTH = 5
"""A red finding is sent again if its figure has grown by half, and by at least this number. Thus a reported finding
about one held page does not hide a later redesign.
"""
_GROWTH_IGNORED_FOR = timedelta(days=4)
_SMALL_FIGURE = 3
"""A red finding whose figure was at least this when it was sent is not sent again within four days because its figure
grows. Such growth is not news: since a run fetches only some posts, a fault of the whole site shows in more posts with
each run."""
_SHORT = 160

Event = Literal["begins", "flapping", "worse", "ends", "passed", "noted"]
"""What a notification reports about a finding.

- `begins`: it began.
- `flapping`: it comes and goes.
- `worse`: its level rose from amber to red, or its figure grew.
- `ends`: it ended.
- `passed`: it began and ended. Both are reported together if quiet hours or a digest held back the beginning.
- `noted`: it is information, which has no end.
"""
_STARTS: tuple[Event, ...] = ("begins", "flapping")
_ENDS: tuple[Event, ...] = ("ends", "passed")


@dataclass(frozen=True, slots=True)
class SeenFinding:
    """A finding of a `Look`. `accepted` is True if a person has acknowledged it."""

    finding: HealthFinding
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """The health of a site at one moment. `site` is "" for the archive.

    - `runs`: number and start of its last ended runs, newest first. For the archive, each hour counts as a run.
    - `is_conclusive`: False if the last run failed, so a missing finding may still exist.
    - `muted`: a person wants no notifications about the site.
    - `is_closed`: the site is not crawled any more, and has no findings.
    """

    site: str
    at: datetime
    findings: tuple[SeenFinding, ...] = ()
    runs: tuple[tuple[int, datetime], ...] = ()
    is_conclusive: bool = True
    muted: bool = False
    is_closed: bool = False

    @property
    def run(self) -> int:
        """Returns the number of the last run."""
        return self.runs[0][0] if self.runs else 0

    def count_since(self, run: int) -> int:
        """Returns the number of runs from `run` to the latest one, including both."""
        return sum(number >= run for number, _ in self.runs)

    def first_run_since(self, since: datetime | None) -> int:
        """Returns the number of the first run that started at `since` or later. If there is none, or `since` is None,
        returns the number of the last run.
        """
        return min((number for number, started in self.runs if since and started >= since), default=self.run)


def hours_as_runs(now: datetime) -> tuple[tuple[int, datetime], ...]:
    """Returns the last hours in the form of `Look.runs`, one hour as one run, because the archive has no runs."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    number = int(hour.timestamp() // 3600)
    return tuple((number - n, hour - timedelta(hours=n)) for n in range(SEEN_RUNS))


@dataclass(frozen=True, slots=True)
class Fault:
    """What a channel knows about one finding of a site, from the finding's first run until the notification of its end.

    - `level`, `sentence`, `figure`: as last seen; `figure` is the size of the problem, None if it is not measured.
    - `began`, `first_run`: when, and in which run, it last began.
    - `ended`, `end_run`: when, and in which run, it was first absent; None while it is present.
    - `starts`: the recent runs in which it began.
    - `accepted`: True if a person has acknowledged it.
    - `flapping`: True if it began too often.
    - `over_run`: the run in which it was first absent the last time that its end was notified.
    - `sent_level`: the worst level that was sent; "green" if nothing was sent, or if the finding is information.
    - `sent_at`: when it was first sent.
    - `is_due`: True if it was present long enough to be sent, but quiet hours or a digest held it back.
    - `pending`, `waiting_since`: the notification to send, and since when it has been waiting.
    - `sent_sentence`, `sent_figure`: as last sent.
    - `is_flapping_sent`: True if a message said that it comes and goes.
    - `over_at`: if it came back after its end was due but before the end was sent, the time since which it was over.
    """

    site: str
    code: str
    about: str
    level: Level
    sentence: str
    began: datetime
    first_run: int
    ended: datetime | None = None
    end_run: int | None = None
    starts: tuple[int, ...] = ()
    accepted: bool = False
    flapping: bool = False
    over_run: int | None = None
    sent_level: Level = "green"
    sent_at: datetime | None = None
    is_due: bool = False
    pending: Event | None = None
    waiting_since: datetime | None = None
    figure: float | None = None
    sent_sentence: str = ""
    sent_figure: float | None = None
    is_flapping_sent: bool = False
    over_at: datetime | None = None

    @property
    def was_sent(self) -> bool:
        return self.sent_level != "green"


@dataclass(frozen=True, slots=True)
class HealthChange:
    """A change that people are notified about.

    - `event`: what happened to the finding.
    - `site`: the site; "" for the archive itself.
    - `code`, `about`, `level`: identify and rate the finding.
    - `before`, `state`: the worst levels of the site that the channel has been sent, before and after this
      notification.
    """

    site: str
    before: Level
    state: Level
    sentence: str
    since: datetime
    event: Event = "begins"
    code: str = ""
    about: str = ""
    level: Level = "amber"

    def as_json(self) -> dict[str, Any]:
        return {
            "site": self.site,
            "before": self.before,
            "state": self.state,
            "sentence": self.sentence,
            "since": self.since.isoformat(timespec="seconds"),
            "event": self.event,
            "code": self.code,
            "about": self.about,
            "level": self.level,
        }


# How the latest health of a site changes its faults.


def observe(faults: Iterable[Fault], look: Look, policy: NotificationPolicy) -> list[Fault]:
    """Updates a site's faults from its latest health (`look`), and sets for each the notification to send (`pending`).
    A finding below the policy's level counts as absent. The result omits faults that are over and need no further
    notification.
    """
    if policy.level == "none":
        return []
    known = {(one.code, one.about): _not_in_future(one, look) for one in faults}
    shown = {(one.finding.code, one.finding.about): one for one in look.findings if _is_wanted(one.finding, policy)}
    out = []
    for key, seen in shown.items():
        if seen.finding.level == "green":
            if key not in known or known[key].level == "green":
                out.append(_note(known.pop(key, None), seen, look))
            continue
        fault = known.pop(key, None)
        if fault is None and (former := _find_former(known.values(), seen.finding, shown.keys())):
            fault = replace(known.pop((former.code, former.about)), about=seen.finding.about)
        out.append(_decide_present(_see(fault, seen, look, policy), look, policy))
    out = _begin_together(out, look)
    if look.is_conclusive or look.is_closed:
        out += [_decide_absent(_miss(one, look), look, policy) for one in known.values() if one.level != "green"]
        out += [one for one in known.values() if one.level == "green" and one.pending and not look.muted]
        out = _ends_together(out, look, policy)
    else:
        out += known.values()
    return [
        replace(one, waiting_since=(one.waiting_since or look.at) if one.pending else None)
        for one in out
        if not _is_forgotten(one, look)
    ]


def _not_in_future(fault: Fault, look: Look) -> Fault:
    """Returns the fault with times later than the look's replaced by the look's time. A wrong clock may have stored
    such times.
    """
    latest = max(fault.first_run, fault.end_run or 0, fault.over_run or 0)
    if latest <= look.run and (fault.waiting_since is None or fault.waiting_since <= look.at):
        return fault
    return replace(
        fault,
        first_run=min(fault.first_run, look.run),
        end_run=None if fault.end_run is None else min(fault.end_run, look.run),
        over_run=None if fault.over_run is None else min(fault.over_run, look.run),
        starts=tuple(min(run, look.run) for run in fault.starts),
        waiting_since=min(fault.waiting_since, look.at) if fault.waiting_since else None,
    )


def _is_wanted(finding: HealthFinding, policy: NotificationPolicy) -> bool:
    return policy.level != "none" and _rank(finding.level) >= LEVELS.index(policy.level)


def _find_former(faults: Iterable[Fault], finding: HealthFinding, shown: Collection[tuple[str, str]]) -> Fault | None:
    """Returns the fault that a new finding continues under another subject; None if there is none. It is a fault with
    the same code that is no longer shown and was first noticed no earlier than the new finding began. For example, one
    redesign may first have lost the field of the old fault, and then the field of the new finding. `shown` are the
    (code, subject) pairs of the present findings.
    """
    return next(
        (
            one
            for one in faults
            if one.code == finding.code
            and one.level != "green"
            and one.ended is None
            and (one.code, one.about) not in shown
            and finding.since is not None
            and finding.since <= one.began
        ),
        None,
    )


def _rank(level: Level) -> int:
    return LEVELS.index(level)


def _see(fault: Fault | None, seen: SeenFinding, look: Look, policy: NotificationPolicy) -> Fault:
    found = seen.finding
    first = look.first_run_since(found.since)
    if fault is None or fault.level == "green":
        return _new_fault(seen, look)
    if fault.accepted and not seen.accepted:  # it has got worse since a person acknowledged it, so it is sent again
        fault = replace(fault, sent_level="green", sent_at=None, over_at=None)
    fault = replace(fault, level=found.level, sentence=found.sentence, figure=found.figure, accepted=seen.accepted)
    if fault.ended is None:
        return fault
    first = first if fault.end_run is not None and first > fault.end_run else look.run
    recent = tuple(run for run in fault.starts if look.count_since(run) <= WINDOW)
    began = found.since if found.since and found.since > fault.ended else look.at
    was_over = _runs_absent(fault, look) - look.count_since(first) >= _runs_until_over(policy)
    is_other = was_over and fault.was_sent and (found.since is None or found.since > fault.ended)
    return replace(
        fault,
        began=began,
        first_run=first,
        ended=None,
        end_run=None,
        starts=(*recent, first),
        over_at=fault.over_at or (fault.ended if is_other else None),
    )


def _new_fault(seen: SeenFinding, look: Look) -> Fault:
    found = seen.finding
    first = look.first_run_since(found.since)
    return Fault(
        look.site,
        found.code,
        found.about,
        found.level,
        found.sentence,
        found.since or look.at,
        first,
        starts=(first,),
        accepted=seen.accepted,
        figure=found.figure,
    )


def _note(fault: Fault | None, seen: SeenFinding, look: Look) -> Fault:
    """Returns the fault for a finding that is information. `fault` is the present fault, None if the finding is new.
    Such a finding is sent once, and again each time it returns.
    """
    since = seen.finding.since
    if fault is None or (since and since > fault.began):
        return replace(_new_fault(seen, look), pending=None if seen.accepted else "noted")
    return fault


def _miss(fault: Fault, look: Look) -> Fault:
    return fault if fault.ended else replace(fault, ended=look.at, end_run=look.run)


def _decide_present(fault: Fault, look: Look, policy: NotificationPolicy) -> Fault:
    """Returns the fault of a finding that is present, with the notification to send in `pending`."""
    runs = look.count_since(fault.first_run)
    is_often = bool(policy.flapping) and _recent_starts(fault, look) >= policy.flapping
    has_returned = bool(policy.flapping) and fault.over_run is not None and look.count_since(fault.over_run) <= WINDOW
    flapping = runs < policy.steady_runs and (fault.flapping or is_often or has_returned)
    fault = replace(fault, flapping=flapping)
    event: Event | None = None
    is_long = runs >= _runs_needed(fault, policy)
    if fault.accepted:
        pass
    elif fault.was_sent:
        if is_long and _is_worse(fault, look.at):
            event = "worse"
        elif fault.over_at:
            event = _decide_returned(fault, runs, policy, is_often=is_often)
    elif is_long or (fault.is_due and not look.muted):
        event = "begins"
    elif is_often:
        event = "flapping"
    is_due = event in _STARTS and not look.muted
    return replace(fault, pending=event, is_due=is_due)


def _is_worse(fault: Fault, at: datetime) -> bool:
    """Returns True if a fault has a higher level than was sent, or if it is red and its figure has grown by half.
    `at` is the current time: after a figure was sent, further growth is not reported for a while.
    """
    if _rank(fault.level) != _rank(fault.sent_level):
        return _rank(fault.level) > _rank(fault.sent_level)
    if fault.level != "red" or fault.over_at or fault.figure is None or fault.sent_figure is None:
        return False
    if fault.sent_figure >= _SMALL_FIGURE and fault.sent_at and at - fault.sent_at < _GROWTH_IGNORED_FOR:
        return False
    return fault.figure >= max(_GROWTH * fault.sent_figure, fault.sent_figure + _LEAST_GROWTH)


def _decide_returned(fault: Fault, runs: int, policy: NotificationPolicy, *, is_often: bool) -> Event | None:
    """Returns what to send about a fault that came back after its end was due; None for nothing. `runs` is the number
    of runs in which it has been present since then. `is_often` is True if it has begun so often that it counts as
    flapping.

    A flapping fault is sent once as "flapping". After that, it is only sent if it is red and has been present for
    enough runs. A red fault that came back once or twice is sent like any other fault.
    """
    needed = _runs_needed(fault, policy)
    if is_often or (fault.flapping and fault.level != "red"):
        if not fault.is_flapping_sent:
            return "flapping"
        needed = max(needed, _RUNS_IN_A_ROW)
        return "begins" if fault.level == "red" and (runs >= needed or fault.is_due) else None
    return "begins" if runs >= needed or fault.is_due else None


def _runs_needed(fault: Fault, policy: NotificationPolicy) -> int:
    """Returns how many runs in a row a finding must be present before it is sent."""
    if fault.level == "red":
        return policy.after_red or 1
    return policy.after_amber or (_RUNS_IN_A_ROW if fault.code in PASSING_CODES else 1)


def _recent_starts(fault: Fault, look: Look) -> int:
    return sum(look.count_since(run) <= WINDOW for run in fault.starts)


def _begin_together(faults: Sequence[Fault], look: Look) -> list[Fault]:
    """Marks all present faults of a site to be sent if one of them is to be sent. They probably have the same cause,
    and would otherwise need a second message later.
    """
    if all(one.pending is None for one in faults):
        return list(faults)
    return [
        replace(one, pending="begins", is_due=not look.muted)
        if one.pending is None and not one.was_sent and not one.accepted and one.level != "green"
        else one
        for one in faults
    ]


def _decide_absent(fault: Fault, look: Look, policy: NotificationPolicy) -> Fault:
    """Returns the fault of a finding that is absent, with the notification to send in `pending`."""
    if look.muted:
        fault = replace(fault, is_due=False)
    is_over = look.is_closed or _runs_absent(fault, look) >= (
        policy.steady_runs if fault.flapping else _runs_until_over(policy)
    )
    if not is_over:
        return replace(fault, pending=None)
    if fault.was_sent and not policy.recovery:
        return _close(fault)
    if fault.is_due and (fault.over_at or not fault.was_sent):
        return replace(fault, pending="passed")
    return replace(fault, pending="ends" if fault.was_sent else None)


def _runs_until_over(policy: NotificationPolicy) -> int:
    """Returns how many runs in a row a fault must be absent to be over, if it does not flap."""
    return min(_RUNS_IN_A_ROW, policy.after_amber or _RUNS_IN_A_ROW)


def _runs_absent(fault: Fault, look: Look) -> int:
    return look.count_since(fault.end_run) if fault.end_run is not None else 0


def _close(fault: Fault) -> Fault:
    """Returns the fault in the state after the notification of its end."""
    return replace(
        fault,
        sent_level="green",
        sent_at=None,
        flapping=False,
        accepted=False,
        is_due=False,
        over_run=fault.end_run,
        pending=None,
        waiting_since=None,
        sent_sentence="",
        sent_figure=None,
        is_flapping_sent=False,
        over_at=None,
    )


def _ends_together(faults: Sequence[Fault], look: Look, policy: NotificationPolicy) -> list[Fault]:
    """Makes faults that were sent in one notification also end in one notification. The end of a fault is held back
    while others from its notification remain, for at most `steady_runs` runs. It is not held back if the worst level of
    the remaining faults is lower.
    """
    open_ones = [one for one in faults if one.was_sent and not one.accepted and one.pending != "ends"]
    worst = max((_rank(one.sent_level) for one in open_ones), default=0)
    return [
        replace(one, pending=None)
        if one.pending == "ends"
        and any(other.sent_at == one.sent_at for other in open_ones)
        and _rank(one.sent_level) <= worst
        and _runs_absent(one, look) < policy.steady_runs
        else one
        for one in faults
    ]


def _is_forgotten(fault: Fault, look: Look) -> bool:
    """Returns True if a fault is over, needs no notification, and is too old to count towards flapping."""
    if fault.ended is None or fault.was_sent or fault.pending or fault.is_due:
        return False
    return look.is_closed or all(
        look.count_since(run) > WINDOW for run in (*fault.starts, *filter(None, [fault.over_run]))
    )


# What is sent now.


def release(
    faults: Sequence[Fault], policy: NotificationPolicy, now: datetime, *, muted: bool = False
) -> tuple[list[Fault], list[HealthChange]]:
    """Marks as sent those pending notifications that may be sent now; none if `muted` is True. Returns all faults of
    the site, and the changes to send.
    """
    chosen = (
        []
        if muted or policy.level == "none"
        else [one for one in faults if one.pending and _may_be_sent(one, policy, now)]
    )
    if not chosen:
        return list(faults), []
    after = [_mark_sent(one, now) if one in chosen else one for one in faults]
    before, state = _state_of(faults), _state_of(after)
    changes = [
        HealthChange(
            one.site,
            before,
            state,
            _describe(one),
            one.began,
            one.pending or "begins",
            one.code,
            one.about,
            one.sent_level if one.pending == "ends" else one.level,
        )
        for fault in chosen
        for one in (_end_before_return(fault, policy), fault)
        if one
    ]
    return after, changes


def _end_before_return(fault: Fault, policy: NotificationPolicy) -> Fault | None:
    """Returns the fault with the notification of its end pending, if it ended and came back, and the end must be sent
    before the return. Otherwise returns None.
    """
    if fault.over_at is None or fault.pending not in (*_STARTS, "passed") or not policy.recovery:
        return None
    return replace(fault, pending="ends", ended=fault.over_at)


def _mark_sent(fault: Fault, now: datetime) -> Fault:
    if fault.pending in _ENDS:
        return _close(fault)
    is_return = fault.over_at is not None and fault.pending in _STARTS
    return replace(
        fault,
        sent_level=fault.level if is_return else worst_level([fault.level, fault.sent_level]),
        sent_at=now if is_return else fault.sent_at or now,
        is_due=False,
        pending=None,
        waiting_since=None,
        sent_sentence=fault.sentence,
        sent_figure=fault.figure,
        is_flapping_sent=fault.is_flapping_sent or fault.pending == "flapping",
        over_at=None,
    )


def _state_of(faults: Iterable[Fault]) -> Level:
    return worst_level([one.sent_level for one in faults if not one.accepted])


def _describe(fault: Fault) -> str:
    whole = (fault.pending == "ends" and fault.sent_sentence) or fault.sentence
    short = whole if len(whole) <= _SHORT else f"{whole[:_SHORT].rpartition(' ')[0]} …"
    if fault.pending == "flapping":
        return (
            f"It comes and goes ({len(fault.starts)} times recently), and will be reported again when it is steady: "
            f"{short}"
        )
    if fault.pending == "ends":
        return f"Over since {_moment(fault.ended)}: {short}"
    if fault.pending == "passed":
        return f"From {_moment(fault.began)} to {_moment(fault.ended)}, and over now: {short}"
    return fault.sentence


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "now"


def _may_be_sent(fault: Fault, policy: NotificationPolicy, now: datetime) -> bool:
    if policy.red_at_once and fault.level == "red" and fault.pending not in _ENDS:
        return True
    if is_quiet(policy, now):
        return False
    if policy.digest is None:
        return True
    return fault.waiting_since is not None and fault.waiting_since < last_digest(policy, now)


def is_in_digest(change: HealthChange, changes: Iterable[HealthChange], policy: NotificationPolicy) -> bool:
    """Returns True if a change is sent in the digest of a policy, False if it is sent as a message of its own.
    `changes` are the changes of the same site that are sent now. The end of a fault that came back is sent in the same
    way as its return.
    """
    return policy.digest is not None and not (
        policy.red_at_once
        and any(
            (one.code, one.about, one.level) == (change.code, change.about, "red") and one.event not in _ENDS
            for one in changes
        )
    )


def is_quiet(policy: NotificationPolicy, now: datetime) -> bool:
    """Returns True if `now` is in the quiet hours of a policy."""
    if policy.quiet_hours is None:
        return False
    begin, end = policy.quiet_hours
    at = now.astimezone(policy.zone).time()
    return begin <= at < end if begin < end else at >= begin or at < end


def last_digest(policy: NotificationPolicy, now: datetime) -> datetime:
    """Returns the latest time, not after `now`, at which the digest of a policy was due."""
    at = policy.digest or datetime.min.time()
    today = datetime.combine(now.astimezone(policy.zone).date(), at, policy.zone)
    return today if today <= now else today - timedelta(days=1)


def next_release(policies: Iterable[NotificationPolicy], now: datetime) -> datetime | None:
    """Returns the next time at which quiet hours end or a digest is due; None if no policy has quiet hours or a
    digest.
    """
    times = [
        (at, one.zone)
        for one in policies
        for at in (one.digest, one.quiet_hours[1] if one.quiet_hours else None)
        if at is not None
    ]
    days = (0, 1)
    moments = [
        moment
        for at, zone in times
        for day in days
        if (moment := _on_day(now, zone, day).replace(hour=at.hour, minute=at.minute)) > now
    ]
    return min(moments, default=None)


def _on_day(now: datetime, zone: ZoneInfo, days: int) -> datetime:
    return now.astimezone(zone).replace(second=0, microsecond=0) + timedelta(days=days)
