"""Checks Lambda bootstraps and packs them into zips whose bytes depend on nothing but the binaries.

A bootstrap must be for the right machine, must not need a glibc newer than Lambda's, and must stay small, because
size is start-up time. Reads the ELF version records itself: binutils are not everywhere, and those of one
architecture do not read another's.
"""

import argparse
import os
import re
import struct
import sys
import zipfile
from pathlib import Path

MACHINES = {"x86_64": 62, "arm64": 183}
SHT_GNU_VERNEED = 0x6FFFFFFE


def required_versions(elf):
    """Names of all symbol versions that the ELF file needs, from its .gnu.version_r section."""
    sections_at = struct.unpack_from("<Q", elf, 0x28)[0]
    entry_size, count = struct.unpack_from("<HH", elf, 0x3A)
    headers = [struct.unpack_from("<IIQQQQIIQQ", elf, sections_at + i * entry_size) for i in range(count)]
    for _, kind, _, _, offset, _, link, records, _, _ in headers:
        if kind != SHT_GNU_VERNEED:
            continue
        strings = headers[link][4]
        at = offset
        for _ in range(records):
            _, needed, _, first, following = struct.unpack_from("<HHIII", elf, at)
            entry = at + first
            for _ in range(needed):
                _, _, _, name, step = struct.unpack_from("<IHHII", elf, entry)
                start = strings + name
                yield elf[start : elf.index(b"\0", start)].decode()
                entry += step
            at += following


def check(binary, machine, glibc, max_bytes):
    """Returns the highest glibc version that the binary needs; raises ValueError where it cannot run in Lambda."""
    elf = binary.read_bytes()
    if elf[:5] != b"\x7fELF\x02" or struct.unpack_from("<H", elf, 0x12)[0] != MACHINES[machine]:
        raise ValueError(f"{binary} is no 64-bit {machine} program")
    if len(elf) >= max_bytes:
        raise ValueError(f"{binary} has {len(elf)} bytes; {max_bytes} is the limit")
    found = [re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", version) for version in required_versions(elf)]
    highest = max(((int(match[1]), int(match[2])) for match in found if match), default=(0, 0))
    if highest > glibc:
        raise ValueError(f"{binary} needs glibc {highest[0]}.{highest[1]}; Lambda has {glibc[0]}.{glibc[1]}")
    return highest


def pack(binary, archive):
    """Writes a zip with the single entry `bootstrap`, executable, at a fixed time."""
    entry = zipfile.ZipInfo("bootstrap", date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3  # Unix: the mode below counts
    entry.external_attr = (0o100755) << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    partial = archive.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w") as file:
        file.writestr(entry, binary.read_bytes(), compresslevel=9)
    os.replace(partial, archive)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--glibc", required=True)
    arguments.add_argument("--max-bytes", type=int, required=True)
    arguments.add_argument("--machine", choices=MACHINES, required=True)
    arguments.add_argument("built", type=Path)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("names", nargs="+")
    given = arguments.parse_args()
    glibc = tuple(int(part) for part in given.glibc.split("."))
    for name in given.names:
        binary, archive = given.built / name, given.out / f"{name}.zip"
        try:
            highest = check(binary, given.machine, glibc, given.max_bytes)
        except ValueError as error:
            sys.exit(f"pack-functions: {error}")
        pack(binary, archive)
        sizes = f"binary {binary.stat().st_size} bytes, zip {archive.stat().st_size} bytes"
        print(f"{archive}: {sizes}, glibc {highest[0]}.{highest[1]}")


if __name__ == "__main__":
    main()
