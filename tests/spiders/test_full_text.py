"""Sites whose pages have no text, since scripts fill them: the text comes from the feed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.spiders.crawling import archiver, crawl, rows, text
from tests.spiders.site_server import Answer, Pages, page, serving

POSTS = 20
SHELLS = {
    "empty": "",
    "notice": "<noscript>You need to enable JavaScript to run this app.</noscript><p>Loading the newest stories</p>",
}


def shell(inside: str, **headers: str) -> Answer:
    """Return the page that an application sends for every address."""
    markup = f"<!doctype html><html lang=en><head><title>The Quay</title></head><body><div id=root></div>{inside}"
    return Answer(markup.encode(), 200, {"Content-Type": "text/html; charset=utf-8", **headers})


def story(number: int, edit: str = "") -> str:
    return f"<p>Story {number}: the ferry left the quay {number} minutes late. {edit}</p>" + "".join(
        f"<p>Paragraph {n} of story {number} says who waited, and what the harbour master wrote.</p>" for n in range(4)
    )


def feed(edit: str = "") -> Answer:
    items = "".join(
        f"<item><title>Ferry {n}</title><link>/story/{n}</link><guid>/story/{n}</guid>"
        f"<pubDate>Tue, {n + 1:02} May 2024 21:05:00 +0200</pubDate>"
        f"<content:encoded><![CDATA[{story(n, edit if n == 3 else '')}]]></content:encoded></item>"
        for n in range(POSTS)
    )
    spaces = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    return text(f'<rss version="2.0" {spaces}><channel><title>The Quay</title>{items}</channel></rss>')


def application(inside: str, **headers: str) -> Pages:
    home = shell(inside)
    home.body = home.body.replace(b"</title>", b"</title><link rel=alternate type=application/rss+xml href=/feed.xml>")
    pages: Pages = {"/": home, "/feed.xml": feed()}
    return pages | {f"/story/{n}": shell(inside, **headers) for n in range(POSTS)}


@pytest.mark.parametrize("inside", SHELLS.values(), ids=SHELLS)
def test_posts_without_text_on_their_pages_have_the_feed_s_text(tmp_path: Path, inside: str) -> None:
    archive = tmp_path / "a.db"
    with serving(application(inside)) as site:
        assert crawl(site.url, "--delay", "0.01", archive=archive).returncode == 0
    bodies = dict(rows(archive, "select title, body from articles"))
    assert len(bodies) == POSTS
    assert all(f"ferry left the quay {n} minutes" in bodies[f"Ferry {n}"] for n in range(POSTS))
    shown = json.loads(archiver("show", "1", "--evidence", "--json", archive=archive).stdout)
    assert [one["source"] for one in shown["evidence"]["body"]["candidates"]] == ["feed"]


def test_an_edit_in_the_feed_is_a_revision_also_if_the_page_answers_304(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(application("", ETag='"1"')) as site:
        crawl(site.url, "--delay", "0.01", archive=archive)
        site.pages["/feed.xml"] = feed("The second edition.")
        assert crawl(site.url, "--delay", "0.01", archive=archive).returncode == 0
    assert rows(archive, "select title from articles where revision > 1") == [("Ferry 3",)]
    assert rows(archive, "select count(*) from articles where body = ''") == [(0,)]


def test_a_crawl_of_every_page_keeps_the_feed_s_text(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(application("")) as site:
        crawl(site.url, "--delay", "0.01", archive=archive)
        assert crawl(site.url, "--full", "--delay", "0.01", archive=archive).returncode == 0
    assert rows(archive, "select count(*) from articles where revision > 1 or body = ''") == [(0,)]


def test_the_text_of_a_source_is_dropped_once_the_page_has_it(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(application("")) as site:
        for n in range(POSTS):
            site.pages[f"/story/{n}"] = page(f"Ferry {n}", story(n))
        crawl(site.url, "--delay", "0.01", archive=archive)
    latest = (
        "select h.hint from pages p join source_hints h on h.page_id = p.id and h.digests is not null "
        "where p.kind = 'post'"
    )
    hints = [json.loads(hint) for (hint,) in rows(archive, latest)]
    assert len(hints) == POSTS
    assert {"body_html" in hint for hint in hints} == {False}
    assert {hint["title"] for hint in hints} == {f"Ferry {n}" for n in range(POSTS)}
