"""Records: articles as the contract's plain dicts, in the field table's names and order.

`show --json`, `export`, search results and the Python facade all hand out what is made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from sqlite_utils import Database

from archiver.errors import ArticleNotFound, ArticleRemoved, BadAddress, RevisionNotFound
from archiver.fields import CAPTURE_KEYS, FIELDS, STORED
from archiver.items import Evidence
from archiver.store.evidence_form import READING, Entry, unpacked
from archiver.store.evidence_kinds import told
from archiver.store.provenance import evidence_from
from archiver.store.provenance import readers as readers_of
from archiver.store.shapes import SHAPED, mapping, texts
from archiver.store.sites import find_site
from archiver.store.standing import WHOLE
from archiver.store.tombstones import removal_named
from archiver.urls import start_address, urlkey

Record = dict[str, Any]
_SHAPED = {f.name: SHAPED[f.shape] for f in FIELDS if f.shape in SHAPED}
# SQLite takes at least 999 values a statement in every build.
_BATCH = 500


def record(db: Database, article_id: int) -> Record:
    """The article with this number. Raises ArticleNotFound."""
    found = next(records(db, [article_id]), None)
    if found is None:
        raise ArticleNotFound(str(article_id))
    return found


def records(db: Database, ids: Iterable[int] | None = None) -> Iterator[Record]:
    """Records in the order of `ids` (all articles by number without them), read in batches of 500.

    Numbers that are not there are left out. Each batch costs two statements, whatever it holds.
    """
    numbers = iter(_all_ids(db)) if ids is None else iter(ids)
    while batch := list(islice(numbers, _BATCH)):
        found = _batch(db, batch)
        yield from (found[number] for number in batch if number in found)


def _all_ids(db: Database) -> Iterator[int]:
    last = 0
    while rows := db.execute("select id from articles where id > ? order by id limit ?", [last, _BATCH]).fetchall():
        last = rows[-1][0]
        yield from (row[0] for row in rows)


def _batch(db: Database, ids: list[int]) -> dict[int, Record]:
    marks = ",".join("?" * len(ids))
    columns = ", ".join(f"a.{name}" for name in STORED)
    capture = ", ".join(f"c.{name}" for name in CAPTURE_KEYS)
    aliases: dict[int, list[str]] = {}
    # The article's own address has its own urlkey; all others are aliases, whatever made them so.
    for article_id, url in db.execute(
        f"select d.article_id, d.url from article_urls d join articles a on a.id = d.article_id "
        f"where d.article_id in ({marks}) and d.urlkey <> a.urlkey order by d.url", ids,
    ):
        aliases.setdefault(article_id, []).append(url)
    out: dict[int, Record] = {}
    for row in db.execute(
        f"select {columns}, {capture} from articles a left join captures c on c.id = a.capture_id "
        f"where a.id in ({marks})", ids,
    ):
        stored = dict(zip(STORED, row, strict=False))
        captured = dict(zip(CAPTURE_KEYS, row[len(STORED):], strict=True))
        out[stored["id"]] = _record(stored, aliases.get(stored["id"], []), captured)
    return out


def _record(stored: Record, aliases: list[str], captured: Record) -> Record:
    extra: Record = {"aliases": aliases, "capture": _capture(captured)}
    return {f.name: _SHAPED[f.name](stored[f.name]) if f.stored else extra[f.name] for f in FIELDS}


def _capture(captured: Record) -> Record | None:
    """What is known of the bytes; None for an article that has none."""
    return {**captured, "captured_at": SHAPED["time"](captured["captured_at"])} if captured["digest"] else None


def revision_record(db: Database, article_id: int, number: int) -> Record:
    """The article as version `number` (from 1) said it, with that version's capture.

    What is no part of a version (site, aliases, times of seeing, duplicates) is as it is now.
    Raises ArticleNotFound or RevisionNotFound.
    """
    now = record(db, article_id)
    capture = ", ".join(f"c.{name}" for name in CAPTURE_KEYS)
    row = db.execute(
        f"select {WHOLE}, {capture} from revisions r join articles a on a.id = r.article_id "
        "left join captures c on c.id = r.capture_id where r.article_id = ? and r.revision = ?", [article_id, number],
    ).fetchone()
    if row is None:
        raise RevisionNotFound(str(article_id), number, now["revision"])
    content = mapping(row[0])
    captured = dict(zip(CAPTURE_KEYS, row[1:], strict=True))
    then = {name: _SHAPED[name](content[name]) for name in now if name in content and name in _SHAPED}
    return {**now, **then, "revision": number, "capture": _capture(captured)}


def revisions(db: Database, article_id: int) -> list[Record]:
    """The article's versions, oldest first: revision, observed_at, changed (names of fields), title; `previous`, the
    version that stood before it; `same_as`, an earlier one that it repeats; `seen_again` and `seen_again_at`: how often
    the post came back to it without making a version, and when last; `extractor`, who read it.
    """
    rows = db.query("select r.*, a.revision as now, a.extractor as reader from revisions r join articles a "
                    "on a.id = r.article_id where r.article_id = ? order by r.revision", [article_id])
    return [_version(row) for row in rows]


def headlines(db: Database, site: str | None = None, *, changed: bool = False) -> list[Record]:
    """Every headline of every article, of one site or all, by article and version: article_id, site, revision,
    observed_at, title, `previous` (None for the first), same_as, seen_again; with `changed` only those that took the
    place of another. The view `headlines` is the same. Raises SiteNotFound.
    """
    name = find_site(db, site)["name"] if site is not None else None
    out: list[Record] = []
    titles: dict[int, str] = {}
    for row in db.query("select r.*, a.site, a.revision as now, a.extractor as reader from revisions r join articles a "
                        "on a.id = r.article_id where ? is null or a.site = ? order by r.article_id, r.revision",
                        [name, name]):
        version = _version(row)
        if version["revision"] == 1:
            titles = {}
        titles[version["revision"]] = version["title"]
        if (version["previous"] is None and not changed) or "title" in version["changed"]:
            out.append({"article_id": row["article_id"], "site": row["site"], "revision": version["revision"],
                        "observed_at": version["observed_at"], "title": version["title"],
                        "previous": titles.get(version["previous"] or 0), "same_as": version["same_as"],
                        "seen_again": version["seen_again"]})
    return out


def _version(row: Record) -> Record:
    number = row["revision"]
    return {
        "revision": number, "observed_at": row["observed_at"], "changed": texts(row["changed"]),
        "title": row["title"], "previous": SHAPED["integer"](row["previous"]) or number - 1 or None,
        "same_as": row["same_as"],
        "seen_again": row["seen_again"], "seen_again_at": row["seen_again_at"],
        "extractor": row["reader"] if number == row["now"] else row["extractor"],
    }


def evidence(db: Database, article_id: int, revision: int | None = None) -> tuple[Evidence, ...]:
    """The candidates of every field, as the page had them when the article (or this version of it) was last read; ()
    where none were kept."""
    return evidence_from(_told(db, article_id, revision)[1])


def readers(db: Database, article_id: int, revision: int | None = None) -> dict[str, Record]:
    """Who read each field's value: by field `{extractor, capture_id, read_at}`; fields without evidence have none."""
    row, entries = _told(db, article_id, revision)
    own = tuple(row.get(name) for name in READING)
    return {name: dict(zip(READING, one, strict=True)) for name, one in readers_of(entries, own).items()}


