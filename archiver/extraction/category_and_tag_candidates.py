"""Collects category and tag candidates from term links, post classes, metadata, breadcrumbs, feeds and APIs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from urllib.parse import quote, unquote, urlsplit

from lxml.etree import _Element as Element
from slugify import slugify

from archiver.extraction.candidate_choice_and_declared_fields import resolve_terms
from archiver.extraction.category_and_tag_links import (
    FOLDER_WORDS,
    Kind,
    Terms,
    clean_term,
    is_home,
    is_in_prose,
    is_own_site,
    is_term,
    kind_of_address,
    kind_of_label,
    leads_to_person,
    slug_of,
    term_links,
    terms_in_lists,
    text_of_term_link,
    texts_of_items,
    texts_of_links,
    unique_terms,
)
from archiver.extraction.date_parser import names_a_date
from archiver.extraction.page_parsing_and_javascript_check import Page
from archiver.extraction.post_locator import Post, unshown_article
from archiver.extraction.text_normalization_and_formulas import clean_text, element_line, fold_text
from archiver.items import LISTING, Candidate, SourceHint, is_from_api
from archiver.lazy_regex import lazy_regex
from archiver.platforms import by_name
from archiver.platforms.page_index_and_selector_compiler import is_below

# WordPress's post class contains all terms of the post, as category-SLUG and tag-SLUG. The names of the terms are taken
# from the page.

Kinds = tuple[Kind, ...]
BOTH_KINDS: Kinds = ("category", "tag")
_CHOSEN = 0.5
"""Tags with a lower confidence than this are recorded as evidence, but not chosen."""
_KINDS: dict[str, Kind] = {"category": "category", "tag": "tag"}
_CLASS_TERM = lazy_regex(r"^(category|tag)-(.+)$")
_ESCAPED = lazy_regex(r"%[0-9a-f]{2}|[^a-z0-9_-]")
_SIMPLE = lazy_regex(r"[a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class ClassTerms:
    """The categories or the tags that the class attribute of a WordPress post names.

    `slugs` are written as in the class. `names` are the names that the page shows or declares for them, or the slugs if
    it shows none. `is_complete` is True if the class contains every term of the post. It may lack a term whose slug
    contains no Latin letters, since WordPress writes only a number for such a term.
    """

    slugs: Terms
    names: Terms
    is_complete: bool


def class_terms(
    page: Page, post: Post, declared: Mapping[Kind, Sequence[str]], sought: Kinds = BOTH_KINDS
) -> dict[Kind, ClassTerms]:
    """Returns the categories and tags in the class attribute of a WordPress post (category-SLUG, tag-SLUG), by kind; {}
    if there are none. Only the kinds in `sought` are returned.

    `declared` are the names in JSON-LD and meta elements. They are matched to the slugs by their letters or, if there
    are as many names as slugs, by their order, since WordPress sorts both by name. If a class is complete and has no
    tag, the post has no tags.
    """
    classes = _post_class(post)
    terms = [(kind, m[2]) for name in classes if (m := _CLASS_TERM.match(name)) and (kind := _KINDS[m[1]])]
    numbers = {kind for kind, slug in terms if slug.isdigit()}
    found = {kind: [slug for one, slug in terms if one == kind and not slug.isdigit()] for kind in _KINDS.values()}
    if not any(found.values()):
        return {}
    found = {kind: found[kind] for kind in sought}
    slugs_sought = {s for slugs in found.values() for s in slugs}
    shown = _shown_names(page, post, slugs_sought) if slugs_sought else {}
    # Every WordPress post has a category, so a class without a category was written by a theme that leaves terms out.
    complete = "type-post" in classes and any(kind == "category" for kind, _ in terms)
    out: dict[Kind, ClassTerms] = {}
    for kind, slugs in found.items():
        by_slug = _declared_terms(slugs, declared[kind]) if kind not in numbers else {}
        names = tuple(shown.get((kind, s)) or by_slug.get(s) or s for s in slugs)
        out[kind] = ClassTerms(tuple(slugs), names, complete and kind not in numbers)
    return out


def _post_class(post: Post) -> list[str]:
    at: Element | None = post.body if post.body is not None else post.holder
    while at is not None:
        have = (at.get("class") or "").split()
        if any(c.startswith("post-") for c in have) and {"hentry", "type-post", "post"} & set(have):
            return have
        at = at.getparent()
    return []


def slug_in_class(slug: str) -> str:
    """Returns a slug as WordPress writes it in a class, without percent-encoded characters."""
    low = slug.lower()
    return low if _SIMPLE.fullmatch(low) else _ESCAPED.sub("", quote(low, safe="").lower())


@lru_cache(maxsize=8_192)
def _slug_of_address(href: str) -> str:
    return slug_in_class(slug_of(href))


@lru_cache(maxsize=4_096)
def _possible_slugs(name: str) -> frozenset[str]:
    """Returns the slugs that a publishing system may have made from a name."""
    written = {name, re.sub(r"['’.&]", "", name), name.replace("&", " and ")}
    return frozenset(map(slugify, written)) - {""}


def _shown_names(page: Page, post: Post, slugs: set[str]) -> dict[tuple[Kind, str], str]:
    """Returns the names of the terms with these slugs, by kind and slug. A name is the text of a link whose address
    ends in the slug.

    The post's own links are preferred. Otherwise, links in WordPress's term lists and links with a text that fits the
    slug are used. Other links, such as those in a menu, may have any text.
    """
    best: dict[tuple[Kind, str], str] = {}
    other: dict[tuple[Kind, str], str] = {}
    for a in page.index.tag("a"):
        href = a.get("href") or ""
        if not href or len(href) > 300 or (slug := _slug_of_address(href)) not in slugs:
            continue
        kind: Kind | None = "category" if "category" in (a.get("rel") or "").split() else kind_of_address(href)
        text = clean_term(text_of_term_link(a))
        if kind is None or not is_term(text, sure=True):
            continue
        if _is_of_post(a, post):
            best.setdefault((kind, slug), text)
        elif _is_in_term_list(a) or _fits_slug(text, slug):
            other.setdefault((kind, slug), text)
    return other | best


def _is_of_post(a: Element, post: Post) -> bool:
    """Returns True if a link is in the post's meta lines (with its date, authors and terms), and not in its body."""
    return post.holder is not None and not post.is_noise(a) and is_below(a, post.holder) and not post.in_body(a)


