"""Writes records as CSV, GeoJSON, JSON Lines and Parquet, lists all export formats, and writes the tables of a dataset
as Parquet files.

The tables of a dataset are reproducible: the same rows produce the same bytes with the same release of pyarrow, because
only the rows determine where a row group ends. Compression is Zstandard. Columns that are searched have statistics,
columns with repeating values have dictionaries, and columns of long texts have no statistics or dictionaries.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

from archiver.model.errors import ExtraMissing, LibraryMissing
from archiver.model.fields import FIELDS, MARK_KEYS, fields_varying

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


_ROWS = 10_000
_CHUNK_ROWS = 200
"""This many rows are converted to columns at a time, few enough to stay in the processor's cache."""
_CHARACTERS = 24_000_000
"""A row group ends after `_ROWS` rows, or earlier if its bodies have this many characters."""
_LONG = frozenset({*fields_varying("long"), "excerpt", "sketch"})
_UNIQUE = frozenset(
    {
        *fields_varying("distinct"),
        "content_digest",
        "payload_digest",
        "latitude",
        "longitude",
        "captured_at",
        "observed_at",
        "published_at",
        "modified_at",
    }
)


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


class ParquetTable:
    """Writes one Parquet file row by row. Each row group is compressed in another thread while the next one is
    collected.
    """

    def __init__(self, file: Path, columns: Iterable[tuple[str, str]]) -> None:
        """Opens the file. `columns` are as for `arrow_schema`. The attribute `filled` counts the values of each column
        that are not null, empty or zero. `written` is the size in bytes of the row groups that are in the file.
        """
        self._arrow, pq = import_arrow()
        self._file = file
        self.written = 0
        self._schema = arrow_schema(columns)
        self._types = {field.name: field.type for field in self._schema}
        self._values: Callable[[dict[str, Any]], tuple[Any, ...]] = itemgetter(*self._types)
        self._rows: list[dict[str, Any]] = []
        self._batches: list[Any] = []
        self._count = self._characters = 0
        self.filled: Counter[str] = Counter()
        self._pool = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None
        texts = self._arrow.list_(self._arrow.string())
        paths = {name: f"{name}.list.element" if kind == texts else name for name, kind in self._types.items()}
        self._writer = pq.ParquetWriter(
            str(file),
            self._schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[path for name, path in paths.items() if name not in _LONG | _UNIQUE],
            write_statistics=[path for name, path in paths.items() if name not in _LONG],
        )

    def add(self, row: dict[str, Any]) -> None:
        """Adds a row to the file. Raises OSError if the disk is full."""
        self._rows.append(row)
        self._count += 1
        self._characters += len(row.get("body") or "")
        if self._count == _ROWS or self._characters > _CHARACTERS:
            self._flush()
        elif len(self._rows) == _CHUNK_ROWS:
            self._gather()

    def _gather(self) -> None:
        """Converts the collected rows to columns of Arrow arrays."""
        rows, self._rows = self._rows, []
        arrays = []
        for kind, values in zip(self._types.values(), zip(*map(self._values, rows), strict=True), strict=True):
            try:
                arrays.append(self._arrow.array(values, type=kind))
            except UnicodeEncodeError:
                arrays.append(self._arrow.array(list(map(_replace_surrogates, values)), type=kind))
        self._batches.append(self._arrow.RecordBatch.from_arrays(arrays, schema=self._schema))

    def _flush(self) -> None:
        if self._rows:
            self._gather()
        batches, self._batches, self._count, self._characters = self._batches, [], 0, 0
        self._wait()
        self._pending = self._pool.submit(self._write, batches)

    def _write(self, batches: list[Any]) -> None:
        table = self._arrow.Table.from_batches(batches).combine_chunks()
        self.filled.update(
            {name: _count_filled(column) for name, column in zip(self._types, table.columns, strict=True)}
        )
        self._writer.write_table(table)

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None
            self.written = self._file.stat().st_size

    def close(self) -> None:
        """Writes the remaining rows and closes the file. Raises OSError if the disk is full."""
        try:
            if self._count:
                self._flush()
            self._wait()
        finally:
            self._pool.shutdown()
            self._writer.close()


def _count_filled(column: Any) -> int:
    """Returns how many values of a column are not null, empty or zero."""
    import pyarrow.types as kinds
    from pyarrow import compute

    if kinds.is_list(column.type):
        column = compute.list_value_length(column)
    elif kinds.is_string(column.type):
        column = compute.binary_length(column)
    elif not (kinds.is_integer(column.type) or kinds.is_floating(column.type)):
        return len(column) - int(column.null_count)
    return compute.sum(compute.not_equal(column, 0)).as_py() or 0


def _replace_surrogates(value: Any) -> Any:
    """Replaces unpaired surrogates in a value, because text in Parquet must be valid UTF-8 (the format's "String
    Types").
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    return [_replace_surrogates(one) for one in value] if isinstance(value, list) else value


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


FORMATS: dict[str, Format] = {
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
DATASET_FORMATS = tuple(f.name for f in FORMATS.values() if f.in_datasets)
