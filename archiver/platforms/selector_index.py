"""The index of a page, which sorts its elements by class, id and attribute once.

A selector then costs a dictionary look-up instead of a walk through the tree, so that hundreds of selectors can be
tried on every page. `compile_selector` decides which selectors the index can evaluate; parsel evaluates all others. The
result is always the same as parsel's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from itertools import accumulate, chain
from typing import Any

from cssselect import SelectorError, parser
from lxml.etree import _Element as Element
from parsel import Selector
from parsel.csstranslator import css2xpath

from archiver.model.lazy_regex import lazy_regex

# CSS selectors that the index can evaluate, compiled from cssselect's parse tree.

INDEXED = frozenset(
    (
        "itemprop",
        "rel",
        "property",
        "name",
        "itemtype",
        "role",
        "datetime",
        "data-hook",
        "typeof",
        "data-drupal-selector",
        # "Load more" buttons
        "data-url",
        "data-href",
        "data-link",
        "data-more-url",
        "data-ajax-url",
        "onclick",
        "data-next-url",
        "data-next-page-url",
        "data-next-page",
        "data-load-more-url",
    )
)
_OPERATORS = frozenset(("exists", "=", "~=", "^=", "*="))
_NAME = lazy_regex(r"[a-zA-Z_][a-zA-Z0-9_.-]*")
_WORD = lazy_regex(r"[^ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Compound:
    """The conditions that one element must meet: its tag, classes, ids and attributes. It is the part of a selector
    between spaces or ">".

    `child` is True after ">". The element must then be a child, not just a descendant, of the element for the previous
    compound.
    """

    tag: str
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    attrs: tuple[tuple[str, str, str], ...]
    child: bool

    @property
    def single(self) -> bool:
        """Returns True if the only condition is one class or one id. All elements that the index has for this class or
        id then match.
        """
        return not self.tag and not self.attrs and len(self.classes) + len(self.ids) == 1


@dataclass(frozen=True, slots=True)
class Plan:
    """How the index evaluates a CSS selector.

    - `parts`: the compounds of the selector, which are separated by " " or ">".
    - `keys`: for each part, the keys by which its elements are looked up. A key is ".class", "#id", "[attribute" or
      "=attribute=word".
    - `needs`: all keys, each as its first character and the rest. The selector can match only if the page has each of
      them.
    - `attribute`: the attribute whose values are the result; "" if the elements are the result.
    """

    parts: tuple[Compound, ...]
    needs: tuple[tuple[str, str], ...]
    keys: tuple[tuple[str, ...], ...]
    attribute: str


def split_words(value: str) -> list[str]:
    """Splits an attribute's value into words at spaces, tabs and line ends only, as XPath does."""
    if value.isascii() and value.isprintable():
        return value.split()
    return _WORD.findall(value)


@lru_cache(maxsize=4_096)  # the pages of a site share most of their classes
def _distinct_words(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(split_words(value)))


@lru_cache(maxsize=16_384)
def compile_selector(selector: str) -> Plan | None:
    """Compiles a selector for evaluation by the index; returns None if only parsel can evaluate it."""
    if is_xpath(selector):
        return None
    try:
        found = parser.parse(remove_selector_prefix(selector))
    except SelectorError:
        return None  # parsel evaluates the selector instead, and reports the error
    if len(found) != 1:
        return None
    parts = _parts(found[0].parsed_tree)
    attribute = _attribute_name(found[0].pseudo_element)
    if parts is None or attribute is None or (attribute and _is_any(parts[-1])):
        return None
    keys = tuple(_keys(part) for part in parts)
    return Plan(parts, tuple((k[0], k[1:]) for k in sorted({k for some in keys for k in some})), keys, attribute)


