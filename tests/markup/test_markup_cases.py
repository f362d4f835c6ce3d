"""Runs every folder of tests/cases/markup: page.html, case.json (its URL), and expected.md, the article in Markdown.

The pages have the markup of publishing software: some were built with it, others follow pages of its kind.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import nh3
import pytest

from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.markup.text_marks import pack_marks, unpack_marks
from archiver.model.items import Article
from tests.markup.read_again import read_html

CASES = Path(__file__).parent.parent / "cases" / "markup"
FOLDERS = sorted(path.parent for path in CASES.glob("*/expected.md"))
INLINE = ("strong", "em", "code", "kbd", "del", "ins", "mark", "q", "sup", "sub", "ruby")
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = ("blockquote", "div", "dl", "figcaption", "figure", "pre", "table", "tr", "ul", "ol", "br", "hr", "rp", "rt")
NAMED = {**{key: {"id"} for key in (*INLINE, *HEADINGS, "p", "li", "dt", "dd")}, "a": {"href", "id", "rel", "class"}}
SPANS = {"align", "colspan", "rowspan"}
ATTRIBUTES = NAMED | {
    "code": {"class", "id"},
    "img": {"src", "alt", "loading"},
    "ol": {"start", "reversed", "type"},
    "li": {"id", "value"},
    "abbr": {"id", "title"},
    "span": {"id", "class"},
    "td": SPANS,
    "th": SPANS,
}
TAGS = {*BLOCKS, *ATTRIBUTES}


@lru_cache(maxsize=1)
def read(folder: Path) -> Article:
    case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    return extract_page(parse_page((folder / "page.html").read_bytes(), case["url"]))


case_folders = pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])


@case_folders
def test_the_article_has_the_structure_of_its_page(folder: Path) -> None:
    expected = (folder / "expected.md").read_text(encoding="utf-8")
    assert f"{read(folder).markdown}\n" == expected


@case_folders
def test_the_html_has_only_harmless_elements(folder: Path) -> None:
    html = read(folder).html
    assert nh3.clean(html, tags=TAGS, attributes=ATTRIBUTES, link_rel=None) == html


@case_folders
def test_the_html_read_again_is_the_same_text_with_the_same_marks(folder: Path) -> None:
    article = read(folder)
    again = read_html(article.html, article.url)
    assert (again.text, again.markup) == (article.body, article.markup)


@case_folders
def test_the_marks_are_stored_and_read_again(folder: Path) -> None:
    article = read(folder)
    assert unpack_marks(pack_marks(article.markup), len(article.body)) == article.markup


def test_there_are_cases() -> None:
    assert len(FOLDERS) >= 60
