"""A response as it matters to a crawl, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from archiver.items import Capture, Right, Visit
from archiver.spiders.job import Job

_LONGEST_VALIDATOR = 1_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as it matters here. Header names are in lower case; `body` is decoded of its content coding.

    `rights` are what its header fields and its host's file say of its use.
    """

    url: str
    status: int
    headers: dict[str, str]
    body: bytes
    at: datetime
    capture: Capture | None = None
    rights: tuple[Right, ...] = ()

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "")


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer came to. `follow` is the next request under the same ledger page, with its job."""

    visit: Visit
    follow: tuple[str, Job] | None = None
    is_feed: bool = False
    is_sitemap: bool = False
    platform: str = ""


def validator(answer: Answer, name: str) -> str:
    """What is kept to ask conditionally; one longer than servers write is not, for each request would carry it."""
    value = answer.headers.get(name, "")
    return value if len(value) <= _LONGEST_VALIDATOR else ""
