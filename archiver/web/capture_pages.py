"""The web pages of captures, and captures by URL and time: TimeGate, TimeMap and mementos (RFC 7089)."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Sequence
from typing import Any

from archiver.discovery.page_requisites import requisites_of_stylesheet, rewrite_stylesheet_urls
from archiver.discovery.web_archive_services import parse_http_date
from archiver.errors import CaptureUnreadable, NotCaptured
from archiver.extraction.page import parse_page
from archiver.maintenance.reextraction import find_payload_row
from archiver.storage.article_tables import records
from archiver.storage.article_tables.captures import (
    Row,
    captured_urls,
    captures_of_address,
    captures_of_article,
    is_redirect,
    mementos,
    nearest,
    time_of,
    usage_statements_of,
)
from archiver.urls import asset_address, urlkey
from archiver.web import replay, request_guard
from archiver.web.capture_downloads import (
    StoredCapture,
    check_stored_record,
    make_payload_response,
    parse_media_type,
    read_capture,
    read_record_bytes,
    refuse_removed,
)
from archiver.web.replay import (
    POLICY,
    build_memento_url,
    find_requisites,
    format_timestamp,
    parse_memento_address,
    sanitize_page,
)
from archiver.web.web_requests import (
    MANY,
    ArchiveRequest,
    CannotAnswer,
    PageResponse,
    RawResponse,
    find_capture_row,
    find_requested_article,
    parse_offset,
)

# Lists of captures, and one capture.


def url_captures_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with the list of a URL's captures, newest first. If the address has a time, later captures are
    left out.
    """
    where = parse_memento_address(request)
    rows = captures_of_address(request.db, where.url)[::-1]
    at = where.at
    # Timestamps in addresses have no fractions of a second.
    first = next((n for n, row in enumerate(rows) if time_of(row).replace(microsecond=0) <= at), 0) if at else 0
    shown = rows[first : first + MANY]

    def link(to: int) -> str:
        return build_memento_url(
            request, f"captures/{format_timestamp(rows[to])}/" if to > 0 else "captures/", where.url
        )

    return PageResponse(
        "address.html",
        {
            "url": where.url,
            "rows": [(row, format_timestamp(row), []) for row in shown],
            "total": len(rows),
            "first": first,
            "earlier": link(first + MANY) if rows[first + MANY :] else "",
            "later": link(first - MANY) if first else "",
        },
    )


def capture_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page of one capture: its response, the location of its record, and whether the record matches its
    digests.
    """
    row = find_capture_row(request.db, request.named["number"])
    refuse_removed(request.db, row)
    wrong, found = _verify_capture(request, row)
    response = found.response if found else None
    source = find_payload_row(request.db, row["id"])
    articles = list(
        request.db.query(
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
        "usage_statements": usage_statements_of(request.db, row["id"]),
    }
    return PageResponse(
        "capture.html",
        {
            "row": row,
            "source": source,
            "stamp": format_timestamp(row),
            "wrong": wrong,
            "response": response,
            "kind": parse_media_type(response.content_type) if response else "",
            "articles": articles,
            "usage_statements": data["usage_statements"],
            "size": data["size"],
        },
        data,
    )


def _verify_capture(request: ArchiveRequest, row: dict[str, Any]) -> tuple[str, StoredCapture | None]:
    """Verifies the WARC record of a capture. Returns what is wrong with it ("" if all digests match), and the stored
    response (None if it is unreadable).
    """
    try:
        checked = check_stored_record(request.folder, row)
        found = read_capture(request.db, request.folder, row)
    except CaptureUnreadable as error:
        return str(error), None
    if checked.wrong:
        return f"The record is damaged: {checked.wrong}. Run 'archiver verify' for all damage and what to do.", found
    if checked.capture is None or checked.capture.digest != row["digest"] or checked.capture.url != row["url"]:
        return "Another record is at its position. Run 'archiver verify' to see what to do.", found
    return "", found


def article_captures_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with the list of an article's captures, newest first: captures of its URLs, and captures from
    which its revisions were read. The JSON has all of them.
    """
    number = find_requested_article(request)
    record, rows = records.record(request.db, number), captures_of_article(request.db, number)
    read: dict[int, list[int]] = {}
    for revision, capture in request.db.execute(
        "select revision, capture_id from revisions where article_id = ? and capture_id is not null order by revision",
        [number],
    ):
        read.setdefault(capture, []).append(revision)
    first = parse_offset(request)
    shown = rows[::-1][first : first + MANY]

    def link(to: int) -> str:
        return request.link(f"/article/{number}/captures", [("offset", to or None)])

    return PageResponse(
        "captures.html",
        {
            "article": record,
            "now": record,
            "revisions": records.revisions(request.db, number),
            "tab": "captures",
            "rows": [(row, format_timestamp(row), read.get(row["id"], [])) for row in shown],
            "total": len(rows),
            "first": first,
            "earlier": link(first + MANY) if rows[first + MANY :] else "",
            "later": link(max(first - MANY, 0)) if first else "",
        },
        rows,
    )


