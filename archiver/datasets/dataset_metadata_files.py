"""The metadata of a dataset (title, creators, licence, identifier, files) and the files with it: CITATION.cff,
datacite.json and croissant.json.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slugify import slugify

from archiver.datasets.publication_rules import DISAGREEMENT, is_listed, licence_url, normal_licence, spdx_identifier
from archiver.datasets.snapshot_request import SnapshotStatistics
from archiver.datasets.snapshot_tables import (
    ARTICLES,
    TABLES,
    Column,
    DatasetTable,
)

# Name, creators and licence of a dataset: from the operator's `[dataset]` table, or derived from its articles.

UNKNOWN_LICENCE = "http://rightsstatements.org/vocab/CNE/1.0/"
"""RightsStatements.org's "Copyright Not Evaluated", which is given as the licence of a dataset if the licences of all
its records are unknown."""
DEFAULT_PUBLISHER = "The operator of the archive"
MEDIA = {
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".gz": "application/gzip",
    ".geojson": "application/geo+json",
    ".json": "application/json",
    ".py": "text/x-python",
    ".md": "text/markdown",
    ".cff": "application/yaml",
}


@dataclass(frozen=True, slots=True)
class DatasetFile:
    """A file of a dataset: its path relative to the dataset's folder, size in bytes, SHA-256 and media type."""

    path: str
    bytes: int
    sha256: str
    media: str


@dataclass(frozen=True, slots=True)
class DatasetAbout:
    """The general information about a dataset that its descriptions contain: title, creators, licences, identifier and
    so on.

    - `licences`: URLs. They are the dataset's licence if it has one, otherwise the licences of its records.
    - `per_record`: a sentence with the number of records under each licence; "" if all records are under the licence of
      the dataset.
    - `of_compilation`: the licence that the operator gives the dataset, if it is not the licence of all its records and
      therefore covers only the compilation; otherwise "".
    - `spdx`: the SPDX identifier of a single licence that covers the whole dataset; "" if there is no such licence.
    - `identifier`: the URL of the DOI, the dataset's own URL, or a URN derived from its content.
    - `query`: the query, written as command line options.
    """

    name: str
    title: str
    description: str
    creators: tuple[dict[str, str], ...]
    licences: tuple[str, ...]
    per_record: str
    of_compilation: str
    spdx: str
    identifier: str
    doi: str
    publisher: str
    keywords: tuple[str, ...]
    motivation: str
    contact: str
    query: str


def dataset_about(stats: SnapshotStatistics) -> DatasetAbout:
    """Returns the general information about a dataset, from the `[dataset]` table of its rule file. Values that the
    table lacks are derived from the dataset's articles.
    """
    table = stats.dataset
    sites = sorted(stats.sites)
    query = stats.request.query_options
    name = slugify(table.get("name") or table.get("title") or "-".join(sites[:3]))[:60] or "archive"
    stated = table.get("licence", "")
    own = [stated] if stated else sorted(set(stats.licences) - {"", DISAGREEMENT})
    # No statement on the whole gives a record a licence that its site does not give.
    is_whole = len(own) == 1 and set(stats.licences) == {normal_licence(own[0])}
    of_compilation = "" if is_whole else stated and normal_licence(stated)
    publisher = table.get("publisher") or DEFAULT_PUBLISHER
    creators = tuple(table.get("creators") or ({"name": publisher},))
    return DatasetAbout(
        name,
        table.get("title") or _title(sites),
        table.get("description") or _description(stats, sites, query),
        creators,
        tuple(dict.fromkeys(licence_url(one) or UNKNOWN_LICENCE for one in own)) or (UNKNOWN_LICENCE,),
        "" if is_whole else _per_record(stats, of_compilation),
        of_compilation,
        spdx_identifier(own[0]) if is_whole else "",
        _identifier(stats, name),
        table.get("doi", ""),
        table.get("publisher") or creators[0]["name"],
        tuple(table.get("keywords") or ("news", "blogs", "web archive")),
        table.get("motivation", ""),
        table.get("contact", ""),
        query,
    )


def _title(sites: list[str]) -> str:
    return f"Articles of {sites[0]}" if len(sites) == 1 else f"Articles of {len(sites)} sites"


