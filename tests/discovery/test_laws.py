"""Properties of the parsers for any input: they never raise, results are bounded, each URL occurs once."""

from __future__ import annotations

import gzip
import json
import unicodedata
import zlib
from datetime import UTC, datetime
from urllib.parse import urlsplit

import lxml.html
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archiver.discovery import page_links, safe_parsing, sitemaps, soft_404, url_patterns, wordpress_api
from archiver.discovery.feeds import looks_like_feed, parse_feed, person_name, title_text
from archiver.discovery.safe_parsing import parse_json
from archiver.discovery.timestamp_parser import parse_time, parse_timestamp
from archiver.model.items import DiscoveredURL, PageKind, SourceHint
from archiver.model.urls import Scope, normalize
from archiver.platforms import platform_tables
from archiver.platforms.selector_index import Index
from tests.waiting import bounded_work

URL = "https://example.org/some/where.xml"
SCOPE = Scope.of("https://example.org/")
PIECES = st.sampled_from(
    [
        "<rss>",
        "<channel>",
        "<item>",
        "</item>",
        "<link>",
        "https://example.org/a",
        "</link>",
        "<guid>",
        "</guid>",
        "<feed>",
        "<entry>",
        "</entry>",
        "<link href='/x' rel='next'/>",
        "<urlset>",
        "<url>",
        "<loc>",
        "</loc>",
        "<sitemapindex>",
        "<sitemap>",
        "&",
        "&nbsp;",
        "&lol;",
        "<![CDATA[",
        "]]>",
        "\x00",
        "\ud800",
        "<?xml version='1.0' encoding='utf-16'?>",
        "<!DOCTYPE x [<!ENTITY lol 'x'>]>",
        "<georss:point>",
        "91 181",
        "1 2",
        "http://[",
        "<pubDate>",
        "99 Foo 20999",
        "é",
        "<",
        "<geo:lat>",
        "1e999",
        "<a href='",
        "'>",
        "{",
        "[",
        '"items":',
        "null",
        "}",
        "]",
        "<base href='http://[::'>",
        "<option value=/x>",
    ]
)
SOUP = st.lists(PIECES | st.text(max_size=8), max_size=40).map(lambda p: "".join(p))
BODIES = (
    st.binary(max_size=300)
    | SOUP.map(lambda s: s.encode("utf-8", "surrogatepass"))
    | SOUP.map(lambda s: gzip.compress(s.encode("utf-8", "surrogatepass"))[:-3])
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda c: (
        st.lists(c, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "link",
                    "title",
                    "rendered",
                    "date",
                    "date_gmt",
                    "_embedded",
                    "wp:term",
                    "author",
                    "meta",
                    "url",
                    "content",
                    "items",
                    "version",
                    "authors",
                    "name",
                    "geo_latitude",
                    "geo_longitude",
                    "code",
                ]
            ),
            c,
        )
    ),
    max_leaves=20,
)
FORMS = (
    "%a, %d %b %Y %H:%M:%S ZONE",
    "%a, %d %b %y %H:%M:%S GMTZONE",
    "%d %B %Y %I:%M:%S %p ZONE",
    "%B %d, %Y %H:%M:%S ZONE",
    "%a %b %d %H:%M:%S ZONE %Y",
    "%Y/%m/%d %H:%M:%S ZONE",
    "%Y%m%dT%H%M%SZONE",
    "%d.%m.%Y %H:%M:%S ZONE",
)
quick = settings(suppress_health_check=[HealthCheck.too_slow])


def assert_bounded(targets: tuple[DiscoveredURL, ...]) -> None:
    assert len({t.url for t in targets}) == len(targets) <= safe_parsing.MAX_TARGETS
    for target in targets:
        assert normalize(target.url) == target.url
        hint = target.hint or SourceHint()
        for moment in (target.lastmod, hint.published, hint.modified):
            assert moment is None or moment.tzinfo is not None
        for tag in hint.geotags:
            assert tag.latitude is None or (-90 <= tag.latitude <= 90 and -180 <= (tag.longitude or 0) <= 180)


@quick
@given(BODIES)
def test_feeds_and_sitemaps_never_raise(body: bytes) -> None:
    looks_like_feed(body)
    sitemaps.looks_like_sitemap(body)
    assert_bounded(parse_feed(body, URL).targets)
    found = sitemaps.parse_sitemap(body, URL)
    assert_bounded(found.targets)
    assert_bounded(found.children)


