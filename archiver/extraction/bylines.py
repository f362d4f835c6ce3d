"""Reads bylines: lines, or pieces of one, that say who wrote a post and when. A byline is recognized by a sign: words
such as "by", markup, a link, a job title or a date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from lxml.etree import _Element as Element

from archiver.extraction.date_parser import Moment, text_around_date
from archiver.extraction.listing_addresses import leads_to_person, leads_to_term
from archiver.extraction.marked_lines import (
    AUTHOR,
    BOX,
    LINE_BLOCKS,
    NAME,
    NOT,
    LineReader,
    MarkedLine,
    MarkedText,
    nodes_after,
    nodes_before,
)
from archiver.extraction.normalization import element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.person_names import (
    AND,
    BEHALF,
    BRACKETS,
    BY,
    LABEL,
    NOT_A_NAME,
    OTHER_PART,
    is_full_name,
    is_plain_name,
    is_role,
    match_signature,
    may_sign,
    names_korean_reporters,
    split_names,
)
from archiver.extraction.post_locator import Post, declared_titles
from archiver.extraction.term_names import has_count, kind_of_label
from archiver.extraction.visible_dates import (
    date_of_attributes,
    is_other_time_name,
    is_reaction_name,
    is_time_of_event,
    read_dates,
)
from archiver.model.lazy_regex import lazy_regex

CONFIDENCE = {
    "by": 0.9,
    "mark": 0.88,
    "link": 0.87,
    "avatar": 0.8,
    "role": 0.7,
    "date": 0.62,
    "box": 0.72,
}
"""The confidence of a byline near the heading, by the kind of sign that shows it."""
SURE = ("by", "mark", "link")
_IN_TEXT = 0.06  # a post may contain the bylines of other works after its own
_AWAY = 0.14  # signs after the text have a confidence that is lower by this amount
_NEAR = 16  # an unmarked name counts only if it is at most this many lines below the heading
SHORT, MIDDLE = 80, 240  # a byline has at most this many characters within the text, and before the text
LONG = 200  # a line of at least this many characters is a paragraph of the text and not a byline
_DATE = lazy_regex(
    r"\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b(?:19|20)\d\d\b|\b\d+\s*(?:min|minute|hour|day|week|month|year)s?\b|"
    r"\b(?:19|20)\d\d[年./-]|\d\s*月\s*\d",
    re.IGNORECASE,
)
_DIGIT = lazy_regex(r"\d")
_JOINT = lazy_regex(r"(?:[,，、;&+/·•⋅]|\b(?:and|und|et|y|e|и|và|ve|with)\b|\s)+", re.IGNORECASE)
# What may stand between two names of one byline: the place from which the first one reports, or a note such as "(now)".
_ASIDE = lazy_regex(
    r"\s*(?:(?:reporting\s+)?(?:in|from|aus|à|desde|из|в)\s(?:the\s)?(?-i:[^\W\d_a-z])[\w.’'-]*(?:\s[\w.’'-]+){0,2}?|"
    r"[(（][^()（）]{1,30}[)）])\s*(?:[,;&]|\b(?:and|und|et|y|e|и|en|och|og)\b)\s*",
    re.IGNORECASE,
)
_ONE_WORD = lazy_regex(r"\s*,\s*[^\s,]+\s*")
_GOES_ON = lazy_regex(r"(?:,|&|\band|\bund|\bet|\by|、)\s*$")
_CUT = lazy_regex(r"\s+[·|•]\s*|\s*[·|•]\s+|(?<=\S)\s+(?=[\u3040-\u9fff]+\s?[:：])")
"""Matches the separators of a line, and the space before a label in Han or kana: 来源：新华社 作者：赵一鸣."""
_HANDLE = lazy_regex(r"[(\[]?\s*(?<![\w.])@\w[\w.]*\s*[)\]]?")
_MAX_DATED_LINE, _MAX_WORD_LENGTH = 90, 20
_MAX_WORDS_BEFORE_BY = 6  # more words before "by" are a sentence: "the plugin that was written by ..."
_MAX_CHUNK_LENGTH, _MAX_NAMES_LENGTH = 160, 60


@dataclass(frozen=True, slots=True)
class Sign:
    """One byline found on a page.

    - `names`: the names in it.
    - `kind`: the kind of sign by which it was recognized, a key of CONFIDENCE.
    - `place`: "above" or "below" (the heading) or "after" (the text).
    - `raw`, `line`: the text of its line, and the line's number among the lines of that place.
    - `is_in_text`: True if at least two paragraphs precede it.
    """

    names: tuple[str, ...]
    kind: str
    place: str
    raw: str
    line: int = 0
    is_in_text: bool = False

    @property
    def folded(self) -> frozenset[str]:
        return frozenset(map(fold_text, self.names))

    @property
    def confidence(self) -> float:
        away = _AWAY if self.place == "after" and self.kind != "box" else 0
        return CONFIDENCE[self.kind] - away - (_IN_TEXT if self.is_in_text else 0)


@dataclass(frozen=True, slots=True)
class _Spot:
    """One piece of text (`chunk`) in the lines of a page, with its position: all `lines`, the `number` of its line, its
    `index` in that line, and the `line` itself.
    """

    lines: list[MarkedLine]
    number: int
    index: int
    line: MarkedLine
    chunk: MarkedText

    def is_before_role(self) -> bool:
        """Returns True if the next piece of text, in the same line or at the start of the next one, is a job title."""
        following = self.line.chunks[self.index + 1 : self.index + 2]
        if not following:
            following = [c for one in self.lines[self.number + 1 : self.number + 2] for c in one.chunks[:1]]
        return bool(following and is_role(following[0].text.strip(" -–—,·|")))

    def is_beside_date(self) -> bool:
        """Returns True if this line, or a short line directly before or after it, contains a date."""
        if self.line.is_dated:
            return len(self.line.text) <= _MAX_CHUNK_LENGTH
        if len(self.line.text) >= _MAX_DATED_LINE:
            return False
        beside = [self.line, *self.lines[max(self.number - 1, 0) : self.number]]
        beside += self.lines[self.number + 1 : self.number + 2]
        return any(len(x.text) < _MAX_NAMES_LENGTH and _has_date(x.text) for x in beside)


def read_bylines(lines: list[MarkedLine], place: str, language: str) -> list[Sign]:
    """Returns the bylines in some lines of a page, in reading order. `place` is where the lines are: "above" or "below"
    (the heading) or "after" (the text). `language` is the language of the page's dates.
    """
    return _BylineReader(lines, place, language).read()


_RIGHTS = lazy_regex(
    r"©|\(c\)|\b(?:copyright|licen[sc]ed|licen[sc]e|lizenz|licence|licencia|licenza)\b|лицензи", re.IGNORECASE
)
"""Matches a line about copyright or a licence. Such a line also has a year and names (of the holder, the licence or the
software), but is not a byline."""


def is_counted_author(one: MarkedLine) -> bool:
    """Returns True if a line is a list item with a link and a number of posts, as in a list of the site's authors."""
    return has_count(one.text) and any(
        c.href and next(c.el.iterancestors("li"), None) is not None for c in one.chunks[:1]
    )


