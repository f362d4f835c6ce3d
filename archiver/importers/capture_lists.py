"""The list of captures of a site, on the disk: a large site has millions of them."""

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
from archiver.discovery.cdx import CdxEntry, captures_url, is_view, limit_of, may_be_post, resumed
from archiver.discovery.documents import decode, plain_text
from archiver.discovery.timemaps import (
    Do,
    Listed,
    Service,
    choose_captures,
    has_resume_keys,
    parse_timemap,
    says_something,
)
from archiver.storage.article_tables.historical_captures import MOST_PROBLEMS, Tally
from archiver.urls import Scope, normalize, urlkey
from archiver.warc.problems import Problem, ProblemKind

# What is asked of a web archive, and what came of it: plain values.

LIST_SECONDS = 2.5
"""From one question for a list to the next: 0.4 a second, as the Internet Archive bounds it."""
CAPTURE_SECONDS = 0.125
"""From one capture asked for to the next: 8 a second."""
FIRST = datetime(1991, 1, 1, tzinfo=UTC)
"""Before any page of the web."""


@dataclass(frozen=True, slots=True)
class WaybackPlan:
    """`url` is the start address of a site, or with `exact` the address of one page. `since` and `until` are aware and
    both within, None is open. `limit`: captures that are fetched at most, 0 is all. `delay`: seconds between two
    requests at least, beside those that are kept in any case."""

    archive: Path
    service: Service
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
        """What the list is asked for: "blog.example.org/*"; without the star it is one page."""
        return self.url.split("://", 1)[1] if self.exact else f"{self.scope.host}{self.scope.path}*"

    def holds(self, at: datetime) -> bool:
        return (self.since is None or self.since <= at) and (self.until is None or at <= self.until)

    @property
    def digest(self) -> str:
        """What tells this import from others (table `imports`)."""
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
    """What came of it. Of the captures that the list has (`listed`, of so many `addresses`; `left_out` cannot be of
    posts) `here` are in the archive already, `chosen` were to be fetched, `fetched` were; `seen` say that a payload
    was there at another time, too. `failed` could not be had or stored.

    `outcome` is finished, limited, interrupted, waiting (the service asks for a pause) or failed, and `reason` why.
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
    tally: Tally = field(default_factory=Tally)
    kinds: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)

    def tell(self, problem: Problem) -> None:
        self.kinds[problem.kind.value] += 1
        self.failed += not problem.kept
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


_FIELDS = "l.key, l.at, l.url, l.status, l.digest, l.asked, l.n"


@dataclass(frozen=True, slots=True)
class ListedCapture:
    """One capture and what is to be done with it. `n` is its number in this list."""

    n: int
    key: str
    listed: Listed
    do: Do


class CaptureList:
    """Gathers what the list tells and may be of a post, then says what to do with it. To be closed.

    One address stands for all that have its urlkey: by http and https, with www and without. The home page and lists
    are no posts; an address with parameters that name no post is left out where it was captured without them.
    """

    def __init__(self, plan: WaybackPlan) -> None:
        self._plan = plan
        self._home = urlkey(plan.url)
        self._db = sqlite3.connect("")  # SQLite's own temporary file, gone with the connection
        self._db.executescript(
            "create table listed (n integer primary key, key text, at text, url text, status integer, digest text, "
            "asked text, view integer); create table todo (n integer primary key, key text, do text, digest text);"
        )
        self.total = self.left_out = self.addresses = 0

    def add(self, entries: Iterable[CdxEntry]) -> None:
        for entry in entries:
            if not self._plan.holds(entry.timestamp):
                continue
            self.total += 1
            url = self._url(entry)
            if url is None:
                self.left_out += 1
                continue
            asked = entry.url if entry.url != url else ""
            is_one = not self._plan.exact and is_view(url, self._plan.scope)
            self._db.execute(
                "insert into listed (key, at, url, status, digest, asked, view) values (?, ?, ?, ?, ?, ?, ?)",
                [urlkey(url), entry.timestamp.isoformat(), url, entry.status, entry.digest, asked, is_one],
            )

    def _url(self, entry: CdxEntry) -> str | None:
        """The address of a capture that may be of a post, by the scheme and host that it was captured by."""
        url = normalize(entry.url) if says_something(entry) else None
        if url is None:
            return None
        if self._plan.exact:
            return url if urlkey(url) == self._home else None
        known = may_be_post(url, self._plan.scope)
        return url if known and known.role == "page" and urlkey(url) != self._home else None

    def settle(self) -> None:
        """All is listed: decide."""
        db = self._db
        db.execute("create index listed_key on listed (key, at)")
        views = db.execute(
            "delete from listed where view and exists (select 1 from listed o where o.key = "
            "substr(listed.key, 1, instr(listed.key, '?') - 1))"
        ).rowcount
        self.left_out += views
        # Lists repeat lines; and an address by http and by https is one.
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

    def rows(self, *kinds: Do) -> Iterator[ListedCapture]:
        """What is to be done, by address and time. May be changed by `drop` and `turn` meanwhile."""
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
            yield from (ListedCapture(row[6], row[0], _listed(row), Do(row[7])) for row in found)

    def count(self, kind: Do) -> int:
        return int(self._db.execute("select count(*) from todo where do = ?", [kind.value]).fetchone()[0])

    def drop(self, row: ListedCapture) -> None:
        """Nothing is left to do."""
        self._db.execute("delete from todo where n = ?", [row.n])

    def turn(self, row: ListedCapture, do: Do) -> None:
        self._db.execute("update todo set do = ? where n = ?", [do.value, row.n])

    def instead(self, row: ListedCapture) -> ListedCapture | None:
        """A capture that could not be had: another one of the same payload, which is to be fetched now."""
        found = (
            self._db.execute(
                f"select {_FIELDS} from todo t join listed l on l.n = t.n where t.do = ? "
                "and t.key = ? and t.digest = ? order by l.at, l.n limit 1",
                [Do.SEEN.value, row.key, row.listed.digest],
            ).fetchone()
            if row.listed.digest
            else None
        )
        if found is None:
            return None
        other = ListedCapture(found[6], found[0], _listed(found), Do.FETCH)
        self.drop(other)
        return other

    def close(self) -> None:
        self._db.close()


def _listed(row: Sequence[Any]) -> Listed:
    return Listed(datetime.fromisoformat(row[1]), *row[2:6])


# Asking for a whole list: page by page where the server has keys to go on by, by shorter times where it has none.

_MOST_TIMEMAPS = 500
_SECOND = timedelta(seconds=1)


class NoCaptureList(Exception):
    """The service gave no list."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} gave no list of captures: {reason}")
        self.url, self.reason = url, reason


