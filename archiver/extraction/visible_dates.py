"""Finds the dates that readers see on a page, and decides which of them may be the post's."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from itertools import islice

from lxml.etree import _Element as Element

from archiver.extraction.boilerplate import is_footer_name
from archiver.extraction.date_parser import (
    FIRST,
    FOUNDED_AFTER,
    FOUNDED_BEFORE,
    MODIFIED,
    PUBLISHED,
    SENT,
    Moment,
    is_relative_time,
    machine_date,
    names_a_date,
    parse_month_and_year,
    relative_time,
    text_around_date,
    visible_date,
)
from archiver.extraction.normalization import clean_text, element_line
from archiver.extraction.page import Page
from archiver.extraction.post_locator import Post
from archiver.model.lazy_regex import lazy_regex

# What the dates of a line mean.

_DATES = 4
"""At most this many dates of a line are read. A paper has the dates of its submission, revision, acceptance and
publication."""
_RIGHTS = lazy_regex(r"©|\(c\)|copyright|all rights reserved|alle rechte|tous droits|版权|著作権", re.IGNORECASE)
_LABELS = (("published", PUBLISHED), ("modified", MODIFIED), ("sent", SENT), ("founded", FOUNDED_BEFORE))
_OTHER_DAYS = frozenset(("sent", "founded"))
Dates = tuple[Moment | None, Moment | None]
"""A date of publication and a date of the last change; each is None if there is none."""


def read_dates(text: str, language: str, before: str = "", captured_at: datetime | None = None) -> Dates:
    """Returns the date of publication and the date of the last change in a line.

    `before` are the words before the line, which may be a label in a separate element. A date without a label is taken
    for the date of publication. Dates of three kinds do not count: a year in a copyright notice, the day on which a
    paper was submitted or accepted, and the day on which the site was founded. `captured_at` is when the page was
    fetched; it is needed for dates such as "3 hours ago".
    """
    if _RIGHTS.search(text):
        return None, None
    found: dict[str, Moment] = {}
    rest, label = text, before
    for _ in range(_DATES):
        moment, around = visible_date(rest, language), text_around_date(rest, language)
        if moment is None or around is None:
            break
        head, rest = around
        meaning = date_label(head) or date_label(label) or ("founded" if FOUNDED_AFTER.match(rest) else "")
        if not meaning and is_change_label(rest) and not visible_date(rest, language):
            meaning = "modified"
        found.setdefault(meaning or "published", moment)
        label = ""
    if not found and captured_at is not None and (moment := relative_time(text, captured_at)) is not None:
        found["modified" if "modified" in (date_label(text), date_label(before)) else "published"] = moment
    return found.get("published"), found.get("modified")


@lru_cache(maxsize=4_096)
def date_label(text: str) -> str:
    """Returns what the last label in a text says about the date after it: "published", "modified", "sent" (a paper was
    sent to its journal) or "founded" (the site was); "" if there is no label.
    """
    ends = [(max((m.end() for m in pattern.finditer(text)), default=-1), name) for name, pattern in _LABELS]
    last = max(ends, key=lambda one: one[0])
    return last[1] if text and last[0] >= 0 else ""


def is_change_label(tail: str) -> bool:
    """Returns True if `tail`, the words after a date, say that it is the date of the last change: "12 May 2020
    (updated)", "2020-05-12 更新".
    """
    return MODIFIED.match(tail.lstrip(" ()[]|·–—-,:.")) is not None


# Where a date stands.

_TRUST = {
    "near": (0.74, 0.7, 0.5),
    "meta": (0.72, 0.64, 0.46),
    "above": (0.66, 0.62, 0.48),
    "edge": (0.52, 0.46, 0.42),
    "after": (0.52, 0.44, 0.4),
    "in": (0.5, 0.37, 0.37),
    "far": (0.4, 0.37, 0.37),
}
"""The confidence of a date by its position: near the heading, in a meta block (a line with date, authors and terms),
above the heading, at the start or end of the body, after it, elsewhere in it, and elsewhere. The first number is for a
date with a label, in <time>, or in an element with a date class; the second one for a date that is the only text on its
line; the third one for a date with a few other words."""
_LABELLED, _LINKED, _FIRST_PUBLISHED = 0.06, 0.3, 0.815
"""What a label adds to the confidence of a date, and what a link to another page takes away from it; the confidence of
the day in "originally published on 26 September 2019", wherever it is: above that of a byline."""
_IN_SIDEBAR = 0.36
"""The confidence of a date in a sidebar. Such a date counts only if a label says that it is the day of publication."""
_NEAR, _ABOVE, _EDGE, _CLOSE, _FARTHEST = 90, 45, 14, 12, 400  # distances in elements
_NEAR_TEXT = 1_500  # at most this many characters of text are between the heading and a date near it
_UNREAD = frozenset(("script", "style", "noscript", "template", "option", "select", "textarea", "title", "meta", "code",
                     "pre", "button", "head", "html", "body"))  # fmt: skip


class _Places:
    """Finds where an element is relative to the post, by the order of elements in the document.

    It must not refer to the post, which refers to it: reference counting alone would never free the two.
    """

    def __init__(self, page: Page, post: Post) -> None:
        index = page.index
        self.order = index.order
        title = next(iter([post.title] if post.title is not None else index.tag("h1")), None)
        self.title = -1 if title is None else self.order[title]
        text = element_line(post.title) if post.title is not None else ""
        heads = [h for h in index.tag("h1") if text and h is not post.title]
        # Some pages contain a copy of the heading for each width of the screen.
        self.headings = [self.title, *(self.order[h] for h in heads if element_line(h) == text)]
        self.body = -1 if post.body is None else self.order[post.body]
        self.end = -1 if post.body is None else index.end(post.body) - 1
        known = [e for e in (post.title, post.body) if e is not None]
        self.around_post = frozenset((*known, *(outer for e in known for outer in e.iterancestors())))
        self.near_end, length = self.title + _NEAR, 0
        for n in range(self.title + 1, min(self.near_end, len(index.elements))):
            length += sum(len(text.strip()) for text in index.texts[index.elements[n]])
            if length > _NEAR_TEXT:
                self.near_end = n
                break

    def position_of(self, el: Element) -> str:
        """Returns where an element is, as a key of `_TRUST` (but not "meta")."""
        n = self.order.get(el, 0)
        inside = self.body < n <= self.end
        if self.title >= 0 and not (inside and self.body > self.title):
            if self.title <= n and (n < self.body or n <= self.near_end):
                return "near"
            if self.title - _ABOVE <= n < self.title:
                return "above"
        if any(0 <= n - at <= _CLOSE for at in self.headings[1:]):
            return "near"
        if inside:
            return "edge" if n - self.body <= _EDGE or self.end - n <= _EDGE else "in"
        return "after" if 0 <= self.body <= n <= self.end + _NEAR else "far"

    def is_close(self, el: Element) -> bool:
        """Returns True if an element is so close to the heading that its date belongs to the post even in a sidebar."""
        return any(at >= 0 and abs(self.order.get(el, 0) - at) <= _CLOSE for at in self.headings)

    def around_heading(self) -> tuple[int, int]:
        """Returns the range of positions of the elements around the heading, as (first, end)."""
        last = max(self.title + _NEAR, min(self.body, self.title + _FARTHEST))
        return (max(0, self.title - _ABOVE), last + 1) if self.title >= 0 else (0, 0)


@dataclass(frozen=True, slots=True)
class VisibleDate:
    """A date that readers see on the page.

    - `where`: its position relative to the post, a key of `_TRUST`.
    - `meaning`: "published" or "modified".
    """

    moment: Moment
    element: Element
    where: str
    meaning: str
    confidence: float


@dataclass(frozen=True, slots=True)
class RefusedDate:
    """A date on the page that is not the post's date. `reason` is a phrase that says why."""

    moment: Moment
    element: Element
    reason: str


