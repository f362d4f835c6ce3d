"""The categories and tags of a post: collects what each source gives, with a weight, and chooses.

A source is what the page declares, what readers see on it, the classes of WordPress's post element, the page's place
in the site, or a feed, an API or a listing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from functools import lru_cache
from itertools import islice
from typing import cast
from urllib.parse import quote, unquote

from lxml.etree import _Element as Element
from slugify import slugify

from archiver.extraction.boilerplate import names_neighbour
from archiver.extraction.candidates import resolve_terms
from archiver.extraction.listing_addresses import (
    Kind,
    contains_page,
    is_own_site,
    is_section,
    kind_of_address,
    leads_to_person,
    path_of,
    slug_of,
)
from archiver.extraction.normalization import element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.post_locator import Post, unshown_article
from archiver.extraction.term_links import Marks, TermLink, rels, term_links
from archiver.extraction.term_names import (
    FOLDER_WORDS,
    Terms,
    clean_term,
    is_home,
    is_term,
    kind_of_label,
    terms_in_lists,
    text_of_term_link,
    texts_of_items,
    unique_terms,
)
from archiver.model.items import LISTING, Candidate, SourceHint, is_from_api
from archiver.model.lazy_regex import lazy_regex
from archiver.platforms import by_name

KINDS: tuple[Kind, ...] = ("category", "tag")
Found = tuple[Kind, Candidate[Terms]]
PostTerms = dict[str, tuple[Terms, list[Candidate[Terms]]]]
"""For each field (categories, tags), the terms that were chosen, and all candidates."""

_LEAST = 0.5
"""Tags with a lower weight are recorded as evidence, but not chosen, and do not show what a feed's term is."""
_IN_MARKUP: dict[str, tuple[float, float]] = {
    "json-ld": (0.82, 0.78),
    "microdata": (0.8, 0.7),
    "rdfa": (0.8, 0.7),
    "script": (0.5, 0.5),
}
"""The weights of articleSection and keywords in each kind of markup."""
_METAS: tuple[tuple[Kind, str, float], ...] = (
    ("category", "articlesection", 0.75),  # RDFa without a type, as VuePress themes write it
    ("category", "article:section", 0.66),
    ("category", "parsely-section", 0.66),
    ("category", "citation_section", 0.66),
    ("category", "sailthru.section", 0.6),
    ("tag", "article:tag", 0.8),
    ("tag", "og:article:tag", 0.8),
    ("tag", "parsely-tags", 0.7),
    ("tag", "news_keywords", 0.68),
    ("tag", "sailthru.tags", 0.68),
    ("tag", "citation_keywords", 0.68),
    ("tag", "keywords", 0.35),  # written for search engines
)
_LINKS = {"platform": 0.92, "link": 0.8, "class": 0.75, "label": 0.74}
"""The weights of links by what shows their kind: a selector of the platform, their rel or address, a generic selector,
or a label."""
_CLASS_KINDS: dict[str, Kind] = {
    rule[1:-2]: kind
    for kind, rules in zip(KINDS, (by_name("generic").categories, by_name("generic").tags), strict=True)
    for rule in rules
    if re.fullmatch(r"\.[\w-]+ a", rule)
}
"""The classes of elements with terms, which may also be without links."""
_LINE_TAGS = frozenset({"span", "div", "p", "strong", "em", "small", "li", "ul", "ol", "header", "i"})
_POST_TYPES = frozenset(
    ("article", "blog", "post", "blogpost", "page", "entry", "story", "artikel", "beitrag", "articulo")
)
_MAX_WORDS = 4
_LABELLED = lazy_regex(r"^(?!labels?\b)[^:：]{2,30}[:：]", re.IGNORECASE)  # a record has a label, too
_LAST_LINES, _NEAR_TITLE = 60, 12
_BREADCRUMBS = ("[itemtype*=BreadcrumbList]", ".breadcrumbs", ".breadcrumb", "#breadcrumbs", "#breadcrumb")
_ARROW = lazy_regex(r"\s*[>»›→＞]+\s*")
_MENUS = frozenset(("nav", "header", "aside", "form", "navigation", "menu", "menubar"))
_ROWS, _ROW_CLIMB, _ROW_LINKS = 3, 5, 5
_ROW_LENGTH, _ROW_REST = 160, 40
_MAX_STEPS, _MAX_LINKS, _MAX_COUNT, _MAX_NAME = 10, 600, 60, 40
_SORTED = (("json-ld", "articleSection"), ("json-ld", "keywords"), ("meta", "article:section"), ("meta", "article:tag"))
"""Declarations in which WordPress sorts the terms by name, as in the classes of the post."""
Step = tuple[str, str]
"""The text and the address of a link in a row of breadcrumbs."""


