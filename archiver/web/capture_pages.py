"""Captures by address and time: TimeGate, TimeMap and mementos (RFC 7089)."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from typing import Any

from archiver.discovery.page_requisites import renamed, requisites_of_stylesheet
from archiver.discovery.timemaps import http_date
from archiver.errors import CaptureUnreadable, NotCaptured
from archiver.extraction.page import parse_page
from archiver.maintenance.reextraction import capture_row
from archiver.storage.article_tables import records
from archiver.storage.article_tables.captures import (
    Row,
    captures_of_address,
    captures_of_article,
    held,
    is_redirect,
    mementos,
    nearest,
    time_of,
    usage_statements_of,
)
from archiver.urls import asset_address, urlkey
from archiver.web import replay, request_guard
from archiver.web.downloads import (
    StoredCapture,
    check_stored_record,
    media_type,
    payload_response,
    record_of,
    refuse_removed,
    stored_capture,
)
from archiver.web.query_arguments import (
    MANY,
    CannotAnswer,
    PageRequest,
    PageResponse,
    RawResponse,
    article_of,
    capture_row_of,
    offset_of,
)
from archiver.web.replay import POLICY, memento_address, memento_url, named_resources, safe_page, stamp_of

# The captures of one address of the web; with a time before it, those until then.


def url_captures_page(asked: PageRequest) -> PageResponse:
    where = memento_address(asked)
    rows = captures_of_address(asked.db, where.url)[::-1]
    at = where.at
    # A stamp has seconds.
    first = next((n for n, row in enumerate(rows) if time_of(row).replace(microsecond=0) <= at), 0) if at else 0
    shown = rows[first : first + MANY]

    def link(to: int) -> str:
        return memento_url(asked, f"captures/{stamp_of(rows[to])}/" if to > 0 else "captures/", where.url)

    return PageResponse(
        "address.html",
        {
            "url": where.url,
            "rows": [(row, stamp_of(row), []) for row in shown],
            "total": len(rows),
            "first": first,
            "earlier": link(first + MANY) if rows[first + MANY :] else "",
            "later": link(first - MANY) if first else "",
        },
    )


# One capture: what was asked and answered, where its record lies, and whether it is what its digests say.


def capture_page(asked: PageRequest) -> PageResponse:
    row = capture_row_of(asked.db, asked.named["number"])
    refuse_removed(asked.db, row)
    wrong, found = _proof(asked, row)
    response = found.response if found else None
    source = capture_row(asked.db, row["id"])
    articles = list(
        asked.db.query(
            "select id, title, site from articles where id in (select article_id from revisions where capture_id = :id "
            "union select id from articles where capture_id = :id) order by id limit 5",
            {"id": row["id"]},
        )
    )
    data = {
        **{name: value for name, value in row.items() if name != "secondary"},
        "stored_in": source and source["id"],
        "sound": not wrong,
        "wrong": wrong,
        "headers": response and [list(pair) for pair in response.headers],
        "size": response and len(response.body),
        "usage_statements": usage_statements_of(asked.db, row["id"]),
    }
    return PageResponse(
        "capture.html",
        {
            "row": row,
            "source": source,
            "stamp": stamp_of(row),
            "wrong": wrong,
            "response": response,
            "kind": media_type(response.content_type) if response else "",
            "articles": articles,
            "rights": data["usage_statements"],
            "size": data["size"],
        },
        data,
    )


def _proof(asked: PageRequest, row: dict[str, Any]) -> tuple[str, StoredCapture | None]:
    """What is wrong with the record, a phrase, "" where all its digests are those of its bytes; and what it holds."""
    try:
        proved = check_stored_record(asked.folder, row)
        found = stored_capture(asked.db, asked.folder, row)
    except CaptureUnreadable as error:
        return str(error), None
    if proved.wrong:
        return f"Its record is damaged: {proved.wrong}. 'archiver verify' tells what else is, and what to do.", found
    if proved.capture is None or proved.capture.digest != row["digest"] or proved.capture.url != row["url"]:
        return "Another record stands where it should: 'archiver verify' tells what to do.", found
    return "", found


# The captures of an article: of its addresses, and of what its versions were read from. Its JSON has them all.


def article_captures_page(asked: PageRequest) -> PageResponse:
    number = article_of(asked)
    record, rows = records.record(asked.db, number), captures_of_article(asked.db, number)
    read: dict[int, list[int]] = {}
    for revision, capture in asked.db.execute(
        "select revision, capture_id from revisions where article_id = ? and capture_id is not null order by revision",
        [number],
    ):
        read.setdefault(capture, []).append(revision)
    first = offset_of(asked)
    shown = rows[::-1][first : first + MANY]

    def link(to: int) -> str:
        return asked.link(f"/article/{number}/captures", [("offset", to or None)])

    return PageResponse(
        "captures.html",
        {
            "article": record,
            "now": record,
            "versions": records.revisions(asked.db, number),
            "tab": "captures",
            "rows": [(row, stamp_of(row), read.get(row["id"], [])) for row in shown],
            "total": len(rows),
            "first": first,
            "earlier": link(first + MANY) if rows[first + MANY :] else "",
            "later": link(max(first - MANY, 0)) if first else "",
        },
        rows,
    )


# What a capture holds, as a download: the payload with its content coding undone.


def payload_page(asked: PageRequest) -> RawResponse:
    return payload_response(
        stored_capture(asked.db, asked.folder, capture_row_of(asked.db, asked.named["number"])), download=True
    )


# The record of a capture as it is stored: a WARC file by itself.


def record_page(asked: PageRequest) -> RawResponse:
    row = capture_row_of(asked.db, asked.named["number"])
    refuse_removed(asked.db, row)
    return RawResponse(
        record_of(asked.folder, row),
        "application/warc",
        headers={"content-disposition": f'attachment; filename="capture-{row["id"]}.warc.gz"'},
    )


HTML = frozenset({"text/html", "application/xhtml+xml"})
_FIELD = re.compile(r"[\x20-\x7e\x80-\xff]*")
_ORIGINAL = "x-archive-orig-"


def memento_page(asked: PageRequest) -> RawResponse:
    where = replay.memento_address(asked)
    rows = mementos(asked.db, where.url)
    if where.timemap == "json":
        text = json.dumps(replay.timemap_json(asked, where.url, rows), indent=1)
        return RawResponse(
            text, "application/json; charset=utf-8", headers=replay.memento_headers(asked, where.url, rows)
        )
    if where.timemap:
        return RawResponse(
            replay.timemap_link(asked, where.url, rows),
            replay.LINK_FORMAT,
            headers=replay.memento_headers(asked, where.url, rows),
        )
    if where.at is None:
        return _gate(asked, where.url, rows)
    if where.is_asset:
        row = nearest([one for one in rows if one["status"] == 200] or rows, where.at)
    else:
        row = nearest(rows, where.at)
        if replay.stamp_of(row) != where.stamp:
            return _led(replay.memento_entry(asked, row, where.flag), {})
    told = replay.memento_headers(asked, where.url, rows, row)
    found = stored_capture(asked.db, asked.folder, row)
    if where.as_captured:
        return _as_captured(found, told)
    if is_redirect(row):
        return _led(onward(asked, found, rows, "web"), told)
    return _shown(asked, found, told)


def _gate(asked: PageRequest, url: str, rows: Sequence[Row]) -> RawResponse:
    """The TimeGate, which leads on to the memento (section 4.1, pattern 1.1). Raises CannotAnswer for a time that is
    none (section 4.5.3)."""
    text = asked.headers.get("accept-datetime", "")
    at = http_date(text) if text else None
    if text and at is None:
        raise CannotAnswer(text, "Accept-Datetime is written Wed, 01 May 2024 12:00:00 GMT")
    row = nearest(rows, at) if at else rows[-1]
    return _led(
        replay.memento_entry(asked, row), replay.memento_headers(asked, url, rows) | {"vary": "accept-datetime"}
    )


def _led(where: str, headers: dict[str, str]) -> RawResponse:
    return RawResponse("", "text/plain; charset=utf-8", 302, {**headers, "location": where})


def _as_captured(found: StoredCapture, told: dict[str, str]) -> RawResponse:
    """The payload with its status and the fields that the server sent, under names of their own. It is downloaded: in
    a browser it would run."""
    answer = payload_response(found, download=True)
    fields = {
        f"{_ORIGINAL}{name.lower()}": value
        for name, value in found.response.headers
        if re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name, re.ASCII) and _FIELD.fullmatch(value)
    }
    return RawResponse(
        answer.body,
        found.response.content_type
        if _FIELD.fullmatch(found.response.content_type) and found.response.content_type
        else "application/octet-stream",
        _status(found),
        {**fields, **answer.headers, **told},
    )


def _status(found: StoredCapture) -> int:
    """The status that the server sent then (of a revisit that of what it repeats)."""
    status = found.response.status
    return status if 200 <= status < 600 and status not in (204, 205, 206, 304) else 200


def _shown(asked: PageRequest, found: StoredCapture, told: dict[str, str]) -> RawResponse:
    response, stamp = found.response, replay.stamp_of(found.row)
    kind = media_type(response.content_type)
    if kind in HTML:
        return RawResponse(
            html(asked, found),
            "text/html; charset=utf-8",
            _status(found),
            {**told, "x-frame-options": "SAMEORIGIN"},
            POLICY,
        )
    if kind == "text/css":
        text = response.body.decode(_charset(response.content_type), "replace")
        there = held(asked.db, [one.url for one in requisites_of_stylesheet(text, found.row["url"])])
        body = renamed(
            text,
            found.row["url"],
            lambda url: replay.memento_url(asked, f"web/{stamp}im_/", url) if url in there else "",
        )
        return RawResponse(body, "text/css; charset=utf-8", _status(found), told)
    answer = payload_response(found)
    return RawResponse(answer.body, answer.content_type, _status(found), {**answer.headers, **told}, answer.policy)


def onward(asked: PageRequest, found: StoredCapture, rows: Sequence[Row], kind: str) -> str:
    """Where a redirect leads: to what its target was at that time ("web" or "view"). Raises NotCaptured where it does
    not say where to."""
    to = next((value for name, value in found.response.headers if name.lower() == "location"), "")
    url = asset_address(to, found.row["url"])
    if url is None:
        raise NotCaptured(found.row["url"], f"{found.row['url']} led on then, and did not say where to.")
    stamp = replay.stamp_of(found.row)
    if url not in {row["url"] for row in rows if is_redirect(row)} and urlkey(url) == urlkey(found.row["url"]):
        # Another form of the same address: not by its time alone, which may be that of this redirect.
        whole = [row for row in rows if not is_redirect(row)]
        stamp = replay.stamp_of(nearest(whole, time_of(found.row))) if whole else stamp
    return replay.memento_url(asked, f"{kind}/{stamp}/", url)


def html(asked: PageRequest, found: StoredCapture) -> str:
    """The captured page, safe to be looked at, with what of its images and stylesheets the archive has."""
    response, url, stamp = found.response, found.row["url"], replay.stamp_of(found.row)
    page = parse_page(response.body, url, response.content_type, time_of(found.source))
    there = held(asked.db, named_resources(page, url))

    def asset(one: str) -> str:
        return replay.memento_url(asked, f"web/{stamp}im_/", one) if one in there else ""

    return safe_page(page, url, asset, lambda one: replay.memento_url(asked, f"view/{stamp}/", one))


def _charset(content_type: str) -> str:
    said = re.search(r"charset=[\"']?([\w.-]+)", content_type, re.IGNORECASE)
    try:
        return codecs.lookup(said[1]).name if said else "utf-8"
    except LookupError:
        return "utf-8"


# A capture to be looked at: what it is of and when, around the page itself, in a frame in which nothing can act.


def view_page(asked: PageRequest) -> PageResponse | RawResponse:
    where = replay.memento_address(asked)
    rows = mementos(asked.db, where.url)
    row = nearest(rows, where.at) if where.at else rows[-1]
    stamp = replay.stamp_of(row)
    if where.stamp != stamp:
        return RawResponse(
            "", "text/plain; charset=utf-8", 302, {"location": replay.memento_url(asked, f"view/{stamp}/", row["url"])}
        )
    found = stored_capture(asked.db, asked.folder, row)
    response, n = found.response, rows.index(row)
    kind = media_type(response.content_type)
    to = onward(asked, found, rows, "view") if is_redirect(row) else ""
    article = asked.db.execute(
        "select article_id from revisions where capture_id = ? union all select article_id from article_urls where "
        "urlkey = ? limit 1",
        [row["id"], urlkey(row["url"])],
    ).fetchone()
    return PageResponse(
        "view.html",
        {
            "row": row,
            "status": response.status,
            "kind": kind,
            "article": article and article[0],
            "memento": replay.memento_entry(asked, row),
            "stamp": stamp,
            "count": len(rows),
            "number": n + 1,
            "is_page": kind in HTML,
            "is_image": kind.startswith("image/"),
            "onward": to,
            "leads_to": "http" + to.partition("/http")[2],
            "view": lambda one: replay.memento_url(asked, f"view/{replay.stamp_of(one)}/", one["url"]),
            "before": rows[n - 1] if n else None,
            "after": rows[n + 1] if n + 1 < len(rows) else None,
            "listed": replay.memento_url(asked, "captures/", row["url"]),
        },
        headers=replay.memento_headers(asked, where.url, rows),
        policy=f"{request_guard.OWN}; frame-src 'self'",
    )
