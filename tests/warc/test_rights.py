"""Usage statements of responses, in a table of the forms that servers and pages use."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from archiver.datasets.publication_rules import tdm_reservation
from archiver.model.items import UsageStatement
from archiver.platforms.selector_index import Index
from archiver.politeness.robots import (
    MAX_STATEMENTS,
    parse_robots,
    parse_tdm_file,
    statements_of_headers,
    statements_of_page,
)
from tests.waiting import bounded_work

URL = "https://e.test/a/post"
Short = tuple[str, ...]


def short(rights: tuple[UsageStatement, ...]) -> list[Short]:
    return [tuple(filter(None, (r.name, r.value, r.agent))) for r in rights]


HEADERS: dict[str, tuple[list[tuple[str, str]], list[Short]]] = {
    "one": ([("X-Robots-Tag", "noarchive")], [("robots", "noarchive")]),
    "several in one": (
        [("x-robots-tag", "noindex, NoFollow ,nosnippet")],
        [("robots", "noindex"), ("robots", "nofollow"), ("robots", "nosnippet")],
    ),
    "several times": (
        [("X-Robots-Tag", "noai"), ("X-Robots-Tag", "noimageai"), ("X-Robots-Tag", "noai")],
        [("robots", "noai"), ("robots", "noimageai")],
    ),
    "for one crawler": (
        [("X-Robots-Tag", "googlebot: nofollow, noarchive")],
        [("robots", "nofollow", "googlebot"), ("robots", "noarchive", "googlebot")],
    ),
    "for two crawlers": (
        [("X-Robots-Tag", "BingBot: noindex, otherbot: none")],
        [("robots", "noindex", "bingbot"), ("robots", "none", "otherbot")],
    ),
    "with values": (
        [("X-Robots-Tag", "max-snippet:-1, max-image-preview: large")],
        [("robots", "max-snippet: -1"), ("robots", "max-image-preview: large")],
    ),
    "a date with a comma": (
        [("X-Robots-Tag", "unavailable_after: Thu, 25 Jun 2026 15:00:00 GMT, noarchive")],
        [("robots", "unavailable_after: Thu, 25 Jun 2026 15:00:00 GMT"), ("robots", "noarchive")],
    ),
    "a date without one": (
        [("X-Robots-Tag", "googlebot: unavailable_after: 25-Jun-2026 15:00:00 PST")],
        [("robots", "unavailable_after: 25-Jun-2026 15:00:00 PST", "googlebot")],
    ),
    "a word that is new": ([("X-Robots-Tag", "noml")], [("robots", "noml")]),
    "no directive": ([("X-Robots-Tag", "no index; please!"), ("X-Robots-Tag", "")], []),
    "reserved": (
        [("TDM-Reservation", " 1 "), ("tdm-policy", "/policy.json")],
        [("tdm-reservation", "1"), ("tdm-policy", "https://e.test/policy.json")],
    ),
    "invalid reservations": ([("tdm-reservation", "yes"), ("tdm-reservation", "01")], []),
    "a licence": (
        [("Link", '<https://e.test/feed>; rel="alternate", <https://cc.test/by/4.0/>; rel="license"')],
        [("license", "https://cc.test/by/4.0/")],
    ),
    "a licence without quotes": (
        [("Link", "</licence>; title=x; rel=license")],
        [("license", "https://e.test/licence")],
    ),
    "a licence of something else": (
        [("Link", '<https://cc.test/by/4.0/>; rel="license"; anchor="/quay.jpg"')],
        [],
    ),
    "content usage": ([("Content-Usage", "train-ai=n")], [("content-usage", "train-ai=n")]),
    "content signal": ([("content-signal", "ai-train=no")], [("content-signal", "ai-train=no")]),
    "anything else": ([("Server", "noarchive"), ("Robots", "noindex")], []),
}


@pytest.mark.parametrize("case", HEADERS)
def test_usage_statements_are_read_from_header_fields(case: str) -> None:
    fields, expected = HEADERS[case]
    assert short(statements_of_headers(fields, URL)) == expected


PAGES: dict[str, tuple[str, list[Short]]] = {
    "meta robots": (
        '<meta name="Robots" content="noarchive,nosnippet">',
        [("robots", "noarchive"), ("robots", "nosnippet")],
    ),
    "of one crawler": ('<meta name="googlebot-news" content="nosnippet">', [("robots", "nosnippet", "googlebot-news")]),
    "a name that only looks like one": (
        '<meta name="robot-of-the-day" content="Marvin, Bender"><meta name="extended-title" content="index of things">',
        [],
    ),
    "tdm": (
        '<meta name="tdm-reservation" content="1"><meta name="tdm-policy" content="p.json">',
        [("tdm-reservation", "1"), ("tdm-policy", "https://e.test/a/p.json")],
    ),
    "licence in the head": (
        '<link rel="license" href="https://cc.test/by/4.0/">',
        [("license", "https://cc.test/by/4.0/")],
    ),
    "licence in the text": (
        '</head><body><a rel="nofollow License" href="/l">L</a><a rel="author" href="/x">X</a>',
        [("license", "https://e.test/l")],
    ),
    "Dublin Core": ('<meta name="DCTERMS.license" content="CC BY">', [("dcterms.license", "CC BY")]),
    "broken": (
        '<meta><meta name="robots"><meta content="noindex"><link rel="license"><a rel=license href="http://[">',
        [("license", "http://[")],
    ),
}


@pytest.mark.parametrize("case", PAGES)
def test_usage_statements_are_read_from_elements_of_the_page(case: str) -> None:
    markup, expected = PAGES[case]
    root = html.document_fromstring(f"<!doctype html><html><head><title>t</title>{markup}</html>")
    assert short(statements_of_page(Index(root), URL)) == expected


SIGNALS: dict[str, tuple[str, dict[str, list[str]]]] = {
    "for all": (
        "User-Agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /\n",
        {"/a": ["search=yes, ai-train=no"]},
    ),
    "of another crawler": ("User-agent: GPTBot\nContent-signal: ai-train=no\nUser-agent: *\nDisallow:\n", {"/a": []}),
    "of this crawler": (
        "User-agent: *\nContent-Signal: ai-train=no\n\nUser-agent: archiver\nContent-Signal: ai-train=yes\n",
        {"/a": ["ai-train=yes"]},
    ),
    "of several crawlers": (
        "User-agent: x\nUser-agent: archiver\nContent-Signal: ai-train=no\n",
        {"/a": ["ai-train=no"]},
    ),
    "before the groups": ("Content-Signal: ai-train=no # ours\nUser-agent: *\nDisallow: /x\n", {"/a": ["ai-train=no"]}),
    "the longest path": (
        "User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /open/ train-ai=y\nContent-Usage: /*.pdf$ bots=n\n",
        {"/a": ["train-ai=n"], "/open/a": ["train-ai=y"], "/a.pdf": ["bots=n"]},
    ),
    "equally long paths": (
        "User-agent: *\nContent-Usage: /a train-ai=n\nContent-Usage: /a search=y\n",
        {"/a": ["train-ai=n", "search=y"], "/b": []},
    ),
    "both": ("User-agent: *\nContent-Usage: a=y\nContent-Signal: b=no\nDisallow: /x\n", {"/a": ["a=y", "b=no"]}),
    "empty": ("User-agent: *\nContent-Usage:\nContent-Signal: /only/\n", {"/a": []}),
}


@pytest.mark.parametrize("case", SIGNALS)
def test_preferences_are_read_from_robots_txt(case: str) -> None:
    body, expected = SIGNALS[case]
    robots = parse_robots(body.encode())
    assert {
        path: [one.value for one in robots.statements_for(f"https://e.test{path}")] for path in expected
    } == expected


def test_preferences_do_not_end_a_group_of_rules() -> None:
    """As with a Crawl-delay, the rules below also apply to the crawler above."""
    robots = parse_robots(b"User-agent: archiver\nContent-Signal: ai-train=no\nUser-agent: x\nDisallow: /x\n")
    assert robots.refusal("https://e.test/x")
    assert [one.source for one in robots.statements_for("https://e.test/a")] == ["robots.txt"]
    robots = parse_robots(b"User-agent: x\nContent-Signal: ai-train=no\nUser-agent: archiver\nDisallow: /x\n")
    assert robots.statements_for("https://e.test/a") == ()


def test_usage_statements_of_a_page_are_bounded() -> None:
    fields = [
        ("X-Robots-Tag", ", ".join(f"word{n}x" for n in range(300)).replace("0", "o")),
        ("tdm-policy", "https://e.test/" + "p" * 1000),
    ]
    assert len(statements_of_headers(fields, URL)) <= MAX_STATEMENTS


@given(
    st.text(max_size=300), st.sampled_from(("X-Robots-Tag", "Link", "tdm-policy", "tdm-reservation", "Content-Usage"))
)
def test_any_header_field_is_read_without_an_error(value: str, name: str) -> None:
    assert all(right.value for right in statements_of_headers([(name, value)], URL))


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=30),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(("location", "tdm-reservation", "tdm-policy")), inner)
        ),
    )
)
def test_any_file_is_read_without_an_error(content: object) -> None:
    parse_tdm_file(json.dumps([content]).encode(), URL).of(URL)


@pytest.mark.parametrize(
    "value",
    [
        "<" * 40_000,
        "<a>" + " ;" * 20_000,
        "<a>;" + " rel=" * 8_000,
        "a:" * 20_000,
        "," * 40_000,
        "unavailable_after:" * 2_000,
    ],
)
def test_a_malicious_header_field_is_parsed_quickly(value: str) -> None:
    with bounded_work():
        statements_of_headers([("Link", value), ("X-Robots-Tag", value)], URL)


FILE = json.dumps(
    [
        {"location": "/a/secret", "tdm-reservation": 1},
        {"location": "/a/", "tdm-reservation": 1, "tdm-policy": "/policy.json"},
        {"location": "/img/*.jpg$", "tdm-reservation": 0},
        {"location": "/bad/", "tdm-reservation": "perhaps"},
        {"location": "/bad/", "tdm-reservation": "1"},
        {"tdm-reservation": 1},
        "not a rule",
        {"location": 7, "tdm-reservation": 1},
    ]
).encode()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/secret/1", [("tdm-reservation", "1")]),
        ("/a/post", [("tdm-reservation", "1"), ("tdm-policy", "https://e.test/policy.json")]),
        ("/A/post", []),
        ("/", []),
        ("/img/x/y.jpg", [("tdm-reservation", "0")]),
        ("/img/x.jpg?w=1", []),
        ("/bad/x", [("tdm-reservation", "1")]),
    ],
)
def test_the_first_matching_rule_of_the_file_applies(path: str, expected: list[Short]) -> None:
    file = parse_tdm_file(FILE, "https://e.test/.well-known/tdmrep.json")
    assert short(file.of(f"https://e.test{path}")) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html>",
        b"{}",
        b"null",
        b"[[[]]]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'[{"location": "/\\nUser-agent: *", "tdm-reservation": true}]',
    ],
)
def test_an_invalid_file_makes_no_statement(body: bytes) -> None:
    assert parse_tdm_file(body, URL).of("https://e.test/x") == ()


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        ([], (None, "")),
        ([UsageStatement("file", "tdm-reservation", "1"), UsageStatement("file", "tdm-policy", "p")], (True, "p")),
        ([UsageStatement("meta", "tdm-reservation", "0"), UsageStatement("file", "tdm-reservation", "1")], (False, "")),
        (
            [
                UsageStatement("header", "tdm-reservation", "1"),
                UsageStatement("file", "tdm-reservation", "1"),
                UsageStatement("file", "tdm-policy", "p"),
            ],
            (True, ""),
        ),
        (
            [
                UsageStatement("header", "tdm-reservation", "1"),
                UsageStatement("meta", "tdm-reservation", "1"),
                UsageStatement("meta", "tdm-policy", "m"),
            ],
            (True, "m"),
        ),
        ([UsageStatement("meta", "robots", "noai")], (None, "")),
    ],
)
def test_the_page_overrides_the_header_and_the_header_overrides_the_file(
    rights: list[UsageStatement], expected: tuple[bool | None, str]
) -> None:
    assert tdm_reservation(rights) == expected
