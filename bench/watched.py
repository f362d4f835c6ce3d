"""Run a command from a small process and write its resource usage to a file: `watched.py FILE LIMIT COMMAND ...`.

Linux includes the memory of the parent until exec in the peak memory of a process: a small command started by a large
process would seem as large. FILE gets the wait status, peak resident memory (kB), user and system seconds. The command
is killed after LIMIT seconds (0: no limit).
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
    with open(file, "w", encoding="ascii") as out:  # noqa: PTH123  importing pathlib would use too much memory
        out.write(f"{status} {usage.ru_maxrss} {usage.ru_utime} {usage.ru_stime}")
