"""Documents that are large where parsing is expensive: reading them takes bounded time and memory.

A parser that passes over a document of 1 MB again and again would take hours; a single pass takes a second.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.hostile.attacks import MB, answer, attacking, feed
from tests.hostile.world import ROOT, World

RSS = b'<rss version="2.0"><channel><title>x</title>'
URLSET = b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
DOCUMENTS: dict[str, tuple[bytes, bytes]] = {
    # A beginning, and a piece that is repeated.
    "items": (RSS, b"<item><link>http://a.example/</link></item>"),
    "empty elements": (RSS, b"<a/>"),
    "ampersands": (RSS + b"<item><title>", b"&a"),
    "comments": (RSS, b"<!--"),
    "sections": (RSS, b"<![CDATA["),
    "doctypes": (b"", b"<!DOCTYPE a["),
    "instructions": (b"", b"<?a ?>"),
    "one text": (RSS + b"<item><title>", b"x" * 1000),
    "entries": (URLSET, b"<url><loc>http://a.example/</loc></url>"),
    "empty entries": (URLSET, b"<a/>"),
    "lines": (b"", b"http://a.example/\n"),
    "values": (b'{"version": "https://jsonfeed.org/version/1.1", "items": [', b'"ab",'),
    "lists": (b'{"version": "https://jsonfeed.org/version/1.1", "items": [', b"[],"),
}
SITEMAPS = ("entries", "empty entries", "lines")
SIZE = MB
_MEASURE = """
import json, sys
from tests.hostile import memory
from archiver.discovery.feeds import looks_like_feed, parse_feed
from archiver.discovery.sitemaps import looks_like_sitemap, parse_sitemap
from tests.hostile.test_bulk import DOCUMENTS, SITEMAPS, SIZE
from tests.waiting import MOST_WORK, bounded_work
out = {}
for name, (first, again) in DOCUMENTS.items():
    body = first + again * (SIZE // len(again))
    with bounded_work(MOST_WORK / 4):
        looks_like_feed(body), looks_like_sitemap(body)
        parse = parse_sitemap if name in SITEMAPS else parse_feed
        parse(body, "http://a.example/s.xml")
out["peak"] = memory.peak()
print(json.dumps(out))
"""


def test_reading_a_document_is_bounded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["peak"] < 250 * MB


def test_a_feed_of_a_million_items_is_read_to_a_limit_and_says_so(tmp_path: Path) -> None:
    million = gzip.compress(RSS + b"<item><link>/listed/</link></item>" * 1_000_000)
    attack = feed("a million items", answer(million, kind=b"application/gzip"), ("not-article", "feed rss"))
    with attacking(attack) as site:
        done = World().crawl(tmp_path, site.url)
    assert done.rows[f"{site.url}feed.xml"][:2] == ("not-article", "feed rss")
    assert done.titles == ["A post that the source lists", "The first good post", "The second good post"]
    assert done.code == 0
    assert done.busy < 60
    assert done.peak < 700 * MB
