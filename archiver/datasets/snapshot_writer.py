"""Writes the tables of a snapshot: Parquet in one pass over the archive, then the other formats from the Parquet
files.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from archiver import datasets
from archiver.api.database import Database
from archiver.api.exports import write_csv, write_geojson, write_jsonl
from archiver.datasets import snapshot_tables, withheld_text
from archiver.datasets.parquet_table import ParquetTable
from archiver.datasets.publication_rules import Tier
from archiver.datasets.snapshot_changes import compare_snapshots, hiding_difference, without_old_headline
from archiver.datasets.snapshot_request import SnapshotStatistics, first_copies, parse_rebuild
from archiver.datasets.snapshot_tables import (
    ARTICLES,
    CAPTURES,
    CHANGES,
    COVERAGE,
    MISSING,
    PLACES,
    REVISIONS,
    SITES,
    TABLES,
    WITHDRAWN,
    DatasetTable,
    read_table,
    table_files,
)
from archiver.datasets.withheld_text import LeakedPassages

Progress = Callable[[str, int], None]
"""A function that is called with the name of the table being written and the number of rows written so far."""
_PROGRESS_ROWS = 5_000
SHARD_BYTES = 500_000_000
"""A file of a table that has reached this size is followed by another one."""


class _TableFiles:
    """Writes one table of a snapshot as Parquet: a single file, or one file for each split."""

    def __init__(
        self,
        table: DatasetTable,
        folder: Path,
        stats: SnapshotStatistics,
        progress: Progress,
        parts: Sequence[str] = ("",),
    ) -> None:
        self._table, self._folder, self._stats, self._progress = table, folder, stats, progress
        self._open: ParquetTable | None = None
        self._part: str | None = None
        self._shard = 0
        stats.parts[table.name] = {}
        if not any(parts):
            self._open_part("")

    def _open_part(self, part: str, shard: int = 0) -> None:
        """Opens a file of the split `part`. A large split has several files, numbered by `shard`, which are
        opened one after the other. The first file of a large split is renamed, so that the names sort in the order
        of the rows.
        """
        self.close()
        self._shard = shard
        files = self._stats.parts.setdefault(self._table.name, {}).setdefault(part, [])
        if shard == 1:
            first = self._path(part, "-00000")
            (self._folder / first).parent.mkdir(parents=True, exist_ok=True)
            (self._folder / files[0]).rename(self._folder / first)
            files[0] = first.as_posix()
        path = self._path(part, f"-{shard:05}" if shard else "")
        (self._folder / path).parent.mkdir(parents=True, exist_ok=True)
        files.append(path.as_posix())
        self._open = ParquetTable(self._folder / path, [(c.name, c.kind) for c in self._table.columns])
        self._part = part

    def _path(self, part: str, end: str) -> Path:
        if not part and not end:
            return Path("data", f"{self._table.name}.parquet")
        return Path("data", self._table.name, f"{part or self._table.name}{end}.parquet")

    def add(self, row: dict[str, Any], part: str = "") -> None:
        if part != self._part or self._open is None:
            self._open_part(part)
        elif self._open.written > SHARD_BYTES:
            self._open_part(part, self._shard + 1)
        assert self._open is not None
        self._open.add(row)
        self._stats.rows[self._table.name] += 1
        if self._stats.rows[self._table.name] % _PROGRESS_ROWS == 0:
            self._progress(self._table.name, self._stats.rows[self._table.name])

    def close(self) -> None:
        if self._open is not None:
            opened, self._open = self._open, None
            opened.close()
            if self._table is ARTICLES:
                self._stats.filled += opened.filled


def write_tables(
    db: Database,
    folder: Path,
    stats: SnapshotStatistics,
    change: snapshot_tables.Change,
    parts: Sequence[str],
    progress: Progress,
) -> None:
    """Writes all tables of a snapshot as Parquet files under `data/`. `change` removes personal data from a record,
    `parts` are the names of the splits in order, and `progress` is called with the name of the table and its number
    of rows so far. Raises OSError.
    """
    tiers = "select coalesce(min(tier), 3) from temp.considered where chosen"
    least = db.execute(tiers).fetchone()[0]
    leaked = _leaked(db, folder, stats, change) if least < Tier.FULL else snapshot_tables.NO_PASSAGES
    digest = hashlib.sha256()
    firsts = first_copies(db)
    with (
        _opened(_TableFiles(ARTICLES, folder, stats, progress, parts)) as articles,
        _opened(_TableFiles(PLACES, folder, stats, progress)) as places,
    ):
        for one in snapshot_tables.article_rows(db, stats.cutoff, change, leaked):
            record = one.record
            record["is_copy"] = int(bool(one.group) and record["id"] not in firsts)
            digest.update(f"{record['id']} {record['revision']} {record['content_digest']}\n".encode())
            articles.add(record, one.part)
            stats.count_article(record)
            stats.contacts.update(one.contacts)
            for place in one.places:
                places.add(place)
                stats.count_place(place)
    stats.digest = digest.hexdigest()
    described = {one["site"]: one for one in stats.dataset.get("sites", ())}
    for table, found in (
        (REVISIONS, snapshot_tables.revision_rows(db, stats.cutoff, change, leaked)),
        (CAPTURES, _counted(stats, CAPTURES, snapshot_tables.capture_rows(db, stats.cutoff))),
        (MISSING, _counted(stats, MISSING, snapshot_tables.missing_rows(db, stats.cutoff))),
        (SITES, _counted(stats, SITES, snapshot_tables.site_rows(db, stats.cutoff, described))),
        (COVERAGE, snapshot_tables.coverage_rows(db, stats.cutoff)),
        (WITHDRAWN, snapshot_tables.withdrawn_rows(db, stats.cutoff)),
    ):
        _write(table, folder, stats, progress, found)


def _leaked(db: Database, folder: Path, stats: SnapshotStatistics, change: snapshot_tables.Change) -> LeakedPassages:
    """Returns the passages of withheld texts that other records would publish after `change` has removed personal data
    from them. Of a text with an excerpt, what the excerpt does not have is withheld.
    """
    in_full = not stats.dataset.get("keep_quotations", False)
    published = snapshot_tables.published_texts(db, stats.cutoff, change, in_full=in_full)
    withheld = snapshot_tables.withheld_texts(db, stats.cutoff, change)
    full = sum(count for (tier, _), count in stats.reasons.items() if tier == Tier.FULL.label) if in_full else 0
    fewer, more = (published, withheld) if 2 * full < stats.reasons.total() else (withheld, published)
    return withheld_text.leaked_passages(fewer, more, folder, in_full=in_full)


def write_changes(folder: Path, stats: SnapshotStatistics, previous: Path, out: Path, progress: Progress) -> None:
    """Writes the table `changes`: the differences from the snapshot in `previous`. Raises NotASnapshot, SnapshotRefused
    and OSError.
    """
    before = parse_rebuild((previous / "rebuild.json").read_text(encoding="utf-8"), str(previous))["request"]
    hiding = hiding_difference(before, stats.request)
    _write(CHANGES, folder, stats, progress, compare_snapshots(folder, previous, target=out, hiding=hiding))
    stats.is_compared = True


def keep_changes(folder: Path, stats: SnapshotStatistics, old: Path, progress: Progress) -> None:
    """Writes the table `changes` of a snapshot that is built again without its previous version: the changes that the
    existing snapshot in `old` lists, without those of articles that were withdrawn since. Raises OSError.

    If there are such articles, old headlines are left out, because they may quote them.
    """
    rows = read_table(table_files(old, CHANGES))
    if stats.withdrawn:
        rows = (
            without_old_headline(row) for row in rows if row["id"] not in stats.withdrawn or row["what"] == "withdrawn"
        )
    _write(CHANGES, folder, stats, progress, rows)
    stats.is_compared = "\n### " in (old / "CHANGES.md").read_text(encoding="utf-8")


def _counted(
    stats: SnapshotStatistics, table: DatasetTable, found: Iterable[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Yields the rows of a table of captures, missing addresses or sites, and adds them to the statistics."""
    for row in found:
        if table is CAPTURES:
            stats.first_capture = min(stats.first_capture or row["captured_at"], row["captured_at"])
        elif table is MISSING:
            stats.missing[row["site"], row["outcome"]] += 1
        else:
            stats.sources.update({n[len("from_") :]: count for n, count in row.items() if n.startswith("from_")})
        yield row


