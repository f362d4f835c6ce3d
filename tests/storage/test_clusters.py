"""Clusters in a real archive: articles that join, change and leave; insertion order and batch size make no
difference.
"""

from __future__ import annotations

import random
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from generated_copies import EDITS, Language, languages, paragraphs
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from archiver.model.errors import ClusterNotFound
from archiver.model.items import Article
from archiver.storage import clusters
from archiver.storage.article_records import cluster_by_number, cluster_of
from archiver.storage.article_records import clusters as listed
from archiver.storage.articles import Observation, store_article
from archiver.storage.clusters import rebuild
from archiver.storage.sites import remove_site
from tests.storage.one_site_archive import AT, archive_of_one_site


def prose() -> Language:
    return languages()["50,000 words"]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with archive_of_one_site(tmp_path, "one.example") as db:
        yield db


def story(seed: int, words: int = 150) -> list[list[str]]:
    return paragraphs(prose(), random.Random(seed), words, words)


def edited(text: list[list[str]], seed: int = 0, share: float = 0.1, kind: int = 0) -> list[list[str]]:
    return EDITS[kind](prose(), random.Random(seed), text, share)


def add(
    db: Database, number: int, text: Sequence[list[str]] | str, site: str = "", days: float = 0, **more: object
) -> int:
    """Store a post (the first or another reading of number `number` on its site) and return its number."""
    site = site or f"site{number}.example"
    body = text if isinstance(text, str) else prose().text(list(text))
    article = Article(
        url=f"https://{site}/{number}",
        title=f"Post {number}",
        body=body,
        post_id=f"x:{number}",
        published=AT + timedelta(days=days or number),
        published_precision="minute",
        **more,
    )  # type: ignore[arg-type]
    with db.atomic():
        return store_article(db, site, article, Observation(AT + timedelta(days=99), AT, run_id=1)).article_id


def state(db: Database) -> dict[int, list[int]]:
    """Return the members of each cluster, and check that all tables agree on them."""
    out: dict[int, list[int]] = defaultdict(list)
    for number, member in db.execute("select cluster_id, id from articles where cluster_id is not null order by id"):
        out[number].append(member)
    rows = {row["id"]: row for row in db.query("select * from clusters where size > 0")}
    assert {number: row["size"] for number, row in rows.items()} == {n: len(m) for n, m in out.items()}
    assert all(row["source_id"] in out[number] and row["reason"] for number, row in rows.items())
    assert all(len(members) > 1 for members in out.values())
    for one, other in db.execute("select article_id, other_id from near_duplicates"):
        assert any({one, other} <= set(members) for members in out.values())
    return dict(out)


def groups(db: Database) -> set[frozenset[int]]:
    return {frozenset(members) for members in state(db).values()}


def test_a_copy_elsewhere_joins_and_the_earlier_one_is_the_source(db: Database) -> None:
    text = story(1)
    a, lone, b = add(db, 1, text, days=5), add(db, 2, story(2)), add(db, 3, edited(text), days=3)
    assert state(db) == {1: [a, b]}
    found = cluster_by_number(db, 1)
    assert (found["source_id"], found["reason"], found["size"]) == (b, "earliest published", 2)
    first, second = found["members"]
    assert (first["id"], second["id"], second["near"]) == (b, a, b)
    assert 0.6 < second["similarity"] < 1
    assert second["how"].startswith("shares ")
    assert cluster_of(db, lone) is None
    c = add(db, 4, edited(text, 4), days=1)
    assert state(db) == {1: [a, b, c]}
    assert cluster_by_number(db, 1)["source_id"] == c
    rows = db.execute("select article_id, is_source, similarity > 0.5 from cluster_members order by 1").fetchall()
    assert rows == [(a, 0, 1), (b, 0, 1), (c, 1, 1)]


