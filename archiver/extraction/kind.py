"""Is this page a post? One ordered list of rules; each answer names the rule it came by."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.days.moment import of_url
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
from archiver.platforms import by_name
from archiver.urls import may_name_post

Answer = tuple[PageKind, str]


def classify(
    page: Page,
    lead: Lead | None = None,
    known_kind: PageKind = PageKind.UNKNOWN,
    post: Post | None = None,
    beside: Beside | None = None,
) -> Answer:
    """What a page is, and the name of the rule that says so.

    `lead`: what a feed or an API told of this address; it makes a page a post unless the page itself
    shows that it is none (an error, a password form, a listing). `known_kind`: what the sitemap or
    the link that led here says. Only POST makes an article.
    """
    post = post or find(page)
    beside = beside or beside_heading(page, post)
    for rule in _RULES:
        answer = rule(page, post, beside, lead, known_kind)
        if answer is not None:
            return answer
    return PageKind.PAGE, "undated"


def at_a_glance(page: Page, post: Post, lead: Lead | None, known: PageKind) -> Answer | None:
    """What the address, the classes of <body> and a title of error or login say; None where they say nothing."""
    for rule in _GLANCES:
        answer = rule(page, post, Beside(), lead, known)
        if answer is not None:
            return answer
    return None


def _empty(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    body = page.index.tag("body")
    if not body or (page.index.text_length(body[0]) < 3 and body[0].find(".//img") is None):
        for el in page.index.select("meta[http-equiv]"):
            if (el.get("http-equiv") or "").lower() == "refresh":
                return PageKind.OTHER, "redirect-stub"
        return PageKind.OTHER, "empty"
    return None


def _stub(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    for value in page.data.meta("refresh"):
        m = re.match(r"\s*(\d+)\s*[;,]\s*url\s*=\s*['\"]?(\S+?)['\"]?\s*$", value, re.IGNORECASE)
        if m and int(m[1]) <= 10 and page.index.text_length(page.root) < 1_000:
            target = page.join(m[2])
            if target and target.rstrip("/") != page.url.rstrip("/"):
                return PageKind.OTHER, "redirect-stub"
    return None


def _password(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if lead is not None and lead.protected:
        return PageKind.OTHER, "password"
    forms = page.index.select(".post-password-form") + [
        f for f in page.index.tag("form") if "postpass" in (f.get("action") or "")
    ]
    if any(not _in_list(post, f) for f in forms) and (post.body is None or page.index.text_length(post.body) < 700):
        return PageKind.OTHER, "password"
    return None


def _in_list(post: Post, el: Element) -> bool:
    return post.body is not None and post.holder is not None and not any(a is post.holder for a in el.iterancestors())


def _platform_classes(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    classes = page.body_classes
    if page.platform.name == "wordpress":
        if (
            any(c in ("single-post", "single-format-standard") for c in classes)
            and "attachment" not in classes
            and "error404" not in classes
        ):
            return PageKind.POST, "single-post"
        kinds = [
            c.removeprefix("single-")
            for c in classes
            if c.startswith("single-")
            and not c.startswith(
                ("single-format", "single-attachment", "single-author", "single-sidebar", "single-column")
            )
        ]
        if "single" in classes and kinds and "attachment" not in classes and "error404" not in classes:
            own = main_types(page) & ARTICLE_TYPES
            if own or ARTICLE_LIKE.match(kinds[0]):
                return PageKind.POST, "single-" + kinds[0]
            if lead is None:
                return PageKind.PAGE, "single-" + kinds[0]
    for pattern, kind, rule in page.platform.kinds:
        if any(re.fullmatch(pattern, c) for c in classes):
            if kind is PageKind.LISTING and rule == "home" and lead is not None:
                continue
            return kind, f"{page.platform.name} {rule}"
    return None


def _not_found(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    heads = [page.head_title] + [line(h) for h in page.index.tag("h1")[:3]]
    # "404 new homes approved", "Access denied: the council ...": a heading with a date beside it is a headline.
    is_dated = beside.moment is not None and _text(post) >= 100
    said = [m for h in heads if len(h) < 90 and (m := NOT_FOUND.search(h))]
    if (
        any(not is_dated or ENDS.match(m.string, m.end()) for m in said)
        and (post.body is None or page.index.text_length(post.body) < 1_500)
        and not article_node(page)
    ):
        return PageKind.OTHER, "not-found"
    if (
        not is_dated
        and any(WALL.match(h) for h in heads)
        and (post.body is None or page.index.text_length(post.body) < 600)
    ):
        return PageKind.OTHER, "wall"
    return None


def _paths(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    for pattern, kind, rule in page.platform.paths:
        if re.fullmatch(pattern, page.path):
            if kind is PageKind.LISTING and lead is not None:
                continue
            return kind, f"{page.platform.name} {rule}"
    return None


def _led(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if lead is not None and (lead.post_id or lead.published or lead.body_html):
        return PageKind.POST, "api" if lead.post_id else "feed"
    return None


def _known(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if known in (PageKind.LISTING, PageKind.PAGE):
        return known, "told by its source"
    return None


def _home(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if page.path in ("/", "") and not may_name_post(parse_qsl(urlsplit(page.url).query, keep_blank_values=True)):
        return PageKind.LISTING, "home"
    if DATE_FOLDER.search(page.path) and not article_node(page):
        return PageKind.LISTING, "date address"
    if LISTING_PATH.search(page.path) and not (IN_SECTION.search(page.path) or article_node(page)):
        return PageKind.LISTING, "listing address"
    return None


def _many(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    """Several posts, each with a linked heading of its own, and no one of them the page's."""
    if article_node(page):
        return None
    entries = 0
    for name in ("hentry", "h-entry", "type-post", "wp-block-post"):
        entries = max(
            entries,
            sum(
                1
                for e in page.index.with_class(name)
                if e.tag not in ("body", "main") and not post.is_noise(e) and linked_heading(page, e)
            ),
        )
    articles = [e for e in page.index.tag("article") if not post.is_noise(e)]
    linked = sum(1 for e in articles if linked_heading(page, e))
    if max(entries, linked) >= 2 and max(entries, linked) >= len(articles) - 1:
        return PageKind.LISTING, "several posts"
    heads = linked_headings(page, post)
    if len(heads) >= 2 and post.title is not None and heading_link(page, post.title):
        return PageKind.LISTING, "several headings"
    if len(heads) >= 3 and not page.data.meta("article:published_time") and teasers_fill(page, [h for h, _ in heads]):
        return PageKind.LISTING, "teasers"
    if linked_items_fill(page, post):
        return PageKind.LISTING, "list of links"
    return None


