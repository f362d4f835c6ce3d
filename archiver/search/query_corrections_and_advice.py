"""Suggests what a query that finds nothing probably meant: corrected words, fields and names, and wider
queries, each with the number of articles that it would find.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from operator import itemgetter
from typing import Any

from archiver.errors import BadQuery
from archiver.fields import LIST_FIELDS_BY_QUERY_NAME, WEIGHTS
from archiver.search.index_refresh_searcher_and_check import Searcher
from archiver.search.index_schema_and_documents import (
    FOLDED_NAMES,
    KEYS,
    fold_name,
    index_text,
)
from archiver.search.query_parser import COLUMN_OF, UnknownField, list_unknown_fields, parse_query
from archiver.search.query_tree_and_predicates import PREDICATES, And, Key, Near, Node, Or, Term
from archiver.search.query_with_filters_and_sort import Query, query_as_options, ranking_terms
from archiver.search.search_hits_facets_and_similar_articles import Plan, plan_query, run, usual_spelling
from archiver.search.word_splitting import is_run_letter, lookup_words, split_into_words, words_with_places
from archiver.similar_words_and_plurals import count_typos, similar_words
from archiver.storage import Database

# Words of the index that are spelled like a given word.

_LETTERS_A_MISTAKE = 3
"""One mistake is assumed for this many letters of a word."""
MAX_MISTAKES = 2


def allowed_mistakes(word: str) -> int:
    """Returns how many mistakes may be assumed in a word: none in a word of one or two letters, one in a word of up to
    five letters, and two in a longer one.
    """
    return min(len(word) // _LETTERS_A_MISTAKE, MAX_MISTAKES)


def nearest_words(word: str, known: Iterable[str] | Mapping[str, int], most: int = 3) -> tuple[str, ...]:
    """Returns the known words that `word` may stand for, the nearest first and at most `most` of them, without `word`
    itself. Upper and lower case count as equal.

    Of equally near words, those with the same first letter come first, since it is rarely mistyped. After that, if
    `known` maps words to how often they occur, the most frequent ones come first; otherwise, the order of `known`
    decides.
    """
    folded, allowed = word.casefold(), allowed_mistakes(word)
    counts = known if isinstance(known, Mapping) else dict.fromkeys(known, 0)
    rated = [
        (distance, other[:1].casefold() != folded[:1], -count, place, other)
        for place, (other, count) in enumerate(counts.items())
        if other != word and (distance := count_typos(folded, other.casefold(), allowed)) <= allowed
    ]
    return tuple(other for *_, other in sorted(rated, key=itemgetter(0, 1, 2, 3))[:most])


_SHARED_START = 3
"""Words with two mistakes are looked up among the words of the index that share this many first letters."""
_MOST_COMPARED = 3_000
_LONGEST = 30
"""Longer words are not corrected: every letter costs a hundred look-ups."""
_ALPHABET = 0x80
"""The size of a block of code points. A letter of the word may be mistyped for any letter in the same block."""


def index_words_near(searcher: Searcher, word: str, columns: Collection[str], most: int = 3) -> tuple[str, ...]:
    """Returns the words in these columns of the index that `word` may stand for, the nearest first (`nearest_words`).

    `word` must be a folded word, as from `split_into_words`. Words with one mistake are found wherever the mistake is.
    Words with two mistakes are found if their first three letters are right. Scripts whose words are indexed in pairs
    of letters are not supported: for them, nothing is found.
    """
    if not allowed_mistakes(word) or len(word) > _LONGEST or word.isdigit() or any(map(is_run_letter, word)):
        return ()
    counts: Counter[str] = Counter()
    for one in searcher.all:
        for column in columns:
            counts.update({near: found for near in _one_edit(word) if (found := one.doc_freq(column, near))})
    if allowed_mistakes(word) > 1:
        counts.update(_with_shared_start(searcher, word, columns, counts))
    return nearest_words(word, counts, most)


def _with_shared_start(searcher: Searcher, word: str, columns: Collection[str], known: Collection[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    letters, allowed = set(word), allowed_mistakes(word)
    for one in searcher.all:
        for column in columns:
            for other, found in one.terms_with_prefix(column, word[:_SHARED_START])[:_MOST_COMPARED]:
                if (
                    other not in known
                    and abs(len(other) - len(word)) <= allowed
                    and len(letters.symmetric_difference(other)) <= 2 * allowed
                    and count_typos(word, other, allowed) <= allowed
                ):
                    counts[other] += found
    return counts


def _one_edit(word: str) -> set[str]:
    """Returns every word that differs from `word` by one letter left out, replaced or inserted, or by two neighbouring
    letters that are swapped.
    """
    letters = _alphabet(word)
    parts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    out = {a + b[1:] for a, b in parts if b}
    out |= {a + b[1] + b[0] + b[2:] for a, b in parts if len(b) > 1}
    out |= {a + letter + b[1:] for a, b in parts if b for letter in letters}
    out |= {a + letter + b for a, b in parts for letter in letters}
    return out - {word, ""}


def _alphabet(word: str) -> frozenset[str]:
    blocks = {ord(letter) // _ALPHABET for letter in word if letter.isalpha()}
    every = (chr(code) for block in blocks for code in range(block * _ALPHABET, (block + 1) * _ALPHABET))
    return frozenset(c for c in every if unicodedata.category(c)[0] in "LM" and c == c.casefold())


# A query with its unknown words replaced.

_MOST_WORDS, _MOST_UNKNOWN = 20, 5
"""In a query with more words, or with more unknown words, none is corrected."""
_FEW, _TIMES = 3, 50
"""A word in at most `_FEW` articles is considered a mistake if a word that differs by one letter is in at least
`_TIMES` times as many."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A query text that may have been meant, and the number of articles that it finds. `words` pairs each replaced word
    of the query with its replacement, spelled as in an article.
    """

    text: str
    words: tuple[tuple[str, str], ...]
    total: int


def correct_spelling(db: Database, query: Query, most: int = 3) -> tuple[Correction, ...]:
    """Returns corrections of the words of a query that no article contains, or hardly any, best first. Only corrections
    that find articles are returned, with the filters of the query.

    If one word is unknown, the corrections differ in its replacement. If several words are unknown, each of them is
    replaced by the nearest word of the index. If nothing is found otherwise, unknown words without a near word are left
    out. Raises BadQuery, SiteNotFound or IndexMissing.
    """
    searcher = plan_query(db, query).searcher
    near: dict[str, tuple[str, ...]] = {}
    hopeless = []
    words = dict.fromkeys(_looked_up(ranking_terms(db, query)))
    rare = [(word, columns) for word, columns in words if _articles(searcher, word, columns) <= _FEW]
    if len(words) > _MOST_WORDS or len(rare) > _MOST_UNKNOWN:
        return ()
    for word, columns in rare:
        if found := _replacements(searcher, word, columns, most):
            near[word] = found
        elif not _articles(searcher, word, columns):
            hopeless.append(word)
    if not near:
        return ()
    if len(near) == 1:
        ((word, others),) = near.items()
        choices = [{word: other} for other in others]
    else:
        choices = [{word: others[0] for word, others in near.items()}]
    for left_out in [{}, dict.fromkeys(hopeless, "")] if hopeless else [{}]:
        corrections = (_correction(db, query, choice | left_out) for choice in choices)
        if found_any := tuple(one for one in corrections if one is not None):
            return found_any
    return ()


def _looked_up(node: Node | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields each word that a query requires, with the columns of the index in which it is looked for. Words to exclude
    and beginnings of words are left out.
    """
    for term in _searched_terms(node):
        words = split_into_words(term.text)
        for word in words[: len(words) - term.prefix]:
            yield word, _columns_of(term.column)


