"""Locates the post on its page: the elements of its title and its body, the element that contains both (the holder),
and the elements that do not belong to the post.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from lxml.etree import _Element as Element

from archiver.extraction import metadata
from archiver.extraction.boilerplate import is_beside_post
from archiver.extraction.date_parser import names_a_date, text_around_date
from archiver.extraction.metadata import Node
from archiver.extraction.normalization import element_line, fold_text, has_longer_line, has_text
from archiver.extraction.page import Page
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import folder_path
from archiver.platforms import by_name
from archiver.platforms.selector_index import is_below

# The similarity of two titles.

# Matches a word, or one character of a script without spaces between words.
_TOKEN = lazy_regex(
    r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
_MIN_COUNT = 3
"""If a title has fewer words than this, a single word that it shares with another title does not make them similar."""


@lru_cache(maxsize=512)
def title_words(text: str) -> frozenset[str]:
    """Returns the words of a text in lower case. In scripts without spaces between words, returns its characters."""
    return frozenset(_TOKEN.findall(text.casefold()))


def title_similarity(one: str, other: str) -> float:
    """Returns the similarity of two titles, from 0 to 1: the share of the shorter title's words that the longer title
    also has.

    It is 1 if the longer title begins with the shorter one. One word in common counts little, however short a title is.
    """
    if not one or not other:
        return 0.0
    a, b = fold_text(one), fold_text(other)
    if a == b:
        return 1.0
    if min(len(a), len(b)) >= 4 and (a.startswith(b) or b.startswith(a)):
        return 1.0
    left, right = title_words(one), title_words(other)
    return min(1.0, len(left & right) / max(_MIN_COUNT, min(len(left), len(right))))


def title_in_url(text: str, path: str) -> float:
    """Returns the similarity of a title and the slug in an address's path, from 0 to 1: the number of words in both,
    divided by the number of different words in either (Jaccard).

    The slug is the longest segment of the path. Publishing systems make it from the first version of the title.
    """
    name = max(unquote(path).split("/"), key=len).rpartition(".html")
    there = title_words(re.sub(r"[-_+.]", " ", name[0] or name[2]))
    here = title_words(text)
    return len(here & there) / len(here | there) if here and there else 0.0


# Comparing a page's headings with the titles that it declares, and recognizing headings that belong to the site.

TITLE_PARTS = lazy_regex(r"\s+[|·•»«›‹–—:/-]+\s+|\s*[｜|]\s*")
_SITE_HEADER = lazy_regex(
    r"[\s_-](site-?(title|header|branding|logo|name)|branding|masthead|logo|navbar\S*|blog-?(title|name))[\s_-]",
    re.IGNORECASE,
)
_TOP = frozenset({"html", "body", "main"})
_PART_OF_POST = lazy_regex(
    r"(?:(?:comment-)?page[/-]?)?\d+$|(?:amp|attachment|print|embed|comments?|feed|trackback|index\.\w+)(?:$|/)",
    re.IGNORECASE,
)
_SIGN = r"[|·•»«›‹–—:~_｜-]"
_SIGN_AT_END, SIGNS_AT_END = lazy_regex(rf"{_SIGN}\s*$"), lazy_regex(r"[\s|·•»«›‹–—:~_｜-]+$")
_SIGN_AT_START, SIGNS_AT_START = lazy_regex(rf"\s*{_SIGN}"), lazy_regex(r"^[\s|·•»«›‹–—:~_｜-]+")
_POST_CLASS = lazy_regex(r"(?:^|[\s_-])(?:h-?entry|post|entry|article|blog-?post)(?:$|[\s_-])", re.IGNORECASE)
_NAMES = 10  # the site's name is looked for in the first headings of a page
_HARDLY_ANY_TEXT = 200
_SHOWS_LITTLE = 1_000
ALIKE = 0.6
"""A heading with at least this similarity to a declared title counts as this title."""


def declared_titles(page: Page) -> list[str]:
    """Returns the titles in the page's metadata and its <title>. Of each, only the longest part is returned, since the
    other parts are the names of the site and section.
    """
    data = page.data
    given = data.texts(data.article(page.addresses), "headline")[:1]
    given += [*data.meta("og:title")[:1], *data.meta("twitter:title")[:1], page.head_title]
    return [max(TITLE_PARTS.split(t), key=len) for t in given if t]


def is_at_start_of(page: Page, body: Element, el: Element) -> bool:
    """Returns True if hardly any text of the body precedes an element in it."""
    return page.index.text_length_before(el, body) < _HARDLY_ANY_TEXT


def is_in_site_header(page: Page, el: Element) -> bool:
    """Returns True if a heading is in the header of the site or has a link to the home page. It then belongs to the
    site and not to the post.
    """
    at: Element | None = el
    while at is not None and at.tag not in _TOP:
        if at.get("role") == "banner" or _SITE_HEADER.search(f" {at.get('class') or ''} {at.get('id') or ''}  "):
            return True
        at = at.getparent()
    return leads_home(page, el)


def leads_home(page: Page, el: Element) -> bool:
    """Returns True if a heading links to the site's home page. Such a heading is the site's name, not the title of a
    post.

    The home page is the root of the host or a folder above the page ("/blog/" for "/blog/2014/slug"). A folder does not
    count if the page may be a part of the post at that address ("/slug/2/" of "/slug/").
    """
    parent = el.getparent()
    links = [*el.iter("a"), *([parent] if parent is not None and parent.tag == "a" else [])]
    return any(a.get("rel") == "home" or _is_home_of(page, page.join(a.get("href"))) for a in links)


def _is_home_of(page: Page, url: str) -> bool:
    if not url or page.path == "/":
        return False
    parts = urlsplit(url)
    if (parts.hostname or "").removeprefix("www.") not in page.hosts[:2] or parts.query or parts.fragment:
        return False
    folder = folder_path(parts.path or "/")
    if folder == "/":
        return True
    rest = page.path.removeprefix(folder).strip("/") if page.path.startswith(folder) else ""
    is_above = folder.endswith("/") and bool(rest) and not _PART_OF_POST.match(rest)
    return is_above and ("/" in rest or folder.count("/") == 2)


def names_in_headings(page: Page) -> list[str]:
    """Returns the headings of a page that are the site's name, although they do not link to its home page. Such a name
    is also in <title>, before or after the title of the post.

    Only the first <h1> and headings above the site's menu may be the name, and none that is marked as a headline or
    declared as that of the article.
    """
    headlines = page.data.texts(page.data.article(page.addresses), "headline")[:1]
    first = next(iter(page.index.tag("h1")), None)
    headings = [(text, e) for e in page.index.tag("h1", "h2")[:_NAMES] if (text := element_line(e))]
    out: list[str] = []
    for number, (name, el) in enumerate(headings):
        title = without_name_behind(page.head_title, name) or without_name_before(page.head_title, name)
        if not title or not (el is first or _is_above_menu(el)):
            continue
        if name in headlines or "headline" in (el.get("itemprop") or ""):
            continue
        wanted = {fold_text(title), fold_text(TITLE_PARTS.split(title)[0])}
        same = [n for n, (text, _) in enumerate(headings) if n != number and fold_text(text) in wanted]
        is_above_title = any(n > number for n in same) and _is_above_menu(el)
        if is_above_title or _is_title_of_post(page, title, name, [el, *(headings[n][1] for n in same)]):
            out.append(name)
    return out


def _is_title_of_post(page: Page, title: str, name: str, headings: Sequence[Element]) -> bool:
    """Returns True if the address or the markup of a page proves that `title`, a part of <title>, is the title of its
    post, and `name`, the other part, is not. `headings` are the heading with the name and those with the title.

    Either the slug in the address has the words of the title and not those of the name, or the title is a heading in a
    post that does not contain the name.
    """
    slug = page.path.rstrip("/").rpartition("/")[2]  # the folders above may have the words of the name
    if title_in_url(name, slug):
        return False
    if title_in_url(title, slug) >= ALIKE:
        return True
    around = set(headings[0].iterancestors())
    posts = (up for el in headings[1:] for up in el.iterancestors() if up not in around)
    return any(up.tag == "article" or _POST_CLASS.search(up.get("class", "")) for up in posts)


def without_name_behind(title: str, name: str) -> str:
    """Returns a title without a separator and the site's name at its end; "" if the title does not end with these."""
    if not name or not title.casefold().endswith(name.casefold()):
        return ""
    head = title[: len(title) - len(name)]
    return SIGNS_AT_END.sub("", head) if _SIGN_AT_END.search(head) else ""


