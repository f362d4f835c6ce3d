"""A capture to be looked at: what it is of and when, around the page itself, in a frame in which nothing can act."""

from __future__ import annotations

from archiver.store.mementos import is_redirect, mementos, nearest
from archiver.urls import urlkey
from archiver.web import headers
from archiver.web.answer import Answer, Asked, Sent
from archiver.web.captured import stored
from archiver.web.pages.web import HTML, onward
from archiver.web.payload import media_type
from archiver.web.replay import place


def page(asked: Asked) -> Answer | Sent:
    where = place.place_of(asked)
    rows = mementos(asked.db, where.url)
    row = nearest(rows, where.at) if where.at else rows[-1]
    stamp = place.stamp_of(row)
    if where.stamp != stamp:
        return Sent("", "text/plain; charset=utf-8", 302,
                    {"location": place.address(asked, f"view/{stamp}/", row["url"])})
    found = stored(asked.db, asked.folder, row)
    response, n = found.response, rows.index(row)
    kind = media_type(response.content_type)
    to = onward(asked, found, rows, "view") if is_redirect(row) else ""
    article = asked.db.execute(
        "select article_id from revisions where capture_id = ? union all select article_id from article_urls where "
        "urlkey = ? limit 1", [row["id"], urlkey(row["url"])]).fetchone()
    return Answer("view.html", {
        "row": row, "status": response.status, "kind": kind, "article": article and article[0],
        "memento": place.memento(asked, row), "stamp": stamp, "count": len(rows), "number": n + 1,
        "is_page": kind in HTML, "is_image": kind.startswith("image/"), "onward": to,
        "leads_to": "http" + to.partition("/http")[2],
        "view": lambda one: place.address(asked, f"view/{place.stamp_of(one)}/", one["url"]),
        "before": rows[n - 1] if n else None, "after": rows[n + 1] if n + 1 < len(rows) else None,
        "listed": place.address(asked, "captures/", row["url"]),
    }, headers=place.headers(asked, where.url, rows), policy=f"{headers.OWN}; frame-src 'self'")
