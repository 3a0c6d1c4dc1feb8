"""Unpacks the image of one architecture from an OCI layout into a folder, checking every digest on the way.

For tests and for machines without a container engine: unpack.py LAYOUT FOLDER [amd64|arm64]. Prints what would run.
"""

import gzip
import hashlib
import io
import json
import platform
import sys
import tarfile
from pathlib import Path


def blob(layout, described):
    content = (layout / "blobs" / described["digest"].replace(":", "/")).read_bytes()
    if "sha256:" + hashlib.sha256(content).hexdigest() != described["digest"] or len(content) != described["size"]:
        sys.exit(f"unpack: {described['digest']} is damaged")
    return content


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    layout, folder = Path(sys.argv[1]), Path(sys.argv[2])
    own = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    wanted = sys.argv[3] if len(sys.argv) == 4 else own
    top = json.loads((layout / "index.json").read_bytes())
    index = json.loads(blob(layout, top["manifests"][0]))
    found = [each for each in index["manifests"] if each["platform"]["architecture"] == wanted]
    if len(found) != 1:
        sys.exit(f"unpack: no image for {wanted}")
    manifest = json.loads(blob(layout, found[0]))
    config = json.loads(blob(layout, manifest["config"]))
    folder.mkdir(parents=True, exist_ok=True)
    for described, plain in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        content = gzip.decompress(blob(layout, described))
        if "sha256:" + hashlib.sha256(content).hexdigest() != plain:
            sys.exit(f"unpack: {described['digest']} is not what the configuration says")
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            tar.extractall(folder, filter="data")
    print(json.dumps(config, indent=1))


if __name__ == "__main__":
    main()
