"""Classifies a page: is it a post? One ordered list of rules; each answer names the rule that gave it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.candidates import Candidate
from archiver.extraction.days.moment import Moment, of_url
from archiver.extraction.page import Page
from archiver.extraction.people.byline import Beside, beside_heading
from archiver.extraction.scope import Post, find
from archiver.extraction.signs import (
    ARTICLE_LIKE,
    DATE_FOLDER,
    ENDS,
    IN_SECTION,
    LISTING_PATH,
    LISTING_TYPES,
    NOT_FOUND,
    PAGE_PATH,
    PAGE_TYPES,
    WALL,
    article_node,
    heading_link,
    linked_heading,
    linked_headings,
    linked_items_fill,
    main_types,
    teasers_fill,
)
from archiver.extraction.structured import ARTICLE_TYPES
from archiver.extraction.text import line
from archiver.items import Lead, PageKind
from archiver.urls import may_name_post

Answer = tuple[PageKind, str]
_SINGLE_BUT_NO_KIND = ("single-format", "single-attachment", "single-author", "single-sidebar", "single-column")
_ENTRY_CLASSES = ("hentry", "h-entry", "type-post", "wp-block-post")
_REFRESH = re.compile(r"\s*(\d+)\s*[;,]\s*url\s*=\s*['\"]?(\S+?)['\"]?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rules look at: the page, the post located on it, the lines beside its heading, and what led here."""

    page: Page
    post: Post
    beside: Beside
    lead: Lead | None
    known: PageKind

    @property
    def text_length(self) -> int:
        el = self.post.body if self.post.body is not None else self.post.holder
        return self.page.index.text_length(el) if el is not None else 0

    def has_body_below(self, length: int) -> bool:
        """Whether the body is shorter than this, or there is none."""
        return self.post.body is None or self.page.index.text_length(self.post.body) < length


def classify(
    page: Page,
    lead: Lead | None = None,
    known_kind: PageKind = PageKind.UNKNOWN,
    post: Post | None = None,
    beside: Beside | None = None,
) -> Answer:
    """The kind of a page, and the name of the rule that determined it.

    `lead`: what a feed or an API says about this address; it makes the page a post, unless the page itself is
    clearly something else (an error, a password form, a listing). `known_kind`: the kind by the sitemap or the link
    that led here. Only POST makes an article.
    """
    post = post or find(page)
    facts = _Facts(page, post, beside or beside_heading(page, post), lead, known_kind)
    return _first_answer(_RULES, facts) or (PageKind.PAGE, "undated")


def at_a_glance(page: Page, post: Post, lead: Lead | None, known: PageKind) -> Answer | None:
    """The kind by address, by the classes of <body> or by the title of an error or login page; None if unclear."""
    return _first_answer(_GLANCES, _Facts(page, post, Beside(), lead, known))


def _first_answer(rules: Iterable[_Rule], facts: _Facts) -> Answer | None:
    for rule in rules:
        answer = rule(facts)
        if answer is not None:
            return answer
    return None


def _empty(facts: _Facts) -> Answer | None:
    page = facts.page
    body = page.index.tag("body")
    if body and (page.index.text_length(body[0]) >= 3 or body[0].find(".//img") is not None):
        return None
    refresh = any((el.get("http-equiv") or "").lower() == "refresh" for el in page.index.select("meta[http-equiv]"))
    return PageKind.OTHER, "redirect-stub" if refresh else "empty"


def _stub(facts: _Facts) -> Answer | None:
    """A short page that sends the browser on."""
    page = facts.page
    for value in page.data.meta("refresh"):
        m = _REFRESH.match(value)
        if m and int(m[1]) <= 10 and page.index.text_length(page.root) < 1_000:
            target = page.join(m[2])
            if target and target.rstrip("/") != page.url.rstrip("/"):
                return PageKind.OTHER, "redirect-stub"
    return None