def terms_of_post(page: Page, post: Post, hint: SourceHint | None) -> PostTerms:
    """Returns the categories and the tags of a post, with their candidates. `hint` is what a feed or an API says about
    the post, None if nothing.
    """
    if "terms" in post.answers:
        return cast("PostTerms", post.answers["terms"])
    marks = _marks(page, post)
    links = term_links(page, post, marks)
    found = [*_from_links(page, links), *_from_lines(page, post, marks)]
    found += [*_from_declarations(page, post), *_from_place(page, post)]
    found += _from_class(page, post, links, found)
    found = [*_from_hint(page, hint, found), *found]
    cats, tags = ([c for one, c in found if one == kind and (c.value or c.locator == "post class")] for kind in KINDS)
    tags = [c for c in tags if not page.constants.refuses_tags(c.value)]
    tag = resolve_terms([c for c in tags if c.confidence >= _LEAST])
    tagged = tag.value if tag else ()
    # A line above the heading may be the main topic of the post. The links to its topics then repeat it.
    topics = set(map(fold_text, tagged))
    category = resolve_terms(
        [c for c in cats if c.source != "unlinked" or not topics.issuperset(map(fold_text, c.value))]
    )
    names = category.value if category else ()
    if tag is not None and tag.visible and tag.locator != "tag address":
        filed = set(map(fold_text, names))  # rel="tag" marks categories, too
        tagged = tuple(t for t in tagged if fold_text(t) not in filed)
    known = post.answers["terms"] = {"categories": (names, cats), "tags": (tagged, tags)}
    return known


def _found(kind: Kind, texts: Iterable[str], source: str, locator: str, weight: float, visible: bool = False) -> Found:
    return kind, Candidate(unique_terms(texts)[:_MAX_COUNT], source, locator, weight, visible)


# What readers see.


def _marks(page: Page, post: Post) -> dict[Element, tuple[Kind, str]]:
    """Returns the links and lines that the selectors of the platform, or generic ones, mark as terms in the post's meta
    lines: for each platform and kind, those of the first selector that finds any.
    """
    marks: dict[Element, tuple[Kind, str]] = {}
    generic = by_name("generic")
    for platform, source in ((generic, "class"), (page.platform, "platform"))[: 1 + (page.platform is not generic)]:
        for kind in KINDS:
            allowed = (None, kind) if source == "class" or kind == "tag" else (None, *KINDS)
            for rule in page.index.present(platform.categories if kind == "category" else platform.tags):
                found = [el for el, _ in post.select([rule], anywhere=False)[:_MAX_COUNT]]
                own = [a for el in found for a in el.iter("a") if kind_of_address(a.get("href") or "") in allowed]
                own += [el for el in found if next(el.iter("a"), None) is None]
                if own:
                    marks |= dict.fromkeys(own, (kind, source))
                    break
    return marks


def _only_kind(page: Page) -> Kind | None:
    """Returns the kind of all terms if the page's platform has only one, as Blogger and Ghost have; otherwise None."""
    has = [kind for kind, rules in zip(KINDS, (page.platform.categories, page.platform.tags), strict=True) if rules]
    return has[0] if len(has) == 1 else None


