"""`archiver import --wayback` from a service with typical and faulty responses."""

from __future__ import annotations

import gzip
import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from archiver.model.errors import ContactMissing
from archiver.warc.warc_records import read_record
from tests.hostile.world import World, two_hosts
from tests.importers.files import listing, page
from tests.importers.importing import rows
from tests.importers.test_resume import assert_sound
from tests.processes import Running, without_proxies
from tests.runner import fault, in_process
from tests.spiders.crawling import archiver, text
from tests.spiders.site_server import Answer, SiteServer, serving
from tests.webarchive.replay_service import LIST, Kept, WebArchive, memento

BLOG = "http://blog.example"
BOATS = f"{BLOG}/2009/boats/"


def at(year: int, second: int = 0) -> str:
    return f"{year}050210{second // 60:02}{second % 60:02}"


def boats(year: int, **more: Any) -> Kept:
    return Kept(at(year), BOATS, page(extra=str(year)), **more)


@contextmanager
def importing(kept: WebArchive, folder: Path) -> Iterator[tuple[Any, SiteServer]]:
    """A server, and a function that runs the import with further arguments."""
    with serving(kept) as server:

        def run(*words: str, expect: int = 0, url: str = f"{BLOG}/") -> dict[str, Any]:
            done = archiver(
                "import",
                "--wayback",
                url,
                "--service",
                server.url.rstrip("/") + LIST,
                "--json",
                *words,
                archive=folder / "a.db",
            )
            assert done.returncode == expect, done.stderr + done.stdout
            assert "Traceback" not in done.stderr
            found: dict[str, Any] = json.loads(done.stdout)
            return found

        yield run, server


def problems(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(p["kind"], p["what"]) for p in found["problems_listed"]]


def test_captures_are_stored_as_captured(tmp_path: Path) -> None:
    packed = gzip.compress(page(title="Packed"))
    coded = {"Content-Type": "text/html", "Content-Encoding": "gzip", "ETag": '"1"', "Set-Cookie": "theirs=1"}
    archive = WebArchive(
        boats(2009),
        boats(2015),
        Kept(at(2010), f"{BLOG}/packed/", packed, headers=coded),
        Kept(at(2011), f"{BLOG}/old-boats/", status=301, headers={"Location": BOATS}),
        Kept(at(2011), BOATS.replace("http:", "https:"), status=301, headers={"Location": BOATS}),
        Kept("20110502100003", BOATS, page(extra="2009")),
        Kept(at(2016), f"{BLOG}/packed/", b"gone", 404),
        Kept(at(2017), f"{BLOG}/packed/", b"gone", 404),
        Kept(at(2018), f"{BLOG}/packed/", b"gone", 404),
        Kept(at(2009), f"{BLOG}/list-of-all/", listing()),
        Kept(at(2009), f"{BLOG}/"),
        Kept(at(2009), f"{BLOG}/tag/sea/"),
        Kept(at(2009), f"{BLOG}/feed/", mime="text/xml"),
        Kept(at(2009), f"{BLOG}/a.png", mime="image/png"),
        Kept(at(2009), f"{BOATS}?ref=x", page()),
        Kept(at(2009), f"{BLOG}/robots.txt"),
        Kept(at(2009), "http://elsewhere.example/a/", page()),
        Kept(at(2019), BOATS, page(extra="2015"), status=0, mime="warc/revisit"),
        Kept(at(2019), BOATS, page(extra="2015"), status=0, mime="warc/revisit"),
        Kept(at(2014), f"{BLOG}/tracked/?utm_source=feed", page(title="Tracked")),
        most=4,
        packs=True,
    )
    with importing(archive, tmp_path) as (run, server):
        found = run()
        assert sorted(archive.fetched) == [
            f"/web/{at(2009)}id_/{BLOG}/2009/boats/",
            f"/web/{at(2009)}id_/{BLOG}/list-of-all/",
            f"/web/{at(2010)}id_/{BLOG}/packed/",
            f"/web/{at(2011)}id_/{BLOG}/old-boats/",
            f"/web/{at(2014)}id_/{BLOG}/tracked/?utm_source=feed",
            f"/web/{at(2015)}id_/{BLOG}/2009/boats/",
        ]
        assert len(archive.listed) > 2
        assert all("collapse" not in asked for asked in archive.listed)
        assert [found[k] for k in ("fetched", "failed", "new", "tombstones", "aliases")] == [6, 0, 3, 1, 1]
        again = run()
        assert (again["to_fetch"], again["fetched"], again["new"]) == (0, 0, 0)
        assert len(archive.fetched) == 6
        assert all("archiver/" in asked["user-agent"] for asked in server.asked)
    assert_sound(tmp_path / "a.db")
    stored = rows(tmp_path / "a.db", "select url, first_seen, last_seen, gone_at from articles order by url")
    assert [(u.removeprefix(BLOG), f[:4], s[:4], g and g[:4]) for u, f, s, g in stored] == [
        ("/2009/boats/", "2009", "2019", None),
        ("/packed/", "2010", "2010", "2016"),
        ("/tracked/", "2014", "2014", None),
    ]
    assert rows(tmp_path / "a.db", "select count(*) from revisions") == [(3,)]
    [(file, offset, length)] = rows(
        tmp_path / "a.db", "select warc_file, warc_offset, warc_length from captures where url like '%/packed/'"
    )
    stored = read_record(tmp_path / file, offset, length)
    assert stored.payload == packed
    assert dict(stored.headers) == {
        "Content-Type": "text/html",
        "Content-Encoding": "gzip",
        "Etag": '"1"',
        "Set-Cookie": "theirs=1",
        "Content-Length": str(len(packed)),
    }
    data = b"".join(gzip.decompress(f.read_bytes()) for f in (tmp_path / "warc").glob("wayback-*.warc.gz"))
    source = f"{server.url}web/{at(2010)}id_/{BLOG}/packed/".encode()
    assert b"WARC-Source-URI: " + source in data
    assert b"source-place: " + source in data
    assert b"source-record: memento\r\nfetched: 20" in data
    assert b"the archive's" not in data
    assert archiver("verify", archive=tmp_path / "a.db").returncode == 0
    [source] = json.loads(archiver("why", BOATS, "--json", archive=tmp_path / "a.db").stdout)["sources"]
    assert (source["source"], source["found_on"]) == ("import", f"{server.url}web/")
    assert (source["first_seen"][:10], source["last_seen"][:10]) == ("2009-05-02", "2019-05-02")


