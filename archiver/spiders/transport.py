"""A response of Scrapy's as the answer that is read."""

from __future__ import annotations

from datetime import UTC, datetime

from scrapy.http import Response

from archiver.capture.rights import TdmFile, of_headers
from archiver.spiders.reading import Answer


def answer_of(response: Response) -> Answer:
    """Header names in lower case; values that were sent several times joined by commas (RFC 9110, section 5.3)."""
    headers = {k.decode("latin-1").lower(): b", ".join(v).decode("latin-1") for k, v in response.headers.items()}
    tdm: TdmFile = response.meta.get("tdm") or TdmFile()
    told = ((k.decode("latin-1"), v.decode("latin-1")) for k, values in response.headers.items() for v in values)
    return Answer(url=response.url, status=response.status, headers=headers, body=response.body,
                  at=datetime.now(UTC), capture=response.meta.get("capture"),
                  rights=(*of_headers(told, response.url), *tdm.of(response.url)))