def without_name_before(title: str, name: str) -> str:
    """Returns a title without the site's name and a separator at its beginning; "" if it does not begin with these."""
    if not name or not title.casefold().startswith(name.casefold()):
        return ""
    tail = title[len(name) :]
    return SIGNS_AT_START.sub("", tail) if _SIGN_AT_START.match(tail) else ""


def _is_above_menu(heading: Element) -> bool:
    """Returns True if a heading is in the header of a page, together with its menu."""
    header = next(heading.iterancestors("header"), None)
    if header is None or next(header.iterancestors("article", "main"), None) is not None:
        return False
    return next(header.iter("nav"), None) is not None


_NOISE_TAGS = frozenset({"aside", "nav"})
_TITLE_NAME = lazy_regex(r"(?:^|[_-]|(?<=[a-z]))(?:title|tit|headline|subject|titulo|titre|titel)(?:$|[_-])", re.I)
LINE_RULES = frozenset({"line like <title>"})
"""The rules that find a title in a line that is not a heading element. Such a line may be in one block with the
text."""
_GUESSED = LINE_RULES | {"", "h1", "h2", "title by name", "bookmark", "main h1", "only heading"}
"""The rules that only guess which heading is the title of the post, by its level, its position or its text."""
_NAMED_TITLE = lazy_regex(
    r"(?:title|titel|titre|titulo|titolo|headline|subject|betreff)$|^(?:tit|heading)$", re.IGNORECASE
)
_TITLE_HINTS = lazy_regex("tit|headl|subj|betr|headi")
"""Matches parts of words, in lower case. Every class or id that `_TITLE_NAME` or `_NAMED_TITLE` matches contains one of
them, so this is a quick first check."""
_NAMED_TAGS = frozenset({"div", "p", "span", "strong", "b", "td", "font", "dt"})
_MAX_TITLE, _MAX_DATE = 200, 40
# Between Han characters, a space may be the separator, too.
_SEPARATOR = lazy_regex(r"[-_–—|｜]+|(?<=[\u3400-\u9fff】》」！？])\s+(?=[\u3400-\u9fff])")
_PLAIN = frozenset({"div", "p", "span", "strong", "b", "td", "h2", "h3", "h4", "font", "header"})
_HEADINGS, _ARTICLES = 20, 60
_ADDRESS_ATTRIBUTE = lazy_regex(r"^data-.*(?:url|href|link)$")
_MIN_BODY = 25  # an element with fewer characters than this is taken for the body only if no other element is found
MEDIA_TAGS = ("img", "iframe", "video", "audio", "embed", "object")
_LAYOUT_TAGS = frozenset({"div", "section", "table", "form", "aside"})
_CONTENT_TAGS = frozenset({"article", "time", "a", "h1"})
_HEADING_TAGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_SMALL_HEADINGS = frozenset({"h4", "h5", "h6"})
_PROSE_TAGS = frozenset({"blockquote", "pre", "table", "figure", "article", "img", *_HEADING_TAGS})


