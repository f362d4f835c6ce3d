"""Feeds of new and changed articles, and saved searches with their new results. For the web pages."""

from __future__ import annotations

from archiver.search.search_feeds import (
    FEED_MEDIA_TYPES,
    NEW_RESULT_REASONS,
    Feed,
    FeedEntry,
    FeedFormat,
    atom_feed,
    changes_feed,
    find_saved_search,
    last_reported,
    peek_saved_search,
    saved_search_states,
    write_atom,
    write_json_feed,
)

__all__ = [
    "FEED_MEDIA_TYPES",
    "NEW_RESULT_REASONS",
    "Feed",
    "FeedEntry",
    "FeedFormat",
    "atom_feed",
    "changes_feed",
    "find_saved_search",
    "last_reported",
    "peek_saved_search",
    "saved_search_states",
    "write_atom",
    "write_json_feed",
]
