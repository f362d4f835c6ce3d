"""Builds a snapshot of an archive into a folder, and verifies an existing snapshot.

A snapshot is built in a temporary folder next to its target folder, and moved to the target when it is complete. Its
bytes depend only on the archive and the request, not on the clock, the folder or the order in which articles were
stored.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archiver.api.database import Database, opened
from archiver.api.exports import import_arrow
from archiver.api.search import matching_ids
from archiver.datasets import snapshot_tables
from archiver.datasets.dataset_card import CardSources, card_text
from archiver.datasets.dataset_metadata_files import (
    DatasetFile,
    citation_cff,
    citation_line,
    croissant_json,
    datacite_json,
    dataset_about,
    list_files,
)
from archiver.datasets.personal_data_removal import Pseudonymizer, has_name, key_fingerprint
from archiver.datasets.publication_rules import PublicationRules, parse_publication_rules
from archiver.datasets.snapshot_changes import changes_text
from archiver.datasets.snapshot_request import (
    SnapshotRequest,
    SnapshotStatistics,
    after_withdrawal,
    choose_articles,
    decide_tiers,
    is_after_withdrawal,
    latest_time,
    order_articles,
    parse_rebuild,
    request_as_json,
    splitter,
    version_key,
)
from archiver.datasets.snapshot_tables import ARTICLES, CHANGES, TABLES, WITHDRAWN, read_table, table_files
from archiver.datasets.snapshot_writer import (
    Progress,
    keep_changes,
    write_changes,
    write_other_formats,
    write_references,
    write_tables,
)
from archiver.model.errors import NotASnapshot, NothingToPublish, SnapshotRefused

# Building next to the target folder, so that a snapshot replaces the folder either completely or not at all.


def resolve_links(out: Path) -> Path:
    """Resolves the symbolic links in a path. Otherwise a link would be replaced, but not the folder to which it
    points.
    """
    return Path(os.path.realpath(out))


def as_refusal(out: Path, error: OSError | sqlite3.Error) -> SnapshotRefused:
    """Converts an error of the disk or the database to a SnapshotRefused that names the target folder `out` and says
    what the user can do.
    """
    full = (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)) or (
        isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    )
    if full:
        return SnapshotRefused(str(out), "the disk is full; free some space and publish again")
    return SnapshotRefused(str(out), getattr(error, "strerror", None) or str(error))


@contextmanager
def unfinished_folder(out: Path) -> Iterator[Path]:
    """Creates a temporary folder next to `out`, in which a snapshot is built, and missing parent folders. Removes the
    temporary folder at the end of the `with` block, unless it has been moved to `out`.

    Also removes the files that a killed build left behind. Raises SnapshotRefused if another build is running.
    """
    target = resolve_links(out)
    folder = target.parent / f".{target.name}.unfinished"
    lock_file = target.parent / f".{target.name}.lock"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(lock_file, os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise as_refusal(out, error) from error
    try:
        # Lock before removing anything below: until then, folder and lock may belong to another build.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if isinstance(error, BlockingIOError):
            raise SnapshotRefused(
                str(out), "another build of this dataset is running; wait until it has ended"
            ) from error
        raise as_refusal(out, error) from error
    try:
        _recover(folder, target)
        folder.mkdir()
        yield folder
    except OSError as error:
        raise as_refusal(out, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            lock_file.unlink()
        os.close(lock)


def _old_folder(folder: Path) -> Path:
    """Returns the path at which the existing snapshot is kept while the new one, which was built in `folder`, is moved
    to its place.
    """
    return folder.with_name(f"{folder.name}.old")


def _recover(folder: Path, out: Path) -> None:
    """Cleans up after a build that was killed: restores the old folder at `out` if no new folder has replaced it, and
    removes `folder`, in which the snapshot was built, and all other files of the build.
    """
    old = _old_folder(folder)
    if old.exists() and not out.exists():
        old.replace(out)
    for left in (folder, old):
        shutil.rmtree(left, ignore_errors=True)


def put_in_place(folder: Path, out: Path, rename: Callable[[Path, Path], object] = os.replace) -> None:
    """Moves the built `folder` to `out`. If `out` exists, it is removed only after the move has succeeded. `rename`
    moves a folder to a path.
    """
    if not out.exists():
        rename(folder, out)
        return
    old = _old_folder(folder)
    rename(out, old)
    try:
        rename(folder, out)
    except OSError:
        rename(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)


REBUILD, SUMS = "rebuild.json", "SHA256SUMS"
_FORMAT = 1
"""Version of the layout of rebuild.json."""


@dataclass(frozen=True, slots=True)
class BuiltSnapshot:
    """The result of building a snapshot. `same` is True if the target folder already had a snapshot with the same
    bytes.
    """

    folder: Path
    facts: SnapshotStatistics
    bytes: int
    same: bool


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Options for building a snapshot that do not affect which articles are in it.

    - `software`: NAME/VERSION of this program.
    - `progress`: a function that is called with the name of the table being written and the number of rows written so
      far.
    - `key`: the key for pseudonyms, if the request asks for them.
    - `previous`: the folder of the previous version, with which CHANGES.md compares.
    - `since`: the number of the previous version, if its folder is not available.
    - `sites`: sites that must be in the archive; if one is missing, the build is refused.
    - `replace`: True if an existing folder may be replaced.
    """

    software: str
    progress: Progress
    key: bytes | None = None
    previous: Path | None = None
    since: str = ""
    sites: Sequence[str] = ()
    replace: bool = False
    is_rebuild: bool = False


