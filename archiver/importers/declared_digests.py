"""Checks the digests that records of other programs declare (WARC/1.1, sections 5.8 and 5.9)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Any

from archiver.importers.import_problems import ProblemKind
from archiver.model.lazy_regex import lazy_regex

_NAMES = {
    "sha1": "sha1",
    "sha-1": "sha1",
    "sha256": "sha256",
    "sha-256": "sha256",
    "sha512": "sha512",
    "sha-512": "sha512",
    "sha384": "sha384",
    "sha-384": "sha384",
    "md5": "md5",
}

HEADER_END = lazy_regex(rb"\r?\n\r?\n")
"""The end of the header of a record or an HTTP message; some programs write bare line feeds."""

LONGEST_HEADER = 1 << 18


def parse_digest(field: str) -> tuple[str, bytes] | None:
    """Parses a digest field such as "sha1:BASE32" or "md5:hex". Returns the algorithm (hashlib's name) and the digest.

    Returns None if the field is empty, or if its algorithm or form is unknown, so that the digest cannot be checked.
    """
    name, colon, value = field.strip().partition(":")
    algorithm = _NAMES.get(name.strip().lower())
    if not colon or algorithm is None:
        return None
    size = hashlib.new(algorithm, usedforsecurity=False).digest_size
    value = value.strip()
    for read in (_hex, _base32, _base64):
        digest = read(value)
        if digest is not None and len(digest) == size:
            return algorithm, digest
    return None


def _hex(value: str) -> bytes | None:
    try:
        return bytes.fromhex(value)
    except ValueError:
        return None


def _base32(value: str) -> bytes | None:
    try:
        return base64.b32decode(value.upper() + "=" * (-len(value) % 8))
    except (binascii.Error, ValueError):
        return None


def _base64(value: str) -> bytes | None:
    try:
        other = b"-_" if "-" in value or "_" in value else None
        return base64.b64decode(value + "=" * (-len(value) % 4), altchars=other, validate=True)
    except (binascii.Error, ValueError):
        return None


def matches_digest(field: str, payloads: Iterable[bytes]) -> bool:
    """Returns True if any of the payloads has this digest, or if the digest cannot be checked."""
    declared = parse_digest(field)
    return declared is None or any(
        hashlib.new(declared[0], payload, usedforsecurity=False).digest() == declared[1] for payload in payloads
    )


class Digests:
    """Checks the digests that a record declares against its bytes, which are passed to `feed` in chunks.

    The payload consists of the bytes after the HTTP header. If this header names a transfer or content coding, the
    payload digest is not checked, because some programs compute it from the encoded bytes and others from the decoded
    ones.
    """

    def __init__(self, fields: dict[str, str]) -> None:
        self._block = _Running(fields.get("warc-block-digest", ""))
        self._payload = _Running(fields.get("warc-payload-digest", ""))
        self._head: bytearray | None = bytearray()
        self._is_http = fields.get("content-type", "").lower().startswith("application/http")
        self._kind = fields.get("warc-type", "").lower()
        self._coded = False

    def feed(self, data: bytes | bytearray) -> None:
        self._block.feed(data)
        if self._payload.declared is None or self._kind == "revisit":
            return
        if not self._is_http or self._head is None:
            self._payload.feed(data)
        else:
            self._head += data
            end = HEADER_END.search(self._head)
            if end or len(self._head) > LONGEST_HEADER:
                head = bytes(self._head[: end.start()] if end else self._head).lower()
                self._coded = b"transfer-encoding" in head or b"content-encoding" in head
                self._payload.feed(self._head[end.end() :] if end else b"")
                self._head = None

    @property
    def proven(self) -> bool:
        """Returns True if the block matches the digest that the record declares; False if it does not, or if no digest
        is declared.
        """
        return self._block.declared is not None and self._block.fits

    def wrong(self) -> tuple[ProblemKind, str] | None:
        if self._block.declared is not None and not self._block.fits:
            return ProblemKind.BLOCK_DIGEST, self._block.field
        if (
            self._payload.declared is not None
            and self._kind != "revisit"
            and not self._coded
            and not self._payload.fits
        ):
            return ProblemKind.PAYLOAD_DIGEST, self._payload.field
        return None


class _Running:
    def __init__(self, field: str) -> None:
        self.field = field[:100]
        self.declared = parse_digest(field)
        self._hash: Any = hashlib.new(self.declared[0], usedforsecurity=False) if self.declared else None

    def feed(self, data: bytes | bytearray) -> None:
        if self._hash is not None:
            self._hash.update(data)

    @property
    def fits(self) -> bool:
        return self.declared is not None and self._hash.digest() == self.declared[1]