def _per_record(stats: SnapshotStatistics, of_compilation: str) -> str:
    counts = ", ".join(f"{licence_name(name)} {count:,}" for name, count in stats.licences.most_common(10))
    others = len(stats.licences) - 10
    records = f"Per record, see the column licence of articles: {counts}" + (
        f" and {others} others" if others > 0 else ""
    )
    return f"{records}. {of_compilation} covers only the compilation and its metadata" if of_compilation else records


def licence_name(licence: str) -> str:
    """Returns a licence, in the form in which `SnapshotStatistics` counts it, for people: "none known" for ""."""
    return {"": "none known", DISAGREEMENT: "the page states several"}.get(licence, licence)


def _identifier(stats: SnapshotStatistics, name: str) -> str:
    """Returns the identifier of a dataset: its DOI as a URL, otherwise its own URL, otherwise a URN derived from its
    content.
    """
    if doi := stats.dataset.get("doi"):
        return f"https://doi.org/{doi}"
    urn = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{name} {stats.request.version} {stats.digest}')}"
    return stats.dataset.get("url") or urn


def _description(stats: SnapshotStatistics, sites: list[str], query: str) -> str:
    of = ", ".join(sites[:5]) + (f" and {len(sites) - 5} other sites" if len(sites) > 5 else "")
    match = f" that match {query}" if query else ""
    tables = "metadata, revisions, captures and places" if stats.rows["places"] else "metadata, revisions and captures"
    missing = ", and a list of the pages known to be missing" if stats.rows["missing"] else ""
    return (
        f"{stats.rows['articles']:,} articles from {of}{match}, as stored in a web archive at {stats.cutoff} UTC: "
        f"{tables}{missing}. Each article is published as far as its usage rights permit."
    )


