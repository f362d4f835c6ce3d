"""Stores the last health of each site and the findings that a person has accepted, and reads the data from which a
site's health is determined.

The health that was judged at the end of a site's last run is stored with the run, so that the health of thousands of
sites is read with one query.

The archive itself is judged, too: how well it is protected against loss, by the age of its backups and checks, by the
damage that checks found, and by removed posts that backups still contain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

from archiver import __version__
from archiver.health.health_rules import (
    LEVELS,
    MOVED,
    Health,
    HealthFinding,
    HealthInputs,
    JudgedRun,
    Level,
    SilentSource,
    judge_site,
    worst_level,
)
from archiver.model.items import EMPTY_SITEMAP, FOREIGN_API, FOREIGN_SITEMAP
from archiver.model.urls import urlkey
from archiver.sites.config import Maintenance
from archiver.storage import Database
from archiver.storage.columns import settings_of, stored_object, stored_time
from archiver.storage.pages import EPOCH, moment, stamp
from archiver.storage.runs import (
    BackupRecord,
    Damage,
    MeasuredRun,
    count_posts_removed_since,
    has_integrity_records,
    read_backups,
    read_covered_since,
    read_creation_time,
    read_damages,
    read_last_check,
    read_unfinished_since,
)
from archiver.storage.site_statistics_for_health import read_accepted, read_deletions, read_post_days, read_site_content
from archiver.storage.sources import audit_entries, count_responding_sources

_MOST_DAMAGES = 5
_DATABASE = "database-damaged"


@dataclass(frozen=True, slots=True)
class ArchiveSafety:
    """What the archive has recorded about its backups and checks.

    - `created`: when the archive was created.
    - `holds_articles`: True if the archive contains articles, which could be lost.
    - `backups`: the backups, newest first.
    - `covered_since`: every part of the archive has been read by a check after this time; None if some part was never
      read.
    - `verified_at`: when `archiver verify` last checked everything.
    - `checked_at`: when the last check of any kind ended.
    - `unfinished_since`: if nightly checks were interrupted and none has been completed since, when the oldest of them
      began; otherwise None.
    - `damages`: the damaged parts that checks found.
    - `removed`: backups that may still contain removed posts, each with the number of these posts.
    - `missing`: the paths of backups whose file is missing, although the folder is there.
    - `away`: the paths of backups whose folder is not there.
    """

    created: datetime | None = None
    holds_articles: bool = False
    backups: Sequence[BackupRecord] = ()
    covered_since: datetime | None = None
    verified_at: datetime | None = None
    checked_at: datetime | None = None
    unfinished_since: datetime | None = None
    damages: Sequence[Damage] = ()
    removed: Sequence[tuple[BackupRecord, int]] = ()
    missing: Collection[str] = ()
    away: Collection[str] = ()

    @property
    def last_backup(self) -> BackupRecord | None:
        """Returns the newest backup that passed its checks; None if there is none."""
        return next((one for one in self.backups if one.made_at), None)

    @property
    def failed_backup(self) -> BackupRecord | None:
        """Returns the latest failed backup; None if a later backup succeeded."""
        failed = [one for one in self.backups if one.failed_at]
        last = self.last_backup
        since = last.made_at if last else None
        return next(
            (
                one
                for one in sorted(failed, key=lambda one: str(one.failed_at), reverse=True)
                if one.failed_at and (since is None or one.failed_at > since)
            ),
            None,
        )


def read_safety(db: Database) -> ArchiveSafety | None:
    """Reads what is recorded about backups and checks. Returns None if the database has no tables for these records,
    which is the case if an older version of the program created it and it is opened read-only.
    """
    if not has_integrity_records(db):
        return None
    backups = read_backups(db)
    verified, part = read_last_check(db, "verify"), read_last_check(db, "part")
    ended = [one.finished_at for one in (verified, part) if one and one.finished_at]
    absent = {one.path for one in backups if one.made_at and _is_gone(Path(one.path))}
    away = {path for path in absent if _is_gone(Path(path).parent)}
    return ArchiveSafety(
        read_creation_time(db),
        db.execute("select 1 from articles limit 1").fetchone() is not None,
        backups,
        read_covered_since(db),
        verified.finished_at if verified else None,
        max(ended, default=None),
        read_unfinished_since(db),
        read_damages(db),
        [
            (one, number)
            for one in backups
            if one.made_at and (number := count_posts_removed_since(db, one.holds_since))
        ],
        absent - away,
        away,
    )


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # for example in a folder that this user may not read, where the file may exist
        return False
    return False


def find_unsafe(db: Database, limits: Maintenance, now: datetime) -> list[HealthFinding]:
    """Reads the records about backups and checks of an archive, and returns the findings of `judge_safety`. `limits`
    says after how many days a backup is too old and a check is overdue. Returns [] if the database has no tables for
    these records.
    """
    known = read_safety(db)
    return list(judge_safety(known, limits, now)) if known else []


def judge_safety(known: ArchiveSafety, limits: Maintenance, now: datetime) -> Iterator[HealthFinding]:
    """Yields the findings about the safety of an archive. `limits` says after how many days a backup is too old and a
    check is overdue.
    """
    yield from _check_damages(known.damages)
    yield from _check_unfinished(known, now)
    if known.holds_articles:
        yield from _check_backups(known, timedelta(days=limits.backup_days), now)
        yield from _check_coverage(known, timedelta(days=limits.verify_days), now)
    if known.removed:
        commands = " and ".join(f"'{_command(one)} --purge'" for one, _ in known.removed)
        posts = max(number for _, number in known.removed)
        yield HealthFinding(
            "removed",
            "amber",
            f"Backups may still hold {posts:,} removed post{'' if posts == 1 else 's'}. To make a new one and delete "
            f"the files that hold them, run {commands}.",
        )


def _check_damages(found: Sequence[Damage]) -> Iterator[HealthFinding]:
    damages = list({(one.kind, one.subject): one for one in found}.values())
    for one in damages[:_MOST_DAMAGES]:
        level: Level = "red" if one.kind == _DATABASE else "amber"
        yield HealthFinding(
            "damage", level, f"{one.sentence}. {one.remedy}", f"{one.kind}: {one.subject}", one.found_at
        )
    if len(damages) > _MOST_DAMAGES:
        yield HealthFinding(
            "damage",
            "amber",
            f"{len(damages) - _MOST_DAMAGES:,} more items are damaged; 'archiver verify' lists them all.",
            "more",
        )


def _check_backups(known: ArchiveSafety, most: timedelta, now: datetime) -> Iterator[HealthFinding]:
    last, failed = known.last_backup, known.failed_backup
    if failed is not None:
        yield HealthFinding("backup", "amber", f"The last backup failed: {failed.failure}", "failed", failed.failed_at)
    if not most:
        return
    if last is None:
        if known.created and now - known.created > most:
            yield HealthFinding(
                "backup",
                "amber",
                f"The archive is {_days(now - known.created)} old and has no backup: make one with 'archiver backup "
                "FILE', on another disk, and schedule it with cron.",
                "none",
            )
    elif last.path in known.missing and not _has_backup_since(known, now - most):
        yield HealthFinding(
            "backup",
            "amber",
            f"The file of the last good backup, {last.path}, is not there any more: mount its disk if it is on one, "
            f"otherwise make a new one with '{_command(last)}'.",
            "missing",
        )
    elif last.made_at and now - last.made_at > most:
        away = ", and its folder is not there: mount its disk, then" if last.path in known.away else ":"
        yield HealthFinding(
            "backup",
            "amber",
            f"The last good backup, {last.path}, is {_days(now - last.made_at)} old{away} repeat '{_command(last)}', "
            "for example with cron.",
            "old",
            last.made_at,
        )


def _has_backup_since(known: ArchiveSafety, since: datetime) -> bool:
    """Returns True if a backup made at `since` or later still has its file."""
    absent = {*known.missing, *known.away}
    return any(one.made_at and one.made_at >= since and one.path not in absent for one in known.backups)


def _command(backup: BackupRecord) -> str:
    return f"archiver backup {backup.path}{'' if backup.captures else ' --no-captures'}"


def _check_coverage(known: ArchiveSafety, most: timedelta, now: datetime) -> Iterator[HealthFinding]:
    since = known.covered_since or known.created
    if most and since and now - since > most:
        sentence = (
            f"No check has ever read the whole archive, which is {_days(now - since)} old"
            if known.covered_since is None
            else f"Parts of the archive were not checked for {_days(now - since)}"
        )
        yield HealthFinding(
            "verify",
            "amber",
            f"{sentence}: run 'archiver verify', as 'archiver schedule' does every few days.",
            since=since,
        )


_INTERRUPTED_TOO_LONG = timedelta(days=2)
"""An interrupted check is reported only after this time. Usually the scheduler has repeated it by then: at its next
start, or in the following night.
"""


def _check_unfinished(known: ArchiveSafety, now: datetime) -> Iterator[HealthFinding]:
    began = known.unfinished_since
    if began and now - began > _INTERRUPTED_TOO_LONG:
        yield HealthFinding(
            "verify",
            "amber",
            f"The nightly check that began on {began:%Y-%m-%d %H:%M} UTC has not ended, nor has any since: "
            "run 'archiver verify', which says what prevents it.",
            "unfinished",
            began,
        )


def _days(span: timedelta) -> str:
    return f"{span.days:,} day{'' if span.days == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Records when a person acknowledged a finding, with its level and figure at that time."""

    at: datetime
    level: Level
    figure: float | None = None

    def covers(self, finding: HealthFinding) -> bool:
        """Returns True if `finding` is the acknowledged finding and has not got worse. It has got worse if its level is
        higher, if its figure has doubled, or if its figure is a share and has risen by at least 25 percentage points.
        """
        if finding.since and finding.since > self.at:
            return False
        if LEVELS.index(finding.level) > LEVELS.index(self.level):
            return False
        now, then = finding.figure, self.figure
        if now is None or then is None or now <= then:
            return True
        return now < 2 * then and not (now <= 1 and now - then >= _WORSE_BY)


