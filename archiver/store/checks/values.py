"""What stands in the columns: types, what must not be empty, times, JSON. Another program may write anything."""

from __future__ import annotations

from collections.abc import Iterator

from sqlite_utils import Database

from archiver.fields import STORED_LISTS, STORED_TIMES
from archiver.store.checks.finding import Finding, first_of
from archiver.store.shapes import when

REQUIRED = {
    "captures": ("url", "captured_at", "status", "digest", "warc_file", "warc_offset", "warc_length", "record_type"),
    "revisions": ("article_id", "revision", "observed_at", "content", "title"),
    "aliases": ("urlkey", "url", "article_id", "kind"), "article_urls": ("urlkey", "url", "article_id", "kind"),
    "page_discoveries": ("page_id", "source", "first_seen"),
    "page_sources": ("page_id", "source", "first_seen", "last_seen"),
}
"""Columns that are never empty, though the table would take it."""
TIMES = {
    "sites": ("added_at", "quiet_until", "soft_not_found_at"), "runs": ("started_at", "finished_at"),
    "captures": ("captured_at",), "pages": ("lastmod", "found_at", "fetched_at", "changed_at", "due_at"),
    "page_discoveries": ("first_seen", "last_seen", "first_capture", "last_capture"),
    "page_sources": ("first_seen", "last_seen", "first_capture", "last_capture"),
    "articles": (*STORED_TIMES, "read_at"),
    "aliases": ("first_seen",), "article_urls": ("first_seen",),
    "revisions": ("observed_at", "seen_again_at", "read_at"), "site_rules": ("learned_at", "since", "until"),
    "host_files": ("fetched_at",),
    "clusters": ("since",), "requisites": ("found_at", "fetched_at", "due_at"),
    "reextractions": ("started_at", "finished_at"),
}
JSON = {
    "sites": ("settings", "soft_not_found", "untrusted"), "pages": ("source_hints",),
    "revisions": ("changed", "content", "evidence"),
    "articles": (*STORED_LISTS, "evidence"),
}
_TYPES = {"INTEGER": ("integer",), "TEXT": ("text",), "FLOAT": ("real", "integer"), "REAL": ("real", "integer"),
          "BLOB": ("blob",)}
_REMEDY = "Another program wrote it: write back what it was, from a backup or from the article's versions."


def values(db: Database) -> Iterator[Finding]:
    """Every column of every table that the archive knows."""
    db.register_function(lambda text: when(text) is not None, name="is_time", deterministic=True, replace=True)
    tables = {name: sql for name, sql in db.execute("select name, sql from sqlite_master where type = 'table'")
              if not name.startswith(("articles_fts", "sqlite_", "_"))}
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
        tests += [(name, "no-time", f"typeof(\"{name}\") = 'text' and not is_time(\"{name}\")")
                  for name in TIMES.get(table, ()) if name in columns]
        tests += [(name, "no-json", f"typeof(\"{name}\") = 'text' and not json_valid(\"{name}\")")
                  for name in JSON.get(table, ()) if name in columns]
        yield from first_of(_failing(db, table, keys, tests))


_SAYS = {"wrong-type": "of another type than the column", "empty": "empty, and must not be",
         "no-time": "no time in ISO 8601", "no-json": "no JSON"}


def _failing(db: Database, table: str, keys: list[str], tests: list[tuple[str, str, str]]) -> Iterator[Finding]:
    if not tests:
        return
    flags = ", ".join(f"({test})" for _, _, test in tests)
    where = " or ".join(f"({test})" for _, _, test in tests)
    named, same = ", ".join(keys), " and ".join(f"{key} is ?" for key in keys)
    for row in db.execute(f'select {named}, {flags} from "{table}" where {where}'):
        key, failed = row[:len(keys)], row[len(keys):]
        for (name, kind, _), wrong in zip(tests, failed, strict=True):
            if wrong:
                value = db.execute(f'select "{name}" from "{table}" where {same}', key).fetchone()[0]
                number = " ".join(map(str, key))
                yield Finding(kind, f"{table} row {number}",
                              f"{name} in row {number} of {table} is {_SAYS[kind]} ({str(value)[:60]!r})", _REMEDY)
