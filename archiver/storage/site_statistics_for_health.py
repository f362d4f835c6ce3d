"""Reads the statistics by which the health of a site is judged: what its articles and pages have in common (which shows
fields that were extracted wrongly), its posts by day of publication, the held pages that were accepted, and the posts
that were recently found gone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from archiver.articles.guard import GONE_RULES, HoldRule
from archiver.discovery.url_patterns import SCOPE
from archiver.model.due_reasons import Remark
from archiver.model.fields import OWN_TEXTS
from archiver.model.items import EMPTY, NEEDS_JAVASCRIPT, UNDATED
from archiver.model.page_rules import is_declared
from archiver.storage import Database
from archiver.storage.columns import stored_time
from archiver.storage.held_pages import HeldPage, held_pages
from archiver.storage.page_forms import untaken_pages
from archiver.storage.pages import stamp
from archiver.storage.sources import unlisted_posts
from archiver.storage.stored_rules import PageObjectUse, page_object_uses

SAMPLE = 500
"""At most this many of a site's newest articles are compared, because more would only take longer."""
_NEARLY_ALL = 0.9
SHORT_BODY = 40
"""If many articles share a body with fewer characters than this, the body is a button or a label and not a text."""
_TEXTS = 100
"""At most this many of a site's newest articles are searched for paragraphs of each other, which needs whole texts."""
_MAX_TEXT = 20_000
_TEASER_START, _MIN_TITLE = 60, 20
"""A paragraph is a teaser of another article if its first `_TEASER_START` characters are the beginning of that
article's text or description; teasers are cut off, so no more is compared. A title with fewer than `_MIN_TITLE`
characters proves nothing."""
_MIN_PARAGRAPHS = 2  # a single such paragraph may be a quotation


@dataclass(frozen=True, slots=True)
class RepeatedValue:
    """The most frequent value of one field in the compared articles, and the URL of an article with this value."""

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
    - `dateless`: the number of articles without a date of publication.
    - `script_pages`: how many of the `pages` that were fetched have no content unless scripts run.
    - `untaken`: the number of pages that look like the posts of the site but were not stored as posts, most of them
      because of the rule `untaken_rule`.
    - `undated`: the number of pages that listings show as entries, but that show no sign of being posts.
    - `hidden`: the number of lists that continue on pages which archiver cannot request, if these lists show most posts
      that are known, and no sitemap or API lists the posts. A start page that shows nothing without scripts counts as
      such a list (`is_start_blank`).
    - `unlisted`: the number of posts that may be gone, because their sources no longer list them, and their pages
      cannot show whether they are gone.
    - `held`: the pages whose new state is not stored until it is confirmed. Those held longest come first.
    - `failed`: the fields of its articles for which page objects failed.
    - `outside`: how many addresses on the site's host, to which its lists link, are outside the folder that is crawled.
    - `mixed`: how many of the newest articles (`compared` is their number) contain the titles or teasers of others.
    """

    articles: int = 0
    repeated: tuple[RepeatedValue, ...] = ()
    empty: int = 0
    empty_example: str = ""
    dateless: int = 0
    dateless_example: str = ""
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
    failed: tuple[PageObjectUse, ...] = ()
    mixed: int = 0
    compared: int = 0
    mixed_example: str = ""
    hidden: int = 0
    hidden_example: str = ""
    is_start_blank: bool = False
    outside: int = 0
    outside_example: str = ""


def read_site_content(db: Database, site: str, site_id: int) -> SiteContent:
    """Reads the content of a site, given by its name and ID. `status` calls this for every site, so only the columns
    and pages that are needed are read, each once.
    """
    newest = db.execute(
        f"select url, published is null, {', '.join(_column(name) for name in OWN_TEXTS)} from articles "
        "where site = ? and gone_at is null and id not in (select article_id from withdrawn_articles) "
        "order by published desc limit ?",
        [site, SAMPLE],
    ).fetchall()
    articles = [
        _Article(url, bool(is_dateless), dict(zip(OWN_TEXTS, values, strict=True)))
        for url, is_dateless, *values in newest
    ]
    dateless = [one.url for one in articles if one.is_dateless]
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
    texts = db.execute(
        "select url, title, description, substr(body, 1, ?) from articles where site = ? and body <> '' "
        "and gone_at is null and id not in (select article_id from withdrawn_articles) "
        "order by published desc limit ?",
        [_MAX_TEXT, site, _TEXTS],
    ).fetchall()
    mixed = _with_paragraphs_of_others(texts)
    hidden, hidden_example, is_start_blank = _lists_with_hidden_pages(db, site_id)
    outside, outside_example = _links_outside(db, site_id)
    return SiteContent(
        len(articles),
        tuple(_repeated_values(articles)),
        len(empty),
        min(empty, default=""),
        len(dateless),
        min(dateless, default=""),
        _count_pages(db, site_id),
        script_pages,
        script_example or "",
        sum(one.pages for one in untaken),
        untaken[0].rule if untaken else "",
        untaken[0].example if untaken else "",
        undated,
        undated_example or "",
        *unlisted_posts(db, site_id),
        tuple(one for one in held_pages(db, site_id) if one.rule not in _REPORTED_ELSEWHERE),
        tuple(page_object_uses(db, site, only_failed=True)),
        len(mixed),
        len(texts),
        min(mixed, default=""),
        hidden=hidden,
        hidden_example=hidden_example,
        is_start_blank=is_start_blank,
        outside=outside,
        outside_example=outside_example,
    )


def _links_outside(db: Database, site_id: int) -> tuple[int, str]:
    """Returns how many addresses outside the site's folder its lists link to, and the first of them."""
    count, example = db.execute(
        "select count(*), coalesce(min(p.url), '') from pages p where p.site_id = ? and p.outcome = 'out-of-scope' "
        "and p.rule = ? and exists (select 1 from page_discoveries d where d.page_id = p.id and d.source = 'link')",
        [site_id, SCOPE],
    ).fetchone()
    return int(count), str(example)


