"""What is said of a snapshot: one file each, all made of the same facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archiver.publish.describe import changes, citation
from archiver.publish.describe.about import File, listed
from archiver.publish.describe.about import about as named
from archiver.publish.describe.card import card
from archiver.publish.describe.croissant import croissant
from archiver.publish.describe.datapackage import datapackage
from archiver.publish.describe.plots import plots
from archiver.publish.describe.ro_crate import ro_crate
from archiver.publish.snapshot.facts import Facts


def describe(folder: Path, facts: Facts, software: str, previous: Path | None, since: str
             ) -> list[File]:
    """Write every description into the folder; `previous` is that of the version `since`, None where it
    is not at hand. All files that are in it then. Raises OSError."""
    about = named(facts)
    cited = citation.line(facts, about)
    (folder / "plots").mkdir()
    for name, drawing in plots(facts).items():
        _write(folder / name, drawing)
    compared = changes.compare(folder, facts, previous, since) if previous else None
    _write(folder / "CHANGES.md", changes.text(facts, compared, since))
    _write(folder / "CITATION.cff", citation.cff(facts, about))
    files = listed(folder)
    size = sum(file.bytes for file in files if file.path.startswith("data/"))
    _json(folder / "datacite.json", citation.datacite(facts, about, size))
    _json(folder / "datapackage.json", datapackage(facts, about, files, software))
    _json(folder / "croissant.json", croissant(facts, about, files, cited))
    files = listed(folder, files)
    _write(folder / "README.md", card(facts, about, files, cited))
    files = listed(folder, files)
    _json(folder / "ro-crate-metadata.json", ro_crate(facts, about, files, software, cited))
    return listed(folder, files)


def _json(file: Path, told: dict[str, Any]) -> None:
    _write(file, json.dumps(told, indent=2, ensure_ascii=False) + "\n")


def _write(file: Path, text: str) -> None:
    file.write_bytes(text.encode("utf-8", "replace"))
