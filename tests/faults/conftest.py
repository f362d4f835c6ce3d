"""A generated blog for the tests of this folder, and the archive of an undisturbed crawl of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.killing import crawl
from tests.faults.server import BlogServer, serving
from tests.faults.site import Blog


@dataclass(frozen=True)
class Reference:
    """The server of a blog of 60 posts, and the archive of an undisturbed crawl."""

    server: BlogServer
    peaceful: Path


@pytest.fixture(scope="session")
def _reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reference]:
    peaceful = tmp_path_factory.mktemp("peaceful") / "a.db"
    with serving(Blog(60)) as server:
        assert crawl(server.url, peaceful).returncode == 0
        yield Reference(server, peaceful)


@pytest.fixture
def reference(_reference: Reference) -> Iterator[Reference]:
    yield _reference
    _reference.server.fault = lambda path: ""
    _reference.server.vanish()
    _reference.server.come_back()
