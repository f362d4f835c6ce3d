"""Bylines at the beginning and end of a post, on pages of any size."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import archiver
from archiver.extraction.authors import find_signatures, signatures_in_text
from archiver.extraction.page import parse_page
from archiver.extraction.post_locator import locate_post
from tests.waiting import bounded_work

DEEP, MANY = 40_000, 200_000
PAGES: dict[str, Callable[[], str]] = {
    "nested-footers": lambda: "<footer class=author>" * DEEP + "by Jane Doe" + "</footer>" * DEEP,
    "nested-marks": lambda: "<div class=author-name>" * DEEP + "Jane Doe" + "</div>" * DEEP,
    "one-text": lambda: "<p>" + "by Jane Doe, " * MANY * 10 + "</p>",
    "many-boxes": lambda: "<div class='author-box'><a href=/b>The title of another post</a>Jane</div>" * DEEP,
    "many-classes": lambda: "".join(f"<i class='author{n} by-{n}'>y</i>" for n in range(MANY)),
    "gallery": lambda: "<img alt='Jane Doe' class=author>" * MANY,
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_any_size_is_read_in_time(name: str) -> None:
    page = parse_page(f"<h1>Bees</h1>{PAGES[name]()}", "https://big.example/bees")
    post = locate_post(page)
    with bounded_work():
        find_signatures(page, post)


def test_who_made_the_theme_is_named_beside_a_copyright_and_is_no_author() -> None:
    credit = "<nobr>© <span>1970 to 2020</span></nobr><nobr>Theme <a href='https://a.example/t'>Harbour</a></nobr>"
    frame = f"<aside><footer>{credit}<nobr>by&nbsp;<a href='https://a.example/doe'>Jane_doe</a></nobr></footer></aside>"
    page = f"<main><article><h1>Bees</h1><p>{'Bees fly far. ' * 30}</p></article>{frame}</main>"
    assert archiver.extract(page, "https://bees.example/far/").authors == ()


def test_a_closing_line_names_the_author_and_a_sentence_does_not() -> None:
    text = "Bees fly far.\n\n{}"
    assert [s.names for s in signatures_in_text(text.format("Written by Jane Doe, who keeps bees."))] == [("Jane Doe",)]
    assert signatures_in_text(text.format("By the end of May the hive was full.")) == []
    assert signatures_in_text(text.format("Edited by Jane Doe")) == []


@pytest.mark.parametrize(
    ("start", "names"),
    [
        ("本报讯（记者 张三）", ("张三",)),
        ("本报讯(记者张三 通讯员 李四)", ("张三", "李四")),
        ("港口日报北京5月3日电（记者张三、李四）", ("张三", "李四")),
        ("〔記者王小明／高雄報導〕", ("王小明",)),
        ("[항구=항구신문] 홍길동 기자 = ", ("홍길동",)),
        ("(서울=항구통신) 홍길동·김영희 기자 = ", ("홍길동", "김영희")),
        ("[항구신문=홍길동 기자] ", ("홍길동",)),
        ("渡轮恢复航行（记者 张三 摄）", ()),
        ("他告诉（记者张三）", ()),
        ("[항구=항구신문] ", ()),
    ],
)
def test_reporters_in_the_dateline_of_a_text(start: str, names: tuple[str, ...]) -> None:
    assert [s.names for s in signatures_in_text(f"{start}渡轮在船厂度过冬天。\n\n完。")] == ([names] if names else [])


TEXT = "<p>Паром снова ходит после зимы на верфи, сообщил начальник порта.</p>" * 5
AT_RIGHT = {
    "align": ("{}<div align=right><i>{}</i></div>", True),
    "style": ("{}<p style='text-align: right;'><strong>{}</strong></p>", True),
    "class": ("{}<p class='has-text-align-right'>{}</p>", True),
    "left": ("{}<p><i>{}</i></p>", False),
    "quotation": ("{}<blockquote><p>Море и небо.</p><p align=right>{}</p></blockquote>", False),
    "motto": ("<p align=right>{1}</p>{0}", False),
}


BOX = "<div class='author-box'><b class='author-name'>Ida Moe</b> keeps the shop.</div>"
DECLARED = "<meta name='author' content='Jane Doe'>"


@pytest.mark.parametrize(
    ("declared", "byline", "read"),
    [
        (DECLARED, "<p class='byline'>By Jane Doe</p>", False),
        (DECLARED, "<p class='byline'>By Eva Roe</p>", True),
        (DECLARED, "", True),
        ("", "<p class='byline'>By Jane Doe</p>", True),
    ],
    ids=["agreed", "two-names", "declared-only", "byline-only"],
)
def test_dates_after_the_text_are_read_until_two_sources_agree(declared: str, byline: str, read: bool) -> None:
    text = "<p>Bees fly far, and come home with what they found on the way.</p>" * 99
    post = f"<article><h1>Bees</h1>{byline}<div class='entry-content'>{text}</div>{BOX}</article>"
    evidence = archiver.extract(f"<head>{declared}</head>{post}", "https://bees.example/far").evidence
    assert read == any(e.source == "signed" and "Ida Moe" in e.value for e in evidence)