@quick
@given(JSON, st.dictionaries(st.sampled_from(["X-WP-Total", "x-wp-totalpages"]), st.text(max_size=5)))
def test_the_api_never_raises(value: object, headers: dict[str, str]) -> None:
    for shape in (value, [value], [{"link": "/a", "id": 1, "_embedded": value, "meta": value, "date": value}]):
        assert_bounded(wordpress_api.parse_posts(json.dumps(shape).encode(), headers, URL).targets)
    assert_bounded(
        parse_feed(
            json.dumps(
                {"version": "https://jsonfeed.org/version/1", "items": [value, {"url": "/a", "authors": value}]}
            ).encode(),
            URL,
        ).targets
    )


@quick
@given(SOUP)
def test_pages_never_raise(markup_soup: str) -> None:
    text = safe_parsing.decode(markup_soup.encode("utf-8", "replace")).replace("\x00", "")
    root = lxml.html.fromstring(f"<html><body>{text}</body></html>")
    links = page_links.parse_links(Index(root), "https://example.org/x/", SCOPE)
    assert_bounded(links.all)
    assert all(SCOPE.contains(t.url) for t in links.links + links.next_pages)


@quick
@given(st.text(max_size=60))
def test_times_and_addresses_never_raise(text: str) -> None:
    moment = parse_time(text)
    assert moment is None or (moment.tzinfo and moment.year >= 1980)
    address = normalize(text, "https://example.org/a/")
    if address:
        url_patterns.classify_link(text, "https://example.org/a/", "https://example.org/", SCOPE, 2100)
    url_patterns.kind_of_sitemap(text)
    parse_json(text.encode("utf-8", "surrogatepass"))
    safe_parsing.plain_text(text)


@quick
@given(st.datetimes(datetime(1981, 1, 1), datetime(2100, 1, 1)), st.integers(-56, 56))
def test_a_time_survives_its_iso_form(naive: datetime, quarters: int) -> None:
    zone = f"{'-' if quarters < 0 else '+'}{abs(quarters) // 4:02}:{abs(quarters) % 4 * 15:02}"
    text = naive.replace(microsecond=0).isoformat() + zone
    found = parse_time(text)
    assert found is not None
    assert found == datetime.fromisoformat(text)
    assert found.isoformat() == datetime.fromisoformat(text).isoformat()


@quick
@given(st.datetimes(datetime(1981, 1, 1), datetime(2069, 1, 1)), st.integers(-56, 56), st.sampled_from(FORMS))
def test_a_time_survives_each_form_with_a_zone(naive: datetime, quarters: int, form: str) -> None:
    zone = f"{'-' if quarters < 0 else '+'}{abs(quarters) // 4:02}:{abs(quarters) % 4 * 15:02}"
    found = parse_timestamp(naive.strftime(form).replace("ZONE", zone))
    assert found is not None
    assert found.zoned
    assert found.at == datetime.fromisoformat(naive.replace(microsecond=0).isoformat() + zone)


@quick
@given(st.text(max_size=40), st.text("+-:0123456789 TZGMTapm.,/", max_size=40))
def test_only_a_time_of_day_has_a_zone(soup: str, digits: str) -> None:
    for text in (soup, digits, f"2024-05-07T{digits}", f"7 May 2024 {digits}"):
        found = parse_timestamp(text)
        if found is not None:
            assert 1980 <= found.at.year <= 2101
            assert found.precision in ("year", "month", "day", "minute", "second")
            assert not found.zoned or found.precision in ("minute", "second")


@quick
@given(
    st.floats(-90, 90).map(lambda n: round(n, 5)),
    st.floats(-180, 180).map(lambda n: round(n, 5)),
    st.sampled_from(["{0} {1}", "{0},{1}", "{0} {1} 812.5", "{0:.9e} {1:.9e}"]),
)
def test_a_point_survives_each_notation(lat: float, lon: float, notation: str) -> None:
    feed = (
        '<rss xmlns:g="http://www.georss.org/georss"><item><link>https://example.org/a</link>'
        f"<g:point>{notation.format(lat, lon)}</g:point></item></rss>"
    )
    (target,) = parse_feed(feed.encode(), URL).targets
    places = [(tag.latitude, tag.longitude) for tag in (target.hint or SourceHint()).geotags]
    assert places == ([] if (lat, lon) == (0, 0) else [(lat, lon)])


