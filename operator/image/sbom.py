"""Writes the bill of materials of the image: every crate in the operator and in the functions, as CycloneDX 1.6 (JSON).

Reads `cargo metadata --locked` for the image's target and follows normal dependencies only: what is compiled for tests or
runs at build time is not in the image. Nothing in it depends on the machine or the time, so it is reproducible: its
serial number is a hash of its content.
"""

import argparse
import json
import re
import subprocess
import sys
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What is in the image, and with which features it is built: as build-operator.sh and build-functions.sh build it.
PACKAGES = [(["aigw-operator"], []), (["aigw-forwarder"], ["--no-default-features"])]
TARGET = "x86_64-unknown-linux-musl"
EXPRESSION = re.compile(r"^\(?[A-Za-z0-9.+-]+( (AND|OR|WITH) \(?[A-Za-z0-9.+-]+\)?|\))*$")
PURL = re.compile(r"^pkg:cargo/[a-zA-Z0-9_-]+@[0-9A-Za-z.+%-]+$")


class Invalid(Exception):
    """Not a bill of materials in the form that is promised."""


def tree(package, features):
    """Names and versions of what a package is built from, by `cargo tree`, which knows about features."""
    command = ["cargo", "tree", "--locked", "--target", TARGET, "--edges", "normal,no-proc-macro", "--prefix", "none"]
    command += ["--format", "{p} ", "--package", package, *features]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    found = set()
    for line in lines:
        match = re.match(r"^(\S+) v(\S+)", line)
        if match:
            found.add((match[1], match[2]))
    return found


def metadata():
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def checksums():
    """Hashes of the crates' archives, from the lock file."""
    found, name, version = {}, None, None
    for line in (ROOT / "Cargo.lock").read_text().splitlines():
        key, _, value = line.partition(" = ")
        value = value.strip('"')
        if key == "name":
            name = value
        elif key == "version":
            version = value
        elif key == "checksum":
            found[(name, version)] = value
    return found


def reference(name, version):
    return f"pkg:cargo/{name}@{version.replace('+', '%2B')}"


def component(package, hashes):
    name, version = package["name"], package["version"]
    known = {
        "type": "library",
        "bom-ref": reference(name, version),
        "name": name,
        "version": version,
        "purl": reference(name, version),
    }
    if package.get("license"):
        # An older way to write OR.
        known["licenses"] = [{"expression": " OR ".join(part.strip() for part in package["license"].split("/"))}]
    if (name, version) in hashes:
        known["hashes"] = [{"alg": "SHA-256", "content": hashes[(name, version)]}]
    return known


def bill(version):
    everything = metadata()
    packages = {(package["name"], package["version"]): package for package in everything["packages"]}
    ids = {package["id"]: (package["name"], package["version"]) for package in everything["packages"]}
    present = set()
    for names, features in PACKAGES:
        for name in names:
            present |= tree(name, features)
    hashes = checksums()
    ours = {key for key in present if packages[key]["source"] is None}
    dependencies = []
    for node in everything["resolve"]["nodes"]:
        key = ids[node["id"]]
        if key in present:
            below = {ids[each["pkg"]] for each in node["deps"] if any(kind["kind"] is None for kind in each["dep_kinds"])}
            below = sorted(reference(*each) for each in below & present)
            dependencies.append({"ref": reference(*key), "dependsOn": below})
    root = "aigw-operator-image"
    dependencies.append({"ref": root, "dependsOn": sorted(reference(*key) for key in ours)})
    written = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {"type": "container", "bom-ref": root, "name": "aigw-operator", "version": version},
            "lifecycles": [{"phase": "build"}],
        },
        "components": [component(packages[key], hashes) for key in sorted(present)],
        "dependencies": sorted(dependencies, key=lambda each: each["ref"]),
    }
    content = json.dumps(written, sort_keys=True)
    return {"serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}", **written}


def validate(bill):
    """Raises Invalid unless the bill has what the format demands, and is whole: every reference leads somewhere, every
    crate has a licence, every crate that is not ours a hash."""

    def demand(holds, what):
        if not holds:
            raise Invalid(f"bill of materials: {what}")

    demand(bill.get("bomFormat") == "CycloneDX" and bill.get("specVersion") == "1.6", "not CycloneDX 1.6")
    demand(bill.get("serialNumber", "").startswith("urn:uuid:"), "no serial number")
    components = bill.get("components", [])
    demand(len(components) > 50, f"only {len(components)} components")
    known = {bill["metadata"]["component"]["bom-ref"]}
    for each in components:
        name = each.get("name", "")
        demand(PURL.match(each.get("purl", "")), f"{name}: {each.get('purl')!r} is no package URL")
        licenses = each.get("licenses") or [{}]
        demand(EXPRESSION.match(licenses[0].get("expression", "")), f"{name} has no licence expression: {licenses}")
        hashes = each.get("hashes", [])
        whole = [hash for hash in hashes if hash["alg"] == "SHA-256" and len(hash["content"]) == 64]
        demand(whole or name.startswith("aigw-"), f"{name} has no hash")
        demand(each["bom-ref"] not in known, f"{each['bom-ref']} comes twice")
        known.add(each["bom-ref"])
    for each in bill.get("dependencies", []):
        for ref in [each["ref"], *each["dependsOn"]]:
            demand(ref in known, f"{ref} is not a component")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--version", required=True)
    arguments.add_argument("--output", type=Path, required=True)
    given = arguments.parse_args()
    try:
        written = bill(given.version)
        validate(written)
    except subprocess.CalledProcessError as error:
        sys.exit(f"sbom: {error.stderr}")
    except Invalid as error:
        sys.exit(f"sbom: {error}")
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(written, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
