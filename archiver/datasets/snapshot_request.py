"""The request for a snapshot, the choice of its articles (determines their duplicates and clusters, decides their
tiers and splits, and sorts them), and the statistics of what was chosen.

The results are in temporary tables of the database connection. `temp.considered` contains the chosen articles and all
their copies; `temp.ordered` contains the chosen articles in the order of their rows in the files. Nothing depends on
the order in which the archive stored the articles.

`rebuild.json` stores the request. The request and the archive together determine the bytes of a snapshot. The
statistics are counted while it is written.
"""

from __future__ import annotations

import hashlib
import json
import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from itertools import groupby
from math import floor
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from archiver.api.database import Database
from archiver.api.exports import DATASET_FORMATS
from archiver.api.records import FIRST_ADDRESS, record_id_of_first
from archiver.api.search import Query, parse_period, query_as_options, utc_seconds
from archiver.api.texts import UnionFind
from archiver.datasets.publication_rules import (
    DISAGREEMENT,
    TIERS,
    Decision,
    OperatorStatement,
    PublicationRule,
    PublicationRules,
    Reason,
    Tier,
    decide_tier,
    limit_decision,
)
from archiver.model.errors import BadQuery, BadSplits, NotASnapshot
from archiver.model.items import UsageStatement

# Splits for machine learning. The split of an article is derived from the first member of the article's cluster.

SplitOf = Callable[[str | None, str, str | None], str]
"""A function that returns the split of an article, given the key of its group of copies (None if it has none), its
identifier, and the time at which it was published."""
_SPLITS_BY_DATE = {1: ("train", "test"), 2: ("train", "validation", "test")}


def split_of(key: str, splits: Sequence[tuple[str, int]]) -> str:
    """Returns the machine learning split (train, test ...) that a hash of `key` selects. Articles with the same key are
    in the same split. `splits` are names with shares in percent.
    """
    place = int.from_bytes(hashlib.sha256(f"split {key}".encode()).digest()[:8], "big") * 100 >> 64
    for name, share in splits:
        place -= share
        if place < 0:
            return name
    raise ValueError(f"the shares of {splits} do not add up to 100")


def splitter(db: Database, request: SnapshotRequest) -> SplitOf | None:
    """Returns the function that divides the considered articles into the splits of a request; None if the request asks
    for none.

    Splits by date put a whole cluster where its earliest member belongs, and articles without a date in the first
    split.
    """
    if request.splits:
        return lambda key, number, published: split_of(key or number, request.splits)
    if not request.split_dates:
        return None
    names = _SPLITS_BY_DATE[len(request.split_dates)]
    earliest: dict[str, str] = dict(
        db.execute(
            "select split_key, min(published) from temp.considered where split_key <> '' and published <> '' group by 1"
        )
    )

    def by_date(key: str | None, number: str, published: str | None) -> str:
        day = (earliest.get(key or "") or published or "")[:10]
        return names[sum(day >= start for start in request.split_dates)]

    return by_date


# The choice.

NEWEST = "9999"
"""The cut-off that is used if none is given. It is later than any time."""
_ENTER = f"""insert or ignore into temp.considered
    (article_id, id, chosen, first_seen, published, site, url, root, cluster, revision, gone_at)
    select a.id, record_id({FIRST_ADDRESS}), a.id in (select article_id from temp.chosen), a.first_seen, a.published,
        a.site, a.url, coalesce(a.duplicate_of, a.id), a.cluster_id, a.revision, a.gone_at from articles a
    where {{source}} and substr(coalesce(a.first_seen, ''), 1, 19) <= ?1
        and not exists (select 1 from withdrawn_articles w where w.article_id = a.id
            and substr(w.withdrawn_at, 1, 19) <= ?1)"""
_SHARED = (
    "select article_id, root, cluster from temp.considered where root in (select root from temp.considered "
    "group by 1 having count(*) > 1) or cluster is not null"
)


