"""Titles and authors of feed items as plain text, and elements of other namespaces."""

from __future__ import annotations

import json

import pytest

from archiver.discovery.feeds import parse_feed, person_name, title_text
from archiver.model.items import DiscoveredURL, SourceHint

ADDRESS = "https://quay.example/feed.xml"


def rss(inside: str, spaces: str = "") -> DiscoveredURL:
    """Return the only item of an RSS feed with these elements."""
    (target,) = parse_feed(
        f'<rss version="2.0" {spaces}><channel><item>{inside}</item></channel></rss>'.encode(), ADDRESS
    ).targets
    return target


def atom(inside: str) -> DiscoveredURL:
    """Return the only entry of an Atom feed with these elements."""
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><link href="/a"/>{inside}</entry></feed>'
    (target,) = parse_feed(feed.encode(), ADDRESS).targets
    return target


def hint_of(target: DiscoveredURL) -> SourceHint:
    assert target.hint is not None
    return target.hint


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("ann@quay.example (Ann Rowe)", "Ann Rowe"),
        ("Ann Rowe (ann@quay.example)", "Ann Rowe"),
        ('"Ann Rowe" <ann@quay.example>', "Ann Rowe"),
        ("Ann Rowe &lt;ann@quay.example&gt;", "Ann Rowe"),
        ("ann@quay.example, Ann Rowe", "Ann Rowe"),
        ("Ann Rowe, ann@quay.example", "Ann Rowe"),
        ("mailto:ann@quay.example (Ann Rowe)", "Ann Rowe"),
        ("ann@quay.example (Ann Rowe), bo@quay.example (Bo Tamm)", "Ann Rowe, Bo Tamm"),
        ("ann [at] quay [dot] example (Ann Rowe)", "Ann Rowe"),
        ("ann@localhost (Ann Rowe)", "Ann Rowe"),
        ('"Ann Rowe"', "Ann Rowe"),
        ("ann@quay.example", ""),
        ("<ann@quay.example>", ""),
        ("mailto:ann@quay.example", ""),
        ("ann at quay.example", ""),
        ("ann at quay dot example", ""),
        ("Ann Rowe", "Ann Rowe"),
        ('Ann "Gull" Rowe', 'Ann "Gull" Rowe'),
        ("The team at Quay", "The team at Quay"),
        ("Rowe & Tamm", "Rowe & Tamm"),
    ],
)
def test_an_author_has_a_name_and_no_address_of_mail(written: str, name: str) -> None:
    assert person_name(written) == name


@pytest.mark.parametrize(
    ("written", "kind", "title"),
    [
        ("How <details> and <summary> fold", "text", "How <details> and <summary> fold"),
        ("<em>Tea</em>", "text", "<em>Tea</em>"),
        ("<em>Tea</em> &amp; salt", "html", "Tea & salt"),
        ("Use &lt;details&gt; to <b>fold</b>", "html", "Use <details> to fold"),
        ("A Map<K, V> in <i>Java</i>", "html", "A Map<K, V> in Java"),
        ("Tea<script>go()</script>", "html", "Tea"),
        ("Why List<T> is slow", "", "Why List<T> is slow"),
        ("The <blink> element", "", "The <blink> element"),
        ("Tea <em>and</em> salt", "", "Tea and salt"),
        ("<p>Tea</p>", "", "Tea"),
        ("Tea<br/>and salt", "", "Tea and salt"),
        ("CO<sub>2</sub>", "", "CO2"),
        ("1 < 2 and 3 > 2", "", "1 < 2 and 3 > 2"),
        ("Tea &amp;amp; salt", "", "Tea & salt"),
        ("It&#146;s tea", "", "It\u2019s tea"),
        ("It\x92s tea", "text", "It\u2019s tea"),
    ],
)
def test_a_title_keeps_what_its_type_calls_text(written: str, kind: str, title: str) -> None:
    assert title_text(written, kind) == title


