"""Extracts the body of a post: finds the element that contains the text (the container), and removes everything that is
not part of the text.

The text of a page is read as blocks, such as paragraphs (see `blocks`). Block ranges are given as (first, end), where
`end` is the index after the last block.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from html import escape, unescape
from itertools import islice, takewhile
from typing import NamedTuple

from lxml.etree import _Element as Element

from archiver.extraction.blocks import BlockLayout, TextBlock, covered_total, lay_out, text_width, written_text
from archiver.extraction.body_markup import find_markup
from archiver.extraction.boilerplate import (
    COMMENT_LISTS,
    LONG,
    class_and_id,
    ends_the_post,
    heads_related_posts,
    is_caption_word,
    is_footer_name,
    is_notice,
    is_picture_name,
    points_to_other_page,
)
from archiver.extraction.bylines import BylineBlock
from archiver.extraction.metadata import article_html
from archiver.extraction.normalization import clean_text, element_line, fold_text, has_text, tidy_body
from archiver.extraction.other_posts import (
    HEADINGS,
    LINKED,
    is_on_site,
    is_row_of_links,
    labelled_lists,
    links_of,
    rows_of_boxes,
)
from archiver.extraction.page import Page, parse_page
from archiver.extraction.post_locator import (
    MEDIA_TAGS,
    TITLE_PARTS,
    Post,
    is_meta_block,
    meta_blocks_in,
    other_articles,
)
from archiver.markup.text_marks import carry_marks
from archiver.model.items import Mark, SourceHint, is_from_api
from archiver.model.lazy_regex import lazy_regex
from archiver.platforms import by_name, platform_tables
from archiver.platforms.selector_index import is_below


@dataclass(frozen=True, slots=True)
class KnownBoilerplate:
    """Parts of a page that are not body text because they belong to other fields, and facts that help to find them.

    - `title`: the title.
    - `lines`, `elements`: the lines and the elements of the byline.
    - `people`: the authors' names. A paragraph at the end that begins with one is about the author.
    - `is_titled_above`: True if an <h1> with the title stands above the element whose text is read.
    - `hosts`: the hosts of the page's own addresses.
    """

    title: str = ""
    lines: tuple[str, ...] = ()
    elements: tuple[Element, ...] = ()
    people: tuple[str, ...] = ()
    is_titled_above: bool = False
    hosts: tuple[str, ...] = ()


# Elements that are not text of the post.

_COMMENTS, _BESIDE, _PICTURE_BOX = "form for comments", "beside or below the text", "picture"
"""Marks of elements, beside words in their class or id and their tags: a form for comments, a footer or sidebar with
enough prose above it, and a box for a picture, whose text is a caption."""
_MARKED_TAGS = frozenset({"nav", "footer", "form", "aside", "button", "figcaption"})
_MARKED_ROLES = frozenset({"navigation", "contentinfo", "complementary", "search"})  # WAI-ARIA 1.2, section 5.3.4
_SIDEBARS = frozenset({"aside", "complementary", "sidebar", "sidebars", "widget area"})
_OWN_TEXT = frozenset({"code", "pre", "td", "th", "tr", "table", "tbody", "body", "main", "article", *HEADINGS})
"""The tags of elements that have text whatever their names say."""
_COMMENT_FORM, _MAX_CAPTION, _LONG_ASIDE, _ABOVE_COMMENTS, _ABOVE_FOOTER, _ABOVE_SIDEBAR = 1_500, 200, 400, 150, 80, 500
"""Limits in letters: labels of a form for comments; a caption; an <aside> that is text of the post; the prose above
comments, a footer and a sidebar that are never text."""
_FOOTNOTE = lazy_regex(r"(?:^|[\s_-])(?:foot|end)notes?(?:$|[\s_-])|^doc-(?:footnote|endnotes?)$", re.IGNORECASE)
# Matches a caption to which the text refers: "Figure 3.", "Abb. 3", "图3".
_FIGURE = lazy_regex(
    r"(?:fig(?:ure|\.)?|table|chart|abb(?:ildung|\.)|tab(?:elle|\.)|рис(?:унок|\.)|hình|şekil|[图圖図表])\s*#?\d",
    re.IGNORECASE,
)


def boilerplate_spans(
    layout: BlockLayout, lo: int, hi: int, sums: list[float], share: float
) -> Iterator[tuple[int, int]]:
    """Yields the block ranges of the elements between the blocks `lo` and `hi` that are marked as boilerplate by their
    tag, an attribute, their class or their id.

    `sums` are prefix sums of the sizes of all blocks. A mark is ignored if one element with it, or all of them
    together, contain more than `share` of the whole, unless such an element may be longer than the text.
    """
    whole = sums[hi] - sums[lo]
    heads = layout.prefix_sums([float(b.element.tag == "h1") for b in layout.blocks])
    below = _text_below_heading(layout, lo, sums)
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for el, (a, z) in layout.spans.items():
        if a == z or a < lo or z > hi or (a == lo and z == hi and el.tag != "figcaption"):
            continue
        if heads[a] < heads[z] and (el.tag != "nav" or heads[z] - heads[a] == heads[-1]):
            continue
        mark = _mark_of(layout, el, below[a], sums[z] - sums[a])
        if not mark:
            continue  # true of most elements
        size = sums[z] - sums[a]
        is_certain = mark in (_COMMENTS, _BESIDE) or (mark in COMMENT_LISTS and sums[a] - sums[lo] >= _ABOVE_COMMENTS)
        most = max(share * whole, _MAX_CAPTION if mark == "figcaption" else 0.0)
        if (is_certain or size <= most) and not _is_text_after_all(mark, el, layout.blocks[a:z]):
            found[mark].append((a, z))
    for mark, spans in found.items():
        is_short = mark == "figcaption" and len(spans) == 1  # the only text of a post is no short caption
        if mark in LONG or mark in (_COMMENTS, _BESIDE) or is_short or covered_total(spans, sums) <= share * whole:
            yield from spans


def _text_below_heading(layout: BlockLayout, lo: int, sums: list[float]) -> list[float]:
    """Returns for each block how much text is between it and the last <h1> above it; 0 if there is none."""
    out, start = [], -1.0
    for block, above in zip(layout.blocks, sums, strict=False):
        if block.element.tag == "h1":
            start = above
        out.append(above - start if start >= 0 else 0.0)
    return out


def _mark_of(layout: BlockLayout, el: Element, above: float, size: float) -> str:
    """Returns what marks an element as boilerplate: a word in its class or id, its tag, or one of the marks above; ""
    if nothing does. `above` is the amount of text between the heading and the element, and `size` its own.
    """
    word = layout.boilerplate_word(el)
    if el.tag in _OWN_TEXT:
        is_marked = (el.tag, word) in (("article", "comment"), ("table", "navbox")) or (
            el.tag == "td" and is_caption_word(word)
        )
        return word if is_marked else ""
    if el.tag == "form" and _is_comment_form(el):
        return _COMMENTS
    role = el.get("role") or ""
    mark = word or (el.tag if el.tag in _MARKED_TAGS else "") or (role if role in _MARKED_ROLES else "")
    if mark == "footer" and any(around.tag == "blockquote" for around in islice(el.iterancestors(), 2)):
        return ""  # the footer of a quotation says who is quoted
    if above >= _ABOVE_SIDEBAR and mark in _SIDEBARS:
        return _BESIDE
    if above >= _ABOVE_FOOTER and (el.tag == "footer" or is_footer_name(class_and_id(el))):
        return _BESIDE
    if not mark and el.get("aria-hidden") == "true":
        return "hidden"
    return mark or (_PICTURE_BOX if size <= _MAX_CAPTION and _is_picture_box(el) else "")


def _is_comment_form(form: Element) -> bool:
    """Returns True if a form is for writing a comment, and is not a form around the whole page."""
    if next(form.iter("textarea"), None) is None or next(form.iter("h1", "article", "main"), None) is not None:
        return False
    return not has_text(form, _COMMENT_FORM)


def _is_picture_box(el: Element) -> bool:
    names = el.get("class")
    return bool(names) and is_picture_name(names) and next(el.iter("img", "picture"), None) is not None


def _is_text_after_all(mark: str, el: Element, blocks: list[TextBlock]) -> bool:
    """Returns True if an element is text of the post although it is marked: footnotes and code, a button in a heading,
    a numbered caption or that of a table, and a long <aside>. `blocks` are the blocks of the element.
    """
    size = sum(b.size for b in blocks)
    around = (el, *islice(el.iterancestors(), 3))
    if sum(b.size for b in blocks if b.is_code) > size / 2 or any(map(_is_footnote, around)):
        return True
    if mark == "button":
        parent = el.getparent()
        return parent is not None and parent.tag in (*HEADINGS, "dt", "summary", "li")
    if mark in ("figcaption", _PICTURE_BOX) or is_caption_word(mark):
        figure = next((at for at in around if at.tag == "figure"), None)
        is_picture = figure is None or next(figure.iter("table", "pre", "blockquote"), None) is None
        return _FIGURE.match(blocks[0].text) is not None or not is_picture
    is_quote = next(el.iter("blockquote"), None) is not None
    is_long = size > _LONG_ASIDE and sum(b.linked for b in blocks) < 0.1 * size
    return el.tag == "aside" and (is_quote or is_long)


def _is_footnote(el: Element) -> bool:
    names = (el.get("role") or "", el.get("class") or "")
    return el.get("data-footnotes") is not None or any(_FOOTNOTE.search(name) for name in names)


# The blocks of a container that are text.

_TEMPLATE = lazy_regex(
    r"\{\{.*\}\}|\{%.*%\}|(?:\{/[\w-]+\}\s*)+|\[/?[\w-]+(?:[ =\"'][^\[\]]*)?\]|<[\w-]+[^>]*>", re.DOTALL
)
_LETTER, _WHOLE_SENTENCE = lazy_regex(r"[^\W_]"), lazy_regex(r"\w{2,}[.?。？؟।][\"'”’»)」』]*$")
_ABSOLUTE = lazy_regex(r"(?:https?:)?//", re.IGNORECASE)
_LABEL_SIZE, _PARAGRAPH, _STANDFIRST, _BEFORE_LIST, _MAX_BYLINE, _LEAST_LINK = 60, 80, 36, 60, 260, 20
"""Limits in letters: a label has fewer; prose, and a standfirst below the title, have more; the text above a list of
other posts; a line of the byline; the text of a link that may be all that a paragraph says."""
_BYLINES, _TITLE_LINES = 8, 24
"""Among so many blocks, the byline is at the start of a text, the title above a container, and rows of links at the
start and the end."""


def text_blocks(
    layout: BlockLayout, lo: int, hi: int, known: KnownBoilerplate, weights: list[float]
) -> list[TextBlock]:
    """Returns the blocks of a container that are text of the post, in reading order. Left out are boilerplate and the
    parts of the page that belong to other fields (`known`).

    The container's blocks are those from `lo` up to but not including `hi`. If `weights` (from `text_weights`) are not
    empty, prose between the title and the container is included.
    """
    blocks = layout.blocks
    size = layout.prefix_sums([b.size for b in blocks])
    excluded = {i for a, z in boilerplate_spans(layout, lo, hi, size, 0.5) for i in range(a, z)}
    for el in known.elements:
        a, z = layout.spans.get(el, (0, 0))
        if size[z] - size[a] < 0.3 * (size[hi] - size[lo]):
            excluded.update(range(a, z))
    start = _text_start(blocks, lo, hi, excluded, size, known)
    end = _text_end(blocks, start, hi, excluded, size)
    for a, z in labelled_lists(layout, start, end, known.hosts):
        if sum(b.size for n, b in enumerate(blocks[start:a], start) if n not in excluded) >= _BEFORE_LIST:
            excluded.update(range(a, z))
    for a, z in rows_of_boxes(layout, start, end, known.hosts):
        if 2 * sum(b.size for b in blocks[start:a] if b.size > _PARAGRAPH and not b.linked) >= size[z] - size[a]:
            excluded.update(range(a, z))
    left = [i for i in range(start, end) if i not in excluded]
    shown = [blocks[i] for i in left]
    in_paragraphs = sum(blocks[i].size for i in left if _is_in_paragraph(blocks[i]))
    by_paragraphs = in_paragraphs > 0.7 * sum(blocks[i].size for i in left)
    meta = {fold_text(line) for line in known.lines} - {""}
    left = [
        i
        for i in left
        if not _is_boilerplate(blocks[i], by_paragraphs, meta if i < start + _BYLINES else set(), known.hosts)
    ]
    first = [fold_text(blocks[i].text) for i in left[:_BYLINES]]  # an excerpt may precede the text that begins with it
    left = [
        i for n, i in enumerate(left) if n >= len(first) or blocks[i].size <= _PARAGRAPH or first[n] not in first[:n]
    ]
    last = size[end] - 0.12 * (size[end] - size[start]) - 300
    left = [i for i in left if size[i] < last or not _is_about_author(blocks[i], known.people)]
    while left and is_row_of_links(blocks[left[0]]):
        del left[0]
    while left and is_row_of_links(blocks[left[-1]]):
        del left[-1]
    text = [blocks[i] for i in left]
    if not text and len(links := [b for b in shown if _is_reference(b)]) == 1:
        text = links  # all that the post says
    return [*_intro(layout, lo, text, known, weights), *text]


def _intro(
    layout: BlockLayout, lo: int, text: list[TextBlock], known: KnownBoilerplate, weights: list[float]
) -> list[TextBlock]:
    """Returns the standfirst and the prose between the title and a container, if its `text` does not begin with them:
    the first paragraph of a post is often outside the element with the rest of its text.
    """
    title, blocks = fold_text(known.title), layout.blocks
    above = range(lo - 1, max(-1, lo - _TITLE_LINES), -1) if title and weights else ()
    start = next((i for i in above if fold_text(blocks[i].text) == title), lo)
    begin = fold_text(" ".join(b.text for b in text[:_BYLINES]))
    others, lines = set(known.elements), set(map(fold_text, known.lines))
    return [
        b
        for n, b in enumerate(blocks[start + 1 : lo], start + 1)
        if (weights[n] > _PARAGRAPH or (n == start + 1 and b.size >= _STANDFIRST and not b.linked))
        and b.element not in others
        and fold_text(b.text) not in lines
        and not is_notice(b.text)
        and fold_text(b.text) not in begin
    ]


def _text_start(
    blocks: list[TextBlock], lo: int, hi: int, excluded: set[int], size: list[float], known: KnownBoilerplate
) -> int:
    """Returns the index of the block where the text begins: the block after the title if the title is near the start of
    the container, otherwise `lo`.

    If much text precedes the title in the container, or if the title also stands above the container, the title is only
    a heading in the text, as in the card of a recipe. Then only this heading is excluded.
    """
    names = {fold_text(known.title), fold_text(max(TITLE_PARTS.split(known.title), key=len))} - {""}
    for i in range(lo, hi if names else lo):
        if size[i] - size[lo] > 0.15 * (size[hi] - size[lo]) + 300:
            break
        if i not in excluded and len(blocks[i].text) < 2 * len(known.title) + 20 and fold_text(blocks[i].text) in names:
            above = sum(b.size for n, b in enumerate(blocks[lo:i], lo) if b.size > _PARAGRAPH and n not in excluded)
            if above < (1.0 if known.is_titled_above else 400.0):
                return i + 1
            excluded.add(i)
    return lo


def _text_end(blocks: list[TextBlock], lo: int, hi: int, excluded: set[int], size: list[float]) -> int:
    """Returns the index of the block after the end of the text: the first heading that introduces other posts, the
    author or comments and that has hardly any prose below it, or `hi`.
    """
    whole = size[hi] - size[lo]
    for i in range(lo + 1, hi):
        b = blocks[i]
        if i in excluded or size[hi] - size[i] > 0.4 * whole or not (b.element.tag in HEADINGS or b.size < _LABEL_SIZE):
            continue
        if ends_the_post(b.text):
            rest = sum(x.size - x.linked for x in blocks[i + 1 : hi] if x.size > _PARAGRAPH and x.linked < 0.3 * x.size)
            if rest < 0.06 * whole + 200:
                return i
    return hi


def _is_in_paragraph(b: TextBlock) -> bool:
    return b.is_code or b.element.tag in ("p", "li", "blockquote", "tr")


def _is_boilerplate(b: TextBlock, by_paragraphs: bool, meta: set[str], hosts: tuple[str, ...]) -> bool:
    """Returns True if a block is not text of the post: punctuation, template code, a label, a link, a line of the
    byline (`meta`) or a notice. `by_paragraphs` is True if most of the text is in <p>, <li> and the like; a <div> with
    a few words is then a label.
    """
    if b.is_code:
        return False
    if not _LETTER.search(b.text) or _TEMPLATE.fullmatch(b.text):
        return True
    if meta and len(b.text) < _MAX_BYLINE and fold_text(b.text) in meta:
        return True
    is_link = b.linked > LINKED * b.size
    if by_paragraphs and b.element.tag == "div" and b.size < (2 if is_link else 1) * _LABEL_SIZE:
        return not _is_footnote(b.element)
    if is_link and _is_link_label(b, hosts):
        return True
    label, _, below = b.text.partition("\n")
    is_list = below and b.linked > LINKED * text_width(below) and heads_related_posts(label)
    return bool(is_list) or is_notice(b.text) or (b.linked > 0 and points_to_other_page(b.text))


def _is_reference(b: TextBlock) -> bool:
    """Returns True if a block is a link to a page on the web, and not to a tag, a neighbouring post and the like."""
    return not is_row_of_links(b) and any(_ABSOLUTE.match(a.get("href") or "") for a in links_of(b))


def _is_about_author(b: TextBlock, people: tuple[str, ...]) -> bool:
    return bool(people) and b.text.startswith(people) and _WHOLE_SENTENCE.search(b.text) is not None


def _is_link_label(b: TextBlock, hosts: tuple[str, ...]) -> bool:
    """Returns True if a short paragraph is only a link and no sentence, such as "Watch the video". A link of several
    words to another site is text.
    """
    parent = b.element.getparent()
    if (
        b.element.tag not in ("p", "div")
        or b.size >= _LABEL_SIZE
        or (parent is not None and parent.tag in ("li", "td", "dd"))
    ):
        return False
    away = (not is_on_site(a, hosts) and "sponsored" not in (a.get("rel") or "") for a in links_of(b))
    is_reference = b.size >= _LEAST_LINK and all(away)
    return not is_reference and not _WHOLE_SENTENCE.search(b.text)


# The element that contains the text: the one whose blocks weigh most. Prose has a positive weight, links have a
# negative one.

_SENTENCE_END = lazy_regex(r"[.!?…。！？؟۔।։።:;][\"'”’»)\]）」』]*\s*$")
_PART = frozenset({"p", "li", "ul", "ol", "dl", "table", "tbody", "tr", "blockquote", "figure", "pre", *HEADINGS})
_LINK_WEIGHT, _LABEL_WEIGHT, _HEADING_WEIGHT = -10.0, -4.0, 5.0
_MOST, _NAMED, _MENU_SHARE = 0.9, 0.6, 0.85
"""The container has at least `_MOST` of the weight of the heaviest element; `_NAMED` if it is the element for the text
by its name, or the column with the heading. An element with less than `_MENU_SHARE` of the weight of an element in it
has menus beside the text."""
_TEXT_NAME = lazy_regex(
    r"(?:^|[\s_-])(?:article|post|entry|story|blog|news|content|detail|page)[\s_-]*(?:body|content|text|copy|main|"
    r"detail|inner)"
    r"(?:$|[\s_-])|(?:^|[\s_-])(?:rich-?text|prose|markdown(?:-body)?|wysiwyg|articlebody|w-richtext|rte|"
    r"body-?(?:copy|text|content))(?:$|[\s_-])",
    re.IGNORECASE,
)
_HEADER_NAME = lazy_regex(
    r"(?:^|[\s_-])(?:head(?:ing)?|hero|masthead|top|intro|banner|title\w*)(?:$|[\s_-])|header", re.IGNORECASE
)


class _Span(NamedTuple):
    """The range of an element's blocks, from `lo` up to but not including `hi`, and the sum of their weights."""

    weight: float
    element: Element
    lo: int
    hi: int


