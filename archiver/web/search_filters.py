"""Builds the filters of a search page: facets, the list of active filters, and other searches if nothing is found."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import cos, radians
from typing import Any, TypeVar

from archiver.api.database import Database
from archiver.api.search import (
    DEFAULT_RADIUS_KM,
    FACETS,
    FREQUENT_ANYWHERE,
    Advice,
    Box,
    Key,
    Query,
    advise,
    circle_bounds,
    count_facets,
    fold_name,
    list_repairs,
    plan_query,
    query_as_options,
    run_query,
    split_into_words,
)
from archiver.model.errors import IndexMissing
from archiver.model.fields import LINKS, OPTIONS
from archiver.model.items import format_degrees
from archiver.web.archive_connections import get_cached, strip_paging
from archiver.web.site_names import identify_sites
from archiver.web.template_rendering import name_language
from archiver.web.web_requests import ArchiveRequest, SearchLinks, format_query

# Facets.

LABELS = {
    "site": "Site",
    "year": "Year",
    "author": "Author",
    "category": "Category",
    "tag": "Tag",
    "language": "Language",
    "place": "Place",
    "credit": "Credited source",
}
STATES = {
    "is:edited": "Edited later",
    "is:gone": "Removed by the site",
    "has:copy": "Has copies",
    "has:image": "Has a lead image",
    "has:geo": "Has a place",
}
"""Query terms that are shown as the facet State, with their labels."""
VALUES, MORE_VALUES, MAX_VALUES = 10, 50, 10_000
"""The number of values shown for a facet: by default, after "Show more", and at most in JSON."""
_LONGEST_COUNTED = 500
"""The states of articles are not counted for a longer query, since each count compiles the query again."""
_SEARCHED = 2_000
"""A search within a facet looks at its most frequent values, at most this many."""


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a facet with its number of articles.

    `text` is what the page shows. If this is the title of a site, `host` is the site's name, which is shown beside it.
    `href` links to the search with this value as a filter or, if the value is `active`, without it. `without` links to
    the search that excludes the value. Both are "" if the page has no room for the link.
    """

    text: str
    articles: int
    href: str
    active: bool
    without: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Facet:
    """A facet of a search. `more` links to the page with more of its values ("" if there are no more), and `finding` is
    the text by which the reader searches its values. `searchable` is True if it may have more values than are shown.
    """

    name: str
    label: str
    values: tuple[FacetValue, ...]
    more: str = ""
    finding: str = ""
    searchable: bool = False


def build_facets(request: ArchiveRequest, query: Query, links: SearchLinks) -> tuple[Facet, ...]:
    """Returns the non-empty facets of a search with links for each value, in the fixed order of the page.

    The argument `more` of the request names a facet of which more values are shown. The arguments `facet` and `find`
    select the values of a facet that contain a text. Raises BadQuery, SiteNotFound or IndexMissing.
    """
    more, (searched, finding) = request.one("more"), _searched_facet(request)
    counts = _count_values(request, query, _SEARCHED if finding else MORE_VALUES if more else VALUES)
    shown: dict[str, list[tuple[str, int]]] = {}
    for name, values in counts.items():
        if name == searched:
            known = identify_sites(request, [value for value, _ in values]) if name == "site" else {}
            values = [
                pair
                for pair in values
                if fold_name(finding) in fold_name(_shown(name, pair[0]))
                or (name == "site" and fold_name(finding) in fold_name(known[pair[0]].title))
            ]
        shown[name] = values[: MORE_VALUES if name in (more, searched) else VALUES]
    link = links.reserve(2 * sum(map(len, shown.values())))
    facets = [
        Facet(
            name,
            label,
            tuple(_build_value(query, name, *pair, link) for pair in shown[name]),
            _link_more(request, query, name)
            if len(counts[name]) > len(shown[name]) and name != more and not links.is_long
            else "",
            finding if name == searched else "",
            name != "year" and (len(counts[name]) > VALUES or name == searched),
        )
        for name, label in LABELS.items()
        if shown.get(name) or name == searched
    ]
    return (*facets, *_build_states(request, query, links))


def _searched_facet(request: ArchiveRequest) -> tuple[str, str]:
    """Returns the facet whose values the request searches, and the text to look for; two empty strings if none."""
    name, text = request.one("facet"), request.one("find")
    return (name, text) if name in LABELS and text else ("", "")


