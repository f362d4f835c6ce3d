"""What is said of a snapshot: one file each, all made of the same facts."""

from __future__ import annotations

from pathlib import Path

from archiver.publish.snapshot.facts import Facts


def describe(folder: Path, facts: Facts, software: str, previous: Path | None) -> None:
    """Write every description into the folder. Raises OSError."""
