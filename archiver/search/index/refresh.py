"""Bringing the index up to the database, or making it anew.

It may be killed at any moment: what was under way is then done again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import tantivy
from sqlite_utils import Database

from archiver.errors import ArchiveNotWritable, ArchiverError
from archiver.search.index import files, state
from archiver.search.index.commonest import common_words, has_outgrown
from archiver.search.index.document import document, rows
from archiver.search.index.schema import schema
from archiver.search.index.searcher import index_in
from archiver.store.connect import open_archive
from archiver.store.search_folder import clear, folder_of, locked

_BATCH = 1_000
_HEAP_BYTES = 128 << 20

Progress = Callable[[int, int], None]
"""Is told how many articles of how many are in the index."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """`damaged` tells what of the index that was there was not as it had been written."""

    articles: int
    anew: bool
    damaged: str = ""


def refresh(db: Database, archive: Path, *, anew: bool = False, progress: Progress | None = None) -> Refreshed:
    """Put what changed in the archive into its index; all of it with `anew`, or where there is none of this archive.

    `db` is open for writing. One process at a time does this, others wait up to 30 s and then leave it to that one.
    Raises OSError where the folder cannot be written.
    """
    folder = folder_of(archive)
    folder.mkdir(exist_ok=True)
    with locked(folder) as mine:
        if not mine:
            return Refreshed(0, anew=False)
        damage = "" if anew or not state.belongs(db, folder) else _damage(folder)
        anew = anew or bool(damage) or not state.belongs(db, folder)
        if not anew and not state.is_behind(db):
            return Refreshed(0, anew=False)
        changed = state.changes(db)
        said = state.told(folder)
        there = _articles(db)
        anew = anew or has_outgrown(there, said.get("articles", 0), len(changed.ids))
        token = state.begin(db)
        common, of = frozenset(said.get("common", ())), said.get("articles", 0)
        done = None if anew else _filled(folder, db, changed.ids, common, anew=False, progress=progress)
        if done is None:
            damage = damage if anew else files.damaged(folder) or "it cannot be written to"
            clear(folder)
            ids = [row[0] for row in db.execute("select id from articles order by id")]
            common, of = common_words(db, ids), there
            done = _filled(folder, db, ids, common, anew=True, progress=progress)
            anew = True
        state.written(folder, token, common, of)
        state.finish(db, token, changed.last)
        return Refreshed(done or 0, anew, damage)


def refresh_archive(archive: Path, *, anew: bool = False, progress: Progress | None = None) -> Refreshed:
    """`refresh` for the archive at a path. Raises what `open_archive` does, and ArchiveNotWritable."""
    db = open_archive(archive)
    try:
        return refresh(db, archive, anew=anew, progress=progress)
    except OSError as error:
        raise ArchiveNotWritable(str(archive), error.strerror or str(error)) from error
    finally:
        db.close()


def refresh_after_writing(archive: Path, progress: Progress | None = None) -> str:
    """`refresh_archive` after a crawl or an import, which does not fail where this does: the next search tries again.
    Returns a sentence where the index was damaged or is not up to date, else ""."""
    try:
        return damage_sentence(refresh_archive(archive, progress=progress))
    except ArchiverError as error:
        return f"The search index is not up to date yet: {error}"


def damage_sentence(done: Refreshed) -> str:
    if not done.damaged:
        return ""
    return f"The search index was damaged ({done.damaged}): it was made anew from the archive."


def _articles(db: Database) -> int:
    """How many there are, or a little more: to count a million takes as long as to find in it."""
    return int(db.execute("select ifnull(max(id), 0) from articles").fetchone()[0])


def _filled(folder: Path, db: Database, ids: Sequence[int], common: Collection[str], *, anew: bool,
            progress: Progress | None) -> int | None:
    """How many articles were put into the index of a folder; None where what is there is damaged.

    Raises OSError where a new one cannot be written.
    """
    try:
        fill(tantivy.Index(schema(), path=str(folder)), db, ids, common, anew=anew, progress=progress)
    except ValueError as error:  # tantivy's only kind
        if anew:
            raise OSError(str(error)) from error
        return None
    return len(ids)


def _damage(folder: Path) -> str:
    """What of an index is not as it was written; "" where nothing is that shows without reading all of it."""
    known = state.known(folder)
    try:
        if name := files.damaged(folder, known):
            return name
        index_in(folder).searcher()
    except (ValueError, OSError) as error:
        return str(error)
    if files.stamps(folder) != known:  # copied, or killed right before its last step: its files are not read again
        said = state.told(folder)
        state.written(folder, said["token"], said["common"], said["articles"])
    return ""


def fill(index: tantivy.Index, db: Database, ids: Sequence[int], common: Collection[str] = (), *, anew: bool,
         progress: Progress | None = None) -> None:
    """The entries of these articles in place of those they had, with their pairs of common words."""
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
    for start in range(0, len(ids), _BATCH):
        batch = ids[start:start + _BATCH]
        if not anew:
            for number in batch:
                writer.delete_documents_by_term("id", number)
        for row in rows(db, batch):
            writer.add_document(document(row, common))
        if progress:
            progress(min(start + _BATCH, len(ids)), len(ids))
    writer.commit()
    writer.wait_merging_threads()
