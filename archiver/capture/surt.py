"""The key of a CDXJ line: the SURT (Sort-friendly URI Reordering Transform) by which web archives look addresses up.

Other than `urls.urlkey`, which says what is one post, it folds the case of paths and leaves tracking parameters in: a
player asks with this key, or finds nothing. As the Internet Archive's `surt` makes it, which would bring a list of
public suffixes along that is fetched from the network.
"""

from __future__ import annotations

import re
from posixpath import normpath
from urllib.parse import unquote_to_bytes, urlsplit

_PORTS = {"http": 80, "https": 443}
_WWW = re.compile(r"^www\d*\.")
_SESSION = re.compile(rb"(?:(?:jsessionid|phpsessid|sid)=[0-9a-zA-Z]{32}|aspsessionid[a-zA-Z]{8}=[a-zA-Z]{24})(?:&|$)",
                      re.IGNORECASE)
_ESCAPED = re.compile(rb"[\x00-\x20\x7f-\xff#%]")


def surt_key(url: str) -> str:
    """ "org,example)/2024/a-post?a=1&b=2" of an http(s) address. Raises ValueError for what is no address."""
    parts = urlsplit(url)
    host = _WWW.sub("", (parts.hostname or "").rstrip("."))
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    reordered = host if ":" in host else ",".join(reversed(host.split(".")))
    port = f":{parts.port}" if parts.port and parts.port != _PORTS.get(parts.scheme) else ""
    path = _plain(parts.path)
    if path:
        slash = path.endswith((b"/", b"/.", b"/.."))
        path = normpath(b"/" + path.lstrip(b"/")) + (b"/" if slash else b"")
    path = _escaped(path).lower().rstrip(b"/") or b"/"
    query = _SESSION.sub(b"", _escaped(_plain(parts.query))).rstrip(b"&").lower()
    pieces: list[bytes] = sorted(query.split(b"&"), key=_named)
    query = b"&".join(pieces)
    return f"{reordered}{port}){(path + (b'?' + query if query else b'')).decode('ascii')}"


def _named(piece: bytes) -> list[bytes]:
    """A parameter as it is sorted: by its name, then by its value."""
    return piece.split(b"=", 1)


def _plain(text: str) -> bytes:
    """Without percent-escapes, however often they were escaped."""
    data = text.encode("utf-8", "surrogateescape")
    while (plain := unquote_to_bytes(data)) != data:
        data = plain
    return data


def _escaped(data: bytes) -> bytes:
    return _ESCAPED.sub(lambda found: b"%%%02X" % found[0][0], data)
