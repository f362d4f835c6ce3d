"""The entries of a web archive's CDX list in the pages table."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from archiver.model.items import DiscoveredURL, DiscoverySource, PageKind
from archiver.storage.completeness import site_completeness
from archiver.storage.database import open_archive
from archiver.storage.sites import find_site
from archiver.storage.sources import record_discovered_urls
from archiver.storage.url_history import url_history

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def years(first: int, last: int | None) -> tuple[datetime, datetime | None]:
    return datetime(first, 1, 1, tzinfo=UTC), datetime(last, 1, 1, tzinfo=UTC) if last else None


def test_first_and_last_capture_do_not_depend_on_order(tmp_path: Path) -> None:
    db = open_archive(tmp_path / "a.db", create=True)
    db.execute(
        "insert into sites (id, name, start_url, host, path, added_at) values "
        "(1, 'old.example', 'https://old.example/', 'old.example', '/', '2025')"
    )
    db.execute(
        "insert into pages (id, site_id, url, urlkey, kind, outcome, found_at) values "
        "(1, 1, 'https://old.example/a', 'example,old)/a', 'unknown', 'gone', '2025')"
    )
    for captured in (years(2012, None), years(2009, 2010), years(2011, 2015), years(2013, None)):
        with db.atomic():
            record_discovered_urls(
                db,
                1,
                [
                    DiscoveredURL(
                        "https://old.example/a",
                        DiscoverySource.CDX,
                        found_on="https://w.example/cdx",
                        captured=captured,
                    )
                ],
                NOW,
            )
    cdx_source = next(s for s in url_history(db, "https://old.example/a")["sources"] if s["source"] == "cdx")
    assert (cdx_source["first_capture"][:4], cdx_source["last_capture"][:4]) == ("2009", "2015")
    # It was gone before it was fetched, but a web archive has it, so it may have been a post. It is not due again.
    state = site_completeness(db, find_site(db, "old.example"))
    assert state["posts"] == {"found": 1, "archived": 0, "missing": 0, "gone": 1, "refused": 0}
    assert db.execute("select outcome, due_at from pages").fetchall() == [("gone", None)]
    db.close()


def test_a_cdx_list_does_not_include_a_trap_again(tmp_path: Path) -> None:
    db = open_archive(tmp_path / "a.db", create=True)
    db.execute(
        "insert into sites (id, name, start_url, host, path, added_at) values "
        "(1, 'old.example', 'https://old.example/', 'old.example', '/', '2025')"
    )
    url = "https://old.example/a"
    for source, trap, outcome in (
        (DiscoverySource.LINK, "sorting", "trap"),
        (DiscoverySource.CDX, "", "trap"),
        (DiscoverySource.FEED, "", "due"),
    ):
        with db.atomic():
            record_discovered_urls(db, 1, [DiscoveredURL(url, source, PageKind.UNKNOWN, trap=trap)], NOW)
        assert db.execute("select outcome from pages").fetchall() == [(outcome,)], source
    db.close()
