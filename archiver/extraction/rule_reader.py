"""Reads the fields of one page with its site's rules. If a field has no rule, or if its rule finds nothing although
most posts have the field, the field is extracted as on a site without rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from lxml.etree import _Element as Element

from archiver.extraction.authors import author_candidates, names_of_found, people_beside_heading, person_beside_date
from archiver.extraction.bylines import BylineBlock, byline_beside_heading
from archiver.extraction.candidates import (
    best_candidate,
    is_in_future,
    published_evidence,
    resolve_authors,
    resolve_published,
)
from archiver.extraction.categories import listed_categories, terms_of_post
from archiver.extraction.date_candidates import date_of_element, listed_date, modified_candidates, published_candidates
from archiver.extraction.date_parser import Moment, machine_date, url_date, visible_date
from archiver.extraction.listing_addresses import Kind, kind_of_address
from archiver.extraction.normalization import clean_text, element_line, fold_text, has_text
from archiver.extraction.page import Page
from archiver.extraction.page_classifier import Answer, PostLocator
from archiver.extraction.post_locator import Post, post_with_title
from archiver.extraction.site_rules import BYLINE, JSON_LD, NAME_BESIDE_DATE, Rule, SiteRules
from archiver.extraction.term_names import Terms, terms_in_lists, texts_of_links, unique_terms
from archiver.extraction.titles import heading_text, site_names, without_site
from archiver.model.items import Candidate, Evidence, SourceHint, is_from_api
from archiver.model.page_rules import BY_HAND
from archiver.platforms.selector_index import Found, element_selector

# Reading one field with one rule. Both the learning of rules and the reading of pages use this.

Value = str | tuple[str, ...] | Moment | None
Select = Callable[[Page, str], list[Found]]
"""A function that finds the elements and texts that a selector matches on a page."""
Reader = Callable[[Page, Sequence[Found]], Value]
Memory = dict[tuple[Reader, tuple[Found, ...]], Value]
"""A cache of the values that were read from a page. Its keys are pairs: the function that read the value, and what a
selector had found."""
_MAX_FOUND = 40
_MIN_BODY_LENGTH = 25


def select_by_parsel(page: Page, selector: str) -> list[Found]:
    """Returns the elements and strings that parsel finds for a selector on a page. This is how rules are applied to
    pages.
    """
    return page.ask(selector)


def select_by_index(page: Page, selector: str) -> list[Found]:
    """Returns the same as `select_by_parsel`, by means of the page's index if possible. This is faster, and is used
    when hundreds of selectors are tried to learn rules.
    """
    return page.index.answer(selector)


def read_field(
    page: Page, name: str, rule: Rule, select: Select = select_by_parsel, memory: Memory | None = None
) -> Value:
    """Returns the value that a rule finds for the field `name` on a page: a str (title), a tuple of str (authors,
    categories, tags) or a Moment (dates).

    Returns "", () or None if its selectors find nothing that can be read as this field. The body is read with
    `body_container` instead. `select` applies a selector to the page. `memory` caches values between calls, since many
    selectors find the same elements.
    """
    memory = {} if memory is None else memory
    value = _first_value(page, name, rule, select, memory)
    if isinstance(value, Moment) and rule.shown and value.zoned and not value.at.utcoffset():
        day = _first_value(page, name, Rule(rule.shown), select, memory)
        if isinstance(day, Moment):
            pair = [
                Candidate(value, "learned", rule.select[0], 0.9),
                Candidate(day, "learned", rule.shown[0], 0.7, True),
            ]
            chosen = resolve_published(pair, [], url_date(page.path), page.captured_at)
            return chosen.value if chosen else value
    return value


def _first_value(page: Page, name: str, rule: Rule, select: Select, memory: Memory) -> Value:
    read, empty = READERS[name]
    if rule.by_hand and name in ("categories", "tags"):
        read = _read_any_terms  # the person who wrote the rule knows which terms are categories and which are tags
    for selector in rule.select:
        found = tuple(_found(page, selector, rule.attribute, select))
        if not found:
            continue
        if (read, found) not in memory:
            memory[read, found] = read(page, found)
        if value := memory[read, found]:
            return value
    return empty


def _found(page: Page, selector: str, attribute: str, select: Select) -> Sequence[Found]:
    """Returns the elements and texts that a selector finds, without blank texts. `attribute` is the attribute or
    JSON-LD property to read, "" for none.
    """
    if selector == JSON_LD:
        return page.data.texts(page.data.article(page.addresses), attribute)
    found = select(page, selector)
    if attribute:
        found = [one.get(attribute) or "" if not isinstance(one, str) else one for one in found]
    return [one for one in found if not isinstance(one, str) or one.strip()][:_MAX_FOUND]


def _title(page: Page, found: Sequence[Found]) -> str:
    for one in found:
        if isinstance(one, str):
            if text := without_site(clean_text(one), site_names(page), urlsplit(page.url).hostname or ""):
                return text
        elif text := heading_text(one):
            return text
    return ""


def _authors_by_rule(_: Page, found: Sequence[Found]) -> tuple[str, ...]:
    return names_of_found(found)


def _moment(page: Page, found: Sequence[Found]) -> Moment | None:
    language = page.language or ""
    for one in found[:3]:
        moment = (
            machine_date(one) or visible_date(one, language)
            if isinstance(one, str)
            else date_of_element(one, language)[0]
        )
        if moment is not None:
            return moment
    return None


def read_date_element(page: Page, el: Element) -> Moment | None:
    """Returns the date in the visible text of an element, ignoring its attributes; None if there is none."""
    text = element_line(el)
    return visible_date(text, page.language or "") if len(text) < 80 else None


def body_container(page: Page, rule: Rule, select: Select = select_by_parsel) -> Element | None:
    """Returns the element that contains the body: the first selected element with some text, a paragraph or a picture.
    Returns None if no selected element has such content.
    """
    for selector in rule.select:
        for el in select(page, selector):
            if isinstance(el, str):
                continue
            is_filled = has_text(el, _MIN_BODY_LENGTH) or any(map(has_text, el.iterchildren("p")))
            if is_filled or next(el.iter("img"), None) is not None:
                return el
    return None


def _terms_by_rule(other: Kind | None) -> Reader:
    """Returns a function that reads terms of one kind from what a selector found. It leaves out links to listings of
    the `other` kind (None if there is none): a selector such as `a[rel~=tag]` that was learned from posts with tags
    only may find categories on other posts. On a platform with only one kind of terms, nothing is left out.
    """

    def read(page: Page, found: Sequence[Found]) -> Terms:
        has_both = other is not None and bool(page.platform.categories) == bool(page.platform.tags)
        texts: list[str] = []
        for one in found:
            if isinstance(one, str):
                texts += terms_in_lists([one])
            elif not has_both or kind_of_address(one.get("href") or "") != other:
                texts += texts_of_links(one)
        return unique_terms(texts)

    return read


_read_any_terms = _terms_by_rule(None)

READERS: dict[str, tuple[Reader, Value]] = {
    "title": (_title, ""),
    "authors": (_authors_by_rule, ()),
    "published": (_moment, None),
    "modified": (_moment, None),
    "categories": (_terms_by_rule("tag"), ()),
    "tags": (_terms_by_rule("category"), ()),
}
"""For each field, the function that reads its value from what a selector found, and its empty value."""


# A whole page.

_ALWAYS = 0.999  # a rule with at least this coverage found a value on every page from which it was learned
_MOST = 0.5  # if the coverage of a rule is lower than this, most posts of the template do not have the field


@dataclass(frozen=True, slots=True)
class Times:
    """When a post was published and when it was last modified; None if unknown."""

    published: Moment | None
    modified: Moment | None

    @property
    def given(self) -> list[Moment]:
        return [t for t in (self.published, self.modified) if t is not None]


class SiteReader:
    """Reads the fields of one page with its site's rules, and collects evidence for them.

    - `is_strange`: True if a rule that found a value on every sample post finds nothing on this page.
    - `is_whole`: True if the body is the whole text from a feed or API.
    - `top`: the element of the body, once it is known.
    - `answer`: the kind of the page and the rule that decided it, if the page was classified; otherwise None.
    """

    def __init__(
        self, page: Page, rules: SiteRules, hint: SourceHint | None, located: PostLocator | None = None
    ) -> None:
        self.page, self.rules, self.hint = page, rules, hint
        self.located = located or PostLocator(page)
        self.answer: Answer | None = None
        self._is_located_without_rules = False
        self.api = hint if hint is not None and is_from_api(hint) else None
        self.evidence: list[Evidence] = []
        self.is_strange = self.is_whole = False
        self.top: Element | None = None

    @cached_property
    def post(self) -> Post:
        """The post on the page. It is located by the title and body that the rules found, or, if the page was
        classified before, as on a site without rules.
        """
        if self.top is None:
            self._is_located_without_rules = True
            return self.located.post
        return post_with_title(self.page, self._title(), self.top)

    @cached_property
    def beside(self) -> BylineBlock:
        post = self.post
        return self.located.beside if self._is_located_without_rules else byline_beside_heading(self.page, post)

    @cached_property
    def wider(self) -> Post | None:
        """The post on the page as it is located without rules; None if this results in the same elements as `post`.
        What is not found in `post` is searched here, since the footer of a post may be outside the elements that the
        rules find.
        """
        found = self.located.post
        return None if found.holder is self.post.holder and found.body is self.post.body else found

    def _title(self) -> Element | None:
        rule = self.rules.rule("title")
        return element_of_rule(self.page, rule) if rule is not None else None

    def by_rule(self, name: str) -> Value:
        """Returns the value that the field's rule finds; None if the field has no rule.

        Sets `is_strange` if a learned rule that found something on every sample finds nothing. The place of the author
        may also show something other than a person ("Editorial"): then only the authors are searched without rules. If
        a hand-written rule finds nothing, this is recorded as evidence.
        """
        rule = self.rules.rule(name)
        if rule is None:
            return None
        is_byline = name == "authors" and not {BYLINE, NAME_BESIDE_DATE}.isdisjoint(rule.select)
        value = self._byline(rule) if is_byline else read_field(self.page, name, rule)
        if value:
            self.note_rule(name, value, rule)
        elif rule.by_hand:
            self.note_unmatched(name, rule)
        elif rule.coverage >= _ALWAYS and not is_byline:
            self.is_strange |= name != "authors" or not self._has_match(rule)
        return value

    def _has_match(self, rule: Rule) -> bool:
        """Returns True if a selector of the rule finds an element or a text on the page, whether or not the rule can
        read it.
        """
        return any(_found(self.page, one, rule.attribute, select_by_parsel) for one in rule.select)

    def _byline(self, rule: Rule) -> Value:
        if NAME_BESIDE_DATE in rule.select:
            return person_beside_date(self.page, self.beside)
        return people_beside_heading(self.page, self.post, self.beside)

    def may_be_empty(self, name: str) -> bool:
        """Returns True if the field's learned rule finds nothing on most posts of the site. Then a page on which it
        finds nothing does not have the field, and no other source needs to be searched.
        """
        rule = self.rules.rule(name)
        return rule is not None and not rule.by_hand and rule.coverage < _MOST

    def has_hand_rule(self, name: str) -> bool:
        """Returns True if the field has a hand-written rule, which takes precedence over the site's API."""
        rule = self.rules.rule(name)
        return rule is not None and rule.by_hand

    def note_rule(self, name: str, value: Value, rule: Rule) -> None:
        """Records, as evidence, a value of the field `name` that a rule found."""
        shown = ", ".join(value) if isinstance(value, tuple) else str(value)
        source = BY_HAND if rule.by_hand else "learned"
        self.evidence.append(Evidence(name, shown[:300], source, _where(rule), round(rule.agreement, 2)))

    def note_unmatched(self, name: str, rule: Rule) -> None:
        """Records as evidence that a hand-written rule found nothing: an empty value with confidence 0."""
        self.evidence.append(Evidence(name, "", BY_HAND, _where(rule), 0.0))

    def note_api(self, name: str, value: Value) -> None:
        """Records, as evidence, a value given by the site's API."""
        shown = ", ".join(value) if isinstance(value, tuple) else str(value)
        self.evidence.append(Evidence(name, shown[:300], "api", name, 0.97))

    def note_candidates(self, name: str, found: Sequence[Candidate[Any]]) -> None:
        """Records, as evidence, the candidates of a field that no rule reads."""
        self.evidence += [c.evidence(name) for c in found]


