"""Checks articles against their digests, facets and revisions, and optionally compares them with a new extraction."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archiver.articles.identity import content_digest, meaning_digest
from archiver.fields import LATEST, LINKS, PAGE_FIELDS
from archiver.items import Article
from archiver.maintenance import reextraction
from archiver.maintenance.verify_database import VerifyFinding
from archiver.storage.article_tables.revisions import article_from_revision, article_from_row, revision_rows
from archiver.urls import urlkey

_COMPARE = "Compare it with 'archiver show {0} --revision {1}' and its capture, and restore the original values."
_REPAIR = "Run 'archiver verify --repair': it rebuilds them from the article."
Row = dict[str, Any]


def check_articles(db: Database, ids: Sequence[int]) -> Iterator[VerifyFinding]:
    """Yields a finding for each of these articles whose text, facets or revision numbers are inconsistent. Runs inside
    the caller's read transaction.
    """
    marks = ",".join("?" * len(ids))
    kept: dict[int, list[Row]] = defaultdict(list)
    for row in revision_rows(db, f"r.article_id in ({marks}) order by r.article_id, r.revision", ids):
        kept[row["article_id"]].append(row)
    facets = _read_facets(db, ids, marks)
    for row in db.query(f"select * from articles where id in ({marks}) order by id", ids):
        own = kept[row["id"]]
        try:
            article = article_from_row(row)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # the check of values reports this column
        yield from _check_text(row, article, own)
        yield from _check_revision_numbers(row, own)
        yield from _check_facets(row, article, facets)


def _check_text(row: Row, article: Article, versions: list[Row]) -> Iterator[VerifyFinding]:
    """Yields a finding if the article's stored text or fields were altered, and one for each altered revision."""
    differing = []
    if (content_digest(article.body) or None) != row["content_digest"]:
        differing.append("its text does not match its digest (content_digest)")
    if row["meaning_digest"] != meaning_digest(article):
        differing.append("its fields do not match their digest (meaning_digest)")
    if _urlkey_or_empty(article.url) != row["urlkey"]:
        differing.append("its URL does not match its urlkey")
    current = next((v for v in versions if v["revision"] == row["revision"]), None)
    if current is not None and (names := _differing_fields(article, _revision_or_none(current))):
        differing.append(f"its current revision, {row['revision']}, differs from it in {', '.join(names)}")
    if differing:
        yield VerifyFinding(
            "article-altered",
            f"article {row['id']}",
            f"Article {row['id']} ({row['url']}) was changed by another program: {'; '.join(differing)}",
            _COMPARE.format(row["id"], row["revision"]),
        )
    for version in versions:
        revision = _revision_or_none(version)
        if revision is not None and version["meaning_digest"] != meaning_digest(revision):
            yield VerifyFinding(
                "version-altered",
                f"article {row['id']} version {version['revision']}",
                f"Revision {version['revision']} of article {row['id']} was changed by another program: its "
                "fields do not match their digest",
                "Restore the row of 'revisions' from a backup.",
            )


def _differing_fields(article: Article, version: Article | None) -> list[str]:
    """Returns the names of the fields that differ between an article and its current revision, except fields that may
    change without a new revision.
    """
    return (
        []
        if version is None
        else [name for name in PAGE_FIELDS if name not in LATEST and getattr(article, name) != getattr(version, name)]
    )


def _urlkey_or_empty(url: str) -> str:
    try:
        return urlkey(url)
    except ValueError:
        return ""


def _revision_or_none(row: Row) -> Article | None:
    try:
        return article_from_revision(row)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None  # another check reports the invalid JSON


def _check_revision_numbers(row: Row, versions: list[Row]) -> Iterator[VerifyFinding]:
    numbers = [version["revision"] for version in versions]
    last = max([row["revision"], *numbers])
    if numbers and (missing := sorted(set(range(1, last + 1)) - set(numbers))):
        yield VerifyFinding(
            "versions-missing",
            f"article {row['id']}",
            f"Article {row['id']} has {last} revisions, but these are missing: {', '.join(map(str, missing))}",
            "Restore the rows of 'revisions' from a backup.",
        )


def _read_facets(db: Database, ids: Sequence[int], marks: str) -> dict[str, dict[int, list[Any]]]:
    out: dict[str, dict[int, list[Any]]] = {}
    for link in LINKS:
        found = out[link.table] = defaultdict(list)
        for article_id, name in db.execute(
            f"select l.article_id, t.name from {link.table_of_links} l left join {link.table} t "
            f"on t.id = l.{link.key} where l.article_id in ({marks}) order by l.article_id, l.position",
            ids,
        ):
            found[article_id].append(name)
    out["geotags"] = defaultdict(list)
    for row in db.query(f"select * from geotags where article_id in ({marks})", ids):
        out["geotags"][row["article_id"]].append(row)
    return out


def _check_facets(row: Row, article: Article, facets: dict[str, dict[int, list[Any]]]) -> Iterator[VerifyFinding]:
    differing = [
        link.table
        for link in LINKS
        if facets[link.table][row["id"]] != list(dict.fromkeys(getattr(article, link.table)))
    ]
    tags = [asdict(tag) for tag in article.geotags]
    stored = facets["geotags"][row["id"]]
    if Counter(_comparable_geotag(tag) for tag in tags) != Counter(_comparable_geotag(tag) for tag in stored):
        differing.append("geotags")
    if differing:
        yield VerifyFinding(
            "facets-differ",
            f"article {row['id']}",
            f"The tables of {', '.join(differing)} differ from article {row['id']}",
            _REPAIR,
            "facets",
        )


def _comparable_geotag(tag: Row) -> tuple[Any, ...]:
    return tuple(tag.get(name) for name in ("latitude", "longitude", "placename", "region", "role", "source"))


def check_rereading(db: Database, folder: Path, ids: Sequence[int]) -> Iterator[VerifyFinding]:
    """Yields a finding for each article whose stored title or text differs from the one that today's extraction finds
    in its capture.
    """
    sites = {row[0]: row[1] for row in db.execute("select name, id from sites")}
    marks = ",".join("?" * len(ids))
    for row in db.query(f"select * from articles where id in ({marks}) and capture_id is not null order by id", ids):
        readings = reextraction.extract_from_capture(db, folder, row, sites.get(row["site"], 0))
        differing = [{name for name in ("title", "body") if getattr(one, name) != row[name]} for one in readings]
        if differing and all(differing):
            fewest = min(differing, key=len)
            yield VerifyFinding(
                "reads-otherwise",
                f"article {row['id']}",
                f"Today's extraction reads a different {' and '.join(sorted(fewest, reverse=True))} in the "
                f"capture of article {row['id']} ({row['url']})",
                "The stored value may come from the site's API or feed, or extraction has improved: see 'archiver show "
                f"{row['id']} --evidence'.",
            )


def ids_of(db: Database) -> list[int]:
    return [row[0] for row in db.execute("select id from articles order by id")]


def ids_between(db: Database, first: int, last: int) -> list[int]:
    """Returns the IDs of the articles between these two, in order."""
    return [row[0] for row in db.execute("select id from articles where id between ? and ? order by id", [first, last])]
