"""What a fault of a site must not do to the stored posts, over several runs whose times the test sets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archiver.articles.article_comparison import fold_words
from archiver.articles.guard import LOOK_EVERY
from archiver.maintenance.held_page_release import release_held
from archiver.maintenance.run_undoing import undo_run
from archiver.model.due_reasons import DueFor
from archiver.model.errors import RunNotFound
from archiver.model.items import (
    Article,
    DiscoveredURL,
    DiscoverySource,
    Evidence,
    Outcome,
    PageKind,
    PageResult,
    SourceHint,
)
from archiver.storage.article_records import evidence, revisions
from archiver.storage.held_pages import count_taken_back, held_pages, next_look, remember_accepted_gains
from archiver.storage.page_writer import PageWriter, StoringRun
from archiver.storage.pages import stamp
from archiver.storage.runs import Counts
from archiver.storage.sources import record_discovered_urls
from archiver.storage.transactions import writing
from tests.runner import in_process
from tests.storage.one_site_archive import AT, POST, SITE, archive_of_one_site

WORDS = ("quay", "ferry", "lantern", "salt", "harbour", "tide", "rope", "gull", "cellar", "orchard", "meadow")
SOON = "We will be back soon. The engine room is being repaired, and we hope to see you tomorrow."


def url_of(number: int) -> str:
    return f"https://{SITE}/post-{number}/"


def post(number: int, **values: Any) -> Article:
    """Return the post with this number; no two of them share a sentence."""
    text = " ".join(f"{WORDS[(number * 7 + n * n) % 11]} {number * 31 + n}" for n in range(60))
    return replace(POST, url=url_of(number), title=f"Post {number}", body=text, **values)


@dataclass
class Site:
    db: Database
    runs: int = 1

    def crawl(
        self, day: float, shown: Sequence[Article | PageResult], due_for: str = "", listed: Sequence[int] = ()
    ) -> Counts:
        """Store what a run on this day is shown; `due_for`: why the pages were due; `listed`: posts in a feed."""
        self.runs += 1
        at = AT + timedelta(days=day)
        row = {"id": self.runs, "site_id": 1, "mode": "incremental", "started_at": stamp(at)}
        self.db.table("runs").insert(row)
        results = [one if isinstance(one, PageResult) else result(one, day) for one in shown]
        site = dict(next(iter(self.db.query("select * from sites"))))
        with writing(self.db):
            found = [DiscoveredURL(one.url, DiscoverySource.LINK, PageKind.POST) for one in results]
            record_discovered_urls(self.db, 1, found, at)
            lists = [DiscoveredURL(url_of(number), DiscoverySource.FEED, PageKind.POST) for number in listed]
            record_discovered_urls(self.db, 1, lists, at)
            for one in results:
                self.db.execute("update pages set due_for = ?, due_by = 'feed' where url = ?", [due_for, one.url])
        writer = PageWriter(StoringRun(self.db, site, self.runs, at))
        for one in results:
            writer.add(one)
        writer.flush()
        counted = {name: getattr(writer.counts, name) for name in ("new", "revised", "unchanged", "gone", "held")}
        end = {"outcome": "finished", "finished_at": stamp(at), **counted}
        self.db.table("runs").update(self.runs, end)
        return writer.counts

    def articles(self) -> dict[str, dict[str, Any]]:
        return {row["url"]: row for row in self.db.query("select * from articles order by id")}

    def held(self) -> list[str]:
        return [one.rule for one in held_pages(self.db, 1)]


def result(article: Article, day: float, outcome: Outcome = Outcome.ARCHIVED, **values: Any) -> PageResult:
    at = AT + timedelta(days=day)
    shown = article if outcome is Outcome.ARCHIVED else None
    fixed = {"url": article.url, "final_url": article.url, "at": at, "kind": PageKind.POST, "status": 200}
    return PageResult(**{**fixed, "outcome": outcome, "article": shown, **values})


def gone(number: int, day: float, status: int = 404) -> PageResult:
    return result(post(number), day, Outcome.GONE, status=status, rule=f"http-{status}", reason="the server answers so")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site of twelve posts that was crawled on day 0."""
    with archive_of_one_site(tmp_path) as db:
        site = Site(db)
        site.crawl(0, [post(n) for n in range(12)])
        yield site


def reported(old: Article, field: str, value: str, source: str) -> Article:
    """Return a post with the title or date that only a source gives, while its page shows the old one."""
    page = str(old.published.isoformat() if field == "published" and old.published else old.title)
    evidence = (Evidence(field, value, source), Evidence(field, page, "heading"))
    new = datetime.fromisoformat(value) if field == "published" else value
    return replace(old, evidence=evidence, **{field: new})


BAD = {
    "a title that only the API gives": (lambda p: reported(p, "title", "Draft 7", "api"), "unshown"),
    "a date that only the feed gives": (
        lambda p: reported(p, "published", "2021-03-04T00:00:00+00:00", "feed"),
        "unshown",
    ),
    "a part of the text": (lambda p: replace(p, body=p.body[:150]), "shorter"),
    "another text": (lambda p: replace(p, title="Soon", body=SOON * 9, authors=(), published=None), "other-text"),
    "another text, and less of it": (
        lambda p: replace(p, title="Blog", body="Blog D", authors=(), published=None),
        "other-text",
    ),
    "no text": (lambda p: replace(p, body=""), "stub"),
}


