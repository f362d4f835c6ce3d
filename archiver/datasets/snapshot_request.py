"""What is asked for: all that decides the bytes of a snapshot, beside the archive itself. `rebuild.json` has it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from archiver.datasets.ngrams import LONGEST
from archiver.errors import BadSplits, NotASnapshot
from archiver.search.query import Query, query_as_options
from archiver.search.query_tree import parse_period, utc_seconds

_PART = r"(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
VERSION = re.compile(rf"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){{2}}(-{_PART}(\.{_PART})*)?")
"""A version as of Semantic Versioning 2.0.0, without build metadata."""
PARTITIONS = ("auto", "none", "year", "site")
FORMATS = ("parquet", "csv", "jsonl", "geojson")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """`query` has what of a search query is not as by default, none of it for the whole archive. `cutoff` is a moment
    in UTC to the second ("2024-06-01T12:00:00"), "" for that of the archive. `rules` is the text of the rule file.
    `ngrams`: the longest that are counted, None where it depends on whether texts are withheld. `splits` are names and
    shares in hundredths; `pseudonymised` is the fingerprint of the key by which authors are named, which is not kept.
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
    def asked(self) -> Query:
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in self.query.items()
        }
        return Query(**{"limit": None, "duplicates": True, **values})

    @property
    def words(self) -> str:
        """The query as `search` and `publish` take it; that copies are articles of their own is not said."""
        return query_as_options(replace(self.asked, duplicates=False))


# What values the parts of a request may have beside their types; a rebuild.json may have been written by hand.
_HOLDS: dict[str, Callable[[Any], object]] = {
    "version": VERSION.fullmatch,
    "cutoff": lambda said: not said or _MOMENT.fullmatch(said),
    "formats": lambda said: set(said) <= set(FORMATS),
    "partition": lambda said: said in PARTITIONS,
    "ngrams": lambda said: said is None or 0 <= said <= LONGEST,
    "splits": lambda said: not said or is_whole(said),
}


def query_values(query: Query) -> dict[str, Any]:
    """What of a query decides what it finds, and is not as by default; ready for JSON."""
    said = {
        f.name: getattr(query, f.name)
        for f in fields(Query)
        if f.name not in ("limit", "duplicates", "sort") and getattr(query, f.name) != f.default
    }
    if said.get("fold") == "none":
        del said["fold"]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}


def moment(text: str) -> str:
    """A cut-off as people write it, in UTC to the second; a year, month or day counts to its end. Raises BadQuery."""
    from datetime import UTC, datetime

    cutoff = parse_period(text)
    seconds = utc_seconds(cutoff.end) - (not cutoff.is_moment)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def as_json(request: SnapshotRequest) -> dict[str, Any]:
    return asdict(request)


def from_json(told: Any, where: str) -> SnapshotRequest:
    """The request that a `rebuild.json` holds. Raises NotASnapshot where it is none that this version knows."""
    try:
        known = {f.name for f in fields(SnapshotRequest)}
        strange = sorted(set(told) - known)
        if strange:
            raise NotASnapshot(where, f"its rebuild.json asks for {strange[0]}, which this version does not know")
        values = dict(told)
        values["formats"] = tuple(values.get("formats", ("parquet",)))
        values["splits"] = tuple((str(name), int(share)) for name, share in values.get("splits", ()))
        request = SnapshotRequest(**values)
        for part in (request, request.asked):  # a query that is none raises here
            kinds = get_type_hints(type(part))
            for one in fields(part):
                value = getattr(part, one.name)
                if not (_fits(value, kinds[one.name]) and (part is not request or _HOLDS.get(one.name, _any)(value))):
                    raise NotASnapshot(where, f"its rebuild.json asks for the {one.name} {value!r:.80}, which is none")
        return request
    except (TypeError, ValueError, AttributeError) as error:
        raise NotASnapshot(where, f"its rebuild.json is none ({error})") from error


def _any(value: Any) -> bool:
    return True


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is of an annotated type; a tuple's members, too."""
    of = get_args(kind)
    if get_origin(kind) is UnionType:
        return any(_fits(value, one) for one in of)
    if get_origin(kind) is tuple:
        members = of[:1] * len(value) if of[-1] is Ellipsis else of
        return isinstance(value, tuple) and len(value) == len(members) and all(map(_fits, value, members))
    return type(value) is (get_origin(kind) or kind) or (kind is float and type(value) is int)


def read(text: str, where: str) -> dict[str, Any]:
    """A `rebuild.json`, of which `request` is made a Request; `since` is "" where it was compared with no version, and
    `sites` are those that it had articles of."""
    try:
        told = json.loads(text)
        since, sites = told.get("since"), told.get("sites")
        return {
            **told,
            "request": from_json(told["request"], where),
            "sites": [one for one in sites if isinstance(one, str)] if isinstance(sites, list) else [],
            "since": since if isinstance(since, str) and VERSION.fullmatch(since) else "",
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotASnapshot(where, f"its rebuild.json is none ({error})") from error


def parse_splits(text: str) -> tuple[tuple[str, int], ...]:
    """ "train=80,validation=10,test=10": names and shares, which add up to a hundred. Raises BadSplits."""
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([a-z][a-z0-9_]{0,30})\s*=\s*(\d{1,3})\s*", part)
        if not match:
            raise BadSplits(text, "splits are written train=80,validation=10,test=10")
        found.append((match[1], int(match[2])))
    if not is_whole(found):
        raise BadSplits(text, "the shares of the splits add up to 100, each name once")
    return tuple(found)


def is_whole(splits: Sequence[tuple[str, int]]) -> bool:
    """Whether the shares add up to a hundred, each name once."""
    return sum(share for _, share in splits) == 100 and len({name for name, _ in splits}) == len(splits)


# What a snapshot is, in figures: gathered while it is written, told by its cards, plots and `rebuild.json`.

_GRID = 1.0
"""Degrees: places are counted by such squares, so that their number stays bounded."""


@dataclass(slots=True)
class SnapshotFacts:
    """`rows` and `files` are by table (files relative to the folder); `months` counts articles by "2024-05" ("" without
    a date); `tiers` by tier, `reasons` by tier and why; `squares` places by the middle of a square degree (latitude,
    longitude); `spans` has the first and last day of publication of each site; `words` those of published bodies.
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

    def article(self, record: Mapping[str, Any]) -> None:
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

    def place(self, row: Mapping[str, Any]) -> None:
        if row["latitude"] is not None and row["longitude"] is not None:
            square = tuple((degrees // _GRID + 0.5) * _GRID for degrees in (row["latitude"], row["longitude"]))
            self.squares[square[0], square[1]] += 1

    @property
    def day(self) -> str:
        """The day of the snapshot: that of its cut-off, which no clock has a say in."""
        return self.cutoff[:10]
