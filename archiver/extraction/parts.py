"""Posts that are split over several pages: the number of this page, and the addresses of the others."""

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
# Class names that platforms use around the links to a post's own pages only.
_OWN_BLOCK = re.compile(
    r"(?:^|[\s_-])(?:page-?links?|post-page-numbers|wp-?link-?pages|link-?pages|post-nav-links|content-page-links|"
    r"(?:post|entry|article|story)-?(?:pages|pagination|paging|pager))(?=$|[\s_-])", re.IGNORECASE)
_PAGERS = (
    ".pagination", ".pager", ".paging", ".pages", ".page-links", ".page-numbers", ".page-nav", ".pagenav", ".pagenavi",
    ".pagebar", ".post-pagination", ".article-pagination", ".article-pages", ".multipage", ".fenye",
)
# Class names around links to pages of something else: the comments, a list of other posts.
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
    """The pages of one post, as one of them links to them.

    `others`: absolute addresses of its further pages (from the second), in order, as far as this page has them;
    `number`: the number of this page; `first`: the address of the first page, if that is another one; `whole`: the
    address of a view with everything on one page, "" if there is none.
    """

    others: tuple[str, ...] = ()
    number: int = 1
    first: str = ""
    whole: str = ""


@dataclass(frozen=True, slots=True)
class _Link:
    """A link that may lead to another page of this post.

    `text`: the number it shows; `onward`: it says only "next"; `sure`: it is a number or in a block of page links.
    """

    url: str
    ways: tuple[Split, ...]
    text: int | None
    onward: bool
    sure: bool


def parts(page: Page, of: str = "") -> Parts:
    """The other pages of the post on this page; empty for a post on one page, as nearly all are.

    A page of the post has the post's own address followed by a number, and a link that looks like one to a page: in a
    platform's block of page links, rel=next, a bare number, "next page". That excludes the next post, the pages of
    its comments and of a listing, pictures, and chapters with names of their own. `of`: the address of the post, if
    this is known to be one of its pages; a page in the middle need not link to the first.
    """
    links = list(_links(page, "" if of else _own_word(page.url)))
    if of:
        keys = [urlkey(of), *(split.key for split in splits(of) if split.number <= 1)]
        known = {n: url for key in keys for n, url in _numbered(links, key, zero=False).items()}
        return Parts(_in_order(known, urlkey(of)), first=of)
    own = urlkey(page.url)
    found = _numbered(links, own, zero=any(k.onward and _at(k, own) == 1 for k in links))
    if 2 not in found:  # a first page links to the second
        found = {}
    here = splits(page.url)
    if not found and here:
        return _further(page, links, own, here)
    whole = _whole(page, page.url, bool(found)) if found or _says_several(page) else ""
    return Parts(_in_order(found, own), whole=whole)


def _further(page: Page, links: list[_Link], own: str, here: list[Split]) -> Parts:
    """The pages of a post on a page whose own address has a number: a further page, or a first one with a number."""
    for split in here:
        if found := _by_split(page, links, own, split):
            return found
    return Parts()


def _by_split(page: Page, links: list[_Link], own: str, split: Split) -> Parts | None:
    """The pages of a post if the page's own number is the one in this part of the address."""
    first = _first_page(page, split)
    zero = split.in_query and any(k.text == n + 1 for k in links if (n := _at(k, split.key)) is not None)
    number = split.number + zero
    if 1 < number <= MOST_PARTS and first:
        found = _numbered(links, split.key, zero)
        return Parts(_in_order({**found, number: page.url}, split.key), number, first)
    if split.in_query:
        is_first = number <= 1 and (first or urlkey(page.canonical or page.url) == split.key)
        return Parts(number=1, first=first or split.stem) if is_first else None
    if split.number <= 1:
        found = _numbered([k for k in links if k.sure], split.key, zero=split.number == 0)
        return Parts(_in_order(found, own), whole=_whole(page, page.url, True)) if found else None
    return None


def _own_word(url: str) -> str:
    """A word of a page's address that is also in the addresses of its further pages, unless those are relative;
    "" if no word is certain."""
    pieces = [p for p in urlsplit(url).path.split("/") if p and not p.isdigit()]
    word = _WORD.match(pieces[-1]) if pieces and "?" not in url and "%" not in url else None
    return word[0] if word and not PAGE_WORD.fullmatch(word[0]) else ""


