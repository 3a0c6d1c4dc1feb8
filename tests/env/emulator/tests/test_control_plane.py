"""The control plane as the operator uses it: what the plugin adds to LocalEmu, and what must stay true of LocalEmu."""

import collections
import concurrent.futures
import json
import time

import boto3
import pytest
from botocore.exceptions import ClientError
from world import AUTHORIZER, World, document, key_value, wait_until, zipped

POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}]}


# Conditional writes of one item, how many are under way at a time, and how many counts each changes: a condition that takes
# a while is what another thread comes in between of.
CALLS, PARALLEL, COUNTS = 200, 40, 20


def code_of(call, *args, **kwargs) -> str:
    with pytest.raises(ClientError) as refused:
        call(*args, **kwargs)
    return refused.value.response["Error"]["Code"]


@pytest.fixture
def api(world: World) -> str:
    """An API with stage v1; its integration names functions that need not exist."""
    return world.api(guarded(world))


def guarded(world: World, **extra) -> dict:
    arn = f"arn:aws:lambda:eu-central-1:{world.account}:function"
    return document(f"{arn}:backend:live", f"{arn}:authorizer:live", ttl=60, stream=True) | extra


def plan(world: World, api: str, name: str = "plan", stages: bool = True, **settings) -> str:
    api_stages = [{"apiId": api, "stage": "v1"}] if stages else []
    return world.apigateway.create_usage_plan(name=name, apiStages=api_stages, **settings)["id"]


def test_rest_api_shapes_and_tags(world: World):
    gateway = world.apigateway
    private = {"types": ["PRIVATE"], "vpcEndpointIds": ["vpce-0123456789abcdef0"]}
    id = gateway.create_rest_api(name="n", tags={"a": "1"}, endpointConfiguration=private, apiKeySource="AUTHORIZER")["id"]
    arn = f"arn:aws:apigateway:eu-central-1::/restapis/{id}"
    gateway.tag_resource(resourceArn=arn, tags={"b": "2"})
    gateway.untag_resource(resourceArn=arn, tagKeys=["a"])
    (listed,) = gateway.get_rest_apis()["items"]
    for seen in (listed, gateway.get_rest_api(restApiId=id)):
        assert seen["tags"] == {"b": "2"}
        assert seen["apiKeySource"] == "AUTHORIZER"
        assert seen["endpointConfiguration"]["types"] == ["PRIVATE"]
        assert seen["endpointConfiguration"]["vpcEndpointIds"] == ["vpce-0123456789abcdef0"]
    assert gateway.get_tags(resourceArn=arn)["tags"] == {"b": "2"}
    assert code_of(gateway.get_rest_api, restApiId="nosuchapi1") == "NotFoundException"
    gateway.delete_rest_api(restApiId=id)
    assert code_of(gateway.delete_rest_api, restApiId=id) == "NotFoundException"
    assert gateway.get_rest_apis()["items"] == []


def test_import_sets_everything_the_operator_reads_back(world: World):
    gateway = world.apigateway
    id = gateway.create_rest_api(name="before", tags={"t": "1"}, endpointConfiguration={"types": ["PRIVATE"], "vpcEndpointIds": ["vpce-1"]})["id"]
    body = guarded(world) | {"x-amazon-apigateway-policy": POLICY, "x-amazon-apigateway-endpoint-configuration": {"vpcEndpointIds": ["vpce-2"], "disableExecuteApiEndpoint": True}}
    imported = gateway.put_rest_api(restApiId=id, mode="overwrite", failOnWarnings=True, body=json.dumps(body))
    read = gateway.get_rest_api(restApiId=id)
    for seen in (imported, read):
        assert seen["name"] == "gateway" and seen["tags"] == {"t": "1"}
        assert seen["apiKeySource"] == "AUTHORIZER"
        assert seen["endpointConfiguration"]["types"] == ["PRIVATE"] and seen["endpointConfiguration"]["vpcEndpointIds"] == ["vpce-2"]
        assert seen["disableExecuteApiEndpoint"] is True
        assert json.loads(json.loads(f'"{seen["policy"]}"')) == POLICY
    (authorizer,) = gateway.get_authorizers(restApiId=id)["items"]
    assert (authorizer["name"], authorizer["type"], authorizer["identitySource"]) == ("authorizer", "REQUEST", "method.request.header.Authorization")
    assert authorizer["authorizerResultTtlInSeconds"] == 60 and "functions/arn:aws:lambda" in authorizer["authorizerUri"]
    resources = gateway.get_resources(restApiId=id, embed=["methods"])["items"]
    assert sorted(resource["path"] for resource in resources) == ["/", "/{proxy+}"]
    for resource in resources:
        method = resource["resourceMethods"]["ANY"]
        assert (method["authorizationType"], method["authorizerId"], method["apiKeyRequired"]) == ("CUSTOM", authorizer["id"], True)
        integration = method["methodIntegration"]
        assert integration["responseTransferMode"] == "STREAM" and integration["timeoutInMillis"] == 900000
        assert integration["uri"].endswith("/response-streaming-invocations")
    responses = {item["responseType"]: item for item in gateway.get_gateway_responses(restApiId=id, limit=500)["items"]}
    assert "quota of" in responses["QUOTA_EXCEEDED"]["responseTemplates"]["application/json"]


