"""Posts whose pages are gone, or say so at 200. A post is gone once that is confirmed, and not while another of its
addresses shows it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.small_sites import SamplePost, classic, sample_posts
from tests.spiders.crawling import archiver, crawl, let_a_day_pass, rows
from tests.spiders.site_server import Answer, Pages, home, page, serving

NOTICE = Answer(
    b"<html><head><title>The Test Blog</title></head><body><h1>Sorry</h1>"
    b"<p>This story is no longer online. Read something else.</p></body></html>"
)


def test_a_notice_in_place_of_a_post_marks_it_gone_when_it_is_confirmed(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    links = tuple(f"/post-{n}/" for n in range(4))
    pages: Pages = {"/": home(*links), **{link: page(f"Title {link}") for link in links}}
    state = "select gone_at is null, title, revision from articles where url like '%post-1/'"
    with serving(pages) as site:
        assert crawl(site.url, archive=archive).returncode == 0
        there, pages["/post-1/"] = pages["/post-1/"], NOTICE
        pages["/"] = home("/post-0/", "/post-2/", "/post-3/")
        for _ in range(2):
            crawl(site.url, "--full", archive=archive)
            assert rows(archive, state) == [(1, "Title /post-1/", 1)]
            let_a_day_pass(archive)
        assert rows(archive, "select outcome, kind from pages where url like '%post-1/'") == [("held", "post")]
        crawl(site.url, "--full", archive=archive)
        assert rows(archive, state) == [(0, "Title /post-1/", 1)]
        assert rows(archive, "select gone, held from runs order by id") == [(0, 0), (0, 1), (0, 1), (1, 0)]
        pages["/post-1/"] = there
        crawl(site.url, "--full", archive=archive)
        assert rows(archive, state) == [(1, "Title /post-1/", 1)]
        assert rows(archive, "select count(*) from revisions") == [(4,)]


POSTS = sample_posts(21)
PER_LIST = 6


def by_number(post: int) -> str:
    return f"/view?id={post}"


def by_name(post: int) -> str:
    return f"/story/{post}-told/"


def shown(post: SamplePost) -> Answer:
    text = "".join(f"<p>{paragraph}</p>" for paragraph in post.paragraphs)
    return Answer(
        f"<html lang='en'><head><title>{post.title} - Towpath</title></head><body><table><tr><td>"
        f"<a href='/'>Towpath</a></td></tr><tr><td><h1>{post.title}</h1><small>{post.author}, {post.day}</small>"
        f"<hr>{text}</td></tr></table>"
        "</body></html>".encode()
    )


def listed_only(address: Callable[[int], str]) -> Pages:
    """Return a site whose posts are known by its lists only, with its posts at these addresses."""
    order = range(len(POSTS) - 1, -1, -1)
    parts = [order[at : at + PER_LIST] for at in range(0, len(POSTS), PER_LIST)]
    more = " ".join(f"<a href='/list?page={n}'>[{n}]</a>" for n in range(1, len(parts) + 1))
    pages: Pages = {address(number): shown(POSTS[number]) for number in order}
    for n, part in enumerate(parts, 1):
        items = "".join(f"<tr><td><a href='{address(k)}'>{POSTS[k].title}</a></td></tr>" for k in part)
        body = f"<html><head><title>Towpath</title></head><body><table>{items}</table>{more}</body></html>"
        pages[f"/list?page={n}"] = Answer(body.encode())
    return pages | {"/": pages["/list?page=1"]}


@pytest.mark.parametrize("words", [(), ("--full",)], ids=["incremental", "full"])
def test_posts_at_other_addresses_for_a_day_are_not_gone(words: tuple[str, ...], tmp_path: Path) -> None:
    """The old addresses are 404 on that day, and the new ones after it, without redirects."""
    archive, state = tmp_path / "a.db", "select substr(url, 23), gone_at from articles order by title"
    with serving(listed_only(by_number)) as site:
        crawl(site.url, archive=archive)
        before = rows(archive, state)
        assert [row[1] for row in before] == [None] * len(POSTS)
        site.pages.clear()
        site.pages.update(listed_only(by_name))
        crawl(site.url, *words, archive=archive)
        during = rows(archive, state)
        assert sum("story" in row[0] for row in during) == len(POSTS)
        assert [row[1] for row in during] == [None] * len(POSTS)
        site.pages.clear()
        site.pages.update(listed_only(by_number))
        crawl(site.url, archive=archive)
        assert rows(archive, state) == before
        assert rows(archive, "select sum(gone), sum(held), max(new) from runs") == [(0, 0, len(POSTS))]


def test_a_list_that_still_shows_a_gone_post_has_it_fetched_at_once(tmp_path: Path) -> None:
    archive, state = tmp_path / "a.db", "select count(*) from articles where gone_at is not null"
    links = tuple(f"/post-{n}/" for n in range(4))
    pages: Pages = {"/": home(*links), **{link: page(f"Title {link}") for link in links}}
    with serving(pages) as site:
        crawl(site.url, archive=archive)
        there = pages.pop("/post-1/")
        pages["/"] = home(*(link for link in links if link != "/post-1/"))
        for _ in range(2):
            crawl(site.url, "--full", archive=archive)
            let_a_day_pass(archive)
        assert rows(archive, state) == [(1,)]
        pages |= {"/": home(*links), "/post-1/": there}
        with (
            closing(sqlite3.connect(archive)) as db,
            db,
        ):  # as if no run had read the list since before the post was gone
            db.execute("update pages set fetched_at = '2024-01-01T00:00:00+00:00' where kind = 'listing'")
        crawl(site.url, archive=archive)
        assert rows(archive, state) == [(0,)]


GONE = "select url from articles where gone_at is not null"


def dated_lists(gone: frozenset[int] = frozenset()) -> Pages:
    """Return a blog without a feed and a sitemap, whose lists show five posts a page, without the posts in `gone`."""
    order = [n for n in range(len(POSTS) - 1, -1, -1) if n not in gone]
    parts = [order[at : at + 5] for at in range(0, len(order), 5)]
    pages = {f"/p/{number}/": shown(POSTS[number]) for number in order}
    for n, part in enumerate(parts, 1):
        items = "".join(
            f"<article><h2><a href='/p/{k}/'>{POSTS[k].title}</a></h2><time>{POSTS[k].day}</time></article>"
            for k in part
        )
        older = f"<a href='/page/{n + 1}/'>Older</a>" if n < len(parts) else ""
        body = f"<html lang='en'><head><title>Towpath</title></head><body><h1>Towpath</h1>{items}{older}</body></html>"
        pages["/" if n == 1 else f"/page/{n}/"] = Answer(body.encode())
    return pages


@pytest.mark.parametrize("gone", [18, 13, 2, 0], ids=["first page", "second page", "fourth page", "last page"])
def test_a_post_that_leaves_any_page_of_the_lists_is_found_gone_by_the_next_crawl(gone: int, tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(dated_lists()) as site:
        crawl(site.url, archive=archive)
        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)
        site.pages.clear()
        site.pages.update(dated_lists(frozenset({gone})))
        crawl(site.url, archive=archive)
        let_a_day_pass(archive)
        crawl(site.url, archive=archive)
    assert [row[0].endswith(f"/p/{gone}/") for row in rows(archive, GONE)] == [True]


def test_a_crawl_reads_only_the_first_and_the_last_page_of_lists_that_are_as_before(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(dated_lists()) as site:
        crawl(site.url, archive=archive)
        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)
        site.requests.clear()
        crawl(site.url, archive=archive)
        assert [one for one in site.requests if not one.startswith(("/robots", "/.well"))] == ["/", "/page/5/"]


# A post is gone when the site itself says so of this post, on two days, while the site is well.

LINKS = tuple(f"/post-{n}/" for n in range(12))
MARKED = "select count(*) from articles where gone_at is not null"
NOT_SHOWN = {
    "404": Answer(b"<h1>Not found</h1>", 404),
    "410": Answer(b"<h1>Gone</h1>", 410),
    "a page that says so": Answer(b"<html><head><title>Page not found</title></head><body><h1>404</h1></body></html>"),
    "a redirect to the home page": Answer(b"", 302, {"Location": "/"}),
}


def twelve_posts(listed: tuple[str, ...] = LINKS) -> Pages:
    return {"/": home(*listed), **{link: page(f"Title {link}") for link in LINKS}}


def findings(archive: Path) -> dict[str, dict[str, Any]]:
    """Return the findings about the only site, by their codes."""
    state = json.loads(archiver("status", "--json", archive=archive).stdout)
    return {one["code"]: one for one in state[0]["health"]["findings"]}


@pytest.mark.parametrize("answer", NOT_SHOWN.values(), ids=NOT_SHOWN)
def test_a_post_is_gone_once_its_site_has_said_so_on_two_days(answer: Answer, tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(twelve_posts()) as site:
        crawl(site.url, archive=archive)
        site.pages["/"] = home(*LINKS[:5], *LINKS[6:])
        site.pages["/post-5/"] = answer
        for _ in range(2):  # a second fetch on the same day confirms nothing
            assert crawl(site.url, "--full", archive=archive).returncode == 0
            assert rows(archive, MARKED) == [(0,)]
        assert "on another day must confirm" in findings(archive)["deletions"]["sentence"]
        let_a_day_pass(archive)
        crawl(site.url, "--full", archive=archive)
        assert rows(archive, GONE) == [(f"{site.url}post-5/",)]
        assert rows(archive, "select gone from runs order by id") == [(0,), (0,), (0,), (1,)]


@pytest.mark.parametrize("answer", NOT_SHOWN.values(), ids=NOT_SHOWN)
@pytest.mark.parametrize("etag", [{}, {"ETag": '"1"'}], ids=["list read", "list unchanged"])
def test_a_post_that_a_live_list_shows_is_never_gone(etag: dict[str, str], answer: Answer, tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(twelve_posts()) as site:
        site.pages["/"] = replace(home(*LINKS), headers={"Content-Type": "text/html", **etag})
        crawl(site.url, archive=archive)
        site.pages["/post-5/"] = answer
        for _ in range(5):
            crawl(site.url, archive=archive)
            let_a_day_pass(archive)
        assert rows(archive, MARKED) == [(0,)]
        assert rows(archive, "select rule from held_pages") == [("still-listed",)]
        assert "still listed" in findings(archive)["deletions"]["sentence"]
        site.pages["/"] = home(*LINKS[:5], *LINKS[6:])
        for _ in range(2):
            crawl(site.url, "--full", archive=archive)
            let_a_day_pass(archive)
        assert rows(archive, MARKED) == [(1,)]


@pytest.mark.parametrize("target", ["/", "/sorry/"], ids=["home page", "a common page"])
@pytest.mark.parametrize("at_once", [12, 4], ids=["all", "a few more each day"])
def test_a_site_that_redirects_its_posts_to_one_page_is_at_fault(at_once: int, target: str, tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(twelve_posts()) as site:
        crawl(site.url, archive=archive)
        with closing(sqlite3.connect(archive)) as db, db:
            db.execute("update articles set first_seen = '2026-01-01T00:00:00+00:00'")
        before = rows(archive, "select url, title, revision, gone_at from articles order by url")
        posts = {link: site.pages[link] for link in LINKS}
        site.pages["/"] = home(target)
        site.pages["/sorry/"] = page(
            "Come back later", "We are sorry, and look forward to your next visit in the summer. " * 8
        )
        redirected = 0
        for _ in range(6):
            redirected = min(redirected + at_once, len(LINKS))
            site.pages.update({link: Answer(b"", 302, {"Location": target}) for link in LINKS[:redirected]})
            done = crawl(site.url, "--full", archive=archive)
            let_a_day_pass(archive)
        assert done.returncode == 1
        found = findings(archive)["redirected"]
        assert (found["level"], "deletions" in findings(archive)) == ("red", False)
        assert re.match("12 of 1[23] posts redirect to one page", found["sentence"])
        assert found["sentence"] in done.stdout
        mine = "where url not like '%sorry/'"
        assert rows(archive, f"select url, title, revision, gone_at from articles {mine} order by url") == before
        name = rows(archive, "select name from sites")[0][0]
        one = f"{site.url}post-3/"
        archiver("sites", "release", name, one, "--accept", archive=archive)
        crawl(site.url, "--full", archive=archive)
        assert rows(archive, GONE) == [(one,)]  # what a person decided stays
        site.pages.update(posts | {"/": home(*LINKS)})
        assert crawl(site.url, "--full", archive=archive).returncode == 0
        assert rows(archive, "select count(*) from held_pages") == [(0,)]
        assert rows(archive, f"select url, title, revision, gone_at from articles {mine} order by url") == before


@pytest.mark.parametrize(("lost", "level"), [(1, "green"), (2, "red")])
def test_deletions_of_a_tenth_of_the_posts_are_red(lost: int, level: str, tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(twelve_posts()) as site:
        crawl(site.url, archive=archive)
        site.pages["/"] = home(*LINKS[lost:])
        for link in LINKS[:lost]:
            del site.pages[link]
        for _ in range(2):
            done = crawl(site.url, "--full", archive=archive)
            assert (done.returncode, findings(archive)["deletions"]["level"]) == (int(level == "red"), level)
            let_a_day_pass(archive)
        assert rows(archive, MARKED) == [(lost,)]


def test_the_same_notice_in_place_of_several_posts_marks_them_all_gone(tmp_path: Path) -> None:
    archive, removed = tmp_path / "a.db", LINKS[:3]
    with serving(twelve_posts()) as site:
        crawl(site.url, archive=archive)
        site.pages |= {"/": home(*LINKS[3:]), **dict.fromkeys(removed, NOTICE)}
        for _ in range(3):
            assert rows(archive, MARKED) == [(0,)]
            crawl(site.url, "--full", archive=archive)
            let_a_day_pass(archive)
        assert rows(archive, MARKED) == [(3,)]


def test_the_same_notice_in_place_of_most_posts_marks_none(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(twelve_posts()) as site:
        crawl(site.url, archive=archive)
        site.pages |= {"/": home(), **dict.fromkeys(LINKS[:9], NOTICE)}
        for _ in range(5):
            crawl(site.url, "--full", archive=archive)
            let_a_day_pass(archive)
        assert rows(archive, MARKED) == [(0,)]


def test_a_person_decides_about_one_held_page_and_about_all(tmp_path: Path) -> None:
    archive, removed = tmp_path / "a.db", LINKS[:4]
    with serving(twelve_posts()) as site:
        crawl(site.url, archive=archive)
        site.pages |= dict.fromkeys(removed, NOTICE)  # the home page still lists them
        crawl(site.url, "--full", archive=archive)
        name = rows(archive, "select name from sites")[0][0]
        one = [f"{site.url}{link[1:]}" for link in removed]
        done = archiver("sites", "release", name, one[0], "--accept", archive=archive)
        assert (done.returncode, "1 gone" in done.stdout) == (0, True)
        assert rows(archive, GONE) == [(one[0],)]
        done = archiver("sites", "release", name, one[1], "--reject", archive=archive)
        assert "1 page keeps its article until it shows something else" in done.stdout
        for _ in range(4):
            let_a_day_pass(archive)
            crawl(site.url, "--full", archive=archive)
        state = "select url from pages p join held_pages h on h.page_id = p.id where h.rule = 'rejected'"
        assert rows(archive, state) == [(one[1],)]
        assert one[1] not in findings(archive)["held"]["sentence"]
        done = archiver("sites", "release", name, "--accept", archive=archive)
        assert "3 gone" in done.stdout
        assert rows(archive, "select count(*) from held_pages") == [(0,)]
        done = archiver("sites", "release", name, one[1], "--reject", archive=archive)
        assert (done.returncode, f"{one[1]} is not a held page" in done.stderr) == (1, True)


def with_etag(answer: Answer, tag: str) -> Answer:
    return replace(answer, headers={**answer.headers, "ETag": f'"{tag}"'})


@pytest.mark.parametrize("has_etag", [True, False])
def test_a_post_that_a_notice_has_replaced_stays_gone(has_etag: bool, tmp_path: Path) -> None:
    """The server calls the notice unchanged, or sends it again."""
    archive = tmp_path / "a.db"
    with serving(twelve_posts()) as site:
        crawl(site.url, archive=archive)
        site.pages["/"] = home(*LINKS[1:])
        site.pages[LINKS[0]] = with_etag(NOTICE, "notice") if has_etag else NOTICE
        for _ in range(3):
            crawl(site.url, "--full", archive=archive)
            let_a_day_pass(archive)
        assert rows(archive, MARKED) == [(1,)]
        for _ in range(3):
            assert crawl(site.url, "--full", archive=archive).returncode == 0
            assert rows(archive, MARKED) == [(1,)]
        assert rows(archive, "select count(*) from held_pages") == [(0,)]
        assert rows(archive, "select max(accepted) from runs") == [(0,)]


def test_a_notice_in_place_of_a_post_that_a_list_shows_marks_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(twelve_posts()) as site:
        crawl(site.url, archive=archive)
        site.pages[LINKS[0]] = NOTICE
        for _ in range(5):
            crawl(site.url, "--full", archive=archive)
            let_a_day_pass(archive)
        assert rows(archive, MARKED) == [(0,)]


def test_a_post_that_redirects_to_a_missing_address_is_gone_like_any_other(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(twelve_posts()) as site:
        crawl(site.url, archive=archive)
        site.pages["/"] = home(*LINKS[3:])
        site.pages |= {link: Answer(b"", 301, {"Location": f"/entry?id={n}"}) for n, link in enumerate(LINKS[:3])}
        for _ in range(2):
            assert rows(archive, MARKED) == [(0,)]
            assert crawl(site.url, "--full", archive=archive).returncode == 1
            let_a_day_pass(archive)
        assert rows(archive, MARKED) == [(3,)]
        site.pages |= twelve_posts()
        crawl(site.url, archive=archive)
        assert rows(archive, MARKED) == [(0,)]


def test_posts_that_redirect_to_several_lists_are_a_fault_of_the_site(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    lists = {f"/topic-{n}/": home(*LINKS[9:]) for n in range(3)}
    with serving(twelve_posts() | lists) as site:
        site.pages["/"] = home(*LINKS, *lists)
        crawl(site.url, archive=archive)
        site.pages["/"] = home(*LINKS[9:], *lists)
        site.pages |= {link: Answer(b"", 302, {"Location": f"/topic-{n % 3}/"}) for n, link in enumerate(LINKS[:9])}
        for _ in range(4):
            crawl(site.url, "--full", archive=archive)
            let_a_day_pass(archive)
        assert rows(archive, MARKED) == [(0,)]
        assert findings(archive)["redirected"]["level"] == "red"


def test_a_list_that_no_crawl_reads_is_asked_before_a_post_is_marked(tmp_path: Path) -> None:
    archive, gone = tmp_path / "a.db", 9  # the third of five pages shows it
    with serving(dated_lists()) as site:
        crawl(site.url, archive=archive)
        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)
        del site.pages[f"/p/{gone}/"]
        for _ in range(4):
            with closing(sqlite3.connect(archive)) as db, db:
                db.execute(f"update pages set due_at = '' where url like '%/p/{gone}/'")
            crawl(site.url, archive=archive)
            let_a_day_pass(archive)
        assert rows(archive, MARKED) == [(0,)]


def dated_list(posts: Sequence[SamplePost]) -> Answer:
    entries = "".join(f"<li><time>{one.day}</time> <a href='{one.path}'>{one.title}</a></li>" for one in posts)
    return Answer(f"<html><body><h1>Coast</h1><ul>{entries}</ul></body></html>".encode())


@pytest.mark.parametrize(("gone", "lists", "marked", "held"), [(1, 1, 1, 0), (9, 3, 0, 9)])
def test_a_post_that_redirects_to_a_list_never_gets_the_text_of_the_list(
    gone: int, lists: int, marked: int, held: int, tmp_path: Path
) -> None:
    archive, posts = tmp_path / "a.db", sample_posts(16)
    pages: Pages = {"/": home(*(one.path for one in posts))}
    pages |= {one.path: Answer(classic(one, []).encode()) for one in posts}
    with serving(pages) as site:
        crawl(site.url, archive=archive)
        site.pages["/"] = home(*(one.path for one in posts[gone:]))
        for number, one in enumerate(posts[:gone]):
            there = f"/coast-{number % lists}"
            site.pages[one.path] = Answer(b"", 302, {"Location": there})
            site.pages[there] = dated_list(posts[gone + number % lists :])
        for _ in range(4):
            crawl(site.url, "--full", archive=archive)
            let_a_day_pass(archive)
    assert rows(archive, "select count(*), max(revision), count(gone_at) from articles") == [(16, 1, marked)]
    assert rows(archive, "select count(*) from held_pages") == [(held,)]
    assert ("redirect to 3 pages that show no post" in archiver("status", archive=archive).stdout) == (held > 0)
