"""The captures of a site that a web archive lists: the plan of their import, the requests for the list, and the choice
of those to fetch.

The list is kept in a temporary database on disk, because a large site has millions of captures.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Any

from archiver.api.web_archives import (
    HTML_MEDIA_TYPES,
    CdxEntry,
    CdxPage,
    captures_url,
    classify_capture,
    decode,
    is_view_of_page,
    next_part_url,
    parse_cdx,
    plain_text,
    requested_limit,
)
from archiver.importers.import_problems import Problem, ProblemKind
from archiver.importers.memento_service import ArchiveService, has_resume_keys
from archiver.model.items import REDIRECTS
from archiver.model.urls import Scope, normalize, urlkey

FIRST = datetime(1991, 1, 1, tzinfo=UTC)
"""The start of a time range without a lower limit. No page on the web is older."""


@dataclass(frozen=True, slots=True)
class WaybackPlan:
    """A plan that says what to import from a web archive.

    - `url`: the start URL of a site or, if `exact` is True, the URL of one page.
    - `since`, `until`: aware times, both inclusive; None means no limit.
    - `limit`: the maximum number of captures to fetch; 0 means all.
    - `delay`: the minimum number of seconds between requests. A lower value than LIST_SECONDS or CAPTURE_SECONDS is
      raised to these.
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
        """Returns the URL pattern of the captures to list: "blog.example.org/*" for a site, and the pattern without the
        star for one page.
        """
        return self.url.split("://", 1)[1] if self.exact else f"{self.scope.host}{self.scope.path}*"

    def includes(self, at: datetime) -> bool:
        """Returns True if an aware time is between `since` and `until`."""
        return (self.since is None or self.since <= at) and (self.until is None or at <= self.until)

    @property
    def digest(self) -> str:
        """Returns a hash that identifies this import in the table `imports`."""
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


GONE = frozenset({404, 410})

# The media types that a list may give for a page. For a revisit record, a list does not give the type of the repeated
# page. Old indexes write "unk" for a missing type.
_PAGE_TYPES = frozenset({"", *HTML_MEDIA_TYPES, "warc/revisit", "unk"})

_ITSELF = timedelta(minutes=1)


class CaptureAction(StrEnum):
    """Says what to do with a capture in a web archive: FETCH it, record that its payload was SEEN again, or record that
    the page was GONE.
    """

    FETCH = "fetch"
    SEEN = "seen"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class CaptureListEntry:
    """One capture of `url` in a web archive's list.

    - `at`: when it was captured (aware).
    - `digest`: its payload digest; "" if unknown.
    - `asked`: the address as captured, with all its parameters; "" if it is the same as `url`.
    """

    at: datetime
    url: str
    status: int | None = None
    digest: str = ""
    asked: str = ""

    @property
    def is_page(self) -> bool:
        return self.status in (None, 200)

    @property
    def kind(self) -> tuple[object, ...]:
        """Returns what the capture shows: a page or redirect, with its digest, or that the page was gone. Adjacent
        captures for which this value is equal form a run.
        """
        if self.status in GONE:
            return ("gone",)
        return ("page", self.digest) if self.is_page else (self.status, self.digest)


def is_relevant(entry: CdxEntry) -> bool:
    """Returns True if a capture can be evidence about a post: a page, a redirect, a 404 or a 410."""
    if entry.status in (None, 200):
        return entry.media_type in _PAGE_TYPES
    return entry.status in GONE or entry.status in REDIRECTS


def choose_captures(captures: Sequence[CaptureListEntry]) -> Iterator[tuple[CaptureListEntry, CaptureAction]]:
    """Yields the captures of one address that are worth storing, each with the action to take. `captures` are in order
    of time.

    Each payload (distinguished by its digest) is fetched once, at its first capture. Of consecutive captures with the
    same payload, only the first and the last are yielded, because they show the period in which the payload was online.
    This also applies to consecutive 404 and 410 responses, which show when the page was gone. A redirect is not fetched
    if a page was captured at the same address within a minute, because the redirect leads to that page (from http to
    https, to www, or to a slash at the end).
    """
    pages = [c.at for c in captures if c.is_page]
    fetched: set[str] = set()
    for n, one in enumerate(captures):
        first = n == 0 or captures[n - 1].kind != one.kind
        at_edge = first or n == len(captures) - 1 or captures[n + 1].kind != one.kind
        if one.is_page and (not one.digest or one.digest not in fetched):
            fetched.add(one.digest)
            yield one, CaptureAction.FETCH
        elif one.is_page or one.status in GONE:
            if at_edge:
                yield one, CaptureAction.SEEN if one.is_page else CaptureAction.GONE
        elif (first or not one.digest) and not _has_time_near(pages, one.at):
            yield one, CaptureAction.FETCH


