"""Who told of a page, as it is stored: most were found on another page, whose number stands for its address in
`page_tellers`, and `last_seen` is empty where it is `first_seen`; the view `page_sources` has both.

The statements are of migration m025, and released: a later step drops what it changes.
"""

from __future__ import annotations

from sqlite_utils import Database

from archiver.urls import urlkey

_DATES = "first_seen, last_seen, first_capture, last_capture"
VIEW = """
    select page_id, source, coalesce(found_on, (select url from pages f where f.id = found_page)) as found_on,
           first_seen, coalesce(last_seen, first_seen) as last_seen, first_capture, last_capture
    from page_tellers"""
_NEW = f"""insert into page_tellers (page_id, source, found_on, {_DATES}) values (new.page_id, new.source, new.found_on,
            {', '.join(f'new.{name}' for name in _DATES.split(', '))});"""
_OLD = "delete from page_tellers where page_id = old.page_id and source = old.source;"
TRIGGERS = (
    f"create trigger page_sources_ii instead of insert on page_sources begin\n        {_NEW}\n    end",
    f"create trigger page_sources_iu instead of update on page_sources begin\n        {_OLD}\n        {_NEW}\n    end",
    f"create trigger page_sources_id instead of delete on page_sources begin\n        {_OLD}\n    end",
)


Place = tuple[str | None, int | None]
"""`found_on` and `found_page`: one of the two."""


def place(db: Database, url: str) -> Place:
    """What was found at this address was found there."""
    try:
        key = urlkey(url)
    except ValueError:  # a file's name
        return url, None
    row = db.execute("select id from pages where urlkey = ? and url = ?", [key, url]).fetchone()
    return (None, row[0]) if row else (url, None)


def tell(db: Database, page_id: int, source: str, found: Place, now: str, first: str | None, last: str | None) -> None:
    """Enter that this source told of a page now; `first` and `last`: when a web archive captured it, if it says so."""
    db.execute(
        "insert into page_tellers (page_id, source, found_on, found_page, first_seen, last_seen, first_capture, "
        "last_capture) values (?, ?, ?, ?, ?, null, ?, ?) on conflict (page_id, source) do update set "
        "last_seen = excluded.first_seen, found_on = excluded.found_on, found_page = excluded.found_page, "
        "first_capture = min(coalesce(first_capture, excluded.first_capture), "
        "coalesce(excluded.first_capture, first_capture)), "
        "last_capture = max(coalesce(last_capture, excluded.last_capture), "
        "coalesce(excluded.last_capture, last_capture))",
        [page_id, source, *found, now, first, last])


def keep_places(db: Database, pages: str, values: dict[str, object]) -> None:
    """Pages (a statement that selects their numbers) are about to be deleted: what was found there says where in words.
    """
    db.execute("update page_tellers set found_on = (select url from pages f where f.id = found_page), "
               f"found_page = null where found_page in {pages} and page_id not in {pages}", values)


def make(db: Database) -> None:
    """The table, out of the one with addresses, and the view in its place."""
    db.register_function(_key, deterministic=True, replace=True)
    db.execute("create table page_tellers (page_id integer references pages(id), source text, found_on text, "
               "found_page integer, first_seen text, last_seen text, first_capture text, last_capture text, "
               "primary key (page_id, source)) without rowid")
    db.execute("insert into page_tellers select s.page_id, s.source, iif(f.id is null, s.found_on, null), f.id, "
               "s.first_seen, nullif(s.last_seen, s.first_seen), s.first_capture, s.last_capture from page_sources s "
               "left join pages f on f.urlkey = _key(s.found_on) and f.url = s.found_on order by s.page_id, s.source")
    db.execute("drop table page_sources")
    db.create_view("page_sources", VIEW)
    for trigger in TRIGGERS:
        db.execute(trigger)


def _key(url: object) -> str | None:
    try:
        return urlkey(str(url)) if url else None
    except ValueError:
        return None
