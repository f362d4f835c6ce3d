"""Categories and tags of a post: links of its own meta lines, declarations, and the source's lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from lxml.etree import _Element as Element

from archiver.extraction.candidates import Candidate, from_api
from archiver.extraction.choose import terms
from archiver.extraction.page import Page
from archiver.extraction.scope import Post
from archiver.extraction.terms.postclass import class_terms
from archiver.extraction.terms.termlinks import in_prose, own_site, term_links
from archiver.extraction.terms.terms import FOLDER_WORDS, Kind, Terms, is_term, kind_of_address, listed, term, unique
from archiver.extraction.text import folded, line
from archiver.items import Lead
from archiver.platforms import by_name

Found = tuple[Kind, Candidate[Terms]]
_METAS: tuple[tuple[Kind, str, float, bool], ...] = (
    ("category", "article:section", 0.66, False),
    ("category", "parsely-section", 0.66, False),
    ("category", "citation_section", 0.66, False),
    ("category", "sailthru.section", 0.6, False),
    ("tag", "article:tag", 0.8, False),
    ("tag", "og:article:tag", 0.8, False),
    ("tag", "parsely-tags", 0.7, True),
    ("tag", "news_keywords", 0.68, True),
    ("tag", "sailthru.tags", 0.68, True),
    ("tag", "citation_keywords", 0.68, True),
    ("tag", "keywords", 0.35, True),
)
"""Kind, name, trust, and whether one element lists several. Bare keywords are written for search engines."""
_FILED_OTHERWISE = frozenset(("blogger", "ghost", "hexo", "hugo", "jekyll", "pelican", "substack"))
"""Platforms whose posts show their categories where they have some: the way to a post is made of folders there."""
_MOST = 60


def candidates(page: Page, post: Post, lead: Lead | None) -> tuple[list[Candidate[Terms]], list[Candidate[Terms]]]:
    """Category sets and tag sets with their sources."""
    cats: list[Candidate[Terms]] = []
    tags: list[Candidate[Terms]] = []
    for kind, one in (
        *_of_source(lead),
        *_by_rule(page, post),
        *_by_link(page, post),
        *_declared(page),
        *_of_class(page, post),
        *_breadcrumbs(page, post),
    ):
        if one.value or one.locator == "post class":
            (cats if kind == "category" else tags).append(one)
    return cats, tags


def chosen(
    cats: list[Candidate[Terms]], tags: list[Candidate[Terms]]
) -> tuple[Terms, Terms]:
    """The categories and the tags that these candidates come to."""
    category, tag = terms(cats), terms([t for t in tags if t.confidence >= 0.5])
    tagged = tag.value if tag else ()
    if tag is not None and tag.source in ("link", "label") and category is not None:
        # rel="tag" says only that a link is a term; the platform's rule has told which ones are categories.
        tagged = tuple(t for t in tagged if folded(t) not in {folded(c) for c in category.value})
    return category.value if category else (), tagged


def _found(
    kind: Kind, texts: Iterable[str], source: str, locator: str, confidence: float, visible: bool = False
) -> Found:
    return kind, Candidate(unique(texts)[:_MOST], source, locator, confidence, visible)


def _of_source(lead: Lead | None) -> Iterator[Found]:
    if lead is None:
        return
    source, confidence = ("api", 0.97) if from_api(lead) else ("feed", 0.5)
    yield _found("category", lead.categories, source, "categories", confidence)
    yield _found("tag", lead.tags, source, "tags", confidence)


def _by_rule(page: Page, post: Post) -> Iterator[Found]:
    """What the platform's table names; then what many hand-made themes name alike."""
    generic = by_name("generic")
    rows = [(generic, "class", 0.75)]
    if page.platform is not generic:
        rows.insert(0, (page.platform, "platform", 0.92))
    for platform, source, confidence in rows:
        kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = ("category", platform.categories), ("tag", platform.tags)
        for kind, rules in kinds:
            both = kind == "tag" or platform is generic
            for rule in page.index.present(rules):
                if texts := _texts(page, post, rule, kind, both):
                    yield _found(kind, texts, source, rule, confidence, True)
                    break


def _texts(page: Page, post: Post, rule: str, kind: Kind, both: bool) -> list[str]:
    """The texts of term links; links whose address says that they are of the other kind are left out (`both`), as
    are links of sentences and to other sites."""
    found: list[str] = []
    prose: dict[Element, bool] = {}
    for el, _ in post.select([rule], anywhere=False)[:_MOST]:
        href = el.get("href") or ""
        if (both and href and kind_of_address(href) not in (None, kind)) or (
            href and not own_site(page, href) and "tag" not in (el.get("rel") or "").split()
        ):
            continue
        rel = "rel" in rule
        if el.tag == "a" and not rel and in_prose(el, prose):
            continue
        if is_term(text := term(line(el)), rel or kind_of_address(href) == kind):
            found.append(text)
    return found


