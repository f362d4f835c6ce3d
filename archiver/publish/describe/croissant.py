"""croissant.json: Croissant 1.1 (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html), metadata for
machine learning: the files, and the record sets that are in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archiver.publish.describe.about import About, File, creator, tables
from archiver.publish.snapshot.facts import Facts
from archiver.publish.snapshot.tables import ARTICLES, Column, Table

CONFORMS = "http://mlcommons.org/croissant/1.1"
_TYPES = {"text": "sc:Text", "integer": "cr:Int64", "number": "cr:Float64", "texts": "sc:Text"}
CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "arrayShape": "cr:arrayShape", "citeAs": "cr:citeAs",
    "column": "cr:column", "conformsTo": "dct:conformsTo", "containedIn": "cr:containedIn", "cr":
    "http://mlcommons.org/croissant/", "data": {"@id": "cr:data", "@type": "@json"}, "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection", "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/", "equivalentProperty": "cr:equivalentProperty", "examples":
    {"@id": "cr:examples", "@type": "@json"}, "extract": "cr:extract", "field": "cr:field", "fileProperty":
    "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet", "format": "cr:format", "includes":
    "cr:includes", "excludes": "cr:excludes", "isArray": "cr:isArray", "isLiveDataset": "cr:isLiveDataset", "jsonPath":
    "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation", "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
    "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/", "separator":
    "cr:separator", "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
    "value": "cr:value"}
REQUIRED: dict[str, tuple[str, ...]] = {
    "sc:Dataset": ("@context", "@type", "conformsTo", "description", "license", "name", "url", "creator",
                   "datePublished"),
    "cr:FileObject": ("@id", "@type", "name", "contentUrl", "encodingFormat", "sha256"),
    "cr:FileSet": ("@id", "@type", "encodingFormat", "includes"),
    "cr:RecordSet": ("@id", "@type", "field"),
    "cr:Field": ("@id", "@type", "source", "dataType"),
}
"""What a document must have, by the type of its nodes: the reference validator lets some of it pass as a warning."""


def croissant(facts: Facts, about: About, files: Iterable[File], citation: str) -> dict[str, Any]:
    data = [file for file in files if file.path.startswith("data/")]
    found = tables(facts)
    distribution: list[dict[str, Any]] = [{
        "@type": "cr:FileObject", "@id": file.path, "name": file.path, "contentUrl": file.path,
        "contentSize": f"{file.bytes} B", "encodingFormat": _media(file.media), "sha256": file.sha256}
        for file in data]
    distribution += [{
        "@type": "cr:FileSet", "@id": f"{table.name}-files", "name": f"{table.name}-files",
        "description": f"The files of {table.name}.", "encodingFormat": _media("application/vnd.apache.parquet"),
        "includes": f"data/{table.name}/*.parquet",
    } for table in found if len(facts.files[table.name]) > 1]
    return {
        "@context": CONTEXT, "@type": "sc:Dataset", "conformsTo": CONFORMS, "name": about.name,
        "alternateName": about.title, "description": about.description, "license": list(about.licences),
        "url": about.identifier, "identifier": about.identifier, "version": facts.request.version,
        "datePublished": facts.day, "citeAs": citation, "keywords": list(about.keywords), "isLiveDataset": False,
        "creator": [creator(one) for one in about.creators],
        "publisher": {"@type": "Organization", "name": about.publisher},
        "inLanguage": sorted(filter(None, facts.languages)), "isAccessibleForFree": True,
        "rai:dataCollection": "Crawled from the sites' own feeds, sitemaps, APIs and archives; each response is kept.",
        "rai:personalSensitiveInformation": "Names of authors" + (", replaced by keyed hashes" if
            facts.request.pseudonymised else "") + ", and whatever texts say of people.",
        "distribution": distribution, "recordSet": [_record_set(table, facts) for table in found]}


def _media(name: str) -> str | list[str]:
    """Parquet has a media type of its own since 2024; the reference implementation reads it by the one before."""
    return [name, "application/x-parquet"] if name.endswith(".parquet") else name


def _record_set(table: Table, facts: Facts) -> dict[str, Any]:
    files = facts.files[table.name]
    source = {"fileObject": {"@id": files[0]}} if len(files) == 1 else {"fileSet": {"@id": f"{table.name}-files"}}
    return {"@type": "cr:RecordSet", "@id": table.name, "name": table.name, "description": table.doc,
            "key": [{"@id": f"{table.name}/{name}"} for name in table.key],
            "field": [_field(table, column, source) for column in table.columns]}


def _field(table: Table, column: Column, source: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "@type": "cr:Field", "@id": f"{table.name}/{column.name}", "name": column.name, "description": column.doc,
        "dataType": _TYPES[column.kind], "source": {**source, "extract": {"column": column.name}}}
    if column.kind == "texts":
        out |= {"isArray": True, "arrayShape": "-1"}
    if column.schema_org:
        out["equivalentProperty"] = f"sc:{column.schema_org}"
    if column.name == "id" and table.of_article and table is not ARTICLES:
        out["references"] = {"field": {"@id": "articles/id"}}
    return out


def lacks(document: dict[str, Any]) -> list[str]:
    """What a document lacks of REQUIRED, as "node: property"."""
    nodes = [document, *document.get("distribution", ()), *document.get("recordSet", ()),
             *(field for one in document.get("recordSet", ()) for field in one.get("field", ()))]
    return [f"{node.get('@id', 'the dataset')}: {name}" for node in nodes
            for name in REQUIRED.get(node.get("@type", ""), ()) if not node.get(name)]
