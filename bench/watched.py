"""Run a command as a child of a small process, and write what it took into a file: `watched.py FILE LIMIT COMMAND ...`.

Linux counts to a process's peak memory that of the one which started it, up to its exec: started by a large one, a
small one would be as large. FILE gets the wait status, peak resident memory (kB), user and system seconds; after LIMIT
seconds (0: none) the command is killed.
"""

from __future__ import annotations

import os
import signal
import sys

if __name__ == "__main__":
    file, limit, *command = sys.argv[1:]
    pid = os.posix_spawnp(command[0], command, os.environ)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, float(limit))
    _, status, usage = os.wait4(pid, 0)
    with open(file, "w", encoding="ascii") as out:  # noqa: PTH123  pathlib would cost as much as all the rest
        out.write(f"{status} {usage.ru_maxrss} {usage.ru_utime} {usage.ru_stime}")
