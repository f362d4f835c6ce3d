"""The links in a post's meta lines to listings of its terms, recognised by address, rel, label or icon."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.page import Page
from archiver.extraction.scope import Post
from archiver.extraction.terms.terms import Kind, is_term, kind_of_address, kind_of_label, term
from archiver.extraction.text import clean, line
from archiver.platforms import Index

_BLOCKS = frozenset(
    ("p", "div", "li", "ul", "ol", "td", "tr", "section", "article", "header", "footer", "dd", "dt", "h1", "h2", "h3",
     "h4", "h5", "h6", "blockquote", "main", "body", "figure", "figcaption", "aside", "nav", "pre")
)
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "summary", "legend"))
_BETWEEN = re.compile(r"[\s,;、，/|·•&+>»#›:：()\[\]（）-]*|\s*(?:and|und|y|e|et|en|i|и|ve|và|と|و|ו)\s*", re.I)
_ICON: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("category", re.compile(r"(?:^|[\s_-])(?:folder|folders|category|categories|categor\w+)(?:$|[\s_-])", re.I)),
    ("tag", re.compile(r"(?:^|[\s_-])(?:tag|tags|hashtag|label|labels|price-?tags?|keyword)(?:$|[\s_-])", re.I)),
)
_PAGED = re.compile(r"/page/?\d+|[?&]paged?=\d+|/feed/?$", re.IGNORECASE)
_MOST_LINKS = 400
_WORDS_AROUND = 110
"""Letters beside the links in a line with a post's terms; a paragraph of the text has more."""
_CLIMB = 3
_BELOW, _MOST_LAST = 200, 30
"""Elements after the post, and last elements of its text, in which its tags may be."""
_TERM_RELS = frozenset(("tag", "category"))
_ICON_TAGS = ("i", "svg", "span", "img")


@dataclass(frozen=True, slots=True)
class TermLink:
    """A link to a term's listing. `sure`: its rel or its address says the kind; else a label or an icon before it."""

    text: str
    href: str
    kind: Kind
    sure: bool


def term_links(page: Page, post: Post) -> list[TermLink]:
    """The term links of the post itself, in document order, without those in its text and in the noise around it.

    Tags are often right below the element that contains the post, or in the last line of its text: if the post has
    none itself, these are used, those of the text only with a label or rel="tag".
    """
    found = _Links(page, post).terms(_links(page, post))
    for links, strict in ((_links_below(page, post), False), (_last_links(page, post), True)):
        if any(x.kind == "tag" for x in found):
            break
        found += [x for x in _Links(page, post, strict).terms(links) if x.kind == "tag"]
    return found


class _Links:
    """Decides for one link after another whether it is a term, and its kind.

    `strict`: an address alone does not make a term.
    """

    def __init__(self, page: Page, post: Post, strict: bool = False) -> None:
        self.page, self.post, self.strict = page, post, strict
        self.own_kind = kind_of_address(urlsplit(page.url).path)
        self.previous: tuple[Element, Kind] | None = None
        self.prose: dict[Element, bool] = {}

    def terms(self, links: Iterable[Element]) -> list[TermLink]:
        return [found for a in links if (found := self._term(a)) is not None]

    def _term(self, a: Element) -> TermLink | None:
        href = a.get("href") or ""
        rel = frozenset((a.get("rel") or "").lower().split())
        if len(href) > 500 or ("tag" not in rel and not own_site(self.page, href)) or _PAGED.search(href):
            return None
        if not self.strict and self.post.body is self.post.holder and "tag" not in rel:
            return None
        kind = self._declared_kind(href, rel)
        sure = kind is not None
        if (kind is None or (self.strict and "tag" not in rel)) and not _is_address_of_author(href):
            kind = _kind_before(a, self.previous)
        if kind is None or self.post.is_noise(a):
            self.previous = None
            return None
        if _TERM_RELS.isdisjoint(rel) and in_prose(a, self.prose):
            return None
        if not is_term(text := term(line(a)), sure):
            return None
        self.previous = (a, kind)
        return TermLink(text, href, kind, sure)

    def _declared_kind(self, href: str, rel: frozenset[str]) -> Kind | None:
        """The kind by rel or by address; not by a folder in which the site also keeps its posts."""
        if "category" in rel:
            return "category"
        kind = kind_of_address(href)
        if kind == self.own_kind and "tag" not in rel:
            kind = None
        return kind or ("tag" if "tag" in rel else None)


def _kind_before(a: Element, previous: tuple[Element, Kind] | None) -> Kind | None:
    """The kind by what precedes a link: a label, an icon, or a link of known kind."""
    before = text_before(a, previous[0] if previous else None)
    if before is None:
        return previous[1] if previous is not None else None
    return kind_of_label(before) if isinstance(before, str) else _kind_of_icon(before)


