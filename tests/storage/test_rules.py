"""Stored site rules: revisions with their times, and manual rules that override them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver.extraction.site_rules import Rule, SiteConstants, SiteRules
from archiver.model.errors import BadRules
from archiver.model.items import Article, Evidence
from archiver.model.page_rules import BY_HAND
from archiver.storage.articles import Observation, store_article
from archiver.storage.database import open_archive
from archiver.storage.stored_rules import (
    forget_rules,
    retire_rules,
    retire_template,
    rule_versions,
    rules_valid_at,
    rules_without_match,
    store_handwritten_rules,
    store_learned_rules,
    store_relearned_rules,
)
from tests.storage.one_site_archive import archive_of_one_site

AT = datetime(2024, 5, 1, tzinfo=UTC)
HAND = '[title]\nselect = "h1.mine"\n'


def rules(title: str) -> SiteRules:
    return SiteRules({"title": Rule((title,)), "body": Rule(("div.text",))}, pages=25, teacher="agreement")


def days(count: int) -> datetime:
    return AT + timedelta(days=count)


def title(found: SiteRules | None) -> str:
    assert found is not None
    return found.fields["title"].select[0]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_archive(tmp_path / "a.db", create=True)
    for number in (1, 2):
        db.table("sites").insert(
            {
                "id": number,
                "name": f"{number}.example",
                "start_url": f"https://{number}.example/",
                "host": f"{number}.example",
                "path": "/",
                "settings": "{}",
                "added_at": AT.isoformat(),
            }
        )
    yield db
    db.close()


def test_the_constants_of_a_site_outlive_its_template(db: Database) -> None:
    constants = SiteConstants(titles=("Quay talks",))
    with db.atomic():
        store_learned_rules(db, 1, replace(rules("h1.first"), constants=constants), days(0))
        remaining = retire_template(db, 1, days(10))
    assert remaining is not None
    assert (dict(remaining.fields), remaining.pages) == ({}, 0)
    assert remaining.constants == constants
    assert title(rules_valid_at(db, 1, days(9))) == "h1.first"
    with db.atomic():
        store_learned_rules(db, 1, rules("h1.second"), days(12))
    assert title(rules_valid_at(db, 1, days(11))) == "h1.second"


def test_nothing_outlives_the_template_of_a_site_without_constants(db: Database) -> None:
    with db.atomic():
        store_learned_rules(db, 1, rules("h1.first"), days(0))
        assert retire_template(db, 1, days(10)) is None


def test_each_version_is_valid_for_the_captures_of_its_time(db: Database) -> None:
    assert rules_valid_at(db, 1) is None
    with db.atomic():
        stored = store_learned_rules(db, 1, rules("h1.first"), days(0))
        assert (stored.version, stored.pages) == ("rules-1", 25)
        retire_rules(db, 1, days(10))
        assert rules_valid_at(db, 1) is None
        store_learned_rules(db, 1, rules("h1.second"), days(12))
        store_learned_rules(db, 1, rules("h1.third"), days(20))
    assert title(rules_valid_at(db, 1)) == "h1.third"
    assert [title(rules_valid_at(db, 1, days(n))) for n in (-500, 0, 9, 10, 11, 19, 20, 900)] == [
        "h1.first",
        "h1.first",
        "h1.first",
        "h1.second",
        "h1.second",
        "h1.second",
        "h1.third",
        "h1.third",
    ]
    assert rules_valid_at(db, 2) is None
    assert [v["id"] for v in rule_versions(db, 1)] == [3, 2, 1]


@pytest.mark.parametrize(
    ("since", "at_day_5", "at_day_15"), [(None, "h1.again", "h1.again"), (10, "h1.first", "h1.again")]
)
def test_rules_learned_from_stored_captures_are_for_these_captures(
    db: Database, since: int | None, at_day_5: str, at_day_15: str
) -> None:
    with db.atomic():
        store_learned_rules(db, 1, rules("h1.first"), days(0))
        store_relearned_rules(db, 1, rules("h1.again"), days(20), days(since) if since else None)
    assert [title(rules_valid_at(db, 1, days(n))) for n in (5, 15, 30)] == [at_day_5, at_day_15, "h1.again"]


def test_rules_learned_again_do_not_reach_back_beyond_a_redesign(db: Database) -> None:
    with db.atomic():
        store_learned_rules(db, 1, rules("h1.first"), days(0))
        retire_rules(db, 1, days(10))
        store_learned_rules(db, 1, rules("h1.second"), days(12))
        store_relearned_rules(db, 1, rules("h1.again"), days(20), None)
    assert [title(rules_valid_at(db, 1, days(n))) for n in (9, 11, 30)] == ["h1.first", "h1.again", "h1.again"]


def test_rules_by_hand_override_learned_ones_until_deleted(db: Database) -> None:
    with db.atomic():
        store_learned_rules(db, 1, rules("h1.first"), days(0))
    store_handwritten_rules(db, 1, HAND, "mine.toml", days(1))
    for found in (rules_valid_at(db, 1), rules_valid_at(db, 1, days(-9))):
        assert title(found) == "h1.mine"
        assert found is not None
        assert found.fields["title"].by_hand
        assert not found.fields["body"].by_hand
        assert found.version == "rules-1+rules-2"
    store_handwritten_rules(db, 1, HAND.replace("mine", "other"), "mine.toml", days(2))
    assert title(rules_valid_at(db, 1)) == "h1.other"
    with db.atomic():
        store_learned_rules(db, 1, rules("h1.second"), days(3))
    assert title(rules_valid_at(db, 1)) == "h1.other"
    with db.atomic():
        assert forget_rules(db, 1, by_hand=True) == 1
    assert title(rules_valid_at(db, 1)) == "h1.second"


def test_rules_by_hand_work_without_learned_ones(db: Database) -> None:
    store_handwritten_rules(db, 1, HAND, "mine.toml", AT)
    found = rules_valid_at(db, 1)
    assert found is not None
    assert (found.pages, found.version) == (0, "rules-1")


def test_invalid_rules_leave_the_previous_ones(db: Database) -> None:
    store_handwritten_rules(db, 1, HAND, "mine.toml", AT)
    with pytest.raises(BadRules, match=r"mine\.toml"):
        store_handwritten_rules(db, 1, "[title]\nselect = 'h1..'", "mine.toml", AT)
    assert title(rules_valid_at(db, 1)) == "h1.mine"


def test_articles_read_with_deleted_rules_may_be_read_by_any_extractor(db: Database) -> None:
    for number, extractor in enumerate(("0.1.0", "0.1.0 rules-1"), 1):
        db.table("articles").insert(
            {
                "id": number,
                "url": f"https://1.example/{number}",
                "urlkey": f"{number}",
                "site": "1.example",
                "title": "",
                "body": "",
                "revision": 1,
                "first_seen": "",
                "last_seen": "",
                "extractor": extractor,
            }
        )
    with db.atomic():
        forget_rules(db, 1, by_hand=True)
    assert db.execute("select extractor from articles order by id").fetchall() == [("0.1.0",), (None,)]


def test_rules_without_match_are_counted_by_articles(tmp_path: Path) -> None:
    def article(number: int, *evidence: Evidence) -> Article:
        return Article(f"https://one.example/{number}", f"Post {number}", f"Text {number}. " * 20, evidence=evidence)

    found = Evidence("title", "Post 1", BY_HAND, "h1.mine", 1.0)
    none = Evidence("title", "", BY_HAND, "h1.mine", 0.0)
    tags = Evidence("tags", "", BY_HAND, ".tag", 0.0)
    with archive_of_one_site(tmp_path, "one.example") as db:
        articles = (article(1, found), article(2, none), article(3, none, tags), article(4))
        for one in articles:
            with db.atomic():
                store_article(db, "one.example", one, Observation(AT, AT, run_id=1))
        assert rules_without_match(db, "one.example") == [
            {"field": "title", "select": "h1.mine", "without": 2, "articles": 3},
            {"field": "tags", "select": ".tag", "without": 1, "articles": 1},
        ]
        assert rules_without_match(db, "two.example") == []
        assert db.execute("select count(*) from source_disagreements").fetchone() == (0,)