_FIELD = lazy_regex(r"[^\d:：]{2,30}[:：]")
_FIELD_TAGS = frozenset(("dt", "th"))
_MIN_FIELDS = 2
_BOOK = lazy_regex(r"\bISBN\b")


def describes_work(lines: Sequence[MarkedLine], number: int) -> bool:
    """Returns True if a line stands in a record of another work, such as a book: labelled lines one below the other,
    with an ISBN, or with several labels that posts do not have ("Publisher", "Pages") and without a date. `lines` are
    without dates, as `_without_dates` returns them.
    """
    first = last = number
    while first and _is_of_record(lines, first - 1):
        first -= 1
    while last + 1 < len(lines) and _is_of_record(lines, last + 1):
        last += 1
    record = lines[first : last + 1]
    fields = {name for one in record if (name := _field_of(one))}
    if len(fields) <= _MIN_FIELDS:
        return False
    others = [name for name in fields if not any(known(name) for known in _OF_POST)]
    is_book = any(_BOOK.search(one.text) for one in record)
    return is_book or (len(others) >= _MIN_FIELDS and not any(one.is_dated for one in record))


def _is_of_record(lines: Sequence[MarkedLine], number: int) -> bool:
    """Returns True if a line begins with a label, or is the value of the label that is the line before it."""
    before = lines[number - 1] if number and len(lines[number].text) <= SHORT else None
    return bool(_field_of(lines[number]) or (before and before.text and len(_field_of(before)) >= len(before.text)))


_WORKS = frozenset(("cite", "i", "em"))
_QUOTED = lazy_regex(r"[\"“„«『「].*[\"”“»』」]")