@dataclass(frozen=True, slots=True)
class _Choice:
    """The articles chosen for a snapshot: the cut-off, the names of the splits in order, and the number of records
    by tier and reason.
    """

    cutoff: str
    parts: list[str]
    reasons: Counter[tuple[str, str]]
    unmatched: list[int]


def build_snapshot(archive: Path, out: Path, request: SnapshotRequest, how: BuildOptions) -> BuiltSnapshot:
    """Builds a snapshot of an archive into the folder `out`. `request` says which articles it contains, and `how` are
    the other options.

    Raises SnapshotRefused, NothingToPublish, NotASnapshot, BadPublishRules, ExtraMissing, and the errors of searching
    and of `open_archive`.
    """
    import_arrow()
    try:
        _check_target(out, request)
    except OSError as error:
        raise as_refusal(out, error) from error
    since = _previous_version(how.previous, request, out) if how.previous else how.since
    rules = parse_publication_rules(request.rules, "rebuild.json")
    previous_identifier = _previous_identifier(how.previous, rules.dataset.get("doi", ""), out) if how.previous else ""
    change = _pseudonymizer(out, request, rules, how.key)
    with opened(archive, read_only=True) as db:
        _check_sites(db, how.sites, out)
        chosen = _choose(db, request, rules, out)
        stats = SnapshotStatistics(request, chosen.cutoff, rules.dataset)
        stats.reasons, stats.previous_identifier = chosen.reasons, previous_identifier
        if change.hides_names:
            change.add_names(snapshot_tables.author_rows(db, chosen.cutoff))
            change.add_organizations(snapshot_tables.organization_rows(db, chosen.cutoff))
            stats.revealing = _revealing_rules(db, rules, chosen.cutoff)
        with unfinished_folder(out) as folder:
            try:
                write_tables(db, folder, stats, change, chosen.parts, how.progress)
                if how.is_rebuild:
                    _note_withdrawals(stats, folder, out)
                if how.previous:
                    write_changes(folder, stats, how.previous, out, how.progress)
                elif how.is_rebuild and since:
                    keep_changes(folder, stats, out, how.progress)
                    stats.previous_identifier = _kept_previous_identifier(out)
                _leave_doi(stats)
                stats.unmatched = _unmatched(chosen, stats)
                write_other_formats(folder, stats)
                (folder / REBUILD).write_bytes(_rebuild_json(stats, how.software, db, since))
                write_references(folder, stats)
                size = _write_checksums(folder, write_descriptions(folder, stats, since))
            except (OSError, sqlite3.Error) as error:
                raise as_refusal(out, error) from error
            same = _move_into_place(folder, out, request, replace=how.replace)
            return BuiltSnapshot(out, stats, size, same)


