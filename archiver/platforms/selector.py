"""The selectors of the platform tables on one page: an index answers what it can, parsel the rest.

Elements are sorted by class, id and attribute once. A selector then costs a dictionary look-up instead of a walk of
the tree, so that hundreds of them can be asked of every page. `css.plan` says which selectors the index answers; what
they mean is what parsel answers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from itertools import accumulate

from lxml.etree import _Element as Element
from parsel import Selector

from archiver.platforms.css import INDEXED, Compound, Plan, by_need, plan, words
from archiver.platforms.expressions import Found, evaluate, selector_of

_Map = dict[str, list[Element]]


class Index:
    """The elements of one document by tag, class, id and the attributes that carry meaning, in document order.

    Each map is made at its first use, so that a page read by a site's learned rules pays for what they ask only.
    """

    def __init__(self, root: Element) -> None:
        self.root = root
        self._tags: dict[str, list[Element]] = {}
        self._found: dict[str, list[Element]] = {}
        self._with: dict[str, list[Element]] = {}
        self._joined: dict[tuple[str, str], str] = {}
        self._answers: dict[str, list[Found]] = {}

    @cached_property
    def selector(self) -> Selector:
        """The document as parsel has it: `.css()` and `.xpath()` as on Scrapy's responses."""
        return selector_of(self.root)

    @cached_property
    def elements(self) -> list[Element]:
        """Every element in document order. While this is kept, lxml need not make an element anew at each walk."""
        return list(self.root.iter("*"))

    @cached_property
    def order(self) -> dict[Element, int]:
        """Every element with its place in the document."""
        return {el: n for n, el in enumerate(self.elements)}

    @cached_property
    def texts(self) -> dict[Element, tuple[str, str]]:
        """The text and the tail of every element in document order, "" where there is none."""
        return {el: (el.text or "", el.tail or "") for el in self.elements}

    @cached_property
    def _letters(self) -> tuple[list[int], list[int]]:
        """How many characters stand in the texts and in the tails of the elements before each, space around aside."""
        texts, tails = zip(*self.texts.values(), strict=True)
        return (
            list(accumulate(map(len, map(str.strip, texts)), initial=0)),
            list(accumulate(map(len, map(str.strip, tails)), initial=0)),
        )

    def end(self, el: Element) -> int:
        """The place after an element and all that is below it."""
        last = el
        while len(last):
            last = last[-1]
        return self.order[last] + 1

    def text_length(self, el: Element) -> int:
        """Characters of the texts in an element, white space around each aside."""
        texts, tails = self._letters
        start, end = self.order[el], self.end(el)
        return texts[end] - texts[start] + tails[end] - tails[start + 1]

    @cached_property
    def _maps(self) -> tuple[_Map, _Map, _Map]:
        """Elements by all of their class attribute (one is often that of many), by id, by each attribute of INDEXED."""
        by_names: _Map = {}
        ids: _Map = {}
        attrs: _Map = {}
        of = {"class": by_names, "id": ids}
        pairs: Iterable[tuple[str, str]]
        for el in self.elements:
            pairs = el.items()  # type: ignore[assignment]
            for name, value in pairs:
                key = value
                found = of.get(name)
                if found is None:
                    if name not in INDEXED:
                        continue
                    found, key = attrs, name
                elif not value:
                    continue
                have = found.get(key)
                if have is None:
                    found[key] = [el]
                else:
                    have.append(el)
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
        """The class attributes that hold a class."""
        found: dict[str, list[str]] = {}
        for names in self._by_names:
            for name in set(words(names)):
                have = found.get(name)
                if have is None:
                    found[name] = [names]
                else:
                    have.append(names)
        return found

    @cached_property
    def _words(self) -> dict[str, list[Element]]:
        """Elements by attribute and each word of its value: "rel=tag"."""
        found: dict[str, list[Element]] = {}
        for attr, elements in self._attrs.items():
            for el in elements:
                for word in set(words(el.get(attr) or "")):
                    found.setdefault(f"{attr}={word}", []).append(el)
        return found

    @cached_property
    def _keys(self) -> set[str]:
        """All that elements are looked up by, as `css.Plan.needs` has it."""
        return {
            *(f".{name}" for name in self._names), *(f"#{ident}" for ident in self._ids),
            *(f"[{attr}" for attr in self._attrs), *(f"={word}" for word in self._words),
        }  # fmt: skip

    def _of(self, key: str) -> list[Element]:
        sign, name = key[0], key[1:]
        if sign == ".":
            return self.with_class(name)
        return (self._ids if sign == "#" else self._attrs if sign == "[" else self._words)[name]

    def tag(self, *names: str) -> list[Element]:
        """All elements of these tags, in document order."""
        if len(names) > 1:
            return list(self.root.iter(*names))
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

    def classes(self) -> Iterable[str]:
        return self._names

    def with_class(self, name: str) -> list[Element]:
        found = self._with.get(name)
        if found is None:
            found = [el for names in self._names.get(name, ()) for el in self._by_names[names]]
            if len(self._names.get(name, ())) > 1:
                found.sort(key=self.order.__getitem__)
            self._with[name] = found
        return found

    def by_parsel(self, selector: str) -> list[Found]:
        """What parsel itself answers: for a site's own rules and for whatever else a person writes."""
        found = self._answers.get(selector)
        if found is None:
            found = self._answers[selector] = evaluate(self.selector, selector)
        return found[:]

    def answer(self, selector: str) -> list[Found]:
        """What parsel would answer, by the index where it can: for trying out hundreds of selectors."""
        known = plan(selector)
        if known is None:
            return self.by_parsel(selector)
        if not known.attribute:
            return [*self._planned(selector, known)]
        values = (el.get(known.attribute) for el in self._planned(selector, known))
        return [value for value in values if value is not None]

    def select(self, selector: str, within: Element | None = None) -> list[Element]:
        """The elements that a selector means, in document order; `within` leaves those below one element."""
        known = plan(selector)
        found = self._planned(selector, known) if known is not None else [
            one for one in self.by_parsel(selector) if not isinstance(one, str)]
        if within is not None and within is not self.root:
            return [e for e in found if is_below(e, within)]
        return found[:]

    def _planned(self, selector: str, known: Plan) -> list[Element]:
        found = self._found.get(selector)
        if found is None:
            # Most rules name a class that the page does not have at all.
            if not known.needs <= self._keys:
                return []
            found = self._found[selector] = self._match(known)
        return found

    def present(self, selectors: tuple[str, ...]) -> list[str]:
        """The selectors of a table that can find something here, in their order: most name what the page does not have.
        """
        needed, first, free = by_need(selectors)
        places = sorted([*free, *(n for key in needed & self._keys for n in first[key])])
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
        if keys:
            start = min(map(self._of, keys), key=len)
            if part.single:
                return start
        else:
            start = self.tag(part.tag or "*")
            # Few pages hold the piece of an address that a rule asks for at all.
            if any(op == "*=" and want not in self._values(part.tag, name) for name, op, want in part.attrs):
                return []
        return [e for e in start if _fits(e, part)]

    def _values(self, tag: str, attr: str) -> str:
        """All values of an attribute of the elements of a tag, one a line."""
        found = self._joined.get((tag, attr))
        if found is None:
            found = self._joined[tag, attr] = "\n".join(v for el in self.tag(tag or "*") if (v := el.get(attr)))
        return found

    def _descend(self, tops: list[Element], part: Compound) -> list[Element]:
        tag = part.tag or "*"
        found: dict[Element, None] = {}
        for top in tops:
            below = top.iterchildren(tag) if part.child else top.iterdescendants(tag)
            found.update((e, None) for e in below if _fits(e, part))
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
    """Whether `el` is `top` or stands below it."""
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
        have = words(el.get("class") or "")
        if any(c not in have for c in part.classes):
            return False
    return all((value := el.get(name)) is not None and _holds(value, op, want) for name, op, want in part.attrs)


def _holds(value: str, op: str, want: str) -> bool:
    if op == "=":
        return value == want
    if op == "~=":
        return want in words(value)
    if op == "^=":
        return value.startswith(want)
    return not op or want in value
