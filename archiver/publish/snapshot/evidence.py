"""What of each chosen article may be published: its decision, entered beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterator
from itertools import groupby
from typing import Any

from sqlite_utils import Database

from archiver.items import Right
from archiver.publish.rights import TIERS, Decision, Said, capped, decide
from archiver.publish.rules import Rule, Rules
from archiver.publish.snapshot.choose import NEWEST, groups


def settle(db: Database, rules: Rules, cutoff: str, keep: Container[int] = ()
           ) -> tuple[Counter[tuple[str, str]], dict[int, Decision]]:
    """Decide on all articles of `temp.considered`; counts the chosen by the label of their tier and what decided, and
    gives the decisions on those to `keep`."""
    own = dict(_decisions(db, rules, cutoff))
    bound = _copies(db, own)
    beside = {row[0] for row in db.execute("select article_id from temp.considered where not chosen")}
    decided: Counter[Decision] = Counter()
    kept: dict[int, Decision] = {}

    def rows() -> Iterator[tuple[int, str, bool, int]]:
        for number, first in own.items():
            decision = bound.get(number, first)
            decided[decision] += number not in beside
            if number in keep:
                kept[number] = decision
            yield int(decision.tier), decision.licence, decision.geo, number

    db.conn.executemany("update temp.considered set tier = ?, licence = ?, geo = ? where article_id = ?", rows())
    told: Counter[tuple[str, str]] = Counter()
    for decision, count in decided.items():
        told[decision.label] += count
    return +told, kept


def _copies(db: Database, own: dict[int, Decision]) -> dict[int, Decision]:
    """A text that may not leave the archive as the post of one site does not leave it as that of another."""
    sites = dict(db.execute("select article_id, site from temp.considered"))
    out: dict[int, Decision] = {}
    for group in groups(db):
        least = min(own[number].tier for number in group)
        site = min(sites[number] for number in group if own[number].tier == least)
        for number in group:
            decision = capped(own[number], least, f"its copy on {site} gives {least.label}")
            if decision is not own[number]:
                out[number] = decision
    return out


def _decisions(db: Database, rules: Rules, cutoff: str) -> Iterator[tuple[int, Decision]]:
    sites = {name: _definition(name, json.loads(settings or "{}"))
             for name, settings in db.execute("select name, settings from sites")}
    statements = _statements(db, cutoff)
    told_of, told = next(statements, (0, ()))
    known: dict[Any, Decision] = {}
    by_site: dict[str, tuple[Rule, ...]] = {}
    simple = all(name == "site" for rule in rules.rules for name, _ in rule.of)
    wide = any(not rule.is_of_site for rule in rules.rules)
    names = ", a.authors, a.categories" if wide else ""
    beside = "join articles a on a.id = c.article_id" if wide else ""
    for number, site, url, *lists in db.execute(
            f"select c.article_id, c.site, c.url {names} from temp.considered c {beside} order by c.article_id"):
        authors, categories = (tuple(json.loads(text or "[]")) for text in lists) if wide else ((), ())
        while told_of and told_of < number:
            told_of, told = next(statements, (0, ()))
        rights = told if told_of == number else ()
        spoken = by_site.get(site)
        if spoken is None:
            spoken = tuple(rule for rule in rules.rules if rule.speaks_of(site, url, authors, categories))
            if simple:
                by_site[site] = spoken
        key = (site, tuple(rule.number for rule in spoken), rights)
        if key not in known:
            said = [*(rule.said for rule in spoken), *((sites[site],) if site in sites else ())]
            known[key] = decide(said, rights, cutoff)
        yield number, known[key]


def _definition(name: str, settings: dict[str, Any]) -> Said:
    return Said(f"the definition of {name}", TIERS.get(settings.get("publish", "")), settings.get("licence") or "")


def _statements(db: Database, cutoff: str) -> Iterator[tuple[int, tuple[Right, ...]]]:
    """By article what its page said of its use: when it was read, and when it was last captured up to the cut-off."""
    rows = db.execute("""
        with read_from as materialized (
            select c.article_id, coalesce((select r.capture_id from revisions r where r.article_id = c.article_id and
                r.revision = c.revision), a.capture_id) as capture_id
            from temp.considered c join articles a on a.id = c.article_id
            union select c.article_id, (select x.id from captures x where x.url = c.url and x.status = 200 and
                substr(x.captured_at, 1, 19) <= ? order by x.captured_at desc limit 1) from temp.considered c)
        select distinct f.article_id, r.source, r.name, r.value, r.agent from read_from f
        join usage_statements r on r.capture_id = f.capture_id order by 1, 2, 3, 4, 5""", [cutoff or NEWEST])
    for number, group in groupby(rows, key=lambda row: row[0]):
        yield number, tuple(Right(*row[1:]) for row in group)
