"""Measures the speed and memory of publishing an archive: its articles as Parquet, and complete datasets."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import generated_archive
from process import archiver
from table import Column, whole

from archiver.datasets import snapshot_tables
from archiver.datasets.parquet_table import ParquetTable
from archiver.datasets.publication_rules import parse_publication_rules
from archiver.datasets.snapshot_request import choose_articles, decide_tiers, order_articles
from archiver.datasets.snapshot_tables import ARTICLES
from archiver.storage.database import open_archive

PARQUET = (
    Column("articles", "articles", form=whole),
    Column("per_second", "articles/s", at_least=20_000, form=whole),
    Column("chosen_per_second", "chosen and decided/s", form=whole),
    Column("bytes", "bytes each", form=whole),
)
WAYS = (
    Column("per_second", "articles/s", form=whole),
    Column("clock_per_second", "by the clock", form=whole),
    Column("peak_mb", "MB at most", at_most=500, form=whole),
    Column("bytes", "bytes each", form=whole),
)
FREE = '[[rule]]\nsite = "*"\ntier = "full"\n'
_WAYS: dict[str, tuple[str, ...]] = {
    "full texts": ("--rules", "{rules}"),
    "and CSV, JSON Lines": ("--rules", "{rules}", "--formats", "csv,jsonl"),
    "and two splits": ("--rules", "{rules}", "--splits", "train=80,test=20"),
    "without contacts": ("--rules", "{rules}", "--drop-contacts"),
    "features": (),
}


def make(archive: Path, articles: int) -> Path:
    generated_archive.write(archive, articles)
    return archive


def parquet(archive: Path, work: Path) -> dict[str, Any]:
    """Write all articles of an archive with their texts into one Parquet file. Rates are per second of CPU time."""
    db = open_archive(archive, read_only=True)
    began = time.process_time()
    count = choose_articles(db, None)
    decide_tiers(db, parse_publication_rules(FREE, "rules"), "2100")
    order_articles(db, None)
    chosen = time.process_time()
    file = work / "articles.parquet"
    table = ParquetTable(file, [(column.name, column.kind) for column in ARTICLES.columns])
    for read in snapshot_tables.article_rows(db, "", lambda record: record):
        table.add({**read.record, "is_copy": 0})
    table.close()
    seconds = time.process_time() - chosen
    size = file.stat().st_size
    file.unlink()
    db.close()
    return {
        "articles": count,
        "per_second": count / seconds,
        "chosen_per_second": count / (chosen - began),
        "bytes": size / count,
    }


def ways(archive: Path, work: Path, only: list[str]) -> dict[str, dict[str, Any]]:
    """Measure complete runs of `archiver publish`, each into its own folder."""
    rules = work / "rules.toml"
    rules.write_text(FREE)
    out: dict[str, dict[str, Any]] = {}
    for name, words in _WAYS.items():
        if only and name not in only:
            continue
        folder = work / "dataset"
        ran = archiver(
            "publish",
            str(folder),
            "--version",
            "1.0.0",
            "--archive",
            str(archive),
            *(word.format(rules=rules) for word in words),
        )
        if ran.code:
            raise SystemExit(ran.err)
        db = open_archive(archive, read_only=True)
        count = db.execute("select count(*) from articles").fetchone()[0]
        db.close()
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        shutil.rmtree(folder)
        out[name] = {
            "per_second": count / ran.cpu_seconds,
            "clock_per_second": count / ran.seconds,
            "peak_mb": ran.peak_mb,
            "bytes": size / count,
        }
    return out
