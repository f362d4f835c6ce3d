"""Stored articles as records, with their revisions, evidence and clusters; and SQL that describes them. For the web
pages and datasets.
"""

from __future__ import annotations

from archiver.storage.article_records import (
    FIRST_ADDRESS,
    Record,
    cluster_of,
    evidence,
    find_article,
    readers,
    record,
    record_id,
    record_id_of,
    record_id_of_first,
    records,
    revision_record,
    revisions,
)
from archiver.storage.articles import FULL_CONTENT, count_articles
from archiver.storage.columns import IS_LIVE, VERSION_COUNT, stored_texts
from archiver.storage.field_evidence import FROM_ENTRIES, entry_column

__all__ = [
    "FIRST_ADDRESS",
    "FROM_ENTRIES",
    "FULL_CONTENT",
    "IS_LIVE",
    "VERSION_COUNT",
    "Record",
    "cluster_of",
    "count_articles",
    "entry_column",
    "evidence",
    "find_article",
    "readers",
    "record",
    "record_id",
    "record_id_of",
    "record_id_of_first",
    "records",
    "revision_record",
    "revisions",
    "stored_texts",
]
