"""Who signed the post: reads the lines around its heading and after its text, without a table for the platform.

A name counts if a word introduces it ("by", "posted by", in many languages), if an element's class, link or picture
marks it, or, with the least trust, if a plain full name is beside a date or a job title.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from lxml.etree import _Element as Element

from archiver.extraction.page import Page
from archiver.extraction.people.authorboxes import boxed
from archiver.extraction.people.byline_reader import LONG, MIDDLE, SURE, Sign, read_bylines
from archiver.extraction.people.byline_words import OTHER_PART, SIGNED
from archiver.extraction.people.marked import Line, Reader, after, before
from archiver.extraction.people.names import is_full_name, names
from archiver.extraction.scope import Post
from archiver.extraction.text import clean, folded, line

_MANY = 3  # bylines of one post: more than these belong to several posts
_TOP = 2  # lines below the heading that hold the post's own byline, whatever follows
_LAST = 4  # paragraphs at the end of a body that may be its byline
_NAME_ENDS = re.compile(r"[.,;(|–—]|\s(?:is|was|who|has|and\s+is)\s")


def signs(
    page: Page, post: Post, declared: Collection[frozenset[str]] = (), *, agreed: bool = False
) -> tuple[list[Sign], bool]:
    """Every byline found, best first, and whether they belong to many posts or works, each with its own author.

    `declared`: sets of names (folded) that the page declares as its authors. Where a byline beside the heading has
    exactly one of these sets, or another visible one did (`agreed`), what follows the text is not read: two sources
    of different kinds are enough.
    """
    top = _anchor(page, post)
    out, end = _around_heading(page, top) if top is not None else (_at_start(page), -1)
    sure = [s for s in out if s.kind in SURE]
    many = len({s.names for s in sure if s.place == "below"}) > _MANY
    if many or not (agreed or any(s.folded in declared for s in sure)):
        out += _after(page, post, end, top)
    return sorted((s for s in out if not many or s.line < _TOP), key=lambda s: -s.confidence), many


def _around_heading(page: Page, top: Element) -> tuple[list[Sign], int]:
    """The bylines below and above a heading, and the position of the last element that was read."""
    above = [x for x in Reader(700).lines(before(top)) if len(x.text) < LONG][:6]
    below = list(_till_text(Reader(3500).lines(after(top))))
    end = page.index.order.get(below[-1].chunks[-1].el, -1) if below and below[-1].chunks else -1
    out = read_bylines(below, "below")
    # Right above a heading a plain name beside a date is a topic as often as a person.
    return out + [s for s in read_bylines(above, "above") if s.kind != "date"], end


def _at_start(page: Page) -> list[Sign]:
    """The sure bylines at the start of a page without a heading."""
    body = page.index.tag("body")[:1]
    lines = list(_till_text(Reader(3500).lines((child, False) for b in body for child in b)))
    return [s for s in read_bylines(lines, "below") if s.kind in SURE]


def _after(page: Page, post: Post, end: int, top: Element | None) -> list[Sign]:
    """The bylines below the text, and the author boxes."""
    out: list[Sign] = []
    if post.body is not None:
        rest = [x for _, x in zip(range(10), Reader(900).lines(after(post.body)), strict=False)]
        out += [s for s in read_bylines(list(_till_heading(rest)), "after") if s.kind in SURE]
    out += [Sign((who,), "box", "after", raw) for who, raw in boxed(page, end, top)]
    return out


def signs_of_text(text: str) -> list[Sign]:
    """The bylines among the last paragraphs of a body: "This post was written by Jane Doe, who keeps bees.\""""
    out: list[Sign] = []
    for paragraph in text[-1500:].split("\n\n")[-_LAST:]:
        one = clean(paragraph)
        m = SIGNED.match(one) if len(one) < MIDDLE and not OTHER_PART.match(one) else None
        if m and 3 < m.end() < len(one):
            found = [n for n in names(_NAME_ENDS.split(one[m.end() :], maxsplit=1)[0]) if is_full_name(n)]
            if found:
                out.append(Sign(tuple(found), "by", "after", one[:200]))
    return out


def _till_text(lines: Iterator[Line]) -> Iterator[Line]:
    """The lines up to the sixth paragraph of text, since a standfirst may precede the byline."""
    long = 0
    for n, one in enumerate(lines):
        long += len(one.text) >= LONG
        yield one
        if long == 6 or n > 50:
            return


def _till_heading(lines: list[Line]) -> Iterator[Line]:
    """The lines up to the next heading or paragraph."""
    for one in lines:
        if len(one.text) > LONG or any(c.head for c in one.chunks):
            return
        yield one


def _anchor(page: Page, post: Post) -> Element | None:
    """The post's heading; if unknown, the first <h1>, or <h2> that the page's <title> begins with."""
    if post.title is not None and line(post.title):
        return post.title
    head = folded(page.head_title)
    for el in page.index.tag("h1", "h2")[:20]:
        text = folded(line(el))
        if len(text) > 3 and (el.tag == "h1" or head.startswith(text)):
            return el
    return None


