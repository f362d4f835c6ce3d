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
from archiver.items import NEEDS_JAVASCRIPT, UNDONE, DiscoverySource, Outcome, PageKind
from archiver.storage import Database
from archiver.storage.pages_and_source_hints import LATEST_HINT, stamp

_EXPLAINED_OUTCOMES = frozenset(
    {Outcome.DUE, Outcome.FAILED, Outcome.HELD, Outcome.GONE, Outcome.NOT_FOUND, Outcome.REFUSED, Outcome.OUT_OF_SCOPE}
)
_BY_ADDRESS = frozenset({"listing address", "date address", "page address", "home"})
_EXPLAINED_RULES = _BY_ADDRESS | {
    SCOPE,
    FILE,
    NEEDS_JAVASCRIPT,
    UNDONE,
    "not-html",
    "own feed",
    "kind given by its source",
}
"""Rules that say why an entry is not a post without a guess from its appearance."""
_FEWEST_ENTRIES = 3
_SOURCES = {"entry": "lists", "feed": "feeds", "api": "the API", "sitemap": "sitemaps"}


@dataclass(frozen=True, slots=True)
class EntryAudit:
    """How many of the entries that a site shows as posts are stored.

    - `shown`: all entries; `sources`: the kinds of source that show them, for messages.
    - `unstored`: those that are not stored and for which no rule says why; `rule` is the most frequent judgement of
      these pages, and `example` the URL of one of them.
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


_IS_STORED = "exists (select 1 from articles a where a.id = {0}.article_id and a.id not in (select article_id from "
_ENTRIES = f"""select p.id, p.url, p.outcome, coalesce(p.rule, ''), d.source,
    coalesce(d.found_on, f.url, ''), d.source <> 'feed' or coalesce(h.hint ->> '$.published', '') <> '',
    {_IS_STORED.format("p")} withdrawn_articles)) or
    coalesce((select {_IS_STORED.format("t")} withdrawn_articles)) from pages t where t.urlkey = p.redirect_urlkey), 0),
    (select t.outcome from pages t where t.urlkey = p.redirect_urlkey)
    from pages p join page_discoveries d on d.page_id = p.id left join pages f on f.id = d.found_on_page_id
    left join source_hints h on d.source = 'feed' and {LATEST_HINT}
    where p.site_id = ? and d.source in ('entry', 'feed', 'api', 'sitemap')
    and p.kind not in ('feed', 'sitemap', 'api', 'cdx', 'robots', 'part') order by p.id"""
_LISTS = """select d.found_on_page_id from page_discoveries d join pages p on p.id = d.page_id
    where p.site_id = ? and d.source = 'entry' group by 1 having count(*) >= ?"""


def audit_entries(db: Database, site_id: int) -> EntryAudit:
    """Compares the entries of a site with what is stored."""
    lists = {row[0] for row in db.execute(_LISTS, [site_id, _FEWEST_ENTRIES])}
    shown: set[int] = set()
    sources: Counter[str] = Counter()
    unstored: dict[int, tuple[str, str]] = {}
    for page_id, url, outcome, rule, source, found_on, is_dated, is_stored, leads_to in db.execute(_ENTRIES, [site_id]):
        if not is_dated or (source == DiscoverySource.SITEMAP and kind_of_sitemap(found_on) is not PageKind.POST):
            continue
        if page_id not in shown:
            shown.add(page_id)
            if not (is_stored or page_id in lists or _is_explained(outcome, rule, leads_to)):
                unstored[page_id] = (rule, url)
        sources[_SOURCES[source]] += 1
    rules = Counter(rule for rule, _ in unstored.values())
    rule = rules.most_common(1)[0][0] if rules else ""
    example = min((url for one, url in unstored.values() if one == rule), default="")
    return EntryAudit(len(shown), len(unstored), rule, example, tuple(name for name, _ in sources.most_common()))


def _is_explained(outcome: str, rule: str, leads_to: str | None) -> bool:
    """Returns True if the outcome of an entry that is not stored says why: its server, its owner or its address decided
    so. `leads_to` is the outcome of the page to which it redirects.
    """
    if outcome == Outcome.DUPLICATE and leads_to is not None:
        return leads_to in _EXPLAINED_OUTCOMES
    return outcome in _EXPLAINED_OUTCOMES or rule in _EXPLAINED_RULES or rule.startswith("equivalent-url")
