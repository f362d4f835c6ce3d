"""Federated search: the results of several archives equal those of a merged archive."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

from archiver.archive import make_query
from archiver.cli.main import cli
from archiver.model.errors import BadQuery, SiteNotFound
from archiver.search.federated_search import FederatedQuery, Shard, load_federated_page, plan_federated_query
from archiver.search.histogram import histogram, histogram_of_plans
from archiver.search.search_hits import count_facets, count_facets_over_plans, run_query
from archiver.search.search_index import open_searcher
from archiver.storage.database import open_archive
from archiver.storage.transactions import writing
from tests.importers.files import page, post, warc
from tests.importers.importing import run as import_
from tests.runner import fault, in_process

WORDS = [f"word{n}" for n in range(60)]
SHARED = "The harbour wall was mended by night, and in the morning nobody could say who had carried the stones. " * 3


def text(dice: Random, *phrases: str) -> str:
    """Return a text of 60 words that contains the phrases."""
    words = dice.choices(WORDS, k=60 - len(phrases)) + list(phrases)
    dice.shuffle(words)
    return " ".join(words)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three archives and one of them all: a site with many floods, one with few, one with copies of the others."""
    made, dice, files = tmp_path_factory.mktemp("shards"), Random(1), []
    for name, floods in (("a", 9), ("b", 2), ("c", 1)):
        posts = []
        for n in range(12):
            words = ("flood",) * (1 + n % 3) * (n < floods) + ("bridge",) * (n % 4 == 0)
            body = f"<p>{text(dice, *words)}</p>"
            html = page(title=f"Headline {name} {n:02}", day=f"20{10 + n % 3}-0{1 + n % 9}-01")
            start, end = html.index(b"<p>", html.index(b"entry-content")), html.index(b"</div></article>")
            if n == 11:
                shared = SHARED if name != "c" else SHARED.replace("by night", "in the night")
                body = f"<p>{shared} The copy of it is flood{'ed' if name == 'c' else ''}.</p>"
            posts.append(
                post(
                    f"http://{name}.example/{n}/",
                    f"2020-0{1 + 'abc'.index(name)}-02T10:00:00Z",
                    html[:start] + body.encode() + html[end:],
                )
            )
        files.append(warc(made / f"{name}.warc.gz", *posts))
        import_(made / name / "archive.db", files[-1])
    import_(made / "all.db", *files)
    return made


@contextmanager
def federated(folder: Path, words: str, **more: Any) -> Iterator[FederatedQuery]:
    with ExitStack() as stack:
        shards = [
            Shard(name, stack.enter_context(closing(open_archive(folder / name / "archive.db", read_only=True))))
            for name in "abc"
        ]
        yield stack.enter_context(plan_federated_query(shards, make_query(words, **more)))


@pytest.mark.parametrize("words", ["flood", "flood bridge", "word1 OR flood", '"word1 word2" OR flood', "floo*", ""])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"recent": 0.5},
        {"fold": "none"},
        {"sort": "-title"},
        {"sort": "date", "offset": 3, "limit": 5},
        {"sort": "-relevance"},
        {"stem": True},
        {"site": ("a.example", "b.example")},
    ],
)
def test_federated_results_equal_those_of_a_merged_archive(folder: Path, words: str, more: dict[str, Any]) -> None:
    query = make_query(words, **more)
    with closing(open_archive(folder / "all.db", read_only=True)) as db, federated(folder, words, **more) as several:
        whole, found = run_query(db, query), load_federated_page(several)
        assert several.total == whole.total
        assert count_facets_over_plans(several.plans) == count_facets(db, query)
        assert histogram_of_plans(several.plans) == histogram(db, query)
        # All texts have nearly the same length, so scores are nearly equal. With the word counts of each archive alone
        # they would differ: most articles of one archive mention floods, and a sixth of another's.
        scores = [[hit.score or 0.0 for hit in hits] for hits in ([p.hit for p in found], whole.hits)]
        assert scores[0] == pytest.approx(scores[1], rel=0.02)
        if (
            query.recent and words
        ):  # a half-life of half a day over many years leaves no score, so the order is that of days
            assert [p.hit.published for p in found] == [hit.published for hit in whole.hits]
        if query.sort.endswith(("title", "date")):
            assert [p.hit.title for p in found] == [hit.title for hit in whole.hits]


def test_concurrent_writes_do_not_change_ranks(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(folder / name, tmp_path / name)
    with ExitStack() as opened:
        shards = [
            Shard(name, opened.enter_context(closing(open_archive(tmp_path / name / "archive.db"))))
            for name in ("a", "b")
        ]
        with plan_federated_query(shards, make_query("flood")) as before:
            first = before.plans[0].searcher
            db = opened.enter_context(closing(open_archive(tmp_path / "a" / "archive.db")))
            with writing(db):
                db.execute("update articles set title = 'flood' where id = 1")
            assert open_searcher(shards[0].db) is first
        assert open_searcher(shards[0].db) is not first


def test_copies_in_other_archives(folder: Path) -> None:
    words = '"carried the stones"'
    for fold, total, beneath in (("none", 3, []), ("text", 2, ["b"]), ("cluster", 2, ["b"])):
        with federated(folder, words, fold=fold) as several:
            found = load_federated_page(several)
        assert several.total == total == len(found)
        (first,) = [one for one in found if one.archive == "a"]
        assert [copy.archive for copy in first.elsewhere] == beneath
        assert all(copy.site == f"{copy.archive}.example" for copy in first.elsewhere)


def test_queries_that_several_archives_cannot_answer(folder: Path) -> None:
    with pytest.raises(BadQuery), federated(folder, "", like=1):
        pass
    with pytest.raises(SiteNotFound), federated(folder, "flood", site=("nowhere.example",)):
        pass


def test_several_archives_can_be_searched_on_the_command_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(*words: str) -> str:
        done = CliRunner().invoke(cli, ["search", *words])
        assert done.exit_code == 0, done.output
        return done.stdout

    named = [word for name in "abc" for word in ("--archive", str(folder / name / "archive.db"))]
    hits = json.loads(said("flood", *named, "--json"))
    assert hits == json.loads(said("flood", "--shards", str(folder), "--json"))
    assert hits == json.loads(said("flood", "--shards", f"{folder}/?/archive.db", "--json"))
    assert {hit["archive"] for hit in hits} == {str(folder / name / "archive.db") for name in "abc"}
    again = ("--archive", str(folder / "b" / ".." / "a" / "archive.db"))
    assert hits == json.loads(said("flood", *named, *again, "--json"))
    assert said("flood", *named, "--csv").startswith("archive,id,url,")
    text = said("carried", *named)
    assert text.startswith("2 ")
    assert f"{folder / 'b' / 'archive.db'} 12" in text
    assert "12" in said("flood", "--facets", *named)
    assert "2012" in said("flood", "--histogram", "year", *named)
    monkeypatch.setenv("ARCHIVER_ARCHIVE", str(folder / "all.db"))
    assert len(json.loads(said("flood", "--json"))) == len(hits)
    for words, options in (
        (("x", *named, "--save", "y"), "--save"),
        (("x", *named, "--shards", "y"), "--archive --shards"),
        (("x", "--shards", f"{folder}/none*"), "--shards"),
        (("x", *(f"--archive={number}.db" for number in range(251))), "--archive"),
    ):
        done = in_process("search", *words)
        assert (done.exit_code, fault(done)) == (2, f"UsageError {options}")