def _links(page: Page, post: Post) -> Iterator[Element]:
    """The first links in the holder and outside the body.

    Found by their position in the document, where an element and its descendants are one range.
    """
    if post.holder is None:
        return
    order = page.index.order
    first, last = _run(page.index, post.holder)
    begin, end = _run(page.index, post.body) if post.body is not None and post.body is not post.holder else (0, 0)
    count = 0
    for a in page.index.tag("a"):
        at = order[a]
        if at > last or count > _MOST_LINKS:
            return
        if at >= first and not begin <= at < end and a.get("href"):
            count += 1
            yield a


def _links_below(page: Page, post: Post) -> Iterator[Element]:
    """The links that follow the holder under the same parent or its parent, up to the next post's heading."""
    if post.holder is None or post.holder.tag in ("body", "main", "html"):
        return
    order = page.index.order
    _, first = _run(page.index, post.holder)
    around = post.holder.getparent()
    above = around.getparent() if around is not None else None
    top = above if above is not None and above.tag not in ("body", "html") else around
    if top is None:
        return
    last = min(_run(page.index, top)[1], first + _BELOW)
    for a in page.index.tag("a"):
        if order[a] >= last:
            return
        if order[a] >= first and a.get("href"):
            if any(p.tag in _HEADINGS for p in islice(a.iterancestors(), 3)):
                return
            yield a


def _last_links(page: Page, post: Post) -> list[Element]:
    """The links of the last elements of the text."""
    if post.body is None:
        return []
    order = page.index.order
    begin, end = _run(page.index, post.body)
    begin = max(begin, end - _BELOW)
    return [a for a in page.index.tag("a") if begin <= order[a] < end and a.get("href")][-_MOST_LAST:]


def _run(index: Index, el: Element) -> tuple[int, int]:
    """The range of positions of an element and its descendants."""
    return index.order[el], index.end(el)


def own_site(page: Page, href: str) -> bool:
    """Whether an address belongs to the page's own site: relative, on the same host, or on a subdomain or parent."""
    if "//" not in href[:10]:
        return not href.startswith(("#", "mailto:", "javascript:", "tel:"))
    own, canonical, beginnings = page.hosts
    if href.startswith(beginnings):
        return True
    try:
        host = (urlsplit(href).hostname or "").removeprefix("www.")
    except ValueError:
        return False
    return host in (own, canonical) or (host.count(".") >= 1 and own.endswith("." + host)) or host.endswith("." + own)


def _is_address_of_author(href: str) -> bool:
    return "/author/" in href or "/user" in href or "#comment" in href or "#respond" in href


def text_before(a: Element, previous: Element | None) -> str | Element | None:
    """What directly precedes a link in its line, apart from separators.

    A text, an element without text (an icon), or None for the link `previous`.
    """
    at = a
    for _ in range(_CLIMB):
        if found := _among_siblings(at, previous):
            return found.what
        parent = at.getparent()
        if parent is None or not isinstance(parent.tag, str):
            return ""
        if text := _words(parent.text):
            return text
        at = parent
    return ""


@dataclass(frozen=True, slots=True)
class _Before:
    """What precedes a link, as `text_before` returns it."""

    what: str | Element | None


def _words(text: str | None) -> str:
    """A text, "" if it is only a separator."""
    text = clean(text)
    return "" if _BETWEEN.fullmatch(text) else text


def _among_siblings(at: Element, previous: Element | None) -> _Before | None:
    """What the nearest siblings before an element hold, None if they are empty."""
    sibling = at.getprevious()
    for _ in range(_CLIMB):
        if sibling is None:
            break
        if tail := _words(sibling.tail):
            return _Before(tail)
        inside = _first_of(sibling)
        if previous is not None and (sibling is previous or any(e is previous for e in inside)):
            return _Before(None)
        if not isinstance(sibling.tag, str) or any(e.tag == "a" for e in inside):
            return _Before("")
        whole = clean(" ".join(t for e in inside for t in (e.text, e.tail if e is not sibling else "") if t))
        if text := _words(whole):
            # Below a heading "Categories" is the list of all of them.
            return _Before(text if sibling.tag not in _HEADINGS or kind_of_label(text) == "tag" else "")
        if not whole and sibling.tag in _ICON_TAGS:
            return _Before(sibling)
        sibling = sibling.getprevious()
    return None


def _first_of(el: Element) -> list[Element]:
    """An element and its first descendants, as many as a label or an icon has."""
    return list(islice(el.iter("*"), 12))


def _kind_of_icon(el: Element) -> Kind | None:
    names = " ".join(v for e in islice(el.iter("*"), 4) for v in map(str, e.attrib.values()))[:300]
    return next((kind for kind, words in _ICON if words.search(names.replace("#", " "))), None)


def in_prose(el: Element, known: dict[Element, bool]) -> bool:
    """Whether a link is in a sentence of the text: its block has much text besides links."""
    at = el
    while at.tag not in _BLOCKS and (parent := at.getparent()) is not None:
        at = parent
    if at not in known:
        said = len((at.text or "").strip())
        for child in islice(at, 200):
            said += len((child.tail or "").strip())
            if child.tag not in _BLOCKS and child.tag != "a" and next(child.iter("a"), None) is None:
                said += sum(len(t.strip()) for t in islice(child.itertext(), 50))
        known[at] = said > _WORDS_AROUND
    return known[at]