def choose_articles(db: Database, ids: Iterable[int] | None, cutoff: str = "") -> int:
    """Chooses the articles with these IDs that were in the archive and not withdrawn at the cut-off. Returns how many
    were chosen. If `ids` is None, chooses from all articles.

    Also enters the copies of the chosen articles in `temp.considered`, without choosing them.
    """
    db.conn.create_function("record_id", 1, record_id_of_first, deterministic=True)
    for table in ("chosen", "considered", "ordered"):
        db.execute(f"drop table if exists temp.{table}")
    db.execute("create temp table chosen (article_id integer primary key)")
    if ids is None:
        db.execute("insert into temp.chosen select id from articles")
    else:
        db.conn.executemany("insert or ignore into temp.chosen values (?)", ((number,) for number in ids))
    db.execute("""create temp table considered (article_id integer primary key, id text not null, chosen integer,
        first_seen text, published text, site text, url text, root integer, cluster integer, revision integer,
        duplicate_of text, cluster_id text, split_key text, tier integer, reason text, licence text,
        licence_source text, geo integer, characters integer, gone_at text)""")
    ours = "(select article_id from temp.chosen)"
    db.execute(_ENTER.format(source=f"a.id in {ours}"), [cutoff or NEWEST])
    # Repeat for copies of copies, such as a near-duplicate of a duplicate.
    considered = "(select article_id from temp.considered)"
    before = -1
    while before != (before := _count(db, "temp.considered")):
        for source in (
            "a.cluster_id in (select cluster from temp.considered)",
            "a.duplicate_of in (select root from temp.considered)",
            "a.id in (select root from temp.considered where root <> article_id)",
        ):
            db.execute(_ENTER.format(source=f"{source} and a.id not in {considered}"), [cutoff or NEWEST])
    if cutoff:
        _restore_state(db, cutoff)
    _set_duplicate_groups(db)
    return _count(db, "temp.considered where chosen")


def _count(db: Database, rows: str) -> int:
    return int(db.execute(f"select count(*) from {rows}").fetchone()[0])


def _restore_state(db: Database, cutoff: str) -> None:
    """Sets the articles in `temp.considered` to their state at the cut-off: takes their last revision up to then, and
    removes a later `gone_at`.
    """
    db.execute(
        "update temp.considered set revision = coalesce((select max(r.revision) from revisions r where r.article_id = "
        "considered.article_id and substr(r.observed_at, 1, 19) <= ?), revision)",
        [cutoff],
    )
    db.execute(
        "update temp.considered as c set published = (select json_extract(r.content, '$.published') from revisions r "
        "where r.article_id = c.article_id and r.revision = c.revision) where revision <> (select a.revision from "
        "articles a where a.id = c.article_id)"
    )
    db.execute("update temp.considered set gone_at = null where substr(gone_at, 1, 19) > ?", [cutoff])
    _split_later_clusters(db)


def _split_later_clusters(db: Database) -> None:
    """Splits clusters that were joined only by articles added after the cut-off, keeping the near-duplicate links among
    earlier articles. The resulting clusters get negative numbers, which are never used for clusters in the archive.
    """
    earlier = dict(
        db.execute(
            "select article_id, cluster from temp.considered where cluster in (select a.cluster_id from articles a "
            "where a.cluster_id in (select cluster from temp.considered) and a.id not in (select article_id from "
            "temp.considered))"
        )
    )
    if not earlier:
        return
    links = [
        (number, other)
        for number in earlier
        for (other,) in db.execute("select other_id from near_duplicates where article_id = ?", [number])
        if other in earlier
    ]
    find = UnionFind(links).top
    linked = {number for link in links for number in link}
    db.conn.executemany(
        "update temp.considered set cluster = ? where article_id = ?",
        ((-find(number) if number in linked else None, number) for number in earlier),
    )


