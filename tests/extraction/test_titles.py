"""Titles: removal of the site's name, and the choice among several candidates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver import extract
from archiver.extraction import candidates
from archiver.extraction.page import parse_page
from archiver.extraction.post_locator import names_in_headings, title_in_url, title_similarity
from archiver.extraction.titles import repair_mojibake_title, restore_lost_characters, without_section, without_site
from archiver.model.items import Candidate


@pytest.mark.parametrize(
    ("title", "names", "host", "path", "bare"),
    [
        ("The ferry moves | Harbour News", ["Harbour News"], "h.example", "/a", "The ferry moves"),
        ("Harbour News: The ferry moves", ["Harbour News"], "h.example", "/a", "The ferry moves"),
        ("The ferry moves | Lumo", [], "www.drinklumo.example", "/a", "The ferry moves"),
        ("The ferry moves | Blog | Quay Street", [], "quaystreet.example", "/blog/a", "The ferry moves"),
        ("The ferry moves | District", [], "h.example", "/district/12", "The ferry moves"),
        ("The ferry moves - a report", [], "h.example", "/a", "The ferry moves - a report"),
        ("The ferry moves | WHA", ["World Harbour Awards"], "h.example", "/a", "The ferry moves"),
        ("The ferry moves | NATO", ["World Harbour Awards"], "h.example", "/a", "The ferry moves | NATO"),
        ("The ferry moves | Lumo.example", [], "blog.lumo.example", "/a", "The ferry moves"),
        ("The ferry moves – Lumo – Lumo", ["Lumo"], "h.example", "/a", "The ferry moves"),
        ("Introducing the ferry of Lumo", ["Lumo"], "h.example", "/a", "Introducing the ferry of Lumo"),
        ("Introducing the ferry of Lumo | Lumo", ["Lumo"], "h.example", "/a", "Introducing the ferry of Lumo"),
        ("Lumo The ferry moves", ["Lumo"], "h.example", "/the-ferry-moves", "The ferry moves"),
        ("Lumo moves the ferry", ["Lumo"], "h.example", "/lumo-moves-the-ferry", "Lumo moves the ferry"),
        ("Ferry - Harbour", ["Harbour"], "h.example", "/a", "Ferry"),
        ("| Harbour News", ["Harbour News"], "h.example", "/a", ""),
        ("| Notes from the harbour", [], "h.example", "/a", ""),
        ("Harbour News -", ["Harbour News"], "h.example", "/a", ""),
        ("Harbour News", ["Harbour News"], "h.example", "/a", "Harbour News"),
    ],
)
def test_the_name_of_the_site_is_removed(title: str, names: list[str], host: str, path: str, bare: str) -> None:
    assert without_site(title, names, host, path) == bare


_PAGE = """<html lang="en"><head><title>{title}</title></head><body><h1>{first}</h1><p><a href="/">Home</a></p>
<div class="{kind}">{heading}<p>12 March 2024</p><p>The ferry moves to the north quay on Monday, since the old pier is
closed for repairs until June, and the new timetable hangs at both landings.</p></div></body></html>"""
_MOVES, _NAME = "The ferry moves north", "Quayside Notes"


@pytest.mark.parametrize(
    ("title", "first", "heading", "path", "expected"),
    [
        (f"{_MOVES} - {_NAME}", _NAME, "", "/2024/the-ferry-moves-north.html", _MOVES),
        (f"{_NAME}: {_MOVES}", _NAME, "", "/2024/the-ferry-moves-north/", _MOVES),
        (f"{_MOVES} | {_NAME}", _NAME, f"<h2>{_MOVES}</h2>", "/2024/17", _MOVES),
        (f"渡し船が北へ移る | {_NAME}", _NAME, "<h2>渡し船が北へ移る</h2>", "/2024/17", "渡し船が北へ移る"),
        (f"{_NAME} - {_MOVES}", _MOVES, f"<h2>{_NAME}</h2>", "/2024/the-ferry-moves-north", _MOVES),
        (f"{_MOVES} - {_NAME}", _MOVES, "", "/quayside-notes/the-ferry-moves-north", _MOVES),
    ],
)
def test_a_first_heading_with_the_name_of_the_site_is_not_the_title(
    title: str, first: str, heading: str, path: str, expected: str
) -> None:
    page = _PAGE.format(title=title, first=first, kind="post", heading=heading)
    assert extract(page.encode(), f"http://quay.example{path}").title == expected


_BANNER = """<html lang="en"><head><title>{title}</title></head><body>{banner}
<div class="text"><h2>{heading}</h2><p>12 March 2024</p><p>The ferry moves to the north quay on Monday, since the old
pier is closed for repairs until June, and the new timetable hangs at both landings.</p></div></body></html>"""
_MENU = '<nav><a href="/posts/">Posts</a><a href="/about/">About</a></nav>'


@pytest.mark.parametrize("title", [f"{_MOVES} - {_NAME}", f"{_NAME} | {_MOVES}", f"{_MOVES} - Ferries - {_NAME}"])
@pytest.mark.parametrize(
    ("banner", "is_name"),
    [
        (f"<header><h1>{_NAME}</h1>{_MENU}</header>", True),
        (f"<header><h2>{_NAME}</h2>{_MENU}</header>", True),
        (f"<header><h2>{_NAME}</h2></header>{_MENU}", False),
    ],
)
def test_a_heading_above_the_menu_that_title_has_beside_a_heading_below_is_the_name(
    title: str, banner: str, is_name: bool
) -> None:
    page = parse_page(_BANNER.format(title=title, banner=banner, heading=_MOVES), "http://quay.example/17")
    assert (_NAME in names_in_headings(page)) is is_name


def test_a_title_that_the_page_also_gives_as_the_name_of_the_application_is_no_name_of_the_site() -> None:
    head = (
        '<meta property="og:site_name" content="Quay Street"><meta property="og:title" content="The ferry moves">'
        '<meta name="application-name" content="The ferry moves"><title>The ferry moves | Quay Street</title>'
    )
    page = (
        f"<html><head>{head}</head><body><article><h1>The ferry moves</h1><p>{'It moved. ' * 40}</p></article></body>"
    )
    assert extract(page, "https://a.example/b/").title == "The ferry moves"
    assert parse_page(page, "https://a.example/b/").data.names_of_site() == ["Quay Street"]


def test_mojibake_in_a_title_is_repaired() -> None:
    assert repair_mojibake_title("The harbour\u00e2\u0080\u0099s ferry") == "The harbour\u2019s ferry"
    assert repair_mojibake_title("Caf\u00e9 \u00c2ge") == "Caf\u00e9 \u00c2ge"


@pytest.mark.parametrize(
    ("text", "declared", "whole"),
    [
        ("The ferry?s pier", "The ferry\u2019s pier", "The ferry\u2019s pier"),
        ("The ferry\ufffds pier", "The ferry\u2019s pier", "The ferry\u2019s pier"),
        ("Who moved? The ferry", "Who moved: the ferry", "Who moved? The ferry"),
        ("Who moved it?", "Who moved it", "Who moved it?"),
        ("The ferry?s pier", "The ferry and its pier", "The ferry?s pier"),
        ("?" * 300, "The ferry", "?" * 300),
    ],
)
def test_signs_lost_in_a_heading_are_restored(text: str, declared: str, whole: str) -> None:
    assert restore_lost_characters(text, [declared]) == whole


def test_a_section_after_a_heading_is_removed_if_no_declaration_has_it() -> None:
    declared = {"theferrymoves"}
    assert without_section("The ferry moves | Comment", declared, "") == "The ferry moves"
    assert without_section("The ferry | moves", declared, "") == "The ferry | moves"
    assert without_section("Quay: the ferry moves", declared, "the ferry moves") == "Quay: the ferry moves"
    assert without_section("The ferry moves | and more", {*declared, "theferrymovesandmore"}, "") == (
        "The ferry moves | and more"
    )


def shown(value: str, source: str = "heading") -> Candidate[str]:
    return Candidate(value, source, "h1", 0.7, True)


def declared(value: str) -> Candidate[str]:
    return Candidate(value, "meta", "og:title", 0.72)


def test_the_heading_wins_over_titles_for_search_engines() -> None:
    found = [shown("The island ferry leaves from pier two"), declared("Island Ferry 2021: Pier Guide")]
    assert candidates.resolve_title(found, set(), "/news/8841") is found[0]


def test_the_address_confirms_a_title() -> None:
    found = [shown("Reach the island: our tips"), declared("Five ways to reach the island")]
    assert candidates.resolve_title(found, set(), "/five-ways-to-reach-the-island") is found[1]


@pytest.mark.parametrize("written", ["Ferry Moves | Pier Guide", "Ferry moves, pier guide ..."])
def test_a_cut_or_extended_title_is_not_chosen(written: str) -> None:
    found = [shown("The ferry moves to the second pier: what to know"), declared(written)]
    assert candidates.resolve_title(found, set(), "/ferry-moves-pier-guide") is found[0]


def test_the_address_must_clearly_match() -> None:
    found = [shown("The ferry moves to pier two until autumn"), declared("The ferry moves to pier two")]
    assert candidates.resolve_title(found, set(), "/the-ferry-moves-to-pier-two-in-may-2021") is found[0]


def test_a_heading_unlike_the_declared_title_loses() -> None:
    found = [shown("Comments"), declared("Five ways to reach the island")]
    assert candidates.resolve_title(found, set(), "/1") is found[1]


def test_without_a_heading_the_declared_headline_is_chosen() -> None:
    headline = Candidate("Reach the island: our tips", "json-ld", "headline", 0.8)
    found = [headline, declared("Five ways to reach the island")]
    found.append(Candidate("Five ways to reach the island", "head", "title", 0.6))
    assert candidates.resolve_title(found, set(), "/1") is headline
    cut = Candidate("Reach the island: our ...", "json-ld", "headline", 0.8)
    assert candidates.resolve_title([cut, *found[1:]], set(), "/1") is found[1]


def test_a_post_may_have_no_title() -> None:
    found = [shown("", "platform"), declared("A weblog")]
    chosen = candidates.resolve_title(found, set(), "/1")
    assert chosen is not None
    assert chosen.value == ""


@given(st.text(max_size=60), st.text(max_size=60))
def test_similarity_is_symmetric_and_between_0_and_1(one: str, other: str) -> None:
    assert 0.0 <= title_similarity(one, other) <= 1.0
    assert title_similarity(one, other) == title_similarity(other, one)
    assert 0.0 <= title_in_url(one, other) <= 1.0
