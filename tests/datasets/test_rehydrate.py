"""The rehydrate program of a dataset, run against a real server."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.datasets.rehydrate import Robots, decode_page, find_passages, tokens, visible_text
from archiver.datasets.withheld_text import sketch
from archiver.datasets.word_counts import words_of_text
from tests.datasets.published import CC_BY, Post, make, publish, rows, text
from tests.spiders.site_server import Answer, SiteServer, serving


def page(body: str, more: str = "") -> bytes:
    paragraphs = "".join(f"<p>{one}</p>" for one in body.split("\n\n"))
    return (
        f"<html><head><title>T</title><script>var a = 'x';</script></head><body><nav>Home About</nav>{more}"
        f"<article>{paragraphs}</article><footer>Contact</footer></body></html>"
    ).encode()


def digest(payload: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(payload).digest()).decode()


@pytest.fixture(scope="module")
def server() -> Iterator[SiteServer]:
    pages: dict[str, Any] = {
        "/robots.txt": Answer(b"User-agent: *\nDisallow: /6\n"),
        "/1": Answer(page(text(1))),
        "/2": Answer(page(text(2), "<aside>Advertisement</aside>")),
        "/3": Answer(page(text(3).replace(text(3)[-60:], "Another end."))),
        "/5": Answer(b"", 403),
        "/7": Answer(b"", 500),
        "/8": Answer(page(text(80))),
        "/9": Answer(
            gzip.compress(page(text(9)), mtime=0), headers={"Content-Type": "text/html", "Content-Encoding": "gzip"}
        ),
    }
    tries = iter([Answer(b"", 503, {"Retry-After": "0"}), Answer(page(text(10)))])
    pages["/10"] = lambda: next(tries)
    with serving(pages) as started:
        for n in (4, 8):
            stamp = f"2024050112{n // 60:02}{n:02}"
            pages[f"/web/{stamp}id_/{started.url}{n}"] = Answer(page(text(n)))
        yield started


@pytest.fixture(scope="module")
def folder(server: SiteServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of ten posts without their texts."""
    place = tmp_path_factory.mktemp("rehydrated")
    own = {1: digest(page(text(1))), 9: digest(gzip.compress(page(text(9)), mtime=0))}
    posts = [Post(n, site=server.url, digest=own.get(n, "")) for n in range(1, 11)]
    archive = make(place / "archive.db", posts)
    assert publish(archive, str(place / "d"), "--version", "1.0.0").exit_code == 0
    return place / "d"


def run(folder: Path, out: Path, *words_: str) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            folder / "rehydrate.py",
            "--contact",
            "ada@example.org",
            "--delay",
            "0.05",
            "--out",
            out,
            *words_,
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {row["url"].rsplit("/", 1)[1]: row for row in map(json.loads, out.read_bytes().splitlines())}


def test_statuses_of_texts(server: SiteServer, folder: Path, tmp_path: Path) -> None:
    found = run(folder, tmp_path / "out.jsonl")
    assert {name: (row["status"], row["by"]) for name, row in found.items()} == {
        "1": ("exact", "payload"),
        "2": ("exact", "text"),
        "3": ("changed", ""),
        "4": ("gone", "HTTP 404"),
        "5": ("refused", "HTTP 403"),
        "6": ("refused", "robots.txt"),
        "7": ("failed", "HTTP 500"),
        "8": ("changed", ""),
        "9": ("exact", "payload"),
        "10": ("exact", "text"),
    }
    assert found["2"]["text"] == text(2)
    assert found["1"]["text"] == text(1)
    assert found["9"]["text"] == text(9)
    assert found["3"]["passages"] not in ("0/12", "12/12")
    assert found["8"]["passages"] == "0/12"
    assert "/6" not in server.requests
    assert server.requests.count("/10") == 2
    assert all("ada@example.org" in asked["user-agent"] for asked in server.asked)
    gaps = [b - a for a, b in zip(server.times, server.times[1:], strict=False)]
    assert min(gap for gap in gaps) > 0.03, "there is a pause between any two requests"
    before = len(server.requests)
    assert run(folder, tmp_path / "out.jsonl") == found
    assert len(server.requests) == before


def test_missing_texts_come_from_a_web_archive(server: SiteServer, folder: Path, tmp_path: Path) -> None:
    ids = {row["url"].rsplit("/", 1)[1]: row["id"] for row in rows(folder, "articles")}
    where = f"{server.url}web/{{timestamp}}id_/{{url}}"
    found = run(
        folder,
        tmp_path / "out.jsonl",
        "--from",
        "both",
        "--archive",
        where,
        *(ids[n] for n in ("4", "8", "1", "3", "7")),
    )
    assert {name: (row["status"], row["source"]) for name, row in found.items()} == {
        "1": ("exact", "live"),
        "4": ("exact", "archive"),
        "8": ("exact", "archive"),
        "3": ("changed", "live"),
        "7": ("failed", "live"),
    }
    assert found["3"]["text"], "what the site has stays where the archive has nothing"
    assert found["4"]["text"] == text(4)


