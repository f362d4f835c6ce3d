"""What a reader wants to do, done in a browser with the visible text alone, each in at most so many clicks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from lxml import etree
from playwright.sync_api import expect

from archiver.search.search_feeds import ATOM
from tests.proved_archive import make
from tests.web.browsing import Watch, watching
from tests.web.conftest import Served, serving

pytestmark = pytest.mark.needs("chromium")
SENTENCE = "The mate was not on board"
NOTE = "Compare this with the log of the harbour."


@dataclass(slots=True)
class Reader:
    """A reader who clicks on what the page says. `clicks` is counted from the last task."""

    watch: Watch
    clicks: int = 0

    def click(self, text: str, role: str = "link", *, exact: bool = True) -> None:
        self.clicks += 1
        self.watch.page.get_by_role(role, name=text, exact=exact).first.click()
        self.watch.page.wait_for_load_state()  # a click returns as soon as the answer begins

    def count(self) -> int:
        """Return the number of clicks since the last call."""
        clicks, self.clicks = self.clicks, 0
        return clicks

    @property
    def text(self) -> str:
        """Return the visible text of the page."""
        return str(self.watch.page.inner_text("body"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(make(tmp_path_factory.mktemp("tasks"))) as running:
        yield running


@pytest.fixture
def reader(chromium: Any, served: Served) -> Iterator[Reader]:
    with watching(
        chromium, served.address, base_url=served.address, permissions=["clipboard-read", "clipboard-write"]
    ) as watch:
        yield Reader(watch)
        assert not watch.acted


def find(reader: Reader) -> None:
    """Find the article by a sentence that the reader remembers."""
    reader.watch.open("/search")
    reader.watch.page.get_by_role("searchbox").first.fill(SENTENCE)
    reader.click("Search", "button")
    reader.click("Day 1, corrected")


def test_find_an_article_by_a_remembered_sentence(reader: Reader) -> None:
    find(reader)
    assert SENTENCE in reader.text
    assert "mate" in reader.watch.page.locator("article mark").all_inner_texts()
    assert reader.count() <= 2
    reader.click("Back to 1 result", exact=False)
    expect(reader.watch.page.get_by_role("searchbox").first).to_have_value(SENTENCE)


def test_see_its_original_page(reader: Reader) -> None:
    find(reader)
    reader.count()
    reader.click("View original")
    frame = reader.watch.page.frame_locator("iframe")
    expect(frame.get_by_text(SENTENCE)).to_be_visible()
    expect(reader.watch.page.get_by_text("Verified")).to_be_visible()
    assert reader.count() <= 1


def test_see_what_changed_in_it(reader: Reader) -> None:
    find(reader)
    reader.count()
    reader.click("see what changed", exact=False)
    assert SENTENCE in reader.watch.page.inner_text("article ins >> nth=1")
    assert reader.count() <= 1


def test_cite_it_in_chicago_style(reader: Reader) -> None:
    find(reader)
    reader.count()
    reader.click("Chicago")
    expect(reader.watch.page.get_by_text("Chicago citation copied")).to_be_visible()
    copied = reader.watch.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(
        "Berg, Ada. “Day 1, corrected.” quay.example, April 1, 2024. Accessed May 2, 2024. https://quay.example/1. "
        "[Archived 2024-05-02"
    )
    assert copied in reader.text
    assert reader.count() <= 1


def test_keep_it_with_a_note(reader: Reader, served: Served) -> None:
    find(reader)
    reader.count()
    reader.click("Add to collection", "button")
    reader.watch.page.get_by_label("Note").fill(NOTE)
    reader.click("Save note", "button")
    assert reader.count() <= 2
    reader.click("Collection (1)")
    assert "Day 1, corrected" in reader.text
    expect(reader.watch.page.get_by_label("Note on article 1")).to_have_value(NOTE)
    reader.watch.page.reload()
    reader.watch.open("/article/1")
    expect(reader.watch.page.get_by_role("button", name="In collection")).to_be_visible()


def test_follow_the_search(reader: Reader, served: Served) -> None:
    reader.watch.open("/search?q=mate")
    reader.click("Follow this search")
    assert reader.count() <= 1
    address = reader.watch.page.get_by_role("link", name="/search/feed?q=mate").inner_text()
    feed = served.get(address.removeprefix(served.address))
    titles = etree.fromstring(feed.body).findall(f"{{{ATOM}}}entry/{{{ATOM}}}title")
    assert "Day 1, corrected" in [title.text for title in titles]


def test_collections_are_ordered_named_saved_and_opened(reader: Reader, tmp_path: Path) -> None:
    page = reader.watch.page
    for number in (1, 2, 3):
        reader.watch.open(f"/article/{number}")
        reader.click("Add to collection", "button")
    reader.click("Collection (3)")
    page.get_by_label("Note on article 2").fill(NOTE)
    page.get_by_label("Name").fill("Quay & wall")
    reader.click("Move article 3 up", "button")
    expect(page.get_by_role("heading", level=1)).to_have_text("Quay & wall")
    expect(page.locator(".kept h2")).to_have_text(["Day 1, corrected", "Day 3", "Day 2"])
    expect(page.get_by_label("Note on article 2")).to_have_value(NOTE)
    with page.expect_download() as download:
        reader.click("Save as file")
    kept = tmp_path / "kept.json"
    download.value.save_as(kept)
    assert [one["note"] for one in json.loads(kept.read_text("utf-8"))["items"]] == ["", "", NOTE]
    expect(page.get_by_role("link", name="Collection (3)")).to_be_visible()
    shared = page.url
    reader.click("Delete this collection", "button")
    expect(page.get_by_role("link", name="Collection", exact=True)).to_be_visible()
    # The file and the link bring it back.
    page.get_by_label("Open a saved collection").set_input_files(kept)
    expect(page.get_by_role("heading", level=1)).to_have_text("Quay & wall")
    expect(page.locator(".kept h2")).to_have_text(["Day 1, corrected", "Day 3", "Day 2"])
    page.goto(shared)
    reader.click("Keep in this browser", "button")
    expect(page.get_by_role("link", name="Collection (3)")).to_be_visible()
    expect(page.get_by_label("Note on article 2")).to_have_value(NOTE)


@pytest.mark.parametrize("kept", [False, True])
def test_a_note_is_in_the_file_and_the_citations_as_soon_as_it_is_written(
    reader: Reader, tmp_path: Path, kept: bool
) -> None:
    page = reader.watch.page
    reader.watch.open("/collection?name=Quay&id=1,2")
    if kept:
        reader.click("Keep in this browser", "button")
    page.get_by_label("Note on article 2").fill(NOTE)
    with page.expect_download() as download:
        reader.click("Save as file")
    download.value.save_as(tmp_path / "kept.json")
    saved = json.loads((tmp_path / "kept.json").read_text("utf-8"))
    assert [one["note"] for one in saved["items"]] == ["", NOTE]
    page.get_by_role("link", name="Chicago").click()
    expect(page.get_by_label("Note on article 2")).to_have_value(NOTE)


def test_the_frame_is_as_high_as_the_window_leaves_it(reader: Reader) -> None:
    reader.watch.page.set_viewport_size({"width": 1280, "height": 900})
    reader.watch.open("/view/2025/https://quay.example/1")
    box = reader.watch.page.locator("iframe").bounding_box()
    assert abs(box["y"] + box["height"] - 900) <= 1
    assert box["y"] < 250
    reader.click("Previous")
    assert urlsplit(reader.watch.page.url).path.startswith("/view/20240501")
    reader.click("Next")
    assert urlsplit(reader.watch.page.url).path.startswith("/view/20240502")
    reader.click("Compare", "button")
    expect(reader.watch.page.locator("article").first).to_contain_text(SENTENCE)


def test_citing_and_keeping_work_without_scripts(chromium: Any, served: Served) -> None:
    with watching(chromium, served.address, base_url=served.address, java_script_enabled=False) as watch:
        page = watch.page
        watch.open("/article/1")
        expect(page.locator("#cite-apa")).to_be_visible()
        page.get_by_role("link", name="Chicago", exact=True).click()
        expect(page.locator("#cite-chicago")).to_be_visible()
        expect(page.locator("#cite-apa")).to_be_hidden()
        assert not page.get_by_role("button", name="Copy link").is_visible()
        page.get_by_role("link", name="Add to collection").click()
        page.get_by_label("Note on article 1").fill(NOTE)
        page.get_by_role("button", name="Save").first.click()
        expect(page.get_by_label("Note on article 1")).to_have_value(NOTE)
        assert "note.1=" in page.url
        assert not watch.acted


def test_a_collection_with_the_same_name_is_not_overwritten(reader: Reader) -> None:
    page = reader.watch.page
    reader.watch.open("/article/2")
    reader.click("Add to collection", "button")
    page.goto("/collection?name=Reading%20list&id=7,8")  # somebody else's
    reader.click("Keep in this browser", "button")
    expect(page.get_by_role("link", name="Reading list (1)")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Reading list 2")
    expect(page.get_by_role("link", name="Collection (2)")).to_be_visible()


def test_the_collection_is_chosen_on_the_page_of_the_article(reader: Reader) -> None:
    page = reader.watch.page
    reader.watch.open("/article/1")
    page.get_by_role("button", name="Add to collection").press("Enter")
    page.get_by_label("In the collection").select_option("New collection …")
    page.get_by_label("Note").fill(NOTE)
    page.get_by_label("Note").press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved in this browser")).to_be_visible()
    reader.watch.open("/collection")
    expect(page.get_by_role("heading", level=1)).to_have_text("Collection")
    expect(page.locator(".lists a")).to_have_text(["Reading list (1)", "Collection (1)"])
    expect(page.get_by_label("Note on article 1")).to_have_value(NOTE)


def test_where_nothing_can_be_stored_a_collection_is_in_its_link(reader: Reader) -> None:
    page = reader.watch.page
    page.add_init_script(
        "Storage.prototype.setItem = () => { throw new DOMException('blocked', 'QuotaExceededError'); }"
    )
    reader.watch.open("/article/1")
    reader.click("Add to collection", "button")
    page.wait_for_url("**/collection?id=1")
    expect(page.get_by_role("link", name="Day 1, corrected")).to_be_visible()


@pytest.mark.parametrize("name", ["constructor", "__proto__", "<b>x</b>"])
def test_a_collection_may_have_any_name(reader: Reader, name: str) -> None:
    page = reader.watch.page
    page.goto(f"/collection?name={quote(name)}&id=1,2")
    reader.click("Keep in this browser", "button")
    expect(page.get_by_role("link", name="Collection (2)")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator(".lists a")).to_have_text([f"{name} (2)"])
