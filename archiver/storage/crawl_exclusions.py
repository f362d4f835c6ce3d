"""What keeps a crawl from fetching a page: trap rules, and the evidence for them.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from archiver.frontier.equivalent_urls import EQUIVALENT_URL_RULE
from archiver.frontier.fetch_order_and_revisits import VOUCHING_SOURCES
from archiver.frontier.pattern_budgets import PATTERN_BUDGET_RULE
from archiver.frontier.source_coverage import SourceCoverage
from archiver.items import DiscoverySource, Outcome, PageKind
from archiver.storage import Database
from archiver.storage import pages_and_source_hints as pages
from archiver.storage.page_counts import page_counts

LEARNED_RULES = (PATTERN_BUDGET_RULE, EQUIVALENT_URL_RULE)
"""The beginnings of the names of rules that a run learns. All other trap rules are in the URL classifier's table."""
_MOST_SIBLINGS = 50


def exclude_page(db: Database, page_id: int, rule: str, reason: str) -> None:
    """Marks a page that was never fetched as excluded by a trap rule. Its row stays in the pages table."""
    db.execute(
        "update pages set outcome = 'trap', rule = ?, reason = ?, due_at = null where id = ?", [rule, reason, page_id]
    )


def postpone_page(db: Database, page_id: int, until: str) -> None:
    """Sets the time at which a page is due next to `until` (ISO 8601, UTC)."""
    db.execute("update pages set due_at = ? where id = ?", [until, page_id])


def views_without_post(db: Database, site_id: int) -> list[tuple[int, str, str]]:
    """Returns the fetched pages of a site that have a query in their address and are not posts, each with its ID, URL
    and due time. Pages that a feed, sitemap or API lists are left out.
    """
    sources = sorted(VOUCHING_SOURCES)
    return db.execute(
        "select p.id, p.url, p.due_at from pages p where p.site_id = ? and p.fetched_at is not null "
        "and p.article_id is null and p.kind in (?, ?, ?) and p.outcome in (?, ?) and instr(p.url, '?') > 0 "
        "and not exists (select 1 from page_sources s where s.page_id = p.id "
        f"and s.source in ({', '.join('?' * len(sources))})) order by p.id",
        [
            site_id,
            PageKind.PAGE,
            PageKind.LISTING,
            PageKind.OTHER,
            Outcome.NOT_ARTICLE,
            Outcome.UNCHANGED,
            *sources,
        ],
    ).fetchall()


def views_with_posts(db: Database, site_id: int) -> list[str]:
    """Returns the URLs with a query at which a site shows posts, or that were the first to report a post."""
    return [
        row[0]
        for row in db.execute(
            "select url from pages where site_id = :site and instr(url, '?') > 0 and (kind = :post or article_id > 0) "
            "union select s.found_on from page_sources s join pages p on p.id = s.page_id "
            "where p.site_id = :site and (p.kind = :post or p.article_id > 0) and instr(s.found_on, '?') > 0 "
            "and not exists (select 1 from page_sources o where o.page_id = p.id and o.first_seen < s.first_seen)",
            {"site": site_id, "post": PageKind.POST},
        )
    ]


REQUESTED = "requested although a trap rule applies"
"""The reason stored for excluded pages that a person asked the crawl to fetch. No budget applies to these pages."""


def include_again(db: Database, site_id: int, due_at: str) -> None:
    """Makes due the pages of a site that learned trap rules excluded. Pages excluded by the URL classifier stay
    excluded.
    """
    for rule in LEARNED_RULES:
        db.execute(
            "update pages set outcome = 'due', reason = ?, rule = null, due_at = ? where site_id = ? and "
            "outcome = 'trap' and rule like ? || '%'",
            [REQUESTED, due_at, site_id, rule],
        )