def text_weights(layout: BlockLayout, hosts: tuple[str, ...] = ()) -> list[float]:
    """Returns the weight of each block: the number of its letters if it is prose, a small number for a heading, a
    negative one for links and labels, and 0 for boilerplate. The text of a post is in the element whose blocks weigh
    most. `hosts` are the hosts of the page's own addresses.
    """
    blocks = layout.blocks
    prose = layout.prefix_sums(
        [b.size - b.linked if b.size > _PARAGRAPH and b.linked < 0.4 * b.size else 0.0 for b in blocks]
    )
    out = list(map(_block_weight, blocks))
    for a, z in boilerplate_spans(layout, 0, len(blocks), prose, 0.3):
        out[a:z] = [0.0] * (z - a)
    every = 0, len(blocks), hosts
    for a, z in (*labelled_lists(layout, *every), *rows_of_boxes(layout, *every)):
        if any(w > _HEADING_WEIGHT for w in out[:a]):  # otherwise the list may be the only text on the page
            out[a:z] = [min(w, 0.0) for w in out[a:z]]
    return out


def _block_weight(b: TextBlock) -> float:
    free = b.size - b.linked
    if b.linked > 0.6 * b.size:
        return _LINK_WEIGHT - 0.3 * min(b.linked, 60.0)
    if b.element.tag in HEADINGS:
        return _HEADING_WEIGHT
    is_prose = free >= _PARAGRAPH or (free >= 30 and _SENTENCE_END.search(b.text))
    return free if is_prose else _LABEL_WEIGHT


