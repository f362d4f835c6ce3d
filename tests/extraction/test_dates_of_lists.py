"""The dates that a list of posts shows beside the links to its entries, in many layouts and languages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from archiver.extraction.listing_dates import dates_of_entries
from archiver.extraction.page import parse_page

_NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def dates(markup: str, language: str = "en", path: str = "/", *, is_continued: bool = False) -> list[str]:
    """Return the dates of the entries on a page in the order of the entries, "" for an entry without a date."""
    html = f'<!DOCTYPE html><html lang="{language}"><body>{markup}</body></html>'
    page = parse_page(html, f"https://quay.example{path}", captured_at=_NOW)
    links = [(a, a.get("href")) for a in page.index.tag("a")]
    found = dates_of_entries(page, links, is_continued=is_continued)
    return [found.get(address, "") for _, address in links] if found else []


def lines(template: str, *texts: str) -> str:
    """Return a line by this template for each date."""
    link = '<a href="HREF">Sea</a>'
    filled = (template.replace("LINK", link).replace("DATE", text) for text in texts)
    return "".join(line.replace("HREF", f"/n{n}") for n, line in enumerate(filled))


ISO = ("2024-05-03", "2024-05-02", "2023-11-30")


@pytest.mark.parametrize(
    "template",
    [
        "<li>DATE LINK</li>",
        "<li>LINK <small>DATE</small></li>",
        "<li>DATE - LINK, by Ann in Harbour</li>",
        '<li>LINK <time datetime="DATET08:00:00Z">then</time></li>',
        "<tr><td>DATE</td><td>LINK</td><td>Harbour</td></tr>",
        "<dt>DATE</dt><dd>LINK</dd>",
        "DATE LINK<br>",
        "LINK (DATE)<br>",
        "<h2>LINK</h2><p>DATE</p><p>The boats came in late that day.</p>",
        "<p>DATE</p><h2>LINK</h2><p>The boats came in late that day.</p>",
        '<a href="HREF"><h3>Sea</h3><span>DATE</span></a>',
        '<div><a href="HREF">DATE Sea</a></div>',
        "<li><div><div>LINK</div></div><div><span>Posted on DATE by Ann</span></div></li>",
    ],
)
def test_a_date_may_be_anywhere_beside_the_link(template: str) -> None:
    tag = {"<tr": "table", "<dt": "dl"}.get(template[:3], "div")
    assert dates(f"<{tag}>{lines(template, *ISO)}</{tag}>") == list(ISO)


@pytest.mark.parametrize(
    ("language", "texts", "expected"),
    [
        ("en", ("May 3, 2024", "2 May 2024", "30th of November 2023"), ISO),
        ("de", ("3. Mai 2024", "2. Mai 2024", "30.11.2023"), ISO),
        ("zh", ("2024年5月3日", "2024-05-02", "2023/11/30"), ISO),
        ("ar", ("٣ مايو ٢٠٢٤", "٢ مايو ٢٠٢٤", "٣٠ نوفمبر ٢٠٢٣"), ISO),
        ("my", ("၂၀၂၄-၀၅-၀၃", "၂ မေ ၂၀၂၄", "၂၀၂၃-၁၁-၃၀"), ISO),
        ("hi", ("३ मई २०२४", "२ मई २०२४", "३० नवंबर २०२३"), ISO),
        ("en", ("<b>3</b> <i>May</i> <b>2024</b>", "<b>2</b> <i>May</i> 2024", "30 <i>Nov</i> <b>2023</b>"),
         ISO),
        ("en", ("May 2024", "2024-04", "11/2023"), ("2024-05", "2024-04", "2023-11")),
        ("ja", ("2024年5月", "2024年4月", "2023年11月"), ("2024-05", "2024-04", "2023-11")),
        ("en", ("02/24", "01/24", "11/99"), ("2024-02", "2024-01", "1999-11")),
        ("en", ("2024", "2023", "2019"), ("2024", "2023", "2019")),
    ],
)  # fmt: skip
def test_dates_of_all_languages_and_precisions_are_read(
    language: str, texts: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert dates(f"<ul>{lines('<li><span>DATE</span> LINK</li>', *texts)}</ul>", language) == list(expected)


@pytest.mark.parametrize(
    ("language", "headings", "texts"),
    [
        ("en", ("2024", "2023"), ("May 3", "May 2", "Nov 30")),
        ("en", ("2024", "2023"), ("05-03", "05-02", "11-30")),
        ("fr", ("2024", "2023"), ("03/05", "02/05", "30/11")),
        ("zh", ("2024年", "2023年"), ("5月3日", "5月2日", "11月30日")),
        ("en", ("May 2024", "November 2023"), ("3rd", "2nd", "30th")),
        ("ja", ("2024年5月", "2023年11月"), ("3日", "2日", "30日")),
    ],
)
def test_the_heading_above_completes_a_date(
    language: str, headings: tuple[str, str], texts: tuple[str, str, str]
) -> None:
    first, second, third = (f'<li>{text} <a href="/n{n}">Sea</a></li>' for n, text in enumerate(texts))
    markup = f"<h2>{headings[0]}</h2><ul>{first}{second}</ul><h2>{headings[1]}</h2><ul>{third}</ul>"
    assert dates(markup, language) == list(ISO)


LINE = "<li>DATE LINK</li>"


@pytest.mark.parametrize(
    "markup",
    [
        lines(LINE, *ISO[:2]),
        lines(LINE, ISO[0], ISO[0], ISO[0]),
        lines(LINE, "2026-07-01", "2026-06-01", "2026-04-01"),
        lines("<li>DATE Added LINK to the chapter about harbours and quays</li>", *ISO),
        lines('<li>DATE <a href="HREF">v2.1.0</a></li>', *ISO),
        lines('<td><a href="HREF">DATE</a></td>', *ISO),
        lines("<li>LINK, updated DATE</li>", *ISO),
        f"<aside>{lines(LINE, *ISO)}</aside>",
        f'<div class="comments">{lines(LINE, *ISO)}</div>',
        lines("<li>LINK, DATE boats</li>", "12", "30", "8"),
        lines(LINE, "05/12", "30/11", "02/03"),
    ],
    ids=["two", "one day", "future", "prose", "versions", "calendar", "changes", "sidebar", "comments", "numbers",
         "days and months"],
)  # fmt: skip
def test_other_lists_date_nothing(markup: str) -> None:
    assert dates(f"<ul>{markup}</ul>") == []


@pytest.mark.parametrize("path", ["/changelog", "/releases/", "/docs/release-notes.html", "/events/"])
def test_a_list_of_changes_releases_or_events_dates_nothing(path: str) -> None:
    assert dates(lines(LINE, *ISO), path=path) == []


def test_the_rest_of_a_list_may_be_one_entry() -> None:
    assert dates(lines(LINE, ISO[0]), path="/page/3/", is_continued=True) == [ISO[0]]
