"""Texts and their marks: as HTML and Markdown, the names of organizations, the language, and what comparisons of
texts need. For the web pages and datasets.
"""

from __future__ import annotations

from archiver.articles.article_comparison import fold_words
from archiver.articles.near_duplicates import UnionFind
from archiver.extraction.language import recognize_language
from archiver.extraction.person_names import is_organization
from archiver.markup.html_writer import text_direction, to_html
from archiver.markup.markdown_writer import to_markdown
from archiver.markup.text_marks import IMAGE_KINDS, carry_marks, links_of, meaning_of_marks, unpack_marks

__all__ = [
    "IMAGE_KINDS",
    "UnionFind",
    "carry_marks",
    "fold_words",
    "is_organization",
    "links_of",
    "meaning_of_marks",
    "recognize_language",
    "text_direction",
    "to_html",
    "to_markdown",
    "unpack_marks",
]
