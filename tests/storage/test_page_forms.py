"""Forms of pages are joined by likeness, counted for the judge, and follow the fate of their pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver.articles.post_verdicts import FormVerdict, SiteVerdicts
from archiver.model.items import DiscoveredURL, DiscoverySource, PageForm, PageKind
from archiver.model.urls import urlkey
from archiver.storage import page_forms
from archiver.storage.database import open_archive
from archiver.storage.page_forms import SiteForms, forms_of_site, page_id_at, store_verdicts, untaken_pages
from archiver.storage.sites import ensure_site, remove_site
from archiver.storage.sources import record_discovered_urls

NOW = datetime(2024, 5, 1, tzinfo=UTC)
TOKENS = frozenset(range(1, 101))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = open_archive(tmp_path / "archive.db", create=True)
    ensure_site(db, "https://quay.example/", NOW)
    yield db
    db.close()


def site_id(db: Database) -> int:
    return int(db.execute("select id from sites").fetchone()[0])


def page(db: Database, number: int, source: DiscoverySource = DiscoverySource.LINK, found_on: str = "") -> int:
    url = f"https://quay.example/{number}/"
    record_discovered_urls(db, site_id(db), [DiscoveredURL(url, source, found_on=found_on)], NOW)
    found = page_id_at(db, urlkey(url))
    assert found is not None
    return found


@pytest.mark.parametrize(("missing", "joins"), [(0, True), (10, True), (15, True), (16, False), (40, False)])
def test_a_page_joins_the_form_that_it_is_like(db: Database, missing: int, joins: bool) -> None:
    forms = SiteForms(db, site_id(db))
    first = forms.record(page(db, 1), PageForm(TOKENS, "9"))
    like = frozenset(range(1 + missing, 101))
    assert (forms.record(page(db, 2), PageForm(like, "9")) == first) is joins


def test_another_pattern_of_address_is_another_form(db: Database) -> None:
    forms = SiteForms(db, site_id(db))
    assert forms.record(page(db, 1), PageForm(TOKENS, "9")) != forms.record(page(db, 2), PageForm(TOKENS, "s"))


def test_a_later_run_knows_the_forms(db: Database) -> None:
    first = SiteForms(db, site_id(db)).record(page(db, 1), PageForm(TOKENS, "9"))
    assert SiteForms(db, site_id(db)).record(page(db, 2), PageForm(TOKENS - {5}, "9")) == first


def test_a_page_that_is_read_again_has_one_form(db: Database) -> None:
    forms, number = SiteForms(db, site_id(db)), page(db, 1)
    forms.record(number, PageForm(TOKENS, "9"))
    second = forms.record(number, PageForm(frozenset({1, 2}), "9"))
    assert list(db.execute("select page_id, form_id from page_forms")) == [(number, second)]


def test_a_site_has_a_bounded_number_of_forms(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_forms, "MAX_FORMS", 2)
    forms = SiteForms(db, site_id(db))
    found = [forms.record(page(db, n), PageForm(frozenset({n}), "9")) for n in (1, 2, 3)]
    assert found[2] is None
    assert len(set(found)) == 3


def test_a_batch_that_is_rolled_back_leaves_no_form_behind(db: Database) -> None:
    forms, number = SiteForms(db, site_id(db)), page(db, 1)
    db.conn.commit()
    with pytest.raises(RuntimeError), forms.restored_on_error(), db.conn:
        forms.record(number, PageForm(TOKENS, "9"))
        raise RuntimeError
    again = forms.record(number, PageForm(TOKENS, "9"))
    assert [row[0] for row in db.execute("select id from forms")] == [again]


def test_the_judge_sees_what_sources_say(db: Database) -> None:
    forms = SiteForms(db, site_id(db))
    for n, source in enumerate((DiscoverySource.FEED, DiscoverySource.LISTING, DiscoverySource.SITEMAP), 1):
        forms.record(page(db, n, source), PageForm(TOKENS, "9", "post", 9, 2, (n, 7), 5))
    (form,) = forms_of_site(db, site_id(db))
    assert form.tokens == TOKENS
    assert [(one.promised, one.listed, one.mapped) for one in form.members] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert {(one.titles, one.hentry, one.date_slot) for one in form.members if one.promised} == {((1, 7), "post", 5)}


def test_verdicts_are_stored_with_their_reason(db: Database) -> None:
    number = SiteForms(db, site_id(db)).record(page(db, 1), PageForm(TOKENS, "9"))
    assert number is not None
    store_verdicts(db, site_id(db), SiteVerdicts.of([FormVerdict(number, PageKind.POST, "because")]), NOW)
    assert list(db.execute("select kind, reason from forms")) == [("post", "because")]


@dataclass(frozen=True, slots=True)
class Doubted:
    """A page beside ten posts whose form was judged to be of posts or not judged (`verdict`), that was set aside by
    `rule`. The posts have the address pattern "s/s" and the source `posts_from`. `beside_posts`: the listing that shows
    the page shows posts, too.
    """

    rule: str = "undated"
    source: DiscoverySource = DiscoverySource.LISTING
    beside_posts: bool = True
    address: str = "s/s"
    tokens: frozenset[int] = TOKENS
    verdict: PageKind | None = None
    posts_from: DiscoverySource = DiscoverySource.LISTING


FORM_OF_POSTS, LINK = PageKind.POST, DiscoverySource.LINK


@pytest.mark.parametrize(
    ("doubted", "is_untaken"),
    [
        (Doubted(), True),
        (Doubted("list of links"), True),
        (Doubted(beside_posts=False), False),
        (Doubted(beside_posts=False, verdict=FORM_OF_POSTS), False),
        (Doubted("page address"), False),
        (Doubted(source=LINK), False),
        (Doubted(source=DiscoverySource.FEED), False),
        (Doubted(source=DiscoverySource.FEED, verdict=FORM_OF_POSTS), False),
        (Doubted(tokens=frozenset({1})), True),
        (Doubted(address="s"), False),
        (Doubted(verdict=FORM_OF_POSTS), True),
        (Doubted("page address", verdict=FORM_OF_POSTS), True),
        (Doubted(source=LINK, verdict=FORM_OF_POSTS), False),
        (Doubted(source=LINK, verdict=FORM_OF_POSTS, posts_from=LINK), True),
        (Doubted("page address", LINK, verdict=FORM_OF_POSTS, posts_from=LINK), False),
        (Doubted(verdict=PageKind.PAGE), False),
    ],
)
def test_a_page_that_looks_like_the_posts_is_told(db: Database, doubted: Doubted, is_untaken: bool) -> None:
    forms = SiteForms(db, site_id(db))
    for n in range(10):
        forms.record(page(db, n, doubted.posts_from), PageForm(TOKENS, "s/s"))
    db.execute("update pages set outcome = 'archived'")
    ids = [row[0] for row in db.execute("select id from pages")]
    home = page(db, 80)
    shown = ids if doubted.beside_posts else ids[:1]
    db.execute("update pages set kind = 'listing', listed = ? where id = ?", [",".join(map(str, shown)), home])
    number = page(db, 90, doubted.source, found_on="https://quay.example/80/")
    form = forms.record(number, PageForm(doubted.tokens, doubted.address))
    db.execute("update pages set outcome = 'not-article', rule = ? where id = ?", [doubted.rule, number])
    db.execute("update forms set kind = ? where id = ?", [doubted.verdict, form])
    found = [(one.rule, one.pages, one.example) for one in untaken_pages(db, site_id(db))]
    assert found == ([(doubted.rule, 1, "https://quay.example/90/")] if is_untaken else [])


def test_a_removed_site_leaves_no_forms(db: Database) -> None:
    SiteForms(db, site_id(db)).record(page(db, 1), PageForm(TOKENS, "9"))
    remove_site(db, "quay.example")
    assert [db.execute(f"select count(*) from {t}").fetchone()[0] for t in ("forms", "page_forms")] == [0, 0]


def test_a_page_costs_little(db: Database) -> None:
    forms = SiteForms(db, site_id(db))
    pages = [page(db, n) for n in range(400)]
    before = _size(db)
    for n, number in enumerate(pages):
        forms.record(
            number, PageForm(TOKENS, "9", "post", 11, 3, (4_000_000_000 + n, 3_999_999_000 + n), 4_111_111_111)
        )
    assert (_size(db) - before) / len(pages) < 130


def _size(db: Database) -> int:
    return int(db.execute("pragma page_count").fetchone()[0] * db.execute("pragma page_size").fetchone()[0])
