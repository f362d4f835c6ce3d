"""The list form of evidence: every entry round-trips."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archiver.storage.field_evidence import EXTRACTION, FORM, Entry, pack_evidence, unpack_evidence
from tests.storage.evidence_strategies import entry_lists

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
_SHARE = st.integers(0, 100).map(lambda n: n / 100)
_PLAIN = {"field": _TEXT, "source": _TEXT, "locator": _TEXT, "confidence": st.none() | _SHARE, "value": _TEXT}
_ENTRIES = entry_lists(_PLAIN, _TEXT)


@given(_ENTRIES)
def test_entries_round_trip(entries: list[Entry]) -> None:
    assert unpack_evidence(pack_evidence(entries)) == entries


def test_the_stored_form_is_short() -> None:
    entry: Entry = {"field": "title", "source": "learned", "locator": "h1", "confidence": 1.0, "value": "A", "won": 1}
    assert pack_evidence([entry]) == '[["title","learned","h1",1.0,1,"A"]]'
    assert FORM[-3:] == EXTRACTION