_ITEMS = frozenset(("li", "td", "dt", "dd"))
_DIGIT = lazy_regex(r"[\d年]")
_LOOKS = lazy_regex(r"(?<!\d)\d{4}(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2}(?!\d)|[〇一二三四五六七八九]年")
_ATTRIBUTES = ("datetime", "data-datetime", "data-date", "data-time", "data-timestamp", "data-published", "content")
_SHORTEST, _MAX_LENGTH, _TEXT, _LINE_LENGTH = 5, 160, 400, 240
_MAX_COUNT, _LISTED, _REFUSED = 80, 3, 5
_ALONE, _AROUND, _LABEL_LENGTH, _PREPOSITION = 24, 60, 40, 4


def visible_dates(page: Page, post: Post, *, near: bool = False) -> tuple[list[VisibleDate], list[RefusedDate]]:
    """Returns the visible dates that may be the post's, most likely first, and the first few of the others with the
    reasons why they are not. If `near` is True, only the elements around the heading are read.
    """
    reader = _Reader(page, post)
    for el, text in islice(_dated_elements(page, reader.places, near), _MAX_COUNT):
        reader.read(el, text)
    listed = {signature for signature, days in reader.days.items() if len(days) >= _LISTED}
    kept = []
    for one in reader.found:
        if _list_signature(one.element) in listed and (one.where not in ("near", "above") or one.element.tag in _ITEMS):
            reader.refused.append(RefusedDate(one.moment, one.element, "one of several in a list"))
        else:
            kept.append(one)
    return sorted(kept, key=lambda one: -one.confidence), reader.refused[:_REFUSED]


