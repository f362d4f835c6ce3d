"""Reads the metadata of a page (JSON-LD, meta elements such as Open Graph and Dublin Core, microdata, RDFa), and finds
the text of an article in the data of a page's scripts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape, unescape
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.normalization import clean_text, element_line, fold_text
from archiver.model.lazy_regex import lazy_regex
from archiver.platforms.selector_index import Index

# JSON-LD. Most of it is well formed. The rest is repaired if its meaning is clear, and ignored otherwise.

Node = dict[str, Any]
MAX_NODES = 4_000
_MAX_SCRIPT, _MAX_REPAIRED, _MAX_DEPTH = 2_000_000, 300_000, 200
_BEFORE = lazy_regex(r"(?:\s|\ufeff|<!--|//\s?<!\[CDATA\[|/\*\s?<!\[CDATA\[\s?\*/|<!\[CDATA\[)*+")
_AFTER = lazy_regex(r"(?:\s|;|//\s?-->|-->|//\s?\]\]>|/\*\s?\]\]>\s?\*/|\]\]>)+$")
# Matches surrogates without their other half, which are not valid in text.
_HALF = lazy_regex(r"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class Scripts:
    """Parses the JSON-LD scripts of one page, one after another. The maximum numbers of nodes and of repaired
    characters apply to all scripts of the page together.
    """

    def __init__(self) -> None:
        self.room, self.broken = MAX_NODES, _MAX_REPAIRED

    def nodes(self, raw: str) -> list[Node]:
        """Returns the nodes (JSON objects) of a script in document order, including nested ones."""
        if self.room <= 0 or len(raw) > _MAX_SCRIPT:
            return []
        found = [node for value in self._values(raw) for node in flatten_nodes(value, self.room)][: self.room]
        self.room -= len(found)
        return found

    def _values(self, raw: str) -> list[Any]:
        if "\\ud" in raw or "\\uD" in raw:
            raw = _HALF.sub(lambda m: m[1] or "\\ufffd", raw)
        try:
            return [json.loads(raw, strict=False)]
        except (ValueError, RecursionError):
            pass
        start = _BEFORE.match(raw)
        raw = raw[start.end() if start else 0 :]
        raw = raw[:-200] + _AFTER.sub("", raw[-200:])
        try:
            return [json.loads(raw, strict=False)]
        except (ValueError, RecursionError):
            pass
        if not raw or len(raw) > self.broken:
            return []
        self.broken -= len(raw)
        if "&quot;" in raw and '"' not in raw:
            raw = unescape(raw)
        found: list[Any] = []
        for text in repair_json(raw):
            try:
                found.append(json.loads(text, strict=False))
            except (ValueError, RecursionError):
                continue
        return found


def flatten_nodes(value: Any, room: int) -> Iterator[Node]:
    """Yields at most `room` objects in a JSON value, including nested ones, in document order."""
    stack = [value]
    while stack and room > 0:
        at = stack.pop()
        if isinstance(at, dict):
            room -= 1
            yield at
            stack.extend(v for v in reversed(list(at.values())) if isinstance(v, (dict, list)))
        elif isinstance(at, list):
            stack.extend(reversed(at))


# A quotation mark ends a string only if JSON continues after it. Otherwise it belongs to the text and was not escaped.
_CONTINUES = r"""\s*+(?:[:}\]]|/[/*]|,\s*+(?:["'{\[\d}\],/-]|true|false|null)|$)"""
_TOKEN = lazy_regex(
    rf'"(?P<double>(?:[^"\\]++|\\.|"(?!{_CONTINUES}))*+)"?|'
    rf"'(?P<single>(?:[^'\\]++|\\.|'(?!{_CONTINUES}))*+)'?|"
    r"/\*(?:[^*]++|\*(?!/))*+(?:\*/)?|//[^\n]*+|"
    r"(?P<mark>[{}\[\]:,])|"
    r"(?P<word>[^\s\"'{}\[\]:,/]++)|\s++|.",
    re.DOTALL,
)
_IN_STRING = lazy_regex(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})|\\(.?)|"', re.DOTALL)
_NUMBER = lazy_regex(r"-?(?:0|[1-9]\d{0,30})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?")
_WORDS = {"true": "true", "false": "false", "null": "null", "True": "true", "False": "false"}
_CLOSING = {"{": "}", "[": "]"}


