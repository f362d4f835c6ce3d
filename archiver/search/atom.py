"""What a saved search told of as an Atom feed (RFC 4287), for feed readers.

The ids are UUIDs (RFC 9562) that are made from that of the saved search and the numbers of the articles: an article
keeps its entry when its address or its title changes. Times are in UTC.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from lxml import etree

from archiver.search.asked import as_options
from archiver.search.saved import WHY, New, Saved

ATOM = "http://www.w3.org/2005/Atom"
_NO_LETTERS = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (section 2.2)."""
_TAG = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_EXACT = ("second", "minute")


def feed(saved: Saved, told: Sequence[New], *, own_url: str = "", software: str = "archiver") -> bytes:
    """The feed of a saved search: an entry for each of what `archiver.search.saved.last` gives, in that order.

    `own_url` is where the feed is served, if it is. An entry says why it is new in its category. Without a byline the
    site stands for the author, whom an entry must have (section 4.1.2).
    """
    root = etree.Element(f"{{{ATOM}}}feed", nsmap={None: ATOM})  # type: ignore[dict-item]  # the stubs know of no default
    _add(root, "id", f"urn:uuid:{saved.uuid}")
    _add(root, "title", f"{saved.name}: {as_options(saved.query) or 'every article'}")
    _add(root, "updated", _utc(max((one.found_at for one in told), default=saved.saved_at)))
    _add(_add(root, "author"), "name", software)
    _add(root, "generator", software)
    if own_url:
        _add(root, "link", rel="self", type="application/atom+xml", href=own_url)
    for one in told:
        _enter(root, saved, one)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8", pretty_print=True)


def _enter(root: etree._Element, saved: Saved, one: New) -> None:
    hit = one.hit
    entry = _add(root, "entry")
    if hit.language and _TAG.fullmatch(hit.language):
        entry.set("{http://www.w3.org/XML/1998/namespace}lang", hit.language)
    _add(entry, "id", uuid.uuid5(uuid.UUID(saved.uuid), str(hit.id)).urn)
    _add(entry, "title", hit.title or hit.url)
    _add(entry, "updated", _utc(one.found_at))
    if hit.published and hit.published_precision in _EXACT:  # a day is no time, which this element takes alone
        _add(entry, "published", _utc(hit.published))
    for name in hit.authors or (hit.site,):
        _add(_add(entry, "author"), "name", name)
    _add(entry, "link", rel="alternate", href=hit.url)
    _add(entry, "category", term=one.why, label=WHY.get(one.why, one.why))
    _add(entry, "summary", hit.snippet)


def _add(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{ATOM}}}{name}")
    element.text = _NO_LETTERS.sub("", text) or None
    for key, value in attributes.items():
        element.set(key, _NO_LETTERS.sub("", value))
    return element


def _utc(moment: str) -> str:
    """A time as RFC 3339 has it; one without a zone is UTC."""
    when = datetime.fromisoformat(moment)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds").replace(
        "+00:00", "Z")
