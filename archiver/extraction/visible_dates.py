"""Finds the visible dates of a page: near the heading, above it, below the text, and elsewhere."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import cached_property, lru_cache
from itertools import islice, pairwise

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
    plain_date_text,
    relative_time,
    text_around_date,
    visible_date,
)
from archiver.extraction.listing_entries import Entries, is_beside_list, owners_of_elements
from archiver.extraction.normalization import clean_text, element_line, line_up_to
from archiver.extraction.page import Page
from archiver.extraction.post_locator import Post
from archiver.model.items import ListedDate
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import urlkey

# Lines with dates: deciding which one is the day of publication, and which one is the day of the last change.

# At most this many dates of a line are read. A paper has the dates of its submission, revision, acceptance and
# publication.
_DATES = 4
_RIGHTS = lazy_regex(r"©|\(c\)|copyright|all rights reserved|alle rechte|tous droits|版权|著作権", re.IGNORECASE)


def read_dates(
    text: str, language: str, before: str = "", captured_at: datetime | None = None
) -> tuple[Moment | None, Moment | None]:
    """Returns the date of publication and the date of the last change in a line; each is None if the line does not
    contain such a date.

    `before` are the words before the line, which may be a label in a separate element. A date without a label is taken
    for the date of publication. Dates of three kinds do not count: a year in a copyright notice, the day on which a
    paper was submitted or accepted, and the day on which the site was founded. `captured_at` is when the page was
    fetched; it is needed for dates such as "3 hours ago".
    """
    if _RIGHTS.search(text):
        return None, None
    published: Moment | None = None
    modified: Moment | None = None
    rest, label = text, before
    for _ in range(_DATES):
        moment = visible_date(rest, language)
        around = text_around_date(rest, language) if moment is not None else None
        if moment is None or around is None:
            break
        head, rest = around
        meaning = date_label(head) or date_label(label) or ("founded" if FOUNDED_AFTER.match(rest) else "")
        if not meaning and modified is None and not visible_date(rest, language) and _is_called_change(rest):
            meaning = "modified"
        if meaning == "modified":
            modified = modified or moment
        elif meaning not in _OTHER_DAYS:
            published = published or moment
        label = ""
        if published and modified:
            break
    if published is None and modified is None and captured_at is not None:
        return _relative_date(text, before, captured_at)
    return published, modified


def _relative_date(text: str, before: str, captured_at: datetime) -> tuple[Moment | None, Moment | None]:
    """Parses a line such as "3 hours ago"; `before` is the line before it, which may be its label. Returns a pair like
    that of `read_dates`: (date of publication, None) or, if a label says so, (None, date of the last change).
    """
    moment = relative_time(text, captured_at)
    return (None, moment) if (date_label(text) or date_label(before)) == "modified" else (moment, None)


@lru_cache(maxsize=4_096)
def date_label(text: str) -> str:
    """Returns what the last label in a text says about the date after it: "published", "modified", "sent" (a paper was
    sent to its journal) or "founded" (the site was); "" if there is no label.
    """
    if not text:
        return ""
    of = {name: max((m.end() for m in pattern.finditer(text)), default=-1) for name, pattern in _LABELS}
    name = max(of, key=lambda n: of[n])
    return name if of[name] >= 0 else ""


_LABELS = (("published", PUBLISHED), ("modified", MODIFIED), ("sent", SENT), ("founded", FOUNDED_BEFORE))
_OTHER_DAYS = frozenset(("sent", "founded"))


def _is_called_change(tail: str) -> bool:
    """Returns True if `tail`, the words after a date, say that it is the date of the last change: "12 May 2020
    (updated)", "2020-05-12 更新".
    """
    return bool(MODIFIED.match(tail.lstrip(" ()[]|·–—-,:.")))


_NAME_HINTS = lazy_regex("dat|time|publish|posted|fecha|ngay|thoi|tarih|tang|waktu|temp|hora|jour|shij|riqi|zeit")
"""Matches parts of words, in lower case. Every class or id that `_NAMED` matches contains one of them, so this is a
quick first check."""
# Matches the class or id of the date of an event, of the day on which the page is shown, and of the line of a picture.
_NOT_PUBLICATION = lazy_regex(
    r"(?:^|[\s_-])(?:events?|countdown|deadline|expir\w*|birthday|today|current-?(?:date|time)|(?:date|time)-?(?:now|today)|"
    r"server-?time|(?:wp-|photo-?|image-?|picture-?|img-?)?captions?)(?=$|[\s_-])",
    re.IGNORECASE,
)
_QUOTING = frozenset(("blockquote", "figcaption", "caption"))
_DEPTH_OF_EVENT = 2  # the class of an event is on the element with its date, or on the parent of that element
_DIGIT = lazy_regex(r"[\d年]")
_LOOKS = lazy_regex(r"(?<!\d)\d{4}(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2}(?!\d)|[〇一二三四五六七八九]年")
_UNREAD = frozenset(("script", "style", "noscript", "template", "option", "select", "textarea", "title", "meta", "code",
                     "pre", "button", "head", "html"))  # fmt: skip
_ATTRIBUTES = ("datetime", "data-datetime", "data-date", "data-time", "data-timestamp", "data-published", "content")
_SHORTEST, _MAX_LENGTH, _ALONE = 5, 160, 24
_NEAR, _ABOVE, _EDGE, _CLOSE, _FARTHEST = 90, 45, 14, 12, 400
_TEXT, _MAX_COUNT, _HOLDERS, _LISTED = 400, 80, 300, 3
_CLOSE_TEXT, _NEAR_TEXT = 300, 1_500
"""A date is close to the heading, or near it, only if at most this many characters of text are between them."""

# The confidence of a date by its position. The first number is for a date with a label, in <time>, or in an element
# with a date class. The second one is for a date that is the only text on its line.
_TRUST = {
    "near": (0.74, 0.7),
    "above": (0.66, 0.62),
    "edge": (0.52, 0.42),
    "meta": (0.72, 0.64),
    "after": (0.52, 0.4),
    "far": (0.4, 0.3),
}


_IN_SIDEBAR = 0.36
"""The confidence of a date in a sidebar. Such a date counts only if a label says that it is the day of publication."""
_SURER_IF_LABELLED, _SURER_IF_FIRST, _LESS_IF_LINKED = 0.06, 0.02, 0.3
_DAY_OF_FIRST, _ROOM_FOR_DATE, _PREPOSITION = 0.815, 60, 4
"""The confidence of the day in "originally published on 26 September 2019", wherever it is: above that of a byline. The
date is within `_ROOM_FOR_DATE` letters after such words, and a preposition before it has at most `_PREPOSITION`."""
_LISTED_LINKS = 5


@dataclass(frozen=True, slots=True)
class VisibleDate:
    """A date that readers see on the page.

    - `where`: its position relative to the post, a key of `_TRUST`.
    - `meaning`: "published" or "modified".
    - `labelled`: True if a label gives this meaning.
    """

    moment: Moment
    element: Element
    where: str
    meaning: str
    labelled: bool
    confidence: float


class _Places:
    """Finds where an element is relative to the post, by the order of elements in the document: near or above its
    heading, inside or after its body, or elsewhere.

    It must not refer to the post, which refers to it: reference counting alone would never free the two.
    """

    def __init__(self, page: Page, post: Post) -> None:
        order = page.index.order
        self.order = order
        known = [e for e in (post.title, post.body) if e is not None]
        self.around_post = frozenset((*known, *(outer for e in known for outer in e.iterancestors())))
        self.title = order.get(post.title, -1) if post.title is not None else -1
        heads = page.index.tag("h1")
        if self.title < 0 and heads:
            self.title = order[heads[0]]
        title = element_line(post.title) if len(heads) > 1 else ""
        # Some pages contain a copy of the heading for each width of the screen.
        self.copies = [order[h] for h in heads if title and h is not post.title and element_line(h) == title]
        self.body = order.get(post.body, -1) if post.body is not None else -1
        self.end = page.index.end(post.body) - 1 if post.body is not None else -1
        self.page = page
        self._ends: tuple[int, int] | None = None

    def ends_of_text(self) -> tuple[int, int]:
        """Returns two positions in the document: elements after the heading are close to it up to the first, and near
        it up to the second. They depend on the amount of text after the heading. On a page whose body is unknown, the
        text is taken to begin near the heading, too.
        """
        if self._ends is None:
            self._ends = _ends_of_text(self.page, self.title, (_CLOSE_TEXT, _NEAR_TEXT))
        return self._ends

    def is_close(self, el: Element) -> bool:
        """Returns True if an element is so close to the heading that its date belongs to the post even without a class
        for dates.
        """
        n = self.order.get(el, 0)
        if self.title >= 0 and -_CLOSE <= n - self.title <= _CLOSE:
            return n < self.ends_of_text()[0]
        return any(-_CLOSE <= n - at <= _CLOSE for at in self.copies)

    def position_of(self, el: Element) -> str:
        """Returns where an element is: "near" (the heading), "above" (the heading), "edge" (the start or end of the
        body), "in" (the body), "after" (the body), or "far".
        """
        n = self.order.get(el, 0)
        inside = self.body >= 0 and self.body < n <= self.end
        if self.title >= 0 and not (inside and self.body > self.title) and (place := self._by_heading(n)):
            return place
        if any(0 <= n - at <= _CLOSE for at in self.copies):
            return "near"
        if inside:
            return "edge" if n - self.body <= _EDGE or self.end - n <= _EDGE else "in"
        return "after" if 0 <= self.body <= n <= self.end + _NEAR else "far"

    def around_heading(self, length: int) -> tuple[int, int]:
        """Returns the range of positions of the elements around the heading, as (first, end); (0, 0) if there is no
        heading. `length` is the number of elements on the page.
        """
        if self.title < 0:
            return 0, 0
        last = max(self.title + _NEAR, min(self.body, self.title + _FARTHEST))
        return max(0, self.title - _ABOVE), min(last + 1, length)

    def start_of_text(self) -> tuple[int, int]:
        """Returns the range of positions, as (first, end), from the heading to the start of the text after it; (0, 0)
        if there is no heading.
        """
        if self.title < 0:
            return 0, 0
        if self.body > self.title:
            return self.title, min(self.body, self.title + _FARTHEST) + _EDGE + 1
        return self.title, self.ends_of_text()[0]

    def _by_heading(self, n: int) -> str:
        ahead = n - self.title
        if ahead >= 0 and (n < self.body or (ahead <= _NEAR and n < self.ends_of_text()[1])):
            return "near"
        return "above" if -_ABOVE <= ahead < 0 else ""


def _ends_of_text(page: Page, title: int, lengths: tuple[int, int]) -> tuple[int, int]:
    """Returns the two positions at which the text after a heading exceeds the two `lengths`, in characters. `title` is
    the position of the heading. Looks no further than `_NEAR` elements.
    """
    first, second = lengths
    ends, length = [title + _NEAR + 1] * 2, 0
    elements, texts = page.index.elements, page.index.texts
    for n in range(title + 1, min(title + _NEAR + 1, len(elements))) if title >= 0 else ():
        if length > first and ends[0] > n:
            ends[0] = n
        if length > second:
            ends[1] = n
            break
        if elements[n].tag not in _UNREAD:
            text, tail = texts[elements[n]]
            length += len(text.strip()) + len(tail.strip())
    return ends[0], ends[1]


def visible_dates(page: Page, post: Post, language: str, *, near: bool = False) -> list[VisibleDate]:
    """Returns the visible dates that may be the post's, most likely first, without those in comments, sidebars and
    other posts. If `near` is True, only the elements around the heading are read.
    """
    places = _Places(page, post)
    found: list[VisibleDate] = []
    taken: set[Element] = set()
    days: dict[tuple[str, str], set[date]] = defaultdict(set)
    read = 0
    for el in _holders(post, places, near):
        holder = _read_holder(el, places, post) if el not in taken else None
        if holder is None:
            continue
        read += 1
        for one in _dates_in_holder(page, holder, language):
            found.append(one)
            days[_list_signature(el)].add(one.moment.day)
            taken.update(el.iter("*"))
        if read >= _MAX_COUNT:
            break
    listed = {signature for signature, different in days.items() if len(different) >= _LISTED}
    kept = (
        _lower_if_linked(page, one)
        for one in found
        if _list_signature(one.element) not in listed or (one.where == "near" and not _is_list_item(one.element))
    )
    return sorted(kept, key=lambda s: -s.confidence)


@dataclass(frozen=True, slots=True)
class _Holder:
    """An element with a date in its text.

    - `where`: its position relative to the post, a key of `_TRUST`, or "in" (in the body).
    - `named`: True if its tag, class or id is one for dates.
    - `is_relative`: True if one of its own texts is only a relative time, such as "3 days ago", and it is between the
      heading and the start of the text.
    """

    element: Element
    text: str
    where: str
    named: bool
    in_sidebar: bool
    is_relative: bool


def _read_holder(el: Element, places: _Places, post: Post) -> _Holder | None:
    """Returns the element as a `_Holder`, with its text and position; None if a date in it cannot be the post's."""
    where = places.position_of(el)
    if where in ("edge", "in") and post.in_meta_block(el):
        where = "meta"
    in_sidebar = post.is_noise(el) and (
        not (places.is_close(el) or (where == "near" and _is_small_aside(el))) or post.is_beside_main(el)
    )
    if _reason_of_place(el, places):
        return None
    text = _short_line(el)
    if text is None or (len(text) > _MAX_LENGTH and (where == "in" or not date_label(text[:40]))):
        return None
    is_labelled = in_sidebar and date_label(_words_before(el) + " " + text[:30]) == "published"
    if in_sidebar and (not is_labelled or post.is_beside_main(el)):
        return None
    named = el.tag == "time" or any(map(names_a_date, _names(el))) or _is_dated_abbreviation(el)
    return _Holder(el, text, where, named, in_sidebar, not named and _is_relative(el, places))