@pytest.mark.parametrize(("bad", "rule"), BAD.values(), ids=BAD)
def test_a_bad_page_replaces_nothing(site: Site, bad: Any, rule: str) -> None:
    before = site.articles()
    counts = site.crawl(1, [bad(post(3))])
    assert (counts.held, counts.revised, counts.gone) == (1, 0, 0)
    after = site.articles()
    assert after[url_of(3)]["body"] == before[url_of(3)]["body"]
    assert after[url_of(3)]["revision"] == 1
    assert site.held() == [rule]


@pytest.mark.parametrize(("bad", "rule"), BAD.values(), ids=BAD)
def test_a_held_page_is_fetched_again_the_next_day(site: Site, bad: Any, rule: str) -> None:
    site.crawl(1, [bad(post(3))])
    page = next(iter(site.db.query("select * from pages where url = ?", [url_of(3)])))
    assert (page["outcome"], page["rule"], page["etag"]) == ("held", rule, None)
    assert page["due_at"] < (AT + timedelta(days=2)).isoformat()


WALL = "We value your privacy. Please accept all cookies to read on, or manage your choices here."


def test_a_page_that_is_not_known_is_fetched_again_the_next_day(site: Site) -> None:
    """It has no row, so it is not among the held pages."""
    assert next_look(site.db, 1, "example.org/unknown", "stub", AT) == AT + LOOK_EVERY


def picture(number: int) -> Article:
    """A post that is a picture without text."""
    return replace(post(number), body="", markup=())


def test_a_wall_in_place_of_a_post_without_text_is_held(site: Site) -> None:
    site.crawl(1, [picture(20)])
    wall = replace(picture(20), title="Before you continue", body=WALL, authors=(), published=None)
    assert site.crawl(2, [wall]).revised == 0
    assert site.held() == ["other-text"]
    assert site.articles()[url_of(20)]["title"] == picture(20).title


def test_a_text_that_held_pages_show_is_not_stored_for_a_post_without_text(site: Site) -> None:
    site.crawl(1, [picture(20)])
    counts = site.crawl(2, [*(replace(post(n), body=WALL) for n in (3, 4)), replace(picture(20), body=WALL)])
    assert (counts.held, counts.revised) == (3, 0)
    assert site.articles()[url_of(20)]["body"] == ""


def test_a_post_without_text_reverts_when_the_text_of_a_fault_disappears(site: Site) -> None:
    site.crawl(1, [picture(20)])
    assert site.crawl(2, [replace(picture(20), body=WALL)]).revised == 1
    site.crawl(3, [picture(20)])
    assert site.articles()[url_of(20)]["body"] == ""
    assert site.held() == []


def test_a_page_that_shows_its_post_again_is_released(site: Site) -> None:
    site.crawl(1, [replace(post(3), body="Blog D")])
    assert site.crawl(2, [post(3)]).held == 0
    assert site.held() == []
    assert site.articles()[url_of(3)]["revision"] == 1


def test_an_edit_that_is_seen_three_times_in_two_days_is_accepted(site: Site) -> None:
    cut = replace(post(3), body=post(3).body[:150])
    counts = [site.crawl(day, [cut]) for day in (1, 1.1, 2, 2.5, 3)]
    assert [one.held for one in counts] == [1, 1, 1, 1, 0]
    assert site.articles()[url_of(3)]["body"] == cut.body
    assert site.held() == []


def test_a_text_of_many_posts_is_never_accepted(site: Site) -> None:
    for day in range(1, 9):
        site.crawl(day, [replace(post(n), title="Soon", body=SOON) for n in range(4)])
    assert site.held() == ["shared-text"] * 4
    assert {row["revision"] for row in site.articles().values()} == {1}


def test_a_new_page_with_the_text_of_held_posts_is_not_stored(site: Site) -> None:
    site.crawl(1, [replace(post(n), title="Soon", body=SOON) for n in (*range(3), 40)])
    assert url_of(40) not in site.articles()
    assert site.crawl(2, [post(40)]).new == 1


def test_when_one_post_is_back_the_others_are_fetched_at_once(site: Site) -> None:
    site.crawl(1, [replace(post(n), title="Soon", body=SOON) for n in range(4)])
    site.crawl(1.2, [post(0)])
    due = site.db.execute("select count(*) from pages where outcome = 'held' and due_at < '2000'").fetchone()
    assert due == (3,)


def test_a_text_that_grew_is_an_edit(site: Site) -> None:
    counts = site.crawl(1, [replace(post(3), body=f"{post(3).body} {SOON * 20}")])
    assert (counts.held, counts.revised) == (0, 1)


def test_what_a_page_no_longer_says_is_no_edit(site: Site) -> None:
    bare = replace(post(3), authors=(), published=None, published_precision=None, categories=())
    counts = site.crawl(1, [bare])
    row = site.articles()[url_of(3)]
    assert (counts.revised, row["revision"]) == (0, 1)
    assert row["published"] == AT.isoformat()
    assert json.loads(row["authors"]) == ["Nora Lindqvist"]


def test_the_evidence_says_since_when_a_value_is_not_confirmed(site: Site) -> None:
    for day in (1, 2):
        site.crawl(day, [replace(post(3), authors=())])
    number = site.articles()[url_of(3)]["id"]
    marks = [one for one in evidence(site.db, number) if one.source == "unconfirmed"]
    assert [(one.field, one.value[:10]) for one in marks] == [("authors", "2024-05-02")]
    site.crawl(3, [post(3)])
    assert not [one for one in evidence(site.db, number) if one.source == "unconfirmed"]