def _from_links(page: Page, links: Sequence[TermLink]) -> Iterator[Found]:
    """Yields, for each kind, the links that the most reliable source shows."""
    only = _only_kind(page)
    for kind in KINDS:
        own = [x for x in links if (only or x.kind) == kind]
        for source, weight in _LINKS.items():
            if some := [x for x in own if source in ("label", x.source)]:
                by_address = all(kind_of_address(x.element.get("href") or "") == kind for x in some)
                locator = f"{kind} {'address' if by_address else source}"
                yield _found(kind, [x.text for x in some], source, locator, weight, True)
                break


def _from_lines(page: Page, post: Post, marks: Marks) -> Iterator[Found]:
    """Yields the terms in elements without links that a class or a label ("Tags: a, b") marks as terms.

    A list of terms may be anywhere beside the post's text, with a label also at its end. A single term must be near the
    heading or in a meta block.
    """
    parents: dict[Kind, Element | None] = {}
    found: dict[Kind, list[str]] = {}
    for el, kind, name, labelled in _marked_lines(page, post, marks):
        if post.is_noise(el) or next(el.iter("a", "time", "h1", "h2"), None) is not None:
            continue
        is_list = labelled or name.endswith(("ies", "tags", "list"))
        if parents[kind] is not el.getparent() if kind in parents else not (is_list or _is_near(post, el)):
            continue
        terms = _terms_of_line(el, is_list)
        if len(terms) > (labelled and post.in_body(el)):  # "Label: X" in a text may be about music
            parents[kind] = el.getparent()
            found.setdefault(kind, []).extend(terms)
    for kind, texts in found.items():
        yield _found(kind, texts, "unlinked", f"unlinked {kind}", 0.7 if kind == "category" else 0.6, True)


def _marked_lines(page: Page, post: Post, marks: Marks) -> Iterator[tuple[Element, Kind, str, bool]]:
    """Yields the elements beside the post's text with a class or label for terms, and those at its end with a label:
    each with the kind, the class, and True if it has a label.
    """
    index, holder = page.index, post.holder
    text = range(index.order[post.body], index.end(post.body)) if post.body is not None else range(0)
    for at in range(index.order[holder] + 1, index.end(holder)) if holder is not None else ():
        el = index.elements[at]
        in_text = at in text and post.in_body(el)
        if in_text and at < text.stop - _LAST_LINES:
            continue
        start, colon = (el.text or "").strip(), (el.tail or "").lstrip()[:1]
        start += colon if colon in ":：" else ""
        if (label := _LABELLED.match(start)) and (kind := kind_of_label(label[0])):
            outer = el.getparent()
            yield outer if outer is not None and label[0] == start else el, kind, "", True
        elif not in_text and not label and el.tag in _LINE_TAGS:
            name = next((n for n in (el.get("class") or "").split() if n in _CLASS_KINDS), "")
            if (kind := _CLASS_KINDS.get(name) or marks.get(el, (None,))[0]) is not None:
                yield el, kind, name, False


def _is_near(post: Post, el: Element) -> bool:
    """Returns True if an element is right above the post's heading, between it and the text, or in a meta
    block.
    """
    order = post.page.index.order
    title, body = (order[e] if e is not None else 0 for e in (post.title, post.body))
    return title - _NEAR_TITLE <= order[el] < max(title, body) or post.in_meta_block(el)


def _terms_of_line(el: Element, is_list: bool) -> list[str]:
    """Returns the terms in an element without links and without its label; [] if any of its texts is not a term."""
    texts = texts_of_items(el) or [""]
    if (label := _LABELLED.match(texts[0])) and kind_of_label(label[0]) is None:
        return []  # a list of something else, such as "Contributors: ..."
    texts[0] = texts[0][label.end() if label else 0 :]
    if is_list and len(texts) == 1:
        texts = terms_in_lists(texts)
    terms = [clean_term(text) for text in texts if text.strip()]
    are_terms = all(is_term(t) and fold_text(t) not in _POST_TYPES and len(t.split()) <= _MAX_WORDS for t in terms)
    return terms if are_terms else []


# What the page declares.


