"""`archiver import` of files: what is imported, which problems are reported, and the archive afterwards."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from archiver.cli.main import cli
from archiver.warc.warc_records import is_payload_intact, read_record
from tests import processes
from tests.importers.files import Rec, http, listing, page, post, sha1, wacz, warc
from tests.importers.importing import rows, run, state
from tests.spiders.crawling import crawl
from tests.spiders.site_server import home, serving
from tests.spiders.site_server import page as live_page

OLD = "2009-05-02T10:00:00Z"
REVISIT = {"WARC-Profile": "http://netpreserve.org/warc/1.0/revisit/identical-payload-digest"}
NOT_MODIFIED = {"WARC-Profile": "http://netpreserve.org/warc/1.1/revisit/server-not-modified"}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "archive" / "a.db"


def call(archive: Path, *words: Any, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["import", *map(str, words), "--archive", str(archive)], input=stdin)


def summary(archive: Path, *words: Any) -> dict[str, Any]:
    result = call(archive, *words, "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (1 if found["problems"] else 0)
    return found


def versions(archive: Path) -> list[tuple[Any, ...]]:
    return rows(archive, "select revision, substr(observed_at, 1, 4), title, changed from revisions order by 1")


def test_counts_of_a_mixed_file(archive: Path, tmp_path: Path) -> None:
    file = warc(
        tmp_path / "old.warc.gz",
        Rec(b"software: x\r\n", kind="warcinfo"),
        post(),
        Rec(http(listing()), "http://blog.example/archive"),
        Rec(http(b"\x89PNG", kind="image/png"), "http://blog.example/a"),
        Rec(http(b"", "404 Not Found"), "http://blog.example/gone"),
        Rec(http(b"", "503 Busy"), "http://blog.example/b"),
        Rec(b"name=value\r\n", kind="metadata"),
        post(at=None),
    )  # type: ignore[arg-type]
    result = call(archive, file)
    assert result.exit_code == 1
    [line] = [line for line in result.stdout.splitlines() if line.startswith("old.warc.gz: ")]
    assert re.findall(r"\d+", line.removeprefix("old.warc.gz: "))[:9] == ["8", "1", "1", "1", "1", "1", "1", "2", "1"]
    assert "WARC-Date" in result.stdout
    again = summary(archive, file)
    assert (again["new"], again["records"]) == (0, 0)
    why = json.loads(
        CliRunner().invoke(cli, ["why", "http://blog.example/2009/boats/", "--json", "--archive", str(archive)]).stdout
    )
    assert [(source["source"], source["found_on"]) for source in why["sources"]] == [("import", "old.warc.gz")]


def test_two_captures_make_one_article_with_two_revisions_in_either_order(archive: Path, tmp_path: Path) -> None:
    new = warc(tmp_path / "new.warc.gz", post(at="2019-01-01T00:00:00Z", text="It was found again in 2019."))
    old = warc(tmp_path / "old.warc.gz", post(at=OLD))
    run(archive, new)
    run(archive, old)
    assert versions(archive) == [(1, "2009", "Boats at dawn", "[]"), (2, "2019", "Boats at dawn", '["body"]')]
    [(revision, first, last, body)] = rows(archive, "select revision, first_seen, last_seen, body from articles")
    assert (revision, first[:4], last[:4]) == (2, "2009", "2019")
    assert body.endswith("It was found again in 2019.")
    captures = rows(
        archive, "select r.revision, c.captured_at from revisions r join captures c on c.id = r.capture_id order by 1"
    )
    assert [c[1][:4] for c in captures] == ["2009", "2019"]


def test_older_captures_precede_those_of_the_crawl(archive: Path, tmp_path: Path) -> None:
    with serving({"/": home("/boats/"), "/boats/": live_page("Boats at dawn", date="2009-05-01")}) as site:
        assert crawl(site.url, archive=archive).returncode == 0
        body = live_page("Boats at noon", date="2009-05-01").body
        file = warc(tmp_path / "old.warc", post(f"{site.url}boats/", OLD, body), packed=False)
        assert summary(archive, file)["revised"] == 1
        assert [v[2:] for v in versions(archive)] == [("Boats at noon", "[]"), ("Boats at dawn", '["title", "body"]')]
        assert rows(archive, "select title, revision from articles") == [("Boats at dawn", 2)]
        assert crawl(site.url, "--full", archive=archive).returncode == 0
    assert len(versions(archive)) == 2
    assert rows(archive, "select name from sites") == [(site.url.split("/")[2],)]


def test_captures_of_a_crawl_are_not_duplicated(archive: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "o.db"
    with serving({"/": home("/a/", "/b/"), "/a/": live_page("One"), "/b/": live_page("Two")}) as site:
        assert crawl(site.url, archive=archive).returncode == 0
        before = state(archive)
        found = summary(archive, archive.parent / "warc")
        assert (found["new"], found["revised"], found["captures"]) == (0, 0, 0)
        assert found["known"] == 2
        assert state(archive) == before
        assert summary(other, archive.parent / "warc")["new"] == 2
        assert crawl(site.url, archive=other).returncode == 0
    assert rows(other, "select count(*), max(revision) from articles") == [(2, 1)]


def test_imported_captures_are_readable_and_intact(archive: Path, tmp_path: Path) -> None:
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(page(title="Chunked")), page(title="Chunked"))
    packed = gzip.compress(page(title="Packed"))
    run(
        archive,
        warc(
            tmp_path / "a.warc.gz",
            post(),
            Rec(http(chunked, headers=[("Transfer-Encoding", "chunked")], length=None), "http://blog.example/c/"),
            Rec(http(packed, headers=[("Content-Encoding", "gzip")]), "http://blog.example/p/"),
            Rec(http(packed), "http://blog.example/q/"),
            Rec(http(listing()), "http://blog.example/list/"),
            post(at="2010-01-01T00:00:00Z"),
        ),
    )
    found = rows(archive, "select warc_file, warc_offset, warc_length, record_type, url from captures")
    assert [f[3] for f in found] == ["response", "response", "response", "revisit", "revisit"]
    for file, offset, length, kind, url in found:
        stored = read_record(archive.parent / file, offset, length)
        assert is_payload_intact(stored)
        assert stored.url == url
        assert kind == "revisit" or b"Boats" in stored.body or b"Chunked" in stored.body or b"Packed" in stored.body
    assert rows(archive, "select title from articles order by title") == [
        ("Boats at dawn",),
        ("Chunked",),
        ("Packed",),
    ] or (rows(archive, "select count(*) from articles") == [(4,)])


def test_requests_and_origin_are_copied_without_secrets(archive: Path, tmp_path: Path) -> None:
    asked = Rec(b"GET /2009/boats/ HTTP/1.1\r\nHost: blog.example\r\nCookie: secret=1\r\n\r\n", at=OLD, kind="request")
    run(archive, warc(tmp_path / "a.warc.gz", post(at=OLD), asked))
    data = b"".join(gzip.decompress(f.read_bytes()) for f in (archive.parent / "warc").glob("*.warc.gz"))
    assert b"Host: blog.example" in data
    assert b"secret" not in data
    assert b"source: a.warc.gz\r\nsource-place: 0\r\n" in data
    assert data.count(b"WARC-Date: 2009-05-02T10:00:00.000000Z") == 3


def test_only_posts_are_copied_by_default(archive: Path, tmp_path: Path) -> None:
    file = warc(
        tmp_path / "a.warc.gz",
        post(),
        Rec(http(listing()), "http://blog.example/archive"),
        Rec(http(b"\x89PNG", kind="image/png"), "http://blog.example/a.png"),
        Rec(http(b"x", "404 No"), "http://blog.example/n"),
    )
    assert summary(archive, file)["captures"] == 1
    assert summary(archive, file, "--all-captures")["captures"] == 3
    assert summary(archive, file, "--all-captures", "--again")["captures"] == 0


def test_packages_and_resource_records_are_imported(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "old.arc.gz").write_bytes(b"filedesc://old.arc 0.0.0.0 20050101000000 text/plain 9")
    wacz(
        tmp_path / "in" / "c.wacz",
        {
            "archive/d.warc.gz": post("http://wacz.example/a/").packed(),
            "archive/e.warc": post("http://wacz.example/b/", title="Another").data(),
        },
        deflated=True,
    )
    warc(
        tmp_path / "in" / "f.warc.gz",
        Rec(page(title="A resource"), "http://res.example/a/", kind="resource", fields={"Content-Type": "text/html"}),
    )
    (tmp_path / "in" / "notes.txt").write_text("no file of records")
    found = summary(archive, tmp_path / "in")
    assert (found["new"], found["problems"], len(found["files"])) == (3, {"not-an-archive": 1}, 4)
    assert sorted(rows(archive, "select name, settings from sites")) == [
        (n, '{"crawl": false}') for n in ("res.example", "wacz.example")
    ]


@pytest.mark.parametrize(
    "members, digests, kinds, new",
    [
        ({"archive/../../evil.warc.gz": b"x", "archive/a.warc.gz": post().packed()}, {}, {"path": 1}, 1),
        (
            {"/archive/a.warc": b"x", "archive\\..\\..\\b.warc": b"x", "archive/a.warc.gz": post().packed()},
            {},
            {"path": 2},
            1,
        ),
        ({"pages/pages.jsonl": b"{}"}, {}, {"not-an-archive": 1}, 0),
        ({"archive/a.warc.gz": post().packed()}, {"archive/a.warc.gz": "sha256:" + "0" * 64}, {"file-digest": 1}, 1),
        ({"archive/a.warc": post().data() + bytes(3 << 20)}, {}, {"bomb": 1}, 0),
        ({"archive/a.warc.gz": post().packed()[:200]}, {}, {"truncated": 1}, 0),
    ],
)
def test_invalid_packages_are_reported(
    archive: Path,
    tmp_path: Path,
    members: dict[str, bytes],
    digests: dict[str, str],
    kinds: dict[str, int],
    new: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("archiver.importers.foreign_reader._BOMB_BYTES", 1 << 20)
    file = wacz(tmp_path / "a.wacz", members, deflated=True, digests=digests)
    found = summary(archive, file)
    assert (found["problems"], found["new"]) == (kinds, new)
    assert not list(tmp_path.rglob("evil*"))


def test_damaged_package_is_reported(archive: Path, tmp_path: Path) -> None:
    file = wacz(tmp_path / "a.wacz", {"archive/a.warc.gz": post().packed()})
    file.write_bytes(file.read_bytes()[:-30])
    assert summary(archive, file, tmp_path / "none.warc")["problems"] == {"not-an-archive": 1, "unreadable": 1}


def test_revisits_of_both_profiles_update_last_seen(archive: Path, tmp_path: Path) -> None:
    digest = sha1(page())
    run(
        archive,
        warc(
            tmp_path / "a.warc.gz",
            post(at=OLD),
            post(at="2011-01-01T00:00:00Z", title="Another title"),
            Rec(b"", at="2010-01-01T00:00:00Z", kind="revisit", fields={**REVISIT, "WARC-Payload-Digest": digest}),
            Rec(
                http(b"", "304 Not Modified", kind="", length=None),
                at="2012-01-01T00:00:00Z",
                kind="revisit",
                fields={
                    **NOT_MODIFIED,
                    "WARC-Refers-To-Target-URI": "http://blog.example/2009/boats/",
                    "WARC-Refers-To-Date": "2011-01-01T00:00:00Z",
                },
            ),
        ),
    )
    assert [v[:3] for v in versions(archive)] == [(1, "2009", "Boats at dawn"), (2, "2011", "Another title")]
    assert rows(archive, "select substr(last_seen, 1, 4) from articles") == [("2012",)]
    assert [
        r[0] for r in rows(archive, "select status from captures where record_type = 'revisit' order by captured_at")
    ] == [200, 304]


def test_revisit_is_resolved_when_its_original_is_imported(archive: Path, tmp_path: Path) -> None:
    later = warc(
        tmp_path / "b.warc.gz",
        Rec(b"", at="2012-01-01T00:00:00Z", kind="revisit", fields={**REVISIT, "WARC-Payload-Digest": sha1(page())}),
    )
    assert summary(archive, later)["problems"] == {"revisit": 1}
    assert summary(archive, warc(tmp_path / "a.warc.gz", post(at=OLD)))["problems"] == {}
    assert rows(archive, "select substr(first_seen, 1, 4), substr(last_seen, 1, 4) from articles") == [("2009", "2012")]


def test_gone_and_moved_posts_are_imported(archive: Path, tmp_path: Path) -> None:
    moved = [("Location", "/2011/new-name/")]
    files = [
        warc(tmp_path / f"{n}.warc.gz", record)
        for n, record in enumerate(
            (
                post("http://blog.example/2011/new-name/", "2011-02-01T00:00:00Z"),
                post(at=OLD, text="An ending that was cut later."),
                Rec(http(b"", "301 Moved", headers=moved), at="2011-03-01T00:00:00Z"),
                Rec(http(b"", "410 Gone"), "http://blog.example/2011/new-name/", at="2015-01-01T00:00:00Z"),
                Rec(http(b"", "404 Not Found"), "http://blog.example/2011/new-name/", at="2010-01-01T00:00:00Z"),
            )
        )
    ]
    for file in files:
        run(archive, file)
    assert rows(archive, "select url, substr(gone_at, 1, 4), revision from articles") == [
        ("http://blog.example/2011/new-name/", "2015", 2)
    ]
    assert [v[1] for v in versions(archive)] == ["2009", "2011"]
    assert rows(archive, "select url, kind from article_urls order by kind") == [
        ("http://blog.example/2009/boats/", "moved"),
        ("http://blog.example/2011/new-name/", "url"),
    ]
    other = archive.parent.parent / "b" / "b.db"
    run(other, *reversed(files))
    assert rows(other, "select url, gone_at, revision, body from articles") == rows(
        archive, "select url, gone_at, revision, body from articles"
    )


@pytest.mark.parametrize(
    "options, urls",
    [
        (["--only", "blog.example"], {"blog"}),
        (["--only", "blog.example", "--only", "other.example/news"], {"blog", "other"}),
        (["--only", "other.example/sport"], set()),
        (["--known-sites"], set()),
        (["--since", "2010"], {"other"}),
        (["--until", "2009-05"], {"blog"}),
        (["--since", "2009-05-02", "--until", "2010-01-01"], {"blog", "other"}),
        ([], {"blog", "other"}),
    ],
)
def test_filters_select_records(archive: Path, tmp_path: Path, options: list[str], urls: set[str]) -> None:
    file = warc(tmp_path / "a.warc.gz", post(at=OLD), post("http://www.other.example/news/a", "2010-01-01T00:00:00Z"))
    found = summary(archive, file, *options)
    assert {u[0] for u in rows(archive, "select substr(site, 1, instr(site, '.') - 1) from articles")} == urls
    assert found["skipped"] == 2 - len(urls)
    assert summary(archive, file)["new"] == 2 - len(urls)


def test_import_continues_after_a_limit(archive: Path, tmp_path: Path) -> None:
    file = warc(
        tmp_path / "a.warc.gz",
        *(post(f"http://blog.example/{n}/", title=f"Post {n}", text=f"{n} boats.") for n in range(7)),
    )
    found = summary(archive, file, "--limit", "3")
    assert (found["files"][0]["outcome"], found["new"]) == ("limited", 3)
    assert summary(archive, file, "--limit", "3")["new"] == 6
    found = summary(archive, file)
    assert (found["new"], found["records"], found["files"][0]["outcome"]) == (7, 7, "finished")


@pytest.mark.parametrize("packed", [True, False])
def test_records_are_read_from_standard_input(archive: Path, tmp_path: Path, packed: bool) -> None:
    file = warc(tmp_path / "a.warc", post(), post("http://blog.example/b/", title="Another"), packed=packed)
    done = processes.run("archiver", "import", "-", "--archive", str(archive), "--workers", "1", stdin=file)
    assert done.returncode == 0, done.stderr
    assert " 2 " in done.stdout
    assert rows(archive, "select count(*) from articles") == [(2,)]


def test_unreadable_files_are_reported_and_others_imported(archive: Path, tmp_path: Path) -> None:
    good = warc(tmp_path / "good.warc.gz", post())
    (tmp_path / "text.warc").write_text("This is no file of records, whatever its name says.\n" * 50)
    (tmp_path / "empty.warc.gz").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    found = summary(
        archive, tmp_path / "no.warc", tmp_path / "folder", tmp_path / "text.warc", tmp_path / "empty.warc.gz", good
    )
    assert found["problems"] == {"not-an-archive": 3, "unreadable": 1}
    assert found["new"] == 1
    assert [f["outcome"] for f in found["files"]] == ["unreadable"] * 4 + ["finished"]


def test_pattern_matches_files(archive: Path, tmp_path: Path) -> None:
    for n in range(3):
        warc(tmp_path / f"{n}.warc.gz", post(f"http://blog.example/{n}/", title=f"Post {n}"))
    assert len(summary(archive, str(tmp_path / "[01].warc.gz"))["files"]) == 2


def test_imported_sites_are_crawled_only_on_request(archive: Path, tmp_path: Path) -> None:
    run(archive, warc(tmp_path / "a.warc.gz", post()))
    result = CliRunner().invoke(cli, ["crawl", "--archive", str(archive)])
    assert result.exit_code == 2
    assert "archiver sites set SITE crawl=yes" in result.output


def test_a_text_that_comes_back_makes_three_revisions(archive: Path, tmp_path: Path) -> None:
    """A, B, A make three revisions, and no more when the same captures are imported again."""
    files = [
        warc(tmp_path / f"{n}.warc.gz", post(at=f"{2009 + n}-01-01T00:00:00Z", title=title))
        for n, title in enumerate(("Boats at dawn", "Boats at noon", "Boats at dawn"))
    ]
    for name in (files[0], files[2], files[1], *files):
        run(archive, name, again=True)
    assert [v[1:3] for v in versions(archive)] == [
        ("2009", "Boats at dawn"),
        ("2010", "Boats at noon"),
        ("2011", "Boats at dawn"),
    ]


def test_post_removed_with_its_site_is_imported_again(archive: Path, tmp_path: Path) -> None:
    file = warc(
        tmp_path / "a.warc.gz",
        post(at=OLD),
        post(at="2011-01-01T00:00:00Z", title="Another title"),
        Rec(http(listing()), "http://blog.example/archive"),
    )
    run(archive, file)
    before = state(archive)
    removed = CliRunner().invoke(
        cli, ["sites", "remove", "blog.example", "--with-articles", "--yes", "--archive", str(archive)]
    )
    assert removed.exit_code == 0, removed.output
    found = summary(archive, file, "--again")
    assert (found["new"], found["revised"], found["captures"]) == (1, 1, 0)
    assert state(archive) == before


def test_alternating_post_does_not_grow_without_end(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("historical_revisions", "articles"):
        monkeypatch.setattr(f"archiver.storage.{module}.MOST_REVERTS", 4)
    turns = [
        post(at=f"2010-01-{n:02}T00:00:00Z", title=("Boats at dawn", "Boats at noon")[n % 2]) for n in range(1, 29)
    ]
    run(archive, warc(tmp_path / "a.warc.gz", *turns[::2], *turns[1::2]))
    run(tmp_path / "b" / "b.db", warc(tmp_path / "b.warc.gz", *turns))
    for one in (archive, tmp_path / "b" / "b.db"):
        assert 5 <= rows(one, "select count(*) from revisions")[0][0] <= 8
        assert rows(one, "select count(*) from captures") == [(28,)]
        assert rows(one, "select title from articles") == [("Boats at dawn",)]


def test_concurrent_import_is_refused(archive: Path, tmp_path: Path) -> None:
    from archiver.storage.transactions import lock_site

    run(archive, warc(tmp_path / "a.warc.gz", post()))
    with lock_site(archive, "import"):
        result = call(archive, tmp_path / "a.warc.gz")
    assert result.exit_code == 1
    assert "Another" in result.output


def test_unexpected_error_does_not_stop_other_records(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archiver.importers import import_writer as writing

    whole = writing.enter_historical_article

    def enter(db: Any, site: str, reading: Any, bare: Any) -> Any:
        if "two" in reading.article.url:
            raise ValueError("nobody foresaw this")
        return whole(db, site, reading, bare)

    monkeypatch.setattr(writing, "enter_historical_article", enter)
    found = summary(
        archive,
        warc(tmp_path / "a.warc.gz", *(post(f"http://blog.example/{n}/", title=n) for n in ("one", "two", "three"))),
    )
    assert (found["new"], found["problems"]) == (2, {"reader": 1})
    assert rows(archive, "select count(*) from captures") == [(2,)]
