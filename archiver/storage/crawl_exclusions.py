"""Pages of the ledger that a rule sets aside before they are fetched, and what the rules must know of their like.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlite_utils import Database

from archiver.frontier import url_patterns
from archiver.frontier.revisit import VALIDATORS, ClaimTally, believed, claiming_source, dates_of
from archiver.items import DiscoverySource
from archiver.politeness.robots import HostFile
from archiver.storage import pages
from archiver.storage.pages import moment, stamp
from archiver.urls import urlkey

LEARNED = (url_patterns.PATTERN_BUDGET_RULE, url_patterns.RULE)
"""How the rules begin by which a run sets pages aside; the others are of the table of addresses."""
_MOST_SIBLINGS = 50


def exclude_page(db: Database, page_id: int, rule: str, reason: str) -> None:
    """A page that was never fetched is not asked for: a rule for traps says so. It stays in the ledger."""
    db.execute(
        "update pages set outcome = 'trap', rule = ?, reason = ?, due_at = null where id = ?", [rule, reason, page_id]
    )


def postpone_page(db: Database, page_id: int, until: str) -> None:
    """A page that is due is not asked for before that time."""
    db.execute("update pages set due_at = ? where id = ?", [until, page_id])


def include_again(db: Database, site_id: int, due_at: str) -> None:
    """What a run learned to set aside is due after all; what the table of addresses tells stays where it is."""
    for rule in LEARNED:
        db.execute(
            "update pages set outcome = 'due', reason = '', rule = null, due_at = ? where site_id = ? and "
            "outcome = 'trap' and rule like ? || '%'",
            [due_at, site_id, rule],
        )


def discovered_by(db: Database, page_id: int) -> list[tuple[DiscoverySource, str]]:
    """Who told of a page, and on which page."""
    rows = db.execute("select source, found_on from page_sources where page_id = ?", [page_id])
    return [(DiscoverySource(source), found_on or "") for source, found_on in rows]


def is_only_from_cdx(db: Database, key: str) -> bool:
    """Whether nothing but the list of a web archive has told of the page at this urlkey."""
    told = db.execute(
        "select min(source), max(source) from page_sources where page_id = (select id from pages where urlkey = ?)",
        [key],
    ).fetchone()
    return tuple(told) == (DiscoverySource.CDX, DiscoverySource.CDX)


def excluded_counts(db: Database, site_id: int) -> dict[str, int]:
    """How many addresses each rule has set aside."""
    return dict(
        db.execute(
            "select rule, count(*) from pages where site_id = ? and outcome = 'trap' group by 1", [site_id]
        ).fetchall()
    )


def known_post_count(db: Database, site_id: int) -> int:
    """How many addresses of posts a site has, as far as is known."""
    return int(db.execute("select count(*) from pages where site_id = ? and kind = 'post'", [site_id]).fetchone()[0])


def is_post(db: Database, key: str) -> bool:
    """Whether the page at this urlkey was fetched and is a post."""
    return (
        db.execute(
            "select 1 from pages where urlkey = ? and kind = 'post' and article_id is not null", [key]
        ).fetchone()
        is not None
    )


def is_read_instead(db: Database, key: str) -> bool:
    """Whether the page at this urlkey is read, or will be, so that its twin need not."""
    return (
        db.execute(
            "select 1 from pages where urlkey = ? and (outcome in ('archived', 'unchanged', 'duplicate') "
            "or (outcome = 'due' and due_at is not null))",
            [key],
        ).fetchone()
        is not None
    )


def sibling_urlkeys(db: Database, plain: str) -> list[str]:
    """The urlkeys at this address with parameters behind it that were posts or are yet to be read, at most 50."""
    path = plain.partition("?")[0]
    rows = db.execute(
        "select urlkey from pages where urlkey > ? and urlkey < ? and (article_id is not null or "
        "outcome = 'due') limit ?",
        [path + "?", path + "@", _MOST_SIBLINGS],
    )
    return [row[0] for row in rows]


def addresses_of(db: Database, article_id: int) -> list[str]:
    """The urlkeys that an article is known at."""
    return [row[0] for row in db.execute("select urlkey from article_urls where article_id = ?", [article_id])]


def article_of(db: Database, key: str) -> int | None:
    row = db.execute("select article_id from article_urls where urlkey = ?", [key]).fetchone()
    return row[0] if row else None


# Redirects that lead back to where they began: each page of the circle has failed, for none shows anything.

RULE = "redirect-loop"
REASON = "it redirects in a circle"


def redirect_chain(db: Database, key: str) -> list[str]:
    """The urlkeys that the redirects from `key` lead to, one after the other, until one is met again."""
    seen: dict[str, None] = {}
    while row := db.execute(
        "select redirect_urlkey from pages where urlkey = ? and redirect_urlkey is not null", [key]
    ).fetchone():
        key = row[0]
        if key in seen:
            break
        seen[key] = None
    return list(seen)


def closes_redirect_loop(db: Database, key: str, target: str) -> bool:
    """Whether a redirect from `key` to `target` closes a circle, as far as the ledger knows the others."""
    return key != target and key in redirect_chain(db, target)


def fail_redirect_loop(db: Database, key: str) -> int:
    """The other pages of the circle that `key` is in have failed like it; returns of how many that is news."""
    others = [other for other in redirect_chain(db, key) if other != key]
    return sum(
        db.execute(
            "update pages set outcome = 'failed', rule = ?, reason = ?, attempts = attempts + 1 "
            "where urlkey = ? and outcome <> 'failed'",
            [RULE, REASON, other],
        ).rowcount
        for other in others
    )


# What led to a page by redirects, as the ledger remembers it.


def redirected_from(db: Database, page_id: int, most: int) -> tuple[str, ...]:
    """The urlkeys of the addresses that redirected to this page, the nearest first; at most `most`."""
    found: list[str] = []
    own: int | None = page_id
    while own is not None and len(found) < most:
        row = db.execute(
            "select found_on from page_sources where page_id = ? and source in ('redirect', 'seed') "
            "and found_on <> '' order by source",
            [own],
        ).fetchone()
        key = urlkey(row[0]) if row else ""
        if not key or key in found:
            break
        found.append(key)
        before = db.execute("select id from pages where urlkey = ?", [key]).fetchone()
        own = before[0] if before else None
    return tuple(found)


# What a site's server says and is not believed: kept with the site, found out while a run is written.


class Trust:
    """Reads and writes the site's `untrusted`: claims (see `frontier.trust`) with the time at which each proved false.

    All methods that write expect to run inside the caller's transaction.
    """

    def __init__(self, db: Database, site: dict[str, Any], now: datetime, revisit: timedelta) -> None:
        self._db, self._site_id, self._now, self._revisit = db, site["id"], now, revisit
        self._since: dict[str, str] = json.loads(site.get("untrusted") or "{}")
        self._tallies: dict[str, ClaimTally] = defaultdict(ClaimTally)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """What is found out meanwhile holds unless an error undoes it, as the transaction around it is undone."""
        since, tallies = dict(self._since), {name: replace(tally) for name, tally in self._tallies.items()}
        try:
            yield
        except BaseException:
            self._since, self._tallies = since, defaultdict(ClaimTally, tallies)
            raise

    @property
    def in_validators(self) -> bool:
        """Whether pages may be asked for conditionally."""
        return self._believes(VALIDATORS)

    def in_dates(self, source: DiscoverySource) -> bool:
        """Whether a newer date of this source makes a page due."""
        return self._believes(dates_of(source))

    def _believes(self, claim: str) -> bool:
        return believed(pages.moment(self._since.get(claim)), self._now)

    def hold(self, reason: str, *, changed: bool) -> None:
        """A page was read that was due for this reason. A source whose dates prove false is believed no more, and what
        else it called changed is put off to the site's revisit period."""
        source = claiming_source(reason)
        if not source:
            return
        tally = self._tallies[source]
        tally.called += 1
        tally.true += changed
        if tally.lies and self._believes(dates_of(source)):
            self._distrust(dates_of(source))
            pages.put_off(self._db, self._site_id, f"{source} says it changed at ", self._now + self._revisit)

    def validators_lied(self) -> None:
        """A page has changed, and its validator has not."""
        if self.in_validators:
            self._distrust(VALIDATORS)

    def _distrust(self, claim: str) -> None:
        self._since[claim] = pages.stamp(self._now)
        self._db.table("sites").update(self._site_id, {"untrusted": json.dumps(self._since)})


# Files that speak for a whole host, kept as they were last read. All functions run inside the caller's transaction.


def stored_file(db: Database, origin: str, name: str) -> HostFile | None:
    """The file of this name ("robots.txt") at this origin ("https://example.org/"), None where it was never read."""
    row = db.execute(
        "select fetched_at, status, body, etag, last_modified from host_files where origin = ? and name = ?",
        [origin, name],
    ).fetchone()
    if row is None:
        return None
    at = moment(row[0])
    assert at is not None
    return HostFile(at, row[1], row[2] or b"", row[3] or "", row[4] or "")


def store_file(db: Database, origin: str, name: str, file: HostFile) -> None:
    """Keep a file in place of what was kept of it before."""
    db.execute(
        "insert into host_files (origin, name, fetched_at, status, body, etag, last_modified) "
        "values (?, ?, ?, ?, ?, ?, ?) on conflict (origin, name) do update set "
        "fetched_at = excluded.fetched_at, status = excluded.status, "
        "body = excluded.body, etag = excluded.etag, last_modified = excluded.last_modified",
        [origin, name, stamp(file.fetched_at), file.status, file.body, file.etag, file.last_modified],
    )
