"""Prints, as JSON, every object in the AWS account that is ours: with a tag aigateway.dev/*, or named aigw-*.

The account and Region are those of the environment (AWS_ENDPOINT_URL, AWS_REGION and credentials). `counts` holds the
number of objects of each kind; all zero means that nothing of ours is left.
"""

import json
import os

import boto3

TAG_PREFIX = "aigateway.dev/"
NAME_PREFIX = "aigw-"

region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


def client(service):
    return boto3.client(service, region_name=region)


def pages(api, operation, key, **parameters):
    """All items of a paginated list."""
    for page in api.get_paginator(operation).paginate(**parameters):
        yield from page.get(key, [])


def ours(name, tags):
    return (name or "").startswith(NAME_PREFIX) or any(tag.startswith(TAG_PREFIX) for tag in tags or {})


def rest_apis(api):
    for found in pages(api, "get_rest_apis", "items"):
        if not ours(found["name"], found.get("tags")):
            continue
        identity = found["id"]
        stages = api.get_stages(restApiId=identity)["item"]
        deployments = pages(api, "get_deployments", "items", restApiId=identity)
        yield {
            "id": identity,
            "name": found["name"],
            "tags": found.get("tags", {}),
            "stages": [
                {"name": stage["stageName"], "deploymentId": stage["deploymentId"], "tags": stage.get("tags", {})}
                for stage in stages
            ],
            "deployments": [{"id": each["id"], "description": each.get("description", "")} for each in deployments],
            "authorizers": sorted(each["name"] for each in pages(api, "get_authorizers", "items", restApiId=identity)),
        }


def usage_plans(api):
    for plan in pages(api, "get_usage_plans", "items"):
        if ours(plan["name"], plan.get("tags")):
            keys = pages(api, "get_usage_plan_keys", "items", usagePlanId=plan["id"])
            yield {
                "id": plan["id"],
                "name": plan["name"],
                "tags": plan.get("tags", {}),
                "throttle": plan.get("throttle", {}),
                "stages": [f"{stage['apiId']}:{stage['stage']}" for stage in plan.get("apiStages", [])],
                "keys": sorted(key["id"] for key in keys),
            }


def api_keys(api):
    for key in pages(api, "get_api_keys", "items", includeValues=False):
        if ours(key["name"], key.get("tags")):
            yield {"id": key["id"], "name": key["name"], "enabled": key["enabled"], "tags": key.get("tags", {})}


def functions(api):
    for function in pages(api, "list_functions", "Functions"):
        name = function["FunctionName"]
        tags = api.list_tags(Resource=function["FunctionArn"]).get("Tags", {})
        if not ours(name, tags):
            continue
        versions = pages(api, "list_versions_by_function", "Versions", FunctionName=name)
        aliases = pages(api, "list_aliases", "Aliases", FunctionName=name)
        yield {
            "name": name,
            "tags": tags,
            "memoryMiB": function["MemorySize"],
            "timeoutSeconds": function["Timeout"],
            "architectures": function.get("Architectures", []),
            "codeSha256": function["CodeSha256"],
            "versions": [each["Version"] for each in versions if each["Version"] != "$LATEST"],
            "aliases": {each["Name"]: each["FunctionVersion"] for each in aliases},
        }


def roles(api):
    for role in pages(api, "list_roles", "Roles"):
        name = role["RoleName"]
        tags = {tag["Key"]: tag["Value"] for tag in api.list_role_tags(RoleName=name)["Tags"]}
        if ours(name, tags) or role["Path"].startswith("/aigw/"):
            policies = sorted(pages(api, "list_role_policies", "PolicyNames", RoleName=name))
            yield {"name": name, "path": role["Path"], "tags": tags, "policies": policies}


def tables(api):
    for name in pages(api, "list_tables", "TableNames"):
        if ours(name, {}):
            table = api.describe_table(TableName=name)["Table"]
            yield {
                "name": name,
                "status": table["TableStatus"],
                "deletionProtection": table.get("DeletionProtectionEnabled", False),
            }


def log_groups(api):
    for group in pages(api, "describe_log_groups", "logGroups"):
        if ours(group["logGroupName"].rsplit("/", 1)[-1], {}):
            yield {"name": group["logGroupName"], "retentionInDays": group.get("retentionInDays")}


def inventory():
    gateway, functions_api = client("apigateway"), client("lambda")
    found = {
        "restApis": list(rest_apis(gateway)),
        "usagePlans": list(usage_plans(gateway)),
        "apiKeys": list(api_keys(gateway)),
        "functions": list(functions(functions_api)),
        "roles": list(roles(client("iam"))),
        "tables": list(tables(client("dynamodb"))),
        "logGroups": list(log_groups(client("logs"))),
    }
    return {"counts": {kind: len(objects) for kind, objects in found.items()}, **found}


if __name__ == "__main__":
    print(json.dumps(inventory(), indent=2, sort_keys=False))