class ListRequests:
    """`next` is the address to ask now, None when all is told; `read` takes its answer and tells `listing`.

    A server without resume keys that has more than it tells at once is asked for the halves of the time, and so on.
    """

    def __init__(self, plan: WaybackPlan, listing: CaptureList) -> None:
        self._plan, self._listing = plan, listing
        self.problems: list[Problem] = []
        self._spans: list[tuple[datetime | None, datetime | None]] = [(plan.since, plan.until)]
        self._maps = [plan.service.timemap(plan.url)] if plan.service.is_timemap else []
        self._known = set(self._maps)
        self._asked = self._resumed = ""

    def next(self) -> str | None:
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
        """Raises NoList for what is none."""
        if 300 <= status < 400:
            raise NoCaptureList(self._asked, f"it redirects to {location[:200]}; name that address with --service")
        nothing = status == 404 and (self._plan.service.is_timemap or b"no captures" in body[:1000].lower())
        if status != 200 and not nothing:
            raise NoCaptureList(self._asked, f"it answers {status} {plain_text(decode(body[:2_000]), 150)}".strip())
        if self._plan.service.is_timemap:
            self._timemap(b"" if nothing else body)
        else:
            self._cdx(cdx.CdxPage() if nothing else cdx.parse_cdx(body))

    def _timemap(self, body: bytes) -> None:
        page, more = parse_timemap(body, self._plan.url)
        if page.error:
            raise NoCaptureList(self._asked, f"its answer is no TimeMap: {page.error}")
        self._listing.add(page.entries)
        new = [url for url in more if url.startswith(self._plan.service.asks) and url not in self._known]
        self._known |= set(new)
        if page.is_cut or len(self._known) > _MOST_TIMEMAPS:
            self.problems.append(Problem(ProblemKind.CUT_LIST, self._asked, self._plan.url))
        else:
            self._maps += new

    def _cdx(self, page: cdx.CdxPage) -> None:
        if page.error:
            raise NoCaptureList(self._asked, f"its answer is no list of captures: {page.error}")
        since, until = self._spans[-1]
        if has_resume_keys(self._plan.service):
            self._listing.add(page.entries)
            following = (
                resumed(captures_url(self._plan.service.asks, self._plan.address, since, until), page.resume_key)
                if page.resume_key and page.entries
                else ""
            )
            # Keys that lead in a circle lead on for ever.
            self._resumed = following if following not in self._known else ""
            self._known.add(following)
            if not self._resumed:
                self._spans.pop()
            return
        self._spans.pop()
        begin, end = since or FIRST, until or datetime.now(UTC)
        if not page.is_cut and len(page.entries) + page.bad < limit_of(self._asked):
            self._listing.add(page.entries)
        elif end - begin < _SECOND:  # both ends are told of: a second further on is two to ask for
            self._listing.add(page.entries)
            self.problems.append(
                Problem(ProblemKind.CUT_LIST, self._asked, self._plan.url, f"at {begin:%Y-%m-%d %H:%M:%S}")
            )
        else:
            middle = (begin + (end - begin) / 2).replace(microsecond=0)
            self._spans += [(middle + _SECOND, until), (since, middle)]
