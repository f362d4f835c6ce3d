"""What a page is asked and what it answers: plain values, without Datasette."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode

from sqlite_utils import Database

from archiver.errors import ArchiverError

Args = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request, whatever becomes of the archive: `named` are the parts of the address, decoded, `args` what stands
    behind its question mark, in order; `form` is html or json; `base` is what all addresses of this server begin with,
    "/" or "/news/"; `origin` is the scheme and host that the reader sees. `folder` is where the archive and its WARC
    files lie; `headers` are those of the request, their names in small letters; `query` is what stands behind the
    question mark, as it was sent."""

    path: str
    named: Mapping[str, str]
    args: Args
    form: str
    base: str
    origin: str
    folder: Path
    headers: Mapping[str, str]
    query: str

    def one(self, name: str, default: str = "") -> str:
        """The last value of an argument, without blanks around it."""
        return next((value.strip() for key, value in reversed(self.args) if key == name), default)

    def many(self, name: str) -> tuple[str, ...]:
        """All values of an argument that are not empty, each once."""
        return tuple(dict.fromkeys(value.strip() for key, value in self.args if key == name and value.strip()))

    def link(self, path: str, args: Iterable[tuple[str, Any]] = ()) -> str:
        """An address of this server: "/article/7" below `base`, with arguments."""
        return address(self.base, path, args)

    def asked(self, db: Database) -> Asked:
        """The same, to be answered from an archive."""
        return Asked(**{one.name: getattr(self, one.name) for one in fields(Wanted)}, db=db)


@dataclass(frozen=True, slots=True)
class Asked(Wanted):
    """A request with the archive, open for reading by this thread alone."""

    db: Database


class CannotAnswer(ArchiverError):
    """An address asks for what no page has; what is wrong with a search is a BadQuery."""

    def __init__(self, said: str, why: str) -> None:
        super().__init__(said, f"This cannot be answered ({said[:80]}{'…' if len(said) > 80 else ''}): {why}.")


def address(base: str, path: str, args: Iterable[tuple[str, Any]] = ()) -> str:
    """An address below `base`; arguments that are None or empty are left out."""
    said = [(name, value) for name, value in args if value not in (None, "")]
    text = urlencode(said, quote_via=quote, safe="/:,")
    return base + quote(path.lstrip("/"), safe="/:@~-._") + (f"?{text}" if text else "")


@dataclass(frozen=True, slots=True)
class Answer:
    """A page: a template with its values, and the same as data for its JSON twin, where it has one."""

    template: str
    values: dict[str, Any]
    data: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    policy: str = ""
    """Its Content-Security-Policy, where it is not `archiver.web.headers.OWN`."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Anything else: bytes (or text) as they are sent."""

    body: bytes | str
    content_type: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    policy: str = ""
    """Its Content-Security-Policy, where it is not `archiver.web.headers.INERT`."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is written while it is sent, however long that takes. What cannot be answered is raised before."""

    write: Callable[[Database, IO[bytes]], None]
    content_type: str
    name: str
    """Of letters, digits, dots and hyphens."""


Answering = Callable[[Asked], Answer | Sent | Download]
