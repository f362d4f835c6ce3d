"""Faults of real servers: each becomes an outcome with a reason, and the other pages are stored."""

from __future__ import annotations

import gzip
import json
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.world import World
from tests.processes import Running
from tests.runner import fault, in_process
from tests.spiders.crawling import archiver, crawl, last_run, rows
from tests.spiders.site_server import Answer, home, page, serving
from tests.waiting import PATIENCE, until


def counts(*words: str, archive: Path) -> dict[str, Any]:
    done = crawl(*words, "--json", archive=archive)
    result: dict[str, Any] = json.loads(done.stdout)[0]
    return result


def outcomes(archive: Path, url: str) -> dict[str, tuple[str, str]]:
    found = rows(archive, "select url, outcome, rule from pages")
    return {address.removeprefix(url): (outcome, rule) for address, outcome, rule in found}


def test_each_fault_is_an_outcome_and_the_good_posts_are_stored(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    latin = page("Fermé", "Le café était fermé, déjà. " * 12).body.decode().encode("latin-1")
    pages = {
        "/": home(
            "/good/",
            "/broken/",
            "/cut/",
            "/latin/",
            "/dropped/",
            "/image/",
            "/private/x/",
            "/away/",
            "/pdf/",
            "/packed/",
            "/packed-half/",
            "/loop/",
            "/empty/",
        ),
        "/robots.txt": Answer(b"User-agent: *\nDisallow: /private/\n", headers={"Content-Type": "text/plain"}),
        "/good/": page("A good post"),
        "/broken/": Answer(b"no", 500),
        "/cut/": Answer(page("A post cut off").body, cut=150),
        "/latin/": Answer(latin),
        "/dropped/": Answer(drop=True),
        "/image/": Answer(b"\x89PNG\r\n\x1a\n\0\0", headers={"Content-Type": "text/html"}),
        "/private/x/": page("Not for robots"),
        "/away/": Answer(status=301, headers={"Location": "http://other.test/"}),
        "/packed/": Answer(gzip.compress(page("A post in a packet").body)),
        "/packed-half/": Answer(gzip.compress(page("Half a packet").body)[:200]),
        "/pdf/": Answer(b"%PDF-1.4", headers={"Content-Type": "application/pdf"}),
        "/loop/": Answer(status=302, headers={"Location": "/loop/"}),
        "/empty/": Answer(b""),
    }
    with serving(pages) as site:  # type: ignore[arg-type]
        done = crawl(site.url, archive=archive)
        found = outcomes(archive, site.url)
        assert "/private/x/" not in site.requests
    assert done.returncode == 1
    assert found["good/"][0] == found["latin/"][0] == "archived"
    assert found["broken/"] == ("failed", "http-500")
    assert found["cut/"] == ("failed", "truncated")
    assert found["dropped/"] == ("failed", "broken-connection")
    assert found["image/"] == ("not-article", "not-html")
    assert found["pdf/"] == ("not-article", "not-html")
    assert found["packed/"][0] == "archived"
    assert found["packed-half/"] == ("not-article", "not-html")
    reason = rows(archive, "select reason from pages where url like '%/packed-half/'")[0][0]
    assert "compressed but not declared so" in reason
    assert found["private/x/"] == ("refused", "robots")
    assert found["away/"] == ("out-of-scope", "http-301")
    assert found["loop/"] == ("failed", "redirect-loop")
    assert found["empty/"][0] == "not-article"
    assert rows(archive, "select count(*) from pages where outcome = 'failed' and url like '%/cut/'") == [(1,)]
    assert rows(archive, "select title from articles order by title") == [
        ("A good post",),
        ("A post in a packet",),
        ("Fermé",),
    ]
    assert rows(archive, "select body from articles where title = 'Fermé'")[0][0].startswith("Le café était fermé")


def test_a_response_that_cannot_be_unpacked_is_no_damage_of_the_archive(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    broken = bytearray(gzip.compress(page("A post").body))
    broken[20:60] = bytes(40)
    pages = {"/": home("/one/"), "/one/": Answer(bytes(broken), headers={"Content-Encoding": "gzip"})}
    with serving(pages) as site:  # type: ignore[arg-type]
        crawl(site.url, archive=archive)
        assert outcomes(archive, site.url)["one/"][0] == "failed"
        assert archiver("verify", archive=archive).returncode == 0
        pages["/one/"] = page("A post")
        crawl(site.url, archive=archive)
    assert rows(archive, "select title from articles") == [("A post",)]


def test_what_failed_is_tried_again_by_the_next_crawl(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = {"/": home("/one/", "/two/"), "/one/": page("The first"), "/two/": Answer(b"", 500)}
    with serving(pages) as site:  # type: ignore[arg-type]
        assert counts(site.url, archive=archive)["failed"] == 1
        site.pages["/two/"] = page("The second")
        second = counts(site.url, archive=archive)
    assert (second["new"], second["failed"], second["outcome"]) == (1, 0, "finished")


@pytest.mark.parametrize(
    ("home_page", "cause"),
    [
        (Answer(b"%PDF-1.4", headers={"Content-Type": "application/pdf"}), "application/pdf"),
        (Answer(b"", 500), "500"),
        (Answer(b"", 503), "503"),
        (Answer(b"", 403), "403"),
        (Answer(b"", 301, {"Location": "http://elsewhere.test/"}), "http://elsewhere.test/"),
    ],
)
def test_a_site_that_cannot_be_crawled_is_an_error_with_its_cause(
    tmp_path: Path, home_page: Answer, cause: str
) -> None:
    with serving({"/": home_page}) as site:
        done = crawl(site.url, archive=tmp_path / "a.db")
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("Error: ")
        assert site.url in last
        assert cause in last
    assert done.returncode == 1
    assert last_run(tmp_path / "a.db")[0] == "failed"


@pytest.mark.parametrize(
    ("word", "code", "error"),
    [
        ("http://no-such-host.invalid/", 1, "HostNotFound no-such-host.invalid"),
        ("ftp://example.org/", 2, "BadAddress ftp://example.org/"),
        ("example", 2, "BadAddress example"),
        ("http://127.0.0.1:99999/", 2, "BadAddress http://127.0.0.1:99999/"),
    ],
)
def test_an_invalid_address_is_an_error(tmp_path: Path, word: str, code: int, error: str) -> None:
    done = in_process("crawl", word, "--archive", str(tmp_path / "a.db"))
    assert (done.exit_code, fault(done)) == (code, error)


def test_an_archive_that_cannot_be_written_ends_the_crawl(tmp_path: Path) -> None:
    done = in_process("crawl", "http://127.0.0.1:9/", "--archive", "/proc/no/a.db")
    assert (done.exit_code, fault(done)) == (1, "ArchiveNotWritable /proc/no/a.db")
    other = tmp_path / "other.db"
    sqlite3.connect(other).execute("create table things (id)").connection.commit()
    text = tmp_path / "text.db"
    text.write_text("no database at all, only some words of text that are long enough\n" * 20)
    for file in (other, text):
        done = in_process("crawl", "http://127.0.0.1:9/", "--archive", str(file))
        assert (done.exit_code, fault(done)) == (1, f"NotAnArchive {file}")


def test_an_archive_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving({"/": home("/one/"), "/one/": page("The first")}) as site:
        crawl(site.url, archive=archive)
        db = sqlite3.connect(archive)
        db.execute(
            "insert into _sqlite_migrations (migration_set, name, applied_at) values "
            "('archiver', 'm999_from_the_future', 'now')"
        )
        db.commit()
        db.close()
        asked = len(site.requests)
        done = crawl(site.url, archive=archive)
        assert len(site.requests) == asked
    assert done.returncode == 1
    assert "m999_from_the_future" in done.stderr
    assert "upgrade archiver" in done.stderr


def test_ctrl_c_stops_cleanly_and_the_next_crawl_goes_on(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    names = [f"/post-{n}/" for n in range(60)]

    def slow(title: str) -> Any:
        def answer() -> Answer:
            time.sleep(0.1)
            return page(title)

        return answer

    pages: dict[str, Any] = {"/": home(*names), **{name: slow(f"Post {name}") for name in names}}
    with serving(pages) as site:
        process = Running("archiver", "crawl", site.url, "--archive", str(archive))
        until(lambda: sum(r.startswith("/post-") for r in site.requests) >= 10)
        process.send(signal.SIGINT)
        done = process.end()
        assert done.returncode == 130
        assert last_run(archive)[0] == "interrupted"
        assert "Traceback" not in done.stderr
        stored = rows(archive, "select count(*) from articles")[0][0]
        assert 0 < stored < 60
        assert rows(archive, "select outcome from runs")[0][0] == "interrupted"
        second = counts(site.url, archive=archive)
    assert second["new"] == 60 - stored
    assert rows(archive, "select count(*), count(distinct url) from articles")[0] == (60, 60)


def test_a_killed_crawl_loses_nothing(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    names = [f"/post-{n}/" for n in range(80)]
    pages: dict[str, Any] = {"/": home(*names), **{name: page(f"Post {name}") for name in names}}
    with serving(pages) as site:
        process = Running("archiver", "crawl", site.url, "--quiet", "--archive", str(archive))
        until(lambda: sum(r.startswith("/post-") for r in site.requests) >= 30, every=0.01)
        process.send(signal.SIGKILL)
        process.end()
        assert counts(site.url, archive=archive)["outcome"] == "finished"
    assert rows(archive, "select count(*), count(distinct url) from articles")[0] == (80, 80)
    assert rows(archive, "pragma integrity_check") == [("ok",)]
    assert rows(archive, "select outcome from runs order by id")[0][0] == "interrupted"


def test_two_crawls_of_one_site_exclude_each_other(tmp_path: Path) -> None:
    archive, met = tmp_path / "a.db", threading.Event()

    def slow() -> Answer:
        met.wait(PATIENCE)
        return home()

    with serving({"/": slow}) as site:
        first = Running("archiver", "crawl", site.url, "--quiet", "--archive", str(archive))
        until(lambda: "/" in site.requests)
        done = crawl(site.url, archive=archive)
        met.set()
        first.end()
    assert done.returncode == 1
    assert f"process {first.pid}" in done.stderr


def test_a_host_name_that_vanishes_during_a_crawl_ends_it_and_the_next_continues(tmp_path: Path) -> None:
    address, names = "93.184.216.34", [f"/post-{n}/" for n in range(60)]
    close = {"Content-Type": "text/html; charset=utf-8", "Connection": "close"}
    pages: dict[str, Any] = {"/": Answer(home(*names).body, headers=close), "/robots.txt": Answer(b"", headers=close)}
    pages |= {name: Answer(page(f"Post {name}").body, headers=close) for name in names}
    with serving(pages) as site:
        world = World(
            names={"news.example": [[address]] * 35 + [[]]},
            settings={"DNSCACHE_ENABLED": False},
            routes={f"{address}:80": int(site.url.rstrip("/").rpartition(":")[2])},
        )
        cut_off = world.crawl(tmp_path, "http://news.example/")
        assert cut_off.code == 1
        assert "Traceback" not in cut_off.err
        sentence = (
            "news.example no longer answers (there is no such host), nor does its home page. The crawl was ended; the "
            "next one continues where it stopped."
        )
        assert cut_off.err.splitlines()[-1] == f"Error: {sentence}"
        assert cut_off.query("select outcome, reason from runs") == [("failed", sentence)]
        stored = len(cut_off.titles)
        assert 0 < stored < 40
        left = cut_off.query(
            "select outcome, rule, count(*) from pages where url like '%/post-%/' and outcome <> "
            "'archived' group by 1, 2 order by 1"
        )
        assert [row[:2] for row in left] == [("due", None), ("failed", "no-host")]
        assert sum(row[2] for row in left) == 60 - stored
        world.names = {"news.example": [[address]]}
        again = world.crawl(tmp_path, "http://news.example/")
    assert again.code == 0, again.err
    assert len(again.titles) == 60
    assert again.query("select outcome from runs where id = 2") == [("finished",)]
