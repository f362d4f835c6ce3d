"""Appending WARC records to files, and the CDXJ line of each: the one place that writes captures."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from archiver.capture.exchange import Exchange, Original, exchange_records, warcinfo_record
from archiver.items import Capture
from archiver.urls import urlkey

_ROTATE_AT = 1 << 30


class WarcWriter:
    """WARC files under `root`/warc, a new one for each run and at each GiB.

    A file is only ever appended to, a record at a time and whole, by one writer: after a kill at
    most its last record is torn. Beside NAME.warc.gz stands NAME.cdxj, sorted when the file is closed.
    """

    def __init__(self, root: Path, prefix: str, software: str, description: str = "") -> None:
        self._root = root
        self._prefix = prefix
        self._software = software
        self._description = description
        self._file: BinaryIO | None = None
        self._cdxj: BinaryIO | None = None
        self._name = ""
        self._offset = 0
        self._serial = 0

    def __enter__(self) -> WarcWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def write(self, exchange: Exchange, original: Original | None = None) -> Capture:
        """Write one exchange; returns where its response record lies. Raises OSError when the disk refuses."""
        response, request, capture = exchange_records(exchange, original)
        if self._file is None or self._offset >= _ROTATE_AT:
            self._open(exchange.at)
        capture = replace(capture, warc_file=self._name, warc_offset=self._offset, warc_length=len(response))
        self._append(response + request)
        assert self._cdxj is not None
        self._cdxj.write(cdxj_line(capture))
        self._cdxj.flush()
        return capture

    def close(self) -> None:
        """Close the files; the CDXJ index is sorted, as the format asks."""
        if self._file is None or self._cdxj is None:
            return
        self._file.close()
        self._cdxj.close()
        index = Path(self._cdxj.name)
        index.write_bytes(b"".join(sorted(index.read_bytes().splitlines(keepends=True))))
        self._file = self._cdxj = None

    def _open(self, at: datetime) -> None:
        self.close()
        folder = self._root / "warc"
        folder.mkdir(parents=True, exist_ok=True)
        stamp = at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
        while True:
            self._serial += 1
            stem = f"{self._prefix}-{stamp}-{self._serial:05}"
            try:
                self._file = (folder / f"{stem}.warc.gz").open("xb")
                break
            except FileExistsError:
                continue
        self._cdxj = (folder / f"{stem}.cdxj").open("wb")
        self._name = f"warc/{stem}.warc.gz"
        self._offset = 0
        self._append(warcinfo_record(f"{stem}.warc.gz", at, self._software, self._description))

    def _append(self, data: bytes) -> None:
        assert self._file is not None
        try:
            self._file.write(data)
            self._file.flush()
        except OSError:
            # A full disk leaves half a record: cut it off, so that what was written before stays readable.
            self._file.seek(self._offset)
            self._file.truncate()
            raise
        self._offset += len(data)


def cdxj_line(capture: Capture) -> bytes:
    """One CDXJ line: urlkey, 14-digit timestamp, and the capture as JSON."""
    fields = {
        "url": capture.url, "mime": "warc/revisit" if capture.record_type == "revisit" else capture.media_type,
        "status": str(capture.status), "digest": capture.digest, "length": str(capture.warc_length),
        "offset": str(capture.warc_offset), "filename": capture.warc_file.rsplit("/", 1)[-1],
    }
    stamp = capture.captured_at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
    return f"{urlkey(capture.url)} {stamp} {json.dumps(fields, ensure_ascii=False)}\n".encode()
