"""The database checks of `archiver verify`: values, references, clusters, page counts, schema, foreign keys and
full-text index.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from archiver.maintenance.database_damage import DatabaseDamage, find_database_damage, find_unreadable_articles
from archiver.model.fields import STORED_LISTS, STORED_TIMES
from archiver.model.urls import urlkey_or_empty
from archiver.storage import Database, field_evidence
from archiver.storage.columns import IS_LIVE, stored_time
from archiver.storage.pages import PAGE_COUNTS_QUERY
from archiver.storage.runs import TABLE_UNIT
from archiver.storage.schema import migrations, pending_migrations
from archiver.storage.transactions import path_of

DAMAGED = "database-damaged"
"""The kind of findings about a damaged database file."""


@dataclass(frozen=True, slots=True)
class VerifyFinding:
    """A problem found by `archiver verify`.

    - `kind`: a code for programs.
    - `subject`: the article, file and offset, table or row that it concerns.
    - `sentence`: the problem in words.
    - `remedy`: what the user can do.
    - `mend`: the code of the repair that `archiver verify --repair` can make, such as "index"; "" if there is none.
    - `unit`: the damaged part of the archive (a table, a range of articles, a WARC file), named as in
      `check_records`; "" if the finding concerns no such part.
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


# References, captures, tombstones, clusters and the entries of the full-text index.


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A query whose rows are findings. `subject`, `sentence` and `remedy` contain the columns of a row as {0}, {1} etc.
    The other attributes are those of a `VerifyFinding`.
    """

    kind: str
    query: str
    subject: str
    sentence: str
    remedy: str
    mend: str = ""


def check_rows(checks: Iterable[RowCheck], db: Database) -> Iterator[VerifyFinding]:
    """Yields the findings of these checks."""
    db.register_function(lambda url: urlkey_or_empty(str(url)), name="urlkey")
    for check in checks:
        yield from limit_findings(
            VerifyFinding(
                check.kind,
                check.subject.format(*row),
                check.sentence.format(*row),
                check.remedy.format(*row),
                check.mend,
            )
            for row in db.execute(check.query)
        )


REFERENCES = (
    RowCheck(
        "row-dangling",
        "select url, article_id from pages p where article_id is not null and not exists (select 1 from articles a "
        "where a.id = p.article_id)",
        "page {0}",
        "The page {0} belongs to article {1}, which does not exist",
        "Article {1} was deleted by another program: restore it from a backup, or crawl the site again with 'archiver "
        "crawl SITE --full'.",
    ),
    RowCheck(
        "page-unproved",
        "select url from pages where article_id is null and kind = 'post' and outcome in ('archived', 'unchanged')",
        "page {0}",
        "The page {0} is marked as archived but belongs to no article",
        "Run 'archiver verify --repair': it links the page to the article with its URL.",
        "pages",
    ),
    RowCheck(
        "gone-before-seen",
        "select id, url, gone_at, first_seen from articles where gone_at < first_seen",
        "article {0}",
        "Article {0} ({1}) is marked as gone since {2}, but was first seen at {3}",
        "Another program wrote it: crawl the site again with 'archiver crawl SITE --full', which checks whether the "
        "post is online.",
    ),
    RowCheck(
        "versions-missing",
        "select id from articles a where not exists (select 1 from revisions r where r.article_id = a.id)",
        "article {0}",
        "Article {0} has no revisions",
        "Restore the rows of 'revisions' from a backup.",
    ),
    RowCheck(
        "address-missing",
        "select id, url from articles a where not exists (select 1 from article_urls d where d.article_id = a.id) "
        f"and {IS_LIVE}",
        "article {0}",
        "Article {0} ({1}) has no row in 'article_urls'",
        "Restore the rows of 'article_urls' from a backup, or crawl the site again.",
    ),
    RowCheck(
        "row-dangling",
        f"select a.id, a.url, {field_evidence.NUMBER} as kind from articles a, json_each(iif(json_valid(a.evidence), "
        "a.evidence, '[]')) e where kind not in (select id from evidence_kinds)",
        "article {0}",
        "The source of a value of article {0} ({1}) is unknown: {2} is not in 'evidence_kinds'",
        "Restore the rows of 'evidence_kinds' from a backup, or run 'archiver reextract'.",
    ),
)
"""References to missing rows that no foreign key covers, and articles without a URL or revision."""
CAPTURES_OF_ARTICLES = (
    RowCheck(
        "capture-strange",
        "select a.id, a.url, c.url from articles a join captures c on c.id = a.capture_id where c.url <> a.url "
        "and not exists (select 1 from article_urls d where d.article_id = a.id and d.urlkey = urlkey(c.url)) "
        "and (not exists (select 1 from article_urls d where d.urlkey = urlkey(c.url)) or exists (select 1 from "
        "article_urls d join revisions r on r.article_id = d.article_id where d.urlkey = urlkey(c.url) "
        "and r.capture_id = c.id))",
        "article {0}",
        "The capture of article {0} ({1}) is of {2}, which is not a URL of the article",
        "Another program changed capture_id: restore it from the article's revision.",
    ),
)
"""Articles whose capture is of a URL that belongs to no article, or to another article with the same capture. If the
URL belongs to another article with another capture, the site may have used it for another post later."""
TOMBSTONES = (
    RowCheck(
        "removal-unfinished",
        "select url from tombstones where erased_at is null and allowed_at is null",
        "article {0}",
        "The takedown of {0} is not finished: files of the archive may still contain the post",
        "Run 'archiver remove --finish'.",
    ),
    RowCheck(
        "removed-again",
        "select d.article_id, d.url from article_urls d join tombstone_urls r on r.urlkey = d.urlkey join "
        "tombstones m on m.id = r.tombstone_id where m.erased_at is not null",
        "article {0}",
        "Article {0} has the URL {1} of a post that was removed",
        "Run 'archiver remove {0}', or 'archiver remove --allow {1}' to keep it.",
    ),
)
"""Unfinished takedowns, and removed posts that have come back."""
_REBUILD = "Run 'archiver verify --repair': it rebuilds the clusters from the links."
CLUSTERS = (
    RowCheck(
        "cluster-differs",
        "select c.id, c.size || iif(c.size = 1, ' member', ' members'), count(a.id) from clusters c left join articles "
        "a on a.cluster_id = c.id group by c.id having c.size <> count(a.id)",
        "cluster {0}",
        "Cluster {0} should have {1} but has {2}",
        _REBUILD,
        "clusters",
    ),
    RowCheck(
        "cluster-differs",
        "select id, cluster_id from articles where cluster_id is not null and cluster_id not in (select id from "
        "clusters)",
        "article {0}",
        "Article {0} is in cluster {1}, which does not exist",
        _REBUILD,
        "clusters",
    ),
    RowCheck(
        "cluster-differs",
        "select c.id, c.source_id from clusters c join articles a on a.id = c.source_id where a.cluster_id is not c.id",
        "cluster {0}",
        "The source of cluster {0}, article {1}, is not a member of it",
        _REBUILD,
        "clusters",
    ),
    RowCheck(
        "cluster-differs",
        "select n.article_id, n.other_id from near_duplicates n join articles a on a.id = n.article_id "
        "join articles b on b.id = n.other_id where a.cluster_id is not b.cluster_id or a.cluster_id is null",
        "article {0}",
        "Articles {0} and {1} are near-duplicates but not in the same cluster",
        _REBUILD,
        "clusters",
    ),
    RowCheck(
        "sketch-missing",
        "select distinct b.article_id from lsh_bands b join articles a on a.id = b.article_id "
        "where not exists (select 1 from minhash_signatures s where s.article_id = b.article_id)",
        "article {0}",
        "Article {0} is in the near-duplicate index but has no MinHash signature",
        "Run 'archiver index --clusters': it rebuilds the near-duplicate index.",
    ),
)
"""Clusters of near-duplicates: a wrong size or source, articles in missing clusters, near-duplicates in different
clusters, and missing MinHash signatures."""

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
        yield as_finding(path_of(db).name, damage)
    if {damage.table for damage in damages} & {"articles", "revisions"} and (lost := find_unreadable_articles(db)):
        yield VerifyFinding(
            "articles-unreadable",
            "articles" if len(lost) > 1 else f"article {lost[0]}",
            f"{counted_noun(len(lost), 'article')} cannot be read: {list_numbers(lost)}",
            RESTORE_BACKUP,
            unit=f"{TABLE_UNIT}articles",
        )


def as_finding(file: str, damage: DatabaseDamage) -> VerifyFinding:
    """Returns the finding for damage of the database file with this name."""
    return VerifyFinding(
        DAMAGED,
        f"table {damage.table}",
        f"{file} is damaged in {damage.phrase}",
        REBUILD_DAMAGED if damage.derived else RESTORE_BACKUP,
        "damaged" if damage.derived else "",
        unit=f"{TABLE_UNIT}{damage.table}",
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
            if name in own:
                yield from _compare_columns(db, fresh, name)
            else:
                yield VerifyFinding("table-missing", f"table {name}", f"The table {name} is missing", RESTORE_BACKUP)
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
