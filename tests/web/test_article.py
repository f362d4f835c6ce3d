"""The pages of an article: they show what the commands show, and nothing of removed articles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner
from lxml import html

from archiver.cli.main import cli
from archiver.storage.database import open_archive
from archiver.web.article_pages import _name_sources
from tests.archive_fixture import make_archive
from tests.web.conftest import Served, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of the small archive, in which one article was removed and another removal is unfinished."""
    archive = make_archive(tmp_path_factory.mktemp("article") / "small.db")
    db = open_archive(archive)
    with db.atomic():
        for number, url, done in (
            (40, "https://harbour.example/2024/gone-for-good", "2024-06-02T00:00:00+00:00"),
            (6, "https://notes.example/blog/untimely", None),
        ):
            db["tombstones"].insert(
                {
                    "article_id": number,
                    "site": "harbour.example",
                    "url": url,
                    "erased_at": done,
                    "reason": "its author asked <b>for it</b>",
                    "removed_at": "2024-06-02T00:00:00",
                }
            )
        db.execute("update articles set language = 'ar', title = 'موسم الهجرة' where id = 5")
    db.close()
    with serving(archive) as running:
        yield running


def command(served: Served, *words: str) -> Any:
    return json.loads(output(served, *words))


def output(served: Served, *words: str) -> bytes:
    run = CliRunner().invoke(cli, [*words, "--archive", str(served.archive)])
    assert run.exit_code == 0, run.output
    return run.stdout_bytes


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/article/1.json", ("show", "1", "--json")),
        ("/article/1.json?revision=1", ("show", "1", "--revision", "1", "--json")),
        ("/article/3/evidence.json", ("show", "3", "--evidence", "--json")),
        ("/article/1/diff.json", ("diff", "1", "--json")),
        ("/article/1/diff.json?from=2&to=1", ("diff", "1", "2", "1", "--json")),
    ],
)
def test_twins_are_what_the_commands_print(served: Served, path: str, words: tuple[str, ...]) -> None:
    assert served.get(path).json == command(served, *words)


def test_an_article_is_shown_whole(served: Served) -> None:
    page = served.get("/article/1").text
    for said in (
        "Tide tables for the café quay",
        "O'Brien of AT&amp;T said that C++ had computed them.",
        "Zoë Krüger",
        "48.8566° N, 2.3522° E",
        "harbour.example/?p=7",
        '<time datetime="2024-03-05T09:30:00+01:00" title="2024-03-05 09:30+01:00">5 March 2024</time>',
        "/article/1/cite/ris",
        '<html lang="en">',
        'lang="en" dir="ltr"',
        "Tables, newly printed.",
    ):
        assert said in page, said
    then = served.get("/article/1?revision=1").text
    assert "O'Brien" not in then
    assert '/article/1"' in then, "a link to the current revision"


def test_gone_articles_and_copies_are_shown(served: Served) -> None:
    assert "Removed by the site." in served.get("/article/3").text
    copies = html.document_fromstring(served.get("/article/3").body).xpath(
        "//section[@aria-labelledby='copies']//a/@href"
    )
    assert "/article/4" in copies
    assert 'dir="rtl"' in served.get("/article/5").text


def test_revisions_are_compared_word_by_word(served: Served) -> None:
    page = served.get("/article/1/diff?from=1&to=2").text
    assert '<ins><span class="visually-hidden" lang="en">added: </span> for the café quay</ins>' in page
    assert '<th scope="row">Tags</th>' in page
    assert "maths" in page
    alone = served.get("/article/2/diff")
    assert (alone.status, "<ins>" in alone.text) == (200, False)
    assert served.get("/article/1/versions").status == 200


@pytest.mark.parametrize(
    ("style", "kind", "beginning"),
    [
        ("bibtex", "application/x-bibtex", "@misc{"),
        ("ris", "application/x-research-info-systems", "TY  - ELEC\r\n"),
        ("csl-json", "application/vnd.citationstyles.csl+json", "[\n"),
    ],
)
def test_citations_are_downloaded(served: Served, style: str, kind: str, beginning: str) -> None:
    got = served.get(f"/article/1/cite/{style}?revision=1")
    assert got.body == output(served, "cite", "1", "--revision", "1", "--style", style)
    assert got.text.startswith(beginning)
    assert got.headers["content-type"].startswith(kind)
    assert "attachment" in got.headers["content-disposition"]


