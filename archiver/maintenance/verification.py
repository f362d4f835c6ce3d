"""Verifies an archive: checks the database, then the articles and WARC files on all cores. Also repairs derived data.

The checks use read transactions on read-only connections. A crawl can write at the same time; what it writes after the
start of a check is not checked.

Articles are checked against their digests, revisions, and stored authors, categories, tags and places.
"""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import sqlite3
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from archiver.articles.article_comparison import content_digest, meaning_digest
from archiver.maintenance import verify_captures, verify_database
from archiver.maintenance.database_damage import find_database_damage
from archiver.maintenance.verify_captures import ExaminedWARC, WARCJob, examine_warc, make_index_lines
from archiver.maintenance.verify_database import (
    VerifyFinding,
    check_rows,
    counted_noun,
    migrated_like,
    normalize_sql,
    read_schema_objects,
)
from archiver.model.fields import LATEST, LINKS, PAGE_FIELDS
from archiver.model.items import Article
from archiver.model.urls import urlkey_or_empty
from archiver.storage import Database, clusters, pages
from archiver.storage.articles import article_from_revision, article_from_row, revision_rows, write_facets
from archiver.storage.database import open_archive, opened
from archiver.storage.full_text import FTS
from archiver.storage.transactions import environment_error, path_of, read_transaction, writing
from archiver.warc.warc_writer import seal

_COMPARE = "Compare it with 'archiver show {0} --revision {1}' and its capture, and restore the original values."
_REPAIR = "Run 'archiver verify --repair': it rebuilds them from the article."
Row = dict[str, Any]


def check_articles(db: Database, ids: Sequence[int]) -> Iterator[VerifyFinding]:
    """Yields a finding for each of these articles whose text, revision numbers, or stored authors, categories, tags or
    places are inconsistent. Runs inside the caller's read transaction.
    """
    marks = ",".join("?" * len(ids))
    kept: dict[int, list[Row]] = defaultdict(list)
    for row in revision_rows(db, f"r.article_id in ({marks}) order by r.article_id, r.revision", ids):
        kept[row["article_id"]].append(row)
    facets = _read_facets(db, ids, marks)
    for row in db.query(f"select * from articles where id in ({marks}) order by id", ids):
        own = kept[row["id"]]
        try:
            article = article_from_row(row)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # `check_values` reports the invalid column
        yield from _check_text(row, article, own)
        yield from _check_revision_numbers(row, own)
        yield from _check_facets(row, article, facets)


def _check_text(row: Row, article: Article, versions: list[Row]) -> Iterator[VerifyFinding]:
    """Yields a finding if the article's stored text or fields were altered, and one for each altered revision. `row` is
    the article's row of `articles`, and `versions` are its rows of `revisions`.
    """
    differing = []
    if (content_digest(article.body) or None) != row["content_digest"]:
        differing.append("its text does not match its digest (content_digest)")
    if row["meaning_digest"] != meaning_digest(article):
        differing.append("its fields do not match their digest (meaning_digest)")
    if urlkey_or_empty(article.url) != row["urlkey"]:
        differing.append("its URL does not match its urlkey")
    current = next((v for v in versions if v["revision"] == row["revision"]), None)
    if current is not None and (names := _differing_fields(article, _revision_or_none(current))):
        differing.append(f"its current revision, {row['revision']}, differs from it in {', '.join(names)}")
    if differing:
        yield VerifyFinding(
            "article-altered",
            f"article {row['id']}",
            f"Article {row['id']} ({row['url']}) was changed by another program: {'; '.join(differing)}",
            _COMPARE.format(row["id"], row["revision"]),
        )
    for version in versions:
        revision = _revision_or_none(version)
        if revision is not None and version["meaning_digest"] != meaning_digest(revision):
            yield VerifyFinding(
                "version-altered",
                f"article {row['id']} version {version['revision']}",
                f"Revision {version['revision']} of article {row['id']} was changed by another program: its "
                "fields do not match their digest",
                "Restore the row of 'revisions' from a backup.",
            )


def _differing_fields(article: Article, version: Article | None) -> list[str]:
    """Returns the names of the fields that differ between an article and its current revision (`version`), except
    fields that may change without a new revision. Returns [] if `version` is None, because the revision cannot be read.
    """
    return (
        []
        if version is None
        else [name for name in PAGE_FIELDS if name not in LATEST and getattr(article, name) != getattr(version, name)]
    )


