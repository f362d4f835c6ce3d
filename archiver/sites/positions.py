"""Where in a TOML text a key stands. Python's reader tells of mistakes in the form, not where a value came from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

Path = tuple[str, ...]
_HEADER = re.compile(r"\s*\[\[?(.+?)\]\]?\s*(?:#.*)?$")
_WORD = r"""(?:[\w-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = re.compile(rf"(\s*)({_WORD}(?:\s*\.\s*{_WORD})*)\s*=")


def position(text: str, path: Path) -> tuple[int, int]:
    """Line and column (from 1) of a key or table, or of the nearest thing that holds it. `text` is valid TOML."""
    best, at = 0, (1, 1)
    for found, line, column in _keys(text):
        shared = next((n for n, (a, b) in enumerate(zip(found, path, strict=False)) if a != b),
                      min(len(found), len(path)))
        if shared == len(found) and shared > best:
            best, at = shared, (line, column)
    return at


def mistake(error: tomllib.TOMLDecodeError, text: str) -> tuple[str, str]:
    """Where a text is no TOML, and why, from Python's words."""
    lines = text.splitlines() or [""]
    match = re.fullmatch(r"(.*) \(at (line \d+, column \d+|end of document)\)", str(error), re.DOTALL)
    where, why = (match[2], match[1]) if match else ("it is no TOML", str(error))
    where = where.replace("end of document", f"line {len(lines)}, column {len(lines[-1]) + 1}")
    return where, why[:1].lower() + why[1:]


def _keys(text: str) -> Iterator[tuple[Path, int, int]]:
    """Every header and key at the beginning of a line. A line inside of a string that looks like one may be among them.
    """
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _path(header[1]) or table
            yield table, number, len(line) - len(line.lstrip()) + 1
        elif key := _KEY.match(line):
            yield (*table, *_path(key[2])), number, len(key[1]) + 1


def _path(dotted: str) -> Path:
    """A dotted key as its parts, read as TOML does it."""
    try:
        value: Any = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return ()
    out = []
    while isinstance(value, dict):
        (name, value), = value.items()
        out.append(name)
    return tuple(out)
