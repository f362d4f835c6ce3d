"""The front page: which archive this is, its sites, what is new, what changed, and how to search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from archiver.api.database import Database
from archiver.api.health import PostCounts, count_posts_of_sites, read_healths
from archiver.api.records import IS_LIVE, count_articles, stored_texts
from archiver.model.fields import OPTIONS
from archiver.web.archive_connections import get_cached
from archiver.web.search_filters import example_terms
from archiver.web.search_pages import search_page
from archiver.web.site_names import HomePage, find_home_page, find_icon
from archiver.web.web_requests import PARSERS, ArchiveRequest, PageResponse
from archiver.web.what_changed import DELETIONS, EDITS, SHOWN, ChangeFilter, link_of, load_changes

_SEARCH_ARGUMENTS = frozenset({"q", "by", "values", *OPTIONS, *PARSERS})
_SITES, _ARTICLES, _CHANGES = 12, 6, 5
"""The front page shows at most this many sites, newest articles and changes."""


def front_page(request: ArchiveRequest) -> PageResponse:
    """Returns the front page. If the URL has the arguments of a search, returns the results of the search, because this
    was the address of searches before there was a front page.
    """
    if any(name in _SEARCH_ARGUMENTS for name, _ in request.args):
        return search_page(request)
    now = datetime.now(UTC)
    overview = get_cached(request.db, "overview", now.date(), lambda: read_overview(request, now))
    changes = get_cached(
        request.db, "front page changes", None, lambda: load_changes(request, ChangeFilter(), limit=_CHANGES).changes
    )
    queries = get_cached(request.db, "query examples", now.date(), lambda: explain_queries(request.db, overview))
    return PageResponse(
        "front.html",
        {
            "overview": overview,
            "facts": _describe(overview, now.date()),
            "queries": queries,
            "titles": {site.name: site.title for site in overview.shown},
            "changes": [(change, link_of(request, change)) for change in changes],
            "recent_days": {now.date().isoformat(): "Today", (now - timedelta(days=1)).date().isoformat(): "Yesterday"},
            "feed": request.link("/changes/feed"),
        },
        {
            "title": request.title,
            "description": request.description,
            **asdict(overview),
            "changes": [change.as_data() for change in changes],
        },
    )


# What the archive contains.


@dataclass(frozen=True, slots=True)
class SiteSummary:
    """A site as the front page shows it.

    - `title`: its name on its own home page; the name of the site if that was not captured or has none.
    - `icon`: the URL on this server of its captured icon; "" if there is none.
    - `articles`, `recent`, `edited`, `deleted`: the numbers `all`, `new`, `revised` and `gone` of `ArticleCounts`.
    - `by_year`: the number of its articles in each year of the archive.
    - `archived`, `missing`, `unread`, `missing_urls`: the numbers of `PostCounts`.
    - `health`: green, amber, red or unknown.
    """

    name: str
    title: str
    icon: str
    articles: int
    recent: int
    edited: int
    deleted: int
    by_year: tuple[int, ...]
    archived: int
    missing: int
    unread: int
    missing_urls: int
    is_crawled: bool
    health: str


@dataclass(frozen=True, slots=True)
class NewArticle:
    """An article in the list of the newest ones."""

    id: int
    url: str
    site: str
    title: str
    authors: tuple[str, ...]
    published: str | None
    published_precision: str | None
    language: str | None


@dataclass(frozen=True, slots=True)
class Overview:
    """What the archive contains.

    - `articles`, `sites`: the numbers of its articles and sites.
    - `years`: the first and the last year in which its articles were published; None without dated articles.
    - `first_charted`: the first year of `by_year` of the sites.
    - `crawled_at`: when its last crawl started; None if there was none.
    - `shown`: the sites with the most articles.
    - `newest`: the newest articles by their date.
    - `examples`: tags whose search finds several articles.
    """

    articles: int
    sites: int
    years: tuple[int, int] | None
    first_charted: int
    crawled_at: str | None
    shown: tuple[SiteSummary, ...] = ()
    newest: tuple[NewArticle, ...] = ()
    examples: tuple[str, ...] = ()


_MOST_YEARS = 40
"""A chart of a site has at most this many years, the latest."""


def read_overview(request: ArchiveRequest, now: datetime) -> Overview:
    """Reads what the archive contains."""
    db = request.db
    known = {row["name"]: row for row in db.query("select * from sites")}
    articles = count_articles(db, now)
    counts = {name: articles[name] for name in {*known, *articles}}
    largest = sorted(counts, key=lambda name: (-counts[name].all, name))[:_SITES]
    years = _find_years(db, now.year + 1)
    charted = range(max(years[0], years[1] - _MOST_YEARS + 1), years[1] + 1) if years else range(0)
    (crawled_at,) = db.execute("select max(started_at) from runs").fetchone()
    sites = [{**known.get(name, {"name": name}), "articles": counts[name]} for name in largest]
    total = sum(one.all for one in counts.values())
    return Overview(
        total,
        len(counts),
        years,
        charted.start,
        crawled_at,
        tuple(_summarize_sites(request, now, sites, charted)),
        tuple(_newest_articles(db, now)),
        example_terms(db) if total else (),
    )


def _find_years(db: Database, latest: int) -> tuple[int, int] | None:
    """Returns the first and last year in which articles were published, up to the year `latest`; None if no article has
    a date.
    """
    first, last = (
        db.execute(
            "select substr(published, 1, 4) from articles where published >= '1400' and published < ? "
            f"and published glob '[0-9][0-9][0-9][0-9]*' order by published {order} limit 1",
            [f"{latest + 1}"],
        ).fetchone()
        for order in ("", "desc")
    )
    return (int(first[0]), int(last[0])) if first and last else None


def _summarize_sites(
    request: ArchiveRequest, now: datetime, sites: list[dict[str, Any]], charted: range
) -> Iterator[SiteSummary]:
    """Yields the summaries of sites, given as rows of `sites` with the counts of their articles. A site without a row
    of its own has only a name and articles.
    """
    db, stored = request.db, [site for site in sites if "id" in site]
    posts, healths = count_posts_of_sites(db, now), read_healths(db, stored, now)
    crawled = {row[0] for row in db.execute("select distinct site_id from runs")}
    for site in sites:
        number = site.get("id", 0)
        name = site["name"]
        home = find_home_page(request, site) if number else HomePage()
        of_posts = posts.get(number, PostCounts({"archived": 0, "missing": 0}))
        articles = site["articles"]
        yield SiteSummary(
            name,
            home.title or name,
            find_icon(request, home),
            articles.all,
            articles.new,
            articles.revised,
            articles.gone,
            tuple(
                db.execute(
                    f"select count(*) from articles where site = ? and published >= ? and published < ? and {IS_LIVE}",
                    [name, f"{year}", f"{year + 1}"],
                ).fetchone()[0]
                for year in charted
            ),
            of_posts.posts["archived"],
            of_posts.posts["missing"],
            of_posts.unread,
            of_posts.missing,
            number in crawled,
            healths[number].state if number else "unknown",
        )


def _newest_articles(db: Database, now: datetime) -> Iterator[NewArticle]:
    """Yields the newest articles by their date. Copies are left out."""
    columns = "id, url, site, title, authors, published, published_precision, language"
    # The dates have different time zones, so the last ones in the index are not quite in order.
    rows = list(
        db.query(
            f"select {columns} from articles a where published < ? and duplicate_of is null and {SHOWN} "
            "order by published desc limit ?",
            [(now + timedelta(days=2)).isoformat(), 5 * _ARTICLES],
        )
    )
    rows.sort(key=lambda row: _instant(row["published"]), reverse=True)
    for row in rows[:_ARTICLES]:
        title = row["title"] if isinstance(row["title"], str) else ""  # another program may have stored bytes
        yield NewArticle(**{**row, "title": title, "authors": tuple(stored_texts(row["authors"]))})


def _instant(moment: str) -> datetime:
    """Returns a stored date for sorting; the beginning of time for one that another program has written wrongly."""
    try:
        found = datetime.fromisoformat(moment)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _describe(overview: Overview, today: date) -> str:
    """Returns one line about the archive: "447 articles of 3 sites, 2013 to 2026; last crawled yesterday"."""
    articles, sites = overview.articles, overview.sites
    line = f"{articles:,} {'article' if articles == 1 else 'articles'} of {sites:,} {'site' if sites == 1 else 'sites'}"
    if overview.years:
        first, last = overview.years
        line += f", {first} to {last}" if first != last else f", {first}"
    return f"{line}; last crawled {_describe_past_day(overview.crawled_at, today)}" if overview.crawled_at else line


_MONTH = 31


def _describe_past_day(moment: str, today: date) -> str:
    """Returns a day that is over in words: "today", "yesterday", "5 days ago", "on 8 June 2024"."""
    try:
        day = date.fromisoformat(moment[:10])
    except ValueError:  # another program has written it
        return f"at {moment}"
    age = (today - day).days
    if age <= 1:
        return "yesterday" if age == 1 else "today"
    return f"{age} days ago" if age <= _MONTH else f"on {day.day} {day:%B %Y}"


# How to search: the query language by examples. Those that are links find something in the archive.


@dataclass(frozen=True, slots=True)
class QueryExample:
    """A query and what it finds. `is_link` is True if it finds articles of this archive."""

    query: str
    meaning: str
    is_link: bool = False


def explain_queries(db: Database, overview: Overview) -> list[QueryExample]:
    """Returns the most useful forms of queries."""
    year = overview.years[1] if overview.years else None
    has = {
        name: db.execute(f"select exists (select 1 {rows})").fetchone()[0]
        for name, rows in (
            ("edits", f"{EDITS} and instr(r.changed, '\"title\"')"),
            ("gone", DELETIONS),
            ("places", "from geotags"),
        )
    }
    return [
        QueryExample("harbour ferry", "both words, anywhere in the article"),
        QueryExample('"harbour master"', "these words as a phrase"),
        QueryExample("storm OR ferry", "either of them"),
        QueryExample("storm -ferry", "the first without the second"),
        QueryExample("title:harbour", "in the headline; likewise author:, category:, tag:"),
        QueryExample("harbour NEAR ferry", "with at most ten words between them"),
        QueryExample(f"date:{year or 2024}", "published then; date:2023-07..2023-08 is a period", year is not None),
        QueryExample("changed:title", "whose headline was edited; changed:body: whose text", has["edits"]),
        QueryExample("is:gone", "that their site has deleted since", has["gone"]),
        QueryExample("has:geo", "that name a place; near:38.7,-9.1~50km is around one", has["places"]),
    ]
