"""The web pages of captures: captured responses and lead images, stored WARC records and their verification, and
captures by URL and time (TimeGate, TimeMap and mementos, RFC 7089).

WARC files are only opened inside the archive's own folder, because an archive that a stranger made could name any file.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from archiver.api import records
from archiver.api.captures import (
    captured_lead_image,
    find_payload_row,
    is_payload_removed,
    tombstone_at,
    tombstones,
    usage_statements_of,
)
from archiver.api.database import Database
from archiver.api.pages import parse_page, requisites_of_page, requisites_of_stylesheet, rewrite_stylesheet_urls
from archiver.api.warc_files import CheckedRecord, StoredResponse, check_record_at, compute_payload_digest, read_record
from archiver.api.web_archives import parse_http_date
from archiver.model.errors import ArticleRemoved, CaptureUnreadable, NotCaptured, UnreadableInput
from archiver.model.items import Outcome
from archiver.model.urls import asset_address, urlkey
from archiver.web import safe_replay, web_requests
from archiver.web.mementos import (
    Row,
    captured_urls,
    captures_of_address,
    captures_of_article,
    is_redirect,
    mementos,
    nearest,
    time_of,
)
from archiver.web.safe_replay import (
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


@dataclass(frozen=True, slots=True)
class StoredCapture:
    """A capture with its stored response. `row` is the requested capture. `source` is the capture that holds the
    payload; it differs from `row` if `row` is a revisit record.
    """

    row: Row
    source: Row
    response: StoredResponse


def read_capture(db: Database, folder: Path, row: Row) -> StoredCapture:
    """Reads the response of a capture and verifies it by its digest. Raises CaptureUnreadable, and ArticleRemoved after
    a takedown.
    """
    refuse_removed(db, row)
    source = find_payload_row(db, row["id"])
    if source is None:
        raise CaptureUnreadable(row["id"], "it is a revisit of a response that is not in the archive")
    try:
        response = read_record(locate_warc_file(folder, source), source["warc_offset"], source["warc_length"])
    except UnreadableInput as error:
        raise CaptureUnreadable(row["id"], f"{_describe_location(source)} cannot be read ({error.why})") from error
    digest = source["digest"] or ""
    if digest.startswith("sha1:") and compute_payload_digest(response.payload) != digest:
        raise CaptureUnreadable(row["id"], f"the payload of {_describe_location(source)} does not match its digest")
    return StoredCapture(row, source, response)


def refuse_removed(db: Database, row: Row) -> None:
    """Raises ArticleRemoved if the URL or the payload of a capture was taken down. Its record may still be stored until
    the takedown is completed.
    """
    if not tombstones(db, "allowed_at is null"):
        return
    tombstone = tombstone_at(db, urlkey(row["url"]))
    if tombstone or is_payload_removed(db, row["digest"]):
        raise ArticleRemoved(row["url"], tombstone.explanation if tombstone else "removed from this archive")


def read_record_bytes(folder: Path, row: Row) -> bytes:
    """Returns the stored bytes of a capture's WARC record: one gzip member (WARC/1.1, annex D.2). Raises
    CaptureUnreadable.
    """
    length = check_stored_record(folder, row).length
    with locate_warc_file(folder, row).open("rb") as handle:
        handle.seek(row["warc_offset"])
        return handle.read(length)


def check_stored_record(folder: Path, row: Row) -> CheckedRecord:
    """Recomputes the digests of a capture's WARC record and returns the result. Raises CaptureUnreadable if the record
    is missing or incomplete.
    """
    try:
        with locate_warc_file(folder, row).open("rb") as handle:
            found = check_record_at(handle, row["warc_offset"], row["warc_file"])
    except OSError as error:
        raise CaptureUnreadable(
            row["id"], f"{_describe_location(row)} cannot be read ({error.strerror or error})"
        ) from error
    if found is None:
        raise CaptureUnreadable(row["id"], f"there is no complete record at its position ({_describe_location(row)})")
    return found


def locate_warc_file(folder: Path, row: Row) -> Path:
    """Returns the path of a capture's WARC file. Raises CaptureUnreadable if the path is outside the archive's
    folder.
    """
    name = PurePosixPath(row["warc_file"] or "")
    if not name.name or name.is_absolute() or ".." in name.parts or "\0" in str(name):
        raise CaptureUnreadable(row["id"], f"{row['warc_file']!r} is not a WARC file of this archive")
    return folder / name


def _describe_location(row: Row) -> str:
    return f"its record at byte {row['warc_offset']:,} of {row['warc_file']}"


# Captured payloads as responses. A payload that a browser would execute is offered as a download.

SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; sandbox"
_SHOWN = re.compile(
    r"image/(?:png|jpeg|gif|webp|avif|bmp|svg\+xml|x-icon|vnd\.microsoft\.icon|apng)|"
    r"font/[\w-]+|application/(?:x-)?font-[\w-]+|application/vnd\.ms-fontobject"
)
_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+")
_ENDINGS = {
    "text/html": "html",
    "application/xhtml+xml": "xhtml",
    "text/plain": "txt",
    "application/json": "json",
    "text/xml": "xml",
    "application/xml": "xml",
    "application/rss+xml": "xml",
    "application/atom+xml": "xml",
    "text/css": "css",
    "application/pdf": "pdf",
}


def parse_media_type(content_type: str) -> str:
    """Returns the media type of a Content-Type field without parameters; application/octet-stream if it is invalid."""
    found = _TYPE.match(content_type.strip())
    return found[0].lower() if found else "application/octet-stream"


def make_payload_response(found: StoredCapture, *, download: bool = False) -> RawResponse:
    """Returns the payload of a capture, decoded from its content coding, as a response to show. If `download` is True,
    the response is a file to save.
    """
    kind = parse_media_type(found.response.content_type)
    named = {"content-disposition": f'attachment; filename="{make_file_name(found)}"'}
    if _SHOWN.fullmatch(kind) and not download:
        # An SVG within a page is an image regardless of this header, but opened directly it would be a document.
        return RawResponse(
            found.response.body, kind, headers=named if kind == "image/svg+xml" else {}, policy=SVG_POLICY
        )
    # A downloaded page would run its scripts when opened from disk. Its name shows its type, and the browser asks
    # first.
    return RawResponse(found.response.body, kind if not _is_active(kind) else "application/octet-stream", headers=named)


def make_file_name(found: StoredCapture) -> str:
    """Returns a portable file name for downloading a capture, made of its ID and the last segment of its URL's path."""
    path = unquote(urlsplit(found.row["url"] or "").path, errors="replace").rstrip("/").rpartition("/")[2]
    stem, _, ending = re.sub(r"[^A-Za-z0-9._-]+", "-", path).strip("-.").rpartition(".")
    known = _ENDINGS.get(parse_media_type(found.response.content_type), "")
    name = "-".join(filter(None, ("capture", str(found.row["id"]), (stem or ending)[:60])))
    return f"{name}.{known or (ending if stem and len(ending) <= 5 else '') or 'bin'}"


