"""The pages for reading, in a real browser: accessible, on a telephone, from right to left, by keyboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from archiver.storage.database import open_archive
from tests.proved_archive import QUAY, make
from tests.web.browsing import Watch, watching
from tests.web.conftest import Served, serving

pytestmark = pytest.mark.needs("chromium")
PAGES = {
    "article": "/article/1",
    "evidence": "/article/1/evidence",
    "versions": "/article/1/versions",
    "diff": "/article/1/diff",
    "sides": "/article/1/diff?show=sides",
    "changes": "/article/1/diff?show=changes",
    "hit": "/article/1?q=gull&hit=2",
    "then": "/article/1?revision=1",
    "follow": "/search/follow?q=gull",
    "collection": "/collection?name=Quay&id=1,2,5&note.1=Twice&style=mla",
    "captures": "/article/1/captures",
    "capture": "/capture/2",
    "view": f"/view/20240502080001/{QUAY}1",
    "gone": "/article/4",
    "copies": "/article/9",
    "rtl": "/article/5",
    "sites": "/sites",
    "site": "/site/quay.example",
}
_ARABIC = (
    "عاد القارب إلى الميناء عند السادسة",
    "غادر القارب الرصيف في الصباح الباكر ولم يكن على متنه أحد سوى الربان. اجتمع المجلس مرتين بشأن المنارة ثم أجّل الأمر."
    "\n\nساعات العمل\n\nيفتح المكتب أبوابه من العاشرة حتى الرابعة، كل يوم عدا الجمعة، ويمكن للزوار الصعود إلى أعلى "
    "المنارة ثمانية في كل مرة.",
)


_AT = _ARABIC[1].index("ساعات")
_MARKUP = [
    [0, 4, "a", "https://harbour.example/boats"],
    [_AT, 0, "figure", "https://harbour.example/mole.jpg", "The mole", "Before the storm"],
    [_AT, 11, "h2"],
    [_AT + 13, len(_ARABIC[1]) - _AT - 13, "blockquote"],
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    archive = make(tmp_path_factory.mktemp("reading"))
    db = open_archive(archive)
    with db.atomic():
        db.execute(
            "update articles set title = ?, body = ?, language = 'ar', authors = ?, markup = ? where id = 5",
            [*_ARABIC, json.dumps(["ليلى حداد"], ensure_ascii=False), json.dumps(_MARKUP)],
        )
    db.close()
    with serving(archive) as running:
        yield running


@pytest.fixture(scope="module")
def wide(served: Served, chromium: Any) -> Iterator[Watch]:
    with watching(chromium, served.address, viewport={"width": 1280, "height": 900}) as watch:
        yield watch


@pytest.fixture(scope="module")
def narrow(served: Served, chromium: Any) -> Iterator[Watch]:
    """A browser of a telephone's size, in dark mode and without scripts."""
    with watching(
        chromium, served.address, viewport={"width": 390, "height": 844}, color_scheme="dark", java_script_enabled=False
    ) as watch:
        yield watch


@pytest.mark.parametrize("name", PAGES)
def test_reading_pages_are_light(wide: Watch, name: str) -> None:
    answer = wide.open(PAGES[name])
    assert answer.status == 200
    assert len(answer.body()) < 150_000
    wide.shot(f"{name}-desktop")
    assert wide.acted == []


@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_a_phone(narrow: Watch, name: str) -> None:
    assert narrow.open(PAGES[name]).status == 200
    narrow.shot(f"{name}-phone")
    size = narrow.page.context.new_cdp_session(narrow.page).send("Page.getLayoutMetrics")["cssContentSize"]
    assert size["width"] <= 390, "it is wider than the screen"


def test_right_to_left_text_has_its_direction(wide: Watch) -> None:
    wide.open("/article/5")
    assert wide.page.eval_on_selector("article .text p", "e => getComputedStyle(e).direction") == "rtl"
    assert wide.page.eval_on_selector("article h1", "e => getComputedStyle(e).textAlign") in ("start", "right")
    assert wide.page.eval_on_selector("article", "e => e.lang") == "ar"
    assert wide.page.eval_on_selector("article .text h2", "e => getComputedStyle(e).direction") == "rtl"


def test_a_right_to_left_title_begins_where_the_others_of_its_list_begin(wide: Watch) -> None:
    wide.open("/site/quay.example")
    starts = wide.page.eval_on_selector_all(".list li > a", "all => all.map((one) => one.getBoundingClientRect().left)")
    assert len(starts) > 1
    assert max(starts) - min(starts) < 1


def test_columns_of_a_table_are_wide_enough_to_read(wide: Watch) -> None:
    wide.open("/archive/articles")
    narrowest = "all => Math.min(...all.filter((e) => e.innerText.length > 30).map((e) => e.clientWidth))"
    assert wide.page.eval_on_selector_all(".rows td > span", narrowest) > 150


def test_the_text_has_its_structure(wide: Watch) -> None:
    wide.open("/article/5")
    assert wide.page.eval_on_selector_all("article .text h2", "all => all.map(e => e.textContent)") == ["ساعات العمل"]
    assert wide.page.get_attribute("article .text p a", "href") == "https://harbour.example/boats"
    assert wide.page.inner_text("article .text blockquote").startswith("يفتح")
    assert wide.page.inner_text("article .text figcaption") == "Before the storm"
    wide.shot("structure")


def test_an_image_without_a_capture_is_a_link(wide: Watch) -> None:
    wide.open("/article/5")
    assert wide.page.eval_on_selector_all("article .text img", "all => all.length") == 0
    assert wide.page.get_attribute("article .text figure a", "href") == "https://harbour.example/mole.jpg"


def test_lines_have_a_measure(wide: Watch) -> None:
    wide.open("/article/7")
    size = wide.page.eval_on_selector(
        "article .text p", "e => e.clientWidth / parseFloat(getComputedStyle(e).fontSize)"
    )
    assert 24 < size < 40  # in ems: 50 to 80 letters


def test_revisions_are_compared_by_keyboard_alone(wide: Watch) -> None:
    wide.open("/article/1")
    for _ in range(40):
        wide.page.keyboard.press("Tab")
        if wide.page.evaluate("document.activeElement.textContent").endswith("versions"):
            break
    assert wide.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    wide.page.keyboard.press("Enter")
    wide.page.wait_for_url("**/versions")
    wide.page.focus("select[name=from]")
    wide.page.keyboard.press("Tab")
    wide.page.keyboard.press("Tab")
    wide.page.keyboard.press("Enter")
    wide.page.wait_for_url("**/diff?from=1&to=2")
    expect(wide.page.locator("article .text ins").first).to_contain_text("The mate was not on board.")
