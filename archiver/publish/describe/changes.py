"""CHANGES.md: which articles were added, changed and withdrawn since the version before, by their identifiers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from archiver.publish.formats.columns import arrow
from archiver.publish.refusals import NotASnapshot
from archiver.publish.snapshot.facts import Facts
from archiver.publish.snapshot.read import read, table_files
from archiver.publish.snapshot.tables import ARTICLES

_COMPARED = ("id", "revision", "content_digest", "tier", "split")
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
    """Compare a snapshot with that of the version before, by identifier, content and tier. Raises NotASnapshot."""
    reasons = _withdrawn(folder, facts)
    with closing(sqlite3.connect("")) as db:  # on the disk, where a million articles are too many for memory
        for name, place in (("before", previous), ("now", folder)):
            db.execute(f"create table {name} (id text primary key, said text, split text) without rowid")
            db.executemany(f"insert or replace into {name} values (?, ?, ?)", _rows(place))

        def ids(query: str) -> list[str]:
            return [row[0] for row in db.execute(f"{query} order by 1")]

        lost = ids("select id from before where id not in (select id from now)")
        return Changes(
            since, ids("select id from now where id not in (select id from before)"),
            ids("select id from now join before using (id) where now.said <> before.said"),
            [(one, reasons[one]) for one in lost if one in reasons], [one for one in lost if one not in reasons],
            ids("select id from now join before using (id) where now.split is not before.split"))


def _rows(folder: Path) -> Iterator[tuple[str, str, str]]:
    pa, _ = arrow()
    try:
        for row in read(table_files(folder, ARTICLES), _COMPARED):
            yield row["id"], f"{row['revision']} {row['content_digest']} {row['tier']}", row["split"]
    except (pa.ArrowException, OSError, KeyError) as error:
        why = " ".join(str(error).split())[:120]
        raise NotASnapshot(str(folder), f"its table of articles cannot be read: {why}") from error


def _withdrawn(folder: Path, facts: Facts) -> dict[str, str]:
    files = [folder / name for name in facts.files.get("withdrawn", ())]
    return {row["id"]: row["reason"] for row in read(files, ("id", "reason"))}


def text(facts: Facts, changes: Changes | None, since: str = "") -> str:
    """`since` is the version before; `changes` is None where there is none, or it was not at hand."""
    version = facts.request.version
    if changes is None and since:
        return (f"# Changes\n\n## {version} ({facts.day}), since {since}\n\nThis build did not have version {since} to "
                "compare with; the one that was published first tells what changed.\n")
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
