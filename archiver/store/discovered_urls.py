"""Entering discovered URLs into the pages table, with who reported them.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlite_utils import Database

from archiver.discovery.traps import outcome_of, says
from archiver.frontier.schedule import VOUCHING, Known, news_of, priority
from archiver.items import Outcome, PageKind, Source, Target
from archiver.store.leads import lead_digest, lead_json
from archiver.store.ledger import EPOCH, known_page, lead_of, make_due_again, stamp
from archiver.store.tellers import Place, place, tell
from archiver.store.tombstones import removal_at
from archiver.urls import urlkey


def record_targets(db: Database, site_id: int, targets: Iterable[Target], now: datetime,
                   listings_due: datetime | None = None, folder: str = "/",
                   by_dates: Callable[[Source], bool] = lambda source: True) -> list[Target]:
    """Enter what was found; returns what nothing had told of before. `folder` is the scope's path, `by_dates` says
    whether a source's dates are believed.

    A new page is due at once, a listing at `listings_due` where that is given; a known page becomes
    due again only where the target brings news of it (see `news_of`).
    """
    later = stamp(listings_due) if listings_due else EPOCH
    places: dict[str, Place] = {}  # all that a page tells of was found in one place
    for target in (targets := list(targets)):
        if target.found_on not in places:
            places[target.found_on] = place(db, target.found_on)
    return [target for target in targets if _record_target(db, site_id, _Found(
        target, places[target.found_on], stamp(now), later if target.kind is PageKind.LISTING else EPOCH, folder,
        by_dates(target.source)))]


@dataclass(frozen=True, slots=True)
class _Found:
    """A URL as it was discovered: where and when, when it is due if it is new, the path of its site's scope, and
    whether the dates of its source are believed."""

    target: Target
    place: Place
    now: str
    due: str
    folder: str
    by_dates: bool


def _record_target(db: Database, site_id: int, found: _Found) -> bool:
    target = found.target
    key = urlkey(target.url)
    if target.lead and removal_at(db, key):
        target = replace(target, lead=None)  # it may have the whole text
    lead = lead_json(target.lead, {target.source: lead_digest(target.lead)}) if target.lead else None
    lastmod = stamp(target.lastmod) if target.lastmod else None
    inserted = db.execute(
        "insert into pages (site_id, url, urlkey, kind, outcome, reason, rule, lastmod, source_hints, priority, "
        "found_at, "
        "due_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (urlkey) do nothing returning id",
        [site_id, target.url, key, target.kind, outcome_of(target.trap), says(target.trap), target.trap or None,
         lastmod, lead, priority(target.kind, target.source, target.url, found.folder), found.now,
         None if target.trap else found.due],
    ).fetchone()
    if inserted:
        page_id = inserted[0]
    else:
        known = known_page(db, key)
        assert known is not None
        page_id = known.id
        if not target.trap:
            _update_known(db, known, replace(found, target=target), lastmod)
    first, last = target.captured or (None, None)
    tell(db, page_id, target.source, found.place, found.now, stamp(first) if first else None,
         stamp(last) if last else None)
    return bool(inserted)


def _update_known(db: Database, known: Known, found: _Found, lastmod: str | None) -> None:
    target = found.target
    vouched = known.outcome is Outcome.TRAP and target.kind is not PageKind.LISTING and target.source in VOUCHING
    news = f"{target.source} vouches for it" if vouched else news_of(
        known, target, lead_digest(target.lead) if target.lead else "",
        by_dates=found.by_dates or known.kind is PageKind.SITEMAP)
    if news and known.kind is PageKind.PART:
        # A page of a post comes with its post.
        post = db.execute("select post_urlkey from article_parts where urlkey = ?", [known.urlkey]).fetchone()
        make_due_again(db, post[0] if post else "", news)
        news = ""
    kind = _surer_kind(known, target)
    db.execute(
        "update pages set lastmod = nullif(max(coalesce(lastmod, ''), coalesce(?, '')), ''), "
        "source_hints = coalesce(?, source_hints), kind = ?, priority = min(priority, ?), "
        "due_at = case when ? then ? else due_at end, reason = case when ? then ? else reason end, "
        "outcome = case when ? then 'due' else outcome end where id = ?",
        [lastmod, _better_lead(db, known, target), kind, priority(kind, target.source, target.url, found.folder),
         bool(news), EPOCH, bool(news), news, vouched, known.id],
    )


def _better_lead(db: Database, known: Known, target: Target) -> str | None:
    """What a source says of a page, for the pages table; None where it says nothing new. What an API says is better
    than what a feed says, which only fills what no API has said."""
    digest = lead_digest(target.lead) if target.lead else ""
    if not target.lead or digest == known.digests.get(target.source):
        return None
    better = target.source is Source.API or Source.API not in known.digests
    kept = target.lead if better else lead_of(db, known.id) or target.lead
    return lead_json(kept, {**known.digests, target.source: digest})


def _surer_kind(known: Known, target: Target) -> PageKind:
    """The kind of a known page after a source has told its own."""
    surer = target.kind is not PageKind.UNKNOWN and (
        known.kind is PageKind.UNKNOWN or (known.fetched_at is None and target.source in (Source.API, Source.FEED)))
    return target.kind if surer else known.kind