def _searched_terms(node: Node | None) -> Iterator[Term]:
    """Yields each term that a result must or may contain."""
    if isinstance(node, And | Or):
        for item in node.items:
            yield from _searched_terms(item)
    elif isinstance(node, Near):
        for term in node.terms:
            yield replace(term, column=node.column)
    elif isinstance(node, Term):
        yield node


def _columns_of(column: str) -> tuple[str, ...]:
    return (column,) if column else tuple(WEIGHTS)


def _replacements(searcher: Searcher, word: str, columns: Sequence[str], most: int) -> tuple[str, ...]:
    known = _articles(searcher, word, columns)
    found = index_words_near(searcher, word, columns, most)
    if not known:
        return found
    return tuple(
        one for one in found if count_typos(word, one, 1) == 1 and _articles(searcher, one, columns) >= _TIMES * known
    )


def _articles(searcher: Searcher, word: str, columns: Sequence[str]) -> int:
    """Returns a lower bound for the number of articles that contain a word in these columns: the highest number for any
    single column.
    """
    return max(index.doc_freq(column, word) for index in searcher.all for column in columns)


def _correction(db: Database, query: Query, replacements: dict[str, str]) -> Correction | None:
    """Returns the query with these (folded) words replaced; None if it finds nothing or cannot be parsed."""
    text = _replace_words(query.text, replacements)
    try:
        found = run(db, replace(query, text=text, sort="", recent=None, limit=1, offset=0))
    except BadQuery:
        return None
    if not found.total:
        return None
    shown = " ".join(
        text for hit in found.hits for text in (hit.snippet, hit.title, *hit.authors, *hit.categories, *hit.tags)
    )
    spelled = _spellings(shown, replacements.values())
    pairs = tuple((old, spelled.get(new, new)) for old, new in replacements.items())
    return Correction(" ".join(_replace_words(query.text, dict(pairs)).split()), pairs, found.total)


