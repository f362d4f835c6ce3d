"""How many SQL statements a stored article takes. Statements are counted, because times vary from run to run."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.faults.server import BlogServer
from tests.faults.site import Blog
from tests.processes import run, without_proxies

FEW, MANY = 40, 120
AT_MOST = 32
"""A crawl took 93 before links, captures, facets and clusters were written together. Nearly all posts of this blog are
near-duplicates of others, which takes nine statements."""


def statements_of_crawl(folder: Path, posts: int) -> int:
    """Crawl a blog with this many posts into a new archive."""
    server, archive, file = BlogServer(Blog(posts)), folder / f"{posts}.db", folder / f"{posts}.txt"
    words = ("crawl", server.url, "--archive", str(archive), "--delay", "0", "--quiet")
    try:
        done = run("tests.storage.count_statements", str(file), *words, environment=without_proxies())
    finally:
        server.close()
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(archive)) as db:
        assert db.execute("select count(*) from articles").fetchone() == (posts,)
    return int(file.read_text())


def test_statements_of_a_crawl_per_article(tmp_path: Path) -> None:
    # The difference leaves out what a crawl takes once: the schema, the run, the template.
    more = statements_of_crawl(tmp_path, MANY) - statements_of_crawl(tmp_path, FEW)
    assert more / (MANY - FEW) <= AT_MOST
