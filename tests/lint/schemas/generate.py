#!/usr/bin/env python3
"""Cuts the schemas of the kinds our charts use out of Kubernetes' own OpenAPI documents, for kubeconform.

  for v in v1.31.14 v1.34.4 v1.37.2; do go mod download "k8s.io/kubernetes@$v"; done
  tests/lint/schemas/generate.py

The documents come with the Go module k8s.io/kubernetes; what is cut is committed, so that no check needs 60 MB of
downloads. Objects are closed: a misspelled field is refused.
"""
import json
import pathlib
import subprocess

OUT = pathlib.Path(__file__).resolve().parent
VERSIONS = ["v1.31.14", "v1.34.4", "v1.37.2"]
KINDS = {
    "api__v1": ["ConfigMap", "Namespace", "Pod", "Secret", "Service", "ServiceAccount"],
    "apis__apps__v1": ["Deployment"],
    "apis__policy__v1": ["PodDisruptionBudget"],
    "apis__networking.k8s.io__v1": ["NetworkPolicy"],
    "apis__rbac.authorization.k8s.io__v1": ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
    "apis__admissionregistration.k8s.io__v1": ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
}
IN_DOCUMENT, IN_FILE = "#/components/schemas/", "definitions.json#/definitions/"


def reachable(documents, name, found):
    """Adds a definition and all it refers to, without what no check needs."""
    if name not in found:
        found[name] = None
        found[name] = cut(documents[name], lambda other: reachable(documents, other, found))


def cut(value, refer):
    if isinstance(value, list):
        return [cut(each, refer) for each in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for key, each in value.items():
        # A property may be called `default` or `description`: then its value is a schema.
        annotation = key in ("description", "default", "format") and not isinstance(each, dict)
        if key == "$ref" and isinstance(each, str):
            refer(each.removeprefix(IN_DOCUMENT))
            result[key] = each.replace(IN_DOCUMENT, IN_FILE)
        elif not key.startswith("x-kubernetes") and not annotation:
            result[key] = cut(each, refer)
    # OpenAPI wraps a reference that has a description or a default.
    if set(result) == {"allOf"} and len(result["allOf"]) == 1:
        return result["allOf"][0]
    return result


def write(version, module):
    definitions, roots = {}, {}
    for document, kinds in KINDS.items():
        text = (module / "api/openapi-spec/v3" / f"{document}_openapi.json").read_text()
        schemas = json.loads(text)["components"]["schemas"]
        *group, api = document.split("__")[1:]
        for name, schema in schemas.items():
            for kind in schema.get("x-kubernetes-group-version-kind", []):
                if kind["kind"] in kinds and [kind["version"], kind["group"]] == [api, "".join(group)]:
                    reachable(schemas, name, definitions)
                    # kubeconform's name: kind, first word of the group, version.
                    roots["-".join([kind["kind"].lower(), *[each.split(".")[0] for each in group], api])] = name
    for schema in definitions.values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    folder = OUT / version
    folder.mkdir(exist_ok=True)
    compact = json.dumps({"definitions": definitions}, sort_keys=True, separators=(",", ":"))
    (folder / "definitions.json").write_text(compact + "\n")
    for file, name in roots.items():
        (folder / f"{file}.json").write_text(json.dumps({"$ref": IN_FILE + name}) + "\n")
    print(version, len(definitions), "definitions,", len(roots), "kinds")


def main():
    cache = subprocess.run(["go", "env", "GOMODCACHE"], check=True, capture_output=True, text=True).stdout.strip()
    for version in VERSIONS:
        write(version, pathlib.Path(cache) / f"k8s.io/kubernetes@{version}")


main()
