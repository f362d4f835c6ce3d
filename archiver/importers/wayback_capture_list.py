"""The list of a site's captures in a web archive: requests it, keeps it in a temporary database on disk, and decides
which captures to fetch.

The list is on disk because a large site has millions of captures.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from archiver.discovery import cdx
from archiver.discovery.cdx import (
    CdxEntry,
    captures_url,
    classify_capture,
    is_view_of_page,
    next_part_url,
    requested_limit,
)
from archiver.discovery.safe_parsing import decode, plain_text
from archiver.discovery.web_archive_services import (
    ArchiveService,
    CaptureAction,
    CaptureListEntry,
    choose_captures,
    has_resume_keys,
    is_relevant,
    parse_timemap,
)
from archiver.storage.article_tables.historical_captures import MOST_PROBLEMS, ImportCounts
from archiver.urls import Scope, normalize, urlkey
from archiver.warc.problems import Problem, ProblemKind

# The plan of an import from a web archive, and its outcome.

LIST_SECONDS = 2.5
"""At least this many seconds pass between requests for lists: 0.4 requests per second, the limit of the Internet
Archive.
"""
CAPTURE_SECONDS = 0.125
"""At least this many seconds pass between requests for captures: 8 requests per second."""
FIRST = datetime(1991, 1, 1, tzinfo=UTC)
"""A time earlier than any page on the web."""


@dataclass(frozen=True, slots=True)
class WaybackPlan:
    """What to import from a web archive.

    `url` is the start URL of a site or, if `exact` is True, the URL of one page. `since` and `until` are aware times,
    both inclusive; None means no limit. `limit` is the maximum number of captures to fetch, 0 for all. `delay` is the
    minimum number of seconds between requests; LIST_SECONDS and CAPTURE_SECONDS apply in any case.
    """

    archive: Path
    service: ArchiveService
    url: str
    exact: bool = False
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 0
    delay: float = 0.0
    all_captures: bool = False
    again: bool = False
    dry_run: bool = False

    @property
    def scope(self) -> Scope:
        return Scope.of(self.url)

    @property
    def address(self) -> str:
        """The URL pattern to request the list for: "blog.example.org/*" for a site, without the star for one page."""
        return self.url.split("://", 1)[1] if self.exact else f"{self.scope.host}{self.scope.path}*"

    def includes(self, at: datetime) -> bool:
        """Returns True if an aware time is between `since` and `until`."""
        return (self.since is None or self.since <= at) and (self.until is None or at <= self.until)

    @property
    def digest(self) -> str:
        """A hash that identifies this import in the table `imports`."""
        return hashlib.sha256(f"{self.service.asks} {self.service.replay} {self.address}".encode()).hexdigest()

    @property
    def options(self) -> str:
        return json.dumps(
            {
                "address": self.address,
                "since": str(self.since or ""),
                "until": str(self.until or ""),
                "all_captures": self.all_captures,
            },
            sort_keys=True,
        )


@dataclass
class WaybackOutcome:
    """The result of an import from a web archive.

    - `listed`, `addresses`: the list has `listed` captures of `addresses` URLs.
    - `left_out`: the number of these captures that cannot be posts.
    - `here`: the number that are already in the archive.
    - `chosen`: the number that were selected for fetching.
    - `fetched`, `failed`: the numbers that were fetched, and that could not be fetched or stored.
    - `seen`: the number that were not fetched because they only show that a known payload existed at another time.
    - `outcome`: finished, limited, interrupted, waiting (the service asks for a pause) or failed; `reason` says why.
    """

    listed: int = 0
    addresses: int = 0
    left_out: int = 0
    here: int = 0
    chosen: int = 0
    fetched: int = 0
    seen: int = 0
    failed: int = 0
    requests: int = 0
    outcome: str = "interrupted"
    reason: str = ""
    tally: ImportCounts = field(default_factory=ImportCounts)
    kinds: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def add_problem(self, problem: Problem) -> None:
        """Counts a problem, and keeps its details if not too many are kept already."""
        self.kinds[problem.kind.value] += 1
        self.failed += not problem.kept
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


# The list.

_FIELDS = "l.key, l.at, l.url, l.status, l.digest, l.asked, l.n"


@dataclass(frozen=True, slots=True)
class ListedCapture:
    """A capture in the list, with the decision on what to do with it (`do`). `n` is its number in the list, `key` its
    urlkey.
    """

    n: int
    key: str
    listed: CaptureListEntry
    do: CaptureAction


class CaptureList:
    """Collects the listed captures that may be posts, then decides what to do with each. Must be closed.

    URLs with the same urlkey (http or https, with or without www) are treated as one. The home page and listings are
    left out. So is a URL with parameters that do not identify a post, if the URL was also captured without them.
    """

    def __init__(self, plan: WaybackPlan) -> None:
        self._plan = plan
        self._home = urlkey(plan.url)
        self._db = sqlite3.connect("")  # SQLite uses a temporary file, and deletes it when the connection is closed
        self._db.executescript(
            "create table listed (n integer primary key, key text, at text, url text, status integer, digest text, "
            "asked text, view integer); create table todo (n integer primary key, key text, do text, digest text);"
        )
        self.total = self.left_out = self.addresses = 0

    def add(self, entries: Iterable[CdxEntry]) -> None:
        """Adds the captures of one response of the web archive, if they are within the time range of the plan and may
        be posts.
        """
        for entry in entries:
            if not self._plan.includes(entry.timestamp):
                continue
            self.total += 1
            url = self._post_url(entry)
            if url is None:
                self.left_out += 1
                continue
            asked = entry.url if entry.url != url else ""
            is_one = not self._plan.exact and is_view_of_page(url, self._plan.scope)
            self._db.execute(
                "insert into listed (key, at, url, status, digest, asked, view) values (?, ?, ?, ?, ?, ?, ?)",
                [urlkey(url), entry.timestamp.isoformat(), url, entry.status, entry.digest, asked, is_one],
            )

    def _post_url(self, entry: CdxEntry) -> str | None:
        """Returns the normalized URL of a listed capture, with its scheme and host, or None if the capture cannot be a
        post.
        """
        url = normalize(entry.url) if is_relevant(entry) else None
        if url is None:
            return None
        if self._plan.exact:
            return url if urlkey(url) == self._home else None
        known = classify_capture(url, self._plan.scope)
        return url if known and known.role == "page" and urlkey(url) != self._home else None

    def decide(self) -> None:
        """Decides what to do with each capture in the list. Call this once, when the list is complete."""
        db = self._db
        db.execute("create index listed_key on listed (key, at)")
        views = db.execute(
            "delete from listed where view and exists (select 1 from listed o where o.key = "
            "substr(listed.key, 1, instr(listed.key, '?') - 1))"
        ).rowcount
        self.left_out += views
        # Lists repeat lines, and a URL may be listed with both http and https.
        db.execute(
            "delete from listed where exists (select 1 from listed o where o.key = listed.key and "
            "o.at = listed.at and o.status is listed.status and o.digest = listed.digest and o.n < listed.n)"
        )
        ordered = db.execute(f"select {_FIELDS} from listed l order by key, at, n")
        for key, group in groupby(ordered, lambda row: row[0]):
            self.addresses += 1
            rows = list(group)
            captures = [_listed(row) for row in rows]
            numbers = {id(one): row[6] for one, row in zip(captures, rows, strict=True)}
            db.executemany(
                "insert into todo values (?, ?, ?, ?)",
                [(numbers[id(one)], key, do.value, one.digest) for one, do in choose_captures(captures)],
            )

    def rows(self, *kinds: CaptureAction) -> Iterator[ListedCapture]:
        """Yields the captures with any of these decisions, sorted by URL and time. `drop` and `change` may be called
        between two rows.
        """
        last = ("", "", 0)
        marks = ",".join("?" * len(kinds))
        while True:
            found = self._db.execute(
                f"select {_FIELDS}, t.do from todo t join listed l on l.n = t.n "
                f"where t.do in ({marks}) and (l.key, l.at, l.n) > (?, ?, ?) order by l.key, l.at, l.n limit 500",
                [*kinds, *last],
            ).fetchall()
            if not found:
                return
            last = (found[-1][0], found[-1][1], found[-1][6])
            yield from (ListedCapture(row[6], row[0], _listed(row), CaptureAction(row[7])) for row in found)

    def count(self, kind: CaptureAction) -> int:
        return int(self._db.execute("select count(*) from todo where do = ?", [kind.value]).fetchone()[0])

    def drop(self, row: ListedCapture) -> None:
        """Removes a capture from the list, because there is nothing left to do for it."""
        self._db.execute("delete from todo where n = ?", [row.n])

    def change(self, row: ListedCapture, do: CaptureAction) -> None:
        """Changes the decision what to do with a capture of the list."""
        self._db.execute("update todo set do = ? where n = ?", [do.value, row.n])

    def take_replacement(self, row: ListedCapture) -> ListedCapture | None:
        """Returns another listed capture with the same payload, to be fetched in place of a capture that failed, and
        removes it from the list; None if the list has no such capture.
        """
        found = (
            self._db.execute(
                f"select {_FIELDS} from todo t join listed l on l.n = t.n where t.do = ? "
                "and t.key = ? and t.digest = ? order by l.at, l.n limit 1",
                [CaptureAction.SEEN.value, row.key, row.listed.digest],
            ).fetchone()
            if row.listed.digest
            else None
        )
        if found is None:
            return None
        other = ListedCapture(found[6], found[0], _listed(found), CaptureAction.FETCH)
        self.drop(other)
        return other

    def close(self) -> None:
        self._db.close()


def _listed(row: Sequence[Any]) -> CaptureListEntry:
    return CaptureListEntry(datetime.fromisoformat(row[1]), *row[2:6])


# Requesting the whole list: by resume keys if the server has them, otherwise by ever shorter time ranges.

_MAX_TIMEMAPS = 500
_SECOND = timedelta(seconds=1)


class NoCaptureList(Exception):
    """Raised if the web archive's response is not a list of captures."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} did not return a list of captures: {reason}")
        self.url, self.reason = url, reason


