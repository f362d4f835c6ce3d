"""Reading stored articles once more, each version from its own capture. Nothing here writes, nothing asks the network.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.errors import UnreadableInput
from archiver.extraction.article import extract_page
from archiver.extraction.page import parse
from archiver.extraction.rules import SiteRules
from archiver.fields import EVIDENCE, LATEST
from archiver.items import Article, Lead, PageKind
from archiver.record.parts import belongs, joined
from archiver.record.rereading import differing, edits, lasting_fields, merged
from archiver.record.validate import validated
from archiver.store.anew.outcome import Outcome, Version, seen
from archiver.store.anew.request import Request
from archiver.store.captured import lead_of, proven
from archiver.store.evidence_form import Entry, packed, unpacked
from archiver.store.evidence_kinds import told
from archiver.store.ledger import moment
from archiver.store.parts import StoredPart, parts_of
from archiver.store.provenance import entries, mixed, readers
from archiver.store.rules import rules_at
from archiver.store.versions import article_from_revision, article_from_row, extractor_of, versions
from archiver.urls import urlkey

_OF_LATER_READINGS = frozenset(LATEST) - {"url"}
"""Fields that are taken from any later capture of a version, for a change of them makes none."""


class Rules:
    """The rules of sites at any time, each set parsed once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._turns: dict[int, list[datetime]] = {}
        self._known: dict[tuple[int, int], SiteRules | None] = {}

    def at(self, site_id: int, at: datetime) -> SiteRules | None:
        if site_id not in self._turns:
            times = self._db.execute("select since from site_rules where site_id = :site union "
                                     "select until from site_rules where site_id = :site", {"site": site_id})
            self._turns[site_id] = sorted(t for (text,) in times if (t := moment(text)) is not None)
        key = site_id, bisect_right(self._turns[site_id], at)
        if key not in self._known:
            self._known[key] = rules_at(self._db, site_id, at)
        return self._known[key]


class Reader:
    """Reads articles of the archive `db` as `version` of this program, at the time `at` (ISO 8601 in UTC); `folder` is
    the archive's own."""

    def __init__(self, db: Database, folder: Path, version: str, at: str, request: Request) -> None:
        self.db, self.version, self.at, self.request = db, version, at, request
        self.fields = frozenset(request.fields or EVIDENCE)
        self._folder = folder
        self._rules = Rules(db)
        self._sites = {row["name"]: row["id"] for row in db.query("select id, name from sites")}

    def read(self, article_id: int) -> Outcome:
        """One article. Never raises for what a capture holds; faults of the database do."""
        row = next(iter(self.db.query("select * from articles where id = ?", [article_id])), None)
        return Outcome(article_id) if row is None else _Article(self, row).outcome()

    def page(self, site: str, capture_id: int, url: str, lead: Lead | None, part_of: str = "") -> Article:
        """A capture as today's extraction reads it, by the rules of its day. Raises UnreadableInput."""
        response, capture = proven(self.db, self._folder, capture_id)
        at = moment(capture["captured_at"])
        assert at is not None
        rules = self._rules.at(self._sites[site], at) if site in self._sites else None
        kind = PageKind.PART if part_of else PageKind.POST

        def read(by: SiteRules | None) -> Article:
            return extract_page(parse(response.body, url, response.content_type, at), lead, kind, part_of=part_of,
                                rules=by)

        article = read(rules)
        if article.read_by and rules is not None and (article.parts or article.part > 1):
            article = read(rules.by_hand())  # all pages of a split post are read alike, as a crawl does
        return validated(article, at)[0]


