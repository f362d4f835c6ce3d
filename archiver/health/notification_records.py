"""Stores notifications and their outcome, and what each channel knows about each finding (tables `notifications` and
`faults`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from archiver.health.notification_policy import Fault, HealthChange
from archiver.storage import Database
from archiver.storage.article_counts import count_articles
from archiver.storage.column_values_and_completions import stored_time
from archiver.storage.pages_and_source_hints import moment, stamp

MOST_ATTEMPTS = 5
"""A notification is not tried again after this many failed attempts."""
_MOST_NOTIFICATIONS = 20


@dataclass(frozen=True, slots=True)
class Notification:
    """A stored notification that is to be sent through `channel`. `policy` names the policy whose recipients get it; ""
    means the recipients in [notify]. `digest` is the table of sites if the notification is a digest.
    """

    id: int
    channel: str
    policy: str
    changes: list[dict[str, Any]]
    digest: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class FailingChannel:
    """A notification channel that cannot send.

    - `channel`: its name, followed by the policy's name if the policy has its own recipients.
    - `notifications`: how many notifications in a row were not delivered.
    - `reason`, `since`: why, and since when.
    """

    channel: str
    notifications: int
    reason: str
    since: datetime


def enter_notification(
    db: Database,
    recipients: tuple[str, str],
    changes: Sequence[HealthChange],
    digest: Mapping[str, Any] | None,
    now: datetime,
) -> None:
    """Stores a notification, to be sent later. `recipients` is a pair of the channel's name and the name of the policy
    whose recipients get it. `digest` is the table of sites if it is a digest, otherwise None.
    """
    db.execute(
        "insert into notifications (at, channel, policy, changes, digest) values (?, ?, ?, ?, ?)",
        [
            stamp(now),
            *recipients,
            json.dumps([change.as_json() for change in changes], ensure_ascii=False),
            json.dumps(digest, ensure_ascii=False) if digest else None,
        ],
    )


def read_due_notifications(db: Database) -> list[Notification]:
    """Returns the notifications that have not been sent and have failed fewer than MOST_ATTEMPTS times."""
    rows = db.execute(
        "select id, channel, policy, changes, digest from notifications where outcome = 'due' or "
        "(outcome = 'failed' and attempts < ?) order by id",
        [MOST_ATTEMPTS],
    )
    return [
        Notification(number, channel, policy, json.loads(changes), json.loads(digest) if digest else None)
        for number, channel, policy, changes, digest in rows
    ]


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
    for channel, policy in db.execute("select distinct channel, policy from notifications order by 1, 2").fetchall():
        rows = db.execute(
            "select outcome, reason, at from notifications where channel = ? and policy = ? and attempts > 0 "
            "order by id desc limit ?",
            [channel, policy, _MOST_NOTIFICATIONS],
        )
        failed = list(takewhile(lambda row: row[0] != "sent", rows.fetchall()))
        if failed and (since := moment(failed[-1][2])):
            name = f"{channel} ({policy})" if policy else channel
            if name in configured:
                out.append(FailingChannel(name, len(failed), failed[0][1], since))
    return out


# What a channel knows about each finding.

_COLUMNS = (
    "site, code, about, level, sentence, began_at, first_run, ended_at, end_run, starts, accepted, flapping, over_run, "
    "sent_level, sent_at, is_due, pending, waiting_since, figure, sent_sentence, sent_figure, is_flapping_sent, over_at"
)


def read_faults(db: Database, channel: str, sites: Iterable[str]) -> dict[str, list[Fault]]:
    """Returns the faults of a channel by site name ("" for the archive): all faults of `sites`, and the faults of other
    sites for which a notification is pending.
    """
    wanted = set(sites)
    out: dict[str, list[Fault]] = {}
    for row in db.execute(f"select {_COLUMNS} from faults where channel = ?", [channel]):
        if fault := _read(row):
            out.setdefault(fault.site, []).append(fault)
    return {name: found for name, found in out.items() if name in wanted or any(one.pending for one in found)}


def _read(row: Sequence[Any]) -> Fault | None:
    """Converts a row to a fault. Returns None if the row's start time is invalid, because another program wrote it; the
    finding then counts as new.
    """
    site, code, about, level, sentence, began, first_run, ended, end_run, starts, *state = row
    accepted, flapping, over_run, sent_level, sent_at, is_due, pending, waiting_since, *sent = state
    figure, sent_sentence, sent_figure, is_flapping_sent, over_at = sent
    begun = stored_time(began)
    if begun is None:
        return None
    return Fault(
        site,
        code,
        about,
        level,
        sentence,
        begun,
        first_run,
        stored_time(ended),
        end_run,
        tuple(json.loads(starts)),
        bool(accepted),
        bool(flapping),
        over_run,
        sent_level,
        stored_time(sent_at),
        bool(is_due),
        pending,
        stored_time(waiting_since),
        figure,
        sent_sentence,
        sent_figure,
        bool(is_flapping_sent),
        stored_time(over_at),
    )


def write_faults(db: Database, channel: str, before: Sequence[Fault], after: Sequence[Fault]) -> None:
    """Stores the faults of a site. `before` are those that are stored now; `after` are the new ones."""
    left = {(one.site, one.code, one.about) for one in after}
    for one in before:
        if (one.site, one.code, one.about) not in left:
            db.execute(
                "delete from faults where channel = ? and site = ? and code = ? and about = ?",
                [channel, one.site, one.code, one.about],
            )
    known = set(before)
    for one in after:
        if one not in known:
            db.execute(
                f"insert or replace into faults (channel, {_COLUMNS}) values ({', '.join('?' * 24)})",
                [channel, *_as_row(one)],
            )


def _as_row(fault: Fault) -> list[Any]:
    return [
        fault.site,
        fault.code,
        fault.about,
        fault.level,
        fault.sentence,
        stamp(fault.began),
        fault.first_run,
        stamp(fault.ended) if fault.ended else None,
        fault.end_run,
        json.dumps(fault.starts),
        int(fault.accepted),
        int(fault.flapping),
        fault.over_run,
        fault.sent_level,
        stamp(fault.sent_at) if fault.sent_at else None,
        int(fault.is_due),
        fault.pending,
        stamp(fault.waiting_since) if fault.waiting_since else None,
        fault.figure,
        fault.sent_sentence,
        fault.sent_figure,
        int(fault.is_flapping_sent),
        stamp(fault.over_at) if fault.over_at else None,
    ]


def drop_faults_of_removed_sites(db: Database) -> None:
    """Deletes the faults of sites that are no longer in the archive."""
    db.execute("delete from faults where site <> '' and site not in (select name from sites)")


def read_digest(db: Database, names: Iterable[str], now: datetime) -> dict[str, Any]:
    """Returns the table of sites that a digest shows, as JSON values, with the worst state first. It contains the time
    (`at`) and, for each site, its name, its state and the time since when, its number of articles, its worst finding,
    and the end of its mute.
    """
    wanted, articles = set(names), count_articles(db, now)
    rows = db.execute(
        "select s.name, coalesce(h.state, 'unknown'), h.since, "
        "coalesce(h.findings ->> '$[0].sentence', ''), s.muted_until from sites s left join site_health h "
        "on h.site_id = s.id order by case h.state when 'red' then 0 when 'amber' then 1 when 'green' then 3 else 2 "
        "end, s.name"
    )
    sites = [
        {
            "site": name,
            "state": state,
            "since": since,
            "articles": articles[name].all,
            "sentence": sentence,
            "muted_until": muted if muted and muted > stamp(now) else None,
        }
        for name, state, since, sentence, muted in rows
        if name in wanted
    ]
    return {"at": now.isoformat(timespec="seconds"), "sites": sites}