def _fits_slug(text: str, slug: str) -> bool:
    """Returns True if a name contains all words of a slug: "Obras públicas" fits "obras"."""
    words = set(slug.split("-"))
    return any(words <= set(s.split("-")) for s in _possible_slugs(text))


def _is_in_term_list(a: Element) -> bool:
    parent = a.getparent()
    return "tag-cloud-link" in (a.get("class") or "") or (
        parent is not None and "cat-item" in (parent.get("class") or "").split()
    )


def _declared_terms(slugs: Sequence[str], declared: Sequence[str]) -> dict[str, str]:
    """Returns the declared names by slug. A name is matched to the slug made from its letters, or else by its position
    in the list.
    """
    names = [t for d in declared if (t := clean_term(d))]
    out = {slug: name for name in names for slug in _possible_slugs(name) & set(slugs)}
    if len(names) == len(slugs):
        rest = [n for n in names if n not in out.values()]
        out |= dict(zip((s for s in slugs if s not in out), rest, strict=False))
    return out


Found = tuple[Kind, Candidate[Terms]]


@dataclass(frozen=True, slots=True)
class _Meta:
    """A kind of meta element that contains terms. `is_list` is True if one element contains several terms."""

    kind: Kind
    name: str
    confidence: float
    is_list: bool = False


_METAS = (
    _Meta("category", "article:section", 0.66),
    _Meta("category", "parsely-section", 0.66),
    _Meta("category", "citation_section", 0.66),
    _Meta("category", "sailthru.section", 0.6),
    _Meta("tag", "article:tag", 0.8),
    _Meta("tag", "og:article:tag", 0.8),
    _Meta("tag", "parsely-tags", 0.7, is_list=True),
    _Meta("tag", "news_keywords", 0.68, is_list=True),
    _Meta("category", "articlesection", 0.75),  # RDFa without a type, as VuePress themes write it
    _Meta("tag", "sailthru.tags", 0.68, is_list=True),
    _Meta("tag", "citation_keywords", 0.68, is_list=True),
    _Meta("tag", "keywords", 0.35, is_list=True),  # a low confidence, since they are written for search engines
)
_FILED_OTHERWISE = frozenset(("blogger", "ghost", "hexo", "hugo", "jekyll", "pelican", "substack"))
"""Platforms whose posts always show their categories elsewhere than in breadcrumbs. On these, a breadcrumb is only a
folder, unless its address leads to a category."""
# The classes of elements that show a category or tag without a link. A kicker may also be a phrase about the post.
_CATEGORY_CLASSES = (
    *(".post-category", ".entry-category", ".article-category", ".article__category", ".post__category"),
    *(".category-name", ".category-label", ".cat-name", ".post-categories", ".entry-categories"),
    *(".article-categories", ".category", ".categories", ".post-label", ".section-name", ".section-label"),
    *(".article-section", ".article__section", ".post-section", ".rubrik", ".rubric", ".rubrique", ".rubrica"),
    *(".article__rubric", ".article-rubric", ".post-rubric", ".ressort"),
)
_KICKER_CLASSES = (".kicker", ".article-kicker", ".article__kicker", ".post-kicker", ".entry-kicker", ".eyebrow")
_TAG_CLASSES = (
    *(".post-tag", ".entry-tag", ".article-tag", ".tag-item", ".tag-name", ".tag", ".post-tags", ".entry-tags"),
    *(".article-tags", ".article__tags", ".tags-list", ".tag-list", ".tags"),
)
_CATEGORY_TAGS = frozenset({"span", "div", "p", "strong", "em", "small", "li", "ul", "ol", "header"})
_KICKER_WORDS, _TITLE_CLIMB = 2, 2
_POST_TYPES = frozenset(
    ("article", "blog", "post", "blogpost", "page", "entry", "story", "artikel", "beitrag", "articulo")
)
_CATEGORY_WORDS, _DATE_DEPTH, _NEAR_DATE = 4, 2, 30
_STARTS_WITH_LABEL = lazy_regex(r"^[^\W\d_]+\s*[:：]\s*")
_STARTS_LABEL = lazy_regex(r"[:：]\s*$")
_BREADCRUMBS = ("[itemtype*=BreadcrumbList]", ".breadcrumbs", ".breadcrumb", "#breadcrumbs", "#breadcrumb")
_POSITIONS = (".crumbs", ".crumb", ".bread", ".position", ".location", ".weizhi", ".mbx", ".path")
"""Classes that many sites, most of them Chinese, give to breadcrumbs. They count only if the first link is to the home
page."""
_TAG_ADDRESS, _UNLINKED = "tag address", "unlinked category"
_ARROW = lazy_regex(r"\s*[>»›→＞]+\s*")
_BETWEEN_ROWS, _NO_ROWS = frozenset(("br", "hr", "script", "style")), frozenset(("nav", "header", "aside", "form"))
_ROWS, _ROW_CLIMB, _ROW_LINKS = 3, 5, 5
_ROW_LENGTH, _ROW_REST = 160, 40
_LANGUAGE = lazy_regex(r"[a-z]{2}(?:[-_][a-z]{2,4})?", re.IGNORECASE)
_TOLD_APART = 0.5
"""Only candidates from the page with at least this confidence decide whether a term of a feed is a category or a
tag."""
_MAX_LINKS = 600
_DATED_PATH = lazy_regex(r"/(.+?)/(?:19|20)\d\d/\d\d/\d\d/")
_MAX_STEPS = 10
_MAX_COUNT = 60


