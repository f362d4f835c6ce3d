"""The pages in a real browser: searching, filtering, the map, collections; by keyboard alone, without scripts, from
right to left. Screenshots are kept in output/screenshots.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from archiver.storage.database import open_archive
from tests.archive_fixture import make_archive
from tests.web.browsing import Watch, watching
from tests.web.conftest import Served, serving

pytestmark = pytest.mark.needs("chromium")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
ARABIC = ("عاصفة قوية تضرب الميناء", "ضربت عاصفة قوية الميناء القديم صباح اليوم، وقال الصيادون إن tide المد كان عاليا.")
PAGES = {
    "search": "/search?q=tide",
    "front": "/",
    "everything": "/search",
    "changes": "/changes",
    "collection": "/collection?id=1&id=6&style=bibtex&name=Quay",
    "sites": "/sites",
    "site": "/site/harbour.example",
    "failure": "/search?q=is:new",
}
SCREENS = (
    [(name, DESKTOP, False) for name in PAGES]
    + [(name, PHONE, True) for name in PAGES]
    + [(name, *screen) for name in ("search", "front", "changes") for screen in ((DESKTOP, True), (PHONE, False))]
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The small archive, with an article in Arabic."""
    archive = make_archive(tmp_path_factory.mktemp("browser") / "small.db")
    db = open_archive(archive)
    with db.atomic():
        db.execute("update articles set title = ?, body = ?, language = 'ar' where id = 6", ARABIC)
    db.close()
    with serving(archive) as running:
        yield running


@pytest.fixture(scope="module")
def window(chromium: Any, served: Served) -> Iterator[Watch]:
    """A browser page shared by all tests, because opening another takes longer than the checks."""
    with watching(chromium, served.address, viewport=DESKTOP, base_url=served.address) as watched:
        yield watched


@pytest.fixture
def watch(window: Watch) -> Iterator[Watch]:
    window.forget()
    window.page.set_viewport_size(DESKTOP)
    window.page.emulate_media(color_scheme="light")
    yield window
    assert not window.acted


@pytest.fixture
def page(watch: Watch) -> Any:
    return watch.page


def url_arguments(page: Any) -> dict[str, list[str]]:
    """Return the arguments of the page's URL."""
    return parse_qs(urlsplit(page.url).query)


def test_a_search_can_be_narrowed_and_widened(page: Any) -> None:
    page.goto("/")
    page.get_by_role("searchbox", name="Search for").fill("tide")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=tide")
    expect(page.get_by_role("status")).to_have_text("3 articles")
    expect(page.locator(".hits p mark")).to_have_text(["tide", "tide", "tide"])
    expect(page.locator(".hits h2 mark")).to_have_text(["Tide"])
    page.locator(".facet a.value", has_text="Weather").click()
    expect(page.get_by_role("status")).to_have_text("1 article")
    page.locator(".narrowings a", has_text="Weather").click()
    expect(page.get_by_role("status")).to_have_text("3 articles")
    page.get_by_text("More filters and sorting").click()
    page.get_by_label("Sort by").select_option("title")
    page.get_by_role("button", name="Search", exact=True).click()
    assert url_arguments(page) == {"q": ["tide"], "sort": ["title"]}
    page.locator(".hits").get_by_role("link", name="Fog").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Fog")


def test_a_period_can_be_drawn_on_the_chart(page: Any) -> None:
    page.goto("/search?q=-is:gone")
    first, last = (
        page.locator(f'.bars a[data-period="{month}"] .whole').bounding_box() for month in ("2023-12", "2024-04")
    )
    page.mouse.move(first["x"] + 3, first["y"] + 30)
    page.mouse.down()
    page.mouse.move(last["x"] + 4, last["y"] + 30, steps=4)
    page.mouse.up()
    page.wait_for_url("**since**")
    assert (url_arguments(page)["since"], url_arguments(page)["until"]) == (["2023-12"], ["2024-04"])
    expect(page.get_by_role("status")).to_have_text("2 articles")


def test_arrow_keys_move_along_the_bars(page: Any) -> None:
    page.goto("/search")
    stops = page.locator('.bars a[tabindex="0"]')
    expect(stops).to_have_count(1)
    stops.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_url("**since=2024-04**")
    expect(page.get_by_role("status")).to_have_text("1 article")


