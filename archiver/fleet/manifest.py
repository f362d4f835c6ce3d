"""What a shard consists of at one moment: a list of files, each put together of objects in the storage."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

from slugify import slugify

LAYOUT = 1
NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Part:
    """An object: `bytes` of it, and their SHA-256 in hex."""

    key: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class File:
    """A file of the shard by its name beside the archive ("warc/x.warc.gz"): its parts, one behind the other."""

    name: str
    parts: tuple[Part, ...]
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
    files: tuple[File, ...]

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

    def file(self, name: str) -> File | None:
        return next((file for file in self.files if file.name == name), None)

    def to_json(self) -> str:
        return json.dumps({"layout": LAYOUT, **asdict(self)}, ensure_ascii=False, indent=1)


def read_manifest(data: str | bytes) -> Manifest:
    """Raises ValueError for what is none, or is torn."""
    try:
        row: dict[str, Any] = json.loads(data)
        if row.pop("layout") != LAYOUT:
            raise ValueError("it was written by another version")
        files = tuple(File(f["name"], tuple(Part(**part) for part in f["parts"]), f["packed"])
                      for f in row.pop("files"))
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
