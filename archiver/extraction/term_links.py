"""Finds the links from a post to the listings of its categories and tags, as readers see them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from lxml.etree import _Element as Element

from archiver.extraction.listing_addresses import (
    Kind,
    is_ambiguous,
    is_own_site,
    is_paged,
    is_section,
    kind_of_address,
)
from archiver.extraction.normalization import clean_text, element_line
from archiver.extraction.page import Page
from archiver.extraction.post_locator import Post, is_outside_posts
from archiver.extraction.term_names import (
    clean_term,
    has_count,
    is_term,
    kind_of_label,
    text_of_term_link,
    unless_separator,
)
from archiver.model.lazy_regex import lazy_regex

_BLOCK_TAGS = """
p div li ul ol td tr section article header footer dd dt h1 h2 h3 h4 h5 h6 blockquote main body figure figcaption aside
nav pre
"""
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "summary", "legend"])
_INNER = frozenset(["li", "span", "font", "b", "strong", "small", "big", "em", "i", "dd", "td", "h4", "h5", "h6"])
_ICON_TAGS = ("i", "svg", "span", "img")
_ICON: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("category", lazy_regex(r"(?:^|[\s_-])(?:folder|folders|category|categories|categor\w+)(?:$|[\s_-])", re.I)),
    ("tag", lazy_regex(r"(?:^|[\s_-])(?:tag|tags|hashtag|label|labels|price-?tags?|keyword)(?:$|[\s_-])", re.I)),
)
_OF_THE_SITE = lazy_regex(
    r"(?:trending|popular|hot|top|all|most used|featured|explore)\s+(?:tags?|topics?|categories|labels|keywords)|"
    r"(?:tag|word|label) ?cloud|(?:beliebte|alle) (?:tags|themen|schlagw[oö]rter)|schlagw[oö]rter-?wolke|"
    r"(?:tags|sujets|mots-clés) populaires|nuage de (?:tags|mots-clés)|(?:etiquetas|temas|tags) populares|"
    r"nube de (?:etiquetas|tags)|nuvem de (?:tags|etiquetas)|tag popolari|nuvola di tag|"
    r"popula(?:i)?re (?:tags|onderwerpen)|tagwolk|(?:chmura|popularne) tag(?:ów|i)|populära taggar|taggmoln|"
    r"populære (?:tags|emneord|stikord)|(?:tag|emneord)sky|suositut avainsanat|avainsanapilvi|"
    r"címkefelhő|népszerű címkék|oblíbené štítky|oblak (?:štítků|oznaka|značiek)|etichete populare|nor de etichete|"
    r"etiket bulutu|popüler etiketler|(?:từ khóa|thẻ|chủ đề) (?:nổi bật|phổ biến|hot|được quan tâm)|đám mây thẻ|"
    r"(?:tag|topik|label) (?:populer|terpopuler)|awan tag|δημοφιλείς ετικέτες|σύννεφο ετικετών|"
    r"популярные (?:теги|метки|темы)|облако (?:тегов|меток)|популярні (?:теги|мітки)|хмара (?:тегів|міток)|"
    r"облак (?:от )?(?:етикети|тагове|ознака)|热门标签|热门话题|标签云|熱門標籤|標籤雲|"
    r"人気(?:の)?タグ|タグクラウド|인기 태그|태그 클라우드|الوسوم الشائعة|سحابة الوسوم|ابر برچسب(?:‌?ها)?|"
    r"ענן (?:ה)?תגיות|תגיות פופולריות|แท็กยอดนิยม|लोकप्रिय टैग|জনপ্রিয় ট্যাগ|பிரபலமான குறிச்சொற்கள்|"
    r"პოპულარული თეგები|თეგების ღრუბელი",
    re.IGNORECASE,
)
"""Matches a heading above a list of all terms of the site, such as "Popular tags"."""
_CLOUD_NAME = lazy_regex(
    r"(?:^|[\s_-])(?:(?:tag|label|word|term|topic)s?[_-]?cloud|cloud[_-]?tags?|nuage|tagwolke|tagwolk|etiketbulutu)"
    r"(?:$|[\s_-])",
    re.IGNORECASE,
)
"""Matches the class or id of a tag cloud, which shows the terms of the whole site, the frequent ones larger than the
others."""
_SIZE = lazy_regex(
    r"font-size\s*:\s*([^;]+)|(?:^|[\s_-])((?:size|level|weight|scale|popularity|cloud|fs)[_-]?\d+|"
    r"(?:x+-?|very-?|not-?)?(?:small|large|popular)(?:er|est)?|smallest|largest|medium)(?=$|\s)",
    re.IGNORECASE,
)
"""Matches the size of a link in a tag cloud, in its style or class."""
_MANY_COUNTED = 5
"""This many links that are shown with the number of their posts lead to terms of the whole site."""
_IN_CLOUD, _MANY_TERMS = 3, 25
"""A tag cloud has at least `_IN_CLOUD` links. `_MANY_TERMS` without a label are those of the whole site, unless they
are in an element marked as a post."""
_WORDS_AROUND = 110
"""A line with a post's terms contains at most this many characters besides the links. A paragraph of the text contains
more."""
_CLIMB = 3
_BELOW, _MAX_LAST = 200, 30
"""The tags of a post may be in the first `_BELOW` elements after it, in the last `_BELOW` elements of its text, or in
the last `_MAX_LAST` links in these elements."""
_MAX_LINKS = 400
_TERM_RELS = frozenset(("tag", "category"))


Marks = Mapping[Element, tuple[Kind, str]]
"""Elements that a selector marks as terms, with the kind and the source: "platform" or "class"."""


class TermLink(NamedTuple):
    """A link to the listing of a category or tag, and what shows its kind.

    `source` is "platform" or "class" (a selector), "link" (its rel or address) or "label" (a label or icon before it).
    `unclear` is True if only an address below the text shows it, which leads to a category on some sites and to a tag
    on others.
    """

    element: Element
    text: str
    kind: Kind
    source: str
    unclear: bool


def term_links(page: Page, post: Post, marks: Marks) -> list[TermLink]:
    """Returns the links to the post's own categories and tags, in document order.

    They are sought beside the post's text; if none of a kind is there, also at the end of its text, and tags right
    below the element that contains the post, up to the heading of the next post. In the text, a link needs a label or a
    rel.
    """
    order, end = page.index.order, page.index.end
    text = range(order[post.body], end(post.body)) if post.body is not None else range(0)
    around = [range(order[el], end(el)) for el in (post.holder, *post.sidebars) if el is not None]
    below = _positions_below(page, post)
    found: dict[str, list[Element]] = {"beside": [], "last": [], "below": []}
    for a in page.index.tag("a"):
        at = order[a]
        if at in text and not post.in_meta_block(a) and (post.body is not post.holder or not _TERM_RELS & rels(a)):
            if at >= text.stop - _BELOW:
                found["last"].append(a)
        elif any(at in positions for positions in around):
            found["beside"].append(a)
        elif at in below:
            if any(e.tag in _HEADINGS for e in islice(a.iterancestors(), _CLIMB)):
                below = range(0)
            else:
                found["below"].append(a)
    out = _own_terms(page, post, found["beside"][:_MAX_LINKS], marks)
    for place, kind in (("last", "category"), ("below", "tag"), ("last", "tag")):
        if not any(one.kind == kind for one in out):
            links = _own_terms(page, post, found[place][-_MAX_LAST:], marks, place == "last")
            out += [one for one in links if one.kind == kind]
    return out


def _positions_below(page: Page, post: Post) -> range:
    """Returns the positions of the elements right below the post, up to the end of its grandparent."""
    holder = post.holder
    if holder is None or holder.tag in ("body", "main", "html"):
        return range(0)
    outer = [el for el in islice(holder.iterancestors(), 2) if el.tag not in ("body", "html")]
    begin = page.index.end(holder)
    return range(begin, min(page.index.end(outer[-1]) if outer else len(page.index.elements), begin + _BELOW))


def _own_terms(page: Page, post: Post, links: Iterable[Element], marks: Marks, in_text: bool = False) -> list[TermLink]:
    """Returns those of several links that lead to the post's own categories and tags."""
    blocks: dict[Element, list[TermLink]] = {}
    previous: TermLink | None = None
    prose: dict[Element, bool] = {}
    for a in links:
        href, rel = a.get("href") or "", rels(a)
        one = None
        if href and not is_paged(href) and ("tag" in rel or is_own_site(page, href)):
            one = _term_link(page, post, a, previous, marks, in_text)
        if one is not None and (post.is_noise(a) or (not _TERM_RELS & rel and is_in_prose(a, prose))):
            one = None
        previous = one if one is not None and not one.unclear else None
        if one is not None and is_term(one.text, one.source != "label"):
            block = next(e for e in a.iterancestors() if e.tag not in _INNER or len(e) > 1)
            blocks.setdefault(block, []).append(one)
    found = [one for block, some in blocks.items() if not _are_of_site(block, some) for one in some]
    if sum(one.unclear for one in found) > 1:  # a post is in one section, but about several topics
        found = [one._replace(kind="tag") if one.unclear else one for one in found]
    return found