def test_overwrite_replaces_and_a_refused_import_changes_nothing(world: World, api: str):
    gateway = world.apigateway

    def state() -> tuple:
        resources = gateway.get_resources(restApiId=api, embed=["methods"])["items"]
        return sorted(r["path"] for r in resources), [a["id"] for a in gateway.get_authorizers(restApiId=api)["items"]], gateway.get_rest_api(restApiId=api)["name"]

    before = state()
    broken = guarded(world)
    broken["info"]["title"] = "other"
    broken["paths"]["/extra"] = {"get": {"security": [{"nobody": []}], "x-amazon-apigateway-integration": {"type": "mock"}}}
    import_ = lambda body, **kw: gateway.put_rest_api(restApiId=api, mode="overwrite", failOnWarnings=True, body=body, **kw)  # noqa: E731
    assert code_of(import_, json.dumps(broken)) == "BadRequestException"
    assert code_of(import_, b"{not json") == "BadRequestException"
    assert code_of(import_, json.dumps({"openapi": "3.0.1", "info": {}, "paths": {"/": {"get": {"x-amazon-apigateway-integration": 7}}}})) == "BadRequestException"
    assert state() == before
    smaller = guarded(world)
    del smaller["paths"]["/{proxy+}"]
    import_(json.dumps(smaller))
    assert state()[0] == ["/"] and len(state()[1]) == 1


def test_deployments_and_stages(world: World, api: str):
    gateway = world.apigateway
    first = gateway.get_stage(restApiId=api, stageName="v1")["deploymentId"]
    second = gateway.create_deployment(restApiId=api, description="sha-2")["id"]
    described = {item["id"]: item.get("description") for item in gateway.get_deployments(restApiId=api)["items"]}
    assert described == {first: "hash", second: "sha-2"}
    patches = [
        {"op": "replace", "path": "/deploymentId", "value": second},
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "500"},
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "1000"},
    ]
    gateway.update_stage(restApiId=api, stageName="v1", patchOperations=patches)
    gateway.tag_resource(resourceArn=f"arn:aws:apigateway:eu-central-1::/restapis/{api}/stages/v1", tags={"k": "v"})
    stage = gateway.get_stage(restApiId=api, stageName="v1")
    assert stage["deploymentId"] == second and stage["tags"] == {"k": "v"}
    assert (stage["methodSettings"]["*/*"]["throttlingRateLimit"], stage["methodSettings"]["*/*"]["throttlingBurstLimit"]) == (500, 1000)
    assert code_of(gateway.delete_deployment, restApiId=api, deploymentId=second) == "BadRequestException"
    gateway.delete_deployment(restApiId=api, deploymentId=first)
    create = lambda **kw: gateway.create_stage(restApiId=api, stageName="v2", deploymentId=second, **kw)  # noqa: E731
    assert create(tags={"s": "1"})["tags"] == {"s": "1"}
    assert code_of(create) == "ConflictException"
    assert [item["stageName"] for item in gateway.get_stages(restApiId=api)["item"]] == ["v1", "v2"]
    gateway.delete_stage(restApiId=api, stageName="v2")
    assert code_of(gateway.get_stage, restApiId=api, stageName="v2") == "NotFoundException"
    assert code_of(gateway.delete_stage, restApiId=api, stageName="v2") == "NotFoundException"
    missing = [{"op": "replace", "path": "/deploymentId", "value": "nosuch"}]
    assert code_of(gateway.update_stage, restApiId=api, stageName="v1", patchOperations=missing) == "BadRequestException"


