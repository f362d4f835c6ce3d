"""The routes of the web pages, and how a request becomes a response, an error page or a static file: page functions
run in threads that have the archive open.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import importlib
import io
import json
import logging
import mimetypes
import re
import sqlite3
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import parse_qsl, unquote

from datasette.app import Datasette
from datasette.utils.asgi import Base400, Forbidden, NotFound, Request, Response
from datasette.views.base import DatasetteError

from archiver.api.database import environment_error, is_environment_error
from archiver.api.search import Query, matching_ids, token_end
from archiver.model.errors import (
    ArchiveDamaged,
    ArchiveLocked,
    ArchiveNotFound,
    ArchiveNotWritable,
    ArchiverError,
    ArchiveTooNew,
    ArchiveTooOld,
    ArticleNotFound,
    ArticleRemoved,
    BadQuery,
    CaptureNotFound,
    CaptureUnreadable,
    ClusterNotFound,
    DiskFull,
    IndexDamaged,
    IndexMissing,
    NotAnArchive,
    NotCaptured,
    RevisionNotFound,
    SiteNotFound,
)
from archiver.web import web_requests
from archiver.web.archive_connections import DATABASE, ServedArchive, get_served_archive
from archiver.web.health_probe import Failure, ProbeResult
from archiver.web.template_rendering import render_page
from archiver.web.web_requests import (
    FORM_PAGES,
    LABELS,
    ArchiveRequest,
    Download,
    PageFunction,
    PageResponse,
    RawResponse,
    WebRequest,
    build_url,
    reader_sentence,
)

# The pages.

HEALTH = "/-/health"
"""The path at which monitors ask whether the archive works. The answer is always JSON."""


@dataclass(frozen=True, slots=True)
class PageRoute:
    """A row of the table of pages.

    - `path`: the path of the page's URL, in which "{name}" matches anything without a slash and "{name*}" anything.
    - `function`: the module and the function that make the page.
    - `label`: the name of the page in the navigation; "" if the page is not listed there.
    - `names_address`: True if the path ends in the URL of an archived page, which the function receives undecoded.

    Each page is also available as JSON, at the same path with the suffix .json or with ?_format=json, except pages with
    `names_address`. (If a name itself ends in .json, ?_format=html selects the page.)
    """

    path: str
    function: str
    label: str = ""
    names_address: bool = False

    @property
    def address(self) -> str:
        """Returns a regular expression that matches the percent-encoded paths of requests for this page."""
        pattern = re.sub(
            r"\\\{(\w+)(\\\*)?\\\}", lambda m: f"(?P<{m[1]}>{'.+?' if m[2] else '[^/]+?'})", re.escape(self.path)
        )
        return f"{pattern}$" if self.names_address else f"{pattern}(?P<twin>\\.json)?$"

    def answer(self, request: ArchiveRequest) -> PageResponse | RawResponse | Download:
        module, name = self.function.split(".")
        function: PageFunction = getattr(importlib.import_module(f"archiver.web.{module}"), name)
        return function(request)


PAGES: tuple[PageRoute, ...] = (
    PageRoute("/", "front_page.front_page"),
    PageRoute("/search", "search_pages.search_page", "Search"),
    PageRoute("/changes", "what_changed.changes_page", "What changed"),
    PageRoute("/changes/feed", "what_changed.changes_feed"),
    PageRoute("/search/feed", "collection_pages.search_feed_page"),
    PageRoute("/search/follow", "collection_pages.follow_page"),
    PageRoute("/collection", "collection_pages.collection_page", "Collection"),
    PageRoute("/export", "collection_pages.export_page"),
    PageRoute("/sites", "site_pages.sites_page", "Sites"),
    PageRoute("/site/{name*}", "site_pages.site_page"),
    PageRoute("/article/{id}", "article_pages.article_page"),
    PageRoute("/-/metrics", "site_pages.metrics_page"),
    PageRoute(HEALTH, "site_pages.probe_page"),
    PageRoute("/article/{id}/evidence", "article_pages.evidence_page"),
    PageRoute("/article/{id}/versions", "revision_pages.revisions_page"),
    PageRoute("/article/{id}/diff", "revision_pages.diff_page"),
    PageRoute("/article/{id}/cite/{style}", "article_pages.cite_page"),
    PageRoute("/article/{id}/image", "capture_pages.image_page"),
    PageRoute("/article/{id}/captures", "capture_pages.article_captures_page"),
    PageRoute("/capture/{number}", "capture_pages.capture_page"),
    PageRoute("/capture/{number}/record", "capture_pages.record_page"),
    PageRoute("/capture/{number}/payload", "capture_pages.payload_page"),
    PageRoute("/captures/{place*}", "capture_pages.url_captures_page", names_address=True),
    PageRoute("/view/{place*}", "capture_pages.view_page", names_address=True),
    PageRoute("/web/{place*}", "capture_pages.memento_page", names_address=True),
)


# Streaming responses, so that an export of any size needs little memory.

Message = MutableMapping[str, Any]
_CHUNK = 64_000
_AHEAD = 8


class StreamingResponse:
    """A response that is sent while it is still being written: `make` writes it in a thread of `pool`. If the client
    reads more slowly than `make` writes, `make` has to wait. If the client disconnects, the next write in `make` raises
    BrokenPipeError.
    """

    def __init__(
        self,
        make: Callable[[IO[bytes]], None],
        pool: Executor,
        headers: dict[str, str],
        receive: Callable[[], Awaitable[Message]],
    ) -> None:
        self.make, self.pool, self.headers, self.receive = make, pool, headers, receive

    async def asgi_send(self, send: Callable[[Message], Awaitable[None]]) -> None:
        """Sends the response. An error of `make` before the first byte is raised before anything is sent, so that it
        becomes an error page.
        """
        loop = asyncio.get_running_loop()
        out = _Pipe(loop)
        gone = asyncio.create_task(self._wait_for_disconnect(out))
        making = loop.run_in_executor(self.pool, self._make, out)
        try:
            chunk = await out.chunks.get()
            if chunk is None:
                await making
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(name.encode(), value.encode()) for name, value in self.headers.items()],
                }
            )
            while chunk is not None:
                out.room.release()
                if not out.broken:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                chunk = await out.chunks.get()
            await (
                making
            )  # an error in the middle aborts the connection, so that nobody mistakes half a file for a whole one
            await send({"type": "http.response.body", "body": b""})
        except BrokenPipeError:
            pass
        finally:
            out.close_by_reader()
            gone.cancel()

    def _make(self, out: _Pipe) -> None:
        try:
            self.make(cast(IO[bytes], out))
            out.flush()
        finally:
            out.end()

    async def _wait_for_disconnect(self, out: _Pipe) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass
        out.close_by_reader()


class _Pipe(io.RawIOBase):
    """Passes bytes from a writing thread to the event loop. The thread uses it as a file; the event loop takes chunks
    from a queue (None marks the end). `room` is a semaphore that limits the number of queued chunks.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop, self.broken = loop, False
        self.chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.room = threading.Semaphore(_AHEAD)
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        if len(self._held) >= _CHUNK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        if self._held and not self.closed:
            chunk = bytes(self._held)
            self._held.clear()
            self._put(chunk)

    def end(self) -> None:
        """Marks the end of the data. This must be called even after an error, because the reader waits for the end."""
        self.loop.call_soon_threadsafe(self.chunks.put_nowait, None)

    def close_by_reader(self) -> None:
        """Closes the pipe from the reader's side. A waiting writer wakes up and gets a BrokenPipeError."""
        self.broken = True
        self.room.release()

    def _put(self, chunk: bytes) -> None:
        if not self.broken:
            self.room.acquire()
        if self.broken:
            raise BrokenPipeError
        self.loop.call_soon_threadsafe(self.chunks.put_nowait, chunk)