def _is_active(kind: str) -> bool:
    return kind in ("text/html", "application/xhtml+xml") or kind.endswith(("/xml", "+xml"))


# Lists of captures, and one capture.


def url_captures_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with the list of a URL's captures, newest first. If the address of the page contains a time,
    captures after this time are left out.
    """
    where = parse_memento_address(request)
    rows = captures_of_address(request.db, where.url)[::-1]
    at = where.at
    # Timestamps in addresses have no fractions of a second.
    first = next((n for n, row in enumerate(rows) if time_of(row).replace(microsecond=0) <= at), 0) if at else 0
    shown = rows[first : first + MANY]
    article = next(
        iter(
            request.db.query(
                "select id, title from articles where id = (select article_id from article_urls where urlkey = ?)",
                [urlkey(where.url)],
            )
        ),
        None,
    )
    read = _versions_by_capture(request.db, article["id"]) if article else {}

    def link(to: int) -> str:
        return build_memento_url(
            request, f"captures/{format_timestamp(rows[to])}/" if to > 0 else "captures/", where.url
        )

    return PageResponse(
        "address.html",
        {
            "url": where.url,
            "article": article,
            "rows": [(row, format_timestamp(row), read.get(row["id"], [])) for row in shown],
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


def _versions_by_capture(db: Database, article_id: int) -> dict[int, list[int]]:
    """Returns the versions of an article by the ID of the capture from which they were read."""
    read: dict[int, list[int]] = {}
    for revision, capture in db.execute(
        "select revision, capture_id from revisions where article_id = ? and capture_id is not null order by revision",
        [article_id],
    ):
        read.setdefault(capture, []).append(revision)
    return read


def article_captures_page(request: ArchiveRequest) -> PageResponse:
    """Returns the page with the list of an article's captures, newest first: captures of its URLs, and captures from
    which its revisions were read. The JSON contains all of them.
    """
    number = find_requested_article(request)
    record, rows = records.record(request.db, number), captures_of_article(request.db, number)
    read = _versions_by_capture(request.db, number)
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
    """Returns the payload of a capture as a download, decoded from its content coding."""
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
    where = safe_replay.parse_memento_address(request)
    rows = mementos(request.db, where.url)
    if where.timemap:
        return RawResponse(
            safe_replay.timemap_link(request, where.url, rows),
            safe_replay.LINK_FORMAT,
            headers=safe_replay.memento_headers(request, where.url, rows),
        )
    if where.at is None:
        return _answer_timegate(request, where.url, rows)
    if where.is_asset:
        row = nearest([one for one in rows if one["status"] == 200] or rows, where.at)
    else:
        row = nearest(rows, where.at)
        if safe_replay.format_timestamp(row) != where.stamp:
            return _redirect(safe_replay.memento_url_of(request, row, where.flag), {})
    headers = safe_replay.memento_headers(request, where.url, rows, row)
    found = read_capture(request.db, request.folder, row)
    if where.as_captured:
        return _original_response(found, headers)
    if is_redirect(row):
        return _redirect(redirect_target(request, found, rows, "web"), headers)
    return _safe_response(request, found, headers)


def _answer_timegate(request: ArchiveRequest, url: str, rows: Sequence[Row]) -> RawResponse:
    """Redirects from the TimeGate of a URL to the memento nearest to the requested time (RFC 7089, section 4.1, pattern
    1.1). `rows` are all captures of the URL. Raises CannotAnswer for an invalid time (section 4.5.3).
    """
    text = request.headers.get("accept-datetime", "")
    at = parse_http_date(text) if text else None
    if text and at is None:
        raise CannotAnswer(text, "the format of Accept-Datetime is Wed, 01 May 2024 12:00:00 GMT")
    row = nearest(rows, at) if at else rows[-1]
    return _redirect(
        safe_replay.memento_url_of(request, row),
        safe_replay.memento_headers(request, url, rows) | {"vary": "accept-datetime"},
    )


def _redirect(where: str, headers: dict[str, str]) -> RawResponse:
    return RawResponse("", "text/plain; charset=utf-8", 302, {**headers, "location": where})


def _original_response(found: StoredCapture, headers: dict[str, str]) -> RawResponse:
    """Returns the captured response unchanged: its payload and status, and the server's header fields under prefixed
    names. `headers` are further header fields, such as Memento-Datetime. It is always a download, because otherwise a
    browser would run the page's scripts.
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
    """Returns the status of the captured response. Returns 200 for a status such as 204 or 304, since a response with
    such a status cannot have a body.
    """
    status = found.response.status
    return status if 200 <= status < 600 and status not in (204, 205, 206, 304) else 200


