"""The boxes about an author that stand after a post."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from lxml.etree import _Element as Element

from archiver.extraction.page import Page
from archiver.extraction.people import authormarks as marks
from archiver.extraction.people.byline_words import LABEL
from archiver.extraction.people.marked import Line, Reader
from archiver.extraction.people.names import is_full_name, looks_personal, names
from archiver.extraction.text import clean

_MOST = 2  # people whom the boxes of one post are about
_ABOUT = re.compile(
    r"^(?:about|meet|über|à propos de|sobre|об авторе:?|hi,? i['’]?m)\s+(?!the\b|me\b|us\b)", re.IGNORECASE
)


def boxed(page: Page, end: int, top: Element | None) -> list[tuple[str, str]]:
    """Whom the boxes about an author name that stand after the element numbered `end`, with a box's first line.

    `top`: the post's heading. A row of boxes with different people in it is a list of people, or of other posts.
    """
    order = page.index.order
    found: list[Element] = []
    for names_ in page.index.classes():
        if marks.mark(names_) in (marks.BOX, marks.NAME, marks.AUTHOR):
            found += page.index.with_class(names_)
    found.sort(key=order.__getitem__)
    out: list[tuple[str, str]] = []
    last: Element | None = None
    for el in found[:60]:
        if order[el] <= end or el.tag in ("html", "body", "main", "link", "meta") or _inside(el, last):
            continue
        if any(marks.is_foreign(a) for a in marks.around(el)) or marks.is_foreign(el) or _in_card(page, el, top):
            continue
        last = el
        lines = [x for _, x in zip(range(4), Reader(600).lines([(el, False)]), strict=False)]
        who = next((w for x in lines for w in _boxed(x)), None)
        if who:
            out.append((who, lines[0].text[:200]))
    return out if len({who for who, _ in out}) <= _MOST else []


def _boxed(one: Line) -> Iterator[str]:
    for chunk in one.chunks[:4]:
        text = _ABOUT.sub("", chunk.text)
        if len(text) > 70 or LABEL.fullmatch(text) or chunk.mark == marks.NOT:
            continue
        found = names(text, one=True)
        if len(found) == 1 and looks_personal(found[0]) and (is_full_name(found[0]) or chunk.mark == marks.NAME):
            yield found[0]


def _inside(el: Element, top: Element | None) -> bool:
    return top is not None and any(a is top for a in marks.around(el))


def _short(el: Element) -> str:
    """The first texts of an element: enough to tell a label from a title."""
    return clean(" ".join(islice(map(str, el.itertext()), 20)))


def _in_card(page: Page, el: Element, top: Element | None) -> bool:
    """Whether an element stands in a card of another post: beside a link with a title's length that leads elsewhere."""
    at = el.getparent()
    for _ in range(4):
        if at is None or at.tag in ("body", "main", "html") or (top is not None and _inside(top, at)):
            return False
        for n, a in enumerate(at.iter("a")):
            if n > 12:
                break
            outer = a.getparent()
            text = _short(a)
            if (
                len(text) >= 22
                and not marks.leads_to_person(a.get("href") or "")
                and not (outer is not None and outer.tag == "p" and len(_short(outer)) > len(text) + 20)
            ):
                url = page.join(a.get("href"))
                if url and url.partition("#")[0].rstrip("/") not in page.addresses:
                    return True
        at = at.getparent()
    return False
