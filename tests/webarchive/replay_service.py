"""A web archive that responds like the Internet Archive's: CDX lists with resume keys, and captures by `id_` URLs. The
test decides which captures it has.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

from archiver.model.urls import urlkey
from tests.importers.files import sha1
from tests.spiders.site_server import Answer

LIST = "/cdx/search/cdx"


@dataclass
class Kept:
    """A capture of the service. `listed_digest`: the digest in the CDX list, if it differs from that of the body.
    `answer`: what the service responds instead of the capture.
    """

    at: str
    url: str
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/html; charset=utf-8"})
    listed_digest: str = ""
    mime: str = "text/html"
    answer: Callable[[], Answer] | None = None

    @property
    def digest(self) -> str:
        return self.listed_digest or sha1(self.body).removeprefix("sha1:")


class WebArchive(dict[str, Any]):
    """The pages of a `SiteServer` that is a web archive. `most`: maximum number of lines per list. `before` may respond
    to any request instead. `packs`: responses are compressed.
    """

    def __init__(self, *kept: Kept, most: int = 1_000_000, packs: bool = False) -> None:
        super().__init__()
        self.kept, self.most, self.packs = list(kept), most, packs
        self.before: Callable[[str], Answer | None] = lambda path: None
        self.listed: list[dict[str, list[str]]] = []
        self.fetched: list[str] = []

    def get(self, path: str, default: Any = None) -> Any:
        if path == "/robots.txt":
            return super().get(path, default)
        if path.startswith(LIST):
            self.listed.append(parse_qs(urlsplit(path).query))
            return self.before(path) or self._list(self.listed[-1])
        if found := re.fullmatch(r"/web/(\d{14})id_/(.*)", path):
            self.fetched.append(path)
            return self.before(path) or self._capture(found[1], found[2])
        return super().get(path, default)

    def _list(self, asked: dict[str, list[str]]) -> Answer:
        wanted = asked["url"][0]
        rows = []
        for one in self.kept:
            bare = re.sub(r"^https?://(www\.)?", "", one.url)
            values = {
                "urlkey": urlkey(one.url).lower(),
                "timestamp": one.at,
                "original": one.url,
                "mimetype": one.mime,
                "statuscode": str(one.status) if one.status else "-",
                "digest": one.digest,
                "length": "1",
            }
            is_prefix = wanted.endswith("*")
            fits = bare.startswith(wanted[:-1]) if is_prefix else urlkey(f"http://{wanted}") == urlkey(one.url)
            if fits and all(
                re.fullmatch(pattern, values[name])
                for name, pattern in (words.split(":", 1) for words in asked.get("filter", ()))
            ):
                rows.append(values)
        rows.sort(key=lambda row: (row["urlkey"], row["timestamp"]))
        since, until = asked.get("from", ["0"])[0], asked.get("to", ["9"])[0]
        rows = [row for row in rows if since <= row["timestamp"] <= until]
        key = asked.get("resumeKey", [""])[0]
        rows = [row for row in rows if f"{row['urlkey']} {row['timestamp']}" > key]
        limit = min(int(asked["limit"][0]), self.most)
        fields = asked["fl"][0].split(",")
        out = [fields, *([row[name] for name in fields] for row in rows[:limit])]
        if len(rows) > limit:
            out += [[], [quote_plus(f"{rows[limit - 1]['urlkey']} {rows[limit - 1]['timestamp']}")]]
        return Answer(json.dumps(out).encode(), headers={"Content-Type": "application/json"})

    def _capture(self, at: str, url: str) -> Answer:
        one = next((k for k in self.kept if k.at == at and k.url == url), None)
        if one is None:
            return Answer(b"<html><title>Wayback Machine</title><p>has not archived that URL</p></html>", 404)
        if one.answer is not None:
            return one.answer()
        return memento(one, packed=self.packs)


def memento(one: Kept, *, packed: bool = False, at: str = "", body: bytes | None = None) -> Answer:
    """Return the response for a capture: its original headers under other names, and those of the web archive."""
    when = datetime.strptime(at or one.at, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    headers = {f"X-Archive-Orig-{name}": value for name, value in one.headers.items()}
    if location := one.headers.get("Location"):
        headers["Location"] = f"/web/{one.at}id_/{location}"
    if coding := one.headers.get("Content-Encoding"):
        headers["Content-Encoding"] = coding
    headers |= {
        "Content-Type": one.headers.get("Content-Type", "text/plain"),
        "Server": "the archive's",
        "Memento-Datetime": format_datetime(when, usegmt=True),
        "Link": f'<{one.url}>; rel="original", </web/timemap/link/{one.url}>; rel="timemap"',
    }
    body = one.body if body is None else body
    if packed and not coding:
        headers["Content-Encoding"], body = "gzip", gzip.compress(body)
    return Answer(body, one.status or 200, headers)
