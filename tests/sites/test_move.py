"""Moving a site to another address: two real servers, the database before and after, and a kill in between."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.cli.main import cli
from archiver.maintenance.site_move import AddressMapping, move_site
from archiver.model.errors import CannotMoveSite
from archiver.model.urls import Scope, urlkey
from archiver.storage.article_records import record_id_of
from archiver.storage.database import open_archive, opened
from archiver.storage.sites import SiteLookup, add_site, find_site
from tests import processes
from tests.archive_fixture import make_archive
from tests.runner import Runner, fault
from tests.spiders.crawling import archiver, crawl, rows
from tests.spiders.site_server import Answer, Pages, SiteServer, page, serving

NOW = datetime(2026, 3, 2, tzinfo=UTC)
POSTS = 12


def blog(base: str, *, feed: bool = True) -> Pages:
    """Returns a blog whose pages give their own addresses, as most programs write them."""
    links = "".join(f'<li><a href="{base}2024/post-{n}/">Post {n}</a></li>' for n in range(POSTS))
    home = f"<!doctype html><html><head><title>The Test Blog</title>{{}}</head><body><ul>{links}</ul></body></html>"
    declared = f'<link rel="alternate" type="application/rss+xml" href="{base}feed/">' if feed else ""
    items = "".join(
        f"<item><title>Post {n}</title><link>{base}2024/post-{n}/</link><guid>{base}?p={n}</guid>"
        f"<pubDate>Wed, 01 May 2024 08:00:00 +0000</pubDate></item>"
        for n in range(POSTS)
    )
    pages: Pages = {"/": Answer(home.format(declared).encode())}
    if feed:
        pages["/feed/"] = Answer(
            f'<rss version="2.0"><channel><title>B</title><link>{base}</link>{items}</channel></rss>'.encode(),
            headers={"Content-Type": "application/rss+xml"},
        )
    for n in range(POSTS):
        head = f'<link rel="canonical" href="{base}2024/post-{n}/"><meta property="og:image" content="{base}{n}.png">'
        pages[f"/2024/post-{n}/"] = page(f"Post {n}", f"The text of post {n} is here. " * 30, head=head)
    return pages


def redirecting(to: str, pages: Pages) -> Pages:
    return {path: Answer(status=301, headers={"Location": to + path.lstrip("/")}) for path in pages}


@pytest.fixture
def two() -> Iterator[tuple[SiteServer, SiteServer]]:
    with serving({}) as old, serving({}) as new:
        yield old, new


def name_of(server: SiteServer) -> str:
    return Scope.of(server.url).name


@pytest.mark.parametrize("feed", [True, False])
@pytest.mark.parametrize("full", [True, False])
def test_a_crawl_after_a_move_finds_the_known_posts(
    tmp_path: Path, two: tuple[SiteServer, SiteServer], feed: bool, full: bool
) -> None:
    old, new = two
    archive = tmp_path / "archive.db"
    old.pages.update(blog(old.url, feed=feed))
    assert crawl(old.url, archive=archive).returncode == 0
    archiver("sites", "set", name_of(old), "revisit_days=9", archive=archive)
    archiver("sites", "tag", "news", name_of(old), archive=archive)
    new.pages.update(blog(new.url, feed=feed))
    old.pages.update(redirecting(new.url, old.pages))
    crawl(old.url, archive=archive)

    (health,) = json.loads(archiver("status", "--json", archive=archive).stdout)
    (finding,) = [one for one in health["health"]["findings"] if one["code"] == "failed"]
    command = f"archiver sites move {name_of(old)} {new.url}"
    assert f"'{command}'" in finding["sentence"]
    assert archiver(*command.split()[1:], "--yes", archive=archive).returncode == 0
    old.requests.clear()
    crawled = crawl(name_of(new), "--json", *(["--full"] if full else []), archive=archive)
    (result,) = json.loads(crawled.stdout)
    assert (result["outcome"], result["new"], result["revised"], result["gone"], result["duplicate"]) == (
        "finished",
        0,
        0,
        0,
        0,
    )
    assert result["unchanged"] == (POSTS if full else result["unchanged"])
    assert old.requests == []
    assert rows(archive, "select name from sites") == [(name_of(new),)]
    articles = rows(archive, "select url, site, gone_at, revision, duplicate_of from articles order by id")
    assert sorted(articles) == sorted((f"{new.url}2024/post-{n}/", name_of(new), None, 1, None) for n in range(POSTS))
    (site,) = json.loads(archiver("sites", "list", "--json", archive=archive).stdout)
    assert (site["settings"], site["tags"]) == ({"revisit_days": 9}, ["news"])
    (state,) = json.loads(archiver("status", name_of(new), "--json", archive=archive).stdout)
    assert (state["complete"], state["health"]["state"]) == (True, "green")
    why = json.loads(archiver("why", f"{old.url}2024/post-3/", "--json", archive=archive).stdout)
    assert (why["article"]["url"], why["article"]["address_kind"]) == (f"{new.url}2024/post-3/", "moved")
    home = json.loads(archiver("why", old.url, "--json", archive=archive).stdout)
    assert (home["site"], home["outcome"], home["captures"] != []) == (name_of(new), None, True)
    assert archiver("verify", archive=archive).returncode == 0


def test_a_move_to_other_paths_follows_the_redirects(tmp_path: Path, two: tuple[SiteServer, SiteServer]) -> None:
    """The posts are elsewhere at the new address: they are recognised by their text, and the old addresses stay."""
    old, new = two
    archive = tmp_path / "archive.db"
    old.pages.update(blog(old.url))
    crawl(old.url, archive=archive)
    new.pages.update(
        {
            path.replace("/2024/", "/journal/"): Answer(
                answer.body.replace(b"/2024/", b"/journal/"), headers=answer.headers
            )
            for path, answer in blog(new.url).items()
            if isinstance(answer, Answer)
        }
    )
    new.pages.update(
        {
            f"/2024/post-{n}/": Answer(status=301, headers={"Location": f"{new.url}journal/post-{n}/"})
            for n in range(POSTS)
        }
    )
    assert archiver("sites", "move", name_of(old), new.url, "--yes", archive=archive).returncode == 0
    (result,) = json.loads(crawl(name_of(new), "--json", archive=archive).stdout)
    assert (result["new"], result["gone"]) == (0, 0)
    urls = rows(archive, "select count(*), count(distinct url) from articles")
    assert urls == [(POSTS, POSTS)]
    found = find_article_ids(archive, [f"{base}2024/post-1/" for base in (old.url, new.url)])
    assert found == find_article_ids(archive, [f"{new.url}journal/post-1/"] * 2)


def test_a_site_that_was_crawled_at_both_addresses_becomes_one(
    tmp_path: Path, two: tuple[SiteServer, SiteServer]
) -> None:
    old, new = two
    archive = tmp_path / "archive.db"
    old.pages.update(blog(old.url))
    crawl(old.url, archive=archive)
    new.pages.update(blog(new.url))
    new.pages["/2024/post-3/"] = page("Post 3", "The edited text of post three is here. " * 30)
    new.pages["/2024/post-99/"] = page("Post 99", "The text of a post that only the new site has. " * 30)
    new.pages["/2024/post-4/"] = page(
        "Post 4", "The text of post 4 is here. " * 30, tail='<a href="/2024/post-99/">x</a>'
    )
    crawl(new.url, archive=archive)
    words = ["sites", "move", name_of(old), new.url, "--yes", "--json"]
    refused = archiver(*words, archive=archive)
    assert refused.returncode == 1
    assert f"archiver sites remove {name_of(new)} --with-articles" in refused.stderr
    files = rows(archive, f"select distinct warc_file from captures where url like '{new.url}%'")
    archiver("sites", "remove", name_of(new), "--with-articles", "--yes", archive=archive)
    assert json.loads(archiver(*words, archive=archive).stdout)["articles"] == POSTS
    archiver("import", *(str(tmp_path / file) for (file,) in files), archive=archive)
    articles = dict(rows(archive, "select url, revision from articles where site = (select name from sites)"))
    assert articles == {f"{new.url}2024/post-{n}/": 2 if n == 3 else 1 for n in (*range(POSTS), 99)}
    assert archiver("verify", archive=archive).returncode == 0


def test_an_archive_with_the_former_address_is_merged_into_the_moved_site(
    tmp_path: Path, two: tuple[SiteServer, SiteServer]
) -> None:
    old, new = two
    here, there = tmp_path / "here.db", tmp_path / "there" / "archive.db"
    there.parent.mkdir()
    old.pages.update(blog(old.url))
    for archive in (here, there):
        crawl(old.url, archive=archive)
    archiver("sites", "move", name_of(old), new.url, "--yes", archive=here)
    assert archiver("merge", str(there), "--yes", archive=here).returncode == 0
    assert rows(here, "select name from sites") == [(name_of(new),)]
    assert rows(here, "select count(*), count(distinct site) from articles") == [(POSTS, 1)]
    assert rows(here, "select count(*) from runs") == [(2,)]


def find_article_ids(archive: Path, urls: list[str]) -> list[Any]:
    return [json.loads(archiver("show", url, "--json", archive=archive).stdout)["id"] for url in urls]


# The database


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make_archive(tmp_path / "archive.db")


def contents(path: Path) -> str:
    with opened(path, read_only=True) as db:
        return "\n".join(db.conn.iterdump())


def test_everything_of_a_site_moves_and_nothing_of_others(archive: Path) -> None:
    with opened(archive) as db:
        before = db.execute("select count(*) from articles where site = 'harbour.example'").fetchone()[0]
        others = db.execute("select * from articles where site <> 'harbour.example'").fetchall()
        done = move_site(db, "harbour.example", "https://quay.example/", NOW)
        assert done.articles == before
        assert db.execute("select count(*) from articles where site = 'quay.example'").fetchone()[0] == before
        assert db.execute("select * from articles where site <> 'quay.example'").fetchall() == others
        for text in ("harbour.example", "https://harbour.example/", "quay.example"):
            assert find_site(db, text)["name"] == "quay.example"
        assert SiteLookup(db).of("https://harbour.example/2024/x").name == "quay.example"  # type: ignore[union-attr]
        row = db.execute(
            "select article_id, kind from article_urls where urlkey = ?",
            [urlkey("https://harbour.example/2024/03/tide-tables")],
        ).fetchone()
        assert row == (1, "moved")
        assert db.execute("pragma foreign_key_check").fetchall() == []


def test_a_site_may_move_back(archive: Path) -> None:
    with opened(archive) as db:
        urls = db.execute("select id, url, site, urlkey from articles order by id").fetchall()
        records = [record_id_of(db, row[0]) for row in urls]
        move_site(db, "harbour.example", "https://quay.example/", NOW)
        assert [record_id_of(db, row[0]) for row in urls] == records
        move_site(db, "quay.example", "https://harbour.example/", NOW)
        assert db.execute("select id, url, site, urlkey from articles order by id").fetchall() == urls
        assert [record_id_of(db, row[0]) for row in urls] == records
        assert db.execute("select name from former_sites").fetchall() == [("quay.example",)]


def test_a_dry_run_changes_nothing_and_counts_the_same(archive: Path) -> None:
    before = contents(archive)
    words = ["sites", "move", "harbour.example", "https://quay.example", "--json", "--archive", str(archive)]
    planned = json.loads(Runner().invoke(cli, [*words, "--dry-run"]).stdout)
    assert contents(archive) == before
    done = json.loads(Runner().invoke(cli, [*words, "--yes"]).stdout)
    assert {**planned, "dry_run": False} == done
    assert contents(archive) != before


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nowhere.example", "https://quay.example"], "SiteNotFound nowhere.example"),
        (["harbour.example", "https://harbour.example"], "CannotMoveSite harbour.example"),
        (["harbour.example", "https://www.harbour.example/"], "CannotMoveSite harbour.example"),
        (["harbour.example", "https://notes.example/blog/"], "CannotMoveSite harbour.example"),
        (["harbour.example", "no address"], "BadAddress no address"),
    ],
)
def test_what_cannot_move_is_refused(archive: Path, words: list[str], error: str) -> None:
    before = contents(archive)
    done = Runner().invoke(cli, ["sites", "move", *words, "--yes", "--archive", str(archive)])
    assert fault(done) == error
    assert contents(archive) == before


def test_without_a_terminal_it_needs_yes(archive: Path) -> None:
    before = contents(archive)
    done = Runner().invoke(cli, ["sites", "move", "harbour.example", "https://quay.example", "--archive", str(archive)])
    assert (done.exit_code, contents(archive)) == (2, before)


def test_an_empty_site_at_the_new_address_is_replaced(archive: Path) -> None:
    with opened(archive) as db:
        add_site(db, "https://quay.example", NOW)
        done = move_site(db, "harbour.example", "https://quay.example", NOW)
        assert done.articles
        move_site(db, "notes.example/blog", "https://notes.example/journal/", NOW)
        with pytest.raises(CannotMoveSite, match="former address of notes"):
            move_site(db, "quay.example", "https://notes.example/blog/", NOW)


def test_a_removed_post_stays_removed_at_its_new_address(archive: Path) -> None:
    with opened(archive) as db:
        db.execute(
            "insert into tombstones (id, site, url, reason, removed_at) "
            "values (1, 'harbour.example', 'https://harbour.example/away', 'asked', '2024-01-01')"
        )
        url = "https://harbour.example/away"
        db.execute("insert into tombstone_urls values (?, ?, 1)", [urlkey(url), url])
        db.conn.commit()
        assert move_site(db, "harbour.example", "https://quay.example", NOW).tombstones == 1
        keys = [row[0] for row in db.execute("select url from tombstone_urls order by url")]
        assert keys == [url, "https://quay.example/away"]


def test_a_crawl_of_the_former_address_is_refused(tmp_path: Path, two: tuple[SiteServer, SiteServer]) -> None:
    old, new = two
    archive = make_archive(tmp_path / "archive.db")
    with opened(archive) as db:
        add_site(db, old.url, NOW)
        move_site(db, name_of(old), new.url, NOW)
    refused = crawl(old.url, archive=archive)
    assert refused.returncode == 1
    assert f"archiver sites move {name_of(new)} {old.url}" in refused.stderr
    assert old.requests == []


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from archiver.maintenance import site_move
from archiver.storage.database import opened
step, count = sys.argv[2], 0
def killed(self, *words):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(site_move._Moving, step, killed)
with opened(Path(sys.argv[1])) as db:
    site_move.move_site(db, "harbour.example", "https://quay.example", datetime.now(UTC))
"""


