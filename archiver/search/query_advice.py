"""What a query that finds nothing probably meant: corrected words, fields and names, and wider queries that find
something.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from archiver.errors import BadQuery, similar_words
from archiver.fields import LIST_FIELDS_BY_QUERY_NAME, WEIGHTS
from archiver.search.index_schema_and_documents import (
    FOLDED_NAMES,
    KEYS,
    fold_name,
    index_text,
)
from archiver.search.query import Query, query_as_options
from archiver.search.query_corrections import index_words_near, nearest_words, similar_field
from archiver.search.query_parser import list_unknown_fields, parse_query
from archiver.search.query_plans_hits_and_facets import Plan, plan_query, usual_spelling
from archiver.search.query_tree import And, Key, Near, Node, Or, Term
from archiver.search.word_splitting import is_run_letter, lookup_words, split_into_words, words_with_places


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A query that finds something, to run in place of one that finds nothing. `change` says how the two differ;
    `total` is the number of articles that it finds.
    """

    query: Query
    change: str
    total: int


@dataclass(frozen=True, slots=True)
class Advice:
    """What can be said about a query that finds nothing: sentences about words and names that the archive does not
    have, and queries to run instead, closest first.
    """

    notes: tuple[str, ...]
    suggestions: tuple[Suggestion, ...]


_MAX_SUGGESTIONS = 3
_MAX_NAMED = 6
_WITHOUT = {
    "author": ("authors", "by any author"),
    "category": ("categories", "in any category"),
    "tag": ("tags", "with any tag"),
    "site": ("sites", "on any site"),
    "language": ("languages", "in any language"),
}
"""The filters whose values are names, with their plural and what a query without the filter finds."""


def advise(plans: Sequence[Plan], query: Query) -> Advice:
    """Returns advice on a query that finds nothing. `plans` are the plans of the query, one for each searched archive.

    Correcting a word takes a few milliseconds, so this is called only if nothing is found.
    """
    if not plans:
        return Advice((), ())
    notes: list[str] = []
    text, changes = _correct_fields(query.text)
    corrected = replace(query, text=text)
    words = _correct_words(plans, corrected)
    corrected = replace(corrected, text=_replace_words(corrected.text, words))
    changes += [f"{new} instead of {old}" for old, new in words.items() if new]
    if missing := [repr(old) for old, new in words.items() if not new]:
        notes.append(f"No article contains {' or '.join((', '.join(missing[:-1]) or missing[0], *missing[1:][-1:]))}.")
    for kind, value in _unknown_names(plans, query):
        similar = _similar_names(plans, kind, value)
        notes.append(_note_on_name(plans, kind, value, similar))
        if similar:
            corrected = _replace_name(corrected, kind, value, similar[0])
            changes.append(f"{kind} {similar[0]} instead of {value}")
    wanted = [(corrected, ", ".join(changes))] if corrected != query else []
    found = [one for one in (_try(plans, *want) for want in wanted) if one.total]
    if not found:
        found = [one for one in (_try(plans, *want) for want in _widen(plans, corrected)) if one.total]
    return Advice(tuple(notes), tuple(found[:_MAX_SUGGESTIONS]))


def _try(plans: Sequence[Plan], query: Query, change: str) -> Suggestion:
    if not query_as_options(query):  # without a condition, it would list the whole archive
        return Suggestion(query, change, 0)
    try:
        return Suggestion(query, change, sum(plan_query(plan.db, query).total for plan in plans))
    except BadQuery:
        return Suggestion(query, change, 0)


_MAX_WORDS = 10
"""At most this many words of a query are looked at."""


def _correct_fields(text: str) -> tuple[str, list[str]]:
    """Returns a query text with corrected names of fields (auther:Tom becomes author:Tom), and what was changed."""
    changes: list[str] = []
    for unknown in reversed(list_unknown_fields(text)):
        if field := similar_field(unknown.name, unknown.value):
            end = unknown.at + len(unknown.name)
            text = f"{text[: unknown.at]}{field}{text[end:]}"
            changes.insert(0, f"{field}: instead of {unknown.name}:")
    return text, changes


def _correct_words(plans: Sequence[Plan], query: Query) -> dict[str, str]:
    """Maps each word of the query that no article contains to the most similar word of the archives, or to "" if there
    is none. Words in scripts without spaces between words are left out, and so are names (of authors, categories and
    tags): see `_unknown_names`.
    """
    corrections: dict[str, str] = {}
    for word, column in islice(_looked_up_words(_parsed(query)), _MAX_WORDS):
        columns = (column,) if column else tuple(WEIGHTS)
        if is_run_letter(word[0]) or _count(plans, columns, word):
            continue
        similar = [one for plan in plans for one in index_words_near(plan.searcher, word, columns, 1)]
        if similar or column not in LIST_FIELDS_BY_QUERY_NAME.values():
            corrections[word] = nearest_words(word, similar, 1)[0] if similar else ""
    return corrections


def _looked_up_words(node: Node | None) -> Iterator[tuple[str, str]]:
    """Yields each word that a result must or may contain, with the field in which it is looked up ("" for all)."""
    if isinstance(node, And | Or):
        for item in node.items:
            yield from _looked_up_words(item)
    elif isinstance(node, Near):
        for term in node.terms:
            yield from _looked_up_words(replace(term, column=node.column))
    elif isinstance(node, Term):
        words, begun = lookup_words(node.text)
        yield from ((word, node.column) for word in (words[:-1] if node.prefix or begun else words))