def test_a_box_can_be_drawn_on_the_map_and_a_spot_chosen(page: Any) -> None:
    page.goto("/search")
    spot = page.locator(".sky a", has_text="Paris").locator("circle").bounding_box()
    page.mouse.move(spot["x"] - 9, spot["y"] - 20)
    page.mouse.down()
    page.mouse.move(spot["x"] + 40, spot["y"] + 40, steps=4)
    page.mouse.up()
    page.wait_for_url("**bbox**")
    west, south, east, north = (float(n) for n in url_arguments(page)["bbox"][0].split(","))
    assert west < 2.3522 < east
    assert south < 48.8566 < north
    expect(page.get_by_role("status")).to_have_text("1 article")
    page.goto("/search")
    page.get_by_role("link", name="1 article: Taveuni").click()
    expect(page.get_by_role("status")).to_have_text("1 article")
    page.goto("/search")
    page.get_by_label("search a circle").check()
    spot = page.locator(".sky a", has_text="Taveuni").locator("circle").bounding_box()
    page.mouse.move(spot["x"] + 14, spot["y"] + 14)
    page.mouse.down()
    page.mouse.move(spot["x"] + 14, spot["y"] + 34, steps=4)
    page.mouse.up()
    page.wait_for_url("**near**")
    latitude, longitude = (float(n) for n in url_arguments(page)["near"][0].split(","))
    assert abs(latitude + 16.8) < 3
    assert abs((longitude + 179.9 + 180) % 360 - 180) < 3
    assert 500 < float(url_arguments(page)["within"][0]) < 1200
    expect(page.get_by_role("status")).to_have_text("1 article")
    page.goto("/search?near=48.85,2.35&within=100&sort=distance")
    expect(page.locator(".hits .by")).to_contain_text("0.8 km away")


def test_articles_can_be_collected_over_several_pages(page: Any) -> None:
    page.goto("/search?q=tide")
    page.get_by_label("Add article 2 to the collection").check()
    page.goto("/search?q=lamp")
    page.get_by_label("Add article 3 to the collection").check()
    expect(page.get_by_role("link", name="Collection (2)")).to_be_visible()
    page.get_by_role("button", name="Add 1 to collection").click()
    page.wait_for_url("**/collection?name=Reading%20list&id=2,3")
    page.get_by_role("button", name="Remove article 3").click()
    page.wait_for_url("**/collection?name=Reading%20list&id=2")
    page.goto("/search?q=tide")
    expect(page.get_by_label("Add article 2 to the collection")).to_be_checked()
    expect(page.get_by_label("Add article 1 to the collection")).not_to_be_checked()


def test_search_works_by_keyboard_alone(page: Any) -> None:
    page.goto("/search")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("fog")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=fog")
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "[document.activeElement.closest('.hits h2')?.innerText, "
            "getComputedStyle(document.activeElement).outlineStyle]"
        )
        if focused[0]:
            break
        assert focused[1] != "none" or page.evaluate("document.activeElement.closest('svg') !== null")
    assert focused[0] == "Fog"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Fog")


def test_a_map_is_one_tab_stop(page: Any) -> None:
    page.goto("/search")
    focused = "[document.activeElement.getAttribute('aria-label'), !!document.activeElement.closest('svg')]"
    page.locator(".atlas summary").focus()
    said = []
    for key in ("Tab", "Tab", "ArrowLeft", "ArrowUp", "End", "Shift+Tab", "Tab", "Tab"):
        page.keyboard.press(key)
        said.append(page.evaluate(focused))
    assert said[1:] == [
        ["1 article: Paris", True],
        ["1 article: Taveuni", True],
        ["1 article: Taveuni", True],
        ["1 article: Paris", True],
        said[0],
        ["1 article: Paris", True],
        [None, False],
    ]
    page.locator(".atlas .skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "found"


def test_search_works_without_scripts(chromium: Any, served: Served) -> None:
    with watching(chromium, served.address, base_url=served.address, java_script_enabled=False) as watch:
        page = watch.page
        page.goto("/")
        page.locator("#q").fill("lamp")
        page.keyboard.press("Enter")
        expect(page.locator(".count")).to_have_text("1 article")
        page.get_by_text("1 copy").click()
        expect(page.get_by_role("link", name="The lighthouse is dark, once more")).to_be_visible()
        page.locator('.bars a[data-period="2023-12"] .matched').click()
        assert url_arguments(page)["since"] == ["2023-12"]
        page.get_by_label("Until").fill("2024")
        page.get_by_role("button", name="Search", exact=True).click()
        assert url_arguments(page)["until"] == ["2024"]
        page.goto("/search")
        page.get_by_label("Add article 1 to the collection").check()
        page.get_by_label("Add article 2 to the collection").check()
        page.get_by_role("button", name="Add to collection").click()
        assert sorted(url_arguments(page)["id"]) == ["1", "2"]
        page.locator("#more").fill("5")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.locator(".hits li")).to_have_count(3)
        with page.expect_download() as download:
            page.get_by_role("link", name="BibTeX", exact=True).first.click()
        assert download.value.suggested_filename == "collection.bib"
        assert not watch.acted