@quick
@given(st.text(max_size=60), st.sampled_from(["", "text", "html"]))
def test_titles_and_names_are_one_line_without_addresses_of_mail(text: str, kind: str) -> None:
    title = title_text(text, kind)
    assert title == " ".join(title.split())
    name = person_name(f"{text} ann@quay.example")
    assert "@quay" not in name
    assert name == "" or any(c.isalnum() for c in name)


@quick
@given(
    st.sampled_from(
        [
            "https://example.org/wp-json/",
            "https://example.org/wp-json",
            "https://example.org/?rest_route=/",
            "https://example.org/index.php?rest_route=/",
        ]
    ),
    st.integers(1, 999),
    st.none() | st.just(datetime(2024, 5, 1, tzinfo=UTC)),
)
def test_api_addresses_are_addresses(root: str, page: int, after: datetime | None) -> None:
    for make in (wordpress_api.posts_url, wordpress_api.ids_url):
        url = make(root, page, after)
        assert normalize(url) == url
        assert f"page={page}&" in url
        assert "/wp/v2/posts" in url
        assert ("modified_after=2024-05-01T00:00:00Z" in url) == (after is not None)


def test_billion_laughs_are_not_expanded() -> None:
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 12))
    body = (
        f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY l0 "lol">{laughs}]><rss><channel><title a="&l11;">&l11;</title>'
        "<item><link>https://example.org/a</link><title>&l11;</title></item></channel></rss>"
    ).encode()
    with bounded_work():
        feed = parse_feed(body, URL)
    assert [t.url for t in feed.targets] == ["https://example.org/a"]
    assert len(feed.title) < 100


def test_external_entities_are_not_loaded() -> None:
    body = b'<!DOCTYPE feed [<!ENTITY x SYSTEM "file:///etc/passwd">]><feed><title>&x;</title></feed>'
    assert "root" not in parse_feed(body, URL).title


def test_a_gzip_bomb_is_cut() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b" " * 1_000_000) for _ in range(100)) + packer.flush()
    assert len(safe_parsing.inflate(bomb, limit=1_000_000)) == 1_000_000
    assert len(safe_parsing.inflate(gzip.compress(bomb), limit=1_000_000)) <= 1_000_000


def test_a_sitemap_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemaps, "MAX_TARGETS", 500)
    addresses_in = [f"https://example.org/{i}" for i in range(900)]
    rows = "".join(f"<url><loc>{a}</loc></url>" for a in addresses_in)
    assert len(sitemaps.parse_sitemap(gzip.compress(f"<urlset>{rows}</urlset>".encode()), URL).targets) == 500
    assert len(sitemaps.parse_sitemap("\n".join(addresses_in).encode(), URL).targets) == 500


def test_deep_json_and_xml_do_not_raise() -> None:
    assert wordpress_api.parse_posts(b"[" * 100_000, {}, URL).error
    assert parse_feed(b"<rss>" + b"<item>" * 100_000, URL).targets == ()
    assert parse_feed(b'{"items":' * 50_000, URL).kind == ""


@quick
@given(
    st.sampled_from(
        [
            "https://example.org/",
            "https://example.org/blog/",
            "http://a.blogspot.com/",
            "http://localhost:8000/x/y.html",
        ]
    ),
    st.sampled_from(["", *(table.name for table in platform_tables())]),
)
def test_guesses_are_few_and_on_the_host(start: str, platform: str) -> None:
    found = page_links.well_known_urls(start, Scope.of(start), platform)
    assert_bounded(found)
    assert 2 <= len(found) <= 12
    assert {t.kind for t in found} == {PageKind.SITEMAP, PageKind.FEED}
    assert {urlsplit(t.url).netloc for t in found} == {urlsplit(start).netloc}


@given(st.lists(st.text(st.characters() | st.sampled_from("aé\u0301ﬁ\u1100\u1161_ -\n\xa0")), max_size=6))
def test_words_of_texts_are_those_of_the_whole_text(texts: list[str]) -> None:
    whole = unicodedata.normalize("NFKC", "\n".join(texts)).casefold()
    assert soft_404._words(texts) == soft_404._WORD.findall(whole)
