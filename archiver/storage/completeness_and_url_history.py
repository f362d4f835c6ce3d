"""Reads how complete the archive of a site is (its discovery sources, its missing pages, its URLs by outcome), and the
history of one URL.

The posts of a site are its articles, each counted once however many addresses it has, and the URLs without an article
that sources report as posts. Such a URL counts as missing as long as no fetch has shown what it is. A URL of unknown
kind that was not read may be a post, and is counted apart, as unread. A URL that a web archive has captured and that is
now gone counts as a gone post.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from archiver.discovery.url_classifier_and_patterns import matching_trap_rule, trap_reason
from archiver.errors import ArticleRemoved, URLNotFound
from archiver.frontier.fetch_order_and_revisits import next_day_end, next_fetch_time
from archiver.items import DiscoveredURL, DiscoverySource, Outcome, PageKind
from archiver.similar_words_and_plurals import count_noun
from archiver.storage import Database
from archiver.storage import crawl_exclusions as crawl_exclusions
from archiver.storage import page_requisite_records as requisites
from archiver.storage.article_counts import ArticleCounts, count_articles
from archiver.storage.article_tables.article_storing_and_withdrawal import count_withdrawals, withdrawal_of
from archiver.storage.article_tables.captures_redirects_and_import_records import usage_statements_of
from archiver.storage.column_values_and_completions import IS_LIVE, stored_object
from archiver.storage.delisted_posts import delisted_posts, unlisted_posts
from archiver.storage.edit_samples import edit_estimate
from archiver.storage.held_pages import held_pages
from archiver.storage.page_counts import Count, page_counts, page_counts_of_sites
from archiver.storage.page_discoveries import record_discovered_urls
from archiver.storage.page_form_evidence_and_post_verdicts import untaken_pages
from archiver.storage.page_requisite_records import requisite_at
from archiver.storage.pages_and_source_hints import (
    EPOCH,
    LATEST_HINT,
    PAGE_REQUEST_QUERY,
    due_time_of_source,
    moment,
    stamp,
)
from archiver.storage.run_records import as_shown, latest_samples, unrecorded_links
from archiver.storage.tombstones import tombstone_at, tombstones
from archiver.urls import Scope, normalize, start_address, urlkey

# -- discovery sources

_UNSET = "settings"


def find_known_sources(db: Database, site_id: int) -> tuple[set[str], set[str], set[str]]:
    """Returns three sets about a site's feeds, sitemaps and API: the kinds ("feed", "sitemap", "api") that the site
    offers; the kinds for which guessed URLs are still to be fetched; and the urlkeys of all sources that are known.

    A site offers a kind if it declares a source of this kind or if one was fetched, even if none responds now. A source
    that an interrupted run guessed is not guessed again, because its urlkey is known.
    """
    rows = db.execute(
        "select kind, urlkey, outcome, "
        # "or" would be slow: in a result column SQLite evaluates both operands, and the last one reads every discovery
        "case when outcome = 'not-article' then 1 when outcome not in ('due', 'failed') then 0 "
        "when exists (select 1 from page_sources s where s.page_id = p.id and s.source <> 'seed') then 1 "
        "when outcome = 'failed' then exists (select 1 from page_discoveries s "
        "where s.found_on_page_id = p.id or s.found_on = p.url) else 0 end "
        "from pages p where site_id = ? and kind in ('feed', 'sitemap', 'api')",
        [site_id],
    ).fetchall()
    return (
        {row[0] for row in rows if row[3]},
        {row[0] for row in rows if row[2] in ("due", "failed") and not row[3]},
        {row[1] for row in rows},
    )


def count_listed_pages_online(db: Database, site_id: int, source: DiscoverySource, found_on: str) -> int:
    """Returns the number of pages that the feed, sitemap or API response at the URL `found_on` listed and that are not
    known to be gone.
    """
    return int(
        db.execute(
            "select count(*) from pages p join page_sources s on s.page_id = p.id where p.site_id = ? and s.source = ? "
            "and s.found_on = ? and p.outcome not in ('gone', 'duplicate')",
            [site_id, source, found_on],
        ).fetchone()[0]
    )


_API_TIMES = (
    "select p.urlkey, h.hint ->> '$.modified' from json_each(?) k join pages p on p.urlkey = k.value "
    f"join source_hints h on {LATEST_HINT} where h.hint ->> '$.from_api' and h.hint ->> '$.modified' is not null"
)


def has_set_back_posts(db: Database, targets: Iterable[DiscoveredURL]) -> bool:
    """Returns True if an API now gives a post an earlier time of change (`lastmod`) than the post's stored source hint
    has. This happens if the site was restored from a backup; the hint may then contain edits that are lost.
    """
    times = {urlkey(one.url): one.lastmod for one in targets if one.lastmod is not None}
    stored = db.execute(_API_TIMES, [json.dumps(list(times))])
    return any(datetime.fromisoformat(modified) > times[key] for key, modified in stored)


def record_cdx_list(db: Database, site_id: int, url: str, now: datetime, objection: str = "") -> None:
    """Records the URL of the CDX list named in the site's settings, so that the list is fetched. `url` is "" if the
    settings name no list.

    A list that the settings named before is excluded. If there is an `objection` (a reason not to request the list),
    the list is marked as failed without a request.
    """
    key = urlkey(url) if url else ""
    db.execute(
        "update pages set due_at = null, rule = case when outcome in ('due', 'failed') then ? else rule end, "
        "reason = case when outcome in ('due', 'failed') then ? else reason end, "
        "outcome = case when outcome in ('due', 'failed') then 'trap' else outcome end "
        "where site_id = ? and kind = 'cdx' and urlkey <> ?",
        [_UNSET, "the site's settings do not name it (cdx)", site_id, key],
    )
    if not url:
        return
    record_discovered_urls(db, site_id, [DiscoveredURL(url, DiscoverySource.SEED, PageKind.CDX)], now)
    db.execute(
        "update pages set outcome = case when outcome = 'trap' then 'due' else outcome end, due_at = ? "
        "where urlkey = ? and due_at is null",
        [EPOCH, key],
    )
    if objection:
        db.execute(
            "update pages set outcome = 'failed', rule = 'contact', reason = ?, due_at = ? where urlkey = ? "
            "and due_at <= ?",
            [objection, stamp(next_fetch_time(Outcome.FAILED, PageKind.CDX, now, None)), key, stamp(now)],
        )


def count_responding_sources(db: Database, site_id: int) -> dict[str, int]:
    """Returns the number of feeds, sitemaps and APIs of a site that responded when last fetched, by kind."""
    return dict(
        db.execute(
            "select kind, count(*) from pages where site_id = ? and priority = 0 "
            "and kind in ('feed', 'sitemap', 'api') and outcome = 'not-article' group by 1 order by 1",
            [site_id],
        ).fetchall()
    )


# -- missing pages: pages that were found and have no final outcome

# These outcomes are not final: a fetch gives the page another one, or makes it due again an hour later.
_MISSING_OUTCOMES = (
    "p.site_id = ? and p.kind <> 'part' and (p.outcome in ('due', 'failed') or p.urlkey in ("
    "select t.post_urlkey from article_parts t join pages f on f.urlkey = t.urlkey where f.site_id = p.site_id "
    "and f.outcome = 'failed'))"
)
# A listing that is postponed because an API lists all posts does not count as missing. Each part of the query reads
# only the index of sites and outcomes.
_MISSING = (
    "select id, priority from pages where site_id = ?1 and outcome = 'failed' union all "
    "select id, priority from pages where site_id = ?1 and outcome = 'held' and article_id is null union all "
    "select id, priority from pages where site_id = ?1 and outcome = 'due' and kind <> 'listing' union all "
    "select id, priority from pages where site_id = ?1 and outcome = 'due' and kind = 'listing' and due_at <= ?2"
)


def make_missing_due(db: Database, site_id: int, *, include_excluded: bool) -> None:
    """Makes a site's missing pages due now. If `include_excluded` is True, also makes due the pages that learned trap
    rules excluded.
    """
    db.execute(f"update pages as p set due_at = ? where {_MISSING_OUTCOMES}", [EPOCH, site_id])
    if include_excluded:
        crawl_exclusions.include_again(db, site_id, EPOCH)


def due_missing_pages(db: Database, site_id: int, now: datetime, limit: int) -> list[dict[str, Any]]:
    """Returns the next pages to fetch in a run that fetches only missing pages, as rows like those of
    `pages.due_pages`.

    Pages that are discovered during that run are missing too, so they are included.
    """
    return list(
        db.query(
            f"{PAGE_REQUEST_QUERY} where {_MISSING_OUTCOMES} and p.due_at <= ? "
            "order by p.priority, p.due_at, p.id limit ?",
            [site_id, stamp(now), limit],
        )
    )


def count_missing(db: Database, site_id: int) -> int:
    """Returns the number of missing pages of a site: due or failed, of any kind, or held and never stored."""
    row = db.execute(f"select count(*) from ({_MISSING})", [site_id, stamp(datetime.now(UTC))]).fetchone()
    return int(row[0])


def missing_pages(db: Database, site_id: int, limit: int = -1) -> list[dict[str, Any]]:
    """Returns the missing pages of a site (due or failed), ready for JSON: url, kind, outcome, reason, rule, status,
    attempts, due_at, sources.

    A part of a post that could not be fetched is listed with its own URL. A `limit` of -1 returns all.
    """
    rows = list(
        db.query(
            "select p.id, p.url, p.kind, p.outcome, p.reason, p.rule, p.status, p.attempts, p.due_at from "
            f"(select id, priority from ({_MISSING}) order by priority, id limit ?3) f join pages p on p.id = f.id "
            "order by f.priority, f.id",
            [site_id, stamp(datetime.now(UTC)), limit],
        )
    )
    reports = crawl_exclusions.reports_of(db, [row["id"] for row in rows])
    for row in rows:
        row["sources"] = sorted({str(one.source) for one in reports.get(row.pop("id"), [])})
    return rows


# -- the completeness of a site

STATES = ("archived", "missing", "gone", "refused")
_STORED = (Outcome.ARCHIVED, Outcome.UNCHANGED)
_OPEN = (Outcome.DUE, Outcome.FAILED, Outcome.HELD)
BALANCE = (
    *(o for o in Outcome if o not in (Outcome.UNCHANGED, Outcome.NOT_FOUND, Outcome.DUE, Outcome.FAILED)),
    Outcome.FAILED,
    Outcome.DUE,
)
"""The outcomes under the key `balance` of `site_completeness`, in order. An unchanged page counts as archived. Wrongly
guessed addresses of feeds and sitemaps are left out, since no page was found there."""
_LISTED = 20
# The sources that report posts, the most complete first.
_SOURCES = (
    DiscoverySource.API,
    DiscoverySource.CDX,
    DiscoverySource.SITEMAP,
    DiscoverySource.FEED,
    DiscoverySource.LISTING,
    DiscoverySource.LINK,
    DiscoverySource.IMPORT,
    DiscoverySource.REDIRECT,
)
# Pages that were fetched but have no content of their own. Other traps are excluded without being fetched.
_EMPTY_PAGE_RULES = (
    "rule in ('soft-404', 'repeated listing', 'attachment', 'redirect-loop', 'login wall', 'consent wall')"
)
"""SQL: selects pages that were fetched but have no content of their own. This text must equal the condition of
`idx_pages_site_id_rule`; otherwise SQLite does not use that index."""


def site_completeness(db: Database, site: dict[str, Any], runs: int = 3) -> dict[str, Any]:
    """Returns the state of one site, ready for JSON; `site` is its row and `runs` the number of runs to include. Keys:

    - site, start_url, platform.
    - articles: the numbers of `ArticleCounts`, and of the articles that are paid (open only to subscribers).
    - withdrawn: the number of withdrawn articles; withdrawn_because: the same by reason.
    - untaken: pages that look like the posts of the site, but were not stored as posts (rule, pages, example).
    - unlisted: posts that are no longer listed and may be gone (posts, example).
    - delisted: posts that a source or listing no longer shows, and that are still online (posts, example).
    - removed: posts removed by takedown (docs/operate.md).
    - posts: the posts by state, with the total as `found`.
    - unread: the URLs that may be posts and were not read.
    - archived_otherwise: the archived posts whose last outcome is another one (held, duplicate, refused ...), by
      outcome. In `balance` they are counted under that outcome.
    - sources: for each source, the same counts as in `posts`, the most complete source first, with the `balance` of all
      URLs that it reported.
    - balance: all URLs by outcome, with the total as `found`.
    - pages: the same as `balance`, without empty outcomes.
    - wrong_guesses: the number of guessed addresses of feeds and sitemaps that do not exist; they are not counted under
      any other key.
    - traps: rule, pages, `unrecorded` links of the last run that have no row, example, `asked` (True if the pages were
      fetched), and the latest sample: `sampled` is the number of sampled pages, `hits` how many of these are posts or
      lead to an unknown post. Both are None for a rule without samples.
    - missing: up to 20 URLs with their reason; missing_total.
    - failures: reason, pages, example.
    - untrusted: the kinds of claims of the site's server that proved false, each with the time since when it is no
      longer trusted.
    - edits: the estimate of the edits that the last crawl did not see (`EditEstimate.as_dict`); None if sources
      announce them.
    - held: pages whose new state is not stored until it is confirmed (`HeldPage`).
    - requisites: `requisite_state`.
    - runs: newest first, with their `statistics`.
    - complete: nothing is missing and the last run finished.
    """
    site_id = site["id"]
    newest = [
        {**row, "statistics": stored_object(row.get("statistics")), "health": stored_object(row.get("health")) or None}
        for stored in db.query("select * from runs where site_id = ? order by id desc limit ?", [site_id, runs])
        for row in [as_shown(db, site["name"], stored)]
    ]
    counted = page_counts(db, site_id)
    captured = _gone_but_captured(db, site_id, counted)
    everything = [count for count in counted if not count.source]
    articles = count_articles(db, datetime.now(UTC), site["name"])[site["name"]]
    paid = f"select count(*) from articles where site = ? and access = 'paid' and {IS_LIVE}"
    posts = _posts_by_state(everything, articles, captured.get(str(DiscoverySource.CDX), 0))
    outcomes = _by_outcome(everything)
    wrong_guesses = sum(count.pages for count in everything if count.outcome == Outcome.NOT_FOUND)
    missing = count_missing(db, site_id)
    return {
        "site": site["name"],
        "start_url": site["start_url"],
        "platform": site["platform"],
        "articles": {
            **{name: getattr(articles, name) for name in ("all", "gone", "duplicates", "revised")},
            "new_this_week": articles.new,
            "paid": db.execute(paid, [site["name"]]).fetchone()[0],
        },
        "withdrawn": articles.withdrawn,
        "withdrawn_because": count_withdrawals(db, site["name"]) if articles.withdrawn else {},
        "untaken": [asdict(one) for one in untaken_pages(db, site_id)],
        "unlisted": dict(zip(("posts", "example"), unlisted_posts(db, site_id), strict=True)),
        "delisted": dict(zip(("posts", "example"), delisted_posts(db, site_id), strict=True)),
        "held": [asdict(one) for one in held_pages(db, site_id)],
        "removed": len(tombstones(db, "site = ? and allowed_at is null", [site["name"]])),
        "posts": posts,
        "unread": _count_unread(everything),
        "archived_otherwise": _archived_otherwise(everything),
        "sources": _sources(counted, captured),
        "balance": _balance(outcomes),
        "pages": dict(sorted(outcomes.items(), key=lambda one: (-one[1], one[0]))),
        "wrong_guesses": wrong_guesses,
        "traps": _trap_rules(db, site_id),
        "missing": missing_pages(db, site_id, _LISTED),
        "missing_total": missing,
        "failures": _failures(db, site_id),
        "untrusted": stored_object(site.get("untrusted")),
        "edits": estimate.as_dict() if (estimate := edit_estimate(db, site)) else None,
        "requisites": requisites.requisite_state(db, site),
        "runs": newest,
        "complete": bool(newest) and newest[0]["outcome"] == "finished" and not missing and not posts["missing"],
    }


@dataclass(frozen=True, slots=True)
class PostCounts:
    """The numbers of a site's posts by state and of its unread URLs (`posts` and `unread` of `site_completeness`), and
    the number of all its missing URLs.
    """

    posts: dict[str, int]
    missing: int = 0
    unread: int = 0

    @property
    def coverage(self) -> float | None:
        """Returns the share (0 to 1) of archived posts among the archived and missing posts and the unread URLs; None
        if there are none of these.
        """
        known = self.posts["archived"] + self.posts["missing"] + self.unread
        return self.posts["archived"] / known if known else None


def count_posts_of_sites(db: Database, now: datetime) -> dict[int, PostCounts]:
    """Returns the numbers of posts and missing URLs of each site that has pages, by site ID. The number of queries does
    not depend on the number of sites.

    Unlike `site_completeness`, pages that are gone and that only a web archive has captured do not count as posts.
    """
    listings = dict(
        db.execute(
            "select p.site_id, count(*) from page_counts c join pages p on p.site_id = c.site_id and p.outcome = 'due' "
            "and p.kind = 'listing' and p.due_at <= ? where c.source = '' and c.outcome = 'due' and c.kind = 'listing' "
            "and not c.with_article and c.pages > 0 group by 1",
            [stamp(now)],
        ).fetchall()
    )
    articles, names = count_articles(db, now), dict(db.execute("select id, name from sites").fetchall())
    return {
        site: PostCounts(
            _posts_by_state(counted, articles[names[site]], 0),
            sum(map(_count_missing, counted)) + listings.get(site, 0),
            _count_unread(counted),
        )
        for site, counted in page_counts_of_sites(db).items()
    }


def _count_missing(count: Count) -> int:
    """Returns how many pages of a `Count` are missing: failed, due, or held without a stored article. Listings that are
    due do not count.
    """
    is_missing = (
        count.outcome == Outcome.FAILED
        or (count.outcome == Outcome.HELD and not count.with_article)
        or (count.outcome == Outcome.DUE and count.kind != PageKind.LISTING)
    )
    return count.pages if is_missing else 0


def _state_of(count: Count) -> str:
    if count.kind == PageKind.PART:
        return "missing"
    if count.outcome == Outcome.GONE:
        return "gone"
    if count.with_article or count.outcome in _STORED:
        return "archived"
    return "refused" if count.outcome == Outcome.REFUSED else "missing" if count.outcome in _OPEN else "other"


def _counts_as_posts(count: Count) -> bool:
    """Returns True if the pages of a `Count` are reported as posts. A part of a post is reported only if it could not
    be fetched. A page whose article was withdrawn is not reported, nor is a second address of a post.
    """
    if count.kind == PageKind.PART:
        return count.outcome == Outcome.FAILED
    if count.outcome == Outcome.DUPLICATE or (count.with_article and count.outcome == Outcome.NOT_ARTICLE):
        return False
    return count.kind == PageKind.POST or count.with_article


def _count_unread(counted: Iterable[Count]) -> int:
    return sum(
        count.pages
        for count in counted
        if count.kind == PageKind.UNKNOWN and count.outcome in _OPEN and not count.with_article
    )


def _gone_but_captured(db: Database, site_id: int, counted: Iterable[Count]) -> dict[str, int]:
    """Returns, by source, the number of pages that were already gone when the archive first fetched them, but that a
    web archive has captured.

    These pages may have been posts.
    """
    if not any(_is_gone_unread(count) and count.source == DiscoverySource.CDX for count in counted):
        return {}
    return dict(
        db.execute(
            "select s.source, count(*) from pages p join page_sources s on s.page_id = p.id where p.site_id = ? "
            "and p.outcome = ? and p.kind = ? and p.article_id is null and exists "
            "(select 1 from page_sources o where o.page_id = p.id and o.source = ?) group by 1",
            [site_id, Outcome.GONE, PageKind.UNKNOWN, DiscoverySource.CDX],
        ).fetchall()
    )


def _is_gone_unread(count: Count) -> bool:
    return count.kind == PageKind.UNKNOWN and count.outcome == Outcome.GONE and not count.with_article


def _posts_by_state(counted: Iterable[Count], articles: ArticleCounts, captured: int) -> dict[str, int]:
    """Returns the numbers of a site's posts by state. `counted` are its pages, and `captured` is the number of its
    pages that only a web archive has captured.
    """
    known = _by_state((count for count in counted if not count.with_article and count.outcome not in _STORED), captured)
    known["archived"] += articles.all - articles.gone
    known["gone"] += articles.gone
    return {**known, "found": known["found"] + articles.all}


def _by_state(counted: Iterable[Count], captured: int) -> dict[str, int]:
    known = dict.fromkeys(STATES, 0)
    for count in counted:
        if _counts_as_posts(count) and (state := _state_of(count)) in known:
            known[state] += count.pages
    known["gone"] += captured
    return {"found": sum(known.values()), **known}


def _archived_otherwise(counted: Iterable[Count]) -> dict[str, int]:
    """Returns the number of archived posts by their last outcome (held, duplicate ...), without those whose last
    outcome is archived or unchanged.
    """
    found: Counter[str] = Counter()
    for count in counted:
        if _counts_as_posts(count) and _state_of(count) == "archived":
            found[count.outcome] += count.pages
    return {name: found[name] for name in map(str, BALANCE) if found[name] and name != Outcome.ARCHIVED}


def describe_archived(state: dict[str, Any]) -> str:
    """Returns a phrase that says how many of the archived posts have another last outcome, such as " (79 of them
    held)"; "" if there are none. `state` is the result of `site_completeness`.
    """
    others = state["archived_otherwise"].items()
    return f" ({', '.join(f'{pages:,} of them {name}' for name, pages in others)})" if others else ""


def _by_outcome(counted: Iterable[Count]) -> dict[str, int]:
    out: Counter[str] = Counter()
    for count in counted:
        if count.outcome != Outcome.NOT_FOUND:
            out[count.outcome] += count.pages
    return dict(out)


def _balance(outcomes: dict[str, int]) -> dict[str, int]:
    out = dict.fromkeys(map(str, BALANCE), 0)
    for outcome, number in outcomes.items():
        out["archived" if outcome == Outcome.UNCHANGED else outcome] += number
    return {"found": sum(out.values()), **out}


def _sources(counted: list[Count], captured: dict[str, int]) -> list[dict[str, Any]]:
    by_source = {source: [count for count in counted if count.source == source] for source in _SOURCES}
    return [
        {
            "source": str(source),
            **_by_state(counts_of_source, captured.get(str(source), 0)),
            "balance": _balance(_by_outcome(counts_of_source)),
        }
        for source, counts_of_source in by_source.items()
        if counts_of_source
    ]


def _trap_rules(db: Database, site_id: int) -> list[dict[str, Any]]:
    rows = db.query(
        f"select rule, count(*) as pages, min(url) as example, max(outcome <> 'trap') as asked from pages "
        f"where id in (select id from pages where site_id = ?1 and outcome = 'trap' union "
        f"select id from pages where site_id = ?1 and {_EMPTY_PAGE_RULES}) group by rule order by 2 desc, 1",
        [site_id],
    )
    samples, unrecorded = latest_samples(db, site_id), unrecorded_links(db, site_id)
    without = {"sampled": None, "hits": None}
    return [
        {
            **row,
            "asked": bool(row["asked"]),
            "unrecorded": unrecorded.get(row["rule"], 0),
            **samples.get(row["rule"], without),
        }
        for row in rows
    ]


def _failures(db: Database, site_id: int) -> list[dict[str, Any]]:
    return list(
        db.query(
            "select case when reason <> '' then reason when status is not null then 'HTTP ' || status "
            "else 'unknown' end as reason, count(*) as pages, min(url) as example from pages "
            "where site_id = ? and outcome = ? group by 1 order by 2 desc, 1",
            [site_id, Outcome.FAILED],
        )
    )


# -- the history of one URL


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
    if fetched is None:
        return "it was never fetched"
    if due <= fetched:
        return page["reason"] or "the next crawl fetches it again"
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
