"""Records discovered URLs in the pages table, the discovery sources that reported each page, the counts of pages per
source, and which claims of sources about changes are trusted.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from archiver.discovery.source_hints_and_trust import (
    VALIDATORS,
    ClaimTally,
    HintDigest,
    are_claims_believed,
    claim_of,
    combine_hints,
    digest_of,
    last_digest,
    reasons_of_claim,
    source_key,
)
from archiver.discovery.url_classifier_and_patterns import outcome_of_trap_rule, trap_reason
from archiver.frontier.fetch_order_and_revisits import VOUCHING_SOURCES, Believes, KnownPage, priority, refetch_reason
from archiver.items import (
    LISTED_DATE,
    UNDATED,
    DiscoveredURL,
    DiscoverySource,
    ListedCategories,
    ListedDate,
    Outcome,
    PageKind,
    SourceHint,
)
from archiver.storage import Database
from archiver.storage.pages_and_source_hints import (
    EPOCH,
    LATEST_HINT,
    hint_from_json,
    known_page,
    known_pages,
    latest_hint,
    make_due_again,
    moment,
    postpone_pages,
    stamp,
    store_hint,
)
from archiver.storage.tombstones import removed_urlkeys
from archiver.urls import urlkey, urlkey_or_empty

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


# -- the table page_counts: the numbers of a site's pages by kind and outcome, in total and per discovery source.
# Triggers keep it up to date, so that a site with 100,000 pages is shown as fast as a site with ten pages.

_KEY = "site_id, source, kind, outcome, with_article"
_COLUMNS = f"{_KEY}, pages"
_CLASS = "{0}.kind, {0}.outcome, {0}.article_id is not null"
PAGE_COUNTS_QUERY = f"""select p.site_id, '' as source, {_CLASS.format("p")} as with_article, count(*) as pages
    from pages p {{0}} group by 1, 3, 4, 5
    union all select p.site_id, s.source, {_CLASS.format("p")}, count(*)
    from pages p join page_sources s on s.page_id = p.id {{0}} group by 1, 2, 3, 4, 5"""
"""SQL that computes the rows of `page_counts` from the table `pages`; {0} is a condition on `p`."""


@dataclass(frozen=True, slots=True)
class Count:
    """The number of a site's pages that have the same kind and outcome, were reported by `source` ("" means all pages
    of the site), and either all show an article or all show none.
    """

    source: str
    kind: str
    outcome: str
    with_article: bool
    pages: int


def page_counts(db: Database, site_id: int) -> list[Count]:
    """Returns the counts of a site's pages by source, kind and outcome."""
    rows = db.execute(
        "select source, kind, outcome, with_article, pages from page_counts where site_id = ? and pages <> 0", [site_id]
    )
    return [Count(source, kind, outcome, bool(article), pages) for source, kind, outcome, article, pages in rows]


def page_counts_of_sites(db: Database) -> dict[int, list[Count]]:
    """Returns for each site, by ID, the counts of all its pages by kind and outcome, with one query for all sites."""
    out: dict[int, list[Count]] = {}
    for site, kind, outcome, article, pages in db.execute(
        "select site_id, kind, outcome, with_article, pages from page_counts where source = '' and pages <> 0"
    ):
        out.setdefault(site, []).append(Count("", kind, outcome, bool(article), pages))
    return out


def recount_pages(db: Database) -> None:
    """Rebuilds the table `page_counts` by counting all pages."""
    db.execute("delete from page_counts")
    db.execute(f"insert into page_counts ({_COLUMNS}) {PAGE_COUNTS_QUERY.format('')}")


# -- recording discovered URLs


def record_discovered_urls(
    db: Database,
    site_id: int,
    targets: Iterable[DiscoveredURL],
    now: datetime,
    listings_due: datetime | None = None,
    folder: str = "/",
    believes: Believes = lambda claim: True,
) -> list[DiscoveredURL]:
    """Records discovered URLs in the pages table; returns the new ones.

    A new page is due at once, but a new listing is due at `listings_due` if that is given. A known page becomes due
    again only if the source reports a change (see `refetch_reason`). `folder` is the path of the site's scope;
    `believes` returns True if a claim of a source is trusted.
    """
    later = stamp(listings_due) if listings_due else EPOCH
    report = _Report(db, site_id, stamp(now), later, folder, believes)
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
    - `believes`: a function that returns True if a claim of a source is trusted.
    """

    db: Database
    site_id: int
    now: str
    later: str
    folder: str
    believes: Believes

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
            f"{target.source} lists it"
            if vouched
            else refetch_reason(
                known,
                target,
                before,
                digest,
                believes=self.believes if known.kind is not PageKind.SITEMAP else lambda claim: True,
            )
        )
        if news and known.kind is PageKind.PART:
            # A further page of a post is only fetched together with its post, so the post is made due in its place.
            post = self.db.execute("select post_urlkey from article_parts where urlkey = ?", [known.urlkey]).fetchone()
            make_due_again(self.db, post[0] if post else "", news)
            news = ""
        kind = _more_certain_kind(known, target)
        level = priority(kind, target.source, target.url, self.folder)
        if target.hint and digest and digest != before:
            _store_changed_hint(self.db, known, target.hint, _Hinted(source, digest, is_first=before is None))
        is_later = target.lastmod is not None and (known.lastmod is None or target.lastmod > known.lastmod)
        if not (news or vouched or is_later or kind is not known.kind or level < known.priority):
            return None
        lastmod = stamp(target.lastmod) if target.lastmod else None
        return self.latest, lastmod, kind, level, bool(news), EPOCH, bool(news), news, vouched, known.id


_INSERT_PAGE = (
    "insert into pages (id, site_id, url, urlkey, kind, outcome, reason, rule, lastmod, priority, found_at, due_at) "
    "values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE_PAGE = (
    "update pages set lastmod = nullif(max(iif(lastmod <= ?, lastmod, ''), coalesce(?, '')), ''), "
    "kind = ?, priority = min(priority, ?), "
    "due_at = case when ? then ? else due_at end, reason = case when ? then ? else reason end, "
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


# -- claims of a server that are not trusted


class Trust:
    """Records which claims of a site's server about changes are trusted: the dates in its feeds, sitemaps and APIs,
    their other details (but not title and text), and its validators (ETag, Last-Modified).

    Reads and writes the site's column `untrusted`, which holds the claims that proved false (see
    `discovery.source_hints_and_trust`), each with the time when it did. Claims are tested while the results of a run
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

    def judge_claim(self, reason: str, *, changed: bool) -> None:
        """Tests a source's claim that a page changed. The claim was the `reason` why the page was due; `changed` is
        True if the page really had changed.

        A claim that proves false is no longer trusted, and the other pages that the source reported as changed are
        postponed to the site's revisit period.
        """
        claim = claim_of(reason)
        if not claim:
            return
        tally = self._tallies[claim]
        tally.called += 1
        tally.true += changed
        if tally.lies and self.in_claim(claim):
            self._distrust(claim)
            for phrase in reasons_of_claim(claim):
                postpone_pages(self._db, self._site_id, phrase, self._now + self._revisit)

    def distrust_validators(self) -> None:
        """Stops trusting the server's validators, because a page changed although its validator did not."""
        if self.in_validators:
            self._distrust(VALIDATORS)

    def _distrust(self, claim: str) -> None:
        self._since[claim] = stamp(self._now)
        self._db.update("sites", self._site_id, {"untrusted": json.dumps(self._since)})