class _Article:
    """One article while it is read: its row of `articles`, and what came of it so far."""

    def __init__(self, reader: Reader, row: dict[str, Any]) -> None:
        self._reader, self._row = reader, row
        self._unreadable: list[str] = []
        self._left: list[str] = []
        self._texts: list[tuple[str, str]] = []
        self._pages = parts_of(reader.db, row["urlkey"])
        self._lead = lead_of(reader.db, row["url"])

    def outcome(self) -> Outcome:
        rows = list(versions(self._reader.db, "r.article_id = ? order by r.revision", [self._row["id"]]))
        now = self._row["revision"]
        stands = {r["revision"]: article_from_row(self._row) if r["revision"] == now else article_from_revision(r)
                  for r in rows}
        found = [v for r in rows if (v := self._version(self._row if r["revision"] == now else r,
                                                        stands[r["revision"]])) is not None]
        return Outcome(self._row["id"], self._row["url"], seen(self._row), self._with_edits(found, rows, stands),
                       tuple(self._texts), tuple(self._unreadable), tuple(self._left),
                       self._row["capture_id"] is None)

    def _version(self, row: dict[str, Any], stored: Article) -> Version | None:
        """One version; `row` is that of `articles` for the current one, that of `revisions` for any other."""
        capture_id, is_current = row["capture_id"], row is self._row
        if capture_id is None or not self._is_covered(capture_id):
            return None
        reading = self._read(row["revision"], capture_id, stored.url)
        if reading is None:
            return None
        if is_current and self._pages:
            reading = replace(reading, body=self._joined(reading))
        then, own = self._entries(row, stored), (row.get("extractor"), capture_id, row.get("read_at"))
        fresh = self._fresh(then, stored, reading, is_current=is_current)
        later = self._later(then, own, stored, reading, fresh) if is_current else {}
        fresh = [name for name in fresh if name not in later]
        after = merged(stored, reading, fresh)
        reader = extractor_of(self._reader.version, reading)
        whole = self._reader.fields.issuperset(EVIDENCE)
        evidence = mixed(then, reading, [*fresh, "encoding"], own=own if whole else None,
                         other=None if whole else (reader, capture_id, self._reader.at))
        for name, (other, of) in later.items():
            if other is not None:
                after = merged(after, other, [name])
                evidence = mixed(evidence, other, [name],
                                 other=(extractor_of(self._reader.version, other), of, self._reader.at))
        differs = differing(stored, after)
        after = replace(after, post_id=reading.post_id, guid=reading.guid)
        return Version(row["revision"], is_current, capture_id, reader if whole else None, packed(evidence),
                       after if differs else None, stored if differs else None, differs)

    def _fresh(self, then: list[Entry], stored: Article, reading: Article, *, is_current: bool) -> list[str]:
        """The fields that are taken from the new reading of a capture."""
        kept = lasting_fields(stored, then, reading, entries(reading), is_past=not is_current)
        if self._pages and not is_current:
            kept |= {"body", "credits"}  # which captures its further pages had is not known any more
        return [name for name in EVIDENCE if name in self._reader.fields and name not in kept]

    def _is_covered(self, capture_id: int) -> bool:
        row = self._reader.db.execute("select captured_at from captures where id = ?", [capture_id]).fetchone()
        return row is None or self._reader.request.covers(row[0])

    def _read(self, number: int, capture_id: int, url: str) -> Article | None:
        try:
            reading = self._reader.page(self._row["site"], capture_id, url, self._lead)
        except UnreadableInput as error:
            self._unreadable.append(f"article {self._row['id']}, version {number}: {error}")
            return None
        if reading.kind is not PageKind.POST:
            self._left.append(f"article {self._row['id']}, version {number}: its capture is read as no post "
                              f"({reading.kind}: {reading.kind_rule})")
            return None
        return reading

    def _entries(self, row: dict[str, Any], stored: Article) -> list[Entry]:
        """The stored evidence; where none is stored, the stored values without a source."""
        found = told(self._reader.db, row) if row is self._row else unpacked(row.get("evidence"))
        return found or entries(replace(stored, evidence=()))

    def _later(self, then: list[Entry], own: tuple[Any, ...], stored: Article, reading: Article, fresh: list[str]
               ) -> dict[str, tuple[Article | None, int]]:
        """The fields that a later capture of the same version told: that capture read anew, and its number; None
        where the stored value stays."""
        out: dict[str, tuple[Article | None, int]] = {}
        by = readers(then, own)
        for name in set(fresh) & _OF_LATER_READINGS:
            number = by.get(name, own)[1]
            if number not in (None, own[1]):
                out[name] = self._read(self._row["revision"], number, self._row["url"]), number
        return out

    def _joined(self, reading: Article) -> str:
        """The text of a split post of today's readings of its pages; of one that cannot be read the text it had."""
        texts: dict[int, str] = {}
        for part in self._pages:
            text = reading.body if part.number == 1 else self._part(part, reading)
            if text is None:
                continue
            texts[part.number] = text
            if text != part.text:
                self._texts.append((urlkey(part.url), text))
        return texts[0] if 0 in texts else joined([texts[n] for n in sorted(texts)])

    def _part(self, part: StoredPart, first: Article) -> str | None:
        row = self._reader.db.execute("select capture_id from pages where urlkey = ?", [urlkey(part.url)]).fetchone()
        if part.text is None or row is None or row[0] is None:
            return part.text
        try:
            lead = lead_of(self._reader.db, part.url)
            shown = self._reader.page(self._row["site"], row[0], part.url, lead, self._row["url"])
        except UnreadableInput as error:
            self._unreadable.append(f"article {self._row['id']}, page {part.number}: {error}")
            return part.text
        return shown.body if shown.body and belongs(first, shown) else part.text

    def _with_edits(self, found: list[Version], rows: list[dict[str, Any]], stands: dict[int, Article]
                    ) -> tuple[Version, ...]:
        """The versions with what their edits changed in today's words, where both sides of an edit were read anew."""
        if not any(version.differs for version in found):
            return tuple(found)
        read = {v.revision: v.article or stands[v.revision] for v in found}
        said = {r["revision"]: (r.get("previous") or r["revision"] - 1, tuple(json.loads(r["changed"] or "[]")))
                for r in rows}
        out = []
        for version in found:
            before, was = said[version.revision]
            if before in read and version.revision > 1:
                is_now = edits(read[before], read[version.revision], was, self._reader.fields)
                version = replace(version, changed=is_now if is_now != was else None)
            out.append(version)
        return tuple(out)
