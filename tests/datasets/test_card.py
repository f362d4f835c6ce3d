"""What a dataset says of itself is true of its records: licences, rates, tables, splits and warnings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archiver.items import Mark, UsageStatement
from tests.datasets.published import CC_BY, FREE, Post, make, publish, rows

DESCRIPTIONS = ("datapackage.json", "croissant.json", "datacite.json", "CITATION.cff", "ro-crate-metadata.json")
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
    assert json.loads((folder / "datapackage.json").read_text())["licenses"][0]["name"] == "CC-BY-4.0"
    assert "licence of the compilation" not in card_of(folder)


def test_dataset_with_a_licence_of_the_compilation_may_be_pushed(tmp_path: Path) -> None:
    folder, _ = built(tmp_path, [Post(1)], DATASET_BY)
    done = publish([], "--push", "zenodo", str(folder), "--dry-run", "--json")
    assert done.exit_code == 0, done.output
    sent = json.loads(done.stdout)["metadata"]
    assert sent["license"] == "other-closed"
    assert "CC-BY-4.0 covers only the compilation" in sent["notes"]


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
