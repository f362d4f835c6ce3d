"""Requests and responses of the web pages with their security headers, and the conversion of search queries to and
from URL arguments.

In `?q=flood&site=blog.example.org&since=2023`, the names are the names of options of `archiver search`; `q` is its
QUERY.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from archiver.api.captures import tombstones
from archiver.api.database import Database
from archiver.api.records import find_article
from archiver.api.search import Query, parse_box, parse_point
from archiver.model.errors import ArchiverError, ArticleRemoved, BadQuery, CaptureNotFound, IndexDamaged, IndexMissing
from archiver.model.fields import OPTIONS

# Requests and responses as plain values, independent of Datasette.

Args = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class WebRequest:
    """A request for a page, without access to the archive.

    - `path`, `named`: the path, and the decoded values of its variable parts by name.
    - `args`, `query`: the query arguments in order, and the raw query string.
    - `form`: html or json.
    - `base`: the prefix of all URL paths of this server, "/" or "/news/".
    - `origin`: the server's public scheme and host.
    - `folder`: the folder with the archive and its WARC files.
    - `headers`: the header fields, with names in lower case.
    - `title`: the archive's name, which every page shows.
    - `description`: one line about the archive, "" if there is none.
    """

    path: str
    named: Mapping[str, str]
    args: Args
    form: str
    base: str
    origin: str
    folder: Path
    headers: Mapping[str, str]
    query: str
    title: str
    description: str

    def one(self, name: str, default: str = "") -> str:
        """Returns the last value of a query argument without surrounding white space; `default` if the argument is
        missing.
        """
        return next((value.strip() for key, value in reversed(self.args) if key == name), default)

    def many(self, name: str) -> tuple[str, ...]:
        """Returns the distinct non-empty values of a query argument."""
        return tuple(dict.fromkeys(value.strip() for key, value in self.args if key == name and value.strip()))

    def link(self, path: str, args: Iterable[tuple[str, Any]] = ()) -> str:
        """Returns a URL of this server: `base`, then a path such as "/article/7", then query arguments."""
        return build_url(self.base, path, args)

    def with_archive(self, db: Database) -> ArchiveRequest:
        """Returns this request together with the open archive."""
        return ArchiveRequest(**{one.name: getattr(self, one.name) for one in fields(WebRequest)}, db=db)


@dataclass(frozen=True, slots=True)
class ArchiveRequest(WebRequest):
    """A request for a page together with the archive, opened read-only by the current thread."""

    db: Database


class CannotAnswer(ArchiverError):
    """Raised when the arguments of a URL are invalid. (A mistake in a search query raises BadQuery instead.)"""

    def __init__(self, subject: str, why: str) -> None:
        super().__init__(subject, f"Invalid request ({subject[:80]}{'…' if len(subject) > 80 else ''}): {why}.")


def build_url(base: str, path: str, args: Iterable[tuple[str, Any]] = ()) -> str:
    """Returns a URL below the prefix `base`. Query arguments that are None or empty are left out."""
    text = "&".join(f"{_quote(name)}={_quote(str(value))}" for name, value in args if value not in (None, ""))
    return base + _quote(path.lstrip("/"), "/:@~-._") + (f"?{text}" if text else "")


@lru_cache(2_000)
def _quote(text: str, safe: str = "/:,") -> str:
    """Returns a text percent-encoded. The results are cached, because the 400 links of a page repeat the same few
    texts.
    """
    return quote(text, safe)


@dataclass(frozen=True, slots=True)
class PageResponse:
    """A page to be rendered: the name of its template, the values for it, and the page's data as JSON, if it has
    any.
    """

    template: str
    values: dict[str, Any]
    data: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    policy: str = ""
    """The page's Content-Security-Policy, if it differs from `OWN_POLICY`."""


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response whose bytes or text are sent unchanged, without a template."""

    body: bytes | str
    content_type: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    policy: str = ""
    """The response's Content-Security-Policy, if it differs from `INERT`."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is written while it is sent, without a time limit. An invalid request must be rejected before the
    writing starts.
    """

    write: Callable[[Database, IO[bytes]], None]
    content_type: str
    name: str
    """The name of the file. It consists of letters, digits, dots and hyphens only."""


PageFunction = Callable[[ArchiveRequest], PageResponse | RawResponse | Download]


# Searches as URL arguments.

PAGE_SIZE = 20
MAX_HITS = 100
"""A page has at most this many hits; an export contains all of them."""
MAX_LINK_CHARACTERS = 60_000
"""The links in the charts, maps and facets of a page have at most this total length."""
LONG = 1_000
FORM_PAGES = ("/", "/search")
"""The pages that have a search form."""
LABELS = {
    "q": "Search for",
    "since": "Since",
    "until": "Until",
    "near": "Near (latitude, longitude)",
    "within": "Radius in km",
    "bbox": "Box (west, south, east, north)",
    "sort": "Sort by",
    "fold": "Duplicates",
    "like": "Similar to article",
    "site": "Site",
    "author": "Author",
    "by": "Group by",
    "category": "Category",
    "tag": "Tag",
    "language": "Language",
}


def _parse_kilometres(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadQuery(text, "it must be a number of kilometres") from None


def _parse_integer(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BadQuery(text, "it must be 0 or a larger whole number")
    return int(text[:9])


PARSERS: dict[str, Callable[[str], Any]] = {
    "since": str,
    "until": str,
    "near": parse_point,
    "within": _parse_kilometres,
    "bbox": parse_box,
    "sort": str,
    "fold": str,
    "like": str,
    "limit": _parse_integer,
    "offset": _parse_integer,
}
"""Maps each argument with a single value to the function that parses this value. The functions raise BadQuery for
invalid values."""


def parse_query(request: ArchiveRequest) -> Query:
    """Parses the search query of a request. Empty arguments are ignored, because forms send empty fields. Raises
    BadQuery.
    """
    values: dict[str, Any] = {name: request.many(name) for name in OPTIONS}
    values |= {name: _parse_argument(name, request.one(name)) for name in PARSERS if request.one(name)}
    values["limit"] = min(values.get("limit", PAGE_SIZE), MAX_HITS)
    if values.get("near") is None:  # the form sends a radius even if the user removed the place
        values.pop("within", None)
    return Query(request.one("q"), **values)


def _parse_argument(name: str, text: str) -> Any:
    try:
        return PARSERS[name](text)
    except BadQuery as error:
        raise BadQuery(f"{name} {text}", error.why) from None


def format_query(query: Query) -> tuple[tuple[str, str], ...]:
    """Returns a query as URL arguments, without default values; the reverse of `parse_query`."""
    return tuple(_iterate_arguments(query))


def make_search_link(request: ArchiveRequest, query: Query, path: str = "/search") -> str:
    """Returns the URL of the first page of a search's results. If the query is sorted by distance but contains no
    place, the order is left out.
    """
    by_distance = query.sort.lstrip("-") == "distance"
    if query.near is None and (by_distance or query.within is not None):
        query = replace(query, within=None, sort="" if by_distance else query.sort)
    return request.link(path, format_query(replace(query, offset=0) if query.offset else query))


def make_reading_link(request: ArchiveRequest, query: Query, number: int, position: int) -> str:
    """Returns the URL of an article that a search found, as hit number `position` (from 1). It contains the search, so
    that its page can mark the words and lead on to the next hit; if the search is too long, it does not.
    """
    args = format_query(replace(query, offset=0))
    url = request.link(f"/article/{number}", [*args, ("hit", position)])
    return url if len(url) <= LONG else request.link(f"/article/{number}")


class SearchLinks:
    """Makes the search links of a page, up to a total length. Without a limit, a long query would be repeated in every
    bar of a chart. Parts of the page that call `reserve` earlier get their links first.
    """

    def __init__(self, request: ArchiveRequest, query: Query) -> None:
        self._request, self.each, self._room = request, len(make_search_link(request, query)), MAX_LINK_CHARACTERS

    @property
    def is_long(self) -> bool:
        """Returns True if the query is so long that the page should use one form instead of several links."""
        return self.each > LONG

    @property
    def is_incomplete(self) -> bool:
        """Returns True if a part of the page has no links because they would have exceeded the limit."""
        return self._room < 0

    def reserve(self, number: int) -> Callable[[Query], str]:
        """Reserves room for `number` links. Returns a function that makes the link of a query. If the links would
        exceed the limit, the function always returns "".
        """
        left = self._room - number * self.each
        self._room = left if left >= 0 else -1
        return partial(make_search_link, self._request) if left >= 0 else lambda _: ""


_QUERY_FIELDS = tuple(
    (
        one.name,
        {"text": "q", "duplicates": "fold"}.get(one.name, one.name),
        PAGE_SIZE if one.name == "limit" else one.default,
    )
    for one in fields(Query)
)
"""The attributes of a query, with the arguments of a URL for them and their default values."""


def _iterate_arguments(query: Query) -> Iterator[tuple[str, str]]:
    for attribute, name, default in _QUERY_FIELDS:
        value = getattr(query, attribute)
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


# The objects that a URL names: an article, a revision, a capture.


def find_requested_article(request: ArchiveRequest) -> int:
    """Returns the ID of the article that the request is for. Raises ArticleNotFound, and ArticleRemoved as soon as its
    takedown begins.
    """
    number = find_article(request.db, request.named["id"])
    for tombstone in tombstones(request.db, "article_id = ? and allowed_at is null", [number]):
        raise ArticleRemoved(str(number), tombstone.explanation)
    return number


def parse_revision(request: ArchiveRequest, name: str) -> int | None:
    """Returns the revision number in the query argument `name`; None if the argument is missing. Raises
    CannotAnswer.
    """
    text = request.one(name)
    if text and not (text.isascii() and text.isdigit()):
        raise CannotAnswer(f"{name}={text}", "a revision must be a number")
    return int(text[:9]) if text else None


MANY = 100
"""A page shows at most this many revisions, captures or collected articles."""


def parse_offset(request: ArchiveRequest) -> int:
    """Returns the `offset` argument of a request for a part of a list: how many entries precede that part. Raises
    CannotAnswer.
    """
    text = request.one("offset", "0")
    if not (text.isascii() and text.isdigit()):
        raise CannotAnswer(f"offset {text}", "it must be 0 or a larger whole number")
    return int(text[:9])


def find_capture_row(db: Database, text: str) -> dict[str, Any]:
    """Returns the row of the capture with the ID in `text`. Raises CaptureNotFound."""
    number = int(text[:18]) if text.isascii() and text.isdigit() else 0
    row = next(iter(db.query("select * from captures where id = ?", [number])), None)
    if row is None:
        raise CaptureNotFound(text)
    return row


# Messages for the readers of the pages, who have no shell.

_FOR_READERS: dict[type[Exception], str] = {
    IndexMissing: "The archive cannot be searched at present, since it has no search index.",
    IndexDamaged: "The archive cannot be searched at present, since its search index is damaged.",
}
"""What readers are told instead of messages that contain paths of the machine."""
_CUTS = (": ", "; ", ", ", " unless ")


def reader_sentence(error: ArchiverError) -> str:
    """Returns the message of an error for a reader of the pages: without commands, and without paths of the machine."""
    return next((text for kind, text in _FOR_READERS.items() if isinstance(error, kind)), without_commands(str(error)))


def without_commands(text: str) -> str:
    """Returns a message without the commands of `archiver` that it recommends: each sentence ends before the clause
    that names one.
    """
    kept = []
    for sentence in re.split(r"(?<=\.) (?=[A-Z'])", text):
        before, command, _ = sentence.partition("'archiver ")
        end = max(before.rfind(cut) for cut in _CUTS)
        if not command:
            kept.append(sentence)
        elif end > 0:
            kept.append(f"{before[:end]}.")
    return " ".join(kept)


# Security headers.

OWN_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
INERT = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"
"""The Content-Security-Policy for data and downloads."""

EVERYWHERE: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # archived sites must not learn who reads the archive
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
