"""Reads what the stored articles and pages of a site have in common, to find fields that were extracted wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from archiver.extraction.page_classifier import UNDATED, is_declared
from archiver.fields import OWN_TEXTS
from archiver.items import NEEDS_JAVASCRIPT
from archiver.storage.held_pages import HeldPage, held_pages
from archiver.storage.listed_posts import unlisted_posts
from archiver.storage.page_forms import untaken_pages

SAMPLE = 500
"""At most this many of a site's newest articles are compared, because more would only take longer."""
SHORT_BODY = 40
"""If many articles share a body with fewer characters than this, it is a button or a label and not a text."""


@dataclass(frozen=True, slots=True)
class RepeatedValue:
    """The most frequent value of one field in the compared articles, and the URL of an article that has it."""

    field: str
    value: str
    articles: int
    example: str


@dataclass(frozen=True, slots=True)
class SiteContent:
    """The content of a site's newest articles (at most SAMPLE; `articles` is their number) and of its pages. The fields
    ending in `_example` are URLs.

    - `repeated`: for each field in OWN_TEXTS, its most frequent value, if at least two articles have it. Bodies count
      only if they are shorter than SHORT_BODY.
    - `empty`: the number of articles with neither text nor a picture.
    - `script_pages`: how many of the `pages` that were fetched have no content unless scripts run.
    - `untaken`: the number of pages that look like the posts of the site but were not stored as posts, most of them
      because of the rule `untaken_rule`.
    - `undated`: the number of pages that listings show as entries, but that have no sign of being posts.
    - `unlisted`: the number of posts that may be gone, because their sources no longer list them, and their pages
      cannot show whether they are gone.
    - `held`: the pages whose new state is not stored until it is confirmed, the longest held first.
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
    undated: int = 0
    undated_example: str = ""
    unlisted: int = 0
    unlisted_example: str = ""
    held: tuple[HeldPage, ...] = ()


def read_site_content(db: Database, site: str, site_id: int) -> SiteContent:
    """Reads the content of a site, given by its name and ID. `status` calls this for every site, so only the columns
    and pages that are needed are read, each once.
    """
    newest = db.execute(
        f"select url, {', '.join(_column(name) for name in OWN_TEXTS)} from articles where site = ? "
        "and gone_at is null and id not in (select article_id from withdrawn_articles) "
        "order by published desc limit ?",
        [site, SAMPLE],
    ).fetchall()
    articles = [_Article(url, dict(zip(OWN_TEXTS, values, strict=True))) for url, *values in newest]
    empty = [one.url for one in articles if not (one.texts["body"] or one.texts["image"])]
    script_pages, script_example = db.execute(
        f"select count(*), min(url) from pages where site_id = ? and rule = '{NEEDS_JAVASCRIPT}'", [site_id]
    ).fetchone()
    undated, undated_example = db.execute(
        "select count(*), min(p.url) from pages p where p.site_id = ? and p.outcome = 'not-article' and p.rule = ? "
        "and exists (select 1 from page_discoveries d where d.page_id = p.id and d.source = 'listing')",
        [site_id, UNDATED],
    ).fetchone()
    untaken = [one for one in untaken_pages(db, site_id) if not is_declared(one.rule)]
    return SiteContent(
        len(articles),
        tuple(_repeated_values(articles)),
        len(empty),
        min(empty, default=""),
        _count_pages(db, site_id),
        script_pages,
        script_example or "",
        sum(one.pages for one in untaken),
        untaken[0].rule if untaken else "",
        untaken[0].example if untaken else "",
        undated,
        undated_example or "",
        *unlisted_posts(db, site_id),
        tuple(held_pages(db, site_id)),
    )


@dataclass(frozen=True, slots=True)
class _Article:
    """An article's URL and its values of the fields in OWN_TEXTS. A long body is cut to its beginning."""

    url: str
    texts: dict[str, str | None]


def _column(name: str) -> str:
    return f"substr(body, 1, {SHORT_BODY})" if name == "body" else name


def _count_pages(db: Database, site_id: int) -> int:
    """Returns the number of a site's pages that are not discovery sources and whose last fetch had a result."""
    return int(
        db.execute(
            "select total(pages) from page_counts where site_id = ? and source = '' "
            "and kind not in ('feed', 'sitemap', 'api', 'cdx') "
            "and outcome in ('archived', 'unchanged', 'duplicate', 'part', 'not-article', 'gone')",
            [site_id],
        ).fetchone()[0]
    )


def _repeated_values(articles: Sequence[_Article]) -> Iterator[RepeatedValue]:
    for name in OWN_TEXTS:
        urls: dict[str, list[str]] = {}
        for one in articles:
            value = one.texts[name]
            if value and (name != "body" or len(value) < SHORT_BODY):
                urls.setdefault(value, []).append(one.url)
        value, shared = max(urls.items(), key=lambda item: len(item[1]), default=("", []))
        if len(shared) > 1:
            yield RepeatedValue(name, value, len(shared), min(shared))