def _where(rule: Rule) -> str:
    return " | ".join(rule.select)[:120]


def element_of_rule(page: Page, rule: Rule) -> Element | None:
    """Returns the first element whose text a rule reads; None if it finds none, or if the rule reads attributes or
    JSON-LD.
    """
    if rule.attribute:
        return None
    shown = (
        element_selector(selector) for selector in rule.select if selector not in (JSON_LD, BYLINE, NAME_BESIDE_DATE)
    )
    return next((e for selector in shown if selector for e in page.ask(selector) if not isinstance(e, str)), None)


def read_authors(reader: SiteReader, text: str) -> tuple[str, ...]:
    """Returns the authors that the rule finds, or else the authors from the API, or else the authors found without
    rules. `text` is the body, whose last paragraphs may name the author.
    """
    value = reader.by_rule("authors")
    if isinstance(value, tuple) and value:
        return value  # this value is preferred to the API's author, which is only the account that posted
    if reader.api is not None and reader.api.authors:
        reader.note_api("authors", reader.api.authors)
        return reader.api.authors
    if isinstance(value, tuple) and reader.may_be_empty("authors"):
        return value
    site = {fold_text(n) for n in site_names(reader.page)}
    candidates = author_candidates(reader.page, reader.post, reader.hint, site, reader.beside, text=text)
    if not candidates and reader.wider is not None:
        beside = reader.located.beside
        candidates = author_candidates(reader.page, reader.wider, reader.hint, site, beside, text=text)
    reader.note_candidates("authors", candidates)
    found = resolve_authors(candidates)
    return found.value if found else ()


