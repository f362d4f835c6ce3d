"""Digests that an earlier release has stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from archiver.items import Article, GeoTag
from archiver.record import identity
from archiver.record.earlier import is_meaning_digest
from archiver.record.identity import meaning_digest

POST = Article("https://a.example/1", "“Quoted”  twice", "It’s 1,203 views\n\nof it", ("ADA Berg",),
               datetime(2024, 5, 1, tzinfo=UTC), geotags=(GeoTag(1.5, 2.5, "X"),))
BY_0_2 = "84b96052f5676df7dead4739e45baf0e"


def test_a_digest_is_proved_by_the_rule_that_made_it() -> None:
    assert meaning_digest(POST) != BY_0_2
    assert is_meaning_digest(BY_0_2, POST)
    assert is_meaning_digest(meaning_digest(POST), POST)
    assert not is_meaning_digest(BY_0_2, replace(POST, title="Other"))
    assert not is_meaning_digest(None, POST)


def test_a_field_that_was_added_later_changes_no_digest_while_it_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = meaning_digest(POST)
    monkeypatch.setattr(identity, "MEANING", (*identity.MEANING, "description"))
    assert not is_meaning_digest(digest, POST)
    monkeypatch.setattr(identity, "ADDED", (*identity.ADDED, "description"))
    assert is_meaning_digest(digest, POST)
    assert not is_meaning_digest(digest, replace(POST, description="A summary"))