def _write(
    table: DatasetTable, folder: Path, stats: SnapshotStatistics, progress: Progress, found: Iterator[dict[str, Any]]
) -> None:
    first = next(found, None)
    if first is None and table.optional:
        return
    with _opened(_TableFiles(table, folder, stats, progress)) as out:
        if first is not None:
            out.add(first)
        for row in found:
            out.add(row)


@contextmanager
def _opened(files: _TableFiles) -> Iterator[_TableFiles]:
    try:
        yield files
    finally:
        files.close()


def write_other_formats(folder: Path, stats: SnapshotStatistics) -> None:
    """Writes the tables in the requested formats other than Parquet, with the same rows in the same order. Raises
    OSError.
    """
    writers: dict[str, Callable[[Iterable[dict[str, Any]], IO[bytes], tuple[str, ...]], int]] = {
        "csv": write_csv,
        "jsonl": lambda found, out, _: write_jsonl(found, out),
    }
    for table in TABLES:
        if table.name not in stats.files:
            continue
        for form, write in writers.items():
            if form in stats.request.formats:
                with _gzip(folder / "data" / f"{table.name}.{form}.gz") as out:
                    write(
                        read_table(_files_in_row_order(folder, stats, table)),
                        out,
                        tuple(column.name for column in table.columns),
                    )
    if "geojson" in stats.request.formats:
        with (folder / "data" / "places.geojson").open("wb") as out:
            write_geojson(_articles_with_places(folder, stats), out)