def _from_declarations(page: Page, post: Post) -> Iterator[Found]:
    """Yields the terms in JSON-LD, microdata, RDFa, meta elements and the data of scripts."""
    data = page.data
    nodes = [(one.source, one.node) for one in data.declared(page.addresses)]
    # The plugin Rank Math writes search phrases into keywords.
    by_rank_math = any(s.get("class", "").startswith("rank-math-schema") for s in page.index.tag("script"))
    for source, node in (*nodes, ("script", unshown_article(post))):
        section, keywords = _IN_MARKUP[source]
        yield _found("category", _sections(page, data.texts(node, "articleSection")), source, "articleSection", section)
        weight = 0.3 if source == "json-ld" and by_rank_math else keywords
        yield _found("tag", terms_in_lists(data.texts(node, "keywords")), source, "keywords", weight)
    for kind, name, weight in _METAS:
        texts = data.meta(name)
        if kind == "category":
            texts = [] if name == "article:section" and page.platform.section_is_folder else _sections(page, texts[:3])
        else:
            texts = _split_tags(texts) if name.endswith("article:tag") else terms_in_lists(texts)
        yield _found(kind, texts, "meta", name, weight)


def _split_tags(texts: Sequence[str]) -> list[str]:
    """Returns the tags in elements that should have one tag each. Some sites write all tags into one element.

    Commas without spaces separate tags. In a single element, several commas do, too; one comma may be part of a tag.
    """
    is_list = len(texts) == 1 and len(re.findall(r"[,;、，]", texts[0])) > 1
    return terms_in_lists(texts) if is_list else [part for text in texts for part in re.split(r"[,;](?=\S)", text)]


def _sections(page: Page, texts: Iterable[str]) -> list[str]:
    """Returns the categories in declared sections, without the post's headline, folders such as "posts" in its address,
    and sections that all posts of the site have. "News,Health" is two; "Health, Wellness & Beauty" is one.
    """
    data = page.data
    others = {fold_text(t) for t in [*data.texts(data.article(page.addresses), "headline"), *data.meta("og:title")]}
    folders = {folder for folder in page.path.split("/") if fold_text(folder) in FOLDER_WORDS}
    own = [
        t for t in texts if fold_text(t) not in others and t not in folders and not page.constants.refuses_section(t)
    ]
    return [part for t in own for part in re.split(r"[,;](?=\S)" if _LAST_AND.search(t) else r"[,;]", t)]


_LAST_AND = lazy_regex(r"[,;]\s[^,;]*\s(?:&|and|und|y|et|e)\s[^,;]*$")


# The classes of WordPress's post element name all terms of the post, as category-SLUG and tag-SLUG.

_CLASS_TERM = lazy_regex(r"^(category|tag)-(.+)$")
_ESCAPED = lazy_regex(r"%[0-9a-f]{2}|[^a-z0-9_-]")


def _from_class(page: Page, post: Post, links: Sequence[TermLink], found: Sequence[Found]) -> Iterator[Found]:
    """Yields the terms in the post's classes, by the names that the page declares (`found`) or shows for their slugs,
    or else by the slugs. If the classes are complete and have no tag, the post has none, unless a link shows one.
    """
    at = post.body if post.body is not None else post.holder
    outer = [el.get("class", "").split() for el in (at, *at.iterancestors())] if at is not None else []
    hentry = (c for c in outer if {"hentry", "type-post", "post"} & set(c) and any(n.startswith("post-") for n in c))
    classes = next(hentry, [])
    terms = [(kind, m[2]) for c in classes if (m := _CLASS_TERM.match(c)) for kind in KINDS if m[1] == kind]
    if all(slug.isdigit() for _, slug in terms) or page.platform.name not in ("wordpress", "generic", "squarespace"):
        return
    wanted = {slug for _, slug in terms}
    own, names = _shown_names([one.element for one in links], wanted), _shown_names(page.index.tag("a"), wanted)
    for kind in KINDS:
        slugs = [slug for one, slug in terms if one == kind]
        given = [c for one, c in found if one == kind]
        by_letters = {slug: name for c in given for name in c.value for slug in _possible_slugs(name)}
        declared = next((c.value for c in given if (c.source, c.locator) in _SORTED and c.value), ())
        names |= {(kind, slug): by_letters[slug] for slug in slugs if slug in by_letters}
        if len(declared) == len(slugs) and not any(map(str.isdigit, slugs)):
            rest = [name for name in declared if name not in names.values()]
            names |= dict(zip(((kind, slug) for slug in slugs if slug not in by_letters), rest, strict=False))
        names |= own
        # For a slug without Latin letters, WordPress writes only a number. A class without a category was written by a
        # theme that leaves terms out, since every post has a category.
        complete = "type-post" in classes and "category" in dict(terms) and not any(map(str.isdigit, slugs))
        texts = [names.get((kind, slug), slug) for slug in slugs if not slug.isdigit()]
        if texts or complete:
            yield _found(kind, texts, "class", "post class", 0.6 if not complete else 0.95 if texts else 0.79)


