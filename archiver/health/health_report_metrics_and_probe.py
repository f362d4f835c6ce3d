"""Health reports of the archive, of all its sites and of a trial crawl; the Prometheus metrics; and the probe, which
tells whether the archive works at all.

The metrics measure what an archive has done and how much disk space it uses: responses by HTTP status, failed
notifications, bytes on disk, and when its scheduler was last active.

The probe is so cheap that containers, load balancers and monitors can call it every few seconds. It ignores findings
about sites.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from archiver.fields import MEASURED
from archiver.health.backup_and_check_health import ArchiveSafety, judge_safety, read_safety
from archiver.health.notification_policy import SEEN_RUNS, Look, SeenFinding, hours_as_runs
from archiver.health.notification_records import FailingChannel, find_failing_channels
from archiver.health.simultaneous_site_failures import (
    FOLDED_CODES,
    CommonCause,
    judge_common_causes,
    read_common_causes,
)
from archiver.health.site_health_rules import LEVELS, Health, HealthFinding, Level, worst_level
from archiver.health.stored_health_inputs_and_accepted_findings import (
    finding_as_json,
    is_crawled,
    measure_growth,
    read_health,
)
from archiver.politeness.robots_and_usage_statements import parse_robots
from archiver.similar_words_and_plurals import count_noun
from archiver.sites.archiver_toml import Config, load_config, unused_groups
from archiver.sites.run_limits_quotas_and_blackouts import read_group_quotas
from archiver.storage import Database
from archiver.storage.article_counts import ArticleCounts, count_articles
from archiver.storage.backup_and_check_records import has_integrity_records, read_damages
from archiver.storage.completeness import site_completeness
from archiver.storage.crawl_schedule import Scheduled, Settings, scheduled_sites
from archiver.storage.disk_and_database_errors import free_bytes
from archiver.storage.full_text_index_and_saved_searches import index_folder
from archiver.storage.host_files import find_host_file
from archiver.storage.locks import last_heartbeat
from archiver.storage.page_object_uses import page_object_uses
from archiver.storage.pages_and_source_hints import moment
from archiver.storage.run_records import count_responses, last_ended_runs, last_run
from archiver.storage.run_statistics import MeasuredRun
from archiver.storage.site_records import Mute, read_mute
from archiver.storage.site_rule_versions import rules_valid_at, rules_without_match
from archiver.storage.site_tags import tags_in_use
from archiver.storage.transactions import path_of

_PARTS = {"warc": "warc", "log": "log"}


@dataclass(frozen=True, slots=True)
class ArchiveUsage:
    """What an archive has done and how much disk space it uses.

    - `responses`: the number of responses by HTTP status.
    - `failed_notifications`: the number of failed attempts by channel.
    - `bytes`, `files`: the size and number of files of each part of the archive (database, warc, index, log).
    - `heartbeat`: when the scheduler's loop last ran; None if no scheduler has ever run.
    """

    responses: Mapping[str, int]
    failed_notifications: Mapping[str, int]
    bytes: Mapping[str, int]
    files: Mapping[str, int]
    heartbeat: datetime | None


def read_usage(db: Database) -> ArchiveUsage:
    """Reads the usage of an open archive, from its database and from the folders next to it."""
    archive = path_of(db)
    sizes = {
        "database": [_size_of(archive), _size_of(archive.with_name(archive.name + "-wal"))],
        "index": list(_sizes_in(index_folder(archive))),
        **{part: list(_sizes_in(archive.parent / folder)) for part, folder in _PARTS.items()},
    }
    return ArchiveUsage(
        count_responses(db),
        dict(
            db.execute(
                "select channel, sum(attempts - (outcome = 'sent')) from notifications group by 1 order by 1"
            ).fetchall()
        ),
        {part: sum(found) for part, found in sizes.items()},
        {part: sum(1 for size in found if size) for part, found in sizes.items()},
        last_heartbeat(archive),
    )


def _sizes_in(folder: Path) -> Iterator[int]:
    """Yields the size of each file in a folder; nothing if the folder does not exist."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if entry.is_file(follow_symlinks=False):
                        yield entry.stat(follow_symlinks=False).st_size
                except FileNotFoundError:
                    continue  # the file was deleted meanwhile
    except (FileNotFoundError, NotADirectoryError):
        return


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


