"""The addresses of captures, and what an answer tells of the others (Memento, RFC 7089).

They are those that web archives have in common (the Internet Archive, pywb), so that what reads these reads this:

    web/URL                     TimeGate: the capture nearest to Accept-Datetime, the last one without it
    web/20240501120000/URL      a memento, made safe to be looked at
    web/20240501120000id_/URL   the same as it was captured, to be downloaded
    web/20240501120000im_/URL   an image, stylesheet or font that a page of that time is shown with
    web/timemap/link/URL        TimeMap, in application/link-format; timemap/json for programs
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote, unquote

from archiver.errors import BadAddress
from archiver.store.mementos import Row, time_of
from archiver.urls import asset_address
from archiver.web.answer import Asked, CannotAnswer

LINK_FORMAT = "application/link-format"
_PLACE = re.compile(r"(?:timemap/(link|json)/|(\d{4,14})([a-z]{2}_)?/)?(https?(?::|%3a).*)", re.IGNORECASE | re.DOTALL)
# RFC 3986 without what ends a link or a word in HTML, CSS and the Link field.
_AS_IT_IS = "/:?#[]@!$&*+,;=%~-._"


@dataclass(frozen=True, slots=True)
class Place:
    """What an address names: `timemap` is link, json or ""; `at` the time of a memento, None for the TimeGate, `stamp`
    the same as it was written; `flag` is what stands behind it."""

    url: str
    timemap: str = ""
    at: datetime | None = None
    stamp: str = ""
    flag: str = ""

    @property
    def as_captured(self) -> bool:
        return self.flag == "id_"

    @property
    def is_asset(self) -> bool:
        """Whether it is an image or the like that a page is shown with."""
        return self.flag not in ("", "id_")


def place_of(asked: Asked) -> Place:
    """Raises BadAddress and CannotAnswer."""
    text = asked.named["place"] + (f"?{asked.query}" if asked.query else "")
    found = _PLACE.fullmatch(text)
    if found is None:
        raise CannotAnswer(text, "a capture is named by a time and an address, 20240501120000/https://example.org/")
    form, stamp, flag, rest = found.groups()
    whole = unquote(rest) if re.match(r"https?%3a", rest, re.IGNORECASE) else rest
    url = asset_address(re.sub(r"^(https?):/+", r"\1://", whole, flags=re.IGNORECASE))
    if url is None:
        raise BadAddress(whole[:200], "write it like https://blog.example.org/")
    return Place(url, (form or "").lower(), _moment(stamp) if stamp else None, stamp or "", (flag or "").lower())


def _moment(stamp: str) -> datetime:
    """A time of 4 to 14 digits; what is left out is the beginning. Raises CannotAnswer."""
    digits = stamp + "00000101000000"[len(stamp):]
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise CannotAnswer(stamp, "a time has up to 14 digits, 20240501120000") from None


def stamp_of(row: Row) -> str:
    return f"{time_of(row).astimezone(UTC):%Y%m%d%H%M%S}"


def address(asked: Asked, kind: str, url: str) -> str:
    """An address of this server: kind is "web/", "web/20240501120000/", "view/20240501120000/" ..."""
    return f"{asked.base}{kind}{quote(url, safe=_AS_IT_IS)}"


def memento(asked: Asked, row: Row, flag: str = "") -> str:
    return address(asked, f"web/{stamp_of(row)}{flag}/", row["url"])


def headers(asked: Asked, url: str, rows: Sequence[Row], shown: Row | None = None) -> dict[str, str]:
    """The fields Link and Memento-Datetime (sections 2.1.1 and 2.2)."""
    told = {"link": ", ".join(_links(asked, url, rows, shown))}
    return told | {"memento-datetime": http_date(time_of(shown))} if shown else told


def _links(asked: Asked, url: str, rows: Sequence[Row], shown: Row | None) -> list[str]:
    at = asked.origin
    out = [f'<{quote(url, safe=_AS_IT_IS)}>; rel="original"', f'<{at}{address(asked, "web/", url)}>; rel="timegate"',
           f'<{at}{address(asked, "web/timemap/link/", url)}>; rel="timemap"; type="{LINK_FORMAT}"']
    named: dict[int, list[str]] = {}
    for rel, row in (("first", rows[0]), ("last", rows[-1]), *_beside(rows, shown)):
        named.setdefault(row["id"], []).append(rel)
    by_number = {row["id"]: row for row in rows}
    return out + [_memento_link(asked, by_number[number], " ".join(rels)) for number, rels in named.items()]


def _beside(rows: Sequence[Row], shown: Row | None) -> list[tuple[str, Row]]:
    n = next((n for n, row in enumerate(rows) if shown and row["id"] == shown["id"]), None)
    if n is None:
        return []
    return [("", rows[n]), *([("prev", rows[n - 1])] if n else []),
            *([("next", rows[n + 1])] if n + 1 < len(rows) else [])]


def _memento_link(asked: Asked, row: Row, rels: str) -> str:
    rel = " ".join((*rels.split(), "memento"))
    return f'<{asked.origin}{memento(asked, row)}>; rel="{rel}"; datetime="{http_date(time_of(row))}"'


def timemap_link(asked: Asked, url: str, rows: Sequence[Row]) -> str:
    """A TimeMap (section 5) as RFC 6690 has it, a link a line."""
    at = asked.origin
    span = f'from="{http_date(time_of(rows[0]))}"; until="{http_date(time_of(rows[-1]))}"'
    out = [f'<{quote(url, safe=_AS_IT_IS)}>; rel="original"', f'<{at}{address(asked, "web/", url)}>; rel="timegate"',
           f'<{at}{address(asked, "web/timemap/link/", url)}>; rel="self"; type="{LINK_FORMAT}"; {span}']
    for n, row in enumerate(rows):
        rels = [*(["first"] if n == 0 else []), *(["last"] if n == len(rows) - 1 else [])]
        out.append(_memento_link(asked, row, " ".join(rels)))
    return ",\n".join(out) + "\n"


def timemap_json(asked: Asked, url: str, rows: Sequence[Row]) -> dict[str, Any]:
    """The same for programs, in the names that the Memento project's own aggregator uses."""
    at = asked.origin
    listed = [{"datetime": time_of(row).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
               "uri": at + memento(asked, row)} for row in rows]
    return {"original_uri": url, "timegate_uri": at + address(asked, "web/", url),
            "timemap_uri": {"link_format": at + address(asked, "web/timemap/link/", url),
                            "json_format": at + address(asked, "web/timemap/json/", url)},
            "mementos": {"first": listed[0], "last": listed[-1], "list": listed}}


def http_date(at: datetime) -> str:
    """RFC 9110, section 5.6.7."""
    return format_datetime(at.astimezone(UTC).replace(microsecond=0), usegmt=True)