# Errors of Datasette, and unexpected errors, as error pages. Details go to the log.

_LOG = logging.getLogger(__name__)
_TIMED_OUT = "This SQL takes longer than a page may. Narrow it, for example with a limit."
_UNREAD = "The archive cannot be read at present. The server's log gives the details."
_LOCKED = "Another program has locked the archive. Try again when it has finished."
UNREADABLE = (
    ArchiveNotFound,
    NotAnArchive,
    ArchiveTooNew,
    ArchiveTooOld,
    ArchiveLocked,
    ArchiveDamaged,
    ArchiveNotWritable,
    DiskFull,
)
"""Errors of `open_archive` whose messages contain the paths of folders, which must not be shown to readers."""
OWN = "datasette.handle_exception"
"""The name under which Datasette's own error handler is registered as a plugin."""


def describe_error(path: str, error: Exception, archive: Path) -> tuple[int, str]:
    """Returns the HTTP status and the message for an error in a request for this path. Logs errors of the program and
    of the archive's file system.
    """
    if isinstance(error, NotFound) and path.split("/")[1:2] != [DATABASE]:
        return 404, f"There is no page at {path}."
    if isinstance(error, Forbidden):
        return 403, _as_sentence(str(error))
    if isinstance(error, Base400):
        return error.status, _as_sentence(str(error.args[0]) if error.args else "404")
    if isinstance(error, DatasetteError):
        # Datasette answers 500 for an unknown sort column. Its only message in HTML is that the SQL timed out.
        return (
            400 if error.status == 500 else error.status,
            _TIMED_OUT if error.message_is_html else _as_sentence(str(error.message)),
        )
    if isinstance(error, sqlite3.Warning | sqlite3.ProgrammingError) and path.split("/")[1:2] == [DATABASE]:
        return 400, _as_sentence(str(error))  # two statements in one, such as ?_where=1;drop
    if isinstance(error, sqlite3.Error) and is_environment_error(error):
        error = environment_error(error, archive)
    if isinstance(error, UNREADABLE):
        _LOG.error("%s", error)
        return 503, _LOCKED if isinstance(error, ArchiveLocked) else _UNREAD
    _LOG.error("The page %s failed.", path, exc_info=error)
    return 500, "This page failed because of an internal error. The server's log gives the details."


