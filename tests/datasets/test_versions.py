"""Versions of a dataset: what changed between two of them, what makes a version, and how they name each other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archiver.datasets.snapshot_request import VERSION, after_withdrawal, version_key
from archiver.model.items import Mark, UsageStatement
from tests.datasets.published import FREE, Post, all_words, contents, leaked, make, publish, rows, text
from tests.datasets.test_withdraw import withdraw
from tests.runner import fault

BEFORE = [Post(n, tags=("tides",)) for n in range(1, 9)]
RESERVED = (UsageStatement("file", "tdm-reservation", "1"),)


def build(folder: Path, archive: Path, version: str, rules: str = FREE, *args: str) -> Path:
    """Publish a version, and return its folder."""
    (folder / f"{version}.toml").write_text(rules)
    out = folder / version
    done = publish(archive, str(out), "--version", version, "--rules", str(folder / f"{version}.toml"), *args)
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return build(tmp_path, make(tmp_path / "old" / "archive.db", BEFORE), "1.0.0")


def changes_of(folder: Path) -> list[tuple[Any, ...]]:
    """Return the changes as (number of the post, what, field, from, to)."""
    return [
        (row["url"] and int(row["url"].rsplit("/", 1)[1]), *(row[name] for name in ("what", "field", "from", "to")))
        for row in rows(folder, "changes")
    ]


def test_every_kind_of_change_is_a_row(tmp_path: Path, old: Path) -> None:
    posts = [
        *BEFORE[:6],
        replace(BEFORE[0], day=2, body=text(50)),
        replace(BEFORE[1], day=2, title="Another headline"),
        replace(BEFORE[2], day=2, tags=("waves",)),
        replace(BEFORE[3], day=2, gone=True),
        replace(BEFORE[4], day=2, rights=RESERVED),
        Post(9, day=2),
    ]
    new = build(tmp_path, make(tmp_path / "new" / "archive.db", posts), "1.1.0", FREE, "--previous", str(old))
    found = {(number, what): values for number, what, *values in changes_of(new)}
    digests = [{row["url"]: row["content_digest"] for row in rows(folder, "articles")} for folder in (old, new)]
    assert found.pop((1, "text")) == ["content_digest", *(one["https://harbour.example/1"] for one in digests)]
    gone = found.pop((4, "gone"))
    assert (gone[:2], gone[2][:10]) == ([None, None], "2024-05-03")
    assert found == {
        (2, "headline"): ["title", "Day 2", "Another headline"],
        (3, "fields"): ["tags", '["tides"]', '["waves"]'],
        (5, "tier"): ["tier", "full", "reference"],
        (7, "removed"): [None, None, None],
        (8, "removed"): [None, None, None],
        (9, "added"): [None, None, None],
    }


def test_tier_change_repeats_no_values_that_it_withholds(tmp_path: Path, old: Path) -> None:
    posts = [*BEFORE, replace(BEFORE[4], day=2, rights=RESERVED)]
    new = build(tmp_path, make(tmp_path / "new" / "archive.db", posts), "1.1.0", FREE, "--previous", str(old))
    assert changes_of(new) == [(5, "tier", "tier", "full", "reference")]
    assert "Day 5" not in all_words(new)


@pytest.mark.parametrize(("edit", "what"), [({"title": "Another headline"}, "headline"), ({"body": text(50)}, "text")])
def test_edit_of_a_withheld_article_is_named(tmp_path: Path, edit: dict[str, str], what: str) -> None:
    """Neither the headline nor the text of the article is in the dataset."""
    first = [Post(1, rights=RESERVED), Post(2)]
    old = build(tmp_path, make(tmp_path / "old" / "archive.db", first), "1.0.0")
    archive = make(tmp_path / "new" / "archive.db", [*first, replace(first[0], day=2, **edit)])
    new = build(tmp_path, archive, "1.1.0", FREE, "--previous", str(old))
    [change] = rows(new, "changes")
    assert (change["what"], change["field"], change["title"]) == (what, "content_digest", None)
    said = (new / "CHANGES.md").read_text()
    assert f" changed: 1\n\n- {change['id']}: https://harbour.example/1" in said
    assert ("the headline is withheld" in said) is (what == "headline")


def test_changes_are_listed_for_people(tmp_path: Path, old: Path) -> None:
    posts = [*BEFORE, replace(BEFORE[1], day=2, title="Another headline"), replace(BEFORE[3], day=2, gone=True)]
    new = build(tmp_path, make(tmp_path / "new" / "archive.db", posts), "1.1.0", FREE, "--previous", str(old))
    ids = {row["url"]: row["id"] for row in rows(new, "articles")}
    said = (new / "CHANGES.md").read_text()
    line = (
        f"- {ids['https://harbour.example/2']}: Another headline, https://harbour.example/2: Day 2 → Another headline"
    )
    assert f"### Headline changed: 1\n\n{line}\n" in said
    assert "### Gone from the site: 1\n" in said
    assert "### Text changed: 0\n" in said


def test_changes_do_not_repeat_what_is_withheld_now(tmp_path: Path) -> None:
    """A headline of the first version is a passage of a text that is reserved since."""
    quote = " ".join(text(2).split()[:9])
    first = [Post(1, title=quote), Post(2)]
    old = build(tmp_path, make(tmp_path / "old" / "archive.db", first), "1.0.0")
    posts = [*first, replace(first[0], day=2, title="Another headline"), replace(first[1], day=2, rights=RESERVED)]
    new = build(tmp_path, make(tmp_path / "new" / "archive.db", posts), "1.1.0", FREE, "--previous", str(old))
    assert (1, "headline", "title", None, "Another headline") in changes_of(new)
    assert leaked(text(2), all_words(new)) == []


def test_changes_do_not_repeat_names_that_are_hidden_now(
    tmp_path: Path, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "0123456789abcdef")
    archive = make(tmp_path / "new" / "archive.db", BEFORE)
    new = build(tmp_path, archive, "1.1.0", FREE, "--previous", str(old), "--pseudonymise", "KEY")
    found = {(what, field): (before, now) for _, what, field, before, now in changes_of(new)}
    assert found.keys() == {("published", "authors")}
    assert found["published", "authors"][0] is None
    assert "Ada" not in all_words(new)


@pytest.mark.parametrize("first", [True, False])
def test_only_articles_of_two_divided_versions_move_between_splits(tmp_path: Path, first: bool) -> None:
    archive, splits = make(tmp_path / "archive" / "archive.db", BEFORE), ("--splits", "train=60,test=40")
    old = build(tmp_path, archive, "1.0.0", FREE, *(splits if first else ()))
    new = build(tmp_path, archive, "1.1.0", FREE, "--previous", str(old), *(() if first else splits))
    assert changes_of(new) == []


PERSONAL = [
    Post(1, body=f"{text(1)}\n\nWrite to office@harbour.org, or ask Ada Berg.", description="Ask office@harbour.org."),
    Post(2),
]
WITHOUT_CONTACTS = "e-mail addresses and telephone numbers are removed"
WITHOUT_NAMES = "names of authors are replaced by pseudonyms"


@pytest.mark.parametrize(
    ("options", "expected", "why"),
    [
        (["--drop-contacts"], {(1, "body"), (1, "description"), (1, "markdown")}, WITHOUT_CONTACTS),
        (["--pseudonymise", "KEY"], {(1, "body"), (1, "markdown"), (1, "authors"), (2, "authors")}, WITHOUT_NAMES),
    ],
)
def test_text_without_contacts_or_names_is_a_change_of_what_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], expected: set[tuple[int, str]], why: str
) -> None:
    monkeypatch.setenv("KEY", "0123456789abcdef")
    archive = make(tmp_path / "archive" / "archive.db", PERSONAL)
    old = build(tmp_path, archive, "1.0.0")
    new = build(tmp_path, archive, "1.1.0", FREE, "--previous", str(old), *options)
    assert {(number, field) for number, what, field, *_ in changes_of(new) if what == "published"} == expected
    assert {row["reason"] for row in rows(new, "changes")} == {why}
    assert [row["from"] for row in rows(new, "changes") if row["from"]] == []
    said = (new / "CHANGES.md").read_text()
    assert f"### Published in another way: {len(expected)}\n" in said
    assert f"Only how they are published differs: {why}.\n" in said
    assert "https://harbour.example/1: body\n" in said
    assert "(not given)" not in said
    compared = json.loads(publish([], "--diff", str(old), str(new), "--json").stdout)
    assert compared == rows(new, "changes")


def test_changed_description_and_markup_are_listed(tmp_path: Path) -> None:
    first = Post(1, description="What the keeper did on the first day of the year.")
    old = build(tmp_path, make(tmp_path / "old" / "archive.db", [first]), "1.0.0")
    linked = replace(first, description="What he did.", markup=(Mark(0, 9, "a", "https://tides.example/"),))
    archive = make(tmp_path / "new" / "archive.db", [linked])
    new = build(tmp_path, archive, "1.1.0", FREE, "--previous", str(old))
    assert changes_of(new) == [
        (1, "fields", "description", None, "What he did."),
        (1, "fields", "links", None, None),
        (1, "fields", "markdown", None, None),
    ]
    said = (new / "CHANGES.md").read_text()
    assert "description: (left out) → What he did.\n" in said
    assert "https://harbour.example/1: links\n" in said
    without = build(tmp_path, archive, "1.2.0", "", "--previous", str(new))
    assert (1, "tier", "tier", "full", "features") in changes_of(without)
    assert [field for _, _, field, *_ in changes_of(without) if field in ("description", "body", "markdown")] == []


def test_any_two_datasets_are_compared(tmp_path: Path, old: Path) -> None:
    posts = [replace(post, site="https://notes.example/") for post in BEFORE[:2]]
    other = build(tmp_path, make(tmp_path / "new" / "archive.db", posts), "0.1.0")
    done = publish([], "--diff", str(old), str(other), "--json")
    assert done.exit_code == 0, done.output
    assert [row["what"] for row in json.loads(done.stdout)].count("added") == 2
    assert publish([], "--diff", str(old), str(old), "--json").stdout.strip() == "[]"
    assert publish([], "--diff", str(old), str(tmp_path)).exit_code == 1


@pytest.mark.parametrize(
    ("version", "site", "doi"),
    [("0.9.0", "harbour", ""), ("1.0.0", "harbour", ""), ("1.1.0", "notes", ""), ("1.1.0", "harbour", "10.1234/a")],
)
def test_wrong_previous_version_is_refused(tmp_path: Path, version: str, site: str, doi: str) -> None:
    """The version is not higher, the dataset another one, or the DOI the same."""
    rules = f'{FREE}[dataset]\ndoi = "10.1234/a"\n'
    old = build(tmp_path, make(tmp_path / "old" / "archive.db", BEFORE), "1.0.0", rules)
    archive = make(tmp_path / "new" / "archive.db", [replace(p, site=f"https://{site}.example/") for p in BEFORE])
    (tmp_path / "r.toml").write_text(f'{FREE}[dataset]\ndoi = "{doi or "10.1234/b"}"\n')
    asked = ("--version", version, "--previous", str(old), "--rules", str(tmp_path / "r.toml"))
    done = publish(archive, str(tmp_path / "d"), *asked)
    assert (done.exit_code, fault(done).split()[0]) == (1, "SnapshotRefused")
    assert not (tmp_path / "d").exists()


def test_versions_name_each_other(tmp_path: Path) -> None:
    archive = make(tmp_path / "old" / "archive.db", BEFORE)
    old = build(tmp_path, archive, "1.0.0", f'{FREE}[dataset]\ndoi = "10.1234/a"\nconcept_doi = "10.1234/all"\n')
    rules = f'{FREE}[dataset]\ndoi = "https://doi.org/10.1234/b"\nconcept_doi = "10.1234/all"\n'
    new = build(tmp_path, archive, "1.1.0", rules, "--previous", str(old))
    described = json.loads((new / "datacite.json").read_text())
    assert {one["relationType"]: one["relatedIdentifier"] for one in described["relatedIdentifiers"]} == {
        "IsVersionOf": "10.1234/all",
        "IsNewVersionOf": "10.1234/a",
    }


def test_dataset_rebuilt_after_a_withdrawal_is_a_version_of_its_own(tmp_path: Path) -> None:
    archive = make(tmp_path / "old" / "archive.db", BEFORE)
    folder = build(tmp_path, archive, "1.0.0", f'{FREE}[dataset]\ndoi = "10.1234/one"\nconcept_doi = "10.1234/all"\n')
    lost = next(row["id"] for row in rows(folder, "articles") if row["url"].endswith("/3"))
    assert publish(archive, "--check", str(folder)).exit_code == 0
    assert withdraw(archive, lost).exit_code == 0
    late = publish(archive, "--check", str(folder), "--json")
    assert late.exit_code == 1
    assert lost in json.loads(late.stdout)["findings"][0]
    for expected in ("1.0.0+withdrawn.1", "1.0.0+withdrawn.1", "1.0.0+withdrawn.2"):
        done = publish(archive, str(folder), "--rebuild", "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["version"] == expected
        assert publish(archive, "--check", str(folder)).exit_code == 0
        if expected == "1.0.0+withdrawn.1" and json.loads(done.stdout)["unchanged"]:
            assert withdraw(archive, "https://harbour.example/5").exit_code == 0
    said = contents(folder)
    assert b"Version 1.0.0, built again without articles that were withdrawn since" in said["CHANGES.md"]
    assert b'version: "1.0.0+withdrawn.2"' in said["CITATION.cff"]
    assert b"10.1234/one" not in said["CITATION.cff"]
    described = json.loads(said["datacite.json"])
    assert {one["relationType"]: one["relatedIdentifier"] for one in described["relatedIdentifiers"]} == {
        "IsVersionOf": "10.1234/all",
        "IsNewVersionOf": "10.1234/one",
    }


@pytest.mark.parametrize("doi", ["10.1234/One", "10.1234/zero"])
def test_doi_that_a_rebuilt_version_left_is_not_given_again(tmp_path: Path, doi: str) -> None:
    """The DOI is that of 1.0.0, of which the previous version is a rebuild, or of the version before 1.0.0."""
    archive = make(tmp_path / "old" / "archive.db", BEFORE)
    zero = build(tmp_path, archive, "0.9.0", f'{FREE}[dataset]\ndoi = "10.1234/zero"\n')
    one = build(tmp_path, archive, "1.0.0", f'{FREE}[dataset]\ndoi = "10.1234/one"\n', "--previous", str(zero))
    if doi == "10.1234/One":
        assert withdraw(archive, "https://harbour.example/3").exit_code == 0
        assert publish(archive, str(one), "--rebuild").exit_code == 0
        assert json.loads((one / "rebuild.json").read_text())["request"]["version"] == "1.0.0+withdrawn.1"
    (tmp_path / "r.toml").write_text(f'{FREE}[dataset]\ndoi = "{doi}"\n')
    asked = ("--version", "9.0.0", "--previous", str(one), "--rules", str(tmp_path / "r.toml"))
    done = publish(archive, str(tmp_path / "d"), *asked)
    assert (done.exit_code, fault(done).split()[0]) == (1, "SnapshotRefused")
    assert f"names the DOI {doi}, too" in done.output


def test_card_has_what_the_operator_states(tmp_path: Path) -> None:
    archive = make(tmp_path / "old" / "archive.db", BEFORE)
    stated = {
        "motivation": "## Motivation",
        "sampling": "## Sampling frame",
        "intended_uses": "## Intended uses",
        "unsuitable_uses": "## Unsuitable uses",
        "biases": "## Biases",
        "ethics": "## Ethics",
        "funding": "## Funding",
        "maintenance": "## Maintenance",
        "contact": "## Contact",
    }
    bare = (build(tmp_path, archive, "1.0.0") / "README.md").read_text()
    assert [heading for heading in stated.values() if f"{heading}\n\nNot stated." not in bare] == []
    rules = f"{FREE}[dataset]\n" + "".join(f'{name} = "Said of {name}."\n' for name in stated)
    card = (build(tmp_path, archive, "1.1.0", rules) / "README.md").read_text()
    assert [name for name, heading in stated.items() if f"{heading}\n\nSaid of {name}." not in card] == []


def test_versions_are_in_the_order_of_semantic_versioning() -> None:
    ordered = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-beta",
        "1.0.0",
        "1.0.0+withdrawn.1",
        "1.0.0+withdrawn.2",
        "1.10.0",
    ]
    assert sorted(set(ordered), key=version_key) == ordered
    assert after_withdrawal("1.0.0+withdrawn.9") == "1.0.0+withdrawn.10"
    assert [one for one in ordered if not VERSION.fullmatch(one)] == []
    assert not VERSION.fullmatch("1.0.0+build.1")
