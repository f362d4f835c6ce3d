"""Dates that a reader of the page sees, wherever they stand: beside the heading, above it, below the text, far off."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from itertools import islice

from lxml.etree import _Element as Element

from archiver.extraction.days.dateline import label_of, read_dates
from archiver.extraction.days.datetext import span
from archiver.extraction.days.datewords import FIRST
from archiver.extraction.days.moment import Moment, machine
from archiver.extraction.page import Page
from archiver.extraction.scope import Post
from archiver.extraction.text import line

# Names of elements, in the words of many themes, that hold a date; a name of a change, an event or a form is none.
_NAMED = re.compile(
    r"(?:^|[_-]|(?<=[a-z]))(?:date(?:line|time)?|time(?:stamp)?|publish(?:ed)?|pub-?date|posted(?:-?on)?|fecha|datum|"
    r"data|ngay|thoi-?gian|tarih|tanggal|waktu|dato|datum|tempo|hora|jour|shijian|riqi|zeit)(?=$|[_-]|(?<=[a-z])[A-Z])|"
    r"(?<=[a-z])(?:Date|Time|Published|Posted)(?=$|[_A-Z-])",
)
_OTHER_TIME = re.compile(
    r"read|event|countdown|picker|calend|expir|delivery|opening|schedule|duration|-to-", re.IGNORECASE
)
_DIGIT = re.compile(r"[\d年]")
_LOOKS = re.compile(r"(?<!\d)\d{4}(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2}(?!\d)|[〇一二三四五六七八九]年")
_FOOTER = re.compile(r"(?:^|\s)(?:(?:page|site)?[_-]?footer|colophon|copyright)(?:$|\s)", re.IGNORECASE)
_SILENT = frozenset(
    (
        "script", "style", "noscript", "template", "option", "select", "textarea", "title", "meta", "code", "pre",
        "button", "head", "html",
    )
)  # fmt: skip
_ATTRIBUTES = ("datetime", "data-datetime", "data-date", "data-time", "data-timestamp", "data-published", "content")
_LONGEST, _ALONE = 160, 24
_NEAR, _ABOVE, _EDGE, _CLOSE, _FARTHEST = 90, 45, 14, 12, 400
_TEXT, _MOST, _HOLDERS, _LISTED = 400, 80, 300, 3

# How much a date is believed by its place: (in an element of a date's name or <time>, or labelled; alone on its line).
_TRUST = {
    "near": (0.74, 0.7),
    "above": (0.66, 0.62),
    "edge": (0.52, 0.42),
    "after": (0.52, 0.4),
    "far": (0.4, 0.3),
}


# In a sidebar only what is labelled as the day of publication; nothing else may be surer of less.
_ASIDE = 0.36


@dataclass(frozen=True, slots=True)
class Shown:
    """`says`: "published" or "modified"; `labelled` where a word says so. `confidence` follows from its place."""

    moment: Moment
    element: Element
    where: str
    says: str
    labelled: bool
    confidence: float


@lru_cache(maxsize=8_192)
def names_a_date(name: str) -> bool:
    """Whether a class or id is a date's by its name."""
    return len(name) < 60 and bool(_NAMED.search(name)) and not _OTHER_TIME.search(name)


