"""Whether a folder is the snapshot that it says it is: every file against its sum, every table against the others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from archiver.publish.formats.columns import arrow
from archiver.publish.snapshot.build import SUMS, files_of, text_of, version_of
from archiver.publish.snapshot.read import table_files
from archiver.publish.snapshot.tables import ARTICLES, TABLES

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def check(folder: Path) -> tuple[str, ...]:
    """What is wrong, a sentence each; () where all is as it should be. Raises NotASnapshot and ExtraMissing."""
    told = version_of(folder)
    return (*_sums(folder, text_of(folder, SUMS)), *_tables(folder, told))


def _sums(folder: Path, text: str) -> Iterator[str]:
    listed: dict[str, str] = {}
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            listed[found[2]] = found[1]
        else:
            yield f"{SUMS} has a line that is no sum: {line[:80]!r}."
    there = set(files_of(folder))
    yield from (f"{name} is listed and not there." for name in sorted(set(listed) - there))
    yield from (f"{name} is there and not listed." for name in sorted(there - set(listed)))
    for name in sorted(there & set(listed)):
        try:
            with (folder / name).open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError as error:
            yield f"{name} cannot be read ({error.strerror})."
            continue
        if digest != listed[name]:
            yield f"{name} is not what was published: its SHA-256 is another."


def _tables(folder: Path, told: dict[str, Any]) -> Iterator[str]:
    pa, pq = arrow()
    said = told.get("rows")
    counts = said if isinstance(said, dict) else {}  # it may be what was changed
    ids: set[str] = set()
    for table in TABLES:
        files = table_files(folder, table)
        if not files:
            if counts.get(table.name) or not table.optional:
                yield f"The table {table.name} is not there."
            continue
        rows, strange, twice = 0, 0, 0
        for file in files:
            try:
                with pq.ParquetFile(file) as opened:
                    if [field.name for field in opened.schema_arrow] != [column.name for column in table.columns]:
                        yield f"{file.relative_to(folder)} has other columns than {table.name} has."
                    rows += opened.metadata.num_rows
                    for batch in opened.iter_batches(columns=["id"]) if table.of_article else ():
                        found = batch.column(0).to_pylist()
                        if table is ARTICLES:
                            twice += len(found) - len(set(found) - ids)
                            ids.update(found)
                        else:
                            strange += sum(one not in ids for one in found)
            except (pa.ArrowInvalid, OSError) as error:
                yield f"{file.relative_to(folder)} cannot be read ({' '.join(str(error).split())[:120]})."
        if rows != counts.get(table.name, 0):
            yield f"The table {table.name} has {rows:,} rows, and rebuild.json says {counts.get(table.name, 0)}."
        if strange:
            yield f"{strange:,} rows of {table.name} are of articles that are not there."
        if twice:
            yield f"{twice:,} rows of {table.name} have the id of another."
