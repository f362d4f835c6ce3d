"""Agencies and outlets that a post credits as its source, and sentences that credit none: one row per case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction.article import extract_page
from archiver.extraction.credits import (
    ROWS,
    BodyTail,
    collect_credits,
    credits_of_line,
    find_agencies,
    find_outlets,
    read_dateline,
    read_tail,
)
from archiver.extraction.page import parse_page

SOURCES = [
    ("(Reuters)", ["Reuters"]),
    ("Source: AFP", ["AFP"]),
    ("Source: https://www.wire.example/a/1", ["wire.example"]),
    ("The post is based on reports from Reuters and CNN.", ["Reuters", "CNN"]),
    ("(With inputs from PTI and ANI)", ["PTI", "ANI"]),
    ("With files from The Canadian Press", ["Canadian Press"]),
    ("Originally published on The Hilltop.", ["The Hilltop"]),
    ("Originally published at Quay Weekly on May 4, 2020.", ["Quay Weekly"]),
    ("This article first appeared in The Harbour.", ["The Harbour"]),
    ("This article is republished from The Harbour under a Creative Commons license.", ["The Harbour"]),
    ("Reprinted with permission from Quay Weekly", ["Quay Weekly"]),
    ("via The Harbour", ["The Harbour"]),
    ("Copyright 2021 The Associated Press. All rights reserved.", ["Associated Press"]),
    ("© 2021 AFP", ["AFP"]),
    ("Quelle: dpa", ["dpa"]),
    ("Die Fähre kam zu spät. (dpa)", ["dpa"]),
    ("Die Fähre kam zu spät. (dpa/lni)", ["dpa"]),
    ("Mit Material von dpa und AFP", ["dpa", "AFP"]),
    ("Dieser Artikel erschien zuerst bei Hafenblatt", ["Hafenblatt"]),
    ("Le bac est parti (avec AFP)", ["AFP"]),
    ("Cet article est paru dans Le Phare", ["Le Phare"]),
    ("Fuente: EFE", ["EFE"]),
    ("Con información de EFE y AP", ["EFE", "AP"]),
    ("Publicado originalmente en El Faro", ["El Faro"]),
    ("Com informações da Agência Brasil", ["Agência Brasil"]),
    ("Fonte: ANSA", ["ANSA"]),
    ("Bron: ANP", ["ANP"]),
    ("Źródło: PAP", ["PAP"]),
    ("Источник: ТАСС", ["ТАСС"]),
    ("По материалам ТАСС", ["ТАСС"]),
    ("Kaynak: AA", ["AA"]),
    ("Sumber: Antara", ["Antara"]),
    ("(Theo VnExpress)", ["VnExpress"]),
    ("Theo báo Thanh Niên", ["Thanh Niên"]),
    ("Nguồn: Tuổi Trẻ", ["Tuổi Trẻ"]),
    ("来源：新华社", ["新华社"]),
    ("来源:人民网", ["人民网"]),
    ("会议结束。（新华社）", ["新华社"]),
    ("（来源：央视新闻）", ["央视新闻"]),
    ("本文首发于海港周刊，转载请注明", ["海港周刊"]),
    ("转载自：海港周刊", ["海港周刊"]),
    ("出典: 共同通信", ["共同通信"]),
    ("출처: 연합뉴스", ["연합뉴스"]),
    ("المصدر: وكالات", ["وكالات"]),
    ("מקור: רויטרס", ["רויטרס"]),
]
NONE = [
    "According to Reuters, the ferry was late.",
    "По данным порта, паром опоздал.",
    "Nach Angaben von Reuters kam die Fähre zu spät.",
    "Photo: Reuters",
    "(Photo: AP)",
    "Image source: AP",
    "图片来源：新华社",
    "Ảnh: Reuters",
    "She works for the Associated Press (AP)",
    "We went via the old bridge",
    "via Rome to Naples",
    "This post was published on Monday.",
    "This story was written by a friend in 2010.",
    "This article was originally written by Ann Sand.",
    "This article was originally published in March 2022.",
    "Publicado originalmente en marzo de 2022",
    "The book is based on stories by Ann Sand.",
    "Mit Freunden",
    "Avec ma mère",
    "Theo tôi, việc này khó.",
    "Source: company filings",
    "Quelle: eigene Berechnung",
    "Nguồn: Tổng hợp",
    "来源：网络",
    "A source of joy: friends",
    "Their source: a spring under the hill, which gave water to the whole of the town and then to its mill.",
]
DATELINES = [
    ("NEW YORK (AP) — The ferry", "NEW YORK", ["AP"]),
    ("HANOI, May 4 (Reuters) - The ferry", "HANOI", ["Reuters"]),
    ("Berlin (dpa) - Die Fähre", "", ["dpa"]),
    ("(ANSA) - ROMA, 4 MAG - Il", "", ["ANSA"]),
    ("МОСКВА, 4 мая. /ТАСС/. Паром", "МОСКВА", ["ТАСС"]),
    ("新华社北京5月4日电 渡轮晚点", "", ["新华社"]),
    ("【東京共同】渡し船が遅れた", "", ["共同"]),
    ("(서울=연합뉴스) 배가 늦었다", "", ["연합뉴스"]),
    ("القاهرة (رويترز) - تأخر", "", ["رويترز"]),
    ("The British Broadcasting Corporation (BBC) - founded in 1922", "", []),
    ("The United Nations (UN) - founded in 1945", "", []),
]


@pytest.mark.parametrize(("text", "expected"), SOURCES)
def test_lines_that_name_a_source(text: str, expected: list[str]) -> None:
    assert credits_of_line(text) == expected


@pytest.mark.parametrize("text", NONE)
def test_prose_and_captions_name_no_source(text: str) -> None:
    assert credits_of_line(text) == []


@pytest.mark.parametrize(("text", "place", "known"), DATELINES)
def test_a_dateline_gives_its_place_and_agencies(text: str, place: str, known: list[str]) -> None:
    assert read_dateline(text) == (place, known)


def test_meta_lines_captions_and_the_page_s_own_declarations() -> None:
    lines = ("来源：新华网 2020-01-01", "By Reuters", "Image source: AP", "Posted by Ann Sand")
    assert collect_credits("One.\n\nTwo.", BodyTail(), lines) == ("新华网", "Reuters")
    body = "The ferry was late.\n\nThe quay at dawn. (AP)"
    assert collect_credits(body, BodyTail()) == ("AP",)
    assert collect_credits(body, BodyTail(), captions=["The quay at dawn. (AP)"]) == ()
    html = (
        "<html><head><title>Late ferry</title><meta name=ContentSource content='新华社'></head><body><article>"
        "<h1>Late ferry</h1><div class=meta><span class=source>来源：海港周刊</span></div><div class=entry-content>"
        "<p>LISBON (Reuters) - The ferry was late again, and nobody at the quay could say why.</p>"
        "<figure><img src=a.jpg><figcaption>The quay. (AFP)</figcaption></figure></div></article></body></html>"
    )
    article = extract_page(parse_page(html, "https://here.example/late"))
    assert set(article.credits) == {"Reuters", "海港周刊", "新华社"}
    assert [(t.placename, t.role) for t in article.geotags] == [("LISBON", "dateline")]


def test_ambiguous_agencies_count_only_alone() -> None:
    assert find_agencies("dpa/AFP") == ["dpa", "AFP"]
    assert find_agencies("AP and friends") == []
    assert find_agencies("AP", accept_ambiguous=False) == []
    assert find_agencies("Reuters", accept_ambiguous=False) == ["Reuters"]


def test_every_language_has_a_label() -> None:
    labelled = {r.language for r in ROWS if r.form == "label"}
    assert labelled >= {"en", "de", "fr", "es", "ru", "vi", "zh", "ja", "ko", "ar", "he"}


@given(st.text(max_size=300))
def test_any_text_gives_short_names_without_an_error(text: str) -> None:
    for one in (
        *credits_of_line(text),
        *find_outlets(text),
        *collect_credits(text, read_tail(text)),
        *read_dateline(text)[1],
    ):
        assert 2 <= len(one) <= 60
        assert "\n" not in one
