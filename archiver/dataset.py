"""Loads a dataset that `archiver publish` wrote, for Arrow, pandas and Polars.

    >>> import archiver
    >>> harbour = archiver.dataset.load("datasets/harbour-1.0.0")
    >>> harbour
    Dataset datasets/harbour-1.0.0 (1.0.0): articles 9, revisions 11, captures 13, places 1, sites 2, coverage 8, \
missing 1, withdrawn 0, changes 0
    >>> harbour.articles.to_pandas(["title", "tier"]).head(2)
                    title      tier
    0               Day 2      full
    1  Day 1, corrected        full

pyarrow is imported when a table is read, pandas and Polars when a table is converted for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

from archiver.api.exports import arrow_schema, import_arrow, import_library
from archiver.model.errors import NoSuchSplit, NotASnapshot

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

    from archiver.datasets.snapshot_tables import DatasetTable

__all__ = ["Dataset", "Table", "load"]


@overload
def load(folder: str | Path) -> Dataset: ...


@overload
def load(folder: str | Path, config: str) -> Table: ...


def load(folder: str | Path, config: str = "") -> Dataset | Table:
    """Loads the dataset in a folder. Tables are read when they are used. With the name of a `config`, as of
    `datasets.load_dataset`, only this one: a table, or "deduplicated".

    >>> load("datasets/harbour-1.0.0").articles.count
    9
    >>> load("datasets/harbour-1.0.0", "deduplicated")
    Table articles, deduplicated: 7 rows

    Raises NotASnapshot if the folder has no dataset, KeyError if it has no such config, and ExtraMissing if pyarrow is
    not installed.
    """
    from archiver.datasets.snapshot_builder import REBUILD, read_snapshot_file

    place = Path(folder)
    try:
        document = json.loads(read_snapshot_file(place, REBUILD))
        version = str(document["request"]["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise NotASnapshot(str(folder), f"its {REBUILD} is invalid") from error
    found = Dataset(place, version)
    return found[config] if config else found


class Dataset(Mapping[str, "Table"]):
    """The tables of a dataset, as attributes and as items.

    - `folder`: the folder of the dataset.
    - `version`: its version, such as "1.0.0".

    >>> harbour = load("datasets/harbour-1.0.0")
    >>> harbour.articles
    Table articles: 9 rows
    >>> harbour["withdrawn"].count
    0
    >>> list(harbour)
    ['articles', 'revisions', 'captures', 'places', 'sites', 'coverage', 'missing', 'withdrawn', 'changes']
    """

    def __init__(self, folder: Path, version: str) -> None:
        from archiver.datasets.snapshot_tables import TABLES, table_files

        self.folder, self.version = folder, version
        self._tables = {table.name: Table(table, table_files(folder, table)) for table in TABLES}

    @property
    def deduplicated(self) -> Table:
        """The table `articles` with one article of each group of duplicates and near-duplicates: the rows whose column
        `is_copy` is 0. It is not counted among the tables.

        >>> load("datasets/harbour-1.0.0").deduplicated
        Table articles, deduplicated: 7 rows
        """
        return self._tables["articles"].deduplicated()

    def __getitem__(self, name: str) -> Table:
        try:
            return self.deduplicated if name == "deduplicated" else self._tables[name]
        except KeyError:
            raise KeyError(self._no_table(name)) from None

    def _no_table(self, name: str) -> str:
        names = (*self.__dict__.get("_tables", ()), "deduplicated")
        return f"a dataset has no table {name!r}; it has {', '.join(names)}"

    def __getattr__(self, name: str) -> Table:
        try:
            return self.__dict__["_tables"][name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(self._no_table(name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._tables]

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {table.count:,}" for name, table in self.items())
        return f"Dataset {self.folder} ({self.version}): {counts}"


class Table:
    """A table of a dataset, or one split of it. A table that the dataset leaves out because it has no rows is empty and
    has its columns.

    - `name`: its name, such as "articles".
    - `files`: its Parquet files, in the order of their names. There are several if the table is large, or divided by
      split, year or site.
    """

    def __init__(
        self, table: DatasetTable, files: Sequence[Path], split: str = "", *, without_copies: bool = False
    ) -> None:
        self.name, self.files = table.name, tuple(files)
        self._table, self._split, self._without_copies = table, split, without_copies

    @cached_property
    def schema(self) -> pyarrow.Schema:
        """The names and types of its columns.

        >>> load("datasets/harbour-1.0.0").withdrawn.schema
        id: string
        reason: string
        """
        if not self.files:
            return arrow_schema((column.name, column.kind) for column in self._table.columns)
        _, parquet = import_arrow()
        return parquet.read_schema(self.files[0])

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns.

        >>> load("datasets/harbour-1.0.0").withdrawn.columns
        ('id', 'reason')
        """
        return tuple(self.schema.names)

    @property
    def descriptions(self) -> dict[str, str]:
        """What each of its columns contains.

        >>> load("datasets/harbour-1.0.0").withdrawn.descriptions
        {'id': 'identifier that the article had', 'reason': 'why it was withdrawn'}
        """
        known = {column.name: column.doc for column in self._table.columns}
        return {name: known.get(name, "") for name in self.columns}

    @cached_property
    def count(self) -> int:
        """The number of its rows, from the metadata of its files.

        >>> load("datasets/harbour-1.0.0").articles.count
        9
        """
        if self._without_copies:
            return int(self.to_arrow(["is_copy"]).num_rows)
        return sum(import_arrow()[1].read_metadata(file).num_rows for file in self.files)

    def __len__(self) -> int:
        return self.count

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The names of its splits, in the order of their files; () if it is not divided into splits.

        >>> load("datasets/storms-1.0.0").articles.splits
        ('test', 'train')
        """
        return tuple(dict.fromkeys(name for name, _ in self._files_of_splits if name))

    @cached_property
    def _files_of_splits(self) -> list[tuple[str, Path]]:
        """The files of the table, each as a pair with the name of its split ("" for none). All rows of a file are in
        one split, which is read from the statistics of the file's first row group.
        """
        if self._split or "split" not in self.columns:
            return [("", file) for file in self.files]
        return [(_split_of_file(file), file) for file in self.files]

    def split(self, name: str) -> Table:
        """Returns one split. `articles["test"]` is the same. Raises NoSuchSplit.

        >>> load("datasets/storms-1.0.0").articles.split("test")
        Table articles, split test: 3 rows
        """
        files = [file for split, file in self._files_of_splits if split == name]
        if not name or not files:
            raise NoSuchSplit(self.name, name, self.splits)
        return Table(self._table, files, name, without_copies=self._without_copies)

    __getitem__ = split

    def deduplicated(self) -> Table:
        """Returns the table `articles`, or a split of it, with one article of each group of duplicates and
        near-duplicates.

        >>> load("datasets/storms-1.0.0").articles.split("test").deduplicated()
        Table articles, split test, deduplicated: 2 rows

        Raises ValueError for another table, which has no copies.
        """
        if "is_copy" not in self.columns:
            raise ValueError(f"Table {self.name} has no copies to leave out; articles has.")
        return Table(self._table, self.files, self._split, without_copies=True)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """Returns its rows as an Arrow table; `columns` names the columns to read, None means all.

        >>> load("datasets/harbour-1.0.0").articles.to_arrow(["id", "words"]).schema
        id: string
        words: int64
        """
        arrow, parquet = import_arrow()
        names = list(self.columns if columns is None else columns)
        schema = arrow.schema([self.schema.field(name) for name in names])
        read = list(dict.fromkeys((*names, *(["is_copy"] if self._without_copies else ()))))
        tables = []
        for path in self.files:
            with parquet.ParquetFile(path) as file:
                rows = file.read(read)
            if self._without_copies:
                rows = rows.filter(arrow.compute.field("is_copy") == 0)
            tables.append(rows.select(names))
        return arrow.concat_tables(tables) if tables else schema.empty_table()

    def to_pandas(self, columns: Sequence[str] | None = None) -> pandas.DataFrame:
        """Returns its rows as a pandas DataFrame; `columns` as for `to_arrow`. Raises LibraryMissing if pandas is not
        installed.

        >>> load("datasets/harbour-1.0.0").articles.to_pandas(["site", "words"]).groupby("site").words.sum()
        site
        harbour.example       674
        notes.example/blog    346
        Name: words, dtype: int64
        """
        import_library("pandas")
        return self.to_arrow(columns).to_pandas()

    def to_polars(self, columns: Sequence[str] | None = None) -> polars.DataFrame:
        """Returns its rows as a Polars DataFrame; `columns` as for `to_arrow`. Raises LibraryMissing if Polars is not
        installed.

        >>> load("datasets/harbour-1.0.0").articles.to_polars(["id", "words"]).shape
        (9, 2)
        """
        return import_library("polars").from_arrow(self.to_arrow(columns))

    def __repr__(self) -> str:
        of = f", split {self._split}" if self._split else ""
        of += ", deduplicated" if self._without_copies else ""
        return f"Table {self.name}{of}: {self.count:,} row{'' if self.count == 1 else 's'}"


def _split_of_file(file: Path) -> str:
    metadata = import_arrow()[1].read_metadata(file)
    if not metadata.num_row_groups:
        return ""
    statistics = metadata.row_group(0).column(metadata.schema.names.index("split")).statistics
    return str(statistics.max) if statistics is not None and statistics.has_min_max else ""
