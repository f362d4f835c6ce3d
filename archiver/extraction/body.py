"""Extracts the body of a post: finds the element that contains the text (the container), and removes everything that is
not part of the text.

The text of a page is read as blocks, such as paragraphs (see `body_blocks`). Block ranges are given as (first, end),
where `end` is the index after the last block.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from html import escape, unescape
from itertools import islice, takewhile
from math import inf
from typing import NamedTuple

from lxml import etree
from lxml.etree import _Element as Element

from archiver.extraction.blocks import (
    COMMENT_LISTS,
    LONG,
    BlockLayout,
    TextBlock,
    covered_total,
    ends_the_post,
    heads_other_pages,
    heads_related_posts,
    is_footer_name,
    is_notice,
    is_picture_name,
    lay_out,
    media_of,
    names_neighbour,
    points_to_other_page,
    text_width,
    written_text,
)
from archiver.extraction.body_markup import find_markup
from archiver.extraction.bylines import BylineBlock
from archiver.extraction.date_parser import text_around_date
from archiver.extraction.listing_addresses import kind_of_address
from archiver.extraction.metadata import article_html
from archiver.extraction.normalization import clean_text, element_line, fold_text, has_text, tidy_body
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

_ASCII_SIGNS = bytes(n for n in range(128) if not chr(n).isalnum())
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_DROP_TAGS = frozenset({"nav", "footer", "form", "aside", "button", "figcaption"})
_TEMPLATE = lazy_regex(
    r"\{\{.*\}\}|\{%.*%\}|(?:\{/[\w-]+\}\s*)+|\[/?[\w-]+(?:[ =\"'][^\[\]]*)?\]|<[\w-]+[^>]*>", re.DOTALL
)
# Matches a caption to which the text refers: "Figure 3.", "Fig. 3", "Abb. 3", "图3".
_FIGURE = lazy_regex(
    r"(?:fig(?:ure|\.)?|table|chart|abb(?:ildung|\.)|tab(?:elle|\.)|рис(?:унок|\.)|hình|şekil|[图圖図表])\s*#?\d",
    re.IGNORECASE,
)
_FOOTNOTE_ROLES = frozenset({"doc-footnote", "doc-endnotes", "doc-endnote"})
_FOOTNOTE_CLASS = lazy_regex(r"(?:^|[\s_-])(?:foot|end)notes?(?:$|[\s_-])", re.IGNORECASE)
_WITH_STYLE = etree.XPath("//*[contains(@style, '-9')]")
_OFF_SCREEN = lazy_regex(
    r"(?:^|[;\s])(?:left|right|top|text-indent|margin-left|margin-top)\s*:\s*-9\d{2,}(?:px|r?em)", re.IGNORECASE
)
_MAX_ROWS = 20
_COMMENTS = "form for comments"
"""What `_boilerplate_mark` returns for a form for comments, which is never part of the text, however short the
post is."""
_ABOVE_COMMENTS = 150.0
_CLOCK = lazy_regex(r"(?<!\d)[0-2]?\d[:.h時点][0-5]\d(?!\d)")
_DATE_LINES, _DATE_LINE_LENGTH, _DATE_LINE_LETTERS = 3, 100, 30
"""At most `_DATE_LINES` lines at the start of a text are removed as lines with only a date. Such a line has at most
`_DATE_LINE_LENGTH` characters, and at most `_DATE_LINE_LETTERS` letters besides its dates."""
_COMMENT_FORM = 1_500  # the labels and notes of a comment form have fewer letters than this
_NEIGHBOUR_RELS = frozenset({"prev", "next", "previous"})
_HASHTAGS = lazy_regex(r"(?:#[^\W\d_][^\s#]*[\s,]*){2,}")
_TOOL_ADDRESS = lazy_regex(
    r"^mailto:|^javascript:|^#(?:top|up|oben|haut|arriba|topo|inicio|verkh|gora)?$|#(?:comments?|respond|disqus_thread|kommentare?|commentaires?|comentarios?|komentarze?)\b|"
    r"/(?:feed|trackback)/?$|(?:^|[/?&=_.-])(?:print|printer|mailto|email|sendmail|send|drucken|imprimir|imprimer|stampa|yazdir|pechat|drukuj|"
    r"tisk|nyomtat|afdrukken|skriv-?ut|tulosta)\b|^print",
    re.IGNORECASE,
)
"""Matches the addresses of links that are tools of the page: to the comments, their feed, the print view or the top, or
for sending the page by mail."""
_WHOLE_SENTENCE = lazy_regex(r"\w{2,}[.?。？؟।][\"'”’»)」』]*$")
_LETTER = lazy_regex(r"[^\W_]")
"""Matches a letter or digit."""
_WORD = lazy_regex(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")
"""Matches a word, or one character of a script without spaces between words."""
_FEW_LABEL_WORDS = 3
_QUOTES = frozenset({"blockquote", "aside", "figure"})
_START = 8
_OWN_TEXT = frozenset({"code", "pre", "td", "th", "tr", "table", "tbody", "body", "main", "article", *HEADINGS})


@dataclass(frozen=True, slots=True)
class KnownBoilerplate:
    """Parts of a page that are not body text because they belong to other fields, and facts that help to find them.

    - `title`: the title.
    - `lines`, `elements`: the lines and the elements of the byline.
    - `people`: the authors' names.
    - `is_titled_above`: True if an <h1> with the title stands above the element whose text is read.
    - `hosts`: the hosts of the page's own addresses.
    - `descriptions`: the folded texts with which the page describes the post in its metadata. A line with such a text
      below the title is the standfirst.
    """

    title: str = ""
    lines: tuple[str, ...] = ()
    elements: tuple[Element, ...] = ()
    people: tuple[str, ...] = ()
    is_titled_above: bool = False
    hosts: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()


def boilerplate_spans(
    layout: BlockLayout, lo: int, hi: int, size: list[float], share: float = 0.5
) -> list[tuple[int, int]]:
    """Returns the block ranges, as (first, end), of the elements in a container that are marked as boilerplate by their
    tag, an attribute, their class or their id.

    The container's blocks are those from `lo` up to but not including `hi`; `size` are the prefix sums of the sizes of
    all blocks. A mark is ignored if one element with it, or all of them together, contain more than `share` of the
    container's text. Forms for comments, and some other marks of texts that may be long, are never ignored.
    """
    whole = size[hi] - size[lo]
    found: dict[str, list[tuple[int, int]]] = {}
    for el, (a, z) in layout.spans.items():
        if a == z or a < lo or z > hi or (a == lo and z == hi and el.tag != "figcaption"):
            continue
        if el.tag in _OWN_TEXT and not (
            _is_caption_cell(el) or _is_comment(layout, el) or _is_box_of_links(layout, el)
        ):
            continue
        why = _boilerplate_mark(layout, el)
        if not why and z - a <= _CAPTION_LINES and size[z] - size[a] <= _MAX_CAPTION and _is_picture_box(el):
            why = _PICTURE_BOX
        if not why:
            continue  # true of most elements
        limit = max(share * whole, _MAX_CAPTION if why == "figcaption" else 0.0)
        is_small = why == _COMMENTS or size[z] - size[a] <= limit or _is_below_text(why, size[a] - size[lo])
        is_code = sum(b.size for b in layout.blocks[a:z] if b.is_code) > (size[z] - size[a]) / 2
        if is_small and not is_code and not _is_text_after_all(why, el, layout.blocks[a:z]):
            found.setdefault(why, []).append((a, z))
    # A mark does not count if its elements contain most of the text.
    sound = [
        spans
        for why, spans in found.items()
        if why in LONG
        or why == _COMMENTS
        or covered_total(spans, size) <= share * whole
        or _is_one_caption(why, spans, size)
    ]
    return [span for spans in sound for span in spans]


def _is_one_caption(why: str, spans: list[tuple[int, int]], size: list[float]) -> bool:
    """Returns True if a mark (`why`) occurs only once, at a short caption. Such a caption is not the text of a post,
    even if the post has no other text. Several captions, or a long one, may tell the story.
    """
    return why == "figcaption" and len(spans) == 1 and covered_total(spans, size) <= _MAX_CAPTION


def _boilerplate_mark(layout: BlockLayout, el: Element) -> str:
    """Returns what shows that an element is boilerplate: a word in its class or id, its tag, "hidden", or `_COMMENTS`
    for a form for comments. Returns "" if nothing does.
    """
    if el.tag == "form" and _is_comment_form(el):
        return _COMMENTS
    why = layout.boilerplate_word(el) or (el.tag if el.tag in _DROP_TAGS else "")
    if "footer" in why and any(around.tag == "blockquote" for around in islice(el.iterancestors(), 2)):
        return ""  # the footer of a quotation says who is quoted
    return why or ("hidden" if el.get("aria-hidden") == "true" else "")


def _is_below_text(why: str, above: float) -> bool:
    """Returns True if an element is a list of comments below the text of a post. `why` is the word that marks the
    element as boilerplate, and `above` is the number of letters above it.
    """
    return why in COMMENT_LISTS and above >= _ABOVE_COMMENTS


def _is_comment(layout: BlockLayout, el: Element) -> bool:
    """Returns True if the class or id of an <article> says that it is a comment on the post."""
    return el.tag == "article" and layout.boilerplate_word(el) == "comment"


def _is_box_of_links(layout: BlockLayout, el: Element) -> bool:
    """Returns True if a <table> is the box of links to other pages that wikis have."""
    return el.tag == "table" and layout.boilerplate_word(el) == "navbox"


def _is_comment_form(form: Element) -> bool:
    """Returns True if a form is for writing a comment, and is not a form around the whole page."""
    if next(form.iter("textarea"), None) is None or next(form.iter("h1", "article", "main"), None) is not None:
        return False
    return not has_text(form, _COMMENT_FORM)


def _is_text_after_all(why: str, el: Element, blocks: list[TextBlock]) -> bool:
    """Returns True if an element is text of the post although it is marked as boilerplate by `why`, a word in its class
    or id, or its tag. Examples are a button in a heading and a long <aside>. `blocks` are the text blocks of the
    element.
    """
    if why == "button":
        parent = el.getparent()
        return parent is not None and parent.tag in (*HEADINGS, "dt", "summary", "li")
    if any(_is_footnote(at) for at in (el, *islice(el.iterancestors(), 3))):
        return True
    if why in ("figcaption", "caption", _PICTURE_BOX):
        return _FIGURE.match(blocks[0].text) is not None or _is_caption_of_text(el)
    if why == "aside":
        if blocks and next(el.iter("blockquote"), None) is not None:
            return True
        return sum(b.size for b in blocks) > 400 and sum(b.linked for b in blocks) < 40
    return False


def _is_picture_box(el: Element) -> bool:
    """Returns True if an element is a box for a picture, as its class says, and contains one. Its text is a caption."""
    names = el.get("class")
    return bool(names) and is_picture_name(names) and next(el.iter("img", "picture"), None) is not None


def _repeats_picture(layout: BlockLayout, lo: int, hi: int) -> Iterator[int]:
    """Yields the indexes of the blocks between `lo` and `hi` that are captions: they have the same words as the
    alternative text of the picture above them. A heading is no caption.
    """
    blocks = layout.blocks
    for one in layout.media:
        i = one.before
        is_above = lo <= i < hi and blocks[i].element.tag not in HEADINGS
        if is_above and (alt := _picture_text(one.element)) and _is_caption_text(blocks[i].text, alt):
            yield i
    for i in range(lo, hi):
        b = blocks[i]
        if "" in b.texts and b.element.tag not in HEADINGS and b.size <= _MAX_REPEATED:
            alts = map(_picture_text, media_of(b.texts, b.origins))
            if any(alt and _is_caption_text(b.text, alt) for alt in alts):
                yield i


def _picture_text(el: Element) -> str:
    alt = el.get("alt") or el.get("title") or "" if el.tag == "img" else ""
    return alt if len(alt) >= _MIN_REPEATED else ""


def _is_caption_text(text: str, alt: str) -> bool:
    """Returns True if a text has the words of a picture's alternative text, perhaps with a credit after them."""
    if not 0 <= len(text) - len(alt) + _SPACES <= _MAX_CREDIT + _SPACES or _FIGURE.match(text):
        return False
    words, known = fold_text(text), fold_text(alt)
    return words == known or (len(known) >= _LONG_ALT and words.startswith(known))


