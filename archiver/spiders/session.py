"""One run over one site: the open archive, the site's row, the run's row, and the lock that keeps others out."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Literal

from sqlite_utils import Database

from archiver import __version__
from archiver.discovery import nowhere
from archiver.discovery.nowhere import Nowhere
from archiver.extraction.rules import SiteRules
from archiver.frontier.budget import Budget
from archiver.frontier.schedule import SIDE_WAY
from archiver.items import Article, Outcome, PageKind, Source, Target, Visit
from archiver.spiders.ending import Ending
from archiver.spiders.job import MOST_REDIRECTS, Job, job_of
from archiver.spiders.lock import lock_site
from archiver.spiders.teacher import Teacher
from archiver.spiders.watch import Watch
from archiver.store import aside, ledger, missing, parts
from archiver.store.articles import read_anew
from archiver.store.captured import readings
from archiver.store.connect import open_archive
from archiver.store.parts import StoredPart
from archiver.store.redirects import came_from
from archiver.store.rules import retire, rules_at, store_learned
from archiver.store.runs import Counts, ask_again, begin_run, end_run, ensure_site
from archiver.store.versions import extractor_of
from archiver.store.writer import VisitWriter
from archiver.urls import Scope, urlkey

# Some 20 MB of addresses; what was forgotten is entered in the ledger once more, to no effect.
_MOST_TOLD = 100_000
_PROVED, _SOURCES_PROVED = 40, 10
SOURCES_FIRST = 500
"""Sources that are read before the first post; a site with more (50,000 sitemaps) is asked for both in turn."""

Only = Literal["", "missing", "set-aside"]
"""A run that asks for nothing but what is missing (and, on wish, what a rule has set aside)."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: `failures` says what failed how often, `due` how many addresses are still to be fetched."""

    outcome: str
    reason: str
    seconds: float
    failures: tuple[tuple[str, int], ...]
    due: int


