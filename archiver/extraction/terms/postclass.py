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

_CLASS_TERM = re.compile(r"^(category|tag)-(.+)$")
_ESCAPED = re.compile(r"%[0-9a-f]{2}|[^a-z0-9_-]")
_SIMPLE = re.compile(r"[a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class ClassTerms:
    """`slugs` as the class has them; `names` as the page shows them, else the slug.

    `whole`: every term of the post is among them. A slug without Latin letters becomes its number there, which
    tells how many terms there are and not which.
    """

    slugs: Terms
    names: Terms
    whole: bool


def class_terms(page: Page, post: Post, declared: Mapping[Kind, Sequence[str]]) -> dict[Kind, ClassTerms]:
    """The terms of the post's class by kind; empty where the post has no such class.

    `declared`: names that JSON-LD and metas give. They are recognised by their slugs, and by their order where
    there are as many: WordPress sorts both by name. A post class without any tag says that the post has none.
    """
    classes = _post_class(post)
    found: dict[Kind, list[str]] = {"category": [], "tag": []}
    numbers: set[str] = set()
    for name in classes:
        if m := _CLASS_TERM.match(name):
            kind: Kind = "category" if m[1] == "category" else "tag"
            if m[2].isdigit():
                numbers.add(kind)
            else:
                found[kind].append(m[2])
    if not found["category"] and not found["tag"]:
        return {}
    shown = _names(page, post, {s for slugs in found.values() for s in slugs})
    # Every post of WordPress has a category: a class without one comes from a theme that leaves terms out.
    complete = "type-post" in classes and bool(found["category"] or "category" in numbers)
    out: dict[Kind, ClassTerms] = {}
    for kind, slugs in found.items():
        names = {s: shown[kind, s] for s in slugs if (kind, s) in shown}
        said = _declared(slugs, declared[kind]) if kind not in numbers else {}
        out[kind] = ClassTerms(
            tuple(slugs), tuple(names.get(s) or said.get(s) or s for s in slugs), complete and kind not in numbers
        )
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
    """A slug as WordPress writes it in a class: without what is percent-encoded."""
    low = slug.lower()
    return low if _SIMPLE.fullmatch(low) else _ESCAPED.sub("", quote(low, safe="").lower())


@lru_cache(maxsize=4_096)
def _slugs(name: str) -> frozenset[str]:
    """The slugs that a name may have been given."""
    written = {name, re.sub(r"['’.&]", "", name), name.replace("&", " and ")}
    return frozenset(map(slugify, written)) - {""}


def _names(page: Page, post: Post, slugs: set[str]) -> dict[tuple[Kind, str], str]:
    """Names by kind and slug, of links whose address ends in the slug: the post's own first, then those of
    WordPress's own lists and those that make the slug; a menu may name a category as it likes."""
    out: dict[tuple[Kind, str], tuple[int, str]] = {}
    for a in page.index.tag("a"):
        href = a.get("href") or ""
        if not href or len(href) > 300:
            continue
        slug = class_form(slug_of(href))
        if slug not in slugs:
            continue
        rel = (a.get("rel") or "").split()
        kind = "category" if "category" in rel else kind_of_address(href)
        text = term(line(a))
        if kind is None or not is_term(text, sure=True):
            continue
        own = post.holder is not None and not post.is_noise(a) and is_below(a, post.holder)
        rank = 0 if own and not post.in_body(a) else 1 if _of_list(a) or _fits(text, slug) else 2
        if rank < 2 and ((kind, slug) not in out or rank < out[kind, slug][0]):
            out[kind, slug] = rank, text
    return {key: text for key, (_, text) in out.items()}


def _fits(text: str, slug: str) -> bool:
    """Whether a name holds all words of a slug: "Obras públicas" fits "obras"."""
    words = set(slug.split("-"))
    return any(words <= set(s.split("-")) for s in _slugs(text))


def _of_list(a: Element) -> bool:
    parent = a.getparent()
    return "tag-cloud-link" in (a.get("class") or "") or (
        parent is not None and "cat-item" in (parent.get("class") or "").split()
    )


def _declared(slugs: Sequence[str], declared: Sequence[str]) -> dict[str, str]:
    names = [t for d in declared if (t := term(d))]
    out = {slug: name for name in names for slug in _slugs(name) & set(slugs)}
    if len(names) == len(slugs):
        rest = [n for n in names if n not in out.values()]
        out |= dict(zip((s for s in slugs if s not in out), rest, strict=False))
    return out