def _set_duplicate_groups(db: Database) -> None:
    """Sets `duplicate_of` of each considered article to the article with equal text that was published first, and
    `cluster_id` to the cluster member that was seen first.

    Neither value depends on the article IDs in the archive, and an article that joins a cluster later is never its
    first member.
    """
    for column, group_by, order, where in (
        ("duplicate_of", "root", "published is null, published, first_seen, id", "chosen"),
        ("cluster_id", "cluster", "substr(first_seen, 1, 19), id", "1"),
    ):
        rows = db.execute(
            f"select {group_by}, article_id, id from temp.considered where {group_by} is not null and {where} "
            f"and {group_by} in (select {group_by} from temp.considered where {where} group by 1 having count(*) > 1) "
            f"order by {group_by}, {order}"
        )
        values = list(_named(rows, first_too=column == "cluster_id"))
        db.conn.executemany(f"update temp.considered set {column} = ? where article_id = ?", values)

    firsts = dict(
        db.execute(
            "select article_id, substr(first_seen, 1, 19) || ' ' || id from temp.considered "
            f"where article_id in (select article_id from ({_SHARED}))"
        )
    )
    db.conn.executemany(
        "update temp.considered set split_key = ? where article_id = ?",
        ((min(firsts[number] for number in group)[20:], number) for group in duplicate_groups(db) for number in group),
    )


def _named(rows: Iterable[tuple[int, int, str]], first_too: bool) -> Iterator[tuple[str, int]]:
    for _, group in groupby(rows, key=lambda row: row[0]):
        members = list(group)
        yield from ((members[0][2], number) for _, number, _ in members[0 if first_too else 1 :])


def duplicate_groups(db: Database) -> Iterator[list[int]]:
    """Yields the groups of considered articles that share a text or are near-duplicates, as lists of article IDs. If a
    duplicate is in a cluster, its group of equal texts and the cluster become one group.
    """
    rows = db.execute(_SHARED).fetchall()
    find = UnionFind((("root", root), ("cluster", cluster)) for _, root, cluster in rows if cluster is not None).top
    keyed = sorted((find(("root", root)), number) for number, root, _ in rows)
    for _, group in groupby(keyed, key=lambda pair: pair[0]):
        members = [number for _, number in group]
        if len(members) > 1:
            yield members


def first_copies(db: Database) -> frozenset[str]:
    """Returns, for each group of copies, the identifier of the chosen article that was seen first."""
    return frozenset(
        seen[20:]
        for _, seen in db.execute(
            "select split_key, min(substr(first_seen, 1, 19) || ' ' || id) from temp.considered "
            "where chosen and split_key <> '' group by 1"
        )
    )


def order_articles(db: Database, split: SplitOf | None) -> list[str]:
    """Sorts the chosen articles by split, site, date and identifier, and returns the splits in order; [""] without
    splits.
    """
    db.conn.create_function("split_of", 3, split or (lambda key, number, published: ""), deterministic=True)
    db.execute("create temp table ordered (position integer primary key, article_id integer not null, split text)")
    db.execute(
        "insert into temp.ordered (article_id, split) select article_id, split from (select c.*, "
        "split_of(c.split_key, c.id, c.published) as split from temp.considered c where c.chosen) "
        "order by split, site, coalesce(published, ''), id"
    )
    return [row[0] for row in db.execute("select distinct split from temp.ordered order by split")]


def latest_time(db: Database) -> str:
    """Returns the latest time stored in the archive, in UTC to the second: the default cut-off of a snapshot."""
    found = [
        db.execute(sql).fetchone()[0]
        for sql in (
            "select max(substr(first_seen, 1, 19)) from temp.considered",
            "select max(substr(gone_at, 1, 19)) from temp.considered",
            "select max(substr(withdrawn_at, 1, 19)) from withdrawn_articles",
            "select max(substr(captured_at, 1, 19)) from captures",
            "select max(substr(observed_at, 1, 19)) from revisions",
        )
    ]
    return max((text for text in found if text), default="1970-01-01T00:00:00")


# Decisions on how much of each article may be published.


