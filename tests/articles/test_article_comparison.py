"""Which extraction results are the same post, and which of their differences are edits."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.articles.article_comparison import (
    _LINES,
    _is_passing,
    are_same_post,
    changed_fields,
    content_digest,
    fold_words,
    is_part_url,
    is_stub,
    no_longer_shows,
    with_finer_time,
)
from archiver.articles.impossible_values import drop_impossible_values
from archiver.model.items import Article, Evidence, GeoTag

TEXT = "The ferry runs again since Monday, twice a day, and the winch at the slipway has been mended at last. " * 3
POST = Article(
    url="https://example.org/ferry/",
    title="The ferry",
    body=TEXT,
    authors=("Ann Rowe",),
    published=datetime(2024, 5, 1, 8, tzinfo=UTC),
    published_precision="second",
    categories=("News",),
    geotags=(GeoTag(53.1, -9.0, "Inver", source="ICBM"),),
)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"title": "The ferry runs"}, ("title",)),
        ({"body": TEXT + " Correction."}, ("body",)),
        ({"body": TEXT.replace(" ", "  ")}, ()),
        ({"authors": ("Ann Rowe", "Tom Hale")}, ("authors",)),
        ({"categories": ()}, ("categories",)),
        ({"geotags": (GeoTag(53.1, -9.0, "Inver", source="geo.position"),)}, ()),
        ({"geotags": (GeoTag(53.2, -9.0, "Inver"),)}, ("geotags",)),
        ({"modified": datetime(2024, 6, 1, tzinfo=UTC)}, ()),
        ({"image": "https://example.org/a.jpg", "description": "Another"}, ()),
        ({"published": datetime(2024, 5, 2, 8, tzinfo=UTC)}, ("published",)),
        ({"published": datetime(2024, 5, 1, 10, tzinfo=timezone(timedelta(hours=2)))}, ()),
        ({"published": datetime(2024, 5, 1, tzinfo=UTC), "published_precision": "day"}, ()),
    ],
)
def test_an_edit_is_a_change_of_meaning(change: dict[str, object], fields: tuple[str, ...]) -> None:
    assert changed_fields(POST, replace(POST, **change)) == fields  # type: ignore[arg-type]


def test_one_post_at_two_addresses() -> None:
    twin = replace(POST, url="https://example.org/news/ferry/")
    assert are_same_post(POST, twin)
    assert not are_same_post(replace(POST, post_id="wordpress:1"), replace(twin, post_id="wordpress:2"))
    assert are_same_post(replace(POST, post_id="wordpress:1", title="A"), replace(twin, post_id="wordpress:1"))
    assert not are_same_post(POST, replace(twin, published=datetime(2025, 1, 1, tzinfo=UTC)))
    assert not are_same_post(replace(POST, body="Short."), replace(twin, body="Short."))


def test_a_further_page_is_a_part() -> None:
    assert is_part_url("org,example)/ferry/2", "org,example)/ferry")
    assert is_part_url("org,example)/ferry?page=3", "org,example)/ferry")
    assert not is_part_url("org,example)/ferry-2", "org,example)/ferry")
    assert not is_part_url("org,example)/ferry/2024-report", "org,example)/ferry")


NOTICE = Article(url=POST.url, title="Sorry", body="This story is no longer online. Read something else.")


def test_a_page_that_no_longer_shows_the_post() -> None:
    assert no_longer_shows(POST, NOTICE)
    evidence = (Evidence("published", "2024-05-01", "feed"), Evidence("published", "2024-05-01", "address"))
    assert no_longer_shows(POST, replace(NOTICE, published=POST.published, evidence=evidence))


@pytest.mark.parametrize(
    "change",
    [
        {"title": POST.title},
        {"post_id": "wordpress:3"},
        {"body": "Corrected: the winch at the slipway has been mended."},
        {"evidence": (Evidence("published", "2024-05-01", "visible"),)},
        {"body": "Another text altogether. " * 30},
        {"evidence": (Evidence("authors", "Ann Rowe", "visible"),)},
    ],
)
def test_a_shortened_post_is_an_edit(change: dict[str, object]) -> None:
    assert not no_longer_shows(POST, replace(NOTICE, **change))  # type: ignore[arg-type]


def test_a_wall_is_not_an_edit() -> None:
    assert is_stub(TEXT, "Subscribe to read the full story.")
    assert is_stub(TEXT, "")
    assert not is_stub(TEXT, "The post was withdrawn by its author.")
    assert not is_stub("", "Subscribe to read")


@given(st.text(max_size=300))
def test_the_content_digest_ignores_spacing_and_case(text: str) -> None:
    assert content_digest(text) == content_digest("  " + text.replace(" ", "\n ") + "\n")


def test_impossible_values_are_dropped() -> None:
    at = datetime(2024, 5, 3, tzinfo=UTC)
    wrong = replace(
        POST,
        title="The\x00 ferry\n ",
        published=datetime(2031, 1, 1, tzinfo=UTC),
        geotags=(GeoTag(95.0, 10.0), GeoTag(1.0, 2.0)),
        tags=("a", " a ", "--", ""),
    )
    article, problems = drop_impossible_values(wrong, at)
    assert (article.title, article.published, article.published_precision) == ("The ferry", None, None)
    assert article.geotags == (GeoTag(1.0, 2.0),)
    assert article.tags == ("a",)
    assert len(problems) == 2


@given(st.text(max_size=80) | st.text(st.characters(max_codepoint=127), max_size=120))
def test_ascii_texts_are_folded_like_others(text: str) -> None:
    assert fold_words(text) == " ".join(fold_words(f"{text}é").removesuffix("é").split())


_PIECES = (
    *(
        "1,203",
        "3",
        "12k",
        "٣",
        "about",
        "a",
        "over",
        "Updated",
        "last updated",
        "posted",
        ":",
        "(",
        ")",
        "»",
        "*",
        "_",
    ),
    *(
        "views",
        "VIEWS",
        "Kommentare",
        "просмотров",
        "Comments",
        "min read",
        "minutos",
        "reading",
        "Lesezeit",
        "read time",
    ),
    *(
        "hours",
        "ago",
        "AGO",
        "days",
        "just now",
        "yesterday",
        "Today",
        "Advertisement",
        "Anzeige",
        "WERBUNG",
        "реклама",
    ),
    *("広告", "publicité", "annons", "- sponsor", "the tide", "潮", "\u00a0", "  ", "\t", "x = 1"),
)


@given(st.lists(st.sampled_from(_PIECES), max_size=6), st.sampled_from(("", " ")))
def test_the_quick_test_for_lines_that_change_by_themselves_loses_none(pieces: list[str], between: str) -> None:
    line = between.join(pieces)
    whole = re.fullmatch(rf"\s*[\W_]*(?:{'|'.join(_LINES)})[\W_]*\s*", line, re.IGNORECASE)
    assert _is_passing(line) == (len(line) <= 60 and whole is not None)


@pytest.mark.parametrize("line", ["1,203 views", "  3 hours ago", "Lesezeit: 4 Min.", "Updated yesterday", "РЕКЛАМА"])
def test_lines_that_change_by_themselves_are_recognized(line: str) -> None:
    assert _is_passing(line)


@pytest.mark.parametrize(
    ("precision", "before", "after", "kept"),
    [
        ("year", "2022-01-01", "2023-01-01", True),
        ("year", "2023-01-01", "2022-01-01", True),
        ("month", "2023-12-01", "2024-01-01", True),
        ("month", "2023-12-01", "2024-02-01", False),
        ("year", "2021-01-01", "2023-01-01", False),
        ("day", "2023-12-01", "2023-12-02", False),
    ],
)
def test_a_relative_date_that_moved_on_is_no_edit(precision: str, before: str, after: str, kept: bool) -> None:
    old, new = (
        replace(POST, published=datetime.fromisoformat(day).replace(tzinfo=UTC), published_precision=precision)
        for day in (before, after)
    )
    assert (with_finer_time(old, new).published == old.published) is kept