def _as_sentence(message: str) -> str:
    return "There is no such page." if message == "404" else message[:1].upper() + message[1:].rstrip(".") + "."


# From a request to a response.


NAVIGATION = (
    *((page.label, page.path) for page in PAGES if page.label),
    ("Data", f"/{DATABASE}"),
)
"""The navigation of every page, in the order of PAGES: (label, path) pairs."""
_STATIC = {file.name: file.read_bytes() for file in (files("archiver.web") / "static").iterdir() if file.is_file()}
_HASHES = {name: hashlib.sha256(data).hexdigest()[:12] for name, data in _STATIC.items()}
_STATUS: dict[type[Exception], int] = {
    ArticleNotFound: 404,
    SiteNotFound: 404,
    ClusterNotFound: 404,
    RevisionNotFound: 404,
    CaptureNotFound: 404,
    NotCaptured: 404,
    ArticleRemoved: 410,
    CaptureUnreadable: 502,
    IndexMissing: 503,
    IndexDamaged: 503,
}
_POLICIES = {"own": web_requests.OWN_POLICY, "inert": web_requests.INERT}
_TOO_LONG = "This takes longer than a page may. Narrow it by site or date."


def make_view(page: PageRoute) -> Callable[..., Awaitable[Response | StreamingResponse]]:
    """Returns the view function of a page, in the form that Datasette calls."""

    async def view(request: Request, datasette: Datasette) -> Response | StreamingResponse:
        site = get_served_archive(datasette)
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(site.archive.pool, _answer_page, page, request, site)
        return _make_streaming_response(made, site, request) if isinstance(made, Download) else made

    return view


async def find_articles(site: ServedArchive, text: str) -> list[int]:
    """Returns the IDs of all articles that a search in Datasette's table of articles finds. Raises DatasetteError if
    the search is invalid or the archive cannot be searched.
    """
    query = Query(text, limit=None, duplicates=True, sort="added")
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(
            site.archive.pool, site.archive.with_limit, lambda db: list(matching_ids(db, query))
        )
    except ArchiverError as error:
        if isinstance(error, UNREADABLE):
            raise
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
        raise DatasetteError(reader_sentence(error), status=status) from error


async def render_error(request: Request, datasette: Datasette, error: Exception) -> Response:
    """Returns the error page for an exception that was raised outside of our page functions."""
    site = get_served_archive(datasette)
    path = unquote(request.path.partition("?")[0])
    status, sentence = describe_error(path, error, site.archive.path)
    if path == HEALTH:
        failed = ProbeResult((Failure("archive", sentence),))
        return Response(
            json.dumps(failed.as_json()), status, {"cache-control": "no-store"}, "application/json; charset=utf-8"
        )
    form = "json" if path.endswith(".json") or request.args.get("_format") == "json" else "html"
    return _error_response(_web_request(request, site, path, {}, form), sentence, status)