def decide_tiers(
    db: Database,
    rules: PublicationRules,
    cutoff: str,
    keep: Container[int] = (),
    matched: set[int] | None = None,
) -> tuple[Counter[tuple[str, str]], dict[int, Decision]]:
    """Decides how much of each article in `temp.considered` may be published, and stores the tiers there. Returns the
    number of chosen articles by tier and reason, and the decisions on the articles whose IDs are in `keep`.

    The numbers of the rules that apply to any article are added to the set `matched`, if it is given.
    """
    own = _OwnDecisions(_decisions(db, rules, cutoff, set() if matched is None else matched))
    limited = _limit_by_copies(db, own)
    not_chosen = {row[0] for row in db.execute("select article_id from temp.considered where not chosen")}
    stored: dict[int, tuple[Any, ...]] = {}  # by the identity of a decision, which many articles share
    decided: Counter[int] = Counter()
    kept: dict[int, Decision] = {}

    def rows() -> Iterator[tuple[Any, ...]]:
        for number, first in own.items():
            decision = limited.get(number, first)
            values = stored.get(id(decision))
            if values is None:
                tier, reason = int(decision.tier), decision.label[1]
                values = tier, reason, decision.licence, decision.licence_source, decision.geo, decision.characters
                stored[id(decision)] = values
            decided[id(decision)] += number not in not_chosen
            if number in keep:
                kept[number] = decision
            yield *values, number

    db.conn.executemany(
        "update temp.considered set tier = ?, reason = ?, licence = ?, licence_source = ?, geo = ?, "
        "characters = ? where article_id = ?",
        rows(),
    )
    counts: Counter[tuple[str, str]] = Counter()
    for one, count in decided.items():
        tier, reason, *_ = stored[one]
        counts[Tier(tier).label, reason] += count
    return +counts, kept


def explain_decision(db: Database, number: int, rules: PublicationRules, cutoff: str = "") -> Decision:
    """Returns the publication decision on the article with this ID, with all its reasons. `cutoff` is "" for the latest
    time in the archive.
    """
    choose_articles(db, [number], cutoff)
    _, decided = decide_tiers(db, rules, cutoff or latest_time(db), {number})
    # An article that was first seen after the cut-off has no decision.
    late = Decision(Tier.REFERENCE, reasons=(Reason(Tier.REFERENCE, "it was not in the archive at the cut-off"),))
    return decided.get(number, late)


class _OwnDecisions:
    """The decisions on articles without regard to their copies. They take twelve bytes an article, because few
    decisions differ.
    """

    def __init__(self, found: Iterable[tuple[int, Decision]]) -> None:
        """`found` are the decisions by article ID, in ascending order of the IDs."""
        self._numbers, self._places = array("q"), array("I")
        self._decisions: list[Decision] = []
        places: dict[int, int] = {}
        for number, decision in found:
            if id(decision) not in places:
                places[id(decision)] = len(self._decisions)
                self._decisions.append(decision)
            self._numbers.append(number)
            self._places.append(places[id(decision)])

    def __getitem__(self, number: int) -> Decision:
        return self._decisions[self._places[bisect_left(self._numbers, number)]]

    def items(self) -> Iterator[tuple[int, Decision]]:
        return ((number, self._decisions[at]) for number, at in zip(self._numbers, self._places, strict=True))


def _limit_by_copies(db: Database, own: _OwnDecisions) -> dict[int, Decision]:
    """Returns the decisions that become stricter because of a copy, by article ID. If one site does not permit a text
    to be published, the text is not published from any other site.
    """
    sites = dict(
        db.execute(
            f"select c.article_id, c.site from ({_SHARED}) s join temp.considered c on c.article_id = s.article_id"
        )
    )
    out: dict[int, Decision] = {}
    for group in duplicate_groups(db):
        least = min(own[number].tier for number in group)
        site = min(sites[number] for number in group if own[number].tier == least)
        fewest = min(own[number].characters for number in group)
        for number in group:
            why = f"its copy on {site} is limited to {least.label}"
            decision = limit_decision(own[number], least, why, fewest)
            if decision is not own[number]:
                out[number] = decision
    return out