def test_an_edit_keeps_the_value_that_the_page_lost(site: Site) -> None:
    site.crawl(1, [replace(post(3), authors=(), title="Another title")])
    row = site.articles()[url_of(3)]
    assert (row["title"], row["revision"]) == ("Another title", 2)
    assert json.loads(row["authors"]) == ["Nora Lindqvist"]


# Runs in which an unusual share of the posts changes.


def redesigned(number: int) -> Article:
    """Return the post with a paragraph that no other post has."""
    return replace(post(number), body=f"{post(number).body}\n\nMore from us: {number * 17} {WORDS[number % 11]}")


def test_a_run_that_changes_most_posts_is_held_as_a_whole(site: Site) -> None:
    site.crawl(1, [redesigned(n) for n in range(10)])
    assert {row["revision"] for row in site.articles().values()} == {1}
    assert {row["body"] for row in site.articles().values()} == {post(n).body for n in range(12)}
    assert site.held() == ["mass-change"] * 10


def test_a_few_posts_in_each_of_several_runs_are_judged_together(site: Site) -> None:
    for run in range(4):
        site.crawl(1 + run / 2, [redesigned(n) for n in range(3 * run, 3 * run + 3)])
    assert {row["revision"] for row in site.articles().values()} == {1}
    assert len(site.held()) == 12


def teaser(number: int, rest: str = "") -> Article:
    """Return the post cut off after its first words. Other posts that its page lists are taken for its text."""
    listed = " ".join(f"{WORDS[(number * 5 + n) % 11]} {number * 77 + n}" for n in range(24))
    return replace(post(number), body=f"{post(number).body[:150]}\n\n{rest or listed}")


def test_a_run_that_fetched_all_posts_does_not_hide_the_changes_of_the_next(site: Site) -> None:
    site.crawl(1, [post(n) for n in range(12, 80)])
    site.crawl(20, [post(n) for n in range(80)])
    counts = site.crawl(20.5, [redesigned(n) for n in range(9)])
    assert (counts.held, counts.revised) == (9, 0)


@pytest.mark.parametrize(("cut", "whole", "held"), [(3, 3, 3), (3, 4, 0), (2, 0, 0)])
def test_half_of_the_fetched_texts_cut_off_are_no_edits(site: Site, cut: int, whole: int, held: int) -> None:
    shown = [*(teaser(n) for n in range(cut)), *(post(n) for n in range(cut, cut + whole))]
    assert site.crawl(1, shown).held == held


def test_rewritten_texts_are_edits(site: Site) -> None:
    """Their beginnings stay, and the new texts are longer than the old."""
    longer = " ".join(f"plank {n}" for n in range(90))
    assert site.crawl(1, [teaser(n, f"{n} {longer}") for n in range(3)]).held == 0


def test_texts_held_one_by_one_count_with_those_stored_as_edits(site: Site) -> None:
    short = [replace(post(n), body=post(n).body[:150]) for n in range(4, 12)]
    counts = site.crawl(1, [*(redesigned(n) for n in range(4)), *short])
    assert (counts.held, counts.revised) == (12, 0)


def test_texts_cut_off_together_are_not_accepted_by_repetition(site: Site) -> None:
    for day in (1, 2, 3, 4, 5):
        site.crawl(day, [teaser(n) for n in range(10)])
    assert {row["revision"] for row in site.articles().values()} == {1}


def test_pages_sent_in_part_are_not_accepted_by_repetition(site: Site) -> None:
    for day in (1, 2, 3, 4, 5):
        site.crawl(day, [replace(post(n), body=post(n).body[:-180]) for n in range(10)])
    assert {row["revision"] for row in site.articles().values()} == {1}
    assert site.held() == ["mass-change"] * 10


@pytest.mark.parametrize(("lacks_end", "held"), [(True, 1), (False, 0)])
def test_a_page_without_its_end_replaces_no_longer_text(site: Site, lacks_end: bool, held: int) -> None:
    whole = replace(post(20), body=f"{post(20).body}\n\n{post(21).body[:120]}")
    site.crawl(1, [whole])
    counts = site.crawl(2, [result(post(20), 2, lacks_end=lacks_end)])
    assert (counts.held, counts.revised) == (held, 1 - held)


@pytest.mark.parametrize(("given", "held"), [("whole", 1), ("short", 0)])
def test_a_text_whose_end_the_feed_still_has_is_held(site: Site, given: str, held: int) -> None:
    more = post(21).body[:120]
    site.crawl(1, [replace(post(20), body=f"{post(20).body}\n\n{more}")])
    text = f"<p>{post(20).body}</p>" + (f"<p>{more}</p>" if given == "whole" else "")
    hint = SourceHint(title="Post 20", body_html=text)
    with writing(site.db):
        listed = [DiscoveredURL(url_of(20), DiscoverySource.FEED, PageKind.POST, hint=hint)]
        record_discovered_urls(site.db, 1, listed, AT + timedelta(days=1.5))
    assert site.crawl(2, [post(20)]).held == held


def test_a_text_cut_off_on_one_page_for_two_days_is_accepted(site: Site) -> None:
    site.crawl(1, [replace(post(20), body=f"{post(20).body}\n\n{post(21).body[:120]}")])
    for day in (2, 3, 4):
        site.crawl(day, [result(post(20), day, lacks_end=True)])
    assert site.held() == []


ANNOUNCED = DueFor.NEW_TEXT


@pytest.mark.parametrize(("day", "due_for", "held"), [(1, "", 1), (1, ANNOUNCED, 0), (0.5, "", 0)])
def test_a_text_of_which_nothing_is_left_is_held_if_no_source_announced_it(
    site: Site, day: float, due_for: str, held: int
) -> None:
    """A post that was first stored just now may have had a placeholder."""
    assert site.crawl(day, [replace(post(3), body=SOON * 6)], due_for).held == held


