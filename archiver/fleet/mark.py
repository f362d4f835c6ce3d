"""The mark of a fleet in its storage: two fleets never write into one place, and none begins where it cannot write."""

from __future__ import annotations

import io
import json
import uuid

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
    found = known(storage)
    if found != fleet_id:
        raise OtherFleet(storage.url)
    probe(storage)


def probe(storage: Storage) -> None:
    """That it can be written. Raises StorageRefused."""
    key = f".probe-{uuid.uuid4()}"
    storage.put(key, io.BytesIO(b"ok"), 2)
    storage.delete([key])


def known(storage: Storage) -> str:
    """Whose storage it is. Raises StorageRefused where there are no shards of any fleet."""
    found = _found(storage)
    if found is None:
        raise StorageRefused(storage.url, "it is no fleet's: there is no fleet.json")
    return found


def _found(storage: Storage) -> str | None:
    data = storage.read(_MARK)
    if data is None:
        return None
    try:
        return str(json.loads(data)["fleet"])
    except (ValueError, KeyError, TypeError) as error:
        raise StorageRefused(storage.url, "its fleet.json is damaged") from error
