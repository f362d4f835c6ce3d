"""The history of one URL, as `archiver why` shows it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from archiver.discovery.url_patterns import matching_trap_rule, trap_reason
from archiver.frontier.fetch_order import next_day_end
from archiver.model.due_reasons import due_sentence
from archiver.model.errors import ArticleRemoved, URLNotFound
from archiver.model.items import Outcome, PageKind
from archiver.model.urls import Scope, normalize, start_address, urlkey
from archiver.model.words import count_noun
from archiver.storage import Database
from archiver.storage.articles import withdrawal_of
from archiver.storage.captures import tombstone_at, usage_statements_of
from archiver.storage.pages import LATEST_HINT, due_time_of_source, moment
from archiver.storage.requisites import requisite_at


def url_history(db: Database, address: str) -> dict[str, Any]:
    """Returns everything the archive knows about one URL, ready for JSON. Raises BadAddress, URLNotFound or
    ArticleRemoved.

    Keys: asked (the normalized URL), typed (the URL as given, if it has parameters that normalization removes), url,
    urlkey, site, kind, outcome, reason, rule, status, redirects_to, found_at, fetched_at, changed_at, due_at, due_for
    (why the page is due then), attempts, sources, source_hints, article, parts, captures, requisite (see
    `requisite_at`; the other keys repeat it if the URL is only a requisite). The outcome is None, and
    `article.address_kind` is given, if the URL was never fetched itself but is an alias of an article, or if it was
    captured before its site moved. `article.revisions` are all observed states of the article, in order. `parts` are
    the other pages of the post (number, url, outcome).
    """
    asked = start_address(address)
    key = urlkey(asked)
    typed = address.strip().partition("#")[0]
    page = next(
        iter(
            db.query(
                "select p.*, s.name as site, h.hint from pages p join sites s on s.id = p.site_id "
                f"left join source_hints h on {LATEST_HINT} where p.urlkey = ?",
                [key],
            )
        ),
        None,
    )
    known = next(iter(db.query("select * from article_urls where urlkey = ?", [key])), None)
    requisite = requisite_at(db, typed)
    own = page or (dict(requisite) if requisite and not known else _excluded_by_classifier(db, asked))
    own = own or _captured_at_former_address(db, asked)
    if not own and known is None:
        if removal := tombstone_at(db, key):
            raise ArticleRemoved(asked, removal.explanation)
        raise URLNotFound(asked)
    url = own.get("url") or (known["url"] if known else asked)
    article_id = own.get("article_id") or (known["article_id"] if known else None)
    names = (
        "kind",
        "outcome",
        "reason",
        "rule",
        "status",
        "found_at",
        "fetched_at",
        "changed_at",
        "due_at",
        "attempts",
    )
    source = due_time_of_source(db, own, datetime.now(UTC)) if page else None
    return {
        "asked": asked,
        "typed": _if_parameters_removed(typed),
        "url": url,
        "urlkey": key,
        "site": own.get("site"),
        **{name: own.get(name) for name in names},
        "due_for": _due_for(own) if page else "",
        **({"due_at": source[0], "due_for": source[1]} if source else {}),
        "redirects_to": _redirect_target(db, own.get("redirect_urlkey")),
        "sources": _sources_of_page(db, page["id"] if page else None),
        "source_hints": json.loads(own["hint"]) if own.get("hint") else None,
        "article": _article(db, article_id, known["kind"] if known else None),
        "parts": list(
            db.query(
                "select t.number, t.url, p.outcome from article_parts t join pages p on p.urlkey = t.urlkey "
                "where t.post_urlkey = ? and t.number <> 1 order by t.number",
                [key],
            )
        ),
        "captures": _captures(db, url, own.get("capture_id")),
        "requisite": requisite,
    }


def _due_for(page: dict[str, Any]) -> str:
    """Returns the reason why a page is due at its `due_at`; "" if it is never due."""
    due, fetched = moment(page["due_at"]), moment(page["fetched_at"])
    if due is None:
        return ""
    if page["due_for"]:
        return due_sentence(page["due_for"], page["due_by"])
    if fetched is None:
        return "it was never fetched"
    if due <= fetched:
        return "the next crawl fetches it again"
    if page["outcome"] == Outcome.FAILED:
        return "the last fetch failed"
    if (lastmod := moment(page["lastmod"])) and due == next_day_end(lastmod, fetched):
        return "its last change has only a day, which had not ended at the last fetch"
    days = f"{count_noun(max(1, round((due - fetched) / timedelta(days=1))), 'day')} after the last fetch"
    if page["kind"] == PageKind.POST and page["outcome"] in (Outcome.ARCHIVED, Outcome.UNCHANGED):
        return f"{days} (older posts less often), or sooner if a source says that it changed or a crawl samples it"
    return f"{days}, or sooner if a source says that it changed"


def _if_parameters_removed(typed: str) -> str:
    """Returns the URL as typed if normalization removes parameters from it; otherwise ""."""
    return typed if "://" in typed and normalize(typed) != typed and "?" in typed else ""


def _redirect_target(db: Database, key: str | None) -> str | None:
    """Returns the URL with the urlkey `key`, to which another URL redirects; the urlkey itself if the archive does not
    have the URL, None if `key` is None.
    """
    row = db.execute(
        "select url from pages where urlkey = ? union all select url from article_urls where urlkey = ? limit 1",
        [key, key],
    ).fetchone()
    return row[0] if row else key


def _sources_of_page(db: Database, page_id: int | None) -> list[dict[str, Any]]:
    """Returns the discovery sources that reported a page, as rows for JSON; [] if `page_id` is None. Only web archives
    give the times of captures.
    """
    return [
        {k: v for k, v in row.items() if k != "page_id" and (v or not k.endswith("_capture"))}
        for row in db.query("select * from page_sources where page_id = ? order by first_seen, source", [page_id])
    ]


def _excluded_by_classifier(db: Database, asked: str) -> dict[str, Any]:
    """Returns the row that the URL `asked`, excluded by a trap rule, would have in `pages`; {} if no trap rule excludes
    it. Some traps have too many URLs to store a row for each.
    """
    rule = matching_trap_rule(asked)
    site = next(
        (
            row["name"]
            for row in db.query("select name, host, path from sites order by length(path) desc")
            if Scope(row["host"], row["path"]).contains(asked)
        ),
        "",
    )
    if not (rule and site):
        return {}
    return {
        "url": asked,
        "site": site,
        "kind": "unknown",
        "outcome": str(Outcome.TRAP),
        "rule": rule,
        "reason": trap_reason(rule),
    }


def _captured_at_former_address(db: Database, asked: str) -> dict[str, Any]:
    """Returns what is still known of the URL `asked` if it was captured before its site moved to another address, with
    the columns of its former row in `pages`; {} for any other URL.
    """
    row = db.execute(
        "select s.name from captures c join runs r on r.id = c.run_id join sites s on s.id = r.site_id "
        "where c.url = ? limit 1",
        [asked],
    ).fetchone()
    return {"url": asked, "site": row[0]} if row else {}


def _captures(db: Database, url: str, capture_id: int | None) -> list[dict[str, Any]]:
    """Returns the captures of a URL and the capture with the ID `capture_id` (None: no other capture), oldest first,
    each with its usage statements.
    """
    found = list(
        db.query(
            "select id, captured_at, status, media_type, record_type, digest, warc_file, warc_offset, warc_length "
            "from captures where url = ? or id = ? order by captured_at",
            [url, capture_id],
        )
    )
    return [{**row, "usage_statements": usage_statements_of(db, row.pop("id"))} for row in found]


def _article(db: Database, article_id: int | None, address_kind: str | None) -> dict[str, Any] | None:
    row = next(
        iter(
            db.query(
                "select id, url, title, published, revision, gone_at, duplicate_of from articles where id = ?",
                [article_id],
            )
        ),
        None,
    )
    if row is None:
        return None
    withdrawn = withdrawal_of(db, row["id"])
    states = db.query(
        "select revision, observed_at, changed, same_as, undone_at from revisions where article_id = ? "
        "order by revision",
        [article_id],
    )
    revisions = [{**one, "changed": json.loads(one["changed"] or "[]")} for one in states]
    kind = {"address_kind": address_kind, "withdrawn": asdict(withdrawn) if withdrawn else None}
    return {**row, **kind, "revisions": revisions}