def set_aside_pages(db: Database, site_id: int, rule: str, limit: int = -1) -> list[dict[str, Any]]:
    """Returns the pages of a site that trap rules whose names begin with `rule` exclude: id, url, urlkey, kind. A
    `limit` of -1 returns all.
    """
    return list(
        db.query(
            "select id, url, urlkey, kind from pages where site_id = ? and outcome = 'trap' and rule like ? || '%' "
            "order by id limit ?",
            [site_id, rule, limit],
        )
    )


def pages_set_aside_because(db: Database, site_id: int, reason: str) -> list[dict[str, Any]]:
    """Returns the pages of a site that are excluded for this reason: id, url, urlkey, kind."""
    return list(
        db.query(
            "select id, url, urlkey, kind from pages where site_id = ? and outcome = 'trap' and reason = ? order by id",
            [site_id, reason],
        )
    )


def pages_set_aside_at(db: Database, keys: Iterable[str], rules: Iterable[str]) -> list[int]:
    """Returns the IDs of the pages at these urlkeys that are excluded by one of these trap rules."""
    marks, names = list(keys), list(rules)
    if not marks:
        return []
    rows = db.execute(
        f"select id from pages where urlkey in ({', '.join('?' * len(marks))}) and outcome = 'trap' "
        f"and rule in ({', '.join('?' * len(names))})",
        [*marks, *names],
    )
    return [row[0] for row in rows]


def include_pages(db: Database, page_ids: Iterable[int], due_at: str) -> None:
    """Makes these trap-excluded pages due."""
    db.conn.executemany(
        "update pages set outcome = 'due', reason = '', rule = null, due_at = ? where id = ? and outcome = 'trap'",
        [(due_at, page_id) for page_id in page_ids],
    )


@dataclass(frozen=True, slots=True)
class DiscoveryReport:
    """A discovery source that reported a page, and the URL where it did. `vouches` is True if the report makes it
    likely that the page is a post. This is so if a feed, sitemap, API, import or the seed reported it, or if its link
    is the title of an entry on the home page or on a listing.
    """

    source: DiscoverySource
    found_on: str
    vouches: bool


def reports_of(db: Database, page_ids: Iterable[int]) -> dict[int, list[DiscoveryReport]]:
    """Returns the reports of each of these pages, by ID; a page that no source has reported is left out."""
    found: dict[int, list[DiscoveryReport]] = {}
    for page_id, source, found_on, vouches in db.conn.execute(_REPORTS, [json.dumps(list(page_ids))]):
        report = DiscoveryReport(DiscoverySource(source), found_on or "", bool(vouches))
        found.setdefault(page_id, []).append(report)
    return found


_REPORTS = """select d.page_id, d.source, coalesce(d.found_on, f.url),
    d.source in ('feed', 'sitemap', 'api', 'seed', 'import')
    or d.source = 'listing' and ifnull(f.kind = 'listing' or f.priority = 0, 0)
    from json_each(?) j cross join page_discoveries d on d.page_id = j.value
    left join pages f on f.id = d.found_on_page_id order by d.page_id, d.source"""


def is_part_feed(db: Database, page_id: int) -> bool:
    """Returns True if a feed was found only by links on pages other than the home page, so that the feed probably
    contains only a part of the site's posts.
    """
    return (
        db.execute(
            "select 1 from page_discoveries d left join pages f on f.id = d.found_on_page_id where d.page_id = ? and "
            "(d.source <> 'link' or f.id is null or f.priority = 0)",
            [page_id],
        ).fetchone()
        is None
    )


def feeds_before(db: Database, site_id: int, page_id: int) -> list[tuple[str, bool, bool]]:
    """Returns the feeds of a site that were found before this page, each as (URL, has proved to be a feed, is not
    fetched yet).
    """
    rows = db.execute(
        "select url, outcome in ('not-article', 'unchanged') and rule like 'feed %', outcome = 'due' from pages "
        "where site_id = ? and kind = 'feed' and id < ?",
        [site_id, page_id],
    )
    return [(row[0], bool(row[1]), bool(row[2])) for row in rows]


