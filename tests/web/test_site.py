"""The pages of sites: the same numbers as `archiver status`, learned rules, and settings."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lxml import html

from archiver.cli.main import cli
from archiver.storage.database import open_archive
from archiver.web.web_requests import without_commands
from tests.proved_archive import QUAY, START, Run
from tests.proved_archive import page as post_page
from tests.proved_archive import text as paragraphs
from tests.web.conftest import Served, serving

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
        "2 addresses are missing",
        "harbour.example/2024/05/broken",
        "HTTP 503",
        "not an article",
        "archiver crawl harbour.example --missing",
        "interrupted",
        "stopped by Ctrl-C",
        "none yet",
    ):
        assert said in page, said
    assert "never crawled" in served.get("/site/quiet.example").text


def test_a_post_that_was_not_read_again_is_not_missing(tmp_path: Path) -> None:
    with Run(tmp_path / "archive.db", QUAY, START) as run:
        run.post(f"{QUAY}a", post_page("The ferry", paragraphs(1)))
    db = open_archive(tmp_path / "archive.db")
    with db.atomic():
        db.execute("update pages set outcome = 'failed', reason = 'HTTP 500' where url = ?", [f"{QUAY}a"])
    db.close()
    with serving(tmp_path / "archive.db") as running:
        state = running.get("/site/quay.example.json").json
        page = html.document_fromstring(running.get("/site/quay.example").text)
        listed = html.document_fromstring(running.get("/sites").text)
    assert (state["posts"]["missing"], state["missing_total"]) == (0, 1)
    assert not page.xpath("//*[contains(@class, 'lacking')]")
    assert page.xpath("string(//h2[@id='missing'])").split(":")[0] == "Not read"
    assert "not read" in listed.xpath("string(//td[@data-label='Coverage'])")


def test_readers_see_no_commands_outside_the_part_of_the_operator(served: Served) -> None:
    for name in NAMES:
        page = html.document_fromstring(served.get(f"/site/{name}").text)
        (operator,) = page.cssselect(".operator")
        operator.drop_tree()
        assert "archiver " not in page.cssselect("main")[0].text_content()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (
            "There is no capture of https://a.example/: 'archiver why x' shows whether it was found.",
            "There is no capture of https://a.example/.",
        ),
        ("The record is damaged: x. Run 'archiver verify' for all damage.", "The record is damaged: x."),
        ("It is not stored again unless you run 'archiver remove --allow 3'.", "It is not stored again."),
        (
            "It has moved: 'archiver sites move a b' moves it, and keeps all. Its posts stay.",
            "It has moved. Its posts stay.",
        ),
        ("It blocks this program: set a delay ('archiver sites set a delay=5'), or ask.", "It blocks this program."),
        ("Nothing is wrong: all is well.", "Nothing is wrong: all is well."),
    ],
)
def test_messages_for_readers_end_before_a_command(said: str, kept: str) -> None:
    assert without_commands(said) == kept


@pytest.mark.parametrize("args", ["since=abcd", "near=north", "sort=beauty"])
def test_a_mistake_outside_of_the_query_is_not_said_to_be_in_it(served: Served, args: str) -> None:
    said = html.document_fromstring(served.get(f"/search?{args}").text).xpath("string(//*[@role='alert'])")
    assert args.partition("=")[2] in said
    assert "query" not in said


def test_the_newest_articles_of_a_site_are_listed(served: Served) -> None:
    page = html.document_fromstring(served.get("/site/harbour.example").text)
    shown = [int(href.rpartition("/")[2]) for href in page.xpath("//ul[@class='list']/li/a/@href")]
    hits = served.get("/search.json?site=harbour.example&sort=-date&fold=none").json["hits"]
    assert shown == [hit["id"] for hit in hits if hit["published"]][:8]
    (form,) = page.xpath("//form[input[@name='site']]")
    assert served.get(f"/search.json?q=fog&site={form.fields['site']}").json["total"] == 1
    for link in page.cssselect(".figures a"):
        assert served.get(f"{link.get('href')}&_format=json").json["total"] == int(link.text_content())


def test_sites_can_be_sorted(served: Served) -> None:
    def shown(order: str) -> list[str]:
        return html.document_fromstring(served.get(f"/sites?sort={order}").text).xpath("//tbody/tr/th//bdi/text()")

    articles = {site["name"]: site["articles"] for site in served.get("/sites.json").json}
    assert [articles[name] for name in shown("-articles")] == sorted(articles.values(), reverse=True)
    assert shown("name") == sorted(articles) == shown("-name")[::-1]
    assert shown("crawled")[0] == shown("-crawled")[-1] == "quiet.example"
    assert shown("-missing")[0] == "harbour.example"
    assert sorted(shown("health")) == sorted(articles)
    assert served.get("/sites?sort=colour").status == 400


def test_each_site_has_its_articles_by_year(served: Served) -> None:
    page = html.document_fromstring(served.get("/sites").text)
    (row,) = page.xpath("//tbody/tr[th//bdi='harbour.example']")
    (label,) = row.xpath(".//svg[@class='spark']/@aria-label")
    first, *counts = [int(word.strip(",:")) for word in label.split() if word.strip(",:").isdigit()]
    years = [hit["published"][:4] for hit in served.get("/search.json?site=harbour.example&fold=none").json["hits"]]
    assert {str(first + at): count for at, count in enumerate(counts) if count} == Counter(years)


@pytest.mark.parametrize(
    "path", ["/article/99", "/nothing", "/site/none.example", "/search?q=is:new", "/captures/https://none.example/"]
)
def test_failures_offer_a_search(served: Served, path: str) -> None:
    page = html.document_fromstring(served.get(path).text)
    (form,) = page.xpath("//main//form[.//input[@name='q']]")
    assert form.get("action") in ("/search", path.partition("?")[0])
    assert "archiver " not in page.cssselect("main")[0].text_content()


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
    assert ">2.0</td>" in page
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
