"""A text with its marks as Markdown, HTML and TEI."""

from __future__ import annotations

import nh3
import pytest
from lxml import etree
from markdown_it import MarkdownIt

from archiver import extract
from archiver.markup.html_writer import to_html
from archiver.markup.markdown_writer import to_markdown
from archiver.markup.text_marks import BLOCKS, INLINE, pack_marks
from archiver.search.document_files import TEI_NAMESPACE, to_tei
from tests.markup.read_again import URL, read_html

TAGS = {*BLOCKS, *INLINE, "figure", "figcaption", "img", "br", "div", "hr", "span", "rp", "rt"} - {"math"}
ATTRIBUTES = {"a": {"href", "id", "class"}, "img": {"src", "alt", "loading"}, "code": {"class"}, "ol": {"start"}}
ATTRIBUTES |= {tag: {"id"} for tag in TAGS - {"a", "img", "code", "ol"}}


def markdown(html: str) -> str:
    text = read_html(html)
    return to_markdown(text.text, text.markup)


def safe(html: str) -> str:
    """Return HTML as nh3 (ammonia) leaves it with the elements and attributes that are written here."""
    return nh3.clean(html, tags=TAGS, attributes=ATTRIBUTES, generic_attribute_prefixes=None)


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>one <a href='/x'>two</a></p>", "one [two](https://round.example/x)"),
        ("<p>a <b>b</b> <i>c</i> <del>d</del> <code>e</code></p>", "a **b** *c* ~~d~~ `e`"),
        ("<p>H<sub>2</sub>O, 10<sup>3</sup></p>", "H<sub>2</sub>O, 10<sup>3</sup>"),
        ("<p>a *star* and _line_ [x] `y` &lt;b&gt; c_d</p>", r"a \*star\* and \_line\_ \[x\] \`y\` \<b> c_d"),
        ("<p># no heading</p>", r"\# no heading"),
        ("<p>1. no list</p>", r"1\. no list"),
        ("<p>- no item</p>", r"\- no item"),
        ("<p>one<br>two</p>", "one\\\ntwo"),
        ("<p>5$ or <math><mi>x</mi></math></p>", r"5\$ or $x$"),
        ("<p>a<sup><a href='#n'>1</a></sup></p><hr><ol><li id='n'>b</li></ol>", "a[^1]\n\n[^1]: b"),
        ("<h3>Head</h3><p>text</p>", "### Head\n\ntext"),
        ("<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>", "- a\n- b\n  1. c"),
        ("<ol start='7'><li>a</li><li>b</li></ol>", "7. a\n8. b"),
        ("<ul><li>a<p>b</p></li></ul>", "- a\n\n  b"),
        ("<dl><dt>word</dt><dd>meaning</dd></dl>", "word\n: meaning"),
        ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n>\n> b"),
        ("<pre><code class='language-js'>a\n  b()</code></pre>", "```js\na\n  b()\n```"),
        ("<pre>a ``` b</pre>", "````\na ``` b\n````"),
        ("<p><code>a`b</code></p>", "``a`b``"),
        (
            "<table><tr><th>a</th><th>b</th></tr><tr><td>1|2</td><td></td></tr></table>",
            "| a | b |\n| --- | --- |\n| 1\\|2 |  |",
        ),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "|  |  |\n| --- | --- |\n| a | b |"),
        (
            "<figure><img src='/a.jpg' alt='A'><figcaption>The \"cap\"</figcaption></figure>",
            '![A](https://round.example/a.jpg "The \\"cap\\"")',
        ),
        ("<p>see <img src='/a.png' alt='x'> there</p>", "see ![x](https://round.example/a.png) there"),
        ("<iframe src='https://v.example/1' title='Film'></iframe><p>a</p>", "[Film](https://v.example/1)\n\na"),
        ("<p>中文<b>“引用”</b>中文</p>", "中文<strong>“引用”</strong>中文"),
        ("<p><a href='https://a.example/x_(y)'>z</a></p>", "[z](<https://a.example/x_(y)>)"),
        (
            "<p>a<sup id='r1'><a href='#n1'>1</a></sup></p><ol><li id='n1'>note <a href='#r1'>↩</a></li></ol>",
            "a[^1]\n\n[^1]: note",
        ),
    ],
)
def test_markdown(html: str, expected: str) -> None:
    assert markdown(html) == expected


