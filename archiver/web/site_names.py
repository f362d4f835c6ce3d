"""Finds the names and icons by which the web pages show sites, in the captures of the sites' home pages."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archiver.api.citations import CitedArticle
from archiver.api.pages import Page, parse_page, site_names
from archiver.model.errors import ArchiverError
from archiver.web.archive_connections import get_cached
from archiver.web.capture_pages import read_capture
from archiver.web.safe_replay import memento_url_of
from archiver.web.web_requests import ArchiveRequest

# The title and the icon of a site, from its captured home page.


@dataclass(frozen=True, slots=True)
class HomePage:
    """What a site's home page says about the site: its name, and the URLs of its icons."""

    title: str = ""
    icons: tuple[str, ...] = ()


_HOME_PAGES: OrderedDict[tuple[Path, str], HomePage] = OrderedDict()
"""The content of the home pages that were read most recently, by the archive's folder and the digest of the page."""
_MOST_HOME_PAGES, _MOST_TITLE, _MOST_ICONS = 500, 60, 6
_MAX_ICON_BYTES = 20_000


def find_home_page(request: ArchiveRequest, site: dict[str, Any]) -> HomePage:
    """Returns what the latest capture of a site's start page says about the site."""
    row = _find_home_capture(request, site)
    return _read_home_page(request, row) if row else HomePage()


def _find_home_capture(request: ArchiveRequest, site: dict[str, Any]) -> dict[str, Any] | None:
    return next(
        iter(
            request.db.query(
                "select * from captures where url = ? and status = 200 and record_type = 'response' "
                "order by captured_at desc limit 1",
                [site["start_url"]],
            )
        ),
        None,
    )


def _read_home_page(request: ArchiveRequest, row: dict[str, Any]) -> HomePage:
    key = request.folder, row["digest"]
    if key not in _HOME_PAGES:
        try:
            response = read_capture(request.db, request.folder, row).response
            page = parse_page(response.body, row["url"], response.content_type)
            _HOME_PAGES[key] = HomePage(_title_of(page), tuple(_icons_of(page)))
        except ArchiverError:  # the front page does not need it; the page of the capture says why it cannot be read
            _HOME_PAGES[key] = HomePage()
        while len(_HOME_PAGES) > _MOST_HOME_PAGES:
            _HOME_PAGES.popitem(last=False)
    return _HOME_PAGES[key]


def _title_of(page: Page) -> str:
    return next((name for name in (*site_names(page), page.head_title) if 0 < len(name) <= _MOST_TITLE), "")


def _icons_of(page: Page) -> Iterator[str]:
    """Yields the URLs of the icons that a page declares, and that of /favicon.ico, which browsers always request."""
    declared = (link for link in page.index.tag("link") if "icon" in (link.get("rel") or "").lower().split())
    urls = (page.join(link.get("href")) for link in declared)
    yield from [url for url in urls if url][: _MOST_ICONS - 1]
    yield page.join("/favicon.ico")


def find_icon(request: ArchiveRequest, home: HomePage) -> str:
    """Returns the URL on this server of a captured icon; "" if none was captured or is small."""
    row = next(
        iter(
            request.db.query(
                "select * from captures where url in (select value from json_each(?)) and status = 200 and "
                "media_type like 'image/%' and warc_length <= ? order by captured_at desc limit 1",
                [json.dumps(home.icons), _MAX_ICON_BYTES],
            )
        ),
        None,
    )
    return memento_url_of(request, row, "im_") if row else ""


_MOST_READ = 5
"""A page reads at most this many home pages that were not read yet; the other sites keep their names for now."""


@dataclass(frozen=True, slots=True)
class SiteIdentity:
    """How a site is shown in lists: its name on its own home page, and the URL of its icon ("" if there is none)."""

    title: str
    icon: str


def identify_sites(
    request: ArchiveRequest, names: Iterable[str], most_read: int = _MOST_READ
) -> dict[str, SiteIdentity]:
    """Returns the titles and icons of sites by name. They are kept until the archive changes."""
    names = list(dict.fromkeys(names))
    known: dict[str, SiteIdentity] = get_cached(request.db, "site identities", None, dict)
    missing = [name for name in names if name not in known]
    for site in request.db.query(
        "select name, start_url from sites where name in (select value from json_each(?))", [json.dumps(missing)]
    ):
        row = _find_home_capture(request, site)
        if row and (request.folder, row["digest"]) not in _HOME_PAGES:
            if not most_read:
                continue
            most_read -= 1
        home = _read_home_page(request, row) if row else HomePage()
        known[site["name"]] = SiteIdentity(home.title or site["name"], find_icon(request, home))
    return {name: known.get(name) or SiteIdentity(name, "") for name in names}


def name_sites(
    request: ArchiveRequest, cited: Iterable[CitedArticle], most_read: int = _MOST_READ
) -> list[CitedArticle]:
    """Returns citations that name each site by its title, as its readers know it."""
    cited = list(cited)
    known = identify_sites(request, [one.site for one in cited], most_read)
    return [replace(one, site=known[one.site].title) for one in cited]
