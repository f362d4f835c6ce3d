"""The formats in which records are exported, and their writers. For downloads from the web pages, and for datasets."""

from __future__ import annotations

from archiver.search.export_formats import (
    DATASET_FORMATS,
    EXPORT_FORMATS,
    arrow_schema,
    harmless_text,
    import_arrow,
    import_library,
    moment_of,
    write_csv,
    write_geojson,
    write_jsonl,
)

__all__ = [
    "DATASET_FORMATS",
    "EXPORT_FORMATS",
    "arrow_schema",
    "harmless_text",
    "import_arrow",
    "import_library",
    "moment_of",
    "write_csv",
    "write_geojson",
    "write_jsonl",
]
