"""A web archive's CDX list as a discovery source of a crawl, on real servers."""

from __future__ import annotations

import json
import sqlite3
import threading
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from archiver.politeness.throttle import MIN_THIRD_PARTY_DELAY
from tests.hostile.world import two_hosts
from tests.spiders.crawling import archiver, crawl, last_run, rows, scrapy, text
from tests.spiders.site_server import Answer, SiteServer, home, page, serving
from tests.waiting import PATIENCE, until
from tests.webarchive.cdx_service import PATH, Captures
from tests.webarchive.wayback import serving_warcs


def set_cdx_service(site: SiteServer, service: str, archive: Path) -> None:
    """Add this CDX service to the settings of the site."""
    assert archiver("sites", "add", site.url, archive=archive).returncode == 0
    done = archiver("sites", "set", site.url, f"cdx={service}", archive=archive)
    assert done.returncode == 0, done.stderr


def outcomes(archive: Path, site: SiteServer) -> dict[str, str]:
    return {url.removeprefix(site.url): outcome for url, outcome in rows(archive, "select url, outcome from pages")}


def test_a_post_that_only_a_web_archive_knows_is_found_and_one_that_is_gone_is_gone(tmp_path: Path) -> None:
    archive, captures = tmp_path / "a.db", Captures()
    linked, orphaned = [f"/post-{n}/" for n in range(6)], ["/orphan-1/", "/orphan-2/"]
    pages: dict[str, Any] = {"/": home(*linked), **{n: page(f"Title {n.strip('/')}") for n in (*linked, *orphaned)}}
    pages["/old-name/"] = Answer(status=301, headers={"Location": "/post-1/"})
    with serving(pages) as site, serving(captures) as service:
        at = site.url.rstrip("/")
        captures.add(*(at + n for n in (*linked, *orphaned, "/gone-1/", "/gone-2/", "/old-name/")))
        captures.add(f"{at}/orphan-1/", at="20150607080910")
        captures.add(f"{at}/gone-1/", at="20190101000000", status=404)
        captures.add(
            "http://elsewhere.example/x/",
            f"{at}/photo.jpg",
            f"{at}/post-1/feed/",
            f"{at}/post-2/%0A",
            f"{at}/tag/sea/",
            f"{at}/page/7/",
            f"{at}/?s=words",
            f"{at}/post-1/?replytocom=3",
            f"{at}/post-1/?ref=x",
            f"{at}/wp-login.php",
            f'{at}/post-3/">more',
            f"{at}/2009/05/",
        )
        captures.add(f"{at}/picture", mime="image/png")
        set_cdx_service(site, service.url.rstrip("/") + PATH, archive)
        done = crawl(site.url, archive=archive)
        assert done.returncode == 0, done.stderr
        assert sum(r.startswith("/cdx") for r in service.requests) == 1
        assert captures.asked[0]["url"] == [site.url.removeprefix("http://") + "*"]
        asked = [r for r in site.requests if r not in pages]
        assert {"/gone-1/", "/gone-2/"} <= set(asked)
        assert not [r for r in asked if "%0A" in r or "?" in r or "tag" in r]
        found = outcomes(archive, site)
        assert (found["orphan-1/"], found["orphan-2/"]) == ("archived", "archived")
        assert (found["gone-1/"], found["gone-2/"], found["old-name/"]) == ("gone", "gone", "duplicate")
        assert found["wp-login.php"] == found["?s=words"] == "trap"
        assert rows(archive, "select count(*) from articles") == [(8,)]
        assert rows(archive, "select count(*) from article_urls where url like '%old-name/'") == [(1,)]
        status = archiver("status", site.url, archive=archive)
        assert status.returncode == 0
        [state] = json.loads(archiver("status", site.url, "--json", archive=archive).stdout)
        assert {row["source"]: row["found"] for row in state["sources"]}["cdx"] == 10
        assert {key: state["posts"][key] for key in ("archived", "gone", "missing")} == {
            "archived": 8,
            "gone": 2,
            "missing": 0,
        }
        why = json.loads(archiver("why", f"{site.url}orphan-1/", "--json", archive=archive).stdout)
        assert [(s["source"], s["found_on"].startswith(service.url)) for s in why["sources"]] == [("cdx", True)]
        shown = archiver("why", f"{site.url}orphan-1/", archive=archive).stdout
        assert all(part in shown for part in ("2010-01-02 03:04", "2015-06-07 08:09", "127.0.0.1"))
        [source] = json.loads(archiver("why", f"{site.url}gone-1/", "--json", archive=archive).stdout)["sources"]
        assert (source["source"], source["first_capture"]) == ("cdx", "2010-01-02T03:04:05.000000+00:00")

        archiver("sites", "set", site.url, "sample_posts=0", archive=archive)
        service.requests.clear()
        site.requests.clear()
        again = crawl(site.url, archive=archive)
        assert again.returncode == 0
        assert not service.requests
        assert len(site.requests) <= 10
    # URLs that never existed here are due in a year, existing ones within a month.
    due = dict(
        rows(
            archive,
            "select outcome, max(julianday(due_at) - julianday(fetched_at)) from pages "
            "where outcome in ('gone', 'archived') group by 1",
        )
    )
    assert due["gone"] > 360
    assert due["archived"] < 31
    [(outcome, days)] = rows(
        archive, "select outcome, julianday(due_at) - julianday(fetched_at) from pages where kind = 'cdx'"
    )
    assert outcome == "not-article"
    assert 29 < days < 31


