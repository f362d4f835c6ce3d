"""Records discovered URLs in the pages table, and the discovery sources that reported each page.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from archiver.discovery.source_hints import (
    VALIDATORS,
    ClaimTally,
    HintDigest,
    are_claims_believed,
    claim_of,
    combine_hints,
    digest_of,
    last_digest,
    source_key,
)
from archiver.discovery.url_patterns import FILE, SCOPE, kind_of_sitemap, outcome_of_trap_rule, page_number, trap_reason
from archiver.frontier.fetch_order import (
    VOUCHING_SOURCES,
    KnownPage,
    next_fetch_time,
    priority,
    refetch_reason,
)
from archiver.model.due_reasons import (
    CLAIMS,
    REPORTED_CHANGES,
    DueFor,
    Remark,
    remarks_as_json,
    remarks_from_json,
    with_remarks,
)
from archiver.model.items import (
    LISTED_DATE,
    NEEDS_JAVASCRIPT,
    UNDATED,
    UNDONE,
    UNLISTED,
    DiscoveredURL,
    DiscoverySource,
    ListedCategories,
    ListedDate,
    ListedPosts,
    Outcome,
    PageKind,
    SourceHint,
)
from archiver.model.page_rules import is_declared
from archiver.model.urls import urlkey, urlkey_or_empty
from archiver.storage import Database
from archiver.storage.captures import removed_urlkeys
from archiver.storage.pages import (
    EPOCH,
    LATEST_HINT,
    PageState,
    hint_from_json,
    known_page,
    known_pages,
    latest_hint,
    make_due_again,
    make_pages_due,
    moment,
    page_counts,
    postpone_pages,
    stamp,
    store_hint,
)

# -- the table page_discoveries

_CLOCKS_DIFFER = timedelta(days=1)
"""A time of change is not believed if it is in the future by more than this."""

Place = tuple[str | None, int | None]
"""Where a URL was found, as the values of `found_on` and `found_on_page_id`; one of the two is None."""


def discovery_place(db: Database, url: str) -> Place:
    """Returns the values of `found_on` and `found_on_page_id` for a URL that was found at `url`."""
    key = urlkey_or_empty(url)
    return _place(url, known_page(db, key) if key else None)


def _place(url: str, page: KnownPage | None) -> Place:
    """Returns the values of `found_on` and `found_on_page_id` for URLs that were found at `url`. If `page` is the page
    with exactly this URL, the place is its ID, otherwise `url` itself. `page` is the known page with the urlkey of
    `url`, None if there is none.
    """
    return (None, page.id) if page is not None and page.url == url else (url, None)


_RECORD_DISCOVERY = (
    "insert into page_discoveries (page_id, source, found_on, found_on_page_id, first_seen, last_seen, first_capture, "
    "last_capture) values (?, ?, ?, ?, ?, null, ?, ?) on conflict (page_id, source) do update set "
    "last_seen = excluded.first_seen, found_on = excluded.found_on, found_on_page_id = excluded.found_on_page_id, "
    "first_capture = min(coalesce(first_capture, excluded.first_capture), "
    "coalesce(excluded.first_capture, first_capture)), "
    "last_capture = max(coalesce(last_capture, excluded.last_capture), "
    "coalesce(excluded.last_capture, last_capture))"
)
"""SQL: records that a source reported a page. The last two values are when a web archive first and last captured it, if
known (ISO 8601, UTC)."""


def replace_page_references(db: Database, pages: str, values: dict[str, object]) -> None:
    """Replaces, in `page_discoveries`, references to pages that are about to be deleted by the URLs of these pages.

    `pages` is SQL that selects the IDs of these pages; `values` are the parameters of this SQL.
    """
    db.execute(
        "update page_discoveries set found_on = (select url from pages f where f.id = found_on_page_id), "
        f"found_on_page_id = null where found_on_page_id in {pages} and page_id not in {pages}",
        values,
    )


# -- recording discovered URLs


def record_discovered_urls(
    db: Database,
    site_id: int,
    targets: Iterable[DiscoveredURL],
    now: datetime,
    listings_due: datetime | None = None,
    folder: str = "/",
    distrusted: Collection[str] = (),
) -> list[DiscoveredURL]:
    """Records discovered URLs in the pages table; returns the new ones.

    A new page is due at once, but a new listing is due at `listings_due` if that is given. A known page becomes due
    again only if the source reports a change (see `refetch_reason`). `folder` is the path of the site's scope;
    `distrusted` are the claims of sources that proved false.
    """
    later = stamp(listings_due) if listings_due else EPOCH
    report = _Report(db, site_id, stamp(now), later, folder, distrusted)
    return [target for some in _without_repeats(targets) for target in report.record(some)]


def _without_repeats(targets: Iterable[DiscoveredURL]) -> Iterator[dict[str, DiscoveredURL]]:
    """Yields the discovered URLs in groups, as dicts by urlkey. A urlkey that occurs again begins a new group, because
    the repeated URL must be compared with what the first one stored.
    """
    group: dict[str, DiscoveredURL] = {}
    for target in targets:
        key = urlkey(target.url)
        if key in group:
            yield group
            group = {}
        group[key] = target
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class _Report:
    """Records the URLs that one page result reports, with a few SQL statements for all of them together.

    - `now`: when they were found.
    - `later`: when new listings are due.
    - `folder`: the path of the site's scope.
    - `distrusted`: the claims of sources that proved false.
    """

    db: Database
    site_id: int
    now: str
    later: str
    folder: str
    distrusted: Collection[str]

    @property
    def latest(self) -> str:
        """Returns the latest time that a source can give as the time of a change. A later one comes from a wrong clock.
        If it were stored, no real change would be later, and none would be noticed.
        """
        return stamp(datetime.fromisoformat(self.now) + _CLOCKS_DIFFER)

    def record(self, targets: dict[str, DiscoveredURL]) -> list[DiscoveredURL]:
        """Records URLs by urlkey; returns the new ones."""
        conn, latest = self.db.conn, datetime.fromisoformat(self.latest)
        targets = {
            key: replace(one, lastmod=None) if one.lastmod and one.lastmod > latest else one
            for key, one in self._without_removed_texts(targets).items()
        }
        places = {target.found_on: urlkey_or_empty(target.found_on) for target in targets.values()}
        known, free = known_pages(self.db, {*targets, *filter(None, places.values())})
        known = {
            key: replace(page, lastmod=None) if page.lastmod and page.lastmod > latest else page
            for key, page in known.items()
        }
        found = {at: _place(at, known.get(key)) for at, key in places.items()}
        new = {key: free + n for n, key in enumerate(key for key in targets if key not in known)}
        if new:
            conn.executemany(_INSERT_PAGE, [self._page(new[key], key, targets[key]) for key in new])
        updates = []
        for key, target in targets.items():
            if key in new:
                self._store_hint(new[key], target)
            elif values := self._update_known(known[key], target):
                updates.append(values)
        if updates:
            conn.executemany(_UPDATE_PAGE, updates)
        conn.executemany(
            _RECORD_DISCOVERY,
            [
                (
                    new[key] if key in new else known[key].id,
                    target.source,
                    *found[target.found_on],
                    self.now,
                    *(stamp(at) if at else None for at in target.captured or (None, None)),
                )
                for key, target in targets.items()
            ],
        )
        return [target for key, target in targets.items() if key in new]

    def _without_removed_texts(self, targets: dict[str, DiscoveredURL]) -> dict[str, DiscoveredURL]:
        """Returns the URLs without the hints of removed posts, because a hint may contain the text of its post."""
        hinted = [key for key, target in targets.items() if target.hint]
        removed = removed_urlkeys(self.db, hinted) if hinted else set()
        return {key: replace(one, hint=None) if key in removed else one for key, one in targets.items()}

    def _page(self, page_id: int, key: str, target: DiscoveredURL) -> tuple[Any, ...]:
        """Returns the row of a new page, in the order of the columns of `_INSERT_PAGE`."""
        return (
            page_id,
            self.site_id,
            target.url,
            key,
            target.kind,
            outcome_of_trap_rule(target.trap),
            trap_reason(target.trap),
            target.trap or None,
            stamp(target.lastmod) if target.lastmod else None,
            priority(target.kind, target.source, target.url, self.folder),
            self.now,
            None if target.trap else self.later if target.kind is PageKind.LISTING else EPOCH,
        )

    @staticmethod
    def _hint_key(target: DiscoveredURL) -> str:
        return source_key(target.source, target.found_on)

    def _store_hint(self, page_id: int, target: DiscoveredURL) -> None:
        if target.hint:
            store_hint(self.db, page_id, target.hint, {self._hint_key(target): str(digest_of(target.hint))})

    def _update_known(self, known: KnownPage, target: DiscoveredURL) -> tuple[Any, ...] | None:
        """Updates what is stored of a known page, and moves it to the site in whose scope it was found. Returns the
        parameters of `_UPDATE_PAGE`; None if the row need not change.
        """
        if target.trap:
            return None
        if known.outcome is Outcome.OUT_OF_SCOPE and known.fetched_at is None:
            _adopt_page(self.db, known.id, self.site_id, target.url)
        return self._changed_values(known, target)

    def _changed_values(self, known: KnownPage, target: DiscoveredURL) -> tuple[Any, ...] | None:
        """Stores the hint of a known page if it has changed. Returns the parameters of `_UPDATE_PAGE`, the statement
        that updates the page's row; None if the row need not change.
        """
        source = self._hint_key(target)
        digest = digest_of(target.hint) if target.hint else None
        before = last_digest(known.digests, source, digest) if digest else None
        vouched = (
            known.outcome is Outcome.TRAP and target.kind is not PageKind.LISTING and target.source in VOUCHING_SOURCES
        )
        news = (
            DueFor.LISTED
            if vouched
            else refetch_reason(
                known,
                target,
                before,
                digest,
                distrusted=self.distrusted if known.kind is not PageKind.SITEMAP else (),
            )
        )
        if news and known.kind is PageKind.PART:
            # A further page of a post is only fetched together with its post, so the post is made due in its place.
            post = self.db.execute("select post_urlkey from article_parts where urlkey = ?", [known.urlkey]).fetchone()
            make_due_again(self.db, post[0] if post else "", news, target.source)
            news = None
        kind = _more_certain_kind(known, target)
        level = priority(kind, target.source, target.url, self.folder)
        if target.hint and digest and digest != before:
            _store_changed_hint(self.db, known, target.hint, _Hinted(source, digest, is_first=before is None))
        is_later = target.lastmod is not None and (known.lastmod is None or target.lastmod > known.lastmod)
        if not (news or vouched or is_later or kind is not known.kind or level < known.priority):
            return None
        lastmod = stamp(target.lastmod) if target.lastmod else None
        due = bool(news)
        return self.latest, lastmod, kind, level, due, EPOCH, due, news, due, target.source, vouched, known.id


_INSERT_PAGE = (
    "insert into pages (id, site_id, url, urlkey, kind, outcome, reason, rule, lastmod, priority, found_at, due_at) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE_PAGE = (
    "update pages set lastmod = nullif(max(iif(lastmod <= ?, lastmod, ''), coalesce(?, '')), ''), "
    "kind = ?, priority = min(priority, ?), "
    "due_at = case when ? then ? else due_at end, "
    "due_for = case when ? then ? else due_for end, due_by = case when ? then ? else due_by end, "
    "outcome = case when ? then 'due' else outcome end where id = ?"
)


def _adopt_page(db: Database, page_id: int, site_id: int, url: str) -> None:
    """Moves a page to the site that has found it within its own scope. Another site found the page first, but outside
    its scope: the feed of an aggregator, for example, lists posts of many sites.
    """
    db.execute("delete from page_discoveries where page_id = ?", [page_id])
    db.execute(
        "update pages set site_id = ?, url = ?, outcome = 'due', reason = null, rule = null, due_at = ? where id = ?",
        [site_id, url, EPOCH, page_id],
    )


@dataclass(frozen=True, slots=True)
class _Hinted:
    """The digest of a source's hint for a page, and the `key` of the source (`source_key`). `is_first` is True if this
    is the source's first hint for the page.
    """

    key: str
    digest: HintDigest
    is_first: bool


def _store_changed_hint(db: Database, known: KnownPage, hint: SourceHint, report: _Hinted) -> None:
    """Stores the changed source hint of a known page, combined with the hints of other sources for the page. `report`
    has the digest of the hint and the key of its source.
    """
    latest = latest_hint(db, known.urlkey)
    if latest and latest.body_html:
        # The page's text comes from this source and has changed. A conditional request would be answered with 304.
        db.execute("update pages set etag = null, last_modified = null where id = ?", [known.id])
    hint = combine_hints(latest, known.digests, hint, report.key, is_changed=not report.is_first)
    store_hint(db, known.id, hint, {**known.digests, report.key: str(report.digest)}, completes=report.is_first)


def _more_certain_kind(known: KnownPage, target: DiscoveredURL) -> PageKind:
    """Returns the kind to store for a known page: the kind that a source reports if that is more certain, otherwise the
    stored kind.
    """
    surer = target.kind is not PageKind.UNKNOWN and (
        known.kind is PageKind.UNKNOWN
        or (known.fetched_at is None and target.source in (DiscoverySource.API, DiscoverySource.FEED))
    )
    return target.kind if surer else known.kind


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


class Trust:
    """Records which claims of a site's server about changes are trusted: the dates in its feeds, sitemaps and APIs,
    their other details (but not title and text), and its validators (ETag, Last-Modified).

    Reads and writes the site's column `untrusted`, which holds the claims that proved false (see
    `discovery.source_hints`), each with the time when it did. Claims are tested while the results of a run
    are written.
    """

    def __init__(self, db: Database, site: dict[str, Any], now: datetime, revisit: timedelta) -> None:
        self._db, self._site_id, self._now, self._revisit = db, site["id"], now, revisit
        self._since: dict[str, str] = json.loads(site.get("untrusted") or "{}")
        self._tallies: dict[str, ClaimTally] = defaultdict(ClaimTally)

    @contextmanager
    def restored_on_error(self) -> Iterator[None]:
        """A context manager that restores this object's state from before the block if the block raises, because its
        transaction is rolled back too.
        """
        since, tallies = dict(self._since), {name: replace(tally) for name, tally in self._tallies.items()}
        try:
            yield
        except BaseException:
            self._since, self._tallies = since, defaultdict(ClaimTally, tallies)
            raise

    @property
    def in_validators(self) -> bool:
        """Returns True if the server's validators are trusted, so that pages may be requested conditionally."""
        return self.in_claim(VALIDATORS)

    def in_claim(self, claim: str) -> bool:
        """Returns True if a claim of change is trusted, so that it makes a page due. `claim` is its name (from
        `dates_claim` or `details_claim`).
        """
        return are_claims_believed(moment(self._since.get(claim)), self._now)

    @property
    def distrusted(self) -> frozenset[str]:
        """The claims that do not make a page due, because they proved false."""
        return frozenset(claim for claim in self._since if not self.in_claim(claim))

    def judge_claim(self, due_for: str, due_by: str, *, changed: bool) -> None:
        """Tests a source's claim that a page changed, if such a claim made it due. `changed` is True if the page really
        had changed.

        A claim that proves false is no longer trusted, and the other pages that the source reported as changed are
        postponed to the site's revisit period.
        """
        claim = claim_of(due_for, due_by)
        if not claim:
            return
        tally = self._tallies[claim]
        tally.called += 1
        tally.true += changed
        if tally.lies and self.in_claim(claim):
            self._distrust(claim)
            for reason in (one for one, kind in CLAIMS.items() if kind == CLAIMS[DueFor(due_for)]):
                postpone_pages(self._db, self._site_id, reason, due_by, self._now + self._revisit)

    def distrust_validators(self) -> None:
        """Stops trusting the server's validators, because a page changed although its validator did not."""
        if self.in_validators:
            self._distrust(VALIDATORS)

    def _distrust(self, claim: str) -> None:
        self._since[claim] = stamp(self._now)
        self._db.update("sites", self._site_id, {"untrusted": json.dumps(self._since)})


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


