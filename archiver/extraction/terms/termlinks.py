"""The links of a post's own meta lines that lead to term listings, told by address, rel, label or icon."""

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
"""Letters beside links in a line that files a post; a paragraph of the text has more."""
_CLIMB = 3
_BELOW, _MOST_LAST = 200, 30
"""Elements after the post (and last ones of its text) in which its tags are looked for."""


@dataclass(frozen=True, slots=True)
class TermLink:
    """`sure`: its rel or its address says what it is; else a label or an icon before it does."""

    text: str
    href: str
    kind: Kind
    sure: bool


def term_links(page: Page, post: Post) -> list[TermLink]:
    """The term links of the post itself, in document order: those of its text and of the noise around it are none.

    Tags often stand right below the element that holds the post, or as the last line of its text: where it has
    none itself, these are taken, the latter only with a label or rel="tag".
    """
    found = _told(page, post, _links(page, post))
    for links, strict in ((_links_below(page, post), False), (_last_links(page, post), True)):
        if any(x.kind == "tag" for x in found):
            break
        found += [x for x in _told(page, post, links, strict) if x.kind == "tag"]
    return found


def _told(page: Page, post: Post, links: Iterable[Element], strict: bool = False) -> list[TermLink]:
    """`strict`: an address alone does not make a term."""
    found: list[TermLink] = []
    prose: dict[Element, bool] = {}
    previous: tuple[Element, Kind] | None = None
    own = kind_of_address(urlsplit(page.url).path)
    for a in links:
        href = a.get("href") or ""
        rel = (a.get("rel") or "").lower().split()
        if len(href) > 500 or (not own_site(page, href) and "tag" not in rel) or _PAGED.search(href):
            continue
        kind: Kind | None = "category" if "category" in rel else kind_of_address(href)
        if kind == own and not {"tag", "category"} & set(rel):
            kind = None  # the site keeps its posts in such a folder
        if kind is None and "tag" in rel:
            kind = "tag"
        sure = kind is not None
        if not strict and post.body is post.holder and "tag" not in rel:
            continue
        if (kind is None or (strict and "tag" not in rel)) and not _is_address_of_author(href):
            kind = _kind_before(a, previous)
        if kind is None or post.is_noise(a):
            previous = None
            continue
        if not {"tag", "category"} & set(rel) and in_prose(a, prose):
            continue
        if is_term(text := term(line(a)), sure):
            found.append(TermLink(text, href, kind, sure))
            previous = (a, kind)
    return found


def _kind_before(a: Element, previous: tuple[Element, Kind] | None) -> Kind | None:
    before = text_before(a, previous[0] if previous else None)
    if before is None:
        return previous[1] if previous is not None else None
    return kind_of_label(before) if isinstance(before, str) else _kind_of_icon(before)


def _links(page: Page, post: Post) -> Iterator[Element]:
    """The links of the holder outside the body, at most some hundred.

    Told by their place in document order, in which an element and all below it are one run.
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
    return index.order[el], index.end(el)


def own_site(page: Page, href: str) -> bool:
    """Whether an address is of the page's own site: relative, the same host, or a host below or above it."""
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
    """What stands right before a link in its line: a text, an element without text (an icon), or None where it is
    the link `previous`, separators aside."""
    at = a
    for _ in range(_CLIMB):
        prev = at.getprevious()
        for _ in range(_CLIMB):
            if prev is None:
                break
            tail = clean(prev.tail)
            if tail and not _BETWEEN.fullmatch(tail):
                return tail
            if previous is not None and (prev is previous or any(e is previous for e in _first_of(prev))):
                return None
            inside = _first_of(prev)
            if not isinstance(prev.tag, str) or any(e.tag == "a" for e in inside):
                return ""
            text = clean(" ".join(t for e in inside for t in (e.text, e.tail if e is not prev else "") if t))
            if text and not _BETWEEN.fullmatch(text):
                # Below a heading "Categories" stands the list of all there are.
                return text if prev.tag not in _HEADINGS or kind_of_label(text) == "tag" else ""
            if not text and prev.tag in ("i", "svg", "span", "img"):
                return prev
            prev = prev.getprevious()
        parent = at.getparent()
        if parent is None or not isinstance(parent.tag, str):
            return ""
        text = clean(parent.text)
        if text and not _BETWEEN.fullmatch(text):
            return text
        at = parent
    return ""


def _first_of(el: Element) -> list[Element]:
    """An element and what stands below it, as far as a label or an icon goes."""
    return list(islice(el.iter("*"), 12))


def _kind_of_icon(el: Element) -> Kind | None:
    names = " ".join(v for e in islice(el.iter("*"), 4) for v in map(str, e.attrib.values()))[:300]
    return next((kind for kind, words in _ICON if words.search(names.replace("#", " "))), None)


def in_prose(el: Element, known: dict[Element, bool]) -> bool:
    """Whether a link stands in a sentence of the text: its block says much besides its links."""
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
