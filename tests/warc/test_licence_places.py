"""What a link with rel=license is about, by its place on the page."""

from __future__ import annotations

import pytest
from lxml import html

from archiver.datasets.publication_rules import Tier, decide_tier
from archiver.platforms.selector_index import Index
from archiver.politeness.robots import statements_of_page

URL = "https://e.test/a/post"
BY = '<a rel="license noopener" href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>'
BADGE = (
    '<a rel="license" href="https://creativecommons.org/licenses/by/4.0/"><img alt="Creative Commons License" '
    'src="https://i.test/by/88x31.png"></a>'
)
PARAGRAPH = "<p>The ferry was late again, and nobody on the quay was surprised. " + "It rained. " * 30 + "</p>"
IMAGE = '<img src="/quay.jpg" alt="The quay">'


def page(post: str = "", beside: str = "", footer: str = "", head: str = "") -> str:
    """A page in the usual layout; its footer reserves all rights."""
    return (
        f"<!doctype html><html><head><title>Late</title>{head}</head><body><header><nav>Home</nav></header>"
        f"<div class='with-sidebar'><main><article><h1>Late again</h1>{PARAGRAPH}{post}</article></main>{beside}</div>"
        f"<footer><p>Text © 2024 The Quay. All rights reserved.</p>{footer}</footer></body></html>"
    )


