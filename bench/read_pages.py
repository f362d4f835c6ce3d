#!/usr/bin/env python3
"""Read every page of a list with one extractor and keep nothing; print the process's peak memory in MB.

bench/read_pages.py archiver|trafilatura LIST      LIST: JSON, [[file, address], ...]
"""

import json
import sys
from pathlib import Path
from typing import Any


def reader(name: str) -> Any:
    """An extractor as it is called on the corpus: whole article with all fields, comments aside."""
    if name == "archiver":
        from archiver.extraction import extract

        return extract
    from trafilatura import bare_extraction

    return lambda html, url: bare_extraction(
        html, url=url or None, include_comments=False, include_tables=True, with_metadata=True
    )


def peak_mb() -> float:
    """The most memory this program had resident (Linux). What wait4 says would count that of the process that started
    it, too, where that is larger."""
    [line] = [x for x in Path("/proc/self/status").read_text(encoding="ascii").splitlines() if x.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    read = reader(sys.argv[1])
    for name, address in json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")):
        read(Path(name).read_bytes(), address)
    print(peak_mb())