@pytest.mark.parametrize(
    ("element", "title"),
    [
        ("<title>The &lt;q&gt; element</title>", "The <q> element"),
        (
            '<title type="html">The &amp;lt;q&amp;gt; element of &lt;b&gt;old&lt;/b&gt;</title>',
            "The <q> element of old",
        ),
        (
            '<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">The &lt;q&gt; <b>element</b>'
            "<script>go()</script></div></title>",
            "The <q> element",
        ),
    ],
)
def test_the_type_of_an_atom_title_is_obeyed(element: str, title: str) -> None:
    assert hint_of(atom(element)).title == title


@pytest.mark.parametrize(
    ("written", "title"), [("Caf&#xE9;", "Caf\u00e9"), ("&#X41;lgae & tea", "Algae & tea"), ("It&#146;s", "It\u2019s")]
)
def test_numeric_references_in_rss_are_characters(written: str, title: str) -> None:
    assert hint_of(rss(f"<link>https://quay.example/a</link><title>{written}</title>")).title == title


def test_titles_of_json_feeds_are_text() -> None:
    item = {
        "id": "1",
        "url": "https://quay.example/a",
        "title": "Why List<T> is slow",
        "authors": [{"name": "a@b.example"}],
    }
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": [item]}
    (target,) = parse_feed(json.dumps(feed).encode(), ADDRESS).targets
    assert hint_of(target).title == "Why List<T> is slow"
    assert hint_of(target).authors == ()


# Elements of other namespaces.

OTHERS = "".join(
    f"<x:{name}>{value}</x:{name}>"
    for name, value in (
        ("link", "https://ads.example/1"),
        ("guid", "https://ads.example/2"),
        ("title", "Other"),
        ("pubDate", "Mon, 01 Jan 2001 00:00:00 GMT"),
        ("author", "Other"),
        ("category", "Other"),
        ("description", "Other"),
        ("item", "<link>https://ads.example/3</link>"),
    )
)
OWN = (
    "<link>https://quay.example/a</link><guid>https://quay.example/a</guid><title>Tea</title>"
    "<pubDate>Tue, 07 May 2024 21:05:00 GMT</pubDate><author>Ann Rowe</author><category>Salt</category>"
    "<description>About tea</description>"
)


@pytest.mark.parametrize("inside", [OTHERS + OWN, OWN + OTHERS], ids=["before", "after"])
@pytest.mark.parametrize("space", ["http://base.google.com/ns/1.0", "https://podcastindex.org/namespace/1.0", "urn:x"])
def test_an_element_of_another_namespace_is_not_one_of_rss(inside: str, space: str) -> None:
    assert rss(inside, f'xmlns:x="{space}"') == rss(OWN)


def test_without_an_own_element_one_of_another_namespace_does_not_replace_it() -> None:
    hint = hint_of(rss(f"<link>https://quay.example/a</link>{OTHERS}", 'xmlns:x="urn:x"'))
    assert (hint.title, hint.authors, hint.published, hint.categories, hint.guid) == ("", (), None, (), "")


@pytest.mark.parametrize(
    "space",
    [
        "",
        "http://purl.org/rss/1.0/",
        "http://backend.userland.com/RSS2",
        "http://my.netscape.com/rdf/simple/0.9/",
        "urn:own",
    ],
)
def test_the_namespaces_of_rss_and_of_the_root_are_the_feed_s_own(space: str) -> None:
    assert rss(OWN, f'xmlns="{space}"') == rss(OWN)


@pytest.mark.parametrize(
    ("element", "categories", "tags"),
    [
        ("<category>Salt</category>", ("Salt",), ()),
        ('<category domain="tag">Salt</category>', (), ("Salt",)),
        ('<category domain="post_tag">Salt</category>', (), ("Salt",)),
        ('<category domain="https://quay.example/tag/">Salt</category>', (), ("Salt",)),
        ('<category domain="category">Salt</category>', ("Salt",), ()),
        ('<category domain="https://quay.example/stage/">Salt</category>', ("Salt",), ()),
    ],
)
def test_a_category_that_is_marked_as_a_tag_is_one(
    element: str, categories: tuple[str, ...], tags: tuple[str, ...]
) -> None:
    hint = hint_of(rss(f"<link>https://quay.example/a</link>{element}"))
    assert (hint.categories, hint.tags) == (categories, tags)


