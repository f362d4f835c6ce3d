"""Reads how complete the archive of a site is (its discovery sources, its missing pages, its URLs by outcome), and the
history of one URL.

The posts of a site are its articles, each counted once however many addresses it has, and the URLs without an article
that sources report as posts. Such a URL counts as missing as long as no fetch has shown what it is. A URL of unknown
kind that was not read may be a post, and is counted apart, as unread. A URL that a web archive has captured and that is
now gone counts as a gone post.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from archiver.model.items import DiscoverySource, Outcome, PageKind
from archiver.storage import Database, pages, requisites
from archiver.storage.articles import ArticleCounts, count_articles, count_withdrawals
from archiver.storage.captures import tombstones
from archiver.storage.columns import IS_LIVE, stored_object
from archiver.storage.edit_samples import edit_estimate
from archiver.storage.held_pages import held_pages
from archiver.storage.page_forms import untaken_pages
from archiver.storage.pages import EPOCH, PAGE_REQUEST_QUERY, Count, page_counts, page_counts_of_sites, stamp
from archiver.storage.runs import latest_samples, run_as_shown, unrecorded_links
from archiver.storage.sources import delisted_posts, unlisted_posts

# -- discovery sources


# -- missing pages: pages that were found and have no final outcome


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
        for row in [run_as_shown(db, site["name"], stored)]
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
        pages.include_again(db, site_id, EPOCH)


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
    reports = pages.reports_of(db, [row["id"] for row in rows])
    for row in rows:
        row["sources"] = sorted({str(one.source) for one in reports.get(row.pop("id"), [])})
    return rows