def _count_values(request: ArchiveRequest, query: Query, most: int) -> dict[str, list[tuple[str, int]]]:
    """Counts the articles for each value of each facet. Returns one value more than `most` for a facet that has more
    values.
    """
    return get_cached(
        request.db, "facets", (strip_paging(query), most + 1), lambda: count_facets(request.db, query, most + 1)
    )


def _link_more(request: ArchiveRequest, query: Query, name: str) -> str:
    return request.link("/search", [*format_query(query), ("more", name)]) + f"#{name}"


def _build_states(request: ArchiveRequest, query: Query, links: SearchLinks) -> Iterator[Facet]:
    if len(query.text) > _LONGEST_COUNTED:
        return
    counts = get_cached(request.db, "states", strip_paging(query), lambda: count_states(request.db, query))
    link = links.reserve(2 * len(counts))
    values = []
    for term, articles in counts.items():
        other, active = _toggle_term(query, term)
        without = "" if active else link(replace(query, text=f"{query.text} -{term}".strip()))
        values.append(FacetValue(STATES[term], articles, link(other), active, without))
    if values:
        yield Facet("state", "State", tuple(values))


def count_states(db: Database, query: Query) -> dict[str, int]:
    """Counts the articles that a query finds in each of STATES; states without articles are left out."""
    counts = {term: plan_query(db, query, Key(term)).total for term in STATES}
    return {term: articles for term, articles in counts.items() if articles}


def _shown(name: str, value: str) -> str:
    return name_language(value) if name == "language" else value


def _build_value(query: Query, name: str, text: str, articles: int, link: Callable[[Query], str]) -> FacetValue:
    other, active = _toggle_value(query, name, text)
    without = "" if active else link(replace(query, text=f"{query.text} -{_as_term(name, text)}".strip()))
    return FacetValue(_shown(name, text), articles, link(other), active, without)


def _as_term(name: str, value: str) -> str:
    """Returns a value of a facet as a term of the query language."""
    return f'{"date" if name == "year" else name}:"{" ".join(value.replace(chr(34), " ").split())}"'


def _toggle_value(query: Query, name: str, text: str) -> tuple[Query, bool]:
    """Returns a query with a facet value added as a filter, and False. If the query has this filter already, returns
    the query without it, and True.
    """
    if name in OPTIONS:
        selected: tuple[str, ...] = getattr(query, name)
        active = text in selected
        return _replace_filter(
            query, name, tuple(v for v in selected if v != text) if active else (*selected, text)
        ), active
    if name == "year":
        active = query.since == query.until == text
        return replace(query, since=None if active else text, until=None if active else text), active
    return _toggle_term(query, _as_term(name, text))


def _toggle_term(query: Query, term: str) -> tuple[Query, bool]:
    if any(part == term for part, *_ in _terms_in(query.text)):
        return replace(query, text=_remove_term(query.text, term)), True
    return replace(query, text=f"{query.text} {term}".strip()), False


def _replace_filter(query: Query, name: str, value: Any) -> Query:
    changed: dict[str, Any] = {name: value}
    return replace(query, **changed)


# Active filters.