_LISTED_PAGES = (
    "select p.id, p.urlkey, h.hint, h.digests from json_each(?) k join pages p on p.urlkey = k.value "
    f"left join source_hints h on {LATEST_HINT} left join articles a on a.id = p.article_id and a.urlkey = p.urlkey "
    "where p.kind in ('unknown', 'post') and (p.fetched_at is null or a.categories = '[]' "
    "or instr(coalesce(h.hint, ''), '\"listed_categories\"'))"
)
"""SQL: the pages at the given urlkeys that may need the categories that a listing shows, with their latest hints."""


def store_listed_categories(db: Database, listed: Iterable[ListedCategories]) -> None:
    """Stores the categories that a listing shows for posts, as part of the source hints of these posts.

    Nothing is stored for a post whose page or other sources give categories. Several listings may show different
    numbers of a post's categories, so fewer categories than are stored do not replace them. The listing of a category
    shows only one of them, so it counts only if no listing has shown any.
    """
    found = {one.urlkey: one for one in listed}
    for page_id, key, text, digests in db.execute(_LISTED_PAGES, [json.dumps(list(found))]).fetchall():
        latest = hint_from_json(text) or SourceHint()
        before, names = set(latest.listed_categories), found[key].names
        if latest.from_api or latest.categories or before.issuperset(names) or (before and not found[key].is_beside):
            continue
        hint = replace(latest, listed_categories=names)
        store_hint(db, page_id, hint, json.loads(digests or "{}"), completes=before.issubset(names))


