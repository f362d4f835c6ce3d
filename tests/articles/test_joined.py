"""Union-find: the clusters that pairs of near-duplicates form."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archiver.articles.near_duplicates import UnionFind

LINKS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=15)


@given(LINKS)
def test_groups_are_connected_components(links: list[tuple[int, int]]) -> None:
    together = {number: {number} for number in range(10)}
    for one, other in links:
        whole = together[one] | together[other]
        together |= dict.fromkeys(whole, whole)
    joined = UnionFind(links)
    assert joined.groups(range(10)) == [sorted(group) for number, group in together.items() if min(group) == number]
    assert all(
        (joined.top(one) == joined.top(other)) == (other in together[one]) for one in range(10) for other in range(10)
    )