# The meta blocks of a post: short lines with its date, authors and terms, at the start or end of its text or near it.

_META_TAGS = frozenset({"header", "footer", "address", "time", "abbr", "aside"})
_META_NAME = lazy_regex(
    r"(?:^|[\s_-]|(?<=[a-z]))(?:meta(?:data)?|info(?:s|rmation)?|by-?line|posted(?:-?(?:on|by))?|details?|date(?:line)?|"
    r"published|publish-?date|time-?stamp|pub-?date|category|tags?)(?=$|[\s_-])",
    re.IGNORECASE,
)
# A block with such a class or id is a meta block even if its date is plain text.
_DATED_NAME = lazy_regex(
    r"(?:^|[\s_-]|(?<=[a-z]))(?:meta(?:data)?|by-?line|posted(?:-?(?:on|by))?|date(?:line)?|published|time-?stamp)(?=$|[\s_-])",
    re.IGNORECASE,
)
_META_RELS = frozenset({"category", "tag", "author"})
_META_ADDRESS = lazy_regex(
    r"/(?:authors?|users?|people|categor\w*|kategori\w*|tags?|topics?|rubri\w+|archives?|themen?|schlagw\w+)(?:[/?#]|$)",
    re.IGNORECASE,
)
_YEAR = lazy_regex(r"(?<!\d)(?:19|20)\d\d(?!\d)")
_SENTENCE = lazy_regex(r"\w{3,}[.!?。！？]\s*$")
_MAX_META_LENGTH, _MAX_META_PARAGRAPH = 240, 60
_MAX_META_BLOCKS = 5
_MAX_COUNTER = 12  # a text of at most this many characters, such as "3 comments", may be between meta blocks
_MAX_TIMES, _SIDEBAR_DEPTH = 5, 16
_MAX_SIDEBAR_LENGTH, _MAX_SIDEBAR_LINKS = 1_500, 40


def is_meta_block(el: Element) -> bool:
    """Returns True if an element is a short line or box with the date, the authors or the terms of a post."""
    if not isinstance(el.tag, str):
        return False
    names = f"{el.get('class') or ''} {el.get('id') or ''}"
    if el.tag in _PROSE_TAGS:
        return False
    if el.tag not in _META_TAGS and not _META_NAME.search(names):
        return False
    if has_text(el, _MAX_META_LENGTH + 1) or next(el.iter("img", "iframe", "video", "pre"), None) is not None:
        return False
    if any(len(element_line(p)) > _MAX_META_PARAGRAPH and not _has_meta_part(p) for p in el.iter("p") if p is not el):
        return False
    line = element_line(el)
    if len(line) > _MAX_META_PARAGRAPH and _SENTENCE.search(line):
        return False
    return _has_meta_part(el) or (_DATED_NAME.search(names) is not None and _YEAR.search(line) is not None)


def _has_meta_part(el: Element) -> bool:
    return any(_is_meta_part(e) for e in el.iter("time", "abbr", "a"))


def _is_meta_part(el: Element) -> bool:
    if el.tag == "a":
        return not _META_RELS.isdisjoint((el.get("rel") or "").lower().split()) or bool(
            _META_ADDRESS.search(el.get("href") or "")
        )
    return bool(el.get("datetime") or el.get("title")) or el.tag == "time"


