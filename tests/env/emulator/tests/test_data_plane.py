"""What a client of an API sees: authorizer, plans, streaming, permissions, updates under traffic."""

import http.client
import json
import socket
import threading
import time
from pathlib import Path

import pytest
from world import AUTHORIZER, ECHO, World, document, processes, wait_until

STREAMING = '''
def serve(event, id, invocation):
    body = json.loads(event["body"] or "{}")
    s = Stream(id, invocation)
    if body.get("no_prelude"): s.write(b"x" * 100); return s.end()
    s.write(prelude(201, **{"Content-Type": "text/plain", "X-Mine": "1"}))
    for n in range(body.get("chunks", 3)):
        s.write(b"%d," % n + b"x" * body.get("size", 0))
        if body.get("trace"): print("x" * 1000, flush=True)
        time.sleep(body.get("pause", 0))
    if body.get("die"): os._exit(1)
    s.end(body.get("error"))
    print("streamed", flush=True)
'''


def test_authorizer_statuses(world: World):
    api = world.guarded_api()
    world.plan(api, "good")
    assert world.call(api).status == 401
    expected = {"good": 200, "unauthorized": 401, "deny": 403, "stranger": 403, "crash": 500, "invalid": 500}
    assert {credential: world.call_as(api, credential).status for credential in expected} == expected
    assert world.call_as(api, "stranger").json == {"message": "Forbidden"}
    assert world.call_as(api, "deny").json == {"message": "User is not authorized to access this resource with an explicit deny"}
    event = world.call_as(api, "good").json["event"]
    assert event["requestContext"]["authorizer"]["tenant"] == "t1"
    assert event["requestContext"]["authorizer"]["principalId"] == "tester"
    # The key source is AUTHORIZER: a client cannot present a key.
    assert world.call(api, headers=[("x-api-key", "good".ljust(20, "-"))]).status == 401


def test_events_carry_every_header_value_and_the_raw_path(world: World):
    api = world.guarded_api()
    world.plan(api, "good")
    headers = [("Authorization", "good"), ("X-Many", "a"), ("X-Many", "b"), ("x-lower", "c")]
    event = world.call(api, "/model/a%3Ab%2Fc?q=1&q=2", headers).json["event"]
    authorizer_saw = json.loads(event["requestContext"]["authorizer"]["seen"])
    for seen in (event["multiValueHeaders"], authorizer_saw):
        assert seen["X-Many"] == ["a", "b"]
        assert seen["x-lower"] == ["c"]
        assert seen["Authorization"] == ["good"]
    assert event["headers"]["X-Many"] == "b"
    assert event["path"] == "/model/a%3Ab%2Fc"
    assert event["multiValueQueryStringParameters"] == {"q": ["1", "2"]}


def test_authorizer_answers_are_cached_for_every_path(world: World):
    api = world.guarded_api(ttl=60)
    world.plan(api, "good")
    calls = lambda path: world.call_as(api, "good", path).json["event"]["requestContext"]["authorizer"]["calls"]  # noqa: E731
    assert [calls("/a"), calls("/b")] == ["1", "1"]
    world.apigateway.flush_stage_authorizers_cache(restApiId=api, stageName="v1")
    assert calls("/a") == "2"
    # A policy that allows only the first path is cached, too, and refuses the second.
    world.call_as(api, "this-path", "/a")
    answer = world.call_as(api, "this-path", "/b")
    assert answer.status == 403 and "not authorized" in answer.body.decode()


