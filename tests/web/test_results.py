"""Results of a search, with what helps to judge and narrow them, and what is offered where nothing is found. Tasks of a
reader are done in a browser by visible text alone, and their clicks are counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from lxml import html
from playwright.sync_api import expect

from archiver.storage.database import open_archive
from archiver.web.search_charts import PLOT, label_periods, label_values
from archiver.web.search_filters import count_places, describe_period
from archiver.web.template_rendering import first_letter, name_language, name_period
from tests.archive_fixture import NOW, PARIS, make_archive
from tests.web.browsing import Watch, watching
from tests.web.conftest import Served, output_of, serving

VERSAILLES = {**PARIS, "latitude": 48.8049, "longitude": 2.1204, "placename": "Versailles"}
EVREUX = {**PARIS, "latitude": 49.0241, "longitude": 1.1508, "placename": "Évreux"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The small archive, with two more places around Paris, and with 30 more articles that mention a weir."""
    archive = make_archive(tmp_path_factory.mktemp("results") / "small.db")
    db = open_archive(archive)
    with db.atomic():
        for number, place in ((2, VERSAILLES), (3, EVREUX)):
            db.execute("update articles set geotags = ? where id = ?", [json.dumps([place]), number])
            db.execute("delete from geotags where article_id = ?", [number])
            db["geotags"].insert({"article_id": number, **place})
        for number, size in ((1, 1), (2, 640), (3, 640)):
            url = f"https://harbour.example/{number}.png"
            db.execute("update articles set image = ? where id = ?", [url, number])
            db["requisites"].insert(
                {
                    "id": number,
                    "site_id": 1,
                    "url": url,
                    "host": "harbour.example",
                    "kind": "image",
                    "wanted": "lead",
                    "outcome": "archived" if number < 3 else "not-found",
                    "media_type": "image/png",
                    "bytes": 9_000,
                    "width": size,
                    "height": size,
                    "capture_id": 1 if number < 3 else None,
                    "found_at": NOW,
                }
            )
            db["article_requisites"].insert({"article_id": number, "requisite_id": number, "role": "lead"})
        db.execute(
            "insert into articles (id, url, urlkey, site, title, body, revision, first_seen, last_seen, published, "
            "language, tags) with recursive n(i) as (select 101 union all select i + 1 from n where i < 130) "
            "select i, url || i, urlkey || i, site, 'Weir ' || i, 'The weir broke again.', 1, first_seen, last_seen, "
            "date('2021-01-10', '+' || (i - 101) || ' months'), 'en', json_array('mill', 'weir ' || i) "
            "from articles, n where articles.id = 3"
        )
    db.close()
    output_of(archive, "index")
    with serving(archive) as running:
        yield running


def tree(served: Served, path: str) -> Any:
    answer = served.get(path)
    assert answer.status == 200, answer.text
    return html.document_fromstring(answer.text)


def hits(page: Any) -> dict[int, Any]:
    return {int(hit.cssselect("input[name=id]")[0].get("value")): hit for hit in page.cssselect(".hits > li")}


def texts(node: Any, css: str) -> list[str]:
    return [" ".join(one.text_content().split()) for one in node.cssselect(css)]


# Hits.


def test_a_hit_says_where_and_when_it_appeared_and_what_became_of_it(served: Served) -> None:
    found = hits(tree(served, "/search?q=-weir&fold=none"))
    source = found[1].cssselect(".src")[0]
    assert source.cssselect("a")[0].get("href") == "/site/harbour.example"
    assert source.cssselect("time")[0].text == "5 March 2024"
    assert "09:30" in source.cssselect("time")[0].get("title")
    assert [link.get("href") for link in found[2].cssselect(".by a")][:2] == [
        "/search?author=Ada%20Berg",
        "/search?author=Zo%C3%AB%20Kr%C3%BCger",
    ]
    assert texts(found[1], ".badge") == ["2 versions"]
    assert found[1].cssselect("a.badge")[0].get("href") == "/article/1/diff"
    assert texts(found[3], ".badge.bad") == ["Removed by the site"]
    assert texts(found[5], ".badge") == ["Chinese (simplified)"]
    assert found[1].xpath(".//a[text()='Archived page']/@href") == [
        "/view/20240501120000/https://harbour.example/2024/03/tide-tables"
    ]
    assert found[5].cssselect("h2")[0].get("lang") == "zh-Hans"
    assert texts(hits(tree(served, "/search?q=lamp"))[3], ".folded .badge") == ["1 copy"]


