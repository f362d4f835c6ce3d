"""Citations of an article: files for reference managers, references in three styles, and the metadata by which
reference managers recognize an article in a web page. For the web pages.
"""

from __future__ import annotations

from archiver.search.citations import (
    CITATION_STYLE_NAMES,
    CITATION_STYLES,
    CitedArticle,
    build_citation,
    format_coins,
    highwire_tags,
    reference_html,
    schema_org,
)

__all__ = [
    "CITATION_STYLES",
    "CITATION_STYLE_NAMES",
    "CitedArticle",
    "build_citation",
    "format_coins",
    "highwire_tags",
    "reference_html",
    "schema_org",
]
