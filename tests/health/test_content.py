"""Findings about what is stored: values that so many articles share that they cannot be theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archiver.health.health_rules import HealthFinding, HealthInputs, JudgedRun, judge_site
from archiver.model.items import Article, Outcome, PageKind, PageResult
from archiver.storage.completeness import site_completeness
from archiver.storage.held_pages import HeldPage
from archiver.storage.runs import MeasuredRun, RunStatistics
from archiver.storage.site_statistics_for_health import RepeatedValue, SiteContent, read_site_content
from tests.storage.one_site_archive import POST, SITE, archive_of_one_site, store

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def judge(content: SiteContent) -> tuple[HealthFinding, ...]:
    run = JudgedRun(NOW, "finished", "", MeasuredRun())
    return judge_site(HealthInputs("quay.example", [run], content=content), NOW).findings


@pytest.mark.parametrize(
    ("field", "articles", "level"),
    [
        ("title", 20, "red"),
        ("title", 19, ""),
        ("body", 5, "red"),
        ("body", 4, ""),
        ("image", 50, "amber"),
        ("image", 49, ""),
        ("description", 50, "amber"),
    ],
)
def test_a_value_that_many_articles_share(field: str, articles: int, level: str) -> None:
    repeated = RepeatedValue(field, "Quay Notes", articles, "https://quay.example/1/")
    found = judge(SiteContent(articles=100, repeated=(repeated,)))
    assert [(one.code, one.about, one.level) for one in found] == ([("constant", field, level)] if level else [])


def test_four_posts_of_one_title_may_be_a_series() -> None:
    repeated = RepeatedValue("title", "Links of the week", 4, "https://quay.example/1/")
    assert judge(SiteContent(articles=8, repeated=(repeated,))) == ()


@pytest.mark.parametrize(("number", "said"), [(1, "A page is held since"), (2, "2 pages are held since")])
def test_one_held_page_is_in_the_singular(number: int, said: str) -> None:
    pages = [HeldPage(f"https://quay.example/{n}/", "shorter", "", "2026-03-02", 1, n) for n in range(number)]
    (finding,) = judge(SiteContent(articles=100, held=tuple(pages)))
    assert finding.sentence.startswith(said)
    assert ("none of them was replaced" in finding.sentence) == (number > 1)


@pytest.mark.parametrize(("empty", "level"), [(2, ""), (5, ""), (6, "amber"), (51, "red")])
def test_articles_without_text(empty: int, level: str) -> None:
    found = judge(SiteContent(articles=100, empty=empty, empty_example="https://quay.example/1/"))
    assert [(one.code, one.level) for one in found] == ([("empty-body", level)] if level else [])


@pytest.mark.parametrize(
    ("articles", "dateless", "level"),
    [(100, 9, ""), (100, 10, "amber"), (10, 4, ""), (10, 5, "amber"), (10, 10, "green")],
)
def test_articles_without_a_date(articles: int, dateless: int, level: str) -> None:
    found = judge(SiteContent(articles=articles, dateless=dateless, dateless_example="https://quay.example/1/"))
    assert [(one.code, one.level) for one in found] == ([("no-date", level)] if level else [])


@pytest.mark.parametrize(
    ("mixed", "compared", "level"), [(4, 10, ""), (5, 10, "amber"), (19, 100, ""), (20, 100, "amber")]
)
def test_articles_with_titles_or_teasers_of_others(mixed: int, compared: int, level: str) -> None:
    found = judge(SiteContent(articles=100, mixed=mixed, compared=compared, mixed_example="https://quay.example/1/"))
    assert [(one.code, one.level) for one in found] == ([("mixed-body", level)] if level else [])


NUMBERS = ("one", "two", "three", "four", "five", "six")


def opening(number: str) -> str:
    return f"Post {number} begins with a paragraph that is long enough to be a teaser of it on the pages of the others."


def contents(tmp_path: Path, bodies: dict[str, str]) -> SiteContent:
    """Return the content of a site with these posts, whose titles are "The story of post one" and so on."""
    with archive_of_one_site(tmp_path) as db:
        for number, body in bodies.items():
            article = replace(POST, url=f"https://{SITE}/{number}/", title=f"The story of post {number}", body=body)
            store(db, article, None)
        return read_site_content(db, SITE, 1)


def test_articles_without_a_date_are_counted(tmp_path: Path) -> None:
    with archive_of_one_site(tmp_path) as db:
        shown = replace(POST, url=f"https://{SITE}/one/")
        for article in (shown, replace(shown, url=f"https://{SITE}/two/", published=None)):
            store(db, article, None)
        content = read_site_content(db, SITE, 1)
    assert (content.dateless, content.dateless_example) == (1, f"https://{SITE}/two/")


def test_articles_for_subscribers_are_counted(tmp_path: Path) -> None:
    with archive_of_one_site(tmp_path) as db:
        for article in (POST, replace(POST, url=f"https://{SITE}/paid/", title="For members", access="paid")):
            store(db, article, None)
        counts = site_completeness(db, next(db.query("select * from sites")))["articles"]
    assert (counts["all"], counts["paid"]) == (2, 1)


@pytest.mark.parametrize("teaser", [opening, lambda number: f"{opening(number)[:70]}…"], ids=["whole", "cut"])
def test_teasers_of_other_posts_are_found_in_texts(tmp_path: Path, teaser: Callable[[str], str]) -> None:
    bodies = {n: f"{opening(n)}\n\n{teaser(NUMBERS[i - 1])}\n\n{teaser(NUMBERS[i - 2])}" for i, n in enumerate(NUMBERS)}
    content = contents(tmp_path, bodies)
    assert (content.mixed, content.compared) == (6, 6)
    assert content.mixed_example == f"https://{SITE}/five/"


def test_titles_of_other_posts_are_found_in_texts(tmp_path: Path) -> None:
    cards = "The story of post one\n\nThe story of post two\n\nThe story of post three"
    assert contents(tmp_path, {n: f"{opening(n)}\n\n{cards}" for n in NUMBERS}).mixed == 6


@pytest.mark.parametrize(
    "rest",
    ["A text of its own.", f"{opening('one')}\n\nwas what it said."],
    ids=["own text", "one quotation"],
)
def test_texts_without_paragraphs_of_others(tmp_path: Path, rest: str) -> None:
    assert contents(tmp_path, {n: f"{opening(n)}\n\n{rest}" for n in NUMBERS}).mixed == 0


def test_a_notice_above_every_text_is_no_teaser(tmp_path: Path) -> None:
    notice = "This post may contain links for which the people of the quay get a small share of the price of the rope."
    bodies = {n: f"{notice}\n\n{opening(n)}\n\n{notice} Thank you." for n in NUMBERS}
    assert contents(tmp_path, bodies).mixed == 0


@pytest.mark.parametrize(
    ("articles", "pages", "scripts", "level"),
    [(0, 1, 1, "red"), (100, 120, 4, ""), (100, 120, 5, "amber"), (20, 60, 30, "red"), (900, 1_000, 19, "")],
)
def test_pages_that_need_javascript(articles: int, pages: int, scripts: int, level: str) -> None:
    content = SiteContent(articles=articles, pages=pages, script_pages=scripts, script_example="https://quay.example/")
    assert [(one.code, one.level) for one in judge(content)] == ([("javascript", level)] if level else [])


@pytest.mark.parametrize(
    ("outcome", "reason", "articles", "codes"),
    [
        ("finished", "", 0, ["no-posts"]),
        ("finished", "", 1, []),
        ("finished", "its time is up", 0, []),
        ("interrupted", "", 0, []),
    ],
)
def test_a_site_without_posts(outcome: str, reason: str, articles: int, codes: list[str]) -> None:
    run = JudgedRun(NOW, outcome, reason, MeasuredRun())
    known = HealthInputs("quay.example", [run], content=SiteContent(articles=articles, pages=3))
    assert [one.code for one in judge_site(known, NOW).findings] == codes


@pytest.mark.parametrize(
    ("gone", "said"),
    [(0, "no feed, sitemap, API or link led to a post."), (38, "the server has no page at 38 addresses that feeds")],
)
def test_a_site_without_posts_whose_addresses_are_dead(gone: int, said: str) -> None:
    run = JudgedRun(NOW, "finished", "", MeasuredRun(outcomes={"gone": gone}))
    known = HealthInputs("quay.example", [run], content=SiteContent(pages=40))
    (finding,) = judge_site(known, NOW).findings
    assert said in finding.sentence


def test_fields_that_were_the_site_s_are_taken_back_from_the_statistics() -> None:
    measuring = RunStatistics()
    for number in range(3):
        article = Article(f"https://quay.example/{number}/", title="T", image="https://quay.example/logo.png")
        result = PageResult(article.url, article.url, NOW, Outcome.ARCHIVED, PageKind.POST, status=200, article=article)
        measuring.count_result(result, Outcome.ARCHIVED, "due")
    measuring.subtract_constants({"image": 2, "title": 5, "body": 1})
    assert measuring.measured({}).fields == {"title": 0, "image": 1}


@pytest.mark.parametrize(
    ("articles", "undated", "level"), [(0, 4, ""), (0, 5, "amber"), (1, 36, "amber"), (36, 36, ""), (100, 36, "")]
)
def test_entries_of_lists_without_a_date_outnumber_the_articles(articles: int, undated: int, level: str) -> None:
    content = SiteContent(articles=articles, pages=120, undated=undated, undated_example="https://a.example/b/")
    found = [(one.code, one.level) for one in judge(content) if one.code != "no-posts"]
    assert found == ([("undated", level)] if level else [])


@pytest.mark.parametrize(("untaken", "level"), [(0, ""), (1, ""), (2, "amber"), (100, "amber"), (101, "red")])
def test_pages_that_look_like_posts_and_were_not_taken(untaken: int, level: str) -> None:
    content = SiteContent(articles=100, pages=120, untaken=untaken, untaken_rule="undated")
    assert [(one.code, one.level) for one in judge(content)] == ([("untaken", level)] if level else [])


@pytest.mark.parametrize(
    ("held", "unchanged", "level"), [(3, 3, "red"), (2, 0, "amber"), (3, 4, "amber"), (5, 30, "amber")]
)
def test_pages_that_are_held(held: int, unchanged: int, level: str) -> None:
    """Half of the posts that a run fetched, and three at least, show that the site is at fault."""
    pages = [HeldPage(f"https://quay.example/{n}/", "not-a-post", "", "2026-03-02", 1, n) for n in range(held)]
    run = JudgedRun(NOW, "finished", "", MeasuredRun(outcomes={"held": held, "unchanged": unchanged, "not-article": 2}))
    content = SiteContent(articles=100, held=tuple(pages))
    (found,) = judge_site(HealthInputs("quay.example", [run], content=content), NOW).findings
    assert (found.code, found.level) == ("held", level)
