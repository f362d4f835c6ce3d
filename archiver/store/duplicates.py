"""Articles with one text: the earliest published is the original, the others are its duplicates."""

from __future__ import annotations

from sqlite_utils import Database

_ORDER = "order by datetime(published) is null, datetime(published), id"


def settle_duplicates(db: Database, digest: str | None, newcomer: int | None = None) -> bool:
    """Name the original of the articles with this text digest. Returns whether there are several.

    With `newcomer` the others are settled: it is set beside their original only, since a notice may be repeated
    thousands of times.
    """
    if not digest:
        return False
    if newcomer is not None:
        other = db.execute("select ifnull(duplicate_of, id) from articles where content_digest = ? and id <> ? limit 1",
                           [digest, newcomer]).fetchone()
        if other is None:
            return False
        pair = [newcomer, other[0]]
        first = db.execute(f"select id from articles where id in (?, ?) and content_digest = ? {_ORDER} limit 1",
                           [*pair, digest]).fetchone()
        if first[0] == other[0]:
            db.execute("update articles set duplicate_of = ? where id = ?", pair[::-1])
            return True
    ids = [row[0] for row in db.execute(f"select id from articles where content_digest = ? {_ORDER}", [digest])]
    for article_id in ids:
        original = None if article_id == ids[0] else ids[0]
        db.execute("update articles set duplicate_of = ? where id = ? and duplicate_of is not ?",
                   [original, article_id, original])
    return len(ids) > 1
