"""Crawls each shared site from its home page, scores the exported articles, and compares the figures with the bars."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from process import bare, crawl, export, plain, requests, score, served
from table import Column, hundredths, rate, tenths, whole

QUALITY = (
    Column("recall", "recall", 0.99, form=rate),
    Column("precision", "precision", 0.99, form=rate),
    Column("duplicates", "dupl", at_most=0),
    Column("title_norm", "title", 0.98, form=rate),
    Column("date_day", "day", 0.98, form=rate),
    Column("author_f1", "author", 0.95, form=rate),
    Column("category_f1", "category", 0.95, form=rate),
)
COST = (
    Column("requests", "requests"),
    Column("plain", "plain"),
    Column("pages_per_second", "pages/s", form=tenths),
    Column("ratio", "of bare", form=hundredths),
    Column("peak_mb", "peak MB", at_most=300, form=whole),
)
SITES = (
    Column("truth_posts", "posts"),
    Column("articles", "articles"),
    *QUALITY,
    Column("tag_f1", "tags", form=rate),
    Column("body_nonempty", "body", form=rate),
    *COST,
)


def start_of(site: dict[str, Any]) -> str:
    return f"http://{site['hosts'][0]}{site.get('prefix', '')}/"


def measure(shared: Path, root: Path | None, names: Sequence[str], work: Path, show: int) -> dict[str, dict[str, Any]]:
    """Return a row of figures per site. `root` is a folder with the unpacked sites (None: use the packed ones)."""
    rows: dict[str, dict[str, Any]] = {}
    log = work / "access.jsonl"
    with served(shared, root, log) as proxy:
        for site in json.loads((shared / "sites" / "sites.json").read_text(encoding="utf-8")):
            if names and site["name"] not in names:
                continue
            rows[site["name"]] = _one(shared, site, work, log, proxy, show)
    return rows


def _one(shared: Path, site: dict[str, Any], work: Path, log: Path, proxy: str, show: int) -> dict[str, Any]:
    name, before = site["name"], len(requests(log)) if log.exists() else 0
    archive = work / name / "archive.db"
    archive.parent.mkdir()
    print(f"{name}: crawling {start_of(site)} ...", flush=True)
    summary, ran = crawl(start_of(site), archive, http_proxy=proxy, https_proxy=proxy)
    asked = requests(log)[before:]
    articles = export(archive, archive.parent / "articles.jsonl")
    figures = score(
        shared,
        articles,
        shared / "sites" / f"{name}.truth.jsonl",
        "--host",
        ",".join(site["hosts"]),
        "--show",
        str(show),
    )
    for line in figures["examples"] if show else ():
        print(line)
    urls = [f"http://{a['host']}{a['path']}" for a in asked if a["status"] == 200]
    speed = len(urls) / max(summary["seconds"], 1e-9)
    alone = bare(urls, archive.parent, http_proxy=proxy)
    return figures | {
        "requests": len(asked),
        "plain": plain(start_of(site), proxy),
        "pages_per_second": speed,
        "ratio": speed / alone,
        "peak_mb": ran.peak_mb,
        "bare": alone,
    }
