"""URLs: which are equivalent, which are not, and which are invalid."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archiver.model.errors import BadAddress
from archiver.model.urls import IN_FOLDER, Scope, folder_of, normalize, start_address, urlkey


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("http://example.org/a/", "https://www.example.org/a"),
        ("https://example.org/a?utm_source=x&utm_medium=y", "https://example.org/a"),
        ("https://example.org/a?x=1&y=2", "https://example.org/a?y=2&x=1"),
        ("https://example.org/a/index.html", "https://example.org/a/"),
        ("https://example.org:443/%7Eann/", "https://EXAMPLE.org/~ann/"),
        ("https://example.org/post/?replytocom=5", "https://example.org/post/"),
        ("https://example.org/post/?share=twitter", "https://example.org/post/"),
        ("https://example.org/2024/05/post.html?m=1", "https://example.org/2024/05/post.html"),
        ("https://example.org/?m=1&utm_source=x", "https://example.org/?m=0"),
        ("https://example.org/search?updated-max=2010-01-01&m=1", "https://example.org/search?updated-max=2010-01-01"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://example.org/caf%c3%a9", "https://example.org/café"),
    ],
)
def test_equivalent_urls_have_equal_keys(a: str, b: str) -> None:
    assert urlkey(a) == urlkey(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("https://example.org/?p=1", "https://example.org/?p=2"),
        ("https://example.org/?page_id=1", "https://example.org/"),
        ("https://example.org/Post", "https://example.org/post"),
        ("https://example.org/a?id=7", "https://example.org/a"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8081/"),
        ("https://blog.example.org/", "https://example.org/"),
        ("https://example.org/archive.php?y=2021&m=1", "https://example.org/archive.php?y=2021"),
        ("https://example.org/archive/?y=2021&m=1", "https://example.org/archive/?y=2021"),
        ("https://example.org/show.php?m=1", "https://example.org/show.php?m=0"),
    ],
)
def test_different_urls_have_different_keys(a: str, b: str) -> None:
    assert urlkey(a) != urlkey(b)
    assert urlkey(normalize(a) or "") == urlkey(a)


def test_urlkey_is_a_surt() -> None:
    assert urlkey("https://www.blog.example.org/2024/05/A-Post/?b=2&a=1") == "org,example,blog)/2024/05/A-Post?a=1&b=2"


def test_urls_are_normalized() -> None:
    assert normalize("../b/?utm_source=x&p=3#top", "https://Example.org/a/c/") == "https://example.org/a/b/?p=3"
    for nothing in ("mailto:ann@example.org", "javascript:void(0)", "http://", "http://x:99999/", "//[", "#top"):
        assert normalize(nothing) is None
    assert normalize("https://example.org/" + "a" * 3_000) is None


@given(st.text(max_size=60))
def test_normalize_never_raises_and_is_stable(text: str) -> None:
    once = normalize("http://example.org/" + text)
    if once is not None:
        assert normalize(once) == once
        assert urlkey(once) == urlkey(once)


@given(
    st.from_regex(r"[./a?#;:%ı \t-]{0,12}", fullmatch=True) | st.text(max_size=20),
    st.from_regex(r"https?://example\.org(?:/[ab;.?#=-]{0,3}){0,4}", fullmatch=True),
)
@example("..", "https://example.org/a/b/c")
@example("./?p=1#a", "https://example.org/a/b;c?d=/e")
def test_a_link_leads_to_the_same_page_from_all_pages_of_a_folder(href: str, base: str) -> None:
    if IN_FOLDER.match(href):
        assert normalize(href, base) == normalize(href, folder_of(base))


@given(st.from_regex(r"https?://[a-z0-9.-]{1,9}[a-z](?:/[A-Za-z0-9._~-]{1,5}){0,3}/?", fullmatch=True))
def test_the_shortcut_for_normalized_urls_gives_the_same_result(url: str) -> None:
    assert normalize(url) == normalize(f"{url}#x")


@given(
    st.text("/.~ab-9:", max_size=14),
    st.sampled_from(("https://a.example/", "http://a.example/b/c", "https://a.example")),
)
def test_the_shortcut_for_joined_urls_gives_the_same_result(url: str, base: str) -> None:
    assert normalize(url, base) == normalize(f"{url}#x", base)


def test_start_urls_are_completed_or_refused() -> None:
    assert start_address("example.org") == "https://example.org/"
    assert start_address(" http://localhost:8000/blog ") == "http://localhost:8000/blog"
    assert start_address("localhost:1313/blog/") == "http://localhost:1313/blog/"
    assert start_address("127.0.0.1:9999") == "http://127.0.0.1:9999/"
    assert start_address("127.0.0.1.example.org") == "https://127.0.0.1.example.org/"
    for wrong in ("ftp://example.org", "example", "", "http://exa mple.org"):
        with pytest.raises(BadAddress):
            start_address(wrong)


@pytest.mark.parametrize(
    ("start", "name"),
    [
        ("https://example.org/feed/", "example.org"),
        ("https://example.org/feeds/all.atom.xml", "example.org"),
        ("https://example.org/blog/rss", "example.org/blog"),
        ("https://example.org/blog/feed/atom/", "example.org/blog"),
        ("https://example.org/blog/index.xml", "example.org/blog"),
        ("https://example.org/atom/", "example.org/atom"),
        ("https://example.org/feedback/", "example.org/feedback"),
    ],
)
def test_the_posts_of_a_feed_are_beside_it(start: str, name: str) -> None:
    assert Scope.of(start).name == name


def test_scope_is_a_host_and_a_folder() -> None:
    scope = Scope.of("https://www.example.org/blog/index.html")
    assert scope.name == "example.org/blog"
    assert scope.contains("http://example.org/blog/2024/")
    assert scope.contains("http://example.org/blog")
    assert not scope.contains("http://example.org/blogs/")
    assert not scope.contains("http://shop.example.org/blog/")
