"""A shard in an object storage: s3fs against moto's S3 server. `test_s3.py` runs this if both are installed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import s3fs

from archiver.fleet.shard_storage import ShardStorage, check_storage, mark_storage
from archiver.model.errors import ForeignFleet, StorageRefused
from tests.fleet.postgres import wait_until
from tests.fleet.test_claims import round_trip


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = str(Path(sys.executable).with_name("moto_server"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name, value in (
        ("ACCESS_KEY_ID", "key"),
        ("SECRET_ACCESS_KEY", "s3cret"),
        ("DEFAULT_REGION", "us-east-1"),
        ("ENDPOINT_URL", f"http://127.0.0.1:{port}"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    process = subprocess.Popen(
        [server, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: not socket.socket().connect_ex(("127.0.0.1", port)), 60)
        s3fs.S3FileSystem(skip_instance_cache=True).mkdir("shards")
        yield "s3://shards/news"
    finally:
        process.terminate()
        process.wait(10)


def test_a_shard_survives_a_round_trip_through_a_bucket(bucket: str, tmp_path: Path) -> None:
    storage = ShardStorage(bucket)
    mark_storage(storage, "ours")
    check_storage(storage, "ours")
    with pytest.raises(ForeignFleet):
        check_storage(storage, "theirs")
    with pytest.raises(StorageRefused):
        mark_storage(ShardStorage("s3://nowhere/news"), "ours")
    round_trip(storage, tmp_path)
