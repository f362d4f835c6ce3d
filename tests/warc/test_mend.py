"""WARC files of killed crawls: truncated after their last complete record and indexed, unless they are still being
written.
"""

from __future__ import annotations

import base64
import errno
import gzip
import hashlib
import io
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archiver.model.items import Capture
from archiver.warc.warc_file_maintenance import RepairedFile, check_records, find_unfinished_files, repair_warc
from archiver.warc.warc_records import Exchange, read_complete_records
from archiver.warc.warc_writer import WarcWriter, index_of, open_index_of
from tests.faults.sound import _index_flaws, _records

AT = datetime(2024, 5, 1, 8, 30, 15, 123456, tzinfo=UTC)


def exchange(number: int, size: int = 500) -> Exchange:
    body = os.urandom(size).hex().encode()
    return Exchange(
        f"https://example.org/{9 - number}",
        AT,
        "GET",
        ((b"Host", b"example.org"),),
        200,
        "OK",
        ((b"Content-Type", b"Text/HTML; charset=utf-8"),),
        body,
    )


def write_abandoned_file(root: Path, count: int = 4) -> tuple[Path, list[Capture]]:
    """Write a WARC file that ends as after a kill."""
    writer = WarcWriter(root, "example-org", "archiver/test")
    captures = [writer.write(exchange(n)) for n in range(count)]
    writer.abandon()
    return root / captures[0].warc_file, captures


def is_sound(file: Path) -> bool:
    found, wrong = _records(file)
    return not wrong and not _index_flaws(file, found)


def test_a_whole_file_gets_the_index_that_its_writer_would_have_made(tmp_path: Path) -> None:
    with WarcWriter(tmp_path, "other", "archiver/test") as writer:
        writer.write(exchange(1))
    file, captures = write_abandoned_file(tmp_path)
    assert find_unfinished_files(tmp_path / "warc", "example-org") == [file]
    reported: list[RepairedFile] = []
    repaired = repair_warc(file, reported.append)
    assert reported == [repaired]
    assert repaired is not None
    assert (repaired.torn, repaired.gap, repaired.sentence) == (0, None, "")
    assert {(c.warc_offset, c.warc_length) for c in captures} <= repaired.records
    assert is_sound(file)
    assert not open_index_of(file).exists()
    assert find_unfinished_files(tmp_path / "warc", "example-org") == []


@pytest.mark.parametrize("cut", [1, 7, 100, 400, 900, 2500])
def test_a_torn_end_is_cut_off_at_any_byte(tmp_path: Path, cut: int) -> None:
    file, captures = write_abandoned_file(tmp_path)
    os.truncate(file, file.stat().st_size - cut)
    repaired = repair_warc(file, lambda m: None)
    assert repaired is not None
    assert repaired.torn > 0
    assert file.name in repaired.sentence
    assert is_sound(file)
    left = [c for c in captures if (c.warc_offset, c.warc_length) in repaired.records]
    assert left == captures[: len(left)]


def test_zeros_after_the_end_are_cut_off(tmp_path: Path) -> None:
    file, _ = write_abandoned_file(tmp_path)
    size = file.stat().st_size
    os.truncate(file, size + 4096)
    repaired = repair_warc(file, lambda m: None)
    assert repaired is not None
    assert (repaired.torn, file.stat().st_size) == (4096, size)
    assert is_sound(file)


def test_whole_records_after_a_damaged_one_are_kept(tmp_path: Path) -> None:
    file, captures = write_abandoned_file(tmp_path)
    data = bytearray(file.read_bytes())
    at = captures[1].warc_offset
    data[at : at + 60] = bytes(60)
    file.write_bytes(data)
    repaired = repair_warc(file, lambda m: None)
    assert repaired is not None
    assert (repaired.torn, repaired.gap) == (0, at)
    assert f" {at:,}" in repaired.sentence
    assert (captures[3].warc_offset, captures[3].warc_length) in repaired.records
    assert (captures[1].warc_offset, captures[1].warc_length) not in repaired.records
    assert bytes(data) == file.read_bytes()


def test_a_file_without_a_whole_record_is_deleted(tmp_path: Path) -> None:
    file, _ = write_abandoned_file(tmp_path, 1)
    os.truncate(file, 20)
    repaired = repair_warc(file, lambda m: None)
    assert repaired is not None
    assert file.name in repaired.sentence
    assert list(file.parent.iterdir()) == []


def test_a_file_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    with WarcWriter(tmp_path, "example-org", "archiver/test") as writer:
        file = tmp_path / writer.write(exchange(0)).warc_file
        assert repair_warc(file, lambda m: None) is None
        assert not index_of(file).exists()
        writer.write(exchange(1))
    assert is_sound(file)


def test_a_repair_whose_report_fails_is_done_again(tmp_path: Path) -> None:
    def dies(repaired: RepairedFile) -> None:
        raise KeyboardInterrupt

    file, _ = write_abandoned_file(tmp_path)
    os.truncate(file, file.stat().st_size - 5)
    with pytest.raises(KeyboardInterrupt):
        repair_warc(file, dies)
    assert find_unfinished_files(tmp_path / "warc", "example-org") == [file]
    assert repair_warc(file, lambda m: None)
    assert is_sound(file)


def test_a_failed_write_leaves_no_partial_record(tmp_path: Path) -> None:
    import resource
    import signal

    writer = WarcWriter(tmp_path, "example-org", "archiver/test")
    file = tmp_path / writer.write(exchange(0)).warc_file
    size = file.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 700, limits[1]))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            writer.write(exchange(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, was)
    assert file.stat().st_size == size
    writer.write(exchange(2))
    writer.close()
    assert is_sound(file)


def test_a_record_is_whole_only_with_all_of_its_block(tmp_path: Path) -> None:
    import gzip

    whole = b"WARC/1.1\r\nWARC-Type: response\r\nContent-Length: 5\r\n\r\nhello\r\n\r\n"
    file = tmp_path / "x.warc.gz"
    file.write_bytes(gzip.compress(whole) + gzip.compress(whole.replace(b": 5", b": 6")) + gzip.compress(b"no record"))
    with file.open("rb") as handle:
        assert [m.offset for m in read_complete_records(handle)] == [0]


@pytest.mark.parametrize("spell", [bytes.hex, lambda raw: base64.b32encode(raw).decode()], ids=["base 16", "base 32"])
@pytest.mark.parametrize("name", ["sha1", "sha256", "sha512", "md5"])
def test_a_record_is_checked_by_the_digest_that_it_declares(name: str, spell: Callable[[bytes], str]) -> None:
    text = b"The tide was late."
    digest = spell(hashlib.new(name, text).digest())
    other = ("B" if digest[0] != "B" else "C") + digest[1:]
    found = []
    for declared in (digest, digest.rstrip("="), digest.lower(), other, digest[:-8]):
        head = f"WARC/1.1\r\nWARC-Type: metadata\r\nWARC-Block-Digest: {name}:{declared}\r\nContent-Length: 18\r\n\r\n"
        record = gzip.compress(head.encode() + text + b"\r\n\r\n")
        found += [bool(one.wrong) for one in check_records(io.BytesIO(record), "a.warc.gz")]
    assert found == [False, False, False, True, True]
