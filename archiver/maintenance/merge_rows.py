"""Merges the articles of another archive into this one, and their captures with the WARC files. An article that only
the other archive has is copied with its revisions. For an article that both have, each capture of the other archive is
entered at its own time, as in an import.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from archiver.articles.article_comparison import meaning_digest
from archiver.model.fields import LATEST
from archiver.model.items import Article
from archiver.model.lazy_regex import lazy_regex
from archiver.model.urls import urlkey
from archiver.storage import Database, captures, clusters, field_evidence
from archiver.storage.articles import (
    Change,
    article_from_row,
    find_article_of,
    settle_duplicates,
    withdraw_article,
    withdrawal_of,
    write_facets,
)
from archiver.storage.captures import Tombstone, is_payload_removed, next_article_id, tombstone_at, tombstone_of
from archiver.storage.field_evidence import Entry, encode_evidence, evidence_from, pack_evidence, unpack_evidence
from archiver.storage.field_evidence import decode_evidence as entries_of
from archiver.storage.historical_revisions import (
    ExtractWithoutHints,
    HistoricalArticle,
    enter_historical_article,
    revision_runs_of,
)
from archiver.storage.pages import last_rowid, moment
from archiver.warc.warc_file_maintenance import compute_file_digest, finish_transfer, transfer_warc
from archiver.warc.warc_writer import index_of

# New articles.

_LOCAL_COLUMNS = ("id", "duplicate_of", "cluster_id", "reextraction_id")
_RULES = lazy_regex(r" rules-(\d+)")


@dataclass(frozen=True, slots=True)
class TheirArticle:
    """An article of the other archive with all its rows: its row of `articles` (`row`), its revisions, its URLs and its
    captures. Revisions and captures are ordered by time.
    """

    row: Row
    revisions: list[Row]
    addresses: list[Row]
    captures: list[Row]

    @property
    def article(self) -> Article:
        return article_from_row(self.row)


def read_their_article(theirs: Database, row: Row) -> TheirArticle:
    """Reads an article of the other archive with its revisions, URLs and captures; `row` is its row of `articles`."""
    addresses = list(theirs.query("select * from article_urls where article_id = ? order by urlkey", [row["id"]]))
    urls = [f"{scheme}://{one['url'].partition('://')[2]}" for one in addresses for scheme in ("http", "https")]
    found = theirs.query(
        "select * from captures where id in (select capture_id from revisions where article_id = :id) or "
        "article_id = :id or id = :own or (url in (select value from json_each(:urls)) and article_id is null) "
        "order by captured_at, digest",
        {"id": row["id"], "own": row["capture_id"], "urls": json.dumps(urls)},
    )
    revisions = theirs.query("select * from revisions where article_id = ? order by observed_at, revision", [row["id"]])
    return TheirArticle(row, list(revisions), addresses, list(found))


def find_own_article(db: Database, post: TheirArticle) -> Row | None:
    """Finds the article of this archive that is the same post as an article of the other archive (`post`). Returns its
    row of `articles`; None if the post is not in this archive. Posts are identified in the same way as in a crawl.
    """
    return find_article_of(db, post.row["site"], post.article, [one["url"] for one in post.addresses])


def find_own_tombstone(db: Database, post: TheirArticle) -> Tombstone | None:
    """Returns this archive's tombstone for an article of the other archive, so that the removed post is not merged back
    in; None if this archive has no such tombstone.
    """
    return tombstone_of(db, post.row["site"], post.article)


def add_article(
    db: Database,
    theirs: Database,
    post: TheirArticle,
    captures: CaptureMerge,
    runs: Mapping[int, int],
    rules: Mapping[int, int],
) -> int:
    """Copies an article of the other archive, with all its revisions, into this archive, which does not contain it yet.
    Returns the article's ID in this archive. `captures` enters its captures; `runs` and `rules` map IDs of the other
    archive to IDs of this one.
    """
    capture_ids = {one["id"]: captures.enter(one) for one in post.captures}
    row = {k: v for k, v in post.row.items() if k not in _LOCAL_COLUMNS}
    row |= _map_provenance(row, capture_ids, rules)
    row["evidence"] = encode_evidence(
        db, _map_entries(field_evidence.decode_evidence(theirs, post.row), capture_ids, rules), row
    )
    number = next_article_id(db)
    db.insert("articles", {"id": number, **row})
    for one in post.revisions:
        db.insert(
            "revisions",
            {
                **{k: v for k, v in one.items() if k != "id"},
                **_map_provenance(one, capture_ids, rules),
                "article_id": number,
                "evidence": one["evidence"]
                and pack_evidence(_map_entries(unpack_evidence(one["evidence"]), capture_ids, rules)),
                "run_id": runs.get(one["run_id"] or 0),
            },
        )
    if (withdrawn := withdrawal_of(theirs, post.row["id"])) is not None:
        withdraw_article(db, number, withdrawn.reason, datetime.fromisoformat(withdrawn.at))
    enter_addresses(db, number, post, new=True)
    write_facets(db, number, article_from_row(row))
    for one in post.captures:
        if one["article_id"] and capture_ids[one["id"]]:
            db.execute(
                "update captures set article_id = ?, secondary = ? where id = ?",
                [number, one["secondary"], capture_ids[one["id"]]],
            )
    settle_duplicates(db, row["content_digest"], number)
    clusters.assign_cluster(db, number)
    return number


def enter_addresses(db: Database, number: int, post: TheirArticle, *, new: bool = False) -> None:
    """Adds the URLs of an article of the other archive to the article with the ID `number` in this archive, except URLs
    of other articles of this archive.

    The `url` of the article in this archive stays. If the article has a different `url` in the other archive, that
    becomes an alias. `new` is True if this merge has added the article.
    """
    own = db.execute("select urlkey from articles where id = ?", [number]).fetchone()[0]
    for one in post.addresses:
        kind = "url" if one["urlkey"] == own else "moved" if one["kind"] == "url" else one["kind"]
        known = db.execute("select 1 from article_urls where urlkey = ?", [one["urlkey"]]).fetchone()
        db.execute(
            "update article_urls set "
            "first_seen = iif(:new and article_id = :number, :first_seen, min(first_seen, :first_seen)), "
            "article_id = iif(:kind = 'url', :number, article_id), kind = iif(:kind = 'url', 'url', kind) "
            "where urlkey = :urlkey"
            if known
            else "insert into article_urls (urlkey, url, article_id, kind, first_seen) "
            "values (:urlkey, :url, :number, :kind, :first_seen)",
            {**one, "number": number, "kind": kind, "new": new},
        )


def merge_parts(db: Database, theirs: Database, key: str) -> None:
    """Merges the parts of a post that is split over several pages from the other archive (`theirs`) into this one;
    `key` is the urlkey of the post.
    """
    for row in theirs.query("select * from article_parts where post_urlkey = ?", [key]):
        db.execute(
            "insert into article_parts (urlkey, url, post_urlkey, number, text, markup) values (:urlkey, :url, "
            ":post_urlkey, :number, :text, :markup) on conflict (urlkey) do update set "
            "markup = iif(text is null, excluded.markup, markup), text = coalesce(text, excluded.text)",
            row,
        )


def _map_provenance(row: Row, capture_ids: Mapping[int, int | None], rules: Mapping[int, int]) -> Row:
    """Returns the columns `capture_id` and `extractor` of an article or revision of the other archive, with the IDs in
    them replaced by those in this archive. `capture_ids` and `rules` map the IDs; a capture that was not copied is
    mapped to None.
    """
    return {"capture_id": capture_ids.get(row["capture_id"] or 0), "extractor": _map_extractor(row["extractor"], rules)}


def _map_entries(entries: list[Entry], capture_ids: Mapping[int, int | None], rules: Mapping[int, int]) -> list[Entry]:
    return [_map_entry(entry, capture_ids, rules) for entry in entries]


def _map_entry(entry: Row, capture_ids: Mapping[int, int | None], rules: Mapping[int, int]) -> Row:
    more = {"capture_id": capture_ids.get(entry["capture_id"]) or ""} if entry.get("capture_id") else {}
    return entry | more | ({"extractor": _map_extractor(entry["extractor"], rules)} if entry.get("extractor") else {})


def _map_extractor(extractor: str | None, rules: Mapping[int, int]) -> str | None:
    """Returns an extractor's name with the ID of the site rules in it replaced by their ID in this archive; None if
    there is no extractor.
    """
    return _RULES.sub(lambda m: f" rules-{rules.get(int(m[1]), m[1])}", extractor) if extractor else extractor


def read_article_batches(theirs: Database, most: int) -> Iterator[list[Row]]:
    """Yields the rows of all articles of the other archive in the order of their IDs, in lists of at most `most`."""
    last = 0
    while rows := list(theirs.query("select * from articles where id > ? order by id limit ?", [last, most])):
        last = rows[-1]["id"]
        yield rows


# Articles that both archives have.

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TheirRevision:
    """A revision of an article of the other archive: its number, the time at which it was observed (ISO 8601), the ID
    of its capture in that archive, its fields, and its extractor.
    """

    revision: int
    at: str
    capture: int | None
    article: Article
    extractor: str


def merge_article(
    db: Database,
    theirs: Database,
    post: TheirArticle,
    number: int,
    captures: CaptureMerge,
    without_hints: ExtractWithoutHints,
    rules: Mapping[int, int],
) -> bool:
    """Merges an article of the other archive (`post`) into the same article of this archive, which has the ID `number`.
    Returns True if the article of this archive got a new revision.

    Captures that this archive has already, for example from an earlier merge, are skipped. `captures` enters the
    others. `without_hints` extracts an article from a capture without source hints. `rules` maps IDs of site rules in
    the other archive to IDs in this one.
    """
    before = next(iter(db.query("select * from articles where id = ?", [number])))
    merge = _ArticleMerge(db, post, number, captures, without_hints, _read_their_revisions(theirs, post, rules))
    merge.enter_captures()
    merge.enter_uncaptured()
    merge.enter_last_seen()
    _merge_times(db, post, number, before)
    enter_addresses(db, number, post)
    return merge.revised


@dataclass(slots=True)
class _ArticleMerge:
    """Merges one article of the other archive (`post`) into the article with the ID `number` in this archive.
    `revisions` are the other archive's revisions, ordered by time. `without_hints` extracts an article from a capture
    without source hints. `revised` becomes True when the article in this archive gets a new revision.
    """

    db: Database
    post: TheirArticle
    number: int
    captures: CaptureMerge
    without_hints: ExtractWithoutHints
    revisions: list[TheirRevision]
    revised: bool = False

    def enter_captures(self) -> None:
        by_capture = {one.capture: one for one in self.revisions if one.capture}
        # If a server alternates between revisions, a capture between two of them may show either of the two.
        alternates = any(row["seen_again"] for row in self.post.revisions)
        for row in self.post.captures:
            if self.captures.find_known(row) is not None or (own := self.captures.enter(row)) is None:
                continue
            revision = by_capture.get(row["id"])
            if revision is None and not alternates and row["status"] in (200, 304):
                revision = _revision_at(self.revisions, row["captured_at"])
            is_secondary = bool(row["secondary"])
            if not is_secondary and revision is not None:
                change = self._enter(revision, row["captured_at"], (own, row["digest"] or ""))
                is_secondary = change in (Change.STUB, Change.COPY)
            if row["article_id"]:
                captures.link_capture_to_article(self.db, own, self.number, secondary=is_secondary)

    def enter_uncaptured(self) -> None:
        """Enters those revisions of the other archive that have no capture in this archive, because the capture could
        not be copied.
        """
        for revision in self.revisions:
            if self.captures.enter_by_id(revision.capture) is None and not _is_known(self.db, self.number, revision):
                self._enter(revision, revision.at, None)

    def enter_last_seen(self) -> None:
        """If the other archive saw its current revision later than this archive last saw the article, stores that
        time.
        """
        post = self.post
        current = next((one for one in self.revisions if one.revision == post.row["revision"]), None)
        if current is None or post.row["last_seen"] <= _last_seen(self.db, self.number):
            return
        latest = {name: getattr(post.article, name) for name in LATEST}
        proof = next(
            (row for row in post.captures if row["captured_at"] == post.row["last_seen"] and row["status"] == 200), None
        )
        own = self.captures.find_known(proof) if proof else None
        capture = (own, proof["digest"] or "") if proof and own else None
        self._enter(replace(current, article=replace(current.article, **latest)), post.row["last_seen"], capture)

    def _enter(self, revision: TheirRevision, at: str, capture: tuple[int, str] | None) -> Change:
        time = moment(at)
        assert time is not None
        own, digest = capture or (None, "")
        reading = HistoricalArticle(revision.article, time, own, digest, revision.extractor, whole=True)
        change = enter_historical_article(self.db, self.post.row["site"], reading, self.without_hints).change
        self.revised |= change is Change.REVISED
        return change


def _revision_at(revisions: Sequence[TheirRevision], at: str) -> TheirRevision | None:
    """Returns the revision that was current at the time `at` (ISO 8601); None if all revisions are later."""
    return next((one for one in reversed(revisions) if one.at <= at), None)


def _is_known(db: Database, number: int, revision: TheirRevision) -> bool:
    return (
        db.execute(
            "select 1 from revisions where article_id = ? and observed_at = ? and meaning_digest = ?",
            [number, revision.at, meaning_digest(revision.article)],
        ).fetchone()
        is not None
    )


def _last_seen(db: Database, number: int) -> str:
    return str(db.execute("select last_seen from articles where id = ?", [number]).fetchone()[0])


def _merge_times(db: Database, post: TheirArticle, number: int, before: Row) -> None:
    """Merges the columns `first_seen`, `last_seen` and `gone_at` of an article. `gone_at` becomes the earliest time at
    which one archive found the article gone and after which neither archive has seen it. `before` is the row of the
    article in this archive before the merge.
    """
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


def _read_their_revisions(theirs: Database, post: TheirArticle, rules: Mapping[int, int]) -> list[TheirRevision]:
    """Returns the revisions of an article of the other archive with their field_evidence, ordered by time."""
    articles = {version.number: version.article for version in revision_runs_of(theirs, post.row)}
    out = []
    for row in post.revisions:
        is_current = row["revision"] == post.row["revision"]
        source = post.row if is_current else row
        entries = entries_of(theirs, post.row) if is_current else unpack_evidence(row["evidence"])
        article = replace(
            articles[row["revision"]],
            evidence=evidence_from(entries),
            post_id=post.row["post_id"] or "",
            guid=post.row["guid"] or "",
            platform=post.row["platform"] or "",
        )
        out.append(
            TheirRevision(
                row["revision"],
                row["observed_at"],
                row["capture_id"],
                article,
                _map_extractor(source["extractor"], rules) or "",
            )
        )
    return out


Progress = Callable[[str, int, int], None]
"""A function that is called during the merge with a name for the current step, the number of items done, and the
total."""


# Captures.


class CaptureMerge:
    """Enters captures of the other archive into this one. Two captures are the same if URL, time and payload digest are
    equal.

    - `files`: maps the name of each copied WARC file in the other archive to its name in this one. Captures in other
      files are not entered.
    - `runs`, `imports`: map IDs in the other archive to IDs in this one.
    - `new`: the number of captures entered so far.
    - `removed`: the IDs of tombstones whose posts have records in a copied file. These records must be erased.
    """

    def __init__(
        self,
        db: Database,
        theirs: Database,
        files: Mapping[str, str],
        runs: Mapping[int, int],
        imports: Mapping[int, int],
    ) -> None:
        self._db, self._theirs, self._files, self._runs, self._imports = db, theirs, files, runs, imports
        self.new = 0
        self.removed: set[int] = set()

    def find_known(self, row: Row) -> int | None:
        """Returns the ID in this archive of a capture of the other archive, given as its row; None if the capture is
        not in this archive.
        """
        found = self._db.execute(
            "select id from captures where url = ? and captured_at = ? and +digest is ? limit 1",
            [row["url"], row["captured_at"], row["digest"]],
        ).fetchone()
        return int(found[0]) if found else None

    def enter(self, row: Row) -> int | None:
        """Enters a capture of the other archive, given as its row, unless the capture is already in this archive.
        Returns its ID in this archive; None if its WARC file was not copied.
        """
        number = self.find_known(row)
        if number is not None or row["warc_file"] not in self._files:
            return number
        self._db.insert(
            "captures",
            {
                **{k: v for k, v in row.items() if k not in ("id", "article_id", "hint_id", "secondary")},
                "warc_file": self._files[row["warc_file"]],
                "run_id": self._runs.get(row["run_id"] or 0),
                "import_id": self._imports.get(row["import_id"] or 0),
            },
        )
        number = last_rowid(self._db)
        self._db.conn.executemany(
            "insert into usage_statements (capture_id, source, agent, name, value) values (?, ?, ?, ?, ?)",
            [
                (number, *statement)
                for statement in self._theirs.execute(
                    "select source, agent, name, value from usage_statements where capture_id = ? order by id",
                    [row["id"]],
                )
            ],
        )
        self.new += 1
        self._erase_if_removed(row)
        return number

    def enter_by_id(self, number: int | None) -> int | None:
        """Does the same as `enter` for a capture that is given by its ID in the other archive. Returns None if the ID
        is unknown or None.
        """
        row = next(iter(self._theirs.query("select * from captures where id = ?", [number])), None)
        return self.enter(row) if row else None

    def _erase_if_removed(self, row: Row) -> None:
        tombstone = tombstone_at(self._db, urlkey(row["url"]))
        if tombstone is not None:
            self.removed.add(tombstone.id)
        elif row["digest"] and is_payload_removed(self._db, row["digest"]):
            self.removed.add(
                self._db.execute(
                    "select tombstone_id from tombstone_payloads where digest = ?", [row["digest"]]
                ).fetchone()[0]
            )


# WARC files.


def copy_files(
    db: Database, theirs: Database, folder: Path, other: Path, progress: Progress
) -> tuple[dict[str, str], list[str]]:
    """Copies the WARC files with new captures from the other archive's folder (`other`) into this archive's (`folder`).
    Returns a dict from each file's name in the other archive to its name in this one, and the names of files that are
    missing in the other archive's folder.

    A file whose captures are all in this archive is not copied. A file that is already in this archive, under whatever
    name, is recognized by its digest. Raises OSError.
    """
    names: dict[str, str] = {}
    lost: list[str] = []
    sizes: dict[int, list[Path]] = defaultdict(list)
    for file in sorted((folder / "warc").glob("*.warc.gz")):
        sizes[file.stat().st_size].append(file)
    all_names = sorted(
        {row[0] for row in theirs.execute("select distinct warc_file from captures")}
        | {f"warc/{file.name}" for file in (other / "warc").glob("*.warc.gz")}
    )
    for number, name in enumerate(all_names):
        progress("WARC files", number, len(all_names))
        if not _has_new_captures(db, theirs, name):
            continue
        source = other / name
        if Path(name).is_absolute() or ".." in Path(name).parts or not source.is_file():
            lost.append(name)
            continue
        own = _find_same_file(source, sizes[source.stat().st_size])
        if own is None:
            own = transfer_warc(source, folder / "warc")
            if not own.exists():  # the copied file contained no complete record
                continue
            sizes[own.stat().st_size].append(own)
        elif not index_of(own).exists():
            finish_transfer(own, index_of(source))
        names[name] = f"warc/{own.name}"
    return names, lost


def _has_new_captures(db: Database, theirs: Database, name: str) -> bool:
    """Returns True if a WARC file of the other archive contains a capture that this archive lacks, or if no row of
    `captures` refers to the file.
    """
    rows = 0
    for row in theirs.execute("select url, captured_at, digest from captures where warc_file = ?", [name]):
        rows += 1
        if (
            db.execute("select 1 from captures where url = ? and captured_at = ? and +digest is ?", row).fetchone()
            is None
        ):
            return True
    return rows == 0


def _find_same_file(source: Path, candidates: list[Path]) -> Path | None:
    if not candidates:
        return None
    digest = compute_file_digest(source)
    return next((file for file in candidates if compute_file_digest(file) == digest), None)
