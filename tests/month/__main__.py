"""Thirty simulated days of six blogs, and a fault at a time in a copy of them.

python -m tests.month --seed 1 --faults js-shell,teaser --kill
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from random import Random

from tests import processes
from tests.month.archive_faults import ARCHIVE_FAULTS
from tests.month.blogs import DAYS
from tests.month.content_faults import CONTENT_FAULTS
from tests.month.simulation import FIRST_FAULT_DAY, Fault, Month, Outcome, simulate
from tests.month.site_faults import SITE_FAULTS
from tests.month.world import world

FAULTS: dict[str, Fault] = {fault.name: fault for fault in (*SITE_FAULTS, *CONTENT_FAULTS, *ARCHIVE_FAULTS)}
_ENOUGH = 4 << 30
"""The archives are in memory if it has so many bytes free: none of them is to survive a power failure."""
_COLUMNS = ("fault", "blogs", "reported", "to whom", "messages (begun, over)", "which sentence", "bars missed")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", help="the names of the faults, separated by commas; all by default")
    parser.add_argument("--kill", action="store_true", help="again, with kill -9 at one step of one run of each fault")
    words = parser.parse_args()
    names = words.faults.split(",") if words.faults else list(FAULTS)
    if unknown := [name for name in names if name not in FAULTS]:
        parser.error(f"unknown: {', '.join(unknown)}; the faults are {', '.join(FAULTS)}")
    processes.warm("tests.month.commands")
    memory = Path("/dev/shm")
    place = memory if "TMPDIR" not in os.environ and memory.is_dir() and _free(memory) >= _ENOUGH else None
    with tempfile.TemporaryDirectory(prefix="month-", dir=place) as folder, world(words.seed, Path(folder)) as blogs:
        month = Month(blogs, Path(folder))
        dice = {name: Random(f"{words.seed} {name}") for name in names}
        days = {name: dice[name].randint(FIRST_FAULT_DAY, DAYS - 2 - max(FAULTS[name].days)) for name in names}
        month.build(last=max(days[name] + 2 + max(FAULTS[name].days) for name in names))
        _say(f"A healthy month takes {_seconds():.0f} s of processor time.\n")
        _say(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}")
        missed = 0
        for name in names:
            outcome = simulate(month, FAULTS[name], days[name], dice[name] if words.kill else None)
            _say(_row(outcome))
            missed += bool(outcome.missed)
            if words.kill and outcome.tried:
                again = simulate(month, FAULTS[name], days[name], dice[name], outcome.steps)
                _say(_row(again))
                missed += bool(again.missed)
        figures = f"{missed} with a bar missed; {_seconds():.0f} s of processor time, seed {words.seed}"
        _say(f"\n{len(names)} faults, {figures}.")
    return 1 if missed else 0


def _row(outcome: Outcome) -> str:
    fault = outcome.fault
    if not outcome.tried:
        return f"| {fault.name} | | not tried: this machine mounts no file system | | | | |"
    reported = f"by run {outcome.reported_on}" if outcome.reported_on else "no"
    cells = (
        f"{fault.name}{f' (killed: {outcome.killed})' if outcome.killed else ''}",
        ", ".join(getattr(fault, "blogs", ())),
        reported,
        ", ".join(outcome.channels),
        f"{outcome.begun}, {outcome.over}",
        outcome.sentence[:160],
        "; ".join(outcome.missed),
    )
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"


def _seconds() -> float:
    """Return the processor time of this process and of all commands, in seconds."""
    from multiprocessing.forkserver import _forkserver  # type: ignore[attr-defined]

    own = os.times()
    fields = Path(f"/proc/{_forkserver._forkserver_pid}/stat").read_text().rpartition(")")[2].split()
    return own.user + own.system + sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