def _revision_or_none(row: Row) -> Article | None:
    try:
        return article_from_revision(row)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # another check reports the invalid JSON


def _check_revision_numbers(row: Row, versions: list[Row]) -> Iterator[VerifyFinding]:
    numbers = [version["revision"] for version in versions]
    last = max([row["revision"], *numbers])
    if numbers and (missing := sorted(set(range(1, last + 1)) - set(numbers))):
        yield VerifyFinding(
            "versions-missing",
            f"article {row['id']}",
            f"Article {row['id']} has {last} revisions, but these are missing: {', '.join(map(str, missing))}",
            "Restore the rows of 'revisions' from a backup.",
        )


def _read_facets(db: Database, ids: Sequence[int], marks: str) -> dict[str, dict[int, list[Any]]]:
    out: dict[str, dict[int, list[Any]]] = {}
    for link in LINKS:
        found = out[link.table] = defaultdict(list)
        for article_id, name in db.execute(
            f"select l.article_id, t.name from {link.table_of_links} l left join {link.table} t "
            f"on t.id = l.{link.key} where l.article_id in ({marks}) order by l.article_id, l.position",
            ids,
        ):
            found[article_id].append(name)
    out["geotags"] = defaultdict(list)
    for row in db.query(f"select * from geotags where article_id in ({marks})", ids):
        out["geotags"][row["article_id"]].append(row)
    return out


def _check_facets(row: Row, article: Article, facets: dict[str, dict[int, list[Any]]]) -> Iterator[VerifyFinding]:
    differing = [
        link.table
        for link in LINKS
        if facets[link.table][row["id"]] != list(dict.fromkeys(getattr(article, link.table)))
    ]
    tags = [asdict(tag) for tag in article.geotags]
    stored = facets["geotags"][row["id"]]
    if Counter(_comparable_geotag(tag) for tag in tags) != Counter(_comparable_geotag(tag) for tag in stored):
        differing.append("geotags")
    if differing:
        yield VerifyFinding(
            "facets-differ",
            f"article {row['id']}",
            f"The tables of {', '.join(differing)} differ from article {row['id']}",
            _REPAIR,
            "facets",
        )


def _comparable_geotag(tag: Row) -> tuple[Any, ...]:
    return tuple(tag.get(name) for name in ("latitude", "longitude", "placename", "region", "role", "source"))


def ids_of(db: Database) -> list[int]:
    return [row[0] for row in db.execute("select id from articles order by id")]


# The checks of the database, in the order in which they run.


@dataclass(frozen=True, slots=True)
class Check:
    """A check of the database that `archiver verify` runs. `needs` are the tables that the check reads. If one of them
    is missing, the check is skipped, because another check reports the missing table.
    """

    name: str
    run: Callable[[Database], Iterator[VerifyFinding]]
    needs: tuple[str, ...] = ()


CHECKS: tuple[Check, ...] = (
    Check("integrity", verify_database.check_integrity),
    Check("schema", verify_database.check_schema),
    Check("foreign keys", verify_database.check_foreign_keys),
    Check("values", verify_database.check_values),
    Check(
        "references",
        partial(check_rows, verify_database.REFERENCES),
        ("articles", "pages", "revisions", "article_urls"),
    ),
    Check("counts", verify_database.check_page_counts, ("pages", "page_counts", "page_discoveries", "sites")),
    Check(
        "proofs",
        partial(check_rows, verify_database.CAPTURES_OF_ARTICLES),
        ("articles", "captures", "article_urls", "revisions"),
    ),
    Check("originals", verify_captures.find_lost_originals, ("captures", "tombstones")),
    Check("tombstones", partial(check_rows, verify_database.TOMBSTONES), ("tombstones", "tombstone_urls")),
    Check(
        "clusters",
        partial(check_rows, verify_database.CLUSTERS),
        ("articles", "clusters", "near_duplicates", "lsh_bands", "minhash_signatures"),
    ),
)


# Repairs: rebuilding derived data. Evidence is never deleted or changed.


