"""Whether a site's sources list all of its posts, as the table of pages tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from archiver.model.items import DiscoveredURL, DiscoverySource, PageKind
from archiver.storage.pages import source_coverage
from archiver.storage.sources import record_discovered_urls
from tests.storage.one_site_archive import AT, SITE, archive_of_one_site

LINK, SITEMAP, REDIRECT = DiscoverySource.LINK, DiscoverySource.SITEMAP, DiscoverySource.REDIRECT


@pytest.mark.parametrize(
    ("sources", "linked"),
    [((SITEMAP, REDIRECT), 31), ((SITEMAP,), 30), ((SITEMAP, LINK, REDIRECT), 31)],
    ids=["moved", "not linked", "moved and linked"],
)
def test_a_post_that_moved_counts_as_linked(sources: tuple[DiscoverySource, ...], linked: int, tmp_path: Path) -> None:
    with archive_of_one_site(tmp_path) as db, db.atomic():
        old = [DiscoveredURL(f"https://{SITE}/{n}/", one, PageKind.POST) for n in range(30) for one in (LINK, SITEMAP)]
        new = [DiscoveredURL(f"https://{SITE}/moved/", one, PageKind.POST) for one in sources]
        record_discovered_urls(db, 1, [*old, *new], AT)
        found = source_coverage(db, 1)
        assert (found.posts, found.listed, found.linked) == (31, 31, linked)
