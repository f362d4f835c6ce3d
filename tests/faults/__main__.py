"""Stress test: a crawl of 2,000 posts that is killed again and again must produce the archive of an undisturbed crawl.

python -m tests.faults --posts 2000 --kills 50 --seed 1
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.compare import differences
from tests.faults.killing import crawl, crawl_and_kill
from tests.faults.server import serving
from tests.faults.site import Blog
from tests.faults.sound import flaws


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--undeclared", action="store_true", help="the site names neither its feed nor its sitemap")
    parser.add_argument("--folder", type=Path, help="keep the archives here")
    words = parser.parse_args()
    folder = words.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    peaceful, besieged = folder / "peaceful" / "archive.db", folder / "besieged" / "archive.db"
    with serving(Blog(words.posts, words.seed, not words.undeclared)) as server:
        begun = time.monotonic()
        crawl(server.url, peaceful)
        pages = len(server.asked)
        print(f"undisturbed: {pages} requests, {time.monotonic() - begun:.1f} s")
        begun = time.monotonic()
        tally = crawl_and_kill(
            server, besieged, words.kills, words.seed, pages=pages, say=lambda line: print(line, flush=True)
        )
        last = crawl(server.url, besieged)
        seconds = time.monotonic() - begun
        asked = len(server.asked) - pages
    found = [*flaws(peaceful), *flaws(besieged), *differences(peaceful, besieged), *tally.errors]
    if last.returncode:
        found.append(f"the last crawl ended with {last.returncode}: {last.stderr[-500:]}")
    kills = ", ".join(f"{count} {moment}" for moment, count in sorted(tally.kills.items()))
    print(
        f"seed {words.seed}: {sum(tally.kills.values())} kills ({kills}), {tally.cut} WARC tails cut off, "
        f"{sum(tally.kills.values()) + tally.ended + 1} runs, {asked} requests, {seconds:.0f} s, in {folder}"
    )
    print("\n".join(found[:50]) if found else "equal")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
