"""Stores notifications and their outcome, and what people have been told about each finding (tables `notifications`
and `faults`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from archiver.health.notification_policy import Fault, HealthChange
from archiver.storage import Database
from archiver.storage.columns import stored_time
from archiver.storage.pages import moment, stamp

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
    "site, code, about, level, sentence, began_at, first_run, ended_at, end_run, starts, accepted, sent_level, "
    "sent_at, figure, sent_sentence, sent_figure"
)


def read_faults(db: Database, sites: Iterable[str]) -> dict[str, list[Fault]]:
    """Returns the faults of `sites` by site name ("" for the archive)."""
    out: dict[str, list[Fault]] = {site: [] for site in sites}
    for row in db.execute(f"select {_COLUMNS} from faults"):
        site, code, about, level, sentence, began, first_run, ended, end_run, starts, accepted, *sent = row
        sent_level, sent_at, figure, sent_sentence, sent_figure = sent
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
                tuple(json.loads(starts)),
                bool(accepted),
                sent_level,
                stored_time(sent_at),
                figure,
                sent_sentence,
                sent_figure,
            )
        )
    return out


def write_faults(db: Database, site: str, faults: Iterable[Fault]) -> None:
    """Replaces the stored faults of a site."""
    db.execute("delete from faults where site = ?", [site])
    for one in faults:
        db.execute(
            f"insert into faults ({_COLUMNS}) values ({', '.join('?' * 16)})",
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
                json.dumps(one.starts),
                int(one.accepted),
                one.sent_level,
                stamp(one.sent_at) if one.sent_at else None,
                one.figure,
                one.sent_sentence,
                one.sent_figure,
            ],
        )


def drop_faults_of_removed_sites(db: Database) -> None:
    """Deletes the faults of sites that are no longer in the archive."""
    db.execute("delete from faults where site <> '' and site not in (select name from sites)")
