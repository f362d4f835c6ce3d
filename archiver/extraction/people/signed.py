"""Who signed the post: a reader of the lines around its heading and after its text that needs no platform's table.

A name counts where a word says so ("by", "posted by", in many languages), where an element's class, link or picture
marks it, or, weakest, where a plain full name stands beside a date or an office.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from lxml.etree import _Element as Element

from archiver.extraction.page import Page
from archiver.extraction.people import authormarks as marks
from archiver.extraction.people.authorboxes import boxed
from archiver.extraction.people.byline_words import AND, BY, LABEL, NOT_A_NAME, OTHER_PART, SIGNED
from archiver.extraction.people.marked import Chunk, Line, Reader, after, before
from archiver.extraction.people.names import ROLE, is_full_name, looks_personal, names
from archiver.extraction.scope import Post
from archiver.extraction.text import clean, folded, line

CONFIDENCE = {"by": 0.9, "mark": 0.88, "link": 0.87, "avatar": 0.8, "role": 0.7, "date": 0.62, "box": 0.72}
"""How much each kind of sign is believed beside the heading."""
_SURE = ("by", "mark", "link")
_AWAY = 0.14  # what a sign loses after the text
_MANY = 3  # bylines of one post: more are those of several posts
_TOP = 2  # lines below the heading in which the post's own byline stands, whatever follows
_LAST = 4  # paragraphs at the end of a body that may be its byline
_NEAR = 16  # lines below the heading in which an unmarked name may stand
_SHORT, _MIDDLE = 80, 240  # characters of a line that can be a byline among the text, and before it
_LONG = 200  # characters that make a paragraph of text, not a meta line
_DATE = re.compile(
    r"\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b(?:19|20)\d\d\b|\b\d+\s*(?:min|minute|hour|day|week|month|year)s?\b|"
    r"\b(?:19|20)\d\d[年./-]|\d\s*月\s*\d",
    re.IGNORECASE,
)
_JOINT = re.compile(r"(?:[,，、;&+/·•⋅]|\b(?:and|und|et|y|e|и|và|ve|with)\b|\s)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sign:
    """Names that one byline gives, how they are known (a key of CONFIDENCE), where, in which line of that place."""

    names: tuple[str, ...]
    kind: str
    place: str
    raw: str
    line: int = 0

    @property
    def folded(self) -> frozenset[str]:
        return frozenset(map(folded, self.names))

    @property
    def confidence(self) -> float:
        return CONFIDENCE[self.kind] - (_AWAY if self.place == "after" and self.kind != "box" else 0)


def signs(
    page: Page, post: Post, declared: Collection[frozenset[str]] = (), *, agreed: bool = False
) -> tuple[list[Sign], bool]:
    """Every byline found, best first, and whether they are those of many posts or works, each with its author.

    `declared`: sets of names (folded) that the page declares as its authors. Where a byline beside the heading names
    just one of these sets, or another visible one did (`agreed`), what stands after the text is not read: two witnesses
    of different kinds are enough.
    """
    out: list[Sign] = []
    top = _anchor(page, post)
    end = -1
    if top is not None:
        lines = [x for x in Reader(700).lines(before(top)) if len(x.text) < _LONG][:6]
        near = list(_till_text(Reader(3500).lines(after(top))))
        end = page.index.order.get(near[-1].chunks[-1].el, -1) if near and near[-1].chunks else -1
        out += _read(near, "below")
        # Right above a heading a plain name beside a date is a topic as often as a person.
        out += [s for s in _read(lines, "above") if s.kind != "date"]
    else:
        body = page.index.tag("body")[:1]
        near = list(_till_text(Reader(3500).lines((child, False) for b in body for child in b)))
        out += [s for s in _read(near, "below") if s.kind in _SURE]
    many = len({s.names for s in out if s.kind in _SURE and s.place == "below"}) > _MANY
    if many or not (agreed or any(s.kind in _SURE and s.folded in declared for s in out)):
        out += _after(page, post, end, top)
    return sorted((s for s in out if not many or s.line < _TOP), key=lambda s: -s.confidence), many


def _after(page: Page, post: Post, end: int, top: Element | None) -> list[Sign]:
    """The bylines below the text, and the boxes about an author."""
    out: list[Sign] = []
    if post.body is not None:
        rest = [x for _, x in zip(range(10), Reader(900).lines(after(post.body)), strict=False)]
        out += [s for s in _read(list(_till_heading(rest)), "after") if s.kind in _SURE]
    out += [Sign((who,), "box", "after", raw) for who, raw in boxed(page, end, top)]
    return out


def signs_of_text(text: str) -> list[Sign]:
    """The bylines among the last paragraphs of a body: "This post was written by Jane Doe, who keeps bees.\""""
    out: list[Sign] = []
    for paragraph in text[-1500:].split("\n\n")[-_LAST:]:
        one = clean(paragraph)
        m = SIGNED.match(one) if len(one) < _MIDDLE and not OTHER_PART.match(one) else None
        if m and 3 < m.end() < len(one):
            said = re.split(r"[.,;(|–—]|\s(?:is|was|who|has|and\s+is)\s", one[m.end() :], maxsplit=1)[0]
            found = [n for n in names(said) if is_full_name(n)]
            if found:
                out.append(Sign(tuple(found), "by", "after", one[:200]))
    return out


