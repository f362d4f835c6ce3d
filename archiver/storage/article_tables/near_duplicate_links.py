"""The tables of near-duplicates: links between articles (`near_duplicates`), MinHash signatures and LSH bands.

All functions that write expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from sqlite_utils import Database

from archiver.articles.near_duplicates import (
    SKETCH_VERSION,
    NearDuplicate,
    Wording,
    are_series,
    differ_only_in_numbers,
    minhash,
    near_duplicate,
    wording_of,
)

# -- LSH bands, which show which articles may be near-duplicates of an article

COMMON = 32
"""If at least this many articles have a key, the key is common. It then yields no candidates and is not stored for
further articles."""
OF_A_CLUSTER = 8
"""A member of a cluster is stored under a key only if fewer articles than this have the key. Otherwise these articles
represent it. This prevents the keys of a story with hundreds of copies from becoming common."""
LEAST_MET = 2
"""A candidate must share at least this many keys."""


def lsh_candidates(db: Database, article_id: int, keys: Sequence[int], most: int) -> tuple[list[int], Counter[int]]:
    """Returns the articles that may be near-duplicates of an article, given its LSH keys. These are at most `most`
    articles that share at least two keys with it, those with the most shared keys first.

    Also returns the number of other articles per key. Keys that very many articles have are ignored.
    """
    if not keys:
        return [], Counter()
    marks = ",".join("?" * len(keys))
    rows = db.execute(f"select key, article_id from lsh_bands where key in ({marks})", keys).fetchall()
    held = Counter(key for key, other in rows if other != article_id)
    shared = Counter(other for key, other in rows if other != article_id and held[key] < COMMON)
    # Ties are broken by age, so that the result does not depend on the order of the rows.
    found = sorted((-keys_shared, other) for other, keys_shared in shared.items() if keys_shared >= LEAST_MET)
    return [other for _, other in found[:most]], held


def enter_minhash(db: Database, article_id: int, keys: Sequence[int], held: Counter[int], *, clustered: bool) -> None:
    """Stores the LSH keys of an article, and that it was compared (even if it has no keys). `held` is the number of
    articles per key as `lsh_candidates` returned it.
    """
    db.execute(
        "insert into minhash_signatures (article_id, version) values (?, ?) on conflict (article_id) "
        "do update set version = excluded.version",
        [article_id, SKETCH_VERSION],
    )
    most = OF_A_CLUSTER if clustered else COMMON
    fresh = sorted({key for key in keys if held[key] < most})
    db.conn.executemany(
        "insert into lsh_bands (key, article_id) values (?, ?) on conflict do nothing",
        [(key, article_id) for key in fresh],
    )


def remove_minhash(db: Database, article_id: int, body: str) -> None:
    """Deletes the LSH keys of an article. `body` is the text from which they were computed."""
    if not db.execute("select 1 from minhash_signatures where article_id = ?", [article_id]).fetchone():
        return
    db.conn.executemany(
        "delete from lsh_bands where key = ? and article_id = ?",
        [(key, article_id) for key in minhash(wording_of(body))],
    )
    db.execute("delete from minhash_signatures where article_id = ?", [article_id])


def remove_all_minhashes(db: Database) -> None:
    db.execute("delete from lsh_bands")
    db.execute("delete from minhash_signatures")


def missing_minhashes(db: Database) -> int:
    """Returns the number of articles that were never compared with other articles, or only with another version of the
    signature.
    """
    articles = int(db.execute("select count(*) from articles").fetchone()[0])
    return articles - int(
        db.execute("select count(*) from minhash_signatures where version = ?", [SKETCH_VERSION]).fetchone()[0]
    )


# -- links

_MAX_CANDIDATES = 8
_ALMOST_WHOLE = 0.95
_ENOUGH = 3
"""If an article has this many links to one cluster, it need not be compared with the other members."""
Links = dict[int, tuple["_Text", NearDuplicate]]


@dataclass(frozen=True, slots=True)
class _Text:
    """The text of an article with its site and cluster, to be compared with other articles."""

    id: int
    cluster: int | None
    site: str
    title: str
    body: str

    @property
    def words(self) -> Wording:
        return wording_of(self.body)


def link(db: Database, article_id: int) -> tuple[set[int], set[int]]:
    """Compares an article with the articles that may be its near-duplicates, stores its links to those that are, and
    its LSH keys.

    Idempotent. Returns the IDs of the linked articles, and of those that lost a link because they proved to be
    issues of a series.
    """
    *text, digest = db.execute(
        "select cluster_id, site, title, body, content_digest from articles where id = ?", [article_id]
    ).fetchone()
    own = _Text(article_id, *text)
    keys = minhash(own.words)
    found, held = lsh_candidates(db, article_id, keys, _MAX_CANDIDATES)
    if keys and digest:
        # An article with the same text as many others is linked only with the first of them.
        found = list(dict.fromkeys([*_first_with_same_text(db, article_id, digest), *found]))
    links, seen = _compare(own, _texts(db, found))
    unlinked = _drop_series(db, own, links, seen)
    for other, (_, likeness) in links.items():
        _store_link(db, article_id, other, likeness)
    enter_minhash(db, article_id, keys, held, clustered=bool(links))
    return set(links), unlinked


def linked_with(db: Database, article_ids: Collection[int]) -> set[int]:
    """Returns the IDs of the articles that are linked with any of these articles, excluding these articles."""
    out: set[int] = set()
    for article_id in article_ids:
        out |= {
            row[0]
            for row in db.execute(
                "select other_id from near_duplicates where article_id = ? "
                "union select article_id from near_duplicates where other_id = ?",
                [article_id, article_id],
            )
        }
    return out - set(article_ids)


def unlink(db: Database, article_ids: Iterable[int]) -> None:
    """Deletes all near-duplicate links of these articles."""
    for article_id in article_ids:
        db.execute("delete from near_duplicates where article_id = ?", [article_id])
        db.execute("delete from near_duplicates where other_id = ?", [article_id])


def unlink_compared(db: Database, article_id: int) -> None:
    """Deletes an article's near-duplicate links to articles that have already been compared again."""
    db.execute(
        "delete from near_duplicates where article_id = ? and other_id in (select article_id from minhash_signatures)",
        [article_id],
    )
    db.execute(
        "delete from near_duplicates where other_id = ? and article_id in (select article_id from minhash_signatures)",
        [article_id],
    )