# The health of the archive itself: disk space, and whether due sites are crawled. Pure.

RESERVE = 256_000_000
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
    if free < RESERVE or left < _LATER:
        soon = (
            f", and the archive grows by {_size(daily)} a day: the disk is full in "
            f"{count_noun(max(left.days, 1), 'day')}"
            if left < _LATER
            else ""
        )
        yield HealthFinding(
            "disk",
            "red" if free < RESERVE or left < _SOON else "amber",
            f"{_size(free)} are free on the disk of {archive}{soon}: free some space, move the archive to a larger "
            "disk, or shrink it with 'archiver vacuum'.",
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
    added = moment(one.site.get("added_at"))
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
    channels = find_failing_channels(db, config.notify.channel_names())
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

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
VALUES: dict[Level, int] = {"green": 0, "amber": 1, "red": 2, "unknown": 3}
_COUNTS = (
    ("new_articles", "new", "New articles of"),
    ("requests", "requests", "Requests of"),
    ("received_bytes", "bytes", "Bytes received by"),
    ("failed", "failed", "Pages failed in"),
)
Labels = dict[str, str]
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric family in the Prometheus text format. The name of a counter ends in _total; a metric with quantiles is a
    summary; any other is a gauge.
    """

    name: str
    doc: str
    values: list[tuple[Labels, float]]

    def lines(self) -> Iterator[str]:
        if self.values:
            yield f"# HELP {self.name} {self.doc}"
            yield f"# TYPE {self.name} {self._type}"
            yield from (f"{self.name}{_format_labels(labels)} {value:.10g}" for labels, value in self.values)

    @property
    def _type(self) -> str:
        if self.name.endswith("_total"):
            return "counter"
        return "summary" if "quantile" in self.values[0][0] else "gauge"


def format_metrics(db: Database, found: OverallHealth, version: str) -> str:
    """Returns all metrics in the Prometheus text format. `version` is the version of this program. Times are Unix
    seconds in UTC.
    """
    articles = count_articles(db, found.at)
    requests, received, runs = db.execute("select total(requests), total(bytes), count(*) from runs").fetchone()
    families = [
        Metric("archiver_info", "The program that reports these metrics.", [({"version": version}, 1)]),
        Metric(
            "archiver_health", "The archive and all its sites: 0 green, 1 amber, 2 red.", [({}, VALUES[found.state])]
        ),
        Metric("archiver_disk_free_bytes", "Bytes free on the archive's disk.", [({}, found.free)]),
        Metric("archiver_sites", "Sites of the archive.", [({}, len(found.sites))]),
        Metric("archiver_runs_total", "Runs of all sites.", [({}, runs)]),
        Metric("archiver_requests_total", "Requests of all runs.", [({}, requests)]),
        Metric("archiver_received_bytes_total", "Bytes received by all runs.", [({}, received)]),
        Metric(
            "archiver_notifications_failing",
            "Notifications in a row that a channel could not send.",
            [({"channel": one.channel}, one.notifications) for one in found.failing_channels],
        ),
        Metric(
            "archiver_common_cause_sites",
            "Sites that share a failure and have not been crawled successfully since.",
            [({"cause": one.cause}, len(one.sites)) for one in found.common_causes],
        ),
        *(_safety_metrics(found.safety) if found.safety else ()),
        *_usage_metrics(read_usage(db)),
        *_site_metrics(db, found, articles),
    ]
    return "".join(f"{line}\n" for metric in families for line in metric.lines())


def _safety_metrics(known: ArchiveSafety) -> Iterator[Metric]:
    last = known.last_backup
    times = (
        ("archiver_backup_timestamp_seconds", "When the last good backup was made.", last.made_at if last else None),
        ("archiver_verify_timestamp_seconds", "When 'archiver verify' last checked everything.", known.verified_at),
        ("archiver_check_timestamp_seconds", "When the last check of any kind ended.", known.checked_at),
        ("archiver_checked_since_timestamp_seconds", "Checks read everything since then.", known.covered_since),
    )
    for name, doc, at in times:
        yield Metric(name, doc, [({}, at.timestamp())] if at else [])
    yield Metric(
        "archiver_backup_failed",
        "1 if the last attempt to make a backup failed.",
        [({}, float(known.failed_backup is not None))],
    )
    yield Metric(
        "archiver_damages", "Damaged parts of the archive that checks have found.", [({}, float(len(known.damages)))]
    )


def _usage_metrics(known: ArchiveUsage) -> Iterator[Metric]:
    yield Metric(
        "archiver_scheduler_heartbeat_timestamp_seconds",
        "When the loop of the scheduler last ran.",
        [({}, known.heartbeat.timestamp())] if known.heartbeat else [],
    )
    for name, doc, label, values in (
        ("archiver_responses_total", "Responses of all ended runs by HTTP status.", "status", known.responses),
        (
            "archiver_notification_failures_total",
            "Attempts to send a notification that failed, by channel.",
            "channel",
            known.failed_notifications,
        ),
        ("archiver_bytes", "Bytes that a part of the archive occupies on disk.", "part", known.bytes),
        ("archiver_files", "Files of a part of the archive.", "part", known.files),
    ):
        yield Metric(name, doc, [({label: value}, number) for value, number in values.items()])


def _site_metrics(db: Database, found: OverallHealth, articles: Mapping[str, ArticleCounts]) -> Iterator[Metric]:
    names = [site["name"] for site, _ in found.sites]
    yield Metric(
        "archiver_site_articles", "Articles of the site.", [({"site": name}, articles[name].all) for name in names]
    )
    yield Metric(
        "archiver_site_health",
        "0 green, 1 amber, 2 red, 3 never crawled.",
        [({"site": site["name"]}, VALUES[health.state]) for site, health in found.sites],
    )
    yield Metric(
        "archiver_finding",
        "Findings: 0 information, 1 amber, 2 red; those without a site concern the archive.",
        [
            ({"site": name, "code": one.code, "about": one.about}, VALUES[one.level])
            for name, health in (("", found.archive_health), *((site["name"], health) for site, health in found.sites))
            for one in health.findings
        ],
    )
    yield Metric(
        "archiver_site_due_timestamp_seconds",
        "When the site is due next.",
        [({"site": one.site["name"]}, one.turn.at.timestamp()) for one in found.next_crawls],
    )
    rows = [(site["name"], row) for site, _ in found.sites if (row := last_run(db, site["id"]))]
    for name, column, doc in _COUNTS:
        yield Metric(
            f"archiver_site_run_{name}",
            f"{doc} the site's last run.",
            [({"site": site}, row[column] or 0) for site, row in rows],
        )
    yield Metric(
        "archiver_site_run_timestamp_seconds",
        "When the site's last run ended, with its outcome.",
        [
            ({"site": site, "outcome": row["outcome"]}, ended.timestamp())
            for site, row in rows
            if (ended := moment(row["finished_at"]))
        ],
    )
    measured = [(site, MeasuredRun.from_json(row.get("statistics"))) for site, row in rows]
    yield Metric(
        "archiver_site_answer_seconds",
        "Response time in seconds in the site's last run.",
        [
            ({"site": site, "quantile": quantile}, value)
            for site, one in measured
            for quantile, value in (("0.5", one.latency), ("0.95", one.latency_95))
            if value is not None
        ],
    )
    yield Metric(
        "archiver_site_field_ratio",
        "Share of the last run's articles that have a field.",
        [({"site": site, "field": field}, share) for site, one in measured for field, share in one.coverage().items()],
    )


def _format_labels(labels: Labels) -> str:
    """Formats the labels of a metric as {name="value"}, with backslash, quotation mark and line feed escaped."""
    pairs = [f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items()]
    return f"{{{','.join(pairs)}}}" if pairs else ""


# The report of a trial crawl: what to expect of a complete crawl. The archive is only read.

_KINDS = {"feed": "feed", "sitemap": "sitemap", "api": "API"}


def make_trial_report(db: Database, site: dict[str, Any], delay: float) -> dict[str, Any]:
    """Returns, as JSON values, what a trial crawl of a few posts showed about a site. `delay`: seconds between
    requests. The keys are:

    - `site`, `start_url`, `platform`.
    - `robots`: status, crawl_delay, sitemaps, forbids_home.
    - `sources`: kind, url, outcome and reason of each feed, sitemap and API.
    - `posts`: number of posts found, and of URLs that may be posts. If `posts_at_least` is true, some sources were not
      read yet.
    - `sampled`: number of articles read.
    - `fields`: by field, the share of these articles that have the field.
    - `missing`: fields that no article has.
    - `learned`: fields with a learned site rule.
    - `days`: first and last day of publication.
    - `hours`: estimated duration of a complete crawl.
    - `rules_without_match`: the result of the function of that name in `storage.site_records`.
    - `page_objects`: name, file, URLs, number of sampled articles and fields of each page object for the site's host.
      `fields` contains, by field, the number of articles for which it returned a value, the number for which it failed,
      and the error.
    - `outcome`, `reason`: those of the run.
    """
    run = last_run(db, site["id"]) or {}
    measured = MeasuredRun.from_json(run.get("statistics"))
    state = site_completeness(db, site)
    rules = rules_valid_at(db, site["id"])
    shares = measured.coverage()
    days = db.execute(
        "select min(substr(published, 1, 10)), max(substr(published, 1, 10)) from articles where site = ?",
        [site["name"]],
    ).fetchone()
    # If the site could not be read at all, the only known URL is the home page, which is not a post.
    unread = run.get("outcome") in ("failed", "waiting") and not (measured.articles or measured.sources)
    posts = 0 if unread else state["posts"]["found"] + state["unread"]
    robots = _robots(db, site["start_url"])
    pace = max(delay, robots["crawl_delay"] or 0.0, measured.latency or 0.0)
    return {
        "site": site["name"],
        "start_url": site["start_url"],
        "platform": site["platform"],
        "robots": robots,
        "sources": _sources(db, site["id"]),
        "posts": posts,
        "posts_at_least": _has_unread_sources(db, site["id"]),
        "sampled": measured.articles,
        "fields": {name: round(share, 2) for name, share in shares.items()},
        "learned": sorted(rules.fields) if rules else [],
        "missing": [name for name in MEASURED if shares and not shares[name]],
        "days": list(days) if days[0] else None,
        "hours": round(posts * pace / 3600, 2),
        "rules_without_match": rules_without_match(db, site["name"]),
        "page_objects": list(_page_objects(db, site)),
        "outcome": run.get("outcome"),
        "reason": run.get("reason") or "",
    }


def _page_objects(db: Database, site: dict[str, Any]) -> Iterator[dict[str, Any]]:
    from archiver.sites.page_objects_and_test_cases import (
        load_page_objects,  # it loads lxml, which `status` does not need
    )

    uses = page_object_uses(db, site["name"])
    for one in load_page_objects().loaded:
        if any(pattern.has_host(site["start_url"]) for pattern in one.patterns):
            yield {
                "name": one.name,
                "file": one.file,
                "urls": [str(pattern) for pattern in one.patterns],
                "articles": db.execute(
                    "select count(*) from articles where site = ? and instr(extractor, ?) > 0",
                    [site["name"], one.version],
                ).fetchone()[0],
                "fields": {
                    use.field: {"returned": use.returned, "failed": use.failed, "error": use.error}
                    for use in uses
                    if (use.page_object, use.file) == (one.name, one.file)
                },
            }


def _robots(db: Database, start_url: str) -> dict[str, Any]:
    parts = urlsplit(start_url)
    bare = parts.netloc.removeprefix("www.")
    for origin in (
        f"{scheme}://{host}/"
        for scheme in (parts.scheme, "https", "http")
        for host in (parts.netloc, bare, f"www.{bare}")
    ):
        if file := find_host_file(db, origin, "robots.txt"):
            rules = parse_robots(file.body) if file.status == 200 else parse_robots(b"")
            return {
                "status": file.status,
                "crawl_delay": rules.crawl_delay,
                "sitemaps": len(rules.sitemaps),
                "forbids_home": rules.refusal(start_url) or None,
            }
    return {"status": None, "crawl_delay": None, "sitemaps": 0, "forbids_home": None}


def _sources(db: Database, site_id: int) -> list[dict[str, Any]]:
    """Returns the feeds, sitemaps and APIs of a site that could be read. If none of a kind could be read, the first URL
    of that kind that was tried is added at the end.
    """
    rows = list(
        db.query(
            "select kind, url, outcome, reason, status from pages where site_id = ? "
            "and kind in ('feed', 'sitemap', 'api') and fetched_at is not null order by priority, id",
            [site_id],
        )
    )
    alive = [row for row in rows if row["outcome"] == "not-article"]
    kinds = Counter(row["kind"] for row in alive)
    lost = {row["kind"]: row for row in reversed(rows) if not kinds[row["kind"]]}
    return [{**row, "kind": _KINDS[row["kind"]]} for row in (*alive, *lost.values())]


def _has_unread_sources(db: Database, site_id: int) -> bool:
    """Returns True if the site has feeds, sitemaps, API pages or listings that have not been read yet."""
    return (
        db.execute(
            "select 1 from pages where site_id = ? and outcome = 'due' and kind in "
            "('feed', 'sitemap', 'api', 'listing') limit 1",
            [site_id],
        ).fetchone()
        is not None
    )


_SILENT = timedelta(hours=1)
"""A scheduler counts as stopped if it has shown no activity for longer than this. If a timer starts the scheduler, it
runs only every ten minutes.
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """A reason why an archive does not work: `code` is archive, damage, disk or scheduler."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of a probe. `scheduler_seen_at` is when the loop of the scheduler last ran; None if it never ran."""

    failures: tuple[Failure, ...]
    scheduler_seen_at: datetime | None = None

    @property
    def ok(self) -> bool:
        return not self.failures

    def as_json(self) -> dict[str, Any]:
        seen = self.scheduler_seen_at
        return {
            "ok": self.ok,
            "reasons": [asdict(one) for one in self.failures],
            "scheduler_seen_at": seen.isoformat(timespec="seconds") if seen else None,
        }


def probe(db: Database, now: datetime, *, only_reading: bool = False) -> ProbeResult:
    """Checks an open archive. With `only_reading`, checks only what readers need: that the database can be read and is
    not known to be damaged. Raises sqlite3.Error if it cannot be read.
    """
    seen = last_heartbeat(path_of(db))
    found = [*_check_database(db)]
    if not only_reading:
        found += [*_probe_disk(db), *_check_scheduler(seen, now)]
    return ProbeResult(tuple(found), seen)


def _check_database(db: Database) -> Iterator[Failure]:
    db.execute("select id from articles limit 1").fetchone()
    if has_integrity_records(db):
        damaged = [one for one in read_damages(db) if one.kind == "database-damaged"]
        if damaged:
            yield Failure("damage", "A check found the database damaged: 'archiver status --health' says what to do.")


def _probe_disk(db: Database) -> Iterator[Failure]:
    free = free_bytes(path_of(db))
    if free < RESERVE:
        yield Failure(
            "disk",
            f"{free / 1e6:,.0f} MB are free on the archive's disk; below {RESERVE / 1e6:,.0f} MB, no crawl starts.",
        )


def _check_scheduler(seen: datetime | None, now: datetime) -> Iterator[Failure]:
    if seen and now - seen > _SILENT:
        yield Failure(
            "scheduler",
            f"The scheduler was last active on {seen:%Y-%m-%d %H:%M} UTC: start 'archiver schedule' or its service. If "
            "the archive is no longer crawled, delete the hidden file next to it whose name ends in '.scheduler'.",
        )