def _decisions(db: Database, rules: PublicationRules, cutoff: str, matched: set[int]) -> Iterator[tuple[int, Decision]]:
    sites = {
        name: _definition(name, json.loads(settings or "{}"))
        for name, settings in db.execute("select name, settings from sites")
    }
    statements = _usage_statements(db, cutoff)
    stated_for, stated = next(statements, (0, ()))
    known: dict[Any, Decision] = {}
    by_site: dict[str, tuple[PublicationRule, ...]] = {}
    simple = all(name == "site" for rule in rules.rules for name, _ in rule.of)
    by_fields = any(not rule.depends_on_site_only for rule in rules.rules)
    names = ", a.authors, a.categories" if by_fields else ""
    join = "join articles a on a.id = c.article_id" if by_fields else ""
    for number, site, url, *lists in db.execute(
        f"select c.article_id, c.site, c.url {names} from temp.considered c {join} order by c.article_id"
    ):
        authors, categories = (tuple(json.loads(text or "[]")) for text in lists) if by_fields else ((), ())
        while stated_for and stated_for < number:
            stated_for, stated = next(statements, (0, ()))
        rights = stated if stated_for == number else ()
        applicable = by_site.get(site)
        if applicable is None:
            applicable = tuple(rule for rule in rules.rules if rule.applies_to(site, url, authors, categories))
            if simple:
                by_site[site] = applicable
        key = (site, tuple(rule.number for rule in applicable), rights)
        if key not in known:
            matched.update(key[1])
            operator_statements = [*(rule.statement for rule in applicable), *((sites[site],) if site in sites else ())]
            known[key] = decide_tier(operator_statements, rights, cutoff)
        yield number, known[key]


def _definition(name: str, settings: dict[str, Any]) -> OperatorStatement:
    return OperatorStatement(
        f"the definition of {name}",
        TIERS.get(settings.get("publish", "")),
        settings.get("licence") or "",
        kind="site",
    )


def _usage_statements(db: Database, cutoff: str) -> Iterator[tuple[int, tuple[UsageStatement, ...]]]:
    """Yields, for each article, the usage statements of up to three captures: the capture from which it was extracted,
    its last capture with a page up to the cut-off, and a later response 304, with which its host may state new ones.
    """
    rows = db.execute(
        """
        with read_from as materialized (
            select c.article_id, coalesce((select r.capture_id from revisions r where r.article_id = c.article_id and
                r.revision = c.revision), a.capture_id) as capture_id
            from temp.considered c join articles a on a.id = c.article_id
            union select c.article_id, (select x.id from captures x where x.url = c.url and x.status = s.status and
                substr(x.captured_at, 1, 19) <= ? order by x.captured_at desc limit 1)
                from temp.considered c, (select 200 as status union all select 304) s)
        select distinct f.article_id, r.source, r.name, r.value, r.agent from read_from f
        join usage_statements r on r.capture_id = f.capture_id order by 1, 2, 3, 4, 5""",
        [cutoff or NEWEST],
    )
    for number, group in groupby(rows, key=lambda row: row[0]):
        yield number, tuple(UsageStatement(*row[1:]) for row in group)


_PART = r"(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
VERSION = re.compile(rf"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){{2}}(-{_PART}(\.{_PART})*)?(\+withdrawn\.[1-9][0-9]*)?")
"""Matches a version in the form of Semantic Versioning 2.0.0. Its build metadata can only be the number of times that
the version was built again because articles were withdrawn, as in "1.0.0+withdrawn.1".
"""


def version_key(version: str) -> tuple[Any, ...]:
    """Returns a value by which versions are sorted (Semantic Versioning, section 11). A version that was built again
    ("1.0.0+withdrawn.1") is later than the original version.
    """
    base, _, built = version.partition("+withdrawn.")
    numbers, _, early = base.partition("-")
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in early.split(".") if part)
    return (*map(int, numbers.split(".")), not early, parts, int(built or 0))


def is_after_withdrawal(version: str) -> bool:
    """Returns True if the version was built again because articles were withdrawn."""
    return "+withdrawn." in version