def _declared(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if page.data.article(page.addresses) is not None and article_node(page):
        return PageKind.POST, "json-ld"
    main = main_types(page)
    if main & LISTING_TYPES:
        return PageKind.LISTING, "json-ld"
    if main & PAGE_TYPES:
        return PageKind.PAGE, "json-ld"
    return None


def _dated(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    from archiver.extraction.dates import published

    if PAGE_PATH.search(page.path):
        return PageKind.PAGE, "page address"
    if not (post.title is not None or post.body is not None):
        return None
    kinds = {t.lower() for t in page.data.meta("og:type")}
    found = published(page, post, None, beside)
    if any(c.source == "meta" and c.confidence > 0.8 for c in found) and (not kinds or "article" in kinds):
        return PageKind.POST, "published time"
    if any(c.visible or c.source in ("microdata", "rdfa") for c in found if c.confidence > 0.6) and _text(post) >= 20:
        return PageKind.POST, "dated"
    address = of_url(page.path)
    if address and address.day is not None and _text(post) >= 100:
        return PageKind.POST, "dated address"
    if any(c.source in ("meta", "json-ld") and c.locator != "WebPage" for c in found) and _text(post) >= 100:
        return PageKind.POST, "published time"
    return None


def _text(post: Post) -> int:
    el = post.body if post.body is not None else post.holder
    return post.page.index.text_length(el) if el is not None else 0


def _told(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if known is PageKind.POST:
        return PageKind.POST, "told by its source"
    return None


def _bylined(page: Page, post: Post, beside: Beside, lead: Lead | None, known: PageKind) -> Answer | None:
    if beside.names and beside.sure and _text(post) >= 200:
        return PageKind.POST, "byline"
    items = [
        e
        for e in page.index.select("[itemtype*=schema.org/BlogPosting]")
        + page.index.select("[itemtype*=schema.org/NewsArticle]")
        if not post.is_noise(e)
    ]
    if len(items) == 1 and by_name("generic") is not None and _text(post) >= 100:
        return PageKind.POST, "microdata"
    return None


_RULES: tuple[Callable[[Page, Post, Beside, Lead | None, PageKind], Answer | None], ...] = (
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
    _told,
    _bylined,
)
_GLANCES = (_stub, _password, _platform_classes, _not_found, _paths, _led, _home, _known)
