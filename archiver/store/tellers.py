"""Which discovery sources found a page, as `page_discoveries` stores it.

Most pages were found on another page, whose number is stored instead of its URL, and `last_seen` is empty where it is
`first_seen`; the view `page_sources` has both.
"""

from __future__ import annotations

from sqlite_utils import Database

from archiver.urls import urlkey

Place = tuple[str | None, int | None]
"""`found_on` and `found_on_page_id`: one of the two."""


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
        "insert into page_discoveries (page_id, source, found_on, found_on_page_id, first_seen, last_seen, "
        "first_capture, "
        "last_capture) values (?, ?, ?, ?, ?, null, ?, ?) on conflict (page_id, source) do update set "
        "last_seen = excluded.first_seen, found_on = excluded.found_on, found_on_page_id = excluded.found_on_page_id, "
        "first_capture = min(coalesce(first_capture, excluded.first_capture), "
        "coalesce(excluded.first_capture, first_capture)), "
        "last_capture = max(coalesce(last_capture, excluded.last_capture), "
        "coalesce(excluded.last_capture, last_capture))",
        [page_id, source, *found, now, first, last])


def keep_places(db: Database, pages: str, values: dict[str, object]) -> None:
    """Pages (a statement that selects their numbers) are about to be deleted: what was found there says where in words.
    """
    db.execute("update page_discoveries set found_on = (select url from pages f where f.id = found_on_page_id), "
               f"found_on_page_id = null where found_on_page_id in {pages} and page_id not in {pages}", values)
