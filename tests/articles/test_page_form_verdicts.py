"""What a form is judged to be, and which pages it overrules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.articles.post_verdicts import (
    MIN_PAGES,
    FormEvidence,
    FormMember,
    FormVerdict,
    SiteVerdicts,
    judge_article,
    judge_forms,
    patterns_of_posts,
    similarity,
)
from archiver.extraction.page_classifier import HEAD_SLOT
from archiver.model.items import LISTED_DATE, Article, Evidence, PageForm, PageKind
from archiver.model.page_rules import OTHER_FORM_RULE

SHELL = frozenset(range(1, 21))
POSTS = SHELL | frozenset(range(100, 140))
LISTS = SHELL | frozenset(range(200, 230))
DOCS = SHELL | frozenset(range(300, 330))


def members(number: int, kind: PageKind, rule: str, **more: object) -> tuple[FormMember, ...]:
    return tuple(FormMember(kind, rule, titles=(n + 1, n + 1), **more) for n in range(number))  # type: ignore[arg-type]


def form(number: int, tokens: frozenset[int], pages: tuple[FormMember, ...], address: str = "Y/9/s") -> FormEvidence:
    return FormEvidence(number, address, tokens, pages)


DECLARED = members(10, PageKind.POST, "json-ld", date_slot=9)
LISTED = (
    *members(6, PageKind.POST, "dated", date_slot=9, listed=True),
    *members(30, PageKind.LISTING, "list of links", listed=True),
)
LISTINGS = members(12, PageKind.LISTING, "teasers")


@pytest.mark.parametrize(
    "pages",
    [
        DECLARED,
        (*members(3, PageKind.POST, "dated", promised=True), *members(9, PageKind.LISTING, "list of links")),
        LISTED,
        (*members(4, PageKind.POST, "dated", hentry="post"), *members(6, PageKind.PAGE, "undated", hentry="post")),
    ],
)
def test_a_form_of_posts_is_known_by_strong_rules_by_feeds_or_by_listings(pages: tuple[FormMember, ...]) -> None:
    titled = tuple(replace(one, titles=(n + 1, 0)) for n, one in enumerate(pages))
    assert judge_forms([form(1, POSTS, titled), form(2, LISTS, LISTINGS, "s/s")]).forms[1].kind is PageKind.POST


@pytest.mark.parametrize(
    "pages",
    [
        DECLARED[: MIN_PAGES - 1],
        tuple(replace(one, titles=(7, 7)) for one in DECLARED),
        members(20, PageKind.LISTING, "list of links", listed=True),
        members(20, PageKind.POST, "dated", date_slot=9),
        (*members(5, PageKind.POST, "dated", listed=True), *members(5, PageKind.PAGE, "undated", listed=True)),
    ],
    ids=["few", "one title", "no post", "in no listing", "undated"],
)
def test_a_form_without_proof_is_not_judged_to_be_of_posts(pages: tuple[FormMember, ...]) -> None:
    assert judge_forms([form(1, POSTS, pages)]).forms == {}


def test_posts_that_were_guessed_to_be_lists_are_overruled() -> None:
    titled = tuple(replace(one, titles=(n + 1, 0)) for n, one in enumerate(LISTED))
    verdicts = judge_forms([form(1, POSTS, titled), form(2, LISTS, LISTINGS, "s/s")])
    found = verdicts.post_form_of(PageForm(POSTS, "Y/9/s"), PageKind.LISTING, "list of links")
    assert found is not None
    assert found.is_dated


@pytest.mark.parametrize(
    ("page", "kind", "rule"),
    [
        (PageForm(LISTS, "Y/9/s"), PageKind.LISTING, "list of links"),
        (PageForm(POSTS, "s/s"), PageKind.LISTING, "list of links"),
        (PageForm(POSTS, "Y/9/s"), PageKind.OTHER, "password"),
        (PageForm(POSTS, "Y/9/s"), PageKind.PAGE, "wordpress page"),
        (PageForm(POSTS, "Y/9/s"), PageKind.LISTING, "home"),
        (PageForm(POSTS, "Y/9/s", hentry="page"), PageKind.PAGE, "undated"),
        (PageForm(POSTS, "Y/9/s", hentry="attachment"), PageKind.PAGE, "undated"),
        (PageForm(SHELL, "Y/9/s"), PageKind.PAGE, "undated"),
    ],
    ids=["markup", "address", "password", "type page", "home", "hentry page", "attachment", "shell only"],
)
def test_a_declaration_or_another_form_is_never_overruled(page: PageForm, kind: PageKind, rule: str) -> None:
    verdicts = judge_forms([form(1, POSTS, DECLARED), form(2, LISTS, LISTINGS, "s/s")])
    assert verdicts.post_form_of(page, kind, rule) is None


def test_a_page_with_all_marks_of_the_posts_need_not_be_like_them_otherwise() -> None:
    verdicts = judge_forms([form(1, POSTS, DECLARED), form(2, LISTS, LISTINGS, "s/s")])
    longer = PageForm(POSTS | frozenset(range(500, 560)), "Y/9/s")
    assert similarity(longer.tokens, POSTS) < 0.85
    assert verdicts.post_form_of(longer, PageKind.PAGE, "undated") is not None


def docs(**more: object) -> FormEvidence:
    return form(3, DOCS, members(12, PageKind.POST, "dated", date_slot=4, **more), "s/s")


def test_guessed_posts_of_a_form_that_nothing_reports_are_doubted() -> None:
    verdicts = judge_forms([form(1, POSTS, DECLARED), docs()])
    assert verdicts.forms[3].kind is PageKind.PAGE
    assert verdicts.is_doubted(PageForm(DOCS, "s/s"), "dated", promised=False)


@pytest.mark.parametrize("more", [{"promised": True}, {"mapped": True}, {"listed": True}, {"hentry": "post"}])
def test_guessed_posts_that_a_source_reports_are_not_doubted(more: dict[str, object]) -> None:
    verdicts = judge_forms([form(1, POSTS, DECLARED), docs(**more)])
    assert not verdicts.is_doubted(PageForm(DOCS, "s/s"), "dated", promised=False)


MONTHS = members(24, PageKind.POST, "dated", date_slot=4, listed=True, day="2014-06-07", is_bare=True)
OTHERS = tuple(replace(one, day=f"2020-03-{n + 1:02}") for n, one in enumerate(members(9, PageKind.POST, "dated")))


def is_month_doubted(months: tuple[FormMember, ...], others: tuple[FormMember, ...] = OTHERS) -> bool:
    verdicts = judge_forms([form(1, POSTS, others), form(2, DOCS, months, "s?s")])
    return verdicts.is_doubted(PageForm(DOCS, "s?s"), "dated", promised=False)


def test_pages_without_text_that_all_have_one_day_are_doubted_even_if_listed() -> None:
    assert is_month_doubted(MONTHS)


def test_they_stay_doubted_once_they_are_no_posts() -> None:
    assert is_month_doubted(members(24, PageKind.PAGE, OTHER_FORM_RULE))


@pytest.mark.parametrize(
    ("months", "others"),
    [
        (MONTHS[:19], OTHERS),
        (tuple(replace(one, is_bare=False) for one in MONTHS), OTHERS),
        (tuple(replace(one, day=f"2014-06-{n + 1:02}") for n, one in enumerate(MONTHS)), OTHERS),
        ((*MONTHS, replace(MONTHS[0], promised=True)), OTHERS),
        (MONTHS, OTHERS[:7]),
    ],
    ids=["few pages", "with text", "of many days", "in a feed", "few other days"],
)
def test_otherwise_pages_of_one_day_are_not(months: tuple[FormMember, ...], others: tuple[FormMember, ...]) -> None:
    assert not is_month_doubted(months, others)


ALL_LISTED = members(24, PageKind.POST, "dated", date_slot=9, listed=True)
STRAY = members(2, PageKind.POST, "dated", date_slot=9)


@pytest.mark.parametrize("stray", [STRAY, STRAY * 6, tuple(replace(one, mapped=True) for one in STRAY)])
@pytest.mark.parametrize(("folder", "address"), [("", "s/s.html"), ("data", "Y/9/s")])
def test_pages_that_no_list_or_feed_shows_are_doubted_where_all_posts_are_listed_elsewhere(
    stray: tuple[FormMember, ...], folder: str, address: str
) -> None:
    posts = tuple(replace(one, folder="entry" if folder else "") for one in ALL_LISTED)
    others = tuple(replace(one, folder=folder) for one in stray)
    verdicts = judge_forms([form(1, POSTS, posts), form(2, DOCS, others, address)])
    assert verdicts.is_doubted(PageForm(DOCS, address), "dated", promised=False)
    assert verdicts.is_undated(PageForm(DOCS, address), "json-ld") is (len(stray) < MIN_PAGES)


@pytest.mark.parametrize("declares", [True, False])
def test_a_declaration_that_also_the_lists_make_says_nothing(declares: bool) -> None:
    posts = members(24, PageKind.POST, "json-ld", date_slot=9, listed=True, declares=True)
    glossary = members(10, PageKind.POST, "json-ld", declares=True, folder="glossary")
    lists = members(3, PageKind.LISTING, "several posts", declares=declares)
    verdicts = judge_forms([form(1, POSTS, posts), form(2, DOCS, glossary, "s/s"), form(3, LISTS, lists, "s")])
    assert verdicts.is_undated(PageForm(DOCS, "s/s"), "json-ld") is declares
    assert verdicts.forms[1].kind is PageKind.POST


def test_before_a_site_was_read_to_its_end_nothing_is_known_to_be_unlisted() -> None:
    verdicts = judge_forms([form(1, POSTS, ALL_LISTED), form(2, POSTS, STRAY, "s/s.html")], is_complete=False)
    assert not verdicts.is_doubted(PageForm(POSTS, "s/s.html"), "dated", promised=False)


@pytest.mark.parametrize(
    ("posts", "stray", "address"),
    [
        (ALL_LISTED, STRAY, "Y/9/s"),
        (ALL_LISTED[:7], STRAY, "s/s.html"),
        ((*ALL_LISTED, *members(2, PageKind.POST, "dated", date_slot=9)), STRAY, "s/s.html"),
        (ALL_LISTED, (replace(STRAY[0], listed=True), STRAY[1]), "s/s.html"),
    ],
    ids=["address of the posts", "few posts", "unlisted posts", "listed"],
)
def test_otherwise_they_are_not(posts: tuple[FormMember, ...], stray: tuple[FormMember, ...], address: str) -> None:
    verdicts = judge_forms([form(1, POSTS, posts), form(2, LISTS, stray, address)])
    assert not verdicts.is_doubted(PageForm(LISTS, address), "dated", promised=False)


def by_list(number: int, **more: object) -> tuple[FormMember, ...]:
    return members(number, PageKind.POST, LISTED_DATE, in_dated_list=True, **more)


@pytest.mark.parametrize(
    ("pages", "posts", "address", "expected"),
    [
        (by_list(12), (), "s", PageKind.UNKNOWN),
        (by_list(6) + members(6, PageKind.PAGE, "undated"), (), "s", PageKind.UNKNOWN),
        (by_list(6) + members(14, PageKind.PAGE, "undated"), (), "s", PageKind.PAGE),
        (by_list(6) + members(14, PageKind.LISTING, "list of links"), (), "s", PageKind.UNKNOWN),
        (by_list(6), members(6, PageKind.POST, "dated"), "s", PageKind.PAGE),
        (members(6, PageKind.PAGE, OTHER_FORM_RULE, in_dated_list=True), members(6, PageKind.POST, "dated"), "s",
         PageKind.PAGE),
        (by_list(6), members(6, PageKind.POST, "dated"), "Y/9/s", PageKind.UNKNOWN),
        (by_list(6), members(2, PageKind.POST, "dated"), "s", PageKind.UNKNOWN),
        (by_list(6, promised=True), members(6, PageKind.POST, "dated"), "s", PageKind.UNKNOWN),
        (by_list(6) + members(1, PageKind.POST, "dated"), members(6, PageKind.POST, "dated"), "s", PageKind.UNKNOWN),
    ],
    ids=["a blog", "half", "a manual", "lists", "beside posts", "again", "like posts", "two", "feed", "some dated"],
)  # fmt: skip
def test_pages_that_only_a_list_dates_are_no_posts_if_their_form_or_the_site_speaks_against_it(
    pages: tuple[FormMember, ...], posts: tuple[FormMember, ...], address: str, expected: PageKind
) -> None:
    forms = [form(1, frozenset({1, 2}), pages, address), *([form(2, frozenset({3, 4}), posts)] if posts else [])]
    assert judge_forms(forms).forms.get(1, FormVerdict(1, PageKind.UNKNOWN, "")).kind is expected
    assert 1 not in judge_forms(forms, is_complete=False).forms


def test_a_promised_or_declared_post_is_not_doubted() -> None:
    verdicts = judge_forms([form(1, POSTS, DECLARED), docs()])
    assert not verdicts.is_doubted(PageForm(DOCS, "s/s"), "dated", promised=True)
    assert not verdicts.is_doubted(PageForm(DOCS, "s/s"), "json-ld", promised=False)


def test_without_a_form_of_posts_nothing_is_doubted() -> None:
    assert not judge_forms([docs()]).is_doubted(PageForm(DOCS, "s/s"), "dated", promised=False)


def test_without_verdicts_no_page_is_overruled() -> None:
    assert SiteVerdicts().post_form_of(PageForm(POSTS, "Y/9/s"), PageKind.PAGE, "undated") is None


def test_a_slug_that_is_a_number_is_among_the_posts_with_other_slugs() -> None:
    verdicts = judge_forms([form(1, POSTS, DECLARED, "s/s"), form(2, LISTS, LISTINGS, "s")])
    assert verdicts.post_form_of(PageForm(POSTS, "s/Y"), PageKind.LISTING, "date address") is not None
    assert verdicts.post_form_of(PageForm(POSTS, "s/9"), PageKind.PAGE, "undated") is not None
    assert verdicts.post_form_of(PageForm(LISTS, "s/Y"), PageKind.LISTING, "date address") is None


def test_posts_whose_slug_is_a_number_take_no_marks_from_the_posts() -> None:
    numbered = form(2, POSTS, members(3, PageKind.LISTING, "date address"), "s/Y")
    verdicts = judge_forms(
        [form(1, POSTS, DECLARED, "s/s"), numbered, form(3, LISTS, members(3, PageKind.PAGE, "undated"), "s")]
    )
    assert verdicts.forms[1].post_tokens == POSTS - LISTS


@pytest.mark.parametrize(
    ("address", "patterns"),
    [
        ("s/Y", ("s/Y", "s/s")),
        ("Y/9/9/9", ("Y/9/9/9", "Y/9/9/s")),
        ("s/9.html", ("s/9.html", "s/s.html")),
        ("Y", ("Y", "s")),
        ("Y/9/s", ("Y/9/s",)),
        ("s?id", ("s?id",)),
    ],
)
def test_only_the_number_at_the_end_may_be_a_slug(address: str, patterns: tuple[str, ...]) -> None:
    assert patterns_of_posts(address) == patterns


def test_a_manual_made_by_the_program_of_the_posts_is_overruled_by_the_form_of_the_posts() -> None:
    verdicts = judge_forms([form(1, POSTS, DECLARED), form(2, LISTS, LISTINGS, "s/s")])
    assert verdicts.post_form_of(PageForm(POSTS, "Y/9/s"), PageKind.PAGE, "documentation") is not None


def notes(posts: int, address: str = "s/s") -> SiteVerdicts:
    """A form of ten notes without dates, of which some are known to be posts, made with the site's only template."""
    known = members(posts, PageKind.POST, "feed")
    rest = tuple(
        replace(one, titles=(50 + n, 50 + n)) for n, one in enumerate(members(10 - posts, PageKind.PAGE, "undated"))
    )
    return judge_forms(
        [form(1, SHELL, (*known, *rest), address), form(2, SHELL, members(8, PageKind.PAGE, "undated"), "s")]
    )


