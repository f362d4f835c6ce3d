"""A server on loopback that speaks as much of the APIs of Hugging Face, Zenodo and OSF as a push uses.

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
    - `repositories`: for each repository on Hugging Face, the paths in it.
    - `sent_contents`: the files of the dataset, by which a test names digests.
    """

    faults: dict[str, Any] = field(default_factory=dict)
    requests: list[list[Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    drafts: set[str] = field(default_factory=set)
    published: set[str] = field(default_factory=set)
    repositories: dict[str, set[str]] = field(default_factory=dict)
    sent_contents: dict[str, bytes] = field(default_factory=dict)
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
                if status == 404:
                    self.send_header("X-Error-Code", "RepoNotFound")
                if status == 429:
                    self.send_header("Retry-After", "30")
                if status == 302:
                    self.send_header("Location", "http://127.0.0.2/elsewhere")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

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
        if headers.get("Authorization") != f"Bearer {TOKEN}" and not path.startswith("/lfs/"):
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


# OSF: developer.osf.io, and WaterButler's docs/api.rst.


def _osf_create(all_: Services, call: _Call) -> tuple[int, Any]:
    all_.drafts.add("abcde")
    return 201, {"data": {"id": "abcde", "type": "nodes", "links": {"html": "https://osf.example/abcde/"}}}


def _osf_links(all_: Services, folder: str) -> dict[str, str]:
    place = f"{all_.address}/v1/resources/abcde/providers/osfstorage/{folder}"
    return {"upload": place, "new_folder": f"{place}?kind=folder"}


def _osf_providers(all_: Services, call: _Call) -> tuple[int, Any]:
    return 200, {
        "data": [
            {"attributes": {"provider": "box"}, "links": {}},
            {"attributes": {"provider": "osfstorage"}, "links": _osf_links(all_, "")},
        ]
    }


def _osf_put(all_: Services, call: _Call) -> tuple[int, Any]:
    name = f"{call.found[1]}{call.query['name']}"
    if call.query["kind"] == "folder":
        return 201, {"data": {"attributes": {"kind": "folder"}, "links": _osf_links(all_, f"{name}/")}}
    if name in all_.files:
        return 409, {"message": "exists"}
    all_.files[name] = call.body
    hashes = {"md5": call.digest("md5"), "sha256": call.digest("sha256")}
    return 201, {"data": {"attributes": {"name": name, "extra": {"hashes": hashes}}, "links": {}}}


def _osf_change(all_: Services, call: _Call) -> tuple[int, Any]:
    assert call.documents[0]["data"]["attributes"] == {"public": True}
    all_.drafts.remove("abcde")
    all_.published.add("abcde")
    return 200, {"data": {"id": "abcde"}}


# Hugging Face: what huggingface_hub asks.


def _hub_info(all_: Services, call: _Call) -> tuple[int, Any]:
    if call.found[1] not in all_.repositories:
        return 404, {"error": "Repository not found"}
    return 200, {"id": call.found[1], "sha": "0" * 40, "siblings": [{"rfilename": p} for p in _of(all_, call)]}


def _of(all_: Services, call: _Call) -> list[str]:
    return sorted(all_.repositories[call.found[1]])


def _hub_create(all_: Services, call: _Call) -> tuple[int, Any]:
    asked = call.documents[0]
    name = f"{asked['organization']}/{asked['name']}"
    all_.repositories[name] = set()
    all_.drafts.add(name)
    return 200, {"url": f"{all_.address}/datasets/{name}", "id": name}


def _hub_delete(all_: Services, call: _Call) -> tuple[int, Any]:
    asked = call.documents[0]
    del all_.repositories[f"{asked['organization']}/{asked['name']}"]
    return 200, {}


def _hub_tree(all_: Services, call: _Call) -> tuple[int, Any]:
    return 200, [{"type": "file", "path": path, "size": 1, "oid": "0" * 40} for path in _of(all_, call)]


def _hub_modes(all_: Services, call: _Call) -> tuple[int, Any]:
    paths = [file["path"] for file in call.documents[0]["files"]]
    return 200, {
        "files": [
            {"path": path, "uploadMode": "lfs" if path.endswith(".parquet") else "regular", "shouldIgnore": False}
            for path in paths
        ]
    }


def _hub_batch(all_: Services, call: _Call) -> tuple[int, Any]:
    return 200, {
        "transfer": "basic",
        "objects": [
            {**one, "actions": {"upload": {"href": f"{all_.address}/lfs/{one['oid']}"}}}
            for one in call.documents[0]["objects"]
        ],
    }


def _hub_upload(all_: Services, call: _Call) -> tuple[int, Any]:
    if call.digest("sha256") != call.found[1]:
        return 400, {"error": "The digest differs"}
    all_.files[call.found[1]] = call.body
    return 200, None


def _hub_commit(all_: Services, call: _Call) -> tuple[int, Any]:
    if "create_pr" in call.query:
        all_.drafts.add("pr")
    else:
        for one in call.documents:
            if one["key"] in ("file", "lfsFile"):
                all_.repositories[call.found[1]].add(one["value"]["path"])
            elif one["key"] == "deletedFile":
                all_.repositories[call.found[1]].remove(one["value"]["path"])
    place = f"{all_.address}/datasets/{call.found[1]}"
    return 200, {
        "commitUrl": f"{place}/commit/{'1' * 40}",
        "commitOid": "1" * 40,
        "pullRequestUrl": f"{place}/discussions/1",
    }


_HUB = r"/api/datasets/([\w.-]+/[\w.-]+)"
_ROUTES: list[tuple[str, Any]] = [
    (r"POST /api/deposit/depositions", _zenodo_create),
    (r"PUT /api/deposit/depositions/7", lambda all_, call: (200, {"id": 7})),
    (r"PUT /api/files/b7/([^/]+)", _zenodo_upload),
    (r"POST /api/deposit/depositions/7/actions/publish", _zenodo_publish),
    (r"DELETE /api/deposit/depositions/(7)", _delete),
    (r"POST /v2/nodes/", _osf_create),
    (r"GET /v2/nodes/abcde/files/", _osf_providers),
    (r"PUT /v1/resources/abcde/providers/osfstorage/(.*)", _osf_put),
    (r"PATCH /v2/nodes/abcde/", _osf_change),
    (r"DELETE /v2/nodes/(abcde)/", _delete),
    (rf"GET {_HUB}(?:/revision/main)?", _hub_info),
    (r"POST /api/repos/create", _hub_create),
    (r"DELETE /api/repos/delete", _hub_delete),
    (r"POST /api/validate-yaml", lambda all_, call: (200, {"errors": [], "warnings": []})),
    (rf"GET {_HUB}/tree/main", _hub_tree),
    (rf"POST {_HUB}/preupload/main", _hub_modes),
    (r"POST /datasets/([\w.-]+/[\w.-]+)\.git/info/lfs/objects/batch", _hub_batch),
    (r"PUT /lfs/(\w+)", _hub_upload),
    (rf"POST {_HUB}/commit/main", _hub_commit),
]
