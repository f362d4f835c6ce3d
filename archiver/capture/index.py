"""The CDXJ index beside a WARC file: one line a capture, sorted, in place only when the file is whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC
from pathlib import Path

from archiver.capture.surt import surt_key
from archiver.items import Capture

_WARC = ".warc.gz"


def index_of(file: Path) -> Path:
    """Where the index of a WARC file stands: NAME.cdxj. It is there once the file is finished and on the disk."""
    return file.with_name(file.name.removesuffix(_WARC) + ".cdxj")


def open_index_of(file: Path) -> Path:
    """Where the lines of a file that is still written are gathered, unsorted."""
    return file.with_name(file.name.removesuffix(_WARC) + ".cdxj.open")


def cdxj_line(capture: Capture) -> bytes:
    """One CDXJ line: key (SURT), 14-digit timestamp, and the capture as JSON, in the fields and the order of pywb."""
    fields = {
        "url": capture.url, "mime": "warc/revisit" if capture.record_type == "revisit" else capture.media_type,
        "status": str(capture.status), "digest": capture.digest, "length": str(capture.warc_length),
        "offset": str(capture.warc_offset), "filename": capture.warc_file.rsplit("/", 1)[-1],
    }
    stamp = capture.captured_at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
    return f"{surt_key(capture.url)} {stamp} {json.dumps(fields, ensure_ascii=False)}\n".encode()


def seal(file: Path, lines: Iterable[bytes]) -> None:
    """Put the sorted index of a finished WARC file in its place, whole or not at all. Raises OSError."""
    index, gathered = index_of(file), open_index_of(file)
    made = index.with_name(index.name + ".new")
    with made.open("wb") as handle:
        handle.writelines(sorted(lines))
        handle.flush()
        os.fsync(handle.fileno())
    # In this order: a kill between two steps leaves no index, and so a file that is finished once more.
    gathered.unlink(missing_ok=True)
    made.replace(index)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Names of new and renamed files are on the disk only when their folder is (fsync(2))."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
