"""Copies and merges archives. For fleets."""

from __future__ import annotations

from archiver.maintenance.backup import copy_database, find_known_ends, size_of
from archiver.maintenance.merge_archives import MergeResult, merge_archive
from archiver.maintenance.verify_captures import find_warc_files

__all__ = [
    "MergeResult",
    "copy_database",
    "find_known_ends",
    "find_warc_files",
    "merge_archive",
    "size_of",
]
