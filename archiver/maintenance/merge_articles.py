"""The versions of a post that both archives have: each capture of the other is entered at its time, as an import is.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlite_utils import Database

from archiver.articles.identity import meaning_digest
from archiver.fields import LATEST
from archiver.items import Article
from archiver.maintenance.merge_pages import Captures
from archiver.storage.article_tables import clusters, evidence, historical_captures
from archiver.storage.article_tables.articles import Change, settle_duplicates
from archiver.storage.article_tables.backfill import Bare, Reading, enter, versions_of
from archiver.storage.article_tables.evidence import (
    Entry,
    encode_evidence,
    evidence_from,
    pack_evidence,
    unpack_evidence,
)
from archiver.storage.article_tables.evidence import decode_evidence as entries_of
from archiver.storage.article_tables.identification import find_article_of
from archiver.storage.article_tables.revisions import article_from_row, write_facets
from archiver.storage.pages import moment
from archiver.storage.tombstones import Tombstone, next_article_id, tombstone_of

# Posts of another archive: one that is new comes as it is, of one that is here the versions and addresses are joined.

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
        "order by captured_at, digest",
        {"id": row["id"], "own": row["capture_id"], "urls": json.dumps(urls)},
    )
    revisions = theirs.query("select * from revisions where article_id = ? order by observed_at, revision", [row["id"]])
    return Theirs(row, list(revisions), addresses, list(found))


def own_article(db: Database, post: Theirs) -> Row | None:
    """The row here of a post there, found as a crawl finds it; None where it is new."""
    return find_article_of(db, post.row["site"], post.article, [one["url"] for one in post.addresses])


def removed_here(db: Database, post: Theirs) -> Tombstone | None:
    """The removal that keeps a post out here."""
    return tombstone_of(db, post.row["site"], post.article)


def take_over(
    db: Database, theirs: Database, post: Theirs, captures: Captures, runs: Mapping[int, int], rules: Mapping[int, int]
) -> int:
    """A post that is new here, with all of its versions; its number."""
    numbers = {one["id"]: captures.enter(one) for one in post.captures}
    row = {k: v for k, v in post.row.items() if k not in _OF_HERE}
    row |= _read(row, numbers, rules)
    row["evidence"] = encode_evidence(db, _told(evidence.decode_evidence(theirs, post.row), numbers, rules), row)
    number = next_article_id(db)
    db.table("articles").insert({"id": number, **row})
    for one in post.revisions:
        db.table("revisions").insert(
            {
                **{k: v for k, v in one.items() if k != "id"},
                **_read(one, numbers, rules),
                "article_id": number,
                "evidence": one["evidence"] and pack_evidence(_told(unpack_evidence(one["evidence"]), numbers, rules)),
                "run_id": runs.get(one["run_id"] or 0),
            }
        )
    enter_addresses(db, number, post, new=True)
    write_facets(db, number, article_from_row(row))
    for one in post.captures:
        if one["article_id"] and numbers[one["id"]]:
            db.execute(
                "update captures set article_id = ?, secondary = ? where id = ?",
                [number, one["secondary"], numbers[one["id"]]],
            )
    settle_duplicates(db, row["content_digest"], number)
    clusters.assign_cluster(db, number)
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
            "where urlkey = :urlkey"
            if there
            else "insert into article_urls (urlkey, url, article_id, kind, first_seen) "
            "values (:urlkey, :url, :number, :kind, :first_seen)",
            {**one, "number": number, "kind": kind, "new": new},
        )


def merge_parts(db: Database, theirs: Database, key: str) -> None:
    """The pages of a post (its urlkey) that are not known here."""
    for row in theirs.query("select * from article_parts where post_urlkey = ?", [key]):
        db.execute(
            "insert into article_parts (urlkey, url, post_urlkey, number, text) values (:urlkey, :url, "
            ":post_urlkey, :number, :text) "
            "on conflict (urlkey) do update set text = coalesce(text, excluded.text)",
            row,
        )


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


Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A version there: its number, since when (ISO 8601), by which capture (its number there), and who read it."""

    revision: int
    at: str
    capture: int | None
    article: Article
    extractor: str


def weave_in(
    db: Database, theirs: Database, post: Theirs, number: int, captures: Captures, bare: Bare, rules: Mapping[int, int]
) -> bool:
    """Merge a post there into the article of this number. Returns whether that made another version.

    What was captured both here and there, or came by an earlier merge, is passed over.
    """
    before = next(iter(db.query("select * from articles where id = ?", [number])))
    weaving = _Weaving(db, post, number, captures, bare, _versions(theirs, post, rules))
    weaving.enter_captures()
    weaving.enter_uncaptured()
    weaving.enter_last_sight()
    _settle(db, post, number, before)
    enter_addresses(db, number, post)
    return weaving.revised


