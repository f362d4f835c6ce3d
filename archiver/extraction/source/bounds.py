"""How much of a page is read. Pages made to be slow, or broken beyond measure, keep their beginning.

The limits lie far beyond what articles have (10,000 tags, sixty levels, some 200,000 characters of text). They hold for
the tree, so that every rule that reads it is bounded with it. Ordinary pages are not even counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from lxml import etree
from lxml.etree import _Element as Element

from archiver.extraction.source.decode import UNFIT

LARGE = 400_000
"""Characters of source from which on a page is looked at; below, no part can be too large."""
MOST_TAGS = 40_000
MOST_DEPTH = 120
"""Levels of elements. What lies deeper is text of the last one: rules ask elements for all that stand above them."""
MOST_TEXT = 1_500_000
MOST_RUN = 300_000
"""Characters of one text node."""
MOST_ATTRIBUTES = 500
MOST_VALUE = 20_000
"""Characters of an attribute. What is longer is data (an image, a program's state), no class and no name."""
MOST_CLASSES, FEW = 500_000, 60
"""Characters of all class attributes, and of each one after those."""

_UNREAD = frozenset({"script", "style"})
_QUOTED = """(?:"[^"]*+"|'[^']*+')"""
# Tags, end tags too, that are no longer than tags are, each read once from its name to its end (HTML, section 13.2.5):
# quotation marks count after a sign of equality, scripts and comments are passed. Where this stops short of the end of
# a source there may be a tag with very many attributes.
_INSIDE = rf"(?:[^>=]{{1,20}}+|=\s*+{_QUOTED}?){{0,1500}}+(?:>|$)"
_RAW_NAMES = ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes")
_RAW = "|".join(rf"(?i:{name})\b{_INSIDE}(?:[^<]++|<(?!/(?i:{name})))*+" for name in _RAW_NAMES)
# A comment ends at "-->" and at "--!>"; "<!-->" and "<!--->" are whole ones.
_COMMENT = r"!--(?!-?>)(?:[^-]++|-(?!-!?>))*+"
_ORDINARY = re.compile(
    rf"""(?:[^<]++|<(?:{_COMMENT}|(?=[sStTxXiInN])(?:{_RAW})|/?[a-zA-Z]{_INSIDE}|(?!/?[a-zA-Z])))*+"""
)
_ATTRIBUTE = rf"""[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:{_QUOTED}|[^\s>"'][^\s>]*+)?)?"""
# The same tags, slowly: what a browser takes for attributes.
_TAG = re.compile(
    rf"""<!--(?:-?>|.*?--!?>|.*+)|<(?:(?P<raw>{"|".join(_RAW_NAMES)})\b|/?[a-zA-Z][^\s/>]*+)(?P<all>(?:{_ATTRIBUTE})*+)"""
    r"""(?P<after>(?(raw)[\s/]*+>(?:.*?</(?P=raw)|.*+)|))""",
    re.DOTALL | re.IGNORECASE,
)
_ONE = re.compile(_ATTRIBUTE)


def cut(text: str) -> str:
    """The source up to the tag that is one too many, and no tag with more attributes than are read.

    The parser takes a time that is quadratic in the attributes of an element (minutes for 100,000), so that it
    must not see them.
    """
    if (ordinary := _ORDINARY.match(text)) is None or ordinary.end() < len(text):
        text = _TAG.sub(_short, text)
    if len(text) < MOST_TAGS * 2 or text.count("<") <= MOST_TAGS:
        return text
    at = -1
    for _ in range(MOST_TAGS):
        at = text.find("<", at + 1)
    return text[:at]


def _short(tag: re.Match[str]) -> str:
    given = tag["all"] or ""
    if len(given) < MOST_ATTRIBUTES * 2:
        return tag[0]
    found = list(islice(_ONE.finditer(given), MOST_ATTRIBUTES + 1))
    if len(found) <= MOST_ATTRIBUTES:
        return tag[0]
    return tag[0][: tag.start("all") - tag.start()] + given[: found[-1].start()] + tag["after"]


_TOO_DEEP = etree.XPath("/*" * MOST_DEPTH)


def flatten(root: Element) -> None:
    """Makes text of what is nested too deeply, in place."""
    found: list[Element] = _TOO_DEEP(root)  # type: ignore[assignment]
    for el in found:
        text = " ".join(str(t) for t in el.itertext() if t.strip())
        del el[:]
        el.text = _fit(text)


_LONG_VALUES = etree.XPath(f"//*[@*[string-length() > {MOST_VALUE}]]")


def bound(root: Element, size: int) -> None:
    """Cuts what is too long or too many of a large page's tree, in place. `size`: characters of its source."""
    few = size <= min(MOST_CLASSES, MOST_TEXT)  # only one value, one text can be too long
    some: Iterable[Element] = _LONG_VALUES(root) if few else root.iter("*")  # type: ignore[assignment]
    classes = MOST_CLASSES
    for el in some:
        for name, value in el.attrib.items():
            most = FEW if name == "class" and classes <= 0 else MOST_VALUE
            if len(value) > most:
                el.set(name, _fit(value[:most]))
            if name == "class":
                classes -= min(len(value), most)
    room = MOST_TEXT
    for el in root.iter("*"):
        if (text := el.text) and el.tag not in _UNREAD:
            room = _cut(el, "text", text, room)
        if tail := el.tail:
            room = _cut(el, "tail", tail, room)


def _cut(el: Element, where: str, value: str, room: int) -> int:
    most = max(min(room, MOST_RUN), 0)
    if len(value) > most:
        setattr(el, where, _fit(value[:most]))
    return room - min(len(value), most)


def _fit(text: str | bytes) -> str:
    """Without the characters that only entities can bring into a tree, and that may not be written to one."""
    return UNFIT.sub("", str(text))
