"""Tiers: which tier a record gets and why, and that no tier below full contains the text."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from archiver.datasets.publication_rules import OperatorStatement, Tier, decide_tier, parse_publication_rules
from archiver.datasets.withheld_text import first_words
from archiver.datasets.word_counts import words_of_text
from archiver.model.items import GeoTag, UsageStatement
from tests.datasets.published import CC_BY, POSTS, Post, all_words, leaked, make, publish, rows, text

DAY = "2024-06-01"


def robots(value: str, agent: str = "", source: str = "header") -> UsageStatement:
    return UsageStatement(source, "robots", value, agent)


def licence(address: str) -> UsageStatement:
    return UsageStatement("link", "license", address)


OPERATOR = OperatorStatement("rule 1", Tier.FULL)
RESERVED = UsageStatement("file", "tdm-reservation", "1")


@pytest.mark.parametrize(
    ("said", "page", "tier"),
    [
        ((), (), Tier.FEATURES),
        ((OPERATOR,), (), Tier.FULL),
        ((OPERATOR, OperatorStatement("the definition of x", Tier.EXCERPT)), (), Tier.EXCERPT),
        ((OperatorStatement("rule 1", Tier.REFERENCE),), (CC_BY,), Tier.REFERENCE),
        ((), (CC_BY,), Tier.FULL),
        ((), (licence("https://creativecommons.org/licenses/by-nc-sa/3.0/de/"),), Tier.FULL),
        ((), (licence("https://creativecommons.org/licenses/by-nc-nd/4.0/"),), Tier.EXCERPT),
        ((), (licence("http://creativecommons.org/publicdomain/zero/1.0/"),), Tier.FULL),
        ((), (licence("https://example.org/terms"),), Tier.FEATURES),
        ((), (licence("//www.creativecommons.org/licenses/by/4.0/deed.de?ref=chooser#top"),), Tier.FULL),
        ((), (licence(" creativecommons.org/licenses/by-nd/4.0 "),), Tier.EXCERPT),
        ((), (licence("Not under https://creativecommons.org/licenses/by/4.0/ like our photographs"),), Tier.FEATURES),
        ((), (licence("https://example.org/terms?not=creativecommons.org/licenses/by/4.0/"),), Tier.FEATURES),
        ((), (licence("https://creativecommons.org/licenses/by/4.0/ but for the pictures"),), Tier.FEATURES),
        ((), (CC_BY, licence("https://creativecommons.org/licenses/by-nd/4.0/")), Tier.EXCERPT),
        ((), (CC_BY, robots("noarchive")), Tier.FEATURES),
        ((OPERATOR,), (robots("noarchive", source="meta"),), Tier.FEATURES),
        ((OPERATOR,), (robots("nosnippet"),), Tier.FEATURES),
        ((OPERATOR,), (robots("noindex"),), Tier.REFERENCE),
        ((OPERATOR,), (robots("noai"),), Tier.REFERENCE),
        ((OPERATOR,), (robots("max-snippet: 0"),), Tier.FEATURES),
        ((OPERATOR,), (robots("max-snippet: 50"),), Tier.EXCERPT),
        ((OPERATOR,), (robots("max-snippet: -1"), robots("max-image-preview: large"), robots("index")), Tier.FULL),
        ((OPERATOR,), (robots("noarchive", agent="googlebot"),), Tier.FULL),
        ((OPERATOR,), (robots("noarchive", agent="archiver"),), Tier.FEATURES),
        ((OPERATOR,), (robots("unavailable_after: 25 Jun 2023 15:00:00 GMT"),), Tier.REFERENCE),
        ((OPERATOR,), (robots("unavailable_after: 2030-01-01"),), Tier.FULL),
        ((OPERATOR,), (RESERVED,), Tier.REFERENCE),
        ((OPERATOR,), (RESERVED, UsageStatement("meta", "tdm-reservation", "0")), Tier.FULL),
        ((OPERATOR,), (UsageStatement("header", "content-usage", "train-ai=n"),), Tier.REFERENCE),
        ((OPERATOR,), (UsageStatement("header", "content-usage", "search=y, train-genai=n"),), Tier.REFERENCE),
        ((OPERATOR,), (UsageStatement("robots.txt", "content-usage", "train-ai=n;v=1"),), Tier.REFERENCE),
        ((OPERATOR,), (UsageStatement("robots.txt", "content-usage", 'train-ai="n"'),), Tier.REFERENCE),
        ((OPERATOR,), (UsageStatement("robots.txt", "content-signal", "search=yes,ai-train=no"),), Tier.REFERENCE),
        ((OPERATOR,), (UsageStatement("robots.txt", "content-signal", "ai-train=yes, AI-Input=NO"),), Tier.REFERENCE),
        ((OPERATOR,), (UsageStatement("header", "content-signal", "search=no"),), Tier.REFERENCE),
        ((OPERATOR,), (UsageStatement("header", "content-usage", "train-ai=y, search=y"),), Tier.FULL),
        ((OPERATOR,), (UsageStatement("header", "content-signal", "search=yes, ai-train=yes"),), Tier.FULL),
        ((OPERATOR,), (UsageStatement("header", "content-usage", "train-ai=none-of-it, maintain-ai=n"),), Tier.FULL),
        (
            (OperatorStatement("rule 1", Tier.FULL, permission="a contract"),),
            (RESERVED, robots("noarchive")),
            Tier.FULL,
        ),
        (
            (
                OperatorStatement("rule 1", Tier.FULL, permission="a contract"),
                OperatorStatement("rule 2", Tier.EXCERPT),
            ),
            (),
            Tier.EXCERPT,
        ),
    ],
)
def test_strictest_statement_wins(
    said: tuple[OperatorStatement, ...], page: tuple[UsageStatement, ...], tier: Tier
) -> None:
    found = decide_tier(said, page, DAY)
    assert found.tier is tier
    assert found.deciding, "every decision has a reason"


def test_decision_has_the_licence() -> None:
    assert decide_tier((), (CC_BY,), DAY).licence == "CC-BY-4.0"
    assert decide_tier((OperatorStatement("rule 1", licence="CC-BY-SA-4.0"),), (CC_BY,), DAY).licence == "CC-BY-SA-4.0"
    several = decide_tier((), (CC_BY, licence("https://creativecommons.org/licenses/by/2.0/")), DAY)
    assert (several.licence, several.licence_source) == ("", "disagreement")
    twice = decide_tier((), (CC_BY, licence("CC BY 4.0")), DAY)
    assert (twice.licence, twice.licence_source) == ("CC-BY-4.0", "link")


@pytest.mark.parametrize(
    ("of_page", "of_rule", "tier", "kept"),
    [
        ("by-nc-nd/4.0", "CC-BY-4.0", Tier.EXCERPT, ("CC-BY-NC-ND-4.0", "link")),
        ("by-nc-sa/3.0", "CC-BY-4.0", Tier.FULL, ("CC-BY-NC-SA-3.0", "link")),
        ("by-sa/4.0", "CC0-1.0", Tier.FULL, ("CC-BY-SA-4.0", "link")),
        ("by-nc/4.0", "https://example.org/own-terms", Tier.FULL, ("CC-BY-NC-4.0", "link")),
        ("by/4.0", "CC-BY-NC-ND-4.0", Tier.EXCERPT, ("CC-BY-NC-ND-4.0", "rule")),
        ("by/4.0", "CC-BY-4.0", Tier.FULL, ("CC-BY-4.0", "rule")),
        ("by/4.0", "All rights reserved", Tier.FULL, ("All rights reserved", "rule")),
        ("by/4.0", "Public domain", Tier.FULL, ("CC-BY-4.0", "link")),
    ],
)
def test_rule_without_a_permission_never_widens_what_the_page_allows(
    of_page: str, of_rule: str, tier: Tier, kept: tuple[str, str]
) -> None:
    page = (UsageStatement("link in footer", "license", f"https://creativecommons.org/licenses/{of_page}/"),)
    found = decide_tier((OperatorStatement("rule 1", Tier.FULL, of_rule),), page, DAY)
    assert (found.tier, (found.licence, found.licence_source)) == (tier, kept)
    assert any("(link in footer)" in reason.why for reason in found.reasons)
    assert bool(found.ignored) is (kept[1] == "link")
    permitted = decide_tier((OperatorStatement("rule 1", Tier.FULL, of_rule, permission="a letter"),), page, DAY)
    assert (permitted.tier, permitted.licence_source, permitted.ignored) == (Tier.FULL, "rule", ())


def test_max_snippet_counts_characters(tmp_path: Path) -> None:
    def snippet(number: int) -> tuple[UsageStatement, ...]:
        return CC_BY, robots(f"max-snippet: {number}")

    posts = [
        Post(1, description=text(61)[:90], rights=(*snippet(40), robots("max-snippet: 20"))),
        Post(2, day=2, body=text(1), site="https://notes.example/blog/", rights=(CC_BY,)),  # the same text elsewhere
        Post(3, description="Short words", rights=snippet(12)),
        Post(4, body="今天我们学习机器学习的基础" * 9, language="zh", rights=snippet(9)),
        Post(5, description=text(65)[:200], rights=snippet(1)),
        Post(6, description=text(66)[:300], rights=snippet(1000)),
    ]
    archive = make(tmp_path / "a" / "archive.db", posts)
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    found = {row["url"].rsplit("/", 1)[1]: row for row in rows(tmp_path / "d", "articles")}
    sizes = {number: [len(row[name] or "") for name in ("excerpt", "description")] for number, row in found.items()}
    for number, most in {"1": 20, "2": 20, "3": 12, "4": 9, "5": 1}.items():
        assert max(sizes[number]) <= most, found[number]
    assert sizes["1"][0] > 10
    assert sizes["2"][0] > 10
    assert found["3"]["description"] == "Short words"
    assert sizes["4"][0] == 9
    assert 100 < sizes["6"][1] <= 252
    assert leaked(text(1), all_words(tmp_path / "d")) == []


def test_rules_match_sites_hosts_paths_authors_and_categories() -> None:
    rules = parse_publication_rules(
        '[[rule]]\nhost = ["a.example", "*.b.example"]\npath = "/news/*"\ntier = "full"\n'
        '[[rule]]\nauthor = "Ada*"\ngeo = false\n',
        "r.toml",
    ).rules
    applicable = [rule.applies_to("x", "https://www.b.example/news/1", ("ada berg",), ()) for rule in rules]
    assert applicable == [True, True]
    assert not rules[0].applies_to("x", "https://a.example/opinion/1", (), ())


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hidden = Post(
        20,
        title="A place to be alone",
        geotags=(GeoTag(1.0, 2.0, "Cove"),),
        tags=("secret",),
        description=text(20)[:120],
    )
    return make(tmp_path_factory.mktemp("archive") / "archive.db", [*POSTS, hidden])


@pytest.fixture(scope="module")
def folder(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset in all formats with records of every tier."""
    rules = tmp_path_factory.mktemp("rules") / "rules.toml"
    rules.write_text('[[rule]]\nhost = "notes.example"\ntier = "excerpt"\n[[rule]]\npath = "/20"\ngeo = false\n')
    out = tmp_path_factory.mktemp("datasets") / "d"
    done = publish(
        archive,
        str(out),
        "--version",
        "1.0.0",
        "--rules",
        str(rules),
        "--formats",
        "csv,jsonl,geojson",
    )
    assert done.exit_code == 0, done.output
    return out


