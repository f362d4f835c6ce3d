"""Load datasets with archiver.dataset and with the code of the documentation, and print what it returned as JSON.

Runs in the program's environment, and takes pandas, Polars, DuckDB and the others from that of the validators.

    .venv/bin/python tests/datasets/run_loading.py VALIDATORS_SITE_PACKAGES FOLDER ...
"""

from __future__ import annotations

import ast
import doctest
import json
import os
import re
import sys
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

for offline in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
    os.environ[offline] = "1"
sys.path.append(sys.argv[1])

import archiver  # noqa: E402

BEFORE = set(sys.modules)
PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"


def documented() -> list[str]:
    """Return the blocks of Python of the section "Loading it"."""
    section = PAGE.read_text(encoding="utf-8").partition("## Loading it")[2].partition("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def run_documented() -> list[list[Any]]:
    """Run the code of the documentation. Return each expression with the type and the number of rows of its value."""
    names: dict[str, Any] = {}
    out = []
    for node in ast.parse("\n".join(documented())).body:
        code = ast.unparse(node)
        if isinstance(node, ast.Expr):
            value = eval(code, names)
            out.append([code, type(value).__module__.partition(".")[0].lstrip("_"), count(value)])
        else:
            exec(code, names)
    return out


def count(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    return len(value) if hasattr(value, "__len__") else sum(1 for _ in value)


def tables(folder: Path) -> dict[str, Any]:
    """Return the rows, columns and types of each table, as each library reads it."""
    out: dict[str, Any] = {}
    for name, table in archiver.dataset.load(folder).items():
        frame, arrow = table.to_pandas(), table.to_arrow()
        out[name] = {
            "rows": {
                "count": table.count,
                "arrow": arrow.num_rows,
                "pandas": len(frame),
                "polars": table.to_polars().height,
            },
            "columns": {
                "arrow": arrow.column_names,
                "pandas": list(frame.columns),
                "polars": table.to_polars().columns,
            },
            "types": [str(kind) for kind in arrow.schema.types],
            "splits": {split: table[split].count for split in table.splits},
        }
    return out


def main() -> None:
    warnings.simplefilter("ignore")
    out: dict[str, Any] = {"imported": sorted(BEFORE & {"pyarrow", "pandas", "polars", "sqlite_utils"})}
    shown = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    finder, module = doctest.DocTestFinder(), archiver.dataset
    cached = [one.func for one in vars(module.Table).values() if isinstance(one, cached_property)]
    for test in finder.find(module) + [test for one in cached for test in finder.find(one, globs=vars(module).copy())]:
        shown.run(test, out=report.append)
    out["doctest"] = {"tried": shown.summarize(verbose=False).attempted, "report": "".join(report)}
    out["documented"] = run_documented()
    out["tables"] = {folder: tables(Path(folder)) for folder in sys.argv[2:]}
    print(json.dumps(out, default=str))


if __name__ == "__main__":
    main()
