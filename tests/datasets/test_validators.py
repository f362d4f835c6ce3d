"""Third-party validators and readers accept a dataset. They run in their own environment without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils

from archiver.datasets.snapshot_tables import TABLES
from tests.datasets.published import CC_BY, FREE, POSTS, Post, make, publish, rows

ROOT = Path(__file__).parents[2]
VALIDATORS = ROOT / ".venv" / "validators" / "bin" / "python"
MADE = ROOT / ".venv" / "validators" / ".installed"
RULES = (
    FREE
    + """
licence = "CC-BY-4.0"
[dataset]
title = "Harbour, and what was said of it"
creators = [{ name = "Ada Berg", orcid = "0000-0002-1825-0097", affiliation = "Harbour School" }, { name = "The Lab" }]
licence = "CC-BY-4.0"
doi = "10.1234/harbour"
keywords = ["harbours"]
"""
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A dataset with every optional feature, and one without metadata, split over several files and with an empty
    table.
    """
    place = tmp_path_factory.mktemp("validated")
    posts = [*POSTS, *(Post(n, body=f"{POSTS[0].text} More of number {n}.", rights=(CC_BY,)) for n in range(30, 36))]
    archive = make(place / "archive" / "archive.db", posts, ["https://harbour.example/lost"])
    (place / "rules.toml").write_text(RULES)
    (place / "none.toml").write_text("[[rule]]\ngeo = false\nlicence = 'All rights reserved'\n")
    whole = (
        "--rules",
        str(place / "rules.toml"),
        "--formats",
        "csv,jsonl,geojson",
        "--splits",
        "train=80,test=20",
    )
    parts = ("--splits", "time:2024", "--rules", str(place / "none.toml"))
    for name, words in (("whole", whole), ("parts", parts)):
        done = publish(archive, str(place / name), "--version", "1.0.0", *words)
        assert done.exit_code == 0, done.output
    return place / "whole", place / "parts"


@pytest.fixture(scope="module")
def said(folders: tuple[Path, Path]) -> dict[str, dict[str, Any]]:
    if not MADE.exists():
        pytest.skip("needs the validators of tests/datasets/validators.lock (make test installs them)")
    whole, parts = folders
    broken = _broken(parts, parts.with_name("broken"))
    asked = (
        f"{whole}=croissant,citation,datacite,datasets,readers",
        f"{parts}=croissant,datasets,readers,citation,datacite",
        f"{broken}=citation,datacite",
    )
    done = subprocess.run(
        [VALIDATORS, ROOT / "tests/datasets/validate.py", *asked],
        capture_output=True,
        text=True,
        cwd=whole.parent,
        env={"PATH": os.environ["PATH"], "HOME": str(whole.parent)},
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _broken(folder: Path, copy: Path) -> Path:
    """Copy a dataset and remove required properties from its metadata."""
    shutil.copytree(folder, copy)
    metadata = json.loads((copy / "datacite.json").read_text())
    del metadata["titles"]
    (copy / "datacite.json").write_text(json.dumps(metadata))
    (copy / "CITATION.cff").write_text("cff-version: 1.2.0\n")
    return copy


@pytest.mark.parametrize("name", ["whole", "parts"])
def test_validators_accept_the_dataset(said: dict[str, dict[str, Any]], name: str) -> None:
    results = said[name]
    assert results["croissant"]["errors"] == []
    assert results["croissant"]["warnings"] == []
    assert "croissant/1.1" in results["croissant"]["conforms"]
    assert results["datacite"] == []
    assert "raised" not in results["citation"], results["citation"]


@pytest.mark.parametrize("name", ["whole", "parts"])
def test_readers_read_all_rows(said: dict[str, dict[str, Any]], folders: tuple[Path, Path], name: str) -> None:
    folder = next(one for one in folders if one.name == name)
    counts = json.loads((folder / "rebuild.json").read_text())["rows"]
    assert {table: count for table, count in said[name]["croissant"]["records"].items() if count} == counts
    assert ("places" in counts) is (name == "whole"), "one of the tables has no rows"
    kept = sum(not row["is_copy"] for row in rows(folder, "articles"))
    assert 0 < kept < counts["articles"]
    empty = {} if name == "whole" else {"places": 0}
    assert said[name]["datasets"] == {**counts, **empty, "deduplicated": kept}
    assert set(said[name]["readers"].values()) == {counts["articles"]}
    assert len(said[name]["readers"]) == 3


def test_citation_follows_the_dataset_table(said: dict[str, dict[str, Any]], folders: tuple[Path, Path]) -> None:
    cited = said["whole"]["citation"]
    assert "Berg A., The Lab (2024). Harbour, and what was said of it (version 1.0.0)" in cited["apa"]
    assert "10.1234/harbour" in cited["bibtex"]
    assert "https://doi.org/10.1234/harbour" in (folders[0] / "README.md").read_text()


def test_the_csv_is_read_by_sqlite_utils(folders: tuple[Path, Path], tmp_path: Path) -> None:
    import csv
    import gzip

    db = sqlite_utils.Database(tmp_path / "d.db")
    with gzip.open(folders[0] / "data" / "articles.csv.gz", "rt", newline="") as file:
        db.table("articles").insert_all(csv.DictReader(file), pk="id")
    assert db.table("articles").count == len(rows(folders[0], "articles"))


_REQUIRED: dict[str, tuple[str, ...]] = {
    "sc:Dataset": (
        "@context",
        "@type",
        "conformsTo",
        "description",
        "license",
        "name",
        "url",
        "creator",
        "datePublished",
    ),
    "cr:FileObject": ("@id", "@type", "name", "contentUrl", "encodingFormat", "sha256"),
    "cr:FileSet": ("@id", "@type", "encodingFormat", "includes"),
    "cr:RecordSet": ("@id", "@type", "field"),
    "cr:Field": ("@id", "@type", "source", "dataType"),
}
"""The properties that Croissant requires, by type of node. The reference validator only warns if some are missing."""


def test_croissant_has_all_required_properties(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        document = json.loads((folder / "croissant.json").read_text())
        nodes = [document, *document["distribution"], *document["recordSet"]]
        nodes += [field for one in document["recordSet"] for field in one["field"]]
        assert [(node, name) for node in nodes for name in _REQUIRED[node["@type"]] if not node.get(name)] == []


def test_licence_in_words_is_not_a_url(folders: tuple[Path, Path]) -> None:
    assert {row["licence"] for row in rows(folders[1], "articles")} == {"All rights reserved"}
    croissant = json.loads((folders[1] / "croissant.json").read_text())
    assert croissant["license"] == ["http://rightsstatements.org/vocab/CNE/1.0/"]


def test_card_has_all_fields_tables_and_gaps(folders: tuple[Path, Path]) -> None:
    card = (folders[0] / "README.md").read_text()
    for table in TABLES:
        if table.optional and not (folders[0] / "data" / f"{table.name}.parquet").exists():
            continue
        assert f"### {table.name}" in card
        assert not [column.name for column in table.columns if f"| `{column.name}` |" not in card]
    assert [line for line in card.splitlines() if "2024-01" in line and "2024-02" in line], "months without an article"
    assert "| harbour.example | failed | 1 |" in card


def test_validators_reject_broken_descriptions(said: dict[str, dict[str, Any]]) -> None:
    results = said["broken"]
    assert "raised" in results["citation"]
    assert results["datacite"]