def list_files(folder: Path, before: Iterable[DatasetFile] = ()) -> list[DatasetFile]:
    """Lists the files in a dataset's folder, sorted by path. Entries for files in `before` are reused without reading
    the files again.
    """
    known = {file.path: file for file in before}
    return [
        known.get(path.relative_to(folder).as_posix()) or _describe_file(folder, path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def _describe_file(folder: Path, path: Path) -> DatasetFile:
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return DatasetFile(
        path.relative_to(folder).as_posix(), path.stat().st_size, digest, MEDIA.get(path.suffix, "text/plain")
    )


def tables_present(stats: SnapshotStatistics) -> list[DatasetTable]:
    """Returns the tables that a dataset contains; optional tables without rows are left out."""
    return [table for table in TABLES if table.name in stats.files]


def creator_object(one: dict[str, str]) -> dict[str, Any]:
    """Converts a creator to a schema.org object: a Person if an ORCID is given, otherwise an Organization."""
    out: dict[str, Any] = {"@type": "Person" if one.get("orcid") else "Organization", "name": one["name"]}
    if one.get("orcid"):
        out["@id"] = orcid_url(one["orcid"])
    if one.get("affiliation"):
        out["affiliation"] = {"@type": "Organization", "name": one["affiliation"]}
    return out


def orcid_url(text: str) -> str:
    """Returns an ORCID as a URL."""
    return f"https://orcid.org/{text}"


# Citation: CITATION.cff (Citation File Format 1.2.0), DataCite JSON (schema 4), and one line of text.

_DOI = re.compile(r"10\.\d{4,9}(\.\d+)?/[A-Za-z0-9:/_;\-.()\[\]\\]+")
"""The form of a DOI that CFF accepts. Other DOIs are written as URLs."""


def citation_line(stats: SnapshotStatistics, about: DatasetAbout) -> str:
    """Returns the citation in DataCite's recommended form: creators (year): title. Version. Publisher. Identifier."""
    names = "; ".join(one["name"] for one in about.creators)
    return (
        f"{names} ({stats.day[:4]}): {about.title}. Version {stats.request.version}. {about.publisher}. "
        f"{about.identifier}"
    )


def citation_cff(stats: SnapshotStatistics, about: DatasetAbout) -> str:
    """Returns the content of CITATION.cff as YAML. Its values are written as JSON, which is valid YAML."""
    fields: dict[str, Any] = {
        "cff-version": "1.2.0",
        "message": "If you use this dataset, please cite it as below.",
        "type": "dataset",
        "title": about.title,
        "abstract": about.description,
        "version": stats.request.version,
        "date-released": stats.day,
        "keywords": list(about.keywords),
        "authors": [_cff_author(one) for one in about.creators],
    }
    if about.per_record:
        fields["abstract"] = f"{about.description} Licence: {about.per_record}."
    elif is_listed(about.spdx):  # CFF's schema may not list any other identifier
        fields["license"] = about.spdx
    else:
        fields["license-url"] = about.licences[0]
    if _DOI.fullmatch(about.doi):
        fields["doi"] = about.doi
    if about.identifier.startswith("http"):
        fields["url"] = about.identifier
    else:
        fields["identifiers"] = [
            {"type": "other", "value": about.identifier, "description": "derived from the content"}
        ]
    return "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items())


def _cff_author(one: dict[str, str]) -> dict[str, str]:
    """Converts a creator to an author in Citation File Format: a person if an ORCID is given, otherwise an entity. The
    last word of a person's name is taken as the family name.
    """
    if not one.get("orcid"):
        return {"name": one["name"]}
    given, _, family = one["name"].rpartition(" ")
    out = {
        "family-names": family,
        "given-names": given,
        "orcid": orcid_url(one["orcid"]),
        "affiliation": one.get("affiliation", ""),
    }
    return {name: value for name, value in out.items() if value}


def datacite_json(stats: SnapshotStatistics, about: DatasetAbout, size: int) -> dict[str, Any]:
    """Returns the content of datacite.json (DataCite metadata). `size` is the total size of all data files in bytes."""
    out: dict[str, Any] = {
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        "types": {"resourceType": "Web archive", "resourceTypeGeneral": "Dataset"},
        "doi": about.doi,
        "alternateIdentifiers": []
        if about.doi
        else [
            {
                "alternateIdentifier": about.identifier,
                "alternateIdentifierType": "URL" if "://" in about.identifier else "URN",
            }
        ],
        "creators": [_creator(one) for one in about.creators],
        "titles": [{"title": about.title}],
        "publisher": {"name": about.publisher},
        "publicationYear": stats.day[:4],
        "subjects": [{"subject": one} for one in about.keywords],
        "dates": [{"date": stats.day, "dateType": "Issued"}, *_covered(stats)],
        "version": stats.request.version,
        "rightsList": [
            {"rightsUri": one, **({"rightsIdentifier": spdx_identifier(one)} if spdx_identifier(one) else {})}
            for one in about.licences
        ]
        if not about.per_record
        else [{"rights": about.per_record}],
        "relatedIdentifiers": _related(stats),
        "descriptions": [{"description": about.description, "descriptionType": "Abstract"}],
        "sizes": [f"{stats.rows['articles']} articles", f"{size} bytes"],
        "formats": sorted(
            {"application/vnd.apache.parquet"}
            | {
                {"csv": "text/csv", "jsonl": "application/jsonl", "geojson": "application/geo+json"}[form]
                for form in stats.request.formats
                if form != "parquet"
            }
        ),
    }
    if stats.box:
        south, west, north, east = stats.box
        out["geoLocations"] = [
            {
                "geoLocationBox": {
                    "westBoundLongitude": float(max(west, -180)),
                    "eastBoundLongitude": float(min(east, 180)),
                    "southBoundLatitude": float(max(south, -90)),
                    "northBoundLatitude": float(min(north, 90)),
                }
            }
        ]
    return {name: value for name, value in out.items() if value}


def _creator(one: dict[str, str]) -> dict[str, Any]:
    out: dict[str, Any] = {"name": one["name"], "nameType": "Personal" if one.get("orcid") else "Organizational"}
    if one.get("orcid"):
        out["nameIdentifiers"] = [
            {
                "nameIdentifier": orcid_url(one["orcid"]),
                "nameIdentifierScheme": "ORCID",
                "schemeUri": "https://orcid.org",
            }
        ]
    if one.get("affiliation"):
        out["affiliation"] = [{"name": one["affiliation"]}]
    return out


def _related(stats: SnapshotStatistics) -> list[dict[str, str]]:
    """Returns the identifiers of the dataset as a concept and of its previous version (DataCite 4.5, property 12)."""
    concept = stats.dataset.get("concept_doi", "")
    found = (("IsVersionOf", concept), ("IsNewVersionOf", stats.previous_identifier))
    return [
        {
            "relatedIdentifier": identifier,
            "relatedIdentifierType": "DOI" if _DOI.match(identifier) else "URL" if "://" in identifier else "URN",
            "relationType": relation,
        }
        for relation, identifier in found
        if identifier
    ]


def _covered(stats: SnapshotStatistics) -> list[dict[str, str]]:
    if not stats.spans:
        return []
    first, last = min(one for one, _ in stats.spans.values()), max(one for _, one in stats.spans.values())
    return [{"date": f"{first}/{last}", "dateType": "Other", "dateInformation": "publication of the articles"}]


# croissant.json: Croissant 1.1 (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html), metadata for
# machine learning: the files and their record sets.

CONFORMS = "http://mlcommons.org/croissant/1.1"
_TYPES = {
    "text": "sc:Text",
    "integer": "cr:Int64",
    "number": "cr:Float64",
    "time": "sc:DateTime",
    "date": "sc:Date",
    "texts": "sc:Text",
}
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "excludes": "cr:excludes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "value": "cr:value",
}


def croissant_json(
    stats: SnapshotStatistics, about: DatasetAbout, files: Iterable[DatasetFile], citation: str
) -> dict[str, Any]:
    """Returns the content of croissant.json (Croissant metadata for machine learning). `about` is the general
    information about the dataset, `files` are its files, and `citation` is how it is cited, as one line.
    """
    data = [file for file in files if file.path.startswith("data/")]
    found = tables_present(stats)
    distribution: list[dict[str, Any]] = [
        {
            "@type": "cr:FileObject",
            "@id": file.path,
            "name": file.path,
            "contentUrl": file.path,
            "contentSize": f"{file.bytes} B",
            "encodingFormat": _media_type(file.media),
            "sha256": file.sha256,
        }
        for file in data
    ]
    distribution += [
        {
            "@type": "cr:FileSet",
            "@id": f"{table.name}-files",
            "name": f"{table.name}-files",
            "description": f"The files of {table.name}.",
            "encodingFormat": _media_type("application/vnd.apache.parquet"),
            "includes": f"data/{table.name}/*.parquet",
        }
        for table in found
        if len(stats.files[table.name]) > 1
    ]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS,
        "name": about.name,
        "alternateName": about.title,
        "description": about.description,
        "license": about.per_record or list(about.licences),
        "url": about.identifier,
        "identifier": about.identifier,
        "version": stats.request.version,
        "datePublished": stats.day,
        "citeAs": citation,
        "keywords": list(about.keywords),
        "isLiveDataset": False,
        "creator": [creator_object(one) for one in about.creators],
        "publisher": {"@type": "Organization", "name": about.publisher},
        "inLanguage": sorted(filter(None, stats.languages)),
        "isAccessibleForFree": True,
        "rai:dataCollection": f"Discovered through {stats.sources_in_words} of the sites; the archive keeps the "
        "responses.",
        "rai:personalSensitiveInformation": "Names of authors"
        + (", replaced by keyed hashes" if stats.request.pseudonymised else "")
        + ", and what the texts say about people.",
        "distribution": distribution,
        "recordSet": [_record_set(table, stats) for table in found],
    }


