"""ro-crate-metadata.json: RO-Crate 1.2 (https://w3id.org/ro/crate/1.2), the dataset, its files, and what made it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archiver.publish.describe.about import About, File, creator
from archiver.publish.snapshot.facts import Facts

_CONTEXT = "https://w3id.org/ro/crate/1.2/context"
_PROFILE = "https://w3id.org/ro/crate/1.2"


def ro_crate(facts: Facts, about: About, files: Iterable[File], software: str, citation: str) -> dict[str, Any]:
    people = [{"@id": f"#creator-{number}", **creator(one)} for number, one in enumerate(about.creators, start=1)]
    for one in people:
        if isinstance(held := one.get("affiliation"), dict):
            one["affiliation"] = held["name"]
    program, _, version = software.partition("/")
    found = list(files)
    return {"@context": _CONTEXT, "@graph": [
        {"@id": "ro-crate-metadata.json", "@type": "CreativeWork", "conformsTo": {"@id": _PROFILE},
         "about": {"@id": "./"}},
        {"@id": "./", "@type": "Dataset", "name": about.title, "alternateName": about.name,
         "description": about.description, "datePublished": facts.day, "version": facts.request.version,
         "identifier": about.identifier, "license": [{"@id": one} for one in about.licences],
         "keywords": list(about.keywords), "creator": [{"@id": one["@id"]} for one in people],
         "publisher": {"@id": "#publisher"}, "creditText": citation, "hasPart": [{"@id": file.path} for file in found]},
        *people, {"@id": "#publisher", "@type": "Organization", "name": about.publisher},
        *({"@id": one, "@type": "CreativeWork", "name": one, "description": "licence of what is in the dataset"}
          for one in about.licences),
        {"@id": "#software", "@type": "CreativeWork", "name": program, "version": version},
        {"@id": "#build", "@type": "CreateAction", "name": "publish", "instrument": {"@id": "#software"},
         "description": "The archive as it was at the cut-off, by rebuild.json", "endTime": f"{facts.cutoff}Z",
         "object": [{"@id": "rebuild.json"}], "result": {"@id": "./"}},
        *({"@id": file.path, "@type": "File", "name": file.path, "encodingFormat": file.media,
           "contentSize": str(file.bytes), "sha256": file.sha256} for file in found)]}
