"""The second crawl: changes are found, and unchanged pages are not downloaded."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archiver.warc.warc_records import is_payload_intact, read_record
from tests.spiders.crawling import archiver, let_a_day_pass
from tests.spiders.site_server import Answer, Pages, home, page, serving
from tests.spiders.test_faults import counts, outcomes, rows

XML = {"Content-Type": "application/xml"}
EVERY_RUN = ("/robots.txt", "/.well-known/tdmrep.json")


def sitemap(**days: str) -> Answer:
    entries = "".join(
        f"<url><loc>{{base}}{name.replace('_', '-')}/</loc><lastmod>{day}</lastmod></url>" for name, day in days.items()
    )
    return Answer(
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'.encode(), headers=dict(XML)
    )


def with_base(answer: Answer, base: str) -> Answer:
    answer.body = answer.body.replace(b"{base}", base.encode())
    return answer


def test_edit_addition_move_and_deletion_reported_by_a_sitemap(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    names = [f"post-{n}" for n in range(40)]
    pages: dict[str, Any] = {"/": home(*(f"/{n}/" for n in names)), **{f"/{n}/": page(f"Title {n}") for n in names}}
    with serving(pages) as site:
        days = dict.fromkeys((n.replace("-", "_") for n in names), "2024-05-01T09:00:00Z")
        pages["/sitemap.xml"] = with_base(sitemap(**days), site.url)
        first = counts(site.url, archive=archive)
        assert (first["new"], first["revised"], first["aliased"]) == (40, 0, 0)
        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)

        pages["/post-1/"] = page("Title post-1", "An edit gave this post another text than it had before. " * 5)
        pages["/post-2/"] = Answer(b"gone", 410)
        pages["/moved/"] = pages["/post-3/"]
        pages["/post-3/"] = Answer(status=301, headers={"Location": "/moved/"})
        pages["/fresh/"] = page("A fresh post", date="2024-06-01")
        for gone in ("post_2", "post_3"):
            del days[gone]
        days |= {"post_1": "2024-06-01T10:00:00Z", "fresh": "2024-06-01T10:00:00Z", "moved": "2024-06-01T10:00:00Z"}
        pages["/sitemap.xml"] = with_base(sitemap(**days), site.url)
        pages["/"] = home(*(f"/{n}/" for n in names if n not in ("post-2", "post-3")), "/moved/", "/fresh/")
        site.requests.clear()
        second = counts(site.url, archive=archive)
        changed = {"/post-1/", "/post-2/", "/post-3/", "/moved/", "/fresh/"}
        assert {r for r in site.requests if r.startswith(("/post", "/moved", "/fresh"))} == changed
        assert len([r for r in site.requests if r not in changed]) <= 5
        site.requests.clear()
        third = counts(site.url, archive=archive)
        assert len(site.requests) <= 5
        let_a_day_pass(archive)
        assert counts(site.url, archive=archive)["gone"] == 1
    assert {k: second[k] for k in ("new", "revised", "aliased", "gone")} == {
        "new": 1,
        "revised": 1,
        "aliased": 1,
        "gone": 0,
    }
    assert {k: third[k] for k in ("new", "revised", "aliased", "gone")} == {
        "new": 0,
        "revised": 0,
        "aliased": 0,
        "gone": 0,
    }
    assert rows(archive, "select revision, changed from revisions where revision > 1") == [(2, '["body"]')]
    assert rows(archive, "select title from articles where gone_at is not null") == [("Title post-2",)]
    moved = rows(
        archive, "select d.url, a.url from article_urls d join articles a on a.id = d.article_id where d.kind <> 'url'"
    )
    assert moved == [(f"{site.url}post-3/", f"{site.url}moved/")]


@pytest.mark.parametrize("is_listed", [True, False], ids=["the new address is listed", "only the old one is"])
def test_a_post_that_moved_over_several_redirects_has_its_last_address(tmp_path: Path, is_listed: bool) -> None:
    archive = tmp_path / "a.db"
    names = ["/one/", "/two/", "/three/"]
    pages: dict[str, Any] = {"/": home(*names), **{name: page(f"Title {name.strip('/')}") for name in names}}
    with serving(pages) as site:
        counts(site.url, archive=archive)
        pages["/2024/two/"] = pages["/two/"]
        pages["/two/"] = Answer(status=301, headers={"Location": "/archive/two/"})
        pages["/archive/two/"] = Answer(status=301, headers={"Location": "/2024/two/"})
        pages["/"] = home("/one/", "/2024/two/" if is_listed else "/two/", "/three/")
        counts(site.url, "--full", archive=archive)
        assert rows(archive, "select url from articles where title = 'Title two'") == [(f"{site.url}2024/two/",)]
        aliases = {url for (url,) in rows(archive, "select url from article_urls where kind <> 'url'")}
    assert {f"{site.url}two/", f"{site.url}archive/two/"} <= aliases


def test_a_new_post_that_first_showed_another_one_becomes_an_article_of_its_own(tmp_path: Path) -> None:
    archive, names = tmp_path / "a.db", [f"/post-{n}/" for n in range(12)]
    pages: dict[str, Any] = {"/": home(*names)}
    pages |= {name: page(f"Title {name}", f"Words of {name} are here for all to read. " * 9) for name in names}
    wait = "select round((julianday(due_at) - julianday(fetched_at)) * 24) from pages where url like '%/fresh/'"
    with serving(pages) as site:
        counts(site.url, archive=archive)
        pages |= {"/fresh/": pages["/post-3/"], "/": home("/fresh/", *names)}
        assert counts(site.url, archive=archive)["aliased"] == 1
        assert rows(archive, wait) == [(20.0,)]
        pages["/fresh/"] = page("A fresh post", "Quite other words than in any post before it. " * 9, date="2024-06-01")
        later = counts(site.url, "--full", archive=archive)
        assert (later["new"], later["revised"]) == (1, 0)
        again = counts(site.url, "--full", archive=archive)
        assert (again["new"], again["revised"], again["aliased"]) == (0, 0, 0)
        stored = rows(archive, "select url, title from articles where title like '%fresh%' or title like '%post-3/'")
    assert sorted(stored) == [(f"{site.url}fresh/", "A fresh post"), (f"{site.url}post-3/", "Title /post-3/")]
    assert rows(archive, "select count(*) from article_urls") == [(13,)]


def test_an_edit_at_two_addresses_of_a_post_stays_one_post(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/one/"), "/one/": page("The first"), "/two/": page("The second")}
    with serving(pages) as site:
        counts(site.url, archive=archive)
        pages |= {"/": home("/1/", "/one/", "/two/"), "/1/": pages["/one/"]}
        counts(site.url, archive=archive)
        pages["/1/"] = pages["/one/"] = page("Another headline", "The author has written all of it again. " * 9)
        counts(site.url, "--full", archive=archive)
    assert sorted(rows(archive, "select title from articles")) == [("Another headline",), ("The second",)]


def test_a_gone_post_is_looked_for_the_next_day_and_then_at_growing_intervals(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/one/", "/two/"), "/one/": page("The first"), "/two/": page("The second")}
    wait = "select round((julianday(due_at) - julianday(fetched_at)) * 24) from pages where url like '%/two/'"
    with serving(pages) as site:
        counts(site.url, archive=archive)
        pages |= {"/": home("/one/"), "/two/": Answer(b"gone", 410)}
        assert counts(site.url, "--full", archive=archive)["gone"] == 0
        assert rows(archive, wait) == [(20.0,)]
        let_a_day_pass(archive)
        assert counts(site.url, "--full", archive=archive)["gone"] == 1
        assert rows(archive, wait) == [(20.0,)]
        db = sqlite3.connect(archive)
        with closing(db), db:
            db.execute("update articles set gone_at = datetime('now', '-5 days') || '+00:00' where gone_at is not null")
        counts(site.url, "--full", archive=archive)
    assert rows(archive, wait) == [(4 * 24 + 20.0,)]


def test_a_gone_post_that_comes_back_is_no_longer_gone(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/one/"), "/one/": page("The first")}
    with serving(pages) as site:
        counts(site.url, archive=archive)
        pages |= {"/": home(), "/one/": Answer(b"", 404)}
        for gone in (0, 1):
            assert counts(site.url, "--full", archive=archive)["gone"] == gone
            let_a_day_pass(archive)
        pages["/one/"] = page("The first")
        counts(site.url, "--full", archive=archive)
    assert rows(archive, "select gone_at, revision from articles") == [(None, 1)]


def test_validators_are_sent_and_a_304_is_an_answer(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    front = home("/one/")
    front.headers["ETag"] = '"v1"'
    with serving({"/": front, "/one/": page("The first")}) as site:
        counts(site.url, archive=archive)
        site.asked.clear()
        counts(site.url, archive=archive)
        assert [a.get("if-none-match") for a in site.asked if a["path"] == "/"] == ['"v1"']
        # The answer says nothing of the page's kind, so that the rule that decided it remains.
        assert outcomes(archive, site.url)[""] == ("not-article", "home")
        assert rows(archive, "select status from pages where rule = 'home'") == [(304,)]


def test_redirects_copies_and_canonicals_are_one_article(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {
        "/": home("/old-name/", "/ferry/", "/print/ferry/", "/amp/ferry/", "/twin/", "/?p=7"),
        "/ferry/": page("The ferry"),
        "/old-name/": Answer(status=301, headers={"Location": "/ferry/"}),
        "/?p=7": Answer(status=301, headers={"Location": "/ferry/"}),
        "/print/ferry/": page("The ferry"),
        "/amp/ferry/": page("The ferry", head='<link rel="canonical" href="/ferry/">'),
        "/twin/": page("Another title", "The ferry is told here at some length. " * 8, date="2024-07-01"),
    }
    with serving(pages) as site:
        first = counts(site.url, archive=archive)
    assert (first["new"], first["duplicate"]) == (2, 1)
    aliases = {
        u.removeprefix(site.url)
        for (u,) in rows(
            archive,
            "select d.url from article_urls d join articles a on a.id = d.article_id and a.title = 'The ferry' "
            "where d.urlkey <> a.urlkey",
        )
    }
    assert {"old-name/", "?p=7"} <= aliases
    assert len(aliases) == 4
    assert rows(archive, "select b.title, a.title from articles b join articles a on a.id = b.duplicate_of") == [
        ("Another title", "The ferry")
    ]


def test_an_article_refers_to_the_capture_it_was_extracted_from(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving({"/": home("/one/"), "/one/": page("The first")}) as site:
        counts(site.url, archive=archive)
    file, offset, length, digest = rows(
        archive,
        "select warc_file, warc_offset, warc_length, c.digest from articles a join captures c on c.id = a.capture_id",
    )[0]
    stored = read_record(tmp_path / file, offset, length)
    assert stored.digest == digest
    assert is_payload_intact(stored)
    assert b"<h1>The first</h1>" in stored.body


def test_limit_ends_the_run_and_the_rest_stays_due(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    names = [f"/post-{n}/" for n in range(12)]
    with serving({"/": home(*names), **{n: page(f"Post {n}") for n in names}}) as site:
        first = counts(site.url, "--limit", "5", archive=archive)
        second = counts(site.url, archive=archive)
    assert (first["new"], second["new"]) == (5, 7)
    assert "limit" in first["reason"]


def test_a_home_page_behind_a_redirect_is_the_home_page(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    feed = (
        '<rss version="2.0"><channel><title>T</title><item><title>Only told by the feed</title>'
        "<link>{base}hidden/</link><pubDate>Wed, 01 May 2024 08:00:00 GMT</pubDate></item></channel></rss>"
    )
    pages: dict[str, Any] = {
        "/": Answer(status=302, headers={"Location": "/en/"}),
        "/en/": home("/one/", head='<link rel="alternate" type="application/rss+xml" href="/en/news.rss">'),
        "/one/": page("The first"),
        "/hidden/": page("Only told by the feed"),
    }
    with serving(pages) as site:
        pages["/en/news.rss"] = with_base(Answer(feed.encode(), headers=dict(XML)), site.url)
        assert counts(site.url, archive=archive)["new"] == 2
        assert "/sitemap.xml" in site.requests
        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)
        site.requests.clear()
        again = counts(site.url, archive=archive)
        assert set(site.requests) <= {"/robots.txt", "/.well-known/tdmrep.json", "/", "/en/", "/en/news.rss"}
    assert (again["new"], again["outcome"]) == (0, "finished")


def test_a_full_crawl_finds_an_unreported_edit(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/one/", "/two/"), "/one/": page("The first"), "/two/": page("The second")}
    for name in ("/one/", "/two/"):
        pages[name].headers["ETag"] = f'"{name}1"'
    with serving(pages) as site:
        counts(site.url, archive=archive)
        pages["/two/"] = page("The second, edited")
        pages["/two/"].headers["ETag"] = '"two2"'
        full = counts(site.url, "--full", archive=archive)
    assert (full["revised"], full["unchanged"]) == (1, 1)


def test_a_page_that_says_it_is_not_found_is_gone_whatever_its_status(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {"/": home("/one/"), "/one/": page("The first")}
    with serving(pages) as site:
        counts(site.url, archive=archive)
        pages["/one/"] = Answer(
            b"<html><head><title>Page not found</title></head><body><h1>Page not found</h1>"
            b"<p>Nothing stands at this address.</p></body></html>"
        )
        pages["/"] = home()
        for gone in (0, 1):
            assert counts(site.url, "--full", archive=archive)["gone"] == gone
            let_a_day_pass(archive)
    assert rows(archive, "select title, gone_at is not null from articles") == [("The first", 1)]


def test_new_posts_of_a_blog_that_only_its_own_list_shows(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    posts = [f"/post-{n}/" for n in range(12)]
    about = Answer(b"<html><title>The Firm</title><h1>The Firm</h1><p>We mill.</p><a href=/blog/>Our blog</a></html>")
    pages: Pages = {"/": about, "/blog/": home(*posts), **{link: page(f"Title {link}") for link in posts}}
    with serving(pages) as site:
        assert counts(site.url, archive=archive)["new"] == 12
        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)
        pages["/fresh/"] = page("A fresh post", date="2024-06-01")
        pages["/blog/"] = home("/fresh/", *posts)
        site.requests.clear()
        assert counts(site.url, archive=archive)["new"] == 1
        assert set(site.requests) == {"/", "/blog/", "/fresh/", *EVERY_RUN}


def test_lists_are_not_fetched_again_if_the_home_page_shows_the_newest_posts(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    posts = [f"/post-{n}/" for n in range(18)]
    days = {link: f"2024-05-{28 - n}" for n, link in enumerate(posts)}
    lists = [f"/list-{n}/" for n in range(3)]  # each shows a third of the older posts
    pages: Pages = {
        "/": home(*posts[:6], *lists),
        **{link: home(*posts[6 + 4 * n : 10 + 4 * n]) for n, link in enumerate(lists)},
        **{link: page(f"Title {link}", date=day) for link, day in days.items()},
    }
    with serving(pages) as site:
        assert counts(site.url, archive=archive)["new"] == 18
        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)
        site.requests.clear()
        counts(site.url, archive=archive)
        assert set(site.requests) == {"/", *EVERY_RUN}


def test_an_edit_is_noticed_after_a_sitemap_gave_times_in_the_future(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    names = [f"post-{n}" for n in range(6)]
    pages: dict[str, Any] = {"/": home(*(f"/{n}/" for n in names)), **{f"/{n}/": page(f"Title {n}") for n in names}}
    with serving(pages) as site:
        days = dict.fromkeys((n.replace("-", "_") for n in names), "2024-05-01T09:00:00Z")
        pages["/sitemap.xml"] = with_base(sitemap(**days), site.url)
        counts(site.url, archive=archive)
        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)
        pages["/sitemap.xml"] = with_base(
            sitemap(**dict.fromkeys(days, f"{datetime.now(UTC) + timedelta(days=300):%FT%TZ}")), site.url
        )
        site.requests.clear()
        counts(site.url, archive=archive)
        assert [one for one in site.requests if one.startswith("/post-")] == []
        pages["/post-1/"] = page("Title post-1", "An edit gave this post another text than it had before. " * 5)
        pages["/sitemap.xml"] = with_base(sitemap(**days | {"post_1": "2024-06-01T10:00:00Z"}), site.url)
        assert counts(site.url, archive=archive)["revised"] == 1
