"""A page of a site whose rules are known: one parse and a few look-ups in place of all candidates of all fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from lxml.etree import _Element as Element

from archiver.extraction import authors as _authors
from archiver.extraction import categories as _categories
from archiver.extraction import choose, credits, declared
from archiver.extraction import dates as _dates
from archiver.extraction.body import render, whole
from archiver.extraction.candidates import Candidate, from_api
from archiver.extraction.days.datetext import visible
from archiver.extraction.days.moment import Moment, of_url
from archiver.extraction.geotags import evidence as geo_evidence
from archiver.extraction.geotags import geotags
from archiver.extraction.kind import at_a_glance, classify
from archiver.extraction.page import Page
from archiver.extraction.parts import parts
from archiver.extraction.people.byline import Beside, beside_heading
from archiver.extraction.places.geosite import as_publisher, place_of
from archiver.extraction.rules import JSON_LD, Rule, SiteRules
from archiver.extraction.scope import Post, find, located, text_length
from archiver.extraction.template.ruled import Value, container, read_field
from archiver.extraction.text import folded
from archiver.extraction.title import site_names
from archiver.fields import WEIGHED
from archiver.items import Article, Evidence, Lead, PageKind
from archiver.platforms import by_name
from archiver.platforms.selector import is_below

_LONGEST_META = 300
_LONGEST_BYLINE = 120
_SENTENCE_END = tuple(".!?…。！？")
_ALWAYS = 0.999  # a rule that found something on every page it was learned from


class _Reader:
    """One page and its rules; what a rule does not tell is read as on any site, from a post located at first need."""

    def __init__(self, page: Page, rules: SiteRules, lead: Lead | None) -> None:
        self.page, self.rules, self.lead = page, rules, lead
        self.api = lead if lead is not None and from_api(lead) else None
        self.evidence: list[Evidence] = []
        self.strange = self.is_whole = False
        self.top: Element | None = None

    @cached_property
    def post(self) -> Post:
        """The post on the page: around the title and the body that the rules found, where they did."""
        return located(self.page, self._title(), self.top) if self.top is not None else find(self.page)

    @cached_property
    def beside(self) -> Beside:
        return beside_heading(self.page, self.post)

    def _title(self) -> Element | None:
        rule = self.rules.rule("title")
        shown = rule.select if rule is not None and not rule.attribute else ()
        return next((e for s in shown for e in self.page.index.select(s)), None)

    def by_rule(self, name: str) -> Value:
        """What the field's rule says. A rule that always found something and does not now makes the page strange."""
        rule = self.rules.rule(name)
        if rule is None:
            return None
        value = read_field(self.page, name, rule)
        if value:
            self.say(name, value, rule)
        elif rule.coverage >= _ALWAYS and not rule.by_hand:
            self.strange = True
        return value

    def knows(self, name: str) -> bool:
        """Whether the rule's silence is an answer: it was learned from posts of which some do not have the field."""
        rule = self.rules.rule(name)
        return rule is not None and not rule.by_hand

    def by_hand(self, name: str) -> bool:
        """Whether a person wrote where the field stands: that goes before what the site's interface says."""
        rule = self.rules.rule(name)
        return rule is not None and rule.by_hand

    def say(self, name: str, value: Value, rule: Rule) -> None:
        shown = ", ".join(value) if isinstance(value, tuple) else str(value)
        source = "rule by hand" if rule.by_hand else "learned"
        where = " | ".join(rule.select)[:120]
        self.evidence.append(Evidence(name, shown[:300], source, where, round(rule.agreement, 2)))

    def told(self, name: str, value: Value) -> None:
        """What the site's own interface says of the post."""
        shown = ", ".join(value) if isinstance(value, tuple) else str(value)
        self.evidence.append(Evidence(name, shown[:300], "api", name, 0.97))

    def weighed(self, name: str, found: Sequence[Candidate[Any]]) -> None:
        """What a field that no rule tells is chosen from."""
        self.evidence += [c.evidence(name) for c in found]