def test_a_hit_has_its_lead_image_if_that_is_captured_and_can_be_seen(served: Served) -> None:
    found = hits(tree(served, "/search?q=-weir&fold=none"))
    pictures = {number: [image.get("src") for image in hit.xpath("img")] for number, hit in found.items()}
    assert pictures[2] == ["/article/2/image"]
    assert pictures[1] == [], "a tracking pixel"
    assert pictures[3] == [], "not captured"
    assert found[2].xpath("img")[0].get("alt") == ""
    assert found[2].xpath("img")[0].get("loading") == "lazy"


def test_count_order_and_page_size_are_above_the_results(served: Served) -> None:
    page = tree(served, "/search?q=weir")
    assert texts(page, ".row .count") == ["1 to 20 of 30 articles"]
    orders, sizes = ([(a.text, a.get("aria-current")) for a in one.cssselect("a")] for one in page.cssselect(".choice"))
    assert orders == [("Relevance", "true"), ("Newest", None), ("Oldest", None)]
    assert sizes == [("20", "true"), ("50", None), ("100", None)]
    oldest = tree(served, page.xpath("//a[text()='Oldest']/@href")[0])
    assert next(iter(hits(oldest))) == 101
    assert len(hits(tree(served, page.xpath("//a[text()='50']/@href")[0]))) == 30
    assert texts(tree(served, "/search?sort=title"), ".choice [aria-current]")[0] == "Title"
    assert texts(tree(served, "/search"), ".choice[aria-label=Order] a") == ["Newest", "Oldest"]


def test_pages_of_results_have_numbers(served: Served) -> None:
    page = tree(served, "/search?q=weir&limit=3&offset=12")
    assert texts(page, ".pages a, .pages b, .pages span") == [
        "Previous",
        "1",
        "…",
        "3",
        "4",
        "5",
        "6",
        "7",
        "…",
        "10",
        "Next",
    ]
    assert texts(page, ".pages [aria-current]") == ["5"]
    beyond = tree(served, "/search?q=weir&offset=900")
    assert texts(beyond, ".nothing-found a") == ["Go to the first page"]


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("en", "English"),
        ("en-GB", "English (GB)"),
        ("zh-Hans", "Chinese (simplified)"),
        ("sr_Latn", "Serbian (Latin)"),
        ("tlh", "tlh"),
        (None, ""),
    ],
)
def test_languages_have_english_names(tag: str | None, name: str) -> None:
    assert name_language(tag) == name


# Filters.


def test_values_can_be_excluded_and_taken_back(served: Served) -> None:
    page = tree(served, "/search?fold=none")
    total = served.get("/search.json?fold=none").json["total"]
    values = page.cssselect(".facet li")
    assert len(values) > 20
    for value in values:
        label = value.text_content()
        if "English" in label:  # en includes en-GB, which also has its own count
            continue
        link = value.cssselect("a.without")[0].get("href")
        left = served.get(f"{link}&_format=json").json["total"]
        assert left == total - int(value.cssselect(".n")[0].text), label
        (chip,) = tree(served, link).cssselect(".narrowings a")
        assert (
            served.get(f"{chip.get('href')}{'&' if '?' in chip.get('href') else '?'}_format=json").json["total"]
            == total
        )


def test_states_of_articles_are_a_facet(served: Served) -> None:
    page = tree(served, "/search?q=-weir")
    counts = dict(zip(texts(page, "#state .value"), texts(page, "#state .n"), strict=True))
    assert counts == {
        "Edited later": "1",
        "Removed by the site": "1",
        "Has copies": "1",
        "Has a lead image": "3",
        "Has a place": "3",
    }
    gone = page.xpath("//section[@id='state']//a[contains(., 'Removed')]/@href")[0]
    assert texts(tree(served, gone), ".narrowings bdi") == ["Removed by the site"]
    assert [*hits(tree(served, gone))] == [3]


@pytest.mark.parametrize(
    ("args", "chips"),
    [
        ("since=2021&until=2021", ["2021"]),
        ("since=2021&until=2024-05", ["2021 to 2024-05"]),
        ("since=2021", ["Since 2021"]),
        ("until=2021", ["Until 2021"]),
        ("near=48.86,2.35&within=10", ["Within 10 km of Paris"]),
        ("near=0,0", ["Within 25 km of 0, 0"]),
        ("bbox=2,48,3,49", ["2 places near Paris"]),
        ("bbox=2.2,48.8,3,49", ["Paris"]),
        ("like=1", ["“Tide tables for the café quay”"]),
        ("language=zh-Hans", ["Chinese (simplified)"]),
        ("q=-tag:%22fog%22+tide", ["fog"]),
    ],
)
def test_each_filter_is_one_chip(served: Served, args: str, chips: list[str]) -> None:
    assert texts(tree(served, f"/search?{args}"), ".narrowings bdi") == chips