def after_withdrawal(version: str) -> str:
    """Returns the next version number of a dataset that is built again without withdrawn articles: "1.0.0+withdrawn.1"
    after "1.0.0", and "1.0.0+withdrawn.2" after that.
    """
    base, _, built = version.partition("+withdrawn.")
    return f"{base}+withdrawn.{int(built or 0) + 1}"


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class SnapshotRequest:
    """The specification of a snapshot: which articles it contains, and in which form.

    - `query`: the fields of a search query that differ from their defaults; empty for the whole archive.
    - `cutoff`: a time in UTC to the second ("2024-06-01T12:00:00"), or "" for the latest time in the archive.
    - `rules`: the text of the rule file.
    - `splits`: names with shares in percent.
    - `split_dates`: the dates ("2023-01") at which the splits after the first one begin, if splits are by date.
    - `pseudonymised`: the fingerprint of the key for pseudonyms; the key itself is not stored.
    """

    version: str
    query: dict[str, Any] = field(default_factory=dict)
    cutoff: str = ""
    formats: tuple[str, ...] = ("parquet",)
    splits: tuple[tuple[str, int], ...] = ()
    split_dates: tuple[str, ...] = ()
    pseudonymised: str = ""
    drop_contacts: bool = False
    rules: str = ""

    @property
    def split_names(self) -> tuple[str, ...]:
        """The names of the splits, in the order in which they were requested."""
        return tuple(name for name, _ in self.splits) or _SPLITS_BY_DATE.get(len(self.split_dates), ())

    @property
    def search_query(self) -> Query:
        """The `query` as a Query of the search. It has no limit and, unless `query` says otherwise, includes
        duplicates.
        """
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
    "splits": lambda value: not value or are_valid_splits(value),
    "split_dates": lambda value: not value or _are_valid_dates(value),
}


_FORMER = frozenset({"ngrams", "partition", "wacz"})
"""What requests of earlier versions have, and is no longer used."""


def query_values(query: Query) -> dict[str, Any]:
    """Returns the fields of a query that affect its results and differ from their defaults, as JSON values."""
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
    cutoff = parse_period(text)
    seconds = utc_seconds(cutoff.end) - (not cutoff.is_moment)
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def request_as_json(request: SnapshotRequest) -> dict[str, Any]:
    return asdict(request)


def request_from_json(data: Any, where: str) -> SnapshotRequest:
    """Validates the `request` of a `rebuild.json` and converts it to a SnapshotRequest. Raises NotASnapshot if it is
    invalid or from a newer version; `where` is the file or folder that the message names.
    """
    try:
        known = {f.name for f in fields(SnapshotRequest)}
        unknown = sorted(set(data) - known - _FORMER)
        if unknown:
            raise NotASnapshot(where, f"its rebuild.json has {unknown[0]}, which this version does not know")
        values = {name: value for name, value in data.items() if name not in _FORMER}
        values["formats"] = tuple(values.get("formats", ("parquet",)))
        values["splits"] = tuple((str(name), int(share)) for name, share in values.get("splits", ()))
        values["split_dates"] = tuple(values.get("split_dates", ()))
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
    """Returns True if a value has the annotated type `kind`. The members of a tuple are checked, too."""
    of = get_args(kind)
    if get_origin(kind) is UnionType:
        return any(_has_type(value, one) for one in of)
    if get_origin(kind) is tuple:
        members = of[:1] * len(value) if of[-1] is Ellipsis else of
        return isinstance(value, tuple) and len(value) == len(members) and all(map(_has_type, value, members))
    return type(value) is (get_origin(kind) or kind) or (kind is float and type(value) is int)


