"""A CDX server that responds like the Internet Archive's: prefix, filters, collapsing, fields, limit, resume key."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

from archiver.model.urls import urlkey
from tests.spiders.site_server import Answer

PATH = "/cdx/search/cdx"


@dataclass
class Captures(dict[str, Any]):
    """The pages of a `SiteServer` that is a CDX server. `rows` are (timestamp, URL, status, media type).

    `most`: maximum number of captures per response, whatever the requested limit. `before` may respond to a request
    instead.
    """

    rows: list[tuple[str, str, int, str]] = field(default_factory=list)
    most: int = 1_000_000
    before: Callable[[dict[str, list[str]]], Answer | None] = lambda asked: None
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    def add(self, *addresses: str, at: str = "20100102030405", status: int = 200, mime: str = "text/html") -> None:
        self.rows += [(at, address, status, mime) for address in addresses]

    def get(self, path: str, default: Any = None) -> Any:
        if not path.startswith(PATH):
            return default
        asked = parse_qs(urlsplit(path).query)
        self.asked.append(asked)
        return self.before(asked) or self._answer(asked)

    def _answer(self, asked: dict[str, list[str]]) -> Answer:
        fields = asked["fl"][0].split(",")
        prefix, end = asked["url"][0].removesuffix("*"), asked.get("resumeKey", [""])[0]
        rows = sorted((urlkey(url).lower(), at, url, mime, str(status)) for at, url, status, mime in self.rows)
        names = ("urlkey", "timestamp", "original", "mimetype", "statuscode")
        captures = [dict(zip(names, row, strict=True)) for row in rows]
        captures = [
            row for row in captures if re.sub(r"^https?://(www\.)?|:80(?=/)", "", row["original"]).startswith(prefix)
        ]
        for name, pattern in (words.split(":", 1) for words in asked.get("filter", ())):
            captures = [row for row in captures if re.fullmatch(pattern, row[name])]
        last = {row["urlkey"]: row["timestamp"] for row in captures}
        if asked.get("collapse") == ["urlkey"]:
            captures = [row for n, row in enumerate(captures) if not n or captures[n - 1]["urlkey"] != row["urlkey"]]
        captures = [row for row in captures if f"{row['urlkey']} {row['timestamp']}" >= end]
        limit = min(int(asked["limit"][0]), self.most)
        out = [
            fields,
            *(
                [(row | {"endtimestamp": last[row["urlkey"]]}).get(name, "-") for name in fields]
                for row in captures[:limit]
            ),
        ]
        if len(captures) > limit and asked.get("showResumeKey") == ["true"]:
            key = f"{captures[limit - 1]['urlkey']} {captures[limit - 1]['timestamp']}!"
            out += [[], [quote_plus(key)]]
        body = "[" + ",\n".join(json.dumps(row) for row in out) + "]\n"
        return Answer(body.encode(), headers={"Content-Type": "application/json"})
