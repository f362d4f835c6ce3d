"""WARC records: written completely, found by offset, verified by digest."""

from __future__ import annotations

import gzip
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from fastwarc import ArchiveIterator, WarcRecord, WarcRecordType
from hypothesis import given
from hypothesis import strategies as st

from archiver.model.errors import UnreadableInput
from archiver.warc.warc_records import (
    Exchange,
    Original,
    compute_payload_digest,
    is_payload_intact,
    read_record,
    serialize_record,
    warc_date,
)
from archiver.warc.warc_writer import WarcWriter

AT = datetime(2024, 5, 1, 8, 30, 15, 123456, tzinfo=UTC)


def exchange(body: bytes, status: int = 200, *headers: tuple[bytes, bytes]) -> Exchange:
    return Exchange(
        "https://example.org/a?b=1",
        AT,
        "GET",
        ((b"Host", b"example.org"),),
        status,
        "OK",
        ((b"Content-Type", b"text/html; charset=utf-8"), *headers),
        body,
    )


def test_a_record_is_found_by_its_offset_and_proves_its_bytes(tmp_path: Path) -> None:
    packed = gzip.compress(b"<p>packed</p>")
    with WarcWriter(tmp_path, "example-org", "archiver/test") as writer:
        first = writer.write(exchange(b"<p>plain</p>", 200, (b"Transfer-Encoding", b"chunked")))
        second = writer.write(exchange(packed, 200, (b"Content-Encoding", b"gzip")))
    for capture, body in ((first, b"<p>plain</p>"), (second, b"<p>packed</p>")):
        stored = read_record(tmp_path / capture.warc_file, capture.warc_offset, capture.warc_length)
        assert (stored.body, stored.status, stored.url) == (body, 200, "https://example.org/a?b=1")
        assert stored.digest == capture.digest
        assert is_payload_intact(stored)
    assert read_record(tmp_path / second.warc_file, second.warc_offset, second.warc_length).payload == packed


def test_the_file_holds_request_and_response_and_says_who_wrote_it(tmp_path: Path) -> None:
    with WarcWriter(tmp_path, "example-org", "archiver/test") as writer:
        capture = writer.write(exchange(b"x"))
    with (tmp_path / capture.warc_file).open("rb") as file:
        records = [(r.headers.get("WARC-Type"), r.headers.to_dict()) for r in ArchiveIterator(file)]
    assert [kind for kind, _ in records] == ["warcinfo", "response", "request"]
    assert records[2][1]["WARC-Concurrent-To"] == records[1][1]["WARC-Record-ID"]
    assert records[1][1]["WARC-Date"] == "2024-05-01T08:30:15.123456Z"


_VALUES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1)


@given(st.dictionaries(st.from_regex(r"X-[A-Z][a-z]{1,8}", fullmatch=True), _VALUES), st.binary(), st.integers(0, 3))
def test_a_record_has_the_fields_and_the_block_that_fastwarc_would_write(
    fields: dict[str, str], block: bytes, level: int
) -> None:
    fields = {"WARC-Record-ID": "<urn:uuid:x>", "WARC-Date": warc_date(AT), **fields}
    record, out = WarcRecord(), io.BytesIO()
    record.init_headers(WarcRecordType.response)
    for name, value in {**fields, "WARC-Block-Digest": compute_payload_digest(block)}.items():
        record.headers[name] = value
    record.set_bytes_content(block)
    record.write(out)
    head, _, rest = gzip.decompress(serialize_record("response", fields, block, level)).partition(b"\r\n\r\n")
    expected, _, rest_expected = out.getvalue().partition(b"\r\n\r\n")
    assert (sorted(head.split(b"\r\n")), rest) == (sorted(expected.split(b"\r\n")), rest_expected)


def test_a_line_end_in_a_value_cannot_add_a_field() -> None:
    record = serialize_record("metadata", {"WARC-Date": warc_date(AT), "X-Note": "one\r\nX-Other: two\nthree"}, b"")
    assert b"\r\nX-Note: one X-Other: two three\r\n" in gzip.decompress(record)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-7))])
def test_dates_of_records_are_in_utc(zone: timezone) -> None:
    assert warc_date(AT.astimezone(zone)) == "2024-05-01T08:30:15.123456Z"
    assert warc_date(datetime(2024, 5, 1, tzinfo=UTC).astimezone(zone)) == "2024-05-01T00:00:00.000000Z"


def test_via_and_fetch_time_are_a_metadata_record(tmp_path: Path) -> None:
    timed = replace(exchange(b"x"), via="https://example.org/old", seconds=0.1234)
    with WarcWriter(tmp_path, "example-org", "archiver/test") as writer:
        capture = writer.write(timed)
    with (tmp_path / capture.warc_file).open("rb") as file:
        records = [(r.headers.to_dict(), r.reader.read()) for r in ArchiveIterator(file, parse_http=False)]
    assert [head["WARC-Type"] for head, _ in records] == ["warcinfo", "response", "request", "metadata"]
    head, block = records[3]
    assert block == b"via: https://example.org/old\r\nfetchTimeMs: 123\r\n"
    assert (head["WARC-Concurrent-To"], head["Content-Type"]) == (
        records[1][0]["WARC-Record-ID"],
        "application/warc-fields",
    )
    assert all(head["WARC-Block-Digest"] == compute_payload_digest(block) for head, block in records)


@pytest.mark.parametrize(("status", "profile"), [(200, "identical-payload-digest"), (304, "server-not-modified")])
def test_a_known_payload_is_a_revisit(tmp_path: Path, status: int, profile: str) -> None:
    with WarcWriter(tmp_path, "example-org", "archiver/test") as writer:
        first = writer.write(exchange(b"same"))
        again = writer.write(
            exchange(b"" if status == 304 else b"same", status), Original(first.url, first.captured_at, first.digest)
        )
    assert (again.record_type, again.digest) == ("revisit", first.digest)
    stored = read_record(tmp_path / again.warc_file, again.warc_offset, again.warc_length)
    assert (stored.record_type, stored.payload) == ("revisit", b"")
    with (tmp_path / again.warc_file).open("rb") as file:
        revisit = next(h for h in (r.headers.to_dict() for r in ArchiveIterator(file)) if h["WARC-Type"] == "revisit")
    assert revisit["WARC-Profile"].endswith(profile)
    assert revisit["WARC-Refers-To-Date"] == "2024-05-01T08:30:15.123456Z"


def test_the_index_is_sorted_and_points_at_the_records(tmp_path: Path) -> None:
    with WarcWriter(tmp_path, "example-org", "archiver/test") as writer:
        capture = writer.write(exchange(b"x"))
    lines = (tmp_path / capture.warc_file.replace(".warc.gz", ".cdxj")).read_text().splitlines()
    assert lines == sorted(lines)
    assert lines[0].startswith("org,example)/a?b=1 20240501083015 {")
    assert f'"offset": "{capture.warc_offset}"' in lines[0]


def test_no_record_at_the_offset_is_an_error(tmp_path: Path) -> None:
    with WarcWriter(tmp_path, "example-org", "archiver/test") as writer:
        capture = writer.write(exchange(b"x"))
    with pytest.raises(UnreadableInput):
        read_record(tmp_path / "warc" / "none.warc.gz", 0, 10)
    with pytest.raises(UnreadableInput):
        read_record(tmp_path / capture.warc_file, capture.warc_offset + 3, 50)