def read(page: Page, rules: SiteRules, lead: Lead | None = None, known: PageKind = PageKind.UNKNOWN) -> Article | None:
    """The article of a page as the site's rules read it; None where they do not fit and the page must be read as
    that of any site: another kind of page, a part of the template missing, a template that has changed.
    """
    if rules.rule("title") is None or rules.rule("body") is None:
        return None
    page.assume(by_name(rules.platform))
    reader = _Reader(page, rules, lead)
    kind = _kind(reader, known)
    if kind is None:
        return None
    title = reader.by_rule("title")
    top = container(page, rules.fields["body"])
    if not isinstance(title, str) or not title or top is None:
        return None
    reader.top = top
    if reader.api is not None and reader.api.title and not reader.by_hand("title"):
        title = reader.api.title
        reader.told("title", title)
    text = _body(reader, top, title)
    tail = credits.read_tail(text)
    plain = "\n\n".join(text.split("\n\n")[: -tail.paragraphs]) if tail.paragraphs else text
    signed = () if reader.by_hand("authors") else tail.authors
    authors = signed or _people(reader) or tail.authors
    if tail.authors and authors == tail.authors:
        reader.evidence.append(Evidence("authors", ", ".join(authors)[:300], "signed", "the end of the text", 0.85))
    published, modified = _times(reader)
    plain = _without_byline(plain, [t for t in (published, modified) if t is not None], page.language or "")
    categories, tags = _terms(reader)
    if reader.strange or not plain:
        return None
    pages = parts(page)
    post = Post(page, body=top, holder=top)
    named = credits.of_post(page, post, text, tail)
    places = as_publisher(geotags(page, post, lead, credits.dateline_place(text)),
                          frozenset(place_of(p) for p in rules.places))
    others = [Evidence("credits", one, "text", "", 0.7) for one in named]
    others += geo_evidence(page, post, places) if places else []
    told = declared.declarations(page, top, lead)
    return Article(
        url=page.url, title=title, body=plain, authors=authors,
        published=published.at if published else None, published_precision=published.precision if published else None,
        modified=modified.at if modified else None, categories=categories, tags=tags, geotags=places,
        credits=named, **told.values,
        kind=PageKind.POST, kind_rule=kind, platform=page.platform.name, post_id=declared.post_id(page, lead),
        guid=lead.guid if lead else "", read_by=rules.version,
        evidence=(page.decoded.evidence(), *reader.evidence, *others, *told.evidence),
        parts=pages.others, part=pages.number, part_of=pages.first,
        whole_at=page.url if reader.is_whole else pages.whole,
    )


def overruled(article: Article, page: Page, rules: SiteRules) -> Article:
    """An article read as on any site, with what a person's own rules say in the place of what was found."""
    reader = _Reader(page, rules, None)
    for name, rule in rules.fields.items():
        if not rule.by_hand:
            continue
        if name == "body":
            top = container(page, rule)
            if top is not None and (text := _body(reader, top, article.title)):
                article = replace(article, body=text)
            continue
        value = reader.by_rule(name)
        if isinstance(value, Moment):
            article = replace(article, published=value.at, published_precision=value.precision) if (
                name == "published") else replace(article, modified=value.at)
        elif value:
            article = replace(article, **{name: value})  # type: ignore[arg-type]
    if not reader.evidence:
        return article
    return replace(article, evidence=(*reader.evidence, *article.evidence), read_by=f"{rules.version} in part")


def _kind(reader: _Reader, known: PageKind) -> str | None:
    """The rule by which the page is a post; None where that is not certain."""
    page, rules = reader.page, reader.rules
    answer = at_a_glance(page, Post(page), reader.lead, known)
    if answer is not None:
        return answer[1] if answer[0] is PageKind.POST else None
    if rules.post:
        return "learned" if all(page.index.first(mark) is not None for mark in rules.post) else None
    kind, rule = classify(page, reader.lead, known, reader.post, reader.beside)
    return rule if kind is PageKind.POST else None