def _is_caption_cell(el: Element) -> bool:
    return el.tag == "td" and "caption" in (el.get("class") or "")


def _is_caption_of_text(el: Element) -> bool:
    """Returns True if an element is the caption of a table, a quotation or code, not of a picture. HTML has the same
    markup for both.
    """
    figure = next((at for at in (el, *islice(el.iterancestors(), 3)) if at.tag == "figure"), None)
    if (
        figure is None
        or next(figure.iter("img", "picture", "video", "audio", "iframe", "svg", "noscript"), None) is not None
    ):
        return False
    return next(figure.iter("table", "pre", "blockquote"), None) is not None


def _is_footnote(el: Element) -> bool:
    return (
        (el.get("role") or "") in _FOOTNOTE_ROLES
        or el.get("data-footnotes") is not None
        or _FOOTNOTE_CLASS.search(el.get("class") or "") is not None
    )


# The names of a standfirst in classes, in the languages of websites.
_STANDFIRST_NAME = lazy_regex(
    r"(?:^|[\s_-])(?:stand-?first|sub-?title|sub-?head(?:line|ing)?|sub-?deck|dek|deck|excerpt|vorspann|unter(?:titel|zeile)|"
    r"chap[oô]|bajada|copete|entradilla|sub-?titulo|subtítulo|linha-?fina|sottotitolo|occhiello|catenaccio|ingress|"
    r"manchet|underrubrik|zajawka|podtytul|perex|podtitul|podnaslov|alcim|spot-?metin|podzagolovok|sapo)(?:$|[\s_-])",
    re.IGNORECASE,
)
_MIN_TWICE = 60.0
"""A heading, an item of a list or some lines of a song may occur twice if they have fewer letters than this."""
_SHORTEST_STANDFIRST, _SHORTEST_INTRO, _STANDFIRST_LEVELS = 20.0, 60.0, 2
_ABSOLUTE = lazy_regex(r"(?:https?:)?//", re.IGNORECASE)
_HOST = lazy_regex(r"(?:https?:)?//[^/?#:]+", re.IGNORECASE)
_LISTS = frozenset({"ul", "ol", "dl", "table", "div", "section"})
_NO_CARD = frozenset({"body", "main", *HEADINGS})
_MAX_CAPTION = 200.0
_PICTURE_BOX, _CAPTION_LINES = "picture", 2
"""The mark of a box for a picture, and the number of blocks that its caption has at most."""
_MIN_REPEATED, _MAX_REPEATED, _LONG_ALT, _MAX_CREDIT, _SPACES = 25, 600.0, 30, 80, 10
"""An alternative text with fewer than `_MIN_REPEATED` letters may be a word of the text. After one of `_LONG_ALT`
letters or more, a caption may have a credit of `_MAX_CREDIT` letters. It may lack `_SPACES` letters of white space."""
_CARD_LEVELS, _CARD_LINES = 4, 6
"""A link that is laid over a card is at most `_CARD_LEVELS` levels below the card's element, and the card has at most
`_CARD_LINES` blocks."""
_EXCERPTS = 3
"""A list of other posts has at least this many excerpts. Fewer may be quotations in the post."""
_CUT_OFF = lazy_regex(r"(?:…|\.\.\.)[\])\s]*$")
_MAX_LABEL, _MAX_TEASER, _BEFORE_TITLE, _TEXT_ABOVE_LIST = 60, 500, 25, 60.0
"""Limits, in letters, for lists of other posts. A line with more than `_MAX_LABEL` is a teaser, which has at most
`_MAX_TEASER`. A date or category before a title has at most `_BEFORE_TITLE`. A list with less text above it than
`_TEXT_ABOVE_LIST` may be the text of the post itself."""


def text_blocks(
    layout: BlockLayout, lo: int, hi: int, known: KnownBoilerplate, weights: list[float] | None = None
) -> list[TextBlock]:
    """Returns the blocks of a container that are text of the post, in reading order. Left out are boilerplate and the
    parts of the page that belong to other fields (`known`).

    The container's blocks are those from `lo` up to but not including `hi`. If `weights` (from `text_weights`) are
    given, prose between the title and the container is included.
    """
    blocks = layout.blocks
    size = layout.prefix_sums([b.size for b in blocks])
    intro = _intro_blocks(layout, lo, hi, known, weights)
    excluded = bytearray(len(blocks))
    for a, z in [*boilerplate_spans(layout, lo, hi, size), *_byline_spans(layout, known, size, size[hi] - size[lo])]:
        excluded[a:z] = b"\1" * (z - a)
    for i in _repeats_picture(layout, lo, hi):
        excluded[i] = 1
    start = _text_start(blocks, lo, hi, excluded, size, known)
    end = _text_end(blocks, start, hi, excluded, size)
    for a, z in related_lists(layout, start, end, known.hosts):
        if sum(b.size for n, b in enumerate(blocks[start:a], start) if not excluded[n]) >= _TEXT_ABOVE_LIST:
            excluded[a:z] = b"\1" * (z - a)
    by_paragraphs = _uses_paragraphs(blocks, start, end, excluded)
    meta = {fold_text(one) for one in known.lines} - {""}
    is_alone = hi - lo == 1 and not excluded[lo]
    for i in range(start, end):
        if not excluded[i] and _is_boilerplate(blocks[i], by_paragraphs, meta if i < start + 8 else set()):
            excluded[i] = 1
    _drop_date_lines(blocks, start, end, excluded)
    _drop_link_lists(blocks, start, end, excluded)
    _drop_link_labels(blocks, start, end, excluded, known.hosts)
    _drop_rows(blocks, start, end, excluded)
    _drop_repeated(blocks, start, end, excluded)
    _drop_author_notes(blocks, start, end, excluded, size, known.people)
    _drop_empty_headings(layout, start, end, excluded)
    text = [*intro, *(blocks[i] for i in range(start, end) if not excluded[i])]
    return text or [b for b in blocks[start:end] if is_alone and _is_link_of_post(b)]


def _is_link_of_post(b: TextBlock) -> bool:
    """Returns True if a link, the only block of a container, may be all that its post says. It must lead to another
    page on the web, and not to a tag, a tool of the page, a neighbouring post or the rest of the text.
    """
    if _is_tag_row(b) or _is_neighbour_row(b) or points_to_other_page(b.text) or not _LETTER.search(b.text):
        return False
    return any(_ABSOLUTE.match(a.get("href") or "") for a in b.element.iter("a"))


def _byline_spans(
    layout: BlockLayout, known: KnownBoilerplate, size: list[float], whole: float
) -> list[tuple[int, int]]:
    """Returns the block ranges of the byline's elements, except those with 30 % or more of the container's text. `size`
    are the prefix sums of the blocks' sizes, and `whole` is the size of the container.
    """
    spans = (layout.spans[el] for el in known.elements if el in layout.spans)
    return [(a, z) for a, z in spans if size[z] - size[a] < 0.3 * whole]


def _intro_blocks(
    layout: BlockLayout, lo: int, hi: int, known: KnownBoilerplate, weights: list[float] | None
) -> list[TextBlock]:
    """Returns the standfirst between the title and a container and, if `weights` are given, the blocks of prose there;
    [] if the title is not above the container. The container's blocks are those from `lo` up to but not including `hi`,
    and its first words are not repeated.

    The first paragraph of a post is often outside the element with the rest of its text.
    """
    title, blocks = fold_text(known.title), layout.blocks
    if not title:
        return []
    for i in range(lo - 1, max(-1, lo - 25), -1):
        if len(blocks[i].text) < 2 * len(known.title) + 20 and fold_text(blocks[i].text) == title:
            captions = set(_repeats_picture(layout, i + 1, lo))
            begin = _letters(" ".join(b.text for b in blocks[lo : min(hi, lo + _START)]))
            return [
                b
                for n, b in enumerate(blocks[i + 1 : lo], i + 1)
                if (_is_standfirst(b, known.descriptions) or (weights and _is_intro(b, weights[n])))
                and n not in captions
                and not is_notice(b.text)
                and not _is_in_caption(b)
                and _letters(b.text) not in begin
            ]
    return []


def _is_intro(b: TextBlock, weight: float) -> bool:
    return weight >= _SHORTEST_INTRO and b.element.tag in ("p", "div")


def _is_standfirst(b: TextBlock, descriptions: tuple[str, ...]) -> bool:
    """Returns True if a block below the title is the standfirst: its class says so, or it has the text with which the
    page describes the post.
    """
    if b.linked or not _SHORTEST_STANDFIRST <= b.size <= _MAX_TEASER or _is_date_line(b.text):
        return False
    around = (b.element, *islice(b.element.iterancestors(), 1))
    if any(_STANDFIRST_NAME.search(e.get("class") or "") for e in around):
        return True
    text = fold_text(b.text)
    return any(text == known or (len(text) > _MAX_LABEL and known.startswith(text)) for known in descriptions)


