"""All clusters of an archive made anew: for one that has none, or whose sketches are of another version."""

from __future__ import annotations

from collections.abc import Callable

from sqlite_utils import Database

from archiver.store import clusters, nearcopies, sketches
from archiver.store.transaction import writing

_BATCH = 200


def rebuild(db: Database, progress: Callable[[int], None] = lambda done: None) -> None:
    """Compare every article with the others once more, and set them into clusters; a cluster that is still there
    keeps its number.

    Works in short transactions, so that a crawl may write meanwhile. Where it is interrupted the clusters are as they
    were; those articles that were compared need not be again. `progress` is told how many are done.
    """
    with writing(db):
        sketches.take_all_out(db)
    done, last = 0, 0
    while ids := [row[0] for row in db.execute("select id from articles where id > ? order by id limit ?",
                                               [last, _BATCH])]:
        with writing(db):
            for number in ids:
                if db.execute("select 1 from articles where id = ?", [number]).fetchone():
                    nearcopies.unlink_compared(db, number)
                    nearcopies.link(db, number)
        done, last = done + len(ids), ids[-1]
        progress(done)
    with writing(db):
        clusters.regroup_all(db)
