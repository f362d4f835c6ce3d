"""serve_generated.py POSTS [OPTIONS]: serve a generated site on loopback until it is killed. Prints its origin.

It keeps connections open, supports If-None-Match, and writes a line to the log file for each request.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from http import HTTPStatus
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

from generated_site import Served, Site


class Http(asyncio.Protocol):
    """The part of HTTP/1.1 that a crawler needs: GET and HEAD, one request at a time per connection."""

    def __init__(self, site: Site, log: TextIO | None) -> None:
        self._site, self._log = site, log
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while b"\r\n\r\n" in self._rest:
            head, _, self._rest = self._rest.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            method, target = lines[0].split(" ")[:2]
            path = urlsplit(target).path  # requests to a proxy have absolute URLs
            answer = self._site.get(path)
            if answer.etag and headers.get("if-none-match") == answer.etag:
                answer = Served(304, b"", answer.kind, answer.etag)
            if self._log:
                self._log.write(json.dumps({"path": path, "status": answer.status}) + "\n")
            self._transport.write(_head(answer) + (b"" if method == "HEAD" else answer.body))


def _head(answer: Served) -> bytes:
    etag = f"ETag: {answer.etag}\r\n" if answer.etag else ""
    return (
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\nContent-Type: {answer.kind}\r\n{etag}"
        f"Content-Length: {len(answer.body)}\r\nConnection: keep-alive\r\n\r\n"
    ).encode()


async def serve(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    log = options.log.open("a", encoding="utf-8", buffering=1) if options.log else None
    site: Site | None = None
    server = await loop.create_server(lambda: Http(site, log), "127.0.0.1", options.port)  # type: ignore[arg-type]
    origin = f"http://{options.name or f'127.0.0.1:{server.sockets[0].getsockname()[1]}'}"
    site = Site(
        origin,
        options.posts,
        options.kilobytes,
        frozenset(options.edited),
        not options.no_lastmod,
        not options.no_sitemap,
    )
    print(origin, flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("posts", type=int)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--name", metavar="HOST[:PORT]", help="host in the URLs of its pages (default: its address)")
    parser.add_argument("--kilobytes", type=int, default=76, help="the size of a page")
    parser.add_argument("--edited", type=int, nargs="*", default=[], help="numbers of posts whose text was changed")
    parser.add_argument("--no-lastmod", action="store_true", help="sitemaps without lastmod")
    parser.add_argument("--no-sitemap", action="store_true")
    parser.add_argument("--log", type=Path, help="file for a line of JSON per request")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
