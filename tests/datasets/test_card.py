"""What a dataset says of itself is true of its records: licences, rates, tables, splits and warnings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archiver import dataset as datasets
from archiver.model.items import Mark, UsageStatement
from tests.datasets.published import CC_BY, FREE, LIGHT, NEAR, Post, make, publish, rows, text

DESCRIPTIONS = ("croissant.json", "datacite.json", "CITATION.cff")
SITE_WITHOUT_DERIVATIVES = '[[rule]]\nsite = "*"\nlicence = "CC-BY-NC-ND-4.0"\n'
DATASET_BY = '[dataset]\nlicence = "CC-BY-4.0"\ncreators = [{ name = "The Lab" }]\n'


def built(folder: Path, posts: list[Post], rules: str, *args: str) -> tuple[Path, str]:
    """Publish these posts. Return the folder of the dataset, and what the command printed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "r.toml").write_text(rules)
    archive = make(folder / "archive" / "archive.db", posts)
    done = publish(archive, str(folder / "d"), "--version", "1.0.0", "--rules", str(folder / "r.toml"), *args)
    assert done.exit_code == 0, done.output
    return folder / "d", done.output


def card_of(folder: Path) -> str:
    return (folder / "README.md").read_text()


def front_of(folder: Path) -> dict[str, Any]:
    """Return the front matter of the card."""
    lines = card_of(folder).split("---\n")[1].splitlines()
    return {name: json.loads(value) for name, value in (line.split(": ", 1) for line in lines)}


@pytest.mark.parametrize(
    ("rules", "rights", "counts"),
    [
        (SITE_WITHOUT_DERIVATIVES, (), "CC-BY-NC-ND-4.0 3"),
        ("", (), "none known 3"),
        (FREE, (UsageStatement("meta", "license", "https://creativecommons.org/licenses/by-sa/4.0/"),), "CC-BY-SA-4.0"),
    ],
)
def test_licence_of_the_dataset_covers_no_record_with_another_one(
    tmp_path: Path, rules: str, rights: tuple[UsageStatement, ...], counts: str
) -> None:
    folder, _ = built(tmp_path, [Post(n, rights=rights) for n in range(1, 4)], rules + DATASET_BY)
    assert {row["licence"] for row in rows(folder, "articles")} != {"CC-BY-4.0"}
    described = {name: (folder / name).read_text() for name in DESCRIPTIONS}
    said = "CC-BY-4.0 covers only the compilation and its metadata"
    assert [name for name, words in described.items() if "Per record, see the column" not in words] == []
    assert [name for name, words in described.items() if counts not in words or said not in words] == []
    assert (front_of(folder)["license"], front_of(folder)["license_name"]) == ("other", "per-record")
    assert "CC-BY-4.0 is the licence of the compilation" in card_of(folder)
    assert json.loads(described["datacite.json"])["rightsList"][0].keys() == {"rights"}
    assert "spdx.org" not in "".join(described.values())


def test_licence_that_all_records_have_is_that_of_the_dataset(tmp_path: Path) -> None:
    """The page and the rule file write the same licence in different ways."""
    folder, _ = built(tmp_path, [Post(1, rights=(CC_BY,)), Post(2, rights=(CC_BY,))], FREE + DATASET_BY)
    assert front_of(folder)["license"] == "cc-by-4.0"
    assert json.loads((folder / "datacite.json").read_text())["rightsList"][0]["rightsIdentifier"] == "CC-BY-4.0"
    assert "licence of the compilation" not in card_of(folder)


@pytest.mark.parametrize(
    ("tier", "withheld"),
    [
        ("full", []),
        ("features", ["body", "markdown", "links"]),
        ("reference", ["title", "body", "authors", "tags", "markdown", "links"]),
    ],
)
def test_withheld_names_the_columns_of_the_markup(tmp_path: Path, tier: str, withheld: list[str]) -> None:
    """The body of the second post has no links."""
    posts = [Post(1, markup=(Mark(0, 9, "a", "https://tides.example/"),)), Post(2)]
    folder, _ = built(tmp_path, posts, f'[[rule]]\nsite = "*"\ntier = "{tier}"\n')
    found = {row["url"][-1]: row for row in rows(folder, "articles")}
    assert found["1"]["withheld"] == withheld
    assert found["2"]["withheld"] == [name for name in withheld if name != "links"]
    assert bool(found["1"]["markdown"] and found["1"]["links"]) is (tier == "full")


