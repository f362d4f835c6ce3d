"""The further pages of a post that a site splits over several: which links lead to them, and which page is which."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from lxml.etree import _Element as Element

from archiver.extraction.normalization import clean_text
from archiver.extraction.page import Page
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import urlkey


def _alternatives(*rows: str) -> str:
    """Returns one regular expression that matches what any of `rows` matches. Each row contains alternatives separated
    by "|", with "_" for a space.
    """
    return "|".join(word for row in rows for word in row.replace("_", " ").split("|"))


_PAGE_WORDS = r"pages?|seiten?|trang|página|pagina|strona|strana|sivu|side|sida|sayfa|halaman|страница|стр\.?|part|teil"
_OF = r"of|/|von|de|di|sur|trên|из|van|z"
_NEXT = _alternatives(
    "next(?:_page|_part)?|(?:go_to_|continue_(?:reading_|to_)?(?:on_)?(?:the_)?)next_page",
    "nächste_seite|weiter(?:_zur_nächsten_seite)?|(?:la_)?page_suivante|suivante?|siguiente|seguinte|successiva",
    "(?:la_)?p[áa]gina_(?:siguiente|seguinte|successiva)|trang_(?:sau|tiếp(?:_theo)?|kế)|tiếp_theo",
    "следующая(?:_страница)?|дальше|далее|sonraki(?:_sayfa)?|następna(?:_strona)?|volgende(?:_pagina)?",
    "下一?[页頁]|次の?ページ(?:へ)?|次へ|다음(?:_페이지)?|הבא|לעמוד_הבא|الصفحة_التالية|التالي",
)
_BACK = _alternatives(
    "(?:prev(?:ious)?|first|last)(?:_page)?|zurück|vorherige_seite|(?:page_)?précédente|(?:p[áa]gina_)?anterior",
    "trang_(?:trước|đầu|cuối)|предыдущая(?:_страница)?|önceki(?:_sayfa)?|上一?[页頁]|[首尾末][页頁]",
    "前の?ページ(?:へ)?|前へ|이전(?:_페이지)?",
)
_CONTINUED = _alternatives(
    "(?:continued|more)_on_(?:the_)?next_page", "fortsetzung_auf_der_nächsten_seite", "suite_(?:à|en)_la_page_suivante"
)
_PAGE_OF = (
    rf"(?:{_PAGE_WORDS})\s*\d{{1,3}}(?:\s*(?:{_OF})\s*\d{{1,3}})?|\d{{1,3}}\s*/\s*\d{{1,3}}|"
    r"第\s*\d{1,3}\s*[页頁]|\d{1,3}\s*(?:/\s*\d{1,3}\s*)?ページ目?|ページ\s*\d{1,3}"
)
_WHOLE = _alternatives(
    "(?:single|one)[_-]page|view_(?:as_)?(?:all|full|entire)|show_(?:all|full)|all_pages|(?:entire|full)_(?:article|story)",
    "auf_einer_seite|sur_une_(?:seule_)?page|en_una_(?:sola_)?p[áa]gina|su_una_(?:sola_)?pagina|(?:só|única)_página",
    "op_één_pagina|xem_(?:toàn_bộ|tất_cả|toàn_văn)|trên_một_trang|на_одной_странице|одной_страницей|tek_sayfa",
    "一[页頁](?:显示|顯示|阅读)|(?:单|單)[页頁]|(?:显示|顯示|阅读|閱讀|浏览|余下)全文",
    "1ページで|全文を?(?:表示|読む)|(?:すべて|全て)表示|한_?페이지|전체_?보기",
)
_VIEW = _alternatives("(?:view|read|show)_(?:this_(?:article|story)_)?(?:as|on|in)(?:_an?)?")
NUMBER = lazy_regex(
    rf"[\W_]*(?:(?:{_NEXT}|{_BACK})[\W_]+)?(?:{_PAGE_WORDS}|第|쪽|페이지)?[\s:.-]*(\d{{1,3}})\s*"
    r"(?:页|頁|ページ目?|쪽|페이지)?[\W_]*",
    re.IGNORECASE,
)
"""Matches the text of a link that consists of a page's number (group 1), which may follow "next" or "back"."""
NEXT = lazy_regex(rf"[\W_]*(?:{_NEXT})[\W_]*", re.IGNORECASE)
BACK = lazy_regex(rf"[\W_]*(?:{_BACK})[\W_]*", re.IGNORECASE)
WHOLE = lazy_regex(rf"{_WHOLE}|^全文$", re.IGNORECASE)
"""Matches the text of a link to a view with everything on one page."""
OF_SEVERAL = lazy_regex(
    rf"(?:{_PAGE_WORDS}|第)\s*\d{{1,3}}\s*(?:{_OF})\s*[2-9]|共\s*[2-9]\d?\s*[页頁]|"
    r"\d{1,2}\s*/\s*[2-9]\d?\s*(?:ページ|页|頁|페이지)",
    re.IGNORECASE,
)
"""Matches a text that says that a page is one of several."""
MARK = lazy_regex(rf"[\s\-–—|:,·»(\[（【]*(?:{_PAGE_OF})[)\]）】\s]*$", re.IGNORECASE)
"""Matches a page's number after a title, written with a word such as "page"."""
BARE_MARK = lazy_regex(r"\s*[(\[（【]\d{1,2}[)\]）】]\s*$")
"""Matches a page's number after a title that is only in brackets, without a word."""