def _is_dated_abbreviation(el: Element) -> bool:
    """Returns True for the time of old microformats: <abbr title="2011-08-25T01:40:40Z">1 hour ago</abbr>."""
    return el.tag == "abbr" and machine_date(el.get("title")) is not None


def _is_relative(el: Element, places: _Places) -> bool:
    first, last = places.start_of_text()
    own = (el.text, *(child.tail for child in el))
    return first <= places.order.get(el, 0) < last and any(is_relative_time(text) for text in own if text)


def _lower_if_linked(page: Page, one: VisibleDate) -> VisibleDate:
    """Returns the date, with a lower confidence if it is in a link to another page. Such a link may be an entry in a
    list that names posts without a title by their dates. Near the heading, the confidence is lowered only in a list of
    links.
    """
    if (one.where != "near" or _is_in_list_of_links(one.element)) and _is_linked_elsewhere(page, one.element):
        return replace(one, confidence=one.confidence - _LESS_IF_LINKED)
    return one


def _holders(post: Post, places: _Places, near: bool) -> list[Element]:
    """Returns the elements that may contain a date, because they are <time>, or because of their class, their id or
    their own text. Outer elements precede inner ones. If `near` is True, returns only elements around the heading.
    """
    index = post.page.index
    begin, end = places.around_heading(len(index.elements)) if near else (0, len(index.elements))
    if near:
        around = index.elements[begin:end]
        found = {
            e: index.order[e]
            for e in around
            if e.tag == "time" or _is_dated_abbreviation(e) or any(map(names_a_date, _names(e)))
        }
    else:
        found = {
            e: index.order[e]
            for name in index.classes_with(_NAME_HINTS)
            if names_a_date(name)
            for e in index.with_class(name)[:40]
        }
        found.update((e, index.order[e]) for e in index.tag("time")[:60])
        found.update((e, index.order[e]) for e in index.tag("abbr")[:60] if machine_date(e.get("title")))
    dated: list[tuple[Element, str]] = []
    first, last = places.start_of_text() if post.page.captured_at is not None else (0, 0)
    has_digit, looks_absolute = _DIGIT.search, _LOOKS.search

    def looks(text: str) -> bool:
        return looks_absolute(text) is not None or (first <= n < last and is_relative_time(text))

    for n, (text, tail) in enumerate(islice(index.texts.values(), begin, end), begin):
        # Most texts are white space between elements.
        if _SHORTEST < len(text) <= _MAX_LENGTH and not text.isspace() and has_digit(text) and looks(text):
            dated.append((index.elements[n], text))
        if _SHORTEST < len(tail) <= _MAX_LENGTH and not tail.isspace() and has_digit(tail) and looks(tail):
            holder = index.elements[n].getparent()
            if holder is not None:
                dated.append((holder, tail))
    for el, _ in dated:
        found.setdefault(el, index.order.get(el, 0))
    if not near:
        post.answers["dated texts"] = places, dated
    many = sorted(found.items(), key=lambda p: p[1])
    if len(many) > _HOLDERS:
        many = sorted(sorted(many, key=lambda p: abs(p[1] - places.title))[:_HOLDERS], key=lambda p: p[1])
    return [e for e, _ in many if e.tag not in _UNREAD and e.tag != "body"]