def _replace_words(text: str, replacements: dict[str, str]) -> str:
    """Returns a query text in which these (folded) words are replaced; a word replaced by "" is left out."""
    placed = words_with_places(text)
    out, end = "", 0
    for number, word in enumerate(placed.words):
        start, stop = placed.place(number)
        if word in replacements and start >= end:
            out, end = out + text[end:start] + replacements[word], stop
    return out + text[end:]


def _spellings(text: str, words: Collection[str]) -> dict[str, str]:
    """Maps each of these folded words to its first spelling in a text."""
    placed, out = words_with_places(text), dict[str, str]()
    for number, word in enumerate(placed.words):
        if word in words and word not in out:
            start, end = placed.place(number)
            out[word] = text[start:end]
    return out


# Names before a colon that are not fields.

_OTHER_NAMES = {
    **dict.fromkeys(("year", "month", "day", "time", "when", "before", "after", "since", "until", "published"), "date"),
    **dict.fromkeys(("by", "writer", "byline", "from"), "author"),
    **dict.fromkeys(("host", "domain", "blog", "source", "publisher"), "site"),
    **dict.fromkeys(("inurl", "address", "link"), "url"),
    **dict.fromkeys(("intitle", "headline", "subject"), "title"),
    **dict.fromkeys(("intext", "content", "fulltext"), "body"),
    **dict.fromkeys(("keyword", "keywords", "label", "hashtag"), "tag"),
    **dict.fromkeys(("section", "topic", "rubric"), "category"),
    **dict.fromkeys(("location", "loc", "city", "country", "where"), "place"),
    **dict.fromkeys(("agency", "wire"), "credit"),
}
"""Maps names of fields in other search engines to the field with the same meaning here."""
_DATE = re.compile(r"\d{4}(-\d{1,2}){0,2}(\.\.(\d{4}(-\d{1,2}){0,2})?)?")
_OPEN = {"after": "{}..", "since": "{}..", "before": "..{}", "until": "..{}"}