def source_coverage(db: Database, site_id: int) -> SourceCoverage:
    """Returns the coverage of a site's sources: for each kind of source, the number of the site's posts (stored or due)
    that it lists. A post that has moved since pages linked to it counts as linked.
    """
    known = (Outcome.DUE, Outcome.ARCHIVED, Outcome.UNCHANGED)
    by_source: Counter[str] = Counter()
    for count in page_counts(db, site_id):
        if count.kind == PageKind.POST and count.outcome in known:
            by_source[count.source] += count.pages
    if by_source["link"] < by_source[""] <= by_source["link"] + by_source["redirect"]:
        (moved,) = db.execute(
            "select count(*) from pages p join page_discoveries d on d.page_id = p.id and d.source = 'redirect' "
            "where p.site_id = ? and p.kind = 'post' and p.outcome in ('due', 'archived', 'unchanged') "
            "and not exists (select 1 from page_discoveries l where l.page_id = p.id and l.source = 'link')",
            [site_id],
        ).fetchone()
        by_source["link"] += moved
    return SourceCoverage.of(by_source)


def due_urls(db: Database, site_id: int, priority: int, limit: int) -> list[str]:
    """Returns the URLs of the pages of a site with this priority that were never fetched and are due at once."""
    rows = db.execute(
        "select url from pages where site_id = ? and priority = ? and due_at = ? and fetched_at is null limit ?",
        [site_id, priority, pages.EPOCH, limit],
    )
    return [row[0] for row in rows]


def post_urlkeys(db: Database, site_id: int, limit: int) -> list[str]:
    """Returns the urlkeys of at most `limit` posts of a site that are stored or due."""
    rows = db.execute(
        "select urlkey from pages where site_id = ? and kind = 'post' and outcome in ('due', 'archived', 'unchanged') "
        "limit ?",
        [site_id, limit],
    )
    return [row[0] for row in rows]


def count_posts_linked_by_posts(db: Database, site_id: int) -> int:
    """Returns the number of a site's posts, stored or due, that were first reported by a link on another post and not
    by a page of another kind.
    """
    rows = db.execute(
        "select count(*) from pages p join page_discoveries d on d.page_id = p.id and d.source = 'link' "
        "join pages f on f.id = d.found_on_page_id and f.kind = 'post' "
        "where p.site_id = ? and p.kind = 'post' and p.outcome in ('due', 'archived', 'unchanged')",
        [site_id],
    )
    return int(rows.fetchone()[0])


def is_wrong_guess(db: Database, key: str) -> bool:
    """Returns True if the page at this urlkey is a guessed address of a feed or sitemap where no such file has ever
    been found.
    """
    return (
        db.execute(
            "select 1 from pages p where urlkey = ? and kind in ('feed', 'sitemap') and outcome <> 'not-article' "
            "and article_id is null and not exists "
            "(select 1 from page_discoveries d where d.page_id = p.id and d.source <> 'seed') and not exists "
            "(select 1 from page_discoveries d where d.found_on_page_id = p.id)",
            [key],
        ).fetchone()
        is not None
    )


def is_only_from_cdx(db: Database, key: str) -> bool:
    """Returns True if no source but a web archive's CDX list has reported the page at this urlkey."""
    sources = db.execute(
        "select min(source), max(source) from page_sources where page_id = (select id from pages where urlkey = ?)",
        [key],
    ).fetchone()
    return tuple(sources) == (DiscoverySource.CDX, DiscoverySource.CDX)


def excluded_counts(db: Database, site_id: int) -> dict[str, int]:
    """Returns the number of trap-excluded pages of a site, by rule."""
    return dict(
        db.execute(
            "select rule, count(*) from pages where site_id = ? and outcome = 'trap' group by 1", [site_id]
        ).fetchall()
    )


def known_post_count(db: Database, site_id: int) -> int:
    """Returns the number of pages of a site that are recorded as posts."""
    return int(db.execute("select count(*) from pages where site_id = ? and kind = 'post'", [site_id]).fetchone()[0])


