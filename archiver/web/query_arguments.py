"""A search in the arguments of an address, and back: `?q=flood&site=blog.example.org&since=2023`.

Their names are those of the options of `archiver search`; `q` is its QUERY.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode

from sqlite_utils import Database

from archiver.errors import ArchiverError, ArticleNotFound, ArticleRemoved, BadQuery, CaptureNotFound
from archiver.fields import OPTIONS
from archiver.search.query import Query
from archiver.search.query_tree import box, parse_point
from archiver.storage.article_tables.records import find_article
from archiver.storage.tombstones import tombstones

# What a page is asked and what it answers: plain values, without Datasette.

Args = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WebRequest:
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

    def asked(self, db: Database) -> PageRequest:
        """The same, to be answered from an archive."""
        return PageRequest(**{one.name: getattr(self, one.name) for one in fields(WebRequest)}, db=db)


@dataclass(frozen=True, slots=True)
class PageRequest(WebRequest):
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
class PageResponse:
    """A page: a template with its values, and the same as data for its JSON twin, where it has one."""

    template: str
    values: dict[str, Any]
    data: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    policy: str = ""
    """Its Content-Security-Policy, where it is not `archiver.web.request_guard.OWN`."""


@dataclass(frozen=True, slots=True)
class RawResponse:
    """Anything else: bytes (or text) as they are sent."""

    body: bytes | str
    content_type: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    policy: str = ""
    """Its Content-Security-Policy, where it is not `archiver.web.request_guard.INERT`."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is written while it is sent, however long that takes. What cannot be answered is raised before."""

    write: Callable[[Database, IO[bytes]], None]
    content_type: str
    name: str
    """Of letters, digits, dots and hyphens."""


Answering = Callable[[PageRequest], PageResponse | RawResponse | Download]


PAGE_SIZE = 20
MOST = 100
"""So many hits one page has at most; an export has all of them."""
ROOM = 60_000
"""So many letters the links of a chart, a map and facets take on a page."""
LONG = 1_000
ASKED = ("/", "/search", "/concordance", "/trends")
"""The pages that are asked in a form."""
LABELS = {
    "q": "Search for",
    "term": "Term",
    "since": "Since",
    "until": "Until",
    "near": "Near (latitude, longitude)",
    "within": "Within km",
    "bbox": "Box (west, south, east, north)",
    "sort": "Order",
    "fold": "Copies",
    "recent": "Newer counts more",
    "like": "Like article",
    "site": "Site",
    "author": "Author",
    "by": "By",
    "category": "Category",
    "tag": "Tag",
    "language": "Language",
    "width": "Letters on each side",
}


def _kilometres(text: str) -> float:
    return _number(text, "a distance is a number of kilometres")


def _days(text: str) -> float:
    return _number(text, "it is a number of days")