def test_near_duplicates_are_counted_within_the_dataset(tmp_path: Path) -> None:
    """The second text is a near-duplicate of the first, and the third has too few words to be compared."""
    posts = [Post(1), Post(2, body=text(1) + NEAR, day=1), Post(3, body="The harbour is closed.")]
    archive = make(tmp_path / "archive" / "archive.db", posts)
    for fold, count in (("none", 2), ("cluster", 0)):
        done = publish(archive, str(tmp_path / fold), "--version", "1.0.0", "--fold", fold)
        assert done.exit_code == 0, done.output
        assert f"Near-duplicates: {count}." in card_of(tmp_path / fold)


@pytest.mark.parametrize("has_both", [True, False])
def test_abstract_names_only_tables_with_rows(tmp_path: Path, *, has_both: bool) -> None:
    missing = ["https://harbour.example/lost"] if has_both else []
    archive = make(tmp_path / "archive" / "archive.db", [Post(1, geotags=(LIGHT,) if has_both else ())], missing)
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    said = json.loads((tmp_path / "d" / "datacite.json").read_text())["descriptions"][0]["description"]
    assert ("places" in said, "missing" in said) == (has_both, has_both)


def test_coverage_is_described_with_its_months_of_visits(tmp_path: Path) -> None:
    """The article is of March, and the visit of May."""
    folder, _ = built(tmp_path, [Post(1)], "")
    assert {row["month"] for row in rows(folder, "coverage")} == {"2024-03", "2024-05"}
    assert "One row per site and month that has an article, a missing address or a visit" in card_of(folder)


def test_sampling_says_how_many_sites_are_described(tmp_path: Path) -> None:
    posts = [Post(1), Post(2, site="https://notes.example/")]
    entry = '{{ site = "{}", why = "the only one" }}'
    some, all_sites = (f"[dataset]\nsites = [{', '.join(map(entry.format, names))}]\n" for names in (SITES[:1], SITES))
    folder, _ = built(tmp_path / "some", posts, some)
    assert "The operator describes 1 of 2 sites." in card_of(folder)
    folder, _ = built(tmp_path / "all", posts, all_sites)
    assert "The operator describes" not in card_of(folder)


SITES = ("harbour.example", "notes.example")


@pytest.mark.parametrize(
    ("splits", "empty"),
    [("time:2020-01,2024-01", "validation"), ("time:2020-01,2025-01", "train or test"), ("train=50,test=50", "")],
)
def test_split_without_articles_is_named(tmp_path: Path, splits: str, empty: str) -> None:
    dates = ("2019-05-01", "2024-05-01") if "2024" in splits else ("2021-05-01", "2022-05-01")
    posts = [Post(n, published=f"{dates[n % 2]}T09:00:00+00:00") for n in range(1, 21)]
    folder, said = built(tmp_path, posts, "", "--splits", splits)
    named = empty.split(" or ") if empty else []
    assert [line for line in said.splitlines() if line.startswith("Warning: the split")] == [
        f"Warning: the split {name} has no article and no file." for name in named
    ]
    card = card_of(folder)
    assert (f"No article is in {empty}, which therefore has no file" in card) is bool(empty)
    assert ("(asked for: train 50 %, test 50 %; a hash draws the split" in card) is ("=" in splits)


@pytest.mark.parametrize(
    ("access", "rules", "warned"), [("paid", FREE, True), ("paid", "", False), ("free", FREE, False)]
)
def test_paid_article_in_full_is_a_warning(tmp_path: Path, access: str, rules: str, *, warned: bool) -> None:
    folder, said = built(tmp_path, [Post(1, access=access), Post(2)], rules)
    assert ("1 article of which the page says that it is paid is published in full" in said) is warned
    assert ("although their pages call them paid (column `access`): 1." in card_of(folder)) is warned


