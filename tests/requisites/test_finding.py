"""Finding the requisites of pages and stylesheets, and checking the type of responses (pure functions)."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html

from archiver.discovery.page_links import (
    MAX_REQUISITES,
    image_size,
    requisites_of_page,
    requisites_of_stylesheet,
    type_mismatch,
)
from archiver.model.items import RequisiteKind
from archiver.model.urls import asset_address, srcset_urls
from tests.requisites.pictures import png
from tests.waiting import bounded_work

IMAGE, STYLESHEET, FONT = RequisiteKind.IMAGE, RequisiteKind.STYLESHEET, RequisiteKind.FONT
PAGE = """<html><head><link rel="stylesheet" href="/a.css"><link rel="alternate stylesheet" href="/night.css">
<link rel="preload" as="style" href="late.css"><link rel="preload" as="font" href="f.woff2">
<link rel="icon" href="i.ico">
<link rel="canonical" href="/no"><script src="/no.js"></script>
<style>@import "b.css"; /* url(no.png) */ body { background: url( 'x.png' ) }</style></head>
<body background="old.gif" style="background-image:url(&quot;deep/bg.jpg&quot;)">
<a href="/full.PNG?dl=1"><img src="a,b.png?w=1&amp;utm_source=x#y" srcset="s.png 1x, l,l.png 2x,m.png"></a>
<picture><source srcset="p.webp 100w, q.webp 200w"><img src="data:image/gif;base64,R0"></picture>
<img data-src="lazy.png"><noscript><img src="n.png"></noscript><video poster="v.jpg"><source src="no.mp4"></video>
<input type="image" src="go.png"><input type="text" src="no.png"><img src="//cdn.example/c.png"><img src="ftp://x/no.png">
<img src="http://user:secret@cdn.example/u.png"></body></html>"""


def test_a_page_names_what_it_needs() -> None:
    found = requisites_of_page(html.fromstring(PAGE), "http://e.example/d/p")
    base = "http://e.example/d/"
    assert {one.url: one.kind for one in found} == {
        "http://e.example/a.css": STYLESHEET,
        "http://e.example/full.PNG?dl=1": IMAGE,
        f"{base}late.css": STYLESHEET,
        f"{base}b.css": STYLESHEET,
        f"{base}f.woff2": FONT,
        **{
            url if "//" in url else base + url: IMAGE
            for url in (
                "i.ico",
                "x.png",
                "old.gif",
                "deep/bg.jpg",
                "a,b.png?w=1&utm_source=x",
                "s.png",
                "l,l.png",
                "m.png",
                "p.webp",
                "q.webp",
                "lazy.png",
                "n.png",
                "v.jpg",
                "go.png",
                "http://cdn.example/c.png",
                "http://cdn.example/u.png",
            )
        },
    }
    assert not any(one.is_lead for one in found)


def test_a_base_element_counts_and_a_page_without_end_is_bounded() -> None:
    page = html.fromstring(
        "<html><head><base href='/else/'></head><body>"
        + "".join(f"<img src='{n}.png'>" for n in range(5_000))
        + "</body></html>"
    )
    found = requisites_of_page(page, "http://e.example/d/p")
    assert (len(found), found[0].url) == (MAX_REQUISITES, "http://e.example/else/0.png")


def test_a_stylesheet_names_fonts_imports_and_pictures() -> None:
    css = """@charset "utf-8"; @IMPORT url(x.css) screen; @import 'y.css';
    @font-face { src: url(f.eot); src: url("f.eot?#iefix") format("eot"), url(f.woff2), url(f.woff), url(f.ttf) }
    @font-face { src: url(only.ttf) } a { background: URL( "a b.png" ) } b { cursor: url(c.svg#d), auto }
    i { background: url(data:image/png;base64,AA) } /* url(never.png) */ u { mask: url(#m) }"""
    assert [
        (one.kind, one.url.removeprefix("http://e.example/s/"))
        for one in requisites_of_stylesheet(css, "http://e.example/s/main.css")
    ] == [
        (STYLESHEET, "x.css"),
        (STYLESHEET, "y.css"),
        (FONT, "f.woff2"),
        (FONT, "only.ttf"),
        (IMAGE, "a%20b.png"),
        (IMAGE, "c.svg"),
    ]


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z0-9/?=&]([a-z0-9/?=&,.]{0,20}[a-z0-9/?=&])?", fullmatch=True),
            st.sampled_from(["", " 1x", " 100w", " 2x "]),
        )
    ),
    st.sampled_from([", ", " ,", ",\n "]),
)
def test_a_srcset_round_trips(parts: list[tuple[str, str]], comma: str) -> None:
    assert list(srcset_urls(comma.join(url + (descriptor or " 1x") for url, descriptor in parts))) == [
        u for u, _ in parts
    ]