def _dated_elements(page: Page, places: _Places, near: bool) -> Iterator[tuple[Element, str]]:
    """Yields the elements that may contain a date, in document order: those whose tag, class or id is one for dates,
    each with "", and those with a text of their own that looks like a date, each with this text.
    """
    first, end = places.around_heading() if near else (0, None)
    for el, texts in islice(page.index.texts.items(), first, end):
        if el.tag in _UNREAD:
            own = ("", texts[1])
        elif _is_named(el):
            yield el, ""
            own = ("", texts[1])
        else:
            own = texts
        for text, holder in zip(own, (el, el.getparent()), strict=True):
            # Most texts are white space between elements.
            if _SHORTEST < len(text) <= _MAX_LENGTH and _DIGIT.search(text) and holder is not None:
                is_recent = page.captured_at is not None and places.position_of(holder) == "near"
                if _LOOKS.search(text) or (is_recent and is_relative_time(text)):
                    yield holder, text


def _is_named(el: Element) -> bool:
    names = f"{el.get('class') or ''} {el.get('id') or ''}"
    if el.tag == "abbr" and machine_date(el.get("title")) is not None:
        return True  # the time of hAtom: <abbr title="2011-08-25T01:40:40Z">1 hour ago</abbr>
    return el.tag == "time" or (len(names) > 1 and any(map(names_a_date, names.split())))


class _Reader:
    """Reads the dates in elements of a page. `days` are the different days in elements of one kind."""

    def __init__(self, page: Page, post: Post) -> None:
        self.page, self.post, self.language = page, post, page.date_language
        self.places, self.lines = _Places(page, post), _LinesOfBlocks()
        self.found: list[VisibleDate] = []
        self.refused: list[RefusedDate] = []
        self.days: dict[tuple[str, str], set[date]] = defaultdict(set)
        self.taken: set[object] = set()

    def read(self, el: Element, own: str) -> None:
        """Reads the dates in an element: in its text, or in the line with `own`, a text directly inside it."""
        line = self.lines.line_with(el, own) if own else _line_of(el)
        if line is None or el in self.taken or el.tag in _UNREAD or (line.block, line.text) in self.taken:
            return
        where = self.places.position_of(el)
        if where in ("edge", "in") and self.post.in_meta_block(el):
            where = "meta"
        published, modified = self._dates(el, line, where, is_named=not own)
        moment = published or modified or visible_date(line.text, self.language)
        if moment is None:
            return
        self.taken.update((line.block, line.text) if own else el.iter("*"))
        label = date_label(line.before) or date_label(line.text)
        strength = self._strength(el, line, where, label, is_named=not own)
        if reason := self._reason_against(el, line, label, strength, bool(published or modified)):
            self.refused.append(RefusedDate(moment, el, reason))
        if reason or strength is None:
            return
        self.days[_list_signature(el)].add(moment.day)
        trust = _TRUST[where][strength]
        for meaning, one in (("published", published), ("modified", modified)):
            confidence = trust + (_LABELLED if label == meaning else 0)
            if meaning == "published" and _is_first_published(f"{line.before} {line.text}"):
                confidence = _FIRST_PUBLISHED
            if where == "near" and _is_linked_elsewhere(self.page, el):
                confidence -= _LINKED
            if self._is_in_sidebar(el):
                confidence = _IN_SIDEBAR
            if one is not None:
                self.found.append(VisibleDate(one, el, where, meaning, confidence))

    def _dates(self, el: Element, line: _TextLine, where: str, is_named: bool) -> Dates:
        published, modified = read_dates(line.text, self.language, line.before)
        if published is None and modified is None:
            label = date_label(line.text) or date_label(line.before)
            exact = date_of_attributes(el, self.language) if label not in _OTHER_DAYS else None
            published, modified = (None, exact) if label == "modified" else (exact, None)
        if published is None and modified is None:
            published, modified = read_dates(line.text, self.language, line.before, self.page.captured_at)
        if published is None and modified is None and where in ("near", "above"):
            published = parse_month_and_year(line.text, self.language)
        return _with_time_of_attribute(el, published), modified

    def _is_in_sidebar(self, el: Element) -> bool:
        return self.post.is_noise(el) and (not self.places.is_close(el) or self.post.is_beside_main(el))

    def _strength(self, el: Element, line: _TextLine, where: str, label: str, is_named: bool) -> int | None:
        """Returns which number of `_TRUST` is the confidence of the date in a line; None if it is in a sentence."""
        is_short = len(line.text) <= _MAX_LENGTH or bool(date_label(line.text[:_LABEL_LENGTH]))
        if (is_named or label or where == "meta") and is_short and where != "in":
            return 0
        block = self.lines.line_with(el, line.text) or line
        head, tail = text_around_date(block.text, self.language) or ("", "")
        if len(head) <= _AROUND and "published" in (date_label(head), date_label(tail[:_LABEL_LENGTH])):
            return 0
        if len(head) + len(tail) <= _ALONE:
            return 1
        is_short = len(head) + len(tail) <= _AROUND or _is_only_a_date(el, self.language)
        if is_short and not _SENTENCE.search(block.text):
            return 2
        words = [word for word in head.split() if word[0].isalpha()]
        is_dateline = len(head) <= _LABEL_LENGTH and not any(word[0].islower() for word in words)
        return 2 if is_dateline and _DATELINE.search(tail) else None

    def _reason_against(self, el: Element, line: _TextLine, label: str, strength: int | None, is_of_post: bool) -> str:
        """Returns, as a phrase, why the date of a line is not the post's; "" if there is no reason against it."""
        if _RIGHTS.search(line.text):
            return _OF_FOOTER
        if reason := _reason_of_place(el, self.places):
            return reason
        if self._is_in_sidebar(el) and (label != "published" or self.post.is_beside_main(el)):
            return _OF_COMMENTS
        if self.places.position_of(el) != "near" and _is_linked_elsewhere(self.page, el):
            return "in a link to another page"
        if not is_of_post:
            return "labelled as the date of something else"
        return "in a sentence of the text" if strength is None else ""