@lru_cache(maxsize=8_192)
def _class_slug(href: str) -> str:
    """Returns the slug in an address as WordPress writes it in a class, without percent-encoded characters."""
    return _ESCAPED.sub("", quote(slug_of(href), safe="").lower())


@lru_cache(maxsize=4_096)
def _possible_slugs(name: str) -> frozenset[str]:
    """Returns the slugs that a publishing system may have made from a name."""
    written = {name, re.sub(r"['’.&]", "", name), name.replace("&", " and ")}
    return frozenset(map(slugify, written))


def _shown_names(links: Iterable[Element], slugs: set[str]) -> dict[tuple[Kind, str], str]:
    """Returns the names of the terms with these slugs: the texts of links whose addresses end in them."""
    names: dict[tuple[Kind, str], str] = {}
    for a in links:
        href = a.get("href") or ""
        if not 0 < len(href) <= 300 or (slug := _class_slug(href)) not in slugs:
            continue
        kind = "category" if "category" in rels(a) else kind_of_address(href)
        if kind is not None and is_term(text := clean_term(text_of_term_link(a)), sure=True):
            names.setdefault((kind, slug), text)
    return names


# The place of the page in the site.


def _from_place(page: Page, post: Post) -> Iterator[Found]:
    """Yields the sections in the breadcrumbs or, if there are none, in the nearest row of links above the heading."""
    names = [*page.data.meta("og:title"), *page.data.names_of_site(), element_line(post.title)]
    known = FOLDER_WORDS | set(map(fold_text, names))
    found = ([name for name, href in row if _is_section(page, name, href, known)] for row in _rows_of_steps(page, post))
    yield _found("category", next(filter(None, found), [])[:4], "breadcrumb", "breadcrumb", 0.4)


def _is_section(page: Page, name: str, href: str, known: Set[str]) -> bool:
    if (
        not path_of(page, href)
        or not is_own_site(page, href)
        or leads_to_person(href)
        or kind_of_address(href) == "tag"
    ):
        return False
    if page.join(href).partition("#")[0].rstrip("/") in page.addresses or name.isdecimal() or len(name) > _MAX_NAME:
        return False
    return fold_text(name) not in known and is_term(clean_term(name))


def _rows_of_steps(page: Page, post: Post) -> Iterator[Sequence[Step]]:
    """Yields the breadcrumbs in JSON-LD, those in elements named for them, and those in short rows of links above the
    heading, nearest first, up to a menu, a header or a longer text.
    """
    items = [
        i for node in page.data.of_type("breadcrumblist")[:1] for i in page.data.resolve(node.get("itemListElement"))
    ]
    declared = [(item, item.get("item")) for item in items[:_MAX_STEPS] if isinstance(item, dict)]
    yield [
        (
            next(iter(page.data.texts(item, "name", "item")), ""),
            str((at.get("@id") or at.get("url") if isinstance(at, dict) else at) or ""),
        )
        for item, at in declared
    ]
    for rule in page.index.present(_BREADCRUMBS):
        yield from (_steps(el) for el in page.index.select(rule)[:1] if el.tag != "a")
    at = post.title
    for _ in range(_ROW_CLIMB):
        if at is None or at.tag in ("body", "html"):
            return
        for row in islice(at.itersiblings("*", preceding=True), _ROWS):
            if not _MENUS.isdisjoint((row.tag, row.get("role"))) or page.index.text_length(row) > _ROW_LENGTH:
                return
            if next(row.iter("h1", "h2", "h3"), None) is not None:
                return
            yield _steps_of_row(page, row)
        at = at.getparent()


