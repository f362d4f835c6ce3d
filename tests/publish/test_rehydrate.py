"""The program that a dataset takes along: asked of a real server, it says what is exact, changed and gone."""

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

from archiver.publish.shipped.rehydrate import compare, tokens, visible
from archiver.publish.snapshot.spans import sketch, words
from tests.publish.published import CC_BY, Post, make, publish, rows, text
from tests.spiders.site_server import Answer, SiteServer, serving


def page(body: str, more: str = "") -> bytes:
    paragraphs = "".join(f"<p>{one}</p>" for one in body.split("\n\n"))
    return (f"<html><head><title>T</title><script>var a = 'x';</script></head><body><nav>Home About</nav>{more}"
            f"<article>{paragraphs}</article><footer>Contact</footer></body></html>").encode()


def digest(payload: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(payload).digest()).decode()


@pytest.fixture(scope="module")
def server() -> Iterator[SiteServer]:
    pages: dict[str, Any] = {
        "/robots.txt": Answer(b"User-agent: *\nDisallow: /6\n"),
        "/1": Answer(page(text(1))), "/2": Answer(page(text(2), "<aside>Advertisement</aside>")),
        "/3": Answer(page(text(3).replace(text(3)[-60:], "Another end."))), "/5": Answer(b"", 403),
        "/7": Answer(b"", 500), "/8": Answer(page(text(80))),
        "/9": Answer(gzip.compress(page(text(9)), mtime=0), headers={"Content-Type": "text/html",
                                                                      "Content-Encoding": "gzip"}),
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
    """A dataset of ten posts of which it has no text."""
    place = tmp_path_factory.mktemp("rehydrated")
    own = {1: digest(page(text(1))), 9: digest(gzip.compress(page(text(9)), mtime=0))}
    posts = [Post(n, site=server.url, digest=own.get(n, "")) for n in range(1, 11)]
    archive = make(place / "archive.db", posts)
    assert publish(archive, str(place / "d"), "--version", "1.0.0").exit_code == 0
    return place / "d"


def run(folder: Path, out: Path, *words_: str) -> dict[str, dict[str, Any]]:
    done = subprocess.run([sys.executable, "-I", folder / "rehydrate.py", "--contact", "ada@example.org", "--delay",
                           "0.05", "--out", out, *words_], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {row["url"].rsplit("/", 1)[1]: row for row in map(json.loads, out.read_text().splitlines())}


def test_each_text_is_exact_changed_gone_refused_or_failed(server: SiteServer, folder: Path, tmp_path: Path
                                                           ) -> None:
    found = run(folder, tmp_path / "out.jsonl")
    assert {name: (row["status"], row["by"]) for name, row in found.items()} == {
        "1": ("exact", "payload"), "2": ("exact", "text"), "3": ("changed", ""), "4": ("gone", "HTTP 404"),
        "5": ("refused", "HTTP 403"), "6": ("refused", "robots.txt"), "7": ("failed", "HTTP 500"),
        "8": ("changed", ""), "9": ("exact", "payload"), "10": ("exact", "text")}
    assert found["2"]["text"] == text(2) and found["1"]["text"] == text(1) and found["9"]["text"] == text(9)
    assert found["3"]["passages"] not in ("0/12", "12/12") and found["8"]["passages"] == "0/12"
    assert "/6" not in server.requests and server.requests.count("/10") == 2
    assert all("ada@example.org" in asked["user-agent"] for asked in server.asked)
    gaps = [b - a for a, b in zip(server.times, server.times[1:], strict=False)]
    assert min(gap for gap in gaps) > 0.03, "there is a pause between any two requests"
    before = len(server.requests)
    assert run(folder, tmp_path / "out.jsonl") == found and len(server.requests) == before


def test_what_the_site_no_longer_has_is_asked_of_a_web_archive(server: SiteServer, folder: Path, tmp_path: Path
                                                               ) -> None:
    ids = {row["url"].rsplit("/", 1)[1]: row["id"] for row in rows(folder, "articles")}
    where = f"{server.url}web/{{timestamp}}id_/{{url}}"
    found = run(folder, tmp_path / "out.jsonl", "--from", "both", "--archive", where, ids["4"], ids["8"], ids["1"])
    assert {name: (row["status"], row["source"]) for name, row in found.items()} == {
        "1": ("exact", "live"), "4": ("exact", "archive"), "8": ("exact", "archive")}
    assert found["4"]["text"] == text(4)


def test_a_dataset_of_full_texts_needs_none(server: SiteServer, tmp_path: Path) -> None:
    archive = make(tmp_path / "a" / "archive.db", [Post(1, rights=(CC_BY,))])
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    assert not (tmp_path / "d" / "rehydrate.py").exists() and not (tmp_path / "d" / "data/references.csv.gz").exists()


@given(st.text(max_size=200))
def test_it_sees_the_words_that_the_dataset_counts(said: str) -> None:
    assert tokens(said) == words(said)


@given(st.lists(st.sampled_from(["harbour", "Ｗide", "深度学习", "naïve", "C++", "42"]), min_size=8, max_size=60))
def test_a_text_is_known_again_by_its_sketch_whatever_stands_around_it(said: list[str]) -> None:
    body = " ".join(said)
    by, passages, cut = compare(visible(f"<p>Menu one two</p><div>{body}</div><p>End of it</p>"), sketch(words(body)),
                                len(words(body)))
    known = len(set(passages.split("/"))) == 1
    assert known and by in ("text", "passages")
    assert unicodedata.normalize("NFC", body) == body and (by == "passages" or cut.split() == body.split())
