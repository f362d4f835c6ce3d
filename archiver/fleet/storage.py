"""Where shards are kept: a folder, or a bucket of an object storage, by fsspec. Secrets come from the environment."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from archiver.capture.index import sync_folder
from archiver.errors import ExtraMissing
from archiver.fleet.refusals import StorageRefused

_CHUNK = 1 << 20
_PACKAGES = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs",
             "http": "aiohttp", "https": "aiohttp"}


class Storage:
    """Objects by keys ("shards/x/manifest.json") below a URL (s3://bucket/folder) or a folder.

    An object is written once, under a key that nobody else uses, and never changed. Raises StorageRefused.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        shown = without_password(url)
        if shown != url:
            raise StorageRefused(shown, "its address holds a password, which others would see; give it in the "
                                        "environment")
        try:
            import fsspec
        except ImportError as error:
            raise ExtraMissing("A fleet", "fleet") from error
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            package = _PACKAGES.get(url.partition("://")[0], "")
            raise StorageRefused(url, f"it needs the package {package}: pip install {package}" if package
                                 else str(error)) from error
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
        return sorted(str(name).lstrip("/")[len(root) + 1:] for name in found)

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