def test_without_marks_and_dates_a_page_is_a_post_if_nearly_all_of_its_form_are() -> None:
    assert notes(8).post_form_of(PageForm(SHELL, "s/s"), PageKind.PAGE, "undated") is not None
    assert notes(7).post_form_of(PageForm(SHELL, "s/s"), PageKind.PAGE, "undated") is None


def test_without_marks_and_dates_a_page_in_the_top_folder_or_named_about_is_no_post() -> None:
    assert notes(8, "s").post_form_of(PageForm(SHELL, "s"), PageKind.PAGE, "undated") is None
    assert notes(8).post_form_of(PageForm(SHELL, "s/s"), PageKind.PAGE, "page address") is None


def test_a_page_with_the_marks_of_the_posts_in_a_form_of_other_pages_is_no_post() -> None:
    lists = POSTS | frozenset(range(500, 520))  # lists that show whole posts
    verdicts = judge_forms(
        [
            form(1, POSTS, DECLARED),
            form(2, lists, LISTINGS),
            form(3, LISTS, members(200, PageKind.LISTING, "teasers"), "s/s"),
        ]
    )
    assert verdicts.forms[2].kind is PageKind.PAGE
    assert verdicts.post_form_of(PageForm(lists, "Y/9/s"), PageKind.LISTING, "teasers") is None
    assert verdicts.post_form_of(PageForm(POSTS, "Y/9/s"), PageKind.LISTING, "teasers") is not None


