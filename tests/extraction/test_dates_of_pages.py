"""The date of whole pages in many languages, layouts and years: which of the dates on a page is the day of publication,
and how precise it is.

Each line of tests/cases/dates/pages.jsonl is a page: its language, the expected date (a prefix of its ISO form; "" if
the page shows none) and precision, and what is special about the page. `below` stands between the heading and the text,
`before` above the heading, `first` at the start of the text, `after` below it, and `head` in <head>. `whole` is the
whole <body> in place of these parts, with {title} and {text} to be filled in.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archiver.extraction.article import extract_page
from archiver.extraction.page import parse_page
from archiver.model.items import IN_FUTURE, REFUSED, Article

Row = dict[str, str]
_CASES = Path(__file__).parent.parent / "cases" / "dates"
_ROWS: list[Row] = [json.loads(line) for line in (_CASES / "pages.jsonl").read_text(encoding="utf-8").splitlines()]
_TEXTS: Row = json.loads((_CASES / "texts.json").read_text(encoding="utf-8"))
_NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
_TITLE_LENGTH = 30


def _html(row: Row) -> str:
    text = _TEXTS[row["lang"][:2] or "en"]
    title = text[:_TITLE_LENGTH].rsplit(" ", 1)[0].rstrip(" ,，。")
    paragraphs = "".join(f"<p>{text} {text}</p>" for _ in range(8))
    body = row.get("whole", "").replace("{title}", title).replace("{text}", paragraphs) or (
        f"<div id=page><div class=box>{row.get('before', '')}<h1>{title}</h1>{row.get('below', '')}"
        f"<div class=text>{row.get('first', '')}{paragraphs}</div>{row.get('after', '')}</div></div>"
    )
    head = f"<meta charset=utf-8><title>{title}</title>{row.get('head', '')}"
    lang = f' lang="{row["lang"]}"' if row["lang"] else ""
    return f"<!doctype html><html{lang}><head>{head}</head><body>{body}</body></html>"


def _extract(row: Row) -> Article:
    url = "https://harbour.example" + row.get("path", "/news/the-ferry-moves.html")
    return extract_page(parse_page(_html(row).encode(), url, captured_at=_NOW))


@pytest.mark.parametrize("row", _ROWS, ids=[row["name"] for row in _ROWS])
def test_a_page_has_the_date_that_it_shows(row: Row) -> None:
    article = _extract(row)
    found = article.published.isoformat() if article.published else ""
    assert (found[: len(row["date"]) or None], article.published_precision or "") == (row["date"], row["precision"])


_REFUSED_PARTS = [
    (
        "after",
        '<div class="comments"><p>Bo, 6 March 2012</p></div>',
        "in comments, a sidebar, a menu or a list of other posts",
    ),
    ("after", '<p><a href="/pier-two">Pier two, 6 March 2012</a></p>', "in a link to another page"),
    ("after", "<p>Copyright 2012-03-06 Harbour News</p>", "in the footer or a copyright notice"),
    ("after", '<div role="contentinfo"><p>6 March 2012</p></div>', "in the footer or a copyright notice"),
    ("after", '<p class="event-date">6 March 2012</p>', "of a quotation, a picture or an event"),
    (
        "first",
        "<p>The pier was opened on 6 March 2012 by the mayor, who came by boat.</p>",
        "in a sentence of the text",
    ),
    ("after", "<ul><li>6 March 2012</li><li>7 April 2012</li><li>8 May 2012</li></ul>", "one of several in a list"),
]


@pytest.mark.parametrize(
    ("part", "markup", "reason"), _REFUSED_PARTS, ids=[f"{n} {reason}" for n, (*_, reason) in enumerate(_REFUSED_PARTS)]
)
def test_a_page_without_a_date_says_why_its_other_dates_do_not_count(part: str, markup: str, reason: str) -> None:
    article = _extract({"lang": "en", part: markup})
    refused = [e for e in article.evidence if e.field == "published"]
    assert article.published is None
    assert [(e.value, e.source) for e in refused][:1] == [("2012-03-06T00:00:00+00:00", REFUSED)]
    assert refused[0].locator.endswith(f": {reason}")


@pytest.mark.parametrize(
    "row",
    [{"lang": "en", "below": "<p>6 March 2031</p>"},
     {"lang": "pt", "below": "<p>Por Rita Sales, 6 de março de 2031</p>"},
     {"lang": "ja", "below": "<p>2031年3月6日</p>"},
     {"lang": "en", "head": '<meta property="article:published_time" content="2031-03-06T00:00:00+00:00">'}],
)  # fmt: skip
def test_a_date_later_than_the_capture_is_refused_as_in_the_future(row: Row) -> None:
    article = _extract(row)
    found = [e for e in article.evidence if e.field == "published"]
    assert article.published is None
    assert {(e.value[:10], e.source, e.confidence) for e in found} == {("2031-03-06", REFUSED, 0.0)}
    assert found[0].locator.endswith(f": {IN_FUTURE}")


def test_a_date_in_the_future_beside_a_date_that_counts_is_not_refused() -> None:
    head = '<meta property="article:published_time" content="2031-03-06T00:00:00+00:00">'
    article = _extract({"lang": "en", "head": head, "below": "<p>5 March 2012</p>"})
    assert article.published is not None
    assert not [e for e in article.evidence if e.source == REFUSED]


def test_a_date_of_the_day_after_the_capture_is_not_in_the_future() -> None:
    assert _extract({"lang": "en", "below": "<p>2 May 2026</p>"}).published is not None


def test_a_dated_page_keeps_no_refused_dates() -> None:
    article = _extract(
        {"lang": "en", "below": "<p>5 March 2012</p>", "after": "<p>Copyright 2012-03-06 Harbour News</p>"}
    )
    assert not [e for e in article.evidence if e.source == REFUSED]
