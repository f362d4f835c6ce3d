"""Whether a page can contain a place at all: a check that costs a tenth of a full reading, and misses none."""

from __future__ import annotations

import re
from itertools import islice

from lxml.etree import _Element as Element

from archiver.extraction.page import Page
from archiver.extraction.places.geolinks import SIGNS

# Parts of the names of meta elements and properties, regardless of case.
_NAMES = ("geo", "icbm", "lat", "locality", "location", "coverage", "spatial", "country", "region", "place", "dateline")
_CLASSES = (
    ".geo", ".h-geo", ".p-geo", ".u-geo", ".h-card", ".p-location", ".adr", ".h-adr", ".p-adr", ".latitude",
    ".p-latitude", ".post-meta-key", ".post-location", ".entry-location", ".post-geo", ".geo-location",
)
# For a subject, an author or a publisher only positions count, so these words cover them too.
_JSON = ('"geo"', "latitude", "map", "contentlocation", "spatial", "locationcreated", "dateline", '"location"')
_DATA = ("-lat", "data-coord", "data-center", "data-geo")
_SCRIPT = re.compile(r"L\.(?:marker|circle)|setView|[lL]atLng|mapCenter|\blat\b")
_MOST_LINKS = 2_000


def may_tell(page: Page, body: Element | None) -> bool:
    """False if the page has no notation for places; what passes is then read carefully."""
    index = page.index
    names = [*page.data.meta_names(), *(el.get("itemprop") or "" for el in index.select("[itemprop]")),
             *(el.get("property") or "" for el in index.select("[property]"))]
    return bool(
        _has(_NAMES, " ".join(names))
        or index.present(_CLASSES)
        or (page.data.nodes and _has(_JSON, _json_ld(page)))
        or (body is not None and _in_text(page, body))
    )


def _has(words: tuple[str, ...], text: str) -> bool:
    text = text.lower()
    return any(word in text for word in words)


def _json_ld(page: Page) -> str:
    return " ".join(s.text or "" for s in page.index.tag("script") if "ld+json" in (s.get("type") or ""))


def _in_text(page: Page, body: Element) -> bool:
    """Map links, frames, elements with positions and scripts in the text."""
    links = [el.get("href") or el.get("src") or "" for el in islice(body.iter("a", "img"), _MOST_LINKS)]
    return (
        _has(SIGNS, "\n" + "\n".join(links))
        or next(body.iter("iframe"), None) is not None
        or any(_SCRIPT.search((s.text or "")[:50_000]) for s in body.iter("script"))
        or any(word in page.text for word in _DATA)
    )
