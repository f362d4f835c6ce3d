"""Foreign WARC and ARC files: records are read, problems reported, and reading continues after damage."""

from __future__ import annotations

import gzip
import io
import itertools
import re
import zlib

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.importers.foreign_reader import ByteStream, ForeignRecord, ForeignRecords, RecordPairs, StreamPosition
from archiver.importers.import_problems import Problem
from tests.importers.files import Rec, http, page, post, sha1, whole

RECORDS = [post(f"http://blog.example/{n}/", title=f"Post {n}") for n in range(4)]
PLAIN = [r.data() for r in RECORDS]
PACKED = [r.packed() for r in RECORDS]
START = StreamPosition()


def read(
    data: bytes,
    start: StreamPosition = START,
    *,
    seeks: bool = True,
    holds: bool = True,
) -> list[ForeignRecord | Problem]:
    handle = io.BufferedReader(io.BytesIO(data) if seeks else _Pipe(data))  # type: ignore[type-var]
    return list(ForeignRecords(ByteStream(handle, start, len(data)), lambda fields, first: holds))


class _Pipe(io.RawIOBase):
    """A stream that cannot seek and returns few bytes per read."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._data.read(min(len(buffer), 700))
        buffer[: len(data)] = data
        return len(data)


def summary(found: list[ForeignRecord | Problem]) -> list[str]:
    """Return the last part of each record's URL, and the kind of each problem."""
    return [
        one.url.strip("/").rpartition("/")[2] if isinstance(one, ForeignRecord) else f"!{one.kind}" for one in found
    ]


def with_longer_length(record: bytes, more: int) -> bytes:
    return re.sub(rb"(?m)^Content-Length: (\d+)", lambda m: b"Content-Length: %d" % (int(m[1]) + more), record, count=1)


def flipped(member: bytes, at: int = 60) -> bytes:
    return member[:at] + bytes([member[at] ^ 0xFF]) + member[at + 1 :]


ALL = ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    "data",
    [
        b"".join(PLAIN),
        b"".join(PACKED),
        whole(RECORDS),
        b"".join(zstd.compress(p) for p in PLAIN),
        zstd.compress(b"".join(PLAIN)),
        gzip.compress(PLAIN[0] + PLAIN[1], mtime=0) + gzip.compress(PLAIN[2] + PLAIN[3], mtime=0),
        b"".join(gzip.compress(b"".join(PLAIN)[n : n + 777], mtime=0) for n in range(0, len(b"".join(PLAIN)), 777)),
        b"".join(PACKED) + b"\0" * 3000,
        b"\r\n\r\n".join(PLAIN),
    ],
    ids=[
        "plain",
        "gzip",
        "whole-gzip",
        "zstd",
        "whole-zstd",
        "two-in-a-member",
        "members-anywhere",
        "padded",
        "blank-lines",
    ],
)
def test_every_compression_is_read_and_reading_can_resume_anywhere(data: bytes) -> None:
    found = read(data)
    assert summary(found) == ALL
    assert summary(read(data, seeks=False)) == ALL
    for n, one in enumerate(found):
        assert isinstance(one, ForeignRecord)
        assert one.block == RECORDS[n].block
        assert summary(read(data, one.place)) == ALL[n:]
        assert summary(read(data, one.place, seeks=False)) == ALL[n:]


def test_a_zstd_dictionary_in_the_first_frame_is_used() -> None:
    words = zstd.train_dict([page(title=f"Post {n}", extra="x" * n) for n in range(400)], 4096)
    for stored in (words.dict_content, zstd.compress(words.dict_content)):
        head = b"\x5d\x2a\x4d\x18" + len(stored).to_bytes(4, "little") + stored
        data = head + b"".join(zstd.compress(p, zstd_dict=words) for p in PLAIN)
        found = read(data)
        assert summary(found) == ALL
        assert summary(read(data, found[2].place)) == ["2", "3"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "data, expected",
    [
        (PACKED[0] + flipped(PACKED[1]) + PACKED[2], ["0", "!damaged", "2"]),
        (PACKED[0] + PACKED[1][:90] + PACKED[2], ["0", "!damaged", "2"]),
        (PACKED[0] + PACKED[1][:-6] + b"\xff" * 2 + PACKED[1][-4:] + PACKED[2], ["0", "!damaged", "2"]),
        (PACKED[0] + PACKED[1][:90], ["0", "!truncated"]),
        (PACKED[0] + b"some bytes that are none\n" * 9 + PACKED[1], ["0", "!no-record", "1"]),
        (PLAIN[0] + PLAIN[1][:-40], ["0", "!truncated"]),
        (PLAIN[0] + PLAIN[1][:30], ["0", "!truncated"]),
        (PLAIN[0] + b"some bytes that are none\r\n\r\n" + PLAIN[1], ["0", "!no-record", "1"]),
        (PLAIN[0] + PLAIN[1].replace(b"Content-Length", b"Content-Size", 1) + PLAIN[2], ["0", "!record-length", "2"]),
        (PLAIN[0] + with_longer_length(PLAIN[1], 10**20) + PLAIN[2], ["0", "!record-length", "2"]),
        (b"", ["!not-an-archive"]),
        (b"\x89PNG\r\n" * 500, ["!not-an-archive"]),
        (gzip.compress(b"x" * 999, mtime=0), ["!not-an-archive"]),
        (whole(RECORDS)[:-60], ["0", "!truncated"]),
    ],
)
def test_damage_is_named_and_the_rest_is_read(data: bytes, expected: list[str]) -> None:
    assert summary(read(data)) == expected


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("more", [-700, -5, 5, 60, 400, 3_000, 10**9])
def test_a_record_with_a_wrong_length_does_not_affect_others(more: int, packed: bool, holds: bool) -> None:
    wrong = with_longer_length(PLAIN[1], more)
    data = PACKED[0] + gzip.compress(wrong) + b"".join(PACKED[2:]) if packed else PLAIN[0] + wrong + b"".join(PLAIN[2:])
    assert summary(read(data, holds=holds)) == ["0", "!record-length", "2", "3"]


