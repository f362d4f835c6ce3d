"""What is a post and what is none: one template under the addresses of many programs."""

from __future__ import annotations

import pytest

from archiver.extraction.article import extract_page
from archiver.extraction.page import parse
from archiver.items import PageKind
from tests.small_sites import posts, silent

TOLD = posts(1)[0]


def kind_of(path: str, html: str = "") -> tuple[PageKind, str]:
    article = extract_page(parse(html or silent(TOLD), "https://low.example" + path))
    return article.kind, article.kind_rule


@pytest.mark.parametrize("path", [
    "/?p=12", "/?nid=12", "/?q=node/12", "/index.php?id=12&L=1", "/index.php?view=article&id=3:a-post",
    "/index.php?/archives/12-a-post.html", "/Default.aspx?tabid=9&ArticleID=12", "/?act=show&newsid=12"])
def test_a_post_may_be_named_by_parameters_of_the_home_page(path: str) -> None:
    assert kind_of(path)[0] is PageKind.POST


@pytest.mark.parametrize("path", ["/", "/index.html", "/index.php", "/?lang=de", "/index.php?theme=dark"])
def test_the_home_page_is_none_whatever_stands_on_it(path: str) -> None:
    assert kind_of(path) == (PageKind.LISTING, "home")
