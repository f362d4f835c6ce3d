"""The front page: it names the archive, its figures are those of the archive, and each of its links leads on."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree, html

from archiver.model.errors import BadConfig, IndexMissing
from archiver.model.items import Outcome, PageKind
from archiver.sites.config import Serve, parse_config
from archiver.storage.database import open_archive
from archiver.web.search_filters import example_terms
from tests.archive_fixture import make_archive
from tests.proved_archive import QUAY, START, Run
from tests.proved_archive import page as post_page
from tests.proved_archive import text as paragraphs
from tests.requisites.pictures import png
from tests.web.conftest import Served, output_of, serving

TITLE, LINE = "The Quay Archive", "Every post of three harbour papers, and every edit"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    archive = make_archive(tmp_path_factory.mktemp("front") / "small.db")
    with serving(archive, "--title", TITLE, "--description", LINE) as running:
        yield running


def front(served: Served) -> Any:
    return html.document_fromstring(served.get("/").text)


def test_the_archive_has_its_name_and_line(served: Served) -> None:
    page = front(served)
    assert page.xpath("string(//title)") == page.xpath("normalize-space(//h1)") == TITLE
    assert page.xpath("//meta[@name='description']/@content") == [LINE]
    assert LINE in page.xpath("string(//main)")
    other = html.document_fromstring(served.get("/search").text)
    assert TITLE in other.xpath("string(//header)")


def test_the_settings_file_names_the_archive_and_options_come_first(tmp_path: Path) -> None:
    config = parse_config('[serve]\ntitle = "Tide & Times"\ndescription = "Kept daily."', "archiver.toml")
    assert config.serve == Serve("Tide & Times", "Kept daily.")
    assert parse_config("", "archiver.toml").serve == Serve()
    with pytest.raises(BadConfig, match="line 2, column 1: unknown key 'titel'"):
        parse_config('[serve]\ntitel = "Tide & Times"', "archiver.toml")
    file = tmp_path / "archiver.toml"
    file.write_text('[serve]\ntitle = "Tide & Times"\ndescription = "Kept daily."')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARCHIVER_CONFIG", str(file))
        with serving(make_archive(tmp_path / "small.db"), "--title", TITLE) as running:
            twin = running.get("/.json").json
    assert (twin["title"], twin["description"]) == (TITLE, "Kept daily.")


def test_its_figures_are_those_of_the_archive(served: Served) -> None:
    twin = served.get("/.json").json
    assert (twin["articles"], twin["sites"], twin["years"]) == (6, 3, [2022, 2024])
    assert twin["crawled_at"][:10] == "2024-06-01"
    facts = front(served).xpath("string(//*[@class='facts'])")
    assert re.findall(r"\d+", facts)[:4] == ["6", "3", "2022", "2024"]
    sites = {one["name"]: one for one in twin["shown"]}
    for name, one in sites.items():
        state = served.get(f"/site/{name}.json").json
        assert one["articles"] == state["articles"]["all"], name
        assert (one["edited"], one["deleted"]) == (state["articles"]["revised"], state["articles"]["gone"]), name
        assert (one["archived"], one["missing"]) == (state["posts"]["archived"], state["posts"]["missing"]), name
        assert one["health"] == state["health"]["state"], name
    assert sites["harbour.example"]["by_year"] == [0, 1, 3]
    assert not sites["quiet.example"]["is_crawled"]


def test_it_lists_the_newest_articles_and_changes(served: Served) -> None:
    twin = served.get("/.json").json
    assert [one["id"] for one in twin["newest"]] == [2, 1, 3, 5]  # 4 is a copy, 6 has no date
    changed = served.get("/changes.json").json["changes"]
    assert twin["changes"] == changed[:5]
    page = front(served)
    [changes] = page.xpath("//section[@aria-labelledby='changed']")
    assert "/article/1/diff?from=1&to=2" in changes.xpath(".//a/@href")


def test_every_link_of_the_page_works(served: Served) -> None:
    links = {link for link in front(served).xpath("//main//a/@href") if link.startswith("/")}
    assert len(links) > 15
    for link in links:
        assert served.get(link).status == 200, link
    anchors = [link for link in front(served).xpath("//main//a/@href") if link.startswith("#")]
    assert all(front(served).xpath(f"//*[@id='{link[1:]}']") for link in anchors)


def test_the_example_queries_find_articles_and_the_others_are_no_links(served: Served) -> None:
    page = front(served)
    linked = page.xpath("//dl[@class='how']//a/@href")
    shown = page.xpath("//dl[@class='how']//code/text()")
    assert {"changed:title", "is:gone", "has:geo", "date:2024"} <= set(shown)
    assert 3 < len(linked) <= len(shown)
    for link in linked:
        assert served.get(f"{link}&_format=json").json["total"] > 0, link


def test_arguments_of_a_search_are_answered_as_before(served: Served) -> None:
    for args in ("q=tide", "site=harbour.example&sort=title", "limit=2", "since=2024"):
        assert served.get(f"/?{args}&_format=json").json == served.get(f"/search.json?{args}").json, args
    assert "overview" not in served.get("/?utm_source=letter&_format=json").json
    assert served.get("/?utm_source=letter&_format=json").json["articles"] == 6


def test_an_empty_archive_says_how_to_fill_it(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    open_archive(archive, create=True).close()
    with serving(archive) as running:
        page = front(running)
        assert running.get("/.json").json["articles"] == 0
        assert html.document_fromstring(running.get("/changes").text).xpath("//main//p")
    commands = [code.text for code in page.xpath("//main//code")]
    assert any(command.startswith("archiver crawl http") for command in commands)
    assert "archiver crawl --demo" in commands
    assert [heading.text_content().strip() for heading in page.xpath("//h2")] == ["This archive is empty"]


def test_the_page_is_small(served: Served) -> None:
    page = served.get("/")
    loaded = set(re.findall(r'(?:href|src)="(/-/[^"]+)', page.text))
    assert len(loaded) >= 4
    assert len(page.body) + sum(len(served.get(path).body) for path in loaded) < 120_000


# The title and icon of a site.

HOME = (
    b"<html><head><title>Home | The Quay Notebook</title>"
    b'<meta property="og:site_name" content="The Quay &amp; Notebook">'
    b'<link rel="shortcut icon" href="/icon.png"></head><body><p>Posts</p></body></html>'
)


def with_home_page(archive: Path, home: bytes, icon: bytes) -> Path:
    with Run(archive, QUAY, START) as run:
        run.post(f"{QUAY}a", post_page("The ferry", paragraphs(1)))
        for url, body, kind in ((QUAY, home, "text/html"), (f"{QUAY}icon.png", icon, "image/png")):
            run.visit(url, Outcome.NOT_ARTICLE, run.capture(url, body, kind=kind), kind=PageKind.PAGE)
    return archive


def test_a_site_has_the_title_and_icon_of_its_captured_home_page(tmp_path: Path) -> None:
    with serving(with_home_page(tmp_path / "archive.db", HOME, png(16, 16))) as running:
        [site] = running.get("/.json").json["shown"]
        [shown] = front(running).cssselect(".site h3")
        icon = running.get(site["icon"])
        [hit] = html.document_fromstring(running.get("/search").text).cssselect(".hit .src")
        page_of_site = html.document_fromstring(running.get(f"/site/{site['name']}").text)
    assert site["title"] == shown.xpath("string(a)") == "The Quay & Notebook"
    assert shown.xpath("img/@src") == [site["icon"]]
    assert page_of_site.xpath("normalize-space(//h1)") == "The Quay & Notebook"
    assert page_of_site.xpath("//h1/img/@src") == [site["icon"]]
    assert (icon.status, icon.headers["content-type"], icon.body) == (200, "image/png", png(16, 16))
    assert hit.xpath("img/@src") == [site["icon"]], "results show it too"
    assert hit.xpath("string(a)") == site["title"]


@pytest.fixture(scope="module")
def titled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of an archive with two sites: one whose home page names it, and one without."""
    folder = tmp_path_factory.mktemp("titled")
    archive = with_home_page(folder / "archive.db", HOME, png(16, 16))
    with Run(archive, "https://mole.example/", START) as run:
        run.post("https://mole.example/b", post_page("The ferry at the mole", paragraphs(2)))
    db = open_archive(archive)
    with db.atomic():
        db.execute("update articles set gone_at = last_seen")
    db.close()
    output_of(archive, "index")
    with serving(archive) as running:
        yield running


