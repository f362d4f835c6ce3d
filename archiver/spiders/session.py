"""One run over one site: the open archive, the site's row, the run's row, and the lock that keeps others out."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from archiver import __version__
from archiver.discovery import nowhere
from archiver.discovery.cdx_query import prefix_of, query_url, service_address
from archiver.discovery.nowhere import Nowhere
from archiver.extraction.rules import SiteRules
from archiver.frontier.schedule import SIDE_WAY
from archiver.items import Article, Outcome, PageKind, Source, Target, Visit
from archiver.spiders.contact import needs_contact
from archiver.spiders.guarded import guarded
from archiver.spiders.job import MOST_REDIRECTS, Job, job_of
from archiver.spiders.opened import Only, OpenRun
from archiver.spiders.requisites import Requisites
from archiver.spiders.teacher import Teacher
from archiver.spiders.watch import Watch
from archiver.store import aside, ledger, missing, parts
from archiver.store.articles import read_anew
from archiver.store.doubt import is_confirmed
from archiver.store.parts import StoredPart
from archiver.store.redirects import came_from
from archiver.store.requisites import Mode
from archiver.store.rules import retire, rules_at, store_learned
from archiver.store.runs import check_run
from archiver.store.sources import alive, enter_cdx, sources_known
from archiver.store.versions import extractor_of
from archiver.urls import urlkey

# Some 20 MB of addresses; what was forgotten is entered in the ledger once more, to no effect.
_MOST_TOLD = 100_000
_PROVED, _SOURCES_PROVED = 40, 10
SOURCES_FIRST = 500
"""Sources that are read before the first post; a site with more (50,000 sitemaps) is asked for both in turn."""


class CrawlSession(OpenRun):
    """Everything a spider needs of the archive. Opened before the first request, closed with the run's outcome.

    Raises the errors of `open_archive`, and ArchiveInUse where another process crawls this site into this archive; each
    of its methods raises an ArchiverError where the archive cannot be written any more.
    """

    def __init__(self, archive: Path, start_url: str, *, full: bool = False, only: Only = "",
                 mode: Mode | None = None) -> None:
        self._under_way: dict[str, Job] = {}
        self._sources = 0
        self._told: set[tuple[str, Source, PageKind]] = set()
        super().__init__(archive, start_url, full=full, only=only, mode=mode)

    def _begin(self) -> None:
        super()._begin()
        self.teacher = Teacher(rules_at(self.db, self.site["id"]), self._learned, self._outdated)
        self.watch = Watch(self.db, self.site["id"], self.scope, self.writer.flush)
        self.writer.on_written, self.writer.kept = self.watch.written, self.watch.kept
        self.requisites = Requisites(self, self.mode)
        self.believes_gone = is_confirmed(self.db, self.site["id"], self.started)
        named = self.options.get("cdx")
        self.cdx = query_url(service_address(named), prefix_of(self.scope)) if named else ""

    @property
    def under_way(self) -> int:
        """How many pages are asked for and not yet written."""
        return len(self._under_way)

    @guarded
    def enter_cdx(self, *, anonymous: bool) -> None:
        """The list that a web archive is asked for is a source of this site, where its settings name one.

        Not by an `anonymous` crawl, which names nobody whom its keepers can reach.
        """
        objection = "its keepers should be able to reach you: name a contact (archiver crawl --contact)"
        with self.writing():
            enter_cdx(self.db, self.site["id"], self.cdx, self.started,
                      objection if anonymous and self.cdx and needs_contact(self.cdx) else "")

    @guarded
    def due(self, limit: int) -> list[Job]:
        """The next pages to fetch, at most `limit`: under way from now on. What waits is written first."""
        self.writer.flush()
        check_run(self.db, self.run_id, self.site)
        self._read_anew()
        mixed = self._sources >= SOURCES_FIRST
        sources_only = not mixed and any(job.comes_first for job in self._under_way.values())
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
                    with self.writing():
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

    def probe(self, anew: bool = False) -> Job | None:
        """The job of asking for an address that does not exist; None where the answer is known (but `anew`), or will
        be."""
        if (self.nowhere is not None and not anew) or any(job.is_probe for job in self._under_way.values()):
            return None
        url = nowhere.address(self.start_url, self.scope, secrets.token_hex(10))
        job = Job(page_id=0, url=url, urlkey=urlkey(url), kind=PageKind.OTHER, is_probe=True)
        self._under_way[job.urlkey] = job
        return job

    @guarded
    def probed(self, job: Job, answer: Nowhere | None) -> None:
        """How the site answers for what does not exist, kept with the site; None where it gave no answer,
        or none that tells: what was known stays so."""
        self._under_way.pop(job.urlkey, None)
        if answer is not None:
            self.nowhere = answer
            with self.writing():
                self.db.execute("update sites set soft_not_found = ?, soft_not_found_at = ? where id = ?",
                                [nowhere.to_json(answer), ledger.stamp(self.started), self.site["id"]])

    def _anew(self, row: dict[str, Any]) -> bool:
        """Whether a page is asked for whole: its server's validators proved false, or it is this page's turn to prove
        them. Each page has one turn in so many runs, a source sooner than a post."""
        every = _PROVED if row["priority"] else _SOURCES_PROVED
        return not self.writer.trust.in_validators or (self.run_id + row["id"]) % every == 0

    def _parts(self, row: dict[str, Any]) -> tuple[StoredPart, ...]:
        return parts.parts_of(self.db, row["urlkey"]) if row["kind"] == PageKind.POST and row["fetched_at"] else ()

    @guarded
    def stored(self, job: Job) -> Article | None:
        """The article of this page, as far as it is written."""
        self.writer.flush()
        return parts.article_at(self.db, job.urlkey)

    @guarded
    def part_job(self, url: str) -> Job:
        """The job for a further page of a post: asked for conditionally where what it showed is known."""
        self.writer.flush()
        key = urlkey(url)
        row = ledger.page_row(self.db, key)
        text = parts.text_of(self.db, key)
        if row is None or text is None:
            return Job(page_id=row["id"] if row else 0, url=url, urlkey=key, kind=PageKind.PART)
        return replace(job_of(row, self._seed_key, full=self.full, anew=self._anew(row)), url=url, kind=PageKind.PART,
                       text=text)

    def is_news(self, target: Target) -> bool:
        """Whether this link was not told of before in this run, in the same way. Forgets when it knows too many."""
        told = (target.url, target.source, target.kind)
        if told in self._told or not self.watch.is_wanted(target):
            return False
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told.add(told)
        return True

    @guarded
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

    @guarded
    def leave(self, jobs: Sequence[Job]) -> None:
        """These pages are left alone in this run: they are due again at the next."""
        until = ledger.stamp(self.started + timedelta(seconds=1))
        with self.writing():
            for job in jobs:
                self._under_way.pop(job.urlkey, None)
                self.watch.leave(job.urlkey)
                aside.put_off(self.db, job.page_id, until)

    @guarded
    def sources_known(self) -> tuple[set[str], set[str], set[str]]:
        """As `store.sources`, with all that was read written."""
        self.writer.flush()
        return sources_known(self.db, self.site["id"])

    def seed_moved(self, url: str) -> None:
        """The start address redirects: the page it leads to is the home page."""
        self._seed_key = urlkey(url)

    @guarded
    def alive(self, source: Source, found_on: str) -> int:
        self.writer.flush()
        return alive(self.db, self.site["id"], source, found_on)

    @guarded
    def remember_platform(self, name: str) -> None:
        if name and name != self.site["platform"]:
            with self.writing():
                self.db.table("sites").update(self.site["id"], {"platform": name})
            self.site["platform"] = name

    @guarded
    def _learned(self, rules: SiteRules) -> SiteRules:
        with self.writing():
            return store_learned(self.db, self.site["id"], rules, datetime.now(UTC))

    @guarded
    def _outdated(self, since: datetime) -> SiteRules | None:
        with self.writing():
            retire(self.db, self.site["id"], since)
        return rules_at(self.db, self.site["id"])

    def _write_the_rest(self, patience: float) -> None:
        self.requisites.flush(patience)

    def _more_due(self) -> int:
        return self.requisites.count_due()

    def learn_the_rest(self) -> None:
        self.teacher.finish()

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
                with self.writing():
                    read_anew(self.db, sample.article, after, extractor_of(__version__, after))
