"""Reports for people and monitors: the table of `archiver status`, one row per site; the health of the archive
and of all its sites; and the Prometheus metrics.

The table is read with a few queries for all sites together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from archiver.frontier.cadence import RecrawlTime
from archiver.health.health_rules import (
    FOLDED_CODES,
    LEVELS,
    CommonCause,
    Health,
    HealthFinding,
    Level,
    judge_common_causes,
    read_common_causes,
    worst_level,
)
from archiver.health.notification import (
    SEEN_RUNS,
    FailingChannel,
    Look,
    SeenFinding,
    find_failing_channels,
    hours_as_runs,
)
from archiver.health.stored_health import (
    ArchiveSafety,
    finding_as_json,
    is_crawled,
    judge_safety,
    measure_growth,
    read_health,
    read_healths,
    read_safety,
)
from archiver.model.words import count_noun
from archiver.sites.config import Config, effective_settings, load_config, unused_groups
from archiver.sites.run_limits import read_group_quotas
from archiver.storage import Database
from archiver.storage.articles import count_articles
from archiver.storage.columns import settings_of, stored_time
from archiver.storage.completeness import PostCounts, count_posts_of_sites
from archiver.storage.runs import last_ended_runs, last_run, run_as_shown
from archiver.storage.scheduled_sites import Scheduled, Settings, scheduled_site, scheduled_sites
from archiver.storage.sites import Mute, read_mute, tags_in_use, tags_of_sites
from archiver.storage.transactions import free_bytes, last_heartbeat, path_of

_NO_POSTS = PostCounts({"found": 0, "archived": 0, "missing": 0, "gone": 0, "refused": 0})


@dataclass(frozen=True, slots=True)
class SiteRow:
    """One site in the table.

    - `articles`, `new`: those of `ArticleCounts`.
    - `last_run`: its last run; None if it was never crawled.
    - `next_run`: when the scheduler crawls it next; None if it is not scheduled.
    - `blackout`: the group whose blackout hours apply to it; "" if there is none.
    - `mute`: None if the site is not muted.
    - `shares`: how many other sites have the same common cause of failure, which is shown once, as a finding of the
      archive.
    """

    site: str
    start_url: str
    platform: str | None
    tags: tuple[str, ...]
    health: Health
    articles: int
    new: int
    last_run: dict[str, Any] | None
    next_run: RecrawlTime | None
    posts: PostCounts
    blackout: str = ""
    mute: Mute | None = None
    shares: int = 0

    @property
    def complete(self) -> bool:
        """Returns True if nothing is missing and the last run finished."""
        finished = self.last_run is not None and self.last_run["outcome"] == "finished"
        return finished and not self.posts.missing and not self.posts.posts["missing"]

    @property
    def postponed(self) -> str:
        """Returns why the next crawl is postponed ("blackout of group x"); "" if it is not postponed."""
        turn = describe_next_run(self.next_run, self.blackout)
        return f"next crawl postponed: {turn['why']}" if turn and turn["postponed_by"] else ""

    @property
    def reason(self) -> str:
        """Returns the sentence for the column "reason"; "" if there is none. The first of these that the site has is
        used: its worst finding, why posts are missing in the archive, why its next crawl is postponed, a finding that
        only informs. If notifications of the site are muted, the sentence says so, too.
        """
        return " ".join(filter(None, (f"[{self.mute}]" if self.mute else "", self._state)))

    @property
    def _state(self) -> str:
        problems = [one for one in self.health.findings if one.level != "green"]
        if self.shares and any(one.code in FOLDED_CODES for one in problems):
            others = [one for one in problems if one.code not in FOLDED_CODES]
            rest = f" (and {len(others)} more)" if others else ""
            return f"shares its failure with {count_noun(self.shares, 'other site')}: see 'the archive' below{rest}"
        if problems:
            more = len(problems) - 1
            return problems[0].sentence + (f" (and {more} more)" if more else "")
        run = self.last_run
        if run is not None and run["outcome"] not in ("finished", None):
            return f"{run['outcome']}: {run['reason']}" if run["reason"] else run["outcome"]
        if missing := max(self.posts.missing, self.posts.posts["missing"]):
            return f"{missing:,} {'URL' if missing == 1 else 'URLs'} missing"
        return self.postponed or next((one.sentence for one in self.health.findings), "")

    def as_json(self) -> dict[str, Any]:
        return {
            "site": self.site,
            "start_url": self.start_url,
            "platform": self.platform,
            "tags": list(self.tags),
            "health": health_as_json(self.health, self.mute),
            "articles": {"all": self.articles, "new_this_week": self.new},
            "last_run": self.last_run,
            "next_run": describe_next_run(self.next_run, self.blackout),
            "posts": self.posts.posts,
            "missing_total": self.posts.missing,
            "coverage": self.posts.coverage,
            "complete": self.complete,
            "reason": self.reason,
        }


def read_site_table(db: Database, config: Config, now: datetime) -> list[SiteRow]:
    """Returns the rows of all sites, sorted by name. The health of a site is that of its last run (`read_healths`)."""
    sites = list(db.query("select * from sites order by name"))
    healths, posts, tags = read_healths(db, sites, now), count_posts_of_sites(db, now), tags_of_sites(db)
    articles = count_articles(db, now)
    quotas = read_group_quotas(db, config, now)
    turns = {
        one.site["id"]: quotas.postpone(one).turn for one in scheduled_sites(db, now, effective_settings(db, config))
    }
    last = {
        row.pop("site_id"): row
        for row in db.query(
            "select site_id, id as run, started_at, finished_at, outcome, reason, new, revised, gone, held, failed "
            "from runs where id in (select (select max(id) from runs where site_id = s.id) from sites s)"
        )
    }
    return [
        SiteRow(
            site["name"],
            site["start_url"],
            site["platform"],
            tags.get(site["id"], ()),
            healths[site["id"]],
            articles[site["name"]].all,
            articles[site["name"]].new,
            run_as_shown(db, site["name"], last[site["id"]]) if site["id"] in last else None,
            turns.get(site["id"]),
            posts.get(site["id"], _NO_POSTS),
            config.origin_of("blackout", settings_of(site["settings"]), tags.get(site["id"], ())),
            read_mute(site, now),
        )
        for site in sites
    ]


def read_next_run(db: Database, site: dict[str, Any], config: Config, now: datetime) -> tuple[RecrawlTime | None, str]:
    """Returns when the scheduler crawls a site next (None if it is not scheduled), and the group whose blackout hours
    apply to the site ("" if there is none).
    """
    own, tags = settings_of(site["settings"]), tags_of_sites(db).get(site["id"], ())
    settings = config.settings(own, tags)
    if settings.get("crawl") is False:
        return None, ""
    turn = read_group_quotas(db, config, now).postpone(scheduled_site(db, {**site, "settings": settings}, now)).turn
    return turn, config.origin_of("blackout", own, tags)


def describe_next_run(turn: RecrawlTime | None, group: str) -> dict[str, Any] | None:
    """Returns the next run of a site as a JSON value with the keys at, why and postponed_by (blackout, quota or None).
    Returns None if `turn` is None, which means that no run is scheduled. `group` is the group whose blackout hours
    apply to the site, "" if there is none.
    """
    if turn is None:
        return None
    return {
        "at": turn.at.isoformat(timespec="seconds"),
        "why": f"blackout of {group}" if turn.postponed_by == "blackout" and group else turn.why,
        "postponed_by": turn.postponed_by or None,
    }


_NEVER = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def _started(row: SiteRow) -> datetime:
    return (stored_time(row.last_run["started_at"]) if row.last_run else None) or _NEVER


ORDERS: dict[str, Callable[[SiteRow], Any]] = {
    "name": lambda row: row.site,
    "health": lambda row: -LEVELS.index(row.health.state),
    "articles": lambda row: -row.articles,
    "new": lambda row: -row.new,
    "last": lambda row: -_started(row).timestamp() if row.last_run else float("inf"),
    "next": lambda row: row.next_run.at if row.next_run else _LAST,
    "coverage": lambda row: 2.0 if row.posts.coverage is None else row.posts.coverage,
}
"""The orders in which the table can be sorted: by name, or with the worst, highest, latest or soonest value first."""


def fold_common_causes(rows: Iterable[SiteRow], causes: Iterable[CommonCause]) -> list[SiteRow]:
    """Returns the rows with `shares` set, so that a failure with a common cause is not described in the row of each
    site. The findings of the archive describe it.
    """
    shares = {name: len(one.sites) - 1 for one in causes for name in one.sites}
    return [replace(row, shares=shares.get(row.site, 0)) for row in rows]


def sort_rows(rows: Iterable[SiteRow], order: str) -> list[SiteRow]:
    """Returns the rows sorted by one of the ORDERS. Rows that are equal in this order are sorted by name."""
    return sorted(rows, key=lambda row: (ORDERS[order](row), row.site))


# The health of the archive itself: disk space, and whether due sites are crawled. Pure.

MIN_FREE_BYTES = 256_000_000
"""The scheduler does not start crawls while the archive's disk has fewer free bytes than this."""
_SOON, _LATER = timedelta(days=3), timedelta(days=14)
_LATE = timedelta(hours=1)
_NEW = timedelta(days=1)


