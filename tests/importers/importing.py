"""Runs an import in this process, and returns the state of an archive as a value for comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from archiver.importers.import_inputs import RecordFilter
from archiver.importers.import_run import FileResult, ImportRun
from archiver.storage.database import open_archive

ALL = RecordFilter()


def run(archive: Path, *words: str | Path, choice: RecordFilter = ALL, **more: Any) -> list[FileResult]:
    one = ImportRun(archive, choice, **more)
    try:
        return one.run([str(w) for w in words])
    finally:
        one.close()


def rows(archive: Path, query: str, *values: Any) -> list[tuple[Any, ...]]:
    db = open_archive(archive, read_only=True)
    try:
        return db.execute(query, list(values)).fetchall()
    finally:
        db.close()


def state(archive: Path) -> dict[str, Any]:
    """Return the content of an archive without row numbers and file offsets, so that equal archives have equal
    states."""
    capture = "(select c.captured_at || ' ' || c.digest from captures c where c.id = {}.capture_id)"
    articles = rows(
        archive,
        "select id, urlkey, url, site, title, body, authors, published, categories, tags, revision, "
        f"first_seen, last_seen, gone_at, meaning_digest, {capture.format('a')} from articles a",
    )
    revisions = rows(
        archive,
        "select r.article_id, r.revision, r.observed_at, r.changed, meaning_digest, "
        "json_array(v.url, v.title, v.body, v.authors, v.published, v.modified), r.previous, r.same_as, r.seen_again, "
        f"{capture.format('r')} from revisions r join article_revisions v using (id) order by 1, 2",
    )
    out: dict[str, Any] = {
        row[1]: [
            *row[2:],
            [r[1:] for r in revisions if r[0] == row[0]],
            rows(archive, "select urlkey, kind, first_seen from article_urls where article_id = ? order by 1", row[0]),
        ]
        for row in articles
    }
    out["captures"] = sorted(rows(archive, "select url, captured_at, digest, status from captures"))
    out["pages"] = sorted(rows(archive, "select urlkey, kind, outcome, status, fetched_at, found_at from pages"))
    out["sites"] = sorted(rows(archive, "select name from sites"))
    out["facets"] = sorted(
        rows(
            archive,
            "select a.urlkey, n.name from article_authors l join articles a on "
            "a.id = l.article_id join authors n on n.id = l.author_id",
        )
    )
    return out


def kinds(results: Sequence[FileResult]) -> dict[str, int]:
    out: dict[str, int] = {}
    for result in results:
        for kind, number in result.kinds.items():
            out[kind] = out.get(kind, 0) + number
    return out