def _till_text(lines: Iterator[Line]) -> Iterator[Line]:
    """The lines up to the sixth paragraph of text: a standfirst may come before the byline."""
    long = 0
    for n, one in enumerate(lines):
        long += len(one.text) >= _LONG
        yield one
        if long == 6 or n > 50:
            return


def _till_heading(lines: list[Line]) -> Iterator[Line]:
    for one in lines:
        if len(one.text) > _LONG or any(c.head for c in one.chunks):
            return
        yield one


def _anchor(page: Page, post: Post) -> Element | None:
    """The post's heading; where it was not found the first heading that the page's own title begins with."""
    if post.title is not None and line(post.title):
        return post.title
    head = folded(page.head_title)
    for el in page.index.tag("h1", "h2")[:20]:
        text = folded(line(el))
        if len(text) > 3 and (el.tag == "h1" or head.startswith(text)):
            return el
    return None


def _read(lines: list[Line], place: str) -> list[Sign]:
    """The bylines of some lines, in reading order."""
    out: list[Sign] = []
    state = ""  # "by": names are due or go on; "other": the names that follow had another part
    open_: list[str] = []
    kind = ""
    shape: tuple[object, ...] = ()
    raw, began = "", 0
    ended = True
    pictures: set[str] = set()

    def close() -> None:
        nonlocal open_, kind
        if open_:
            out.append(Sign(tuple(dict.fromkeys(open_)), kind, place, raw[:200], began))
        open_, kind = [], ""

    long = 0
    for n, one in enumerate(lines):
        whole = one.text
        long += len(whole) >= _LONG
        pictures.update(folded(p) for p in one.pictures)
        if len(whole) > (_SHORT if long > 1 else _MIDDLE):
            close()
            state = ""
            continue
        for i, chunk in enumerate(one.chunks):
            text = chunk.text
            if _JOINT.fullmatch(text) and open_:
                ended, state = False, "by" if kind == "by" else state
                continue
            if OTHER_PART.match(text):
                close()
                state = "other"
                continue
            m = None if i and _is_prose(one.chunks[i - 1].text) else SIGNED.match(text)
            if LABEL.fullmatch(text) or ((short := m or BY.match(text)) and short.end() == len(text)):
                close()
                state, raw, began = "by", whole, n
                continue
            said = text[m.end() :] if m else text
            how = _how(chunk, one, lines, n, i, pictures, bool(m), state, long, began)
            if not how:
                if state == "other" and names(text):
                    continue
                if not _JOINT.fullmatch(text):
                    close()
                    state = ""
                continue
            if state == "other" and not m:
                continue
            found = names(said, one=bool(chunk.href) or chunk.mark == marks.NAME)
            if not found or not all(_fits(x, how) for x in found):
                close()
                state = ""
                continue
            now = (chunk.el.tag, chunk.el.get("class"))
            joined = open_ and (not ended or shape == now or text[:1] in ",&") and (kind == how or how != "date")
            if not joined:
                close()
                kind, shape, raw, began = how, now, whole, n
            open_ += found
            ended = not re.search(r"(?:,|&|\band|\bund|\bet|\by|、)\s*$", text)
            state = "by" if how == "by" and not ended else ""
    close()
    return out


