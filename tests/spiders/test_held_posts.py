"""What the commands say of posts whose pages show less than is stored, and how the operator decides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from archiver.cli.crawl_output import format_run_summary
from tests.small_sites import made_paragraph
from tests.spiders.crawling import archiver, crawl, rows
from tests.spiders.site_server import Answer, SiteServer, home, serving

COUNT = 4


def entry(number: int, paragraphs: list[str]) -> Answer:
    text = "".join(f"<p>{one}</p>" for one in paragraphs)
    return Answer(
        f"<html><head><title>Log {number}</title></head><body><article><h1>Log {number}</h1>"
        f'<time datetime="2024-05-{number + 1:02}">{number + 1} May 2024</time>{text}</article></body></html>'.encode()
    )


@pytest.fixture
def cut(tmp_path: Path) -> Iterator[tuple[SiteServer, Path]]:
    """A site whose posts were archived, and whose pages then show only the first paragraph."""
    archive, dice = tmp_path / "a.db", Random(5)
    texts = {f"/log-{n}/": [made_paragraph(dice) for _ in range(5)] for n in range(COUNT)}
    with serving({"/": home(*texts), **{path: entry(n, text) for n, (path, text) in enumerate(texts.items())}}) as site:
        assert crawl(site.url, archive=archive).returncode == 0
        site.pages.update({path: entry(n, text[:1]) for n, (path, text) in enumerate(texts.items())})
        crawl(site.url, "--full", archive=archive)
        yield site, archive


def test_why_says_that_a_page_is_held(cut: tuple[SiteServer, Path]) -> None:
    site, archive = cut
    said = archiver("why", f"{site.url}log-1/", archive=archive).stdout
    assert "held: its new state is not stored until it is confirmed" in said


def test_a_run_shows_the_pages_that_it_held(cut: tuple[SiteServer, Path]) -> None:
    site, archive = cut
    shown = json.loads(archiver("runs", "show", "2", "--json", archive=archive).stdout)
    assert {(one["change"], one["url"]) for one in shown} == {("held", f"{site.url}log-{n}/") for n in range(COUNT)}


def test_a_run_shows_the_pages_that_failed(cut: tuple[SiteServer, Path]) -> None:
    site, archive = cut
    site.pages["/log-1/"] = Answer(b"", status=500)
    crawl(site.url, "--full", archive=archive)
    shown = json.loads(archiver("runs", "show", "3", "--json", archive=archive).stdout)
    assert [(one["change"], one["url"]) for one in shown if one["change"] == "failed"] == [
        ("failed", f"{site.url}log-1/")
    ]


def test_status_says_which_archived_posts_its_table_counts_as_held(cut: tuple[SiteServer, Path]) -> None:
    site, archive = cut
    shown = archiver("status", site.url, archive=archive).stdout
    assert f"posts: {COUNT} found, {COUNT} archived ({COUNT} of them held), 0 missing" in shown
    [state] = json.loads(archiver("status", site.url, "--json", archive=archive).stdout)
    assert state["archived_otherwise"] == {"held": COUNT}
    assert state["posts"]["archived"] == state["balance"]["archived"] + sum(state["archived_otherwise"].values())


def test_what_was_accepted_is_taken_back_by_undoing_the_run_that_is_named(cut: tuple[SiteServer, Path]) -> None:
    site, archive = cut
    name = site.url.removeprefix("http://").strip("/")
    whole = rows(archive, "select id, body from articles")
    accepted = archiver("sites", "release", name, "--accept", archive=archive).stdout
    assert f"{COUNT} articles revised" in accepted
    assert "'archiver runs undo 2'" in accepted
    assert rows(archive, "select id, body from articles") != whole
    undone = archiver("runs", "undo", "2", "--yes", archive=archive).stdout
    assert f"{COUNT} edits were taken back, 0 posts were marked online again" in undone
    assert rows(archive, "select id, body from articles") == whole


def test_accepting_pages_that_show_nothing_of_their_posts_marks_these_as_gone(cut: tuple[SiteServer, Path]) -> None:
    site, archive = cut
    name, whole = site.url.removeprefix("http://").strip("/"), rows(archive, "select id, body from articles")
    bare = Answer(b"<html><head><title>Log</title></head><body><p>We are moving.</p></body></html>")
    site.pages.update({f"/log-{n}/": bare for n in range(COUNT)})
    crawl(site.url, "--full", archive=archive)
    done = json.loads(archiver("sites", "release", name, "--accept", "--json", archive=archive).stdout)
    assert (done["revised"], done["gone"], done["not_posts"]) == (0, COUNT, 0)
    assert rows(archive, "select id, body from articles") == whole


def framed(number: int, paragraphs: list[str]) -> Answer:
    """The page of a redesign: a summary, and the text below it in an element with a class that themes have for
    comments.
    """
    text = "".join(f"<p>{one}</p>" for one in paragraphs)
    return Answer(
        f"<html><head><title>Log {number}</title></head><body><article><h1>Log {number}</h1>"
        f'<time datetime="2024-05-{number + 1:02}">{number + 1} May 2024</time><p>{paragraphs[0]}</p></article>'
        f'<div id="comments" class="comments-area"><div class="k7">{text}</div></div>'
        "<footer>A log, kept since 2019</footer></body></html>".encode(),
        headers={"Content-Type": "text/html; charset=utf-8", "ETag": f'"new-{number}"'},
    )


@pytest.mark.parametrize(("posts", "changed"), [(12, 12), (24, 9)], ids=["all posts", "the first posts"])
def test_rules_are_learned_from_the_new_template_of_held_pages_of_known_posts(
    tmp_path: Path, posts: int, changed: int
) -> None:
    archive, dice = tmp_path / "a.db", Random(7)
    texts = {f"/log-{n}/": [made_paragraph(dice) for _ in range(5)] for n in range(posts)}
    with serving({"/": home(*texts), **{path: entry(n, text) for n, (path, text) in enumerate(texts.items())}}) as site:
        crawl(site.url, archive=archive)
        site.pages.update({path: framed(n, text) for n, (path, text) in enumerate(texts.items()) if n < changed})
        crawl(site.url, "--full", archive=archive)
        name = site.url.removeprefix("http://").strip("/")
        assert rows(archive, "select count(*) from held_pages") == [(changed,)]
        learned = json.loads(archiver("sites", "rules", name, "--learn", "--json", archive=archive).stdout)
        crawl(site.url, archive=archive)
    assert "div.k7" in learned["rules"]
    assert rows(archive, "select count(*) from held_pages") == [(0,)]
    assert [body for (body,) in rows(archive, "select body from articles order by url")] == [
        "\n\n".join(text) for _, text in sorted(texts.items())
    ]


def summary(**changed: object) -> str:
    names = (
        "new", "revised", "unchanged", "aliased", "duplicate", "gone", "found", "requests", "bytes", "seconds",
        "fetched", "trapped", "refused", "held", "rejudged", "withdrawn", "requisite_requests", "requisites",
        "requisites_failed", "due", "accepted",
    )  # fmt: skip
    result: dict[str, object] = dict.fromkeys(names, 0)
    result |= {"site": "low.example", "outcome": "finished", "reason": "", "failures": {}, "edits": None}
    result |= {"still_held": None, "taken_back": 0, "continued_full": None, **changed}
    return "\n".join(format_run_summary(result, "a.db"))


def test_a_summary_counts_the_pages_that_are_held_at_the_end_of_the_run() -> None:
    assert "1 page held: its new state was not stored" in summary(held=1, still_held=1)
    assert "lists it)" in summary(held=1, still_held=1)
    some = summary(held=37, still_held=3)
    assert "3 pages held: their new state" in some
    assert "others were held, and released" in some
    assert "37" not in some
    assert "others" not in summary(held=3, still_held=3)
    assert "pages were held, and released" in summary(held=37, still_held=0)
    assert "2 pages held" in summary(held=2, still_held=None)


def test_a_summary_says_how_many_held_pages_were_accepted() -> None:
    assert "1 held page was accepted after three identical fetches" in summary(accepted=1)
    assert "5 held pages were accepted after three identical fetches" in summary(accepted=5)
    assert "accepted" not in summary(held=3, still_held=3)


def test_a_summary_says_how_many_edits_of_earlier_runs_were_taken_back() -> None:
    assert "9 edits of earlier runs taken back: part of the same fault" in summary(taken_back=9)
    assert "taken back" not in summary(held=3, still_held=3)


def test_a_run_counts_the_pages_that_are_held_at_its_end(cut: tuple[SiteServer, Path]) -> None:
    site, archive = cut
    (done,) = json.loads(crawl(site.url, "--full", "--json", archive=archive).stdout)
    assert done["still_held"] == COUNT == done["held"]
    said = crawl(site.url, "--full", archive=archive).stdout
    assert f"{COUNT} pages are held since" in said
    assert "none of them was replaced" in said


def test_a_summary_has_no_negative_number_of_skipped_addresses() -> None:
    assert "3 URLs skipped" in summary(trapped=3)
    assert "skipped" not in summary(trapped=-1)


def test_a_failed_run_says_nothing_of_edits_that_it_did_not_look_for() -> None:
    edits = {"sentence": "7 known posts were not fetched again"}
    assert "not fetched again" in summary(edits=edits)
    assert "not fetched again" not in summary(edits=edits, outcome="failed", reason="the server is away")
