"""The law of the round trip: the HTML of a text, read again, gives the same text with the same marks."""

from __future__ import annotations

from html import escape

from hypothesis import given
from hypothesis import strategies as st

from archiver.markup.html_writer import to_html
from tests.markup.read_again import read_html

WORDS = st.sampled_from(
    ["sea", "Wind", "a < b", "x & y", "море", "海", "ทะเล", "بحر", "10.5", "*star*", "[1]", "_", "end."]
)
TEXT = st.lists(WORDS, min_size=1, max_size=4).map(lambda words: escape(" ".join(words)))


WRAPPERS = [
    "b", "strong", "i", "em", "code", "kbd", "del", "ins", "mark", "q", "sup", "sub", "span", "u"
]  # fmt: skip
FORMULA = st.sampled_from(
    [
        "<math><mi>x</mi><mo>&lt;</mo><mn>2</mn></math>",
        r'<span class="math inline">\(\frac{a}{b}\)</span>',
        r'<span class="math display">\[a & b\]</span>',
    ]
)


def wrapped(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(st.sampled_from(WRAPPERS), inside).map(lambda pair: f"<{pair[0]}>{pair[1]}</{pair[0]}>"),
        inside.map(lambda text: f'<abbr title="the &quot;whole&quot; term">{text}</abbr>'),
        inside.map(lambda text: f"<ruby>{text}<rp>(</rp><rt>reading</rt><rp>)</rp></ruby>"),
        st.tuples(st.sampled_from(["/a", "https://x.example/b?c=d&e", "#n", "javascript:f()", ""]), inside).map(
            lambda pair: f'<a href="{escape(pair[0])}">{pair[1]}</a>'
        ),
    )


INLINE = st.lists(
    st.one_of(
        TEXT,
        st.recursive(TEXT, wrapped, max_leaves=3),
        st.just("<br>"),
        st.just(" "),
        st.just('<img src="/i.png" alt="i">'),
        st.just('<a href="/a"><img src="/l.png" alt="l"></a>'),
        st.just('<iframe src="https://v.example/2"></iframe>'),
        FORMULA,
    ),
    min_size=1,
    max_size=4,
).map("".join)
CODE = st.sampled_from(["a\n  b\n\nc", "x = '<p>'", "  indented\n\tby tab", "```"]).map(escape)
FIGURE = st.sampled_from(
    [
        '<figure><img src="/f.jpg" alt="F"><figcaption>A caption</figcaption></figure>',
        '<p><img src="/g.jpg"></p>',
        '<iframe src="https://v.example/1" title="Film"></iframe>',
        '<video src="/v.mp4"></video>',
        '<figure><a href="/page"><img src="/h.jpg"></a><figcaption>A caption</figcaption></figure>',
        "<hr>",
    ]
)
LEAVES = st.one_of(
    INLINE.map(lambda text: f"<p>{text}</p>"),
    INLINE.map(lambda text: f"<h2>{text}</h2>"),
    INLINE.map(lambda text: f'<h3 id="n">{text}</h3>'),
    INLINE.map(lambda text: f"<div>{text}</div>"),
    CODE.map(lambda text: f'<pre><code class="language-py">{text}</code></pre>'),
    FIGURE,
    st.lists(st.tuples(TEXT, INLINE), min_size=1, max_size=3).map(
        lambda rows: f"<table>{''.join(f'<tr><th>{a}</th><td>{b}</td></tr>' for a, b in rows)}</table>"
    ),
)


NUMBERINGS = [
    "", ' start="3"', ' start="-1" type="a"', " reversed", ' reversed start="9" style="list-style: upper-roman"'
]  # fmt: skip


def around(inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    some = st.lists(inside, min_size=1, max_size=3)
    items = st.lists(st.one_of(INLINE, inside, some.map("".join)), min_size=1, max_size=3)
    return st.one_of(
        some.map(lambda blocks: f"<blockquote>{''.join(blocks)}</blockquote>"),
        some.map(lambda blocks: f"<div>{''.join(blocks)}</div>"),
        items.map(lambda one: f"<ul>{''.join(f'<li>{item}</li>' for item in one)}</ul>"),
        st.tuples(st.sampled_from(NUMBERINGS), items).map(
            lambda one: f"<ol{one[0]}>{''.join(f'<li>{item}</li>' for item in one[1])}</ol>"
        ),
        items.map(lambda one: f"<ol>{''.join(f'<li value=5>{item}</li>' for item in one)}</ol>"),
        items.map(lambda one: f"<ul>{''.join(f'<li>{item}</li>' for item in one)}loose</ul>"),
        items.map(lambda one: f"<dl>{''.join(f'<dt>{item}</dt><dd>{item}</dd>' for item in one)}</dl>"),
    )


PAGES = st.lists(st.recursive(LEAVES, around, max_leaves=6), min_size=1, max_size=4).map("".join)


@given(PAGES)
def test_html_read_again_is_the_same_text_with_the_same_marks(html: str) -> None:
    first = read_html(html)
    again = read_html(to_html(first.text, first.markup))
    assert again.text == first.text
    assert again.markup == first.markup


@given(PAGES)
def test_marks_lie_in_the_text_and_never_overlap_in_part(html: str) -> None:
    text = read_html(html)
    open_ends: list[int] = []
    for mark in text.markup:
        assert 0 <= mark.offset <= mark.end <= len(text.text)
        open_ends = [end for end in open_ends if end > mark.offset]
        assert not mark.length or not open_ends or mark.end <= open_ends[-1]
        if mark.length:
            open_ends.append(mark.end)