def finding_as_json(finding: HealthFinding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "about": finding.about,
        "level": finding.level,
        "sentence": finding.sentence,
        "since": finding.since.isoformat(timespec="seconds") if finding.since else None,
    }


def read_accepted_findings(db: Database, site_id: int) -> dict[str, Acceptance]:
    """Returns the acceptances of a site's findings, by key of the finding."""
    row = db.execute("select accepted from site_health where site_id = ?", [site_id]).fetchone()
    accepted: dict[str, dict[str, Any]] = json.loads(row[0]) if row else {}
    return {
        key: Acceptance(at, one["level"], one["figure"]) for key, one in accepted.items() if (at := moment(one["at"]))
    }


def _as_json(accepted: Mapping[str, Acceptance]) -> str:
    return json.dumps(
        {key: {"at": stamp(one.at), "level": one.level, "figure": one.figure} for key, one in accepted.items()}
    )


def has_accepted_findings(db: Database) -> bool:
    return bool(db.execute("select exists (select 1 from site_health where accepted <> '{}')").fetchone()[0])


def without_accepted(health: Health, accepted: Mapping[str, Acceptance]) -> Health:
    """Returns the health of a site with its accepted findings moved from `findings` to `accepted`. A finding that has
    got worse since it was accepted, or that ended and began again, is not moved.
    """
    hidden = tuple(one for one in health.findings if (found := accepted.get(one.key)) and found.covers(one))
    if health.state == "unknown" or not hidden:
        return health
    left = tuple(one for one in health.findings if one not in hidden)
    return Health(worst_level([one.level for one in left]), left, hidden)


