"""Categories and tags: links of the post's own meta lines, declarations, and the source's lists."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.candidates import Candidate, from_api
from archiver.extraction.page import Page
from archiver.extraction.scope import Post
from archiver.extraction.text import clean, folded, line
from archiver.items import Lead
from archiver.platforms import by_name

Terms = tuple[str, ...]
CATEGORY_PATH = re.compile(
    r"/(?:category|categories|cat|section|sections|topics?|rubrik|rubrique|categoria|categorias|kategorie|"
    r"kategoriler|kategori|"
    r"chuyen-muc|danh-muc|rubriques|sujet)/|[?&](?:cat|category_name)=",
    re.IGNORECASE,
)
TAG_PATH = re.compile(
    r"/(?:tag|tags|label|labels|etiqueta|etiquetas|schlagwort|etiket|mot-cle|keyword|hashtag|the)/|[?&]tag=",
    re.IGNORECASE,
)
_COUNT = re.compile(r"\s*[\(（]\d+[\)）]$")
_LABEL = re.compile(
    r"^(?:categor(?:y|ies)|tags?|filed under|posted in|labels?|topics?|in|标签|分类|カテゴリー|タグ|rubrik|"
    r"schlagwörter)\s*[:：]?\s*$",
    re.IGNORECASE,
)
_NOT_TERM = re.compile(r"^(?:home|blog|all|news feed|read more|archives?|edit|share|[\d\W]+)$", re.IGNORECASE)
_CLASS_TERM = re.compile(r"^(category|tag)-(.+)$")


def _term(text: str) -> str:
    text = re.sub(r"^[#＃]\s*(?=\w)", "", clean(_COUNT.sub("", clean(text))).strip(" ,;、·|/"))
    return text if 0 < len(text) <= 80 and not _LABEL.match(text) else ""


def _unique(found: list[str]) -> Terms:
    out: dict[str, str] = {}
    for one in found:
        if term := _term(one):
            out.setdefault(folded(term) or term, term)
    return tuple(out.values())


def candidates(page: Page, post: Post, lead: Lead | None) -> tuple[list[Candidate[Terms]], list[Candidate[Terms]]]:
    """Category sets and tag sets with their sources."""
    cats: list[Candidate[Terms]] = []
    tags: list[Candidate[Terms]] = []

    def add(
        to: list[Candidate[Terms]],
        found: list[str],
        source: str,
        locator: str,
        confidence: float,
        visible: bool = False,
    ) -> None:
        if value := _unique(found):
            to.append(Candidate(value, source, locator, confidence, visible))

    if lead is not None:
        trusted = from_api(lead)
        add(cats, list(lead.categories), "api" if trusted else "feed", "categories", 0.97 if trusted else 0.5)
        add(tags, list(lead.tags), "api" if trusted else "feed", "tags", 0.97 if trusted else 0.5)
    generic = by_name("generic")
    for platform, confidence in ((page.platform, 0.92), (generic, 0.75)):
        if platform is generic and page.platform is generic and confidence > 0.8:
            continue
        source = "class" if platform is generic else "platform"
        for rule in platform.categories:
            if texts := _texts(post, rule, CATEGORY_PATH, TAG_PATH if platform is generic else None):
                add(cats, texts, source, rule, confidence, True)
                break
        for rule in platform.tags:
            if texts := _texts(post, rule, TAG_PATH, CATEGORY_PATH):
                add(tags, texts, source, rule, confidence, True)
                break
    _by_address(page, post, cats, tags, add)
    _declared(page, cats, tags, add)
    _post_classes(page, post, cats, tags, add)
    return cats, tags


def _texts(post: Post, rule: str, own: re.Pattern[str], other: re.Pattern[str] | None) -> list[str]:
    """The texts of term links; links whose address says that they are of the other kind are left out."""
    found: list[str] = []
    for el, _ in post.select([rule], anywhere=False)[:40]:
        href = unquote(el.get("href") or "")
        if other is not None and other.search(href) and not own.search(href):
            continue
        if text := line(el):
            found.append(text)
    return found


def _by_address(
    page: Page, post: Post, cats: list[Candidate[Terms]], tags: list[Candidate[Terms]], add: object
) -> None:
    """Links in the post's meta lines whose address is a category's or a tag's."""
    if post.holder is None:
        return
    found_cats: list[str] = []
    found_tags: list[str] = []
    for a in post.holder.iter("a"):
        href = a.get("href") or ""
        if (
            post.in_body(a)
            or post.is_noise(a)
            or len(href) > 300
            or (post.body is post.holder and "tag" not in (a.get("rel") or "").split())
        ):
            continue
        path = unquote(href)
        rel = (a.get("rel") or "").split()
        if "category" in rel or CATEGORY_PATH.search(path):
            found_cats.append(line(a))
        elif TAG_PATH.search(path) or "tag" in rel:
            found_tags.append(line(a))
    add(cats, found_cats, "link", "category address", 0.8, True)  # type: ignore[operator]
    add(tags, found_tags, "link", "tag address", 0.8, True)  # type: ignore[operator]


