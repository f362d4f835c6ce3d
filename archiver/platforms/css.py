"""The CSS selectors that a page's index answers itself, compiled from cssselect's parsed tree.

These are: tag, `*`, .class, #id, [attribute], [attribute=value], [attribute~=word], [attribute^=start],
[attribute*=part], below (a space), child (>), and `::attr(name)` at the end. Everything else has no plan, and parsel
answers it. tests/platforms/test_selectors.py proves that both give the same elements in the same order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from cssselect import SelectorError, parser

from archiver.platforms.expressions import bare, is_xpath

INDEXED = frozenset(
    (
        "itemprop", "rel", "property", "name", "itemtype", "role", "datetime", "data-hook", "typeof",
        "data-drupal-selector",
    )
)
_OPERATORS = frozenset(("exists", "=", "~=", "^=", "*="))
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.-]*")
_WORD = re.compile(r"[^ \t\r\n]+")


@dataclass(frozen=True, slots=True)
class Compound:
    """What one element must be. `child`: a child of what the compound before it means, not just below it."""

    tag: str
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    attrs: tuple[tuple[str, str, str], ...]
    child: bool

    @property
    def single(self) -> bool:
        """Whether it is one class or one id, so that whatever is looked up by it fits."""
        return not self.tag and not self.attrs and len(self.classes) + len(self.ids) == 1


@dataclass(frozen=True, slots=True)
class Plan:
    """How the index finds a selector. `keys`: for each part what elements are looked up by; `needs`: all of these,
    without which it finds nothing. A key is ".class", "#id", "[attribute" or "=attribute=word". `attribute`: the
    attribute whose values are asked for, "" for the elements.
    """

    parts: tuple[Compound, ...]
    needs: frozenset[str]
    keys: tuple[tuple[str, ...], ...]
    attribute: str


def words(value: str) -> list[str]:
    """The words of an attribute as XPath separates them: at space, tab and line ends, and at no other character."""
    if value.isascii() and value.isprintable():
        return value.split()
    return _WORD.findall(value)


@lru_cache(maxsize=16_384)
def plan(selector: str) -> Plan | None:
    """How the index finds a selector, None where parsel has to."""
    if is_xpath(selector):
        return None
    try:
        found = parser.parse(bare(selector))
    except SelectorError:
        return None  # parsel says what is wrong
    if len(found) != 1:
        return None
    parts = _parts(found[0].parsed_tree)
    attribute = _attribute(found[0].pseudo_element)
    if parts is None or attribute is None or (attribute and _is_any(parts[-1])):
        return None
    keys = tuple(_keys(part) for part in parts)
    return Plan(parts, frozenset(k for some in keys for k in some), keys, attribute)


@cache
def by_need(selectors: tuple[str, ...]) -> tuple[frozenset[str], dict[str, list[int]], list[int]]:
    """A table of selectors, for asking which of them can find something on a page: the first key that each needs, the
    positions of the selectors by that key, and the positions of those that need no key or have no plan."""
    first: dict[str, list[int]] = {}
    free: list[int] = []
    for n, selector in enumerate(selectors):
        known = plan(selector)
        needs = sorted(known.needs) if known is not None else ()
        (first.setdefault(needs[0], []) if needs else free).append(n)
    return frozenset(first), first, free


def _attribute(pseudo: parser.PseudoElement | None) -> str | None:
    """The name in ::attr(name), "" without a pseudo-element, None for what the index does not answer."""
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
        elif isinstance(tree, parser.Attrib) and (attr := _attrib(tree)) is not None:
            attrs.append(attr)
        else:
            return None
        tree = tree.selector
    if tree.namespace or (tree.element and not _NAME.fullmatch(tree.element)):
        return None
    if not all(name.isprintable() and words(name) == [name] for name in (*classes, *ids)):
        return None
    return Compound((tree.element or "").lower(), tuple(classes[::-1]), tuple(ids[::-1]), tuple(attrs[::-1]), child)


def _attrib(tree: parser.Attrib) -> tuple[str, str, str] | None:
    """Name, operator ("" where the attribute only has to be there) and value of an attribute test."""
    if tree.namespace or tree.flag or tree.operator not in _OPERATORS or not _NAME.fullmatch(tree.attrib):
        return None
    if tree.operator == "exists":
        return tree.attrib.lower(), "", ""
    value = (tree.value.value if tree.value is not None else None) or ""
    # Of an empty value or word CSS says that nothing has it.
    if not value.isprintable() or (tree.operator != "=" and not value) or (
            tree.operator == "~=" and words(value) != [value]):
        return None
    return tree.attrib.lower(), tree.operator, value


def _is_any(part: Compound) -> bool:
    return not (part.tag or part.classes or part.ids or part.attrs)


def _keys(part: Compound) -> tuple[str, ...]:
    """What an element is looked up by: its id, else its classes, else an attribute; nothing where only a tag is given.
    """
    if part.ids:
        return (f"#{part.ids[0]}",)
    if part.classes:
        return tuple(f".{name}" for name in part.classes)
    for name, op, want in part.attrs:
        if name in INDEXED:
            # A word of the value, where the selector asks for one: few elements have it.
            whole = op in ("=", "~=") and words(want) == [want]
            return (f"={name}={want}" if whole else f"[{name}",)
    return ()