_UNDATED_PAGES = (
    "select p.id, p.urlkey, h.hint, h.digests from json_each(?) k join pages p on p.urlkey = k.value "
    f"left join source_hints h on {LATEST_HINT} left join articles a on a.id = p.article_id and a.urlkey = p.urlkey "
    "where p.kind not in ('listing', 'feed', 'sitemap', 'api', 'part') and (p.fetched_at is null "
    "or p.outcome = 'not-article' or a.id is not null and a.published is null "
    "or instr(coalesce(h.hint, ''), '\"listed_date\"'))"
)
"""SQL: the pages at the given urlkeys that may need the date that a list of posts shows, with their latest hints."""


def store_listed_dates(db: Database, listed: Iterable[ListedDate]) -> None:
    """Stores the dates that a list of posts shows beside its links, as part of the source hints of these pages.

    Nothing is stored for a page that another source dates. Several lists may show different dates of a post, such as
    that of its last change, or show one date in different forms. A stored date is replaced only by a more precise form
    of the same date or by an earlier date, so that lists which disagree do not change it in each run.
    """
    found = {one.urlkey: one.date for one in listed}
    for page_id, key, text, digests in db.execute(_UNDATED_PAGES, [json.dumps(list(found))]).fetchall():
        latest = hint_from_json(text) or SourceHint()
        before, date = latest.listed_date, found[key]
        is_finer = date.startswith(before)
        if latest.published is not None or date == before or not (is_finer or _is_earlier(date, before)):
            continue
        hint = replace(latest, listed_date=date)
        store_hint(db, page_id, hint, json.loads(digests or "{}"), completes=is_finer)


