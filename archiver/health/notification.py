"""Decides which findings people are notified about: a finding once when it begins, again if it gets worse, and once
when it is over.

All functions are pure; the current time is part of the `Look`. A `Fault` is what people have been told about one
finding of a site or of the archive. `observe` compares the faults of a site with the findings of its last run. For it,
the archive is a site with the name "".

The tables `notifications` and `faults` keep what was sent, its outcome, and what people have been told.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any, Literal

from archiver.health.health_rules import LEVELS, HealthFinding, Level, worst_level
from archiver.storage import Database
from archiver.storage.columns import stored_time
from archiver.storage.pages import moment, stamp

SEEN_RUNS = 60
"""A `Look` holds this many of the latest runs."""
PASSING_CODES = frozenset({"failed", "source", "statuses", "slow", "late", "notify"})
"""Codes of findings that concern a single run and may be absent in the next one. If amber, they are sent in a
later run; all other findings are sent at once.
"""
_RUNS_IN_A_ROW = 2
"""A finding is over once it has been absent from this many runs in a row. An amber one with one of the PASSING_CODES is
sent if it is present when this many runs have ended since it began."""
_SHORT = 160

Event = Literal["begins", "worse", "ends", "noted"]
"""What a notification reports about a finding.

- `begins`: it began.
- `worse`: its level rose from amber to red.
- `ends`: it ended.
- `noted`: it is information, which has no end.
"""


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
    """What people have been told about one finding of a site, from its first run until its end was sent.

    - `level`, `sentence`: as last seen.
    - `began`, `first_run`: when, and in which run, it began.
    - `ended`, `end_run`: when, and in which run, it was first absent; None while it is present.
    - `accepted`: True if a person has acknowledged it.
    - `sent_level`: the worst level that was sent; "green" if nothing was sent, or if the finding is information.
    - `sent_at`: when it was first sent; None if nothing was sent.
    - `sent_sentence`: as last sent.
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
    accepted: bool = False
    sent_level: Level = "green"
    sent_at: datetime | None = None
    sent_sentence: str = ""

    @property
    def was_sent(self) -> bool:
        return self.sent_level != "green"