def test_responses_that_are_not_captures_are_problems(tmp_path: Path) -> None:
    asked: list[str] = []
    live = SiteServer({"/live/": lambda: asked.append("live") or Answer(page(title="Live"))})  # type: ignore[func-returns-value]
    other = Kept(at(2012), f"{BLOG}/other/", page(title="Other"))
    names = ("forged", "framed", "apology", "excluded", "away", "mixed", "misplaced", "bomb")
    kept = {name: Kept(at(2010), f"{BLOG}/{name}/", page(title=name)) for name in names}
    kept["framed"].listed_digest = "-"
    wrong = {
        "forged": lambda: memento(kept["forged"], body=page(title="Forged")),
        "framed": lambda: memento(kept["framed"], body=page(title="Framed", extra="BEGIN WAYBACK TOOLBAR INSERT")),
        "apology": lambda: Answer(page(title="This page is not available")),
        "excluded": lambda: Answer(b"<p>excluded</p>", 403),
        "away": lambda: Answer(b"", 302, {"Location": f"{live.url}live/"}),
        "mixed": lambda: memento(kept["forged"]),
        "misplaced": lambda: Answer(
            page(title="Another"),
            200,
            {**memento(kept["misplaced"]).headers, "Content-Location": f"/web/{at(2010)}id_/{BLOG}/quite/another/"},
        ),
    }
    bomb = gzip.compress(bytes(80_000_000), 1)
    wrong["bomb"] = lambda: Answer(bomb, 200, {**memento(kept["bomb"]).headers, "Content-Encoding": "gzip"})
    for name, answer in wrong.items():
        kept[name].answer = answer
    archive = WebArchive(boats(2009), *kept.values())
    archive.kept += [other]
    with importing(archive, tmp_path) as (run, _):
        found = run(expect=1)
        live.close()
        assert (found["outcome"], found["new"], found["failed"]) == ("finished", 2, 8)
        assert not asked
        kinds = dict(sorted((p["url"].split("/")[3], p["kind"]) for p in found["problems_listed"]))
        assert kinds == {
            "apology": "not-a-memento",
            "bomb": "bomb",
            "away": "not-a-memento",
            "excluded": "unanswered",
            "forged": "payload-digest",
            "framed": "rewritten",
            "misplaced": "not-a-memento",
            "mixed": "not-a-memento",
        }
        assert all(p["offset"].startswith("http://127.0.0.1") for p in found["problems_listed"])
        assert rows(tmp_path / "a.db", "select title from articles order by title") == [("Boats at dawn",), ("Other",)]
        for one in archive.kept:
            one.answer, one.listed_digest = None, ""
        again = run()
        assert (again["here"], again["fetched"], again["new"]) == (2, 8, 8)


