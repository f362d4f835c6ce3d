"""Serves archives, one server process per test file, and requests pages from it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from archiver.cli.main import cli
from tests.archive_fixture import make_archive
from tests.processes import Running
from tests.web.browsing import browser


@dataclass(frozen=True, slots=True)
class Got:
    """A response: status, headers and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Served:
    """A running server. `address` has no trailing slash."""

    address: str
    archive: Path

    def get(self, path: str, method: str = "GET", **headers: str) -> Got:
        host, port = self.address.removeprefix("http://").split(":")
        client = HTTPConnection(host, int(port), timeout=120)
        try:
            client.request(method, path, headers=headers)
            answer = client.getresponse()
            return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            client.close()


@contextmanager
def serving(archive: Path, *options: str) -> Iterator[Served]:
    """Run `archiver serve` on a free port."""
    process = Running("archiver", "serve", "--archive", str(archive), "--port", "0", *options)
    try:
        found = process.says(r"http://[\w.\[\]:]+:(\d+)/")
        assert found, process.end(0)
        yield Served(f"http://127.0.0.1:{found[1]}", archive)
    finally:
        process.send(signal.SIGTERM)
        process.end(20)


def output_of(archive: Path, *command: str, code: int = 0) -> str:
    """Return the output of a command on an archive."""
    run = CliRunner().invoke(cli, [*command, "--archive", str(archive)])
    assert run.exit_code == code, run.output
    return run.stdout_bytes.decode()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of the small archive."""
    with serving(make_archive(tmp_path_factory.mktemp("served") / "small.db")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser shared by the tests of a file."""
    with browser() as running:
        yield running
