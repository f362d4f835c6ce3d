"""Reads the bylines in some lines of a page: names, and the signs by which they are the author's."""

from __future__ import annotations

import re
from dataclasses import dataclass

from archiver.extraction.people import authormarks as marks
from archiver.extraction.people.byline_words import AND, BY, LABEL, NOT_A_NAME, OTHER_PART, SIGNED
from archiver.extraction.people.marked import Chunk, Line
from archiver.extraction.people.names import ROLE, is_full_name, looks_personal, names
from archiver.extraction.text import folded

CONFIDENCE = {"by": 0.9, "mark": 0.88, "link": 0.87, "avatar": 0.8, "role": 0.7, "date": 0.62, "box": 0.72}
"""The confidence of each kind of sign beside the heading."""
SURE = ("by", "mark", "link")
_AWAY = 0.14  # less confidence for a sign after the text
_NEAR = 16  # lines below the heading that may hold an unmarked name
_SHORT, MIDDLE = 80, 240  # characters of a line that can be a byline among the text, and before it
LONG = 200  # characters that make a paragraph of text, not a meta line
_DATE = re.compile(
    r"\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b(?:19|20)\d\d\b|\b\d+\s*(?:min|minute|hour|day|week|month|year)s?\b|"
    r"\b(?:19|20)\d\d[年./-]|\d\s*月\s*\d",
    re.IGNORECASE,
)
_JOINT = re.compile(r"(?:[,，、;&+/·•⋅]|\b(?:and|und|et|y|e|и|và|ve|with)\b|\s)+", re.IGNORECASE)
_GOES_ON = re.compile(r"(?:,|&|\band|\bund|\bet|\by|、)\s*$")
_LONGEST_CHUNK, _LONGEST_NAMES = 160, 60


@dataclass(frozen=True, slots=True)
class Sign:
    """One byline: its names, the kind of sign (a key of CONFIDENCE), the place, and the number of its line there."""

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


@dataclass(frozen=True, slots=True)
class _Spot:
    """A chunk in its line: the line's number among the lines, and the chunk's in the line."""

    lines: list[Line]
    number: int
    index: int

    @property
    def line(self) -> Line:
        return self.lines[self.number]

    @property
    def chunk(self) -> Chunk:
        return self.line.chunks[self.index]

    def signature(self) -> re.Match[str] | None:
        """The words that introduce an author at the start of the chunk, unless they belong to a sentence."""
        in_sentence = self.index and _is_prose(self.line.chunks[self.index - 1].text)
        return None if in_sentence else SIGNED.match(self.chunk.text)

    def is_before_role(self) -> bool:
        """Whether a job title follows, in this line or at the start of the next."""
        following = self.line.chunks[self.index + 1 : self.index + 2]
        if not following:
            following = [c for one in self.lines[self.number + 1 : self.number + 2] for c in one.chunks[:1]]
        return bool(following and ROLE.match(following[0].text.strip(" -–—,·|")))

    def is_beside_date(self) -> bool:
        """Whether a date is in this line, or in the short line before or after it."""
        beside = [self.line, *self.lines[max(self.number - 1, 0) : self.number]]
        beside += self.lines[self.number + 1 : self.number + 2]
        return any(len(x.text) < 60 and _DATE.search(x.text) for x in beside) and len(self.line.text) < 90


def read_bylines(lines: list[Line], place: str) -> list[Sign]:
    """The bylines of some lines, in reading order."""
    return _BylineReader(lines, place).read()


