"""What tests build in an account: functions from Python scripts, and an API like the operator's."""

import http.client
import io
import json
import sys
import time
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from emulator import REGION, Emulator

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}

# A custom runtime small enough to read: `handle(event)` returns what to answer.
RUNTIME = '''#!{python}
import base64, http.client, json, os, sys, time
API = "/2018-06-01/runtime/"
def connect(): return http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def prelude(status=200, **headers): return json.dumps({{"statusCode": status, "headers": headers}}).encode() + b"\\0" * 8
class Stream:
    """An answer of the streaming mode, chunk by chunk."""
    def __init__(self, id, invocation):
        self.c = connect()
        self.c.putrequest("POST", API + "invocation/" + id + "/response")
        for name, value in {{"Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked",
                "Lambda-Runtime-Invocation-Id": invocation,
                "Trailer": "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"}}.items():
            self.c.putheader(name, value)
        self.c.endheaders()
    def write(self, data): self.c.send(b"%x\\r\\n" % len(data) + data + b"\\r\\n")
    def end(self, error=None):
        trailers = b""
        if error:
            body = base64.b64encode(json.dumps({{"errorType": error, "errorMessage": "broken"}}).encode())
            trailers = b"Lambda-Runtime-Function-Error-Type: " + error.encode() + b"\\r\\nLambda-Runtime-Function-Error-Body: " + body + b"\\r\\n"
        self.c.send(b"0\\r\\n" + trailers + b"\\r\\n")
        self.c.getresponse().read()
def reply(id, invocation, answer):
    c = connect()
    c.request("POST", API + "invocation/" + id + "/response", json.dumps(answer), {{"Lambda-Runtime-Invocation-Id": invocation}})
    assert c.getresponse().status == 202
{source}
while True:
    c = connect(); c.request("GET", API + "invocation/next"); r = c.getresponse()
    id, invocation = r.headers["Lambda-Runtime-Aws-Request-Id"], r.headers["Lambda-Runtime-Invocation-Id"]
    event = json.loads(r.read())
    serve(event, id, invocation)
    sys.stdout.flush()
'''
ANSWERS = "def serve(event, id, invocation): reply(id, invocation, handle(event))\n"

ECHO = ANSWERS + '''
def handle(event):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps({"event": event, "env": dict(os.environ), "pid": os.getpid()})}
'''
# Credential "good" and "other" are let in; the rest is what an authorizer may do wrong or refuse.
AUTHORIZER = ANSWERS.replace("reply(", "answer(") + '''
calls = 0
def answer(id, invocation, result):
    if isinstance(result, str):
        c = connect(); c.request("POST", API + "invocation/" + id + "/error", json.dumps({"errorType": "Error", "errorMessage": result})); c.getresponse().read()
    else: reply(id, invocation, result)
def handle(event):
    global calls
    calls += 1
    credential = next(v for k, v in event["headers"].items() if k.lower() == "authorization")
    if credential == "unauthorized": return "Unauthorized"
    if credential == "crash": return "something else"
    if credential == "invalid": return {"principalId": "x"}
    resource = event["methodArn"] if credential == "this-path" else "arn:aws:execute-api:*:*:*/*"
    effect = "Deny" if credential == "deny" else "Allow"
    return {"principalId": "tester", "usageIdentifierKey": credential.ljust(20, "-"),
            "context": {"tenant": "t1", "calls": calls, "seen": json.dumps(event["multiValueHeaders"])},
            "policyDocument": {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}]}}
'''