@dataclass(frozen=True, slots=True)
class SelectorGroups:
    """Several selectors, grouped so that those which can match on a page are found quickly. A selector is given by its
    position among them.

    - `places`: for each key that a page must have for some selectors to match, such as (".", "entry"), the positions of
      these selectors.
    - `names`: the same keys, as a set of names for each first character: {".": {"entry"}}.
    - `free`: the positions of selectors that need no key, and may match on any page.
    """

    names: Mapping[str, frozenset[str]]
    places: Mapping[tuple[str, str], Sequence[int]]
    free: Sequence[int]


@cache
def group_by_needed_key(selectors: tuple[str, ...]) -> SelectorGroups:
    """Groups selectors by the first key that each of them needs (see `Plan.needs`)."""
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    names: dict[str, set[str]] = defaultdict(set)
    free: list[int] = []
    for n, selector in enumerate(selectors):
        known = compile_selector(selector)
        if known is None or not known.needs:
            free.append(n)
            continue
        sign, name = known.needs[0]
        places[sign, name].append(n)
        names[sign].add(name)
    return SelectorGroups({sign: frozenset(some) for sign, some in names.items()}, dict(places), free)


def _attribute_name(pseudo: parser.PseudoElement | None) -> str | None:
    """Returns the attribute's name in a pseudo-element ::attr(name); "" if there is no pseudo-element; None if the
    index does not support the pseudo-element.
    """
    if pseudo is None:
        return ""
    if not isinstance(pseudo, parser.FunctionalPseudoElement) or pseudo.name != "attr":
        return None
    if pseudo.argument_types() not in (["STRING"], ["IDENT"]):
        return None
    name = pseudo.arguments[0].value or ""
    return name if _NAME.fullmatch(name) else None


def _parts(tree: parser.Tree) -> tuple[Compound, ...] | None:
    parts: list[Compound] = []
    while isinstance(tree, parser.CombinedSelector):
        if tree.combinator not in (" ", ">"):
            return None
        part = _compound(tree.subselector, child=tree.combinator == ">")
        if part is None:
            return None
        parts.append(part)
        tree = tree.selector
    first = _compound(tree, child=False)
    return None if first is None else (first, *reversed(parts))


def _compound(tree: parser.Tree, *, child: bool) -> Compound | None:
    classes: list[str] = []
    ids: list[str] = []
    attrs: list[tuple[str, str, str]] = []
    while not isinstance(tree, parser.Element):
        if isinstance(tree, parser.Class):
            classes.append(tree.class_name)
        elif isinstance(tree, parser.Hash):
            ids.append(tree.id)
        elif isinstance(tree, parser.Attrib) and (attr := _attribute_test(tree)) is not None:
            attrs.append(attr)
        else:
            return None
        tree = tree.selector
    if tree.namespace or (tree.element and not _NAME.fullmatch(tree.element)):
        return None
    if not all(name.isprintable() and split_words(name) == [name] for name in (*classes, *ids)):
        return None
    return Compound((tree.element or "").lower(), tuple(classes[::-1]), tuple(ids[::-1]), tuple(attrs[::-1]), child)


def _attribute_test(tree: parser.Attrib) -> tuple[str, str, str] | None:
    """Returns the name, operator and value of an attribute condition; None if the index does not support it. The
    operator is "" if the attribute only has to exist.
    """
    if tree.namespace or tree.flag or tree.operator not in _OPERATORS or not _NAME.fullmatch(tree.attrib):
        return None
    if tree.operator == "exists":
        return tree.attrib.lower(), "", ""
    value = (tree.value.value if tree.value is not None else None) or ""
    # In CSS an empty value or word matches nothing.
    if (
        not value.isprintable()
        or (tree.operator != "=" and not value)
        or (tree.operator == "~=" and split_words(value) != [value])
    ):
        return None
    return tree.attrib.lower(), tree.operator, value


def _is_any(part: Compound) -> bool:
    return not (part.tag or part.classes or part.ids or part.attrs)


