"""Reads JSON from a server's answer, even with other text around it."""

from __future__ import annotations

import json
from typing import Any

from archiver.discovery.markup import decode, inflate

_MOST_VALUES = 3_000_000
"""Brackets and commas that are read of one body: a value takes some 60 bytes of memory and two on the wire."""


def parse_json(body: bytes) -> Any:
    """The JSON value in a body, or None. Text before it (a notice that PHP printed) and after it is ignored.

    Also None if it has more values than are read of one body.
    """
    text = decode(inflate(body)).strip()
    if len(text) > _MOST_VALUES and sum(map(text.count, "[{,")) > _MOST_VALUES:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    decoder = json.JSONDecoder(strict=False)
    tries = 0
    for start in (i for i, c in enumerate(text[:65_536]) if c in "[{"):
        tries += 1
        if tries > 200:
            break
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, (dict, list)) and (end - start) * 2 > len(text) - start:
            return value
    return None
