"""One dataset from several archives: equal texts in two archives get the IDs, tiers and splits that they have in one
archive.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.datasets.withheld_text_and_leaked_passages import first_words
from archiver.errors import SnapshotRefused
from archiver.items import UsageStatement
from archiver.storage.archive_opening import open_archive
from tests.datasets.published import CC_BY, FREE, NEAR, Post, all_words, contents, leaked, make, publish, rows, text
from tests.runner import failure, fault

NOTES = "https://notes.example/blog/"
RESERVED = (UsageStatement("file", "tdm-reservation", "1"),)
POSTS = (
    Post(1, rights=RESERVED),
    Post(2),
    Post(3, published="2024-01-01T09:00:00+01:00"),
    Post(4, rights=(CC_BY,)),
    Post(11, site=NOTES, body=text(1)),
    Post(12, site=NOTES, body=text(2), published="2020-01-01T09:00:00+01:00"),
    Post(13, site=NOTES, body=text(3), day=1),
    Post(14, site=NOTES, body=text(3) + NEAR, day=2),
    Post(15, site=NOTES),
)
ASKED = ("--version", "1.0.0", "--splits", "train=50,test=50")
NAMED = ("id", "tier", "duplicate_of", "cluster_id", "split")


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("archives")
    (place / "rules.toml").write_text(FREE)
    return [
        make(place / name / "archive.db", [post for post in POSTS if (post.site == NOTES) is bool(number)])
        for number, name in enumerate(("harbour", "notes"))
    ]


def test_equal_texts_are_treated_as_in_one_archive(archives: list[Path], tmp_path: Path) -> None:
    whole = make(tmp_path / "whole" / "archive.db", POSTS)
    rules = ("--rules", str(archives[0].parents[1] / "rules.toml"))
    for name, source in (("one", [whole]), ("two", archives), ("swapped", archives[::-1])):
        done = publish(source, str(tmp_path / name), *ASKED, *rules)
        assert done.exit_code == 0, done.output
    found = {
        name: [[row[column] for column in NAMED] for row in rows(tmp_path / name, "articles")]
        for name in ("one", "two", "swapped")
    }
    assert found["one"] == found["two"] == found["swapped"]
    assert [row[1] for row in found["one"]].count("reference") == 2
    assert leaked(text(1), all_words(tmp_path / "two")) == []
    card = (tmp_path / "two" / "README.md").read_text()
    assert [
        row
        for row in card.splitlines()
        if row.startswith("| reference | ") and "harbour.example" in row and row.endswith(" | 1 |")
    ]
    assert card == (tmp_path / "one" / "README.md").read_text()


def test_copy_outside_the_query_limits_the_tier(archives: list[Path], tmp_path: Path) -> None:
    rules = ("--rules", str(archives[0].parents[1] / "rules.toml"))
    done = publish(archives, str(tmp_path / "d"), *ASKED, *rules, "--site", "notes.example/blog")
    assert done.exit_code == 0, done.output
    found = {row["url"].rsplit("/", 1)[1]: row for row in rows(tmp_path / "d", "articles")}
    assert {name: row["tier"] for name, row in found.items()} == {
        "11": "reference",
        "12": "full",
        "13": "full",
        "14": "full",
        "15": "full",
    }
    assert all(row["duplicate_of"] is None for row in found.values()), "these are of the dataset alone"
    assert found["13"]["cluster_id"] == found["14"]["cluster_id"] not in (found["13"]["id"], None)
    assert found["13"]["split"] == found["14"]["split"]


def test_explain_agrees_with_publish(archives: list[Path]) -> None:
    rules = ("--rules", str(archives[0].parents[1] / "rules.toml"))
    both = json.loads(publish(archives, "--explain", f"{NOTES}11", *rules, "--json").stdout)
    assert both["tier"] == "reference"
    assert any("harbour.example" in one["why"] for one in both["reasons"])
    assert json.loads(publish(archives[1], "--explain", f"{NOTES}11", *rules, "--json").stdout)["tier"] == "full"
    assert fault(publish(archives, "--explain", "x")) == "ArticleNotFound x"


def test_folding_keeps_one_of_equal_texts(archives: list[Path], tmp_path: Path) -> None:
    done = publish(archives, str(tmp_path / "d"), *ASKED, "--fold", "text")
    assert done.exit_code == 0, done.output
    assert sorted(row["url"].rsplit("/", 1)[1] for row in rows(tmp_path / "d", "articles")) == [
        "1",
        "12",
        "14",
        "15",
        "3",
        "4",
    ]


def test_near_duplicates_are_treated_as_in_one_archive(tmp_path: Path) -> None:
    """Each post of the second site is an edited copy of one of the first, whose odd posts are reserved."""
    posts = [Post(n, rights=RESERVED if n % 2 else (), title=f"Kept {n}") for n in range(1, 9)]
    copies = [Post(10 + n, site=NOTES, body=_edited(text(n), n), title=f"Copied {n}") for n in range(1, 9)]
    one = make(tmp_path / "one" / "archive.db", [*posts, *copies])
    two = [make(tmp_path / str(at) / "archive.db", found) for at, found in enumerate((posts, copies))]
    (tmp_path / "rules.toml").write_text(FREE)
    found = {}
    for name, source in (("d1", [one]), ("d2", two), ("d3", two[::-1])):
        done = publish(source, str(tmp_path / name), *ASKED, "--rules", str(tmp_path / "rules.toml"))
        assert done.exit_code == 0, done.output
        found[name] = [[row[column] for column in NAMED] for row in rows(tmp_path / name, "articles")]
    assert found["d1"] == found["d2"] == found["d3"]
    assert [row[1] for row in found["d2"]].count("reference") == 8
    assert len({row[3] for row in found["d2"]}) == 8
    assert [leaked(post.text, all_words(tmp_path / "d2")) for post in posts[::2]] == [[]] * 4


def test_near_duplicates_without_stored_keys_are_found(tmp_path: Path) -> None:
    """The second archive has compared none of its articles yet."""
    two = [
        make(tmp_path / "a" / "archive.db", [Post(1)]),
        make(tmp_path / "b" / "archive.db", [Post(2, site=NOTES, body=_edited(text(1), 1))]),
    ]
    db = open_archive(two[1])
    db.execute("delete from lsh_bands")
    db.execute("delete from minhash_signatures")
    db.conn.commit()
    db.close()
    assert publish(two, str(tmp_path / "d"), *ASKED).exit_code == 0
    assert len({row["cluster_id"] for row in rows(tmp_path / "d", "articles")} - {None}) == 1


@pytest.mark.parametrize("fold", ["text", "cluster"])
def test_folding_of_near_duplicates(tmp_path: Path, fold: str) -> None:
    two = [
        make(tmp_path / "a" / "archive.db", [Post(1)]),
        make(tmp_path / "b" / "archive.db", [Post(2, site=NOTES, body=_edited(text(1), 1))]),
    ]
    assert publish(two, str(tmp_path / "d"), *ASKED, "--fold", fold).exit_code == 0
    assert len(rows(tmp_path / "d", "articles")) == {"text": 2, "cluster": 1}[fold]


def _edited(body: str, seed: int) -> str:
    """Return a text with three words of each paragraph replaced."""
    choose = random.Random(seed)
    out = []
    for paragraph in body.split("\n\n"):
        words = paragraph.split()
        for at in choose.sample(range(len(words)), min(3, len(words))):
            words[at] = f"other{at}"
        out.append(" ".join(words))
    return "\n\n".join(out)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_passage_of_a_withheld_text_is_in_any_file(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Archives with random texts, copies of texts, copies of parts of them, earlier revisions, statements on their use,
    and rules that permit them.
    """
    choose, folder = random.Random(seed), tmp_path_factory.mktemp("build")
    texts = [text(choose.randrange(10**6), choose.randint(2, 8)) for _ in range(3)]
    texts.append(
        "\n\n".join("".join(chr(choose.randrange(0x4E00, 0x6000)) for _ in range(50)) + "。" for _ in range(4))
    )
    rights: tuple[tuple[UsageStatement, ...], ...] = (
        (),
        (CC_BY,),
        RESERVED,
        (UsageStatement("meta", "robots", "noarchive"),),
    )
    archives, rules = [], ""
    for name in range(choose.randint(2, 3)):
        if choose.random() < 0.5:
            tier = choose.choice(("full", "excerpt", "features", "reference"))
            rules += f'[[rule]]\nsite = "site{name}.example"\ntier = "{tier}"\npermission = "letter"\n'
        posts = [
            Post(
                10 * name + at,
                site=f"https://site{name}.example/",
                day=day,
                body=_mixed(choose, texts),
                rights=choose.choice(rights),
                description=_mixed(choose, texts)[: choose.randint(0, 300)],
            )
            for at in range(4)
            for day in sorted(choose.sample(range(4), choose.choice((1, 1, 2))))
        ]
        archives.append(make(folder / str(name) / "archive.db", posts))
    (folder / "rules.toml").write_text(rules)
    asked = ("--version", "1.0.0", "--formats", "csv,jsonl", "--splits", "a=50,b=50")
    done = publish(archives, str(folder / "d"), *asked, "--rules", str(folder / "rules.toml"))
    assert done.exit_code == 0, done.output
    said = all_words(folder / "d")
    tiers = {row["url"]: row["tier"] for row in rows(folder / "d", "articles")}
    for archive in archives:
        db = open_archive(archive, read_only=True)
        for url, body, current in db.execute(
            "select a.url, v.body, a.body from articles a join article_revisions v on v.article_id = a.id"
        ).fetchall():
            excerpt = first_words(current) if tiers[url] == "excerpt" else None
            assert tiers[url] == "full" or leaked(body, said, excerpt) == [], url
        db.close()