_LISTED = (LISTING, "entry", 0.05)
"""The source, the locator and the confidence of categories that a listing shows beside its link to the post."""


def listed_categories(hint: SourceHint | None) -> list[Candidate[Terms]]:
    """Returns the candidate for a post's categories that a listing shows; [] if no listing shows any."""
    return [Candidate(hint.listed_categories, *_LISTED)] if hint is not None and hint.listed_categories else []


def term_candidates(
    page: Page, post: Post, hint: SourceHint | None, kinds: Kinds = BOTH_KINDS
) -> tuple[list[Candidate[Terms]], list[Candidate[Terms]]]:
    """Returns the candidates for a post's categories, and those for its tags. The value of a candidate is a tuple of
    terms. If only one of the two is in `kinds`, the list for the other is empty. `hint` is what a feed or an API says
    about the post, None if nothing.
    """
    # The terms of a feed are told apart by the candidates of both kinds.
    sought = BOTH_KINDS if _has_feed_terms(hint) else kinds
    found = [
        *_from_selectors(page, post, sought),
        *_from_unlinked(page, post, sought),
        *_from_links(page, post, sought),
        *_from_metadata(page, sought),
        *_from_scripts(page, post),
        *_from_class(page, post, sought),
    ]
    if "category" in sought:
        found += _from_breadcrumbs(page, post)
        found += _from_row_above(page, post)
    cats: list[Candidate[Terms]] = []
    tags: list[Candidate[Terms]] = []
    for kind, one in (*_from_hint(page, hint, found), *found):
        if kind == "tag" and page.constants.refuses_tags(one.value):
            continue
        if kind in kinds and (one.value or one.locator == "post class"):
            (cats if kind == "category" else tags).append(one)
    return cats, tags


def terms_of_kind(
    page: Page, post: Post, hint: SourceHint | None, kind: Kind, kinds: Kinds
) -> tuple[list[Candidate[Terms]], Terms]:
    """Returns the candidates for a post's categories or for its tags (`kind`), and the terms chosen from them. `hint`
    is what a feed or an API says about the post, None if nothing.

    `kinds` are all kinds for which this function will be called, so that both can be collected at once. The candidates
    of another kind are collected only if the choice depends on them.
    """
    found = _kept_candidates(page, post, hint, kind, kinds)
    if kind == "category":
        tags = _kept_candidates(page, post, hint, "tag") if any(c.locator == _UNLINKED for c in found) else []
        return found, choose_terms(found, tags)[0]
    cats = _kept_candidates(page, post, hint, "category") if _may_be_category(_best_tags(found)) else []
    return found, choose_terms(cats, found)[1]


def _kept_candidates(
    page: Page, post: Post, hint: SourceHint | None, kind: Kind, kinds: Kinds = ()
) -> list[Candidate[Terms]]:
    """Returns the candidates for one kind of terms, which are cached on `post`. The candidates for `kinds` are
    collected at the same time. `hint` is what a feed or an API says about the post, None if nothing.
    """
    kept: dict[Kind, list[Candidate[Terms]]] = post.answers.setdefault("terms", {})
    if kind not in kept:
        sought = BOTH_KINDS if _has_feed_terms(hint) else tuple(one for one in BOTH_KINDS if one in (kind, *kinds))
        both = dict(zip(BOTH_KINDS, term_candidates(page, post, hint, sought), strict=True))
        kept |= {one: both[one] for one in sought}
    return kept[kind]


