"""What stands before every address: which requests are answered at all, and what each answer tells the browser.

A page of the web could otherwise read an archive on the reader's machine: by a name of its own that leads to 127.0.0.1
(DNS rebinding). So a request is answered if it is for a name that this server is known to have. It could let the
reader's browser ask for what takes long, without getting to read it, in an image or a frame: what browsers say of who
asks (Fetch Metadata Request Headers, W3C) tells that from a link that a reader follows.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from archiver.web.archive_access import ServedArchive

# The headers of every answer: what a browser may do with it.

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_EXPRESSION = re.compile(r"\{\{\s*datasette_allow_facet\s*\}\}")

OWN = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
INERT = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
"""Of what is no page of ours: data, files to download."""

EVERYWHERE: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # the sites of the archive learn nothing of who reads it
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def policies(templates: Path) -> dict[str, str]:
    """The policies by name; `templates` is the folder of Datasette's."""
    scripts = " ".join(f"'sha256-{digest}'" for digest in sorted(set(_digests(templates))))
    tables = (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; "
        f"script-src 'self' {scripts}; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {"own": OWN, "inert": INERT, "tables": tables}


def _digests(templates: Path) -> Iterator[str]:
    for file in sorted(templates.glob("*.html")):
        for script in _INLINE.findall(file.read_text(encoding="utf-8")):
            for said in ("true", "false"):
                text = _EXPRESSION.sub(said, script)
                if "{{" not in text and "{%" not in text:
                    yield base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_METHODS = ("GET", "HEAD")
_INTERNAL = ("/-/static/", "/-/static-plugins/", "/-/archiver/", "/-/metrics")
"""Of what Datasette shows of itself (its settings, the place of its files) only what its pages load; and our numbers
for Prometheus."""


def guarded(application: Application, site: Callable[[], ServedArchive], policies: Mapping[str, str]) -> Application:
    """The application behind the guard; `site` is asked when the first request comes."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return

        async def sent(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": list(_with(message.get("headers", []), policies))}
            await send(message)

        if refusal := _refusal(scope, site()):
            await _refuse(sent, *refusal)
        else:
            await application(scope, receive, sent)

    return answer


def _refusal(scope: Scope, site: ServedArchive) -> tuple[int, str] | None:
    sent = {name: value.decode("latin-1") for name, value in scope["headers"]}
    host = sent.get(b"host", "")
    if site.hosts and _name(host) not in site.hosts:
        return 421, (
            "This server answers for " + ", ".join(sorted(site.hosts)) + " only; where it is reached under "
            "another name, give that with --public-url.\n"
        )
    if sent.get(b"sec-fetch-site") == "cross-site" and sent.get(b"sec-fetch-dest", "document") != "document":
        return 403, "This was asked for by a page of another site: it is shown where a reader opens it.\n"
    if scope["method"] not in _METHODS:
        return 405, "The archive is only read here: GET and HEAD.\n"
    path = scope["path"]
    if site.base != "/" and path.startswith(site.base):
        path = "/" + path[len(site.base) :]
    # Datasette takes the slashes at the end of an address away, and leads on to what is left.
    if path.startswith("//") or (path.startswith("/-/") and not path.startswith(_INTERNAL)):
        return 404, "There is no such page.\n"
    return None


def _name(host: str) -> str:
    """The name of "name:port", as it is compared; of an IPv6 address with its brackets."""
    return (host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]).lower().rstrip(".")


def _with(sent: list[tuple[bytes, bytes]], policies: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    there = {name.lower() for name, _ in sent}
    more = {"content-security-policy": policies["tables"], **EVERYWHERE}
    return [*sent, *((name.encode(), value.encode()) for name, value in more.items() if name.encode() not in there)]


async def _refuse(send: Send, status: int, sentence: str) -> None:
    allow = [(b"allow", b"GET, HEAD")] if status == 405 else []
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", b"text/plain; charset=utf-8"), *allow],
        }
    )
    await send({"type": "http.response.body", "body": sentence.encode()})