def test_disabled_or_detached_key_is_refused_at_once(world: World):
    api = world.guarded_api()
    plan, key = world.plan(api, "good")
    assert world.call_as(api, "good").status == 200
    world.apigateway.update_api_key(apiKey=key, patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    assert world.call_as(api, "good").status == 403
    world.apigateway.update_api_key(apiKey=key, patchOperations=[{"op": "replace", "path": "/enabled", "value": "true"}])
    assert world.call_as(api, "good").status == 200
    world.apigateway.delete_usage_plan_key(usagePlanId=plan, keyId=key)
    assert world.call_as(api, "good").status == 403


def test_plan_throttle_and_stage_throttle(world: World):
    api = world.guarded_api()
    plan, _ = world.plan(api, "good", throttle={"rateLimit": 0.01, "burstLimit": 2})
    assert [world.call_as(api, "good").status for _ in range(4)] == [200, 200, 429, 429]
    # A changed limit binds at once.
    world.apigateway.update_usage_plan(usagePlanId=plan, patchOperations=[{"op": "replace", "path": "/throttle/rateLimit", "value": "1000.5"}, {"op": "replace", "path": "/throttle/burstLimit", "value": "1000"}])
    wait_until(lambda: world.call_as(api, "good").status == 200)
    throttle = [{"op": "replace", "path": f"/*/*/throttling/{name}", "value": "0"} for name in ("rateLimit", "burstLimit")]
    world.apigateway.update_stage(restApiId=api, stageName="v1", patchOperations=throttle)
    answer = world.call_as(api, "good")
    assert answer.status == 429 and answer.json == {"message": "Too Many Requests"}


def test_quota_usage_and_grant(world: World):
    api = world.guarded_api()
    plan, key = world.plan(api, "good", quota={"limit": 2, "period": "DAY"})
    answers = [world.call_as(api, "good") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].headers["x-amzn-errortype"] == "ThrottlingException"
    assert answers[2].json == {"message": "quota of t1: Limit Exceeded"}
    today = time.strftime("%Y-%m-%d", time.gmtime())
    usage = lambda: world.apigateway.get_usage(usagePlanId=plan, startDate=today, endDate=today)["items"]  # noqa: E731
    assert usage() == {key: [[2, 0]]}
    world.apigateway.update_usage(usagePlanId=plan, keyId=key, patchOperations=[{"op": "replace", "path": "/remaining", "value": "1"}])
    assert [world.call_as(api, "good").status for _ in range(2)] == [200, 429]
    assert usage() == {key: [[3, 0]]}


def test_missing_permission_is_500(world: World):
    function = world.function("backend")
    api = world.api(document(function))
    assert world.call(api).status == 500
    world.permit(function, world.source_arn("otherapi01"), "wrong")
    assert world.call(api).status == 500
    world.permit(function, world.source_arn(api))
    assert world.call(api).status == 200
    world.lambda_.remove_permission(FunctionName="backend", Qualifier="live", StatementId="api")
    assert world.call(api).status == 500
    streaming = world.api(document(function, stream=True))
    assert world.call(streaming).status == 500


def test_chunks_arrive_one_by_one(world: World):
    api = world.open_api(STREAMING, stream=True)
    connection = world.connect()
    connection.request("POST", world.path(api, "/x"), json.dumps({"chunks": 3, "pause": 0.4}))
    response = connection.getresponse()
    assert (response.status, response.headers["X-Mine"], response.headers["Content-Type"]) == (201, "1", "text/plain")
    started, times = time.monotonic(), []
    while data := response.read1():
        times += [time.monotonic() - started] * data.count(b",")
    assert len(times) == 3 and times[2] - times[0] > 0.5


def test_streaming_behind_authorizer_and_key(world: World):
    backend, authorizer = world.function("backend", STREAMING), world.function("authorizer", AUTHORIZER)
    api = world.api(document(backend, authorizer, stream=True))
    for function in (backend, authorizer):
        world.permit(function, world.source_arn(api))
    world.plan(api, "good")
    answer = world.call_as(api, "good")
    assert (answer.status, answer.body) == (201, b"0,1,2,")
    assert world.call_as(api, "deny").status == 403


@pytest.mark.parametrize("how", [{"error": "Upstream.Broken"}, {"die": True}])
def test_failure_in_mid_stream_breaks_the_connection(world: World, how: dict):
    api = world.open_api(STREAMING, stream=True)
    with pytest.raises(http.client.IncompleteRead) as broken:
        world.call(api, body=json.dumps(how).encode())
    assert broken.value.partial == b"0,1,2,"
    # The environment, or its successor, serves the next request.
    assert world.call(api).body == b"0,1,2,"


def test_answer_without_prelude_is_502(world: World):
    api = world.open_api(STREAMING, stream=True)
    assert world.call(api, body=b'{"no_prelude": true}').status == 502


def test_slow_reader_slows_the_function_and_a_leaving_one_frees_it(world: World):
    api = world.open_api(STREAMING, stream=True)
    chunks = 400
    body = json.dumps({"chunks": chunks, "size": 100_000, "trace": True}).encode()
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect(("127.0.0.1", world.emulator.port))
    raw.sendall(f"POST {world.path(api, '/x')} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    raw.recv(100)
    (pid,) = [pid for pid in processes(world.emulator.state) if _environment(pid).get("TEST_ACCOUNT") == world.account]
    time.sleep(2)
    assert _printed(pid) < chunks * 1000 / 2, "the function waits for its reader"
    raw.close()
    # Lambda lets the function run to its end; nobody waits for it.
    wait_until(lambda: _printed(pid) >= chunks * 1000)
    assert world.call(api).body == b"0,1,2,"


def _environment(pid: int) -> dict[str, str]:
    entries = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def _printed(pid: int) -> int:
    return int(Path(f"/proc/{pid}/io").read_text().partition("wchar: ")[2].split()[0])


def test_updates_fail_no_request(world: World):
    """Redeployment, stage switch, stage settings and plan changes while requests run."""
    api = world.guarded_api()
    plan, key = world.plan(api, "good", throttle={"rateLimit": 1000, "burstLimit": 1000})
    backend, authorizer = (f"arn:aws:lambda:eu-central-1:{world.account}:function:{name}:live" for name in ("backend", "authorizer"))
    failures, count, stop = [], [0], threading.Event()

    def traffic() -> None:
        while not stop.is_set():
            answer = world.call_as(api, "good")
            count[0] += 1
            if answer.status != 200:
                failures.append((answer.status, answer.body))

    threads = [threading.Thread(target=traffic) for _ in range(3)]
    [thread.start() for thread in threads]
    for number in range(6):
        before = count[0]
        deployment = world.deploy(api, document(backend, authorizer))
        patches = [{"op": "replace", "path": "/deploymentId", "value": deployment}, {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": str(900 + number)}]
        world.apigateway.update_stage(restApiId=api, stageName="v1", patchOperations=patches)
        world.apigateway.update_usage_plan(usagePlanId=plan, patchOperations=[{"op": "replace", "path": "/throttle/rateLimit", "value": str(900 + number)}])
        world.apigateway.create_api_key(name=f"other-{number}", enabled=True)
        wait_until(lambda: count[0] > before + 3)
    stop.set()
    [thread.join() for thread in threads]
    assert not failures


def test_only_deployed_changes_are_served(world: World):
    api = world.open_api()
    other = world.function("other", ECHO.replace('"statusCode": 200', '"statusCode": 299'))
    world.permit(other, world.source_arn(api))
    deployment = world.deploy(api, document(other))
    assert world.call(api).status == 200
    world.apigateway.update_stage(restApiId=api, stageName="v1", patchOperations=[{"op": "replace", "path": "/deploymentId", "value": deployment}])
    assert world.call(api).status == 299


def test_custom_domain(world: World):
    api = world.open_api()
    name = f"ai-{world.account}.example.com"
    created = world.apigateway.create_domain_name(domainName=name, regionalCertificateArn="arn:aws:acm:eu-central-1:1:certificate/x", endpointConfiguration={"types": ["REGIONAL"]})
    assert created["regionalDomainName"] and created["regionalHostedZoneId"]
    world.apigateway.create_base_path_mapping(domainName=name, restApiId=api, stage="v1", basePath="llm")
    with pytest.raises(world.apigateway.exceptions.ConflictException):
        world.apigateway.create_base_path_mapping(domainName=name, restApiId=api, stage="v1", basePath="llm")

    def get(path: str) -> tuple[int, bytes]:
        connection = world.connect()
        connection.request("GET", path, headers={"Host": name})
        response = connection.getresponse()
        return response.status, response.read()

    status, body = get("/llm/model/a%3Ab")
    assert status == 200 and json.loads(body)["event"]["path"] == "/llm/model/a%3Ab"
    assert get("/elsewhere")[0] == 403
    world.apigateway.delete_base_path_mapping(domainName=name, basePath="llm")
    assert get("/llm/x")[0] == 403


def test_what_leads_to_an_api_keeps_it_and_a_closed_default_endpoint_is_closed(world: World):
    api = world.open_api()
    name = f"own-{world.account}.example.com"
    gateway = world.apigateway
    arn = "arn:aws:acm:eu-central-1:1:certificate/"
    domain = {"domainName": name, "endpointConfiguration": {"types": ["REGIONAL"]}, "regionalCertificateArn": arn + "x"}
    with pytest.raises(gateway.exceptions.BadRequestException):
        gateway.create_domain_name(**domain | {"domainName": "x." + name}, securityPolicy="SecurityPolicy_TLS13_1_2_2021_06")
    gateway.create_domain_name(**domain, securityPolicy="TLS_1_2", tags={"a": "b"})
    assert gateway.get_domain_names()["items"][0]["tags"] == {"a": "b"}
    gateway.tag_resource(resourceArn=f"arn:aws:apigateway:eu-central-1::/domainnames/{name}", tags={"c": "d"})
    assert gateway.get_domain_name(domainName=name)["tags"] == {"a": "b", "c": "d"}

    patches = {"regionalCertificateArn": arn + "y", "securityPolicy": "SecurityPolicy_TLS13_1_2_2021_06", "endpointAccessMode": "BASIC"}
    gateway.update_domain_name(domainName=name, patchOperations=[{"op": "replace", "path": "/" + path, "value": value} for path, value in patches.items()])
    found = gateway.get_domain_name(domainName=name)
    assert {path: found[path] for path in patches} == patches
    with pytest.raises(gateway.exceptions.NotFoundException):
        gateway.update_domain_name(domainName="absent.example.com", patchOperations=[])

    with pytest.raises(gateway.exceptions.BadRequestException):
        gateway.create_base_path_mapping(domainName=name, restApiId=api, stage="absent")
    gateway.create_base_path_mapping(domainName=name, restApiId=api, stage="v1")
    with pytest.raises(gateway.exceptions.BadRequestException, match="remove all base path mappings"):
        gateway.delete_rest_api(restApiId=api)

    def status(path: str, headers: dict[str, str]) -> int:
        connection = world.connect()
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status

    assert world.call(api).status == 200 and status("/x", {"Host": name}) == 200
    gateway.update_rest_api(restApiId=api, patchOperations=[{"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"}])
    assert world.call(api).status == 403 and status("/x", {"Host": name}) == 200
    gateway.delete_base_path_mapping(domainName=name, basePath="(none)")
    gateway.delete_domain_name(domainName=name)
    gateway.delete_rest_api(restApiId=api)


def test_access_logs(world: World):
    api = world.open_api()
    world.logs.create_log_group(logGroupName="access")
    arn = f"arn:aws:logs:eu-central-1:{world.account}:log-group:access"
    patches = [{"op": "replace", "path": "/accessLogSettings/destinationArn", "value": arn}, {"op": "replace", "path": "/accessLogSettings/format", "value": '{"path":"$context.path","status":$context.status,"tenant":"$context.authorizer.tenant"}'}]
    world.apigateway.update_stage(restApiId=api, stageName="v1", patchOperations=patches)
    world.call(api, "/logged")
    events = lambda: world.logs.filter_log_events(logGroupName="access")["events"]  # noqa: E731
    wait_until(events)
    assert json.loads(events()[0]["message"]) == {"path": "/v1/logged", "status": 200, "tenant": "-"}


def test_all_sockets_are_on_loopback(world: World):
    world.open_api()
    inodes = {
        link.readlink().name.removeprefix("socket:[").removesuffix("]")
        for link in Path(f"/proc/{world.emulator.process.pid}/fd").iterdir()
        if str(link.readlink()).startswith("socket:")
    }
    sockets = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        rows = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
        sockets += [(row[1].partition(":")[0], row[2].partition(":")[0]) for row in rows if row[9] in inodes]
    # Listening sockets have no remote address.
    assert ("0100007F", "00000000") in sockets
    assert set(sockets) <= {("0100007F", "00000000"), ("0100007F", "0100007F")}