def payload_page(request: ArchiveRequest) -> RawResponse:
    """Returns the payload of a capture as a download, with its content coding removed."""
    return make_payload_response(
        read_capture(request.db, request.folder, find_capture_row(request.db, request.named["number"])), download=True
    )


def record_page(request: ArchiveRequest) -> RawResponse:
    """Returns the stored record of a capture as a download, which is a valid WARC file on its own."""
    row = find_capture_row(request.db, request.named["number"])
    refuse_removed(request.db, row)
    return RawResponse(
        read_record_bytes(request.folder, row),
        "application/warc",
        headers={"content-disposition": f'attachment; filename="capture-{row["id"]}.warc.gz"'},
    )


# Mementos.

HTML = frozenset({"text/html", "application/xhtml+xml"})
_FIELD = re.compile(r"[\x20-\x7e\x80-\xff]*")
_ORIGINAL = "x-archive-orig-"


def memento_page(request: ArchiveRequest) -> RawResponse:
    """Returns the response for a Memento address, which is a TimeGate, a TimeMap or a memento."""
    where = replay.parse_memento_address(request)
    rows = mementos(request.db, where.url)
    if where.timemap == "json":
        text = json.dumps(replay.timemap_json(request, where.url, rows), indent=1)
        return RawResponse(
            text, "application/json; charset=utf-8", headers=replay.memento_headers(request, where.url, rows)
        )
    if where.timemap:
        return RawResponse(
            replay.timemap_link(request, where.url, rows),
            replay.LINK_FORMAT,
            headers=replay.memento_headers(request, where.url, rows),
        )
    if where.at is None:
        return _answer_timegate(request, where.url, rows)
    if where.is_asset:
        row = nearest([one for one in rows if one["status"] == 200] or rows, where.at)
    else:
        row = nearest(rows, where.at)
        if replay.format_timestamp(row) != where.stamp:
            return _redirect(replay.memento_url_of(request, row, where.flag), {})
    headers = replay.memento_headers(request, where.url, rows, row)
    found = read_capture(request.db, request.folder, row)
    if where.as_captured:
        return _original_response(found, headers)
    if is_redirect(row):
        return _redirect(redirect_target(request, found, rows, "web"), headers)
    return _safe_response(request, found, headers)


def _answer_timegate(request: ArchiveRequest, url: str, rows: Sequence[Row]) -> RawResponse:
    """Redirects from the TimeGate of a URL to the memento nearest to the requested time (RFC 7089, section 4.1, pattern
    1.1). Raises CannotAnswer for an invalid time (section 4.5.3).
    """
    text = request.headers.get("accept-datetime", "")
    at = parse_http_date(text) if text else None
    if text and at is None:
        raise CannotAnswer(text, "the format of Accept-Datetime is Wed, 01 May 2024 12:00:00 GMT")
    row = nearest(rows, at) if at else rows[-1]
    return _redirect(
        replay.memento_url_of(request, row), replay.memento_headers(request, url, rows) | {"vary": "accept-datetime"}
    )


def _redirect(where: str, headers: dict[str, str]) -> RawResponse:
    return RawResponse("", "text/plain; charset=utf-8", 302, {**headers, "location": where})


def _original_response(found: StoredCapture, headers: dict[str, str]) -> RawResponse:
    """Returns the captured response unchanged: its payload and status, and the server's header fields under prefixed
    names. It is always a download, because otherwise a browser would run the page's scripts.
    """
    answer = make_payload_response(found, download=True)
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
        _response_status(found),
        {**fields, **answer.headers, **headers},
    )


def _response_status(found: StoredCapture) -> int:
    """Returns the status of the captured response. Returns 200 for a status such as 204 or 304, with which a response
    has no body to show.
    """
    status = found.response.status
    return status if 200 <= status < 600 and status not in (204, 205, 206, 304) else 200