_REPORTED_ELSEWHERE = GONE_RULES | {HoldRule.REJECTED}
_IS_POST = "p.site_id = :site and p.kind = 'post' and p.outcome in ('archived', 'unchanged')"


def _lists_with_hidden_pages(db: Database, site_id: int) -> tuple[int, str, bool]:
    """Returns the number of lists with further pages that cannot be requested, the URL of one of them, and True if it
    is the start page, which shows nothing without scripts. Returns (0, "", False) if most posts were found elsewhere,
    or if a sitemap or API lists nearly all of them.
    """
    blank = db.execute(
        "select p.url, coalesce(p.listed, '') from pages p join sites s on s.id = p.site_id and p.url = s.start_url "
        f"where s.id = ? and p.outcome = 'not-article' and p.rule in ('{NEEDS_JAVASCRIPT}', '{EMPTY}')",
        [site_id],
    ).fetchall()
    lists = (
        blank
        or db.execute(
            "select url, coalesce(listed, '') from pages where site_id = ? and kind = 'listing' "
            "and outcome = 'not-article' and json_extract(remarks, ?) is not null order by id",
            [site_id, f'$."{Remark.HIDDEN_PAGES}"'],
        ).fetchall()
    )
    if not lists:
        return 0, "", False
    entries = {int(number) for _, listed in lists for number in listed.split(",") if number}
    values = {"site": site_id, "entries": json.dumps(sorted(entries))}
    posts, shown, declared = db.execute(
        "select count(*), total(p.id in (select value from json_each(:entries))), total(exists (select 1 from "
        "page_discoveries d where d.page_id = p.id and d.source in ('sitemap', 'api'))) "
        f"from pages p where {_IS_POST}",
        values,
    ).fetchone()
    elsewhere = not posts if blank else 2 * shown < posts
    if elsewhere or declared >= _NEARLY_ALL * max(1, posts):
        return 0, "", False
    return len(lists), lists[0][0], bool(blank)


def _with_paragraphs_of_others(articles: Sequence[tuple[str, str | None, str | None, str]]) -> list[str]:
    """Returns the URLs of the articles whose text contains the titles of others, or the beginnings of their texts or
    descriptions. `articles` are the URL, title, description and text of each. A beginning that several articles share,
    such as a notice, is ignored.
    """
    owners: dict[str, set[str]] = {}
    for url, title, description, body in articles:
        starts = [text[:_TEASER_START] for text in (description or "", body) if len(text) >= _TEASER_START]
        titles = [title] if title and len(title) >= _MIN_TITLE else []
        for known in (*(start for start in starts if "\n" not in start), *titles):
            owners.setdefault(known, set()).add(url)
    single = {known: next(iter(urls)) for known, urls in owners.items() if len(urls) == 1}
    found = []
    for url, _, _, body in articles:
        paragraphs = {p[:_TEASER_START] if p not in single else p for p in body.split("\n\n")}
        if sum(single.get(p, url) != url for p in paragraphs) >= _MIN_PARAGRAPHS:
            found.append(url)
    return found


@dataclass(frozen=True, slots=True)
class _Article:
    """The URL of an article, and its values for the fields in OWN_TEXTS. A long body is cut to its beginning."""

    url: str
    is_dateless: bool
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