def test_a_long_cdx_list_is_read_page_by_page_and_again_when_due(tmp_path: Path) -> None:
    archive, captures = tmp_path / "a.db", Captures(most=10)
    names = [f"/post-{n}/" for n in range(35)]
    with (
        serving({"/": home("/post-0/"), **{n: page(f"Title {n}") for n in names}}) as site,
        serving(captures) as service,
    ):
        captures.add(*(site.url.rstrip("/") + n for n in names))
        set_cdx_service(site, service.url.rstrip("/") + PATH, archive)
        crawl(site.url, archive=archive)
        assert len(captures.asked) == 4
        assert [("resumeKey" in a) for a in captures.asked] == [False, True, True, True]
        assert rows(archive, "select count(*) from articles") == [(35,)]
        [(reason,)] = rows(archive, "select reason from pages where kind = 'cdx'")
        assert " 35 " in reason
        make_list_due(archive)
        captures.add(f"{site.url}late/")
        site.pages["/late/"] = page("A late one")
        crawl(site.url, archive=archive)
        assert len(captures.asked) == 8
    assert rows(archive, "select count(*) from articles") == [(36,)]


def make_list_due(archive: Path) -> None:
    """Move the last request of the list into the past, so that it is due."""
    db = sqlite3.connect(archive)
    db.execute("update pages set due_at = '2024-01-01T00:00:00+00:00' where kind = 'cdx'")
    db.commit()
    db.close()


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Answer(b"", 500), "500"),
        (Answer(drop=True), ""),
        (text("", 429, Retry_After="7200"), "429"),
        (Answer(b"<html><title>Maintenance</title><p>Back soon</p></html>"), "Maintenance"),
        (Answer(status=302, headers={"Location": "/elsewhere"}), "/elsewhere"),
        (Answer(b"blocked", 403), "403"),
    ],
    ids=["error", "dropped", "busy", "no-list", "moved", "refused"],
)
def test_a_cdx_service_that_does_not_answer_fails_alone_and_is_retried(
    tmp_path: Path, answer: Answer, cause: str
) -> None:
    archive, captures = tmp_path / "a.db", Captures(before=lambda asked: answer)
    with (
        serving({"/": home("/one/"), "/one/": page("One"), "/two/": page("Two")}) as site,
        serving(captures) as service,
    ):
        captures.add(f"{site.url}two/")
        set_cdx_service(site, service.url.replace("127.0.0.1", "localhost").rstrip("/") + PATH, archive)
        done = crawl(site.url, archive=archive)
        refused = answer.status == 403
        assert done.returncode == (0 if refused else 1)
        assert "Traceback" not in done.stderr
        assert last_run(archive) == ("finished", "")
        [(outcome, reason)] = rows(archive, "select outcome, reason from pages where kind = 'cdx'")
        assert outcome == ("refused" if refused else "failed")
        assert cause in reason
        assert rows(archive, "select title from articles") == [("One",)]
        captures.before = lambda asked: None
        if refused:
            make_list_due(archive)
        assert crawl(site.url, archive=archive).returncode == 0
    assert rows(archive, "select title from articles order by title") == [("One",), ("Two",)]


