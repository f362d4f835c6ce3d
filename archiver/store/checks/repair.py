"""Mending what can be made from what is there. Nothing that proves anything is deleted or changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sqlite_utils import Database

from archiver.capture.index import seal
from archiver.store import clusters, page_counts
from archiver.store.checks.finding import Finding, counted
from archiver.store.checks.structure import FTS, MADE_ANEW, as_migrated, objects, plain
from archiver.store.checks.warcs import index_lines, is_written
from archiver.store.connect import opened
from archiver.store.transaction import writing
from archiver.store.versions import article_from_row, write_facets


def repair(archive: Path, findings: Iterable[Finding]) -> list[str]:
    """Mend what these findings say can be mended; a phrase for each thing that was done.

    Waits for a crawl's transaction to end, as a crawl does for others. Raises ArchiveLocked, OSError and sqlite3.Error.
    """
    wanted = list(findings)
    mends = {finding.mend for finding in wanted}
    done: list[str] = []
    with opened(archive) as db, writing(db):
        if "schema" in mends:
            done += _schema(db)
        if "fts" in mends or any("full-text" in one for one in done):
            db.execute("delete from fts_pending")
            db.execute(f"insert into {FTS} ({FTS}) values ('rebuild')")
            done.append("the full-text index was made anew")
        if "facets" in mends:
            done += _facets(db, [f.subject for f in wanted if f.mend == "facets"])
        if "pages" in mends:
            done += _pages(db)
        if "counts" in mends:
            page_counts.fill(db)
            done.append("the pages of each site were counted anew")
        if "clusters" in mends:
            _clusters(db)
            done.append("the clusters were made anew from their links")
    for finding in wanted:
        if finding.mend == "index":
            done += _index(archive.parent, finding.subject)
    return done


def _schema(db: Database) -> list[str]:
    """The full-text table, indexes, triggers and views that are missing or changed, as the migrations make them."""
    done = []
    fresh = as_migrated(db)
    try:
        tables = {*objects(db, "table"), *objects(fresh, "view")}
        for kind in ("table", "index", "view", "trigger"):
            there, wanted = objects(db, kind), objects(fresh, kind)
            for name, (table, sql) in wanted.items():
                if name in there and (kind == "table" or plain(there[name][1]) == plain(sql)):
                    continue
                if table not in (MADE_ANEW if kind == "table" else tables) and kind != "view":
                    continue
                if name in there:
                    db.execute(f'drop {kind} "{name}"')
                db.execute(sql)
                done.append(f"the {kind} {name} was made anew"
                            + (", and with it the full-text index" if FTS in sql.lower() else ""))
    finally:
        fresh.close()
    return done


def _facets(db: Database, subjects: Iterable[str]) -> list[str]:
    done = []
    for subject in subjects:
        for row in list(db.query("select * from articles where id = ?", [int(subject.rpartition(" ")[2])])):
            write_facets(db, row["id"], article_from_row(row))
            done.append(f"authors, categories, tags and places of {subject} were entered anew")
    return done


def _pages(db: Database) -> list[str]:
    """Archived pages that belong to no article, to the one that has their address."""
    led = db.execute("update pages set article_id = d.article_id from article_urls d where d.urlkey = pages.urlkey "
                     "and pages.article_id is null and pages.kind = 'post' "
                     "and pages.outcome in ('archived', 'unchanged')").rowcount
    return [f"{counted(led, 'page')} were led to the articles at their addresses"] if led else []


def _clusters(db: Database) -> None:
    """Links across clusters and members of none come right once all are grouped by the links."""
    db.execute("update articles set cluster_id = null where cluster_id is not null "
               "and cluster_id not in (select id from clusters)")
    db.execute("update clusters set size = max(size, 1) where merged_into is null "
               "and id in (select cluster_id from articles)")
    clusters.regroup_all(db)


def _index(folder: Path, subject: str) -> list[str]:
    """The index of a finished WARC file, or of one that a dead crawl left whole. A torn one is the next crawl's."""
    name = subject.removesuffix(".cdxj").removesuffix(".warc.gz") + ".warc.gz"
    file = folder / name
    if is_written(file):
        return []
    seal(file, index_lines(file, name))
    return [f"the index of {name} was made anew"]


