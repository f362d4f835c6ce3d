"""Extracts the pages of the corpus with the archiver and with trafilatura in turns, and scores both."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import dateparser
from process import ROOT, run
from progress import with_progress
from table import Column, Slack, hundredths, tenths, whole

POINTS, LESS, RATIO = Slack(0.3), Slack(0.3, less=True), Slack(0.2, relative=True)
OURS, THEIRS = "archiver", "trafilatura"


# The bars of the corpus. Keys are those of the scorer's summary; values are percent unless stated otherwise.
CORPUS = (
    Column("pages", "pages"),
    Column("body: shingle F1", "body F1", 95.5, form=tenths, slack=POINTS),
    Column("body: shingle precision", "P", form=tenths, slack=POINTS),
    Column("body: shingle recall", "R", form=tenths, slack=POINTS),
    Column("body: token F1", "tokens", form=tenths, slack=POINTS),
    Column("body: empty (less is better)", "empty", at_most=0, form=hundredths, slack=Slack(0, less=True)),
    Column("segments: F1", "segments", form=tenths, slack=POINTS),
    Column("segments: wanted and there", "wanted", form=tenths, slack=POINTS),
    Column("segments: unwanted and there (less)", "unwanted", form=tenths, slack=LESS),
    Column("title: exact", "exact", form=tenths, slack=POINTS),
    Column("title: normalised", "title", 91, form=tenths, slack=POINTS),
    Column("authors: set F1, pages with one", "author", 82, form=tenths, slack=POINTS),
    Column("authors: false, pages without (less)", "false", at_most=8, form=tenths, slack=LESS),
    Column("date: the day", "day", 88, form=tenths, slack=POINTS),
    Column("date: within a day", "near", form=tenths, slack=POINTS),
    Column("errors (pages)", "errors", at_most=0, slack=Slack(0, less=True)),
    Column("pages/s of one process, CPU", "pages/s", form=tenths),
    Column("ratio", "of traf.", 3, form=hundredths, slack=RATIO),
    Column("peak_mb", "peak MB", form=whole, slack=Slack(0.2, relative=True, less=True)),
)


def files(shared: Path) -> list[Path]:
    """Return the files of the corpus, for its digest."""
    return [shared / "corpus" / name for name in ("pages.jsonl", "html.tar.xz")]


def scorer(shared: Path) -> ModuleType:
    """Load the scorer of the corpus from its folder."""
    spec = importlib.util.spec_from_file_location("evaluate", shared / "corpus" / "evaluate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(shared: Path, work: Path, limit: int | None = None) -> dict[str, dict[str, Any]]:
    """Return a row of figures for the archiver and one for trafilatura. `limit`: only this many pages, evenly
    spread."""
    evaluate = scorer(shared)
    pages, folder = evaluate.load_pages(limit), evaluate.html_folder()
    dateparser.parse("12. kolovoza 2021.")  # loads all locales (1.6 s) before pages are timed
    evaluate.start(["archiver:extract", None], folder, evaluate.load_pages(8))
    outs = [evaluate.one_page(numbered) for numbered in with_progress(list(enumerate(pages)), "corpus")]
    listed = work / "pages.json"
    listed.write_text(json.dumps([[str(folder / f"{p['id']}.html"), p["url"]] for p in pages]), encoding="utf-8")
    rows: dict[str, dict[str, Any]] = {}
    for number, name in enumerate((OURS, THEIRS)):
        own = [out[number] for out in outs]
        figures = evaluate.summary([evaluate.score(p, o) for p, o in zip(pages, own, strict=True)], own)
        rows[name] = {"pages": len(pages), **figures, "peak_mb": _peak(name, listed)}
    speed = "pages/s of one process, CPU"
    for row in rows.values():
        row["ratio"] = row[speed] / rows[THEIRS][speed]
    return rows


def _peak(name: str, listed: Path) -> float:
    """Measure the peak memory of a separate process that reads all pages."""
    ran = run([sys.executable, str(ROOT / "bench" / "read_pages.py"), name, str(listed)])
    if ran.code:
        raise SystemExit(f"{name} could not read the pages of {listed}: {ran.err[-2000:]}")
    return float(ran.out)
