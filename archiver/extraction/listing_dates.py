"""Reads the dates that a list of posts shows beside the links to its entries."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice, pairwise

from lxml.etree import _Element as Element

from archiver.extraction.date_parser import (
    parse_month_and_year,
    plain_date_text,
    text_around_date,
    visible_date,
)
from archiver.extraction.listing_entries import Entries, is_beside_list, owners_of_elements
from archiver.extraction.normalization import clean_text, element_line, line_up_to
from archiver.extraction.page import Page
from archiver.extraction.visible_dates import date_label, date_of_attributes, is_change_label
from archiver.model.items import ListedDate
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import urlkey

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
        if around is None or date_label(around[0]) not in ("", "published") or is_change_label(around[1]):
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