OF_TEXT = {
    "head": page(head='<link rel="license" href="https://creativecommons.org/licenses/by/4.0/">'),
    "footer": page(footer=f"<p>This site is under {BY}.</p>"),
    "footer, but for the photos": page(footer=f"<p>Text {BY}, photos all rights reserved.</p>"),
    "footer, with an exception": page(footer=f"<p>Except for photos, this work is licensed under {BY}.</p>"),
    "footer with a badge": page(footer=f"<div>{BADGE}<br>This work is licensed under a {BY} license.</div>"),
    "footer with widgets": page(footer=f"<aside class='widget-area'><section class='widget'>{BADGE}</section></aside>"),
    "footer by its class": page(beside=f"<div id='site-footer'><small>Content: {BY}</small></div>"),
    "end of the post": page(post=f"<p>This article is licensed under {BY}.</p>"),
    "footer of the post": page(post=f"<footer>{IMAGE} by Ada</footer><footer>Licensed under {BY}</footer>"),
    "badge in the post": page(post=f"<p>{BADGE}</p>"),
    "badge beside the link": page(post=f"<p><img src='/img/by-sa.svg'> {BY}</p>"),
    "paragraph with a picture": page(post=f"<div>{IMAGE}{PARAGRAPH}<p>{BY}</p></div>"),
    "microdata of the article": page(post=f"<div itemscope itemtype='https://schema.org/Article'>{BY}</div>"),
    "post by its class": (
        f"<html><body><div class='sidebar'>Links</div><div class='hentry post'><h1>Late</h1>{PARAGRAPH}{BY}</div>"
    ),
    "page without layout": f"<html><body><h1>Late again</h1>{PARAGRAPH}<p>Licence: {BY}</p></body></html>",
    "broken head": f"<html><head><div></div><link rel=license href='https://creativecommons.org/licenses/by/4.0/'></head>"
    f"<body><article>{PARAGRAPH}</article></body></html>",
    "outer article": page(post=f"<article class='inner'>{PARAGRAPH * 3}<p>{BY}</p></article>"),
    "licence of a language": page(post=f"<p>Lizenz: {BY}</p>"),
    "writer": page(post=f"<p>This work by Ada Berg is licensed under a {BY} International License.</p>"),
    "French notice": page(post=f"<p>Cet article est mis à disposition sous licence {BY}.</p>"),
    "Chinese notice": page(post=f"<p>本作品采用{BY}许可协议进行许可。</p>"),
    "German": page(footer=f"<p>Alle Texte dieser Seite stehen unter {BY}. Fotos: alle Rechte vorbehalten.</p>"),
}
OF_OTHERS = {
    "figure": page(post=f"<figure>{IMAGE}<figcaption>The quay. {BY}</figcaption></figure>"),
    "credit with words of its own": page(post=f"<p>Titelfoto: Klaus Meer, {BY}</p>"),
    "poem": page(post=f"<p>Das Gedicht von Ida Horn steht unter {BY}.</p>"),
    "chart": page(post=f"<p>Chart by K. Mac. Licensed under {BY} by K. Mac.</p>"),
    "quotation in a line": page(post=f"<p>She said <q>all I write is {BY}</q> and left the quay.</p>"),
    "microdata of a comment": page(post=f"<div itemtype='https://schema.org/Comment'>I post under {BY}</div>"),
    "caption by its class": page(post=f"<div class='wp-caption alignnone'>{IMAGE}<p>Ada Berg, {BY}</p></div>"),
    "paragraph of a picture": page(post=f"<p>{IMAGE}<br>Ada Berg / {BY}</p>"),
    "slide": page(post=f"<div class='slide'>{IMAGE}<div>Work by Ada Berg, {BY}</div></div>"),
    "longer article beside": (
        f"<html><body><h1>Late</h1><article>{PARAGRAPH}</article><section class='related'><article>{PARAGRAPH * 2}"
        f"{BY}</article></section></body></html>"
    ),
    "credit": page(post=f"<p>Photo: Ada Berg, {BY}</p>"),
    "credit after the licence": page(post=f"<p>{BY} (image by Ada Berg)</p>"),
    "microdata of a picture": page(
        post=f"<div itemscope itemtype='https://schema.org/ImageObject'>{IMAGE}{'x ' * 200}<p>{BY}</p></div>"
    ),
    "RDFa of a picture": page(post=f"<div about='/quay.jpg'><span>The quay</span> {BY}</div>"),
    "comments": page(post=f"<section id='comments'><ol><li class='comment'>My text: {BY}</li></ol></section>"),
    "comments beside": page(beside=f"<div class='comment-list'><article>My article is {BY}</article></div>"),
    "quotation": page(post=f"<blockquote>A text from elsewhere, {BY}</blockquote>"),
    "aside": page(beside=f"<aside>{BADGE}</aside>"),
    "aside in the post": page(post=f"<aside><footer>{BY}</footer></aside>"),
    "sidebar": page(beside=f"<div id='right-sidebar'><div class='widget'>This blog is {BY}</div></div>"),
    "footer of a nested article": page(post=f"<article><h2>Next</h2><footer>This text is {BY}</footer></article>"),
    "article beside": page(beside=f"<article><h2>Next</h2><p>This article is under {BY}</p></article>"),
    "header": page().replace("<nav>", f"<nav>{BY}"),
    "beside the post": page(beside=f"<div class='col-3'>{BADGE}</div>"),
    "photos in the footer": page(footer=f"<p>Photos on this site are licensed under {BY}.</p>"),
    "photos, text reserved": page(footer=f"<p>Photos {BY}, text all rights reserved.</p>"),
    "theme": page(footer=f"<p>Theme by Ada Berg, {BY}</p>"),
    "map": page(post=f"<p>Map data © OpenStreetMap contributors. Map tiles: {BY}</p>"),
    "Japanese photos": page(footer=f"<p>写真は{BY}で公開しています。</p>"),
    "running text": page(post=f"<p>{'It rained. ' * 30}This text is under {BY}.</p>"),
    "between paragraphs": page(post=f"<p>The poem that she read is under {BY}.</p>{PARAGRAPH}"),
    "JSON-LD of a picture": page(
        head='<script type="application/ld+json">{"@type": "BlogPosting", "image": {"@type": "ImageObject", "license": '
        '"https://creativecommons.org/licenses/by/4.0/"}}</script>'
    ),
}


def decision(source: str) -> tuple[Tier, str, tuple[str, ...]]:
    found = decide_tier((), statements_of_page(Index(html.document_fromstring(source)), URL), "2024-06-01")
    return found.tier, found.licence, found.ignored


@pytest.mark.parametrize("case", OF_TEXT)
def test_licence_of_the_page_or_its_text_counts(case: str) -> None:
    assert decision(OF_TEXT[case])[:2] == (Tier.FULL, "CC-BY-4.0")


@pytest.mark.parametrize("case", OF_OTHERS)
def test_licence_of_anything_else_does_not_count(case: str) -> None:
    tier, licence, ignored = decision(OF_OTHERS[case])
    assert (tier, licence) == (Tier.FEATURES, "")
    assert len(ignored) == ("JSON-LD" not in case)


@pytest.mark.parametrize(
    ("case", "place"),
    [
        ("theme", "a sentence about something else"),
        ("running text", "running text"),
        ("figure", "figure"),
        ("comments", "comments"),
    ],
)
def test_an_ignored_licence_is_named_with_its_place(case: str, place: str) -> None:
    assert f"(link in {place})" in decision(OF_OTHERS[case])[2][0]
