"""Starts crawls and kills them (SIGKILL) at random moments."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from archiver.storage.transactions import lock_holder
from tests.faults.server import BlogServer
from tests.processes import Running

Moment = Literal["start", "repair", "sources", "middle", "end"]
_WEIGHTS: dict[Moment, int] = {"start": 2, "repair": 3, "sources": 3, "middle": 9, "end": 3}
_TAIL = 20_000


def crawl(url: str, archive: Path, *words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run a crawl to its end."""
    return start_crawl(url, archive, *words).end(timeout)


def start_crawl(url: str, archive: Path, *words: str) -> Running:
    """Start a crawl and return its process."""
    return Running("archiver", "crawl", url, "--archive", str(archive), "--delay", "0", *words)


@dataclass
class Tally:
    """The results of repeated kills: kills by moment, runs that ended before their kill, WARC files that were truncated
    as well.
    """

    kills: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    cut: int = 0
    errors: list[str] = field(default_factory=list)


def crawl_and_kill(
    server: BlogServer,
    archive: Path,
    kills: int,
    seed: int,
    *,
    pages: int,
    cut: float = 0.3,
    say: Callable[[str], None] = lambda line: None,
) -> Tally:
    """Crawl again and again, and kill each crawl at a random moment, until `kills` crawls were killed.

    Between two runs the last WARC file sometimes loses its end, as in a power cut on a disk that did not store what
    it confirmed (`cut` is the probability). `pages` is the number of requests of a complete crawl, over which the
    kills are spread.
    """
    dice, tally, begun = Random(seed), Tally(), len(server.asked)
    while sum(tally.kills.values()) < kills:
        moment = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        asked = len(server.asked)
        # Once all posts are stored, few requests are left. Then --full checks every page for changes.
        more = ["--full"] if tally.ended else []
        if moment == "end" and not more and len(set(server.asked[begun:])) < 0.9 * pages:
            moment = "middle"
        process = start_crawl(server.url, archive, "--quiet", *more)
        _wait(moment, process, server, archive, dice, asked, pages / kills)
        if process.lives:
            process.send(signal.SIGKILL)
        done = process.end()
        if done.returncode == -signal.SIGKILL:
            tally.kills[moment] += 1
        else:
            tally.ended += 1
            if done.returncode:
                tally.errors.append(done.stderr[-500:])
        say(
            f"{sum(tally.kills.values()):3} {moment:8} {len(server.asked) - asked:5} requests "
            f"{'killed' if done.returncode == -signal.SIGKILL else 'had ended'}"
        )
        if dice.random() < cut and _cut_tail(archive, dice):
            tally.cut += 1
    return tally


def _wait(
    moment: Moment, process: Running, server: BlogServer, archive: Path, dice: Random, asked: int, share: float
) -> None:
    """Wait until the moment of the kill, or until the crawl has ended."""

    def until(come: Callable[[], bool]) -> None:
        while process.lives and not come():
            time.sleep(0.002)

    if moment == "start":
        time.sleep(dice.uniform(0, 0.4))
        return
    if moment == "repair":
        until(lambda: lock_holder(archive) == f"process {process.pid}")
        time.sleep(dice.uniform(0, 0.06))
    elif moment == "end":
        until(lambda: len(server.asked) > asked and time.monotonic() - server.last > 0.3)
        time.sleep(dice.uniform(0, 0.2))
    else:
        most = 8 if moment == "sources" else 4 * share
        target = asked + 1 + dice.randint(0, int(most))
        # If few requests are left, the crawl would end before the moment: then kill it shortly after its last request.
        until(
            lambda: len(server.asked) >= target or (len(server.asked) > asked and time.monotonic() - server.last > 0.7)
        )
        time.sleep(dice.uniform(0, 0.03))


def _cut_tail(archive: Path, dice: Random) -> bool:
    files = sorted((archive.parent / "warc").glob("*.warc.gz"), key=lambda f: f.stat().st_mtime)
    files = [f for f in files if not f.with_name(f.name.replace(".warc.gz", ".cdxj")).exists()]
    if not files:
        return False
    size = files[-1].stat().st_size
    os.truncate(files[-1], max(0, size - dice.randint(1, _TAIL)))
    return True
