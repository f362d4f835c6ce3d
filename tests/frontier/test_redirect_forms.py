"""To which form of an address a host redirects: what is learned, when, and what ends it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.frontier.trap_budgets import ENOUGH_REDIRECTS, RedirectForms
from archiver.model.urls import urlkey


def learned(asked: str, target: str, times: int = ENOUGH_REDIRECTS) -> RedirectForms:
    """Return what is learned from redirects of several addresses; {} is a number."""
    forms = RedirectForms()
    for number in range(times):
        forms.record_redirect(asked.format(number), target.format(number))
    return forms


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        ("http://a.example/blog/post-{}", "http://a.example/blog/post-{}/"),
        ("http://a.example/blog/post-{}/", "http://a.example/blog/post-{}"),
        ("http://a.example/blog/post-{}/index.html", "http://a.example/blog/post-{}/"),
        ("http://a.example/blog/post-{}/index.html", "http://a.example/blog/post-{}"),
        ("http://a.example/blog/post-{}", "https://a.example/blog/post-{}"),
        ("http://a.example/blog/post-{}", "http://www.a.example/blog/post-{}"),
        ("https://www.a.example/blog/post-{}", "https://a.example/blog/post-{}/"),
        ("http://a.example/blog/post-{}", "https://www.a.example/blog/post-{}/"),
        ("http://a.example/list?n={}", "https://a.example/list?n={}"),
    ],
)
def test_a_form_is_learned_from_two_redirects(asked: str, target: str) -> None:
    assert learned(asked, target, ENOUGH_REDIRECTS - 1).redirected(asked.format(9)) == asked.format(9)
    assert learned(asked, target).redirected(asked.format(9)) == target.format(9)


def test_a_form_is_learned_for_one_folder_first() -> None:
    forms = learned("http://a.example/blog/post-{}", "http://a.example/blog/post-{}/")
    assert forms.redirected("http://a.example/docs/page") == "http://a.example/docs/page"
    for number in range(ENOUGH_REDIRECTS):
        forms.record_redirect(f"http://a.example/news/{number}", f"http://a.example/news/{number}/")
    assert forms.redirected("http://a.example/docs/page") == "http://a.example/docs/page/"


def test_an_address_that_answers_at_once_ends_the_form_in_its_folder() -> None:
    forms = learned("http://a.example/blog/post-{}", "http://a.example/blog/post-{}/", 2 * ENOUGH_REDIRECTS)
    forms.record_response("http://a.example/docs/page")
    assert forms.redirected("http://a.example/docs/other") == "http://a.example/docs/other"
    assert forms.redirected("http://a.example/blog/post") == "http://a.example/blog/post/"
    forms.record_response("http://a.example/blog/plain")
    assert forms.redirected("http://a.example/blog/post") == "http://a.example/blog/post"


def test_a_redirect_the_other_way_ends_a_form() -> None:
    forms = learned("http://a.example/blog/post-{}", "http://a.example/blog/post-{}/")
    forms.record_redirect("http://a.example/blog/post-9/", "http://a.example/blog/post-9")
    assert forms.redirected("http://a.example/blog/post-10") == "http://a.example/blog/post-10"


def test_files_and_the_home_page_get_no_slash() -> None:
    forms = learned("http://a.example/post-{}", "http://a.example/post-{}/")
    for url in ("http://a.example/", "http://a.example/notes.html", "http://a.example/post/"):
        assert forms.redirected(url) == url


def test_the_last_number_of_a_version_is_no_file_extension() -> None:
    forms = learned("http://a.example/release-{}", "http://a.example/release-{}/")
    assert forms.redirected("http://a.example/release-5.2.0") == "http://a.example/release-5.2.0/"
    assert forms.redirected("http://a.example/notes.mp3") == "http://a.example/notes.mp3"


def test_an_address_is_undecided_until_a_response_shows_its_form() -> None:
    forms = RedirectForms()
    assert forms.is_undecided("http://a.example/blog/post")
    forms.record_response("http://a.example/blog/plain")
    assert not forms.is_undecided("http://a.example/blog/post")
    redirected = learned("http://a.example/blog/post-{}", "http://a.example/blog/post-{}/")
    assert not redirected.is_undecided("http://a.example/blog/post-9")
    assert redirected.is_undecided("http://a.example/docs/page")


_ADDRESSES = st.builds(
    "{}://{}a.example/{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", "www."]),
    st.sampled_from(["", "blog/", "blog/post", "blog/post/", "post", "notes.html"]),
    st.sampled_from(["", "index.html", "?id=3"]),
)


@given(st.lists(st.tuples(_ADDRESSES, _ADDRESSES), max_size=12), _ADDRESSES)
def test_every_form_of_an_address_has_its_urlkey(redirects: list[tuple[str, str]], url: str) -> None:
    forms = RedirectForms()
    for asked, target in redirects:
        for _ in range(ENOUGH_REDIRECTS):
            forms.record_redirect(asked, target)
    assert urlkey(forms.redirected(url)) == urlkey(url)
