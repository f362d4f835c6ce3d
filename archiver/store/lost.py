"""Captures whose records are lost, after a power cut or a damaged disk: forgotten, and their pages due again."""

from __future__ import annotations

from sqlite_utils import Database

from archiver.store import ledger
from archiver.store.requisites import forget_capture

_REASON = "the capture of it was lost with the end of a WARC file"


def forget_lost(db: Database, warc_file: str, records: frozenset[tuple[int, int]]) -> int:
    """Take out the captures of this file that are not among its records (offset, length); returns how many they were.

    What was read from them stays, without a proof until the page has been fetched once more. Expects to run inside the
    caller's transaction.
    """
    rows = db.execute("select id, warc_offset, warc_length from captures where warc_file = ?", [warc_file]).fetchall()
    lost = [row[0] for row in rows if (row[1], row[2]) not in records]
    for capture_id in lost:
        posts = db.execute("select t.post_urlkey from pages p join article_parts t on t.urlkey = p.urlkey where "
                           "p.capture_id = ?",
                           [capture_id]).fetchall()
        for key, in posts + db.execute("select urlkey from pages where capture_id = ? and kind <> 'part'",
                                       [capture_id]).fetchall():
            ledger.make_due_again(db, key, _REASON, anew=True)
        db.execute("update pages set capture_id = null, etag = null, last_modified = null where capture_id = ?",
                   [capture_id])
        db.execute("update articles set capture_id = null where capture_id = ?", [capture_id])
        db.execute("update revisions set capture_id = null where capture_id = ?", [capture_id])
        forget_capture(db, capture_id)
        db.execute("delete from captures where id = ?", [capture_id])
    return len(lost)


def prove(db: Database, article_id: int, capture_id: int | None) -> None:
    """A version whose capture was lost points to this one, which shows the same."""
    db.execute("update articles set capture_id = ? where id = ? and capture_id is null", [capture_id, article_id])
    db.execute("update revisions set capture_id = ? where article_id = ? and capture_id is null and revision = "
               "(select revision from articles where id = ?)", [capture_id, article_id, article_id])


def files_of_broken_runs(db: Database, site_id: int) -> set[str]:
    """The WARC files of this site's runs that have not been closed: the process died, or is about to be known dead."""
    runs = [row[0] for row in db.execute("select id from runs where site_id = ? and finished_at is null and "
                                         "outcome is null", [site_id])]
    marks = ", ".join("?" * len(runs))
    return {row[0] for row in db.execute(f"select distinct warc_file from captures where run_id in ({marks})", runs)}
