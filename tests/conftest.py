"""What all tests share: how many examples, the `needs` marker, the demonstration blog, a real WordPress."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from archiver.demo.demo_blog import Demo, serve
from tests import processes
from tests.plain_stack import without_source_lines
from tests.wordpress import site

# The examples of a property: few in the suite, and the same in each run, so that what fails was broken by the change
# at hand; many, and others each time, with `make soak` (--hypothesis-profile=thorough).
settings.register_profile("suite", max_examples=40, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("suite")

# Modules are compiled once for all processes and runs, also where the environment says otherwise: to compile all tests
# and the program anew would cost each worker, and each command that a test starts, seconds.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


# Thousands of small archives are written, each with several waits for the disk, and none is to survive a power failure:
# they go into memory where there is enough of it and TMPDIR names no other place.
_MEMORY, _ENOUGH = Path("/dev/shm"), 4 << 30


def _can_hold_tests(folder: Path) -> bool:
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize >= _ENOUGH and not found.f_flag & os.ST_NOEXEC


if "TMPDIR" not in os.environ and _can_hold_tests(_MEMORY):
    os.environ["TMPDIR"] = str(_MEMORY)
    tempfile.tempdir = None  # it is found again


# The files that take longest, which begin first: at the end of a run all processes have something to do.
LONG = (
    "traps/test_traps",
    "history/",
    "fleet/test_fleet",
    "fleet/test_tasks_killed",
    "month/",
    "web/test_accessibility",
    "web/test_browser",
    "web/test_memory",
    "release/",
    "datasets/test_validators",
    "cli/test_workers",
    "wordpress/",
    "hostile/",
    "faults/",
    "importers/test_resume",
    "importers/test_wayback_service",
    "extraction/test_robust",
    "test_demo_crawl",
    "spiders/",
    "fleet/",
    "requisites/",
    "web/",
    "merging/",
    "storage/test_restore",
    "storage/test_backup_checks",
    "search/test_index",
    "importers/",
    "takedown/",
    "cli/",
    "health/",
    "storage/",
    "datasets/",
    "bench/",
    "extraction/",
)


# What `make test` leaves out: the packages that stand on the core, soaks of the whole program, and what is built
# on the archive: the command line, health, merging, removal. No test of the core of the crawler is among them.
SLOW = (
    "bench/",
    "cli/",
    "datasets/",
    "docs/",
    "faults/",
    "fleet/",
    "health/",
    "history/",
    "hostile/",
    "importers/",
    "merging/",
    "month/",
    "release/",
    "search/test_index",
    "takedown/",
    "web/",
    "wordpress/",
)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):  # one of several processes, which collects all tests
        with without_source_lines():
            processes.warm_by_fork()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Each worker collects all tests. What it makes for that is kept, so a collection of garbage would find none."""
    gc.disable()
    try:
        with without_source_lines():
            return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith(tuple(f"tests/{name}" for name in SLOW)):
            item.add_marker("slow")
    items.sort(
        key=lambda item: next((n for n, name in enumerate(LONG) if item.nodeid.startswith(f"tests/{name}")), len(LONG))
    )


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.items and not session.config.option.collectonly:
        processes.warm()
        gc.freeze()  # what was collected stays to the end: nothing to look through at each collection of garbage


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes more than there are cores: half of the time is waiting, for servers that are slow on purpose."""
    return len(os.sched_getaffinity(0)) + 2


@cache
def is_installed(package: str) -> bool:
    """Whether this Debian package is installed; False where there is no dpkg."""
    if not shutil.which("dpkg-query"):
        return False
    asked = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True)
    return asked.stdout == "install ok installed"


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        missing = [p for p in marker.args if not is_installed(p)]
        if missing:
            pytest.skip(f"not installed: Debian's {', '.join(missing)} (make test-deps installs what the tests need)")


@pytest.fixture
def demo() -> Iterator[Demo]:
    """The demonstration blog at an address of its own."""
    with serve(0) as running:
        yield running


@pytest.fixture(scope="session")
def wordpress_server() -> Iterator[site.WordPress]:
    with tempfile.TemporaryDirectory(prefix="wordpress-") as folder, site.running(Path(folder)) as running:
        yield running
