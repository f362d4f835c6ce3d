"""The line before each document of an ARC file, by "Arc File Format" (Burner and Kahle, Internet Archive, 1996).

Version 1: URL, IP address, date, content type, length. Version 2 has the result code, a checksum, a location, an offset
and the file's name before the length. The file's first document is the version block, which says which of them it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_LINE = re.compile(rb"([a-zA-Z][a-zA-Z0-9+.-]{0,20}:[^\r\n]{0,8000}?) ((?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F:]{2,39}|-) "
                   rb"(\d{8,14}) ([^ \r\n]*) ((?:[^\r\n]{0,4000} )?)(\d{1,15}) *\r?\n")
_VERSION = re.compile(rb"\s*([12])[ \t]+\d+[ \t]+[^\n]*\n([^\n]*)")
_DIGITS = "19700101000000"


@dataclass(frozen=True, slots=True)
class Layout:
    """How many fields stand between the content type and the length."""

    between: int = 0


@dataclass(frozen=True, slots=True)
class AddressLine:
    """`fields` are named as those of a WARC record; a date that is none is left out."""

    fields: dict[str, str]
    length: int

    @property
    def is_version_block(self) -> bool:
        return self.fields["warc-type"] == "warcinfo"


def layout_of(block: bytes) -> Layout | None:
    """The layout that a version block names; None where it names none."""
    found = _VERSION.search(block)
    if found is None:
        return None
    return Layout(max(0, len(found[2].split()) - 5) if found[2].strip() else 5 * (found[1] == b"2"))


def address_line(line: bytes, layout: Layout) -> AddressLine | None:
    """What the line before a document says; None where it is no such line."""
    found = _LINE.match(line)
    if found is None or len(found[5].split()) not in (layout.between, 0, 5):
        return None
    url = found[1].decode("utf-8", "replace").strip()
    fields = {"warc-target-uri": url, "warc-type": "response", "arc-type": found[4].decode("latin-1").lower()}
    if url.startswith("filedesc:"):
        fields["warc-type"] = "warcinfo"
    elif not url.lower().startswith(("http:", "https:")):
        fields["warc-type"] = "other"
    if (ip := found[2].decode("ascii")) not in ("0.0.0.0", "-"):
        fields["warc-ip-address"] = ip
    if (at := arc_date(found[3].decode("ascii"))) is not None:
        fields["warc-date"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    else:
        fields["warc-date"] = found[3].decode("ascii")
    return AddressLine(fields, int(found[6]))


def arc_date(digits: str) -> datetime | None:
    """YYYYMMDDhhmmss in UTC; what is missing at the end is as early as can be. None where it is no date."""
    try:
        return datetime.strptime(digits + _DIGITS[len(digits):], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