def meta_blocks_in(body: Element) -> tuple[Element, ...]:
    """Returns the meta blocks (lines with date, authors and terms) at the start and the end of `body`, the element with
    a post's text.
    """
    top = body
    while len(top) == 1 and not (top.text or "").strip() and top[0].tag in _LAYOUT_TAGS | {"article"}:
        top = top[0]
    found: list[Element] = []
    if not (top.text or "").strip():
        for child in islice(top, _MAX_META_BLOCKS):
            if is_meta_block(child):
                found.append(child)
            elif child.tag not in _HEADING_TAGS and has_longer_line(child, _MAX_COUNTER):
                break
            if (child.tail or "").strip():
                break
    for child in islice(reversed(top), _MAX_META_BLOCKS):
        if (child.tail or "").strip():
            break
        if is_meta_block(child):
            found.append(child)
        elif has_longer_line(child, 0) or next(child.iter("img", "iframe", "video"), None) is not None:
            break
    return tuple(e for e in dict.fromkeys(found) if e.tag not in _HEADING_TAGS - _SMALL_HEADINGS)


class _Heading(NamedTuple):
    """An element that may be the title of a post, with the rule that found it and how likely it is the title."""

    score: float
    element: Element
    rule: str


@dataclass(slots=True)
class Post:
    """Where the post is on its page: the elements of its title and its body (None if not found), the selectors or rules
    that found them, and the element that contains title, body and byline (`holder`).
    """

    page: Page
    title: Element | None = None
    title_rule: str = ""
    headings: Sequence[_Heading] = ()
    """The elements that may be the title."""
    body: Element | None = None
    body_rule: str = ""
    holder: Element | None = None
    sidebars: tuple[Element, ...] = ()
    """Sidebars outside of `holder` that contain the metadata of this post."""
    dated_elements: list[Element] = field(default_factory=list)
    """The elements with the dates that readers see and that may be the post's, best first. Filled while the date of
    publication is sought."""
    answers: dict[str, Any] = field(default_factory=dict)
    """Results that several stages of extraction need, by name. Each is computed once and stored here."""
    _noise: dict[Element, bool] = field(default_factory=dict)
    _main: set[Element] = field(default_factory=set)
    _meta: tuple[Element | None, tuple[Element, ...]] = (None, ())

    def __post_init__(self) -> None:
        for rule in self.page.platform.main:
            self._main.update(self.page.index.select(rule))

    def is_noise(self, el: Element) -> bool:
        """Returns True if an element is in a comment list, a sidebar, navigation, a list of other posts or the like.
        The result is cached.
        """
        seen: list[Element] = []
        at: Element | None = el
        answer = False
        while at is not None:
            known = self._noise.get(at)
            if known is not None:
                answer = known
                break
            if at in self.sidebars:
                break  # this sidebar contains the metadata of this post, so it does not matter what contains it
            seen.append(at)
            if self._is_noise_itself(at):
                answer = True
                break
            at = at.getparent()
        for one in seen:
            self._noise[one] = answer
        return answer

    def _is_noise_itself(self, el: Element) -> bool:
        if el.tag in _TOP or el in self._main or el is self.body or el is self.title or el is self.holder:
            return False
        if any(el is one or is_below(el, one) for one in self.sidebars):
            return False  # lists in such a sidebar may be marked as navigation, but they contain the post's metadata
        noisy = self._looks_like_noise(el) and not self._has_own_meta_data(el)
        if noisy and self.body is None and el.tag in _LAYOUT_TAGS and not self.is_beside_main(el):
            # While the body is unknown, an element with half of the page's text is noise only if the page marks another
            # element as its main content.
            noisy = 2 * self.page.index.text_length(el) < self.page.text_length
        return noisy and not self._contains_post(el)

    def _looks_like_noise(self, el: Element) -> bool:
        """Returns True if the tag, class or id of an element marks it as something other than the post."""
        if el.tag == "aside" and self._is_meta_line(el):
            return False
        if el.tag in _NOISE_TAGS or (el.tag == "footer" and is_outside_posts(el)):
            return True
        names = f"{el.get('class') or ''} {el.get('id') or ''}"
        return len(names) > 2 and el.tag not in _CONTENT_TAGS and is_beside_post(names)

    def _is_meta_line(self, el: Element) -> bool:
        """Returns True if an <aside> is a line right below the title with a date and with links to authors or terms."""
        if self.title is None or el.get("class") or el.getprevious() is not self.title:
            return False
        return is_meta_block(el) and _YEAR.search(element_line(el)) is not None

    def is_own_sidebar(self, el: Element) -> bool:
        """Returns True if an element is a sidebar with the date and the authors or terms of this post."""
        return self._looks_like_noise(el) and self._has_own_meta_data(el)

    def _has_own_meta_data(self, el: Element) -> bool:
        """Returns True if an element contains exactly one date and a link to an author or a term, and no link to
        another post.

        All other links to pages of the site must lead to this page or to a folder above it. Otherwise the element is a
        list of posts.
        """
        times = [t for t in islice(el.iter("time"), 3) if t.get("datetime")]
        if len({t.get("datetime") for t in times}) != 1 or len(times) > 2:
            return False
        links = [a for a in islice(el.iter("a"), _MAX_SIDEBAR_LINKS) if a.get("href")]
        if len(links) == _MAX_SIDEBAR_LINKS or has_text(el, _MAX_SIDEBAR_LENGTH + 1):
            return False
        others = [a for a in links if not _is_meta_part(a)]
        return len(others) < len(links) and all(self._stays_here(a.get("href") or "") for a in others)

    def leads_here(self, a: Element) -> bool:
        """Returns True if a link has no address, or leads to an anchor on this page."""
        href = a.get("href") or ""
        return (
            not href
            or href.startswith("#")
            or (self.page.join(href).partition("#")[0].rstrip("/") in self.page.addresses)
        )

    def _stays_here(self, href: str) -> bool:
        """Returns False if an address leads to another page of the site. Addresses on other hosts, of this page and of
        the folders above it do not.
        """
        url = self.page.join(href)
        parts = urlsplit(url)
        if not url or (parts.hostname or "").removeprefix("www.") not in self.page.hosts[:2]:
            return True
        return url.partition("#")[0].rstrip("/") in self.page.addresses or _is_home_of(self.page, url)

    def is_beside_main(self, el: Element) -> bool:
        """Returns True if the page marks its main content, and an element is outside of it (neither in it nor around
        it).
        """
        main = self.page.main_content
        return main is not None and not is_below(el, main) and not is_below(main, el)

    def _contains_post(self, el: Element) -> bool:
        return any(known is not None and known is not el and is_below(known, el) for known in (self.body, self.title))

    def select(self, selectors: Iterable[str], anywhere: bool = True) -> list[tuple[Element, str]]:
        """Returns the elements in the holder (the element that contains title, body and byline) that the first
        successful selector finds, each with this selector.

        Noise (`is_noise`) and elements in the post's text are left out. If no selector finds anything in the holder,
        returns what the first successful selector finds outside it; but [] if `anywhere` is False.
        """
        outside: list[tuple[Element, str]] = []
        for selector in selectors:
            if not (met := self.page.index.select(selector)):
                continue
            found = [e for e in met if not self.is_noise(e) and not self.in_body(e)]
            inside = [e for e in found if self.is_beside(e)]
            if inside:
                return [(e, selector) for e in inside]
            if found and not outside:
                outside = [(e, selector) for e in found]
        return outside if anywhere else []

    def is_beside(self, el: Element) -> bool:
        """Returns True if an element is in the holder (the element that contains title, body and byline) or in a
        sidebar with metadata of this post.
        """
        return self.holder is None or is_below(el, self.holder) or any(is_below(el, one) for one in self.sidebars)

    def in_body(self, el: Element) -> bool:
        """Returns True if an element is part of the post's text, and not of a meta block at its start or end."""
        body = self.body
        if body is None or el is body or body is self.holder or not is_below(el, body):
            return False
        return not self.in_meta_block(el)

    @property
    def meta_blocks(self) -> tuple[Element, ...]:
        """The meta blocks (with date, authors and terms) at the start and end of the element that contains the text."""
        if self.body is None:
            return ()
        body, found = self._meta
        if body is not self.body:
            found = meta_blocks_in(self.body)
            self._meta = self.body, found
        return found

    def in_meta_block(self, el: Element) -> bool:
        """Returns True if an element is a meta block in the text's element, or part of such a block."""
        return any(is_below(el, block) for block in self.meta_blocks)


