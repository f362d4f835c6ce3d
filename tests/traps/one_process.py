"""Runs the command line with all crawls in one process, whatever the number of cores.

The crawls of many small sites wait for one another's transactions, which costs several processes more CPU time than
they gain. `tests/cli/test_workers.py` has the crawls in several processes.
"""

from __future__ import annotations

from archiver.cli.main import cli
from archiver.scheduling import crawl_pool

if __name__ == "__main__":
    crawl_pool.count_cores = lambda: 1
    cli(prog_name="archiver")