def test_a_post_first_stored_by_a_run_that_held_pages_gets_its_text_at_once(site: Site) -> None:
    """The fault of that run is over."""
    site.crawl(1, [replace(post(3), body=SOON * 6), replace(post(20), body=SOON * 7)])
    assert site.held() == ["new-text"]
    site.crawl(2, [post(20)])
    assert site.articles()[url_of(20)]["body"] == post(20).body


def test_a_page_that_always_shows_another_text_is_believed(site: Site) -> None:
    site.crawl(5, [replace(post(3), body=post(103).body)])
    site.crawl(6, [replace(post(3), body=post(203).body)])
    assert site.held() == []
    assert site.articles()[url_of(3)]["body"] == post(203).body


STATED = {"after the earlier version": (0.5, [3], 1), "before it": (-3, [3], 0), "no longer": (0.5, [], 0)}
"""When a source says that a post was last changed, which posts it still lists, and how many pages are held."""


@pytest.mark.parametrize(("changed", "listed", "held"), STATED.values(), ids=STATED)
def test_an_earlier_version_is_an_old_copy_if_a_source_names_the_edit(
    site: Site, changed: float, listed: list[int], held: int
) -> None:
    site.crawl(1, [with_paragraph(post(3))])
    site.db.execute("update pages set lastmod = ? where url = ?", [stamp(AT + timedelta(days=changed)), url_of(3)])
    assert site.crawl(2, [post(3)], listed=listed).held == held


def test_a_footer_that_all_posts_lost_is_accepted(tmp_path: Path) -> None:
    with archive_of_one_site(tmp_path) as db:
        site = Site(db)
        site.crawl(0, [redesigned(n) for n in range(12)])
        for day in (1, 2, 3, 4):
            site.crawl(day, [post(n) for n in range(10)])
        assert site.held() == []
        assert [row["body"] for row in site.articles().values()][:10] == [post(n).body for n in range(10)]


def test_a_text_of_many_posts_that_was_stored_as_an_edit_is_taken_back(site: Site) -> None:
    """A few posts are so short that the text of the fault is not suspicious until longer posts show it, too."""
    long = [replace(post(n), body="\n\n".join(post(n + k).body for k in (0, 100, 200))) for n in range(20, 28)]
    site.crawl(0.5, long)
    site.crawl(0.6, [post(n) for n in range(28, 34)])
    before = {url: row["body"] for url, row in site.articles().items()}
    counts = site.crawl(5, [replace(post(n), body=post(99).body) for n in (*range(4), *range(20, 28))])
    assert (counts.held, counts.revised) == (12, 0)
    assert {url: row["body"] for url, row in site.articles().items()} == before


def test_teasers_that_an_earlier_run_stored_are_taken_back(site: Site) -> None:
    site.crawl(1, [with_paragraph(teaser(n)) for n in range(2)])
    site.crawl(2, [with_paragraph(teaser(n)) for n in range(2, 10)])
    assert {row["revision"] for row in site.articles().values()} == {1}
    assert count_taken_back(site.db, 1, site.runs, AT + timedelta(days=2)) == 2


def test_while_a_run_is_held_further_changes_are_too(site: Site) -> None:
    site.crawl(1, [redesigned(n) for n in range(10)])
    assert site.crawl(2, [redesigned(11)]).held == 1


def test_edits_that_a_source_announced_are_no_fault(site: Site) -> None:
    site.crawl(30, [post(n) for n in range(200, 300)])
    counts = site.crawl(40, [redesigned(n) for n in range(10)], due_for=ANNOUNCED)
    assert (counts.held, counts.revised) == (0, 10)


@pytest.mark.parametrize(("source", "found"), [("feed", ["Coast"]), ("meta", ["Coast", "nets"])])
def test_a_tag_is_no_category_because_a_feed_lists_it(site: Site, source: str, found: list[str]) -> None:
    site.crawl(1, [post(50, categories=("Coast",), tags=("nets",))])
    bare = post(50, categories=("Coast", "nets"), tags=(), evidence=(Evidence("categories", "Coast", source),))
    site.crawl(2, [bare])
    row = site.articles()[url_of(50)]
    assert (json.loads(row["categories"]), json.loads(row["tags"])) == (found, ["nets"])


@pytest.mark.parametrize("source", ["api", "heading"])
def test_a_title_that_the_page_shows_is_an_edit(site: Site, source: str) -> None:
    new = replace(post(3), title="Post 3, again")
    shown = Evidence("title", new.title, "meta")
    counts = site.crawl(1, [replace(new, evidence=(Evidence("title", new.title, source), shown))])
    assert (counts.held, counts.revised) == (0, 1)


def test_posts_that_all_claim_to_be_new_are_a_fault_even_if_the_feed_agrees(site: Site) -> None:
    today = [post(n, published=AT + timedelta(days=9)) for n in range(10)]
    counts = site.crawl(9, today, due_for=DueFor.NEW_DATE)
    assert counts.revised == 0
    assert {row["published"] for row in site.articles().values()} == {site.articles()[url_of(11)]["published"]}


def test_a_post_that_is_dated_anew_is_an_edit(site: Site) -> None:
    counts = site.crawl(9, [post(1, published=AT + timedelta(days=9))], due_for=DueFor.NEW_DATE)
    assert (counts.held, counts.revised) == (0, 1)


