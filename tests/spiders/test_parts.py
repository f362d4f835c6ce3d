"""Posts that are split over several pages: one article with the whole text, read and revisited as one."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.processes import Running
from tests.spiders.crawling import archiver
from tests.spiders.site_server import Answer, home, page, serving
from tests.spiders.test_faults import counts, crawl, outcomes, rows
from tests.waiting import PATIENCE, until

TITLE = "Down the river"
INTRO = "A journey of three days, told by one who rowed all of it and slept on its banks."


def passage(number: int, word: str = "rowed") -> str:
    return " ".join(f"On day {number} we {word} past village {at} and its mill of stone." for at in range(1, 7))


def body_of(*numbers: int, word: str = "rowed") -> str:
    return "\n\n".join([INTRO, *(passage(n, word) for n in numbers)])


def links(here: int, addresses: dict[int, str]) -> str:
    """Return page links as WordPress writes them: the current page is not a link."""
    numbers = " ".join(
        f'<span class="post-page-numbers current">{n}</span>'
        if n == here
        else f'<a href="{url}" class="post-page-numbers">{n}</a>'
        for n, url in addresses.items()
    )
    return f'<div class="page-links">Pages: {numbers}</div>'


def part(
    number: int,
    nav: str,
    *,
    title: str = TITLE,
    word: str = "rowed",
    etag: str = "",
    head: str = "",
    intro: str = INTRO,
) -> Answer:
    answer = page(title, f"{intro}</p><p>{passage(number, word)}</p>{nav}<p hidden>", head=head)
    answer.headers["ETag"] = f'"{etag or f"part-{number}"}"'
    return answer


def post(count: int = 3, base: str = "/river/") -> dict[str, Any]:
    addresses = {1: base, **{n: f"{base}{n}/" for n in range(2, count + 1)}}
    return {url: part(n, links(n, addresses)) for n, url in addresses.items()}


def bodies(archive: Path) -> dict[str, str]:
    return dict(rows(archive, "select title, body from articles"))


def test_a_post_of_three_pages_is_one_article_with_the_whole_text(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/river/", "/other/"), **post(), "/other/": page("Another post")}
    with serving(pages) as site:
        first = counts(site.url, archive=archive)
        assert sorted(r for r in site.requests if r.startswith("/river")) == ["/river/", "/river/2/", "/river/3/"]
        found = outcomes(archive, site.url)
        assert bodies(archive)[TITLE] == body_of(1, 2, 3)
        assert found["river/2/"] == found["river/3/"] == ("part", "part")
        assert rows(archive, "select d.url from article_urls d where kind = 'part' order by 1") == [
            (f"{site.url}river/{n}/",) for n in (2, 3)
        ]
        assert rows(archive, "select count(*) from captures where url like '%river%'") == [(3,)]
        site.requests.clear()
        again = counts(site.url, "--full", archive=archive)
        assert sorted(r for r in site.requests if r.startswith("/river")) == ["/river/", "/river/2/", "/river/3/"]
        asked = [a for a in site.asked if a["path"] == "/river/3/"]
        assert asked[-1]["if-none-match"] == '"part-3"'
    assert (first["new"], first["failed"]) == (2, 0)
    assert (again["new"], again["revised"], again["unchanged"]) == (0, 0, 2)
    assert bodies(archive)[TITLE] == body_of(1, 2, 3)
    assert rows(archive, "select revision from articles") == [(1,), (1,)]


@pytest.mark.parametrize("text", ["다음 쪽 2", "Next part 2", "how the journey ended"])
def test_a_page_parameter_after_the_query_of_a_post_is_a_part(text: str, tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {
        "/": home("/read?no=21", "/read?no=22"),
        "/read?no=21": part(1, f'<p><a href="/read?no=21&amp;p=2">{text}</a></p>'),
        "/read?no=21&p=2": part(2, '<p><a href="/read?no=21">to the beginning</a></p>'),
        "/read?no=22": page("Another post"),
    }
    with serving(pages) as site:
        assert counts(site.url, archive=archive)["new"] == 2
        assert outcomes(archive, site.url)["read?no=21&p=2"] == ("part", "part")
    assert passage(1) in bodies(archive)[TITLE]
    assert passage(2) in bodies(archive)[TITLE]


def test_the_commands_show_the_parts(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"

    def said(*words: str) -> str:
        return archiver(*words, archive=archive).stdout

    with serving({"/": home("/river/"), **post()}) as site:
        crawl(site.url, archive=archive)
        why = json.loads(said("why", f"{site.url}river/2/", "--json"))
        assert (why["outcome"], why["article"]["id"], why["article"]["title"]) == ("part", 1, TITLE)
        whole = json.loads(said("why", f"{site.url}river/", "--json"))
        assert (f"{site.url}river/3/", "part") in [(one["url"], one["outcome"]) for one in whole["parts"]]
        assert f"{site.url}river/3/" in said("why", f"{site.url}river/")
        record = json.loads(said("show", f"{site.url}river/3/", "--json"))
        state = json.loads(said("status", "--long", "--json"))[0]
        assert (record["url"], record["aliases"]) == (f"{site.url}river/", [f"{site.url}river/{n}/" for n in (2, 3)])
    assert (state["posts"]["found"], state["posts"]["archived"], state["pages"]["part"]) == (1, 1, 2)
    assert state["complete"]


def test_an_edit_of_one_page_is_one_revision_proved_by_its_capture(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/river/"), **post()}
    with serving(pages) as site:
        counts(site.url, archive=archive)
        nav = links(3, {1: "/river/", 2: "/river/2/", 3: "/river/3/"})
        pages["/river/3/"] = part(3, nav, word="drifted", etag="part-3-edited")
        second = counts(site.url, "--full", archive=archive)
        third = counts(site.url, "--full", archive=archive)
        capture = rows(archive, "select c.url from revisions r join captures c on c.id = r.capture_id order by r.id")
        assert capture == [(f"{site.url}river/",), (f"{site.url}river/3/",)]
    assert (second["revised"], third["revised"]) == (1, 0)
    assert bodies(archive)[TITLE] == "\n\n".join([INTRO, passage(1), passage(2), passage(3, "drifted")])
    assert rows(archive, "select revision, changed from revisions") == [(1, "[]"), (2, '["body"]')]
    assert rows(archive, "select evidence is not null from articles") == [(1,)]


@pytest.mark.parametrize("status", [500, 404])
def test_a_page_that_fails_is_missing_and_tried_again(tmp_path: Path, status: int) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/river/"), **post()}
    whole = pages["/river/3/"]
    pages["/river/3/"] = Answer(b"", status)
    with serving(pages) as site:
        first = counts(site.url, archive=archive)
        assert (first["new"], first["failed"]) == (1, 1)
        assert bodies(archive)[TITLE] == body_of(1, 2)
        [(without_third,)] = rows(archive, "select reason from pages where kind = 'post'")
        assert " 3 " in without_third
        status_now = archiver("status", "--long", archive=archive)
        assert status_now.returncode == 1
        assert f"{site.url}river/3/" in status_now.stdout
        pages["/river/3/"] = whole
        second = counts(site.url, archive=archive)
        assert outcomes(archive, site.url)["river/3/"] == ("part", "part")
        # A text once read is kept, whatever a later fetch returns.
        pages["/river/3/"] = Answer(b"", status)
        third = counts(site.url, "--full", archive=archive)
    # Reading more of a post than before is not an edit.
    assert (second["failed"], second["revised"]) == (0, 0)
    assert (third["failed"], third["revised"]) == (1, 0)
    [(kept,)] = rows(archive, "select reason from pages where kind = 'post'")
    assert " 3 " in kept
    assert kept != without_third
    assert bodies(archive)[TITLE] == body_of(1, 2, 3)


def test_a_post_that_fails_while_a_page_of_it_is_missing_is_not_edited_when_both_come(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/river/"), **post()}
    good = dict(pages)
    with serving(pages) as site:
        pages["/river/2/"] = Answer(b"", 500)
        counts(site.url, archive=archive)
        pages["/river/"] = Answer(b"", 500)
        counts(site.url, "--full", archive=archive)
        pages.update(good)
        result = counts(site.url, "--full", archive=archive)
    assert (result["new"], result["revised"]) == (0, 0)
    assert bodies(archive) == {TITLE: body_of(1, 2, 3)}
    assert rows(archive, "select revision from articles") == [(1,)]


def test_parts_linked_only_by_rel_next_are_found(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"

    def head(number: int) -> str:
        back = f'<link rel="prev" href="/tour?page={number - 1}">' if number > 1 else ""
        return back + (f'<link rel="next" href="/tour?page={number + 1}">' if number < 4 else "")

    pages: dict[str, Any] = {
        f"/tour?page={n}": part(n, "", head=head(n), title=f"{TITLE} - Page {n} of 4") for n in range(2, 5)
    }
    pages |= {"/": home("/tour"), "/tour": part(1, "", head=head(1))}
    with serving(pages) as site:
        result = counts(site.url, archive=archive)
        asked = [r for r in site.requests if r.startswith("/tour")]
    assert asked == ["/tour", "/tour?page=2", "/tour?page=3", "/tour?page=4"]
    assert result["new"] == 1
    assert bodies(archive) == {TITLE: body_of(1, 2, 3, 4)}


def test_the_single_page_view_is_read_instead_of_the_pages(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    addresses = {1: "/news/river.html", 2: "/news/river-2.html", 3: "/news/river-3.html"}
    single = '<a href="/news/river.html?pagewanted=all">View as single page</a>'
    pages: dict[str, Any] = {
        url: part(n, f'<div class="pagination">{links(n, addresses)} {single}</div>') for n, url in addresses.items()
    }
    pages["/"] = home("/news/river.html")
    pages["/news/river.html?pagewanted=all"] = page(TITLE, f"{INTRO}</p><p>{'</p><p>'.join(map(passage, (1, 2, 3)))}")
    with serving(pages) as site:
        result = counts(site.url, archive=archive)
        again = counts(site.url, "--full", archive=archive)
        assert not [r for r in site.requests if r.endswith(("-2.html", "-3.html"))]
        assert outcomes(archive, site.url)["news/river-2.html"][0] == "part"
        pages["/news/river.html?pagewanted=all"] = Answer(b"", 404)
        counts(site.url, "--full", archive=archive)
    assert (result["new"], again["new"], again["revised"]) == (1, 0, 0)
    assert bodies(archive) == {TITLE: body_of(1, 2, 3)}


def test_the_pages_are_read_if_the_single_page_view_fails(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = post()
    for at, url in enumerate(("/river/", "/river/2/", "/river/3/"), 1):
        nav = links(at, {1: "/river/", 2: "/river/2/", 3: "/river/3/"})
        pages[url] = part(at, nav + '<p><a href="/river/all/">View as a single page</a></p>')
    with serving({"/": home("/river/"), **pages}) as site:
        counts(site.url, archive=archive)
    assert bodies(archive) == {TITLE: body_of(1, 2, 3)}


def test_parts_are_not_fetched_if_a_feed_has_the_whole_text(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    whole = f"<p>{INTRO}</p><p>{passage(1)}</p><!--nextpage--><p>{passage(2)}</p><!--nextpage--><p>{passage(3)}</p>"
    head = '<link rel="alternate" type="application/rss+xml" href="/feed/">'
    pages: dict[str, Any] = {"/": home(head=head), **post()}
    with serving(pages) as site:
        pages["/feed/"] = Answer(
            f"""<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>
