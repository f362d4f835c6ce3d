"""What of a query depends on the words that an index has: the forms of a word, the words that tell an article."""

from __future__ import annotations

from dataclasses import replace

from sqlite_utils import Database

from archiver.fields import WEIGHTS
from archiver.search.fold import Fold
from archiver.search.index.searcher import Searcher
from archiver.search.similar import like
from archiver.search.stems import forms
from archiver.search.terms import Either, Every, Like, Near, Node, Term, Without
from archiver.search.words import lookup


def expanded(node: Node, db: Database, searcher: Searcher, fold: Fold) -> Node:
    """The tree with the forms of its words and the words of what is to be like an article. Raises ArticleNotFound."""
    if isinstance(node, Every | Either):
        return replace(node, items=tuple(expanded(item, db, searcher, fold) for item in node.items))
    if isinstance(node, Without):
        return Without(expanded(node.item, db, searcher, fold))
    if isinstance(node, Term):
        return _in_all_forms(node, node.column, searcher)
    if isinstance(node, Near):
        return replace(node, terms=tuple(_in_all_forms(term, node.column, searcher) for term in node.terms))
    if isinstance(node, Like):
        return like(db, searcher, node.article, near_copies=fold == "none")
    return node


def _in_all_forms(term: Term, column: str, searcher: Searcher) -> Term:
    if not term.stem:
        return term
    tokens, begun = lookup(term.text)
    if begun:  # half of a run, in a script that has no such forms
        return term
    return replace(term, forms=tuple(forms(searcher, token, (column,) if column else WEIGHTS) for token in tokens))