def _keys(part: Compound) -> tuple[str, ...]:
    """Returns the keys by which the elements for a compound are looked up (see `Plan`): its id, its classes, or one
    attribute. Returns () if the compound has only a tag.
    """
    if part.ids:
        return (f"#{part.ids[0]}",)
    if part.classes:
        return tuple(f".{name}" for name in part.classes)
    for name, op, value in part.attrs:
        if name in INDEXED:
            # Elements are looked up by a word of the attribute's value if possible, since fewer elements have that
            # word.
            whole = op in ("=", "~=") and split_words(value) == [value]
            return (f"={name}={value}" if whole else f"[{name}",)
    return ()


# The index.


_Map = dict[str, list[Element]]


class Index:
    """The elements of one page in document order, by tag, class, id and the attributes in INDEXED. Each map is built
    when it is first used, so that the rules of a site cost only the maps that they need.
    """

    def __init__(self, root: Element) -> None:
        self.root = root
        self._tags: dict[str, list[Element]] = {}
        self._found: dict[str, list[Element]] = {}
        self._with: dict[str, list[Element]] = {}
        self._fitted: dict[tuple[object, ...], list[Element]] = {}
        self._joined: dict[tuple[str, str], str] = {}
        self._answers: dict[str, list[Found]] = {}

    @cached_property
    def selector(self) -> Selector:
        """The page as a parsel Selector, with `.css()` and `.xpath()` as on Scrapy's responses."""
        return selector_of(self.root)

    @cached_property
    def elements(self) -> list[Element]:
        """All elements in document order. Keeping this list makes other walks through the tree faster, because lxml
        reuses the Python objects of the elements.
        """
        return list(self.root.iter("*"))

    @cached_property
    def order(self) -> dict[Element, int]:
        """The position of each element in document order."""
        return {el: n for n, el in enumerate(self.elements)}

    @cached_property
    def texts(self) -> dict[Element, tuple[str, str]]:
        """The `text` and `tail` of each element (see lxml), with "" in place of None, in document order."""
        return {el: (el.text or "", el.tail or "") for el in self.elements}

    @property
    def texts_if_read(self) -> dict[Element, tuple[str, str]] | None:
        """The value of `texts` if it has already been computed; otherwise None."""
        return self.__dict__.get("texts")

    @cached_property
    def _letters(self) -> tuple[list[int], list[int]]:
        """Two lists of running sums over the elements in document order: of the lengths of their texts, and of the
        lengths of their tails. Surrounding white space is not counted.
        """
        texts, tails = zip(*self.texts.values(), strict=True)
        return (
            list(accumulate(map(len, map(str.strip, texts)), initial=0)),
            list(accumulate(map(len, map(str.strip, tails)), initial=0)),
        )

    def end(self, el: Element) -> int:
        """Returns the position in document order (see `order`) after an element and all its descendants."""
        last = el
        while len(last):
            last = last[-1]
        return self.order[last] + 1

    def text_length(self, el: Element) -> int:
        """Returns the total length in characters of all texts in an element, each without surrounding white space."""
        texts, tails = self._letters
        start, end = self.order[el], self.end(el)
        return texts[end] - texts[start] + tails[end] - tails[start + 1]

    def shown_length(self, el: Element) -> int:
        """Returns the length of the texts in an element (see `text_length`) without scripts and styles."""
        start, end = self.order[el], self.end(el)
        unread = (e for e in self.tag("script", "style") if start < self.order[e] < end)
        return self.text_length(el) - sum(len((e.text or "").strip()) for e in unread)

    def text_length_before(self, el: Element, top: Element) -> int:
        """Returns the total length in characters of the texts of `top` and of the elements after it in document order,
        up to its descendant `el`, which is not counted. Each text is counted without surrounding white space; tails are
        not counted.
        """
        texts = self._letters[0]
        return texts[self.order[el]] - texts[self.order[top]]

    @cached_property
    def _maps(self) -> tuple[_Map, _Map, _Map]:
        """Three maps to elements: by the whole value of the class attribute, which many elements share; by id; and by
        the name of each attribute in INDEXED.
        """
        by_names: _Map = defaultdict(list)
        ids: _Map = defaultdict(list)
        attrs: _Map = defaultdict(list)
        pairs: Iterable[tuple[str, str]]
        for el in self.elements:
            pairs = el.items()  # type: ignore[assignment]
            for name, value in pairs:
                if name == "class":
                    if value:
                        by_names[value].append(el)
                elif name == "id":
                    if value:
                        ids[value].append(el)
                elif name in INDEXED:
                    attrs[name].append(el)
        return by_names, ids, attrs

    @property
    def _by_names(self) -> _Map:
        return self._maps[0]

    @property
    def _ids(self) -> _Map:
        return self._maps[1]

    @property
    def _attrs(self) -> _Map:
        return self._maps[2]

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        """For each class name, the values of class attributes that contain it."""
        found: dict[str, list[str]] = defaultdict(list)
        for names in self._by_names:
            for name in _distinct_words(names):
                found[name].append(names)
        return found

    @cached_property
    def _words(self) -> dict[str, list[Element]]:
        """The elements with a word in an attribute in INDEXED, by keys such as "rel=tag"."""
        found: dict[str, list[Element]] = {}
        for attr, elements in self._attrs.items():
            for el in elements:
                for word in _distinct_words(el.get(attr) or ""):
                    found.setdefault(f"{attr}={word}", []).append(el)
        return found

    @cached_property
    def _named(self) -> dict[str, Mapping[str, Any]]:
        """For each first character of a key (see `Plan.keys`), the map whose keys are the names that this page has."""
        return {".": self._names, "#": self._ids, "[": self._attrs, "=": self._words}

    def _of(self, key: str) -> list[Element]:
        sign, name = key[0], key[1:]
        found: list[Element] = self.with_class(name) if sign == "." else self._named[sign][name]
        return found

    def tag(self, *names: str) -> list[Element]:
        """Returns all elements with any of these tag names, in document order."""
        if len(names) > 1:
            if "elements" not in self.__dict__:
                return list(self.root.iter(*names))
            return sorted(chain.from_iterable(map(self.tag, names)), key=self.order.__getitem__)
        name = names[0]
        if name == "*":
            return self.elements
        if "elements" in self.__dict__:
            return self._by_tag.get(name, [])
        found = self._tags.get(name)
        if found is None:
            found = self._tags[name] = list(self.root.iter(name))
        return found

    @cached_property
    def _by_tag(self) -> dict[str, list[Element]]:
        found: dict[str, list[Element]] = defaultdict(list)
        for el in self.elements:
            found[el.tag].append(el)
        return found

    def with_attribute(self, name: str) -> list[Element]:
        """Returns the elements with an attribute in INDEXED, in document order."""
        return self._attrs.get(name, [])

    def sorted(self, elements: Collection[Element]) -> list[Element]:
        """Returns some elements of the page, sorted in document order."""
        return sorted(elements, key=self.order.__getitem__) if elements else []

    def classes_with(self, hints: re.Pattern[str]) -> list[str]:
        """Returns the class names in which `hints` finds a match. The names are searched in lower case.

        All names are searched at once, which takes a fifth of the time of searching each.
        """
        names, text = self._name_lines
        lines = dict.fromkeys(text.count("\n", 0, m.start()) for m in hints.finditer(text))
        return [names[n] for n in lines]

    @cached_property
    def _name_lines(self) -> tuple[list[str], str]:
        """The class names as a list, and the same names in lower case as one text, a name on each line."""
        names = list(self._names)
        return names, "\n".join(names).lower()

    def by_class_value(self) -> Iterable[tuple[str, list[Element]]]:
        """Returns the values of class attributes, each with its elements."""
        return self._by_names.items()

    def by_id(self) -> Iterable[tuple[str, list[Element]]]:
        """Returns the ids, each with its elements."""
        return self._ids.items()

    def by_word(self, attribute: str) -> Iterable[tuple[str, list[Element]]]:
        """Returns the words in the values of an attribute in INDEXED, each with the elements that have it."""
        start = f"{attribute}="
        return [(key[len(start) :], found) for key, found in self._words.items() if key.startswith(start)]

    def with_class(self, name: str) -> list[Element]:
        found = self._with.get(name)
        if found is None:
            found = [el for names in self._names.get(name, ()) for el in self._by_names[names]]
            if len(self._names.get(name, ())) > 1:
                found.sort(key=self.order.__getitem__)
            self._with[name] = found
        return found

    def by_parsel(self, selector: str) -> list[Found]:
        """Returns what parsel finds for a selector, and caches it. The index is not used. This is the method for
        selectors that people write, such as a site's rules.
        """
        found = self._answers.get(selector)
        if found is None:
            found = self._answers[selector] = evaluate(self.selector, selector)
        return found[:]

    def answer(self, selector: str) -> list[Found]:
        """Returns what a selector finds, by means of the index if possible, otherwise by parsel. This is the method for
        the selectors of platform tables, of which there are hundreds.
        """
        known = compile_selector(selector)
        if known is None:
            return self.by_parsel(selector)
        if not known.attribute:
            return [*self._planned(selector, known)]
        values = (el.get(known.attribute) for el in self._planned(selector, known))
        return [value for value in values if value is not None]

    def select(self, selector: str, within: Element | None = None) -> list[Element]:
        """Returns the elements that a selector matches, in document order. If `within` is given, returns only elements
        inside it.
        """
        known = compile_selector(selector)
        found = (
            self._planned(selector, known)
            if known is not None
            else [one for one in self.by_parsel(selector) if not isinstance(one, str)]
        )
        if within is not None and within is not self.root:
            return [e for e in found if is_below(e, within)]
        return found[:]

    def _planned(self, selector: str, known: Plan) -> list[Element]:
        found = self._found.get(selector)
        if found is None:
            # Most selectors need a class that is nowhere on the page.
            named = self._named
            for sign, name in known.needs:
                if name not in named[sign]:
                    return []
            found = self._found[selector] = self._match(known)
        return found

    def present(self, selectors: tuple[str, ...]) -> list[str]:
        """Returns the selectors that may match on this page, in the given order. Most selectors cannot match, because
        the page lacks a class or id that they need.
        """
        groups, named = group_by_needed_key(selectors), self._named
        here = ((sign, name) for sign, names in groups.names.items() for name in names & named[sign].keys())
        places = sorted([*groups.free, *(n for key in here for n in groups.places[key])])
        return [selectors[n] for n in places]

    def first(self, selector: str, within: Element | None = None) -> Element | None:
        found = self.select(selector, within)
        return found[0] if found else None

    def _match(self, known: Plan) -> list[Element]:
        found: list[Element] = []
        for n, (part, keys) in enumerate(zip(known.parts, known.keys, strict=True)):
            if not n:
                found = self._fitting(part, keys)
            elif keys:
                inside = _child_of if part.child else _below_any
                tops = set(found)
                found = [e for e in self._fitting(part, keys) if inside(e, tops)]
            else:
                found = self._descend(found, part)
            if not found:
                return []
        return found

    def _fitting(self, part: Compound, keys: tuple[str, ...]) -> list[Element]:
        if part.single:
            return self._of(keys[0])
        if not keys:
            if not part.attrs:
                return self.tag(part.tag or "*")
            # A quick test first, since on most pages none of these attributes contains the substring.
            if any(op == "*=" and value not in self._values(part.tag, name) for name, op, value in part.attrs):
                return []
        # The selectors that are tried when rules are learned share most of their parts.
        same = part.tag, part.classes, part.ids, part.attrs
        found = self._fitted.get(same)
        if found is None:
            start = min(map(self._of, keys), key=len) if keys else self.tag(part.tag or "*")
            found = self._fitted[same] = [e for e in start if _fits(e, part)]
        return found

    def _values(self, tag: str, attr: str) -> str:
        """Returns one text with the values of an attribute, a value on each line, from all elements with this tag (""
        for any tag).
        """
        found = self._joined.get((tag, attr))
        if found is None:
            found = self._joined[tag, attr] = "\n".join(v for el in self.tag(tag or "*") if (v := el.get(attr)))
        return found

    def _descend(self, tops: list[Element], part: Compound) -> list[Element]:
        tag = part.tag or "*"
        found: dict[Element, None] = {}
        for top in tops:
            below = top.iterchildren(tag) if part.child else top.iterdescendants(tag)
            found.update(dict.fromkeys(e for e in below if _fits(e, part)) if part.attrs else dict.fromkeys(below))
        return list(found) if len(tops) == 1 else sorted(found, key=self.order.__getitem__)


