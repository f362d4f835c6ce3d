"""CDX: query URLs, properties of any response, and candidate URLs from historical captures. Response formats are in
tests/cases.
"""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.discovery.cdx import (
    CdxEntry,
    CdxQuery,
    cdx_candidates,
    is_broken,
    is_page,
    next_part_url,
    parse_cdx,
    parse_cdx_time,
    query_url,
    service_address,
    site_prefix,
)
from archiver.model.items import DiscoverySource
from archiver.model.urls import Scope, normalize
from tests.waiting import bounded_work

WAYBACK = "https://web.archive.org/cdx/search/cdx"
PYWB = "http://127.0.0.1:8080/old/cdx"
SCOPE = Scope.of("https://blog.example.org/")


def query_arguments(url: str) -> dict[str, list[str]]:
    assert normalize(url) == url  # as in the pages table
    return parse_qs(urlsplit(url).query)


def test_queries_to_the_internet_archive() -> None:
    words = query_arguments(query_url(WAYBACK, site_prefix(SCOPE), CdxQuery(since=datetime(2009, 1, 2, tzinfo=UTC))))
    assert words["url"] == ["blog.example.org/*"]
    assert words["output"] == ["json"]
    assert words["collapse"] == ["urlkey"]
    assert words["filter"] == ["statuscode:200", "mimetype:(text/html|application/xhtml.xml)"]
    assert words["showResumeKey"] == ["true"]
    assert words["limit"] == ["5000"]
    assert words["from"] == ["20090102000000"]
    assert words["fl"][0].startswith("urlkey,timestamp,original,mimetype,statuscode,digest,length,endtimestamp")


def test_all_captures_of_all_kinds_can_be_asked_for() -> None:
    query = CdxQuery(
        pages_only=False,
        collapse=False,
        limit=7,
        fields=("timestamp", "original"),
        until=datetime(2010, 1, 2, tzinfo=UTC),
    )
    words = query_arguments(query_url(WAYBACK, "example.org/blog/", query))
    assert words["url"] == ["example.org/blog/*"]
    assert words["fl"] == ["timestamp,original"]
    assert words["limit"] == ["7"]
    assert words["to"] == ["20100102000000"]
    assert not {"filter", "collapse"} & set(words)


def test_queries_to_pywb() -> None:
    words = query_arguments(query_url(PYWB, site_prefix(Scope.of("http://127.0.0.1:8000/blog/"))))
    assert words["url"] == ["http://127.0.0.1:8000/blog/*"]
    assert words["output"] == ["json"]
    assert words["filter"] == ["=status:200", "~mime:(text/html|application/xhtml.xml)"]
    assert not {"collapse", "showResumeKey", "fl"} & set(words)


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        ("org%2Cexample%29%2F+20240102030406", "org%2Cexample%29%2F+20240102030406"),
        ("org,example)/ 20240102030406!", "org%2Cexample%29%2F%2020240102030406%21"),
        ("a&url=http://other.example/*", "a%26url%3Dhttp%3A%2F%2Fother.example%2F%2A"),
    ],
)
def test_a_resume_key_is_sent_as_it_was_printed(key: str, sent: str) -> None:
    assert next_part_url(f"{WAYBACK}?url=x", key) == f"{WAYBACK}?url=x&resumeKey={sent}"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("internet-archive", WAYBACK),
        ("Internet-Archive", WAYBACK),
        (PYWB, PYWB),
        ("example", ""),
        ("ftp://x.org/", ""),
        ("https://me:secret@x.org/cdx", ""),
        ("https://x.org/cdx?url=y", ""),
        ("http://[", ""),
    ],
)
def test_service_names_and_urls_are_resolved(text: str, address: str) -> None:
    if address:
        assert service_address(text) == address
    else:
        with pytest.raises(ValueError, match="internet-archive"):
            service_address(text)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("20090607080910", datetime(2009, 6, 7, 8, 9, 10, tzinfo=UTC)),
        ("2009", datetime(2009, 1, 1, tzinfo=UTC)),
        ("200906", datetime(2009, 6, 1, tzinfo=UTC)),
        ("20090607080910123", datetime(2009, 6, 7, 8, 9, 10, tzinfo=UTC)),
        (20090607, datetime(2009, 6, 7, tzinfo=UTC)),
        ("20091301", None),
        ("20090", None),
        ("-", None),
        ("", None),
        ("٢٠٠٩", None),
        (None, None),
        (True, None),
        ("00000101", None),
    ],
)
def test_a_time_of_fewer_digits_is_its_first_moment(text: object, at: datetime | None) -> None:
    assert parse_cdx_time(text) == at


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["20090607080910", "http://blog.example.org/a", "text/html", "200", "-", "timestamp", "original", "urlkey"]
    )
)
DEEP = st.recursive(
    VALUES,
    lambda c: (
        st.lists(c, max_size=4)
        | st.dictionaries(
            st.sampled_from(["timestamp", "url", "original", "mime", "status", "offset", "endtimestamp", "x"]), c
        )
    ),
    max_leaves=30,
)
PIECES = st.sampled_from(
    [
        "[",
        "]",
        "[[",
        ",",
        "\n",
        "\n\n",
        "\r\n",
        "{",
        "}",
        " ",
        '"',
        '"timestamp"',
        '"original"',
        "org,example)/",
        "20090607080910",
        "http://blog.example.org/a",
        "text/html",
        "200",
        "-",
        "!",
        " CDX N b a m s k r M S V g",
        '{"url": "http://blog.example.org/a"}',
        "\x00",
        "é",
        "\ud800",
    ]
)
SOUP = st.lists(PIECES | st.text(max_size=6), max_size=40).map("".join)
BODIES = (
    st.binary(max_size=200)
    | SOUP.map(lambda s: s.encode("utf-8", "surrogatepass"))
    | SOUP.map(lambda s: gzip.compress(s.encode("utf-8", "surrogatepass"))[:-3])
    | DEEP.map(lambda v: json.dumps(v).encode())
    | st.lists(DEEP, max_size=5).map(lambda v: "\n".join(map(json.dumps, v)).encode())
)
quick = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(BODIES, st.sampled_from([(), ("timestamp", "original"), ("x",)]), st.integers(1, 5))
def test_no_answer_raises_and_all_is_bounded(body: bytes, fields: tuple[str, ...], limit: int) -> None:
    page = parse_cdx(body, fields, limit)
    assert len(page.entries) <= limit
    assert not (page.entries and page.error)
    assert all(e.timestamp.tzinfo is UTC and e.url and (e.last is None or e.last.tzinfo) for e in page.entries)
    found = cdx_candidates(page.entries, SCOPE, WAYBACK)
    assert len({t.url for t in found.targets}) == len(found.targets) <= len(page.entries)
    for target in found.targets:
        assert normalize(target.url) == target.url
        assert SCOPE.contains(target.url)
        assert not is_broken(target.url)
        assert target.source is DiscoverySource.CDX
        assert target.captured
        assert target.hint is None


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(
            ["http://blog.example.org/a", "https://www.blog.example.org:443/b?x=1", "http://x/\u00e9\u201d"]
        ),
        st.datetimes(datetime(1996, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(microsecond=0)),
        st.sampled_from(["text/html", "warc/revisit"]),
        st.sampled_from(["200", "404", "-"]),
    ),
    max_size=8,
)