def _move_into_place(folder: Path, out: Path, request: SnapshotRequest, *, replace: bool) -> bool:
    """Moves a built snapshot to its target folder. Returns True if this folder already contained the same snapshot,
    which is then replaced only if `replace` is True. Raises SnapshotRefused if the folder contains a different snapshot
    and `replace` is False.
    """
    same = out.exists() and (out / SUMS).is_file() and (out / SUMS).read_bytes() == (folder / SUMS).read_bytes()
    if same and not replace:
        return True
    if out.exists() and not replace and any(out.iterdir()):
        raise SnapshotRefused(
            str(out),
            f"it has a version {request.version} with different content; give another --version, or --replace to "
            "overwrite it",
        )
    put_in_place(folder, resolve_links(out))
    return same


def _pseudonymizer(out: Path, request: SnapshotRequest, rules: PublicationRules, key: bytes | None) -> Pseudonymizer:
    """Returns the Pseudonymizer for a request. Raises SnapshotRefused if `key` is not the key of the request, or if the
    query or the rules contain a name that should be hidden.
    """
    if request.pseudonymised:
        if key is None or key_fingerprint(key) != request.pseudonymised:
            raise SnapshotRefused(
                str(out), "its authors are pseudonymised with a key; give the same key with --pseudonymise"
            )
        if (
            "author" in request.query
            or "author:" in request.query.get("text", "")
            or any(name == "author" for rule in rules.rules for name, _ in rule.of)
        ):
            raise SnapshotRefused(
                str(out),
                "its query or rules name an author, which rebuild.json would reveal; select by another field",
            )
    return Pseudonymizer(key if request.pseudonymised else None, contacts=request.drop_contacts)


def _revealing_rules(db: Database, rules: PublicationRules, cutoff: str) -> list[str]:
    """Returns the rules ("rule 2") whose permission names an author of the snapshot who is a person. The column
    `tier_reason` and rebuild.json have the text of a permission.
    """
    permitting = [rule for rule in rules.rules if rule.statement.permission]
    names = snapshot_tables.person_names(db, cutoff) if permitting else set()
    return [f"rule {rule.number}" for rule in permitting if has_name(rule.statement.permission, names)]


def _choose(db: Database, request: SnapshotRequest, rules: PublicationRules, out: Path) -> _Choice:
    """Chooses the articles of a snapshot and decides their tiers. Raises NothingToPublish and errors of the search."""
    # Searches before the transaction begins, because searching may update the index through another connection.
    ids = list(matching_ids(db, request.search_query)) if request.query else None
    if not db.conn.in_transaction:
        db.execute("begin")
    if not choose_articles(db, ids, request.cutoff):
        raise NothingToPublish(
            str(out), request.query_options, request.cutoff, has_build=request.cutoff != "" and (out / REBUILD).exists()
        )
    cutoff = request.cutoff or latest_time(db)
    parts = order_articles(db, splitter(db, request))
    matched: set[int] = set()
    reasons, _ = decide_tiers(db, rules, cutoff, matched=matched)
    return _Choice(cutoff, parts, reasons, [rule.number for rule in rules.rules if rule.number not in matched])


def _check_sites(db: Database, sites: Iterable[str], out: Path) -> None:
    """Raises SnapshotRefused, which names the folder `out`, if one of the sites is not in the archive. In this case the
    user may have named another archive than that of the existing snapshot.
    """
    known = {row[0] for row in db.execute("select name from sites")}
    if lost := sorted(set(sites) - known):
        raise SnapshotRefused(
            str(out),
            f"the existing snapshot has articles of {lost[0]}, but the archive does not have that site; name its "
            "archive with --archive (of several archives, merge them with 'archiver merge'), or give --replace to "
            "publish without it",
        )


