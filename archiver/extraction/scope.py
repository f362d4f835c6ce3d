"""Where on the page the post is: its title, its body, the element that holds both, and what is not of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

from lxml.etree import _Element as Element

from archiver.extraction.likeness import likeness
from archiver.extraction.page import Page
from archiver.extraction.text import folded, line
from archiver.platforms import by_name
from archiver.platforms.selector import is_below

_NOISE = re.compile(
    r"(?:^|[\s_-])(?:comments?|commentlist|comment-?form|respond|disqus|sidebar\d*|widgets?|widget-area|"
    r"related(?:-?posts?|-?articles?)?|relatedposts|"
    r"recommend(?:ed|ations?)?|popular|trending|most-?read|latest|recent|more-?posts|read-?more|also-?like|you-?may|"
    r"navbar|nav|navigation|navigate|menu|"
    r"pagination|pager|breadcrumbs?|newsletter|subscribe|promo|advert\w*|ads?|banner|blogroll|same-?cat\w*|"
    r"site-?footer|colophon|wp-block-query|"
    r"site-?header|masthead|branding|cookie\w*|modal|popup|author-?(?:bio|box|info|description|card)|about-?author|"
    r"jp-relatedposts|prev(?:ious)?|next|"
    r"toc|tag-?cloud|search|carousel|slider|swiper|teasers?|up-?next|suggest\w*)(?=$|"
    r"[\s_-])",
    re.IGNORECASE,
)
_NOISE_TAGS = frozenset({"aside", "nav"})
_PARTS = re.compile(r"\s+[|·•»«›‹–—:/-]+\s+|\s*[｜|]\s*")
_TITLE_NAME = re.compile(
    r"(?:^|[_-]|(?<=[a-z]))(?:title|tit|headline|subject|titulo|titre|titel)(?:$|[_-])", re.IGNORECASE
)
_PLAIN = frozenset({"div", "p", "span", "strong", "b", "td", "h2", "h3", "h4", "font", "header"})
_HEADINGS, _UNLIKE, _ALIKE = 20, 0.4, 0.6
_KEEP = frozenset({"html", "body", "main"})


@lru_cache(maxsize=16_384)
def _names_noise(names: str) -> bool:
    return bool(_NOISE.search(names.replace("elementor-widget", "")))


@dataclass(slots=True)
class Post:
    """The place of the post on its page. `holder` is the element that holds title, body and meta lines."""

    page: Page
    title: Element | None = None
    title_rule: str = ""
    body: Element | None = None
    body_rule: str = ""
    holder: Element | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    """What was found of the post by one question and is asked again by another."""
    _noise: dict[Element, bool] = field(default_factory=dict)
    _main: set[Element] = field(default_factory=set)

    def __post_init__(self) -> None:
        for rule in self.page.platform.main:
            self._main.update(self.page.index.select(rule))

    def is_noise(self, el: Element) -> bool:
        """Whether an element stands in a comment list, sidebar, navigation, list of other posts ..."""
        seen: list[Element] = []
        at: Element | None = el
        answer = False
        while at is not None:
            known = self._noise.get(at)
            if known is not None:
                answer = known
                break
            seen.append(at)
            if self._is_noise_itself(at):
                answer = True
                break
            at = at.getparent()
        for one in seen:
            self._noise[one] = answer
        return answer

    def _is_noise_itself(self, el: Element) -> bool:
        if el.tag in _KEEP or el in self._main or el is self.body or el is self.title or el is self.holder:
            return False
        if el.tag in _NOISE_TAGS or (el.tag == "footer" and self._outside_posts(el)):
            noisy = True
        else:
            names = f"{el.get('class') or ''} {el.get('id') or ''}"
            noisy = len(names) > 2 and el.tag not in ("article", "time", "a", "h1") and _names_noise(names)
        if noisy and self.body is None and el.tag in ("div", "section", "table", "form", "aside"):
            noisy = 2 * self.page.index.text_length(el) < self.page.text_length
        return noisy and not any(k is not None and k is not el and is_below(k, el) for k in (self.body, self.title))

    @staticmethod
    def _outside_posts(el: Element) -> bool:
        at = el.getparent()
        while at is not None:
            if at.tag in ("article", "main") or "entry" in (at.get("class") or "") or "post" in (at.get("class") or ""):
                return False
            at = at.getparent()
        return True

    def select(self, selectors: Iterable[str], anywhere: bool = True) -> list[tuple[Element, str]]:
        """What the first selector that fits finds: within the holder, else (where allowed) elsewhere, noise aside."""
        index = self.page.index
        loose: list[tuple[Element, str]] = []
        for s in selectors:
            if not (met := index.select(s)):
                continue
            found = [e for e in met if not self.is_noise(e) and not self.in_body(e)]
            inside = [e for e in found if self.holder is None or is_below(e, self.holder)]
            if inside:
                return [(e, s) for e in inside]
            if found and not loose:
                loose = [(e, s) for e in found]
        return loose if anywhere else []

    def in_body(self, el: Element) -> bool:
        """Whether an element is part of the post's text."""
        return (
            self.body is not None and el is not self.body and self.body is not self.holder and is_below(el, self.body)
        )