def repair(archive: Path, findings: Iterable[VerifyFinding]) -> list[str]:
    """Makes the repairs that these findings ask for (`VerifyFinding.mend`). Returns a phrase for each repair that was
    made.

    Waits for the end of other programs' transactions. Raises ArchiveLocked, OSError and sqlite3.Error.
    """
    selected = list(findings)
    mends = {finding.mend for finding in selected}
    done = rebuild_damaged(archive) if "damaged" in mends else []
    with opened(archive) as db, writing(db):
        if "schema" in mends:
            done += _repair_schema(db)
        if "facets" in mends:
            done += _repair_facets(db, [f.subject for f in selected if f.mend == "facets"])
        if "pages" in mends:
            done += _link_pages(db)
        if "counts" in mends:
            pages.recount_pages(db)
            done.append("the pages of each site were recounted")
        if "clusters" in mends:
            _rebuild_clusters(db)
            done.append("the clusters were rebuilt from their links")
    for finding in selected:
        if finding.mend == "index":
            done += _rebuild_index(archive.parent, finding.subject)
    return done


def _repair_schema(db: Database) -> list[str]:
    """Recreates missing or changed indexes, triggers and views as the migrations define them. Returns a phrase for
    each.
    """
    done = []
    fresh = migrated_like(db)
    try:
        tables = {*read_schema_objects(db, "table"), *read_schema_objects(fresh, "view")}
        for kind in ("index", "view", "trigger"):
            existing, expected = read_schema_objects(db, kind), read_schema_objects(fresh, kind)
            for name, (table, sql) in expected.items():
                if name in existing and normalize_sql(existing[name][1]) == normalize_sql(sql):
                    continue
                if table not in tables and kind != "view":
                    continue
                if name in existing:
                    db.execute(f'drop {kind} "{name}"')
                db.execute(sql)
                done.append(f"the {kind} {name} was recreated")
    finally:
        fresh.close()
    return done


def _repair_facets(db: Database, subjects: Iterable[str]) -> list[str]:
    done = []
    for subject in subjects:
        for row in list(db.query("select * from articles where id = ?", [int(subject.rpartition(" ")[2])])):
            write_facets(db, row["id"], article_from_row(row))
            done.append(f"authors, categories, tags and geo-tags of {subject} were written again")
    return done


def _link_pages(db: Database) -> list[str]:
    """Finds pages that are marked as archived but are not linked to an article, and links each to the article with the
    same URL. Returns a phrase with their number.
    """
    linked = db.execute(
        "update pages set article_id = d.article_id from article_urls d where d.urlkey = pages.urlkey "
        "and pages.article_id is null and pages.kind = 'post' "
        "and pages.outcome in ('archived', 'unchanged')"
    ).rowcount
    return [f"{counted_noun(linked, 'page')} linked to the articles with their URLs"] if linked else []


def _rebuild_clusters(db: Database) -> None:
    """Rebuilds the clusters of all articles from their near-duplicate links. References to missing clusters are deleted
    first.
    """
    db.execute(
        "update articles set cluster_id = null where cluster_id is not null "
        "and cluster_id not in (select id from clusters)"
    )
    db.execute(
        "update clusters set size = max(size, 1) where merged_into is null and id in (select cluster_id from articles)"
    )
    clusters.regroup_all(db)