def test_texts_that_several_posts_lost_are_not_accepted_by_repetition(site: Site) -> None:
    for day in (1, 2, 3, 4, 5):
        site.crawl(day, [replace(post(n), body=post(n).body[:150]) for n in range(3)])
    assert site.held() == ["shorter"] * 3


def test_a_few_edits_among_many_posts_are_no_fault(site: Site) -> None:
    site.crawl(1, [post(n) for n in range(100, 200)])
    shown = [redesigned(n) if n < 109 else post(n) for n in range(100, 200)]
    assert site.crawl(9, shown).held == 0


def test_a_site_that_always_edits_is_not_held(site: Site) -> None:
    for day in range(5, 60, 5):
        shown = [replace(post(n), body=f"{post(n).body} Day {day}.") for n in range(12)]
        counts = site.crawl(day, shown if day > 5 else shown[:7])
        assert counts.held == 0 or day < 20, day


def test_changes_that_last_for_two_days_are_accepted(site: Site) -> None:
    for day in (1, 2, 3, 4):
        site.crawl(day, [redesigned(n) for n in range(10)])
    assert site.held() == []
    assert (
        sum(row["revision"] == 3 for row in site.articles().values())
        + sum(row["revision"] == 2 for row in site.articles().values())
        == 10
    )


def test_a_run_says_how_many_held_pages_it_accepted(site: Site) -> None:
    counts = [site.crawl(day, [redesigned(n) for n in range(10)]) for day in (1, 2, 3)]
    assert [(one.held, one.accepted) for one in counts] == [(10, 0), (10, 0), (0, 10)]
    assert counts[-1].revised == 10


def test_a_repair_is_never_held(site: Site) -> None:
    """Seven posts show the fault until it is accepted, the others only once; then all show their texts again."""
    for day in (1, 2, 3):
        site.crawl(day, [redesigned(n) for n in range(12 if day == 1 else 9)])
    assert site.articles()[url_of(0)]["body"] == redesigned(0).body
    assert len(site.held()) == 3
    counts = site.crawl(4, [post(n) for n in range(12)])
    assert (counts.held, counts.revised) == (0, 9)
    assert {row["body"] for row in site.articles().values()} == {post(n).body for n in range(12)}
    assert site.held() == []


def test_a_repair_of_all_posts_is_no_fault_of_its_own(site: Site) -> None:
    for day in (1, 2, 3):
        site.crawl(day, [redesigned(n) for n in range(12)])
    counts = site.crawl(9, [post(n) for n in range(12)])
    assert (counts.held, counts.revised) == (0, 12)


def test_a_fault_that_was_taken_back_is_no_earlier_state(site: Site) -> None:
    site.crawl(1, [redesigned(n) for n in range(10)])
    release_held(site.db, next(iter(site.db.query("select * from sites"))))
    assert site.crawl(2, [redesigned(n) for n in range(10)]).revised == 0


def test_a_page_counts_once_in_a_run(site: Site) -> None:
    """A post that changed on the day before is held with the run, and again when the run fetches it."""
    site.crawl(1, [redesigned(n) for n in range(7)])
    counts = site.crawl(1.5, [*(redesigned(n) for n in range(7, 11)), *(redesigned(n) for n in range(7))])
    assert counts.held == len(site.held()) == 11


# Changes that give several posts the same.

PILLS = "Cheap pills and casino bonus, no prescription, best price."


def with_paragraph(one: Article) -> Article:
    return replace(one, body=f"{one.body}\n\n{PILLS}")


ALIKE = {
    "a paragraph": with_paragraph,
    "a paragraph at the beginning": lambda p: replace(p, body=f"{PILLS}\n\n{p.body}"),
    "words in a paragraph": lambda p: replace(p, body=f"{p.body} {PILLS}"),
    "words in the title": lambda p: replace(p, title=f"{p.title} | casino bonus"),
    "one title": lambda p: replace(p, title="Casino bonus"),
    "a date that is an hour later": lambda p: replace(p, published=p.published + timedelta(hours=1)),
    "one day": lambda p: replace(p, published=AT + timedelta(hours=8, seconds=len(p.title))),
}


@pytest.mark.parametrize("gain", ALIKE.values(), ids=ALIKE)
def test_what_several_posts_gained_alike_is_not_accepted_by_repetition(site: Site, gain: Any) -> None:
    for day in range(1, 10):
        counts = site.crawl(day, [gain(post(n)) for n in range(10)])
        assert (counts.held, counts.revised, counts.accepted) == (10, 0, 0), day
    assert site.held() == ["shared-change"] * 10
    assert {row["revision"] for row in site.articles().values()} == {1}


def test_posts_that_gain_it_later_are_held_too(site: Site) -> None:
    site.crawl(1, [redesigned(n) for n in range(8)])
    for day in range(2, 9):
        site.crawl(day, [with_paragraph(post(n)) for n in range(8, 12)])
    assert sorted(site.held()) == ["mass-change"] * 8 + ["shared-change"] * 4


def test_an_edit_of_one_post_is_accepted_while_others_are_held(site: Site) -> None:
    for day in (1, 2, 3):
        edited = replace(post(11), body=f"{post(11).body} The figures were corrected.")
        counts = site.crawl(day, [*(with_paragraph(post(n)) for n in range(10)), edited])
    assert (counts.held, counts.accepted, counts.revised) == (10, 1, 1)


def test_what_pages_gained_alike_is_shown(site: Site) -> None:
    site.crawl(1, [with_paragraph(post(n)) for n in range(10)])
    assert {one.gained for one in held_pages(site.db, 1)} == {f"text: {fold_words(PILLS)}"}


