"""Finds the bylines of a post. A byline is recognized by a sign: words such as "by", markup, a link, a job title or a
date.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import islice
from typing import Literal, NamedTuple, Protocol
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.blocks import is_footer_name, opens_comments
from archiver.extraction.categories import has_count, kind_of_address, leads_to_person, leads_to_term, text_before
from archiver.extraction.date_parser import Moment, text_around_date
from archiver.extraction.metadata import Node, is_article_item, item_of, types
from archiver.extraction.normalization import clean_text, element_line, fold_text
from archiver.extraction.page import Page
from archiver.extraction.person_names import (
    AMBIGUOUS,
    AND,
    BEHALF,
    BRACKETS,
    BY,
    KNOWN_AGENCIES,
    LABEL,
    NOT_A_NAME,
    OTHER_PART,
    WEAK_ACCOUNTS,
    downgrade_doubtful_authors,
    given_name_first,
    host_names,
    is_full_name,
    is_name,
    is_organization,
    is_plain_name,
    is_role,
    looks_personal,
    match_signature,
    may_sign,
    names_korean_reporters,
    split_names,
    word_set,
)
from archiver.extraction.post_locator import LINE_RULES, Post, declared_titles, is_outside_posts, unshown_article
from archiver.extraction.titles import site_names
from archiver.extraction.visible_dates import (
    date_of_attributes,
    is_other_time_name,
    is_reaction_name,
    is_time_of_event,
    read_dates,
)
from archiver.model.items import ORGANIZATIONS, Candidate, Evidence, SourceHint, is_from_api
from archiver.model.lazy_regex import lazy_regex
from archiver.platforms import by_name

# The boxes about the author that follow a post.

_MAX_COUNT = 2  # the boxes of one post are about at most this many people
_BOXES, _LINKS, _TITLE_LENGTH = 60, 13, 22
_NO_BOX = frozenset({"html", "body", "main", "link", "meta"})
_ABOUT = lazy_regex(
    r"^(?:about|meet|über|à propos de|sobre|об авторе:?|hi,? i['’]?m)\s+(?!the\b|me\b|us\b)", re.IGNORECASE
)


_HEADINGS = ("h2", "h3", "h4", "h5", "h6")


class CommentSection:
    """The comments of a page: everything after the first heading below the post's title with a text such as "2
    comments".
    """

    def __init__(self, page: Page, post: Post) -> None:
        self.page, self.post = page, post

    @cached_property
    def _begin(self) -> int | None:
        order = self.page.index.order
        title = -1 if self.post.title is None else order[self.post.title]
        return next(
            (order[el] for el in self.page.index.tag(*_HEADINGS) if order[el] > title and _is_comments(el)), None
        )

    def has(self, el: Element) -> bool:
        return self._begin is not None and self.page.index.order.get(el, -1) > self._begin


def _is_comments(el: Element) -> bool:
    return len((el.text or "").strip()) <= _LABEL_LENGTH and opens_comments(_first_texts(el))


def author_boxes(page: Page, end: int, top: Element | None, comments: CommentSection) -> list[tuple[str, str]]:
    """Returns the people in the author boxes after the element at position `end`, as pairs of a name and the first line
    of the box. Boxes in the section `comments` are left out.

    `top` is the post's heading, None if it has none. If the boxes are about more than two people, they are a staff list
    or belong to other posts, and [] is returned.
    """
    out: list[tuple[str, str]] = []
    last: Element | None = None
    for el in _author_elements(page)[:_BOXES]:
        if (
            page.index.order[el] <= end
            or comments.has(el)
            or el.tag in _NO_BOX
            or _is_inside(el, last)
            or not _belongs_to_post(page, el, top)
        ):
            continue
        last = el
        lines = list(islice(LineReader(600).lines([(el, False)]), 4))
        if who := next((w for x in lines for w in _names_in_box_line(x)), None):
            out.append((who, lines[0].text[:200]))
    return out if len({who for who, _ in out}) <= _MAX_COUNT else []


def _author_elements(page: Page) -> list[Element]:
    """Returns the elements whose classes mark them as containing an author, in document order."""
    found: list[Element] = []
    for classes in page.index.classes_with(HINTS):
        if author_mark(classes) in (BOX, NAME, AUTHOR):
            found += page.index.with_class(classes)
    return sorted(found, key=page.index.order.__getitem__)


def _belongs_to_post(page: Page, el: Element, top: Element | None) -> bool:
    """Returns True if an element is neither in comments, a menu nor the card (linked teaser) of another post. `top` is
    the post's heading, None if it has none.
    """
    if any(is_foreign(a) for a in ancestors_of(el)) or is_foreign(el):
        return False
    return not is_in_card(page, el, top)


def _names_in_box_line(one: MarkedLine) -> Iterator[str]:
    for chunk in one.chunks[:4]:
        text = _ABOUT.sub("", chunk.text)
        if len(text) > 70 or LABEL.fullmatch(text) or chunk.mark == NOT:
            continue
        found = split_names(text, one=True)
        if len(found) == 1 and looks_personal(found[0]) and (is_full_name(found[0]) or chunk.mark == NAME):
            yield found[0]


def _is_inside(el: Element, top: Element | None) -> bool:
    return top is not None and any(a is top for a in ancestors_of(el))


def _first_texts(el: Element) -> str:
    """Returns the first 20 text nodes of an element as one line. This is enough to distinguish a label from a title."""
    return clean_text(" ".join(islice(map(str, el.itertext()), 20)))


def is_in_card(page: Page, el: Element, top: Element | None) -> bool:
    """Returns True if an element is in the card (linked teaser) of another post: one of the four nearest elements
    around it contains a link to another page whose text is as long as a title. `top` is the post's heading, None if it
    has none.
    """
    at = el.getparent()
    for _ in range(4):
        if at is None or at.tag in ("body", "main", "html") or (top is not None and _is_inside(top, at)):
            return False
        if any(_is_title_link(page, a) for a in islice(at.iter("a"), _LINKS)):
            return True
        at = at.getparent()
    return False


def _is_title_link(page: Page, a: Element) -> bool:
    """Returns True if a link leads to another page, has a text as long as a title, and is not part of a sentence."""
    text = _first_texts(a)
    if len(text) < _TITLE_LENGTH or leads_to_person(a.get("href") or ""):
        return False
    outer = a.getparent()
    if outer is not None and outer.tag == "p" and len(_first_texts(outer)) > len(text) + 20:
        return False
    url = page.join(a.get("href"))
    return bool(url) and url.partition("#")[0].rstrip("/") not in page.addresses


CONFIDENCE = {
    "by": 0.9,
    "mark": 0.88,
    "link": 0.87,
    "avatar": 0.8,
    "role": 0.7,
    "date": 0.62,
    "box": 0.72,
    "right": 0.8,
}
"""The confidence of a byline near the heading, by the kind of sign that shows it."""
SURE = ("by", "mark", "link")
_IN_TEXT = 0.06  # a post may contain the bylines of other works after its own
_AWAY = 0.14  # signs after the text have a confidence that is lower by this amount
_NEAR = 16  # an unmarked name counts only if it is at most this many lines below the heading
_SHORT, MIDDLE = 80, 240  # a byline has at most this many characters within the text, and before the text
LONG = 200  # a line of at least this many characters is a paragraph of the text and not a byline
_DATE = lazy_regex(
    r"\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|\b(?:19|20)\d\d\b|\b\d+\s*(?:min|minute|hour|day|week|month|year)s?\b|"
    r"\b(?:19|20)\d\d[年./-]|\d\s*月\s*\d",
    re.IGNORECASE,
)
_DIGIT = lazy_regex(r"\d")
_IN_BRACKETS = lazy_regex(r"[(（\[]\s*([^()（）\[\]]+?)\s*[)）\]][.。]?")
_JOINT = lazy_regex(r"(?:[,，、;&+/·•⋅]|\b(?:and|und|et|y|e|и|và|ve|with)\b|\s)+", re.IGNORECASE)
# What may stand between two names of one byline: the place from which the first one reports, or a note such as "(now)".
_ASIDE = lazy_regex(
    r"\s*(?:(?:reporting\s+)?(?:in|from|aus|à|desde|из|в)\s(?:the\s)?(?-i:[^\W\d_a-z])[\w.’'-]*(?:\s[\w.’'-]+){0,2}?|"
    r"[(（][^()（）]{1,30}[)）])\s*(?:[,;&]|\b(?:and|und|et|y|e|и|en|och|og)\b)\s*",
    re.IGNORECASE,
)
_ONE_WORD = lazy_regex(r"\s*,\s*[^\s,]+\s*")
_GOES_ON = lazy_regex(r"(?:,|&|\band|\bund|\bet|\by|、)\s*$")
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

    def signature(self) -> re.Match[str] | None:
        """Returns the match of words that introduce an author, such as "by" (`match_signature`), at the start of the
        piece of text. Returns None if there are none, or if they are part of a sentence.
        """
        in_sentence = self.index and _is_prose(self.line.chunks[self.index - 1].text)
        return None if in_sentence else match_signature(self.chunk.text)

    def is_before_role(self) -> bool:
        """Returns True if the next piece of text, in the same line or at the start of the next one, is a job title."""
        following = self.line.chunks[self.index + 1 : self.index + 2]
        if not following:
            following = [c for one in self.lines[self.number + 1 : self.number + 2] for c in one.chunks[:1]]
        return bool(following and is_role(following[0].text.strip(" -–—,·|")))

    def is_labelled_person(self) -> bool:
        """Returns True if the piece of text is a link to a person's page, and its line begins with a label in front of
        it, as in "Words: Jane Doe". The label may be in any language.
        """
        label = self.line.chunks[0].text
        return (
            self.index == 1
            and label.endswith((":", "："))
            and len(label) <= _LABEL_LENGTH
            and len(label.split()) <= _LABEL_WORDS
            and leads_to_person(self.chunk.href)
        )

    def is_beside_date(self) -> bool:
        """Returns True if this line, or a short line directly before or after it, contains a date."""
        beside = [self.line, *self.lines[max(self.number - 1, 0) : self.number]]
        beside += self.lines[self.number + 1 : self.number + 2]
        return any(len(x.text) < 60 and _has_date(x.text) for x in beside) and len(self.line.text) < 90


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


def _is_counted_author(one: MarkedLine) -> bool:
    """Returns True if a line is a list item with a link and a number of posts, as in a list of the site's authors."""
    return has_count(one.text) and any(c.href and _is_list_item(c.el) for c in one.chunks[:1])


def _is_list_item(el: Element) -> bool:
    return any(a.tag == "li" for a in (el, *islice(el.iterancestors(), 2)))


class _BylineReader:
    """Collects the bylines in some lines of a page. The names of one byline may be in several pieces of text.

    `state` says what the next names are: "by" for authors; "other" for people who did something else, such as edit or
    translate the post; "" if no names are expected.
    """

    def __init__(self, lines: list[MarkedLine], place: str, language: str) -> None:
        self.lines, self.place, self.language = lines, place, language
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
            is_long = len(one.text) > (_SHORT if self.paragraphs > 1 else MIDDLE)
            if is_long or _is_counted_author(one) or reads_on(one.text, self.language):
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
        signature = at.signature() if by else None  # BY matches all that `match_signature` does
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
        return (
            is_last
            and bool(self.names)
            and _ONE_WORD.fullmatch(at.chunk.text) is not None
            and all(map(is_full_name, self.names))
        )

    def _pass_over(self, text: str) -> None:
        """Handles a piece of text that is not an author's name. It ends the current byline, unless it only joins two
        names ("and") or introduces editors, translators and the like.
        """
        if not (self.state == "other" and split_names(text)) and not _JOINT.fullmatch(text):
            self._stop()

    def _take(self, at: _Spot, text: str, kind: str) -> None:
        """Adds the names in a text to the current byline, or begins a new byline with them."""
        chunk = at.chunk
        found = split_names(text, one=bool(chunk.href) or chunk.mark == NAME)
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
        if self.paragraphs > 1 and (at.index or not signed) and not at.is_labelled_person():
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
        return all(c is chunk or _is_beside_name(c.text) for c in at.line.chunks) and not _RIGHTS.search(line)

    def _kind_by_look(self, at: _Spot) -> str:
        text = at.chunk.text
        if _has_degrees(text) or names_korean_reporters(text):
            return "role"
        if len(text) > _MAX_NAMES_LENGTH:
            return ""
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


def _is_prose(text: str) -> bool:
    """Returns True if a text before the word "by" is part of a sentence, as in "the plugin that was written by ..."."""
    return len(text.split()) > 6 and not _has_date(text)