def _names(el: Element) -> list[str]:
    return f"{el.get('class') or ''} {el.get('id') or ''}".split()


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


def _dates_in_holder(page: Page, holder: _Holder, language: str) -> list[VisibleDate]:
    """Returns the dates in an element if they belong to the post (see `_is_of_post`), otherwise []."""
    el, text = holder.element, holder.text
    before = _words_before(el)
    published, modified = read_dates(text, language, before)
    if published is None and modified is None:
        published, modified = _date_in_attribute(el, date_label(text) or date_label(before), language)
    if published is None and modified is None and (holder.named or holder.is_relative):
        published, modified = read_dates(text, language, before, page.captured_at)
    published = _with_time_of_attribute(el, published)
    label = date_label(before) or date_label(text)
    if not _is_of_post(holder, label, language):
        return []
    strong, weak = _TRUST.get(holder.where, (0.5, 0.4))
    trust = strong if holder.named or label else weak
    out = []
    if published is not None:
        confidence = trust + (_SURER_IF_LABELLED if label == "published" else 0.0)
        if first := FIRST.search(said := f"{before} {text}"):
            confidence = max(
                confidence + _SURER_IF_FIRST, _DAY_OF_FIRST if _precedes_date(said[first.end() :]) else 0.0
            )
        out.append(VisibleDate(published, el, holder.where, "published", bool(label), confidence))
    if modified is not None:
        confidence = trust + (_SURER_IF_LABELLED if label == "modified" else 0.0)
        out.append(VisibleDate(modified, el, holder.where, "modified", bool(label), confidence))
    return [replace(one, confidence=_IN_SIDEBAR) for one in out] if holder.in_sidebar else out