def _safe_response(request: ArchiveRequest, found: StoredCapture, headers: dict[str, str]) -> RawResponse:
    response, stamp = found.response, replay.format_timestamp(found.row)
    kind = parse_media_type(response.content_type)
    if kind in HTML:
        return RawResponse(
            render_capture(request, found),
            "text/html; charset=utf-8",
            _response_status(found),
            {**headers, "x-frame-options": "SAMEORIGIN"},
            POLICY,
        )
    if kind == "text/css":
        text = response.body.decode(_parse_charset(response.content_type), "replace")
        captured = captured_urls(request.db, [one.url for one in requisites_of_stylesheet(text, found.row["url"])])
        body = rewrite_stylesheet_urls(
            text,
            found.row["url"],
            lambda url: replay.build_memento_url(request, f"web/{stamp}im_/", url) if url in captured else "",
        )
        return RawResponse(body, "text/css; charset=utf-8", _response_status(found), headers)
    answer = make_payload_response(found)
    return RawResponse(
        answer.body, answer.content_type, _response_status(found), {**answer.headers, **headers}, answer.policy
    )


def redirect_target(request: ArchiveRequest, found: StoredCapture, rows: Sequence[Row], kind: str) -> str:
    """Returns the URL on this server of the page that a captured redirect leads to, at the time of its capture. `kind`
    is "web" or "view". Raises NotCaptured if the redirect has no valid target.
    """
    to = next((value for name, value in found.response.headers if name.lower() == "location"), "")
    url = asset_address(to, found.row["url"])
    if url is None:
        raise NotCaptured(found.row["url"], f"{found.row['url']} was a redirect without a valid target.")
    stamp = replay.format_timestamp(found.row)
    if url not in {row["url"] for row in rows if is_redirect(row)} and urlkey(url) == urlkey(found.row["url"]):
        # The target is another form of the same URL: skip redirects, because the nearest capture may be this one.
        full = [row for row in rows if not is_redirect(row)]
        stamp = replay.format_timestamp(nearest(full, time_of(found.row))) if full else stamp
    return replay.build_memento_url(request, f"{kind}/{stamp}/", url)


def render_capture(request: ArchiveRequest, found: StoredCapture) -> str:
    """Returns the HTML of a captured page made safe to view, with the images and stylesheets that are in the
    archive.
    """
    response, url, stamp = found.response, found.row["url"], replay.format_timestamp(found.row)
    page = parse_page(response.body, url, response.content_type, time_of(found.source))
    captured = captured_urls(request.db, find_requisites(page, url))

    def asset(one: str) -> str:
        return replay.build_memento_url(request, f"web/{stamp}im_/", one) if one in captured else ""

    return sanitize_page(page, url, asset, lambda one: replay.build_memento_url(request, f"view/{stamp}/", one))


def _parse_charset(content_type: str) -> str:
    declared = re.search(r"charset=[\"']?([\w.-]+)", content_type, re.IGNORECASE)
    try:
        return codecs.lookup(declared[1]).name if declared else "utf-8"
    except LookupError:
        return "utf-8"


def view_page(request: ArchiveRequest) -> PageResponse | RawResponse:
    """Returns the page that shows a captured page in a sandboxed frame, with its URL, time and neighbouring captures
    around it.
    """
    where = replay.parse_memento_address(request)
    rows = mementos(request.db, where.url)
    row = nearest(rows, where.at) if where.at else rows[-1]
    stamp = replay.format_timestamp(row)
    if where.stamp != stamp:
        return RawResponse(
            "",
            "text/plain; charset=utf-8",
            302,
            {"location": replay.build_memento_url(request, f"view/{stamp}/", row["url"])},
        )
    found = read_capture(request.db, request.folder, row)
    response, n = found.response, rows.index(row)
    kind = parse_media_type(response.content_type)
    to = redirect_target(request, found, rows, "view") if is_redirect(row) else ""
    article = request.db.execute(
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
            "memento": replay.memento_url_of(request, row),
            "stamp": stamp,
            "count": len(rows),
            "number": n + 1,
            "is_page": kind in HTML,
            "is_image": kind.startswith("image/"),
            "onward": to,
            "leads_to": "http" + to.partition("/http")[2],
            "view": lambda one: replay.build_memento_url(request, f"view/{replay.format_timestamp(one)}/", one["url"]),
            "before": rows[n - 1] if n else None,
            "after": rows[n + 1] if n + 1 < len(rows) else None,
            "listed": replay.build_memento_url(request, "captures/", row["url"]),
        },
        headers=replay.memento_headers(request, where.url, rows),
        policy=f"{request_guard.OWN}; frame-src 'self'",
    )