def is_outside_posts(el: Element) -> bool:
    """Returns True if no element around `el` is the page's main content or marked as a post. A <footer> there is the
    footer of the page.
    """
    at = el.getparent()
    while at is not None:
        if at.tag in ("article", "main") or "entry" in (at.get("class") or "") or "post" in (at.get("class") or ""):
            return False
        at = at.getparent()
    return True


def script_article(post: Post) -> Node:
    """Returns the page's own article in the data of its scripts as a JSON-LD node; {} if there is none. The result is
    cached.
    """
    if "script article" not in post.answers:
        shown = [element_line(post.title)] if post.title is not None else []
        titles = [*shown, *declared_titles(post.page)]
        post.answers["script article"] = metadata.script_article(post.page.index, titles, post.page.addresses)
    found: Node = post.answers["script article"]
    return found


def unshown_article(post: Post) -> Node:
    """Returns the article that `script_article` returns, if the page itself shows hardly any text; otherwise {}."""
    page = post.page
    shown = page.text_length if post.body is None else page.index.text_length(post.body)
    return script_article(post) if shown < _SHOWS_LITTLE else {}


def text_length(el: Element) -> int:
    return sum(len(t.strip()) for t in el.itertext())


def locate_post(page: Page) -> Post:
    """Locates the post on a page, by the platform's selectors or else by generic selectors."""
    post = Post(page)
    generic = by_name("generic")
    rules = page.platform.body if page.platform is generic else (*page.platform.body, *generic.body)
    _find_body(post, page.index.present(rules))
    titles = page.platform.title if page.platform is generic else (*page.platform.title, *generic.title)
    _find_title(post, page.index.present(titles))
    if post.title is None and post.body is None:
        _find_untitled(post)
    _find_holder(post)
    post._noise.clear()
    post.sidebars = _own_sidebars(post)
    return post