@dataclass(frozen=True, slots=True)
class FieldCorrection:
    """A name before a colon in a query that is not a field, and the field that may have been meant ("" if none is
    similar). `text` is the query with that field, and `total` the number of articles that it finds.
    """

    name: str
    field: str
    text: str
    total: int


def correct_fields(db: Database, query: Query) -> tuple[FieldCorrection, ...]:
    """Returns a correction for each name before a colon in a query's text that is not a field. Raises SiteNotFound or
    IndexMissing.
    """
    return tuple(_correct_field(db, query, one) for one in list_unknown_fields(query.text))


def similar_field(name: str, value: str) -> str:
    """Returns the field that an unknown name before a colon may stand for; "" if there is none."""
    lower = name.lower()
    if lower in _OTHER_NAMES:
        return _OTHER_NAMES[lower]
    if _DATE.fullmatch(value):
        return "date"
    return next(iter(nearest_words(lower, (*COLUMN_OF, *PREDICATES), 1)), "")


def _correct_field(db: Database, query: Query, unknown: UnknownField) -> FieldCorrection:
    field = similar_field(unknown.name, unknown.value)
    if not field:
        return FieldCorrection(unknown.name, "", query.text, 0)
    text = _with_field(query.text, unknown, field)
    try:
        total = plan_query(db, replace(query, text=text)).total
    except BadQuery:  # the field has no such value
        return FieldCorrection(unknown.name, "", query.text, 0)
    return FieldCorrection(unknown.name, field, text, total)


def _with_field(text: str, unknown: UnknownField, field: str) -> str:
    """Returns a query text with an unknown field replaced by this one; before:2025 becomes date:..2025."""
    value = text[unknown.at + len(unknown.name) + 1 : unknown.end]
    if field == "date":
        value = _OPEN.get(unknown.name.lower(), "{}").format(value)
    return f"{text[: unknown.at]}{field}:{value}{text[unknown.end :]}"


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
    corrected = replace(corrected, text=_replace_words(corrected.text, {old: new for old, new in words.items() if new}))
    typed = _spellings(query.text, words)
    changes += [f"{new} instead of {typed.get(old, old)}" for old, new in words.items() if new]
    if missing := [repr(typed.get(old, old)) for old, new in words.items() if not new]:
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
            text = _with_field(text, unknown, field)
            changes.insert(0, f"{field}: instead of {unknown.name}:")
    return text, changes


def _correct_words(plans: Sequence[Plan], query: Query) -> dict[str, str]:
    """Maps each word of the query that no article contains to the most similar word of the archives, or to "" if there
    is none. Words in scripts without spaces between words are left out, and so are names (of authors, categories and
    tags): see `_unknown_names`.
    """
    corrections: dict[str, str] = {}
    for word, column in islice(_looked_up_words(_parsed(query)), _MAX_WORDS):
        columns = _columns_of(column)
        if is_run_letter(word[0]) or _count(plans, columns, word):
            continue
        similar = [one for plan in plans for one in index_words_near(plan.searcher, word, columns, 1)]
        if similar or column not in LIST_FIELDS_BY_QUERY_NAME.values():
            corrections[word] = nearest_words(word, similar, 1)[0] if similar else ""
    return corrections


def _looked_up_words(node: Node | None) -> Iterator[tuple[str, str]]:
    """Yields each word that a result must or may contain, with the field in which it is looked up ("" for all)."""
    for term in _searched_terms(node):
        words, begun = lookup_words(term.text)
        yield from ((word, term.column) for word in (words[:-1] if term.prefix or begun else words))


def _count(plans: Iterable[Plan], columns: Iterable[str], word: str) -> int:
    return sum(plan.searcher.doc_freq(column, word) for plan in plans for column in columns)


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
    """Returns a sentence that says which name the archive does not have, and which names are similar or, if there are
    none, most common.
    """
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
    """Yields queries with one condition fewer, each with a phrase that says what it finds."""
    words = dict.fromkeys(_looked_up_words(_parsed(query)))
    present = [word for word, column in words if _count(plans, _columns_of(column), word)]
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