def judge_archive(
    archive: str,
    free: int,
    daily: float,
    sites: Sequence[Scheduled],
    scheduler: str | None,
    now: datetime,
    more: Iterable[HealthFinding] = (),
) -> Health:
    """Returns the health of the archive itself: whether its disk has enough space, and whether due sites are crawled.

    - `free`: bytes left on the archive's disk.
    - `daily`: bytes by which the archive grows each day.
    - `sites`: when each site is due.
    - `scheduler`: the ID of the scheduler's process; "" if it is not running; None if it was never started. If it is
      None, no site counts as late.
    - `more`: findings of other checks, which are added to the result.
    """
    findings = [
        *_check_disk(archive, free, daily),
        *(_check_late_sites(sites, scheduler, now) if scheduler is not None else ()),
        *more,
    ]
    findings.sort(key=lambda one: -LEVELS.index(one.level))
    return Health(worst_level([one.level for one in findings]), tuple(findings))


def _check_disk(archive: str, free: int, daily: float) -> Iterator[HealthFinding]:
    left = timedelta(days=min(free / daily, 10_000)) if daily > 0 else timedelta.max
    if free < MIN_FREE_BYTES or left < _LATER:
        soon = (
            f", and the archive grows by {_size(daily)} a day: the disk is full in "
            f"{count_noun(max(left.days, 1), 'day')}"
            if left < _LATER
            else ""
        )
        yield HealthFinding(
            "disk",
            "red" if free < MIN_FREE_BYTES or left < _SOON else "amber",
            f"{_size(free)} are free on the disk of {archive}{soon}: free some space, or move the archive to a larger "
            "disk.",
        )