def key_value(credential: str) -> str:
    return credential.ljust(20, "-")


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class World:
    emulator: Emulator
    account: str

    def __getattr__(self, service: str) -> Any:
        """A boto3 client, by its name; `lambda_` for the keyword."""
        if service.startswith("__"):
            raise AttributeError(service)
        client = self.emulator.client(service.removesuffix("_"), self.account)
        setattr(self, service, client)
        return client

    @cached_property
    def role(self) -> str:
        return self.iam.create_role(RoleName="fn", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]

    def function(self, name: str, source: str = ECHO, **settings: Any) -> str:
        """The ARN of alias `live` on version 1 of a new function."""
        settings = {"Timeout": 10, "Architectures": ["arm64"], "Environment": {"Variables": {"TEST_ACCOUNT": self.account}}, **settings}
        self.lambda_.create_function(
            FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Role=self.role, Code={"ZipFile": zipped(source)}, **settings
        )
        self.lambda_.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1})
        version = self.lambda_.publish_version(FunctionName=name)["Version"]
        self.lambda_.get_waiter("function_active_v2").wait(FunctionName=name, Qualifier=version, WaiterConfig={"Delay": 0.1})
        return self.lambda_.create_alias(FunctionName=name, Name="live", FunctionVersion=version)["AliasArn"]

    def permit(self, function_alias_arn: str, source_arn: str, sid: str = "api") -> None:
        self.lambda_.add_permission(
            FunctionName=function_alias_arn.rpartition(":")[0], Qualifier="live", StatementId=sid, Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com", SourceArn=source_arn,
        )

    def api(self, document: dict[str, Any], stage: str = "v1") -> str:
        """A deployed API; its functions must be permitted separately."""
        id = self.apigateway.create_rest_api(name="api", endpointConfiguration={"types": ["REGIONAL"]}, apiKeySource="AUTHORIZER")["id"]
        deployment = self.deploy(id, document)
        self.apigateway.create_stage(restApiId=id, stageName=stage, deploymentId=deployment)
        return id

    def deploy(self, api: str, document: dict[str, Any]) -> str:
        self.apigateway.put_rest_api(restApiId=api, mode="overwrite", failOnWarnings=True, body=json.dumps(document))
        return self.apigateway.create_deployment(restApiId=api, description="hash")["id"]

    def source_arn(self, api: str) -> str:
        return f"arn:aws:execute-api:{REGION}:{self.account}:{api}/*"

    def open_api(self, source: str = ECHO, stream: bool = False) -> str:
        """An API without authorizer in front of one function, permitted and deployed."""
        function = self.function("backend", source)
        api = self.api(document(function, stream=stream))
        self.permit(function, self.source_arn(api))
        return api

    def guarded_api(self, source: str = ECHO, ttl: int = 0) -> str:
        """An API like the operator's: authorizer and key required, STREAM or not as the source answers."""
        backend, authorizer = self.function("backend", source), self.function("authorizer", AUTHORIZER)
        api = self.api(document(backend, authorizer, ttl=ttl))
        for function in (backend, authorizer):
            self.permit(function, self.source_arn(api))
        return api

    def plan(self, api: str, credential: str = "good", **settings: Any) -> tuple[str, str]:
        """A usage plan on stage v1 and a key in it that the authorizer names for `credential`."""
        plan = self.apigateway.create_usage_plan(name="plan", apiStages=[{"apiId": api, "stage": "v1"}], **settings)["id"]
        key = self.apigateway.create_api_key(name="key", value=key_value(credential), enabled=True)["id"]
        self.apigateway.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
        return plan, key

    def path(self, api: str, path: str, stage: str = "v1") -> str:
        return f"/_aws/execute-api/{api}/{stage}{path}"

    def connect(self, timeout: float = 30) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.emulator.port, timeout=timeout)

    def call(self, api: str, path: str = "/x", headers: list[tuple[str, str]] | None = None, method: str = "POST", body: bytes = b"{}") -> Answer:
        connection = self.connect()
        connection.putrequest(method, self.path(api, path), skip_accept_encoding=True)
        for name, value in [("Content-Length", str(len(body))), *(headers or [])]:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def call_as(self, api: str, credential: str, path: str = "/x") -> Answer:
        return self.call(api, path, [("Authorization", credential)])


def zipped(source: str) -> bytes:
    """A zip with an executable bootstrap."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o755 << 16
        archive.writestr(info, RUNTIME.format(python=sys.executable, source=source))
    return buffer.getvalue()


def document(function: str, authorizer: str | None = None, ttl: int = 0, stream: bool = False) -> dict[str, Any]:
    """An OpenAPI document in the form the operator writes."""
    date, suffix = ("2021-11-15", "response-streaming-invocations") if stream else ("2015-03-31", "invocations")
    integration = {
        "type": "aws_proxy", "httpMethod": "POST",
        "uri": f"arn:aws:apigateway:{REGION}:lambda:path/{date}/functions/{function}/{suffix}",
    }
    if stream:
        integration |= {"responseTransferMode": "STREAM", "timeoutInMillis": 900000}
    method: dict[str, Any] = {"x-amazon-apigateway-integration": integration}
    spec: dict[str, Any] = {
        "openapi": "3.0.1", "info": {"title": "gateway", "version": "1"},
        "x-amazon-apigateway-api-key-source": "AUTHORIZER",
        "x-amazon-apigateway-gateway-responses": {
            "DEFAULT_4XX": {"responseTemplates": {"application/json": '{"message": $context.error.messageString}'}},
            "QUOTA_EXCEEDED": {
                "statusCode": "429", "responseParameters": {"gatewayresponse.header.x-amzn-errortype": "'ThrottlingException'"},
                "responseTemplates": {"application/json": '{"message": "quota of $context.authorizer.tenant: $context.error.message"}'},
            },
        },
        "paths": {path: {"x-amazon-apigateway-any-method": method} for path in ("/", "/{proxy+}")},
    }
    if authorizer:
        method["security"] = [{"authorizer": [], "api_key": []}]
        spec["components"] = {"securitySchemes": {
            "api_key": {"type": "apiKey", "name": "x-api-key", "in": "header"},
            "authorizer": {
                "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "custom",
                "x-amazon-apigateway-authorizer": {
                    "type": "request", "identitySource": "method.request.header.Authorization", "authorizerResultTtlInSeconds": ttl,
                    "authorizerUri": f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{authorizer}/invocations",
                },
            },
        }}
    return spec


def wait_until(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "condition did not come true"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def processes(state: Path) -> list[int]:
    """Function processes of the emulator with this state directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = entry.joinpath("cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(state).encode() in command and b"bootstrap" in command and alive(int(entry.name)):
            found.append(int(entry.name))
    return found
