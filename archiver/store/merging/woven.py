"""The versions of a post that both archives have: each capture of the other is entered at its time, as an import is.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlite_utils import Database

from archiver.items import Article
from archiver.record.identity import meaning_digest
from archiver.store import past_captures
from archiver.store.articles import Change
from archiver.store.evidence_form import unpacked
from archiver.store.evidence_kinds import told as entries_of
from archiver.store.ledger import moment
from archiver.store.merging.articles import Theirs, enter_addresses, reader
from archiver.store.merging.captures import Captures
from archiver.store.past import Reading, enter
from archiver.store.past_versions import NEWEST, Bare, versions_of
from archiver.store.provenance import evidence_from

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """A version there: its number, since when (ISO 8601), by which capture (its number there), and who read it."""

    revision: int
    at: str
    capture: int | None
    article: Article
    extractor: str


def weave_in(db: Database, theirs: Database, post: Theirs, number: int, captures: Captures, bare: Bare,
             rules: Mapping[int, int]) -> bool:
    """Join a post there with the article of this number; whether another version of it came to light.

    What was captured both here and there, or came by an earlier merge, is passed over.
    """
    before = next(iter(db.query("select * from articles where id = ?", [number])))
    versions = _versions(theirs, post, rules)
    first = {one.capture: one for one in versions if one.capture}
    # A post that is served in turns shows what is no version by itself: which one that is, its captures do not tell.
    in_turns = any(row["seen_again"] for row in post.revisions)
    revised = False
    for row in post.captures:
        if captures.known(row) is not None or (own := captures.enter(row)) is None:
            continue
        said = first.get(row["id"]) or (None if in_turns or row["status"] not in (200, 304)
                                        else _at(versions, row["captured_at"]))
        if row["secondary"] or said is None:
            if row["article_id"]:
                past_captures.shows(db, own, number, aside=bool(row["secondary"]))
            continue
        change = _enter(db, post, said, row["captured_at"], (own, row["digest"] or ""), bare)
        revised |= change is Change.REVISED
        if row["article_id"]:
            past_captures.shows(db, own, number, aside=change in (Change.STUB, Change.COPY))
    for said in versions:
        if captures.of(said.capture) is None and not _is_there(db, number, said):
            revised |= _enter(db, post, said, said.at, None, bare) is Change.REVISED
    stands = next((one for one in versions if one.revision == post.row["revision"]), None)
    if stands is not None and post.row["last_seen"] > _last_seen(db, number):
        last = replace(stands, article=replace(stands.article, **{name: getattr(post.article, name) for name in NEWEST}
                                               ))
        proof = next((row for row in post.captures if row["captured_at"] == post.row["last_seen"]
                      and row["status"] == 200), None)
        own = captures.known(proof) if proof else None
        capture = (own, proof["digest"] or "") if proof and own else None
        revised |= _enter(db, post, last, post.row["last_seen"], capture, bare) is Change.REVISED
    _settle(db, post, number, before)
    enter_addresses(db, number, post)
    return revised


def _at(versions: Sequence[Said], at: str) -> Said | None:
    """The version that stood at a time."""
    return next((one for one in reversed(versions) if one.at <= at), None)


def _enter(db: Database, post: Theirs, said: Said, at: str, capture: tuple[int, str] | None, bare: Bare) -> Change:
    time = moment(at)
    assert time is not None
    own, digest = capture or (None, "")
    reading = Reading(said.article, time, own, digest, said.extractor, whole=True)
    return enter(db, post.row["site"], reading, bare).change


def _is_there(db: Database, number: int, said: Said) -> bool:
    return db.execute("select 1 from revisions where article_id = ? and observed_at = ? and meaning_digest = ?",
                      [number, said.at, meaning_digest(said.article)]).fetchone() is not None


def _last_seen(db: Database, number: int) -> str:
    return str(db.execute("select last_seen from articles where id = ?", [number]).fetchone()[0])


def _settle(db: Database, post: Theirs, number: int, before: Row) -> None:
    """When the post was seen first and last, and whether it is gone: of the two words that it is, the earlier that
    nothing contradicts."""
    last = max(before["last_seen"], post.row["last_seen"], _last_seen(db, number))
    gone = [at for at in (before["gone_at"], post.row["gone_at"]) if at and at > last]
    db.execute("update articles set first_seen = min(first_seen, ?), last_seen = ?, gone_at = ?, "
               "post_id = coalesce(post_id, ?), guid = coalesce(guid, ?), platform = coalesce(platform, ?) "
               "where id = ?",
               [post.row["first_seen"], last, min(gone, default=None), post.row["post_id"], post.row["guid"],
                post.row["platform"], number])


def _versions(theirs: Database, post: Theirs, rules: Mapping[int, int]) -> list[Said]:
    """The versions there in the order of their times, each with its evidence."""
    said = {version.number: version.article for version in versions_of(theirs, post.row)}
    out = []
    for row in post.revisions:
        stands = row["revision"] == post.row["revision"]
        told = post.row if stands else row
        entries = entries_of(theirs, post.row) if stands else unpacked(row["evidence"])
        article = replace(said[row["revision"]], evidence=evidence_from(entries),
                          post_id=post.row["post_id"] or "", guid=post.row["guid"] or "",
                          platform=post.row["platform"] or "")
        out.append(Said(row["revision"], row["observed_at"], row["capture_id"], article,
                        reader(told["extractor"], rules) or ""))
    return out
