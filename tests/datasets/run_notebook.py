"""Run a notebook in the environment of the validators and print it with its outputs as JSON.

.venv/validators/bin/python tests/datasets/run_notebook.py NOTEBOOK
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def main() -> None:
    warnings.simplefilter("ignore")
    notebook = nbformat.read(Path(sys.argv[1]), as_version=4)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    print(
        json.dumps(
            [
                [output.get("text") or output.get("data", {}) for output in cell.get("outputs", [])]
                for cell in notebook.cells
                if cell.cell_type == "code"
            ]
        )
    )


if __name__ == "__main__":
    main()
