"""Reads captures for the browser (response, stored record, verification), and exports search results and collections.

An archive may come from a stranger, so WARC files are only opened inside the archive's own folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from sqlite_utils import Database

from archiver.errors import ArticleRemoved, CaptureUnreadable, UnreadableInput
from archiver.maintenance.reextraction import find_payload_row
from archiver.search.citations import STYLES, build_citation
from archiver.search.engine import matching_ids
from archiver.search.query import Query
from archiver.storage.article_tables.records import records
from archiver.storage.tombstones import is_payload_removed, tombstone_at, tombstones
from archiver.urls import urlkey
from archiver.warc.exchange_records import compute_payload_digest
from archiver.warc.file_maintenance import CheckedRecord, check_record_at
from archiver.warc.gzip_records import StoredResponse, read_record
from archiver.web.web_requests import RawResponse

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredCapture:
    """A capture with its stored response. `row` is the requested capture. `source` is the capture that holds the
    payload; it differs from `row` if that is a revisit.
    """

    row: Row
    source: Row
    response: StoredResponse


def read_capture(db: Database, folder: Path, row: Row) -> StoredCapture:
    """Reads the response of a capture and verifies it by its digest. Raises CaptureUnreadable, and ArticleRemoved after
    a takedown.
    """
    refuse_removed(db, row)
    source = find_payload_row(db, row["id"])
    if source is None:
        raise CaptureUnreadable(row["id"], "it is a revisit of a response that is not in the archive")
    try:
        response = read_record(locate_warc_file(folder, source), source["warc_offset"], source["warc_length"])
    except UnreadableInput as error:
        raise CaptureUnreadable(row["id"], f"{_describe_location(source)} cannot be read ({error.why})") from error
    digest = source["digest"] or ""
    if digest.startswith("sha1:") and compute_payload_digest(response.payload) != digest:
        raise CaptureUnreadable(row["id"], f"the payload of {_describe_location(source)} does not match its digest")
    return StoredCapture(row, source, response)


def refuse_removed(db: Database, row: Row) -> None:
    """Raises ArticleRemoved if the URL or the payload of a capture was taken down. Its record may still be stored until
    the takedown is completed.
    """
    if not tombstones(db, "allowed_at is null"):
        return
    tombstone = tombstone_at(db, urlkey(row["url"]))
    if tombstone or is_payload_removed(db, row["digest"]):
        raise ArticleRemoved(row["url"], tombstone.explanation if tombstone else "removed from this archive")


def read_record_bytes(folder: Path, row: Row) -> bytes:
    """Returns the stored bytes of a capture's WARC record: one gzip member (WARC/1.1, annex D.2). Raises
    CaptureUnreadable.
    """
    length = check_stored_record(folder, row).length
    with locate_warc_file(folder, row).open("rb") as handle:
        handle.seek(row["warc_offset"])
        return handle.read(length)


def check_stored_record(folder: Path, row: Row) -> CheckedRecord:
    """Recomputes the digests of a capture's WARC record and returns the result. Raises CaptureUnreadable if the record
    is missing or incomplete.
    """
    try:
        with locate_warc_file(folder, row).open("rb") as handle:
            found = check_record_at(handle, row["warc_offset"], row["warc_file"])
    except OSError as error:
        raise CaptureUnreadable(
            row["id"], f"{_describe_location(row)} cannot be read ({error.strerror or error})"
        ) from error
    if found is None:
        raise CaptureUnreadable(row["id"], f"there is no complete record at its position ({_describe_location(row)})")
    return found


def locate_warc_file(folder: Path, row: Row) -> Path:
    """Returns the path of a capture's WARC file. Raises CaptureUnreadable if the path is outside the archive's
    folder.
    """
    name = PurePosixPath(row["warc_file"] or "")
    if not name.name or name.is_absolute() or ".." in name.parts or "\0" in str(name):
        raise CaptureUnreadable(row["id"], f"{row['warc_file']!r} is not a WARC file of this archive")
    return folder / name


def _describe_location(row: Row) -> str:
    return f"its record at byte {row['warc_offset']:,} of {row['warc_file']}"


# Captured payloads as responses. A payload that a browser would execute is offered as a download.

SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; sandbox"
_SHOWN = re.compile(
    r"image/(?:png|jpeg|gif|webp|avif|bmp|svg\+xml|x-icon|vnd\.microsoft\.icon|apng)|"
    r"font/[\w-]+|application/(?:x-)?font-[\w-]+|application/vnd\.ms-fontobject"
)
_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+")
_ENDINGS = {
    "text/html": "html",
    "application/xhtml+xml": "xhtml",
    "text/plain": "txt",
    "application/json": "json",
    "text/xml": "xml",
    "application/xml": "xml",
    "application/rss+xml": "xml",
    "application/atom+xml": "xml",
    "text/css": "css",
    "application/pdf": "pdf",
}


def parse_media_type(content_type: str) -> str:
    """Returns the media type of a Content-Type field without parameters; application/octet-stream if it is invalid."""
    found = _TYPE.match(content_type.strip())
    return found[0].lower() if found else "application/octet-stream"


def make_payload_response(found: StoredCapture, *, download: bool = False) -> RawResponse:
    """Returns the payload of a capture, with its content coding removed, as a response to show. With `download`, the
    response is a file to save.
    """
    kind = parse_media_type(found.response.content_type)
    named = {"content-disposition": f'attachment; filename="{make_file_name(found)}"'}
    if _SHOWN.fullmatch(kind) and not download:
        # An SVG within a page is an image regardless of this header, but opened directly it would be a document.
        return RawResponse(
            found.response.body, kind, headers=named if kind == "image/svg+xml" else {}, policy=SVG_POLICY
        )
    # A downloaded page would run its scripts when opened from disk. Its name shows its type, and the browser asks
    # first.
    return RawResponse(found.response.body, kind if not _is_active(kind) else "application/octet-stream", headers=named)


def make_file_name(found: StoredCapture) -> str:
    """Returns a portable file name for downloading a capture, made of its ID and the last segment of its URL's path."""
    path = unquote(urlsplit(found.row["url"] or "").path, errors="replace").rstrip("/").rpartition("/")[2]
    stem, _, ending = re.sub(r"[^A-Za-z0-9._-]+", "-", path).strip("-.").rpartition(".")
    known = _ENDINGS.get(parse_media_type(found.response.content_type), "")
    name = "-".join(filter(None, ("capture", str(found.row["id"]), (stem or ending)[:60])))
    return f"{name}.{known or (ending if stem and len(ending) <= 5 else '') or 'bin'}"


