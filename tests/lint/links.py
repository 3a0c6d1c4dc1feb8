#!/usr/bin/env python3
"""Checks that links between the documents of this checkout lead somewhere: files exist, and so do headings behind '#'.

Links to other hosts are not followed: what is up today says little, and a check must not depend on it.
Exit code 1 with one line per dead link. Only the standard library.
"""
import functools
import pathlib
import re
import subprocess
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
# [text](target) and [name]: target; an image's "!" makes no difference.
INLINE = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^\s{0,3}\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
CODE = re.compile(r"^( *)(```|~~~).*?^\1?\2", re.MULTILINE | re.DOTALL)


def prose(text):
    """The text without code, in which brackets mean something else."""
    return re.sub(r"`[^`\n]*`", lambda code: "`" * len(code.group()), CODE.sub("", text))


@functools.cache
def anchors(path):
    """What headings of a document are called in a URL, as GitHub makes it."""
    found, seen = set(), {}
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*#*$", CODE.sub("", path.read_text()), re.MULTILINE):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        count = seen.get(name, 0)
        seen[name] = count + 1
        found.add(f"{name}-{count}" if count else name)
    found |= set(re.findall(r"<a (?:name|id)=\"([^\"]+)\"", path.read_text()))
    return found


def dead(document):
    text = prose(document.read_text())
    for target in INLINE.findall(text) + REFERENCE.findall(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        place, _, fragment = urllib.parse.unquote(target).partition("#")
        if place.startswith("/"):
            yield target, "begins with /, which is the host's root"
            continue
        path = (document.parent / place).resolve() if place else document
        if not path.exists():
            yield target, "does not exist"
        elif fragment and path.suffix == ".md" and fragment not in anchors(path):
            yield target, f"has no heading #{fragment}"


def main():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )
    documents = [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    problems = [(document, *problem) for document in documents for problem in dead(document)]
    for document, target, problem in problems:
        print(f"{document.relative_to(ROOT)}: {target} {problem}", file=sys.stderr)
    if not documents:
        sys.exit("no documents found")
    sys.exit(bool(problems))


main()
