"""Which sites a WARC file has captures of: its records are framed, and none is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from archiver.capture.answer import may_be_page
from archiver.capture.damage import Damage, Problem
from archiver.capture.foreign import Records
from archiver.capture.packed import Place, Unpacked
from archiver.errors import UnreadableInput
from archiver.imports.choice import Choice, Wanted
from archiver.imports.inputs import inputs_in
from archiver.urls import Scope, normalize

_CAPTURES = frozenset({"response", "resource", "revisit"})


@dataclass
class SitesFound:
    """`sites` are names of known sites; `others` are start addresses of hosts that no known site contains, by the
    names that their sites would have, as far as they have a record that may be a page."""

    sites: set[str] = field(default_factory=set)
    others: dict[str, str] = field(default_factory=dict)


class Scopes:
    """Known sites by address: of several that contain it, the one confined to the longest path."""

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._by_host: dict[str, list[Scope]] = {}
        for scope in sorted(scopes, key=lambda one: -len(one.path)):
            self._by_host.setdefault(scope.host, []).append(scope)

    def name_of(self, url: str) -> str | None:
        found = self._by_host.get(Scope.of(url).host, ())
        return next((scope.name for scope in found if scope.contains(url)), None)


def scan(path: Path, scopes: Iterable[Scope], choice: Choice) -> SitesFound:
    """The sites of the records in a file that `choice` takes. Raises UnreadableInput where it is no file of records,
    OSError."""
    known, found = Scopes(scopes), SitesFound()
    wanted = Wanted(choice, lambda url: True)

    def look(fields: dict[str, str], first: bytes) -> bool:
        kind = fields.get("warc-type", "").lower()
        url = normalize(fields.get("warc-target-uri", "").strip().strip("<>")) if kind in _CAPTURES else None
        if url is None or wanted.why(fields):
            return False
        if (name := known.name_of(url)) is not None:
            found.sites.add(name)
        elif kind != "revisit" and may_be_page(first):
            parts = urlsplit(url)
            start = f"{parts.scheme}://{parts.netloc}/"
            found.others.setdefault(Scope.of(start).name, start)
        return False  # no block is held

    for one in inputs_in(path):
        if isinstance(one, Problem):
            raise UnreadableInput(path.name, one.sentence)
        with one.open() as handle:
            for item in Records(Unpacked(handle, Place(), one.size), look):
                if isinstance(item, Problem) and item.kind is Damage.NOT_AN_ARCHIVE:
                    raise UnreadableInput(one.name, item.sentence)
    return found