def _safe_response(request: ArchiveRequest, found: StoredCapture, headers: dict[str, str]) -> RawResponse:
    response, stamp = found.response, safe_replay.format_timestamp(found.row)
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
            lambda url: safe_replay.build_memento_url(request, f"web/{stamp}im_/", url) if url in captured else "",
        )
        return RawResponse(body, "text/css; charset=utf-8", _response_status(found), headers)
    answer = make_payload_response(found)
    return RawResponse(
        answer.body, answer.content_type, _response_status(found), {**answer.headers, **headers}, answer.policy
    )


def redirect_target(request: ArchiveRequest, found: StoredCapture, rows: Sequence[Row], kind: str) -> str:
    """Returns the target of a captured redirect as a URL on this server, which shows the target as it was when the
    redirect was captured. Raises NotCaptured if the redirect has no valid target.

    `rows` are all captures of the redirect's URL. `kind` is the first part of the returned URL's path: "web" for a
    memento, "view" for the page in a frame.
    """
    to = next((value for name, value in found.response.headers if name.lower() == "location"), "")
    url = asset_address(to, found.row["url"])
    if url is None:
        raise NotCaptured(found.row["url"], f"{found.row['url']} was a redirect without a valid target.")
    stamp = safe_replay.format_timestamp(found.row)
    if url not in {row["url"] for row in rows if is_redirect(row)} and urlkey(url) == urlkey(found.row["url"]):
        # The target is another form of the same URL: skip redirects, because the nearest capture may be this one.
        full = [row for row in rows if not is_redirect(row)]
        stamp = safe_replay.format_timestamp(nearest(full, time_of(found.row))) if full else stamp
    return safe_replay.build_memento_url(request, f"{kind}/{stamp}/", url)