@quick
@given(ENTRIES)
def test_every_form_gives_the_same_entries(captures: list[tuple[str, datetime, str, str]]) -> None:
    plain = [("k", f"{at:%Y%m%d%H%M%S}".zfill(14), url, mime, status, "D", "7") for url, at, mime, status in captures]
    names = ("urlkey", "timestamp", "original", "mimetype", "statuscode", "digest", "length")
    objects = [dict(zip(names, row, strict=True)) for row in plain]
    forms = [
        json.dumps([names, *plain]),
        "\n".join(map(json.dumps, objects)),
        "\n".join(" ".join(r) for r in plain),
        "\n".join(f"{o.pop('urlkey')} {o.pop('timestamp')} {json.dumps(o)}" for o in map(dict, objects)),
    ]
    pages = [parse_cdx(form.encode()) for form in forms]
    assert all(page == pages[0] for page in pages)
    assert not pages[0].bad
    assert [(e.url, e.timestamp.replace(tzinfo=None), e.media_type, e.length) for e in pages[0].entries] == [
        (url, at, mime, 7) for url, at, mime, _ in captures
    ]


@pytest.mark.parametrize(
    "row",
    [
        '["k","20100101000000","http://blog.example.org/%d","text/html","200","D","1"],\n',
        "[1, [2,\n",
        '["never ends\n',
        '{"a": [\n',
        "[" * 40 + "\n",
        'k 20100101000000 {"url": "http://blog.example.org/%d"}\n',
        "\n",
        "k k k k\n",
        "[,",
    ],
)
def test_a_list_of_a_million_rows_is_cut(row: str) -> None:
    body = ("[" * row.startswith("[") + row.replace("%d", "7") * (min(40_000_000 // len(row), 1_000_000))).encode()
    with bounded_work():
        page = parse_cdx(body)
    assert len(page.entries) + page.bad <= 100_000


def test_which_captures_are_pages() -> None:
    def entry(url: str, year: int, status: int | None = 200, media_type: str = "text/html") -> CdxEntry:
        return CdxEntry(url, datetime(year, 1, 1, tzinfo=UTC), url, media_type, status)

    old = entry("a", 2009)
    unlisted = CdxEntry("c", datetime(2009, 1, 1, tzinfo=UTC), "c")
    kinds = [
        old,
        entry("d", 2009, 404),
        entry("e", 2009, None, "warc/revisit"),
        entry("f", 2009, 200, "image/png"),
        entry("g", 2009, 200, "application/xhtml+xml"),
        unlisted,
    ]
    assert [e.url for e in kinds if is_page(e)] == ["a", "g", "c"]