def test_records_have_the_values_of_their_tier(folder: Path) -> None:
    found = {row["url"].rsplit("/", 1)[1]: row for row in rows(folder, "articles")}
    assert {name: row["tier"] for name, row in found.items()} == {
        "1": "excerpt",
        "2": "excerpt",
        "3": "features",
        "4": "reference",
        "5": "features",
        "6": "excerpt",
        "7": "excerpt",
        "8": "excerpt",
        "9": "full",
        "20": "features",
    }
    assert found["9"]["body"] == text(9)
    assert found["9"]["licence"] == "CC-BY-4.0"
    assert found["9"]["sketch"] is None
    assert found["1"]["body"] is None
    assert text(1).startswith(found["1"]["excerpt"].rstrip(" …"))
    assert found["3"]["title"] == "Day 3"
    assert found["3"]["description"] is None
    assert found["3"]["tags"] == ["tides"]
    assert found["4"]["title"] is None
    assert found["4"]["authors"] == []
    assert found["4"]["published"]
    assert found["4"]["payload_digest"].startswith("sha1:")
    assert found["4"]["sketch"]
    assert {row["placename"] for row in rows(folder, "places")} == {"Lighthouse"}  # neither of 4 nor of 20


@pytest.mark.parametrize("number", [3, 4, 5, 20])
def test_no_passage_of_a_withheld_text_is_in_any_file(folder: Path, number: int) -> None:
    said = all_words(folder)
    assert leaked(text(9), said), "the search finds what is there"
    bodies = [text(number)] + ([text(50)] if number == 5 else [])
    assert [run for body in bodies for run in leaked(body, said)] == []