def test_places_and_periods_in_words() -> None:
    assert count_places([]) == ""
    assert count_places(["Lisbon", "Almada", "Sintra"]) == "3 places near Lisbon"
    assert describe_period("2021", "2024") == "2021 to 2024"
    assert [name_period(one) for one in ("2021", "2021-07", "2021-07-04")] == ["2021", "Jul 2021", "4 Jul 2021"]


# Never a dead end.


def test_a_misspelt_search_asks_what_was_meant(served: Served) -> None:
    page = tree(served, "/search?q=tdie")
    (link,) = page.cssselect(".did-you-mean a")
    assert link.text_content() == "tide"
    assert served.get(f"{link.get('href')}&_format=json").json["total"] == 2
    assert served.get("/search.json?q=tdie").json["did_you_mean"] == [{"query": "tide", "total": 2}]
    assert not tree(served, "/search?q=tide").cssselect(".note")
    elsewhere = tree(served, "/search?q=tdie&since=2030")
    assert texts(elsewhere, ".ways a") == ["tide instead of tdie, at any time"]


def test_unknown_fields_and_loose_ends_are_named(served: Served) -> None:
    assert texts(tree(served, "/search?q=in:2023"), ".did-you-mean a b") == ["date:2023"]
    assert texts(tree(served, "/search?q=(tide+OR+fog"), ".note .part") == ["("]
    assert texts(tree(served, "/search?q=tide&page=2&q2="), ".note .part") == ["page"]
    said = served.get("/search.json?q=autor:x+%22tide").json
    assert [one["part"] for one in said["repairs"]] == ['"tide']


def test_an_empty_page_has_examples_that_find_something(served: Served) -> None:
    page = tree(served, "/search?q=xyzzyqq")
    links = page.xpath("//p[@class='take'][span]/a/@href")
    assert links
    for link in links:
        answer = served.get(link)
        assert answer.status == 200
        shown = html.document_fromstring(answer.text)
        assert shown.cssselect(".hits li")


def test_no_chart_is_drawn_without_results(served: Served) -> None:
    assert not tree(served, "/search?q=xyzzyqq").cssselect("figure, .sky")
    assert not tree(served, "/search?q=id:6").cssselect("figure"), "only an article without a date"


# Charts and map.


def test_axes_have_labels_at_round_values(served: Served) -> None:
    years = [str(year) for year in range(1997, 2026)]
    assert [label.text for label in label_periods("year", years)] == ["2000", "2005", "2010", "2015", "2020", "2025"]
    months = [f"{2020 + n // 12}-{n % 12 + 1:02}" for n in range(3, 60)]
    assert [label.text for label in label_periods("month", months)][:3] == ["Jul 2020", "Jan 2021", "Jul 2021"]
    assert [label.text for label in label_periods("month", ["2021-05"])] == ["May 2021"]
    assert [label.text for label in label_periods("day", [f"2021-05-{n:02}" for n in range(1, 32)])][1] == "8 May 2021"
    assert [(label.at, label.text) for label in label_values(20)] == [
        (0, "20"),
        (PLOT / 2, "10"),
        (PLOT, "0"),
    ]
    page = tree(served, "/search?q=weir")
    assert texts(page, ".up text") == ["1", "", "0"]
    assert len(page.cssselect(".area text")) > 3


@pytest.mark.parametrize(
    ("site", "letter"),
    [("The Quay Post", "Q"), ("www.quay.example", "Q"), ("Theatre", "T"), ("Le Matin", "M"), ("The", "T"), ("«»", "?")],
)
def test_the_letter_of_a_site_is_not_that_of_an_article(site: str, letter: str) -> None:
    assert first_letter(site) == letter


def test_spots_of_a_map_have_names_and_counts(served: Served) -> None:
    page = tree(served, "/search?q=-weir")
    assert {spot.get("aria-label") for spot in page.cssselect(".sky a")} >= {"3 articles: 3 places near Paris"}
    assert "3 places near Paris" in texts(page, ".sky .name")
    assert "3 articles in 3 places" in texts(page, ".atlas summary")[0]


# Tasks in a browser.

pytest_browser = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def window(chromium: Any, served: Served) -> Iterator[Watch]:
    with watching(
        chromium, served.address, viewport={"width": 1280, "height": 900}, base_url=served.address
    ) as watched:
        yield watched