def accept_findings_of(db: Database, site_id: int, findings: Iterable[HealthFinding], now: datetime) -> None:
    """Marks findings of a site as accepted, so that they are not reported any more unless they get worse."""
    accepted = read_accepted_findings(db, site_id) | {
        one.key: Acceptance(now, one.level, one.figure) for one in findings
    }
    db.execute(
        "insert into site_health (site_id, state, since, judged_at, accepted) values (?, 'unknown', ?, ?, ?) "
        "on conflict (site_id) do update set accepted = excluded.accepted",
        [site_id, stamp(now), stamp(now), _as_json(accepted)],
    )


def drop_acceptances(db: Database, site_id: int, found: Health) -> None:
    """Deletes acceptances that no longer apply: those of findings that are no longer in `found`, which are thus
    reported if they return, and those of findings that have got worse.
    """
    accepted, findings = read_accepted_findings(db, site_id), {one.key: one for one in found.findings}
    left = {key: one for key, one in accepted.items() if (now := findings.get(key)) and one.covers(now)}
    if len(left) < len(accepted):
        db.execute("update site_health set accepted = ? where site_id = ?", [_as_json(left), site_id])


def record_health(db: Database, site: dict[str, Any], health: Health, now: datetime) -> None:
    """Stores the health of a site, and since when it has had its present state."""
    row = db.execute("select state, since from site_health where site_id = ?", [site["id"]]).fetchone()
    since = row[1] if row and row[0] == health.state else stamp(now)
    db.execute(
        "insert into site_health (site_id, state, since, judged_at, findings) values (?, ?, ?, ?, ?) "
        "on conflict (site_id) do update set state = excluded.state, since = excluded.since, "
        "judged_at = excluded.judged_at, findings = excluded.findings",
        [
            site["id"],
            health.state,
            since,
            stamp(now),
            json.dumps([finding_as_json(one) for one in health.findings], ensure_ascii=False),
        ],
    )


