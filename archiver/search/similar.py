"""More like this: what other articles are about the same thing, by the words that tell an article from others.

A word tells the more of an article the more often it stands in it, in the title above all, and the fewer others have it
(tf-idf). What is alike has several of these words; how many, and how rare they are, is the order (BM25). Nothing of it
depends on a language: words are those of `archiver.search.words`, so it holds for every script.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from sqlite_utils import Database

from archiver.errors import ArticleNotFound
from archiver.search.index.searcher import Searcher
from archiver.search.terms import Every, Form, Like, Node, Span, Without
from archiver.search.words import words

MOST_WORDS = 25
_MOST_LOOKED_UP = 600
_IN_TITLE = 4
"""A word of the title counts as one that stands so often in the text."""
_SHARE = 0.1
"""A word that more than a tenth of all articles have tells nothing of one; of few articles, a third of them."""
_FEW = 40
_NEEDED = 0.2
"""Of the words of an article so many are in one that is about the same thing."""


def like(db: Database, searcher: Searcher, number: int, *, near_copies: bool = False) -> Node:
    """What is about the same thing as an article, without it, those with the same text and, unless `near_copies`, those
    of its cluster. Raises ArticleNotFound."""
    row = next(iter(db.query("select id, title, body, description, duplicate_of, cluster_id from articles where id = ?",
                             [number])), None)
    if row is None:
        raise ArticleNotFound(str(number))
    telling = telling_words(searcher, row["title"] or "", row["body"] or row["description"] or "")
    needed = max(min(2, len(telling)), round(len(telling) * _NEEDED))
    group = row["duplicate_of"] or number
    apart = [Span("id", number, number)]
    if not near_copies:
        apart += [Span("group", group, group), *([Span("cluster", row["cluster_id"], row["cluster_id"])]
                                                 if row["cluster_id"] else [])]
    return Every((Like(number, telling, needed), *(Without(span) for span in apart)))


def telling_words(searcher: Searcher, title: str, body: str) -> tuple[Form, ...]:
    """The words that tell a text from others, those that tell most first; each as much as it stands out in it."""
    counts = Counter(_plain(body))
    for word in set(_plain(title)):
        counts[word] += _IN_TITLE
    every = searcher.num_docs
    most = max(every * _SHARE, min(every / 3, _FEW))
    rated = []
    for word, count in counts.most_common(_MOST_LOOKED_UP):
        others = max(searcher.doc_freq("body", word), searcher.doc_freq("title", word))
        if 1 < others <= most:
            much = 1 + math.log(count)
            rated.append((much * math.log(1 + every / others), much, word))
    rated.sort(key=lambda one: (-one[0], one[2]))
    return tuple(Form(word, much) for _, much, word in rated[:MOST_WORDS])


def _plain(text: str) -> Iterator[str]:
    """Without numbers and single letters, which tell little."""
    return (word for word in words(text) if len(word) > 1 and not word.isdigit())
