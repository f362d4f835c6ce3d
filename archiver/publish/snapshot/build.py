"""A snapshot, built beside its folder and moved there when it is whole. Nothing of it depends on clock, place or order.
"""

from __future__ import annotations

import heapq
import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.errors import BadQuery
from archiver.publish import rules as publish_rules
from archiver.publish.describe import describe
from archiver.publish.describe.about import File
from archiver.publish.formats.columns import arrow
from archiver.publish.personal import Personal, fingerprint
from archiver.publish.refusals import NotASnapshot, NothingToPublish, SnapshotRefused
from archiver.publish.snapshot import across, rows
from archiver.publish.snapshot import request as asked
from archiver.publish.snapshot.choose import LARGE, choose, newest, order
from archiver.publish.snapshot.evidence import settle
from archiver.publish.snapshot.facts import Facts
from archiver.publish.snapshot.place import aside, put, refused, true_place
from archiver.publish.snapshot.read import table_files
from archiver.publish.snapshot.request import Request
from archiver.publish.snapshot.tables import ARTICLES
from archiver.publish.snapshot.write import Told, derive, refer, write_tables
from archiver.publish.wacz.pack import pack
from archiver.search.run import matching_ids
from archiver.search.together import Shard, having
from archiver.store.connect import opened

REBUILD, SUMS = "rebuild.json", "SHA256SUMS"
_MARK = 1


@dataclass(frozen=True, slots=True)
class Built:
    """`same`: a folder of the same bytes was there before."""

    folder: Path
    facts: Facts
    bytes: int
    same: bool


@dataclass(frozen=True, slots=True)
class Building:
    """How a snapshot is built: what makes no difference to the articles that it has.

    `told` hears of progress. `key` is the one by which authors are named, where the request says so. `previous` is the
    folder of the version before, which CHANGES.md is compared with; `since` is that version where its folder is not at
    hand. Each of `sites` must be in one of the archives. A folder that is there is replaced only with `replace`, or
    where it is the same.
    """

    software: str
    told: Told
    key: bytes | None = None
    previous: Path | None = None
    since: str = ""
    sites: Sequence[str] = ()
    replace: bool = False


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What a snapshot has of its archives: the cut-off, the partitions in order, and how many records each reason
    decided on."""

    cutoff: str
    parts: list[str]
    reasons: Counter[tuple[str, str]]


def build(archives: Sequence[Path], out: Path, request: Request, how: Building) -> Built:
    """Build the snapshot of one archive, or of several that have no site in common, into the folder `out`.

    Raises SnapshotRefused, NothingToPublish, NotASnapshot, BadPublishRules, ExtraMissing, what a query raises, and what
    `open_archive` does.
    """
    arrow()
    try:
        _check_target(out, request)
    except OSError as error:
        raise refused(out, error) from error
    since = _compared_with(how.previous) if how.previous else how.since
    rules = publish_rules.parse(request.rules, "rebuild.json")
    change = _personal(out, request, rules, how.key)
    with ExitStack() as stack:
        dbs = [stack.enter_context(opened(archive, read_only=True)) for archive in archives]
        _have(dbs, how.sites, out)
        chosen = _chosen(dbs, request, rules, out)
        facts = Facts(request, chosen.cutoff, rules.dataset)
        facts.reasons = chosen.reasons
        if change.hides_names:
            for db in dbs:
                change.also_by(rows.authors(db, chosen.cutoff))
        if request.wacz:
            _may_hold_pages(out, request, dbs)
        with aside(out) as folder:
            try:
                write_tables(dbs, folder, facts, change, chosen.parts, how.told)
                derive(folder, facts)
                refer(folder, facts)
                if request.wacz:
                    _pack(dbs[0], archives[0].parent, folder, out, how.software)
                (folder / REBUILD).write_bytes(_rebuild(facts, how.software, dbs, since))
                size = _sum(folder, describe(folder, facts, how.software, how.previous, since))
            except (OSError, sqlite3.Error) as error:
                raise refused(out, error) from error
            same = _put(folder, out, request, replace=how.replace)
            return Built(out, facts, size, same)


def _put(folder: Path, out: Path, request: Request, *, replace: bool) -> bool:
    """Move what was built to its place. Returns whether the same was there before, which stays unless it is to be
    replaced. Raises SnapshotRefused where another snapshot is there."""
    same = out.exists() and (out / SUMS).is_file() and (out / SUMS).read_bytes() == (folder / SUMS).read_bytes()
    if same and not replace:
        return True
    if out.exists() and not replace and any(out.iterdir()):
        raise SnapshotRefused(str(out), f"there is a version {request.version} of other content already; give "
                              "another --version, or --replace to write over it")
    put(folder, true_place(out))
    return same


def _personal(out: Path, request: Request, rules: publish_rules.Rules, key: bytes | None) -> Personal:
    """Refuses a key that is another than the request's, and rules and queries that would tell the names it hides."""
    if request.pseudonymised:
        if key is None or fingerprint(key) != request.pseudonymised:
            raise SnapshotRefused(str(out), "its authors are named by a key; give that key with --pseudonymise")
        if "author" in request.query or "author:" in request.query.get("text", "") or any(
                name == "author" for rule in rules.rules for name, _ in rule.of):
            raise SnapshotRefused(str(out), "its query or rules name an author, and rebuild.json would tell the name; "
                                  "choose by something else")
    return Personal(key if request.pseudonymised else None, contacts=request.drop_contacts)