# The quantifier is possessive, so that a paragraph with many numbers takes linear time.
PAGER = lazy_regex(
    rf"(?:[\W_]|{_CONTINUED}|{_VIEW}|{_WHOLE}|{_NEXT}|{_BACK}|(?:{_PAGE_WORDS}|of|von|de|из|van)\b|\d{{1,3}}(?!\d)|"
    r"[第共页頁쪽]|ページ目?|페이지)++",
    re.IGNORECASE,
)
"""Matches a paragraph that consists of links to the pages of a post."""


# The words for "page" that programs put in addresses. "part" is not among them, since "part 2" is usually a separate
# post.
_LONG_WORD = "page|pagina|página|seite|trang|strona|strana|stranica|stranitsa|sivu|sayfa|halaman|страница|ページ"
_URL_PART_WORD = f"{_LONG_WORD}|pag|pg|p|str|side|sida|стр|頁|页"
PAGE_WORD = lazy_regex(_URL_PART_WORD, re.IGNORECASE)
_WORD_FOLDER = lazy_regex(rf"(?P<stem>.*[^/])/(?:{_URL_PART_WORD})/?", re.IGNORECASE)
_FOLDER = lazy_regex(rf"(?P<stem>.*[^/])/(?:(?:{_URL_PART_WORD})[_-]?)?(?P<number>0|[1-9]\d{{0,2}})/?", re.IGNORECASE)
_FILE = lazy_regex(
    rf"(?P<stem>.*[^/_.,-])(?P<sep>[/_.,-]{{1,2}})(?:(?:{_URL_PART_WORD})[_-]?)?(?P<number>0|[1-9]\d{{0,2}})"
    r"(?P<ending>\.[a-z]{3,5})",
    re.IGNORECASE,
)
_TAIL = lazy_regex(rf"(?P<stem>.*[^/_,-])[-_,](?:{_LONG_WORD})[-_]?(?P<number>0|[1-9]\d{{0,2}})/?", re.IGNORECASE)
_QUERY = lazy_regex(
    r"(?:page|pg|p|paged|pagina|page_?num(?:ber)?|page_?no|cur(?:rent)?_?page|seite|trang|sayfa|strona|str|part|pn|"
    r"_page)=(\d{1,3})",
    re.IGNORECASE,
)


# Matches a link that may lead to a numbered page. Most links of a page do not match, and are therefore not parsed.
MAYBE = lazy_regex(r"(?<!\d)\d{1,3}(?:\.[a-z]{3,5})?/?(?:[?#]|$)|=\d{1,3}&", re.IGNORECASE)


