"""What is known of a site, read from the archive for `judge`. Reads only, and an archive of any release."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any

from sqlite_utils import Database

from archiver.health.health_rules import (
    Health,
    HealthFinding,
    HealthInputs,
    JudgedRun,
    Level,
    SilentSource,
    judge_site,
    worst_level,
)
from archiver.storage.column_values import stored_time
from archiver.storage.completeness import alive_sources
from archiver.storage.pages import moment, stamp
from archiver.storage.runs import MeasuredRun
from archiver.urls import urlkey

# The states of sites that were told last, what a person has accepted, and the messages that tell of changes.

MOST_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class HealthChange:
    """A site whose state is another one than before, or with which something else is wrong: what was found now, in a
    sentence."""

    site: str
    before: Level
    state: Level
    sentence: str
    since: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "site": self.site,
            "before": self.before,
            "state": self.state,
            "sentence": self.sentence,
            "since": self.since.isoformat(timespec="seconds"),
        }


@dataclass(frozen=True, slots=True)
class Notification:
    """A message that is still to be sent by one way."""

    id: int
    channel: str
    changes: list[dict[str, Any]]


def as_json(finding: HealthFinding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "about": finding.about,
        "level": finding.level,
        "sentence": finding.sentence,
        "since": finding.since.isoformat(timespec="seconds") if finding.since else None,
    }


def accepted_findings(db: Database, site_id: int) -> dict[str, datetime]:
    """The findings of a site that a person has accepted, as "code about", and when."""
    row = db.execute("select accepted from site_health where site_id = ?", [site_id]).fetchone()
    told: dict[str, str] = json.loads(row[0]) if row else {}
    return {key: at for key, text in told.items() if (at := moment(text))}


def any_accepted(db: Database) -> bool:
    return bool(db.execute("select exists (select 1 from site_health where accepted <> '{}')").fetchone()[0])


def without_accepted(health: Health, taken: dict[str, datetime]) -> Health:
    """The health of a site but for what was accepted, as far as it began before that."""
    left = tuple(one for one in health.findings if not (at := taken.get(_key(one))) or (one.since and one.since > at))
    if health.state == "unknown" or len(left) == len(health.findings):
        return health
    return Health(worst_level([one.level for one in left]), left)


def accept_findings_of(db: Database, site_id: int, findings: Iterable[HealthFinding], now: datetime) -> None:
    """Take note of these findings: they are not told any more."""
    told = {key: stamp(at) for key, at in accepted_findings(db, site_id).items()} | {
        _key(one): stamp(now) for one in findings
    }
    db.execute(
        "insert into site_health (site_id, state, since, judged_at, accepted) values (?, 'unknown', ?, ?, ?) "
        "on conflict (site_id) do update set accepted = excluded.accepted",
        [site_id, stamp(now), stamp(now), json.dumps(told)],
    )


def forget_passed(db: Database, site_id: int, found: Health) -> None:
    """Keep as accepted only what is still `found`, whether accepted or not: what comes again is told again."""
    taken, keys = accepted_findings(db, site_id), {_key(one) for one in found.findings}
    left = {key: stamp(at) for key, at in taken.items() if key in keys}
    if len(left) < len(taken):
        db.execute("update site_health set accepted = ? where site_id = ?", [json.dumps(left), site_id])


def record_health(db: Database, site: dict[str, Any], health: Health, now: datetime) -> HealthChange | None:
    """Keep how a site does; the change, where it is one. That a site does well for the first time is none; that
    something else is wrong with it now, too, is one."""
    row = db.execute("select state, since, findings from site_health where site_id = ?", [site["id"]]).fetchone()
    before: Level = row[0] if row else "unknown"
    since = row[1] if row and before == health.state else stamp(now)
    db.execute(
        "insert into site_health (site_id, state, since, judged_at, findings) values (?, ?, ?, ?, ?) "
        "on conflict (site_id) do update set state = excluded.state, since = excluded.since, "
        "judged_at = excluded.judged_at, findings = excluded.findings",
        [
            site["id"],
            health.state,
            since,
            stamp(now),
            json.dumps([as_json(one) for one in health.findings], ensure_ascii=False),
        ],
    )
    if (before == "unknown" and health.state == "green") or health.state == "unknown":
        return None
    told = {f"{one['code']} {one['about']}".strip() for one in json.loads(row[2])} if row else set()
    news = [one for one in health.findings if before != health.state or _key(one) not in told]
    if before == health.state and not news:
        return None
    return HealthChange(site["name"], before, health.state, news[0].sentence if news else "It does well again.", now)


def enter_notifications(db: Database, changes: Sequence[HealthChange], channels: Iterable[str], now: datetime) -> None:
    """One message by each way, which tells of all changes."""
    told = json.dumps([change.as_json() for change in changes], ensure_ascii=False)
    for channel in channels if changes else ():
        db.execute("insert into notifications (at, channel, changes) values (?, ?, ?)", [stamp(now), channel, told])


def due_notifications(db: Database) -> list[Notification]:
    """Messages that were not sent, or failed fewer than MOST_ATTEMPTS times."""
    rows = db.execute(
        "select id, channel, changes from notifications where outcome = 'due' or (outcome = 'failed' and "
        "attempts < ?) order by id",
        [MOST_ATTEMPTS],
    )
    return [Notification(row[0], row[1], json.loads(row[2])) for row in rows]


def record_delivery(db: Database, notice: Notification, failure: str, now: datetime) -> None:
    """What came of sending a message; `failure` is "" where it was sent."""
    db.execute(
        "update notifications set outcome = ?, reason = ?, attempts = attempts + 1, sent_at = ? where id = ?",
        ["failed" if failure else "sent", failure, None if failure else stamp(now), notice.id],
    )


def _key(finding: HealthFinding) -> str:
    return f"{finding.code} {finding.about}".strip()


def place_change(db: Database, health: Health, now: datetime) -> HealthChange | None:
    """As `enter`, of the archive itself: what was told of it last stands in the notices, with no site."""
    row = db.execute(
        "select c.value ->> 'state' from notifications n, json_each(n.changes) c where c.value ->> "
        "'site' = '' "
        "order by n.id desc limit 1"
    ).fetchone()
    before: Level = row[0] if row else "green"
    if before == health.state:
        return None
    sentence = health.findings[0].sentence if health.findings else "It does well again."
    return HealthChange("", before, health.state, sentence, now)


_RUNS = 60
_WEEKS = timedelta(days=14)
_POSTS = 60


def health_of(db: Database, site: dict[str, Any], now: datetime) -> Health:
    """The health of a site (a row of `sites`), but for what a person has accepted."""
    return without_accepted(judge_site(known_of(db, site), now), accepted_findings(db, site["id"]))


def forget_what_passed(db: Database, now: datetime) -> None:
    """Of all that was accepted, what is not found any more by a site's last run, where that came to its end: one that
    failed says little of what it did not see. Expects to run inside the caller's transaction."""
    for site in list(
        db.query("select s.* from sites s join site_health h on h.site_id = s.id where h.accepted <> '{}'")
    ):
        known = known_of(db, site)
        if next((run.outcome for run in known.runs if run.outcome), "") == "finished":
            forget_passed(db, site["id"], judge_site(known, now))


