"""Writing what a crawl brings: visits in batches, one transaction a batch."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from archiver.frontier.schedule import DEFAULT_REVISIT, SOURCE_KINDS, next_visit
from archiver.items import Outcome, PageKind, Source, Target, Visit
from archiver.store import aside, circles, ledger, parts, requisites
from archiver.store.addresses import add_alias
from archiver.store.articles import Change, Stored, edited_at, mark_gone, store_article, touch
from archiver.store.capture_rows import enter_capture
from archiver.store.faults import is_fault
from archiver.store.fulltext import entered_together
from archiver.store.health.measures import Measuring
from archiver.store.rights import store_rights
from archiver.store.runs import Counts, check_run, crawl_started
from archiver.store.schema import REMOVED
from archiver.store.takedown import bans
from archiver.store.transaction import PATIENCE, writing
from archiver.store.trust import Trust
from archiver.store.versions import Reread, extractor_of
from archiver.urls import urlkey

_BATCH = 100
_log = logging.getLogger(__name__)


class VisitWriter:
    """Collects visits and writes them in order: captures, what the page told of, the article, the page's outcome.

    A visit is in the archive with all of that or not at all. `counts` is what was written so far.
    With `listings_wait` an API counts the site's posts: a new listing (of a new tag, say) tells nothing
    more and waits for the site's revisit period, unless the API fails in this run. `version` is that of the program
    that reads the pages, `reread` reads a stored article's capture once more. `before_commit` puts on the disk what the
    rows of a batch point to. `mode` says what of a post's page is to be captured beside it. `kept` surrounds each
    batch, and undoes what `on_written` did in one that is undone.
    """

    def __init__(self, db: Database, site: dict[str, Any], run_id: int, run_started: datetime,
                 revisit: timedelta = DEFAULT_REVISIT, *, listings_wait: bool = False, version: str = "",
                 reread: Reread = lambda row: (), before_commit: Callable[[], None] = lambda: None,
                 mode: requisites.Mode = "none") -> None:
        self.db = db
        self.counts = Counts()
        self.mode = mode
        self._site = site
        self._run_id = run_id
        self._started = run_started
        self._crawl_started = ledger.moment(crawl_started(db, site["id"], run_id)) or run_started
        self._revisit = revisit
        self._listings_wait = listings_wait
        self._version = version
        self._reread = reread
        self._before_commit = before_commit
        self.trust = Trust(db, site, run_started, revisit)
        self._waiting: list[Visit] = []
        self._met: list[tuple[Visit, Outcome, str, str]] = []
        self.measuring = Measuring()
        self.on_article: Callable[[Visit, Stored], None] | None = None
        self.on_written: Callable[[Visit, int | None, list[Target]], None] | None = None
        self.kept: Callable[[], AbstractContextManager[None]] = nullcontext

    def add(self, visit: Visit) -> None:
        self._waiting.append(visit)
        if len(self._waiting) >= _BATCH:
            self.flush()

    def flush(self, patience: float = PATIENCE) -> None:
        """Write what waits. Raises a fault of the archive's place, with nothing of the batch written, and keeps it.

        A visit that cannot be stored for what it says is a failed page, and keeps no other from being stored.
        """
        if not self._waiting:
            return
        self._before_commit()
        try:
            self._commit(self._waiting, patience)
        except Exception as error:
            if is_fault(error):
                raise
            while self._waiting:
                self._commit_alone(self._waiting[0], patience)
                del self._waiting[0]
        self._waiting.clear()

    def _commit(self, visits: list[Visit], patience: float) -> None:
        counts = Counts()
        self._met.clear()
        with self.trust.kept(), self.kept(), writing(self.db, patience), entered_together(self.db):
            check_run(self.db, self._run_id, self._site)
            for visit in visits:
                self._write(visit, counts)
        self.counts.add(counts)
        for met in self._met:
            self.measuring.visited(*met)

    def _commit_alone(self, visit: Visit, patience: float) -> None:
        try:
            self._commit([visit], patience)
        except Exception as error:
            if is_fault(error):
                raise
            _log.exception("%s could not be stored", visit.url)
            reason = f"it could not be stored ({type(error).__name__}: {str(error)[:200]})"
            self._commit([Visit(url=visit.url, final_url=visit.url, at=visit.at, outcome=Outcome.FAILED,
                                kind=visit.kind, status=visit.status, reason=reason, rule="not-stored")], patience)

    def _write(self, visit: Visit, counts: Counts) -> None:
        db, site_id = self.db, self._site["id"]
        capture_id = enter_capture(db, self._run_id, visit.capture) if visit.capture else None
        if capture_id is not None:
            store_rights(db, capture_id, visit.rights)
        later = visit.at + self._revisit if self._listings_wait else None
        found = ledger.record_targets(db, site_id, visit.targets, visit.at, later, self._site["path"],
                                      self.trust.in_dates)
        counts.found += len(found)
        counts.trapped += sum(bool(target.trap) for target in found)
        if visit.kind is PageKind.API and visit.outcome not in (Outcome.DUE, Outcome.NOT_ARTICLE):
            self._listings_wait = False
            ledger.make_new_due(db, site_id)
        if found and visit.next_pages and not self._listings_wait:
            ledger.make_due_now(db, visit.next_pages, self._started)
        if visit.outcome is Outcome.DUE:
            return
        counts.fetched += visit.status is not None
        if visit.article and visit.rule == parts.CLAIM and parts.is_own_post(db, visit):
            visit = replace(visit, outcome=Outcome.ARCHIVED, kind=PageKind.POST, rule=visit.article.kind_rule,
                            reason="")
        if visit.outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED):
            visit = parts.join(db, visit)
        due_for, before, kind = ledger.standing(db, urlkey(visit.url))
        if visit.outcome is Outcome.DUPLICATE and circles.is_circle(db, urlkey(visit.url), urlkey(visit.final_url)):
            visit = replace(visit, outcome=Outcome.FAILED, rule=circles.RULE, reason=circles.REASON)
        outcome, reason, article_id, changed = self._outcome(visit, capture_id, counts)
        if self.mode != "none" and visit.article and article_id is not None and outcome is not Outcome.DUPLICATE:
            self._needs(visit, article_id, changed=changed)
        if visit.kind is PageKind.POST and outcome in (Outcome.ARCHIVED, Outcome.UNCHANGED):
            self.trust.hold(due_for, changed=changed)
        if visit.same_validator and (found if visit.kind in SOURCE_KINDS else changed and outcome is Outcome.ARCHIVED):
            self.trust.validators_lied()
        changed = changed or bool(found and visit.kind in SOURCE_KINDS)
        counts.refused += outcome is Outcome.REFUSED
        counts.failed += outcome is Outcome.FAILED
        if visit.kind is not PageKind.PART:
            reason = "; ".join(filter(None, (reason, parts.settle(db, site_id, visit, article_id))))
        published = visit.article.published if visit.article else None
        if outcome is Outcome.REFUSED and visit.article:
            visit = replace(visit, rule=REMOVED)
        ledger.record_visit(
            db, replace(visit, outcome=outcome, reason=reason), article_id=article_id, changed=changed,
            capture_id=capture_id if visit.capture and visit.capture.record_type == "response" else None,
            due_at=None if visit.kind is PageKind.PART else next_visit(
                outcome, visit.kind, visit.at, published, self._revisit, edited_at(db, article_id),
                hearsay=outcome is Outcome.GONE and article_id is None and aside.is_hearsay(db, urlkey(visit.url))),
        )
        self._met.append((visit, outcome, before, kind))
        if visit.rule == circles.RULE:
            counts.failed += circles.close_circle(db, urlkey(visit.url))
        self._recheck_vanished(visit)
        if self.on_written:
            self.on_written(replace(visit, outcome=outcome), article_id, found)

    def _outcome(self, visit: Visit, capture_id: int | None, counts: Counts) -> tuple[Outcome, str, int | None, bool]:
        """Do to the articles what this visit means: the page's outcome, reason and article, and whether it changed."""
        db, key = self.db, urlkey(visit.url)
        if visit.article is not None and (removal := bans.ban_of(db, self._site["name"], visit.article)):
            # Under an address that nobody knew of: what was captured of it goes before the next crawl begins.
            bans.keep_out(db, removal, visit.url)
            return Outcome.REFUSED, removal.told, None, False
        if visit.outcome is Outcome.ARCHIVED and visit.article is not None:
            return self._article(visit, capture_id, counts)
        if visit.outcome is Outcome.PART:
            return visit.outcome, visit.reason, parts.enter_part(db, visit), False
        if visit.outcome is Outcome.GONE:
            gone = mark_gone(db, key, visit.at)
            counts.gone += gone is not None
            return visit.outcome, visit.reason, gone, gone is not None
        if visit.outcome is Outcome.DUPLICATE:
            article_id, new = add_alias(db, urlkey(visit.final_url), visit.url, visit.at)
            counts.aliased += new
            return visit.outcome, visit.reason, article_id, False
        if visit.outcome is Outcome.UNCHANGED:
            row = db.execute("select article_id from pages where urlkey = ?", [key]).fetchone()
            if row and row[0]:
                touch(db, row[0], visit.at)
                counts.unchanged += 1
                return visit.outcome, visit.reason, row[0], False
            return Outcome.NOT_ARTICLE, visit.reason, None, False
        return visit.outcome, visit.reason, None, False

    def _article(self, visit: Visit, capture_id: int | None, counts: Counts) -> tuple[Outcome, str, int | None, bool]:
        assert visit.article is not None
        extractor: str | None = extractor_of(self._version, visit.article)
        if visit.status == 304:
            # The page has not changed: what did is a further page, whose capture proves it.
            capture_id = extractor = None
        stored = store_article(
            self.db, self._site["name"], visit.article, redirects=visit.redirects, at=visit.at,
            capture_id=capture_id, run_id=self._run_id, run_started=self._crawl_started, extractor=extractor,
            reread=self._reread, completes=parts.was_incomplete(self.db, urlkey(visit.url)),
        )
        if stored.change is Change.GONE:
            counts.gone += bool(stored.changed)
            reason = "it shows nothing any more of the post that stood there"
            return Outcome.GONE, reason, stored.article_id, bool(stored.changed)
        if visit.parts:
            parts.prove(self.db, stored.article_id, urlkey(visit.url))
        counts.new += stored.change is Change.NEW
        counts.revised += stored.change is Change.REVISED
        counts.unchanged += stored.change in (Change.UNCHANGED, Change.REEXTRACTED, Change.REVERTED, Change.STUB)
        counts.duplicate += stored.shares_text
        counts.aliased += len(stored.aliases)
        if self.on_article:
            self.on_article(visit, stored)
        if stored.change is Change.NEW:
            return Outcome.ARCHIVED, visit.reason, stored.article_id, True
        if stored.change is Change.REVISED:
            return Outcome.ARCHIVED, f"revised: {', '.join(stored.changed)}", stored.article_id, True
        if stored.change is Change.REVERTED:
            return Outcome.ARCHIVED, f"says again what version {stored.back} said", stored.article_id, True
        if stored.change is Change.REEXTRACTED:
            return Outcome.UNCHANGED, f"read anew by {extractor}", stored.article_id, False
        if stored.change is Change.STUB:
            return Outcome.UNCHANGED, "shows only a stub of the stored text", stored.article_id, False
        if stored.change is Change.COPY:
            own = self.db.execute("select url from articles where id = ?", [stored.article_id]).fetchone()
            return Outcome.DUPLICATE, f"another address of {own[0]}", stored.article_id, False
        return Outcome.UNCHANGED, visit.reason, stored.article_id, False

    def _recheck_vanished(self, visit: Visit) -> None:
        """A sitemap or API that was read whole and lists a post no more: look whether the post is gone."""
        source = {PageKind.SITEMAP: Source.SITEMAP, PageKind.API: Source.API}.get(visit.kind)
        if source is None or visit.status != 200 or visit.rule in ("api changes", "api count"):
            return
        missing = ledger.vanished(self.db, self._site["id"], source, visit.url, self._started)
        ledger.recheck(self.db, missing, f"{source} lists it no more")

    def _needs(self, visit: Visit, article_id: int, *, changed: bool) -> None:
        """What the page needs to be shown is due with its article, or the article is not stored."""
        assert visit.article is not None
        lead = requisites.lead_image(visit.article.image) if visit.kind is not PageKind.PART else ()
        requisites.enter(self.db, self._site["id"], article_id, (*lead, *visit.requisites), visit.at, visit.final_url,
                         changed=changed, crawl_started=self._crawl_started, revisit=self._revisit)