def render_capture(request: ArchiveRequest, found: StoredCapture) -> str:
    """Returns the HTML of a captured page made safe to view, with the images and stylesheets that are in the
    archive.
    """
    response, url, stamp = found.response, found.row["url"], safe_replay.format_timestamp(found.row)
    page = parse_page(response.body, url, response.content_type, time_of(found.source))
    captured = captured_urls(request.db, find_requisites(page, url))

    def asset(one: str) -> str:
        return safe_replay.build_memento_url(request, f"web/{stamp}im_/", one) if one in captured else ""

    return sanitize_page(page, url, asset, lambda one: safe_replay.build_memento_url(request, f"view/{stamp}/", one))


def _parse_charset(content_type: str) -> str:
    declared = re.search(r"charset=[\"']?([\w.-]+)", content_type, re.IGNORECASE)
    try:
        return codecs.lookup(declared[1]).name if declared else "utf-8"
    except LookupError:
        return "utf-8"


# The page that shows a capture in a frame.


def view_page(request: ArchiveRequest) -> PageResponse | RawResponse:
    """Returns the page that shows a captured page in a sandboxed frame, with its URL, its other captures, and how much
    of it is archived around it.
    """
    where = safe_replay.parse_memento_address(request)
    rows = mementos(request.db, where.url)
    row = nearest(rows, where.at) if where.at else rows[-1]
    stamp = safe_replay.format_timestamp(row)
    if where.stamp != stamp:
        return RawResponse(
            "",
            "text/plain; charset=utf-8",
            302,
            {"location": safe_replay.build_memento_url(request, f"view/{stamp}/", row["url"])},
        )
    found = read_capture(request.db, request.folder, row)
    response, n = found.response, rows.index(row)
    kind = parse_media_type(response.content_type)
    to = redirect_target(request, found, rows, "view") if is_redirect(row) else ""

    def view(one: Row) -> str:
        return safe_replay.build_memento_url(request, f"view/{safe_replay.format_timestamp(one)}/", one["url"])

    return PageResponse(
        "view.html",
        {
            "row": row,
            "status": response.status,
            "kind": kind,
            "memento": safe_replay.memento_url_of(request, row),
            "stamp": stamp,
            "count": len(rows),
            "number": n + 1,
            "is_verified": (found.source["digest"] or "").startswith("sha1:"),
            "is_page": kind in HTML,
            "is_image": kind.startswith("image/"),
            "onward": to,
            "leads_to": "http" + to.partition("/http")[2],
            "view": view,
            "before": rows[n - 1] if n else None,
            "after": rows[n + 1] if n + 1 < len(rows) else None,
            "listed": safe_replay.build_memento_url(request, "captures/", row["url"]),
            "parts": _count_parts(request, found) if kind in HTML and not to else None,
            **_find_shown_article(request, row),
        },
        headers=safe_replay.memento_headers(request, where.url, rows),
        policy=f"{web_requests.OWN_POLICY}; frame-src 'self'",
    )


def _find_shown_article(request: ArchiveRequest, row: Row) -> dict[str, Any]:
    """Returns, for the template, the article that a capture shows (`article`: its ID and title, None if there is none),
    the version that was current at the time of the capture (`version`), and all versions (`versions`).
    """
    article = next(
        iter(
            request.db.query(
                "select id, title from articles where id = (select article_id from revisions where capture_id = :id "
                "union all select article_id from article_urls where urlkey = :key limit 1)",
                {"id": row["id"], "key": urlkey(row["url"])},
            )
        ),
        None,
    )
    if article is None:
        return {"article": None, "version": None, "versions": []}
    versions = records.revisions(request.db, article["id"])
    return {"article": article, "version": _find_shown_version(request.db, article["id"], row), "versions": versions}


