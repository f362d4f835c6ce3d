"""Addresses that look like one post, and addresses at which sites begin."""

from __future__ import annotations

import pytest

from archiver.discovery.url_patterns import looks_like_post

POSTS = (
    "/2024/05/a-post/",
    "/2024/05/12/post",
    "/blog/2024-05/post.html",
    "/the-bridge-was-closed-again/",
    "/news/the-bridge-is-closed-123456",
    "/artikel/bruecke-gesperrt-123456",
    "/nachrichten/1234567",
    "/archives/12345.html",
    "/a-post.html",
    "/?p=12",
    "/index.php?article_id=7",
    "/2024/05/%E6%B7%B1%E5%BA%A6",
    "/posts/%E6%B7%B1%E5%BA%A6%E5%AD%A6%E4%B9%A0%E7%AC%94%E8%AE%B0%E4%B8%80",
    "/novosti/most-snova-zakryli-na-remont",
    "/%D0%BC%D0%BE%D1%81%D1%82-%D1%81%D0%BD%D0%BE%D0%B2%D0%B0-%D0%B1%D1%8B%D0%BB-%D0%B7%D0%B0%D0%BA%D1%80%D1%8B%D1%82/",
)
SITES = (
    "/",
    "",
    "/blog/",
    "/blog",
    "/~ann/",
    "/~ann/my-notes/",
    "/index.html",
    "/blog/index.html",
    "/blog.html",
    "/en/news/",
    "/my-blog/",
    "/users/12/",
    "/2024/",
    "/2024/05/",
    "/category/old-and-new/",
    "/tag/sea/",
    "/feed/",
    "/sitemap.xml",
    "/page/2/",
    "/the-daily-harbour/",
    "/?cat=3",
    "/%E3%83%96%E3%83%AD%E3%82%B0/",
)


@pytest.mark.parametrize("path", POSTS)
def test_posts(path: str) -> None:
    assert looks_like_post(f"https://blog.example.org{path}")


@pytest.mark.parametrize("path", SITES)
def test_sites(path: str) -> None:
    assert not looks_like_post(f"https://blog.example.org{path}")