def heaviest_container(layout: BlockLayout, sums: list[float], title: Element | None = None) -> Element:
    """Returns the element that contains the text: the smallest one that has at least 90 % of the weight of the heaviest
    element. If its class or id is commonly used for the text, or if it contains the heading of the post, `title`, 60 %
    are enough, since the rest may be the other columns of the page.

    The weight of an element is the sum of the weights of its blocks (see `text_weights`); `sums` are their prefix sums.
    """
    found = [
        _Span(sums[z] - sums[a], el, a, z)
        for el, (a, z) in layout.spans.items()
        if sums[z] > sums[a] and el.tag not in _PART
    ]
    if not found:
        return layout.top
    best = max(found, key=lambda one: one.weight)
    inside = [one for one in found if one.lo >= best.lo and one.hi <= best.hi and one.weight >= _NAMED * best.weight]
    around = set(title.iterancestors()) if title is not None else set()
    close = [
        one
        for one in inside
        if one.weight >= _MOST * best.weight
        or (
            (is_named_text(one.element) or (one.element in around and _is_column(one, sums)))
            and one.weight >= _MOST * _weight_of_same_class(one, found)
        )
    ]
    return min(close, key=lambda one: one.hi - one.lo).element


def _is_column(one: _Span, sums: list[float]) -> bool:
    """Returns True if an element around the heading may be the column with the whole text: it has several blocks of
    prose, and is not the header above the text. `sums` are the prefix sums of the blocks' weights.
    """
    el = one.element
    if el.tag == "header" or _HEADER_NAME.search(class_and_id(el)):
        return False
    return sum(sums[i + 1] - sums[i] > _HEADING_WEIGHT for i in range(one.lo, one.hi)) > 1