_DAYS = 60
_NEW = timedelta(days=8)
"""New posts are counted over this time. Bursts of the last seven days are reported, and the day on which these begin
must be counted as a whole."""
_MANY = 20
"""If a day has over this many posts more than usual, only posts that are still online are counted, since the site may
have published many posts by mistake and removed them."""
_MOST_UNDATED = 2_000


@dataclass(frozen=True, slots=True)
class PostDay:
    """A day on which a site published posts.

    - `day`: the date (ISO 8601), in the site's own time zone.
    - `last`: when the last of its posts was published.
    - `posts`: the number of its posts. On a day with many posts, only posts that are still online count.
    - `new`: the number of posts that are still online and that the archive did not see in the site's first complete
      crawl. They are counted only for the last days. A post without a date counts as new on the day it was first seen.
    - `example`: the URL of one of the new posts.
    """

    day: str
    last: datetime
    posts: int
    new: int = 0
    example: str = ""


def read_post_days(db: Database, site: str, site_id: int, now: datetime) -> tuple[PostDay, ...]:
    """Returns the last 60 days on which a site, given by its name and ID, published posts, newest first. Days in the
    future are left out, since some sites date a post by the event that it announces.
    """
    rows = db.execute(
        # Each day is one look-up in the index, since a site may have published a thousand posts on a single day.
        "with recursive days (at) as (select max(published) from articles where site = :site and published < :tomorrow "
        "union all select (select max(published) from articles where site = :site "
        "and published < substr(days.at, 1, 10)) from days where days.at is not null limit :days) "
        "select substr(at, 1, 10), at, (select count(*) from articles where site = :site "
        "and published >= substr(at, 1, 10) and published <= at) from days where at is not null",
        {"site": site, "days": _DAYS, "tomorrow": _tomorrow(now)},
    ).fetchall()
    usual = median(row[2] for row in rows) if rows else 0
    new, examples = _count_new(db, site, site_id, now)
    days = {
        day: PostDay(
            day, last, _count_online(db, site, day) if posts > usual + _MANY else posts, new[day], examples.get(day, "")
        )
        for day, at, posts in rows
        if (last := stored_time(at))
    }
    for day in new.keys() - days.keys():  # on these days only undated posts were seen
        if last := stored_time(day):
            days[day] = PostDay(day, last, 0, new[day], examples[day])
    return tuple(sorted(days.values(), key=lambda one: one.day, reverse=True))


def _count_online(db: Database, site: str, day: str) -> int:
    """Returns the number of posts of a day that are neither gone nor withdrawn. This reads each of these posts."""
    return int(
        db.execute(
            "select count(*) from articles where site = ? and published >= ? and published < ? and gone_at is null "
            "and id not in (select article_id from withdrawn_articles)",
            [site, day, f"{day}~"],
        ).fetchone()[0]
    )


def _count_new(db: Database, site: str, site_id: int, now: datetime) -> tuple[Counter[str], dict[str, str]]:
    """Returns, for each day, the number of new posts and the URL of one of them."""
    whole = db.execute(
        "select min(finished_at) from runs where site_id = ? and outcome = 'finished' and coalesce(reason, '') = ''",
        [site_id],
    ).fetchone()[0]
    new: Counter[str] = Counter()
    examples: dict[str, str] = {}
    if whole is None:
        return new, examples
    since = stamp(now - _NEW)
    rows = db.execute(
        "select substr(published, 1, 10), url, first_seen from articles where site = ? and published >= ? "
        "and published < ? and first_seen > ? and gone_at is null "
        "and id not in (select article_id from withdrawn_articles)",
        [site, since[:10], _tomorrow(now), whole],
    ).fetchall()
    rows += db.execute(
        "select substr(first_seen, 1, 10), url, first_seen from (select * from articles where site = ? "
        "and published is null order by id desc limit ?) where first_seen > max(?, ?) and gone_at is null "
        "and id not in (select article_id from withdrawn_articles)",
        [site, _MOST_UNDATED, since, whole],
    ).fetchall()
    for day, url, _ in rows:
        new[day] += 1
        examples[day] = min(url, examples.get(day, url))
    return new, examples


def _tomorrow(now: datetime) -> str:
    """Returns the first day that has not begun in any time zone, since a time zone may be 14 hours ahead of UTC."""
    return stamp(now + timedelta(days=2))[:10]


_RECENT = timedelta(days=7)
"""Accepted pages and deletions are reported for this long."""
_PAST_RUNS = 60