def test_stopped_run_is_continued(tmp_path: Path) -> None:
    """The last line is incomplete, and a text has characters that some programs treat as line ends (U+2028, NEL)."""
    pages = {
        "/1": Answer(page(text(1), "<p>One\u2028line\x85only</p>")),
        "/2": Answer(page(text(2))),
        "/caf%C3%A9/3": Answer(page(text(3))),
        "/4": Answer(page("Too short to be told.")),
    }
    with serving(pages) as started:
        site = started.url
        archive = make(
            tmp_path / "archive.db",
            [
                Post(1, site=site, body="One two three four five six seven eight. One\u2028line\x85only"),
                Post(2, site=site),
                Post(3, site=f"{site}café/"),
                Post(4, site=site, body="Too short to be told."),
            ],
        )
        assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
        out = tmp_path / "out.jsonl"
        found = run(tmp_path / "d", out)
        assert {name: row["status"] for name, row in found.items()} == {
            "1": "changed",
            "2": "exact",
            "3": "exact",
            "4": "failed",
        }
        assert [found[name]["by"] for name in "123"] == ["", "text", "text"]
        assert "One\u2028line" in found["1"]["text"]
        whole = out.read_bytes()
        out.write_bytes(whole[:-30] + b'"}')
        before = len(started.requests)
        again = run(tmp_path / "d", out)
        assert len(started.requests) == before + 2, "robots.txt, and the text that was not received completely"
        assert {row["url"]: row["status"] for row in again.values()} == {
            row["url"]: row["status"] for row in found.values()
        }


@pytest.mark.parametrize(
    ("robots_txt", "path", "allowed"),
    [
        ("User-agent: *\nDisallow: /*", "/a", False),
        ("User-agent: *\nDisallow: /*.html$", "/a/b.html", False),
        ("User-agent: *\nDisallow: /*.html$", "/a/b.html?x", True),
        ("User-agent: *\nDisallow: /*?s=", "/a?s=1", False),
        ("User-agent: *\nDisallow: /\nAllow: /blog/", "/blog/1", True),
        ("User-agent: *\nDisallow: /\n\nUser-agent: x\nUser-agent: Rehydrate/1.0\nDisallow:", "/1", True),
        ("User-agent: rehydrate\nDisallow: /\nUser-agent: *\nAllow: /", "/1", False),
        ("\ufeffuser-agent: *  # all\r\ndisallow: /caf%c3%a9", "/café/1", False),
        ("User-agent: *\nDisallow: //[\nDisallow: /[a]?", "/[a]?x", False),
        ("", "/", True),
        ("Disallow: /", "/", True),
        ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
        ("<html>not found</html>", "/1", True),
        ("User-agent: *\n" + "Disallow: /" + "*a" * 60 + "$\n", "/" + "a" * 4_000, False),
    ],
)
def test_robots_rules_follow_rfc_9309(robots_txt: str, path: str, allowed: bool) -> None:
    assert Robots(robots_txt).allows(path) is allowed


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7.0), ("0.5", 0.5), ("inf", 0.0), ("9" * 400, 86_400.0), ("-1", 0.0)]
)
def test_the_crawl_delay_is_read(said: str, seconds: float) -> None:
    assert Robots(f"User-agent: *\nCrawl-delay: {said}\n").delay == seconds


@pytest.mark.parametrize("charset", ["undefined", "idna", "hex", "utf-8"])
def test_page_with_invalid_charset_is_decoded(charset: str) -> None:
    assert decode_page(b"as it is", {"content-type": f"text/html; charset={charset}"}) == "as it is"


def test_unknown_ids_are_reported_and_the_dataset_is_unchanged(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-I", folder / "rehydrate.py", "--contact", "x", "nothing"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.strip().endswith(": nothing")
    assert sorted(folder.rglob("*")) == before
    assert folder.with_name("d-rehydrated.jsonl").exists()


def test_unreachable_host_is_failed_not_refused(tmp_path: Path) -> None:
    with serving({}) as started:
        dead = started.url
    archive = make(tmp_path / "archive.db", [Post(1, site=dead), Post(2, site=dead)])
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    found = run(tmp_path / "d", tmp_path / "out.jsonl")
    assert {row["status"] for row in found.values()} == {"failed"}
    assert "refused" in found["1"]["by"].lower()


def test_dataset_of_full_texts_has_no_rehydrate_program(server: SiteServer, tmp_path: Path) -> None:
    archive = make(tmp_path / "a" / "archive.db", [Post(1, rights=(CC_BY,))])
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    assert not (tmp_path / "d" / "rehydrate.py").exists()
    assert not (tmp_path / "d" / "data/references.csv.gz").exists()


@given(st.text(max_size=200))
def test_it_splits_words_like_the_dataset(said: str) -> None:
    assert tokens(said) == words_of_text(said)


@given(st.lists(st.sampled_from(["harbour", "Ｗide", "深度学习", "naïve", "C++", "42"]), min_size=8, max_size=60))
def test_sketch_recognizes_a_text_within_a_page(said: list[str]) -> None:
    body = " ".join(said)
    by, passages, cut = find_passages(
        visible_text(f"<p>Menu one two</p><div>{body}</div><p>End of it</p>"),
        sketch(words_of_text(body)),
        len(words_of_text(body)),
    )
    known = len(set(passages.split("/"))) == 1
    assert known
    assert by in ("text", "passages")
    assert unicodedata.normalize("NFC", body) == body
    assert by == "passages" or cut.split() == body.split()
