"""Lists of sites: entries, problems with their lines, and the sites that an import creates."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st

from archiver.cli.main import cli
from archiver.model.errors import UnreadableInput
from archiver.sites.site_list_reader import ListProblem, SiteEntry, read_site_list
from tests.runner import Runner, fault
from tests.spiders.crawling import rows

OPML = b"""<?xml version="1.0"?>
<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<opml version="2.0"><head><title>Mine</title></head><body>
<outline text="News">
  <outline text="A" type="rss" xmlUrl="https://a.example/feed.xml" htmlUrl="https://a.example/"/>
  <outline title="Far, away"><outline text="B" xmlUrl="https://b.example/blog/rss" category="/Tech/Web,Old"/></outline>
</outline>
<outline text="broken" xmlUrl="not an address"/>
<outline text="Mine & &x; yours" htmlUrl="ftp://c.example/"/>
</body></opml>"""


def read(data: bytes) -> tuple[list[SiteEntry], list[ListProblem]]:
    found = list(read_site_list(data, "list"))
    return [one for one in found if isinstance(one, SiteEntry)], [one for one in found if isinstance(one, ListProblem)]


def test_opml_lists_are_read() -> None:
    entries, problems = read(OPML)
    assert [(e.line, e.url, e.feed, e.tags) for e in entries] == [
        (5, "https://a.example/", "https://a.example/feed.xml", ("news",)),
        (6, "https://b.example/", "https://b.example/blog/rss", ("far away", "news", "tech", "web", "old")),
    ]
    assert [p.line for p in problems] == [9, 8, 9]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv_lists_are_read(mark: str) -> None:
    text = 'Name,URL,tags,delay,colour\n"One,\nline",a.example,"news, local",2,red\n,,x,,\nB,b.example,,soon,\n'
    entries, problems = read(
        b"\xef\xbb\xbf" + text.replace(",", mark).replace(f"One{mark}", "One,").replace(f"news{mark}", "news,").encode()
    )
    assert [(e.line, e.url, e.tags, e.settings) for e in entries] == [
        (3, "https://a.example/", ("news", "local"), {"delay": 2.0}),
        (5, "https://b.example/", (), {}),
    ]
    assert [p.line for p in problems] == [1, 4, 5]
    assert "'colour'" in problems[0].why
    assert "'delay=soon'" in problems[2].why


def test_csv_lists_may_have_one_column_or_no_header() -> None:
    assert [e.url for e in read(b"url\nhttps://a.example/\n")[0]] == ["https://a.example/"]
    entries, problems = read(b'"https://a.example/",news;old\nhttps://b.example/, https://c.example/\n')
    assert [(e.url, e.tags) for e in entries] == [("https://a.example/", ("news", "old")), ("https://b.example/", ())]
    assert [(p.line, "'https://c.example/'" in p.why) for p in problems] == [(2, True)]


def test_text_lists_are_read() -> None:
    entries, problems = read("# mine\nhttps://a.example/blog/  news  # good\n\nhttp://\nbücher.example\n".encode())
    assert [(e.line, e.url, e.tags) for e in entries] == [
        (2, "https://a.example/blog/", ("news",)),
        (5, "https://xn--bcher-kva.example/", ()),
    ]
    assert [p.line for p in problems] == [4]


@pytest.mark.parametrize(
    "data",
    [
        b"""<opml><body><outline xmlUrl="http://[::1"/><outline xmlUrl="https://a.example/feed"/></body></opml>""",
        b"url,feed\n,http://[::1\n,https://a.example/feed\n",
    ],
)
def test_an_invalid_feed_url_skips_only_its_line(data: bytes) -> None:
    entries, problems = read(data)
    assert [(e.url, e.feed) for e in entries] == [("https://a.example/", "https://a.example/feed")]
    assert ["'http://[::1'" in p.why for p in problems] == [True]


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (b"<html><body>", " html"),
        (b"<rss></rss>", " rss"),
        (b"<", "OPML"),
        (b"a\xff.example", "line 1"),
        (b"a\0b", ""),
    ],
)
def test_a_file_that_is_not_a_list_is_refused(data: bytes, names: str) -> None:
    with pytest.raises(UnreadableInput) as error:
        read(data)
    assert names in str(error.value)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(str.encode),
        st.text(max_size=99).map(lambda text: f'url,tags\n"{text}'.encode()),
    )
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        entries, _ = read(data)
    except UnreadableInput:
        return
    assert all(entry.url.startswith("http") and entry.line > 0 for entry in entries)


def call(archive: Path, *words: str, stdin: str | None = None) -> Result:
    return Runner().invoke(cli, [*words, "--archive", str(archive)], input=stdin)


def sites_by_name(archive: Path, *words: str) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(call(archive, "sites", "list", "--json", *words).stdout)}


def test_importing_thousands_of_sites_twice_changes_nothing(tmp_path: Path) -> None:
    archive, many = tmp_path / "archive.db", tmp_path / "many.txt"
    many.write_text("".join(f"blog-{n}.example\n" for n in range(5_000)) + "ftp://no.example\n")
    done = call(archive, "sites", "import", str(many), "--tag", "Many")
    assert done.exit_code == 1
    assert re.findall(r"[\d,]+", done.stdout) == ["5,000", "1"]
    assert all(part in done.stderr for part in ("many.txt", " 5001", "'ftp://no.example'"))
    assert rows(archive, "select count(*), count(distinct tag) from site_tags") == [(5000, 1)]
    again = json.loads(call(archive, "sites", "import", str(many), "--json", "--set", "delay=3").stdout)
    assert (again["added"], again["known"], again["changed"]) == (0, 5000, 5000)
    third = json.loads(call(archive, "sites", "import", str(many), "--json", "--set", "delay=3").stdout)
    assert (third["added"], third["known"], third["changed"]) == (0, 5000, 0)


def test_exported_lists_can_be_imported(tmp_path: Path) -> None:
    archive, file = tmp_path / "archive.db", tmp_path / "feeds.opml"
    file.write_bytes(OPML)
    assert call(archive, "sites", "import", str(file), "--dry-run").exit_code == 1
    assert not archive.exists()
    call(archive, "sites", "import", str(file), "--set", "cadence=2d")
    call(archive, "sites", "set", "b.example", "crawl=no")
    assert rows(archive, "select url, kind, outcome from pages") == [
        ("https://a.example/feed.xml", "feed", "due"),
        ("https://b.example/blog/rss", "feed", "due"),
    ]
    first = {name: (row["tags"], row["settings"]) for name, row in sites_by_name(archive).items()}
    for form in ("csv", "opml"):
        exported = call(archive, "sites", "export", "-f", form).stdout
        copy = tmp_path / f"{form}.db"
        assert call(copy, "sites", "import", "-", stdin=exported).exit_code == 0
        assert {name: (row["tags"], row["settings"]) for name, row in sites_by_name(copy).items()} == first
    assert call(archive, "sites", "export", "-f", "text", "--tag", "tech").stdout == "https://b.example/\n"


def test_a_tag_selects_the_settings_of_a_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "archive.db"
    monkeypatch.setenv("ARCHIVER_CONFIG", str(tmp_path / "archiver.toml"))
    (tmp_path / "archiver.toml").write_text(
        "[defaults]\ncadence = '3d'\ndelay = 1\n[groups.News]\ncadence = '1h'\n"
        "[groups.slow]\ndelay = 9\ncadence = '9d'\n"
    )
    for name in ("a.example", "b.example", "c.example"):
        call(archive, "sites", "add", name)
    assert call(archive, "sites", "tag", "News", "a.example", "b.example").exit_code == 0
    assert set(sites_by_name(archive, "--tag", "news")) == {"a.example", "b.example"}
    call(archive, "sites", "tag", "slow", "b.example")
    call(archive, "sites", "set", "a.example", "delay=4")
    due = {row["site"]: row["cadence"] for row in json.loads(call(archive, "schedule", "--list", "--json").stdout)}
    assert due == {"a.example": "1h", "b.example": "1h", "c.example": "3d"}
    holds = {
        name: json.loads(call(archive, "sites", "show", name, "--json").stdout)["settings_in_force"] for name in due
    }
    assert [holds[name]["delay"] for name in sorted(holds)] == [4, 9, 1]
    assert "1h (archiver.toml, group news)" in call(archive, "sites", "show", "b.example").stdout
    assert set(sites_by_name(archive, "--tag", "Slow ")) == {"b.example"}
    assert call(archive, "sites", "tag", "news", "b.example", "c.example", "--remove").exit_code == 0
    assert set(sites_by_name(archive, "--tag", "news")) == {"a.example"}
    assert call(archive, "sites", "tag", "a,b", "a.example").exit_code == 2
    assert call(archive, "sites", "tag", "x", "nowhere.example").exit_code == 1
    assert call(archive, "crawl", "--tag", "none").exit_code == 2
    assert "a.example" in call(archive, "crawl", "--tag", "News").stderr  # this host does not exist
    call(archive, "sites", "remove", "b.example")
    assert rows(archive, "select count(*) from site_tags") == [(1,)]


def test_storage_errors_become_messages_in_any_command(tmp_path: Path) -> None:
    archive = tmp_path / "archive.db"
    call(archive, "sites", "add", "a.example")
    (tmp_path / ".archive.db.scheduler").mkdir()
    done = call(archive, "schedule", "--once")
    assert done.exit_code == 1
    assert all(part in done.stderr for part in (".archive.db.scheduler", os.strerror(errno.EISDIR)))
    ((size, root),) = rows(
        archive, "select page_size, rootpage from pragma_page_size, sqlite_master where name = 'site_tags'"
    )
    with archive.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    done = call(archive, "sites", "tag", "news", "a.example")
    assert (done.exit_code, fault(done)) == (1, f"ArchiveDamaged {archive}")
