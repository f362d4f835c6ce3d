"""A source that answers late, or changes only what it says beside title and text: nothing of it is lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.spiders.crawling import archiver, crawl, rows, text
from tests.spiders.site_server import Answer, Pages, home, serving

COUNT = 6
FIELDS = "url, title, body, authors, published, published_precision, categories, tags, description, language, guid"
DECLARED = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
SPACES = 'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
FAULTS = {"not implemented": text("", 501), "unavailable": text("", 503), "cut off": Answer(b"<rss", cut=4)}


@dataclass(frozen=True)
class Item:
    """What the feed says of post number `n`."""

    n: int
    categories: tuple[str, ...] = ("Harbour",)
    time: str = "07:45:00 +0000"
    author: str = "Ida Brandt"
    content: str = ""

    def __str__(self) -> str:
        terms = "".join(f"<category>{one}</category>" for one in self.categories)
        content = f"<content:encoded><![CDATA[{self.content}]]></content:encoded>" if self.content else ""
        return (
            f"<item><title>Notice {self.n}</title><link>/notice-{self.n}/</link>"
            f'<guid isPermaLink="false">notice:{self.n}</guid>'
            f"<pubDate>0{self.n + 1} May 2024 {self.time}</pubDate>"
            f"<dc:creator>{self.author}</dc:creator>{terms}"
            f"<description>What the pilot noted as number {self.n}.</description>{content}</item>"
        )


def feed(*items: Item) -> Answer:
    shown = items or tuple(Item(n) for n in reversed(range(COUNT)))
    return text(
        f"<rss version='2.0' {SPACES}><channel><title>Notices</title>{''.join(map(str, shown))}</channel></rss>"
    )


def notice(n: int, shown: str = "") -> Answer:
    """Return the page of a post that says no more than its title, its day and its text."""
    paragraphs = "".join(f"<p>Sentence {k} of notice {n} says who came by boat and why.</p>" for k in range(6))
    return Answer(
        f"""<!doctype html><html><head><title>Notice {n} | Pilots</title></head><body><article><h1>Notice {n}</h1>
