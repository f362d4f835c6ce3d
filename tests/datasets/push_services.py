"""A server on loopback that speaks as much of the API of Zenodo as a push uses.

It keeps the requests, and fails as told: with a status, a broken connection or another checksum.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

TOKEN = "secret-of-the-tests"
BROKEN, WRONG = "broken", "wrong checksum"


@dataclass
class Services:
    """The services and what they have received.

    - `faults`: for a request ("PUT /api/files/b1/README.md", a regular expression) the status, BROKEN or WRONG with
      which it is answered.
    - `requests`: the requests as `METHOD path?query`, with the document that was sent (JSON), or None for files.
    - `files`: the bytes of the received files by name.
    - `drafts`, `published`: names of what exists.
    """

    faults: dict[str, Any] = field(default_factory=dict)
    requests: list[list[Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    drafts: set[str] = field(default_factory=set)
    published: set[str] = field(default_factory=set)
    address: str = ""

    def __enter__(self) -> Services:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, document = outer.respond(self.command, self.path, body, self.headers)
                if status == BROKEN:
                    self.close_connection = True
                    return
                text = b"" if document is None else json.dumps(document).encode()
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "30")
                if status == 302:
                    self.send_header("Location", "http://127.0.0.2/elsewhere")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def respond(self, method: str, target: str, body: bytes, headers: Message) -> tuple[Any, Any]:
        path = unquote(urlsplit(target).path)
        is_json = "json" in headers.get("Content-Type", "")
        documents = [json.loads(line) for line in body.splitlines()] if is_json and body else []
        self.requests.append([f"{method} {unquote(target)}", *documents])
        fault = next((what for where, what in self.faults.items() if re.fullmatch(where, f"{method} {path}")), None)
        if fault not in (None, WRONG):
            return fault, {"message": "Validation error.", "errors": [{"field": "metadata.title", "message": "Bad."}]}
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "who are you?"}
        for pattern, handler in _ROUTES:
            if found := re.fullmatch(pattern, f"{method} {path}"):
                return handler(self, _Call(found, dict(parse_qsl(urlsplit(target).query)), documents, body, fault))
        return 405, {"message": f"no {method} {path}"}


@dataclass(frozen=True)
class _Call:
    found: re.Match[str]
    query: dict[str, str]
    documents: list[Any]
    body: bytes
    fault: Any

    def digest(self, algorithm: str) -> str:
        return hashlib.new(algorithm, b"other" if self.fault == WRONG else self.body).hexdigest()


# Zenodo: developers.zenodo.org, "Quickstart - Upload".


def _zenodo_create(all_: Services, call: _Call) -> tuple[int, Any]:
    all_.drafts.add("7")
    links = {"bucket": f"{all_.address}/api/files/b7", "html": "https://zenodo.example/deposit/7"}
    return 201, {"id": 7, "links": links, "state": "unsubmitted", "submitted": False}


def _zenodo_upload(all_: Services, call: _Call) -> tuple[int, Any]:
    all_.files[call.found[1]] = call.body
    return 200, {"key": call.found[1], "checksum": f"md5:{call.digest('md5')}", "size": len(call.body)}


def _zenodo_publish(all_: Services, call: _Call) -> tuple[int, Any]:
    all_.drafts.remove("7")
    all_.published.add("7")
    return 202, {"id": 7, "links": {"record_html": "https://zenodo.example/record/7"}}


def _delete(all_: Services, call: _Call) -> tuple[int, Any]:
    all_.drafts.remove(call.found[1])
    return 204, None


_ROUTES: list[tuple[str, Any]] = [
    (r"POST /api/deposit/depositions", _zenodo_create),
    (r"PUT /api/deposit/depositions/7", lambda all_, call: (200, {"id": 7})),
    (r"PUT /api/files/b7/([^/]+)", _zenodo_upload),
    (r"POST /api/deposit/depositions/7/actions/publish", _zenodo_publish),
    (r"DELETE /api/deposit/depositions/(7)", _delete),
]