def _child_of(el: Element, tops: set[Element]) -> bool:
    return el.getparent() in tops


def _below_any(el: Element, tops: set[Element]) -> bool:
    at = el.getparent()
    while at is not None:
        if at in tops:
            return True
        at = at.getparent()
    return False


def is_below(el: Element, top: Element) -> bool:
    """Returns True if `el` is `top` or a descendant of `top`."""
    at: Element | None = el
    while at is not None:
        if at is top:
            return True
        at = at.getparent()
    return False


def _fits(el: Element, part: Compound) -> bool:
    if part.tag and el.tag != part.tag:
        return False
    if part.ids and any(el.get("id") != ident for ident in part.ids):
        return False
    if part.classes:
        have = split_words(el.get("class") or "")
        if any(c not in have for c in part.classes):
            return False
    return all((has := el.get(name)) is not None and _matches(has, op, value) for name, op, value in part.attrs)


def _matches(has: str, op: str, value: str) -> bool:
    if op == "=":
        return has == value
    if op == "~=":
        return value in split_words(has)
    if op == "^=":
        return has.startswith(value)
    return not op or value in has


# Selectors in parsel's language: CSS with `::text` and `::attr(name)`, or XPath.

Found = Element | str
"""One item of a selector's result: an element, or a text (from `::text`, `::attr()` or an XPath that returns strings).
"""

