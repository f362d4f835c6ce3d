"""A stress test: workers that are killed again and again must produce what one undisturbed machine produces.

python -m tests.fleet --sites 60 --posts 200 --workers 3 --kill-every 10
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from archiver.storage.database import open_archive  # noqa: E402
from archiver.storage.sites import add_site, set_settings  # noqa: E402
from tests.faults.compare import differences  # noqa: E402
from tests.faults.sound import flaws  # noqa: E402
from tests.fleet import hosts, postgres  # noqa: E402
from tests.fleet.fleets import Fleet  # noqa: E402
from tests.processes import run, without_proxies  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=60)
    parser.add_argument("--posts", type=int, default=200)
    parser.add_argument("--kilobytes", type=int, default=20)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--delay", type=float, default=0.02)
    parser.add_argument("--kill-every", type=float, default=10.0, metavar="SECONDS")
    parser.add_argument("--lease", type=float, default=6.0)
    parser.add_argument("--checkpoint", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep the archives here")
    words = parser.parse_args()
    folder = words.folder or Path(tempfile.mkdtemp(prefix="siege-"))
    found: list[str] = []
    with postgres.running() as server, hosts.serving(words.sites, words.posts, words.kilobytes) as served:
        fleet = Fleet(server.database("siege"), folder)
        try:
            seconds, killed = run_and_kill(fleet, server, served, words, found)
            asked = list(served.log)
            status = fleet.status()
            collected = fleet.do("collect", "--storage", fleet.storage, "--archive", str(folder / "all.db"), "--quiet")
            if collected.returncode:
                found.append(f"collect: {collected.stderr[-500:]}")
        finally:
            fleet.end()
        by_host = {host: [one for one in asked if one.host == host] for host in {one.host for one in asked}}
        found += [text for log in by_host.values() for text in hosts.overlaps(log)]
        paces = sorted(hosts.pace(log) for log in by_host.values())
        if paces[0] < words.delay * 0.6:
            found.append(f"a host was asked every {paces[0]:.4f} s")
        print("now on one machine ...", flush=True)
        done = run(
            "archiver",
            "crawl",
            *served.urls,
            "--archive",
            str(folder / "alone.db"),
            "--quiet",
            "--workers",
            "8",
            environment=without_proxies(),
            timeout=3600,
        )
        if done.returncode:
            found.append(f"crawl: {done.stderr[-500:]}")
    found += differences(folder / "alone.db", folder / "all.db") + flaws(folder / "all.db")
    db = open_archive(folder / "all.db", read_only=True)
    articles, captures = db.table("articles").count, db.table("captures").count
    db.close()
    if articles != words.sites * words.posts:
        found.append(f"{articles} articles")
    posts = len({(one.host, one.path) for one in asked})
    print(
        f"{words.sites} sites of {words.posts} posts, {words.workers} workers of {words.slots}, {killed} kills, "
        f"one restart of PostgreSQL, {seconds:.0f} s: {articles:,} articles, {captures:,} captures, {len(asked):,} "
        f"requests for {posts:,} addresses ({len(asked) / posts:.2f} each), {status['last_hour']['lost']} runs lost, "
        f"closest pace {paces[0]:.3f} s (set: {words.delay}), hosts with two workers at once: "
        f"{sum(bool(hosts.overlaps(log)) for log in by_host.values())}; in {folder}"
    )
    print("\n".join(found[:40]) if found else "equal")
    return 1 if found else 0


def run_and_kill(
    fleet: Fleet, server: postgres.Postgres, served: hosts.Hosts, words: argparse.Namespace, found: list[str]
) -> tuple[float, int]:
    """Runs until nothing is due; returns the seconds, and how many workers were killed. Each is replaced by a new
    one."""
    catalogue, dice = fleet.folder / "catalogue.db", Random(words.seed)
    db = open_archive(catalogue, create=True)
    for url in served.urls:
        site, _ = add_site(db, url, datetime.now(UTC))
        set_settings(db, [site["name"]], {"delay": words.delay})
    db.close()
    made = fleet.do(
        "init",
        "--storage",
        fleet.storage,
        "--archive",
        str(catalogue),
        "--lease",
        str(words.lease),
        "--checkpoint",
        str(words.checkpoint),
    )
    if made.returncode:
        raise RuntimeError(made.stderr)
    numbers = iter(range(1, 100_000))
    alive = {name: fleet.worker(name, words.slots) for name in (f"w{next(numbers)}" for _ in range(words.workers))}
    begun, killed, over = time.monotonic(), 0, threading.Event()

    def siege() -> None:
        nonlocal killed
        restarted = False
        while not over.wait(words.kill_every):
            for ended in [name for name, worker in alive.items() if not worker.lives]:
                # As a service manager does: a worker that was started while PostgreSQL was unreachable has
                # reported that and ended.
                print(f"{ended} had ended: {alive.pop(ended).err.strip()[-300:]}")
            while len(alive) < words.workers:
                new = f"w{next(numbers)}"
                alive[new] = fleet.worker(new, words.slots)
            name = dice.choice(sorted(alive))
            alive.pop(name).send(signal.SIGKILL)
            killed += 1
            new = f"w{next(numbers)}"
            alive[new] = fleet.worker(new, words.slots)
            print(
                f"{time.monotonic() - begun:5.0f} s: {name} killed, {new} begins; {len(served.log):,} requests",
                flush=True,
            )
            if killed == 3 and not restarted:
                restarted = True
                try:
                    server.end()
                    time.sleep(1)
                    server.begin()
                    print(f"{time.monotonic() - begun:5.0f} s: PostgreSQL restarted", flush=True)
                except (RuntimeError, subprocess.TimeoutExpired) as error:
                    found.append(str(error))

    thread = threading.Thread(target=siege, daemon=True)
    thread.start()
    try:
        fleet.wait(3600)
    finally:
        over.set()
        thread.join()
    seconds = time.monotonic() - begun
    for worker in alive.values():
        if worker.lives:
            worker.send(signal.SIGTERM)
    return seconds, killed


if __name__ == "__main__":
    sys.exit(main())