@dataclass(frozen=True, slots=True)
class HealthChange:
    """A change that people are notified about.

    - `event`: what happened to the finding.
    - `site`: the site; "" for the archive itself.
    - `code`, `about`, `level`: identify and rate the finding.
    - `before`, `state`: the worst levels of the site that have been sent, before and after this notification.
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


Judged = tuple[Fault, Event | None]
"""A fault, and what is to be sent about it."""


def observe(faults: Iterable[Fault], look: Look, level: Level = "green") -> tuple[list[Fault], list[HealthChange]]:
    """Updates a site's faults from its latest health (`look`). Returns the new faults, and the changes to send now.

    A finding below `level` counts as absent. While a site is muted, nothing is sent; what is still true afterwards is
    sent then. The result omits faults that are over and need no further notification.
    """
    known = {(one.code, one.about): _not_in_future(one, look) for one in faults}
    shown = {
        (one.finding.code, one.finding.about): one
        for one in look.findings
        if LEVELS.index(one.finding.level) >= LEVELS.index(level)
    }
    judged: list[Judged] = []
    for key, seen in shown.items():
        fault = known.get(key)
        if seen.finding.level == "green" and fault and fault.level != "green":
            continue  # the problem is over
        known.pop(key, None)
        fault = _see(fault, seen, look)
        judged.append((fault, _event_of_present(fault, look)))
    if look.is_conclusive or look.is_closed:
        missed = [_miss(one, look) for one in known.values() if one.level != "green"]
        judged += [(one, "ends" if one.was_sent and _is_over(one, look) else None) for one in missed]
    else:
        judged += [(one, None) for one in known.values()]
    if look.muted:
        judged = [(one, None) for one, _ in judged]
    after = [_mark_sent(one, event, look.at) if event else one for one, event in judged]
    before, state = _state_of([one for one, _ in judged]), _state_of(after)
    changes = [
        HealthChange(
            one.site,
            before,
            state,
            _describe_end(one) if event == "ends" else one.sentence,
            one.began,
            event,
            one.code,
            one.about,
            one.sent_level if event == "ends" else one.level,
        )
        for one, event in judged
        if event
    ]
    return [one for one in after if one.was_sent or not one.ended or not _is_over(one, look)], changes


def _not_in_future(fault: Fault, look: Look) -> Fault:
    """Returns the fault with runs later than the look's last run replaced by it. A wrong clock may have stored such
    runs.
    """
    return replace(
        fault,
        first_run=min(fault.first_run, look.run),
        end_run=None if fault.end_run is None else min(fault.end_run, look.run),
    )


def _see(fault: Fault | None, seen: SeenFinding, look: Look) -> Fault:
    """Returns the fault of a finding that is present. `fault` is the known one; None if the finding is new."""
    found = seen.finding
    is_renewed = found.level == "green" and fault is not None and found.since is not None and found.since > fault.began
    if fault is None or is_renewed or (fault.level == "green" and found.level != "green"):
        return Fault(
            look.site,
            found.code,
            found.about,
            found.level,
            found.sentence,
            found.since or look.at,
            look.first_run_since(found.since),
            accepted=seen.accepted,
        )
    if found.level == "green":
        return fault
    if fault.accepted and not seen.accepted:  # it has got worse since a person acknowledged it, so it is sent again
        fault = replace(fault, sent_level="green", sent_at=None)
    return replace(fault, level=found.level, sentence=found.sentence, accepted=seen.accepted, ended=None, end_run=None)


def _event_of_present(fault: Fault, look: Look) -> Event | None:
    if fault.accepted:
        return None
    if fault.level == "green":
        return "noted" if fault.sent_at is None else None
    needed = _RUNS_IN_A_ROW if fault.level == "amber" and fault.code in PASSING_CODES else 1
    if not fault.was_sent:
        return "begins" if look.count_since(fault.first_run) >= needed else None
    return "worse" if LEVELS.index(fault.level) > LEVELS.index(fault.sent_level) else None


def _miss(fault: Fault, look: Look) -> Fault:
    return fault if fault.ended else replace(fault, ended=look.at, end_run=look.run)


def _is_over(fault: Fault, look: Look) -> bool:
    return look.is_closed or (fault.end_run is not None and look.count_since(fault.end_run) >= _RUNS_IN_A_ROW)


def _mark_sent(fault: Fault, event: Event, now: datetime) -> Fault:
    if event == "ends":
        return replace(fault, sent_level="green", sent_at=None, accepted=False, sent_sentence="")
    return replace(
        fault,
        sent_level=worst_level([fault.level, fault.sent_level]),
        sent_at=fault.sent_at or now,
        sent_sentence=fault.sentence,
    )


def _state_of(faults: Iterable[Fault]) -> Level:
    return worst_level([one.sent_level for one in faults if not one.accepted])


def _describe_end(fault: Fault) -> str:
    whole = fault.sent_sentence or fault.sentence
    short = whole if len(whole) <= _SHORT else f"{whole[:_SHORT].rpartition(' ')[0]} …"
    since = f"{fault.ended:%Y-%m-%d %H:%M} UTC" if fault.ended else "now"
    return f"Over since {since}: {short}"


MOST_ATTEMPTS = 5
"""A notification is not tried again after this many failed attempts."""
_MOST_NOTIFICATIONS = 20


@dataclass(frozen=True, slots=True)
class Notification:
    """A stored notification that is to be sent through `channel`."""

    id: int
    channel: str
    changes: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class FailingChannel:
    """A notification channel that cannot send.

    - `channel`: its name.
    - `notifications`: how many notifications in a row were not delivered.
    - `reason`, `since`: why, and since when.
    """

    channel: str
    notifications: int
    reason: str
    since: datetime


def enter_notification(db: Database, channel: str, changes: Sequence[HealthChange], now: datetime) -> None:
    """Stores a notification, to be sent later."""
    changes_json = json.dumps([change.as_json() for change in changes], ensure_ascii=False)
    db.execute("insert into notifications (at, channel, changes) values (?, ?, ?)", [stamp(now), channel, changes_json])


def read_due_notifications(db: Database) -> list[Notification]:
    """Returns the notifications that have not been sent and have failed fewer than MOST_ATTEMPTS times."""
    rows = db.execute(
        "select id, channel, changes from notifications where outcome = 'due' or "
        "(outcome = 'failed' and attempts < ?) order by id",
        [MOST_ATTEMPTS],
    )
    return [Notification(number, channel, json.loads(changes)) for number, channel, changes in rows]


def last_notification(db: Database) -> int:
    """Returns the number of the last stored notification; 0 if there is none."""
    return int(db.execute("select coalesce(max(id), 0) from notifications").fetchone()[0])


def record_delivery(db: Database, notice: Notification, failure: str, now: datetime) -> None:
    """Stores the result of an attempt to send a notification; `failure` is "" if the notification was sent."""
    db.execute(
        "update notifications set outcome = ?, reason = ?, attempts = attempts + 1, sent_at = ? where id = ?",
        ["failed" if failure else "sent", failure, None if failure else stamp(now), notice.id],
    )


def find_failing_channels(db: Database, configured: Collection[str]) -> list[FailingChannel]:
    """Returns the notification channels whose last notification could not be sent. `configured` contains the names of
    the channels in archiver.toml; a channel that was removed from it has no failures any more.
    """
    out = []
    for channel in sorted(configured):
        rows = db.execute(
            "select outcome, reason, at from notifications where channel = ? and attempts > 0 order by id desc limit ?",
            [channel, _MOST_NOTIFICATIONS],
        )
        failed = list(takewhile(lambda row: row[0] != "sent", rows.fetchall()))
        if failed and (since := moment(failed[-1][2])):
            out.append(FailingChannel(channel, len(failed), failed[0][1], since))
    return out


# What people have been told about each finding.

_COLUMNS = (
    "site, code, about, level, sentence, began_at, first_run, ended_at, end_run, accepted, sent_level, sent_at, "
    "sent_sentence"
)


def read_faults(db: Database, sites: Iterable[str]) -> dict[str, list[Fault]]:
    """Returns the faults of `sites` by site name ("" for the archive)."""
    out: dict[str, list[Fault]] = {site: [] for site in sites}
    for row in db.execute(f"select {_COLUMNS} from faults"):
        site, code, about, level, sentence, began, first_run, ended, end_run, accepted, *sent = row
        sent_level, sent_at, sent_sentence = sent
        begun = stored_time(began)
        if site not in out or begun is None:  # another program wrote an invalid time: the finding counts as new
            continue
        out[site].append(
            Fault(
                site,
                code,
                about,
                level,
                sentence,
                begun,
                first_run,
                stored_time(ended),
                end_run,
                bool(accepted),
                sent_level,
                stored_time(sent_at),
                sent_sentence,
            )
        )
    return out


def write_faults(db: Database, site: str, faults: Iterable[Fault]) -> None:
    """Replaces the stored faults of a site."""
    db.execute("delete from faults where site = ?", [site])
    for one in faults:
        db.execute(
            f"insert into faults ({_COLUMNS}) values ({', '.join('?' * 13)})",
            [
                one.site,
                one.code,
                one.about,
                one.level,
                one.sentence,
                stamp(one.began),
                one.first_run,
                stamp(one.ended) if one.ended else None,
                one.end_run,
                int(one.accepted),
                one.sent_level,
                stamp(one.sent_at) if one.sent_at else None,
                one.sent_sentence,
            ],
        )


def drop_faults_of_removed_sites(db: Database) -> None:
    """Deletes the faults of sites that are no longer in the archive."""
    db.execute("delete from faults where site <> '' and site not in (select name from sites)")
