"""Finds the posts that were removed from a feed or listing.

`pages.listed` has the entries that each feed and listing showed when it was last read. A post that is no longer shown
has usually just moved down to the next page, or out of the feed. It counts as removed only if the part of the list in
which it belongs was read and does not contain it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TypeVar

from archiver.discovery.source_hints_and_trust import (
    is_refetch_reason,
)
from archiver.discovery.url_classifier_and_patterns import page_number
from archiver.items import NO_LONGER_LISTED, STILL_ONLINE, UNLISTED, ListedPosts
from archiver.storage import Database
from archiver.storage.pages_and_source_hints import EPOCH, make_pages_due, stamp

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
_LEADING_REASON = "only its list shows the site's newest posts"


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
    make_pages_due(db, chosen, _LEADING_REASON)


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
_OLDER_REASON = "it shows most of the site's older posts"
LAST_LIST_REASON = "it shows the site's oldest posts"
"""Why the last page of a list is read. If a post is deleted anywhere in the list, the posts on this page move up."""
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
        make_pages_due(db, [best], _OLDER_REASON)
    elif (last := _list_of_oldest_post(db, site_id)) is not None:
        make_pages_due(db, [last], LAST_LIST_REASON)


def recheck_after_last_list(db: Database, key: str, site_id: int, run_started: datetime) -> None:
    """Makes due the posts that the last page of a list at this urlkey showed before it was gone, and the other pages of
    lists: its posts are now on the page before it, or are gone, too.
    """
    row = db.execute("select url, listed from pages where urlkey = ?", [key]).fetchone()
    if row and row[1]:
        posts = [page.page_id for page in _listed_pages(db, map(int, row[1].split(","))).values() if page.is_post]
        make_pages_due(db, posts, f"{row[0]} {NO_LONGER_LISTED}")
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
_LISTS_REASON = "several posts are gone, so lists are read again"
_LIST_REASON = "a post that it showed is gone"
_ADDRESS_REASON = "another address of its post is gone"


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
    make_pages_due(db, [row[0] for row in ranked[:_MOST_LISTS]], _LISTS_REASON)


def make_other_addresses_due(db: Database, key: str, run_started: datetime) -> None:
    """Makes due the other addresses of the post at this urlkey that this run has not fetched and do not redirect."""
    others = (
        "from pages p join article_urls u on u.urlkey = p.urlkey join articles a on a.id = u.article_id "
        "where a.urlkey = ? and p.urlkey <> a.urlkey and p.redirect_urlkey is null and u.kind in ('copy', 'moved')"
    )
    db.execute(
        f"update pages set due_at = ?, reason = ? where fetched_at < ? and id in (select p.id {others})",
        [EPOCH, _ADDRESS_REASON, stamp(run_started), key],
    )


def recheck_removed(db: Database, page_ids: Sequence[int], reason: str, rechecked: int, now: datetime) -> None:
    """Makes the pages of removed posts due at once. A run rechecks at most MOST_RECHECKED pages, of which it has
    rechecked `rechecked` before. The remaining pages are due on the following days.
    """
    room = max(0, MOST_RECHECKED - rechecked)
    make_pages_due(db, page_ids[:room], reason)
    for index, page_id in enumerate(page_ids[room:]):
        due = stamp(now + timedelta(days=1 + index // MOST_RECHECKED))
        db.execute("update pages set due_at = min(due_at, ?), reason = ? where id = ?", [due, reason, page_id])


def note_delisted(db: Database, changes: ListChanges, reason: str) -> None:
    """Stores that a list no longer shows the posts that this run fetches or has fetched for another reason. `reason`
    says which list.
    """
    for page_id, why in db.execute(
        f"select id, coalesce(reason, '') from pages where id in ({_marks(changes.due)})", changes.due
    ).fetchall():
        if not is_refetch_reason(why):
            db.execute("update pages set reason = ? where id = ?", [reason, page_id])
    for page_id in changes.fetched:
        db.execute(
            "update pages set reason = case when reason <> '' then reason || '; ' else '' end || ? where id = ?",
            [f"{reason}, {STILL_ONLINE}", page_id],
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
            "update pages set due_at = ?, reason = ? where fetched_at < ? and kind = 'listing' and id in (select "
            "d.found_on_page_id from pages p join page_discoveries d on d.page_id = p.id and d.source = 'listing' "
            "where p.urlkey = ?)",
            [EPOCH, _LIST_REASON, stamp(run_started), key],
        )


# -- posts that are no longer listed, on sites whose pages cannot show whether they are gone

_SHELL = "; its page shows no more than an address that does not exist"
_LISTED_SINCE = (
    "select 1 from page_discoveries d where d.page_id = {0} and d.source in ('feed', 'sitemap', 'api', 'listing') "
    "and coalesce(d.last_seen, d.first_seen) >= {1}"
)
"""SQL: finds a row if a source or listing has shown the page {0} since the time {1}."""
_RELISTED = (
    "exists (select 1 from page_discoveries d where d.page_id = p.id and d.source in ('feed', 'sitemap', 'api', "
    "'listing') and coalesce(d.last_seen, d.first_seen) > p.fetched_at)"
)


def unlisted_reason(due_for: str) -> str:
    """Returns the reason to store for a post that its list no longer shows, given why its page was due."""
    return f"{due_for.removesuffix(_SHELL)}{_SHELL}"


def is_left_out(db: Database, key: str, due_for: str) -> bool:
    """Returns True if a feed, sitemap, API or listing has left out the page at this urlkey, and no source has listed it
    again. `due_for` is the reason for which the page was due, as stored in `pages.reason`.
    """
    if due_for.endswith(NO_LONGER_LISTED):
        return True
    if not due_for.endswith(_SHELL):
        return False
    return db.execute(f"select 1 from pages p where p.urlkey = ? and {_RELISTED}", [key]).fetchone() is None


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
        f"'unchanged') and p.reason like '%{STILL_ONLINE}' and not {_RELISTED}",
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
