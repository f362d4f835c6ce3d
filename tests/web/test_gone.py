"""An archive that is moved away, damaged or replaced while it is served. Tested on the application without a socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from archiver.model.errors import ArchiveNotFound
from archiver.storage.database import open_archive
from archiver.web.web_server import application
from tests.archive_fixture import make_archive

PAGES = (
    "/search?q=tide",
    "/article/1.json",
    "/nothing",
    "/archive/articles",
    "/archive/articles.json",
    "/export?as=csv",
    "/-/metrics",
)


def test_a_replaced_archive_is_served(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    archive, other = (make_archive(tmp_path / name) for name in ("small.db", "other.db"))
    db = open_archive(other)
    with db.atomic():
        db.execute("update articles set title = 'Zeppelin' where id = 1")
    db.close()
    made = application(archive)

    def get(path: str) -> Any:
        async def asked() -> Any:
            return await made.client.get(path)

        return asyncio.run(asked())

    def titles() -> set[str]:
        return {
            get("/article/1.json").json()["title"],
            get("/archive/articles.json?id=1&_shape=array&_col=title").json()[0]["title"],
        }

    def statuses() -> set[int]:
        answers = [get(path) for path in PAGES]
        for path, answer in zip(PAGES, answers, strict=True):
            assert str(tmp_path) not in answer.text
            assert ".json" in path or "<nav" in answer.text
        return {answer.status_code for answer in answers}

    assert titles() == {"Tide tables for the café quay"}
    archive.rename(tmp_path / "moved.db")
    assert statuses() == {503}
    assert {one.getMessage() for one in caplog.records} == {str(ArchiveNotFound(str(archive)))}
    (tmp_path / "junk").write_bytes(b"no database" * 1_000)
    (tmp_path / "junk").replace(archive)
    assert statuses() == {503}
    other.replace(archive)
    assert titles() == {"Zeppelin"}
    (tmp_path / "moved.db").rename(archive)
    assert titles() == {"Tide tables for the café quay"}
