"""Which elements belong to the body, and which do not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from lxml.etree import fromstring

from archiver.extraction.body import body_of_html, extract_body, render_container
from archiver.extraction.boilerplate import boilerplate_word, ends_the_post, is_notice, points_to_other_page
from archiver.extraction.bylines import BylineBlock
from archiver.extraction.page import parse_page
from archiver.extraction.post_locator import Post, locate_post

URL = "https://example.org/a"
PROSE = "The ferry did not sail on Monday, because the captain had lost his keys in the harbour."


def read(html: str, title: str = "") -> str:
    page = parse_page(html, URL)
    return extract_body(page, locate_post(page), title, BylineBlock()).text


def test_a_container_is_rendered_with_the_usual_and_extra_pruning() -> None:
    page = parse_page(
        f"<div id=t><p>{PROSE}</p><div class=share>Tweet</div><p class=x>Our shop is open.</p></div>", URL
    )
    post = locate_post(page)
    top = page.index.select("#t")[0]
    assert render_container(page, post, top, "", BylineBlock()).text == f"{PROSE}\n\nOur shop is open."
    assert render_container(page, post, top, "", BylineBlock(), ["p.x"]).text == PROSE


def test_the_byline_in_the_footer_of_a_short_post_is_not_its_text() -> None:
    footer = """<footer><p><time datetime="2022-05-08">8 May 2022</time></p>
