"""Where shards are kept: a folder, or a bucket of an object storage, by fsspec. Secrets come from the environment."""

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

from archiver.errors import ExtraMissing, OtherFleet, StorageRefused
from archiver.warc.writer import sync_folder

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
    """Objects by keys ("shards/x/manifest.json") below a URL (s3://bucket/folder) or a folder.

    An object is written once, under a key that nobody else uses, and never changed. Raises StorageRefused.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        shown = without_password(url)
        if shown != url:
            raise StorageRefused(
                shown, "its address holds a password, which others would see; give it in the environment"
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
        except Exception as error:  # some ask their server here, and each has errors of its own
            raise self._refused(error) from error
        self._root = self._root.rstrip("/")
        self._is_folder = "file" in ([self._fs.protocol] if isinstance(self._fs.protocol, str) else self._fs.protocol)

    def put(self, key: str, source: BinaryIO, length: int) -> str:
        """Store `length` bytes of a file from where it stands; their SHA-256. On a disk they are on it then."""
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
        """Write an object's bytes to a file; how many, and their SHA-256."""
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
        """A small object; None where there is none."""
        try:
            data: bytes = self._fs.cat_file(f"{self._root}/{key}")
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._refused(error) from error
        return data

    def kind(self, key: str) -> str:
        """ "file", "directory", or "" where there is nothing of this key."""
        try:
            self._fs.invalidate_cache()
            return str(self._fs.info(f"{self._root}/{key}")["type"])
        except FileNotFoundError:
            return ""
        except Exception as error:
            raise self._refused(error) from error

    def local(self, key: str) -> Path | None:
        """The file of an object where the storage is a folder on this machine."""
        return Path(f"{self._root}/{key}") if self._is_folder else None

    def keys(self, prefix: str) -> list[str]:
        """The keys of all objects below a folder, sorted."""
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
        """Take objects out; those that are gone already are no mistake."""
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


def without_password(url: str) -> str:
    """An address as it may be shown (RFC 3986, section 3.2.1)."""
    head, sign, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    name, colon, _ = user.partition(":")
    return f"{head}{sign}{name}:***@{host}" if sign and at and colon and "/" not in name else url


def _copy(source: BinaryIO, into: Any, length: int, digest: Any) -> None:
    left = length
    while left:
        data = source.read(min(_CHUNK, left))
        if not data:
            raise OSError(f"the file is {left:,} bytes shorter than it was")
        into.write(data)
        digest.update(data)
        left -= len(data)


# What a shard consists of at one moment: a list of files, each put together of objects in the storage.

LAYOUT = 1
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class ObjectPart:
    """An object: `bytes` of it, and their SHA-256 in hex."""

    key: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A file of the shard by its name beside the archive ("warc/x.warc.gz"): its parts, one behind the other."""

    name: str
    parts: tuple[ObjectPart, ...]
    packed: bool = False

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One state of a shard. `token` is the fencing token of the worker that wrote it, `checkpoint` counts its own."""

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
        """Every object that it needs, itself among them."""
        return {self.key} | {part.key for file in self.files for part in file.parts}

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def file(self, name: str) -> ShardFile | None:
        return next((file for file in self.files if file.name == name), None)

    def to_json(self) -> str:
        return json.dumps({"layout": LAYOUT, **asdict(self)}, ensure_ascii=False, indent=1)


def read_manifest(data: str | bytes) -> Manifest:
    """Raises ValueError for what is none, or is torn."""
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
        raise ValueError(f"it is no manifest ({error})") from error


def shard_folder(site: str) -> str:
    """The folder of a site's shard in the storage; two names that differ in signs only have two."""
    return f"shards/{slugify(site)}-{blake2b(site.encode(), digest_size=4).hexdigest()}"


def newest_manifests(keys: Iterable[str]) -> dict[str, list[str]]:
    """Of all keys of a storage the manifests of each shard's folder, the newest first: highest token, then highest
    checkpoint."""
    out: dict[str, list[str]] = {}
    for key in sorted(keys, reverse=True):
        folder, _, name = key.rpartition("/")
        if name == NAME:
            out.setdefault(folder.rpartition("/")[0], []).append(key)
    return out


# The mark of a fleet in its storage: two fleets never write into one place, and none begins where it cannot write.

_MARK = "fleet.json"


def mark_storage(storage: ShardStorage, fleet_id: str) -> None:
    """Enter the fleet where none is entered. Raises OtherFleet, StorageRefused."""
    if _found(storage) is None:
        data = json.dumps({"fleet": fleet_id, "layout": LAYOUT}).encode()
        storage.put(_MARK, io.BytesIO(data), len(data))
    check_storage(storage, fleet_id)


def check_storage(storage: ShardStorage, fleet_id: str) -> None:
    """That this is the fleet's storage, and can be written. Raises OtherFleet, StorageRefused."""
    found = storage_owner(storage)
    if found != fleet_id:
        raise OtherFleet(storage.url)
    probe_storage(storage)


def probe_storage(storage: ShardStorage) -> None:
    """That it can be written. Raises StorageRefused."""
    key = f".probe-{uuid.uuid4()}"
    storage.put(key, io.BytesIO(b"ok"), 2)
    storage.delete([key])


def storage_owner(storage: ShardStorage) -> str:
    """Whose storage it is. Raises StorageRefused where there are no shards of any fleet."""
    found = _found(storage)
    if found is None:
        raise StorageRefused(storage.url, "it is no fleet's: there is no fleet.json")
    return found


def _found(storage: ShardStorage) -> str | None:
    data = storage.read(_MARK)
    if data is None:
        return None
    try:
        return str(json.loads(data)["fleet"])
    except (ValueError, KeyError, TypeError) as error:
        raise StorageRefused(storage.url, "its fleet.json is damaged") from error