def test_redirected_capture_keeps_its_own_time(tmp_path: Path) -> None:
    lost = Kept(at(2010), f"{BLOG}/lost/", page(title="Lost"))
    near = Kept(at(2011), f"{BLOG}/lost/", page(title="Nearest"))
    shifted = Kept(at(2010), f"{BLOG}/shifted/", page(title="Shifted"))
    far = Kept(at(2010), f"{BLOG}/far/", page(title="Far"))
    lost.answer = lambda: Answer(b"", 302, {"Location": f"/web/{at(2011)}id_/{BLOG}/lost/"})
    shifted.answer = lambda: memento(shifted, at=at(2012), body=page(title="Shifted", extra="x"))
    far.answer = lambda: memento(far, at=at(2020), body=page(title="Far", extra="x"))
    round_and_round = Kept(at(2010), f"{BLOG}/round/", page(title="Round"))
    round_and_round.answer = lambda: Answer(b"", 302, {"Location": f"/web/{at(2010)}id_/{BLOG}/round/"})
    archive = WebArchive(lost, shifted, far, round_and_round)
    with importing(archive, tmp_path) as (run, _):
        archive.kept.append(near)
        hidden = archive._list
        archive._list = lambda asked: (archive.kept.remove(near), hidden(asked), archive.kept.append(near))[1]  # type: ignore[method-assign,func-returns-value]
        found = run("--to", "2015", expect=1)
        assert [kind for kind, _ in problems(found)] == ["not-a-memento"]
        assert found["skipped"] == 1
        again = run("--to", "2015", expect=1)
        assert (again["fetched"], again["here"]) == (1, 3)
    stored = rows(tmp_path / "a.db", "select title, first_seen from articles order by 1")
    assert [(t, s[:4]) for t, s in stored] == [("Nearest", "2011"), ("Shifted", "2012")]


def test_busy_service_gets_the_pause_it_requests(tmp_path: Path) -> None:
    archive = WebArchive(boats(2009), boats(2010))
    busy = [text("", 429, Retry_After="1")]
    archive.before = lambda path: busy.pop() if busy and path.startswith("/web") else None
    with importing(archive, tmp_path) as (run, _):
        begun = time.monotonic()
        found = run()
        assert time.monotonic() - begun > 1
        assert (found["fetched"], found["failed"], found["requests"]) == (2, 0, 4)
        archive.kept += [Kept(at(2011), f"{BLOG}/new/", page(title="New"))]
        archive.before = lambda path: text("", 503, Retry_After="7200") if path.startswith("/web") else None
        found = run(expect=1)
        assert found["outcome"] == "waiting"
        assert all(part in found["reason"] for part in ("127.0.0.1", "503"))
        archive.before = lambda path: None
        assert run()["new"] == 1


def test_failures_are_retried_until_the_service_counts_as_down(tmp_path: Path) -> None:
    archive = WebArchive(*(Kept(at(2009), f"{BLOG}/{n}/", page(title=f"Post {n}")) for n in range(30)))
    broken = [Answer(drop=True), Answer(b"", 502), Answer(page(), cut=10)]
    archive.before = lambda path: broken.pop() if broken and path.startswith("/web") else None
    world = World(settings={"PAST_WAIT": 0.05, "PAST_TRIES": 3})
    with serving(archive) as server:
        words = ("import", "--wayback", f"{BLOG}/", "--service", server.url.rstrip("/") + LIST, "--json")
        done = world.run(tmp_path, *words, "--limit", "10")
        found = json.loads(done.out)
        assert done.code == 0, done.err
        assert (found["outcome"], found["new"], found["failed"]) == ("limited", 10, 0), done.err
        assert len(archive.fetched) == 13  # the three that broke were requested once more
        archive.before = lambda path: Answer(drop=True) if path.startswith("/web") else None
        archive.fetched.clear()
        done = world.run(tmp_path, *words)
        found = json.loads(done.out)
        assert (done.code, found["outcome"]) == (1, "failed")
        assert found["reason"]
        assert len(archive.fetched) < 60
        archive.before = lambda path: None
        assert json.loads(world.run(tmp_path, *words).out)["new"] == 20
    assert rows(tmp_path / "a.db", "select count(*) from articles") == [(30,)]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(b"<html><p>Maintenance</p></html>"), "Maintenance"),
        (Answer(b"", 403), "403"),
        (Answer(b"", 302, {"Location": "https://elsewhere.example/cdx"}), "https://elsewhere.example/cdx"),
    ],
    ids=["page", "refused", "moved"],
)
def test_a_service_without_a_list_fails(tmp_path: Path, answer: Answer, reason: str) -> None:
    archive = WebArchive(boats(2009))
    archive.before = lambda path: answer
    with importing(archive, tmp_path) as (run, _):
        found = run(expect=1)
    assert found["outcome"] == "failed"
    assert reason in found["reason"]
    assert found["problems"] == {"no-list": 1}