@pytest.mark.parametrize(
    ("permission", "organizations", "warned"),
    [
        ("letter of Ada Berg, 2024", (), True),
        ("ADA BERGS letter", (), True),
        ("letter of Adam Bergman", (), False),
        ("letter of Ada Berg, 2024", ("Ada Berg",), False),
    ],
)
def test_permission_that_names_a_hidden_author_is_a_warning(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    permission: str,
    organizations: tuple[str, ...],
    *,
    warned: bool,
) -> None:
    monkeypatch.setenv("KEY", "0123456789abcdef")
    rules = f'[[rule]]\ngeo = true\n[[rule]]\ntier = "full"\npermission = "{permission}"\n'
    _, said = built(tmp_path / "a", [Post(1, organizations=organizations)], rules, "--pseudonymise", "KEY")
    assert ("Warning: the permission of rule 2 names an author whose name is replaced." in said) is warned
    _, said = built(tmp_path / "b", [Post(1)], rules)
    assert "the permission of" not in said


def test_warnings_are_in_json(tmp_path: Path) -> None:
    archive = make(tmp_path / "archive" / "archive.db", [Post(1)])
    done = publish(archive, str(tmp_path / "d"), "--version", "1.0.0", "--splits", "time:2020", "--json")
    assert json.loads(done.stdout)["warnings"] == ["the split train has no article and no file."]


@pytest.mark.parametrize("words", [["d", "--version", "1.0.0"], ["--explain", "1"]])
def test_invalid_cutoff_is_named(tmp_path: Path, words: list[str]) -> None:
    archive = make(tmp_path / "archive" / "archive.db", [Post(1)])
    done = publish(archive, *words, "--cutoff", "yesterdayish")
    assert done.exit_code == 2
    assert "Invalid value for --cutoff: 'yesterdayish'; use 2024, 2024-05" in done.output


def test_table_that_does_not_exist_is_answered_with_those_that_do(tmp_path: Path) -> None:
    folder, _ = built(tmp_path, [Post(1)], "")
    loaded = datasets.load(folder)
    with pytest.raises(KeyError, match="no table 'authors'; it has articles, revisions, captures"):
        loaded["authors"]
    assert loaded["deduplicated"].count == 1


def test_sources_are_named_as_the_crawl_found_them(tmp_path: Path) -> None:
    """The site answers at http://, and neither a feed nor an API named a post."""
    folder, _ = built(tmp_path, [Post(1, site="http://harbour.example/")], "")
    collection = json.loads((folder / "croissant.json").read_text())["rai:dataCollection"]
    assert collection == "Discovered through captures of other crawls of the sites; the archive keeps the responses."
    assert "discovered through captures of other crawls of the sites, and" in card_of(folder)


@pytest.mark.parametrize(
    ("licence", "warned"), [("free for all", True), ("CC BY 4.0", False), ("https://harbour.example/terms", False)]
)
def test_licence_that_programs_do_not_know_is_a_warning(tmp_path: Path, licence: str, warned: bool) -> None:
    rule = f'[[rule]]\nsite = "*"\nlicence = "{licence}"\n'
    _, said = built(tmp_path, [Post(1)], rule)
    assert ("the licence 'free for all' of 1 article is no SPDX identifier and no URL." in said) is warned
    assert said.count("Warning") == warned


def test_personal_data_that_is_published_is_named(tmp_path: Path) -> None:
    posts = (
        Post(1, rights=(CC_BY,)),
        Post(2, authors=("Ben Holt", "The Desk"), organizations=("The Desk",)),
    )
    archive = make(tmp_path / "archive" / "archive.db", posts)
    assert publish(archive, str(tmp_path / "d"), "--version", "1.0.0").exit_code == 0
    said = card_of(tmp_path / "d")
    assert "2 names in the column `authors` that are not known to be organizations." in said
    assert "E-mail addresses and telephone numbers in the texts are left as they are, and were not counted." in said
