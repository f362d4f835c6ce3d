"""The body: by the platform's rule, by the run of text around the heading, else by a general extractor."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree
from lxml.etree import _Element as Element

from archiver.extraction.byline import Beside
from archiver.extraction.candidates import from_api
from archiver.extraction.page import Page, parse
from archiver.extraction.scope import Post, text_length
from archiver.extraction.text import blocks, clean, folded, line, tidy
from archiver.items import Lead
from archiver.platforms import by_name, tables
from archiver.platforms.selector import is_below

_DROP_CLASS = re.compile(
    r"(?:^|[\s_-])(?:share(?:-?(?:buttons?|bar|box|links|post))?|sharing|social(?:-?(?:share|links|icons|media))?|"
    r"related(?:-?posts?|-?articles?|-?content)?|"
    r"relatedposts|recommended-?posts?|toc|table-of-contents|toctitle|post-?nav(?:igation)?|post-?tags|"
    r"post-?categories|entry-?tags|author-?(?:box|bio|info|card|description)|"
    r"about-?author|newsletter(?:-\w+)?|subscribe(?:-\w+)?|subscription-?\w*|signup|comments?|comment-?(?:form|list|"
    r"respond)|disqus\w*|breadcrumbs?|byline|"
    r"post-?meta|entry-?meta|article-?meta|headerlink|advert\w*|ad-(?:container|slot|wrapper|unit)|adsbygoogle|"
    r"promo(?:-?box)?|print-?(?:link|only)|"
    r"screen-reader-text|sr-only|visually-hidden|geo|geo-?(?:line|tags?)|sponsor\w*|donate|paywall-\w+|cookie-\w+|"
    r"rating|like-?button|copyright)(?=$|[\s_-])|"
    r"(?:^|\s)hidden(?=$|\s)",
    re.IGNORECASE,
)
_DROP_TAGS = frozenset({"aside", "nav", "form", "button", "noscript", "iframe"})
_NOTICE = re.compile(
    r"^(?:this page (?:contains|has) geo-?tags?\.?|this entry was posted (?:in|on|by)\b.*|posted (?:in|on|"
    r"by) .{0,200}|filed under:?.*|tagged (?:with|as|in)?:? .*|"
    r"bookmark the permalink\.?|share this:?|share on .*|share:?|related(?: posts?| articles?)?:?|like this:?|"
    r"(?:click to )?(?:share|tweet|email) .{0,60}|"
    r"like loading\.\.\.|print|email|tweet|pin it|whatsapp|leave a (?:comment|reply)|tags?:.*|categor(?:y|ies):.*|"
    r"advertisement|"
    r"chia sẻ:?|từ khóa:.*|compartir:?|etiquetas:.*|partager\s*:?|teilen:?|mots-clés\s*:.*|schlagwörter:.*|"
    r"поделиться:?|теги:.*|标签[:：].*|分享到?[:：]?.*|"
    r"タグ[:：].*|シェア(?:する)?|condividi:?|paylaş:?)$",
    re.IGNORECASE,
)


_OTHERS = re.compile(
    r"^(?:(?:you (?:may|might) also (?:like|enjoy)|related|similar|"
    r"more|other|recommended|further|recent|popular)\b.{0,30}|"
    r"see also|read (?:next|more|also)|"
    r"artículos relacionados|entradas relacionadas|también te puede interesar|"
    r"articles? (?:similaires|liés)|à lire aussi|"
    r"ähnliche (?:beiträge|artikel)|das könnte (?:sie|dich) auch.{0,20}|articoli correlati|leggi anche|"
    r"bài viết (?:liên quan|cùng chủ đề|khác)|xem thêm|có thể bạn quan tâm|"
    r"похожие.{0,20}|читайте также|相关(?:文章|阅读|推荐)|延伸阅读|"
    r"関連記事|"
    r"あわせて読みたい|관련 글|مقالات ذات صلة|اقرأ أيضا.?|benzer yazılar|ilgili yazılar|כתבות נוספות)\s*[:：]?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Body:
    """Plain text, and the rule it came by. `is_whole`: all of a post of which the page shows a part."""

    text: str
    source: str
    locator: str
    confidence: float
    is_whole: bool = False


def body(page: Page, post: Post, title: str, beside: Beside, lead: Lead | None = None, thorough: bool = True) -> Body:
    """The post's text: paragraphs separated by a blank line, without title, byline, footer, share boxes, geo notice.

    Where the page shows only a part of the post (one of several pages, a beginning with "read more") and its
    source told the whole, the whole is taken. `thorough`: ask the general extractor where no rule fits.
    """
    shown = _shown(page, post, title, beside, thorough)
    whole = of_html(lead.body_html, page.url, title) if lead is not None and lead.body_html else ""
    if len(whole) > 1.15 * len(shown.text) + 20 and (not shown.text or _begins(shown.text, whole)):
        return Body(whole, "api" if from_api(lead) else "feed", "whole text", 0.9, is_whole=True)
    return shown


def of_html(fragment: str, url: str, title: str = "") -> str:
    """The plain text of a post's HTML as a feed or an API gives it."""
    page = parse(f"<html><body><div class='archiver-whole'>{fragment}</div></body></html>", url)
    top = page.index.first(".archiver-whole")
    if top is None:
        return ""
    post = Post(page, body=top, holder=top)
    drop = {
        e for rules in tables() for rule in rules.drop for e in page.index.select(rule, within=top) if _small(e, top)
    }
    return trimmed(blocks(top, dropped(page, post, top) | drop), title, ())


def _begins(part: str, whole: str) -> bool:
    start = folded(part[:400])[:120]
    return start in folded(whole[: 4 * len(part[:400]) + 2_000])


