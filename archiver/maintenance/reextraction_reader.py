"""Extracts stored articles again with today's program, each revision from its own capture. This module only reads the
archive; `reextraction_run` writes the results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archiver.articles.revision_order import (
    differing_fields,
    edits_after_reextraction,
    kept_fields,
    lost_page_object_values,
    merge_extracted_fields,
    source_only_fields,
    with_page_object_values,
)
from archiver.maintenance.capture_reader import CaptureReader
from archiver.maintenance.reextraction_request import ReextractionRequest
from archiver.model.errors import UnreadableInput
from archiver.model.fields import EVIDENCE, LATEST
from archiver.model.items import Article, MarkedText, PageKind, SourceHint
from archiver.model.urls import urlkey
from archiver.storage import Database
from archiver.storage.articles import (
    StoredPart,
    article_from_revision,
    article_from_row,
    entries,
    extractor_of,
    is_further_part,
    join_stored_parts,
    mark_kept,
    marked_body,
    merge_evidence,
    parts_of,
    revision_rows,
    with_body,
)
from archiver.storage.field_evidence import Entry, decode_evidence, kept_values, pack_evidence, readers, unpack_evidence

# Results, which the reading processes send to the writing process.

SEEN = ("revision", "meaning_digest", "capture_id", "extractor", "read_at", *LATEST)
"""Columns of an article that change when a crawl writes the article. They are compared to find out whether an article
was written during its re-extraction."""


def seen_values(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in SEEN)


@dataclass(frozen=True, slots=True)
class ReextractedRevision:
    """The result of extracting one revision again.

    - `article`, `before`: the new and the stored values; `article` is None if they are equal.
    - `differs`: the names of the fields whose values differ.
    - `evidence`, `extractor`: the values to store with the revision. If `extractor` is None, the stored one is kept,
      because only some fields were extracted.
    - `changed`: the new value of the revision's `changed`, the fields that differ from the revision before; None if the
      stored value is kept.
    """

    revision: int
    is_current: bool
    capture_id: int
    extractor: str | None
    evidence: str | None
    article: Article | None = None
    before: Article | None = None
    differs: tuple[str, ...] = ()
    changed: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ReextractedArticle:
    """The result of extracting all revisions of an article again.

    - `seen`: the values of the article's columns SEEN at the time when it was read.
    - `parts`: the urlkey and the new text of each part whose text differs, for a post of several parts.
    - `unreadable`: a message for each capture that could not be read.
    - `left`: a message for each revision that was left unchanged because today's extraction does not take its capture
      for a post.
    - `kept`: a message for each stored value that is kept because a page object had returned it and cannot return it
      now.
    """

    article_id: int
    url: str = ""
    seen: tuple[Any, ...] = ()
    versions: tuple[ReextractedRevision, ...] = ()
    parts: tuple[tuple[str, MarkedText], ...] = ()
    unreadable: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    without_capture: bool = False

    @property
    def differs(self) -> bool:
        return any(version.differs for version in self.versions)


# Reading.

_FROM_LATER_CAPTURES = frozenset(LATEST) - {"url"}
"""Fields whose stored value may come from a later capture than the other values of the revision, because a change of
such a field makes no new revision."""


class ReextractionReader:
    """Extracts articles of the archive `db` again, without writing to it.

    `folder` is the archive's folder, `version` the version of this program, `at` the time of the re-extraction (ISO
    8601 in UTC). If `late` is given, it maps capture IDs to late hints: only these captures are extracted, with these
    hints.
    """

    def __init__(
        self,
        db: Database,
        folder: Path,
        version: str,
        at: str,
        request: ReextractionRequest,
        *,
        late: Mapping[int, SourceHint] | None = None,
    ) -> None:
        self.db, self.version, self.at, self.request = db, version, at, request
        self.late = late or {}
        self.fields = frozenset(request.fields or EVIDENCE)
        self.captures = CaptureReader(db, folder, self.late)

    def read(self, article_id: int) -> ReextractedArticle:
        """Extracts all selected revisions of an article. Captures that cannot be read are reported in the result;
        database errors are raised.
        """
        row = next(iter(self.db.query("select * from articles where id = ?", [article_id])), None)
        return ReextractedArticle(article_id) if row is None else _Article(self, row).outcome()


class _Article:
    """The re-extraction of one article: its row of `articles`, and the results so far."""

    def __init__(self, reader: ReextractionReader, row: dict[str, Any]) -> None:
        self._reader, self._row = reader, row
        self._unreadable: list[str] = []
        self._left: list[str] = []
        self._kept: list[str] = []
        self._texts: list[tuple[str, MarkedText]] = []
        self._pages = parts_of(reader.db, row["urlkey"])

    def outcome(self) -> ReextractedArticle:
        rows = list(revision_rows(self._reader.db, "r.article_id = ? order by r.revision", [self._row["id"]]))
        now = self._row["revision"]
        stored = {
            r["revision"]: article_from_row(self._row) if r["revision"] == now else article_from_revision(r)
            for r in rows
        }
        found = [
            v
            for r in rows
            if (v := self._reextract_revision(self._row if r["revision"] == now else r, stored[r["revision"]]))
            is not None
        ]
        return ReextractedArticle(
            self._row["id"],
            self._row["url"],
            seen_values(self._row),
            self._with_edits(found, rows, stored),
            tuple(self._texts),
            tuple(self._unreadable),
            tuple(self._left),
            tuple(self._kept),
            self._row["capture_id"] is None,
        )

    def _reextract_revision(self, row: dict[str, Any], stored: Article) -> ReextractedRevision | None:
        """Extracts one revision again from its capture. Returns None if it has no capture, or if the capture is not
        selected or cannot be read. `row` is a row of `articles` for the current revision, and of `revisions` for any
        other; `stored` contains the revision's stored values.
        """
        capture_id, is_current = row["capture_id"], row is self._row
        if capture_id is None or not self._is_covered(capture_id):
            return None
        reading = self._read(row["revision"], capture_id, stored.url)
        if reading is None:
            return None
        if is_current and self._pages:
            reading = with_body(reading, self._join_parts(reading))
        then, own = self._stored_evidence(row, stored), (row.get("extractor"), capture_id, row.get("read_at"))
        reading = self._with_page_object_values(row, then, stored, reading)
        fresh = self._fields_to_update(then, stored, reading, capture_id, is_current=is_current)
        later = self._fields_from_later_captures(then, own, stored, reading, fresh) if is_current else {}
        fresh = [name for name in fresh if name not in later]
        after = merge_extracted_fields(stored, reading, fresh)
        reader = extractor_of(self._reader.version, reading)
        whole = self._reader.fields.issuperset(EVIDENCE)
        evidence = merge_evidence(
            then,
            reading,
            [*fresh, "encoding"],
            own=own if whole else None,
            other=None if whole else (reader, capture_id, self._reader.at),
        )
        for name, (other, of) in later.items():
            if other is not None:
                after = merge_extracted_fields(after, other, [name])
                evidence = merge_evidence(
                    evidence, other, [name], other=(extractor_of(self._reader.version, other), of, self._reader.at)
                )
        evidence = mark_kept(evidence, kept_values(reading), self._reader.fields)
        differs = differing_fields(stored, after)
        after = replace(after, post_id=reading.post_id, guid=reading.guid)
        return ReextractedRevision(
            row["revision"],
            is_current,
            capture_id,
            reader if whole else None,
            pack_evidence(evidence),
            after if differs else None,
            stored if differs else None,
            differs,
        )

    def _with_page_object_values(
        self, row: dict[str, Any], then: list[Entry], stored: Article, reading: Article
    ) -> Article:
        """Returns the new extraction (`reading`) with the stored value of each field that a page object returned
        earlier and cannot return now. `row` is the row of the revision, `then` its stored evidence, and `stored` its
        stored values.
        """
        marks = lost_page_object_values(then, reading, only_failed=self._reader.request.forget_page_objects)
        marks = tuple(one for one in marks if one.field in self._reader.fields)
        if any(one.field == "body" for one in marks):
            self._texts.clear()  # the body is kept, so the stored texts of its parts are kept, too
        self._kept += [
            f"article {self._row['id']}, revision {row['revision']}, {one.field}: {one.locator}" for one in marks
        ]
        return with_page_object_values(stored, then, reading, row.get("extractor") or "", marks)

    def _fields_to_update(
        self, then: list[Entry], stored: Article, reading: Article, capture_id: int, *, is_current: bool
    ) -> list[str]:
        """Returns the names of the fields of a revision whose stored values (`stored`) are replaced by those of the new
        extraction (`reading`) from the capture `capture_id`. `then` is the stored evidence, and `is_current` is True
        for the current revision.
        """
        kept = kept_fields(stored, then, reading, with_hint=self._has_hint(capture_id))
        if self._pages and not is_current:
            kept |= {"body", "credits"}  # the captures of the post's further parts are unknown
        kept |= {one.field for one in kept_values(reading)}
        return [name for name in EVIDENCE if name in self._reader.fields and name not in kept]

    def _has_hint(self, capture_id: int) -> bool:
        if capture_id in self._reader.late:
            return True
        row = self._reader.db.execute("select hint_id from captures where id = ?", [capture_id]).fetchone()
        return row is not None and row[0] is not None

    def _is_covered(self, capture_id: int) -> bool:
        if self._reader.late:
            return capture_id in self._reader.late
        row = self._reader.db.execute("select captured_at from captures where id = ?", [capture_id]).fetchone()
        return row is None or self._reader.request.covers(row[0])

    def _read(self, number: int, capture_id: int, url: str) -> Article | None:
        try:
            reading = self._reader.captures.page(self._row["site"], capture_id, url)
        except UnreadableInput as error:
            self._unreadable.append(f"article {self._row['id']}, revision {number}: {error}")
            return None
        if reading.kind is not PageKind.POST:
            self._left.append(
                f"article {self._row['id']}, revision {number}: its capture is not read as a post "
                f"({reading.kind}: {reading.kind_rule})"
            )
            return None
        return reading

    def _stored_evidence(self, row: dict[str, Any], stored: Article) -> list[Entry]:
        """Returns the stored evidence of a revision; if there is none, returns the stored values as evidence without a
        source.
        """
        found = decode_evidence(self._reader.db, row) if row is self._row else unpack_evidence(row.get("evidence"))
        return found or entries(replace(stored, evidence=()))

    def _fields_from_later_captures(
        self, then: list[Entry], own: tuple[Any, ...], stored: Article, reading: Article, fresh: list[str]
    ) -> dict[str, tuple[Article | None, int]]:
        """Returns those of the fields `fresh` whose stored value came from a later capture of the same revision. Each
        is mapped to the new extraction of that capture, and the capture's ID. `then` is the stored evidence, and `own`
        the extractor and the capture of the revision itself.

        The extraction is None if the stored value must stay, because the capture cannot be read, or because the value
        came from a source hint that is now unknown.
        """
        out: dict[str, tuple[Article | None, int]] = {}
        sources = readers(then, own)
        from_source = source_only_fields(then)
        for name in set(fresh) & _FROM_LATER_CAPTURES:
            number = sources.get(name, own)[1]
            if number in (None, own[1]):
                continue
            is_lost = name in from_source and not self._has_hint(number)
            out[name] = None if is_lost else self._read(self._row["revision"], number, self._row["url"]), number
        return out

    def _join_parts(self, reading: Article) -> MarkedText:
        """Returns the body of a post of several parts, joined from the new texts of its parts. A part that cannot be
        read keeps its stored text.
        """
        texts: dict[int, MarkedText] = {}
        for part in self._pages:
            text = marked_body(reading) if part.number == 1 else self._read_part(part, reading)
            if text is None:
                continue
            texts[part.number] = text
            if text != MarkedText(part.text or "", part.markup):
                self._texts.append((urlkey(part.url), text))
        return join_stored_parts(texts)

    def _read_part(self, part: StoredPart, first: Article) -> MarkedText | None:
        known = None if part.text is None else MarkedText(part.text, part.markup)
        row = self._reader.db.execute("select capture_id from pages where urlkey = ?", [urlkey(part.url)]).fetchone()
        if known is None or row is None or row[0] is None:
            return known
        try:
            reading = self._reader.captures.page(self._row["site"], row[0], part.url, self._row["url"])
        except UnreadableInput as error:
            self._unreadable.append(f"article {self._row['id']}, part {part.number}: {error}")
            return known
        return marked_body(reading) if reading.body and is_further_part(first, reading) else known

    def _with_edits(
        self, found: list[ReextractedRevision], rows: list[dict[str, Any]], stored: dict[int, Article]
    ) -> tuple[ReextractedRevision, ...]:
        """Returns the revisions with their new `changed`, the fields that differ from the revision before. It is
        computed again if both revisions were extracted again. `rows` are the stored rows of the revisions, and `stored`
        their stored values by number.
        """
        if not any(version.differs for version in found):
            return tuple(found)
        read = {v.revision: v.article or stored[v.revision] for v in found}
        edits = {
            r["revision"]: (r.get("previous") or r["revision"] - 1, tuple(json.loads(r["changed"] or "[]")))
            for r in rows
        }
        out = []
        for version in found:
            before, was = edits[version.revision]
            if before in read and version.revision > 1:
                is_now = edits_after_reextraction(read[before], read[version.revision], was, self._reader.fields)
                version = replace(version, changed=is_now if is_now != was else None)
            out.append(version)
        return tuple(out)