def _find_shown_version(db: Database, article_id: int, row: Row) -> int | None:
    """Returns the version of an article that was read from a capture. If none was, returns the last version that was
    seen before the capture or, if the capture is older than all versions, the first one. Returns None if the article
    has no versions.
    """
    found = db.execute(
        "select revision from revisions where article_id = :article order by capture_id is :capture desc, "
        "observed_at <= :at desc, case when observed_at <= :at then -revision else revision end limit 1",
        {"article": article_id, "capture": row["id"], "at": row["captured_at"]},
    ).fetchone()
    return int(found[0]) if found else None


@dataclass(frozen=True, slots=True)
class PageParts:
    """The number of files that a page needs (`total`), how many of them are archived, and which are missing, as tuples
    (number, kind, reason).
    """

    total: int
    archived: int
    missing: tuple[tuple[int, str, str], ...]

    @property
    def missing_by_kind(self) -> dict[str, int]:
        by_kind: Counter[str] = Counter()
        for number, kind, _ in self.missing:
            by_kind[kind] += number
        return dict(by_kind)


_PART_NAMES = {"image": "image", "stylesheet": "style", "font": "font"}
_NEVER_REQUESTED = "never requested"


def _count_parts(request: ArchiveRequest, found: StoredCapture) -> PageParts:
    """Returns how many of the images, stylesheets and fonts of a captured page are archived."""
    url = found.row["url"]
    page = parse_page(found.response.body, url, found.response.content_type, time_of(found.source))
    needed = requisites_of_page(page.root, url)
    captured = captured_urls(request.db, [one.url for one in needed])
    missing = [one for one in needed if one.url not in captured]
    reasons = missing_reasons(request.db, [one.url for one in missing])
    counted = Counter((_PART_NAMES[one.kind], reasons.get(one.url, _NEVER_REQUESTED)) for one in missing)
    return PageParts(
        len(needed),
        len(needed) - len(missing),
        tuple((number, kind, reason) for (kind, reason), number in counted.most_common()),
    )


def missing_reasons(db: Database, urls: Iterable[str]) -> dict[str, str]:
    """Returns, by URL, why those requisites that have no capture have none: the reason of the last attempt to fetch
    them, or that they are due. URLs that are not to be fetched are left out.
    """
    return {
        row[0]: "to be requested by the next crawl" if row[1] == Outcome.DUE else row[3] or f"{row[1]} ({row[2]})"
        for row in db.execute(
            "select url, outcome, coalesce(status, rule), reason from requisites "
            "where url in (select value from json_each(?)) order by id",
            [json.dumps(list(urls))],
        )
    }


def image_page(request: ArchiveRequest) -> RawResponse:
    """Returns the captured lead image of an article."""
    number = find_requested_article(request)
    found = captured_lead_image(request.db, number)
    if found is None:
        raise NotCaptured(str(number), f"Article {number} has no lead image.")
    if found["capture"] is None:
        raise NotCaptured(found["url"])
    capture = found["capture"]
    row = next(
        iter(
            request.db.query(
                "select * from captures where warc_file = ? and warc_offset = ? and digest = ?",
                [capture["warc_file"], capture["warc_offset"], capture["digest"]],
            )
        )
    )
    return make_payload_response(read_capture(request.db, request.folder, row))


def find_read_capture(request: ArchiveRequest, record: records.Record) -> dict[str, Any]:
    """Returns, for the template, the capture from which an article was read: the URL that shows it (`view`), its row
    (`captured`), and what is wrong with it ("" if the stored record matches its checksum).
    """
    found = record["capture"]
    if found is None:
        return {"captured": None, "view": "", "wrong": ""}
    row = next(
        iter(
            request.db.query(
                "select * from captures where warc_file = ? and warc_offset = ?",
                [found["warc_file"], found["warc_offset"]],
            )
        ),
        None,
    )
    if row is None:
        return {"captured": None, "view": "", "wrong": ""}
    wrong = ""
    try:
        read_capture(request.db, request.folder, row)
    except CaptureUnreadable as error:
        wrong = str(error)
    except ArticleRemoved:
        return {"captured": None, "view": "", "wrong": ""}
    return {
        "captured": row,
        "view": build_memento_url(request, f"view/{format_timestamp(row)}/", row["url"]),
        "wrong": wrong,
    }