def test_equal_texts_form_a_cluster_unless_they_are_short(db: Database) -> None:
    a, b = add(db, 1, story(1)), add(db, 2, story(1))
    short = "A notice of some words: the municipal office stays closed on Mondays, and on all the holidays of the town."
    c, d = add(db, 3, short), add(db, 4, short)
    assert state(db) == {1: [a, b]}
    assert [row[0] for row in db.execute("select duplicate_of from articles order by id")] == [None, a, None, c]
    assert d
    assert cluster_by_number(db, 1)["members"][1]["similarity"] == 1


@pytest.mark.parametrize("name", ["Chinese", "Thai", "60 words"])
def test_clusters_work_in_other_scripts_and_with_small_vocabularies(db: Database, name: str) -> None:
    language, rng = languages()[name], random.Random(name)
    texts = [paragraphs(language, rng, 200, 300) for _ in range(6)]
    for number, text in enumerate(texts):
        add(db, number, language.text(text))
    copy = add(db, 9, language.text(EDITS[0](language, rng, texts[3], 0.2)))
    assert state(db) == {1: [4, copy]}


def test_a_member_that_links_two_clusters_merges_them_under_the_older_id(db: Database) -> None:
    one, two = story(1), story(2)
    a, b, c, d = (add(db, 1, one), add(db, 2, two), add(db, 3, edited(two)), add(db, 4, edited(one)))
    assert state(db) == {1: [b, c], 2: [a, d]}
    e = add(db, 5, [*one, *two])
    assert state(db) == {1: [a, b, c, d, e]}
    assert cluster_by_number(db, 2)["id"] == 1, "whoever has noted the other number finds the cluster"
    add(db, 6, story(3))
    add(db, 7, edited(story(3)))
    assert sorted(state(db)) == [1, 3]


