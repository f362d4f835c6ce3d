"""What a selector of the platform tables says: parsed once, with what a page must have for it to mean anything.

Supported: tag, .class, #id, [attr], [attr=value], [attr~=word], [attr^=start], [attr*=part], descendant (space) and
child (>).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

INDEXED = frozenset(
    (
        "itemprop", "rel", "property", "name", "itemtype", "role", "datetime", "data-hook", "typeof",
        "data-drupal-selector",
    )
)
_PIECE = re.compile(
    r"(?P<child>\s*>\s*)|(?P<space>\s+)|\.(?P<cls>[\w-]+)|#(?P<id>[\w-]+)|"
    r"\[(?P<attr>[\w:-]+)(?:(?P<op>[~^*]?=)\"?(?P<val>[^\]\"]*)\"?)?\]|(?P<tag>\*|[a-z][a-z0-9]*)"
)


@dataclass(frozen=True, slots=True)
class Compound:
    tag: str
    classes: tuple[str, ...]
    id: str
    attrs: tuple[tuple[str, str, str], ...]
    child: bool

    @property
    def bare(self) -> bool:
        """Whether it is one class or one id, so that what is looked up by it fits."""
        return not self.tag and not self.attrs and len(self.classes) + bool(self.id) == 1


@cache
def parse(selector: str) -> tuple[Compound, ...]:
    parts: list[Compound] = []
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
            parts.append(Compound(tag, tuple(classes), ident, tuple(attrs), child))
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
    parts.append(Compound(tag, tuple(classes), ident, tuple(attrs), child))
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a selector is found. `keys`: for each part what elements are looked up by; `needs`: all of these, without
    which it means nothing on a page. A key is ".class", "#id", "[attribute" or "=attribute=word".
    """

    parts: tuple[Compound, ...]
    needs: frozenset[str]
    keys: tuple[tuple[str, ...], ...]


@cache
def parsed(selector: str) -> Plan:
    parts = parse(selector)
    keys = tuple(_keys(part) for part in parts)
    return Plan(parts, frozenset(k for some in keys for k in some), keys)


@cache
def by_need(selectors: tuple[str, ...]) -> tuple[frozenset[str], dict[str, list[int]], list[int]]:
    """A table of selectors for asking which of them may mean something on a page: all that they need first, the
    places of those that need one thing or more by the first of these, and of those that need nothing."""
    first: dict[str, list[int]] = {}
    free: list[int] = []
    for n, selector in enumerate(selectors):
        needs = sorted(parsed(selector).needs)
        (first.setdefault(needs[0], []) if needs else free).append(n)
    return frozenset(first), first, free


def _keys(part: Compound) -> tuple[str, ...]:
    """What an element is looked up by: its id, else its classes, else an attribute; none where only a tag is told."""
    if part.id:
        return (f"#{part.id}",)
    if part.classes:
        return tuple(f".{name}" for name in part.classes)
    for name, op, want in part.attrs:
        if name in INDEXED:
            # A word of the value, where the selector asks for one: few elements have it.
            whole = op in ("=", "~=") and want.split() == [want]
            return (f"={name}={want}" if whole else f"[{name}",)
    return ()


def check(selector: str) -> str:
    """What is wrong with a selector, "" where nothing is."""
    try:
        parse(selector.strip())
    except ValueError as error:
        return str(error)
    return "" if selector.strip() else "a selector is empty"