<p><time datetime="2024-05-0{n + 1}">{n + 1} May 2024</time></p>{shown or paragraphs}</article></body>
</html>""".encode()
    )


def shell(n: int) -> Answer:
    return Answer(b"<!doctype html><html><head><title>Pilots</title></head><body><div id=root></div></body></html>")


def site(post: Callable[[int], Answer] = notice) -> Pages:
    posts = [f"/notice-{n}/" for n in range(COUNT)]
    pages: Pages = {path: post(n) for n, path in enumerate(posts)}
    return pages | {"/": home(*posts, head=DECLARED), "/feed.xml": feed()}


def articles(archive: Path) -> list[tuple[Any, ...]]:
    return rows(archive, f"select {FIELDS} from articles order by url")


def crawl_once(url: str, archive: Path) -> None:
    assert crawl(url, "--delay", "0", archive=archive).returncode in (0, 1)
    archiver("sites", "set", url, "sample_posts=0", archive=archive)


def crawl_with_late_feed(pages: Pages, fault: Answer, archive: Path) -> tuple[str, list[str], list[str]]:
    """Crawl a site whose feed fails in the first of three crawls; return its URL and the requests of the others."""
    whole = pages["/feed.xml"]
    pages["/feed.xml"] = fault
    with serving(pages) as server:
        crawl_once(server.url, archive)
        requests = []
        pages["/feed.xml"] = whole
        for _ in range(2):
            server.requests.clear()
            crawl_once(server.url, archive)
            requests.append(list(server.requests))
        return server.url, *requests


def without_host(found: list[tuple[Any, ...]], url: str) -> list[tuple[Any, ...]]:
    return [tuple(one.replace(url, "/") if isinstance(one, str) else one for one in row) for row in found]


def with_text(n: int) -> Item:
    whole = "".join(f"<p>Sentence {k} of notice {n} says who came by boat, and why they stayed.</p>" for k in range(9))
    return Item(n, content=whole)


SITES: dict[str, Callable[[], Pages]] = {
    "pages with text": site,
    "pages without text": lambda: site(shell) | {"/feed.xml": feed(*(with_text(n) for n in range(COUNT)))},
    "api": lambda: WithAPI(answers=True),
}
Expected = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def expected_of(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    """Returns a function from the name of a site to its articles if all sources respond. Each site is crawled once."""

    @cache
    def expected(name: str) -> list[tuple[Any, ...]]:
        archive = tmp_path_factory.mktemp("whole") / "whole.db"
        with serving(SITES[name]()) as server:
            crawl_once(server.url, archive)
            found = without_host(articles(archive), server.url)
        assert len(found) == COUNT
        return found

    return expected


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("name", ["pages with text", "pages without text"])
def test_a_feed_that_fails_at_first_gives_what_it_would_have_given(
    tmp_path: Path, fault: Answer, name: str, expected_of: Expected
) -> None:
    late = tmp_path / "late.db"
    url, second, third = crawl_with_late_feed(SITES[name](), fault, late)
    assert without_host(articles(late), url) == expected_of(name)
    assert not [path for path in second if path.startswith("/notice")]
    assert len(third) <= len(second)
    assert rows(late, "select count(*) from revisions where revision > 1") == [(0,)]


def test_pages_that_are_fetched_again_with_a_late_feed_have_no_revision(tmp_path: Path, expected_of: Expected) -> None:
    late = tmp_path / "late.db"
    with serving(site() | {"/feed.xml": FAULTS["unavailable"]}) as server:
        crawl_once(server.url, late)
        server.pages["/feed.xml"] = feed()
        crawl(server.url, "--full", "--delay", "0", archive=late)
        assert without_host(articles(late), server.url) == expected_of("pages with text")
    assert rows(late, "select count(*) from revisions where revision > 1") == [(0,)]


@pytest.fixture(scope="module")
def late_feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = tmp_path_factory.mktemp("late") / "a.db"
    crawl_with_late_feed(site(), FAULTS["not implemented"], archive)
    return archive


def test_what_a_feed_says_late_is_evidence_with_its_source(late_feed: Path) -> None:
    archive = late_feed
    shown = json.loads(archiver("show", "1", "--evidence", "--json", archive=archive).stdout)
    sources = {name: {one["source"] for one in found["candidates"]} for name, found in shown["evidence"].items()}
    assert "feed" in sources["categories"] & sources["description"]
    linked = "select count(*) from articles a join captures c on c.id = a.capture_id where c.hint_id is not null"
    assert rows(archive, linked) == [(COUNT,)]


def test_what_a_feed_says_late_stays_when_captures_are_extracted_again(late_feed: Path, tmp_path: Path) -> None:
    archive = Path(shutil.copytree(late_feed.parent, tmp_path / "copy"), late_feed.name)
    before = articles(archive)
    assert archiver("reextract", archive=archive).returncode == 0
    assert articles(archive) == before


EDITS = {
    "categories": (Item(0), Item(0, categories=("Harbour", "Lights"))),
    "first category": (Item(1, categories=()), Item(1)),
    "authors": (Item(2), Item(2, author="Tom Hale")),
    "published": (Item(3), Item(3, time="09:30:00 +0000")),
}
"""What the feed says of a post before and after its edit. Each edits another post."""


@dataclass(frozen=True)
class Edited:
    """The archive of a blog whose feed edits posts after the first of three crawls, and the posts that the second and
    the third requested.
    """

    archive: Path
    second: list[str]
    third: list[str]


@pytest.fixture(scope="module")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Edited:
    archive = tmp_path_factory.mktemp("edited") / "a.db"
    others = [Item(n) for n in range(len(EDITS), COUNT)]
    before, after = ([pair[which] for pair in EDITS.values()] + others for which in (0, 1))
    requests = []
    with serving(site() | {"/feed.xml": feed(*before)}) as server:
        crawl_once(server.url, archive)
        server.pages["/feed.xml"] = feed(*after)
        for _ in range(2):
            server.requests.clear()
            crawl_once(server.url, archive)
            requests.append(sorted(path for path in server.requests if path.startswith("/notice")))
    return Edited(archive, *requests)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_the_feed_alone_is_a_revision(edited: Edited, name: str) -> None:
    changed = "categories" if name == "first category" else name
    found = rows(
        edited.archive,
        "select r.changed from revisions r join articles a on a.id = r.article_id "
        f"where r.revision > 1 and a.url like '%/notice-{EDITS[name][0].n}/'",
    )
    assert found == [(f'["{changed}"]',)]


def test_the_posts_that_a_feed_edits_are_requested_once_and_no_others(edited: Edited) -> None:
    assert edited.second == [f"/notice-{before.n}/" for before, _ in EDITS.values()]
    assert edited.third == []
    assert rows(edited.archive, "select count(*) from revisions where revision > 1") == [(len(EDITS),)]


def test_a_summary_that_changes_in_the_feed_is_current_without_a_revision(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(site()) as server:
        crawl_once(server.url, archive)
        edited = feed()
        edited.body = edited.body.replace(b"What the pilot noted", b"What was noted")
        server.pages["/feed.xml"] = edited
        crawl_once(server.url, archive)
    assert rows(archive, "select distinct substr(description, 1, 14) from articles") == [("What was noted",)]
    assert rows(archive, "select count(*) from revisions where revision > 1") == [(0,)]


def test_two_feeds_that_differ_in_what_they_say_make_no_page_due(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    other = feed(*(with_text(n) for n in range(COUNT)))
    head = DECLARED + '<link rel="alternate" type="application/rss+xml" href="/whole.xml">'
    posts = [f"/notice-{n}/" for n in range(COUNT)]
    with serving(site() | {"/": home(*posts, head=head), "/whole.xml": other}) as server:
        crawl_once(server.url, archive)
        before = articles(archive)
        server.requests.clear()
        crawl_once(server.url, archive)
        assert not [path for path in server.requests if path.startswith("/notice")]
    assert articles(archive) == before


class WithAPI(dict[str, Any]):
    """A site with the API of WordPress, which says of each post what its page leaves out, if it `answers`."""

    def __init__(self, *, answers: bool) -> None:
        posts = [f"/notice-{n}/" for n in range(COUNT)]
        shown: Pages = {path: notice(n) for n, path in enumerate(posts)}
        super().__init__(shown | {"/": home(*posts, head="<link rel='https://api.w.org/' href='/wp-json/'>")})
        self.answers = answers

    def get(self, key: str, default: Any = None) -> Any:
        if not key.startswith("/wp-json/wp/v2/posts"):
            return super().get(key, default)
        if not self.answers:
            return FAULTS["not implemented"]
        listed = [self._post(n) for n in range(COUNT) if "modified_after" not in key]
        kind = {"Content-Type": "application/json", "X-WP-Total": str(len(listed)), "X-WP-TotalPages": "1"}
        return Answer(json.dumps(listed).encode(), 200, kind)

    def _post(self, n: int) -> dict[str, Any]:
        times = {
            f"{when}{zone}": f"2024-05-0{n + 1}T07:45:00" for when in ("date", "modified") for zone in ("", "_gmt")
        }
        terms = [{"taxonomy": "category", "name": "Harbour"}, {"taxonomy": "post_tag", "name": f"berth {n}"}]
        return times | {
            "id": n + 1,
            "link": f"/notice-{n}/",
            "title": {"rendered": f"Notice {n}"},
            "excerpt": {"rendered": f"<p>What the pilot noted as number {n}.</p>"},
            "_embedded": {"wp:term": [terms], "author": [{"name": "Ida Brandt"}]},
        }


class WrongAPI(WithAPI):
    """Its posts changed three days ago, and for some time it says a wrong category of them."""

    category = "Wrong"
    at = datetime.now(UTC) - timedelta(days=3)

    def get(self, key: str, default: Any = None) -> Any:
        since = parse_qs(urlsplit(key).query).get("modified_after", [""])[0]
        return super().get(key.replace("modified_after", "after") if since < f"{self.at:%FT%TZ}" else key, default)

    def _post(self, n: int) -> dict[str, Any]:
        times = {f"modified{zone}": f"{self.at:%FT%T}" for zone in ("", "_gmt")}
        terms = {"_embedded": {"wp:term": [[{"taxonomy": "category", "name": self.category}]]}}
        return super()._post(n) | times | terms


def test_an_article_follows_an_api_that_said_something_wrong_for_some_days(tmp_path: Path) -> None:
    archive, said = tmp_path / "a.db", "select distinct categories from articles"
    with serving(pages := WrongAPI(answers=True)) as server:
        crawl_once(server.url, archive)
        assert rows(archive, said) == [('["Wrong"]',)]
        pages.category = "Harbour"
        with closing(sqlite3.connect(archive)) as db, db:
            read_at = pages.at + timedelta(days=1.5)
            db.execute("update pages set fetched_at = ? where kind = 'api'", [f"{read_at:%FT%T}+00:00"])
        server.requests.clear()
        crawl(server.url, "--delay", "0", archive=archive)
        assert any("modified_after" in path for path in server.requests)
        assert rows(archive, said) == [('["Harbour"]',)]


@pytest.mark.parametrize("more", [(), ("--full",)], ids=["plain", "full"])
def test_an_api_that_fails_at_first_gives_what_it_would_have_given(
    tmp_path: Path, more: tuple[str, ...], expected_of: Expected
) -> None:
    late = tmp_path / "late.db"
    with serving(pages := WithAPI(answers=False)) as server:
        crawl_once(server.url, late)
        assert rows(late, "select distinct tags from articles") == [("[]",)]
        pages.answers = True
        server.requests.clear()
        crawl(server.url, *more, "--delay", "0", archive=late)
        assert without_host(articles(late), server.url) == expected_of("api")
    assert rows(late, "select count(*) from revisions where revision > 1") == [(0,)]
