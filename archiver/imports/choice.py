"""Which records of a file are asked for: by site or host, and by the time of their capture."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from archiver.capture.answer import may_be_page
from archiver.capture.found import warc_date
from archiver.urls import normalize

_HELD = frozenset({"response", "resource", "revisit"})


@dataclass(frozen=True, slots=True)
class Choice:
    """`only` are hosts or names of sites ("example.org", "example.org/blog"); () is all. `apart` are sites within these
    whose addresses belong to another archive. `since` and `until` are days (YYYY-MM-DD, UTC), "" is open; both are
    within. `known_sites`: only addresses of sites that the archive has."""

    only: tuple[str, ...] = ()
    known_sites: bool = False
    since: str = ""
    until: str = ""
    all_captures: bool = False
    apart: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """One file read by another choice is another import."""
        values = {**asdict(self), "only": sorted(self.only), "apart": sorted(self.apart)}
        if not self.apart:
            del values["apart"]
        return json.dumps(values, sort_keys=True)

    def takes(self, url: str, is_known: Callable[[str], bool]) -> bool:
        """Whether an address is asked for. `is_known` says whether a site of the archive has it."""
        if self.only and not any(_within(url, name) for name in self.only):
            return False
        if any(_within(url, name) for name in self.apart):
            return False
        return not self.known_sites or is_known(url)

    def in_time(self, date: str) -> bool:
        """Whether a WARC-Date lies within; one that is none is let through, to be named."""
        if not self.since and not self.until:
            return True
        at = warc_date(date)
        day = at.date().isoformat() if at else ""
        return not day or (self.since <= day and (not self.until or day <= self.until))


def _within(url: str, name: str) -> bool:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host, _, path = name.partition("/")
    own = re.sub(r"^www\d?\.", "", parts.netloc.lower())
    if own != host and own.partition(":")[0] != host:
        return False
    return not path or f"{parts.path}/".startswith(f"/{path.strip('/')}/")


class Wanted:
    """Says of a record whether its block is held, as `foreign.Records` asks; `why` says of one that was not, why.

    A `normalize`d address is what decides, as it is stored.
    """

    def __init__(self, choice: Choice, is_known: Callable[[str], bool]) -> None:
        self._choice, self._is_known = choice, is_known

    def __call__(self, fields: dict[str, str], first: bytes) -> bool:
        kind = fields.get("warc-type", "").lower()
        if kind in ("request", "continuation"):
            return True
        if kind not in _HELD or self.why(fields):
            return False
        if kind == "revisit" or self._choice.all_captures or "warc-segment-number" in fields:
            return True
        if kind == "resource" and not fields.get("content-type", "").startswith("application/http"):
            return "html" in fields.get("content-type", "")
        return may_be_page(first)

    def why(self, fields: dict[str, str]) -> str:
        """ "other": no answer to a request by HTTP. "skipped": not asked for. "" for what is of concern."""
        url = fields.get("warc-target-uri", "").strip().strip("<>")
        if not url.lower().startswith(("http:", "https:")):
            return "other" if ":" in url else ""
        if not self._choice.in_time(fields.get("warc-date", "")):
            return "skipped"
        told = normalize(url)
        return "" if told is None or self._choice.takes(told, self._is_known) else "skipped"
