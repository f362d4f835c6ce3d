"""Rules as TOML: round trips, and errors in one sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.extraction.site_rules import Rule, SiteRules, from_toml, to_toml
from archiver.model.errors import BadRules
from archiver.model.fields import LEARNABLE

PLACES = (
    "h1",
    "h1.entry-title",
    "div#main > p",
    "time[datetime]",
    "a[rel~=author]",
    ".byline a",
    "//article[h1]/p",
    "main:has(> h1)",
)
TEXTS = (
    "h1::text",
    "meta[property='article:published_time']::attr(content)",
    "normalize-space(//h1)",
    "//time/@datetime",
)
ELEMENTS = st.lists(st.sampled_from(PLACES), min_size=1, max_size=3)
SELECTORS = st.lists(st.sampled_from((*PLACES, *TEXTS)), min_size=1, max_size=3)
LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1), max_size=3)
FIGURES = st.integers(0, 1000).map(lambda n: n / 1000)


@st.composite
def rules_of(draw: st.DrawFn, name: str) -> Rule:
    rule = {"select": tuple(draw(SELECTORS)), "coverage": draw(FIGURES), "agreement": draw(FIGURES)}
    if draw(st.booleans()):
        rule |= {"select": ("ld+json",), "attribute": draw(st.sampled_from(("headline", "author", "datePublished")))}
    if name == "body":
        rule |= {
            "drop": tuple(draw(ELEMENTS)),
            "lines": tuple(draw(LINES)),
            "select": tuple(draw(ELEMENTS)),
            "attribute": "",
        }
    if name == "published":
        rule |= {"shown": tuple(draw(SELECTORS))}
    return Rule(**rule)


@st.composite
def site_rules(draw: st.DrawFn) -> SiteRules:
    names = draw(st.lists(st.sampled_from(LEARNABLE), unique=True))
    pages = draw(st.integers(0, 50))
    return SiteRules(
        {n: draw(rules_of(n)) for n in names},
        draw(st.sampled_from(("generic", "wordpress", "hugo"))),
        tuple(draw(st.lists(st.just("body.single-post"), max_size=1))),
        pages,
        draw(st.sampled_from(("api", "feed", "agreement"))) if pages else "",
        tuple(draw(LINES)),
    )


@given(site_rules())
def test_rules_round_trip_through_toml(rules: SiteRules) -> None:
    again = from_toml(to_toml(rules), "test")
    assert again == rules
    assert to_toml(again) == to_toml(rules)


@given(st.text(max_size=80))
def test_any_text_gives_rules_or_one_error(text: str) -> None:
    try:
        from_toml(text, "notes.toml")
    except BadRules as error:
        assert error.subject == "notes.toml"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[title\nselect = 'h1'", "line 1"),
        ("[title]\nselect = 'h1'\n[title]\nselect = 'h2'", "line 3"),
        ("[headline]\nselect = 'h1'", "unknown field [headline]"),
        ("[title]\nattribute = 'content'", "[title] has no select"),
        ("[title]\nselect = 7", "[title] select is not a list of strings"),
        ("[title]\nselect = 'h1'\ndrop = 'b'", "[title] has an unknown key 'drop'"),
        ("[title]\nselect = 'ld+json'", "needs an attribute"),
        (
            "[title]\nselect = 'h1:::x'",
            "[title] select (line 2): parsel cannot read the CSS selector 'h1:::x': Expected ",
        ),
        (
            "[title]\nselect = [\n  'h1',\n  '//h1[',\n]",
            "(line 4): parsel cannot read the XPath selector '//h1[': Invalid",
        ),
        (
            "[body]\nselect = 'a'\n[tags]\nselect = 'a:nope'",
            "[tags] select (line 4): parsel cannot read the CSS selector",
        ),
        ("[tags]\nselect = 'a::nope'", "The pseudo-element ::nope is unknown"),
        ("[tags]\nselect = '//a[nope()]'", "Unregistered function: nope()"),
        ("[tags]\nselect = 're:test(//a)'", "cannot read the XPath selector"),
        ("[tags]\nselect = 're:test(//body, \"(\")'", "missing ), unterminated subpattern"),
        ("[tags]\nselect = '//a[$nope]'", "Undefined variable"),
        ("[tags]\nselect = '//a[no:pe]'", "Undefined namespace prefix: no"),
        ("[tags]\nselect = ''", "it is empty"),
        ("[body]\nselect = 'main::text'", "selects text; select the element that contains it"),
        ("[body]\nselect = 'main'\ndrop = ['//aside/text()']", "(line 3): '//aside/text()' selects text"),
        ("[body]\nselect = 'h1'\ncoverage = 'all'", "coverage is not a number"),
        ("[site]\nplatform = 'myspace'", "'myspace' is not one of"),
        ("[site]\npost = ['body..x']", "[site] post"),
        ("[site]\nlearned_from = 'many'", "[site] learned_from"),
        ("title = 'h1'", "[title]"),
        ("site = 3", "[site]"),
    ],
)
def test_a_mistake_is_reported_with_its_place(text: str, place: str) -> None:
    with pytest.raises(BadRules) as caught:
        from_toml(text, "notes.toml")
    assert place in str(caught.value)
    assert "\n" not in str(caught.value)


def test_hand_rules_replace_learned_ones_by_field() -> None:
    learned = SiteRules({"title": Rule(("h1",)), "body": Rule(("main",))}, "hugo", ("body.post",), 25, "feed", (), "a")
    hand = SiteRules({"title": Rule(("h2",))}, version="b")
    both = learned.overruled(hand)
    assert both.fields == {"title": Rule(("h2",), by_hand=True), "body": Rule(("main",))}
    assert (both.platform, both.post, both.pages, both.version) == ("hugo", ("body.post",), 25, "a+b")
