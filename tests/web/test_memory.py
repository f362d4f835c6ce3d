"""A server stays small whatever is searched for: 2,000 hostile searches, some of them at the same time."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, product
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.archive_fixture import make_archive
from tests.processes import Running
from tests.web.conftest import Served

LIMIT_MB = 400
SEARCHES = 2_000
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SHAPES = (
    lambda n: "-".join(["a"] * (2_990 + n)) + "*",  # one row of letters, 6 KB
    lambda n: ".".join(["ab"] * 1_500) + str(n) + "*",
    lambda n: "的" * (1_900 + n) + "*",
    lambda n: "(" * (900 + n) + "a",
    lambda n: '"' + "a " * (1_500 + n) + '"',
    lambda n: "NEAR(" + "a* " * (60 + n) + ", 9)",
    lambda n: " OR ".join(f"{one}{n}*" for one in LETTERS * 2),
    lambda n: " ".join(f"-{one}*" for one in LETTERS) + f" t{n}",
    lambda n: " OR ".join(f'"{one}-b-c-d-e-f-{n}*"' for one in LETTERS),
    lambda n: f"title:{'a' * 5_000}{n}",
)
"""Searches of 100 bytes to 6 KB, each with a number that makes it differ from the others of its kind."""
PATHS = (
    "/search.json?q=",
    "/search?q=",
    "/archive/articles.json?_size=1&_search=",
)


def paths() -> list[str]:
    """Return 2,000 different requests: every shape of search on every page, in turn."""
    made = (f"{path}{quote(shape(n))}" for n, path, shape in product(range(SEARCHES), PATHS, SHAPES))
    return list(dict.fromkeys(islice(made, SEARCHES)))


def batched(all_paths: list[str], size: int) -> list[list[str]]:
    return [all_paths[at : at + size] for at in range(0, len(all_paths), size)]


def resident_mb(pid: int) -> float:
    """Return the most memory that a process has had so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory of a process from /proc")
def test_hostile_searches_do_not_fill_the_memory(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "small.db")
    process = Running("archiver", "serve", "--archive", str(archive), "--port", "0")
    try:
        found = process.says(r"http://[\w.]+:\d+(?=/)")
        assert found
        served = Served(found[0], archive)
        answers: list[int] = []
        with ThreadPoolExecutor(8) as pool:
            for some in batched(paths(), 40):
                answers += pool.map(lambda path: served.get(path).status, some)
                # Asked after each batch, since a server without limits takes gigabytes within a minute.
                assert resident_mb(process.pid) < LIMIT_MB
        assert set(answers) <= {200, 400, 503}
        assert len(answers) == SEARCHES
        assert answers.count(200) > SEARCHES / 4
        assert served.get("/search?q=tide").status == 200
    finally:
        process.send(signal.SIGTERM)
        process.end(20)