def test_only_the_excerpt_of_a_text_is_published(folder: Path) -> None:
    given = {row["id"]: row["excerpt"] for row in rows(folder, "articles") if row["excerpt"]}
    assert given
    for number in (1, 2):
        runs = leaked(text(number), all_words(folder))
        excerpt = next(one for one in given.values() if text(number).startswith(one.rstrip(" …")))
        assert 0 < len(runs) <= len(words_of_text(excerpt)) <= 25


def test_script_without_spaces_is_withheld_by_character(tmp_path: Path) -> None:
    archive = make(tmp_path / "a" / "archive.db", [post for post in POSTS if post.number == 8])
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    [row] = rows(tmp_path / "d", "articles")
    assert row["title"] is None
    assert row["words"] > 80
    assert leaked(POSTS[7].body, all_words(tmp_path / "d")) == []


def test_rules_may_begin_with_a_byte_order_mark(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('[[rule]]\nsite = "*"\ntier = "reference"\n', encoding="utf-8-sig")
    found = publish(archive, "--explain", "9", "--rules", str(tmp_path / "r.toml"), "--json")
    assert found.exit_code == 0
    assert any("1" in one["why"] and "reference" in one["why"] for one in json.loads(found.stdout)["reasons"])


def test_explain_lists_all_statements(archive: Path, tmp_path: Path) -> None:
    explanation = json.loads(publish(archive, "--explain", "https://harbour.example/3", "--json").stdout)
    assert explanation["tier"] == "features"
    reasons = [one["why"] for one in explanation["reasons"]]
    assert any("header" in why and "noarchive" in why for why in reasons)
    assert any("CC-BY-4.0" in why for why in reasons)
    (tmp_path / "r.toml").write_text('[[rule]]\nsite = "notes.example/blog"\ntier = "reference"\n')
    explanation = json.loads(
        publish(archive, "--explain", "https://harbour.example/1", "--rules", str(tmp_path / "r.toml"), "--json").stdout
    )
    assert explanation["tier"] == "reference"
    assert any("notes.example/blog" in one["why"] for one in explanation["reasons"])


def test_site_definition_affects_the_tier(archive: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from archiver.cli.main import cli

    own = make(tmp_path / "a" / "archive.db", POSTS[:2])
    done = CliRunner().invoke(
        cli, ["sites", "set", "harbour.example", "publish=excerpt", "licence=CC-BY-4.0", "--archive", str(own)]
    )
    assert done.exit_code == 0, done.output
    said = json.loads(publish(own, "--explain", "1", "--json").stdout)
    assert said["tier"] == "excerpt"
    assert said["licence"] == "CC-BY-4.0"
    assert any("harbour.example" in one["why"] and "excerpt" in one["why"] for one in said["reasons"])


def test_revoked_permission_applies_from_the_next_capture(tmp_path: Path) -> None:
    later = Post(1, day=2, body=POSTS[0].text, rights=(CC_BY, robots("noarchive")))
    archive = make(tmp_path / "a" / "archive.db", [Post(1, rights=(CC_BY,)), later])
    assert json.loads(publish(archive, "--explain", "1", "--json").stdout)["tier"] == "features"
    assert json.loads(publish(archive, "--explain", "1", "--json", "--cutoff", "2024-05-02").stdout)["tier"] == "full"


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("One two three four five six seven eight nine ten.", "One two …"),
        ("word " * 500, "word " * 24 + "word …"),
        ("Short", None),
        ("", None),
        ("深" * 100, "深" * 20 + " …"),
    ],
)
def test_excerpt_is_at_most_a_fifth(said: str, first: str | None) -> None:
    assert first_words(said) == first


def test_every_description_says_that_the_licence_is_per_record(tmp_path: Path) -> None:
    """Nine of twelve posts are under CC BY, one names two licences, and two none."""
    by = UsageStatement("meta", "license", "https://creativecommons.org/licenses/by/4.0/")
    two = UsageStatement("link", "license", "https://creativecommons.org/licenses/by-sa/4.0/")
    posts = [Post(n, rights=(by,) if n < 10 else (by, two) if n == 10 else ()) for n in range(1, 13)]
    archive = make(tmp_path / "archive" / "archive.db", posts)
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    read = {name: (tmp_path / "d" / name).read_text() for name in _DESCRIPTIONS}
    assert [
        name for name, text in read.items() if "CC-BY-4.0 9, none known 2, the page states several 1" not in text
    ] == []
    assert [name for name, text in read.items() if "creativecommons.org" in text] == []
    found = rows(tmp_path / "d", "articles")
    assert Counter((row["licence"], row["licence_source"]) for row in found) == {
        ("CC-BY-4.0", "meta"): 9,
        (None, "disagreement"): 1,
        (None, None): 2,
    }


_DESCRIPTIONS = ("croissant.json", "datacite.json", "CITATION.cff")
