"""A web server on loopback for a folder of pages, with a log of its requests."""

from __future__ import annotations

import hashlib
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

_TYPES = {".xml": "application/xml", ".atom": "application/atom+xml", ".rss": "application/rss+xml"}


class Folder:
    """What is served. `root` may be set again after a build. `shell`: the page for every address that has no file, as
    hosts of JavaScript-only sites have it; otherwise such an address is answered with 404."""

    def __init__(self, shell: str = "") -> None:
        self.root = Path("/nonexistent")
        self.requests: list[tuple[str, int]] = []
        self.base = ""
        self._shell = shell

    def find(self, path: str) -> tuple[int, Path | None, str]:
        """Returns the status, the file, and where a redirect leads."""
        wanted = (self.root / unquote(path).lstrip("/")).resolve()
        inside = wanted.is_relative_to(self.root.resolve())
        if inside and wanted.is_dir() and (wanted / "index.html").is_file():
            if not path.endswith("/"):
                return HTTPStatus.MOVED_PERMANENTLY, None, f"{path}/"
            return HTTPStatus.OK, wanted / "index.html", ""
        if inside and wanted.is_file():
            return HTTPStatus.OK, wanted, ""
        if self._shell and "." not in path.rpartition("/")[2]:
            return HTTPStatus.OK, self.root / self._shell, ""
        missing = self.root / "404.html"
        return HTTPStatus.NOT_FOUND, missing if missing.is_file() else None, ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: Folder

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        status, file, location = self.served.find(path)
        body = file.read_bytes() if file else b""
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if status == HTTPStatus.OK and self.headers.get("If-None-Match") == tag:
            status, body = HTTPStatus.NOT_MODIFIED, b""
        self.served.requests.append((self.path, int(status)))
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        if status in (HTTPStatus.OK, HTTPStatus.NOT_MODIFIED):
            self.send_header("ETag", tag)
        if file:
            self.send_header("Content-Type", _type(file))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """The requests are logged in `Folder.requests`."""


def _type(file: Path) -> str:
    kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


@contextmanager
def serving(shell: str = "") -> Iterator[Folder]:
    """Serves a folder on a free port of 127.0.0.1; its address is `base`."""
    folder = Folder(shell)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": folder}))
    folder.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield folder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
