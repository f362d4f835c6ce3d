"""Crawls each shared site, reads each of its posts also alone, and compares both values of a field with the truth."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from measure_ablation import KnownPage, nearness, posts_of_sites
from measure_corpus import scorer
from measure_sites import start_of
from process import crawl, export, served
from table import Column

from archiver.extraction import extract

FIELDS = ("title", "body", "authors", "published", "categories", "tags")


def _change(counted: Counter[str]) -> str:
    return f"+{counted['nearer']} -{counted['farther']} ={counted['equal']}" if counted.total() else "0"


COLUMNS = (Column("posts", "posts"), *(Column(name, name, form=_change) for name in FIELDS))
"""In the columns of fields: on how many posts the value of the crawl is nearer to the truth than that of the page (+),
farther from it (-), or different and as near, or of unknown truth (=).
"""


def measure(shared: Path, root: Path | None, names: Sequence[str], work: Path, show: int) -> dict[str, dict[str, Any]]:
    """Return a row of figures per site, and print up to `show` examples a field that are farther from the truth. `root`
    is a folder with the unpacked sites (None: use the packed ones)."""
    rows: dict[str, dict[str, Any]] = {}
    evaluate = scorer(shared)
    with served(shared, root, work / "access.jsonl") as proxy:
        for site in json.loads((shared / "sites" / "sites.json").read_text(encoding="utf-8")):
            name = site["name"]
            if names and name not in names:
                continue
            archive = work / name / "archive.db"
            archive.parent.mkdir()
            crawl(start_of(site), archive, http_proxy=proxy, https_proxy=proxy)
            stored = _stored(export(archive, archive.parent / "articles.jsonl"))
            row: dict[str, Any] = {"posts": 0, **{field: Counter() for field in FIELDS}}
            for page in posts_of_sites(shared, name=name):
                if (article := stored.get(_place(page.url))) is None:
                    continue
                row["posts"] += 1
                for field, change, example in _changes(page, article, evaluate):
                    row[field][change] += 1
                    if change == "farther" and row[field][change] <= show:
                        print(f"{name}: {page.url} {field}: {example}")
            rows[name] = row
    return rows


def _stored(export: Path) -> dict[str, dict[str, Any]]:
    articles = map(json.loads, export.read_text(encoding="utf-8").splitlines())
    return {_place(url): article for article in articles for url in (article["url"], *article["aliases"])}


def _place(url: str) -> str:
    path = unquote(urlsplit(url).path)
    return path.removesuffix("index.html").removesuffix(".html").rstrip("/")


def _changes(page: KnownPage, stored: dict[str, Any], evaluate: Any) -> Iterator[tuple[str, str, str]]:
    """Yields each field that differs, whether the stored value is "nearer" to the truth, "farther" or "equal" (as near,
    or of unknown truth), and both values in words.
    """
    alone = extract(page.html, page.url)
    for field in FIELDS:
        own, known = _comparable(field, getattr(alone, field)), _comparable(field, stored[field])
        if own == known:
            continue
        before, after = (nearness(field, value, page.truth, evaluate) for value in (own, known))
        change = "equal"
        if before is not None and after is not None and before != after:
            change = "nearer" if after > before else "farther"
        yield field, change, f"{str(own)[:80]!r} alone, {str(known)[:80]!r} in the crawl"


def _comparable(field: str, value: Any) -> Any:
    if field == "published":
        return str(value or "")[:10]  # the day
    return sorted(value) if field in ("authors", "categories", "tags") else value or ""
