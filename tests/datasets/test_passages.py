"""No file contains a passage of a withheld text, whichever article, revision or field quotes it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.datasets import withheld_text
from archiver.datasets.withheld_text import (
    PASSAGE_WORDS,
    LeakedPassages,
    leaked_passages,
    merge_distinct,
    parts_beyond,
    runs,
)
from archiver.datasets.word_counts import count_words, count_words_and_sentences, run_hashes, words_of_text
from archiver.model.items import GeoTag, UsageStatement
from tests.datasets.published import CC_BY, Post, all_words, leaked, make, publish, rows, text

OTHER = "https://notes.example/blog/"
CHINESE = "深度学习笔记今天我们学习机器学习的基础知识模型使用技术。" * 4


def passage(number: int, sentence: int = 0, count: int = 9) -> str:
    """Return some words of a text in upper case and with other separators."""
    return " - ".join(text(number).replace("\n\n", " ").split(". ")[sentence].split()[2 : 2 + count]).upper()


RESERVED = (UsageStatement("file", "tdm-reservation", "1"),)
POSTS = (
    Post(1, title=passage(2)),
    Post(2, title="A headline of more than eight words that stands in no text at all"),
    Post(
        3,
        tags=("tides", passage(2, 1)),
        authors=("Ada Berg", passage(2, 2)),
        language="en",
        geotags=(GeoTag(50.0, 4.0, passage(6, 1), passage(6, 2), "content", "geo.position", 0.1),),
    ),
    Post(4, title=passage(50)),
    Post(4, day=2, title="Day 4", body=text(40)),
    Post(5, body=text(50)),
    Post(5, day=3, body=text(51), title=passage(40, 3)),
    Post(6, rights=RESERVED, title="Day 6"),
    Post(7, title=passage(6, 3)),
    Post(8, title=f"Day 8: {passage(8)}"),
    Post(9, title="今天我们学习机器学习的基础", site=OTHER),
    Post(10, body=CHINESE, language="zh", site=OTHER),
    Post(
        11,
        body=f"{passage(2, 4, 12)} and so on. {text(11)}",
        description=passage(6, 4),
        site=OTHER,
        rights=(CC_BY, UsageStatement("meta", "robots", "max-snippet: 99")),
    ),
    Post(12, body=f"He wrote: {passage(2, 5)}. {text(12)}", title=passage(6, 5), rights=(CC_BY,), site=OTHER),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("datasets") / "d"
    archive = make(tmp_path_factory.mktemp("archive") / "archive.db", POSTS, ["https://harbour.example/lost"])
    done = publish(archive, str(out), "--version", "1.0.0", "--formats", "csv,jsonl,geojson")
    assert done.exit_code == 0, done.output
    return out


def test_exhaustive_search_finds_no_withheld_passage(folder: Path) -> None:
    said = all_words(folder)
    found = {post.url for post in POSTS if post.number < 11 for _ in leaked(post.text, said)}
    assert found == set()


@pytest.mark.parametrize("keep", [False, True])
def test_passage_is_cut_from_a_text_published_in_full(tmp_path: Path, *, keep: bool) -> None:
    """A text under a licence quotes a text whose page forbids publication."""
    (tmp_path / "rules.toml").write_text(f"[dataset]\nkeep_quotations = {str(keep).lower()}\n")
    quoted = Post(12, body=f"He wrote: {passage(2, 5)}. {text(12)}", title=f"On {passage(2, 6)}", rights=(CC_BY,))
    archive = make(tmp_path / "archive" / "archive.db", [Post(2, rights=RESERVED), quoted])
    rules = ("--rules", str(tmp_path / "rules.toml"))
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0", *rules).exit_code == 0
    found = {row["url"].rsplit("/", 1)[1]: row for row in rows(tmp_path / "d", "articles")}
    assert found["12"]["tier"] == "full"
    assert found["12"]["body"] == (quoted.text if keep else f"He wrote: […] {text(12)}")
    assert found["12"]["title"] == (quoted.title if keep else "On […]")
    assert found["12"]["withheld"] == ([] if keep else ["title", "body", "markdown"])
    assert ("He wrote: \\[…\\] " in found["12"]["markdown"]) is not keep


@pytest.mark.parametrize(
    "whole", [CHINESE, "ภาษาไทย" * 9, "The state-of-the-art mother-in-law, nine-to-five jobs. " * 3]
)
def test_cut_leaves_no_passage(whole: str) -> None:
    leaks = LeakedPassages(merge_distinct(list(withheld_text.passage_hashes([whole]))))
    text_with = f"Before it. {whole.strip(' .。')} After it."
    assert leaks.cut_from(text_with) == "Before it. […] After it."
    assert leaks.cut_from(whole) is None


SNIPPET = (CC_BY, UsageStatement("meta", "robots", "max-snippet: 250"))


def test_nothing_beyond_an_excerpt_is_published(tmp_path: Path) -> None:
    """Headlines and a text quote the beginning of a text with an excerpt, and a later sentence of it. It repeats its
    beginning, and an earlier revision differs from it after the beginning.
    """
    body, quoted = f"{text(1)}\n\n{text(1).partition('.')[0]}.", text(1).replace("\n\n", " ").split(". ")
    posts = [
        Post(1, body=f"{quoted[0]}. {text(2)}", rights=SNIPPET),
        Post(1, day=1, body=body, rights=SNIPPET, description=quoted[3]),
        Post(3, title=f"On {quoted[0]}", site=OTHER),
        Post(4, title=f"On {quoted[3]}", site=OTHER),
        Post(5, title=f"On {text(2).partition('.')[0]}", site=OTHER),
        Post(6, body=f"{text(6)} {quoted[5]}. {quoted[0]}.", rights=(CC_BY,), site=OTHER),
    ]
    archive = make(tmp_path / "archive" / "archive.db", posts)
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    found = {row["url"].rsplit("/", 1)[1]: row for row in rows(tmp_path / "d", "articles")}
    assert found["1"]["tier"] == "excerpt"
    assert found["1"]["excerpt"].startswith(quoted[0])
    assert "excerpt" not in found["1"]["withheld"]
    assert found["1"]["description"] is None
    assert [found[number]["title"] is None for number in "345"] == [False, True, True]
    assert found["6"]["body"] == f"{text(6)} […] {quoted[0]}."
    said = all_words(tmp_path / "d")
    assert [leaked(post.text, said, found["1"]["excerpt"]) for post in posts[:2]] == [[], []]


@given(st.text("ab ", max_size=120), st.text("ab ", max_size=60))
def test_parts_beyond_an_excerpt_have_all_other_passages(whole: str, excerpt: str) -> None:
    beyond = {run for part in parts_beyond(whole, excerpt) for run in runs(words_of_text(part))}
    assert beyond == {*runs(words_of_text(whole))} - {*runs(words_of_text(excerpt))}


def test_list_that_spells_out_a_passage_is_left_out(tmp_path: Path) -> None:
    """A text ends with its tags, which form a passage in JSON Lines."""
    tags = tuple(text(70).split()[:9])
    archive = make(
        tmp_path / "archive.db",
        [
            Post(1, body=f"{text(1)} Tags: {', '.join(tags)}.", tags=tags),
            Post(2, tags=tags[:7]),
            Post(3, tags=tags[::-1]),
        ],
    )
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0", "--formats", "jsonl").exit_code == 0
    found = {row["url"].rsplit("/", 1)[1]: row["tags"] for row in rows(tmp_path / "d", "articles")}
    assert {name: len(one) for name, one in found.items()} == {"1": 0, "2": 7, "3": 9}


def test_only_values_that_quote_a_passage_are_left_out(folder: Path) -> None:
    found = {int(row["url"].rsplit("/", 1)[1]): row for row in rows(folder, "articles")}
    assert [number for number, row in found.items() if row["title"] is None and row["tier"] == "features"] == [
        1,
        5,
        7,
        8,
        9,
    ]
    assert found[2]["title"] == POSTS[1].title
    assert found[3]["tags"] == ["tides"]
    assert found[3]["authors"] == ["Ada Berg"]
    [place] = rows(folder, "places")
    assert (place["latitude"], place["placename"], place["region"]) == (50.0, None, None)
    assert found[11]["tier"] == "excerpt"
    assert found[11]["excerpt"] is None
    assert "excerpt" in found[11]["withheld"]
    assert found[11]["description"] is None
    assert found[12]["title"] is None
    assert found[12]["body"] == f"He wrote: […] {text(12)}"
    versions = {(row["id"], row["revision"]): row["title"] for row in rows(folder, "revisions")}
    assert versions[found[4]["id"], 1] is None
    assert versions[found[4]["id"], 2] == "Day 4"


@pytest.mark.parametrize("batch", [1 << 8, 1 << 17])
def test_batched_hashes_equal_single_hashes(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(withheld_text, "BATCH_BYTES", batch)
    texts = [text(n, random.Random(n).choice((1, 2, 30))) for n in range(40)] + ["", "one two", CHINESE, "ÀÉ " * 20]
    together = {one for part in withheld_text.passage_hashes(texts) for one in part.tolist()}
    assert together == {one for whole in texts for one in run_hashes(whole, PASSAGE_WORDS)}
    assert len(together) == len({run for whole in texts for run in runs(words_of_text(whole))})


@pytest.mark.parametrize("buffer_rows", [1, 50, 1_000_000])
def test_passages_are_found_with_any_buffer_size(
    buffer_rows: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(withheld_text, "BATCH_BYTES", 1 << 10)
    texts = [text(n) for n in range(30)]
    asked = [passage(n, n % 7) for n in range(0, 60, 2)]
    shown = leaked_passages(asked, texts, tmp_path, buffer_rows=buffer_rows)
    assert [shown.occur_in(one) for one in asked] == [n < 30 for n in range(0, 60, 2)]
    turned = leaked_passages(texts, asked, tmp_path, buffer_rows=buffer_rows)
    assert [turned.occur_in(one) for one in asked] == [n < 30 for n in range(0, 60, 2)]
    assert not leaked_passages(asked, [], tmp_path, buffer_rows=buffer_rows)
    assert not leaked_passages([], texts, tmp_path, buffer_rows=buffer_rows)


TEXTS = st.text(st.characters(max_codepoint=0x2FF)) | st.text("ab1 .!?\n\"')-")


@given(TEXTS)
def test_words_are_counted_as_they_are_split(text: str) -> None:
    assert count_words_and_sentences([text])[0][0] == count_words(text) == len(words_of_text(text))


@given(st.lists(st.sampled_from(["One two.", "Who?", 'He said: ("No!")', "Wait . . . what!", "今天。", "Fin…"])))
def test_sentences_are_counted_by_their_ends(sentences: list[str]) -> None:
    ends = sum(2 if one.startswith("Wait") else 1 for one in sentences)
    assert count_words_and_sentences([" ".join(sentences)])[0][1] == ends


@given(st.lists(TEXTS | st.sampled_from([". .", "...", "! x", " .", "今天。"])))
def test_texts_counted_together_do_not_affect_each_other(texts: list[str]) -> None:
    assert count_words_and_sentences(texts) == [count_words_and_sentences([one])[0] for one in texts]