@given(st.text(alphabet="url(@import\"' \\/*);{}font-face:.woff2\n", max_size=400))
def test_any_stylesheet_is_read(css: str) -> None:
    assert all(
        one.url.startswith("http://e.example/") for one in requisites_of_stylesheet(css, "http://e.example/s/main.css")
    )


@pytest.mark.parametrize("piece", ["url(", "url('", "@import  ", "/*", "@font-face{", "url( ", "\\", "a{b:url(x) "])
def test_no_stylesheet_takes_long(piece: str) -> None:
    with bounded_work():
        requisites_of_stylesheet(piece * (2_000_000 // len(piece)), "http://e.example/")


@pytest.mark.parametrize(
    ("kind", "said", "body", "wanted"),
    [
        (IMAGE, "image/png", png(1, 1), True),
        (IMAGE, "image/webp; q=1", b"RIFF", True),
        (IMAGE, "", png(1, 1), True),
        (IMAGE, "application/octet-stream", b"\xff\xd8\xff\xe0", True),
        (IMAGE, "image/svg+xml", b"<svg/>", True),
        (IMAGE, "text/html", b"<p>Not found", False),
        (IMAGE, "image/png", b" <!DOCTYPE html><p>Not found", False),
        (IMAGE, "", b"MZ\x90", False),
        (IMAGE, "image/png", b"", False),
        (STYLESHEET, "text/css;charset=utf-8", b"a{}", True),
        (STYLESHEET, "text/plain", b"/* x */", True),
        (STYLESHEET, "application/json", b"{}", False),
        (FONT, "font/woff2", b"wOF2", True),
        (FONT, "application/font-woff", b"wOFF", True),
        (FONT, "text/plain", b"wOF2", True),
        (FONT, "text/html", b"<html>", False),
    ],
)
def test_responses_of_the_wrong_type_are_mismatches(kind: RequisiteKind, said: str, body: bytes, wanted: bool) -> None:
    assert (type_mismatch(kind, said, body) == "") == wanted
    if body:
        assert type_mismatch(kind, said, gzip.compress(body), "gzip") == type_mismatch(kind, said, body)


def test_the_size_of_an_image_is_read() -> None:
    assert image_size(png(120, 80)) == (120, 80)
    assert image_size(b"<svg width='3' height='4'/>") is None


@given(st.data())
def test_any_broken_image_is_measured_without_an_error(data: st.DataObject) -> None:
    start = data.draw(
        st.sampled_from(
            [
                png(9, 9),
                b"\xff\xd8\xff\xe0\0\x10JFIF\0",
                b"GIF89a",
                b"RIFF\0\0\0\0WEBPVP8X",
                b"II*\0\x08\0\0\0",
                b"\0\0\0\x18ftypavif\0\0\0\0",
            ]
        )
    )
    with bounded_work():
        image_size(start[: data.draw(st.integers(0, len(start)))] + data.draw(st.binary(max_size=300)))


def test_an_address_stays_as_the_page_has_it() -> None:
    assert asset_address("HTTP://CDN.example:80/A b.png?utm_source=1&format=amp#x") == (
        "http://cdn.example/A%20b.png?utm_source=1&format=amp"
    )
    assert asset_address("javascript:x") is None
    assert asset_address("http://e.example:99999/") is None
