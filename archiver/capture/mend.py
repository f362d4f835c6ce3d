"""Finishing WARC files that a crawl left when it died: a torn last record is cut off, the index is made."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archiver.capture.index import cdxj_line, index_of, open_index_of, seal
from archiver.capture.members import capture_of, whole_members

NAME = re.compile(r"(.+)-(\d{14})-(\d{5,})\.warc\.gz")
"""How the archiver names a WARC file: site, time, number."""


@dataclass(frozen=True, slots=True)
class Mended:
    """`records` are the places (offset, length) of the whole records; `torn` the bytes that were cut off.

    `gap` is the offset of bytes that are no record and have whole records behind them: no crawl leaves that, a disk
    does. They are left as they are.
    """

    file: str
    records: frozenset[tuple[int, int]]
    torn: int = 0
    gap: int | None = None

    @property
    def sentence(self) -> str:
        """What was done, for a person; "" where the file only wanted its index."""
        if self.gap is not None:
            return f"{self.file} is damaged at byte {self.gap:,}; the records before and behind it are readable"
        if not self.torn:
            return ""
        what = "its last whole record" if self.records else "nothing: it held no whole record"
        return f"{self.file} was cut back by {self.torn:,} bytes to {what}"


def unfinished(folder: Path, prefix: str) -> list[Path]:
    """The WARC files of this prefix that have no index yet."""
    return sorted(file for file in folder.glob(f"{prefix}-*.warc.gz")
                  if (name := NAME.fullmatch(file.name)) and name[1] == prefix and not index_of(file).exists())


def mend(file: Path, told: Callable[[Mended], None]) -> Mended | None:
    """Cut a file back to its last whole record, tell of it, and put its index in place; None where a crawl writes it.

    `told` is called before the index says that all is well: if it does not come to that, the next crawl mends anew.
    Raises OSError.
    """
    with file.open("r+b") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        lines, places, end, gap = [], set(), 0, None
        for member in whole_members(handle):
            if member.offset != end and gap is None:
                gap = end
            end = member.offset + member.length
            places.add((member.offset, member.length))
            capture = capture_of(member, f"warc/{file.name}")
            if capture is not None:
                lines.append(cdxj_line(capture))
        torn = os.fstat(handle.fileno()).st_size - end
        if torn:
            handle.truncate(end)
        os.fsync(handle.fileno())
        mended = Mended(f"warc/{file.name}", frozenset(places), torn, gap)
        told(mended)
        if places:
            seal(file, lines)
        else:
            index_of(file).unlink(missing_ok=True)
            open_index_of(file).unlink(missing_ok=True)
            file.unlink()
    return mended
