"""Whether a list, feed or API answer names a removed post: then it may show its text, and is not captured."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from sqlite_utils import Database

from archiver.capture.read import decoded


class Named:
    """The addresses of a site's removed posts, as its own pages may write them."""

    def __init__(self, db: Database, site: str) -> None:
        urls = [row[0] for row in db.execute("select a.url from tombstone_urls a join tombstones m on "
                                             "m.id = a.tombstone_id where m.site = ?", [site])]
        paths = {_path(url) for url in urls} - {""}
        joined = b"|".join(re.escape(path.encode()) for path in sorted(paths))
        self._pattern = re.compile(b"(?:" + joined + rb")(?![\w-])") if paths else None

    def is_in(self, payload: bytes, coding: str) -> bool:
        """Whether a payload (with this Content-Encoding) has one of the addresses, whole or from its path on."""
        if self._pattern is None:
            return False
        body = decoded(payload, coding)
        return self._pattern.search(body.replace(b"\\/", b"/").replace(b"&amp;", b"&")) is not None


def _path(url: str) -> str:
    """What stands in every form of an address: path and query, without a slash at the end."""
    parts = urlsplit(url)
    return (parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")).strip()
