"""`bench/known_site`: how a stored value is compared with what the page alone says."""

from __future__ import annotations

from types import SimpleNamespace

from measure_ablation import KnownPage
from measure_known_site import _changes, _place

PROSE = f"<p>{'The pier was gone at nine. ' * 9}</p>"
HTML = f"<article><h1>Fog - Quay Blog</h1><time>2024-04-11</time>{PROSE}</article>".encode()
STORED = {
    "title": "Fog",
    "body": ("The pier was gone at nine. " * 9).strip(),
    "authors": ["Ada Berg"],
    "published": "2024-04-12T00:00:00+00:00",
    "categories": [],
    "tags": [],
}


def test_a_value_of_the_crawl_is_nearer_to_the_truth_or_farther_or_of_unknown_truth() -> None:
    page = KnownPage(HTML, "https://quay.example/fog", {"title": "Fog", "date": "2024-04-11", "authors": []})
    found = {field: change for field, change, _ in _changes(page, STORED, SimpleNamespace(shingles=set))}
    assert found == {"title": "nearer", "authors": "equal", "published": "farther"}


def test_an_address_is_one_place_however_it_is_written() -> None:
    places = {_place(f"http://quay.example/a%20b{end}") for end in ("", "/", ".html", "/index.html")}
    assert places == {"/a b"}
