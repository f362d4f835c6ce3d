"""Records discovered URLs in the pages table, the discovery sources that reported each page, and the counts of pages
per source.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlite_utils import Database

from archiver.discovery.source_hints import HintDigest, combine_hints, digest_of, last_digest, source_key
from archiver.discovery.url_classifier import outcome_of_trap_rule, trap_reason
from archiver.frontier.fetch_order_and_revisits import VOUCHING_SOURCES, Believes, KnownPage, priority, refetch_reason
from archiver.items import DiscoveredURL, DiscoverySource, Outcome, PageKind, SourceHint
from archiver.storage.pages import EPOCH, known_page, latest_hint, make_due_again, stamp, store_hint
from archiver.storage.tombstones import tombstone_at
from archiver.urls import urlkey

# -- the table page_discoveries

Place = tuple[str | None, int | None]
"""Where a URL was found, as the values of `found_on` and `found_on_page_id`; one of the two is None."""


def discovery_place(db: Database, url: str) -> Place:
    """Returns the values of `found_on` and `found_on_page_id` for a URL that was found at `url`: the ID of the page
    with this URL if the page is in the pages table, otherwise `url` itself.
    """
    try:
        key = urlkey(url)
    except ValueError:  # the URL is a file name
        return url, None
    row = db.execute("select id from pages where urlkey = ? and url = ?", [key, url]).fetchone()
    return (None, row[0]) if row else (url, None)


def record_discovery(
    db: Database, page_id: int, source: str, found: Place, now: str, first: str | None, last: str | None
) -> None:
    """Records that a source reported a page at the time `now`; `first` and `last` are when a web archive first and last
    captured it, if known (ISO 8601, UTC).
    """
    db.execute(
        "insert into page_discoveries (page_id, source, found_on, found_on_page_id, first_seen, last_seen, "
        "first_capture, "
        "last_capture) values (?, ?, ?, ?, ?, null, ?, ?) on conflict (page_id, source) do update set "
        "last_seen = excluded.first_seen, found_on = excluded.found_on, found_on_page_id = excluded.found_on_page_id, "
        "first_capture = min(coalesce(first_capture, excluded.first_capture), "
        "coalesce(excluded.first_capture, first_capture)), "
        "last_capture = max(coalesce(last_capture, excluded.last_capture), "
        "coalesce(excluded.last_capture, last_capture))",
        [page_id, source, *found, now, first, last],
    )


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
    places: dict[str, Place] = {}  # many targets were found on the same page
    for target in (targets := list(targets)):
        if target.found_on not in places:
            places[target.found_on] = discovery_place(db, target.found_on)
    return [
        target
        for target in targets
        if _record_discovered_url(
            db,
            site_id,
            _Found(
                target,
                places[target.found_on],
                stamp(now),
                later if target.kind is PageKind.LISTING else EPOCH,
                folder,
                believes,
            ),
        )
    ]


@dataclass(frozen=True, slots=True)
class _Found:
    """A discovered URL that is to be recorded.

    - `target`: the URL.
    - `place`: where it was found.
    - `now`: when it was found.
    - `due`: when it is due if it is new.
    - `folder`: the path of its site's scope.
    - `believes`: a function that returns True if a claim of its source is trusted.
    """

    target: DiscoveredURL
    place: Place
    now: str
    due: str
    folder: str
    believes: Believes


def _record_discovered_url(db: Database, site_id: int, found: _Found) -> bool:
    target = found.target
    key = urlkey(target.url)
    if target.hint and tombstone_at(db, key):
        target = replace(target, hint=None)  # the hint may contain the text of a removed post
    lastmod = stamp(target.lastmod) if target.lastmod else None
    inserted = db.execute(
        "insert into pages (site_id, url, urlkey, kind, outcome, reason, rule, lastmod, priority, found_at, "
        "due_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (urlkey) do nothing returning id",
        [
            site_id,
            target.url,
            key,
            target.kind,
            outcome_of_trap_rule(target.trap),
            trap_reason(target.trap),
            target.trap or None,
            lastmod,
            priority(target.kind, target.source, target.url, found.folder),
            found.now,
            None if target.trap else found.due,
        ],
    ).fetchone()
    if inserted:
        page_id = inserted[0]
        if target.hint:
            key = source_key(target.source, target.found_on)
            store_hint(db, page_id, target.hint, {key: str(digest_of(target.hint))})
    else:
        known = known_page(db, key)
        assert known is not None
        page_id = known.id
        if not target.trap:
            if known.outcome is Outcome.OUT_OF_SCOPE and known.fetched_at is None:
                _adopt_page(db, page_id, site_id, target.url)
            _update_known(db, known, replace(found, target=target), lastmod)
    first, last = target.captured or (None, None)
    record_discovery(
        db,
        page_id,
        target.source,
        found.place,
        found.now,
        stamp(first) if first else None,
        stamp(last) if last else None,
    )
    return bool(inserted)


def _adopt_page(db: Database, page_id: int, site_id: int, url: str) -> None:
    """Moves a page to the site that has found it within its own scope. Another site found the page first, but outside
    its scope: the feed of an aggregator, for example, lists posts of many sites.
    """
    db.execute("delete from page_discoveries where page_id = ?", [page_id])
    db.execute(
        "update pages set site_id = ?, url = ?, outcome = 'due', reason = null, rule = null, due_at = ? where id = ?",
        [site_id, url, EPOCH, page_id],
    )


def _update_known(db: Database, known: KnownPage, found: _Found, lastmod: str | None) -> None:
    target = found.target
    source = source_key(target.source, target.found_on)
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
            believes=found.believes if known.kind is not PageKind.SITEMAP else lambda claim: True,
        )
    )
    if news and known.kind is PageKind.PART:
        # A further page of a post is only fetched together with its post, so the post is made due in its place.
        post = db.execute("select post_urlkey from article_parts where urlkey = ?", [known.urlkey]).fetchone()
        make_due_again(db, post[0] if post else "", news)
        news = ""
    kind = _more_certain_kind(known, target)
    db.execute(
        "update pages set lastmod = nullif(max(coalesce(lastmod, ''), coalesce(?, '')), ''), "
        "kind = ?, priority = min(priority, ?), "
        "due_at = case when ? then ? else due_at end, reason = case when ? then ? else reason end, "
        "outcome = case when ? then 'due' else outcome end where id = ?",
        [
            lastmod,
            kind,
            priority(kind, target.source, target.url, found.folder),
            bool(news),
            EPOCH,
            bool(news),
            news,
            vouched,
            known.id,
        ],
    )
    if target.hint and digest and digest != before:
        _store_changed_hint(db, known, target.hint, _Report(source, digest, is_first=before is None))


@dataclass(frozen=True, slots=True)
class _Report:
    """The digest of a source's hint for a page, and the `key` of the source (`source_key`). `is_first` is True if this
    is the source's first hint for the page.
    """

    key: str
    digest: HintDigest
    is_first: bool


def _store_changed_hint(db: Database, known: KnownPage, hint: SourceHint, report: _Report) -> None:
    """Stores the changed source hint of a known page, combined with the hints of other sources for the page."""
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