@dataclass(frozen=True, slots=True)
class AddressState:
    """What the pages table has at a urlkey.

    - `is_stored_or_due`: the page was fetched and stored, or is due, so that an equivalent URL need not be fetched.
    - `is_post`: the page was fetched and found to be a post.
    """

    is_stored_or_due: bool = False
    is_post: bool = False


def address_states(db: Database, keys: Collection[str]) -> dict[str, AddressState]:
    """Returns the state of each of these urlkeys."""
    if not keys:
        return {}
    rows = db.conn.execute(_ADDRESS_STATES, [json.dumps(list(keys))])
    return dict.fromkeys(keys, AddressState()) | {
        key: AddressState(bool(is_stored_or_due), bool(is_post)) for key, is_stored_or_due, is_post in rows
    }


_ADDRESS_STATES = """select p.urlkey, p.outcome in ('archived', 'unchanged', 'duplicate')
    or p.outcome = 'due' and p.due_at is not null, p.kind = 'post' and p.article_id is not null
    from json_each(?) j cross join pages p on p.urlkey = j.value"""


def is_known(db: Database, key: str) -> bool:
    """Returns True if the pages table has a row for this urlkey."""
    return db.execute("select 1 from pages where urlkey = ?", [key]).fetchone() is not None


def sibling_urlkeys(db: Database, plain: str) -> list[str]:
    """Returns at most 50 urlkeys that differ from `plain` only in their query string, and whose pages are posts or
    still due.
    """
    path = plain.partition("?")[0]
    rows = db.execute(
        "select urlkey from pages where urlkey > ? and urlkey < ? and (article_id is not null or "
        "outcome = 'due') limit ?",
        [path + "?", path + "@", _MOST_SIBLINGS],
    )
    return [row[0] for row in rows]


def urlkeys_of_article(db: Database, article_id: int) -> list[str]:
    """Returns the urlkeys of all URLs of an article."""
    return [row[0] for row in db.execute("select urlkey from article_urls where article_id = ?", [article_id])]


def urlkeys_of_pages(db: Database, page_ids: Iterable[int]) -> list[tuple[int, str]]:
    """Returns the IDs of these pages with their urlkeys."""
    marks = list(page_ids)
    rows = db.execute(f"select id, urlkey from pages where id in ({', '.join('?' * len(marks))})", marks)
    return [(row[0], row[1]) for row in rows]


def only_pages_that_link_to(db: Database, key: str) -> list[str]:
    """Returns the URLs of the pages whose links or redirects reported the page at this urlkey; [] if another source
    reported it too.
    """
    rows = db.execute(
        "select s.source, s.found_on from page_sources s join pages p on p.id = s.page_id where p.urlkey = ?", [key]
    ).fetchall()
    linking = {DiscoverySource.LINK, DiscoverySource.LISTING, DiscoverySource.REDIRECT}
    return list(dict.fromkeys(row[1] for row in rows if row[1])) if all(row[0] in linking for row in rows) else []


def is_reported(db: Database, key: str) -> bool:
    """Returns True if a feed, sitemap or API has ever listed the page at this urlkey."""
    sources = sorted(VOUCHING_SOURCES)
    return (
        db.execute(
            "select 1 from page_sources s join pages p on p.id = s.page_id where p.urlkey = ? "
            f"and s.source in ({', '.join('?' * len(sources))})",
            [key, *sources],
        ).fetchone()
        is not None
    )


def article_ids_at(db: Database, keys: Collection[str]) -> dict[str, int]:
    """Returns the IDs of the articles that have these urlkeys, by urlkey."""
    if not keys:
        return {}
    query = "select urlkey, article_id from article_urls where urlkey in (select value from json_each(?))"
    return dict(db.conn.execute(query, [json.dumps(list(keys))]).fetchall())


# -- redirect loops: every page of a loop counts as failed, because none shows any content


# -- files about a host (robots.txt, tdmrep.json), as they were last fetched