def static_url(base: str, name: str) -> str:
    """Returns the URL of a static file below the prefix `base`. It contains the file's hash."""
    return build_url(base, f"/-/archiver/{name}", [("v", _HASHES[name])])


async def serve_static_file(request: Request) -> Response:
    """Returns a stylesheet, script or image of the web interface. Its URL contains its hash, so it can be cached
    forever.
    """
    name = request.url_vars["name"]
    if name not in _STATIC:
        return Response("There is no such file.\n", status=404, content_type="text/plain; charset=utf-8")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {"cache-control": "public, max-age=31536000, immutable", "content-security-policy": web_requests.INERT}
    body = _STATIC[name]
    if is_compressible(kind):
        headers["vary"] = "accept-encoding"
        if accepts_gzip(request.headers.get("accept-encoding", "")):
            headers["content-encoding"] = "gzip"
            body = _compress_static_file(name)
    return Response(body, 200, headers, f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)


@cache
def _compress_static_file(name: str) -> bytes:
    return gzip.compress(_STATIC[name], 9, mtime=0)


_SMALLEST_COMPRESSED = 1_000
"""A body with fewer bytes fits into one packet in any case."""


def is_compressible(kind: str) -> bool:
    """Returns True if bodies of this media type are text. (Images and archives are compressed already.)"""
    return kind.startswith("text/") or kind.partition(";")[0].endswith(("json", "xml", "javascript"))


def accepts_gzip(accepted: str) -> bool:
    """Returns True if an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3)."""
    weights = {}
    for part in accepted.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = parameter.replace(" ", "").removeprefix("q=").strip("0.") != "" or not parameter
    return weights.get("gzip", weights.get("*", False))


def compress_page(response: Response, accepted: str) -> Response:
    """Returns the response to a request whose Accept-Encoding header is `accepted`: compressed if it is text and the
    header allows it. A page of results with its facets and map shrinks to a sixth in 2 ms.
    """
    if not is_compressible(response.content_type) or len(response.body) < _SMALLEST_COMPRESSED:
        return response
    body, headers = response.body, response.headers
    headers = headers | {"vary": ", ".join(filter(None, (headers.get("vary"), "accept-encoding")))}
    if accepts_gzip(accepted):
        body, headers = gzip.compress(body, 4, mtime=0), headers | {"content-encoding": "gzip"}
    return Response(body, response.status, headers, response.content_type)


DESCRIPTIONS = {
    "opensearch.xml": "application/opensearchdescription+xml; charset=utf-8",
    "manifest.webmanifest": "application/manifest+json; charset=utf-8",
    "robots.txt": "text/plain; charset=utf-8",
}
"""Files at the root that describe the archive to programs: maps the name of each template to its media type."""
_ICONS = {"favicon.ico": "icon-180.png", "apple-touch-icon.png": "icon-180.png"}
"""The paths at which programs look for an icon without reading a page."""
ROOT_FILES = "|".join(map(re.escape, (*DESCRIPTIONS, *_ICONS)))


async def serve_root_file(request: Request, datasette: Datasette) -> Response:
    """Returns a description of the archive for programs, or its icon."""
    name = request.url_vars["name"]
    headers = {"cache-control": "public, max-age=86400", "content-security-policy": web_requests.INERT}
    if name in _ICONS:
        return Response(_STATIC[_ICONS[name]], 200, headers, "image/png")
    asked = _web_request(request, get_served_archive(datasette), f"/{name}", {}, "html")
    text = render_page(PageResponse(name, {}), asked, NAVIGATION, partial(static_url, asked.base))
    return Response(text, 200, headers, DESCRIPTIONS[name])


_LONGEST_QUOTED = 80
"""A message quotes an invalid argument other than the query only if it has at most this many characters."""