def _declared(page: Page, cats: list[Candidate[Terms]], tags: list[Candidate[Terms]], add: object) -> None:
    data = page.data
    node = data.article(page.addresses)
    add(cats, [p for t in data.texts(node, "articleSection") for p in _sections(t)], "json-ld", "articleSection", 0.82)  # type: ignore[operator]
    keywords = [p for t in data.texts(node, "keywords") for p in re.split(r"\s*[,;，、]\s*", t)]
    add(tags, keywords, "json-ld", "keywords", 0.78)  # type: ignore[operator]
    if page.platform.section_is_folder:
        sections = data.meta("parsely-section", "citation_section")
    else:
        sections = data.meta("article:section", "parsely-section", "citation_section")
    add(cats, sections[:3], "meta", "article:section", 0.66)  # type: ignore[operator]
    add(tags, data.meta("article:tag", "og:article:tag"), "meta", "article:tag", 0.8)  # type: ignore[operator]
    for key in ("news_keywords", "parsely-tags", "sailthru.tags", "citation_keywords"):
        add(tags, [p for t in data.meta(key) for p in re.split(r"\s*[,;，、]\s*", t)], "meta", key, 0.68)  # type: ignore[operator]
    for key in ("keywords",):
        add(tags, [p for t in data.meta(key)[:1] for p in re.split(r"\s*[,;，、]\s*", t)], "meta", key, 0.35)  # type: ignore[operator]


def _sections(text: str) -> list[str]:
    """ "News,Health" are two; "Health, Wellness & Beauty" may be one."""
    return re.split(r"[,;](?=\S)", text) if not re.search(r"[,;]\s", text) else [text]


def _post_classes(
    page: Page, post: Post, cats: list[Candidate[Terms]], tags: list[Candidate[Terms]], add: object
) -> None:
    """category-SLUG and tag-SLUG of WordPress's post class, with the names that links elsewhere give these slugs."""
    at: Element | None = post.body if post.body is not None else post.holder
    classes: list[str] = []
    while at is not None:
        have = (at.get("class") or "").split()
        if any(c.startswith("post-") for c in have) and ("hentry" in have or "type-post" in have or "post" in have):
            classes = have
            break
        at = at.getparent()
    found: dict[str, list[str]] = {"category": [], "tag": []}
    for name in classes:
        if (m := _CLASS_TERM.match(name)) and not m[2].isdigit():
            found[m[1]].append(m[2])
    if not found["category"] and not found["tag"]:
        return
    names = _names_of_slugs(page, set(found["category"] + found["tag"]))
    add(cats, [names.get(("c", s)) or s for s in found["category"]], "class", "post class", 0.6)  # type: ignore[operator]
    add(tags, [names.get(("t", s)) or s for s in found["tag"]], "class", "post class", 0.6)  # type: ignore[operator]


def _names_of_slugs(page: Page, slugs: set[str]) -> dict[tuple[str, str], str]:
    out: dict[tuple[str, str], str] = {}
    for a in page.index.tag("a"):
        href = a.get("href") or ""
        if not href or len(href) > 300:
            continue
        try:
            path = urlsplit(href).path
        except ValueError:
            continue
        slug = path.rstrip("/").rsplit("/", 1)[-1]
        if slug in slugs:
            kind = "t" if TAG_PATH.search(path) else "c" if CATEGORY_PATH.search(path) else ""
            text = _term(line(a))
            if kind and text and not _NOT_TERM.match(text):
                out.setdefault((kind, slug), text)
    return out