class CrawlSession:
    """Everything a spider needs of the archive. Opened before the first request, closed with the run's outcome.

    Raises the errors of `open_archive`, and ArchiveInUse where another process crawls this site into this archive.
    """

    def __init__(self, archive: Path, start_url: str, *, full: bool = False, only: Only = "") -> None:
        self.started = datetime.now(UTC)
        self._folder = archive.parent
        self.full = full
        self.only = only
        self.start_url = start_url
        self.db: Database = open_archive(archive, create=True)
        self._lock: BinaryIO | None = None
        try:
            with self.db.atomic():
                self.site: dict[str, Any] = ensure_site(self.db, start_url, self.started)
            self._lock = lock_site(archive, self.site["name"])
        except BaseException:
            self.db.close()
            raise
        self.scope = Scope(self.site["host"], self.site["path"])
        self.options: dict[str, Any] = json.loads(self.site["settings"] or "{}")
        self.budget = Budget.of(self.options)
        until = ledger.moment(self.site["quiet_until"])
        self.quiet_until = until if until and until > self.started else None
        seed = Target(start_url, Source.SEED)
        with self.db.atomic():
            self.run_id = begin_run(self.db, self.site["id"], only or ("full" if full else "incremental"), __version__,
                                    self.started)
            ledger.record_targets(self.db, self.site["id"], [seed], self.started)
            if only:
                missing.make_due(self.db, self.site["id"], with_aside=only == "set-aside")
            else:
                ledger.make_due(self.db, self.site["id"], everything=full)
                ask_again(self.db, urlkey(start_url))
            if not self.quiet_until:
                ledger.wait_no_more(self.db, self.site["id"])
        revisit = timedelta(days=float(self.options.get("revisit_days", 30)))
        self.writer = VisitWriter(self.db, self.site, self.run_id, self.started, revisit,
                                  listings_wait=not full and ledger.has_api(self.db, self.site["id"]),
                                  version=__version__, reread=self._readings)
        self.teacher = Teacher(rules_at(self.db, self.site["id"]), self._learned, self._outdated)
        self.watch = Watch(self.db, self.site["id"], self.scope, self.writer.flush)
        self.writer.on_written = self.watch.written
        self.nowhere = None if full else _remembered(self.site, self.started - revisit)
        self._seed_key = ledger.landing(self.db, urlkey(start_url))
        self._under_way: dict[str, Job] = {}
        self._sources = 0
        self._told: set[tuple[str, Source, PageKind]] = set()
        self.result: Ended | None = None

    @property
    def site_name(self) -> str:
        return str(self.site["name"])

    @property
    def counts(self) -> Counts:
        return self.writer.counts

    @property
    def under_way(self) -> int:
        """How many pages are asked for and not yet written."""
        return len(self._under_way)

    def due(self, limit: int) -> list[Job]:
        """The next pages to fetch, at most `limit`: under way from now on. What waits is written first."""
        self.writer.flush()
        self._read_anew()
        mixed = self._sources >= SOURCES_FIRST
        sources_only = not mixed and any(job.is_source for job in self._under_way.values())
        jobs: list[Job] = []
        while True:
            rows = self._due_rows(limit + len(self._under_way), sources_only, mixed)
            free = [row for row in rows if row["urlkey"] not in self._under_way]
            # Lists of tags and months wait until all else is read: what they show is news or not by then.
            first = any(job.level < SIDE_WAY for job in (*self._under_way.values(), *jobs)) or any(
                row["priority"] < SIDE_WAY for row in free)
            free = [row for row in free if row["priority"] < SIDE_WAY or not first]
            set_aside = 0
            for row in free:
                verdict = self.watch.judge(row)
                if verdict.what == "aside":
                    with self.db.atomic():
                        aside.set_aside(self.db, row["id"], verdict.rule, verdict.reason)
                    set_aside += 1
                elif verdict.what == "ask":
                    job = replace(job_of(row, self._seed_key, full=self.full, anew=self._anew(row)),
                                  parts=self._parts(row), came_from=came_from(self.db, row["id"], MOST_REDIRECTS))
                    self._sources += job.is_source
                    jobs.append(job)
                    self._under_way[job.urlkey] = job
                    if len(jobs) >= limit:
                        break
            self.counts.trapped += set_aside
            if not set_aside or len(jobs) >= limit:
                return jobs

    def _due_rows(self, limit: int, sources_only: bool, mixed: bool) -> list[dict[str, Any]]:
        if self.only:
            return missing.due_pages(self.db, self.site["id"], self.started, limit)
        return ledger.due_pages(self.db, self.site["id"], self.started, limit, sources_only, mixed)

    def probe(self) -> Job | None:
        """The job of asking for an address that does not exist; None where the answer is known."""
        if self.nowhere is not None:
            return None
        url = nowhere.address(self.start_url, self.scope, secrets.token_hex(10))
        job = Job(page_id=0, url=url, urlkey=urlkey(url), kind=PageKind.OTHER, is_probe=True)
        self._under_way[job.urlkey] = job
        return job

    def probed(self, job: Job, answer: Nowhere | None) -> None:
        """How the site answers for what does not exist, kept with the site; None where it gave no answer."""
        self._under_way.pop(job.urlkey, None)
        self.nowhere = answer
        if answer is not None:
            with self.db.atomic():
                self.db.execute("update sites set nowhere = ?, nowhere_at = ? where id = ?",
                                [nowhere.to_json(answer), ledger.stamp(self.started), self.site["id"]])

    def _anew(self, row: dict[str, Any]) -> bool:
        """Whether a page is asked for whole: its server's validators proved false, or it is this page's turn to prove
        them. Each page has one turn in so many runs, a source sooner than a post."""
        every = _PROVED if row["priority"] else _SOURCES_PROVED
        return not self.writer.trust.in_validators or (self.run_id + row["id"]) % every == 0

    def _parts(self, row: dict[str, Any]) -> tuple[StoredPart, ...]:
        return parts.parts_of(self.db, row["urlkey"]) if row["kind"] == PageKind.POST and row["fetched_at"] else ()

    def stored(self, job: Job) -> Article | None:
        """The article of this page, as far as it is written."""
        self.writer.flush()
        return parts.article_at(self.db, job.urlkey)

    def part_job(self, url: str) -> Job:
        """The job for a further page of a post: asked for conditionally where what it showed is known."""
        self.writer.flush()
        key = urlkey(url)
        row = ledger.page_row(self.db, key)
        text = parts.text_of(self.db, key)
        if row is None or text is None:
            return Job(page_id=row["id"] if row else 0, url=url, urlkey=key, kind=PageKind.PART)
        return replace(job_of(row, self._seed_key, full=self.full), url=url, kind=PageKind.PART, text=text)

    def is_news(self, target: Target) -> bool:
        """Whether this link was not told of before in this run, in the same way. Forgets when it knows too many."""
        told = (target.url, target.source, target.kind)
        if told in self._told or not self.watch.is_wanted(target):
            return False
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told.add(told)
        return True

    def done(self, visit: Visit) -> None:
        """Hand a visit to the writer; its page is no longer under way (but for a source that goes on)."""
        self.writer.add(visit)
        if visit.outcome is not Outcome.DUE:
            self._under_way.pop(urlkey(visit.url), None)

    @property
    def home(self) -> str:
        """The home page's own address, as far as an earlier run has met it."""
        row = ledger.page_row(self.db, self._seed_key)
        return str(row["url"]) if row else self.start_url

    def is_seed(self, visit: Visit) -> bool:
        """Whether this is the home page."""
        return urlkey(visit.url) == self._seed_key

    def leave(self, jobs: Sequence[Job]) -> None:
        """These pages are left alone in this run: they are due again at the next."""
        until = ledger.stamp(self.started + timedelta(seconds=1))
        with self.db.atomic():
            for job in jobs:
                self._under_way.pop(job.urlkey, None)
                self.watch.leave(job.urlkey)
                aside.put_off(self.db, job.page_id, until)

    def seed_moved(self, url: str) -> None:
        """The start address redirects: the page it leads to is the home page."""
        self._seed_key = urlkey(url)

    def alive(self, source: Source, found_on: str) -> int:
        self.writer.flush()
        return ledger.alive(self.db, self.site["id"], source, found_on)

    def balance(self) -> tuple[int, int]:
        """Pages of this site that are known, and of these the ones that are not due."""
        known, due = self.db.execute(
            "select count(*), total(due_at <= ?) from pages where site_id = ?",
            [ledger.stamp(self.started), self.site["id"]]).fetchone()
        return int(known), int(known - due)

    def remember_platform(self, name: str) -> None:
        if name and name != self.site["platform"]:
            with self.db.atomic():
                self.db.table("sites").update(self.site["id"], {"platform": name})
            self.site["platform"] = name

    def _learned(self, rules: SiteRules) -> SiteRules:
        with self.db.atomic():
            return store_learned(self.db, self.site["id"], rules, datetime.now(UTC))

    def _outdated(self, since: datetime) -> SiteRules | None:
        with self.db.atomic():
            retire(self.db, self.site["id"], since)
        return rules_at(self.db, self.site["id"])

    def _readings(self, row: dict[str, Any]) -> list[Article]:
        return readings(self.db, self._folder, row, self.site["id"])

    def _read_anew(self) -> None:
        """The posts that the template was learned from were read without it: those that are written are read by it."""
        for sample in self.teacher.samples():
            key = urlkey(sample.url)
            row = ledger.page_row(self.db, key)
            if row is None or not row["fetched_at"] or row["fetched_at"] < ledger.stamp(self.started):
                self.teacher.put_back(sample)
                continue
            after = self.teacher.again(sample)
            if sample.article is not None and after is not None:
                with self.db.atomic():
                    read_anew(self.db, sample.article, after, extractor_of(__version__, after))

    def close(self, ending: Ending) -> None:
        """Write what waits and close the run; then there is a `result`."""
        if self._lock is None:
            return
        self.teacher.finish()
        now = datetime.now(UTC)
        self.writer.flush()
        self._read_anew()
        with self.db.atomic():
            end_run(self.db, self.run_id, self.counts, ending.outcome, ending.reason, now)
            if ending.pages:
                ledger.let_wait(self.db, self.site["id"], ending.pages, ending.quiet_until)
        failures = tuple((row[0], row[1]) for row in self.db.execute(
            "select reason, count(*) from pages where site_id = ? and outcome = 'failed' and fetched_at >= ? "
            "group by reason order by 2 desc", [self.site["id"], ledger.stamp(self.started)]))
        known, done = self.balance()
        self.result = Ended(ending.outcome, ending.reason, (now - self.started).total_seconds(), failures, known - done)
        self.db.close()
        self._lock.close()
        self._lock = None


def _remembered(site: dict[str, Any], not_before: datetime) -> Nowhere | None:
    """What an earlier run learned of how the site answers for nothing, unless it is too long ago."""
    return nowhere.from_json(site["nowhere"]) if (site["nowhere_at"] or "") >= ledger.stamp(not_before) else None