def _rebuild_json(stats: SnapshotStatistics, software: str, db: Database, since: str) -> bytes:
    """Returns the content of rebuild.json, from which the same snapshot can be built again: the request with its
    cut-off, the software, and the digest of the content. `since` is the version with which the snapshot was compared,
    or "".
    """
    import pyarrow

    request = request_as_json(stats.request)
    request["cutoff"] = stats.cutoff  # the request may have no cut-off
    schema = [str(db.execute("select max(name) from _sqlite_migrations").fetchone()[0])]
    document = {
        "snapshot": _FORMAT,
        "request": request,
        **({"since": since} if since else {}),
        **({"withdrawn": dict(sorted(stats.withdrawn.items()))} if stats.withdrawn else {}),
        "software": software,
        "pyarrow": pyarrow.__version__,
        "schema": schema,
        "sites": sorted(stats.sites),
        "content": stats.digest,
        "rows": dict(sorted(stats.rows.items())),
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _write_checksums(folder: Path, files: Iterable[DatasetFile]) -> int:
    """Writes the checksums of these files to SHA256SUMS, in the format of `sha256sum -c`. Returns the size of all files
    in bytes.
    """
    found = sorted(files, key=lambda file: file.path)
    sums = "".join(f"{file.sha256}  {file.path}\n" for file in found).encode()
    (folder / SUMS).write_bytes(sums)
    return len(sums) + sum(file.bytes for file in found)


def snapshot_files(folder: Path) -> list[str]:
    """Lists the files of a snapshot except SHA256SUMS, as paths relative to its folder."""
    return [
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path != folder / SUMS
    ]


def read_rebuild(folder: Path) -> dict[str, Any]:
    """Parses the rebuild.json in a snapshot's folder (see `parse_rebuild`). Raises NotASnapshot if it is missing or
    invalid.
    """
    return parse_rebuild(read_snapshot_file(folder, REBUILD), str(folder))


def read_snapshot_file(folder: Path, name: str) -> str:
    """Returns the text of a file of a snapshot. Raises NotASnapshot if the file is missing or cannot be read."""
    try:
        return (folder / name).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotASnapshot(str(folder), f"it has no {name}") from error
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise NotASnapshot(str(folder), f"its {name} cannot be read: {why}") from error


def _previous_version(previous: Path, request: SnapshotRequest, out: Path) -> str:
    """Returns the version of the snapshot in the folder `previous`. Raises NotASnapshot if the folder has no complete
    snapshot, and SnapshotRefused if its version is not lower than that of the request.
    """
    version: str = read_rebuild(previous)["request"].version
    if not table_files(previous, ARTICLES):
        raise NotASnapshot(str(previous), "it has no articles table")
    if version_key(version) >= version_key(request.version):
        raise SnapshotRefused(
            str(out),
            f"--previous {previous} is version {version}, not one before {request.version}; give a higher --version",
        )
    return version


def _previous_identifier(previous: Path, doi: str, out: Path) -> str:
    """Returns the DOI of the previous version; if it has none, its URL or URN. Raises SnapshotRefused if `doi` is
    already in use, because each version has its own DOI: by the previous version, by the version before that, or in the
    rules of the previous version. (If the previous version was built again after a withdrawal, the DOI in its rules
    belongs to the version that it replaces.)
    """
    rules = parse_publication_rules(read_rebuild(previous)["request"].rules, str(previous / REBUILD))
    try:
        described = json.loads(read_snapshot_file(previous, "datacite.json"))
        others = [one["alternateIdentifier"] for one in described.get("alternateIdentifiers", ())]
        before = described.get("doi", "")
        related = [one["relatedIdentifier"] for one in described.get("relatedIdentifiers", ()) if _is_earlier(one)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotASnapshot(str(previous), f"its datacite.json is invalid ({error})") from error
    taken = {one.casefold(): one for one in (before, rules.dataset.get("doi", ""), *related) if one}
    if doi.casefold() in taken:  # DOIs are compared without regard to case
        has = "has" if doi == before else "names"
        raise SnapshotRefused(
            str(out),
            f"--previous {previous} {has} the DOI {doi}, too; give each version its own doi in [dataset], and the DOI "
            "of all versions as concept_doi",
        )
    return before or next(iter(others), "")


def _is_earlier(related: dict[str, Any]) -> bool:
    """Returns True if an entry of `relatedIdentifiers` (DataCite) refers to the previous version."""
    return bool(related["relationType"] == "IsNewVersionOf")


def _kept_previous_identifier(out: Path) -> str:
    """Returns the identifier of the previous version that is named in the existing snapshot `out`; "" if none is named
    there.
    """
    try:
        related = json.loads(read_snapshot_file(out, "datacite.json")).get("relatedIdentifiers", ())
        return next((one["relatedIdentifier"] for one in related if _is_earlier(one)), "")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotASnapshot(str(out), f"its datacite.json is invalid ({error})") from error


def _unmatched(chosen: _Choice, stats: SnapshotStatistics) -> list[str]:
    """Returns the rules of the rule file that apply to no article of the snapshot ("rule 2"), and its entries for sites
    without an article, such as a mistyped site ("the entry of a.example in sites").
    """
    sites = [one["site"] for one in stats.dataset.get("sites", ()) if one["site"] not in stats.sites]
    return [*(f"rule {number}" for number in chosen.unmatched), *(f"the entry of {site} in sites" for site in sites)]


def _note_withdrawals(stats: SnapshotStatistics, folder: Path, out: Path) -> None:
    """Stores in `stats` which articles of the existing snapshot `out` were withdrawn after it was first built. If some
    of them are still in `out`, the new snapshot (in `folder`) gets a new version number.
    """
    before: dict[str, str] = read_rebuild(out)["withdrawn"]
    rows = read_table(table_files(folder, WITHDRAWN), ("id", "reason"))
    reasons = {row["id"]: row["reason"] for row in rows}
    old = (row["id"] for row in read_table(table_files(out, ARTICLES), ("id",))) if reasons else ()
    new = {name: reasons[name] for name in old if name in reasons}
    stats.withdrawn = {**before, **new}
    if new:
        stats.request = replace(stats.request, version=after_withdrawal(stats.request.version))


def _leave_doi(stats: SnapshotStatistics) -> None:
    """If the snapshot is built again after a withdrawal, removes the DOI in its rules from the statistics, because it
    belongs to the version that the snapshot replaces. The DOI becomes the identifier of the previous version.
    """
    doi = stats.dataset.get("doi")
    if doi and is_after_withdrawal(stats.request.version):
        stats.dataset = {name: value for name, value in stats.dataset.items() if name != "doi"}
        stats.previous_identifier = doi


def _check_target(out: Path, request: SnapshotRequest) -> None:
    """Raises SnapshotRefused if the target folder must not be replaced, and OSError if it cannot be read."""
    if os.path.ismount(resolve_links(out)):
        raise SnapshotRefused(
            str(out), "it is a mount point, which cannot be replaced as a whole; name a folder inside it"
        )
    if Path.cwd().is_relative_to(resolve_links(out)):
        raise SnapshotRefused(
            str(out),
            "it is, or contains, the current folder, which cannot be replaced as a whole; change to another folder and "
            "name it from there",
        )
    if not out.exists():
        parent = next(one for one in resolve_links(out).parents if one.exists())
        if not parent.is_dir():
            raise SnapshotRefused(str(out), f"{parent} is a file; name another folder")
        return
    if not out.is_dir():
        raise SnapshotRefused(str(out), "it is a file; name a folder")
    if not any(out.iterdir()):
        return
    try:
        found: SnapshotRequest = read_rebuild(out)["request"]
    except NotASnapshot as error:
        raise SnapshotRefused(
            str(out), "it has files that are not a dataset of this program; name another folder"
        ) from error
    if found.version != request.version:
        raise SnapshotRefused(
            str(out),
            f"it has version {found.version}; name another folder for version {request.version}, and give "
            f"--previous {out}",
        )


# Checking a snapshot: each file against its checksum, each table against the other tables.

_CHECKSUM_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def check_snapshot(folder: Path, archive: Path | None = None) -> tuple[str, ...]:
    """Verifies a snapshot and returns what is wrong with it, one sentence each; () if it is intact. If `archive` is
    given and the snapshot is intact, also says which of its articles were withdrawn since. Raises NotASnapshot if files
    of the snapshot are missing, ExtraMissing if pyarrow is not installed, and the errors of `open_archive`.
    """
    document = read_rebuild(folder)
    found = (*_check_sums(folder, read_snapshot_file(folder, SUMS)), *_check_tables(folder, document))
    return found or (tuple(_check_withdrawals(folder, archive)) if archive else ())


def _check_withdrawals(folder: Path, archive: Path) -> Iterator[str]:
    with opened(archive, read_only=True) as db:
        withdrawn = snapshot_tables.withdrawn_ids(db)
    lost = [row["id"] for row in read_table(table_files(folder, ARTICLES), ("id",)) if row["id"] in withdrawn]
    if lost:
        named = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        yield (
            f"{len(lost):,} of its articles {'was' if len(lost) == 1 else 'were'} withdrawn since ({named}): run "
            f"'archiver publish {folder} --rebuild'."
        )


def _check_sums(folder: Path, text: str) -> Iterator[str]:
    listed: dict[str, str] = {}
    for line in text.splitlines():
        if found := _CHECKSUM_LINE.fullmatch(line):
            listed[found[2]] = found[1]
        else:
            yield f"{SUMS} has a line that is not a checksum: {line[:80]!r}."
    present = set(snapshot_files(folder))
    yield from (f"{name} is listed in {SUMS} but missing." for name in sorted(set(listed) - present))
    yield from (f"{name} is not listed in {SUMS}." for name in sorted(present - set(listed)))
    for name in sorted(present & set(listed)):
        try:
            with (folder / name).open("rb") as handle:
                digest = hashlib.file_digest(handle, "sha256").hexdigest()
        except OSError as error:
            yield f"{name} cannot be read ({error.strerror})."
            continue
        if digest != listed[name]:
            yield f"{name} was changed since it was published: its SHA-256 differs."


def _check_tables(folder: Path, document: dict[str, Any]) -> Iterator[str]:
    pa, pq = import_arrow()
    rows_of = document.get("rows")
    counts = rows_of if isinstance(rows_of, dict) else {}  # rebuild.json itself may have been changed
    ids: set[str] = set()
    for table in TABLES:
        files = table_files(folder, table)
        if not files:
            if counts.get(table.name) or not table.optional:
                yield f"The table {table.name} is missing."
            continue
        rows, orphans, repeated = 0, 0, 0
        for file in files:
            try:
                with pq.ParquetFile(file) as opened:
                    if [field.name for field in opened.schema_arrow] != [column.name for column in table.columns]:
                        yield f"{file.relative_to(folder)} does not have the columns of {table.name}."
                    rows += opened.metadata.num_rows
                    for batch in opened.iter_batches(columns=["id"]) if table.of_article else ():
                        found = batch.column(0).to_pylist()
                        if table is ARTICLES:
                            repeated += len(found) - len(set(found) - ids)
                            ids.update(found)
                        else:
                            orphans += sum(one not in ids for one in found)
            except (pa.ArrowInvalid, OSError) as error:
                yield f"{file.relative_to(folder)} cannot be read ({' '.join(str(error).split())[:120]})."
        if rows != counts.get(table.name, 0):
            yield f"The table {table.name} has {rows:,} rows, but rebuild.json says {counts.get(table.name, 0)}."
        if orphans:
            yield f"{orphans:,} rows of {table.name} belong to articles that are not in the dataset."
        if repeated:
            yield f"{repeated:,} rows of {table.name} repeat the id of another row."


def write_descriptions(folder: Path, stats: SnapshotStatistics, since: str) -> list[DatasetFile]:
    """Writes all descriptions of a dataset into its folder (metadata files, README.md, CHANGES.md), and returns all
    files in it.

    `since` is the previous version, or "". Raises OSError.
    """
    about = dataset_about(stats)
    cited = citation_line(stats, about)
    changes = read_table(table_files(folder, CHANGES)) if stats.is_compared else None
    _write(folder / "CHANGES.md", changes_text(stats, changes, since))
    _write(folder / "CITATION.cff", citation_cff(stats, about))
    files = list_files(folder)
    size = sum(file.bytes for file in files if file.path.startswith("data/"))
    _json(folder / "datacite.json", datacite_json(stats, about, size))
    _json(folder / "croissant.json", croissant_json(stats, about, files, cited))
    files = list_files(folder, files)
    _write(folder / "README.md", card_text(CardSources(folder, stats, about, files, cited)))
    return list_files(folder, files)


def _json(file: Path, document: dict[str, Any]) -> None:
    _write(file, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _write(file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8", "replace"))
