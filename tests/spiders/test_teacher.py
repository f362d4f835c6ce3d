"""A crawl learns its site's template, keeps it and notices a redesign; re-extraction is not an edit."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archiver import __version__
from archiver.learning.checkpoint import ENOUGH
from archiver.maintenance.capture_reader import extract_from_capture
from archiver.storage.database import open_archive
from archiver.storage.stored_rules import rules_valid_at
from tests.processes import Running
from tests.small_sites import NEWSLETTER, PROMOTION, SamplePost, Theme, classic, promoting, sample_posts, silent
from tests.spiders.site_server import Answer, home, serving
from tests.spiders.test_faults import counts, rows
from tests.waiting import until


class Site:
    """A site whose posts are published in several crawls."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.sources: list[SamplePost] = []

    def crawl(self, theme: Theme, sources: list[SamplePost], *words: str) -> dict[str, Any]:
        self.sources += sources
        self.server.pages.update({"/": home(*(one.path for one in self.sources))})
        self.server.pages.update({one.path: Answer(theme(one, []).encode()) for one in sources})
        return counts(self.server.url, *words, archive=self.archive)


@pytest.fixture
def grown(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "a.db")
    with serving({}) as made.server:
        yield made


def versions(archive: Path) -> list[tuple[int, bool]]:
    """The number of posts that each version of the learned rules was learned from, and whether it is retired."""
    return rows(archive, "select pages, until is not null from site_rules order by id")


@pytest.mark.parametrize(("count", "learned"), [(7, []), (8, [(8, False)]), (24, [(24, False)])])
def test_a_short_run_learns_at_its_end(count: int, learned: list[Any], grown: Site) -> None:
    grown.crawl(classic, sample_posts(count))
    assert versions(grown.archive) == learned


def test_a_redesign_is_noticed_within_one_crawl_and_learned_again(grown: Site) -> None:
    grown.crawl(classic, sample_posts(ENOUGH))
    between = datetime.now(UTC)
    sources = sample_posts(60)[ENOUGH:]
    grown.crawl(silent, sources)
    assert [retired for _, retired in versions(grown.archive)] == [True, False]
    assert rows(grown.archive, "select until > ? from site_rules order by id limit 1".replace("?", f"'{between}'"))
    for post in sources:
        found = rows(
            grown.archive,
            f"select title, body, authors from articles where url like '%{post.path}' and gone_at is null",
        )
        assert found == [(post.title, post.body, json.dumps([post.author], ensure_ascii=False))]


def test_an_occasional_unusual_page_is_not_a_redesign(grown: Site) -> None:
    sources = sample_posts(90)
    grown.crawl(classic, sources[:ENOUGH])
    pages = {one.path: Answer((silent if n % 3 == 0 else classic)(one, []).encode()) for n, one in enumerate(sources)}
    grown.server.pages.update({"/": home(*pages), **{path: pages[path] for path in list(pages)[ENOUGH:]}})
    counts(grown.server.url, archive=grown.archive)
    assert versions(grown.archive) == [(ENOUGH, False)]


def test_rules_that_contradict_the_pages_are_retired(grown: Site) -> None:
    def misleading(post: SamplePost, others: Any) -> str:
        moved = classic(post, others).replace(
            '<h1 class="entry-title">', '<p class="entry-title">Read this</p><h1 class="x">'
        )
        moved = moved.replace("entry-meta", "was-meta").replace("entry-date", "was-date")
        return moved.replace(
            '<div class="entry-content">',
            '<div class="entry-content"><p>A note of the house, long '
            'enough to be taken for a text.</p></div><div class="new-text">',
        )

    sources = sample_posts(130)
    grown.crawl(classic, sources[:ENOUGH])
    grown.crawl(misleading, sources[ENOUGH:])
    assert versions(grown.archive)[0] == (ENOUGH, True)


def test_held_pages_do_not_retire_the_rules(grown: Site) -> None:
    sources = sample_posts(60)
    grown.crawl(classic, sources)
    grown.server.pages.update(
        {one.path: Answer(silent(replace(one, paragraphs=sources[0].paragraphs), []).encode()) for one in sources}
    )
    counts(grown.server.url, "--full", archive=grown.archive)
    assert rows(grown.archive, "select count(*) from held_pages")[0][0] > 40
    assert versions(grown.archive) == [(ENOUGH, False)]


