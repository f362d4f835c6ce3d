"""Parses pages, finds their requisites and the names of their site, and explains why a field has its value. For the web
pages and imports.
"""

from __future__ import annotations

from archiver.discovery.page_links import requisites_of_page, requisites_of_stylesheet, rewrite_stylesheet_urls
from archiver.extraction.explanations import FieldExplanation, explain, explanations_as_data
from archiver.extraction.page import Page, parse_page
from archiver.extraction.site_rules import SiteRules, to_toml
from archiver.extraction.titles import site_names

__all__ = [
    "FieldExplanation",
    "Page",
    "SiteRules",
    "explain",
    "explanations_as_data",
    "parse_page",
    "requisites_of_page",
    "requisites_of_stylesheet",
    "rewrite_stylesheet_urls",
    "site_names",
    "to_toml",
]