@pytest_browser
def test_articles_near_a_place_in_one_year_are_three_clicks_away(window: Watch) -> None:
    page = window.page
    page.goto("/sites")
    page.get_by_role("link", name="Search", exact=True).click()
    page.locator(".sky").get_by_text("3 places near Paris").click()
    page.locator("aside").get_by_text("2024", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("2 articles")
    expect(page.locator(".narrowings bdi")).to_have_text(["2024", "3 places near Paris"])
    assert not window.acted


@pytest_browser
def test_bars_say_their_value_on_hover_and_focus_and_the_focused_bar_is_marked(window: Watch) -> None:
    page = window.page
    page.goto("/search?q=-weir")
    tip = page.locator(".graph .tip")
    page.locator('.bars a[data-period="2024-03"] .whole').hover()
    assert tip.inner_text() == "Mar 2024: 1 of 1 archived"
    page.locator('.bars a[tabindex="0"]').focus()
    page.keyboard.press("ArrowLeft")
    focused = page.locator(".bars a:focus")
    assert tip.inner_text() == focused.get_attribute("aria-label")
    ring, bar = (focused.locator(one).bounding_box() for one in (".whole", ".matched, .none"))
    assert ring["x"] <= bar["x"]
    assert bar["x"] + bar["width"] <= ring["x"] + ring["width"] + 0.5
    assert page.evaluate("getComputedStyle(document.activeElement.querySelector('.whole')).strokeWidth") == "2px"


@pytest_browser
def test_the_first_touch_of_a_bar_shows_its_value_and_the_second_opens_it(chromium: Any, served: Served) -> None:
    with watching(chromium, served.address, viewport={"width": 390, "height": 844}, has_touch=True) as watched:
        watched.open("/search?q=-weir")
        bar = watched.page.locator('.bars a[data-period="2024-03"] .whole')
        bar.tap()
        assert watched.page.locator(".graph .tip").inner_text().startswith("Mar 2024: 1 of 1 archived")
        assert "since" not in watched.page.url
        bar.tap()
        watched.page.wait_for_url("**since=2024-03**")
        assert not watched.acted


@pytest_browser
def test_a_map_zooms_without_loading_anything(window: Watch) -> None:
    page = window.page
    page.goto("/search?q=-weir")
    page.wait_for_load_state("networkidle")
    window.answers.clear()
    ground = page.locator(".ground")
    whole = [float(n) for n in ground.get_attribute("viewBox").split()]
    page.get_by_role("button", name="Zoom in").click()
    assert float(ground.get_attribute("viewBox").split()[2]) == whole[2] / 2
    page.get_by_label("move the map").check()
    box = page.locator(".sky").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 60, steps=3)
    page.mouse.up()
    assert float(ground.get_attribute("viewBox").split()[0]) < whole[0] + whole[2] / 4
    page.get_by_role("button", name="Show the whole map").click()
    assert [float(n) for n in ground.get_attribute("viewBox").split()] == whole
    assert not window.answers
    assert not window.acted


@pytest_browser
def test_the_button_says_how_many_articles_it_adds(window: Watch) -> None:
    page = window.page
    page.goto("/search?q=weir")
    for box in page.locator(".hits input").all()[:2]:
        box.check()
    assert page.locator(".picking .add button").inner_text() == "Add 2 to collection"
    assert page.locator(".picking .add").evaluate("e => getComputedStyle(e).position") == "sticky"


@pytest_browser
def test_articles_that_are_in_the_collection_are_not_offered_again(window: Watch) -> None:
    page = window.page
    page.goto("/search?q=weir")
    page.evaluate("localStorage.clear()")
    page.reload()
    page.locator(".hits input").first.check()
    page.reload()
    add = page.locator(".picking .add")
    assert page.locator(".hits input").first.is_checked()
    assert add.locator("button").inner_text() == "Add to collection"
    assert add.evaluate("e => getComputedStyle(e).position") == "static"
    page.locator(".hits input").nth(1).check()
    assert add.locator("button").inner_text() == "Add 1 to collection"
    page.evaluate("localStorage.clear()")


@pytest_browser
@pytest.mark.parametrize("width", [320, 390, 768, 1280, 1920])
def test_results_fit_the_width(window: Watch, width: int) -> None:
    window.page.set_viewport_size({"width": width, "height": 900})
    for path in ("/search?q=-weir", "/search?q=tdie"):
        window.open(path)
        assert window.page.evaluate("document.documentElement.scrollWidth") <= width, path
    window.page.set_viewport_size({"width": 1280, "height": 900})
