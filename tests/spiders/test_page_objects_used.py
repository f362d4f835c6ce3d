"""Page objects in crawls, trial crawls and re-extraction: what is stored, and what is said if one fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver.maintenance.reextraction_request import ReextractionRequest, request_key
from archiver.storage.database import opened
from tests.processes import run, without_proxies
from tests.spiders.crawling import archiver, crawl, rows
from tests.spiders.site_server import Answer, Pages, SiteServer, home, page, serving
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


# Stored values that a page object returned, and cannot return now.

CARE = """from datetime import date
from archiver import PageObject, field, handle_urls


@handle_urls("{host}")
class QuayPost(PageObject):
    @field
    def published(self):
        return date(2019, 3, 4)

    @field
    def authors(self):
        return ["Captain Rowe"]

    @field
    def description(self):
        return "Seen from the quay."
"""
FAILING = CARE.replace("return date(2019, 3, 4)", "return {}['struck']")
ELSEWHERE = CARE.replace("{host}", "{host}/other")
OTHER_CLASS = CARE.replace("QuayPost", "Pier").replace('return ["Captain Rowe"]', 'return ["Mate Rowe"]')
STORED = "select distinct substr(published, 1, 10), authors, description, revision from articles"
CARED_FOR = [("2019-03-04", '["Captain Rowe"]', "Seen from the quay.", 1)]
MISSING = "The page object QuayPost (quay.py) no longer reads 3 articles"
FAILED = "The page object QuayPost failed for published on 3 articles"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FAILING, (FAILED, "QuayPost, quay.py:9: KeyError: 'struck'")),
        (ELSEWHERE, (MISSING, "QuayPost, quay.py: it no longer reads this page")),
        ("", (MISSING, "QuayPost, quay.py: it no longer reads this page")),
    ],
    ids=["a field fails", "another address", "no page object"],
)
def test_values_of_a_page_object_stay_if_it_cannot_return_them_now(
    tmp_path: Path, write: Write, text: str, words: tuple[str, str]
) -> None:
    archive, pages = tmp_path / "archive.db", blog(3)
    with serving(pages) as server:
        crawl(server.url, archive=archive, environment=write(server, text=CARE))
        assert rows(archive, STORED) == CARED_FOR
        environment = write(server, text=text)
        reextract = archiver("reextract", archive=archive, environment=environment)
        assert rows(archive, STORED) == CARED_FOR
        server.pages.update(blog_with_new_sources())
        again = crawl(server.url, "--full", archive=archive, environment=environment)
    assert rows(archive, STORED) == CARED_FOR
    assert (reextract.returncode, again.returncode) == (1, 1)
    assert words[1] in reextract.stderr
    assert "-> none" not in reextract.stdout
    assert f"red: {words[0]}" in again.stdout
    described = "select json_extract(statistics, '$.fields.description') from runs order by id"
    assert rows(archive, described) == [(3,), (3,)], "the site's template has not lost the field"


def blog_with_new_sources() -> Pages:
    """The same posts, in pages whose sources differ."""
    return {path: with_comment(one) for path, one in blog(3).items() if isinstance(one, Answer)}


def with_comment(answer: Answer) -> Answer:
    return Answer(answer.body.replace(b"<head>", b"<head><!-- built again -->"))


def test_the_body_of_a_post_of_several_pages_stays_without_its_page_object(tmp_path: Path, write: Write) -> None:
    archive = tmp_path / "archive.db"
    stored = "select body from articles union all select text from article_parts order by 1"
    with serving({"/": home("/river/"), **post()}) as server:
        crawl(server.url, archive=archive, environment=write(server, "sailed", BODY))
        before = rows(archive, stored)
        environment = write(server, text="")
        done = archiver("reextract", archive=archive, environment=environment)
        after = rows(archive, stored)
        server.pages.update({path: with_comment(one) for path, one in post().items() if isinstance(one, Answer)})
        crawl(server.url, "--full", archive=archive, environment=environment)
    assert "rowed" not in str(before)
    assert done.returncode == 1
    assert after == before
    assert rows(archive, "select body from articles")[0] in before
    assert rows(archive, "select max(revision) from revisions") == [(1,)]


def test_kept_values_are_read_again_once_the_page_object_is_correct(tmp_path: Path, write: Write) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog(3)) as server:
        crawl(server.url, archive=archive, environment=write(server, text=CARE))
        archiver("reextract", archive=archive, environment=write(server, text=FAILING))
        corrected = write(server, text=CARE.replace("2019, 3, 4", "2019, 3, 5"))
        done = archiver("reextract", archive=archive, environment=corrected)
        status = archiver("status", archive=archive, environment=corrected)
    assert done.returncode == 0, done.stderr
    assert rows(archive, "select distinct substr(published, 1, 10) from articles") == [("2019-03-05",)]
    assert "page object" not in status.stdout


def test_a_crawl_with_the_corrected_page_object_ends_the_finding(tmp_path: Path, write: Write) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog(3)) as server:
        crawl(server.url, archive=archive, environment=write(server, text=CARE))
        archiver("reextract", archive=archive, environment=write(server, text=FAILING))
        server.pages.update(blog_with_new_sources())
        done = crawl(server.url, "--full", archive=archive, environment=write(server, text=CARE))
    assert rows(archive, STORED) == CARED_FOR
    assert "page object" not in done.stdout


def test_values_of_a_page_object_that_was_removed_on_purpose_are_replaced_on_request(
    tmp_path: Path, write: Write
) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog(3)) as server:
        crawl(server.url, archive=archive, environment=write(server, text=CARE))
        environment = write(server, text="")
        done = archiver("reextract", "--forget-page-objects", archive=archive, environment=environment)
        again = archiver("reextract", archive=archive, environment=environment)
    assert (done.returncode, again.returncode) == (0, 0)
    assert rows(archive, "select distinct authors from articles") == [('["Ann Rowe"]',)]
    assert rows(archive, "select distinct substr(published, 1, 7) from articles") == [("2024-05",)]
    assert rows(archive, "select count(*) from articles where extractor like '%@%'") == [(0,)]


def test_values_of_a_field_that_fails_stay_even_on_request(tmp_path: Path, write: Write) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog(3)) as server:
        crawl(server.url, archive=archive, environment=write(server, text=CARE))
        environment = write(server, text=FAILING)
        done = archiver("reextract", "--forget-page-objects", archive=archive, environment=environment)
    assert done.returncode == 1
    assert rows(archive, STORED) == CARED_FOR


def test_a_renamed_page_object_replaces_the_values_of_the_former_one(tmp_path: Path, write: Write) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog(3)) as server:
        crawl(server.url, archive=archive, environment=write(server, text=CARE))
        done = archiver("reextract", archive=archive, environment=write(server, text=OTHER_CLASS))
    assert done.returncode == 0, done.stderr
    assert rows(archive, "select distinct authors from articles") == [('["Mate Rowe"]',)]


def test_an_edit_is_stored_while_a_field_of_the_page_object_fails(tmp_path: Path, write: Write) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog(3)) as server:
        crawl(server.url, archive=archive, environment=write(server, text=CARE))
        edited = page("Number rope 1", text_of(1) + " The bollards are new.", date="2024-05-02")
        server.pages["/post-1/"] = edited
        crawl(server.url, "--full", archive=archive, environment=write(server, text=FAILING))
    assert rows(archive, "select revision, substr(published, 1, 10) from articles where body like '%bollards%'") == [
        (2, "2019-03-04")
    ]


def test_a_file_without_handle_urls_stops_the_crawl_of_the_site_that_its_class_has_read(
    tmp_path: Path, write: Write
) -> None:
    archive = tmp_path / "archive.db"
    with serving(blog(3)) as server, serving(blog(2)) as other:
        crawl(server.url, archive=archive, environment=write(server, text=CARE))
        forgotten = write(server, text=CARE.replace('@handle_urls("{host}")\n', ""))
        both = crawl(server.url, other.url, archive=archive, environment=forgotten)
        alone = crawl(server.url, archive=archive, environment=forgotten)
        fetched = len(server.requests)
        (server_runs,) = rows(archive, "select count(*) from runs where outcome = 'finished'")
    assert (both.returncode, alone.returncode) == (1, 2)
    assert "the class QuayPost does not say which pages it is for" in both.stderr
    assert "the class QuayPost does not say which pages it is for" in alone.stderr
    assert server_runs == (2,), "one of each site"
    assert fetched == len(set(server.requests)), "nothing was fetched again"


def test_a_file_that_cannot_be_imported_by_another_one_stops_the_crawl_of_the_site_of_that_one(
    tmp_path: Path, write: Write
) -> None:
    with serving(blog(2)) as server:
        broken = write(server, text=CLASS.replace("from archiver", "from .shared import clean\nfrom archiver", 1))
        (tmp_path / "mine" / "shared.py").write_text("def clean(:\n", encoding="utf-8")
        alone = crawl(server.url, archive=tmp_path / "archive.db", environment=broken)
    assert alone.returncode == 2
    assert "shared.py, line 1, cannot be used" in alone.stderr
