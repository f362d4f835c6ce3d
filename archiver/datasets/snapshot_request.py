"""The request for a snapshot, which `rebuild.json` stores, and the statistics that are counted while it is written.

The request and the archive together determine the bytes of a snapshot.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from archiver.datasets.ngrams import MAX_N
from archiver.datasets.record_formats import DATASET_FORMATS
from archiver.errors import BadSplits, NotASnapshot
from archiver.search.query import Query, query_as_options
from archiver.search.query_tree import parse_period, utc_seconds

_PART = r"(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
VERSION = re.compile(rf"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){{2}}(-{_PART}(\.{_PART})*)?")
"""A version in the form of Semantic Versioning 2.0.0, without build metadata."""
PARTITIONS = ("auto", "none", "year", "site")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """The specification of a snapshot: which articles it contains, and in which form.

    - `query`: the fields of a search query that differ from their defaults; empty for the whole archive.
    - `cutoff`: a time in UTC to the second ("2024-06-01T12:00:00"), or "" for the latest time in the archive.
    - `rules`: the text of the rule file.
    - `ngrams`: the length of the longest n-grams that are counted; if it is None, the length depends on whether texts
      are withheld.
    - `splits`: names with shares in percent.
    - `pseudonymised`: the fingerprint of the key for pseudonyms; the key itself is not stored.
    """

    version: str
    query: dict[str, Any] = field(default_factory=dict)
    cutoff: str = ""
    formats: tuple[str, ...] = ("parquet",)
    partition: str = "auto"
    ngrams: int | None = None
    splits: tuple[tuple[str, int], ...] = ()
    pseudonymised: str = ""
    drop_contacts: bool = False
    rules: str = ""
    wacz: bool = False

    @property
    def search_query(self) -> Query:
        """The `query` as a search Query that matches without limit and includes duplicates by default."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in self.query.items()
        }
        return Query(**{"limit": None, "duplicates": True, **values})

    @property
    def query_options(self) -> str:
        """The query formatted as options of `search` and `publish`, without the option for duplicates."""
        return query_as_options(replace(self.search_query, duplicates=False))


# Checks of values beyond their types, because a rebuild.json may have been edited by hand.
_CHECKS: dict[str, Callable[[Any], object]] = {
    "version": VERSION.fullmatch,
    "cutoff": lambda value: not value or _MOMENT.fullmatch(value),
    "formats": lambda value: set(value) <= set(DATASET_FORMATS),
    "partition": lambda value: value in PARTITIONS,
    "ngrams": lambda value: value is None or 0 <= value <= MAX_N,
    "splits": lambda value: not value or are_valid_splits(value),
}


def query_values(query: Query) -> dict[str, Any]:
    """Returns the fields of a query that determine its results and differ from their defaults, as JSON-ready values."""
    values = {
        f.name: getattr(query, f.name)
        for f in fields(Query)
        if f.name not in ("limit", "duplicates", "sort") and getattr(query, f.name) != f.default
    }
    if values.get("fold") == "none":
        del values["fold"]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def parse_cutoff(text: str) -> str:
    """Parses a cut-off (a date or a time) and returns the moment in UTC, to the second. If the text is a year, month or
    day, the cut-off is its last second, so that the whole period is included. Raises BadQuery.
    """
    from datetime import UTC, datetime

    cutoff = parse_period(text)
    seconds = utc_seconds(cutoff.end) - (not cutoff.is_moment)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def request_as_json(request: SnapshotRequest) -> dict[str, Any]:
    return asdict(request)


