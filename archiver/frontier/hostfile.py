"""A file that speaks for its whole host (robots.txt, tdmrep.json), as it was last read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FRESH = timedelta(hours=24)
"""For how long a copy may stand for the file (RFC 9309, section 2.4)."""


@dataclass(frozen=True, slots=True)
class HostFile:
    """`status` is that of the answer, `body` what it had, empty where the host has no such file.

    `fetched_at` is the last time that the host said so, be it by an answer 304.
    """

    fetched_at: datetime
    status: int
    body: bytes = b""
    etag: str = ""
    last_modified: str = ""

    def is_fresh(self, now: datetime) -> bool:
        """Whether it may be used without asking, or while the host cannot be asked."""
        return timedelta(0) <= now - self.fetched_at < FRESH
