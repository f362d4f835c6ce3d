"""The pages over HTTP, without a browser: they show what the commands show."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from lxml import html

from tests.archive_fixture import make_archive
from tests.web.conftest import Served, output_of, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of the small archive. The server has a path prefix, as behind a proxy."""
    archive = make_archive(tmp_path_factory.mktemp("pages") / "small.db")
    with serving(archive, "--public-url", "https://archive.example.org/news/") as running:
        yield running


def tree(served: Served, path: str) -> Any:
    answer = served.get(f"/news{path}")
    assert answer.status == 200, answer.text
    return html.document_fromstring(answer.text)


QUERIES = [
    ("tide", []),
    ("", []),
    ("", ["--author", "Zoë Krüger"]),
    ("lamp", []),
    ("lamp", ["--fold", "none"]),
    ("", ["--since", "2024", "--until", "2024-04"]),
    ("", ["--near", "48.8,2.3", "--within", "30"]),
    ("", ["--bbox", "170,-20,-170,0"]),
    ("学习", []),
    ("has:geo -title:fog", []),
    ("", ["--site", "notes.example/blog"]),
    ("", ["--category", "harbour", "--language", "en", "--sort", "title"]),
]


@pytest.mark.parametrize(("query", "options"), QUERIES)
def test_a_search_counts_as_the_command_does(served: Served, query: str, options: list[str]) -> None:
    names = [name.removeprefix("--") for name in options[::2]]
    values = zip(["q", *names], [query, *options[1::2]], strict=True)
    args = "&".join(f"{name}={quote(value)}" for name, value in values)
    found = served.get(f"/news/search.json?{args}").json
    command = ["search", *([query] if query else []), *options, "--json"]
    assert found["hits"] == json.loads(output_of(served.archive, *command))
    assert found["facets"] == json.loads(output_of(served.archive, *command, "--facets"))
    assert found["histogram"] == json.loads(
        output_of(served.archive, *command, "--histogram", found["histogram"]["unit"])
    )
    page = tree(served, f"/search?{args}")
    shown = page.xpath("string(//p[@role='status'])").split()
    assert int(shown[0]) == found["total"] == found["histogram"]["total"]
    assert [int(box.get("value")) for box in page.xpath("//input[@name='id']")] == [hit["id"] for hit in found["hits"]]
    rows = list(csv.DictReader(io.StringIO(served.get(f"/news/export?as=csv&{args}").text)))
    assert {int(row["id"]) for row in rows} == {hit["id"] for hit in found["hits"]}
    assert len(rows) == found["total"]


def test_facet_bar_and_spot_links_find_the_stated_number(served: Served) -> None:
    page = tree(served, "/search?q=-is:gone")
    facets = [(a.get("href"), int(a.xpath("string(following-sibling::*)"))) for a in page.cssselect(".facet a.value")]
    bars = [(a.get("href"), int(a.get("aria-label").split(": ")[1].split()[0])) for a in page.cssselect(".bars a")]
    spots = [(a.get("href"), int(a.get("aria-label").split()[0])) for a in page.cssselect(".sky a")]
    assert len(facets) > 15
    assert len(bars) == 5
    assert len(spots) == 2
    for href, articles in (*facets, *bars, *spots):
        assert href.startswith("/news/search?")
        if "language=en" not in href:  # en includes en-GB, which also has its own count
            assert served.get(f"{href}&_format=json").json["total"] == articles, href


def test_filters_can_be_removed(served: Served) -> None:
    page = tree(served, "/search?q=tide&author=Ada+Berg&since=2024&near=0,0&within=20000&sort=distance")
    links = {one.xpath("string(bdi)"): one.get("href") for one in page.cssselect(".narrowings a")}
    assert set(links) == {"Ada Berg", "Since 2024", "Within 20000 km of 0, 0"}
    assert "author" not in links["Ada Berg"]
    assert "since=2024" in links["Ada Berg"]
    assert "sort=distance" in links["Ada Berg"]
    (near,) = (href for text, href in links.items() if text.startswith("Within"))
    assert all(name not in near for name in ("near", "within", "sort"))
    active = tree(served, "/search?tag=fog").cssselect(".facet a.active")
    assert [one.get("href") for one in active] == ["/news/search"]