def _has_feed_terms(hint: SourceHint | None) -> bool:
    return hint is not None and bool(hint.categories) and not is_from_api(hint)


def choose_terms(cats: list[Candidate[Terms]], tags: list[Candidate[Terms]]) -> tuple[Terms, Terms]:
    """Returns the categories and the tags chosen from their candidates."""
    tag = _best_tags(tags)
    tagged = tag.value if tag else ()
    topics = set(map(fold_text, tagged))
    # A line above the heading may be the main topic of the post. The links to its topics then repeat it.
    category = resolve_terms(
        [c for c in cats if c.locator != _UNLINKED or not topics.issuperset(map(fold_text, c.value))]
    )
    if _may_be_category(tag) and category is not None:
        tagged = tuple(t for t in tagged if fold_text(t) not in {fold_text(c) for c in category.value})
    return category.value if category else (), tagged


def _best_tags(tags: list[Candidate[Terms]]) -> Candidate[Terms] | None:
    return resolve_terms([t for t in tags if t.confidence >= _CHOSEN])


def _may_be_category(tag: Candidate[Terms] | None) -> bool:
    """Returns True if some terms of a candidate for the tags may be categories, since rel="tag" marks categories, too.
    A link to the listing of a tag is always a tag, even if a category has the same name. Returns False if there is no
    candidate (None).
    """
    return tag is not None and tag.source in ("link", "label") and tag.locator != _TAG_ADDRESS


def _as_candidate(
    kind: Kind, texts: Iterable[str], source: str, locator: str, confidence: float, visible: bool = False
) -> Found:
    return kind, Candidate(unique_terms(texts)[:_MAX_COUNT], source, locator, confidence, visible)


def _from_hint(page: Page, hint: SourceHint | None, found: Sequence[Found]) -> Iterator[Found]:
    """Yields the categories and tags from a feed or an API (`hint`, None if there is no hint).

    An API gives categories and tags separately. RSS and Atom use one element for both. A term of a feed counts as a tag
    if the post's own terms (`found`) or the addresses of the site's listings show that it is a tag and not a category.
    All other terms of a feed count as categories. The categories that a listing shows have the lowest confidence of
    all.
    """
    if hint is None:
        return
    if hint.listed_categories:
        yield _as_candidate("category", hint.listed_categories, *_LISTED)
    if is_from_api(hint):
        yield _as_candidate("category", hint.categories, "api", "categories", 0.97)
        yield _as_candidate("tag", hint.tags, "api", "tags", 0.97)
        return
    tagged = _terms_known_as_tags(page, hint.categories, found) if hint.categories else frozenset()
    categories = [t for t in hint.categories if fold_text(t) not in tagged]
    tags = [t for t in hint.categories if fold_text(t) in tagged]
    yield _as_candidate("category", categories, "feed", "categories", 0.5)
    yield _as_candidate("tag", (*hint.tags, *tags), "feed", "tags" if hint.tags else "categories", 0.5)


def _terms_known_as_tags(page: Page, terms: Sequence[str], found: Sequence[Found]) -> frozenset[str]:
    """Returns those terms of a feed that are tags according to the page, in the form that `fold_text` returns.

    If the platform has only categories or only tags, all terms are of that kind. Otherwise the post's own terms
    (`found`) decide, and then the addresses of links to listings anywhere on the page. On a Jekyll site, the folders
    before the date in the page's address are the post's categories, and all other terms are tags.
    """
    wanted = {fold_text(t) for t in terms}
    platform = page.platform
    if bool(platform.categories) != bool(platform.tags):
        return frozenset(wanted if platform.tags else ())
    known: dict[Kind, set[str]] = {
        kind: {fold_text(t) for one, c in found if one == kind and c.confidence >= _TOLD_APART for t in c.value}
        for kind in _KINDS.values()
    }
    rest = wanted - known["category"] - known["tag"]
    linked: dict[Kind, set[str]] = {"category": set(), "tag": set()}
    for kind, names in _listing_links(page) if rest else ():
        linked[kind] |= names & rest
    categories = known["category"] | (linked["category"] - known["tag"])
    tags = (known["tag"] | linked["tag"]) & wanted
    if platform.name == "jekyll" and (folders := _folders_before_date(page) & wanted):
        categories |= folders
        tags = wanted
    return frozenset(tags - categories)


def _listing_links(page: Page) -> Iterator[tuple[Kind, set[str]]]:
    """Yields, for each link to the listing of a category or tag, the kind and the set of its two names: the link's text
    and the slug in its address, both as `fold_text` returns them.
    """
    for a in page.index.tag("a")[:_MAX_LINKS]:
        href = a.get("href") or ""
        if (kind := kind_of_address(href)) and is_own_site(page, href):
            yield kind, {fold_text(clean_term(element_line(a))), fold_text(slug_of(href).replace("-", " "))}