def site(theme: Theme, sources: list[SamplePost], advertisement: str = "") -> dict[str, Any]:
    pages: dict[str, Any] = {"/": home(*(t.path for t in sources))}
    for t in sources:
        text = theme(t, []).replace("</main>", f"<aside>{advertisement}</aside></main>")
        pages[t.path] = Answer(text.encode())
    return pages


def articles_with_empty_fields(archive: Path) -> list[tuple[Any, ...]]:
    return rows(
        archive,
        "select url from articles where title = '' or body = '' or authors = '[]' "
        "or published is null or categories = '[]' or tags = '[]'",
    )


def test_a_crawl_stores_its_rules_and_extracts_every_post_with_them(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    sources = sample_posts(40)
    with serving(site(promoting, sources)) as server:
        first = counts(server.url, archive=archive)
        second = counts(server.url, "--full", archive=archive)
    assert (first["new"], second["new"], second["revised"], second["unchanged"]) == (40, 0, 0, 40)
    assert rows(archive, "select pages, by_hand, since, until from site_rules") == [(ENOUGH, 0, None, None)]
    assert rows(archive, "select distinct extractor from articles") == [(f"{__version__} rules-1",)]
    assert rows(archive, "select count(*) from evidence where field = 'body' and source = 'learned'") == [(40,)]
    assert not rows(archive, f"select 1 from articles where body like '%{PROMOTION}%' or body like '%{NEWSLETTER}%'")
    assert rows(archive, "select count(*), max(revision) from revisions") == [(40, 1)]
    assert not rows(
        archive,
        "select 1 from articles a join revisions r on r.article_id = a.id where "
        "r.content <> '{}' or r.meaning_digest <> a.meaning_digest",
    )
    assert not articles_with_empty_fields(archive)


def test_a_redesign_between_two_crawls_keeps_every_field_and_the_old_rules(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    sources = sample_posts(40)
    with serving(site(classic, sources)) as server:
        counts(server.url, archive=archive)
        between = datetime.now(UTC)
        server.pages.clear()
        server.pages.update(site(silent, sources))
        second = counts(server.url, "--full", archive=archive)
        third = counts(server.url, "--full", archive=archive)
    assert (second["new"], second["revised"], third["revised"]) == (0, 0, 0)
    assert not articles_with_empty_fields(archive)
    versions = rows(archive, "select id, pages, since, until from site_rules order by id")
    assert [v[1] for v in versions] == [ENOUGH, ENOUGH]
    assert versions[0][2] is None
    assert versions[0][3] == versions[1][2]
    assert versions[1][3] is None
    db = open_archive(archive, read_only=True)
    try:
        then, now = rules_valid_at(db, 1, between), rules_valid_at(db, 1)
        assert then is not None
        assert now is not None
        assert (then.version, now.version) == ("rules-1", "rules-2")
        assert then.fields["title"].select == ("h1.entry-title",)
        row = next(
            iter(
                db.query(
                    "select a.*, min(c.id) as first from articles a join captures c on c.url = a.url "
                    "group by a.id order by a.id limit 1"
                )
            )
        )
        old = extract_from_capture(db, tmp_path, {**row, "capture_id": row["first"]}, 1)
    finally:
        db.close()
    assert [a.read_by for a in old] == ["rules-1", "", ""]
    assert len({(a.title, a.body, a.authors, a.published) for a in old}) == 1


def reset_to_earlier_extraction(archive: Path, base: str, sources: list[SamplePost]) -> None:
    """Reset posts to an earlier program's extraction: with the promotion, and the author's name in capitals."""
    db = sqlite3.connect(archive)
    for t in sources:
        body = f"{t.paragraphs[0]}\n\n{PROMOTION}\n\n" + "\n\n".join(t.paragraphs[1:])
        db.execute(
            "update articles set body = ?, authors = ?, extractor = '0.0.9' where url = ?",
            [body, f'["{t.author.upper()}"]', f"{base}{t.path}"],
        )
    db.commit()
    db.close()


def test_re_extraction_is_not_an_edit_and_an_edit_lists_only_the_edited_fields(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    sources = sample_posts(12)
    with serving(site(promoting, sources)) as server:
        counts(server.url, archive=archive)
        reset_to_earlier_extraction(archive, server.url.rstrip("/"), sources[:4])
        server.pages.update(site(promoting, sources, "Shoes, half the price"))
        edited = replace(sources[1], title="Quite another name for it")
        server.pages[sources[1].path] = Answer(promoting(edited, []).encode())
        second = counts(server.url, "--full", archive=archive)
        assert rows(
            archive,
            "select count(*) from pages where outcome = 'unchanged' "
            f"and reason = 'extracted again by {__version__} rules-1'",
        ) == [(3,)]
        third = counts(server.url, "--full", archive=archive)
    assert (second["revised"], second["unchanged"], third["revised"]) == (1, 11, 0)
    assert rows(
        archive,
        "select r.changed, a.title from revisions r join articles a on a.id = r.article_id where r.revision > 1",
    ) == [('["title"]', edited.title)]
    assert rows(archive, "select distinct extractor from articles") == [(f"{__version__} rules-1",)]
    assert not rows(archive, f"select 1 from articles where body like '%{PROMOTION}%'")
    assert sorted(rows(archive, "select name from authors join article_authors on author_id = id group by 1")) == [
        (name,) for name in sorted({t.author for t in sources})
    ]
    assert not rows(archive, "select 1 from pages where reason like 'extracted again%'")  # by the third crawl


def test_a_post_of_several_pages_is_read_alike_before_and_after_learning(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    sources = sample_posts(16)
    whole, further = sources[2], sources[9].paragraphs
    pages = site(promoting, sources)
    links = [
        f'<div class="page-links">Pages: <a class="post-page-numbers" href="{whole.path}{end}">{n}</a></div>'
        for n, end in ((2, "2/"), (1, ""))
    ]
    first, second = (promoting(replace(whole, paragraphs=p), []) for p in (whole.paragraphs, further))
    pages[whole.path] = Answer(first.replace("<p>References</p>", f"<p>References</p>{links[0]}").encode())
    pages[f"{whole.path}2/"] = Answer(second.replace("<p>References</p>", f"<p>References</p>{links[1]}").encode())
    with serving(pages) as server:
        one = counts(server.url, archive=archive)
        body = rows(archive, f"select body from articles where url like '%{whole.path}'")[0][0]
        two = counts(server.url, "--full", archive=archive)
    assert (one["new"], two["new"], two["revised"]) == (16, 0, 0)
    assert whole.paragraphs[-1] in body
    assert further[-1] in body
    assert rows(archive, f"select body from articles where url like '%{whole.path}'") == [(body,)]
    assert rows(archive, "select count(*) from site_rules") == [(1,)]


def test_where_the_old_capture_is_lost_a_difference_is_an_edit(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    sources = sample_posts(12)
    with serving(site(promoting, sources)) as server:
        counts(server.url, archive=archive)
        reset_to_earlier_extraction(archive, server.url.rstrip("/"), sources[:2])
        for file in (tmp_path / "warc").glob("*.warc.gz"):
            file.unlink()
        second = counts(server.url, "--full", archive=archive)
    assert second["revised"] == 2


def test_rules_outlive_a_kill(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    sources = sample_posts(60)

    def slow(answer: Answer) -> Callable[[], Answer]:
        def later() -> Answer:
            time.sleep(1)
            return answer

        return later

    pages = site(classic, sources)
    pages |= {t.path: slow(pages[t.path]) for t in sources[40:]}
    with serving(pages) as server:
        process = Running("archiver", "crawl", server.url, "--archive", str(archive))
        try:
            until(lambda: archive.exists() and has_rules(archive))
        finally:
            process.send(signal.SIGKILL)
            process.end()
        assert rows(archive, "select count(*) from articles")[0][0] < 60
        assert rows(archive, "select pages from site_rules") == [(ENOUGH,)]
        for t in sources:
            pages[t.path] = Answer(classic(t, []).encode())
        second = counts(server.url, archive=archive)
    assert rows(archive, "select count(*) from articles") == [(60,)]
    assert second["outcome"] == "finished"
    assert second["revised"] == 0
    assert rows(archive, "select count(*) from site_rules") == [(1,)]
    assert not articles_with_empty_fields(archive)


def has_rules(archive: Path) -> bool:
    try:
        return bool(rows(archive, "select 1 from site_rules"))
    except sqlite3.OperationalError:
        return False
