"""Bursts of posts, silence and deletions, judged by a site's own past days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from archiver.health.health_rules import HealthFinding, HealthInputs, JudgedRun, find_burst, find_silence, judge_site
from archiver.health.stored_health import read_health_inputs
from archiver.storage.database import open_archive
from archiver.storage.runs import MeasuredRun
from archiver.storage.site_statistics_for_health import AcceptedPages, Deletions, PostDay, SiteContent, read_post_days

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
RUN = JudgedRun(NOW, "finished", "", MeasuredRun())
EXAMPLE = "https://kiln.example/x"


def days(*posts: int, new: int | None = None) -> tuple[PostDay, ...]:
    """Returns days with these numbers of posts, today first; the posts of today are new."""
    at = [NOW - n * DAY for n in range(len(posts))]
    return tuple(
        PostDay(f"{when:%Y-%m-%d}", when, number, (number if new is None else new) if not n else 0, EXAMPLE)
        for n, (when, number) in enumerate(zip(at, posts, strict=True))
    )


def site(*runs: JudgedRun, **known: object) -> HealthInputs:
    return HealthInputs("kiln.example", runs or [RUN], content=SiteContent(articles=50), **known)  # type: ignore[arg-type]


def findings(known: HealthInputs) -> list[HealthFinding]:
    return list(judge_site(known, NOW).findings)


USUAL = (3, 2, 4, 3, 1, 3, 5, 3, 2, 3, 3, 4)


@pytest.mark.parametrize(
    ("past", "today", "is_burst"),
    [
        (USUAL, 200, True),
        (USUAL, 20, True),
        (USUAL, 19, False),  # too few to matter
        (USUAL, 4, False),
        ((*USUAL, 500), 200, True),  # the day of an import
        ((*USUAL, 500, 400), 200, False),  # it often publishes as many
        ((80,) * 12, 200, False),
        ((80,) * 12, 400, True),
        (USUAL[:9], 200, False),  # too little is known of the site
    ],
)
def test_a_burst_is_judged_by_the_site_s_own_days(past: tuple[int, ...], today: int, is_burst: bool) -> None:
    assert (find_burst(days(today, *past), NOW) is not None) == is_burst


def test_only_new_posts_are_a_burst() -> None:
    """The first crawl of a site finds a day with many posts in its past."""
    assert find_burst(days(200, *USUAL, new=0), NOW) is None


def test_a_burst_is_a_finding_with_figures_and_an_example() -> None:
    known = site(days=days(200, *USUAL))
    (finding,) = findings(known)
    assert (finding.code, finding.about, finding.level) == ("burst", "", "amber")
    assert finding.since == datetime(2026, 3, 2, tzinfo=UTC)
    assert all(part in finding.sentence for part in ("200 new", "usually 3", "at most 4", EXAMPLE))


def test_a_burst_of_several_days_is_one_finding_and_ends_after_a_week() -> None:
    first, second, *rest = days(150, 200, *USUAL)
    two = (first, replace(second, new=200), *rest)
    burst = find_burst(two, NOW)
    assert burst is not None
    assert (burst.day, burst.posts, burst.since) == ("2026-03-02", 150, datetime(2026, 3, 1, tzinfo=UTC))
    assert find_burst(two, NOW + 7 * DAY) is not None
    assert find_burst(two, NOW + 9 * DAY) is None


def test_the_posts_of_a_burst_set_no_rhythm() -> None:
    """200 posts within minutes, then nothing for two days: the site publishes every third day."""
    at = [NOW - 2 * DAY, *(NOW - n * DAY for n in range(5, 65, 3))]
    known = tuple(PostDay(f"{one:%Y-%m-%d}", one, 200 if not n else 1) for n, one in enumerate(at))
    assert find_silence(known, NOW - 30 * DAY, NOW, NOW) is None
    silence = find_silence(known, NOW - 30 * DAY, NOW + 20 * DAY, NOW + 20 * DAY)
    assert silence is not None
    assert (silence.lasts, silence.longest) == (22 * DAY, 3 * DAY)


@given(st.lists(st.integers(0, 300), max_size=70), st.integers(0, 300))
def test_a_burst_has_more_posts_than_all_days_but_one(past: list[int], today: int) -> None:
    burst = find_burst(days(today, *past), NOW)
    if burst is not None:
        assert burst.posts == today >= 20
        assert sum(other * 2 > today for other in past) <= 1


class Archive:
    """An archive with a site whose first complete crawl ended thirty days ago."""

    def __init__(self, path: Path) -> None:
        self.db: Database = open_archive(path, create=True)
        self.numbers = count(1)
        self.db.execute(
            "insert into sites (id, name, start_url, host, path, settings, added_at) values "
            "(1, 'kiln.example', 'https://kiln.example/', 'kiln.example', '/', '{}', ?)",
            [(NOW - 40 * DAY).isoformat()],
        )
        self.run(NOW - 30 * DAY, revised=0, unchanged=0)

    def run(self, at: datetime, *, revised: int = 0, unchanged: int = 0, gone: int = 0) -> None:
        self.db.execute(
            "insert into runs (site_id, mode, started_at, finished_at, outcome, reason, revised, unchanged, gone) "
            "values (1, 'incremental', ?, ?, 'finished', '', ?, ?, ?)",
            [at.isoformat(), at.isoformat(), revised, unchanged, gone],
        )

    def post(self, published: date | None, seen: datetime, gone: datetime | None = None) -> str:
        number = next(self.numbers)
        url = f"https://kiln.example/{number}"
        self.db.execute(
            "insert into articles (id, url, site, title, body, published, revision, first_seen, last_seen, gone_at, "
            "urlkey) values (?, ?, 'kiln.example', 'A kiln', 'A text.', ?, 1, ?, ?, ?, ?)",
            [
                number,
                url,
                published.isoformat() if published else None,
                seen.isoformat(),
                seen.isoformat(),
                gone.isoformat() if gone else None,
                f"example,kiln)/{number}",
            ],
        )
        self.db.execute(
            "insert into pages (site_id, url, urlkey, kind, outcome, article_id, found_at) values "
            "(1, ?, ?, 'post', ?, ?, ?)",
            [url, f"example,kiln)/{number}", "gone" if gone else "archived", number, seen.isoformat()],
        )
        return url

    def days(self) -> dict[str, tuple[int, int]]:
        return {one.day: (one.posts, one.new) for one in read_post_days(self.db, "kiln.example", 1, NOW)}

    def deletions(self) -> Deletions:
        site = next(iter(self.db.query("select * from sites")))
        return read_health_inputs(self.db, site, NOW).deletions


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    archive = Archive(tmp_path / "a.db")
    yield archive
    archive.db.close()


def test_posts_are_counted_by_their_day_of_publication(archive: Archive) -> None:
    today, first = NOW.date(), NOW - 31 * DAY
    for n in (0, 0, 1, 4, 70, 70, 70):
        archive.post(today - n * DAY, first if n > 30 else NOW)
    assert archive.days() == {
        "2026-03-02": (2, 2), "2026-03-01": (1, 1), "2026-02-26": (1, 1), "2025-12-22": (3, 0),
    }  # fmt: skip


def test_days_to_come_are_left_out(archive: Archive) -> None:
    """Sites that announce events date them in advance, for more days than are read."""
    for n in range(-90, 2):
        archive.post(NOW.date() - n * DAY, NOW)
    assert list(archive.days()) == ["2026-03-03", "2026-03-02", "2026-03-01"]


def test_neither_the_first_crawl_nor_a_backfill_is_new(archive: Archive) -> None:
    today = NOW.date()
    for _ in range(30):
        archive.post(today, NOW - 31 * DAY)  # it was there at the first crawl, dated in advance
        archive.post(date(2019, 5, 1), NOW)  # the site has added its past
    assert archive.days() == {"2026-03-02": (30, 0), "2019-05-01": (30, 0)}


def test_a_post_without_a_date_counts_on_the_day_it_was_first_seen(archive: Archive) -> None:
    archive.post(None, NOW)
    archive.post(None, NOW - 31 * DAY)
    archive.post(None, NOW - 20 * DAY)
    assert archive.days() == {"2026-03-02": (0, 1)}


def test_new_posts_are_counted_for_eight_days(archive: Archive) -> None:
    """A burst is reported for seven days, and these begin in the middle of a day."""
    for n in (8, 9):
        archive.post(NOW.date() - n * DAY, NOW - n * DAY)
    assert archive.days() == {"2026-02-22": (1, 1), "2026-02-21": (1, 0)}


def test_a_burst_that_was_removed_is_over(archive: Archive) -> None:
    for _ in range(3):
        archive.post(NOW.date(), NOW, gone=NOW)
    archive.post(NOW.date(), NOW)
    assert archive.days() == {"2026-03-02": (4, 1)}


def test_a_burst_that_was_removed_says_nothing_of_the_site(archive: Archive) -> None:
    spam, today = NOW.date() - 5 * DAY, NOW.date()
    for n in range(40):
        archive.post(spam, NOW - 5 * DAY, gone=NOW - 4 * DAY if n > 1 else None)
        archive.post(spam - DAY, NOW - 6 * DAY)
    archive.db.execute(
        "insert into withdrawn_articles (article_id, withdrawn_at, reason) "
        "select min(id), '2026', 'a test' from articles where published = ?",
        [f"{spam}"],
    )
    for n in range(10, 30):
        archive.post(today - n * DAY, NOW - 31 * DAY)
    assert (archive.days()[f"{spam}"], archive.days()[f"{spam - DAY}"]) == ((1, 1), (40, 40))


def test_before_the_first_complete_crawl_nothing_is_new(archive: Archive) -> None:
    archive.db.execute("update runs set reason = 'the limit of 5 posts'")
    archive.post(NOW.date(), NOW)
    assert archive.days() == {"2026-03-02": (1, 0)}


def test_deletions_name_posts_and_end_after_a_week(archive: Archive) -> None:
    archive.run(NOW - 20 * DAY, unchanged=300)
    archive.run(NOW - DAY, unchanged=38, gone=2)
    lost = [archive.post(date(2025, 1, 1), NOW - 31 * DAY, gone=NOW - n * DAY) for n in (1, 2, 8)]
    for _ in range(19):
        archive.post(date(2025, 1, 1), NOW - 31 * DAY)
    found = archive.deletions()
    assert list(found.urls) == lost[:2]
    assert (found.last, found.fetched, found.past_gone, found.past_fetched) == (NOW - DAY, 40, 0, 300)
    (finding,) = findings(site(deletions=found))
    assert (finding.code, finding.level, finding.since) == ("deletions", "green", NOW - DAY)
    assert all(url in finding.sentence for url in lost[:2])
    assert judge_site(site(deletions=found), NOW).state == "green"


@pytest.mark.parametrize(
    ("gone", "fetched", "past_gone", "past_fetched", "posts", "level"),
    [
        (2, 40, 0, 300, 900, "green"),
        (5, 40, 0, 300, 900, "amber"),
        (5, 40, 30, 300, 900, "green"),  # the site often deletes posts
        (5, 40, 0, 20, 900, "green"),  # too little is known of it
        (40, 40, 30, 300, 900, "amber"),
        (5, 40, 30, 300, 50, "red"),  # a tenth of the site
        (1, 40, 0, 300, 5, "green"),
    ],
)
def test_deletions_are_amber_if_the_past_does_not_explain_them_and_red_from_a_tenth_of_the_posts(
    gone: int, fetched: int, past_gone: int, past_fetched: int, posts: int, level: str
) -> None:
    urls = [f"https://kiln.example/{n:03}/" for n in range(gone)]
    found = Deletions(urls, NOW, fetched, past_gone, past_fetched, posts=posts)
    (finding,) = findings(site(deletions=found))
    assert (finding.code, finding.level) == ("deletions", level)
    assert sum(url in finding.sentence for url in urls) == min(gone, 3)


def test_the_past_of_deletions_is_a_number_of_fetches_and_not_of_posts() -> None:
    """A site of 100 posts that was crawled each day has had far more fetches than posts."""
    found = Deletions([f"https://kiln.example/{n}" for n in range(9)], NOW, 19, 0, 230, posts=100)
    (finding,) = findings(site(deletions=found))
    assert "0 of 230 fetches of known posts" in finding.sentence


def test_accepted_pages_are_a_finding_with_the_run_to_undo() -> None:
    (finding,) = findings(site(accepted=AcceptedPages(5, 12, NOW - DAY)))
    assert (finding.code, finding.level, finding.figure, finding.since) == ("accepted", "green", 5, NOW - DAY)
    assert "archiver runs undo 12" in finding.sentence


def test_unusual_deletions_are_one_finding() -> None:
    """The run that found the posts gone also had an unusual share of pages that are gone."""
    past = JudgedRun(NOW - DAY, "finished", "", MeasuredRun(articles=100, outcomes={"unchanged": 100}))
    last = JudgedRun(NOW, "finished", "", MeasuredRun(articles=10, outcomes={"unchanged": 10, "gone": 9}))
    alone = site(last, past)
    assert [(one.code, one.about) for one in findings(alone)] == [("statuses", "gone")]
    urls = [f"https://kiln.example/{n}" for n in range(9)]
    both = replace(alone, deletions=Deletions(urls, NOW, 19, 0, 100, posts=100))
    assert [(one.code, one.about) for one in findings(both)] == [("deletions", "")]
