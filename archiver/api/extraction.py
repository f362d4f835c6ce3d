"""Extracts the article of a page, by the rules of its site and by page objects. For imports and fleets."""

from __future__ import annotations

from archiver.articles.impossible_values import drop_impossible_values
from archiver.extraction.article import extract_page
from archiver.sites.page_objects import PageObjects, load_page_objects

__all__ = ["PageObjects", "drop_impossible_values", "extract_page", "load_page_objects"]