def text_length(el: Element) -> int:
    return sum(len(t.strip()) for t in el.itertext())


def find(page: Page) -> Post:
    """Finds the post on a page: by the platform's table, then by names in common use."""
    post = Post(page)
    generic = by_name("generic")
    rules = page.platform.body if page.platform is generic else (*page.platform.body, *generic.body)
    _find_body(post, page.index.present(rules))
    titles = page.platform.title if page.platform is generic else (*page.platform.title, *generic.title)
    _find_title(post, page.index.present(titles))
    _find_holder(post)
    post._noise.clear()
    return post


def _find_body(post: Post, rules: Iterable[str]) -> None:
    fallback: tuple[Element, str] | None = None
    for rule in rules:
        found = [e for e in post.page.index.select(rule) if not post.is_noise(e) and e.tag not in ("meta", "span", "a")]
        if not found:
            continue
        best = _longest_of_first_post(post, found)
        length = post.page.index.text_length(best)
        if length >= 25 or best.find(".//img") is not None or best.find(".//iframe") is not None:
            post.body, post.body_rule = best, rule
            return
        fallback = fallback or (best, rule)
    if fallback:
        post.body, post.body_rule = fallback


def _post_of(post: Post, el: Element) -> Element | None:
    at = el.getparent()
    while at is not None and at.tag not in _KEEP:
        names = (at.get("class") or "").split()
        if at.tag == "article" or "hentry" in names or "h-entry" in names or "type-post" in names:
            return at
        at = at.getparent()
    return None


def _longest_of_first_post(post: Post, found: list[Element]) -> Element:
    home = _post_of(post, found[0])
    length = post.page.index.text_length
    if home is None:
        return found[0] if len(found) == 1 or len({e.getparent() for e in found}) > 1 else max(found, key=length)
    return max((e for e in found if _post_of(post, e) is home), key=length)


def _find_title(post: Post, rules: Iterable[str]) -> None:
    site = {folded(n) for n in post.page.data.names_of_site()}
    top = _post_of(post, post.body) if post.body is not None else None
    empty: tuple[Element, str] | None = None
    declared = _declared_titles(post.page)
    for rule in rules:
        found = [e for e in post.page.index.select(rule) if not post.is_noise(e) and not _in_site_header(e)]
        if post.body is not None:
            found = [e for e in found if not is_below(e, post.body)] or [
                e for e in found if e.tag == "h1" and _opens(post.body, e)
            ]
        if top is not None:
            found = [e for e in found if is_below(e, top)] or [
                e for e in found if e.tag in ("h1", "h2") and _post_of(post, e) is None
            ]
        usable = []
        for el in found[:_HEADINGS]:
            text = folded(line(el))
            if text and (text not in site or "post" in rule or "entry" in rule):
                usable.append(el)
            if not text:
                empty = empty or (el, rule)
        if usable:
            post.title, post.title_rule = _likest(declared, usable), rule
            if rule in post.page.platform.title and post.page.platform.name != "generic":
                return
            break
    if empty and post.title is None:
        post.title, post.title_rule = empty
        return
    names = {folded(t) for t in declared}
    if post.title is not None and (folded(line(post.title)) in names or not names):
        return
    heads = [e for e in post.page.index.tag("h1")[:_HEADINGS] if (text := folded(line(e))) and text not in site]
    clear = [e for e in heads if not post.is_noise(e) and not _in_site_header(e)]
    same = [e for e in clear if folded(line(e)) in names]
    if same:
        post.title, post.title_rule = same[0], "h1"
    elif post.title is None:
        # A large heading with a picture is called "masthead" too: it is the post's where it says its title.
        alike = [e for e in heads if any(likeness(line(e), t) >= _ALIKE for t in declared)]
        usable = clear or alike or [e for e in heads if not _in_site_header(e)]
        if usable:
            post.title, post.title_rule = _likest(declared, usable), "h1"
            return
        second = [e for e in post.page.index.tag("h2")[:_HEADINGS] if not post.is_noise(e) and not _in_site_header(e)]
        body = post.body
        second = [e for e in second if body is None or not is_below(e, body) or _opens(body, e)]
        alike = [e for e in second if any(likeness(line(e), t) >= _ALIKE for t in declared)]
        if alike:
            post.title, post.title_rule = _likest(declared, alike), "h2"
            return
        if (named := _named_title(post)) is not None:
            post.title, post.title_rule = named, "title by name"


