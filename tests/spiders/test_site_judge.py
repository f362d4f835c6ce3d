"""A crawl judges the pages of a site together: what one page cannot show, the other pages of its form do."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from tests.small_sites import made_paragraph, made_title
from tests.spiders.crawling import archiver, crawl, rows
from tests.spiders.site_server import Answer, Pages, SiteServer, serving

COUNT = 24


class Diary:
    """A hand-made diary: short entries beside two long columns of links, below names that no program uses.

    `dated`: entries show their date. Its entries link to one another, and the months list them.
    """

    def __init__(self, *, short: int = 20, dated: bool = True, themes: int = 30) -> None:

        self._dice = Random(3)
        self._dated, self._themes = dated, themes
        self.entries = {f"/d/{n}.html": self._entry(n, short=n < short) for n in range(COUNT)}

    def _columns(self) -> str:
        themes = "".join(f'<li><a href="/th/{n}.html">Theme of the {n} winds</a></li>' for n in range(self._themes))
        months = "".join(f'<li><a href="/m/{n}.html">Month number {n}</a></li>' for n in range(12))
        return f'<div id="kolumna"><div class="skrzynka"><ul>{themes}</ul></div><ul id="lata">{months}</ul></div>'

    def shell(self, title: str, main: str) -> Answer:
        return Answer(
            f"""<!doctype html><html lang="en"><head><title>{title} | Kladde</title></head><body class="kladde">