def test_unarchived_periods_look_different_from_periods_without_matches(served: Served) -> None:
    page = tree(served, "/search?q=fog&by=month")
    assert [bar.getparent().get("data-period") for bar in page.cssselect(".bars rect.matched")] == ["2024-04"]
    assert "2023-12" in [bar.getparent().get("data-period") for bar in page.cssselect(".bars rect.none")]
    gaps = [gap.xpath("string(*)") for gap in page.cssselect(".bars rect.unarchived")]
    assert gaps[0].startswith("Feb 2022 to Nov 2023: ")


def test_copies_unfold_and_pages_turn(served: Served) -> None:
    page = tree(served, "/search?q=lamp")
    assert page.xpath("string(//details[@class='folded']/summary)") == "1 copy"
    assert page.xpath("//details[@class='folded']//a/@href") == ["/news/article/4"]
    numbers, at = [], "/news/search?limit=2&sort=title"
    while at:
        page = html.document_fromstring(served.get(at).text)
        numbers += page.xpath("//input[@name='id']/@value")
        at = next(iter(page.xpath("//a[@rel='next']/@href")), "")
    assert sorted(numbers) == ["1", "2", "3", "5", "6"]


def test_a_collection_is_a_url(served: Served) -> None:
    address = "/news/collection?name=Quay&id=2&id=https://harbour.example/%3Fp%3D7&id=2&id=99"
    whole = served.get(f"{address}&_format=json").json
    assert [one["id"] for one in whole["articles"]] == [2, 1]
    assert "no article '99'" in whole["missing"][0]
    page = html.document_fromstring(served.get(address).text)
    (items,) = page.xpath("//form[@id='items']")
    assert [one.get("value") for one in items.xpath(".//button[@name='without']")] == ["2", "1"]
    out = served.get(f"{items.get('action')}?{urlencode(items.form_values())}&without=2")
    assert (out.status, out.headers["location"]) == (302, "/news/collection?name=Quay&id=1")
    lists = "//a[contains(@href, 'id=2,1')]"
    assert 0 < len(page.xpath(lists)) == len(tree(served, "/collection?id=2&id=1&id=3&id=4&id=5&id=6").xpath(lists))
    cited = page.xpath("string(//pre[contains(@class, 'whole')])")
    assert "https://archive.example.org/news/collection?name=Quay&id=2&id=1" in cited
    assert whole["fingerprint"] in cited
    assert served.get("/news/collection.json?id=1&id=2").json["fingerprint"] == whole["fingerprint"]
    assert served.get("/news/collection.json?id=1").json["fingerprint"] != whole["fingerprint"]
    for style in ("bibtex", "ris", "csl-json"):
        printed = output_of(served.archive, "cite", "2", "1", "--style", style)
        assert served.get(f"/news/export?as={style}&id=2&id=1").body.decode() == printed
    assert served.get("/news/collection?" + "&".join(f"id={n}" for n in range(501))).status == 400


@pytest.mark.parametrize(
    ("name", "command"),
    [("csv", "export"), ("jsonl", "export"), ("geojson", "export"), ("bibtex", "cite"), ("csl-json", "cite")],
)
def test_exports_equal_those_of_the_command(served: Served, name: str, command: str) -> None:
    answer = served.get(f"/news/export?as={name}&q=tide+OR+lamp")
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert "sandbox" in answer.headers["content-security-policy"]
    if command == "export":
        printed = output_of(
            served.archive, "export", "tide OR lamp", "--fold", "text", "--sort", "relevance", "-f", name
        )
        assert answer.body.decode() == printed
    else:
        assert answer.text == output_of(served.archive, "cite", "--query", "tide OR lamp", "--style", name)


def test_pages_behind_a_proxy_have_its_path_and_answer_to_its_name(served: Served) -> None:
    page = tree(served, "/search?q=tide")
    own = [url for url in page.xpath("//@href | //@src | //@action") if not url.startswith(("https://", "#"))]
    assert len(own) > 20
    assert all(url.startswith("/news/") for url in own)
    assert served.get("/news/", Host="archive.example.org").status == 200
    assert served.get("/news/archive/articles").text.count("/news/") > 5


def test_search_terms_are_marked_in_titles(served: Served) -> None:
    marked = [mark.text_content() for mark in tree(served, "/search?q=title:fog+OR+tables").cssselect("h2 mark")]
    assert {mark.lower() for mark in marked} == {"fog", "tables"}
    assert not tree(served, "/search?q=body:tide").cssselect("h2 mark")
