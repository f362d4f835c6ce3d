"""Whether an index and a database belong together, and what the one does not know of the other yet.

The database notes the numbers of articles that changed (`search_index_pending`, by triggers), and in
`search_index_state` a token of the last time that the index was brought up to date (`token`), and of one that is under
way (`under_way`). The index has its own in a file beside it. Where neither is the same, as after a database was put
back from a backup, the index is rebuilt.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.search.index.files import LISTS, Stamps, stamps
from archiver.search.index.schema import FORMAT
from archiver.store.migrations import migrations
from archiver.store.transaction import writing

_FILE = "archiver.json"


@dataclass(frozen=True, slots=True)
class Changes:
    """Articles that changed since, in their order, up to the note `last`."""

    ids: tuple[int, ...]
    last: int


def is_migrated(db: Database) -> bool:
    """False for an archive of an earlier release: writing its index would open the archive to write, and migrate it."""
    return not migrations.pending(db)


def belongs(db: Database, folder: Path) -> bool:
    """Whether the index in a folder is one of this database and of today's format."""
    said = told(folder)
    return said.get("format") == FORMAT and said.get("token") in tokens(db).values()


def told(folder: Path) -> dict[str, Any]:
    """What stands in the file beside an index; {} where there is none, or none that can be read."""
    try:
        said = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def known(folder: Path) -> Stamps:
    """The files of an index as they were when it was last written."""
    said = told(folder).get("files")
    return {name: tuple(stamp) for name, stamp in said.items()} if isinstance(said, dict) else {}


def disown(folder: Path) -> None:
    """The index in a folder is no longer anybody's, so that it is made anew; where it cannot be written it stays."""
    with suppress(OSError):
        (folder / _FILE).unlink()


def tokens(db: Database) -> dict[str, str]:
    return dict(db.execute("select key, value from search_index_state where key in ('token', 'under_way')").fetchall())


def is_behind(db: Database) -> bool:
    return bool(db.execute("select exists (select 1 from search_index_pending)").fetchone()[0])


def changes(db: Database) -> Changes:
    rows = db.execute("select id, seq from search_index_pending order by seq").fetchall()
    return Changes(tuple(row[0] for row in rows), rows[-1][1] if rows else 0)


def begin(db: Database) -> str:
    """A new token; from now on an index that has it is one of this database."""
    token = secrets.token_hex(16)
    with writing(db):
        db.execute("insert or replace into search_index_state (key, value) values ('under_way', ?)", [token])
    return token


def written(folder: Path, token: str, common: Collection[str], articles: int) -> None:
    """The index in a folder is as the database was at this token: said there first, on the disk. It has the pairs of
    these `common` words, which were found when so many `articles` were there."""
    new = folder / f"{_FILE}.new"
    with new.open("w", encoding="utf-8") as out:
        json.dump({"format": FORMAT, "token": token, "articles": articles, "common": sorted(common),
                   "files": stamps(folder)}, out, ensure_ascii=False)
        out.flush()
        os.fsync(out.fileno())
    for name in LISTS:  # the index keeps these to its owner, whoever may read the others
        with suppress(FileNotFoundError):
            (folder / name).chmod(new.stat().st_mode & 0o666)
    new.replace(folder / _FILE)


def finish(db: Database, token: str, last: int) -> None:
    """The changes up to `last` are in the index."""
    with writing(db):
        db.execute("delete from search_index_pending where seq <= ?", [last])
        db.execute("insert or replace into search_index_state (key, value) values ('token', ?)", [token])
        db.execute("delete from search_index_state where key = 'under_way'")
