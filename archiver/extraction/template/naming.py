"""Names for an element that fit its like on the site's other pages: the selectors a rule may be made of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml.etree import _Element as Element

from archiver.platforms.css import words

# What numbers one page among others ("post-123", "page-id-7", "comment_9"), or is made anew by each build.
# A post's terms as well ("tag-maps"), but not the parts of a template that hold them ("tag-links", "author-name").
_OF_ONE_PAGE = re.compile(
    r"\d{2,}|[_-]\d+$|^\d|^(?:category|tag|author|term|label|status|format|type)-(?!(?:links?|lists?|names?|labels?|"
    r"titles?|box|info|meta|items?|wrap|wrapper|container|content|text|date|time|header|line|block|area|section|group|"
    r"bar|by|avatar|bio|card)\b)"
)
_TAG = re.compile(r"^[a-z][a-z0-9]*$")
_PLAIN = re.compile(r"^[a-zA-Z][\w-]*$")
_IDENTIFIER = re.compile(r"-?[a-zA-Z_][a-zA-Z0-9_-]*")
_ATTRIBUTE = re.compile(r"::attr\(([\w-]+)\)$")
_UNQUOTABLE = frozenset("]\"'\\")
_VALUES = (("itemprop", "~="), ("rel", "~="), ("property", "="), ("name", "="), ("role", "="))
_NO_ANCHOR = frozenset(("html", "body"))
_UP = 5
_MOST_CLASSES = 6


# Words by which template authors name the parts of a post: a name that has one outlives the next change of layout.
_TELLING = re.compile(
    r"title|headline|author|byline|vcard|date|time|publish|posted|categor|tag|label|topic|entry|post|article|story|"
    r"content|body|text",
    re.IGNORECASE,
)


def clarity(selector: str) -> tuple[int, int, int]:
    """How well a selector would be remembered by a person, more is better: said by the element itself, in a word
    that means a part of a post, briefly."""
    selector = _ATTRIBUTE.sub("", selector).replace("'", "")
    own = selector.rpartition(" ")[2]
    named = any(c in own for c in ".#[")
    telling = named and bool(_TELLING.search(own.partition(".")[2] or own))
    return 2 * named - selector.count(" "), telling, -len(selector)


def own_names(el: Element) -> list[str]:
    """Selectors of one element by what it says of itself, most telling first; its bare tag is none of them."""
    tag = el.tag if isinstance(el.tag, str) and _TAG.match(el.tag) else ""
    out = [f"{tag}[{attr}{op}{v}]" for attr, op in _VALUES for v in _values(el, attr, op)]
    classes = [c for c in words(el.get("class") or "") if _PLAIN.match(c) and not _OF_ONE_PAGE.search(c)]
    out += [f"{tag}.{c}" for c in classes[:_MOST_CLASSES]]
    if len(classes) > 1:
        out.append(tag + "".join(f".{c}" for c in classes[:3]))
    ident = el.get("id") or ""
    if _PLAIN.match(ident) and not _OF_ONE_PAGE.search(ident):
        out.append(f"{tag}#{ident}")
    return out


def _values(el: Element, attr: str, op: str) -> list[str]:
    value = el.get(attr) or ""
    if len(value) > 60:
        return []
    parts = words(value) if op == "~=" else [value]
    return [_quoted(v) for v in parts if v.strip() and v.isprintable() and _UNQUOTABLE.isdisjoint(v)]


def _quoted(value: str) -> str:
    """A value as CSS takes it: what is no identifier stands in quotation marks."""
    return value if _IDENTIFIER.fullmatch(value) else f"'{value}'"


def with_attribute(selector: str, attribute: str) -> str:
    """A selector of elements as one of the values of an attribute; of the elements themselves where that is ""."""
    return f"{selector}::attr({attribute})" if attribute else selector


def attribute_of(selector: str) -> str:
    """The attribute that a selector made here asks for, "" where it asks for elements."""
    found = _ATTRIBUTE.search(selector)
    return found[1] if found else ""


def names_for(el: Element) -> Iterator[str]:
    """Selectors that mean this element: its own names, these or its tag below a named ancestor, a tag that is
    hardly used twice (h1, time)."""
    own = own_names(el)
    yield from own
    tag = str(el.tag)
    if not _TAG.match(tag):
        return
    if tag in ("h1", "time", "main", "article"):
        yield tag
    parent, step = el.getparent(), 0
    while parent is not None and step < _UP and parent.tag not in _NO_ANCHOR:
        for anchor in own_names(parent)[:4]:
            if step == 0:
                yield f"{anchor} > {tag}"
            yield f"{anchor} {tag}"
            for name in own[:3]:
                yield f"{anchor} {name}"
        parent, step = parent.getparent(), step + 1
