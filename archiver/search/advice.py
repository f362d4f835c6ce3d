"""What to search instead of a query that finds nothing: with corrected words, fields and names, or with one condition
less.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from archiver.model.errors import BadQuery
from archiver.model.fields import LIST_FIELDS_BY_QUERY_NAME, WEIGHTS
from archiver.model.words import similar_words
from archiver.search.index_documents import fold_name
from archiver.search.query import COLUMN_OF, Query, list_unknown_fields, parse_query, query_as_options
from archiver.search.query_tree import PREDICATES, And, Key, Near, Node, Or, Term
from archiver.search.search_hits import Plan, plan_query, usual_spelling
from archiver.search.word_splitting import is_run_letter, lookup_words, words_with_places

_MOST_WORDS, _LONGEST, _ALPHABET = 10, 30, 0x80
"""At most this many words are corrected, of at most so many letters. A letter may be mistyped for any in its block of
so many code points."""
_MOST_NAMED = 6
_NAMES = {
    "author": ("authors", "by any author"),
    "category": ("categories", "in any category"),
    "tag": ("tags", "with any tag"),
    "site": ("sites", "on any site"),
    "language": ("languages", "in any language"),
}
"""The filters whose values are names, with their plural and what a query without the filter finds."""
_WIDER: tuple[tuple[dict[str, Any], str], ...] = (
    ({"since": None, "until": None}, "at any time"),
    ({"near": None, "within": None, "bbox": None, "sort": ""}, "at any place"),
    *(({name: ()}, anywhere) for name, (_, anywhere) in _NAMES.items()),
)
"""Changes of a query that make it wider, with what the wider query finds."""
_OTHER_FIELDS = {
    **dict.fromkeys(("year", "month", "day", "when", "before", "after", "since", "until", "published"), "date"),
    **dict.fromkeys(("by", "writer", "byline", "from"), "author"),
    **dict.fromkeys(("host", "domain", "blog", "source", "publisher"), "site"),
    **dict.fromkeys(("intitle", "headline", "subject"), "title"),
    **dict.fromkeys(("intext", "content"), "body"),
    **dict.fromkeys(("keyword", "label", "hashtag"), "tag"),
    **dict.fromkeys(("section", "topic"), "category"),
    **dict.fromkeys(("location", "city", "country", "where"), "place"),
}
"""Maps names of fields in other search engines to the field with the same meaning here."""
_OPEN_DATES = {"after": "{}..", "since": "{}..", "before": "..{}", "until": "..{}"}
_DATE = re.compile(r"\d{4}(-\d{1,2}){0,2}(\.\.(\d{4}(-\d{1,2}){0,2})?)?")


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
    """What can be said about a query that finds nothing.

    - `notes`: sentences about words and names that the archive does not have.
    - `corrected`: the query with corrected words, fields and names; None if nothing was corrected, or if it finds
      nothing.
    - `wider`: queries with one condition less, if there is no corrected one.
    """

    notes: tuple[str, ...] = ()
    corrected: Suggestion | None = None
    wider: tuple[Suggestion, ...] = ()


def advise(plan: Plan, query: Query) -> Advice:
    """Returns advice on a query that finds nothing. `plan` is the plan of the query. It takes some milliseconds, so it
    is called only if nothing is found.
    """
    notes: list[str] = []
    text, changes = _with_fields(query.text)
    leaves = list(_leaves(_parsed(text, query)))
    words = _correct_words(plan, leaves)
    typed = _spellings(query.text, words)
    changes += [f"{new} instead of {typed.get(old, old)}" for old, new in words.items() if new]
    if missing := [repr(typed.get(old, old)) for old, new in words.items() if not new]:
        notes.append(f"No article contains {' or '.join((', '.join(missing[:-1]) or missing[0], *missing[1:][-1:]))}.")
    corrected = replace(query, text=_replace_words(text, words))
    for kind, value in _unknown_names(plan, query, leaves):
        counts = _known_names(plan, kind)
        similar = [usual_spelling(plan, kind, name) for name in similar_words(fold_name(value), counts, 2)]
        notes.append(_note_on_name(plan, kind, value, similar, counts))
        if similar:
            corrected = _replace_name(corrected, kind, value, similar[0])
            changes.append(f"{kind} {similar[0]} instead of {value}")
    change = ", ".join(changes)
    if corrected != query and (total := _count_matches(plan, corrected)):
        return Advice(tuple(notes), Suggestion(corrected, change, total))
    wider = (
        Suggestion(other, f"{change}, {what}" if change else what, total)
        for other, what in _widen(plan, corrected)
        if (total := _count_matches(plan, other))
    )
    return Advice(tuple(notes), None, tuple(wider))


def _count_matches(plan: Plan, query: Query) -> int:
    """Returns how many articles a query finds; 0 if it has no condition, since it would list the whole archive."""
    try:
        return plan_query(plan.db, query).total if query_as_options(query) else 0
    except BadQuery:
        return 0


# Fields.


def _with_fields(text: str) -> tuple[str, list[str]]:
    """Returns a query text with corrected names of fields (auther:Tom becomes author:Tom), and what was changed."""
    changes: list[str] = []
    for unknown in reversed(list_unknown_fields(text)):
        name, field = unknown.name.lower(), _similar_field(unknown.name.lower(), unknown.value)
        if field:
            value = text[unknown.at + len(name) + 1 : unknown.end]
            value = _OPEN_DATES.get(name, "{}").format(value) if field == "date" else value
            text = f"{text[: unknown.at]}{field}:{value}{text[unknown.end :]}"
            changes.insert(0, f"{field}: instead of {unknown.name}:")
    return text, changes


def _similar_field(name: str, value: str) -> str:
    if name in _OTHER_FIELDS:
        return _OTHER_FIELDS[name]
    if _DATE.fullmatch(value):
        return "date"
    return next(iter(similar_words(name, (*COLUMN_OF, *PREDICATES), 1)), "")


# Words.


def _leaves(node: Node | None) -> Iterator[Term | Key]:
    """Yields each term and key that a result must or may have."""
    if isinstance(node, And | Or):
        for item in node.items:
            yield from _leaves(item)
    elif isinstance(node, Near):
        yield from (replace(term, column=node.column) for term in node.terms)
    elif isinstance(node, Term | Key):
        yield node


def _words_of(leaves: Iterable[Term | Key]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yields each word of a query, with the columns of the index in which it is looked for."""
    for term in leaves:
        if isinstance(term, Term):
            words, begun = lookup_words(term.text)
            for word in words[:-1] if term.prefix or begun else words:
                yield word, (term.column,) if term.column else tuple(WEIGHTS)


