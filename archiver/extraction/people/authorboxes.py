"""The boxes about the author that follow a post."""

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

_MOST = 2  # people in the boxes of one post
_BOXES, _LINKS, _TITLE_LENGTH = 60, 13, 22
_NO_BOX = frozenset({"html", "body", "main", "link", "meta"})
_ABOUT = re.compile(
    r"^(?:about|meet|über|à propos de|sobre|об авторе:?|hi,? i['’]?m)\s+(?!the\b|me\b|us\b)", re.IGNORECASE
)


def boxed(page: Page, end: int, top: Element | None) -> list[tuple[str, str]]:
    """The people named by author boxes after the element at position `end`, each with the first line of the box.

    `top`: the post's heading. A row of boxes with different people is a list of people, or of other posts.
    """
    out: list[tuple[str, str]] = []
    last: Element | None = None
    for el in _marked(page)[:_BOXES]:
        if page.index.order[el] <= end or el.tag in _NO_BOX or _inside(el, last) or not _is_own(page, el, top):
            continue
        last = el
        lines = list(islice(Reader(600).lines([(el, False)]), 4))
        if who := next((w for x in lines for w in _boxed(x)), None):
            out.append((who, lines[0].text[:200]))
    return out if len({who for who, _ in out}) <= _MOST else []


def _marked(page: Page) -> list[Element]:
    """The elements whose classes mark them as an author's, in document order."""
    found: list[Element] = []
    for classes in page.index.classes():
        if marks.mark(classes) in (marks.BOX, marks.NAME, marks.AUTHOR):
            found += page.index.with_class(classes)
    return sorted(found, key=page.index.order.__getitem__)


def _is_own(page: Page, el: Element, top: Element | None) -> bool:
    """Whether an element belongs to the post itself, not to comments, a menu or the card of another post."""
    if any(marks.is_foreign(a) for a in marks.around(el)) or marks.is_foreign(el):
        return False
    return not _in_card(page, el, top)


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
    """The first texts of an element, enough to distinguish a label from a title."""
    return clean(" ".join(islice(map(str, el.itertext()), 20)))


def _in_card(page: Page, el: Element, top: Element | None) -> bool:
    """Whether an element is in the card of another post: beside a link to another page that is as long as a title."""
    at = el.getparent()
    for _ in range(4):
        if at is None or at.tag in ("body", "main", "html") or (top is not None and _inside(top, at)):
            return False
        if any(_is_title_link(page, a) for a in islice(at.iter("a"), _LINKS)):
            return True
        at = at.getparent()
    return False


def _is_title_link(page: Page, a: Element) -> bool:
    """Whether a link to another page has the length of a title and is not part of a sentence."""
    text = _short(a)
    if len(text) < _TITLE_LENGTH or marks.leads_to_person(a.get("href") or ""):
        return False
    outer = a.getparent()
    if outer is not None and outer.tag == "p" and len(_short(outer)) > len(text) + 20:
        return False
    url = page.join(a.get("href"))
    return bool(url) and url.partition("#")[0].rstrip("/") not in page.addresses