def test_foreign_service_is_requested_slowly_and_with_contact(tmp_path: Path) -> None:
    archive = WebArchive(*(Kept(at(2009), f"{BLOG}/{n}/", page(title=f"Post {n}")) for n in range(18)), most=12)
    with serving(archive) as server, serving({}) as nobody:
        world = two_hosts(server, nobody)
        words = ("import", "--wayback", f"{BLOG}/", "--service", f"http://site.example{LIST}", "--json")
        done = world.run(tmp_path, *words)
        assert done.code == 2
        assert str(ContactMissing("site.example")) in done.err
        assert not server.requests
        done = world.run(tmp_path, *words, "--contact", "me@example.org", "--delay", "0")
        assert done.code == 0, done.err
        assert json.loads(done.out)["new"] == 18
        times = dict.fromkeys(server.requests)
        when = {
            what: [t for path, t in zip(server.requests, server.times, strict=True) if path.startswith(what)]
            for what in (LIST, "/web/")
        }
        assert len(times) == 21
        assert "/robots.txt" in times
        assert all(b - a >= 2.45 for a, b in pairwise(when[LIST]))
        assert all(b - a >= 0.95 for a, b in zip(when["/web/"], when["/web/"][8:], strict=False))
        assert when["/web/"][-1] - when["/web/"][0] < 4
        assert all(asked["user-agent"].endswith("(+me@example.org)") for asked in server.asked)

        server.pages = WebArchive(*archive.kept)
        server.pages["/robots.txt"] = text("User-agent: *\nDisallow: /web/\n")
        (tmp_path / "b").mkdir()
        done = world.run(tmp_path / "b", *words, "--contact", "me@example.org")
        found = json.loads(done.out)
        assert done.code == 1
        assert all(part in found["reason"] for part in ("site.example", "robots.txt"))
        assert not server.pages.fetched


def test_service_in_the_local_network_is_refused(tmp_path: Path) -> None:
    with serving(WebArchive(boats(2009))) as server:
        world = World(
            names={"archive.example": [["10.1.2.3"]]},
            routes={"10.1.2.3:80": int(server.url.rstrip("/").rpartition(":")[2])},
        )
        done = world.run(
            tmp_path,
            "import",
            "--wayback",
            f"{BLOG}/",
            "--service",
            f"http://archive.example{LIST}",
            "--contact",
            "me@example.org",
        )
        assert done.code == 1
        assert "10.1.2.3" in done.err
        assert not server.requests


def test_killed_import_fetches_nothing_twice(tmp_path: Path) -> None:
    posts = [Kept(at(2009, n), f"{BLOG}/{n}/", page(title=f"Post {n}", extra="x" * 3000)) for n in range(120)]
    posts += [Kept(at(2012, n), f"{BLOG}/{n}/", page(title=f"Post {n}", text="It was added later.")) for n in range(60)]
    archive = WebArchive(*posts)
    kills = 0
    with serving(archive) as server:
        words = [
            "import",
            "--wayback",
            f"{BLOG}/",
            "--service",
            server.url.rstrip("/") + LIST,
            "--quiet",
            "--archive",
            str(tmp_path / "a.db"),
        ]
        for share in (30, 80, 130):
            process = Running("archiver", *words, environment=without_proxies())
            while process.lives and len(archive.fetched) < share:
                time.sleep(0.002)
            process.send(signal.SIGKILL)
            kills += process.end().returncode == -signal.SIGKILL
        done = archiver(*words[:-2], archive=tmp_path / "a.db")
        assert done.returncode == 0, done.stderr
    assert kills == 3
    assert len(archive.fetched) < 180 + 3 * 40
    assert_sound(tmp_path / "a.db")
    assert rows(tmp_path / "a.db", "select count(*), sum(revision) from articles") == [(120, 180)]
    assert rows(tmp_path / "a.db", "select count(*), count(distinct url || captured_at) from captures") == [(180, 180)]


