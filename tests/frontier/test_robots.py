"""RFC 9309 as a table: robots.txt, path, and True if it is allowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.politeness.robots import MAX_ROBOTS_BYTES, HostFile, is_conclusive_status, parse_robots

TABLE: dict[str, tuple[str | bytes, str, bool]] = {
    "no file": ("", "/x", True),
    "nothing disallowed (5.1)": ("User-agent: *\nDisallow:\n", "/x", True),
    "all disallowed": ("User-agent: *\nDisallow: /\n", "/x", False),
    "robots.txt itself is always allowed (2.2.2)": ("User-agent: *\nDisallow: /\n", "/robots.txt", True),
    # 2.2.1: the group of the product token, without regard to case, and otherwise the group "*".
    "own group before all": ("User-agent: *\nDisallow: /\n\nUser-agent: archiver\nAllow: /\n", "/x", True),
    "own group, empty": ("User-agent: archiver\nDisallow:\n\nUser-agent: *\nDisallow: /\n", "/x", True),
    "case of the token": ("USER-AGENT: Archiver\nDISALLOW: /\n", "/x", False),
    "a token that ours begins with": ("User-agent: arch\nAllow: /\n\nUser-agent: *\nDisallow: /\n", "/x", False),
    "a token that is another's": ("User-agent: archive\nDisallow: /\n", "/x", True),
    "a token that ends with ours": ("User-agent: old-archiver\nDisallow: /\n", "/x", True),
    "with a version": ("User-agent: archiver/2.0\nDisallow: /\n", "/x", False),
    "with words": ("User-agent: archiver (any version)\nDisallow: /\n", "/x", False),
    "groups are merged": (
        "User-agent: archiver\nDisallow: /a\n\nUser-agent: b\nDisallow: /\n\nUser-agent: archiver\nDisallow: /x\n",
        "/x",
        False,
    ),
    "several agents of one group": ("User-agent: b\nUser-agent: archiver\nDisallow: /x\n", "/x", False),
    "rules before any agent": ("Disallow: /\nUser-agent: b\nDisallow: /\n", "/x", True),
    # 2.2.4: other records do not interfere.
    "crawl-delay between agents": ("User-agent: archiver\nCrawl-delay: 5\nUser-agent: b\nDisallow: /\n", "/x", False),
    "sitemap within a group": ("User-agent: *\nSitemap: https://e.test/s.xml\nDisallow: /x\n", "/x", False),
    "content signal within a group": ("User-agent: *\nContent-Signal: ai-train=no\nDisallow: /x\n", "/x", False),
    # 2.2.2: the longest match, allow where they are equal, case matters.
    "longest allow": ("User-agent: *\nDisallow: /\nAllow: /p\n", "/page", True),
    "longest disallow (5.2)": (
        "User-agent: *\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n",
        "/example/page/disallowed.gif",
        False,
    ),
    "equally long": ("User-agent: *\nDisallow: /x\nAllow: /x\n", "/x", True),
    "case of the path": ("User-agent: *\nDisallow: /X\n", "/x", True),
    "query": ("User-agent: *\nDisallow: /*?replytocom=\n", "/x?replytocom=7", False),
    # 2.2.3: special characters.
    "star": ("User-agent: *\nDisallow: /*.gif\n", "/a/b.gif?c", False),
    "end": ("User-agent: *\nDisallow: /*.gif$\n", "/a/b.gif", False),
    "end and more": ("User-agent: *\nDisallow: /*.gif$\n", "/a/b.gif?c", True),
    "many stars": (f"User-agent: *\nDisallow: /{'*a' * 60}b$\n", f"/{'a' * 3000}", True),
    "comment": ("User-agent: * # all\nDisallow: /x # here\n", "/x", False),
    "star that is meant as such": ("User-agent: *\nDisallow: /a%2A\n", "/abc", True),
    # 2.2.2: octets are compared percent-encoded, reserved characters as they are.
    "encoded rule": ("User-agent: *\nDisallow: /foo/bar/%E3%83%84\n", "/foo/bar/%E3%83%84", False),
    "rule in UTF-8": ("User-agent: *\nDisallow: /foo/bar/ツ\n", "/foo/bar/%E3%83%84", False),
    "encoded needlessly": ("User-agent: *\nDisallow: /foo/bar/%62%61%7A\n", "/foo/bar/baz", False),
    "an encoded slash does not match a slash": ("User-agent: *\nDisallow: /a%2Fb\n", "/a/b", True),
    # 2.2, 2.3: bytes and lines.
    "byte order mark": (b"\xef\xbb\xbfUser-agent: *\nDisallow: /\n", "/x", False),
    "CRLF": (b"User-agent: *\r\n\r\nDisallow: /\r\n", "/x", False),
    "CR": (b"User-agent: *\rDisallow: /\r", "/x", False),
    "misspelt": ("User agent: *\nDisalow: /x\n", "/x", False),
    "spaces": ("  User-agent :\t*  \n\tDisallow  :  /x\t\n", "/x", False),
    "no UTF-8": (b"# caf\xe9\nUser-agent: *\nDisallow: /x\n", "/x", False),
    "a line separator is no line end": ("User-agent: *\nDisallow: /x\n# \u2028Allow: /x\n", "/x", False),
    # As Google's parser reads them.
    "without a colon": ("User-agent: *\nDisallow /x\n", "/x", False),
    "without a colon, all lines": ("User-agent *\nDisallow\t/x:y\n", "/x:y", False),
    "without a colon, more than two words": ("User-agent: *\nDisallow all of it\n", "/x", True),
    "without a colon, an agent": ("User-agent archiver\nDisallow /x\n", "/x", False),
    "double s": ("User-agent: *\nDissallow: /x\n", "/x", False),
    "a name that begins with a known one": ("User-agent: *\nDisallowed: /x\n", "/x", False),
    "UTF-8 with a byte order mark": (b"\xef\xbb\xbfUser-agent: *\nDisallow: /x\n", "/x", False),
    "UTF-16 with a byte order mark": ("User-agent: *\nDisallow: /x\n".encode("utf-16"), "/x", False),
    "UTF-16, little-endian": ("User-agent: *\r\nDisallow: /x\r\n".encode("utf-16-le"), "/x", False),
    "UTF-16, big-endian": ("User-agent: *\nDisallow: /x\n".encode("utf-16-be"), "/x", False),
    "a page instead": ("<!doctype html><title>User-agent: *</title><p>Disallow: /", "/x", True),
}


@pytest.mark.parametrize("case", TABLE)
def test_rules_follow_rfc_9309(case: str) -> None:
    file, path, allowed = TABLE[case]
    robots = parse_robots(file if isinstance(file, bytes) else file.encode())
    assert (not robots.refusal(f"https://e.test{path}")) is allowed


def test_refusal_gives_the_rule() -> None:
    robots = parse_robots(b"User-agent: *\nDisallow: /wp-\nAllow: /wp-content/\nDisallow: /wp-content/x/\n")
    assert robots.refusal("https://e.test/wp-content/x/1") == "Disallow: /wp-content/x/"
    assert robots.refusal("https://e.test/wp-admin") == "Disallow: /wp-"


def test_sitemaps_are_read_without_a_colon() -> None:
    assert parse_robots(b"Sitemap https://e.test/s.xml\nSitemap: https://e.test/t.xml\n").sitemaps == (
        "https://e.test/s.xml",
        "https://e.test/t.xml",
    )


def test_a_long_file_in_utf_16_is_cut_at_a_line_end() -> None:
    line = "Disallow: /a/b/c\n"
    file = ("User-agent: *\n" + line * (MAX_ROBOTS_BYTES // (2 * len(line)) + 2)).encode("utf-16-le")
    assert set(parse_robots(file).rules) == {"Disallow: /a/b/c"}


@pytest.mark.parametrize(
    ("file", "delay"),
    [
        ("User-agent: archiver\nCrawl-delay: 2.5\n\nUser-agent: *\nCrawl-delay: 10\n", 2.5),
        ("User-agent: b\nCrawl-delay: 9\n\nUser-agent: *\nCrawl-delay: 10\n", 10.0),
        ("User-agent: b\nCrawl-delay: 9\n", None),
        ("User-agent: *\nCrawl-delay: 1\nCrawl-delay: 3\n", 3.0),
        ("User-agent: *\nCrawl-delay: -1\n", None),
        ("User-agent: *\nCrawl-delay: inf\n", None),
        ("User-agent: *\nCrawl-delay: soon\n", None),
    ],
)
def test_the_crawl_delay_is_that_of_our_group(file: str, delay: float | None) -> None:
    assert parse_robots(file.encode()).crawl_delay == delay


@given(
    st.binary(max_size=300)
    | st.lists(
        st.sampled_from(
            (
                b"User-agent: ",
                b"archiver",
                b"*",
                b"\n",
                b"Disallow: ",
                b"/",
                b"%",
                b"$",
                b"Crawl-delay: 9",
                b"\xff",
                b":",
            )
        ),
        max_size=40,
    ).map(b"".join)
)
def test_parsing_never_raises(body: bytes) -> None:
    parse_robots(body).refusal("https://e.test/a%2Fb?c=ü")


def test_sitemaps_apply_to_all_crawlers() -> None:
    file = b"User-agent: b\nDisallow: /\nSitemap: https://e.test/s.xml\n\nsitemap:https://e.test/t.xml\n"
    assert parse_robots(file).sitemaps == ("https://e.test/s.xml", "https://e.test/t.xml")


def test_the_first_500_kib_count() -> None:
    lines = b"User-agent: *\nDisallow: /x\n" + b"#" * (MAX_ROBOTS_BYTES - 40) + b"\n"
    assert MAX_ROBOTS_BYTES >= 500 * 1024
    assert parse_robots(lines + b"Disallow: /y\n" * 9).refusal("https://e.test/x")
    assert not parse_robots(lines + b"#" * 40 + b"\nDisallow: /y\n").refusal("https://e.test/y")


def test_a_line_that_is_cut_is_not_read() -> None:
    rules, last = b"User-agent: *\nDisallow: /\n", b"Allow: /a"
    file = rules + b"#" * (MAX_ROBOTS_BYTES - len(rules) - len(last) - 1) + b"\n" + last + b"/b\n"
    assert file[:MAX_ROBOTS_BYTES].endswith(b"\nAllow: /a")
    assert parse_robots(file).refusal("https://e.test/a/c")


@pytest.mark.parametrize(
    ("status", "known"),
    [(200, True), (301, True), (401, True), (404, True), (410, True), (429, False), (500, False), (503, False)],
)
def test_responses_that_decide_what_is_allowed(status: int, known: bool) -> None:
    assert is_conclusive_status(status) is known


def test_a_copy_is_fresh_for_a_day() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    assert HostFile(now - timedelta(hours=23), 200).is_fresh(now)
    assert not HostFile(now - timedelta(hours=25), 200).is_fresh(now)
    assert not HostFile(now + timedelta(hours=1), 200).is_fresh(now)