def _is_in_caption(b: TextBlock) -> bool:
    """Returns True if a block is in the caption of a picture."""
    around = (b.element, *islice(b.element.iterancestors(), _CAPTION_LINES))
    return any(e.tag == "figcaption" for e in around) or (b.size <= _MAX_CAPTION and any(map(_is_picture_box, around)))


def _text_start(
    blocks: list[TextBlock], lo: int, hi: int, excluded: bytearray, size: list[float], known: KnownBoilerplate
) -> int:
    """Returns the index of the block where the text begins. It is the block after the title if the title is near the
    start of the container, otherwise `lo`. The container's blocks are those from `lo` up to but not including `hi`;
    `size` are the prefix sums of the sizes of all blocks.

    If much text precedes the title in the container, or if the title also stands above the container, the title is only
    a heading in the text, as in the card of a recipe. Then only this heading is left out (its byte in `excluded` is set
    to 1), and the text above it is kept.
    """
    title = known.title
    names = {fold_text(title), fold_text(max(TITLE_PARTS.split(title), key=len))} - {""}
    if not names:
        return lo
    whole = size[hi] - size[lo]
    for i in range(lo, hi):
        if size[i] - size[lo] > 0.15 * whole + 300:
            break
        if not excluded[i] and len(blocks[i].text) < 2 * len(title) + 20 and fold_text(blocks[i].text) in names:
            above = sum(b.size for n, b in enumerate(blocks[lo:i], lo) if b.size > 80 and not excluded[n])
            if above < (1.0 if known.is_titled_above else 400.0):
                return i + 1
            excluded[i] = 1
    return lo


def _text_end(blocks: list[TextBlock], lo: int, hi: int, excluded: bytearray, size: list[float]) -> int:
    """Returns the index of the block after the end of the text. This is the first heading that introduces other posts,
    the author or comments, or `hi` if there is no such heading.

    The container's blocks are those from `lo` up to but not including `hi`; `size` are the prefix sums of the sizes of
    all blocks. Blocks whose byte in `excluded` is 1 do not count.
    """
    whole = size[hi] - size[lo]
    for i in range(lo + 1, hi):
        b = blocks[i]
        if excluded[i] or size[hi] - size[i] > 0.4 * whole or len(b.text) > 100:
            continue
        if (b.element.tag in HEADINGS or b.size < 60) and ends_the_post(b.text):
            rest = sum(x.size - x.linked for x in blocks[i + 1 : hi] if x.size > 80 and x.linked < 0.3 * x.size)
            if rest < 0.06 * whole + 200:
                return i
    return hi


def _uses_paragraphs(blocks: list[TextBlock], lo: int, hi: int, excluded: bytearray) -> bool:
    """Returns True if most of the text is in <p>, <li> and the like. A <div> with a few words is then not part of the
    text. The text is in the blocks from `lo` up to but not including `hi`; those whose byte in `excluded` is 1 do not
    count.
    """
    whole = p = 0.0
    for i in range(lo, hi):
        if not excluded[i]:
            whole += blocks[i].size
            if blocks[i].is_code or blocks[i].element.tag in ("p", "li", "blockquote", "tr"):
                p += blocks[i].size
    return p > 0.7 * whole


def _is_boilerplate(b: TextBlock, by_paragraphs: bool, meta: set[str]) -> bool:
    """Returns True if a block is not text of the post: punctuation, template code, a label, a link, a line of the
    byline (`meta`) or a notice. `by_paragraphs` is the result of `_uses_paragraphs`.
    """
    if b.is_code:
        return False
    if not _LETTER.search(b.text) or _TEMPLATE.fullmatch(b.text):
        return True
    if (by_paragraphs and _is_label(b)) or (meta and len(b.text) < 260 and fold_text(b.text) in meta):
        return True
    return is_notice(b.text) or (b.linked > 0 and (points_to_other_page(b.text) or _is_labelled_links(b)))


def _is_labelled_links(b: TextBlock) -> bool:
    """Returns True if a block is a list of links to other posts, below a first line that is their label, such as "Read
    also".
    """
    label, _, below = b.text.partition("\n")
    return bool(below) and b.linked > 0.8 * text_width(below) and heads_related_posts(label)


def _is_label(b: TextBlock) -> bool:
    """Returns True if a block among paragraphs is a label and not text: a short <div> that is no footnote."""
    is_short = b.size < 60 or (b.size < 120 and b.linked > 0.6 * b.size)
    return b.element.tag == "div" and is_short and not _is_footnote(b.element)


def _drop_link_labels(blocks: list[TextBlock], lo: int, hi: int, excluded: bytearray, hosts: tuple[str, ...]) -> None:
    """Excludes short paragraphs that are only a link and no sentence from the text, such as "Watch the video". A link
    of several words that leads to another site, whose hosts are not `hosts`, is text, unless it is repeated or an
    advertisement. The text is in the blocks from `lo` up to but not including `hi`; sets the bytes of the excluded ones
    in `excluded` to 1.
    """
    found = [i for i in range(lo, hi) if blocks[i].linked and not excluded[i] and _is_link_label(blocks[i])]
    counts = Counter(blocks[i].text for i in found)
    for i in found:
        if counts[blocks[i].text] > 1 or not _leads_elsewhere(blocks[i], hosts):
            excluded[i] = 1


def _is_link_label(b: TextBlock) -> bool:
    is_link = b.element.tag == "p" and b.size < 60 and b.linked > 0.8 * b.size and not b.is_code
    return is_link and not _in_list(b.element) and not _WHOLE_SENTENCE.search(b.text)


def _leads_elsewhere(b: TextBlock, hosts: tuple[str, ...]) -> bool:
    """Returns True if the links of a block lead to other sites and have several words."""
    links = list(_links_of(b))
    if b.size < _SHORTEST_STANDFIRST or len(_WORD.findall(b.text)) < _FEW_LABEL_WORDS or _is_in_quote(b.element):
        return False
    return bool(links) and all(
        _ABSOLUTE.match(a.get("href") or "") and not _is_on_site(a, hosts) and "sponsored" not in (a.get("rel") or "")
        for a in links
    )


def _drop_rows(blocks: list[TextBlock], lo: int, hi: int, excluded: bytearray) -> None:
    """Excludes rows of links from the text: links to tags at its start or end, and links to the next and the previous
    post at its end. The text is in the blocks from `lo` up to but not including `hi`; sets the bytes of the excluded
    ones in `excluded` to 1.
    """
    for i in range(lo, min(hi, lo + _MAX_ROWS)):
        if not excluded[i] and not _is_tag_row(blocks[i]):
            break
        excluded[i] = 1
    rows = 0
    for i in range(hi - 1, lo, -1):
        if not excluded[i]:
            rows += 1
            if rows > _MAX_ROWS or not (_is_tag_row(blocks[i]) or _is_neighbour_row(blocks[i])):
                break
            excluded[i] = 1


def _drop_date_lines(blocks: list[TextBlock], lo: int, hi: int, excluded: bytearray) -> None:
    """Excludes lines at the start of the text that consist of a date with its time of day and hardly a word more, such
    as "12.03.2021, 14:30, updated 13.03.2021, 09:00". The text is in the blocks from `lo` up to but not including `hi`;
    sets the bytes of the excluded ones in `excluded` to 1.
    """
    first = islice((i for i in range(lo, hi) if not excluded[i]), _DATE_LINES)
    for i in list(first):
        b = blocks[i]
        if len(b.text) > _DATE_LINE_LENGTH or b.is_code or not _CLOCK.search(b.text):
            continue
        if _is_date_line(b.text):
            excluded[i] = 1


def _is_date_line(text: str) -> bool:
    """Returns True if a text consists of one or several dates and a few words, such as "updated"."""
    rest, count = text, 0
    while count < _DATE_LINES and (around := text_around_date(rest)) is not None:
        rest, count = " ".join(around), count + 1
    return count > 0 and sum(map(str.isalpha, rest)) <= _DATE_LINE_LETTERS


def _drop_link_lists(blocks: list[TextBlock], lo: int, hi: int, excluded: bytearray) -> None:
    """Excludes lists of links to other posts from the text, with the heading or label above them ("Read also"). The
    text is in the blocks from `lo` up to but not including `hi`; sets the bytes of the excluded ones in `excluded` to
    1.
    """
    for i in range(lo, hi - 1):
        b = blocks[i]
        if excluded[i] or blocks[i + 1].linked <= 0.8 * blocks[i + 1].size or not heads_other_pages(b.text):
            continue
        if b.element.tag in HEADINGS or b.element is not blocks[i + 1].element:
            excluded[i] = 1
            for j in range(i + 1, hi):
                if blocks[j].linked <= 0.8 * blocks[j].size:
                    break
                excluded[j] = 1


def related_lists(layout: BlockLayout, lo: int, hi: int, hosts: tuple[str, ...]) -> list[tuple[int, int]]:
    """Returns the block ranges, as (first, end), of lists of other posts between the blocks `lo` and `hi`, with the
    label of each list ("Read also"). Their items may have teasers. A list is recognized by its label and not by its
    length, since it may be longer than a short post above it.

    A list is what follows the label in an element that begins with it, or the element after the label. All its links
    must lead to pages of the site, whose hosts are `hosts`, because a list of references may have such a label, too
    ("See also").

    Two kinds of lists need no label: rows of cards (see `_rows_of_cards`) and lists of excerpts (see
    `_lists_of_excerpts`).
    """
    blocks = layout.blocks
    found: list[tuple[int, int]] = []
    for i in range(lo, hi - 1):
        label = blocks[i]
        if len(label.text) > _MAX_LABEL or (label.linked and label.element.tag not in HEADINGS):
            continue
        if not any(b.linked for b in blocks[i + 1 : min(i + 4, hi)]) or not heads_related_posts(label.text):
            continue
        ends = (
            *_ends_from(layout, label.element, i, hi),
            *_ends_from(layout, blocks[i + 1].element, i + 1, hi, _LISTS),
        )
        end = next((z for z in ends if z > i + 1 and _are_cards(blocks[i + 1 : z], hosts)), None)
        if end is not None:
            found.append((i, end))
    return [*found, *_rows_of_cards(layout, lo, hi, hosts), *_lists_of_excerpts(layout, lo, hi, hosts)]


