"""Feeds of new and changed articles. For the web pages."""

from __future__ import annotations

from archiver.search.search_feeds import ATOM_TYPE, Feed, FeedEntry, changes_feed, write_atom

__all__ = ["ATOM_TYPE", "Feed", "FeedEntry", "changes_feed", "write_atom"]