def _correct_words(plan: Plan, leaves: Iterable[Term | Key]) -> dict[str, str]:
    """Maps each word of the query that no article contains to the most similar word of the archive, or to "" if there
    is none. Words in scripts without spaces between words are left out.
    """
    found: dict[str, str] = {}
    for word, columns in islice(_words_of(leaves), _MOST_WORDS):
        if not is_run_letter(word[0]) and not _count(plan, columns, word):
            counts = Counter({other: _count(plan, columns, other) for other in _one_edit(word)})
            best = max(counts, key=lambda other: (counts[other] > 0, other[0] == word[0], counts[other]), default="")
            if counts[best] or columns[0] not in LIST_FIELDS_BY_QUERY_NAME.values():
                found[word] = best if counts[best] else ""
    return found


def _count(plan: Plan, columns: Iterable[str], word: str) -> int:
    return sum(plan.searcher.doc_freq(column, word) for column in columns)


def _one_edit(word: str) -> set[str]:
    """Returns every word that differs from `word` by one letter left out, replaced or inserted, or by two neighbouring
    letters that are swapped; nothing for a number, or for a very short or very long word.
    """
    if not 2 < len(word) <= _LONGEST or word.isdigit():
        return set()
    blocks = {ord(letter) // _ALPHABET * _ALPHABET for letter in word if letter.isalpha()}
    every = {chr(code) for block in blocks for code in range(block, block + _ALPHABET)}
    letters = [one for one in every if unicodedata.category(one)[0] in "LM" and one == one.casefold()]
    parts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    out = {a + b[1:] for a, b in parts if b} | {a + b[1] + b[0] + b[2:] for a, b in parts if len(b) > 1}
    out |= {a + letter + rest for a, b in parts for letter in letters for rest in {b, b[1:]}}
    return out - {word}


def _replace_words(text: str, replacements: dict[str, str]) -> str:
    """Returns a query text in which these (folded) words are replaced; a word that maps to "" stays."""
    placed = words_with_places(text)
    out, end = "", 0
    for number, word in enumerate(placed.words):
        start, stop = placed.place(number)
        if replacements.get(word) and start >= end:
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


# Names of sites, authors, categories, tags and languages.


def _unknown_names(plan: Plan, query: Query, leaves: Iterable[Term | Key]) -> Iterator[tuple[str, str]]:
    """Yields each name that the query asks for and no article has, as (kind, name): of its filters, and of its fields
    site: and language:.
    """
    for kind in _NAMES:
        for value in getattr(query, kind):
            if not _count_matches(plan, _with(Query(), {kind: (value,)})):
                yield kind, value
    for leaf in leaves:
        kind, _, value = leaf.value.partition(":") if isinstance(leaf, Key) else ("", "", "")
        if kind in ("site", "language") and not plan_query(plan.db, Query(), leaf).total:
            yield kind, value


def _known_names(plan: Plan, kind: str) -> Counter[str]:
    """Returns the names that articles have for a kind, in the form in which the index has them, with the number of
    articles.
    """
    return Counter(dict(plan.searcher.terms_with_prefix(kind, "")))


def _note_on_name(plan: Plan, kind: str, value: str, similar: Sequence[str], counts: Counter[str]) -> str:
    """Returns a sentence that says which name the archive does not have, and which names are similar or, if there are
    none, most common.
    """
    there_is = f"No article has the {kind} {value!r}" if kind != "site" else f"There is no site {value!r}"
    if similar:
        return f"{there_is}; did you mean {' or '.join(map(repr, similar))}?"
    if not counts:
        return f"{there_is}; the archive has no {_NAMES[kind][0]}."
    common = sorted(counts, key=lambda name: (-counts[name], name))[:_MOST_NAMED]
    more = f" and {len(counts) - len(common):,} more" if len(counts) > len(common) else ""
    shown = ", ".join(usual_spelling(plan, kind, name) for name in common)
    return f"{there_is}. The {_NAMES[kind][0]} are {shown}{more}."


def _replace_name(query: Query, kind: str, value: str, new: str) -> Query:
    names = tuple(new if one == value else one for one in getattr(query, kind))
    text = re.sub(rf'(?i)\b({kind}):"?{re.escape(value)}"?', lambda found: f"{found[1]}:{new}", query.text)
    return _with(query, {"text": text, kind: names})


# Wider queries.


def _widen(plan: Plan, query: Query) -> Iterator[tuple[Query, str]]:
    """Yields queries with one condition less, each with what it finds."""
    words = dict.fromkeys(_words_of(_leaves(_parsed(query.text, query))))
    present = [word for word, columns in words if _count(plan, columns, word)]
    if present and len(words) > 1:
        change = "any of the words" if len(present) > 1 else "only this word"
        yield replace(query, text=" OR ".join(dict.fromkeys(present))), change
    for changes, what in _WIDER:
        other = _with(query, changes)
        if other != replace(query, sort=other.sort):
            yield other, what


def _with(query: Query, changes: dict[str, Any]) -> Query:
    return replace(query, **changes)


def _parsed(text: str, query: Query) -> Node | None:
    try:
        return parse_query(text)
    except BadQuery:
        return None