@pytest.mark.parametrize("step", ["_move_tombstones", "_move_pages", "_make_due", "_move_requisites", "_move_articles"])
def test_a_kill_in_the_middle_leaves_the_archive_as_it_was(archive: Path, step: str) -> None:
    before = contents(archive)
    done = processes.run("-c", KILLED, str(archive), step)
    assert done.returncode == -signal.SIGKILL
    assert contents(archive) == before
    open_archive(archive).close()
    assert contents(archive) == before


# Addresses

HOSTS = st.sampled_from(["a.example", "b.example:8080"])
FOLDERS = st.sampled_from(["/", "/blog/", "/en/news/"])
PATHS = st.sampled_from(["", "x", "2024/05/y/", "y?p=3", "z.html"])


@given(HOSTS, FOLDERS, FOLDERS, PATHS)
def test_addresses_below_the_old_address_are_below_the_new_one(host: str, old: str, new: str, path: str) -> None:
    mapping = AddressMapping(Scope(host, old), Scope("new.example", new), f"https://new.example{new}")
    assert mapping.target(f"http://{host}{old}{path}") == f"https://new.example{new}{path}"
    assert mapping.target(f"http://elsewhere.example{old}{path}") is None
    assert mapping.target(f"https://new.example{new}{path}") is None


def test_the_folder_itself_is_mapped_without_its_slash() -> None:
    mapping = AddressMapping(
        Scope("a.example", "/blog/"), Scope("a.example", "/journal/"), "https://a.example/journal/"
    )
    assert mapping.target("https://www.a.example/blog") == "https://a.example/journal/"
    assert mapping.target("https://a.example/blogger") is None


def test_what_was_sent_of_a_site_and_its_mute_move_with_it(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "archive.db")
    with opened(archive) as db, db.conn:
        site = next(iter(db.query("select * from sites order by id")))
        old, new = site["name"], "https://moved.example/"
        db.execute("update sites set muted_until = '2031-01-01T00:00:00+00:00', muted_why = 'it moves'")
        db.execute(
            "insert into faults (site, code, about, level, sentence, began_at, first_run, accepted, sent_level, "
            "sent_sentence) values (?, 'failed', '', 'red', 'x', 't', 1, 0, 'red', 'x')",
            [old],
        )
        move_site(db, old, new, NOW)
        assert db.execute("select site from faults").fetchall() == [("moved.example",)]
        assert find_site(db, "moved.example")["muted_why"] == "it moves"


def test_a_crawl_of_a_site_that_has_moved_says_how_to_move_it(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    with serving({"/": Answer(b"", 301, {"Location": "http://elsewhere.example/"})}) as server:
        done = crawl(server.url, "--quiet", archive=archive)
    assert done.returncode == 1
    name = server.url.removeprefix("http://").rstrip("/")
    assert f"'archiver sites move {name} http://elsewhere.example/'" in done.stderr