def _names_work(one: MarkedLine) -> bool:
    """Returns True if a line names a work and then its author: "<cite>The Quay</cite> by Jane Doe". The element cite
    also marks the whole byline of a post.
    """
    first, *rest = one.chunks or (None,)
    if first is None or not any(BY.match(chunk.text) for chunk in rest[:1]):
        return False
    return first.el.tag in _WORKS or _QUOTED.fullmatch(first.text) is not None


def _field_of(one: MarkedLine) -> str:
    """Returns the label with which a line begins, with its colon, or which it is in a list or table; "" if none."""
    if one.chunks and any(
        el is not None and el.tag in _FIELD_TAGS for el in (one.chunks[0].el, one.chunks[0].el.getparent())
    ):
        return f"{one.text.rstrip(':：')}:"
    found = _FIELD.match(one.text) if len(one.text) <= SHORT else None
    return found[0] if found else ""


_OF_POST: tuple[Callable[[str], object], ...] = (LABEL.fullmatch, OTHER_PART.match, kind_of_label)


def _without_dates(one: MarkedLine, language: str) -> MarkedLine:
    """Returns a line whose pieces of text are cut at dates, separators, labels and handles, without dates and handles.
    A handle marks the full names in its line as authors' and, in a line with a date, what stands right before it. What
    follows "on behalf of" is left out.
    """
    chunks: list[MarkedText] = []
    is_dated, has_handle = one.is_dated, False
    for chunk in one.chunks:
        if len(chunk.text) > _MAX_CHUNK_LENGTH:
            chunks.append(chunk)
            continue
        behalf = BEHALF.search(chunk.text)
        text = chunk.text[: behalf.start()] if behalf else chunk.text
        pieces = pieces_around_dates(text, language)
        is_dated |= len(pieces) > 1
        parts = [part for piece in pieces for part in _CUT.split(piece)]
        if parts == [chunk.text] and "@" not in chunk.text:
            chunks += [chunk] if chunk.text.strip(_SEPARATORS) else []
            continue
        for part in parts:
            for n, bare in enumerate(_HANDLE.split(part) if "@" in part else [part]):
                if n:
                    has_handle = True
                    if is_dated and chunks:
                        chunks[-1] = chunks[-1]._replace(mark=AUTHOR)
                if bare := bare.strip(_BETWEEN):
                    chunks.append(chunk._replace(text=bare))
        if behalf:
            break
    if has_handle:
        chunks = [c._replace(mark=AUTHOR) if _are_full_names(c.text) else c for c in chunks]
    return replace(one, chunks=chunks, is_dated=is_dated)


