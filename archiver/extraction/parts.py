"""Posts that are split over several pages: which page this is, and where the others are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.page import Page
from archiver.extraction.split.partaddress import MAYBE, PAGE_WORD, Split, splits
from archiver.extraction.split.partwords import BACK, NEXT, NUMBER, OF_SEVERAL, WHOLE
from archiver.extraction.text import clean
from archiver.urls import urlkey

MOST_PARTS = 50
_MOST_LINKS = 1_000
_WORD = re.compile(r"[a-zA-Z]{3,}")
# What a platform puts around the links to a post's own pages, and nothing else.
_OWN_BLOCK = re.compile(
    r"(?:^|[\s_-])(?:page-?links?|post-page-numbers|wp-?link-?pages|link-?pages|post-nav-links|content-page-links|"
    r"(?:post|entry|article|story)-?(?:pages|pagination|paging|pager))(?=$|[\s_-])", re.IGNORECASE)
_PAGERS = (
    ".pagination", ".pager", ".paging", ".pages", ".page-links", ".page-numbers", ".page-nav", ".pagenav", ".pagenavi",
    ".pagebar", ".post-pagination", ".article-pagination", ".article-pages", ".multipage", ".fenye",
)
# Here stand pages of something else: of the comments, of a list of other posts.
_FOREIGN = re.compile(
    r"comment|respond|disqus|discussion|related|sidebar|widget|recommend|popular|latest|blog-pager|post-navigation|"
    r"posts-navigation|gallery|slideshow", re.IGNORECASE)
_WHOLE_ADDRESS = re.compile(
    r"[?&](?:pagewanted|page|pg|view|show|mode|seite|p)=(?:all|full|single\w*|complete|alle)(?:&|$)|"
    r"[?&](?:show_?all|view_?all|all|full|single_?page|one_?page|full_?page)=(?:1|true|all|yes)(?:&|$)|"
    r"/(?:all|full|single-?page|one-?page|all-?pages|view-all|page-all|komplettansicht|seite-komplett)(?:\.\w{3,5})?/?$|"
    r"[-_](?:all|full)\.\w{3,5}$", re.IGNORECASE)
_PRINT = re.compile(r"/(?:print|printable|print-?view|drucken|imprimer|imprimir)/?$|[?&]view=print(?:&|$)|"
                    r"[-_.](?:print|printable)(?:\.\w{3,5})?$|[?&]printable=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parts:
    """The pages of one post, as one of them tells.

    `others`: absolute addresses of its further pages (from the second), in order, as far as this page names them;
    `number`: which of them this page is; `first`: the address of the first page where this is another address;
    `whole`: a view that has all of them on one page, "" where none is offered.
    """

    others: tuple[str, ...] = ()
    number: int = 1
    first: str = ""
    whole: str = ""


@dataclass(frozen=True, slots=True)
class _Link:
    """A link that may lead to another page of this post.

    `text` is the number it shows; `onward`: it says "next", no more; `sure`: it looks like nothing else.
    """

    url: str
    ways: tuple[Split, ...]
    text: int | None
    onward: bool
    sure: bool


def parts(page: Page, of: str = "") -> Parts:
    """The other pages of the post on this page; empty where it stands on one page, as nearly all do.

    A page of the post has the post's own address and a number behind it, and a link that looks like a page's: in a
    platform's block of page links, rel=next, a bare number, "next page". So the next post, the pages of its comments
    and of a listing, pictures and chapters with names of their own are none. `of`: the address of the post that this
    is known to be a page of, which a page in the middle need not name.
    """
    links = list(_links(page, "" if of else _own_word(page.url)))
    if of:
        keys = [urlkey(of), *(split.key for split in splits(of) if split.number <= 1)]
        known = {n: url for key in keys for n, url in _numbered(links, key, zero=False).items()}
        return Parts(_in_order(known, urlkey(of)), first=of)
    own = urlkey(page.url)
    found = _numbered(links, own, zero=any(k.onward and _at(k, own) == 1 for k in links))
    if 2 not in found:  # the first page leads to the second, whatever else it links to
        found = {}
    here = splits(page.url)
    if not found and here:
        return _further(page, links, own, here)
    whole = _whole(page, page.url, bool(found)) if found or _says_several(page) else ""
    return Parts(_in_order(found, own), whole=whole)


def _further(page: Page, links: list[_Link], own: str, here: list[Split]) -> Parts:
    """What a page tells whose own address has a number: a further page, or a first one that is numbered too."""
    for split in here:
        first = _first_page(page, split)
        zero = split.in_query and any(k.text == n + 1 for k in links if (n := _at(k, split.key)) is not None)
        if 1 < split.number + zero <= MOST_PARTS and first:
            found = _numbered(links, split.key, zero)
            number = split.number + zero
            return Parts(_in_order({**found, number: page.url}, split.key), number, first)
        if split.in_query and split.number + zero <= 1 and (first or urlkey(page.canonical or page.url) == split.key):
            return Parts(number=1, first=first or split.stem)
        if not split.in_query and split.number <= 1:
            found = _numbered([k for k in links if k.sure], split.key, zero=split.number == 0)
            if found:
                return Parts(_in_order(found, own), whole=_whole(page, page.url, True))
    return Parts()


def _own_word(url: str) -> str:
    """A word of a page's address that its further pages' addresses hold too, unless they are written as relative
    ones; "" where none is certain."""
    pieces = [p for p in urlsplit(url).path.split("/") if p and not p.isdigit()]
    word = _WORD.match(pieces[-1]) if pieces and "?" not in url and "%" not in url else None
    return word[0] if word and not PAGE_WORD.fullmatch(word[0]) else ""


def _links(page: Page, word: str) -> Iterator[_Link]:
    looked_at = 0
    for el in page.index.tag("a", "link", "option"):
        href = el.get("value" if el.tag == "option" else "href") or ""
        if word and word not in href and href.startswith(("/", "http")):
            continue
        if not MAYBE.search(href) or href.startswith("#") or href.isdigit() or "#comment" in href or len(href) > 500:
            continue
        rels = (el.get("rel") or "").lower().split()
        if el.tag == "link" and "next" not in rels:
            continue
        looked_at += 1
        if looked_at > _MOST_LINKS:
            return
        text = _text(el)
        number = NUMBER.fullmatch(text)
        onward = "next" in rels or bool(NEXT.fullmatch(text))
        within = _names_above(el)
        in_block = bool(_OWN_BLOCK.search(within))
        if not (number or onward or in_block) or _FOREIGN.search(within):
            continue
        url = page.join(href)
        if url and (ways := splits(url)):
            yield _Link(url, tuple(ways), int(number[1]) if number else None, onward, bool(number or in_block))


def _names_above(el: Element) -> str:
    """Classes and ids of an element and of those around it, as far as the post's own holder."""
    names: list[str] = []
    at: Element | None = el
    for _ in range(6):
        if at is None or at.tag in ("article", "main", "body", "html"):
            break
        names += [(at.get("class") or "")[:200], (at.get("id") or "")[:200]]
        at = at.getparent()
    return " ".join(n for n in names if n)


