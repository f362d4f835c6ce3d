"""The database checks of `archiver verify`: values, references, clusters, page counts, schema, foreign keys and
full-text index.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from archiver.fields import STORED_LISTS, STORED_TIMES
from archiver.maintenance.database_damage_and_vacuum import find_database_damage, find_unreadable_articles, path_of
from archiver.storage import Database
from archiver.storage.article_tables import field_candidate_evidence as evidence
from archiver.storage.backup_and_check_records import TABLE_UNIT
from archiver.storage.column_values_and_completions import IS_LIVE, stored_time
from archiver.storage.full_text_index_and_saved_searches import TOKENIZER
from archiver.storage.page_counts import PAGE_COUNTS_QUERY
from archiver.storage.schema_and_migrations import migrations, pending_migrations
from archiver.urls import urlkey_or_empty


@dataclass(frozen=True, slots=True)
class VerifyFinding:
    """A problem found by `archiver verify`.

    - `kind`: a code for programs.
    - `subject`: the article, file and offset, table or row that it concerns.
    - `sentence`: the problem in words.
    - `remedy`: what the user can do.
    - `mend`: the code of the repair that `archiver verify --repair` can make, such as "index"; "" if there is none.
    - `unit`: the damaged part of the archive (a table, a range of articles, a WARC file), named as in
      `backup_and_check_records`; "" if the finding concerns no such part.
    """

    kind: str
    subject: str
    sentence: str
    remedy: str
    mend: str = ""
    unit: str = ""


def limit_findings(findings: Iterable[VerifyFinding], most: int = 50) -> Iterator[VerifyFinding]:
    """Yields at most `most` of several similar findings. If there are more, a last finding says how many."""
    more, last = 0, None
    for number, finding in enumerate(findings):
        if number < most:
            yield finding
        else:
            more, last = more + 1, finding
    if last is not None:
        yield VerifyFinding(
            last.kind,
            last.subject,
            f"{more:,} more like the one before, the last is {last.subject}",
            last.remedy,
            last.mend,
        )


def counted_noun(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# Values: column types, required values, times, JSON. They are checked because other programs may write to the archive.

REQUIRED = {
    "captures": ("url", "captured_at", "status", "digest", "warc_file", "warc_offset", "warc_length", "record_type"),
    "revisions": ("article_id", "revision", "observed_at", "content", "title"),
    "aliases": ("urlkey", "url", "article_id", "kind"),
    "article_urls": ("urlkey", "url", "article_id", "kind"),
    "page_discoveries": ("page_id", "source", "first_seen"),
    "page_sources": ("page_id", "source", "first_seen", "last_seen"),
}
"""Columns that are never null in a sound archive, although the schema allows null."""
TIMES = {
    "sites": ("added_at", "quiet_until", "soft_not_found_at", "muted_until"),
    "runs": ("started_at", "finished_at"),
    "captures": ("captured_at",),
    "pages": ("lastmod", "found_at", "fetched_at", "changed_at", "due_at"),
    "page_discoveries": ("first_seen", "last_seen", "first_capture", "last_capture"),
    "page_sources": ("first_seen", "last_seen", "first_capture", "last_capture"),
    "articles": (*STORED_TIMES, "read_at"),
    "aliases": ("first_seen",),
    "article_urls": ("first_seen",),
    "revisions": ("observed_at", "seen_again_at", "read_at"),
    "site_rules": ("learned_at", "since", "until"),
    "host_files": ("fetched_at",),
    "clusters": ("since",),
    "requisites": ("found_at", "fetched_at", "due_at"),
    "reextractions": ("started_at", "finished_at"),
    "backups": ("made_at", "holds_since", "failed_at"),
    "integrity_checks": ("started_at", "finished_at", "covers_since"),
    "checked_units": ("checked_at",),
    "damages": ("found_at",),
    "faults": ("began_at", "ended_at", "sent_at"),
}
JSON = {
    "sites": ("settings", "soft_not_found", "untrusted"),
    "source_hints": ("hint", "digests"),
    "revisions": ("changed", "content", "evidence"),
    "articles": (*STORED_LISTS, "evidence"),
}
_TYPES = {
    "INTEGER": ("integer",),
    "TEXT": ("text",),
    "FLOAT": ("real", "integer"),
    "REAL": ("real", "integer"),
    "BLOB": ("blob",),
}
_REMEDY = "Another program wrote it: restore the value from a backup or from the article's revisions."


def check_values(db: Database) -> Iterator[VerifyFinding]:
    """Yields a finding for each value of the wrong type, missing value, invalid time or invalid JSON in any table."""
    db.register_function(lambda text: stored_time(text) is not None, name="is_time")
    tables = {
        name: sql
        for name, sql in db.execute("select name, sql from sqlite_master where type = 'table'")
        if not name.startswith(("articles_fts", "sqlite_", "_"))
    }
    for table, sql in sorted(tables.items()):
        info = db.execute(f'pragma table_info("{table}")').fetchall()
        columns = {row[1]: row[2].upper() for row in info}
        keys = ["rowid"]
        if "without rowid" in (sql or "").lower():
            keys = [f'"{row[1]}"' for row in sorted(info, key=lambda row: row[5]) if row[5]]
        tests: list[tuple[str, str, str]] = []
        for name, declared in columns.items():
            if kinds := _TYPES.get(declared):
                listed = ", ".join(f"'{kind}'" for kind in (*kinds, "null"))
                tests.append((name, "wrong-type", f'typeof("{name}") not in ({listed})'))
        tests += [(name, "empty", f'"{name}" is null') for name in REQUIRED.get(table, ()) if name in columns]
        tests += [
            (name, "no-time", f'typeof("{name}") = \'text\' and not is_time("{name}")')
            for name in TIMES.get(table, ())
            if name in columns
        ]
        tests += [
            (name, "no-json", f'typeof("{name}") = \'text\' and not json_valid("{name}")')
            for name in JSON.get(table, ())
            if name in columns
        ]
        yield from limit_findings(_find_invalid_values(db, table, keys, tests))


_SAYS = {
    "wrong-type": "not of the column's type",
    "empty": "null, but is required",
    "no-time": "not an ISO 8601 time",
    "no-json": "not JSON",
}


def _find_invalid_values(
    db: Database, table: str, keys: list[str], tests: list[tuple[str, str, str]]
) -> Iterator[VerifyFinding]:
    if not tests:
        return
    flags = ", ".join(f"({test})" for _, _, test in tests)
    where = " or ".join(f"({test})" for _, _, test in tests)
    named, same = ", ".join(keys), " and ".join(f"{key} is ?" for key in keys)
    for row in db.execute(f'select {named}, {flags} from "{table}" where {where}'):
        key, failed = row[: len(keys)], row[len(keys) :]
        for (name, kind, _), wrong in zip(tests, failed, strict=True):
            if wrong:
                value = db.execute(f'select "{name}" from "{table}" where {same}', key).fetchone()[0]
                number = " ".join(map(str, key))
                yield VerifyFinding(
                    kind,
                    f"{table} row {number}",
                    f"{name} in row {number} of {table} is {_SAYS[kind]} ({str(value)[:60]!r})",
                    _REMEDY,
                )


# References and clusters.

_REBUILD = "Run 'archiver verify --repair': it rebuilds the clusters from the links."
_SKETCH = "Run 'archiver clusters --rebuild': it rebuilds the near-duplicate index."
_LOST = (
    "Article {0} was deleted by another program: restore it from a backup, or crawl the site again with "
    "'archiver crawl SITE --full'."
)


def check_references(db: Database) -> Iterator[VerifyFinding]:
    """Yields a finding for each reference to a missing row that no foreign key covers, and for each article without a
    URL or revision.
    """
    yield from limit_findings(
        VerifyFinding(
            "row-dangling",
            f"page {url}",
            f"The page {url} belongs to article {number}, which does not exist",
            _LOST.format(number),
        )
        for url, number in db.execute(
            "select url, article_id from pages p where article_id is not null "
            "and not exists (select 1 from articles a where a.id = p.article_id)"
        )
    )
    yield from limit_findings(
        VerifyFinding(
            "page-unproved",
            f"page {url}",
            f"The page {url} is marked as archived but belongs to no article",
            "Run 'archiver verify --repair': it links the page to the article with its URL.",
            "pages",
        )
        for (url,) in db.execute(
            "select url from pages where article_id is null and kind = 'post' and outcome in ('archived', 'unchanged')"
        )
    )
    yield from limit_findings(
        VerifyFinding(
            "gone-before-seen",
            f"article {number}",
            f"Article {number} ({url}) is marked as gone since {gone}, but was first seen at {seen}",
            "Another program wrote it: crawl the site again with 'archiver crawl SITE "
            "--full', which checks whether the post is online.",
        )
        for number, url, gone, seen in db.execute(
            "select id, url, gone_at, first_seen from articles where gone_at < first_seen"
        )
    )
    yield from limit_findings(
        VerifyFinding(
            "versions-missing",
            f"article {number}",
            f"Article {number} has no revisions",
            "Restore the rows of 'revisions' from a backup.",
        )
        for (number,) in db.execute(
            "select id from articles a where not exists (select 1 from revisions r where r.article_id = a.id)"
        )
    )
    yield from limit_findings(
        VerifyFinding(
            "address-missing",
            f"article {number}",
            f"Article {number} ({url}) has no row in 'article_urls'",
            "Restore the rows of 'article_urls' from a backup, or crawl the site again.",
        )
        for number, url in db.execute(
            "select id, url from articles a where not exists (select 1 from article_urls d where d.article_id = a.id) "
            f"and {IS_LIVE}"
        )
    )
    yield from limit_findings(
        VerifyFinding(
            "row-dangling",
            f"article {number}",
            f"The source of a value of article {number} ({url}) is unknown: {kind} is not in 'evidence_kinds'",
            "Restore the rows of 'evidence_kinds' from a backup, or run 'archiver reextract'.",
        )
        for number, url, kind in db.execute(
            f"select a.id, a.url, {evidence.NUMBER} as kind from articles a, "
            "json_each(iif(json_valid(a.evidence), a.evidence, '[]')) e "
            "where kind not in (select id from evidence_kinds)"
        )
    )


def check_captures_of_articles(db: Database) -> Iterator[VerifyFinding]:
    """Yields a finding for each article whose capture is of a URL that belongs to no article, or to another article
    with the same capture.

    If the URL belongs to another article with another capture, there is no finding, because the site may have used the
    URL for another post later.
    """
    db.register_function(lambda url: urlkey_or_empty(str(url)), name="urlkey")
    yield from limit_findings(
        VerifyFinding(
            "capture-strange",
            f"article {number}",
            f"The capture of article {number} ({url}) is of {captured}, which is not a URL of the article",
            "Another program changed capture_id: restore it from the article's revision.",
        )
        for number, url, captured in db.execute(
            "select a.id, a.url, c.url from articles a join captures c on c.id = a.capture_id where c.url <> a.url "
            "and not exists (select 1 from article_urls d where d.article_id = a.id and d.urlkey = urlkey(c.url)) "
            "and (not exists (select 1 from article_urls d where d.urlkey = urlkey(c.url)) or exists (select 1 from "
            "article_urls d join revisions r on r.article_id = d.article_id where d.urlkey = urlkey(c.url) "
            "and r.capture_id = c.id))"
        )
    )


def check_tombstones(db: Database) -> Iterator[VerifyFinding]:
    """Yields a finding for each unfinished takedown, and for each removed post that has come back."""
    for (url,) in db.execute("select url from tombstones where erased_at is null and allowed_at is null"):
        yield VerifyFinding(
            "removal-unfinished",
            f"article {url}",
            f"The takedown of {url} is not finished: files of the archive may still contain the post",
            "Run 'archiver remove --finish'.",
        )
    yield from limit_findings(
        VerifyFinding(
            "removed-again",
            f"article {number}",
            f"Article {number} has the URL {url} of a post that was removed",
            f"Run 'archiver remove {number}', or 'archiver remove --allow {url}' to keep it.",
        )
        for number, url in db.execute(
            "select d.article_id, d.url from article_urls d join tombstone_urls r on r.urlkey = d.urlkey join "
            "tombstones m on m.id = r.tombstone_id where m.erased_at is not null"
        )
    )


def check_clusters(db: Database) -> Iterator[VerifyFinding]:
    """Yields findings about the clusters of near-duplicates: a wrong size or source, articles in missing clusters,
    near-duplicates in different clusters, and missing MinHash signatures.
    """
    yield from limit_findings(
        VerifyFinding(
            "cluster-differs",
            f"cluster {number}",
            f"Cluster {number} should have {counted_noun(size, 'member')} but has {members}",
            _REBUILD,
            "clusters",
        )
        for number, size, members in db.execute(
            "select c.id, c.size, count(a.id) from clusters c left join articles a on a.cluster_id = c.id "
            "group by c.id having c.size <> count(a.id)"
        )
    )
    yield from limit_findings(
        VerifyFinding(
            "cluster-differs",
            f"article {number}",
            f"Article {number} is in cluster {cluster}, which does not exist",
            _REBUILD,
            "clusters",
        )
        for number, cluster in db.execute(
            "select id, cluster_id from articles where cluster_id is not null "
            "and cluster_id not in (select id from clusters)"
        )
    )
    yield from limit_findings(
        VerifyFinding(
            "cluster-differs",
            f"cluster {number}",
            f"The source of cluster {number}, article {source}, is not a member of it",
            _REBUILD,
            "clusters",
        )
        for number, source in db.execute(
            "select c.id, c.source_id from clusters c join articles a on a.id = "
            "c.source_id where a.cluster_id is not c.id"
        )
    )
    yield from limit_findings(
        VerifyFinding(
            "cluster-differs",
            f"article {one}",
            f"Articles {one} and {other} are near-duplicates but not in the same cluster",
            _REBUILD,
            "clusters",
        )
        for one, other in db.execute(
            "select n.article_id, n.other_id from near_duplicates n join articles a on a.id = n.article_id "
            "join articles b on b.id = n.other_id where a.cluster_id is not b.cluster_id or a.cluster_id is null"
        )
    )
    yield from limit_findings(
        VerifyFinding(
            "sketch-missing",
            f"article {number}",
            f"Article {number} is in the near-duplicate index but has no MinHash signature",
            _SKETCH,
        )
        for (number,) in db.execute(
            "select distinct b.article_id from lsh_bands b join articles a on a.id = b.article_id "
            "where not exists (select 1 from minhash_signatures s where s.article_id = b.article_id)"
        )
    )


# Page counts, which triggers keep up to date.

_REPAIR = "Run 'archiver verify --repair': it recounts the pages."


def check_page_counts(db: Database) -> Iterator[VerifyFinding]:
    """Yields a finding for each site whose stored page counts differ from its pages. `archiver status` and the site
    pages show these counts.
    """
    names = dict(db.execute("select id, name from sites").fetchall())
    actual = _page_counts_query()
    wrong = [
        row[0]
        for row in db.execute(
            "select site_id from (select site_id, source, kind, outcome, with_article, pages from page_counts "
            f"where pages <> 0 except {actual}) union select site_id from ({actual} except select site_id, source, "
            "kind, outcome, with_article, pages from page_counts) order by 1"
        )
    ]
    yield from limit_findings(
        VerifyFinding(
            "counts-differ",
            f"site {names.get(number, number)}",
            f"The page counts of {names.get(number, number)} are wrong: it has {counted_noun(pages, 'page')}",
            _REPAIR,
            "counts",
        )
        for number in wrong
        for pages in db.execute("select count(*) from pages where site_id = ?", [number]).fetchone()
    )


def _page_counts_query() -> str:
    return f"select site_id, source, kind, outcome, with_article, pages from ({PAGE_COUNTS_QUERY.format('')})"


# The database file: SQLite's own checks, and a comparison of the schema with a new archive's schema.

RESTORE_BACKUP = "Restore a backup with 'archiver restore', or save what is readable with 'sqlite3 FILE .recover'."
REBUILD_DAMAGED = "Run 'archiver verify --repair': it rebuilds the damaged indexes from the tables."
_MENDED = "Run 'archiver verify --repair': it recreates it."
_OBJECTS = ("index", "trigger", "view")
FTS = "articles_fts"
DERIVED_TABLES = (FTS, "fts_pending")
"""Tables that can be rebuilt from other tables."""


def migrated_like(db: Database) -> Database:
    """Returns a new empty archive in memory, to which the same migrations have been applied as to `db`. Its schema is
    what the schema of `db` should be.
    """
    fresh = Database(sqlite3.connect(":memory:"))
    pending = pending_migrations(db)
    migrations().apply(fresh.sqlite_utils, **({"stop_before": pending[0]} if pending else {}))
    return fresh


def read_schema_objects(db: Database, kind: str) -> dict[str, tuple[str, str]]:
    """Returns the schema objects of one `kind` (table, index, trigger or view) in a database. The dict maps the name of
    each object to the name of its table and its SQL.
    """
    return {
        name: (table, sql)
        for name, table, sql in db.execute(
            "select name, tbl_name, sql from sqlite_master where type = ? and sql is not null", [kind]
        )
    }


def check_integrity(db: Database, tables: Iterable[str] | None = None) -> Iterator[VerifyFinding]:
    """Yields a finding for each of these tables (None means all tables) whose pages, records, constraints or indexes
    are damaged according to SQLite's `PRAGMA integrity_check`. The last finding names the articles that cannot be read.
    """
    damages = list(find_database_damage(db, tables))
    for damage in damages:
        yield VerifyFinding(
            "database-damaged",
            f"table {damage.table}",
            f"{path_of(db).name} is damaged in {damage.phrase}",
            REBUILD_DAMAGED if damage.derived else RESTORE_BACKUP,
            "damaged" if damage.derived else "",
            unit=f"{TABLE_UNIT}{damage.table}",
        )
    if {damage.table for damage in damages} & {"articles", "revisions"} and (lost := find_unreadable_articles(db)):
        yield VerifyFinding(
            "articles-unreadable",
            "articles" if len(lost) > 1 else f"article {lost[0]}",
            f"{counted_noun(len(lost), 'article')} cannot be read: {list_numbers(lost)}",
            RESTORE_BACKUP,
            unit=f"{TABLE_UNIT}articles",
        )


def list_numbers(numbers: Sequence[int], most: int = 10) -> str:
    """Returns numbers as a phrase; if there are more than `most` numbers, gives only the first ones and says how many
    more there are.
    """
    more = f" and {len(numbers) - most:,} more" if len(numbers) > most else ""
    return ", ".join(map(str, numbers[:most])) + more


def check_schema(db: Database) -> Iterator[VerifyFinding]:
    """Yields a finding for each missing or changed table, column, index, trigger and view, and for each unknown
    trigger.
    """
    fresh = migrated_like(db)
    try:
        own = read_schema_objects(db, "table")
        for name in read_schema_objects(fresh, "table"):
            if name not in own:
                if not name.startswith(f"{FTS}_"):
                    yield VerifyFinding(
                        "table-missing",
                        f"table {name}",
                        f"The table {name} is missing",
                        _MENDED if name in DERIVED_TABLES else RESTORE_BACKUP,
                        "schema" if name in DERIVED_TABLES else "",
                    )
            elif name != FTS:
                yield from _compare_columns(db, fresh, name)
        own |= read_schema_objects(db, "view")
        for kind in _OBJECTS:
            expected = {
                name: (table, sql)
                for name, (table, sql) in read_schema_objects(fresh, kind).items()
                if kind == "view" or table in own
            }  # a missing table is reported without its indexes and triggers
            yield from _compare_objects(kind, read_schema_objects(db, kind), expected)
    finally:
        fresh.close()


def _compare_columns(db: Database, fresh: Database, table: str) -> Iterator[VerifyFinding]:
    existing = {row[1]: row[2:4] for row in db.execute(f'pragma table_info("{table}")')}
    for _, name, kind, required, *_ in fresh.execute(f'pragma table_info("{table}")'):
        if name not in existing:
            yield VerifyFinding(
                "column-missing", f"table {table}", f"The table {table} has no column {name}", RESTORE_BACKUP
            )
        elif (existing[name][0].upper(), existing[name][1]) != (kind.upper(), required):
            yield VerifyFinding(
                "column-changed",
                f"table {table}",
                f"The column {name} of {table} is {_declaration(*existing[name])}, not {_declaration(kind, required)}",
                RESTORE_BACKUP,
            )


def _declaration(kind: str, required: int) -> str:
    return f"{kind}{' NOT NULL' if required else ''}"


def _compare_objects(
    kind: str, existing: dict[str, tuple[str, str]], expected: dict[str, tuple[str, str]]
) -> Iterator[VerifyFinding]:
    for name, (table, sql) in expected.items():
        if name not in existing:
            yield VerifyFinding(
                f"{kind}-missing",
                f"{kind} {name}",
                f"The {kind} {name}{_on_table(kind, table)} is missing",
                _MENDED,
                "schema",
            )
        elif normalize_sql(existing[name][1]) != normalize_sql(sql):
            yield VerifyFinding(
                f"{kind}-changed",
                f"{kind} {name}",
                f"The {kind} {name}{_on_table(kind, table)} differs from the one that archiver creates",
                _MENDED,
                "schema",
            )
    for name in sorted(set(existing) - set(expected)) if kind == "trigger" else ():
        yield VerifyFinding(
            "trigger-strange",
            f"trigger {name}",
            f"The trigger {name} on {existing[name][0]} is not archiver's: it may change what archiver writes",
            f"If you do not know it, remove it: drop trigger {name}",
        )


def _on_table(kind: str, table: str) -> str:
    return "" if kind == "view" else f" on {table}"


def normalize_sql(sql: str) -> str:
    """Returns SQL in a form for comparison: lower case, single spaces, no quotes around names."""
    return re.sub(r"\s+", " ", re.sub(r'["\[\]`]', "", sql)).strip().lower()


def check_foreign_keys(db: Database) -> Iterator[VerifyFinding]:
    """Yields a finding for each row that references a missing row, from SQLite's `PRAGMA foreign_key_check`."""
    columns: dict[tuple[str, int], str] = {}

    def found() -> Iterator[VerifyFinding]:
        for table, rowid, parent, number in db.execute("pragma foreign_key_check"):
            if (table, number) not in columns:
                columns.update({(table, row[0]): row[3] for row in db.execute(f'pragma foreign_key_list("{table}")')})
            column = columns[table, number]
            yield VerifyFinding(
                "row-dangling",
                f"{table} row {rowid}",
                f"Row {rowid} of {table} references a missing row of {parent} ({column})",
                f"Restore the deleted rows of {parent} from a backup, or crawl the site again.",
            )

    yield from limit_findings(found())


