"""A page and the rules of its site: what they say, and how a field without a rule is read as on any site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lxml.etree import _Element as Element

from archiver.extraction import authors as _authors
from archiver.extraction import categories as _categories
from archiver.extraction import choose
from archiver.extraction import dates as _dates
from archiver.extraction.candidates import Candidate, from_api
from archiver.extraction.days.moment import Moment, of_url
from archiver.extraction.page import Page
from archiver.extraction.people.byline import Beside, beside_heading
from archiver.extraction.rules import JSON_LD, Rule, SiteRules
from archiver.extraction.scope import Post, find, located
from archiver.extraction.template.ruled import Value, read_field
from archiver.extraction.text import folded
from archiver.extraction.title import site_names
from archiver.items import Evidence, Lead
from archiver.platforms.expressions import without_text

_ALWAYS = 0.999  # a rule that found something on every page it was learned from


@dataclass(frozen=True, slots=True)
class Times:
    published: Moment | None
    modified: Moment | None

    @property
    def given(self) -> list[Moment]:
        return [t for t in (self.published, self.modified) if t is not None]


class SiteReader:
    """One page and its rules. A field without a rule is read as on any site, from a post located at first need."""

    def __init__(self, page: Page, rules: SiteRules, lead: Lead | None) -> None:
        self.page, self.rules, self.lead = page, rules, lead
        self.api = lead if lead is not None and from_api(lead) else None
        self.evidence: list[Evidence] = []
        self.strange = self.is_whole = False
        self.top: Element | None = None

    @cached_property
    def post(self) -> Post:
        """The post on the page: around the title and the body that the rules found, else as on any site."""
        return located(self.page, self._title(), self.top) if self.top is not None else find(self.page)

    @cached_property
    def beside(self) -> Beside:
        return beside_heading(self.page, self.post)

    def _title(self) -> Element | None:
        rule = self.rules.rule("title")
        return place(self.page, rule) if rule is not None else None

    def by_rule(self, name: str) -> Value:
        """What the field's rule says. The page is strange where a rule that always found something finds nothing."""
        rule = self.rules.rule(name)
        if rule is None:
            return None
        value = read_field(self.page, name, rule)
        if value:
            self.note_rule(name, value, rule)
        elif rule.coverage >= _ALWAYS and not rule.by_hand:
            self.strange = True
        return value

    def knows(self, name: str) -> bool:
        """Whether a field is empty where its rule finds nothing: the rule was learned, and some posts lack the field.
        """
        rule = self.rules.rule(name)
        return rule is not None and not rule.by_hand

    def by_hand(self, name: str) -> bool:
        """Whether a person wrote the field's rule: it wins over the site's API."""
        rule = self.rules.rule(name)
        return rule is not None and rule.by_hand

    def note_rule(self, name: str, value: Value, rule: Rule) -> None:
        """Notes a value that a rule gives."""
        shown = ", ".join(value) if isinstance(value, tuple) else str(value)
        source = "rule by hand" if rule.by_hand else "learned"
        where = " | ".join(rule.select)[:120]
        self.evidence.append(Evidence(name, shown[:300], source, where, round(rule.agreement, 2)))

    def note_api(self, name: str, value: Value) -> None:
        """Notes a value that the site's API gives."""
        shown = ", ".join(value) if isinstance(value, tuple) else str(value)
        self.evidence.append(Evidence(name, shown[:300], "api", name, 0.97))

    def note_candidates(self, name: str, found: Sequence[Candidate[Any]]) -> None:
        """Notes the candidates of a field without a rule."""
        self.evidence += [c.evidence(name) for c in found]


def place(page: Page, rule: Rule) -> Element | None:
    """The first element whose text a rule reads; None where it reads attributes or the page's JSON-LD."""
    if rule.attribute:
        return None
    shown = (without_text(selector) for selector in rule.select if selector != JSON_LD)
    return next((e for selector in shown if selector for e in page.ask(selector) if not isinstance(e, str)), None)


def people(reader: SiteReader) -> tuple[str, ...]:
    value = reader.by_rule("authors")
    if isinstance(value, tuple) and value:
        return value  # before the API's: that names the account that posted
    if reader.api is not None and reader.api.authors:
        reader.note_api("authors", reader.api.authors)
        return reader.api.authors
    if isinstance(value, tuple) and reader.knows("authors"):
        return value
    site = {folded(n) for n in site_names(reader.page)}
    candidates = _authors.candidates(reader.page, reader.post, reader.lead, site, reader.beside)
    reader.note_candidates("authors", candidates)
    found = choose.authors(candidates)
    return found.value if found else ()


def times(reader: SiteReader) -> Times:
    page, api = reader.page, reader.api
    changed = reader.by_rule("modified")
    when = reader.by_rule("published")
    modified = changed if isinstance(changed, Moment) else None
    published = when if isinstance(when, Moment) else None
    if api is not None and api.modified and not (modified and reader.by_hand("modified")):
        modified = Moment(api.modified, "second", True)
        reader.note_api("modified", api.modified.isoformat())
    if api is not None and api.published and not (published and reader.by_hand("published")):
        published = Moment(api.published, "second", True)
        reader.note_api("published", api.published.isoformat())
    if (published is None and not reader.knows("published")) or (modified is None and not reader.knows("modified")):
        # A last change that none of the learned posts has is looked for in declarations only.
        lines = published is None and not reader.knows("published")
        post, beside = (reader.post, reader.beside) if lines else (Post(page, body=reader.top), Beside())
        changes = _dates.modified(page, post, reader.lead, beside)
        if lines:
            times = _dates.published(page, post, reader.lead, beside)
            reader.note_candidates("published", times)
            found = choose.published(times, changes, of_url(page.path), page.captured_at)
            published = found.value if found else None
        if modified is None and (last := choose.best(changes)) is not None:
            reader.note_candidates("modified", changes)
            modified = last.value
    return Times(published, modified)


def terms(reader: SiteReader) -> tuple[tuple[str, ...], tuple[str, ...]]:
    out: list[tuple[str, ...]] = []
    general: tuple[list[Candidate[tuple[str, ...]]], list[Candidate[tuple[str, ...]]]] | None = None
    for n, name in enumerate(("categories", "tags")):
        told = getattr(reader.api, name) if reader.api is not None else ()
        value = reader.by_rule(name) if reader.by_hand(name) or not told else None
        if told and not value:
            value = told
            reader.note_api(name, told)
        if not value and not reader.knows(name):
            general = general or _categories.candidates(reader.page, reader.post, reader.lead)
            reader.note_candidates(name, general[n])
            value = _categories.chosen(*general)[n]
        out.append(value if isinstance(value, tuple) else ())
    return out[0], out[1]
