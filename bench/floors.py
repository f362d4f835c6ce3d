"""Floors: the lowest allowed figures, pinned with the digest of the corpus that they were measured on."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w
from table import Column, Rows

HEAD = """\
# The lowest figures that `bench/extraction --check` allows, each a little below what was measured ("slack" in the
# tables of bench/measure_corpus.py and bench/measure_learning.py). `bench/extraction --pin` writes this file. Lower a
# floor only in a commit of its own that gives the reason.

"""


class OtherCorpus(Exception):
    """The floors were pinned on a different corpus than the measured one."""


def digest(files: Iterable[Path]) -> str:
    """Return a SHA-256 of the names and contents of files. Their folder does not matter."""
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as opened:
            whole.update(f"{file.name} {hashlib.file_digest(opened, 'sha256').hexdigest()}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def pinned(columns: Sequence[Column], row: Mapping[str, Any]) -> dict[str, float]:
    """Return the floors of one row of figures."""
    return {c.key: c.slack.floor(row[c.key]) for c in columns if c.slack and row.get(c.key) is not None}


def below_floor(columns: Sequence[Column], row: Mapping[str, Any], floors: Mapping[str, float], name: str) -> list[str]:
    """Return the figures of one row that are below their floors, in words. Figures without a floor are not checked."""
    return [
        f"{name}: {c.title} {c.cell(row.get(c.key), judged=False)}, floor {c.form(floors[c.key])}"
        for c in columns
        if c.slack and c.key in floors and c.slack.broken(row.get(c.key), floors[c.key])
    ]


def check(part: Mapping[str, Any], columns: Sequence[Column], rows: Rows, measured_on: str) -> list[str]:
    """Return the figures of a table that are below the floors in `part` of the file. Raises OtherCorpus."""
    if part.get("digest") != measured_on:
        raise OtherCorpus(f"they were pinned on {part.get('digest', 'nothing')}, but {measured_on} was measured")
    floors: Mapping[str, Mapping[str, float]] = part["floors"]
    gone = [f"{name}: was not measured" for name in floors if name not in rows]
    return gone + [line for name, row in rows.items() for line in below_floor(columns, row, floors.get(name, {}), name)]


def part_of(columns: Sequence[Column], rows: Rows, measured_on: str) -> dict[str, Any]:
    """Return the floors of a table in the form of the file."""
    return {"digest": measured_on, "floors": {name: pinned(columns, row) for name, row in rows.items()}}


def read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def write(file: Path, parts: Mapping[str, Any]) -> None:
    file.write_text(HEAD + tomli_w.dumps(dict(parts)), encoding="utf-8")
