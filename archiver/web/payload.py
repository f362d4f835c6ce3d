"""A captured payload as an answer of ours: shown where a browser can do so without running it, else downloaded.

What is shown are images, fonts and stylesheets, which pages of captures are made of; no type is guessed by the browser
(nosniff), and a policy of its own keeps a drawing (SVG) from running or loading anything.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from archiver.web.answer import Sent
from archiver.web.captured import Stored

DRAWING = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; sandbox"
_SHOWN = re.compile(r"image/(?:png|jpeg|gif|webp|avif|bmp|svg\+xml|x-icon|vnd\.microsoft\.icon|apng)|"
                    r"font/[\w-]+|application/(?:x-)?font-[\w-]+|application/vnd\.ms-fontobject")
_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+")
_ENDINGS = {"text/html": "html", "application/xhtml+xml": "xhtml", "text/plain": "txt", "application/json": "json",
            "text/xml": "xml", "application/xml": "xml", "application/rss+xml": "xml", "application/atom+xml": "xml",
            "text/css": "css", "application/pdf": "pdf"}


def media_type(content_type: str) -> str:
    """The type of a Content-Type field without its parameters; application/octet-stream where it is none."""
    found = _TYPE.match(content_type.strip())
    return found[0].lower() if found else "application/octet-stream"


def sent(found: Stored, *, download: bool = False) -> Sent:
    """The payload, its content coding undone."""
    kind = media_type(found.response.content_type)
    named = {"content-disposition": f'attachment; filename="{file_name(found)}"'}
    if _SHOWN.fullmatch(kind) and not download:
        # A page shows a drawing as an image, whatever that says; opened by itself it would be a document.
        return Sent(found.response.body, kind, headers=named if kind == "image/svg+xml" else {}, policy=DRAWING)
    # A page that is opened from the disk would run: the name tells what it is, and the browser asks.
    return Sent(found.response.body, kind if not _is_active(kind) else "application/octet-stream", headers=named)


def file_name(found: Stored) -> str:
    """A name for a download, of letters that every system takes: the number of the capture, the last of its path."""
    path = unquote(urlsplit(found.row["url"] or "").path, errors="replace").rstrip("/").rpartition("/")[2]
    stem, _, ending = re.sub(r"[^A-Za-z0-9._-]+", "-", path).strip("-.").rpartition(".")
    known = _ENDINGS.get(media_type(found.response.content_type), "")
    name = "-".join(filter(None, ("capture", str(found.row["id"]), (stem or ending)[:60])))
    return f"{name}.{known or (ending if stem and len(ending) <= 5 else '') or 'bin'}"


def _is_active(kind: str) -> bool:
    return kind in ("text/html", "application/xhtml+xml") or kind.endswith(("/xml", "+xml"))
