"""What differs between two revisions of an article: as pieces of text, as data and as HTML. For the web pages."""

from __future__ import annotations

from archiver.articles.word_diff import DiffOp, Piece, word_diff
from archiver.search.revision_diff_as_data_or_html import (
    diff_as_data,
    edited_fields_html,
    edited_texts,
    pieces_as_html,
    previous_revision,
)

__all__ = [
    "DiffOp",
    "Piece",
    "diff_as_data",
    "edited_fields_html",
    "edited_texts",
    "pieces_as_html",
    "previous_revision",
    "word_diff",
]
