"""Measures searching a generated archive: classes of queries when warm, building the index, and a first query."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import generated_archive
from generated_archive import CITIES, CJK, FREQUENT, NEIGHBOURS, word
from process import run
from progress import with_progress
from search_peers import Queries, Times, measured
from table import Column, tenths, whole

from archiver.archive import Archive
from archiver.search.histogram import UNITS
from archiver.search.search_index import open_searcher, refresh_index
from archiver.storage.database import open_archive
from archiver.storage.full_text import index_folder

COLUMNS = (
    Column("queries", "queries", form=whole),
    Column("hits", "hits, median", form=whole),
    Column("p50", "p50 ms", form=tenths),
    Column("p95", "p95 ms", at_most=50, form=tenths),
    Column("cpu", "CPU p95 ms", form=tenths),
    Column("facets", "with facets, p95 ms", at_most=150, form=tenths),
)
MAKING = (
    Column("index_ms", "index ms an article", at_most=2, form=lambda value: f"{value:.2f}"),
    Column("index_cpu", "CPU ms", form=lambda value: f"{value:.2f}"),
    Column("bytes", "index bytes an article", form=whole),
    Column("cold_s", "first query s", at_most=1, form=tenths),
    Column("cold_cpu", "CPU s", form=tenths),
)
_OTHER = "quay"
"""A word that no other query uses."""
_FACETS_EACH = 20
_OTHERS_EACH = 30


def _some(choice: random.Random) -> str:
    return word(choice.randrange(30, 2_000))


QUERIES: dict[str, Callable[[random.Random], tuple[str, dict[str, Any]]]] = {
    "rare word": lambda c: (word(c.randrange(20_000, 50_000)), {}),
    "frequent word": lambda c: (FREQUENT, {"offset": c.randrange(5) * 20}),
    "two words": lambda c: (f"{_some(c)} {_some(c)}", {}),
    "phrase": lambda c: (f'"{word(c.randrange(60))} {word(c.randrange(60))}"', {}),
    "prefix": lambda c: (f"{_some(c)[:3]}*", {}),
    "Chinese": lambda c: (CJK[: c.randrange(2, 5)], {}),
    "NEAR": lambda c: (f"{NEIGHBOURS[0]} NEAR/{c.randrange(3, 9)} {NEIGHBOURS[1]}", {}),
    "like an article": lambda c: ("", {"like": c.randrange(1, 50)}),
    "near copies folded": lambda c: (FREQUENT, {"fold": "cluster"}),
    "field": lambda c: (f"title:{_some(c)}", {}),
    "radius and text": lambda c: (FREQUENT, {"near": CITIES[c.randrange(100)][1:], "within": 100.0}),
}

ANSWERS: dict[str, Callable[[Archive, random.Random], int]] = {
    "histogram": lambda a, c: (
        a.histogram(FREQUENT if c.random() < 0.5 else _some(c), unit=c.choice(("", "year", "month", "day"))).total
    ),
}
"""Results other than hits. Half of the queries use the frequent word."""


def measure(
    count: int, each: int, work: Path, cache: Path
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return a row for each class of queries and for each other way to search, and a row for the index."""
    file = work / "archive.db"
    if not file.exists():
        generated_archive.write(file, count)
    db = open_archive(file)
    began, worked = time.perf_counter(), time.process_time()
    refresh_index(db, file, rebuild=True)
    passed, busy = _since(began, worked)
    db.close()
    size = sum(part.stat().st_size for part in index_folder(file).iterdir())
    ran = run([sys.executable, "-m", "archiver", "search", FREQUENT, "--archive", str(file)])
    if ran.code:
        raise SystemExit(f"The first query failed: {ran.err[-2000:]}")
    making = {
        "index": {
            "index_ms": passed / count,
            "index_cpu": busy / count,
            "bytes": size / count,
            "cold_s": ran.seconds,
            "cold_cpu": ran.cpu_seconds,
        }
    }
    with Archive(file) as archive:
        rows = {
            name: _row(archive, make, each) for name, make in with_progress(QUERIES.items(), "queries", len(QUERIES))
        }
        rows |= {
            name: _answered(archive, ask, each) for name, ask in with_progress(ANSWERS.items(), "answers", len(ANSWERS))
        }
    rows |= _other_ways(file, each, work, cache)
    return rows, making


def _row(archive: Archive, make: Callable[[random.Random], tuple[str, dict[str, Any]]], each: int) -> dict[str, Any]:
    choice = random.Random(11)
    asked = [make(choice) for _ in range(each)]
    hits: list[int] = []
    times = []
    for text, more in asked:
        _forget(archive)
        began, worked = time.perf_counter(), time.process_time()
        hits.append(archive.results(text, **more).total)
        times.append(_since(began, worked))
    counted = []
    for text, more in asked[:_FACETS_EACH]:
        _forget(archive)
        began, worked = time.perf_counter(), time.process_time()
        archive.results(text, **more)
        archive.facets(text, **{name: value for name, value in more.items() if name != "offset"})
        counted.append(_since(began, worked)[0])
    return _figures(times) | {"hits": _share(hits, 0.5), "facets": _share(counted, 0.95)}


def _forget(archive: Archive) -> None:
    """Clear the caches of earlier queries, so that each query is measured as the first with its words. The counts of
    archived articles by period, which only the very first query computes, are cached again."""
    open_searcher(archive.db).forget()
    for unit in UNITS:
        archive.histogram(_OTHER, unit=unit)


def _since(began: float, worked: float) -> tuple[float, float]:
    return (time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000


def _answered(archive: Archive, ask: Callable[[Archive, random.Random], int], each: int) -> dict[str, Any]:
    choice = random.Random(11)
    hits, times = [], []
    for _ in range(each):
        _forget(archive)
        began, worked = time.perf_counter(), time.process_time()
        hits.append(ask(archive, choice))
        times.append(_since(began, worked))
    return _figures(times) | {"hits": _share(hits, 0.5)}


def _share(values: list[Any], share: float) -> Any:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] if values else None


def _other_ways(file: Path, each: int, work: Path, cache: Path) -> dict[str, dict[str, Any]]:
    """Measure the other ways to search, with the classes of queries that all of them support."""
    choice = random.Random(11)
    asked: Queries = {
        name: [
            (text.replace('"', ""), '"' in text)
            for text, _ in (QUERIES[name](choice) for _ in range(min(each, _OTHERS_EACH)))
        ]
        for name in ("rare word", "frequent word", "two words", "phrase")
    }
    return {f"{peer}: {name}": _figures(times) for peer, name, times in measured(file, asked, work, cache)}


def _figures(times: Times) -> dict[str, Any]:
    """Return the figures of wall and CPU milliseconds."""
    passed, worked = [one for one, _ in times], [one for _, one in times]
    return {
        "queries": len(times),
        "hits": None,
        "p50": _share(passed, 0.5),
        "p95": _share(passed, 0.95),
        "cpu": _share(worked, 0.95),
        "facets": None,
    }


def reference_rows(rows: dict[str, Any]) -> set[str]:
    """Return the names of the rows that are only for comparison."""
    return set(rows) - set(QUERIES) - set(ANSWERS)
