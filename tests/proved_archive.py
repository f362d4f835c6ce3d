"""An archive whose articles have real WARC records: edited, split, moved, gone, copied and unchanged posts."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.model.items import Article, Capture, DiscoveredURL, DiscoverySource, Outcome, PageKind, PageResult
from archiver.storage.capture_recovery import warc_prefix
from archiver.storage.database import open_archive
from archiver.storage.page_writer import PageWriter, StoringRun
from archiver.storage.runs import begin_run, end_run
from archiver.storage.sites import ensure_site
from archiver.storage.sources import record_discovered_urls
from archiver.storage.transactions import writing
from archiver.warc.warc_records import Exchange, Original
from archiver.warc.warc_writer import Continuation, WarcWriter

START = datetime(2024, 5, 1, 8, 0, 0, 123456, tzinfo=UTC)
QUAY, HILL = "https://quay.example/", "https://hill.example/"
_SENTENCES = (
    "The ferry left the quay at six with nobody on board but the mate.",
    "A gull had taken the bread from the window.",
    "The council met twice about the lamp and put the matter off.",
    "Nets were hung to dry along the whole of the wall.",
    "Two barges of coal came in before the tide turned in the evening.",
    "The keeper wrote each of it down in the book.",
    "A boy sold shells to the visitors who had come by the noon boat.",
    "Rain fell on the hills and the stream ran brown.",
    "The pilot asked for a new chart and was given the old one again.",
    "Smoke stood straight above the tar works all day.",
)


def text(seed: int, length: int = 6) -> list[str]:
    def pair(at: int) -> str:
        return " ".join(_SENTENCES[(seed * 7 + n * (seed % 3 + 1)) % 10] for n in (at, at + 1))

    return [f"{pair(at)} Entry {seed}.{at}." for at in range(length)]


def page(title: str, paragraphs: list[str], day: int = 1, more: str = "") -> bytes:
    body = "".join(f"<p>{p}</p>" for p in paragraphs)
    return (
        f'<html lang="en"><head><title>{title}</title><meta property="og:type" content="article">'
        f'<meta property="article:published_time" content="2024-04-{day:02}T10:00:00+02:00">'
        f'<meta name="author" content="Ada Berg"><meta name="geo.position" content="48.85;2.35">'
        f'<meta property="article:tag" content="harbour"></head><body><article><h1>{title}</h1>{body}</article>'
        f"{more}</body></html>"
    ).encode()


class Run:
    """A run of one site that stores its results as a crawl does. With `continues`, it continues the WARC file of the
    site's last run.
    """

    def __init__(self, archive: Path, start: str, at: datetime, *, continues: bool = False) -> None:
        self.at = at
        self.db = open_archive(archive, create=True)
        with writing(self.db):
            self.site: dict[str, Any] = ensure_site(self.db, start, at)
            self.run_id = begin_run(self.db, self.site["id"], "full", "1.0", at)
        last = self.site["warc_file"] if continues else None
        self.warc = WarcWriter(
            archive.parent,
            warc_prefix(self.site["name"]),
            "archiver/test",
            "a test",
            Continuation(last, 7, 1_000_000) if last else None,
        )
        self.writer = PageWriter(StoringRun(self.db, self.site, self.run_id, at, version="1.0"), self.warc.sync)

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *error: object) -> None:
        self.writer.flush()
        last, _ = self.warc.end
        self.warc.close()
        with writing(self.db):
            if last:
                self.db.execute("update sites set warc_file = ? where id = ?", [last, self.site["id"]])
            end_run(self.db, self.run_id, self.writer.counts, "finished", "", self.at)
        self.db.close()

    def capture(
        self,
        url: str,
        body: bytes,
        status: int = 200,
        original: Capture | None = None,
        *headers: tuple[bytes, bytes],
        kind: str = "text/html; charset=utf-8",
    ) -> Capture:
        self.at += timedelta(seconds=1.25)
        return self.warc.write(
            Exchange(
                url,
                self.at,
                "GET",
                ((b"Host", b"x.example"), (b"Cookie", b"secret=1")),
                status,
                "OK",
                ((b"Content-Type", kind.encode()), *headers),
                body,
                ip="203.0.113.7",
                seconds=0.25,
            ),
            Original(original.url, original.captured_at, original.digest) if original else None,
        )

    def post(self, url: str, body: bytes, **more: Any) -> Capture:
        """Store a page that was extracted as a post."""
        capture = self.capture(url, body, original=more.pop("original", None))
        self.visit(url, Outcome.ARCHIVED, capture, article=self.read(url, body), **more)
        return capture

    def read(self, url: str, body: bytes) -> Article:
        return extract_page(parse_page(body, url, "text/html; charset=utf-8", self.at), None, PageKind.POST)

    def visit(self, url: str, outcome: Outcome, capture: Capture | None, **more: Any) -> None:
        with writing(self.db):
            record_discovered_urls(
                self.db,
                self.site["id"],
                [DiscoveredURL(url, DiscoverySource.LINK, PageKind.POST, found_on=QUAY)],
                self.at,
            )
        values = {"final_url": url, "kind": PageKind.POST, "status": capture.status if capture else None, **more}
        self.writer.add(PageResult(url=url, at=self.at, outcome=outcome, capture=capture, **values))


def make(folder: Path) -> Path:
    """Create an archive of nine articles on two sites and four WARC files: 1 is edited, 2 has two pages, 3 moved by a
    redirect, 4 is gone, 5 is unchanged (304), 6 was served again with the same bytes, 7 is plain; 8 and 9 are on the
    other site, and 9 is a copy of 7.
    """
    shutil.copytree(_made(), folder, dirs_exist_ok=True)
    return folder / "archive.db"


@cache
def _made() -> Path:
    """Return the archive that all others are copied from. It is created once per test process."""
    kept = tempfile.TemporaryDirectory(prefix="archive-")
    atexit.register(kept.cleanup)
    return make_another(Path(kept.name)).parent


def make_another(folder: Path) -> Path:
    """Create an archive with the same articles but its own archive ID, not a copy."""
    archive = folder / "archive.db"
    with Run(archive, QUAY, START) as run:
        run.capture(f"{QUAY}robots.txt", b"User-agent: *\n")
        seen = {n: run.post(f"{QUAY}{n}", page(f"Day {n}", text(n), n)) for n in (1, 2, 3, 4, 5, 6, 7)}
        second = run.capture(f"{QUAY}2/2", page("Day 2", text(22), 2))
        part = run.read(f"{QUAY}2/2", page("Day 2", text(22), 2))
        run.visit(
            f"{QUAY}2/2",
            Outcome.PART,
            second,
            kind=PageKind.PART,
            part_of=f"{QUAY}2",
            part=2,
            article=part,
            rule="part",
        )
    with Run(archive, HILL, START + timedelta(hours=1)) as run:
        run.post(f"{HILL}8", page("Day 8", text(8), 8))
        run.post(f"{HILL}9", page("From the quay", text(7), 9))
    with Run(archive, QUAY, START + timedelta(days=1)) as run:
        run.post(f"{QUAY}1", page("Day 1, corrected", [*text(1), "The mate was not on board."], 1))
        first = run.capture(f"{QUAY}2", page("Day 2", text(2), 2), 200, seen[2])
        whole = replace(run.read(f"{QUAY}2", page("Day 2", text(2), 2)), parts=(f"{QUAY}2/2",))
        run.visit(f"{QUAY}2", Outcome.ARCHIVED, first, article=whole, parts=((2, f"{QUAY}2/2"),))
        moved = run.capture(f"{QUAY}3", b"", 301, None, (b"Location", f"{QUAY}three".encode()))
        run.visit(f"{QUAY}3", Outcome.DUPLICATE, moved, final_url=f"{QUAY}three", reason="it redirects")
        run.post(f"{QUAY}three", page("Day 3", text(3), 3), redirects=(f"{QUAY}3",))
        run.visit(f"{QUAY}4", Outcome.GONE, run.capture(f"{QUAY}4", b"gone", 410))
        run.visit(f"{QUAY}5", Outcome.UNCHANGED, run.capture(f"{QUAY}5", b"", 304, seen[5]))
        run.post(f"{QUAY}6", page("Day 6", text(6), 6), original=seen[6])
    with Run(archive, HILL, START + timedelta(days=2)) as run:
        run.post(f"{HILL}8", page("Day 8, once more", text(8), 8))
    return archive
