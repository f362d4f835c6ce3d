"""What a page declares beside its text: description, lead image, the platform's own number of the post."""

from __future__ import annotations

import re

from lxml.etree import _Element as Element

from archiver.extraction.candidates import from_api
from archiver.extraction.page import Page
from archiver.extraction.text import clean
from archiver.items import Lead

_POST_ID = re.compile(r"^(?:postid|post)-(\d+)$")


def description(page: Page, lead: Lead | None) -> str:
    data = page.data
    found = data.meta_first(
        "description", "og:description", "twitter:description", "dc.description", "sailthru.description"
    )
    return (
        found
        or next(iter(data.texts(data.article(page.addresses), "description")), "")
        or clean(lead.description if lead else "")
    )


def image(page: Page, body: Element | None, lead: Lead | None) -> str | None:
    """The address of the lead image: declared, told by the source, or the first in the body."""
    data = page.data
    declared = data.meta("og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src")
    if not declared:
        node = data.article(page.addresses)
        declared += [
            str(v.get("url") or v.get("contentUrl") or "") if isinstance(v, dict) else str(v)
            for v in data.resolve((node or {}).get("image"))
        ]
    declared += [lead.image] if lead else []
    found = next((u for value in declared if (u := page.join(value))), None)
    if found is None and body is not None and (img := next(body.iter("img"), None)) is not None:
        found = page.join(img.get("src") or img.get("data-src")) or None
    return found


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
