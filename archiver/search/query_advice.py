"""What a query that finds nothing probably meant: corrected words, fields and names, and wider queries that find
something.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import tantivy
from sqlite_utils import Database

from archiver.errors import BadQuery, count_typos, similar_words
from archiver.fields import LIST_FIELDS_BY_QUERY_NAME, WEIGHTS
from archiver.markup import lazy_regex
from archiver.search.engine import Plan, plan_query, usual_spelling
from archiver.search.index_schema_and_documents import (
    FOLDED_NAMES,
    KEYS,
    fold_name,
    index_schema,
    index_text,
    index_texts,
)
from archiver.search.query import Query, query_as_options
from archiver.search.query_parser import COLUMN_OF, parse_query
from archiver.search.query_tree import PREDICATES, And, Key, Near, Node, Or, Term
from archiver.search.sorting_and_folding import field_values
from archiver.search.tantivy_index import Searcher
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


# Names of fields.

_FIELD = lazy_regex(r"(?<![^\s(-])([A-Za-z]{3,}):(?=[^\s/])")
_FIELD_NAMES = tuple(dict.fromkeys((*COLUMN_OF, *PREDICATES)))


def _correct_fields(text: str) -> tuple[str, list[str]]:
    """Returns a query text with corrected names of fields (auther:Tom becomes author:Tom), and what was changed."""
    changes: list[str] = []

    def corrected(found: re.Match[str]) -> str:
        name = found[1].lower()
        similar = [] if name in (*_FIELD_NAMES, "stem") else similar_words(name, _FIELD_NAMES)
        if not similar:
            return found[0]
        changes.append(f"{similar[0]}: instead of {found[1]}:")
        return f"{similar[0]}:"

    return _FIELD.sub(corrected, text), changes


# Words of the index.

_SAMPLE = 20
"""Similar words are looked for in so many articles that contain one."""
_MAX_WORDS = 10
"""At most this many words of a query are looked at."""
_SHORTEST = 3
_LONG = 6
"""In words of this many letters, two mistakes are corrected; in shorter ones, a single one."""


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
        is_plain = len(word) < _SHORTEST or word.isdigit()
        similar = "" if is_plain else _similar_word(plans, columns, word)
        if similar or column not in LIST_FIELDS_BY_QUERY_NAME.values():
            corrections[word] = similar
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


def _similar_word(plans: Sequence[Plan], columns: Collection[str], word: str) -> str:
    """Returns the word of these index fields that is most similar to `word`, or "" if none is."""
    for distance in (1, 2) if len(word) >= _LONG else (1,):
        candidates = {one for plan in plans for one in _words_of_similar_articles(plan, columns, word, distance)}
        near = [(typos, one) for one in candidates if (typos := count_typos(word, one, 2)) <= 2]
        if near:
            return min(near, key=lambda one: (one[0], -_count(plans, columns, one[1]), one[1]))[1]
    return ""


def _words_of_similar_articles(plan: Plan, columns: Collection[str], word: str, distance: int) -> Iterator[str]:
    """Yields words with about the length of `word` from articles that contain a word within this edit distance. The
    index finds the articles, but does not say by which of their words.
    """
    schema = index_schema()
    similar = tantivy.Query.boolean_query(
        [
            (tantivy.Occur.Should, tantivy.Query.fuzzy_term_query(schema, column, word, distance=distance))
            for column in columns
        ]
    )
    for number in _first_ids(plan.searcher, similar):
        for text in _texts(plan.db, number, columns):
            yield from (one for one in set(split_into_words(text)) if _may_be_similar(word, one, distance))


def _may_be_similar(word: str, other: str, distance: int) -> bool:
    """Returns False for most words that are not within this edit distance, more quickly than it can be computed."""
    return abs(len(other) - len(word)) <= distance and len(set(word) ^ set(other)) <= 2 * distance


def _first_ids(searcher: Searcher, query: tantivy.Query) -> list[int]:
    return field_values(searcher, "id", [address for _, address in searcher.search(query, limit=_SAMPLE).hits])


def _texts(db: Database, article: int, columns: Collection[str]) -> Iterator[str]:
    names = ["geotags" if name == "places" else name for name in columns]
    for row in db.query(f"select {', '.join(names)} from articles where id = ?", [article]):
        for name in names:
            yield from _strings(row[name])


def _strings(value: Any) -> Iterable[str]:
    """Returns the texts in a column of `articles`, which is a text or a JSON array of texts or places."""
    if not isinstance(value, str):
        return ()
    if not value.startswith("["):
        return (value,)
    try:
        items = json.loads(value)
    except ValueError:
        return (value,)
    texts = [text for one in items if isinstance(one, dict) for text in one.values() if isinstance(text, str)]
    return texts or index_texts(value)


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
