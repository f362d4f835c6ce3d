"""The read-only Python API of an archive: open it, search it and read its articles."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import fields
from types import TracebackType
from typing import TYPE_CHECKING, Any

from archiver.extraction.explanations import FieldExplanation, explain
from archiver.model.fields import OPTIONS
from archiver.search.export_formats import arrow_table, import_library
from archiver.search.histogram import Histogram, histogram
from archiver.search.query import Query
from archiver.search.search_hits import Results, count_facets, matching_ids, run_query
from archiver.storage.article_records import (
    Record,
    evidence,
    find_article,
    headlines,
    readers,
    record,
    records,
    revision_record,
    revisions,
)
from archiver.storage.columns import IS_LIVE
from archiver.storage.database import open_archive

if TYPE_CHECKING:
    import pandas
    import pyarrow

_FILTERS = tuple(f.name for f in fields(Query) if f.name != "text")


class Archive:
    """Opens an archive, the SQLite file at `path`, read-only, to search it and to read its articles. Use it as a
    context manager, which closes the archive.

    Raises ArchiveNotFound, NotAnArchive or ArchiveTooNew. `db` is the sqlite-utils Database, for queries that these
    methods do not offer.

    >>> with Archive("archive.db") as archive:
    ...     for hit in archive.search("tide", since="2024"):
    ...         print(hit["id"], hit["title"], hit["published"])
    1 Tide tables for the café quay 2024-03-05T09:30:00+01:00
    2 Fog 2024-04-11T00:00:00+02:00
    """

    def __init__(self, path: str | os.PathLike[str] = "output/archive.db") -> None:
        self.db = open_archive(path, read_only=True)

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self.db.close()

    def __len__(self) -> int:
        """Returns the number of articles in the archive."""
        return int(self.db.execute(f"select count(*) from articles where {IS_LIVE}").fetchone()[0])

    def search(self, query: str = "", **filters: Any) -> list[Record]:
        """Returns the records of the articles that match a query, most relevant first, at most `limit` (20 by default).
        Each record has two additional keys: `score` and `snippet`.

        `query` is in the language of `archiver.search.query`; `filters` are the other attributes of
        `archiver.search.query.Query` (site, author, category, tag and language take one name or
        several). Raises BadQuery, SiteNotFound, and TypeError for an unknown filter.

        >>> [(hit["id"], hit["title"]) for hit in archive.search("lamp", author="Lê Đức")]
        [(3, 'The lighthouse is dark')]
        """
        found = self.results(query, **filters)
        hits = {hit.id: hit for hit in found.hits}
        return [{**r, "score": hits[r["id"]].score, "snippet": hits[r["id"]].snippet} for r in records(self.db, hits)]

    def results(self, query: str = "", **filters: Any) -> Results:
        """Returns the hits of a search without the articles' texts, and the total number of matches. Takes the same
        arguments as `search` and raises the same errors, but is faster.
        """
        return run_query(self.db, make_query(query, **filters))

    def facets(self, query: str = "", **filters: Any) -> dict[str, list[tuple[str, int]]]:
        """Counts the articles that match a query by site, author, category, tag, language and year. Returns for each of
        these facets a list of (value, number of articles) pairs.

        >>> archive.facets("tide")["author"]
        [('Zoë Krüger', 2), ('Ada Berg', 1)]
        """
        return count_facets(self.db, make_query(query, **filters))

    def histogram(self, query: str = "", *, unit: str = "", **filters: Any) -> Histogram:
        """Returns the number of articles that match a query in each year, month or day. Also marks the periods from
        which the archive has no articles at all, matching or not.

        `unit` is "year", "month" or "day"; "" chooses a unit that suits the range of dates. Raises the same errors as
        `search`.
        """
        return histogram(self.db, make_query(query, **filters), unit)

    def articles(self, query: str = "", **filters: Any) -> Iterator[Record]:
        """Yields the records of all articles that match a query, in the order of their IDs. Unlike the other methods it
        sets no limit and includes duplicates, unless the filters say otherwise.
        """
        options = {"limit": None, "duplicates": True, "sort": "added", **filters}
        return records(self.db, matching_ids(self.db, make_query(query, **options)))

    def to_arrow(self, query: str = "", **filters: Any) -> pyarrow.Table:
        """Returns the records of all articles that match a query as an Arrow table, with the columns of `archiver
        export -f parquet`. Takes the same arguments as `articles`. Times are timestamps in UTC. Raises ExtraMissing if
        pyarrow is not installed.

        >>> archive.to_arrow("tide").select(["id", "published_at", "authors"]).schema
        id: int64
        published_at: timestamp[us, tz=UTC]
        authors: list<item: string>
          child 0, item: string
        """
        return arrow_table(self.articles(query, **filters))

    def to_pandas(self, query: str = "", **filters: Any) -> pandas.DataFrame:
        """Returns the records of all articles that match a query as a pandas DataFrame. Takes the same arguments as
        `articles`. Raises ExtraMissing if pyarrow, and LibraryMissing if pandas is not installed.

        >>> archive.to_pandas("tide")[["id", "title", "published_at"]]   # doctest: +SKIP
           id                          title              published_at
        0   1  Tide tables for the café quay 2024-03-05 08:30:00+00:00
        1   2                            Fog 2024-04-10 22:00:00+00:00
        """
        import_library("pandas")
        return self.to_arrow(query, **filters).to_pandas()

    def article(self, id_or_url: int | str, revision: int | None = None) -> Record:
        """Returns the record of one article, given its ID or any URL at which it was seen. If `revision` is given,
        returns the article as it was in that revision.

        Raises ArticleNotFound or RevisionNotFound.

        >>> article = archive.article(1)
        >>> article["title"], article["authors"], article["revision"]
        ('Tide tables for the café quay', ['Zoë Krüger'], 2)
        >>> archive.article(1, revision=1)["title"]
        'Tide tables'
        """
        number = find_article(self.db, id_or_url)
        return record(self.db, number) if revision is None else revision_record(self.db, number, revision)

    def explain(self, id_or_url: int | str, revision: int | None = None) -> tuple[FieldExplanation, ...]:
        """Explains why each field of an article (or of one of its revisions) has its value: returns the candidates
        found on the page, and which of them were chosen. `revision` is the number of a revision; None means the current
        one.

        The candidates of an earlier revision are only known if archiver 0.3 or later stored the revision after it, or
        re-extracted it. Raises ArticleNotFound or RevisionNotFound.
        """
        number = find_article(self.db, id_or_url)
        return explain(self.article(number, revision), evidence(self.db, number, revision))

    def readers(self, id_or_url: int | str, revision: int | None = None) -> dict[str, Record]:
        """Returns a dict from each field with evidence to the extraction from which its value came. That is a dict with
        three keys: `extractor` (the extractor's version, such as "0.3.0 rules-2"), `capture_id` (the capture that was
        read) and `read_at` (when it was read). `revision` is the number of a revision; None means the current one.

        Raises ArticleNotFound.
        """
        return readers(self.db, find_article(self.db, id_or_url), revision)

    def revisions(self, id_or_url: int | str) -> list[Record]:
        """Returns the revisions of an article, oldest first.

        The keys are explained at `archiver.storage.article_records.revisions`: revision,
        observed_at, changed, title, previous, same_as, seen_again, seen_again_at, undone_at, extractor. Raises
        ArticleNotFound.
        """
        return revisions(self.db, find_article(self.db, id_or_url))

    def headlines(self, site: str | None = None, *, changed: bool = False) -> list[Record]:
        """Returns every headline that the articles of a site have had; if `site` is None, those of all sites. If
        `changed` is True, returns only those that replaced an earlier headline.

        Keys: article_id, site, revision, observed_at, title, previous, same_as, seen_again (as for `revisions`). Raises
        SiteNotFound.
        """
        return headlines(self.db, site, changed=changed)


def make_query(text: str = "", **filters: Any) -> Query:
    """Builds a Query from a query text and filters. A filter that takes a list of names also accepts a single name.

    Raises TypeError for an unknown filter.
    """
    unknown = sorted(set(filters) - set(_FILTERS))
    if unknown:
        raise TypeError(f"unknown filter {unknown[0]!r}; the filters are {', '.join(_FILTERS)}")
    values: dict[str, Any] = {k: _as_tuple(v) if k in OPTIONS else v for k, v in filters.items()}
    return Query(text, **values)


def _as_tuple(value: str | Iterable[str] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)