NAME = "The Quay & Notebook"


@pytest.mark.parametrize(
    ("path", "xpath"),
    [
        ("/sites", "//th[@scope='row']//a/bdi"),
        ("/changes", "//*[@class='src']/a"),
        ("/search", "//section[@id='site']//a/bdi[1]"),
        ("/search?site=quay.example", "//ul[@aria-label='Active filters']//bdi"),
        ("/search?q=-site:%22mole.example%22", "//*[contains(@class, 'hit')]//*[@class='src']/a"),
        ("/collection?id=1,2", "//*[@class='about']/a"),
    ],
)
def test_pages_name_a_site_by_its_title(titled: Served, path: str, xpath: str) -> None:
    shown = [one.text_content().strip() for one in html.document_fromstring(titled.get(path).text).xpath(xpath)]
    assert NAME in shown
    assert "quay.example" not in shown


def test_the_host_stands_beside_the_title_and_a_site_without_a_title_has_its_host_once(titled: Served) -> None:
    for path, rows in (("/sites", "//th[@scope='row']"), ("/search", "//section[@id='site']//a[1]")):
        page = html.document_fromstring(titled.get(path).text)
        beside = {
            row.xpath("normalize-space(.//bdi[1])"): row.xpath(".//bdi[@class='host']/text()")
            for row in page.xpath(rows)
        }
        assert beside[NAME] == ["quay.example"], path
        assert beside["mole.example"] == [], path


def test_changes_of_a_site_are_headed_by_its_title(titled: Served) -> None:
    page = html.document_fromstring(titled.get("/changes?kind=deleted&site=quay.example").text)
    assert page.xpath("string(//h1)").endswith(f" of {NAME}")
    assert NAME.replace("&", "&amp;") in titled.get("/changes/feed?site=quay.example").text


