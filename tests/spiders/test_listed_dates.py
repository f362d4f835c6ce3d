"""Posts whose dates only the site's lists of posts show are found, and have these dates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.spiders.crawling import archiver, rows
from tests.spiders.site_server import Answer, Pages, page, serving
from tests.spiders.test_faults import counts

DAYS = {f"/notes/tide-{n}.html": date(2024, 1, 9) + timedelta(days=11 * n) for n in range(12)}
ISO = {path: day.isoformat() for path, day in DAYS.items()}


def plain(title: str, text: str = "") -> Answer:
    """Return a page with a title and a text, and nothing else."""
    text = text or f"{title}: ရေတက်ချိန်တွင် လှေများ ဆိပ်ကမ်းသို့ ပြန်လာကြသည်။ " * 6
    return Answer(
        f'<html lang="my"><head><title>{title}</title></head><body><nav><a href="/">Home</a></nav><main>'
        f"<h1>{title}</h1><p>{text}</p></main></body></html>".encode()
    )


def iso_first(path: str, day: date) -> str:
    return f'<li>{day.isoformat()} <a href="{path}">ဒီရေ {path[12:-5]}</a></li>'


def day_last(path: str, day: date) -> str:
    return f'<li><a href="{path}">ဒီရေ {path[12:-5]}</a> <span>{day:%d/%m/%Y}</span></li>'


def month_only(path: str, day: date) -> str:
    return f'<div><a href="{path}">ဒီရေ {path[12:-5]}</a><span>{day:%m/%y}</span></div>'


def listing(line: Callable[[str, date], str], links: str = "") -> Answer:
    lines = "".join(line(path, day) for path, day in sorted(DAYS.items(), key=lambda one: one[1], reverse=True))
    menu = '<a href="/who-we-are.html">Who we are</a> <a href="/moorings.html">Moorings</a>'
    return Answer(
        f'<html lang="my"><head><title>Quay</title></head><body><nav>{menu}</nav><main>{lines}{links}</main></body>'
        "</html>".encode()
    )


def blog(home: Answer) -> Pages:
    others = {path: plain(path[1:-5]) for path in ("/who-we-are.html", "/moorings.html")}
    return {"/": home} | {path: plain(f"ဒီရေ {path[12:-5]}") for path in DAYS} | others


def stored(archive: Path, url: str) -> dict[str, str]:
    found = rows(
        archive,
        "select url, published, published_precision from articles where id not in "
        "(select article_id from withdrawn_articles)",
    )
    length = {"day": 10, "month": 7, "year": 4}
    return {"/" + at.removeprefix(url): (when or "")[: length.get(precision, 0)] for at, when, precision in found}


def test_posts_that_only_the_home_page_dates_are_found_and_nothing_else(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(blog(listing(iso_first))) as site:
        counts(site.url, archive=archive)
        assert stored(archive, site.url) == ISO
        shown = archiver("show", f"{site.url}notes/tide-3.html", "--evidence", archive=archive).stdout
    assert re.search(r"2024-02-11.* listing", shown)
    assert "0 changed" in archiver("reextract", archive=archive).stdout


def test_a_list_of_months_gives_months(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    with serving(blog(listing(month_only))) as site:
        counts(site.url, archive=archive)
    assert stored(archive, site.url) == {path: day[:7] for path, day in ISO.items()}


@pytest.mark.parametrize("line", [iso_first, day_last, month_only])
def test_a_second_crawl_makes_no_revision_even_if_the_list_shows_its_dates_in_another_form(
    tmp_path: Path, line: Callable[[str, date], str]
) -> None:
    archive = tmp_path / "a.db"
    pages = blog(listing(iso_first))
    with serving(pages) as site:
        counts(site.url, archive=archive)
        pages["/"] = listing(line)
        counts(site.url, "--full", archive=archive)
        counts(site.url, "--full", archive=archive)
    assert stored(archive, site.url) == ISO
    assert rows(archive, "select max(revision) from articles") == [(1,)]


def test_posts_that_are_read_before_their_list_are_found_at_the_end(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    links = "".join(f'<li><a href="{path}">Tide</a></li>' for path in DAYS)
    home = Answer(f'<html lang="my"><title>Quay</title><ul>{links}</ul><a href="/author/ann/">All</a></html>'.encode())
    with serving(blog(home) | {"/author/ann/": listing(iso_first)}) as site:
        counts(site.url, archive=archive)
        assert site.requests.index("/author/ann/") > site.requests.index("/notes/tide-0.html")
    assert stored(archive, site.url) == ISO
    assert rows(archive, "select max(revision) from articles") == [(1,)]


def test_the_date_on_the_page_wins(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = blog(listing(iso_first))
    pages["/notes/tide-3.html"] = page("Tide 3", date="2023-12-24")
    with serving(pages) as site:
        counts(site.url, archive=archive)
    assert rows(archive, "select substr(published, 1, 10) from articles where title = 'Tide 3'") == [("2023-12-24",)]


def test_the_date_in_a_list_wins_over_one_in_the_text_of_a_post(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = blog(listing(iso_first))
    told = "<p>The pier was closed (5-8 July 2001) - do you know why? Nobody remembers it (Martin)</p>"
    pages["/notes/tide-3.html"] = Answer(pages["/notes/tide-3.html"].body.replace(b"<p>", told.encode() + b"<p>", 1))
    with serving(pages) as site:
        counts(site.url, archive=archive)
    assert stored(archive, site.url) == ISO


def test_a_day_that_the_list_confirms_wins_over_another_on_the_page(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    pages = blog(listing(iso_first))
    shown = b"<ul><li>Harbour Days (5-8 July 2001)</li></ul><div><span>2024-02-11</span></div></body>"
    pages["/notes/tide-3.html"] = Answer(pages["/notes/tide-3.html"].body.replace(b"</body>", shown))
    with serving(pages) as site:
        counts(site.url, archive=archive)
    assert stored(archive, site.url) == ISO


def days_of(archive: Path) -> list[str]:
    return [day for (day,) in rows(archive, "select substr(published, 1, 10) from articles order by 1")]


def has_list_dates(archive: Path) -> bool:
    return rows(archive, "select count(*) > 0 from source_hints where instr(hint, '\"listed_date\"')") == [(1,)]


def entries(paths: Iterable[str], days: dict[str, date]) -> Answer:
    """Return a list of posts with their days, whose titles are headings."""
    of_posts = "".join(
        f'<article><h2><a href="{path}">ဒီရေ {path[12:-5]}</a></h2><span>{days[path].isoformat()}</span></article>'
        for path in paths
    )
    return Answer(
        f'<html lang="my"><head><title>Quay</title></head><body><main>{of_posts}</main></body></html>'.encode()
    )


def test_lists_of_a_site_whose_posts_show_their_dates_are_not_searched_for_dates(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    posts = {path: page(f"ဒီရေ {path[12:-5]}", date=day.isoformat()) for path, day in DAYS.items()}
    with serving({"/": entries(DAYS, DAYS)} | posts) as site:
        counts(site.url, archive=archive)
    assert days_of(archive) == sorted(ISO.values())
    assert not has_list_dates(archive)


def test_the_only_undated_posts_of_a_site_are_dated_by_its_list_at_the_end(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    posts = {path: page(f"ဒီရေ {path[12:-5]}", date=day.isoformat()) for path, day in DAYS.items()}
    last = "/notes/tide-11.html"
    with serving({"/": entries(DAYS, DAYS)} | posts | {last: plain("ဒီရေ 11")}) as site:
        counts(site.url, archive=archive)
    assert days_of(archive) == sorted(ISO.values())
    assert has_list_dates(archive)


def test_a_manual_with_a_dated_list_of_changes_has_no_posts(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    topics = [f"/guide/topic-{n}.html" for n in range(20)]
    menu = "".join(f'<li><a href="{path}">Topic {path[13:-5]}</a></li>' for path in topics)
    changes = "".join(f'<li>2024-0{n + 1}-05 <a href="{path}">Topic {n}</a></li>' for n, path in enumerate(topics[:6]))
    home = Answer(f"<html lang=en><title>Manual</title><ul>{changes}</ul><ul>{menu}</ul></html>".encode())
    text = "Set the option before the first start, and look at the log for warnings. " * 9
    with serving({"/": home} | {path: plain(f"Topic {path[13:-5]}", text) for path in topics}) as site:
        counts(site.url, archive=archive)
    assert stored(archive, site.url) == {}


def test_beside_the_posts_of_a_site_a_dated_list_of_other_pages_makes_no_posts(tmp_path: Path) -> None:
    archive = tmp_path / "a.db"
    posts = {f"/blog/2024/entry-{n}/": page(f"Entry {n}", date=f"2024-05-{n + 10}") for n in range(12)}
    files = {f"/press/item-{n}.html": plain(f"Item {n}") for n in range(6)}
    entries = "".join(f'<article><h2><a href="{path}">{path[11:-1]}</a></h2></article>' for path in posts)
    items = "".join(f'<li>2024-0{n + 1}-05 <a href="{path}">Item {n}</a></li>' for n, path in enumerate(files))
    home = Answer(f"<html lang=en><title>Quay</title><main>{entries}<ul>{items}</ul></main></html>".encode())
    with serving({"/": home} | posts | files) as site:
        counts(site.url, archive=archive)
    assert set(stored(archive, site.url)) == set(posts)
