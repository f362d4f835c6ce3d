"""Recognizes pages whose content is inserted by JavaScript, so that it cannot be read without running scripts."""

from __future__ import annotations

import re

from lxml.etree import _Element as Element

from archiver.extraction.page import Page

REASON = "it has no text without JavaScript"
_MAX_TEXT = 200
"""A page with more characters of visible text than this has content. A shorter text may be a footer or "Loading ...".
"""
_INVISIBLE = ("script", "style", "noscript", "template")
# The containers that React, Vue, Angular, Svelte, Next, Nuxt, Gatsby and similar frameworks fill.
_ROOTS = (
    "#root",
    "#app",
    "#__next",
    "#__nuxt",
    "#___gatsby",
    "#svelte",
    "app-root",
    "[data-reactroot]",
    "[ng-app]",
    "[ng-view]",
)
_ASKS = re.compile(r"java\s?script|ジャバスクリプト|자바스크립트|джаваскрипт", re.IGNORECASE)


def needs_javascript(page: Page) -> bool:
    """Returns True if a page shows hardly anything without scripts. Such a page has scripts, but hardly any text, links
    or pictures. It also has an empty container that a script fills, or a <noscript> that asks for JavaScript.
    """
    index = page.index
    body = next(iter(index.tag("body")), None)
    if body is None or not index.tag("script") or _visible_length(page, body) > _MAX_TEXT:
        return False
    if _has_content(page, body):
        return False
    return any(_is_empty(page, root) for selector in _ROOTS for root in index.select(selector)) or any(
        _ASKS.search("".join(map(str, el.itertext()))) for el in index.tag("noscript")
    )


def _visible_length(page: Page, body: Element) -> int:
    length = page.index.text_length
    hidden = [el for tag in _INVISIBLE for el in page.index.tag(tag)]
    outer = [el for el in hidden if not any(above.tag in _INVISIBLE for above in el.iterancestors())]
    return length(body) - sum(length(el) for el in outer if any(above is body for above in el.iterancestors()))


def _has_content(page: Page, body: Element) -> bool:
    """Returns True if a page links to more than three addresses, or has a picture, recording or frame. The content of
    <noscript> and the like does not count.
    """
    links = {page.join(a.get("href")) for a in body.iter("a") if not _is_hidden(a)}
    media = [el for el in body.iter("img", "video", "audio", "iframe", "picture", "object") if not _is_hidden(el)]
    return len(links - {"", None}) > 3 or bool(media)


def _is_hidden(el: Element) -> bool:
    return any(above.tag in _INVISIBLE for above in el.iterancestors())


def _is_empty(page: Page, root: Element) -> bool:
    return _visible_length(page, root) <= _MAX_TEXT // 4