@pytest.mark.parametrize(
    ("path", "status", "names"),
    [
        ("/article/1?revision=9", 404, "9"),
        ("/article/1?revision=x", 400, "revision=x"),
        ("/article/1/cite/turabian", 400, "bibtex"),
        ("/article/1/diff?show=upside-down", 400, "sides"),
        ("/article/1/diff?from=7", 404, "7"),
        ("/article/1/image", 404, "1"),
    ],
)
def test_missing_objects_are_errors(served: Served, path: str, status: int, names: str) -> None:
    got = served.get(path)
    assert (got.status, names in got.text) == (status, True)


@pytest.mark.parametrize("number", [40, 6])
@pytest.mark.parametrize("what", ["", "/evidence", "/versions", "/diff", "/captures", "/cite/ris", "/image", ".json"])
def test_only_the_tombstone_of_a_removed_article_is_shown(served: Served, number: int, what: str) -> None:
    got = served.get(f"/article/{number}{what}")
    assert got.status == 410
    assert "2024-06-02" in got.text
    assert ("<b>" in got.text) == (what == ".json")
    assert "Untimely" not in got.text
    assert "without date" not in got.text


def page_of(served: Served, path: str) -> Any:
    got = served.get(path)
    assert got.status == 200, got.text
    return html.document_fromstring(got.body)


def test_searched_words_are_marked_and_lead_back_and_on(served: Served) -> None:
    found = [hit["id"] for hit in served.get("/search.json?q=lamp+OR+tide&sort=title").json["hits"]]
    assert len(found) == 3
    urls = [f"/article/{number}?q=lamp%20OR%20tide&sort=title&hit={n}" for n, number in enumerate(found, 1)]
    for n in range(3):
        page = page_of(served, urls[n])
        links = {one.text_content().split()[0]: one.get("href") for one in page.xpath("//nav[@class='trail']/a")}
        assert links.get("Previous") == (urls[n - 1] if n else None)
        assert links.get("Next") == (urls[n + 1] if n < 2 else None)
        assert "/search?q=lamp%20OR%20tide&sort=title" in links.values()
        assert {word.lower() for word in page.xpath("//article//mark/text()")} <= {"tide", "lamp"}
        assert page.xpath("//article//mark[@id='match']")


def test_the_way_back_leads_to_the_page_of_the_hit(served: Served) -> None:
    page = page_of(served, "/article/3?q=lamp+OR+tide&limit=2&hit=3")
    assert page.xpath("//nav[@class='trail']/a[1]/@href") == ["/search?q=lamp%20OR%20tide&limit=2&offset=2"]


@pytest.mark.parametrize(
    "args", ["q=tide&hit=99", "q=tide&hit=x", "q=tide&hit=0", "q=(((&hit=1", "q=tide&since=soon&hit=1"]
)
def test_an_article_is_readable_whatever_search_is_in_its_address(served: Served, args: str) -> None:
    page = page_of(served, f"/article/2?{args}")
    assert not page.xpath("//a[@rel='next' or @rel='prev']")
    assert "Fog lay on the quay" in page.xpath("string(//article)")


def test_without_a_search_nothing_is_marked(served: Served) -> None:
    page = page_of(served, "/article/1")
    assert not page.xpath("//mark | //nav[@class='trail']")


def test_citations_are_in_the_page(served: Served) -> None:
    page = page_of(served, "/article/2")
    shown = {
        one.get("id"): one.xpath("string(.//*[contains(@class, 'reference')])").strip()
        for one in page.xpath("//div[@class='citation']")
    }
    assert [*shown] == ["cite-apa", "cite-chicago", "cite-mla", "cite-bibtex", "cite-ris", "cite-csl-json"]
    for style in ("apa", "chicago", "mla"):
        assert shown[f"cite-{style}"] == output(served, "cite", "2", "--style", style).decode().strip()
    assert page.xpath("//a[@data-cite]/@href") == [f"#{name}" for name in shown]


def test_names_and_titles_in_a_right_to_left_script_are_isolated_in_references(served: Served) -> None:
    page = page_of(served, "/article/5")
    for style in ("apa", "chicago", "mla"):
        assert "موسم الهجرة" in page.xpath(f"//*[@id='cite-{style}']//bdi/text()"), style
    assert not page_of(served, "/article/2").xpath("//*[@id='cite-apa']//bdi")


def test_the_english_of_a_result_is_left_to_right_in_any_language(served: Served) -> None:
    versions = page_of(served, "/search").xpath("//li[contains(@class, 'hit')]//a[contains(@href, '/diff')]")
    assert [one.get("dir") for one in versions] == ["ltr"]


def test_tags_are_links_below_the_text(served: Served) -> None:
    links = page_of(served, "/article/1").xpath("//article//ul[@aria-label='Tags']//a")
    assert [(one.text_content(), one.get("href")) for one in links] == [
        ("tides", "/search?tag=tides"),
        ("maths", "/search?tag=maths"),
    ]
    assert not page_of(served, "/article/3").xpath("//ul[@aria-label='Tags']")