_LISTS = """select p.id, p.url, p.capture_id from pages p where p.site_id = :site and p.fetched_at >= :since
    and p.outcome = 'not-article' and p.kind in ('listing', 'page', 'other', 'unknown') and p.capture_id is not null"""


_WITHOUT_DATE = f"""from pages p left join articles a on a.id = p.article_id where p.site_id = :site
    and p.fetched_at >= :since and (p.outcome = 'not-article' and p.rule = '{UNDATED}'
    or p.outcome = 'archived' and a.id is not null and a.published is null)"""


_LISTED_ON = f"""select d.found_on_page_id {
    _WITHOUT_DATE.replace(
        "from pages p", "from pages p join page_discoveries d on d.page_id = p.id and d.source = 'listing'"
    )
}"""


_AMONG_POSTS = f"""select 1 {_WITHOUT_DATE} and (select count(*) from (select 1 from page_forms mine
    join forms o on o.id = mine.form_id join forms f on f.site_id = o.site_id and f.address = o.address
    join page_forms others on others.form_id = f.id join pages q on q.id = others.page_id
    where mine.page_id = p.id and q.outcome in ('archived', 'unchanged') and q.rule <> '{UNDATED}' limit 3)) = 3
    limit 1"""


def has_list_dates(db: Database, site_id: int) -> bool:
    """Returns True if a post of a site has its date from a list."""
    query = "select 1 from pages where site_id = ? and rule = ? and kind = 'post' limit 1"
    return db.execute(query, [site_id, LISTED_DATE]).fetchone() is not None


def lists_fetched_since(
    db: Database, site_id: int, since: datetime, *, of_undated: bool = False
) -> list[tuple[str, int]]:
    """Returns the URLs and captures of the pages that were fetched since a time and that may be lists of posts.

    If `of_undated` is True, returns only the lists that may date pages which were found since then to have no date:
    those that show such a page as an entry. If the address of such a page is like those of posts, returns all lists.
    """
    values = {"site": site_id, "since": stamp(since)}
    lists = db.execute(f"{_LISTS} order by p.id", values).fetchall()
    if of_undated and db.execute(_AMONG_POSTS, values).fetchone() is None:
        wanted = {row[0] for row in db.execute(_LISTED_ON, values)}
        lists = [row for row in lists if row[0] in wanted]
    return [(url, capture_id) for _, url, capture_id in lists]


def _is_earlier(date: str, before: str) -> bool:
    """Returns True if `date` is earlier than `before`. Returns False if the two are one date: one of them less precise,
    or with day and month in the other order, since a list may change its format.
    """
    year, *rest = date.split("-")
    is_swapped = before.split("-") == [year, *reversed(rest)]
    return date < before and not before.startswith(date) and not is_swapped


T = TypeVar("T")
_MOST_ENTRIES = 10_000
_VALUES_PER_QUERY = 500


@dataclass(frozen=True, slots=True)
class ListChanges:
    """The changes in a list since it was last read, as page IDs.

    - `removed`: the posts that were removed, newest first.
    - `due`: other removed posts, which are already due.
    - `fetched`: other removed posts, which this run has already fetched.
    - `again`: posts that are gone but still or again in the list, and posts that are listed at a former address.
    - `has_moved_up`: True if the first posts of a later page of a list are now on the page before it, so that a post is
      missing there or on an earlier page.
    """

    removed: tuple[int, ...] = ()
    due: tuple[int, ...] = ()
    fetched: tuple[int, ...] = ()
    again: tuple[int, ...] = ()
    has_moved_up: bool = False