_PREFIX = lazy_regex(r"\s*(css|xpath)=(.*)", re.DOTALL)
_AXES = (
    "ancestor|ancestor-or-self|attribute|child|descendant|descendant-or-self|following|following-sibling|parent|"
    "preceding|preceding-sibling|self"
)
_XPATH_START = lazy_regex(
    rf"\s*(?:/|\./|\.\.|\.\s*$|\(|@|\*\s*(?:/|\[\s*@)|(?:{_AXES})::(?!text\s*$|attr\()|(?:(?:re|set):)?[a-zA-Z][\w-]*\()"
)
_PSEUDO_TEXT = lazy_regex(r"\s*::text\s*(?=,|$)", re.IGNORECASE)
_PSEUDO_ATTRIBUTE = lazy_regex(r"::attr\([^()]*\)\s*(?:,|$)", re.IGNORECASE)
_XPATH_TEXT = lazy_regex(r"/{1,2}(?:child::)?text\(\)\s*$")
_XPATH_ATTRIBUTE = lazy_regex(r"(?:@|attribute::)[\w:.*-]+\s*$")
_XPATH_LITERAL = lazy_regex(r"'[^']*'|\"[^\"]*\"")
_XPATH_CALL = lazy_regex(r"(?<![\w:-])((?:[\w-]+:)?[a-zA-Z][\w.-]*)\s*\(")
_XPATH_VARIABLE = lazy_regex(r"\$([\w:.-]+)")
_XPATH_NAMESPACE = lazy_regex(r"(?<![\w:.-])([a-zA-Z_][\w.-]*):(?!:)")
_NODE_TESTS = frozenset(("comment", "node", "processing-instruction", "text"))
_XPATH_OPERATORS = frozenset(("and", "or", "div", "mod"))