<div id="glowa"><a href="/">Kladde</a></div><div id="srodek">{main}</div>{self._columns()}</body></html>""".encode()
        )

    def _entry(self, number: int, *, short: bool) -> Answer:
        title = made_title(self._dice, number)
        text = "Rain again." if short else "".join(f"<p>{made_paragraph(self._dice)}</p>" for _ in range(5))
        day = date(2024, 1, 1) + timedelta(days=3 * number)
        stamp = f'<p class="kiedy">{day:%B} {day.day}, {day.year}</p>' if self._dated else ""
        return self.shell(
            title,
            f'<div class="wpis"><h2 class="tytul">{title}</h2>{stamp}<div class="tresc"><p>{text}</p></div>'
            f'<div class="pod"><a href="/d/{(number + 1) % COUNT}.html">later</a></div></div>',
        )

    def listing(self, name: str, paths: list[str]) -> Answer:
        items = "".join(
            f'<div class="pozycja"><h3 class="tytul"><a href="{p}">Entry at {p}</a></h3><p>Read more of it.</p></div>'
            for p in paths
        )
        return self.shell(name, f'<div class="spis"><h1>{name}</h1>{items}</div>')

    def pages(self) -> Pages:
        paths = list(self.entries)
        out: dict[str, Answer | Callable[[], Answer]] = {"/": self.listing("Kladde", paths[:10])}
        out |= {f"/m/{n}.html": self.listing(f"Month {n}", paths[2 * n : 2 * n + 2]) for n in range(12)}
        out |= {f"/th/{n}.html": self.listing(f"Theme {n}", paths[n % 7 :: 7]) for n in range(self._themes)}
        return out | self.entries


@contextmanager
def crawled(pages: Pages, tmp_path: Path) -> Iterator[tuple[SiteServer, Path]]:
    archive = tmp_path / "archive.db"
    with serving(pages) as server:
        done = crawl(server.url, archive=archive)
        assert done.returncode == 0, done.stderr
        yield server, archive


def posts(archive: Path, of: str = "/d/") -> set[str]:
    return {url.partition(of)[2] for (url,) in rows(archive, f"select url from articles where url like '%{of}%'")}


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SiteServer, Path]]:
    with crawled(Diary().pages(), tmp_path_factory.mktemp("diary")) as found:
        yield found


def test_short_entries_beside_long_columns_are_posts(diary: tuple[SiteServer, Path]) -> None:
    _, archive = diary
    assert posts(archive) == {f"{n}.html" for n in range(COUNT)}


def test_the_lists_of_the_diary_are_no_posts(diary: tuple[SiteServer, Path]) -> None:
    _, archive = diary
    assert rows(archive, "select count(*) from articles")[0][0] == COUNT


def test_the_rule_of_a_page_says_that_its_form_decided(diary: tuple[SiteServer, Path]) -> None:
    _, archive = diary
    rules = dict(rows(archive, "select rule, count(*) from pages where kind = 'post' group by 1"))
    assert rules["form of the site's posts"] > 0


def test_an_entry_that_its_form_decided_has_its_capture_and_time(diary: tuple[SiteServer, Path]) -> None:
    _, archive = diary
    differing = rows(
        archive,
        "select a.url from articles a join captures c on c.id = a.capture_id join pages p on p.article_id = a.id "
        "where abs(julianday(a.first_seen) - julianday(c.captured_at)) > 0.001 or p.capture_id <> a.capture_id",
    )
    assert differing == []
    assert rows(archive, "select count(*) from articles where capture_id is null") == [(0,)]


def test_the_run_counts_pages_that_were_judged_again(diary: tuple[SiteServer, Path]) -> None:
    _, archive = diary
    assert rows(archive, "select rejudged > 0, withdrawn, new from runs") == [(1, 0, COUNT)]


def test_a_second_crawl_changes_nothing(diary: tuple[SiteServer, Path]) -> None:
    server, archive = diary
    before = rows(archive, "select url, title, body, revision, published from articles order by id")
    assert crawl(server.url, "--full", archive=archive).returncode == 0
    assert rows(archive, "select url, title, body, revision, published from articles order by id") == before
    assert rows(archive, "select new, revised, rejudged, withdrawn from runs order by id desc limit 1") == [
        (0, 0, 0, 0)
    ]
    assert rows(archive, "select count(*) from revisions") == [(COUNT,)]


def test_an_entry_with_the_title_of_an_error_page_is_a_post(tmp_path: Path) -> None:
    pages = Diary().pages()
    entry = pages["/d/3.html"]
    assert isinstance(entry, Answer)
    body = re.sub(rb'(<title>|"tytul">)[^<|]*', rb"\1Error 404: our baker ", entry.body)
    pages["/d/3.html"] = replace(entry, body=body)
    with crawled(pages, tmp_path) as (_, archive):
        assert rows(archive, "select title from articles where url like '%/d/3.html'") == [("Error 404: our baker",)]
        assert rows(archive, "select outcome, rule from pages where url like '%/d/3.html'") == [
            ("archived", "form of the site's posts")
        ]


class Handbook:
    """News beside a handbook of the same theme, whose chapters show the day of their last change as news do."""

    def __init__(self) -> None:

        dice = Random(5)
        self.news = {
            f"/news/2024/{n % 12 + 1:02}/{n}-story.html": self._page(dice, n, declared=True) for n in range(12)
        }
        self.chapters = {f"/book/chapter-{n}.html": self._page(dice, 100 + n, declared=False) for n in range(14)}

    @staticmethod
    def _page(dice: Random, number: int, *, declared: bool) -> Answer:
        title, day = made_title(dice, number), date(2024, 2, 1) + timedelta(days=number)
        head = f'<meta property="article:published_time" content="{day}T08:00:00+00:00">' if declared else ""
        text = "".join(f"<p>{made_paragraph(dice)}</p>" for _ in range(4))
        return Answer(
            f"""<!doctype html><html lang="en"><head><title>{title} - Sluice</title>{head}</head><body class="sluice">
<header class="top"><a href="/">Sluice</a> <a href="/book/chapter-0.html">Handbook</a></header>
<main class="well"><h1 class="heading">{title}</h1><p class="day">{day:%B} {day.day}, {day.year}</p>
<div class="running">{text}</div><p><a href="/book/chapter-{(number + 1) % 14}.html">Go on reading</a></p></main>
</body></html>""".encode()
        )

    def pages(self) -> Pages:
        items = "".join(f'<li class="item"><h2><a href="{path}">{path}</a></h2></li>' for path in self.news)
        start = f"""<!doctype html><html lang="en"><head><title>Sluice</title></head><body class="sluice">