def _folders_before_date(page: Page) -> set[str]:
    """Returns the folders before the date in the page's address, as in /news/tram/2024/01/09/a-title.html, in the form
    that `fold_text` returns.
    """
    match = _DATED_PATH.match(unquote(page.path))
    return {fold_text(folder) for folder in match[1].split("/")} if match else set()


def _from_selectors(page: Page, post: Post, sought: Kinds) -> Iterator[Found]:
    """Yields the terms found by the platform's selectors and by generic ones. `sought` are the kinds of terms to find:
    categories, tags or both.
    """
    generic = by_name("generic")
    rows = [(generic, "class", 0.75)]
    if page.platform is not generic:
        rows.insert(0, (page.platform, "platform", 0.92))
    for platform, source, confidence in rows:
        for kind in sought:
            rules = platform.categories if kind == "category" else platform.tags
            both = kind == "tag" or platform is generic
            for rule in page.index.present(rules):
                if texts := _selected_terms(page, post, rule, kind, both):
                    yield _as_candidate(kind, texts, source, rule, confidence, True)
                    break


def _from_unlinked(page: Page, post: Post, sought: Kinds) -> Iterator[Found]:
    if "category" in sought:
        found = _unlinked_terms(page, post, _CATEGORY_CLASSES) or [
            text for text in _unlinked_terms(page, post, _KICKER_CLASSES) if len(text.split()) <= _KICKER_WORDS
        ]
        yield _as_candidate("category", found, "class", _UNLINKED, 0.7, True)
    if "tag" in sought:
        yield _as_candidate("tag", _unlinked_terms(page, post, _TAG_CLASSES), "class", "unlinked tag", 0.6, True)


def _selected_terms(page: Page, post: Post, rule: str, kind: Kind, both: bool) -> list[str]:
    """Returns the texts of the category or tag links that a selector matches, without links in sentences and links to
    other sites.

    `both` is True if the selector matches categories as well as tags. Links to listings of the other kind are then left
    out.
    """
    found: list[str] = []
    prose: dict[Element, bool] = {}
    by_rel = "rel" in rule
    for el in _elements_of_rule(page, post, rule)[:_MAX_COUNT]:
        href = el.get("href") or ""
        if kind == "tag" and "category" in (el.get("rel") or "").split():
            continue
        if href and ((both and kind_of_address(href) not in (None, kind)) or _is_other_site(page, el, href)):
            continue
        if el.tag == "a" and not by_rel and is_in_prose(el, prose):
            continue
        sure = by_rel or kind_of_address(href) == kind
        found += [text for one in texts_of_links(el) if is_term(text := clean_term(one), sure)]
    return found


def _elements_of_rule(page: Page, post: Post, rule: str) -> list[Element]:
    """Returns the elements that a selector matches in the post's meta lines (with its date, authors and terms). Links
    with rel="category" count in the post's text, too.
    """
    if "rel~=category" not in rule:
        return [el for el, _ in post.select([rule], anywhere=False)]
    return [el for el in page.index.select(rule) if not post.is_noise(el) and post.is_beside(el)]


def _unlinked_terms(page: Page, post: Post, selectors: tuple[str, ...]) -> list[str]:
    """Returns the texts of elements near the post's date or title that have a class for categories or tags, but no
    link. `selectors` are the classes. A class in the plural, such as "tags", marks a list.
    """
    for selector in page.index.present(selectors):
        name = selector.removeprefix(".")
        named = [e for e in page.index.with_class(name)[:_MAX_COUNT] if e.tag in _CATEGORY_TAGS]
        found = [text for e in named if _may_hold_unlinked(post, e) for text in _unlinked_texts(post, e, name)]
        if found:
            return found
    return []


def _unlinked_texts(post: Post, el: Element, name: str) -> list[str]:
    """Returns the terms in an element that has a class for categories or tags (`name`), but no link; [] if any of its
    texts is not a term.
    """
    is_list = name.endswith(("ies", "tags", "list"))
    texts = texts_of_items(el)
    label = _STARTS_WITH_LABEL.match(texts[0])
    if label and not kind_of_label(label[0]):
        return []  # a list of something else, such as "Contributors: ..."
    if label:
        texts[0] = texts[0][label.end() :]
    if is_list and len(texts) == 1:
        texts = terms_in_lists(texts)
    terms = [clean_term(text) for text in texts]
    if not all(map(_is_unlinked_text, texts, terms)):
        return []
    return terms if is_list or _is_near_date(post, el) or _is_near_title(post, el) else []


def _is_unlinked_text(text: str, term: str) -> bool:
    if not is_term(term) or fold_text(term) in _POST_TYPES:
        return False
    return len(term.split()) <= _CATEGORY_WORDS and not _STARTS_LABEL.search(text)


def _may_hold_unlinked(post: Post, el: Element) -> bool:
    if post.is_noise(el) or post.in_body(el) or not post.is_beside(el):
        return False
    return el is not post.holder and next(el.iter("a", "time", "h1", "h2"), None) is None


