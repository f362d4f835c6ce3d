"""A PostgreSQL server for all tests of fleets; each test has its own database."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.fleet import postgres as servers
from tests.fleet.fleets import Fleet

_numbers = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    with servers.running() as server:
        yield server


@pytest.fixture
def jobs(postgres: servers.Postgres) -> str:
    """The address of an empty queue."""
    return postgres.database(f"queue{next(_numbers)}")


@pytest.fixture
def fleet(jobs: str, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(jobs, tmp_path)
    try:
        yield made
    finally:
        made.end()