def _count(plans: Iterable[Plan], columns: Iterable[str], word: str) -> int:
    return sum(plan.searcher.doc_freq(column, word) for plan in plans for column in columns)


def _replace_words(text: str, corrections: dict[str, str]) -> str:
    """Returns a query text in which the words of the index that are keys of `corrections` are replaced."""
    if not corrections:
        return text
    places = words_with_places(text)
    for number in reversed(range(len(places.words))):
        if new := corrections.get(places.words[number]):
            start, end = places.place(number)
            text = text[:start] + new + text[end:]
    return text


# Names of sites, authors, categories, tags and languages.


def _unknown_names(plans: Sequence[Plan], query: Query) -> Iterator[tuple[str, str]]:
    """Yields each name that the query asks for and no article has, as (kind, name): of its filters, and of the
    predicates and fields in its text.
    """
    for kind in FOLDED_NAMES[:3]:
        for value in getattr(query, kind):
            if not _has_name(plans, kind, value):
                yield kind, value
    for value in query.language:
        if not _has_key(plans, f"language:{value.lower().replace('_', '-')}"):
            yield "language", value
    for kind, value in _named_in(_parsed(query)):
        known = _has_key(plans, f"{kind}:{value}") if kind in ("site", "language") else _has_name(plans, kind, value)
        if not known:
            yield kind, value


_KINDS = {column: kind for kind, column in LIST_FIELDS_BY_QUERY_NAME.items()}


def _named_in(node: Node | None) -> Iterator[tuple[str, str]]:
    """Yields the names that a query tree requires, as (kind, name): author:Tom gives ("author", "Tom")."""
    if isinstance(node, And | Or):
        for item in node.items:
            yield from _named_in(item)
    elif isinstance(node, Key):
        kind, _, value = node.value.partition(":")
        if kind in ("site", "language"):
            yield kind, value
    elif isinstance(node, Term) and (kind := _KINDS.get(node.column, "")) in _WITHOUT and not node.prefix:
        yield kind, node.text


def _has_key(plans: Iterable[Plan], key: str) -> bool:
    return any(plan.searcher.doc_freq(KEYS, index_text(key)) for plan in plans)


def _has_name(plans: Iterable[Plan], kind: str, value: str) -> bool:
    plans = list(plans)
    if _has_key(plans, f"{kind}:{fold_name(value)}"):
        return True
    column = LIST_FIELDS_BY_QUERY_NAME[kind]
    words = split_into_words(value)
    return bool(words) and all(_count(plans, (column,), word) for word in words)


def known_names(plans: Iterable[Plan], kind: str) -> dict[str, int]:
    """Returns the names that articles have for a kind (author, category, tag, site or language), in the form in which
    the index has them, with the number of articles.
    """
    counts: dict[str, int] = {}
    for plan in plans:
        for name, count in plan.searcher.terms_with_prefix(kind, ""):
            counts[name] = counts.get(name, 0) + count
    return counts


def _similar_names(plans: Sequence[Plan], kind: str, value: str) -> list[str]:
    found = similar_words(fold_name(value), known_names(plans, kind))
    return [usual_spelling(plans, kind, name) for name in found]


def _note_on_name(plans: Sequence[Plan], kind: str, value: str, similar: Sequence[str]) -> str:
    """Returns a sentence that says which name the archive does not have, and the similar ones or the commonest."""
    there_is = f"No article has the {kind} {value!r}" if kind != "site" else f"There is no site {value!r}"
    if similar:
        return f"{there_is}; did you mean {' or '.join(map(repr, similar[:2]))}?"
    counts = known_names(plans, kind)
    common = sorted(counts, key=lambda name: (-counts[name], name))[:_MAX_NAMED]
    if not common:
        return f"{there_is}; the archive has no {_WITHOUT[kind][0]}."
    more = f" and {len(counts) - len(common):,} more" if len(counts) > len(common) else ""
    shown = ", ".join(usual_spelling(plans, kind, name) for name in common)
    return f"{there_is}. The {_WITHOUT[kind][0]} are {shown}{more}."


def _replace_name(query: Query, kind: str, value: str, new: str) -> Query:
    names = tuple(new if one == value else one for one in getattr(query, kind))
    text = re.sub(
        rf"(?i)\b({re.escape(kind)}):\"?{re.escape(value)}\"?",
        lambda found: f'{found[1]}:"{new}"' if " " in new else f"{found[1]}:{new}",
        query.text,
    )
    return _with(query, {"text": text, kind: names})


# Wider queries.


def _widen(plans: Sequence[Plan], query: Query) -> Iterator[tuple[Query, str]]:
    """Yields queries with one condition less, each with a phrase that says what it finds."""
    words = dict.fromkeys(_looked_up_words(_parsed(query)))
    present = [word for word, column in words if _count(plans, (column,) if column else tuple(WEIGHTS), word)]
    if present and len(words) > 1:
        change = "any of the words" if len(present) > 1 else "only this word"
        yield replace(query, text=" OR ".join(dict.fromkeys(present))), change
    if query.since or query.until:
        yield replace(query, since=None, until=None), "at any time"
    if query.near or query.bbox:
        yield replace(query, near=None, within=None, bbox=None, sort=""), "at any place"
    for kind, (_, anywhere) in _WITHOUT.items():
        if getattr(query, kind):
            yield _with(query, {kind: ()}), anywhere


def _with(query: Query, changes: dict[str, Any]) -> Query:
    return replace(query, **changes)


def _parsed(query: Query) -> Node | None:
    try:
        return parse_query(query.text, stem=query.stem)
    except BadQuery:
        return None
