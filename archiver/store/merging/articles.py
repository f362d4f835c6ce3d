"""Posts of another archive: one that is new comes as it is, of one that is here the versions and addresses are joined.

All functions that write expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from archiver.items import Article
from archiver.store import clusters, evidence_kinds
from archiver.store.duplicates import settle_duplicates
from archiver.store.evidence_form import Entry, packed, unpacked
from archiver.store.evidence_kinds import stored
from archiver.store.identification import find
from archiver.store.merging.captures import Captures
from archiver.store.tombstones import Removal, ban_of, next_number
from archiver.store.versions import article_from_row, write_facets

Row = dict[str, Any]
_OF_HERE = ("id", "duplicate_of", "cluster_id", "reextraction_id")
_RULES = re.compile(r" rules-(\d+)")


@dataclass(frozen=True, slots=True)
class Theirs:
    """A post there: its row, its versions in the order of their times, its addresses, its captures in order."""

    row: Row
    revisions: list[Row]
    addresses: list[Row]
    captures: list[Row]

    @property
    def article(self) -> Article:
        return article_from_row(self.row)


def theirs_of(theirs: Database, row: Row) -> Theirs:
    """All that an archive has of a post."""
    addresses = list(theirs.query("select * from article_urls where article_id = ? order by urlkey", [row["id"]]))
    urls = [f"{scheme}://{one['url'].partition('://')[2]}" for one in addresses for scheme in ("http", "https")]
    found = theirs.query(
        "select * from captures where id in (select capture_id from revisions where article_id = :id) or "
        "article_id = :id or id = :own or (url in (select value from json_each(:urls)) and article_id is null) "
        "order by captured_at, digest", {"id": row["id"], "own": row["capture_id"], "urls": json.dumps(urls)})
    revisions = theirs.query("select * from revisions where article_id = ? order by observed_at, revision", [row["id"]])
    return Theirs(row, list(revisions), addresses, list(found))


def own_article(db: Database, post: Theirs) -> Row | None:
    """The row here of a post there, found as a crawl finds it; None where it is new."""
    return find(db, post.row["site"], post.article, [one["url"] for one in post.addresses])


def removed_here(db: Database, post: Theirs) -> Removal | None:
    """The removal that keeps a post out here."""
    return ban_of(db, post.row["site"], post.article)


def take_over(db: Database, theirs: Database, post: Theirs, captures: Captures, runs: Mapping[int, int],
              rules: Mapping[int, int]) -> int:
    """A post that is new here, with all of its versions; its number."""
    numbers = {one["id"]: captures.enter(one) for one in post.captures}
    row = {k: v for k, v in post.row.items() if k not in _OF_HERE}
    row |= _read(row, numbers, rules)
    row["evidence"] = stored(db, _told(evidence_kinds.told(theirs, post.row), numbers, rules), row)
    number = next_number(db)
    db.table("articles").insert({"id": number, **row})
    for one in post.revisions:
        db.table("revisions").insert({
            **{k: v for k, v in one.items() if k != "id"}, **_read(one, numbers, rules), "article_id": number,
            "evidence": one["evidence"] and packed(_told(unpacked(one["evidence"]), numbers, rules)),
            "run_id": runs.get(one["run_id"] or 0)})
    enter_addresses(db, number, post, new=True)
    write_facets(db, number, article_from_row(row))
    for one in post.captures:
        if one["article_id"] and numbers[one["id"]]:
            db.execute("update captures set article_id = ?, secondary = ? where id = ?",
                       [number, one["secondary"], numbers[one["id"]]])
    settle_duplicates(db, row["content_digest"], number)
    clusters.place(db, number)
    return number


def enter_addresses(db: Database, number: int, post: Theirs, *, new: bool = False) -> None:
    """The addresses of a post: as aliases where the article has one of its own, and where no other article has them.
    `new`: the article is here since this merge."""
    own = db.execute("select urlkey from articles where id = ?", [number]).fetchone()[0]
    for one in post.addresses:
        kind = "url" if one["urlkey"] == own else "moved" if one["kind"] == "url" else one["kind"]
        there = db.execute("select 1 from article_urls where urlkey = ?", [one["urlkey"]]).fetchone()
        db.execute(
            "update article_urls set "
            "first_seen = iif(:new and article_id = :number, :first_seen, min(first_seen, :first_seen)), "
            "article_id = iif(:kind = 'url', :number, article_id), kind = iif(:kind = 'url', 'url', kind) "
            "where urlkey = :urlkey" if there else
            "insert into article_urls (urlkey, url, article_id, kind, first_seen) "
            "values (:urlkey, :url, :number, :kind, :first_seen)", {**one, "number": number, "kind": kind, "new": new})


def merge_parts(db: Database, theirs: Database, key: str) -> None:
    """The pages of a post (its urlkey) that are not known here."""
    for row in theirs.query("select * from article_parts where post_urlkey = ?", [key]):
        db.execute("insert into article_parts (urlkey, url, post_urlkey, number, text) values (:urlkey, :url, "
                   ":post_urlkey, :number, :text) "
                   "on conflict (urlkey) do update set text = coalesce(text, excluded.text)", row)


def _read(row: Row, numbers: Mapping[int, int | None], rules: Mapping[int, int]) -> Row:
    """Who read a version, and from which capture, in numbers of here."""
    return {"capture_id": numbers.get(row["capture_id"] or 0), "extractor": reader(row["extractor"], rules)}


def _told(entries: list[Entry], numbers: Mapping[int, int | None], rules: Mapping[int, int]) -> list[Entry]:
    return [_named(entry, numbers, rules) for entry in entries]


def _named(entry: Row, numbers: Mapping[int, int | None], rules: Mapping[int, int]) -> Row:
    more = {"capture_id": numbers.get(entry["capture_id"]) or ""} if entry.get("capture_id") else {}
    return entry | more | ({"extractor": reader(entry["extractor"], rules)} if entry.get("extractor") else {})


def reader(extractor: str | None, rules: Mapping[int, int]) -> str | None:
    """Who read, with the number here of the rules it was read by."""
    return _RULES.sub(lambda m: f" rules-{rules.get(int(m[1]), m[1])}", extractor) if extractor else extractor


def batches(theirs: Database, most: int) -> Iterator[list[Row]]:
    """The rows of all articles by number, so many at a time."""
    last = 0
    while rows := list(theirs.query("select * from articles where id > ? order by id limit ?", [last, most])):
        last = rows[-1]["id"]
        yield rows


