"""What a page declares of itself, read once: JSON-LD, meta elements (OpenGraph, Dublin Core, ...) and microdata."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from lxml.etree import _Element as Element

from archiver.extraction.text import clean
from archiver.platforms import Index

ARTICLE_TYPES = frozenset(
    {
        "article",
        "newsarticle",
        "blogposting",
        "reportagenewsarticle",
        "analysisnewsarticle",
        "opinionnewsarticle",
        "backgroundnewsarticle",
        "reviewnewsarticle",
        "askpublicnewsarticle",
        "techarticle",
        "scholarlyarticle",
        "report",
        "liveblogposting",
        "socialmediaposting",
        "satiricalarticle",
        "advertisercontentarticle",
        "medicalscholarlyarticle",
    }
)
_MAX_SCRIPT, _MAX_NODES = 2_000_000, 4_000
_TRAILING = re.compile(r",\s*([}\]])")
_CONTROL = re.compile(r"[\x00-\x1f]")

Node = dict[str, Any]


def json_ld(index: Index) -> list[Node]:
    """All JSON-LD nodes of a page, flattened (@graph, lists, nested values), in document order. Broken JSON is "
    "mended or left out."""
    nodes: list[Node] = []
    for script in index.tag("script"):
        if "ld+json" not in (script.get("type") or "").lower():
            continue
        raw = (script.text or "")[:_MAX_SCRIPT]
        for value in _values(raw):
            nodes.extend(_flat(value, _MAX_NODES - len(nodes)))
    return nodes


def _values(raw: str) -> list[Any]:
    raw = (
        re.sub(
            r"^\s*(<!--|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[|//\s*<!\[CDATA\[)|(-->|/\*\s*\]\]>\s*\*/|//\s*\]\]>|"
            r"\]\]>)\s*;?\s*$",
            "",
            raw.strip(),
        )
        .strip()
        .rstrip(";")
    )
    for text in (raw, _TRAILING.sub(r"\1", raw), _TRAILING.sub(r"\1", _CONTROL.sub(" ", raw)), clean(raw)):
        try:
            return [json.loads(text, strict=False)]
        except (ValueError, RecursionError):
            continue
    found: list[Any] = []
    decoder, at = json.JSONDecoder(strict=False), 0
    while len(found) < 20 and (at := raw.find("{", at)) >= 0:
        try:
            value, at = decoder.raw_decode(raw, at)
            found.append(value)
        except (ValueError, RecursionError):
            at += 1
            if at > 20_000:
                break
    return found


def _flat(value: Any, room: int) -> Iterator[Node]:
    stack = [value]
    while stack and room > 0:
        at = stack.pop()
        if isinstance(at, dict):
            room -= 1
            yield at
            stack.extend(v for v in reversed(list(at.values())) if isinstance(v, (dict, list)))
        elif isinstance(at, list):
            stack.extend(reversed(at))


def types(node: Node) -> set[str]:
    """The node's types in lower case, without the vocabulary's address."""
    given = node.get("@type") or node.get("type") or ()
    names = [given] if isinstance(given, str) else given if isinstance(given, list) else ()
    return {n.rsplit("/", 1)[-1].rsplit(":", 1)[-1].lower() for n in names if isinstance(n, str)}


class Structured:
    """The declarations of one page. Everything is text that was cleaned; order is the page's own."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.nodes = json_ld(index)
        self._by_id: dict[str, Node] = {}
        for node in self.nodes:
            ident = node.get("@id")
            if isinstance(ident, str) and len(node) > len(self._by_id.get(ident, ())):
                self._by_id[ident] = node
        self._meta: dict[str, list[str]] = {}
        for el in index.tag("meta"):
            content = clean(el.get("content"))
            if content:
                for key in {(el.get(a) or "").strip().lower() for a in ("name", "property", "http-equiv")} - {""}:
                    self._meta.setdefault(key, []).append(content)

    def meta(self, *names: str) -> list[str]:
        """The contents of all meta elements of these names (lower case), names in the order asked."""
        return [v for n in names for v in self._meta.get(n, ())]

    def meta_first(self, *names: str) -> str:
        return next((v for n in names for v in self._meta.get(n, ())), "")

    def meta_names(self) -> list[str]:
        return list(self._meta)

    def resolve(self, value: Any) -> list[Any]:
        """A property's values as a list, references by @id replaced by what they name."""
        many = value if isinstance(value, list) else [value]
        out: list[Any] = []
        for one in many[:200]:
            if isinstance(one, dict) and isinstance(ident := one.get("@id"), str) and len(one) <= 2:
                out.append(self._by_id.get(ident, one))
            elif one is not None:
                out.append(one)
        return out

    def texts(self, node: Node | None, *names: str) -> list[str]:
        """The texts of some properties; of an object its name, headline or value."""
        found: list[str] = []
        for name in names:
            for value in self.resolve((node or {}).get(name)):
                if isinstance(value, dict):
                    value = next(
                        (value[k] for k in ("name", "headline", "@value", "url") if isinstance(value.get(k), str)), ""
                    )
                if isinstance(value, (str, int, float)) and not isinstance(value, bool) and (text := clean(str(value))):
                    found.append(text)
        return found

    def of_type(self, *names: str) -> list[Node]:
        return [n for n in self.nodes if types(n) & set(names)]

    def articles(self) -> list[Node]:
        """JSON-LD nodes that are articles and say something of themselves (not mere references)."""
        return self._articles

    @cached_property
    def _articles(self) -> list[Node]:
        return [
            n
            for n in self.nodes
            if types(n) & ARTICLE_TYPES
            and any(k in n for k in ("headline", "datePublished", "author", "name", "articleBody"))
        ]

    def article(self, urls: set[str]) -> Node | None:
        """The article the page is about: the one that names one of its addresses, else the only or first full one."""
        found = self.articles()
        for node in found:
            about = [*self.texts(node, "url", "mainEntityOfPage"), str(node.get("@id") or "")]
            about += [
                str(v.get("@id") or "") for v in self.resolve(node.get("mainEntityOfPage")) if isinstance(v, dict)
            ]
            if any(a.partition("#")[0].rstrip("/") in urls for a in about if a):
                return node
        own = [n for n in found if "author" in n or "datePublished" in n]
        return own[0] if own and len(own) <= 3 else None

    def names_of_site(self) -> list[str]:
        """What the page calls its site, surest first."""
        out = self.meta("og:site_name", "application-name", "apple-mobile-web-app-title", "al:ios:app_name")
        for node in self.of_type("website"):
            out += self.texts(node, "name", "alternateName")
        for node in self.articles()[:3]:
            out += self.texts(node, "publisher")
        for node in self.of_type("organization", "newsmediaorganization"):
            out += self.texts(node, "name")
        return list(dict.fromkeys(t for t in out if not t.startswith(("http:", "https:")) and len(t) < 100))


def item_of(el: Element) -> Element | None:
    """The microdata item a property belongs to: the nearest itemscope above it (HTML, section 5.2.5)."""
    at = el.getparent()
    while at is not None and at.get("itemscope") is None:
        at = at.getparent()
    return at


def is_article_item(el: Element | None) -> bool:
    kind = (el.get("itemtype") or "") if el is not None else ""
    return any(word.rsplit("/", 1)[-1].lower() in ARTICLE_TYPES for word in kind.split())
