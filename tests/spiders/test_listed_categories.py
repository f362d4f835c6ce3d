"""Categories that only the site's lists of posts show are stored with their posts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from tests.spiders.crawling import archiver, rows
from tests.spiders.site_server import Answer, Pages, page, serving
from tests.spiders.test_faults import counts

CATEGORIES = {0: "Harbour", 1: "Lights", 2: "Harbour", 3: "Nets"}


def listing(categories: Mapping[int, str], links: str = "") -> Answer:
    """Return a list of posts, in which each is a card with its category."""
    cards = "".join(
        f'<article><a href="/category/{name.lower()}/">{name}</a><h2><a href="/entry-{number}/">Entry {number}</a></h2>'
        "<p>The boats came in late.</p></article>"
        for number, name in categories.items()
    )
    return Answer(
        f'<html lang="en"><head><title>The Test Blog</title></head><body><main>{cards}</main>'
        f'<ul>{links}<li><a href="/category/other/">Other</a></li></ul></body></html>'.encode()
    )


def blog(home: Answer) -> Pages:
    posts = {f"/entry-{n}/": page(f"Entry {n}", date=f"2024-05-0{n + 1}") for n in CATEGORIES}
    return {
        "/robots.txt": Answer(b"User-agent: *\nAllow: /\n", headers={"Content-Type": "text/plain"}),
        "/": home,
    } | posts


def stored(archive: Path) -> dict[str, list[str]]:
    return {title: json.loads(names) for title, names in rows(archive, "select title, categories from articles")}


EXPECTED = {f"Entry {number}": [name] for number, name in CATEGORIES.items()}


def test_a_post_has_the_category_that_stands_beside_it_in_a_list(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(blog(listing(CATEGORIES))) as site:
        counts(site.url, archive=archive)
        assert stored(archive) == EXPECTED
        shown = archiver("show", f"{site.url}entry-1/", "--evidence", archive=archive).stdout
    assert re.search(r"Lights +listing", shown)


def test_it_survives_re_extraction(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(blog(listing(CATEGORIES))) as site:
        counts(site.url, archive=archive)
    assert "0 changed" in archiver("reextract", archive=archive).stdout
    assert stored(archive) == EXPECTED


def test_a_list_that_is_read_after_its_posts_gives_them_their_category_and_no_revision(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    plain = "".join(f'<li><a href="/entry-{n}/">Entry {n}</a></li>' for n in CATEGORIES)
    pages = blog(listing({}, f'{plain}<li><a href="/author/ann/">Ann</a></li>'))
    with serving(pages | {"/author/ann/": listing(CATEGORIES)}) as site:
        counts(site.url, archive=archive)
        assert site.requests.index("/author/ann/") > site.requests.index("/entry-3/")
    assert stored(archive) == EXPECTED
    assert rows(archive, "select max(revision) from articles") == [(1,)]
    assert "0 changed" in archiver("reextract", archive=archive).stdout


def test_the_category_on_the_post_s_own_page_wins(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = blog(listing(CATEGORIES))
    pages["/entry-1/"] = page("Entry 1", tail="", head='<meta property="article:section" content="Tides">')
    with serving(pages) as site:
        counts(site.url, archive=archive)
    assert stored(archive)["Entry 1"] == ["Tides"]


def test_another_category_in_the_list_belongs_to_the_next_capture(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = blog(listing(CATEGORIES))
    with serving(pages) as site:
        counts(site.url, archive=archive)
        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)
        pages["/"] = listing(CATEGORIES | {1: "Tides"})
        counts(site.url, archive=archive)
        assert stored(archive)["Entry 1"] == ["Lights"]
        pages["/entry-1/"] = page("Entry 1", "The tide was high and the quay was under water for an hour. " * 8)
        counts(site.url, "--full", archive=archive)
    assert stored(archive)["Entry 1"] == ["Tides"]
    archiver("reextract", archive=archive)
    shown = json.loads(archiver("show", f"{site.url}entry-1/", "--revision", "1", "--json", archive=archive).stdout)
    assert shown["categories"] == ["Lights"]


def test_a_list_makes_no_post_of_a_page_beside_which_it_shows_a_category(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    cards = listing(CATEGORIES).body.decode().replace("Entry 3", "About us").replace("/entry-3/", "/about/")
    pages = blog(Answer(cards.encode()))
    text = "<p>We write about boats, and have done so for a long time.</p>" * 9
    pages["/about/"] = Answer(f"<html lang=en><title>About us</title><h1>About us</h1>{text}</html>".encode())
    with serving(pages) as site:
        counts(site.url, archive=archive)
    assert "About us" not in stored(archive)
    assert rows(archive, "select outcome from pages where url like '%/about/'") == [("not-article",)]


def test_the_list_of_a_category_gives_it_to_its_posts_but_not_to_those_in_its_sidebar(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    titles = [f'<h2><a href="/entry-{n}/">Entry {n}</a></h2>' for n in CATEGORIES]
    menu = '<a href="/category/harbour/">The harbour</a>'
    home = Answer(f"<html lang=en><title>Quay</title>{menu}<main>{''.join(titles)}</main></html>".encode())
    harbour = f"{menu}<main>{titles[0]}{titles[2]}</main><aside class=recent-posts>{titles[3]}</aside>"
    pages = blog(home) | {"/category/harbour/": Answer(f"<html lang=en><title>Quay</title>{harbour}</html>".encode())}
    with serving(pages) as site:
        counts(site.url, archive=archive)
    assert stored(archive) == {"Entry 0": ["The harbour"], "Entry 1": [], "Entry 2": ["The harbour"], "Entry 3": []}
