"""Measures importing a generated site from one WARC file, by one process and on all cores."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any

from generated_site import Site
from isal import igzip
from process import Ran, archiver
from progress import with_progress
from table import Column, tenths, whole

_CAPTURED = datetime(2025, 1, 1, tzinfo=UTC)
_OTHERS = 4
"""Every fourth post is followed by a page that is not a post, and an image."""
COLUMNS = (
    Column("megabytes", "MB", form=whole),
    Column("records", "records"),
    Column("articles", "articles"),
    Column("records_s", "records/s", form=whole),
    Column("articles_s", "articles/s", form=tenths),
    Column("core_s", "articles/s a core", at_least=80, form=tenths),
    Column("known_s", "known records/s", form=whole),
    Column("peak_mb", "peak MB", at_most=400, form=whole),
)


def measure(posts: int, kilobytes: int, work: Path) -> dict[str, dict[str, Any]]:
    """Return a row for one process and, if there are more cores, one for all. `core_s` is by the CPU time of all
    processes; `known_s` is of importing the same file again."""
    file = work / "site.warc.gz"
    records = write(file, posts, kilobytes)
    cores = len(os.sched_getaffinity(0))
    out = {}
    for workers in sorted({1, cores}):
        archive = work / f"{workers}" / "archive.db"
        summary, ran, computed = _import(file, archive, workers)
        again, _, _ = _import(file, archive, workers, "--again")
        assert summary["new"] == posts, (summary, again)
        assert again["new"] == 0, (summary, again)
        out["one process" if workers == 1 else f"{workers} cores"] = {
            "megabytes": file.stat().st_size / 1e6,
            "records": records,
            "articles": summary["new"],
            "records_s": records / ran.seconds,
            "articles_s": posts / ran.seconds,
            "core_s": posts / computed,
            "known_s": records / again["seconds"],
            "peak_mb": ran.peak_mb,
        }
    return out


def _import(file: Path, archive: Path, workers: int, *options: str) -> tuple[dict[str, Any], Ran, float]:
    """Import a file. Returns the summary, the process, and the CPU seconds of it and its readers."""
    before = os.times()
    ran = archiver("import", str(file), "--archive", str(archive), "--workers", str(workers), "--json", *options)
    after = os.times()
    if ran.code:
        raise SystemExit(f"The import failed (exit code {ran.code}): {(ran.out + ran.err)[-2000:]}")
    computed = after.children_user + after.children_system - before.children_user - before.children_system
    return json.loads(ran.out), ran, computed


def write(file: Path, posts: int, kilobytes: int, these: range | None = None) -> int:
    """Write a WARC file of a generated site, or only of `these` posts, one gzip member per record. Returns the number
    of records."""
    site = Site("http://blog.example", posts, kilobytes)
    records = 0
    with file.open("wb") as handle:
        for n in with_progress(these or range(posts), "written", len(these or range(posts))):
            path = site.path_of(n)
            handle.write(_record(f"http://blog.example{path}", n, site.get(path).body, "text/html; charset=utf-8"))
            records += 1
            if n % _OTHERS == 1:
                handle.write(
                    _record(
                        f"http://blog.example/page/{n // _OTHERS}/",
                        n,
                        site.get(f"/page/{n // _OTHERS}/").body or b"<p>nothing",
                        "text/html",
                    )
                )
                handle.write(_record(f"http://blog.example/{n}.png", n, b"\x89PNG" + os.urandom(30_000), "image/png"))
                records += 2
    return records


def _record(url: str, n: int, body: bytes, kind: str) -> bytes:
    block = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    at = (_CAPTURED + timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%SZ")
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:{n}-{len(url)}>\r\nWARC-Date: {at}\r\n"
        f"WARC-Target-URI: {url}\r\nContent-Type: application/http; msgtype=response\r\n"
        f"WARC-Payload-Digest: sha1:{sha1(body, usedforsecurity=False).hexdigest()}\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return igzip.compress(head.encode() + block + b"\r\n\r\n", 1, mtime=0)