def test_usage_plans(world: World, api: str):
    gateway = world.apigateway
    id = plan(world, api, throttle={"rateLimit": 1.5, "burstLimit": 2}, tags={"a": "1"})
    gateway.tag_resource(resourceArn=f"arn:aws:apigateway:eu-central-1::/usageplans/{id}", tags={"b": "2"})
    (listed,) = gateway.get_usage_plans()["items"]
    for seen in (listed, gateway.get_usage_plan(usagePlanId=id)):
        assert seen["tags"] == {"a": "1", "b": "2"}
        assert seen["throttle"] == {"rateLimit": 1.5, "burstLimit": 2}
        assert seen["apiStages"] == [{"apiId": api, "stage": "v1"}]
    update = lambda op, path, value: gateway.update_usage_plan(usagePlanId=id, patchOperations=[{"op": op, "path": path, "value": value}])  # noqa: E731
    assert update("replace", "/throttle/rateLimit", "0.5")["throttle"]["rateLimit"] == 0.5
    assert update("replace", "/throttle/burstLimit", "7")["throttle"]["burstLimit"] == 7
    assert code_of(update, "add", "/apiStages", f"{api}:nosuch") == "NotFoundException"
    assert code_of(gateway.delete_usage_plan, usagePlanId=id) == "BadRequestException"
    assert not update("remove", "/apiStages", f"{api}:v1").get("apiStages")
    assert update("add", "/apiStages", f"{api}:v1")["apiStages"] == [{"apiId": api, "stage": "v1"}]
    gateway.delete_stage(restApiId=api, stageName="v1")
    assert not gateway.get_usage_plan(usagePlanId=id).get("apiStages"), "deleting the stage detached the plan"
    gateway.delete_usage_plan(usagePlanId=id)
    assert code_of(gateway.delete_usage_plan, usagePlanId=id) == "NotFoundException"
    assert code_of(gateway.get_usage_plan, usagePlanId=id) == "NotFoundException"
    assert code_of(plan, world, "nosuchapi1") == "NotFoundException"


def test_api_keys(world: World):
    gateway = world.apigateway
    create = lambda name, value: gateway.create_api_key(name=name, value=value, enabled=True, tags={"t": name})  # noqa: E731
    id = create("team-a", key_value("a"))["id"]
    create("other", key_value("b"))
    assert code_of(create, "again", key_value("a")) == "ConflictException"
    (found,) = gateway.get_api_keys(nameQuery="team", includeValues=True)["items"]
    assert (found["id"], found["tags"], found["value"], found["enabled"]) == (id, {"t": "team-a"}, key_value("a"), True)
    gateway.tag_resource(resourceArn=f"arn:aws:apigateway:eu-central-1::/apikeys/{id}", tags={"u": "1"})
    assert gateway.get_api_key(apiKey=id)["tags"] == {"t": "team-a", "u": "1"}
    assert "value" not in gateway.get_api_keys()["items"][0]
    updated = gateway.update_api_key(apiKey=id, patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    assert updated["enabled"] is False
    gateway.delete_api_key(apiKey=id)
    assert code_of(gateway.delete_api_key, apiKey=id) == "NotFoundException"


def test_keys_in_plans(world: World, api: str):
    gateway = world.apigateway
    first, second, elsewhere = plan(world, api, "one"), plan(world, api, "two"), plan(world, api, "three", stages=False)
    key = gateway.create_api_key(name="k", value=key_value("k"), enabled=True)["id"]
    join = lambda plan, key=key: gateway.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")  # noqa: E731
    join(first)
    assert code_of(join, first) == "ConflictException"
    assert code_of(join, second) == "ConflictException"
    join(elsewhere)
    attach = lambda: gateway.update_usage_plan(usagePlanId=elsewhere, patchOperations=[{"op": "add", "path": "/apiStages", "value": f"{api}:v1"}])  # noqa: E731
    assert code_of(attach) == "ConflictException"
    assert {item["id"] for item in gateway.get_usage_plans(keyId=key)["items"]} == {first, elsewhere}
    assert [item["id"] for item in gateway.get_usage_plan_keys(usagePlanId=first)["items"]] == [key]
    leave = lambda: gateway.delete_usage_plan_key(usagePlanId=first, keyId=key)  # noqa: E731
    leave()
    assert code_of(leave) == "NotFoundException"
    join(second)
    assert code_of(join, "nosuch") == "NotFoundException"
    assert code_of(join, first, "nosuch") == "NotFoundException"
    gateway.delete_api_key(apiKey=key)
    assert gateway.get_usage_plan_keys(usagePlanId=second)["items"] == []


def test_lists_come_in_pages(world: World):
    gateway = world.apigateway
    ids = {gateway.create_api_key(name=f"k{n:02}", enabled=True)["id"] for n in range(30)}
    first = gateway.get_api_keys()
    assert len(first["items"]) == 25
    gateway.delete_api_key(apiKey=first["items"][-1]["id"])
    rest = gateway.get_api_keys(position=first["position"])
    assert "position" not in rest
    assert {item["id"] for item in first["items"] + rest["items"]} == ids
    assert len(gateway.get_api_keys(limit=500)["items"]) == 29
    plans = {gateway.create_usage_plan(name=f"p{n}")["id"] for n in range(3)}
    pages = list(gateway.get_paginator("get_usage_plans").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["items"]) for page in pages] == [2, 1]
    assert {item["id"] for page in pages for item in page["items"]} == plans


