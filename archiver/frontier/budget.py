"""What one run may take of a host: pages, bytes, minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one run takes, by the names of the site's settings; 0 is without bound.

    A megabyte is 1,000,000 bytes, as they came over the wire.
    """

    max_pages: int = 0
    max_megabytes: float = 0.0
    max_minutes: float = 0.0

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Budget:
        """The budget that a site's settings name."""
        return cls(int(settings.get("max_pages") or 0), float(settings.get("max_megabytes") or 0),
                   float(settings.get("max_minutes") or 0))

    def spent(self, pages: int, size: int, seconds: float) -> str:
        """Which bound is reached, in words that name its setting; "" while there is none."""
        rows = ((pages, self.max_pages, f"{self.max_pages:,} pages (max_pages)"),
                (size / 1e6, self.max_megabytes, f"{self.max_megabytes:g} MB (max_megabytes)"),
                (seconds / 60, self.max_minutes, f"{self.max_minutes:g} minutes (max_minutes)"))
        return next((f"the site's budget of {words}" for used, most, words in rows if most and used >= most), "")