class _BylineReader:
    """Collects the bylines in some lines of a page. The names of one byline may be in several pieces of text.

    `state` says what the next names are: "by" for authors; "other" for people who did something else, such as edit or
    translate the post; "" if no names are expected.
    """

    def __init__(self, lines: list[MarkedLine], place: str, language: str) -> None:
        self.lines = [_without_dates(one, language) for one in lines]
        self.place, self.language = place, language
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
            self.pictures.update(fold_text(p) for p in one.pictures)
            is_long = len(one.text) > (SHORT if self.paragraphs > 1 else MIDDLE)
            is_other = is_counted_author(one) or describes_work(self.lines, number) or _names_work(one)
            is_other |= _RIGHTS.search(one.text) is not None
            if is_long or is_other or reads_on(one.text, self.language):
                self._stop()
                continue
            for index, chunk in enumerate(one.chunks):
                self._read_chunk(_Spot(self.lines, number, index, one, chunk))
        self._close()
        return self.signs

    def _close(self) -> None:
        """Adds the current byline to the result, if it has names."""
        if self.names:
            found = tuple(dict.fromkeys(self.names))
            late = self.place == "below" and self.paragraphs > 1
            self.signs.append(Sign(found, self.kind, self.place, self.raw[:200], self.began, late))
        self.names, self.kind = [], ""

    def _stop(self) -> None:
        """Ends the current byline, so that the following text is not taken for a name."""
        self._close()
        self.state = ""

    def _read_chunk(self, at: _Spot) -> None:
        text = at.chunk.text
        if self._is_place(at):
            return
        if self.names and (_JOINT.fullmatch(text) or _ASIDE.fullmatch(text)):
            self.is_complete, self.state = False, "by" if self.kind == "by" else self.state
            return
        if OTHER_PART.match(text):
            self._close()
            self.state = "other"
            return
        by = BY.match(text)
        in_sentence = at.index and len(at.line.chunks[at.index - 1].text.split()) > _MAX_WORDS_BEFORE_BY
        # Words with other uses, such as "par" and "di", introduce an author only beside a date or near the heading.
        is_byline = at.line.is_dated or (at.index == 0 and at.number <= _FAR and len(at.line.text) <= SHORT)
        signature = None if in_sentence else by if is_byline else match_signature(text)
        if LABEL.fullmatch(text) or ((m := signature or by) and m.end() == len(text)):
            self._close()
            self.state, self.raw, self.began = "by", at.line.text, at.number
            return
        kind = self._kind_of(at, signed=signature is not None)
        if not kind:
            self._pass_over(text)
        elif self.state != "other" or signature:
            self._take(at, text[signature.end() :] if signature else text, kind)

    def _is_place(self, at: _Spot) -> bool:
        """Returns True if a piece of text is the place after the authors' full names: one word at the end of the line,
        as in "Jane Doe, Berlin".
        """
        is_last = at.chunk is at.line.chunks[-1] and at.index > 0 and not at.chunk.href
        word = _ONE_WORD.fullmatch(at.chunk.text)
        return is_last and bool(self.names) and word is not None and all(map(is_full_name, self.names))

    def _pass_over(self, text: str) -> None:
        """Handles a piece of text that is not an author's name. It ends the current byline, unless it only joins two
        names ("and") or introduces editors, translators and the like.
        """
        if not (self.state == "other" and split_names(text)) and not _JOINT.fullmatch(text):
            self._stop()

    def _take(self, at: _Spot, text: str, kind: str) -> None:
        """Adds the names in a text to the current byline, or begins a new byline with them."""
        chunk = at.chunk
        is_one = bool(chunk.href) or chunk.mark == NAME
        found = split_names(text, one=is_one)
        if kind == "by" and not all(map(is_full_name, found)) and len(at.line.text) <= SHORT:
            found = split_names(_without_term(text), one=is_one)
        if not found or not all(_has_required_form(x, kind) for x in found):
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
        """Returns True if a name belongs to the current byline, because it follows a word such as "and", or because its
        element has the same tag and class (`shape`) as the element of the previous names.
        """
        if not self.names or (self.kind != kind and kind == "date"):
            return False
        return not self.is_complete or self.shape == shape or text[:1] in ",&"

    def _kind_of(self, at: _Spot, signed: bool) -> str:
        """Returns the kind of sign (a key of CONFIDENCE) by which a piece of text is an author's name; "" if it has no
        such sign.

        `signed` is True if the text begins with words that introduce an author.
        """
        chunk, text = at.chunk, at.chunk.text
        if len(text) > _MAX_CHUNK_LENGTH or NOT_A_NAME.match(text) or (chunk.href and leads_to_term(chunk.href)):
            return ""
        if self.paragraphs > 1 and (at.index or not signed):
            return ""
        if signed or (self.state == "by" and (at.number == self.began or _can_be_labelled_name(chunk, at.line))):
            return "by"
        kind = _kind_by_markup(chunk)
        if kind:
            return kind if len(at.line.text) < LONG else ""
        return self._kind_by_look(at) if self._may_be_unmarked(at) else ""

    def _may_be_unmarked(self, at: _Spot) -> bool:
        """Returns True if a piece of text may be an author's name without any mark, because it is near the heading, in
        a line of names and dates.
        """
        chunk, line = at.chunk, at.line.text
        if chunk.mark == NOT or chunk.head or chunk.text.endswith(":"):
            return False
        if self.paragraphs > 1 or at.number > _NEAR or len(line) > _MAX_CHUNK_LENGTH:
            return False
        return all(c is chunk or _is_beside_name(c.text) for c in at.line.chunks)

    def _kind_by_look(self, at: _Spot) -> str:
        text = at.chunk.text
        if _has_degrees(text) or names_korean_reporters(text):
            return "role"
        kind = "mark" if at.chunk.mark == BOX else self._kind_by_surroundings(at)
        return kind if kind and _are_full_names(text) else ""

    def _kind_by_surroundings(self, at: _Spot) -> str:
        text = at.chunk.text
        if self.pictures and not text.endswith((".", "）")) and fold_text(text) in self.pictures:  # captions end so
            return "avatar"
        if at.is_before_role():
            return "role"
        if at.chunk.href and not _may_lead_to_person(at.chunk.href, text):
            return ""
        return "date" if at.is_beside_date() and all(map(is_plain_name, split_names(text))) else ""