def _find_untitled(post: Post) -> None:
    """For a post without a title, sets its body to the page's only <article>, if that contains a date."""
    articles = [e for e in post.page.index.tag("article") if not post.is_noise(e)]
    if len(articles) == 1 and next(articles[0].iter("time"), None) is not None:
        post.body, post.body_rule = articles[0], "article"


def _own_sidebars(post: Post) -> tuple[Element, ...]:
    """Returns the sidebars with metadata of this post that are outside its holder (the element that contains title,
    body and byline). They are found by the platform's selectors (`main`), or because they contain the post's date.
    """
    holder = post.holder
    found: dict[Element, None] = {
        el: None
        for el in sorted(post._main, key=post.page.index.order.__getitem__)
        if holder is not None and not is_below(el, holder) and not is_below(holder, el)
    }
    for time in post.page.index.tag("time")[:_MAX_TIMES]:
        if not time.get("datetime") or (post.holder is not None and is_below(time, post.holder)):
            continue
        for at in islice(time.iterancestors(), _SIDEBAR_DEPTH):
            if at.tag in _TOP or any(own is not None and is_below(own, at) for own in (post.body, post.title)):
                break
            if post.is_own_sidebar(at):
                found[at] = None
    return tuple(found)


def _find_body(post: Post, rules: Sequence[str]) -> None:
    fallback: tuple[Element, str] | None = None
    for n, rule in enumerate(rules):
        found = [e for e in post.page.index.select(rule) if not post.is_noise(e) and e.tag not in ("meta", "span", "a")]
        if not found:
            continue
        best = found[0]
        if fallback and is_below(fallback[0], best):
            continue
        length = post.page.index.text_length(best)
        if length >= _MIN_BODY or next(best.iter(*MEDIA_TAGS), None) is not None:
            post.body, post.body_rule = _below_title(post, best, rules[n + 1 :]) or (best, rule)
            return
        fallback = fallback or ((best, rule) if length else None)
    if fallback:
        post.body, post.body_rule = fallback


def _below_title(post: Post, outer: Element, rules: Sequence[str]) -> tuple[Element, str] | None:
    """Returns the element inside `outer` that contains only the body, with the selector that finds it. Returns None if
    `outer` does not contain an <h1>, or no such element.
    """
    if next(outer.iter("h1"), None) is None:
        return None
    for rule in rules:
        for el in post.page.index.select(rule):
            is_inner = el is not outer and is_below(el, outer) and next(el.iter("h1"), None) is None
            is_filled = post.page.index.text_length(el) > 0 or next(el.iter(*MEDIA_TAGS), None) is not None
            if is_inner and is_filled:
                return el, rule
    return None


def _post_of(el: Element) -> Element | None:
    """Returns the nearest ancestor of an element that is marked as a post; None if there is none."""
    at = el.getparent()
    while at is not None and at.tag not in _TOP:
        names = (at.get("class") or "").split()
        if at.tag == "article" or "hentry" in names or "h-entry" in names or "type-post" in names:
            return at
        at = at.getparent()
    return None


# What an element that may be the title says for itself, by the rule that finds it: the platform's selectors, generic
# selectors, permalinks of the page, a heading element, a class that says "title", a line like a declared title.
_OWN_RULE, _GENERIC_RULE, _PERMALINK, _NAMED, _LINE = 5.0, 4.0, 3.0, 0.4, 0.0
_LEVELS = {"h1": 3.5, "h2": 0.4, "h3": 0.3, "h4": 0.2}
# What the page says for it (a declared title, a part of <title>, a similar title, the address, the entry around the
# body) and against it (navigation and the like, the header of the site).
_DECLARED, _PART, _SIMILAR, _ADDRESS, _IN_ENTRY = 5.0, 3.0, 1.5, 1.0, 1.0
_IN_NOISE, _IN_HEADER, _IN_TEXT, _LEAST = -3.0, -1.5, -99.0, 0.5


def _find_title(post: Post, rules: Iterable[str]) -> None:
    """Sets the title of `post` to the most likely one of the elements that the selectors `rules` find, the headings of
    the page, and the elements whose class or text is that of a title. If the selectors find only an empty element, the
    post has no title.
    """
    search = _TitleSearch(post)
    found = search.by_rules(rules)
    if found and not any(element_line(one.element) for one in found):
        post.title, post.title_rule = found[0].element, found[0].rule
        return
    found += search.by_look()
    if not found and search.refuses:
        search.refuses = False  # a heading of the site shows where the post begins
        found = search.by_look()
    post.headings = found
    best = max(found, key=lambda one: one.score, default=None)
    possible = {one.element for one in found if one.score > 0}
    empty = [el for tag in _LEVELS for el in search.index.tag(tag)[:_HEADINGS] if not element_line(el) and len(el) == 0]
    if best is not None and (best.score >= _LEAST or (len(possible) == 1 and not empty)):
        post.title, post.title_rule = best.element, best.rule
    elif len(empty) == 1:
        post.title, post.title_rule = empty[0], "empty heading"


