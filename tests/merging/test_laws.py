"""Properties of merging that hold for any two archives."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from archiver.archive import Archive
from archiver.maintenance.verification import verify
from tests.importers.importing import rows, state
from tests.merging.merging import Seen, copy, make, merge

VISITS = st.lists(
    st.builds(Seen, st.integers(0, 5), st.integers(1, 2), st.sampled_from([1, 1, 2, 2, 3, 0, -1])),
    min_size=1,
    max_size=6,
    unique_by=lambda seen: (seen.day, seen.number),
)


def meanings(archive: Path) -> set[tuple[str, str]]:
    return set(
        rows(archive, "select a.urlkey, r.meaning_digest from revisions r join articles a on a.id = r.article_id")
    )


def records(archive: Path) -> list[dict[str, object]]:
    """Returns the exported records without IDs and file offsets."""
    with Archive(archive) as opened:
        found = [
            {k: v for k, v in one.items() if k not in ("id", "revision", "duplicate_of", "cluster_id", "capture")}
            for one in opened.articles()
        ]
    return sorted(found, key=lambda one: str(one["url"]))


def has_alternating_revisions(archive: Path) -> bool:
    """True if a server alternated between revisions of a post, so that captures between them may show either."""
    return bool(rows(archive, "select 1 from revisions where seen_again > 0"))


@settings(max_examples=int(settings.default.max_examples / 8))
@given(VISITS, VISITS)
@example([Seen(0, 1, 1), Seen(4, 1, 1)], [Seen(2, 1, 2)])
@example(
    [Seen(0, 2, 1), Seen(1, 2, 1), Seen(4, 2, 1)],
    [Seen(0, 2, 3), Seen(1, 2, 1), Seen(2, 2, 2), Seen(3, 2, 1), Seen(5, 2, 2)],
)
def test_merging_is_a_union(left: list[Seen], right: list[Seen]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        a, b = make(folder / "a", left, 0), make(folder / "b", right, 1)
        said = meanings(a) | meanings(b)
        ab, ba = copy(a, folder / "ab"), copy(b, folder / "ba")
        merge(ab, b)
        merge(ba, a)
        once, back = state(ab), state(ba)
        assert records(ab) == records(ba)
        assert once == back or has_alternating_revisions(a) or has_alternating_revisions(b)
        assert meanings(ab) >= said
        assert meanings(ba) >= said
        assert not verify(ab).findings
        assert not verify(ba).findings
        merge(ab, b)
        assert state(ab) == once
        merge(ab, a)
        assert state(ab) == once
        merge(ba, ab)
        assert state(ba) == back
