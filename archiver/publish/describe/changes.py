"""CHANGES.md: which articles were added, changed and withdrawn since the version before, by their identifiers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archiver.publish.formats.columns import arrow
from archiver.publish.snapshot.facts import Facts

_LISTED = 1_000
"""So many identifiers of a kind are listed; all are in the tables of the two versions."""


@dataclass(frozen=True, slots=True)
class Changes:
    """`gone` are no longer in the dataset and were not withdrawn: the query, the rules or the archive changed. `moved`
    are in another split, as when clusters prove to be one."""

    since: str
    added: list[str]
    changed: list[str]
    withdrawn: list[tuple[str, str]]
    gone: list[str]
    moved: list[str]


def compare(folder: Path, facts: Facts, previous: Path, since: str) -> Changes:
    """Compare a snapshot with that of the version before, by identifier, content and tier."""
    before, now = _state(previous), _state(folder)
    reasons = _withdrawn(folder, facts)
    lost = sorted(set(before) - set(now))
    both = sorted(set(before) & set(now))
    return Changes(
        since, sorted(set(now) - set(before)), [one for one in both if before[one][:2] != now[one][:2]],
        [(one, reasons[one]) for one in lost if one in reasons], [one for one in lost if one not in reasons],
        [one for one in both if before[one][2] != now[one][2]])


def _state(folder: Path) -> dict[str, tuple[str, str, str | None]]:
    return {row["id"]: (f"{row['revision']} {row['content_digest']}", row["tier"], row["split"])
            for row in _rows(_files(folder), ["id", "revision", "content_digest", "tier", "split"])}


def _files(folder: Path) -> list[Path]:
    whole = folder / "data" / "articles.parquet"
    return [whole] if whole.exists() else sorted((folder / "data" / "articles").glob("*.parquet"))


def _rows(files: Iterable[Path], columns: list[str]) -> Iterator[dict[str, Any]]:
    _, pq = arrow()
    for file in files:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(columns=columns):
                yield from batch.to_pylist()


def _withdrawn(folder: Path, facts: Facts) -> dict[str, str]:
    files = [folder / name for name in facts.files.get("withdrawn", ())]
    return {row["id"]: row["reason"] for row in _rows(files, ["id", "reason"])}


def text(facts: Facts, changes: Changes | None) -> str:
    version = facts.request.version
    if changes is None:
        return f"# Changes\n\n## {version} ({facts.day})\n\nThe first version that is told of here.\n"
    parts = [f"# Changes\n\n## {version} ({facts.day}), since {changes.since}\n"]
    for title, found in (("Added", changes.added), ("Changed", changes.changed),
                         ("Withdrawn", [f"{name}: {reason}" for name, reason in changes.withdrawn]),
                         ("No longer in it", changes.gone), ("In another split", changes.moved)):
        parts.append(f"### {title}: {len(found):,}\n")
        if found:
            parts.append("".join(f"- {one}\n" for one in found[:_LISTED]))
        if len(found) > _LISTED:
            parts.append(f"- and {len(found) - _LISTED:,} more\n")
    return "\n".join(parts)
