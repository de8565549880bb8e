"""Write the bill of materials of what a gateway runs: CycloneDX 1.6, JSON, from the lock file.

Every package of requirements.lock with its version, licence, dependencies, and the hashes of its
files as the lock file allows them. SOURCE_DATE_EPOCH dates it; equal inputs give equal bytes.
"""

import argparse
import os
import re
import sys
import tomllib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from cyclonedx.model import (
    ExternalReference,
    ExternalReferenceType,
    HashAlgorithm,
    HashType,
    Property,
    XsUri,
)
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LICENCE_LENGTH_MAX = 64
_PIN = re.compile(r"([A-Za-z0-9._-]+)==([^ ;\\]+)(?: ; (.+?))? \\?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Locked:
    """A package of a lock file."""

    name: str
    version: str
    marker: str
    hashes: list[str]


class NotAsLocked(Exception):
    """What is installed is not what the lock file says."""


def locked(path: Path) -> list[Locked]:
    """Return the packages of a lock file, in its order."""
    found: list[Locked] = []
    for line in path.read_text().splitlines():
        if pin := _PIN.match(line):
            found.append(Locked(canonicalize_name(pin[1]), pin[2], pin[3] or "", []))
        elif file := _HASH.search(line):
            found[-1].hashes.append(file[1])
    return found


def bill(packages: Iterable[Locked], version: str, made: datetime) -> Bom:
    """Return the bill of Faubourg `version` with `packages`. Raises NotAsLocked."""
    root = Component(name="faubourg", version=version, type=ComponentType.APPLICATION,
                     bom_ref="faubourg", licenses=[LicenseExpression("Apache-2.0")])
    packages = list(packages)
    components = {each.name: _component(each) for each in packages}
    bom = Bom(components=components.values())
    bom.metadata.component, bom.metadata.timestamp = root, made
    named = "\n".join(f"{each.name}=={each.version}" for each in packages)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"faubourg {version}\n{named}")
    direct = _needed(_project()["dependencies"], components)
    bom.register_dependency(root, direct)
    for each in packages:
        if about := _installed(each):
            bom.register_dependency(
                components[each.name], _needed(about.requires or (), components))
    return bom


def _component(package: Locked) -> Component:
    url = XsUri(f"https://pypi.org/project/{package.name}/{package.version}/")
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=each) for each in package.hashes]
    about = _installed(package)
    marker = [Property(name="faubourg:marker", value=package.marker)] if package.marker else []
    return Component(
        name=package.name, version=package.version, type=ComponentType.LIBRARY,
        bom_ref=f"{package.name}=={package.version}",
        purl=PackageURL("pypi", None, package.name, package.version),
        licenses=_licences(about) if about else (), properties=marker,
        external_references=[ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION, url=url, hashes=hashes,
            comment="one hash for each file that the lock file allows")])


def _installed(package: Locked) -> metadata.Distribution | None:
    """Return what is installed of a package, None where this Python needs none of it."""
    try:
        found = metadata.distribution(package.name)
    except metadata.PackageNotFoundError:
        if package.marker:
            return None
        raise NotAsLocked(f"{package.name} is not installed; 'make setup' does it") from None
    if found.version != package.version:
        raise NotAsLocked(f"{package.name} {found.version} is installed, {package.version} is "
                          "locked; 'make setup' installs what is locked")
    return found


def _licences(about: metadata.Distribution) -> list[LicenseExpression | DisjunctiveLicense]:
    if expression := about.metadata.get("License-Expression"):
        return [LicenseExpression(expression)]
    classifiers = about.metadata.get_all("Classifier") or ()
    names = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License ::")]
    stated = (about.metadata.get("License") or "").strip()
    if not names and 0 < len(stated) <= LICENCE_LENGTH_MAX:
        names = [stated]
    return [DisjunctiveLicense(name=name) for name in names]


def _needed(requirements: Iterable[str], components: dict[str, Component]) -> list[Component]:
    parsed = (Requirement(each) for each in requirements)
    # An optional part that somebody's else asks for is in the lock file by its own name.
    names = {canonicalize_name(each.name) for each in parsed
             if each.marker is None or each.marker.evaluate({"extra": ""})}
    return [components[name] for name in sorted(names) if name in components]


def _project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", nargs="?", default=ROOT / "build/sbom.json", type=Path)
    output = parser.parse_args().output
    made = datetime.fromtimestamp(
        int(os.environ.get("SOURCE_DATE_EPOCH", datetime.now(UTC).timestamp())), UTC)
    try:
        bom = bill(locked(ROOT / "requirements.lock"), _project()["version"], made)
    except NotAsLocked as error:
        print(f"sbom: {error}", file=sys.stderr)
        return 1
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(JsonV1Dot6(bom).output_as_string(indent=2) + "\n")
    print(f"sbom: wrote {output}: {len(bom.components)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
