"""Converts articles and revisions to database rows and back, and writes them.

All functions that write expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple

from slugify import slugify

from archiver.articles.article_comparison import meaning_digest
from archiver.fields import LINKS, PAGE_FIELDS, PAGE_LISTS, PAGE_TIMES, PROSE, STORED_LISTS
from archiver.items import Article, GeoTag
from archiver.markup.text_marks import pack_marks, unpack_marks
from archiver.storage import Database
from archiver.storage.article_tables.field_candidate_evidence import compact_json, decode_evidence, pack_evidence
from archiver.storage.pages_and_source_hints import insert_row, moment, stamp

# -- SQL for revisions: the row of the current revision has only the fields that differ from `articles`, so that no text
# is stored twice

TEXTS = tuple(name for name in PAGE_FIELDS if name not in STORED_LISTS)
LISTS = tuple(name for name in PAGE_FIELDS if name in STORED_LISTS)


def _revision_json(article: str, name: str) -> str:
    """Returns the SQL expression by which a JSON function gets the column `name` of the row with the alias `article`. A
    list column with invalid JSON is passed as text, so that the statement does not fail.
    """
    column = f"{article}.{name}"
    return f"case when json_valid({column}) then json({column}) else {column} end" if name in LISTS else column


def with_missing_fields(content: str, article: str, names: tuple[str, ...]) -> str:
    """Returns an SQL expression: the JSON object `content` (itself an SQL expression), completed with those of the
    fields `names` that it lacks. Their values come from the row of `articles` with the alias `article`.
    """
    values = ", ".join(f"'$.{name}', {_revision_json(article, name)}" for name in names)
    return f"json_insert({content}, {values})"


FULL_CONTENT = (
    f"case when r.revision = a.revision and json_valid(r.content) "
    f"then {with_missing_fields('r.content', 'a', TEXTS + LISTS)} "
    "else r.content end"
)
"""SQL: all fields of a revision as JSON, from a row `r` of revisions and the row `a` of its article."""


SHORTENED = f"""
    update revisions set content = (
        select json_remove(revisions.content, '$._', {
    ", ".join(f"iif(json_extract(revisions.content, '$.{n}') is a.{n}, '$.{n}', '$._')" for n in TEXTS)
}, {
    ", ".join(
        f"iif(json_extract(revisions.content, '$.{n}') = {_revision_json('a', n)}, '$.{n}', '$._')" for n in LISTS
    )
})
        from articles a where a.id = revisions.article_id)
    where json_valid(content) and revision = (select a.revision from articles a where a.id = revisions.article_id)"""
"""SQL statement: removes from the current revisions the fields that equal those in `articles`. A further condition
(`and ...`) may be appended."""


# -- articles as rows

_as_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps would create an encoder for each call

Reread = Callable[[dict[str, Any]], Sequence[Article]]
"""A function that extracts the capture of a stored article (a row of `articles`) again; () if the capture is lost."""


def article_row(article: Article) -> dict[str, Any]:
    """Returns an extracted article as column values of `articles`, without the columns that do not come from a page.
    Lists are JSON; times are ISO 8601, in the time zone that the page gives.
    """
    row: dict[str, Any] = {name: getattr(article, name) for name in PAGE_FIELDS}
    for name in PAGE_LISTS:
        row[name] = _as_json(row[name]) if row[name] else "[]"
    row["geotags"] = _as_json([asdict(g) for g in article.geotags]) if article.geotags else "[]"
    row["markup"] = compact_json(pack_marks(article.markup)) if article.markup else "[]"
    for name in PAGE_TIMES:
        row[name] = row[name].isoformat() if row[name] else None
    return row


def article_from_row(row: dict[str, Any]) -> Article:
    """Returns the Article stored in a row of `articles`: the inverse of `article_row`, and in addition platform, post
    ID and guid. Columns that are missing or null (the row may be older than a field of the field table) give empty
    fields.
    """
    values = {name: row[name] for name in PAGE_FIELDS if name in row and (row[name] is not None or name not in PROSE)}
    for name in PAGE_LISTS:
        values[name] = tuple(json.loads(values.get(name) or "[]"))
    values["geotags"] = tuple(GeoTag(**g) for g in json.loads(values.get("geotags") or "[]"))
    values["markup"] = unpack_marks(json.loads(values.get("markup") or "[]"))
    for name in PAGE_TIMES:
        values[name] = moment(values.get(name))
    return Article(
        **values, post_id=row.get("post_id") or "", guid=row.get("guid") or "", platform=row.get("platform") or ""
    )


def extractor_of(version: str, article: Article) -> str:
    """Returns the value of `articles.extractor` for an extracted article: the version of the program and, if site rules
    were used, the version of these rules.
    """
    return f"{version} {article.read_by}".strip()


def used_site_rules(extractor: str | None) -> bool:
    """Returns True if an article was extracted with site rules, by the value of its column `extractor`; False if that
    is None (unknown).
    """
    return " " in (extractor or "")


def write_facets(db: Database, article_id: int, article: Article) -> None:
    """Replaces the stored authors, categories, tags and places of an article."""
    for statements in _FACETS.values():
        db.conn.execute(statements.delete, [article_id])
    db.conn.execute("delete from geotags where article_id = ?", [article_id])
    write_new_facets(db, [(article_id, article)])


def write_new_facets(db: Database, articles: Sequence[tuple[int, Article]]) -> None:
    """Stores the authors, categories, tags and places of new articles, each given as its ID and its extracted
    article.
    """
    conn = db.conn
    for table, statements in _FACETS.items():
        names = [(article_id, found) for article_id, article in articles if (found := getattr(article, table))]
        if names:
            wanted = dict.fromkeys(name for _, found in names for name in found)
            known = {row[0] for row in conn.execute(statements.find, [_as_json(list(wanted))])}
            if new := [(name, slugify(name, allow_unicode=True)) for name in wanted if name not in known]:
                conn.executemany(statements.insert, new)
            conn.executemany(statements.link, [(article_id, _as_json(found)) for article_id, found in names])
    places = [(article_id, *astuple(place)) for article_id, article in articles for place in article.geotags]
    if places:
        conn.executemany(_INSERT_GEOTAG, places)


@dataclass(frozen=True, slots=True)
class _FacetStatements:
    """The SQL statements that write one of the lists of an article: its authors, categories or tags.

    - `delete`: deletes the links of an article to its names.
    - `link`: links an article to the names in a JSON list.
    - `find`: selects those names of a JSON list that are stored.
    - `insert`: inserts a name.
    """

    delete: str
    link: str
    find: str
    insert: str


_FACETS = {
    link.table: _FacetStatements(
        f"delete from {link.table_of_links} where article_id = ?",
        f"insert into {link.table_of_links} (article_id, {link.key}, position) select ?, f.id, j.key "
        f"from json_each(?) j cross join {link.table} f on f.name = j.value where true on conflict do nothing",
        f"select name from {link.table} where name in (select value from json_each(?))",
        f"insert into {link.table} (name, slug) values (?, ?)",
    )
    for link in LINKS
}
_PLACE = tuple(one.name for one in fields(GeoTag))
_INSERT_GEOTAG = f"insert into geotags (article_id, {', '.join(_PLACE)}) values (?{', ?' * len(_PLACE)})"


def revision_rows(db: Database, where: str, values: Sequence[Any] = (), more: str = "") -> Iterator[dict[str, Any]]:
    """Yields the rows of `revisions` that match an SQL condition. In each row, `said` holds all fields of the revision
    as JSON, including the fields that are stored only in `articles`.

    The condition refers to the revision as `r` and to its article as `a`; `order by` may follow it, and `values` are
    its parameters. `more` is SQL for further columns.
    """
    return db.query(
        f"select r.*, {FULL_CONTENT} as said{more and ', '}{more} from revisions r join articles a "
        f"on a.id = r.article_id where {where}",
        list(values),
    )


@dataclass(frozen=True, slots=True)
class NewRevision:
    """A revision to store.

    - `number`: its number.
    - `article`: the extracted article.
    - `observed_at`: when it was observed.
    - `changed`: the fields that changed.
    - `previous`: the number of the revision that was current until then.
    - `same_as`: the number of the earlier revision with the same content to which the post reverted; None if it did not
      revert.
    """

    number: int
    article: Article
    observed_at: datetime
    changed: tuple[str, ...] = ()
    capture_id: int | None = None
    run_id: int | None = None
    previous: int | None = None
    same_as: int | None = None


def write_revision(db: Database, article_id: int, new: NewRevision) -> None:
    """Stores a new revision. If it is the article's current revision, fields that equal those in `articles` are left
    out.
    """
    insert_row(
        db,
        "revisions",
        {
            "article_id": article_id,
            "revision": new.number,
            "observed_at": stamp(new.observed_at),
            "run_id": new.run_id,
            "capture_id": new.capture_id,
            "changed": json.dumps(list(new.changed)) if new.changed else "[]",
            "previous": new.previous,
            "same_as": new.same_as,
            **_content(new.article, _current_fields(db, article_id, new.number)),
        },
    )


class FirstRevision(NamedTuple):
    """The row of an article's first revision. All its fields equal those in `articles`, so that only its title is
    stored. `observed_at` is ISO 8601, UTC.
    """

    article_id: int
    observed_at: str
    run_id: int | None
    capture_id: int | None
    title: str
    meaning_digest: str


_INSERT_FIRST = (
    f"insert into revisions ({', '.join(FirstRevision._fields)}, revision, changed, content) "
    "values (?, ?, ?, ?, ?, ?, 1, '[]', '{}')"
)


def write_first_revisions(db: Database, rows: Sequence[FirstRevision]) -> None:
    """Stores the first revisions of new articles."""
    db.conn.executemany(_INSERT_FIRST, rows)


def store_superseded(db: Database, row: dict[str, Any]) -> None:
    """Stores the full content, extractor and evidence of an article's current revision, since another revision is about
    to replace it. `row` is the article's row.
    """
    evidence = pack_evidence(decode_evidence(db, row)) if row["evidence"] else None
    db.execute(
        "update revisions as r set content = "
        f"(select {FULL_CONTENT} from articles a where a.id = r.article_id), extractor = ?, read_at = ?, evidence = ? "
        "where article_id = ? and revision = ?",
        [row["extractor"], row["read_at"], evidence, row["id"], row["revision"]],
    )


def shorten_current(db: Database, article_id: int) -> None:
    """Removes from an article's current revision the fields that have the same value in `articles`. Called when the
    revisions of the article have been renumbered.
    """
    db.execute(f"{SHORTENED} and article_id = ?", [article_id])


def article_from_revision(row: dict[str, Any]) -> Article:
    """Returns the Article stored in a revision, given a row of `revision_rows`."""
    content = json.loads(row["said"])
    return article_from_row({k: json.dumps(v) if isinstance(v, list) else v for k, v in content.items()})


def rewrite_revision(db: Database, article_id: int, number: int, article: Article) -> None:
    """Replaces the content of a revision with another extraction of the same capture; its times and changed fields are
    kept.
    """
    content = _content(article, _current_fields(db, article_id, number))
    db.execute(
        f"update revisions set {', '.join(f'{name} = :{name}' for name in content)} "
        "where article_id = :article_id and revision = :revision",
        {**content, "article_id": article_id, "revision": number},
    )


def _current_fields(db: Database, article_id: int, number: int) -> dict[str, Any]:
    """Returns the field values in the row of an article if revision `number` is its current one; otherwise {}."""
    return next(
        iter(
            db.query(
                f"select {', '.join(PAGE_FIELDS)} from articles where id = ? and revision = ?", [article_id, number]
            )
        ),
        {},
    )


def _content(article: Article, current: dict[str, Any]) -> dict[str, Any]:
    row = article_row(article)
    content = {
        k: json.loads(v) if k in STORED_LISTS else v for k, v in row.items() if k not in current or current[k] != v
    }
    return {
        "title": article.title,
        "content": json.dumps(content, ensure_ascii=False),
        "meaning_digest": meaning_digest(article),
    }


def last_revision(db: Database, article_id: int) -> int:
    """Returns the highest revision number of an article. This need not be the current revision: after a revert, an
    earlier one is.
    """
    return int(db.execute("select max(revision) from revisions where article_id = ?", [article_id]).fetchone()[0] or 0)


def count_revert(db: Database, article_id: int, revision: int, at: datetime) -> None:
    """Records that the post reverted once more to this revision, at this time, without storing a new revision. If the
    revision had been undone, it counts again.
    """
    db.execute(
        "update revisions set seen_again = seen_again + 1, seen_again_at = ?, undone_at = null "
        "where article_id = ? and revision = ?",
        [stamp(at), article_id, revision],
    )