def _is_first_published(text: str) -> bool:
    """Returns True if a text says right before a date that the post was first published then."""
    first = FIRST.search(text)
    around = text_around_date(text[first.end() :][:_AROUND]) if first is not None else None
    return around is not None and len(around[0].strip(" :：")) <= _PREPOSITION


def _list_signature(el: Element) -> tuple[str, str]:
    """Returns the tag and class of an element and those of its parent. All entries of a list have the same result."""
    parent = el.getparent()
    return f"{el.tag}.{el.get('class') or ''}", (parent.get("class") or parent.tag) if parent is not None else ""


def _with_time_of_attribute(el: Element, shown: Moment | None) -> Moment | None:
    """Returns the date that an element shows (`shown`, None for none). If this is only a day, and the element is or
    contains exactly one <time> whose attribute adds a time of day, returns the time in the attribute.
    """
    times = list(islice(el.iter("time"), 2)) if shown is not None and shown.precision == "day" else []
    declared = machine_date(times[0].get("datetime")) if len(times) == 1 else None
    if shown is None or declared is None or declared.precision == "day" or declared.day != shown.day:
        return shown
    return declared if declared.zoned or declared.at.time() != time.min else shown


def date_of_attributes(el: Element, language: str) -> Moment | None:
    """Returns the date in an attribute of an element, such as the `datetime` or the tooltip of "3 hours ago"; None if
    there is none.
    """
    moment = next((m for a in _ATTRIBUTES if (v := el.get(a)) and (m := machine_date(v))), None)
    return moment or visible_date(el.get("title") or "", language)


# Places whose dates are not the post's.

_NOT_PUBLICATION = lazy_regex(
    r"(?:^|[\s_-])(?:events?|countdown|deadline|expir\w*|birthday|today|current-?(?:date|time)|(?:date|time)-?(?:now|today)|"
    r"server-?time|(?:wp-|photo-?|image-?|picture-?|img-?)?captions?)(?=$|[\s_-])",
    re.IGNORECASE,
)
"""Matches the class or id of the date of an event, of the day on which the page is shown, and of the line of a
picture."""
_REACTIONS = lazy_regex(
    r"(?:^|\s)(?:comments?|comment-?list|comments?-(?:area|section|wrapper|list|block|box)|respond|disqus_thread|"
    r"recent-(?:comments|posts)|related(?:-?(?:posts|articles|news|stories))?|reviews)(?=$|\s)",
    re.IGNORECASE,
)
"""Matches the classes and ids of comments and of lists of other posts."""
_QUOTING = frozenset(("blockquote", "figcaption", "caption"))
_DEPTH_OF_EVENT = 2  # the class of an event is on the element with its date, or on the parent of that element
_OF_FOOTER, _OF_COMMENTS, _OF_QUOTATION = (
    "in the footer or a copyright notice",
    "in comments, a sidebar, a menu or a list of other posts",
    "of a quotation, a picture or an event",
)