def _is_near_date(post: Post, el: Element) -> bool:
    return any(
        _has_date(a) for a in islice(el.iterancestors(), _DATE_DEPTH) if a is not post.holder or a.tag == "article"
    )


def _is_near_title(post: Post, el: Element) -> bool:
    """Returns True if an element is directly before the post's heading, or directly before the element around the
    heading.
    """
    if post.title is None:
        return False
    following = el.getnext()
    return following is not None and (
        following is post.title or any(a is following for a in islice(post.title.iterancestors(), _TITLE_CLIMB))
    )


def _has_date(el: Element) -> bool:
    """Returns True if a <time>, or an element with a class for dates, is among the first elements in an element."""
    return any(
        e.tag == "time" or any(map(names_a_date, (e.get("class") or "").split()))
        for e in islice(el.iter("*"), _NEAR_DATE)
    )


def _is_other_site(page: Page, el: Element, href: str) -> bool:
    return not is_own_site(page, href) and "tag" not in (el.get("rel") or "").split()


def _from_links(page: Page, post: Post, sought: Kinds) -> Iterator[Found]:
    links = term_links(page, post, with_tags="tag" in sought)
    has_one_kind = bool(page.platform.categories) != bool(page.platform.tags)  # e.g. Blogger, which has only labels
    for kind in sought:
        sure = [x.text for x in links if x.kind == kind and x.sure]
        all_ = [x.text for x in links if x.kind == kind]
        by_address = all(kind_of_address(x.href) == kind for x in links if x.kind == kind and x.sure)
        locator = f"{kind} address" if by_address and not has_one_kind else f"rel={kind}"
        yield _as_candidate(kind, sure, "link", locator, 0.8, True)
        if len(all_) > len(sure):
            yield _as_candidate(kind, all_, "label", f"{kind} label", 0.74, True)


def _from_metadata(page: Page, sought: Kinds) -> Iterator[Found]:
    """Yields the terms in JSON-LD, microdata, RDFa and meta elements. `sought` are the kinds of terms to find:
    categories, tags or both.
    """
    data = page.data
    node = data.article(page.addresses)
    headline = {fold_text(t) for t in [*data.texts(node, "headline"), *data.meta("og:title")]}
    yield _as_candidate(
        "category", _sections(page, data.texts(node, "articleSection"), headline), "json-ld", "articleSection", 0.82
    )
    # The plugin Rank Math writes search phrases, and not the post's tags, into this property.
    trust = 0.3 if _is_by_rank_math(page) else 0.78
    yield _as_candidate("tag", terms_in_lists(data.texts(node, "keywords")), "json-ld", "keywords", trust)
    for one in data.declared(page.addresses):
        if one.source != "json-ld":
            found = _sections(page, data.texts(one.node, "articleSection"), headline)
            yield _as_candidate("category", found, one.source, "articleSection", 0.8)
            yield _as_candidate("tag", terms_in_lists(data.texts(one.node, "keywords")), one.source, "keywords", 0.7)
    for meta in _METAS:
        if meta.kind in sought and (meta.name != "article:section" or not page.platform.section_is_folder):
            yield _from_meta(page, meta, headline)


def _from_scripts(page: Page, post: Post) -> Iterator[Found]:
    """Yields the terms of the article in the data of the scripts of a page that shows hardly any text."""
    node = unshown_article(post)
    sections = _sections(page, node.get("articleSection", ()), {fold_text(t) for t in node.get("headline", ())})
    yield _as_candidate("category", sections, "script", "articleSection", 0.5)
    yield _as_candidate("tag", node.get("keywords", ()), "script", "keywords", 0.5)


def _from_meta(page: Page, meta: _Meta, headline: set[str]) -> Found:
    texts = page.data.meta(meta.name)[:1] if meta.name == "keywords" else page.data.meta(meta.name)
    if meta.kind == "category":
        texts = _sections(page, texts[:3], headline)
    elif meta.name.endswith("article:tag"):
        texts = _split_tags(texts)
    return _as_candidate(
        meta.kind, terms_in_lists(texts) if meta.is_list else texts, "meta", meta.name, meta.confidence
    )


def _split_tags(texts: Sequence[str]) -> list[str]:
    """Returns the tags in elements that should have one tag each. Some sites write all tags into one element.

    Commas without spaces separate tags. In a single element, several commas do, too; one comma may be part of a tag.
    """
    is_list = len(texts) == 1 and len(re.findall(r"[,;、，]", texts[0])) > 1
    return terms_in_lists(texts) if is_list else [part for text in texts for part in re.split(r"[,;](?=\S)", text)]


def _sections(page: Page, texts: Iterable[str], headline: set[str]) -> list[str]:
    """Returns the categories in the texts of declared sections (`texts`), without the post's headline, folders such as
    "posts", and sections that all posts of the site have.
    """
    folders = _folders_of_posts(page)
    own = (t for t in texts if fold_text(t) not in headline and t.strip() not in folders)
    return [p for t in own if not page.constants.refuses_section(t) for p in _split_sections(page, t)]


