"""The index beside an archive against the archive: which articles it lacks, has too many of, or has as they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlite_utils import Database
from tantivy import Query

from archiver.search.index import files, state
from archiver.search.index.document import rows
from archiver.search.index.searcher import Searcher, index_in, place_of
from archiver.store.checks.finding import Finding, first_of
from archiver.store.search_folder import folder_of

_BATCH = 1_000
_REMEDY = "Run 'archiver verify --repair', or 'archiver index --rebuild': it is made anew from the archive."


def checked(db: Database, archive: Path, *, quick: bool = False) -> Iterator[Finding]:
    """What is wrong with the index of an archive. What it does not know yet, and an index that there is not, are no
    findings: it is brought up to date before it is asked. Nor is one that this user may not read. `quick` compares the
    numbers of the articles alone.
    """
    folder = folder_of(archive)
    if not state.is_migrated(db) or not state.belongs(db, folder):
        return
    try:
        damage = files.damaged(folder, state.known(folder) if quick else None)
        with place_of(folder) as place:
            there = {} if damage else _entries(Searcher(index_in(place), folder))
    except PermissionError:
        return
    except (ValueError, OSError) as error:
        damage = str(error)
    if damage:
        yield Finding("search-index-damaged", folder.name, f"The search index is not as it was written: {damage}",
                      _REMEDY, "search")
        return
    behind = set(state.changes(db).ids)
    ids = [row[0] for row in db.execute("select id from articles order by id")]
    yield from _told(sorted(set(there) - set(ids) - behind), "strange",
                     "The search index has an article {0} that is not there")
    yield from _told((number for number in ids if number not in there and number not in behind), "lacks",
                     "Article {0} is not in the search index: no search finds it")
    if not quick:
        stamps = ((row["id"], row["stamp"]) for start in range(0, len(ids), _BATCH)
                  for row in rows(db, ids[start:start + _BATCH]))
        yield from _told((number for number, stamp in stamps
                          if number not in behind and there.get(number, stamp) != stamp),
                         "differs", "The search index has article {0} as it was before")


def _told(numbers: Iterable[int], kind: str, sentence: str) -> Iterator[Finding]:
    return first_of((Finding(f"search-index-{kind}", f"article {number}", sentence.format(number), _REMEDY, "search")
                     for number in numbers), 20)


def _entries(searcher: Searcher) -> dict[int, int]:
    """The stamp of each article that the index has."""
    addresses = [address for _, address in searcher.search(Query.all_query(), limit=max(searcher.num_docs, 1)).hits]
    return dict(zip(searcher.fast_field_values("id", addresses), searcher.fast_field_values("stamp", addresses),
                    strict=True))
