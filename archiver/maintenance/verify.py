"""Verifies an archive: checks the database, then the articles and the WARC files on all cores; and repairs it.

Checks use read transactions on read-only connections: a crawl can write meanwhile, and what it writes is not checked.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlite_utils import Database

from archiver.maintenance import verify_articles, verify_captures, verify_database
from archiver.maintenance.verify_captures import ExaminedWARC, WARCJob, examine_warc, index_lines, is_written
from archiver.maintenance.verify_database import (
    DERIVED_TABLES,
    FTS,
    VerifyFinding,
    counted_noun,
    migrated_like,
    plain_sql,
    schema_objects,
)
from archiver.storage import page_discoveries
from archiver.storage.article_tables import clusters
from archiver.storage.article_tables.revisions import article_from_row, write_facets
from archiver.storage.connection import environment_error, open_archive, opened, writing
from archiver.warc.writer import seal

# The checks of the database, in the order in which they run.


@dataclass(frozen=True, slots=True)
class Check:
    """`needs`: tables that the check reads. It is skipped if one is missing, which another check reports."""

    name: str
    doc: str
    run: Callable[[Database], Iterator[VerifyFinding]]
    needs: tuple[str, ...] = ()


CHECKS: tuple[Check, ...] = (
    Check("integrity", "SQLite's own check of pages, records and indexes", verify_database.check_integrity),
    Check(
        "schema",
        "tables, columns, indexes, triggers and views against those of a new archive",
        verify_database.check_schema,
    ),
    Check("foreign keys", "rows that point to rows", verify_database.check_foreign_keys),
    Check("values", "column types, required values, times, JSON", verify_database.check_values),
    Check(
        "references",
        "pages, revisions and URLs of articles",
        verify_database.check_references,
        ("articles", "pages", "revisions", "article_urls"),
    ),
    Check(
        "counts",
        "stored page counts by kind and outcome against the pages",
        verify_database.check_page_counts,
        ("pages", "page_counts", "page_discoveries", "sites"),
    ),
    Check(
        "proofs",
        "captures of articles against the URLs of the articles",
        verify_database.check_captures_of_articles,
        ("articles", "captures", "article_urls", "revisions"),
    ),
    Check(
        "tombstones",
        "tombstones against articles",
        verify_database.check_tombstones,
        ("tombstones", "tombstone_urls"),
    ),
    Check(
        "clusters",
        "clusters, near-duplicate links and MinHash signatures against articles",
        verify_database.check_clusters,
        ("articles", "clusters", "near_duplicates", "lsh_bands", "minhash_signatures"),
    ),
    Check(
        "full text",
        "the search index against the articles",
        verify_database.check_full_text,
        ("articles", "articles_fts"),
    ),
)


# Repairs: rebuilding derived data. Evidence is never deleted or changed.


def repair(archive: Path, findings: Iterable[VerifyFinding]) -> list[str]:
    """Makes the repairs that these findings name; returns a phrase for each repair.

    Waits for other programs' transactions. Raises ArchiveLocked, OSError and sqlite3.Error.
    """
    selected = list(findings)
    mends = {finding.mend for finding in selected}
    done: list[str] = []
    with opened(archive) as db, writing(db):
        if "schema" in mends:
            done += _schema(db)
        if "fts" in mends or any("full-text" in one for one in done):
            db.execute("delete from fts_pending")
            db.execute(f"insert into {FTS} ({FTS}) values ('rebuild')")
            done.append("the full-text index was rebuilt")
        if "facets" in mends:
            done += _facets(db, [f.subject for f in selected if f.mend == "facets"])
        if "pages" in mends:
            done += _pages(db)
        if "counts" in mends:
            page_discoveries.recount_pages(db)
            done.append("the pages of each site were recounted")
        if "clusters" in mends:
            _clusters(db)
            done.append("the clusters were rebuilt from their links")
    for finding in selected:
        if finding.mend == "index":
            done += _index(archive.parent, finding.subject)
    return done


def _schema(db: Database) -> list[str]:
    """Recreates missing or changed derived tables, indexes, triggers and views as the migrations make them."""
    done = []
    fresh = migrated_like(db)
    try:
        tables = {*schema_objects(db, "table"), *schema_objects(fresh, "view")}
        for kind in ("table", "index", "view", "trigger"):
            existing, expected = schema_objects(db, kind), schema_objects(fresh, kind)
            for name, (table, sql) in expected.items():
                if name in existing and (kind == "table" or plain_sql(existing[name][1]) == plain_sql(sql)):
                    continue
                if table not in (DERIVED_TABLES if kind == "table" else tables) and kind != "view":
                    continue
                if name in existing:
                    db.execute(f'drop {kind} "{name}"')
                db.execute(sql)
                done.append(
                    f"the {kind} {name} was recreated"
                    + (", and with it the full-text index" if FTS in sql.lower() else "")
                )
    finally:
        fresh.close()
    return done


def _facets(db: Database, subjects: Iterable[str]) -> list[str]:
    done = []
    for subject in subjects:
        for row in list(db.query("select * from articles where id = ?", [int(subject.rpartition(" ")[2])])):
            write_facets(db, row["id"], article_from_row(row))
            done.append(f"authors, categories, tags and geo-tags of {subject} were written again")
    return done


def _pages(db: Database) -> list[str]:
    """Links archived pages without an article to the article that has their URL."""
    linked = db.execute(
        "update pages set article_id = d.article_id from article_urls d where d.urlkey = pages.urlkey "
        "and pages.article_id is null and pages.kind = 'post' "
        "and pages.outcome in ('archived', 'unchanged')"
    ).rowcount
    return [f"{counted_noun(linked, 'page')} linked to the articles with their URLs"] if linked else []


def _clusters(db: Database) -> None:
    """Clears invalid memberships, then groups all articles by their near-duplicate links."""
    db.execute(
        "update articles set cluster_id = null where cluster_id is not null "
        "and cluster_id not in (select id from clusters)"
    )
    db.execute(
        "update clusters set size = max(size, 1) where merged_into is null and id in (select cluster_id from articles)"
    )
    clusters.regroup_all(db)


def _index(folder: Path, subject: str) -> list[str]:
    """Rebuilds the index of a WARC file that no crawl is writing. A torn file is left to the next crawl."""
    name = subject.removesuffix(".cdxj").removesuffix(".warc.gz") + ".warc.gz"
    file = folder / name
    if is_written(file):
        return []
    seal(file, index_lines(file, name))
    return [f"the index of {name} was rebuilt"]


# Running the checks.

_SPAWN_AT = 32 << 20
"""Bytes to read from which other processes are worth starting."""
_ARTICLES_A_TASK = 200
T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[str, int, int], None]
"""Called with a name for the current work, the number of items done, and the total."""


@dataclass(slots=True)
class Verified:
    """How much was checked, and the findings."""

    findings: list[VerifyFinding] = field(default_factory=list)
    articles: int = 0
    files: int = 0
    records: int = 0


def verify(
    archive: Path,
    *,
    ids: Sequence[int] | None = None,
    quick: bool = False,
    reread: bool = False,
    progress: Progress = lambda what, done, of: None,
) -> Verified:
    """Verifies an archive. `ids`: only these articles and their captures; `quick`: only the database; `reread`: also
    compares what today's extraction reads from each capture.

    Raises what `open_archive` raises.
    """
    out = Verified()
    files = verify_captures.files_at(archive.parent)
    with opened(archive, read_only=True) as db:
        size = archive.stat().st_size + sum(
            (archive.parent / name).stat().st_size for name in files if (archive.parent / name).exists()
        )
        with _snapshot(db), _pool(size if ids is None else 0) as pool:
            if ids is None:
                out.findings += _database(db, archive, progress)
            numbers = list(ids) if ids is not None else _guarded(archive, lambda: verify_articles.ids_of(db), [])
            out.articles = len(numbers)
            _articles(archive, numbers, reread, pool, out, progress)
            if not quick:
                try:
                    _files(db, archive.parent, files, ids, pool, out, progress)
                except sqlite3.Error as error:
                    out.findings.append(_unreadable(archive, "captures", error))
    return out


def _database(db: Database, archive: Path, progress: Progress) -> list[VerifyFinding]:
    found: list[VerifyFinding] = []
    tables = {*db.table_names(), *db.view_names()}
    for number, check in enumerate(CHECKS):
        progress("the database", number, len(CHECKS))
        if set(check.needs) <= tables:
            try:
                found += check.run(db)
            except sqlite3.Error as error:
                found.append(_unreadable(archive, check.name, error))
    return found


def _unreadable(archive: Path, what: str, error: sqlite3.Error) -> VerifyFinding:
    if isinstance(error, sqlite3.OperationalError) and "no such" in str(error):
        return VerifyFinding(
            "check-impossible",
            what,
            f"The check '{what}' failed: {error}",
            "Another program changed the schema: restore a backup.",
        )
    return VerifyFinding(
        "database-damaged", what, f"The check '{what}' failed: {error}", str(environment_error(error, archive))
    )


def _guarded(archive: Path, read: Callable[[], list[int]], otherwise: list[int]) -> list[int]:
    try:
        return read()
    except sqlite3.Error:
        return otherwise  # an earlier check reports it


def _articles(
    archive: Path, ids: Sequence[int], reread: bool, pool: Executor | None, out: Verified, progress: Progress
) -> None:
    tasks = [(archive, list(ids[at : at + _ARTICLES_A_TASK]), reread) for at in range(0, len(ids), _ARTICLES_A_TASK)]
    for number, found in enumerate(_each(pool, _check_articles, tasks)):
        progress("articles", min((number + 1) * _ARTICLES_A_TASK, len(ids)), len(ids))
        out.findings += found


def _check_articles(task: tuple[Path, list[int], bool]) -> list[VerifyFinding]:
    archive, ids, reread = task
    db = open_archive(archive, read_only=True)
    try:
        with _snapshot(db):
            found = list(verify_articles.check_articles(db, ids))
            return found + (list(verify_articles.check_rereading(db, archive.parent, ids)) if reread else [])
    except sqlite3.Error as error:
        return [_unreadable(archive, f"articles {ids[0]} to {ids[-1]}", error)]
    finally:
        db.close()


def _files(
    db: Database,
    folder: Path,
    files: dict[str, bool],
    ids: Sequence[int] | None,
    pool: Executor | None,
    out: Verified,
    progress: Progress,
) -> None:
    jobs: Iterable[WARCJob] = (
        verify_captures.capture_jobs(db, folder, files)
        if ids is None
        else verify_captures.capture_jobs_of_articles(db, folder, ids)
    )
    examined: list[ExaminedWARC] = []
    for one in _each(pool, examine_warc, jobs):
        examined.append(one)
        out.files += 1
        out.records += one.records
        progress("WARC files", out.files, max(out.files, len(files)) if ids is None else out.files)
    out.findings += verify_captures.findings_in_files(db, examined)
    if ids is None:
        out.findings += verify_captures.foreign_files(db, folder, files)


def _each(pool: Executor | None, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """Yields the results in the order of the tasks. Only a few tasks are submitted at a time, to bound memory."""
    if pool is None:
        yield from map(work, tasks)
        return
    waiting: deque[Future[Any]] = deque()
    for task in tasks:
        waiting.append(pool.submit(work, task))
        if len(waiting) > 2 * (os.cpu_count() or 1):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def _pool(size: int) -> Iterator[Executor | None]:
    if size < _SPAWN_AT or (os.cpu_count() or 1) < 2:
        yield None
        return
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@contextmanager
def _snapshot(db: Database) -> Iterator[None]:
    """Holds a read transaction: all reads in the block see the same state."""
    db.execute("begin")
    db.execute("select count(*) from sqlite_master").fetchone()
    try:
        yield
    finally:
        if db.conn.in_transaction:
            db.rollback()
