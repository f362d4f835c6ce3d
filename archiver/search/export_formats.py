"""Writes records as CSV, GeoJSON, JSON Lines and Parquet, and lists all export formats."""

from __future__ import annotations

import csv
import importlib
import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import IO, Any

from archiver.model.errors import ExtraMissing, LibraryMissing
from archiver.model.fields import FIELDS, MARK_KEYS

# CSV (RFC 4180, with line feeds): a header and one row per record; lists and objects as JSON.

_COLUMNS: tuple[str, ...] = tuple(field.name for field in FIELDS)


def write_csv(
    records: Iterable[dict[str, Any]], out: IO[bytes], columns: tuple[str, ...] = _COLUMNS, *, harmless: bool = False
) -> int:
    """Writes records as CSV with these columns to `out` and returns their number. With `harmless`, no cell is a formula
    to a spreadsheet.
    """
    clean = _harmless_cell if harmless else _cell
    text = io.TextIOWrapper(out, encoding="utf-8", errors="replace", newline="", write_through=True)
    try:
        table = csv.writer(text, lineterminator="\n")
        table.writerow(columns)
        count = 0
        for record in records:
            table.writerow([clean(record[name]) for name in columns])
            count += 1
        return count
    finally:
        text.detach()


def _cell(value: Any) -> Any:
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, date):
        return _time_text(value)
    # Many programs end a cell at a NUL character when they read CSV.
    return value.replace("\0", "") if isinstance(value, str) else value


_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def harmless_text(text: str) -> str:
    """Returns the text of a cell with an apostrophe before it if a spreadsheet would run it as a formula: if it begins
    with = + - @, a tab or a carriage return, and is not a number (OWASP, CSV Injection).
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _harmless_cell(value: Any) -> Any:
    cell = _cell(value)
    return harmless_text(cell) if isinstance(cell, str) else cell


def _time_text(value: Any) -> str:
    """Returns a time in UTC ("2024-05-01T12:00:00Z") or a day ("2024-05-01") as text in ISO 8601. Raises TypeError for
    any other value.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written")


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
        out.write(json.dumps(record, ensure_ascii=False, default=_time_text).encode("utf-8", "replace") + b"\n")
        count += 1
    return count


def write_json(records: Iterable[dict[str, Any]], out: IO[bytes]) -> int:
    """Writes records as one JSON array, a record per line, and returns their number."""
    count = 0
    for record in records:
        out.write((b",\n" if count else b"[\n") + json.dumps(record, ensure_ascii=False).encode("utf-8", "replace"))
        count += 1
    out.write(b"\n]\n" if count else b"[]\n")
    return count


def import_arrow() -> tuple[Any, Any]:
    """Imports pyarrow with its functions to compute, and returns it and its Parquet module. Raises ExtraMissing if it
    is not installed.
    """
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise ExtraMissing("A dataset", "datasets") from error
    return pyarrow, pyarrow.parquet


def import_library(library: str) -> Any:
    """Imports a library that no extra installs, and returns it. Raises LibraryMissing if it is not installed."""
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise LibraryMissing(library) from error


def arrow_schema(columns: Iterable[tuple[str, str]]) -> Any:
    """Returns the Arrow schema of columns, given as pairs of name and type (text, integer, number, time, date, texts).
    Raises ExtraMissing if pyarrow is not installed.
    """
    pa, _ = import_arrow()
    kinds = {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "time": pa.timestamp("us", "UTC"),
        "date": pa.date32(),
        "texts": pa.list_(pa.string()),
    }
    return pa.schema([(name, kinds[kind]) for name, kind in columns])


# Export of records: one typed column per field, with nested lists and objects.

_ROWS_PER_GROUP = 5_000
_OF_PAGES = ("published", "modified")
"""Times as a page states them: in its own time zone, and possibly only to the day. A column in UTC with the suffix _at
comes after each of them, as in a dataset.
"""