def _steps_of_row(page: Page, row: Element) -> list[Step]:
    """Returns the links to sections in a row above the heading: all after the home page if there are arrows, or else
    those to a folder that contains the page, or else the only one if it is also in a menu.
    """
    steps, line = _steps(row), element_line(row)
    if (
        len(steps) > _ROW_LINKS
        or any(names_neighbour(text) for text, _ in steps)
        or len(line) > sum(len(text) for text, _ in steps) + _ROW_REST
    ):
        return []
    own = [one for one in steps if path_of(page, one[1]) and not is_home(one[0])]
    if (len(own) < len(steps) and _ARROW.search(line)) or (steps and is_home(_ARROW.split(line)[0])):
        return own
    folders = [one for one in own if contains_page(page, one[1])]
    return folders or [one for one in own if len(own) == 1 and is_section(page, one[1])]


def _steps(el: Element) -> list[Step]:
    return [(text, a.get("href") or "") for a in islice(el.iter("a"), _MAX_STEPS) if (text := element_line(a))]


# What feeds, APIs and listings say.


def listed_categories(hint: SourceHint | None) -> list[Candidate[Terms]]:
    """Returns the candidate for a post's categories that a listing shows; [] if no listing shows any."""
    listed = hint.listed_categories if hint is not None else ()
    return [Candidate(listed, LISTING, "entry", 0.05)] if listed else []


def _from_hint(page: Page, hint: SourceHint | None, found: Sequence[Found]) -> Iterator[Found]:
    """Yields the categories and tags from a feed or an API (`hint`, None if there is no hint).

    An API gives categories and tags separately. RSS and Atom use one element for both. A term of a feed counts as a tag
    if the post's own terms (`found`) or the addresses of the site's listings show that it is a tag and not a category.
    """
    if hint is None:
        return
    yield from (("category", one) for one in listed_categories(hint))
    source, weight = ("api", 0.97) if is_from_api(hint) else ("feed", 0.5)
    tagged = _known_as_tags(page, hint.categories, found) if hint.categories and source == "feed" else frozenset()
    categories = [t for t in hint.categories if fold_text(t) not in tagged]
    tags = [t for t in hint.categories if fold_text(t) in tagged]
    yield _found("category", categories, source, "categories", weight)
    yield _found("tag", (*hint.tags, *tags), source, "tags" if hint.tags else "categories", weight)


def _known_as_tags(page: Page, terms: Sequence[str], found: Sequence[Found]) -> frozenset[str]:
    """Returns those terms of a feed that are tags according to the page, in the form that `fold_text` returns.

    If the platform has only categories or only tags, all terms are of that kind. Otherwise the post's own terms
    (`found`) decide, and then the addresses of links to listings anywhere on the page. Folders in the
    page's address are categories on a Jekyll site, and all other terms are then tags.
    """
    wanted = {fold_text(t) for t in terms}
    if only := _only_kind(page):
        return frozenset(wanted if only == "tag" else ())
    known: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for kind, c in found:
        known[kind] |= {fold_text(t) for t in c.value if c.confidence >= _LEAST}
    folders = wanted & set(map(fold_text, unquote(page.path).split("/")[:-1]))
    if folders and page.platform.name == "jekyll":
        return frozenset(wanted - folders - known["category"])
    linked: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for a in page.index.tag("a")[:_MAX_LINKS]:
        href = a.get("href") or ""
        if (of := kind_of_address(href)) and is_own_site(page, href):
            linked[of] |= {fold_text(clean_term(element_line(a))), fold_text(slug_of(href))}
    tags = known["tag"] | (linked["tag"] - linked["category"])
    return frozenset(wanted & tags - known["category"])
