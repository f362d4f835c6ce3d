"""Evidence as it is stored: every entry comes back, small or as earlier releases wrote it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from archiver.store.evidence_form import FORM, READING, Entry, packed, unpacked
from archiver.store.migrations import migrations

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
_SHARE = st.integers(0, 100).map(lambda n: n / 100)
_PLAIN = {"field": _TEXT, "source": _TEXT, "locator": _TEXT, "confidence": st.none() | _SHARE, "value": _TEXT}
_ENTRIES = st.lists(st.fixed_dictionaries(_PLAIN, optional={"won": st.just(1)}) | st.fixed_dictionaries({
    **_PLAIN, "won": st.just(1), "extractor": _TEXT, "capture_id": st.integers(1, 9) | st.just(""), "read_at": _TEXT}))


@given(_ENTRIES)
def test_entries_come_back(entries: list[Entry]) -> None:
    assert unpacked(packed(entries)) == entries == unpacked(json.dumps(entries))


@given(_ENTRIES)
def test_a_migration_writes_what_the_program_writes(entries: list[Entry]) -> None:
    db = Database(memory=True)
    migrations.apply(db, stop_before="m016_standing_versions")
    row = {"id": 1, "url": "u", "site": "s", "title": "t", "body": "b", "revision": 1, "first_seen": "2024",
           "last_seen": "2024", "urlkey": "u", "evidence": json.dumps(entries)}
    db.table("articles").insert(row)
    told = list(db.execute("select * from evidence"))
    migrations.apply(db, stop_before="m024_shared_once")
    text = db.execute("select evidence from articles").fetchone()[0]
    assert unpacked(text) == entries
    assert list(db.execute("select * from evidence")) == told
    db.execute("update articles set evidence = ?", [packed(entries)])
    assert list(db.execute("select * from evidence")) == told
    db.execute("update articles set evidence = ?", [json.dumps(entries)])
    assert list(db.execute("select * from evidence")) == told
    db.close()


def test_the_form_is_short() -> None:
    entry: Entry = {"field": "title", "source": "learned", "locator": "h1", "confidence": 1.0, "value": "A", "won": 1}
    assert packed([entry]) == '[["title","learned","h1",1.0,1,"A"]]'
    assert FORM[-3:] == READING
