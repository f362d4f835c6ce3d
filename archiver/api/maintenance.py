"""Copies and merges archives, and finishes takedowns. For fleets."""

from __future__ import annotations

from archiver.maintenance.backup import copy_database, find_known_ends, size_of
from archiver.maintenance.merge_archives import MergeResult, merge_archive
from archiver.maintenance.takedown import finish_pending_takedowns
from archiver.maintenance.verify_captures import find_warc_files

__all__ = [
    "MergeResult",
    "copy_database",
    "find_known_ends",
    "find_warc_files",
    "finish_pending_takedowns",
    "merge_archive",
    "size_of",
]
