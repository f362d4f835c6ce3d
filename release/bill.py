"""The bill of materials: CycloneDX 1.6 (ECMA-424) as JSON, of the packages that requirements.lock pins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release import NotReleasable


def pinned(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Return the pins of a lock file, each with the SHA-256 sums (hexadecimal) of its files."""
    out = []
    for line in lock.replace("\\\n", " ").splitlines():
        pin, *sums = line.split("--hash=sha256:")
        if pin.strip():
            out.append((Requirement(pin), [s.strip() for s in sums]))
    return out


def installed_as_pinned(lock: str) -> dict[str, Distribution]:
    """Return the installed packages of the pins by name. Pins for other platforms are not installed.

    Raises NotReleasable if another version than the pinned one is installed, because its metadata may differ.
    """
    out: dict[str, Distribution] = {}
    for requirement, _ in pinned(lock):
        for found in distributions(name=requirement.name):
            if not requirement.specifier.contains(found.version):
                raise NotReleasable(
                    f"{requirement.name} {found.version} is installed, but requirements.lock pins "
                    f"{requirement.specifier}. Run 'make release', which installs the pinned versions."
                )
            out[canonicalize_name(requirement.name)] = found
    return out


def bill_of_materials(project: Mapping[str, Any], lock: str, installed: Mapping[str, Distribution], time: int) -> str:
    """Return the bill as JSON, validated by the schema. `time` is the time of the release (seconds since 1970).

    `project` is the table of pyproject.toml. Licences and dependencies are taken from the metadata of the packages.
    """
    name, version = project["name"], project["version"]
    licence = LicenseFactory()
    parts: dict[str, Component] = {canonicalize_name(r.name): _component(r, sums) for r, sums in pinned(lock)}
    whole = Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=f"{name}@{version}",
        licenses=[licence.make_from_string(project["license"])],
        purl=PackageURL("pypi", None, name, version),
    )
    bom = Bom(components=parts.values(), serial_number=uuid5(NAMESPACE_URL, f"{name}@{version}/{time}\n{lock}"))
    bom.metadata.component = whole
    bom.metadata.timestamp = datetime.fromtimestamp(time, UTC)
    bom.register_dependency(whole, _needed(project["dependencies"], parts))
    for key, part in parts.items():
        if found := installed.get(key):
            part.licenses = [licence.make_from_string(text) for text in _licences(found)]
            bom.register_dependency(part, _needed(found.requires or (), parts))
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        raise NotReleasable(f"The bill of materials is not valid CycloneDX 1.6: {wrong}")
    return text + "\n"


def _needed(requirements: Iterable[str], parts: Mapping[str, Component]) -> list[Component]:
    """Return the parts that the requirements name, without extras."""
    needed = [r for r in map(Requirement, requirements) if not r.marker or r.marker.evaluate({"extra": ""})]
    return [parts[key] for r in needed if (key := canonicalize_name(r.name)) in parts]


def _licences(found: Distribution) -> list[str]:
    """Return the licences of a package from the first of: an SPDX expression, a single line, classifiers."""
    for key in ("License-Expression", "License"):
        if key in found.metadata and found.metadata[key] and "\n" not in found.metadata[key]:
            return [found.metadata[key]]
    return [c.split(" :: ")[-1] for c in found.metadata.get_all("Classifier") or () if c.startswith("License ::")]


def _component(requirement: Requirement, sums: list[str]) -> Component:
    [pin] = requirement.specifier
    # A lock has the sums of the files of all platforms, but `hashes` are of one file: several sums go into properties.
    properties = [Property(name="archiver:file-sha256", value=s) for s in sums] if len(sums) > 1 else []
    if requirement.marker:
        properties.append(Property(name="archiver:installed-where", value=str(requirement.marker)))
    return Component(
        name=requirement.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{requirement.name}@{pin.version}",
        purl=PackageURL("pypi", None, requirement.name, pin.version),
        properties=properties,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=s) for s in sums] if len(sums) == 1 else [],
    )