def _number(text: str, why: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadQuery(text, why) from None


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BadQuery(text, "it is a whole number")
    return int(text[:9])


def _yes(text: str) -> bool:
    return text not in ("0", "no", "false")


READ: dict[str, Callable[[str], Any]] = {
    "since": str,
    "until": str,
    "near": parse_point,
    "within": _kilometres,
    "bbox": box,
    "sort": str,
    "recent": _days,
    "fold": str,
    "stem": _yes,
    "like": str,
    "limit": _whole,
    "offset": _whole,
}
"""How each argument that stands once is read. Those raise BadQuery for what they cannot read."""


def query_of(asked: PageRequest) -> Query:
    """What is asked for. An empty argument is none, as a form sends a field that was left empty. Raises BadQuery."""
    values: dict[str, Any] = {name: asked.many(name) for name in OPTIONS}
    values |= {name: _read(name, asked.one(name)) for name in READ if asked.one(name)}
    values["limit"] = min(values.get("limit", PAGE_SIZE), MOST)
    if values.get("near") is None:  # what is around no place is everywhere, as in a form where the place was taken out
        values.pop("within", None)
    return Query(asked.one("q"), **values)


def _read(name: str, text: str) -> Any:
    try:
        return READ[name](text)
    except BadQuery as error:
        raise BadQuery(f"{name} {text}", error.why) from None


def args_of(query: Query) -> tuple[tuple[str, str], ...]:
    """The arguments that ask for a query; what is as by default is left out."""
    return tuple(_args(query))


def search_link(asked: PageRequest, query: Query, path: str = "/search") -> str:
    """The address of the first page of a search. What cannot be asked for any more, an order by the distance from
    nowhere, is left out."""
    if query.near is None:
        query = replace(query, within=None, sort="" if query.sort.lstrip("-") == "distance" else query.sort)
    return asked.link(path, args_of(replace(query, offset=0)))


class SearchLinks:
    """Addresses of searches for the parts of one page, so long as there is room for them: a long query is not repeated
    in each bar of a chart. What comes first is served first."""

    def __init__(self, asked: PageRequest, query: Query) -> None:
        self._asked, self.each, self._room = asked, len(search_link(asked, query)), ROOM

    @property
    def long(self) -> bool:
        """Whether the query is so long that it stands once where it can."""
        return self.each > LONG

    @property
    def wanting(self) -> bool:
        """Whether a part had to do without."""
        return self._room < 0

    def of(self, number: int) -> Callable[[Query], str]:
        """What gives the addresses of a part that has so many links; "" each, where there is no room."""
        left = self._room - number * self.each
        self._room = left if left >= 0 else -1
        return partial(search_link, self._asked) if left >= 0 else lambda _: ""


def _args(query: Query) -> Iterator[tuple[str, str]]:
    for one in fields(Query):
        value = getattr(query, one.name)
        default = PAGE_SIZE if one.name == "limit" else one.default
        name = {"text": "q", "duplicates": "fold"}.get(one.name, one.name)
        if value == default or value is None:
            continue
        if name == "fold" and value is True:
            yield name, "none"
        elif name in OPTIONS:
            yield from ((name, text) for text in value)
        elif isinstance(value, tuple):
            yield name, ",".join(f"{number:.12g}" for number in value)
        elif isinstance(value, bool):
            yield name, "1"
        else:
            yield name, f"{value:.12g}" if isinstance(value, float) else str(value)


# What an address of ours names: an article, one of its versions, a capture.


def article_of(asked: PageRequest) -> int:
    """The number of the article that is asked for. Raises ArticleNotFound, and ArticleRemoved also while a removal
    that is entered still waits to be done."""
    number = find_article(asked.db, asked.named["id"])
    for removal in tombstones(asked.db, "article_id = ? and allowed_at is null", [number]):
        raise ArticleRemoved(str(number), removal.told)
    return number


def version_of(asked: PageRequest, name: str) -> int | None:
    """The number of a version among the arguments; None where none is given. Raises CannotAnswer."""
    text = asked.one(name)
    if text and not (text.isascii() and text.isdigit()):
        raise CannotAnswer(f"{name}={text}", "a version is named by its number")
    return int(text[:9]) if text else None


MANY = 100
"""So many versions, captures or articles of a collection a page lists."""


def offset_of(asked: PageRequest) -> int:
    """How many of a list are passed over. Raises CannotAnswer."""
    text = asked.one("offset", "0")
    if not (text.isascii() and text.isdigit()):
        raise CannotAnswer(f"offset {text}", "it is a whole number")
    return int(text[:9])


def capture_row_of(db: Database, text: str) -> dict[str, Any]:
    """The row of a capture by its number. Raises CaptureNotFound."""
    number = int(text[:18]) if text.isascii() and text.isdigit() else 0
    row = next(iter(db.query("select * from captures where id = ?", [number])), None)
    if row is None:
        raise CaptureNotFound(text)
    return row


# A collection: articles by their numbers, as an address lists them (`?id=7&id=12`); nothing of it is stored here.

MOST_COLLECTED = 500
"""So many articles have room in an address."""


@dataclass(frozen=True, slots=True)
class Picked:
    """`ids` in the order in which they were named, each once; `missing` says in sentences which are not there."""

    ids: tuple[int, ...]
    missing: tuple[str, ...]


def collected_articles(db: Database, named: Iterable[str]) -> Picked:
    """Articles by number or address; one value may name several, with blanks or commas between. Raises CannotAnswer for
    more than MOST."""
    words = [word for text in named for word in text.replace(",", " ").split()]
    if len(words) > MOST_COLLECTED:
        raise CannotAnswer(
            f"{len(words):,} articles", f"a collection has at most {MOST_COLLECTED}: save a search instead"
        )
    ids, missing = [], []
    for word in dict.fromkeys(words):
        try:
            ids.append(find_article(db, word))
        except (ArticleNotFound, ArticleRemoved) as error:
            missing.append(str(error))
    return Picked(tuple(dict.fromkeys(ids)), tuple(missing))


def fingerprint(found: Sequence[dict[str, Any]]) -> str:
    """What a collection is, in one word: the SHA-256 of the lines "url revision digest" of its articles, in the order
    of the lines. Whoever has the same versions of the same articles has the same."""
    lines = sorted(f"{one['url']} {one['revision']} {(one['capture'] or {}).get('digest') or '-'}" for one in found)
    return "sha256:" + hashlib.sha256("".join(f"{line}\n" for line in lines).encode("utf-8", "replace")).hexdigest()
