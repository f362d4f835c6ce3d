"""Check datasets with third-party validators and readers in their own environment (tests/datasets/validators.lock).

Prints the results as JSON. Nothing is downloaded. All checks run in one process, because importing the validators takes
longer than running them.

    .venv/validators/bin/python tests/datasets/validate.py FOLDER=CHECK,CHECK ...
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

for offline in (
    "HF_HUB_OFFLINE",
    "HF_DATASETS_OFFLINE",
    "HF_HUB_DISABLE_TELEMETRY",
    "HF_DATASETS_DISABLE_PROGRESS_BARS",
):
    os.environ[offline] = "1"


def croissant(folder: Path) -> Any:
    import mlcroissant

    dataset = mlcroissant.Dataset(str(folder / "croissant.json"))
    issues = dataset.metadata.ctx.issues
    return {
        "errors": sorted(issues.errors),
        "warnings": sorted(issues.warnings),
        "conforms": str(dataset.metadata.conforms_to),
        "records": {one.uuid: sum(1 for _ in dataset.records(one.uuid)) for one in dataset.metadata.record_sets},
    }


def citation(folder: Path) -> Any:
    from cffconvert import Citation

    cited = Citation((folder / "CITATION.cff").read_text(encoding="utf-8"))
    cited.validate()
    return {"apa": cited.as_apalike(), "bibtex": cited.as_bibtex()}


def datacite(folder: Path) -> Any:
    from datacite import schema45

    record = json.loads((folder / "datacite.json").read_text(encoding="utf-8"))
    return [error.message for error in schema45.validator.iter_errors(record)]


def datasets(folder: Path) -> Any:
    """Count the rows of each configuration; those of a table without rows as a stream, as the card says."""
    from datasets import get_dataset_config_names, load_dataset

    with tempfile.TemporaryDirectory() as cache:
        counts = {}
        for name in get_dataset_config_names(str(folder)):
            try:
                counts[name] = sum(load_dataset(str(folder), name, cache_dir=cache).num_rows.values())
            except ValueError:
                streams = load_dataset(str(folder), name, cache_dir=cache, streaming=True)
                assert all(stream.features for stream in streams.values())
                counts[name] = sum(1 for stream in streams.values() for _ in stream)
    return counts


def readers(folder: Path) -> Any:
    """Count the rows of articles with each reader."""
    import duckdb
    import pandas
    import polars

    data = folder / "data"
    files = sorted(map(str, (data / "articles").glob("*.parquet"))) or [str(data / "articles.parquet")]
    return {
        "pandas": sum(len(pandas.read_parquet(file)) for file in files),
        "polars": len(polars.read_parquet(files)),
        "duckdb": duckdb.read_parquet(files).aggregate("count(*)").fetchall()[0][0],
    }


CHECKS = {check.__name__: check for check in (croissant, citation, datacite, datasets, readers)}


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable()
    out: dict[str, Any] = {}
    for word in sys.argv[1:]:
        place, _, names = word.partition("=")
        folder = Path(place)
        out[folder.name] = {}
        for name in names.split(","):
            try:
                out[folder.name][name] = CHECKS[name](folder)
            except Exception as error:
                out[folder.name][name] = {"raised": f"{type(error).__name__}: {error}"}
    print(json.dumps(out))


if __name__ == "__main__":
    main()