def test_many_records_that_claim_the_rest_of_the_file_are_read_in_bounded_time() -> None:
    data = b"".join(with_longer_length(p, 10**12) for p in itertools.islice(itertools.cycle(PLAIN), 3_000))
    found = read(data, holds=False)
    assert 1 <= len(found) <= 3_000
    assert not any(isinstance(one, ForeignRecord) for one in found[:-1])


def test_a_gzip_bomb_is_skipped() -> None:
    packer = zlib.compressobj(9, wbits=31)
    head = packer.compress(Rec(b"", declared=400 << 20).data()[:-4]) + packer.flush(zlib.Z_FULL_FLUSH)
    bomb = head + (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)) * 400
    assert summary(read(PACKED[0] + bomb + PACKED[2], holds=False)) == ["0", "!bomb", "2"]


@pytest.mark.parametrize("version", ["WARC/0.17", "WARC/0.18", "WARC/1.0", "WARC/1.1"])
def test_every_version_of_warc_and_line_ends_of_one_byte_are_read(version: str) -> None:
    for eol in ("\r\n", "\n"):
        assert summary(read(Rec(http(page()), "http://blog.example/a", version=version, eol=eol).data() * 2)) == [
            "a",
            "a",
        ]


def test_folded_fields_odd_case_and_angle_brackets_are_read() -> None:
    data = PLAIN[0].replace(
        b"WARC-Target-URI: http://blog.example/0/", b"warc-target-uri:\r\n  <http://blog.example/0/>"
    )
    assert summary(read(data)) == ["0"]


def pairs(*records: Rec) -> list[str]:
    data = b"".join(r.data() for r in records)
    found = itertools.chain(
        *RecordPairs(ForeignRecords(ByteStream(io.BufferedReader(io.BytesIO(data))), lambda f, b: True))
    )
    return [
        f"!{one.kind}" if isinstance(one, Problem) else one.record.kind + (" asked" if one.request else "")
        for one in found
    ]


def test_a_request_is_paired_with_its_response_before_or_after_it() -> None:
    answer = post()
    asked = Rec(b"GET / HTTP/1.1\r\n\r\n", answer.url, answer.at, "request")
    other = Rec(b"GET / HTTP/1.1\r\n\r\n", "http://blog.example/other", answer.at, "request")
    named = Rec(
        b"GET / HTTP/1.1\r\n\r\n",
        answer.url,
        "2001-01-01T00:00:00Z",
        "request",
        fields={"WARC-Concurrent-To": re.search(r"<urn[^>]+>", answer.data().decode())[0]},
    )  # type: ignore[index]
    note = Rec(b"fetchTimeMs: 3\r\n", kind="metadata")
    assert pairs(answer, asked, note) == ["response asked", "request", "metadata"]
    assert pairs(asked, answer, note) == ["request", "response asked", "metadata"]
    assert pairs(answer, named) == ["response asked", "request"]
    assert pairs(answer, other, answer, asked) == ["response", "request", "response asked", "request"]
    assert pairs(other) == ["request"]


def segments(*numbers: int, total: int | None = None) -> list[Rec]:
    block = post().block
    size = -(-len(block) // 3)
    out = []
    for n in numbers:
        fields: dict[str, str | None] = {"WARC-Segment-Number": str(n)}
        if n == 1:
            fields |= {"WARC-Record-ID": "<urn:first>", "WARC-Block-Digest": sha1(block[:size])}
        else:
            fields["WARC-Segment-Origin-ID"] = "<urn:first>"
        if n == 3:
            fields["WARC-Segment-Total-Length"] = str(len(block) if total is None else total)
        out.append(Rec(block[(n - 1) * size : n * size], kind="response" if n == 1 else "continuation", fields=fields))
    return out


def test_segments_are_joined_and_incomplete_ones_are_reported() -> None:
    assert pairs(*segments(1, 2, 3)) == ["response"]
    assert pairs(*segments(1, 2)) == ["!segment"]
    assert pairs(*segments(1, 3)) == ["!segment"]
    assert pairs(*segments(2, 3)) == ["!segment", "!segment"]
    assert pairs(*segments(1, 2, 3, total=7)) == ["!segment"]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *PACKED,
                *PLAIN,
                flipped(PACKED[0]),
                PACKED[1][:50],
                b"junk",
                b"\x1f\x8b\x08",
                b"WARC/1.0\r\n",
                with_longer_length(PLAIN[0], 9),
                whole(RECORDS),
            ]
        ),
        max_size=8,
    ),
    st.booleans(),
    st.booleans(),
)
def test_any_file_is_read_without_an_error_and_without_losing_whole_members(
    parts: list[bytes], seeks: bool, holds: bool
) -> None:
    found = read(b"".join(parts), seeks=seeks, holds=holds)
    records = sum(isinstance(one, ForeignRecord) for one in found)
    if parts and all(p in PACKED for p in parts):
        assert records == len(parts)
    assert len(found) <= 5 * len(parts) + 1
