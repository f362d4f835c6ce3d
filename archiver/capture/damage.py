"""What can be wrong with a record of a foreign file: one row a kind, with the words a person reads.

`kept`: the record is read all the same, as what it plainly is; of the others nothing goes into the archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Damage(StrEnum):
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


SAYS: dict[Damage, str] = {
    Damage.NOT_AN_ARCHIVE: "it is no WARC, ARC or WACZ file",
    Damage.UNREADABLE: "it cannot be read",
    Damage.TRUNCATED: "it ends in the middle of a record",
    Damage.DAMAGED: "its compressed bytes are damaged",
    Damage.BOMB: "it unpacks to far more than any page",
    Damage.NO_RECORD: "bytes that belong to no record",
    Damage.HEADER: "the record's header cannot be read",
    Damage.LENGTH: "the record is not as long as its Content-Length says",
    Damage.TOO_LARGE: "it is larger than is read of one record",
    Damage.NO_DATE: "it has no WARC-Date",
    Damage.DATE: "its date is none",
    Damage.ADDRESS: "its address is none",
    Damage.BLOCK_DIGEST: "its bytes have another block digest than it says",
    Damage.PAYLOAD_DIGEST: "its payload has another digest than it says",
    Damage.HTTP_HEADER: "it holds no HTTP response",
    Damage.CUT_OFF: "its body is cut off",
    Damage.CODING: "its Content-Encoding cannot be undone",
    Damage.REVISIT: "the record that it repeats is neither in the file nor in the archive",
    Damage.SEGMENT: "the other segments of it are missing",
    Damage.READER: "it could not be read",
    Damage.PATH: "its path leaves the package",
    Damage.FILE_DIGEST: "the file has another digest than its package says",
    Damage.CHUNKING: "its Transfer-Encoding and its body do not agree",
    Damage.HTTP_LENGTH: "its body is longer than its Content-Length says",
    Damage.MISCODED: "its Content-Encoding and its body do not agree",
    Damage.MISLABELLED: "its content is not of the type that it says",
    Damage.UNANSWERED: "the web archive does not give it",
    Damage.NOT_A_MEMENTO: "the web archive gives a page of its own in its place",
    Damage.REWRITTEN: "the web archive gives it with its own markup",
    Damage.NO_LIST: "the web archive gives no list of captures",
    Damage.CUT_LIST: "the web archive has more captures than it lists",
}
KEPT = frozenset({Damage.CHUNKING, Damage.HTTP_LENGTH, Damage.MISCODED, Damage.MISLABELLED, Damage.FILE_DIGEST})
"""Kinds of which the record is read all the same."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where: `offset` as in `packed.Place`, `detail` a phrase with the figures."""

    kind: Damage
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