class _Writer:
    """Writes well-formed JSON from the tokens of broken JSON, one text for each top-level value."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._out: list[str] = []
        self._open: list[str] = []
        self._last = ""  # the kind of token written last: "", "value", "key", ":" or ","
        self.too_deep = False

    def value(self, text: str) -> None:
        """Writes a value, given in JSON notation. If the current object needs a key, the value becomes the key."""
        if not self._open:
            return  # the token is text between top-level values, which is dropped
        if self._last == "value":
            self._out.append(",")  # the comma is missing in the source
        if self._open[-1] == "{" and self._last != ":":
            if self._last == "key":
                self._out.append(":null,")
            self._out.append(text if text[0] == '"' else json.dumps(text))
            self._last = "key"
        else:
            self._out.append(text)
            self._last = "value"

    def open(self, mark: str) -> None:
        if self._last == "value" and self._open:
            self._out.append(",")
        if self._open and self._open[-1] == "{" and self._last != ":":
            self._out.append(":" if self._last == "key" else '"":')
        self.too_deep = len(self._open) >= _MAX_DEPTH
        self._open.append(mark)
        self._out.append(mark)
        self._last = ""

    def close(self, mark: str) -> None:
        if mark not in [_CLOSING[m] for m in self._open]:
            return
        done = False
        while not done:
            done = _CLOSING[self._open[-1]] == mark
            self._end()

    def _end(self) -> None:
        if self._last == "key":
            self._out.append(":null")
        elif self._last == ":":
            self._out.append("null")
        self._out.append(_CLOSING[self._open.pop()])
        self._last = "value"
        if not self._open:
            self.texts.append("".join(self._out))
            self._out.clear()
            self._last = ""

    def comma(self) -> None:
        """Ends a member of an object or list, with null as its value if it has only a key.

        The comma itself is written only before the next value, so that a trailing comma is dropped.
        """
        if self._last == "key":
            self._out.append(":null")
        elif self._last == ":":
            self._out.append("null")
        if self._last in ("key", ":"):
            self._last = "value"

    def colon(self) -> None:
        if self._last == "key":
            self._out.append(":")
            self._last = ":"

    def finish(self) -> list[str]:
        while self._open:
            self._end()
        return self.texts


def repair_json(raw: str) -> list[str]:
    """Repairs a broken JSON text. Returns one well-formed text for each value in it.

    Repairs extra or missing commas, comments, control characters, unescaped or single quotation marks, keys without
    quotation marks, several values in a row, and a missing end.
    """
    writer = _Writer()
    for m in _TOKEN.finditer(raw):
        kind = m.lastgroup
        if kind in ("double", "single"):
            writer.value(_quote(m[kind]))
        elif kind == "word":
            writer.value(_repair_word(m[0]))
        elif kind == "mark":
            mark = m[0]
            if mark in "{[":
                writer.open(mark)
                if writer.too_deep:
                    break
            elif mark in "}]":
                writer.close(mark)
            elif mark == ",":
                writer.comma()
            else:
                writer.colon()
        if len(writer.texts) >= 50:
            break
    return writer.finish()


def _repair_word(word: str) -> str:
    """Returns an unquoted word in JSON notation: a number or constant unchanged, a key as a string, and any other word
    as null.
    """
    if word in _WORDS or _NUMBER.fullmatch(word):
        return _WORDS.get(word, word)
    if word in ("undefined", "NaN", "None") or not (word[0].isalpha() or word[0] in "@_$"):
        return "null"
    return _quote(word)


def _quote(text: str) -> str:
    def fix(m: re.Match[str]) -> str:
        return m[0] if m[1] else '\\"' if m[0] == '"' else m[2]

    return '"' + _IN_STRING.sub(fix, text) + '"'


# Microdata (HTML, section 5) and RDFa Lite, as nodes of the same form as JSON-LD nodes.

_MAX_ITEMS = 3_000
_ADDRESSES = frozenset({"url", "image", "thumbnailUrl", "contentUrl", "mainEntityOfPage", "sameAs", "logo", "@id"})
_LONG = frozenset({"articleBody", "text", "reviewBody", "commentText"})
# Terms of older vocabularies (Drupal 7, Dublin Core), and the terms of schema.org with the same meaning.
_SAME = {
    "sioc:Item": "Article",
    "sioc:Post": "Article",
    "sioc:BlogPost": "BlogPosting",
    "sioctypes:BlogPost": "BlogPosting",
    "foaf:Person": "Person",
    "sioc:UserAccount": "Person",
    "foaf:name": "name",
    "sioc:has_creator": "author",
    "dc:title": "headline",
    "dcterms:title": "headline",
    "dc:creator": "author",
    "dcterms:creator": "author",
    "dc:date": "datePublished",
    "dc:created": "datePublished",
    "dcterms:created": "datePublished",
    "dcterms:issued": "datePublished",
    "dc:modified": "dateModified",
    "dcterms:modified": "dateModified",
    "dc:subject": "keywords",
    "dcterms:subject": "keywords",
    "rdfs:label": "name",
    "foaf:page": "url",
}


@dataclass(frozen=True, slots=True)
class EmbeddedItem:
    """A microdata or RDFa item as a node, like one of JSON-LD. `element` is its element on the page. `top` is False if
    the item is a property of another item.
    """

    node: Node
    element: Element
    top: bool


def microdata(index: Index) -> list[EmbeddedItem]:
    """Returns the microdata items of a page that have an `itemtype`, in document order."""
    scopes = [e for e in index.select("[itemtype]") if e.get("itemscope") is not None][:_MAX_ITEMS]
    if not scopes:
        return []
    refs = {ref: e for e in scopes for ref in (e.get("itemref") or "").split()[:20]}
    properties = index.select("[itemprop]")
    referred = {e: refs[ident] for e in (properties if refs else ()) if (ident := e.get("id") or "") in refs}
    return _Reader(_MICRODATA, scopes, referred).items(properties)


def rdfa(index: Index) -> list[EmbeddedItem]:
    """Returns the RDFa items of a page that have a `typeof`, in document order. Their properties have the names of
    schema.org.
    """
    scopes = index.select("[typeof]")[:_MAX_ITEMS]
    if not scopes:
        return []
    related = [e for e in index.select("[rel]") if ":" in (e.get("rel") or "")]
    properties = [e for e in index.select("[property]") if e.tag != "meta" or e.get("typeof") is None]
    return _Reader(_RDFA, scopes, {}).items(sorted({*properties, *related}, key=index.order.__getitem__))


def _property_word(word: str) -> str:
    return _SAME.get(word) or word.removeprefix("schema:").rsplit("schema.org/", 1)[-1]


@dataclass(frozen=True, slots=True)
class _Syntax:
    """The differences between microdata and RDFa, as three functions that take an element.

    - `is_scope`: returns True if the element is an item.
    - `names`: returns the names of the properties whose value the element is.
    - `types`: returns the types of the item that the element is.
    """

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
    lambda e: [_property_word(w) for w in (e.get("property") or "").split()],
    lambda e: [_property_word(w) for w in (e.get("typeof") or "").split()],
)


class _Reader:
    """Collects the items of a page with their properties.

    `referred` maps each element to which an `itemref` refers to the item that refers to it.
    """

    def __init__(self, syntax: _Syntax, scopes: list[Element], referred: dict[Element, Element]) -> None:
        self.syntax, self.referred = syntax, referred
        self.nodes: dict[Element, Node] = {el: self._node(el) for el in scopes}
        self._owners: dict[Element, Element | None] = {}

    def _node(self, el: Element) -> Node:
        node: Node = {"@type": self.syntax.types(el)}
        if ident := el.get("itemid") or el.get("resource") or el.get("about"):
            node["@id"] = ident
        return node

    def items(self, properties: list[Element]) -> list[EmbeddedItem]:
        owned: set[Element] = set()
        for el in properties[:_MAX_ITEMS]:
            owner = self.referred.get(el)
            if owner is None:
                owner = _enclosing_item(el, self.syntax.is_scope, self._owners)
            if owner is None or owner not in self.nodes or owner is el:
                continue
            self._add_relations(el, self.nodes[owner])
            self._add_values(el, self.nodes[owner])
            if el in self.nodes:
                owned.add(el)
        return [EmbeddedItem(node, el, el not in owned) for el, node in self.nodes.items()]

    def _add_relations(self, el: Element, node: Node) -> None:
        """Adds the RDFa relations of an element (the words in its `rel`) to a node, as properties. The value of each is
        the first item inside the element.
        """
        for word in (el.get("rel") or "").split():
            if word in _SAME and (item := next((self.nodes[e] for e in el.iter("*") if e in self.nodes), None)):
                node.setdefault(_SAME[word], []).append(item)

    def _add_values(self, el: Element, node: Node) -> None:
        item = self.nodes.get(el)
        for name in dict.fromkeys(self.syntax.names(el)):
            if ":" in name or name in _LONG:
                continue
            if name == "name" and item is not None:
                # In RDFa 1.0, which Drupal 7 writes, a name on an element with an item is the name of this item.
                item.setdefault(name, []).append(_item_value(el, name))
            elif given := item or _item_value(el, name):
                node.setdefault(name, []).append(given)


def _enclosing_item(
    el: Element, is_scope: Callable[[Element], bool], known: dict[Element, Element | None]
) -> Element | None:
    """Returns the element of the nearest item around an element; None if it is in no item. `is_scope` returns True for
    the element of an item, and `known` caches results.
    """
    seen: list[Element] = []
    at = el.getparent()
    while at is not None and at not in known and not is_scope(at):
        seen.append(at)
        at = at.getparent()
    owner = None if at is None else known.get(at, at)
    for one in seen:
        known[one] = owner
    return owner


def _item_value(el: Element, name: str) -> str:
    if (content := el.get("content")) is not None:
        return clean_text(content[:5_000])
    if name in _ADDRESSES and (address := el.get("href") or el.get("src") or el.get("resource")):
        return clean_text(address)
    if (moment := el.get("datetime")) is not None:
        return clean_text(moment[:100])
    return element_line(el)[:2_000] or clean_text(el.get("href") or el.get("src"))


# All declarations of a page.

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
_DESCRIPTIVE = ("headline", "datePublished", "author", "name", "articleBody")
_MAX_META, _MAX_PER_NAME, _MAX_CONTENT = 4_000, 100, 20_000
_DUBLIN = {"dc": "dc", "dcterms": "dcterms", "dct": "dcterms"}
# The keys of the JSON object in <meta name="parsely-page">, with the meta elements that have the same meaning.
_PARSELY = {
    "title": "parsely-title",
    "link": "parsely-link",
    "pub_date": "parsely-pub-date",
    "author": "parsely-author",
    "authors": "parsely-author",
    "section": "parsely-section",
    "tags": "parsely-tags",
    "image_url": "parsely-image-url",
}


def json_ld(index: Index) -> list[Node]:
    """Returns all JSON-LD nodes of a page in document order, including nested ones. JSON that cannot be repaired is
    left out.
    """
    scripts = Scripts()
    nodes: list[Node] = []
    for script in index.tag("script"):
        if script.text and "ld+json" in (script.get("type") or "").lower():
            nodes += scripts.nodes(script.text)
    return nodes


def types(node: Node) -> set[str]:
    """Returns the types of a node in lower case, without the address of the vocabulary, such as "article" for
    "https://schema.org/Article".
    """
    given = node.get("@type") or node.get("type") or ()
    names = [given] if isinstance(given, str) else given if isinstance(given, list) else ()
    return {n.rsplit("/", 1)[-1].rsplit("#", 1)[-1].rsplit(":", 1)[-1].lower() for n in names if isinstance(n, str)}


@dataclass(frozen=True, slots=True)
class DeclaredArticle:
    """The page's own article as one kind of markup describes it. `source` is "json-ld", "microdata" or "rdfa".

    `element` is the element that contains the item, None for JSON-LD.
    """

    source: str
    node: Node
    element: Element | None = None


class PageMetadata:
    """All metadata of one page, in document order, with cleaned texts."""

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
        for el in index.tag("meta")[:_MAX_META]:
            if content := clean_text((el.get("content") or "")[:_MAX_CONTENT]):
                given = " ".join(filter(None, (el.get("name"), el.get("property"), el.get("http-equiv"))))
                for key in dict.fromkeys(_meta_names(given)):
                    self._add(key, content)
        for text in self._meta.get("parsely-page", ())[:1]:
            self._parsely(text)

    def _add(self, key: str, content: str) -> None:
        values = self._meta.setdefault(key, [])
        if len(values) < _MAX_PER_NAME:
            values.append(content)

    def _parsely(self, text: str) -> None:
        for node in Scripts().nodes(text)[:1]:
            for word, key in _PARSELY.items():
                values = node.get(word) if key not in self._meta else None
                for value in values if isinstance(values, list) else [values]:
                    if isinstance(value, str) and (content := clean_text(value)):
                        self._add(key, content)

    def meta(self, *names: str) -> list[str]:
        """Returns the contents of all meta elements with these names, in the order of the names. Names are in lower
        case.
        """
        return [v for n in names for v in self._meta.get(n, ())]

    def meta_first(self, *names: str) -> str:
        return next((v for n in names for v in self._meta.get(n, ())), "")

    def meta_names(self) -> list[str]:
        return list(self._meta)

    def resolve(self, value: Any) -> list[Any]:
        """Returns a property's values as a list. A value that only refers to another node by its @id is replaced by
        that node.
        """
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
        """Returns the texts of these properties of a node, cleaned; [] if there is no node. The text of a value that is
        an object is its name, headline, @value or url.
        """
        found: list[str] = []
        if not node:
            return found
        for name in names:
            for value in self.resolve(node.get(name)):
                if isinstance(value, dict):
                    value = next(
                        (t for k in ("name", "headline", "@value", "url") if (t := _first_text(value.get(k)))), ""
                    )
                if (
                    isinstance(value, (str, int, float))
                    and not isinstance(value, bool)
                    and (text := clean_text(str(value)))
                ):
                    found.append(text)
        return found

    @cached_property
    def _types(self) -> list[set[str]]:
        return [types(node) for node in self.nodes]

    def of_type(self, *names: str) -> list[Node]:
        return [node for node, kinds in zip(self.nodes, self._types, strict=True) if not kinds.isdisjoint(names)]

    @cached_property
    def microdata_items(self) -> list[EmbeddedItem]:
        """The microdata items that have a type, in document order."""
        return microdata(self.index)

    @cached_property
    def rdfa_items(self) -> list[EmbeddedItem]:
        """The RDFa items that have a type, in document order."""
        return rdfa(self.index)

    def articles(self) -> list[Node]:
        """Returns the JSON-LD nodes that describe an article, without nodes that only refer to an article."""
        return self._articles

    @cached_property
    def _articles(self) -> list[Node]:
        return _articles(self.nodes)

    def article(self, urls: set[str]) -> Node | None:
        """Returns the JSON-LD node of the page's own article; None if the page contains no such node.

        Returns the node with one of `urls`, the page's addresses. If there is no such node, returns the first node with
        an author or a date, provided that at most three nodes have one.
        """
        key = frozenset(urls)
        if key not in self._article:
            self._article[key] = self._own(self.articles(), urls)
        return self._article[key]

    def declared(self, urls: set[str]) -> list[DeclaredArticle]:
        """Returns the page's own article as each kind of markup describes it, the most reliable kind first. All
        descriptions have the same property names.

        An article in microdata or RDFa counts only if it is the only one on the page or has one of `urls`, the page's
        addresses. Other such articles are teasers.
        """
        key = frozenset(urls)
        if key in self._declared:
            return self._declared[key]
        out = self._declared[key] = []
        if (node := self.article(urls)) is not None:
            out.append(DeclaredArticle("json-ld", node))
        for source, items in (("microdata", self.microdata_items), ("rdfa", self.rdfa_items)):
            found = _articles(i.node for i in items if i.top) or _articles(i.node for i in items)
            own = self._naming(found, urls) or (found[0] if len(found) == 1 else None)
            if own is not None:
                out.append(DeclaredArticle(source, own, next(i.element for i in items if i.node is own)))
        return out

    def rdfa_article(self, urls: set[str]) -> Node | None:
        """Returns the RDFa node of the page's own article; None if the page contains no such node. `urls` are the
        page's addresses.
        """
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
        """Returns the site's names in the page's metadata, most reliable first. What the page declares as its own
        title, beside another name of the site, is no name: some themes give it as the name of the application.
        """
        return list(self._names_of_site)

    @cached_property
    def _names_of_site(self) -> tuple[str, ...]:
        names = self.meta("og:site_name")
        titles = [title for title in self.meta("og:title") if names and title not in names]
        out = [*names, *self.meta("application-name", "apple-mobile-web-app-title", "al:ios:app_name")]
        for node in self.of_type("website"):
            out += self.texts(node, "name", "alternateName")
        for node in self.articles()[:3]:
            out += self.texts(node, "publisher")
        for node in self.of_type("organization", "newsmediaorganization"):
            out += self.texts(node, "name")
        given = (t for t in out if not t.startswith(("http:", "https:")) and len(t) < 100 and t not in titles)
        return tuple(dict.fromkeys(given))


def _meta_names(given: str) -> Iterable[str]:
    """Yields the names of a meta element, which may have several, in lower case. A Dublin Core name such as "DC:title"
    gets a dot in place of the colon.
    """
    for key in given.lower().split():
        prefix, colon, word = key.partition(":")
        yield f"{_DUBLIN[prefix]}.{word}" if colon and prefix in _DUBLIN else key


def _articles(nodes: Iterable[Node]) -> list[Node]:
    return [n for n in nodes if types(n) & ARTICLE_TYPES and any(k in n for k in _DESCRIPTIVE)]


def _first_text(value: Any) -> str:
    """Returns the value if it is a text, the first text in it if it is a list, and "" otherwise."""
    if isinstance(value, list):
        value = next((v for v in value if isinstance(v, str)), "")
    return value if isinstance(value, str) else ""


def item_of(el: Element) -> Element | None:
    """Returns the microdata item to which a property belongs: the nearest itemscope around it (HTML, section 5.2.5);
    None if there is none.
    """
    at = el.getparent()
    while at is not None and at.get("itemscope") is None:
        at = at.getparent()
    return at


def is_article_item(el: Element | None) -> bool:
    kind = (el.get("itemtype") or "") if el is not None else ""
    return any(word.rsplit("/", 1)[-1].lower() in ARTICLE_TYPES for word in kind.split())


# The text of an article in the data of a page's scripts: JSON in a script of its own (__NEXT_DATA__), in an assignment
# (window.__INITIAL_STATE__ = {...}, Fusion.globalContent = {...}), or in React Server Components' flight data.

_DECODER = json.JSONDecoder(strict=False)
_SCRIPT_TYPES = frozenset({"", "text/javascript", "application/javascript", "module"})
_LEAST_SCRIPT, _MAX_VALUES, _MAX_VISITS, _MAX_NESTING = 200, 60, 60_000, 60
_ASSIGNED = lazy_regex(r"""=\s*+(?=\{\s*+"|\[\s*+[\[{"])|(?P<parse>\bJSON\.parse\(\s*+)(?=["'])""")
_UNDEFINED = lazy_regex(r"(?<=[:,\[])undefined(?=[,}\]])")
_SINGLE_QUOTED = lazy_regex(r"'((?:[^'\\]++|\\.)*+)'", re.DOTALL)
_FLIGHT = lazy_regex(r"__next_f\.push\(\[1,\s*+(?=\")")
_FLIGHT_ROW = lazy_regex(rb"([0-9a-f]*):(?:T([0-9a-f]+),)?")
_FLIGHT_REFERENCE = lazy_regex(r"\$[0-9a-f]+")
_REVIVERS = frozenset({"Reactive", "ShallowReactive", "Ref", "ShallowRef"})


def script_values(index: Index) -> Iterator[Any]:
    """Yields the JSON values in the scripts of a page, in document order. JSON-LD, and JSON that is not well formed,
    are left out.
    """
    flight: list[str] = []
    for script in index.tag("script"):
        raw, kind = script.text or "", (script.get("type") or "").lower()
        if not _LEAST_SCRIPT <= len(raw) <= _MAX_SCRIPT or "ld+json" in kind:
            continue
        if "json" in kind:
            value = _json_at(raw.lstrip(), 0)[0]
            yield _revive(value) if script.get("id") == "__NUXT_DATA__" else value
        elif "__next_f" in raw:
            flight += (part for m in _FLIGHT.finditer(raw) if isinstance(part := _json_at(raw, m.end())[0], str))
        elif kind in _SCRIPT_TYPES:
            yield from _assigned_values(raw)
    if flight:
        yield from _flight_values("".join(flight))


def _json_at(text: str, at: int) -> tuple[Any, int]:
    """Returns the JSON value at a position of a text, and the position after it; (None, `at`) if there is no JSON
    value.
    """
    try:
        return _DECODER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at


def _assigned_values(raw: str) -> Iterator[Any]:
    if "undefined" in raw:
        raw = _UNDEFINED.sub("null", raw)
    done = 0
    for m in islice(_ASSIGNED.finditer(raw), _MAX_VALUES):
        if m.start() < done:
            continue
        if m["parse"] and (quoted := _SINGLE_QUOTED.match(raw, m.end())):
            value, done = _json_at('"' + quoted[1].replace("\\'", "'").replace('"', '\\"') + '"', 0)[0], quoted.end()
        else:
            value, done = _json_at(raw, m.end())
        yield _json_at(value, 0)[0] if m["parse"] and isinstance(value, str) else value


def _flight_values(text: str) -> Iterator[Any]:
    """Yields the JSON values in "flight" data, which React Server Components write into a page. A reference to a text
    in the data is replaced by the text.
    """
    data, at = text.encode("utf-8", "replace"), 0
    texts: dict[str, str] = {}
    rows: list[Any] = []
    while at < len(data) and (m := _FLIGHT_ROW.match(data, at)):
        if m[2]:
            at = m.end() + int(m[2], 16)  # the length of a text is in bytes
            texts["$" + m[1].decode()] = data[m.end() : at].decode("utf-8", "replace")
        else:
            end = data.find(b"\n", m.end())
            at = len(data) if end < 0 else end + 1
            rows.append(_json_at(data[m.end() : at].decode("utf-8", "replace"), 0)[0])
    for row in rows:
        yield _with_texts(row, texts)


def _with_texts(value: Any, texts: dict[str, str], depth: int = 0) -> Any:
    if isinstance(value, str):
        return texts.get(value, value) if _FLIGHT_REFERENCE.fullmatch(value) else value
    if depth < _MAX_NESTING and isinstance(value, list):
        return [_with_texts(one, texts, depth + 1) for one in value]
    if depth < _MAX_NESTING and isinstance(value, dict):
        return {key: _with_texts(one, texts, depth + 1) for key, one in value.items()}
    return value


def _revive(values: Any) -> Any:
    """Returns a JSON value that Nuxt wrote as a flat list, in which objects and lists contain positions in that list
    instead of their values.
    """
    room = _MAX_VISITS

    def value_at(number: Any, depth: int) -> Any:
        nonlocal room
        room -= 1
        if not isinstance(number, int) or not 0 <= number < len(values) or room < 0 or depth > _MAX_NESTING:
            return None
        found = values[number]
        if isinstance(found, dict):
            return {key: value_at(one, depth + 1) for key, one in found.items()}
        if isinstance(found, list):
            if found and isinstance(found[0], str):
                return value_at(found[1], depth + 1) if found[0] in _REVIVERS and len(found) > 1 else None
            return [value_at(one, depth + 1) for one in found]
        return found

    return value_at(0, 0) if isinstance(values, list) else None


# How an article's text is written in such data. The keys of texts, of what belongs to other articles, and of addresses:
_TEXT_KEYS = frozenset(
    {"text", "content", "html", "value", "body", "bodyhtml", "body_html", "articlebody", "rendered", "markup", "p",
     "paragraph", "paragraphs", "children", "items", "copy"}
)  # fmt: skip
_HEADING_KEYS = frozenset({"subhead", "subheading", "subheadline", "heading", "title"})
_OTHER_KEYS = lazy_regex(
    r"related|recommend|more_?(?:articles|stories|news)|latest|popular|trending|most_?read|^(?:hot|prev|previous|next)$|"
    r"others?$|comment|menu|nav(?:igation)?$|header$|footer|sidebar|author|byline|caption|credit|tags?$|categor|"
    r"seo|^meta|breadcrumb|translation|config|teaser|promo|newsletter|images?$|gallery|video|advert|excerpt|summary|"
    r"description",
    re.IGNORECASE,
)
# The types of blocks: those that are not text, those that contain pieces of text, headings, lists and quotations.
_OTHER_TYPES = lazy_regex(
    r"image|photo|picture|figure|gallery|video|audio|podcast|embed|advert|^ads?$|related|promo|newsletter|interstitial|"
    r"read_?more|teaser|recirc|author|byline|comment|caption|script|widget",
    re.IGNORECASE,
)
_INLINE_TYPES = lazy_regex(
    r"paragraph|^p$|unstyled|^block$|head(?:er|ing|line)|^h[1-6]$|list[-_]?item|^li$|quote", re.IGNORECASE
)
_HEADING_TYPES = lazy_regex(r"head(?:er|ing|line)|^h[1-6]$", re.IGNORECASE)
_LIST_TYPES = lazy_regex(r"(?:(?:un)?ordered|bullet|number(?:ed)?)?[-_]?list|ul|ol", re.IGNORECASE)
_TYPE_KEYS = ("type", "_type", "nodeType", "kind", "__typename")
_TITLE_KEYS, _ADDRESS_KEYS = ("title", "headline", "headlines"), (
    "url", "href", "link", "slug", "path", "canonical_url", "permalink",
)  # fmt: skip
_BLOCKS = lazy_regex(r"</(?:p|div|li|h[1-6]|blockquote)>|<br ?/?>|<p>", re.IGNORECASE)
_TAGS = lazy_regex(r"<[^>]*>")
_MAIN_HEADING = lazy_regex(r"<h1>(.*?)</h1>", re.DOTALL)
_LEAST_TEXT, _LEAST_SLUG, _LEAST_HYPHENS, _MAX_NAME, _OUTWARD = 60, 8, 2, 300, 2
_TITLES = frozenset({"title", "headline", "basic", "rendered"})
# The properties of an article in such data, by their names in JSON-LD.
_PROPERTIES = (
    ("headline", lazy_regex(r"head_?lines?|title", re.IGNORECASE)),
    ("datePublished", lazy_regex(
        r"(?:first_?|original_?|initial_?)?(?:date_?)?(?:publi(?:sh(?:ed|ing)?|cation)_?)(?:at|on|date|time(?:stamp)?|"
        r"datetime)?|pub_?date|post_?date|posted_?at", re.IGNORECASE)),
    ("author", lazy_regex(r"authors?|bylines?|writers?", re.IGNORECASE)),
    ("articleSection", lazy_regex(r"(?:primary_?)?(?:sections?|category|categories)|rubrics?", re.IGNORECASE)),
    ("keywords", lazy_regex(r"tags|keywords", re.IGNORECASE)),
)  # fmt: skip
_NAMES = ("name", "title", "label", "displayName", "fullName", "display_name", "full_name", "text", "rendered", "basic")
_AROUND_VALUES = ("data", "attributes", "fields", "node", "nodes", "edges", "items", "by")
_MAX_TEXTS, _MAX_LEVELS = 20, 5


class _PageNames:
    """The titles and addresses by which the page's own article is recognized in the data of its scripts."""

    def __init__(self, titles: Iterable[str], addresses: set[str]) -> None:
        paths = {path for url in addresses if (path := urlsplit(url).path.rstrip("/"))}
        slugs = {slug for path in paths if len(slug := path.rsplit("/", 1)[-1]) >= _LEAST_SLUG}
        self.titles = frozenset(map(fold_text, titles)) - {""}
        self._lengths = [len(title) for title in titles if title]
        self.addresses = frozenset(addresses | paths | slugs)
        self._numbered = tuple(slug for slug in slugs if any(map(str.isdigit, slug)))

    def contain(self, value: Any) -> bool:
        return (
            isinstance(value, str) and 0 < len(value) <= _MAX_NAME and (self.is_address(value) or self.is_title(value))
        )

    def is_address(self, value: str) -> bool:
        """Returns True if a text is one of the page's addresses, or the slug of one. The slug may lack the article's
        number: "the-ferry-moves" for "/the-ferry-moves-3f92" or "/1207-the-ferry-moves".
        """
        if value.rstrip("/") in self.addresses:
            return True
        return value.count("-") >= _LEAST_HYPHENS and any(
            slug.startswith(f"{value}-") or slug.endswith(f"-{value}") for slug in self._numbered
        )

    def is_title(self, value: str) -> bool:
        is_like = any(n <= 2 * len(value) and len(value) <= 2 * n + 20 for n in self._lengths)
        return is_like and fold_text(value) in self.titles

    def in_name_of(self, node: Node) -> bool:
        """Returns True if an object has an address of the page as one of its values, or one of the page's titles as its
        title.
        """
        titles = (v for k, v in node.items() if k.lower() in _TITLES and isinstance(v, str) and len(v) <= _MAX_NAME)
        return self.in_address_of(node) or any(map(self.is_title, titles))

    def in_address_of(self, node: Node) -> bool:
        return any(isinstance(v, str) and 0 < len(v) <= _MAX_NAME and self.is_address(v) for v in node.values())


def article_html(index: Index, title: str, addresses: set[str]) -> str:
    """Returns the HTML of the article's text in the data of a page's scripts; "" if they do not contain it.

    The article is the object that has the page's title or one of its addresses, or an object around it. In React
    elements, it is the tree with the title in its <h1>.
    """
    names = _PageNames([title], addresses)
    found = ""
    for value in script_values(index):
        for around in _objects_with(value, names):
            texts = map(_longest_text, around)
            text = next((one for one in texts if len(_TAGS.sub("", one)) >= _LEAST_TEXT), "")
            found = max(found, text, key=len)
        if not found and isinstance(value, list):
            text = _HtmlWriter().html(value)
            if any(fold_text(_TAGS.sub("", head)) in names.titles for head in _MAIN_HEADING.findall(text)):
                found = text
    return found


def script_article(index: Index, titles: Iterable[str], addresses: set[str]) -> Node:
    """Returns the article in the data of a page's scripts as a JSON-LD node whose values are lists of texts; {} if the
    scripts do not contain it. `articleBody` is its text as HTML.

    The article is an object with a date of publication. It must have one of the page's addresses or titles, or be
    around an object that has one; other articles in the data have others.
    """
    names = _PageNames(list(titles), addresses)
    found = [
        (names.in_address_of(around[0]), node)
        for value in script_values(index)
        for around in _objects_with(value, names)
        if names.in_name_of(around[0]) and (node := _dated_article(around))
    ]
    return max(found, key=lambda one: (one[0], bool(one[1]["articleBody"][0]), len(one[1])), default=(False, {}))[1]


def _dated_article(around: tuple[Node, ...]) -> Node:
    """Returns the first of the objects `around` (given from the inner to the outer) that has a date of publication, as
    a JSON-LD node; {} if none has.
    """
    for node in around:
        out: Node = {}
        for key, value in node.items():
            name = next((name for name, pattern in _PROPERTIES if pattern.fullmatch(key)), "")
            if name and name not in out and (texts := list(islice(_texts_in(value, name), _MAX_TEXTS))):
                out[name] = texts
        if "datePublished" in out:
            texts = [_longest_text(one) for one in around[: around.index(node) + 1]]
            return {**out, "articleBody": [next((one for one in texts if len(_TAGS.sub("", one)) >= _LEAST_TEXT), "")]}
    return {}


def _texts_in(value: Any, name: str, level: int = 0) -> Iterator[str]:
    """Yields the texts in the value of the property `name`. A text is yielded itself, a number only if the property is
    a date, and an object as its name. Lists are read item by item.
    """
    if isinstance(value, str) or (name == "datePublished" and type(value) is int):
        if 0 < len(text := clean_text(str(value))) <= _MAX_NAME:
            yield text
    elif isinstance(value, list) and level < _MAX_LEVELS:
        for one in value[:_MAX_TEXTS]:
            yield from _texts_in(one, name, level + 1)
    elif isinstance(value, dict) and name != "datePublished" and level < _MAX_LEVELS:
        text = next((v for key in _NAMES if isinstance(v := value.get(key), str) and v), "")
        inner = next((v for key in _AROUND_VALUES if isinstance(v := value.get(key), (dict, list))), None)
        yield from _texts_in(text or inner, name, level + 1)


def _objects_with(value: Any, names: _PageNames) -> Iterator[tuple[Node, ...]]:
    """Yields each object in a JSON value that has one of the page's titles or addresses as a value. Each is given as a
    tuple: the object, then the objects around it, from the inner to the outer.
    """
    stack: list[tuple[Any, tuple[Node, ...]]] = [(value, ())]
    room = _MAX_VISITS
    while stack and room > 0:
        at, around = stack.pop()
        room -= 1
        if isinstance(at, dict):
            around = (at, *around[:_OUTWARD])
            if any(map(names.contain, at.values())):
                yield around
            at = at.values()
        if isinstance(at, Iterable):
            stack += [(one, around) for one in at if isinstance(one, (dict, list))]


def _longest_text(node: Node) -> str:
    """Returns, as HTML, the longest text among the properties of an object."""
    found = ""
    for key, value in node.items():
        if not _OTHER_KEYS.search(key):
            long = isinstance(value, str) and (len(value) > _LEAST_TEXT or _BLOCKS.search(value) is not None)
            text = _HtmlWriter().html(value, "text" if long else key.lower())
            found = max(found, text, key=len)
    return found


class _HtmlWriter:
    """Converts the text in a JSON value to HTML. Knows how editors store text: HTML in strings, lists of blocks with a
    type, rich text whose paragraphs consist of pieces, and React elements.
    """

    def __init__(self) -> None:
        self.room = _MAX_VISITS

    def html(self, value: Any, key: str = "", within: str = "", depth: int = 0) -> str:
        """Returns the HTML of the text in a JSON value. `key` is the key of the value in lower case. `within` is
        "inline" in a paragraph, "li" in a list, and otherwise "". `depth` is how deep the value is nested; values that
        are too deep are left out.
        """
        self.room -= 1
        if self.room < 0 or depth > _MAX_NESTING:
            return ""
        if isinstance(value, str):
            return self.text(value, within) if key in _TEXT_KEYS else ""
        if isinstance(value, list):
            if value[:1] == ["$"] and len(value) > 3:
                return self.element(value, depth)
            if within == "li":
                return "".join(f"<li>{self.html(one, key, 'inline', depth + 1)}</li>" for one in value)
            return "".join(self.html(one, key, within, depth + 1) for one in value)
        return self.block(value, within, depth) if isinstance(value, dict) else ""

    def text(self, text: str, within: str) -> str:
        if within or _BLOCKS.search(text) is not None:
            return f"<li>{text}</li>" if within == "li" else text
        return "".join(f"<p>{part}</p>" for part in text.split("\n") if part and not part.isspace())

    def element(self, element: list[Any], depth: int) -> str:
        """Returns the HTML of a React element. If it is a component and no element of HTML, this is the HTML of its
        properties. `depth` is as in `html`.
        """
        tag, properties = element[1], element[3]
        if not isinstance(tag, str) or not isinstance(properties, dict) or tag in ("nav", "footer", "script", "style"):
            return ""
        if tag.startswith("$"):
            return self.html(properties, "", "", depth + 1)
        inner = self.children(properties.get("children"), depth)
        return f"<{tag}>{inner}</{tag}>" if tag.isalnum() else inner

    def children(self, value: Any, depth: int) -> str:
        if isinstance(value, str):
            return "" if _FLIGHT_REFERENCE.fullmatch(value.replace("L", "")) else escape(value)
        if isinstance(value, list) and value[:1] != ["$"]:
            return "".join(self.children(one, depth + 1) for one in value) if depth < _MAX_NESTING else ""
        return self.html(value, "", "inline", depth + 1)

    def block(self, node: Node, within: str, depth: int) -> str:
        kind = next((one for key in _TYPE_KEYS if isinstance(one := node.get(key), str)), "")
        if _OTHER_TYPES.search(kind) or _is_card(node):
            return ""
        style = node.get("style")
        if isinstance(style, str) and kind == "block":
            kind = style if style != "normal" else kind
        if within == "inline" or _INLINE_TYPES.search(kind):
            inner = self.parts(node, "inline", depth)
        else:
            inner = self.parts(node, "li" if within == "li" or _LIST_TYPES.fullmatch(kind) else "", depth)
        return inner if within == "inline" or not inner else _wrapped(inner, kind)

    def parts(self, node: Node, within: str, depth: int) -> str:
        """Returns the HTML of the parts of a block. If the block has several texts, for example as HTML and as plain
        text, only the longest is used. `within` and `depth` are as in `html`.
        """
        texts = [one for key, one in node.items() if isinstance(one, str) and key.lower() in _TEXT_KEYS]
        text = self.text(max(texts, key=len), within) if any(texts) else ""
        if text and within:
            return text
        heads = (self.heading(one, depth) for key, one in node.items() if key.lower() in _HEADING_KEYS)
        inner = (
            self.html(one, key.lower(), within, depth + 1)
            for key, one in node.items()
            if isinstance(one, (dict, list)) and not _OTHER_KEYS.search(key) and key.lower() not in _HEADING_KEYS
        )
        return ("" if within else next(filter(None, heads), "")) + text + "".join(inner)

    def heading(self, value: Any, depth: int) -> str:
        text = value if isinstance(value, str) else self.html(value, "", "inline", depth + 1)
        return f"<h2>{text}</h2>" if text else ""


def _wrapped(inner: str, kind: str) -> str:
    """Returns a block as HTML. `inner` is the HTML of its content, and `kind` is its type in the data, such as
    "heading".
    """
    if _HEADING_TYPES.search(kind):
        return f"<h2>{inner}</h2>"
    if "quote" in kind.lower():
        return f"<blockquote>{inner}</blockquote>"
    if _LIST_TYPES.fullmatch(kind):
        return f"<ul>{inner}</ul>"
    if "list" in kind.lower():
        return f"<li>{inner}</li>"
    return f"<p>{inner}</p>" if _INLINE_TYPES.search(kind) else inner


def _is_card(node: Node) -> bool:
    """Returns True if an object has a title and an address. It is then another article, or a link to one."""
    return any(node.get(key) for key in _TITLE_KEYS) and any(node.get(key) for key in _ADDRESS_KEYS)
