"""Chooses the articles of a snapshot, determines their duplicates and clusters, decides their tiers, and sorts them.

The results are in temporary tables of the database connection. `temp.considered` contains the chosen articles and
all their copies, `temp.ordered` the chosen articles in the order of their rows in the files. Nothing depends on the
order in which the archive stored the articles.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from sqlite_utils import Database

from archiver.articles.near_duplicates import UnionFind
from archiver.datasets.publication_rules import (
    TIERS,
    Decision,
    OperatorStatement,
    PublicationRule,
    PublicationRules,
    decide_tier,
    limit_decision,
)
from archiver.items import UsageStatement
from archiver.storage.article_tables.records import FIRST_ADDRESS, record_id_of_first

# Splits for machine learning. The split of an article is derived from the first member of its cluster.


def split_of(key: str, splits: Sequence[tuple[str, int]]) -> str:
    """Returns the machine learning split (train, test ...) of the articles with this key, derived from a hash of the
    key. `splits` are names with shares in percent.
    """
    place = int.from_bytes(hashlib.sha256(f"split {key}".encode()).digest()[:8], "big") * 100 >> 64
    for name, share in splits:
        place -= share
        if place < 0:
            return name
    raise ValueError(f"the shares of {splits} do not add up to 100")


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
PARTITION_ROWS = 250_000
"""If there are more articles than this, the table `articles` is split into several files."""


def choose_articles(db: Database, ids: Iterable[int] | None, cutoff: str = "", copies: Iterable[int] = ()) -> int:
    """Chooses the articles with these IDs that were in the archive and not withdrawn at the cut-off, and returns their
    number. If `ids` is None, chooses from all articles.

    Copies of the chosen articles are entered in `temp.considered` but not chosen. The same is done with the articles
    whose IDs are in `copies`, and with copies of these articles.
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
        duplicate_of text, cluster_id text, split_key text, tier integer, licence text, geo integer, gone_at text)""")
    ours = "(select article_id from temp.chosen)"
    db.execute(_ENTER.format(source=f"a.id in {ours}"), [cutoff or NEWEST])
    for number in copies:
        db.execute(_ENTER.format(source=f"a.id = {int(number)}"), [cutoff or NEWEST])
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
    """Sets the articles in `temp.considered` to their state at the cut-off: the last revision that had been seen at
    that time, and no later `gone_at`.
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
    earlier articles. The resulting clusters get negative numbers, which no cluster in the archive has.
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
    """Yields the groups of considered articles that share a text or are near-duplicates, as lists of article IDs. A
    duplicate that is in a cluster merges both groups.
    """
    rows = db.execute(_SHARED).fetchall()
    find = UnionFind((("root", root), ("cluster", cluster)) for _, root, cluster in rows if cluster is not None).top
    keyed = sorted((find(("root", root)), number) for number, root, _ in rows)
    for _, group in groupby(keyed, key=lambda pair: pair[0]):
        members = [number for _, number in group]
        if len(members) > 1:
            yield members


def order_articles(db: Database, partition: str) -> list[str]:
    """Sorts the chosen articles by partition, site, date and identifier, and returns the partitions in order.

    `partition` is none, year or site. With year, an article without a date is in the partition "undated".
    """
    part = {"none": "''", "site": "c.site", "year": "coalesce(nullif(substr(c.published, 1, 4), ''), 'undated')"}[
        partition
    ]
    db.execute("create temp table ordered (position integer primary key, article_id integer not null, part text)")
    db.execute(
        f"insert into temp.ordered (article_id, part) select c.article_id, {part} from temp.considered c "
        "where c.chosen order by 2, c.site, coalesce(c.published, ''), c.id"
    )
    return [row[0] for row in db.execute("select part from temp.ordered group by part order by part")]


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
    db: Database, rules: PublicationRules, cutoff: str, keep: Container[int] = ()
) -> tuple[Counter[tuple[str, str]], dict[int, Decision]]:
    """Decides how much of each article in `temp.considered` may be published, and stores the tiers in that table.
    Returns the number of chosen articles by tier and reason, and the decisions on the articles in `keep`.
    """
    own = dict(_decisions(db, rules, cutoff))
    limited = _limit_by_copies(db, own)
    not_chosen = {row[0] for row in db.execute("select article_id from temp.considered where not chosen")}
    decided: Counter[Decision] = Counter()
    kept: dict[int, Decision] = {}

    def rows() -> Iterator[tuple[int, str, bool, int]]:
        for number, first in own.items():
            decision = limited.get(number, first)
            decided[decision] += number not in not_chosen
            if number in keep:
                kept[number] = decision
            yield int(decision.tier), decision.licence, decision.geo, number

    db.conn.executemany("update temp.considered set tier = ?, licence = ?, geo = ? where article_id = ?", rows())
    counts: Counter[tuple[str, str]] = Counter()
    for decision, count in decided.items():
        counts[decision.label] += count
    return +counts, kept


def _limit_by_copies(db: Database, own: dict[int, Decision]) -> dict[int, Decision]:
    """Returns the decisions that must be stricter because of a copy. If one site does not permit a text to be
    published, the text is not published for any other site.
    """
    sites = dict(db.execute("select article_id, site from temp.considered"))
    out: dict[int, Decision] = {}
    for group in duplicate_groups(db):
        least = min(own[number].tier for number in group)
        site = min(sites[number] for number in group if own[number].tier == least)
        for number in group:
            decision = limit_decision(own[number], least, f"its copy on {site} is limited to {least.label}")
            if decision is not own[number]:
                out[number] = decision
    return out


def _decisions(db: Database, rules: PublicationRules, cutoff: str) -> Iterator[tuple[int, Decision]]:
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
            operator_statements = [*(rule.statement for rule in applicable), *((sites[site],) if site in sites else ())]
            known[key] = decide_tier(operator_statements, rights, cutoff)
        yield number, known[key]


def _definition(name: str, settings: dict[str, Any]) -> OperatorStatement:
    return OperatorStatement(
        f"the definition of {name}", TIERS.get(settings.get("publish", "")), settings.get("licence") or ""
    )


def _usage_statements(db: Database, cutoff: str) -> Iterator[tuple[int, tuple[UsageStatement, ...]]]:
    """Yields, for each article, the usage statements of two captures: the capture from which it was extracted, and its
    last capture up to the cut-off.
    """
    rows = db.execute(
        """
        with read_from as materialized (
            select c.article_id, coalesce((select r.capture_id from revisions r where r.article_id = c.article_id and
                r.revision = c.revision), a.capture_id) as capture_id
            from temp.considered c join articles a on a.id = c.article_id
            union select c.article_id, (select x.id from captures x where x.url = c.url and x.status = 200 and
                substr(x.captured_at, 1, 19) <= ? order by x.captured_at desc limit 1) from temp.considered c)
        select distinct f.article_id, r.source, r.name, r.value, r.agent from read_from f
        join usage_statements r on r.capture_id = f.capture_id order by 1, 2, 3, 4, 5""",
        [cutoff or NEWEST],
    )
    for number, group in groupby(rows, key=lambda row: row[0]):
        yield number, tuple(UsageStatement(*row[1:]) for row in group)
