"""The bill of materials: CycloneDX 1.6 (ECMA-424) of what requirements.lock pins, as JSON."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement

from release import NotReleasable


def pinned(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Each pin of a lock file with the SHA-256 sums (hexadecimal) of the files that may be installed for it."""
    out = []
    for line in lock.replace("\\\n", " ").splitlines():
        pin, *sums = line.split("--hash=sha256:")
        if pin.strip():
            out.append((Requirement(pin), [s.strip() for s in sums]))
    return out


def bill_of_materials(name: str, version: str, licence: str, lock: str, time: int) -> str:
    """The bill as JSON, valid by the schema, with the time of the release (seconds since 1970)."""
    whole = Component(name=name, version=version, type=ComponentType.APPLICATION, bom_ref=f"{name}@{version}",
                      licenses=[DisjunctiveLicense(id=licence)], purl=PackageURL("pypi", None, name, version))
    parts = [_component(requirement, sums) for requirement, sums in pinned(lock)]
    bom = Bom(components=parts, serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{name}@{version}/{time}\n{lock}"))
    bom.metadata.component = whole
    bom.metadata.timestamp = datetime.fromtimestamp(time, UTC)
    bom.register_dependency(whole, parts)
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise NotReleasable(f"The bill of materials is not what CycloneDX 1.6 asks for: {wrong}")
    return text + "\n"


def _component(requirement: Requirement, sums: list[str]) -> Component:
    [pin] = requirement.specifier
    # A lock has the sums of every platform's file, and `hashes` are those of one file: several go into properties.
    properties = [Property(name="archiver:file-sha256", value=s) for s in sums] if len(sums) > 1 else []
    if requirement.marker:
        properties.append(Property(name="archiver:installed-where", value=str(requirement.marker)))
    return Component(
        name=requirement.name, version=pin.version, type=ComponentType.LIBRARY,
        bom_ref=f"{requirement.name}@{pin.version}",
        purl=PackageURL("pypi", None, requirement.name, pin.version), properties=properties,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=s) for s in sums] if len(sums) == 1 else [],
    )