def _precedes_date(text: str) -> bool:
    """Returns True if a text begins with a date, perhaps after a word such as "on"."""
    around = text_around_date(text[:_ROOM_FOR_DATE])
    return around is not None and len(around[0].strip(" :：")) <= _PREPOSITION


def _with_time_of_attribute(el: Element, shown: Moment | None) -> Moment | None:
    """Returns the date that an element shows (`shown`, None for none). If this is only a day, and the element is or
    contains exactly one <time> whose attribute adds a time of day, returns the time in the attribute.
    """
    if shown is None or shown.precision != "day":
        return shown
    times = list(islice(el.iter("time"), 2))
    declared = machine_date(times[0].get("datetime")) if len(times) == 1 else None
    if declared is None or declared.precision == "day" or declared.day != shown.day:
        return shown
    return declared if declared.zoned or declared.at.time() != time.min else shown


def _date_in_attribute(el: Element, label: str, language: str) -> tuple[Moment | None, Moment | None]:
    """Returns the date in an element's attribute as a pair like that of `read_dates`: (date of publication, date of the
    last change). `label` decides which of the two it is, and the other is None.
    """
    moment = date_of_attributes(el, language)
    if label in _OTHER_DAYS:
        return None, None
    return (None, moment) if label == "modified" else (moment, None)


def date_of_attributes(el: Element, language: str) -> Moment | None:
    """Returns the date in an attribute of an element, such as the `datetime` or the tooltip of "3 hours ago"; None if
    there is none.
    """
    moment = next((m for a in _ATTRIBUTES if (v := el.get(a)) and (m := machine_date(v))), None)
    return moment or visible_date(el.get("title") or "", language)


def _is_of_post(holder: _Holder, label: str, language: str) -> bool:
    """Returns True if a date belongs to the post. The date must have a label, be in an element whose tag, class or id
    is one for dates, be in a meta block (a line with date, authors and terms), or be the only text on its line.

    A date within the body belongs to the post only if it has a label and its line is short.
    """
    if holder.where == "in" and not (label and len(holder.text) < 100):
        return False
    if holder.named or label or holder.where == "meta":
        return True
    around = text_around_date(holder.text, language)
    return around is None or len(around[0]) + len(around[1]) <= _ALONE


def _words_before(el: Element) -> str:
    """Returns the last words of a short text before an element, which may be the label of its date; "" if there is
    none.
    """
    at = el
    for _ in range(6):
        previous = at.getprevious()
        if previous is not None:
            text = (previous.tail or "").strip() or _short_line(previous)
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


def _is_small_aside(el: Element) -> bool:
    """Returns True if an element is in a short <aside> without a class, such as a line with the post's date."""
    aside = next(el.iterancestors("aside"), None)
    return aside is not None and not aside.get("class") and len(_short_line(aside) or "x" * _TEXT) < 2 * _MAX_LENGTH


@lru_cache(maxsize=8_192)
def is_other_time_name(names: str) -> bool:
    """Returns True if the classes and ids `names` contain a name for the date of an event, or for the day on which the
    page is shown.
    """
    return bool(_NOT_PUBLICATION.search(names))


# Matches the classes and ids of comments and of lists of other posts.
_REACTIONS = lazy_regex(
    r"(?:^|\s)(?:comments?|comment-?list|comments?-(?:area|section|wrapper|list|block|box)|respond|disqus_thread|"
    r"related(?:-?(?:posts|articles|news|stories))?|reviews)(?=$|\s)",
    re.IGNORECASE,
)


@lru_cache(maxsize=8_192)
def is_reaction_name(names: str) -> bool:
    """Returns True if the classes and ids `names` contain a name for comments or for a list of other posts."""
    return bool(_REACTIONS.search(names))


_OF_FOOTER, _OF_COMMENTS, _OF_QUOTATION = (
    "in the footer or a copyright notice",
    "in comments, a sidebar, a menu or a list of other posts",
    "of a quotation, a picture or an event",
)


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


def _reason_of_place(el: Element, places: _Places) -> str:
    """Returns, as a phrase, why a date in this element is not the post's: it is in the page's footer, in comments or a
    list of other posts, or in a quotation, or it is the date of a picture or of an event. Returns "" if there is no
    such reason.
    """
    if is_time_of_event(el):
        return _OF_QUOTATION
    at: Element | None = el
    depth, is_around = 0, False
    while at is not None:
        if at.tag in _QUOTING:
            return _OF_QUOTATION
        names = f"{at.get('class') or ''} {at.get('id') or ''}"
        is_around = is_around or at in places.around_post
        if len(names) > 1:
            if is_footer_name(names):
                return _OF_FOOTER
            if depth < _DEPTH_OF_EVENT and is_other_time_name(names):
                return _OF_QUOTATION
            if not is_around and is_reaction_name(names):
                return _OF_COMMENTS
        depth += 1
        at = at.getparent()
    return ""


def _is_list_item(el: Element) -> bool:
    return any(e.tag in ("li", "td", "dt", "dd") for e in (el, *islice(el.iterancestors(), 1)))


def _list_signature(el: Element) -> tuple[str, str]:
    """Returns the tag and class of an element and those of its parent. All entries of a list have the same result."""
    parent = el.getparent()
    return f"{el.tag}.{el.get('class') or ''}", (parent.get("class") or parent.tag) if parent is not None else ""


def _is_in_list_of_links(el: Element) -> bool:
    """Returns True if an element is in a list of several items, most of which consist only of a link."""
    item = next((e for e in (el, *islice(el.iterancestors(), 2)) if e.tag == "li"), None)
    items = [] if item is None or (top := item.getparent()) is None else [e for e in top if e.tag == "li"]
    bare = sum(len(e) == 1 and e[0].tag == "a" and not (e.text or e[0].tail or "").strip() for e in items)
    return len(items) >= _LISTED_LINKS and 4 * bare >= 3 * len(items)


def _is_linked_elsewhere(page: Page, el: Element) -> bool:
    """Returns True if an element is part of a link to another page, as on a card for another post."""
    at: Element | None = el
    for _ in range(6):
        if at is None:
            return False
        if at.tag == "a" and (url := page.join(at.get("href"))):
            return url.partition("#")[0].rstrip("/") not in page.addresses
        at = at.getparent()
    return False