def _check_late_sites(sites: Sequence[Scheduled], scheduler: str, now: datetime) -> Iterator[HealthFinding]:
    late = [behind for one in sites if (behind := _time_overdue(one, now)) is not None]
    if late:
        many = f"{len(late):,} sites are" if len(late) > 1 else "A site is"
        advice = (
            (
                "the scheduler's log shows why; if it has too much to do, give it more --workers or the sites longer "
                "cadences"
            )
            if scheduler
            else ("no scheduler is running: start 'archiver schedule' or the service that runs it")
        )
        yield HealthFinding(
            "late", "amber" if scheduler else "red", f"{many} late by up to {_format_duration(max(late))}: {advice}."
        )


def _time_overdue(one: Scheduled, now: datetime) -> timedelta | None:
    """Returns how late a site is, or None if the delay is too short to report. A site that was never crawled is due
    from the time it was added, but is reported only after a day, because many sites may have been added at once.
    """
    if one.last:
        behind = now - one.turn.at
        return behind if behind > max(one.turn.period / 2, _LATE) else None
    added = stored_time(one.site.get("added_at"))
    return now - added if added and now - added > _NEW else None


def judge_channels(failing: Iterable[FailingChannel]) -> Iterator[HealthFinding]:
    """Yields a finding for each notification channel that cannot send."""
    for one in failing:
        many = "notification" if one.notifications == 1 else f"{one.notifications} notifications"
        yield HealthFinding(
            "notify",
            "amber",
            f"The last {many} through {one.channel} could not be sent: {one.reason}. 'archiver status --try-notify' "
            "sends a test message.",
            one.channel,
            one.since,
        )


def judge_groups(db: Database, config: Config) -> Iterator[HealthFinding]:
    """Yields a finding for each group of archiver.toml whose tag no site has: its settings are never used."""
    for name, sentence in unused_groups(config, tags_in_use(db)).items():
        yield HealthFinding("group", "amber", sentence, name)


def _format_duration(span: timedelta) -> str:
    """Formats a duration of at least an hour in whole hours or days."""
    hours = round(span / timedelta(hours=1))
    return f"{hours // 24:,} days" if hours >= 48 else f"{hours} hours" if hours > 1 else "an hour"


def _size(number: float) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.0f} MB"


# The health of the archive and all its sites at one moment.


