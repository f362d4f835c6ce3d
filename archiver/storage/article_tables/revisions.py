"""A version of an article as rows: its columns, its facets, its entry in `revisions`; and whether it is an edit.

All functions that write expect to run inside the caller's transaction.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from slugify import slugify
from sqlite_utils import Database

from archiver.articles.identity import changed_fields, meaning_digest
from archiver.articles.revision_history import PastRevision, Revert, find_revert
from archiver.fields import LATEST, LINKS, PAGE_FIELDS, PAGE_LISTS, PAGE_TIMES, STORED_LISTS
from archiver.items import Article, GeoTag
from archiver.storage.article_tables.evidence import Entry, decode_evidence, pack_evidence
from archiver.storage.pages import insert_row, moment, stamp

# The current revision: its row of `revisions` holds only the fields that differ from `articles`, so that no text is
# stored twice.

TEXTS = tuple(name for name in PAGE_FIELDS if name not in STORED_LISTS)
LISTS = tuple(name for name in PAGE_FIELDS if name in STORED_LISTS)
FOLLOWING = LATEST
"""Of these an article has the newest reading, while its version has what they were when it was seen first."""


def _revision_json(article: str, name: str) -> str:
    """A column as JSON functions take it; invalid JSON is passed as text, so that no statement fails."""
    column = f"{article}.{name}"
    return f"case when json_valid({column}) then json({column}) else {column} end" if name in LISTS else column


def filled(content: str, article: str, names: tuple[str, ...]) -> str:
    """SQL: `content` with the fields that it lacks, from a row of `articles`."""
    values = ", ".join(f"'$.{name}', {_revision_json(article, name)}" for name in names)
    return f"json_insert({content}, {values})"


WHOLE = (
    f"case when r.revision = a.revision and json_valid(r.content) then {filled('r.content', 'a', TEXTS + LISTS)} "
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
"""SQL: removes from the current revisions the fields that are as `articles` has them; `and ...` may follow."""


_TOLD = ("api", "feed")
_as_json = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps makes an encoder each time

Reread = Callable[[dict[str, Any]], Sequence[Article]]
"""What today's ways of reading make of the capture of a stored article (a row of `articles`); () where it is lost."""


def article_row(article: Article) -> dict[str, Any]:
    """The columns of an article that the page itself decides; lists are JSON, times ISO 8601 as the page gave them."""
    row: dict[str, Any] = {name: getattr(article, name) for name in PAGE_FIELDS}
    for name in PAGE_LISTS:
        row[name] = _as_json(row[name]) if row[name] else "[]"
    row["geotags"] = _as_json([asdict(g) for g in article.geotags]) if article.geotags else "[]"
    for name in PAGE_TIMES:
        row[name] = row[name].isoformat() if row[name] else None
    return row


def article_from_row(row: dict[str, Any]) -> Article:
    """The inverse of `article_row`, with the identity columns. A revision from before a field was added lacks it."""
    values = {name: row[name] for name in PAGE_FIELDS if name in row}
    for name in PAGE_LISTS:
        values[name] = tuple(json.loads(values.get(name) or "[]"))
    values["geotags"] = tuple(GeoTag(**g) for g in json.loads(values.get("geotags") or "[]"))
    for name in PAGE_TIMES:
        values[name] = moment(values.get(name))
    return Article(
        **values, post_id=row.get("post_id") or "", guid=row.get("guid") or "", platform=row.get("platform") or ""
    )


def extractor_of(version: str, article: Article) -> str:
    """Who read an article, as `articles.extractor` has it: the program's version and the site's rules, if any."""
    return f"{version} {article.read_by}".strip()


def was_ruled(extractor: str | None) -> bool:
    """Whether an article was read by rules of its site."""
    return " " in (extractor or "")


def edited_fields(
    then: Iterable[Entry], new: Article, changed: Sequence[str], readings: Sequence[Article]
) -> tuple[str, ...]:
    """Of the fields that differ from the stored ones those that the site changed, and not only the way of reading.

    A field that today's reading finds in the old capture as well (`readings`) was there before; but where the site's
    API or feed tells it in other words than then, these were never in the capture.
    """
    same = [set(changed) - set(changed_fields(reading, new)) for reading in readings]
    told = list(then)
    return tuple(name for name in changed if _told_anew(name, told, new) or not any(name in one for one in same))


def _told_anew(name: str, then: list[Entry], new: Article) -> bool:
    for source in _TOLD:
        now = {e.value for e in new.evidence if e.field == name and e.source == source}
        before = {e["value"] for e in then if e["field"] == name and e["source"] == source}
        if now and now != before and (before or source == "api"):
            return True
    return False


def write_facets(db: Database, article_id: int, article: Article, *, new: bool = False) -> None:
    """The authors, categories, tags and places of an article, in place of those it had; `new`: it had none."""
    for link in LINKS:
        if not new:
            db.execute(f"delete from {link.table_of_links} where article_id = ?", [article_id])
        insert = (
            f"insert into {link.table_of_links} (article_id, {link.key}, position) select ?, id, ? "
            f"from {link.table} where name = ? on conflict do nothing"
        )
        for position, name in enumerate(getattr(article, link.table)):
            if not db.execute(insert, [article_id, position, name]).rowcount:
                # Most names are known.
                db.execute(
                    f"insert into {link.table} (name, slug) values (?, ?) on conflict (name) do nothing",
                    [name, slugify(name, allow_unicode=True)],
                )
                db.execute(insert, [article_id, position, name])
    if not new:
        db.execute("delete from geotags where article_id = ?", [article_id])
    if article.geotags:
        db.table("geotags").insert_all([{"article_id": article_id, **asdict(g)} for g in article.geotags])