def is_named_text(el: Element) -> bool:
    """Returns True if an element's tag, class, id or itemprop is commonly used for the text of an article."""
    if el.tag == "article" or "articleBody" in (el.get("itemprop") or ""):
        return True
    return _TEXT_NAME.search(class_and_id(el)) is not None


def _weight_of_same_class(one: _Span, found: list[_Span]) -> float:
    """Returns the total weight of `one` and of the elements beside it with the same tag and class, since a text may be
    divided among several elements. Elements around `one` or inside it do not count.
    """
    tag, classes = one.element.tag, one.element.get("class")
    return sum(
        x.weight
        for x in found
        if x.element.tag == tag
        and x.element.get("class") == classes
        and (x.element is one.element or x.hi <= one.lo or x.lo >= one.hi)
    )


# The body: choosing the element that contains the text, and reading it.

_NOTICE = 200
"""A text on the page with at most this many characters may be a notice. It is taken for a notice if the text from the
feed or API is five times as long."""
_LINES_ABOVE, _TRIED, _LEVELS = 16, 5, 3
_MAY_BE_NOTICE, _MUCH_LONGER, _A_FEW = 1_000.0, 2.0, 80.0
"""A text with fewer letters than `_MAY_BE_NOTICE` may be only a notice or a teaser. It is taken for one if the data of
the page's scripts contain a text that is `_MUCH_LONGER` times as long and has at least `_A_FEW` more letters."""
_SHORT, _LITTLE = 600.0, 200
"""A text with fewer letters than `_SHORT` may belong to a sidebar and not to the post, unless it is `_LITTLE` longer
than the text near the heading."""
_CONTENT_NAME = lazy_regex(r"(?:^|[\s_-])(?:content|text|markdown|prose)(?:$|[\s_-])", re.IGNORECASE)
_OUTER = frozenset({"body", "main", "html", "header", "table", "tbody"})
_TAGS = lazy_regex(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class RenderedText:
    """The text of a page's element `top` without boilerplate, and the blocks of `layout` of which it consists. It is
    False if it is empty. For a text that is not from an element, `page`, `top` and `layout` are None.
    """

    text: str = ""
    page: Page | None = None
    top: Element | None = None
    layout: BlockLayout | None = None
    blocks: tuple[TextBlock, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text)

    def __len__(self) -> int:
        return len(self.text)

    def markup(self, body: str) -> tuple[Mark, ...]:
        """Returns the marks of `body`, which consists of some or all lines of this text. If the post has no text, the
        marks are those of its pictures and recordings.
        """
        if self.page is None or self.top is None or self.layout is None or (self.text and not body):
            return ()
        return carry_marks(self.text, find_markup(self.page, self.top, self.layout, self.blocks, self.text), body)


NO_TEXT = RenderedText()


@dataclass(frozen=True, slots=True)
class Body:
    """The text of a post and how it was found. `is_whole` is True if the text is from a feed or API, because the page
    shows only a part of it.
    """

    rendered: RenderedText
    source: str
    locator: str
    confidence: float
    is_whole: bool = False

    @property
    def text(self) -> str:
        return self.rendered.text


def extract_body(page: Page, post: Post, title: str, beside: BylineBlock, hint: SourceHint | None = None) -> Body:
    """Extracts the post's text: paragraphs separated by a blank line, without title, byline, share buttons or footer.
    `beside` is the byline near the heading.

    If the page shows only a part of the post (one of several pages, or the beginning with "read more"), and a feed, an
    API or the page's own data give the whole text (`hint`, None if there is no hint), returns the whole text.
    """
    shown = _body_on_page(page, post, title, beside)
    shown = _body_in_data(page, title, shown) or shown
    if whole := hint_body(shown.text, page.url, title, hint):
        return Body(whole, "api" if is_from_api(hint) else "feed", "whole text", 0.9, is_whole=True)
    return shown


def below_title_line(text: str, title: str, byline: Iterable[str]) -> str:
    """Returns the part of a text below its title line, without the lines of the byline that follow the title. Returns
    the text unchanged if no line near its start is the title, or if hardly any text is below it.

    This is needed for pages without heading elements, on which menus, title and text are lines of one table cell.
    """
    lines = text.split("\n")
    known, others = fold_text(title), {"", *map(fold_text, byline)}
    at = next((n for n, line in enumerate(lines[:_LINES_ABOVE]) if known and fold_text(line) == known), None)
    if at is None:
        return text
    start = next((n for n in range(at + 1, len(lines)) if fold_text(lines[n]) not in others), len(lines))
    below = "\n".join(lines[start:])
    return below if 2 * text_width(below) >= text_width(text) else text


def _body_in_data(page: Page, title: str, shown: Body) -> Body | None:
    """Returns the text of the article in JSON-LD or in the data of the page's scripts, if the page itself shows only
    the beginning of this text, or hardly any text; otherwise None. `shown` is the text that the page shows.
    """
    width = text_width(shown.text)
    declared = page.data.resolve((page.data.article(page.addresses) or {}).get("articleBody"))
    html = _paragraphs_of(next((text for text in declared if isinstance(text, str)), ""))
    source, locator = "json-ld", "articleBody"
    if not html and width < _MAY_BE_NOTICE:
        html, source, locator = article_html(page.index, title, page.addresses), "script", "article"
    if text_width(html) < 1.5 * width + _A_FEW:
        return None
    found = body_of_html(html, page.url, title)
    is_rest = bool(shown.text) and source == "json-ld" and _starts_like(shown.text, found.text)
    enough = (1.5 if is_rest else _MUCH_LONGER) * width + _A_FEW
    return Body(found, source, locator, 0.6) if text_width(found.text) >= enough else None


def _paragraphs_of(text: str) -> str:
    """Returns the text of an article in JSON-LD as HTML. There, it may be plain text, HTML, or HTML with escaped
    tags.
    """
    if "<" not in text and "&lt;" in text:
        text = unescape(text)
    if re.search(r"</|<br|<p>", text):
        return text
    return "".join(f"<p>{escape(line)}</p>" for line in text.split("\n") if line)


def hint_body(shown: str, url: str, title: str, hint: SourceHint | None) -> RenderedText:
    """Returns the whole text from the feed or API (`hint`, None if there is no hint) if the text on the page (`shown`)
    is only its beginning, or only a notice such as "You need JavaScript". Otherwise returns an empty text.
    """
    longest = 1.15 * len(shown) + 20
    if hint is None or len(_TAGS.sub("", hint.body_html)) <= longest:  # nearly all pages show the whole text
        return NO_TEXT
    whole = body_of_html(hint.body_html, url, title)
    if len(whole) <= longest:
        return NO_TEXT
    is_notice_only = len(shown) <= _NOTICE and len(whole) > 5 * len(shown)
    return whole if is_notice_only or _starts_like(shown, whole.text) else NO_TEXT


def _starts_like(part: str, whole: str) -> bool:
    return fold_text(part[:400])[:120] in fold_text(whole[: 4 * len(part[:400]) + 2_000])


def body_of_html(fragment: str, url: str, title: str = "") -> RenderedText:
    """Returns the text of a post whose HTML, `fragment`, a feed or an API gives. `url` is the post's address."""
    page = parse_page(f"<html><body><div class='archiver-whole'>{fragment}</div></body></html>", url)
    index, top = page.index, page.index.first(".archiver-whole")
    if top is None:
        return NO_TEXT
    skip = {e for table in platform_tables() for rule in index.present(table.drop) for e in index.select(rule)} - {top}
    return _render(page, lay_out(top, skip, index.texts), top, KnownBoilerplate(title, hosts=page.hosts[:2]))


def render_container(
    page: Page, post: Post, top: Element, title: str, beside: BylineBlock, extra_drop: Iterable[str] = ()
) -> RenderedText:
    """Returns the text of the element `top` with the usual boilerplate removed, and without the title and the byline
    (`beside`), which are other fields.

    `extra_drop` are selectors of further elements to leave out.
    """
    skip = _elements_to_skip(page, extra_drop) | _beside_text(post, top)
    around = top.getparent() if next(_footnotes_after(top), None) is not None else None
    layout = lay_out(top if around is None else around, skip, page.index.texts_if_read)
    return _render_post(post, layout, top, _known_boilerplate(page, title, beside, top))


def _footnotes_after(top: Element) -> Iterator[Element]:
    """Yields the elements with footnotes that follow the element `top` directly, perhaps after a line (<hr>). Sphinx
    and others put the footnotes of a text beside the element with the text.
    """
    following = (e for e in top.itersiblings() if isinstance(e.tag, str) and e.tag != "hr")
    return takewhile(_is_footnote, following)


def _beside_text(post: Post, top: Element) -> set[Element]:
    """Returns the elements that `top` may contain, but that are not text of the post: the post's meta blocks (lines
    with its date, authors and terms), other articles on the page, and dialogs.
    """
    title = post.title
    dialogs = (e for e in post.page.index.select("[role=dialog]") if title is None or not is_below(title, e))
    return {*post.meta_blocks, *meta_blocks_in(top), *other_articles(post), *dialogs} - {top}


def _render_post(
    post: Post, plan: BlockLayout, top: Element, known: KnownBoilerplate, weights: list[float] | None = None
) -> RenderedText:
    """Returns the text of a post in the element `top`. If no text would remain without the title, the title is kept as
    text, unless the title's element, or a heading with the same words, is in `top`.

    `plan` is the layout of the page, `known` is what belongs to other fields, and `weights` is as in `text_blocks`.
    """
    text = _render(post.page, plan, top, known, weights or [])
    if text or not known.title or (post.title is not None and is_below(post.title, top)):
        return text
    titled = _render(post.page, plan, top, replace(known, title=""))
    is_heading = bool(titled.blocks) and all(block.element.tag in HEADINGS for block in titled.blocks)
    return text if is_heading else titled


def _render(
    page: Page, plan: BlockLayout, top: Element, known: KnownBoilerplate, weights: list[float] | None = None
) -> RenderedText:
    lo, hi = plan.spans.get(top, (0, 0))
    for notes in _footnotes_after(top):
        hi = max(hi, plan.spans.get(notes, (hi, hi))[1])
    blocks = text_blocks(plan, lo, hi, known, weights or [])
    return RenderedText(tidy_body(written_text(blocks, plan)), page, top, plan, tuple(blocks))


def _elements_to_skip(page: Page, extra: Iterable[str] = ()) -> set[Element]:
    index, generic = page.index, by_name("generic")
    tables = [page.platform] if page.platform is generic else [page.platform, generic]
    rules = index.present(tuple(rule for table in tables for rule in (*table.drop, *table.walls)))
    own = (e for selector in extra for e in page.ask(selector) if not isinstance(e, str))
    most = page.text_length / 2  # what a rule for boilerplate finds there is the text itself
    found = (e for rule in rules for e in index.select(rule) if index.text_length(e) <= most)
    ruled = (e for e in found if not _is_whole_heading(e))
    main = page.main_content
    beside = (e for e in index.tag("aside", "nav", "footer") if main is not None and not is_below(e, main))
    return {*own, *ruled, *(e for e in beside if main is None or not is_below(main, e))}


def _is_whole_heading(el: Element) -> bool:
    """Returns True if an element is a link that contains all the text of a heading. False for a permalink sign beside
    the text.
    """
    parent = el.getparent() if el.tag == "a" else None
    return parent is not None and parent.tag in HEADINGS and element_line(parent) == element_line(el) != ""


def _known_boilerplate(page: Page, title: str, beside: BylineBlock, top: Element) -> KnownBoilerplate:
    elements = tuple(e for e in beside.elements if e is not top and not is_below(top, e))
    order, known = page.index.order, fold_text(title)
    heads = (h for h in islice(page.index.tag("h1"), _TRIED) if order[h] < order[top] and not is_below(top, h))
    is_above = bool(known) and any(fold_text(element_line(h)) == known for h in heads)
    authors = page.data.texts(page.data.article(page.addresses), "author")
    people = tuple(name for name in (*beside.names, *page.data.meta("author"), *authors) if " " in name)
    return KnownBoilerplate(title, beside.lines, elements, people, is_above, page.hosts[:2])


def _body_on_page(page: Page, post: Post, title: str, beside: BylineBlock) -> Body:
    own = post.body
    is_known = post.body_rule in page.platform.body and page.platform.name != "generic"
    if own is not None and is_known and 3 * page.index.text_length(own) > page.text_length:
        text = render_container(page, post, own, title, beside)
        if 3 * len(text) > page.text_length:  # nothing else on the page can be much longer
            return Body(text, "platform", post.body_rule, 0.95)
    everything = next(iter(page.index.tag("body")), page.root)
    plan = lay_out(everything, _elements_to_skip(page) | _beside_text(post, everything), page.index.texts)
    weights = text_weights(plan, page.hosts[:2])
    sums = plan.prefix_sums(weights)
    top = heaviest_container(plan, sums, post.title)
    source, locator, confidence = "density", f"<{top.tag}>", 0.7
    best, named = _weight_of(plan, sums, top), 0.0
    if own is not None and not _is_in_other_column(post.title, own, top, 2 * _weight_of(plan, sums, own) < best):
        named = _weight_of(plan, sums, own)
        if is_known and best <= 3 * named + 600:
            top, source, locator, confidence = own, "platform", post.body_rule, 0.95
        elif not is_known and best <= 1.4 * named + 400 and not (named < _MENU_SHARE * best and is_below(top, own)):
            top, source, locator, confidence = own, "class", post.body_rule, 0.85
    known = _known_boilerplate(page, title, beside, top)
    is_introduced = source != "platform" or 2 * named < best
    text = _render_post(post, plan, top, known, weights if is_introduced else None)
    if source == "density" and text_width(text.text) < _SHORT:
        return _short_text(post, plan, title, beside, Body(text, source, locator, confidence))
    return Body(text, source, locator, confidence)


def _is_in_other_column(title: Element | None, own: Element, top: Element, is_small: bool) -> bool:
    """Returns True if the element for which the page has a rule (`own`) has much less text than `top` (`is_small`) and
    is in another column of the page than `top` and the heading.
    """
    if title is None or not is_small or is_below(top, own):
        return False
    column = next((at for at in (top, *top.iterancestors()) if is_below(title, at)), None)
    return column is not None and not is_below(own, column)


def _weight_of(plan: BlockLayout, sums: list[float], el: Element) -> float:
    a, z = plan.spans.get(el, (0, 0))
    return sums[z] - sums[a]


def _short_text(post: Post, plan: BlockLayout, title: str, beside: BylineBlock, found: Body) -> Body:
    """Returns the text of a short post, which cannot be found by the weights of blocks: a sidebar or a footer may be as
    long. It is `found`, unless the page has an entry of the post and this text is outside of it; then it is the text of
    an element in the entry whose name is one for text, or of the whole entry. It is "" if such an element contains only
    a picture or a recording.
    """
    entry, top, main = _entry(post, plan, beside), found.rendered.top, post.page.main_content
    inner = main if main is not None and entry is not None and is_below(main, entry) else entry
    if inner is None or (found.text and top is not None and is_below(top, inner)):
        return found if found.text else _declared_text(post.page)
    order = post.page.index.order
    start = order[post.title] if post.title is not None else 0
    below = (e for e in inner.iter("div", "section") if order[e] > start and e in plan.spans and not post.is_noise(e))
    boxes = (*islice((e for e in below if is_named_text(e) or _CONTENT_NAME.search(class_and_id(e))), _TRIED), inner)
    for box in boxes:
        text = _render_post(post, plan, box, _known_boilerplate(post.page, title, beside, box))
        if inner is not main and inner.tag != "article" and len(found.text) > len(text) + _LITTLE:
            break
        if text or next(box.iter(*MEDIA_TAGS), None) is not None:
            return Body(text, "position", f"<{box.tag}>", 0.6)
    return found if found.text else _declared_text(post.page)


def _entry(post: Post, plan: BlockLayout, beside: BylineBlock) -> Element | None:
    """Returns the element with all parts of the post: the <article> around its title, or the only <article> on the
    page, or the main content or a small box around the title, or else the element around its byline.
    """
    title, main = post.title, post.page.main_content
    if title is not None and (entry := next(title.iterancestors("article"), None)) is not None:
        return entry
    articles = [e for e in post.page.index.tag("article") if not post.is_noise(e)]
    if len(articles) == 1:
        return articles[0]
    if title is None or (main is not None and is_below(title, main)):
        return main if title is not None else None
    order, known = post.page.index.order, fold_text(element_line(title))
    for at in islice(title.iterancestors(), _LEVELS):
        if at.tag in _OUTER or _HEADER_NAME.search(class_and_id(at)):
            break
        below = (b for b in plan.blocks[slice(*plan.spans.get(at, (0, 0)))] if order[b.element] > order[title])
        if any(b.linked < LINKED * b.size and fold_text(b.text) != known for b in below):
            return at
    lines = (e for e in post.page.index.elements if order[e] > order[title] and is_meta_block(e))
    line = next((e for e in (*beside.elements, *islice(lines, _TRIED)) if not post.is_noise(e)), None)
    around = line.iterancestors() if line is not None else ()
    return next((at for at in around if not _HEADER_NAME.search(class_and_id(at))), None)


def _declared_text(page: Page) -> Body:
    declared = next(iter(page.data.texts(page.data.article(page.addresses), "articleBody")), "")
    if declared:
        return Body(RenderedText(clean_text(declared)), "json-ld", "articleBody", 0.6)
    return Body(NO_TEXT, "", "", 0.0)
