"""Links between articles whose texts are near copies of each other: table `near_duplicates`.

All functions that write expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations

from sqlite_utils import Database

from archiver.record.nearcopy import Likeness, are_numbered, are_series, near_copies
from archiver.record.sketch import sketch
from archiver.record.wording import Wording, wording
from archiver.store import sketches

_MOST_LOOKED_AT = 8
_ALMOST_WHOLE = 0.95
_ENOUGH = 3
"""Links to one cluster: with so many its other members need not be looked at."""
Links = dict[int, tuple["_Text", Likeness]]


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
        return wording(self.body)


def link(db: Database, article_id: int) -> tuple[set[int], set[int]]:
    """Compare an article, as it is stored, with all that may be near copies of it, link it with those that are, and
    enter it into the index; what is done already is not done twice.

    Returns the linked articles, and those that lost a link because all proved to be a series.
    """
    *text, digest = db.execute("select cluster_id, site, title, body, content_digest from articles where id = ?",
                               [article_id]).fetchone()
    own = _Text(article_id, *text)
    keys = sketch(own.words)
    found, held = sketches.candidates(db, article_id, keys, _MOST_LOOKED_AT)
    if keys and digest:
        # All that share one text are linked with the first of them, however many they are.
        found = list(dict.fromkeys([*_of_same_text(db, article_id, digest), *found]))
    links, seen = _compare(own, _texts(db, found))
    unlinked = _drop_series(db, own, links, seen)
    for other, (_, likeness) in links.items():
        _write(db, article_id, other, likeness)
    sketches.enter(db, article_id, keys, held, clustered=bool(links))
    return set(links), unlinked


def linked_with(db: Database, article_ids: Collection[int]) -> set[int]:
    """The articles that are linked with some of these, these left out."""
    out: set[int] = set()
    for article_id in article_ids:
        out |= {row[0] for row in db.execute(
            "select other_id from near_duplicates where article_id = ? union select article_id from near_duplicates "
            "where other_id = ?", [article_id, article_id])}
    return out - set(article_ids)


def unlink(db: Database, article_ids: Iterable[int]) -> None:
    """Take away all links of articles."""
    for article_id in article_ids:
        db.execute("delete from near_duplicates where article_id = ?", [article_id])
        db.execute("delete from near_duplicates where other_id = ?", [article_id])


def unlink_compared(db: Database, article_id: int) -> None:
    """Take away the links of an article to those that are in the index."""
    db.execute("delete from near_duplicates where article_id = ? and other_id in (select article_id from "
               "minhash_signatures)",
               [article_id])
    db.execute("delete from near_duplicates where other_id = ? and article_id in (select article_id from "
               "minhash_signatures)",
               [article_id])


def _of_same_text(db: Database, article_id: int, digest: str) -> list[int]:
    return [row[0] for row in db.execute(
        "select id from articles a where content_digest = ? and id <> ? and exists (select 1 from minhash_signatures s "
        "where s.article_id = a.id) order by id limit 1", [digest, article_id])]


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
        likeness = near_copies(own.words, other.words, one_site=one_site)
        if likeness is not None and not (one_site and likeness.similarity < _ALMOST_WHOLE and are_numbered(
                (own.title, own.body), (other.title, other.body))):
            out[other.id] = other, likeness
            clusters[other.cluster or 0] += 1
    return out, seen


def _drop_series(db: Database, own: _Text, links: Links, seen: list[_Text]) -> set[int]:
    """Leave out of an article's links those that are posts of its series, as most of the others that were looked at
    bear out, and unlink these from one another."""
    if not links or len(seen) < 2:
        return set()
    series = [(x.id, y.id) for x, y in combinations(seen, 2) if (x.id in links or y.id in links)
              and are_series(own.words, x.words, y.words, one_site=own.site == x.site == y.site)]
    votes = Counter(number for pair in series for number in pair)
    for number in [number for number in links if 2 * votes[number] >= len(seen) - 1]:
        del links[number]
    unlinked = set()
    for x, y in series:
        if x not in links and y not in links and db.execute(
                "delete from near_duplicates where article_id = ? and other_id = ? returning 1",
                [max(x, y), min(x, y)]).fetchone():
            unlinked |= {x, y}
    return unlinked


def _write(db: Database, article_id: int, other: int, likeness: Likeness) -> None:
    """A pair is one row, the article with the higher number first."""
    db.execute("insert into near_duplicates (article_id, other_id, similarity, reason) values (?, ?, ?, ?) "
               "on conflict (article_id, other_id) do update set similarity = excluded.similarity, "
               "reason = excluded.reason",
               [max(article_id, other), min(article_id, other), likeness.similarity, likeness.reason])