def revision_rows(db: Database, where: str, values: Sequence[Any] = (), more: str = "") -> Iterator[dict[str, Any]]:
    """Rows of `revisions` (as r; that of the article is a) for a condition and what follows it in SQL, each with all
    that the version says as `said` (JSON): what stands in `articles` is stored there alone. `more`: other columns.
    """
    return db.query(
        f"select r.*, {WHOLE} as said{more and ', '}{more} from revisions r join articles a "
        f"on a.id = r.article_id where {where}",
        list(values),
    )


def write_revision(
    db: Database,
    article_id: int,
    number: int,
    article: Article,
    changed: tuple[str, ...],
    at: datetime,
    capture_id: int | None,
    run_id: int | None,
    *,
    previous: int | None = None,
    same_as: int | None = None,
    stands: dict[str, Any] | None = None,
) -> None:
    """A new version. `previous` is the one that stood before it, `same_as` an earlier one that it repeats, `stands` the
    row of its article where that is known to be of this version, and just written."""
    content = (
        _content(article, _standing(db, article_id, number))
        if stands is None
        else {"title": article.title, "content": "{}", "meaning_digest": stands["meaning_digest"]}
    )
    insert_row(
        db,
        "revisions",
        {
            "article_id": article_id,
            "revision": number,
            "observed_at": stamp(at),
            "run_id": run_id,
            "capture_id": capture_id,
            "changed": json.dumps(list(changed)) if changed else "[]",
            "previous": previous,
            "same_as": same_as,
            **content,
        },
    )


def store_superseded(db: Database, row: dict[str, Any]) -> None:
    """Another version takes the place of the one in `articles` (its row): what that one says, and who read it, goes
    into its history."""
    evidence = pack_evidence(decode_evidence(db, row)) if row["evidence"] else None
    db.execute(
        "update revisions as r set content = "
        f"(select {WHOLE} from articles a where a.id = r.article_id), extractor = ?, read_at = ?, evidence = ? "
        "where article_id = ? and revision = ?",
        [row["extractor"], row["read_at"], evidence, row["id"], row["revision"]],
    )


def shorten_current(db: Database, article_id: int) -> None:
    """After versions were moved: what the one that stands says is not stored twice."""
    db.execute(f"{SHORTENED} and article_id = ?", [article_id])


def article_from_revision(row: dict[str, Any]) -> Article:
    """A version of an article, from its row as `versions` gives it."""
    content = json.loads(row["said"])
    return article_from_row({k: json.dumps(v) if isinstance(v, list) else v for k, v in content.items()})


def rewrite_revision(db: Database, article_id: int, number: int, article: Article) -> None:
    """The same version, read in another way: what it holds is replaced, when it was seen and what changed in it stays."""
    content = _content(article, _standing(db, article_id, number))
    db.execute(
        f"update revisions set {', '.join(f'{name} = :{name}' for name in content)} "
        "where article_id = :article_id and revision = :revision",
        {**content, "article_id": article_id, "revision": number},
    )


def _standing(db: Database, article_id: int, number: int) -> dict[str, Any]:
    """The article's fields where this version stands, else nothing."""
    return next(
        iter(
            db.query(
                f"select {', '.join(PAGE_FIELDS)} from articles where id = ? and revision = ?", [article_id, number]
            )
        ),
        {},
    )


def _content(article: Article, stands: dict[str, Any]) -> dict[str, Any]:
    row = article_row(article)
    content = {
        k: json.loads(v) if k in STORED_LISTS else v for k, v in row.items() if k not in stands or stands[k] != v
    }
    return {
        "title": article.title,
        "content": json.dumps(content, ensure_ascii=False),
        "meaning_digest": meaning_digest(article),
    }


# The versions an article has had: whether a reading says again what one of them said, and which comes next.

_LOOKED_AT = 40
"""The newest versions that a reading is compared with: the text of a live ticker is never what it was an hour ago."""


def said_before(db: Database, row: dict[str, Any], article: Article, at: datetime) -> Revert | None:
    """What a reading that differs from the article as it stands (`row`) is, if an earlier version said the same."""
    if row["revision"] == 1 and last_revision(db, row["id"]) == 1:
        return None
    rows = list(revision_rows(db, "r.article_id = ? order by r.revision desc limit ?", [row["id"], _LOOKED_AT]))[::-1]
    said = [
        r["revision"]
        for r in rows
        if r["revision"] != row["revision"] and not changed_fields(article_from_revision(r), article)
    ]
    if not said:
        return None
    returns = list(
        db.query(
            "select * from revisions where article_id = ? and (same_as is not null or seen_again > 0) "
            "order by revision",
            [row["id"]],
        )
    )
    return find_revert([_version(r) for r in returns], said, at)


def last_revision(db: Database, article_id: int) -> int:
    """The number of an article's newest version, which is not always the one that stands."""
    return int(db.execute("select max(revision) from revisions where article_id = ?", [article_id]).fetchone()[0] or 0)


def count_again(db: Database, article_id: int, revision: int, at: datetime) -> None:
    """The post says once more what this version said."""
    db.execute(
        "update revisions set seen_again = seen_again + 1, seen_again_at = ? where article_id = ? and revision = ?",
        [stamp(at), article_id, revision],
    )


def _version(row: dict[str, Any]) -> PastRevision:
    at = moment(row["observed_at"])
    assert at is not None
    return PastRevision(row["revision"], at, row["same_as"], row["seen_again"], moment(row["seen_again_at"]))
