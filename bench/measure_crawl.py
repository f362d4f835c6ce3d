"""Crawls a generated site with all features, in turns with a bare Scrapy spider that fetches the same URLs."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from generated_site import Site
from process import ROOT, Ran, archiver, bare, free_port
from progress import with_progress
from table import Column, hundredths, tenths, whole

ONE = (
    Column("posts", "posts"),
    Column("pages", "pages"),
    Column("pages_per_second", "pages/s", form=tenths),
    Column("bare", "bare", form=tenths),
    Column("ratio", "of bare", 0.45, form=hundredths),
    Column("worst", "worst", form=hundredths),
    Column("best", "best", form=hundredths),
    Column("cpu_ms", "CPU ms a page", form=hundredths),
    Column("peak_mb", "peak MB", at_most=300, form=whole),
)
SEVERAL = (
    *(Column("ratio", "of bare", 0.8, form=hundredths) if c.key == "ratio" else c for c in ONE),
    Column("one_core", "pages/s, one core", form=tenths),
    Column("gain", "gain", form=hundredths),
)
_NGINX = """daemon off; worker_processes 1; pid {work}/nginx.pid; error_log {work}/error.log;
events {{ worker_connections 512; }}
http {{ access_log {log}; types {{ text/html html; application/xml xml; text/plain txt; application/rss+xml rss; }}
charset utf-8; keepalive_requests 1000000; client_body_temp_path {work}; proxy_temp_path {work};
fastcgi_temp_path {work}; uwsgi_temp_path {work}; scgi_temp_path {work};
server {{ listen 127.0.0.1:{port}; root {root}; index index.html index.rss; }} }}
"""


def measure(posts: int, kilobytes: int, rounds: int, sites: int, work: Path) -> dict[str, dict[str, Any]]:
    """Return a row for one site on one core and, if `sites` is 2 or more, one for several sites at the same time, on
    all cores in turns with one core. The bare spider is always one process on one core."""
    rows: dict[str, dict[str, Any]] = {}
    with served(posts, kilobytes, 1, work) as [start]:
        rows["one site"] = _row([start], rounds, work, "one site")
    if sites > 1:
        with served(posts, kilobytes, sites, work) as starts:
            rows[f"{sites} sites"] = _row(starts, rounds, work, f"{sites} sites")
    return rows


def _row(starts: Sequence[str], rounds: int, work: Path, what: str) -> dict[str, Any]:
    ratios: list[float] = []
    gains: list[float] = []
    last: dict[str, Any] = {}
    for number in with_progress(range(rounds), what):
        archive = work / f"{len(starts)}-{number}" / "archive.db"
        archive.parent.mkdir()
        last = _crawled(starts, archive)
        alone = bare(_urls(archive)[:4_000], archive.parent)
        ratios.append(last["pages_per_second"] / alone)
        if len(starts) > 1:
            with _one_core():
                last["one_core"] = _crawled(starts, archive.with_name("one-core.db"))["pages_per_second"]
            gains.append(last["pages_per_second"] / last["one_core"])
        last["bare"] = alone
        shutil.rmtree(archive.parent)
    spread = {"ratio": median(ratios), "worst": min(ratios), "best": max(ratios)}
    return last | spread | ({"gain": median(gains)} if gains else {})


def _crawled(starts: Sequence[str], archive: Path) -> dict[str, Any]:
    """Crawl all sites at the same time. `peak_mb` is that of the largest process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    ran = archiver("crawl", *starts, "--archive", str(archive), "--delay", "0", "--json", "--workers", str(len(starts)))
    wall = time.monotonic() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    runs = _summaries(ran)
    pages = sum(r["requests"] for r in runs)
    cpu = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return {
        "posts": sum(r["new"] for r in runs),
        "pages": pages,
        "cpu_ms": 1000 * cpu / max(pages, 1),
        # A single run reports its own duration. For several, the start of the program is included.
        "pages_per_second": pages / (runs[0]["seconds"] if len(runs) == 1 else wall),
        "peak_mb": ran.peak_mb,
    }


@contextmanager
def _one_core() -> Iterator[None]:
    """Limit processes that are started meanwhile to one core, so that the archiver crawls in one process."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _summaries(ran: Ran) -> list[dict[str, Any]]:
    try:
        runs: list[dict[str, Any]] = json.loads(ran.out)
    except ValueError:
        raise SystemExit(f"The crawl printed no summary (exit code {ran.code}): {ran.err[-2000:]}") from None
    if any(run["outcome"] != "finished" for run in runs):
        raise SystemExit(f"The crawl did not finish: {ran.err[-2000:]}")
    return runs


def _urls(archive: Path) -> list[str]:
    import sqlite3

    db = sqlite3.connect(archive)
    try:
        return [row[0] for row in db.execute("select url from pages where status = 200 order by id")]
    finally:
        db.close()


@contextmanager
def served(
    posts: int, kilobytes: int, sites: int, work: Path, name: str = "", log: Path | None = None
) -> Iterator[list[str]]:
    """Serve generated sites by nginx if it is installed, otherwise by a server in Python. Yields their seeds.

    `name` is the host in the URLs of their pages, without a port; clients reach it with the site's address as a proxy.
    `log` gets a line for each request.
    """
    servers: list[subprocess.Popen[Any]] = []
    starts: list[str] = []
    nginx = shutil.which("nginx") or (shutil.which("nginx", path="/usr/sbin"))
    try:
        for n in range(sites):
            port = free_port()
            here = f"127.0.0.1:{port}"
            if nginx:
                folder = work / f"site-{n}"
                write(Site(f"http://{name or here}", posts, kilobytes), folder)
                conf = folder.with_suffix(".conf")
                conf.write_text(_NGINX.format(work=work, port=port, root=folder, log=log or "off"), encoding="utf-8")
                command = [nginx, "-c", str(conf), "-p", str(work), "-g", f"user root; lock_file {work}/{n}.lock;"]
            else:
                command = [
                    sys.executable,
                    str(ROOT / "bench" / "serve_generated.py"),
                    str(posts),
                    "--port",
                    str(port),
                    "--kilobytes",
                    str(kilobytes),
                    "--name",
                    name or here,
                    *(["--log", str(log)] if log else []),
                ]
            servers.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=ROOT / "bench",
                )
            )
            starts.append(f"http://{here}/")
            _wait(port, servers[-1])
        yield starts
    finally:
        for server in servers:
            server.terminate()
            server.wait()


def _wait(port: int, server: subprocess.Popen[Any]) -> None:
    for _ in range(300):
        with socket.socket() as s:
            if not s.connect_ex(("127.0.0.1", port)):
                return
        if server.poll() is not None:
            raise SystemExit(f"The server of the generated site ended at once ({' '.join(map(str, server.args))}).")
        time.sleep(0.05)
    raise SystemExit("The server of the generated site did not start.")


def write(site: Site, folder: Path) -> None:
    """Write the site as static files."""
    every = ["/", "/feed/", "/robots.txt", "/sitemap.xml", *map(site.path_of, range(site.posts))]
    every += [f"/sitemap-posts-{n}.xml" for n in range(1, site.posts // 2_000 + 2)]
    for base in ("/", *(f"/category/{name}/" for name in site.categories)):
        every += [base, *(f"{base}page/{n}/" for n in range(2, site.posts // 10 + 2))]
    for path in every:
        answer = site.get(path)
        if answer.status == 200:
            name = "index.rss" if answer.kind.startswith("application/rss") else "index.html"
            file = folder / path.lstrip("/") / name if path.endswith("/") else folder / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(answer.body)