def _files_in_row_order(folder: Path, stats: SnapshotStatistics, table: DatasetTable) -> list[Path]:
    """Returns the Parquet files of a table in the order in which they were written, so that reading them gives the rows
    in order.
    """
    return [folder / name for name in stats.files[table.name]]


_PROPERTIES = ("id", "url", "site", "title", "published", "language", "tier")


def _articles_with_places(folder: Path, stats: SnapshotStatistics) -> Iterator[dict[str, Any]]:
    """Yields each article that has places, together with its places, for GeoJSON. The tables `articles` and `places`
    are in the same order, so each is read only once.
    """
    places = groupby(read_table(_files_in_row_order(folder, stats, PLACES)), key=lambda row: row["id"])
    identifier, found = next(places, ("", iter(())))
    for record in read_table(_files_in_row_order(folder, stats, ARTICLES), _PROPERTIES):
        if record["id"] == identifier:
            tags = [{name: value for name, value in tag.items() if name not in ("id", "place")} for tag in found]
            yield {**record, "geotags": tags}
            identifier, found = next(places, ("", iter(())))


@contextmanager
def _gzip(file: Path) -> Iterator[IO[bytes]]:
    """Opens a gzip file for writing, without time or file name in its header, so that its bytes are reproducible (RFC
    1952, section 2.3).
    """
    with ExitStack() as stack:
        raw = stack.enter_context(file.open("wb"))
        yield stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0))  # type: ignore[arg-type]


_REFERENCES = ("id", "url", "site", "captured_at", "payload_digest", "words", "sketch")


def write_references(folder: Path, stats: SnapshotStatistics) -> None:
    """Writes `references.csv.gz`, a table of the articles whose texts are not in the dataset, and rehydrate.py, which
    fetches these texts. Raises OSError.
    """
    if stats.tiers["full"] == stats.rows["articles"]:
        return
    with _gzip(folder / "data" / "references.csv.gz") as out:
        write_csv(
            (
                row
                for row in read_table(_files_in_row_order(folder, stats, ARTICLES), (*_REFERENCES, "tier"))
                if row["tier"] != "full"
            ),
            out,
            _REFERENCES,
        )
    shutil.copyfile(Path(datasets.__file__).with_name("rehydrate.py"), folder / "rehydrate.py")
