"""How complete an archive is, and what became of one address: the ledger's answers.

A post counts as archived once its text is stored, whatever a later visit met; as missing while
something told of it and no visit has settled what it is.
"""

from __future__ import annotations

import json
from typing import Any

from sqlite_utils import Database

from archiver.errors import PageUnknown
from archiver.items import Outcome, Source
from archiver.store.rights import rights_of
from archiver.urls import start_address, urlkey

_STATE = """case
    when p.kind = 'part' then 'missing'
    when p.outcome = 'gone' then 'gone'
    when p.article_id is not null or p.outcome in ('archived', 'unchanged', 'duplicate') then 'archived'
    when p.outcome = 'refused' then 'refused'
    when p.outcome in ('due', 'failed') then 'missing'
    else 'other' end"""
# A further page of a post is no post; one that could not be read is missing.
_POSTS = "p.site_id = ? and case when p.kind = 'part' then p.outcome = 'failed' " \
         "else p.kind = 'post' or p.article_id is not null end"
STATES = ("archived", "missing", "gone", "refused")
_LISTED = 20
# The sources that tell of posts, in the order of how much they know of a site.
_SOURCES = (Source.API, Source.SITEMAP, Source.FEED, Source.LISTING, Source.LINK, Source.LEDGER, Source.REDIRECT)


def coverage(db: Database, site: dict[str, Any], runs: int = 3) -> dict[str, Any]:
    """One site's state, ready for JSON.

    Keys: site, start_url, platform, articles (rows, and how many of them are gone, duplicates, revised), posts
    (addresses of posts by state, `found` in all), sources (the same per source, those that know most first), pages
    (all addresses by outcome), missing (up to 20 addresses with their reason), failures (reason, pages, example),
    runs (the newest first), complete (nothing is missing and the last run ended by itself).
    """
    site_id = site["id"]
    newest = list(db.query("select * from runs where site_id = ? order by id desc limit ?", [site_id, runs]))
    posts = _by_state(db.execute(f"select {_STATE}, count(*) from pages p where {_POSTS} group by 1",
                                 [site_id]).fetchall())
    articles = db.execute(
        "select count(*), count(gone_at), count(duplicate_of), coalesce(sum(revision > 1), 0) from articles "
        "where site = ?", [site["name"]]).fetchone()
    return {
        "site": site["name"], "start_url": site["start_url"], "platform": site["platform"],
        "articles": dict(zip(("all", "gone", "duplicates", "revised"), articles, strict=True)),
        "posts": posts, "sources": _sources(db, site_id),
        "pages": dict(db.execute(
            "select outcome, count(*) from pages where site_id = ? group by 1 order by 2 desc", [site_id]).fetchall()),
        "missing": list(db.query(
            f"select p.url, p.outcome, p.reason, p.attempts from pages p where {_POSTS} and {_STATE} = 'missing' "
            "order by p.id limit ?", [site_id, _LISTED])),
        "failures": _failures(db, site_id),
        "runs": newest,
        "complete": bool(newest) and newest[0]["outcome"] == "finished" and not posts["missing"],
    }


def _by_state(rows: list[tuple[str, int]]) -> dict[str, int]:
    counts = dict(rows)
    known = {state: counts.get(state, 0) for state in STATES}
    return {"found": sum(known.values()), **known}


def _sources(db: Database, site_id: int) -> list[dict[str, Any]]:
    rows: dict[str, list[tuple[str, int]]] = {}
    for source, state, number in db.execute(
        f"select s.source, {_STATE}, count(*) from pages p join page_sources s on s.page_id = p.id "
        f"where {_POSTS} group by 1, 2", [site_id],
    ):
        rows.setdefault(source, []).append((state, number))
    found = [{"source": str(source), **_by_state(rows[source])} for source in _SOURCES if source in rows]
    return [row for row in found if row["found"]]


def _failures(db: Database, site_id: int) -> list[dict[str, Any]]:
    return list(db.query(
        "select case when reason <> '' then reason when status is not null then 'HTTP ' || status else 'unknown' end "
        "as reason, count(*) as pages, min(url) as example from pages where site_id = ? and outcome = ? "
        "group by 1 order by 2 desc, 1", [site_id, Outcome.FAILED]))


def trace(db: Database, address: str) -> dict[str, Any]:
    """All that is known of one address, ready for JSON. Raises BadAddress or PageUnknown.

    Keys: asked, url, urlkey, site, kind, outcome, reason, rule, status, redirects_to, found_at, fetched_at, changed_at,
    due_at, attempts, sources, lead, article, parts, captures. An address that was never fetched itself, but
    that an article is known by, has outcome None and `article.address_kind`. `parts` are the pages of the post at this
    address (number, url, outcome), where it has several.
    """
    asked = start_address(address)
    key = urlkey(asked)
    page = next(iter(db.query("select p.*, s.name as site from pages p join sites s on s.id = p.site_id "
                              "where p.urlkey = ?", [key])), None)
    known = next(iter(db.query("select * from addresses where urlkey = ?", [key])), None)
    if page is None and known is None:
        raise PageUnknown(asked)
    own = page or {}
    url = own.get("url") or (known["url"] if known else asked)
    article_id = own.get("article_id") or (known["article_id"] if known else None)
    target = own.get("redirect_urlkey")
    redirect = next(iter(db.query("select url from pages where urlkey = ? union all "
                                  "select url from addresses where urlkey = ? limit 1", [target, target])), None)
    names = ("kind", "outcome", "reason", "rule", "status", "found_at", "fetched_at", "changed_at", "due_at",
             "attempts")
    return {
        "asked": asked, "url": url, "urlkey": key, "site": own.get("site"), **{name: own.get(name) for name in names},
        "redirects_to": redirect["url"] if redirect else target,
        "sources": list(db.query("select source, found_on, first_seen, last_seen from page_sources where page_id = ? "
                                 "order by first_seen, source", [own.get("id")])),
        "lead": json.loads(own["lead"]) if own.get("lead") else None,
        "article": _article(db, article_id, known["kind"] if known else None),
        "parts": list(db.query(
            "select t.number, t.url, p.outcome from parts t join pages p on p.urlkey = t.urlkey "
            "where t.post = ? and t.number <> 1 order by t.number", [key])),
        "captures": _captures(db, url, own.get("capture_id")),
    }


def _captures(db: Database, url: str, capture_id: int | None) -> list[dict[str, Any]]:
    """The captures of an address, oldest first, each with what it said of its use."""
    found = list(db.query(
        "select id, captured_at, status, media_type, record_type, digest, warc_file, warc_offset, warc_length "
        "from captures where url = ? or id = ? order by captured_at", [url, capture_id]))
    return [{**row, "rights": rights_of(db, row.pop("id"))} for row in found]


def _article(db: Database, article_id: int | None, address_kind: str | None) -> dict[str, Any] | None:
    row = next(iter(db.query("select id, url, title, published, revision, gone_at, duplicate_of from articles "
                             "where id = ?", [article_id])), None)
    return {**row, "address_kind": address_kind} if row else None