<header class="top"><a href="/">Sluice</a> <a href="/book/chapter-0.html">Handbook</a></header>
<main class="well"><h1 class="heading">Sluice</h1><ul class="items">{items}</ul></main></body></html>"""
        return {"/": Answer(start.encode()), **self.news, **self.chapters}


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SiteServer, Path]]:
    with crawled(Handbook().pages(), tmp_path_factory.mktemp("handbook")) as found:
        yield found


def test_chapters_that_nothing_reports_as_posts_are_withdrawn(handbook: tuple[SiteServer, Path]) -> None:
    _, archive = handbook
    withdrawn = rows(archive, "select a.url from articles a join withdrawn_articles w on w.article_id = a.id")
    assert withdrawn
    assert {url.split("/")[3] for (url,) in withdrawn} == {"book"}
    assert rows(archive, "select withdrawn from runs") == [(len(withdrawn),)]
    rule = "not the form of the site's posts"
    assert rows(archive, "select rule, outcome, count(*) from pages where url like '%/book/%' group by 1, 2") == [
        (rule, "not-article", 14)
    ]


def test_withdrawn_articles_do_not_count_as_new(handbook: tuple[SiteServer, Path]) -> None:
    _, archive = handbook
    (live,) = rows(archive, "select count(*) from articles where id not in (select article_id from withdrawn_articles)")
    (run,) = json.loads(archiver("runs", "--json", archive=archive).stdout)
    (site,) = json.loads(archiver("status", "--long", "--json", archive=archive).stdout)
    assert (run["new"], site["articles"]["all"]) == (*live, *live)


def test_searches_and_datasets_leave_out_what_is_withdrawn(handbook: tuple[SiteServer, Path], tmp_path: Path) -> None:
    _, archive = handbook
    found = archiver("export", "-f", "jsonl", archive=archive)
    assert {json.loads(line)["url"].split("/")[3] for line in found.stdout.splitlines()} == {"news"}
    out = tmp_path / "dataset"
    published = archiver("publish", str(out), "--version", "1.0.0", archive=archive)
    assert published.returncode == 0, published.stderr
    assert rows_of_table(out, "articles") == 12
    assert [(rows_of_table(out, "withdrawn"),)] == rows(archive, "select count(*) from withdrawn_articles")


def rows_of_table(folder: Path, name: str) -> int:
    import pyarrow.parquet

    files = [*folder.rglob(f"{name}*.parquet")]
    return sum(pyarrow.parquet.read_metadata(file).num_rows for file in files)


def test_show_says_that_an_article_is_withdrawn_and_why(handbook: tuple[SiteServer, Path]) -> None:
    _, archive = handbook
    ((number,),) = rows(archive, "select min(article_id) from withdrawn_articles")
    shown = json.loads(archiver("show", str(number), "--json", archive=archive).stdout)
    assert shown["withdrawn"]["reason"].endswith("not the form of the site's posts")
    assert shown["body"]


def test_a_second_crawl_withdraws_nothing_more(handbook: tuple[SiteServer, Path]) -> None:
    server, archive = handbook
    before = rows(archive, "select count(*) from withdrawn_articles")
    crawl(server.url, "--full", archive=archive)
    assert rows(archive, "select new, revised, rejudged, withdrawn from runs order by id desc limit 1") == [
        (0, 0, 0, 0)
    ]
    assert rows(archive, "select count(*) from withdrawn_articles") == before


def test_an_archive_with_withdrawn_articles_is_sound(handbook: tuple[SiteServer, Path]) -> None:
    _, archive = handbook
    found = archiver("verify", archive=archive)
    assert found.returncode == 0, found.stdout + found.stderr


def test_pages_are_judged_again_by_hand(tmp_path: Path) -> None:
    with crawled(Diary().pages(), tmp_path) as (_, archive):
        lose = "update pages set outcome = 'not-article', kind = 'listing', rule = 'list of links', article_id = null "
        change(
            archive,
            f"{lose} where url like '%/d/3.html'",
            "delete from page_forms where page_id = (select id from pages where url like '%/d/5.html')",
        )
        before = rows(archive, "select url, title, body, first_seen from articles order by id")
        dry = json.loads(archiver("reextract", "--pages", "--dry-run", "--json", archive=archive).stdout)
        assert [page["url"].rpartition("/")[2] for page in dry["sites"][0]["posts"]] == ["3.html"]
        assert dry["sites"][0]["without_form"] == 1
        assert posts_of_pages(archive) == COUNT - 1
        done = json.loads(archiver("reextract", "--pages", "--json", archive=archive).stdout)
        assert (len(done["sites"][0]["posts"]), done["sites"][0]["formed"]) == (1, 1)
        assert posts_of_pages(archive) == COUNT
        assert rows(archive, "select url, title, body, first_seen from articles order by id") == before
        again = json.loads(archiver("reextract", "--pages", "--json", archive=archive).stdout)
        assert (again["sites"][0]["posts"], again["sites"][0]["withdrawn"]) == ([], [])


def posts_of_pages(archive: Path) -> int:
    return int(rows(archive, "select count(*) from pages where kind = 'post' and article_id is not null")[0][0])


def change(archive: Path, *statements: str) -> None:
    db = sqlite3.connect(archive)
    with db:
        for statement in statements:
            db.execute(statement)
    db.close()


LEAVES = 6
"""So few pages that the pages of the site do not show what a post is."""


def leaves() -> Pages:
    """Return a site whose posts have no mark of a post but an attribute of their own, which is their date."""
    dice = Random(4)
    links = "".join(f'<p><a href="/log/{n}">leaf {n}</a></p>' for n in range(LEAVES))
    out: Pages = {"/": Answer(f"<html><head><title>Leaves</title></head><body>{links}</body></html>".encode())}
    for n in range(LEAVES):
        top = f"<html><head><title>Leaf {n}</title></head><body data-leaf='2024-05-0{n + 1}'>"
        headers = {"Content-Type": "text/html; charset=utf-8", "ETag": f'"{n}"'}
        out[f"/log/{n}"] = Answer(f"{top}<p>{made_paragraph(dice)}</p></body></html>".encode(), headers=headers)
    return out


def rejudged(archive: Path, *words: str) -> tuple[int, int]:
    """Return how many pages `reextract --pages` stored as posts and how many articles it withdrew."""
    (found,) = json.loads(archiver("reextract", "--pages", "--json", *words, archive=archive).stdout)["sites"]
    return len(found["posts"]), len(found["withdrawn"])


@pytest.mark.parametrize(
    "rules", ["[site]\npost = ['body[data-leaf]']", "[published]\nselect = ['body::attr(data-leaf)']"]
)
def test_new_rules_by_hand_judge_stored_pages_again(tmp_path: Path, rules: str) -> None:
    archive, file = tmp_path / "archive.db", tmp_path / "rules.toml"
    file.write_text(rules, encoding="utf-8")
    with serving(leaves()) as server:
        site = server.url.removeprefix("http://").rstrip("/")
        done = crawl(server.url, archive=archive)
        assert posts_of_pages(archive) == 0
        assert f"'archiver sites rules {site} --set FILE' takes a rule 'post'" in done.stdout
        archiver("sites", "rules", site, "--set", str(file), archive=archive)
        crawl(server.url, "--full", archive=archive)
        assert rejudged(archive, "--dry-run") == (LEAVES, 0)
        assert posts_of_pages(archive) == 0
        assert rejudged(archive) == (LEAVES, 0)
        assert posts_of_pages(archive) == LEAVES
        assert rejudged(archive) == (0, 0)
        archiver("sites", "rules", site, "--forget", archive=archive)
        assert rejudged(archive) == (0, LEAVES)


def logs() -> Pages:
    """Return a site whose posts have every mark of a post, on a server that knows when a page is unchanged."""
    dice = Random(4)
    links = "".join(f'<p><a href="/log/{n}">log {n}</a></p>' for n in range(LEAVES))
    out: Pages = {"/": Answer(f"<html><head><title>Logs</title></head><body>{links}</body></html>".encode())}
    for n in range(LEAVES):
        top = f"<html><head><title>Log {n}</title><meta property='og:type' content='article'></head>"
        day = f"<time datetime='2024-05-0{n + 1}'>{n + 1} May 2024</time>"
        text = f"<article><h1>Log {n}</h1>{day}<p>{made_paragraph(dice)}</p></article>"
        headers = {"Content-Type": "text/html; charset=utf-8", "ETag": f'"{n}"'}
        out[f"/log/{n}"] = Answer(f"{top}<body class='single-post'>{text}</body></html>".encode(), headers=headers)
    return out


@pytest.mark.parametrize(("version", "posts"), [("0.0.1", LEAVES), ("", LEAVES - 1)])
def test_an_updated_program_judges_unchanged_pages_again(tmp_path: Path, version: str, posts: int) -> None:
    with crawled(logs(), tmp_path) as (server, archive):
        assert posts_of_pages(archive) == LEAVES
        change(
            archive,
            "update pages set outcome = 'not-article', kind = 'listing', rule = 'list of links', article_id = null, "
            "due_at = '2000-01-01T00:00:00+00:00' where url like '%/log/3'",
            f"update runs set version = '{version}' where '{version}' <> ''",
        )
        server.requests.clear()
        crawl(server.url, archive=archive)
        assert "/log/3" in server.requests
        assert rows(archive, "select status from pages where url like '%/log/3'") == [(304,)]
        assert posts_of_pages(archive) == posts


class Logo:
    """A blog that shows its own name as the first heading of each page and a hashtag after each title, and one picture
    to those who share it.

    `scans` of its posts are a picture with a button for applause and nothing else.
    """

    def __init__(self, posts: int = 16, scans: int = 0) -> None:
        dice = Random(11)
        self.titles = [made_title(dice, n) for n in range(posts)]
        self.entries = {f"/e/{n}/": self._entry(dice, n, scan=n < scans) for n in range(posts)}

    def _entry(self, dice: Random, number: int, *, scan: bool) -> Answer:
        title, day = self.titles[number], date(2024, 1, 1) + timedelta(days=number)
        text = "".join(f"<p>{made_paragraph(dice)}</p>" for _ in range(3))
        if scan:
            text = f'<div class="hand"><button class="clap">Applaud</button> <span>Applause {number}</span></div>'
        return Answer(
            f"""<!doctype html><html lang="en"><head><title>{title}</title>
