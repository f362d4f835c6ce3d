"""Collections with notes and order, which are in the URL alone, and feeds of any search."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from lxml import etree, html

from archiver.search.search_feeds import ATOM
from archiver.web.collection_pages import MAX_NOTE
from tests.web.conftest import Served

A = f"{{{ATOM}}}"


def arguments(location: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(location).query)


@pytest.mark.parametrize(
    ("edit", "ids"),
    [
        ("up=2", "2,1,3"),
        ("down=2", "1,3,2"),
        ("up=1", "1,2,3"),
        ("down=3", "1,2,3"),
        ("without=2", "1,3"),
        ("save=1", "1,2,3"),
    ],
)
def test_edits_lead_to_the_changed_collection(served: Served, edit: str, ids: str) -> None:
    got = served.get(f"/collection?name=Quay&id=1,2,3&note.1=first&note.2=second&{edit}")
    assert got.status == 302
    kept = {"note.1": ["first"]} | ({"note.2": ["second"]} if "2" in ids else {})
    assert arguments(got.headers["location"]) == {"name": ["Quay"], "id": [ids], **kept}


def test_notes_are_in_the_page_its_link_and_its_file(served: Served) -> None:
    note = "Two lines,\nwith <b>signs</b> & ünïcode."
    address = f"/collection?name=Quay&id=2,1&note.1={quote(note)}&note.99=nothing"
    page = html.document_fromstring(served.get(address).body)
    assert page.xpath("//textarea[@name='note.1']")[0].text == note
    assert page.xpath("//textarea[@name='note.2']")[0].text is None
    (share,) = page.xpath("//button[.='Copy link']/@data-copy")
    assert arguments(share)["note.1"] == [note]
    data = served.get(address.replace("?", ".json?")).json
    assert [(one["id"], one["note"]) for one in data["items"]] == [(2, ""), (1, note)]
    # What a saved file contains opens the collection again, by URLs instead of IDs.
    urls = [one["url"] for one in data["items"]]
    again = (
        f"/collection.json?name=Quay&{'&'.join(f'id={quote(url)}' for url in urls)}&note.{quote(urls[1])}={quote(note)}"
    )
    assert served.get(again).json["items"] == data["items"]


def test_a_note_has_a_limit(served: Served) -> None:
    data = served.get(f"/collection.json?id=1&note.1={'x' * (MAX_NOTE + 5)}").json
    assert len(data["items"][0]["note"]) == MAX_NOTE


def test_a_collection_is_cited_in_every_style(served: Served) -> None:
    page = html.document_fromstring(served.get("/collection?id=1,2&style=chicago").body)
    references = page.xpath("string(//pre[@id='references'])").splitlines()
    assert len(references) == 2
    assert all("Accessed" in line or "harbour.example" in line for line in references)
    for style in page.xpath("//section//a[contains(@href, 'style=')]/@href"):
        shown = html.document_fromstring(served.get(style.partition("#")[0]).body)
        assert shown.xpath("//pre[@id='references']"), style


def entries(served: Served, query: str) -> list[Any]:
    got = served.get(f"/search/feed?{query}")
    assert got.headers["content-type"] == "application/atom+xml; charset=utf-8"
    return etree.fromstring(got.body).findall(f"{A}entry")


@pytest.mark.parametrize(
    "query", ["q=tide", "site=notes.example/blog", "author=Zo%C3%AB+Kr%C3%BCger&since=2024", "q=nothing+at+all", ""]
)
def test_any_search_has_a_feed_with_its_articles(served: Served, query: str) -> None:
    hits = served.get(f"/search.json?{query}&limit=100").json["hits"]
    found = {hit["url"]: hit["title"].replace("\x1b", "") for hit in hits}  # XML has no control characters
    atom = entries(served, query)
    assert {one.find(f"{A}link[@rel='via']").get("href"): one.findtext(f"{A}title") for one in atom} == found


def test_a_feed_has_what_its_standard_asks_for(served: Served) -> None:
    root = etree.fromstring(served.get("/search/feed?q=tide&sort=title&offset=2").body)
    for element in (root, *root.findall(f"{A}entry")):
        assert all(element.findtext(f"{A}{name}") for name in ("id", "title", "updated"))
        assert element.findall(f"{A}author/{A}name")
    ids = [one.text for one in root.iter(f"{A}id")]
    found = served.get("/search.json?q=tide").json["total"]
    assert len(ids) == len(set(ids)) == found + 1  # the order and the page of the search do not matter
    assert root.find(f"{A}link[@rel='self']").get("href") == f"{served.address}/search/feed?q=tide"  # type: ignore[union-attr]
    for url in (one.get("href") for one in root.findall(f"{A}entry/{A}link[@rel='alternate']")):
        assert served.get(url.removeprefix(served.address)).status == 200


def test_a_feed_that_did_not_change_is_not_sent_again(served: Served) -> None:
    path = "/search/feed?q=tide"
    first = served.get(path)
    again = served.get(path, **{"If-None-Match": f'W/{first.headers["etag"]}, "other"'})
    assert (again.status, again.body) == (304, b"")
    assert served.get(path, **{"If-None-Match": '"other"'}).status == 200


def test_ids_of_entries_do_not_depend_on_the_search(served: Served) -> None:
    one, other = entries(served, "q=fog"), entries(served, "q=quay+fog")
    assert {entry.findtext(f"{A}id") for entry in one} & {entry.findtext(f"{A}id") for entry in other}


def test_the_page_to_follow_a_search_leads_to_its_feed(served: Served) -> None:
    page = html.document_fromstring(served.get("/search/follow?q=tide&site=harbour.example").body)
    feeds = page.xpath("//link[@rel='alternate']/@href")
    assert [urlsplit(feed).path for feed in feeds] == ["/search/feed"]
    assert all(arguments(feed) == {"q": ["tide"], "site": ["harbour.example"]} for feed in feeds)
    assert served.get("/search/follow.json?q=tide").json["feeds"]["Atom"] == f"{served.address}/search/feed?q=tide"


def test_results_offer_to_follow_the_search_and_have_metadata(served: Served) -> None:
    page = html.document_fromstring(served.get("/search?q=tide&limit=50").body)
    assert page.xpath("//link[@type='application/atom+xml']/@href") == ["/search/feed?q=tide"]
    assert "/search/follow?q=tide" in page.xpath("//a/@href")
    titles = [parse_qs(one)["rft.title"][0] for one in page.xpath("//span[@class='Z3988']/@title")]
    assert titles == [one["title"] for one in served.get("/search.json?q=tide").json["hits"]]


def test_invalid_searches_have_no_feed(served: Served) -> None:
    assert served.get("/search/feed?since=soon").status == 400
    assert served.get("/search/feed.json?q=tide").status == 400
