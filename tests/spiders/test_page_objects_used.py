"""Page objects in crawls, trial crawls and re-extraction: what is stored, and what is said if one fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver.maintenance.reextraction import ReextractionRequest, request_key
from archiver.storage.connection import opened
from tests.processes import run, without_proxies
from tests.spiders.crawling import archiver, crawl, rows
from tests.spiders.site_server import Pages, SiteServer, home, page, serving
from tests.spiders.test_parts import body_of, post
from tests.spiders.test_site_judge import LEAVES, leaves

POSTS = 27
"""With these, the template of the site is learned in the first crawl."""
WORDS = ["tar", "rope", "keel", "buoy", "oar", "mast", "sail", "hull", "deck", "bow", "stern", "cleat", "anchor"]
CLASS = """from archiver import PageObject, field, handle_urls


@handle_urls("{host}")
class QuayPost(PageObject):
    @field
    def authors(self):
        return ["{prefix} " + name for name in self.css(".author::text").getall()]

    @field
    def tags(self):
        return [self.article.title.split()[1 if "post-3/" not in self.url else 99]]
"""

Write = Callable[..., dict[str, str]]


def text_of(n: int) -> str:
    return " ".join(f"{WORDS[(n * k + k) % 13]} {WORDS[(n + k) % 13]} {n * k}." for k in range(60))


def blog(posts: int = POSTS) -> Pages:
    paths = [f"/post-{n}/" for n in range(posts)]
    texts = [
        " ".join(f"{WORDS[(n * k + k) % 13]} {WORDS[(n + k) % 13]} {n * k}." for k in range(60)) for n in range(posts)
    ]
    pages: Pages = {
        path: page(f"Number {WORDS[n % 13]} {n}", text, date=f"2024-05-{n % 28 + 1:02}")
        for n, (path, text) in enumerate(zip(paths, texts, strict=True))
    }
    return pages | {"/": home(*paths)}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """A function that writes a page object for a site, and returns the environment that names it."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "archiver.toml").write_text('page_objects = "mine"\n', encoding="utf-8")
    monkeypatch.setenv("ARCHIVER_CONFIG", str(tmp_path / "archiver.toml"))

    def write(server: SiteServer, prefix: str = "Captain", text: str = CLASS) -> dict[str, str]:
        host = server.url.removeprefix("http://").rstrip("/")
        file = tmp_path / "mine" / "quay.py"
        file.write_text(text.replace("{host}", host).replace("{prefix}", prefix), encoding="utf-8")
        return {"ARCHIVER_CONFIG": str(tmp_path / "archiver.toml")}

    return write


def test_a_crawl_stores_all_posts_and_says_where_the_page_object_failed(tmp_path: Path, write: Write) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog()) as server:
        done = crawl(server.url, archive=archive, environment=write(server))
    assert done.returncode == 0, done.stderr
    assert rows(archive, "select count(*) from articles") == [(POSTS,)]
    assert rows(archive, "select distinct authors from articles") == [('["Captain Ann Rowe"]',)]
    assert rows(archive, "select count(*) from articles where tags <> '[]'") == [(POSTS - 1,)]
    assert rows(archive, "select url from articles where tags = '[]'") == [(f"{server.url}post-3/",)]
    assert rows(archive, "select count(*) from articles where extractor like '%QuayPost@%'") == [(POSTS,)]
    assert rows(archive, "select count(*) from articles where extractor like '% rules-1 + QuayPost@%'") == [(POSTS,)]
    assert "amber: The page object QuayPost failed for tags on 1 article, for example" in done.stdout
    assert "(quay.py:12: IndexError: list index out of range)" in done.stdout
    assert "page object QuayPost failed" in archiver("status", archive=archive).stdout
    log = (tmp_path / "log" / "crawl.log").read_text(encoding="utf-8")
    assert log.count("QuayPost.tags failed on") == 1


def test_a_new_page_object_is_no_edit_of_the_site(tmp_path: Path, write: Write) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog(3)) as server:
        crawl(server.url, archive=archive)
        assert rows(archive, "select distinct authors from articles") == [('["Ann Rowe"]',)]
        done = crawl(server.url, "--full", archive=archive, environment=write(server))
    assert rows(archive, "select distinct authors, revision from articles") == [('["Captain Ann Rowe"]', 1)]
    assert "revised" not in done.stdout


def test_reextract_applies_a_changed_page_object_without_a_new_revision(tmp_path: Path, write: Write) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog(3)) as server:
        crawl(server.url, archive=archive, environment=write(server))
        same = archiver("reextract", "--json", archive=archive, environment=write(server))
        changed = archiver("reextract", archive=archive, environment=write(server, "Mate"))
    assert json.loads(same.stdout)["changed"] == 0
    assert "3 changed, 0 unchanged" in changed.stdout
    assert rows(archive, "select distinct authors, revision from articles") == [('["Mate Ann Rowe"]', 1)]


def test_an_interrupted_reextraction_is_not_continued_with_another_page_object(tmp_path: Path, write: Write) -> None:
    with serving({}) as server, opened(tmp_path / "archive.db", create=True) as db:
        keys = []
        for prefix in ("Captain", "Captain", "Second mate"):
            write(server, prefix)
            keys.append(_key(db))
    assert keys[0] == keys[1] != keys[2]


def _key(db: Database) -> str:
    return request_key(db, ReextractionRequest())


