"""What runs of a saved search told of, as an Atom feed (RFC 4287)."""

from __future__ import annotations

from archiver.search.atom import feed
from archiver.search.saved import find, last
from archiver.web.answer import Asked, Sent

_ENTRIES = 100


def page(asked: Asked) -> Sent:
    saved = find(asked.db, asked.named["name"])
    return Sent(feed(saved, last(asked.db, saved.name, _ENTRIES),
                     own_url=asked.origin + asked.link(f"/searches/{saved.name}/feed")),
                "application/atom+xml; charset=utf-8")