def test_an_endless_cdx_list_is_cut_and_a_slow_service_delays_no_post(tmp_path: Path) -> None:
    archive, captures = tmp_path / "a.db", Captures()

    def slow(asked: dict[str, list[str]]) -> Answer:
        until(lambda: sum(path in names for path in site.requests) >= 6)
        row = '["a","20100101000000","http://elsewhere.example/%d/","text/html","200"],\n'
        head = '[["urlkey","timestamp","original","mimetype","statuscode"],\n'
        return Answer((head + "".join(row % n for n in range(101_000))).encode())

    captures.before = slow
    names = [f"/post-{n}/" for n in range(20)]
    with serving({"/": home(*names), **{n: page(f"Title {n}") for n in names}}) as site, serving(captures) as service:
        set_cdx_service(site, service.url.rstrip("/") + PATH, archive)
        assert crawl(site.url, archive=archive).returncode == 0
        assert sum(path in names for path in site.requests) == 20
    assert rows(archive, "select outcome from pages where kind = 'cdx'") == [("not-article",)]


def test_a_silent_cdx_service_is_given_up(tmp_path: Path) -> None:
    over = threading.Event()

    def silent(asked: dict[str, list[str]]) -> Answer:
        over.wait(PATIENCE)
        return Answer(drop=True)

    archive, captures = tmp_path / "a.db", Captures(before=silent)
    with serving({"/": home("/one/"), "/one/": page("One")}) as site, serving(captures) as service:
        set_cdx_service(site, service.url.rstrip("/") + PATH, archive)
        scrapy(site.url, archive, DOWNLOAD_TIMEOUT=4, RETRY_TIMES=0)
        over.set()
    assert last_run(archive) == ("finished", "")
    assert rows(archive, "select outcome, rule from pages where kind = 'cdx'") == [("failed", "timeout")]


def test_traps_stay_traps_and_spam_that_is_gone_has_an_end(tmp_path: Path) -> None:
    archive, captures = tmp_path / "a.db", Captures()
    names = [f"/post-{n}/" for n in range(5)]
    with (
        serving({"/": home(*names, "/orders/?sort=1"), **{n: page(f"Title {n}") for n in names}}) as site,
        serving(captures) as service,
    ):
        at = site.url.rstrip("/")
        captures.add(*(at + n for n in names), f"{at}/orders/?sort=1", f"{at}/orders/?sort=2")
        captures.add(*(f"{at}/cheap-watches-{n}/" for n in range(600)), *(f"{at}/story/{n}" for n in range(100, 200)))
        set_cdx_service(site, service.url.rstrip("/") + PATH, archive)
        crawl(site.url, archive=archive)
        asked = len(site.requests)
    found = outcomes(archive, site)
    assert found["orders/?sort=1"] == found["orders/?sort=2"] == "trap"
    assert asked < 360
    rules = dict(rows(archive, "select rule, count(*) from pages where outcome = 'trap' group by 1"))
    assert rules["pattern-budget: captures"] == 290  # ten more are sampled
    assert rules["pattern-budget: numbers"] == 70


