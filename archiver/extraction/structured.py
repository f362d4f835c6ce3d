"""What a page declares, read once: JSON-LD, meta elements (OpenGraph, Dublin Core, ...), microdata, RDFa."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.markup.embedded import Item, microdata, rdfa
from archiver.extraction.markup.json_ld import Node as Node
from archiver.extraction.markup.json_ld import Scripts
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
_TELLING = ("headline", "datePublished", "author", "name", "articleBody")
_MOST_META, _MOST_OF_ONE, _MOST_CONTENT = 4_000, 100, 20_000
_DUBLIN = {"dc": "dc", "dcterms": "dcterms", "dct": "dcterms"}
# Keys of <meta name="parsely-page">, a JSON object, and the meta elements with the same meaning.
_PARSELY = {
    "title": "parsely-title", "link": "parsely-link", "pub_date": "parsely-pub-date", "author": "parsely-author",
    "authors": "parsely-author", "section": "parsely-section", "tags": "parsely-tags", "image_url": "parsely-image-url",
}


def json_ld(index: Index) -> list[Node]:
    """All JSON-LD nodes of a page, flattened, in document order. Broken JSON is repaired or left out."""
    scripts = Scripts()
    nodes: list[Node] = []
    for script in index.tag("script"):
        if script.text and "ld+json" in (script.get("type") or "").lower():
            nodes += scripts.nodes(script.text)
    return nodes


def types(node: Node) -> set[str]:
    """The node's types in lower case, without the vocabulary's address."""
    given = node.get("@type") or node.get("type") or ()
    names = [given] if isinstance(given, str) else given if isinstance(given, list) else ()
    return {n.rsplit("/", 1)[-1].rsplit("#", 1)[-1].rsplit(":", 1)[-1].lower() for n in names if isinstance(n, str)}


@dataclass(frozen=True, slots=True)
class DeclaredArticle:
    """An article as one kind of markup describes it. `source`: "json-ld", "microdata" or "rdfa"; `element`: the
    element that contains it, None for JSON-LD."""

    source: str
    node: Node
    element: Element | None = None


class Structured:
    """What one page declares. All texts are cleaned; the order is the page's own."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.nodes = json_ld(index)
        self._by_id: dict[str, Node] = {}
        for node in self.nodes:
            ident = node.get("@id")
            if isinstance(ident, str) and len(node) > len(self._by_id.get(ident, ())):
                self._by_id[ident] = node
        self._article: dict[frozenset[str], Node | None] = {}
        self._declared: dict[frozenset[str], list[DeclaredArticle]] = {}
        self._meta: dict[str, list[str]] = {}
        for el in index.tag("meta")[:_MOST_META]:
            if content := clean((el.get("content") or "")[:_MOST_CONTENT]):
                given = " ".join(filter(None, (el.get("name"), el.get("property"), el.get("http-equiv"))))
                for key in dict.fromkeys(_keys(given)):
                    self._add(key, content)
        for text in self._meta.get("parsely-page", ())[:1]:
            self._parsely(text)

    def _add(self, key: str, content: str) -> None:
        values = self._meta.setdefault(key, [])
        if len(values) < _MOST_OF_ONE:
            values.append(content)

    def _parsely(self, text: str) -> None:
        for node in Scripts().nodes(text)[:1]:
            for word, key in _PARSELY.items():
                values = node.get(word) if key not in self._meta else None
                for value in values if isinstance(values, list) else [values]:
                    if isinstance(value, str) and (content := clean(value)):
                        self._add(key, content)

    def meta(self, *names: str) -> list[str]:
        """The contents of all meta elements of these names (lower case), in the order of the names."""
        return [v for n in names for v in self._meta.get(n, ())]

    def meta_first(self, *names: str) -> str:
        return next((v for n in names for v in self._meta.get(n, ())), "")

    def meta_names(self) -> list[str]:
        return list(self._meta)

    def resolve(self, value: Any) -> list[Any]:
        """A property's values as a list, with references by @id resolved."""
        many = value if isinstance(value, list) else [value]
        out: list[Any] = []
        for one in many[:200]:
            if isinstance(one, dict) and isinstance(ident := one.get("@id"), str) and len(one) <= 2:
                out.append(self._by_id.get(ident, one))
            elif isinstance(one, list):
                out += self.resolve([v for v in one if not isinstance(v, list)])
            elif one is not None:
                out.append(one)
        return out

    def texts(self, node: Node | None, *names: str) -> list[str]:
        """The texts of some properties; of an object its name, headline or value."""
        found: list[str] = []
        for name in names:
            for value in self.resolve((node or {}).get(name)):
                if isinstance(value, dict):
                    value = next((t for k in ("name", "headline", "@value", "url") if (t := _text(value.get(k)))), "")
                if isinstance(value, (str, int, float)) and not isinstance(value, bool) and (text := clean(str(value))):
                    found.append(text)
        return found

    @cached_property
    def _types(self) -> list[set[str]]:
        return [types(node) for node in self.nodes]

    def of_type(self, *names: str) -> list[Node]:
        return [node for node, kinds in zip(self.nodes, self._types, strict=True) if not kinds.isdisjoint(names)]

    @cached_property
    def items(self) -> list[Item]:
        """The typed microdata items, in document order."""
        return microdata(self.index)

    @cached_property
    def things(self) -> list[Item]:
        """What RDFa describes, in document order."""
        return rdfa(self.index)

    def articles(self) -> list[Node]:
        """JSON-LD nodes that describe an article and are not mere references."""
        return self._articles

    @cached_property
    def _articles(self) -> list[Node]:
        return _articles(self.nodes)

    def article(self, urls: set[str]) -> Node | None:
        """The JSON-LD node of the page's own article: the one with one of its addresses, else the first complete one
        of at most three."""
        key = frozenset(urls)
        if key not in self._article:
            self._article[key] = self._own(self.articles(), urls)
        return self._article[key]

    def declared(self, urls: set[str]) -> list[DeclaredArticle]:
        """The page's own article as each kind of markup describes it, surest first; properties have the same names.

        An item of microdata or RDFa counts if it is the only one or has one of the page's addresses; others are
        teasers.
        """
        key = frozenset(urls)
        if key in self._declared:
            return self._declared[key]
        out = self._declared[key] = []
        if (node := self.article(urls)) is not None:
            out.append(DeclaredArticle("json-ld", node))
        for source, items in (("microdata", self.items), ("rdfa", self.things)):
            found = _articles(i.node for i in items if i.top) or _articles(i.node for i in items)
            own = self._naming(found, urls) or (found[0] if len(found) == 1 else None)
            if own is not None:
                out.append(DeclaredArticle(source, own, next(i.element for i in items if i.node is own)))
        return out

    def rdfa_article(self, urls: set[str]) -> Node | None:
        """The RDFa node of the page's own article."""
        return next((one.node for one in self.declared(urls) if one.source == "rdfa"), None)

    def _naming(self, found: list[Node], urls: set[str]) -> Node | None:
        own = urls | {urlsplit(u).path for u in urls if u}
        for node in found:
            about = [*self.texts(node, "url", "mainEntityOfPage"), str(node.get("@id") or "")]
            about += [
                str(v.get("@id") or "") for v in self.resolve(node.get("mainEntityOfPage")) if isinstance(v, dict)
            ]
            if any(a.partition("#")[0].rstrip("/") in own for a in about if a.rstrip("/")):
                return node
        return None

    def _own(self, found: list[Node], urls: set[str]) -> Node | None:
        if (named := self._naming(found, urls)) is not None:
            return named
        own = [n for n in found if "author" in n or "datePublished" in n]
        return own[0] if own and len(own) <= 3 else None

    def names_of_site(self) -> list[str]:
        """The names that the page gives its site, surest first."""
        out = self.meta("og:site_name", "application-name", "apple-mobile-web-app-title", "al:ios:app_name")
        for node in self.of_type("website"):
            out += self.texts(node, "name", "alternateName")
        for node in self.articles()[:3]:
            out += self.texts(node, "publisher")
        for node in self.of_type("organization", "newsmediaorganization"):
            out += self.texts(node, "name")
        return list(dict.fromkeys(t for t in out if not t.startswith(("http:", "https:")) and len(t) < 100))


def _keys(given: str) -> Iterable[str]:
    """The names of a meta element in lower case; Dublin Core's always with a dot, however they are written."""
    for key in given.lower().split():
        prefix, colon, word = key.partition(":")
        yield f"{_DUBLIN[prefix]}.{word}" if colon and prefix in _DUBLIN else key


def _articles(nodes: Iterable[Node]) -> list[Node]:
    return [n for n in nodes if types(n) & ARTICLE_TYPES and any(k in n for k in _TELLING)]


def _text(value: Any) -> str:
    """A text, or the first one of a list."""
    if isinstance(value, list):
        value = next((v for v in value if isinstance(v, str)), "")
    return value if isinstance(value, str) else ""


def item_of(el: Element) -> Element | None:
    """The microdata item a property belongs to: the nearest itemscope above it (HTML, section 5.2.5)."""
    at = el.getparent()
    while at is not None and at.get("itemscope") is None:
        at = at.getparent()
    return at


def is_article_item(el: Element | None) -> bool:
    kind = (el.get("itemtype") or "") if el is not None else ""
    return any(word.rsplit("/", 1)[-1].lower() in ARTICLE_TYPES for word in kind.split())
