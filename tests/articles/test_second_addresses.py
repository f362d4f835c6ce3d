"""Pages of a site that only repeat its other posts: print versions, AMP pages, and the same post in two folders."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from archiver.articles.article_comparison import repeats_text
from archiver.articles.near_duplicates import SitePost, find_second_addresses
from archiver.model.urls import names_second_form, urlkey


@pytest.mark.parametrize(
    "path",
    [
        "/print/12",
        "/2024/05/print/a-name",
        "/a-name/print/",
        "/a-name/amp",
        "/amp/a-name.html",
        "/a-name.print.html",
        "/a-name_print.php?id=3",
        "/print.php?id=3",
        "/story?id=3&view=print",
        "/story?printable=yes",
        "/m/news/3",
        "/mobile/news/3",
        "/druckansicht/3",
        "/email/3",
        "/share/a-name",
    ],
)
def test_addresses_of_second_forms(path: str) -> None:
    assert names_second_form(f"https://example.org{path}")


@pytest.mark.parametrize(
    "path",
    [
        "/news/12",
        "/how-to-print-photos/",
        "/printing/12",
        "/amplifier/",
        "/2024/05/small-print-shop/",
        "/news/12?page=2",
        "/sharing-bread",
        "/menu/3",
    ],
)
def test_addresses_of_posts(path: str) -> None:
    assert not names_second_form(f"https://example.org{path}")


def post(number: int, path: str, title: str = "", day: int = 1, form: int = 0, *, given: bool = False) -> SitePost:
    url = f"https://example.org{path}"
    return SitePost(number, url, urlkey(url), title or f"Title {path}", date(2024, 5, day), form=form, is_given=given)


def copies(pairs: list[tuple[SitePost, SitePost]], *others: SitePost) -> dict[int, int]:
    every = {one.id: one for one in (*(one for pair in pairs for one in pair), *others)}
    return find_second_addresses(pairs, lambda: Counter(group for one in every.values() for group in one.groups))


def test_a_print_version_is_a_copy_of_its_post() -> None:
    assert copies([(post(1, "/news/12", "A flood"), post(2, "/print/12", "A flood"))]) == {2: 1}


def test_a_print_version_that_was_read_first_is_the_copy() -> None:
    assert copies([(post(1, "/print/12", "A flood"), post(2, "/news/12", "A flood"))]) == {1: 2}


def test_a_print_version_may_have_the_name_of_the_site_in_its_title() -> None:
    assert copies([(post(1, "/news/12", "A flood"), post(2, "/print/12", "The Mail: A flood"))]) == {2: 1}


def test_posts_with_other_titles_or_days_are_no_copies() -> None:
    assert copies([(post(1, "/news/12", "A flood"), post(2, "/print/13", "A drought"))]) == {}
    assert copies([(post(1, "/news/12", "The week"), post(2, "/print/13", "The week", day=8))]) == {}


def pairs_of_folder(folder: str, number: int) -> list[tuple[SitePost, SitePost]]:
    return [
        (post(n, f"/news/{n}", f"Story {n}", form=1), post(100 + n, f"/{folder}/x{n}", f"Story {n}", form=2))
        for n in range(number)
    ]


def test_a_folder_of_which_all_pages_repeat_posts_has_copies() -> None:
    assert copies(pairs_of_folder("huulga", 3)) == {100: 0, 101: 1, 102: 2}


def test_two_equal_pages_of_a_folder_prove_nothing() -> None:
    assert copies(pairs_of_folder("huulga", 2)) == {}


def test_a_folder_with_posts_of_its_own_has_no_copies() -> None:
    own = [post(200 + n, f"/huulga/y{n}", form=2) for n in range(3)]
    assert copies(pairs_of_folder("huulga", 3), *own) == {}


def test_the_folder_that_the_sitemap_lists_has_the_posts() -> None:
    pairs = [(post(n, f"/a/{n}", f"Story {n}"), post(100 + n, f"/b/x{n}", f"Story {n}", given=True)) for n in range(3)]
    assert copies(pairs) == {0: 100, 1: 101, 2: 102}


def test_index_files_do_not_make_two_posts_one() -> None:
    assert (
        copies([(post(1, "/budget/index.html", "Budget"), post(2, "/budget-2/index.html", "Budget", given=True))]) == {}
    )


def test_a_post_in_two_sections_has_one_address() -> None:
    assert copies([(post(1, "/sport/a-race", "A race"), post(2, "/town/a-race", "A race", given=True))]) == {1: 2}


@pytest.mark.parametrize(
    ("path", "next_path"),
    [
        ("/2024/05/07/weather/", "/2024/05/08/weather/"),
        ("/index.php?id=31", "/index.php?id=32"),
        ("/news/31/weather", "/news/32/weather"),
        ("/news/31", "/print/32"),
    ],
)
def test_a_series_with_one_title_and_nearly_one_text_has_no_copies(path: str, next_path: str) -> None:
    assert copies([(post(1, path, "The weather", day=7), post(2, next_path, "The weather", day=8))]) == {}


def test_a_copy_of_a_copy_leads_to_the_post() -> None:
    one, other, third = post(1, "/news/12", "A flood"), post(2, "/print/12", "A flood"), post(3, "/amp/12", "A flood")
    assert copies([(one, other), (one, third), (other, third)]) == {2: 1, 3: 1}


def test_nearly_all_of_a_short_text_is_in_the_print_version() -> None:
    text = "ຂ່າວເສົ້າສະຫຼົດໃຈ: ທ່ານ ຄຳພັນ ສຸວັນນະວົງ"
    assert repeats_text(text, f"{text} ໜັງສືພິມ")
    assert repeats_text("", "")
    assert not repeats_text(text, "ບຸນຊ່ວງເຮືອນະຄອນຫຼວງ ທີ່ແຂວງສາລະວັນ ໃນອາທິດນີ້")
