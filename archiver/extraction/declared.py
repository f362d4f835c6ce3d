"""What a page declares beside its text: language, description, lead image, its own address, the platform's number."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lxml.etree import _Element as Element

from archiver.extraction.candidates import from_api
from archiver.extraction.page import Page
from archiver.extraction.text import clean
from archiver.fields import BY_NAME, chosen
from archiver.items import Evidence, Lead

MOST_SHOWN = 80
"""Characters of a value that its evidence holds: there is one candidate, and none to compare it with."""
_DESCRIPTIONS = ("description", "og:description", "twitter:description", "dc.description", "sailthru.description")
_IMAGES = ("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src")
_TRUST = {"meta": 0.9, "head": 0.9, "json-ld": 0.9, "api": 0.97, "text": 0.6}
_Found = tuple[str | None, str, str]  # value, source, locator
_POST_ID = re.compile(r"^(?:postid|post)-(\d+)$")


@dataclass(frozen=True, slots=True)
class Declared:
    """What a page declares of itself: `values` as attributes of `Article`, and the evidence for each that it has."""

    values: Mapping[str, Any]
    evidence: tuple[Evidence, ...]


def declarations(page: Page, body: Element | None, lead: Lead | None) -> Declared:
    """What stands beside the text. Each value is taken from the first source in a fixed order that has it."""
    found = {name: read(page, body, lead) for name, read in _READERS.items()}
    return Declared(
        {name: value or ("" if BY_NAME[name].prose else None) for name, (value, _, _) in found.items()},
        tuple(Evidence(name, value[:MOST_SHOWN], source, locator, _TRUST.get(source, 0.8))
              for name, (value, source, locator) in found.items() if value))


def _told(value: str, lead: Lead | None, name: str) -> _Found:
    return value, "api" if from_api(lead) else "feed", name


def _language(page: Page, _: Element | None, lead: Lead | None) -> _Found:
    return page.language_told if page.language else _told(lead.language if lead else "", lead, "language")


def _description(page: Page, _: Element | None, lead: Lead | None) -> _Found:
    data = page.data
    for name in _DESCRIPTIONS:
        if found := data.meta_first(name):
            return found, "meta", name
    if found := next(iter(data.texts(data.article(page.addresses), "description")), ""):
        return found, "json-ld", "description"
    return _told(clean(lead.description if lead else ""), lead, "description")


def _image(page: Page, body: Element | None, lead: Lead | None) -> _Found:
    """The address of the lead image: declared, told by the source, or the first in the body."""
    data = page.data
    declared: list[_Found] = [(v, "meta", name) for name in _IMAGES for v in data.meta(name)]
    if not declared:
        node = data.article(page.addresses)
        declared += [
            (str(v.get("url") or v.get("contentUrl") or "") if isinstance(v, dict) else str(v), "json-ld", "image")
            for v in data.resolve((node or {}).get("image"))
        ]
    declared += [_told(lead.image, lead, "image")] if lead else []
    for value, source, locator in declared:
        if url := page.join(value):
            return url, source, locator
    if body is not None and (img := next(body.iter("img"), None)) is not None:
        return page.join(img.get("src") or img.get("data-src")), "text", "img"
    return "", "", ""


def _canonical_url(page: Page, _: Element | None, lead: Lead | None) -> _Found:
    return page.canonical, "head", "link[rel~=canonical], og:url"


_READERS: dict[str, Callable[[Page, Element | None, Lead | None], _Found]] = {
    "language": _language, "description": _description, "image": _image, "canonical_url": _canonical_url}
assert tuple(_READERS) == chosen("first")


def post_id(page: Page, lead: Lead | None) -> str:
    """The platform's own number of the post: it stays when the address changes."""
    if from_api(lead) and lead is not None:
        return lead.post_id
    if page.platform.name == "wordpress":
        for name in page.body_classes:
            if m := _POST_ID.match(name):
                return f"wordpress:{m[1]}"
        for el in page.index.select("link[rel~=shortlink]"):
            if m := re.search(r"[?&]p=(\d+)$", el.get("href") or ""):
                return f"wordpress:{m[1]}"
    if page.platform.name == "blogger":
        for el in page.index.select("meta[itemprop~=postId]")[:1]:
            if (value := clean(el.get("content"))).isdigit():
                return f"blogger:{value}"
    return lead.post_id if lead is not None else ""