def selector_of(root: Element) -> Selector:
    """Returns a parsel Selector for a page that lxml has already parsed."""
    return Selector(root=root, type="html")


def is_xpath(selector: str) -> bool:
    prefix = _PREFIX.match(selector)
    return prefix[1] == "xpath" if prefix else _XPATH_START.match(selector) is not None


def remove_selector_prefix(selector: str) -> str:
    """Returns a selector without its prefix "css=" or "xpath=", so that it can be passed to `response.css()` or
    `response.xpath()`.
    """
    prefix = _PREFIX.match(selector)
    return prefix[2] if prefix else selector


@lru_cache(maxsize=4_096)
def as_xpath(selector: str) -> str:
    """Translates a selector to the XPath that parsel evaluates. Raises `cssselect.SelectorError` for invalid CSS."""
    return remove_selector_prefix(selector) if is_xpath(selector) else css2xpath(remove_selector_prefix(selector))


def evaluate(page: Selector, selector: str) -> list[Found]:
    """Evaluates a selector with parsel; returns elements or texts in parsel's order. Numbers and booleans are returned
    as texts.

    Raises ValueError if parsel cannot evaluate the selector on this page, and `cssselect.SelectorError` if it cannot
    parse the selector.
    """
    try:
        found = page.xpath(as_xpath(selector))
    except (TypeError, re.error) as error:  # raised by functions written in Python, such as re:test()
        raise ValueError(f"{error} in {selector}") from error
    return [one.root if isinstance(one.root, (str, Element)) else str(one.get()) for one in found]