def changes_of_list(db: Database, key: str, listed: ListedPosts, run_started: datetime) -> ListChanges:
    """Stores the entries that the feed or listing at the urlkey `key` shows (`listed`). Returns the changes since the
    list was last read. `run_started` is the start of the present run.

    A post does not count as removed if another feed, sitemap, API or listing shows it in this run, or if the page still
    links to it.
    """
    row = db.execute("select id, listed, fetched_at from pages where urlkey = ?", [key]).fetchone()
    entries = _page_ids(db, listed.entries[:_MOST_ENTRIES])
    text, since = ",".join(map(str, entries)), stamp(run_started)
    if row is None or not entries:
        return ListChanges()
    still = tuple(_gone_pages(db, entries, since, row[2])) if row[2] else ()
    if text == row[1]:
        return ListChanges(again=still)
    db.execute("update pages set listed = ? where id = ?", [text, row[0]])
    if not row[1]:
        return ListChanges(again=still)
    before = [int(number) for number in row[1].split(",")]
    known = _listed_pages(db, {*before, *entries})
    removed = removed_posts(
        [known[entry].page_id for entry in before if entry in known],
        [known[entry].page_id for entry in entries if entry in known],
        {page.page_id: page.day for page in known.values() if page.is_post},
        is_first=listed.is_first,
        is_last=listed.is_last,
    )
    new = set(entries).difference(before)
    again = {*still, *_gone_pages(db, new, since), *_former_addresses(db, new, since)}
    missed: dict[str, tuple[int, ...]] = {}
    for post in removed:
        if state := _state_of_missed(db, post, listed.others, since):
            missed[state] = (*missed.get(state, ()), post)
    moved = not listed.is_first and before[0] not in entries and entries[0] in before
    return ListChanges(
        missed.get("removed", ()), missed.get("due", ()), missed.get("fetched", ()), tuple(sorted(again)), moved
    )


def _gone_pages(db: Database, page_ids: Iterable[int], since: str, gone_since: str = "") -> Iterator[int]:
    """Yields those of these pages that are gone and not due. `since` is the start of this run. With `gone_since`,
    yields only pages that a run begun after that time found gone, and that this run has not fetched.
    """
    later = (
        "and fetched_at < ? and exists (select 1 from runs r where r.site_id = pages.site_id and r.started_at > ? "
        "and r.started_at <= pages.changed_at)"
    )
    where, more = (later, [since, gone_since]) if gone_since else ("", [])
    for some in _chunks(page_ids):
        rows = db.execute(
            f"select id from pages where id in ({_marks(some)}) and outcome = 'gone' and due_at > ? {where} "
            "order by id",
            [*some, since, *more],
        )
        yield from (number for (number,) in rows.fetchall())


def _former_addresses(db: Database, page_ids: Iterable[int], since: str) -> Iterator[int]:
    """Yields page IDs in pairs: a former address of a post, and the post's own address, since only a fetch of both
    shows which is the post's address now. The former addresses are those of these pages that do not redirect, are not
    due, and were last fetched before the time `since`.
    """
    for some in _chunks(page_ids):
        rows = db.execute(
            "select p.id, own.id from pages p join articles a on a.id = p.article_id and a.urlkey <> p.urlkey "
            "join article_urls u on u.urlkey = p.urlkey and u.kind = 'moved' join pages own on own.urlkey = a.urlkey "
            f"where p.id in ({_marks(some)}) "
            "and p.outcome in ('archived', 'unchanged', 'duplicate', 'gone') "
            "and p.redirect_urlkey is null and p.due_at > ? and p.fetched_at < ?",
            [*some, since, since],
        )
        for pair in rows.fetchall():
            yield from pair


# -- new posts that only a list shows

_NEWEST_POSTS = 5
_MOST_LEADING_LISTS = 5


def make_leading_lists_due(db: Database, site_id: int) -> None:
    """Makes due the listing pages with the newest posts that no feed, sitemap, API or home page of the site shows,
    since the next new post will probably appear there, too. An example is a firm's site whose home page only links to
    the blog, and whose blog has no feed.
    """
    newest = [
        row[0]
        for row in db.execute(
            "select p.id from articles a join pages p on p.urlkey = a.urlkey where a.site = (select name from sites "
            "where id = ?) and a.gone_at is null order by a.published desc limit ?",
            [site_id, _NEWEST_POSTS],
        ).fetchall()
    ]
    hidden = set(newest).difference(_shown_every_run(db, site_id, newest))
    if not hidden:
        return
    rows = db.execute(
        "select id, listed from pages where site_id = ? and kind = 'listing' "
        "and outcome in ('not-article', 'unchanged') and priority > 0 and listed > '' "
        "order by priority, id limit 1000",
        [site_id],
    ).fetchall()
    shown = {page_id: hidden.intersection(map(int, listed.split(","))) for page_id, listed in rows}
    chosen: list[int] = []
    while hidden and shown and len(chosen) < _MOST_LEADING_LISTS:
        best = max(shown, key=lambda page_id: len(shown[page_id] & hidden))
        if not shown[best] & hidden:
            break
        hidden -= shown.pop(best)
        chosen.append(best)
    make_pages_due(db, chosen, DueFor.LEADING_LIST)


def _shown_every_run(db: Database, site_id: int, page_ids: Sequence[int]) -> Iterator[int]:
    """Yields those of these pages that a feed, sitemap or API has listed, and all pages that the home page lists. Every
    run reads these sources.
    """
    rows = db.execute(
        "select page_id from page_discoveries where source in ('feed', 'sitemap', 'api') "
        f"and page_id in ({_marks(page_ids)})",
        page_ids,
    )
    yield from (row[0] for row in rows.fetchall())
    lists = db.execute(
        "select listed from pages where site_id = ? and priority = 0 and kind = 'listing' and listed > ''", [site_id]
    )
    for (listed,) in lists.fetchall():
        yield from map(int, listed.split(","))