def _named_title(post: Post) -> Element | None:
    """An element that is no heading, called a title, with the text that the page's own title begins with.

    "_" stands for a bar in the titles of Chinese systems: "post_section_site".
    """
    page = post.page
    whole = [*page.data.meta("og:title")[:1], page.head_title]
    begins = {folded(part) for t in whole if t for part in (t, _PARTS.split(t)[0], t.split("_")[0])} - {""}
    named = (e for n in page.index.classes() if _TITLE_NAME.search(n) for e in page.index.with_class(n)[:_HEADINGS])
    for el in islice(named, 3 * _HEADINGS):
        if el.tag in _PLAIN and folded(line(el)[:300]) in begins and not post.is_noise(el):
            return el
    return None


def _declared_titles(page: Page) -> list[str]:
    """The titles a page declares; of the browser's title its longest part, for the rest is the site's name."""
    data = page.data
    given = data.texts(data.article(page.addresses), "headline")[:1]
    given += [*data.meta("og:title")[:1], *data.meta("twitter:title")[:1], page.head_title]
    return [max(_PARTS.split(t), key=len) for t in given if t]


def _likest(declared: list[str], headings: list[Element]) -> Element:
    """The first heading, unless it says nothing of what the page declares as its title and a later one does."""
    if len(headings) == 1:
        return headings[0]
    alike = [max((likeness(line(el), t) for t in declared), default=0.0) for el in headings]
    if alike[0] >= _UNLIKE or max(alike) < _ALIKE:
        return headings[0]
    return headings[alike.index(max(alike))]


def _opens(body: Element, el: Element) -> bool:
    """Whether hardly any text stands before an element in the body that holds it."""
    before = 0
    for at in body.iter("*"):
        if at is el:
            return before < 200
        before += len((at.text or "").strip())
    return False


def _in_site_header(el: Element) -> bool:
    at: Element | None = el
    while at is not None and at.tag not in _KEEP:
        names = f" {at.get('class') or ''} {at.get('id') or ''} "
        if re.search(
            r"[\s_-](site-?(title|header|branding|logo|name)|branding|masthead|logo|navbar\S*|blog-?(title|name))[\s_-]",
            names + " ",
            re.IGNORECASE,
        ):
            return True
        at = at.getparent()
    return any(a.get("rel") == "home" for a in el.iter("a"))


def located(page: Page, title: Element | None, body: Element) -> Post:
    """The post of which title and body are known."""
    post = Post(page, title=title, body=body)
    _find_holder(post)
    post._noise.clear()
    return post


def _find_holder(post: Post) -> None:
    start = post.body if post.body is not None else post.title
    if start is None:
        return
    at: Element | None = start if post.body is not None else start.getparent()
    home = _post_of(post, start)
    at = home if home is not None else (at.getparent() if at is not None else None)
    while at is not None and post.title is not None and not is_below(post.title, at):
        at = at.getparent()
    if at is None or at.tag in ("html",):
        # Pages written by hand often hang all they have right below <body>.
        at = next((e for e in post.page.index.tag("body") if post.body is None and is_below(start, e)), start)
    post.holder = at