@pytest.mark.parametrize(
    ("summary", "is_shown"),
    [
        ("Fog lay on the  quay for three days. The tide…", False),
        ("Fog lay on the quay [...]", False),
        ("Three lost days.", True),
    ],
)
def test_a_summary_that_is_the_beginning_of_the_text_is_not_repeated(
    served: Served, summary: str, is_shown: bool
) -> None:
    db = open_archive(served.archive)
    try:
        with db.atomic():
            db.execute("update articles set description = ? where id = 2", [summary])
        assert bool(page_of(served, "/article/2").xpath("//aside//*[@id='summary']")) is is_shown
    finally:
        with db.atomic():
            db.execute("update articles set description = null where id = 2")
        db.close()


def test_of_a_remembered_sentence_the_telling_words_are_marked(served: Served) -> None:
    page = page_of(served, "/article/2?q=the+tide+came+and+went&hit=1")
    assert page.xpath("//article//mark/text()") == ["tide", "came", "went"]
    assert page_of(served, "/article/2?q=the&hit=1").xpath("//article//mark"), "other words there are not"


def test_the_matches_lead_to_the_passage_with_the_most_searched_words(served: Served) -> None:
    db = open_archive(served.archive)
    old = db.execute("select body from articles where id = 2").fetchone()[0]
    try:
        with db.atomic():
            body = f"The quay, again.\n\n{'Nothing more. ' * 40}\n\nFog lay on the quay."
            db.execute("update articles set body = ? where id = 2", [body])
        page = page_of(served, "/article/2?q=fog+lay+quay&hit=1")
        assert [one.get("id") for one in page.xpath("//article//div[@class='text']//mark")] == [
            None,
            "match",
            None,
            None,
        ]
    finally:
        with db.atomic():
            db.execute("update articles set body = ? where id = 2", [old])
        db.close()


def test_reference_managers_find_metadata(served: Served) -> None:
    page = page_of(served, "/article/2")
    tags = [(one.get("name"), one.get("content")) for one in page.xpath("//meta[@name]")]
    assert [value for name, value in tags if name == "citation_author"] == ["Ada Berg", "Zoë Krüger"]
    assert ("citation_title", "Fog") in tags
    assert ("citation_publication_date", "2024/04/11") in tags
    assert ("z:itemType", "webpage") in tags
    data = json.loads(page.xpath("//script[@type='application/ld+json']/text()")[0])
    assert (data["@type"], data["headline"], data["datePublished"]) == ("Article", "Fog", "2024-04-11")


def test_metadata_cannot_end_its_element(served: Served) -> None:
    db = open_archive(served.archive)
    title = "</script><img src=x> & <!-- "
    try:
        with db.atomic():
            db.execute("update articles set title = ? where id = 4", [title])
        page = page_of(served, "/article/4")
        assert json.loads(page.xpath("//script[@type='application/ld+json']/text()")[0])["headline"] == title.strip()
        assert not page.xpath("//img[@src='x']")
    finally:
        with db.atomic():
            db.execute("update articles set title = 'The lighthouse is dark, once more' where id = 4")
        db.close()


def test_sections_without_content_are_left_out(served: Served) -> None:
    page = page_of(served, "/article/5")
    assert not {"summary", "places", "copies"} & set(page.xpath("//aside//h2/@id"))
    assert {"summary", "places"} <= set(page_of(served, "/article/1").xpath("//aside//h2/@id"))


@pytest.mark.parametrize("show", ["", "sides", "changes"])
def test_changes_are_shown_in_three_ways(served: Served, show: str) -> None:
    page = page_of(served, f"/article/1/diff?from=1&to=2&show={show}")
    added = " ".join(page.xpath("//article//ins/text()"))
    assert "for the café quay" in added
    (chosen,) = page.xpath("//nav[@class='views']/a[@aria-current]/@href")
    assert chosen.endswith(f"show={show}" if show else "to=2")
    if show == "sides":
        old, new = page.xpath("//article//tbody/tr[1]/td")
        assert not old.xpath(".//ins")
        assert not new.xpath(".//del")


def test_a_post_without_edits_says_so(served: Served) -> None:
    page = page_of(served, "/article/2/versions")
    assert page.xpath("string(//h1)") == "1 version"
    assert not page.xpath("//ol[@class='headlines'] | //form[@class='compare']")


def test_an_explanation_names_sources_as_readers_do() -> None:
    assert _name_sources("has all the people from signed and more") == "Has all the people from the byline and more"
    assert _name_sources("the terms from api include others") == "The terms from the site's API include others"