@pytest.mark.parametrize("rule", ["listing address", "page address", "several posts"])
def test_without_marks_the_address_of_a_page_and_its_entries_say_more(rule: str) -> None:
    dated = members(10, PageKind.POST, "feed", date_slot=9)
    verdicts = judge_forms([form(1, SHELL, dated, "s.html"), form(2, SHELL, LISTINGS, "s/s.html")])
    assert verdicts.post_form_of(PageForm(SHELL, "s.html"), PageKind.LISTING, rule) is None
    assert verdicts.post_form_of(PageForm(SHELL, "s.html"), PageKind.LISTING, "list of links") is not None


ABOUT = frozenset(range(1, 15))


def about(address: str = "s", number: int = 3, rule: str = "json-ld", **more: object) -> FormEvidence:
    return form(3, ABOUT, members(number, PageKind.POST, rule, **more), address)


@pytest.mark.parametrize("rule", ["json-ld", "published time", "learned"])
def test_a_few_pages_in_the_top_folder_that_do_not_show_the_time_they_declare_are_no_posts(rule: str) -> None:
    verdicts = judge_forms([form(1, POSTS, DECLARED), about(rule=rule)])
    assert verdicts.forms[3].kind is PageKind.OTHER
    assert verdicts.is_undated(PageForm(ABOUT, "s"), rule)
    assert not verdicts.is_undated(PageForm(ABOUT, "s"), "feed")


