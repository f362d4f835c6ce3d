"""Whether a page may tell of a place at all: a glance that costs a tenth of reading all forms, and misses none."""

from __future__ import annotations

import re
from itertools import islice

from lxml.etree import _Element as Element

from archiver.extraction.geolinks import MAYBE
from archiver.extraction.page import Page

_META = re.compile(r"geo|icbm|latitude|locality|location|coverage|spatial|country|region|place")
_CLASSES = (
    "geo", "h-geo", "p-geo", "u-geo", "h-card", "p-location", "adr", "h-adr", "p-adr", "latitude", "p-latitude",
    "post-meta-key", "post-location", "entry-location", "post-geo", "geo-location",
)
_PROPERTY = re.compile(r"lat|geo|contentLocation|locationCreated|spatialCoverage|dateline")
_JSON = re.compile(r"geo|ocation|patial|dateline|[aA]ddress|areaServed|latitude|about|mainEntity|itemReviewed")
_DATA = ("-lat", "data-coord", "data-center", "data-geo")
_SCRIPT = re.compile(r"L\.(?:marker|circle)|setView|[lL]atLng|mapCenter|\blat\b")
_MOST_LINKS = 2_000


def may_tell(page: Page, body: Element | None) -> bool:
    """False where no form in which a page names a place is there; what this lets pass is read with care."""
    index = page.index
    return bool(
        _META.search(" ".join(page.data.meta_names()))
        or any(index.with_class(name) for name in _CLASSES)
        or any(_PROPERTY.search(el.get(a) or "") for a in ("itemprop", "property") for el in index.select(f"[{a}]"))
        or (bool(page.data.nodes) and any(map(_JSON.search, _json_ld(page))))
        or (body is not None and _in_text(page, body))
    )


def _json_ld(page: Page) -> list[str]:
    return [s.text or "" for s in page.index.tag("script") if "ld+json" in (s.get("type") or "")]


def _in_text(page: Page, body: Element) -> bool:
    """Map links, frames, elements with positions and scripts inside the text."""
    return (
        any(
            el.tag == "iframe" or MAYBE.search(el.get("href") or el.get("src") or "")
            for el in islice(body.iter("a", "iframe", "img"), _MOST_LINKS)
        )
        or any(_SCRIPT.search((s.text or "")[:50_000]) for s in body.iter("script"))
        or any(word in page.text for word in _DATA)
    )
