"""What a person, a schedule or Scrapy's command line asks one run to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from archiver.model.errors import BadArgument
from archiver.model.items import DiscoveredURL, DiscoverySource, PageKind
from archiver.model.urls import start_address, urlkey
from archiver.storage.requisites import MODES, Mode

Only = Literal["", "missing", "set-aside", "pages"]
"""Limits a run to missing pages ("missing"), to missing and trap-excluded pages ("set-aside"), or to pages that a
person has named ("pages")."""
_ADDED_BY = "archiver add"
"""The `found_on` of pages that a person has named: the command that names them."""
_ARGUMENTS = "url, full, limit, since, requisites"
_YES, _NO = ("1", "true", "yes"), ("", "0", "false", "no")


@dataclass(frozen=True, slots=True)
class CrawlOrder:
    """What one run is asked to do.

    - `full`: fetch every known page again.
    - `limit`: end the run after that many posts.
    - `since`: skip posts that a source dates earlier.
    - `only`: limit the run to some pages (see `Only`).
    - `pages`: the URLs of the only pages to fetch, if `only` is "pages".
    - `mode`: overrides the site's own setting for requisites.
    - `scheduled`: True if quotas of groups and blackout hours limit the run.
    """

    start_url: str
    full: bool = False
    limit: int = 0
    since: datetime | None = None
    only: Only = ""
    pages: tuple[str, ...] = ()
    mode: Mode | None = None
    scheduled: bool = False

    @property
    def named_pages(self) -> list[DiscoveredURL]:
        """The pages that a person has named. They are believed to be posts, unless they are the home pages of their
        hosts.
        """
        return [_named_page(url) for url in self.pages]


def _named_page(url: str) -> DiscoveredURL:
    is_home = urlkey(url).endswith(")/")
    kind = PageKind.UNKNOWN if is_home else PageKind.POST
    return DiscoveredURL(url, DiscoverySource.IMPORT, kind, found_on=_ADDED_BY)


def _read_full(value: str | bool) -> bool:
    text = str(value).lower()
    if text not in (*_YES, *_NO):
        raise BadArgument("full", value, f"use {_YES[0]} or {_NO[1]}")
    return text in _YES


def _read_limit(value: str | int) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()):
        raise BadArgument("limit", value, "use a number of posts, such as 10")
    return int(text)


def _read_since(value: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if value else None
    except ValueError:
        raise BadArgument("since", value, "use a day, such as 2024-05-31") from None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _read_requisites(value: str) -> Mode | None:
    mode = next((mode for mode in MODES if mode == value), None)
    if value and mode is None:
        raise BadArgument("requisites", value, f"use {', '.join(MODES[:-1])} or {MODES[-1]}")
    return mode


def order_of_arguments(
    url: str,
    full: str | bool = False,
    limit: str | int = 0,
    since: str = "",
    only: Only = "",
    requisites: str = "",
    scheduled: bool = False,
    **more: Any,
) -> CrawlOrder:
    """Returns the order that the arguments of the spider give, as texts (`scrapy crawl -a`) or as values. Raises
    BadArgument for a value without a meaning, and for an argument that the spider does not have.
    """
    # Only `archiver add` passes pages, as a tuple: `scrapy crawl -a pages=...` would pass a text, and is refused.
    pages: tuple[str, ...] = more.pop("pages") if isinstance(more.get("pages"), tuple) else ()
    for unknown, value in more.items():
        raise BadArgument(unknown, value, f"the spider has no such argument; use {_ARGUMENTS}")
    return CrawlOrder(
        start_address(url) if url else "",
        full=_read_full(full),
        limit=_read_limit(limit),
        since=_read_since(since),
        only="pages" if pages else only,
        pages=pages,
        mode=_read_requisites(requisites),
        scheduled=scheduled,
    )