class PartURL(NamedTuple):
    """One possible reading of an address as that of a page of a post. `stem` is the post's own address, and `key` is
    its urlkey. `number` is the number of the page, and `in_query` is True if the number is in the query.
    """

    stem: str
    key: str
    number: int
    in_query: bool


def part_urls(url: str) -> list[PartURL]:
    """Returns every possible reading of an address as that of page N of a longer post. N is the number in the address.

    Examples are "/a/2/", "/a/page/2", "/a-2.html", "/a/2.html", "/a-page-2" and "/a?page=2". A number with a leading
    zero does not count, since it is a month or a day. Pages of a site's root are left out.
    """
    parts = urlsplit(url)
    found: list[PartURL] = []

    def add(path: str, query: str, number: str, in_query: bool) -> None:
        if not in_query and (word := _WORD_FOLDER.fullmatch(path)):
            path = word["stem"] + ("/" if path.endswith("/") else "")
        stem = urlunsplit((parts.scheme, parts.netloc, path, query, ""))
        if path.strip("/") or query:
            found.append(PartURL(stem, urlkey(stem), int(number), in_query))

    pieces = parts.query.split("&") if parts.query else []
    for at, piece in enumerate(pieces):
        if m := _QUERY.fullmatch(piece):
            add(parts.path, "&".join(pieces[:at] + pieces[at + 1 :]), m[1], True)
    path = unquote(parts.path) if "%" in parts.path else parts.path
    if (m := _FOLDER.fullmatch(path)) or (m := _TAIL.fullmatch(path)):
        add(m["stem"] + ("/" if path.endswith("/") else ""), parts.query, m["number"], False)
    elif m := _FILE.fullmatch(path):
        add(m["stem"] + m["ending"], parts.query, m["number"], False)
        if m["sep"] == "/":
            add(m["stem"] + "/", parts.query, m["number"], False)
    return found


MAX_PARTS = 50
_MAX_LINKS = 1_000
_ENDING = r"\.\w{3,5}$"
_WORD = lazy_regex(r"[a-zA-Z]{3,}")


# Matches class names that platforms use only around the links to a post's own pages.
_OWN_BLOCK = lazy_regex(
    r"(?:^|[\s_-])(?:page-?links?|post-page-numbers|wp-?link-?pages|link-?pages|post-nav-links|content-page-links|"
    r"(?:post|entry|article|story)-?(?:pages|pagination|paging|pager))(?=$|[\s_-])",
    re.IGNORECASE,
)
_PAGERS = (
    ".pagination",
    ".pager",
    ".paging",
    ".pages",
    ".page-links",
    ".page-numbers",
    ".page-nav",
    ".pagenav",
    ".pagenavi",
    ".pagebar",
    ".post-pagination",
    ".article-pagination",
    ".article-pages",
    ".multipage",
    ".fenye",
)