def test_a_feed_that_announces_the_gain_does_not_confirm_it(site: Site) -> None:
    site.crawl(1, [with_paragraph(post(n)) for n in range(10)])
    edited = replace(post(11), body=f"{post(11).body} The figures were corrected.")
    counts = site.crawl(2, [with_paragraph(post(10)), edited], due_for=ANNOUNCED)
    assert (counts.held, counts.revised) == (1, 1)
    assert site.articles()[url_of(11)]["body"] == edited.body


def test_what_a_person_accepted_is_not_held_on_other_posts(site: Site) -> None:
    site.crawl(0, [post(n) for n in range(12, 40)])
    site.crawl(1, [with_paragraph(post(n)) for n in range(10)])
    with writing(site.db):
        remember_accepted_gains(site.db, 1)
    release_held(site.db, next(iter(site.db.query("select * from sites"))))
    counts = site.crawl(2, [with_paragraph(post(n)) for n in range(40)])
    assert (counts.held, counts.revised) == (0, 40)


def test_a_post_first_stored_with_the_gain_is_repaired_at_once(site: Site) -> None:
    site.crawl(1, [*(with_paragraph(post(n)) for n in range(10)), with_paragraph(post(50))])
    counts = site.crawl(2, [post(50), *(post(n) for n in range(10))])
    assert (counts.held, counts.revised) == (0, 1)
    assert site.articles()[url_of(50)]["body"] == post(50).body


def test_only_the_fault_is_taken_back(site: Site) -> None:
    """A post was edited on the day before, and the run that is held does not fetch it."""
    site.crawl(0, [post(n) for n in range(12, 30)])
    edited = replace(post(3), body=f"{post(3).body} The figures were corrected.")
    site.crawl(1, [edited, *(post(n) for n in range(12, 20))])
    site.crawl(2, [with_paragraph(post(n)) for n in range(10, 24)])
    assert len(site.held()) == 14
    assert site.articles()[url_of(3)]["body"] == edited.body


def test_so_is_only_the_fault_if_each_post_changed_in_its_own_way(site: Site) -> None:
    site.crawl(0, [post(n) for n in range(12, 30)])
    edited = replace(post(3), body=f"{post(3).body} The figures were corrected.")
    site.crawl(1, [edited, *(post(n) for n in range(12, 20))])
    site.crawl(2, [redesigned(n) for n in range(10, 24)])
    assert len(site.held()) == 14
    assert site.articles()[url_of(3)]["body"] == edited.body


def test_a_post_that_moved_keeps_its_new_address_when_its_edit_is_taken_back(site: Site) -> None:
    moved = [replace(with_paragraph(post(n)), url=f"https://{SITE}/new/post-{n}/") for n in range(10)]
    led = [result(post(n), 1, Outcome.DUPLICATE, final_url=one.url) for n, one in enumerate(moved)]
    site.crawl(1, [*led, *moved])
    rows = {row["id"]: row for row in site.db.query("select * from articles")}
    assert {row["body"] for row in rows.values()} == {post(n).body for n in range(12)}
    found = site.db.execute("select article_id, urlkey from article_urls where kind = 'url'").fetchall()
    assert dict(found) == {row["id"]: row["urlkey"] for row in rows.values()}
    assert sum("/new/" in row["url"] for row in rows.values()) == 10


def test_a_new_post_whose_page_showed_an_older_one_does_not_replace_it(site: Site) -> None:
    """A cache sends an old post for the address of a new one, and each page declares its address as canonical."""
    old, new = (replace(post(n), canonical_url=url_of(n), published=AT + timedelta(days=n - 40)) for n in (3, 40))
    site.crawl(1, [old])
    site.crawl(2, [replace(old, url=url_of(40), canonical_url=url_of(40))])
    site.crawl(3, [old])
    assert site.crawl(4, [new]).new == 1
    assert {url: site.articles()[url]["title"] for url in (url_of(3), url_of(40))} == {
        url_of(3): "Post 3",
        url_of(40): "Post 40",
    }


def test_a_version_that_was_taken_back_stays_in_the_history(site: Site) -> None:
    site.crawl(1, [redesigned(n) for n in range(10)])
    found = revisions(site.db, site.articles()[url_of(0)]["id"])
    assert [(one["revision"], bool(one["undone_at"])) for one in found] == [(1, False), (2, True)]


def test_commands_say_that_a_version_was_taken_back(site: Site, tmp_path: Path) -> None:
    site.crawl(1, [redesigned(n) for n in range(10)])
    number, archive = str(site.articles()[url_of(0)]["id"]), ("--archive", str(tmp_path / "a.db"))
    assert "Revision 2 was taken back on " in in_process("diff", number, *archive).output
    assert "Revision 2 was taken back on " in in_process("diff", number, "1", "2", *archive).output
    compared = json.loads(in_process("diff", number, "1", "2", "--json", *archive).output)
    assert (bool(compared["from_undone_at"]), bool(compared["to_undone_at"])) == (False, True)
    assert "2 of 2 (taken back on " in in_process("show", number, "--revision", "2", *archive).output
    runs = json.loads(in_process("runs", "list", "--json", *archive).output)
    assert [one["taken_back"] for one in runs] == [10, 0, 0]


def test_an_earlier_edit_stays_when_a_run_is_held(site: Site) -> None:
    edited = replace(post(3), body=f"{post(3).body} The figures were corrected.")
    site.crawl(1, [edited if n == 3 else post(n) for n in range(12)])
    shown = [edited if n == 3 else post(n) for n in range(12)]
    counts = site.crawl(2, [replace(one, body=f"{one.body}\n\nMore from us: {' '.join(WORDS)}") for one in shown])
    assert (counts.revised, counts.held) == (0, 12)
    assert [row["body"] for row in site.articles().values()] == [one.body for one in shown]
    site.crawl(3, shown)
    assert site.held() == []
    assert site.articles()[url_of(3)]["body"] == edited.body