# Dates at a second look, for pages on which nothing else shows the date: any line with a date, except for those that
# belong to something else. The reasons against the others are kept as evidence.

_INLINE = frozenset(
    ("a", "abbr", "acronym", "address", "b", "bdi", "big", "center", "cite", "em", "font", "i", "ins", "label", "mark",
     "nobr", "q", "s", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "img", "svg",
     "summary")
)  # fmt: skip
_SEPARATE = frozenset(
    ("a", "abbr", "label", "span", "time")
)  # styles set these apart, even without a space in the source
_HARD_NOISE = lazy_regex(
    r"(?:^|[\s_-])(?:comment\w*|respond|disqus|repl(?:y|ies)|related\w*|recommend\w*|popular|trending|latest|recent|"
    r"most-?\w+|more(?:[-_]\w+|posts?|news|articles?|stories|links?|topics?)|also-?like|archives?|menu|nav\w*|prev\w*|next|sidebar\d*|"
    r"side|carousel|slider|swiper|ticker|breadcrumbs?|newsletter|subscribe|reviews|ads?|advert\w*|promo|teasers?|cards?|"
    r"tag-?cloud|blogroll|widgets?|modal|popup|cookie\w*)(?=$|[\s_-])",
    re.IGNORECASE,
)
_LINE_LENGTH, _SECOND_LINES, _AROUND, _AFTER_DATE, _REFUSED = 240, 60, 60, 30, 5
# The end of a dateline: "(Reuters) -", "--", ") -", "/PRNewswire/".
_DATELINE = lazy_regex(r"^[\s)\]]*(?:\([^()]{2,40}\)\s*)?(?:[-–—]|/\w)")
# The confidence of a date at a second look: by its position, for any other position, and for an element that does not
# look like a part of the post.
_SECOND_TRUST = {"near": 0.5, "above": 0.48, "edge": 0.46, "meta": 0.46, "after": 0.44}
_SECOND_ELSEWHERE, _SECOND_IN_NOISE = 0.37, 0.36


@dataclass(frozen=True, slots=True)
class RefusedDate:
    """A date on the page that is not the post's date. `reason` is a phrase that says why."""

    moment: Moment
    element: Element
    reason: str


def dates_at_second_look(page: Page, post: Post, language: str) -> tuple[list[VisibleDate], list[RefusedDate]]:
    """Returns the dates on all lines of a page that may be the post's, and the other dates with the reasons why they
    are not. It is used if no other date is certain enough.

    `visible_dates` must have been called before, since it stores the texts that look like dates.
    """
    lines = _LinesOfBlocks()
    places: _Places
    dated: list[tuple[Element, str]]
    places, dated = post.answers.get("dated texts") or (_Places(page, post), [])
    found: list[tuple[VisibleDate, tuple[str, str]]] = []
    refused: list[RefusedDate] = []
    days: dict[tuple[str, str], set[date]] = defaultdict(set)
    seen: set[tuple[Element, str]] = set()
    for el, text in dated:
        line = lines.line_with(el, text) if el.tag not in _UNREAD else None
        if line is None or (el, line.text) in seen or len(seen) >= _SECOND_LINES:
            continue
        seen.add((el, line.text))
        published, modified = read_dates(line.text, language, line.before)
        if published is None and modified is None and places.position_of(el) in ("near", "above"):
            published = parse_month_and_year(line.text, language)
        moment = published or modified or visible_date(line.text, language)
        if moment is None:
            continue
        reason = _reason_against(post, places, el, line, language)
        if not reason and published is None and modified is None:
            reason = "labelled as the date of something else"
        if reason:
            refused.append(RefusedDate(moment, el, reason))
            continue
        days[_list_signature(el)].add(moment.day)
        meaning = "published" if published is not None else "modified"
        found.append((_second_date(moment, meaning, el, places, post), _list_signature(el)))
    listed = {signature for signature, different in days.items() if len(different) >= _LISTED}
    kept: list[VisibleDate] = []
    for one, signature in found:
        if signature in listed and (one.where not in ("near", "above") or _is_list_item(one.element)):
            refused.append(RefusedDate(one.moment, one.element, "one of several in a list"))
        else:
            kept.append(one)
    return sorted(kept, key=lambda d: -d.confidence), refused[:_REFUSED]


@dataclass(frozen=True, slots=True)
class _TextLine:
    """A line of text as readers see it. It ends at a block-level element or a line break. `before` is the previous
    line, which may be a label; "" if it is too long for one.
    """

    text: str
    before: str


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
        part = clean_text(text)
        for n, line in enumerate(self._lines[block]):
            if part in line:
                before = self._lines[block][n - 1] if n else _words_before(block)
                return _TextLine(line[: _LINE_LENGTH + 1], before if len(before) < 40 else "")
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


def _reason_against(post: Post, places: _Places, el: Element, line: _TextLine, language: str) -> str:
    """Returns, as a phrase, why the date of a line is not the post's; "" if there is no reason against it."""
    page = post.page
    if _RIGHTS.search(line.text):
        return _OF_FOOTER
    if reason := _reason_of_place(el, places):
        return reason
    if any(_is_certain_noise(e, post) for e in _around(el, places)):
        return _OF_COMMENTS
    if _is_linked_elsewhere(page, el):
        return "in a link to another page"
    head, tail = text_around_date(line.text, language) or ("", "")
    if len(head) <= _AROUND and "published" in (date_label(head), date_label(tail[:_AFTER_DATE])):
        return ""  # "This entry was posted on ...", "Dieser Beitrag wurde am ... veröffentlicht"
    if (len(head) + len(tail) <= _AROUND or _is_only_a_date(el, language)) and not _SENTENCE.search(line.text):
        return ""
    words = [word for word in head.split() if word[0].isalpha()]
    is_dateline = len(head) <= 40 and not any(word[0].islower() for word in words) and _DATELINE.search(tail)
    return "" if is_dateline else "in a sentence of the text"


def _is_only_a_date(el: Element, language: str) -> bool:
    """Returns True if an inline element contains a date and hardly anything else."""
    if el.tag not in _SEPARATE and el.tag not in ("font", "small"):
        return False
    around = text_around_date(_short_line(el) or "", language)
    return around is not None and len(around[0]) + len(around[1]) <= _ALONE


