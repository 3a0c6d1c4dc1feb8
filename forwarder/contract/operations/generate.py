#!/usr/bin/env python3
"""Writes src/operations/generated.rs from botocore's service models and classification.txt.

    generate.py            write the table
    generate.py --check    exit 1 if the committed table is not what this botocore gives

Needs only botocore on the import path (any environment of tests/clients has it). What the models know (method, path,
where models and resources are named) comes from them; what they cannot know (what an operation costs, whether it
touches shared state, its IAM action) comes from classification.txt. An operation that is missing there, or is there
and in no model, is an error: somebody has to look at it.
"""

import gzip
import json
import pathlib
import re
import sys

import botocore

HERE = pathlib.Path(__file__).resolve().parent
CLASSIFICATION = HERE / "classification.txt"
OUTPUT = HERE.parent / "src" / "operations" / "generated.rs"

SHAPES = {
    "converse": "Converse",
    "invoke-model": "InvokeModel",
    "chat-completions": "ChatCompletions",
    "responses": "Responses",
    "messages": "Messages",
}
PROHIBITIONS = {
    "two-way": "TwoWayStream",
    "account": "AccountSetting",
    "commitment": "Commitment",
    "credentials": "Credentials",
}

# Members of inputs, at whatever depth, that name a Bedrock model to be called or built upon.
MODEL_MEMBERS = {
    "modelId",
    "modelArn",
    "modelIdentifier",
    "foundationModel",
    "baseModelIdentifier",
    "teacherModelIdentifier",
    "embeddingModelArn",
    "sourceModelArn",
    "targetModelId",
    "desiredModelId",
    "copyFrom",
}
# Below these members a modelId is another provider's: it is called with that provider's key, not through Bedrock.
OTHER_PROVIDERS = {"openAiModelConfig", "geminiModelConfig", "liteLlmModelConfig", "mantleFoundationModelConfiguration"}
# Members that look like a model's name and are none: names for what is about to be made, keys, filters of lists.
NOT_MODELS = {
    "modelName",
    "modelKmsKeyArn",
    "modelKmsKeyId",
    "modelPackageArn",
    "modelDeploymentName",
    "modelSourceIdentifier",
    "customModelName",
    "customModelKmsKeyId",
    "importedModelName",
    "importedModelKmsKeyId",
    "targetModelName",
    "provisionedModelName",
    "desiredProvisionedModelName",
    "baseModelArnEquals",
    "foundationModelArnEquals",
    "sourceModelArnEquals",
    "modelArnEquals",
    "outputModelNameContains",
    "guardrailIdentifier",
    "externalModelId",
}
LOOKS_LIKE_A_MODEL = re.compile(r"model\w*?(id|arn|identifier|name)s?$|foundationmodel$", re.IGNORECASE)
# Members of bodies that name what all tenants share, and the type of it.
RESOURCE_MEMBERS = {
    "knowledgeBaseId": "knowledge-base",
    "knowledgeBaseArn": "knowledge-base",
    "agentAliasArn": "agent-alias",
    "promptArn": "prompt",
    "dataAutomationProjectArn": "data-automation-project",
    "dataAutomationProfileArn": "data-automation-profile",
    "blueprintArn": "blueprint",
    "memoryArn": "memory",
}


def fail(message):
    sys.exit(f"generate.py: {message}")


