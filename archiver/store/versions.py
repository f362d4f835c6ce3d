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

from archiver.fields import LINKS, PAGE_FIELDS, PAGE_LISTS, PAGE_TIMES, STORED_LISTS
from archiver.items import Article, GeoTag
from archiver.record.identity import changed_fields, meaning_digest
from archiver.store.evidence_form import Entry, packed
from archiver.store.evidence_kinds import told
from archiver.store.ledger import insert_row, moment, stamp
from archiver.store.standing import SHORTENED, WHOLE

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
    return Article(**values, post_id=row.get("post_id") or "", guid=row.get("guid") or "",
                   platform=row.get("platform") or "")


def extractor_of(version: str, article: Article) -> str:
    """Who read an article, as `articles.extractor` has it: the program's version and the site's rules, if any."""
    return f"{version} {article.read_by}".strip()


def was_ruled(extractor: str | None) -> bool:
    """Whether an article was read by rules of its site."""
    return " " in (extractor or "")


def edited_fields(then: Iterable[Entry], new: Article, changed: Sequence[str], readings: Sequence[Article]
                  ) -> tuple[str, ...]:
    """Of the fields that differ from the stored ones those that the site changed, and not only the way of reading.

    A field that today's reading finds in the old capture as well (`readings`) was there before; but where the site's
    API or feed tells it in other words than then, these were never in the capture.
    """
    same = [set(changed) - set(changed_fields(reading, new)) for reading in readings]
    told = list(then)
    return tuple(name for name in changed
                 if _told_anew(name, told, new) or not any(name in one for one in same))


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
        insert = (f"insert into {link.table_of_links} (article_id, {link.key}, position) select ?, id, ? "
                  f"from {link.table} where name = ? on conflict do nothing")
        for position, name in enumerate(getattr(article, link.table)):
            if not db.execute(insert, [article_id, position, name]).rowcount:
                # Most names are known.
                db.execute(f"insert into {link.table} (name, slug) values (?, ?) on conflict (name) do nothing",
                           [name, slugify(name, allow_unicode=True)])
                db.execute(insert, [article_id, position, name])
    if not new:
        db.execute("delete from geotags where article_id = ?", [article_id])
    if article.geotags:
        db.table("geotags").insert_all([{"article_id": article_id, **asdict(g)} for g in article.geotags])


def versions(db: Database, where: str, values: Sequence[Any] = (), more: str = "") -> Iterator[dict[str, Any]]:
    """Rows of `revisions` (as r; that of the article is a) for a condition and what follows it in SQL, each with all
    that the version says as `said` (JSON): what stands in `articles` is stored there alone. `more`: other columns.
    """
    return db.query(f"select r.*, {WHOLE} as said{more and ', '}{more} from revisions r join articles a "
                    f"on a.id = r.article_id where {where}", list(values))


def write_revision(db: Database, article_id: int, number: int, article: Article, changed: tuple[str, ...],
                   at: datetime, capture_id: int | None, run_id: int | None, *, previous: int | None = None,
                   same_as: int | None = None, stands: dict[str, Any] | None = None) -> None:
    """A new version. `previous` is the one that stood before it, `same_as` an earlier one that it repeats, `stands` the
    row of its article where that is known to be of this version, and just written."""
    content = _content(article, _standing(db, article_id, number)) if stands is None else {
        "title": article.title, "content": "{}", "meaning_digest": stands["meaning_digest"]}
    insert_row(db, "revisions", {
        "article_id": article_id, "revision": number, "observed_at": stamp(at), "run_id": run_id,
        "capture_id": capture_id, "changed": json.dumps(list(changed)) if changed else "[]", "previous": previous,
        "same_as": same_as,
        **content,
    })


def set_aside(db: Database, row: dict[str, Any]) -> None:
    """Another version takes the place of the one in `articles` (its row): what that one says, and who read it, goes
    into its history."""
    evidence = packed(told(db, row)) if row["evidence"] else None
    db.execute("update revisions as r set content = "
               f"(select {WHOLE} from articles a where a.id = r.article_id), extractor = ?, read_at = ?, evidence = ? "
               "where article_id = ? and revision = ?",
               [row["extractor"], row["read_at"], evidence, row["id"], row["revision"]])


def settle(db: Database, article_id: int) -> None:
    """After versions were moved: what the one that stands says is not stored twice."""
    db.execute(f"{SHORTENED} and article_id = ?", [article_id])


def article_from_revision(row: dict[str, Any]) -> Article:
    """A version of an article, from its row as `versions` gives it."""
    content = json.loads(row["said"])
    return article_from_row({k: json.dumps(v) if isinstance(v, list) else v for k, v in content.items()})


def rewrite_revision(db: Database, article_id: int, number: int, article: Article) -> None:
    """The same version, read in another way: what it holds is replaced, when it was seen and what changed in it stays.
    """
    content = _content(article, _standing(db, article_id, number))
    db.execute(f"update revisions set {', '.join(f'{name} = :{name}' for name in content)} "
               "where article_id = :article_id and revision = :revision",
               {**content, "article_id": article_id, "revision": number})


def _standing(db: Database, article_id: int, number: int) -> dict[str, Any]:
    """The article's fields where this version stands, else nothing."""
    return next(iter(db.query(f"select {', '.join(PAGE_FIELDS)} from articles where id = ? and revision = ?",
                              [article_id, number])), {})


def _content(article: Article, stands: dict[str, Any]) -> dict[str, Any]:
    row = article_row(article)
    content = {k: json.loads(v) if k in STORED_LISTS else v for k, v in row.items()
               if k not in stands or stands[k] != v}
    return {"title": article.title, "content": json.dumps(content, ensure_ascii=False),
            "meaning_digest": meaning_digest(article)}