_WORSE_BY = 0.25
_RUNS = 60
_WEEKS = timedelta(days=14)
_LABELS = {"api": "API"}
_MOST_REDIRECTS = 10
_REACHED = (
    "with recursive reached (urlkey, hops) as (values (?, 0) union select p.redirect_urlkey, hops + 1 "
    "from reached r join pages p on p.urlkey = r.urlkey where p.redirect_urlkey is not null and hops < ?)"
)
"""SQL for a page and the pages to which it redirects. Its parameters are the page's urlkey and _MOST_REDIRECTS."""


def is_crawled(site: dict[str, Any]) -> bool:
    """Returns False if a site (a row of `sites`) is not crawled any more (crawl=no)."""
    return stored_object(site.get("settings")).get("crawl") is not False


def read_health(db: Database, site: dict[str, Any], now: datetime) -> Health:
    """Judges a site (a row of `sites`) and returns its health, with accepted findings kept apart in `accepted`. A site
    that is not crawled any more (crawl=no) has no findings.
    """
    if not is_crawled(site):
        return Health("green", ())
    return without_accepted(judge_site(read_health_inputs(db, site, now), now), read_accepted_findings(db, site["id"]))


def drop_obsolete_acceptances(db: Database, now: datetime) -> None:
    """Deletes the acceptance of findings that no longer exist, for each site whose last run finished. A failed run does
    not show whether a problem is over. Runs inside the caller's transaction.
    """
    for site in list(
        db.query("select s.* from sites s join site_health h on h.site_id = s.id where h.accepted <> '{}'")
    ):
        known = read_health_inputs(db, site, now)
        if next((run.outcome for run in known.runs if run.outcome), "") == "finished":
            drop_acceptances(db, site["id"], judge_site(known, now))


def read_health_inputs(db: Database, site: dict[str, Any], now: datetime) -> HealthInputs:
    """Reads the stored data about a site from which its health is determined."""
    pages, example = db.execute(
        "select count(*), min(url) from pages where site_id = ? and outcome = 'refused' and rule = 'robots' "
        "and article_id is not null and due_at > ?",  # pages that are due at once are allowed by the present robots.txt
        [site["id"], EPOCH],
    ).fetchone()
    home = db.execute(
        "select reason from pages where urlkey = ? and rule = 'robots'", [urlkey(site["start_url"])]
    ).fetchone()
    runs = _read_runs(db, site["id"])
    first = db.execute("select min(started_at) from runs where site_id = ?", [site["id"]]).fetchone()[0]
    return HealthInputs(
        site["name"],
        runs,
        stored_time(first),
        read_post_days(db, site["name"], site["id"], now),
        _find_silent_sources(db, site, runs),
        bool(count_responding_sources(db, site["id"])),
        pages,
        example or "",
        home[0] if home else "",
        _read_start_page(db, site, runs),
        _read_moved_to(db, site),
        read_site_content(db, site["name"], site["id"]),
        read_deletions(db, site["id"], now),
        audit_entries(db, site["id"]),
        read_accepted(db, site["id"], now),
    )


def _read_start_page(db: Database, site: dict[str, Any], runs: Sequence[JudgedRun]) -> tuple[str, str] | None:
    """Returns the outcome and rule of the page to which the site's start URL leads after redirects; None if the last
    run did not fetch this page.
    """
    ended = next((run for run in runs if run.outcome), None)
    if ended is None:
        return None
    row = db.execute(
        f"{_REACHED} select p.outcome, p.rule from reached r join pages p on p.urlkey = r.urlkey "
        "where p.fetched_at >= ? order by hops desc limit 1",
        [urlkey(site["start_url"]), _MOST_REDIRECTS, stamp(ended.started)],
    ).fetchone()
    return (row[0], row[1] or "") if row else None


