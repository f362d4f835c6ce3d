"""Reads what the stored articles and pages of a site have in common, to find fields that were read wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlite_utils import Database

from archiver.extraction.page_classifier import is_declared
from archiver.fields import OWN_TEXTS
from archiver.items import NEEDS_JAVASCRIPT
from archiver.storage.page_forms import untaken_pages

SAMPLE = 2_000
"""Newest articles of a site that are compared; all others would only cost time."""
SHORT_BODY = 40
"""A body with fewer characters that many articles share is a button or a label, not a text."""


@dataclass(frozen=True, slots=True)
class RepeatedValue:
    """The value that most of the compared articles share in one field, and the URL of one of them."""

    field: str
    value: str
    articles: int
    example: str


@dataclass(frozen=True, slots=True)
class SiteContent:
    """The content of a site's newest articles (at most SAMPLE; `articles` is their number) and of its pages.

    `repeated`: for each field of OWN_TEXTS the most frequent value (of bodies those shorter than SHORT_BODY), if at
    least two articles have it. `empty`: articles with neither text nor a picture. `script_pages`:
    pages without content unless scripts run, of `pages` that were fetched. `untaken`: pages that have
    the form of the posts and were not stored as posts, most of them because of `untaken_rule`. `empty_example`,
    `script_example` and `untaken_example` are URLs.
    """

    articles: int = 0
    repeated: tuple[RepeatedValue, ...] = ()
    empty: int = 0
    empty_example: str = ""
    pages: int = 0
    script_pages: int = 0
    script_example: str = ""
    untaken: int = 0
    untaken_rule: str = ""
    untaken_example: str = ""


def read_site_content(db: Database, site: str, site_id: int) -> SiteContent:
    """Reads the content of a site, given by its name and ID."""
    newest = (
        "select * from articles where site = ? and gone_at is null and id not in (select article_id from "
        f"withdrawn_articles) order by published desc limit {SAMPLE}"
    )
    articles, empty, empty_example = db.execute(
        f"select count(*), total(body = '' and coalesce(image, '') = ''), min(case when body = '' and "
        f"coalesce(image, '') = '' then url end) from ({newest})",
        [site],
    ).fetchone()
    pages, script_pages, script_example = db.execute(
        "select count(*), total(rule = ?), min(case when rule = ? then url end) from pages where site_id = ? "
        "and fetched_at is not null and kind not in ('feed', 'sitemap', 'api', 'cdx')",
        [NEEDS_JAVASCRIPT, NEEDS_JAVASCRIPT, site_id],
    ).fetchone()
    untaken = [one for one in untaken_pages(db, site_id) if not is_declared(one.rule)]
    return SiteContent(
        articles,
        tuple(_repeated_values(db, newest, site)),
        int(empty),
        empty_example or "",
        pages,
        int(script_pages),
        script_example or "",
        sum(one.pages for one in untaken),
        untaken[0].rule if untaken else "",
        untaken[0].example if untaken else "",
    )


def _repeated_values(db: Database, newest: str, site: str) -> Iterator[RepeatedValue]:
    for name in OWN_TEXTS:
        condition = f"coalesce({name}, '') <> ''"
        if name == "body":
            condition += f" and length(body) < {SHORT_BODY}"
        row = db.execute(
            f"select {name}, count(*) as n, min(url) from ({newest}) where {condition} group by {name} having n > 1 "
            f"order by n desc, {name} limit 1",
            [site],
        ).fetchone()
        if row:
            yield RepeatedValue(name, *row)