@pytest.mark.parametrize(
    ("posts", "address", "kind"),
    [(24, "s/s/s", PageKind.OTHER), (24, "Y/9/s", None), (19, "s/s/s", None)],
    ids=["address like no post's", "address of the posts", "few posts"],
)
def test_such_pages_in_another_folder_are_no_posts_where_many_posts_have_other_addresses(
    posts: int, address: str, kind: PageKind | None
) -> None:
    verdicts = judge_forms(
        [form(1, POSTS, members(posts, PageKind.POST, "json-ld", date_slot=9)), about(address=address)]
    )
    assert (verdicts.forms[3].kind if 3 in verdicts.forms else None) is kind


@pytest.mark.parametrize(
    "more",
    [
        {"promised": True},
        {"listed": True},
        {"date_slot": 4},
        {"hentry": "post"},
        {"address": "s/s"},
        {"number": MIN_PAGES},
        {"rule": "api"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_such_pages_may_be_posts_if_anything_else_says_so(more: dict[str, object]) -> None:
    verdict = judge_forms([form(1, POSTS, DECLARED), about(**more)]).forms.get(3)  # type: ignore[arg-type]
    assert verdict is None or verdict.kind is not PageKind.OTHER


@pytest.mark.parametrize(
    "posts", [form(1, POSTS, DECLARED, "s"), form(1, POSTS, members(10, PageKind.POST, "json-ld"))]
)
def test_such_pages_may_be_posts_where_posts_are_in_the_top_folder_or_show_no_date(posts: FormEvidence) -> None:
    assert 3 not in judge_forms([posts, about()]).forms


def test_a_time_that_a_rule_reads_in_the_head_is_not_shown() -> None:
    assert judge_forms([form(1, POSTS, DECLARED), about(date_slot=HEAD_SLOT)]).forms[3].kind is PageKind.OTHER


def test_pages_that_were_judged_so_remain_judged_so() -> None:
    again = form(3, ABOUT, members(3, PageKind.PAGE, OTHER_FORM_RULE), "s")
    assert judge_forms([form(1, POSTS, DECLARED), again]).forms[3].kind is PageKind.OTHER


TOKEN_SETS = st.frozensets(st.integers(0, 60), max_size=40)


@given(TOKEN_SETS, TOKEN_SETS)
def test_similarity_is_symmetric_and_one_only_for_equal_sets(one: frozenset[int], other: frozenset[int]) -> None:
    assert similarity(one, other) == similarity(other, one)
    assert (similarity(one, other) == 1.0) == (one == other)


@given(st.lists(st.tuples(st.sampled_from(["json-ld", "dated", "undated"]), st.booleans(), st.booleans()), max_size=25))
def test_more_evidence_for_posts_never_makes_a_form_one_of_other_pages(rows: list[tuple[str, bool, bool]]) -> None:
    pages = tuple(
        FormMember(PageKind.PAGE if rule == "undated" else PageKind.POST, rule, titles=(n + 1, 0), listed=listed)
        for n, (rule, listed, _) in enumerate(rows)
    )
    more = tuple(replace(one, promised=True) for one in pages)
    base = form(1, POSTS, DECLARED)
    after = judge_forms([base, form(2, DOCS, more, "s")]).forms.get(2)
    assert after is None or after.kind is PageKind.POST


NEWEST = datetime(2024, 5, 1, tzinfo=UTC)
SHOWN = (Evidence("published", "2024-05-01", "shown", "near p.day", 0.74),)
UNCERTAIN = (Evidence("published", "2024-05-01T00:00:00+00:00", "shown", "far a", 0.3),)
TWO_DAYS = (*UNCERTAIN, Evidence("published", "2024-04-02T00:00:00+00:00", "shown", "far p", 0.3))
DECLARED_DAY = (Evidence("published", "2024-05-01", "meta", "date", 0.9),)


@pytest.mark.parametrize(
    ("post", "media", "becomes"),
    [
        (Article("u", "Rain", "It rained.", published=NEWEST, evidence=SHOWN), 0, PageKind.POST),
        (Article("u", "Rain", "", published=NEWEST, evidence=SHOWN), 1, PageKind.POST),
        (Article("u", "", "It rained.", published=NEWEST, evidence=SHOWN), 0, PageKind.POST),
        (Article("u", "", "It rained.", published=NEWEST, evidence=UNCERTAIN), 0, PageKind.POST),
        (Article("u", "", "It rained.", published=NEWEST, evidence=TWO_DAYS), 0, PageKind.LISTING),
        (Article("u", "Rain", "It rained.", published=NEWEST, evidence=UNCERTAIN), 0, PageKind.LISTING),
        (Article("u", "Rain", "", published=NEWEST, evidence=SHOWN), 0, PageKind.LISTING),
        (Article("u", "Rain", "It rained.", published=NEWEST, evidence=DECLARED_DAY), 0, PageKind.LISTING),
        (Article("u", "Rain", "It rained."), 0, PageKind.LISTING),
    ],
    ids=[
        "text",
        "image only",
        "untitled",
        "untitled, its date in no certain place",
        "untitled, with two dates",
        "its date in no certain place",
        "nothing",
        "date declared only",
        "undated",
    ],
)
def test_a_page_becomes_a_post_if_it_shows_what_the_others_do(post: Article, media: int, becomes: PageKind) -> None:
    verdicts = judge_forms([form(1, POSTS, DECLARED), form(2, LISTS, LISTINGS, "s/s")])
    before = Article("u", kind=PageKind.LISTING, kind_rule="list of links")
    after = judge_article(
        verdicts,
        PageForm(POSTS, "Y/9/s", media=media),
        before,
        is_promised=lambda: False,
        extract=lambda decided: replace(post, kind=decided[0], kind_rule=decided[1]),
    )
    assert after.kind is becomes
