"""`python -m release [DIR]`: write the release of this version into DIR (dist/)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from release import NotReleasable
from release.write import write_release

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m release",
        description=(
            "Write wheel, source archive, CHANGES.md, bill of materials (CycloneDX) and SHA256SUMS. The same commit "
            "makes the same bytes. It does not use the network and publishes nothing."
        ),
        epilog="Example: python -m release dist",
    )
    parser.add_argument(
        "folder", metavar="DIR", nargs="?", default="dist", type=Path, help="an empty or new folder (default: dist)"
    )
    parser.add_argument(
        "--trial",
        action="store_true",
        help="include uncommitted files and the changes that have no version yet",
    )
    options = parser.parse_args()
    try:
        for file in write_release(ROOT, options.folder, trial=options.trial):
            print(file)
    except NotReleasable as error:
        print(error, file=sys.stderr)
        sys.exit(1)


main()