_TERM = re.compile(
    r"""(?<!\S)(?P<not>-)?(?:
        (?P<name>site|author|category|tag|language|date|place|credit):"(?P<value>[^"]*)" |
        (?P<state>(?:is|has):[a-z]+)
    )(?!\S)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class ActiveFilter:
    """A filter that the search uses. `label` is its kind ("" if the text says it), `without` the query without it, and
    `href` the link to that search; "" if the page has no room for the link. `host` is the name of a site whose title is
    the text.
    """

    label: str
    text: str
    without: Query
    href: str
    host: str = ""


def list_active_filters(db: Database, query: Query, links: SearchLinks) -> tuple[ActiveFilter, ...]:
    """Returns the filters of a query (all but its words), each with a link to the search without it."""
    found = tuple(_list_filters(db, query))
    link = links.reserve(len(found))
    return tuple(ActiveFilter(label, text, without, link(without)) for label, text, without in found)


_SITE_LABELS = frozenset({LABELS["site"], f"Not {LABELS['site'].lower()}"})


def sites_in(facets: Iterable[Facet], active: Iterable[ActiveFilter]) -> list[str]:
    """Returns the names of the sites that facets and filters show."""
    listed = [value.text for facet in facets if facet.name == "site" for value in facet.values]
    return [*listed, *(one.text for one in active if one.label in _SITE_LABELS)]


def show_titles(
    facets: Iterable[Facet], active: Iterable[ActiveFilter], titles: Mapping[str, str]
) -> tuple[tuple[Facet, ...], tuple[ActiveFilter, ...]]:
    """Returns the facets and filters with the titles of sites in place of their names."""

    return (
        tuple(
            replace(facet, values=tuple(_titled(value, titles) for value in facet.values))
            if facet.name == "site"
            else facet
            for facet in facets
        ),
        tuple(_titled(one, titles) if one.label in _SITE_LABELS else one for one in active),
    )


_Shown = TypeVar("_Shown", FacetValue, ActiveFilter)


def _titled(one: _Shown, titles: Mapping[str, str]) -> _Shown:
    title = titles.get(one.text, one.text)
    return replace(one, text=title, host=one.text) if title != one.text else one


def _list_filters(db: Database, query: Query) -> Iterator[tuple[str, str, Query]]:
    """Yields the label and text of each filter that a query uses, with the query without it."""
    for name in OPTIONS:
        selected = getattr(query, name)
        for text in selected:
            rest = tuple(value for value in selected if value != text)
            yield LABELS[name], _shown(name, text), _replace_filter(query, name, rest)
    yield from _other_filters(db, query)


def _other_filters(db: Database, query: Query) -> Iterator[tuple[str, str, Query]]:
    """Yields the label and text of each filter that does not have a list of values (OPTIONS), with the query without
    it.
    """
    for part, sign, name, value in _terms_in(query.text):
        kind = "Date" if name == "date" else LABELS.get(name, "")
        yield (
            f"Not {kind.lower()}".strip() if sign else kind,
            _shown(name, value) if name else STATES[part.removeprefix("-")],
            replace(query, text=_remove_term(query.text, part)),
        )
    if query.since or query.until:
        yield "", describe_period(query.since, query.until), replace(query, since=None, until=None)
    if query.near:
        yield "", describe_circle(db, query.near, query.within), replace(query, near=None, within=None)
    if query.bbox:
        yield "", describe_box(db, query.bbox), replace(query, bbox=None)
    if query.like is not None:
        yield "Similar to", name_article(db, query.like), replace(query, like=None)


def _terms_in(text: str) -> Iterator[tuple[str, str, str, str]]:
    """Yields the filters in the text of a query that are written as the facets write them: the term, its sign ("" or
    "-"), and its name and value ("" for a state).
    """
    for found in _TERM.finditer(text):
        if found["name"] or found["state"] in STATES:
            yield found[0], found["not"] or "", found["name"] or "", found["value"] or ""


def _remove_term(text: str, term: str) -> str:
    return " ".join(re.sub(rf"(?<!\S){re.escape(term)}(?!\S)", " ", text).split())


def describe_period(since: str | None, until: str | None) -> str:
    """Returns a period of a query in words: "2023", "2021 to 2024", "since 2021", "until 2024"."""
    if since and until:
        return since if since == until else f"{since} to {until}"
    return f"Since {since}" if since else f"Until {until}"


_NEARBY_KM = 5.0


def describe_circle(db: Database, center: tuple[float, float], within: float | None) -> str:
    """Returns a circle of a query in words: "Within 25 km of Lisbon", with degrees if no place is near its center."""
    km = DEFAULT_RADIUS_KM if within is None else within
    latitude, longitude = center
    near = places_in_box(db, circle_bounds(latitude, longitude, min(km, _NEARBY_KM)), center)
    return f"Within {km:g} km of {near[0] if near else format_degrees(latitude, longitude, between=', ')}"


def describe_box(db: Database, box: Box) -> str:
    """Returns a box of a query in words: "Lisbon", "3 places near Lisbon", with degrees if no place is in it."""
    return count_places(places_in_box(db, box)) or f"Box {format_degrees(*box, between=', ')}"


def count_places(names: Sequence[str]) -> str:
    """Returns places in words, given their names with the most important first: "Lisbon", "3 places near Lisbon"; "" if
    there are none.
    """
    return "" if not names else names[0] if len(names) == 1 else f"{len(names):,} places near {names[0]}"


def places_in_box(db: Database, box: Box, center: tuple[float, float] | None = None) -> list[str]:
    """Returns the names of the places in a box: those of the most articles first, or, if a center is given, the nearest
    to it first.
    """
    west, south, east, north = box
    across = "longitude between ? and ?" if west <= east else "(longitude >= ? or longitude <= ?)"
    values: list[float] = [south, north, west, east]
    order = "count(*) desc, placename"
    if center:
        order = "min((latitude - ?) * (latitude - ?) + (longitude - ?) * (longitude - ?) * ?), placename"
        latitude, longitude = center
        values += [latitude, latitude, longitude, longitude, cos(radians(latitude)) ** 2]
    return [
        name
        for (name,) in db.execute(
            "select placename from geotags where role <> 'publisher' and placename <> '' and latitude between ? and ? "
            f"and {across} group by placename order by {order}",
            values,
        )
    ]


def name_article(db: Database, number: int | str) -> str:
    """Returns the title of an article in quotation marks, or its number if it has no title."""
    found = db.execute("select title from articles where id = ?", [number]).fetchone()
    title = " ".join(str(found[0] or "").split()) if found else ""
    return f"“{title}”" if title else f"article {number}"


# Mistakes in a query, and ways out of a search without results.


@dataclass(frozen=True, slots=True)
class QueryAdvice:
    """What a search page says about its query.

    - `found`: advice on a query that finds nothing, empty for another one.
    - `repairs`: (part of the query, how it was read).
    - `ignored`: arguments of the URL that the page does not know.
    """

    found: Advice
    repairs: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Returns what is said about the query as JSON values; empty parts are left out."""
        meant = [self.found.corrected] if self.found.corrected else []
        parts: Mapping[str, Any] = {
            "did_you_mean": [{"query": query_as_options(one.query), "total": one.total} for one in meant],
            "notes": list(self.found.notes),
            "repairs": [{"part": part, "reading": reading} for part, reading in self.repairs],
            "ignored": list(self.ignored),
            "fewer_conditions": [{"what": one.change, "total": one.total} for one in self.found.wider],
        }
        return {name: value for name, value in parts.items() if value}


def give_advice(request: ArchiveRequest, query: Query, total: int, known: Sequence[str]) -> QueryAdvice:
    """Returns what to say about a query that finds `total` articles. `known` are the names of the arguments that the
    page understands.
    """

    def make() -> Advice:
        return Advice() if total else advise(plan_query(request.db, query), query)

    return QueryAdvice(
        get_cached(request.db, "advice", strip_paging(query), make),
        tuple((one.part, one.reading) for one in list_repairs(query.text)),
        tuple(dict.fromkeys(name for name, value in request.args if name not in known and value)),
    )


# Example searches, for the front page and for empty pages.

_EXAMPLES, _MOST_TRIED = 3, 20
_FEW, _MAX_SHARE = 10, 0.25
"""A search is no example if it finds more articles than `_FEW`, and more than this share of the archive."""


def example_terms(db: Database) -> tuple[str, ...]:
    """Returns up to three tags, categories or authors' names of one word that find several articles of the archive, but
    not most of them: tags first, and of each the most frequent first. Returns () if there is no search index.
    """
    return get_cached(db, "examples", None, lambda: tuple(islice(_examples(db), _EXAMPLES)))


def _examples(db: Database) -> Iterator[str]:
    total = db.execute("select count(*) from articles").fetchone()[0]
    names = (
        name
        for link in reversed(LINKS)
        for (name,) in db.execute(
            f"select t.name from {link.table_of_links} x join {link.table} t on t.id = x.{link.key} group by t.id "
            "having count(*) > 1 order by count(*) desc, t.name limit ?",
            [_MOST_TRIED],
        ).fetchall()
    )
    for name in names:
        # Other signs, and words in capital letters, may be operators of the query language. Marks are vowels in Hindi.
        is_word = {unicodedata.category(sign)[0] for sign in name} <= {"L", "M", "N"}
        if not is_word or name.isupper() or FREQUENT_ANYWHERE.issuperset(split_into_words(name)):
            continue
        try:
            hits = run_query(db, Query(name, limit=1)).total
        except IndexMissing:
            return
        if 2 <= hits <= max(total * _MAX_SHARE, _FEW):
            yield name


assert set(LABELS) == set(FACETS)
