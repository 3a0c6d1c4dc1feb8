"""Assembles the operator's image as an OCI layout, without a container engine and without a registry.

The image is built from nothing: the static program, the functions' zips, certificate authorities, a user and a bill of
materials. The same inputs give the same bytes, so anybody can build a release again and compare the digest: names are
sorted, times are --epoch, owners are root, and compression writes no time.

Writes a folder with an OCI image layout, whose index names one image per architecture, and prints its digest. Push it with
any tool that reads layouts (skopeo copy oci:DIR docker://…, crane push DIR …), or load it: tar -C DIR -cf - . | docker load.
"""

import argparse
import gzip
import hashlib
import io
import json
import shutil
import struct
import sys
import tarfile
from datetime import datetime, timezone
from pathlib import Path

import sbom

USER = 65532
MACHINES = {"amd64": 62, "arm64": 183}
PT_INTERP = 3
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
# What a program asks for its own user's name and home; nothing here has a shell.
PASSWD = f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/home/nonroot:/sbin/nologin\n"
GROUP = f"root:x:0:\nnonroot:x:{USER}:\n"
# A gateway's functions need not be of the operator's architecture, so every image has both where both were built.
FUNCTIONS = [f"{arch}/{name}.zip" for arch in ("arm64", "x86_64") for name in ("authorizer", "forwarder")]


class Unusable(Exception):
    """An input that must not be in an image."""


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def check_program(content, architecture, dynamic):
    """A 64-bit program for the architecture that needs no loader: there is no C library in the image."""
    if content[:5] != b"\x7fELF\x02" or struct.unpack_from("<H", content, 0x12)[0] != MACHINES[architecture]:
        raise Unusable(f"the program is no 64-bit {architecture} program")
    headers_at = struct.unpack_from("<Q", content, 0x20)[0]
    size, count = struct.unpack_from("<HH", content, 0x36)
    kinds = [struct.unpack_from("<I", content, headers_at + i * size)[0] for i in range(count)]
    if PT_INTERP in kinds and not dynamic:
        raise Unusable("the program is linked dynamically; build it with operator/image/build-operator.sh")


def files_of(given, architecture, program):
    """Path in the image → (mode, content)."""
    content = program.read_bytes()
    check_program(content, architecture, given.dynamic)
    files = {
        "etc/group": (0o644, GROUP.encode()),
        "etc/passwd": (0o644, PASSWD.encode()),
        "etc/ssl/certs/ca-certificates.crt": (0o644, given.certificates.read_bytes()),
        "usr/bin/aigw-operator": (0o755, content),
        "usr/share/doc/aigw-operator/LICENSE": (0o644, given.license.read_bytes()),
        "usr/share/doc/aigw-operator/sbom.cdx.json": (0o644, given.sbom.read_bytes()),
    }
    found = [name for name in FUNCTIONS if (given.functions / name).exists()]
    if given.all_functions and found != FUNCTIONS:
        raise Unusable(f"{given.functions} lacks {', '.join(sorted(set(FUNCTIONS) - set(found)))}")
    if not found:
        raise Unusable(f"{given.functions} has no functions; build them with forwarder/build-functions.sh")
    files.update({f"functions/{name}": (0o644, (given.functions / name).read_bytes()) for name in found})
    return files


def layer(files, epoch, level):
    """A tar of the files and their folders, and its compressed form."""
    folders = sorted({str(parent) for name in files for parent in Path(name).parents} - {"."})
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted([*folders, *files]):
            entry = tarfile.TarInfo(name)
            entry.mtime = epoch
            if name in files:
                entry.mode, content = files[name]
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            else:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
    packed = gzip.compress(plain.getvalue(), compresslevel=level, mtime=0)
    return plain.getvalue(), packed


def labels(given, created):
    return {
        "org.opencontainers.image.created": created,
        "org.opencontainers.image.description": "Operator that makes AWS match AIGateway and Tenant objects",
        "org.opencontainers.image.licenses": "Apache-2.0",
        "org.opencontainers.image.revision": given.revision,
        "org.opencontainers.image.source": given.source,
        "org.opencontainers.image.title": "aigw-operator",
        "org.opencontainers.image.version": given.version,
    }


class Layout:
    """An OCI layout being written."""

    def __init__(self, folder):
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / "oci-layout").write_bytes(canonical({"imageLayoutVersion": "1.0.0"}))

    def blob(self, media_type, content):
        digest = digest_of(content)
        (self.folder / "blobs" / digest.replace(":", "/")).write_bytes(content)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}


def image(layout, given, architecture, program, created):
    files = files_of(given, architecture, program)
    plain, packed = layer(files, given.epoch, given.level)
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": created,
        "config": {
            "User": f"{USER}:{USER}",
            "Entrypoint": ["/usr/bin/aigw-operator"],
            "Env": ["PATH=/usr/bin", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt", "AIGW_FUNCTIONS_DIR=/functions"],
            "WorkingDir": "/",
            "Labels": labels(given, created),
        },
        "rootfs": {"type": "layers", "diff_ids": [digest_of(plain)]},
        "history": [{"created": created, "created_by": "operator/image/assemble.py"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layout.blob(CONFIG, canonical(config)),
        "layers": [layout.blob(LAYER, packed)],
        "annotations": labels(given, created),
    }
    described = layout.blob(MANIFEST, canonical(manifest))
    return {**described, "platform": {"architecture": architecture, "os": "linux"}}


def assemble(given):
    created = datetime.fromtimestamp(given.epoch, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    layout = Layout(given.output)
    images = [image(layout, given, *each, created) for each in sorted(given.program)]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": images, "annotations": labels(given, created)}
    described = layout.blob(INDEX, canonical(index))
    name = {"org.opencontainers.image.ref.name": given.version, "io.containerd.image.name": f"{given.name}:{given.version}"}
    top = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [{**described, "annotations": name}]}
    (given.output / "index.json").write_bytes(canonical(top))
    return described["digest"]


def program(text):
    architecture, _, path = text.partition("=")
    if architecture not in MACHINES or not path:
        raise argparse.ArgumentTypeError("write it as amd64=PATH or arm64=PATH")
    return architecture, Path(path)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--program", type=program, action="append", required=True, metavar="ARCH=PATH")
    arguments.add_argument("--functions", type=Path, required=True, help="folder with {arm64,x86_64}/{authorizer,forwarder}.zip")
    arguments.add_argument("--certificates", type=Path, required=True, help="certificate authorities, as PEM")
    arguments.add_argument("--license", type=Path, required=True)
    arguments.add_argument("--sbom", type=Path, required=True, help="what sbom.py wrote")
    arguments.add_argument("--version", required=True)
    arguments.add_argument("--revision", required=True, help="commit the program was built from")
    arguments.add_argument("--source", default="", help="URL of the repository")
    arguments.add_argument("--name", default="aigw-operator", help="name under which container engines load it")
    arguments.add_argument("--epoch", type=int, default=0, help="time of everything in it, in seconds since 1970")
    arguments.add_argument("--level", type=int, default=9, help="of compression (tests take 1)")
    arguments.add_argument("--dynamic", action="store_true", help="accept a program that needs a C library (tests)")
    arguments.add_argument("--all-functions", action="store_true", help="refuse to go on without both architectures' functions")
    arguments.add_argument("--output", type=Path, required=True)
    given = arguments.parse_args()
    try:
        sbom.validate(json.loads(given.sbom.read_text()))
        print(assemble(given))
    except (OSError, ValueError, Unusable, sbom.Invalid) as error:
        sys.exit(f"assemble: {error}")


if __name__ == "__main__":
    main()
