"""The versions of a post that both archives have: each capture of the other is entered at its time, as an import is.

All functions expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlite_utils import Database

from archiver.fields import LATEST
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
from archiver.store.past_versions import Bare, versions_of
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
                past_captures.shows(self.db, own, self.number, aside=aside)

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
        proof = next((row for row in post.captures if row["captured_at"] == post.row["last_seen"]
                      and row["status"] == 200), None)
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
