"""The layout of a page: blocks in reading order, and the spans of elements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml.etree import _Element as Element

from archiver.extraction.blocks import BlockLayout, covered_total, lay_out, text_width, written_text
from archiver.extraction.page import parse_page
from tests.waiting import bounded_work

URL = "https://example.org/"


def top_of(html: str) -> Element:
    page = parse_page(html, URL)
    return next(iter(page.index.tag("body")), page.root)


def read(html: str) -> BlockLayout:
    return lay_out(top_of(html))


def text_of(layout: BlockLayout) -> str:
    return written_text(layout.blocks, layout)


def test_two_breaks_separate_paragraphs_and_one_ends_a_line() -> None:
    assert text_of(read("<div>a<br>b<br> <br/>\nc<br><br><br>d</div>")) == "a\nb\n\nc\n\nd"


def test_a_layout_table_is_not_read_as_a_table() -> None:
    html = "<table><tr><td>menu</td><td><h1>T</h1><p>One.</p><p>Two.</p></td></tr></table>"
    assert text_of(read(html)) == "menu\n\nT\n\nOne.\n\nTwo."
    boxes = "<div><div>3 May</div><div>T</div><div><p>One.</p></div></div>"
    assert text_of(read(f"<table><tr><td>menu</td><td>{boxes}</td></tr></table>")) == "menu\n\n3 May\n\nT\n\nOne."
    head, row = "<thead><tr><th>a</th><th>b</th></tr></thead>", "<tbody><tr><td>1</td><td>2<br>3</td></tr></tbody>"
    assert text_of(read(f"<table>{head}{row}</table>")) == "a | b\n1 | 2 3"


def test_links_and_wide_letters_are_measured() -> None:
    (block,) = read('<p>one <a href="/x">two</a> three</p>').blocks
    assert (block.size, block.linked) == (13.0, 3.0)
    assert text_width("ab") == 2.0
    assert text_width("渡口") == 5.0
    assert text_width("кот") == 3.0


def test_text_after_a_skipped_element_is_kept() -> None:
    page = parse_page("<p>a<span class='x'>gone</span>b</p><script>no()</script>c", URL)
    body = page.index.tag("body")[0]
    assert text_of(lay_out(body, set(page.index.select(".x")))) == "ab\n\nc"


def test_code_keeps_its_lines_and_its_indent() -> None:
    assert text_of(read("<p>x</p><pre>if a:\n    <b>b</b>()\n</pre>")) == "x\n\nif a:\n    b()"


def test_nested_spans_are_counted_once() -> None:
    sums = [0.0, 1.0, 3.0, 6.0, 10.0]
    assert covered_total([(0, 2), (1, 2), (3, 4), (1, 3)], sums) == 10.0
    assert covered_total([], sums) == 0.0


PIECES = st.sampled_from(
    ["<p>", "</p>", "<div>", "</div>", "<ul><li>", "</li></ul>", "<table><tr><td>", "</td></tr></table>", "<pre>",
     "</pre>", "<a href=x>", "</a>", "<br>", "<x-y>", "</x-y>", "<h2>", "</h2>", "<form>", "<svg>", "<td>", "word ",
     "Ein Satz. ", "渡口。"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=40))
def test_spans_nest_and_numbers_are_in_range(pieces: list[str]) -> None:
    top = top_of("".join(pieces) or "<p>")
    plan = lay_out(top)
    assert plan.spans[top] == (0, len(plan.blocks))
    for el, (lo, hi) in plan.spans.items():
        assert 0 <= lo <= hi <= len(plan.blocks)
        parent = el.getparent()
        while parent is not None and parent not in plan.spans:
            parent = parent.getparent()
        if el is not top and parent is not None:
            outer = plan.spans[parent]
            assert outer[0] <= lo
            assert hi <= outer[1]
    assert all(0.0 <= b.linked <= b.size and b.text.strip() for b in plan.blocks)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 60_000 + "x",
        "<table><tr><td>" * 15_000 + "x",
        "<ul><li>" * 30_000 + "x",
        "<span>" * 60_000 + "x",
        "<p class='share related-posts'>A sentence that is long enough to count as prose, here and now.</p>" * 20_000,
        "<p " + " ".join(f"a{n}=1" for n in range(100_000)) + ">x",
        "<div>" + "a <a href=x>b</a> " * 100_000,
    ],
)
def test_pages_built_to_be_slow_are_read_in_time(html: str) -> None:
    top = top_of(html)
    with bounded_work():
        lay_out(top)
