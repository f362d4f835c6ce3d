"""How fast an archive is searched: classes of queries over a generated one, warm; its index made; a first query."""

from __future__ import annotations

import random
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import generated_archive
from generated_archive import CITIES, CJK, FREQUENT, NEIGHBOURS, word
from process import run
from progress import told
from table import Column, tenths, whole

from archiver.archive import Archive
from archiver.search.index.refresh import refresh
from archiver.store.connect import open_archive
from archiver.store.search_folder import folder_of

COLUMNS = (
    Column("queries", "queries", form=whole), Column("hits", "hits, median", form=whole),
    Column("p50", "p50 ms", form=tenths), Column("p95", "p95 ms", at_most=50, form=tenths),
    Column("facets", "with facets, p95 ms", at_most=150, form=tenths),
)
MAKING = (
    Column("index_ms", "index ms an article", at_most=2, form=lambda value: f"{value:.2f}"),
    Column("bytes", "index bytes an article", form=whole), Column("cold_s", "first query s", at_most=1, form=tenths),
)
_FACETS_EACH = 20


def _some(choice: random.Random) -> str:
    return word(choice.randrange(30, 2_000))


QUERIES: dict[str, Callable[[random.Random], tuple[str, dict[str, Any]]]] = {
    "rare word": lambda c: (word(c.randrange(20_000, 50_000)), {}),
    "frequent word": lambda c: (FREQUENT, {"offset": c.randrange(5) * 20}),
    "two words": lambda c: (f"{_some(c)} {_some(c)}", {}),
    "phrase": lambda c: (f'"{word(c.randrange(60))} {word(c.randrange(60))}"', {}),
    "prefix": lambda c: (f"{_some(c)[:3]}*", {}),
    "Chinese": lambda c: (CJK[:c.randrange(2, 5)], {}),
    "NEAR": lambda c: (f"{NEIGHBOURS[0]} NEAR/{c.randrange(3, 9)} {NEIGHBOURS[1]}", {}),
    "all forms of a word": lambda c: (f"stem:{_some(c)}", {}),
    "like an article": lambda c: ("", {"like": c.randrange(1, 50)}),
    "near copies folded": lambda c: (FREQUENT, {"fold": "cluster"}),
    "field": lambda c: (f"title:{_some(c)}", {}),
    "radius and text": lambda c: (FREQUENT, {"near": CITIES[c.randrange(100)][1:], "within": 100.0}),
}

ANSWERS: dict[str, Callable[[Archive, random.Random], int]] = {
    "recency": lambda a, c: a.results(FREQUENT if c.random() < 0.5 else _some(c), recent=365).total,
    "histogram": lambda a, c: a.histogram(FREQUENT if c.random() < 0.5 else _some(c),
                                          unit=c.choice(("", "year", "month", "day"))).total,
    "trend of three": lambda a, c: a.trend(FREQUENT, _some(c), f'"{_some(c)} {_some(c)}"').series[0].total,
    "concordance": lambda a, c: a.concordance(FREQUENT if c.random() < 0.5 else _some(c)).articles,
}
"""What is answered beside hits; half of the queries are of the frequent word."""


def measure(count: int, each: int, work: Path) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """A row for each class of queries and for the index; a second for SQLite's own full text beside it."""
    file = work / "archive.db"
    generated_archive.write(file, count)
    db = open_archive(file)
    started = time.perf_counter()
    refresh(db, file, anew=True)
    made = (time.perf_counter() - started) * 1000 / count
    db.close()
    size = sum(part.stat().st_size for part in folder_of(file).iterdir())
    ran = run([sys.executable, "-m", "archiver", "search", FREQUENT, "--archive", str(file)])
    if ran.code:
        raise SystemExit(f"The first query failed: {ran.err[-2000:]}")
    with Archive(file) as archive:
        rows = {name: _row(archive, make, each) for name, make in told(QUERIES.items(), "queries", len(QUERIES))}
        rows |= {name: _answered(archive, ask, each) for name, ask in told(ANSWERS.items(), "answers", len(ANSWERS))}
    rows |= _beside(file)
    return rows, {"index": {"index_ms": made, "bytes": size / count, "cold_s": ran.seconds}}


def _row(archive: Archive, make: Callable[[random.Random], tuple[str, dict[str, Any]]], each: int) -> dict[str, Any]:
    choice = random.Random(11)
    asked = [make(choice) for _ in range(each)]
    hits: list[int] = []
    times = []
    for text, more in asked:
        started = time.perf_counter()
        hits.append(archive.results(text, **more).total)
        times.append(time.perf_counter() - started)
    counted = []
    for text, more in asked[:_FACETS_EACH]:
        started = time.perf_counter()
        archive.results(text, **more)
        archive.facets(text, **{name: value for name, value in more.items() if name != "offset"})
        counted.append(time.perf_counter() - started)
    return {"queries": each, "hits": _share(hits, 0.5), "p50": _share(times, 0.5) * 1000,
            "p95": _share(times, 0.95) * 1000, "facets": _share(counted, 0.95) * 1000}


def _answered(archive: Archive, ask: Callable[[Archive, random.Random], int], each: int) -> dict[str, Any]:
    choice = random.Random(11)
    hits, times = [], []
    for _ in range(each):
        started = time.perf_counter()
        hits.append(ask(archive, choice))
        times.append(time.perf_counter() - started)
    return {"queries": each, "hits": _share(hits, 0.5), "p50": _share(times, 0.5) * 1000,
            "p95": _share(times, 0.95) * 1000, "facets": None}


def _share(values: list[Any], share: float) -> Any:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


BESIDE = {"FTS5, order by rank": "rank", "FTS5, weighted bm25": "bm25(articles_fts, 1, 10, 4, 4, 4, 2)"}
"""What SQLite's own full text takes for the frequent word, without folding or facets."""


def _beside(file: Path) -> dict[str, dict[str, Any]]:
    conn = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    out = {}
    for name, order in BESIDE.items():
        times = []
        for _ in range(10):
            started = time.perf_counter()
            conn.execute("select rowid, snippet(articles_fts, 0, '', '', '', 30) from articles_fts where articles_fts "
                         f"match ? order by {order} limit 20", [FREQUENT]).fetchall()
            times.append(time.perf_counter() - started)
        out[name] = {"queries": len(times), "hits": None, "p50": _share(times, 0.5) * 1000,
                     "p95": _share(times, 0.95) * 1000, "facets": None}
    conn.close()
    return out
