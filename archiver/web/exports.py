"""What is on the screen as a file: all that a search found, or a collection, in the forms of `archiver export` and
`archiver cite`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import IO

from sqlite_utils import Database

from archiver.search.citations import STYLES, cited
from archiver.search.filters import Query
from archiver.search.run import matching_ids
from archiver.store.records import records

Write = Callable[[Database, Sequence[int], IO[bytes]], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One form: its name in addresses and of files, what it is called, its media type."""

    name: str
    label: str
    media_type: str
    ending: str
    write: Write


def _format(name: str) -> Write:
    def write(db: Database, ids: Sequence[int], out: IO[bytes]) -> None:
        from archiver.publish.formats import FORMATS

        FORMATS[name].write(records(db, ids), out)

    return write


def _style(name: str) -> Write:
    def write(db: Database, ids: Sequence[int], out: IO[bytes]) -> None:
        out.write(STYLES[name]([cited(one) for one in records(db, ids)]).encode("utf-8", "replace"))

    return write


KINDS: dict[str, Kind] = {kind.name: kind for kind in (
    Kind("csv", "CSV", "text/csv; charset=utf-8; header=present", "csv", _format("csv")),
    Kind("jsonl", "JSON Lines", "application/jsonl; charset=utf-8", "jsonl", _format("jsonl")),
    Kind("geojson", "GeoJSON", "application/geo+json; charset=utf-8", "geojson", _format("geojson")),
    Kind("bibtex", "BibTeX", "application/x-bibtex; charset=utf-8", "bib", _style("bibtex")),
    Kind("ris", "RIS", "application/x-research-info-systems; charset=utf-8", "ris", _style("ris")),
    Kind("csl-json", "CSL-JSON", "application/vnd.citationstyles.csl+json; charset=utf-8", "json", _style("csl-json")),
)}


def found_ids(db: Database, query: Query) -> list[int]:
    """All that a search finds, in its order, as it is folded on the screen. Raises what `matching_ids` does."""
    return list(matching_ids(db, replace(query, limit=None, offset=0)))