@lru_cache(maxsize=8_192)
def is_other_time_name(names: str) -> bool:
    """Returns True if the classes and ids `names` contain a name for the date of an event, or for the day on which the
    page is shown.
    """
    return bool(_NOT_PUBLICATION.search(names))


@lru_cache(maxsize=8_192)
def is_reaction_name(names: str) -> bool:
    """Returns True if the classes and ids `names` contain a name for comments or for a list of other posts."""
    return bool(_REACTIONS.search(names))


def _reason_of_place(el: Element, places: _Places) -> str:
    """Returns, as a phrase, why a date in this element is not the post's: it is in the page's footer, in comments or a
    list of other posts, or in a quotation, or it is the date of a picture or of an event. Returns "" if there is no
    such reason.
    """
    if is_time_of_event(el):
        return _OF_QUOTATION
    is_around = False
    for depth, at in enumerate((el, *el.iterancestors())):
        names = f"{at.get('class') or ''} {at.get('id') or ''}"
        is_around = is_around or at in places.around_post
        if at.tag in _QUOTING or (depth < _DEPTH_OF_EVENT and is_other_time_name(names)):
            return _OF_QUOTATION
        # WAI-ARIA 1.2, section 5.3.4: contentinfo is information about the site.
        if is_footer_name(names) or at.get("role") == "contentinfo":
            return _OF_FOOTER
        if not is_around and is_reaction_name(names):
            return _OF_COMMENTS
    return ""


# Labels of the time and of the place of an event, in lower case, without a colon. A label such as "Date" is left out:
# posts have it, too.
_WHEN = frozenset(
    ("when", "time", "date and time", "date & time", "wann", "zeit", "uhrzeit", "beginn", "termin", "quand", "horaire",
     "heure", "cuándo", "hora", "horario", "quando", "orario", "horário", "wanneer", "tijd", "när", "tid", "tidspunkt",
     "hvornår", "milloin", "aika", "kiedy", "czas", "godzina", "kdy", "čas", "kedy", "mikor", "időpont", "când", "ora",
     "кога", "час", "когда", "время", "начало", "коли", "початок", "vrijeme", "kada", "πότε", "ώρα", "ne zaman", "saat",
     "מתי", "שעה", "متى", "الوقت", "الموعد", "زمان", "समय", "कब", "সময়", "เวลา", "วันและเวลา", "thời gian", "waktu",
     "日時", "時間", "开催时间", "时间", "活動時間", "일시", "시간", "როდის", "დრო")
)  # fmt: skip
_WHERE = frozenset(
    ("where", "venue", "location", "place", "wo", "ort", "veranstaltungsort", "où", "lieu", "adresse", "dónde", "lugar",
     "ubicación", "dove", "luogo", "sede", "onde", "local", "waar", "locatie", "plaats", "var", "plats", "sted", "hvor",
     "missä", "paikka", "gdzie", "miejsce", "kde", "místo", "miesto", "hol", "helyszín", "unde", "locul", "къде",
     "място", "где", "место", "де", "місце", "gdje", "mjesto", "πού", "τόπος", "τοποθεσία", "nerede", "yer", "mekan",
     "איפה", "מקום", "أين", "المكان", "مکان", "स्थान", "कहाँ", "স্থান", "สถานที่", "địa điểm", "tempat", "lokasi", "会場",
     "場所", "地点", "地點", "장소", "სად", "ადგილი")
)  # fmt: skip
_LABELS_OF_EVENT = 40


def is_time_of_event(el: Element) -> bool:
    """Returns True if an element is in a list or table about an event, which has a label such as "When" and one such as
    "Where".
    """
    around = next((e for e in (el, *islice(el.iterancestors(), 4)) if e.tag in ("dl", "table", "ul")), None)
    if around is None:
        return False
    cells = islice(around.iter("dt", "th", "td", "strong", "b", "label", "span"), _LABELS_OF_EVENT)
    labels = {element_line(cell).rstrip(" :：").casefold() for cell in cells}
    return not labels.isdisjoint(_WHEN) and not labels.isdisjoint(_WHERE)