def test_the_first_published_is_the_source_of_a_large_cluster(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    text = story(1)
    newest_first = [add(db, n, edited(text, n, 0.1), days=10 - n) for n in range(1, 7)]
    monkeypatch.setattr(clusters, "_MOST_WEIGHED", 3)
    add(db, 6, story(6), days=4)
    assert cluster_by_number(db, 1)["source_id"] == newest_first[4]


def test_an_edit_joins_and_leaves_a_cluster_whose_id_stays(db: Database) -> None:
    text = story(1)
    a, b, c = add(db, 1, text), add(db, 2, edited(text, 2)), add(db, 3, story(3))
    add(db, 2, edited(text, 5, 0.05))
    assert state(db) == {1: [a, b]}
    add(db, 3, edited(text, 3))
    assert state(db) == {1: [a, b, c]}
    add(db, 1, story(9))
    assert state(db) == {1: [b, c]}
    assert cluster_by_number(db, 1)["source_id"] == b
    add(db, 2, story(10))
    assert state(db) == {}
    with pytest.raises(ClusterNotFound, match=f"^{ClusterNotFound('1', dissolved=True)}$"):
        cluster_by_number(db, 1)
    with pytest.raises(ClusterNotFound, match="no cluster 7"):
        cluster_by_number(db, 7)
    add(db, 1, text)
    add(db, 2, edited(text))
    assert state(db) == {2: [a, b, c]}, "a number is given once"


def test_a_cluster_falls_apart_when_its_link_is_removed(db: Database) -> None:
    one, two = story(1), story(2)
    a, b, c, d = (add(db, 1, one), add(db, 2, two), add(db, 3, edited(two)), add(db, 4, edited(one)))
    link = add(db, 5, [*one, *two], days=0.5)
    assert state(db) == {1: [a, b, c, d, link]}
    assert cluster_by_number(db, 1)["source_id"] == link
    add(db, 5, story(5))
    assert state(db) == {1: [a, d], 3: [b, c]}


def test_the_rest_of_a_cluster_stays_when_a_site_is_removed(db: Database) -> None:
    text = story(1)
    db.table("sites").insert(
        {
            "id": 2,
            "name": "two.example",
            "start_url": "https://two.example/",
            "host": "two.example",
            "path": "/",
            "settings": "{}",
            "added_at": AT.isoformat(),
        }
    )
    hub = add(db, 1, text, site="one.example")
    others = [add(db, n, edited(text, n, 0.15)) for n in range(2, 7)] + [add(db, 7, text), add(db, 8, text)]
    assert state(db) == {1: [hub, *others]}
    remove_site(db, "one.example", with_articles=True)
    assert state(db) == {1: others}
    assert cluster_by_number(db, 1)["source_id"] == others[0]
    assert db.execute("select count(*) from lsh_bands where article_id = ?", [hub]).fetchone() == (0,)
    db.table("runs").insert({"id": 1, "site_id": 2, "mode": "full", "started_at": AT.isoformat()})
    late = add(db, 20, edited(text, 20))
    assert state(db) == {1: sorted([*others, late])}


def test_rows_deleted_by_another_program_do_no_harm(db: Database) -> None:
    text = story(1)
    ids = [add(db, n, edited(text, n)) for n in range(1, 5)]
    plain = sqlite3.connect(next(row[2] for row in db.execute("pragma database_list")))
    for table in ("article_urls", "revisions"):
        plain.execute(f"delete from {table} where article_id = ?", [ids[0]])
    plain.execute("delete from articles where id = ?", [ids[0]])
    plain.commit()
    plain.close()
    assert db.execute("select size, source_id from clusters").fetchall() == [(3, None)]
    ids.append(add(db, 6, edited(text, 6)))
    assert state(db) == {1: ids[1:]}


def test_a_corrected_time_changes_the_source(db: Database) -> None:
    text = story(1)
    a, b = add(db, 1, text, days=5), add(db, 2, edited(text), days=7)
    assert cluster_by_number(db, 1)["source_id"] == a
    add(db, 2, edited(text), days=2)
    assert cluster_by_number(db, 1)["source_id"] == b
    add(db, 2, edited(text), days=2, canonical_url="https://site1.example/1?utm_source=x", categories=("News",))
    assert cluster_by_number(db, 1)["source_id"] == a
    assert "canonical" in cluster_by_number(db, 1)["reason"]


def test_a_link_in_the_text_can_determine_the_source(db: Database) -> None:
    text = prose().text(story(1))
    a, b = add(db, 1, text, days=5), add(db, 2, f"{text}\n\nFirst published at https://site1.example/1.", days=2)
    assert cluster_by_number(db, 1)["members"][0]["id"] == a
    assert b
    assert "address" in cluster_by_number(db, 1)["reason"]


def test_a_recognized_series_is_not_a_cluster(db: Database) -> None:
    rng = random.Random(5)
    frame = [word if rng.random() < 0.7 else "" for word in prose().some(rng, 150)]
    ids = [add(db, n, [[word or prose().some(rng, 1)[0] for word in frame]], site="one.example") for n in range(1, 12)]
    assert state(db) == {}
    assert len(ids) == 11


def test_common_keys_are_ignored_and_the_index_stays_small(db: Database) -> None:
    rng = random.Random(6)
    about = prose().some(rng, 60)
    texts = [[prose().some(rng, 60), about] for _ in range(60)]
    for number, text in enumerate(texts, 1):
        add(db, number, text, site="author.example")
    assert state(db) == {}
    most = db.execute("select max(n) from (select count(*) as n from lsh_bands group by key)").fetchone()[0]
    assert most == clusters.COMMON
    copy = add(db, 99, edited(texts[40], share=0.05))
    assert state(db) == {1: [41, copy]}


def test_a_story_with_many_copies_and_a_notice_repeated_often_stay_one_cluster(db: Database) -> None:
    text, notice = story(1), story(2)
    copies = [add(db, n, edited(text, n, 0.15)) for n in range(1, 61)]
    notices = [add(db, n, notice) for n in range(101, 221)]
    assert state(db) == {1: copies, 2: notices}
    most = db.execute("select max(n) from (select count(*) as n from lsh_bands group by key)").fetchone()[0]
    assert most <= clusters.OF_A_CLUSTER
    # All posts with an equal text are linked with the first, however many there are.
    assert (
        db.execute("select count(*) from near_duplicates where article_id >= ?", [notices[0]]).fetchone()[0] <= 4 * 120
    )
    assert [row["size"] for row in listed(db)] == [120, 60]
    assert listed(db, "site3.example")[0]["id"] == 1


@cache
def ten_posts() -> list[list[list[str]]]:
    """Return the texts of two stories with three copies each, and of two posts without copies."""
    return [
        *(
            text
            for seed in (1, 2)
            for text in (
                story(seed),
                edited(story(seed), 1, 0.15),
                edited(story(seed), 2, 0.15, 4),
                edited(story(seed), 3, 0.2, 5),
            )
        ),
        story(3),
        story(4),
    ]


@settings(max_examples=12, deadline=None)
@given(st.permutations(range(10)))
def test_clusters_do_not_depend_on_the_order_of_posts(order: list[int]) -> None:
    with TemporaryDirectory() as folder, archive_of_one_site(Path(folder), "one.example") as db:
        ids = {add(db, n + 1, ten_posts()[n]): n for n in order}
        assert {frozenset(ids[m] for m in group) for group in groups(db)} == {
            frozenset(range(4)),
            frozenset(range(4, 8)),
        }
        assert (
            len(
                db.execute("select source_id from clusters where size > 0 and reason = 'earliest published'").fetchall()
            )
            == 2
        )


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 3), st.integers(0, 6)), min_size=5, max_size=25))
def test_clusters_after_edits_equal_those_of_a_rebuild(steps: list[tuple[int, int, int]]) -> None:
    """Each step replaces the text of a post, or (6) removes the post from all clusters."""
    with TemporaryDirectory() as folder, archive_of_one_site(Path(folder), "one.example") as db:
        for number, seed, kind in steps:
            if kind < 6:
                add(db, number, edited(story(seed), number, 0.1, kind))
                continue
            with db.atomic():
                clusters.leave_clusters(
                    db, [r[0] for r in db.execute("select id from articles where post_id = ?", [f"x:{number}"])]
                )
                db.execute("delete from article_urls where url like ?", [f"%/{number}"])
                db.execute(
                    "delete from revisions where article_id in (select id from articles where post_id = ?)",
                    [f"x:{number}"],
                )
                db.execute(
                    "update articles set duplicate_of = null where duplicate_of in "
                    "(select id from articles where post_id = ?)",
                    [f"x:{number}"],
                )
                db.execute("delete from articles where post_id = ?", [f"x:{number}"])
        before = state(db)
        rebuild(db)
        assert state(db) == before