def _lists_of_excerpts(layout: BlockLayout, lo: int, hi: int, hosts: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Yields the block ranges, as (first, end), of lists of excerpts from other posts between the blocks `lo` and `hi`,
    with the heading above each list.

    Such a list has at least `_EXCERPTS` items. Each is a link to another page of the site, perhaps a date, and an
    excerpt that ends with an ellipsis. This form shows in any language that the list is not the post's text. A list in
    an element with other text is left in place, since a post may present other posts.
    """
    blocks, i = layout.blocks, lo
    while i < hi:
        targets, end = set[str](), i
        while (item := _excerpt_at(blocks, end, hi, hosts)) is not None and item[0] not in targets:
            targets.add(item[0])
            end = item[1]
        if len(targets) >= _EXCERPTS:
            above = blocks[i - 1] if i > lo else None
            is_headed = above is not None and above.element.tag in HEADINGS and above.size <= _MAX_LABEL
            around = (layout.spans.get(e, (i, 0)) for e in blocks[i].element.iterancestors())
            first, last = next(((a, z) for a, z in around if a <= i and z >= end), (lo, hi))
            if all(b.size <= _MAX_LABEL for b in (*blocks[first:i], *blocks[end:last])):
                yield i - is_headed, end
        i = max(end, i + 1)


def _excerpt_at(blocks: list[TextBlock], i: int, hi: int, hosts: tuple[str, ...]) -> tuple[str, int] | None:
    """Returns the address of the post to which block `i` links, and the end of the excerpt below it; None if there is
    no such link or no text that is cut off.
    """
    if i >= hi or blocks[i].is_code or blocks[i].linked <= 0.8 * blocks[i].size:
        return None
    links = [a for a in _links_of(blocks[i]) if a.get("href")]
    addresses = {a.get("href") or "" for a in links}
    if len(addresses) != 1 or not all(_is_on_site(a, hosts) for a in links):
        return None
    for end in range(i + 1, min(i + 3, hi)):
        below = blocks[end]
        if below.linked or below.is_code or below.size > _MAX_TEASER:
            return None
        if _CUT_OFF.search(below.text):
            return addresses.pop(), end + 1
        if below.size > _MAX_LABEL:
            return None
    return None


class _Card(NamedTuple):
    """A box about another page of the site, with a link without text laid over the whole box: the box's element, the
    range of its blocks, and the address to which the link leads.
    """

    element: Element
    lo: int
    hi: int
    target: str


def _rows_of_cards(layout: BlockLayout, lo: int, hi: int, hosts: tuple[str, ...]) -> list[tuple[int, int]]:
    """Returns the block ranges, as (first, end), of rows of cards between the blocks `lo` and `hi`, with the heading
    above each row. In such a card for another post, a link without text is laid over a title and a teaser, so that no
    text of the card is linked.

    A row has at least three cards, or two below a heading. Without a label such as "Read also", the cards must be in an
    element of their own, with less than twice the text above them; otherwise they may be what the post is about.
    """
    found: list[tuple[int, int]] = []
    row: list[_Card] = []
    cards = (one for a in layout.overlays if (one := _card_of(layout, a, hosts)) is not None)
    for card in cards:
        if card.lo < lo or card.hi > hi:
            continue
        if row and not _stands_beside(row[-1], card):
            found += _whole_row(layout, lo, row)
            row = []
        row.append(card)
    return found + _whole_row(layout, lo, row)


def _card_of(layout: BlockLayout, link: Element, hosts: tuple[str, ...]) -> _Card | None:
    """Returns the card over which `link`, a link without text, is laid: the smallest element around the link that has
    text. Returns None if this is not a card, because its text is too long, or because it links to several pages or to
    no page of the site.
    """
    around = ((e, layout.spans.get(e, (0, 0))) for e in islice(link.iterancestors(), _CARD_LEVELS))
    card, (lo, hi) = next(((e, (a, z)) for e, (a, z) in around if a < z), (layout.top, (0, 0)))
    if lo == hi or card.tag in _NO_CARD:
        return None
    blocks = layout.blocks[lo:hi]
    if len(blocks) > _CARD_LINES or any(b.is_code or b.size > _MAX_TEASER for b in blocks):
        return None
    links = [a for a in islice(card.iter("a"), _MAX_ROWS) if a.get("href") and (a is link or not _is_term_link(a))]
    targets = {(a.get("href") or "").partition("#")[0] for a in links}
    if len(targets) != 1 or "" in targets or not all(_is_on_site(a, hosts) for a in links):
        return None
    return _Card(card, lo, hi, targets.pop())


def _stands_beside(card: _Card, following: _Card) -> bool:
    """Returns True if `following` is the next card in the row of `card`: it follows directly, has the same form, and
    leads to another page.
    """
    one, other = card.element, following.element
    outer, next_outer = (islice(e.iterancestors(), 2) for e in (one, other))
    is_level = any(x is y for x, y in zip(outer, next_outer, strict=False))
    classes = [(e.get("class") or "").split() for e in (one, other)]
    is_alike = one.tag == other.tag and (classes[0] == classes[1] or not set(classes[0]).isdisjoint(classes[1]))
    return is_level and is_alike and following.lo == card.hi and following.target != card.target


def _whole_row(layout: BlockLayout, lo: int, row: list[_Card]) -> list[tuple[int, int]]:
    """Returns a list with one block range, that of a row of cards and the heading above it; [] if the cards may be text
    of the post. The text begins with block `lo`.
    """
    if len(row) < 2:
        return []
    blocks, first, end = layout.blocks, row[0].lo, row[-1].hi
    above = blocks[first - 1] if first > lo else None
    is_labelled = above is not None and heads_related_posts(above.text)
    is_headed = is_labelled or (above is not None and above.element.tag in HEADINGS and above.size <= _MAX_LABEL)
    if len(row) < 3 and not is_headed:
        return []
    if not is_labelled:
        outer = next((e for e in row[0].element.iterancestors() if is_below(row[-1].element, e)), layout.top)
        begin, last = layout.spans.get(outer, (lo, end))
        others = [*blocks[begin : first - is_headed], *blocks[end:last]]
        prose = sum(b.size for b in blocks[lo:first] if b.size > 80 and b.linked < 0.4 * b.size)
        if any(b.size > _MAX_LABEL for b in others) or 2 * prose < sum(b.size for b in blocks[first:end]):
            return []
    return [(first - is_headed, end)]


def _ends_from(
    layout: BlockLayout, el: Element, first: int, hi: int, tags: frozenset[str] = frozenset()
) -> Iterator[int]:
    """Yields the end of the block range of `el` and of each element around it, largest first, if the element begins
    with block `first` and ends at or before `hi`. If `tags` are given, only elements with one of these tags count.
    """
    spans, ends = layout.spans, []
    at: Element | None = el
    while at is not None and spans.get(at, (first, 0))[0] == first and spans.get(at, (0, first))[1] <= hi:
        if at in spans and (not tags or at.tag in tags):
            ends.append(spans[at][1])
        at = None if at is layout.top else at.getparent()
    yield from reversed(ends)


def _are_cards(blocks: list[TextBlock], hosts: tuple[str, ...]) -> bool:
    """Returns True if blocks are a list of other posts. Each block must be one of these:

    - a link to a page of the site, or a text that begins with such a link;
    - a text that ends with the same link as all others ("Read more");
    - a teaser, a date or another short line beside a link.

    If there is only one link, there must be no teaser, since a paragraph below one link may be text of the post.
    """
    titles = teasers = lines = 0
    more = _repeated_link(blocks)
    for b in blocks:
        if b.is_code or b.size > _MAX_TEASER or (not b.linked and heads_related_posts(b.text)):
            return False
        if b.linked and (b.linked > 0.8 * b.size or _begins_with_link(b) or (more and b.text.endswith(more))):
            if not all(_is_on_site(a, hosts) for a in _links_of(b)):
                return False
            titles, lines = titles + 1, 0
            continue
        is_teaser = b.size > _MAX_LABEL
        teasers, lines = teasers + is_teaser, lines + 1
        if teasers > (titles + 1 if more else max(titles, 1)) or lines > 3:
            return False
    return 1 < titles >= teasers or (titles == 1 and not teasers)


def _repeated_link(blocks: list[TextBlock]) -> str:
    """Returns the text that all links in a list have in common, such as "Read more"; "" if there are fewer than two
    links, or if their texts differ.
    """
    texts = [element_line(a) for b in blocks if b.linked for a in _links_of(b)]
    return texts[0] if len(texts) > 1 and len(set(texts)) == 1 else ""


def _begins_with_link(b: TextBlock) -> bool:
    """Returns True if a block is a link with a teaser after it, or with a date or the like before it."""
    starts = (b.text.find(text) for a in _links_of(b) if (text := element_line(a)))
    return any(0 <= at <= _BEFORE_TITLE for at in starts)


def _is_on_site(a: Element, hosts: tuple[str, ...]) -> bool:
    """Returns True if a link leads to one of the hosts, or to a subdomain or a parent domain of one."""
    address = a.get("href") or ""
    if not _ABSOLUTE.match(address):
        return True
    host = (_HOST.match(address) or [""])[0].rpartition("/")[2].lower().removeprefix("www.")
    return any(host == own or host.endswith(f".{own}") or own.endswith(f".{host}") for own in hosts if own and host)


def _is_tag_row(b: TextBlock) -> bool:
    """Returns True if a block consists of hashtags, or only of links to tags, categories, comments or the print view,
    or for sending the page by mail, perhaps with a notice such as "Comments are closed" among them.
    """
    if b.size > 300 or b.element.tag in HEADINGS:
        return False
    if b.text.startswith("#") and _HASHTAGS.fullmatch(b.text):
        return True
    if not b.linked:
        return False
    links = list(_links_of(b))
    if not links or not all(_is_term_link(a) or _TOOL_ADDRESS.search(a.get("href") or "") for a in links):
        return False
    return b.linked >= 0.7 * b.size or is_notice(_without_links(b.text, links))


def _without_links(text: str, links: list[Element]) -> str:
    """Returns a text without the texts of its links and the signs between them."""
    for a in links:
        text = text.replace(element_line(a), "", 1)
    return text.strip(" \n|·•,;/–—-")


def _is_term_link(a: Element) -> bool:
    rel = (a.get("rel") or "").lower().split()
    return "tag" in rel or "category" in rel or kind_of_address(a.get("href") or "") is not None


def _is_neighbour_row(b: TextBlock) -> bool:
    """Returns True if a block is a link to the next or the previous post."""
    if b.linked < 0.5 * b.size or b.size > 300:
        return False
    rels = {one for a in _links_of(b) for one in (a.get("rel") or "").lower().split()}
    return not _NEIGHBOUR_RELS.isdisjoint(rels) or names_neighbour(b.text)


def _links_of(b: TextBlock) -> Iterable[Element]:
    """Returns the links of a block: the links in its element, or the link that contains the element."""
    inside = list(islice(b.element.iter("a"), _MAX_ROWS))
    return inside or list(islice(b.element.iterancestors("a"), 1))


def _drop_repeated(blocks: list[TextBlock], lo: int, hi: int, excluded: bytearray) -> None:
    """Excludes blocks whose text also occurs elsewhere in the body, such as pull quotes and repeated invitations. The
    body is in the blocks from `lo` up to but not including `hi`; sets the bytes of the excluded ones in `excluded` to
    1.
    """
    live = [i for i in range(lo, hi) if not excluded[i] and blocks[i].size >= 40 and not _may_repeat(blocks[i])]
    quotes = {i for i in live if blocks[i].size < 400 and _is_in_quote(blocks[i].element)}
    if not quotes:  # then only blocks with the same beginning have to be compared
        starts = [_first_letters(blocks[i].text) for i in live]
        counts = Counter(starts)
        live = [i for i, start in zip(live, starts, strict=True) if counts[start] > 1]
    seen: set[str] = set()
    quoted: list[tuple[int, str]] = []
    for i in live:
        key = _letters(blocks[i].text)
        if key in seen:
            excluded[i] = 1
            continue
        seen.add(key)
        if i in quotes:
            quoted.append((i, key))
    if quoted:
        whole = "\n".join(seen)
        for i, key in quoted[:40]:
            if whole.count(key) > 1:
                excluded[i] = 1


def _letters(text: str) -> str:
    """Returns only the letters and digits of a text, in lower case."""
    if text.isascii():  # faster way: translating bytes takes about a tenth of the time
        return text.encode("ascii").translate(None, _ASCII_SIGNS).decode("ascii").lower()
    return "".join(filter(str.isalnum, text)).lower()


def _may_repeat(b: TextBlock) -> bool:
    if b.size < _MIN_TWICE and not b.linked and (b.element.tag in HEADINGS or b.element.tag == "li" or "\n" in b.text):
        return True
    return b.is_code or b.element.tag == "tr" or _is_formula(b.element)


def _is_formula(el: Element) -> bool:
    """Returns True if an element is a paragraph with one formula."""
    return len(el) == 1 and el[0].tag == "math" and el[0].get("display") == "block"


def _first_letters(text: str) -> str:
    """Returns the first eight letters and digits of a text in lower case. Texts for which these differ cannot be equal,
    so only the others need to be compared.
    """
    start = "".join(filter(str.isalnum, text[: 4 * _START]))
    if len(start) < _START:
        start = "".join(filter(str.isalnum, text))
    return start[:_START].casefold()


def _is_in_quote(el: Element) -> bool:
    """Returns True if an element, its parent or its grandparent is a <blockquote>, <aside> or <figure>."""
    at: Element | None = el
    for _ in range(3):
        if at is None or at.tag in _QUOTES:
            return at is not None
        at = at.getparent()
    return False


def _drop_author_notes(
    blocks: list[TextBlock], lo: int, hi: int, excluded: bytearray, size: list[float], people: tuple[str, ...]
) -> None:
    """Excludes paragraphs near the end of the text that begin with one of the names `people`, since they are about the
    author. The text is in the blocks from `lo` up to but not including `hi`; sets the bytes of the excluded ones in
    `excluded` to 1. `size` are the prefix sums of the sizes of all blocks.
    """
    if not people:
        return
    last = size[hi] - 0.12 * (size[hi] - size[lo]) - 300
    for i in range(hi - 1, lo, -1):
        if size[i] < last:
            break
        if not excluded[i] and blocks[i].text.lstrip("*—–- ").startswith(people):
            excluded[i] = 1


def _in_list(el: Element) -> bool:
    parent = el.getparent()
    return parent is not None and parent.tag in ("li", "td", "dd")


def _drop_empty_headings(layout: BlockLayout, lo: int, hi: int, excluded: bytearray) -> None:
    """Excludes headings at the end of the text if no text remains below them, unless they are the heading of a picture.
    The text is in the blocks from `lo` up to but not including `hi`; sets the bytes of the excluded ones in `excluded`
    to 1.
    """
    blocks = layout.blocks
    i = hi - 1
    while i > lo and (excluded[i] or blocks[i].element.tag in HEADINGS):
        if not excluded[i] and _heads_picture(layout, i, hi):
            break
        excluded[i] = 1
        i -= 1


def _heads_picture(layout: BlockLayout, i: int, hi: int) -> bool:
    """Returns True if block `i` is a heading of a picture: it has no links, and only a picture and no text below it.
    The text ends before block `hi`.
    """
    blocks = layout.blocks
    following = blocks[i + 1] if i + 1 < hi else None
    if blocks[i].linked or ends_the_post(blocks[i].text):
        return False
    if following is not None and (following.linked or following.element.tag not in HEADINGS):
        return False
    around = blocks[i].element.getparent()
    return around is not None and any(m.before == i + 1 and is_below(m.element, around) for m in layout.media)


# Finding the element that contains the text: the one whose blocks weigh most. Prose has a positive weight, links have a
# negative one.

_SENTENCE_END = lazy_regex(r"[.!?…。！？؟۔।։።:;][\"'”’»)\]）」』]*\s*$")
_SENTENCE_SIGN, _LONGEST = lazy_regex(r"[.!?…。！？،؟۔।։]"), 20_000.0
_NO_TEXT = frozenset({"nav", "aside", "footer", "form"})
_CONTAINERS = frozenset({"body", "main", "article", *HEADINGS})
_PART = frozenset({"p", "li", "ul", "ol", "dl", "table", "tbody", "tr", "blockquote", "figure", "pre", *HEADINGS})
_LINKS, _LABEL, _HEAD = -10.0, -4.0, 5.0
KEEP, NAMED, _MENUS, _MENU_LINKS = 0.9, 0.6, 0.85, 10
_BESIDE, _ABOVE_FOOTER, _ABOVE_SIDEBAR = "beside or below the text", 80.0, 500.0
_SIDEBARS = frozenset({"aside", "sidebar", "sidebars", "widget area"})
"""A footer or sidebar is not the text of a post, however long it is, if there are so many letters of prose between the
heading and it. `_BESIDE` is the mark of both."""
_TEXT_NAME = lazy_regex(
    r"(?:^|[\s_-])(?:article|post|entry|story|blog|news|content|detail|page)[\s_-]*(?:body|content|text|copy|main|"
    r"detail|inner)"
    r"(?:$|[\s_-])|(?:^|[\s_-])(?:rich-?text|prose|markdown(?:-body)?|wysiwyg|articlebody|w-richtext|rte|"
    r"body-?(?:copy|text|content))(?:$|[\s_-])",
    re.IGNORECASE,
)


class _Span(NamedTuple):
    """The range of an element's blocks, from `lo` up to but not including `hi`, and the sum of their weights."""

    weight: float
    element: Element
    lo: int
    hi: int

    def is_disjoint_from(self, lo: int, hi: int) -> bool:
        return self.hi <= lo or self.lo >= hi


def text_weights(layout: BlockLayout, hosts: tuple[str, ...] = ()) -> list[float]:
    """Returns the weight of each block: the number of its letters if it is prose, a small number for a heading, a
    negative one for links and labels, and 0 for boilerplate. The text of a post is in the element whose blocks weigh
    most. `hosts` are the hosts of the page's own addresses.
    """
    blocks = layout.blocks
    free = [b.size - b.linked if b.size > 80 and b.linked < 0.4 * b.size else 0.0 for b in blocks]
    rows = _rows_of_teasers(layout, hosts)
    for a, z in rows:
        free[a:z] = [0.0] * (z - a)
    prose = layout.prefix_sums(free)
    out = list(map(_block_weight, blocks))
    for word, spans in _spans_by_mark(layout, prose).items():
        # A mark does not count if its elements contain most of the page.
        if word in LONG or word in (_COMMENTS, _BESIDE) or covered_total(spans, prose) <= 0.6 * prose[-1]:
            for a, z in spans:
                out[a:z] = [0.0] * (z - a)
    for a, z in (*related_lists(layout, 0, len(blocks), hosts), *rows):
        if any(w > _HEAD for w in out[:a]):  # otherwise the list may be the only text on the page
            out[a:z] = [min(w, 0.0) for w in out[a:z]]
    return out


def _rows_of_teasers(layout: BlockLayout, hosts: tuple[str, ...]) -> list[tuple[int, int]]:
    """Returns the block ranges, as (first, end), of the columns and rows of boxes about other pages of the site that
    have nothing else in them. A row has `_EXCERPTS` boxes or more with the same tag and class. Each begins with a
    linked title, and unlinked lines follow.
    """
    found: list[tuple[int, int]] = []
    blocks, i = layout.blocks, 0
    while i < len(blocks):
        end, boxes, targets = i, list[Element](), set[str]()
        while (box := _teaser_at(layout, end, hosts)) is not None and _is_next_box(boxes, box.element):
            if box.target in targets:
                break
            boxes.append(box.element)
            targets.add(box.target)
            end = box.hi
        if len(boxes) >= _EXCERPTS and (outer := boxes[0].getparent()) is not None:
            first, last = layout.spans.get(outer, (i, end))
            if all(b.size <= _MAX_LABEL for b in (*blocks[first:i], *blocks[end:last])):
                found.append((i, end))
        i = max(end, i + 1)
    return found


def _is_next_box(boxes: list[Element], el: Element) -> bool:
    if not boxes:
        return True
    last = boxes[-1]
    return last.getparent() is el.getparent() and (last.tag, last.get("class")) == (el.tag, el.get("class"))


def _teaser_at(layout: BlockLayout, i: int, hosts: tuple[str, ...]) -> _Card | None:
    """Returns the box about another page of the site that begins with block `i`: a linked title and the unlinked lines
    below it, perhaps with a second link to the page ("Read more"). Returns None if there is no such box.
    """
    blocks = layout.blocks
    if i + 1 >= len(blocks) or blocks[i].linked <= 0.8 * blocks[i].size or blocks[i + 1].linked:
        return None
    links = {a.get("href") or "": a for a in _links_of(blocks[i])}
    if len(links) != 1 or "" in links or not all(_is_on_site(a, hosts) for a in links.values()):
        return None
    at: Element | None = blocks[i].element
    for _ in range(_CARD_LEVELS):
        if at is None or at.tag in _NO_CARD - set(HEADINGS):
            return None
        lo, hi = layout.spans.get(at, (i, i + 1))
        if lo != i or hi - lo > _CARD_LINES:
            return None
        if hi > i + 1:
            target = next(iter(links))
            is_plain = not any(b.is_code or b.size > _MAX_TEASER for b in blocks[i + 1 : hi])
            others = (a.get("href") or "" for b in blocks[i + 1 : hi] if b.linked for a in _links_of(b))
            is_about_one = all(href.partition("?")[0] == target.partition("?")[0] for href in others)
            return _Card(at, lo, hi, target) if is_plain and is_about_one else None
        at = at.getparent()
    return None


def _block_weight(b: TextBlock) -> float:
    free = b.size - b.linked
    if b.linked > 0.6 * b.size:
        return _LINKS - 0.3 * min(b.linked, 60.0)
    if b.element.tag in HEADINGS:
        return _HEAD
    is_prose = free >= 80 or (free >= 30 and _SENTENCE_END.search(b.text))
    if free > _LONGEST and not _SENTENCE_SIGN.search(b.text):
        return _LABEL  # a list of search words, which some sites hide on their pages
    return free if is_prose else _LABEL


def _spans_by_mark(layout: BlockLayout, prose: list[float]) -> dict[str, list[tuple[int, int]]]:
    """Returns the block ranges of boilerplate elements, as (first, end). They are grouped by what marks the elements as
    boilerplate: a word in their class or id, or their tag.

    Elements that contain an <h1> or a large share of the prose are left out, but not a menu beside another <h1>.
    `prose` are prefix sums of the blocks' amounts of prose.
    """
    heads = layout.prefix_sums([float(b.element.tag == "h1") for b in layout.blocks])
    below = _prose_below_heading(layout, prose)
    found: dict[str, list[tuple[int, int]]] = {}
    for el, (a, z) in layout.spans.items():
        if el.tag == "nav" and heads[z] - heads[a] < heads[-1] and _is_menu(layout.blocks[a:z]):
            found.setdefault(_BESIDE, []).append((a, z))
        elif a < z and heads[a] == heads[z] and (el.tag not in _CONTAINERS or _is_comment(layout, el)):
            word = layout.boilerplate_word(el) or (el.tag if el.tag in _NO_TEXT else "")
            most = 0.5 if word in LONG else 0.3
            if el.tag == "form" and _is_comment_form(el):
                word, most = _COMMENTS, 1.0
            elif below[a] >= _ABOVE_FOOTER and el.tag not in _PART and _is_beside_or_below(el, word, below[a]):
                word, most = _BESIDE, 1.0
            if word and (prose[z] - prose[a] <= most * prose[-1] or _is_below_text(word, prose[a])):
                found.setdefault(word, []).append((a, z))
    return found


def _is_menu(blocks: list[TextBlock]) -> bool:
    """Returns True if the blocks of a <nav> are a menu, which may have teasers beside its links."""
    return sum(b.linked > 0.8 * b.size for b in blocks) >= _MENU_LINKS


def _prose_below_heading(layout: BlockLayout, prose: list[float]) -> list[float]:
    """Returns for each block how much prose is between it and the last <h1> above it; 0 if there is none."""
    out, start = [], -1.0
    for block, above in zip(layout.blocks, prose, strict=False):
        if block.element.tag == "h1":
            start = above
        out.append(above - start if start >= 0 else 0.0)
    return out


def _is_beside_or_below(el: Element, word: str, above: float) -> bool:
    """Returns True if an element is the footer of a page, or a sidebar below enough prose. `word` is what marks the
    element as boilerplate, and `above` is the number of letters of prose between the heading and the element.
    """
    if word in _SIDEBARS:
        return above >= _ABOVE_SIDEBAR
    names, ident = el.get("class"), el.get("id")
    return el.tag == "footer" or bool((names and is_footer_name(names)) or (ident and is_footer_name(ident)))


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
    inside = [one for one in found if one.lo >= best.lo and one.hi <= best.hi and one.weight >= NAMED * best.weight]
    around = set(title.iterancestors()) if title is not None else set()
    named = [
        one
        for one in inside
        if (_is_named_text(one.element) or (one.element in around and _is_column(one, sums)))
        and one.weight >= 0.9 * _weight_of_same_class(one, found)
    ]
    close = [one for one in inside if one.weight >= KEEP * best.weight]
    return min([*close, *named], key=lambda one: one.hi - one.lo).element


def _is_column(one: _Span, sums: list[float]) -> bool:
    """Returns True if an element around the heading may be the column with the whole text: it has several blocks of
    prose, and is not the header above the text. `sums` are the prefix sums of the blocks' weights.
    """
    el = one.element
    if el.tag == "header" or _HEADER_NAME.search(f"{el.get('class') or ''} {el.get('id') or ''}"):
        return False
    return sum(sums[i + 1] - sums[i] > _HEAD for i in range(one.lo, one.hi)) > 1


def _is_named_text(el: Element) -> bool:
    """Returns True if an element's tag, class, id or itemprop is commonly used for the text of an article."""
    if el.tag == "article" or "articleBody" in (el.get("itemprop") or ""):
        return True
    names = f"{el.get('class') or ''} {el.get('id') or ''}"
    return len(names) > 4 and _TEXT_NAME.search(names) is not None


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
        and (x.element is one.element or x.is_disjoint_from(one.lo, one.hi))
    )


