"""The list of captures of a site, on the disk: a large site has millions of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from archiver.discovery.cdx import CdxEntry
from archiver.discovery.cdx_targets import is_view, may_be_post
from archiver.discovery.past_choice import Do, Listed, choose, tells
from archiver.imports.wayback.plan import Plan
from archiver.urls import normalize, urlkey

_FIELDS = "l.key, l.at, l.url, l.status, l.digest, l.asked, l.n"


@dataclass(frozen=True, slots=True)
class Row:
    """One capture and what is to be done with it. `n` is its number in this list."""

    n: int
    key: str
    listed: Listed
    do: Do


class Listing:
    """Gathers what the list tells and may be of a post, then says what to do with it. To be closed.

    One address stands for all that have its urlkey: by http and https, with www and without. The home page and lists
    are no posts; an address with parameters that name no post is left out where it was captured without them.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._home = urlkey(plan.url)
        self._db = sqlite3.connect("")  # SQLite's own temporary file, gone with the connection
        self._db.executescript(
            "create table listed (n integer primary key, key text, at text, url text, status integer, digest text, "
            "asked text, view integer); create table todo (n integer primary key, key text, do text, digest text);")
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
                [urlkey(url), entry.timestamp.isoformat(), url, entry.status, entry.digest, asked, is_one])

    def _url(self, entry: CdxEntry) -> str | None:
        """The address of a capture that may be of a post, by the scheme and host that it was captured by."""
        url = normalize(entry.url) if tells(entry) else None
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
        views = db.execute("delete from listed where view and exists (select 1 from listed o where o.key = "
                           "substr(listed.key, 1, instr(listed.key, '?') - 1))").rowcount
        self.left_out += views
        # Lists repeat lines; and an address by http and by https is one.
        db.execute("delete from listed where exists (select 1 from listed o where o.key = listed.key and "
                   "o.at = listed.at and o.status is listed.status and o.digest = listed.digest and o.n < listed.n)")
        ordered = db.execute(f"select {_FIELDS} from listed l order by key, at, n")
        for key, group in groupby(ordered, lambda row: row[0]):
            self.addresses += 1
            rows = list(group)
            captures = [_listed(row) for row in rows]
            numbers = {id(one): row[6] for one, row in zip(captures, rows, strict=True)}
            db.executemany("insert into todo values (?, ?, ?, ?)",
                           [(numbers[id(one)], key, do.value, one.digest) for one, do in choose(captures)])

    def rows(self, *kinds: Do) -> Iterator[Row]:
        """What is to be done, by address and time. May be changed by `drop` and `turn` meanwhile."""
        last = ("", "", 0)
        marks = ",".join("?" * len(kinds))
        while True:
            found = self._db.execute(
                f"select {_FIELDS}, t.do from todo t join listed l on l.n = t.n "
                f"where t.do in ({marks}) and (l.key, l.at, l.n) > (?, ?, ?) order by l.key, l.at, l.n limit 500",
                [*kinds, *last]).fetchall()
            if not found:
                return
            last = (found[-1][0], found[-1][1], found[-1][6])
            yield from (Row(row[6], row[0], _listed(row), Do(row[7])) for row in found)

    def count(self, kind: Do) -> int:
        return int(self._db.execute("select count(*) from todo where do = ?", [kind.value]).fetchone()[0])

    def drop(self, row: Row) -> None:
        """Nothing is left to do."""
        self._db.execute("delete from todo where n = ?", [row.n])

    def turn(self, row: Row, do: Do) -> None:
        self._db.execute("update todo set do = ? where n = ?", [do.value, row.n])

    def instead(self, row: Row) -> Row | None:
        """A capture that could not be had: another one of the same payload, which is to be fetched now."""
        found = self._db.execute(
            f"select {_FIELDS} from todo t join listed l on l.n = t.n where t.do = ? "
            "and t.key = ? and t.digest = ? order by l.at, l.n limit 1",
            [Do.SEEN.value, row.key, row.listed.digest]).fetchone() if row.listed.digest else None
        if found is None:
            return None
        other = Row(found[6], found[0], _listed(found), Do.FETCH)
        self.drop(other)
        return other

    def close(self) -> None:
        self._db.close()


def _listed(row: Sequence[Any]) -> Listed:
    return Listed(datetime.fromisoformat(row[1]), *row[2:6])
