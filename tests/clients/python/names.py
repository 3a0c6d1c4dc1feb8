"""What the requests of one operation name, for the builder of parameters: values that a gateway's rules can be about.

The table comes as JSON from a test that reads it from the gateway's own code (tests/src/names.rs): by family and
operation its class, and for each place in a request that names a model or a resource two values, a short id and a whole
ARN. This module only knows how a place in a request is found in a service model.
"""

import json


class Name:
    """The values of one place, and whether a request has had one of them."""

    def __init__(self, short, whole):
        self.short, self.whole, self.used = short, whole, False

    def of(self, shape, whole):
        """A value within the bounds of the shape: the whole ARN if that is asked for and may be so long."""
        self.used = True
        text = self.whole if whole and len(self.whole) <= shape.metadata.get("max", len(self.whole)) else self.short
        return text + "x" * (shape.metadata.get("min", 0) - len(text))


class Table:
    """All operations. Without a file: nothing is known of any."""

    def __init__(self, path=None):
        self.families = {}
        if path:
            with open(path, encoding="utf-8") as file:
                self.families = json.load(file)

    def of(self, family, operation):
        """The class of an operation, and a tree of its places: by member's name on the wire, with the location before it
        for what is not in the body. `a.b[].c` becomes a branch per name: the model knows which are lists."""
        known = self.families.get(family, {}).get(operation.name)
        if known is None:
            return "unknown", {}
        segments = operation.http["requestUri"].split("?")[0].strip("/").split("/")
        tree = {}
        for place in known["places"]:
            kind, value = next(iter(place["at"].items()))
            name = Name(place["short"], place["whole"])
            if kind == "segment":
                tree["uri", segments[value].strip("{}")] = name
            elif kind == "query":
                tree["querystring", value] = name
            else:
                *branches, leaf = value.replace("[]", "").split(".")
                branch = tree
                for each in branches:
                    branch = branch.setdefault(each, {})
                branch[leaf] = name
        return known["class"], tree


def leaves(tree):
    """All names in a tree, or in a part of one, with their paths."""
    if isinstance(tree, Name):
        yield (), tree
        return
    for key, below in (tree or {}).items():
        for path, name in leaves(below):
            yield (key, *path), name


def missing(tree):
    """Paths of the names that no request has had yet."""
    return [path for path, name in leaves(tree) if not name.used]