def _first_with_same_text(db: Database, article_id: int, digest: str) -> list[int]:
    return [
        row[0]
        for row in db.execute(
            "select id from articles a where content_digest = ? and id <> ? and exists "
            "(select 1 from minhash_signatures s where s.article_id = a.id) order by id limit 1",
            [digest, article_id],
        )
    ]


def _texts(db: Database, ids: list[int]) -> Iterable[_Text]:
    """Yields the texts of articles, loaded one at a time, so that texts that need not be compared are not loaded."""
    for number in ids:
        row = db.execute("select cluster_id, site, title, body from articles where id = ?", [number]).fetchone()
        if row is not None:  # None: another program deleted the article
            yield _Text(number, *row)


def _compare(own: _Text, others: Iterable[_Text]) -> tuple[Links, list[_Text]]:
    """Compares an article with other articles. Returns links to its near-duplicates, and all articles that it was
    compared with.
    """
    out: Links = {}
    seen: list[_Text] = []
    clusters: Counter[int] = Counter()
    for other in others:
        if other.cluster and clusters[other.cluster] >= _ENOUGH:
            continue
        seen.append(other)
        one_site = own.site == other.site
        likeness = near_duplicate(own.words, other.words, one_site=one_site)
        if likeness is not None and not (
            one_site
            and likeness.similarity < _ALMOST_WHOLE
            and differ_only_in_numbers((own.title, own.body), (other.title, other.body))
        ):
            out[other.id] = other, likeness
            clusters[other.cluster or 0] += 1
    return out, seen


def _drop_series(db: Database, own: _Text, links: Links, seen: list[_Text]) -> set[int]:
    """Removes from `links` the articles that are not near-duplicates but other issues of the same series, if most of
    the compared articles confirm that. Also deletes the stored links between these issues. Returns the articles that
    lost a stored link.
    """
    if not links or len(seen) < 2:
        return set()
    series = [
        (x.id, y.id)
        for x, y in combinations(seen, 2)
        if (x.id in links or y.id in links)
        and are_series(own.words, x.words, y.words, one_site=own.site == x.site == y.site)
    ]
    votes = Counter(number for pair in series for number in pair)
    for number in [number for number in links if 2 * votes[number] >= len(seen) - 1]:
        del links[number]
    unlinked = set()
    for x, y in series:
        if (
            x not in links
            and y not in links
            and db.execute(
                "delete from near_duplicates where article_id = ? and other_id = ? returning 1", [max(x, y), min(x, y)]
            ).fetchone()
        ):
            unlinked |= {x, y}
    return unlinked


def _store_link(db: Database, article_id: int, other: int, likeness: NearDuplicate) -> None:
    """Stores the link between two near-duplicates as one row, with the higher ID first."""
    db.execute(
        "insert into near_duplicates (article_id, other_id, similarity, reason) values (?, ?, ?, ?) "
        "on conflict (article_id, other_id) do update set similarity = excluded.similarity, "
        "reason = excluded.reason",
        [max(article_id, other), min(article_id, other), likeness.similarity, likeness.reason],
    )
