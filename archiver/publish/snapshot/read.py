"""Reading the tables of a snapshot again, from the Parquet files that it was written to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from archiver.publish.formats.columns import arrow
from archiver.publish.snapshot.tables import Table

_BATCH = 1_000


def table_files(folder: Path, table: Table) -> list[Path]:
    """The Parquet files of a table, by their names."""
    whole = folder / "data" / f"{table.name}.parquet"
    return [whole] if whole.exists() else sorted((folder / "data" / table.name).glob("*.parquet"))


def read(files: Iterable[Path], columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of Parquet files, one after another; all columns where none are named."""
    _, pq = arrow()
    for file in files:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(_BATCH, columns=columns and list(columns)):
                yield from batch.to_pylist()