# -- older posts, on sites that only their lists describe

_LONGEST_LISTS = 5
_HAS_SITEMAP_OR_API = (
    "select 1 from pages where site_id = ? and kind in ('sitemap', 'api') and outcome = 'not-article' limit 1"
)


def make_archive_list_due(db: Database, site_id: int) -> None:
    """Makes due the listing page that shows most of the site's older posts, if it shows at least half of them. Older
    posts are those that neither a feed nor the home page shows now. Many blogs have such a page ("Archive"), from which
    a deleted post disappears. If there is none, makes due the page that shows the oldest post: the last page of the
    list, which changes if a post is deleted anywhere in it. Does nothing if the site has a sitemap or an API, which
    show the same.
    """
    if db.execute(_HAS_SITEMAP_OR_API, [site_id]).fetchone():
        return
    (posts,) = db.execute(
        "select count(*) from articles where site = (select name from sites where id = ?) and gone_at is null",
        [site_id],
    ).fetchone()
    every_run = db.execute(
        "select listed from pages where site_id = ? and listed > '' and (kind = 'feed' or kind = 'listing' and "
        "priority = 0)",
        [site_id],
    ).fetchall()
    shown = {int(number) for (listed,) in every_run for number in listed.split(",")}
    older = posts - _count_posts(db, shown)
    lists = db.execute(
        "select id, listed from pages where site_id = ? and kind = 'listing' and priority > 0 and listed > '' "
        "and outcome in ('not-article', 'unchanged') order by length(listed) desc, priority, id limit ?",
        [site_id, _LONGEST_LISTS],
    ).fetchall()
    counts = {page_id: _count_posts(db, set(map(int, listed.split(","))) - shown) for page_id, listed in lists}
    best = max(counts, key=lambda page_id: counts[page_id], default=None)
    if best is None or older <= 0:
        return
    if 2 * counts[best] >= older:
        make_pages_due(db, [best], DueFor.OLDER_LIST)
    elif (last := _list_of_oldest_post(db, site_id)) is not None:
        make_pages_due(db, [last], DueFor.OLDEST_LIST)


def recheck_after_last_list(db: Database, key: str, site_id: int, run_started: datetime) -> None:
    """Makes due the posts that the last page of a list at this urlkey showed before it was gone, and the other pages of
    lists: its posts are now on the page before it, or are gone, too.
    """
    row = db.execute("select url, listed from pages where urlkey = ?", [key]).fetchone()
    if row and row[1]:
        posts = [page.page_id for page in _listed_pages(db, map(int, row[1].split(","))).values() if page.is_post]
        make_pages_due(db, posts, DueFor.DELISTED, row[0])
    make_lists_due(db, site_id, (), run_started)


def _list_of_oldest_post(db: Database, site_id: int) -> int | None:
    """Returns the ID of the listing page with a page number that shows the oldest post; None if there is none. If
    several show it, this is the one whose entries are the oldest.
    """
    rows = db.execute(
        "select id, url, listed from pages where site_id = ? and kind = 'listing' and priority > 0 and listed > '' "
        "and outcome in ('not-article', 'unchanged') order by priority, id limit 1000",
        [site_id],
    ).fetchall()
    numbered = [(page_id, listed) for page_id, url, listed in rows if (page_number(url) or 1) > 1]
    days: dict[int, list[date]] = {}
    known = _listed_pages(db, {int(entry) for _, listed in numbered for entry in listed.split(",")})
    for page_id, listed in numbered:
        entries = (known.get(int(entry)) for entry in listed.split(","))
        days[page_id] = sorted(entry.day for entry in entries if entry is not None and entry.day is not None)
    dated = {page_id: found for page_id, found in days.items() if found}
    return min(dated, key=lambda page_id: (dated[page_id][0], dated[page_id][-1]), default=None)


def _count_posts(db: Database, page_ids: Iterable[int]) -> int:
    return sum(page.is_post for page in _listed_pages(db, page_ids).values())


# -- posts that vanish together, on sites that only their lists describe

_MOST_LISTS = 20


def make_lists_due(db: Database, site_id: int, gone: Iterable[str], run_started: datetime) -> None:
    """Makes due at most 20 of the listing pages that this run has not read. The pages that showed most of the `gone`
    posts (urlkeys) come first, since they may show new addresses of these posts. Does nothing if the site has a sitemap
    or an API.
    """
    if db.execute(_HAS_SITEMAP_OR_API, [site_id]).fetchone():
        return
    posts = set(_page_ids(db, gone))
    rows = db.execute(
        "select id, listed from pages where site_id = ? and kind = 'listing' "
        "and outcome in ('not-article', 'unchanged') and fetched_at < ? and listed > '' "
        "order by fetched_at desc limit 1000",
        [site_id, stamp(run_started)],
    ).fetchall()
    ranked = sorted(rows, key=lambda row: -len(posts.intersection(map(int, row[1].split(",")))))
    make_pages_due(db, [row[0] for row in ranked[:_MOST_LISTS]], DueFor.LISTS_OF_GONE)


def make_other_addresses_due(db: Database, key: str, run_started: datetime) -> None:
    """Makes due the other addresses of the post at this urlkey that this run has not fetched and do not redirect."""
    others = (
        "from pages p join article_urls u on u.urlkey = p.urlkey join articles a on a.id = u.article_id "
        "where a.urlkey = ? and p.urlkey <> a.urlkey and p.redirect_urlkey is null and u.kind in ('copy', 'moved')"
    )
    db.execute(
        "update pages set due_at = ?, due_for = ?, due_by = null "
        f"where fetched_at < ? and id in (select p.id {others})",
        [EPOCH, DueFor.OTHER_ADDRESS, stamp(run_started), key],
    )