<meta property="og:image" content="https://img.example/card.png"><meta name="description" content="All about weirs.">
<meta property="article:published_time" content="{day}T08:00:00+00:00"></head><body>
<div class="lid"><h1 class="brand">Weir and Mill</h1></div><div class="sheet"><h2 class="what">{title} - #MillTrade</h2>
<p class="at">{day:%B} {day.day}, {day.year}</p><div class="article-body"><img src="/scan-{number}.png">{text}</div>
</div></body></html>""".encode()
        )

    def pages(self) -> Pages:
        items = "".join(f'<div class="row"><h3><a href="{path}">{path}</a></h3></div>' for path in self.entries)
        start = f'<html><head><title>Weir</title></head><body><h1 class="brand">Weir and Mill</h1>{items}</body></html>'
        return {"/": Answer(start.encode()), **self.entries}


@pytest.mark.parametrize("number", [16, 34])
def test_what_is_constant_is_the_sites_and_no_posts(number: int, tmp_path: Path) -> None:
    blog = Logo(number)
    with crawled(blog.pages(), tmp_path) as (server, archive):
        found = rows(archive, "select title, image, description from articles")
        assert {title for title, _, _ in found} == set(blog.titles)
        assert {image.rpartition("/")[2] for _, image, _ in found} == {f"scan-{n}.png" for n in range(number)}
        assert {about for _, _, about in found} == {""}
        assert rows(archive, "select count(*) from revisions") == [(number,)]
        crawl(server.url, "--full", archive=archive)
        assert rows(archive, "select title, image, description from articles") == found
        assert rows(archive, "select count(*) from revisions") == [(number,)]


def test_the_text_of_a_button_is_no_body(tmp_path: Path) -> None:
    with crawled(Logo(20, scans=8).pages(), tmp_path) as (server, archive):
        query = "select body <> '' from articles where url like '%/e/_/' order by url"
        assert [filled for (filled,) in rows(archive, query)] == [0] * 8 + [1] * 2
        crawl(server.url, "--full", archive=archive)
        assert [filled for (filled,) in rows(archive, query)] == [0] * 8 + [1] * 2
        assert rows(archive, "select count(*) from revisions") == [(20,)]


def almanac() -> Pages:
    """Nine posts, and the 24 months of a calendar without entries, which all show the day when it was set up."""
    dice, pages = Random(9), {}
    for n in range(9):
        text = "".join(f"<p>{made_paragraph(dice)}</p>" for _ in range(3))
        pages[f"/p/{n}/"] = f'<h1>{made_title(dice, n)}</h1><p class="dia">March {n + 1}, 2020</p><div>{text}</div>'
    links = "".join(f'<p><a href="{path}">{path}</a></p>' for path in pages)
    for n in range(24):
        empty = f'<ul><li>Nothing yet here.</li></ul><a href="/cal/{(n + 1) % 24}.html">&raquo;</a>'
        pages[f"/cal/{n}.html"] = f'<h1>Month {n}</h1><p class="dia">June 7, 2014</p>{empty}'
    pages["/"] = f'{links}<a href="/cal/0.html">Calendar</a>'
    shell = "<html><head><title>Almanac</title></head><body>{}</body></html>"
    return {path: Answer(shell.format(main).encode()) for path, main in pages.items()}


def test_months_without_text_that_show_one_day_are_no_posts(tmp_path: Path) -> None:
    with crawled(almanac(), tmp_path) as (server, archive):
        for _ in range(2):
            query = "select url from articles where id not in (select article_id from withdrawn_articles)"
            assert sorted(url.partition("/p/")[2] for (url,) in rows(archive, query)) == [f"{n}/" for n in range(9)]
            crawl(server.url, "--full", archive=archive)


def gallery(shown: frozenset[int]) -> Pages:
    """A blog with a post for each of 16 numbers. The first four have no title, and its theme declares "Senza titolo"
    for these; it also shows this on the pages of the numbers in `shown`, as it shows each other title.
    """
    dice = Random(5)
    pages: Pages = {}
    for n in range(16):
        title = made_title(dice, n) if n >= 4 else "Senza titolo"
        heading = f'<h2 class="nome">{title}</h2>' if n >= 4 or n in shown else ""
        text = "".join(f"<p>{made_paragraph(dice)}</p>" for _ in range(3))
        pages[f"/g/{n}/"] = Answer(
            f"""<!doctype html><html lang="en"><head><title>{title} | Bottega</title>
