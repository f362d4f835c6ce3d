"""Writes a table of a dataset as a Parquet file, in bounded memory.

The file is reproducible: the same rows produce the same bytes with the same release of pyarrow, because only the rows
determine where a row group ends. Compression is Zstandard. Columns that are searched have statistics, columns with
repeating values have dictionaries, and columns of long texts have no statistics or dictionaries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from typing import Any

from archiver.api.exports import arrow_schema, import_arrow
from archiver.model.fields import fields_varying

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