def _is_linked_elsewhere(page: Page, el: Element) -> bool:
    """Returns True if an element is part of a link to another page, as on a card for another post."""
    link = next((at for at in (el, *islice(el.iterancestors(), 5)) if at.tag == "a"), None)
    url = page.join(link.get("href")) if link is not None else None
    return url is not None and url.partition("#")[0].rstrip("/") not in page.addresses


# Lines of text as readers see them.

_INLINE = frozenset(
    ("a", "abbr", "acronym", "address", "b", "bdi", "big", "center", "cite", "em", "font", "i", "ins", "label", "mark",
     "nobr", "q", "s", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "img", "svg",
     "summary")
)  # fmt: skip
_SEPARATE = frozenset(("a", "abbr", "label", "span", "time"))
"""Elements that styles set apart, even without a space in the source."""
_SENTENCE = lazy_regex(r"\w{2,}\s+\w+[.!?…][\"'”’»)]*\s*$|[。！？।]\s*$")
# The end of a dateline: "(Reuters) -", "--", ") -", "/PRNewswire/".
_DATELINE = lazy_regex(r"^[\s)\]]*(?:\([^()]{2,40}\)\s*)?(?:[-–—]|/\w)")


@dataclass(frozen=True, slots=True)
class _TextLine:
    """A line of text, which ends at a block-level element or a line break. `before` are the words before it, which may
    be a label; "" if they are too long for one. `block` is the element that it is in.
    """

    text: str
    before: str
    block: Element


def _line_of(el: Element) -> _TextLine | None:
    """Returns the text of an element as one line; None if it is too long."""
    text = _short_line(el)
    return None if text is None else _TextLine(text, words_before(el), el)


def _short_line(el: Element) -> str | None:
    """Returns the text of an element as one line; None if it is too long. Reading stops at the limit, because nested
    elements would otherwise be read again and again.
    """
    length = 0
    for text in el.itertext():
        length += len(text.strip())
        if length > _TEXT:
            return None
    return element_line(el)


def words_before(el: Element) -> str:
    """Returns the last words of a short text before an element, which may be the label of its date; "" if there is
    none.
    """
    at: Element | None = el
    for _ in range(6):
        assert at is not None
        previous, parent = at.getprevious(), at.getparent()
        if previous is not None:
            text = (previous.tail or "").strip() or _short_line(previous)
        elif parent is None or parent.tag in ("body", "main", "article"):
            return ""
        else:
            text = (parent.text or "").strip()
        if text is None or text:
            return "" if text is None or len(text) >= 2 * _LABEL_LENGTH else text[-_LABEL_LENGTH:]
        at = previous if previous is not None else parent
    return ""


class _LinesOfBlocks:
    """The lines of text in the block-level elements of a page. Each element is split into lines only once."""

    def __init__(self) -> None:
        self._lines: dict[Element, list[str]] = {}

    def line_with(self, el: Element, text: str) -> _TextLine | None:
        """Returns the line of an element's block in which `text` is; None if there is none."""
        block = el
        while block.tag in _INLINE and (parent := block.getparent()) is not None:
            block = parent
        if block not in self._lines:
            self._lines[block] = [line for line in map(clean_text, _split_lines(block)) if line]
        part, previous = clean_text(text), None
        for line in self._lines[block]:
            if part in line:
                before = words_before(block) if previous is None else previous
                return _TextLine(line[: _LINE_LENGTH + 1], before if len(before) <= _LABEL_LENGTH else "", block)
            previous = line
        return None


def _split_lines(block: Element) -> list[str]:
    """Returns the lines of a block-level element, without those of the block-level elements inside it."""
    lines = [""]

    def read(el: Element, depth: int) -> None:
        lines[-1] += el.text or ""
        for child in el:
            if child.tag in _INLINE and depth < 20:
                gap = " " if child.tag in _SEPARATE else ""
                lines[-1] += gap
                read(child, depth + 1)
                lines[-1] += gap
            else:
                lines.append("")
            lines[-1] += child.tail or ""

    read(block, 0)
    return lines


def _is_only_a_date(el: Element, language: str) -> bool:
    """Returns True if an inline element contains a date and hardly anything else."""
    around = text_around_date(_short_line(el) or "", language) if el.tag in _INLINE else None
    return around is not None and len(around[0]) + len(around[1]) <= _ALONE
