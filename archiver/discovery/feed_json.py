"""Items of JSON feeds (https://www.jsonfeed.org/version/1.1/)."""

from __future__ import annotations

from typing import Any

from archiver.discovery.feed_geo import of_json
from archiver.items import GeoTag
from archiver.urls import normalize


class JsonItem:
    """An item of a JSON Feed 1.0 or 1.1."""

    def __init__(self, row: dict[str, Any], url: str) -> None:
        self.row = row
        self.url = url
        self.language = self._text("language")

    def _text(self, name: str) -> str:
        value = self.row.get(name)
        return str(value).strip() if isinstance(value, (str, int)) else ""

    def raw_links(self) -> list[str]:
        return [self._text("url")]

    def link(self) -> str | None:
        return normalize(self._text("url"), self.url) if self._text("url") else normalize(self._text("id"))

    def guid(self) -> str:
        return self._text("id")[:1000]

    def title(self) -> str:
        return self._text("title")

    def authors(self) -> list[str]:
        people = self.row.get("authors") or [self.row.get("author")]
        people = people if isinstance(people, list) else [people]
        return [str(p["name"]) for p in people if isinstance(p, dict) and isinstance(p.get("name"), str)]

    def published(self) -> str:
        return self._text("date_published")

    def modified(self) -> str:
        return self._text("date_modified")

    def categories(self) -> list[str]:
        return []

    def tags(self) -> list[str]:
        tags = self.row.get("tags")
        return [t for t in tags if isinstance(t, str)] if isinstance(tags, list) else []

    def content(self) -> str:
        return self._text("content_html") or self._text("content_text")

    def summary(self) -> str:
        return self._text("summary")

    def image(self) -> str | None:
        return normalize(self._text("image"), self.url) if self._text("image") else None

    def geotags(self) -> tuple[GeoTag, ...]:
        return of_json(self.row)

    def platform_id(self) -> str:
        return ""

    def is_reply(self) -> bool:
        return False