@dataclass(frozen=True, slots=True)
class AcceptedPages:
    """The held pages of a site whose new state was stored in the last seven days, because three fetches had found it.

    - `pages`: their number.
    - `run_id`, `last`: the ID and the start of the last run that accepted some.
    """

    pages: int = 0
    run_id: int = 0
    last: datetime | None = None


def read_accepted(db: Database, site_id: int, now: datetime) -> AcceptedPages:
    """Returns the held pages of a site whose new state was stored in the last seven days, because three fetches had
    found it. Runs that were undone are not counted.
    """
    pages, run_id, last = db.execute(
        "select total(accepted), max(id), max(started_at) from runs where site_id = ? and started_at >= ? "
        "and accepted > 0 and undone_at is null",
        [site_id, stamp(now - _RECENT)],
    ).fetchone()
    return AcceptedPages(int(pages), run_id, stored_time(last)) if pages else AcceptedPages()


@dataclass(frozen=True, slots=True)
class Deletions:
    """The posts of a site that were marked as gone in the last seven days, and those whose pages do not show them now.

    - `urls`: the URLs of those that were marked as gone, most recently found first.
    - `last`: when the last of them was marked.
    - `unconfirmed`: the URLs of posts whose pages are gone, which a fetch on another day must confirm.
    - `listed`: the URLs of posts whose pages are gone, although a list, feed, sitemap or API shows them.
    - `redirected`: the URLs of posts that redirect to one page or to pages without a post, together with many others;
      `targets` are the URLs of these pages.
    - `posts`: the number of the site's posts, those of `urls` included.
    - `fetched`: the number of fetches of known posts in these seven days.
    - `past_gone`, `past_fetched`: in the 60 runs before these days, the number of fetches that found a known post gone,
      and the number of all fetches of known posts. A post counts in each run that fetched it.
    """

    urls: Sequence[str] = ()
    last: datetime | None = None
    fetched: int = 0
    past_gone: int = 0
    past_fetched: int = 0
    unconfirmed: Sequence[str] = ()
    listed: Sequence[str] = ()
    redirected: Sequence[str] = ()
    targets: Sequence[str] = ()
    posts: int = 0

    @property
    def share(self) -> float:
        """The share of the site's posts that were marked as gone, or whose pages are."""
        return (len(self.urls) + len(self.unconfirmed) + len(self.listed)) / max(self.posts, 1)


def read_deletions(db: Database, site_id: int, now: datetime) -> Deletions:
    """Returns the posts of a site that are gone, or seem to be."""
    since = stamp(now - _RECENT)
    rows = db.execute(
        "select a.url, a.gone_at from pages p join articles a on a.id = p.article_id where p.site_id = ? "
        "and p.outcome = 'gone' and a.gone_at >= ? and a.id not in (select article_id from withdrawn_articles) "
        "group by a.id order by a.gone_at desc, a.id",
        [site_id, since],
    ).fetchall()
    held = db.execute(
        "select p.url, h.rule, coalesce((select t.url from pages t where t.urlkey = p.redirect_urlkey), "
        "p.redirect_urlkey) from held_pages h join pages p on p.id = h.page_id "
        f"where p.site_id = ? and h.rule in ({', '.join('?' * len(GONE_RULES))}) order by h.held_since, p.id",
        [site_id, *sorted(GONE_RULES)],
    ).fetchall()
    if not rows and not held:
        return Deletions()
    (online,) = db.execute(
        "select count(*) from articles where site = (select name from sites where id = ?) and gone_at is null "
        "and id not in (select article_id from withdrawn_articles)",
        [site_id],
    ).fetchone()
    redirected = [(url, target) for url, rule, target in held if rule == HoldRule.REDIRECTED]
    fetched = db.execute(
        "select total(revised + unchanged + gone) from runs where site_id = ? and started_at >= ?", [site_id, since]
    ).fetchone()[0]
    past_gone, past_fetched = db.execute(
        "select total(gone), total(revised + unchanged + gone) from (select * from runs where site_id = ? "
        "and started_at < ? and undone_at is null and outcome = 'finished' order by id desc limit ?)",
        [site_id, since, _PAST_RUNS],
    ).fetchone()
    return Deletions(
        [row[0] for row in rows],
        stored_time(rows[0][1]) if rows else None,
        int(fetched),
        int(past_gone),
        int(past_fetched),
        [url for url, rule, _ in held if rule in (HoldRule.GONE, HoldRule.MASS_GONE)],
        [url for url, rule, _ in held if rule == HoldRule.STILL_LISTED],
        [url for url, _ in redirected],
        list(dict.fromkeys(target for _, target in redirected if target)),
        online + len(rows),
    )
