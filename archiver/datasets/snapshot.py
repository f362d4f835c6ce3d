"""A snapshot, built beside its folder and moved there when it is whole. Nothing of it depends on clock, place or order."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import heapq
import json
import os
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.datasets import cross_archive_duplicates, snapshot_rows
from archiver.datasets import publication_rules as publish_rules
from archiver.datasets import snapshot_request as asked
from archiver.datasets.dataset_card import DatasetFile
from archiver.datasets.dataset_metadata import describe
from archiver.datasets.parquet import arrow
from archiver.datasets.pseudonyms import Pseudonymizer, fingerprint
from archiver.datasets.selection import LARGE, choose_articles, decide_tiers, newest, order
from archiver.datasets.snapshot_request import SnapshotFacts, SnapshotRequest
from archiver.datasets.snapshot_rows import ARTICLES, TABLES, table_files
from archiver.datasets.snapshot_writer import Told, derive, refer, write_tables
from archiver.datasets.wacz_package import pack_wacz
from archiver.errors import BadQuery, NotASnapshot, NothingToPublish, SnapshotRefused
from archiver.search.engine import matching_ids
from archiver.search.federated import Shard, shards_having
from archiver.storage.connection import opened

# Where a snapshot is built, and how it is put in the place of its folder: as a whole, or not at all.


def true_place(out: Path) -> Path:
    """Where a folder is in truth: where a link leads is replaced, and not the link."""
    return Path(os.path.realpath(out))


def refused(out: Path, error: OSError | sqlite3.Error) -> SnapshotRefused:
    full = (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)) or (
        isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    )
    if full:
        return SnapshotRefused(str(out), "the disk is full; make room, then publish again")
    return SnapshotRefused(str(out), getattr(error, "strerror", None) or str(error))


@contextmanager
def aside(out: Path) -> Iterator[Path]:
    """A folder beside the one that is asked for; gone afterwards, unless it was moved. What an earlier build that was
    killed has left is taken away; another that is running keeps this one out."""
    whole = true_place(out)
    folder = whole.parent / f".{whole.name}.unfinished"
    mark = whole.parent / f".{whole.name}.lock"
    try:
        lock = os.open(mark, os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise refused(out, error) from error
    try:
        # Before what is taken away below: until it is locked, folder and lock are another build's.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if isinstance(error, BlockingIOError):
            raise SnapshotRefused(str(out), "another build of it is running; wait until it ends") from error
        raise refused(out, error) from error
    try:
        _recover(folder, whole)
        folder.mkdir()
        yield folder
    except OSError as error:
        raise refused(out, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            mark.unlink()
        os.close(lock)


def _old(folder: Path) -> Path:
    """Where what was there lies while the folder takes its place."""
    return folder.with_name(f"{folder.name}.old")


def _recover(folder: Path, out: Path) -> None:
    """Take away what a build that was killed has left; what it had put aside goes back where nothing took its place."""
    old = _old(folder)
    if old.exists() and not out.exists():
        old.replace(out)
    for left in (folder, old):
        shutil.rmtree(left, ignore_errors=True)


def put_in_place(folder: Path, out: Path, rename: Callable[[Path, Path], object] = os.replace) -> None:
    """Put the whole folder in the place of the one that is asked for; what was there stays until it is."""
    if not out.exists():
        rename(folder, out)
        return
    old = _old(folder)
    rename(out, old)
    try:
        rename(folder, out)
    except OSError:
        rename(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)


REBUILD, SUMS = "rebuild.json", "SHA256SUMS"
_MARK = 1


@dataclass(frozen=True, slots=True)
class BuiltSnapshot:
    """`same`: a folder of the same bytes was there before."""

    folder: Path
    facts: SnapshotFacts
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


def build_snapshot(archives: Sequence[Path], out: Path, request: SnapshotRequest, how: Building) -> BuiltSnapshot:
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
    rules = publish_rules.parse_publication_rules(request.rules, "rebuild.json")
    change = _personal(out, request, rules, how.key)
    with ExitStack() as stack:
        dbs = [stack.enter_context(opened(archive, read_only=True)) for archive in archives]
        _have(dbs, how.sites, out)
        chosen = _chosen(dbs, request, rules, out)
        facts = SnapshotFacts(request, chosen.cutoff, rules.dataset)
        facts.reasons = chosen.reasons
        if change.hides_names:
            for db in dbs:
                change.also_by(snapshot_rows.author_rows(db, chosen.cutoff))
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
            return BuiltSnapshot(out, facts, size, same)


def _put(folder: Path, out: Path, request: SnapshotRequest, *, replace: bool) -> bool:
    """Move what was built to its place. Returns whether the same was there before, which stays unless it is to be
    replaced. Raises SnapshotRefused where another snapshot is there."""
    same = out.exists() and (out / SUMS).is_file() and (out / SUMS).read_bytes() == (folder / SUMS).read_bytes()
    if same and not replace:
        return True
    if out.exists() and not replace and any(out.iterdir()):
        raise SnapshotRefused(
            str(out),
            f"there is a version {request.version} of other content already; give "
            "another --version, or --replace to write over it",
        )
    put_in_place(folder, true_place(out))
    return same


def _personal(
    out: Path, request: SnapshotRequest, rules: publish_rules.PublicationRules, key: bytes | None
) -> Pseudonymizer:
    """Refuses a key that is another than the request's, and rules and queries that would tell the names it hides."""
    if request.pseudonymised:
        if key is None or fingerprint(key) != request.pseudonymised:
            raise SnapshotRefused(str(out), "its authors are named by a key; give that key with --pseudonymise")
        if (
            "author" in request.query
            or "author:" in request.query.get("text", "")
            or any(name == "author" for rule in rules.rules for name, _ in rule.of)
        ):
            raise SnapshotRefused(
                str(out),
                "its query or rules name an author, and rebuild.json would tell the name; choose by something else",
            )
    return Pseudonymizer(key if request.pseudonymised else None, contacts=request.drop_contacts)


