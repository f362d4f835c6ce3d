"""Categories and tags in markup like that of many platforms, one row per theme."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lxml.html import fromstring

from archiver.extraction.article import extract_page
from archiver.extraction.listing_addresses import kind_of_address
from archiver.extraction.listing_entries import (
    categories_of_entries,
    category_of_listing,
    entries_of_listing,
    is_beside_list,
)
from archiver.extraction.page import parse_page
from archiver.extraction.term_names import (
    clean_term,
    is_term,
    kind_of_label,
    terms_in_lists,
    texts_of_links,
    unique_terms,
)
from archiver.model.items import SourceHint

TEXT = "<p>The ferry was late again, and the bakery at the quay had sold every roll by eight.</p>" * 3
NEXT = '<nav class="post-navigation"><a rel="prev" href="/b">The older post</a></nav>'
CLOUD = (
    '<aside class="sidebar"><h2>Tags</h2><div class="tagcloud"><a href="/tag/cloud/">cloud</a> '
    '<a href="/tags/cloud2/">cloud2</a></div><h2>Categories</h2><ul><li><a href="/category/other/">Other</a>'
    "</li></ul></aside>"
)


def page(
    head: str = "", before: str = "", after: str = "", holder: str = "article", body: str = "entry-content"
) -> str:
    name = holder.split()[0]
    return (
        f"<!DOCTYPE html><html lang=en><head><title>Late ferry</title>{head}</head><body>"
        f'<ul class="menu"><li><a href="/category/menu/">Menu</a></li></ul><main>'
        f"<{holder}><h1>Late ferry</h1><time datetime='2020-03-04'>4 March 2020</time>{before}"
        f'<div class="{body}">{TEXT}</div>{after}</{name}>{NEXT}</main>{CLOUD}</body></html>'
    )


def generator(name: str) -> str:
    return f'<meta name="generator" content="{name}">'


ROWS = {
    "wordpress twenty-ten sentence": page(
        generator("WordPress 6.4"),
        after='<div class="entry-utility">This entry was posted in <a href="/c/harbour/" rel="category '
        'tag">Harbour</a> and '
        'tagged <a href="/t/late/" rel="tag">late</a>, <a href="/t/rolls/" rel="tag">rolls</a>. Bookmark the '
        '<a href="/late-ferry/" rel="bookmark">permalink</a>.</div>',
    ),
    "wordpress labels without telling addresses, German": page(
        generator("WordPress 6.4"),
        after='<p class="meta">Veröffentlicht unter <a href="/hafen/">Harbour</a> | Verschlagwortet mit '
        '<a href="/x/late/">late</a>, <a href="/x/rolls/">rolls</a></p>',
    ),
    "wordpress block theme": page(
        generator("WordPress 6.4"),
        before='<div class="taxonomy-category wp-block-post-terms"><span class="wp-block-post-terms__prefix">in </span>'
        '<a href="/harbour/" rel="tag">Harbour</a></div>',
        after='<div class="taxonomy-post_tag wp-block-post-terms"><a href="/tag/late/" rel="tag">late</a>'
        '<span class="wp-block-post-terms__separator">, </span><a href="/tag/rolls/" rel="tag">rolls</a></div>',
        body="entry-content wp-block-post-content",
    ),
    "wordpress class beside a menu that names otherwise": page(
        generator("WordPress 6.4"),
        holder='article class="post-7 post type-post hentry category-harbour tag-late tag-rolls"',
        before='<a href="/category/harbour/" rel="category tag">Harbour</a>',
        after='<a href="/tag/late/" rel="tag">late</a> <a href="/tag/rolls/" rel="tag">rolls</a>'
        '<section><h3>Try these</h3><a href="/category/other/" rel="category tag">Other</a></section>',
    ),
    "blogspot-like labels in a generic theme": page(
        after='<footer class="entry-footer"><span>Filed under: <a href="/x1">Harbour</a></span> '
        '<span>Labels: <a href="/search/label/late">late</a>, <a href="/search/label/rolls">rolls</a></span></footer>',
    ),
    "hexo landscape": page(
        generator("Hexo 6.3.0"),
        before='<div class="article-category"><a class="article-category-link" '
        'href="/categories/Harbour/">Harbour</a></div>',
        after='<footer><ul class="article-tag-list"><li><a class="article-tag-list-link" href="/tags/late/" '
        'rel="tag">late</a>'
        '</li><li><a class="article-tag-list-link" href="/tags/rolls/" rel="tag">rolls</a></li></ul></footer>',
        body="article-entry",
    ),
    "hexo butterfly": page(
        generator("Hexo 6.3.0"),
        before='<div id="post-meta"><span class="post-meta-categories"><i class="fas fa-inbox"></i>'
        '<a class="post-meta-categories" href="/categories/Harbour/">Harbour</a></span></div>',
        after='<div class="tag_share"><div class="post-meta__tag-list"><a class="post-meta__tags" '
        'href="/tags/late/">late</a>'
        '<a class="post-meta__tags" href="/tags/rolls/">rolls</a></div></div>',
    ),
    "hexo fluid": page(
        generator("Hexo 6.3.0"),
        after='<div class="post-metas"><div class="post-meta"><i class="iconfont icon-category"></i><span '
        'class="category-chains">'
        '<span class="category-chain"><a class="category-chain-item" href="/categories/Harbour/">Harbour</a>'
        "</span></span></div>"
        '<div class="post-meta"><i class="iconfont icon-tags"></i><a href="/tags/late/">#late</a> '
        '<a href="/tags/rolls/">#rolls</a></div></div>',
        body="markdown-body",
    ),
    "number of posts in an element of the link": page(
        before='<p><a href="/categories/Harbour/">Harbour<small>12</small></a></p>',
        after='<div class="etiketten"><a href="/tags/late/"><b><i></i>late<span class="zahl">2</span></b></a> '
        '<a href="/tags/rolls/">rolls<sup>1</sup></a></div>',
    ),
    "hugo ananke": page(
        generator("Hugo 0.121.1"),
        after='<ul class="pa0"><li class="list di"><a href="/tags/late/" class="link">late</a></li>'
        '<li class="list di"><a href="/tags/rolls/">rolls</a></li></ul><a href="/categories/harbour/">Harbour</a>',
        body="nested-copy-line-height",
    ),
    "hugo stack": page(
        generator("Hugo 0.121.1"),
        before='<header class="article-category"><a href="/categories/harbour/">Harbour</a></header>',
        after='<footer class="article-footer"><section class="article-tags"><a href="/tags/late/">late</a>'
        '<a href="/tags/rolls/">rolls</a></section></footer>',
        body="article-content",
    ),
    "jekyll minimal mistakes": page(
        generator("Jekyll v4.3.2"),
        after='<footer class="page__meta"><p class="page__taxonomy"><strong>Tags: </strong><span itemprop="keywords">'
        '<a href="/tags/#late" class="page__taxonomy-item p-category">late</a><span class="sep">, </span>'
        '<a href="/tags/#rolls" class="page__taxonomy-item p-category">rolls</a></span></p>'
        '<p class="page__taxonomy"><strong>Categories: </strong><span itemprop="keywords">'
        '<a href="/categories/#harbour" class="page__taxonomy-item p-category">Harbour</a></span></p></footer>',
        body="page__content",
    ),
    "jekyll chirpy": page(
        generator("Jekyll v4.3.2"),
        after='<div class="post-tail-wrapper"><div class="post-meta"><i class="far fa-folder-open"></i>'
        '<a href="/categories/harbour/">Harbour</a></div><div class="post-tags"><i class="fa fa-tags"></i>'
        '<a href="/tags/late/" class="post-tag no-text-decoration">late</a>'
        '<a href="/tags/rolls/" class="post-tag no-text-decoration">rolls</a></div></div>',
        body="content",
    ),
    "pelican notmyidea": page(
        generator("Pelican"),
        after='<footer class="post-info"><p>In <a href="/category/harbour.html">Harbour</a>.</p>'
        '<p>tags: <a href="/tag/late.html">late</a> <a href="/tag/rolls.html">rolls</a></p></footer>',
    ),
    "drupal fields": page(
        generator("Drupal 10 (https://www.drupal.org)"),
        holder='article class="node node--type-article"',
        after='<div class="field field--name-field-category field--type-entity-reference"><a '
        'href="/taxonomy/term/1">Harbour</a>'
        '</div><div class="field field--name-field-tags"><div class="field__label">Tags</div><div class="field__items">'
        '<div class="field__item"><a href="/taxonomy/term/2">late</a></div><div class="field__item">'
        '<a href="/taxonomy/term/3">rolls</a></div></div></div>',
        body="field--name-body",
    ),
    "joomla": page(
        generator("Joomla! - Open Source Content Management"),
        holder='div class="com-content-article item-page" itemscope itemtype="https://schema.org/Article"',
        before='<dl class="article-info"><dd class="category-name">Category: <a href="/harbour">Harbour</a></dd></dl>',
        after='<ul class="tags list-inline"><li><a href="/component/tags/tag/late">late</a></li>'
        '<li><a href="/component/tags/tag/rolls">rolls</a></li></ul>',
        body="com-content-article__body",
    ),
    "typecho": page(
        generator("Typecho 1.2.1"),
        before='<ul class="post-meta"><li>时间: <time>2020-03-04</time></li><li>分类: <a '
        'href="/index.php/harbour/">Harbour</a>'
        "</li></ul>",
        after='<p itemprop="keywords" class="tags">标签: <a href="/index.php/late/">late</a>, '
        '<a href="/index.php/rolls/">rolls</a></p>',
        body="post-content",
    ),
    "news: declared only": page(
        '<meta property="article:section" content="Harbour"><meta name="news_keywords" content="late, rolls">'
        '<meta name="keywords" content="news, breaking news, harbour city news, weather, sport">',
    ),
    "news: parsely and sailthru": page(
        '<meta name="parsely-section" content="Harbour"><meta name="sailthru.tags" content="late,rolls,locale: US">',
    ),
    "news: JSON-LD": page(
        '<script type="application/ld+json">{"@type":"NewsArticle","headline":"Late '
        'ferry","datePublished":"2020-03-04",'
        '"author":{"name":"A B"},"articleSection":"Harbour","keywords":["late","rolls","contentId: 77"]}</script>',
    ),
    "wix": page(
        before='<a href="https://here.example/blog/categories/harbour" data-hook="category-label-list">Harbour</a>',
        after='<nav aria-label="x"><ul><li><a href="/blog/hidden">x</a></li></ul></nav><ul class="tags-row">'
        '<li><a href="https://here.example/blog/tags/late">late</a></li>'
        '<li><a href="https://here.example/blog/tags/rolls">rolls</a></li></ul>',
    ),
    "russian labels": page(
        after='<p>Рубрика: <a href="/r/1">Harbour</a></p><p>Метки: <a href="/m/1">late</a>, <a href="/m/2">rolls'
        "</a></p>",
    ),
    "hebrew labels": page(
        after='<p dir=rtl>קטגוריות: <a href="/r/1">Harbour</a></p><p dir=rtl>תגיות: <a href="/m/1">late</a>, '
        '<a href="/m/2">rolls</a></p>',
    ),
    "arabic addresses, counts and signs": page(
        after='<div><a href="/%D8%AA%D8%B5%D9%86%D9%8A%D9%81/1/">Harbour (12)</a></div><div><a '
        'href="/وسم/1/">#late</a> '
        '<a href="/وسم/2/">#rolls</a></div>',
    ),
    "vietnamese labels": page(
        after='<div>Chuyên mục: <a href="/harbour.html">Harbour</a></div><div>Từ khóa: <a href="/a.html">late</a>, '
        '<a href="/b.html">rolls</a></div>',
    ),
    "icons, and links of sentences": page(
        before=f'<p>{"Much was said of it at the time, and more since. " * 3}See <a href="/tag/wrong/">this tag'
        f"</a>.</p>",
        after='<div><i class="bi bi-folder"></i> <a href="/harbour/">Harbour</a></div><div><i class="fa fa-tags"></i> '
        '<a href="/late/">late</a>, <a href="/rolls/">rolls</a></div>'
        '<div><a href="https://shop.example/dp/1?tag=us-20">Check price</a></div>',
    ),
}


ROWS["the last line of the text itself"] = page(
    '<meta property="article:section" content="Harbour">',
).replace(
    TEXT,
    TEXT + '<p>See <a href="/tag/wrong/">wrong</a></p>'
    '<p>Tags: <a href="/x/late">late</a>, <a href="/x/rolls">rolls</a></p>',
)


@pytest.mark.parametrize("name", ROWS)
def test_terms_of_the_post_itself(name: str) -> None:
    article = extract_page(parse_page(ROWS[name], "https://here.example/late-ferry/"))
    assert (article.categories, article.tags) == (("Harbour",), ("late", "rolls"))


def test_breadcrumbs_are_the_last_resort() -> None:
    way = (
        '<ol class="breadcrumb"><li><a href="/">Home</a></li><li><a href="/blog">Blog</a></li>'
        '<li><a href="/harbour">Harbour</a></li><li>Late ferry</li></ol>'
    )
    html = page().replace("<main>", way + "<main>")
    assert extract_page(parse_page(html, "https://here.example/late-ferry/")).categories == ("Harbour",)
    declared = html.replace("</head>", '<meta property="article:section" content="Quays"></head>')
    assert extract_page(parse_page(declared, "https://here.example/late-ferry/")).categories == ("Quays",)


def test_a_class_without_tags_says_that_there_are_none() -> None:
    html = page(
        generator("WordPress 6.4")
        + '<script type="application/ld+json">{"@type":"Article","headline":"Late ferry","author":{"name":"A B"},'
        '"keywords":"ferry cheap tickets"}</script>',
        holder='article class="post-7 post type-post hentry category-harbour"',
    )
    article = extract_page(parse_page(html, "https://here.example/late-ferry/"))
    assert article.categories == ("harbour",)
    assert article.tags == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#Food", "Food"),
        (" News (12) ", "News"),
        ("R&amp;D", "R&D"),
        ("旅行（3）", "旅行"),
        ("C#", "C#"),
        ("2016", "2016"),
        ("Tags:", ""),
        ("标签：", ""),
        ("https://here.example/a", ""),
        ("x" * 200, ""),
    ],
)
def test_terms_are_cleaned(text: str, expected: str) -> None:
    assert clean_term(text) == expected


def test_terms_are_unique_and_lists_are_split() -> None:
    assert unique_terms(["Food", "food", "FOOD ", "Drink"]) == ("Food", "Drink")
    assert terms_in_lists(["a, b;c、d", "contentId: 7"]) == ["a", "b", "c", "d"]
    assert terms_in_lists(["a", "Lite:true", "Locked:0"]) == ["a"]
    assert not is_term("Read more")
    assert not is_term("May 18, 2023")
    assert is_term("Blog", sure=True)
    assert not is_term("Blog")


@pytest.mark.parametrize(
    ("href", "kind"),
    [
        ("/category/x/", "category"),
        ("/category/tag/x", "tag"),
        ("/blog/tags/#x", "tag"),
        ("https://h.example/?cat=4", "category"),
        ("/%E6%A0%87%E7%AD%BE/x", "tag"),
        ("/kategori/spor", "category"),
        ("/rovat/sport", "category"),
        ("/κατηγορία/x", "category"),
        ("/avainsana/x", "tag"),
        ("/címkék/x", "tag"),
        ("/ετικέτες/x", "tag"),
        ("/24/?cimke=x", "tag"),
        ("/?rubrika=x", "category"),
        ("/tags/", None),
        ("/2020/01/tagging", None),
    ],
)
def test_kind_of_address(href: str, kind: str | None) -> None:
    assert kind_of_address(href) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("This entry was posted in", "category"),
        ("and tagged with", "tag"),
        ("Mots-clés :", "tag"),
        ("分类：", "category"),
        ("Etiketler:", "tag"),
        ("التصنيفات:", "category"),
        ("Címkék:", "tag"),
        ("ΕΤΙΚΕΤΕΣ:", "tag"),
        ("関連トピック", "tag"),
        ("Rubrieken:", "category"),
        ("12 May 2024, in the section", "category"),
        ("In der Rubrik", "category"),
        ("Dans la rubrique", "category"),
        ("En la sección", "category"),
        ("Na seção", "category"),
        ("Nella rubrica", "category"),
        ("In de rubriek", "category"),
        ("W dziale", "category"),
        ("V rubrice", "category"),
        ("I kategorin", "category"),
        ("Kategoriassa", "category"),
        ("Publicat în", "category"),
        ("U rubrici", "category"),
        ("В разделе", "category"),
        ("У рубриці", "category"),
        ("Στην κατηγορία", "category"),
        ("Thuộc chuyên mục", "category"),
        ("Dalam kategori", "category"),
        ("收录于", "category"),
        ("في قسم", "category"),
        ("במדור", "category"),
        ("در بخش", "category"),
        ("ในหมวดหมู่", "category"),
        ("რუბრიკაში", "category"),
        ("I like tags", None),
        ("by", None),
    ],
)
def test_kind_of_label(text: str, kind: str | None) -> None:
    assert kind_of_label(text) == kind


# Feeds have one element for categories and tags.

FEED = SourceHint(categories=("Harbour", "late"), published=datetime(2020, 3, 4, tzinfo=UTC))
MENU = '<footer><a href="/category/harbour/">Harbour</a> <a href="/tag/late/">late</a></footer>'


def below(footer: str, head: str = "") -> str:
    """Return the page with a footer of the site."""
    return page(head).replace("</body>", f"{footer}</body>")


@pytest.mark.parametrize(
    ("html", "url", "categories", "tags"),
    [
        (page(), "https://a.example/late-ferry/", ["Harbour", "late"], []),
        (
            page(after='<p class="t">Tags: <a href="/tag/late/">late</a></p>'),
            "https://a.example/x/",
            ["Harbour"],
            ["late"],
        ),
        (page(after='<p><a rel="tag" href="/k/late">late</a></p>'), "https://a.example/x/", ["Harbour"], ["late"]),
        (below(MENU), "https://a.example/x/", ["Harbour"], ["late"]),
        (
            below('<footer><a href="/tags/late.html">All 12</a></footer>'),
            "https://a.example/x/",
            ["Harbour"],
            ["late"],
        ),
        (
            below(MENU + '<footer><a href="/category/late/">late</a></footer>'),
            "https://a.example/x/",
            ["Harbour", "late"],
            [],
        ),
        (page(generator("Ghost 5.8")), "https://a.example/x/", [], ["Harbour", "late"]),
        (below(MENU, generator("Blogger")), "https://a.example/x/", ["Harbour", "late"], []),
        (page(generator("Jekyll v4.3")), "https://a.example/harbour/2020/03/04/late-ferry.html", ["Harbour"], ["late"]),
        (page(generator("Jekyll v4.3")), "https://a.example/2020/03/04/late-ferry.html", ["Harbour", "late"], []),
    ],
    ids=["feed only", "label", "rel", "menu", "slug", "both", "ghost", "blogger", "jekyll path", "jekyll"],
)
def test_a_feed_s_term_is_a_tag_where_page_or_site_has_it_as_one(
    html: str, url: str, categories: list[str], tags: list[str]
) -> None:
    article = extract_page(parse_page(html, url), FEED)
    assert list(article.categories) == categories
    assert list(article.tags) == tags


def above(kicker: str, title: str = "Late ferry") -> str:
    """Return the page with an element right above its heading."""
    return page().replace("<h1>", f"{kicker}<h1>").replace("Late ferry", title)


UNLINKED = {
    "span beside the date": (page(before='<span class="category">News</span>'), ["News"], []),
    "list in a paragraph": (page(before='<p class="post-categories">Boats, Harbour</p>'), ["Boats", "Harbour"], []),
    "list items": (page(before='<ul class="entry-categories"><li>Boats</li><li>Harbour</li></ul>'),
                   ["Boats", "Harbour"], []),
    "spans in a box": (page(before='<div class="article-category"><span>Boats</span> <span>Harbour</span></div>'),
                       ["Boats", "Harbour"], []),
    "kicker": (above('<p class="kicker">Local politics</p>'), ["Local politics"], []),
    "kicker that is a phrase": (above('<p class="kicker">What the harbour did not say</p>'), [], []),
    "section name": (above('<div><span class="section-name">Business</span></div>'), ["Business"], []),
    "German": (above('<div class="rubrik">Lokales</div>'), ["Lokales"], []),
    "Russian": (above('<div class="article__rubric">Политика</div>'), ["Политика"], []),
    "only a kind of page": (above('<span class="category">Article</span>'), [], []),
    "tags below": (page(after='<ul class="tags"><li>late</li><li>rolls</li></ul>'), [], ["late", "rolls"]),
    "tags with a label": (page(after='<p class="post-tags">Tags: late, rolls</p>'), [], ["late", "rolls"]),
    "a labelled line": (page(after="<p>Tags: News, Brigade, and Gov2.0</p>"), [], ["News", "Brigade", "Gov2.0"]),
    "a label in bold": (page(after="<p><b>Tags</b>: late, rolls</p>"), [], ["late", "rolls"]),
    "a record": (page(after="<p>Label: Quay Records, Harbour</p>"), [], []),
    "another label": (page(after='<p class="post-tags">Contributors: Ann Lee</p>'), [], []),
    "away from date and title": (page(after='<footer><div><div class="rubrik">Lokales</div></div></footer>'), [], []),
}  # fmt: skip


@pytest.mark.parametrize(("html", "categories", "tags"), UNLINKED.values(), ids=UNLINKED)
def test_terms_without_links_are_read_where_their_class_says_so(
    html: str, categories: list[str], tags: list[str]
) -> None:
    article = extract_page(parse_page(html, "https://e.example/late-ferry/"))
    assert (list(article.categories), list(article.tags)) == (categories, tags)


@pytest.mark.parametrize(("label", "kind"), [("Tagged:", "tags"), ("Filed in:", "categories"), ("", "categories")])
def test_a_label_decides_what_an_ambiguous_address_leads_to(label: str, kind: str) -> None:
    html = page(after=f'<p class="foot">{label} <a href="/topics/boats">Boats</a></p>')
    article = extract_page(parse_page(html, "https://e.example/late-ferry/"))
    assert {"categories": article.categories, "tags": article.tags}[kind] == ("Boats",)
    assert len(article.categories + article.tags) == 1


@pytest.mark.parametrize("label", ["Nella rubrica", "Filed under:", "W dziale", "Trong mục", "ในหมวดหมู่"])
def test_a_link_behind_a_label_at_the_foot_of_a_post_is_its_category(label: str) -> None:
    html = page(after=f'<div class="foot">{label} <a href="/boats/">Boats</a></div>')
    assert extract_page(parse_page(html, "https://e.example/late-ferry/")).categories == ("Boats",)


@pytest.mark.parametrize(
    ("path", "href", "categories"),
    [
        ("/boats/late-ferry/", "/boats/", ("Boats",)),
        ("/late-ferry/", "/category/boats/", ("Boats",)),
        ("/late-ferry/", "/menu/", ("Boats",)),
        ("/late-ferry/", "/book-of-boats/", ()),
    ],
)
def test_a_label_in_the_last_line_of_the_text_is_one_if_the_link_leads_to_a_section(
    path: str, href: str, categories: tuple[str, ...]
) -> None:
    html = page().replace("</div>", f'<p>Published in <a href="{href}">Boats</a></p></div>', 1)
    html = html.replace("<ul class=", '<a href="/menu/">Boats on the river</a><ul class=')
    assert extract_page(parse_page(html, f"https://e.example{path}")).categories == categories


def test_several_topics_below_the_text_are_tags() -> None:
    html = page(after='<div class="foot"><a href="/topics/1">Boats</a><a href="/topics/2">Rolls</a></div>')
    article = extract_page(parse_page(html, "https://e.example/late-ferry/"))
    assert (article.categories, article.tags) == ((), ("Boats", "Rolls"))


MENU_ABOVE = '<header><div><a href="/">Quay</a> <a href="/town">Town</a> <a href="/sea">Sea</a></div></header>'
ROWS_ABOVE = {
    "a link that is also in the menu": ('<a class="k" href="/town">Town</a>', ["Town"]),
    "a link to a folder of the page": ('<div><a href="/coast">Coast</a></div>', ["Coast"]),
    "folders in a list": ('<ul><li><a href="/coast">Coast</a></li><li><a href="/coast/west">West</a></li></ul>',
                          ["Coast", "West"]),
    "arrows after the home page": ('<p><a href="/">Start here</a> &gt; <a href="/pier">Pier</a> &gt; Text</p>',
                                   ["Pier"]),
    "arrows after the word home": ('<p>Начало » <a href="/pier">Pier</a></p>', ["Pier"]),
    "home and a section of the menu": ('<font><a href="/">Главная</a> / <a href="/sea">Sea</a></font>', ["Sea"]),
    "another link": ('<div><a href="/pier">Pier</a></div>', []),
    "a small menu": ('<div><a href="/">Home</a> <a href="/town">Town</a> <a href="/sea">Sea</a></div>', []),
    "a sentence": ('<p>The town has waited for news of its boat, says <a href="/town">Town</a> today.</p>', []),
    "the home page of a language": ('<div><a href="/pt-br">Brasil</a></div>', []),
}  # fmt: skip


@pytest.mark.parametrize(("row", "expected"), ROWS_ABOVE.values(), ids=ROWS_ABOVE)
def test_a_row_above_the_heading_names_the_section(row: str, expected: list[str]) -> None:
    html = page().replace("<h1>", f"{row}<h1>").replace("<main>", f"{MENU_ABOVE}<main>")
    url = "https://e.example/coast/west/late-ferry/" if "/coast" in row else "https://e.example/pt-br/late-ferry/"
    assert list(extract_page(parse_page(html, url)).categories) == expected


@pytest.mark.parametrize("first", ["/coast", "/harbour"])
def test_breadcrumbs_may_begin_with_the_section(first: str) -> None:
    row = f'<ul class="breadcrumb"><li><a href="{first}">One</a></li><li><a href="{first}/two">Two</a></li></ul>'
    html = page().replace("<main>", f"<main>{row}")
    assert extract_page(parse_page(html, "https://e.example/coast/late-ferry/")).categories == ("One", "Two")


def test_a_kicker_that_is_also_a_tag_is_no_category() -> None:
    tags = '<p>Tags: <a href="/tag/1">Boats</a>, <a href="/tag/2">Rolls</a></p>'
    section = '<meta property="article:section" content="Town">'
    html = page(section, after=tags).replace("<h1>", '<p class="kicker">Boats</p><h1>')
    assert extract_page(parse_page(html, "https://e.example/late-ferry/")).categories == ("Town",)


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (["Boats,Town council,Rolls"], ("Boats", "Town council", "Rolls")),
        (["Boats, Town council, Rolls"], ("Boats", "Town council", "Rolls")),
        (["Washington, D.C."], ("Washington, D.C.",)),
        (["Boats", "Salt, pepper, and rolls"], ("Boats", "Salt, pepper, and rolls")),
    ],
)
def test_all_tags_in_one_element(contents: list[str], expected: tuple[str, ...]) -> None:
    html = page("".join(f'<meta property="article:tag" content="{c}">' for c in contents))
    assert extract_page(parse_page(html, "https://e.example/late-ferry/")).tags == expected


def test_declared_tags_add_to_the_only_tag_that_a_platform_s_theme_shows() -> None:
    declared = "".join(f'<meta property="article:tag" content="{c}">' for c in ("Boats", "Rolls"))
    shown = '<section class="article-tag"><a href="/tag/boats/">Boats</a></section>'
    html = page(generator("Ghost 5.8") + declared, before=shown)
    assert extract_page(parse_page(html, "https://e.example/late-ferry/")).tags == ("Boats", "Rolls")


@pytest.mark.parametrize(
    ("first", "href", "expected"), [("首页", "/", ("航运",)), ("地图", "/", ("航运",)), ("地图", "/map/", ())]
)
def test_a_position_that_begins_at_the_home_page_is_a_breadcrumb(
    first: str, href: str, expected: tuple[str, ...]
) -> None:
    html = page().replace(
        "<main>",
        f'<main><div class="position"><a href="{href}">{first}</a> &gt; <a href="/s/">航运</a> &gt; 正文</div>',
    )
    assert extract_page(parse_page(html, "https://e.example/1.html")).categories == expected


def test_text_between_and_after_links_is_no_part_of_a_list() -> None:
    box = fromstring('<p>in <a href="/a">Field notes</a> or <a href="/b">Tools</a> (two of them)</p>')
    assert texts_of_links(box) == ["Field notes", "Tools"]


def test_an_api_tells_categories_and_tags_apart() -> None:
    hint = SourceHint(categories=("Harbour", "late"), from_api=True, published=datetime(2020, 3, 4, tzinfo=UTC))
    article = extract_page(parse_page(below(MENU), "https://a.example/x/"), hint)
    assert (article.categories, article.tags) == (("Harbour", "late"), ())


def test_a_tag_may_be_named_about() -> None:
    html = page(after='<div class="tags"><a href="/tags/about/" rel="tag">about</a></div>')
    assert extract_page(parse_page(html, "https://e.example/late-ferry/")).tags == ("about",)


@pytest.mark.parametrize("head", ["", generator("Hexo 7.1")])
def test_a_link_named_for_breadcrumbs_is_not_the_row_of_them(head: str) -> None:
    html = page(
        head,
        before='<div id="breadcrumb"><a class="breadcrumb" href="/">Start</a> <a class="breadcrumb" href="/b/">Blog</a>'
        ' <a class="step" href="/categories/Harbour/">Harbour</a></div>',
    )
    assert extract_page(parse_page(html, "https://e.example/b/late-ferry/")).categories == ("Harbour",)


def listing(markup: str, path: str = "/") -> tuple[object, list[tuple[object, str]]]:
    """Return the page of a list and its entries. Links in headings are titles, links to notes may lead to posts."""
    page = parse_page(f"<!DOCTYPE html><html><body>{markup}</body></html>", f"https://quay.example{path}")
    links = [(a, a.get("href")) for a in page.index.tag("a") if "/notes/" in a.get("href")]
    titles = [(a, href) for a, href in links if a.getparent().tag == "h2"]
    return page, entries_of_listing(titles, [one for one in links if one not in titles])


TWO = (
    '<div><h2><a href="/notes/a">A</a></h2><p>In <a href="/category/sea/">Sea</a></p></div>'
    '<div><a href="/rubrika/x/">გემები</a><h2><a href="/notes/b">B</a></h2></div>'
)
LAND = "<a href='/category/land/'>Land</a>"
BOTH = {"/notes/a": ("Sea",), "/notes/b": ("გემები",)}


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        (TWO, BOTH),
        (f'{TWO}<ul><li><a href="/category/land/">Land</a></li></ul>', BOTH),
        (f'{TWO}<aside><a href="/category/land/">Land</a></aside>', BOTH),
        (
            f"{TWO}<article>{LAND}<a href='/notes/c'>More</a></article>",
            BOTH | {"/notes/c": ("Land",)},
        ),
        (f"{TWO}<article>{LAND}<a href='/notes/c'>C</a><a href='/notes/d'>D</a></article>", BOTH),
        (f'<div><h2><a href="/notes/a">A</a></h2><a href="/category/sea/page/2/">2</a></div>{TWO}', BOTH),
        (TWO.replace("/category/sea/", "/tag/sea/"), {"/notes/b": ("გემები",)}),
        (TWO.replace("/category/sea/", "/topics/sea/"), {"/notes/b": ("გემები",)}),
        (
            TWO.replace("In <a", f"{'Of all that I ever said of the sea, this was the longest. ' * 3}<a"),
            {"/notes/b": ("გემები",)},
        ),
        (TWO.partition("<div><a")[0], {}),
    ],
    ids=["two", "list", "aside", "untitled", "two notes", "pager", "tag", "ambiguous", "prose", "single"],
)
def test_the_categories_that_a_list_shows_beside_its_entries(markup: str, expected: dict[str, tuple[str, ...]]) -> None:
    assert categories_of_entries(*listing(markup)) == expected


@pytest.mark.parametrize(
    ("path", "markup", "name"),
    [
        ("/category/sea/", '<nav><a href="/category/sea/">The sea</a></nav>', "The sea"),
        ("/category/sea/page/2/", '<a href="https://quay.example/category/sea/">The sea</a>', "The sea"),
        (
            "/category/sea/page/2/",
            '<p><a href="/category/sea/">Prev</a> <a href="/category/sea/">1</a> <b>2</b></p><h2>Sea</h2>',
            "Sea",
        ),
        ("/rubrika/%E1%83%96%E1%83%A6%E1%83%95%E1%83%90/", "<h1>Quay</h1><h2>ზღვა</h2>", "ზღვა"),
        ("/category/old-boats/", "<h1>Old boats</h1>", "Old boats"),
        ("/category/sea/", '<h1>Quay</h1><a href="/category/land/">Land</a>', ""),
        ("/tag/sea/", '<h1>Sea</h1><a href="/tag/sea/">Sea</a>', ""),
        ("/topics/sea/", "<h1>Sea</h1>", ""),
        ("/", "<h1>Sea</h1>", ""),
    ],
)
def test_the_category_whose_posts_a_page_lists(path: str, markup: str, name: str) -> None:
    assert category_of_listing(listing(markup, path)[0]) == name


@pytest.mark.parametrize(
    ("markup", "beside"),
    [
        ('<main><h2><a href="/notes/a">A</a></h2></main>', False),
        ('<main><article><footer><h2><a href="/notes/a">A</a></h2></footer></article></main>', False),
        ('<aside><h2><a href="/notes/a">A</a></h2></aside>', True),
        ('<div class="recent-posts"><h2><a href="/notes/a">A</a></h2></div>', True),
    ],
)
def test_an_entry_in_a_sidebar_is_not_in_the_list(markup: str, beside: bool) -> None:
    assert is_beside_list(listing(markup)[1][0][0], {}) is beside
