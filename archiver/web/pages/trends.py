"""How large a share of what was archived says something, over time: a picture, and the table of it."""

from __future__ import annotations

from dataclasses import asdict, replace

from markupsafe import Markup

from archiver.search.chart import trend_svg
from archiver.search.periods import UNITS
from archiver.search.trend import MOST_TERMS, Trend, trend
from archiver.web.answer import Answer, Asked
from archiver.web.asking import args_of, query_of, search_link
from archiver.web.window import densest

_EMPTY_FIELDS = 3
MOST = 400
"""So many periods a page shows; its JSON has all."""
_FIELDS = ("q", "since", "until", "limit", "offset", "sort", "fold")


def page(asked: Asked) -> Answer:
    query = query_of(asked)
    terms = asked.many("term")
    if not terms and query.text:  # come from a search: its words over time, among what else it was narrowed to
        terms, query = (query.text,), replace(query, text="")
    unit = asked.one("by")
    found = trend(asked.db, query, terms, unit) if terms else None
    if asked.form == "json":
        return Answer("trends.html", {}, asdict(found) if found else {"series": []})
    shown = _shown(found) if found else None
    empty = min(_EMPTY_FIELDS if not terms else 2, MOST_TERMS - len(terms))
    return Answer("trends.html", {
        "found": found, "picture": Markup(trend_svg(shown)) if shown and shown.periods else "",
        "query": query, "fields": [*terms, *[""] * empty], "unit": unit, "units": tuple(UNITS),
        "rows": _rows(shown) if shown else (),
        "hidden_periods": len(found.periods) - len(shown.periods) if found and shown else 0,
        "hidden": [pair for pair in args_of(query) if pair[0] not in _FIELDS],
        "searches": [(one.term, search_link(asked, replace(query, text=_both(query.text, one.term), fold="none")))
                     for one in found.series] if found else (),
        "twin": asked.link("/trends.json", [*args_of(query), ("by", unit), *(("term", term) for term in terms)])}, None)


def _shown(found: Trend) -> Trend:
    """The periods that matter, where there are too many for a page."""
    start, end = densest([sum(one.articles[n] for one in found.series) for n in range(len(found.periods))],
                         found.archived, MOST)
    series = (replace(one, articles=one.articles[start:end], shares=one.shares[start:end]) for one in found.series)
    return replace(found, periods=found.periods[start:end], archived=found.archived[start:end], series=tuple(series))


def _both(text: str, term: str) -> str:
    """A query for what two find together."""
    return f"({text}) ({term})" if text else term


def _rows(found: Trend) -> list[tuple[str, int, list[tuple[int, str]]]]:
    """By period: its name, what is archived of it, for each term the articles and their share."""
    return [(period, found.archived[n], [(one.articles[n], _percent(one.shares[n])) for one in found.series])
            for n, period in enumerate(found.periods)]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.3g} %"
