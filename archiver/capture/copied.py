"""A capture of a foreign file as records of our own: the response as it was, its request, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastwarc import WarcRecordType

from archiver.capture.exchange import Exchange, Original, exchange_records, fields_record, new_record_id, warc_date
from archiver.items import Capture


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a capture came from: the file, the place in it (see `packed.Place`), and what was changed in copying.

    `was` says what kind of record it was there; `url` is its address as written there and `digest` the payload digest
    that it declared, "" where these are the copy's own. `uri` and `fetched_at` say from where on the web it came, and
    when, of what was fetched from a web archive.
    """

    file: str
    place: str
    was: str = "WARC response"
    url: str = ""
    digest: str = ""
    notes: str = ""
    uri: str = ""
    fetched_at: datetime | None = None


def copied_records(exchange: Exchange, origin: Origin, original: Original | None = None, *,
                   asked: bool = True) -> tuple[tuple[bytes, ...], Capture]:
    """The response (or revisit) record with its own date, the request where one is known (`asked`), and a metadata
    record that names the origin; and the capture, whose place is the writer's to fill."""
    response_id = new_record_id()
    fetched = warc_date(origin.fetched_at) if origin.fetched_at else ""
    told = {"WARC-Source-URI": origin.uri, "WARC-Creation-Date": fetched}
    made = exchange_records(exchange, original, response_id, {k: v for k, v in told.items() if v})
    fields = {"source": origin.file, "source-place": origin.place, "source-record": origin.was,
              "source-uri": origin.url, "source-payload-digest": origin.digest, "notes": origin.notes,
              "fetched": fetched}
    metadata = fields_record(
        WarcRecordType.metadata,
        {"WARC-Date": warc_date(exchange.at), "WARC-Target-URI": exchange.url, "WARC-Concurrent-To": response_id},
        {name: " ".join(value.split()) for name, value in fields.items() if value})
    return (made.response, *((made.others,) if asked else ()), metadata), made.capture
