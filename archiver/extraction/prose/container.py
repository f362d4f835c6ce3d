"""Finds the element that contains the text: the one with the heaviest blocks, where prose adds and links subtract."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml.etree import _Element as Element

from archiver.extraction.prose.layout import Block, Layout, covered
from archiver.extraction.prose.noise import LONG
from archiver.extraction.prose.prune import HEADINGS

_SENTENCE_END = re.compile(r"[.!?…。！？؟۔।։።:;][\"'”’»)\]）」』]*\s*$")
_NO_TEXT = frozenset({"nav", "aside", "footer", "form"})
_WHOLE = frozenset({"body", "main", "article", *HEADINGS})
_PART = frozenset({"p", "li", "ul", "ol", "dl", "table", "tbody", "tr", "blockquote", "figure", "pre", *HEADINGS})
_LINKS, _LABEL, _HEAD = -10.0, -4.0, 5.0
KEEP, NAMED = 0.9, 0.6
_TEXT_NAME = re.compile(
    r"(?:^|[\s_-])(?:article|post|entry|story|blog|news|content|detail|page)[\s_-]*(?:body|content|text|copy|main|"
    r"detail|inner)"
    r"(?:$|[\s_-])|(?:^|[\s_-])(?:rich-?text|prose|markdown(?:-body)?|wysiwyg|articlebody|w-richtext|rte|"
    r"body-?(?:copy|text|content))(?:$|[\s_-])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Span:
    """The blocks of one element, from `lo` to `hi`, and their weight."""

    weight: float
    element: Element
    lo: int
    hi: int

    def is_apart_from(self, lo: int, hi: int) -> bool:
        return self.hi <= lo or self.lo >= hi


def weights(layout: Layout) -> list[float]:
    """How much each block says that an element contains the text: the letters of prose, less for links and labels."""
    blocks = layout.blocks
    prose = layout.sums([b.size - b.linked if b.size > 80 and b.linked < 0.4 * b.size else 0.0 for b in blocks])
    out = list(map(_weight, blocks))
    for word, spans in _silent_spans(layout, prose).items():
        # A name that most of the page has says nothing.
        if word in LONG or covered(spans, prose) <= 0.6 * prose[-1]:
            for a, z in spans:
                out[a:z] = [0.0] * (z - a)
    return out


def _weight(b: Block) -> float:
    free = b.size - b.linked
    if b.linked > 0.6 * b.size:
        return _LINKS - 0.3 * min(b.linked, 60.0)
    if b.element.tag in HEADINGS:
        return _HEAD
    is_prose = free >= 80 or (free >= 30 and _SENTENCE_END.search(b.text))
    return free if is_prose else _LABEL


def _silent_spans(layout: Layout, prose: list[float]) -> dict[str, list[tuple[int, int]]]:
    """By word, the spans of elements that are named as no text and contain neither an <h1> nor much of the prose."""
    heads = layout.sums([float(b.element.tag == "h1") for b in layout.blocks])
    found: dict[str, list[tuple[int, int]]] = {}
    for el, (a, z) in layout.spans.items():
        if a < z and el.tag not in _WHOLE and heads[a] == heads[z]:
            word = layout.noise(el) or (el.tag if el.tag in _NO_TEXT else "")
            if word and prose[z] - prose[a] <= (0.5 if word in LONG else 0.3) * prose[-1]:
                found.setdefault(word, []).append((a, z))
    return found


def heaviest(layout: Layout, sums: list[float]) -> Element:
    """The smallest element with most of the weight of the heaviest one; less is enough if it is named as a text."""
    found = [
        _Span(sums[z] - sums[a], el, a, z)
        for el, (a, z) in layout.spans.items()
        if sums[z] > sums[a] and el.tag not in _PART
    ]
    if not found:
        return layout.top
    best = max(found, key=lambda one: one.weight)
    inside = [one for one in found
              if one.lo >= best.lo and one.hi <= best.hi and one.weight >= NAMED * best.weight]
    named = [one for one in inside if _is_named_text(one.element) and one.weight >= 0.9 * _of_its_kind(one, found)]
    close = [one for one in inside if one.weight >= KEEP * best.weight]
    return min([*close, *named], key=lambda one: one.hi - one.lo).element


def _is_named_text(el: Element) -> bool:
    """Whether an element has a name in common use for the text of an article."""
    if el.tag == "article" or "articleBody" in (el.get("itemprop") or ""):
        return True
    names = f"{el.get('class') or ''} {el.get('id') or ''}"
    return len(names) > 4 and _TEXT_NAME.search(names) is not None


def _of_its_kind(one: _Span, found: list[_Span]) -> float:
    """The weight of all elements with this one's tag and class, apart from those around it: a text may be split."""
    tag, classes = one.element.tag, one.element.get("class")
    return sum(
        x.weight for x in found
        if x.element.tag == tag and x.element.get("class") == classes
        and (x.element is one.element or x.is_apart_from(one.lo, one.hi))
    )
