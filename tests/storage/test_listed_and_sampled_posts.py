"""Posts that a list no longer shows were removed only if the place where they would stand was read."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from archiver.storage.sources import removed_posts

NEWEST = date(2024, 6, 1)


def days_of(*posts: int) -> dict[int, date | None]:
    """Return a day for each post: those with higher numbers are newer."""
    return {post: NEWEST + timedelta(days=post) for post in posts}


def test_a_post_between_two_others_was_removed() -> None:
    assert removed_posts([5, 4, 3], [5, 3], days_of(3, 4, 5)) == [4]


def test_a_post_that_was_pushed_off_the_page_is_on_the_next_one() -> None:
    assert removed_posts([5, 4, 3], [6, 5, 4], days_of(3, 4, 5, 6), is_first=True) == []


def test_a_post_that_moved_up_is_on_the_page_before() -> None:
    assert removed_posts([5, 4, 3], [4, 3, 2], days_of(2, 3, 4, 5)) == []


def test_the_newest_post_stands_at_the_top_of_the_first_page() -> None:
    assert removed_posts([5, 4, 3], [4, 3, 2], days_of(2, 3, 4, 5), is_first=True) == [5]


def test_the_oldest_post_of_a_list_that_became_shorter_was_removed() -> None:
    assert removed_posts([5, 4, 3], [5, 4], days_of(3, 4, 5), is_first=True, is_last=True) == [3]


def test_the_oldest_post_of_a_feed_leaves_its_window() -> None:
    assert removed_posts([5, 4, 3], [6, 5, 4], days_of(3, 4, 5, 6), is_first=True, is_last=True) == []


def test_the_oldest_post_of_a_page_that_others_follow_may_stand_there() -> None:
    assert removed_posts([5, 4, 3], [5, 4], days_of(3, 4, 5), is_first=True) == []


def test_a_pinned_post_that_is_unpinned_was_not_removed() -> None:
    assert removed_posts([1, 9, 8, 7, 6], [9, 8, 7, 6, 5], days_of(1, 5, 6, 7, 8, 9), is_first=True) == []


def test_posts_of_a_selection_are_replaced() -> None:
    assert removed_posts([3, 9, 1, 7], [3, 9, 7], days_of(1, 3, 7, 9), is_first=True, is_last=True) == []


def test_posts_of_two_lists_on_one_page_are_pushed_off_each() -> None:
    before, now = [9, 7, 5, 8, 6, 4], [10, 9, 7, 8, 6, 4]
    assert removed_posts(before, now, days_of(*before, *now), is_first=True) == []


def test_posts_that_change_their_order_are_not_judged() -> None:
    undated: dict[int, date | None] = dict.fromkeys((1, 2, 3, 4))
    assert removed_posts([1, 2, 3, 4], [4, 3, 1], undated, is_first=True) == []


def test_a_list_without_dates_is_judged_by_its_order() -> None:
    undated: dict[int, date | None] = dict.fromkeys((1, 2, 3))
    assert removed_posts([1, 2, 3], [1, 3], undated) == [2]


def test_a_list_that_shows_other_posts_says_nothing() -> None:
    assert removed_posts([5, 4, 3], [9, 8, 7], days_of(3, 4, 5, 7, 8, 9), is_first=True, is_last=True) == []


@st.composite
def pagers(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]], set[int], dict[int, date | None]]:
    """Draw the pages of a list before and after some posts were added and some removed: the pages before, those after,
    the removed posts, and the days of all posts.
    """
    size = draw(st.integers(2, 6))
    old = list(range(draw(st.integers(1, 25)), 0, -1))
    removed = draw(st.sets(st.sampled_from(old), max_size=4))
    newest = old[0] + draw(st.integers(0, 8))
    now = [*range(newest, old[0], -1), *(post for post in old if post not in removed)]
    gaps = draw(st.lists(st.integers(0, 40), min_size=newest, max_size=newest))
    days: dict[int, date | None] = {}
    at = NEWEST
    unread = draw(st.sets(st.integers(old[0] + 1, newest))) if newest > old[0] else set()
    for post, gap in enumerate(gaps, 1):
        at += timedelta(days=gap)
        if post not in unread:  # a new post that was not fetched yet is not known as one
            days[post] = at
    return paged(old, size), paged(now, size), removed, days


def paged(posts: list[int], size: int) -> list[list[int]]:
    return [posts[start : start + size] for start in range(0, len(posts), size)]


def judge(before: list[list[int]], now: list[list[int]], page: int, days: dict[int, date | None]) -> list[int]:
    return removed_posts(before[page], now[page], days, is_first=page == 0, is_last=page == len(now) - 1)


@given(pagers())
def test_a_post_that_only_moved_was_never_removed(
    pager: tuple[list[list[int]], list[list[int]], set[int], dict[int, date | None]],
) -> None:
    before, now, removed, days = pager
    found = {post for page in range(min(len(before), len(now))) for post in judge(before, now, page, days)}
    assert found <= removed


@given(pagers())
def test_a_removed_post_is_found_if_its_place_was_read(
    pager: tuple[list[list[int]], list[list[int]], set[int], dict[int, date | None]],
) -> None:
    before, now, removed, days = pager
    for page in range(min(len(before), len(now))):
        kept = [post for post in before[page] if post in now[page]]
        newest = before[page][0] if page == 0 and kept else max(kept, default=0)
        expected = {post for post in removed & set(before[page]) if kept and kept[-1] < post <= newest}
        assert expected <= set(judge(before, now, page, days))
