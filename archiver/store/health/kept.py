"""The states of sites that were told last, what a person has accepted, and the messages that tell of changes.

Functions that write expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlite_utils import Database

from archiver.store.health.judge import Finding, Health, Level, worst
from archiver.store.ledger import moment, stamp

MOST_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Change:
    """A site whose state is another one than before, or with which something else is wrong: what was found now, in a
    sentence."""

    site: str
    before: Level
    state: Level
    sentence: str
    since: datetime

    def as_json(self) -> dict[str, Any]:
        return {"site": self.site, "before": self.before, "state": self.state, "sentence": self.sentence,
                "since": self.since.isoformat(timespec="seconds")}


@dataclass(frozen=True, slots=True)
class Notice:
    """A message that is still to be sent by one way."""

    id: int
    channel: str
    changes: list[dict[str, Any]]


def as_json(finding: Finding) -> dict[str, Any]:
    return {"code": finding.code, "about": finding.about, "level": finding.level, "sentence": finding.sentence,
            "since": finding.since.isoformat(timespec="seconds") if finding.since else None}


def accepted(db: Database, site_id: int) -> dict[str, datetime]:
    """The findings of a site that a person has accepted, as "code about", and when."""
    row = db.execute("select accepted from site_health where site_id = ?", [site_id]).fetchone()
    told: dict[str, str] = json.loads(row[0]) if row else {}
    return {key: at for key, text in told.items() if (at := moment(text))}


def any_accepted(db: Database) -> bool:
    return bool(db.execute("select exists (select 1 from site_health where accepted <> '{}')").fetchone()[0])


def without(health: Health, taken: dict[str, datetime]) -> Health:
    """The health of a site but for what was accepted, as far as it began before that."""
    left = tuple(one for one in health.findings if not (at := taken.get(_key(one))) or (one.since and one.since > at))
    if health.state == "unknown" or len(left) == len(health.findings):
        return health
    return Health(worst([one.level for one in left]), left)


def accept(db: Database, site_id: int, findings: Iterable[Finding], now: datetime) -> None:
    """Take note of these findings: they are not told any more."""
    told = {key: stamp(at) for key, at in accepted(db, site_id).items()} | {_key(one): stamp(now) for one in findings}
    db.execute("insert into site_health (site_id, state, since, judged_at, accepted) values (?, 'unknown', ?, ?, ?) "
               "on conflict (site_id) do update set accepted = excluded.accepted",
               [site_id, stamp(now), stamp(now), json.dumps(told)])


def forget_passed(db: Database, site_id: int, found: Health) -> None:
    """Keep as accepted only what is still `found`, whether accepted or not: what comes again is told again."""
    taken, keys = accepted(db, site_id), {_key(one) for one in found.findings}
    left = {key: stamp(at) for key, at in taken.items() if key in keys}
    if len(left) < len(taken):
        db.execute("update site_health set accepted = ? where site_id = ?", [json.dumps(left), site_id])


def enter(db: Database, site: dict[str, Any], health: Health, now: datetime) -> Change | None:
    """Keep how a site does; the change, where it is one. That a site does well for the first time is none; that
    something else is wrong with it now, too, is one."""
    row = db.execute("select state, since, findings from site_health where site_id = ?", [site["id"]]).fetchone()
    before: Level = row[0] if row else "unknown"
    since = row[1] if row and before == health.state else stamp(now)
    db.execute("insert into site_health (site_id, state, since, judged_at, findings) values (?, ?, ?, ?, ?) "
               "on conflict (site_id) do update set state = excluded.state, since = excluded.since, "
               "judged_at = excluded.judged_at, findings = excluded.findings",
               [site["id"], health.state, since, stamp(now),
                json.dumps([as_json(one) for one in health.findings], ensure_ascii=False)])
    if (before == "unknown" and health.state == "green") or health.state == "unknown":
        return None
    told = {f"{one['code']} {one['about']}".strip() for one in json.loads(row[2])} if row else set()
    news = [one for one in health.findings if before != health.state or _key(one) not in told]
    if before == health.state and not news:
        return None
    return Change(site["name"], before, health.state, news[0].sentence if news else "It does well again.", now)


def enter_notices(db: Database, changes: Sequence[Change], channels: Iterable[str], now: datetime) -> None:
    """One message by each way, which tells of all changes."""
    told = json.dumps([change.as_json() for change in changes], ensure_ascii=False)
    for channel in channels if changes else ():
        db.execute("insert into notifications (at, channel, changes) values (?, ?, ?)", [stamp(now), channel, told])


def due_notices(db: Database) -> list[Notice]:
    """Messages that were not sent, or failed fewer than MOST_ATTEMPTS times."""
    rows = db.execute("select id, channel, changes from notifications where outcome = 'due' or (outcome = 'failed' and "
                      "attempts < ?) order by id", [MOST_ATTEMPTS])
    return [Notice(row[0], row[1], json.loads(row[2])) for row in rows]


def told(db: Database, notice: Notice, failure: str, now: datetime) -> None:
    """What came of sending a message; `failure` is "" where it was sent."""
    db.execute("update notifications set outcome = ?, reason = ?, attempts = attempts + 1, sent_at = ? where id = ?",
               ["failed" if failure else "sent", failure, None if failure else stamp(now), notice.id])


def _key(finding: Finding) -> str:
    return f"{finding.code} {finding.about}".strip()


def place_change(db: Database, health: Health, now: datetime) -> Change | None:
    """As `enter`, of the archive itself: what was told of it last stands in the notices, with no site."""
    row = db.execute("select c.value ->> 'state' from notifications n, json_each(n.changes) c where c.value ->> "
                     "'site' = '' "
                     "order by n.id desc limit 1").fetchone()
    before: Level = row[0] if row else "green"
    if before == health.state:
        return None
    sentence = health.findings[0].sentence if health.findings else "It does well again."
    return Change("", before, health.state, sentence, now)
