"""Checks whether an archive is intact: its database, its WARC files, their indexes, and the references between them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import sqlite3
from collections import Counter
from pathlib import Path

from fastwarc import ArchiveIterator
from fastwarc.stream_io import GzipReader

Place = tuple[str, int]
"""File name and offset of a record."""


def flaws(archive: Path) -> list[str]:
    """Return what is wrong with the archive, one line each; [] if it is intact. No crawl may be writing it."""
    db = sqlite3.connect(archive)
    out = [f"integrity_check: {row[0]}" for row in db.execute("pragma integrity_check") if row[0] != "ok"]
    out += [f"foreign_key_check: {tuple(row)}" for row in db.execute("pragma foreign_key_check")]
    out += [
        f"{row[0]} is the address of {row[1]} articles"
        for row in db.execute("select url, count(*) from articles group by urlkey having count(*) > 1")
    ]
    records: dict[Place, tuple[int, str, str]] = {}
    for file in sorted((archive.parent / "warc").glob("*.warc.gz")):
        found, wrong = _records(file)
        out += wrong + _index_flaws(file, found)
        records |= found
    out += [
        f"no index belongs to {file.name}"
        for file in (archive.parent / "warc").iterdir()
        if file.suffix not in (".gz", ".cdxj") or (file.suffix == ".cdxj" and not file.with_suffix(".warc.gz").exists())
    ]
    for row in db.execute("select id, url, warc_file, warc_offset, warc_length, digest from captures"):
        place = (row[2].removeprefix("warc/"), row[3])
        if records.get(place) != (row[4], row[1], row[5]):
            out.append(f"capture {row[0]} of {row[1]} points to {place}, where there is {records.get(place)}")
    out += [
        f"capture {row[0]} is entered {row[1]} times"
        for row in db.execute(
            "select warc_file || ':' || warc_offset, count(*) from captures group by 1 having count(*) > 1"
        )
    ]
    out += [
        f"article {row[0]} has no capture" for row in db.execute("select url from articles where capture_id is null")
    ]
    db.close()
    return out


def _records(file: Path) -> tuple[dict[Place, tuple[int, str, str]], list[str]]:
    """Return what `_read_records` does. A file with the same name and bytes as an earlier one is not read again."""
    data = file.read_bytes()
    key = file.name, hashlib.sha256(data).digest()
    if key not in _READ:
        _READ[key] = _read_records(file, data)
    return _READ[key]


_READ: dict[tuple[str, bytes], tuple[dict[Place, tuple[int, str, str]], list[str]]] = {}


def _read_records(file: Path, data: bytes) -> tuple[dict[Place, tuple[int, str, str]], list[str]]:
    """Return the length, URL and digest of each response and revisit record, and the errors that two independent
    readers report.

    FastWARC in strict mode reads the records, Python's gzip reads each member separately (WARC/1.1, annex D.2).
    """
    wrong, types = [], Counter[str]()
    found: dict[Place, tuple[int, str, str]] = {}
    try:
        records = []
        for record in ArchiveIterator(GzipReader(io.BytesIO(data)), strict_mode=True, parse_http=True):
            payload = record.reader.read()
            records.append(
                (
                    record.stream_pos,
                    record.headers.get("WARC-Type") or "",
                    record.headers.get("WARC-Target-URI") or "",
                    record.headers.get("WARC-Payload-Digest") or "",
                    payload,
                )
            )
    except Exception as error:
        return found, [f"{file.name} is not readable to its end: {error!r}"]
    records[0] = (0, *records[0][1:])  # FastWARC 2 gives the end of a short first record
    ends = [*(r[0] for r in records[1:]), len(data)]
    for (start, kind, url, digest, payload), end in zip(records, ends, strict=True):
        types[kind] += 1
        try:
            whole = gzip.decompress(data[start:end])
        except (OSError, EOFError) as error:
            wrong.append(f"{file.name} at {start}: {error!r}")
            continue
        if not whole.startswith(b"WARC/1.1\r\n"):
            wrong.append(f"{file.name} at {start}: no WARC/1.1 record")
        if kind == "response" and digest != _digest(payload):
            wrong.append(f"{file.name} at {start}: digest {_digest(payload)} is not {digest}")
        if kind in ("response", "revisit"):
            found[file.name, start] = (end - start, url, digest)
    if records[0][1] != "warcinfo":  # each run that continues a file adds another one
        wrong.append(f"{file.name} does not begin with a warcinfo record")
    return found, wrong


def _index_flaws(file: Path, records: dict[Place, tuple[int, str, str]]) -> list[str]:
    index = file.with_name(file.name.removesuffix(".warc.gz") + ".cdxj")
    if not index.exists():
        return [f"{file.name} has no CDXJ"]
    lines = index.read_bytes().splitlines(keepends=True)
    out = [] if lines == sorted(lines) else [f"{index.name} is not sorted"]
    listed = Counter()
    for line in lines:
        fields = json.loads(line.split(b" ", 2)[2])
        listed[fields["filename"], int(fields["offset"]), int(fields["length"]), fields["url"], fields["digest"]] += 1
    there = Counter((name, at, length, url, digest) for (name, at), (length, url, digest) in records.items())
    return (
        out
        + [f"{index.name} lacks {row}" for row in there - listed]
        + [f"{index.name} has {row}, which is no record" for row in listed - there]
    )


def _digest(payload: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(payload, usedforsecurity=False).digest()).decode()
