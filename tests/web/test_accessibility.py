"""Every page of the archive with axe-core, in both colours, and at the width of a small phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import pytest

from archiver.storage.database import open_archive
from tests.archive_fixture import PARIS
from tests.proved_archive import QUAY, make
from tests.web.browsing import Watch, watching
from tests.web.conftest import Served, output_of, serving

pytestmark = pytest.mark.needs("chromium")
PAGES = {
    "front": "/",
    "changes": "/changes",
    "results": "/search?q=harbour",
    "everything": "/search",
    "no-results": "/search?q=xyzzy",
    "sites": "/sites",
    "site": "/site/quay.example",
    "follow": "/search/follow?q=harbour",
    "collection": "/collection?id=1&id=2&style=bibtex&name=Quay",
    "no-collection": "/collection",
    "article": "/article/1",
    "gone": "/article/4",
    "right-to-left": "/article/5",
    "copies": "/article/9",
    "evidence": "/article/1/evidence",
    "versions": "/article/1/versions",
    "diff": "/article/1/diff",
    "captures": "/article/1/captures",
    "address": f"/captures/{QUAY}1",
    "capture": "/capture/2",
    "view": f"/view/20240502080001/{QUAY}1",
    "mistake": "/search?q=is:new&since=2023",
    "not-found": "/article/99",
    "data": "/archive",
    "table": "/archive/articles?_facet=site&site=quay.example",
    "row": "/archive/articles/1",
    "question": "/archive/near-a-place",
    "sql": "/archive?sql=" + quote("select id, title, published from articles where site = :site"),
    "sql-mistake": "/archive?sql=" + quote("select nothing from nowhere"),
}
ARABIC = ("عاصفة قوية تضرب الميناء", "ضربت عاصفة قوية الميناء القديم صباح اليوم، وقال الصيادون إن المد كان عاليا.")
_COLOURS = ("light", "dark")
_RUN = """options => axe.run(options).then(found => found.violations.map(
  one => [one.id, one.help, one.nodes.map(node => node.html.slice(0, 200))]))"""
_SMALL = """() => [...document.querySelectorAll('a[href], button, input, select, summary')].filter(e => {
  const box = e.getBoundingClientRect();
  return e.checkVisibility() && box.width > 1 && box.right > 0 && Math.min(box.width, box.height) < 23.5
    && !e.closest('.skip, svg, p, dd, td, li, thead');
}).map(e => e.outerHTML.slice(0, 120))"""
"""Finds links and fields that are smaller than 24 points, except within text and lists."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An archive with captures, a place, and an article in Arabic."""
    archive = make(tmp_path_factory.mktemp("accessible"))
    db = open_archive(archive)
    with db.atomic():
        db.execute("update articles set geotags = ? where id = 1", [json.dumps([PARIS])])
        db.execute("update articles set title = ?, body = ?, language = 'ar' where id = 5", ARABIC)
    db.close()
    output_of(archive, "index")
    with serving(archive) as running:
        yield running


@pytest.fixture(scope="module")
def window(served: Served, chromium: Any) -> Iterator[Watch]:
    with watching(chromium, served.address, viewport={"width": 1280, "height": 900}) as watched:
        yield watched


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(window: Watch, name: str) -> None:
    """All of axe-core's rules in the light colours, and those of contrast in the dark ones."""
    page = window.page
    page.set_viewport_size({"width": 1280, "height": 900})
    found: dict[str, Any] = {}
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    window.open(PAGES[name])
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8"))
    for colour in _COLOURS:
        page.emulate_media(color_scheme=colour, reduced_motion="reduce")
        only = {"runOnly": ["color-contrast"]} if colour == "dark" else {"rules": {"target-size": {"enabled": True}}}
        found[colour] = page.evaluate(_RUN, {"resultTypes": ["violations"], "elementRef": False, **only})
    assert found == {"light": [], "dark": []}
    assert not window.acted


@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_a_small_phone(window: Watch, name: str) -> None:
    """Nothing overflows 320 points, and what stands alone can be hit with a thumb."""
    window.page.set_viewport_size({"width": 320, "height": 640})
    window.open(PAGES[name])
    assert window.page.evaluate("document.documentElement.scrollWidth") <= 320
    assert window.page.evaluate(_SMALL) == []


def test_the_menu_opens_without_scripts(served: Served, chromium: Any) -> None:
    phone = {"width": 320, "height": 640}
    with watching(chromium, served.address, viewport=phone, java_script_enabled=False) as watch:
        watch.open("/sites")
        link = watch.page.locator(".nav a", has_text="What changed")
        assert not link.is_visible()
        watch.page.locator(".menu summary").click()
        link.click()
        assert watch.page.url.endswith("/changes")


@pytest.mark.parametrize("width", [641, 768, 1024, 1249, 1280, 1440, 1920])
def test_the_header_is_one_row(window: Watch, width: int) -> None:
    window.page.set_viewport_size({"width": width, "height": 900})
    window.open("/sites")
    window.page.locator(".brand").evaluate(
        "e => { e.textContent = 'The archive of all harbour papers of the west coast' }"
    )
    assert window.page.locator("header.top").bounding_box()["height"] < 72
    assert window.page.locator(".menu").is_visible() == (width < 1249)


def test_shortcuts_move_through_a_list(window: Watch) -> None:
    page = window.page
    page.set_viewport_size({"width": 1280, "height": 900})
    window.open("/search?q=harbour")
    titles = page.locator(".hits :is(h2, h3) a")
    focused = "document.activeElement.getAttribute('href')"
    hrefs = [titles.nth(at).get_attribute("href") for at in range(2)]
    said = []
    for key in ("j", "j", "k"):
        page.keyboard.press(key)
        said.append(page.evaluate(focused))
    assert said == [hrefs[0], hrefs[1], hrefs[0]]
    page.keyboard.press("/")
    assert page.evaluate("[document.activeElement.name, document.activeElement.value]") == ["q", "harbour"]
    page.keyboard.press("j")  # a letter typed into a field is no shortcut
    assert page.evaluate("document.activeElement.name") == "q"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    page.get_by_label("Use shortcuts").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("j")
    assert page.evaluate(focused) not in hrefs
    page.keyboard.press("?")
    assert not page.locator("dialog").is_visible()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_label("Use shortcuts").check()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.wait_for_url(f"**{hrefs[0]}")
