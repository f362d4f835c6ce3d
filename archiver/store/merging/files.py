"""Which WARC files of another archive this one needs, and under which names it has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from sqlite_utils import Database

from archiver.capture.bring import bring, content_digest, finish
from archiver.capture.index import index_of

Told = Callable[[str, int, int], None]


def bring_files(db: Database, theirs: Database, folder: Path, other: Path, told: Told
                ) -> tuple[dict[str, str], list[str]]:
    """Bring the WARC files of `other` (the other archive's folder) into `folder`: the name here of each that has
    something new, and the names there of those that cannot be had.

    A file whose captures are all known is not needed. One that is here already, by whatever name, is known by its
    bytes. Raises OSError where the disk refuses.
    """
    names: dict[str, str] = {}
    lost: list[str] = []
    sizes: dict[int, list[Path]] = defaultdict(list)
    for file in sorted((folder / "warc").glob("*.warc.gz")):
        sizes[file.stat().st_size].append(file)
    wanted = sorted({row[0] for row in theirs.execute("select distinct warc_file from captures")} | {
        f"warc/{file.name}" for file in (other / "warc").glob("*.warc.gz")})
    for number, name in enumerate(wanted):
        told("WARC files", number, len(wanted))
        if not _has_news(db, theirs, name):
            continue
        source = other / name
        if Path(name).is_absolute() or ".." in Path(name).parts or not source.is_file():
            lost.append(name)
            continue
        own = _same(source, sizes[source.stat().st_size])
        if own is None:
            own = bring(source, folder / "warc")
            if not own.exists():  # no whole record was in it
                continue
            sizes[own.stat().st_size].append(own)
        elif not index_of(own).exists():
            finish(own, index_of(source))
        names[name] = f"warc/{own.name}"
    return names, lost


def _has_news(db: Database, theirs: Database, name: str) -> bool:
    """Whether a file has a capture that is not known here, or none that any row points to."""
    rows = 0
    for row in theirs.execute("select url, captured_at, digest from captures where warc_file = ?", [name]):
        rows += 1
        if db.execute("select 1 from captures where url = ? and captured_at = ? and +digest is ?", row
                      ).fetchone() is None:
            return True
    return rows == 0


def _same(source: Path, candidates: list[Path]) -> Path | None:
    if not candidates:
        return None
    digest = content_digest(source)
    return next((file for file in candidates if content_digest(file) == digest), None)
