"""Which redirects close a loop."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from archiver.model.urls import urlkey
from archiver.storage.pages import EPOCH, closes_redirect_loop, stamp
from tests.storage.one_site_archive import AT, SITE, archive_of_one_site

OLD, NEW = (f"https://{SITE}/{name}/" for name in ("old", "new"))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """The page at NEW, when it was fetched at `AT`, redirected to OLD."""
    with archive_of_one_site(tmp_path) as db:
        page = {"site_id": 1, "kind": "post", "outcome": "duplicate", "found_at": stamp(AT), "fetched_at": stamp(AT)}
        for url, target in ((NEW, urlkey(OLD)), (OLD, None)):
            db.table("pages").insert({**page, "url": url, "urlkey": urlkey(url), "redirect_urlkey": target})
        yield db


def test_redirects_that_the_same_crawl_found_close_a_loop(db: Database) -> None:
    assert closes_redirect_loop(db, urlkey(OLD), urlkey(NEW), AT)


def test_a_redirect_of_an_earlier_crawl_closes_none_and_is_fetched_again(db: Database) -> None:
    assert not closes_redirect_loop(db, urlkey(OLD), urlkey(NEW), AT + timedelta(days=1))
    assert list(db.query("select url from pages where due_at = ?", [EPOCH])) == [{"url": NEW}]