def read_times(reader: SiteReader) -> Times:
    """Returns the dates of a post: those that hand-written rules find, or else those from the API, or else those that
    learned rules find, or else those found without rules.
    """
    page, api = reader.page, reader.api
    changed = reader.by_rule("modified")
    when = reader.by_rule("published")
    modified = changed if isinstance(changed, Moment) else None
    published = when if isinstance(when, Moment) else None
    if published is not None and not reader.has_hand_rule("published") and page.constants.refuses_day(published.day):
        published = None
    if api is not None and api.modified and not (modified and reader.has_hand_rule("modified")):
        modified = Moment(api.modified, "second", True)
        reader.note_api("modified", api.modified.isoformat())
    if api is not None and api.published and not (published and reader.has_hand_rule("published")):
        published = Moment(api.published, "second", True)
        reader.note_api("published", api.published.isoformat())
    if (published is None and not reader.may_be_empty("published")) or (
        modified is None and not reader.may_be_empty("modified")
    ):
        # If only the date of the last change is missing, it is searched for only in declarations and not in the page's
        # lines.
        lines = published is None and not reader.may_be_empty("published")
        post, beside = (reader.post, reader.beside) if lines else (Post(page, body=reader.top), BylineBlock())
        changes = modified_candidates(page, post, reader.hint, beside)
        if lines:
            times = published_candidates(page, post, reader.hint, beside)
            found = resolve_published(times, changes, url_date(page.path), page.captured_at)
            reader.evidence += published_evidence(times, found, page.captured_at)
            published = found.value if found else None
        if modified is None and not reader.may_be_empty("modified") and (last := best_candidate(changes)) is not None:
            reader.note_candidates("modified", changes)
            modified = last.value
    if published is None and (listed := listed_date(reader.hint)):
        reader.note_candidates("published", listed)
        published = listed[0].value
    if published is not None and not reader.has_hand_rule("published"):
        # Without rules, such a date is refused, and the evidence says so.
        reader.is_strange |= is_in_future(published, page.captured_at)
    return Times(published, modified)


def read_terms(reader: SiteReader) -> tuple[Terms, Terms]:
    """Returns the categories and the tags of a post: those that hand-written rules find, or else those from the API, or
    else those that learned rules find, or else those found without rules.
    """
    return _read_terms(reader, "categories"), _read_terms(reader, "tags")


def _read_terms(reader: SiteReader, name: str) -> Terms:
    from_api: Terms = getattr(reader.api, name) if reader.api is not None else ()
    value = reader.by_rule(name) if reader.has_hand_rule(name) or not from_api else None
    if isinstance(value, tuple) and value:
        return value
    if from_api:
        reader.note_api(name, from_api)
        return from_api
    if reader.may_be_empty(name):
        found = listed_categories(reader.hint) if name == "categories" else []
        terms = found[0].value if found else ()
    else:
        terms, found = terms_of_post(reader.page, reader.post, reader.hint)[name]
        if not terms and reader.wider is not None:
            terms, found = terms_of_post(reader.page, reader.wider, reader.hint)[name]
    reader.note_candidates(name, found)
    return terms
