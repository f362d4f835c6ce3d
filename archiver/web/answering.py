"""From a request to what is sent: the page is asked in a thread that has the archive open."""

from __future__ import annotations

import asyncio
import hashlib
import json
import mimetypes
import sqlite3
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, unquote

from datasette.app import Datasette
from datasette.utils.asgi import Request, Response

from archiver.capture.asked import CaptureNotFound, CaptureUnreadable, NotCaptured
from archiver.errors import (
    ArchiverError,
    ArticleNotFound,
    ArticleRemoved,
    BadQuery,
    ClusterNotFound,
    IndexMissing,
    RevisionNotFound,
    SearchNotFound,
    SiteNotFound,
)
from archiver.search.grammar import ends
from archiver.web import headers
from archiver.web.answer import Answer, Asked, Download, Sent, Wanted, address
from archiver.web.asking import ASKED, LABELS
from archiver.web.failing import UNREADABLE, failure
from archiver.web.pages import PAGES, Page
from archiver.web.rendered import rendered
from archiver.web.site import Site, site_of
from archiver.web.streamed import Streaming

NAVIGATION = tuple((page.label, page.path) for page in PAGES if page.label)
_STATIC = {file.name: file.read_bytes() for file in (files("archiver.web") / "static").iterdir() if file.is_file()}
_VERSIONS = {name: hashlib.sha256(data).hexdigest()[:12] for name, data in _STATIC.items()}
_STATUS: dict[type[Exception], int] = {
    ArticleNotFound: 404, SiteNotFound: 404, SearchNotFound: 404, ClusterNotFound: 404, RevisionNotFound: 404,
    CaptureNotFound: 404, NotCaptured: 404, ArticleRemoved: 410, CaptureUnreadable: 502, IndexMissing: 503}
_POLICIES = {"own": headers.OWN, "inert": headers.INERT}
_TOO_LONG = ("This takes longer than a page may take: narrow it by site or time, or ask it of the command line, "
             "which has no limit.")


def answering(page: Page) -> Callable[..., Awaitable[Response | Streaming]]:
    """The view of a page, as Datasette calls it."""

    async def view(request: Request, datasette: Datasette) -> Response | Streaming:
        site = site_of(datasette)
        loop = asyncio.get_running_loop()
        made = await loop.run_in_executor(site.archive.pool, _answer, page, request, site)
        return _streaming(made, site, request) if isinstance(made, Download) else made

    return view


async def failed(request: Request, datasette: Datasette, error: Exception) -> Response:
    """The page for what came of an address that none of our pages answers."""
    site = site_of(datasette)
    path = unquote(request.path.partition("?")[0])
    searched = next((request.args[name] for name in request.args if name.startswith("_search")), None)
    status, sentence = failure(path, error, site.archive.path, searched)
    form = "json" if path.endswith(".json") or request.args.get("_format") == "json" else "html"
    return _failed(_wanted(request, site, path, {}, form), sentence, status)


async def static_file(request: Request) -> Response:
    """A file that is shipped; its address has its version, so that it never changes."""
    name = request.url_vars["name"]
    if name not in _STATIC:
        return Response("There is no such file.\n", status=404, content_type="text/plain; charset=utf-8")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Response(_STATIC[name], 200, {"cache-control": "public, max-age=31536000, immutable",
                                         "content-security-policy": headers.INERT},
                    f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)


def _answer(page: Page, request: Request, site: Site) -> Response | Download:
    """Raises what `failed` answers: a fault of the program, or of the place the archive lies in."""
    sent = {name: value for name, value in request.url_vars.items() if value is not None}
    named = sent if page.names_address else {name: unquote(value) for name, value in sent.items()}
    twin, form = named.pop("twin", ""), request.args.get("_format")
    if twin and form == "html" and page.path.endswith("}"):
        named[[*named][-1]] += twin
    elif twin or not form:
        form = twin or "html"
    wanted = _wanted(request, site, page.path, named, form.lstrip("."))
    try:
        return site.archive.asked(lambda db: _made(page, wanted.asked(db)))
    except ArchiverError as error:
        if isinstance(error, UNREADABLE):
            raise
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
        # The mistake may stand in another field, or in what the field comes to once it is read (NFC).
        at = error.at if isinstance(error, BadQuery) and error.subject == wanted.one("q") else None
        return _failed(wanted, str(error), status, at)
    except sqlite3.OperationalError as error:
        if str(error) != "interrupted":
            raise
        return _failed(wanted, _TOO_LONG, 503)


def _made(page: Page, asked: Asked) -> Response | Download:
    answer = page.answer(asked)
    return answer if isinstance(answer, Download) else _sent(answer, asked)


def _wanted(request: Request, site: Site, path: str, named: dict[str, str], form: str) -> Wanted:
    args = parse_qsl(request.query_string, keep_blank_values=True, errors="replace")
    return Wanted(path, named, tuple(pair for pair in args if pair[0] != "_format"), form, site.base,
                 site.origin or f"{request.scheme}://{request.host}", site.archive.path.parent,
                 {name.lower(): value for name, value in request.headers.items()}, request.query_string)


def _streaming(made: Download, site: Site, request: Request) -> Streaming:
    return Streaming(
        lambda out: site.archive.without_limit(lambda db: made.write(db, out)), site.archive.downloads,
        {"content-type": made.content_type, "content-disposition": f'attachment; filename="{made.name}"',
         **_headers("inert")}, request.receive)


def _failed(asked: Wanted, sentence: str, status: int, at: int | None = None) -> Response:
    """A page with what was asked, to be put right; `at` is where in the query the mistake is."""
    fields = [(name, LABELS.get(name, name), value) for name, value in asked.args if value]
    query = asked.one("q")
    marks = ((at, ends(query, at)),) if at is not None and at < len(query) else ()
    return _sent(Answer("failure.html", {
        "sentence": sentence, "status": status, "query": query, "marks": marks,
        "fields": fields if status < 500 and asked.path in ASKED else []},
        {"ok": False, "error": sentence, "status": status, "at": at}, status), asked)


def _sent(answer: Answer | Sent, asked: Wanted) -> Response:
    if isinstance(answer, Sent):
        return Response(answer.body, answer.status, {
            "content-security-policy": answer.policy or _POLICIES["inert"], "cache-control": "private, no-cache",
            **answer.headers}, answer.content_type)
    if asked.form == "json" and answer.data is not None:
        text = json.dumps(answer.data, ensure_ascii=False).encode("utf-8", "replace")
        return Response(text, answer.status, _headers("inert") | answer.headers, "application/json; charset=utf-8")
    text = rendered(answer, asked, NAVIGATION, lambda name: address(
        asked.base, f"/-/archiver/{name}", [("v", _VERSIONS[name])])).encode("utf-8", "replace")
    policy = {"content-security-policy": answer.policy} if answer.policy else {}
    return Response(text, answer.status, _headers("own") | policy | answer.headers, "text/html; charset=utf-8")


def _headers(policy: str) -> dict[str, Any]:
    return {"content-security-policy": _POLICIES[policy], "cache-control": "private, no-cache"}
