"""CSV (RFC 4180, with line feeds): a header and one row a record, whatever lists it has in it.

Lists and objects stand in their cell as JSON, so that no separator has to be guessed. An empty cell is
a value that is not known.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import IO, Any

from archiver.fields import FIELDS

_COLUMNS: tuple[str, ...] = tuple(field.name for field in FIELDS)


def write(records: Iterable[dict[str, Any]], out: IO[bytes], columns: tuple[str, ...] = _COLUMNS) -> int:
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
    # A NUL ends a cell in many readers and is no text.
    return value.replace("\0", "") if isinstance(value, str) else value