def _is_active(kind: str) -> bool:
    return kind in ("text/html", "application/xhtml+xml") or kind.endswith(("/xml", "+xml"))


# Exports of search results and collections, in the formats of `archiver export` and `archiver cite`.

Write = Callable[[Database, Sequence[int], IO[bytes]], None]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format in which articles can be exported. `name` is used in URLs, `label` on pages. `ending` is the suffix of
    the file name. `write` writes the file.
    """

    name: str
    label: str
    media_type: str
    ending: str
    write: Write


def _format_writer(name: str) -> Write:
    def write(db: Database, ids: Sequence[int], out: IO[bytes]) -> None:
        from archiver.datasets.record_formats import FORMATS

        FORMATS[name].write(records(db, ids), out)

    return write


def _citation_writer(name: str) -> Write:
    def write(db: Database, ids: Sequence[int], out: IO[bytes]) -> None:
        out.write(STYLES[name]([build_citation(one) for one in records(db, ids)]).encode("utf-8", "replace"))

    return write


EXPORT_FORMATS: dict[str, ExportFormat] = {
    kind.name: kind
    for kind in (
        ExportFormat("csv", "CSV", "text/csv; charset=utf-8; header=present", "csv", _format_writer("csv")),
        ExportFormat("jsonl", "JSON Lines", "application/jsonl; charset=utf-8", "jsonl", _format_writer("jsonl")),
        ExportFormat("geojson", "GeoJSON", "application/geo+json; charset=utf-8", "geojson", _format_writer("geojson")),
        ExportFormat("bibtex", "BibTeX", "application/x-bibtex; charset=utf-8", "bib", _citation_writer("bibtex")),
        ExportFormat(
            "ris", "RIS", "application/x-research-info-systems; charset=utf-8", "ris", _citation_writer("ris")
        ),
        ExportFormat(
            "csl-json",
            "CSL-JSON",
            "application/vnd.citationstyles.csl+json; charset=utf-8",
            "json",
            _citation_writer("csl-json"),
        ),
    )
}


def find_ids(db: Database, query: Query) -> list[int]:
    """Returns the IDs of all results of a search, in the order of the results page and with duplicates combined in the
    same way. Raises what `matching_ids` raises.
    """
    return list(matching_ids(db, replace(query, limit=None, offset=0)))
