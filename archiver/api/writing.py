"""Stores articles that no crawl of this archive found: their place among the revisions, their aliases, and when their
pages are due. For imports.
"""

from __future__ import annotations

from archiver.frontier.fetch_order import next_fetch_time, priority
from archiver.storage.articles import Change, Stored, add_aliases, extractor_of
from archiver.storage.capture_recovery import forget_lost
from archiver.storage.historical_revisions import (
    HistoricalArticle,
    article_at_time,
    enter_historical_article,
    merge_articles,
)

__all__ = [
    "Change",
    "HistoricalArticle",
    "Stored",
    "add_aliases",
    "article_at_time",
    "enter_historical_article",
    "extractor_of",
    "forget_lost",
    "merge_articles",
    "next_fetch_time",
    "priority",
]