@pytest.mark.parametrize(
    ("scheme", "categories", "tags"),
    [
        ("http://www.sixapart.com/ns/types#tag", (), ("Salt",)),
        ("http://www.sixapart.com/ns/types#category", ("Salt",), ()),
        ("http://www.blogger.com/atom/ns#", ("Salt",), ()),
        ("tag:quay.example,2024:terms", ("Salt",), ()),
    ],
)
def test_the_scheme_of_an_atom_category_marks_tags(
    scheme: str, categories: tuple[str, ...], tags: tuple[str, ...]
) -> None:
    hint = hint_of(atom(f'<category term="salt" label="Salt" scheme="{scheme}"/>'))
    assert (hint.categories, hint.tags) == (categories, tags)


# Times of hints.


@pytest.mark.parametrize(
    ("written", "precision", "unzoned"),
    [
        ("Tue, 07 May 2024 21:05:00 +0200", "", False),
        ("Tue, 07 May 2024 21:05:00 IST", "", True),
        ("Tue, 07 May 2024 21:05 +0200", "minute", False),
        ("2024-05-07", "day", True),
    ],
)
def test_a_hint_says_how_precise_its_times_are(written: str, precision: str, unzoned: bool) -> None:
    hint = hint_of(
        rss(
            f"<link>https://quay.example/a</link><pubDate>{written}</pubDate><dcterms:modified>{written}</dcterms:modified>",
            'xmlns:dcterms="http://purl.org/dc/terms/"',
        )
    )
    assert (hint.published_precision, hint.published_unzoned) == (precision, unzoned)
    assert (hint.modified_precision, hint.modified_unzoned) == (precision, unzoned)


@pytest.mark.parametrize(
    ("written", "unread"),
    [
        ("", 0),
        ("2024-05-07", 0),
        ("0000-00-00", 0),
        ("Mon, 01 Jan 0001 00:00:00 +0000", 0),
        ("3/4/2024", 1),
        ("some day", 1),
    ],
)
def test_dates_that_cannot_be_read_are_counted(written: str, unread: int) -> None:
    item = f"<item><link>https://quay.example/a</link><pubDate>{written}</pubDate></item>"
    assert parse_feed(f"<rss><channel>{item}</channel></rss>".encode(), ADDRESS).unread_dates == unread
    row = {"id": "1", "url": "https://quay.example/a", "date_published": written}
    feed = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [row]})
    assert parse_feed(feed.encode(), ADDRESS).unread_dates == unread


# Empty feeds, and documents that are not feeds.


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", ""),
        (b"<rss/>", "rss"),
        (b"<rss><channel/></rss>", "rss"),
        (b'<feed xmlns="http://www.w3.org/2005/Atom"/>', "atom"),
        (b"<!doctype html><html><head><title>T</title></head><body><item><link>/a</link></item></body></html>", ""),
        (b'{"version": "https://jsonfeed.org/version/1", "items": []}', "json"),
    ],
)
def test_a_document_without_items_has_no_posts(body: bytes, kind: str) -> None:
    feed = parse_feed(body, ADDRESS)
    assert (feed.kind, feed.targets) == (kind, ())


def test_relative_links_are_resolved_against_xml_base() -> None:
    feed = (
        '<rss version="2.0" xml:base="https://quay.example/blog/"><channel>'
        '<item xml:base="2024/"><link>tea</link></item></channel></rss>'
    )
    assert [t.url for t in parse_feed(feed.encode(), ADDRESS).targets] == ["https://quay.example/blog/2024/tea"]
