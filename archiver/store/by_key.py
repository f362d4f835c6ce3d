"""Tables that are stored by their key (WITHOUT ROWID), which is most of what they say: made anew by migration m024, and
released: a later step changes what it must."""

from __future__ import annotations

from sqlite_utils import Database

from archiver.fields import LINKS

BY_KEY = {
    "page_sources": "page_id integer references pages(id), source text, found_on text, first_seen text, "
                    "last_seen text, first_capture text, last_capture text, primary key (page_id, source)",
} | {
    link.table_of_links: f"article_id integer references articles(id), {link.key} integer references "
                         f"{link.table}(id), position integer, primary key (article_id, {link.key})"
    for link in LINKS
}
"""By table its columns, as they are declared. `addresses` would gain nothing: its index by article would hold the key.
"""


def keyed(db: Database, table: str, columns: str) -> None:
    """Make a table anew with its rows and indexes, stored by its key. A row without its key, which SQLite took so far,
    names nothing, and goes."""
    names = [row[1] for row in db.execute(f"pragma table_info({table})")]
    key = ", ".join(row[1] for row in sorted(db.execute(f"pragma table_info({table})"), key=lambda r: r[5]) if row[5])
    indexes = [row[0] for row in db.execute(
        "select sql from sqlite_master where type = 'index' and tbl_name = ? and sql is not null", [table])]
    db.execute(f"create temp table kept as select * from {table}")
    db.execute(f"drop table {table}")
    db.execute(f"create table {table} ({columns}) without rowid")
    whole = " and ".join(f"{name} is not null" for name in key.split(", "))
    db.execute(f"insert into {table} ({', '.join(names)}) select {', '.join(names)} from temp.kept where {whole} "
               f"order by {key}")
    db.execute("drop table temp.kept")
    for index in indexes:
        db.execute(index)