def known_of(db: Database, site: dict[str, Any]) -> HealthInputs:
    pages, example = db.execute(
        "select count(*), min(url) from pages where site_id = ? and outcome = 'refused' and rule = 'robots' "
        "and article_id is not null",
        [site["id"]],
    ).fetchone()
    home = db.execute(
        "select reason from pages where urlkey = ? and rule = 'robots'", [urlkey(site["start_url"])]
    ).fetchone()
    runs = _runs(db, site["id"])
    first = db.execute("select min(started_at) from runs where site_id = ?", [site["id"]]).fetchone()[0]
    return HealthInputs(
        site["name"],
        runs,
        stored_time(first),
        _published(db, site["name"]),
        _dead(db, site, runs),
        bool(alive_sources(db, site["id"])),
        pages,
        example or "",
        home[0] if home else "",
    )


def _runs(db: Database, site_id: int) -> list[JudgedRun]:
    rows = db.query(
        "select * from runs where site_id = ? and mode in ('full', 'incremental') order by id desc limit ?",
        [site_id, _RUNS],
    )
    return [
        JudgedRun(
            stored_time(row["started_at"]) or datetime.now(UTC),
            row["outcome"] or "",
            row["reason"] or "",
            MeasuredRun.from_json(row.get("statistics")),
        )
        for row in rows
    ]


