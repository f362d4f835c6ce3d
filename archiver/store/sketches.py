"""The index of all texts by their sketches: which articles may be near copies of one.

A key that many articles have says nothing of any two of them (a disclaimer, a template, a phrase): the index holds it
for a bounded number, so that looking one article up reads a bounded number of rows, whatever the archive holds.
All functions that write expect to run inside the caller's transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlite_utils import Database

from archiver.record.sketch import SKETCH_VERSION, sketch
from archiver.record.wording import wording

COMMON = 32
"""A key that so many articles have is common: it finds none, and is entered for no more."""
OF_A_CLUSTER = 8
"""A member of a cluster is entered where fewer than so many have its key: the others stand for it, and a story with
hundreds of copies does not become common."""
LEAST_MET = 2


def candidates(db: Database, article_id: int, keys: Sequence[int], most: int) -> tuple[list[int], Counter[int]]:
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


def enter(db: Database, article_id: int, keys: Sequence[int], held: Counter[int], *, clustered: bool) -> None:
    """Put an article into the index, and note that it was (also one without keys). `held` as `candidates` gave it."""
    db.execute("insert into minhash_signatures (article_id, version) values (?, ?) on conflict (article_id) "
               "do update set version = excluded.version", [article_id, SKETCH_VERSION])
    most = OF_A_CLUSTER if clustered else COMMON
    fresh = sorted({key for key in keys if held[key] < most})
    db.conn.executemany("insert into lsh_bands (key, article_id) values (?, ?) on conflict do nothing",
                        [(key, article_id) for key in fresh])


def take_out(db: Database, article_id: int, body: str) -> None:
    """An article is no longer found by its text, which was this when it was entered."""
    if not db.execute("select 1 from minhash_signatures where article_id = ?", [article_id]).fetchone():
        return
    db.conn.executemany("delete from lsh_bands where key = ? and article_id = ?",
                        [(key, article_id) for key in sketch(wording(body))])
    db.execute("delete from minhash_signatures where article_id = ?", [article_id])


def take_all_out(db: Database) -> None:
    db.execute("delete from lsh_bands")
    db.execute("delete from minhash_signatures")


def missing(db: Database) -> int:
    """How many articles were never compared with the others, or by another version's sketch."""
    articles = int(db.execute("select count(*) from articles").fetchone()[0])
    return articles - int(db.execute("select count(*) from minhash_signatures where version = ?",
                                     [SKETCH_VERSION]).fetchone()[0])