@lru_cache(maxsize=4_096)
def element_selector(selector: str) -> str:
    """Removes `::text` or `text()` from the end of a selector, so that it selects elements instead of their texts.
    Returns "" for a selector of an attribute.
    """
    if is_xpath(selector):
        return "" if _XPATH_ATTRIBUTE.search(selector) else _XPATH_TEXT.sub("", selector)
    return "" if _PSEUDO_ATTRIBUTE.search(selector) else _PSEUDO_TEXT.sub("", selector)


def selector_error(selector: str) -> str:
    """Returns parsel's error message for an invalid selector; "" if the selector is valid."""
    if not remove_selector_prefix(selector).strip():
        return "it is empty"
    try:
        evaluate(_probe(), selector)
    except (SelectorError, ValueError) as error:  # cssselect raises the first for CSS, parsel the second for XPath
        return " ".join(str(error).split()).removeprefix("XPath error: ")
    return next(_undefined_names(remove_selector_prefix(selector)), "") if is_xpath(selector) else ""


@cache
def _probe() -> Selector:
    return Selector(text="<html><body></body></html>", type="html")


def _undefined_names(xpath: str) -> Iterator[str]:
    """Yields an error message for each function, variable and namespace prefix in an XPath that parsel does not know.
    Evaluating the XPath would report them only if a page contained nodes for the part in which they are.
    """
    code = _XPATH_LITERAL.sub("''", xpath)
    for name in _XPATH_VARIABLE.findall(code):
        yield f"Undefined variable: there is no ${name}"
    for name in _XPATH_NAMESPACE.findall(code):
        if name not in _probe().namespaces:
            yield f"Undefined namespace prefix: {name}"
    for name in _XPATH_CALL.findall(code):
        if name not in _NODE_TESTS | _XPATH_OPERATORS and not _has_function(name):
            yield f"Unregistered function: {name}()"


@cache
def _has_function(name: str) -> bool:
    try:
        _probe().xpath(f"{name}()")
    except ValueError as error:
        return "Unregistered function" not in str(error)
    except TypeError:  # the function exists, but is written in Python and needs arguments
        return True
    return True