def read_move_advice(db: Database, site: dict[str, Any]) -> str:
    """Returns advice about a site whose start page redirects to another host; "" if it does not."""
    target = _read_moved_to(db, site)
    return MOVED.format(site=site["name"], target=target) if target else ""


def _read_moved_to(db: Database, site: dict[str, Any]) -> str:
    """Returns the address on another host to which the site's start page redirected when it was last fetched; "" if it
    did not redirect to another host.
    """
    row = db.execute(
        f"{_REACHED} select p.reason from reached r join pages p on p.urlkey = r.urlkey "
        "where p.outcome = 'out-of-scope' order by hops desc limit 1",
        [urlkey(site["start_url"]), _MOST_REDIRECTS],
    ).fetchone()
    found = re.search(r"redirects to (https?://\S+)", row[0] or "") if row else None
    return found[1] if found else ""


def _read_runs(db: Database, site_id: int) -> list[JudgedRun]:
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


def _find_silent_sources(db: Database, site: dict[str, Any], runs: Sequence[JudgedRun]) -> list[SilentSource]:
    """Finds the kinds of source (feed, sitemap, API) of which at least one worked in an earlier run and none works now.
    Returns one source of each such kind.
    """
    measured = [run for run in runs if run.outcome and run.measured.outcomes]
    if not measured:
        return []
    emptied = (
        _find_emptied_feed(db, site, measured),
        _find_emptied(db, site, measured, "sitemap", (EMPTY_SITEMAP, FOREIGN_SITEMAP)),
        _find_emptied(db, site, measured, "api", (FOREIGN_API,)),
    )
    lost = {kind for run in measured[1:] for kind in run.measured.sources} - set(measured[0].measured.sources)
    return [
        *(_make_silent_source(db, site, kind, measured) for kind in sorted(lost)),
        *(one for one in emptied if one and one.kind not in (_LABELS.get(kind, kind) for kind in lost)),
    ]


def _make_silent_source(db: Database, site: dict[str, Any], kind: str, runs: Sequence[JudgedRun]) -> SilentSource:
    since = list(takewhile(lambda run: kind not in run.measured.sources, runs))[-1].started
    known = sorted(
        _read_source_documents(db, site, kind), key=lambda one: (one.kind, one.outcome) == (kind, "not-article")
    )
    url, reason = (known[0].url, _why_silent(known[0], kind)) if known else _find_unread_source(db, site, kind)
    return SilentSource(_LABELS.get(kind, kind), url, reason or "it does not answer any more", since)


def _why_silent(source: _SourceDocument, kind: str) -> str | None:
    """Returns why a source that listed pages of the site lists none now. This is the reason of its last outcome (None
    if it has none), or a phrase that says that its URL now shows something else.
    """
    if source.kind != kind:
        return f"it is not {'an' if kind == 'api' else 'a'} {_LABELS.get(kind, kind)} any more"
    return source.reason


def _find_unread_source(db: Database, site: dict[str, Any], kind: str) -> tuple[str, str | None]:
    """Returns the URL of the source of this kind whose requests failed most often, and the reason (None if none is
    stored); ("", "") if none failed.
    """
    return db.execute(
        "select url, reason from pages where site_id = ? and priority = 0 and kind = ? and outcome <> 'not-article' "
        "order by attempts desc, fetched_at desc",
        [site["id"], kind],
    ).fetchone() or ("", "")


def _find_emptied_feed(db: Database, site: dict[str, Any], runs: Sequence[JudgedRun]) -> SilentSource | None:
    """Returns the feed that used to list the most posts, if feeds of the site can be read but none lists posts of the
    site any more; otherwise None.
    """
    read = [run for run in runs if run.measured.listed is not None]
    empty = list(takewhile(lambda run: not run.measured.listed, read))
    if not empty or len(empty) == len(read):
        return None
    feed = next(
        (one for one in _read_source_documents(db, site, "feed") if one.kind == "feed"), _SourceDocument("", "feed")
    )
    return SilentSource("feed", feed.url, feed.reason or "it is empty", empty[-1].started)


