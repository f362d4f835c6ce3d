"""A post is crawled, packed, and replayed in a browser while its hosts are offline."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.requisites.pictures import BLOG, PICTURES, blog_and_pictures, css, picture, png
from tests.spiders.site_server import Answer, home, page
from tests.webarchive.browser import browsing
from tests.webarchive.wayback import serving_warcs

_HEAD = '<link rel="stylesheet" href="/theme/style.css"><meta property="og:image" content="/lead.png">'
_TAIL = (
    f'<img id="far" src="{PICTURES}far.png?w=300&utm_source=blog"><img id="own" src="own.png">'
    '<img id="moved" src="/old.png"><img id="twin" src="/twin.png">'
    '<picture id="set"><source srcset="/small.png 1x, /large.png 2x"><img src="/plain.png"></picture>'
)
_STYLE = (
    '@import "more.css"; h1 { color: rgb(12, 34, 56); border-bottom: 3px solid; } '
    "nav { background: url(tile.png); height: 40px }"
)


@pytest.mark.needs("chromium", "chromium-driver")
def test_a_replayed_post_looks_like_the_original(tmp_path: Path) -> None:
    pytest.importorskip("pywb", reason="pywb is not installed (it needs a Python before 3.13)")
    own = {
        "/": home("/one/"),
        "/one/": page("The ferry", head=_HEAD, tail=_TAIL),
        "/theme/style.css": css(_STYLE),
        "/theme/more.css": css(".byline { color: rgb(200, 1, 2) }"),
        "/theme/tile.png": picture(png(8, 8, (210, 230, 250))),
        "/lead.png": picture(png(600, 300)),
        "/one/own.png": picture(png(120, 80, (20, 120, 60))),
        "/twin.png": picture(png(120, 80, (20, 120, 60))),
        "/old.png": Answer(b"", 301, {"Location": "/new.png"}),
        "/new.png": picture(png(90, 60, (90, 20, 120))),
        **{f"/{name}.png": picture(png(50, 40, (7, n * 40, 90))) for n, name in enumerate(("small", "large", "plain"))},
    }
    far = {"/far.png?w=300&utm_source=blog": picture(png(160, 90, (240, 180, 0)))}
    with blog_and_pictures(own, far) as (world, _, pictures):
        crawled = world.crawl(tmp_path, BLOG, "--requisites", "all")
        assert crawled.code == 0, crawled.err
        assert pictures.requests == ["/robots.txt", *far]
        assert {"referer", "cookie", "authorization"}.isdisjoint(pictures.asked[-1])
    done = world.run(tmp_path, "export", "-f", "wacz", "-o", str(tmp_path / "blog.wacz"))
    assert done.code == 0, done.err
    with zipfile.ZipFile(tmp_path / "blog.wacz") as package:
        package.extractall(tmp_path / "x")
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "config.yaml").write_text("framed_replay: false\n")
    with (
        serving_warcs(tmp_path / "web", sorted((tmp_path / "x" / "archive").glob("*.warc.gz"))) as wayback,
        browsing(tmp_path) as browser,
    ):
        browser.open(f"{wayback}2030/{BLOG}one/")
        assert browser.run("return document.querySelector('h1').textContent") == "The ferry"
        style = "return getComputedStyle(document.querySelector('{}')).{}"
        assert browser.run(style.format("h1", "color")) == "rgb(12, 34, 56)"
        assert browser.run(style.format(".byline", "color")) == "rgb(200, 1, 2)"
        assert "tile.png" in browser.run(style.format("nav", "backgroundImage"))
        assert browser.run("return [...document.images].map(i => i.naturalWidth)") == [160, 120, 90, 120, 50]
        browser.picture(tmp_path / "seen.png")