def _shown(page: Page, post: Post, title: str, beside: Beside, thorough: bool) -> Body:
    if post.body is not None:
        text = _render(page, post, post.body, title, beside)
        known = post.body_rule in page.platform.body and page.platform.name != "generic"
        if not _has_more(post, text, known):
            return Body(text, "platform" if known else "class", post.body_rule, 0.95 if known else 0.85)
    around = _around_heading(post)
    if around is not None:
        text = _render(page, post, around, title, beside)
        if len(text) > 200:
            return Body(text, "heading", "the run of text around the heading", 0.8)
    text = _general(page, title, beside) if thorough else ""
    return Body(text, "trafilatura", "", 0.7 if text else 0.0)


def _has_more(post: Post, text: str, known: bool) -> bool:
    """Whether the page holds so much more prose that a rule must have met a teaser or an author's box."""
    if len(text) >= (600 if known else 1_000):
        return False
    prose = sum(_prose(p) for p in post.page.index.tag("p") if not post.is_noise(p))
    return prose > (5 * len(text) + 1_500 if known else 2 * len(text) + 400)


def _render(page: Page, post: Post, top: Element, title: str, beside: Beside) -> str:
    drop = dropped(page, post, top)
    drop.update(e for e in beside.elements if e is not top and not is_below(top, e) and is_below(e, top))
    return trimmed(blocks(top, drop), title, beside.lines)


def dropped(page: Page, post: Post, top: Element) -> set[Element]:
    """The elements below `top` that are no text of the post."""
    drop: set[Element] = set()
    rules = (
        page.platform.drop if page.platform is by_name("generic") else (*page.platform.drop, *by_name("generic").drop)
    )
    for rule in rules:
        drop.update(e for e in page.index.select(rule, within=top) if e is not top)
    if post.title is not None and is_below(post.title, top):
        drop.add(post.title)
    for el in top.iter("*"):
        if el is top or el.tag in ("code", "pre", "td", "th", "tr", "table", "tbody"):
            continue
        if (
            el.tag in _DROP_TAGS
            or el.get("aria-hidden") == "true"
            or el.get("hidden") is not None
            or "display:none" in (el.get("style") or "").replace(" ", "")
        ):
            drop.add(el)
            continue
        names = f"{el.get('class') or ''} {el.get('id') or ''}"
        if (
            len(names) > 2
            and el.tag not in ("h1", "h2", "h3", "h4", "h5", "h6", "img", "body", "main", "article")
            and _DROP_CLASS.search(names)
            and (el.tag == "a" or _small(el, top))
        ):
            drop.add(el)
    drop.update(_other_posts(top))
    return drop


def _other_posts(top: Element) -> list[Element]:
    """A heading such as "Related posts" with the links below it, at the end of the text."""
    for h in top.iter("h2", "h3", "h4", "h5", "h6", "strong"):
        if not _OTHERS.match(line(h)):
            continue
        after = [h, *h.itersiblings()]
        text = sum(text_length(e) for e in after[1:])
        linked = sum(text_length(a) for e in after[1:] for a in e.iter("a"))
        if 0 < text <= 2 * linked and text < 3_000:
            return after
    return []


def _small(el: Element, top: Element) -> bool:
    """A block that holds most of the text is the text, whatever its class."""
    inner = sum(len(t.strip()) for t in el.itertext())
    return inner < 600 or inner * 2 < sum(len(t.strip()) for t in top.itertext())


def trimmed(text: str, title: str, lines: tuple[str, ...]) -> str:
    """Without the title and meta lines at the beginning, and without notices at the end."""
    paragraphs = [p for p in text.split("\n\n") if p.strip()]
    known = {folded(title), *(folded(one) for one in lines)} - {""}
    at = 0
    while at < min(4, len(paragraphs)) and folded(paragraphs[at]) in known:
        at += 1
    paragraphs = paragraphs[at:]
    while len(paragraphs) > 1 and _NOTICE.match(clean(paragraphs[-1])) and len(paragraphs[-1]) < 300:
        paragraphs.pop()
    kept = [
        p
        for n, p in enumerate(paragraphs)
        if not re.fullmatch(r"this page contains geo-?tags?\.?", clean(p), re.IGNORECASE)
    ]
    return tidy("\n\n".join(kept))


def _around_heading(post: Post) -> Element | None:
    """The nearest element around the heading that itself holds most of the page's paragraphs."""
    if post.title is None:
        return None
    total = sum(_prose(p) for p in post.page.index.tag("p") if not post.is_noise(p))
    if total < 200:
        return None
    at = post.title.getparent()
    for _ in range(5):
        if at is None or at.tag in ("body", "html"):
            return None
        own = sum(_prose(e) for e in at.iter("p"))
        if own >= 0.6 * total:
            return at
        at = at.getparent()
    return None


def _prose(p: Element) -> int:
    return sum(len(t.strip()) for t in p.itertext())


def _general(page: Page, title: str, beside: Beside) -> str:
    import trafilatura
    from lxml.html import HTMLParser, document_fromstring
    from trafilatura.settings import use_config

    if len(page.text) > 3_000_000:
        return ""
    try:
        source = etree.tostring(page.root, encoding="utf-8", method="html")
        tree = document_fromstring(source, HTMLParser(encoding="utf-8", huge_tree=True))
        config = use_config()
        config.set("DEFAULT", "EXTRACTION_TIMEOUT", "0")
        text = trafilatura.extract(
            tree,
            fast=True,
            include_comments=False,
            include_tables=True,
            deduplicate=False,
            config=config,
            output_format="txt",
        )
    except Exception:
        return ""
    text = re.sub(r"\n(?=[^\n])", "\n\n", text or "")
    return trimmed(re.sub(r"\n\n(?=- )", "\n", text), title, beside.lines)
