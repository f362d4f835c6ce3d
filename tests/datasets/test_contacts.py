"""E-mail addresses and telephone numbers in texts: what is one and what is not, in which fields, and what is counted.

Each line of tests/cases/contacts is a text with its language (BCP 47), its site, and the text that is expected:
telephones.jsonl has telephone numbers, example numbers of libphonenumber and numbers that are reserved for fiction;
other_numbers.jsonl has numbers that are none, and stay; beside_names.jsonl has both, the former beside names of
persons. The tests fail if a case moves below the floors here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.datasets.personal_data_removal import (
    EMAIL,
    MEASURED,
    TELEPHONE,
    Pseudonymizer,
    find_contacts,
    phone_regions,
    remove_contacts,
)
from tests.datasets.published import Post, all_words, make, publish, rows, text

_CASES = Path(__file__).parent.parent / "cases" / "contacts"


def _cases(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (_CASES / f"{name}.jsonl").read_text().splitlines()]


def _removed(case: dict[str, str]) -> str:
    return remove_contacts(
        case["text"], phone_regions({"language": case["language"], "url": f"https://{case['site']}/1"})
    )


_TELEPHONES, _OTHERS = _cases("telephones"), _cases("other_numbers")
_PRECISION, _RECALL = 0.95, 0.9


def test_sets_are_large_enough() -> None:
    assert len(_OTHERS) >= 120
    assert len(_TELEPHONES) >= 150
    assert len({case["language"].partition("-")[0] for case in _TELEPHONES}) >= 30
    assert all(TELEPHONE in case["expected"] for case in _TELEPHONES)
    assert all(case["expected"] == case["text"] for case in _OTHERS)


def test_recall_of_telephone_numbers() -> None:
    missed = [case["text"] for case in _TELEPHONES if _removed(case) != case["expected"]]
    assert len(missed) <= (1 - _RECALL) * len(_TELEPHONES), missed


def test_precision_of_telephone_numbers() -> None:
    right = sum(_removed(case) == case["expected"] for case in _TELEPHONES)
    wrong = [case["text"] for case in _OTHERS if _removed(case) != case["expected"]]
    assert right / (right + len(wrong)) >= _PRECISION, wrong


_BESIDE_NAMES = _cases("beside_names")


def test_card_states_the_precision_and_recall_beside_names() -> None:
    """A line whose result differs from what is expected counts as one number missed, and one replaced wrongly if it
    has as many placeholders.
    """
    right = wrong = missed = 0
    for case in _BESIDE_NAMES:
        expected, found = case["expected"].count(TELEPHONE), (removed := _removed(case)).count(TELEPHONE)
        same = min(expected, found) - (removed != case["expected"] and expected == found)
        right, wrong, missed = right + same, wrong + found - same, missed + expected - same
    countries = {phone_regions({"language": case["language"], "site": case["site"]})[1] for case in _BESIDE_NAMES}
    assert len(countries) >= 10
    assert f"On {len(_BESIDE_NAMES)} invented lines" in MEASURED
    assert f"(precision {right / (right + wrong):.2f})" in MEASURED
    assert f"(recall {right / (right + missed):.2f})" in MEASURED


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("please call William C. at 085 0123456", f"please call William C. at {TELEPHONE}"),
        ("text Kevin S. 0850123456", f"text Kevin S. {TELEPHONE}"),
        ("text J. 085 012 3456.", f"text J. {TELEPHONE}."),
        ("Declan F. (0850123456)", f"Declan F. ({TELEPHONE})"),
        ("Mary Dunne\n085 012 3456\nEoin Walsh\n085 012 3457", f"Mary Dunne\n{TELEPHONE}\nEoin Walsh\n{TELEPHONE}"),
        ("Declan F. 0850123456 Kevin S. 0850123457", f"Declan F. {TELEPHONE} Kevin S. {TELEPHONE}"),
        ("Kevin Hurley 0-12, Noel Foley 1-04", None),
        ("Order Kevin Hurley 0850123456", None),
        ("The ship Mary Dunne (1850-1923)", None),
    ],
)
def test_telephone_numbers_beside_names(said: str, left: str | None) -> None:
    assert remove_contacts(said, (None, "IE")) == (said if left is None else left)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("git clone git@harbour.test:owner/repository", None),
        ("ssh -p 22 ada@harbour.test", None),
        ("https://ada:secret@harbour.test/", None),
        ("logo@2x.png and logo@3x.webp", None),
        ("log in as user@example.com or xxx@example.org", None),
        ("記事の題名@harbour.test", None),
        ("お問い合わせはada@harbour.testまで", f"お問い合わせは{EMAIL}まで"),
        ("메일은 ada@harbour.test로", f"메일은 {EMAIL}로"),
        ("Ada (at) harbour (dot) test", EMAIL),
        ("ada＠harbour.test", EMAIL),
        ("Write to git@harbour.test: it is read.", f"Write to {EMAIL}: it is read."),
        ("Ada Berg <ada@harbour.test>, Jo <jo@harbour.test>", f"Ada Berg <{EMAIL}>, Jo <{EMAIL}>"),
    ],
)
def test_email_addresses(said: str, left: str | None) -> None:
    assert remove_contacts(said) == (said if left is None else left)


_UK, _US = (None, "GB"), (None, "US")


@pytest.mark.parametrize(
    ("said", "where", "left"),
    [
        ("Tel. 020 7946 0018 or 020 7946 0019", _UK, f"Tel. {TELEPHONE} or {TELEPHONE}"),
        ("Tel: 020 7946 0018 ext. 12.", _UK, f"Tel: {TELEPHONE}."),
        ("ada@harbour.test or 201-555-0123", _US, f"{EMAIL} or {TELEPHONE}"),
        ("1 Pier Street\n201-555-0123\nOpen daily", _US, f"1 Pier Street\n{TELEPHONE}\nOpen daily"),
        ("A text about ships\n201-555-0123\nAnother line", _US, None),
        ("201-555-0123\n201-555-0124\n201-555-0125\n201-555-0126", _US, None),
        (
            "Hotlines:\nNorth: 020 7946 0018\nSouth: 020 7946 0019",
            _UK,
            f"Hotlines:\nNorth: {TELEPHONE}\nSouth: {TELEPHONE}",
        ),
        ("North: 020 7946 0018", _UK, None),
        ("The year 2019, 020 7946 0018", _UK, None),
    ],
)
def test_places_of_telephone_numbers(said: str, where: tuple[str | None, ...], left: str | None) -> None:
    assert remove_contacts(said, where) == (said if left is None else left)


def test_region_of_a_language_whose_code_is_another_country() -> None:
    """The code of Arabic is that of Argentina, and the code of Ukrainian is not that of Ukraine."""
    assert "AR" not in phone_regions({"language": "ar", "url": "https://harbour.example/"})
    assert phone_regions({"language": "uk", "url": "https://harbour.example/"}) == (None, "UA")
    assert phone_regions({"language": "en-GB", "url": "https://harbour.example/"})[1] == "GB"


_PIECES = st.sampled_from(
    [
        *"0123456789+-/.()@: \n",
        "Tel",
        "Tel.: ",
        "call ",
        TELEPHONE,
        EMAIL,
        "+44 20 7946 0018",
        "020 7946 0018",
        "a@b.org",
    ]
)
_TEXTS = st.one_of(st.text(max_size=80), st.lists(_PIECES, max_size=30).map("".join))


@given(st.text(st.characters(exclude_categories=["Nd"], exclude_characters="@＠"), max_size=200))
def test_a_text_without_digits_and_at_signs_is_unchanged(said: str) -> None:
    if not re.search(r"[\[({]\s?(?:at|ät|arroba)", said, re.IGNORECASE):
        assert remove_contacts(said, (None, "GB", "US")) == said


@given(_TEXTS)
def test_removing_contacts_twice_changes_nothing(said: str) -> None:
    once = remove_contacts(said, (None, "GB", "US"))
    assert remove_contacts(once, (None, "GB", "US")) == once


@given(_TEXTS)
def test_contacts_are_apart_in_order_and_short(said: str) -> None:
    at = 0
    for one in find_contacts(said, (None, "GB", "US")):
        assert at <= one.start < one.end
        assert one.kind == EMAIL or one.end - one.start < 80
        assert one.kind == EMAIL or 6 <= sum(map(str.isdecimal, said[one.start : one.end])) <= 21
        at = one.end


# Records: which parts of a body are code, and which links lead to contacts.

_NUMBER = "+44 20 7946 0018"


def _record(body: str, *marks: list[Any]) -> dict[str, Any]:
    return {
        "id": "1",
        "authors": [],
        "language": "en",
        "url": "https://harbour.example/1",
        "body": body,
        "markup": [*marks],
    }


@pytest.mark.parametrize(
    ("kind", "body", "start", "end", "left"),
    [
        ("pre", f"dial {_NUMBER} or a@harbour.test", 0, None, None),
        ("code", f"dial {_NUMBER} now", 0, None, None),
        ("code", f"Ask {_NUMBER}", 4, None, f"Ask {TELEPHONE}"),
        ("code", "Ask a@harbour.test", 4, None, f"Ask {EMAIL}"),
        ("strong", f"dial {_NUMBER}", 0, None, f"dial {TELEPHONE}"),
    ],
)
def test_code_has_no_contacts(kind: str, body: str, start: int, end: int | None, left: str | None) -> None:
    record = _record(body, [start, (end or len(body)) - start, kind])
    assert Pseudonymizer(None, contacts=True)(record)["body"] == (body if left is None else left)


def test_number_with_a_link_to_it_is_a_telephone_number() -> None:
    record = _record("Ask at 7946 0018.", [7, 9, "a", "tel:+442079460018"])
    assert Pseudonymizer(None, contacts=True)(record)["body"] == f"Ask at {TELEPHONE}."


@pytest.mark.parametrize("url", ["mailto:ada@harbour.test", "tel:+442079460018", "https://wa.me/442079460018"])
def test_links_to_contacts_are_left_out(url: str) -> None:
    other = [0, 3, "a", "https://harbour.example/"]
    found = Pseudonymizer(None, contacts=True)(_record("Ask us.", other, [4, 2, "a", url]))
    assert found["markup"] == [other]


# What is counted, and listed.

_POSTS = [
    Post(1, body=f"{text(1)}\n\nTel. 020 7946 0018 or ada@harbour.test", language="en-GB"),
    Post(1, day=2, body=f"{text(1)}\n\nTel. 020 7946 0019 or ada@harbour.test", language="en-GB"),
    Post(2, title="Ring 020 7946 0020", language="en-GB"),
    Post(3, site="https://quay.example/", language="en-GB"),
]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make(tmp_path / "archive" / "archive.db", _POSTS)


@pytest.fixture
def free(tmp_path: Path) -> str:
    """A file of rules that permit every text."""
    (tmp_path / "rules.toml").write_text('[[rule]]\nsite = "*"\ntier = "full"\n')
    return str(tmp_path / "rules.toml")


def test_card_counts_replacements(archive: Path, free: str, tmp_path: Path) -> None:
    done = publish(archive, str(tmp_path / "d"), "--version", "1.0.0", "--drop-contacts", "--rules", free)
    assert done.exit_code == 0, done.output
    card = (tmp_path / "d" / "README.md").read_text()
    assert f"1 e-mail addresses were replaced by {EMAIL} and 2 telephone numbers by {TELEPHONE}" in card


# Names of organizations are no personal data.


def test_names_of_organizations_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASET_KEY", "a key that is long enough")
    archive = make(
        tmp_path / "archive" / "archive.db",
        [
            Post(
                1,
                title="Welcome to The Quay Team",
                authors=("The Quay Team", "Ada Berg"),
                organizations=("The Quay Team",),
            ),
            Post(1, day=2, title="The Quay Team and Ada Berg", authors=("Jo Quay",)),
            Post(2, title="Quay reports", authors=("Quay",), organizations=("Quay",)),
        ],
    )
    done = publish(archive, str(tmp_path / "d"), "--version", "1.0.0", "--pseudonymise", "DATASET_KEY")
    assert done.exit_code == 0, done.output
    titles = [row["title"] for row in rows(tmp_path / "d", "revisions")]
    assert "Welcome to The Quay Team" in titles
    assert "Quay reports" in titles
    assert any(re.fullmatch(r"The Quay Team and author-[0-9a-f]{16}", title) for title in titles)
    assert ["Quay"] in [row["author_organizations"] for row in rows(tmp_path / "d", "articles")]
    assert not re.search("ada berg|jo quay", all_words(tmp_path / "d").casefold())
