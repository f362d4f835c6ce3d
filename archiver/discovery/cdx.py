"""Reads the lists of captures of web archives (CDX): builds the requests, parses the responses, and finds the addresses
that are worth fetching from the site today.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from archiver.discovery.safe_parsing import MAX_TARGETS, decode, inflate, plain_text
from archiver.discovery.url_patterns import FILE, ClassifiedLink, classify_link, pattern_of
from archiver.model.items import DiscoveredURL, DiscoverySource, PageKind
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import Scope, normalize, urlkey

HTML_MEDIA_TYPES = ("text/html", "application/xhtml+xml")
"""The media types of HTML pages."""
_MAX_ROW_LENGTH = 8_192
_MAX_BRACKETS = 100
# Matches a row or an object that contains no further rows or objects. Deeper nesting is not CDX, and a JSON parser
# would take long to reject it.
_FLAT = r'[^\[\]{}"]*+(?:"(?:[^"\\\n]|\\.)*+"[^\[\]{}"]*+)*+'
_ROW = lazy_regex(rf"\[{_FLAT}\]|\{{{_FLAT}\}}")
_OWN_NAMES = {"original": "url", "mimetype": "mime", "statuscode": "status", "file": "filename", "endtimestamp": "last"}
# Letters in a CDX header (archive.org/web/researcher/cdx_legend.php), with the columns that they stand for.
_LETTERS = {
    "N": "urlkey",
    "A": "urlkey",
    "b": "timestamp",
    "a": "url",
    "m": "mime",
    "s": "status",
    "k": "digest",
    "r": "redirect",
    "S": "length",
    "V": "offset",
    "g": "filename",
}
_SIX = ("urlkey", "timestamp", "url", "mime", "status", "digest")
_COLUMNS = {
    7: (*_SIX, "length"),
    9: (*_SIX, "redirect", "offset", "filename"),
    10: (*_SIX, "redirect", "flags", "offset", "filename"),
    11: (*_SIX, "redirect", "flags", "length", "offset", "filename"),
}
_START = lazy_regex(r"[\[{]")
_FIRST_MOMENT = "00000101000000"


@dataclass(frozen=True, slots=True)
class CdxEntry:
    """One capture in a CDX list. `timestamp` is in UTC; `url` is the address as it was captured.

    `status` and the location in the web archive's own files (`filename`, `offset`, `length`) are None or "" if the list
    does not contain them. If the entry represents all captures of an address, `last` is the time of the latest of them.
    """

    urlkey: str
    timestamp: datetime
    url: str
    media_type: str = ""
    status: int | None = None
    digest: str = ""
    filename: str = ""
    offset: int | None = None
    length: int | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class CdxPage:
    """One parsed response of a CDX server.

    - `resume_key`: the key with which the next part of the list is requested; "" if this is the last part.
    - `bad`: the number of unreadable rows.
    - `error`: "" if the server sent a list, even an empty one; otherwise the beginning of the response.
    - `is_cut`: True if the response contains more entries than were read.
    """

    entries: tuple[CdxEntry, ...] = ()
    resume_key: str = ""
    bad: int = 0
    error: str = ""
    is_cut: bool = False


def parse_cdx(body: bytes, fields: Sequence[str] = (), limit: int = MAX_TARGETS) -> CdxPage:
    """Parses the response of a CDX server, or a CDX file. Never raises; reads at most `limit` entries.

    `fields` are the columns that were requested. If it is empty, the columns of plain lines are recognized by a header
    line or by their number. gzip is decompressed up to 64 MB.
    """
    text = decode(inflate(body))
    reader = _EntryReader(fields, limit)
    if text.lstrip().startswith("["):
        _read_array(text, reader)
    else:
        _read_lines(text, reader)
    error = (reader.first_bad or "it has no readable entries") if reader.bad and not reader.entries else ""
    return CdxPage(tuple(reader.entries), reader.resume_key, reader.bad, error, reader.is_cut)


class _EntryReader:
    """Builds CDX entries from the rows of a list (JSON objects, JSON arrays or plain lines), and counts the rows that
    cannot be read.
    """

    def __init__(self, fields: Sequence[str], limit: int) -> None:
        self.names: tuple[str, ...] = tuple(_OWN_NAMES.get(f, f) for f in fields)
        self.entries: list[CdxEntry] = []
        self.bad = 0
        self.first_bad = ""
        self.resume_key = ""
        self.is_cut = False
        self._limit = limit
        self._at_end = False

    @property
    def is_full(self) -> bool:
        self.is_cut = self.is_cut or len(self.entries) + self.bad >= self._limit
        return self.is_cut

    def note_empty_row(self) -> None:
        """Records that a row is empty. If exactly one row follows, it is the resume key."""
        self._at_end = True

    def read_value(self, value: Any, source: str) -> None:
        """Reads one JSON value as a row: an object with named columns, or an array of values. `source` is the row as
        text.
        """
        if isinstance(value, dict):
            self._enter({_OWN_NAMES.get(str(k), str(k)): v for k, v in value.items()}, source)
        elif isinstance(value, list) and all(isinstance(v, (str, int)) for v in value):
            self.read_row([str(v) for v in value], source)
        else:
            self._skip(source)

    def read_row(self, values: list[str], source: str) -> None:
        """Reads a row of values from a JSON array or a plain line. The names of the columns are those in the header of
        the list, or else those requested. Without both, the number of values determines them.
        """
        if not values:
            self.note_empty_row()
        elif self._at_end and len(values) == 1:
            self.resume_key = values[0] if len(values[0]) <= _MAX_ROW_LENGTH else ""
        elif not self.entries and "timestamp" in values:
            self.names = tuple(_OWN_NAMES.get(v, v) for v in values)
        elif values[0] == "CDX":
            self.names = tuple(_LETTERS.get(letter, "") for letter in values[1:])
        else:
            names = self.names or _COLUMNS.get(len(values)) or _SIX
            self._enter(dict(zip(names, values, strict=False)), source)

    def _enter(self, fields: Mapping[str, Any], source: str) -> None:
        at, url = parse_cdx_time(fields.get("timestamp")), fields.get("url")
        if at is None or not isinstance(url, str) or not url or url == "-":
            self._skip(source)
            return
        self.entries.append(
            CdxEntry(
                _text(fields.get("urlkey")),
                at,
                url,
                _text(fields.get("mime")).lower(),
                _number(fields.get("status"), 999),
                _text(fields.get("digest")),
                _text(fields.get("filename")),
                _number(fields.get("offset")),
                _number(fields.get("length")),
                parse_cdx_time(fields.get("last")),
            )
        )

    def _skip(self, source: str) -> None:
        self.bad += 1
        self.first_bad = self.first_bad or plain_text(source[:1_000], 200)


def _read_array(text: str, reader: _EntryReader) -> None:
    """Reads a JSON array row by row, so that a truncated or broken array loses only the broken rows."""
    at = text.find("[") + 1
    while not reader.is_full:
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
        if at >= len(text) or text[at] == "]":
            return
        row = _ROW.match(text, at, at + _MAX_ROW_LENGTH)
        source = row[0] if row else text[at : at + _MAX_ROW_LENGTH]
        reader.read_value(_json(source) if row else None, source)
        start = None if row else _START.search(text, at + 1)
        at = row.end() if row else start.start() if start else len(text)


def _read_lines(text: str, reader: _EntryReader) -> None:
    for line in _lines(text):
        if reader.is_full:
            return
        key, _, rest = line.partition(" ")
        moment, _, tail = rest.partition(" ")
        if not line:
            reader.note_empty_row()
        elif len(line) > _MAX_ROW_LENGTH:
            reader.read_value(None, line[:1_000])
        elif line[0] in "{[":
            reader.read_value(_json(line), line)
        elif tail.lstrip().startswith("{"):
            fields = _json(tail)
            reader.read_value(
                {"urlkey": key, "timestamp": moment, **fields} if isinstance(fields, dict) else None, line
            )
        elif line[0] not in "!#":  # "!" and "#" begin the header of a CDXJ file
            reader.read_row(line.split(), line)


def _lines(text: str) -> Iterator[str]:
    """Yields the lines of a text without line ends. A list of all lines would need several times as much memory."""
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        yield text[at:end].strip()
        at = end + 1


def _json(text: str) -> Any:
    if text.count("[") + text.count("{") > _MAX_BRACKETS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def parse_cdx_time(text: Any) -> datetime | None:
    """Parses a CDX timestamp of 14 digits in UTC; returns None if it is invalid. A shorter timestamp is the start of
    the period that it names: "2009" is 2009-01-01 00:00:00.
    """
    text = str(text) if isinstance(text, (str, int)) else ""
    if not (text.isascii() and text.isdigit() and 4 <= len(text) <= 17) or (len(text) < 14 and len(text) % 2):
        return None
    digits = text[:14] + _FIRST_MOMENT[len(text) :]
    month, day, hour, minute, second = (int(digits[n : n + 2]) for n in range(4, 14, 2))
    try:
        return datetime(int(digits[:4]), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value != "-" else ""


def _number(value: Any, most: int = 1 << 62) -> int | None:
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    found = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
    return found if found is not None and found <= most else None


def is_page(entry: CdxEntry) -> bool:
    """Returns True if a capture is an HTML page with status 200, or may be such a page because the list gives no status
    or no type.
    """
    return entry.status in (None, 200) and entry.media_type in ("", *HTML_MEDIA_TYPES)


# Requests to a web archive for its list of captures.

SERVICES = {"internet-archive": "https://web.archive.org/cdx/search/cdx"}
"""The addresses of CDX servers by a short name."""
A_PAGE = 5_000
"""At most this many captures are requested at a time. The Internet Archive reads 150,000 lines of its index for one
response and then stops without a sign. With this number, that limit is not reached even if each address has many
captures."""
UNPAGED = MAX_TARGETS
"""At most this many captures are requested from a server without resume keys."""

_FIELDS = ("urlkey", "timestamp", "original", "mimetype", "statuscode", "digest", "length")
# If the request has a prefix and `collapse`, the Internet Archive also returns the time of each address's last capture.
_LAST_CAPTURE = ("endtimestamp", "groupcount")
_PAGES = f"({'|'.join(HTML_MEDIA_TYPES).replace('+', '.')})"
# Captures that can be evidence about a post: pages, redirects, 404 and 410, and revisit records (which have no status
# or type).
_STATUSES = "(200|30[12378]|404|410|-)"
_TYPES = f"({'|'.join((*HTML_MEDIA_TYPES, 'warc/revisit', 'unk', '-')).replace('+', '.')})"
_ENCODED = lazy_regex(r"(?:[\w.*+-]|%[0-9A-Fa-f]{2})+", re.ASCII)


def service_address(text: str) -> str:
    """Returns the address of a CDX server, given as a short name in SERVICES or as the address itself. Raises
    ValueError, with the reason, for any other text.
    """
    address = SERVICES.get(text.lower(), text)
    found = normalize(address)
    if not found or "@" in address or urlsplit(found).query:
        raise ValueError(f"give {', '.join(SERVICES)}, or a CDX server's address without user name and parameters")
    return found


def site_prefix(scope: Scope) -> str:
    """Returns the prefix by which CDX servers list a site: "blog.example.org/" or "example.org/blog/"."""
    return scope.host + scope.path


@dataclass(frozen=True, slots=True)
class CdxQuery:
    """A request to a CDX server.

    - `pages_only`: if True, only HTML captures with status 200 are listed.
    - `collapse`: if True, only the first capture of each address is listed. (pywb cannot do this and lists all
      captures.)
    - `fields`: the columns, by the server's names.
    - `since`, `until`: aware datetimes, both inclusive.
    """

    pages_only: bool = True
    collapse: bool = True
    fields: Sequence[str] = ()
    limit: int | None = None
    since: datetime | None = None
    until: datetime | None = None


_EACH_PAGE = CdxQuery()


def query_url(service: str, prefix: str, query: CdxQuery = _EACH_PAGE) -> str:
    """Returns the address at which a CDX server lists the captures of all URLs with a prefix ("blog.example.org/").
    `service` is the server's address.
    """
    fields, collapse = query.fields, query.collapse
    more = []
    if is_wayback_server(service):
        pairs = [
            ("url", f"{prefix}*"),
            ("output", "json"),
            ("fl", ",".join(fields or (_FIELDS + _LAST_CAPTURE if collapse else _FIELDS))),
        ]
        filters = ["statuscode:200", f"mimetype:{_PAGES}"]
        more = [("collapse", "urlkey")] if collapse else []
    else:
        pairs = [("url", f"http://{prefix}*"), ("output", "json")]
        pairs += [("fl", ",".join(fields))] if fields else []
        filters = ["=status:200", f"~mime:{_PAGES}"]
    pairs += _filters(filters) if query.pages_only else []
    return _address(service, [*pairs, *_period(query.since, query.until), *more], query.limit)


def captures_url(service: str, address: str, since: datetime | None = None, until: datetime | None = None) -> str:
    """Returns the address at which the CDX server `service` lists all relevant captures of one URL (`address`), or of
    all URLs with a prefix if `address` ends with "*". `since` and `until` are aware and inclusive; None means no limit.

    Relevant captures are captures of pages, redirects, 404 and 410 responses, and revisit records. The server is not
    asked to collapse adjacent equal captures, because its list would then not say when a page was last captured. It
    would also collapse captures of different addresses, since all redirects without a body have the same digest.
    """
    if is_wayback_server(service):
        pairs = [("url", address), ("output", "json"), ("fl", ",".join(_FIELDS))]
        filters = [f"statuscode:{_STATUSES}", f"mimetype:{_TYPES}"]
    else:
        # These servers treat a missing field of an entry as empty, so the expressions also match "".
        pairs = [("url", f"http://{address}"), ("output", "json")]
        filters = [f"~status:{_STATUSES}?$", f"~mime:{_TYPES}?$"]
    return _address(service, [*pairs, *_filters(filters), *_period(since, until)], None)


_Pairs = list[tuple[str, str]]


def _filters(expressions: Sequence[str]) -> _Pairs:
    return [("filter", one) for one in expressions]


def _period(since: datetime | None, until: datetime | None) -> _Pairs:
    return [
        (name, at.astimezone(UTC).strftime("%Y%m%d%H%M%S"))
        for name, at in (("from", since), ("to", until))
        if at is not None
    ]


def _address(service: str, pairs: _Pairs, limit: int | None) -> str:
    wayback = is_wayback_server(service)
    pairs = [*pairs, ("limit", str(limit or (A_PAGE if wayback else UNPAGED)))]
    pairs += [("showResumeKey", "true")] if wayback else []
    return f"{service}?{urlencode(pairs, quote_via=quote, safe='/*:,')}"


def is_wayback_server(service: str) -> bool:
    """Returns True if the path of a CDX server ("/cdx/search") shows that the server takes the Internet Archive's
    parameters. pywb servers take different parameters.
    """
    return "/cdx/search" in urlsplit(service).path


def requested_limit(url: str) -> int:
    """Returns how many captures are requested by an address that `query_url` returned."""
    found = re.search(r"[?&]limit=(\d{1,9})", url)
    return int(found[1]) if found else UNPAGED


def next_part_url(url: str, key: str) -> str:
    """Returns the address of the next part of a capture list, given the address of this part and its resume key.
    Servers usually send the key percent-encoded; a key that is not encoded is encoded here.
    """
    return f"{url}&resumeKey={key if _ENCODED.fullmatch(key) else quote(key, safe='')}"


# Selecting the addresses that are worth requesting from a site. Lists of web archives contain many broken ones.

# Signs of a broken address are control characters, quotation marks, brackets or braces; an extra blank, full stop or
# comma at the end; escaped entities; or another address within the path.
_BROKEN = lazy_regex(
    r"%(?:[01][0-9A-F]|7F|22|3C|3E|5C|60|7B|7D)|(?:%20|%C2%A0|%E2%80%A6|%EF%BF%BD|\.\.\.|[,;'])+$|"
    r"&(?:amp|quot|lt|gt|#\d+)(?:;|%3B)",
    re.IGNORECASE,
)
_WITHIN = lazy_regex(r"/(?:https?|mailto|javascript):|/www\.[\w.-]+/", re.IGNORECASE)
_LISTS = frozenset({"paging", "terms", "dates"})


@dataclass(frozen=True, slots=True)
class KnownURLs:
    """The addresses selected from a list of captures (`targets`), each with the time of its first capture and, if
    known, of its last capture. `left_out` is the number of captures whose addresses were not selected.
    """

    targets: tuple[DiscoveredURL, ...] = ()
    left_out: int = 0


def cdx_candidates(entries: Iterable[CdxEntry], scope: Scope, found_on: str, latest_year: int = 2100) -> KnownURLs:
    """Selects from a list of captures the addresses of a site's pages, each once. `found_on` is the address of the
    list. Crawl traps, such as addresses with a year after `latest_year`, are included and marked as such.

    Leaves out other hosts, files, feeds, listings (the site links to those that still exist) and broken addresses. Also
    leaves out an address with query parameters if none of them selects a post and the address without parameters was
    captured, too.
    """
    found: dict[str, DiscoveredURL] = {}
    left_out = 0
    for entry in entries:
        target = _target(entry, scope, found_on, latest_year)
        if target is None:
            left_out += 1
            continue
        key = urlkey(target.url)
        found[key] = _merged(found[key], target) if key in found else target
    views = [
        key
        for key, t in found.items()
        if key.partition("?")[0] in found and "?" in key and is_view_of_page(t.url, scope)
    ]
    for key in views:
        del found[key]
    return KnownURLs(tuple(found.values()), left_out + len(views))


def is_broken(url: str) -> bool:
    """Returns True if an address contains signs of a malformed link: control characters, quotation marks, escaped
    entities, or another URL in its path.
    """
    parts = urlsplit(url)
    return bool(_BROKEN.search(parts.path) or _BROKEN.search(parts.query) or _WITHIN.search(parts.path))


def classify_capture(url: str, scope: Scope, latest_year: int = 2100) -> ClassifiedLink | None:
    """Classifies the address of a capture. Returns None if it cannot be a post, because it is on another host, is
    broken, or is a file, a feed or a listing.

    The `url` of the result always begins with http:// and contains no www.
    """
    found = normalize(url)
    if found is None or is_broken(found):
        return None
    home = f"http://{scope.host}/"
    known = classify_link(found, home, home, scope, latest_year)
    if known is None or known.role not in ("page", "trap") or known.rule == FILE:
        return None
    if known.kind is PageKind.LISTING or pattern_of(known.url, scope.path).family in _LISTS:
        return None
    return known


def is_view_of_page(url: str, scope: Scope) -> bool:
    """Returns True if an address contains query parameters, none of which selects a post. In this case, the address
    without parameters shows the same page.
    """
    return "?" in url and pattern_of(url, scope.path).family == "query"


def _target(entry: CdxEntry, scope: Scope, found_on: str, latest_year: int) -> DiscoveredURL | None:
    known = classify_capture(entry.url, scope, latest_year) if is_page(entry) else None
    if known is None:
        return None
    return DiscoveredURL(
        known.url, DiscoverySource.CDX, known.kind, found_on, trap=known.rule, captured=(entry.timestamp, entry.last)
    )


def _merged(one: DiscoveredURL, other: DiscoveredURL) -> DiscoveredURL:
    assert one.captured
    assert other.captured
    times: list[datetime] = [at for pair in (one.captured, other.captured) for at in pair if at is not None]
    return replace(one, captured=(min(times), max(times)))