@pytest.mark.parametrize(
    "html",
    [
        "<p>a *b* _c_ `d` [e](f) &lt;g&gt; &amp;amp; # h</p>",
        "<p>1. a</p><p>- b</p><p>+ c</p><p>&gt; d</p><p>=== e</p><p>---</p><p>~~~</p>",
        "<p>a<br>- b<br>2) c</p>",
        "<ul><li>a<ul><li>b<ul><li>c</li></ul></li></ul></li></ul>",
        "<ul><li># a</li><li>1. b</li></ul>",
        "<blockquote><ul><li>a</li></ul><p>b</p></blockquote>",
        "<p>снег <b>идёт</b>, 雪が<b>降る</b>。</p>",
    ],
)
def test_markdown_says_the_same_to_a_program_that_reads_it(html: str) -> None:
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    assert read_html(reader.render(markdown(html))).text == read_html(html).text


HOSTILE = (
    "<p>&lt;script&gt;alert(1)&lt;/script&gt; <a href='javascript:alert(1)'>a</a> <a href='https://x.example/\"onclick=\"y'>b</a></p>"
    "<figure><img src='javascript:x' alt='c'><img src='https://x.example/a.jpg' alt='\"><script>'>"
    "<figcaption>&lt;b onmouseover=x&gt;</figcaption></figure>"
    "<pre><code class='language-\"><script>'>&lt;/code&gt;</code></pre>"
    "<iframe src='data:text/html,x'></iframe><p id='x'>d <a href='#x\"y'>e</a></p>"
)


def test_html_is_safe() -> None:
    text = read_html(HOSTILE)
    html = to_html(text.text, text.markup)
    assert safe(html) == html


def test_html_writes_a_link_for_an_image_that_is_not_loaded() -> None:
    text = read_html("<p>a</p><figure><a href='/big'><img src='/a.jpg' alt='Sea'></a></figure>")
    html = to_html(text.text, text.markup, lambda url: "")
    assert "<img" not in html
    assert 'href="https://round.example/a.jpg" rel="noopener noreferrer">Sea</a>' in html


def test_html_writes_the_link_of_an_image_that_is_not_loaded_beside_it() -> None:
    text = read_html("<p>a</p><a href='https://shop.example/x'><img src='/a.jpg' alt='Sea'></a>")
    html = to_html(text.text, text.markup, lambda url: "")
    assert html.endswith(
        'Sea</a> (<a href="https://shop.example/x" rel="noopener noreferrer">shop.example</a>)</figure>'
    )


NO_RECORD: dict[str, object] = {
    **dict.fromkeys(("title", "published", "language", "last_seen"), ""),
    **{name: [] for name in ("authors", "categories", "tags")},
    "site": "x",
    "url": "y",
}


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>a</p><hr><p>b</p>", '<p>a</p>\n<milestone unit="section" rend="rule"/>\n<p>b</p>'),
        (
            "<table><tr><th colspan=2>a</th><td rowspan=2>b</td></tr><tr><td>c</td><td>d</td></tr></table>",
            '<table><row><cell role="label" cols="2">a</cell><cell rows="2">b</cell></row>'
            "<row><cell>c</cell><cell>d</cell></row></table>",
        ),
        ("<ol><li>a</li></ol>", '<list rend="numbered"><item><p>a</p></item></list>'),
        ("<ol type=A><li>a</li></ol>", '<list rend="numbered upper-alpha"><item><p>a</p></item></list>'),
        (
            "<ol reversed><li>a</li><li>b</li></ol>",
            '<list rend="numbered"><item n="2"><p>a</p></item><item n="1"><p>b</p></item></list>',
        ),
        ("<p><ins>a</ins> <del>b</del> <q>c</q></p>", "<p><add>a</add> <del>b</del> <q>c</q></p>"),
        ("<p><kbd>a</kbd></p>", '<p><hi rend="keyboard">a</hi></p>'),
        ("<p><abbr title='b &amp; c'>a</abbr></p>", "<p><choice><abbr>a</abbr><expan>b &amp; c</expan></choice></p>"),
        ("<p><ruby>a<rt>b</rt></ruby></p>", "<p><ruby><rb>a</rb><rt>b</rt></ruby></p>"),
        ("<p><math><mi>x</mi><mo>&lt;</mo></math></p>", '<p><formula notation="TeX">x&lt;</formula></p>'),
        (
            "<a href='/b'><img src='/a.jpg'></a>",
            '<figure><graphic url="https://round.example/a.jpg"/><p><ref target="https://round.example/b"/></p></figure>',
        ),
    ],
)
def test_tei(html: str, expected: str) -> None:
    text = read_html(html)
    tei = to_tei({**NO_RECORD, "body": text.text, "markup": pack_marks(text.markup)})
    assert tei.partition("<body><div>\n")[2].partition("\n</div></body>")[0] == expected