class ListRequests:
    """Determines which URLs to request to get the whole list of captures. Call `next` for a URL and `read` with its
    response, until `next` returns None.

    The captures are added to `listing`. If a server without resume keys truncates a list, the time range is halved
    until each part fits.
    """

    def __init__(self, plan: WaybackPlan, listing: CaptureList) -> None:
        self._plan, self._listing = plan, listing
        self.problems: list[Problem] = []
        self._spans: list[tuple[datetime | None, datetime | None]] = [(plan.since, plan.until)]
        self._maps = [plan.service.timemap(plan.url)] if plan.service.is_timemap else []
        self._known = set(self._maps)
        self._asked = self._resumed = ""

    def next(self) -> str | None:
        """Returns the next URL to request, or None if the list is complete."""
        if self._plan.service.is_timemap:
            self._asked = self._maps.pop() if self._maps else ""
        elif self._resumed:
            self._asked = self._resumed
        else:
            self._asked = (
                captures_url(self._plan.service.asks, self._plan.address, *self._spans[-1]) if (self._spans) else ""
            )
        return self._asked or None

    def read(self, status: int, location: str, body: bytes) -> None:
        """Parses the response to the URL that `next` returned and adds its captures to this list. Raises NoCaptureList
        if the response is not a list of captures.
        """
        if 300 <= status < 400:
            raise NoCaptureList(self._asked, f"it redirects to {location[:200]}; give that URL with --service")
        nothing = status == 404 and (self._plan.service.is_timemap or b"no captures" in body[:1000].lower())
        if status != 200 and not nothing:
            raise NoCaptureList(
                self._asked, f"it responds with {status} {plain_text(decode(body[:2_000]), 150)}".strip()
            )
        if self._plan.service.is_timemap:
            self._read_timemap(b"" if nothing else body)
        else:
            self._read_cdx(cdx.CdxPage() if nothing else cdx.parse_cdx(body))

    def _read_timemap(self, body: bytes) -> None:
        page, more = parse_timemap(body, self._plan.url)
        if page.error:
            raise NoCaptureList(self._asked, f"its response is not a TimeMap: {page.error}")
        self._listing.add(page.entries)
        new = [url for url in more if url.startswith(self._plan.service.asks) and url not in self._known]
        self._known |= set(new)
        if page.is_cut or len(self._known) > _MAX_TIMEMAPS:
            self.problems.append(Problem(ProblemKind.CUT_LIST, self._asked, self._plan.url))
        else:
            self._maps += new

    def _read_cdx(self, page: cdx.CdxPage) -> None:
        if page.error:
            raise NoCaptureList(self._asked, f"its response is not a list of captures: {page.error}")
        since, until = self._spans[-1]
        if has_resume_keys(self._plan.service):
            self._listing.add(page.entries)
            following = (
                next_part_url(captures_url(self._plan.service.asks, self._plan.address, since, until), page.resume_key)
                if page.resume_key and page.entries
                else ""
            )
            # If the server sent a resume key again, requesting its list would never end.
            self._resumed = following if following not in self._known else ""
            self._known.add(following)
            if not self._resumed:
                self._spans.pop()
            return
        self._spans.pop()
        begin, end = since or FIRST, until or datetime.now(UTC)
        if not page.is_cut and len(page.entries) + page.bad < requested_limit(self._asked):
            self._listing.add(page.entries)
        elif end - begin < _SECOND:  # a range of one second cannot be divided, because both its ends are inclusive
            self._listing.add(page.entries)
            self.problems.append(
                Problem(ProblemKind.CUT_LIST, self._asked, self._plan.url, f"at {begin:%Y-%m-%d %H:%M:%S}")
            )
        else:
            middle = (begin + (end - begin) / 2).replace(microsecond=0)
            self._spans += [(middle + _SECOND, until), (since, middle)]