class _Places:
    """Where elements stand, seen from the heading and the body of the post, in elements of document order."""

    def __init__(self, page: Page, post: Post) -> None:
        order = page.index.order
        self.order = order
        self.title = order.get(post.title, -1) if post.title is not None else -1
        heads = page.index.tag("h1")
        if self.title < 0 and heads:
            self.title = order[heads[0]]
        said = line(post.title) if len(heads) > 1 else ""
        # Pages have a heading for each width of the screen.
        self.copies = [order[h] for h in heads if said and h is not post.title and line(h) == said]
        self.body = order.get(post.body, -1) if post.body is not None else -1
        self.end = self.body
        if post.body is not None:
            last = post.body
            while len(last):
                last = last[-1]
            self.end = order.get(last, self.body)

    def close(self, el: Element) -> bool:
        """Whether an element is so near to the heading that its date is the post's, whatever it is called."""
        n = self.order.get(el, 0)
        return any(at >= 0 and -_CLOSE <= n - at <= _CLOSE for at in (self.title, *self.copies))

    def of(self, el: Element) -> str:
        """near, above, edge, in, after or far."""
        n = self.order.get(el, 0)
        inside = self.body >= 0 and self.body < n <= self.end
        if self.title >= 0 and not (inside and self.body > self.title):
            ahead = n - self.title
            if ahead >= 0 and (ahead <= _NEAR or n < self.body):
                return "near"
            if -_ABOVE <= ahead < 0:
                return "above"
        if any(0 <= n - at <= _CLOSE for at in self.copies):
            return "near"
        if inside:
            return "edge" if n - self.body <= _EDGE or self.end - n <= _EDGE else "in"
        if self.body < 0 or n < self.body:
            return "far"
        return "after" if n - self.end <= _NEAR else "far"


def dates_shown(page: Page, post: Post, language: str, *, near: bool = False) -> list[Shown]:
    """The dates a reader sees, those of comments, sidebars and other posts aside; likeliest places first.

    `near`: only what stands around the heading is looked at.
    """
    places = _Places(page, post)
    found: list[Shown] = []
    taken: set[Element] = set()
    signature: dict[tuple[str, str], set[date]] = defaultdict(set)
    read = 0
    for el in _holders(page, places, near):
        if el in taken or read >= _MOST:
            continue
        where = places.of(el)
        aside = not places.close(el) and post.is_noise(el) and not (where == "near" and _small_aside(el))
        if _in_footer(el):
            continue
        text = _short(el)
        if text is None or (len(text) > _LONGEST and (where == "in" or not label_of(text[:40]))):
            continue
        if aside and label_of(_before(el) + " " + text[:30]) != "published":
            continue
        read += 1
        named = el.tag == "time" or any(map(names_a_date, _names(el)))
        for one in _read(page, el, text, where, named, language):
            found.append(replace(one, confidence=_ASIDE) if aside else one)
            signature[_signature(el)].add(one.moment.day)
            taken.update(el.iter("*"))
    listed = {s for s, days in signature.items() if len(days) >= _LISTED}
    out: list[Shown] = []
    for one in found:
        if one.where != "near" and _signature(one.element) in listed:
            continue
        if one.where != "near" and _links_elsewhere(page, one.element):
            one = replace(one, confidence=one.confidence - 0.3)
        out.append(one)
    return sorted(out, key=lambda s: -s.confidence)


def _holders(page: Page, places: _Places, near: bool) -> list[Element]:
    """Elements that may hold a date, outermost first: by their name, by <time>, by what their own text looks like."""
    index = page.index
    found: dict[Element, int] = {}
    begin, end = 0, len(index.elements)
    if near:
        last = max(places.title + _NEAR, min(places.body, places.title + _FARTHEST))
        begin, end = (max(0, places.title - _ABOVE), min(last + 1, end)) if places.title >= 0 else (0, 0)
        around = index.elements[begin:end]
        found = {e: index.order[e] for e in around if e.tag == "time" or any(map(names_a_date, _names(e)))}
    else:
        for name in index.classes():
            if names_a_date(name):
                found.update((e, index.order[e]) for e in index.with_class(name)[:40])
        found.update((e, index.order[e]) for e in index.tag("time")[:60])
    digit, looks = _DIGIT.search, _LOOKS.search
    for n, (text, tail) in enumerate(islice(index.texts.values(), begin, end), begin):
        if text and 5 < len(text) <= _LONGEST and digit(text) and looks(text):
            found.setdefault(index.elements[n], n)
        if tail and 5 < len(tail) <= _LONGEST and digit(tail) and looks(tail):
            holder = index.elements[n].getparent()
            if holder is not None:
                found.setdefault(holder, index.order.get(holder, 0))
    many = sorted(found.items(), key=lambda p: p[1])
    if len(many) > _HOLDERS:
        many = sorted(sorted(many, key=lambda p: abs(p[1] - places.title))[:_HOLDERS], key=lambda p: p[1])
    return [e for e, _ in many if e.tag not in _SILENT and e.tag != "body"]


