"""Parses the HTTP response in a record of another program: decodes its body, and lists what is wrong with the response.

All functions are pure. They follow RFC 9112 for the form of a message, and RFC 9110, section 8, for the metadata of its
content.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from archiver.api.warc_files import MAX_BODY, Decoding, Headers, decode_content, is_binary
from archiver.importers.declared_digests import HEADER_END, matches_digest
from archiver.importers.import_problems import ProblemKind
from archiver.model.lazy_regex import lazy_regex

_STATUS = lazy_regex(rb"\s*(HTTP/\d(?:\.\d)?)[ \t]+(\d{3})(?:[ \t]+([^\r\n]*))?\r?\n?", re.IGNORECASE)
_FOLD = lazy_regex(rb"\r?\n[ \t]+")
_CHUNK = lazy_regex(rb"[ \t]*([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]{0,1000})?\r?\n")
_HTML = lazy_regex(
    rb"(?:\xef\xbb\xbf|\s)*(?:<!--.{0,2000}?-->\s*|<\?xml[^>]{0,200}>\s*)*"
    rb"<(?:!doctype\s+html|html|head|body|meta|title|article|div)\b",
    re.IGNORECASE | re.DOTALL,
)
# Types that say nothing about the content, because servers use them for files of unknown type.
_GENERIC = frozenset(
    {
        "",
        "text/plain",
        "application/octet-stream",
        "text/xml",
        "application/xml",
        "unk",
        "application/unknown",
        "no-type",
        "unknown",
    }
)
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
Odd = tuple[ProblemKind, str]


@dataclass(frozen=True, slots=True)
class HTTPResponse:
    """A parsed HTTP response.

    - `payload`: the body as sent, without transfer coding.
    - `body`: the payload without content coding.
    - `headers`: the header fields. Fields that do not match the payload are renamed.
    - `odd`: what is wrong with the response. The other values can be trusted only if all these problems are in
      `import_problems.KEPT`.
    """

    status: int
    reason: str
    protocol: str
    headers: Headers
    payload: bytes
    body: bytes
    odd: tuple[Odd, ...] = ()

    def header(self, name: str) -> str:
        """Returns the value of the first header field with this name (in lower case); "" if there is no such field."""
        key = name.encode()
        return next((v.decode("latin-1").strip() for n, v in self.headers if n.lower() == key), "")

    @property
    def content_type(self) -> str:
        return self.header("content-type")

    @property
    def media_type(self) -> str:
        return self.content_type.split(";")[0].strip().lower()

    @property
    def is_html(self) -> bool:
        """Returns True if the response is an HTML page. If content and Content-Type disagree, the content decides."""
        head = self.body[:1024]
        if self.media_type in HTML_TYPES:
            return not is_binary(head)
        return bool(_HTML.match(head)) or (self.media_type in _GENERIC and b"<html" in head.lower())

    @property
    def mislabelled(self) -> str:
        """Returns a phrase about the mismatch if the content certainly does not have the declared Content-Type;
        otherwise "".
        """
        head = self.body[:1024]
        if self.media_type in HTML_TYPES:
            return f"it is declared {self.media_type} but is binary" if is_binary(head) else ""
        if self.media_type in _GENERIC or not _HTML.match(head):
            return ""
        return f"it is declared {self.media_type[:60]} but is HTML"


def may_be_page(block: bytes) -> bool:
    """Returns True if a response may be a page or a redirect, judging by its first bytes. The rest of it is then
    needed.
    """
    found = _STATUS.match(block)
    if found is None:
        return True
    end = HEADER_END.search(block)
    head = block[: end.start()] if end else block
    kind = re.search(rb"\ncontent-type[ \t]*:[ \t]*([^\r\n;]*)", head, re.IGNORECASE)
    if found[2] != b"200" or kind is None or end is None:
        return True
    media = kind[1].strip().lower().decode("latin-1")
    body = block[end.end() :]
    return (
        media in HTML_TYPES
        or media in _GENERIC
        or bool(_HTML.match(body))
        or (bool(_CHUNK.match(body)) and (b"<" in body))
    )


def parse_http_response(block: bytes, payload_digest: str = "", limit: int = MAX_BODY) -> HTTPResponse | None:
    """Parses the HTTP response in a record's block. Returns None if the block contains no response.

    A block that begins with HTML, without a status line, is read as an HTTP/0.9 response. `payload_digest` is the
    declared digest, which some programs compute from the encoded bytes and others from the decoded ones. A body that
    has more than `limit` bytes when decoded stays encoded, which is noted as a problem.
    """
    found = _STATUS.match(block)
    if found is None:
        if not _HTML.match(block):
            return None
        wrong = (
            () if matches_digest(payload_digest, (block,)) else ((ProblemKind.PAYLOAD_DIGEST, payload_digest[:100]),)
        )
        return HTTPResponse(200, "", "HTTP/0.9", (), block, block, wrong)
    end = HEADER_END.search(block, max(0, found.end() - 2))
    head = (
        block[found.end() : end.start()] if end and end.start() > found.end() else b"" if end else block[found.end() :]
    )
    raw = block[end.end() :] if end else b""
    headers = parse_header_fields(head)
    odd: list[Odd] = []
    payload, headers = _remove_chunking(raw, headers, odd)
    body, headers = _remove_content_coding(payload, headers, limit, odd)
    if found[2] == b"200":
        _check_length(raw, payload, headers, odd)
    else:
        odd.clear()
    if not matches_digest(payload_digest, (raw, payload, body)) and not _is_unusable(odd):
        odd.append((ProblemKind.PAYLOAD_DIGEST, payload_digest[:100]))
    answer = HTTPResponse(
        int(found[2]),
        (found[3] or b"").decode("latin-1").strip(),
        found[1].decode("ascii").upper(),
        headers,
        payload,
        body,
        tuple(odd),
    )
    if answer.status == 200 and not _is_unusable(odd) and (phrase := answer.mislabelled):
        answer = HTTPResponse(
            answer.status,
            answer.reason,
            answer.protocol,
            headers,
            payload,
            body,
            (*odd, (ProblemKind.MISLABELLED, phrase)),
        )
    return answer


def parse_header_fields(head: bytes) -> Headers:
    """Returns the fields of an HTTP header. Folded lines are joined (RFC 9112, section 5.2), and invalid lines are left
    out.
    """
    out = []
    for line in _FOLD.sub(b" ", head).split(b"\n"):
        name, colon, value = line.strip().partition(b":")
        if colon and name.strip() and b" " not in name.strip():
            out.append((name.strip(), value.strip()))
    return tuple(out)


def _is_unusable(odd: list[Odd]) -> bool:
    return any(kind in (ProblemKind.CUT_OFF, ProblemKind.CODING, ProblemKind.BOMB) for kind, _ in odd)


def _value(headers: Headers, name: bytes) -> str:
    return b", ".join(v for n, v in headers if n.lower() == name).decode("latin-1").strip().lower()


def _rename_header(headers: Headers, name: bytes) -> Headers:
    return tuple((b"X-Archive-Orig-" + n if n.lower() == name else n, v) for n, v in headers)


def _remove_chunking(raw: bytes, headers: Headers, odd: list[Odd]) -> tuple[bytes, Headers]:
    """Removes the transfer coding "chunked" (RFC 9112, section 7.1). Returns the payload and the headers. If the header
    and the body disagree about the coding, the body decides, and the disagreement is added to `odd`.
    """
    says = "chunked" in _value(headers, b"transfer-encoding")
    if not says and not _CHUNK.match(raw):
        return raw, headers
    payload, whole = dechunk(raw)
    if says:
        if payload is None:
            odd.append(
                (ProblemKind.CHUNKING, "it is declared chunked but is not") if raw else (ProblemKind.CUT_OFF, "no body")
            )
            return raw, headers
        if not whole:
            odd.append((ProblemKind.CUT_OFF, f"the last chunk is missing after {len(payload):,} bytes"))
        return payload, headers
    if payload and whole:
        odd.append((ProblemKind.CHUNKING, "it is chunked but not declared so"))
        return payload, headers
    return raw, headers


def dechunk(raw: bytes) -> tuple[bytes | None, bool]:
    """Joins the chunks of a body. Returns the joined bytes (None if the body is not chunked), and True if the last
    chunk is present.
    """
    parts: list[bytes] = []
    at = 0
    while found := _CHUNK.match(raw, at):
        size = int(found[1], 16)
        if size == 0:
            return b"".join(parts), True
        end = found.end() + size
        if end > len(raw):
            # A body that only happens to begin with a number: the supposed chunk is longer than the body.
            return (b"".join(parts) + raw[found.end() :], False) if parts else (None, False)
        parts.append(raw[found.end() : end])
        at = end + (2 if raw[end : end + 2] == b"\r\n" else 1 if raw[end : end + 1] == b"\n" else 0)
    return (b"".join(parts), False) if parts else (None, False)


def _remove_content_coding(payload: bytes, headers: Headers, limit: int, odd: list[Odd]) -> tuple[bytes, Headers]:
    coding = _value(headers, b"content-encoding")
    if not coding:
        if payload.startswith(b"\x1f\x8b\x08"):
            body, how = decode_content(payload, "gzip", limit)
            if how is Decoding.WELL and _HTML.match(body[:4096]):
                odd.append((ProblemKind.MISCODED, "it is compressed with gzip but not declared so"))
                return body, (*headers, (b"Content-Encoding", b"gzip"))
        return payload, headers
    if not payload:
        return payload, headers
    body, how = decode_content(payload, coding, limit)
    if how is Decoding.PLAIN or (how is Decoding.UNKNOWN and _HTML.match(payload[:4096])):
        odd.append((ProblemKind.MISCODED, f"it is declared {coding[:40]} but is not"))
        return payload, _rename_header(headers, b"content-encoding")
    if how is Decoding.LARGE:
        odd.append((ProblemKind.BOMB, f"its {len(payload):,} bytes decompress to more than {limit:,}"))
    elif how is not Decoding.WELL:
        odd.append((ProblemKind.CODING, coding[:40]))
    return body, headers


def _check_length(raw: bytes, payload: bytes, headers: Headers, odd: list[Odd]) -> None:
    """Compares the length of the body as sent (`raw`) with its Content-Length, and adds a difference to `odd`. Compares
    nothing if the body was decoded before it was stored, or if `payload` is not `raw`, because a transfer coding was
    removed.
    """
    text = _value(headers, b"content-length").split(",")[0].strip()
    if not text.isdigit() or len(text) > 15 or payload is not raw or _is_unusable(odd):
        return
    if any(kind in (ProblemKind.MISCODED, ProblemKind.CHUNKING) for kind, _ in odd):
        return
    if len(raw) < int(text):
        odd.append((ProblemKind.CUT_OFF, f"{len(raw):,} of {int(text):,} bytes"))
    elif len(raw) > int(text):
        odd.append((ProblemKind.HTTP_LENGTH, f"{len(raw):,} bytes for {int(text):,}"))