<address>By <a href="/author/ada">Ada Fenwick</a></address></footer>"""
    page = parse_page(f"<main><article><h2>Closed</h2><p>The oven rests.</p>{footer}</article></main>", URL)
    (main,) = page.index.tag("main")
    post = Post(page, body=main, holder=main)
    assert render_container(page, post, main, "Closed", BylineBlock()).text == "The oven rests."


@pytest.mark.parametrize("names", ["share-bar", "ShareBar_bar__k2", "author_bio", "PostMeta", "post__meta"])
def test_boilerplate_names_are_recognised_in_every_spelling(names: str) -> None:
    assert boilerplate_word(fromstring(f'<div class="{names}"/>'))


@pytest.mark.parametrize(
    "names", ["entry-content", "with-sidebar", "no-comments", "has-share", "adventure", "navy", "kommentar"]
)
def test_similar_names_are_not_boilerplate(names: str) -> None:
    assert not boilerplate_word(fromstring(f'<div class="{names}"/>'))


def test_a_name_around_most_of_the_text_is_ignored() -> None:
    html = "<h1>T</h1>" + "".join(f'<div class="nav-section"><p>{PROSE} {n}.</p></div>' for n in range(6))
    assert read(html).count("The ferry did not sail") == 6


def test_prose_between_title_and_container_is_included() -> None:
    lead = "Four people waited on the quay from dawn, and nobody told them why."
    more = "In the end they walked around the bay, which takes three hours, and had soup on the other side."
    html = (
        f"<div><header><h1>No ferry</h1><p>{lead}</p></header><div class='article-body'><p>{PROSE}</p>"
        f"<p>{more}</p></div></div>"
    )
    assert read(html, "No ferry").startswith(f"{lead}\n\n{PROSE}")


def test_an_unclosed_navigation_does_not_swallow_the_page() -> None:
    html = f"<body><header><nav><a href=/>Home</a><div><h1>T</h1><p>{PROSE}</p><p>{PROSE[:-1]} today.</p></div></body>"
    assert PROSE in read(html, "T")


def test_the_declared_text_is_the_last_resort() -> None:
    node = f'{{"@type":"NewsArticle","headline":"T","author":"A","articleBody":"{PROSE}"}}'
    assert read(f'<script type="application/ld+json">{node}</script><body><div></div></body>') == PROSE


def test_short_lines_of_a_feeds_text_are_kept() -> None:
    assert body_of_html("<p>Hm.</p><ul><li>a</li></ul>", URL).text == "Hm.\n\na"


@pytest.mark.parametrize(
    "text",
    ["Advertisement", "4 min read", "Photo: Ida Brandt", "Share this:", "Sign up for our newsletter", "Werbung",
     "PAYLAŞ", "ETİKETLER: tarih", "FOTO: Ida Brandt",
     "Il vous reste 62 % de cet article à lire. La suite est réservée aux abonnés.", "Log in to continue reading",
     "Dieser Artikel ist nur für Abonnenten.", "この記事は有料会員限定です",
     "ⓒ 등대신문, 무단 전재 및 재배포 금지", "ida@quay.example",
     "Реклама", "标签：历史", "シェアする", "This post may contain affiliate links.", "Last updated on March 3, 2021"],
)  # fmt: skip
def test_notices_are_recognised(text: str) -> None:
    assert is_notice(text)


@pytest.mark.parametrize(
    "text",
    ["The share fell by four percent.", "Photographs fade when the sun falls on them.", "More than forty people came.",
     "Print is not dead, said the printer, and took off his apron.", "Tags are small pieces of cardboard.", "Read."],
)  # fmt: skip
def test_sentences_are_not_notices(text: str) -> None:
    assert not is_notice(text)


def test_links_to_other_posts_and_headings_that_end_a_post() -> None:
    assert points_to_other_page("Read also: Swifts in the bell tower")
    assert points_to_other_page("Читайте также: Стрижи")
    assert not points_to_other_page("Read also the small print, he said.")


@pytest.mark.parametrize(
    "text",
    [
        "Baca juga: Sungai meluap", "Zobacz też: Wilk w mieście", "Διαβάστε επίσης: Βροχές", "यह भी पढ़ें: बाजार",
        "আরও পড়ুন: বাজার", "مزید پڑھیں: بازار", "相关阅读：灯塔", "【関連記事】：漁船", "Lue myös: Satama",
    ],
)  # fmt: skip
def test_the_words_before_another_post_are_known_in_many_languages(text: str) -> None:
    assert points_to_other_page(text)


def test_a_word_that_only_begins_like_them_is_text() -> None:
    assert not points_to_other_page("Mehr dazulernen will sie: im Herbst beginnt der Kurs.")
    ends = ("Related posts", "You may also like", "Leave a comment", "关于作者", "相关阅读", "関連記事",
            "Похожие записи", "مقالات ذات صلة", "תגובות", "Über den Autor", "À lire aussi",
            "Artículos relacionados")  # fmt: skip
    for text in ends:
        assert ends_the_post(text), text
    for text in ("Relatedness", "Results", "The author of the letter", "Next steps", "How we measured"):
        assert not ends_the_post(text), text


@pytest.mark.parametrize(
    "line", ["March 12, 2021", "At 14:30 on March 12, 2021 the ferry left the quay without a captain."]
)
def test_a_day_or_a_sentence_with_a_time_may_be_the_start_of_a_text(line: str) -> None:
    page = f"<body><h1>The quay</h1><div class='x'><p>{line}</p><p>{PROSE}</p><p>{PROSE[::-1]}</p></div></body>"
    assert read(page, "The quay").startswith(line)


SHORT = "The lamp on the outer pier is lit again, and the boats came home before the fog did."
OTHERS = (
    (
        "/a/41",
        "The oyster stall moves",
        "From June on, the stall with the green awning stands in front of the church...",
    ),
    ("/a/38", "Two new benches", "The parish paid for one of them, and nobody wants to say who paid for the other..."),
    ("https://www.example.org/a/27", "A goose on the weir", "It has been there since Sunday, and traffic has not..."),
)


def in_items(label: str) -> str:
    items = "".join(f"<li><a href='{url}'>{name}</a><br>{teaser}</li>" for url, name, teaser in OTHERS)
    return f"<div class=x><h4>{label}</h4><ul>{items}</ul></div>"


def in_cards(label: str) -> str:
    cards = "".join(
        f"<div><h5><a href='{url}'>{name}</a></h5><span>3 May</span><p>{teaser}</p></div>"
        for url, name, teaser in OTHERS
    )
    return f"<div class=x><p><b>{label}</b></p><div>{cards}</div></div>"


def without_box(label: str) -> str:
    items = "".join(f"<li>3 May: <a href='{url}'>{name}</a> {teaser}</li>" for url, name, teaser in OTHERS)
    return f"<p><strong>{label}</strong></p><ul>{items}</ul>"


def with_breaks(label: str) -> str:
    return f"<p><b>{label}</b><br>" + "<br>".join(f"<a href='{url}'>{name}</a>" for url, name, _ in OTHERS) + "</p>"


def below_a_linked_heading(label: str) -> str:
    return in_items(f"<a href='/a/'>{label}</a>")


@pytest.mark.parametrize("block", [in_items, in_cards, without_box, with_breaks, below_a_linked_heading])
@pytest.mark.parametrize("paragraphs", [1, 2, 3, 8])
def test_a_labelled_list_of_other_posts_is_no_text_whatever_the_length_of_the_post(
    paragraphs: int, block: Callable[[str], str]
) -> None:
    text = [f"{SHORT} That was on day {n}." for n in range(paragraphs)]
    html = f"<table><tr><td><h1>T</h1>{''.join(f'<p>{p}</p>' for p in text)}{block('Read also')}</td></tr></table>"
    assert read(html, "T") == "\n\n".join(text)


@pytest.mark.parametrize(
    "label",
    ["Leia também", "Veja também:", "Lesen Sie auch", "Lire aussi", "Читайте также", "相关阅读", "관련 기사", "Zie ook",
     "اقرأ أيضا", "Artículos relacionados", "Похожие записи", "Ähnliche Beiträge", "Σχετικά άρθρα", "İlgili haberler",
     "संबंधित खबरें", "บทความที่เกี่ยวข้อง", "More stories"],
)  # fmt: skip
def test_the_label_of_a_list_of_other_posts_decides_in_many_languages(label: str) -> None:
    assert read(f"<article><h1>T</h1><p>{SHORT}</p>{in_items(label)}</article>", "T") == SHORT


def test_a_list_of_other_posts_between_paragraphs_is_no_text() -> None:
    html = f"<article><h1>T</h1><p>{SHORT}</p>{in_items('Lees ook')}<p>{PROSE}</p></article>"
    assert read(html, "T") == f"{SHORT}\n\n{PROSE}"


@pytest.mark.parametrize("block", [in_items, in_cards])
def test_a_list_of_other_posts_beside_a_text_that_is_shorter_than_it_is_not_the_text(
    block: Callable[[str], str],
) -> None:
    html = f"<div id=a><h1>T</h1><div id=b><p>{SHORT}</p></div></div><div id=c>{block('Leggi anche')}</div>"
    assert read(html, "T") == SHORT


REFERENCES = (
    "<h4>See also</h4><ul><li><a href='https://lamps.example/1'>The lamps of Ålund</a>, by Ida Brandt, a book about "
    "the keepers of the pier</li><li><a href='https://fog.example/2'>Fog horns</a>, with a map of all</li></ul>"
)
ONE_LINK = f"<div><p><b>See also</b></p><p><a href='/a/41'>The oyster stall</a></p><p>{PROSE} It rained, too.</p></div>"


@pytest.mark.parametrize(
    ("list_of_links", "kept"),
    [
        (REFERENCES, "Fog horns, with a map of all"),
        (ONE_LINK, "in the harbour. It rained, too."),
        (in_items("What you can see from the pier"), "who paid for the other..."),
    ],
    ids=["references to other sites", "a paragraph below one link", "another label"],
)
def test_a_list_that_may_be_text_of_the_post_is_kept(list_of_links: str, kept: str) -> None:
    text = "".join(f"<p>{PROSE} That was on day {n}, and on the day after it they were found.</p>" for n in range(4))
    assert kept in read(f"<article><h1>T</h1><p>{SHORT}</p>{list_of_links}{text}</article>", "T")


def test_a_list_that_is_all_that_a_post_says_is_kept() -> None:
    assert "The oyster stall moves" in read(f"<article><h1>T</h1>{in_items('More articles')}</article>", "T")
