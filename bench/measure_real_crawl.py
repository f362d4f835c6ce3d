"""Crawls the shared sites with all features, in turns with a bare Scrapy spider over the same addresses and with
trafilatura's own crawls, and compares their CPU time."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from measure_sites import start_of
from process import CONTACT, ROOT, requests, run, served
from sampled import OTHER, STAGES
from table import Column, hundredths, tenths, whole

MEDIAN = "median"
COLUMNS = (
    Column("pages", "requests"),
    Column("articles", "articles"),
    Column("cpu_ms", "CPU ms a page", at_most=14, form=tenths),
    Column("article_ms", "an article", form=tenths),
    Column("start_ms", "start, ms", form=whole),
    Column("learning_ms", "learning, ms", form=whole),
    Column("bare_ms", "bare, a page", form=tenths),
    Column("ratio", "of bare", 0.35, form=hundredths),
    Column("spider_ms", "trafilatura's spider, an article", form=tenths),
    Column("spider_ratio", "ours/theirs", at_most=1, form=hundredths),
    Column("sitemap_ms", "its sitemaps, an article", form=tenths),
    Column("peak_mb", "peak MB", at_most=300, form=whole),
)
_FEWEST = 0.5
"""A crawl by trafilatura that brings less than this share of our articles is not compared."""
_LIMIT = 900.0


def measure(
    shared: Path, root: Path | None, names: Sequence[str], work: Path
) -> tuple[dict[str, dict[str, Any]], dict[str, Counter[str]]]:
    """Return a row of figures for each site, and the samples of all sites by `stage` and by `function`."""
    rows: dict[str, dict[str, Any]] = {}
    samples: dict[str, Counter[str]] = {"stage": Counter(), "function": Counter()}
    log = work / "access.jsonl"
    with served(shared, root, log) as proxy:
        for site in json.loads((shared / "sites" / "sites.json").read_text(encoding="utf-8")):
            if names and site["name"] not in names:
                continue
            print(f"{site['name']} ...", file=sys.stderr, flush=True)
            rows[site["name"]] = _one(start_of(site), work / site["name"], log, proxy, samples)
    return rows, samples


def _one(start: str, work: Path, log: Path, proxy: str, samples: dict[str, Counter[str]]) -> dict[str, Any]:
    work.mkdir()
    before = len(requests(log)) if log.exists() else 0
    ran = run(
        [
            *(sys.executable, str(ROOT / "bench" / "sampled.py"), str(work / "samples.json"), "crawl", start),
            *("--archive", str(work / "archive.db"), "--delay", "0", "--contact", CONTACT, "--json"),
            *("--requisites", "none"),
        ],
        http_proxy=proxy,
        https_proxy=proxy,
    )
    try:
        [summary] = json.loads(ran.out)
        sampled = json.loads((work / "samples.json").read_text(encoding="utf-8"))
    except (ValueError, OSError):
        raise SystemExit(f"The crawl of {start} failed (exit code {ran.code}): {ran.err[-2000:]}") from None
    for kind, counted in samples.items():
        counted.update(sampled[kind])
    asked = requests(log)[before:]
    urls = [f"http://{a['host']}{a['path']}" for a in asked if a["status"] == 200]
    bare = _bare(urls, work, proxy)
    cpu, articles = 1000 * ran.cpu_seconds, summary["new"]
    share = {name: n / max(sampled["samples"], 1) for name, n in sampled["stage"].items()}
    row = {
        "pages": len(asked),
        "articles": articles,
        "cpu_ms": cpu / len(asked),
        "article_ms": cpu / max(articles, 1),
        "start_ms": cpu * share.get("imports", 0.0),
        "learning_ms": cpu * share.get("learning", 0.0),
        "bare_ms": bare,
        "ratio": bare / (cpu / len(asked)),
        "peak_mb": ran.peak_mb,
    }
    for way, key in (("trafilatura_spider", "spider"), ("trafilatura_sitemap", "sitemap")):
        row[f"{key}_ms"] = _trafilatura(way, start, work, proxy, _FEWEST * articles)
    row["spider_ratio"] = row["article_ms"] / row["spider_ms"] if row["spider_ms"] else None
    shutil.rmtree(work)
    return row


def _bare(urls: Sequence[str], work: Path, proxy: str) -> float:
    """Return the CPU ms a page of a Scrapy spider that fetches these addresses and keeps nothing."""
    listed = work / "urls.txt"
    listed.write_text("\n".join(urls), encoding="utf-8")
    ran = run([sys.executable, str(ROOT / "bench" / "bare_spider.py"), str(listed)], http_proxy=proxy)
    if ran.code:
        raise SystemExit(f"The bare spider failed: {ran.err[-2000:]}")
    return 1000 * ran.cpu_seconds / max(len(urls), 1)


def _trafilatura(way: str, start: str, work: Path, proxy: str, fewest: float) -> float | None:
    """Return the CPU ms an article of a crawl by trafilatura; None if it failed or found fewer articles than this."""
    out, listed = work / f"{way}.jsonl", work / "none.txt"
    listed.write_text("", encoding="utf-8")
    command = [sys.executable, str(ROOT / "bench" / "run_peer.py"), way, start, proxy, str(listed), str(out), "4"]
    ran = run(command, _LIMIT)
    if ran.code or not out.exists():
        return None
    found = sum(1 for line in out.read_text(encoding="utf-8").splitlines() if line.strip())
    return 1000 * ran.cpu_seconds / found if found and found >= fewest else None


def with_summary(rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the rows and, of several sites, the medians."""
    if len(rows) < 2:
        return rows
    keys = [c.key for c in COLUMNS]
    known = {key: [row[key] for row in rows.values() if row.get(key) is not None] for key in keys}
    return rows | {MEDIAN: {key: median(values) for key, values in known.items() if values}}


def show_samples(samples: dict[str, Counter[str]]) -> None:
    """Print the share of each stage, and the functions with most samples."""
    total = max(sum(samples["stage"].values()), 1)
    for name in (*(stage for stage, _ in STAGES), OTHER):
        print(f"{100 * samples['stage'][name] / total:5.1f} %  {name}")
    print()
    for name, n in samples["function"].most_common(10):
        print(f"{100 * n / total:5.1f} %  {name}")
    print()