def _published(db: Database, site: str) -> list[datetime]:
    """When the newest posts were published, as far as they say it with a zone."""
    rows = db.execute(
        "select published from articles where site = ? and published is not null order by published desc limit ?",
        [site, _POSTS],
    )
    return [at for row in rows if (at := stored_time(row[0]))]


def _dead(db: Database, site: dict[str, Any], runs: Sequence[JudgedRun]) -> list[SilentSource]:
    """Kinds of sources of which one answered in an earlier run, and none does now."""
    told = [run for run in runs if run.outcome and run.measured.outcomes]
    if not told:
        return []
    emptied = _emptied(db, site, told)
    lost = {kind for run in told[1:] for kind in run.measured.sources} - set(told[0].measured.sources)
    return [
        *(_lost(db, site, kind, told) for kind in sorted(lost)),
        *([emptied] if emptied and "feed" not in lost else ()),
    ]


def _lost(db: Database, site: dict[str, Any], kind: str, runs: Sequence[JudgedRun]) -> SilentSource:
    since = list(takewhile(lambda run: kind not in run.measured.sources, runs))[-1].started
    url, reason = db.execute(
        "select url, reason from pages where site_id = ? and priority = 0 and kind = ? and outcome <> 'not-article' "
        "order by attempts desc, fetched_at desc",
        [site["id"], kind],
    ).fetchone() or _turned(db, site, kind)
    return SilentSource("API" if kind == "api" else kind, url, reason or "it answers no more", since)


def _turned(db: Database, site: dict[str, Any], kind: str) -> tuple[str, str]:
    """An address that told of posts, and shows something else now: its row has another kind."""
    url = next((one.url for one in _tellers(db, site, kind) if one.kind != kind), "")
    return url, f"what it shows is no {kind}" if url else ""


def _emptied(db: Database, site: dict[str, Any], runs: Sequence[JudgedRun]) -> SilentSource | None:
    """The feed that told of most posts, where no feed lists one any more."""
    read = [run for run in runs if run.measured.listed is not None]
    empty = list(takewhile(lambda run: not run.measured.listed, read))
    if not empty or len(empty) == len(read):
        return None
    feed = next((one for one in _tellers(db, site, "feed") if one.kind == "feed"), _Teller("", "feed", ""))
    return SilentSource("feed", feed.url, feed.reason or "it lists none", empty[-1].started)


@dataclass(frozen=True, slots=True)
class _Teller:
    """A document that listed posts: its kind as it is now, and the reason of its last outcome."""

    url: str
    kind: str
    reason: str | None


def _tellers(db: Database, site: dict[str, Any], kind: str) -> Iterator[_Teller]:
    """The documents that told of the site's pages as such a source, that of the most first: address, kind as it is now,
    and what came of it last."""
    rows = db.execute(
        "select p.url, p.kind, p.reason from page_sources s join pages t on t.id = s.page_id join pages p on p.url = "
        "s.found_on where s.source = ? and t.site_id = ? and p.site_id = t.site_id group by p.id "
        "order by count(*) desc",
        [kind, site["id"]],
    ).fetchall()
    return (_Teller(*row) for row in rows)


def growth(db: Database, now: datetime) -> float:
    """Bytes a day that were received in the last two weeks: the archive's WARC files grow by no more.

    A crawl that comes to a site's end for the first time brings its whole past, and that comes but once. It is counted
    while other sites wait for their own first crawl, which bring as much.
    """
    total, first = db.execute(
        "select total(bytes), min(started_at) from runs r left join (select site_id, min(started_at) as at from runs "
        "where outcome = 'finished' and coalesce(reason, '') = '' group by site_id) whole on whole.site_id = r.site_id "
        "where started_at between ? and ? and (at is null or started_at > at or exists (select 1 from sites s where "
        "not exists (select 1 from runs where site_id = s.id and outcome is not null)))",
        [stamp(now - _WEEKS), stamp(now)],
    ).fetchone()
    began = stored_time(first)
    return float(total) / max((now - began) / timedelta(days=1), 1.0) if began else 0.0