def wrongly_titled(number: int) -> Article:
    return replace(post(number), title="Notes from the harbour")


def test_a_post_first_stored_during_a_fault_is_corrected_when_the_site_recovers(site: Site) -> None:
    site.crawl(1, [*(redesigned(n) for n in range(10)), wrongly_titled(50)])
    assert len(site.held()) == 10
    counts = site.crawl(2, [post(n) for n in [*range(10), 50]])
    assert (counts.held, counts.revised) == (0, 1)
    assert site.articles()[url_of(50)]["title"] == "Post 50"
    assert site.held() == []


def test_it_is_corrected_by_the_next_fetch_if_the_recovery_shows_after_it(site: Site) -> None:
    site.crawl(1, [*(redesigned(n) for n in range(10)), wrongly_titled(50)])
    assert site.crawl(2, [post(n) for n in [50, *range(10)]]).held == 1
    due = site.db.execute("select url from pages where due_at < '2000' and outcome = 'held'").fetchall()
    assert due == [(url_of(50),)]
    site.crawl(2.1, [post(50)])
    assert site.articles()[url_of(50)]["title"] == "Post 50"
    assert site.held() == []


def test_while_a_fault_lasts_it_may_not_replace_a_post_first_stored_during_it(site: Site) -> None:
    site.crawl(1, [*(redesigned(n) for n in range(10)), post(50)])
    assert site.crawl(2, [*(redesigned(n) for n in range(7)), *(post(n) for n in (7, 8)), wrongly_titled(50)]).held == 8
    assert site.articles()[url_of(50)]["title"] == "Post 50"


def test_a_post_stored_before_a_fault_is_not_changed_with_those_first_stored_during_it(site: Site) -> None:
    site.crawl(1, [*(redesigned(n) for n in range(10)), wrongly_titled(50)])
    assert site.crawl(2, [*(post(n) for n in range(9)), wrongly_titled(11)]).held == 1
    assert site.articles()[url_of(11)]["title"] == "Post 11"


# Deletions.


@pytest.mark.parametrize(("status", "due_for"), [(410, ""), (404, DueFor.DELISTED)])
def test_a_post_is_gone_once_two_days_have_shown_it(site: Site, status: int, due_for: str) -> None:
    counts = [site.crawl(day, [gone(3, day, status)], due_for=due_for) for day in (1, 1.5, 2)]
    assert [one.gone for one in counts] == [0, 0, 1]


def test_many_posts_that_go_at_once_are_gone_on_the_third_day(site: Site) -> None:
    counts = [site.crawl(day, [gone(n, day) for n in range(12)]) for day in (1, 2, 3)]
    assert [one.gone for one in counts] == [0, 0, 12]


def test_a_post_that_is_back_on_the_second_day_was_never_gone(site: Site) -> None:
    counts = [site.crawl(1, [gone(3, 1)]), site.crawl(2, [post(3)]), site.crawl(3, [gone(3, 3)])]
    assert [one.gone for one in counts] == [0, 0, 0]
    assert site.held() == ["gone"]


def test_a_page_that_is_no_post_any_more_keeps_its_article(site: Site) -> None:
    shown = result(post(3), 1, Outcome.NOT_ARTICLE, rule="needs-javascript", reason="it has no text")
    assert site.crawl(1, [shown]).held == 1
    assert site.articles()[url_of(3)]["gone_at"] is None


# What an operator does.


def test_undoing_a_run_takes_back_edits_deletions_and_new_articles(site: Site) -> None:
    before = site.articles()
    site.crawl(1, [gone(4, 1)])
    site.crawl(2, [replace(post(3), title="Spam"), gone(4, 2), post(50)])
    done = undo_run(site.db, site.runs, AT + timedelta(days=3))
    assert (done.revised, done.gone, done.new, done.left) == (1, 1, 1, 0)
    after = site.articles()
    assert after[url_of(3)]["title"] == "Post 3"
    assert after[url_of(4)]["gone_at"] is None
    assert {url: row["meaning_digest"] for url, row in after.items() if url in before} == {
        url: row["meaning_digest"] for url, row in before.items()
    }
    assert site.db.execute("select count(*) from withdrawn_articles").fetchone() == (1,)


def test_the_next_crawl_fetches_what_an_undone_run_changed(site: Site) -> None:
    site.crawl(1, [replace(post(3), title="Spam")])
    undo_run(site.db, site.runs, AT + timedelta(days=2))
    due = site.db.execute("select url from pages where due_at < '2000'").fetchall()
    assert due == [(url_of(3),)]


def test_a_run_is_undone_once(site: Site) -> None:
    undo_run(site.db, site.runs, AT)
    with pytest.raises(RunNotFound):
        undo_run(site.db, site.runs, AT)


def test_a_dry_run_changes_nothing(site: Site) -> None:
    site.crawl(1, [replace(post(3), title="Spam")])
    assert undo_run(site.db, site.runs, AT, dry_run=True).revised == 1
    assert site.articles()[url_of(3)]["title"] == "Spam"


def test_an_article_that_a_later_run_changed_again_is_left(site: Site) -> None:
    site.crawl(1, [replace(post(3), title="One")])
    first = site.runs
    site.crawl(2, [replace(post(3), title="Two")])
    done = undo_run(site.db, first, AT + timedelta(days=3))
    assert (done.revised, done.left) == (0, 1)
    assert site.articles()[url_of(3)]["title"] == "Two"