def moment_of(text: str | None) -> datetime | None:
    """Returns a time in ISO 8601 as a datetime in UTC; None for None, "" and times outside of the years 1 to 9999. A
    time without a zone is in UTC.
    """
    if not text:
        return None
    found = datetime.fromisoformat(text)
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        return None


def record_schema() -> Any:
    """Returns the Arrow schema of records. Times are timestamps in UTC to microseconds (timestamp[us, UTC]). Raises
    ExtraMissing if pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError as error:
        raise ExtraMissing("Parquet", "parquet") from error
    text, degree, time = pa.string(), pa.float64(), pa.timestamp("us", "UTC")
    types = {
        "text": text,
        "time": time,
        "integer": pa.int64(),
        "texts": pa.list_(text),
        "geotags": pa.list_(
            pa.struct(
                [
                    ("latitude", degree),
                    ("longitude", degree),
                    ("placename", text),
                    ("region", text),
                    ("role", text),
                    ("source", text),
                    ("precision", degree),
                ]
            )
        ),
        "marks": pa.list_(
            pa.struct([(name, pa.int64() if name in ("offset", "length") else text) for name in MARK_KEYS])
        ),
        "capture": pa.struct(
            [
                ("captured_at", time),
                ("digest", text),
                ("warc_file", text),
                ("warc_offset", pa.int64()),
                ("warc_length", pa.int64()),
            ]
        ),
    }
    columns = []
    for field in FIELDS:
        if field.name in _OF_PAGES:
            columns += [(field.name, text), (f"{field.name}_at", time)]
        else:
            columns.append((field.name, types[field.shape]))
    return pa.schema(columns)


def typed_record(record: dict[str, Any]) -> dict[str, Any]:
    """Returns a record as a row of the schema `record_schema`: with times as datetimes, and marks as objects."""
    times = {f.name: moment_of(record[f.name]) for f in FIELDS if f.shape == "time" and f.name not in _OF_PAGES}
    capture = record["capture"]
    return {
        **record,
        **times,
        **{f"{name}_at": moment_of(record[name]) for name in _OF_PAGES},
        "capture": capture and {**capture, "captured_at": moment_of(capture["captured_at"])},
        "markup": [dict(zip(MARK_KEYS, mark, strict=False)) for mark in record["markup"]],
    }


def write_parquet(records: Iterable[dict[str, Any]], out: IO[bytes]) -> int:
    """Writes records as one Parquet file and returns their number. Raises ExtraMissing if pyarrow is not installed."""
    schema = record_schema()
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = iter(records)
    count = 0
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        while group := list(islice(rows, _ROWS_PER_GROUP)):
            writer.write_table(pa.Table.from_pylist(list(map(typed_record, group)), schema=schema))
            count += len(group)
    return count


def arrow_table(records: Iterable[dict[str, Any]]) -> Any:
    """Returns records as a pyarrow.Table with the schema `record_schema`. Raises ExtraMissing if pyarrow is not
    installed.
    """
    schema = record_schema()
    import pyarrow as pa

    return pa.Table.from_pylist(list(map(typed_record, records)), schema=schema)


# The table of formats.

Writer = Callable[[Iterable[dict[str, Any]], IO[bytes]], int]


@dataclass(frozen=True, slots=True)
class Format:
    """An export format of records.

    - `write`: writes records to a file and returns their number.
    - `in_datasets`: True if `snapshot_writer` can write a dataset in this format.
    """

    name: str
    write: Writer
    doc: str
    in_datasets: bool = False


EXPORT_FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("jsonl", write_jsonl, "one JSON object per line", True),
        Format("json", write_json, "one JSON array"),
        Format("csv", write_csv, "a header and one row per record; lists and objects as JSON", True),
        Format(
            "geojson", write_geojson, "one Feature per article that has a position; other articles are left out", True
        ),
        Format(
            "parquet", write_parquet, "columns with their types, Zstandard; needs the extra archiver[parquet]", True
        ),
    )
}
"""All export formats by their names."""
DATASET_FORMATS = tuple(f.name for f in EXPORT_FORMATS.values() if f.in_datasets)
"""The names of the formats in which a dataset can be published."""
