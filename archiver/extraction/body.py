"""The body: chooses the reading of the page that is its text, and returns that text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lxml.etree import _Element as Element

from archiver.extraction.candidates import from_api
from archiver.extraction.page import Page, parse
from archiver.extraction.people.byline import Beside
from archiver.extraction.prose import container
from archiver.extraction.prose.layout import Layout, layout, written
from archiver.extraction.prose.prune import Known, pruned
from archiver.extraction.scope import Post, text_length
from archiver.extraction.text import clean, folded, tidy
from archiver.items import Lead
from archiver.platforms import by_name, tables
from archiver.platforms.selector import is_below

_AUTHOR_METAS = ("author", "article:author", "parsely-author", "sailthru.author")


@dataclass(frozen=True, slots=True)
class Body:
    """Plain text, and the rule that found it. `is_whole`: the source gave the whole post and the page shows a part."""

    text: str
    source: str
    locator: str
    confidence: float
    is_whole: bool = False


def body(page: Page, post: Post, title: str, beside: Beside, lead: Lead | None = None) -> Body:
    """The post's text: paragraphs separated by a blank line, without title, byline, footer, share boxes, geo notice.

    If the page shows only a part of the post (one of several pages, the beginning with "read more") and its source gave
    the whole text, that is returned.
    """
    shown = _shown(page, post, title, beside)
    if text := whole(shown.text, page.url, title, lead):
        return Body(text, "api" if from_api(lead) else "feed", "whole text", 0.9, is_whole=True)
    return shown


def whole(shown: str, url: str, title: str, lead: Lead | None) -> str:
    """The whole text from the source, if the page shows only its beginning; else ""."""
    text = of_html(lead.body_html, url, title) if lead is not None and lead.body_html else ""
    return text if len(text) > 1.15 * len(shown) + 20 and (not shown or _begins(shown, text)) else ""


def of_html(fragment: str, url: str, title: str = "") -> str:
    """The plain text of a post's HTML from a feed or an API."""
    page = parse(f"<html><body><div class='archiver-whole'>{fragment}</div></body></html>", url)
    top = page.index.first(".archiver-whole")
    if top is None:
        return ""
    index = page.index
    skip = {e for table in tables() for rule in index.present(table.drop) for e in index.select(rule) if e is not top}
    return _text(layout(top, skip, page.index.texts), top, Known(title))


def render(page: Page, post: Post, top: Element, title: str, beside: Beside, extra_drop: Iterable[str] = ()) -> str:
    """The text of a given container with the usual pruning. `extra_drop`: selectors of more elements to leave out."""
    return _text(layout(top, _skipped(page, extra_drop)), top, _known(page, title, beside, top))


def _begins(part: str, whole: str) -> bool:
    start = folded(part[:400])[:120]
    return start in folded(whole[: 4 * len(part[:400]) + 2_000])


def _skipped(page: Page, extra: Iterable[str] = ()) -> set[Element]:
    generic = by_name("generic")
    index = page.index
    rules = index.present(page.platform.drop)
    if page.platform is not generic:
        rules += index.present(generic.drop)
    own = (e for selector in extra for e in page.ask(selector) if not isinstance(e, str))
    return {*own, *(e for rule in rules for e in index.select(rule))}


def _known(page: Page, title: str, beside: Beside, top: Element) -> Known:
    elements = tuple(e for e in beside.elements if e is not top and not is_below(top, e))
    authors = page.data.texts(page.data.article(page.addresses), "author")
    people = (*beside.names, *page.data.meta(*_AUTHOR_METAS), *authors)
    return Known(title, beside.lines, elements, tuple(n for n in people if len(n) > 5))


def _text(plan: Layout, top: Element, known: Known, weights: list[float] | None = None) -> str:
    lo, hi = plan.spans.get(top, (0, 0))
    return tidy(written(pruned(plan, lo, hi, known, weights)))


def _shown(page: Page, post: Post, title: str, beside: Beside) -> Body:
    is_known = post.body_rule in page.platform.body and page.platform.name != "generic"
    if post.body is not None and is_known and 3 * text_length(post.body) > page.text_length:
        text = render(page, post, post.body, title, beside)
        if 3 * len(text) > page.text_length:  # nothing else on the page can be much longer
            return Body(text, "platform", post.body_rule, 0.95)
    everything = next(iter(page.index.tag("body")), page.root)
    plan = layout(everything, _skipped(page), page.index.texts)
    weights = container.weights(plan)
    sums = plan.sums(weights)
    top = container.heaviest(plan, sums)
    source, locator, confidence = "density", f"<{top.tag}>", 0.7
    if post.body is not None:
        best, own = _weight(plan, sums, top), _weight(plan, sums, post.body)
        if is_known and best <= 3 * own + 1_500:
            top, source, locator, confidence = post.body, "platform", post.body_rule, 0.95
        elif not is_known and best <= 1.4 * own + 400:
            top, source, locator, confidence = post.body, "class", post.body_rule, 0.85
    known = _known(page, title, beside, top)
    text = _text(plan, top, known, weights if source != "platform" else None)
    if not text and len(bare := _text(layout(top), top, known)) > 200:
        text = bare  # a selector of what to drop matched the text itself
    if not text and source == "density":
        return _last_resort(page)
    return Body(text, source, locator, confidence)


def _weight(plan: Layout, sums: list[float], el: Element) -> float:
    a, z = plan.spans.get(el, (0, 0))
    return sums[z] - sums[a]


def _last_resort(page: Page) -> Body:
    said = next(iter(page.data.texts(page.data.article(page.addresses), "articleBody")), "")
    if said:
        return Body(clean(said), "json-ld", "articleBody", 0.6)
    return Body("", "", "", 0.0)
