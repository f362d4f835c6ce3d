"""Runs the archiver and other programs as child processes, and measures their time and peak memory."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CONTACT = "bench@example.org"
_WATCHED = str(Path(__file__).with_name("watched.py"))


@dataclass(frozen=True)
class Ran:
    """A finished child process. `peak_mb` is its peak resident memory in MB (wait4, ru_maxrss), `cpu_seconds` the CPU
    time of it and its own children."""

    code: int
    out: str
    err: str
    seconds: float
    peak_mb: float
    cpu_seconds: float = 0.0


def run(command: Sequence[str], limit: float | None = None, **environment: str) -> Ran:
    """Run a command to its end, or for `limit` seconds (code -9). `environment` is added to that of this process,
    without its proxy settings."""
    env = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # compiling the modules anew would take a second of each process
    env |= {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"} | environment
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as out,
        tempfile.TemporaryFile("w+", encoding="utf-8") as err,
        tempfile.NamedTemporaryFile("r", encoding="ascii") as usage,
    ):
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-IS", _WATCHED, usage.name, str(limit or 0), *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=env,
            check=True,
        )
        seconds = time.monotonic() - began
        status, peak, *worked = usage.read().split()
        out.seek(0)
        err.seek(0)
        return Ran(
            os.waitstatus_to_exitcode(int(status)),
            out.read(),
            err.read(),
            seconds,
            int(peak) / 1024,
            sum(map(float, worked)),
        )


def archiver(*words: str, **environment: str) -> Ran:
    return run([sys.executable, "-m", "archiver", *words], **environment)


def crawl(start: str, archive: Path, *options: str, **environment: str) -> tuple[dict[str, Any], Ran]:
    """Crawl without delay or images, with these further options. Returns the summary that `archiver crawl --json`
    prints, and the process."""
    ran = archiver(
        "crawl",
        start,
        "--archive",
        str(archive),
        "--delay",
        "0",
        "--contact",
        CONTACT,
        "--json",
        "--requisites",
        "none",
        *options,
        **environment,
    )
    try:
        [summary] = json.loads(ran.out)
    except ValueError:
        raise SystemExit(f"The crawl of {start} printed no summary (exit code {ran.code}): {ran.err[-2000:]}") from None
    return summary, ran


def export(archive: Path, to: Path) -> Path:
    """Exports all articles. An archive without articles gives an empty file."""
    ran = archiver("export", "-f", "jsonl", "-o", str(to), "--archive", str(archive))
    if ran.code == 1 and "Nothing found" in ran.err:
        to.write_text("", encoding="utf-8")
    elif ran.code:
        raise SystemExit(f"The export of {archive} failed: {ran.err[-2000:]}")
    return to


def score(shared: Path, articles: Path, truth: Path, *options: str) -> dict[str, Any]:
    """Return the figures of score_crawl.py, which its help explains."""
    ran = run([sys.executable, str(shared / "sites" / "score_crawl.py"), str(articles), str(truth), *options])
    if ran.code:
        raise SystemExit(f"{articles} could not be scored: {ran.err[-2000:]}")
    figures: dict[str, Any] = json.loads(ran.out.splitlines()[0])
    return figures | {"examples": [line for line in ran.out.splitlines()[1:] if ": " in line]}


def bare(urls: Sequence[str], folder: Path, **environment: str) -> float:
    """Measure the pages per second of a Scrapy spider that fetches `urls` and keeps nothing."""
    listed = folder / "urls.txt"
    listed.write_text("\n".join(urls), encoding="utf-8")
    ran = run([sys.executable, str(ROOT / "bench" / "bare_spider.py"), str(listed)], **environment)
    if ran.code:
        raise SystemExit(f"The bare spider failed: {ran.err[-2000:]}")
    return float(json.loads(ran.out)["pages_per_second"])


def plain(start: str, proxy: str) -> int:
    """Count the requests of a crawl that follows every link of a site (plain_crawl.py)."""
    ran = run([sys.executable, str(ROOT / "bench" / "plain_crawl.py"), start, proxy])
    if ran.code:
        raise SystemExit(f"The plain crawl of {start} failed: {ran.err[-2000:]}")
    return int(json.loads(ran.out)["requests"])


def requests(log: Path) -> list[dict[str, Any]]:
    """Read an access log of one JSON object per line."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def served(shared: Path, root: Path | None, log: Path) -> Iterator[str]:
    """Serve the shared sites on loopback. Yields the address of the server, to be used as an HTTP proxy."""
    port = free_port()
    command = [sys.executable, str(shared / "sites" / "serve.py"), "--port", str(port), "--log", str(log)]
    if root:
        command += ["--root", str(root), "--sites", str(shared / "sites" / "sites.json")]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as s:
                if not s.connect_ex(("127.0.0.1", port)):
                    break
            if server.poll() is not None:
                raise SystemExit("The server of the shared sites ended immediately.")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()