def _may_lead_to_person(href: str, name: str) -> bool:
    """Returns True if a link may lead to a person: its address looks like that of an author's page, contains a word of
    the name, is for mail, or is that of this site's home or "about" page. Names with other letters than those of
    addresses may be in any address.
    """
    if (
        not name.isascii()
        or leads_to_person(href)
        or href.startswith(("mailto:", "#"))
        or _HOME_OR_ABOUT.fullmatch(href)
    ):
        return True
    address = fold_text(href)
    return any(word in address for word in map(fold_text, name.split()[-1:]) if word)


_HOME_OR_ABOUT = lazy_regex(
    r"\.*/?(?:about|about-me|ueber-mich|a-propos|acerca|chi-sono|sobre|o-mne|o-mnie)?/?(?:\.html?)?", re.I
)


def _kind_by_markup(chunk: MarkedText) -> str:
    if chunk.mark in (NAME, AUTHOR):
        return "mark"
    return "link" if chunk.href and leads_to_person(chunk.href) else ""


def _is_beside_name(text: str) -> bool:
    """Returns True if a text is of the kind that may stand beside a name in a byline: one or two words, a date or a job
    title.
    """
    return bool(len(text.split()) < 3 or _has_date(text) or is_role(text))


def _has_date(text: str) -> bool:
    return _DIGIT.search(text) is not None and _DATE.search(text) is not None


def _can_be_labelled_name(chunk: MarkedText, one: MarkedLine) -> bool:
    """Returns True if a piece of text (`chunk`, in the line `one`) can be the name that a label such as "Author:" in an
    earlier line introduces.
    """
    return (
        chunk.mark in (NAME, AUTHOR)
        or leads_to_person(chunk.href)
        or _are_full_names(chunk.text)
        or (one.text == chunk.text and " " not in chunk.text and len(chunk.text) <= _MAX_WORD_LENGTH)
    )


def _are_full_names(text: str) -> bool:
    """Returns True if a text consists of full names only, which need no markup to be recognized as names."""
    if is_full_name(text):
        return True
    found = split_names(text) if any(c in text for c in ",;&、") or text.count(" ") > 2 else []
    return bool(found) and all(map(is_full_name, found)) and (len(found) > 1 or BEHALF.search(text) is not None)


def _has_degrees(text: str) -> bool:
    """Returns True if a text consists of full names, some of them with degrees or job titles: "Ann Poe, MD; Eva Roe,
    PhD".
    """
    pieces = [p.strip(" .") for p in AND.split(text) if p.strip(" .")]
    people = [p for p in pieces if not is_role(p)]
    return len(people) < len(pieces) and bool(people) and all(is_full_name(p) for p in people)


def _has_required_form(name: str, kind: str) -> bool:
    """Returns True if a name has the form that this kind of sign (a key of CONFIDENCE) requires. Next to a picture, for
    instance, it must consist of a first and a last name.
    """
    if kind == "date":
        return is_plain_name(name)
    if kind in ("avatar", "role"):
        return is_full_name(name)
    if kind == "link" and " " in name and not is_full_name(name) and name.isascii():
        return False
    return may_sign(name) and not is_role(name)


# The byline beside the heading of a post, and whole bylines elsewhere.

