"""One field read by one rule: what learning tries out and what a learned page is read with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.authors import names_of
from archiver.extraction.candidates import Candidate
from archiver.extraction.choose import published
from archiver.extraction.dates import of_element
from archiver.extraction.days.datetext import visible
from archiver.extraction.days.moment import Moment, machine, of_url
from archiver.extraction.page import Page
from archiver.extraction.people.byline import names_of_line
from archiver.extraction.people.names import names
from archiver.extraction.rules import JSON_LD, Rule
from archiver.extraction.scope import text_length
from archiver.extraction.terms.terms import listed, unique
from archiver.extraction.text import clean, line
from archiver.extraction.title import heading, site_names, without_site
from archiver.platforms.expressions import Found

Value = str | tuple[str, ...] | Moment | None
Ask = Callable[[Page, str], list[Found]]
"""How the elements and texts that a selector means are found on a page."""
_MOST = 40
_FEWEST_LETTERS = 25
_LONGEST_BYLINE = 240


def by_parsel(page: Page, selector: str) -> list[Found]:
    """What parsel answers: how a site's rules are read."""
    return page.ask(selector)


def by_index(page: Page, selector: str) -> list[Found]:
    """The same, found by the index where it can: how learning tries out hundreds of selectors."""
    return page.index.answer(selector)


def read_field(page: Page, name: str, rule: Rule, ask: Ask = by_parsel) -> Value:
    """What a rule says on a page: a text (title), a tuple of texts (authors, categories, tags), a moment (dates).

    Empty, or None for a date, where its selectors find nothing that reads as this field. `container` reads the body.
    """
    value = _first(page, name, rule, ask)
    if isinstance(value, Moment) and rule.shown and value.zoned and not value.at.utcoffset():
        day = _first(page, name, Rule(rule.shown), ask)
        if isinstance(day, Moment):
            pair = [Candidate(value, "learned", rule.select[0], 0.9),
                    Candidate(day, "learned", rule.shown[0], 0.7, True)]
            chosen = published(pair, [], of_url(page.path), page.captured_at)
            return chosen.value if chosen else value
    return value


def _first(page: Page, name: str, rule: Rule, ask: Ask) -> Value:
    read, empty = READERS[name]
    for selector in rule.select:
        found = _found(page, selector, rule.attribute, ask)
        if found and (value := read(page, found)):
            return value
    return empty


def _found(page: Page, selector: str, attribute: str, ask: Ask) -> Sequence[Found]:
    """What one selector finds, without blank texts."""
    if selector == JSON_LD:
        return page.data.texts(page.data.article(page.addresses), attribute)
    found = ask(page, selector)
    if attribute:
        found = [one.get(attribute) or "" if not isinstance(one, str) else one for one in found]
    return [one for one in found if not isinstance(one, str) or one.strip()][:_MOST]


def _title(page: Page, found: Sequence[Found]) -> str:
    for one in found:
        if isinstance(one, str):
            if text := without_site(clean(one), site_names(page), urlsplit(page.url).hostname or ""):
                return text
        elif text := heading(one):
            return text
    return ""


def _authors(page: Page, found: Sequence[Found]) -> tuple[str, ...]:
    out: dict[str, str] = {}
    for one in found:
        if not isinstance(one, str) and len(text := line(one)) > _LONGEST_BYLINE:
            if out:
                break  # a rule for the first line meets the text here
            continue
        if isinstance(one, str):
            found_here: Sequence[str] = _names(one)
        elif any(c.isdigit() or c == "@" for c in text):
            if whole := names_of_line(one):
                return tuple(dict.fromkeys(whole))  # a line with a date or handles names all of them
            continue
        else:
            found_here = names_of(one)
        for name in found_here:
            out.setdefault(name.casefold(), name)
    return tuple(out.values())


@lru_cache(maxsize=4_096)
def _names(text: str) -> tuple[str, ...]:
    return tuple(names(text))


def _moment(page: Page, found: Sequence[Found]) -> Moment | None:
    language = page.language or ""
    for one in found[:3]:
        moment = machine(one) or visible(one, language) if isinstance(one, str) else of_element(one, language)[0]
        if moment is not None:
            return moment
    return None


def read_element(page: Page, el: Element) -> Moment | None:
    """The date that a reader sees in an element, whatever its attributes say."""
    text = line(el)
    return visible(text, page.language or "") if len(text) < 80 else None


def container(page: Page, rule: Rule, ask: Ask = by_parsel) -> Element | None:
    """The element that holds the body: the first with some text in it, or a picture."""
    for selector in rule.select:
        for el in ask(page, selector):
            if isinstance(el, str):
                continue
            if next(el.iter("img"), None) is not None or text_length(el) >= _FEWEST_LETTERS:
                return el
    return None


def _terms(page: Page, found: Sequence[Found]) -> tuple[str, ...]:
    return unique(t for one in found for t in (listed([one]) if isinstance(one, str) else (line(one),)))


READERS: dict[str, tuple[Callable[[Page, Sequence[Found]], Value], Value]] = {
    "title": (_title, ""),
    "authors": (_authors, ()),
    "published": (_moment, None),
    "modified": (_moment, None),
    "categories": (_terms, ()),
    "tags": (_terms, ()),
}