def test_a_rebuild_keeps_ids_and_adds_missing_clusters(db: Database) -> None:
    texts = [story(1), story(2), story(2, 150), story(1)]
    for number, text in enumerate(texts, 1):
        add(db, number, edited(text, number))
    before, done = state(db), []
    assert before == {1: [2, 3], 2: [1, 4]}
    assert clusters.missing_minhashes(db) == 0
    rebuild(db, done.append)
    assert state(db) == before
    assert done == [4]
    with db.atomic():
        for table in ("near_duplicates", "lsh_bands", "minhash_signatures", "clusters"):
            db.execute(f"delete from {table}")
        db.execute("update articles set cluster_id = null")
    assert clusters.missing_minhashes(db) == 4
    assert listed(db) == []
    rebuild(db)
    assert groups(db) == {frozenset({2, 3}), frozenset({1, 4})}
    assert clusters.missing_minhashes(db) == 0


def test_signatures_of_another_version_are_rebuilt(db: Database) -> None:
    add(db, 1, story(1))
    db.execute("update minhash_signatures set version = 0")
    assert clusters.missing_minhashes(db) == 1
    add(db, 2, edited(story(1)))
    rebuild(db)
    assert clusters.missing_minhashes(db) == 0
    assert state(db) == {1: [1, 2]}


def test_an_interrupted_rebuild_loses_no_cluster(db: Database) -> None:
    for number in range(1, 7):
        add(db, number, edited(story(1 + number % 2), number))
    before = state(db)

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(db, stop)
    assert state(db) == before