def test_a_broken_file_stops_the_crawl_of_its_site_only(tmp_path: Path, write: Write) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog(2)) as server, serving(blog(2)) as other:
        broken = write(server, text=CLASS.replace("def tags", "def tag"))
        both = crawl(server.url, other.url, archive=archive, environment=broken)
        alone = crawl(server.url, archive=archive, environment=broken)
        reextract = archiver("reextract", archive=archive, environment=broken)
    sentence = "quay.py, line 10, cannot be used: QuayPost.tag cannot override a field"
    assert (both.returncode, alone.returncode, reextract.returncode) == (1, 2, 2)
    assert all(sentence in done.stderr for done in (both, alone, reextract))
    assert "Traceback" not in both.stderr + alone.stderr + reextract.stderr
    assert rows(archive, "select count(*), count(distinct site) from articles") == [(2, 1)]
    assert other.url.removeprefix("http://").rstrip("/") in rows(archive, "select distinct site from articles")[0]


def check(*words: str, environment: dict[str, str]) -> tuple[int, str]:
    done = run("archiver", "sites", "check", *words, environment=without_proxies() | environment)
    return done.returncode, done.stdout + done.stderr


def test_sites_check_says_that_a_page_object_is_used_and_for_what_it_failed(tmp_path: Path, write: Write) -> None:
    with serving(blog(5)) as server:
        words = (server.url, "--archive", str(tmp_path / "none.db"))
        code, shown = check(*words, environment=write(server))
        assert "page object QuayPost (quay.py): used on 5 of 5 sampled posts: authors 5, tags 4" in shown
        assert "tags failed on 1 post, which keeps what is extracted without it: quay.py:12: IndexError" in shown
        assert code == 1
        good = CLASS.replace('1 if "post-3/" not in self.url else 99', "1")
        code, shown = check(*words, environment=write(server, text=good))
        assert "used on 5 of 5 sampled posts: authors 5, tags 5" in shown
        assert code == 0
        elsewhere = good.replace("{host}", "{host}/news")
        code, shown = check(*words, environment=write(server, text=elsewhere))
        assert f"used on none of 5 sampled posts: its addresses are {server.url.removeprefix('http://')}news" in shown
        code, shown = check(*words, environment=write(server, text=good.replace("def tags(self):", "def tags(self)")))
        assert "quay.py, line 11, cannot be used: expected ':'" in shown
        assert "Traceback" not in shown
        assert code == 1


def test_sites_check_reads_a_site_by_its_stored_rules(tmp_path: Path, write: Write) -> None:
    archive, rules = tmp_path / "archive.db", tmp_path / "rules.toml"
    rules.write_text("[site]\npost = ['body[data-leaf]']\n", encoding="utf-8")
    text = CLASS.replace('1 if "post-3/" not in self.url else 99', "0")
    with serving(leaves()) as server:
        words, environment = (server.url, "--archive", str(archive)), write(server, text=text)
        code, shown = check(*words, environment=environment)
        assert "no posts found; " in shown
        assert "a rule 'post' can say what marks them: try it with --rules FILE" in shown
        assert "page object QuayPost (quay.py): not used, because only posts have one" in shown
        assert code == 1
        site = server.url.removeprefix("http://").rstrip("/")
        archiver("sites", "add", server.url, archive=archive)
        archiver("sites", "rules", site, "--set", str(rules), archive=archive)
        code, shown = check(*words, environment=environment)
    assert f"read by the rules that 'archiver sites rules {site}' shows" in shown
    assert f"page object QuayPost (quay.py): used on {LEAVES} of {LEAVES} sampled posts" in shown
    assert code == 0


BODY = """from archiver import EMPTY, PageObject, field, handle_urls


@handle_urls("{host}")
class QuayPost(PageObject):
    @field
    def body(self):
        return self.article.body.replace("rowed", "{prefix}")

    @field
    def title(self):
        return self.article.title + "!"
"""


def test_the_body_of_each_page_of_a_post_is_overridden(tmp_path: Path, write: Write) -> None:
    archive = tmp_path / "archive.db"
    with serving({"/": home("/river/"), **post()}) as server:
        environment = write(server, "sailed", BODY)
        crawl(server.url, archive=archive, environment=environment)
        same = archiver("reextract", "--json", archive=archive, environment=environment)
    ((title, body),) = rows(archive, "select title, body from articles")
    assert (body.count("sailed"), body.count("rowed")) == (body_of(1, 2, 3).count("rowed"), 0)
    assert title.endswith("!")
    assert not title.endswith("!!")
    assert json.loads(same.stdout)["changed"] == 0


def test_reextract_takes_a_short_body_and_an_empty_field_from_a_page_object(tmp_path: Path, write: Write) -> None:
    """Without a page object, a text that has lost most of its words is not stored."""
    archive = tmp_path / "archive.db"
    own = BODY.replace('self.article.body.replace("rowed", "{prefix}")', '"Two words."')
    own = own.replace("def title", "def authors").replace('self.article.title + "!"', "EMPTY")
    with serving(blog(2)) as server:
        crawl(server.url, archive=archive)
        archiver("reextract", archive=archive, environment=write(server, text=own))
    assert rows(archive, "select distinct body, authors, revision from articles") == [("Two words.", "[]", 1)]


def test_an_import_reads_with_the_page_object(tmp_path: Path, write: Write) -> None:
    archive = tmp_path / "imported.db"
    with serving(blog(2)) as server:
        crawl(server.url, archive=tmp_path / "crawled" / "archive.db")
        (warc,) = (tmp_path / "crawled" / "warc").glob("*.warc.gz")
        done = archiver("import", str(warc), archive=archive, environment=write(server))
    assert done.returncode == 0, done.stderr
    assert rows(archive, "select distinct authors from articles") == [('["Captain Ann Rowe"]',)]