def _term_link(
    page: Page, post: Post, a: Element, previous: TermLink | None, marks: Marks, in_text: bool
) -> TermLink | None:
    """Returns the category or tag to which a link leads by its rel, its address, a selector, or the label, icon or
    other link (`previous`) before it; None if nothing shows this. In the text (`in_text`), an address alone does not.
    """
    href, rel = a.get("href") or "", rels(a)
    address = kind_of_address(href)
    if address == kind_of_address(page.path) and "tag" not in rel:
        address = None  # this folder contains the site's posts
    marked, by = marks.get(a, (None, ""))
    kind: Kind | None = "category" if "category" in rel else marked if by == "platform" else None
    kind = kind or address or marked or ("tag" if "tag" in rel else None)
    source = by if by == "platform" else "link" if address or rel & _TERM_RELS else by
    unclear = False
    if not _TERM_RELS & rel and (in_text or kind is None or (is_ambiguous(href) and not marked)):
        labelled = kind_before(a, previous)
        if in_text and labelled == "category" != address and not is_section(page, href):
            labelled = None
        is_below = post.body is not None and page.index.order[a] >= page.index.end(post.body)
        unclear = kind is not None and labelled is None and is_below
        source = source or "label"
        kind = labelled or (None if in_text else kind)
    return TermLink(a, clean_term(text_of_term_link(a)), kind, source, unclear) if kind is not None else None