def test_account_and_identity(world: World):
    assert world.sts.get_caller_identity()["Account"] == world.account
    # What a supervisor gives functions: the account's number as key id, and any secret and token.
    function = boto3.client(
        "sts", endpoint_url=world.emulator.url, region_name="eu-central-1",
        aws_access_key_id=world.account, aws_secret_access_key="chosen", aws_session_token="token",
    )
    assert function.get_caller_identity()["Account"] == world.account
    account = world.apigateway.get_account()
    assert account["throttleSettings"]["rateLimit"] > 0


def test_lambda_lifecycle(world: World):
    functions = world.lambda_
    arn = world.function("f", Description="d", Tags={"a": "1"}, LoggingConfig={"LogFormat": "Text", "LogGroup": "/aws/lambda/f"})
    assert functions.list_tags(Resource=arn.rpartition(":")[0])["Tags"] == {"a": "1"}
    configuration = functions.get_function_configuration(FunctionName="f", Qualifier="live")
    assert (configuration["State"], configuration["Version"], configuration["Architectures"]) == ("Active", "1", ["arm64"])
    sha = configuration["CodeSha256"]
    updated = functions.update_function_code(FunctionName="f", ZipFile=zipped("# other\n" + AUTHORIZER))
    assert updated["LastUpdateStatus"] in ("InProgress", "Successful") and updated["CodeSha256"] != sha
    wait = lambda: functions.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 0.1})  # noqa: E731
    wait()
    functions.update_function_configuration(FunctionName="f", MemorySize=256, Environment={"Variables": {"X": "1"}})
    wait()
    publish = lambda sha: functions.publish_version(FunctionName="f", Description="v2", CodeSha256=sha)  # noqa: E731
    assert code_of(publish, sha) in ("InvalidParameterValueException", "PreconditionFailedException")
    version = publish(updated["CodeSha256"])
    assert (version["Version"], version["Description"]) == ("2", "v2")
    functions.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert functions.get_alias(FunctionName="f", Name="live")["FunctionVersion"] == "2"
    assert [v["Version"] for v in functions.list_versions_by_function(FunctionName="f")["Versions"]] == ["$LATEST", "1", "2"]
    world.permit(arn, "arn:aws:execute-api:eu-central-1:1:api/*")
    assert code_of(world.permit, arn, "arn:x") == "ResourceConflictException"
    (statement,) = json.loads(functions.get_policy(FunctionName="f", Qualifier="live")["Policy"])["Statement"]
    assert statement["Sid"] == "api" and statement["Resource"] == arn
    assert code_of(functions.get_policy, FunctionName="f") == "ResourceNotFoundException"
    functions.remove_permission(FunctionName="f", Qualifier="live", StatementId="api")
    functions.delete_function(FunctionName="f", Qualifier="1")
    wait_until(lambda: [v["Version"] for v in functions.list_versions_by_function(FunctionName="f")["Versions"]] == ["$LATEST", "2"])
    functions.delete_function(FunctionName="f")
    wait_until(lambda: not functions.list_functions()["Functions"])
    assert code_of(functions.get_function, FunctionName="f") == "ResourceNotFoundException"


def test_iam_roles(world: World):
    trust = {"Version": "2012-10-17", "Statement": []}
    boundary = f"arn:aws:iam::{world.account}:policy/boundary"
    world.iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(POLICY | {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
    create = lambda: world.iam.create_role(Path="/aigw/", RoleName="r", AssumeRolePolicyDocument=json.dumps(trust), PermissionsBoundary=boundary, Tags=[{"Key": "a", "Value": "1"}])  # noqa: E731
    create()
    assert code_of(create) == "EntityAlreadyExists"
    role = world.iam.get_role(RoleName="r")["Role"]
    assert role["Arn"].endswith(":role/aigw/r") and role["Tags"] == [{"Key": "a", "Value": "1"}]
    assert role["AssumeRolePolicyDocument"] == trust
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}]}
    world.iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps(document))
    assert world.iam.get_role_policy(RoleName="r", PolicyName="p")["PolicyDocument"] == document
    assert code_of(world.iam.delete_role, RoleName="r") == "DeleteConflict"
    world.iam.delete_role_policy(RoleName="r", PolicyName="p")
    assert code_of(world.iam.get_role_policy, RoleName="r", PolicyName="p") == "NoSuchEntity"
    world.iam.delete_role(RoleName="r")
    assert code_of(world.iam.get_role, RoleName="r") == "NoSuchEntity"


