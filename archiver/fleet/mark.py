"""The mark of a fleet in its storage: two fleets never write into one place, and none begins where it cannot write."""

from __future__ import annotations

import io
import json

from archiver.fleet.manifest import LAYOUT
from archiver.fleet.refusals import OtherFleet, StorageRefused
from archiver.fleet.storage import Storage

_MARK = "fleet.json"


def mark(storage: Storage, fleet_id: str) -> None:
    """Enter the fleet where none is entered. Raises OtherFleet, StorageRefused."""
    if _found(storage) is None:
        data = json.dumps({"fleet": fleet_id, "layout": LAYOUT}).encode()
        storage.put(_MARK, io.BytesIO(data), len(data))
    check(storage, fleet_id)


def check(storage: Storage, fleet_id: str) -> None:
    """That this is the fleet's storage, and can be written. Raises OtherFleet, StorageRefused."""
    found = _found(storage)
    if found is None:
        raise StorageRefused(storage.url, "it is not this fleet's: there is no fleet.json")
    if found != fleet_id:
        raise OtherFleet(storage.url)
    probe = f".probe-{fleet_id}"
    storage.put(probe, io.BytesIO(b"ok"), 2)
    storage.delete([probe])


def _found(storage: Storage) -> str | None:
    data = storage.read(_MARK)
    return None if data is None else str(json.loads(data).get("fleet"))