def _mixed(choose: random.Random, texts: list[str]) -> str:
    """Return one of some texts, an edited copy of it, a part of it, or a text that contains such a part."""
    one = choose.choice(texts)
    paragraphs = one.split("\n\n")
    part = "\n\n".join(paragraphs[: choose.randint(1, len(paragraphs))])
    own = text(choose.randrange(10**6), 3)
    return choose.choice((one, _edited(one, choose.randrange(99)), part, f"{own}\n\n{part}", own, part[:120]))


def test_query_for_an_author_of_one_archive(archives: list[Path], tmp_path: Path) -> None:
    for words, error in (
        (["--site", "nowhere.example"], "SiteNotFound nowhere.example"),
        (["--like", "1"], "BadQuery"),
    ):
        done = publish(archives, str(tmp_path / "d"), *ASKED, *words)
        assert fault(done).startswith(error)


def test_rebuild_without_an_archive_keeps_the_old_snapshot(archives: list[Path], tmp_path: Path) -> None:
    assert publish(archives, str(tmp_path / "d"), *ASKED).exit_code == 0
    before = contents(tmp_path / "d")
    less = publish(archives[0], str(tmp_path / "d"), "--rebuild")
    assert less.exit_code == 1
    assert isinstance(failure(less), SnapshotRefused)
    assert "notes.example/blog" in less.output
    assert contents(tmp_path / "d") == before
    assert publish(archives[::-1], str(tmp_path / "d"), "--rebuild").exit_code == 0
    assert contents(tmp_path / "d") == before
    assert publish(archives[0], str(tmp_path / "d"), "--rebuild", "--replace").exit_code == 0
    assert len(rows(tmp_path / "d", "articles")) == 4


def test_post_in_two_archives_is_refused(archives: list[Path], tmp_path: Path) -> None:
    other = make(tmp_path / "other" / "archive.db", [Post(1, site="https://harbour.example/blog/")])
    again = make(tmp_path / "again" / "archive.db", [Post(1, site="https://harbour.example/blog/")])
    from archiver.storage.archive_opening import open_archive

    db = open_archive(again)
    db.execute("update articles set site = 'harbour.example'")
    db.conn.commit()
    db.close()
    done = publish([other, again], str(tmp_path / "d"), "--version", "1.0.0")
    assert done.exit_code == 1
    assert "https://harbour.example/blog/1 is in" in done.output
