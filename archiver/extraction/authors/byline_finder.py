"""Finds the bylines of a post. A byline is recognized by a sign: words such as "by", markup, a link, a job title or a
date.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from lxml.etree import _Element as Element

from archiver.extraction.authors import author_markup_and_marked_lines as author_markup
from archiver.extraction.authors.author_markup_and_marked_lines import (
    LineReader,
    MarkedLine,
    MarkedText,
    nodes_after,
    nodes_before,
)
from archiver.extraction.authors.byline_splitting_and_person_names import (
    AND,
    BEHALF,
    BY,
    LABEL,
    NOT_A_NAME,
    OTHER_PART,
    is_full_name,
    is_plain_name,
    is_role,
    looks_personal,
    match_signature,
    may_sign,
    names_korean_reporters,
    split_names,
)
from archiver.extraction.boilerplate import opens_comments
from archiver.extraction.category_and_tag_links import has_count, leads_to_person, leads_to_term
from archiver.extraction.page_parsing_and_javascript_check import Page
from archiver.extraction.post_locator import Post, declared_titles
from archiver.extraction.text_normalization_and_formulas import clean_text, element_line, fold_text
from archiver.lazy_regex import lazy_regex

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
    for classes in page.index.classes_with(author_markup.HINTS):
        if author_markup.author_mark(classes) in (author_markup.BOX, author_markup.NAME, author_markup.AUTHOR):
            found += page.index.with_class(classes)
    return sorted(found, key=page.index.order.__getitem__)


def _belongs_to_post(page: Page, el: Element, top: Element | None) -> bool:
    """Returns True if an element is neither in comments, a menu nor the card (linked teaser) of another post. `top` is
    the post's heading, None if it has none.
    """
    if any(author_markup.is_foreign(a) for a in author_markup.ancestors_of(el)) or author_markup.is_foreign(el):
        return False
    return not is_in_card(page, el, top)


def _names_in_box_line(one: MarkedLine) -> Iterator[str]:
    for chunk in one.chunks[:4]:
        text = _ABOUT.sub("", chunk.text)
        if len(text) > 70 or LABEL.fullmatch(text) or chunk.mark == author_markup.NOT:
            continue
        found = split_names(text, one=True)
        if (
            len(found) == 1
            and looks_personal(found[0])
            and (is_full_name(found[0]) or chunk.mark == author_markup.NAME)
        ):
            yield found[0]


def _is_inside(el: Element, top: Element | None) -> bool:
    return top is not None and any(a is top for a in author_markup.ancestors_of(el))


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


def read_bylines(lines: list[MarkedLine], place: str) -> list[Sign]:
    """Returns the bylines in some lines of a page, in reading order. `place` is where the lines are: "above" or "below"
    (the heading) or "after" (the text).
    """
    return _BylineReader(lines, place).read()


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

    def __init__(self, lines: list[MarkedLine], place: str) -> None:
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
            self.pictures.update(fold_text(p) for p in one.pictures)
            if len(one.text) > (_SHORT if self.paragraphs > 1 else MIDDLE) or _is_counted_author(one):
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
        found = split_names(text, one=bool(chunk.href) or chunk.mark == author_markup.NAME)
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
        if chunk.mark == author_markup.NOT or chunk.head or chunk.text.endswith(":"):
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
        kind = "mark" if at.chunk.mark == author_markup.BOX else self._kind_by_surroundings(at)
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
    if chunk.mark in (author_markup.NAME, author_markup.AUTHOR):
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
        chunk.mark in (author_markup.NAME, author_markup.AUTHOR)
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
    out = read_bylines(below, "below")
    # A plain name next to a date right above a heading is as often a topic as a person.
    return out + [s for s in read_bylines(above, "above") if s.kind != "date"], end


def _bylines_at_start(page: Page) -> list[Sign]:
    """Returns the bylines at the start of a page without a heading. Only those that were recognized by a reliable sign
    (SURE) are returned.
    """
    body = page.index.tag("body")[:1]
    lines = list(_lines_until_text(LineReader(3500).lines((child, False) for b in body for child in b)))
    return [s for s in read_bylines(lines, "below") if s.kind in SURE]


def _bylines_after(page: Page, post: Post, end: int, top: Element | None) -> list[Sign]:
    """Returns the bylines after the body of a post, and those in author boxes. `end` is the position of the last
    element that was already read, and `top` is the post's heading, None if it has none.
    """
    out: list[Sign] = []
    if post.body is not None:
        rest = [x for _, x in zip(range(10), LineReader(900).lines(nodes_after(post.body)), strict=False)]
        out += [s for s in read_bylines(list(_lines_until_heading(rest)), "after") if s.kind in SURE]
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
    if following is None or any(map(author_markup.is_foreign, (following, *author_markup.ancestors_of(following)))):
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
        if len(one) >= MIDDLE or OTHER_PART.match(one):
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