# Compares the full-text index with the articles by FTS5's own check, on a read-only database.

_REBUILD_INDEX = "Run 'archiver verify --repair': it rebuilds the index from the articles."
_PARTS = ("data", "idx", "docsize", "config")


def check_full_text(db: Database) -> Iterator[VerifyFinding]:
    """Yields findings for articles that are missing from the full-text index, index entries without an article, and an
    index whose words differ from the words of the articles.

    FTS5's own integrity check is a write in SQLite's terms, and would block a crawl for minutes in a large archive.
    Therefore the index is copied into the temporary database, and the copy is compared with the articles that this
    connection sees.
    """
    found = list(limit_findings(_compare_entries(db), 20))
    yield from found
    if not found and not _index_matches(db):
        yield VerifyFinding(
            "index-differs",
            "articles_fts",
            "The words in the full-text index differ from the words of the articles",
            _REBUILD_INDEX,
            "fts",
        )


def _compare_entries(db: Database) -> Iterator[VerifyFinding]:
    for (number,) in db.execute("select id from articles except select id from articles_fts_docsize order by 1"):
        yield VerifyFinding(
            "index-lacks",
            f"article {number}",
            f"Article {number} is not in the full-text index, so searches do not find it",
            _REBUILD_INDEX,
            "fts",
        )
    for (number,) in db.execute("select id from articles_fts_docsize except select id from articles order by 1"):
        yield VerifyFinding(
            "index-strange",
            f"article {number}",
            f"The full-text index has an article {number} that does not exist",
            _REBUILD_INDEX,
            "fts",
        )


def _index_matches(db: Database) -> bool:
    columns = ", ".join(f'"{row[1]}"' for row in db.execute("pragma table_info(articles_fts)"))
    try:
        db.execute(f"create temp view checked_articles as select id, {columns} from main.articles")
        db.execute(
            f"create virtual table temp.checked using fts5({columns}, tokenize='{TOKENIZER}', "
            "content='checked_articles', content_rowid='id')"
        )
        for part in _PARTS:
            db.execute(f"delete from temp.checked_{part}")
            db.execute(f"insert into temp.checked_{part} select * from main.articles_fts_{part}")
        try:
            db.execute("insert into temp.checked (checked, rank) values ('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                raise
            return False
        return True
    finally:
        db.execute("drop table if exists temp.checked")
        db.execute("drop view if exists temp.checked_articles")