def _chosen(dbs: Sequence[Database], request: Request, rules: publish_rules.Rules, out: Path) -> _Chosen:
    """Choose in all archives. Raises NothingToPublish and SnapshotRefused."""
    wanted = [*_wanted(dbs, request)]
    if not sum(choose(db, ids, request.cutoff) for db, ids in zip(dbs, wanted, strict=True)):
        raise NothingToPublish(str(out), request.words, request.cutoff, holds=(out / REBUILD).exists())
    if len(dbs) > 1:
        _no_two_have_one(dbs, out)
    copies = across.consider(dbs, wanted, request.cutoff, fold=request.asked.folding != "none")
    total = sum(db.execute("select count(*) from temp.considered where chosen").fetchone()[0] for db in dbs)
    partition = request.partition
    if partition == "auto":
        partition = "year" if total > LARGE else "none"
    cutoff = request.cutoff or max(map(newest, dbs))
    parts = sorted({part for db in dbs for part in order(db, partition)})
    reasons: Counter[tuple[str, str]] = Counter()
    decided = []
    for archive, db in enumerate(dbs):
        told, kept = settle(db, rules, cutoff, {one[1] for group in copies for one in group if one[0] == archive})
        reasons += told
        decided.append(kept)
    across.bind(dbs, copies, decided, reasons)
    return _Chosen(cutoff, parts, +reasons)


def _wanted(dbs: Sequence[Database], request: Request) -> Iterator[list[int] | None]:
    """By archive which articles the query finds, None for all. Raises what a query does."""
    if len(dbs) > 1 and request.asked.like is not None:
        raise BadQuery(f"like {request.asked.like}", "it names an article of one archive: ask that one alone")
    asks = {shard.name: query for shard, query in having(
        [Shard(str(number), db) for number, db in enumerate(dbs)], request.asked)}
    for number, db in enumerate(dbs):
        # The query first: it may bring an index up to date, which is another connection's work.
        query = asks.get(str(number))
        yield None if not request.query else list(matching_ids(db, query)) if query else []
        if not db.conn.in_transaction:
            db.execute("begin")


def _have(dbs: Sequence[Database], sites: Iterable[str], out: Path) -> None:
    """Raises SnapshotRefused where a site is in none of the archives: one that was not named, perhaps."""
    known = {row[0] for db in dbs for row in db.execute("select name from sites")}
    if lost := sorted(set(sites) - known):
        raise SnapshotRefused(str(out), f"what is there has articles of {lost[0]}, and none of the archives has that "
                              "site; name them all with --archive, or give --replace to have it without")


def _no_two_have_one(dbs: Sequence[Database], out: Path) -> None:
    """Raises SnapshotRefused where a site or a post is in several archives."""
    chosen = "select distinct site from temp.considered where chosen"
    sites = Counter(row[0] for db in dbs for row in db.execute(chosen))
    posts = heapq.merge(*(db.execute("select id, url from temp.considered where chosen order by id") for db in dbs))
    twice = sorted(site for site, count in sites.items() if count > 1) or [
        url for (one, _), (other, url) in pairwise(posts) if one == other][:1]
    if twice:
        raise SnapshotRefused(str(out), f"{twice[0]} is in several of the archives; merge these with 'archiver merge'")


