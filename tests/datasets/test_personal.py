"""Personal data: authors become keyed hashes, contacts are removed from texts, and no file reveals either."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from archiver.datasets.personal_data_removal import Pseudonymizer, pseudonym, remove_contacts
from archiver.model.errors import SnapshotRefused
from tests.datasets.published import CC_BY, FREE, Post, all_words, contents, make, publish, rows, text
from tests.runner import failure, fault

KEY = "a key that is long enough"
PSEUDONYMOUS = ("--pseudonymise", "DATASET_KEY", "--drop-contacts")
BODY = (
    f"{text(1)}\n\nAda Berg wrote this; ADA BERG may be asked at ada.berg@harbour.example or on +44 20 7946 0018. "
    "Adamant Bergamot is no name."
)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(
        tmp_path / "archive" / "archive.db",
        [
            Post(
                1,
                body=BODY,
                authors=("Ada Berg", "Zoë Krüger"),
                rights=(CC_BY,),
                title="Ada Berg on tides",
                language="en-GB",
            ),
            Post(2, authors=("ada  berg",), rights=(CC_BY,)),
            Post(3, body=BODY.replace("wrote", "did write"), authors=("Ada Berg",)),
            Post(1, day=2, body=f"{BODY} Added later.", authors=("Ada Berg",), rights=(CC_BY,), language="en-GB"),
        ],
    )


def publish_every_text(archive: Path, folder: Path, *args: str) -> Result:
    """Publish version 1.0.0 into the folder, by rules (stored beside it) that permit every text."""
    rules = folder.parent / "rules.toml"
    rules.write_text(FREE)
    return publish(archive, str(folder), "--version", "1.0.0", "--rules", str(rules), *args)


def test_no_file_contains_an_author_or_a_contact(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASET_KEY", KEY)
    formats = ("--formats", "csv,jsonl,geojson")
    done = publish_every_text(archive, tmp_path / "d", *PSEUDONYMOUS, *formats)
    assert done.exit_code == 0, done.output
    said = all_words(tmp_path / "d").casefold()
    for lost in ("ada berg", "ada  berg", "zoë", "krüger", "7946", "ada.berg", KEY):
        assert lost not in said, lost
    articles = {row["url"].rsplit("/", 1)[1]: row for row in rows(tmp_path / "d", "articles")}
    ada = pseudonym(KEY.encode(), "Ada Berg")
    assert articles["1"]["authors"] == articles["2"]["authors"] == [ada]
    assert f"{ada} wrote this; {ada} may be asked at [e-mail] or on [telephone]." in articles["1"]["body"]
    assert "Adamant Bergamot is no name. Added later." in articles["1"]["body"]
    assert {row["title"] for row in rows(tmp_path / "d", "revisions")} >= {f"{ada} on tides"}
    card = (tmp_path / "d" / "README.md").read_text()
    assert "Ada" not in card
    before = contents(tmp_path / "d")
    again = publish(archive, str(tmp_path / "d"), "--rebuild")
    assert again.exit_code == 1
    assert isinstance(failure(again), SnapshotRefused)
    assert "--pseudonymise" in again.output
    monkeypatch.setenv("DATASET_KEY", "another key that is long enough")
    assert publish(archive, str(tmp_path / "d"), "--rebuild", "--pseudonymise", "DATASET_KEY").exit_code == 1
    monkeypatch.setenv("DATASET_KEY", KEY)
    assert publish(archive, str(tmp_path / "d"), "--rebuild", "--pseudonymise", "DATASET_KEY").exit_code == 0
    assert contents(tmp_path / "d") == before


def test_query_or_rules_with_an_author_are_refused(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASET_KEY", KEY)
    (tmp_path / "rules.toml").write_text('[[rule]]\nauthor = "Ada Berg"\ntier = "full"\n')
    for words in (["--author", "Ada Berg"], ["author:ada"], ["--rules", str(tmp_path / "rules.toml")]):
        done = publish(archive, str(tmp_path / "d"), *words, "--version", "1.0.0", "--pseudonymise", "DATASET_KEY")
        assert done.exit_code == 1
        assert isinstance(failure(done), SnapshotRefused)
    for name in ("SHORT", "UNSET"):
        monkeypatch.setenv("SHORT", "abc")
        done = publish(archive, str(tmp_path / "d"), "--version", "1.0.0", "--pseudonymise", name)
        assert (done.exit_code, fault(done)) == (2, "UsageError")
        assert name in done.output
    assert not (tmp_path / "d").exists()


def test_national_numbers_are_removed_from_all_revisions(tmp_path: Path) -> None:
    """The region follows from the revision's language and from the site's domain."""
    posts = [
        Post(1, body=f"{text(1)} Call (030) 90 18 20.", title="Or (030) 90 18 21", language="de-DE"),
        Post(1, day=2, body=f"{text(1)} No more calls.", title="Day 1", language="en"),
        Post(2, body=f"{text(2)} Call 020 7946 0018.", site="https://harbour.example.uk/"),
        Post(2, day=2, body=f"{text(2)} No more calls.", site="https://harbour.example.uk/"),
    ]
    archive = make(tmp_path / "archive" / "archive.db", posts)
    done = publish_every_text(archive, tmp_path / "d", "--drop-contacts")
    assert done.exit_code == 0, done.output
    versions = [f"{row['title']} {row['body']}" for row in rows(tmp_path / "d", "revisions") if row["body"]]
    assert len(versions) == 2
    assert sum(said.count("[telephone]") for said in versions) == 3
    assert not any(number in said for said in versions for number in ("90 18 2", "7946"))


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Write to a.b+c@mail.example.org.", "Write to [e-mail]."),
        ("ada (at) example.org", "[e-mail]"),
        ("ada [at] example [dot] org, please", "[e-mail], please"),
        ("müller@bücher.example", "[e-mail]"),
        ("WRITE TO ADA (AT) EXAMPLE.ORG", "WRITE TO [e-mail]"),
        ("At 12:30 @harbour said it", "At 12:30 @harbour said it"),
        ("a look at example.org", "a look at example.org"),
        ("Call 020 7946 0018 today", "Call [telephone] today"),
        ("+49 30 901820", "[telephone]"),
        ("Call (030) 90 18 20.", "Call [telephone]."),
        ("On 2024-05-01 12:30:45 it was 1234567 m", None),
        ("ISBN 978-3-16-148410-0 costs 1,234,567.89", None),
        ("192.168.100.200 in 1999/2000", None),
        ("49.123456, 8.654321", None),
    ],
)
def test_contacts_are_removed_and_other_numbers_stay(said: str, left: str | None) -> None:
    assert remove_contacts(said, (None, "GB", "DE")) == (said if left is None else left)


@pytest.mark.parametrize(
    ("name", "said", "left"),
    [
        ("Ada Berg", "By Ada\u00a0Berg, Ada\nBerg and ADA  BERG", "By {}, {} and {}"),
        ("Ada Berg", "Ada Bergs Buch, Ada Berg\u2019s book, Ada Bergin kirja", "{} Buch, {}\u2019s book, {} kirja"),
        ("Ada Berg", "Adamant Bergamot, Nevada Berg, Ada Bergamot", "Adamant Bergamot, Nevada Berg, Ada Bergamot"),
        ("Pat O'Neil", "Pat O\u2019Neil", "{}"),
        ("Jean-Luc Roy", "Jean\u2011Luc Roy", "{}"),
        ("王小明", "记者王小明报道。", "记者{}报道。"),
        ("김철수", "김철수는 말했다", "{} 말했다"),
        ("Anna", "Annas Annahme", "{} Annahme"),
        ("Al", "Al also said: as", "{} also said: as"),
        ("A", "A name and a letter", "A name and a letter"),
        ("C++", "C and C++", "C and C++"),
        ("***", "*** of it", "*** of it"),
        ("author", "author, author", "{}, {}"),
    ],
)
def test_inflected_names_are_replaced(name: str, said: str, left: str) -> None:
    found = Pseudonymizer(KEY.encode(), contacts=False)({"id": "1", "authors": [name], "body": said, "tags": [said]})
    assert found["body"] == left.replace("{}", pseudonym(KEY.encode(), name))
    assert found["tags"] == [found["body"]]


def test_authors_of_other_revisions_and_contacts_in_lists_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASET_KEY", KEY)
    archive = make(
        tmp_path / "archive" / "archive.db",
        [
            Post(1, authors=("Ada Berg",)),
            Post(1, day=2, authors=("Desk",), body=f"{text(1)} By Ada Berg."),
            Post(2, authors=("desk@harbour.example",), tags=("ask desk@harbour.example",), day=2),
        ],
    )
    done = publish_every_text(archive, tmp_path / "d", *PSEUDONYMOUS)
    assert done.exit_code == 0, done.output
    assert "ada berg" not in all_words(tmp_path / "d").casefold()
    plain = publish_every_text(archive, tmp_path / "e", "--drop-contacts")
    assert plain.exit_code == 0, plain.output
    assert "desk@" not in all_words(tmp_path / "e")
    assert [row["tags"] for row in rows(tmp_path / "e", "articles")][1] == ["ask [e-mail]"]


def test_organizations_are_no_persons() -> None:
    record = {"id": "1", "authors": ["Ada Berg", "Quay"], "author_organizations": ["Quay"], "body": ""}
    found = Pseudonymizer(KEY.encode(), contacts=False)(record)
    assert found["authors"] == [pseudonym(KEY.encode(), "Ada Berg"), "Quay"]
    assert found["author_organizations"] == ["Quay"]


def test_records_are_unchanged_without_options() -> None:
    record = {"authors": ["Ada"], "body": "ada@example.org"}
    assert Pseudonymizer(None, contacts=False)(record) is record
    assert json.dumps(record)