def parse_rebuild(text: str, where: str) -> dict[str, Any]:
    """Parses the text of a `rebuild.json`. Raises NotASnapshot if it is invalid; `where` is the file or folder that the
    message names.

    In the result, `request` is a SnapshotRequest. `since` is the previous version with which the snapshot was compared,
    or "". `sites` are the sites of its articles.
    """
    try:
        data = json.loads(text)
        since, sites, withdrawn = data.get("since"), data.get("sites"), data.get("withdrawn")
        return {
            **data,
            "request": request_from_json(data["request"], where),
            "sites": [one for one in sites if isinstance(one, str)] if isinstance(sites, list) else [],
            "since": since if isinstance(since, str) and VERSION.fullmatch(since) else "",
            "withdrawn": {str(k): str(v) for k, v in withdrawn.items()} if isinstance(withdrawn, dict) else {},
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotASnapshot(where, f"its rebuild.json is invalid ({error})") from error


_BY_DATE = "time:"


def parse_split_dates(text: str) -> tuple[str, ...]:
    """Parses "time:2023-01,2024-01": the articles before the first date are the split train, those from it to the
    second date validation, and the rest test. With one date there is no validation. Returns () if the splits are not
    by date. Raises BadSplits.
    """
    if not text.startswith(_BY_DATE):
        return ()
    dates = tuple(part.strip() for part in text.removeprefix(_BY_DATE).split(","))
    if not _are_valid_dates(dates):
        raise BadSplits(text, "splits by date are written time:2023-01,2024-01, with one or two dates in order")
    return dates


def _are_valid_dates(dates: Sequence[str]) -> bool:
    """Returns True for one or two ascending years, months or days."""
    try:
        for date in dates:
            parse_period(date)
    except BadQuery:
        return False
    return (
        len(dates) in _SPLITS_BY_DATE
        and list(dates) == sorted(set(dates))
        and all(re.fullmatch(r"\d{4}(-\d\d){0,2}", date) for date in dates)
    )


def parse_splits(text: str) -> tuple[tuple[str, int], ...]:
    """Parses "train=80,validation=10,test=10" into names and percentages, which must add up to 100. Returns () if the
    splits are by date. Raises BadSplits.
    """
    if text.startswith(_BY_DATE):
        return ()
    found = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([a-z][a-z0-9_]{0,30})\s*=\s*(\d{1,3})\s*", part)
        if not match:
            raise BadSplits(text, "splits are written train=80,validation=10,test=10, or time:2023-01,2024-01")
        found.append((match[1], int(match[2])))
    if not are_valid_splits(found):
        raise BadSplits(text, "the shares must add up to 100, and each name may be used once")
    return tuple(found)


def are_valid_splits(splits: Sequence[tuple[str, int]]) -> bool:
    """Returns True if the shares of some splits add up to 100 and each name is used once."""
    return sum(share for _, share in splits) == 100 and len({name for name, _ in splits}) == len(splits)


# Statistics of a snapshot: counted while it is written, shown in its card and `rebuild.json`.

_SOURCE_NAMES = {
    "feed": "feeds",
    "sitemap": "sitemaps",
    "api": "APIs",
    "listing": "pages that list posts",
    "link": "links",
}


@dataclass(slots=True)
class SnapshotStatistics:
    """The statistics of a snapshot, counted while it is written.

    - `rows`: the number of rows of each table.
    - `parts`: the files of each split of each table ("" if the table is not divided), relative to the folder.
    - `months`: the number of articles by month, such as "2024-05"; "" for articles without a date.
    - `tiers`, `reasons`: the number of articles by tier, and by tier and reason.
    - `missing`: the number of missing pages by site and outcome.
    - `box`: the least and greatest latitude and longitude of places, in whole degrees: south, west, north, east.
    - `filled`: for each column, the number of articles with a value in this column.
    - `spans`: the first and last day of publication of each site.
    - `contacts`: the number of e-mail addresses and telephone numbers that were replaced, by placeholder.
    - `persons`: the hashes of the names of authors that are not organizations.
    - `words`: the number of words in published bodies.
    - `first_capture`: the time of the first capture of an article.
    - `sources`: the number of known addresses of posts by the kind of source that named them.
    - `withheld`: the number of articles by column that is left out or shortened.
    - `cluster_sizes`: the number of articles by cluster of near-duplicates.
    - `paid`: the number of articles that their pages call paid and whose text is published in full.
    - `revealing`: the rules whose permission names an author whose name is replaced: "rule 2".
    - `is_compared`: True if the table `changes` lists the differences from the previous version.
    - `unmatched`: what in the rule file fits no article: "rule 2", "the entry of a.example in sites".
    - `withdrawn`: the identifiers and reasons of articles that were withdrawn since the version was first built.
    - `previous_identifier`: the DOI, URL or URN of the previous version; "" if there is none.
    """

    request: SnapshotRequest
    cutoff: str
    dataset: Mapping[str, Any]
    rows: Counter[str] = field(default_factory=Counter)
    parts: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    months: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    spans: dict[str, tuple[str, str]] = field(default_factory=dict)
    tiers: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    missing: Counter[tuple[str, str]] = field(default_factory=Counter)
    box: tuple[int, int, int, int] | None = None
    filled: Counter[str] = field(default_factory=Counter)
    first_capture: datetime | None = None
    sources: Counter[str] = field(default_factory=Counter)
    withheld: Counter[str] = field(default_factory=Counter)
    cluster_sizes: Counter[str] = field(default_factory=Counter)
    paid: int = 0
    revealing: list[str] = field(default_factory=list)
    is_compared: bool = False
    unmatched: list[str] = field(default_factory=list)
    withdrawn: dict[str, str] = field(default_factory=dict)
    previous_identifier: str = ""
    contacts: Counter[str] = field(default_factory=Counter)
    persons: set[int] = field(default_factory=set)
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
        self.licences[record["licence"] or (DISAGREEMENT if record["licence_source"] == DISAGREEMENT else "")] += 1
        if record["split"]:
            self.splits[record["split"]] += 1
        self.gone += record["gone_at"] is not None
        self.revised += record["revision"] > 1
        self.duplicates += record["duplicate_of"] is not None
        if record["cluster_id"]:
            self.cluster_sizes[record["cluster_id"]] += 1
        self.paid += bool(record["access"] == "paid" and record["body"])
        self.withheld.update(record["withheld"])
        self.words += record["words"] if record["body"] else 0
        organizations = record["author_organizations"]
        self.persons.update(hash(name) for name in record["authors"] if name not in organizations)

    def count_place(self, row: Mapping[str, Any]) -> None:
        """Adds a row of the table `places` to the statistics."""
        if row["latitude"] is not None and row["longitude"] is not None:
            south, west = floor(row["latitude"]), floor(row["longitude"])
            known = self.box or (south, west, south + 1, west + 1)
            self.box = (*map(min, known[:2], (south, west)), *map(max, known[2:], (south + 1, west + 1)))

    @property
    def sources_in_words(self) -> str:
        """What led to the articles: "feeds, sitemaps and links"."""
        named = [name for source, name in _SOURCE_NAMES.items() if self.sources[source]]
        if len(named) > 1:
            return f"{', '.join(named[:-1])} and {named[-1]}"
        return named[0] if named else "captures of other crawls"

    @property
    def clustered(self) -> int:
        """The number of articles that are near-duplicates of another article of the dataset."""
        return sum(count for count in self.cluster_sizes.values() if count > 1)

    @property
    def empty_splits(self) -> list[str]:
        """The requested splits that have no article."""
        return [name for name in self.request.split_names if not self.splits[name]]

    @property
    def files(self) -> dict[str, list[str]]:
        """The files of each table, in the order of their rows."""
        return {table: [file for part in parts.values() for file in part] for table, parts in self.parts.items()}

    def files_of_splits(self, table: str) -> dict[str, list[str]]:
        """Returns the files of a table by split. A table without splits is one split: "train", or "all_splits" if the
        articles have splits.
        """
        if not self.splits:
            return {"train": self.files[table]}
        if table != "articles":
            return {"all_splits": self.files[table]}
        return {name: self.parts[table][name] for name in self.request.split_names if name in self.parts[table]}

    @property
    def day(self) -> str:
        """The date of the snapshot: the day of its cut-off, so that it does not depend on the clock."""
        return self.cutoff[:10]
