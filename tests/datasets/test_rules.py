"""The rule file: errors are reported, and values are normalized for catalogues."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from archiver.datasets.publication_rules import (
    Tier,
    is_listed,
    licence_url,
    parse_publication_rules,
    spdx_identifier,
    tier_of_licence,
)
from archiver.model.errors import BadPublishRules
from tests.datasets.published import Post, make, publish


@pytest.mark.parametrize(
    ("toml", "names"),
    [
        ("rule = 1", "[[rule]]"),
        ("[[rule]]\nsite = 'a'", ""),
        ("[[rule]]\ntier = 'most'", "reference, features"),
        ("[[rule]]\nsit = 'a'\ntier = 'full'", "'sit'"),
        ("[[rule]]\ngeo = 'no'", "geo"),
        ("[[rule]]\npermission = 'x'", "tier"),
        ("[dataset]\ntitel = 'x'", "'titel'"),
        ("[dataset]\ncreators = ['me']", "{ name ="),
        ("[dataset]\nkeywords = [1]", "keywords"),
        ("[dataset]\ncreators = [{name = 'Ada', orcid = 5}]", "orcid"),
        ("[dataset]\ncreators = [{name = 'Ada', orcid = '0000-0002-1825-0098'}]", "0000-0002-1825-0097"),
        ("[dataset]\ncreators = [{name = ' '}]", "name"),
        ("[dataset]\ndoi = 'soon'", "doi"),
        ("[dataset]\nurl = 'harbour.example'", "https://"),
        ("[dataset]\nlicence = 'All rights reserved'", "CC-BY-4.0"),
    ],
)
def test_invalid_rules_are_refused(toml: str, names: str) -> None:
    with pytest.raises(BadPublishRules) as error:
        parse_publication_rules(toml, "r.toml")
    assert error.value.subject == "r.toml"
    assert names in str(error.value)


def test_dataset_table_is_normalized() -> None:
    rules = parse_publication_rules(
        """[dataset]
        title = " Harbour "
        doi = "https://doi.org/10.1234/Harbour"
        keywords = ["tides", " tides ", ""]
        creators = [{ name = "Ada", orcid = "https://orcid.org/0000-0002-1694-233x/" }, { name = "B" }, { name = "B" }]
        """,
        "r.toml",
    ).dataset
    assert rules["doi"] == "10.1234/Harbour"
    assert rules["keywords"] == ["tides"]
    assert rules["title"] == "Harbour"
    assert rules["creators"] == [{"name": "Ada", "orcid": "0000-0002-1694-233X"}, {"name": "B"}]
    assert parse_publication_rules("[dataset]\ndoi = 'doi:10.1234/x'", "r.toml").dataset["doi"] == "10.1234/x"


@pytest.mark.parametrize(
    ("said", "identifier", "at", "tier"),
    [
        ("CC BY 4.0", "CC-BY-4.0", "https://spdx.org/licenses/CC-BY-4.0.html", Tier.FULL),
        ("cc-by-nc-nd-3.0", "CC-BY-NC-ND-3.0", "https://spdx.org/licenses/CC-BY-NC-ND-3.0.html", Tier.EXCERPT),
        (
            "//creativecommons.org/licenses/by/4.0/",
            "CC-BY-4.0",
            "https://creativecommons.org/licenses/by/4.0/",
            Tier.FULL,
        ),
        ("https://spdx.org/licenses/ODbL-1.0.html", "ODbL-1.0", "https://spdx.org/licenses/ODbL-1.0.html", Tier.FULL),
        ("odbl-1.0", "ODbL-1.0", "https://spdx.org/licenses/ODbL-1.0.html", Tier.FULL),
        ("https://x.example/a b", "", "https://x.example/a%20b", None),
        ("All rights reserved", "", "", None),
        ("Not CC BY 4.0", "", "", None),
    ],
)
def test_licences_are_recognized_as_people_write_them(said: str, identifier: str, at: str, tier: Tier | None) -> None:
    assert (spdx_identifier(said), licence_url(said), tier_of_licence(said)) == (identifier, at, tier)
    assert is_listed(identifier) is bool(identifier)


@pytest.mark.parametrize("licence", ["CC-BY-40", "Foo-9"])
@pytest.mark.parametrize("where", ['[[rule]]\nsite = "*"\n', "[dataset]\n"])
def test_mistyped_licence_is_refused(licence: str, where: str) -> None:
    with pytest.raises(BadPublishRules):
        parse_publication_rules(f'{where}licence = "{licence}"\n', "r.toml")


def test_rules_that_fit_no_article_are_named(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(
        '[[rule]]\nsite = "harbour.example:80"\ntier = "reference"\n[[rule]]\nsite = "harbour.example"\ntier = "full"\n'
        '[dataset]\nsites = [{ site = "harbor.example", why = "the only one" }]\n'
    )
    archive = make(tmp_path / "archive" / "archive.db", [Post(1)])
    done = publish(archive, str(tmp_path / "d"), "--version", "1.0.0", "--rules", str(tmp_path / "r.toml"), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["unmatched"] == ["rule 1", "the entry of harbor.example in sites"]


def test_cutoff_in_the_future_is_refused(tmp_path: Path) -> None:
    archive = make(tmp_path / "archive" / "archive.db", [Post(1)])
    done = publish(archive, str(tmp_path / "d"), "--version", "1.0.0", "--cutoff", "2999")
    assert done.exit_code == 2
    assert not (tmp_path / "d").exists()
