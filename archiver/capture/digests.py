"""Checking the digests that a record declares (WARC/1.1, sections 5.8 and 5.9), as its bytes go by."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import Any

from archiver.capture.damage import Damage

_NAMES = {"sha1": "sha1", "sha-1": "sha1", "sha256": "sha256", "sha-256": "sha256", "sha512": "sha512",
          "sha-512": "sha512", "sha384": "sha384", "sha-384": "sha384", "md5": "md5"}
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LONGEST_HEAD = 1 << 18


def expected(field: str) -> tuple[str, bytes] | None:
    """The algorithm (as hashlib names it) and the digest of "sha1:BASE32", "md5:hex" and the like.

    None where there is none, or one of an algorithm or spelling that is not known: it then proves nothing.
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


def fits(field: str, payloads: Iterable[bytes]) -> bool:
    """Whether the digest is that of one of these; so too where it says nothing that can be checked."""
    wanted = expected(field)
    return wanted is None or any(hashlib.new(wanted[0], one, usedforsecurity=False).digest() == wanted[1]
                                 for one in payloads)


class Digests:
    """The declared digests of one record, held against its bytes as they are fed.

    What stands behind the HTTP header is taken for the payload. Where a coding was undone before the digest was made
    this cannot be judged, and is not.
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
        if self._payload.wanted is None or self._kind == "revisit":
            return
        if not self._is_http or self._head is None:
            self._payload.feed(data)
        else:
            self._head += data
            end = _HEAD_END.search(self._head)
            if end or len(self._head) > _LONGEST_HEAD:
                head = bytes(self._head[:end.start()] if end else self._head).lower()
                self._coded = b"transfer-encoding" in head or b"content-encoding" in head
                self._payload.feed(self._head[end.end():] if end else b"")
                self._head = None

    @property
    def proven(self) -> bool:
        """Whether the block is what it says it is; False too where it says nothing."""
        return self._block.wanted is not None and self._block.fits

    def wrong(self) -> tuple[Damage, str] | None:
        if self._block.wanted is not None and not self._block.fits:
            return Damage.BLOCK_DIGEST, self._block.field
        if self._payload.wanted is not None and self._kind != "revisit" and not self._coded and not self._payload.fits:
            return Damage.PAYLOAD_DIGEST, self._payload.field
        return None


class _Running:
    def __init__(self, field: str) -> None:
        self.field = field[:100]
        self.wanted = expected(field)
        self._hash: Any = hashlib.new(self.wanted[0], usedforsecurity=False) if self.wanted else None

    def feed(self, data: bytes | bytearray) -> None:
        if self._hash is not None:
            self._hash.update(data)

    @property
    def fits(self) -> bool:
        return self.wanted is not None and self._hash.digest() == self.wanted[1]
