"""What merging promises, whatever two machines have seen."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from archiver.store.checks.run import verify
from tests.imports.importing import rows, state
from tests.merging.merging import Seen, copy, make, merge

VISITS = st.lists(st.builds(Seen, st.integers(0, 5), st.integers(1, 2), st.sampled_from([1, 1, 2, 2, 3, 0, -1])),
                  min_size=1, max_size=6, unique_by=lambda seen: (seen.day, seen.number))


def meanings(archive: Path) -> set[tuple[str, str]]:
    return set(rows(archive, "select a.urlkey, r.meaning_digest from revisions r join articles a "
                    "on a.id = r.article_id"))


@settings(max_examples=12)
@given(VISITS, VISITS)
@example([Seen(0, 1, 1), Seen(4, 1, 1)], [Seen(2, 1, 2)])
def test_merging_is_a_union(left: list[Seen], right: list[Seen]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        a, b = make(folder / "a", left, 0), make(folder / "b", right, 1)
        said = meanings(a) | meanings(b)
        ab, ba = copy(a, folder / "ab"), copy(b, folder / "ba")
        merge(ab, b)
        merge(ba, a)
        once, back = state(ab), state(ba)
        assert once == back
        assert meanings(ab) >= said
        assert not verify(ab).findings and not verify(ba).findings
        merge(ab, b)
        assert state(ab) == once
        merge(ab, a)
        assert state(ab) == once
        merge(ba, ab)
        assert state(ba) == once