def kind_before(a: Element, previous: TermLink | None) -> Kind | None:
    """Returns "category" or "tag" if what precedes a link shows this: a label, an icon, or the link before it."""
    before = text_before(a, previous.element if previous else None)
    if before is None:
        return previous.kind if previous else None
    if isinstance(before, str):
        return kind_of_label(before)
    names = " ".join(v for e in islice(before.iter("*"), 4) for v in map(str, e.attrib.values()))[:300]
    return next((kind for kind, words in _ICON if words.search(names.replace("#", " "))), None)


def text_before(a: Element, previous: Element | None = None) -> str | Element | None:
    """Returns what directly precedes a link in its line, ignoring separators: a text ("" if there is nothing), or an
    element without text (an icon). Returns None if the link `previous` directly precedes it.
    """
    at: Element | None = a
    for _ in range(_CLIMB):
        assert at is not None
        for sibling in islice(at.itersiblings(preceding=True), _CLIMB):
            if text := unless_separator(sibling.tail):
                return text
            inside = list(islice(sibling.iter("*"), 12))  # a label or an icon has no more elements
            if previous is not None and previous in inside:
                return None
            if any(e.tag == "a" for e in inside):
                return ""
            whole = element_line(sibling) if inside else ""
            if text := unless_separator(whole):
                # A heading "Categories" is above all categories of the site, not above those of the post.
                return text if sibling.tag not in _HEADINGS or kind_of_label(text) == "tag" else ""
            if not whole and sibling.tag in _ICON_TAGS:
                return sibling
        at = at.getparent()
        if at is None or (text := unless_separator(at.text)):
            return "" if at is None else text
    return ""


def _are_of_site(block: Element, links: Sequence[TermLink]) -> bool:
    """Returns True if the links in a block lead to terms of the whole site, as in a tag cloud or a counted list.

    Signs are links with numbers of posts or of different sizes, or its heading. If the block is not in an element
    marked as a post, its class or the number of its links may also show it.
    """
    before, elements = block.getprevious(), [one.element for one in links]
    counted = sum(has_count(f"{element_line(a)} {a.tail or ''}".strip()) for a in elements)
    if counted >= _MANY_COUNTED or (1 < counted == len(links) and before is not None and before.tag in _HEADINGS):
        return True
    if len(links) < _IN_CLOUD:
        return False
    styles = (
        f"{e.get('style') or ''} {e.get('class') or ''}"
        for a in elements
        for e in (a, *islice(a.iterancestors("li"), 1))
    )
    sizes = {m[0] for style in styles if (m := _SIZE.search(style))}
    headings = (
        clean_text(e.text).strip(" :：") for e in (before, next(block.iterchildren("*"), None)) if e is not None
    )
    if len(sizes) > 1 or any(map(_OF_THE_SITE.fullmatch, headings)):
        return True
    if before is not None and before.tag in _HEADINGS and kind_of_label(element_line(before)) == "category":
        return True
    names = (f"{e.get('class')} {e.get('id')}" for e in (block, block.getparent()) if e is not None)
    is_long = len(links) >= _MANY_TERMS and kind_before(elements[0], None) is None
    return is_outside_posts(block) and (is_long or any(map(_CLOUD_NAME.search, names)))


def rels(a: Element) -> frozenset[str]:
    """Returns the words of an element's rel attribute, in lower case."""
    return frozenset((a.get("rel") or "").lower().split())


def is_in_prose(el: Element, known: dict[Element, bool]) -> bool:
    """Returns True if a link is in a sentence, because the block around it contains much text besides links. `known`
    caches results by block.
    """
    at = el
    while at.tag not in _BLOCKS and (parent := at.getparent()) is not None:
        at = parent
    if at not in known:
        inline = (
            e for e in islice(at, 200) if e.tag not in _BLOCKS and e.tag != "a" and next(e.iter("a"), None) is None
        )
        texts = [at.text, *(child.tail for child in islice(at, 200)), *map(element_line, inline)]
        known[at] = sum(len((text or "").strip()) for text in texts) > _WORDS_AROUND
    return known[at]
