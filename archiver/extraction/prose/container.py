"""Where on a page the text is: the element whose blocks weigh most, prose for it and links against it."""

from __future__ import annotations

import re

from lxml.etree import _Element as Element

from archiver.extraction.prose.layout import Layout, covered
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


_Found = tuple[float, int, Element, int, int]


def weights(layout: Layout) -> list[float]:
    """What each block says for an element to hold the text: letters of prose; links and labels are against it."""
    blocks = layout.blocks
    prose = layout.sums([b.size - b.linked if b.size > 80 and b.linked < 0.4 * b.size else 0.0 for b in blocks])
    out: list[float] = []
    for b in blocks:
        free = b.size - b.linked
        if b.linked > 0.6 * b.size:
            out.append(_LINKS - 0.3 * min(b.linked, 60.0))
        elif b.element.tag in HEADINGS:
            out.append(_HEAD)
        elif free >= 80 or (free >= 30 and _SENTENCE_END.search(b.text)):
            out.append(free)
        else:
            out.append(_LABEL)
    heads = layout.sums([float(b.element.tag == "h1") for b in blocks])
    silent: dict[str, list[tuple[int, int]]] = {}
    for el, (a, z) in layout.spans.items():
        if a < z and el.tag not in _WHOLE and heads[a] == heads[z]:
            word = layout.noise(el) or (el.tag if el.tag in _NO_TEXT else "")
            if word and prose[z] - prose[a] <= (0.5 if word in LONG else 0.3) * prose[-1]:
                silent.setdefault(word, []).append((a, z))
    for word, spans in silent.items():
        # A name that most of the page bears says nothing.
        if word in LONG or covered(spans, prose) <= 0.6 * prose[-1]:
            for a, z in spans:
                out[a:z] = [0.0] * (z - a)
    return out


def heaviest(layout: Layout, sums: list[float]) -> Element:
    """The smallest element that holds most of what the heaviest one holds; less is enough where it is named a text."""
    found = [
        (sums[z] - sums[a], z - a, el, a, z) for el, (a, z) in layout.spans.items() if a < z and el.tag not in _PART
    ]
    best = max(found, key=lambda one: one[0], default=None)
    if best is None or best[0] <= 0:
        return layout.top
    most, _, _, lo, hi = best
    inside = [one for one in found if one[3] >= lo and one[4] <= hi and one[0] >= NAMED * most]
    named = [one for one in inside if _is_named_text(one[2]) and one[0] >= 0.9 * _of_its_kind(one, inside, found)]
    close = [one for one in inside if one[0] >= KEEP * most]
    return min([*close, *named], key=lambda one: one[1])[2]


def _is_named_text(el: Element) -> bool:
    """Whether names in common use say that an element is the text of an article."""
    if el.tag == "article" or "articleBody" in (el.get("itemprop") or ""):
        return True
    names = f"{el.get('class') or ''} {el.get('id') or ''}"
    return len(names) > 4 and _TEXT_NAME.search(names) is not None


def _of_its_kind(one: _Found, inside: list[_Found], found: list[_Found]) -> float:
    """What all elements of one tag and class hold together, those that hold this one aside: a text may be split."""
    _, _, el, lo, hi = one
    names = el.get("class")
    return sum(
        x[0] for x in found
        if x[0] > 0 and x[2].tag == el.tag and x[2].get("class") == names and (x[2] is el or x[4] <= lo or x[3] >= hi)
    )
