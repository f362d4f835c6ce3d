"""The checks of the database as a whole, in the order in which they are made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlite_utils import Database

from archiver.store.checks import counts, fulltext, references, structure, values
from archiver.store.checks.finding import Finding


@dataclass(frozen=True, slots=True)
class Check:
    """`needs` are tables without which it cannot be made: another check reports that they are missing."""

    name: str
    doc: str
    run: Callable[[Database], Iterator[Finding]]
    needs: tuple[str, ...] = ()


CHECKS: tuple[Check, ...] = (
    Check("integrity", "SQLite's own check of pages, records and indexes", structure.integrity),
    Check("schema", "tables, columns, indexes, triggers and views against those of a new archive", structure.schema),
    Check("foreign keys", "rows that point to rows", structure.foreign_keys),
    Check("values", "types, what must not be empty, times, JSON", values.values),
    Check("references", "pages, versions and addresses of articles", references.references,
          ("articles", "pages", "revisions", "article_urls")),
    Check("counts", "pages by kind and outcome, as they are counted while they are written", counts.counts,
          ("pages", "page_counts", "page_discoveries", "sites")),
    Check("proofs", "captures of articles against their addresses", references.proofs,
          ("articles", "captures", "article_urls", "revisions")),
    Check("tombstones", "removed posts against what is there", references.removals, ("tombstones", "tombstone_urls")),
    Check("clusters", "clusters, links and sketches against articles", references.clusters,
          ("articles", "clusters", "near_duplicates", "lsh_bands", "minhash_signatures")),
    Check("full text", "the search index against the articles", fulltext.full_text, ("articles", "articles_fts")),
)