def _names(el: Element) -> list[str]:
    return f"{el.get('class') or ''} {el.get('id') or ''}".split()


def _short(el: Element) -> str | None:
    """The line of an element, None where it is a long text; bounded, for elements are nested."""
    length = 0
    for text in el.itertext():
        length += len(text.strip())
        if length > _TEXT:
            return None
    return line(el)


def _read(page: Page, el: Element, text: str, where: str, named: bool, language: str) -> list[Shown]:
    before = _before(el)
    published, modified = read_dates(text, language, before, page.captured_at if named else None)
    attribute = next((m for a in _ATTRIBUTES if (v := el.get(a)) and (m := machine(v))), None)
    if published is None and modified is None:
        if attribute is None:
            return []
        says = label_of(text) or label_of(before)
        if says == "sent":
            return []
        published, modified = (None, attribute) if says == "modified" else (attribute, None)
    label = label_of(before) or label_of(text)
    around = span(text, language)
    alone = around is None or len(around[0]) + len(around[1]) <= _ALONE
    if not (named or alone or label) or (where == "in" and not (label and len(text) < 100)):
        return []
    out = []
    for moment, says in ((published, "published"), (modified, "modified")):
        if moment is not None:
            strong, weak = _TRUST.get(where, (0.5, 0.4))
            confidence = strong if named or label else weak
            confidence += 0.06 if label == says else 0.0
            confidence += 0.02 if says == "published" and FIRST.search(f"{before} {text}") else 0.0
            out.append(Shown(moment, el, where, says, bool(label), confidence))
    return out


def _before(el: Element) -> str:
    """The last words before an element, where they stand close by: a label in an element of its own."""
    at = el
    for _ in range(6):
        previous = at.getprevious()
        if previous is not None:
            text = (previous.tail or "").strip() or _short(previous)
            if text is None or len(text) >= 80:
                return ""
            if text:
                return text[-40:]
            at = previous
            continue
        parent = at.getparent()
        if parent is None or parent.tag in ("body", "main", "article"):
            return ""
        if text := (parent.text or "").strip():
            return text[-40:]
        at = parent
    return ""


def _small_aside(el: Element) -> bool:
    """Whether the sidebar an element stands in is a mere line of the post's own head."""
    aside = next(el.iterancestors("aside"), None)
    return aside is not None and not aside.get("class") and len(_short(aside) or "x" * _TEXT) < 2 * _LONGEST


@lru_cache(maxsize=8_192)
def _names_a_footer(names: str) -> bool:
    return bool(_FOOTER.search(names))


def _in_footer(el: Element) -> bool:
    """Whether an element stands in what is called the footer of a page: "last changed" there is of the site."""
    at: Element | None = el
    while at is not None:
        if _names_a_footer(f"{at.get('class') or ''} {at.get('id') or ''}"):
            return True
        at = at.getparent()
    return False


def _signature(el: Element) -> tuple[str, str]:
    parent = el.getparent()
    return f"{el.tag}.{el.get('class') or ''}", (parent.get("class") or parent.tag) if parent is not None else ""


def _links_elsewhere(page: Page, el: Element) -> bool:
    """Whether an element is part of a link to another page, as on a card for another post."""
    at: Element | None = el
    for _ in range(6):
        if at is None:
            return False
        if at.tag == "a" and (url := page.join(at.get("href"))):
            return url.partition("#")[0].rstrip("/") not in page.addresses
        at = at.getparent()
    return False