def request_from_json(data: Any, where: str) -> SnapshotRequest:
    """Validates the `request` of a `rebuild.json` and converts it to a SnapshotRequest. Raises NotASnapshot if it is
    invalid or from a newer version.
    """
    try:
        known = {f.name for f in fields(SnapshotRequest)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise NotASnapshot(where, f"its rebuild.json has {unknown[0]}, which this version does not know")
        values = dict(data)
        values["formats"] = tuple(values.get("formats", ("parquet",)))
        values["splits"] = tuple((str(name), int(share)) for name, share in values.get("splits", ()))
        request = SnapshotRequest(**values)
        for part in (request, request.search_query):  # reading `search_query` raises an error if the query is invalid
            kinds = get_type_hints(type(part))
            for one in fields(part):
                value = getattr(part, one.name)
                if not (
                    _has_type(value, kinds[one.name]) and (part is not request or _CHECKS.get(one.name, _any)(value))
                ):
                    raise NotASnapshot(where, f"its rebuild.json has an invalid {one.name}: {value!r:.80}")
        return request
    except (TypeError, ValueError, AttributeError) as error:
        raise NotASnapshot(where, f"its rebuild.json is invalid ({error})") from error


def _any(value: Any) -> bool:
    return True


def _has_type(value: Any, kind: Any) -> bool:
    """Returns True if a value has the annotated type `kind`. Also checks the members of a tuple."""
    of = get_args(kind)
    if get_origin(kind) is UnionType:
        return any(_has_type(value, one) for one in of)
    if get_origin(kind) is tuple:
        members = of[:1] * len(value) if of[-1] is Ellipsis else of
        return isinstance(value, tuple) and len(value) == len(members) and all(map(_has_type, value, members))
    return type(value) is (get_origin(kind) or kind) or (kind is float and type(value) is int)


def parse_rebuild(text: str, where: str) -> dict[str, Any]:
    """Parses the text of a `rebuild.json`. Raises NotASnapshot if it is invalid.

    In the result, `request` is a SnapshotRequest, `since` the previous version with which the snapshot was compared,
    or "", and `sites` the sites of its articles.
    """
    try:
        data = json.loads(text)
        since, sites = data.get("since"), data.get("sites")
        return {
            **data,
            "request": request_from_json(data["request"], where),
            "sites": [one for one in sites if isinstance(one, str)] if isinstance(sites, list) else [],
            "since": since if isinstance(since, str) and VERSION.fullmatch(since) else "",
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotASnapshot(where, f"its rebuild.json is invalid ({error})") from error


def parse_splits(text: str) -> tuple[tuple[str, int], ...]:
    """Parses "train=80,validation=10,test=10" into names and percentages, which must add up to 100. Raises
    BadSplits.
    """
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([a-z][a-z0-9_]{0,30})\s*=\s*(\d{1,3})\s*", part)
        if not match:
            raise BadSplits(text, "splits are written train=80,validation=10,test=10")
        found.append((match[1], int(match[2])))
    if not are_valid_splits(found):
        raise BadSplits(text, "the shares must add up to 100, and each name may be used once")
    return tuple(found)


def are_valid_splits(splits: Sequence[tuple[str, int]]) -> bool:
    """Returns True if the shares of some splits add up to 100 and each name is used once."""
    return sum(share for _, share in splits) == 100 and len({name for name, _ in splits}) == len(splits)


# Statistics of a snapshot: counted while it is written, shown in its card, plots and `rebuild.json`.

_GRID = 1.0
"""Places are counted by squares of this many degrees, so that the number of counters stays bounded."""


@dataclass(slots=True)
class SnapshotStatistics:
    """The statistics of a snapshot, counted while it is written.

    - `rows`, `files`: the number of rows and the files of each table. Files are relative to the folder.
    - `months`: the number of articles by month, such as "2024-05"; "" for articles without a date.
    - `tiers`, `reasons`: the number of articles by tier, and by tier and reason.
    - `missing`: the number of missing pages by site and outcome.
    - `squares`: the number of places by the center (latitude, longitude) of their square degree.
    - `filled`: for each column, the number of articles that have a value in it.
    - `spans`: the first and last day of publication of each site.
    - `words`: the number of words in published bodies.
    """

    request: SnapshotRequest
    cutoff: str
    dataset: Mapping[str, Any]
    rows: Counter[str] = field(default_factory=Counter)
    files: dict[str, list[str]] = field(default_factory=dict)
    months: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    spans: dict[str, tuple[str, str]] = field(default_factory=dict)
    tiers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    missing: Counter[tuple[str, str]] = field(default_factory=Counter)
    squares: Counter[tuple[float, float]] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    gone: int = 0
    revised: int = 0
    duplicates: int = 0
    words: int = 0
    digest: str = ""

    def count_article(self, record: Mapping[str, Any]) -> None:
        """Adds a row of the table `articles` to the statistics."""
        day = (record["published"] or "")[:10]
        self.months[day[:7]] += 1
        self.languages[record["language"] or ""] += 1
        site = record["site"]
        self.sites[site] += 1
        if day:
            first, last = self.spans.get(site, (day, day))
            self.spans[site] = (min(first, day), max(last, day))
        self.tiers[record["tier"]] += 1
        self.licences[record["licence"] or ""] += 1
        if record["split"]:
            self.splits[record["split"]] += 1
        self.gone += record["gone_at"] is not None
        self.revised += record["revision"] > 1
        self.duplicates += record["duplicate_of"] is not None
        self.words += record["words"] if record["body"] else 0

    def count_place(self, row: Mapping[str, Any]) -> None:
        """Adds a row of the table `places` to the statistics."""
        if row["latitude"] is not None and row["longitude"] is not None:
            square = tuple((degrees // _GRID + 0.5) * _GRID for degrees in (row["latitude"], row["longitude"]))
            self.squares[square[0], square[1]] += 1

    @property
    def day(self) -> str:
        """The date of the snapshot: the day of its cut-off, so that it does not depend on the clock."""
        return self.cutoff[:10]
