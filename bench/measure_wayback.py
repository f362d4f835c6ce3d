"""Measures how fast captures are fetched from a web archive without rate limits, so that only our own work counts."""

from __future__ import annotations

import json
from base64 import b32encode
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Process, Queue
from pathlib import Path
from typing import Any

from generated_site import Site
from process import archiver
from table import Column, tenths, whole

_LIST = "/cdx/search/cdx"
_AT = "20100502100000"
COLUMNS = (
    Column("captures", "captures"),
    Column("articles", "articles"),
    Column("captures_s", "captures/s", at_least=8, form=whole),
    Column("cpu_ms", "CPU ms a capture", at_most=100, form=tenths),
    Column("again_s", "seconds of a second run", form=tenths),
    Column("peak_mb", "peak MB", at_most=400, form=whole),
)


def measure(posts: int, kilobytes: int, work: Path) -> dict[str, dict[str, Any]]:
    address: Queue[str] = Queue()
    server = Process(target=_serve, args=(posts, kilobytes, address), daemon=True)
    server.start()
    try:
        words = (
            "import",
            "--wayback",
            "http://blog.example/",
            "--service",
            address.get() + _LIST,
            "--archive",
            str(work / "archive.db"),
            "--json",
        )
        ran, again = archiver(*words), archiver(*words)
    finally:
        server.terminate()
    if ran.code or again.code:
        raise SystemExit(f"The import failed: {(ran.out + ran.err + again.err)[-2000:]}")
    first, second = json.loads(ran.out), json.loads(again.out)
    assert (first["new"], second["fetched"]) == (posts, 0), (first, second)
    return {
        "one process": {
            "captures": first["fetched"],
            "articles": first["new"],
            "captures_s": first["fetched"] / ran.seconds,
            "cpu_ms": 1000 * ran.cpu_seconds / first["fetched"],
            "again_s": again.seconds,
            "peak_mb": ran.peak_mb,
        }
    }


def _serve(posts: int, kilobytes: int, address: Queue[str]) -> None:
    """Serve the list of captures in one response, and captures as pywb does."""
    site = Site("http://blog.example", posts, kilobytes)
    rows = [["timestamp", "original", "mimetype", "statuscode", "digest"]]
    for n in range(posts):
        digest = b32encode(sha1(site.get(site.path_of(n)).body, usedforsecurity=False).digest()).decode()
        rows.append([_AT, f"http://blog.example{site.path_of(n)}", "text/html", "200", digest])
    whole_list = json.dumps(rows).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            is_list = self.path.startswith(_LIST)
            body = whole_list if is_list else site.get(self.path.partition("blog.example")[2]).body
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "application/json" if is_list else "text/html; charset=utf-8")
            self.send_header("Memento-Datetime", "Sun, 02 May 2010 10:00:00 GMT")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address.put(f"http://127.0.0.1:{server.server_address[1]}")
    server.serve_forever()
