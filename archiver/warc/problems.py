"""What can be wrong with a record of a foreign file: one row a kind, with the words a person reads.

`kept`: the record is read all the same, as what it plainly is; of the others nothing goes into the archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProblemKind(StrEnum):
    """The kinds, by the name that `--json` and the table `imports` count them under."""

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


SAYS: dict[ProblemKind, str] = {
    ProblemKind.NOT_AN_ARCHIVE: "it is no WARC, ARC or WACZ file",
    ProblemKind.UNREADABLE: "it cannot be read",
    ProblemKind.TRUNCATED: "it ends in the middle of a record",
    ProblemKind.DAMAGED: "its compressed bytes are damaged",
    ProblemKind.BOMB: "it unpacks to far more than any page",
    ProblemKind.NO_RECORD: "bytes that belong to no record",
    ProblemKind.HEADER: "the record's header cannot be read",
    ProblemKind.LENGTH: "the record is not as long as its Content-Length says",
    ProblemKind.TOO_LARGE: "it is larger than is read of one record",
    ProblemKind.NO_DATE: "it has no WARC-Date",
    ProblemKind.DATE: "its date is none",
    ProblemKind.ADDRESS: "its address is none",
    ProblemKind.BLOCK_DIGEST: "its bytes have another block digest than it says",
    ProblemKind.PAYLOAD_DIGEST: "its payload has another digest than it says",
    ProblemKind.HTTP_HEADER: "it holds no HTTP response",
    ProblemKind.CUT_OFF: "its body is cut off",
    ProblemKind.CODING: "its Content-Encoding cannot be undone",
    ProblemKind.REVISIT: "the record that it repeats is neither in the file nor in the archive",
    ProblemKind.SEGMENT: "the other segments of it are missing",
    ProblemKind.READER: "it could not be read",
    ProblemKind.PATH: "its path leaves the package",
    ProblemKind.FILE_DIGEST: "the file has another digest than its package says",
    ProblemKind.CHUNKING: "its Transfer-Encoding and its body do not agree",
    ProblemKind.HTTP_LENGTH: "its body is longer than its Content-Length says",
    ProblemKind.MISCODED: "its Content-Encoding and its body do not agree",
    ProblemKind.MISLABELLED: "its content is not of the type that it says",
    ProblemKind.UNANSWERED: "the web archive does not give it",
    ProblemKind.NOT_A_MEMENTO: "the web archive gives a page of its own in its place",
    ProblemKind.REWRITTEN: "the web archive gives it with its own markup",
    ProblemKind.NO_LIST: "the web archive gives no list of captures",
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
"""Kinds of which the record is read all the same."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where: `offset` as in `packed.Place`, `detail` a phrase with the figures."""

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
        return SAYS[self.kind] + detail + ("; it was read all the same" if self.kept else "")
