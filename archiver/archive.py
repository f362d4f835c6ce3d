"""An archive as Python sees it: open it, search it, read its articles. Nothing here writes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import fields
from types import TracebackType
from typing import Any

from archiver.extraction.explain import FieldExplanation, explain
from archiver.fields import OPTIONS
from archiver.search.aggregations import Histogram, Trend, histogram, trend
from archiver.search.concordance import WIDTH, Concordance, concordance
from archiver.search.engine import Results, facets, matching_ids, run
from archiver.search.query import Query
from archiver.storage.article_tables.records import (
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
from archiver.storage.connection import open_archive

_KNOWN = tuple(f.name for f in fields(Query) if f.name != "text")


class Archive:
    """A read-only view of the archive at `path`; also a context manager, which closes it.

    Raises ArchiveNotFound, NotAnArchive or ArchiveTooNew. `db` is the sqlite-utils Database
    for whatever these methods do not offer.

    >>> with Archive("output/archive.db") as archive:          # doctest: +SKIP
    ...     for hit in archive.search("climate report", since="2023"):
    ...         print(hit["title"], hit["published"])
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
        """How many articles there are."""
        return int(self.db.execute("select count(*) from articles").fetchone()[0])

    def search(self, query: str = "", **filters: Any) -> list[Record]:
        """Records that match, best first: at most `limit` (20), each with `score` and `snippet` beside its fields.

        `query` is in the language of `archiver.search.query_parser`; `filters` are the other attributes of
        `archiver.search.query.Query` (site, author, category, tag and language take one name or
        several). Raises BadQuery, SiteNotFound, and TypeError for a filter that does not exist.
        """
        found = self.results(query, **filters)
        hits = {hit.id: hit for hit in found.hits}
        return [{**r, "score": hits[r["id"]].score, "snippet": hits[r["id"]].snippet} for r in records(self.db, hits)]

    def results(self, query: str = "", **filters: Any) -> Results:
        """As `search`, but light: hits without their text, and how many match in all."""
        return run(self.db, make_query(query, **filters))

    def facets(self, query: str = "", **filters: Any) -> dict[str, list[tuple[str, int]]]:
        """How many of the matching articles each site, author, category, tag, language and year has."""
        return facets(self.db, make_query(query, **filters))

    def histogram(self, query: str = "", *, unit: str = "", **filters: Any) -> Histogram:
        """How many of the matching articles are of each year, month or day (`unit`; "" chooses), and in which of them
        the archive has nothing that could match. Raises what `search` does."""
        return histogram(self.db, make_query(query, **filters), unit)

    def trend(self, *terms: str, within: str = "", unit: str = "", **filters: Any) -> Trend:
        """Which share each of the terms, queries by themselves, has of the archived articles of each year, month or
        day; `within` (a query) and the filters narrow both. Raises what `search` does."""
        return trend(self.db, make_query(within, **filters), terms, unit)

    def concordance(self, query: str, *, width: int = WIDTH, **filters: Any) -> Concordance:
        """Each place where the words of a query stand, with `width` characters before and after it; `sort` may also
        be left or right. Raises what `search` does."""
        return concordance(self.db, make_query(query, **filters), width)

    def articles(self, query: str = "", **filters: Any) -> Iterator[Record]:
        """All matching records, streamed: without a limit and with duplicates unless told otherwise, by number."""
        wanted = {"limit": None, "duplicates": True, "sort": "added", **filters}
        return records(self.db, matching_ids(self.db, make_query(query, **wanted)))

    def article(self, id_or_url: int | str, revision: int | None = None) -> Record:
        """One record, by its number or by any address it was seen at; with `revision`, as that version said it.

        Raises ArticleNotFound or RevisionNotFound.
        """
        number = find_article(self.db, id_or_url)
        return record(self.db, number) if revision is None else revision_record(self.db, number, revision)

    def explain(self, id_or_url: int | str, revision: int | None = None) -> tuple[FieldExplanation, ...]:
        """Why each field of an article (or of a version of it) has its value: the candidates that its page had, and
        which of them won. An earlier version has them where it was superseded or read again by this release or later.

        Raises ArticleNotFound or RevisionNotFound.
        """
        number = find_article(self.db, id_or_url)
        return explain(self.article(number, revision), evidence(self.db, number, revision))

    def readers(self, id_or_url: int | str, revision: int | None = None) -> dict[str, Record]:
        """Who read each field of an article: by field the extractor's version ("0.3.0 rules-2"), the number of the
        capture it was read from, and when. Raises ArticleNotFound."""
        return readers(self.db, find_article(self.db, id_or_url), revision)

    def revisions(self, id_or_url: int | str) -> list[Record]:
        """The versions of an article, oldest first: revision, observed_at, changed, title, previous, same_as,
        seen_again, seen_again_at, extractor (`archiver.storage.article_tables.records.revisions` says what they are)."""
        return revisions(self.db, find_article(self.db, id_or_url))

    def headlines(self, site: str | None = None, *, changed: bool = False) -> list[Record]:
        """Every headline that an article of a site (or of any) has had: article_id, site, revision, observed_at, title,
        previous, same_as, seen_again; with `changed` only those that took the place of another. Raises SiteNotFound."""
        return headlines(self.db, site, changed=changed)


def make_query(text: str = "", **filters: Any) -> Query:
    """A Query in which one name may stand for a tuple of names. Raises TypeError for an unknown filter."""
    unknown = sorted(set(filters) - set(_KNOWN))
    if unknown:
        raise TypeError(f"there is no filter {unknown[0]!r}; there are {', '.join(_KNOWN)}")
    values: dict[str, Any] = {k: _many(v) if k in OPTIONS else v for k, v in filters.items()}
    return Query(text, **values)


def _many(value: str | Iterable[str] | None) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)