_SENTENCE = lazy_regex(r"\w{2,}\s+\w+[.!?…][\"'”’»)]*\s*$|[。！？।]\s*$")


def _is_certain_noise(el: Element, post: Post) -> bool:
    """Returns True if an element is certainly not part of the post: navigation, a form, the footer of the page, or an
    element with an unmistakable class. An element that only looks like noise may contain the post's date.
    """
    if el.tag in ("nav", "form") or (el.tag == "footer" and post.is_noise(el)):
        return True
    return _is_noise_name(" ".join(_names(el)))


@lru_cache(maxsize=8_192)
def _is_noise_name(names: str) -> bool:
    return bool(_HARD_NOISE.search(names.replace("elementor-widget", "")))


def _around(el: Element, places: _Places) -> Iterator[Element]:
    """Yields an element and the elements around it that contain neither the heading nor the body, from the inner to the
    outer.
    """
    at: Element | None = el
    while at is not None and at not in places.around_post and at.tag not in ("body", "main", "article"):
        yield at
        at = at.getparent()


def _second_date(moment: Moment, meaning: str, el: Element, places: _Places, post: Post) -> VisibleDate:
    where = places.position_of(el)
    trust = _SECOND_IN_NOISE if post.is_noise(el) else _SECOND_TRUST.get(where, _SECOND_ELSEWHERE)
    return VisibleDate(moment, el, where, meaning, False, trust)


# The dates that a list of posts shows beside the links to its entries.

_FEWEST_ENTRIES, _MOST_ENTRIES, _ENTRY_CLIMB = 3, 2_000, 6
_LINE, _SHORT_LINE, _PROSE = 60, 24, 25
"""A line with the date of an entry has at most `_LINE` characters, or `_SHORT_LINE` if the date has no year. A link is
in a sentence if there are more than `_PROSE` letters beside it, not counting its date."""
_TEXT = 300
_DIGIT = lazy_regex(r"\d")
_PAST = 0.8  # at least this share of the dates in a list of posts is in the past; a list of events has later ones
_IN_ORDER = 0.9
_NO_LIST_OF_POSTS = lazy_regex(
    r"(?:^|/)(?:change-?logs?|changes|releases?|release-notes|events?|calendar|agenda|downloads?)(?:\.\w+)?/?$",
    re.IGNORECASE,
)
_VERSION = lazy_regex(r"\W*(?:v|version|release)?\s*\d+(?:\.\d+)+", re.IGNORECASE)
_YEAR = lazy_regex(r"\W*((?:19|20)\d\d)\s*[年년]?\W*")
_YEAR_MONTH = lazy_regex(r"\W*((?:19|20)\d\d)(?:\s*[年년]\s*|[-/.])(\d{1,2})\s*[月월]?\W*")
_MONTH_YEAR = lazy_regex(r"\W*(\d{1,2})[-/.]((?:19|20)\d\d)\W*")
_TWO_NUMBERS = lazy_regex(r"\W*(\d{1,2})/(\d{2})\W*")
_DAY_ONLY = lazy_regex(r"\W*(\d{1,2})(?:\.|st|nd|rd|th|日|일)?\W*")
_MONTH_DAY = lazy_regex(r"\W*(\d{1,2})-(\d{1,2})\W*")
_DAY_AND_MONTH = lazy_regex(r"\W*(\d{1,2})([/.])(\d{1,2})[/.]?\W*")
_MONTH_AND_DAY = lazy_regex(r"\W*(\d{1,2})\s*[月월]\s*(\d{1,2})\s*[日일]?\W*")


_NO_NUMBERS = (0, 0)
_Date = tuple[str, tuple[int, int]]  # `date` and `numbers` of an entry


@dataclass(frozen=True, slots=True)
class _DatedEntry:
    """An entry of a list with the date beside its link.

    - `address`: the address to which the link leads.
    - `date`: the day, month or year that is shown, in ISO 8601.
    - `place`: the tag of the element that holds both, and whether the date is in, before or after the link. It is the
      same for all entries of a list.
    - `numbers`: two numbers such as "01/24", whose meaning only the whole list shows; `date` is then "".
    - `title`: the text of the link without the date.
    """

    address: str
    place: tuple[str, str]
    date: str
    numbers: tuple[int, int]
    title: str = ""


def dates_of_entries(page: Page, entries: Entries, *, is_continued: bool = False) -> dict[str, str]:
    """Returns the dates that a list of posts shows beside its links, by the address of the post: the day, the month or
    the year, as it shows them ("2024-05-07", "2024-05", "2024"). Returns {} if the page contains no such list.

    `entries` are all links that may lead to posts. A list has several of them, each with its own date at the same
    place, which may complete a year or a month in the heading above. `is_continued` is True if the page continues a
    list, so that few entries may be left for it.
    """
    if _NO_LIST_OF_POSTS.search(page.path) or len(entries) < (1 if is_continued else _FEWEST_ENTRIES):
        return {}
    entries = entries[:_MOST_ENTRIES]
    reader = _EntryReader(page, entries)
    lists: dict[tuple[str, str], dict[str, _DatedEntry]] = defaultdict(dict)
    for link, address in entries:
        for one in reader.read(link, address):
            lists[one.place].setdefault(address, one)
    dates: dict[str, str] = {}
    latest = (page.captured_at or datetime.now(UTC)).date().isoformat()
    # Between two entries of a list that has no element for each entry, a date may belong to either. Before the first
    # entry or after the last one there is none then, so the longer list is the right one.
    for entries_of_one in sorted(lists.values(), key=len, reverse=True):
        for address, day in _dates_of_list(list(entries_of_one.values()), latest, is_continued=is_continued).items():
            dates.setdefault(address, day)
    return dates


def listed_dates(page: Page, entries: Entries, *, is_continued: bool = False) -> tuple[ListedDate, ...]:
    """Returns the dates that a page shows beside its links, by the urlkey of the post (see `dates_of_entries`)."""
    dates = dates_of_entries(page, entries, is_continued=is_continued)
    return tuple(ListedDate(urlkey(address), date) for address, date in dates.items())