def test_a_cdx_list_is_no_longer_requested_once_the_settings_say_so(tmp_path: Path) -> None:
    archive, captures = tmp_path / "a.db", Captures(before=lambda asked: Answer(b"", 500))
    with serving({"/": home("/one/"), "/one/": page("One")}) as site, serving(captures) as service:
        set_cdx_service(site, service.url.rstrip("/") + PATH, archive)
        crawl(site.url, archive=archive)
        assert archiver("sites", "set", site.url, "cdx=no", archive=archive).returncode == 0
        service.requests.clear()
        assert crawl(site.url, archive=archive).returncode == 0
        assert not service.requests
        assert archiver("status", site.url, archive=archive).returncode == 0
        captures.before = lambda asked: None
        set_cdx_service(site, service.url.rstrip("/") + PATH, archive)
        assert crawl(site.url, archive=archive).returncode == 0
        assert service.requests
    assert rows(archive, "select outcome from pages where kind = 'cdx'") == [("not-article",)]


def test_a_foreign_service_is_requested_slowly_whatever_delay_is_set(tmp_path: Path) -> None:
    captures = Captures(most=1)
    with serving({"/": home("/one/"), "/one/": page("One")}) as site, serving(captures) as service:
        world = two_hosts(site, service)
        captures.add("http://site.example/one/", "http://site.example/two/")
        world.run(tmp_path, "sites", "add", "http://site.example/")
        world.run(tmp_path, "sites", "set", "site.example", f"cdx=http://other.example{PATH}")
        begun = monotonic()
        done = world.crawl(tmp_path, "http://site.example/")
        assert done.code == 0, done.err
        assert service.requests[0] == "/robots.txt"
        assert len(service.requests) == 3
        # Counted from before the crawl: a busy machine can only make these times longer.
        assert service.times[1] - begun >= MIN_THIRD_PARTY_DELAY
        assert service.times[2] - begun >= 2 * MIN_THIRD_PARTY_DELAY
        assert done.rows["http://site.example/two/"][0] == "gone"

        service.pages = {"/robots.txt": text("User-agent: *\nDisallow: /cdx/\n")}
        (tmp_path / "b").mkdir()
        world.run(tmp_path / "b", "sites", "add", "http://site.example/")
        world.run(tmp_path / "b", "sites", "set", "site.example", f"cdx=http://other.example{PATH}")
        done = world.crawl(tmp_path / "b", "http://site.example/")
        assert done.query("select outcome, rule from pages where kind = 'cdx'") == [("refused", "robots")]


def test_a_crawl_without_contact_requests_nothing_from_a_foreign_service(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving({"/": home("/one/"), "/one/": page("One")}) as site:
        set_cdx_service(site, f"https://archive.example{PATH}", archive)
        crawl(site.url, archive=archive)
    [(outcome, rule, reason)] = rows(archive, "select outcome, rule, reason from pages where kind = 'cdx'")
    assert (outcome, rule) == ("failed", "contact")
    assert "name a contact" in reason
    assert rows(archive, "select title from articles") == [("One",)]


def test_a_real_web_archive_over_what_was_written_here(tmp_path: Path) -> None:
    pytest.importorskip("pywb", reason="pywb is not installed (it needs a Python before 3.13)")
    names = ["/kept/", "/unlinked/", "/taken-down/"]
    pages: dict[str, Any] = {"/": home(*names), **{n: page(f"Title {n.strip('/')}") for n in names}}
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    with serving(pages) as site:
        assert crawl(site.url, archive=first / "a.db").returncode == 0
        pages["/"] = home("/kept/")
        pages["/taken-down/"] = Answer(b"", 410)
        (tmp_path / "pywb").mkdir()
        with serving_warcs(tmp_path / "pywb", sorted((first / "warc").glob("*.warc.gz"))) as web_archive:
            second.mkdir()
            set_cdx_service(site, f"{web_archive}cdx", second / "a.db")
            done = crawl(site.url, archive=second / "a.db")
            assert done.returncode == 0, done.stderr
    found = outcomes(second / "a.db", site)
    assert {n: found[f"{n}/"] for n in ("kept", "unlinked", "taken-down")} == {
        "kept": "archived",
        "unlinked": "archived",
        "taken-down": "gone",
    }
    first_captures = rows(second / "a.db", "select first_capture from page_sources where source = 'cdx'")
    assert len(first_captures) == 4
    assert all(first > "2024" for (first,) in first_captures)
