"""The evidence of current revisions: shared parts are stored once, and every entry round-trips."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from archiver.storage.field_evidence import Entry, decode_evidence, encode_evidence, pack_evidence
from archiver.storage.schema import migrations
from archiver.storage.transactions import writing
from tests.storage.evidence_strategies import entry_lists

_NOT = {"exclude_characters": "\0"}
_TEXT = st.text(st.characters(codec="utf-8", **_NOT), max_size=6)
_FIELD = st.sampled_from(["title", "body", "authors", "tags", "published", "geotags", "encoding", "image"])
_SAID = st.sampled_from(["The quay", "The", "Ann Rowe", "Ann Rowe, Bo", "Ann", "8 characters", "2024-05-01", "utf-8"])
_PLAIN = {
    "field": _FIELD,
    "source": st.sampled_from(["learned", "meta", ""]),
    "value": _SAID | _TEXT,
    "locator": st.sampled_from(["h1", "", "/2024/the-quay/"]) | _TEXT,
    "confidence": st.sampled_from([None, 1.0, 0.55]),
}
_ENTRIES = entry_lists(_PLAIN, _TEXT)
_ROW: dict[str, Any] = {
    "id": 1,
    "url": "https://quay.example/2024/the-quay/",
    "site": "s",
    "title": "The quay",
    "body": "Low tide",
    "authors": '["Ann Rowe", "Bo"]',
    "tags": "[]",
    "categories": None,
    "published": "2024-05-01",
    "geotags": "[]",
    "image": None,
    "revision": 1,
    "first_seen": "2024",
    "last_seen": "2024",
    "urlkey": "u",
}
_VIEWS = ("evidence", "provenance")


def _archive() -> Database:
    db = Database(memory=True)
    migrations().apply(db)
    return db


def _rows_of_views(db: Database) -> list[list[tuple[Any, ...]]]:
    return [sorted(db.execute(f"select * from {view}").fetchall(), key=repr) for view in _VIEWS]


@given(_ENTRIES)
def test_entries_round_trip_and_views_show_them_in_full(entries: list[Entry]) -> None:
    db = _archive()
    db.table("articles").insert({**_ROW, "evidence": pack_evidence(entries)})
    whole = _rows_of_views(db)
    db.execute("update articles set evidence = ?", [encode_evidence(db, entries, _ROW)])
    assert decode_evidence(db, next(iter(db.query("select * from articles")))) == entries
    assert _rows_of_views(db) == whole
    db.close()


def test_evidence_shared_by_posts_is_stored_once() -> None:
    db = _archive()
    entry: Entry = {
        "field": "title",
        "source": "learned",
        "locator": "h1",
        "confidence": 1.0,
        "value": "The quay",
        "won": 1,
    }
    assert encode_evidence(db, [entry], _ROW) == "[1]"
    assert encode_evidence(db, [entry | {"value": "The"}], _ROW) == "[[1,1,3]]"
    assert encode_evidence(db, [entry | {"value": "Quays", "won": 0}], _ROW) == '[[1,0,"Quays"]]'
    own = entry | {"field": "published", "source": "address", "locator": "/2024/the-quay/", "value": "2024"}
    assert json.loads(encode_evidence(db, [own], _ROW) or "")[0][:3] == ["published", "address", "/2024/the-quay/"]
    assert db.table("evidence_kinds").count == 1
    db.close()


def test_an_id_inserted_in_a_rolled_back_transaction_is_not_reused_from_the_cache() -> None:
    db = _archive()
    entry: Entry = {"field": "title", "source": "learned", "locator": "h1", "confidence": 1.0, "value": "x", "won": 1}
    for other in ("h2", "h3"):
        with pytest.raises(RuntimeError, match="undone"), writing(db):
            encode_evidence(db, [entry], _ROW)
            raise RuntimeError("undone")
        with writing(db):
            text = encode_evidence(db, [entry | {"locator": other}, entry], _ROW)
        assert [one["locator"] for one in decode_evidence(db, {**_ROW, "evidence": text})] == [other, "h1"]
    with writing(db), pytest.raises(RuntimeError, match="undone"), writing(db):  # a nested transaction
        encode_evidence(db, [entry | {"locator": "h4"}], _ROW)
        raise RuntimeError("undone")
    text = encode_evidence(db, [entry | {"locator": "h5"}, entry | {"locator": "h4"}], _ROW)
    assert [one["locator"] for one in decode_evidence(db, {**_ROW, "evidence": text})] == ["h5", "h4"]
    db.close()
