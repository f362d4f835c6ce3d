"""SURT keys of CDXJ lines, compared with the reference library."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.warc.warc_writer import surt_key

surt = pytest.importorskip("surt").surt  # comes with pywb

ADDRESSES = (
    "https://www.Example.org/A/Path/?B=2&a=1",
    "http://127.0.0.1:28080/x",
    "https://example.org:8443/",
    "http://example.org/a//b/../c",
    "https://example.org/?utm_source=x&p=3",
    "https://example.org/%E4%BD%A0?q=%20a+b",
    "https://example.org/index.html",
    "https://example.org/?sid=0123456789abcdef0123456789abcdef",
    "https://bücher.example/ü",
    "https://example.org/a?",
    "https://example.org/a|b%7c%2F",
    "https://ww2.example.org/",
    "https://example.org/x?a=1&a=0&b",
    "https://example.org/x/?",
    "http://example.org/%25a",
    "https://example.org",
    "https://www2.example.org/a/./b/",
    "https://example.org/a/..",
    "https://example.org/x?b=&a",
)
# The library goes above the root (/..), a browser does not.
_segment = st.text("abcAB09-_.~%20é", min_size=1, max_size=6).filter(lambda s: "%" not in s and s != "..")
_query = st.lists(st.tuples(_segment, _segment), max_size=3)


@pytest.mark.parametrize("url", ADDRESSES)
def test_keys_are_those_of_other_web_archives(url: str) -> None:
    assert surt_key(url) == surt(url)


@given(st.lists(_segment, max_size=4), _query, st.booleans())
def test_any_url_has_the_key_of_the_reference_library(
    path: list[str], query: list[tuple[str, str]], slash: bool
) -> None:
    url = "https://www.example.org/" + "/".join(path) + ("/" if slash and path else "")
    url += "?" + "&".join(f"{k}={v}" for k, v in query) if query else ""
    assert surt_key(url) == surt(url)
