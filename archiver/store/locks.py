"""The files beside an archive that say who is at it: one for each site, each host, and each other task that writes."""

from __future__ import annotations

import glob
from hashlib import sha256
from pathlib import Path
from typing import Literal
from urllib.parse import quote

_LONGEST = 120  # characters of a name; file systems take 255 bytes in all


def lock_file(archive: Path, kind: Literal["site", "host"], name: str) -> Path:
    """No two names have the same file: what cannot stand in a file's name is written as in addresses (RFC 3986,
    section 2.1)."""
    written = quote(name.lower(), safe="")
    if len(written) > _LONGEST:
        written = f"{written[:_LONGEST - 65]}-{sha256(written.encode()).hexdigest()}"
    return archive.parent / f".{archive.name}.{kind}.{written}.lock"


def lock_files(archive: Path) -> list[Path]:
    """Those that there are, in an order that all who take several keep."""
    return sorted(archive.parent.glob(f".{glob.escape(archive.name)}.*.lock"))