def _rebuild_index(folder: Path, subject: str) -> list[str]:
    """Rebuilds the CDXJ index of the WARC file that a finding names (`subject`), unless a crawl is writing the file.
    Returns what was repaired, as a phrase. An incomplete file is left for the next crawl to repair.
    """
    name = subject.removesuffix(".cdxj").removesuffix(".warc.gz") + ".warc.gz"
    file = folder / name
    with file.open("rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return []
        seal(file, make_index_lines(file, name))
    return [f"the index of {name} was rebuilt"]


# Running the checks.

_SPAWN_AT = 32 << 20
"""Other processes are started only if at least this many bytes are to be read."""
_ARTICLES_A_TASK = 200
T = TypeVar("T")
R = TypeVar("R")
Progress = Callable[[str, int, int], None]
"""A function that is called with a name for the current work, the number of items done, and the total."""


@dataclass(slots=True)
class VerifyResult:
    """The result of a verification: the findings, and how many articles, WARC files and records were checked.
    `is_cut_short` is True if the database is damaged, so that its rows were not checked.
    """

    findings: list[VerifyFinding] = field(default_factory=list)
    articles: int = 0
    files: int = 0
    records: int = 0
    is_cut_short: bool = False


def verify(
    archive: Path,
    *,
    ids: Sequence[int] | None = None,
    quick: bool = False,
    is_alone: bool = False,
    progress: Progress = lambda what, done, of: None,
) -> VerifyResult:
    """Verifies an archive. If `ids` is given, only these articles and their captures are checked. If `quick` is True,
    no WARC files are read. If `is_alone` is True, no other processes are started. `progress` is called with the
    progress of the checks.

    Raises the errors of `open_archive`.
    """
    out = VerifyResult()
    files = verify_captures.find_warc_files(archive.parent)
    with opened(archive, read_only=True) as db:
        size = archive.stat().st_size + sum(
            (archive.parent / name).stat().st_size for name in files if (archive.parent / name).exists()
        )
        with read_transaction(db), _open_pool(0 if is_alone or ids is not None else size) as pool:
            if ids is None:
                out.findings += _verify_database(db, archive, progress)
                out.is_cut_short = any(one.kind == verify_database.DAMAGED for one in out.findings)
            numbers = list(ids or ())
            if ids is None and not out.is_cut_short:
                with suppress(sqlite3.Error):  # an earlier check reports this
                    numbers = ids_of(db)
            out.articles = len(numbers)
            _verify_articles(archive, numbers, pool, out, progress)
            if not quick:
                found = check_files(
                    db,
                    archive,
                    files if ids is None else {},
                    lambda: _verify_files(db, archive.parent, files, ids, pool, out, progress),
                )
                out.findings += [one for one in found if one not in out.findings]
    return out


def check_files(
    db: Database, archive: Path, files: dict[str, bool], compare: Callable[[], list[VerifyFinding]]
) -> list[VerifyFinding]:
    """Returns the findings of `compare`, which compares WARC files with the rows of `captures`. If it fails or finds
    something because the database is damaged, returns this damage instead, and the flaws that `files` (from
    `find_warc_files`) have by themselves.
    """
    try:
        found = compare()
        damage = list(verify_database.check_integrity(db, ["captures"])) if found else []
    except sqlite3.Error as error:
        found, damage = [], list(verify_database.check_integrity(db)) or [unreadable(archive, "captures", error)]
    return [*damage, *verify_captures.find_flaws_of_records(archive.parent, files)] if damage else found


def _verify_database(db: Database, archive: Path, progress: Progress) -> list[VerifyFinding]:
    found: list[VerifyFinding] = []
    tables = {*db.table_names(), *db.view_names()}
    for number, check in enumerate(CHECKS):
        progress("the database", number, len(CHECKS))
        if set(check.needs) <= tables:
            try:
                found += check.run(db)
            except sqlite3.Error as error:
                found.append(unreadable(archive, check.name, error))
        if any(one.kind == verify_database.DAMAGED for one in found):
            break
    return found


def unreadable(archive: Path, what: str, error: sqlite3.Error) -> VerifyFinding:
    """Returns the finding to report if a check failed with this error, because the database is damaged or has a
    different schema. `what` is the part that was checked.
    """
    if isinstance(error, sqlite3.OperationalError) and "no such" in str(error):
        return VerifyFinding(
            "check-impossible",
            what,
            f"The check '{what}' failed: {error}",
            "Another program changed the schema: restore a backup.",
        )
    return VerifyFinding(
        verify_database.DAMAGED, what, f"The check '{what}' failed: {error}", str(environment_error(error, archive))
    )


def _verify_articles(
    archive: Path, ids: Sequence[int], pool: Executor | None, out: VerifyResult, progress: Progress
) -> None:
    tasks = [(archive, list(ids[at : at + _ARTICLES_A_TASK])) for at in range(0, len(ids), _ARTICLES_A_TASK)]
    for number, found in enumerate(_map_tasks(pool, _check_articles, tasks)):
        progress("articles", min((number + 1) * _ARTICLES_A_TASK, len(ids)), len(ids))
        out.findings += found


def _check_articles(task: tuple[Path, list[int]]) -> list[VerifyFinding]:
    archive, ids = task
    db = open_archive(archive, read_only=True)
    try:
        with read_transaction(db):
            return list(check_articles(db, ids))
    except sqlite3.Error as error:
        return [unreadable(archive, f"articles {ids[0]} to {ids[-1]}", error)]
    finally:
        db.close()


def _verify_files(
    db: Database,
    folder: Path,
    files: dict[str, bool],
    ids: Sequence[int] | None,
    pool: Executor | None,
    out: VerifyResult,
    progress: Progress,
) -> list[VerifyFinding]:
    jobs: Iterable[WARCJob] = (
        verify_captures.make_capture_jobs(db, folder, files)
        if ids is None
        else verify_captures.make_capture_jobs_of_articles(db, folder, ids)
    )
    examined: list[ExaminedWARC] = []
    for one in _map_tasks(pool, examine_warc, jobs):
        examined.append(one)
        out.files += 1
        out.records += one.records
        progress("WARC files", out.files, max(out.files, len(files)) if ids is None else out.files)
    found = list(verify_captures.make_findings(db, examined))
    if any(one.kind == "file-missing" for one in found):
        with opened(path_of(db), read_only=True) as now:  # a takedown may have replaced files since they were listed
            used = {name for (name,) in now.execute("select distinct warc_file from captures")}
        found = [one for one in found if one.kind != "file-missing" or one.unit in used]
    return [*found, *(() if ids is None else verify_captures.find_lost_originals(db, ids))]


def _map_tasks(pool: Executor | None, work: Callable[[T], R], tasks: Iterable[T]) -> Iterator[R]:
    """Runs `work` on each task in the pool, or in this process if `pool` is None, and yields the results in the order
    of the tasks. Only a few tasks are submitted at a time, to bound memory.
    """
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
def _open_pool(size: int) -> Iterator[Executor | None]:
    if size < _SPAWN_AT or (os.cpu_count() or 1) < 2:
        yield None
        return
    # A fork server imports the checks once for all workers, and does not share this process's open database.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([examine_warc.__module__])
    with ProcessPoolExecutor(mp_context=context) as pool:
        yield pool


def rebuild_damaged(archive: Path) -> list[str]:
    """Rebuilds the damaged indexes, and deletes the full-text table for SQL if it is damaged, in one transaction.
    Returns a phrase for each. Does nothing if a table that cannot be rebuilt is damaged, because a backup must then be
    restored.

    SQLite cannot drop an index that it cannot read. Therefore the indexes are deleted from the schema table, and VACUUM
    then removes their pages from the file. Raises ArchiveLocked and sqlite3.Error.
    """
    with opened(archive) as db:
        damages = list(find_database_damage(db))
        names = {name for damage in damages for name in damage.derived}
        if not all(damage.derived for damage in damages) or not names:
            return []
        statements = _read_statements(db, names)
        if set(statements) != names - {FTS}:
            return []
        with writing(db):
            _delete_from_schema(db, names)
            for statement in statements.values():
                db.execute(statement)
        left = _vacuum(db)
    again = "was deleted; 'archiver index --fts' makes it again"
    return [f"{name} {again if name == FTS else 'was rebuilt from its table'}{left}" for name in sorted(names)]


def _read_statements(db: Database, names: set[str]) -> dict[str, str]:
    """Returns, by name, the SQL statements with which a new archive creates these indexes and tables."""
    fresh = migrated_like(db)
    try:
        rows = fresh.execute("select name, sql from sqlite_master where sql is not null").fetchall()
    finally:
        fresh.close()
    return {name: sql for name, sql in rows if name in names}


def _delete_from_schema(db: Database, names: set[str]) -> None:
    """Deletes the indexes in `names`, and the full-text table if it is among them, from SQLite's schema table
    (sqlite_master). Their database pages stay in the file, unused.
    """
    version = db.execute("pragma schema_version").fetchone()[0]
    db.execute("pragma writable_schema = on")
    try:
        for name in names:
            if name == FTS:
                db.execute(
                    "delete from sqlite_master where type = 'table' and (name = ? or name glob ?)", [FTS, f"{FTS}_*"]
                )
            else:
                db.execute("delete from sqlite_master where type = 'index' and name = ?", [name])
        db.execute(f"pragma schema_version = {version + 1}")
    finally:
        db.execute("pragma writable_schema = reset")


def _vacuum(db: Database) -> str:
    """Rewrites the database file without unused pages (VACUUM). Returns ""; if the file is locked or the disk is full,
    returns words to add to a message instead, which say how to do it later.
    """
    try:
        db.execute("vacuum")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL):
            raise
        return f" (their pages stay in the file: {error})"
    return ""
