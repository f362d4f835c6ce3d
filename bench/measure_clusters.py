"""Measures how well near-duplicates are found among posts whose copies are known, and the cost, also at scale."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

from generated_copies import START, Language, Post, languages, paragraphs, posts
from sqlite_utils import Database
from table import Column, hundredths, rate, whole

from archiver.articles.article_comparison import content_digest
from archiver.articles.near_duplicates import SKETCH_VERSION, SLOTS, minhash, wording_of
from archiver.model.urls import urlkey
from archiver.storage import clusters
from archiver.storage.clusters import COMMON, lsh_candidates
from archiver.storage.database import open_archive
from archiver.storage.pages import stamp

QUALITY = (
    Column("posts", "posts"),
    Column("pairs", "pairs"),
    Column("precision", "precision", at_least=0.99, form=rate),
    Column("recall", "recall to 20 %", at_least=0.97, form=rate),
    Column("all_recall", "to 30 %", form=rate),
    Column("mean_ms", "ms a post", at_most=5, form=hundredths),
    Column("p95_ms", "p95", form=hundredths),
)
SCALE = (
    Column("articles", "articles"),
    Column("p50_ms", "ms to add one", at_most=5, form=hundredths),
    Column("p95_ms", "p95", at_most=5, form=hundredths),
    Column("committed_ms", "wall, with row and commit", form=hundredths),
    Column("candidates", "candidates", form=hundredths),
    Column("candidates_most", "at most"),
    Column("bytes", "bytes an article", at_most=600, form=whole),
)
CRAWL = (Column("kilobytes", "KB of text", form=hundredths), Column("ms", "ms a page", at_most=0.5, form=hundredths))


def insert(db: Database, post: Post, number: int) -> int:
    """Insert a post as a minimal row of `articles`: only the columns that clustering needs. Returns its number."""
    url = f"https://{post.site}/{number}"
    at = stamp(post.published)
    row = db.execute(
        "insert into articles (url, urlkey, site, title, body, published, published_precision, revision, first_seen, "
        "last_seen, content_digest) values (?, ?, ?, ?, ?, ?, 'minute', 1, ?, ?, ?) returning id",
        [
            url,
            urlkey(url),
            post.site,
            post.title,
            post.body,
            post.published.isoformat(),
            at,
            at,
            content_digest(post.body) or None,
        ],
    ).fetchone()
    return int(row[0])


def quality(
    language: Language, distinct: int, copies: int, folder: Path, seed: int = 1, *, one_site: bool = False
) -> tuple[dict[str, Any], dict[str, float]]:
    """Return a row of QUALITY, and by kind the recall of edits or the share of look-alikes mistaken for copies."""
    made = posts(language, distinct, copies, seed, one_site=one_site)
    db = open_archive(folder / f"{language.name}-{one_site}.db", create=True)
    ids: list[int] = []
    took: list[float] = []
    for begin in range(0, len(made), 500):
        with db.atomic():
            for post in made[begin : begin + 500]:
                ids.append(insert(db, post, len(ids)))
                start = time.thread_time()
                clusters.assign_cluster(db, ids[-1])
                took.append((time.thread_time() - start) * 1000)
    found = dict(db.execute("select id, cluster_id from articles where cluster_id is not null").fetchall())
    db.close()
    by_id = dict(zip(ids, made, strict=True))
    return {
        "posts": len(made),
        **_rates(by_id, found),
        "mean_ms": sum(took) / len(took),
        "p95_ms": percentile(took, 95),
    }, _by_kind(by_id, found)


def _pairs(groups: Iterable[Sequence[int]]) -> set[tuple[int, int]]:
    return {pair for group in groups for pair in combinations(sorted(group), 2)}


def _rates(by_id: dict[int, Post], found: dict[int, int]) -> dict[str, Any]:
    stories: dict[int, list[int]] = defaultdict(list)
    clusters_found: dict[int, list[int]] = defaultdict(list)
    for number, post in by_id.items():
        if post.story is not None:
            stories[post.story].append(number)
    for number, cluster in found.items():
        clusters_found[cluster].append(number)
    true, said = _pairs(stories.values()), _pairs(clusters_found.values())
    near = {pair for pair in true if max(by_id[n].edited for n in pair) <= 0.2}
    return {
        "pairs": len(said),
        "precision": len(said & true) / max(1, len(said)),
        "recall": len(near & said) / max(1, len(near)),
        "all_recall": len(true & said) / max(1, len(true)),
    }


def _by_kind(by_id: dict[int, Post], found: dict[int, int]) -> dict[str, float]:
    origins = {post.story: number for number, post in by_id.items() if post.how == "original"}
    seen: Counter[str] = Counter()
    hit: Counter[str] = Counter()
    for number, post in by_id.items():
        if post.story is None:
            seen[post.how] += 1
            hit[post.how] += number in found
        elif post.how != "original":
            name = f"{post.how} {'to 20 %' if post.edited <= 0.2 else 'to 30 %'}"
            seen[name] += 1
            hit[name] += number in found and found[number] == found.get(origins[post.story])
    return {name: hit[name] / seen[name] for name in sorted(seen)}


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share / 100))]


def scale(articles: int, folder: Path, seed: int = 1, added: int = 2_000) -> dict[str, Any]:
    """Return a row of SCALE: fill an archive with signatures like those of texts of 500 words, then add posts one by
    one.

    The stored articles have no text. The cost of comparing a candidate is measured on the added posts.
    """
    language, rng = languages()["50,000 words"], random.Random(seed)
    db = open_archive(folder / "scale.db", create=True)
    _empty_articles(db, articles)
    before = db.execute("select page_count from pragma_page_count").fetchone()[0]
    for begin in range(0, articles, _BULK):
        count = min(_BULK, articles - begin)
        drawn = iter(rng.choices(range(len(language.words)), cum_weights=language.weights, k=3 * SLOTS * count))
        entries, rows = [], []
        for number in range(begin + 1, begin + count + 1):
            # The value of a slot is a shingle of the text: three words, hashed with the number of the slot.
            keys = [
                (hash((slot, next(drawn), next(drawn), next(drawn))) & 0xFFFFFFFF) - (1 << 31) for slot in range(SLOTS)
            ]
            entries += [(key, number) for key in keys]
            rows.append((number, SKETCH_VERSION))
        entries.sort()
        with db.atomic():
            db.conn.executemany("insert or ignore into lsh_bands values (?, ?)", entries)
            db.conn.executemany("insert into minhash_signatures values (?, ?)", rows)
    with db.atomic():
        db.execute(
            "delete from lsh_bands where (key, article_id) in (select key, article_id from (select key, "
            "article_id, row_number() over (partition by key order by article_id) as nth from lsh_bands) "
            "where nth > ?)",
            [COMMON],
        )
    db.execute("pragma wal_checkpoint(truncate)")
    after = db.execute("select page_count - freelist_count from pragma_page_count, pragma_freelist_count").fetchone()[0]
    size = (after - before) * db.execute("pragma page_size").fetchone()[0]
    row = {"articles": articles, **_adding(db, posts(language, added, added // 10, seed)), "bytes": size / articles}
    db.close()
    return row


_BULK = 50_000


def _empty_articles(db: Database, articles: int) -> None:
    at = stamp(START)
    with db.atomic():
        db.conn.executemany(
            "insert into articles (id, url, urlkey, site, title, body, revision, first_seen, last_seen) "
            "values (?, '', '', 'stored.example', '', '', 1, ?, ?)",
            ((n, at, at) for n in range(1, articles + 1)),
        )


def _adding(db: Database, made: list[Post]) -> dict[str, Any]:
    took, looked, spent = [], [], 0.0
    for begin in range(0, len(made), 100):
        start = time.perf_counter()
        with db.atomic():
            for number, post in enumerate(made[begin : begin + 100], begin):
                article = insert(db, post, number)
                one = time.thread_time()
                clusters.assign_cluster(db, article)
                took.append((time.thread_time() - one) * 1000)
        spent += time.perf_counter() - start
    for article, body in db.execute("select id, body from articles order by id desc limit 500").fetchall():
        looked.append(len(lsh_candidates(db, article, minhash(wording_of(body)), 1_000)[0]))
    return {
        "p50_ms": percentile(took, 50),
        "p95_ms": percentile(took, 95),
        "committed_ms": spent * 1000 / len(made),
        "candidates": sum(looked) / len(looked),
        "candidates_most": max(looked),
    }


def crawl_cost(posts_each: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of CRAWL: CPU time per page of a site whose pages mostly have no copies."""
    out = {}
    for words in (300, 500, 800):
        language, rng = languages()["50,000 words"], random.Random(words)
        db = open_archive(folder / f"cost-{words}.db", create=True)
        spent = size = 0.0
        with db.atomic():
            for number in range(posts_each):
                text = language.text(paragraphs(language, rng, words, words))
                article = insert(db, Post("blog.example", "post", text, START + timedelta(days=number)), number)
                start = time.thread_time()
                clusters.assign_cluster(db, article)
                spent += time.thread_time() - start
                size += len(text)
        db.close()
        out[f"{words} words"] = {"kilobytes": size / posts_each / 1000, "ms": spent * 1000 / posts_each}
    return out


def measure(
    distinct: int, copies: int, articles: int, folder: Path, names: Sequence[str] = ()
) -> tuple[
    dict[str, dict[str, Any]], dict[str, dict[str, float]], dict[str, dict[str, Any]], dict[str, dict[str, Any]]
]:
    """Rows of QUALITY, the shares by kind for each of them, rows of SCALE and of CRAWL."""
    rows, kinds = {}, {}
    for name, language in languages().items():
        for one_site in (False, True) if not names or name in names else ():
            title = f"{name}{', one site' if one_site else ''}"
            rows[title], kinds[title] = quality(language, distinct, copies, folder, one_site=one_site)
    cost = crawl_cost(1_000, folder)
    return rows, kinds, {"a large archive": scale(articles, folder)} if articles else {}, cost
