"""Hand-made WARC and WACZ files: as other programs write them, and with typical errors."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

PARAGRAPHS = (
    "The harbour master counted the boats before dawn, as his father had done, and wrote the number down.",
    "Nobody asked for the number, and yet the ledger was full of them, year upon year of boats and dawns.",
    "When the new quay was built the ledger was found behind a wall, wrapped in oilcloth and quite dry.",
)


def page(
    title: str = "Boats at dawn", text: str = "", day: str = "2009-05-01", head: str = "", extra: str = ""
) -> bytes:
    """Return the page of a post of a simple blog. `extra` changes its bytes but not its content."""
    body = "".join(f"<p>{p}</p>" for p in (*PARAGRAPHS, *([text] if text else [])))
    return (
        f'<!doctype html><html lang="en"><head><title>{title}</title><meta property="og:type" content="article">'
        f'<meta property="og:title" content="{title}">'
        f'<meta property="article:published_time" content="{day}T08:00:00Z">'
        f'<meta name="author" content="Marta Oliveira">{head}</head><body><!-- {extra} --><article><h1>{title}</h1>'
        f'<p class="byline">By <a rel="author">Marta Oliveira</a> on <time datetime="{day}T08:00:00Z">{day}</time></p>'
        f'<div class="entry-content">{body}</div></article></body></html>'
    ).encode()


def listing(n: int = 12) -> bytes:
    items = "".join(f'<li><a href="/2009/{i}/">Post number {i}</a></li>' for i in range(n))
    head = "<!doctype html><html><head><title>Archive</title></head><body><h1>All posts</h1>"
    return f"{head}<ul>{items}</ul></body></html>".encode()


def http(
    body: bytes = b"",
    status: str = "200 OK",
    kind: str = "text/html; charset=utf-8",
    version: str = "HTTP/1.1",
    headers: Iterable[tuple[str, str]] = (),
    length: int | None = -1,
) -> bytes:
    """Return an HTTP response. `length` is its Content-Length: correct by default, None for no header."""
    fields = [("Content-Type", kind)] if kind else []
    fields += list(headers)
    if length is not None:
        fields.append(("Content-Length", str(len(body) if length < 0 else length)))
    head = "".join(f"{k}: {v}\r\n" for k, v in fields)
    return f"{version} {status}\r\n{head}\r\n".encode() + body


def sha1(data: bytes, form: str = "base32") -> str:
    digest = hashlib.sha1(data).digest()
    return "sha1:" + (base64.b32encode(digest).decode() if form == "base32" else digest.hex())


@dataclass
class Rec:
    """A WARC record. A field that is None is omitted; `declared` is the stated Content-Length."""

    block: bytes
    url: str = "http://blog.example/2009/boats/"
    at: str | None = "2009-05-02T10:00:00Z"
    kind: str = "response"
    version: str = "WARC/1.0"
    fields: dict[str, str | None] = field(default_factory=dict)
    declared: int | None = None
    eol: str = "\r\n"

    def data(self) -> bytes:
        content = {
            "request": "application/http; msgtype=request",
            "warcinfo": "application/warc-fields",
            "metadata": "application/warc-fields",
        }.get(self.kind, "application/http; msgtype=response")
        fields: dict[str, str | None] = {
            "WARC-Type": self.kind,
            "WARC-Record-ID": f"<urn:uuid:{hashlib.md5(self.block + self.url.encode()).hexdigest()}>",
            "WARC-Date": self.at,
            "WARC-Target-URI": self.url,
            "Content-Type": content,
            "Content-Length": str(len(self.block) if self.declared is None else self.declared),
            **self.fields,
        }
        head = "".join(f"{k}: {v}{self.eol}" for k, v in fields.items() if v is not None)
        return f"{self.version}{self.eol}{head}{self.eol}".encode() + self.block + b"\r\n\r\n"

    def packed(self) -> bytes:
        return gzip.compress(self.data(), mtime=0)


def post(
    url: str = "http://blog.example/2009/boats/", at: str = "2009-05-02T10:00:00Z", body: bytes = b"", **more: str
) -> Rec:
    """Return the response record of a post. `more` is passed to `page`."""
    return Rec(http(body or page(**more)), url, at)


def warc(path: Path, *records: Rec | bytes, packed: bool = True) -> Path:
    """Write a file of records, one gzip member each. Bytes are written unchanged."""
    path.write_bytes(b"".join(r if isinstance(r, bytes) else r.packed() if packed else r.data() for r in records))
    return path


def wacz(
    path: Path, members: dict[str, bytes], *, deflated: bool = False, digests: dict[str, str] | None = None
) -> Path:
    """Write a package. `digests` replace the correct ones."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        hashes = {name: f"sha256:{hashlib.sha256(data).hexdigest()}" for name, data in members.items()}
        hashes |= digests or {}
        package = json.dumps(
            {
                "profile": "data-package",
                "wacz_version": "1.1.1",
                "resources": [
                    {"name": name.rsplit("/", 1)[-1], "path": name, "hash": hashes[name], "bytes": len(data)}
                    for name, data in members.items()
                ],
            }
        )
        archive.writestr("datapackage.json", package)
    return path


def whole(records: Iterable[Rec]) -> bytes:
    """Write all records as a single gzip member."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as handle:
        for record in records:
            handle.write(record.data())
    return out.getvalue()
