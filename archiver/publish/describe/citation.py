"""How a dataset is cited: CITATION.cff (Citation File Format 1.2.0), DataCite's JSON (schema 4), and a line of text."""

from __future__ import annotations

import json
import re
from typing import Any

from archiver.publish.describe.about import About, orcid
from archiver.publish.licences import is_listed, spdx
from archiver.publish.snapshot.facts import Facts

_DOI = re.compile(r"10\.\d{4,9}(\.\d+)?/[A-Za-z0-9:/_;\-.()\[\]\\]+")
"""What the format takes for one; a DOI may have other signs, and is given by its address then."""


def line(facts: Facts, about: About) -> str:
    """The citation in one line, as DataCite recommends it: creators (year): title. Version. Publisher. Identifier."""
    names = "; ".join(one["name"] for one in about.creators)
    return (f"{names} ({facts.day[:4]}): {about.title}. Version {facts.request.version}. {about.publisher}. "
            f"{about.identifier}")


def cff(facts: Facts, about: About) -> str:
    """YAML, of which JSON's values are a part."""
    told: dict[str, Any] = {
        "cff-version": "1.2.0", "message": "If you use this dataset, please cite it as below.", "type": "dataset",
        "title": about.title, "abstract": about.description, "version": facts.request.version,
        "date-released": facts.day, "keywords": list(about.keywords),
        "authors": [_author(one) for one in about.creators]}
    if is_listed(about.spdx):  # of others the format's own list may know nothing
        told["license"] = about.spdx
    else:
        told["license-url"] = about.licences[0]
    if _DOI.fullmatch(about.doi):
        told["doi"] = about.doi
    if about.identifier.startswith("http"):
        told["url"] = about.identifier
    else:
        told["identifiers"] = [{"type": "other", "value": about.identifier, "description": "made of the content"}]
    return "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in told.items())


def _author(one: dict[str, str]) -> dict[str, str]:
    """With an ORCID a person; the last word of the name is the family's."""
    if not one.get("orcid"):
        return {"name": one["name"]}
    given, _, family = one["name"].rpartition(" ")
    out = {"family-names": family, "given-names": given, "orcid": orcid(one["orcid"]),
           "affiliation": one.get("affiliation", "")}
    return {name: value for name, value in out.items() if value}


def datacite(facts: Facts, about: About, size: int) -> dict[str, Any]:
    out: dict[str, Any] = {
        "schemaVersion": "http://datacite.org/schema/kernel-4",
        "types": {"resourceType": "Web archive", "resourceTypeGeneral": "Dataset"},
        "doi": about.doi, "alternateIdentifiers": [] if about.doi else [
            {"alternateIdentifier": about.identifier,
             "alternateIdentifierType": "URL" if "://" in about.identifier else "URN"}],
        "creators": [_creator(one) for one in about.creators], "titles": [{"title": about.title}],
        "publisher": {"name": about.publisher}, "publicationYear": facts.day[:4],
        "subjects": [{"subject": one} for one in about.keywords],
        "dates": [{"date": facts.day, "dateType": "Issued"}, *_covered(facts)], "version": facts.request.version,
        "rightsList": [{"rightsUri": one, **({"rightsIdentifier": spdx(one)} if spdx(one) else {})}
                       for one in about.licences],
        "descriptions": [{"description": about.description, "descriptionType": "Abstract"}],
        "sizes": [f"{facts.rows['articles']} articles", f"{size} bytes"],
        "formats": sorted({"application/vnd.apache.parquet"} | {
            {"csv": "text/csv", "jsonl": "application/jsonl", "geojson": "application/geo+json"}[form]
            for form in facts.request.formats if form != "parquet"})}
    if facts.squares:
        lat, lon = zip(*facts.squares, strict=True)
        out["geoLocations"] = [{"geoLocationBox": {
            "westBoundLongitude": max(min(lon) - 0.5, -180), "eastBoundLongitude": min(max(lon) + 0.5, 180),
            "southBoundLatitude": max(min(lat) - 0.5, -90), "northBoundLatitude": min(max(lat) + 0.5, 90)}}]
    return {name: value for name, value in out.items() if value}


def _creator(one: dict[str, str]) -> dict[str, Any]:
    out: dict[str, Any] = {"name": one["name"], "nameType": "Personal" if one.get("orcid") else "Organizational"}
    if one.get("orcid"):
        out["nameIdentifiers"] = [{"nameIdentifier": orcid(one["orcid"]), "nameIdentifierScheme": "ORCID",
                                   "schemeUri": "https://orcid.org"}]
    if one.get("affiliation"):
        out["affiliation"] = [{"name": one["affiliation"]}]
    return out


def _covered(facts: Facts) -> list[dict[str, str]]:
    if not facts.spans:
        return []
    first, last = min(one for one, _ in facts.spans.values()), max(one for _, one in facts.spans.values())
    return [{"date": f"{first}/{last}", "dateType": "Other", "dateInformation": "publication of the articles"}]
