"""Runs `archiver` with a bug in it: `python -m tests.spiders.breaking MODULE ATTRIBUTE crawl URL ...`."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import archiver.scheduling.crawl_pool
from archiver.cli.main import cli


def burst(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("it burst")


if __name__ == "__main__":
    holder: Any = importlib.import_module(sys.argv.pop(1))
    *path, last = sys.argv.pop(1).split(".")
    for name in path:
        holder = getattr(holder, name)
    assert hasattr(holder, last), f"{holder} has no {last}"
    setattr(holder, last, burst)
    # As on one core: all sites are crawled in this process, because only this one has the bug.
    archiver.scheduling.crawl_pool.count_cores = lambda: 1  # type: ignore[attr-defined]
    cli(prog_name="archiver")
