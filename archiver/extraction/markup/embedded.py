"""Microdata (HTML, section 5) and RDFa Lite as nodes of the same form as JSON-LD's: {"@type": ..., "headline": ...}.

Deviations from the standards: the value of a property on a link is its text, unless the property is an address;
attributes ("content", "datetime") come before text on every element; long texts (articleBody) are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lxml.etree import _Element as Element

from archiver.extraction.markup.json_ld import Node
from archiver.extraction.text import clean, line
from archiver.platforms import Index

_MOST = 3_000
_ADDRESSES = frozenset({"url", "image", "thumbnailUrl", "contentUrl", "mainEntityOfPage", "sameAs", "logo", "@id"})
_LONG = frozenset({"articleBody", "text", "reviewBody", "commentText"})
# Terms of older vocabularies, used by Drupal 7 and Dublin Core sites, and those of schema.org with that meaning.
_SAME = {
    "sioc:Item": "Article", "sioc:Post": "Article", "sioc:BlogPost": "BlogPosting", "sioctypes:BlogPost": "BlogPosting",
    "foaf:Person": "Person", "sioc:UserAccount": "Person", "foaf:name": "name", "sioc:has_creator": "author",
    "dc:title": "headline", "dcterms:title": "headline", "dc:creator": "author", "dcterms:creator": "author",
    "dc:date": "datePublished", "dc:created": "datePublished", "dcterms:created": "datePublished",
    "dcterms:issued": "datePublished", "dc:modified": "dateModified", "dcterms:modified": "dateModified",
    "dc:subject": "keywords", "dcterms:subject": "keywords", "rdfs:label": "name", "foaf:page": "url",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A thing that the markup describes. `element` contains it; `top`: it is not a property of another thing."""

    node: Node
    element: Element
    top: bool


def microdata(index: Index) -> list[Item]:
    """The items of a page that have a type, in document order."""
    scopes = [e for e in index.select("[itemtype]") if e.get("itemscope") is not None][:_MOST]
    if not scopes:
        return []
    wanted = {ref: e for e in scopes for ref in (e.get("itemref") or "").split()[:20]}
    properties = index.select("[itemprop]")
    referred = {e: wanted[ident] for e in (properties if wanted else ()) if (ident := e.get("id") or "") in wanted}
    return _Reader(_MICRODATA, scopes, referred).items(properties)


def rdfa(index: Index) -> list[Item]:
    """The things of a page that have a `typeof`, in document order, in schema.org's terms."""
    scopes = index.select("[typeof]")[:_MOST]
    if not scopes:
        return []
    related = [e for e in index.select("[rel]") if ":" in (e.get("rel") or "")]
    properties = [e for e in index.select("[property]") if e.tag != "meta" or e.get("typeof") is None]
    return _Reader(_RDFA, scopes, {}).items(sorted({*properties, *related}, key=index.order.__getitem__))


def _word(word: str) -> str:
    return _SAME.get(word) or word.removeprefix("schema:").rsplit("schema.org/", 1)[-1]


@dataclass(frozen=True, slots=True)
class _Syntax:
    """How a markup language is written: what begins a thing, and the names of properties and types."""

    is_scope: Callable[[Element], bool]
    names: Callable[[Element], list[str]]
    types: Callable[[Element], list[str]]


_MICRODATA = _Syntax(
    lambda e: e.get("itemscope") is not None,
    lambda e: (e.get("itemprop") or "").split(),
    lambda e: (e.get("itemtype") or "").split(),
)
_RDFA = _Syntax(
    lambda e: e.get("typeof") is not None,
    lambda e: [_word(w) for w in (e.get("property") or "").split()],
    lambda e: [_word(w) for w in (e.get("typeof") or "").split()],
)


class _Reader:
    """Collects the things of a page and their properties. `referred`: the things that elements are assigned to by
    itemref."""

    def __init__(self, syntax: _Syntax, scopes: list[Element], referred: dict[Element, Element]) -> None:
        self.syntax, self.referred = syntax, referred
        self.nodes: dict[Element, Node] = {el: self._node(el) for el in scopes}
        self._owners: dict[Element, Element | None] = {}

    def _node(self, el: Element) -> Node:
        node: Node = {"@type": self.syntax.types(el)}
        if ident := el.get("itemid") or el.get("resource") or el.get("about"):
            node["@id"] = ident
        return node

    def items(self, properties: list[Element]) -> list[Item]:
        owned: set[Element] = set()
        for el in properties[:_MOST]:
            owner = self.referred.get(el)
            if owner is None:
                owner = _owner(el, self.syntax.is_scope, self._owners)
            if owner is None or owner not in self.nodes or owner is el:
                continue
            self._add_relations(el, self.nodes[owner])
            self._add_values(el, self.nodes[owner])
            if el in self.nodes:
                owned.add(el)
        return [Item(node, el, el not in owned) for el, node in self.nodes.items()]

    def _add_relations(self, el: Element, node: Node) -> None:
        """Adds RDFa's relations: the thing is the element itself or inside it."""
        for word in (el.get("rel") or "").split():
            if word in _SAME and (thing := next((self.nodes[e] for e in el.iter("*") if e in self.nodes), None)):
                node.setdefault(_SAME[word], []).append(thing)

    def _add_values(self, el: Element, node: Node) -> None:
        thing = self.nodes.get(el)
        for name in dict.fromkeys(self.syntax.names(el)):
            if ":" in name or name in _LONG:
                continue
            if name == "name" and thing is not None:
                # In RDFa 1.0, which Drupal 7 writes, this is the name of the thing on the element itself.
                thing.setdefault(name, []).append(_value(el, name))
            elif given := thing or _value(el, name):
                node.setdefault(name, []).append(given)


def _owner(el: Element, is_scope: Callable[[Element], bool], known: dict[Element, Element | None]) -> Element | None:
    """The nearest thing above an element."""
    seen: list[Element] = []
    at = el.getparent()
    while at is not None and at not in known and not is_scope(at):
        seen.append(at)
        at = at.getparent()
    owner = None if at is None else known.get(at, at)
    for one in seen:
        known[one] = owner
    return owner


def _value(el: Element, name: str) -> str:
    if (content := el.get("content")) is not None:
        return clean(content[:5_000])
    if name in _ADDRESSES and (address := el.get("href") or el.get("src") or el.get("resource")):
        return clean(address)
    if (moment := el.get("datetime")) is not None:
        return clean(moment[:100])
    return line(el)[:2_000] or clean(el.get("href") or el.get("src"))