def _by_link(page: Page, post: Post) -> Iterator[Found]:
    links = term_links(page, post)
    kinds: tuple[Kind, ...] = ("category", "tag")
    for kind in kinds:
        sure = [x.text for x in links if x.kind == kind and x.sure]
        told = [x.text for x in links if x.kind == kind]
        yield _found(kind, sure, "link", f"{kind} address", 0.8, True)
        if len(told) > len(sure):
            yield _found(kind, told, "label", f"{kind} label", 0.74, True)


def _declared(page: Page) -> Iterator[Found]:
    data = page.data
    node = data.article(page.addresses)
    headline = {folded(t) for t in [*data.texts(node, "headline"), *data.meta("og:title")]}
    sections = [t for t in data.texts(node, "articleSection") if folded(t) not in headline]
    yield _found("category", [p for t in sections for p in _sections(page, t)], "json-ld", "articleSection", 0.82)
    # Rank Math writes the phrases to be found by, not the post's tags.
    trust = 0.3 if _by_rank_math(page) else 0.78
    yield _found("tag", listed(data.texts(node, "keywords")), "json-ld", "keywords", trust)
    for source, marked, _ in data.declared(page.addresses):
        if source != "json-ld":
            found = [p for t in data.texts(marked, "articleSection") for p in _sections(page, t)]
            yield _found("category", found, source, "articleSection", 0.8)
            yield _found("tag", listed(data.texts(marked, "keywords")), source, "keywords", 0.7)
    for kind, name, confidence, several in _METAS:
        if name == "article:section" and page.platform.section_is_folder:
            continue
        given = data.meta(name)[:1] if name == "keywords" else data.meta(name)
        if kind == "category":
            given = [p for t in given[:3] if folded(t) not in headline for p in _sections(page, t)]
        yield _found(kind, listed(given) if several else given, "meta", name, confidence)


def _by_rank_math(page: Page) -> bool:
    return any(s.get("class", "").startswith("rank-math-schema") for s in page.index.tag("script"))


def _sections(page: Page, text: str) -> list[str]:
    """ "News,Health" are two sections; "Health, Wellness & Beauty" is one.

    A list with spaces is told by its parts standing as links of their own, or by being neither a link nor
    ended by "and".
    """
    parts = re.split(r"\s*[,;]\s+", text)
    if len(parts) == 1:
        return re.split(r"[,;](?=\S)", text)
    if re.search(r"[,;]\s[^,;]*(?:\s(?:&|and|und|y|et|e)\s)[^,;]*$", text):
        linked = {folded(line(a)) for a in page.index.tag("a")[:600] if kind_of_address(a.get("href") or "")}
        return parts if all(folded(p) in linked for p in parts) else [text]
    whole = folded(text)
    return [text] if any(folded(line(a)) == whole for a in page.index.tag("a")[:600]) else parts


def _of_class(page: Page, post: Post) -> Iterator[Found]:
    if page.platform.name not in ("wordpress", "generic", "squarespace"):
        return
    node = page.data.article(page.addresses)
    declared: dict[Kind, list[str]] = {
        "category": listed(page.data.texts(node, "articleSection")) or page.data.meta("article:section"),
        "tag": listed(page.data.texts(node, "keywords")) or page.data.meta("article:tag"),
    }
    for kind, found in class_terms(page, post, declared).items():
        if found.names or found.whole:  # a post class without any tag: the post has none, unless a link shows one
            confidence = 0.6 if not found.whole else 0.94 if found.names else 0.79
            yield _found(kind, found.names, "class", "post class", confidence)


def _breadcrumbs(page: Page, post: Post) -> Iterator[Found]:
    """The way to the post, without home, the post itself and folders that say only that it is one: last resort."""
    if page.platform.name in _FILED_OTHERWISE:
        return
    way: list[tuple[str, str]] = []
    for node in page.data.of_type("breadcrumblist")[:1]:
        for item in page.data.resolve(node.get("itemListElement"))[:10]:
            if isinstance(item, dict):
                at = item.get("item")
                href = str(at.get("@id") or at.get("url") or "") if isinstance(at, dict) else str(at or "")
                name = next(iter(page.data.texts(item, "name")), "") or next(iter(page.data.texts(item, "item")), "")
                way.append((name, href))
    for rule in () if way else ("[itemtype*=BreadcrumbList]", ".breadcrumbs", ".breadcrumb", "#breadcrumbs"):
        for el in page.index.select(rule)[:1]:
            way = way or [(line(a), a.get("href") or "") for a in islice(el.iter("a"), 10)]
    own = {folded(line(post.title)) if post.title is not None else "", *map(folded, page.data.meta("og:title"))}
    known = own | {folded(n) for n in page.data.names_of_site()} | FOLDER_WORDS
    names = [
        name
        for name, href in way[1:]
        if href and page.join(href).partition("#")[0].rstrip("/") not in page.addresses
        and folded(name) not in known and len(name) <= 40 and is_term(term(name))
    ]
    yield _found("category", names[:4], "breadcrumb", "breadcrumb", 0.4)
