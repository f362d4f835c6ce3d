"""Parquet: one column a field with its type, lists and objects nested, Zstandard.

Times stay ISO 8601 text, for Parquet's own timestamps would lose the zone that the page gave.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import IO, Any

from archiver.errors import ExtraMissing
from archiver.fields import FIELDS

_ROWS_A_GROUP = 5_000


def write(records: Iterable[dict[str, Any]], out: IO[bytes]) -> int:
    """Raises ExtraMissing where pyarrow is not installed."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ExtraMissing("Parquet", "parquet") from error
    text, degree = pa.string(), pa.float64()
    types = {
        "text": text, "time": text, "integer": pa.int64(), "texts": pa.list_(text),
        "geotags": pa.list_(pa.struct([("latitude", degree), ("longitude", degree), ("placename", text),
                                       ("region", text), ("role", text), ("source", text),
                                       ("precision", degree)])),
        "capture": pa.struct([("captured_at", text), ("digest", text), ("warc_file", text),
                              ("warc_offset", pa.int64()), ("warc_length", pa.int64())]),
    }
    schema = pa.schema([(f.name, types[f.shape]) for f in FIELDS])
    rows = iter(records)
    count = 0
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        while group := list(islice(rows, _ROWS_A_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            count += len(group)
    return count
