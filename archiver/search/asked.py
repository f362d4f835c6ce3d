"""A query in words: as the command line asks for it, which is how a saved one is shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from archiver.search.filters import Query


def as_options(query: Query) -> str:
    """The query as `archiver search` takes it, quoted for a shell; what is as by default is left out, and so are
    `limit` and `offset`, which say how much of it is shown."""
    return " ".join(_words(query))


def _words(query: Query) -> Iterator[str]:
    if query.text:
        yield shlex.quote(query.text)
    for one in fields(Query):
        value = getattr(query, one.name)
        if one.name in ("text", "limit", "offset") or value == one.default:
            continue
        name = {"duplicates": "--all"}.get(one.name, f"--{one.name.replace('_', '-')}")
        if value is True:
            yield name
        elif one.name in ("near", "bbox"):
            yield f"{name} {shlex.quote(','.join(f'{number:.12g}' for number in value))}"
        else:
            for each in value if isinstance(value, tuple) else (value,):
                yield f"{name} {shlex.quote(_text(each))}"


def _text(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
