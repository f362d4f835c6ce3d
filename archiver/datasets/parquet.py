"""Parquet by columns: rows of a table, gathered into row groups whose borders depend on the rows alone.

The same rows make the same bytes (with one release of pyarrow). Zstandard; statistics and dictionaries for what is
looked for or repeats, none for long texts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import IO, Any

from archiver.errors import ExtraMissing
from archiver.fields import FIELDS, varying

_ROWS = 10_000
_AT_A_TIME = 200
"""Rows that are made into columns at a time: few enough to lie in the processor's cache while each column is taken."""
_SIGNS = 24_000_000
"""A row group ends where it has so many rows, or so many characters of long text."""
_LONG = frozenset({*varying("long"), "excerpt", "sketch"})
_UNIQUE = frozenset(
    {
        *varying("distinct"),
        "content_digest",
        "payload_digest",
        "latitude",
        "longitude",
        "ngram",
        "captured_at",
        "observed_at",
    }
)


def arrow() -> tuple[Any, Any]:
    """pyarrow and its Parquet module. Raises ExtraMissing where they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ExtraMissing("A dataset", "publish") from error
    return pyarrow, pyarrow.parquet


class ParquetTable:
    """One file, row by row. Row groups are compressed in another thread while the next is gathered."""

    def __init__(self, file: Path, columns: Iterable[tuple[str, str]]) -> None:
        """`columns` are names and kinds (text, integer, number, texts). `filled` counts by column what is not null, an
        empty text or list, or nought."""
        pa, pq = arrow()
        kinds = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "texts": pa.list_(pa.string())}
        self._types = {name: kinds[kind] for name, kind in columns}
        self._arrow = pa
        self._rows: list[dict[str, Any]] = []
        self._batches: list[Any] = []
        self._count = self._signs = 0
        self.filled: Counter[str] = Counter()
        self._schema = pa.schema(list(self._types.items()))
        self._pool = ThreadPoolExecutor(1)
        self._pending: Future[None] | None = None
        paths = {name: f"{name}.list.element" if kind == kinds["texts"] else name for name, kind in self._types.items()}
        self._writer = pq.ParquetWriter(
            str(file),
            self._schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[path for name, path in paths.items() if name not in _LONG | _UNIQUE],
            write_statistics=[path for name, path in paths.items() if name not in _LONG],
        )

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        self._count += 1
        self._signs += len(row.get("body") or "")
        if self._count == _ROWS or self._signs > _SIGNS:
            self._flush()
        elif len(self._rows) == _AT_A_TIME:
            self._gather()

    def _gather(self) -> None:
        """The rows so far as columns."""
        rows, self._rows = self._rows, []
        arrays = []
        for name, kind in self._types.items():
            values = [row[name] for row in rows]
            self.filled[name] += sum(map(bool, values))
            try:
                arrays.append(self._arrow.array(values, type=kind))
            except UnicodeEncodeError:
                arrays.append(self._arrow.array(list(map(_clean, values)), type=kind))
        self._batches.append(self._arrow.RecordBatch.from_arrays(arrays, schema=self._schema))

    def _flush(self) -> None:
        if self._rows:
            self._gather()
        batches, self._batches, self._count, self._signs = self._batches, [], 0, 0
        self._wait()
        self._pending = self._pool.submit(self._write, batches)

    def _write(self, batches: list[Any]) -> None:
        self._writer.write_table(self._arrow.Table.from_batches(batches).combine_chunks())

    def _wait(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def close(self) -> None:
        """Raises OSError where the disk is full, as `add` may."""
        try:
            if self._count:
                self._flush()
            self._wait()
        finally:
            self._pool.shutdown()
            self._writer.close()


def _clean(value: Any) -> Any:
    """Half of a surrogate pair is no Unicode, which Parquet's text has to be (the format's "String Types")."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    return [_clean(one) for one in value] if isinstance(value, list) else value


# Parquet: one column a field with its type, lists and objects nested, Zstandard.

_ROWS_A_GROUP = 5_000


def write_parquet(records: Iterable[dict[str, Any]], out: IO[bytes]) -> int:
    """Raises ExtraMissing where pyarrow is not installed."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ExtraMissing("Parquet", "parquet") from error
    text, degree = pa.string(), pa.float64()
    types = {
        "text": text,
        "time": text,
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
        "capture": pa.struct(
            [
                ("captured_at", text),
                ("digest", text),
                ("warc_file", text),
                ("warc_offset", pa.int64()),
                ("warc_length", pa.int64()),
            ]
        ),
    }
    schema = pa.schema([(f.name, types[f.shape]) for f in FIELDS])
    rows = iter(records)
    count = 0
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        while group := list(islice(rows, _ROWS_A_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count