def test_filters_are_a_sheet_on_a_phone_with_and_without_scripts(chromium: Any, served: Served) -> None:
    for javascript in (False, True):
        with watching(chromium, served.address, viewport=PHONE, java_script_enabled=javascript) as watched:
            page = watched.page
            watched.open("/search?q=tide&author=Zo%C3%AB+Kr%C3%BCger")
            expect(page.locator("aside")).to_be_hidden()
            page.get_by_role("link", name="Filters (1)").click()
            expect(page.locator("aside")).to_be_in_viewport()
            page.get_by_role("link", name="Show 2 articles").click()
            expect(page.locator("aside")).to_be_hidden()
            page.get_by_role("link", name="Filters (1)").click()
            page.locator(".facet a.value", has_text="2023").or_(page.locator(".facet a.value", has_text="2024")).click()
            assert url_arguments(page)["since"] == ["2024"]
            assert not watched.acted


def test_right_to_left_text_is_set_from_right_to_left(watch: Watch, page: Any) -> None:
    page.goto("/search?q=tide&language=ar")
    direction = "getComputedStyle(document.querySelector('{}')).direction"
    assert page.evaluate(direction.format(".hits h2")) == "rtl"
    assert page.evaluate(direction.format(".hits p[dir=auto]")) == "rtl"
    assert page.evaluate(direction.format(".hits .hit .src")) == "rtl"
    assert page.get_attribute(".hits h2", "lang") == "ar"
    watch.shot("search-rtl-desktop-light")


def test_tables_are_browsed_and_asked_in_the_frame_of_the_archive(page: Any) -> None:
    page.goto("/search")
    page.get_by_role("link", name="Data").click()
    page.get_by_role("link", name="articles", exact=True).click()
    page.wait_for_url("**/archive/articles?*")
    expect(page.locator(".rows tbody tr")).to_have_count(6)
    page.get_by_label("Column", exact=True).select_option("title")
    page.get_by_label("Value", exact=True).fill("Fog")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".rows tbody tr")).to_have_count(1)
    page.get_by_text("Count by").click()
    page.locator(".chip", has_text="site").click()
    expect(page.locator(".counts li")).to_have_text(["harbour.example 1"])
    page.get_by_role("link", name="Data").first.click()
    page.get_by_label("SQL").fill("select count(*) as n from articles")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".rows tbody td")).to_have_text("6")


def click_visible_text(page: Any, text: str) -> None:
    """Click what a person would who looks for this text: the first link or button that shows it."""
    shown = page.get_by_role("link", name=text).or_(page.get_by_role("button", name=text))
    next(one for one in shown.all() if one.is_visible()).click()
    page.wait_for_load_state()


@pytest.mark.parametrize("clicks", [["1 deleted"], ["What changed", "Deletions"]])
@pytest.mark.parametrize("scripts", [True, False])
def test_all_deletions_of_a_site_are_at_most_two_clicks_away(
    chromium: Any, served: Served, clicks: list[str], scripts: bool
) -> None:
    expected = served.get("/changes.json?kind=deleted&site=harbour.example").json["changes"]
    assert len(clicks) <= 2
    with watching(chromium, served.address, viewport=DESKTOP, java_script_enabled=scripts) as watched:
        watched.open("/")
        for text in clicks:
            click_visible_text(watched.page, text)
        assert watched.page.locator(".change h3").all_inner_texts() == [one["article"]["title"] for one in expected]
        expect(watched.page.locator(".change", has_text="The lighthouse is dark")).to_contain_text(
            "Deleted by the site"
        )
        assert not watched.acted


def test_the_first_example_search_finds_articles(page: Any) -> None:
    page.goto("/")
    page.get_by_role("link", name="How to search").click()
    expect(page.get_by_role("heading", name="How to search")).to_be_in_viewport()
    page.get_by_role("searchbox").fill("lamp")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=lamp")
    expect(page.get_by_role("status")).to_have_text("1 article")


@pytest.mark.parametrize(("name", "size", "dark"), SCREENS)
def test_pages_fit_and_are_light(window: Watch, name: str, size: dict[str, int], dark: bool) -> None:
    """Nothing overflows the screen, and the page is small. (tests/web/test_accessibility.py runs axe-core.)"""
    page, weights = window.page, []

    def weigh(answer: Any) -> None:
        weights.append(len(answer.body()))

    page.set_viewport_size(size)
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.on("response", weigh)
    window.open(PAGES[name])
    page.wait_for_load_state("networkidle")
    page.remove_listener("response", weigh)
    window.shot(f"{name}-{'phone' if size == PHONE else 'desktop'}-{'dark' if dark else 'light'}")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert 3_000 < sum(weights) < 150_000
    assert not window.acted