def _dates_of_list(found: list[_DatedEntry], latest: str, *, is_continued: bool) -> dict[str, str]:
    """Returns the dates of the entries of one list by address; {} if it is not a list of posts. `latest` is the day of
    the capture.
    """
    if sum(bool(_VERSION.match(one.title)) for one in found) * 2 >= len(found):
        return {}
    dates = {one.address: one.date for one in found if one.date} | _months(
        [one for one in found if not one.date], latest
    )
    past = {address: day for address, day in dates.items() if day[:10] <= latest}
    is_short = len(past) < _FEWEST_ENTRIES or len(set(past.values())) < 2
    return {} if (is_short and not is_continued) or len(past) < _PAST * len(dates) else past


def _months(found: list[_DatedEntry], latest: str) -> dict[str, str]:
    """Returns the months of entries dated like "01/24", by address. All of the numbers must be possible as month and
    year, and the list must be in the order of these months. Otherwise they may be days and months, and the result is
    {}.
    """
    now = int(latest[:4])
    months = [
        f"{year if (year := now - now % 100 + short) <= now else year - 100}-{month:02}"
        for month, short in (one.numbers for one in found)
        if 1 <= month <= 12
    ]
    pairs = list(pairwise(months))
    ordered = max(sum(a >= b for a, b in pairs), sum(a <= b for a, b in pairs))
    if len(months) < max(_FEWEST_ENTRIES, len(found)) or ordered < _IN_ORDER * len(pairs) or len(set(months)) < 2:
        return {}
    return {one.address: month for one, month in zip(found, months, strict=True)}