def _text(el: Element) -> str:
    """The first words an element shows: a link between pages has few."""
    return clean("".join(str(text) for text in islice(el.itertext(), 12)))[:80]


def _at(link: _Link, key: str) -> int | None:
    return next((w.number for w in link.ways if w.key == key), None)


def _numbered(links: list[_Link], key: str, zero: bool) -> dict[int, str]:
    """Number to address of the further pages. `zero`: the program counts from 0, the reader from 1."""
    at = [(n, k) for k in links if (n := _at(k, key)) is not None]
    shown = [(n, k.text) for n, k in at if k.text is not None]
    zero = (zero or any(t == n + 1 for n, t in shown)) and not any(t == n for n, t in shown)
    found: dict[int, str] = {}
    for n, k in at:
        if n + zero > 1 and not (k.text is not None and k.text != n + zero):
            found.setdefault(n + zero, k.url)
    return found


def _in_order(found: dict[int, str], own: str) -> tuple[str, ...]:
    return tuple(found[n] for n in sorted(found) if urlkey(found[n]) != own)[:MOST_PARTS]


def _first_page(page: Page, split: Split) -> str:
    """The address of the first page, where the page links to it as such; a home or archive link is none."""
    for el in page.index.tag("a", "link"):
        href = el.get("href") or ""
        rels = (el.get("rel") or "").lower().split()
        back = "prev" in rels or "previous" in rels or "first" in rels
        if el.tag == "link" and not back:
            continue
        text = _text(el)
        number = NUMBER.fullmatch(text)
        one = bool(number and int(number[1]) == 1)
        if not one and not (split.number <= 2 and (back or BACK.fullmatch(text))):
            continue
        url = page.join(href)
        if url and not _FOREIGN.search(_names_above(el)):
            if urlkey(url) == split.key:
                return url
            if (one or split.in_query) and any(w.key == split.key and w.number <= 1 for w in splits(url)):
                return split.stem if split.in_query else url
    return ""


def _whole(page: Page, own: str, numbered: bool) -> str:
    """The view with everything on one page; one for printing only where the pages themselves cannot be found."""
    host, stem = urlsplit(own).netloc, re.sub(r"\.\w{3,5}$", "", urlsplit(own).path.rstrip("/"))
    key, printed = urlkey(own), ""
    for el in page.index.tag("a"):
        href = el.get("href") or ""
        if not href or href.startswith("#") or _is_foreign_host(href, host):
            continue
        by_address = bool(_WHOLE_ADDRESS.search(href))
        if not by_address and not _PRINT.search(href) and not WHOLE.search(_text(el)):
            continue
        url = page.join(href)
        if not url or urlkey(url) == key or urlsplit(url).netloc != host or not urlsplit(url).path.startswith(stem):
            continue
        if _PRINT.search(href) and not by_address:
            printed = printed or url
        else:
            return url
    return "" if numbered else printed


@lru_cache(maxsize=4_096)
def _is_foreign_host(href: str, host: str) -> bool:
    return href.startswith(("http://", "https://", "//")) and host not in href


def _says_several(page: Page) -> bool:
    """Whether a block of page links says "page 1 of 4", though none of its links can be followed."""
    elements = chain.from_iterable(page.index.select(rule)[:3] for rule in page.index.present(_PAGERS))
    return any(OF_SEVERAL.search(_text(el)) for el in elements)