def test_interrupted_import_continues(tmp_path: Path) -> None:
    archive = WebArchive(*(Kept(at(2009), f"{BLOG}/{n}/", page(title=f"Post {n}")) for n in range(60)))
    archive.before = lambda path: time.sleep(0.05) if path.startswith("/web") else None  # type: ignore[func-returns-value]
    with serving(archive) as server:
        words = ["import", "--wayback", f"{BLOG}/", "--service", server.url.rstrip("/") + LIST]
        process = Running("archiver", *words, "--archive", str(tmp_path / "a.db"), environment=without_proxies())
        while process.lives and len(archive.fetched) < 30:
            time.sleep(0.01)
        process.send(signal.SIGTERM)
        done = process.end()
        assert done.returncode == 128 + signal.SIGTERM, done.stderr
        [(kept,)] = rows(tmp_path / "a.db", "select count(*) from captures")
        assert kept >= 15
        archive.before = lambda path: None
        assert archiver(*words, archive=tmp_path / "a.db").returncode == 0
    assert_sound(tmp_path / "a.db")
    assert rows(tmp_path / "a.db", "select count(*) from articles") == [(60,)]


def test_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    archive = WebArchive(boats(2009), boats(2015), boats(2016))
    with importing(archive, tmp_path) as (run, server):
        found = run("--dry-run", "--from", "2010", "--to", "2016-01", "--delay", "60")
        assert (found["to_fetch"], found["needs_seconds"], found["from"], found["to"]) == (
            1,
            60.0,
            "2010-01-01",
            "2016-01-31",
        )
        assert not archive.fetched
        assert not (tmp_path / "a.db").exists()
        assert not list(tmp_path.iterdir())
        done = archiver(
            "import",
            "--wayback",
            BOATS,
            "--exact",
            "--dry-run",
            "--service",
            server.url.rstrip("/") + LIST,
            archive=tmp_path / "a.db",
        )
        assert re.findall(r"\b3\b", done.stdout)[:2] == ["3", "3"], "listed, and to be fetched"


def test_site_name_selects_its_settings(tmp_path: Path) -> None:
    archive = WebArchive(
        Kept(at(2009), f"{BLOG}/blog/one/", page(title="One")),
        Kept(at(2009), f"{BLOG}/two/", page()),
    )
    with serving(archive) as server:
        assert archiver("sites", "add", f"{BLOG}/blog/", archive=tmp_path / "a.db").returncode == 0
        service = server.url.rstrip("/") + LIST
        done = archiver("sites", "set", "blog.example/blog", f"cdx={service}", archive=tmp_path / "a.db")
        assert done.returncode == 0, done.stderr
        done = archiver("import", "--wayback", "blog.example/blog", archive=tmp_path / "a.db")
        assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "a.db", "select site, title from articles") == [("blog.example/blog", "One")]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("a.warc", "--wayback", BLOG), "UsageError --wayback"),
        (("--wayback", BLOG, "--workers", "2"), "UsageError --wayback --workers"),
        (("a.warc", "--exact"), "UsageError --exact --wayback"),
        ((), "UsageError --wayback"),
        (("--wayback", BLOG, "--service", "http://127.0.0.1:9/some/where"), "BadParameter --service"),
        (("--wayback", BLOG, "--service", "nonsense"), "BadParameter --service"),
        (("--wayback", BLOG, "--service", "http://127.0.0.1:9/timemap/link/"), "BadParameter --service"),
        (("--wayback", "nonsense"), "BadAddress nonsense"),
    ],
)
def test_bad_input_is_a_usage_error(tmp_path: Path, words: tuple[str, ...], error: str) -> None:
    done = in_process("import", *words, "--archive", str(tmp_path / "a.db"))
    assert (done.exit_code, fault(done)) == (2, error)


def test_captures_of_a_removed_post_are_not_fetched(tmp_path: Path) -> None:
    archive = WebArchive(boats(2009), boats(2015), Kept(at(2010), f"{BLOG}/other/", page(title="Other")), most=9)
    with importing(archive, tmp_path) as (run, _):
        assert run()["new"] == 2
        done = archiver("remove", BOATS, "--reason", "asked for", "--yes", archive=tmp_path / "a.db")
        assert done.returncode == 0, done.stderr
        before = len(archive.fetched)
        again = run("--again")
        assert again["removed"] == 2
        assert not [url for url in archive.fetched[before:] if "boats" in url]
    assert rows(tmp_path / "a.db", "select title from articles") == [("Other",)]
