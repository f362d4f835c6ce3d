"""How complete an archive is: every source set against the others, every address in one outcome.

A post counts as archived once its text is stored, whatever a later visit met; as missing while something told of it
and no visit has settled what it is. An address whose kind is not known yet may be a post, and counts as one there; so
does one that a web archive has seen and that is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlite_utils import Database

from archiver.items import Outcome, Source
from archiver.store import missing, requisite_reports
from archiver.store.takedown.bans import removals

_STATE = """case
    when p.kind = 'part' then 'missing'
    when p.outcome = 'gone' then 'gone'
    when p.article_id is not null or p.outcome in ('archived', 'unchanged', 'duplicate') then 'archived'
    when p.outcome = 'refused' then 'refused'
    when p.outcome in ('due', 'failed') then 'missing'
    else 'other' end"""
# A further page of a post is no post; one that could not be read is missing. What was gone before it was ever read may
# have been a post, where a web archive has seen it.
_POSTS = "p.site_id = ? and case when p.kind = 'part' then p.outcome = 'failed' else p.kind = 'post' " \
         "or p.article_id is not null or (p.kind = 'unknown' and (p.outcome in ('due', 'failed') or p.outcome = " \
         "'gone' and exists (select 1 from page_sources o where o.page_id = p.id and o.source = 'cdx'))) end"
STATES = ("archived", "missing", "gone", "refused")
BALANCE = (*(o for o in Outcome if o not in (Outcome.UNCHANGED, Outcome.DUE, Outcome.FAILED)), Outcome.FAILED,
           Outcome.DUE)
"""The outcomes that a balance adds up; an unchanged page counts as archived."""
_LISTED = 20
# The sources that tell of posts, in the order of how much they know of a site.
_SOURCES = (Source.API, Source.CDX, Source.SITEMAP, Source.FEED, Source.LISTING, Source.LINK, Source.LEDGER,
            Source.IMPORT, Source.REDIRECT)
# Pages that were fetched and showed nothing of their own; the others were set aside before.
_EMPTY_HANDED = ("soft-404", "repeated listing", "attachment", "redirect-loop", "login wall", "consent wall")


def coverage(db: Database, site: dict[str, Any], runs: int = 3) -> dict[str, Any]:
    """One site's state, ready for JSON.

    Keys: site, start_url, platform, articles (rows, and how many of them are gone, duplicates, revised), removed (how
    many were taken out, docs/upkeep.md), posts
    (addresses of posts by state, `found` in all), sources (the same per source, those that know most first, each with
    the `balance` of all that it told of), balance (all addresses by outcome, `found` in all), pages (the same without
    the outcomes that none has), traps (rule, pages, example, and whether they were `asked` for), missing (up to 20
    addresses with their reason), missing_total, failures (reason, pages, example), distrusted (what the site's
    server says and is not believed, and since when), requisites (`requisite_reports.state`), runs (the newest first,
    with `measures` as `health.measures` has them), complete (nothing is missing and the last run ended by itself).
    """
    site_id = site["id"]
    newest = [{**row, "measures": json.loads(row.get("measures") or "{}")} for row in db.query(
        "select * from runs where site_id = ? order by id desc limit ?", [site_id, runs])]
    posts = _by_state(db.execute(f"select {_STATE}, count(*) from pages p where {_POSTS} group by 1",
                                 [site_id]).fetchall())
    articles = db.execute(
        "select count(*), count(gone_at), count(duplicate_of), coalesce(sum(revision > 1), 0) from articles "
        "where site = ?", [site["name"]]).fetchone()
    outcomes = db.execute("select outcome, count(*) from pages where site_id = ? group by 1 order by 2 desc",
                          [site_id]).fetchall()
    lacking = missing.count(db, site_id)
    return {
        "site": site["name"], "start_url": site["start_url"], "platform": site["platform"],
        "articles": dict(zip(("all", "gone", "duplicates", "revised"), articles, strict=True)),
        "removed": len(removals(db, "site = ? and allowed_at is null", [site["name"]])),
        "posts": posts, "sources": _sources(db, site_id), "balance": _balance(outcomes), "pages": dict(outcomes),
        "traps": _traps(db, site_id), "missing": missing.listed(db, site_id, _LISTED), "missing_total": lacking,
        "failures": _failures(db, site_id), "distrusted": json.loads(site.get("distrusted") or "{}"),
        "requisites": requisite_reports.state(db, site), "runs": newest,
        "complete": bool(newest) and newest[0]["outcome"] == "finished" and not lacking and not posts["missing"],
    }


def _by_state(rows: list[tuple[str, int]]) -> dict[str, int]:
    counts = dict(rows)
    known = {state: counts.get(state, 0) for state in STATES}
    return {"found": sum(known.values()), **known}


def _balance(rows: Iterable[tuple[str, int]]) -> dict[str, int]:
    out = dict.fromkeys(map(str, BALANCE), 0)
    for outcome, number in rows:
        out["archived" if outcome == Outcome.UNCHANGED else outcome] += number
    return {"found": sum(out.values()), **out}


def _sources(db: Database, site_id: int) -> list[dict[str, Any]]:
    states: dict[str, list[tuple[str, int]]] = {}
    outcomes: dict[str, list[tuple[str, int]]] = {}
    for source, state, number in db.execute(
        f"select s.source, {_STATE}, count(*) from pages p join page_sources s on s.page_id = p.id "
        f"where {_POSTS} group by 1, 2", [site_id],
    ):
        states.setdefault(source, []).append((state, number))
    for source, outcome, number in db.execute(
        "select s.source, p.outcome, count(*) from pages p join page_sources s on s.page_id = p.id "
        "where p.site_id = ? group by 1, 2", [site_id],
    ):
        outcomes.setdefault(source, []).append((outcome, number))
    return [{"source": str(source), **_by_state(states.get(source, [])), "balance": _balance(outcomes[source])}
            for source in _SOURCES if source in outcomes]


def _traps(db: Database, site_id: int) -> list[dict[str, Any]]:
    marks = ", ".join("?" * len(_EMPTY_HANDED))
    rows = db.query(
        f"select rule, count(*) as pages, min(url) as example, max(outcome <> 'trap') as asked from pages "
        f"where site_id = ? and (outcome = 'trap' or rule in ({marks})) group by rule order by 2 desc, 1",
        [site_id, *_EMPTY_HANDED])
    return [{**row, "asked": bool(row["asked"])} for row in rows]


def _failures(db: Database, site_id: int) -> list[dict[str, Any]]:
    return list(db.query(
        "select case when reason <> '' then reason when status is not null then 'HTTP ' || status else 'unknown' end "
        "as reason, count(*) as pages, min(url) as example from pages where site_id = ? and outcome = ? "
        "group by 1 order by 2 desc, 1", [site_id, Outcome.FAILED]))