# The body: choosing the element that contains the text, and reading it.

_NOTICE = 200
"""A text on the page with at most this many characters may be a notice. It is taken for a notice if the text from the
feed or API is five times as long."""
_CONTENT_NAME = lazy_regex(r"(?:^|[\s_-])(?:content|text|body|markdown|prose)(?:$|[\s_-])", re.IGNORECASE)
_LINES_ABOVE = 16
_WIDEST = 2.5  # the width of the widest characters, see `text_width`
_MAY_BE_NOTICE, _MUCH_LONGER, _A_FEW = 1_000.0, 2.0, 80.0
"""A text with fewer letters than `_MAY_BE_NOTICE` may be only a notice or a teaser. It is taken for one if the data of
the page's scripts contain a text that is `_MUCH_LONGER` times as long and has at least `_A_FEW` more letters."""
_TRIED, _LEVELS = 5, 3
_LITTLE = 200
"""The text in the box around the title is preferred to the text of the heaviest container, unless that is prose and at
least this many characters longer."""
_OUTER = frozenset({"body", "main", "html", "header", "table", "tbody"})
_HEADER_NAME = lazy_regex(
    r"(?:^|[\s_-])(?:head(?:er|ing)?|hero|masthead|top|intro|banner|title\w*)(?:$|[\s_-])", re.IGNORECASE
)
_OWN_BLOCKS = frozenset({"p", "ul", "ol", "dl", "blockquote", "figure", "pre"})
_FEW_WORDS = 300.0
_SHORT = 600  # a text with fewer letters than this may belong to a sidebar and not to the post
_AUTHOR_METAS = ("author", "article:author", "parsely-author", "sailthru.author")


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

    If the page shows only a part of the post (one of several pages, or the beginning with "read more"), and a feed or
    API gives the whole text (`hint`, None if there is no hint), returns the whole text.
    """
    shown = _body_on_page(page, post, title, beside)
    shown = _declared_body(page, title, shown) or _body_in_scripts(page, title, shown) or shown
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


def _declared_body(page: Page, title: str, shown: Body) -> Body | None:
    """Returns the text of the article in JSON-LD, if the page itself shows only the beginning of this text or hardly
    any text; otherwise None. `shown` is the text that the page shows.
    """
    declared = page.data.article(page.addresses)
    text = next((t for t in page.data.resolve((declared or {}).get("articleBody")) if isinstance(t, str)), "")
    if _WIDEST * len(text) < 1.5 * len(shown.text) + _A_FEW:  # a quick test
        return None
    if text_width(text) < 1.5 * text_width(shown.text) + _A_FEW:
        return None
    found = body_of_html(_paragraphs_of(text), page.url, title)
    is_start = bool(shown.text) and _starts_like(shown.text, found.text)
    if not is_start and text_width(found.text) < _MUCH_LONGER * text_width(shown.text) + _A_FEW:
        return None
    return Body(found, "json-ld", "articleBody", 0.6)


def _paragraphs_of(text: str) -> str:
    """Returns the text of an article in JSON-LD as HTML. There, it may be plain text, HTML, or HTML with escaped
    tags.
    """
    if "<" not in text and "&lt;" in text:
        text = unescape(text)
    if re.search(r"</|<br|<p>", text):
        return text
    return "".join(f"<p>{escape(line)}</p>" for line in text.split("\n"))


def _body_in_scripts(page: Page, title: str, shown: Body) -> Body | None:
    """Returns the text of the article in the data of the page's scripts if the page itself shows much less text
    (`shown`); otherwise None.
    """
    if len(shown.text) >= _MAY_BE_NOTICE or (width := text_width(shown.text)) >= _MAY_BE_NOTICE:
        return None
    if not (html := article_html(page.index, title, page.addresses)):
        return None
    found = body_of_html(html, page.url, title)
    if text_width(found.text) < _MUCH_LONGER * width + _A_FEW:
        return None
    return Body(found, "script", "article", 0.6)


def hint_body(shown: str, url: str, title: str, hint: SourceHint | None) -> RenderedText:
    """Returns the whole text from the feed or API (`hint`, None if there is no hint) if the text on the page (`shown`)
    is only its beginning, or only a notice such as "You need JavaScript". Otherwise returns an empty text.
    """
    longest = 1.15 * len(shown) + 20
    if hint is None or most_characters(hint.body_html) <= longest:  # a quick test: nearly all pages show the whole text
        return NO_TEXT
    whole = body_of_html(hint.body_html, url, title)
    if len(whole) <= longest:
        return NO_TEXT
    is_notice_only = len(shown) <= _NOTICE and len(whole) > 5 * len(shown)
    return whole if is_notice_only or _starts_like(shown, whole.text) else NO_TEXT


# Tags, without those of images and checkboxes, which may be shown as text; and of these the tags that begin a line, a
# cell or a box, and those that end one.
_TAGS = lazy_regex(r"</?(?!(?:img|input)\b)[a-z][^<>]*>", re.IGNORECASE)
_INLINE = "a|abbr|b|big|cite|code|del|em|font|i|ins|kbd|mark|s|samp|small|span|strong|sub|sup|time|tt|u|var"
_STARTS = lazy_regex(rf"<(?!(?:img|input|br|{_INLINE})[\s/>])[a-z][^<>]*>", re.IGNORECASE)
_ENDS = lazy_regex(rf"</(?!(?:{_INLINE})[\s>])[a-z][^<>]*>|<br\b", re.IGNORECASE)
_AT_START, _AT_END = 3, 1
"""At most this many characters of the text, such as line breaks, stand for the start and the end of such a box."""
_UNCOUNTED = ("math", "katex", "mjx", "<xmp", "<plaintext")
"""HTML with one of these has formulas, whose TeX may be longer than the HTML, or tags that are shown as text."""


def most_characters(fragment: str) -> float:
    """Returns a number of characters that the text of a post certainly does not exceed, given the HTML of a feed or an
    API. It is found without parsing the HTML.
    """
    low = fragment.lower()
    if any(word in low for word in _UNCOUNTED):
        return inf
    tags = sum(map(len, _TAGS.findall(fragment)))
    added = _AT_START * len(_STARTS.findall(fragment)) + _AT_END * len(_ENDS.findall(fragment))
    return len(unicodedata.normalize("NFC", fragment)) - tags + added


def body_of_html(fragment: str, url: str, title: str = "") -> RenderedText:
    """Returns the text of a post whose HTML, `fragment`, a feed or an API gives. `url` is the post's address."""
    page = parse_page(f"<html><body><div class='archiver-whole'>{fragment}</div></body></html>", url)
    top = page.index.first(".archiver-whole")
    if top is None:
        return NO_TEXT
    index = page.index
    skip = {
        e
        for table in platform_tables()
        for rule in index.present(table.drop)
        for e in index.select(rule)
        if e is not top
    }
    return _render(page, lay_out(top, skip, page.index.texts), top, KnownBoilerplate(title, hosts=page.hosts[:2]))


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
    with its date, authors and terms), and other articles on the page.
    """
    return {block for block in (*post.meta_blocks, *other_articles(post)) if block is not top}


def _render_post(
    post: Post, plan: BlockLayout, top: Element, known: KnownBoilerplate, weights: list[float] | None = None
) -> RenderedText:
    """Returns the text of a post in the element `top`. If no text would remain without the title, the title is kept as
    text, unless the title's element, or a heading with the same words, is in `top`.

    `plan` is the layout of the page, `known` is what belongs to other fields, and `weights` is as in `text_blocks`.
    """
    text = _render(post.page, plan, top, known, weights)
    if text or not known.title or (post.title is not None and is_below(post.title, top)):
        return text
    titled = _render(post.page, plan, top, replace(known, title=""), weights)
    is_heading = bool(titled.blocks) and all(block.element.tag in HEADINGS for block in titled.blocks)
    return text if is_heading else titled


def _starts_like(part: str, whole: str) -> bool:
    start = fold_text(part[:400])[:120]
    return start in fold_text(whole[: 4 * len(part[:400]) + 2_000])


def _elements_to_skip(page: Page, extra: Iterable[str] = ()) -> set[Element]:
    generic = by_name("generic")
    index = page.index
    rules = index.present(page.platform.drop + page.platform.walls)
    if page.platform is not generic:
        rules += index.present(generic.drop)
    own = (e for selector in extra for e in page.ask(selector) if not isinstance(e, str))
    ruled = (e for rule in rules for e in index.select(rule) if not _is_whole_heading(e))
    return {*own, *ruled, *_beside_main_content(page), *_off_screen(page)}


def _is_whole_heading(el: Element) -> bool:
    """Returns True if an element is a link that contains all the text of a heading. False for a permalink sign beside
    the text.
    """
    parent = el.getparent() if el.tag == "a" else None
    return parent is not None and parent.tag in HEADINGS and element_line(parent) == element_line(el) != ""


def _off_screen(page: Page) -> list[Element]:
    """Returns the elements that their own style attribute moves far off the screen. Injected advertising hides
    there.
    """
    if ":-9" not in page.text and ": -9" not in page.text:  # a quick test: nearly all such distances begin with a 9
        return []
    styled: list[Element] = _WITH_STYLE(page.root)  # type: ignore[assignment]
    return [el for el in styled if _OFF_SCREEN.search(el.get("style") or "")]


def _beside_main_content(page: Page) -> Iterator[Element]:
    """Yields the sidebars, navigation and footers outside of the element that the page marks as its main content."""
    if (main := page.main_content) is not None:
        for el in page.index.tag("aside", "nav", "footer"):
            if not is_below(el, main) and not is_below(main, el):
                yield el


def _descriptions(page: Page) -> tuple[str, ...]:
    """Returns the folded texts with which a page describes itself in its metadata."""
    told = page.data.meta("description", "og:description", "twitter:description")
    return tuple({fold_text(text.rstrip(" .…[]")) for text in told} - {""})


def _known_boilerplate(page: Page, title: str, beside: BylineBlock, top: Element) -> KnownBoilerplate:
    elements = tuple(e for e in beside.elements if e is not top and not is_below(top, e))
    authors = page.data.texts(page.data.article(page.addresses), "author")
    people = (*beside.names, *page.data.meta(*_AUTHOR_METAS), *authors)
    names = tuple(n for n in people if len(n) > 5)
    descriptions = _descriptions(page)
    is_above = _is_titled_above(page, title, top)
    return KnownBoilerplate(title, beside.lines, elements, names, is_above, page.hosts[:2], descriptions)


def _is_titled_above(page: Page, title: str, top: Element) -> bool:
    """Returns True if an <h1> with the title stands above the element `top` and not in it."""
    order, known = page.index.order, fold_text(title)
    heads = (h for h in islice(page.index.tag("h1"), _TRIED) if order[h] < order[top] and not is_below(top, h))
    return bool(known) and any(fold_text(element_line(h)) == known for h in heads)


def _render(
    page: Page, plan: BlockLayout, top: Element, known: KnownBoilerplate, weights: list[float] | None = None
) -> RenderedText:
    lo, hi = plan.spans.get(top, (0, 0))
    for notes in _footnotes_after(top):
        hi = max(hi, plan.spans.get(notes, (hi, hi))[1])
    blocks = text_blocks(plan, lo, hi, known, weights)
    return RenderedText(tidy_body(written_text(blocks, plan)), page, top, plan, tuple(blocks))


def _body_on_page(page: Page, post: Post, title: str, beside: BylineBlock) -> Body:
    is_known = post.body_rule in page.platform.body and page.platform.name != "generic"
    is_long = post.body is not None and 3 * page.index.text_length(post.body) > page.text_length
    if post.body is not None and is_known and is_long and not _has_standfirst_above(page, post, post.body):
        text = render_container(page, post, post.body, title, beside)
        if 3 * len(text) > page.text_length:  # nothing else on the page can be much longer
            return Body(text, "platform", post.body_rule, 0.95)
    everything = next(iter(page.index.tag("body")), page.root)
    plan = lay_out(everything, _elements_to_skip(page) | _beside_text(post, everything), page.index.texts)
    weights = text_weights(plan, page.hosts[:2])
    if sum(w for w in weights if w > _HEAD) < _FEW_WORDS:
        weights = [w if w != _HEAD else 0.0 for w in weights]  # the text is so short that a heading could outweigh it
    sums = plan.prefix_sums(weights)
    top = heaviest_container(plan, sums, post.title)
    source, locator, confidence = "density", f"<{top.tag}>", 0.7
    if post.body is None and (cleared := _without_meta_blocks(post, plan, top)) is not plan:
        plan, weights = cleared, text_weights(cleared, page.hosts[:2])
        sums = plan.prefix_sums(weights)
    best = _weight_of(plan, sums, top)
    if post.body is not None and not _is_beside_column(post, top, 2 * _weight_of(plan, sums, post.body) < best):
        own = _weight_of(plan, sums, post.body)
        if is_known and best <= 3 * own + 1_500:
            top, source, locator, confidence = post.body, "platform", post.body_rule, 0.95
        elif not is_known and best <= 1.4 * own + 400 and not (own < _MENUS * best and is_below(top, post.body)):
            top, source, locator, confidence = post.body, "class", post.body_rule, 0.85
    known = _known_boilerplate(page, title, beside, top)
    is_intro_text = source != "platform" or 2 * _weight_of(plan, sums, top) < best
    text = _render_post(post, plan, top, known, weights if is_intro_text else None)
    if not text and len(bare := _render(page, lay_out(top, texts=page.index.texts), top, known)) > 200:
        text = bare  # one of the selectors for elements to drop had matched the text itself
    found = Body(text, source, locator, confidence)
    if source != "density" or len(text) >= _SHORT:
        return found
    boxed = _text_below_title(post, plan, title, beside, top)
    if boxed is not None and _is_better_box(plan, weights, boxed, found.rendered):
        return Body(boxed, "position", "below the title", 0.6)
    if (column := _column_of_meta_block(post, plan, top)) is not None:
        plan = _without_meta_blocks(post, plan, column)
        known = _known_boilerplate(page, title, beside, column)
        # The paragraphs are tried alone since a link counts as the text of a post only where it is all of it.
        tried = (column, *islice(column.iterchildren("p", "blockquote"), _TRIED))
        texts = [text for el in tried if (text := _render_post(post, plan, el, known))]
        return Body(texts[0] if texts else RenderedText("", page, column, plan), "position", f"<{column.tag}>", 0.6)
    return _text_of_entry(post, plan, title, beside, found, top)


def _has_standfirst_above(page: Page, post: Post, body: Element) -> bool:
    """Returns True if an element between the heading and the body of the post has the text with which the page
    describes the post.
    """
    if post.title is None or is_below(post.title, body):
        return False
    told = _descriptions(page)
    order, start = page.index.order, post.title
    around = (start, *islice(start.iterancestors(), _STANDFIRST_LEVELS))
    beside = (el for at in around for el in islice(at.itersiblings("*"), _TRIED) if order[el] < order[body])
    texts = (fold_text(element_line(el)) for el in beside if page.index.text_length(el) <= _MAX_TEASER)
    return any(text in told for text in texts)


def _is_better_box(plan: BlockLayout, weights: list[float], boxed: RenderedText, found: RenderedText) -> bool:
    """Returns True if the text in the box below the title (`boxed`) is preferred to the text of the heaviest container
    (`found`). `weights` are the weights of the blocks in `plan`.

    If the box has menus or much other text around that container, but no prose, this is not part of the post.
    """
    assert found.top is not None
    if not _has_prose(plan, weights, found.top):
        return True
    if boxed.top is not None and boxed.top is not found.top and is_below(found.top, boxed.top):
        (lo, hi), (a, z) = plan.spans.get(boxed.top, (0, 0)), plan.spans.get(found.top, (0, 0))
        beside = (*weights[lo:a], *weights[z:hi])
        has_menus = sum(beside) < (_MENUS - 1) * sum(weights[a:z])
        if not any(w > _HEAD for w in beside) and (has_menus or len(boxed) > 2 * len(found) + _LITTLE):
            return False
    return len(found) < len(boxed) + _LITTLE


def _is_beside_column(post: Post, top: Element, is_small: bool) -> bool:
    """Returns True if the element for which the page has a rule, `post.body`, has much less text than `top`
    (`is_small`), and is in another column of the page than `top` and the heading.
    """
    title = post.title
    if post.body is None or title is None or not is_small or is_below(top, post.body):
        return False
    column = next((el for el in (top, *top.iterancestors()) if is_below(title, el)), None)
    return column is not None and not is_below(post.body, column)


_LINE_TAGS = ("div", "p", "span", "ul", "dl", "header", "h4", "h5", "h6")


def _column_of_meta_block(post: Post, plan: BlockLayout, top: Element) -> Element | None:
    """Returns the column of the page that contains the post: the parent of the first line with the post's date or
    authors. It is inside `top`, which contains the other columns, too. Returns None unless the heading of the post is
    outside of it, as above the columns.
    """
    if post.title is None or post.page.main_content is not None or _article(post) is not None:
        return None
    start, order = post.page.index.order[post.title], post.page.index.order
    lines = (e for e in top.iter(*_LINE_TAGS) if order[e] > start and not post.is_noise(e) and is_meta_block(e))
    line = next(lines, None)
    column = line.getparent() if line is not None else None
    if column is None or not is_below(column, top) or is_below(post.title, column):
        return None
    return column if _has_content(plan, column) else None


def _without_meta_blocks(post: Post, plan: BlockLayout, top: Element) -> BlockLayout:
    """Returns the layout of the page without the meta blocks (lines with date, authors and terms) in the element `top`.
    `plan` is the layout with them.
    """
    meta = {e for e in meta_blocks_in(top) if e in plan.spans}
    if not meta:
        return plan
    everything = next(iter(post.page.index.tag("body")), post.page.root)
    skipped = _elements_to_skip(post.page) | _beside_text(post, everything) | meta
    return lay_out(everything, skipped, post.page.index.texts)


def _text_of_entry(post: Post, plan: BlockLayout, title: str, beside: BylineBlock, found: Body, top: Element) -> Body:
    """Returns the text of a short post: the text `found` in the element `top` or, if `top` is outside the post's entry
    (in a sidebar, for example), the text below the title.

    If `top` contains the element that the page marks as its main content, only the text of that element is used. The
    text is "" if that element or the post's <article> contains only a picture or a recording.
    """
    main, article = post.page.main_content, _article(post)
    if main is not None and is_below(main, top) and not (article is not None and is_below(article, main)):
        plan = _without_meta_blocks(post, plan, main)
        if inside := _render_post(post, plan, main, _known_boilerplate(post.page, title, beside, main)):
            top, found = main, Body(inside, found.source, f"<{main.tag}>", found.confidence)
        elif _shows_only_media(post, plan, main):
            return Body(inside, "position", f"<{main.tag}>", 0.6)
    short = _short_text(post, plan, title, beside)
    is_around = article is not None and article is not top and is_below(article, top)
    if article is not None and is_around and short is not None and _is_only_picture(short, article):
        # The text that was found is not part of the post.
        return replace(short, rendered=RenderedText("", post.page, article, plan)) if short.text else short
    if found.text and not _is_outside_entry(post, top):
        return found
    return short or (found if found.text else _last_resort(post.page))


def _is_only_picture(short: Body, article: Element) -> bool:
    """Returns True if an <article> shows only a picture: its text (`short`) is empty, or consists of links beside the
    picture.
    """
    if not short.text:
        return True
    if any(3 * block.linked < 2 * block.size for block in short.rendered.blocks):
        return False
    return next(article.iter(*MEDIA_TAGS), None) is not None


def _shows_only_media(post: Post, plan: BlockLayout, el: Element) -> bool:
    """Returns True if an element contains a picture or a recording, and no text in the layout `plan` but the title."""
    lo, hi = plan.spans.get(el, (0, 0))
    is_bare = all(block.element is post.title for block in plan.blocks[lo:hi])
    return is_bare and next(el.iter(*MEDIA_TAGS), None) is not None


def _has_prose(plan: BlockLayout, weights: list[float], top: Element) -> bool:
    """Returns True if the element `top` contains prose, and not only headings, labels and links. `weights` are the
    weights of the blocks in `plan`.
    """
    lo, hi = plan.spans.get(top, (0, 0))
    return max(weights[lo:hi], default=0.0) > _HEAD


def _is_outside_entry(post: Post, top: Element) -> bool:
    """Returns True if the element `top` is neither inside the post's entry nor around it, as a sidebar or a footer
    is.
    """
    entry = _entry(post)
    return entry is not None and not is_below(top, entry) and not is_below(entry, top)


def _entry(post: Post) -> Element | None:
    """Returns the element with all parts of the post: its <article> or, if there is none, the page's main content.
    Returns None if the main content does not contain the post's title.
    """
    found, main = _article(post), post.page.main_content
    if found is None and main is not None and post.title is not None and is_below(post.title, main):
        return main
    return found


def _article(post: Post) -> Element | None:
    """Returns the <article> that contains the post's title, or else the only <article> on the page; None if there is no
    such <article>.
    """
    if post.title is not None and (entry := next(post.title.iterancestors("article"), None)) is not None:
        return entry
    articles = [e for e in post.page.index.tag("article") if not post.is_noise(e)]
    return articles[0] if len(articles) == 1 else None


def _short_text(post: Post, plan: BlockLayout, title: str, beside: BylineBlock) -> Body | None:
    """Returns the text below the title of a short post, which cannot be found by the weights of blocks; None if there
    is none.

    It is the text of an element in the post's entry whose class is one for text, or else the text of the whole entry.
    It is "" if the entry contains only a picture or a recording.
    """
    article, entry = _article(post), _entry(post)
    if entry is None and post.holder is not None and post.holder.tag != "body":
        entry = post.holder
    if entry is None or (post.title is None and article is None):
        return None
    order = post.page.index.order
    start = order[post.title] if post.title is not None else 0
    below = (e for e in entry.iter("div", "section") if order[e] > start and e in plan.spans)
    named = [e for e in below if _is_named_text(e) or _CONTENT_NAME.search(e.get("class") or "")]
    tried = (*named[:_TRIED], entry)
    for top in tried:
        known = _known_boilerplate(post.page, title, beside, top)
        if text := _render_post(post, plan, top, known):
            return Body(text, "position", f"<{top.tag}>", 0.6)
    if article is not None and next(article.iter(*MEDIA_TAGS), None) is not None:
        holder = next((top for top in tried if next(top.iter(*MEDIA_TAGS), None) is not None), article)
        return Body(RenderedText("", post.page, holder, plan), "position", "<article>", 0.6)
    return None


def _text_below_title(
    post: Post, plan: BlockLayout, title: str, beside: BylineBlock, found: Element
) -> RenderedText | None:
    """Returns the text below the title in the small box that contains both, "" if the box has only a picture there;
    None if the title is not in such a box. `found` is the element with the most text.

    This is needed for short posts: other texts on the page, such as "No comments" or the footer, are as long as theirs.
    """
    if post.title is None or _article(post) is not None:
        return None
    main = post.page.main_content
    if main is not None and is_below(post.title, main):
        plan = _without_meta_blocks(post, plan, main)
    for entry in islice(post.title.iterancestors(), _LEVELS):
        if entry.tag in _OUTER or _HEADER_NAME.search(f"{entry.get('class') or ''} {entry.get('id') or ''}"):
            return None
        if (top := _part_below(post, plan, entry, beside, found)) is not None:
            known = _known_boilerplate(post.page, title, beside, top)
            return _render_post(post, plan, top, known)
    return None


def _part_below(post: Post, plan: BlockLayout, entry: Element, beside: BylineBlock, found: Element) -> Element | None:
    """Returns the element inside the box `entry` that contains the text or the pictures below the title. It is the
    first one with any, but the one around the element with the most text (`found`) if the name of that element says
    that it is the text.

    Returns `entry` itself if several of its children contain the text. Returns None if the title is only followed by
    lines with the date, authors and terms.
    """
    assert post.title is not None
    order = post.page.index.order
    lines = {*beside.elements, *post.meta_blocks}
    children = [e for e in entry if isinstance(e.tag, str) and order[e] > order[post.title] and e not in lines]
    if any(e.tag in _OWN_BLOCKS and not e.get("class") and _has_content(plan, e) for e in children):
        return entry
    parts = (e for e in children if e.tag in ("div", "section", "blockquote", "td") and not post.is_noise(e))
    boxes = [e for e in parts if _has_content(plan, e) and not is_meta_block(e) and not _consists_of(plan, e, lines)]
    if len(boxes) > 1 and _is_lede(plan, boxes[0]) and _holds_paragraphs(plan, boxes[1]):
        return entry
    around = [e for e in boxes if e is found or is_below(found, e)]
    if around and (_is_named_text(found) or _has_only_links(plan, boxes[0])):
        return around[0]
    return next(iter(boxes), None)


def _has_only_links(plan: BlockLayout, box: Element) -> bool:
    """Returns True if a box contains links, such as one to the author's page, and hardly any other text."""
    blocks = plan.blocks[slice(*plan.spans.get(box, (0, 0)))]
    is_short = all(b.linked > 0.8 * b.size or b.size < _SHORTEST_STANDFIRST for b in blocks)
    return is_short and any(b.linked for b in blocks)


