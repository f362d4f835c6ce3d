"""Measures other ways to search the same articles: Datasette's table search, sqlite-utils, FTS5, DuckDB, plain tantivy.

None of them folds duplicates or counts the matches. Only FTS5 by rank returns a snippet.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import tantivy
from measure_peers import Peer, environments
from process import run
from sqlite_utils import Database
from tantivy import Query

from archiver.search.index_documents import index_schema
from archiver.search.word_splitting import split_into_words
from archiver.storage.database import open_archive
from archiver.storage.full_text import index_folder, make_fts
from archiver.storage.transactions import writing

Queries = dict[str, list[tuple[str, bool]]]
"""The queries of each class: their words, and whether these are a phrase."""
Times = list[tuple[float, float]]
"""Wall and CPU milliseconds of each query."""
DUCKDB = Peer("DuckDB fts", "run_duckdb.py", ("duckdb", "duckdb-extension-fts"))
_LIMIT = 3_600


def measured(file: Path, asked: Queries, work: Path, cache: Path) -> Iterator[tuple[str, str, Times]]:
    """Yield peer, class and times. A peer that cannot be run has a single class "-" without times."""
    with closing(open_archive(file)) as db, writing(db):
        make_fts(db)
    for peer, opened in (
        ("Datasette's _search", _datasette),
        ("sqlite-utils search", _sqlite_utils),
        ("FTS5 by rank, snippet", _ranked),
        ("tantivy alone", _tantivy),
    ):
        with closing(_connected(file)) as db:
            ask = opened(db, file)
            for name, queries in asked.items():
                yield peer, name, [_timed(ask, *query) for query in queries]
    yield from _duckdb(file, asked, work, cache)


def _connected(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True)


def _timed(ask: Callable[[str, bool], Any], text: str, phrase: bool) -> tuple[float, float]:
    began, worked = time.perf_counter(), time.process_time()
    ask(text, phrase)
    return (time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000


def _quoted(text: str, phrase: bool) -> str:
    return f'"{text}"' if phrase else " ".join(f'"{word}"' for word in text.split())


def _datasette(db: sqlite3.Connection, file: Path) -> Callable[[str, bool], Any]:
    """Search like the first page of a table with _search: a hundred rows by number, not ranked."""
    return lambda text, phrase: db.execute(
        "select id, url, site, title, body, published from articles where rowid in (select rowid from articles_fts "
        "where articles_fts match ?) order by id limit 101",
        [_quoted(text, phrase)],
    ).fetchall()


def _sqlite_utils(db: sqlite3.Connection, file: Path) -> Callable[[str, bool], Any]:
    table = Database(db)["articles"]
    columns = ["id", "url", "site", "title", "body", "published"]
    return lambda text, phrase: list(table.search(_quoted(text, phrase), columns=columns, limit=20))


def _ranked(db: sqlite3.Connection, file: Path) -> Callable[[str, bool], Any]:
    return lambda text, phrase: db.execute(
        "select rowid, snippet(articles_fts, 1, '', '', '', 30) from articles_fts where articles_fts match ? "
        "order by rank limit 20",
        [_quoted(text, phrase)],
    ).fetchall()


def _tantivy(db: sqlite3.Connection, file: Path) -> Callable[[str, bool], Any]:
    """Search only the body in our own index for the first 20 results."""
    searcher = tantivy.Index.open(str(index_folder(file))).searcher()

    def ask(text: str, phrase: bool) -> Any:
        tokens = split_into_words(text)
        query = (
            Query.phrase_query(index_schema(), "body", list(tokens))
            if phrase
            else Query.boolean_query(
                [(tantivy.Occur.Must, Query.term_query(index_schema(), "body", token, "freq")) for token in tokens]
            )
        )
        return searcher.search(query, limit=20, count=False).hits

    return ask


def _duckdb(file: Path, asked: Queries, work: Path, cache: Path) -> Iterator[tuple[str, str, Times]]:
    python = environments([DUCKDB], cache)[DUCKDB.packages]
    if isinstance(python, str):
        yield f"{DUCKDB.title} {python}", "-", []
        return
    with closing(_connected(file)) as db, (work / "articles.jsonl").open("w", encoding="utf-8") as out:
        for row in db.execute("select id, title, body from articles"):
            out.write(json.dumps(dict(zip(("id", "title", "body"), row, strict=True)), ensure_ascii=False) + "\n")
    (work / "queries.json").write_text(json.dumps(asked), encoding="utf-8")
    ran = run(
        [
            str(python),
            "-P",
            str(Path(__file__).with_name(DUCKDB.way)),
            str(work / "articles.jsonl"),
            str(work / "queries.json"),
        ],
        _LIMIT,
        PYTHONPATH="",
    )
    (work / "articles.jsonl").unlink()
    if ran.code:
        yield f"{DUCKDB.title} could not be run: {(ran.err.strip().splitlines() or ['no message'])[-1]}", "-", []
        return
    for name, times in json.loads(ran.out)["classes"].items():
        yield DUCKDB.title, name, [(passed, worked) for passed, worked in times]
