"""Decides about articles: which are the same post, what changed, revisions, near-duplicates. All functions are pure."""
