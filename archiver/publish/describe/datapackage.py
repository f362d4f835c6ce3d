"""datapackage.json: Data Package v2 (https://datapackage.org/standard/data-package/), a resource for each table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archiver.publish.describe.about import About, File, tables
from archiver.publish.licences import spdx
from archiver.publish.snapshot.facts import Facts
from archiver.publish.snapshot.tables import Table

_PROFILE = "https://datapackage.org/profiles/2.0"
_TYPES = {"text": "string", "integer": "integer", "number": "number", "texts": "array"}


def datapackage(facts: Facts, about: About, files: Iterable[File], software: str) -> dict[str, Any]:
    by_path = {file.path: file for file in files}
    resources = []
    for table in tables(facts):
        resources += [_parquet(table, by_path[path], number) for number, path in enumerate(facts.files[table.name])]
        for form in ("csv", "jsonl"):
            if file := by_path.get(f"data/{table.name}.{form}.gz"):
                resources.append(_text(table, file, form))
    resources += [_file("places-geojson", file, "geojson")
                  for path, file in by_path.items() if path.endswith(".geojson")]
    return {
        "$schema": f"{_PROFILE}/datapackage.json", "name": about.name, "id": about.identifier, "title": about.title,
        "description": about.description, "version": facts.request.version, "created": f"{facts.cutoff}Z",
        "licenses": [_licence(one) for one in about.licences], "keywords": list(about.keywords),
        "contributors": [{"title": one["name"], "roles": ["creator"]} for one in about.creators],
        "sources": [{"title": site, "path": f"https://{site}/"} for site in sorted(facts.sites)],
        "software": software, "resources": resources}


def _licence(licence: str) -> dict[str, str]:
    name = spdx(licence)
    return {"name": name, "path": licence} if name else {"path": licence, "title": licence}


def _parquet(table: Table, file: File, number: int) -> dict[str, Any]:
    """A table in Parquet is a file to frictionless, which makes no table of lists; it has its schema all the same."""
    told = _file(table.name if not number else f"{table.name}-{number + 1}", file, "parquet")
    return {**told, "type": "file", "description": table.doc, "schema": _schema(table)}


def _text(table: Table, file: File, form: str) -> dict[str, Any]:
    told = {**_file(f"{table.name}-{form}", file, form), "compression": "gz", "description": table.doc}
    if form == "jsonl":
        return {**told, "type": "file"}
    return {**told, "type": "table", "encoding": "utf-8", "schema": _schema(table)}


def _file(name: str, file: File, form: str) -> dict[str, Any]:
    return {"name": name.lower(), "path": file.path, "format": form, "mediatype": file.media, "bytes": file.bytes,
            "hash": f"sha256:{file.sha256}"}


def _schema(table: Table) -> dict[str, Any]:
    fields: list[dict[str, Any]] = []
    for column in table.columns:
        field: dict[str, Any] = {"name": column.name, "type": _TYPES[column.kind], "description": column.doc}
        if column.schema_org:
            field["rdfType"] = f"https://schema.org/{column.schema_org}"
        fields.append(field)
    return {"$schema": f"{_PROFILE}/tableschema.json", "fields": fields}