def recheck_removed(db: Database, page_ids: Sequence[int], list_url: str, rechecked: int, now: datetime) -> None:
    """Makes the pages of posts due at once that a list no longer shows. A run rechecks at most MOST_RECHECKED
    pages, of which it has rechecked `rechecked` before. The remaining pages are due on the following days.
    """
    room = max(0, MOST_RECHECKED - rechecked)
    make_pages_due(db, page_ids[:room], DueFor.DELISTED, list_url)
    for index, page_id in enumerate(page_ids[room:]):
        due = stamp(now + timedelta(days=1 + index // MOST_RECHECKED))
        db.execute(
            "update pages set due_at = min(due_at, ?), due_for = ?, due_by = ? where id = ?",
            [due, DueFor.DELISTED, list_url, page_id],
        )


def note_delisted(db: Database, changes: ListChanges, list_url: str) -> None:
    """Stores that a list no longer shows the posts that this run fetches or has fetched for another reason."""
    reported = ", ".join(f"'{one}'" for one in sorted(REPORTED_CHANGES))
    db.execute(
        f"update pages set due_for = ?, due_by = ? where id in ({_marks(changes.due)}) "
        f"and coalesce(due_for, '') not in ({reported})",
        [DueFor.DELISTED, list_url, *changes.due],
    )
    for page_id in changes.fetched:
        reason, remarks = db.execute("select reason, remarks from pages where id = ?", [page_id]).fetchone()
        delisted = {Remark.DELISTED: list_url}
        db.execute(
            "update pages set reason = ?, remarks = ? where id = ?",
            [with_remarks(reason, delisted), remarks_as_json({**remarks_from_json(remarks), **delisted}), page_id],
        )


def is_listed_since(db: Database, key: str, since: datetime, read_since: datetime | None = None) -> bool:
    """Returns True if a source or listing has shown the page at this urlkey since a time, or if one that was read since
    `read_since` (by default the same time), or answered that it has not changed (304), shows it in its last state.
    """
    page = "(select id from pages where urlkey = ?1)"
    last_state = (
        "select 1 from page_discoveries d join pages f on f.id = d.found_on_page_id left join captures c on "
        f"c.id = f.capture_id where d.page_id = {page} and d.source in ('feed', 'sitemap', 'listing') "
        "and f.outcome in ('not-article', 'unchanged') and f.fetched_at >= ?3 "
        "and coalesce(d.last_seen, d.first_seen) >= iif(f.status = 304, c.captured_at, f.fetched_at)"
    )
    query = f"{_LISTED_SINCE.format(page, '?2')} union all {last_state} limit 1"
    return db.execute(query, [key, stamp(since), stamp(read_since or since)]).fetchone() is not None


def read_list_of(db: Database, key: str, site_id: int, run_started: datetime) -> None:
    """Makes due the list that showed the post at this urlkey, if this run has not read it, since it may still show the
    post. Does nothing if the site has a sitemap or an API, which every run reads.
    """
    if not db.execute(_HAS_SITEMAP_OR_API, [site_id]).fetchone():
        db.execute(
            "update pages set due_at = ?, due_for = ?, due_by = null where fetched_at < ? and kind = 'listing' "
            "and id in (select d.found_on_page_id from pages p join page_discoveries d on d.page_id = p.id "
            "and d.source = 'listing' where p.urlkey = ?)",
            [EPOCH, DueFor.LIST_OF_GONE, stamp(run_started), key],
        )


# -- posts that are no longer listed, on sites whose pages cannot show whether they are gone

_LISTED_SINCE = (
    "select 1 from page_discoveries d where d.page_id = {0} and d.source in ('feed', 'sitemap', 'api', 'listing') "
    "and coalesce(d.last_seen, d.first_seen) >= {1}"
)
"""SQL: finds a row if a source or listing has shown the page {0} since the time {1}."""
_RELISTED = (
    "exists (select 1 from page_discoveries d where d.page_id = p.id and d.source in ('feed', 'sitemap', 'api', "
    "'listing') and coalesce(d.last_seen, d.first_seen) > p.fetched_at)"
)


def is_left_out(db: Database, key: str, known: PageState) -> bool:
    """Returns True if a feed, sitemap, API or listing has left out the page at this urlkey, and no source has listed it
    again.
    """
    if known.due_for == DueFor.DELISTED:
        return True
    return (
        known.rule == UNLISTED
        and db.execute(f"select 1 from pages p where p.urlkey = ? and {_RELISTED}", [key]).fetchone() is None
    )


def unlisted_posts(db: Database, site_id: int) -> tuple[int, str]:
    """Returns the number of a site's posts that may be gone because their lists no longer show them, and the URL of one
    ("" if there are none).
    """
    row = db.execute(
        f"select count(*), coalesce(min(p.url), '') from pages p where p.site_id = ? and p.rule = '{UNLISTED}' "
        f"and not {_RELISTED}",
        [site_id],
    ).fetchone()
    return int(row[0]), str(row[1])


def delisted_posts(db: Database, site_id: int) -> tuple[int, str]:
    """Returns the number of a site's delisted posts, and the URL of one ("" if there are none). A delisted post is no
    longer shown by a source or listing, but was still online when it was last fetched.
    """
    row = db.execute(
        "select count(*), coalesce(min(p.url), '') from pages p where p.site_id = ? and p.outcome in ('archived', "
        f"'unchanged') and json_extract(p.remarks, '$.{Remark.DELISTED}') is not null and not {_RELISTED}",
        [site_id],
    ).fetchone()
    return int(row[0]), str(row[1])


@dataclass(frozen=True, slots=True)
class _ListedPage:
    """A page in a list that is or may be a post.

    - `page_id`: the page, or the page to which it redirects.
    - `is_post`: True if it shows a stored article.
    - `day`: the day on which that article was published; None if unknown.
    """

    page_id: int
    is_post: bool
    day: date | None


def _page_ids(db: Database, keys: Iterable[str]) -> list[int]:
    """Returns the IDs of the pages at these urlkeys that are or may be posts, in the same order."""
    known: dict[str, int] = {}
    wanted = list(keys)
    for some in _chunks(wanted):
        known.update(
            db.execute(
                f"select urlkey, id from pages where urlkey in ({_marks(some)}) and kind in ('post', 'unknown')", some
            ).fetchall()
        )
    return [known[key] for key in wanted if key in known]


def _listed_pages(db: Database, page_ids: Iterable[int]) -> dict[int, _ListedPage]:
    """Returns those of these pages that are or may be posts, by page ID."""
    found = {}
    for some in _chunks(page_ids):
        rows = db.execute(
            "select p.id, coalesce(t.id, p.id), a.id, a.published from pages p "
            "left join pages t on t.urlkey = p.redirect_urlkey "
            "left join articles a on a.id = coalesce(t.article_id, p.article_id) "
            f"where p.id in ({_marks(some)}) and p.kind in ('post', 'unknown')",
            some,
        )
        for page_id, target, article_id, published in rows:
            day = date.fromisoformat(published[:10]) if published else None
            found[page_id] = _ListedPage(target, article_id is not None, day)
    return found


def _state_of_missed(db: Database, page_id: int, others: frozenset[str], since: str) -> str:
    """Returns the attribute of `ListChanges` to which a post belongs that a list no longer shows: "removed", "due" or
    "fetched". Returns "" if the post is not online or is still listed: a source has listed it since the time `since`,
    or the list's page still links to it (its urlkey is in `others`).
    """
    row = db.execute(
        "select urlkey, case when fetched_at >= ?1 then 'fetched' when due_at > ?1 then 'removed' else 'due' end "
        "from pages p where id = ?2 and kind = 'post' and outcome in ('archived', 'unchanged', 'held') "
        f"and rule is not '{UNLISTED}' and not exists ({_LISTED_SINCE.format('p.id', '?1')})",
        [since, page_id],
    ).fetchone()
    return str(row[1]) if row is not None and row[0] not in others else ""


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    left = iter(values)
    while some := list(islice(left, _VALUES_PER_QUERY)):
        yield some


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


MOST_RECHECKED = 50
"""At most this many posts a day are fetched again because lists no longer show them. Without this limit, a redesign
could make the crawl fetch the whole site at once."""

_MOSTLY = 0.75
"""A list counts as ordered by date if at least this share of its posts is in order of date."""


def removed_posts(
    before: Sequence[int],
    now: Sequence[int],
    days: Mapping[int, date | None],
    *,
    is_first: bool = False,
    is_last: bool = False,
) -> list[int]:
    """Returns the IDs of the posts that were removed from a list, newest first. They are among its earlier entries
    (`before`) but not among its present ones (`now`), although the part of the list in which they belong was read.

    `days` maps each post to its day of publication, or to None if the day is unknown. Pages that are not in `days` are
    not posts. A post counts as removed only if the list still shows a post that was before it and a post that was after
    it. On the first page of a list (`is_first`), no post before it is needed. On the last page (`is_last`), no post
    after it is needed if the page has become shorter; otherwise the list may only show a fixed number of its newest
    posts.

    Returns [] if the list was or is not ordered by date, for example because it is a selection or the page has several
    lists.
    """
    old, new = _in_order(before, days), _in_order(now, days)
    standing = set(old) & set(new)
    places = [index for index, post in enumerate(old) if post in standing]
    if not places or [old[index] for index in places] != [post for post in new if post in standing]:
        return []
    is_shorter = len(set(now)) < len(set(before))
    first = -1 if is_first else places[0]
    last = len(old) if is_last and is_shorter else places[-1]
    shown = set(now)
    return [post for index, post in enumerate(old) if first < index < last and post not in shown]


def _in_order(entries: Sequence[int], days: Mapping[int, date | None]) -> list[int]:
    """Returns those posts among `entries`, the entries of a list, that are in order of date, newest first. `days` has
    the date of each post, None if unknown. Leaves out posts that are out of place, such as a pinned post, and entries
    that are not in `days`. Returns [] if too many are out of place.
    """
    posts = [entry for entry in dict.fromkeys(entries) if entry in days]
    ordered = _longest_descending(posts, _filled([days[post] for post in posts]))
    return ordered if len(ordered) >= _MOSTLY * len(posts) else []


def _filled(days: list[date | None]) -> list[int]:
    """Returns the days as numbers. An unknown day becomes the last known day before it in the list or, if there is
    none, the first known day.
    """
    known = next((day for day in days if day is not None), date.min)
    filled = []
    for day in days:
        known = day or known
        filled.append(known.toordinal())
    return filled


def _longest_descending(posts: list[int], days: list[int]) -> list[int]:
    """Returns the longest subsequence of `posts` whose days never increase (patience sorting)."""
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for index, day in enumerate(days):
        at = bisect_right(tails, -day)
        previous.append(ends[at - 1] if at else -1)
        tails[at : at + 1] = [-day]
        ends[at : at + 1] = [index]
    chain = []
    index = ends[-1] if ends else -1
    while index >= 0:
        chain.append(posts[index])
        index = previous[index]
    return chain[::-1]