<meta property="og:title" content="{title}"><meta property="og:type" content="article">
<meta property="article:published_time" content="2024-02-{n + 1:02}T08:00:00+00:00"></head><body>
<article>{heading}<p class="giorno">February {n + 1}, 2024</p><div class="entry-content">{text}</div></article>
</body></html>""".encode()
        )
    items = "".join(f'<div class="riga"><a href="{path}">{path}</a></div>' for path in pages)
    return {"/": Answer(f"<html><head><title>Bottega</title></head><body>{items}</body></html>".encode()), **pages}


@pytest.mark.parametrize(("shown", "titles"), [(frozenset(), 0), (frozenset({3}), 4)])
def test_a_title_that_several_posts_declare_and_none_shows_is_the_themes(
    shown: frozenset[int], titles: int, tmp_path: Path
) -> None:
    with crawled(gallery(shown), tmp_path) as (_, archive):
        found = [title for (title,) in rows(archive, "select title from articles")]
        assert (len(found), found.count("Senza titolo"), found.count("")) == (16, titles, 4 - titles)


def test_status_says_what_was_withdrawn_and_what_looks_like_a_post(
    handbook: tuple[SiteServer, Path], tmp_path: Path
) -> None:
    _, archive = handbook
    (state,) = json.loads(archiver("status", "--long", "--json", archive=archive).stdout)
    assert [(state["withdrawn"],)] == rows(archive, "select count(*) from withdrawn_articles")
    assert state["posts"]["archived"] == state["articles"]["all"]
    assert f"{state['withdrawn']} articles withdrawn" in archiver("status", "--long", archive=archive).stdout
    assert state["untaken"] == []
    with crawled(with_undated_entry(), tmp_path) as (_, archive):
        (state,) = json.loads(archiver("status", "--long", "--json", archive=archive).stdout)
        assert [(one["pages"], one["example"][-10:]) for one in state["untaken"]] == [(1, "/d/90.html")]


def with_undated_entry() -> Pages:
    """Returns a site on which a list shows a page without a date, `/d/90.html`, among its posts."""
    diary = Diary()
    main = (
        '<div class="wpis"><h2 class="tytul">Not yet</h2><p class="kiedy">soon</p><div class="tresc"><p>Wait.</p></div>'
    )
    strange = diary.shell("Not yet", f'{main}<div class="pod"><a href="/d/1.html">later</a></div></div>')
    pages = {**diary.pages(), "/d/90.html": strange}
    pages["/m/3.html"] = diary.listing("Month 3", ["/d/90.html", "/d/21.html", "/d/22.html"])
    return pages


def test_the_list_of_what_is_missing_names_the_pages_that_look_like_posts(tmp_path: Path) -> None:
    with crawled(with_undated_entry(), tmp_path) as (_, archive):
        shown = archiver("status", "--missing", archive=archive)
        (state,) = json.loads(archiver("status", "--missing", "--json", archive=archive).stdout)
    assert shown.returncode == 0
    assert "0 URLs missing" in shown.stdout
    assert re.search(r"fetched, so not missing: 1 page looks like a post .*/d/90\.html", " ".join(shown.stdout.split()))
    assert [one["example"][-10:] for one in state["untaken"]] == ["/d/90.html"]


def notebook(*, with_menu: bool) -> Pages:
    """Returns a site whose pages say only when they were changed. All but one have tags, and a list shows all of them.
    With a menu of all pages on each page, it is a manual.
    """
    dice = Random(11)
    titles = {f"/n/{n}/": made_title(dice, n) for n in range(12)}
    items = "".join(f'<li><a href="{path}">{title}</a></li>' for path, title in titles.items())
    menu = f"<nav><ul>{items}</ul></nav>" if with_menu else ""

    def page(title: str, main: str) -> Answer:
        shell = f"<!doctype html><html lang='en'><head><title>{title}</title></head><body>{menu}<main>{main}</main>"
        return Answer(f"{shell}</body></html>".encode())

    def entry(number: int, title: str) -> Answer:
        tags = '<p class="tags"><a href="/tags/rope/">rope</a></p>' if number else ""
        text = "".join(f"<p>{made_paragraph(dice)}</p>" for _ in range(3))
        return page(
            title,
            f"""<article class="note"><header class="top"><h1 class="name">{title}</h1>
