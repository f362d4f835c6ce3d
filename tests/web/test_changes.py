"""The page of what changed, as HTML, JSON and Atom feed: all changes, each once, by day, site and kind."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from lxml import etree, html
from sqlite_utils import Database

from archiver.articles.word_diff import DiffOp, Piece, word_diff
from archiver.storage import article_records
from archiver.storage.database import open_archive
from archiver.web.what_changed import (
    KINDS,
    PAGE_SIZE,
    _edited_details,
    _without_equal_ends,
    count_changes,
    cut_passages,
)
from tests.archive_fixture import EARLIER, NOW, make_archive
from tests.web.conftest import Served, serving

PICTURE, LINK = "https://notes.example/net.png", "https://notes.example/source"
EDITS = 45
"""How often the headline of article 2 was edited, once an hour."""
DAY = "2024-05-20"


def add_revision(db: Database, number: int, at: str, changed: list[str], **fields: Any) -> None:
    """Write what a crawl writes that finds new values of these fields."""
    now = next(iter(db.query("select * from articles where id = ?", [number])))
    revision = now["revision"] + 1
    values = {name: json.dumps(value) if isinstance(value, list) else value for name, value in fields.items()}
    db["articles"].update(number, {**values, "revision": revision})
    title = fields.get("title", now["title"])
    db["revisions"].insert(
        {
            "article_id": number,
            "revision": revision,
            "observed_at": at,
            "changed": json.dumps(changed),
            "title": title,
            "content": "{}",
            "previous": revision - 1,
        }
    )


def prepare(archive: Path) -> Path:
    db = open_archive(archive)
    with db.atomic():
        db.execute("update revisions set content = json_remove(content, '$.title') where article_id = 2")
        for n in range(EDITS):
            at = f"{DAY if n < 24 else '2024-05-21'}T{n % 24:02}:00:00.000000+00:00"
            add_revision(db, 2, at, ["title"], title=f"Fog, hour {n}")
        shown = [[0, 0, "figure", PICTURE, "", "A net of neurons"], [2, 2, "a", LINK]]
        add_revision(db, 5, "2024-05-22T10:00:00.000000+00:00", ["markup"], markup=shown)
        add_revision(db, 5, "2024-05-22T11:00:00.000000+00:00", ["markup"], markup=[])
        add_revision(db, 6, "2024-05-23T10:00:00.000000+00:00", ["title"], title="Not a post")
        db["withdrawn_articles"].insert({"article_id": 6, "withdrawn_at": NOW, "reason": "no post"})
        add_revision(db, 4, "2024-05-24T10:00:00.000000+00:00", ["title"], title="A fault of the site")
        db.execute("update revisions set undone_at = ? where article_id = 4 and revision = 2", [NOW])
        db.execute("update articles set revision = 1, title = 'The lighthouse is dark, once more' where id = 4")
    db.close()
    return archive


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(prepare(make_archive(tmp_path_factory.mktemp("changes") / "small.db"))) as running:
        yield running


def all_changes(served: Served, path: str) -> list[dict[str, Any]]:
    """Return the changes of all pages, following the links to older ones."""
    found, at = [], path
    while at:
        page = served.get(at).json
        assert len(page["changes"]) <= PAGE_SIZE
        found += page["changes"]
        at = page["older"]
    return found


def keys(changes: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(one["article"]["id"], one["revision"], one["at"]) for one in changes]


def test_every_change_is_there_once_newest_first(served: Served) -> None:
    found = all_changes(served, "/changes.json")
    times = [one["at"] for one in found]
    assert times == sorted(times, reverse=True)
    edits = {(number, one["revision"]) for one in found for number in [one["article"]["id"]] if one["revision"]}
    assert edits == {(1, 2), (5, 2), (5, 3), *((2, n) for n in range(2, EDITS + 2))}
    assert [one["article"]["id"] for one in found if one["kinds"] == ["deleted"]] == [3]
    assert [one["article"]["id"] for one in found if one["kinds"] == ["moved"]] == [1]
    assert len(keys(found)) == len(set(map(str, keys(found)))) == EDITS + 5


def test_pages_of_html_have_the_same_changes_as_the_json(served: Served) -> None:
    links: list[str] = []
    at = "/changes"
    while at:
        page = html.document_fromstring(served.get(at).text)
        links += [link.split("?")[0] for link in page.xpath("//article//h3/a/@href")]
        at = next(iter(page.xpath("//a[@rel='next']/@href")), "")
    assert links == [f"/article/{one['article']['id']}" for one in all_changes(served, "/changes.json")]


def test_changes_are_grouped_by_day(served: Served) -> None:
    days = html.document_fromstring(served.get("/changes?kind=headline&until=2024-05-21").text)
    headings = days.xpath("//section[@class='day']/h2/time/@datetime")
    assert headings == ["2024-05-21"]
    assert len(days.xpath("//section[@class='day']//article")) == PAGE_SIZE
    assert {one["at"][:10] for one in all_changes(served, f"/changes.json?until={DAY}")} == {DAY, EARLIER[:10]}


@pytest.mark.parametrize(
    ("kind", "articles"),
    [
        ("headline", {1, 2}),
        ("text", {1}),
        ("markup", {5}),
        ("detail", {1}),
        ("deleted", {3}),
        ("moved", {1}),
    ],
)
def test_a_kind_selects_its_changes(served: Served, kind: str, articles: set[int]) -> None:
    found = all_changes(served, f"/changes.json?kind={kind}")
    assert {one["article"]["id"] for one in found} == articles
    assert all(kind in one["kinds"] for one in found)


def test_an_edit_names_the_pictures_and_links_that_it_removed(served: Served) -> None:
    found = all_changes(served, "/changes.json?kind=markup")
    assert [one["revision"] for one in found] == [3, 2]
    assert [(part["url"], part["removed"]) for part in found[0]["parts"]] == [(PICTURE, True), (LINK, True)]
    page = html.document_fromstring(served.get("/changes?kind=markup").text)
    assert "A net of neurons" in page.xpath("string(//ul[@class='parts'])")


def test_kinds_and_sites_combine(served: Served) -> None:
    both = all_changes(served, "/changes.json?kind=deleted&kind=moved")
    assert {one["article"]["id"] for one in both} == {1, 3}
    of_site = all_changes(served, "/changes.json?site=notes.example/blog")
    assert {one["article"]["id"] for one in of_site} == {5}
    assert all_changes(served, "/changes.json?kind=deleted&site=notes.example/blog") == []


def test_the_counts_are_those_of_the_lists(served: Served) -> None:
    for site in ("", "harbour.example", "notes.example/blog", "quiet.example"):
        counts = served.get(f"/changes.json?site={site}").json["counts"]
        assert set(counts) == set(KINDS)
        for kind, number in counts.items():
            assert len(all_changes(served, f"/changes.json?kind={kind}&site={site}")) == number, (site, kind)


def test_an_edit_shows_its_words_in_place(served: Served) -> None:
    page = html.document_fromstring(served.get("/changes?kind=text").text)
    [entry] = page.xpath("//article")
    assert [one.text_content().split(": ")[-1].strip() for one in entry.cssselect("h3 ins")] == ["for the café quay"]
    assert entry.cssselect(".passage ins")
    assert "/article/1/diff?from=1&to=2" in entry.xpath(".//a/@href")


def test_the_feed_follows_the_filter(served: Served) -> None:
    atom = "{http://www.w3.org/2005/Atom}"
    whole = etree.fromstring(served.get("/changes/feed").body)
    ids = [one.text for one in whole.iter(f"{atom}id")]
    assert len(ids) == len(set(ids)) == EDITS + 5 + 1
    feed = etree.fromstring(served.get("/changes/feed?kind=deleted&site=harbour.example").body)
    [entry] = feed.findall(f"{atom}entry")
    assert entry.find(f"{atom}link").get("href") == f"{served.address}/article/3"
    assert entry.find(f"{atom}category").get("term") == "deleted"
    assert feed.find(f"{atom}link[@rel='self']").get("href") == (
        f"{served.address}/changes/feed?kind=deleted&site=harbour.example"
    )
    page = html.document_fromstring(served.get("/changes?kind=deleted&site=harbour.example").text)
    assert page.xpath("//link[@type='application/atom+xml']/@href") == [
        "/changes/feed?kind=deleted&site=harbour.example"
    ]


def test_a_feed_that_did_not_change_is_not_sent_again(served: Served) -> None:
    first = served.get("/changes/feed?kind=moved")
    assert first.headers["content-type"].startswith("application/atom+xml")
    again = served.get("/changes/feed?kind=moved", **{"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    empty = [served.get("/changes/feed?site=quiet.example") for _ in range(2)]
    assert empty[0].headers["etag"] == empty[1].headers["etag"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/changes?kind=gossip", 400),
        ("/changes?before=yesterday", 400),
        ("/changes?until=june", 400),
        ("/changes?site=nowhere.example", 404),
        ("/changes/feed?kind=gossip", 400),
        ("/changes?before=2024-05-20T01:00:00~edited~2~99999999999", 400),
    ],
)
def test_mistakes_are_said(served: Served, path: str, status: int) -> None:
    assert served.get(path).status == status


def test_a_list_without_changes_leads_on(served: Served) -> None:
    page = html.document_fromstring(served.get("/changes?site=quiet.example").text)
    assert not page.xpath("//article")
    assert page.xpath("//main//p/a/@href") == ["/changes"]
    assert served.get("/changes.json?until=2020").json["changes"] == []


def test_each_kind_with_changes_has_a_link(served: Served) -> None:
    page = html.document_fromstring(served.get("/changes").text)
    links = page.xpath("//nav[@aria-label='Kinds of changes']//a/@href")
    assert links == ["/changes", *(f"/changes?kind={kind}" for kind in KINDS)]
    page = html.document_fromstring(served.get("/changes?site=notes.example/blog").text)
    links = page.xpath("//nav[@aria-label='Kinds of changes']//a/@href")
    assert [link.partition("kind=")[2].partition("&")[0] for link in links] == ["", "markup"]


def test_a_removed_post_is_in_no_list_even_while_its_takedown_runs(tmp_path: Path) -> None:
    db = open_archive(prepare(make_archive(tmp_path / "small.db")))
    before = count_changes(db)
    db["tombstones"].insert_all(
        [
            {"article_id": number, "site": "harbour.example", "url": "x", "reason": "asked", "removed_at": NOW}
            for number in (1, 3)
        ]
    )
    after = count_changes(db)
    db.close()
    assert (before["deleted"], before["moved"], before["text"]) == (1, 1, 1)
    assert (after["deleted"], after["moved"], after["text"]) == (0, 0, 0)
    assert after["headline"] == before["headline"] - 1


def test_times_that_another_program_wrote_wrongly_do_no_harm(tmp_path: Path) -> None:
    archive = prepare(make_archive(tmp_path / "small.db"))
    db = open_archive(archive)
    with db.atomic():
        db.execute("update articles set gone_at = 'last week', published = 'soon', title = x'ff' where id = 3")
        db.execute("update revisions set observed_at = null where article_id = 5 and revision = 2")
        db.execute("update articles set published = '2024-99-99', published_precision = 'minute' where id = 2")
        db.execute("update articles set published = '19th of May' where id = 1")
        db.execute("update runs set started_at = 'yesterday'")
    db.close()
    with serving(archive) as running:
        for path in ("/", "/changes", "/changes/feed", "/changes.json"):
            assert running.get(path).status == 200, path
        assert [one["at"] for one in running.get("/changes.json?kind=deleted").json["changes"]] == ["last week"]


# Passages of a comparison.

WORDS = [f"word{n}" for n in range(400)]


def test_a_passage_has_some_words_around_its_change() -> None:
    changed = [*WORDS[:200], "another", *WORDS[201:]]
    [passage], more = cut_passages(word_diff(" ".join(WORDS), " ".join(changed)))
    assert more == 0
    assert [(piece.op, piece.text) for piece in passage.pieces[1:3]] == [
        (DiffOp.DELETE, "word200"),
        (DiffOp.INSERT, "another"),
    ]
    before, after = passage.pieces[0].text, passage.pieces[-1].text
    assert before.startswith("… word") and before.endswith("word199 ")
    assert after.startswith(" word201") and after.endswith(" …")
    assert len(before) + len(after) < 200


@pytest.mark.parametrize("place", [0, 3, 150, 398, 399])
def test_leaving_out_equal_ends_changes_no_passage(place: int) -> None:
    changed = [*WORDS]
    changed[place : place + 1] = ["another", "two"]
    old, new = " ".join(WORDS), " ".join(changed)
    assert cut_passages(word_diff(*_without_equal_ends(old, new))) == cut_passages(word_diff(old, new))
    assert _without_equal_ends(old, f"{old} {old}") != (old, f"{old} {old}")
    assert len("".join(_without_equal_ends(old, new))) < 1_300


def test_near_changes_share_a_passage_and_further_ones_are_counted() -> None:
    changed = [*WORDS]
    for n in (10, 14, 100, 200, 300, 390):
        changed[n] = "x"
    passages, more = cut_passages(word_diff(" ".join(WORDS), " ".join(changed)))
    assert [sum(piece.op is DiffOp.INSERT for piece in one.pieces) for one in passages] == [2, 1, 1]
    assert more == 2


def test_a_long_removed_text_is_shortened_and_its_ends_are_kept() -> None:
    text = " ".join(WORDS)
    [passage], _ = cut_passages((Piece(DiffOp.DELETE, text), Piece(DiffOp.EQUAL, " the end")))
    [removed, rest] = passage.pieces
    assert removed.text.startswith("word0 ") and removed.text.endswith("word399")
    assert " … " in removed.text
    assert len(removed.text) < 500
    assert rest.text == " the end"


def test_a_text_without_blanks_is_cut_too() -> None:
    text = "机器学习" * 100
    [passage], _ = cut_passages(word_diff(f"{text}旧{text}", f"{text}新{text}"))
    assert len("".join(piece.text for piece in passage.pieces)) < 250


def test_a_changed_date_is_shown_to_the_minute(served: Served) -> None:
    with closing(open_archive(served.archive)) as db:
        record = article_records.record(db, 1)
    before, after = ({**record, "published": at} for at in ("2019-04-11T13:12:00+00:00", "2019-05-21T09:00:00+02:00"))
    [(_, cell)] = _edited_details(before, after, ["published"])
    assert "2019-04-11 13:12 UTC" in cell
    assert "2019-05-21 09:00+02:00" in cell
