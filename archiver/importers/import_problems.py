"""The kinds of problems that a record in another program's file can have, each with a code for programs and a phrase
for people.

Records whose problems are all in `KEPT` are imported; records with any other problem are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class ProblemKind(StrEnum):
    """The kinds of problems that an imported file or record can have. The values are used in `--json` and in the table
    `imports`.
    """

    NOT_AN_ARCHIVE = "not-an-archive"
    UNREADABLE = "unreadable"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    BOMB = "bomb"
    NO_RECORD = "no-record"
    HEADER = "record-header"
    LENGTH = "record-length"
    TOO_LARGE = "too-large"
    NO_DATE = "no-date"
    DATE = "date"
    ADDRESS = "address"
    BLOCK_DIGEST = "block-digest"
    PAYLOAD_DIGEST = "payload-digest"
    HTTP_HEADER = "http-header"
    CUT_OFF = "cut-off"
    CODING = "content-encoding"
    REVISIT = "revisit"
    SEGMENT = "segment"
    READER = "reader"
    PATH = "path"
    FILE_DIGEST = "file-digest"
    CHUNKING = "chunking"
    HTTP_LENGTH = "http-length"
    MISCODED = "miscoded"
    MISLABELLED = "mislabelled"
    UNANSWERED = "unanswered"
    NOT_A_MEMENTO = "not-a-memento"
    REWRITTEN = "rewritten"
    NO_LIST = "no-list"
    CUT_LIST = "cut-list"


PHRASES: dict[ProblemKind, str] = {
    ProblemKind.NOT_AN_ARCHIVE: "it is not a WARC or WACZ file",
    ProblemKind.UNREADABLE: "it cannot be read",
    ProblemKind.TRUNCATED: "it ends in the middle of a record",
    ProblemKind.DAMAGED: "its compressed bytes are damaged",
    ProblemKind.BOMB: "it decompresses to far more than any page",
    ProblemKind.NO_RECORD: "bytes that belong to no record",
    ProblemKind.HEADER: "the record's header cannot be read",
    ProblemKind.LENGTH: "the record is not as long as its Content-Length says",
    ProblemKind.TOO_LARGE: "it is larger than the limit for one record",
    ProblemKind.NO_DATE: "it has no WARC-Date",
    ProblemKind.DATE: "its date is invalid",
    ProblemKind.ADDRESS: "its address is invalid",
    ProblemKind.BLOCK_DIGEST: "its bytes do not match its block digest",
    ProblemKind.PAYLOAD_DIGEST: "its payload does not match its digest",
    ProblemKind.HTTP_HEADER: "it contains no HTTP response",
    ProblemKind.CUT_OFF: "its body is cut off",
    ProblemKind.CODING: "its Content-Encoding cannot be undone",
    ProblemKind.REVISIT: "the record that it repeats is neither in the file nor in the archive",
    ProblemKind.SEGMENT: "its other segments are missing",
    ProblemKind.READER: "it could not be read",
    ProblemKind.PATH: "its path leaves the package",
    ProblemKind.FILE_DIGEST: "the file does not match the digest in its package",
    ProblemKind.CHUNKING: "its Transfer-Encoding and its body do not agree",
    ProblemKind.HTTP_LENGTH: "its body is longer than its Content-Length says",
    ProblemKind.MISCODED: "its Content-Encoding and its body do not agree",
    ProblemKind.MISLABELLED: "its content is not of the declared type",
    ProblemKind.UNANSWERED: "the web archive does not deliver it",
    ProblemKind.NOT_A_MEMENTO: "the web archive delivers a page of its own instead",
    ProblemKind.REWRITTEN: "the web archive delivers it with its own markup",
    ProblemKind.NO_LIST: "the web archive delivers no list of captures",
    ProblemKind.CUT_LIST: "the web archive has more captures than it lists",
}
KEPT = frozenset(
    {
        ProblemKind.CHUNKING,
        ProblemKind.HTTP_LENGTH,
        ProblemKind.MISCODED,
        ProblemKind.MISLABELLED,
        ProblemKind.FILE_DIGEST,
    }
)
"""Kinds of problems that do not prevent a record from being imported."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem in a file that is imported. `offset` is its position, a `StreamPosition` as text; `detail` is a phrase
    with the particulars, such as a number of bytes.
    """

    kind: ProblemKind
    offset: str
    url: str = ""
    detail: str = ""

    @property
    def kept(self) -> bool:
        return self.kind in KEPT

    @property
    def sentence(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return PHRASES[self.kind] + detail + ("; it was read nevertheless" if self.kept else "")


def problems_as_data(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Returns problems as `archiver import --json` prints them."""
    return [{"kind": p.kind.value, "offset": p.offset, "url": p.url, "what": p.sentence} for p in problems]