def test_released_pages_are_fetched_again(site: Site) -> None:
    site.crawl(1, [replace(post(3), body="Blog D")])
    row = dict(next(iter(site.db.query("select * from sites"))))
    assert release_held(site.db, row).due == 1
    assert site.held() == []


def test_when_one_page_shows_its_post_again_those_with_the_same_fault_are_due(site: Site) -> None:
    site.crawl(1, [replace(post(n), body=post(n).body[:150]) for n in (3, 4)])
    site.crawl(1.1, [replace(post(5), title="Blog", body="Blog D", authors=(), published=None)])
    site.crawl(2, [post(3)])
    due = {row["url"] for row in site.db.query("select url from pages where due_at < '2000'")}
    assert due == {url_of(4)}


def test_of_many_held_pages_some_are_fetched_the_next_day(tmp_path: Path) -> None:
    with archive_of_one_site(tmp_path) as db:
        site = Site(db)
        site.crawl(0, [post(n) for n in range(90)])
        site.crawl(1, [replace(post(n), body=post(n).body[:150]) for n in range(90)])
        next_day = stamp(AT + timedelta(days=2))
        (soon,) = db.execute("select count(*) from pages where outcome = 'held' and due_at < ?", [next_day]).fetchone()
        assert 20 <= soon <= 45


def due_after(site: Site, url: str, day: float) -> float:
    """Return in how many days after `day` a page is due."""
    (due,) = site.db.execute("select due_at from pages where url = ?", [url]).fetchone()
    return (datetime.fromisoformat(due) - AT) / timedelta(days=1) - day


EMPTY = {"rule": "needs-javascript", "reason": "it has no text without JavaScript", "kind": PageKind.OTHER}


def test_a_new_page_that_shows_no_post_is_fetched_again_soon_then_rarely(site: Site) -> None:
    new = replace(post(20), url=url_of(20))
    waits = []
    for day in (1, 2, 3, 5, 9, 17):
        site.crawl(day, [result(new, day, Outcome.NOT_ARTICLE, **EMPTY)])
        waits.append(round(due_after(site, new.url, day), 1))
    assert waits == [0.8, 0.8, 1.8, 3.8, 7.8, 15.8]


@pytest.mark.parametrize(("listed", "days"), [([20], 0.8), ([], 30)])
def test_a_new_page_that_is_no_page_is_fetched_again_soon_if_the_feed_lists_it(
    site: Site, listed: list[int], days: float
) -> None:
    """A gateway may answer in JSON, with status 200, that it cannot reach the site."""
    error = {"rule": "not-html", "reason": "it is not an HTML page (application/json)", "kind": PageKind.OTHER}
    site.crawl(1, [result(post(20), 1, Outcome.NOT_ARTICLE, **error)], listed=listed)
    assert round(due_after(site, url_of(20), 1), 1) == days


def test_a_new_page_without_a_post_that_is_unchanged_is_fetched_again_soon(site: Site) -> None:
    site.crawl(1, [result(post(20), 1, Outcome.NOT_ARTICLE, **EMPTY)])
    unchanged = {"status": 304, "rule": "http-304", "reason": "the server says it is unchanged"}
    site.crawl(2, [result(post(20), 2, Outcome.UNCHANGED, **unchanged)])
    assert due_after(site, url_of(20), 2) < 1


def test_a_new_page_that_is_gone_is_fetched_again_soon(site: Site) -> None:
    site.crawl(1, [gone(20, 1)])
    assert due_after(site, url_of(20), 1) < 1


def test_a_new_page_that_redirects_for_the_time_being_is_fetched_again_soon(site: Site) -> None:
    away = {"final_url": f"https://{SITE}/login", "reason": "it redirects"}
    site.crawl(1, [result(post(20), 1, Outcome.DUPLICATE, status=302, rule="http-302", **away)])
    site.crawl(1, [result(post(21), 1, Outcome.DUPLICATE, status=301, rule="http-301", **away)])
    assert due_after(site, url_of(20), 1) < 1
    assert due_after(site, url_of(21), 1) == 30


def test_pages_of_the_first_crawl_that_show_no_post_wait(tmp_path: Path) -> None:
    with archive_of_one_site(tmp_path) as db:
        site = Site(db)
        site.crawl(0, [post(1), result(post(2), 0, Outcome.NOT_ARTICLE, **EMPTY)])
        assert due_after(site, url_of(2), 0) == 30


def test_a_young_post_that_the_server_calls_unchanged_is_due_as_any_young_post(site: Site) -> None:
    new = replace(post(20), published=AT + timedelta(days=1))
    site.crawl(1, [new])
    unchanged = {"status": 304, "rule": "http-304", "reason": "the server says it is unchanged"}
    site.crawl(2, [result(new, 2, Outcome.UNCHANGED, **unchanged)])
    assert due_after(site, new.url, 2) == 1


def test_an_edit_on_pages_that_show_only_the_day_keeps_the_time(site: Site) -> None:
    day = datetime(2026, 2, 1, tzinfo=UTC)
    site.crawl(1, [post(20, published=day.replace(hour=8, minute=33), published_precision="second")])
    site.crawl(9, [post(20, published=day, published_precision="day", authors=("Ann Other",))])
    row = site.articles()[url_of(20)]
    assert (row["published"][:16], row["published_precision"]) == ("2026-02-01T08:33", "second")
    assert row["revision"] == 2