class _BylineReader:
    """Collects the bylines of some lines. The names of one byline may be in several chunks.

    `state` is "by" while names are expected or may continue, "other" while those that follow did something else than
    write the post, else "".
    """

    def __init__(self, lines: list[Line], place: str) -> None:
        self.lines, self.place = lines, place
        self.signs: list[Sign] = []
        self.state = ""
        self.names: list[str] = []
        self.kind, self.raw, self.began = "", "", 0
        self.shape: tuple[object, ...] = ()
        self.is_complete = True
        self.pictures: set[str] = set()
        self.paragraphs = 0

    def read(self) -> list[Sign]:
        for number, one in enumerate(self.lines):
            self.paragraphs += len(one.text) >= LONG
            self.pictures.update(folded(p) for p in one.pictures)
            if len(one.text) > (_SHORT if self.paragraphs > 1 else MIDDLE):
                self._stop()
                continue
            for index in range(len(one.chunks)):
                self._read_chunk(_Spot(self.lines, number, index))
        self._close()
        return self.signs

    def _close(self) -> None:
        """Ends the byline that is being read."""
        if self.names:
            found = tuple(dict.fromkeys(self.names))
            self.signs.append(Sign(found, self.kind, self.place, self.raw[:200], self.began))
        self.names, self.kind = [], ""

    def _stop(self) -> None:
        """Ends the byline; no more names are expected."""
        self._close()
        self.state = ""

    def _read_chunk(self, at: _Spot) -> None:
        text = at.chunk.text
        if self.names and _JOINT.fullmatch(text):
            self.is_complete, self.state = False, "by" if self.kind == "by" else self.state
            return
        if OTHER_PART.match(text):
            self._close()
            self.state = "other"
            return
        signature = at.signature()
        if LABEL.fullmatch(text) or ((m := signature or BY.match(text)) and m.end() == len(text)):
            self._close()
            self.state, self.raw, self.began = "by", at.line.text, at.number
            return
        kind = self._kind_of(at, signed=signature is not None)
        if not kind:
            self._pass_over(text)
        elif self.state != "other" or signature:
            self._take(at, text[signature.end() :] if signature else text, kind)

    def _pass_over(self, text: str) -> None:
        """Ends the byline at a text that is no name, unless it joins names or belongs to somebody else's part."""
        if not (self.state == "other" and names(text)) and not _JOINT.fullmatch(text):
            self._stop()

    def _take(self, at: _Spot, text: str, kind: str) -> None:
        """Adds the names of a text to the byline, or begins a new byline with them."""
        chunk = at.chunk
        found = names(text, one=bool(chunk.href) or chunk.mark == marks.NAME)
        if not found or not all(_fits(x, kind) for x in found):
            self._stop()
            return
        shape = (chunk.el.tag, chunk.el.get("class"))
        if not self._continues(kind, shape, chunk.text):
            self._close()
            self.kind, self.shape, self.raw, self.began = kind, shape, at.line.text, at.number
        self.names += found
        self.is_complete = not _GOES_ON.search(chunk.text)
        self.state = "by" if kind == "by" and not self.is_complete else ""

    def _continues(self, kind: str, shape: tuple[object, ...], text: str) -> bool:
        """Whether more names of the same byline follow: after a conjunction, or in an element of the same shape."""
        if not self.names or (self.kind != kind and kind == "date"):
            return False
        return not self.is_complete or self.shape == shape or text[:1] in ",&"

    def _kind_of(self, at: _Spot, signed: bool) -> str:
        """The kind of sign that makes a chunk a name, "" if there is none. `signed`: a word introduces it."""
        chunk, text = at.chunk, at.chunk.text
        if len(text) > _LONGEST_CHUNK or NOT_A_NAME.match(text) or (chunk.href and marks.leads_to_term(chunk.href)):
            return ""
        if self.paragraphs > 1 and (at.index or not signed):
            return ""
        if signed or (self.state == "by" and (at.number == self.began or _stands_for_itself(chunk, at.line))):
            return "by"
        kind = _kind_by_markup(chunk)
        if kind:
            return kind if len(at.line.text) < LONG else ""
        return self._kind_by_look(at) if self._may_be_unmarked(at) else ""

    def _may_be_unmarked(self, at: _Spot) -> bool:
        """Whether a name that nothing marks may be in this place: near the heading, in a line of names and dates."""
        chunk, whole = at.chunk, at.line.text
        if chunk.mark == marks.NOT or chunk.head or chunk.text.endswith(":"):
            return False
        if self.paragraphs or at.number > _NEAR or len(whole) > _LONGEST_CHUNK:
            return False
        return all(c is chunk or _is_beside_name(c.text) for c in at.line.chunks)

    def _kind_by_look(self, at: _Spot) -> str:
        text = at.chunk.text
        if _with_degrees(text):
            return "role"
        if len(text) > _LONGEST_NAMES or not _full_names(text):
            return ""
        if at.chunk.mark == marks.BOX:
            return "mark"
        if folded(text) in self.pictures:
            return "avatar"
        if at.is_before_role():
            return "role"
        return "date" if at.is_beside_date() else ""


def _kind_by_markup(chunk: Chunk) -> str:
    if chunk.mark in (marks.NAME, marks.AUTHOR):
        return "mark"
    return "link" if chunk.href and marks.leads_to_person(chunk.href) else ""


def _is_beside_name(text: str) -> bool:
    """Whether a text is one of those in a byline beside the name: a word or two, a date, a job title."""
    return bool(len(text.split()) < 3 or _DATE.search(text) or ROLE.match(text))


def _is_prose(text: str) -> bool:
    """Whether the words before a "by" are a sentence: "the plugin that was written" by somebody."""
    return len(text.split()) > 6 and not _DATE.search(text)


def _stands_for_itself(chunk: Chunk, one: Line) -> bool:
    """Whether a text may be the name that a label in an earlier line introduces."""
    return (
        chunk.mark in (marks.NAME, marks.AUTHOR)
        or marks.leads_to_person(chunk.href)
        or _full_names(chunk.text)
        or (one.text == chunk.text and " " not in chunk.text)
    )


def _full_names(text: str) -> bool:
    """Whether a text consists of names that can be recognised without a mark."""
    return is_full_name(text) or (
        any(c in text for c in ",;&、") and len(found := names(text)) > 1 and all(is_full_name(x) for x in found)
    )


def _with_degrees(text: str) -> bool:
    """Whether a text is full names with degrees or job titles: "Ann Poe, MD; Eva Roe, PhD"."""
    pieces = [p.strip(" .") for p in AND.split(text) if p.strip(" .")]
    people = [p for p in pieces if not ROLE.match(p)]
    return len(people) < len(pieces) and bool(people) and all(is_full_name(p) for p in people)


def _fits(name: str, kind: str) -> bool:
    """Whether a name has the form that a sign of this kind requires."""
    if kind in ("avatar", "role", "date"):
        return is_full_name(name)
    if kind == "link" and " " in name and not is_full_name(name) and name.isascii():
        return False
    return looks_personal(name) and not ROLE.match(name)
