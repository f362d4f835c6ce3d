"""How much of a page is read. Pages made to be slow, or broken beyond measure, keep their beginning.

The limits lie far beyond what articles have (10,000 tags, sixty levels, some 200,000 characters of text). They hold for
the tree, so that every rule that reads it is bounded with it. Ordinary pages are not even counted.
"""

from __future__ import annotations

import re
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
# There may be a tag with very many attributes: sixty quoted values, or a thousand characters without one. That is
# quickly asked; scripts that write markup answer to it too.
_SUSPECT = re.compile(
    rf"""<[a-zA-Z](?:[^<>"']{{0,999}}+{_QUOTED}){{0,59}}+(?:[^<>"']{{1000}}|[^<>"']*+{_QUOTED})"""
)
_ATTRIBUTE = rf"""[\s/]*+[^\s/>=][^\s/>=]*+(?:\s*+=\s*+(?:{_QUOTED}|[^\s>"'][^\s>]*+)?)?"""
# Tags as a browser reads them (HTML, section 13.2.5), past what only looks like one.
_TAG = re.compile(
    rf"""<!--(?:.*?-->|.*+)|<(?:(?P<raw>script|style|textarea)\b|[a-zA-Z][^\s/>]*+)(?P<all>(?:{_ATTRIBUTE})*+)"""
    r"""(?P<after>(?(raw)[\s/]*+>(?:.*?</(?P=raw)|.*+)|))""",
    re.DOTALL | re.IGNORECASE,
)
_ONE = re.compile(_ATTRIBUTE)
_MOST_LOOKS = 40
_MOST_EQUALS, _LONG = 4_000, 150_000
"""Equals signs, and characters, of a page up to which a single tag cannot hold the parser up for long."""
_LONG_TAG = re.compile("<[a-zA-Z][^<>]{6000}")


def cut(text: str) -> str:
    """The source up to the tag that is one too many, and no tag with more attributes than are read.

    The parser takes a time that is quadratic in the attributes of an element (minutes for 100,000), so that it
    must not see them.
    """
    if _has_too_many(text):
        text = _TAG.sub(_short, text)
    if len(text) < MOST_TAGS * 2 or text.count("<") <= MOST_TAGS:
        return text
    at = -1
    for _ in range(MOST_TAGS):
        at = text.find("<", at + 1)
    return text[:at]


def _has_too_many(text: str) -> bool:
    """Whether a tag has more attributes than are read. What looks like one is looked at, and the source is rewritten
    without a closer look where too much looks so."""
    if _one_has(text, _SUSPECT):
        return True
    # A stray quotation mark hides the tag from the count of quoted values, but not how long it is.
    return (text.count("=") > _MOST_EQUALS or len(text) > _LONG) and _one_has(text, _LONG_TAG)


def _one_has(text: str, suspects: re.Pattern[str]) -> bool:
    at = 0
    for _ in range(_MOST_LOOKS):
        suspect = suspects.search(text, at)
        if suspect is None:
            return False
        tag = _TAG.match(text, suspect.start())
        if tag is None or _short(tag) != tag[0]:
            return True
        at = suspect.start() + 1
    return True


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


def bound(root: Element) -> None:
    """Cuts what is too long or too many of a large page's tree, in place."""
    room = MOST_TEXT
    classes = MOST_CLASSES
    for el in root.iter("*"):
        for name, value in el.attrib.items():
            most = FEW if name == "class" and classes <= 0 else MOST_VALUE
            if len(value) > most:
                el.set(name, _fit(value[:most]))
            if name == "class":
                classes -= min(len(value), most)
        if el.text and el.tag not in _UNREAD:
            room = _cut(el, "text", el.text, room)
        if el.tail:
            room = _cut(el, "tail", el.tail, room)


def _cut(el: Element, where: str, value: str, room: int) -> int:
    most = max(min(room, MOST_RUN), 0)
    if len(value) > most:
        setattr(el, where, _fit(value[:most]))
    return room - min(len(value), most)


def _fit(text: str | bytes) -> str:
    """Without the characters that only entities can bring into a tree, and that may not be written to one."""
    return UNFIT.sub("", str(text))
