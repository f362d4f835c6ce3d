"""Copies on several sites of an archive: the strictest tier of a text applies to all, and no passage leaks."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.datasets.withheld_text import first_words
from archiver.model.errors import SnapshotRefused
from archiver.model.items import UsageStatement
from archiver.storage.database import open_archive
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
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("archive")
    (place / "rules.toml").write_text(FREE)
    return make(place / "archive.db", POSTS)


def rules(archive: Path) -> tuple[str, str]:
    return "--rules", str(archive.with_name("rules.toml"))


def test_text_that_one_site_reserves_is_in_no_file(archive: Path, tmp_path: Path) -> None:
    done = publish(archive, str(tmp_path / "d"), *ASKED, *rules(archive))
    assert done.exit_code == 0, done.output
    assert [row["tier"] for row in rows(tmp_path / "d", "articles")].count("reference") == 2
    assert leaked(text(1), all_words(tmp_path / "d")) == []
    assert [
        line
        for line in (tmp_path / "d" / "README.md").read_text().splitlines()
        if line.startswith("| reference | ") and "harbour.example" in line and line.endswith(" | 1 |")
    ]


def test_copy_outside_the_query_limits_the_tier(archive: Path, tmp_path: Path) -> None:
    done = publish(archive, str(tmp_path / "d"), *ASKED, *rules(archive), "--site", "notes.example/blog")
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


def test_explain_agrees_with_publish(archive: Path) -> None:
    said = json.loads(publish(archive, "--explain", f"{NOTES}11", *rules(archive), "--json").stdout)
    assert said["tier"] == "reference"
    assert any("harbour.example" in one["why"] for one in said["reasons"])
    assert fault(publish(archive, "--explain", "x")) == "ArticleNotFound x"


def test_folding_keeps_one_of_equal_texts(archive: Path, tmp_path: Path) -> None:
    done = publish(archive, str(tmp_path / "d"), *ASKED, "--fold", "text")
    assert done.exit_code == 0, done.output
    numbers = sorted(row["url"].rsplit("/", 1)[1] for row in rows(tmp_path / "d", "articles"))
    assert numbers == ["1", "12", "14", "15", "3", "4"]


def test_near_duplicates_have_the_strictest_tier(tmp_path: Path) -> None:
    """Each post of the second site is an edited copy of one of the first, whose odd posts are reserved."""
    posts = [Post(n, rights=RESERVED if n % 2 else (), title=f"Kept {n}") for n in range(1, 9)]
    copies = [Post(10 + n, site=NOTES, body=_edited(text(n), n), title=f"Copied {n}") for n in range(1, 9)]
    archive = make(tmp_path / "archive.db", [*posts, *copies])
    (tmp_path / "rules.toml").write_text(FREE)
    done = publish(archive, str(tmp_path / "d"), *ASKED, *rules(archive))
    assert done.exit_code == 0, done.output
    found = rows(tmp_path / "d", "articles")
    assert [row["tier"] for row in found].count("reference") == 8
    assert len({row["cluster_id"] for row in found}) == 8
    assert [leaked(post.text, all_words(tmp_path / "d")) for post in posts[::2]] == [[]] * 4


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
    """Sites with random texts, copies of texts, copies of parts of them, earlier revisions, statements on their use,
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
    posts, rules = [], ""
    for name in range(choose.randint(2, 3)):
        if choose.random() < 0.5:
            tier = choose.choice(("full", "excerpt", "features", "reference"))
            rules += f'[[rule]]\nsite = "site{name}.example"\ntier = "{tier}"\npermission = "letter"\n'
        posts += [
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
    (folder / "rules.toml").write_text(rules)
    asked = ("--version", "1.0.0", "--formats", "csv,jsonl", "--splits", "a=50,b=50")
    archive = make(folder / "archive.db", posts)
    done = publish(archive, str(folder / "d"), *asked, "--rules", str(folder / "rules.toml"))
    assert done.exit_code == 0, done.output
    said = all_words(folder / "d")
    tiers = {row["url"]: row["tier"] for row in rows(folder / "d", "articles")}
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


def test_query_that_cannot_be_run(archive: Path, tmp_path: Path) -> None:
    done = publish(archive, str(tmp_path / "d"), *ASKED, "--site", "nowhere.example")
    assert fault(done).startswith("SiteNotFound nowhere.example")


def test_rebuild_from_another_archive_keeps_the_old_snapshot(archive: Path, tmp_path: Path) -> None:
    harbour = make(tmp_path / "harbour" / "archive.db", [post for post in POSTS if post.site != NOTES])
    assert publish(archive, str(tmp_path / "d"), *ASKED).exit_code == 0
    before = contents(tmp_path / "d")
    less = publish(harbour, str(tmp_path / "d"), "--rebuild")
    assert less.exit_code == 1
    assert isinstance(failure(less), SnapshotRefused)
    assert "notes.example/blog" in less.output
    assert contents(tmp_path / "d") == before
    assert publish(harbour, str(tmp_path / "d"), "--rebuild", "--replace").exit_code == 0
    assert len(rows(tmp_path / "d", "articles")) == 4


def test_several_archives_are_to_be_merged_first(archive: Path, tmp_path: Path) -> None:
    done = publish([archive, archive], str(tmp_path / "d"), *ASKED)
    assert (done.exit_code, fault(done).split()[0]) == (2, "UsageError")
    assert "archiver merge A B --archive all.db" in done.output