def _folders_of_posts(page: Page) -> set[str]:
    """Returns the folders in the page's address that only say that the page is a post, such as "posts", and are
    therefore no categories.
    """
    return {folder for folder in page.path.split("/") if fold_text(folder) in FOLDER_WORDS}


def _is_by_rank_math(page: Page) -> bool:
    return any(s.get("class", "").startswith("rank-math-schema") for s in page.index.tag("script"))


def _split_sections(page: Page, text: str) -> list[str]:
    """Splits the text of a section field into sections: "News,Health" is two; "Health, Wellness & Beauty" is one.

    A text with spaces after its commas is split only if each part is also the text of a link, or if no link has the
    whole text and the last part contains no "and".
    """
    parts = re.split(r"\s*[,;]\s+", text)
    if len(parts) == 1:
        return re.split(r"[,;](?=\S)", text)
    if re.search(r"[,;]\s[^,;]*(?:\s(?:&|and|und|y|et|e)\s)[^,;]*$", text):
        linked = {fold_text(element_line(a)) for a in page.index.tag("a")[:600] if kind_of_address(a.get("href") or "")}
        return parts if all(fold_text(p) in linked for p in parts) else [text]
    whole = fold_text(text)
    return [text] if any(fold_text(element_line(a)) == whole for a in page.index.tag("a")[:600]) else parts


def _from_class(page: Page, post: Post, sought: Kinds) -> Iterator[Found]:
    if page.platform.name not in ("wordpress", "generic", "squarespace"):
        return
    node = page.data.article(page.addresses)
    declared: dict[Kind, list[str]] = {
        "category": terms_in_lists(page.data.texts(node, "articleSection")) or page.data.meta("article:section"),
        "tag": terms_in_lists(page.data.texts(node, "keywords")) or page.data.meta("article:tag"),
    }
    for kind, found in class_terms(page, post, declared, sought).items():
        # If a post class is complete and has no tag, the post has none, unless a link shows one.
        if found.names or found.is_complete:
            confidence = 0.6 if not found.is_complete else 0.94 if found.names else 0.79
            yield _as_candidate(kind, found.names, "class", "post class", confidence)


def _from_breadcrumbs(page: Page, post: Post) -> Iterator[Found]:
    """Yields the breadcrumbs as categories, without the home page, the post itself, and folders such as "Blog"."""
    known = _names_of_no_section(page, post)
    steps = _declared_steps(page) or _shown_steps(page)
    if page.platform.name in _FILED_OTHERWISE:
        steps = [*steps[:1], *(one for one in steps[1:] if kind_of_address(one[1]) == "category")]
    begin = 0 if _begin_with_section(page, steps) else 1
    names = [name for name, href in steps[begin:] if href and _is_section(page, name, href, known)]
    yield _as_candidate("category", names[:4], "breadcrumb", "breadcrumb", 0.4)


def _names_of_no_section(page: Page, post: Post) -> set[str]:
    """Returns the texts of breadcrumbs that are not sections, in the form that `fold_text` returns: the post's title,
    the site's names, and folders such as "Blog".
    """
    own = {
        fold_text(element_line(post.title)) if post.title is not None else "",
        *map(fold_text, page.data.meta("og:title")),
    }
    return own | {fold_text(n) for n in page.data.names_of_site()} | FOLDER_WORDS


def _begin_with_section(page: Page, steps: Sequence[tuple[str, str]]) -> bool:
    """Returns True if the first breadcrumb is a section and not, as usual, the home page: its address is a folder that
    contains the page or the next breadcrumb. `steps` are the texts and addresses of the breadcrumbs.
    """
    if not steps or is_home(steps[0][0]):
        return False
    return any(
        _is_folder_of(page, steps[0][1], path) for path in (page.path, *(_path_of(page, h) for _, h in steps[1:2]))
    )


def _is_folder_of(page: Page, href: str, path: str) -> bool:
    """Returns True if an address on the page's own site is a folder that contains a path. The home page does not count,
    nor does a folder named by a language code, such as "en" or "pt-br".
    """
    folder = _path_of(page, href)
    name = folder.rpartition("/")[2]
    return bool(name) and not _LANGUAGE.fullmatch(name) and path.startswith(folder + "/") and is_own_site(page, href)


def _path_of(page: Page, href: str) -> str:
    """Returns the path of an address without the slash at its end; "" for the home page of a host."""
    try:
        return urlsplit(page.join(href) or "").path.rstrip("/")
    except ValueError:
        return ""


def _from_row_above(page: Page, post: Post) -> Iterator[Found]:
    """Yields the sections in the nearest row of links above the post's heading: breadcrumbs, or one link to the
    section.
    """
    if post.title is None or page.platform.name in _FILED_OTHERWISE:
        return
    known = _names_of_no_section(page, post)
    found = (_sections_of_row(page, row, known) for row in _rows_above(page, post.title))
    yield _as_candidate("category", next(filter(None, found), [])[:4], "breadcrumb", "row above the heading", 0.38)


