"""Requisites in a crawl: they are requested once and counted separately, failures are outcomes, and no kill loses
one.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

from tests.faults.killing import start_crawl
from tests.requisites.pictures import BLOG, PICTURES, blog_and_pictures, css, lead, picture, png
from tests.spiders.crawling import archiver, crawl, rows
from tests.spiders.site_server import Answer, SiteServer, home, page, serving
from tests.waiting import until

_TOLD = "select outcome, rule, attempts from requisites where url = '{}'"


def crawl_summary(url: str, *words: str, archive: Path) -> dict[str, Any]:
    done = crawl(url, "--json", *words, archive=archive)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)[0]
    return result


def take_requests(site: SiteServer) -> list[str]:
    return [path for path in site.requests if path.partition("?")[0].endswith((".png", ".css", ".woff2"))]


def test_each_post_s_lead_image_is_captured_once(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {
        "/": home("/one/", "/two/", "/three/"),
        "/one/": page("The first", head=lead("/1.png"), tail="<img src=/no.png>"),
        "/two/": page("The second", head=lead("/2.png")),
        "/three/": page("The third", head=lead("/1.png")),
        "/1.png": picture(ETag='"one"'),
        "/2.png": picture(),
    }
    with serving(pages) as site:
        first = crawl_summary(site.url, archive=archive)
        assert sorted(take_requests(site)) == ["/1.png", "/2.png"]
        site.requests.clear()
        again = crawl_summary(site.url, "--full", archive=archive)
        assert take_requests(site) == []
        pages |= {
            "/one/": page("The first", "Another text of it. " * 9, head=lead("/1.png")),
            "/two/": page("The second, edited", head=lead("/new.png")),
            "/new.png": picture(png(30, 20)),
        }
        third = crawl_summary(site.url, "--full", archive=archive)
        assert sorted(take_requests(site)) == ["/1.png", "/new.png"]
        assert [a.get("if-none-match") for a in site.asked if a["path"] == "/1.png"] == [None, '"one"']
        assert {a["accept"] for a in site.asked if a["path"].endswith(".png")} == {"image/*,*/*;q=0.5"}
    keys = ("requisite_requests", "requisites", "requisites_failed")
    assert [[run[key] for key in keys] for run in (first, again, third)] == [[2, 2, 0], [0, 0, 0], [2, 2, 0]]
    assert first["requests"] == again["requests"]
    assert rows(archive, "select c.record_type, c.status from captures c where c.url like '%.png' order by 1, 2") == [
        ("response", 200),
        ("response", 200),
        ("revisit", 200),
        ("revisit", 304),
    ]
    assert rows(archive, "select count(*) from pages where url like '%.png'") == [(0,)]
    state = json.loads(archiver("status", "--long", "--json", archive=archive).stdout)[0]
    assert (state["complete"], state["posts"]["missing"], state["requisites"]["captured"]) == (True, 0, {"image": 3})
    shown = json.loads(archiver("show", f"{site.url}two/", "--json", "--evidence", archive=archive).stdout)[
        "image_capture"
    ]
    assert (shown["url"], shown["media_type"], shown["width"], shown["height"]) == (
        f"{site.url}new.png",
        "image/png",
        30,
        20,
    )
    assert shown["capture"]["digest"].startswith("sha1:")
    assert "30 x 20" in archiver("show", f"{site.url}two/", archive=archive).stdout
    why = json.loads(archiver("why", f"{site.url}1.png", "--json", archive=archive).stdout)
    assert why["requisite"]["outcome"] == "unchanged"
    assert all(path in json.dumps(why["requisite"]) for path in ("/one/", "/three/"))
    assert archiver("verify", archive=archive).returncode == 0


def test_none_requests_nothing_and_all_requests_what_is_missing(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {
        "/": home("/one/"),
        "/one/": page(
            "The first",
            head=lead("/1.png") + "<link rel=stylesheet href=/s.css>",
            tail="<img src=/2.png srcset='/3.png 2x'>",
        ),
        "/s.css": css("@import 't.css'; @font-face { src: url(f.woff2) }"),
        "/t.css": css("a { background: url(4.png) }"),
        "/f.woff2": Answer(b"wOF2", headers={"Content-Type": "font/woff2"}),
        **{f"/{n}.png": picture(png(n, n)) for n in range(1, 5)},
    }
    with serving(pages) as site:
        assert archiver("sites", "add", site.url, archive=archive).returncode == 0
        name = site.url.split("/")[2]
        assert archiver("sites", "set", name, "requisites=some", archive=archive).returncode == 2
        archiver("sites", "set", name, "requisites=none", archive=archive)
        crawl_summary(site.url, archive=archive)
        assert take_requests(site) == []
        archiver("sites", "set", name, "requisites=", archive=archive)
        crawl_summary(site.url, "--full", archive=archive)
        assert take_requests(site) == ["/1.png"]
        archiver("sites", "set", name, "requisites=all", archive=archive)
        assert crawl_summary(site.url, "--full", archive=archive)["requisites"] == 6
        assert sorted(take_requests(site)) == ["/1.png", "/2.png", "/3.png", "/4.png", "/f.woff2", "/s.css", "/t.css"]
        crawl_summary(site.url, "--full", archive=archive)
        assert len(take_requests(site)) == 7
        assert "needed by" in archiver("why", f"{site.url}4.png", archive=archive).stdout
        assert archiver("sites", "remove", name, "--with-articles", "--yes", archive=archive).returncode == 0
    assert rows(archive, "select count(*) from requisites union all select count(*) from article_requisites") == [
        (0,),
        (0,),
    ]


def test_what_is_not_an_image_has_an_outcome_and_no_capture(tmp_path: Path) -> None:
    leads = {
        "page": Answer(b"<!doctype html><p>Welcome"),
        "gone": Answer(b"", 404),
        "shut": Answer(b"", 403),
        "broken": Answer(b"", 500),
        "large": picture(b"\x89PNG\r\n" + bytes(40_000)),
        "secret": Answer(b"", 302, {"Location": "http://127.0.0.1:1/x.png"}),
        "circle": Answer(b"", 302, {"Location": f"{PICTURES}circle.png"}),
        "forbidden": picture(),
        "good": picture(),
    }
    blog = {
        "/": home(*(f"/{name}/" for name in leads)),
        **{f"/{name}/": page(f"A post on {name}", head=lead(f"{PICTURES}{name}.png")) for name in leads},
    }
    pictures = {
        "/robots.txt": Answer(b"User-agent: *\nDisallow: /forbidden", headers={"Content-Type": "text/plain"}),
        **{f"/{name}.png": answer for name, answer in leads.items()},
    }
    with blog_and_pictures(blog, pictures) as (world, _, far):
        world.settings = {"REQUISITE_MAXSIZE": 30_000, "RETRY_TIMES": 0}
        crawled = world.crawl(tmp_path, BLOG, "--json")
        assert crawled.code == 0, crawled.err
        stored = {
            url.removeprefix(PICTURES).removesuffix(".png"): (outcome, rule)
            for url, outcome, rule in crawled.query("select url, outcome, rule from requisites")
        }
        assert stored == {
            "page": ("gone", "wrong-type"),
            "gone": ("gone", "http-404"),
            "shut": ("refused", "http-403"),
            "broken": ("failed", "http-500"),
            "large": ("failed", "too-large"),
            "secret": ("duplicate", "http-302"),
            "circle": ("failed", "redirect-loop"),
            "forbidden": ("refused", "robots"),
            "good": ("archived", ""),
            "http://127.0.0.1:1/x": ("refused", "private-address"),
        }
        assert "/forbidden.png" not in far.requests
        assert "127.0.0.1:1" not in crawled.connections
        asked_before = len(far.requests)
        again = world.crawl(tmp_path, BLOG, "--json")
        assert len(far.requests) == asked_before
        assert again.code == 0
        state = json.loads(world.run(tmp_path, "status", "--long", "--json").out)[0]
        assert (state["complete"], sum(row["number"] for row in state["requisites"]["lacking"])) == (True, 8)
        missing = world.crawl(tmp_path, BLOG, "--missing", "--json")
        assert set(far.requests[asked_before:]) == {"/robots.txt", "/broken.png", "/circle.png", "/large.png"}
    assert missing.query(_TOLD.format(f"{PICTURES}broken.png")) == [("failed", "http-500", 1)]
    kept = {url for (url,) in crawled.query("select url from captures where url like '%png'")}
    assert sorted(kept) == [f"{PICTURES}{name}.png" for name in ("circle", "good", "secret")]


def test_requisites_of_a_silent_host_are_postponed(tmp_path: Path) -> None:
    blog = {
        "/": home(*(f"/post-{n}/" for n in range(12))),
        **{f"/post-{n}/": page(f"Post {n}", head=lead(f"{PICTURES}{n}.png")) for n in range(12)},
    }
    with blog_and_pictures(blog, {f"/{n}.png": Answer(drop=True) for n in range(12)}) as (world, _, far):
        world.settings = {"RETRY_TIMES": 0}
        crawled = world.crawl(tmp_path, BLOG)
        assert crawled.code == 0, crawled.err
        assert 1 <= len(take_requests(far)) <= 8
        before = len(far.requests)
        assert world.crawl(tmp_path, BLOG).code == 0
        assert len(far.requests) == before
    assert {o for (o,) in crawled.query("select outcome from requisites")} == {"failed", "due"}
    assert crawled.query("select count(*) from requisites where due_at < datetime('now')") == [(0,)]


def test_limits_on_posts_do_not_stop_images_and_those_on_bytes_do(tmp_path: Path) -> None:
    pages = {
        "/": home(*(f"/post-{n}/" for n in range(9))),
        **{f"/post-{n}/": page(f"Post {n}", head=lead(f"/{n}.png")) for n in range(9)},
        **{f"/{n}.png": picture(png(1, 1, (n, 0, 0)) + bytes(200_000)) for n in range(9)},
    }
    with serving(pages) as site:
        few = crawl_summary(site.url, "--limit", "4", archive=tmp_path / "few.db")
        assert (few["new"], few["requisites"]) == (4, 4)
        archive = tmp_path / "a.db"
        archiver("sites", "add", site.url, archive=archive)
        archiver("sites", "set", site.url.split("/")[2], "max_megabytes=0.5", archive=archive)
        small = crawl_summary(site.url, archive=archive)
        assert (small["outcome"], small["new"]) == ("finished", 9)
        assert 1 <= small["requisites"] < 9
        assert small["due"] == 9 - small["requisites"]
        archiver("sites", "set", site.url.split("/")[2], "max_megabytes=", archive=archive)
        assert crawl_summary(site.url, archive=archive)["requisites"] == 9 - small["requisites"]


def test_no_kill_loses_a_picture_or_stores_one_twice(tmp_path: Path) -> None:
    archive, count = tmp_path / "a.db", 60
    pages: dict[str, Any] = {
        "/": home(*(f"/post-{n}/" for n in range(count))),
        **{f"/post-{n}/": page(f"Post {n}", head=lead(f"/{n}.png")) for n in range(count)},
    }

    def slow(n: int) -> Any:
        def answer() -> Answer:
            time.sleep(0.02)
            return picture(png(4 + n, 4))

        return answer

    pages |= {f"/{n}.png": slow(n) for n in range(count)}
    with serving(pages) as site:
        for kill in range(3):
            process = start_crawl(site.url, archive)
            wanted = len(take_requests(site)) + 12 + 6 * kill
            until(lambda: not process.lives or len(take_requests(site)) >= wanted, every=0.005)  # noqa: B023
            process.send(signal.SIGKILL)
            process.end()
        assert rows(archive, "select count(*) from requisites where due_at is not null")[0][0] > 0
        crawl_summary(site.url, archive=archive)
    assert rows(archive, "select count(*), count(distinct capture_id), sum(outcome = 'archived') from requisites") == [
        (count, count, count)
    ]
    assert rows(archive, "select count(*) from captures where url like '%png'") == [(count,)]
    assert archiver("verify", archive=archive).returncode == 0


def test_an_image_whose_record_is_lost_is_requested_again(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(
        {"/": home("/one/"), "/one/": page("The first", head=lead("/1.png")), "/1.png": picture(ETag='"one"')}
    ) as site:
        crawl_summary(site.url, archive=archive)
        file = next((tmp_path / "warc").glob("*.warc.gz"))
        offset = rows(archive, "select warc_offset from captures where url like '%png'")[0][0]
        # As after a power cut: the run is open, the file has no index, and its end is missing.
        db = sqlite3.connect(archive)
        db.execute("update runs set outcome = null, finished_at = null")
        db.commit()
        db.close()
        os.truncate(file, offset + 10)
        file.with_name(file.name.replace(".warc.gz", ".cdxj")).unlink()
        site.asked.clear()
        assert crawl_summary(site.url, archive=archive)["requisites"] == 1
        assert [a.get("if-none-match") for a in site.asked if a["path"] == "/1.png"] == [None]
    assert archiver("verify", archive=archive).returncode == 0


def test_a_takedown_removes_the_posts_own_images(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages: dict[str, Any] = {
        "/": home("/one/", "/two/", "/three/"),
        "/own.png": picture(png(7, 7)),
        "/logo.png": picture(png(8, 8)),
        "/one/": page("The ferry at dawn", head=lead("/own.png")),
        **{f"/{name}/": page(f"A walk to {name}", head=lead("/logo.png")) for name in ("two", "three")},
    }
    with serving(pages) as site:
        crawl_summary(site.url, archive=archive)
        for name in ("one", "two"):
            done = archiver("remove", f"{site.url}{name}/", "--reason", "asked for", "--yes", archive=archive)
            assert done.returncode == 0, done.stderr
        assert rows(archive, "select url from requisites") == [(f"{site.url}logo.png",)]
        assert rows(archive, "select url from captures where url like '%png'") == [(f"{site.url}logo.png",)]
        site.requests.clear()
        crawl_summary(site.url, "--full", archive=archive)
        assert take_requests(site) == []
    assert archiver("verify", archive=archive).returncode == 0


def test_merged_archives_have_the_pictures_of_both(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    one, two = tmp_path / "one" / "a.db", tmp_path / "two" / "a.db"
    pages: dict[str, Any] = {
        "/": home("/first/"),
        "/first/": page("The first", head=lead("/1.png")),
        "/1.png": picture(),
        "/second/": page("The second", head=lead("/2.png") + "<link rel=stylesheet href=/s.css>"),
        "/2.png": Answer(b"", 302, {"Location": "/3.png"}),
        "/3.png": picture(png(9, 9)),
        "/s.css": css("a { background: url(4.png) }"),
        "/4.png": picture(png(5, 5)),
    }
    with serving(pages) as site:
        crawl_summary(site.url, archive=one)
        pages["/"] = home("/first/", "/second/")
        crawl_summary(site.url, "--requisites", "all", archive=two)
        for _ in range(2):
            done = archiver("merge", str(two), "--yes", archive=one)
            assert done.returncode == 0, done.stderr
            for query in (
                "select url, outcome, wanted, capture_id is null from requisites order by url",
                "select a.url, r.url, l.role from article_requisites l join articles a "
                "on a.id = l.article_id join requisites r on r.id = l.requisite_id order by 1, 2, 3",
                "select t.url, r.url from requisite_parts p join requisites r on r.id = p.requisite_id "
                "join requisites t on t.id = p.parent_id order by 1, 2",
            ):
                assert rows(one, query) == rows(two, query)
        site.requests.clear()
        crawl_summary(site.url, "--full", "--requisites", "all", archive=one)
        assert take_requests(site) == []
    assert archiver("verify", archive=one).returncode == 0
