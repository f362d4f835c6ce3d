"""Saved searches of another archive: those whose name is free here come, with what they have told of.

The function expects to run inside the caller's transaction, when the articles have come (`merged_articles`).
"""

from __future__ import annotations

from sqlite_utils import Database

from archiver.store import saved_searches as stored


def merge_searches(db: Database, theirs: Database) -> tuple[int, list[str]]:
    """How many came, and the names of those that did not because another search has the name here.

    Of a search that came, articles that were here already and that it never told of are new at its next run.
    """
    came, kept_out = 0, []
    for row in stored.rows(theirs):
        own = stored.rows(db, row.key)
        if own:
            if own[0].query != row.query:
                kept_out.append(row.name)
            continue
        number = stored.insert(db, stored.NewSearch(row.name, row.key, row.uuid, row.query, row.saved_at,
                                                    stored.Mark(0, 0), row.ran_at))
        db.conn.executemany(
            "insert or ignore into saved_search_hits (article_id, search_id, found_at, reason) "
            "select ours, ?, ?, ? from merged_articles where theirs = ? and ours is not null",
            ((number, at, why, article) for article, at, why in theirs.execute(
                "select article_id, found_at, reason from saved_search_hits where search_id = ?", [row.id])))
        came += 1
    return came, kept_out
