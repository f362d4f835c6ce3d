"""Reads, writes, checks and repairs WARC files and their CDXJ indexes, and decodes payloads. For all packages."""

from __future__ import annotations

from archiver.warc.payload import Decoding, decode_content, is_binary
from archiver.warc.warc_file_maintenance import (
    CheckedRecord,
    RepairedFile,
    check_record_at,
    find_unfinished_files,
    repair_warc,
)
from archiver.warc.warc_records import (
    MAX_BODY,
    Exchange,
    ForeignOrigin,
    GzipRecord,
    Headers,
    Original,
    StoredResponse,
    compute_payload_digest,
    copied_records,
    parse_capture,
    parse_named_fields,
    read_record,
    read_record_at,
    warc_date,
)
from archiver.warc.warc_writer import WarcWriter, held_finished, index_of, make_cdxj_line, sync_folder

__all__ = [
    "MAX_BODY",
    "CheckedRecord",
    "Decoding",
    "Exchange",
    "ForeignOrigin",
    "GzipRecord",
    "Headers",
    "Original",
    "RepairedFile",
    "StoredResponse",
    "WarcWriter",
    "check_record_at",
    "compute_payload_digest",
    "copied_records",
    "decode_content",
    "find_unfinished_files",
    "held_finished",
    "index_of",
    "is_binary",
    "make_cdxj_line",
    "parse_capture",
    "parse_named_fields",
    "read_record",
    "read_record_at",
    "repair_warc",
    "sync_folder",
    "warc_date",
]
