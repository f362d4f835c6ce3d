"""Compares the entries that a site shows as posts with what is stored, address by address.

An entry is a page that the home page or a list of the site shows with a date beside its link, that a feed dates, or
that the site's API or its sitemap of posts lists. Whether the page looks like a post is not asked, because that is the
judgement which the comparison checks.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from archiver.discovery.sitemaps import kind_of_sitemap
from archiver.discovery.url_classifier_and_patterns import FILE, SCOPE
from archiver.extraction.page_classifier import is_declared
from archiver.items import NEEDS_JAVASCRIPT, UNDONE, DiscoverySource, Outcome, PageKind
from archiver.storage import Database
from archiver.storage.page_counts import page_counts
from archiver.storage.pages_and_source_hints import LATEST_HINT, stamp

_EXPLAINED_OUTCOMES = frozenset(
    {Outcome.DUE, Outcome.FAILED, Outcome.HELD, Outcome.GONE, Outcome.NOT_FOUND, Outcome.REFUSED, Outcome.OUT_OF_SCOPE}
)
_BY_ADDRESS = frozenset({"listing address", "date address", "page address", "home"})
_EXPLAINED_RULES = frozenset({SCOPE, FILE, NEEDS_JAVASCRIPT, UNDONE, "not-html", "kind given by its source"})
"""Rules that say why an entry is not a post without a guess from its appearance."""
_JSON_LD = "json-ld"  # a theme may declare each of its posts as a collection
_FEWEST_ENTRIES = 3
_SOURCES = {"entry": "lists", "feed": "feeds", "api": "the API", "sitemap": "sitemaps"}


@dataclass(frozen=True, slots=True)
class EntryAudit:
    """How many of the entries that a site shows as posts are stored.

    - `unstored`: those that are not stored and for which no rule says why; `rule` is the most frequent judgement of
      these pages, `example` the URL of one of them, and `sources` are the kinds of source that show them.
    - `shown`: these and the stored ones of the source that shows most.
    """

    shown: int = 0
    unstored: int = 0
    rule: str = ""
    example: str = ""
    sources: tuple[str, ...] = ()


def record_entries(db: Database, site_id: int, page_id: int, keys: Iterable[str], at: datetime) -> None:
    """Records that a list, the page with this ID, shows the pages at these urlkeys with dates beside their links."""
    db.execute(
        "insert into page_discoveries (page_id, source, found_on_page_id, first_seen) "
        "select p.id, ?1, ?2, ?3 from json_each(?4) k join pages p on p.urlkey = k.value where p.site_id = ?5 "
        "on conflict (page_id, source) do update set last_seen = excluded.first_seen, "
        "found_on_page_id = excluded.found_on_page_id",
        [DiscoverySource.ENTRY, page_id, stamp(at), json.dumps(list(keys)), site_id],
    )


_IS_LIVE = (
    "exists (select 1 from articles a where a.id = {0}.article_id "
    "and a.id not in (select article_id from withdrawn_articles))"
)
_LEADS_TO_LIVE = f"exists (select 1 from pages t where t.urlkey = p.redirect_urlkey and {_IS_LIVE.format('t')})"
_MAY_BE_UNSTORED = """select id from pages where site_id = ?1 and outcome in ('not-article', 'duplicate', 'trap')
    union select id from pages where site_id = ?1 and outcome = 'gone' and status = 200
    union select p.id from withdrawn_articles w cross join pages p on p.article_id = w.article_id
    where p.site_id = ?1"""
_ENTRIES = f"""select p.id, p.url, p.outcome, coalesce(p.rule, ''), p.kind, d.source, coalesce(d.found_on, f.url, ''),
    d.first_seen, (select t.outcome from pages t where t.urlkey = p.redirect_urlkey)
    from ({_MAY_BE_UNSTORED}) c cross join pages p on p.id = c.id cross join page_discoveries d on d.page_id = p.id
    left join pages f on f.id = d.found_on_page_id
    where p.kind not in ('feed', 'sitemap', 'api', 'cdx', 'robots', 'part')
    and (d.source in ('entry', 'api', 'sitemap') or d.source = 'feed' and exists (select 1 from source_hints h
    where {LATEST_HINT} and h.hint ->> '$.published' is not null))
    and not {_IS_LIVE.format("p")} and not {_LEADS_TO_LIVE}"""

_HELD = """select held, (select max(started_at) from runs where site_id = ?1 and started_at <= since) from (
    select count(*) as held, min(h.held_since) as since from held_pages h cross join pages p on p.id = h.page_id
    where p.site_id = ?1 and h.held_since >= (select date(max(started_at), '-7 days') from runs where site_id = ?1))"""


def audit_entries(db: Database, site_id: int) -> EntryAudit:
    """Compares the entries of a site with what is stored. Pages of stored posts are only counted, not read.

    While known posts are held, for a week at most, entries that are as new are not counted unless they are more: what
    the site shows in place of its posts, it shows in place of new ones too, and the held pages are reported.
    """
    held, held_since = db.execute(_HELD, [site_id]).fetchone()
    unstored: dict[int, tuple[str, str]] = {}
    unsettled: set[int] = set()
    sources: Counter[str] = Counter()
    for page_id, url, outcome, rule, kind, source, found_on, seen, leads_to in db.execute(_ENTRIES, [site_id]):
        if source == DiscoverySource.SITEMAP and kind_of_sitemap(found_on) is not PageKind.POST:
            continue
        if not _is_explained(outcome, rule, kind, source, leads_to):
            unstored[page_id] = (rule, url)
            sources[_SOURCES[source]] += 1
            if held and seen >= (held_since or ""):
                unsettled.add(page_id)
    if len(unsettled) <= held:
        unstored = {page_id: one for page_id, one in unstored.items() if page_id not in unsettled}
    if unstored:
        lists = {
            row[0]
            for row in db.execute(
                "select d.found_on_page_id from page_discoveries d where d.source = 'entry' and d.found_on_page_id in "
                "(select value from json_each(?)) group by 1 having count(*) >= ?",
                [json.dumps(list(unstored)), _FEWEST_ENTRIES],
            )
        }
        unstored = {page_id: one for page_id, one in unstored.items() if page_id not in lists}
    if not unstored:
        return EntryAudit()
    stored: Counter[str] = Counter()
    for count in page_counts(db, site_id):
        if count.with_article and count.source in _SOURCES:
            stored[count.source] += count.pages
    rules = Counter(rule for rule, _ in unstored.values())
    rule = rules.most_common(1)[0][0]
    example = min(url for one, url in unstored.values() if one == rule)
    shown = max(stored.values(), default=0) + len(unstored)
    return EntryAudit(shown, len(unstored), rule, example, tuple(name for name, _ in sources.most_common()))


def _is_explained(outcome: str, rule: str, kind: str, source: str, leads_to: str | None) -> bool:
    """Returns True if the outcome of an entry that is not stored says why: its server, its owner, its address or the
    site's software decided so. An address explains nothing if a feed or the API has the entry. `leads_to` is the
    outcome of the page to which it redirects.
    """
    if kind == PageKind.LISTING and rule != _JSON_LD and is_declared(rule):
        return True
    if outcome == Outcome.DUPLICATE and leads_to is not None:
        return leads_to in _EXPLAINED_OUTCOMES
    if outcome == Outcome.GONE:
        return rule.startswith("http-")  # a page that only says so, at status 200, may have been misread
    if rule in _BY_ADDRESS:
        return source not in (DiscoverySource.FEED, DiscoverySource.API)
    return outcome in _EXPLAINED_OUTCOMES or rule in _EXPLAINED_RULES or rule.startswith("equivalent-url")