def _rows_above(page: Page, title: Element) -> Iterator[Element]:
    """Yields the short elements above a heading, nearest first, up to a menu, a header or a longer text."""
    at: Element | None = title
    for _ in range(_ROW_CLIMB):
        if at is None or at.tag in ("body", "html"):
            return
        rows = (e for e in at.itersiblings("*", preceding=True) if e.tag not in _BETWEEN_ROWS)
        for row in islice(rows, _ROWS):
            if _is_menu(row) or page.index.text_length(row) > _ROW_LENGTH:
                return
            if next(row.iter("h1", "h2", "h3"), None) is not None:
                return
            yield row
        at = at.getparent()


def _is_menu(row: Element) -> bool:
    """Returns True if a row above the heading is a menu, by its tag or role, and has no breadcrumbs."""
    if row.tag in _NO_ROWS:
        return True
    if row.get("role") not in ("navigation", "menu", "menubar"):
        return False
    names = (f"{e.get('class')} {e.get('id')} {e.get('aria-label')}" for e in row.iter("*"))
    return not any("breadcrumb" in name.lower() for name in names)


def _sections_of_row(page: Page, row: Element, known: set[str]) -> list[str]:
    """Returns the names of the sections in a row of links above the heading; [] if the row is something else, such as a
    menu. `known` are texts that are not sections, such as the post's title.

    A row that begins with the home page and has arrows consists of breadcrumbs. In any other row, a link leads to a
    section if its address is a folder that contains the page, or if it is the only link in the row and also in a menu.
    """
    steps = [(text, a.get("href") or "") for a in islice(row.iter("a"), _MAX_STEPS) if (text := element_line(a))]
    line = element_line(row)
    if len(steps) > _ROW_LINKS or len(line) > sum(len(text) for text, _ in steps) + _ROW_REST:
        return []
    names = [clean_text(name) for name in _ARROW.split(line)]
    begins_home = is_home(names[0]) or bool(steps and steps[0][1] and not _path_of(page, steps[0][1]))
    if not steps:
        return [n for n in names[1:] if begins_home and fold_text(n) not in known and _is_in_menu(page, n)]
    sections = [(name, href) for name, href in steps if _may_be_section(page, name, href, known)]
    if begins_home and len(names) > 1:
        return [name for name, _ in sections]
    if folders := [name for name, href in sections if _is_folder_of(page, href, page.path)]:
        return folders
    return [name for name, href in sections if len(sections) == 1 and _is_in_menu(page, name, href, 2)]


def _may_be_section(page: Page, name: str, href: str, known: set[str]) -> bool:
    if not _path_of(page, href) and "?" not in href:
        return False
    if not is_own_site(page, href) or leads_to_person(href) or kind_of_address(href) == "tag":
        return False
    return len(name.split()) <= _CATEGORY_WORDS and _is_section(page, name, href, known)


def _is_in_menu(page: Page, name: str, href: str = "", count: int = 1) -> bool:
    """Returns True if at least `count` links on the page have the text `name` and, if given, the address `href`. Such a
    link is taken for one in a menu, which repeats links.
    """
    links = (a for a in page.index.tag("a")[:_MAX_LINKS] if not href or a.get("href") == href)
    return len(list(islice((a for a in links if element_line(a) == name), count))) == count


def _is_section(page: Page, name: str, href: str, known: set[str]) -> bool:
    if page.join(href).partition("#")[0].rstrip("/") in page.addresses:
        return False
    return fold_text(name) not in known and len(name) <= 40 and is_term(clean_term(name))


def _declared_steps(page: Page) -> list[tuple[str, str]]:
    """Returns the names and addresses of the breadcrumbs in JSON-LD."""
    steps: list[tuple[str, str]] = []
    for node in page.data.of_type("breadcrumblist")[:1]:
        for item in page.data.resolve(node.get("itemListElement"))[:_MAX_STEPS]:
            if isinstance(item, dict):
                at = item.get("item")
                href = str(at.get("@id") or at.get("url") or "") if isinstance(at, dict) else str(at or "")
                name = next(iter(page.data.texts(item, "name")), "") or next(iter(page.data.texts(item, "item")), "")
                steps.append((name, href))
    return steps


def _shown_steps(page: Page) -> list[tuple[str, str]]:
    """Returns the texts and addresses of the links in the first breadcrumb element that has links."""
    for rule in _BREADCRUMBS:
        for el in [e for e in page.index.select(rule) if e.tag != "a"][:1]:
            if steps := _links_of_steps(el):
                return steps
    for rule in page.index.present(_POSITIONS):
        for el in page.index.select(rule)[:1]:
            steps = _links_of_steps(el)
            if len(steps) > 1 and is_home(steps[0][0]) and len(steps) < _MAX_STEPS:
                return steps
    return []


def _links_of_steps(el: Element) -> list[tuple[str, str]]:
    return [(element_line(a), a.get("href") or "") for a in islice(el.iter("a"), _MAX_STEPS)]