class _TitleSearch:
    """Finds the elements that may be the title of a post, and tells how likely each is the title. The titles that the
    page declares and the names of the site show which one it is.
    """

    def __init__(self, post: Post) -> None:
        self.post, self.page, self.index = post, post.page, post.page.index
        self.refuses = bool(self.page.constants.titles)
        self.site = {fold_text(n) for n in (*self.page.data.names_of_site(), *names_in_headings(self.page))}
        self.entry = _post_of(post.body) if post.body is not None else None
        self.declared = declared_titles(self.page)
        self.names = {fold_text(t) for t in self.declared}
        self.parts = {fold_text(part) for part in TITLE_PARTS.split(self.page.head_title)}

    def by_rules(self, rules: Iterable[str]) -> list[_Heading]:
        own = self.page.platform.title if self.page.platform.name != "generic" else ()
        found: list[_Heading] = []
        for n, rule in enumerate(rules):
            for el in self.index.select(rule)[:_HEADINGS]:
                inside = [h for h in el.iter(*_HEADING_TAGS) if element_line(h)]
                chosen = inside[0] if len(inside) == 1 else el
                weight = (_OWN_RULE if rule in own else _GENERIC_RULE) - n / 100
                if not element_line(el):
                    if self.place(el) >= 0:
                        found.append(_Heading(weight, el, rule))
                else:
                    self.add(found, chosen, rule, weight)
        return found

    def by_look(self) -> list[_Heading]:
        found: list[_Heading] = []
        for a in self.index.select("a[rel~=bookmark]")[:_HEADINGS]:
            head = next((h for h in islice(a.iterancestors(), 2) if h.tag in _HEADING_TAGS), None)
            if head is not None and self.post.leads_here(a):
                self.add(found, head, "bookmark", _PERMALINK)
        for tag, weight in _LEVELS.items():
            for el in self.index.tag(tag)[:_HEADINGS]:
                self.add(found, el, tag, weight)
        names = filter(_TITLE_NAME.search, self.index.classes_with(_TITLE_HINTS))
        for el in islice((e for name in names for e in self.index.with_class(name)[:_HEADINGS]), 3 * _HEADINGS):
            if el.tag in _NAMED_TAGS:
                self.add(found, el, "title by name", _NAMED)
        if not any(fold_text(element_line(one.element)) in self.names for one in found):
            for el in self.index.elements:
                if el.tag in _NAMED_TAGS and el.text and fold_text(el.text[:_MAX_TITLE]) in self.names - self.site:
                    self.add(found, el, "line like <title>", _LINE)
        return found

    def add(self, found: list[_Heading], el: Element, rule: str, weight: float) -> None:
        """Adds an element to `found`, unless it cannot be the title: it is empty or long, a name or constant of the
        site, a date, or a link to another page, or it is in the text.
        """
        text = element_line(el)
        folded = fold_text(text)
        if not folded or len(text) > _MAX_TITLE or (self.refuses and self.page.constants.refuses_title(text)):
            return
        if (folded in self.site and "post" not in rule and "entry" not in rule) or leads_home(self.page, el):
            return
        place = self.place(el)
        if place == _IN_TEXT or (weight < _LEVELS["h1"] and _is_date(el, text, self.page.date_language)):
            return
        links = () if weight >= _LEVELS["h1"] else (*el.iter("a"), *islice(el.iterancestors("a"), 1))
        if not all(map(self.post.leads_here, links)):
            return
        found.append(_Heading(weight + place + self.likeness(text, folded), el, rule))

    def place(self, el: Element) -> float:
        """Returns what the place of an element says for it as the title."""
        body = self.post.body
        if body is not None and is_below(el, body) and not is_at_start_of(self.page, body, el):
            return _IN_TEXT
        score = _IN_NOISE if self.post.is_noise(el) else _IN_HEADER if is_in_site_header(self.page, el) else 0.0
        if self.entry is not None:
            score += _IN_ENTRY if is_below(el, self.entry) else (0.0 if _post_of(el) is None else _IN_HEADER)
        return score

    def likeness(self, text: str, folded: str) -> float:
        score = _ADDRESS if title_in_url(text, self.page.path) >= ALIKE else 0.0
        if folded in self.names:
            return score + _DECLARED
        if folded in self.parts:
            return score + _PART
        return score + (_SIMILAR if any(title_similarity(text, t) >= ALIKE for t in self.declared) else 0.0)


