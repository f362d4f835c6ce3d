"""The front page (which archive this is, its sites, what is new, what changed), and the examples of queries that it
shows.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any

from archiver.errors import IndexMissing
from archiver.extraction.language import ROWS
from archiver.fields import OPTIONS
from archiver.health.stored_health import read_healths
from archiver.search.query import Query
from archiver.search.search_hits import distinctive_words, run
from archiver.search.search_index import open_searcher
from archiver.search.word_splitting import split_into_words
from archiver.storage import Database
from archiver.storage.articles import count_articles
from archiver.storage.columns import IS_LIVE, stored_texts
from archiver.storage.completeness import PostCounts, count_posts_of_sites
from archiver.web.archive_connections import get_cached
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
    - `examples`: searches that find several articles.
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
        tuple(pick_examples(db, largest[:_SAMPLED_SITES])) if total else (),
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


# Example searches, made from the archive itself.

_EXAMPLES, _MOST_TRIED = 3, 20
_SAMPLE, _BEGINNING = 60, 600
"""The examples are chosen from this many of the newest articles of each site. Of the text of each article, this many
characters are read."""
_LAST_RESORT = 10
"""If tags and headlines give too few examples, words are taken from this many texts of each site."""
_SAMPLED_SITES = 5
_MAX_SHARE, _RARE, _FEW = 0.25, 3, 10
"""A word says little if it is in more than the share `_MAX_SHARE` of the headlines of a site, or of its texts in a
language, and in more than `_RARE` of them. A search is no example if it finds more than this share of the archive, and
more than `_FEW` articles."""
_MIN_LETTERS, _MOST_RATED = 4, 80
_STOP_WORDS = frozenset(word for row in ROWS for word in split_into_words(row.words))
_MAX_WORDS = 3
_OPERATORS = frozenset({"OR", "AND", "NOT", "NEAR"})


def pick_examples(db: Database, sites: Iterable[str]) -> list[str]:
    """Returns up to three searches that are characteristic of the archive and find several of its articles, but not
    most of them: tags, or else words that several headlines have, each of another site if possible. `sites` are its
    largest sites. Returns [] if there is no search index.
    """
    try:
        return _pick_examples(db, sites)
    except IndexMissing:
        return []


def _pick_examples(db: Database, sites: Iterable[str]) -> list[str]:
    total = db.execute("select count(*) from articles").fetchone()[0]
    found: list[str] = []
    tried = 0
    for text in _take_turns([_candidates(db, site) for site in sites]):
        words = set(split_into_words(text))
        if tried == _MOST_TRIED or len(found) == _EXAMPLES:
            break
        if words <= _STOP_WORDS or any(words & set(split_into_words(other)) for other in found):
            continue
        tried += 1
        hits = run(db, Query(text, limit=1)).total
        if 2 <= hits <= max(total * _MAX_SHARE, _FEW):
            found.append(text)
    return found


def _take_turns(sources: list[Iterator[str]]) -> Iterator[str]:
    """Yields the first text of each iterator, then the second of each, and so on. An iterator is not started before its
    turn.
    """
    while sources:
        for source in list(sources):
            text = next(source, None)
            if text is None:
                sources.remove(source)
            else:
                yield text


def _candidates(db: Database, site: str) -> Iterator[str]:
    """Yields texts that may be examples, the most characteristic of a site first."""
    sample = list(
        db.query(
            f"select id, title, language, substr(body, 1, {_BEGINNING}) as body from articles where site = ? "
            "and duplicate_of is null and typeof(title) = 'text' and typeof(body) = 'text' "
            "order by published desc limit ?",
            [site, _SAMPLE],
        )
    )
    yield from _frequent_tags(db, sample)
    yield from _headline_words(sample)
    searcher = open_searcher(db)
    for row in sample[:_LAST_RESORT]:
        for form in distinctive_words(searcher, row["title"], row["body"])[:2]:
            if len(form.word) >= _MIN_LETTERS and _says(form.word):
                yield form.word


def _frequent_tags(db: Database, sample: list[dict[str, Any]]) -> list[str]:
    """Returns the tags that several of these articles have and that consist of a few words: first those that the most
    articles have as a tag or in their headline.
    """
    rows = db.execute(
        "select t.name, count(*) from article_tags x join tags t on t.id = x.tag_id "
        "where x.article_id in (select value from json_each(?)) group by t.id having count(*) > 1 "
        "order by 2 desc, t.name limit 50",
        [json.dumps([row["id"] for row in sample])],
    ).fetchall()
    titles = [f" {' '.join(split_into_words(row['title']))} " for row in sample]
    number = {
        name: articles + sum(f" {' '.join(split_into_words(name))} " in title for title in titles)
        for name, articles in rows
        if len(name.split()) <= _MAX_WORDS and all(map(_is_word, name.split()))
    }
    return sorted(number, key=lambda name: (-number[name], name))


def _is_word(text: str) -> bool:
    """Returns True if a text has only letters and digits, some letters among them, and is no operator of queries."""
    kinds = {unicodedata.category(letter)[0] for letter in text}
    return kinds <= {"L", "M", "N"} and "L" in kinds and text not in _OPERATORS


def _headline_words(sample: list[dict[str, Any]]) -> list[str]:
    """Returns the words, and pairs of words, that are both in the headline and in the text of several articles, but in
    few other texts of the language, the most characteristic first. Stock phrases of headlines ("All you need to know")
    are left out in this way, because the texts do not repeat them.
    """
    together: Counter[str] = Counter()
    in_titles: Counter[str] = Counter()
    shown: dict[str, str] = {}
    texts: dict[str, list[str]] = {}
    language_of: dict[str, str] = {}
    for row in sample:
        language, body = (row["language"] or "").split("-")[0], f" {' '.join(split_into_words(row['body']))} "
        texts.setdefault(language, []).append(body)
        for text in {*_headline_terms(row["title"]), *_headline_pairs(row["title"])}:
            folded = " ".join(map(_fold, text.split()))
            in_titles[folded] += 1
            together[folded] += f" {folded} " in body
            shown.setdefault(folded, " ".join(word.lower() if word.istitle() else word for word in text.split()))
            language_of.setdefault(folded, language)
    scores = {}
    most = max(len(sample) * _MAX_SHARE, _RARE)
    for text, number in together.most_common(_MOST_RATED):
        among = texts[language_of[text]]
        articles = sum(f" {text} " in one for one in among)
        if number > 1 and in_titles[text] <= most and articles <= max(len(among) * _MAX_SHARE, _RARE):
            scores[text] = number * math.log((len(among) + 2) / (articles + 1)) ** 2
    return [shown[text] for text in sorted(scores, key=lambda one: (-scores[one], one))]


def _headline_terms(title: str) -> Iterator[str]:
    """Yields the words of a headline that say something: no short words, no stop words. Yields nothing for a script
    without spaces between words.
    """
    yield from (word for word in map(_strip_punctuation, title.split()) if len(word) >= _MIN_LETTERS and _says(word))


def _headline_pairs(title: str) -> Iterator[str]:
    """Yields the pairs of neighbouring words of a headline that say something. In Vietnamese, most words are written as
    two.
    """
    words = title.split()
    for one, other in pairwise(words):
        pair = one, _strip_punctuation(other)
        if all(len(word) > 1 and _says(word) for word in pair) and sum(map(len, pair)) > _MIN_LETTERS:
            yield " ".join(pair)


def _says(word: str) -> bool:
    folded = _fold(word)
    return bool(folded) and " " not in folded and folded not in _STOP_WORDS and _is_word(word)


@lru_cache(10_000)
def _fold(word: str) -> str:
    return " ".join(split_into_words(word))


def _strip_punctuation(word: str) -> str:
    start, end = 0, len(word)
    while start < end and unicodedata.category(word[start])[0] not in "LMN":
        start += 1
    while end > start and unicodedata.category(word[end - 1])[0] not in "LMN":
        end -= 1
    return word[start:end]


# How to search: the query language by examples. Those that are links find something in the archive.


@dataclass(frozen=True, slots=True)
class QueryExample:
    """A query and what it finds. `is_link` is True if it finds articles of this archive."""

    query: str
    meaning: str
    is_link: bool = True


def explain_queries(db: Database, overview: Overview) -> list[QueryExample]:
    """Returns the most useful forms of queries, with words from the headlines of the archive where it has suitable
    ones.
    """
    titles = [list(dict.fromkeys(map(str.lower, _headline_terms(one.title)))) for one in overview.newest]
    pair = next((words[:2] for words in titles if len(words) > 1), None)
    phrase = next((" ".join(one.title.split()[:3]) for one in overview.newest if _is_phrase(one.title)), None)
    first, second = pair or ("harbour", "ferry")
    one, other = (*overview.examples, *(("storm", "ferry") if len(overview.examples) < 2 else ()))[:2]
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
        QueryExample(f"{first} {second}", "both words, anywhere in the article", pair is not None),
        QueryExample(f'"{phrase or "harbour master"}"', "these words as a phrase", phrase is not None),
        QueryExample(f"{one} OR {other}", "either of them", bool(overview.examples)),
        QueryExample(f"{one} -{other}", "the first without the second", len(overview.examples) > 1),
        QueryExample(f"title:{first}", "in the headline; likewise author:, category:, tag:", pair is not None),
        QueryExample(f"{first} NEAR {second}", "with at most ten words between them", pair is not None),
        QueryExample(f"date:{year or 2024}", "published then; date:2023-07..2023-08 is a period", year is not None),
        QueryExample("changed:title", "whose headline was edited; changed:body: whose text", has["edits"]),
        QueryExample("is:gone", "that their site has deleted since", has["gone"]),
        QueryExample("has:geo", "that name a place; near:38.7,-9.1~50km is around one", has["places"]),
    ]


def _is_phrase(title: str) -> bool:
    """Returns True if the first three words of a headline are plain words, two of which say something."""
    words = title.split()[:3]
    return len(words) == 3 and all(map(_is_word, words)) and sum(map(_says, words)) > 1