def _consists_of(plan: BlockLayout, box: Element, lines: set[Element]) -> bool:
    """Returns True if a box contains at least one block, and each of its blocks is one of `lines`."""
    lo, hi = plan.spans.get(box, (0, 0))
    return lo < hi and all(block.element in lines for block in plan.blocks[lo:hi])


def _is_lede(plan: BlockLayout, box: Element) -> bool:
    """Returns True if a box consists of a single paragraph of prose. `plan` is the layout of the page."""
    lo, hi = plan.spans.get(box, (0, 0))
    return hi == lo + 1 and _block_weight(plan.blocks[lo]) > _HEAD


def _holds_paragraphs(plan: BlockLayout, box: Element) -> bool:
    """Returns True if a box contains several blocks, among them a paragraph of prose, and is not marked as boilerplate
    by its class or id.
    """
    lo, hi = plan.spans.get(box, (0, 0))
    blocks = plan.blocks[lo:hi]
    is_prose = any(b.element.tag == "p" and _block_weight(b) > _HEAD for b in blocks)
    return len(blocks) > 1 and is_prose and not plan.boilerplate_word(box)


def _has_content(plan: BlockLayout, el: Element) -> bool:
    lo, hi = plan.spans.get(el, (0, 0))
    return lo < hi or next(el.iter("img", "iframe", "video", "audio"), None) is not None


def _weight_of(plan: BlockLayout, sums: list[float], el: Element) -> float:
    a, z = plan.spans.get(el, (0, 0))
    return sums[z] - sums[a]


def _last_resort(page: Page) -> Body:
    declared = next(iter(page.data.texts(page.data.article(page.addresses), "articleBody")), "")
    if declared:
        return Body(RenderedText(clean_text(declared)), "json-ld", "articleBody", 0.6)
    return Body(NO_TEXT, "", "", 0.0)
