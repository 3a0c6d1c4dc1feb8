"""Changes one thing of ours in AWS by hand, as a person in the console would; tests watch the operator repair it.

    drift.py stage-deployment                   point the stage at another deployment, made of the same document
    drift.py plan-limits --tier silver          set the tier's usage plan to 1 request per second
    drift.py function-memory --memory 512       change the forwarder's memory
    drift.py delete-key --tenant TENANT_ID      delete the tenant's internal API key

Prints JSON with what was changed, before and after. --gateway (the value of the tag aigateway.dev/id) chooses among
several gateways.
"""

import argparse
import json
import sys

import inventory

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("what", choices=["stage-deployment", "plan-limits", "function-memory", "delete-key"])
arguments.add_argument("--gateway")
arguments.add_argument("--tier")
arguments.add_argument("--tenant")
arguments.add_argument("--memory", type=int, default=512)
given = arguments.parse_args()


def the_one(objects, what, **tags):
    """The only object with these tags; exits where there is none or more than one."""
    wanted = {f"aigateway.dev/{key}": value for key, value in tags.items() if value}
    found = [each for each in objects if wanted.items() <= each["tags"].items()]
    if len(found) != 1:
        sys.exit(f"drift: expected one {what} with tags {wanted}, found {len(found)}")
    return found[0]


def stage_deployment(gateway):
    api = the_one(inventory.rest_apis(gateway), "REST API", id=given.gateway)
    stage = api["stages"][0]
    other = gateway.create_deployment(restApiId=api["id"], description="made by hand")["id"]
    patch = [{"op": "replace", "path": "/deploymentId", "value": other}]
    gateway.update_stage(restApiId=api["id"], stageName=stage["name"], patchOperations=patch)
    return f"deployment of stage {stage['name']}", stage["deploymentId"], other


def plan_limits(gateway):
    tier = {"id": given.gateway, "tier": given.tier}
    plan = the_one(inventory.usage_plans(gateway), "usage plan", **tier)
    patch = [
        {"op": "replace", "path": "/throttle/rateLimit", "value": "1"},
        {"op": "replace", "path": "/throttle/burstLimit", "value": "1"},
    ]
    after = gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=patch)["throttle"]
    return f"throttle of usage plan {plan['name']}", plan["throttle"], after


def function_memory(_):
    api = inventory.client("lambda")
    forwarders = [each for each in inventory.functions(api) if each["name"].endswith("-forwarder")]
    function = the_one(forwarders, "forwarder", id=given.gateway)
    api.update_function_configuration(FunctionName=function["name"], MemorySize=given.memory)
    return f"memory of {function['name']}", function["memoryMiB"], given.memory


def delete_key(gateway):
    identity = {"id": given.gateway, "tenant-id": given.tenant}
    key = the_one(inventory.api_keys(gateway), "API key", **identity)
    gateway.delete_api_key(apiKey=key["id"])
    return f"API key {key['name']}", key["id"], None


actions = {
    "stage-deployment": stage_deployment,
    "plan-limits": plan_limits,
    "function-memory": function_memory,
    "delete-key": delete_key,
}
changed, before, after = actions[given.what](inventory.client("apigateway"))
print(json.dumps({"changed": changed, "before": before, "after": after}))
