"""Writes imported captures to the archive: their records into its own WARC files, and rows into its tables."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from archiver import __version__
from archiver.api.captures import (
    HistoricalRedirect,
    RemovedURLs,
    is_payload_removed,
    keep_url_out,
    link_capture_to_article,
    redirects_to,
    store_usage_statements,
    tombstone_at,
    tombstone_of,
)
from archiver.api.database import Database, is_environment_error, lock_site, moment, open_archive, stamp, writing
from archiver.api.reextraction import make_reader_without_hints
from archiver.api.sites import SiteLookup, SiteScope
from archiver.api.warc_files import (
    Exchange,
    ForeignOrigin,
    Original,
    RepairedFile,
    WarcWriter,
    copied_records,
    find_unfinished_files,
    repair_warc,
)
from archiver.api.writing import (
    Change,
    HistoricalArticle,
    Stored,
    add_aliases,
    article_at_time,
    enter_historical_article,
    forget_lost,
    merge_articles,
)
from archiver.importers import import_rows
from archiver.importers.foreign_reader import ForeignCapture
from archiver.importers.import_problems import Problem, ProblemKind
from archiver.importers.import_rows import (
    ImportCounts,
    last_gone,
    mark_gone_by_history,
    redirect_target,
    store_gone,
    store_redirect,
)
from archiver.importers.record_batches import ReadRecord, RecordKind
from archiver.model.errors import ArchiverError
from archiver.model.urls import urlkey

_log = logging.getLogger(__name__)
_COUNTED = {
    RecordKind.PAGE: "pages",
    RecordKind.NOT_HTML: "not_html",
    RecordKind.GONE: "gone",
    RecordKind.REDIRECT: "redirects",
    RecordKind.STATUS: "status",
}


@dataclass(frozen=True, slots=True)
class ImportSource:
    """Where imported captures come from: the ID of the import in the table `imports`, and the name of the file or
    service. `all_captures` is True to import also captures that are not posts; `is_own` is True for a file that this
    program wrote, whose records keep their types.
    """

    import_id: int | None
    name: str
    all_captures: bool = False
    is_own: bool = False


class ImportWriter:
    """Stores imported records in the order in which they were read, within the caller's transaction.

    A capture that is already in the archive, from a crawl or an import, is not stored again. If `known_sites` is True,
    no new sites are created. `now` is the creation time of new sites.
    """

    def __init__(
        self, db: Database, folder: Path, warc: WarcWriter, now: datetime, *, known_sites: bool = False
    ) -> None:
        self.db, self.warc = db, warc
        self._folder, self._now, self._known_sites = folder, now, known_sites
        self.sites = SiteLookup(db)
        self._removed: dict[str, RemovedURLs] = {}
        self._bare = make_reader_without_hints(db, folder, self.sites, now)

    def write(self, read: ReadRecord, source: ImportSource, tally: ImportCounts) -> Problem | None:
        """Stores one record, and counts it in `tally`. Returns None, or a problem if its content cannot be stored, so
        that the other records are still stored. Raises errors of the disk and the database.
        """
        try:
            with writing(self.db):
                counted = ImportCounts()
                self._write(read, source, counted)
        except Exception as error:
            if is_environment_error(error):
                raise
            _log.exception("%s could not be stored", read.found.url)
            self.sites.forget()
            tally.damaged += 1
            return Problem(
                ProblemKind.READER, read.found.place, read.found.url, f"{type(error).__name__}: {str(error)[:200]}"
            )
        tally.add(counted)
        return None

    def _write(self, read: ReadRecord, source: ImportSource, tally: ImportCounts) -> None:
        db, found = self.db, read.found
        if self._is_removed(read):
            tally.removed += 1
            return
        if read.kind is RecordKind.REVISIT or (
            found.is_revisit and source.all_captures and read.kind is RecordKind.NOT_HTML
        ):
            self._store_revisit(found, source, tally, keep=True)
            return
        before = (
            import_rows.known_capture(db, found.url, found.at, read.digest)
            if read.exchange or (read.kind is RecordKind.KNOWN)
            else None
        )
        if before is not None and import_rows.is_capture_processed(db, before):
            if import_rows.find_article_of_capture(db, before) is not None:
                tally.posts += 1
                tally.known += 1
            else:
                tally.pages += 1
            return
        if read.kind is RecordKind.POST:
            self._store_post(read, before["id"] if before else None, source, tally)
            return
        setattr(tally, _COUNTED[read.kind], getattr(tally, _COUNTED[read.kind]) + 1)
        if read.kind is RecordKind.GONE:
            self._store_gone(found, source, tally)
        elif read.kind is RecordKind.REDIRECT:
            self._store_redirect(found, read.target, source, tally)
        if read.rule and found.status == 200:
            import_rows.store_page_kind(db, found.url, read.digest, read.rule)
        if read.exchange is not None:
            self._write_response(read.exchange, found, source, tally)
        elif found.is_revisit and (original := import_rows.capture_of_revisit(db, found)):
            self._enter_revisit(found, original, source, tally, is_seen=False)

    def _is_removed(self, read: ReadRecord) -> bool:
        """Returns True if a record contains a post that was removed and has a tombstone, or if it is to be copied, is
        no post and names the URL of one, as lists and feeds do that may quote it. Such a record must not be stored
        again.
        """
        url, site = read.found.url, self.sites.of(read.found.url) if read.article or read.exchange else None
        if tombstone_at(self.db, urlkey(url)) or (read.digest and is_payload_removed(self.db, read.digest)):
            return True
        if site and read.article is None and read.exchange is not None:
            if site.name not in self._removed:
                self._removed[site.name] = RemovedURLs(self.db, site.name)
            headers = read.exchange.response_headers
            coding = next((value for name, value in headers if name.lower() == b"content-encoding"), b"")
            if not self._removed[site.name].is_in(read.exchange.body, coding.decode("latin-1")):
                return False
            import_rows.store_page_kind(self.db, url, read.digest, "removed")  # so that revisits of it are no damage
            return True
        removal = tombstone_of(self.db, site.name, read.article) if site and read.article else None
        if removal is not None:
            keep_url_out(self.db, removal, url, captured=False)
        return removal is not None

    def _store_post(self, read: ReadRecord, capture_id: int | None, source: ImportSource, tally: ImportCounts) -> None:
        """Stores a post with its capture, and counts it in `tally`. `capture_id` is the ID of the capture if it is
        already in the archive, otherwise None.
        """
        assert read.article is not None
        assert read.exchange is not None
        site = self._site_for(read.found.url, tally)
        if site is None:
            tally.skipped += 1
            return
        if capture_id is None:
            capture_id = self._write_response(read.exchange, read.found, source, tally)
            store_usage_statements(self.db, capture_id, read.usage_statements)
        tally.posts += 1
        self._store_reading(
            site,
            HistoricalArticle(read.article, read.found.at, capture_id, read.digest, read.extractor),
            read.rule,
            source,
            tally,
        )

    def _store_reading(
        self, site: SiteScope, reading: HistoricalArticle, rule: str, source: ImportSource, tally: ImportCounts
    ) -> None:
        db, url = self.db, reading.article.url
        stored = enter_historical_article(db, site.name, reading, self._bare)
        if reading.capture_id is not None:
            link_capture_to_article(
                db, reading.capture_id, stored.article_id, secondary=stored.change in (Change.STUB, Change.COPY)
            )
        tally.new += stored.change is Change.NEW
        tally.revised += stored.change is Change.REVISED
        tally.known += stored.change not in (Change.NEW, Change.REVISED)
        tally.aliases += len(stored.aliases)
        if reading.capture_id is not None:
            import_rows.enter_page(
                db,
                import_rows.ImportedPage(
                    site.id,
                    url,
                    stored.article_id,
                    reading.capture_id,
                    reading.at,
                    rule,
                    source.name,
                    reading.article.published,
                ),
            )
        self._apply_earlier_responses(stored, site, source, tally)

    def _apply_earlier_responses(
        self, stored: Stored, site: SiteScope, source: ImportSource, tally: ImportCounts
    ) -> None:
        """Applies redirects and 404 responses that were imported before their article (`stored`) to this article, and
        counts them in `tally`.
        """
        db, article_id = self.db, stored.article_id
        key = db.execute("select urlkey from articles where id = ?", [article_id]).fetchone()[0]
        for way in redirects_to(db, key):
            self._add_alias(article_id, way, site, tally)
        self._mark_if_gone(article_id, source, tally)

    def _mark_if_gone(self, article_id: int, source: ImportSource, tally: ImportCounts) -> None:
        """Marks an article as gone if the last capture of its URL was a 404 or 410 response."""
        tally.tombstones += mark_gone_by_history(self.db, article_id)
        url, key, gone_at = self.db.execute(
            "select url, urlkey, gone_at from articles where id = ?", [article_id]
        ).fetchone()
        if gone_at and (last := last_gone(self.db, key)):
            import_rows.enter_gone(self.db, url, *last, source.name)

    def _add_alias(self, article_id: int, way: HistoricalRedirect, site: SiteScope, tally: ImportCounts) -> None:
        """Stores the URL of the redirect `way` as an alias of the article to which it led, and counts it in `tally`. If
        the URL was the address of another article, the post has moved, and the two articles are merged.
        """
        owner = self.db.execute(
            "select d.article_id, a.last_seen, a.site, a.post_id, b.post_id from article_urls d join articles a on "
            "a.id = d.article_id join articles b on b.id = ? where d.urlkey = ?",
            [article_id, urlkey(way.url)],
        ).fetchone()
        if owner is None:
            tally.aliases += len(add_aliases(self.db, article_id, [way.url], "redirect", way.first))
            return
        other, last_seen, name, theirs, ours = owner
        is_another = theirs and ours and theirs != ours
        if other == article_id:
            self.db.execute(
                "update article_urls set first_seen = min(first_seen, ?) where urlkey = ? and kind = 'redirect'",
                [stamp(way.first), urlkey(way.url)],
            )
        elif name == site.name and last_seen <= stamp(way.last) and not is_another:
            merge_articles(self.db, article_id, other, self._bare)

    def _store_redirect(self, found: ForeignCapture, target: str, source: ImportSource, tally: ImportCounts) -> None:
        store_redirect(self.db, found.url, target, found.at, source.import_id)
        end = redirect_target(self.db, urlkey(target))
        row = self.db.execute("select article_id from article_urls where urlkey = ?", [end]).fetchone()
        site = self.sites.of(found.url)
        if row and site:
            self._add_alias(row[0], HistoricalRedirect(found.url, found.at, found.at), site, tally)

    def _store_gone(self, found: ForeignCapture, source: ImportSource, tally: ImportCounts) -> None:
        store_gone(self.db, found.url, found.status, found.at, source.import_id)
        row = self.db.execute("select id from articles where urlkey = ?", [urlkey(found.url)]).fetchone()
        if row:
            self._mark_if_gone(row[0], source, tally)

    def _store_revisit(self, found: ForeignCapture, source: ImportSource, tally: ImportCounts, *, keep: bool) -> bool:
        """Stores a revisit record, which shows that a post was seen again with the same payload. Returns False if the
        payload is not in the archive. In this case, if `keep` is True, the record is kept until the payload is
        imported.
        """
        db = self.db
        original = import_rows.capture_of_revisit(db, found)
        if original is None and not self._is_known_page(found):
            if keep and source.import_id is not None:
                import_rows.store_unresolved_revisit(db, found, source.import_id)
            return False
        tally.revisits += 1
        if original is not None:
            self._enter_revisit(found, original, source, tally)
        return True

    def _is_known_page(self, found: ForeignCapture) -> bool:
        """Returns True if the archive has recorded that the payload of a revisit record is not a post."""
        urls = (found.refers_url or found.url, found.url)
        return any(import_rows.kind_read(self.db, url, found.digest) for url in urls)

    def _enter_revisit(
        self,
        found: ForeignCapture,
        original: dict[str, Any],
        source: ImportSource,
        tally: ImportCounts,
        *,
        is_seen: bool = True,
    ) -> None:
        """Records that a post was seen again at the time of a revisit record, in the revision that `original`, the
        earlier capture, shows. A revisit record of another page is only copied, if all captures are imported; so is
        each one if `is_seen` is False, because its status says that the post was not there.
        """
        db, digest = self.db, original["digest"]
        if import_rows.known_capture(db, found.url, found.at, digest):
            return
        shown = import_rows.find_article_of_capture(db, original) if is_seen else None
        row = next(iter(db.query("select * from articles where id = ?", [shown])), None)
        original_at = moment(original["captured_at"]) or found.at
        article = article_at_time(db, row, original_at) if row else None
        site = self._site_for(found.url, tally) if article else None
        if site is None and not source.all_captures:
            return
        answer = found.answer
        exchange = Exchange(
            url=found.url,
            at=found.at,
            method="GET",
            request_headers=(),
            status=found.status,
            reason=answer.reason if answer else "",
            protocol="HTTP/1.1",
            response_headers=answer.headers if answer else (),
            body=b"",
        )
        capture_id = self._append_records(
            exchange, found, source, Original(original["url"], original_at, digest), tally
        )
        if row is not None and article is not None and site is not None:
            reading = HistoricalArticle(
                replace(article, url=found.url), found.at, capture_id, digest, row["extractor"] or ""
            )
            self._store_reading(site, reading, "revisit", source, ImportCounts())

    def resolve(self, source: ImportSource, tally: ImportCounts, *, more: bool = False) -> list[Problem]:
        """Tries again to store the revisit records whose payload was not in the archive when they were read. Returns a
        problem for each record of this import whose payload is still missing, unless `more` files of the same run may
        contain it.
        """
        problems = []
        for row, found in import_rows.resolvable_revisits(self.db, source.import_id or 0):
            own = row["import_id"] == source.import_id
            if self._store_revisit(
                found,
                source if own else replace(source, import_id=row["import_id"]),
                tally if own else ImportCounts(),
                keep=False,
            ):
                import_rows.delete_revisit(self.db, row)
            elif own and not more:
                tally.damaged += 1
                problems.append(Problem(ProblemKind.REVISIT, found.place, found.url, found.digest or found.refers_url))
        return problems

    def _write_response(
        self, exchange: Exchange, found: ForeignCapture, source: ImportSource, tally: ImportCounts
    ) -> int:
        """Writes a response to the archive's WARC file, as a revisit record if its payload is already in the archive,
        unless its file is this program's own. Returns the ID of its capture.
        """
        is_short = bool(exchange.body) and not source.is_own
        row = import_rows.capture_with_payload(self.db, exchange.digest) if is_short else None
        original = Original(row["url"], moment(row["captured_at"]) or found.at, row["digest"]) if row else None
        return self._append_records(exchange, found, source, original, tally)

    def _append_records(
        self,
        exchange: Exchange,
        found: ForeignCapture,
        source: ImportSource,
        original: Original | None,
        tally: ImportCounts,
    ) -> int:
        was = found.was or (
            "WARC resource"
            if found.made
            else "WARC revisit"
            if (found.is_revisit)
            else "memento"
            if found.source_uri == found.place
            else "WARC response"
        )
        notes = "; ".join(f"{kind}: {detail}" for kind, detail in found.odd)
        declared = found.declared if found.declared and found.declared.upper() != exchange.digest.upper() else ""
        origin = ForeignOrigin(
            source.name, found.place, was, found.original_url, declared, notes, found.source_uri, found.fetched_at
        )
        records, capture = copied_records(exchange, origin, original, asked=found.asked)
        capture = self.warc.append(capture, records, self._now)
        tally.captures += 1
        return import_rows.store_capture(self.db, capture, source.import_id)

    def _site_for(self, url: str, tally: ImportCounts) -> SiteScope | None:
        site = self.sites.of(url)
        if site is None and not self._known_sites:
            site = self.sites.make(url, self._now)
            tally.sites += 1
        return site


# The target of an import: an open archive with its WARC file.


class ImportTarget:
    """An archive that is open for an import, with its WARC file. The archive is created if it does not exist.

    `prefix` is the beginning of the names of the WARC files. Only one import per prefix can run at a time. Raises the
    errors of `open_archive`, and ArchiveInUse if another import is running.
    """

    def __init__(self, archive: Path, prefix: str, description: str, now: datetime, *, known_sites: bool) -> None:
        self.archive, self._prefix = archive, prefix
        self.db = open_archive(archive, create=True)
        try:
            self._lock = lock_site(archive, prefix)
        except ArchiverError:
            self.db.close()
            raise
        self.warc = WarcWriter(archive.parent, prefix, f"archiver {__version__}", description)
        self.writer = ImportWriter(self.db, archive.parent, self.warc, now, known_sites=known_sites)
        self._sealed = False

    def repair(self) -> None:
        """Repairs the WARC files of an import that was killed: removes records that have no row in the database, and
        writes the missing indexes.
        """
        ends = import_rows.warc_ends_of_imports(self.db)
        folder = self.archive.parent
        for file in find_unfinished_files(folder / "warc", self._prefix):
            with file.open("r+b") as handle:
                handle.truncate(min(ends.get(f"warc/{file.name}", 0), file.stat().st_size))
            repair_warc(file, self._forget)

    def _forget(self, repaired: RepairedFile) -> None:
        with writing(self.db):
            forget_lost(self.db, repaired.file, repaired.records)

    def enter(
        self,
        results: Iterable[ReadRecord | Problem],
        source: ImportSource,
        tally: ImportCounts,
        problems: list[Problem],
        before: ImportCounts,
        place: tuple[int, int] | None,
    ) -> ImportCounts:
        """Writes a batch within the caller's transaction: its captures, the extracted data, and the position that the
        import has reached (`place`; None for a web archive). Adds to the batch's `tally` and `problems`. Returns the
        sum of the counts `before` and those of the batch.
        """
        for one in results:
            if isinstance(one, Problem):
                tally.mended += one.kept
                tally.damaged += not one.kept
                problems.append(one)
            elif (problem := self.writer.write(one, source, tally)) is not None:
                problems.append(problem)
        total = ImportCounts(**asdict(before))
        total.add(tally)
        assert source.import_id is not None
        import_rows.record_progress(
            self.db, source.import_id, place, total, map(problem_as_json, problems), self.warc.end
        )
        self.warc.sync()
        return total

    def seal(self) -> None:
        """Finishes the WARC file and writes its index, once everything has been written. Raises OSError."""
        self.warc.close()
        self._sealed = True

    def close(self) -> None:
        """Closes the archive and its WARC file. If `seal` was not called, repairs the WARC file first."""
        self.warc.abandon()
        if not self._sealed:
            with suppress(ArchiverError, OSError, sqlite3.Error):
                self.repair()
        self.db.close()
        self._lock.close()


def problem_as_json(problem: Problem) -> dict[str, Any]:
    """Converts a problem to the JSON form in which the table `imports` stores it."""
    return {"kind": problem.kind.value, "offset": problem.offset, "url": problem.url, "detail": problem.detail}