def _password(facts: _Facts) -> Answer | None:
    if facts.lead is not None and facts.lead.protected:
        return PageKind.OTHER, "password"
    forms = facts.page.index.select(".post-password-form") + [
        f for f in facts.page.index.tag("form") if "postpass" in (f.get("action") or "")
    ]
    if any(not _in_list(facts.post, f) for f in forms) and facts.has_body_below(700):
        return PageKind.OTHER, "password"
    return None


def _in_list(post: Post, el: Element) -> bool:
    return post.body is not None and post.holder is not None and not any(a is post.holder for a in el.iterancestors())


def _platform_classes(facts: _Facts) -> Answer | None:
    """What the platform says in the classes of <body>."""
    page, lead = facts.page, facts.lead
    classes = page.body_classes
    if page.platform.name == "wordpress" and (answer := _wordpress_single(facts, classes)):
        return answer
    for pattern, kind, rule in page.platform.kinds:
        is_listed_home = kind is PageKind.LISTING and rule == "home" and lead is not None
        if not is_listed_home and any(re.fullmatch(pattern, c) for c in classes):
            return kind, f"{page.platform.name} {rule}"
    return None


def _wordpress_single(facts: _Facts, classes: Sequence[str]) -> Answer | None:
    """WordPress's "single-post", or "single-KIND" of a post type that the site defined."""
    if "attachment" in classes or "error404" in classes:
        return None
    if "single-post" in classes or "single-format-standard" in classes:
        return PageKind.POST, "single-post"
    if "single" not in classes:
        return None
    singles = [c for c in classes if c.startswith("single-") and not c.startswith(_SINGLE_BUT_NO_KIND)]
    if not singles:
        return None
    if main_types(facts.page) & ARTICLE_TYPES or ARTICLE_LIKE.match(singles[0].removeprefix("single-")):
        return PageKind.POST, singles[0]
    return (PageKind.PAGE, singles[0]) if facts.lead is None else None


def _not_found(facts: _Facts) -> Answer | None:
    """A page whose headings are those of an error, a login or a consent page."""
    page = facts.page
    heads = [page.head_title] + [line(h) for h in page.index.tag("h1")[:3]]
    # "404 new homes approved", "Access denied: the council ...": a heading with a date beside it is a headline.
    is_dated = facts.beside.moment is not None and facts.text_length >= 100
    errors = [m for h in heads if len(h) < 90 and (m := NOT_FOUND.search(h))]
    is_error = any(not is_dated or ENDS.match(m.string, m.end()) for m in errors)
    if is_error and facts.has_body_below(1_500) and not article_node(page):
        return PageKind.OTHER, "not-found"
    if not is_dated and any(WALL.match(h) for h in heads) and facts.has_body_below(600):
        return PageKind.OTHER, "wall"
    return None


def _paths(facts: _Facts) -> Answer | None:
    platform = facts.page.platform
    for pattern, kind, rule in platform.paths:
        if re.fullmatch(pattern, facts.page.path) and not (kind is PageKind.LISTING and facts.lead is not None):
            return kind, f"{platform.name} {rule}"
    return None


def _led(facts: _Facts) -> Answer | None:
    lead = facts.lead
    if lead is not None and (lead.post_id or lead.published or lead.body_html):
        return PageKind.POST, "api" if lead.post_id else "feed"
    return None


def _known(facts: _Facts) -> Answer | None:
    if facts.known in (PageKind.LISTING, PageKind.PAGE):
        return facts.known, "told by its source"
    return None


def _home(facts: _Facts) -> Answer | None:
    page = facts.page
    if page.path in ("/", "") and not may_name_post(parse_qsl(urlsplit(page.url).query, keep_blank_values=True)):
        return PageKind.LISTING, "home"
    if DATE_FOLDER.search(page.path) and not article_node(page):
        return PageKind.LISTING, "date address"
    if LISTING_PATH.search(page.path) and not (IN_SECTION.search(page.path) or article_node(page)):
        return PageKind.LISTING, "listing address"
    return None