@dataclass(slots=True)
class _Weaving:
    """A post there on its way into the article of this number; `versions` are those there, by time."""

    db: Database
    post: Theirs
    number: int
    captures: Captures
    bare: Bare
    versions: list[Said]
    revised: bool = False

    def enter_captures(self) -> None:
        first = {one.capture: one for one in self.versions if one.capture}
        # A post that is served in turns shows what is no version by itself; its captures do not tell which one that is.
        in_turns = any(row["seen_again"] for row in self.post.revisions)
        for row in self.post.captures:
            if self.captures.known(row) is not None or (own := self.captures.enter(row)) is None:
                continue
            said = first.get(row["id"])
            if said is None and not in_turns and row["status"] in (200, 304):
                said = _at(self.versions, row["captured_at"])
            aside = bool(row["secondary"])
            if not aside and said is not None:
                aside = self._enter(said, row["captured_at"], (own, row["digest"] or "")) in (Change.STUB, Change.COPY)
            if row["article_id"]:
                historical_captures.shows(self.db, own, self.number, aside=aside)

    def enter_uncaptured(self) -> None:
        """Versions whose capture is not here."""
        for said in self.versions:
            if self.captures.of(said.capture) is None and not _is_there(self.db, self.number, said):
                self._enter(said, said.at, None)

    def enter_last_sight(self) -> None:
        """The current version there, where it was seen there later than anything here."""
        post = self.post
        stands = next((one for one in self.versions if one.revision == post.row["revision"]), None)
        if stands is None or post.row["last_seen"] <= _last_seen(self.db, self.number):
            return
        newest = {name: getattr(post.article, name) for name in LATEST}
        proof = next(
            (row for row in post.captures if row["captured_at"] == post.row["last_seen"] and row["status"] == 200), None
        )
        own = self.captures.known(proof) if proof else None
        capture = (own, proof["digest"] or "") if proof and own else None
        self._enter(replace(stands, article=replace(stands.article, **newest)), post.row["last_seen"], capture)

    def _enter(self, said: Said, at: str, capture: tuple[int, str] | None) -> Change:
        time = moment(at)
        assert time is not None
        own, digest = capture or (None, "")
        reading = Reading(said.article, time, own, digest, said.extractor, whole=True)
        change = enter(self.db, self.post.row["site"], reading, self.bare).change
        self.revised |= change is Change.REVISED
        return change


def _at(versions: Sequence[Said], at: str) -> Said | None:
    """The version that stood at a time."""
    return next((one for one in reversed(versions) if one.at <= at), None)


def _is_there(db: Database, number: int, said: Said) -> bool:
    return (
        db.execute(
            "select 1 from revisions where article_id = ? and observed_at = ? and meaning_digest = ?",
            [number, said.at, meaning_digest(said.article)],
        ).fetchone()
        is not None
    )


def _last_seen(db: Database, number: int) -> str:
    return str(db.execute("select last_seen from articles where id = ?", [number]).fetchone()[0])


def _settle(db: Database, post: Theirs, number: int, before: Row) -> None:
    """When the post was seen first and last, and whether it is gone: of the two words that it is, the earlier that
    nothing contradicts."""
    last = max(before["last_seen"], post.row["last_seen"], _last_seen(db, number))
    gone = [at for at in (before["gone_at"], post.row["gone_at"]) if at and at > last]
    db.execute(
        "update articles set first_seen = min(first_seen, ?), last_seen = ?, gone_at = ?, "
        "post_id = coalesce(post_id, ?), guid = coalesce(guid, ?), platform = coalesce(platform, ?) "
        "where id = ?",
        [
            post.row["first_seen"],
            last,
            min(gone, default=None),
            post.row["post_id"],
            post.row["guid"],
            post.row["platform"],
            number,
        ],
    )


def _versions(theirs: Database, post: Theirs, rules: Mapping[int, int]) -> list[Said]:
    """The versions there in the order of their times, each with its evidence."""
    said = {version.number: version.article for version in versions_of(theirs, post.row)}
    out = []
    for row in post.revisions:
        stands = row["revision"] == post.row["revision"]
        told = post.row if stands else row
        entries = entries_of(theirs, post.row) if stands else unpack_evidence(row["evidence"])
        article = replace(
            said[row["revision"]],
            evidence=evidence_from(entries),
            post_id=post.row["post_id"] or "",
            guid=post.row["guid"] or "",
            platform=post.row["platform"] or "",
        )
        out.append(
            Said(
                row["revision"], row["observed_at"], row["capture_id"], article, reader(told["extractor"], rules) or ""
            )
        )
    return out
