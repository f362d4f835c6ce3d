"""The shards of a storage into one archive: each is fetched, merged and noted, so that it is fetched again only when it
has changed. Nothing but the storage is needed; it is only read."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlite_utils import Database

from archiver.capture.index import index_of
from archiver.fleet.manifest import Manifest, newest_manifests, read_manifest, shard_folder
from archiver.fleet.refusals import ShardDamaged
from archiver.fleet.shard import ARCHIVE, is_left_clean, left_clean, restore
from archiver.fleet.storage import Storage
from archiver.store.merging.run import Merged, merge

Told = Callable[[str, int, int], None]


@dataclass
class Collected:
    """What came of the shards: `merged` by site, `known` had not changed, `unfinished` are sites that are being crawled
    or whose worker died, `damaged` what is wrong with others."""

    merged: dict[str, Merged] = field(default_factory=dict)
    known: int = 0
    unfinished: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


@dataclass
class Fetched:
    """The same of shards that were not merged: `fetched` are archives by site."""

    fetched: dict[str, str] = field(default_factory=dict)
    known: int = 0
    unfinished: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def shards(storage: Storage) -> Iterator[Manifest]:
    """The current state of each shard. One that is being replaced while it is read is looked up again."""
    for folder, keys in sorted(newest_manifests(storage.keys("shards")).items()):
        found = _first(storage, keys) or _first(storage, newest_manifests(storage.keys(folder)).get(folder, []))
        if found:
            yield found


def _first(storage: Storage, keys: list[str]) -> Manifest | None:
    for key in keys:
        if data := storage.read(key):
            try:
                return read_manifest(data)
            except ValueError:  # torn: its writer died, and what it wrote before holds
                continue
    return None


def is_finished(manifest: Manifest) -> bool:
    """Whether no crawl was under way: all of its WARC files have their index."""
    names = {file.name for file in manifest.files}
    return all(str(index_of(Path(name))) in names for name in names if name.endswith(".warc.gz"))


def collect(db: Database, archive: Path, storage: Storage, *, unfinished: bool = False,
            told: Told = lambda what, done, of: None) -> Collected:
    """Merge what is new into `archive`, open as `db`, which nobody else writes. A site that is being crawled comes with
    a later call, but with `unfinished`: its WARC file of now would be there twice when it has grown.

    Stopped or killed, the next call goes on. Raises StorageRefused, and what a merge does.
    """
    out, notes = Collected(), _Notes(archive)
    states = list(shards(storage))
    for number, state in enumerate(states):
        told("shards", number, len(states))
        if notes.have(state):
            out.known += 1
        elif not unfinished and not is_finished(state):
            out.unfinished.append(state.site)
        else:
            with tempfile.TemporaryDirectory(prefix=".collect-", dir=archive.parent) as folder:
                try:
                    restore(storage, Path(folder), state)
                except ShardDamaged as error:
                    out.damaged.append(str(error))
                    continue
                out.merged[state.site] = merge(db, archive, Path(folder) / ARCHIVE)
            notes.add(state)
    told("shards", len(states), len(states))
    return out


def fetch(storage: Storage, into: Path, *, unfinished: bool = False,
          told: Told = lambda what, done, of: None) -> Fetched:
    """Each shard into a folder of its own below `into`, unmerged; those that are there as they are now stay. Raises
    StorageRefused, OSError."""
    out = Fetched()
    states = list(shards(storage))
    for number, state in enumerate(states):
        told("shards", number, len(states))
        folder = into / shard_folder(state.site).rpartition("/")[2]
        if is_left_clean(folder, state):
            out.known += 1
        elif not unfinished and not is_finished(state):
            out.unfinished.append(state.site)
        else:
            try:
                restore(storage, folder, state)
            except ShardDamaged as error:
                out.damaged.append(str(error))
                continue
            left_clean(folder, state)
            out.fetched[state.site] = str(folder / ARCHIVE)
    told("shards", len(states), len(states))
    return out


class _Notes:
    """Which state of each shard an archive has, in a file beside it. Without it all are merged once more, to no effect.
    """

    def __init__(self, archive: Path) -> None:
        self._file = archive.with_name(f".{archive.name}.shards.json")
        try:
            self._have: dict[str, str] = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._have = {}

    def have(self, state: Manifest) -> bool:
        return self._have.get(state.site) == f"{state.key} {state.made_at}"

    def add(self, state: Manifest) -> None:
        self._have[state.site] = f"{state.key} {state.made_at}"
        new = self._file.with_name(f"{self._file.name}.new")
        new.write_text(json.dumps(self._have, ensure_ascii=False, indent=1), encoding="utf-8")
        new.replace(self._file)