def read_classification():
    """{(family, operation): {"class": …, "action": …, "resource": …, "scope": …, "path": …}} in the file's order."""
    table, family = {}, None
    for number, line in enumerate(CLASSIFICATION.read_text().splitlines(), 1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        if line.startswith("["):
            family = line.strip("[]")
            continue
        name, kind, *options = line.split()
        entry = {"class": kind}
        for option in options:
            key, _, value = option.partition("=")
            if key not in ("action", "resource", "scope", "path", "model"):
                fail(f"classification.txt:{number}: unknown option {key}")
            entry[key] = value
        if (family, name) in table:
            fail(f"classification.txt:{number}: {name} stands twice")
        table[family, name] = entry
    return table


def read_model(family):
    folder = pathlib.Path(botocore.__file__).parent / "data" / family
    newest = sorted(folder.iterdir())[-1] / "service-2.json"
    if newest.exists():
        return json.loads(newest.read_text())
    return json.loads(gzip.decompress(newest.with_suffix(".json.gz").read_bytes()))


class Members:
    """Walks the input of one operation and notes the members of interest as `a.b[].c`."""

    def __init__(self, shapes, where):
        self.shapes, self.where = shapes, where
        self.models, self.resources = [], []
        # Where a structure stands within one of its kind, and where that is.
        self.recursions = []

    def walk(self, shape_name, path=(), seen=()):
        around = dict(seen).get(shape_name)
        if around is not None:
            self.recursions.append((path, around))
            return
        shape = self.shapes[shape_name]
        seen = (*seen, (shape_name, path))
        if shape["type"] == "structure":
            for member, reference in shape.get("members", {}).items():
                # Labels are positions in the path, headers carry none of this; what they name stands in the URI.
                if reference.get("location") in ("uri", "header", "headers"):
                    continue
                self.member(member, reference, path, seen)
        elif shape["type"] == "list":
            self.element(shape["member"]["shape"], path, seen)
        elif shape["type"] == "map":
            self.walk(shape["value"]["shape"], (*path, "*"), seen)

    def element(self, shape_name, path, seen):
        path = (*path[:-1], path[-1] + "[]")
        if self.shapes[shape_name]["type"] == "string":
            self.note(path[-1], path)
        else:
            self.walk(shape_name, path, seen)

    def member(self, member, reference, path, seen):
        if member in OTHER_PROVIDERS:
            return
        path = (*path, reference.get("locationName", member))
        if self.shapes[reference["shape"]]["type"] == "string":
            if reference.get("location") != "querystring":
                self.note(member, path)
        else:
            self.walk(reference["shape"], path, seen)

    def relevant_recursions(self):
        """Those below which something of interest stands, as `(inner, outer)`."""
        sites = self.models + [path for _, path in self.resources]
        pairs = []
        for inner, outer in self.recursions:
            pair = ".".join(inner), ".".join(outer)
            if pair in pairs or not any(site.startswith(f"{pair[1]}.") for site in sites):
                continue
            if "*" in inner or any(path.endswith("[]") for path in pair):
                fail(f"{self.where}: {pair[0]} holds a list or map of its own kind, which the forwarder does not look into")
            pairs.append(pair)
        return pairs

    def note(self, member, path):
        member = member.removesuffix("[]")
        of_interest = member in MODEL_MEMBERS or member in RESOURCE_MEMBERS
        if of_interest and "*" in path:
            fail(f"{self.where}: {'.'.join(path)} lies in a map, which the forwarder does not look into")
        if member in MODEL_MEMBERS:
            self.models.append(".".join(path))
        elif member in RESOURCE_MEMBERS:
            self.resources.append((RESOURCE_MEMBERS[member], ".".join(path)))
        elif LOOKS_LIKE_A_MODEL.search(member) and member not in NOT_MODELS:
            fail(f"{self.where}: {'.'.join(path)} looks like a model; name it in MODEL_MEMBERS or in NOT_MODELS")


def labels_of(uri):
    """{label: index of its segment}."""
    segments = uri.strip("/").split("/")
    return {segment[1:-1]: index for index, segment in enumerate(segments) if segment.startswith("{")}


def site(text, labels, where):
    if text.startswith("body."):
        return f'Body("{text[5:]}")'
    if text.startswith("query."):
        return f'Query("{text[6:]}")'
    if text not in labels:
        fail(f"{where}: the path has no {{{text}}}")
    return f"Segment({labels[text]})"


def resource_sites(entry, members, labels, where):
    sites = []
    if "resource" in entry:
        template = entry["resource"]
        at = ", ".join(site(name, labels, where) for name in re.findall(r"\{([^}]+)\}", template))
        sites.append(f'Resource::required("{re.sub("{[^}]+}", "{}", template)}", &[{at}])')
    declared = entry.get("resource", "")
    for kind, path in members.resources:
        if f"body.{path}" not in declared:
            sites.append(f'Resource::optional("{kind}/{{}}", &[Body("{path}")])')
    return sites


def model_sites(entry, members, labels, where):
    sites = [f"Segment({labels['modelId']})"] if "modelId" in labels else []
    if "model" in entry:
        sites.append(site(entry["model"], labels, where))
    return sites + [f'Body("{path}")' for path in members.models]


def class_of(entry, where):
    kind, _, detail = entry["class"].partition(":")
    if kind == "inference" and detail in SHAPES:
        return f"Inference(Shape::{SHAPES[detail]})"
    if kind == "forbidden" and detail in PROHIBITIONS:
        return f"Forbidden(Prohibition::{PROHIBITIONS[detail]})"
    simple = {
        "free": "Free",
        "metadata": "Free",
        "fixed": "FixedPrice",
        "use": "Stateful(Access::Use)",
        "manage": "Stateful(Access::Manage)",
    }
    if kind not in simple or detail:
        fail(f"{where}: unknown class {entry['class']}")
    return simple[kind]


def line(family, name, method, uri, entry, members):
    where = f"{family} {name}"
    labels = labels_of(uri)
    kind = class_of(entry, where)
    text = f'Operation::new("{name}", Verb::{method.capitalize()}, "{uri}", Class::{kind})'
    if "action" in entry:
        text += f'.action("{entry["action"]}")'
    if entry.get("scope") == "*":
        text += ".unscoped()"
    if kind.startswith("Forbidden"):
        return f"    {text},"
    models = [] if entry["class"] == "metadata" else model_sites(entry, members, labels, where)
    resources = resource_sites(entry, members, labels, where)
    if kind.startswith("Stateful") and not resources:
        fail(f"{where}: is stateful and names no resource")
    if kind.startswith("Inference") and not models:
        fail(f"{where}: is inference and names no model")
    if models:
        text += f".models(&[{', '.join(models)}])"
    if resources:
        text += f".resources(&[{', '.join(resources)}])"
    if entry["class"] != "metadata" and members.relevant_recursions():
        pairs = ", ".join(f'("{inner}", "{outer}")' for inner, outer in members.relevant_recursions())
        text += f".recursions(&[{pairs}])"
    return f"    {text},"


def specificity(uri):
    """Literal segments before labels: `/flows/validate-definition` is not a flow of that name."""
    return [segment.startswith("{") for segment in uri.strip("/").split("/")], uri


def generate():
    table = read_classification()
    out = [
        "//! Every operation of the eight Bedrock service models, and what bedrock-runtime serves beside them.",
        "//!",
        f"//! Written by `operations/generate.py` from botocore {botocore.__version__} and `operations/classification.txt`. Do not edit.",
        "",
        "use super::{Access, Class, Operation, Prohibition, Resource, Shape, Verb};",
        "use super::Site::{Body, Query, Segment};",
    ]
    total = 0
    # In the order in which they stand there.
    for family in dict.fromkeys(family for family, _ in table):
        model = read_model(family)
        json_rpc = model["metadata"]["protocol"] == "json"
        rows, seen = [], {}
        for name, operation in model["operations"].items():
            entry = table.pop((family, name), None) or fail(
                f"{family} {name}: {operation['http']['method']} {operation['http']['requestUri']} is not in classification.txt"
            )
            members = Members(model["shapes"], f"{family} {name}")
            if "input" in operation and not entry["class"].startswith("forbidden"):
                members.walk(operation["input"]["shape"])
            uri, method = operation["http"]["requestUri"].split("?")[0], operation["http"]["method"]
            rows.append((specificity(uri), name, line(family, name, method, uri, entry, members)))
            key = name if json_rpc else (method, re.sub(r"\{[^}]+\}", "{}", uri.rstrip("/")))
            if key in seen:
                fail(f"{family} {name}: has the method and path of {seen[key]}")
            seen[key] = name
        # What the models do not have: paths given by hand, with their method.
        for (where, name), entry in [item for item in table.items() if item[0][0] == family and "path" in item[1]]:
            del table[where, name]
            rows.append((specificity(entry["path"]), name, line(family, name, "POST", entry["path"], entry, Members({}, name))))
        rows.sort()
        total += len(rows)
        out += ["", f"/// Operations of {family}.", f"pub(super) const {family.replace('-', '_').upper()}: &[Operation] = &["]
        out += [row for _, _, row in rows] + ["];"]
    if table:
        fail(f"in classification.txt and in no model: {', '.join(' '.join(key) for key in table)}")
    return "\n".join(out) + "\n", total


def main():
    text, total = generate()
    if "--check" in sys.argv[1:]:
        if not OUTPUT.exists() or OUTPUT.read_text() != text:
            fail(f"{OUTPUT.name} is not what botocore {botocore.__version__} and classification.txt give: run generate.py, and review the difference")
        return
    OUTPUT.write_text(text)
    print(f"{total} operations")


if __name__ == "__main__":
    main()