def _told(db: Database, article_id: int, revision: int | None) -> tuple[Record, list[Entry]]:
    """The row that has the evidence of a version, that of `articles` for the current one; and what it has of it."""
    now: Record = next(iter(db.query("select * from articles where id = ?", [article_id])), {})
    if revision is None or revision == now.get("revision"):
        return now, told(db, now)
    then: Record = next(iter(db.query("select * from revisions where article_id = ? and revision = ?",
                                      [article_id, revision])), {})
    return then, unpacked(then.get("evidence"))


def find_article(db: Database, what: str | int) -> int:
    """The number of an article named by its number or by any address it was seen at.

    An address may lack its scheme and may have tracking parameters. Raises ArticleNotFound, and ArticleRemoved where
    it was taken out.
    """
    text = str(what).strip()
    if text.isascii() and text.isdigit():
        row = db.execute("select id from articles where id = ?", [int(text[:18])]).fetchone()
    else:
        try:
            key = urlkey(start_address(text))
        except BadAddress as error:
            raise ArticleNotFound(text) from error
        row = db.execute(
            "select article_id from article_urls where urlkey = ? "
            "union all select id from articles where urlkey = ? "
            "union all select article_id from pages where urlkey = ? and article_id is not null limit 1",
            [key, key, key],
        ).fetchone()
    if row is None:
        if removal := removal_named(db, text):
            raise ArticleRemoved(text, removal.told, allowed=removal.allowed_at is not None)
        raise ArticleNotFound(text)
    return int(row[0])
