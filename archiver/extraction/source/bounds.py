"""Limits on how much of a page is read. Pages built to be slow, or badly broken, keep their beginning.

The limits are far above what articles have (10,000 tags, sixty levels, some 200,000 characters of text). They apply to
the tree, so every rule that reads it is bounded too. Ordinary pages are not even counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from lxml import etree
from lxml.etree import _Element as Element

from archiver.extraction.source.decode import UNFIT

LARGE = 400_000
"""Characters of source from which a page is checked; in a smaller one no part can be too large."""
MOST_TAGS = 40_000
MOST_DEPTH = 120
"""Levels of elements. Deeper text belongs to the last level, since rules ask elements for all their ancestors."""
MOST_TEXT = 1_500_000
MOST_RUN = 300_000
"""Characters of one text node."""
MOST_ATTRIBUTES = 500
MOST_VALUE = 20_000
"""Characters of an attribute. Longer ones are data (an image, a program's state), not a class or a name."""
MOST_CLASSES, FEW = 500_000, 60
"""Characters of all class attributes together; after that each one is cut to this."""

_UNREAD = frozenset({"script", "style"})
_QUOTED = """(?:"[^"]*+"|'[^']*+')"""
# Tags and end tags of ordinary length, each read once from its name to its end (HTML, section 13.2.5): quotation
# marks count after "=", scripts and comments are skipped. If this stops before the end of a source, a tag with very
# many attributes may follow.
_INSIDE = rf"(?:[^>=]{{1,20}}+|=\s*+{_QUOTED}?){{0,1500}}+(?:>|$)"
_RAW_NAMES = ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes")
_RAW = "|".join(rf"(?i:{name})\b{_INSIDE}(?:[^<]++|<(?!/(?i:{name})))*+" for name in _RAW_NAMES)
# A comment ends at "-->" or "--!>"; "<!-->" and "<!--->" are complete comments.
_COMMENT = r"!--(?!-?>)(?:[^-]++|-(?!-!?>))*+"
_ORDINARY = re.compile(
    rf"""(?:[^<]++|<(?:{_COMMENT}|(?=[sStTxXiInN])(?:{_RAW})|/?[a-zA-Z]{_INSIDE}|(?!/?[a-zA-Z])))*+"""
)
_ATTRIBUTE = rf"""[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:{_QUOTED}|[^\s>"'][^\s>]*+)?)?"""
# The same tags, slowly: with the attributes as a browser reads them.
_TAG = re.compile(
    rf"""<!--(?:-?>|.*?--!?>|.*+)|<(?:(?P<raw>{"|".join(_RAW_NAMES)})\b|/?[a-zA-Z][^\s/>]*+)(?P<all>(?:{_ATTRIBUTE})*+)"""
    r"""(?P<after>(?(raw)[\s/]*+>(?:.*?</(?P=raw)|.*+)|))""",
    re.DOTALL | re.IGNORECASE,
)
_ONE = re.compile(_ATTRIBUTE)


def cut(text: str) -> str:
    """The source up to the first tag above the limit, without tags that have more attributes than are read.

    The parser takes quadratic time in the attributes of an element (minutes for 100,000), so it must not see them.
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
    """Turns elements that are nested too deeply into text, in place."""
    found: list[Element] = _TOO_DEEP(root)  # type: ignore[assignment]
    for el in found:
        text = " ".join(str(t) for t in el.itertext() if t.strip())
        del el[:]
        el.text = _fit(text)


_LONG_VALUES = etree.XPath(f"//*[@*[string-length() > {MOST_VALUE}]]")


def bound(root: Element, size: int) -> None:
    """Cuts what is too long or too many in a large page's tree, in place. `size`: characters of its source."""
    few = size <= min(MOST_CLASSES, MOST_TEXT)  # only one value or one text can be too long
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
    """Removes characters that only entities can bring into a tree, and that may not be written to one."""
    return UNFIT.sub("", str(text))
