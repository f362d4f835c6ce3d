"""Small CSS selectors over one indexed page: what the platform tables are written in.

Elements are sorted by class, id and attribute once; a rule then costs a dictionary look-up instead of a walk,
so that some hundred rules can be asked of every page. Supported: tag, .class, #id, [attr],
[attr=value], [attr~=word], [attr^=start], [attr*=part], descendant (space) and child (>).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property

from lxml.etree import _Element as Element

_INDEXED = frozenset(
    ("itemprop", "rel", "property", "name", "itemtype", "role", "datetime", "data-hook", "typeof")
)
_PIECE = re.compile(
    r"(?P<child>\s*>\s*)|(?P<space>\s+)|\.(?P<cls>[\w-]+)|#(?P<id>[\w-]+)|"
    r"\[(?P<attr>[\w:-]+)(?:(?P<op>[~^*]?=)\"?(?P<val>[^\]\"]*)\"?)?\]|(?P<tag>\*|[a-z][a-z0-9]*)"
)


@dataclass(frozen=True, slots=True)
class _Compound:
    tag: str
    classes: tuple[str, ...]
    id: str
    attrs: tuple[tuple[str, str, str], ...]
    child: bool


@cache
def _parse(selector: str) -> tuple[_Compound, ...]:
    parts: list[_Compound] = []
    tag, ident, child, pos = "", "", False, 0
    classes: list[str] = []
    attrs: list[tuple[str, str, str]] = []
    while pos < len(selector):
        m = _PIECE.match(selector, pos)
        if not m:
            raise ValueError(f"not a selector this table language knows: {selector!r} at {pos}")
        pos = m.end()
        if m["child"] or m["space"]:
            if not (tag or ident or classes or attrs or selector[m.start() - 1 : m.start()] == "*"):
                raise ValueError(f"nothing stands before {m[0]!r} in the selector {selector!r}")
            parts.append(_Compound(tag, tuple(classes), ident, tuple(attrs), child))
            tag, ident, child, classes, attrs = "", "", bool(m["child"]), [], []
        elif m["cls"]:
            classes.append(m["cls"])
        elif m["id"]:
            ident = m["id"]
        elif m["attr"]:
            attrs.append((m["attr"], m["op"] or "", m["val"] or ""))
        else:
            tag = "" if m["tag"] == "*" else m["tag"]
    if child and not (tag or ident or classes or attrs or selector.endswith("*")):
        raise ValueError(f"nothing stands after '>' in the selector {selector!r}")
    parts.append(_Compound(tag, tuple(classes), ident, tuple(attrs), child))
    return tuple(parts)


def check(selector: str) -> str:
    """What is wrong with a selector, "" where nothing is."""
    try:
        _parse(selector.strip())
    except ValueError as error:
        return str(error)
    return "" if selector.strip() else "a selector is empty"


class Index:
    """The elements of one document by tag, class, id and the attributes that carry meaning, in document order.

    Each map is made at its first use, so that a page read by a site's learned rules pays for what they ask only.
    """

    def __init__(self, root: Element) -> None:
        self.root = root
        self._tags: dict[str, list[Element]] = {}

    @cached_property
    def order(self) -> dict[Element, int]:
        """Every element with its place in the document."""
        return {el: n for n, el in enumerate(self.root.iter("*"))}

    @cached_property
    def _classes(self) -> dict[str, list[Element]]:
        found: dict[str, list[Element]] = {}
        for el in self.root.iter("*"):
            if names := el.get("class"):
                for name in set(names.split()):
                    found.setdefault(name, []).append(el)
        return found

    @cached_property
    def _ids(self) -> dict[str, list[Element]]:
        found: dict[str, list[Element]] = {}
        for el in self.root.iter("*"):
            if ident := el.get("id"):
                found.setdefault(ident, []).append(el)
        return found

    @cached_property
    def _attrs(self) -> dict[str, list[Element]]:
        found: dict[str, list[Element]] = {}
        for el in self.root.iter("*"):
            for attr in el.keys():  # noqa: SIM118 (an element is no dictionary)
                if attr in _INDEXED:
                    found.setdefault(str(attr), []).append(el)
        return found

    def tag(self, *names: str) -> list[Element]:
        """All elements of these tags, in document order."""
        if len(names) > 1:
            return list(self.root.iter(*names))
        found = self._tags.get(names[0])
        if found is None:
            found = self._tags[names[0]] = list(self.root.iter(names[0]))
        return found

    def classes(self) -> Iterable[str]:
        return self._classes

    def with_class(self, name: str) -> list[Element]:
        return self._classes.get(name, [])

    def select(self, selector: str, within: Element | None = None) -> list[Element]:
        """The elements a selector means, in document order; `within` leaves those below one element."""
        found = self._match(_parse(selector))
        if within is not None and within is not self.root:
            found = [e for e in found if is_below(e, within)]
        return found

    def _match(self, parts: tuple[_Compound, ...]) -> list[Element]:
        last = parts[-1]
        if len(parts) == 1:
            return [e for e in self._start(last) if _fits(e, last)]
        # From the outside in: most rules name a class that the page does not have at all.
        outer = self._match(parts[:-1])
        if not outer:
            return []
        found: dict[Element, None] = {}
        for top in outer:
            below = top.iterchildren(last.tag or "*") if last.child else top.iterdescendants(last.tag or "*")
            found.update((e, None) for e in below if _fits(e, last))
        return list(found) if len(outer) == 1 else sorted(found, key=self.order.__getitem__)

    def first(self, selector: str, within: Element | None = None) -> Element | None:
        found = self.select(selector, within)
        return found[0] if found else None

    def _start(self, part: _Compound) -> list[Element]:
        if part.id:
            return self._ids.get(part.id, [])
        if part.classes:
            return min((self._classes.get(c, []) for c in part.classes), key=len)
        for name, _, _ in part.attrs:
            if name in _INDEXED:
                return self._attrs.get(name, [])
        return self.tag(part.tag or "*")


def is_below(el: Element, top: Element) -> bool:
    """Whether `el` is `top` or stands below it."""
    at: Element | None = el
    while at is not None:
        if at is top:
            return True
        at = at.getparent()
    return False


def _fits(el: Element, part: _Compound) -> bool:
    if part.tag and el.tag != part.tag:
        return False
    if part.id and el.get("id") != part.id:
        return False
    if part.classes:
        have = (el.get("class") or "").split()
        if any(c not in have for c in part.classes):
            return False
    for name, op, want in part.attrs:
        value = el.get(name)
        if value is None:
            return False
        if (op == "=" and value.strip() != want) or (op == "~=" and want not in value.split()):
            return False
        if (op == "^=" and not value.startswith(want)) or (op == "*=" and want not in value):
            return False
    return True
