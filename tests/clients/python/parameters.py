"""Parameters for any operation of a botocore service model, made from its shapes.

Strings are what breaks proxies: every one that may be long enough carries a colon, a slash, a space, a plus sign, a
percent sign and letters beyond ASCII. Patterns and enumerations of the models are not followed, since neither the SDK
nor a gateway checks them. Everything is fixed, so that two requests made from one operation are the same bytes.

What names a model or a resource may be given (`names`): a gateway with rules lets nothing else pass there. These members
are filled at whatever depth they are, so that the rules see each of them.
"""

import datetime

import names

TRICKY = "a:b/c d+e%f~é*(')&=;,@$!?#%2F%3A"
# A segment of a path must not be a dot segment, and a model id should look like one.
LABEL = "eu.anthropic.claude-v1:0/p q+r%s~ü%2Ft"
# Header values have no letters beyond ASCII.
HEADER = "a:b/c d+e%f~;,=%2F"
WHEN = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
SIMPLE_FIRST = {"structure": 1, "map": 2, "list": 3}
# Optional members are filled down to this depth; below it, required ones only: some shapes contain themselves.
OPTIONAL_DEPTH = 4
# Not even required members below this.
LARGEST_DEPTH = 40


class Unbuildable(Exception):
    """The operation takes something that is not one request, such as a stream of events."""


class Builder:
    """Makes parameters: with all members, or with the required ones only; `named` is a tree of `names.Table`."""

    def __init__(self, everything, named=None):
        self.everything, self.named = everything, named or {}

    def input_of(self, operation):
        shape = operation.input_shape
        if shape is None:
            return {}
        if any(getattr(member, "is_eventstream", False) or member.serialization.get("eventstream")
               for member in shape.members.values()):
            raise Unbuildable("a two-way stream of events")
        return self.structure(shape, 0, self.named)

    def structure(self, shape, depth, named):
        below = {name: self.below(shape, name, named) for name in shape.members}
        if getattr(shape, "is_tagged_union", False):
            name = min(shape.members, key=lambda name: self.preference(shape.members[name], below[name]))
            return {name: self.value(shape.members[name], depth + 1, below[name])}
        chosen = {}
        for name, member in shape.members.items():
            required = name in shape.required_members or member.serialization.get("location") == "uri"
            idempotency = member.metadata.get("idempotencyToken")
            wanted = self.everything and (depth < OPTIONAL_DEPTH or below[name])
            # The SDK would make a token up: another one in every request.
            if required or idempotency or wanted:
                chosen[name] = self.value(member, depth + 1, below[name])
        return chosen

    @staticmethod
    def below(shape, name, named):
        """The part of a tree of names that is about a member; None where none is."""
        if not isinstance(named, dict):
            return None
        if shape.serialization.get("payload") == name:
            return named
        wire = shape.members[name].serialization
        key = wire.get("name", name)
        return named.get((wire["location"], key) if "location" in wire else key)

    @staticmethod
    def preference(member, below):
        """One member of a union, best first: one that leads to a name no request has had; then any that leads to a name;
        and the one that leads deepest last, as conditions are made of conditions."""
        return not names.missing(below), not below, SIMPLE_FIRST.get(member.type_name, 0)

    def value(self, shape, depth, named=None):
        if depth > LARGEST_DEPTH:
            raise Unbuildable(f"{shape.name} contains itself")
        return getattr(self, "make_" + shape.type_name)(shape, depth, named)

    def make_structure(self, shape, depth, named):
        if shape.metadata.get("document"):
            return {"text": TRICKY, "number": 1, "nested": [True, None]}
        return self.structure(shape, depth, named)

    def make_list(self, shape, depth, named):
        count = max(shape.metadata.get("min", 0), 2 if shape.serialization.get("location") == "querystring" else 1)
        return [self.value(shape.member, depth + 1, named) for _ in range(count)]

    def make_map(self, shape, depth, _):
        return {self.value(shape.key, depth + 1): self.value(shape.value, depth + 1)}

    def make_string(self, shape, depth, named):
        if isinstance(named, names.Name):
            return named.of(shape, whole=self.everything)
        location = shape.serialization.get("location")
        text = {"uri": LABEL, "header": HEADER}.get(location, TRICKY)
        if shape.serialization.get("jsonvalue") or location == "header" and shape.serialization.get("name") == "Accept":
            return "application/json"
        shortest, longest = shape.metadata.get("min", 0), shape.metadata.get("max", 1000)
        text = text[:longest]
        return text + "x" * (shortest - len(text))

    def make_blob(self, shape, depth, _):
        # A gateway's event carries text: bytes that are not UTF-8 need a base64 body, which Bedrock's APIs do not use.
        return '{"prompt": "é %2F"}'.encode()

    def make_boolean(self, shape, depth, _):
        return True

    def make_integer(self, shape, depth, _):
        return shape.metadata.get("min", 1)

    make_long = make_integer

    def make_float(self, shape, depth, _):
        return float(shape.metadata.get("min", 0.5))

    make_double = make_float

    def make_timestamp(self, shape, depth, _):
        return WHEN