def _may_hold_pages(out: Path, request: Request, dbs: Sequence[Database]) -> None:
    """A page shows names, contacts, and teasers of other articles. Raises SnapshotRefused."""
    less = sum(db.execute("select count(*) from temp.considered where chosen and tier < 3").fetchone()[0] for db in dbs)
    why = (f"--wacz has the pages themselves, and {less:,} of the articles may not be given in full" if less else
           "--wacz has the pages themselves, with names and contacts" if request.pseudonymised or request.drop_contacts
           else "--wacz takes one archive" if len(dbs) > 1 else "")
    if why:
        raise SnapshotRefused(str(out), f"{why}; leave it out, or choose other articles")


def _pack(db: Database, archive: Path, folder: Path, out: Path, software: str) -> None:
    """The captures of the articles as `captures.wacz`. Raises SnapshotRefused where one cannot be read."""
    ids = [row[0] for row in db.execute("select article_id from temp.ordered order by position")]
    with (folder / "captures.wacz").open("wb") as file:
        done = pack(db, archive, ids, file, software=software, title="Captures")
    if done.missing:
        raise SnapshotRefused(str(out), f"{done.missing:,} captures cannot be read, which 'archiver verify' names; "
                              "mend the archive, or leave out --wacz")


def _rebuild(facts: Facts, software: str, dbs: Sequence[Database], since: str) -> bytes:
    """What it takes to build the same again: the request with its cut-off, the software, and the content's digest."""
    import pyarrow

    request = asked.as_json(facts.request)
    request["cutoff"] = facts.cutoff
    schema = sorted({str(db.execute("select max(name) from _sqlite_migrations").fetchone()[0]) for db in dbs})
    told = {"snapshot": _MARK, "request": request, **({"since": since} if since else {}), "software": software,
            "pyarrow": pyarrow.__version__, "schema": schema, "sites": sorted(facts.sites), "content": facts.digest,
            "rows": dict(sorted(facts.rows.items()))}
    return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _sum(folder: Path, files: Iterable[File]) -> int:
    """Write SHA256SUMS of these files, as `sha256sum -c` reads it; returns the bytes of all."""
    found = sorted(files, key=lambda file: file.path)
    sums = "".join(f"{file.sha256}  {file.path}\n" for file in found).encode()
    (folder / SUMS).write_bytes(sums)
    return len(sums) + sum(file.bytes for file in found)


def files_of(folder: Path) -> list[str]:
    """The files of a snapshot beside its sums, by their path in it."""
    return [path.relative_to(folder).as_posix() for path in folder.rglob("*")
            if path.is_file() and path != folder / SUMS]


def version_of(folder: Path) -> dict[str, Any]:
    """What a folder's rebuild.json says, with its request. Raises NotASnapshot."""
    return asked.read(text_of(folder, REBUILD), str(folder))


def text_of(folder: Path, name: str) -> str:
    """What stands in a file of a snapshot. Raises NotASnapshot."""
    try:
        return (folder / name).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotASnapshot(str(folder), f"it has no {name}") from error
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8"
        raise NotASnapshot(str(folder), f"its {name} cannot be read: {why}") from error


def _compared_with(previous: Path) -> str:
    """The version in a folder. Raises NotASnapshot, before anything is built."""
    version: str = version_of(previous)["request"].version
    if not table_files(previous, ARTICLES):
        raise NotASnapshot(str(previous), "it has no table of articles")
    return version


def _check_target(out: Path, request: Request) -> None:
    """Raises SnapshotRefused and OSError."""
    if os.path.ismount(true_place(out)):
        raise SnapshotRefused(str(out), "a disk is mounted there, and a dataset is put in its place as a whole; name a "
                              "folder in it")
    if Path.cwd().is_relative_to(true_place(out)):
        raise SnapshotRefused(str(out), "it is the folder that you are in, and a dataset is put in its place as a "
                              "whole; go out of it and name it from there")
    if not out.exists():
        if not out.parent.is_dir():
            raise SnapshotRefused(str(out), f"there is no folder {out.parent}")
        return
    if not out.is_dir():
        raise SnapshotRefused(str(out), "it is a file; name a folder")
    if not any(out.iterdir()):
        return
    try:
        found: Request = version_of(out)["request"]
    except NotASnapshot as error:
        raise SnapshotRefused(str(out), "its files are no dataset of this program; name another folder") from error
    if found.version != request.version:
        raise SnapshotRefused(str(out), f"it holds version {found.version}; give version {request.version} a folder of "
                              f"its own, and --previous {out}")
