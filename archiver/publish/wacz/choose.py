"""Which captures prove some articles, what their pages need to be shown, and the pages that they show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlite_utils import Database

from archiver.store.requisite_reports import NEEDED
from archiver.store.standing import WHOLE

_CHOSEN = (
    # What the current texts and the versions were read from.
    "select a.capture_id from articles a join wacz_articles w on w.id = a.id where a.capture_id is not null",
    "select r.capture_id from revisions r join wacz_articles w on w.id = r.article_id where r.capture_id is not null",
    # The further pages of a post.
    "select p.capture_id from articles a join wacz_articles w on w.id = a.id join article_parts t on t.post_urlkey = "
    "a.urlkey "
    "join pages p on p.urlkey = t.urlkey where p.capture_id is not null",
    # The newest of each article's own address, where redirects lead.
    "select (select c.id from captures c where c.url = a.url and c.status = 200 order by c.captured_at desc limit 1) "
    "from articles a join wacz_articles w on w.id = a.id",
    # Redirects that lead there, and what says that a page was as before.
    "select id from captures where (record_type = 'revisit' or status between 300 and 399) "
    "and url in (select url from article_urls where article_id in (select id from wacz_articles))",
)
# A revisit record has no payload: the response that it repeats has (WARC/1.1, section 6.7).
_ORIGINAL = (
    "select id from captures where digest = ? and record_type = 'response' "
    "order by url = ? desc, captured_at <= ? desc, captured_at desc, id limit 1")


def choose(db: Database, ids: Iterable[int]) -> None:
    """Enter the captures of these articles into the temporary table `wacz_captures`."""
    for table in ("wacz_articles", "wacz_captures"):
        db.execute(f"drop table if exists temp.{table}")
        db.execute(f"create temp table {table} (id integer primary key)")
    db.conn.executemany("insert or ignore into temp.wacz_articles values (?)", ((number,) for number in ids))
    for query in _CHOSEN:
        db.execute(f"insert or ignore into temp.wacz_captures with found (id) as ({query}) "
                   "select id from found where id is not null")
    query = NEEDED.format(articles="select id from temp.wacz_articles")
    db.execute(f"insert or ignore into temp.wacz_captures {query}")
    for revisit in db.execute("select digest, url, captured_at from captures join temp.wacz_captures using (id) "
                              "where record_type = 'revisit'").fetchall():
        if (original := db.execute(_ORIGINAL, revisit).fetchone()) is not None:
            db.execute("insert or ignore into temp.wacz_captures values (?)", original)


def places(db: Database) -> Iterator[tuple[str, int]]:
    """File and offset (bytes) of each chosen capture, in the order in which they lie."""
    yield from db.execute("select warc_file, warc_offset from captures join temp.wacz_captures using (id) "
                          "order by warc_file, warc_offset")


def newest(db: Database) -> datetime:
    """When the newest of the chosen captures was made; 1980, where ZIP begins, without any."""
    row = db.execute("select max(captured_at) from captures join temp.wacz_captures using (id)").fetchone()
    found = datetime.fromisoformat(row[0]).astimezone(UTC) if row[0] else datetime(1980, 1, 1, tzinfo=UTC)
    return found.replace(microsecond=0)


def pages(db: Database) -> Iterator[dict[str, Any]]:
    """One entry for each capture that a version of an article was read from: url, ts, title, text, and an id."""
    for row in db.execute(
            f"select r.article_id, r.revision, c.url, c.captured_at, r.title, {WHOLE} from revisions r "
            "join articles a on a.id = r.article_id "
            "join temp.wacz_articles w on w.id = r.article_id join captures c on c.id = r.capture_id "
            "join temp.wacz_captures k on k.id = c.id order by r.article_id, r.revision"):
        article, revision, url, at, title, content = row
        stamp = datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield {"id": f"{article}.{revision}", "url": url, "ts": stamp, "title": title,
               "text": json.loads(content).get("body", "")}