def _media_type(name: str) -> str | list[str]:
    """Returns the media type of a file for Croissant. Parquet has had a registered type since 2024, but the reference
    implementation only knows `application/x-parquet`, so both types are returned.
    """
    return [name, "application/x-parquet"] if name.endswith(".parquet") else name


def _record_set(table: DatasetTable, stats: SnapshotStatistics) -> dict[str, Any]:
    files = stats.files[table.name]
    source = {"fileObject": {"@id": files[0]}} if len(files) == 1 else {"fileSet": {"@id": f"{table.name}-files"}}
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": table.doc,
        "key": [{"@id": f"{table.name}/{name}"} for name in table.key],
        "field": [_field(table, column, source) for column in table.columns],
    }


def _field(table: DatasetTable, column: Column, source: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{table.name}/{column.name}",
        "name": column.name,
        "description": column.doc,
        "dataType": _TYPES[column.kind],
        "source": {**source, "extract": {"column": column.name}},
    }
    if column.kind == "texts":
        out |= {"isArray": True, "arrayShape": "-1"}
    if column.schema_org:
        out["equivalentProperty"] = f"sc:{column.schema_org}"
    if column.name == "id" and table.of_article and table is not ARTICLES:
        out["references"] = {"field": {"@id": "articles/id"}}
    return out
