"""Measure how long the server takes for the pages of an article and of a site: python bench/measure_reading.py
[ARTICLES].

The archive is generated: nine of ten articles are on one site, and three discovery sources reported each URL. Times are
CPU time of the thread that responds. The first request also loads modules and templates.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from generated_archive import write
from sqlite_utils import Database

from archiver.search.index_refresh import disable_updates, refresh_archive
from archiver.storage.connection import open_archive
from archiver.web.dispatch import PAGES
from archiver.web.rendering import render_page
from archiver.web.web_requests import PageRequest

_ROUNDS = 20
_PAGES = (
    "/article/{id}",
    "/article/{id}/evidence",
    "/article/{id}/versions",
    "/article/{id}/captures",
    "/sites",
    "/site/{name*}",
)
_PAGES_SQL = (
    "insert or ignore into sites (name, start_url, host, path, added_at) select distinct site, 'https://' || site, "
    "site, '/', '2024-01-01T00:00:00+00:00' from articles",
    "insert into runs (site_id, mode, started_at, outcome) select id, 'full', '2024-01-01T00:00:00+00:00', 'finished' "
    "from sites",
    "insert into captures (id, run_id, url, captured_at, status, media_type, digest, warc_file, warc_offset, "
    "warc_length, record_type) select id, 1, url, first_seen, 200, 'text/html', 'sha1:' || id, 'warc/x.warc.gz', "
    "id * 1000, 900, 'response' from articles",
    "update articles set capture_id = id",
    "insert into pages (site_id, url, urlkey, kind, outcome, article_id, found_at) select s.id, a.url, a.urlkey, "
    "'post', 'archived', a.id, a.first_seen from articles a join sites s on s.name = a.site",
    "insert into pages (site_id, url, urlkey, kind, outcome, found_at) select site_id, url || '/x', urlkey || '/x', "
    "'listing', 'not-article', found_at from pages where id % 2 = 0",
    "insert into page_sources (page_id, source, first_seen, last_seen) select p.id, s.value, '2024', '2024' "
    'from pages p, json_each(\'["sitemap", "feed", "link"]\') s',
    "insert or ignore into revisions (article_id, revision, observed_at, changed, title, content, capture_id) "
    "select id, revision, first_seen, '[]', title, '{}', id from articles",
)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory(prefix="reading-") as folder:
        file = Path(folder) / "archive.db"
        write(file, count)
        db = open_archive(file)
        with db.atomic():
            db.execute("update articles set site = 'large.example' where id % 10 > 0")
            for statement in _PAGES_SQL:
                db.execute(statement)
        db.close()
        refresh_archive(file, rebuild=True)
        db = open_archive(file, read_only=True)
        disable_updates(db)
        print(f"{count:,} articles; milliseconds of CPU time")
        print("page                      first   median   worst   kilobytes")
        for page in _PAGES:
            times, size = zip(*_asked(db, file.parent, page, count), strict=True)
            rest = sorted(times[1:])
            print(f"{page:24}{times[0]:7.0f}{rest[len(rest) // 2]:9.1f}{rest[-1]:8.1f}{max(size) / 1000:12.1f}")


def _asked(db: Database, folder: Path, page: str, count: int) -> Iterator[tuple[float, int]]:
    """Yield the time (ms) and the size of the page for each round."""
    answer = next(one for one in PAGES if one.path == page).answer
    for n in range(_ROUNDS):
        named = {"id": str(1 + n * (count // _ROUNDS)), "name": "large.example"}
        asked = PageRequest("/", named, (), "html", "/", "http://localhost", folder, {}, "", db)
        started = time.thread_time()
        text = render_page(answer(asked), asked, (), lambda name: f"/{name}")
        yield (time.thread_time() - started) * 1000, len(text.encode())


if __name__ == "__main__":
    main()
