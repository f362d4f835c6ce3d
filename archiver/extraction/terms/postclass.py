"""category-SLUG and tag-SLUG of WordPress's post class: all terms of the post, with the names the page gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from lxml.etree import _Element as Element
from slugify import slugify

from archiver.extraction.page import Page
from archiver.extraction.scope import Post
from archiver.extraction.terms.terms import Kind, Terms, is_term, kind_of_address, slug_of, term
from archiver.extraction.text import line
from archiver.platforms.selector import is_below

_KINDS: dict[str, Kind] = {"category": "category", "tag": "tag"}
_CLASS_TERM = re.compile(r"^(category|tag)-(.+)$")
_ESCAPED = re.compile(r"%[0-9a-f]{2}|[^a-z0-9_-]")
_SIMPLE = re.compile(r"[a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class ClassTerms:
    """The terms of one kind: `slugs` as in the class; `names` as the page shows them, else the slug.

    `whole`: the class has every term of the post. A slug without Latin letters is a number there, which only says
    that there is such a term.
    """

    slugs: Terms
    names: Terms
    whole: bool


def class_terms(page: Page, post: Post, declared: Mapping[Kind, Sequence[str]]) -> dict[Kind, ClassTerms]:
    """The terms in the post's class by kind; empty if the post has no such class.

    `declared`: names in JSON-LD and meta elements. They are matched by their slugs, or by order if there are as many
    of both, since WordPress sorts both by name. A post class without any tag says that the post has none.
    """
    classes = _post_class(post)
    terms = [(kind, m[2]) for name in classes if (m := _CLASS_TERM.match(name)) and (kind := _KINDS[m[1]])]
    numbers = {kind for kind, slug in terms if slug.isdigit()}
    found = {kind: [slug for one, slug in terms if one == kind and not slug.isdigit()] for kind in _KINDS.values()}
    if not any(found.values()):
        return {}
    shown = _names(page, post, {s for slugs in found.values() for s in slugs})
    # Every post of WordPress has a category: a class without one comes from a theme that leaves terms out.
    complete = "type-post" in classes and any(kind == "category" for kind, _ in terms)
    out: dict[Kind, ClassTerms] = {}
    for kind, slugs in found.items():
        by_slug = _declared(slugs, declared[kind]) if kind not in numbers else {}
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


def class_form(slug: str) -> str:
    """A slug as WordPress writes it in a class: without percent-encoded characters."""
    low = slug.lower()
    return low if _SIMPLE.fullmatch(low) else _ESCAPED.sub("", quote(low, safe="").lower())


@lru_cache(maxsize=4_096)
def _slugs(name: str) -> frozenset[str]:
    """The slugs that may have been made from a name."""
    written = {name, re.sub(r"['’.&]", "", name), name.replace("&", " and ")}
    return frozenset(map(slugify, written)) - {""}


def _names(page: Page, post: Post, slugs: set[str]) -> dict[tuple[Kind, str], str]:
    """Names by kind and slug, from links whose address ends in the slug.

    The post's own links come first, then those of WordPress's lists and those whose text makes the slug; other links,
    as in a menu, may call a category anything.
    """
    best: dict[tuple[Kind, str], str] = {}
    other: dict[tuple[Kind, str], str] = {}
    for a in page.index.tag("a"):
        href = a.get("href") or ""
        if not href or len(href) > 300 or (slug := class_form(slug_of(href))) not in slugs:
            continue
        kind: Kind | None = "category" if "category" in (a.get("rel") or "").split() else kind_of_address(href)
        text = term(line(a))
        if kind is None or not is_term(text, sure=True):
            continue
        if _is_of_post(a, post):
            best.setdefault((kind, slug), text)
        elif _of_list(a) or _fits(text, slug):
            other.setdefault((kind, slug), text)
    return other | best


def _is_of_post(a: Element, post: Post) -> bool:
    """Whether a link is in the post's own meta lines."""
    return post.holder is not None and not post.is_noise(a) and is_below(a, post.holder) and not post.in_body(a)


def _fits(text: str, slug: str) -> bool:
    """Whether a name contains all words of a slug: "Obras públicas" fits "obras"."""
    words = set(slug.split("-"))
    return any(words <= set(s.split("-")) for s in _slugs(text))


def _of_list(a: Element) -> bool:
    parent = a.getparent()
    return "tag-cloud-link" in (a.get("class") or "") or (
        parent is not None and "cat-item" in (parent.get("class") or "").split()
    )


def _declared(slugs: Sequence[str], declared: Sequence[str]) -> dict[str, str]:
    """Declared names by slug."""
    names = [t for d in declared if (t := term(d))]
    out = {slug: name for name in names for slug in _slugs(name) & set(slugs)}
    if len(names) == len(slugs):
        rest = [n for n in names if n not in out.values()]
        out |= dict(zip((s for s in slugs if s not in out), rest, strict=False))
    return out
