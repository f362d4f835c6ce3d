"""The pages of sites: the same numbers as `archiver status`, learned rules, and settings."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from lxml import html

from archiver.cli.main import cli
from archiver.storage.connection import open_archive
from tests.web.conftest import Served

NAMES = ("harbour.example", "notes.example/blog", "quiet.example")


def command(served: Served, *words: str) -> Any:
    run = CliRunner().invoke(cli, [*words, "--json", "--archive", str(served.archive)])
    assert run.exit_code in (0, 1), run.output
    return json.loads(run.stdout_bytes)


def test_the_json_twin_equals_the_output_of_status(served: Served) -> None:
    for row in command(served, "status", "--long"):
        twin = served.get(f"/site/{row['site']}.json").json
        del row["next_run"]  # a site that was never crawled is due at the moment of the question
        assert {name: twin[name] for name in row} == row
    assert served.get("/sites.json").json == command(served, "sites", "list")


def test_concurrent_writes_are_counted(served: Served) -> None:
    before = served.get("/site/notes.example/blog.json").json
    db = open_archive(served.archive)
    db["pages"].insert(
        {
            "site_id": 2,
            "url": "https://notes.example/blog/new",
            "urlkey": "new",
            "kind": "post",
            "outcome": "failed",
            "reason": "HTTP 500",
            "found_at": "2024-06-02T00:00:00+00:00",
        }
    )
    db.close()
    after = served.get("/site/notes.example/blog.json").json
    assert after["posts"]["missing"] == before["posts"]["missing"] + 1
    assert command(served, "status", "notes.example/blog")[0]["posts"] == after["posts"]


def test_missing_pages_are_listed(served: Served) -> None:
    page = served.get("/site/harbour.example").text
    for said in (
        "2 URLs are missing",
        "harbour.example/2024/05/broken",
        "HTTP 503",
        "not an article",
        "archiver crawl harbour.example --missing",
        "interrupted",
        "stopped by Ctrl-C",
        "No rules yet",
    ):
        assert said in page, said
    assert "never crawled" in served.get("/site/quiet.example").text


@pytest.mark.parametrize("name", NAMES)
def test_sites_are_listed(served: Served, name: str) -> None:
    assert f'href="/site/{name}"' in served.get("/sites").text


def test_rules_and_settings_are_shown(served: Served) -> None:
    toml = '[title]\nselect = ["h1.entry-title > b"]\n'
    db = open_archive(served.archive)
    db["site_rules"].insert({"site_id": 1, "toml": toml, "by_hand": 1, "pages": 0, "learned_at": "2024-06-02T00:00:00"})
    db.close()
    page = served.get("/site/harbour.example").text
    assert "by hand" in page
    assert "h1.entry-title &gt; b" in page
    assert "<td>2.0</td>" in page
    assert (
        served.get("/site/harbour.example.json").json["rules"]
        == command(served, "sites", "rules", "harbour.example")["rules"]
    )


@pytest.mark.parametrize("path", ["/site/harbour.example", "/search", "/article/1"])
def test_skip_links_have_targets(served: Served, path: str) -> None:
    page = html.document_fromstring(served.get(path).text)
    leads = page.xpath("//a[@class='skip']/@href")
    assert len(leads) > 1
    assert all(page.xpath(f"//*[@id='{lead[1:]}']") for lead in leads)