def test_log_groups(world: World):
    world.logs.create_log_group(logGroupName="/aws/lambda/x", tags={"a": "1"})
    assert code_of(world.logs.create_log_group, logGroupName="/aws/lambda/x") == "ResourceAlreadyExistsException"
    world.logs.put_retention_policy(logGroupName="/aws/lambda/x", retentionInDays=30)
    (group,) = world.logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/x")["logGroups"]
    assert group["retentionInDays"] == 30
    arn = group.get("logGroupArn") or group["arn"].removesuffix(":*")
    assert world.logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "1"}
    world.logs.delete_log_group(logGroupName="/aws/lambda/x")
    assert code_of(world.logs.delete_log_group, logGroupName="/aws/lambda/x") == "ResourceNotFoundException"


def test_conditional_writes_at_once_are_atomic(world: World):
    db = world.emulator.client("dynamodb", world.account, connections=PARALLEL)
    db.create_table(
        TableName="counts", BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    db.get_waiter("table_exists").wait(TableName="counts", WaiterConfig={"Delay": 1})
    counts = [f"count{number}" for number in range(COUNTS)]
    db.put_item(TableName="counts", Item={"pk": {"S": "meter"}} | {name: {"N": "0"} for name in counts})

    def take(_) -> str:
        try:
            db.update_item(
                TableName="counts", Key={"pk": {"S": "meter"}},
                UpdateExpression="SET " + ", ".join(f"{name} = {name} + :one" for name in counts),
                ConditionExpression=" AND ".join(f"{name} < :limit" for name in counts),
                ExpressionAttributeValues={":one": {"N": "1"}, ":limit": {"N": str(CALLS // 2)}},
            )
        except ClientError as refused:
            return refused.response["Error"]["Code"]
        return "taken"

    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        outcomes = collections.Counter(pool.map(take, range(CALLS)))
    assert outcomes == {"taken": CALLS // 2, "ConditionalCheckFailedException": CALLS // 2}
    found = db.get_item(TableName="counts", Key={"pk": {"S": "meter"}})["Item"]
    assert {found[name]["N"] for name in counts} == {str(CALLS // 2)}
    db.delete_table(TableName="counts")


def test_dynamodb_table(world: World):
    db = world.dynamodb
    table = db.create_table(
        TableName="t", BillingMode="PAY_PER_REQUEST", DeletionProtectionEnabled=True, Tags=[{"Key": "a", "Value": "1"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    )["TableDescription"]
    db.get_waiter("table_exists").wait(TableName="t", WaiterConfig={"Delay": 1})
    described = db.describe_table(TableName="t")["Table"]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST" and described["DeletionProtectionEnabled"] is True
    assert db.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"] == [{"Key": "a", "Value": "1"}]
    db.update_time_to_live(TableName="t", TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"})
    assert db.describe_time_to_live(TableName="t")["TimeToLiveDescription"]["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
    db.update_continuous_backups(TableName="t", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    backups = db.describe_continuous_backups(TableName="t")["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"

    key = {"pk": {"S": "meter#1"}, "sk": {"S": "now"}}
    db.put_item(TableName="t", Item={**key, "remaining": {"N": "1"}, "windows": {"M": {"day": {"N": "5"}}}})
    reserve = lambda: db.update_item(  # noqa: E731
        TableName="t", Key=key, UpdateExpression="SET remaining = remaining - :n, windows.#d = windows.#d - :n ADD inflight :n",
        ConditionExpression="remaining >= :n AND windows.#d >= :n", ExpressionAttributeNames={"#d": "day"},
        ExpressionAttributeValues={":n": {"N": "1"}}, ReturnValues="ALL_NEW", ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    assert reserve()["Attributes"]["windows"] == {"M": {"day": {"N": "4"}}}
    with pytest.raises(ClientError) as refused:
        reserve()
    assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    assert refused.value.response["Item"]["remaining"] == {"N": "0"}

    assert code_of(db.delete_table, TableName="t") == "ValidationException"
    db.update_table(TableName="t", DeletionProtectionEnabled=False)
    wait_until(lambda: db.describe_table(TableName="t")["Table"]["DeletionProtectionEnabled"] is False)
    db.delete_table(TableName="t")
    time.sleep(0.1)
    assert code_of(db.describe_table, TableName="t") == "ResourceNotFoundException"
