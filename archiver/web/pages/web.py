"""Captures by address and time: TimeGate, TimeMap and mementos (RFC 7089)."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence

from archiver.capture.asked import NotCaptured
from archiver.discovery.mementos import http_date
from archiver.discovery.requisites import of_stylesheet, renamed
from archiver.extraction.page import parse
from archiver.store.mementos import Row, held, is_redirect, mementos, nearest, time_of
from archiver.urls import asset_address, urlkey
from archiver.web.answer import Asked, CannotAnswer, Sent
from archiver.web.captured import Stored, stored
from archiver.web.payload import media_type, sent
from archiver.web.replay import place
from archiver.web.replay.safe import POLICY, named, safe

HTML = frozenset({"text/html", "application/xhtml+xml"})
_FIELD = re.compile(r"[\x20-\x7e\x80-\xff]*")
_ORIGINAL = "x-archive-orig-"


def page(asked: Asked) -> Sent:
    where = place.place_of(asked)
    rows = mementos(asked.db, where.url)
    if where.timemap == "json":
        text = json.dumps(place.timemap_json(asked, where.url, rows), indent=1)
        return Sent(text, "application/json; charset=utf-8", headers=place.headers(asked, where.url, rows))
    if where.timemap:
        return Sent(place.timemap_link(asked, where.url, rows), place.LINK_FORMAT,
                    headers=place.headers(asked, where.url, rows))
    if where.at is None:
        return _gate(asked, where.url, rows)
    if where.is_asset:
        row = nearest([one for one in rows if one["status"] == 200] or rows, where.at)
    else:
        row = nearest(rows, where.at)
        if place.stamp_of(row) != where.stamp:
            return _led(place.memento(asked, row, where.flag), {})
    told = place.headers(asked, where.url, rows, row)
    found = stored(asked.db, asked.folder, row)
    if where.as_captured:
        return _as_captured(found, told)
    if is_redirect(row):
        return _led(onward(asked, found, rows, "web"), told)
    return _shown(asked, found, told)


def _gate(asked: Asked, url: str, rows: Sequence[Row]) -> Sent:
    """The TimeGate, which leads on to the memento (section 4.1, pattern 1.1). Raises CannotAnswer for a time that is
    none (section 4.5.3)."""
    text = asked.headers.get("accept-datetime", "")
    at = http_date(text) if text else None
    if text and at is None:
        raise CannotAnswer(text, "Accept-Datetime is written Wed, 01 May 2024 12:00:00 GMT")
    row = nearest(rows, at) if at else rows[-1]
    return _led(place.memento(asked, row), place.headers(asked, url, rows) | {"vary": "accept-datetime"})


def _led(where: str, headers: dict[str, str]) -> Sent:
    return Sent("", "text/plain; charset=utf-8", 302, {**headers, "location": where})


def _as_captured(found: Stored, told: dict[str, str]) -> Sent:
    """The payload with its status and the fields that the server sent, under names of their own. It is downloaded: in
    a browser it would run."""
    answer = sent(found, download=True)
    fields = {f"{_ORIGINAL}{name.lower()}": value for name, value in found.response.headers
              if re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII) and _FIELD.fullmatch(value)}
    return Sent(answer.body, found.response.content_type if _FIELD.fullmatch(found.response.content_type) and
                found.response.content_type else "application/octet-stream", _status(found),
                {**fields, **answer.headers, **told})


def _status(found: Stored) -> int:
    """The status that the server sent then (of a revisit that of what it repeats)."""
    status = found.response.status
    return status if 200 <= status < 600 and status not in (204, 205, 206, 304) else 200


def _shown(asked: Asked, found: Stored, told: dict[str, str]) -> Sent:
    response, stamp = found.response, place.stamp_of(found.row)
    kind = media_type(response.content_type)
    if kind in HTML:
        return Sent(html(asked, found), "text/html; charset=utf-8", _status(found),
                    {**told, "x-frame-options": "SAMEORIGIN"}, POLICY)
    if kind == "text/css":
        text = response.body.decode(_charset(response.content_type), "replace")
        there = held(asked.db, [one.url for one in of_stylesheet(text, found.row["url"])])
        body = renamed(text, found.row["url"], lambda url: place.address(asked, f"web/{stamp}im_/", url)
                       if url in there else "")
        return Sent(body, "text/css; charset=utf-8", _status(found), told)
    answer = sent(found)
    return Sent(answer.body, answer.content_type, _status(found), {**answer.headers, **told}, answer.policy)


def onward(asked: Asked, found: Stored, rows: Sequence[Row], kind: str) -> str:
    """Where a redirect leads: to what its target was at that time ("web" or "view"). Raises NotCaptured where it does
    not say where to."""
    to = next((value for name, value in found.response.headers if name.lower() == "location"), "")
    url = asset_address(to, found.row["url"])
    if url is None:
        raise NotCaptured(found.row["url"], f"{found.row['url']} led on then, and did not say where to.")
    stamp = place.stamp_of(found.row)
    if url not in {row["url"] for row in rows if is_redirect(row)} and urlkey(url) == urlkey(found.row["url"]):
        # Another form of the same address: not by its time alone, which may be that of this redirect.
        whole = [row for row in rows if not is_redirect(row)]
        stamp = place.stamp_of(nearest(whole, time_of(found.row))) if whole else stamp
    return place.address(asked, f"{kind}/{stamp}/", url)


def html(asked: Asked, found: Stored) -> str:
    """The captured page, safe to be looked at, with what of its images and stylesheets the archive has."""
    response, url, stamp = found.response, found.row["url"], place.stamp_of(found.row)
    page = parse(response.body, url, response.content_type, time_of(found.source))
    there = held(asked.db, named(page, url))

    def asset(one: str) -> str:
        return place.address(asked, f"web/{stamp}im_/", one) if one in there else ""

    return safe(page, url, asset, lambda one: place.address(asked, f"view/{stamp}/", one))


def _charset(content_type: str) -> str:
    said = re.search(r"charset=[\"']?([\w.-]+)", content_type, re.IGNORECASE)
    try:
        return codecs.lookup(said[1]).name if said else "utf-8"
    except LookupError:
        return "utf-8"