def _chosen(
    dbs: Sequence[Database], request: SnapshotRequest, rules: publish_rules.PublicationRules, out: Path
) -> _Chosen:
    """Choose in all archives. Raises NothingToPublish and SnapshotRefused."""
    wanted = [*_wanted(dbs, request)]
    if not sum(choose_articles(db, ids, request.cutoff) for db, ids in zip(dbs, wanted, strict=True)):
        raise NothingToPublish(str(out), request.words, request.cutoff, holds=(out / REBUILD).exists())
    if len(dbs) > 1:
        _no_two_have_one(dbs, out)
    copies = cross_archive_duplicates.consider_archive(
        dbs, wanted, request.cutoff, fold=request.asked.folding != "none"
    )
    total = sum(db.execute("select count(*) from temp.considered where chosen").fetchone()[0] for db in dbs)
    partition = request.partition
    if partition == "auto":
        partition = "year" if total > LARGE else "none"
    cutoff = request.cutoff or max(map(newest, dbs))
    parts = sorted({part for db in dbs for part in order(db, partition)})
    reasons: Counter[tuple[str, str]] = Counter()
    decided = []
    for archive, db in enumerate(dbs):
        told, kept = decide_tiers(db, rules, cutoff, {one[1] for group in copies for one in group if one[0] == archive})
        reasons += told
        decided.append(kept)
    cross_archive_duplicates.bind(dbs, copies, decided, reasons)
    return _Chosen(cutoff, parts, +reasons)


def _wanted(dbs: Sequence[Database], request: SnapshotRequest) -> Iterator[list[int] | None]:
    """By archive which articles the query finds, None for all. Raises what a query does."""
    if len(dbs) > 1 and request.asked.like is not None:
        raise BadQuery(f"like {request.asked.like}", "it names an article of one archive: ask that one alone")
    asks = {
        shard.name: query
        for shard, query in shards_having([Shard(str(number), db) for number, db in enumerate(dbs)], request.asked)
    }
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
        raise SnapshotRefused(
            str(out),
            f"what is there has articles of {lost[0]}, and none of the archives has that "
            "site; name them all with --archive, or give --replace to have it without",
        )


def _no_two_have_one(dbs: Sequence[Database], out: Path) -> None:
    """Raises SnapshotRefused where a site or a post is in several archives."""
    chosen = "select distinct site from temp.considered where chosen"
    sites = Counter(row[0] for db in dbs for row in db.execute(chosen))
    posts = heapq.merge(*(db.execute("select id, url from temp.considered where chosen order by id") for db in dbs))
    twice = (
        sorted(site for site, count in sites.items() if count > 1)
        or [url for (one, _), (other, url) in pairwise(posts) if one == other][:1]
    )
    if twice:
        raise SnapshotRefused(str(out), f"{twice[0]} is in several of the archives; merge these with 'archiver merge'")


def _may_hold_pages(out: Path, request: SnapshotRequest, dbs: Sequence[Database]) -> None:
    """A page shows names, contacts, and teasers of other articles. Raises SnapshotRefused."""
    less = sum(db.execute("select count(*) from temp.considered where chosen and tier < 3").fetchone()[0] for db in dbs)
    why = (
        f"--wacz has the pages themselves, and {less:,} of the articles may not be given in full"
        if less
        else "--wacz has the pages themselves, with names and contacts"
        if request.pseudonymised or request.drop_contacts
        else "--wacz takes one archive"
        if len(dbs) > 1
        else ""
    )
    if why:
        raise SnapshotRefused(str(out), f"{why}; leave it out, or choose other articles")


def _pack(db: Database, archive: Path, folder: Path, out: Path, software: str) -> None:
    """The captures of the articles as `captures.wacz`. Raises SnapshotRefused where one cannot be read."""
    ids = [row[0] for row in db.execute("select article_id from temp.ordered order by position")]
    with (folder / "captures.wacz").open("wb") as file:
        done = pack_wacz(db, archive, ids, file, software=software, title="Captures")
    if done.missing:
        raise SnapshotRefused(
            str(out),
            f"{done.missing:,} captures cannot be read, which 'archiver verify' names; "
            "mend the archive, or leave out --wacz",
        )