def _find_emptied(
    db: Database, site: dict[str, Any], runs: Sequence[JudgedRun], kind: str, rules: Collection[str]
) -> SilentSource | None:
    """Returns the source of this kind (sitemap, API) that used to list the most pages of the site, if no source of the
    kind lists any now; otherwise None. `rules` are the rules of those outcomes that mean that a source lists no pages
    of the site.
    """
    documents = [one for one in _read_source_documents(db, site, kind) if one.kind == kind]
    if not documents or any(one.rule not in rules for one in documents):
        return None
    (last,) = db.execute(
        "select max(s.last_seen) from page_sources s join pages p on p.id = s.page_id where p.site_id = ? "
        "and p.outcome <> 'out-of-scope' and s.source = ?",
        [site["id"], kind],
    ).fetchone()
    seen = stored_time(last)
    since = [run.started for run in runs if seen and run.started > seen]  # none if it never listed pages of the site
    url, reason = documents[0].url, documents[0].reason or "it is empty"
    return SilentSource(_LABELS.get(kind, kind), url, reason, min(since)) if since else None


@dataclass(frozen=True, slots=True)
class _SourceDocument:
    """A feed, sitemap or API document that listed posts: its URL, its current kind, and its last outcome with reason
    and rule.
    """

    url: str
    kind: str
    outcome: str | None = None
    reason: str | None = None
    rule: str | None = None


def _read_source_documents(db: Database, site: dict[str, Any], kind: str) -> Iterator[_SourceDocument]:
    """Yields the sources of this kind that have listed pages of the site, those with the most pages first."""
    rows = db.execute(
        "select p.url, p.kind, p.outcome, p.reason, p.rule from page_sources s join pages t on t.id = s.page_id "
        "join pages p on p.url = s.found_on where s.source = ? and t.site_id = ? and p.site_id = t.site_id "
        "group by p.id order by count(*) desc",
        [kind, site["id"]],
    ).fetchall()
    return (_SourceDocument(*row) for row in rows)


def measure_growth(db: Database, now: datetime) -> float:
    """Returns how many bytes a day were received in the last two weeks. The archive's WARC files grow by at most this
    number.

    A site's first complete crawl, which downloads the whole site once, is left out, unless some sites are still waiting
    for their first crawl.
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


def record_run_health(db: Database, site: dict[str, Any], run_id: int, now: datetime) -> None:
    """Judges a site (a row of `sites`) whose run has just ended, and stores all findings with the run, including
    accepted ones.
    """
    found = judge_site(read_health_inputs(db, site, now), now).findings
    findings = [{**finding_as_json(one), "figure": one.figure} for one in found]
    db.execute(
        "update runs set health = ? where id = ?", [json.dumps({"findings": findings}, ensure_ascii=False), run_id]
    )


def read_healths(db: Database, sites: Iterable[dict[str, Any]], now: datetime) -> dict[int, Health]:
    """Returns the health of each site (a row of `sites`) by site ID. It is the health that was stored at the end of the
    site's last run. If none was stored, or by another version of the program, the site is judged now.
    """
    stored = {
        site: (version, stored_object(text))
        for site, version, text in db.execute(
            "select s.id, r.version, r.health from sites s join runs r on r.id = "
            "(select id from runs where site_id = s.id and outcome is not null order by id desc limit 1)"
        )
    }
    accepted = {row[0] for row in db.execute("select site_id from site_health where accepted <> '{}'")}
    return {site["id"]: _health_of(db, site, stored.get(site["id"]), now, site["id"] in accepted) for site in sites}


def _health_of(
    db: Database, site: dict[str, Any], stored: tuple[str, dict[str, Any]] | None, now: datetime, has_accepted: bool
) -> Health:
    if settings_of(site["settings"]).get("crawl") is False:
        return Health("green")
    if stored is None:
        return Health("unknown")
    version, judged = stored
    if version == __version__ and "findings" in judged:
        findings = tuple(_finding(one) for one in judged["findings"])
        found = Health(worst_level([one.level for one in findings]), findings)
    else:
        found = judge_site(read_health_inputs(db, site, now), now)
    return without_accepted(found, read_accepted_findings(db, site["id"])) if has_accepted else found


def _finding(one: dict[str, Any]) -> HealthFinding:
    return HealthFinding(**{**one, "since": stored_time(one["since"])})