def _has_time_near(times: Sequence[datetime], at: datetime) -> bool:
    """Returns True if at least one of `times`, which are sorted, is within a minute of `at`."""
    next_ = bisect_left(times, at - _ITSELF)
    return next_ < len(times) and times[next_] <= at + _ITSELF


_FIELDS = "l.key, l.at, l.url, l.status, l.digest, l.asked, l.n"


@dataclass(frozen=True, slots=True)
class ListedCapture:
    """A capture in the list. `n` is its number in the list, `key` is its urlkey, and `do` is the decision about it."""

    n: int
    key: str
    listed: CaptureListEntry
    do: CaptureAction


class CaptureList:
    """Collects the listed captures that may be posts, then decides which of them to fetch. The object must be closed.

    URLs with the same urlkey (http or https, with or without www) are treated as one. The home page and listings are
    left out. So is a URL with parameters that do not identify a post, if the list also contains the URL without them.
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
        """Adds the captures in one response of the web archive that are within the time range of the plan and may be
        posts.
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
        """Returns the normalized URL of a listed capture; None if the capture cannot be a post."""
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
        """Removes a capture from the list of what remains to be done."""
        self._db.execute("delete from todo where n = ?", [row.n])

    def change(self, row: ListedCapture, do: CaptureAction) -> None:
        """Changes the decision about a capture of the list to `do`."""
        self._db.execute("update todo set do = ? where n = ?", [do.value, row.n])

    def take_replacement(self, row: ListedCapture) -> ListedCapture | None:
        """Returns another listed capture with the same payload, to be fetched in place of a capture that failed, and
        removes this other capture from the list. Returns None if there is none.
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


_SECOND = timedelta(seconds=1)


class NoCaptureList(Exception):
    """Raised if the web archive's response is not a list of captures."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} did not return a list of captures: {reason}")
        self.url, self.reason = url, reason


class ListRequests:
    """Determines which URLs to request to get the whole list of captures. Call `next` for a URL and `read` with its
    response, until `next` returns None.

    The captures are added to `listing`. Some servers truncate a long list and give no resume key. For these, the time
    range is halved until the list of each part is complete.
    """

    def __init__(self, plan: WaybackPlan, listing: CaptureList) -> None:
        self._plan, self._listing = plan, listing
        self.problems: list[Problem] = []
        self._spans: list[tuple[datetime | None, datetime | None]] = [(plan.since, plan.until)]
        self._known: set[str] = set()
        self._asked = self._resumed = ""

    def next(self) -> str | None:
        """Returns the next URL to request, or None if the list is complete."""
        if self._resumed:
            self._asked = self._resumed
        else:
            self._asked = (
                captures_url(self._plan.service.asks, self._plan.address, *self._spans[-1]) if (self._spans) else ""
            )
        return self._asked or None

    def read(self, status: int, location: str, body: bytes) -> None:
        """Parses the response to the URL that `next` returned (its status, the target of a redirect and its body), and
        adds its captures to `listing`. Raises NoCaptureList if the response is not a list of captures.
        """
        if 300 <= status < 400:
            raise NoCaptureList(self._asked, f"it redirects to {location[:200]}; give that URL with --service")
        nothing = status == 404 and b"no captures" in body[:1000].lower()
        if status != 200 and not nothing:
            raise NoCaptureList(
                self._asked, f"it responds with {status} {plain_text(decode(body[:2_000]), 150)}".strip()
            )
        self._read_cdx(CdxPage() if nothing else parse_cdx(body))

    def _read_cdx(self, page: CdxPage) -> None:
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
