"""Extracts the posts of each shared site without site rules, then with the rules learned from some of them.

There are no source hints of feeds or APIs: only what the pages themselves contain is measured.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import OpenerDirector, ProxyHandler, build_opener

from measure_sites import start_of
from process import score, served
from progress import with_progress
from read_pages import reader
from table import Column, Slack, hundredths, rate

from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.extraction.site_rules import SiteRules
from archiver.learning.rule_induction import Sample, learn_rules
from archiver.model.items import Article, PageKind

LEARNED_FROM = 25
OTHERS = 15
"""Pages other than posts that learning compares posts with: as many as a crawl keeps."""
SHARE, RATIO = Slack(0.003), Slack(0.2, relative=True)

# The bars of the sites. Only some sites have authors, categories and tags in their truth.
QUALITY = (
    Column("met", "posts"),
    Column("title_norm", "title", 0.995, form=rate, slack=SHARE),
    Column("date_day", "day", 0.995, form=rate, slack=SHARE),
    Column("author_f1", "author", 0.99, form=rate, slack=SHARE),
    Column("category_f1", "category", 0.99, form=rate, slack=SHARE),
    Column("tag_f1", "tags", 0.98, form=rate, slack=SHARE),
    Column("body_nonempty", "body", form=rate, slack=SHARE),
)
COST = (Column("ms", "ms", form=hundredths), Column("traf_ms", "traf. ms", form=hundredths))
PLAIN = (*QUALITY, *COST, Column("ratio", "of traf.", 3, form=hundredths, slack=RATIO))
RULED = (
    *QUALITY,
    Column("by_rules", "by rules", form=rate, slack=SHARE),
    *COST,
    Column("ratio", "of traf.", 10, form=hundredths, slack=RATIO),
)
TABLES = {"plain": PLAIN, "unseen": RULED, "all": RULED}
HEADINGS = {
    "plain": "Ten sites, read as any site",
    "unseen": f"By rules learned from {LEARNED_FROM} posts: the other posts",
    "all": "By the same rules: all posts",
}
Call = Callable[[bytes, str], Any]


@dataclass(frozen=True)
class Post:
    """A page as served, and its URL."""

    html: bytes
    url: str


@dataclass
class Reading:
    """The articles of a site's posts by one extractor, in order, and the CPU seconds of each. Articles of trafilatura
    are not kept."""

    articles: list[Any]
    seconds: list[float]


def names(shared: Path) -> list[str]:
    return [site["name"] for site in _sites(shared)]


def files(shared: Path) -> list[Path]:
    """Return the files of the sites, for their digest."""
    return [shared / "sites" / f"{name}{end}" for name in sorted(names(shared)) for end in (".tar.xz", ".truth.jsonl")]


def measure(shared: Path, root: Path | None, work: Path, limit: int | None = None) -> dict[str, dict[str, Any]]:
    """Return, for each of TABLES, a row of figures per site. `root` is a folder with the unpacked sites, `limit` the
    maximum number of posts per site."""
    rows: dict[str, dict[str, Any]] = {name: {} for name in TABLES}
    with served(shared, root, work / "access.jsonl") as proxy:
        opener = build_opener(ProxyHandler({"http": proxy}))
        for site in _sites(shared):
            for table, row in _one(shared, site, opener, work, limit).items():
                rows[table][site["name"]] = row
    return rows


def _sites(shared: Path) -> list[dict[str, Any]]:
    sites: list[dict[str, Any]] = json.loads((shared / "sites" / "sites.json").read_text(encoding="utf-8"))
    return sites


def _one(
    shared: Path, site: dict[str, Any], opener: OpenerDirector, work: Path, limit: int | None
) -> dict[str, dict[str, Any]]:
    name = site["name"]
    truth = shared / "sites" / f"{name}.truth.jsonl"
    paths = [t["url"] for t in map(json.loads, truth.read_text(encoding="utf-8").splitlines()) if t.get("public", True)]
    random.Random(1).shuffle(paths)  # the same order in every run, years mixed
    posts = _posts(opener, site, with_progress(paths[:limit], f"{name}, fetching"))
    plain, theirs = _in_turns(posts, [lambda h, u: extract_page(parse_page(h, u)), reader("trafilatura")], name)
    rules = _learned(opener, site, posts[:LEARNED_FROM], plain.articles)
    ruled, again = _in_turns(
        posts, [lambda h, u: extract_page(parse_page(h, u), rules=rules), reader("trafilatura")], f"{name}, by rules"
    )
    unseen = slice(LEARNED_FROM, None)
    out = work / f"{name}.jsonl"
    return {
        "plain": _row(shared, truth, out, plain, theirs),
        "unseen": _row(shared, truth, out, _part(ruled, unseen), _part(again, unseen)),
        "all": _row(shared, truth, out, ruled, again),
    }


def _posts(opener: OpenerDirector, site: dict[str, Any], paths: Iterable[str]) -> list[Post]:
    found = (_get(opener, f"http://{site['hosts'][0]}{quote(path)}") for path in paths)
    return [post for post in found if post is not None]


def _get(opener: OpenerDirector, url: str) -> Post | None:
    """Fetch a page with its URL after redirects; None if it is not HTML."""
    try:
        with opener.open(url) as answer:
            html = answer.headers.get_content_type() == "text/html"
            return Post(answer.read(), answer.url) if html else None
    except HTTPError:
        return None


def _in_turns(posts: Sequence[Post], calls: Sequence[Call], what: str) -> list[Reading]:
    """Read every post with every extractor, in alternating order, so that all run under the same conditions."""
    out = [Reading([], []) for _ in calls]
    for call in calls:
        for post in posts[:3]:  # load and compile everything before pages are timed
            call(post.html, post.url)
    for number, post in enumerate(with_progress(posts, what)):
        turn = list(zip(calls, out, strict=True))
        for call, reading in turn if number % 2 else turn[::-1]:
            began = time.process_time()
            article = call(post.html, post.url)
            reading.seconds.append(time.process_time() - began)
            if isinstance(article, Article):
                reading.articles.append(article)
    return out


def _learned(
    opener: OpenerDirector, site: dict[str, Any], posts: Sequence[Post], articles: Sequence[Article]
) -> SiteRules | None:
    samples = [
        Sample(parse_page(p.html, p.url), a)
        for p, a in zip(posts, articles, strict=False)
        if a.kind is PageKind.POST and a.body
    ]
    rules = learn_rules(samples, [parse_page(p.html, p.url) for p in _other_pages(opener, site)])
    return replace(rules, version="rules-1") if rules is not None else None


def _other_pages(opener: OpenerDirector, site: dict[str, Any]) -> list[Post]:
    """Return the home page and pages linked from it that are not posts."""
    home = _get(opener, start_of(site))
    if home is None:
        return []
    links = [urljoin(home.url, h) for h in re.findall(r'href="([^"#]+)"', home.html.decode("utf-8", errors="replace"))]
    out = [home]
    for url in dict.fromkeys(u for u in links if urlsplit(u).hostname in site["hosts"]):
        if (
            len(out) < OTHERS
            and (page := _get(opener, quote(url, safe="/:?=&%"))) is not None
            and extract_page(parse_page(page.html, page.url), posts_only=True).kind in (PageKind.LISTING, PageKind.PAGE)
        ):
            out.append(page)
    return out


def _part(reading: Reading, which: slice) -> Reading:
    return Reading(reading.articles[which], reading.seconds[which])


def _row(shared: Path, truth: Path, out: Path, ours: Reading, theirs: Reading) -> dict[str, Any]:
    """Score the articles like those of a crawl. Without articles (the site has too few posts) there are no figures."""
    if not ours.articles:
        return {"met": 0}
    out.write_text("".join(json.dumps(_record(a), ensure_ascii=False) + "\n" for a in ours.articles), encoding="utf-8")
    own, other = sum(ours.seconds), sum(theirs.seconds)
    figures = score(shared, out, truth)
    return figures | {
        "by_rules": sum(bool(a.read_by) for a in ours.articles) / len(ours.articles),
        "ms": 1000 * own / len(ours.articles),
        "traf_ms": 1000 * other / len(ours.articles),
        "ratio": other / own,
    }


def _record(article: Article) -> dict[str, Any]:
    return {
        "url": article.url,
        "canonical_url": article.canonical_url,
        "title": article.title,
        "body": article.body,
        "authors": article.authors,
        "published": article.published.isoformat() if article.published else None,
        "published_precision": article.published_precision,
        "categories": article.categories,
        "tags": article.tags,
    }
