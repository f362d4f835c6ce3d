"""Finds the sites of which a WARC file contains captures. Only the headers of records are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from archiver.importers.foreign_reader import CAPTURE_KINDS, ByteStream, ForeignRecords, StreamPosition
from archiver.importers.http_response_parser import may_be_page
from archiver.importers.import_inputs import RecordFilter, RecordSelector, open_inputs
from archiver.importers.import_problems import Problem, ProblemKind
from archiver.model.errors import UnreadableInput
from archiver.model.urls import Scope, normalize


@dataclass
class SitesFound:
    """The result of scanning a WARC file.

    - `sites`: the names of those sites of the fleet of which the file contains captures.
    - `others`: hosts with possible pages that belong to no site of the fleet. Maps the name that such a host would get
      as a site to its start URL.
    """

    sites: set[str] = field(default_factory=set)
    others: dict[str, str] = field(default_factory=dict)


class ScopeLookup:
    """Finds the site of the fleet to which a URL belongs. If several sites contain the URL, the one with the longest
    path is chosen.
    """

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._by_host: dict[str, list[Scope]] = {}
        for scope in sorted(scopes, key=lambda one: -len(one.path)):
            self._by_host.setdefault(scope.host, []).append(scope)

    def name_of(self, url: str) -> str | None:
        found = self._by_host.get(Scope.of(url).host, ())
        return next((scope.name for scope in found if scope.contains(url)), None)


def find_sites_in_file(path: Path, scopes: Iterable[Scope], choice: RecordFilter) -> SitesFound:
    """Scans a WARC, ARC or WACZ file for sites, using only records that `choice` selects. Raises UnreadableInput if the
    file has another format, and OSError.
    """
    known, found = ScopeLookup(scopes), SitesFound()
    selector = RecordSelector(choice, lambda url: True)

    def look(fields: dict[str, str], first: bytes) -> bool:
        kind = fields.get("warc-type", "").lower()
        url = normalize(fields.get("warc-target-uri", "").strip().strip("<>")) if kind in CAPTURE_KINDS else None
        if url is None or selector.why_not_kept(fields):
            return False
        if (name := known.name_of(url)) is not None:
            found.sites.add(name)
        elif kind != "revisit" and may_be_page(first):
            parts = urlsplit(url)
            start = f"{parts.scheme}://{parts.netloc}/"
            found.others.setdefault(Scope.of(start).name, start)
        return False  # no record block is kept

    for one in open_inputs(path):
        if isinstance(one, Problem):
            raise UnreadableInput(path.name, one.sentence)
        with one.open() as handle:
            for item in ForeignRecords(ByteStream(handle, StreamPosition(), one.size), look):
                if isinstance(item, Problem) and item.kind is ProblemKind.NOT_AN_ARCHIVE:
                    raise UnreadableInput(one.name, item.sentence)
    return found
