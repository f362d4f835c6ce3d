"""Judging a site's health by its own history, at a fixed time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.frontier.cadence import Every, PastRun, RecrawlTime
from archiver.health.health_report import judge_archive
from archiver.health.health_rules import (
    START_PAGE_ADVICE,
    TRY_AGAIN,
    HealthFinding,
    HealthInputs,
    JudgedRun,
    SilentSource,
    chance_of_so_few,
    chance_of_so_many,
    is_far,
    judge_site,
)
from archiver.health.stored_health import Acceptance, measure_growth, without_accepted
from archiver.model.fields import MEASURED
from archiver.model.items import Article, DiscoveredURL, Evidence, Outcome, PageKind, PageResult
from archiver.model.items import DiscoverySource as Source_
from archiver.storage.database import open_archive
from archiver.storage.pages import stamp
from archiver.storage.runs import MeasuredRun, RunStatistics
from archiver.storage.scheduled_sites import Scheduled
from archiver.storage.site_statistics_for_health import PostDay

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
ALL = dict.fromkeys(MEASURED, 10)


def measured(
    articles: int = 10,
    length: float = 2000,
    latency: float = 0.2,
    outcomes: Mapping[str, int] | None = None,
    **fields: int,
) -> MeasuredRun:
    have = {name: min(number, articles) for name, number in (ALL | fields).items()}
    return MeasuredRun(
        articles, have, length, outcomes or {"archived": articles, "not-article": 5}, {"200": 15}, latency, latency * 3
    )


def site(*runs: MeasuredRun | str, past: int = 10, **known: object) -> HealthInputs:
    """Return a site with `past` good runs, a day apart, followed by these runs: their statistics, or how they ended."""
    history = [measured()] * past + list(runs)
    listed = [
        JudgedRun(
            NOW - (len(history) - 1 - n) * DAY,
            *(("finished", "", one) if isinstance(one, MeasuredRun) else (one, f"it {one}", MeasuredRun())),
        )
        for n, one in enumerate(history)
    ]
    return HealthInputs("a.example", listed[::-1], **known)  # type: ignore[arg-type]


def findings_of(known: HealthInputs) -> list[HealthFinding]:
    return list(judge_site(known, NOW).findings)


def figures(finding: HealthFinding) -> list[str]:
    """Returns the numbers, dates and times in the sentence of a finding."""
    return re.findall(r"(?<![\w.])\d[\d:-]*%?", finding.sentence)


def codes(known: HealthInputs) -> list[tuple[str, str, str]]:
    return [(one.code, one.about, one.level) for one in findings_of(known)]


def test_an_unchanged_site_is_green_and_one_without_a_run_unknown() -> None:
    assert judge_site(site(), NOW).state == "green"
    assert judge_site(site(measured(9), measured(1)), NOW).state == "green"
    assert judge_site(HealthInputs("a.example"), NOW).state == judge_site(site(past=0), NOW).state == "unknown"


def test_a_lost_field_is_reported_with_the_first_run_without_it() -> None:
    (fall,) = findings_of(site(measured(5, published=0)))
    assert (fall.code, fall.about, fall.level, fall.since) == ("coverage", "published", "red", NOW)
    assert figures(fall) == ["2026-03-02", "12:00", "0", "5", "100%"]
    assert "archiver sites rules a.example --learn" in fall.sentence
    (later,) = findings_of(site(measured(5, published=0), *[measured(2, published=0)] * 4))
    assert later.since == NOW - 4 * DAY
    assert figures(later)[2:4] == ["0", "13"]


def test_what_a_redesign_takes_from_the_pages_is_one_finding() -> None:
    bad = measured(5, authors=0, published=0, categories=0, length=300)
    (finding,) = findings_of(site(bad))
    assert (finding.code, finding.about, finding.level, finding.since) == ("coverage", "published", "red", NOW)
    assert all(name in finding.sentence for name in ("date of publication", "authors", "categories", "300 characters"))
    (alone,) = findings_of(site(measured(5, authors=0)))
    assert (alone.about, alone.level) == ("authors", "amber")


def test_a_drop_that_shows_in_a_later_run_belongs_to_the_redesign() -> None:
    """Half of the posts had tags: it takes more articles to be sure that none has them any more."""
    some = [measured(10, tags=5)] * 10
    first, later = measured(3, authors=0, tags=0), measured(7, authors=0, tags=0)
    assert codes(site(*some, first, past=0)) == [("coverage", "authors", "amber")]
    (finding,) = findings_of(site(*some, first, later, later, past=0))
    assert (finding.about, finding.since) == ("authors", NOW - 2 * DAY)
    assert "tags" in finding.sentence


def test_redesigns_at_different_times_are_different_findings() -> None:
    first, second = measured(5, authors=0), measured(5, authors=0, image=0)
    found = findings_of(site(*[first] * 9, *[second] * 2))
    assert [(one.about, one.since) for one in found] == [("authors", NOW - 10 * DAY), ("image", NOW - DAY)]


def test_dates_of_a_feed_do_not_hide_that_the_pages_lost_theirs() -> None:
    """In the first run, the feed has the date of each post, in the second of none, in the third of each again."""
    shown = {name: 5 for name in MEASURED if name not in ("authors", "published")}
    runs = [replace(measured(5, authors=0, published=number), shown=shown) for number in (5, 0, 5)]
    for number in range(1, len(runs) + 1):
        assert codes(site(*runs[:number])) == [("coverage", "published", "red")]


def test_run_statistics_count_what_pages_show() -> None:
    def article(*sources: str) -> Article:
        found = tuple(Evidence("published", "2024-05-01", source, "", 0.8) for source in sources)
        when = datetime(2024, 5, 1, tzinfo=UTC) if sources else None
        return Article(url="https://a.example/x", title="A", body="B", published=when, evidence=found)

    counting = RunStatistics()
    url = "https://a.example/x"
    for one in (article("feed"), article("feed", "shown"), article("sitemap"), article("api"), article()):
        page = PageResult(url, url, NOW, Outcome.ARCHIVED, PageKind.POST, article=one, status=200)
        counting.count_result(page, Outcome.ARCHIVED, "due")
    run = MeasuredRun.from_json(counting.as_json({}))
    assert run.fields["published"] == 4
    assert run.shown is not None
    assert (run.shown["published"], run.shown["title"]) == (2, 5)


@pytest.mark.parametrize(("before", "counted"), [("archived", "gone"), ("duplicate", "alias"), ("gone", "gone again")])
def test_another_address_of_a_post_that_is_gone_is_no_lost_post(before: str, counted: str) -> None:
    counting = RunStatistics()
    url = "https://a.example/x/amp/"
    page = PageResult(url, url, NOW, Outcome.GONE, PageKind.POST, rule="http-404", status=404)
    counting.count_result(page, Outcome.GONE, before)
    assert counting.measured({}).outcomes == {counted: 1}


def test_run_statistics_have_the_fault_of_a_failed_run() -> None:
    counting = RunStatistics()
    page = PageResult("https://a.example/", "https://a.example/", NOW, Outcome.FAILED, PageKind.OTHER, rule="no-host")
    counting.count_result(page, Outcome.FAILED, "due")
    assert [counting.measured({}, ended=outcome).fault for outcome in ("failed", "waiting", "finished")] == [
        "no-host",
        "no-host",
        "",
    ]


def test_one_new_post_a_run_is_enough_after_some_runs() -> None:
    assert codes(site(measured(1, tags=0))) == []
    assert codes(site(*[measured(1, tags=0)] * 3)) == [("coverage", "tags", "amber")]
    assert findings_of(site(*[measured(1, tags=0)] * 3))[0].since == NOW - 2 * DAY


def test_lost_posts_are_summed_over_runs_until_one_is_stored() -> None:
    def asked(reported: int, got: int) -> MeasuredRun:
        return replace(measured(0, outcomes={"not-article": 3}), reported=reported, stored=got)

    sound = [asked(10, 10), asked(1, 1), asked(1, 1)]
    assert codes(site(*sound, asked(1, 0), asked(0, 0), asked(1, 0))) == codes(site(asked(9, 9), asked(9, 0))) == []
    (finding,) = findings_of(site(*sound, asked(1, 0), asked(0, 0), asked(1, 0), asked(1, 0)))
    assert (finding.code, finding.about, finding.level, finding.since) == ("posts", "listed", "red", NOW - 3 * DAY)
    assert sorted(figures(finding)) == sorted(["3", "2026-02-27", "12:00", "0", "100%"])
    assert codes(site(*sound, *[asked(1, 0)] * 5, asked(5, 5))) == []
    many = asked(500, 500)
    assert codes(site(many, asked(2, 0))) == []
    assert codes(site(many, asked(2, 0), asked(1, 0)))


def test_a_first_crawl_in_several_runs_counts_as_one() -> None:
    """Its old posts, which were archived last, differ from the new ones, and the old URLs are gone."""
    new, old = (
        measured(20, **dict.fromkeys(MEASURED, 20)),
        measured(200, outcomes={"archived": 200, "gone": 90}, **(dict.fromkeys(MEASURED, 200) | {"authors": 20})),
    )
    known = site(new, old, past=0)
    assert codes(known) == [("coverage", "authors", "amber")]
    for outcome, reason in (("finished", "the limit of 20 posts"), ("interrupted", "shutdown")):
        first = replace(known.runs[-1], outcome=outcome, reason=reason)
        assert codes(replace(known, runs=[*known.runs[:-1], first])) == []
    in_pieces = [
        replace(run, reason="the limit of 20 posts") for run in site(past=8).runs
    ]  # each of its runs reached the limit
    after = JudgedRun(NOW, "finished", "the limit of 20 posts", measured(10, title=0))
    assert codes(HealthInputs("a.example", [after, *in_pieces])) == [("coverage", "title", "red")]


def test_fewer_posts_among_new_pages_are_reported() -> None:
    def met(met: int, posts: int) -> MeasuredRun:
        return replace(measured(0, outcomes={"not-article": 3}), unreported=met, posts=posts)

    (finding,) = findings_of(site(met(24, 23), met(1, 1), met(2, 0), met(2, 0), past=1))
    assert (finding.code, finding.about, finding.level, finding.since) == ("posts", "pages", "amber", NOW - DAY)
    assert sorted(figures(finding)) == sorted(["4", "2026-03-01", "12:00", "0", "96%"])
    assert codes(site(met(24, 23), met(2, 0), met(2, 2))) == codes(site(met(24, 12), met(4, 0))) == []
    begun = site(met(24, 24), met(9, 0), past=0)
    assert codes(begun) == [("posts", "pages", "amber")]
    first = replace(begun.runs[1], reason="the limit of 24 posts")  # so the second run crawled the rest of the site
    assert codes(replace(begun, runs=[begun.runs[0], first])) == []


def test_run_statistics_count_listed_posts_and_feeds() -> None:
    def run(*visits: Any) -> MeasuredRun:
        measuring = RunStatistics()
        for kind, outcome, before, was, listed, *rule in visits:
            url = "https://a.example/x"
            targets = tuple(DiscoveredURL(f"{url}{n}", Source_.FEED) for n in range(listed))
            same = kind is PageKind.FEED and outcome is Outcome.UNCHANGED
            visit = PageResult(
                url, url, NOW, outcome, kind, rule="".join(rule), targets=targets, status=304 if same else 200
            )
            outcome = Outcome.NOT_ARTICLE if same else outcome  # an unchanged feed is stored as it was
            measuring.count_result(visit, outcome, before, was)
        return MeasuredRun.from_json(measuring.as_json({}))

    post, page, due = PageKind.POST, PageKind.OTHER, "due"
    one = run(
        (post, Outcome.ARCHIVED, due, "post", 0),
        (page, Outcome.NOT_ARTICLE, due, "post", 0),
        (post, Outcome.REFUSED, due, "post", 0),
        (post, Outcome.ARCHIVED, "failed", "post", 0),
    )
    assert (one.reported, one.stored) == (4, 2)
    one = run(
        (post, Outcome.ARCHIVED, due, "unknown", 0),
        (page, Outcome.NOT_ARTICLE, due, "unknown", 0),
        (post, Outcome.ARCHIVED, "archived", "post", 0),
        (post, Outcome.FAILED, "failed", "post", 0),
    )
    assert (one.reported, one.stored, one.listed) == (0, 0, None)
    one = run(
        (post, Outcome.ARCHIVED, due, "unknown", 0),
        (page, Outcome.NOT_ARTICLE, due, "unknown", 0, "undated"),
        (page, Outcome.NOT_ARTICLE, due, "unknown", 0, "page address"),
        (post, Outcome.ARCHIVED, due, "post", 0),
    )
    assert (one.unreported, one.posts) == (2, 1)
    full, empty, same = (
        (PageKind.FEED, outcome, due, "feed", listed)
        for outcome, listed in ((Outcome.NOT_ARTICLE, 3), (Outcome.NOT_ARTICLE, 0), (Outcome.UNCHANGED, 0))
    )
    assert [run(*feeds).listed for feeds in ((full, empty), (empty,), (same, empty), (full, same), (same,))] == [
        3,
        0,
        None,
        3,
        None,
    ]


def test_only_what_is_new_in_a_run_counts_as_gone_or_redirected() -> None:
    def outcomes(*visits: tuple[Outcome, str, str]) -> dict[str, int]:
        measuring, url = RunStatistics(), "https://a.example/x"
        for outcome, before, rule in visits:
            visit = PageResult(url, url, NOW, outcome, PageKind.POST, rule=rule, status=200)
            measuring.count_result(visit, outcome, before)
        return dict(MeasuredRun.from_json(measuring.as_json({})).outcomes)

    assert outcomes((Outcome.GONE, "archived", "http-404"), (Outcome.DUPLICATE, "archived", "http-302")) == {
        "gone": 1,
        "duplicate": 1,
    }
    assert outcomes((Outcome.DUPLICATE, "due", "meta-refresh")) == {"duplicate": 1}
    known = outcomes((Outcome.GONE, "gone", "http-404"), (Outcome.DUPLICATE, "duplicate", "http-301"))
    assert known == {"gone again": 1, "duplicate again": 1}
    # The page itself answers with a post that is stored under another address: nothing redirected.
    assert outcomes((Outcome.DUPLICATE, "failed", "single-post")) == {"alias": 1}
    for again in ("gone again", "duplicate again", "alias"):
        assert codes(site(measured(outcomes={"archived": 10, again: 40}))) == []


def test_a_field_that_returns_or_was_always_rare_is_not_reported() -> None:
    assert codes(site(measured(8, authors=0), measured(8), measured(8))) == []
    rarely = [measured(10, image=1)] * 10
    assert codes(site(*rarely, measured(5, image=0), past=0)) == []
    assert codes(site(measured(5, published=0), past=1)) == []  # too little is known of it


def test_a_finding_is_reported_until_it_is_over_or_accepted() -> None:
    long = site(*[measured(3, authors=0)] * 30, past=6)
    assert codes(long) == [("coverage", "authors", "amber")]
    health = judge_site(long, NOW)
    assert without_accepted(health, {"coverage authors": Acceptance(NOW, "amber")}).state == "green"
    assert (
        without_accepted(
            health, {"coverage tags": Acceptance(NOW, "amber"), "coverage authors": Acceptance(NOW - 40 * DAY, "amber")}
        )
        == health
    )


@pytest.mark.parametrize(
    "bad",
    [
        measured(length=300),
        measured(latency=4.0),
        measured(outcomes={"archived": 9, "refused": 9}),
        measured(outcomes={"archived": 9, "failed": 9}),
    ],
)
def test_an_accepted_finding_is_not_reported_by_the_next_run(bad: MeasuredRun) -> None:
    first, second = site(bad, measured(), bad), site(bad, bad)
    for known, since in ((first, NOW), (second, NOW - DAY)):
        (finding,) = findings_of(known)
        assert finding.since == since
    assert (
        without_accepted(judge_site(second, NOW), {finding.key: Acceptance(NOW - DAY / 2, finding.level)}).state
        == "green"
    )


def test_the_endings_of_the_last_runs_are_judged() -> None:
    assert codes(site("failed")) == [("failed", "", "amber")]
    assert codes(site(*["failed"] * 2)) == [("failed", "", "red")]
    assert figures(findings_of(site(*["failed"] * 2))[0]) == ["2", "2026-03-01"]
    assert codes(site("failed", past=0)) == [("failed", "", "amber")]  # the first crawl of a site
    assert codes(site("failed", "failed", past=0)) == [("failed", "", "red")]
    assert codes(site("interrupted")) == codes(site("waiting")) == codes(site("")) == []
    assert codes(site(*["waiting"] * 2)) == [("waiting", "", "amber")]
    assert codes(site(*["interrupted"] * 2)) == [("interrupted", "", "amber")]
    assert codes(site("failed", measured())) == []


@pytest.mark.parametrize(
    ("start_page", "advice"),
    [
        *((("failed", rule), advice) for rule, advice in START_PAGE_ADVICE.items()),
        (("gone", "http-404"), TRY_AGAIN),
        (("duplicate", "http-301"), ""),
        (None, ""),
    ],
)
def test_advice_for_a_failed_run_follows_the_outcome_and_rule_of_the_start_page(
    start_page: tuple[str, str] | None, advice: str
) -> None:
    runs = [JudgedRun(NOW, "failed", "A reason.", MeasuredRun())]
    (finding,) = findings_of(HealthInputs("a.example", runs, start_page=start_page, moved_to="https://b.example/"))
    said = advice.format(site="a.example", target="https://b.example/")
    assert finding.sentence == f"Its last run failed: A reason. {said}".rstrip()


def test_more_failing_pages_than_usual_are_reported() -> None:
    bad = replace(measured(10, outcomes={"archived": 10, "failed": 10}), statuses={"200": 10, "503": 9, "404": 1})
    (finding,) = findings_of(site(bad))
    assert (finding.code, finding.about) == ("statuses", "failed")
    assert figures(finding)[:2] == ["10", "20"]
    assert {"2026-03-02", "12:00", "503", "9", "404", "1"} <= set(figures(finding))
    (finding,) = findings_of(
        site(replace(measured(outcomes={"archived": 9, "refused": 9}), statuses={"200": 9, "403": 9}))
    )
    assert (finding.code, finding.about) == ("statuses", "refused")
    assert {"403", "9"} <= set(figures(finding))
    assert codes(site(measured(outcomes={"archived": 10, "failed": 1}))) == []
    assert codes(site(MeasuredRun(outcomes={"archived": 2, "failed again": 9}))) == []
    # A fault that goes on: most of what failed then fails again.
    first, second = {"not-article": 3, "failed": 7}, {"not-article": 3, "failed": 3, "failed again": 7}
    (lasting,) = findings_of(site(measured(0, outcomes=first), measured(0, outcomes=second)))
    assert (lasting.code, lasting.about) == ("statuses", "failed")
    assert {"10", "13"} <= set(figures(lasting))
    assert codes(site(measured(0, outcomes=first), measured(outcomes={"archived": 20, "failed again": 1}))) == []
    for outcome in ("gone", "duplicate"):
        nothing = measured(0, outcomes={"not-article": 3, outcome: 4})
        assert codes(site(nothing)) == [("statuses", outcome, "amber")]
        # The finding is not over until a post is extracted again.
        assert codes(site(nothing, measured(0, outcomes={"not-article": 3}))) == [("statuses", outcome, "amber")]
        assert codes(site(nothing, measured())) == codes(site(measured(0, outcomes={outcome: 2}))) == []
    shaky = [measured(outcomes={"archived": 10, "failed": 10})] * 5
    assert codes(site(*shaky, measured(outcomes={"archived": 5, "failed": 6}), past=0)) == []


def test_short_texts_of_a_burst_are_not_reported_beside_it() -> None:
    day = [
        PostDay(f"{NOW - n * DAY:%Y-%m-%d}", NOW - n * DAY, 200 if not n else 3, 200 if not n else 0, "x")
        for n in range(14)
    ]
    assert codes(replace(site(measured(length=300)), days=day)) == [("burst", "", "amber")]


def test_unusual_lengths_and_response_times_are_reported() -> None:
    assert codes(site(measured(length=300))) == [("length", "", "amber")]
    assert codes(site(measured(length=9000))) == [("length", "", "amber")]
    assert codes(site(measured(length=1500))) == codes(site(measured(2, length=300))) == []
    # With one post per run, as on most sites, three runs are enough.
    short, usual = measured(1, length=300), [measured(1)] * 20
    assert codes(site(*usual, short, short, past=1)) == [] != codes(site(*usual[:-2], *[short] * 3, past=1))
    assert codes(site(measured(length=300), past=3)) == []
    assert codes(site(measured(latency=4.0))) == [("slow", "", "amber")]
    assert codes(site(measured(latency=0.9))) == []


@pytest.mark.parametrize(("silent", "is_reported"), [(4, False), (8, False), (12, True), (400, True)])
def test_silence_is_judged_by_the_sites_own_rhythm(silent: int, is_reported: bool) -> None:
    times = [NOW - (silent + 2 * n) * DAY for n in range(20)] + [NOW - (silent + 46) * DAY]
    days = [PostDay(f"{at:%Y-%m-%d}", at, 1) for at in times]
    known = site(days=days, first=NOW - (silent + 1) * DAY)
    assert [code for code, *_ in codes(replace(known, days=days[:20]))] == (["quiet"] if is_reported else [])
    # There was a gap of seven days before.
    assert bool(codes(known)) == (silent > 12)
    assert codes(replace(known, first=NOW)) == [] if silent == 400 else True
    assert codes(replace(known, days=days[:5])) == []


def test_dead_sources_and_robots_txt_are_reported() -> None:
    dead = SilentSource("feed", "https://a.example/feed", "the server answers 404", NOW)
    (finding,) = findings_of(site(dead=[dead]))
    assert (finding.code, finding.about, finding.level) == ("source", "feed", "amber")
    assert dead.url in finding.sentence
    assert codes(site(forbids=3, forbidden="https://a.example/x")) == [("robots", "posts", "amber")]
    assert codes(site(closed="robots.txt forbids it (/)", forbids=9)) == [("robots", "home", "red")]
    assert codes(site("failed", closed="x", dead=[dead])) == [("robots", "home", "red")]
    site_map = SilentSource("sitemap", "", "it answers no more", NOW)
    nothing = measured(0, outcomes={"not-article": 3})
    (finding,) = findings_of(site(nothing, dead=[dead, site_map]))
    assert (finding.code, finding.about, finding.level) == ("source", "all", "red")
    assert all(part in finding.sentence for part in ("https://a.example/feed", dead.why, site_map.why))
    assert [one.level for one in findings_of(site(nothing, dead=[dead, site_map], alive=True))] == ["amber"] * 2
    both = judge_site(site(measured(length=300), closed="x", dead=[dead]), NOW)
    assert both.state == "red"
    assert [one.level for one in both.findings] == ["red", "amber", "amber"]


def test_the_archive_itself_is_judged_by_disk_and_lateness() -> None:
    late = Scheduled({}, Every(6 * DAY / 24), PastRun(NOW - 2 * DAY, "finished"), RecrawlTime(NOW - DAY, DAY / 4, ""))

    def state(free: int, daily: float, sites: list[Scheduled], scheduler: str | None) -> list[tuple[str, str]]:
        health = judge_archive("a.db", free, daily, sites, scheduler, NOW)
        return [(one.code, one.level) for one in health.findings]

    assert state(10**11, 10**8, [], None) == state(10**11, 0.0, [late], None) == []
    assert state(10**9, 10**8, [], "") == [("disk", "amber")]
    assert state(10**8, 0.0, [], "") == [("disk", "red")]
    assert state(10**11, 0.0, [late], "") == [("late", "red")]
    assert state(10**11, 0.0, [late], "7") == [("late", "amber")]
    for span, wording in ((DAY / 16, "2 hours"), (DAY, "24 hours"), (7 * DAY, "7 days")):
        (one,) = judge_archive(
            "a.db", 10**11, 0.0, [replace(late, turn=RecrawlTime(NOW - span, DAY / 96, ""))], "7", NOW
        ).findings
        assert f" {wording}" in one.sentence
    new = replace(late, site={"added_at": (NOW - 2 * DAY).isoformat()}, last=None, turn=RecrawlTime(NOW, DAY / 2, ""))
    assert state(10**11, 0.0, [new], "7") == [("late", "amber")]
    assert state(10**11, 0.0, [replace(new, site={"added_at": (NOW - DAY / 2).isoformat()})], "7") == []
    fresh = replace(late, turn=RecrawlTime(NOW - DAY / 48, DAY / 4, ""))
    assert state(10**11, 0.0, [fresh, replace(late, last=None)], "") == []


def test_first_crawls_do_not_count_as_growth(tmp_path: Path) -> None:
    db = open_archive(tmp_path / "a.db", create=True)

    def ran(site: int, days: float, size: int, outcome: str = "finished", reason: str = "") -> float:
        db.execute(
            "insert or ignore into sites (id, name, start_url, host, path, settings, added_at) values "
            "(?, ?, '', '', '/', '{}', '')",
            [site, str(site)],
        )
        if size:
            db.execute(
                "insert into runs (site_id, mode, started_at, outcome, reason, bytes) values "
                "(?, 'incremental', ?, ?, ?, ?)",
                [site, stamp(NOW - days * DAY), outcome, reason, size],
            )
        return measure_growth(db, NOW)

    assert ran(1, 4, 4_000, "interrupted", "It was stopped.") == 1_000  # the first crawl is not complete yet
    assert ran(1, 3.5, 4_000) == 0
    assert ran(1, 3, 300) == 100 == ran(1, 2, 0)
    assert ran(2, 0, 0) == (4_000 + 4_000 + 300) / 4  # the first crawl of another site
    assert ran(2, 2, 30, "failed", "It fell over.") == 110
    db.close()


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_probabilities_are_between_0_and_1(hits: int, more: int, past_hits: int, past_more: int) -> None:
    trials, past = hits + more, past_hits + past_more
    few, many = (chance(hits, trials, past_hits, past) for chance in (chance_of_so_few, chance_of_so_many))
    assert 0 < few <= 1 + 1e-9
    assert 0 < many <= 1 + 1e-9
    assert few + many >= 1 - 1e-9


def test_very_large_samples_are_judged_like_large_ones() -> None:
    assert chance_of_so_few(0, 100_000, 99_000, 100_000) < 1e-6
    assert chance_of_so_few(99_000, 100_000, 99, 100) > 0.1
    assert is_far(10.0, [1.0, 1.1, 0.9], 3.0)
    assert not is_far(10.0, [1.0, 9.0, 30.0, 4.0, 0.3], 3.0)


@given(st.lists(st.builds(measured, st.integers(0, 3), published=st.integers(0, 3)), max_size=40))
def test_any_history_is_judged(runs: list[MeasuredRun]) -> None:
    assert judge_site(site(*runs, past=0), NOW).state in ("green", "amber", "red", "unknown")
