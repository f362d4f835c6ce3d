"""The storage of shards and their manifests: a folder or an object storage bucket, accessed through fsspec.

Secrets come from the environment.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

from slugify import slugify

from archiver.api.warc_files import sync_folder
from archiver.model.errors import ExtraMissing, ForeignFleet, StorageRefused

_CHUNK = 1 << 20
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "http": "aiohttp",
    "https": "aiohttp",
}


class ShardStorage:
    """A storage for objects in a bucket (s3://bucket/folder) or a local folder. Each object has a key such as
    "shards/x/manifest.json".

    An object is written once, under a key of its own, and never changed. All methods raise StorageRefused.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        shown = mask_password(url)
        if shown != url:
            raise StorageRefused(
                shown, "its URL contains a password, which others would see; put it into the environment"
            )
        try:
            import fsspec
        except ImportError as error:
            raise ExtraMissing("A fleet", "fleet") from error
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            package = _PACKAGES.get(url.partition("://")[0], "")
            raise StorageRefused(
                url, f"it needs the package {package}: pip install {package}" if package else str(error)
            ) from error
        except Exception as error:  # some file systems connect here, each with its own errors
            raise self._refused(error) from error
        self._root = self._root.rstrip("/")
        self._is_folder = "file" in ([self._fs.protocol] if isinstance(self._fs.protocol, str) else self._fs.protocol)

    def put(self, key: str, source: BinaryIO, length: int) -> str:
        """Stores `length` bytes of an open file, from its current position, as an object. Returns their SHA-256 in hex.
        In a local folder, the file is synced to disk.
        """
        digest = hashlib.sha256()
        try:
            if self._is_folder:
                path = Path(f"{self._root}/{key}")
                part = path.with_name(f".{path.name}.{os.getpid()}.partial")
                path.parent.mkdir(parents=True, exist_ok=True)
                with part.open("wb") as into:
                    _copy(source, into, length, digest)
                    into.flush()
                    os.fsync(into.fileno())
                part.replace(path)
                sync_folder(path.parent)
            else:
                with self._fs.open(f"{self._root}/{key}", "wb") as into:
                    _copy(source, into, length, digest)
        except Exception as error:
            raise self._refused(error) from error
        return digest.hexdigest()

    def append_to(self, key: str, into: BinaryIO) -> tuple[int, str]:
        """Appends an object's bytes to the open file `into`. Returns their number, and their SHA-256 in hex."""
        digest, length = hashlib.sha256(), 0
        try:
            with self._fs.open(f"{self._root}/{key}", "rb") as source:
                while data := source.read(_CHUNK):
                    into.write(data)
                    digest.update(data)
                    length += len(data)
        except Exception as error:
            raise self._refused(error) from error
        return length, digest.hexdigest()

    def read(self, key: str) -> bytes | None:
        """Returns the bytes of a small object; None if the object does not exist."""
        try:
            data: bytes = self._fs.cat_file(f"{self._root}/{key}")
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._refused(error) from error
        return data

    def keys(self, prefix: str) -> list[str]:
        """Returns the keys of all objects below a folder of the storage, sorted."""
        try:
            self._fs.invalidate_cache()
            found = self._fs.find(f"{self._root}/{prefix}")
        except FileNotFoundError:
            return []
        except Exception as error:
            raise self._refused(error) from error
        root = self._root.lstrip("/")
        return sorted(str(name).lstrip("/")[len(root) + 1 :] for name in found)

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes the objects with these keys; keys without an object are ignored."""
        for key in keys:
            try:
                self._fs.rm_file(f"{self._root}/{key}")
                if self._is_folder and not any(Path(f"{self._root}/{key}").parent.iterdir()):
                    Path(f"{self._root}/{key}").parent.rmdir()
            except FileNotFoundError:
                continue
            except OSError as error:
                if self._is_folder and Path(f"{self._root}/{key}").exists():
                    raise self._refused(error) from error

    def _refused(self, error: Exception) -> StorageRefused:
        reason: Any = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return StorageRefused(self.url, str(reason))


def mask_password(url: str) -> str:
    """Returns a URL with its password replaced by *** (RFC 3986, section 3.2.1)."""
    head, sign, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    return f"{head}{sign}{name}:***@{host}" if sign and at and colon and "/" not in name else url


def _copy(source: BinaryIO, into: Any, length: int, digest: Any) -> None:
    left = length
    while left:
        data = source.read(min(_CHUNK, left))
        if not data:
            raise OSError(f"the file is {left:,} bytes too short")
        into.write(data)
        digest.update(data)
        left -= len(data)


# Manifests: the state of a shard as a list of files, each made of objects in the storage.

LAYOUT = 1
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class ObjectPart:
    """A stored object that holds a part of a file: its key, its size in `bytes`, and its SHA-256 in hex."""

    key: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A file of a shard: its name relative to the archive's folder ("warc/x.warc.gz"), and the stored objects that make
    it up, in order. `packed` is True if these objects are compressed with gzip.
    """

    name: str
    parts: tuple[ObjectPart, ...]
    packed: bool = False

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The list of files that make up one state of a shard.

    - `token`: the fencing token of the worker that wrote it.
    - `checkpoint`: its number within that worker's run.
    - `made_at`: its time (ISO 8601 in UTC).
    - `version`: the version of the program that wrote it.
    - `articles`: the number of articles in the shard.
    """

    site: str
    token: int
    checkpoint: int
    made_at: str
    version: str
    articles: int
    files: tuple[ShardFile, ...]

    @property
    def folder(self) -> str:
        return f"{shard_folder(self.site)}/{self.token:012}-{self.checkpoint:06}"

    @property
    def key(self) -> str:
        return f"{self.folder}/{NAME}"

    @property
    def keys(self) -> set[str]:
        """Returns the keys of all objects of this state, including the manifest itself."""
        return {self.key} | {part.key for file in self.files for part in file.parts}

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def file(self, name: str) -> ShardFile | None:
        return next((file for file in self.files if file.name == name), None)

    def to_json(self) -> str:
        return json.dumps({"layout": LAYOUT, **asdict(self)}, ensure_ascii=False, indent=1)


def read_manifest(data: str | bytes) -> Manifest:
    """Parses a manifest from JSON. Raises ValueError if it is invalid or incomplete."""
    try:
        row: dict[str, Any] = json.loads(data)
        if row.pop("layout") != LAYOUT:
            raise ValueError("it was written by another version")
        files = tuple(
            ShardFile(f["name"], tuple(ObjectPart(**part) for part in f["parts"]), f["packed"])
            for f in row.pop("files")
        )
        return Manifest(**row, files=files)
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is not a manifest ({error})") from error


def shard_folder(site: str) -> str:
    """Returns the folder of a site's shard in the storage. Its name ends in a hash, so that two sites never share a
    folder, even if their names have the same slug.
    """
    return f"shards/{slugify(site)}-{blake2b(site.encode(), digest_size=4).hexdigest()}"


def find_manifest_keys(keys: Iterable[str]) -> dict[str, list[str]]:
    """Returns the keys of the manifests in each shard folder, by folder. The newest manifest (highest fencing token,
    then highest checkpoint) comes first.
    """
    out: dict[str, list[str]] = {}
    for key in sorted(keys, reverse=True):
        folder, _, name = key.rpartition("/")
        if name == NAME:
            out.setdefault(folder.rpartition("/")[0], []).append(key)
    return out


# The mark of a fleet in its storage, so that no two fleets use the same storage.

_MARK = "fleet.json"


def mark_storage(storage: ShardStorage, fleet_id: str) -> None:
    """Marks a storage as belonging to a fleet, by writing the fleet's ID to `fleet.json`, unless it is marked already.
    Raises ForeignFleet if the storage belongs to another fleet, and StorageRefused.
    """
    if _read_mark(storage) is None:
        data = json.dumps({"fleet": fleet_id, "layout": LAYOUT}).encode()
        storage.put(_MARK, io.BytesIO(data), len(data))
    check_storage(storage, fleet_id)


def check_storage(storage: ShardStorage, fleet_id: str) -> None:
    """Checks that a storage belongs to this fleet and can be written. Raises ForeignFleet, StorageRefused."""
    owner = storage_owner(storage)
    if owner != fleet_id:
        raise ForeignFleet(storage.url)
    probe_storage(storage)


def probe_storage(storage: ShardStorage) -> None:
    """Checks that a storage can be written, by writing and deleting an object. Raises StorageRefused."""
    key = f".probe-{uuid.uuid4()}"
    storage.put(key, io.BytesIO(b"ok"), 2)
    storage.delete([key])


def storage_owner(storage: ShardStorage) -> str:
    """Returns the ID of the fleet to which a storage belongs. Raises StorageRefused if the storage has no
    fleet.json.
    """
    owner = _read_mark(storage)
    if owner is None:
        raise StorageRefused(storage.url, "it belongs to no fleet: fleet.json is missing")
    return owner


def _read_mark(storage: ShardStorage) -> str | None:
    data = storage.read(_MARK)
    if data is None:
        return None
    try:
        return str(json.loads(data)["fleet"])
    except (ValueError, KeyError, TypeError) as error:
        raise StorageRefused(storage.url, "its fleet.json is damaged") from error
