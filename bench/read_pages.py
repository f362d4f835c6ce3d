#!/usr/bin/env python3
"""Read every page of a list with one extractor and keep nothing: a process whose peak memory is then its extractor's.

    bench/read_pages.py archiver|trafilatura LIST      LIST: JSON, [[file, address], ...]
"""

import json
import sys
from pathlib import Path
from typing import Any


def reader(name: str) -> Any:
    """An extractor as it is called on the corpus: whole article with all fields, comments aside."""
    if name == "archiver":
        from archiver import extract

        return extract
    from trafilatura import bare_extraction

    return lambda html, url: bare_extraction(html, url=url or None, include_comments=False, include_tables=True,
                                             with_metadata=True)


if __name__ == "__main__":
    read = reader(sys.argv[1])
    for name, address in json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")):
        read(Path(name).read_bytes(), address)
