"""How complete an archive is: every source set against the others, every address in one outcome.

A post counts as archived once its text is stored, whatever a later visit met; as missing while something told of it
and no visit has settled what it is. An address whose kind is not known yet may be a post, and counts as one there; so
does one that a web archive has seen and that is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlite_utils import Database

from archiver.items import Outcome, PageKind, Source
from archiver.store import missing, requisite_reports
from archiver.store.page_counts import Count, counts
from archiver.store.shapes import mapping
from archiver.store.tombstones import removals

STATES = ("archived", "missing", "gone", "refused")
_STORED = (Outcome.ARCHIVED, Outcome.UNCHANGED, Outcome.DUPLICATE)
_OPEN = (Outcome.DUE, Outcome.FAILED)
BALANCE = (*(o for o in Outcome if o not in (Outcome.UNCHANGED, Outcome.DUE, Outcome.FAILED)), Outcome.FAILED,
           Outcome.DUE)
"""The outcomes that a balance adds up; an unchanged page counts as archived."""
_LISTED = 20
# The sources that tell of posts, in the order of how much they know of a site.
_SOURCES = (Source.API, Source.CDX, Source.SITEMAP, Source.FEED, Source.LISTING, Source.LINK,
            Source.IMPORT, Source.REDIRECT)
# Pages that were fetched and showed nothing of their own; the others were set aside before.
_EMPTY_HANDED = "rule in ('soft-404', 'repeated listing', 'attachment', 'redirect-loop', 'login wall', 'consent wall')"
"""As the condition of `idx_pages_site_id_rule` has it, to the letter: or that index is not read."""


def coverage(db: Database, site: dict[str, Any], runs: int = 3) -> dict[str, Any]:
    """One site's state, ready for JSON.

    Keys: site, start_url, platform, articles (rows, and how many of them are gone, duplicates, revised), removed (how
    many were taken out, docs/upkeep.md), posts
    (addresses of posts by state, `found` in all), sources (the same per source, those that know most first, each with
    the `balance` of all that it told of), balance (all addresses by outcome, `found` in all), pages (the same without
    the outcomes that none has), traps (rule, pages, example, and whether they were `asked` for), missing (up to 20
    addresses with their reason), missing_total, failures (reason, pages, example), untrusted (what the site's
    server says and is not believed, and since when), requisites (`requisite_reports.state`), runs (the newest first,
    with `measures` as `store.run_measures` has them), complete (nothing is missing and the last run ended by itself).
    """
    site_id = site["id"]
    newest = [{**row, "statistics": mapping(row.get("statistics"))} for row in db.query(
        "select * from runs where site_id = ? order by id desc limit ?", [site_id, runs])]
    counted = counts(db, site_id)
    captured = _captured_before(db, site_id, counted)
    everything = [count for count in counted if not count.source]
    posts = _by_state(everything, captured.get(str(Source.CDX), 0))
    articles = [db.execute(f"select count(*) from articles where site = ? {condition}", [site["name"]]).fetchone()[0]
                for condition in ("", "and gone_at is not null", "and duplicate_of is not null", "and revision > 1")]
    outcomes = _by_outcome(everything)
    lacking = missing.count(db, site_id)
    return {
        "site": site["name"], "start_url": site["start_url"], "platform": site["platform"],
        "articles": dict(zip(("all", "gone", "duplicates", "revised"), articles, strict=True)),
        "removed": len(removals(db, "site = ? and allowed_at is null", [site["name"]])),
        "posts": posts, "sources": _sources(counted, captured), "balance": _balance(outcomes),
        "pages": dict(sorted(outcomes.items(), key=lambda one: (-one[1], one[0]))),
        "traps": _traps(db, site_id), "missing": missing.listed(db, site_id, _LISTED), "missing_total": lacking,
        "failures": _failures(db, site_id), "untrusted": mapping(site.get("untrusted")),
        "requisites": requisite_reports.state(db, site), "runs": newest,
        "complete": bool(newest) and newest[0]["outcome"] == "finished" and not lacking and not posts["missing"],
    }


def _state(count: Count) -> str:
    if count.kind == PageKind.PART:
        return "missing"
    if count.outcome == Outcome.GONE:
        return "gone"
    if count.with_article or count.outcome in _STORED:
        return "archived"
    return "refused" if count.outcome == Outcome.REFUSED else "missing" if count.outcome in _OPEN else "other"


def _posts(count: Count) -> bool:
    """Whether these are posts. A further page of a post is none; one that could not be read is missing."""
    if count.kind == PageKind.PART:
        return count.outcome == Outcome.FAILED
    return count.kind == PageKind.POST or count.with_article or (
        count.kind == PageKind.UNKNOWN and count.outcome in _OPEN)


def _captured_before(db: Database, site_id: int, counted: Iterable[Count]) -> dict[str, int]:
    """What was gone before it was ever read may have been a post, where a web archive has seen it: how many such pages
    there are, by each source that told of them."""
    if not any(_lost(count) and count.source == Source.CDX for count in counted):
        return {}
    return dict(db.execute(
        "select s.source, count(*) from pages p join page_sources s on s.page_id = p.id where p.site_id = ? "
        "and p.outcome = ? and p.kind = ? and p.article_id is null and exists "
        "(select 1 from page_sources o where o.page_id = p.id and o.source = ?) group by 1",
        [site_id, Outcome.GONE, PageKind.UNKNOWN, Source.CDX]).fetchall())


def _lost(count: Count) -> bool:
    return count.kind == PageKind.UNKNOWN and count.outcome == Outcome.GONE and not count.with_article


def _by_state(counted: Iterable[Count], captured: int) -> dict[str, int]:
    known = dict.fromkeys(STATES, 0)
    for count in counted:
        if _posts(count) and (state := _state(count)) in known:
            known[state] += count.pages
    known["gone"] += captured
    return {"found": sum(known.values()), **known}


def _by_outcome(counted: Iterable[Count]) -> dict[str, int]:
    out: Counter[str] = Counter()
    for count in counted:
        out[count.outcome] += count.pages
    return dict(out)


def _balance(outcomes: dict[str, int]) -> dict[str, int]:
    out = dict.fromkeys(map(str, BALANCE), 0)
    for outcome, number in outcomes.items():
        out["archived" if outcome == Outcome.UNCHANGED else outcome] += number
    return {"found": sum(out.values()), **out}


def _sources(counted: list[Count], captured: dict[str, int]) -> list[dict[str, Any]]:
    told = {source: [count for count in counted if count.source == source] for source in _SOURCES}
    return [{"source": str(source), **_by_state(those, captured.get(str(source), 0)),
             "balance": _balance(_by_outcome(those))} for source, those in told.items() if those]


def _traps(db: Database, site_id: int) -> list[dict[str, Any]]:
    rows = db.query(
        f"select rule, count(*) as pages, min(url) as example, max(outcome <> 'trap') as asked from pages "
        f"where id in (select id from pages where site_id = ?1 and outcome = 'trap' union "
        f"select id from pages where site_id = ?1 and {_EMPTY_HANDED}) group by rule order by 2 desc, 1", [site_id])
    return [{**row, "asked": bool(row["asked"])} for row in rows]


def _failures(db: Database, site_id: int) -> list[dict[str, Any]]:
    return list(db.query(
        "select case when reason <> '' then reason when status is not null then 'HTTP ' || status else 'unknown' end "
        "as reason, count(*) as pages, min(url) as example from pages where site_id = ? and outcome = ? "
        "group by 1 order by 2 desc, 1", [site_id, Outcome.FAILED]))