def other_headings(post: Post) -> list[Element]:
    """Returns the elements that may be the post's title instead of the located one, in document order. There are none
    if the page's platform marks the title, or if the title is left empty.
    """
    platform, order = post.page.platform, post.page.index.order
    is_marked = post.title_rule in platform.title and platform.name != "generic"
    if is_marked or (post.title is not None and not element_line(post.title)):
        return []
    refuses, own = post.page.constants.refuses_title, post.title
    found = (one.element for one in post.headings if one.element is not own and not post.is_noise(one.element))
    others = {el for el in found if not refuses(element_line(el))}
    return sorted(others, key=order.__getitem__)


def _is_date(el: Element, text: str, language: str) -> bool:
    """Returns True if an element has only a date, as its text or its class says."""
    if len(text) > _MAX_DATE or not any(c.isdigit() for c in text):
        return False
    around = text_around_date(text, language)
    return around is not None and (names_a_date(el.get("class") or "") or not any(map(str.isalnum, "".join(around))))


def post_with_title(page: Page, title: Element | None, body: Element) -> Post:
    """Returns the post on a page whose title and body are the given elements."""
    post = Post(page, title=title, body=body)
    _find_holder(post)
    post._noise.clear()
    return post


def other_articles(post: Post) -> list[Element]:
    """Returns the elements with other articles that a page shows above or below its own, as pages do that load the next
    article when a reader reaches the end of one.

    Such an element is like the one that contains the post's title: it has the same parent, tag and a class in common,
    begins with an <h1> of its own, and is an <article>, has an address, or contains a date as the post does.
    """
    title = post.title
    if named := _articles_beside_named(post):
        return named
    heads = post.page.index.tag("h1")
    if title is None or title.tag != "h1" or len(heads) < 2:
        return []
    own = {el.getparent(): el for el in (title, *title.iterancestors())}
    text = fold_text(element_line(title))
    found: dict[Element, None] = {}
    for head in heads[:_HEADINGS]:
        if head is not title and fold_text(element_line(head)) not in ("", text):
            other = next(el for el in (head, *head.iterancestors()) if el.getparent() in own)
            mine = own[other.getparent()]
            if _is_like(other, mine) and is_at_start_of(post.page, other, head) and _is_article(post, other, mine):
                found[other] = None
    return list(found)


def _articles_beside_named(post: Post) -> list[Element]:
    """Returns the <article> elements beside the one whose heading is the declared title of the page. On such pages, the
    <h1> may be the name of the list in which all the articles are.

    The elements are like that one, and have another heading, and either contain a date as it does, or have an id where
    its id is the last step of the page's address.
    """
    articles = [el for el in islice(post.page.index.tag("article"), _ARTICLES) if not post.is_noise(el)]
    if len(articles) < 2:
        return []
    known = {fold_text(title) for title in declared_titles(post.page)} - {""}
    titles = {el: _own_heading(el) for el in articles}
    own = [el for el in articles if titles[el] in known]
    if len(own) != 1:
        return []
    steps = {unquote(url).rpartition("/")[2] for url in post.page.addresses}
    others = [el for el in articles if el.getparent() is own[0].getparent() and _is_like(el, own[0])]
    has_date, has_id = _contains_date(own[0]), (own[0].get("id") or "") in steps - {""}
    return [el for el in others if (has_id and el.get("id")) or (has_date and _contains_date(el))]


def _own_heading(el: Element) -> str:
    """Returns the folded text of the first heading in an element; "" if there is none."""
    head = next(el.iter("h1", "h2", "h3"), None)
    return fold_text(element_line(head)) if head is not None else ""


def _is_like(one: Element, other: Element) -> bool:
    """Returns True if two elements are different, but have the same tag, and either a class in common or no classes."""
    classes, others = (set((el.get("class") or "").split()) for el in (one, other))
    return one is not other and one.tag == other.tag and (classes == others or not classes.isdisjoint(others))


def _is_article(post: Post, el: Element, own: Element) -> bool:
    """Returns True if `el` contains an article and is no heading. It is an <article>, has the address of another page
    as an attribute, or contains a date if `own`, the element of this page's article, also does.
    """
    if el.tag in _HEADING_TAGS:
        return False
    given = (post.page.join(str(value)) for name, value in el.items() if _ADDRESS_ATTRIBUTE.search(str(name)))
    if el.tag == "article" or any(url.partition("#")[0].rstrip("/") not in post.page.addresses for url in given if url):
        return True
    return _contains_date(el) and _contains_date(own)


def _contains_date(el: Element) -> bool:
    if next(el.iter("time"), None) is not None:
        return True
    return any(map(is_meta_block, islice(el.iter("div", "p", "span"), _HEADINGS)))


def _find_holder(post: Post) -> None:
    start = post.body if post.body is not None else post.title
    if start is None:
        return
    at: Element | None = _post_of(start)
    if at is None:
        outer = start if post.body is not None else start.getparent()
        at = outer.getparent() if outer is not None else None
    while at is not None and post.title is not None and not is_below(post.title, at):
        at = at.getparent()
    if at is None or at.tag == "html":
        # Hand-written pages often have everything directly in <body>.
        at = next((e for e in post.page.index.tag("body") if post.body is None and is_below(start, e)), start)
    post.holder = at
