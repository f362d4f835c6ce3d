"""Enrolling sites in a fleet, with their settings."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from archiver.fleet.enrolment import make_sites_of_urls, read_sites_of_archive
from archiver.storage.database import open_archive
from archiver.storage.sites import add_site, add_tags, set_settings

_CONFIG = """
[defaults]
delay = 7

[groups.slow]
delay = 30

[groups.left]
crawl = "no"
"""


def test_settings_of_archiver_toml_apply_in_a_fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "archiver.toml"
    file.write_text(_CONFIG)
    monkeypatch.setenv("ARCHIVER_CONFIG", str(file))
    db = open_archive(tmp_path / "archive.db", create=True)
    for name, tag in (("a", ""), ("b", "slow"), ("c", "left"), ("d", "slow")):
        site, _ = add_site(db, f"https://{name}.example/", datetime.now(UTC))
        if tag:
            with db.atomic():
                add_tags(db, site["id"], [tag])
    set_settings(db, ["d.example"], {"delay": 3.0})
    db.close()
    found = {one.name: one.settings for one in read_sites_of_archive(tmp_path / "archive.db")}
    assert {name: settings["delay"] for name, settings in found.items()} == {
        "a.example": 7.0,
        "b.example": 30.0,
        "d.example": 3.0,
    }
    (one,) = make_sites_of_urls(["https://e.example/"])
    assert one.settings == {"delay": 7.0}