def test_citations_name_the_site_by_its_title(titled: Served) -> None:
    [number] = [hit["id"] for hit in titled.get("/search.json?site=quay.example").json["hits"]]
    [item] = titled.get(f"/article/{number}/cite/csl-json").json
    assert item["container-title"] == NAME
    assert titled.get(f"/export?as=csl-json&id={number}").json == [item]
    assert NAME in titled.get(f"/article/{number}/cite/chicago").text
    listed = html.document_fromstring(titled.get(f"/collection?id={number}&style=mla").text)
    assert NAME in listed.xpath("string(//pre[@id='references'])")
    assert "Quay+%26+Notebook" in titled.get("/search?site=quay.example").text, "COinS"


def test_a_feed_names_its_site_by_its_title(titled: Served) -> None:
    feed = etree.fromstring(titled.get("/search/feed?q=ferry&site=quay.example").body)
    title = feed.findtext("{http://www.w3.org/2005/Atom}title")
    assert title and title.endswith(f": ferry: {NAME}")


def test_the_values_of_the_site_facet_are_found_by_title(titled: Served) -> None:
    titled.get("/search")
    page = html.document_fromstring(titled.get("/search?facet=site&find=notebook").text)
    assert page.xpath("//section[@id='site']//a/bdi[1]/text()") == [NAME]


def test_a_large_icon_is_not_shown_and_a_lost_home_page_does_no_harm(tmp_path: Path) -> None:
    archive = with_home_page(tmp_path / "archive.db", HOME, png(16, 16) + random.Random(1).randbytes(30_000))
    with serving(archive) as running:
        [site] = running.get("/.json").json["shown"]
        assert (site["title"], site["icon"]) == ("The Quay & Notebook", "")
    for file in (tmp_path / "warc").iterdir():
        file.unlink()
    with serving(archive) as running:
        [site] = running.get("/.json").json["shown"]
        assert (site["title"], site["icon"]) == ("quay.example", "")
        assert running.get("/").status == 200


# Example searches.

HEADLINES = (
    ("en", "The ferry will not run with this wind", "The ferry stays in the harbour, and that is what they would do."),
    ("en", "With the last ferry to the island", "We took the ferry that was there, and from this we saw the island."),
    ("en", "The lighthouse will be there for us", "They have lit the lighthouse, which you will see from the harbour."),
    (
        "en",
        "What the lighthouse keeper would have said",
        "He kept the lighthouse for years, and they would ask him for the time.",
    ),
    ("de", "Die Fähre wird nicht mit dem Wind fahren", "Die Fähre bleibt im Hafen, und das ist auch nicht schlecht."),
    ("de", "Mit der Fähre auf die Insel", "Wir sind mit der Fähre gefahren, und das war nicht schlecht."),
)


def with_articles(archive: Path, rows: tuple[tuple[str, str, str], ...], tags: dict[str, list[int]]) -> Path:
    db = open_archive(archive)
    with db.atomic():
        for number, (language, title, body) in enumerate(rows, start=100):
            url = f"https://harbour.example/{number}"
            db["articles"].insert(
                {"id": number, "url": url, "urlkey": url, "site": "harbour.example", "title": title, "body": body}
                | {"language": language, "published": f"2024-05-{number % 28 + 1:02}", "revision": 1}
                | {"first_seen": "2024-06-01", "last_seen": "2024-06-01", "categories": "[]", "geotags": "[]"}
                | {"tags": "[]", "authors": "[]", "credits": "[]"}
            )
        for name, articles in tags.items():
            tag = db["tags"].insert({"name": name, "slug": name}).last_pk
            db["article_tags"].insert_all([{"article_id": one, "tag_id": tag, "position": 9} for one in articles])
    db.close()
    output_of(archive, "index")
    return archive


def examples_of(archive: Path) -> tuple[str, ...]:
    db = open_archive(archive, read_only=True)
    try:
        return example_terms(db)
    finally:
        db.close()


def test_examples_are_frequent_tags_in_any_script_and_no_stop_words(tmp_path: Path) -> None:
    tags = {
        "渡轮": [100, 101, 104],
        "of": [100, 101, 102, 103],
        "fähre-insel": [104, 105],
        "OR": [101, 102],
        "नौका": [100, 101],
    }
    rows = tuple(
        (language, f"{title} 渡轮 नौका" if "erry" in title else title, body) for language, title, body in HEADLINES
    )
    archive = with_articles(make_archive(tmp_path / "small.db"), rows, tags)
    found = examples_of(archive)
    assert found[:2] == ("渡轮", "नौका")
    assert not set(found) & {"of", "OR", "fähre-insel"}


def test_an_archive_without_an_index_has_no_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = with_articles(make_archive(tmp_path / "small.db"), HEADLINES, {"ferry": [100, 101, 104]})
    assert examples_of(archive) == ("ferry", "Harbour")  # a tag, then a category

    def missing(*_: object) -> None:
        raise IndexMissing(str(archive))

    monkeypatch.setattr("archiver.web.search_filters.run_query", missing)
    assert examples_of(archive) == ()