_SENTENCE_END = lazy_regex(r"[.!?…।。][\"'”’»)]*\s*$")
_NEXT_SENTENCE = lazy_regex(r"[^\W\d]{3}[.!?…][\"'”’»)]*\s+\S|[。！？]\S")
_IN_TERM = lazy_regex(r"\s(?:(?:filed|posted|published) )?(?:in|under|to|on|dans|en|em|unter)(?:\s+(?=(\S.*))|$)")
_HEADING_LABEL_LENGTH = 40  # a line with fewer characters may be a label for the next one: "Last updated:"
_DATELINE_WORDS = 2  # at most this many words precede the date in a dateline: "NEW YORK, May 3, 2020 - ..."
_LINES, _MAX_LENGTH, _MAX_DATED_LENGTH = 8, 240, 200
_MAX_WHOLE_LENGTH, _MAX_TERM_LENGTH = 160, 40
"""A line that is a byline wherever it stands has at most so many characters; a term in it, such as a section, fewer."""
_WORDS_OF_SENTENCE, _SENTENCE = 4, 24
"""A line is a sentence if at least so many words follow its date, or so many characters in scripts without spaces."""
_OF_SECTION = lazy_regex(
    r"[@(\[#]|(?:(?:filed|posted|published)\s)?(?:in|under|from|dans|en|em|unter)\s", re.IGNORECASE
)
"""Matches what follows a date in a byline and names the section: "in Boats", "filed under Boats"."""
# A line without a date or name is the start of the text if it is further below the heading, or longer, than this.
_FAR, _MAX_OTHER_LENGTH = 3, 120
_LABEL = lazy_regex(
    r"^(?:posted|published|written|date|last updated|updated|on|veröffentlicht|publié|publicado|pubblicato|"
    r"опубликовано|đăng|发布于|发表于|"
    r"投稿日|公開日|更新日|작성일|نشر|פורסם)\b",
    re.IGNORECASE,
)
_HAN_NAME = lazy_regex(r"[\u4e00-\u9fff]{2,4}|[\u3040-\u30ff\u4e00-\u9fff]{2,8}")
_CJK_LABEL = lazy_regex(
    r"[于於在日期时時更新发發布表类類签標阅閱读讀分钟鐘前后後评評论論次数數字首页頁档檔]|カテゴリ|タグ|投稿|公開|更新|コメント"
)
_MAX_DATES = 3  # at most this many dates of a line are cut out
_TO_DATE = lazy_regex(
    r"(?:^|[\s,(])(?:on|at|the|am|um|vom|den|le|à|el|il|alle|em|às|op|om|på|kl|dnia|dne|dia|del|de|tanggal|ngày|lúc|"
    r"в|от|o|στις)\.?$",
    re.IGNORECASE,
)
"""Matches the small words that lead to a date or a time of day, at the end of the text before it."""
# Scripts without letter case. Georgian is among them, since its capitals are not used in names. Han, kana and Hangul
# are left out, because their names are recognized by family names and length.
_CASELESS = lazy_regex(
    r"(?!.*[؟।॥።])[\u0590-\u109f\u10d0-\u10ff\u1200-\u139f\u1680-\u1c7f\u1cd0-\u1cff\u200c\u200d\u2d80-\u2ddf\ua800-\uabff"
    r"\ufb1d-\ufdff\ufe70-\ufeff\s.'’\-]+"
)
_LEAST_LETTERS, _MOST_LETTERS, _MOST_WORDS = 3, 40, 6
_SEPARATORS = " \t|·•–—-/@"
_BETWEEN = _SEPARATORS + ",،၊፣;؛"  # what may stand between a date and a name
_COMMAS = frozenset(",،၊፣;؛")
CHANGED_BESIDE_HEADING = "changed, beside the heading"
"""The locator of evidence for a date of the last change in the byline that is used as the date of publication."""


@dataclass(frozen=True, slots=True)
class BylineBlock:
    """The byline next to a post's heading.

    - `names`: the names of the authors. `sure` is True if a word such as "by", or a handle, shows that they are
      authors.
    - `moment`, `modified`: the date of publication and the date of the last change.
    - `lines`, `elements`: the texts of its lines, and its elements on the page.
    """

    names: tuple[str, ...] = ()
    moment: Moment | None = None
    modified: Moment | None = None
    sure: bool = False
    lines: tuple[str, ...] = ()
    elements: tuple[Element, ...] = ()


_ROOM = 900  # at most this many characters are read after the heading
_INNER_TIMES, _LINES_ABOVE, _DATED_ELEMENTS = 12, 3, 3
_ONLY_THIS_LINE = 1.3
"""An element belongs to the byline if its text is at most this many times as long as the line in it."""


def byline_beside_heading(page: Page, post: Post) -> BylineBlock:
    """Returns the byline in the short lines between the heading and the body or, if they contain no date or name, in
    the lines right above the heading. Without one, the result has no names and dates.
    """
    if post.title is None:
        return BylineBlock()
    below = LineReader(_ROOM, until=post.body).lines(nodes_after(post.title, post.holder))
    found = _byline_in(page, post, list(islice(below, _LINES)), "below")
    if found.lines:
        return found
    above = LineReader(_ROOM).lines(nodes_before(post.title))
    return _byline_in(page, post, list(islice(above, _LINES_ABOVE)), "above")