def _many(facts: _Facts) -> Answer | None:
    """Several posts, each with a linked heading of its own, and none of them the page's own post."""
    page, post = facts.page, facts.post
    if article_node(page):
        return None
    if _has_several_entries(page, post):
        return PageKind.LISTING, "several posts"
    heads = linked_headings(page, post)
    if len(heads) >= 2 and post.title is not None and heading_link(page, post.title):
        return PageKind.LISTING, "several headings"
    if len(heads) >= 3 and not page.data.meta("article:published_time") and teasers_fill(page, [h for h, _ in heads]):
        return PageKind.LISTING, "teasers"
    if linked_items_fill(page, post):
        return PageKind.LISTING, "list of links"
    return None


def _has_several_entries(page: Page, post: Post) -> bool:
    """Whether two or more elements are marked as posts and link to them, and hardly any <article> does not."""
    articles = [e for e in page.index.tag("article") if not post.is_noise(e)]
    groups = [[e for e in page.index.with_class(name) if e.tag not in ("body", "main") and not post.is_noise(e)]
              for name in _ENTRY_CLASSES]
    most = max(sum(linked_heading(page, e) for e in group) for group in [*groups, articles])
    return most >= 2 and most >= len(articles) - 1


def _declared(facts: _Facts) -> Answer | None:
    page = facts.page
    if page.data.article(page.addresses) is not None and article_node(page):
        return PageKind.POST, "json-ld"
    main = main_types(page)
    if main & LISTING_TYPES:
        return PageKind.LISTING, "json-ld"
    if main & PAGE_TYPES:
        return PageKind.PAGE, "json-ld"
    return None


def _dated(facts: _Facts) -> Answer | None:
    """A post by its date; a page by the address of one that most sites have ("/about/")."""
    from archiver.extraction.dates import published

    page, post = facts.page, facts.post
    if PAGE_PATH.search(page.path):
        return PageKind.PAGE, "page address"
    if post.title is None and post.body is None:
        return None
    found = published(page, post, None, facts.beside)
    if _has_published_meta(page, found):
        return PageKind.POST, "published time"
    length = facts.text_length
    if length >= 20 and any(c.confidence > 0.6 and (c.visible or c.source in ("microdata", "rdfa")) for c in found):
        return PageKind.POST, "dated"
    address = of_url(page.path)
    if length >= 100 and address and address.day is not None:
        return PageKind.POST, "dated address"
    if length >= 100 and any(c.source in ("meta", "json-ld") and c.locator != "WebPage" for c in found):
        return PageKind.POST, "published time"
    return None


def _has_published_meta(page: Page, found: Sequence[Candidate[Moment]]) -> bool:
    """Whether a meta element gives the time of publication, and OpenGraph, where present, the type of an article."""
    kinds = {t.lower() for t in page.data.meta("og:type")}
    return (not kinds or "article" in kinds) and any(c.source == "meta" and c.confidence > 0.8 for c in found)




def _known_post(facts: _Facts) -> Answer | None:
    if facts.known is PageKind.POST:
        return PageKind.POST, "told by its source"
    return None


def _bylined(facts: _Facts) -> Answer | None:
    if facts.beside.names and facts.beside.sure and facts.text_length >= 200:
        return PageKind.POST, "byline"
    select = facts.page.index.select
    marked = select("[itemtype*='schema.org/BlogPosting']") + select("[itemtype*='schema.org/NewsArticle']")
    if sum(not facts.post.is_noise(e) for e in marked) == 1 and facts.text_length >= 100:
        return PageKind.POST, "microdata"
    return None


_Rule = Callable[[_Facts], Answer | None]
_RULES: tuple[_Rule, ...] = (
    _empty,
    _stub,
    _password,
    _platform_classes,
    _not_found,
    _paths,
    _led,
    _home,
    _many,
    _declared,
    _known,
    _dated,
    _known_post,
    _bylined,
)
_GLANCES: tuple[_Rule, ...] = (_stub, _password, _platform_classes, _not_found, _paths, _led, _home, _known)
