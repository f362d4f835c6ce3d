"""Writes records as CSV, GeoJSON and JSON Lines, and lists all export formats."""

from __future__ import annotations

import csv
import importlib
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import IO, Any

from archiver.fields import FIELDS

# CSV (RFC 4180, with line feeds): a header and one row per record; lists and objects as JSON.

_COLUMNS: tuple[str, ...] = tuple(field.name for field in FIELDS)


def write_csv(records: Iterable[dict[str, Any]], out: IO[bytes], columns: tuple[str, ...] = _COLUMNS) -> int:
    """Writes records as CSV and returns their number."""
    text = io.TextIOWrapper(out, encoding="utf-8", errors="replace", newline="", write_through=True)
    try:
        table = csv.writer(text, lineterminator="\n")
        table.writerow(columns)
        count = 0
        for record in records:
            table.writerow([_cell(record[name]) for name in columns])
            count += 1
        return count
    finally:
        text.detach()


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False)
    # Many programs end a cell at a NUL character when they read CSV.
    return value.replace("\0", "") if isinstance(value, str) else value


# GeoJSON (RFC 7946): a FeatureCollection with one Feature per article that has a position. One position makes a Point,
# several make a MultiPoint. `properties` is the whole record, its `geotags` in the order of the points.


def write_geojson(records: Iterable[dict[str, Any]], out: IO[bytes]) -> int:
    """Writes the records that have a position as GeoJSON, and returns their number."""
    out.write(b'{"type": "FeatureCollection", "features": [')
    count = 0
    for record in records:
        geometry = geometry_of(record["geotags"])
        if geometry is None:
            continue
        feature = {"type": "Feature", "id": record["id"], "geometry": geometry, "properties": record}
        out.write(b",\n" if count else b"\n")
        out.write(json.dumps(feature, ensure_ascii=False).encode("utf-8", "replace"))
        count += 1
    out.write(b"\n]}\n")
    return count


def geometry_of(geotags: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Returns the positions of geo-tags as a GeoJSON geometry, longitude first (RFC 7946, section 3.1.1); None if no
    geo-tag has a position.
    """
    points = [
        [tag["longitude"], tag["latitude"]]
        for tag in geotags
        if tag["longitude"] is not None and tag["latitude"] is not None
    ]
    if not points:
        return None
    return (
        {"type": "Point", "coordinates": points[0]}
        if len(points) == 1
        else {"type": "MultiPoint", "coordinates": points}
    )


# JSON Lines: one object per line in UTF-8, keys in the order of the record.


def write_jsonl(records: Iterable[dict[str, Any]], out: IO[bytes]) -> int:
    """Writes records as JSON Lines and returns their number."""
    count = 0
    for record in records:
        out.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        count += 1
    return count


# The table of formats.

Writer = Callable[[Iterable[dict[str, Any]], IO[bytes]], int]


@dataclass(frozen=True, slots=True)
class Format:
    """An export format of records. `function` is the writer as MODULE.NAME within `archiver.datasets`; the module is
    imported on use. If `in_datasets` is True, `snapshot_writer` can write a dataset in this format.
    """

    name: str
    function: str
    doc: str
    in_datasets: bool = False

    @property
    def write(self) -> Writer:
        module, name = self.function.split(".")
        writer: Writer = getattr(importlib.import_module(f"archiver.datasets.{module}"), name)
        return writer


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("jsonl", "record_formats.write_jsonl", "one JSON object per line", True),
        Format("csv", "record_formats.write_csv", "a header and one row per record; lists and objects as JSON", True),
        Format(
            "geojson",
            "record_formats.write_geojson",
            "one Feature per article that has a position; other articles are left out",
            True,
        ),
        Format(
            "parquet",
            "parquet.write_parquet",
            "columns with their types, Zstandard; needs the extra archiver[parquet]",
            True,
        ),
    )
}
DATASET_FORMATS = tuple(f.name for f in FORMATS.values() if f.in_datasets)