def _byline_in(page: Page, post: Post, lines: list[MarkedLine], place: str) -> BylineBlock:
    signs = sorted(read_bylines(lines, place, page.date_language), key=lambda sign: sign.confidence)
    titles = set(map(fold_text, declared_titles(page)))
    signs = [s for s in signs if not page.constants.refuses_byline(s.raw, s.names)]
    signs = [s for s in signs if s.kind == "by" or (place == "below" and not s.folded <= titles)]
    best = {sign.line: sign for sign in signs}
    out, label = BylineBlock(), ""
    for number, one in enumerate(lines):
        if len(one.text) > _MAX_LENGTH:
            break
        elements = _blocks_of(one)
        if any(is_time_of_event(el) or _names_other_time(el) for el in (*elements, *(c.el for c in one.chunks))):
            continue
        published, modified = _dates_of_line(page, one.text, elements, label)
        label = one.text if not (published or modified) and len(one.text) < _HEADING_LABEL_LENGTH else ""
        if post.body is None and out.moment and published and published.day != out.moment.day:
            return BylineBlock()  # the entries of a list
        if published or modified or number in best:
            alone = tuple(el for el in elements if page.index.text_length(el) <= _ONLY_THIS_LINE * len(one.text))
            out = _with_line(out, one.text, alone, best.get(number), published, modified)
        elif number > _FAR or len(one.text) > _MAX_OTHER_LENGTH:
            break
    return out


def _with_line(
    found: BylineBlock,
    text: str,
    elements: tuple[Element, ...],
    sign: Sign | None,
    published: Moment | None,
    modified: Moment | None,
) -> BylineBlock:
    """Returns the byline with one more line. The names and each date are those of the first line that has them."""
    return BylineBlock(
        found.names or (sign.names if sign else ()),
        found.moment or published,
        found.modified or modified,
        found.sure if found.names else sign is not None and (sign.kind == "by" or "@" in text),
        (*found.lines, text),
        (*found.elements, *elements),
    )


def _blocks_of(one: MarkedLine) -> tuple[Element, ...]:
    """Returns the block-level elements that contain the pieces of a line."""
    blocks = (next((el for el in (c.el, *c.el.iterancestors()) if el.tag in LINE_BLOCKS), c.el) for c in one.chunks)
    return tuple(dict.fromkeys(blocks))


def _names_other_time(el: Element) -> bool:
    names = f"{el.get('class') or ''} {el.get('id') or ''}"
    return is_other_time_name(names) or is_reaction_name(names)


def _dates_of_line(
    page: Page, text: str, elements: tuple[Element, ...], label: str
) -> tuple[Moment | None, Moment | None]:
    """Returns the dates of publication and of the last change in a line. `label` is the line before it, which may be a
    label such as "Updated:". Of a time such as "3 hours ago", an attribute of an element may give the exact date.
    """
    language = page.date_language
    if len(text) >= _MAX_DATED_LENGTH or _is_sentence(text, language) or reads_on(text, language):
        return None, None
    published, modified = read_dates(text, language, label)
    if published or modified or page.captured_at is None:
        return published, modified
    published, modified = read_dates(text, language, label, page.captured_at)
    if published or modified:
        inner = (e for el in elements for e in islice(el.iter("time", "abbr", "span", "a"), _INNER_TIMES))
        if exact := next((m for e in inner if (m := date_of_attributes(e, language))), None):
            return (exact, None) if published is not None else (None, exact)
    return published, modified


def reads_on(text: str, language: str) -> bool:
    """Returns True if a line is a sentence that only begins like a byline: "Published by Faber on 4 May 2001, the novel
    sold out." It goes on after its date, and ends as a sentence does or begins another one.
    """
    after = [piece for piece in pieces_around_dates(text, language)[1:] if not _OF_SECTION.match(piece)]
    if not (_SENTENCE_END.search(text) or any(map(_NEXT_SENTENCE.search, after))):
        return False
    return any(len(piece.split()) >= _WORDS_OF_SENTENCE or len(fold_text(piece)) >= _SENTENCE for piece in after)


def is_whole_byline(text: str, language: str) -> bool:
    """Returns True if a line is a byline from its beginning to its end, wherever it stands: a date, an author after a
    word such as "by", and nothing else but labels and short terms.
    """
    pieces = pieces_around_dates(text, language)
    if len(pieces) == 1:
        return False
    authors = [bool((m := BY.match(piece)) and split_names(piece[m.end() :])) for piece in pieces]
    return (
        any(authors)
        and not reads_on(text, language)
        and all(is_author or len(piece) <= _MAX_TERM_LENGTH for is_author, piece in zip(authors, pieces, strict=True))
    )


def whole_byline_around(page: Page, el: Element) -> Element | None:
    """Returns the block-level element around an element with a date if its text is a byline from its beginning to its
    end; otherwise None.
    """
    block = next((one for one in (el, *el.iterancestors()) if one.tag in LINE_BLOCKS), None)
    if block is None or page.index.text_length(block) > _MAX_WHOLE_LENGTH:
        return None
    return block if is_whole_byline(element_line(block), page.date_language) else None