def _rebuild(facts: SnapshotFacts, software: str, dbs: Sequence[Database], since: str) -> bytes:
    """What it takes to build the same again: the request with its cut-off, the software, and the content's digest."""
    import pyarrow

    request = asked.as_json(facts.request)
    request["cutoff"] = facts.cutoff
    schema = sorted({str(db.execute("select max(name) from _sqlite_migrations").fetchone()[0]) for db in dbs})
    told = {
        "snapshot": _MARK,
        "request": request,
        **({"since": since} if since else {}),
        "software": software,
        "pyarrow": pyarrow.__version__,
        "schema": schema,
        "sites": sorted(facts.sites),
        "content": facts.digest,
        "rows": dict(sorted(facts.rows.items())),
    }
    return (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _sum(folder: Path, files: Iterable[DatasetFile]) -> int:
    """Write SHA256SUMS of these files, as `sha256sum -c` reads it; returns the bytes of all."""
    found = sorted(files, key=lambda file: file.path)
    sums = "".join(f"{file.sha256}  {file.path}\n" for file in found).encode()
    (folder / SUMS).write_bytes(sums)
    return len(sums) + sum(file.bytes for file in found)


def files_of(folder: Path) -> list[str]:
    """The files of a snapshot beside its sums, by their path in it."""
    return [
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path != folder / SUMS
    ]


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


def _check_target(out: Path, request: SnapshotRequest) -> None:
    """Raises SnapshotRefused and OSError."""
    if os.path.ismount(true_place(out)):
        raise SnapshotRefused(
            str(out), "a disk is mounted there, and a dataset is put in its place as a whole; name a folder in it"
        )
    if Path.cwd().is_relative_to(true_place(out)):
        raise SnapshotRefused(
            str(out),
            "it is the folder that you are in, and a dataset is put in its place as a "
            "whole; go out of it and name it from there",
        )
    if not out.exists():
        if not out.parent.is_dir():
            raise SnapshotRefused(str(out), f"there is no folder {out.parent}")
        return
    if not out.is_dir():
        raise SnapshotRefused(str(out), "it is a file; name a folder")
    if not any(out.iterdir()):
        return
    try:
        found: SnapshotRequest = version_of(out)["request"]
    except NotASnapshot as error:
        raise SnapshotRefused(str(out), "its files are no dataset of this program; name another folder") from error
    if found.version != request.version:
        raise SnapshotRefused(
            str(out),
            f"it holds version {found.version}; give version {request.version} a folder of "
            f"its own, and --previous {out}",
        )


# Whether a folder is the snapshot that it says it is: every file against its sum, every table against the others.

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def check_snapshot(folder: Path) -> tuple[str, ...]:
    """What is wrong, a sentence each; () where all is as it should be. Raises NotASnapshot and ExtraMissing."""
    told = version_of(folder)
    return (*_sums(folder, text_of(folder, SUMS)), *_tables(folder, told))


def _sums(folder: Path, text: str) -> Iterator[str]:
    listed: dict[str, str] = {}
    for line in text.splitlines():
        if found := _LINE.fullmatch(line):
            listed[found[2]] = found[1]
        else:
            yield f"{SUMS} has a line that is no sum: {line[:80]!r}."
    there = set(files_of(folder))
    yield from (f"{name} is listed and not there." for name in sorted(set(listed) - there))
    yield from (f"{name} is there and not listed." for name in sorted(there - set(listed)))
    for name in sorted(there & set(listed)):
        try:
            with (folder / name).open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError as error:
            yield f"{name} cannot be read ({error.strerror})."
            continue
        if digest != listed[name]:
            yield f"{name} is not what was published: its SHA-256 is another."


def _tables(folder: Path, told: dict[str, Any]) -> Iterator[str]:
    pa, pq = arrow()
    said = told.get("rows")
    counts = said if isinstance(said, dict) else {}  # it may be what was changed
    ids: set[str] = set()
    for table in TABLES:
        files = table_files(folder, table)
        if not files:
            if counts.get(table.name) or not table.optional:
                yield f"The table {table.name} is not there."
            continue
        rows, strange, twice = 0, 0, 0
        for file in files:
            try:
                with pq.ParquetFile(file) as opened:
                    if [field.name for field in opened.schema_arrow] != [column.name for column in table.columns]:
                        yield f"{file.relative_to(folder)} has other columns than {table.name} has."
                    rows += opened.metadata.num_rows
                    for batch in opened.iter_batches(columns=["id"]) if table.of_article else ():
                        found = batch.column(0).to_pylist()
                        if table is ARTICLES:
                            twice += len(found) - len(set(found) - ids)
                            ids.update(found)
                        else:
                            strange += sum(one not in ids for one in found)
            except (pa.ArrowInvalid, OSError) as error:
                yield f"{file.relative_to(folder)} cannot be read ({' '.join(str(error).split())[:120]})."
        if rows != counts.get(table.name, 0):
            yield f"The table {table.name} has {rows:,} rows, and rebuild.json says {counts.get(table.name, 0)}."
        if strange:
            yield f"{strange:,} rows of {table.name} are of articles that are not there."
        if twice:
            yield f"{twice:,} rows of {table.name} have the id of another."
