"""The tree of a query as the index takes it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import tantivy
from sqlite_utils import Database
from tantivy import Occur, Query

from archiver.fields import WEIGHTS
from archiver.search.index_document import KEYS, NUMBERS, PAIRED, TEXTS, index_schema, paired
from archiver.search.index_searcher import Searcher
from archiver.search.query_tree import And, ByRows, Form, InBox, Key, Near, Node, Not, Or, SimilarTo, Span, Term, points
from archiver.search.words import lookup

# English words in all their forms: those of the index that have one stem.

MOST_FORMS = 60
_SHORTEST = 3


def stem(word: str) -> str:
    return _stems([word])[0]


def stem_forms(searcher: Searcher, word: str, columns: Collection[str]) -> tuple[Form, ...]:
    """The words of these columns that have the stem of this one, the word itself always among them, the most frequent
    first. All count as one word would that stands wherever one of them does: a rare form is no better sign of what was
    meant. A word in another script, or of one or two letters, has no other forms.
    """
    if not _is_english(word):
        return (Form(word),)
    own = stem(word)
    found: Counter[str] = Counter({word: 0})
    for column in columns:
        for beginning in prefix_forms(own):
            told = [
                (term, count)
                for one in searcher.all
                for term, count in one.terms_with_prefix(column, beginning)
                if _is_english(term)
            ]
            for (term, count), other in zip(told, _stems([term for term, _ in told]), strict=True):
                if other == own:
                    found[term] += count
    best = dict(found.most_common(MOST_FORMS)) | {word: found[word]}
    every = sum(one.num_docs for one in searcher.all)
    whole = rarity(min(sum(best.values()), every), every)
    return tuple(Form(term, min(1.0, whole / rarity(count, every))) for term, count in best.items())


def _is_english(word: str) -> bool:
    return len(word) >= _SHORTEST and word.isascii() and word.isalpha()


def prefix_forms(own: str) -> tuple[str, ...]:
    """What the forms of a stem begin with: happi has happy, us- using where the stem is use, dy- dying where it is die."""
    if len(own) > _SHORTEST:
        return (own[:-1],)
    if own[1:] == "ie":
        return own[:2], f"{own[0]}y"
    return (own[:2],) if own[-1:] in ("e", "i", "y") else (own,)


def rarity(count: int, every: int) -> float:
    """The inverse document frequency of BM25."""
    return math.log(1 + (every - count + 0.5) / (count + 0.5)) if every > count else math.log(1 + 0.5 / (count + 0.5))


@cache
def _analyzer() -> tantivy.TextAnalyzer:
    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).filter(tantivy.Filter.stemmer("english")).build()


def _stems(words: list[str]) -> list[str]:
    return list(_analyzer().analyze(" ".join(words)))


_LIKE_WEIGHTS = (("title", 2.0), ("body", 1.0))
_MOST_BEGUN = 2_000_000
"""How often words that begin so may be counted in articles where their places are asked for, too: a second or so, which
no limit of time would end."""


class TooManyPrefixes(Exception):
    """Of a phrase or NEAR with the beginning of so many words that nobody would wait for it."""


def compile_query(node: Node | None, db: Database, searcher: Searcher) -> Query:
    """A query for the index; None is every article. Facts do not change the rank. Raises TooManyBegin."""
    if node is None:
        return Query.all_query()
    if isinstance(node, And):
        return _every(node, db, searcher)
    if isinstance(node, Or):
        return Query.boolean_query([(Occur.Should, compile_query(item, db, searcher)) for item in node.items])
    if isinstance(node, Not):
        return _every(And((node,)), db, searcher)
    if isinstance(node, Term):
        return _in_columns(node.column, lambda column: _term(column, node, searcher))
    if isinstance(node, Near):
        return _in_columns(node.column, lambda column: _near(column, node, searcher))
    if isinstance(node, SimilarTo):
        return _like(node)
    if isinstance(node, Key):
        return _unranked(key_query(node.value))
    if isinstance(node, Span):
        return _unranked(_span(node))
    if isinstance(node, InBox):
        return _unranked(_one_of(KEYS, points(db, node)))
    assert isinstance(node, ByRows)
    return _unranked(_one_of("id", [row[0] for row in db.execute(node.sql, node.values) if row[0] is not None]))


def key_query(value: str) -> Query:
    return Query.term_query(index_schema(), KEYS, value.encode("utf-8", "replace").decode(), "basic")


def _one_of(field: str, values: Iterable[Any]) -> Query:
    there = sorted(set(values))
    return Query.term_set_query(index_schema(), field, there) if there else Query.empty_query()


def ranks(node: Node | None) -> bool:
    """Whether the words of a query put what they find in an order."""
    if isinstance(node, And | Or):
        return any(ranks(item) for item in node.items)
    return isinstance(node, Term | Near | SimilarTo)


def _every(node: And, db: Database, searcher: Searcher) -> Query:
    parts = [
        (Occur.MustNot, compile_query(item.item, db, searcher))
        if isinstance(item, Not)
        else (Occur.Must, compile_query(item, db, searcher))
        for item in node.items
    ]
    if all(occur == Occur.MustNot for occur, _ in parts):
        parts.append((Occur.Must, _unranked(Query.all_query())))
    return Query.boolean_query(parts)


def _unranked(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)


def _span(node: Span) -> Query:
    assert node.field in NUMBERS
    return Query.range_query(index_schema(), node.field, tantivy.FieldType.Integer, node.low, node.high)


def _in_columns(column: str, query: Callable[[str], Query]) -> Query:
    """What is asked of one column, or of all that have a weight."""
    if column:
        assert column in TEXTS
        return query(column)
    return Query.boolean_query(
        [(Occur.Should, Query.boost_query(query(name), weight)) for name, weight in WEIGHTS.items()]
    )


Row = list[tuple[Form, ...]]
"""Words in a row, for each the forms of which one is to stand there."""
Place = tuple[int, tuple[Form, ...], bool]
"""The number of a word in a row, its forms, and whether they are only the beginning of one."""


def _row_of(term: Term) -> tuple[Row, bool]:
    """Whether the last is only the beginning of a word stands with them."""
    tokens, begun = lookup(term.text)
    return list(term.forms) or [(Form(token),) for token in tokens], begun or term.prefix


def _places(row: Row, begun: bool) -> list[Place]:
    return [(at, forms, begun and at == len(row) - 1) for at, forms in enumerate(row)]


def _term(column: str, term: Term, searcher: Searcher) -> Query:
    row, begun = _row_of(term)
    if not row:
        return Query.empty_query()
    if len(row) > 1:
        return _in_a_row(column, row, begun, searcher)
    if begun:
        return Query.regex_query(index_schema(), column, re.escape(row[0][0].word) + ".*")
    return _either(column, row[0], searcher)


def _in_a_row(column: str, row: Row, begun: bool, searcher: Searcher) -> Query:
    phrase = _placed(column, _places(row, begun), 0, searcher)
    tokens = [forms[0].word for forms in row]
    plain = not begun and all(len(forms) == 1 for forms in row)
    pairs = paired(tokens, searcher.common).split() if plain and column in PAIRED else []
    if not pairs:
        return phrase
    if len(tokens) == 2:
        return _pair(column, tokens, pairs[0], searcher)
    return Query.boolean_query(
        [
            (Occur.Must, phrase),
            *(
                (Occur.Must, _unranked(Query.term_query(index_schema(), PAIRED[column], pair, "basic")))
                for pair in pairs
            ),
        ]
    )


def _pair(column: str, tokens: list[str], pair: str, searcher: Searcher) -> Query:
    """Two common words in a row, which count as much as both do by themselves: as in a phrase of other words."""
    own = rarity(searcher.doc_freq(PAIRED[column], pair), searcher.num_docs)
    both = sum(_rarity(column, token, searcher.all) for token in tokens)
    return Query.boost_query(Query.term_query(index_schema(), PAIRED[column], pair, "freq"), both / own)


def _rarity(column: str, word: str, indexes: Iterable[Searcher]) -> float:
    counts = [(one.doc_freq(column, word), one.num_docs) for one in indexes]
    return rarity(sum(count for count, _ in counts), sum(every for _, every in counts))


def _over_all(query: Query, column: str, words: Iterable[str], searcher: Searcher) -> Query:
    """A query of these words, of which an index counts itself how rare they are, by how rare they are in all indexes
    that are asked together."""
    if not searcher.beside:
        return query
    own, every = (sum(_rarity(column, word, indexes) for word in words) for indexes in ((searcher,), searcher.all))
    return Query.boost_query(query, every / own)


def _either(column: str, forms: Iterable[Form], searcher: Searcher) -> Query:
    """One of these words, each by its weight."""
    queries = [
        (_over_all(Query.term_query(index_schema(), column, form.word, "freq"), column, [form.word], searcher), form)
        for form in forms
    ]
    weighted = [query if form.weight == 1 else Query.boost_query(query, form.weight) for query, form in queries]
    return weighted[0] if len(weighted) == 1 else Query.boolean_query([(Occur.Should, query) for query in weighted])


def _near(column: str, node: Near, searcher: Searcher) -> Query:
    """Between the first term and the last stand at most so many words beside the other terms: no two are farther apart.

    So each two are asked for that far, a phrase by one word of it. Words of more than two the index would compare in
    one go by adding up how far each is from the next, in the order of their rarity: in a long text of few words that
    takes seconds, finds other articles when it also counts how often, and leaves out hardly any.
    """
    found = [_row_of(term) for term in node.terms]
    every = sum(len(row) for row, _ in found)
    telling = [(len(row), _rarest(column, row, begun, searcher)) for row, begun in found]
    pairs = [
        Query.boost_query(
            _beside(column, one, other, node.distance + every - one[0] - other[0], searcher), 1 / (len(found) - 1)
        )
        for one, other in combinations(telling, 2)
    ]
    phrases = [_in_a_row(column, row, begun, searcher) for row, begun in found if len(row) > 1]
    return Query.boolean_query([(Occur.Must, query) for query in (*pairs, *phrases)])


def _beside(column: str, one: tuple[int, Place], other: tuple[int, Place], most: int, searcher: Searcher) -> Query:
    """Two terms of so many words, each with a word of it, in either order and at most `most` words between them.

    The second begins at most `most` words and the length of the first behind where the first does, or `most` words and
    its own length before: as far to both sides of the middle of these, or of either of two.
    """
    (length, (at, forms, begun)), (length_2, (at_2, forms_2, begun_2)) = one, other
    middles = {(length - length_2) // 2, (length - length_2 + 1) // 2}
    return Query.boolean_query(
        [
            (
                Occur.Should,
                _placed(
                    column,
                    [(length_2 + at, forms, begun), (length_2 + at_2 + middle, forms_2, begun_2)],
                    most + (length + length_2) // 2,
                    searcher,
                ),
            )
            for middle in middles
        ]
    )


def _rarest(column: str, row: Row, begun: bool, searcher: Searcher) -> Place:
    """The word of a row that tells most where it stands: how many begin so is not known."""
    return min(
        _places(row, begun)[: len(row) - begun] or _places(row, begun),
        key=lambda place: sum(searcher.doc_freq(column, form.word) for form in place[1]),
    )


def _placed(column: str, places: Sequence[Place], slop: int, searcher: Searcher) -> Query:
    """Words in their places, with at most `slop` words more. Where forms or beginnings are among them their rarity is
    that of words which no article has."""
    if all(len(forms) == 1 and not begun for _, forms, begun in places):
        tokens = [forms[0].word for _, forms, _ in places]
        words: list[str | tuple[int, str]] = [(at, forms[0].word) for at, forms, _ in places]
        return _over_all(Query.phrase_query(index_schema(), column, words, slop), column, tokens, searcher)
    if (
        sum(
            count
            for _, forms, begun in places
            if begun
            for form in forms
            for _, count in searcher.terms_with_prefix(column, form.word)
        )
        > _MOST_BEGUN
    ):
        raise TooManyPrefixes(column)
    patterns = [
        (at, f"({'|'.join(re.escape(form.word) for form in forms)})" + ".*" * begun) for at, forms, begun in places
    ]
    asked: list[str | tuple[int, str]] = [*patterns]
    return _over_all(
        Query.regex_phrase_query(index_schema(), column, asked, slop),
        column,
        [pattern for _, pattern in patterns],
        searcher,
    )


def _like(node: SimilarTo) -> Query:
    """At least so many of the words, in the title or the text."""
    if not node.words:
        return Query.empty_query()
    return Query.boolean_query(
        [
            (
                Occur.Should,
                Query.boost_query(
                    Query.boolean_query(
                        [
                            (
                                Occur.Should,
                                Query.boost_query(Query.term_query(index_schema(), column, form.word, "freq"), weight),
                            )
                            for column, weight in _LIKE_WEIGHTS
                        ]
                    ),
                    form.weight,
                ),
            )
            for form in node.words
        ],
        minimum_number_should_match=node.needed,
    )
