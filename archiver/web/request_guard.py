"""Rejects unsafe requests, and adds security headers to every response.

A web page could read an archive on the reader's machine through a host name that resolves to 127.0.0.1 (DNS rebinding),
so only known host names are answered. It could also make the reader's browser send slow requests by embedding them as
images or frames; the Fetch Metadata Request Headers (W3C) distinguish these from links that a reader follows.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from archiver.web.archive_access import ServedArchive

# Security headers.

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_EXPRESSION = re.compile(r"\{\{\s*datasette_allow_facet\s*\}\}")

OWN = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
INERT = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
"""The Content-Security-Policy for data and downloads."""

EVERYWHERE: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # archived sites must not learn who reads the archive
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def build_policies(templates: Path) -> dict[str, str]:
    """Returns the Content-Security-Policies by name. `templates` is Datasette's template folder, whose inline scripts
    are allowed by hash.
    """
    scripts = " ".join(f"'sha256-{digest}'" for digest in sorted(set(_hash_inline_scripts(templates))))
    tables = (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; "
        f"script-src 'self' {scripts}; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {"own": OWN, "inert": INERT, "tables": tables}


def _hash_inline_scripts(templates: Path) -> Iterator[str]:
    for file in sorted(templates.glob("*.html")):
        for script in _INLINE.findall(file.read_text(encoding="utf-8")):
            for value in ("true", "false"):
                text = _EXPRESSION.sub(value, script)
                if "{{" not in text and "{%" not in text:
                    yield base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


# The guard.

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_METHODS = ("GET", "HEAD")
_INTERNAL = ("/-/static/", "/-/static-plugins/", "/-/archiver/", "/-/metrics", "/-/health")
"""The allowed paths below /-/: files that Datasette's pages load, and our metrics and health. Datasette's other pages
there show settings and file paths.
"""


def guard_application(
    application: Application, site: Callable[[], ServedArchive], policies: Mapping[str, str]
) -> Application:
    """Wraps an ASGI application so that unsafe requests are rejected and security headers are added. `site` is called
    for each request to get the served archive.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": list(_add_default_headers(message.get("headers", []), policies))}
            await send(message)

        if refusal := _check_request(scope, site()):
            await _send_refusal(sent, *refusal)
        else:
            await application(scope, receive, sent)

    return answer


def _check_request(scope: Scope, site: ServedArchive) -> tuple[int, str] | None:
    sent = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = sent.get(b"host", "")
    if site.hosts and _normalize_host(host) not in site.hosts:
        return 421, (
            "This server only answers requests for " + ", ".join(sorted(site.hosts)) + ". If it has another public "
            "name, set --public-url.\n"
        )
    if sent.get(b"sec-fetch-site") == "cross-site" and sent.get(b"sec-fetch-dest", "document") != "document":
        return 403, "A page of another site requested this. Open it directly instead.\n"
    if scope["method"] not in _METHODS:
        return 405, "The archive is read-only; use GET or HEAD.\n"
    path = scope["path"]
    if site.base != "/" and path.startswith(site.base):
        path = "/" + path[len(site.base) :]
    # Datasette redirects a path with trailing slashes to the rest of it, which could be another host ("//host/").
    if path.startswith("//") or (path.startswith("/-/") and not path.startswith(_INTERNAL)):
        return 404, "There is no such page.\n"
    return None


def _normalize_host(host: str) -> str:
    """Returns the host name of "name:port" in normalised form; an IPv6 address keeps its brackets."""
    return (host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]).lower().rstrip(".")


def _add_default_headers(sent: list[tuple[bytes, bytes]], policies: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in sent}
    defaults = {"content-security-policy": policies["tables"], **EVERYWHERE}
    return [
        *sent,
        *((name.encode(), value.encode()) for name, value in defaults.items() if name.encode() not in present),
    ]


async def _send_refusal(send: Send, status: int, sentence: str) -> None:
    allow = [(b"allow", b"GET, HEAD")] if status == 405 else []
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"text/plain; charset=utf-8"), *allow],
        }
    )
    await send({"type": "http.response.body", "body": sentence.encode()})
