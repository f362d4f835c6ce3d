"""Checks the copy of an archive's database before it takes the place of the last backup."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlite_utils import Database

from archiver.articles.identity import content_digest
from archiver.errors import ArchiverError, BackupDamaged
from archiver.maintenance.backups.generations import archive_id, find_generations
from archiver.maintenance.database_damage import DatabaseDamage, find_damage, find_database_damage, stored_tables
from archiver.maintenance.verify_database import FTS, check_schema, counted_noun
from archiver.storage.connection import open_archive

_MOST_NAMED = 3


def check_copy(copy: Database, source: Database, archive: Path, target: Path, *, force: bool = False) -> None:
    """Checks a copy of the database of `archive` that is to take the place of the backup at `target`. Raises
    BackupDamaged if the copy is damaged.

    The check covers all pages, tables and indexes (by SQLite), the schema, and whether every row can be read. Unless
    `force` is True, each article's text is also compared with its digest, and no article of the backup at `target` may
    be missing without a reason.
    """
    if found := find_fault(copy):
        what = (
            f"{archive} is damaged ({found})"
            if find_fault(source)
            else f"the copy that was written is damaged ({found}), but {archive} is undamaged: check the disk of "
            f"{target.parent}"
        )
        raise BackupDamaged(str(target), what, _advice(copy, source, archive, target))
    if force:
        return
    if altered := [number for number, body, digest in _texts(copy) if (content_digest(body or "") or None) != digest]:
        raise BackupDamaged(
            str(target),
            f"the text of {_list_articles(altered)} does not match its digest: {archive} is damaged, or another "
            "program changed it",
            f"{_advice(copy, source, archive, target)} If the text is right, --force makes the backup anyway.",
        )
    if lost := _find_lost_articles(copy, target):
        raise BackupDamaged(
            str(target),
            f"{_list_articles(lost)} of the existing backup {'is' if len(lost) == 1 else 'are'} missing in {archive}, "
            "and no removal is recorded",
            f"{_advice(copy, source, archive, target)} If they are meant to be missing, --force makes the backup "
            "anyway.",
        )


def find_fault(db: Database) -> str:
    """Returns the first fault of a database as a phrase: damage, a missing or changed table or column, or a row that
    cannot be read; "" if the database has no fault.

    Missing indexes, triggers and views are not a fault, because they can be rebuilt. Raises sqlite3.Error if another
    program prevents the check.
    """
    if damage := find_damage(db):
        return damage
    try:
        schema = next((one for one in check_schema(db) if one.kind in _SCHEMA_FAULTS and not one.mend), None)
    except sqlite3.Error as error:
        return str(error)
    return schema.sentence[0].lower() + schema.sentence[1:] if schema else _find_unreadable_row(db)


_SCHEMA_FAULTS = ("table-missing", "column-missing", "column-changed")
_WITHOUT_TEXT = ("lsh_bands", "minhash_signatures", f"{FTS}_data", f"{FTS}_idx", f"{FTS}_docsize")
"""Tables whose rows are not read in the check, because they contain no text."""


def _find_unreadable_row(db: Database) -> str:
    for table in stored_tables(db):
        if table in _WITHOUT_TEXT:
            continue
        try:
            for _ in db.execute(f'select * from "{table}"'):
                pass
        except sqlite3.Error as error:
            return f"the table {table}: {error}"
    return ""


def _texts(copy: Database) -> Iterator[tuple[int, str, str]]:
    yield from copy.execute("select id, body, content_digest from articles")


def _find_lost_articles(copy: Database, target: Path) -> list[int]:
    """Returns the IDs of articles that the earlier backup at `target` has and the copy lacks. Articles are left out if
    a person removed them or their site, or if they were merged into another article because both are one post.
    """
    if not target.exists():
        return []
    try:
        earlier = open_archive(target, read_only=True, to_copy=True)
    except ArchiverError:
        return []
    try:
        if archive_id(earlier) != archive_id(copy):
            return []
        own = {row[0] for row in copy.execute("select id from articles")}
        lost = [row for row in earlier.execute("select id, urlkey, site from articles") if row[0] not in own]
    except sqlite3.Error:
        return []  # the earlier backup is damaged, so it is kept but not compared
    finally:
        earlier.close()
    return sorted(
        number
        for number, urlkey, site in lost
        if not copy.execute(
            "select exists (select 1 from tombstones where article_id = ?) or exists (select 1 from article_urls where "
            "urlkey = ?) or not exists (select 1 from sites where name = ?)",
            [number, urlkey, site],
        ).fetchone()[0]
    )


def _advice(copy: Database, source: Database, archive: Path, target: Path) -> str:
    """Returns sentences that say which backup was kept, and what to do."""
    if _is_only_derived_damaged(copy):
        return (
            f"The last backup is kept. Only indexes are damaged, which 'archiver verify --repair --archive {archive}' "
            "rebuilds."
        )
    good = next((one for one in find_generations(target, source) if not one.damage), None)
    if good is None:
        return (
            f"There is no undamaged backup there. 'archiver verify --archive {archive}' shows what is damaged, and "
            f"'sqlite3 {archive} .recover' saves what is readable."
        )
    return (
        f"The last good backup, {good.path} of {good.made_at:%Y-%m-%d %H:%M} UTC, is kept. 'archiver verify --archive "
        f"{archive}' shows what is damaged; 'archiver restore {good.path} --archive {archive}' puts the backup in the "
        "archive's place."
    )


def _is_only_derived_damaged(copy: Database) -> bool:
    damages = _damages(copy)
    return bool(damages) and all(one.derived for one in damages)


def _damages(copy: Database) -> list[DatabaseDamage]:
    try:
        return list(find_database_damage(copy))
    except sqlite3.Error:
        return []


def _list_articles(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:_MOST_NAMED]))
    if len(numbers) > _MOST_NAMED:
        return f"{counted_noun(len(numbers), 'article')} (the first are {shown})"
    return f"article {shown}" if len(numbers) == 1 else f"articles {shown}"
