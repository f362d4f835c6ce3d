"""The dates and categories that lists show beside their links, stored as source hints."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from archiver.items import LISTED_DATE, UNDATED, ListedCategories, ListedDate, SourceHint
from archiver.storage import Database
from archiver.storage.pages_and_source_hints import LATEST_HINT, hint_from_json, stamp, store_hint

_LISTED_PAGES = (
    "select p.id, p.urlkey, h.hint, h.digests from json_each(?) k join pages p on p.urlkey = k.value "
    f"left join source_hints h on {LATEST_HINT} left join articles a on a.id = p.article_id and a.urlkey = p.urlkey "
    "where p.kind in ('unknown', 'post') and (p.fetched_at is null or a.categories = '[]' "
    "or instr(coalesce(h.hint, ''), '\"listed_categories\"'))"
)
"""SQL: the pages at the given urlkeys that may need the categories that a listing shows, with their latest hints."""


def store_listed_categories(db: Database, listed: Iterable[ListedCategories]) -> None:
    """Stores the categories that a listing shows for posts, as part of the source hints of these posts.

    Nothing is stored for a post whose page or other sources give categories. Several listings may show different
    numbers of a post's categories, so fewer categories than are stored do not replace them. The listing of a category
    shows only one of them, so it counts only if no listing has shown any.
    """
    found = {one.urlkey: one for one in listed}
    for page_id, key, text, digests in db.execute(_LISTED_PAGES, [json.dumps(list(found))]).fetchall():
        latest = hint_from_json(text) or SourceHint()
        before, names = set(latest.listed_categories), found[key].names
        if latest.from_api or latest.categories or before.issuperset(names) or (before and not found[key].is_beside):
            continue
        hint = replace(latest, listed_categories=names)
        store_hint(db, page_id, hint, json.loads(digests or "{}"), completes=before.issubset(names))


_UNDATED_PAGES = (
    "select p.id, p.urlkey, h.hint, h.digests from json_each(?) k join pages p on p.urlkey = k.value "
    f"left join source_hints h on {LATEST_HINT} left join articles a on a.id = p.article_id and a.urlkey = p.urlkey "
    "where p.kind not in ('listing', 'feed', 'sitemap', 'api', 'part') and (p.fetched_at is null "
    "or p.outcome = 'not-article' or a.id is not null and a.published is null "
    "or instr(coalesce(h.hint, ''), '\"listed_date\"'))"
)
"""SQL: the pages at the given urlkeys that may need the date that a list of posts shows, with their latest hints."""


def store_listed_dates(db: Database, listed: Iterable[ListedDate]) -> None:
    """Stores the dates that a list of posts shows beside its links, as part of the source hints of these pages.

    Nothing is stored for a page that another source dates. Several lists may show different dates of a post, such as
    that of its last change, or show one date in different forms. A stored date is replaced only by a more precise form
    of the same date or by an earlier date, so that lists which disagree do not change it in each run.
    """
    found = {one.urlkey: one.date for one in listed}
    for page_id, key, text, digests in db.execute(_UNDATED_PAGES, [json.dumps(list(found))]).fetchall():
        latest = hint_from_json(text) or SourceHint()
        before, date = latest.listed_date, found[key]
        is_finer = date.startswith(before)
        if latest.published is not None or date == before or not (is_finer or _is_earlier(date, before)):
            continue
        hint = replace(latest, listed_date=date)
        store_hint(db, page_id, hint, json.loads(digests or "{}"), completes=is_finer)


_LISTS = """select p.id, p.url, p.capture_id from pages p where p.site_id = :site and p.fetched_at >= :since
    and p.outcome = 'not-article' and p.kind in ('listing', 'page', 'other', 'unknown') and p.capture_id is not null"""


_WITHOUT_DATE = f"""from pages p left join articles a on a.id = p.article_id where p.site_id = :site
    and p.fetched_at >= :since and (p.outcome = 'not-article' and p.rule = '{UNDATED}'
    or p.outcome = 'archived' and a.id is not null and a.published is null)"""


_LISTED_ON = f"""select d.found_on_page_id {
    _WITHOUT_DATE.replace(
        "from pages p", "from pages p join page_discoveries d on d.page_id = p.id and d.source = 'listing'"
    )
}"""


_AMONG_POSTS = f"""select 1 {_WITHOUT_DATE} and (select count(*) from (select 1 from page_forms mine
    join forms o on o.id = mine.form_id join forms f on f.site_id = o.site_id and f.address = o.address
    join page_forms others on others.form_id = f.id join pages q on q.id = others.page_id
    where mine.page_id = p.id and q.outcome in ('archived', 'unchanged') and q.rule <> '{UNDATED}' limit 3)) = 3
    limit 1"""


def has_list_dates(db: Database, site_id: int) -> bool:
    """Returns True if a post of a site has its date from a list."""
    query = "select 1 from pages where site_id = ? and rule = ? and kind = 'post' limit 1"
    return db.execute(query, [site_id, LISTED_DATE]).fetchone() is not None


def lists_fetched_since(
    db: Database, site_id: int, since: datetime, *, of_undated: bool = False
) -> list[tuple[str, int]]:
    """Returns the URLs and captures of the pages that were fetched since a time and that may be lists of posts.

    If `of_undated` is True, returns only the lists that may date pages which were found since then to have no date:
    those that show such a page as an entry. If the address of such a page is like those of posts, returns all lists.
    """
    values = {"site": site_id, "since": stamp(since)}
    lists = db.execute(f"{_LISTS} order by p.id", values).fetchall()
    if of_undated and db.execute(_AMONG_POSTS, values).fetchone() is None:
        wanted = {row[0] for row in db.execute(_LISTED_ON, values)}
        lists = [row for row in lists if row[0] in wanted]
    return [(url, capture_id) for _, url, capture_id in lists]


def _is_earlier(date: str, before: str) -> bool:
    """Returns True if `date` is earlier than `before`. Returns False if the two are one date: one of them less precise,
    or with day and month in the other order, since a list may change its format.
    """
    year, *rest = date.split("-")
    is_swapped = before.split("-") == [year, *reversed(rest)]
    return date < before and not before.startswith(date) and not is_swapped