def _links(page: Page, word: str) -> Iterator[_Link]:
    """The links that may lead to other pages of the post. `word`: one that absolute addresses must contain."""
    possible = (el for el in page.index.tag("a", "link", "option") if _may_be_page(el, _href(el), word))
    for el in islice(possible, _MOST_LINKS):
        text = _text(el)
        number = NUMBER.fullmatch(text)
        onward = "next" in _rels(el) or bool(NEXT.fullmatch(text))
        within = _names_above(el)
        in_block = bool(_OWN_BLOCK.search(within))
        if not (number or onward or in_block) or _FOREIGN.search(within):
            continue
        url = page.join(_href(el))
        if url and (ways := splits(url)):
            yield _Link(url, tuple(ways), int(number[1]) if number else None, onward, bool(number or in_block))


def _href(el: Element) -> str:
    return el.get("value" if el.tag == "option" else "href") or ""


def _rels(el: Element) -> list[str]:
    return (el.get("rel") or "").lower().split()


def _may_be_page(el: Element, href: str, word: str) -> bool:
    """Whether an address has a number where pages have it, and is no fragment and no link of another kind."""
    if word and word not in href and href.startswith(("/", "http")):
        return False
    if not MAYBE.search(href) or href.startswith("#") or href.isdigit() or "#comment" in href or len(href) > 500:
        return False
    return el.tag != "link" or "next" in _rels(el)


def _names_above(el: Element) -> str:
    """Classes and ids of an element and of those around it, up to the one that contains the post."""
    names: list[str] = []
    at: Element | None = el
    for _ in range(6):
        if at is None or at.tag in ("article", "main", "body", "html"):
            break
        names += [(at.get("class") or "")[:200], (at.get("id") or "")[:200]]
        at = at.getparent()
    return " ".join(n for n in names if n)


def _text(el: Element) -> str:
    """The first words of an element, since a link between pages has few."""
    return clean("".join(str(text) for text in islice(el.itertext(), 12)))[:80]


def _at(link: _Link, key: str) -> int | None:
    return next((w.number for w in link.ways if w.key == key), None)


def _numbered(links: list[_Link], key: str, zero: bool) -> dict[int, str]:
    """The addresses of the further pages by number. `zero`: the addresses count from 0, the links from 1."""
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
    """The address of the first page, if the page links to it as such; a link to the home page or archive is not one."""
    for el in page.index.tag("a", "link"):
        rels = _rels(el)
        back = "prev" in rels or "previous" in rels or "first" in rels
        if el.tag == "link" and not back:
            continue
        text = _text(el)
        number = NUMBER.fullmatch(text)
        one = bool(number and int(number[1]) == 1)
        if not one and not (split.number <= 2 and (back or BACK.fullmatch(text))):
            continue
        url = page.join(el.get("href"))
        if url and not _FOREIGN.search(_names_above(el)) and (first := _first_of(url, split, one)):
            return first
    return ""


def _first_of(url: str, split: Split, one: bool) -> str:
    """The address of the first page, if a link leads to it. `one`: the link shows the number 1."""
    if urlkey(url) == split.key:
        return url
    if (one or split.in_query) and any(w.key == split.key and w.number <= 1 for w in splits(url)):
        return split.stem if split.in_query else url
    return ""


def _whole(page: Page, own: str, numbered: bool) -> str:
    """The view with everything on one page; one for printing only if the pages themselves are not found."""
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
        if by_address or not _PRINT.search(href):
            return url
        printed = printed or url
    return "" if numbered else printed


@lru_cache(maxsize=4_096)
def _is_foreign_host(href: str, host: str) -> bool:
    return href.startswith(("http://", "https://", "//")) and host not in href


def _says_several(page: Page) -> bool:
    """Whether a block of page links says "page 1 of 4", even if none of its links can be followed."""
    elements = chain.from_iterable(page.index.select(rule)[:3] for rule in page.index.present(_PAGERS))
    return any(OF_SEVERAL.search(_text(el)) for el in elements)