# Matches class names around links to the pages of something else, such as comments or a list of other posts.
_FOREIGN = lazy_regex(
    r"comment|respond|disqus|discussion|related|sidebar|widget|recommend|popular|latest|blog-pager|post-navigation|"
    r"posts-navigation|gallery|slideshow",
    re.IGNORECASE,
)
_WHOLE_ADDRESS = lazy_regex(
    r"[?&](?:pagewanted|page|pg|view|show|mode|seite|p)=(?:all|full|single\w*|complete|alle)(?:&|$)|"
    r"[?&](?:show_?all|view_?all|all|full|single_?page|one_?page|full_?page)=(?:1|true|all|yes)(?:&|$)|"
    r"/(?:all|full|single-?page|one-?page|all-?pages|view-all|page-all|komplettansicht|seite-komplett)(?:\.\w{3,5})?/?$|"
    r"[-_](?:all|full)\.\w{3,5}$",
    re.IGNORECASE,
)
_PRINT = lazy_regex(
    r"/(?:print|printable|print-?view|drucken|imprimer|imprimir)/?$|[?&]view=print(?:&|$)|"
    r"[-_.](?:print|printable)(?:\.\w{3,5})?$|[?&]printable=",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PostParts:
    """The pages of one post, as far as one of them links to the others.

    - `others`: the absolute addresses of the pages from the second on, in order, without this page.
    - `number`: the number of this page.
    - `first`: the address of the first page; "" if this is the first page.
    - `whole`: the address of a view with everything on one page; "" if the page does not link to one.
    """

    others: tuple[str, ...] = ()
    number: int = 1
    first: str = ""
    whole: str = ""


@dataclass(frozen=True, slots=True)
class _Link:
    """A link that may lead to another page of a post.

    - `ways`: the possible readings of its address as that of a page of a post.
    - `text`: the number that the link shows.
    - `onward`: True if the link only says "next".
    - `sure`: True if it shows a number or is in a block of links between pages.
    """

    url: str
    ways: tuple[PartURL, ...]
    text: int | None
    onward: bool
    sure: bool


def find_parts(page: Page, of: str = "") -> PostParts:
    """Returns the other pages of the post on this page. Nearly all posts have none, and the result contains no
    addresses.

    The address of a further page is the post's own address with a number. A link to it counts if one of these is true:

    - It is in a platform's block of page links.
    - It has rel=next.
    - Its text is only a number, or "next page".
    - It only adds a page parameter to a post's address that already has a query: ?no=21&p=2 after ?no=21.

    This excludes the next post, further pages of comments and of a listing, pictures, and chapters with names.

    If this page is already known to be a further page of a post, `of` is the address of that post; such a page may have
    no link to the first one.
    """
    links = list(_links(page, "" if of else _own_word(page.url), of or page.url))
    if of:
        keys = [urlkey(of), *(split.key for split in part_urls(of) if split.number <= 1)]
        known = {n: url for key in keys for n, url in _pages_by_number(links, key, zero=False).items()}
        return PostParts(_in_order(known, urlkey(of)), first=of)
    own = urlkey(page.url)
    found = _pages_by_number(links, own, zero=any(k.onward and _number_at(k, own) == 1 for k in links))
    if 2 not in found:  # the first page of a post always links to the second
        found = {}
    here = part_urls(page.url)
    if not found and here:
        return _parts_by_own_number(page, links, own, here)
    whole = _find_whole_view(page, page.url, bool(found)) if found or _says_several(page) else ""
    return PostParts(_in_order(found, own), whole=whole)


def _parts_by_own_number(page: Page, links: list[_Link], own: str, here: list[PartURL]) -> PostParts:
    """Returns the pages of the post, given a page whose own address has a number. `here` are the possible readings of
    this address as that of page N of a post, and `own` is its urlkey. The result is empty if the page's links confirm
    none of the readings.
    """
    for split in here:
        if found := _parts_by_split(page, links, own, split):
            return found
    return PostParts()


def _parts_by_split(page: Page, links: list[_Link], own: str, split: PartURL) -> PostParts | None:
    """Returns the pages of a post if the page's links confirm that its own address is that of page N of the post, as
    the reading `split` says; otherwise None.
    """
    first = _first_page(page, split)
    zero = split.in_query and any(k.text == n + 1 for k in links if (n := _number_at(k, split.key)) is not None)
    number = split.number + zero
    if 1 < number <= MAX_PARTS and first:
        found = _pages_by_number(links, split.key, zero)
        return PostParts(_in_order({**found, number: page.url}, split.key), number, first)
    if split.in_query:
        is_first = number <= 1 and (first or urlkey(page.canonical or page.url) == split.key)
        return PostParts(number=1, first=first or split.stem) if is_first else None
    if split.number <= 1:
        found = _pages_by_number([k for k in links if k.sure], split.key, zero=split.number == 0)
        return PostParts(_in_order(found, own), whole=_find_whole_view(page, page.url, True)) if found else None
    return None


def _own_word(url: str) -> str:
    """Returns the first word of the slug in a page's address; "" if there is none. The absolute addresses of the post's
    further pages contain it, too, so other links need not be examined.
    """
    pieces = [p for p in urlsplit(url).path.split("/") if p and not p.isdigit()]
    word = _WORD.match(pieces[-1]) if pieces and "?" not in url and "%" not in url else None
    return word[0] if word and not PAGE_WORD.fullmatch(word[0]) else ""


_LINKING = (("a", "href"), ("link", "href"), ("option", "value"))
_ABSOLUTE = ("/", "http")


def _links(page: Page, word: str, own: str) -> Iterator[_Link]:
    """Yields the links that may lead to other pages of the post with the address `own`. An absolute address must
    contain `word` (see `_own_word`).
    """
    key = urlkey(own) if "?" in own else ""
    index = page.index
    possible = [
        el
        for tag, name in _LINKING
        for el in index.tag(tag)
        if (href := el.get(name))
        and not (word and word not in href and href.startswith(_ABSOLUTE))
        and _may_be_page(el, href)
    ]
    if len(possible) > 1:
        possible.sort(key=index.order.__getitem__)
    for el in possible[:_MAX_LINKS]:
        text = _first_words(el)
        number = NUMBER.fullmatch(text)
        onward = ("next" in _rels(el) and not _names_other_post(el, page)) or bool(NEXT.fullmatch(text))
        within = _names_above(el)
        in_block = bool(_OWN_BLOCK.search(within)) and (bool(number) or onward or not _leads_elsewhere(el, page, own))
        if not (number or onward or in_block or key) or _FOREIGN.search(within):
            continue
        url = page.join(_href(el))
        if url and (ways := part_urls(url)):
            if not (number or onward or in_block or any(way.in_query and way.key == key for way in ways)):
                continue
            yield _Link(url, tuple(ways), int(number[1]) if number else None, onward, bool(number or in_block))


def _href(el: Element) -> str:
    return el.get("value" if el.tag == "option" else "href") or ""


def _rels(el: Element) -> list[str]:
    return (el.get("rel") or "").lower().split()


def _names_other_post(el: Element, page: Page) -> bool:
    """Returns True if a <link> element has the title of another post: Movable Type writes one for the next post. The
    title of a further page is the post's own, or says only "next page".
    """
    title = clean_text(el.get("title") or "") if el.tag == "link" else ""
    if not title or NUMBER.fullmatch(title) or NEXT.fullmatch(title):
        return False
    return MARK.sub("", title).casefold() not in page.head_title.casefold()


def _leads_elsewhere(el: Element, page: Page, own: str) -> bool:
    """Returns True if the block of page links around a link leads from post to post, such as "previous post | home |
    next post": it links to more than the pages of the post at `own`.
    """
    block = next((above for above in el.iterancestors() if _OWN_BLOCK.search(_class_and_id(above))), None)
    if block is None:
        return False
    keys, stem = (
        {urlkey(own), *(way.key for way in part_urls(own))},
        re.sub(_ENDING, "", urlsplit(own).path.rstrip("/")),
    )
    urls = (url for link in islice(block.iter("a"), MAX_PARTS) if (url := page.join(link.get("href"))))
    return any(
        not urlsplit(url).path.startswith(stem) and keys.isdisjoint((urlkey(url), *(way.key for way in part_urls(url))))
        for url in urls
    )


def _class_and_id(el: Element) -> str:
    return f"{(el.get('class') or '')[:200]} {(el.get('id') or '')[:200]}"


def _may_be_page(el: Element, href: str) -> bool:
    """Returns True if the address of a link has a number in a place where the addresses of a post's pages have one.
    Fragments, comments and <link> elements without rel=next do not count.
    """
    if len(href) > 500 or not _may_be_page_address(href):
        return False
    return el.tag != "link" or "next" in _rels(el)


@lru_cache(maxsize=4_096)  # most links of a page are in menus, and so on all pages
def _may_be_page_address(href: str) -> bool:
    has_number = MAYBE.search(href) is not None
    return has_number and not (href.startswith("#") or href.isdigit() or "#comment" in href)


def _names_above(el: Element) -> str:
    """Returns the classes and ids of an element and of the elements around it, up to the <article>, separated by
    spaces.
    """
    names: list[str] = []
    at: Element | None = el
    for _ in range(6):
        if at is None or at.tag in ("article", "main", "body", "html"):
            break
        names += [(at.get("class") or "")[:200], (at.get("id") or "")[:200]]
        at = at.getparent()
    return " ".join(n for n in names if n)


def _first_words(el: Element) -> str:
    """Returns the first words of an element. They are enough to recognize a link between pages."""
    return clean_text("".join(str(text) for text in islice(el.itertext(), 12)))[:80]


def _number_at(link: _Link, key: str) -> int | None:
    return next((w.number for w in link.ways if w.key == key), None)


def _pages_by_number(links: list[_Link], key: str, zero: bool) -> dict[int, str]:
    """Returns the addresses of the further pages (from the second on) of the post with the urlkey `key`, by number.
    `zero` is True if the addresses count the pages from 0, although the links show numbers from 1.
    """
    at = [(n, k) for k in links if (n := _number_at(k, key)) is not None]
    shown = [(n, k.text) for n, k in at if k.text is not None]
    zero = (zero or any(t == n + 1 for n, t in shown)) and not any(t == n for n, t in shown)
    found: dict[int, str] = {}
    for n, k in at:
        if n + zero > 1 and not (k.text is not None and k.text != n + zero):
            found.setdefault(n + zero, k.url)
    return found


def _in_order(found: dict[int, str], own: str) -> tuple[str, ...]:
    return tuple(found[n] for n in sorted(found) if urlkey(found[n]) != own)[:MAX_PARTS]


def _first_page(page: Page, split: PartURL) -> str:
    """Returns the address of the post's first page if the page links to it with "1", "back" or the like; otherwise "".
    A link "back" to the home page or an archive does not count.

    `split` is the reading of this page's address as that of page N of the post.
    """
    for el in page.index.tag("a", "link"):
        rels = _rels(el)
        back = "prev" in rels or "previous" in rels or "first" in rels
        if el.tag == "link" and not back:
            continue
        text = _first_words(el)
        number = NUMBER.fullmatch(text)
        one = bool(number and int(number[1]) == 1)
        if split.in_query and "?" in split.stem and urlkey(page.join(el.get("href")) or "") == split.key:
            one = True
        if not one and not (split.number <= 2 and (back or BACK.fullmatch(text))):
            continue
        url = page.join(el.get("href"))
        if url and not _FOREIGN.search(_names_above(el)) and (first := _first_of(url, split, one)):
            return first
    return ""


def _first_of(url: str, split: PartURL, one: bool) -> str:
    """Returns the address of the post's first page if the link `url` leads to it; otherwise "". `split` is the reading
    of this page's address as that of page N of the post. `one` is True if the link shows "1".
    """
    if urlkey(url) == split.key:
        return url
    if (one or split.in_query) and any(w.key == split.key and w.number <= 1 for w in part_urls(url)):
        return split.stem if split.in_query else url
    return ""


def _find_whole_view(page: Page, own: str, numbered: bool) -> str:
    """Returns the address of a view with the whole post on one page; "" if the page does not link to such a view. `own`
    is the page's own address.

    A link to a print view counts only if the post's pages were not found (`numbered` is False).
    """
    host, stem = urlsplit(own).netloc, re.sub(_ENDING, "", urlsplit(own).path.rstrip("/"))
    key, printed = urlkey(own), ""
    for el in page.index.tag("a"):
        href = el.get("href") or ""
        if not href or href.startswith("#") or _is_foreign_host(href, host):
            continue
        by_address = bool(_WHOLE_ADDRESS.search(href))
        if not by_address and not _PRINT.search(href) and not WHOLE.search(_first_words(el)):
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
    """Returns True if a text in a block of page links says that the page is one of several: "page 1 of 4"."""
    elements = chain.from_iterable(page.index.select(rule)[:3] for rule in page.index.present(_PAGERS))
    return any(OF_SEVERAL.search(_first_words(el)) for el in elements)
