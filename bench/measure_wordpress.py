"""Crawls a real WordPress twice, with an edit, a new post, a changed slug and a deletion in between."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from measure_sites import COST, QUALITY
from process import bare, crawl, export, free_port, requests, score
from table import Column, rate

THEMES = ("archivelab", "twentytwentyfive")
FIRST = (
    Column("truth_posts", "posts"),
    Column("articles", "articles"),
    *QUALITY,
    Column("tag_f1", "tags", form=rate),
    Column("geo_accuracy", "geo", 1, form=rate),
    Column("geo_false", "geo false", at_most=0),
    Column("leaked", "leaked", at_most=0),
    Column("protected", "protected", at_most=0),
    *COST,
)
SECOND = (
    Column("revisions", "revisions", 1, 1),
    Column("new", "new", 1, 1),
    Column("aliases", "aliases", 1, 1),
    Column("tombstones", "tombstones", 1, 1),
    Column("asked", "requests"),
    Column("beside", "other requests", at_most=12),
)


class Shared:
    """The shared WordPress, running in its own folder and on its own port."""

    def __init__(self, shared: Path, work: Path, theme: str) -> None:
        self.folder = shared / "wordpress"
        self.run = work / f"wordpress-{theme}"
        self.port = free_port()
        self.environment = os.environ | {"WP_RUN": str(self.run), "WP_PORT": str(self.port), "WP_THEME": theme}
        self.log = self.run / "log" / "access.jsonl"
        self.url = f"http://127.0.0.1:{self.port}/"

    def call(self, script: str, *words: str) -> str:
        done = subprocess.run(
            [str(self.folder / script), *words],
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise SystemExit(f"{script} {' '.join(words)} failed: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout

    def truth(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.call("wpctl", "truth").splitlines() if line.startswith("{")]


def measure(shared: Path, theme: str, work: Path, show: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the figures of the first and of the second crawl."""
    site = Shared(shared, work, theme)
    print(f"wordpress, {theme}: setting up ...", flush=True)
    try:
        print(site.call("setup.sh").strip().splitlines()[-1], flush=True)
        return _first(shared, site, work / f"{theme}.db", show), _second(site, work / f"{theme}.db", show)
    finally:
        site.call("stop.sh")


def _first(shared: Path, site: Shared, archive: Path, show: int) -> dict[str, Any]:
    before = len(requests(site.log))
    summary, ran = crawl(site.url, archive)
    asked = requests(site.log)[before:]
    articles = export(archive, archive.with_suffix(".jsonl"))
    figures = score(shared, articles, site.run / "truth.jsonl", "--show", str(show))
    for line in figures["examples"] if show else ():
        print(line)
    urls = [site.url[:-1] + a["path"] for a in asked if a["status"] == 200]
    speed = len(urls) / max(summary["seconds"], 1e-9)
    alone = bare(urls, archive.parent)
    return figures | {"requests": len(asked), "pages_per_second": speed, "ratio": speed / alone, "peak_mb": ran.peak_mb}


def _second(site: Shared, archive: Path, show: int) -> dict[str, Any]:
    """Change four posts that are neither the newest nor the oldest, crawl again, and count the changes in the
    archive."""
    public = [t for t in site.truth() if t["public"] and t["title"] and t["text_chars"] and not t.get("dup_of")]
    edited, moved, deleted = (public[len(public) * n // 5] for n in (1, 2, 3))
    before = _state(archive)
    site.call("wpctl", "edit", str(edited["id"]), "--append=<p>This paragraph was added by the measurement.</p>")
    added = site.call(
        "wpctl",
        "add",
        "A post that was not there before",
        "<p>It has a text of its own, one that no other post of this site has.</p>",
        "--author=New Writer",
        "--geo=1.5,-2.25,Somewhere",
    )
    old, _, new = site.call("wpctl", "slug", str(moved["id"]), "a-slug-that-moved").strip().partition(" -> ")
    site.call("wpctl", "delete", str(deleted["id"]))
    changed = {edited["url"], old, new, deleted["url"], added.split()[-1]}
    start = len(requests(site.log))
    crawl(site.url, archive)
    asked = requests(site.log)[start:]
    after = _state(archive)
    others = [a for a in asked if a["path"] not in changed]
    print(f"The second crawl made {len(others)} requests other than for the changed posts" + (":" if show else "."))
    for line in others[: show * 5]:
        print(f"  {line['status']} {unquote(line['path'])}")
    return {key: after[key] - before[key] for key in before} | {"asked": len(asked), "beside": len(others)}


def _state(archive: Path) -> dict[str, int]:
    counts = {
        "new": "select count(*) from articles",
        "revisions": "select count(*) from revisions where revision > 1",
        "aliases": "select count(*) from article_urls where urlkey not in (select urlkey from articles)",
        "tombstones": "select count(*) from articles where gone_at is not null",
    }
    with closing(sqlite3.connect(archive)) as db:
        return {name: db.execute(query).fetchone()[0] for name, query in counts.items()}
