"""Functions as local processes: environment, lifecycle, logs, and that none outlives its emulator."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import emulator as emulator_module
import pytest
from world import ANSWERS, ECHO, TRUST, World, alive, processes, wait_until, zipped

VERSIONED = ANSWERS + '''
VERSION = "{version}"
def handle(event):
    time.sleep(event.get("sleep", 0))
    return {{"version": VERSION, "pid": os.getpid()}}
'''


def invoke(world: World, name: str, event: dict, **parameters):
    answer = world.lambda_.invoke(FunctionName=name, Payload=json.dumps(event), **parameters)
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


def test_function_sees_what_lambda_would_set(world: World):
    world.function("env", Environment={"Variables": {"MINE": "1"}}, MemorySize=256)
    env = json.loads(invoke(world, "env", {}, Qualifier="live")[0]["body"])["env"]
    assert env["AWS_REGION"] == "eu-central-1"
    assert env["AWS_LAMBDA_FUNCTION_NAME"] == "env"
    assert env["AWS_LAMBDA_FUNCTION_VERSION"] == "1"
    assert env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert env["MINE"] == "1"
    assert env["FROM_SUPERVISOR"] == "yes"
    assert env["AWS_ENDPOINT_URL"] == world.emulator.url
    assert env["AWS_ACCESS_KEY_ID"] and env["AWS_SECRET_ACCESS_KEY"] and env["AWS_SESSION_TOKEN"]
    assert not [name for name in env if name.startswith("LOCALEMU_")]


def test_python_runtime_and_its_errors(world: World):
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return 1 // event['by']\n")
    world.lambda_.create_function(FunctionName="py", Runtime="python3.13", Handler="app.handler", Role=world.role, Code={"ZipFile": buffer.getvalue()})
    world.lambda_.get_waiter("function_active_v2").wait(FunctionName="py", WaiterConfig={"Delay": 0.1})
    assert invoke(world, "py", {"by": 1}) == (1, None)
    answer, error = invoke(world, "py", {"by": 0})
    assert error and answer["errorType"] == "ZeroDivisionError"


def test_function_reaches_the_tables_of_its_own_account(world: World):
    source = "import boto3" + ANSWERS.join("\n\n") + "def handle(event): return boto3.client('dynamodb').list_tables()['TableNames']\n"
    world.dynamodb.create_table(
        TableName=f"t-{world.account}", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}], KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    world.function("db", source, Timeout=20)
    assert invoke(world, "db", {}) == ([f"t-{world.account}"], None)


def test_function_that_ends_or_hangs_is_replaced(world: World):
    source = ANSWERS + '''
def handle(event):
    if event.get("exit"): os._exit(3)
    time.sleep(event.get("sleep", 0))
    return os.getpid()
'''
    world.function("fragile", source, Timeout=1)
    first, _ = invoke(world, "fragile", {})
    answer, error = invoke(world, "fragile", {"exit": True})
    assert error and answer["errorType"] == "Runtime.ExitError" and "exit status 3" in answer["errorMessage"]
    second, error = invoke(world, "fragile", {})
    assert not error and second != first
    answer, error = invoke(world, "fragile", {"sleep": 5})
    assert error and answer["errorType"] == "Sandbox.Timedout"
    assert not invoke(world, "fragile", {})[1]


def test_failed_init_is_a_function_error(world: World):
    world.function("broken", "sys.exit(1)")
    answer, error = invoke(world, "broken", {})
    assert error and answer["errorType"] == "Runtime.ExitError"


def test_output_reaches_cloudwatch_logs_during_and_after_an_invocation(world: World):
    source = '''
def serve(event, id, invocation):
    print("during", flush=True)
    reply(id, invocation, {})
    print("after", flush=True)
'''
    world.function("chatty", source)
    invoke(world, "chatty", {}, Qualifier="live")

    def messages() -> str:
        try:
            events = world.logs.filter_log_events(logGroupName="/aws/lambda/chatty")["events"]
        except world.logs.exceptions.ResourceNotFoundException:
            return ""
        return "".join(event["message"] for event in events)

    wait_until(lambda: "during" in messages() and "after" in messages() and "REPORT RequestId" in messages())


def test_moving_an_alias_fails_no_request(world: World):
    world.function("rolling", VERSIONED.format(version="one"))
    seen, failures, stop = set(), [], threading.Event()

    def traffic() -> None:
        while not stop.is_set():
            try:
                answer, error = invoke(world, "rolling", {"sleep": 0.05}, Qualifier="live")
                seen.add(answer["version"]) if not error else failures.append(answer)
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=traffic) for _ in range(3)]
    [thread.start() for thread in threads]
    for number in ("two", "three"):
        world.lambda_.update_function_code(FunctionName="rolling", ZipFile=zipped(VERSIONED.format(version=number)))
        world.lambda_.get_waiter("function_updated_v2").wait(FunctionName="rolling", WaiterConfig={"Delay": 0.1})
        version = world.lambda_.publish_version(FunctionName="rolling")["Version"]
        world.lambda_.get_waiter("function_active_v2").wait(FunctionName="rolling", Qualifier=version, WaiterConfig={"Delay": 0.1})
        world.lambda_.update_alias(FunctionName="rolling", Name="live", FunctionVersion=version)
        world.lambda_.delete_function(FunctionName="rolling", Qualifier=str(int(version) - 1))
        wait_until(lambda: number in seen or failures)
    stop.set()
    [thread.join() for thread in threads]
    assert not failures
    assert seen == {"one", "two", "three"}


def test_running_invocation_survives_its_version_and_its_process_ends_after(world: World):
    world.function("slow", VERSIONED.format(version="one"))
    pid = invoke(world, "slow", {}, Qualifier="live")[0]["pid"]
    answers: list = []
    thread = threading.Thread(target=lambda: answers.append(invoke(world, "slow", {"sleep": 2}, Qualifier="1")))
    thread.start()
    time.sleep(0.5)
    world.lambda_.delete_function(FunctionName="slow")
    thread.join()
    assert answers == [({"version": "one", "pid": pid}, None)]
    wait_until(lambda: not alive(pid))


def test_deleting_a_function_ends_its_idle_process(world: World):
    world.function("idle", VERSIONED.format(version="one"))
    pid = invoke(world, "idle", {}, Qualifier="live")[0]["pid"]
    assert alive(pid)
    world.lambda_.delete_function(FunctionName="idle")
    wait_until(lambda: not alive(pid))


def test_supervisor_chooses_credentials_and_endpoint_and_nothing_survives_sigkill(tmp_path: Path):
    running = emulator_module.start(
        tmp_path,
        AIGW_EMULATOR_FUNCTION_ENDPOINT="http://127.0.0.1:9",
        AIGW_FUNCTION_ACCESS_KEY_ID="111122223333",
        AIGW_FUNCTION_SECRET_ACCESS_KEY="chosen",
        AIGW_FUNCTION_SESSION_TOKEN="token",
    )
    try:
        world = World(running, "111122223333")
        world.function("echo", ECHO)
        world.function("busy", ANSWERS + "def handle(event): time.sleep(60)\n", Timeout=60)
        echo = json.loads(invoke(world, "echo", {}, Qualifier="live")[0]["body"])
        assert echo["env"]["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
        assert echo["env"]["AWS_ACCESS_KEY_ID"] == "111122223333"
        assert echo["env"]["AWS_SECRET_ACCESS_KEY"] == "chosen"
        assert echo["env"]["AWS_SESSION_TOKEN"] == "token"
        threading.Thread(target=lambda: pytest.raises(Exception, invoke, world, "busy", {}), daemon=True).start()
        wait_until(lambda: len(processes(tmp_path)) == 2)
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
        wait_until(lambda: not processes(tmp_path))
    finally:
        running.stop()


def test_an_alias_splits_calls_and_metrics_are_by_version(world: World):
    world.function("split", VERSIONED.format(version="one"))
    world.lambda_.update_function_code(FunctionName="split", ZipFile=zipped(VERSIONED.format(version="two")))
    world.lambda_.get_waiter("function_updated_v2").wait(FunctionName="split", WaiterConfig={"Delay": 0.1})
    second = world.lambda_.publish_version(FunctionName="split")["Version"]
    world.lambda_.get_waiter("function_active_v2").wait(FunctionName="split", Qualifier=second, WaiterConfig={"Delay": 0.1})
    weights = {"AdditionalVersionWeights": {second: 0.5}}
    world.lambda_.update_alias(FunctionName="split", Name="live", FunctionVersion="1", RoutingConfig=weights, Description="note")
    began = int(time.time()) // 60 * 60
    seen = [invoke(world, "split", {}, Qualifier="live")[0]["version"] for _ in range(30)]
    assert set(seen) == {"one", "two"}

    def total(version: str, metric: str) -> float:
        dimensions = [
            {"Name": "FunctionName", "Value": "split"},
            {"Name": "Resource", "Value": "split:live"},
            {"Name": "ExecutedVersion", "Value": version},
        ]
        stat = {"Metric": {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": dimensions}, "Period": 60, "Stat": "Sum"}
        answer = world.cloudwatch.get_metric_data(
            MetricDataQueries=[{"Id": "sum", "MetricStat": stat}], StartTime=began, EndTime=began + 600
        )
        return sum(answer["MetricDataResults"][0]["Values"])

    wait_until(lambda: total("1", "Invocations") + total(second, "Invocations") == 30)
    assert (total("1", "Invocations"), total(second, "Errors")) == (seen.count("one"), 0)
    with pytest.raises(world.lambda_.exceptions.ResourceConflictException):
        world.lambda_.delete_function(FunctionName="split", Qualifier=second)


def test_an_alias_gives_no_share_to_a_version_of_another_role(world: World):
    world.function("roles", ECHO)
    other = world.iam.create_role(RoleName="other", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    world.lambda_.update_function_configuration(FunctionName="roles", Role=other)
    world.lambda_.get_waiter("function_updated_v2").wait(FunctionName="roles", WaiterConfig={"Delay": 0.1})
    second = world.lambda_.publish_version(FunctionName="roles")["Version"]
    with pytest.raises(world.lambda_.exceptions.InvalidParameterValueException):
        world.lambda_.update_alias(
            FunctionName="roles", Name="live", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {second: 0.05}}
        )
