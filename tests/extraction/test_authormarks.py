"""Author marks in class names, URLs and pictures."""

from __future__ import annotations

import pytest
from lxml import html

from archiver.extraction.authors import names_of_element
from archiver.extraction.listing_addresses import leads_to_person, leads_to_term
from archiver.extraction.marked_lines import author_mark, name_in_picture


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ("post-author-name", "name"),
        ("Card_authorName__x1", "name"),
        ("styles__AuthorName-sc-1", "name"),
        ("byline", "author"),
        ("entry-meta posted-by", "author"),
        ("tac-gia", "author"),
        ("dateAndAuthor", "box"),
        ("author-bio", "box"),
        ("author-image", "not"),
        ("byline__category", "not"),
        ("comment-author", "not"),
        ("authority", ""),
        ("online", ""),
        ("text-lg mt-4", ""),
    ],
)
def test_author_marks_are_found_in_class_names(classes: str, expected: str) -> None:
    assert author_mark(classes) == expected


def test_urls_of_authors_are_recognised() -> None:
    assert leads_to_person("https://a.example/author/jane-doe/")
    assert leads_to_person("/@jane")
    assert leads_to_person("/?author=4")
    assert not leads_to_person("/2024/05/post/")
    assert not leads_to_person("http://[broken")
    assert leads_to_term("/category/food/")
    assert not leads_to_term("http://[broken")


@pytest.mark.parametrize(
    ("alt", "expected"),
    [
        ("Headshot of Jane Doe, Writer", "Jane Doe"),
        ("Jane Doe's avatar", "Jane Doe"),
        ("Jane Doe", "Jane Doe"),
        ("", ""),
    ],
)
def test_a_name_is_read_from_the_alt_text_of_a_picture(alt: str, expected: str) -> None:
    assert name_in_picture(html.fromstring(f'<img alt="{alt}">')) == expected


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<span class="author">Ada &middot; <span>Topic: <a href="/t/">Tar</a></span> &middot;</span>', ["Ada"]),
        ('<p class="byline">Ada | <a href="/t/">Tar</a></p>', ["Ada"]),
        ('<p class="byline">Ada Low and Bo Roe – <i>Tar</i></p>', ["Ada Low", "Bo Roe"]),
        ('<span class="author">Redaktion · <span>Topic: Tar</span></span>', []),
        ('<span class="author">Ada, <span>Topic: Tar</span></span>', []),
        ('<span class="meta">Ada · <span>Topic: Tar</span></span>', []),
    ],
)
def test_a_separator_ends_the_names_in_an_element_that_also_shows_something_else(
    markup: str, expected: list[str]
) -> None:
    assert names_of_element(html.fromstring(markup)) == expected
