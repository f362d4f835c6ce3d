"""JSON Lines: one object a line, UTF-8, the keys of the record in its order."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import IO, Any


def write(records: Iterable[dict[str, Any]], out: IO[bytes]) -> int:
    count = 0
    for record in records:
        out.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        count += 1
    return count
