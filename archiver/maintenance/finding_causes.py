"""Groups the findings of `archiver verify` by their cause: a damaged database, a damaged WARC file, a deleted row. The
remedy of a cause names an undamaged backup and the command that restores it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from archiver.errors import ArchiverError
from archiver.maintenance.backups.generations import Generation, find_generations
from archiver.maintenance.verify_captures import find_flaws
from archiver.maintenance.verify_database import VerifyFinding, counted_noun
from archiver.storage.connection import opened
from archiver.storage.integrity_records import (
    DATABASE,
    TABLE_UNIT,
    BackupRecord,
    Damage,
    has_integrity_records,
    read_backups,
)

_DAMAGED = "database-damaged"
_GROUPED = {
    "row-dangling": "rows that are missing",
    "cluster-differs": "clusters",
    "sketch-missing": "near-duplicate index",
    "counts-differ": "page counts",
    "index-lacks": "full-text index",
    "index-strange": "full-text index",
    "index-differs": "full-text index",
    "record-unknown": "rows that are missing",
}
"""Kinds of findings that have one cause, with the subject of that cause."""
_SEARCH_INDEX = "search-index-"


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause of findings. The first fields are the fields of its main finding; `consequences` are the other findings
    that it explains.
    """

    kind: str
    subject: str
    sentence: str
    remedy: str
    unit: str = ""
    mend: str = ""
    consequences: tuple[VerifyFinding, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def as_damage(self) -> Damage:
        """Converts the cause to a Damage, the type that the archive stores."""
        return Damage(self.unit, self.kind, self.subject, self.sentence, self.remedy)


def group_by_cause(findings: Iterable[VerifyFinding]) -> list[Cause]:
    """Returns the causes of these findings, in the order of their first findings.

    If the database file is damaged, this is the cause of all findings about its rows and indexes. All flaws of a WARC
    file have one cause.
    """
    all_findings = list(findings)
    is_damaged = any(finding.kind == _DAMAGED for finding in all_findings)
    groups: dict[str, list[VerifyFinding]] = {}
    for number, finding in enumerate(all_findings):
        groups.setdefault(_cause_key(finding, number, is_damaged), []).append(finding)
    return [_make_cause(key, group) for key, group in groups.items()]


def _cause_key(finding: VerifyFinding, number: int, is_damaged: bool) -> str:
    """Returns a key that findings with one cause share. If a finding is its own cause, its key is its `number`."""
    if finding.unit.startswith("warc/"):
        return finding.unit
    if is_damaged and finding.kind not in _NO_CONSEQUENCES:
        return DATABASE
    if finding.kind.startswith(_SEARCH_INDEX):
        return _SEARCH_INDEX
    return _GROUPED.get(finding.kind, str(number))


_NO_CONSEQUENCES = ("removal-unfinished", "file-unknown", "index-alone", "path-strange", "check-impossible")
"""Kinds of findings that no damage to the database explains."""


def _make_cause(key: str, group: Sequence[VerifyFinding]) -> Cause:
    damaged = [one for one in group if one.kind == _DAMAGED]
    tables = [one for one in damaged if one.unit.startswith(TABLE_UNIT)]
    main = next((one for one in tables if not one.mend), (tables or damaged or group)[0])
    rest = tuple(one for one in group if one is not main)
    if key != DATABASE:
        return Cause(main.kind, main.subject, main.sentence, main.remedy, main.unit, main.mend, rest)
    subject = main.subject if len(tables) == 1 else DATABASE
    more = f", and in {counted_noun(len(tables) - 1, 'more table')}" if len(tables) > 1 else ""
    mend = main.mend if all(one.mend for one in tables) else ""
    return Cause(main.kind, subject, f"{main.sentence}{more}", main.remedy, DATABASE, mend, rest)


# Finding an undamaged backup.


def name_whole_backups(archive: Path, causes: Iterable[Cause]) -> list[Cause]:
    """Returns the causes with their remedies. If the database or a WARC file is damaged and a recorded backup is
    undamaged, the remedy names this backup. If a backup's folder cannot be read, the remedy says so.
    """
    found = list(causes)
    if not any(_is_restorable(one) for one in found):
        return found
    records = _read_records(archive)
    whole = _find_whole_databases(records) if any(one.unit == DATABASE for one in found) else {}
    return [
        replace(one, remedy=_remedy(archive, one, records, whole)) if records and _is_restorable(one) else one
        for one in found
    ]


_RESTORABLE = (
    _DAMAGED,
    "file-missing",
    "file-torn",
    "file-damaged",
    "file-unreadable",
    "file-exchanged",
    "capture-damaged",
    "record-damaged",
    "frame-altered",
)


def _is_restorable(cause: Cause) -> bool:
    return cause.kind in _RESTORABLE and not cause.mend


def _read_records(archive: Path) -> list[BackupRecord]:
    with suppress(ArchiverError, sqlite3.Error), opened(archive, read_only=True, to_copy=True) as db:
        if has_integrity_records(db):
            return [one for one in read_backups(db) if one.made_at]
    return []


def _find_whole_databases(records: Iterable[BackupRecord]) -> dict[str, Generation | None]:
    """Returns, by the path of each backup, its newest undamaged generation; None if it has none."""
    return {
        one.path: next((made for made in find_generations(Path(one.path)) if not made.damage), None) for one in records
    }


def _remedy(archive: Path, cause: Cause, records: Sequence[BackupRecord], whole: dict[str, Generation | None]) -> str:
    away, worthless = [], []
    for record in records:
        file = Path(record.path)
        if not file.exists():
            away.append(f"{record.path} ({record.made_at:%Y-%m-%d})")
        elif cause.unit == DATABASE:
            if made := whole[record.path]:
                return (
                    f"The backup {made.path} of {made.made_at:%Y-%m-%d %H:%M} UTC is undamaged: 'archiver restore "
                    f"{made.path} --archive {archive}' puts it in the archive's place."
                )
            worthless.append(record.path)
        elif is_whole_in(archive, file.parent, cause.unit):
            return (
                f"The archive's file is {'missing' if cause.kind == 'file-missing' else 'damaged'}, but the backup's "
                f"is undamaged: put it back with 'archiver restore {file} {cause.unit} --archive {archive}'."
            )
        else:
            worthless.append(record.path)
    parts = [cause.remedy]
    if worthless:
        parts.append(f"The backup in {', '.join(worthless)} has no undamaged copy of it.")
    if away:
        parts.append(f"A backup that cannot be read now may have an undamaged copy: {', '.join(away)}.")
    return " ".join(parts)


def is_whole_in(archive: Path, folder: Path, name: str) -> bool:
    """Returns True if a WARC file below `folder` matches its rows of `captures` in the archive."""
    if not (folder / name).is_file():
        return False
    try:
        with opened(archive, read_only=True, to_copy=True) as db:
            return not find_flaws(db, folder, name, may_be_earlier=True)
    except (ArchiverError, sqlite3.Error):
        return False
