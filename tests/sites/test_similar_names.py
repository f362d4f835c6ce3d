"""`archiver crawl` says when it adds a site whose address may be mistyped."""

from __future__ import annotations

from pathlib import Path

import pytest

from archiver.cli.commands.crawl import find_similar_site
from tests.spiders.crawling import archiver, crawl, rows
from tests.spiders.site_server import home, page, serving


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("127.0.1.1:9041", ["127.0.1.1:9401", "127.0.1.2:9402"], "127.0.1.1:9401"),
        ("kiln.example:8080", ["kiln.example"], "kiln.example"),
        ("kiln.example:8080/news", ["kiln.example:81/news", "kiln.example:81/notes"], "kiln.example:81/news"),
        ("klin.example", ["kiln.example", "mill.example"], "kiln.example"),
        ("kilnn.example", ["kiln.example"], "kiln.example"),
        ("kiln.example", ["kiln.example"], ""),
        ("quarry.example", ["kiln.example", "mill.example"], ""),
        ("kiln.example/a-long-path", ["kiln.example"], ""),
        ("x.org", ["ab.org"], ""),
    ],
)
def test_the_most_similar_site_is_found(name: str, known: list[str], found: str) -> None:
    assert find_similar_site(name, known) == found


def test_a_crawl_that_adds_a_site_with_a_similar_name_says_so_first(tmp_path: Path) -> None:
    archive, pages = tmp_path / "a.db", {"/": home("/one/"), "/one/": page("One", "The kiln was lit at noon.")}
    with serving(pages) as first, serving(pages) as second:
        known, new = (server.url.removeprefix("http://").strip("/") for server in (first, second))
        assert "new site" not in crawl(first.url, archive=archive).stderr
        said = crawl(second.url, archive=archive).stderr.splitlines()
        assert said[0].startswith(f"{new} is a new site; did you mean {known}?")
        assert f"'archiver sites remove {new}'" in said[0]
        assert "new site" not in crawl(second.url, archive=archive).stderr
        assert rows(archive, "select count(*) from sites") == [(2,)]
        # The address of a site that has moved adds no site.
        moved = "http://127.0.0.1:1/"
        assert archiver("sites", "move", new, moved, "--yes", archive=archive).returncode == 0
        assert "new site" not in crawl(second.url, archive=archive).stderr