def _answer_page(page: PageRoute, request: Request, site: ServedArchive) -> Response | Download:
    """Returns the response of a page. An ArchiverError becomes an error page; errors of the program or of the archive's
    file system are raised for `render_error`.
    """
    sent = {name: value for name, value in request.url_vars.items() if value is not None}
    named = sent if page.names_address else {name: unquote(value) for name, value in sent.items()}
    twin, form = named.pop("twin", ""), request.args.get("_format")
    if twin and form == "html" and page.path.endswith("}"):
        named[[*named][-1]] += twin
    elif twin or not form:
        form = twin or "html"
    web_request = _web_request(request, site, page.path, named, form.lstrip("."))
    try:
        return site.archive.with_limit(lambda db: _make_response(page, web_request.with_archive(db)))
    except ArchiverError as error:
        if isinstance(error, UNREADABLE):
            raise
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
        # The position is useless if the error is in another field, or if normalisation (NFC) changed the query.
        at, said = None, reader_sentence(error)
        if isinstance(error, BadQuery) and error.subject == web_request.one("q"):
            at = error.at
        elif isinstance(error, BadQuery) and web_request.form == "html" and len(error.subject) <= _LONGEST_QUOTED:
            said = f"“{error.subject}” is not valid: {error.why}."
        return _error_response(web_request, said, status, at)
    except sqlite3.OperationalError as error:
        if str(error) != "interrupted":
            raise
        return _error_response(web_request, _TOO_LONG, 503)


def _make_response(page: PageRoute, request: ArchiveRequest) -> Response | Download:
    answer = page.answer(request)
    if isinstance(answer, Download):
        return answer
    response = _to_response(answer, request)
    if isinstance(answer, RawResponse):
        return response  # byte for byte: captures are evidence, and the ETag of a feed names its bytes
    return compress_page(response, request.headers.get("accept-encoding", ""))


def _web_request(request: Request, site: ServedArchive, path: str, named: dict[str, str], form: str) -> WebRequest:
    args = parse_qsl(request.query_string, keep_blank_values=True, errors="replace")
    return WebRequest(
        path,
        named,
        tuple(pair for pair in args if pair[0] != "_format"),
        form,
        site.base,
        site.origin or f"{request.scheme}://{request.host}",
        site.archive.path.parent,
        {name.lower(): value for name, value in request.headers.items()},
        request.query_string,
        site.title,
        site.description,
    )


def _make_streaming_response(made: Download, site: ServedArchive, request: Request) -> StreamingResponse:
    return StreamingResponse(
        lambda out: site.archive.without_limit(lambda db: made.write(db, out)),
        site.archive.downloads,
        {
            "content-type": made.content_type,
            "content-disposition": f'attachment; filename="{made.name}"',
            **_headers("inert"),
        },
        request.receive,
    )


def _error_response(request: WebRequest, sentence: str, status: int, at: int | None = None) -> Response:
    """Returns an error page with a form to correct the request. `at` is the position of the error in the query, None if
    unknown.
    """
    fields = [(name, LABELS.get(name, name), value) for name, value in request.args if value]
    query = request.one("q")
    marks = ((at, token_end(query, at)),) if at is not None and at < len(query) else ()
    return _to_response(
        PageResponse(
            "failure.html",
            {
                "sentence": sentence,
                "status": status,
                "query": query,
                "marks": marks,
                "fields": fields if status < 500 and request.path in FORM_PAGES else [],
            },
            {"ok": False, "error": sentence, "status": status, "at": at},
            status,
        ),
        request,
    )


def _to_response(answer: PageResponse | RawResponse, request: WebRequest) -> Response:
    if isinstance(answer, RawResponse):
        return Response(
            answer.body,
            answer.status,
            {
                "content-security-policy": answer.policy or _POLICIES["inert"],
                "cache-control": "private, no-cache",
                **answer.headers,
            },
            answer.content_type,
        )
    if request.form == "json" and answer.data is not None:
        text = json.dumps(answer.data, ensure_ascii=False).encode("utf-8", "replace")
        return Response(text, answer.status, _headers("inert") | answer.headers, "application/json; charset=utf-8")
    static = partial(static_url, request.base)
    text = render_page(answer, request, NAVIGATION, static).encode("utf-8", "replace")
    policy = {"content-security-policy": answer.policy} if answer.policy else {}
    return Response(text, answer.status, _headers("own") | policy | answer.headers, "text/html; charset=utf-8")


def _headers(policy: str) -> dict[str, Any]:
    return {"content-security-policy": _POLICIES[policy], "cache-control": "private, no-cache"}
