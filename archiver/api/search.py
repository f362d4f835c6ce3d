"""Queries and their results: parses and runs queries, sorts and folds matches, counts facets and histograms, marks the
words that were searched, and reads areas of a map. For the web pages; datasets choose their articles with it.
"""

from __future__ import annotations

from archiver.search.advice import Advice, advise
from archiver.search.frequent_words import FREQUENT_ANYWHERE
from archiver.search.geo_areas import DEFAULT_RADIUS_KM, Box, circle_bounds, distance_km, parse_box, parse_point
from archiver.search.histogram import PERIOD_STATES, Histogram, Period, histogram
from archiver.search.index_documents import fold_name
from archiver.search.query import Query, list_repairs, query_as_options, token_end
from archiver.search.query_compiler import has_ranking_terms
from archiver.search.query_tree import Key, parse_period, utc_seconds
from archiver.search.search_hits import (
    FACETS,
    Hit,
    count_facets,
    hit_as_dict,
    matching_ids,
    plan_query,
    run_query,
    sort_order,
)
from archiver.search.search_index import disable_updates
from archiver.search.snippets import SearchTerm, find_occurrences, highlight_line, highlight_terms
from archiver.search.sorting import FOLDS, Sort, sorted_matches
from archiver.search.word_splitting import split_into_words

__all__ = [
    "DEFAULT_RADIUS_KM",
    "FACETS",
    "FOLDS",
    "FREQUENT_ANYWHERE",
    "PERIOD_STATES",
    "Advice",
    "Box",
    "Histogram",
    "Hit",
    "Key",
    "Period",
    "Query",
    "SearchTerm",
    "Sort",
    "advise",
    "circle_bounds",
    "count_facets",
    "disable_updates",
    "distance_km",
    "find_occurrences",
    "fold_name",
    "has_ranking_terms",
    "highlight_line",
    "highlight_terms",
    "histogram",
    "hit_as_dict",
    "list_repairs",
    "matching_ids",
    "parse_box",
    "parse_period",
    "parse_point",
    "plan_query",
    "query_as_options",
    "run_query",
    "sort_order",
    "sorted_matches",
    "split_into_words",
    "token_end",
    "utc_seconds",
]
