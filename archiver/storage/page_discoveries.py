"""Records discovered URLs in the pages table, and the discovery sources that reported each page.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from archiver.discovery.source_hints_and_trust import (
    HintDigest,
    combine_hints,
    digest_of,
    last_digest,
    source_key,
)
from archiver.discovery.url_classifier_and_patterns import outcome_of_trap_rule, trap_reason
from archiver.frontier.fetch_order_and_revisits import VOUCHING_SOURCES, Believes, KnownPage, priority, refetch_reason
from archiver.items import (
    DiscoveredURL,
    DiscoverySource,
    Outcome,
    PageKind,
    SourceHint,
)
from archiver.storage import Database
from archiver.storage.pages_and_source_hints import (
    EPOCH,
    known_page,
    known_pages,
    latest_hint,
    make_due_again,
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


# -- claims of a server that are not trusted
