"""What became of one address: the ledger's answer to "why"."""

from __future__ import annotations

import json
from typing import Any

from sqlite_utils import Database

from archiver.discovery.traps import says, trap_rule
from archiver.errors import ArticleRemoved, PageUnknown
from archiver.items import Outcome
from archiver.store.requisite_reports import requisite_at
from archiver.store.rights import rights_of
from archiver.store.tombstones import removal_at
from archiver.urls import Scope, normalize, start_address, urlkey


def trace(db: Database, address: str) -> dict[str, Any]:
    """All that is known of one address, ready for JSON. Raises BadAddress, PageUnknown or ArticleRemoved.

    Keys: asked, typed (the address as it was given, where it has parameters that say nothing of the page), url, urlkey,
    site, kind, outcome, reason, rule, status, redirects_to, found_at, fetched_at, changed_at, due_at, attempts,
    sources, lead, article, parts, captures, requisite (what is known of it as an image, stylesheet or font that pages
    need: see `requisite_reports.requisite_at`; an address that is nothing else is told of by that). An address that was
    never fetched itself, but that an article is known by, has outcome None and `article.address_kind`. `parts` are the
    pages of the post at this address (number, url, outcome), where it has several.
    """
    asked = start_address(address)
    key = urlkey(asked)
    typed = address.strip().partition("#")[0]
    page = next(iter(db.query("select p.*, s.name as site from pages p join sites s on s.id = p.site_id "
                              "where p.urlkey = ?", [key])), None)
    known = next(iter(db.query("select * from article_urls where urlkey = ?", [key])), None)
    requisite = requisite_at(db, typed)
    own = page or (dict(requisite) if requisite and not known else _never_entered(db, asked))
    if not own and known is None:
        if removal := removal_at(db, key):
            raise ArticleRemoved(asked, removal.told)
        raise PageUnknown(asked)
    url = own.get("url") or (known["url"] if known else asked)
    article_id = own.get("article_id") or (known["article_id"] if known else None)
    names = ("kind", "outcome", "reason", "rule", "status", "found_at", "fetched_at", "changed_at", "due_at",
             "attempts")
    return {
        "asked": asked, "typed": _dropped(typed), "url": url, "urlkey": key, "site": own.get("site"),
        **{name: own.get(name) for name in names},
        "redirects_to": _led_to(db, own.get("redirect_urlkey")),
        "sources": _sources(db, page["id"] if page else None),
        "source_hints": json.loads(own["source_hints"]) if own.get("source_hints") else None,
        "article": _article(db, article_id, known["kind"] if known else None),
        "parts": list(db.query(
            "select t.number, t.url, p.outcome from article_parts t join pages p on p.urlkey = t.urlkey "
            "where t.post_urlkey = ? and t.number <> 1 order by t.number", [key])),
        "captures": _captures(db, url, own.get("capture_id")),
        "requisite": requisite,
    }


def _dropped(typed: str) -> str:
    """The address as it was typed, where parameters were left out of it that say nothing of the page."""
    return typed if "://" in typed and normalize(typed) != typed and "?" in typed else ""


def _led_to(db: Database, key: str | None) -> str | None:
    """The address that a redirect leads to; its key where that is all that is known."""
    row = db.execute("select url from pages where urlkey = ? union all "
                     "select url from article_urls where urlkey = ? limit 1", [key, key]).fetchone()
    return row[0] if row else key


def _sources(db: Database, page_id: int | None) -> list[dict[str, Any]]:
    """Who told of a page. Only a web archive tells when it was captured; archives of a version before hold no times."""
    return [{k: v for k, v in row.items() if k != "page_id" and (v or not k.endswith("_capture"))} for row in db.query(
        "select * from page_sources where page_id = ? order by first_seen, source", [page_id])]


def _never_entered(db: Database, asked: str) -> dict[str, Any]:
    """The row that a trap's address would have: of some there are too many to enter each."""
    rule = trap_rule(asked)
    site = next((row["name"] for row in db.query("select name, host, path from sites order by length(path) desc")
                 if Scope(row["host"], row["path"]).contains(asked)), "")
    if not (rule and site):
        return {}
    return {"url": asked, "site": site, "kind": "unknown", "outcome": str(Outcome.TRAP), "rule": rule,
            "reason": says(rule)}


def _captures(db: Database, url: str, capture_id: int | None) -> list[dict[str, Any]]:
    """The captures of an address, oldest first, each with what it said of its use."""
    found = list(db.query(
        "select id, captured_at, status, media_type, record_type, digest, warc_file, warc_offset, warc_length "
        "from captures where url = ? or id = ? order by captured_at", [url, capture_id]))
    return [{**row, "usage_statements": rights_of(db, row.pop("id"))} for row in found]


def _article(db: Database, article_id: int | None, address_kind: str | None) -> dict[str, Any] | None:
    row = next(iter(db.query("select id, url, title, published, revision, gone_at, duplicate_of from articles "
                             "where id = ?", [article_id])), None)
    return {**row, "address_kind": address_kind} if row else None
