"""Links between articles whose texts are near copies of each other: table `near_duplicates`.

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
    are_numbered,
    are_series,
    minhash,
    near_duplicate,
    wording_of,
)

# The index of all texts by their sketches: which articles may be near copies of one.

COMMON = 32
"""A key that so many articles have is common: it finds none, and is entered for no more."""
OF_A_CLUSTER = 8
"""A member of a cluster is entered where fewer than so many have its key: the others stand for it, and a story with
hundreds of copies does not become common."""
LEAST_MET = 2


def lsh_candidates(db: Database, article_id: int, keys: Sequence[int], most: int) -> tuple[list[int], Counter[int]]:
    """The other articles that meet this one in two keys or more which are not common, at most `most`, those that
    meet it oftenest first; and how many others have each key."""
    if not keys:
        return [], Counter()
    marks = ",".join("?" * len(keys))
    rows = db.execute(f"select key, article_id from lsh_bands where key in ({marks})", keys).fetchall()
    held = Counter(key for key, other in rows if other != article_id)
    met = Counter(other for key, other in rows if other != article_id and held[key] < COMMON)
    # Of equals the older ones, so that the answer does not depend on the order in which rows lie.
    found = sorted((-times, other) for other, times in met.items() if times >= LEAST_MET)
    return [other for _, other in found[:most]], held


def enter_minhash(db: Database, article_id: int, keys: Sequence[int], held: Counter[int], *, clustered: bool) -> None:
    """Put an article into the index, and note that it was (also one without keys). `held` as `candidates` gave it."""
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
    """An article is no longer found by its text, which was this when it was entered."""
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
    """How many articles were never compared with the others, or by another version's sketch."""
    articles = int(db.execute("select count(*) from articles").fetchone()[0])
    return articles - int(
        db.execute("select count(*) from minhash_signatures where version = ?", [SKETCH_VERSION]).fetchone()[0]
    )


_MOST_LOOKED_AT = 8
_ALMOST_WHOLE = 0.95
_ENOUGH = 3
"""Links to one cluster: with so many its other members need not be looked at."""
Links = dict[int, tuple["_Text", NearDuplicate]]


@dataclass(frozen=True, slots=True)
class _Text:
    """An article's text as it is compared."""

    id: int
    cluster: int | None
    site: str
    title: str
    body: str

    @property
    def words(self) -> Wording:
        return wording_of(self.body)


def link(db: Database, article_id: int) -> tuple[set[int], set[int]]:
    """Compare an article, as it is stored, with all that may be near copies of it, link it with those that are, and
    enter it into the index; what is done already is not done twice.

    Returns the linked articles, and those that lost a link because all proved to be a series.
    """
    *text, digest = db.execute(
        "select cluster_id, site, title, body, content_digest from articles where id = ?", [article_id]
    ).fetchone()
    own = _Text(article_id, *text)
    keys = minhash(own.words)
    found, held = lsh_candidates(db, article_id, keys, _MOST_LOOKED_AT)
    if keys and digest:
        # All that share one text are linked with the first of them, however many they are.
        found = list(dict.fromkeys([*_of_same_text(db, article_id, digest), *found]))
    links, seen = _compare(own, _texts(db, found))
    unlinked = _drop_series(db, own, links, seen)
    for other, (_, likeness) in links.items():
        _write(db, article_id, other, likeness)
    enter_minhash(db, article_id, keys, held, clustered=bool(links))
    return set(links), unlinked


def linked_with(db: Database, article_ids: Collection[int]) -> set[int]:
    """The articles that are linked with some of these, these left out."""
    out: set[int] = set()
    for article_id in article_ids:
        out |= {
            row[0]
            for row in db.execute(
                "select other_id from near_duplicates where article_id = ? union select article_id from near_duplicates "
                "where other_id = ?",
                [article_id, article_id],
            )
        }
    return out - set(article_ids)


def unlink(db: Database, article_ids: Iterable[int]) -> None:
    """Take away all links of articles."""
    for article_id in article_ids:
        db.execute("delete from near_duplicates where article_id = ?", [article_id])
        db.execute("delete from near_duplicates where other_id = ?", [article_id])


def unlink_compared(db: Database, article_id: int) -> None:
    """Take away the links of an article to those that are in the index."""
    db.execute(
        "delete from near_duplicates where article_id = ? and other_id in (select article_id from minhash_signatures)",
        [article_id],
    )
    db.execute(
        "delete from near_duplicates where other_id = ? and article_id in (select article_id from minhash_signatures)",
        [article_id],
    )


def _of_same_text(db: Database, article_id: int, digest: str) -> list[int]:
    return [
        row[0]
        for row in db.execute(
            "select id from articles a where content_digest = ? and id <> ? and exists (select 1 from minhash_signatures s "
            "where s.article_id = a.id) order by id limit 1",
            [digest, article_id],
        )
    ]


def _texts(db: Database, ids: list[int]) -> Iterable[_Text]:
    """Articles, one at a time, so that those which need not be looked at are not read."""
    for number in ids:
        row = db.execute("select cluster_id, site, title, body from articles where id = ?", [number]).fetchone()
        if row is not None:  # an entry of an article that another program deleted
            yield _Text(number, *row)


def _compare(own: _Text, others: Iterable[_Text]) -> tuple[Links, list[_Text]]:
    """The near copies among some articles, and all of them that were looked at."""
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
            and are_numbered((own.title, own.body), (other.title, other.body))
        ):
            out[other.id] = other, likeness
            clusters[other.cluster or 0] += 1
    return out, seen


def _drop_series(db: Database, own: _Text, links: Links, seen: list[_Text]) -> set[int]:
    """Leave out of an article's links those that are posts of its series, as most of the others that were looked at
    bear out, and unlink these from one another."""
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


def _write(db: Database, article_id: int, other: int, likeness: NearDuplicate) -> None:
    """A pair is one row, the article with the higher number first."""
    db.execute(
        "insert into near_duplicates (article_id, other_id, similarity, reason) values (?, ?, ?, ?) "
        "on conflict (article_id, other_id) do update set similarity = excluded.similarity, "
        "reason = excluded.reason",
        [max(article_id, other), min(article_id, other), likeness.similarity, likeness.reason],
    )