def names_in_dated_lines(page: Page, post: Post) -> Iterator[tuple[str, ...]]:
    """Yields the names in the lines with the dates that readers see, wherever they stand, if a whole line is a
    byline.
    """
    for el in post.dated_elements[:_DATED_ELEMENTS]:
        if (block := whole_byline_around(page, el)) is not None:
            lines = list(LineReader(_MAX_WHOLE_LENGTH).lines([(block, False)]))
            yield from (sign.names for sign in read_bylines(lines, "below", page.date_language)[:1])


def _is_sentence(text: str, language: str) -> bool:
    """Returns True if a line is a sentence with a date, such as "We opened the shop on 3 May 2010.", and not a
    byline.
    """
    if not _SENTENCE_END.search(text) or BY.match(text) or _LABEL.match(text):
        return False
    before, *after = pieces_around_dates(text, language)
    return bool(after) and len(before.split()) > _DATELINE_WORDS


def names_of_line(el: Element) -> list[str]:
    """Returns the names in an element that is known to be a byline, without its date and handles."""
    lines = [replace(one, is_dated=True) for one in LineReader(_MAX_LENGTH).lines([(el, False)])]
    if signs := read_bylines(lines, "below", ""):
        return list(signs[0].names)
    texts = [chunk.text for one in lines for chunk in _without_dates(one, "").chunks]
    found = [split_names(text) for text in texts if not OTHER_PART.match(text)]
    return [name for names in found if all(map(_looks_like_full_name, names)) for name in names]


def pieces_around_dates(text: str, language: str) -> list[str]:
    """Returns the pieces of a line around its dates and their times of day, without the separators and the small words
    that lead to a date: ["Posted by Jane Doe", ""] for "Posted by Jane Doe at January 31, 2008 10:29 AM".
    """
    pieces: list[str] = []
    if not _DIGIT.search(text):
        return [text]
    while len(pieces) < _MAX_DATES and (around := text_around_date(text, language)) is not None:
        pieces.append(_TO_DATE.sub("", around[0].strip(_BETWEEN)).strip(_BETWEEN))
        text = around[1]
    return [*pieces, text.strip(_BETWEEN) if pieces else text]


def _without_term(piece: str) -> str:
    """Returns a byline without a section after the author's name: "By Jane Doe" for "By Jane Doe in Boats". In some
    languages the word also joins two people (Dutch "en").
    """
    for m in _IN_TERM.finditer(piece):
        if m[1] is None or not is_full_name(m[1]):
            return piece[: m.start()]
    return piece


def name_beside_date(beside: BylineBlock, language: str) -> str:
    """Returns the text that stands beside the date in the byline near the heading (`beside`) and may be a name
    that is not recognized by its form: it has no letter case, or is that of a group; "" if there is none. `language` is
    the language of the page's dates.

    The line must consist of only the date and this text. A section or a place looks the same, so only the other posts
    of the site can show that it is a name. One word before or after a comma is left out: in a dateline it is a place,
    and beside a time of day the part of the day or the day of the week.
    """
    if beside.names or beside.moment is None:
        return ""
    around = next(filter(None, (text_around_date(line, language) for line in beside.lines)), None)
    if around is None:
        return ""
    before, after = (text.strip() for text in around)
    if bool(name := before.strip(_BETWEEN)) == bool(other := after.strip(_BETWEEN)):
        return ""
    joint = before[len(before.rstrip(_BETWEEN)) :] if name else after[: len(after) - len(after.lstrip(_BETWEEN))]
    name = name or other
    words = name.split()
    if not _LEAST_LETTERS <= len(name) <= _MOST_LETTERS or len(words) > _MOST_WORDS:
        return ""
    if not name[0].isupper() and not has_no_case(name):
        return ""
    if not joint.strip() and beside.moment.precision != "day":
        return ""
    return "" if len(words) == 1 and not _COMMAS.isdisjoint(joint) else name


def has_no_case(text: str) -> bool:
    """Returns True if a text is in a script without letter case, other than Han, kana and Hangul."""
    return _CASELESS.fullmatch(text) is not None


def _looks_like_full_name(text: str) -> bool:
    """Returns True if a text looks like a full name: it consists of capitalized words or, in Han and kana, is as long
    as a name.
    """
    if _HAN_NAME.fullmatch(text):
        return not _CJK_LABEL.search(text)
    words = BRACKETS.sub("", text).split()
    return 2 <= len(words) <= 4 and words[0][0].isupper() and words[-1][0].isupper()