def _is_prose(text: str) -> bool:
    """Whether the words before a "by" are a sentence's: "the plugin that was written" by somebody."""
    return len(text.split()) > 6 and not _DATE.search(text)


def _how(
    chunk: Chunk,
    one: Line,
    lines: list[Line],
    n: int,
    i: int,
    pictures: set[str],
    by: bool,
    state: str,
    long: int,
    began: int,
) -> str:
    """The kind of sign that makes a chunk a name, "" where there is none."""
    text, far, weak_over = chunk.text, long > 1, long > 0 or n > _NEAR
    if len(text) > 160 or NOT_A_NAME.match(text) or (chunk.href and marks.leads_to_term(chunk.href)):
        return ""
    if far and (i or not by):
        return ""
    if by or (state == "by" and (n == began or _stands_for_itself(chunk, one))):
        return "by"
    if far:
        return ""
    if chunk.mark in (marks.NAME, marks.AUTHOR):
        return "mark" if len(one.text) < _LONG else ""
    if chunk.href and marks.leads_to_person(chunk.href):
        return "link" if len(one.text) < _LONG else ""
    if chunk.mark == marks.NOT or weak_over or chunk.head or text.endswith(":") or len(one.text) > 160:
        return ""
    if not all(c is chunk or len(c.text.split()) < 3 or _DATE.search(c.text) or ROLE.match(c.text) for c in one.chunks):
        return ""
    if _with_degrees(text):
        return "role"
    if len(text) > 60 or not _full_names(text):
        return ""
    if chunk.mark == marks.BOX:
        return "mark"
    if folded(text) in pictures:
        return "avatar"
    follows = one.chunks[i + 1 : i + 2] or (lines[n + 1].chunks[:1] if n + 1 < len(lines) else [])
    if follows and (ROLE.match(follows[0].text.strip(" -–—,·|"))):
        return "role"
    beside = [one, *lines[max(n - 1, 0) : n], *lines[n + 1 : n + 2]]
    if any(len(x.text) < 60 and _DATE.search(x.text) for x in beside) and len(one.text) < 90:
        return "date"
    return ""


def _stands_for_itself(chunk: Chunk, one: Line) -> bool:
    """Whether a text may be the name that a label in a line before it announced."""
    return (
        chunk.mark in (marks.NAME, marks.AUTHOR)
        or marks.leads_to_person(chunk.href)
        or _full_names(chunk.text)
        or (one.text == chunk.text and " " not in chunk.text)
    )


def _full_names(text: str) -> bool:
    """Whether a text consists of names that need no mark."""
    return is_full_name(text) or (
        any(c in text for c in ",;&、") and len(found := names(text)) > 1 and all(is_full_name(x) for x in found)
    )


def _with_degrees(text: str) -> bool:
    """Whether a text is full names with degrees or offices: "Ann Poe, MD; Eva Roe, PhD"."""
    pieces = [p.strip(" .") for p in AND.split(text) if p.strip(" .")]
    people = [p for p in pieces if not ROLE.match(p)]
    return len(people) < len(pieces) and bool(people) and all(is_full_name(p) for p in people)


def _fits(name: str, how: str) -> bool:
    if how in ("avatar", "role", "date"):
        return is_full_name(name)
    if how == "link" and " " in name and not is_full_name(name) and name.isascii():
        return False
    return looks_personal(name) and not ROLE.match(name)