class _EntryReader:
    """Reads the dates beside the links of a page that may lead to posts."""

    def __init__(self, page: Page, entries: Entries) -> None:
        self._page, self._language = page, page.date_language
        self._owners = owners_of_elements(entries)
        self._with_digits = self._elements_with_digits()
        self._beside: dict[Element, bool] = {}

    def _elements_with_digits(self) -> set[Element]:
        """Returns the elements that contain a short text with digits or a <time>, and the nearest elements around them.
        Only these can contain a date.
        """
        out: set[Element] = set()
        has_digit = _DIGIT.search
        for el, (own, tail) in self._page.index.texts.items():
            at: Element | None
            if el.tag == "time" or (own and len(own) < _TEXT and has_digit(own)):
                at = el
            elif tail and len(tail) < _TEXT and has_digit(tail):
                at = el.getparent()
            else:
                continue
            for _ in range(2 * _ENTRY_CLIMB):
                if at is None or at in out:
                    break
                out.add(at)
                at = at.getparent()
        return out

    def read(self, link: Element, address: str) -> list[_DatedEntry]:
        """Returns the entry of a link with the date beside it. Returns two entries if there is a date on each side, []
        if there is none, if the link is in a sentence, or if it is outside the list of posts, for example in a menu.

        The date is searched in the link, and then beside it, within the elements that contain no link to another post.
        If there is no such element, as in lines that end with <br>, it is searched up to the next links.
        """
        if self._with_digits.isdisjoint(islice(link.iterancestors(), _ENTRY_CLIMB)) or is_beside_list(
            link, self._beside
        ):
            return []
        text = element_line(link)
        inside = self._date_in_link(link, text) if link in self._with_digits else None
        if inside is not None:
            return [replace(inside, address=address)]
        if sum(map(str.isalpha, text)) < 2 or len(text) > 300:
            return []
        at = link
        for _ in range(_ENTRY_CLIMB):
            parent = at.getparent()
            if parent is None:
                break
            is_own = self._owners.get(parent) == address
            found = self._entries(self._lines_beside(at, text), at, str(parent.tag))
            if found and self._is_in_sentence(link):
                return []
            if found or not is_own:
                return [replace(one, address=address, title=text) for one in found]
            at = parent
        return []

    def _lines_beside(self, at: Element, title: str) -> list[tuple[str, list[_Line]]]:
        """Returns the lines beside an element in its parent, by place: "before" and "after" the element, and "in parts"
        for the rest of the parent's text as one line, since a date may be in several elements. `title` is the text of
        the link.
        """
        parent = at.getparent()
        if parent is None or parent not in self._with_digits:
            return []
        places = [("before", list(self._before(at))), ("after", list(self._after(at)))]
        # A date may be in several elements: <b>5</b> <i>May</i> 2024.
        if (
            self._owners.get(parent) is not None
            and (line := self._short_line(parent, len(title) + _LINE + 2)) is not None
        ):
            places.append(("in parts", [_Line(line.replace(title, "", 1).strip())]))
        return places

    def _short_line(self, el: Element, length: int) -> str | None:
        """Returns the text of an element as one line; None if it has more than `length` characters."""
        return element_line(el) if self._page.index.text_length(el) <= length else line_up_to(el, length)

    def _entries(self, places: list[tuple[str, list[_Line]]], at: Element, tag: str) -> list[_DatedEntry]:
        """Returns, for each place beside the element `at`, an entry with the first complete date there. If no place has
        a complete date, incomplete ones are returned.
        """
        for read in (self._complete_date, self._incomplete_date):
            dated = [
                (place, next((d for line in lines if (d := read(line, at)) != ("", _NO_NUMBERS)), None))
                for place, lines in places
            ]
            found = [_DatedEntry("", (tag, place), *date) for place, date in dated if date is not None]
            if found:
                return found
        return []

    def _date_in_link(self, link: Element, text: str) -> _DatedEntry | None:
        """Returns the entry of a link whose text contains the date, in an element of its own or at the beginning; None
        for other links.
        """
        if len(link):
            for el in islice(link.iter("*"), 1, 30):
                line = element_line(el) if el in self._with_digits else ""
                if not line:
                    continue
                title = text.replace(line, "", 1).strip() if line else ""
                if sum(map(str.isalpha, title)) < 2:
                    continue
                if found := self._entries([("in", [_Line(line, el)])], el, "a"):
                    return replace(found[0], title=title)
        around = text_around_date(text, self._language) if len(text) <= 300 else None
        if around is None or around[0].strip() or sum(map(str.isalpha, around[1])) < 2:
            return None
        moment = visible_date(text, self._language)
        if moment is None:
            return None
        return _DatedEntry("", ("a", "start"), moment.day.isoformat(), _NO_NUMBERS, around[1])

    def _before(self, at: Element) -> Iterator[_Line]:
        """Yields the lines before an element, nearest first, up to the link to another post."""
        parent, el = at.getparent(), at.getprevious()
        for _ in range(_ENTRY_CLIMB):
            if el is None:
                break
            yield from _line_of_tail(el)
            if el in self._owners or el.tag == "br" or _is_heading(el):
                return
            yield from self._lines_of(el)
            el = el.getprevious()
        if el is None and parent is not None:
            yield _Line(clean_text(parent.text or ""))

    def _after(self, at: Element) -> Iterator[_Line]:
        el: Element | None = at
        yield from _line_of_tail(at)
        for _ in range(_ENTRY_CLIMB):
            el = el.getnext() if el is not None else None
            if el is None or el in self._owners or el.tag in ("br", "dt", "hr") or _is_heading(el):
                return
            yield from self._lines_of(el)
            yield from _line_of_tail(el)

    def _lines_of(self, el: Element) -> Iterator[_Line]:
        if el not in self._with_digits:
            return
        for inner in islice(el.iter("*"), 12):
            if inner in self._with_digits and len(line := element_line(inner)) <= _LINE:
                yield _Line(line, inner)

    def _complete_date(self, line: _Line, at: Element) -> _Date:
        """Returns the day that a line contains; "" if it contains none, or that of something else, such as the last
        change. The second value is always "no numbers".
        """
        if line.element is not None and (line.element.tag == "time" or line.element.get("datetime")):
            moment = date_of_attributes(line.element, self._language)
            if moment is not None and date_label(line.text) != "modified":
                return moment.day.isoformat(), _NO_NUMBERS
        text = plain_date_text(line.text) if len(line.text) <= _LINE else ""
        around = text_around_date(text, self._language) if any(map(str.isdecimal, text)) else None
        if around is None or date_label(around[0]) not in ("", "published") or _is_called_change(around[1]):
            return "", _NO_NUMBERS
        moment = visible_date(text, self._language)
        return moment.day.isoformat() if moment is not None else "", _NO_NUMBERS

    def _incomplete_date(self, line: _Line, at: Element) -> _Date:
        """Returns what a line consists of, as (date, numbers). The date is a month, a year, or a day that the year in
        the heading above `at` completes; "" if there is none. The numbers are two numbers whose meaning only the whole
        list shows, or zeros.
        """
        text = plain_date_text(line.text) if len(line.text) <= _SHORT_LINE else ""
        if not any(map(str.isdecimal, text)):
            return "", _NO_NUMBERS
        none = _NO_NUMBERS
        if (moment := parse_month_and_year(text, self._language)) is not None:
            return f"{moment.day:%Y-%m}", none
        m, order = _YEAR_MONTH.fullmatch(text), (1, 2)
        if m is None:
            m, order = _MONTH_YEAR.fullmatch(text), (2, 1)
        if m is not None:
            return (f"{m[order[0]]}-{int(m[order[1]]):02}" if 1 <= int(m[order[1]]) <= 12 else ""), none
        if m := _YEAR.fullmatch(text):
            return m[1], none
        if heading := self._heading_above(at):
            return self._day_below(text, heading), none
        m = _TWO_NUMBERS.fullmatch(text)
        return "", (int(m[1]), int(m[2])) if m else none

    def _day_below(self, text: str, heading: str) -> str:
        """Returns the day that a text such as "5 May" means below a heading with its year ("2024") or month
        ("2024-05"); "" if it means none.
        """
        year, _, month = heading.partition("-")
        if month:
            full = f"{year}-{month}-{m[1]}" if (m := _DAY_ONLY.fullmatch(text)) else ""
            moment = visible_date(full, self._language) if full else None
            if moment is not None:
                return moment.day.isoformat()
        if m := _MONTH_DAY.fullmatch(text) or _MONTH_AND_DAY.fullmatch(text):
            full = f"{year}-{m[1]}-{m[2]}"
        elif m := _DAY_AND_MONTH.fullmatch(text):
            full = f"{m[1]}{m[2]}{m[3]}{m[2]}{year}"
        else:
            full = f"{text} {year}"
        moment = visible_date(full, self._language)
        return moment.day.isoformat() if moment is not None and moment.day.year == int(year) else ""

    def _heading_above(self, at: Element) -> str:
        """Returns the year or the month in the nearest heading above an element; "" if there is none."""
        order = self._page.index.order
        n = bisect_left(self._headings, order[at], key=lambda one: one[0])
        return self._headings[n - 1][1] if n else ""

    @cached_property
    def _headings(self) -> list[tuple[int, str]]:
        """The positions of all short lines outside links that consist of a year, or of a month and a year, with what
        they say.
        """
        found = []
        order = self._page.index.order
        for el, (text, _) in self._page.index.texts.items():
            if not text or len(text) > 40 or (text.isascii() and not _DIGIT.search(text)):
                continue
            if el.tag in ("script", "style", "option", "time", "title"):
                continue
            n = order[el]
            text = plain_date_text(text)
            if not any(map(str.isdecimal, text)) and "年" not in text:
                continue
            if m := _YEAR.fullmatch(text):
                found.append((n, m[1]))
            elif m := _YEAR_MONTH.fullmatch(text):
                found.append((n, f"{m[1]}-{int(m[2]):02}"))
            elif (moment := parse_month_and_year(text, self._language)) is not None:
                found.append((n, f"{moment.day:%Y-%m}"))
        return found

    def _is_in_sentence(self, link: Element) -> bool:
        """Returns True if a link is in a sentence, as in a list of the changes to a manual."""
        previous, parent = link.getprevious(), link.getparent()
        before = previous.tail if previous is not None else parent.text if parent is not None else ""
        text = plain_date_text(f"{before or ''} {link.tail or ''}")
        around = text_around_date(text, self._language) or (text, "")
        return sum(map(str.isalpha, "".join(around))) > _PROSE


@dataclass(frozen=True, slots=True)
class _Line:
    """A text beside a link. `element` is the element whose whole text it is, None if it is only a part of one."""

    text: str
    element: Element | None = None


def _line_of_tail(el: Element) -> Iterator[_Line]:
    """Yields the text after an element unless it is blank."""
    if text := clean_text(el.tail):
        yield _Line(text)


def _is_heading(el: Element) -> bool:
    return isinstance(el.tag, str) and re.fullmatch(r"h[1-6]", el.tag) is not None