def _can_be_labelled_name(chunk: MarkedText, one: MarkedLine) -> bool:
    """Returns True if a piece of text (`chunk`, in the line `one`) can be the name that a label such as "Author:" in an
    earlier line introduces.
    """
    return (
        chunk.mark in (NAME, AUTHOR)
        or leads_to_person(chunk.href)
        or _are_full_names(chunk.text)
        or (one.text == chunk.text and " " not in chunk.text)
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


# Bylines around the heading and after the text, on any platform.

_MANY = 3  # if there are more bylines than this, they belong to several posts
_TOP = 2  # the post's own byline is in the first two lines below the heading, even if many others follow
_NAMES_ROOM, _LABEL_LENGTH, _LABEL_WORDS = 300, 30, 4
_LAST = 4  # only this many paragraphs at the end of a body are searched for a byline
_LAST_ELEMENTS = 60
_NO_SIGNATURE = frozenset(("blockquote", "figure", "figcaption", "th", "nav", "form"))
_RIGHT_STYLE = lazy_regex(r"text-align\s*:\s*(?:right|end)", re.IGNORECASE)
_RIGHT_CLASS = lazy_regex(
    r"(?:^|\s)(?:has-)?(?:text|txt|ta|text-align|align)-(?:right|end)(?:$|\s)|(?:^|\s)rteright(?:$|\s)"
)
# The reporters in the dateline of Chinese and Korean newspapers: 本报讯（记者 张三）, [신안=남도신문] 홍길동 기자 =.
_OPENING = lazy_regex(
    r"\s*(?:[^\n（(〔【。，,]{0,24}(?:讯|訊|电|電|消息|报道|報道|報導))?\s*"
    r"[（(〔【]\s*(?P<zh>(?:本报|本報|本网|本网|全媒体|见习|实习|特约|首席)*(?:记者|記者)[^（(〔【）)〕】／/\n]{2,30})(?:[／/][^）)〕】\n]{1,12})?"
    r"[）)〕】]|"
    r"\s*[\[(（【][^\])）】=\n]{1,16}=(?:[^\])）】\n]{1,16}[\])）】]\s*)?"
    r"(?P<ko>[가-힣]{2,4}(?:\s*[·,]\s*[가-힣]{2,4}){0,4}\s*(?:선임|인턴|객원|전문)?\s?기자)\s*[=\])）】|]"
)
_OPENING_NAME = lazy_regex(r"[\u4e00-\u9fff]{2,4}|[가-힣]{2,4}")
_PICTURED = lazy_regex(r"[摄攝图圖影]")
_NAME_ENDS = lazy_regex(r"[.,;(|–—]|\s(?:is|was|who|has|and\s+is)\s")


def find_signatures(
    page: Page, post: Post, declared: Collection[frozenset[str]] = (), *, agreed: bool = False
) -> tuple[list[Sign], bool]:
    """Returns the bylines found, best first. The second value is True if they name so many different authors that they
    belong to several posts or works.

    `declared` are the sets of authors' names in the page's metadata, as returned by `fold_text`. `agreed` is True if
    another visible source names the same people as one of these sets. If it does, or if a byline near the heading does,
    the text after the body is not read, since two sources of different kinds are enough.
    """
    top = _find_heading(page, post)
    out, end = _bylines_around_heading(page, top) if top is not None else (_bylines_at_start(page), -1)
    sure = [s for s in out if s.kind in SURE]
    many = len({s.names for s in sure if s.place == "below"}) > _MANY
    if many or not (agreed or any(s.folded in declared for s in sure)):
        out += _bylines_after(page, post, end, top)
    titles = set(map(fold_text, [*declared_titles(page), *([element_line(top)] if top is not None else [])]))
    out = [s for s in out if s.kind != "date" or not s.folded <= titles]  # the title again
    return sorted((s for s in out if not many or s.line < _TOP), key=lambda s: -s.confidence), many


def _bylines_around_heading(page: Page, top: Element) -> tuple[list[Sign], int]:
    """Returns the bylines below and above a heading, and the position in the document of the last element that was read
    (-1 if none was).
    """
    above = [x for x in LineReader(700).lines(nodes_before(top)) if len(x.text) < LONG][:6]
    below = list(_lines_until_text(LineReader(3500).lines(nodes_after(top))))
    end = page.index.order.get(below[-1].chunks[-1].el, -1) if below and below[-1].chunks else -1
    out = read_bylines(below, "below", page.date_language)
    # A plain name next to a date right above a heading is as often a topic as a person.
    return out + [s for s in read_bylines(above, "above", page.date_language) if s.kind != "date"], end


def _bylines_at_start(page: Page) -> list[Sign]:
    """Returns the bylines at the start of a page without a heading. Only those that were recognized by a reliable sign
    (SURE) are returned.
    """
    body = page.index.tag("body")[:1]
    lines = list(_lines_until_text(LineReader(3500).lines((child, False) for b in body for child in b)))
    return [s for s in read_bylines(lines, "below", page.date_language) if s.kind in SURE]


def _bylines_after(page: Page, post: Post, end: int, top: Element | None) -> list[Sign]:
    """Returns the bylines after the body of a post, and those in author boxes. `end` is the position of the last
    element that was already read, and `top` is the post's heading, None if it has none.
    """
    out: list[Sign] = []
    if post.body is not None:
        rest = [x for _, x in zip(range(10), LineReader(900).lines(nodes_after(post.body)), strict=False)]
        out += [
            s for s in read_bylines(list(_lines_until_heading(rest)), "after", page.date_language) if s.kind in SURE
        ]
    out += [Sign((who,), "box", "after", raw) for who, raw in author_boxes(page, end, top, CommentSection(page, post))]
    return out + _labelled_names(page) + _names_at_right(page, post)


def _names_at_right(page: Page, post: Post) -> list[Sign]:
    """Returns the byline in a line that is aligned to the right below the text, as newspapers print the author's name;
    [] if there is none. Such a line in the first half of the post is a motto or a caption.
    """
    index, top = page.index, post.body if post.body is not None else post.holder
    if top is None:
        return []
    begin, end = index.order[top], index.end(top)
    for el in reversed(index.elements[max(begin + 1, end - _LAST_ELEMENTS) : end]):
        if not _is_at_right(el) or index.text_length(el) > _MAX_NAMES_LENGTH or _is_in_figure(el):
            continue
        text = element_line(el)
        found = [] if OTHER_PART.match(text) else split_names(text)
        if found and all(map(is_plain_name, found)) and index.text_length_before(el, top) > index.text_length(top) / 2:
            return [Sign(tuple(found), "right", "after", text)]
    return []


def _is_in_figure(el: Element) -> bool:
    """Returns True if an element, or one of the three elements around it, is a quotation, a menu or a picture's
    caption.
    """
    return el.tag in _NO_SIGNATURE or any(a.tag in _NO_SIGNATURE for a in islice(el.iterancestors(), 3))


def _is_at_right(el: Element) -> bool:
    """Returns True if the markup of an element aligns its text with the right margin."""
    if (align := el.get("align")) and align.lower() == "right":
        return True
    if (style := el.get("style")) and _RIGHT_STYLE.search(style):
        return True
    classes = el.get("class")
    return bool(classes and ("right" in classes or "end" in classes) and _RIGHT_CLASS.search(classes))


_LABEL_TAGS = ("h2", "h3", "h4", "h5", "h6", "dt", "th")


def _is_label(el: Element) -> bool:
    """Returns True if an element contains nothing but words that introduce an author's name, such as "Author"."""
    return len((el.text or "").strip()) <= _LABEL_LENGTH and LABEL.fullmatch(_first_texts(el)) is not None


def _labelled_names(page: Page) -> list[Sign]:
    """Returns the byline below a heading that consists only of a label such as "Author", as in a box with the facts of
    a report. Returns [] if there is none, or if several such headings show that the page has several posts.
    """
    labels = [el for el in page.index.tag(*_LABEL_TAGS)[:_BOXES] if _is_label(el)]
    following = labels[0].getnext() if len(labels) == 1 else None
    if following is None or any(map(is_foreign, (following, *ancestors_of(following)))):
        return []
    names: list[str] = []
    for one in islice(LineReader(_NAMES_ROOM).lines([(following, False)]), _LAST):
        if _is_counted_author(one):
            return []  # all authors of the site
        found = [n for c in one.chunks for n in split_names(c.text, one=bool(c.href))]
        if not found or not all(map(is_full_name, found)):
            break
        names += found
    return [Sign(tuple(dict.fromkeys(names)), "by", "after", _first_texts(labels[0]))] if names else []


def signatures_in_text(text: str) -> list[Sign]:
    """Returns bylines such as "This post was written by Jane Doe, who keeps bees." in the last paragraphs of a body,
    and the reporters in the dateline at its start.
    """
    out = _reporters_of_dateline(text[:200])
    for paragraph in text[-1500:].split("\n\n")[-_LAST:]:
        one = clean_text(paragraph)
        if len(one) >= MIDDLE or OTHER_PART.match(one) or reads_on(one, ""):
            continue
        bracketed = _IN_BRACKETS.fullmatch(one)
        line = bracketed[1] if bracketed else one
        m = match_signature(line)
        if m and (bracketed or m.end() > 3) and m.end() < len(line):
            found = [n for n in split_names(_NAME_ENDS.split(line[m.end() :], maxsplit=1)[0]) if is_full_name(n)]
            if found:
                out.append(Sign(tuple(found), "by", "after", one[:200]))
    return out


def _reporters_of_dateline(text: str) -> list[Sign]:
    m = _OPENING.match(text) if "者" in text or "기자" in text else None
    if m is None or (m["zh"] and _PICTURED.search(m["zh"])):
        return []
    found = split_names(m["zh"] or m["ko"])
    are_names = bool(found) and all(map(_OPENING_NAME.fullmatch, found))
    return [Sign(tuple(found), "by", "below", m[0].strip())] if are_names else []


def _lines_until_text(lines: Iterator[MarkedLine]) -> Iterator[MarkedLine]:
    """Yields the lines up to and including the sixth long paragraph, at most about 50. The byline may be below the
    first paragraphs.
    """
    long = 0
    for n, one in enumerate(lines):
        if _begins_comments(one):
            return
        long += len(one.text) >= LONG
        yield one
        if long == 6 or n > 50:
            return


def _lines_until_heading(lines: list[MarkedLine]) -> Iterator[MarkedLine]:
    """Yields the lines up to the next heading or long paragraph."""
    for one in lines:
        if len(one.text) > LONG or any(c.head for c in one.chunks) or _begins_comments(one):
            return
        yield one


def _begins_comments(one: MarkedLine) -> bool:
    """Returns True if a line is the heading of the comments."""
    if not one.chunks or len(one.text) > _SHORT:
        return False
    el = one.chunks[0].el
    outer = el.getparent()
    return (el.tag in _HEADINGS or (outer is not None and outer.tag in _HEADINGS)) and opens_comments(one.text)


def _find_heading(page: Page, post: Post) -> Element | None:
    """Returns the post's heading, which may be empty. If it is unknown, returns the first <h1>, or the first <h2> whose
    text is the beginning of the page's <title>; None if there is neither.
    """
    if post.title is not None:
        return post.title
    head = fold_text(page.head_title)
    for el in page.index.tag("h1", "h2")[:20]:
        text = fold_text(element_line(el))
        if len(text) > 3 and (el.tag == "h1" or head.startswith(text)):
            return el
    return None


NAME, AUTHOR, BOX, NOT = "name", "author", "box", "not"
"""The author marks that a class may give an element. NAME: it is the author's name. AUTHOR: it is about the author.
BOX: it is a box about the author. NOT: it accompanies an author's name (a picture, a job title)."""

_AUTHOR_WORDS = word_set(
    "author authors authored byline bylines writer writers contributor contributors autor autores autoren auteur "
    "auteurs autore "
    "autori verfasser redakteur redacteur journalist reporter columnist yazar yazarlar penulis tacgia writtenby "
    "postedby "
    "byauthor forfatter skribent avtor"
)
_NAME_WORDS = word_set("name names fn fullname username displayname link")
_BOX_WORDS = word_set("bio biography about box card info profile description desc details content block panel")
_NOT_WORDS = word_set(
    "social share follow comment comments commenter commentator related image images img photo avatar picture thumb "
    "thumbnail icon email mail twitter title job role position occupation date time datetime category categories "
    "cat tag "
    "tags section topic topics count quote testimonial cite tooltip popover popup modal reviewer reviewers editor fact "
    "checker newsletter sidebar cta sep separator divider label prefix designation company org organization location "
    "read reading views website stats credentials headline tagline subtitle excerpt posts archive filter search hidden "
    "designer translator photographer product rating date published updated text-by"
)
_PAIRS = lazy_regex(
    r"(?:^|[\s_-])(?:(?:posted|written|published|article|post|story)[_-]+by|by[_-]line|tac[_-]gia)(?=$|[\s_-])"
)
_NAMED = lazy_regex(r"(?:author|byline|writer|contributor|autor|auteur)s?[_-]*(?:full|display|box__)?[_-]*name")
_WORD = lazy_regex(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


_BESIDE_WORDS = word_set("date time datetime published updated and")
HINTS = lazy_regex(
    "auth|line|by|writ|contribut|autor|auteur|verfass|redak|redac|journalis|reporter|columnist|yazar|penulis|gia|"
    "forfatter|skribent|avtor"
)
"""Matches parts of words, in lower case. Every class for an author contains one of them, and most other classes contain
none, so this is a quick first check."""
_BESIDE_NAME = lazy_regex(rf"(?:^|[^a-z])(?:{'|'.join(sorted(_NOT_WORDS))})(?![a-z])", re.IGNORECASE)


@lru_cache(maxsize=16_384)
def author_mark(names: str) -> str:
    """Returns what a class attribute says about its element, as one of the author marks, or "" if it says nothing about
    authors:

    - NAME: it is an author's name.
    - AUTHOR: it is about an author.
    - BOX: it is a box about an author.
    - NOT: it accompanies an author's name, as a picture does.
    """
    return _find_mark(names) if HINTS.search(names.lower()) else ""


def _find_mark(names: str) -> str:
    if len(names) > 600:
        return ""
    meanings = {_mark_of_class(name) for name in names.split()}
    return next((m for m in (NOT, NAME, AUTHOR, BOX) if m in meanings), "")


@lru_cache(maxsize=4096)
def is_beside_name(names: str) -> bool:
    """Returns True if a class attribute contains a word for something that stands next to an author's name but is not
    the name: a job title, a picture, a date.
    """
    return len(names) < 600 and bool(_BESIDE_NAME.search(names))


def _mark_of_class(name: str) -> str:
    words = [w.lower() for w in _WORD.findall(name)]
    have = set(words)
    author = bool(have & _AUTHOR_WORDS) or any(map(_is_author_compound, have)) or bool(_PAIRS.search(name.lower()))
    if not author:
        return ""
    if have & _BESIDE_WORDS:
        return BOX  # the element contains both the date and the author, as in "dateAndAuthor"
    if have & _NOT_WORDS:
        return NOT
    if words[-1].endswith("name") or words[-1] == "fn" or _NAMED.search(name.lower()):
        return NAME
    return BOX if have & _BOX_WORDS else NAME if have & _NAME_WORDS else AUTHOR


def _is_author_compound(word: str) -> bool:
    """Returns True if a word begins with "author", or ends with "author" or "byline", as "authorname" and "postauthor"
    do.
    """
    return (word.startswith("author") and not word.startswith(("authori", "authore"))) or word.endswith(
        ("author", "authors", "byline")
    )


_FOREIGN = lazy_regex(
    r"(?:^|[\s_-])(?:comments?|kommentare?|kommentarer|commentaires?|comentarios?|commenti|reacties|komentarze|kommentarii|yorumlar|"
    r"binh-?luan|pinglun|comment-?list|commentlist|respond|disqus|sidebar\d*|widget-area|related\w*|recommend\w*|"
    r"popular|trending|most-?read|latest|recent|recents|more-?(?:posts|articles|stories)|also-?like|you-?may|navbar|"
    r"nav|"
    r"navigation|menu|megamenu|pagination|pager|breadcrumbs?|newsletter|subscribe|promo|advert\w*|ads?|blogroll|"
    r"colophon|cookie\w*|modal|popup|popover|tooltip|testimonials?|quote|toc|tag-?cloud|"
    r"carousel|slider|swiper|teasers?|up-?next|suggest\w*|read-?next|next-?post|prev(?:ious)?-?post|post-?navigation|"
    r"site-?footer|page-?footer|site-?header|masthead|screen-reader-text|sr-only|visually-hidden)(?=$|[\s_-])",
    re.IGNORECASE,
)
_FOOTER = lazy_regex(r"(?:^|[\s_-])(?<!head[_-])(?<!header[_-])footer(?:$|[\s_-])", re.IGNORECASE)
_POST_FOOTER = lazy_regex(r"entry|post|article|story|blog|content", re.IGNORECASE)
_DEPTH = 40
_CONTAINERS = frozenset({"html", "body", "main", "article"})
_FOREIGN_TAGS = frozenset({"nav", "blockquote", "figure", "form"})


@lru_cache(maxsize=16384)
def _is_foreign_name(names: str) -> bool:
    return bool(_FOREIGN.search(names)) or bool(_FOOTER.search(names) and not _POST_FOOTER.search(names))


def ancestors_of(el: Element) -> Iterator[Element]:
    """Yields at most _DEPTH ancestors of an element, nearest first. The limit is needed because some pages nest
    elements thousands deep.
    """
    return islice(el.iterancestors(), _DEPTH)


def is_foreign(el: Element) -> bool:
    """Returns True if an element contains something other than the post: comments, other posts, menus, quotations."""
    if el.tag in _FOREIGN_TAGS:
        return True
    if el.tag == "footer" and not any(a.tag in ("article", "main") for a in ancestors_of(el)):
        return True
    names, ident = el.get("class") or "", el.get("id")
    if ident:
        names = f"{names} {ident}"
    return 1 < len(names) < 600 and el.tag not in _CONTAINERS and _is_foreign_name(names)


_ALT = lazy_regex(
    r"^(?:(?:a\s+)?(?:picture|photo|photograph|portrait|headshot|avatar|profile\s+(?:picture|photo|image)|image|"
    r"foto|bild)"
    r"\s+(?:of|for|de|von)|author|by|author:|profile:)\s+|"
    r"(?:'s|’s)?\s*[-–|]?\s*\b(?:profile\s+)?(?:avatar|picture|photo|portrait|headshot|image|bio|profile|author)\b.*$",
    re.IGNORECASE,
)


def name_in_picture(el: Element) -> str:
    """Returns the name of the person in a picture's alternative text, such as "Jane Doe" for "Headshot of Jane Doe"; ""
    if the text is missing, very short or long.
    """
    alt = clean_text(el.get("alt"))
    return clean_text(_ALT.sub("", alt)).split(",")[0] if 3 < len(alt) < 120 else ""


# The lines of a page around its post. Each piece of text comes with the marks that may show it to be an author's name.

_MARKED_BLOCKS = word_set(
    "p div ul ol li h1 h2 h3 h4 h5 h6 pre table tr td blockquote section header figure article footer aside nav hr "
    "main dl "
    "dt dd address br"
)
_UNREAD_MARKS = word_set(
    "script style noscript template svg iframe select textarea object video audio canvas head button input"
)


_MOST_CHARACTERS = 4000  # at most this many characters of a text are read, since no byline is longer
_PICTURES = 8  # at most this many pictures of one line are read, since a gallery does not show the author


class MarkedText(NamedTuple):
    """A piece of text directly inside the element `el`, with the markup around it.

    - `mark`: what the classes around the text say about it (see `author_mark`).
    - `href`: the address of the link around the text.
    - `head`: True if the text is inside an <h1> or <h2>.
    """

    text: str
    el: Element
    mark: str
    href: str
    head: bool


class _SurroundingMarks(NamedTuple):
    """The author mark, link and heading around the text that is being read. The attributes are the same as in
    `MarkedText`.
    """

    mark: str = ""
    href: str = ""
    head: bool = False

    def within(self, el: Element) -> _SurroundingMarks:
        """Returns the author mark, link and heading around a text inside the child element `el`."""
        mark = _own_mark(el) or (NOT if self.mark and is_beside_name(el.get("class") or "") else self.mark)
        tag = el.tag
        href = (el.get("href") or "#") if tag == "a" else self.href
        head = self.head or tag in ("h1", "h2")
        if mark == self.mark and href == self.href and head == self.head:
            return self
        return _SurroundingMarks(mark, href, head)


_NOTHING_AROUND = _SurroundingMarks()


@dataclass(slots=True)
class MarkedLine:
    chunks: list[MarkedText] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)

    text: str = ""


def nodes_after(el: Element) -> Iterator[tuple[Element, bool]]:
    """Yields the nodes that follow an element in the document, up to the end of the page. Each is a pair: (element,
    False) stands for the whole element, (element, True) only for the text after it.
    """
    at: Element | None = el
    while at is not None and at.tag not in ("body", "html"):
        yield at, True
        for sibling in at.itersiblings():
            yield sibling, False
            yield sibling, True
        at = at.getparent()


def nodes_before(el: Element) -> Iterator[tuple[Element, bool]]:
    """Yields the elements that precede an element: first its own siblings, then those of its nearest ancestors, nearest
    first. Each is a pair (element, False), which stands for the whole element as in `nodes_after`.
    """
    at: Element | None = el
    for _ in range(5):
        if at is None or at.tag in ("body", "html", "main"):
            return
        for sibling in at.itersiblings(preceding=True):
            yield sibling, False
        at = at.getparent()


class LineReader:
    """Reads the text of elements as lines (`MarkedLine`). A line ends where a block-level element begins or ends.

    Menus, comments, lists of other posts, quotations and forms are left out. `room` is the number of characters that
    may still be read.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self._at = MarkedLine()

    def _is_in_line(self) -> bool:
        """Returns True if the current line already contains a text or a picture."""
        return bool(self._at.chunks or self._at.pictures)

    def _close(self) -> MarkedLine:
        """Ends the current line and returns it."""
        one, self._at = self._at, MarkedLine()
        one.text = clean_text(" ".join(c.text for c in one.chunks))
        return one

    def _take(self, text: str | None, el: Element | None, around: _SurroundingMarks) -> None:
        if text and el is not None and not text.isspace() and (text := clean_text(text[:_MOST_CHARACTERS])):
            self.room -= len(text)
            self._at.chunks.append(MarkedText(text, el, around.mark, around.href, around.head))

    def lines(self, roots: Iterable[tuple[Element, bool]]) -> Iterator[MarkedLine]:
        for root, tail_only in roots:
            if self.room <= 0:
                break
            if tail_only:
                self._take(root.tail, root.getparent(), _NOTHING_AROUND)
            else:
                yield from self._read(root)
        if self._is_in_line():
            yield self._close()

    def _read(self, root: Element) -> Iterator[MarkedLine]:
        stack = [(root, _NOTHING_AROUND)]
        # An element with children is put on the stack twice: to be entered, and to be left.
        entered: list[Element] = []
        while stack and self.room > 0:
            el, around = stack.pop()
            tag = el.tag
            if entered and entered[-1] is el:
                entered.pop()
                if tag in _MARKED_BLOCKS and self._is_in_line():
                    yield self._close()
            elif isinstance(tag, str) and tag not in _UNREAD_MARKS and not is_foreign(el):
                if tag in _MARKED_BLOCKS and self._is_in_line():
                    yield self._close()
                inside = self._enter(el, around, tag)
                if len(el):
                    entered.append(el)
                    stack.append((el, around))
                    stack += [(child, inside) for child in el[::-1]]  # type: ignore[index]
                    continue
                if self.room <= 0:
                    return
                if tag in _MARKED_BLOCKS and self._is_in_line():
                    yield self._close()
            if el is not root and (text := el.tail):
                self._take(text, el.getparent(), around)

    def _enter(self, el: Element, around: _SurroundingMarks, tag: str) -> _SurroundingMarks:
        """Begins to read an element: adds its picture and the text before its first child to the current line. Returns
        the author mark, link and heading around the element's content.
        """
        if tag == "img" and len(self._at.pictures) < _PICTURES and (who := name_in_picture(el)):
            self._at.pictures.append(who)
        inside = around.within(el)
        if text := el.text:
            self._take(text, el, inside)
        return inside


def _own_mark(el: Element) -> str:
    own = author_mark(classes) if (classes := el.get("class")) else ""
    if own == NOT:
        return own
    for value in (el.get("rel"), el.get("itemprop")):
        if value and "author" in value.split():
            return own or AUTHOR
    return own


# The text right above and below the heading of a post, line by line.

_BLANK_LINE = lazy_regex(r"\n\s*\n")
_BLOCK = frozenset(
    {
        "p",
        "div",
        "ul",
        "ol",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "pre",
        "table",
        "blockquote",
        "section",
        "header",
        "figure",
        "article",
        "footer",
        "aside",
        "nav",
        "hr",
        "main",
        "dl",
        "address",
    }
)
_UNREAD = frozenset(
    {"script", "style", "noscript", "svg", "button", "form", "nav", "aside", "blockquote", "figcaption"}
)
_UNSEEN = frozenset({"script", "style", "noscript", "template", "link"})
_MENU, _FOOT = 3, 600
"""A block above the post with at least `_MENU` links is a menu. The last block of a page is its footer only if it has
fewer than `_FOOT` characters."""
_MAX_LINES, _ROOM = 10, 900  # at most this many lines and characters are read after the heading


@dataclass(slots=True)
class Line:
    text: str
    chunks: list[str]
    elements: list[Element]


def lines_above_heading(post: Post) -> list[Line]:
    """Returns up to three short lines right above the heading, nearest first. Some themes put the date above the
    heading.
    """
    out: list[Line] = []
    at: Element | None = post.title
    for _ in range(3):
        if at is None or at.tag in ("body", "html", "main") or at is post.holder:
            break
        previous = at.getprevious()
        while previous is not None and len(out) < 3:
            text = element_line(previous)
            if len(text) > 160:
                return out
            if text and not is_other_time_name(f"{previous.get('class') or ''} {previous.get('id') or ''}"):
                out.append(Line(text, [text], [previous]))
            previous = previous.getprevious()
        at = at.getparent()
    return out


def lines_below_heading(post: Post) -> list[Line]:
    """Returns the lines of text between the heading and the body. A line ends where a block-level element begins or
    ends, and on pages without heading elements also at a <br>.
    """
    reader = _LineReader(post)
    reader.read_below()
    return reader.lines


class _LineReader:
    """Reads the text between the heading of a post and its body into lines. `room` is the number of characters that may
    still be read.
    """

    def __init__(self, post: Post) -> None:
        self.post = post
        self.lines: list[Line] = []
        self.room = _ROOM
        # Where even the title is only a line, the byline below it ends with a <br>.
        self._blocks = _BLOCK | {"br"} if post.title_rule in LINE_RULES else _BLOCK
        self._chunks: list[str] = []
        self._elements: list[Element] = []

    @property
    def is_full(self) -> bool:
        return self.room <= 0 or len(self.lines) > _MAX_LINES

    def read_below(self) -> None:
        at = self.post.title
        for _ in range(4):
            if at is None or self.room <= 0 or at.tag in ("body", "html") or at is self.post.body:
                break
            self._take(at.tail)
            is_at_body = self._read_siblings(at)
            self._close()
            at = at.getparent()
            if is_at_body or at is self.post.holder:
                break
        self._close()

    def _read_siblings(self, el: Element) -> bool:
        """Reads the siblings after an element, up to the post's body or the end of the post. Returns True if it reached
        one of them.
        """
        sibling = el.getnext()
        while sibling is not None and not self.is_full:
            if sibling is self.post.body or self._is_after_body(sibling) or self._is_foot_of_page(el, sibling):
                return True
            self._read(sibling, 0)
            self._take(sibling.tail)
            sibling = sibling.getnext()
        return False

    def _is_after_body(self, el: Element) -> bool:
        """Returns True if an element that follows the title also follows the post's body."""
        order, title, body = self.post.page.index.order, self.post.title, self.post.body
        if title is None or body is None or el not in order:
            return False
        return order[title] < order[body] and order[el] >= self.post.page.index.end(body)

    def _is_foot_of_page(self, before: Element, el: Element) -> bool:
        """Returns True if an element is the footer of the page, because its role or tag says so.

        If the body of the post is unknown, the last block of the page is also taken for the footer, if it is short and
        follows at least two others: a menu, and the block `before` with the title and the text.
        """
        if _is_footer(el):
            return True
        if self.post.body is not None or not self.lines or before is self.post.title or el.tag not in _BLOCK:
            return False
        if any(e.tag not in _UNSEEN for e in el.itersiblings("*")):
            return False
        has_menu = any(len(list(islice(e.iter("a"), _MENU))) == _MENU for e in before.itersiblings("*", preceding=True))
        return has_menu and self.post.page.index.text_length(el) < _FOOT

    def _read(self, el: Element, depth: int) -> None:
        if not isinstance(el.tag, str) or el.tag in _UNREAD or _is_footer(el):
            return
        names = f"{el.get('class') or ''} {el.get('id') or ''}"
        if is_footer_name(names) or is_other_time_name(names) or is_reaction_name(names):
            return
        is_block = el.tag in self._blocks
        if is_block:
            self._close()
        self._take(el.text)
        if is_block:
            self._elements.append(el)
        for child in el:
            if self.is_full:
                return
            if depth < 40:
                self._read(child, depth + 1)
            self._take(child.tail)
        if is_block:
            self._close()

    def _take(self, text: str | None) -> None:
        if text and text.strip():
            self.room -= len(text.strip())
            self._chunks.extend(part for part in _BLANK_LINE.split(text) if part.strip())

    def _close(self) -> None:
        """Ends the line that is being read, and keeps the line if it contains text."""
        text = clean_text(" ".join(self._chunks))
        if text:
            self.lines.append(Line(text, [c for c in map(clean_text, self._chunks) if c], list(self._elements)))
        self._chunks.clear()
        self._elements.clear()


def _is_footer(el: Element) -> bool:
    """Returns True if the role or tag of an element says that it is the footer of the page, and not that of a post."""
    if el.get("role") == "contentinfo":
        return True
    names = el.get("class") or ""
    return el.tag == "footer" and "post" not in names and "entry" not in names and is_outside_posts(el)


_MAX_LINKS = 12
_OF_AUTHOR = lazy_regex(r"author|autor|user|about|profile|people|person|staff|team|bio|/~|@", re.IGNORECASE)
_DASH = lazy_regex(r"^\s*[-–—|·•,:]\s*|\s*[-–—|·•,:]\s*$")
_DOTS = lazy_regex(r"\s*[·|•]\s*")
_LABEL_WORD = lazy_regex(r"\s*\w+\s*[:：]\s*")  # a label such as "Category:", which does not introduce an author
_HANDLE = lazy_regex(r"[\(\[]?\s*(?:[\w.+-]+)?@[\w.]+\s*[\)\]]?")
_SENTENCE_END = lazy_regex(r"[.!?…।。][\"'”’»)]*\s*$")
_IN_TERM = lazy_regex(
    r"\s(?:(?:filed|posted|published) )?(?:in|under|to|on|dans|en|em|unter)\s+(?=(\S.*))", re.IGNORECASE
)
_ENDS_IN = lazy_regex(r"\s(?:(?:filed|posted|published) )?(?:in|under|to|on|dans|en|em|unter)\s*$", re.IGNORECASE)
_ENTRY = lazy_regex(r"\s*[:：]\s*(?:\S+\s+){2,}\S|\s*[:：]\s*[^\x00-\u2fff]{8}")
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
_DATED_ELEMENTS = 3
# A line without a date or name is the start of the text if it is further below the heading, or longer, than this.
_FAR, _MAX_OTHER_LENGTH = 3, 120
_LABEL = lazy_regex(
    r"^(?:posted|published|written|date|last updated|updated|on|veröffentlicht|publié|publicado|pubblicato|"
    r"опубликовано|đăng|发布于|发表于|"
    r"投稿日|公開日|更新日|작성일|نشر|פורסם)\b",
    re.IGNORECASE,
)
_PARTICLES = frozenset(("da", "di", "von", "van", "av", "af"))
_BEFORE_BY = 3  # if at most this many words precede "by", the line is not a sentence: "A guest post by"
_SEARCH_BY = lazy_regex(
    r"(?:^|[\s|·•,–—-])((?:by|por|par|von|da|di|door|przez|bởi|oleh|av|af|автор|作者|記者|记者|文|בקלם|מאת|بقلم)[:：]?\s+\S.*)$",
    re.IGNORECASE,
)


_LABELLED = lazy_regex(
    r"(?:作者|记者|記者|撰文|著者|執筆者?|글쓴이|기자|tác giả|author|autor(?:a)?|auteur|автор)\s*[:：]\s*"
    r"([^\s|·:：/]{2,20}+(?!\s*[:：])(?:[、,，\s][^\s|·:：/]{2,20}(?![^\s]*[:：])){0,4})",
    re.IGNORECASE,
)
_HAN_NAME = lazy_regex(r"[\u4e00-\u9fff]{2,4}|[\u3040-\u30ff\u4e00-\u9fff]{2,8}")
_CJK_LABEL = lazy_regex(
    r"[于於在日期时時更新发發布表类類签標阅閱读讀分钟鐘前后後评評论論次数數字首页頁档檔]|カテゴリ|タグ|投稿|公開|更新|コメント"
)


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


def byline_beside_heading(page: Page, post: Post) -> BylineBlock:
    """Returns the byline in the short lines after the heading or, if they contain no date or name, in the lines before
    it. Without a byline, the result has no names and dates.
    """
    if post.title is None:
        return BylineBlock()
    above = lines_above_heading(post)
    meta = _MetaLines(page)
    meta.terms = _terms_beside(page, post)
    for number, one in enumerate(lines_below_heading(post)[: _LINES + len(above)]):
        if len(one.text) > _MAX_LENGTH:
            break
        if any(map(is_time_of_event, one.elements)):
            continue
        if not meta.read(one) and (number > _FAR or len(one.text) > _MAX_OTHER_LENGTH):
            break
    for one in above:
        if meta.moment or meta.names or meta.modified:
            break
        meta.read_above(one)
    return meta.result()


def reads_on(text: str, language: str) -> bool:
    """Returns True if a line is a sentence that only begins like a byline: "Published by Faber on 4 May 2001, the novel
    sold out." It goes on after its date, and ends as a sentence does.
    """
    if not _SENTENCE_END.search(text):
        return False
    after = [piece for piece in pieces_around_dates(text, language)[1:] if not _OF_SECTION.match(piece)]
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


def _terms_beside(page: Page, post: Post) -> frozenset[str]:
    """Returns, in lower case, the texts of the links near a heading that lead to a list of posts, such as a category.

    A link counts if it has rel="category", or if another link on the page has the same address, since categories are
    also in menus. Links to authors are left out.
    """
    if post.title is None:
        return frozenset()
    around = next((a for a in islice(post.title.iterancestors(), 2) if a.tag not in ("body", "html", "main")), None)
    if around is None:
        return frozenset()
    links = [a for a in islice(around.iter("a"), _MAX_LINKS) if (a.get("href") or "").strip("#/")]
    if not links:
        return frozenset()
    counts = Counter(a.get("href") for a in page.index.tag("a"))
    return frozenset(element_line(a).casefold() for a in links if _is_term_link(a, counts[a.get("href")]))


def _is_term_link(a: Element, count: int) -> bool:
    rel = (a.get("rel") or "").split()
    if "author" in rel or _OF_AUTHOR.search(f"{a.get('href')} {a.get('class') or ''}"):
        return False
    return "category" in rel or "tag" in rel or count > 1 or kind_of_address(a.get("href") or "") is not None


def _is_of_chronicle(text: str, language: str) -> bool:
    """Returns True if a line is an entry of a chronicle, such as "5 March 1987: the pier is opened", so that its date
    is not the post's.
    """
    around = text_around_date(text, language) if ":" in text or "：" in text else None
    return around is not None and not around[0].strip() and bool(_ENTRY.match(around[1]))


class _MetaLines:
    """Collects the authors' names, the date of publication and the date of the last change from the lines around a
    heading. Each of the three is taken from the first line that contains it.
    """

    def __init__(self, page: Page) -> None:
        self.language, self.captured_at = page.date_language, page.captured_at
        self.names: list[str] = []
        self.sure = False
        self.moment: Moment | None = None
        self.modified: Moment | None = None
        self.texts: list[str] = []
        self.elements: list[Element] = []
        self._label = ""
        self.terms: frozenset[str] = frozenset()

    def result(self) -> BylineBlock:
        found = tuple(dict.fromkeys(self.names))
        return BylineBlock(found, self.moment, self.modified, self.sure, tuple(self.texts), tuple(self.elements))

    def read(self, one: Line) -> bool:
        """Reads a line below the heading. Returns True if the line contains a date or a name."""
        if reads_on(one.text, self.language):
            return False
        published, modified = self._dates(one, self._label)
        dated = bool(published or modified)
        self._label = one.text if not dated and len(one.text) < _HEADING_LABEL_LENGTH else ""
        found = self._people(_names_in(self._without_terms(one), self.language, dated))
        return self._add(one, published, modified, found)

    def _without_terms(self, one: Line) -> Line:
        """Returns a line without the texts of links to lists of posts. The word "in" before such a text is removed,
        too, as in "by Ann Lee in Boats".
        """
        if not self.terms:
            return one
        chunks = [c for c in one.chunks if c.strip(" ,;·|").casefold() not in self.terms]
        found = (m for m in _IN_TERM.finditer(one.text) if m[1].casefold().startswith(tuple(self.terms)))
        cut = next((m.start() for m in found), len(one.text))
        return Line(one.text[:cut], [_ENDS_IN.sub("", c) for c in chunks], one.elements)

    def _people(self, names: list[str]) -> list[str]:
        """Returns the names without those that are the text of a link to a list of posts."""
        return [name for name in names if name.casefold() not in self.terms]

    def read_above(self, one: Line) -> None:
        """Reads a line above the heading, where a name counts only after "by"."""
        published, modified = self._dates(one, "")
        dated = bool(published or modified)
        found = _names_in(one, self.language, dated) if BY.match(one.text) else []
        self._add(one, published, modified, found)

    def _dates(self, one: Line, label: str) -> tuple[Moment | None, Moment | None]:
        if len(one.text) >= _MAX_DATED_LENGTH or _is_sentence(one.text) or _is_of_chronicle(one.text, self.language):
            return None, None
        found = read_dates(one.text, self.language, label)
        if any(found) or self.captured_at is None or not any(relative := self._relative(one, label)):
            return found
        return relative

    def _relative(self, one: Line, label: str) -> tuple[Moment | None, Moment | None]:
        """Returns the dates of publication and of the last change in a line such as "3 hours ago"; None for a missing
        one. If an attribute of an element in the line gives the exact date, that date is returned. `label` is the
        previous line, which may be a label such as "Updated:".
        """
        published, modified = read_dates(one.text, self.language, label, self.captured_at)
        if published is None and modified is None:
            return None, None
        inner = (e for el in one.elements for e in islice(el.iter("time", "abbr", "span", "a"), _MAX_LINKS))
        exact = next((m for e in inner if (m := date_of_attributes(e, self.language))), None)
        if exact is None:
            return published, modified
        return (exact, None) if published is not None else (None, exact)

    def _add(self, one: Line, published: Moment | None, modified: Moment | None, found: list[str]) -> bool:
        if published is None and modified is None and not found:
            return False
        self.moment, self.modified = self.moment or published, self.modified or modified
        if found and not self.names:
            self.names, self.sure = found, _is_sure(one, self.language)
        self.texts.append(one.text)
        self.elements += one.elements
        return True


def _is_sentence(text: str) -> bool:
    """Returns True if a line is a sentence with a date, such as "We opened the shop on 3 May 2010.", and not a
    byline.
    """
    if not _SENTENCE_END.search(text) or BY.match(text) or _LABEL.match(text):
        return False
    date = _DATE_PARTS.search(text)
    return date is not None and len(text[: date.start()].split()) > _DATELINE_WORDS


def _is_sure(one: Line, language: str) -> bool:
    """Returns True if a word such as "by", or a handle, shows that the names in a line are names of authors."""
    return bool(
        any(BY.match(piece) or _SEARCH_BY.search(piece) for piece in pieces_around_dates(one.text, language))
        or _LABELLED.search(one.text)
        or "@" in one.text
    )


def names_of_line(el: Element) -> list[str]:
    """Returns the names in an element that is known to be a byline, without its date and handles."""
    text = element_line(el)
    if len(text) > _MAX_LENGTH:
        return []
    parts = [p for t in el.itertext() for p in re.split(r"\n\s*\n", str(t))]
    one = Line(text, [c for c in map(clean_text, parts) if c], [el])
    return _names_in(one, "", len(pieces_around_dates(text, "")) > 1, known=True)


def pieces_around_dates(text: str, language: str) -> list[str]:
    """Returns the pieces of a line around its dates and their times of day, without the separators and the small words
    that lead to a date: ["Posted by Jane Doe", ""] for "Posted by Jane Doe at January 31, 2008 10:29 AM".
    """
    pieces: list[str] = []
    while len(pieces) < _MAX_DATES and (around := text_around_date(text, language)) is not None:
        pieces.append(_TO_DATE.sub("", around[0].strip(_BETWEEN)).strip(_BETWEEN))
        text = around[1]
    return [*pieces, text.strip(_BETWEEN) if pieces else text]


def _names_in(one: Line, language: str, dated: bool, known: bool = False) -> list[str]:
    """Returns the authors' names in a line: those after "by" or a label. If the line has a date (`dated`), pieces that
    look like names are returned, too. `known` is True if the line is known to be a byline.
    """
    has_label = ":" in one.text or "：" in one.text  # a quick test, since the expression tries every position
    if has_label and (m := _LABELLED.search(one.text)):
        return [x for x in split_names(m[1]) if may_sign(x)]
    pieces = pieces_around_dates(one.text, language) if dated else [one.text]
    for piece in pieces:
        if (m := BY.match(piece)) and 0 < m.end() < len(piece):
            return [x for x in split_names(_without_term(piece)) if may_sign(x)] if dated or len(piece) <= 160 else []
    for piece in pieces:
        if found := _names_after_by(piece, dated):
            return found
    return _names_beside_date(one, language, known) if dated else []


def _without_term(piece: str) -> str:
    """Returns a byline without a section after the author's name: "By Jane Doe" for "By Jane Doe in Boats". In some
    languages the word also joins two people (Dutch "en").
    """
    for m in _IN_TERM.finditer(piece):
        if not is_full_name(m[1]):
            return piece[: m.start()]
    return piece


def _names_after_by(rest: str, dated: bool) -> list[str]:
    """Returns the names after "by" within a line (`rest`). If `dated` is False, the line contains no date, and "by"
    must be among its first words.
    """
    m = _SEARCH_BY.search(rest)
    if not m or not (dated or len(rest[: m.start()].split()) <= _BEFORE_BY) or _is_within_name(rest, m):
        return []
    if OTHER_PART.match(rest):
        return []
    found = split_names(m[1])
    # A name in lower case counts only after "by", since "di", "por" and "von" are also common words.
    plain = m[1][:3].lower() == "by "
    return found if all(may_sign(x) and (plain or not x[0].islower()) for x in found) else []


def _is_within_name(rest: str, m: re.Match[str]) -> bool:
    """Returns True if a word such as "von" or "da", which `m` has matched as "by" in the line `rest`, is a part of a
    name, as in "João da Silva".
    """
    word, before = m[1].split()[0], rest[: m.start(1)].split()
    return word in _PARTICLES and bool(before) and before[-1][0].isupper() and before[-1][-1].isalpha()


def _names_beside_date(one: Line, language: str, known: bool) -> list[str]:
    """Returns the names in a line that also contains a date. Unless the line is known to be a byline (`known`), or a
    handle follows a name, only names that are clearly those of persons are returned.
    """
    out: list[str] = []
    pieces = [p for c in one.chunks for d in _DOTS.split(c) for p in pieces_around_dates(d, language) if p]
    for n, chunk in enumerate(pieces):
        if _LABEL_WORD.fullmatch(chunk) or OTHER_PART.match(chunk):
            continue
        bare = clean_text(_HANDLE.sub(" ", chunk)).strip(_BETWEEN)
        if not bare or _LABEL.match(bare) or any(c.isdigit() for c in bare):
            continue
        behalf = BEHALF.search(bare)
        if behalf and out and behalf.start() == 0:
            break
        handled = "@" in "".join(pieces[n : n + 2]) or names_korean_reporters(bare)
        found = split_names(bare)
        fits = looks_personal if handled else _looks_like_full_name if known else is_plain_name
        out += found if all(map(fits, found)) else []
        if behalf:
            break  # the next pieces are the name of the group for which the author writes
    return out


# Scripts without letter case. Georgian is among them, since its capitals are not used in names. Han, kana and Hangul
# are left out, because their names are recognized by family names and length.
_MAX_DATES = 3
_TO_DATE = lazy_regex(
    r"(?:^|[\s,(])(?:on|at|the|am|um|vom|den|le|à|el|il|alle|em|às|op|om|på|kl|dnia|dne|dia|del|de|tanggal|ngày|lúc|"
    r"в|от|o|στις)\.?$",
    re.IGNORECASE,
)
"""Matches the small words that lead to a date or a time of day, at the end of the text before it."""
_CASELESS = lazy_regex(
    r"(?!.*[؟।॥።])[\u0590-\u109f\u10d0-\u10ff\u1200-\u139f\u1680-\u1c7f\u1cd0-\u1cff\u200c\u200d\u2d80-\u2ddf\ua800-\uabff"
    r"\ufb1d-\ufdff\ufe70-\ufeff\s.'’\-]+"
)
_LEAST_LETTERS, _MOST_LETTERS, _MOST_WORDS = 3, 40, 4
_BETWEEN = " \t|·•–—-/,،၊፣;؛"  # what may stand between a date and a name
_COMMAS = frozenset(",،၊፣;؛")


def name_beside_date(beside: BylineBlock, language: str) -> str:
    """Returns the text that stands beside the date in the byline near the heading (`beside`) and may be a name in a
    script without letter case; "" if there is none. `language` is the language of the page's dates.

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
    if not _LEAST_LETTERS <= len(name) <= _MOST_LETTERS or len(words) > _MOST_WORDS or not _CASELESS.fullmatch(name):
        return ""
    if not joint.strip() and beside.moment.precision != "day":
        return ""
    return "" if len(words) == 1 and not _COMMAS.isdisjoint(joint) else name


def _looks_like_full_name(text: str) -> bool:
    """Returns True if a text looks like a full name: it consists of capitalized words or, in Han and kana, is as long
    as a name.
    """
    if _HAN_NAME.fullmatch(text):
        return not _CJK_LABEL.search(text)
    words = BRACKETS.sub("", text).split()
    return 2 <= len(words) <= 4 and words[0][0].isupper() and words[-1][0].isupper()


_DATE_PARTS = lazy_regex(
    r"(?:\w{2,12}\.?,?\s+)?(?:\d{1,2}(?:st|nd|rd|th|\.)?\s+(?:de\s+)?\w{3,12}\.?,?\s+(?:de\s+)?\d{4}|"
    r"\w{3,12}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4}|"
    r"\d{4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,2}日?|"
    r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(?:[T,]?\s*(?:at\s+)?\d{1,2}:\d{2}(?::\d{2})?(?:\s*[ap]\.?m\.?)?(?:\s*[A-Z]{2,4}\b|Z|[+-]\d\d:?\d\d)?)?",
    re.IGNORECASE,
)


# The words that introduce a source: one row per language and form.

Form = Literal["label", "note", "origin"]


class AgencyWords(NamedTuple):
    """Words with which one language introduces the source of a text.

    - `words`: a regular expression for the words before the name.
    - `form`: "label" ("Source: X"), "note" ("with material from X") or "origin" ("Originally published in X").
    """

    language: str
    form: Form
    words: str


ROWS = (
    AgencyWords(
        "en", "label", r"(?:news |story |original |article )?sources?(?: of the (?:news|article))?|source article|via"
    ),
    AgencyWords(
        "en",
        "note",
        r"(?:based|compiled)\s+(?:on|from)\s+(?:news\s+)?(?:reports?|reporting|information|material|"
        r"coverage|dispatches|articles?)\s*(?:sourced|taken|obtained|gathered|compiled|published)?\s*"
        r"(?:from|by|of|in)",
    ),
    AgencyWords(
        "en",
        "note",
        r"(?:information|reports?|material)\s+(?:is\s+|was\s+|are\s+)?(?:sourced|taken|compiled|"
        r"drawn)\s+from",
    ),
    AgencyWords("en", "note", r"(?:sourced|compiled|adapted|translated)\s+from"),
    AgencyWords(
        "en",
        "note",
        r"with\s+(?:additional\s+)?(?:reporting|information|material|files?|inputs?|agency\s+inputs?|"
        r"reports?|contributions?)\s+from|(?:agency\s+)?inputs?\s+from",
    ),
    AgencyWords(
        "en",
        "origin",
        r"(?:re-?(?:printed|published|posted)|syndicated|cross-?posted)\s+(?:here\s+)?(?:with\s+"
        r"(?:the\s+)?(?:kind\s+)?permission\s+)?(?:from|of|by)",
    ),
    AgencyWords(
        "en",
        "origin",
        r"(?:this|the)\s+(?:\w+\s+)?(?:article|story|post|piece|essay|report|column|interview|content)"
        r"\s+(?:was\s+|has\s+been\s+|is\s+)?(?:(?:originally|first|previously|initially)\s+"
        r"(?:appeared|published|posted|ran|produced)|(?:appeared|published|posted|ran)\s+"
        r"(?:originally|first)|appeared|re-?published|re-?printed|re-?posted|syndicated|"
        r"produced\s+in\s+(?:partnership|collaboration))\s+(?:here\s+)?(?:in|on|at|by|for|from|with)",
    ),
    AgencyWords("en", "origin", r"(?:originally|first|previously)\s+(?:appeared|published|posted)\s+(?:in|on|at|by)"),
    AgencyWords("de", "label", r"quellen?"),
    AgencyWords(
        "de",
        "note",
        r"mit\s+(?:Material|Informationen|Agenturmaterial)\s+(?:von|der|des)|"
        r"unter\s+Verwendung\s+von\s+(?:Material|Informationen)\s+(?:von|der|des)",
    ),
    AgencyWords(
        "de",
        "origin",
        r"(?:dieser|der)\s+(?:Artikel|Beitrag|Text)\s+(?:erschien|ist|wurde)\s+(?:zuerst|zunächst|"
        r"ursprünglich)\s+(?:(?:bei|in|im|auf)\s+)?(?:der\s+|dem\s+)?|"
        r"zuerst\s+erschienen\s+(?:bei|in|auf)",
    ),
    AgencyWords("fr", "label", r"sources?"),
    AgencyWords("fr", "note", r"avec"),
    AgencyWords(
        "fr",
        "origin",
        r"cet\s+article\s+(?:est\s+paru|a\s+été\s+publié|est\s+republié|est\s+initialement\s+paru)\s+"
        r"(?:initialement\s+)?(?:dans|sur|par|à\s+partir\s+de)|"
        r"(?:publié|paru)\s+initialement\s+(?:dans|sur|par)",
    ),
    AgencyWords("es", "label", r"fuentes?"),
    AgencyWords("es", "note", r"con\s+informaci[oó]n(?:es)?\s+de(?:l)?|basado\s+en\s+informaci[oó]n\s+de"),
    AgencyWords(
        "es",
        "origin",
        r"(?:este\s+art[ií]culo\s+(?:fue\s+|se\s+)?)?(?:publicado|public[oó]|apareci[oó])\s+"
        r"originalmente\s+(?:en|por)",
    ),
    AgencyWords("pt", "label", r"fontes?"),
    AgencyWords("pt", "note", r"com\s+informaç(?:ão|ões)\s+d[aeo]s?"),
    AgencyWords("pt", "origin", r"(?:este\s+artigo\s+foi\s+)?publicad[oa]\s+originalmente\s+(?:em|n[ao]|por)"),
    AgencyWords("it", "label", r"font[ei]"),
    AgencyWords(
        "it",
        "origin",
        r"(?:questo\s+articolo\s+è\s+(?:stato\s+)?)?(?:pubblicato|apparso)\s+(?:originariamente|"
        r"originalmente|per\s+la\s+prima\s+volta)\s+(?:su|in|da)",
    ),
    AgencyWords("nl", "label", r"bron(?:nen)?"),
    AgencyWords(
        "nl",
        "origin",
        r"(?:dit\s+artikel\s+)?(?:verscheen|is)\s+(?:eerder|oorspronkelijk)\s+"
        r"(?:verschenen\s+)?(?:in|op|bij)",
    ),
    AgencyWords("pl", "label", r"źródł[oa]"),
    AgencyWords("cs", "label", r"zdroj"),
    AgencyWords("sv", "label", r"källa|källor"),
    AgencyWords("da", "label", r"kilder?"),
    AgencyWords("fi", "label", r"lähde|lähteet"),
    AgencyWords("hu", "label", r"forrás(?:ok)?"),
    AgencyWords("ro", "label", r"surs[ae]"),
    AgencyWords("ru", "label", r"источник(?:и)?|первоисточник"),
    AgencyWords("ru", "note", r"по\s+материалам|с\s+использованием\s+материалов"),
    AgencyWords("ru", "origin", r"(?:впервые|первоначально)\s+опубликован[оа]?\s+(?:в|на)"),
    AgencyWords("uk", "label", r"джерел[оа]"),
    AgencyWords("uk", "note", r"за\s+матеріалами"),
    AgencyWords("tr", "label", r"kaynak(?:lar)?"),
    AgencyWords("id", "label", r"sumber"),
    AgencyWords("vi", "label", r"nguồn(?:\s+(?:tin|bài(?:\s+viết)?))?|theo"),
    AgencyWords(
        "vi", "note", r"(?:dựa\s+(?:trên|theo)\s+(?:thông\s+tin|tin|nguồn)\s+(?:từ|của)|tổng\s+hợp\s+(?:từ|theo))"
    ),
    AgencyWords(
        "zh",
        "label",
        r"(?:文章|新闻|新聞|消息|信息|稿件|资料|資料|本文|内容)?(?:来源|來源|出处|出處)|稿源|转自|轉自|"
        r"(?:本文)?(?:转载|轉載|转自|摘自)(?:自|于)?",
    ),
    AgencyWords(
        "zh", "origin", r"(?:本文)?(?:首发于|首發於|原载于?|原載於?|原文(?:发表|刊登|载)于|转载自|轉載自|转自|摘自)"
    ),
    AgencyWords("ja", "label", r"出典|出所|引用元|情報源|提供|ソース|配信"),
    AgencyWords("ko", "label", r"출처|자료"),
    AgencyWords("ar", "label", r"(?:ال)?مصادر|(?:ال)?مصدر|نقل[اً]*\s+عن"),
    AgencyWords("he", "label", r"מקור(?:ות)?"),
    AgencyWords("fa", "label", r"منبع"),
    AgencyWords("lo", "label", r"ແຫ[ຼລ]່ງ(?:ຂ່າວ|ຂໍ້ມູນ)|ທີ່ມາ"),
)

NO_OUTLET = lazy_regex(
    r"^(?:the\s+author|author|own|image|photo|internet|web|online|unknown|anonymous|this|that|these|it|he|she|they|here|"
    r"there|various|many|several|others?|staff|editorial|company|official|press\s+release|"
    r"(?:\w+\.)*(?:pixabay|unsplash|pexels|flickr|wikimedia|getty|gettyimages|shutterstock|i?stock|istockphoto|canva|"
    r"freepik|youtube|facebook|instagram|twitter|x|t|midjourney|chatgpt)(?:\.(?:com|org|co|net))?(?:\s.*)?|wikipedia\s+commons|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|september|october|"
    r"november|december|\d+|\S+(?:\s+de)?\s+(?:19|20)\d\d|"
    r"ảnh|hình|tổng\s*hợp|sưu\s*tầm|nhiều\s+nguồn|ngu[oồ]n\s+khác|mạng|eigene.*|redaktion|foto|propia|"
    r"elaboración.*|divulgação|redazione|собственн.*|открытые\s+источники|интернет|网络|網路|網絡|互联网|互聯網|本站|"
    r"原创|原創|整理|综合|綜合|未知|作者|网友|網友|自己|図|写真|저자|본인|الإنترنت|إنترنت|חדשות|אינטרנט|derleme|internet.*)$",
    re.IGNORECASE,
)
PHOTO = lazy_regex(
    r"photo|image|picture|graphic|chart|map\b|cover|illustration|foto|ảnh|hình|imagen|imagem|immagin|bild|grafik|"
    r"görsel|图|圖|写真|画像|صورة|الصورة|фото|изображени|иллюстраци|צילום|תמונ|사진|video|видео|vidéo",
    re.IGNORECASE,
)


def words_of_form(form: Form) -> str:
    """Returns the words of all languages for one form ("label", "note" or "origin"), as one regular expression."""
    return "|".join(row.words for row in ROWS if row.form == form)


_OPEN, _CLOSE = r"[\s(\[（【［「—–*/|«]*", r"[\s)\]）】］」*。.»]*"
_CREDIT_LABEL = lazy_regex(
    rf"^{_OPEN}(?:{words_of_form('label')})\s*[:：丨｜|/／]\s*(?P<who>[^()\[\]（）。]{{2,140}}?){_CLOSE}$",
    re.IGNORECASE,
)
_BARE_LABEL = lazy_regex(
    rf"^{_OPEN}(?P<word>(?:tổng\s+hợp\s+)?theo|nguồn|via|avec|mit|con|kaynak)\s+(?P<who>[^()\[\]。:]{{2,80}}?){_CLOSE}$",
    re.IGNORECASE,
)
"""Matches a line or a text in brackets that introduces a source without a colon: "(Theo VnExpress)", "(avec AFP)",
"(mit dpa)"."""
_PREPOSITIONS = frozenset(("avec", "mit", "con"))
_NOTE = lazy_regex(
    rf"(?:^|[\s(\[（*—–-])(?:{words_of_form('note')})\s*:?\s+(?P<who>[^.()\[\]。]{{2,160}})", re.IGNORECASE
)
_MONTH = r"january|february|march|april|may|june|july|august|september|october|november|december|\d{4}"
_ORIGIN = lazy_regex(
    rf"^{_OPEN}(?:{words_of_form('origin')})\s*[:：]?\s*(?P<who>[^()\[\]。]{{2,160}}?)"
    rf"(?=[.。，)\]）】»*]|上|的|\s+(?:on|under|and\s+is|at\s+http|in\s+(?:{_MONTH})|with\s+permission|unter|sous|bajo|sob|am|"
    rf"il|le|el|em)\s|,\s*(?:{_MONTH})|$)",
    re.IGNORECASE,
)
_IN_META = lazy_regex(
    rf"(?:^|[\s|·•(（/])(?:{words_of_form('label')})\s*[:：丨｜]\s*(?P<who>[^\s|·•:：()（）]{{2,30}}(?:\s[A-Z][\w-]+){{0,3}})",
    re.IGNORECASE,
)
_BRACKETS = lazy_regex(r"[(\[（【［]\s*(?P<who>[^()\[\]（）【】［］]{2,160})\s*[)\]）】］]\s*[.。]?\s*$")
_ENDED = lazy_regex(r"(?:^|[.!?…。！？\"”’»)）\]】])\s*$")
_DATELINES = tuple(
    lazy_regex(p, re.IGNORECASE)
    for p in (
        r"^[^\n()（）]{2,60}?[(（](?P<who>[^()（）]{2,40})[)）]\s*[-–—―:：]",  # NEW YORK (AP) -
        r"^[(（\[]\s*(?P<who>[^()（）\[\]]{2,30})\s*[)）\]]\s*[-–—―]",  # (ANSA) - ROMA,
        r"^[^\n]{2,60}?[./]\s*/(?P<who>[^/\n]{2,20})/\s*[.–—-]",  # МОСКВА, 4 мая. /ТАСС/.
        r"^[(（\[【［][^()（）\[\]【】［］=\n]{1,12}=\s*(?P<who>[^()（）\[\]【】［］=\n]{2,16})[)）\]】］]",
        r"^[【［\[(（](?:[^【】［］\[\]()（）\n]{0,6})?(?P<who>新华社|新華社|中新社|中新网|共同|時事|ロイター|"
        r"AFP時事|法新社|美联社)[^【】［］\[\]()（）\n]{0,16}[】］\])）]",  # 【東京共同】, （新华社北京5月4日电）
        r"^(?P<who>新华社|新華社|中新社|中新网|人民网|中央社|韩联社|路透社|法新社)[^\n，。]{1,20}(?:电|電|讯|訊|报道)",
    )
)
_COPYRIGHT = lazy_regex(
    r"^[\s(*]*(?:copyright|©|\(c\)|\(с\))+\s*(?:\d{4})?\s*(?:by\s+)?(?:the\s+)?(?P<who>[^.,\d]{2,40}?)"
    r"(?:[.,\d]|\s+all\s+rights|$)",
    re.IGNORECASE,
)
_END_NOTE = lazy_regex(r"^(?P<name>[^()（）\[\]]{2,60}?)\s*[(（\[](?P<note>[^()（）]{5,300})[)）\]]\.?$")
_SPLIT = lazy_regex(
    r"\s*(?:[,;/|、，；;+]|\s+(?:and|und|et|та|và|ve|en|och|og|dan|(?-i:y|e|i|и))\s+|\s+و\s*|\s*&\s*|\s+[-–]\s+)\s*",
    re.IGNORECASE,
)
_TRIM = lazy_regex(
    r"^(?:(?-i:the)|news\s+agency|agencies\s+(?=\w)|agencia|agence|agentur|nachrichtenagentur|agenzia|"
    r"hãng(?:\s+tin)?|báo(?:\s+điện\s+tử)?|tờ|trang(?:\s+tin)?|агентств[ао]|агенції|ТРК|газет[аы]|وكالة|صحيفة|موقع|"
    r"reports?\s+(?:from|by)|by|from|của|từ)\s+",
    re.IGNORECASE,
)
_STARTS_NOTE = lazy_regex(
    r"^[\s(\[（*—–-]*(?:(?:the|this)\s+(?:\w+\s+)?(?:post|article|story|report|piece|text|entry|dispatch|news)|information|"
    r"con|com|mit|unter|по|с|за|dựa|tổng|with|based|compiled|sourced|drawn|translated|adapted|inputs?|additional|agency|"
    r"basado)\b",
    re.IGNORECASE,
)
_DOMAIN, _INITIALS = lazy_regex(r"[\w-]+(?:\.[\w-]+)+"), lazy_regex(r"[a-zäöü]{2,4}")
_BETWEEN_AGENCIES = lazy_regex(r"\s*[,/;&+–]\s*|\s+(?:-|and|und|y|et|e|và|и|و)\s+")
_CREDIT_DATELINE_WORDS = 3
_FIRST, _ENDS = 3, 4
_MAX_CREDIT_LENGTH, _MAX_LIST_LENGTH = 50, 80
_MAX_WORDS = 5
_LINE = 400
_MAX_CAPTIONS = 60
_PLACES = (
    ".source",
    "#source",
    ".article-source",
    ".post-source",
    ".news-source",
    ".info-source",
    ".art-source",
    ".article__source",
    ".source-name",
    ".nguon",
    ".nguontin",
    ".source_baidu",
    "#source_baidu",
    ".kaynak",
    "[itemprop~=sourceOrganization]",
)
_METAS = ("contentsource", "source", "dc.source", "article:source", "mediaid", "source_name", "dable:author_source")


@dataclass(frozen=True, slots=True)
class BodyTail:
    """The authors and sources that the last paragraphs of a body name. `paragraphs` is how many of these paragraphs are
    bylines and therefore not text of the post.
    """

    authors: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()
    paragraphs: int = 0


def find_outlets(text: str) -> list[str]:
    """Returns the names of outlets in a phrase such as "Reuters and CNN". If the phrase is a web address, returns its
    host.
    """
    text = clean_text(text).strip(" .:：–—-\"'“”*")
    if m := re.match(r"(?:https?://|www\.)\S+$", text):
        host = urlsplit(m[0] if "//" in m[0] else f"//{m[0]}").hostname or ""
        return [host.removeprefix("www.")] if "." in host and not NO_OUTLET.match(host.removeprefix("www.")) else []
    out: list[str] = []
    for piece in _SPLIT.split(re.sub(r"https?://\S+", " ", text)):
        piece = piece.strip(" .:：–—-\"'“”*«»《》「」()（）")
        piece = _TRIM.sub("", piece).strip(" .\"'“”«»")
        if fold_text(bare := re.sub(r"^The\s+", "", piece)) in KNOWN_AGENCIES:
            piece = bare
        if is_outlet(piece):
            out.append(piece)
        elif piece and not NO_OUTLET.match(piece):
            break
    return out


def is_outlet(text: str) -> bool:
    """Returns True if a text can be an outlet's name. It must be short and begin with a capital, a digit or a character
    outside ASCII, unless it is a known agency or a web address.
    """
    if not 2 <= len(text) <= _MAX_CREDIT_LENGTH or len(text.split()) > _MAX_WORDS or not any(c.isalpha() for c in text):
        return False
    starts_like_name = text[0].isupper() or text[0].isdigit() or not text[0].isascii()
    return (
        starts_like_name or fold_text(text) in KNOWN_AGENCIES or bool(_DOMAIN.fullmatch(text))
    ) and not NO_OUTLET.match(text)


def find_agencies(text: str, accept_ambiguous: bool = True) -> list[str]:
    """Returns the news agencies in a phrase such as "Reuters", "dpa/AFP" or "dpa/lni"; [] if the phrase also contains a
    name that is not a known agency.

    An editor's initials, as in "dpa/lni", are ignored. If `accept_ambiguous` is False, a phrase counts only if at least
    one of its names is not in AMBIGUOUS, since the short names there may mean something else.
    """
    if len(text) > _MAX_LIST_LENGTH:
        return []
    pieces = list(filter(None, (p.strip(" .©*") for p in _BETWEEN_AGENCIES.split(clean_text(text)))))
    found = [p for p in pieces if fold_text(p) in KNOWN_AGENCIES]
    if any(fold_text(p) not in KNOWN_AGENCIES and not _INITIALS.fullmatch(p) for p in pieces):
        return []
    return found if accept_ambiguous or any(fold_text(p) not in AMBIGUOUS for p in found) else []


def credits_of_line(text: str) -> list[str]:
    """Returns the agencies and outlets that one paragraph or note names as sources; [] if it names none."""
    if not text or len(text) > _LINE:
        return _sources_at_end(text[-_LINE:])
    labelled = _CREDIT_LABEL.match(text)
    if labelled and not PHOTO.search(text[: labelled.start("who")]) and not PHOTO.search(labelled["who"]):
        return find_outlets(labelled["who"])
    if (m := _BARE_LABEL.match(text)) and (found := _sources_after_bare_label(m)):
        return found
    if m := _ORIGIN.match(text):
        return find_outlets(m["who"])
    if m := _COPYRIGHT.match(text):
        return find_agencies(m["who"])
    is_bracketed = text[0] in "([（【—–-"
    return (
        find_agencies(text.strip(" ()[]（）【】—–-*."), accept_ambiguous=is_bracketed)
        or _sources_at_end(text)
        or _sources_in_note_line(text)
    )


def _sources_in_note_line(text: str) -> list[str]:
    """Returns the sources in a note such as "This report is based on information from Reuters"; [] for other texts."""
    m = _NOTE.search(text) if len(text) < 300 and _STARTS_NOTE.match(text) else None
    return find_outlets(m["who"]) if m else []


def _sources_at_end(text: str) -> list[str]:
    """Returns the sources named in brackets at the end of a paragraph."""
    m = _BRACKETS.search(text)
    if m is None:
        return []
    inner = m["who"].strip()
    before = text[: m.start()]
    if (found := find_agencies(inner)) and _ENDED.search(before):
        return found
    if PHOTO.search(inner):
        return []
    if n := _CREDIT_LABEL.match(inner):
        return find_outlets(n["who"])
    if (n := _BARE_LABEL.match(inner)) and (found := _sources_after_bare_label(n)):
        return found
    n = _NOTE.search(inner) or _ORIGIN.match(inner)
    return find_outlets(n["who"]) if n else []


def _sources_after_bare_label(m: re.Match[str]) -> list[str]:
    """Returns the names after a label without a colon, such as "(via Reuters)"; [] if a sentence follows the label.

    `m` is a match of _BARE_LABEL. After "mit", "con" and "avec", only known agencies count, since many other words may
    follow these prepositions.
    """
    who = m["who"]
    if m["word"].lower() in _PREPOSITIONS:
        return find_agencies(who)
    if PHOTO.search(who) or (m["word"].lower() == "via" and any(w.islower() for w in who.split())):
        return []
    pieces = [_TRIM.sub("", p).strip(" .\"'“”") for p in _SPLIT.split(who) if p.strip()]
    return find_outlets(who) if all(map(is_outlet, pieces)) else []


def read_tail(body: str) -> BodyTail:
    """Reads the byline and the notes on sources in the last paragraphs of a body.

    A line such as "Jane Doe (with material from Reuters)" is both a byline and a note; it is not part of the post's
    text. A line that only names the source ("Source: Reuters") is part of it.
    """
    paragraphs = body.rsplit("\n\n", 3)
    authors: list[str] = []
    credits: list[str] = []
    bylines = 0
    for position, text in enumerate(reversed(paragraphs[-3:])):
        one = clean_text(text)
        if "\n" in text.strip() or not one:
            break
        who, sources = _read_signed_note(one)
        sources = sources or _sources_of_note_paragraph(one)
        if not sources:
            break
        authors, credits = who + authors, sources + credits
        bylines += bool(who) and bylines == position
    if bylines >= len(paragraphs):
        bylines = 0
    return BodyTail(tuple(dict.fromkeys(authors)), tuple(dict.fromkeys(credits)), bylines)


def _read_signed_note(text: str) -> tuple[list[str], list[str]]:
    """Returns the authors and the sources in a line such as "Jane Doe (with material from Reuters)"; ([], []) for any
    other line.
    """
    m = _END_NOTE.match(text)
    sources = (credits_of_line(f"({m['note']})") or _sources_in_note(m["note"])) if m else []
    if m is None or not sources or len(clean_text(m["name"])) > 60:
        return [], []
    who = [n for n in split_names(m["name"]) if looks_personal(n)]
    return (who, sources) if who and _consists_of_names(m["name"], who) else ([], [])


def _sources_of_note_paragraph(text: str) -> list[str]:
    """Returns the sources in a line that consists only of a note about them, in brackets or after a label; [] for other
    lines.
    """
    is_note = text[0] in "([（【*" or _CREDIT_LABEL.match(text) or _BARE_LABEL.match(text)
    return credits_of_line(text) if is_note else []


def _sources_in_note(note: str) -> list[str]:
    m = _NOTE.search(note)
    return find_outlets(m["who"]) if m else []


def _consists_of_names(text: str, who: list[str]) -> bool:
    """Returns True if a text consists of the names `who`, which were found in it, and at most eight other letters or
    digits.
    """
    return len(fold_text(text)) <= sum(len(fold_text(n)) for n in who) + 8


def collect_credits(
    body: str, tail: BodyTail, lines: tuple[str, ...] = (), captions: Iterable[str] = (), beside: Iterable[str] = (),
    own: Iterable[str] = (),
) -> tuple[str, ...]:  # fmt: skip
    """Returns the news agencies and other outlets that a post credits, except the site itself, whose names are `own`.

    - `body`, `tail`: the text, with its dateline ("HANOI (Reuters) -") and notes, and the sources named at its end.
    - `lines`: the lines of the byline.
    - `captions`: the picture captions. Equal paragraphs are skipped, since a caption names the source of its picture.
    - `beside`: credits that `credits_on_page` found outside the text.
    """
    found = list(tail.credits)
    for one in lines:
        if (m := _IN_META.search(one)) and not PHOTO.search(one[max(0, m.start() - 12) : m.start("who")]):
            found += find_outlets(m["who"])
        else:
            by = BY.match(one)
            found += find_agencies(one[by.end() :] if by else one)
    pictured = set(captions)
    paragraphs = body.split("\n\n")
    first, last = (
        _first_paragraphs(paragraphs, pictured, _FIRST),
        _first_paragraphs(reversed(paragraphs), pictured, _ENDS)[::-1],
    )
    for text in first:
        found += read_dateline(text)[1]
    for text in dict.fromkeys([*first[:2], *last]):
        found += credits_of_line(text)
    site = {fold_text(n) for n in own}
    return unique_credits(one for one in [*found, *beside] if fold_text(one) not in site)


def _first_paragraphs(paragraphs: Iterable[str], left_out: set[str], most: int) -> list[str]:
    texts = (clean_text(p) for p in paragraphs)
    return list(islice((t for t in texts if t and t not in left_out), most))


def unique_credits(found: Iterable[str]) -> tuple[str, ...]:
    out: dict[str, str] = {}
    for one in found:
        out.setdefault(fold_text(one), one)
    return tuple(out.values())


def read_dateline(text: str) -> tuple[str, list[str]]:
    """Returns the place and the agencies in the dateline at the start of a paragraph; ("", []) if the paragraph has no
    dateline.

    The place is "" unless it is written in capitals, as agencies write it.
    """
    for rule in _DATELINES:
        m = rule.match(text[:160])
        if m is None or not (known := find_agencies(m["who"])):
            continue
        head = text[: m.start("who")].strip(" (（【[/")
        if not (head.isupper() or len(head.split()) <= _CREDIT_DATELINE_WORDS or any(c.isdigit() for c in head)):
            continue  # a sentence and not a dateline: "The British Broadcasting Corporation (BBC) - founded ..."
        place = re.split(r"[(（,，\d]", head)[0].strip(" -–—.")
        return (
            place if place.isupper() and 2 < len(place) <= 40 and fold_text(place) not in KNOWN_AGENCIES else ""
        ), known
    return "", []


def dateline_place(body: str) -> str:
    """Returns the place in the dateline of a body, in capitals as written there; "" if the dateline has no place or
    there is no dateline.
    """
    return next((place for p in body[:2_000].split("\n\n")[:3] if (place := read_dateline(clean_text(p))[0])), "")


def credits_on_page(page: Page, post: Post) -> list[str]:
    """Returns the agencies and outlets that a page names as sources outside the post's text: in elements whose class is
    one for sources, in meta elements, and in schema.org's sourceOrganization.
    """
    shown = (element_line(el) for el, _ in post.select(_PLACES, anywhere=False)[:3])
    texts = [text for text in shown if not PHOTO.search(text)] + page.data.meta(*_METAS)[:3]
    found = [name for text in texts if len(text) <= 60 for name in find_outlets(_without_label(text))]
    return found + page.data.texts(page.data.article(page.addresses), "sourceOrganization")[:3]


def _without_label(text: str) -> str:
    m = _CREDIT_LABEL.match(text)
    return m["who"] if m else text


def picture_captions(post: Post) -> list[str]:
    """Returns the texts of the page's picture captions; [] if the post has no body."""
    if post.body is None:
        return []
    index = post.page.index
    return [element_line(e) for e in [*index.tag("figcaption"), *index.with_class("wp-caption-text")][:_MAX_CAPTIONS]]


def credits_of_post(page: Page, post: Post, text: str, tail: BodyTail, lines: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Returns all agencies and outlets that a post credits anywhere on its page, except the site itself. `text` is the
    body, `tail` the names at its end, and `lines` are the lines of the byline.
    """
    host = (urlsplit(page.url).hostname or "").lower().removeprefix("www.")
    return collect_credits(
        text, tail, lines, picture_captions(post), credits_on_page(page, post), own=(*page.data.names_of_site(), host)
    )


Names = tuple[str, ...]
_MAX_AUTHORS, _MAX_LABEL = 12, 60
_ADDRESS = lazy_regex(r"(?:https?://)?www\.([\w.-]+)|https?://([\w.-]+)")
_FIRST_TIMES = 3
_MAX_AUTHOR_LINKS = 400  # at most this many links are compared with a name
_ENDS_WITH_SEPARATOR = lazy_regex(r"\w\s*[·•⋅|/–—]$")
_WRITTEN_BY = lazy_regex(
    r"writ|author|por$|par$|von$|verfasst|écrit|escrito|autor|作者|著者|執筆|автор|написано|viết bởi|bởi|بقلم|كتب|נכתב|"
    r"yazan|scritto|geschreven|napisane|oleh",
    re.IGNORECASE,
)


class Add(Protocol):
    def __call__(
        self, found: list[str], source: str, locator: str, confidence: float, visible: bool = False
    ) -> None: ...


_PERSON_PAGE = lazy_regex(
    r"/(?:author|authors|profile|people|staff|by|contributors?|users?|writers?|autor|auteur|tac-gia)/", re.IGNORECASE
)
_META = (
    (("citation_author", "citation_authors"), 0.86),
    (("parsely-author",), 0.72),
    (("sailthru.author",), 0.68),
    (("dc.creator", "dcterms.creator", "dc.creator.personalname"), 0.68),
    (("author",), 0.62),
    (("article:author", "og:article:author"), 0.62),
    (
        (
            "byl",
            "byline",
            "article:author_name",
            "article.author",
            "authors",
            "cxense:author",
            "rbauthors",
            "shareaholic:article_author_name",
        ),
        0.62,
    ),
)


def _unique_names(found: list[str]) -> Names:
    out: dict[str, str] = {}
    for name in found:
        out.setdefault(fold_text(name), name)
    return tuple(out.values())


_DECLARED, _BY_NAME = 0.9, 0.7
"""The confidence that an author is an organization if the page declares it, and if only its name shows it."""
_IN_SCRIPT = 0.5
_OF_ACCOUNT = 0.4
"""The highest confidence of an account such as "admin". It is not a person's name, although the page shows it as the
author."""
_DESK = lazy_regex(
    r".*\b(?:desk|team|staff|bureau|newsroom|editors?|editorial|agency|agencies|service|redaktion|rédaction|redacción|"
    r"redazione|editorial board|wire)$|.*(?:编辑部|編集部|记者|本报讯)$",
    re.IGNORECASE,
)


def _people_only(found: Names, site: set[str]) -> Names:
    """Returns the names of a byline without the site's names (`site`) and without desks such as "Sports desk". Returns
    all names if nothing else would remain.
    """
    if len(found) < 2:
        return found
    people = tuple(n for n in found if fold_text(n) not in site and not _DESK.match(n))
    return people or found


def _adding_to(out: list[Candidate[Names]], site: set[str]) -> Add:
    def add(found: list[str], source: str, locator: str, confidence: float, visible: bool = False) -> None:
        value = _people_only(_unique_names(found), site)
        if value:
            weak = all(WEAK_ACCOUNTS.match(name) for name in value)
            out.append(Candidate(value, source, locator, min(confidence, _OF_ACCOUNT) if weak else confidence, visible))

    return add


def author_candidates(
    page: Page,
    post: Post,
    hint: SourceHint | None,
    site: set[str],
    beside: BylineBlock,
    end: Names = (),
    text: str = "",
) -> list[Candidate[Names]]:
    """Returns the candidates for a post's authors. The value of each candidate is a tuple of names.

    `hint` is what a feed or an API says about the post, None if nothing. `site` are the site's own names, as returned
    by `fold_text`. `beside` is the byline near the heading. `end` are the names in the byline at the end of the body,
    and `text` is the body.
    """
    out: list[Candidate[Names]] = []
    add = _adding_to(out, site)
    if hint is not None and hint.authors:
        trusted = is_from_api(hint)
        add(list(hint.authors), "api" if trusted else "feed", "author", 0.97 if trusted else 0.5)
    if end:
        add(list(end), "byline", "end of the post", 0.96, visible=True)
    _add_visible(page, post, add)
    add(_names_in_nextra(page, post), "platform", "time in .not-prose", 0.8, visible=True)
    declared = _declared_candidates(page, post, site)
    named = {frozenset(map(fold_text, c.value)) for c in declared}
    agreed = any(c.visible and frozenset(map(fold_text, c.value)) in named for c in out)
    signed, many = find_signatures(page, post, named, agreed=agreed)
    for sign in [*signed, *signatures_in_text(text)]:
        if sign.kind == "date" and _is_in_menu(page, sign.names):
            continue
        add(list(sign.names), "signed", f"{sign.kind} {sign.place} the text: {sign.raw}", sign.confidence, True)
    out += declared
    for names in _names_in_dated_lines(page, post):
        add(names, "byline", "beside the date", 0.84, visible=True)
    if beside.names and not many and (beside.sure or not _is_in_menu(page, beside.names)):
        add(list(beside.names), "byline", "beside the heading", 0.84 if beside.sure else 0.6, visible=True)
    return downgrade_doubtful_authors(out, page, site, text)


def _names_in_dated_lines(page: Page, post: Post) -> Iterator[list[str]]:
    """Yields the names in the lines with the dates that readers see, wherever they stand, if a whole line is a
    byline.
    """
    for el in post.dated_elements[:_DATED_ELEMENTS]:
        if text := whole_byline_around(page, el):
            yield _names_in(Line(text, [text], [el]), page.date_language, dated=True)


def whole_byline_around(page: Page, el: Element) -> str:
    """Returns the line of an element with a date if it is a byline from its beginning to its end; otherwise ""."""
    block = next((one for one in (el, *el.iterancestors()) if one.tag in _BLOCK), None)
    if block is None or page.index.text_length(block) > _MAX_WHOLE_LENGTH:
        return ""
    text = element_line(block)
    return text if is_whole_byline(text, page.date_language) else ""


def _names_in_nextra(page: Page, post: Post) -> list[str]:
    """Returns the names before the date in the meta line of Nextra's theme for blogs, which has no element for them:
    <div class="not-prose">Ada, <time>. They may be of one word.
    """
    for el in page.index.tag("time")[:_FIRST_TIMES]:
        line = el.getparent()
        if line is None or el.getprevious() is not None or post.is_noise(el):
            continue
        before = clean_text(line.text)
        if before.endswith(",") and any(c.endswith("not-prose") for c in (line.get("class") or "").split()):
            return split_names(before.rstrip(" ,"))
    return []


def _declared_candidates(page: Page, post: Post, site: set[str]) -> list[Candidate[Names]]:
    """Returns the candidates that a page declares in its metadata and scripts."""
    out: list[Candidate[Names]] = []
    add = _adding_to(out, site)
    add(_names_of_node(page, page.data.article(page.addresses)), "json-ld", "author", 0.85)
    _add_microdata(page, post, add)
    add(_names_of_node(page, page.data.rdfa_article(page.addresses)), "rdfa", "author", 0.84)
    _add_metas(page, add)
    people = unshown_article(post).get("author", ())
    add([name for one in people for name in split_names(one)], "script", "author", _IN_SCRIPT)
    return out


def people_beside_heading(page: Page, post: Post, beside: BylineBlock) -> Names:
    """Returns the authors in the byline near the heading (`beside`).

    Returns () if there are none, and if other sources may know better: the names are those of accounts, organizations
    or perhaps sections, or the page declares further authors.
    """
    if not beside.names:
        return ()
    site = {fold_text(name) for name in site_names(page)}
    found = _people_only(_unique_names(list(beside.names)), site)
    if all(WEAK_ACCOUNTS.match(name) for name in found) or all(map(is_organization, found)):
        return ()
    people = {fold_text(name) for name in found}
    declared = ({fold_text(name) for name in one.value} for one in _declared_candidates(page, post, site))
    is_in_doubt = any(people < more for more in declared) or (not beside.sure and _is_in_menu(page, found))
    return () if is_in_doubt else found


def person_beside_date(page: Page, beside: BylineBlock) -> Names:
    """Returns the name beside the date in the byline near the heading (`beside`), in a script without letter case.

    Returns () if there is none, and if it is the name of the site, a label, an organization, or the text of a link that
    does not lead to a person, such as a section.
    """
    name = name_beside_date(beside, page.date_language)
    if not name or not is_name(name) or OTHER_PART.match(name) or is_role(name) or is_organization(name):
        return ()
    folded = fold_text(name)
    if folded in map(fold_text, site_names(page)) or WEAK_ACCOUNTS.match(name):
        return ()
    links = (a for a in page.index.tag("a")[:_MAX_AUTHOR_LINKS] if not leads_to_person(a.get("href") or ""))
    return () if any(fold_text(element_line(a)) == folded for a in links) else (name,)


def _is_in_menu(page: Page, names: Iterable[str]) -> bool:
    """Returns True if one of the names is also the text of a link in a menu, and so the name of a section, not of a
    person. Links to the home page or to a person's page do not count.
    """
    folded = set(map(fold_text, names))
    return any(
        fold_text(element_line(a)) in folded
        for a in page.index.tag("a")[:_MAX_AUTHOR_LINKS]
        if url_path(a.get("href")).strip("/")
        and not leads_to_person(a.get("href") or "")
        and any(map(is_foreign, ancestors_of(a)))
    )


def organization_evidence(page: Page, authors: Names) -> list[Evidence]:
    """Returns evidence for those authors of a post that are organizations and not persons. JSON-LD declares this, or
    the name shows it ("dpa", "The Harbour Team", "Acme GmbH").
    """
    if not authors:
        return []
    declared = _declared_kinds(page)
    out: list[Evidence] = []
    for name in authors:
        kinds = declared.get(fold_text(name), frozenset())
        if kinds & _PERSON_TYPES and is_full_name(name):
            continue
        if any(kind.endswith("organization") for kind in kinds):
            out.append(Evidence(ORGANIZATIONS, name, "json-ld", "author @type", _DECLARED))
        elif is_organization(name):
            out.append(Evidence(ORGANIZATIONS, name, "name", "", _BY_NAME))
    return out


_PERSON_TYPES = frozenset(("person",))


def _declared_kinds(page: Page) -> dict[str, frozenset[str]]:
    """Returns the types, such as "person", that JSON-LD declares for the authors of a post, by name. Names are given as
    `fold_text` returns them.
    """
    node = page.data.article(page.addresses) or {}
    return {
        fold_text(name): frozenset(types(value))
        for value in page.data.resolve(node.get("author") or node.get("creator"))
        if isinstance(value, dict)
        for name in page.data.texts(value, "name")
    }


def _add_visible(page: Page, post: Post, add: Add) -> None:
    """Calls `add` for the authors shown in elements that match the platform's author selectors or the generic author
    selectors.

    In each of these two groups of selectors, only the first selector that finds a name is used. If none finds one, a
    link with rel=author counts wherever it is, if all such links on the page name the same author.
    """
    generic = by_name("generic")
    comments = CommentSection(page, post)
    found = False
    if page.platform is not generic:
        found = _add_first(post, comments, page.index.present(page.platform.authors), "platform", 0.86, add)
    if not _add_first(post, comments, page.index.present(generic.authors), "class", 0.7, add) and not found:
        links = [a for a in page.index.select(_AUTHOR_LINK) if not comments.has(a)]
        names = _unique_names([name for a in links for name in names_of_element(a)])
        if len(names) == 1 and not any(is_in_card(page, a, post.title) for a in links):
            add(list(names), "class", _AUTHOR_LINK, 0.6, True)


_AUTHOR_LINK = "a[rel~=author]"


def _add_first(
    post: Post, comments: CommentSection, rules: Iterable[str], source: str, confidence: float, add: Add
) -> bool:
    """Calls `add` for the authors in the elements that match the first of `rules` with a name. Returns True if there is
    such a rule.
    """
    for rule in rules:
        found = [
            el for el, _ in post.select([rule]) if not (_is_not_author(el) or _has_other_part(el) or comments.has(el))
        ]
        if value := [name for el in found[:_MAX_AUTHORS] for name in names_of_element(el)]:
            inside = post.holder is not None and any(_is_within(el, post.holder) for el in found)
            sure = inside or any(_is_marked(el) for el in found)
            add(value, source, rule, confidence if sure else min(confidence, 0.66), True)
            return True
    return False


def _is_marked(el: Element) -> bool:
    """Returns True if the markup of an author element shows that it contains a name: it is a link, or has a rel
    attribute or the class "fn".
    """
    return bool(el.get("rel") or "fn" in (el.get("class") or "") or el.tag == "a")


def _is_not_author(el: Element) -> bool:
    """Returns True if the class or the link of an element shows that it names something other than an author, such as a
    category.
    """
    outer = el.getparent()
    classes = f"{el.get('class') or ''} {(outer.get('class') or '') if outer is not None else ''}"
    return author_mark(classes) == NOT or leads_to_term(el.get("href") or "")


def _has_other_part(el: Element) -> bool:
    """Returns True if the words before an element, such as "Fact checked by", say that the person named in it is not
    the author.
    """
    before = text_before(el, None)
    return isinstance(before, str) and 0 < len(before) <= _MAX_LABEL and OTHER_PART.match(before) is not None


def _is_within(el: Element, top: Element) -> bool:
    return any(a is top for a in el.iterancestors()) or el is top


def names_of_element(el: Element) -> list[str]:
    """Returns the names in an author element: the names in its links to profiles or, if it has no such links, the names
    in its text.
    """
    if el.tag == "meta":
        return split_names(el.get("content") or "", one=True)
    if el.tag == "a" or "fn" in (el.get("class") or "").split() or "name" in (el.get("itemprop") or "").split():
        return split_names(element_line(el), one=True)
    return (
        [n for a in el.iter("a") if _leads_to_author(a) for n in split_names(element_line(a), one=True)]
        or _names_before_separator(el)
        or split_names(element_line(el))
    )


def _names_before_separator(el: Element) -> list[str]:
    """Returns the names in the text at the beginning of an element, if a separator divides this text from an inner
    element about something else: <span class="author">Ada · <span>Category: ...</span></span>. They may be of one word.
    Returns [] if there is no such text.
    """
    text = clean_text(el.text) if len(el) else ""
    mark = author_mark(el.get("class") or "")
    if mark != AUTHOR or not _ENDS_WITH_SEPARATOR.search(text):
        return []
    return [name for name in split_names(text) if may_sign(name) and not is_role(name)]


def _leads_to_author(a: Element) -> bool:
    return "author" in (a.get("rel") or "").split() or bool(_PERSON_PAGE.search(url_path(a.get("href"))))


def url_path(href: str | None) -> str:
    """Returns the path of an address (`href`); "" if the address is missing or malformed."""
    try:
        return urlsplit(href or "").path
    except ValueError:
        return ""


def _names_of_node(page: Page, node: Node | None) -> list[str]:
    """Returns the names of the authors in a JSON-LD or RDFa node; [] if there is no node."""
    found: list[str] = []
    if node is None:
        return found
    for value in page.data.resolve(node.get("author") or node.get("creator")):
        if isinstance(value, dict):
            found += _names_of_person(page, value)
        elif isinstance(value, str) and not value.startswith(("http:", "https:", "#", "/")):
            found += split_names(value)
    return found


def _names_of_person(page: Page, person: Node) -> list[str]:
    found: list[str] = []
    for name in page.data.texts(person, "name"):
        if not name.startswith(("http:", "https:")):
            found += split_names(name, one=not (types(person) <= {"person"} and "," in name))
    if not person.get("name") and person.get("givenName"):
        found.append(clean_text(f"{person.get('givenName')} {person.get('familyName') or ''}"))
    return found


def _add_microdata(page: Page, post: Post, add: Add) -> None:
    found: list[str] = []
    comments = CommentSection(page, post)
    for el in page.index.select("[itemprop~=author]") or page.index.select("[itemprop~=creator]"):
        if not (post.is_noise(el) or comments.has(el)) and is_article_item(item_of(el)):
            found += (
                split_names(el.get("content") or element_line(el))
                if el.get("itemscope") is None
                else _names_of_item(el)
            )
    add(found, "microdata", "author", 0.84)


def _names_of_item(el: Element) -> list[str]:
    """Returns the names in the microdata item of an author."""
    inner = [e for e in el.iter("*") if "name" in (e.get("itemprop") or "").split()]
    return [n for e in inner[:3] for n in split_names(e.get("content") or element_line(e), one=True)] or split_names(
        element_line(el), one=True
    )


def _add_metas(page: Page, add: Add) -> None:
    hosts = host_names(page)
    for keys, confidence in _META:
        for key in keys:
            found: list[str] = []
            for value in page.data.meta(key):
                if not (
                    value.startswith(("http", "//", "www.")) or "facebook.com" in value or _is_of_agency(value, page)
                ):
                    found += _names_of_meta(
                        given_name_first(value) if "citation" in key or "dc" in key else value, hosts
                    )
            if len(found) > 1 and fold_text(found[-1]) in hosts:
                found.pop()  # the outlet after its authors
            add(found, "meta", key, confidence)
    _add_twitter_labels(page, add)


def _is_of_agency(value: str, page: Page) -> bool:
    """Returns True if a meta element's author is given with an address on another host, as the company that built the
    site gives it.
    """
    address = _ADDRESS.search(value)
    return address is not None and (address[1] or address[2]).casefold() not in page.hosts[:2]


def _names_of_meta(value: str, hosts: set[str]) -> list[str]:
    """Returns the names in a meta element. If the first of several is an organization, such as the outlet, those after
    it that are not full names are its place: "Harbour Online, Hamburg, Germany".
    """
    found = split_names(value)
    first, comma, _ = value.partition(",")
    if not comma:
        return found
    if is_organization(first) or any(fold_text(first).startswith(host) for host in hosts):
        people = [name for name in found if is_full_name(name) and name != first.strip()]
        return people or [name for name in found if is_organization(name)]
    return found


def _add_twitter_labels(page: Page, add: Add) -> None:
    """Calls `add` for the author named in a page's Twitter card: twitter:label1 "Written by", twitter:data1
    "Jane Doe".
    """
    for n in ("1", "2"):
        label = page.data.meta_first(f"twitter:label{n}")
        value = page.data.meta_first(f"twitter:data{n}")
        if value and _WRITTEN_BY.search(label) and is_name(value):
            add(split_names(value, one=True), "meta", f"twitter:data{n}", 0.72)
