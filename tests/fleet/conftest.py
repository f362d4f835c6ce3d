"""One PostgreSQL for all tests of fleets; each test has a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.fleet import postgres as servers

_numbers = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[servers.Postgres]:
    with servers.running() as server:
        yield server


@pytest.fixture
def jobs(postgres: servers.Postgres) -> str:
    """The address of an empty queue."""
    return postgres.database(f"queue{next(_numbers)}")