def _body(reader: _Reader, top: Element, title: str) -> str:
    page, rule = reader.page, reader.rules.fields["body"]
    told = [one for name in WEIGHED if (one := reader.rules.rule(name)) is not None]
    meta = [e for one in told if (e := _inside(page, one, top)) is not None]
    post = Post(page, body=top, holder=top)
    text = render(page, post, top, title, Beside(elements=tuple(meta)), rule.drop)
    if rule.lines:
        text = "\n\n".join(p for p in text.split("\n\n") if p not in rule.lines)
    reader.evidence.append(Evidence("body", f"{len(text)} characters", "rule by hand" if rule.by_hand else "learned",
                                    rule.select[0], round(rule.agreement, 2)))
    all_of_it = whole(text, page.url, title, reader.lead)
    reader.is_whole = bool(all_of_it)
    if all_of_it:
        source = "api" if reader.api is not None else "feed"
        reader.evidence[-1] = Evidence("body", f"{len(all_of_it)} characters", source, "whole text", 0.9)
    return all_of_it or text


def _without_byline(text: str, times: list[Moment], language: str) -> str:
    """A text without a first line that says no more than when (and by whom) it was published."""
    first, _, rest = text.partition("\n\n")
    if not rest or not times or len(first) > _LONGEST_BYLINE or first.endswith(_SENTENCE_END):
        return text
    said = visible(first, language)
    return rest if said is not None and said.at.date() in {t.at.date() for t in times} else text


def _inside(page: Page, rule: Rule, top: Element) -> Element | None:
    """The short element of the container by which a rule of another field is answered: a line of it, and no text."""
    if rule.attribute:
        return None
    found = next((e for s in rule.select if s != JSON_LD for e in page.index.select(s)), None)
    return found if found is not None and found is not top and is_below(found, top) and (
        text_length(found) <= _LONGEST_META) else None


def _people(reader: _Reader) -> tuple[str, ...]:
    value = reader.by_rule("authors")
    if isinstance(value, tuple) and value:
        return value  # what a byline says, where it says anything: the interface tells whose account it was
    if reader.api is not None and reader.api.authors:
        reader.told("authors", reader.api.authors)
        return reader.api.authors
    if isinstance(value, tuple) and reader.knows("authors"):
        return value
    site = {folded(n) for n in site_names(reader.page)}
    people = _authors.candidates(reader.page, reader.post, reader.lead, site, reader.beside)
    reader.weighed("authors", people)
    found = choose.authors(people)
    return found.value if found else ()


def _times(reader: _Reader) -> tuple[Moment | None, Moment | None]:
    page, api = reader.page, reader.api
    changed = reader.by_rule("modified")
    when = reader.by_rule("published")
    modified = changed if isinstance(changed, Moment) else None
    published = when if isinstance(when, Moment) else None
    if api is not None and api.modified and not (modified and reader.by_hand("modified")):
        modified = Moment(api.modified, "second", True)
        reader.told("modified", api.modified.isoformat())
    if api is not None and api.published and not (published and reader.by_hand("published")):
        published = Moment(api.published, "second", True)
        reader.told("published", api.published.isoformat())
    if (published is None and not reader.knows("published")) or (modified is None and not reader.knows("modified")):
        # A last change that none of the posts learned from told is looked for among declarations only.
        lines = published is None and not reader.knows("published")
        post, beside = (reader.post, reader.beside) if lines else (Post(page, body=reader.top), Beside())
        changes = _dates.modified(page, post, reader.lead, beside)
        if lines:
            times = _dates.published(page, post, reader.lead, beside)
            reader.weighed("published", times)
            found = choose.published(times, changes, of_url(page.path), page.captured_at)
            published = found.value if found else None
        if modified is None and (last := choose.best(changes)) is not None:
            reader.weighed("modified", changes)
            modified = last.value
    return published, modified


def _terms(reader: _Reader) -> tuple[tuple[str, ...], tuple[str, ...]]:
    out: list[tuple[str, ...]] = []
    general: tuple[list[Candidate[tuple[str, ...]]], list[Candidate[tuple[str, ...]]]] | None = None
    for n, name in enumerate(("categories", "tags")):
        told = getattr(reader.api, name) if reader.api is not None else ()
        value = reader.by_rule(name) if reader.by_hand(name) or not told else None
        if told and not value:
            value = told
            reader.told(name, told)
        if not value and not reader.knows(name):
            general = general or _categories.candidates(reader.page, reader.post, reader.lead)
            reader.weighed(name, general[n])
            value = _categories.chosen(*general)[n]
        out.append(value if isinstance(value, tuple) else ())
    return out[0], out[1]