@dataclass(frozen=True, slots=True)
class OverallHealth:
    """The health of the archive and all its sites at the time `at`.

    - `archive_health`: the health of the archive itself.
    - `sites`: rows of `sites`, each with its health.
    - `next_crawls`: when each site is due.
    - `free`: bytes left on the archive's disk.
    - `safety`: what is recorded about backups and checks, None if the archive has no such records.
    - `failing_channels`: notification channels that cannot send.
    - `common_causes`: failures that many sites share.
    """

    at: datetime
    archive_health: Health
    sites: tuple[tuple[dict[str, Any], Health], ...]
    next_crawls: tuple[Scheduled, ...]
    free: int
    safety: ArchiveSafety | None = None
    failing_channels: tuple[FailingChannel, ...] = ()
    common_causes: tuple[CommonCause, ...] = ()

    @property
    def state(self) -> Level:
        """Returns the worst level of the archive and its sites; sites that were never crawled do not count."""
        levels = [self.archive_health.state, *(health.state for _, health in self.sites)]
        return worst_level([level for level in levels if level != "unknown"])

    @property
    def folded_sites(self) -> frozenset[str]:
        """Returns the sites whose failure is reported as a common cause of the archive, and therefore not for each
        site.
        """
        return frozenset(name for cause in self.common_causes for name in cause.sites)

    def listed_findings(self) -> Iterator[tuple[str, HealthFinding]]:
        """Yields the findings about sites, each with the name of its site, except findings that a common cause
        explains.
        """
        folded = self.folded_sites
        for site, health in self.sites:
            for one in health.findings:
                if site["name"] not in folded or one.code not in FOLDED_CODES:
                    yield site["name"], one

    def as_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "archive": health_as_json(self.archive_health),
            "common_causes": [one.as_json() for one in self.common_causes],
            "sites": {site["name"]: health_as_json(health, read_mute(site, self.at)) for site, health in self.sites},
        }


def judge_all(
    db: Database,
    archive: Path,
    scheduler: str | None,
    now: datetime,
    settings: Settings,
    only: Collection[str] | None = None,
) -> OverallHealth:
    """Determines the current health of the archive and its sites. Raises BadConfig if archiver.toml is invalid.

    - `scheduler`: the ID of the scheduler's process; "" if it is not running; None if it was never started.
    - `settings`: a function that returns the effective settings of a row of `sites`.
    - `only`: the names of the sites to include; None means all.
    """
    config = load_config()
    safety = read_safety(db)
    unsafe = list(judge_safety(safety, config.maintenance, now)) if safety else []
    channels = find_failing_channels(db, config.notify.channels)
    causes = read_common_causes(db, now)
    quotas = read_group_quotas(db, config, now)
    next_crawls = tuple(quotas.postpone(one) for one in scheduled_sites(db, now, settings))
    free = free_bytes(archive)
    sites = tuple(
        (site, read_health(db, site, now))
        for row in list(db.query("select * from sites order by name"))
        if only is None or row["name"] in only
        for site in ({**row, "settings": settings(row)},)
    )
    more = (*judge_common_causes(causes), *unsafe, *judge_channels(channels), *judge_groups(db, config))
    return OverallHealth(
        now,
        judge_archive(str(archive), free, measure_growth(db, now), next_crawls, scheduler, now, more),
        sites,
        next_crawls,
        free,
        safety,
        tuple(channels),
        tuple(causes),
    )


def read_looks(db: Database, found: OverallHealth) -> dict[str, Look]:
    """Returns the health of each site, by name, in the form from which notifications are decided (`Look`). Findings
    explained by a common cause are left out, since the archive has a finding for that cause.
    """
    folded = found.folded_sites
    return {
        site["name"]: _look_at_site(db, site, health, found.at, FOLDED_CODES if site["name"] in folded else frozenset())
        for site, health in found.sites
    }


def _look_at_site(db: Database, site: dict[str, Any], health: Health, now: datetime, without: frozenset[str]) -> Look:
    runs = last_ended_runs(db, site["id"], SEEN_RUNS)
    return Look(
        site["name"],
        now,
        tuple(one for one in _seen_findings(health) if one.finding.code not in without),
        tuple((run.id, run.started) for run in runs),
        is_conclusive=bool(runs) and runs[0].outcome == "finished",
        muted=read_mute(site, now) is not None,
        is_closed=not is_crawled(site),
    )


def look_at_archive(found: OverallHealth, *, catching_up: bool = False) -> Look:
    """Returns the health of the archive itself in the form from which notifications are decided (`Look`). `catching_up`
    means that the scheduler has just started and is still crawling what it missed: the finding that sites are late is
    then left out, and no earlier finding counts as ended.
    """
    seen = _seen_findings(found.archive_health)
    if catching_up:
        seen = tuple(one for one in seen if one.finding.code != "late")
    return Look("", found.at, seen, hours_as_runs(found.at), is_conclusive=not catching_up)