<title>The Test Blog</title><link>{site.url}</link><item><title>{TITLE}</title><link>{site.url}river/</link>
<pubDate>Wed, 01 May 2024 08:00:00 +0000</pubDate><content:encoded><![CDATA[{whole}]]></content:encoded></item>
</channel></rss>""".encode(),
            headers={"Content-Type": "application/rss+xml"},
        )
        counts(site.url, archive=archive)
        counts(site.url, "--full", archive=archive)
        assert {r for r in site.requests if r.startswith("/river")} == {"/river/"}
        found = outcomes(archive, site.url)
        assert found["river/2/"][0] == found["river/3/"][0] == "part"
        assert rows(archive, "select url from article_urls where kind = 'part' order by 1") == [
            (f"{site.url}river/{n}/",) for n in (2, 3)
        ]
    assert bodies(archive) == {TITLE: body_of(1, 2, 3)}


def test_a_page_number_past_the_end_and_unrelated_pages_are_not_parts(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    addresses = {1: "/river/", 2: "/river/2/", 3: "/river/3/", 4: "/river/4/", 5: "/river/5/"}
    pages: dict[str, Any] = {url: part(min(n, 2), links(n, addresses), etag=f"e{n}") for n, url in addresses.items()}
    pages["/river/4/"] = Answer(status=301, headers={"Location": "/river/"})
    pages["/river/5/"] = page("Quite another tale", "Nothing here has to do with any river at all, as it says. " * 9)
    pages["/"] = home("/river/")
    with serving(pages) as site:
        result = counts(site.url, archive=archive)
        again = counts(site.url, "--full", archive=archive)
        found = outcomes(archive, site.url)
    assert bodies(archive)[TITLE] == body_of(1, 2)
    assert set(bodies(archive)) == {TITLE, "Quite another tale"}
    assert (result["new"], again["new"], again["revised"]) == (2, 0, 0)
    assert rows(archive, "select count(*) from articles where duplicate_of is not null") == [(0,)]
    assert found["river/3/"][0] == "duplicate"
    assert found["river/4/"][0] == "duplicate"


def test_a_part_found_before_its_post_is_not_an_article(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/river/2/", "/other/"), "/other/": page("Another post"), **post()}
    with serving(pages) as site:
        result = counts(site.url, archive=archive)
        assert sorted(r for r in site.requests if r.startswith("/river"))[:2] == ["/river/", "/river/2/"]
        assert rows(archive, f"select article_id is not null from pages where url = '{site.url}river/2/'") == [(1,)]
    assert result["new"] == 2
    assert bodies(archive)[TITLE] == body_of(1, 2, 3)


def test_a_page_that_its_post_does_not_link_to_is_an_article(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    nav = links(2, {1: "/river/", 2: "/river/2/"})
    pages: dict[str, Any] = {
        "/": home("/river/2/", "/river/"),
        "/river/": page("Rivers of the north"),
        "/river/2/": part(2, nav),
    }
    with serving(pages) as site:
        counts(site.url, archive=archive)
        again = counts(site.url, "--full", archive=archive)
    assert set(bodies(archive)) == {"Rivers of the north", TITLE}
    assert (again["new"], again["revised"]) == (0, 0)
    assert rows(archive, "select count(*) from pages where outcome = 'part'") == [(0,)]


def test_a_page_that_shows_something_else_for_a_while_keeps_its_text(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/river/"), **post()}
    good = pages["/river/2/"]
    with serving(pages) as site:
        counts(site.url, archive=archive)
        for bad in (
            page("Before you go on", "We and our partners store things on your device. " * 9),
            Answer(status=302, headers={"Location": "/welcome/"}),
        ):
            pages["/river/2/"] = bad
            result = counts(site.url, "--full", archive=archive)
            assert (result["new"], result["revised"], result["failed"]) == (0, 0, 1)
        pages["/river/2/"] = good
        assert counts(site.url, archive=archive)["failed"] == 0
    assert bodies(archive) == {TITLE: body_of(1, 2, 3)}


def test_a_post_that_becomes_shorter_loses_its_last_page(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/river/"), **post()}
    with serving(pages) as site:
        counts(site.url, archive=archive)
        for url, answer in post(2).items():
            answer.headers["ETag"] = f'"{url} of two"'
            pages[url] = answer
        del pages["/river/3/"]
        second = counts(site.url, "--full", archive=archive)
        third = counts(site.url, "--full", archive=archive)
        assert outcomes(archive, site.url)["river/3/"][0] == "gone"
    assert bodies(archive) == {TITLE: body_of(1, 2)}
    assert (second["revised"], second["failed"], third["revised"], third["gone"]) == (1, 0, 0, 0)
    assert rows(archive, "select gone_at from articles") == [(None,)]


def test_a_crawl_that_is_killed_between_two_pages_loses_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/river/"), **post(5)}
    last, killed = pages["/river/4/"], threading.Event()

    def slow() -> Answer:
        killed.wait(PATIENCE)
        return last  # type: ignore[no-any-return]

    pages["/river/4/"] = slow
    with serving(pages) as site:
        process = Running("archiver", "crawl", site.url, "--quiet", "--archive", str(archive))
        until(lambda: "/river/4/" in site.requests)
        process.send(signal.SIGKILL)
        process.end()
        assert rows(archive, "select count(*) from articles") == [(0,)]
        killed.set()
        site.asked.clear()
        result = counts(site.url, archive=archive)
        conditional = {a["path"] for a in site.asked if "if-none-match" in a}
    assert (result["new"], result["revised"]) == (1, 0)
    assert bodies(archive) == {TITLE: body_of(1, 2, 3, 4, 5)}
    assert rows(archive, "select revision from articles") == [(1,)]
    assert "/river/2/" in conditional


def test_a_numbered_post_that_was_read_is_not_read_again_as_a_part(tmp_path: Path) -> None:
    """Movable Type numbers posts whose titles give the same file name: post.html, post_1.html, post_2.html."""
    archive = tmp_path / "a.db"

    def numbered(day: int, nav: str = "") -> Answer:
        text = f"{INTRO}</p><p>{passage(day)}</p>{nav}<p hidden>"
        return page(f"The mill on day {day}", text, date=f"2024-05-{day:02}")

    nav = '<p class="page-links"><a href="/2024/05/mill_2.html">2</a> <a href="/2024/05/mill_3.html">3</a></p>'
    pages: dict[str, Any] = {
        "/": home("/2024/05/mill_3.html"),
        "/2024/05/mill.html": numbered(2, nav),
        "/2024/05/mill_2.html": numbered(9, '<a href="/2024/05/mill.html">The mill on day 2</a>'),
        "/2024/05/mill_3.html": numbered(16, '<a href="/2024/05/mill_2.html">The mill on day 9</a>'),
    }
    with serving(pages) as site:
        first = counts(site.url, archive=archive)
        asked = sorted(r for r in site.requests if r.startswith("/2024"))
    assert asked == ["/2024/05/mill.html", "/2024/05/mill_2.html", "/2024/05/mill_3.html"]
    assert first["new"] == 3