<p class="row"><span class="when">Last updated on May {number + 1}, 2024</span></p>{tags}</header>
<div class="text">{text}</div><footer class="end">Thank you for reading.</footer></article>""",
        )

    heads = "".join(f'<div><h2><a href="{path}">{title}</a></h2></div>' for path, title in titles.items())
    pages: Pages = {path: entry(n, title) for n, (path, title) in enumerate(titles.items())}
    return {"/": page("Notes", f"<h1>Notes</h1>{heads}"), "/tags/rope/": page("rope", heads), **pages}


def test_a_post_without_tags_among_posts_that_say_only_when_they_were_changed(tmp_path: Path) -> None:
    with crawled(notebook(with_menu=False), tmp_path) as (_, archive):
        assert posts(archive, "/n/") == {f"{n}/" for n in range(12)}


def test_pages_of_a_manual_with_tags_that_say_when_they_were_changed_are_no_posts(tmp_path: Path) -> None:
    with serving(notebook(with_menu=True)) as server:
        crawl(server.url, archive=tmp_path / "archive.db")
    assert posts(tmp_path / "archive.db", "/n/") == set()


def test_a_merge_keeps_what_is_withdrawn(handbook: tuple[SiteServer, Path], tmp_path: Path) -> None:
    _, archive = handbook
    whole = tmp_path / "whole.db"
    merged = archiver("merge", str(archive), "--yes", archive=whole)
    assert merged.returncode == 0, merged.stderr
    query = "select a.url, w.reason from withdrawn_articles w join articles a on a.id = w.article_id order by 1"
    assert rows(whole, query) == rows(archive, query) != []


def test_posts_that_their_form_decided_are_extracted_again(diary: tuple[SiteServer, Path]) -> None:
    _, archive = diary
    done = json.loads(archiver("reextract", "--json", archive=archive).stdout)
    assert (done["articles"], done["left"], done["changed"]) == (COUNT, [], 0)


class Journal:
    """A journal whose program writes the time of the file into the head of every page. Its posts show their date; the
    slugs of two of them are numbers.
    """

    SLUGS = (*(f"slug-{n}" for n in range(14)), "2022", "20210304")
    STATIC = ("imprint-of-the-press", "roll-of-friends")

    def __init__(self) -> None:

        dice = Random(11)
        self._posts = {f"/notes/{slug}/": self._page(dice, n, dated=True) for n, slug in enumerate(self.SLUGS)}
        self._static = {f"/{name}/": self._page(dice, 90 + n, dated=False) for n, name in enumerate(self.STATIC)}

    def _page(self, dice: Random, number: int, *, dated: bool) -> Answer:
        day = date(2023, 2, 1) + timedelta(days=2 * number)
        title = made_title(dice, number)
        shown = f'<p class="opened"><time datetime="{day}">{day:%d %B %Y}</time></p>' if dated else ""
        text = "".join(f"<p>{made_paragraph(dice)}</p>" for _ in range(3))
        kind = "leaf" if dated else "board"
        return Answer(
            f'<!doctype html><html lang="en"><head><title>{title}</title><meta property="og:type" content="article">'
            f'<meta property="article:published_time" content="{day}T08:00:00Z"></head><body>'
            f'<div class="{kind}"><h1 class="{kind}-head">{title}</h1>{shown}<div class="{kind}-words">{text}</div>'
            f'<p class="{kind}-foot"><a href="/">all notes</a></p></div></body></html>'.encode()
        )

    def pages(self) -> Pages:
        entries = "".join(f'<h2><a href="{path}">Note at {path}</a></h2><p>It begins.</p>' for path in self._posts)
        menu = "".join(f'<a href="{path}">page</a>' for path in self._static)
        home = f"<!doctype html><html><head><title>Journal</title></head><body>{menu}{entries}</body></html>"
        out: dict[str, Answer | Callable[[], Answer]] = {"/": Answer(home.encode())}
        return out | self._posts | self._static


def test_pages_that_only_declare_the_time_of_their_file_are_no_posts(tmp_path: Path) -> None:
    with crawled(Journal().pages(), tmp_path) as (_, archive):
        assert posts(archive, "/notes/") == {f"{slug}/" for slug in Journal.SLUGS}
        standing = "select count(*) from articles where id not in (select article_id from withdrawn_articles)"
        assert rows(archive, standing) == [(len(Journal.SLUGS),)]