def test_tei_is_well_formed_and_says_the_structure() -> None:
    text = read_html(
        "<h2>Head &amp; more</h2><p>a <b>b</b> <a href='/x'>c</a></p><ol><li>d</li></ol><blockquote>e</blockquote>"
        "<pre><code class='language-c'>if (a &lt; b)</code></pre><table><tr><th>f</th><td>g</td></tr></table>"
        "<figure><img src='/h.jpg' alt='i'><figcaption>j</figcaption></figure><p>k<br>l</p>"
    )
    record = {
        "title": "T <1>", "authors": ["Ann"], "published": "2024-05-01T00:00:00+00:00", "site": "round.example",
        "url": "https://round.example/?a=1&b=2", "categories": ["News"], "tags": [], "language": "en",
        "last_seen": "2024-06-01T00:00:00+00:00", "body": text.text, "markup": pack_marks(text.markup),
    }  # fmt: skip
    root = etree.fromstring(to_tei(record).encode())
    names = [el.tag.removeprefix(f"{{{TEI_NAMESPACE}}}") for el in root.iter() if isinstance(el.tag, str)]
    for name in (
        "teiHeader",
        "author",
        "date",
        "term",
        "label",
        "hi",
        "ref",
        "list",
        "item",
        "quote",
        "code",
        "row",
        "cell",
        "graphic",
        "figDesc",
        "lb",
    ):
        assert name in names


def test_tei_names_each_note_once() -> None:
    text = read_html("<p>a<a href='#n:1'>1</a><a href='#n_1'>2</a></p><ol><li id='n:1'>b</li><li id='n_1'>c</li></ol>")
    root = etree.fromstring(to_tei({**NO_RECORD, "body": text.text, "markup": pack_marks(text.markup)}).encode())
    names = [el.get("{http://www.w3.org/XML/1998/namespace}id") for el in root.iter(f"{{{TEI_NAMESPACE}}}item")]
    targets = [el.get("target") for el in root.iter(f"{{{TEI_NAMESPACE}}}ref")]
    assert targets[-2:] == [f"#{name}" for name in names]


TEXT = "The ferry leaves the old pier at nine, and nobody knows where it goes from there on a day like this."


def of_page(inside: str) -> str:
    """Return the Markdown of a post that has some HTML between its paragraphs."""
    html = (
        "<html><head><title>Ferries</title></head><body><article><h1>Ferries</h1><time datetime='2024-05-01'></time>"
        f"<div class='entry-content'><p>{TEXT}</p><p>{TEXT} Yes.</p>{inside}<p>{TEXT} No.</p></div></article>"
    )
    return extract(html, URL).markdown.split("Yes.\n\n", 1)[1].rsplit("\n\n", 1)[0]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p><img src='/b.png' alt='B'><br>A boat at sea.</p>", "![B](https://round.example/b.png)\n\nA boat at sea."),
        ("<p>A boat at sea.<br><img src='/b.png' alt='B'></p>", "A boat at sea.\n\n![B](https://round.example/b.png)"),
        (
            "<p>One boat.<br><img src='/b.png'><br>No boat.</p>",
            "One boat.\n\n![](https://round.example/b.png)\n\nNo boat.",
        ),
        ("<div><img src='/b.png'><br>A boat</div>", '![](https://round.example/b.png "A boat")'),
        ("<div><img src='/b.png'><span>A boat</span></div>", '![](https://round.example/b.png "A boat")'),
        (
            "<blockquote><p>A sea that waits is no sea.</p><footer>— Marina Costa</footer></blockquote>",
            "> A sea that waits is no sea.\n>\n> — Marina Costa",
        ),
        (
            "<blockquote><p>A sea that waits is no sea.</p><nav><a href='/share'>Share</a></nav></blockquote>",
            "> A sea that waits is no sea.",
        ),
    ],
)
def test_markdown_of_a_page(html: str, expected: str) -> None:
    assert of_page(html) == expected
