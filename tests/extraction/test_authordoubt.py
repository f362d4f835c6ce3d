"""Which declared authors are doubtful."""

from __future__ import annotations

import pytest

from archiver.extraction.page import parse_page
from archiver.extraction.person_names import DOUBTFUL, downgrade_doubtful_authors
from archiver.model.items import Candidate

PAGE = parse_page("<body><h1>Bees</h1><p>Seen Person keeps bees.</p></body>", "https://hive.example/bees")


def one(name: str, source: str = "meta", locator: str = "author") -> Candidate[tuple[str, ...]]:
    return Candidate((name,), source, locator, 0.8)


@pytest.mark.parametrize(
    ("found", "believed"),
    [
        ([one("Ines Kaldor")], True),
        ([one("pmc")], True),
        ([one("Ines Kaldor", "json-ld")], False),
        ([one("Seen Person", "json-ld")], True),
        ([one("Ines Kaldor", locator="dcterms.creator")], False),
        ([one("the hive's office")], False),
        ([one("Hive")], False),
        ([one("Hive"), one("Hive", "json-ld")], True),
        ([one("Honey News Ltd")], False),
        ([one("kaldor7x2q9p"), one("kaldor7x2q9p", "json-ld")], False),
        ([one("ines.kaldor")], False),
        ([one("ines.kaldor"), one("ines.kaldor", locator="twitter:data1")], True),
        ([one("Hive", "signed")], True),
    ],
)
def test_doubtful_authors_lose_confidence(found: list[Candidate[tuple[str, ...]]], believed: bool) -> None:
    got = downgrade_doubtful_authors(found, PAGE, {"honeynewsltd"})
    assert all((c.confidence > DOUBTFUL) is believed for c in got)
    assert [c.value for c in got] == [c.value for c in found]


def test_json_ld_alone_names_the_author_of_a_text_that_the_page_does_not_show() -> None:
    got = downgrade_doubtful_authors([one("Ines Kaldor", "json-ld")], PAGE, set(), "Bees dance to tell their way. " * 9)
    assert [c.confidence for c in got] == [0.8]
