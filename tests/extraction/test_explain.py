"""Explanations of fields from an article and its stored evidence."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import archiver
from archiver.extraction.article import extract_page
from archiver.extraction.explanations import FIELDS, FieldExplanation, explain, explanations_as_data
from archiver.extraction.page import parse_page
from archiver.extraction.site_rules import from_toml
from archiver.model.items import IN_FUTURE, REFUSED, Evidence, PageKind

URL = "https://quay.example/2024/05/rope-and-chain"
PAGE = """<html lang="en"><head><title>Rope and chain - Quay notes</title><meta name="author" content="Ada Berg">
<meta property="og:title" content="Rope and chain">
<meta property="article:published_time" content="2024-05-01T10:00:00Z">
</head><body><article><h1>Rope and chain</h1><p class="byline">By Ada Berg</p>
<p>A rope is kinder to the hands than a chain, and quieter in the night when the wind turns to the north again.</p>
<p>A chain lasts longer, and nobody has ever had to splice one by lamplight in the rain, which is worth something.</p>
</article></body></html>"""


def one(field: str, said: Any, *rows: tuple[str, str, float], url: str = URL) -> FieldExplanation:
    evidence = [Evidence(field, value, source, "", trust) for value, source, trust in rows]
    return next(e for e in explain({"url": url, field: said}, evidence) if e.field == field)


def test_authors_that_are_organizations_are_a_field_of_the_explanation() -> None:
    article = extract_page(parse_page(PAGE.replace("Ada Berg", "Reuters"), URL))
    found = explanations_as_data(explain(asdict(article), article.evidence))["organizations"]
    assert (found["chosen"], found["why"]) == ("Reuters", "all candidates are kept")
    assert [c["value"] for c in found["candidates"]] == ["Reuters"]


@pytest.mark.parametrize(("field", "said", "rows", "won", "why"), [
    ("title", "Ropes", [("Ropes", "head", 0.6)], 0, "the only candidate"),
    ("title", "Ropes", [("Ropes", "heading", 0.8), ("Ropes", "meta", 0.7)], 0,
     "shown on the page and declared; no source disagrees"),
    ("title", "Ropes", [("Ropes", "meta", 0.7), ("Ropes", "head", 0.6), ("Quay", "heading", 0.5)], 0,
     "2 sources agree"),
    ("title", "Rope and chain", [("Quay notes", "heading", 0.85), ("Rope and chain", "meta", 0.7)], 1,
     "the page's address was made from it"),
    ("title", "Ropes!", [("Buy ropes", "meta", 0.8), ("Ropes!", "heading", 0.7)], 1, "the heading that readers see"),
    ("title", "Ropes", [("Ropes", "rule by hand", 1.0), ("Quay", "heading", 0.8)], 0, "a hand-written rule"),
    ("title", "Ropes", [("Ropes", "learned", 0.98)], 0, "a learned rule, agreement 0.98"),
    ("title", "Ropes", [("Ropes", "api", 0.97), ("Ropes!", "heading", 0.8)], 0, "from the site's own API"),
    ("title", "", [("", "platform", 0.9), ("Quay notes", "head", 0.6)], 0, "none, according to platform"),
    ("title", "", [], None, "no candidates"), ("title", "Ropes", [], None, "its candidates were not stored"),
    ("authors", ("Ada Berg", "Bo Lind"), [("Ada Berg", "signed", 0.9), ("Ada Berg, Bo Lind", "meta", 0.8)], 1,
     "has all the people from signed and more"),
    ("authors", ["Ada Berg"], [("admin", "platform", 0.9), ("Ada Berg", "byline", 0.8)], 1,
     "names a person; platform names only an account"),
    ("authors", (), [("Quay", "json-ld", 0.3)], None, "no candidate is trusted enough"),
    ("published", datetime(2024, 5, 1, 10, tzinfo=UTC),
     [("2024-05-01T12:00:00+02:00", "meta", 0.9), ("2024-05-01", "byline", 0.8)], 0,
     "shown on the page and declared; no source disagrees"),
    ("published", "2001-04-24T00:00:00+00:00",
     [("2025-12-01T05:10:15+00:00", "json-ld", 0.9), ("2001-04-24T00:00:00+00:00", "byline", 0.8)], 1,
     "the day that readers see; json-ld has another day"),
    ("published", None, [], None, "no date of publication was found"),
    ("published", None, [("2012-03-06T00:00:00+00:00", REFUSED, 0.0)], None,
     "no date of publication was found; the dates on the page are of something else"),
    ("published", None, [("2999-03-06T00:00:00+00:00", "meta", 0.8)], None, "no candidate is trusted enough"),
    ("tags", ["Knots"], [("Knots", "platform", 0.9), ("Rope, chain", "meta", 0.3)], 0,
     "the platform's own element for it"),
    ("tags", ["Knots", "Rope"], [("Knots", "link", 0.8), ("Rope, Knots", "json-ld", 0.7)], 1,
     "has all the terms from link and more"),
    ("tags", ["Knots"], [("Knots, Boats", "link", 0.8), ("Knots", "json-ld", 0.7)], 1,
     "the terms from link include those of other posts"),
    ("tags", ["Knots"], [("Knots, Harbour", "link", 0.8)], 0, "the only candidate"),
    ("body", "x" * 40, [("40 characters", "platform", 0.9)], 0, "the platform's own element for the text"),
])  # fmt: skip
def test_the_winner_and_why(
    field: str, said: Any, rows: list[tuple[str, str, float]], won: int | None, why: str
) -> None:
    found = one(field, said, *rows)
    assert [n for n, yes in enumerate(found.won) if yes] == ([] if won is None else [won])
    assert found.why == why


@pytest.mark.parametrize(("rows", "why"), [
    ([("2999-03-06", IN_FUTURE)], "2999-03-06 is in the future: later than the capture"),
    ([("2999-03-06", IN_FUTURE), ("2999-03-06", IN_FUTURE), ("2998-01-01", IN_FUTURE)],
     "2999-03-06 and 2998-01-01 are in the future: later than the capture"),
    ([("2999-03-06", IN_FUTURE), ("2012-03-06", "in a sentence of the text")],
     "2999-03-06 is in the future: later than the capture; the other dates on the page are of something else"),
])  # fmt: skip
def test_refused_dates_in_the_future_are_named(rows: list[tuple[str, str]], why: str) -> None:
    evidence = [
        Evidence("published", f"{day}T00:00:00+00:00", REFUSED, f"byline: {reason}", 0.0) for day, reason in rows
    ]
    found = next(e for e in explain({"url": URL, "published": None}, evidence) if e.field == "published")
    assert found.why == f"no date of publication was found; {why}"


@pytest.mark.parametrize("rules", [None, '[title]\nselect = ["h1"]\n[body]\nselect = ["article"]\n'
                                   '[published]\nselect = [".day"]'])  # fmt: skip
def test_a_date_in_the_future_is_refused_with_and_without_learned_rules(rules: str | None) -> None:
    html = PAGE.replace("2024-05-01T10:00:00Z", "").replace("By Ada Berg", "By Ada Berg <i class=day>1 May 2031</i>")
    page = parse_page(html, "https://quay.example/rope-and-chain", captured_at=datetime(2026, 5, 1, tzinfo=UTC))
    article = extract_page(page, known_kind=PageKind.POST, rules=from_toml(rules, "quay") if rules else None)
    found = next(e for e in explain(asdict(article), article.evidence) if e.field == "published")
    assert found.why == "no date of publication was found; 2031-05-01 is in the future: later than the capture"


def test_all_places_and_credits_win_but_linked_files() -> None:
    rows = [
        Evidence("geotags", "1.0, 2.0 (content)", "ICBM"),
        Evidence("geotags", "https://a.example/way.kml", "link", "file of places", 0.2),
    ]
    found = next(e for e in explain({"geotags": [{}]}, rows) if e.field == "geotags")
    assert (found.chosen, found.won) == ("1 place", (True, False))
    assert one("credits", ("Reuters",), ("Reuters", "text", 0.7)).chosen == "Reuters"


def test_every_field_of_a_page_is_explained() -> None:
    article = archiver.extract(PAGE, URL)
    found = {e.field: e for e in explain(asdict(article), article.evidence)}
    assert tuple(found) == FIELDS
    assert found["authors"].chosen == "Ada Berg"
    assert len(found["published"].candidates) == 1
    assert found["title"].why not in ("", found["published"].why)
    assert {e.candidates[e.won.index(True)].source for e in found.values() if any(e.won)} >= {"heading", "density"}
    data = json.loads(json.dumps(explanations_as_data(found.values())))
    assert data["title"]["chosen"] == "Rope and chain"
    assert set(data["title"]["candidates"][0]) == {"value", "source", "locator", "confidence", "won"}


def test_a_rule_is_named_as_the_reason() -> None:
    rules = from_toml('[title]\nselect = ["h1"]\n[body]\nselect = ["article"]', "quay", version="rules-1")
    page = parse_page(PAGE, URL)
    for used, why in (
        (rules, "a learned rule, agreement 1.00"),
        (
            replace(rules, fields={n: replace(r, by_hand=True) for n, r in rules.fields.items()}),
            "a hand-written rule",
        ),
    ):
        article = extract_page(page, rules=used)
        found = {e.field: e for e in explain(asdict(article), article.evidence)}
        assert found["title"].why == why
        assert found["body"].why == why
        # Fields without a rule are chosen from candidates, as on any site.
        assert found["authors"].why not in ("", why)
        assert found["published"].why not in ("", why)


TEXTS = st.text(max_size=12)


@given(
    st.dictionaries(st.sampled_from(FIELDS), TEXTS | st.lists(TEXTS, max_size=3)),
    st.lists(st.builds(Evidence, st.sampled_from(FIELDS), TEXTS, TEXTS, TEXTS, st.floats(0, 1)), max_size=8),
)
def test_any_stored_article_can_be_explained(said: dict[str, Any], evidence: list[Evidence]) -> None:
    for found in explain(said, evidence):
        assert found.why
        assert len(found.won) == len(found.candidates)
        assert sum(found.won) <= 1 or found.field in ("credits", "geotags")
    assert explain(said, evidence) == explain(said, evidence)
