"""Forms in which records leave the archive: one file each, this table over them.

A writer takes records (as `archiver.store.records` makes them) and a binary file, and returns how many
records it wrote. All write UTF-8, the same bytes for the same records.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO, Any

Writer = Callable[[Iterable[dict[str, Any]], IO[bytes]], int]


@dataclass(frozen=True, slots=True)
class Format:
    """One form. `module` is loaded when it is used; it has a function `write`."""

    name: str
    module: str
    doc: str

    @property
    def write(self) -> Writer:
        writer: Writer = importlib.import_module(f"archiver.publish.formats.{self.module}").write
        return writer


FORMATS: dict[str, Format] = {f.name: f for f in (
    Format("jsonl", "jsonl", "one JSON object a line"),
    Format("csv", "csv_table", "a header and one row a record; lists and objects as JSON in their cell"),
    Format("geojson", "geojson", "one Feature an article that has a position; the others are left out"),
    Format("parquet", "parquet", "columns with their types, Zstandard; needs the extra archiver[parquet]"),
)}
