"""`pip install archiver` alone, without any extra, reaches a first crawl, a search and a feed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.processes import without_proxies
from tests.spiders.crawling import rows
from tests.spiders.site_server import Pages, home, page, serving
from tests.test_packaging import pins

NAMES = [f"/2024/post-{n}/" for n in range(3)]
BLOG: Pages = {"/": home(*NAMES), **{name: page(f"Post {name}", f"{name} tells of tides. " * 20) for name in NAMES}}
SCRIPT = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from archiver.cli.main import cli
for words in COMMANDS:
    try:
        cli.main(words, prog_name="archiver")
    except SystemExit as end:
        assert not end.code, (words, end.code)
"""


def packages_of_extras() -> set[str]:
    """Return the names of the modules that an installation without extras does not have."""
    needed = {"archiver", *pins("requirements.lock")}
    return {
        module
        for module, packages in packages_distributions().items()
        if not {canonicalize_name(package) for package in packages} & needed
    }


def run_without_extras(commands: list[list[str]]) -> str:
    script = SCRIPT.replace("BLOCKED", repr(packages_of_extras())).replace("COMMANDS", repr(commands))
    done = subprocess.run(
        [sys.executable, "-c", script], env=without_proxies(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    archive = tmp_path_factory.mktemp("plain") / "archive.db"
    with serving(BLOG) as site:
        run_without_extras([["crawl", site.url, "--archive", str(archive)]])
    yield archive


def test_the_packages_of_extras_are_found() -> None:
    assert {"pyarrow", "datasette", "uvicorn", "phonenumbers"} <= packages_of_extras()
    assert not {"scrapy", "lxml", "tantivy", "click", "archiver"} & packages_of_extras()


def test_a_first_crawl(crawled: Path) -> None:
    assert rows(crawled, "select count(*) from articles") == [(3,)]


def test_a_first_search_and_what_follows(crawled: Path, tmp_path: Path) -> None:
    own = ["--archive", str(crawled)]
    said = run_without_extras(
        [
            ["search", "tides", "--json", *own],
            ["show", "1", *own],
            ["cite", "1", *own],
            ["status", *own],
            ["verify", *own],
            ["export", "tides", "-o", str(tmp_path / "feed.xml"), *own],
            ["export", "-o", str(tmp_path / "all.jsonl"), *own],
        ]
    )
    assert said.count("tells of tides") >= 3
    assert "no damage found" in said
    assert {file.name for file in tmp_path.iterdir()} == {"feed.xml", "all.jsonl"}
