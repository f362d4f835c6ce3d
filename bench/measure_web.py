"""Measures the response times and sizes of each class of web pages, requested from a real server over HTTP."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType
from typing import Any

import generated_archive
from generated_archive import CITIES, FREQUENT, word
from process import ROOT, run
from progress import with_progress
from table import Column, tenths, whole

COLUMNS = (
    Column("requests", "requests", form=whole),
    Column("p50", "p50 ms", form=tenths),
    Column("p95", "p95 ms", at_most=100, form=tenths),
    Column("cpu", "CPU ms", form=tenths),
    Column("page", "page KB", form=tenths),
    Column("weight", "sent with all it loads KB", at_most=150, form=tenths),
)
REFERENCE_ROWS = ("Datasette's database", "Datasette's table")
"""Datasette's own pages, for comparison."""


def _some(choice: random.Random) -> str:
    return word(choice.randrange(30, 2_000))


def _place(choice: random.Random) -> str:
    return "{1:.4f},{2:.4f}".format(*CITIES[choice.randrange(100)])


PAGES: dict[str, Callable[[random.Random], str]] = {
    "start": lambda c: "/",
    "what changed": lambda c: "/changes",
    "what changed, a kind on a site": lambda c: f"/changes?kind=headline&site=site{c.randrange(40)}.example",
    "search, a word": lambda c: f"/search?q={_some(c)}",
    "search, a word in 14 %": lambda c: f"/search?q={FREQUENT}&offset={20 * c.randrange(5)}",
    "search, two words": lambda c: f"/search?q={_some(c)}+{_some(c)}",
    "search, narrowed": lambda c: f"/search?q={FREQUENT}+site:site{c.randrange(40)}.example&since=2015&until=2019-06",
    "search, all of a site": lambda c: f"/search?q=site:site{c.randrange(40)}.example",
    "search, around a place": lambda c: f"/search?near={_place(c)}&within=200&sort=distance",
    "search, near copies folded": lambda c: f"/search?q={FREQUENT}&fold=cluster",
    "search as JSON": lambda c: f"/search.json?q={_some(c)}",
    "saved searches": lambda c: "/searches",
    "a saved search": lambda c: "/searches/some",
    "collection of 20": lambda c: "/collection?" + "&".join(f"id={c.randrange(1, 2_000)}" for _ in range(20)),
    "article": lambda c: f"/article/{c.randrange(1, 2_000)}",
    "article, versions": lambda c: f"/article/{c.randrange(1, 2_000)}/versions",
    "sites": lambda c: "/sites",
    "Datasette's database": lambda c: "/archive",
    "Datasette's table": lambda c: "/archive/articles",
}
_SAVED = {"some": "harbour bridge", "one more": f"{word(300)} -{FREQUENT}"}


def made(count: int, work: Path) -> Path:
    """Write a generated archive."""
    file = work / "archive.db"
    generated_archive.write(file, count)
    return file


def measure(archive: Path, each: int) -> dict[str, dict[str, Any]]:
    """Return a row for each class of pages. The first request of each, which loads templates, is not counted."""
    for name, query in _SAVED.items():
        ran = run([sys.executable, "-m", "archiver", "search", query, "--save", name, "--archive", str(archive)])
        if ran.code and "the name is in use" not in ran.err:
            raise SystemExit(f"The search was not saved: {ran.err[-2000:]}")
    server = subprocess.Popen(
        [sys.executable, "-m", "archiver", "serve", "--archive", str(archive), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert server.stdout
        found = re.search(r":(\d+)/", server.stdout.readline())
        if not found:
            raise SystemExit("The server did not start.")
        client = HTTPConnection("127.0.0.1", int(found[1]), timeout=60)
        return {
            name: _row(client, server.pid, make, each)
            for name, make in with_progress(PAGES.items(), "pages", len(PAGES))
        }
    finally:
        server.terminate()
        server.wait(20)


def _row(client: HTTPConnection, pid: int, make: Callable[[random.Random], str], each: int) -> dict[str, Any]:
    choice = random.Random(11)
    paths = [make(choice) for _ in range(each)]
    body, longest = _asked(client, paths[0]), paths[0]
    before, times = _worked(pid), []
    for path in paths:
        started = time.perf_counter()
        answered = _asked(client, path)
        times.append((time.perf_counter() - started) * 1000)
        if len(answered) > len(body):
            body, longest = answered, path
    cpu = (_worked(pid) - before) * 1000 / each
    loaded = set(re.findall(rb'"(/-/[^"#]+)', body)) if body.startswith(b"<!DOCTYPE") else set()
    asked = [longest, *(path.decode().replace("&amp;", "&") for path in loaded)]
    weight = sum(len(_asked(client, path, {"accept-encoding": "gzip"})) for path in asked)
    times.sort()
    return {
        "requests": each,
        "p50": times[len(times) // 2],
        "p95": times[min(int(each * 0.95), each - 1)],
        "cpu": cpu,
        "page": len(body) / 1000,
        "weight": weight / 1000,
    }


def _asked(client: HTTPConnection, path: str, headers: Mapping[str, str] = MappingProxyType({})) -> bytes:
    client.request("GET", path, headers=dict(headers))
    answer = client.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path} responded with {answer.status}: {body[-500:]!r}")
    return body


def _worked(pid: int) -> float:
    """Return the CPU time of a process in seconds (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