def _seen_findings(health: Health) -> tuple[SeenFinding, ...]:
    return (
        *(SeenFinding(one) for one in health.findings),
        *(SeenFinding(one, accepted=True) for one in health.accepted),
    )


def health_as_json(health: Health, mute: Mute | None = None) -> dict[str, Any]:
    """Returns the health of a site or the archive as JSON values. `mute` says until when nobody is notified about the
    site; None if it is not muted. The keys `accepted` and `muted` are included only if they are not empty.
    """
    out: dict[str, Any] = {"state": health.state, "findings": [finding_as_json(one) for one in health.findings]}
    if health.accepted:
        out["accepted"] = [finding_as_json(one) for one in health.accepted]
    if mute:
        out["muted"] = mute.as_json()
    return out


# Metrics in the Prometheus text format (version 0.0.4), for a scrape or node_exporter.

METRICS_MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The Content-Type with which the metrics are served."""
VALUES: dict[Level, int] = {"green": 0, "amber": 1, "red": 2, "unknown": 3}
_METRICS = {
    "archiver_info": "The program that reports these metrics.",
    "archiver_health": "The archive and all its sites: 0 green, 1 amber, 2 red.",
    "archiver_disk_free_bytes": "Bytes free on the archive's disk.",
    "archiver_sites": "Sites of the archive.",
    "archiver_scheduler_heartbeat_timestamp_seconds": "When the loop of the scheduler last ran.",
    "archiver_finding": "Findings: 0 information, 1 amber, 2 red; those without a site concern the archive.",
    "archiver_site_health": "0 green, 1 amber, 2 red, 3 never crawled.",
    "archiver_site_articles": "Articles of the site.",
    "archiver_site_new_articles": "Articles of the site that were first seen in the last seven days.",
    "archiver_site_due_timestamp_seconds": "When the site is due next.",
    "archiver_site_run_timestamp_seconds": "When the site's last run ended, with its outcome.",
    "archiver_site_run_failed": "Pages failed in the site's last run.",
}
"""The metrics, all of them gauges, with their descriptions. Times are Unix seconds in UTC."""
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def format_metrics(db: Database, found: OverallHealth, version: str) -> str:
    """Returns all metrics in the Prometheus text format. `version` is the version of this program."""
    values = list(_measure(db, found, version))
    lines = []
    for name, doc in _METRICS.items():
        mine = [(labels, value) for metric, labels, value in values if metric == name]
        lines += [f"# HELP {name} {doc}", f"# TYPE {name} gauge"] if mine else []
        for labels, value in mine:
            pairs = ",".join(f'{label}="{text.translate(_ESCAPED)}"' for label, text in labels.items())
            lines.append(f"{name}{f'{{{pairs}}}' if pairs else ''} {value:.10g}")
    return "".join(f"{line}\n" for line in lines)


def _measure(db: Database, found: OverallHealth, version: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Yields each measured value as the name of its metric, its labels, and the value."""
    articles = count_articles(db, found.at)
    yield "archiver_info", {"version": version}, 1
    yield "archiver_health", {}, VALUES[found.state]
    yield "archiver_disk_free_bytes", {}, found.free
    yield "archiver_sites", {}, len(found.sites)
    if heartbeat := last_heartbeat(path_of(db)):
        yield "archiver_scheduler_heartbeat_timestamp_seconds", {}, heartbeat.timestamp()
    for name, health in (("", found.archive_health), *((site["name"], health) for site, health in found.sites)):
        for one in health.findings:
            yield "archiver_finding", {"site": name, "code": one.code, "about": one.about}, VALUES[one.level]
    for due in found.next_crawls:
        yield "archiver_site_due_timestamp_seconds", {"site": due.site["name"]}, due.turn.at.timestamp()
    for site, health in found.sites:
        labels = {"site": site["name"]}
        yield "archiver_site_health", labels, VALUES[health.state]
        yield "archiver_site_articles", labels, articles[site["name"]].all
        yield "archiver_site_new_articles", labels, articles[site["name"]].new
        if run := last_run(db, site["id"]):
            yield "archiver_site_run_failed", labels, run["failed"] or 0
            if ended := stored_time(run["finished_at"]):
                outcome = {**labels, "outcome": run["outcome"]}
                yield "archiver_site_run_timestamp_seconds", outcome, ended.timestamp()
