#!/usr/bin/env python3
"""Read all pages of a list with one extractor, keep nothing, and print the peak memory of the process in MB.

bench/read_pages.py archiver|trafilatura LIST      LIST: JSON, [[file, URL], ...]
"""

import json
import sys
from pathlib import Path
from typing import Any


def reader(name: str) -> Any:
    """Return an extractor as it is called on the corpus: all fields, without comments."""
    if name == "archiver":
        from archiver.extraction import extract

        return extract
    from trafilatura import bare_extraction

    return lambda html, url: bare_extraction(
        html, url=url or None, include_comments=False, include_tables=True, with_metadata=True
    )


def peak_mb() -> float:
    """Return the peak resident memory of this process (Linux). The value of wait4 would be at least that of the process
    that started it."""
    [line] = [x for x in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if x.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    read = reader(sys.argv[1])
    for name, address in json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")):
        read(Path(name).read_bytes(), address)
    print(peak_mb())
