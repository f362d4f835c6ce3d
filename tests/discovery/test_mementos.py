"""URLs of captures, TimeMaps, and the choice of captures to fetch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.discovery.cdx import CdxEntry, captures_url
from archiver.importers.capture_list import CaptureAction, CaptureListEntry, choose_captures, is_relevant
from archiver.importers.memento_service import original_url, parse_archive_service

AT = datetime(2009, 5, 2, 10, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "replay"),
    [
        ("internet-archive", "https://web.archive.org/web/"),
        ("https://web.archive.org/cdx/search/cdx", "https://web.archive.org/web/"),
        ("https://archive.example/wayback/cdx/search/cdx", "https://archive.example/wayback/"),
        ("https://archive.example/coll/cdx", "https://archive.example/coll/"),
        ("https://archive.example/coll/index", "https://archive.example/coll/"),
        ("https://archive.example/coll-cdx", "https://archive.example/coll/"),
    ],
)
def test_the_replay_prefix_follows_from_the_list(text: str, replay: str) -> None:
    service = parse_archive_service(text)
    assert service.replay == replay
    assert service.memento(AT, "http://blog.example/a/?b=1") == f"{replay}20090502100000id_/http://blog.example/a/?b=1"


def test_the_replay_prefix_can_be_given_and_invalid_services_are_refused() -> None:
    assert parse_archive_service("https://a.example/list", "https://b.example/past").replay == "https://b.example/past/"
    for text, replay in (
        ("https://a.example/list", ""),
        ("nonsense", ""),
        ("https://me:pw@a.example/coll/cdx", ""),
        ("https://a.example/coll/cdx?url=x", ""),
        ("internet-archive", "ftp://a.example/"),
    ):
        with pytest.raises(ValueError, match=r"give|--replay"):
            parse_archive_service(text, replay)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://web.archive.org/web/20100102030405id_/http://blog.example/a/", "http://blog.example/a/"),
        ("/web/2010/http://blog.example/a/", None),
        ("/web/20100102030405/http:/blog.example/a/", "http://blog.example/a/"),
        (
            "//web.archive.org/web/20100102030405mp_/https://blog.example/?u=http://x/",
            "https://blog.example/?u=http://x/",
        ),
        ("http://blog.example/a/", ""),
        ("https://web.archive.org/web/http://blog.example/a/", ""),
        ("https://web.archive.org.example/web/20100102030405/http://blog.example/", ""),
        ("/web/20101302030405/http://a/", ""),
    ],
)
def test_the_capture_at_a_location(location: str, url: str | None) -> None:
    base = "https://web.archive.org/web/2009id_/http://blog.example/"
    found = parse_archive_service("internet-archive").captured(location, base)
    assert (found[1] if found else "") == (url if url is not None else "http://blog.example/a/")
    assert found is None or found[0].year == 2010


def test_captures_url_for_each_kind_of_server() -> None:
    words = parse_qs(urlsplit(captures_url("https://web.archive.org/cdx/search/cdx", "blog.example/*", AT)).query)
    assert words["url"] == ["blog.example/*"]
    assert words["from"] == ["20090502100000"]
    assert "collapse" not in words
    assert words["filter"] == [
        "statuscode:(200|30[12378]|404|410|-)",
        "mimetype:(text/html|application/xhtml.xml|warc/revisit|unk|-)",
    ]
    words = parse_qs(urlsplit(captures_url("http://127.0.0.1:8080/old/cdx", "blog.example/a", None, AT)).query)
    assert words["url"] == ["http://blog.example/a"]
    assert words["to"] == ["20090502100000"]
    assert words["filter"][0] == "~status:(200|30[12378]|404|410|-)?$"
    assert "showResumeKey" not in words


def entry(status: int | None, mime: str = "text/html") -> CdxEntry:
    return CdxEntry("", AT, "http://blog.example/", mime, status)


def test_captures_of_pages_redirects_and_missing_pages_are_relevant() -> None:
    relevant = [
        entry(200),
        entry(None, ""),
        entry(None, "warc/revisit"),
        entry(200, "unk"),
        entry(301, "unk"),
        entry(404, ""),
    ]
    assert all(map(is_relevant, relevant))
    irrelevant = [entry(200, "image/png"), entry(500), entry(403), entry(206), entry(304), entry(200, "text/xml")]
    assert not any(map(is_relevant, irrelevant))


def listed(*words: str) -> list[CaptureListEntry]:
    """Return CDX entries a day apart. "200A" is a page with status 200 and payload A."""
    return [
        CaptureListEntry(AT + timedelta(days=n), "http://blog.example/a", int(w[:3]), w[3:])
        for n, w in enumerate(words)
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("200A 200A 200A 200A", "fetch - - seen"),
        ("200A 200B 200A", "fetch fetch seen"),
        ("200A 404x 404y 404x 200A 200A", "fetch gone - gone seen seen"),
        ("301X 301X 301Y", "fetch - fetch"),
        ("200 200 200", "fetch fetch fetch"),
        ("404x", "gone"),
        ("200A 200B 200B 200A 200B", "fetch fetch seen seen seen"),
    ],
)
def test_a_payload_is_fetched_once(words: str, expected: str) -> None:
    captures = listed(*words.split())
    found = {c: do.value for c, do in choose_captures(captures)}
    assert [found.get(c, "-") for c in captures] == expected.split()


def test_a_redirect_to_the_same_address_is_not_fetched() -> None:
    page, other = (
        CaptureListEntry(AT, "https://blog.example/a", 200, "A"),
        CaptureListEntry(AT, "http://blog.example/b", 301, "X"),
    )
    near = [
        CaptureListEntry(AT + timedelta(seconds=s), "http://blog.example/a", 301, f"X{s}") for s in (-90, -20, 3, 200)
    ]
    found = dict(choose_captures(sorted([page, *near], key=lambda c: c.at)))
    assert found == {near[0]: CaptureAction.FETCH, page: CaptureAction.FETCH, near[3]: CaptureAction.FETCH}
    assert dict(choose_captures([other])) == {other: CaptureAction.FETCH}


@given(
    st.lists(st.tuples(st.sampled_from([None, 200, 200, 200, 301, 404]), st.sampled_from(["A", "B", ""])), max_size=30)
)
def test_every_payload_is_reported_with_its_first_and_last_time(words: list[tuple[int | None, str]]) -> None:
    captures = [
        CaptureListEntry(AT + timedelta(days=n), "http://blog.example/a", *word) for n, word in enumerate(words)
    ]
    found = list(choose_captures(captures))
    pages = [c for c in captures if c.is_page and c.digest]
    fetched = [c.digest for c, do in found if do is CaptureAction.FETCH and c.is_page and c.digest]
    assert len(fetched) == len(set(fetched))
    assert set(fetched) == {c.digest for c in pages}
    chosen = [c for c, _ in found]
    assert len(chosen) == len(set(chosen))
    for digest in fetched:
        own = [c for c in pages if c.digest == digest]
        assert own[0] in chosen
        assert own[-1] in chosen
    kept = [c.kind for c in chosen if c.is_page]
    runs = [c.kind for n, c in enumerate(captures) if c.is_page and (not n or captures[n - 1].kind != c.kind)]
    assert [k for n, k in enumerate(kept) if not n or kept[n - 1] != k] == [
        k for n, k in enumerate(runs) if not n or runs[n - 1] != k
    ]


def test_the_original_of_a_memento_is_in_its_link_header() -> None:
    link = '<http://a.example/>; rel="original", <http://b.example/>; rel="timegate"'
    assert original_url(link) == "http://a.example/"
    assert original_url('</x>; rel="next"') == ""
